-- Levels of access: a small example, and what is refused. test/t/045_access_grant.pl has real
-- logins and asks everything.
-- tests: access/grant_access, access/level, access/table_privilege, access/owner
-- tests: access/owner_rows, access/row_security, access/view_fence, fence.c
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\set ECHO none
CREATE ROLE regress_reader;
CREATE ROLE regress_identity;
CREATE ROLE regress_member IN ROLE regress_identity;
CREATE ROLE regress_fleet;
CREATE ROLE regress_other;

INSERT INTO source (key, name) VALUES ('scan', 'Scanner');
INSERT INTO asset (key, kind, name, criticality) VALUES
    ('alice', 'user', 'Alice', 'low'), ('bob', 'user', 'Bob', 'critical'),
    ('van', 'van', 'Van', 'low'), ('web', 'host', 'Web', 'high');
INSERT INTO asset_group (key, name, kinds, owner)
VALUES ('vans', 'Vans', '{van}', 'regress_fleet'), ('hosts', 'Hosts', '{host}', NULL);
INSERT INTO recommendation (source_id, key, title)
VALUES (1, 'mfa', 'Two factors'), (1, 'patch', 'Patch'), (1, 'disk', 'Encrypt');
INSERT INTO metric (key, name) VALUES ('people', 'People'), ('machines', 'Machines');
INSERT INTO metric_recommendation VALUES (1, 1), (2, 2), (2, 3);
INSERT INTO initiative (key, name, owner)
VALUES ('identity', 'Identity', 'regress_identity'), ('hygiene', 'Hygiene', 'regress_gone');
INSERT INTO initiative_metric VALUES (1, 1), (2, 1), (2, 2);
INSERT INTO finding VALUES
    (1, 1, 'non_compliant', '2024-03-01'), (1, 2, 'compliant', '2024-03-01'),
    (2, 3, 'non_compliant', '2024-03-01'), (2, 4, 'compliant', '2024-03-01'),
    (3, 4, 'non_compliant', '2024-03-01');
\set ECHO all

SELECT grant_access('regress_reader', 'reader');
SELECT grant_access('regress_identity', 'owner'), grant_access('regress_fleet', 'owner'),
       grant_access('regress_other', 'owner');

-- all: people 1 of 2 exposed, machines 2 of 2
SET ROLE regress_reader;
SELECT initiative, score, metrics, exposed_assets FROM overview;
SELECT count(*) FROM finding;
RESET ROLE;
-- their initiative, by its members too: people alone
SET ROLE regress_member;
SELECT initiative, score, metrics, exposed_assets FROM overview;
SELECT initiative, metric, score, exposed_assets, assessed_assets FROM metric_report;
SELECT recommendation, state, exposed_assets, assessed_assets, metrics, initiatives
FROM recommendation_report;
SELECT asset, name FROM asset_report ORDER BY 1;
SELECT recommendation, asset, state FROM finding_report ORDER BY 1, 2;
SELECT count(*) FROM finding;
SELECT metric_assets('people');
SELECT metric_assets('machines');
SELECT score_of('identity', 'vans');
RESET ROLE;
-- a group: its assets, what is found on them, and no score
SET ROLE regress_fleet;
SELECT initiative FROM overview;
SELECT asset, name FROM asset_report;
SELECT recommendation, state, exposed_assets, assessed_assets, metrics, initiatives
FROM recommendation_report;
SELECT recommendation, asset, state FROM finding_report;
RESET ROLE;
-- an owner of nothing
SET ROLE regress_other;
SELECT (SELECT count(*) FROM overview) AS overview,
       (SELECT count(*) FROM recommendation_report) AS recommendations,
       (SELECT count(*) FROM asset_report) AS assets,
       (SELECT count(*) FROM finding_report) AS findings;
-- the functions behind the fence return nothing outside of it
SELECT owner_rows('initiative'), owner_rows('everything'), owner_rows(NULL);
SELECT caller() = 'regress_other'::regrole AS caller, sees_all();
SELECT grant_access('regress_other', 'reader');
RESET ROLE;
-- an owner of both: a score by the group
GRANT regress_fleet TO regress_member;
UPDATE initiative SET owner = 'regress_member' WHERE key = 'hygiene';
SET ROLE regress_member;
-- the named owner needs the level itself
SELECT initiative FROM overview;
RESET ROLE;
SELECT grant_access('regress_member', 'owner');
SET ROLE regress_member;
SELECT initiative, score FROM overview;
-- of people no van, of machines the van, which is exposed
SELECT score_of('hygiene', 'vans'), score_of('hygiene', 'hosts');
SELECT score_of('hygiene', 'vans');
RESET ROLE;

-- the grants, and whether each is in force
SELECT role, level, source, role_id = role::text::regrole AS is_current,
       granted_by = session_user AS by_user
FROM access ORDER BY 1;
SELECT grant_access('regress_reader', 'loader', 'scan'),
       grant_access('regress_reader', 'loader', 'scan'),
       grant_access('regress_reader', 'loader', 'not there yet'),
       grant_access('regress_reader', 'reader');
SELECT level, source FROM access WHERE role = 'regress_reader' ORDER BY 1, 2;
DROP OWNED BY regress_other;
DROP ROLE regress_other;
SELECT state, value, message, hint FROM status() WHERE item = 'access';
SELECT restore_access();
-- a role of that name has nothing until the level is granted again
CREATE ROLE regress_other;
SELECT state, message FROM status() WHERE item = 'access';
UPDATE initiative SET owner = 'regress_other' WHERE key = 'hygiene';
SET ROLE regress_other;
SELECT count(*) FROM overview;
RESET ROLE;
SELECT restore_access();
SET ROLE regress_other;
SELECT initiative FROM overview;
RESET ROLE;
SELECT state, message FROM status() WHERE item = 'access';
-- row security is always on, and a table without it is reported
ALTER TABLE finding DISABLE ROW LEVEL SECURITY;
SELECT part, difference FROM verify();
SELECT state, message, hint FROM status() WHERE item = 'access';
ALTER TABLE finding ENABLE ROW LEVEL SECURITY;
SELECT part, difference FROM verify();
SELECT revoke_access('regress_identity'), revoke_access('regress_fleet'),
       revoke_access('regress_other');
SELECT c.relname FROM pg_class c
WHERE c.relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace)
  AND c.relkind = 'r' AND NOT c.relrowsecurity;
-- refused
SELECT grant_access('regress_nobody', 'reader');
SELECT grant_access('regress_reader', 'admin');
SELECT grant_access('regress_reader', NULL);
SELECT grant_access('regress_reader', 'loader');
SELECT grant_access('regress_reader', 'curator', 'scan');
SELECT grant_access(NULL, 'reader');
SELECT revoke_access('public');
SELECT revoke_access(NULL);
-- and those of who installed posture, who would be locked out
\set VERBOSITY sqlstate
SELECT revoke_access(pg_get_userbyid(extowner)) FROM pg_extension WHERE extname = 'posture';
\set VERBOSITY default

SELECT revoke_access('regress_reader');
DROP EXTENSION posture;
DROP ROLE regress_reader, regress_identity, regress_member, regress_fleet, regress_other;

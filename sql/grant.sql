-- Levels of access: a small example, and what is refused. test/t/045_access.pl has real logins and
-- asks everything.
-- tests: access/grant_access, access/table_privilege, access/owner, access/owner_rows
-- tests: access/row_security, owner.c
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
SELECT key, name FROM asset ORDER BY 1;
SELECT recommendation_id, asset_id, state FROM finding ORDER BY 1, 2;
SELECT metric_assets('people');
SELECT metric_assets('machines');
SELECT score_of('identity', 'vans');
RESET ROLE;
-- a group: its assets, what is found on them, and no score
SET ROLE regress_fleet;
SELECT initiative FROM overview;
SELECT key, name FROM asset;
SELECT recommendation, state, exposed_assets, assessed_assets, metrics, initiatives
FROM recommendation_report;
SELECT recommendation_id, asset_id, state FROM finding;
RESET ROLE;
-- who owns nothing
SET ROLE regress_other;
SELECT (SELECT count(*) FROM overview) AS overview,
       (SELECT count(*) FROM recommendation_report) AS recommendations,
       (SELECT count(*) FROM asset) AS assets, (SELECT count(*) FROM finding) AS findings;
SELECT what, members(owner_rows(what))
FROM unnest(ARRAY['initiative', 'asset_group', 'metric', 'initiative_recommendation', 'group_asset', 'asset',
                  'recommendation']) what;
SELECT owner_rows('everything');
SELECT owner_rows(NULL);
SELECT grant_access('regress_other', 'reader');
RESET ROLE;
-- one who owns both: a score by the group
GRANT regress_fleet TO regress_member;
UPDATE initiative SET owner = 'regress_member' WHERE key = 'hygiene';
SET ROLE regress_member;
SELECT initiative, score FROM overview;
-- of people no van, of machines the van, which is exposed
SELECT score_of('hygiene', 'vans'), score_of('hygiene', 'hosts');
SELECT score_of('hygiene', 'vans');
RESET ROLE;

-- what is granted is what row security follows
SELECT role, sees_all FROM granted_role() WHERE role LIKE 'regress%' ORDER BY 1;
SELECT row_security_error();
ALTER TABLE finding DISABLE ROW LEVEL SECURITY;
SELECT row_security_error();
SELECT part, difference FROM verify();
SELECT sets, repaired FROM rebuild();
SELECT * FROM verify();
SELECT revoke_access('regress_identity'), revoke_access('regress_fleet');
SELECT count(*) > 0 AS protected FROM pg_class
WHERE relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace)
  AND relrowsecurity;
SELECT revoke_access('regress_other');
SELECT count(*) > 0 AS protected FROM pg_class
WHERE relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace)
  AND relrowsecurity;
-- refused
SELECT grant_access('regress_nobody', 'reader');
SELECT grant_access('regress_reader', 'admin');
SELECT grant_access('regress_reader', NULL);
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

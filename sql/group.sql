-- Initiatives and metrics by the assets of a group alone: compared with retiring all other
-- assets, on random catalogs that overlap.
-- tests: report/group_report, score/report_row, store/asset_group_set
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\set ECHO none
SET client_min_messages = warning;

-- by hand: of four servers three are in the group, two of those are exposed, one of them critical
INSERT INTO source (key, name) VALUES ('s', 'S');
INSERT INTO recommendation (source_id, key, title)
VALUES (1, 'disk', 'D'), (1, 'patch', 'P'), (1, 'mfa', 'M'), (1, 'tenant', 'T');
INSERT INTO asset (key, name, kind, criticality, tags) VALUES
    ('web1', 'W', 'host', 'critical', '{"env": "prod"}'), ('web2', 'W', 'host', 'low', '{"env": "prod"}'),
    ('web3', 'W', 'host', 'low', '{"env": "prod"}'), ('web4', 'W', 'host', 'critical', '{"env": "test"}'),
    ('ann', 'A', 'user', 'critical', '{"env": "test"}');
INSERT INTO metric (key, name, importance)
VALUES ('hosts', 'Hosts', 'critical'), ('users', 'Users', 'medium');
INSERT INTO metric_recommendation VALUES (1, 1), (1, 2), (1, 4), (2, 3);
INSERT INTO initiative (key, name) VALUES ('basics', 'The basics');
INSERT INTO initiative_metric VALUES (1, 1, NULL), (1, 2, 7);
INSERT INTO finding (recommendation_id, asset_id, state)
VALUES (1, 1, 'non_compliant'), (2, 1, 'non_compliant'), (2, 2, 'non_compliant'),
    (1, 3, 'compliant'), (1, 4, 'non_compliant'), (3, 5, 'non_compliant');
INSERT INTO measure VALUES (4, 0, 10, now());
INSERT INTO asset_group (key, name, owner, tags)
VALUES ('prod', 'Production', 'ann', '{"env": "prod"}'), ('test', 'Test', NULL, '{"env": "test"}'),
    ('mars', 'Mars', NULL, '{"env": "mars"}');
\set ECHO all
SELECT * FROM group_report WHERE initiative = 'basics' ORDER BY asset_group, metric NULLS FIRST;
-- the same when the group is folded, and when an asset came to it since
SELECT fold() IS NOT NULL AS folded;
SELECT score, exposed_assets, assessed_assets, critical_assets FROM group_report
WHERE asset_group = 'prod' AND metric = 'hosts';
UPDATE asset SET tags = '{"env": "prod"}' WHERE key = 'web4';
SELECT score, exposed_assets, assessed_assets, critical_assets FROM group_report
WHERE asset_group = 'prod' AND metric = 'hosts';
SELECT score_of('basics', 'prod'), score_of('basics', 'mars'), score_of(NULL, 'prod');

-- random catalogs
\i :include/random.sql
\i :include/catalog.sql
\i :include/group.sql
CALL pg_temp.try_groups(3 * :rounds);
SELECT of_group, sum(rows) >= 30 * :rounds AS enough, sum(scored) >= 30 * :rounds AS scored,
       sum(critical) >= 30 * :rounds AS critical, sum(missing) AS missing,
       sum(unexpected) AS unexpected, sum(score_of) AS score_of
FROM outcome GROUP BY of_group ORDER BY of_group;
-- all groups at once are each by itself
CREATE TEMP TABLE each AS
SELECT r.* FROM asset_group g
CROSS JOIN LATERAL (SELECT * FROM group_report r WHERE r.asset_group = g.key) r;
SELECT count(*) > 50 AS enough,
       (SELECT count(*) FROM (SELECT * FROM group_report EXCEPT ALL TABLE each) d) AS differ
FROM group_report;

DISCARD TEMP;
DROP EXTENSION posture;

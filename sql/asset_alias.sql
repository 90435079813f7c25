-- One asset with many keys: spellings, names that sources report, merges.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
SET client_min_messages = warning;
INSERT INTO source (key, name) VALUES ('azure', 'Azure'), ('scanner', 'Scanner'), ('hub', 'Hub');

-- what is written in several ways
SELECT v.key, v.kind, canonical_key(v.key, v.kind)
FROM (VALUES ('/subscriptions/ABC/resourceGroups/Rg/', 'virtual machine'),
             ('/Providers/Microsoft.Management/managementGroups/Top', NULL),
             ('/other/ABC', NULL), ('AWS::::Account:111122223333', 'account'), ('AWS::::Account:1111', 'account'),
             ('arn:aws:s3:::Bucket', 'bucket'), ('Web1.Example.COM.', 'host'),
             ('Web1.Example.COM.', 'unknown'), ('Web 1', 'host'), ('', 'host')) v(key, kind);

-- one asset, in whichever spelling, in one delivery and in the next
\set ECHO none
INSERT INTO inbox (source, recommendation, asset, state, observed_at, asset_kind) VALUES
    ('azure', 'disk', '/subscriptions/A/resourceGroups/R/vm1', 'non_compliant', '2026-01-01Z', 'vm'),
    ('azure', 'tls', '/subscriptions/a/resourcegroups/r/VM1', 'compliant', '2026-01-01Z', 'vm'),
    ('hub', 'mfa', 'AWS::::Account:111122223333', 'compliant', '2026-01-01Z', 'account'),
    ('scanner', 'ssh', 'WEB1', 'compliant', '2026-01-01Z', 'host'),
    ('scanner', 'ssh', 'web1.', 'non_compliant', '2026-01-02Z', 'host'),
    ('scanner', 'ssh', 'WEB1', 'compliant', '2026-01-01Z', NULL);
\set ECHO all
SELECT * FROM ingest();
SELECT a.key, a.kind, array_agg(l.alias || ': ' || l.how ORDER BY l.alias COLLATE "C") AS aliases
FROM asset a LEFT JOIN asset_alias l USING (asset_id) GROUP BY a.asset_id
ORDER BY a.key COLLATE "C";
SELECT r.key AS recommendation, a.key AS asset, f.state FROM finding f
JOIN recommendation r USING (recommendation_id) JOIN asset a USING (asset_id) ORDER BY 1, 2;
\set ECHO none
INSERT INTO inbox (source, recommendation, asset, state, observed_at, asset_kind) VALUES
    ('azure', 'disk', '/SUBSCRIPTIONS/A/RESOURCEGROUPS/R/VM1', 'compliant', '2026-01-03Z', 'vm'),
    ('hub', 'mfa', 'arn:aws:iam::111122223333:root', 'non_compliant', '2026-01-03Z', 'account'),
    ('scanner', 'ssh', 'web1', 'compliant', '2026-01-03Z', 'host');
\set ECHO all
SELECT * FROM ingest();
SELECT count(*) AS assets FROM asset;
SELECT r.key AS recommendation, a.key AS asset, f.state FROM finding f
JOIN recommendation r USING (recommendation_id) JOIN asset a USING (asset_id) ORDER BY 1, 2;
-- again, nothing changes
\set ECHO none
INSERT INTO inbox (source, recommendation, asset, state, observed_at, asset_kind) VALUES
    ('azure', 'disk', '/SUBSCRIPTIONS/A/RESOURCEGROUPS/R/VM1', 'compliant', '2026-01-03Z', 'vm'),
    ('azure', 'tls', '/subscriptions/a/resourcegroups/r/Vm1', 'compliant', '2026-01-03Z', 'vm');
\set ECHO all
SELECT * FROM ingest('azure');

-- an asset that a person entered is met as well
INSERT INTO asset (key, kind, name) VALUES ('DB1.Example.com', 'host', 'Database');
INSERT INTO inbox (source, recommendation, asset, state, asset_kind)
VALUES ('scanner', 'ssh', 'db1.example.com', 'non_compliant', 'host');
SELECT * FROM ingest();
SELECT a.key, l.alias, l.how FROM asset_alias l JOIN asset a USING (asset_id)
WHERE a.key LIKE 'DB1%';

-- a person gives one, and a complete delivery by it closes nothing
\set ECHO none
INSERT INTO asset_alias (alias, asset_id) SELECT 'inventory-77', asset_id FROM asset WHERE key = 'DB1.Example.com';
INSERT INTO inbox (source, recommendation, asset, state) VALUES
    ('scanner', 'ssh', 'inventory-77', 'non_compliant'), ('scanner', 'ssh', 'WEB1', 'compliant'),
    ('scanner', 'ssh', 'inventory-77', 'broken');
\set ECHO all
SELECT * FROM ingest('scanner');
INSERT INTO inbox (source, recommendation, asset, state)
VALUES ('scanner', 'ssh', 'inventory-77', 'broken'), ('scanner', 'ssh', 'WEB1', 'compliant');
SELECT * FROM ingest('scanner');
SELECT asset_of('inventory-77') = asset_of('DB1.Example.com') AS by_alias,
       asset_of('db1.example.COM', 'host') = asset_of('DB1.Example.com') AS by_spelling,
       asset_of('nothing') AS none;

-- two assets that are found to be one
\set ECHO none
INSERT INTO inbox (source, recommendation, asset, state, observed_at, asset_kind, asset_name,
                   details) VALUES
    ('scanner', 'ssh', 'vm-a', 'non_compliant', '2026-02-01Z', 'host', 'A', '{"of": "a"}'),
    ('scanner', 'disk', 'vm-a', 'non_compliant', '2026-02-01Z', 'host', 'A', NULL),
    ('scanner', 'log', 'vm-a', 'compliant', '2026-02-03Z', 'host', 'A', NULL),
    ('scanner', 'ssh', 'vm-b', 'compliant', '2026-02-02Z', 'host', 'B', '{"of": "b"}'),
    ('scanner', 'log', 'vm-b', 'non_compliant', '2026-02-01Z', 'host', 'B', NULL),
    ('scanner', 'tls', 'vm-b', 'non_compliant', '2026-02-01Z', 'host', 'B', NULL);
\set ECHO all
SELECT * FROM ingest();
\set ECHO none
UPDATE asset SET tags = '{"from": "a", "a": 1}', criticality = 'critical', owner = 'team a' WHERE key = 'vm-a';
UPDATE asset SET tags = '{"from": "b"}' WHERE key = 'vm-b';
INSERT INTO asset_alias SELECT 'serial-1', asset_id FROM asset WHERE key = 'vm-a';
INSERT INTO exemption (recommendation_id, asset_id, kind, reason)
SELECT r.recommendation_id, a.asset_id, 'waived', 'test' FROM recommendation r, asset a
WHERE r.key = 'disk' AND r.source_id = 2 AND a.key = 'vm-a';
INSERT INTO metric (key, name) VALUES ('all', 'All');
INSERT INTO metric_recommendation
SELECT 1, recommendation_id FROM recommendation WHERE source_id = 2;
\set ECHO all
SELECT take_snapshot('2026-02-03') IS NOT NULL;
SELECT exposed, assessed FROM metric_snapshot WHERE day = '2026-02-03';
SELECT * FROM merge_asset('vm-a', 'vm-b');
SELECT r.key AS recommendation, f.state, f.changed_at, f.details
FROM finding f JOIN recommendation r USING (recommendation_id) JOIN asset a USING (asset_id)
WHERE a.key = 'vm-b' ORDER BY 1;
SELECT key, name, criticality, owner, tags, retired_at IS NOT NULL AS retired FROM asset
WHERE key LIKE 'vm-_' ORDER BY 1;
SELECT l.alias, a.key, l.how FROM asset_alias l JOIN asset a USING (asset_id) WHERE a.key = 'vm-b'
ORDER BY 1;
SELECT a.key, e.kind FROM exemption e JOIN asset a USING (asset_id);
-- what comes by the old key is about the one that is left
INSERT INTO inbox (source, recommendation, asset, state)
VALUES ('scanner', 'tls', 'vm-a', 'compliant');
SELECT * FROM ingest();
SELECT count(*) FROM finding JOIN asset USING (asset_id) WHERE key = 'vm-a';
-- past days stay as they were known
SELECT exposed, assessed FROM metric_snapshot WHERE day = '2026-02-03';
SELECT cardinality(metric_assets('all', '2026-02-03')) AS then, cardinality(metric_assets('all')) AS now;
SELECT * FROM verify();
SELECT fold() IS NOT NULL;
SELECT * FROM verify();
SELECT cardinality(metric_assets('all', '2026-02-03')) AS then, cardinality(metric_assets('all')) AS now;

-- what can't be merged
SELECT merge_asset('vm-a', 'vm-b');
SELECT merge_asset('nothing', 'vm-b');
SELECT merge_asset('vm-b', 'nothing');
SELECT merge_asset(NULL, 'vm-b');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT merge_asset('WEB1', 'vm-b');
ROLLBACK;
-- nor given
INSERT INTO asset_alias (alias, asset_id) VALUES ('inventory-77', 1);
INSERT INTO asset_alias (alias, asset_id) VALUES ('', 1);
INSERT INTO asset_alias (alias, asset_id) VALUES ('x', 4711);
\set VERBOSITY terse
INSERT INTO asset_alias (alias, asset_id, how) VALUES ('x', 1, 'guessed');

DROP EXTENSION posture;

-- Rules of asset groups: conditions with any, all and not.
-- tests: catalog/group_rule, store/group_rule_set
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql

\set ECHO none
SET client_min_messages = warning;
INSERT INTO source (key, name) VALUES ('cmdb', 'CMDB'), ('ad', 'Directory');
INSERT INTO asset (key, name, kind, criticality, owner, tags) VALUES
    ('web1', 'W', 'host', 'critical', 'web', '{"env": "prod", "zones": ["a", "b"]}'),
    ('web2', 'W', 'host', 'high', 'web', '{"env": "test"}'),
    ('db1', 'D', 'host', 'medium', 'data', '{"env": "prod"}'),
    ('db_2', 'D', 'host', 'low', NULL, '{}'),
    ('ann', 'A', 'user', 'high', 'web', '{"env": "prod"}'),
    ('bob', 'B', 'user', 'low', NULL, '{}');
INSERT INTO asset_alias (alias, asset_id) SELECT 'b.ob', asset_id FROM asset WHERE key = 'bob';
INSERT INTO asset_source (source_id, asset_id)
SELECT s.source_id, a.asset_id FROM source s JOIN asset a
  ON s.key = 'cmdb' AND a.kind = 'host' OR s.key = 'ad' AND a.key IN ('ann', 'web1');
CREATE VIEW pg_temp.members AS
SELECT g.key AS of_group, (SELECT string_agg(a.key, ' ' ORDER BY a.asset_id)
                           FROM asset a WHERE s.assets @> a.asset_id) AS assets
FROM asset_group g LEFT JOIN asset_group_set(true, NULL) s USING (asset_group_id)
ORDER BY g.asset_group_id;
CREATE FUNCTION pg_temp.nested(levels integer) RETURNS jsonb LANGUAGE sql AS $$
    SELECT (repeat('{"not":', levels - 1) || '{"kind": "host"}' || repeat('}', levels - 1))::jsonb $$;
\set ECHO all

-- an invalid rule is refused, with what is wrong and where
INSERT INTO asset_group (key, name, rule) VALUES ('bad', 'Bad', '{"any": [{"colour": "red"}]}');
INSERT INTO asset_group (key, name) VALUES ('bad', 'Bad');
\set VERBOSITY terse
DO $$
DECLARE
    odd text;
    code text;
    message text;
BEGIN
    FOREACH odd IN ARRAY ARRAY['{}', '[]', '"host"', '5', 'null', '{"kind": null}', '{"kind": []}',
                               '{"kind": 5}', '{"kind": {"a": "b"}}', '{"owner": ["a", 5]}',
                               '{"key": "a\\"}', '{"key": ["a", "b\\\\\\"]}', '{"asset": true}',
                               '{"source": ["a", null]}', '{"criticality": "huge"}',
                               '{"criticality": ["low", "Low"]}', '{"min_criticality": ["low"]}',
                               '{"min_criticality": "grave"}', '{"tags": {}}', '{"tags": ["a"]}',
                               '{"any": []}', '{"any": {"kind": "host"}}', '{"any": ["host"]}',
                               '{"any": [{"kind": "host"}, {}]}', '{"all": "host"}',
                               '{"all": [{"kind": "a"}, {"any": [{"not": {"owner": 1}}]}]}',
                               '{"not": "host"}', '{"not": []}', '{"not": {"not": {}}}',
                               '{"rule": {"kind": "host"}}', '{"tag": {"env": "prod"}}',
                               '{"Kind": "host"}', '{"kind": "host", "": "a"}'] LOOP
        BEGIN
            UPDATE posture.asset_group SET rule = odd::jsonb WHERE key = 'bad';
            RAISE INFO '% is accepted', odd;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
            RAISE INFO '% % %', rpad(odd, 35), code, message;
        END;
    END LOOP;
END $$;
UPDATE asset_group SET rule = pg_temp.nested(8) WHERE key = 'bad';
UPDATE asset_group SET rule = pg_temp.nested(9) WHERE key = 'bad';
UPDATE asset_group SET rule = pg_temp.nested(2000) WHERE key = 'bad';
UPDATE asset_group SET rule = jsonb_build_object('asset', repeat('x', 262200)) WHERE key = 'bad';
\set VERBOSITY default
DELETE FROM asset_group;

-- what a rule selects: all that match each of its fields
INSERT INTO asset_group (key, name, rule)
SELECT v.rule, 'G', v.rule::jsonb
FROM (VALUES ('{"kind": "host"}'), ('{"kind": ["user", "nothing"]}'), ('{"kind": "nothing"}'),
             ('{"criticality": ["low", "critical"]}'), ('{"min_criticality": "high"}'),
             ('{"owner": "web"}'), ('{"owner": ["data", "web"]}'), ('{"key": "web%"}'),
             ('{"key": ["db\\_%", "a__"]}'), ('{"key": "%"}'), ('{"asset": "web2"}'),
             ('{"asset": ["b.ob", "db1", "nothing"]}'), ('{"tags": {"env": "prod"}}'),
             ('{"tags": {"env": "prod", "zones": ["b"]}}'), ('{"source": "cmdb"}'),
             ('{"source": ["ad", "cmdb"]}'), ('{"source": "ad", "kind": "host"}'),
             ('{"not": {"owner": "web"}}'), ('{"not": {"kind": "host", "owner": "web"}}'),
             ('{"kind": "host", "not": {"source": "ad"}}'), ('{"not": {"not": {"key": "web%"}}}'),
             ('{"any": [{"key": "web%"}, {"kind": "user", "min_criticality": "high"}]}'),
             ('{"all": [{"owner": "web"}, {"kind": "user"}]}'),
             ('{"any": [{"asset": "bob"}, {"asset": "db1"}], "all": [{"criticality": "low"}]}'),
             ('{"not": {"any": [{"kind": "user"}, {"all": [{"source": "cmdb"}, {"owner": "web"}]}]}}')
             ) v(rule);
TABLE pg_temp.members;
-- beside the other columns
UPDATE asset_group SET kinds = '{host}', min_criticality = 'high', tags = '{"env": "prod"}'
WHERE key IN ('{"owner": "web"}', '{"key": "%"}', '{"kind": "nothing"}');
SELECT * FROM pg_temp.members
WHERE of_group IN ('{"owner": "web"}', '{"key": "%"}', '{"kind": "nothing"}');
SELECT rebuild();
SELECT count(*) FROM verify();

-- what rules name is noted when it changes, and only then
UPDATE asset SET key = key, owner = owner;
UPDATE asset_alias SET alias = alias, how = 'reported';
UPDATE source SET key = key, name = 'N';
SELECT count(*) FROM (SELECT FROM asset_delta UNION ALL SELECT FROM catalog_delta) x;
DELETE FROM asset_group;
INSERT INTO asset_group (key, name, rule) VALUES
    ('owner', 'G', '{"owner": "web"}'), ('key', 'G', '{"key": "web%"}'),
    ('asset', 'G', '{"asset": ["web1", "b.ob"]}'), ('source', 'G', '{"source": "cmdb"}'),
    ('none', 'G', '{"not": {"any": [{"owner": "web"}, {"source": "cmdb"}]}}');
SELECT FROM fold();
TABLE pg_temp.members;
UPDATE asset SET owner = 'web' WHERE key = 'bob';
UPDATE asset SET key = 'web' WHERE key = 'db1';
UPDATE asset_alias SET alias = 'web1' WHERE alias = 'b.ob';
INSERT INTO asset_alias (alias, asset_id) SELECT 'b.ob', asset_id FROM asset WHERE key = 'ann';
SELECT d.changes, (SELECT string_agg(a.key, ' ' ORDER BY a.key) FROM asset a
                   WHERE d.assets @> a.asset_id) AS assets
FROM asset_delta d ORDER BY d.delta_id;
TABLE pg_temp.members;
SELECT count(*) FROM verify();
SELECT FROM fold();
TABLE pg_temp.members;
DELETE FROM asset_alias WHERE alias = 'b.ob';
SELECT * FROM merge_asset('web2', 'bob');
SELECT * FROM pg_temp.members WHERE of_group = 'asset';
UPDATE asset_group SET rule = '{"asset": "web2"}' WHERE key = 'asset';
SELECT FROM fold();
SELECT * FROM pg_temp.members WHERE of_group = 'asset';
SELECT count(*) FROM verify();
-- a source with another key
UPDATE source SET key = 'inventory' WHERE key = 'cmdb';
SELECT * FROM pg_temp.members WHERE of_group IN ('source', 'none');
SELECT FROM fold();
UPDATE source SET key = 'cmdb' WHERE key = 'ad';
SELECT * FROM pg_temp.members WHERE of_group IN ('source', 'none');
SELECT FROM fold();
SELECT * FROM pg_temp.members WHERE of_group IN ('source', 'none');
TRUNCATE asset_alias;
SELECT * FROM pg_temp.members WHERE of_group = 'asset';
SELECT count(*) FROM verify();
SELECT FROM fold();
SELECT count(*) FROM verify();

-- documents
SELECT loaded, changed, rejected FROM load('posture', '[
    {"type": "asset_group", "key": "owner", "rule": {"owner": "nobody", "tags": {"a": null}}},
    {"type": "asset_group", "key": "new", "rule": {"not": {"kind": "host"}}},
    {"type": "asset_group", "key": "bad", "rule": {"any": [{"kind": "a"}, {"not": {"owner": 5}}]}},
    {"type": "asset_group", "key": "bad", "rule": "host"}]'::jsonb);
SELECT reason FROM rejected ORDER BY 1;
SELECT * FROM export('asset_group') e WHERE e ->> 'key' IN ('new', 'owner');
SELECT jsonb_agg(e) AS groups FROM export('asset_group') e \gset
SELECT changed FROM load('posture', :'groups'::jsonb);
CREATE TEMP TABLE before AS SELECT key, rule FROM asset_group;
DELETE FROM asset_group;
SELECT loaded = changed AS all_new FROM load('posture', :'groups'::jsonb);
CREATE TEMP VIEW after AS SELECT key, rule FROM asset_group;
SELECT count(*) AS differ FROM ((TABLE before EXCEPT ALL TABLE after)
                                UNION ALL (TABLE after EXCEPT ALL TABLE before)) x;

-- scores, for a reader, for the owner of a group, and under an exemption
\set ECHO none
INSERT INTO recommendation (source_id, key, title) VALUES (1, 'r1', 'R');
INSERT INTO metric (key, name) VALUES ('m1', 'M');
INSERT INTO metric_recommendation VALUES (1, 1);
INSERT INTO initiative (key, name, owner) VALUES ('i1', 'I', 'regress_posture_owner');
INSERT INTO initiative_metric VALUES (1, 1);
INSERT INTO finding SELECT 1, a.asset_id, CASE WHEN a.kind = 'user' THEN 'compliant'
                                               ELSE 'non_compliant' END::finding_state FROM asset a;
CREATE ROLE regress_posture_reader;
CREATE ROLE regress_posture_owner;
SELECT FROM grant_access('regress_posture_reader', 'reader');
SELECT FROM grant_access('regress_posture_owner', 'owner');
DELETE FROM asset_group;
INSERT INTO asset_group (key, name, owner, rule) VALUES
    ('ruled', 'Ruled', 'regress_posture_owner',
     '{"any": [{"asset": ["web1", "ann"]}, {"source": "inventory", "criticality": "low"}], "not": {"owner": "data"}}');
\set ECHO all
SELECT assets FROM pg_temp.members;
-- before the group is folded, its set is made for them, too
SELECT score_of('i1', 'ruled');
SET ROLE regress_posture_reader;
SELECT score_of('i1', 'ruled');
SELECT metric, exposed_assets, assessed_assets FROM group_report ORDER BY 1;
SET ROLE regress_posture_owner;
SELECT metric, exposed_assets, assessed_assets FROM group_report ORDER BY 1;
RESET ROLE;
SELECT FROM fold();
UPDATE asset SET owner = 'data' WHERE key = 'web1';
SET ROLE regress_posture_reader;
SELECT score_of('i1', 'ruled');
SET ROLE regress_posture_owner;
SELECT metric, exposed_assets, assessed_assets FROM group_report ORDER BY 1;
RESET ROLE;
INSERT INTO exemption (recommendation_id, asset_group_id, kind, reason)
SELECT 1, asset_group_id, 'waived', 'test' FROM asset_group;
SELECT exposed_assets, assessed_assets FROM metric_report;
UPDATE asset SET owner = NULL WHERE key = 'web1';
SELECT exposed_assets, assessed_assets FROM metric_report;
SELECT FROM fold();
SELECT exposed_assets, assessed_assets FROM metric_report;
SELECT count(*) FROM verify();
DROP OWNED BY regress_posture_reader, regress_posture_owner;
DROP ROLE regress_posture_reader, regress_posture_owner;
DISCARD TEMP;
DROP EXTENSION posture;

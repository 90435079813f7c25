-- What was loaded under keys of earlier versions goes to the assets and checks of this one.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\i :include/asset_key.sql
SET timezone = 'UTC';

-- an asset as 0.2 kept it
\set ECHO none
CREATE PROCEDURE pg_temp.was(key text, tags jsonb, recommendations text[] DEFAULT '{net}',
    source text DEFAULT 'prowler')
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO source (key, name, product) VALUES (source, source,
        'Prowler') ON CONFLICT DO NOTHING;
    INSERT INTO inbox (source, recommendation, asset, state, observed_at, asset_kind)
    SELECT was.source, r, was.key, 'non_compliant', '2026-01-10Z', 'thing'
        FROM unnest(recommendations) r;
    PERFORM ingest();
    UPDATE asset a SET tags = was.tags WHERE a.key = was.key;
    INSERT INTO former_key SELECT a.asset_id FROM asset a WHERE a.key = was.key
    ON CONFLICT DO NOTHING;
END $$;
CALL pg_temp.was('solo', '{"provider": "gcp", "account": "a", "region": "global"}', '{net,gone}');
CALL pg_temp.was('several', '{"provider": "gcp", "account": "a", "region": "global"}');
CALL pg_temp.was('theirs', '{"provider": "gcp", "account": "z", "region": "global"}');
CALL pg_temp.was('untold', '{}');
CALL pg_temp.was('4f6a1b2c-0000-4000-8000-000000000001', '{}');
CALL pg_temp.was('spoken', '{"provider": "GCP", "account": "a"}');
CALL pg_temp.was('zone', '{"provider": "gcp", "account": "a", "region": "us-east1"}');
CALL pg_temp.was('unscanned', '{"provider": "gcp", "account": "a"}', '{net}', 'scanner');
CALL pg_temp.was('both', '{}');
CALL pg_temp.was('both', '{}', '{ssh}', 'scanner');
CALL pg_temp.was('123456789012', '{"provider": "aws", "account": "123456789012"}', '{net,disk}');
CALL pg_temp.was('AWS::::Account:123456789012', '{"account": "123456789012"}', '{net}');
UPDATE asset SET owner = 'team', criticality = 'high' WHERE key = 'solo';
INSERT INTO metric (key, name, rule) VALUES ('all', 'All', '{"source": "prowler"}');
SELECT take_snapshot('2026-01-12') IS NOT NULL AS snapshot;
CREATE TEMP TABLE id AS SELECT key::text, asset_id FROM asset;
CREATE TEMP TABLE document AS SELECT jsonb_agg(pg_temp.ocsf('net', id, 'gcp', account, status,
    region)) AS d
FROM (VALUES ('solo', 'a', 'PASS', 'global'), ('several', 'a', 'FAIL', 'global'), ('several', 'b',
    'PASS', 'global'),
             ('theirs', 'a', 'PASS', 'global'), ('untold', 'a', 'PASS', 'global'), ('spoken', 'a',
                 'PASS', 'global'),
             ('4f6a1b2c-0000-4000-8000-000000000001', 'a', 'PASS', 'global'), ('zone', 'a',
                 'FAIL', 'us-east1'),
             ('unscanned', 'a', 'PASS', 'global'), ('both', 'a', 'PASS', 'global')) v(id, account,
                 status, region);
UPDATE document SET d = d || jsonb_build_array(pg_temp.ocsf('net', '123456789012', 'aws',
    '123456789012', 'PASS', 'eu-west-1',
    '{"resources": [{"uid": "123456789012", "type": "AWS::::Account"}]}'));
\set ECHO all
SET client_min_messages = notice;
SELECT * FROM load('ocsf', (SELECT d FROM document));
SET client_min_messages = warning;
SELECT source, recommendation, asset, state, retired FROM pg_temp.f ORDER BY 1, 2, 3;
-- one and the same, with what people entered, and its old key for those who still use it
SELECT i.key, a.key, a.owner, a.criticality, l.how FROM id i JOIN asset a USING (asset_id)
LEFT JOIN asset_alias l ON l.alias = i.key ORDER BY 1;
SELECT alias, key, how FROM asset_alias JOIN asset USING (asset_id) ORDER BY 1;
-- again nothing changes
SELECT * FROM load('ocsf', (SELECT d FROM document));
-- past days stay, and nothing counts twice today
SELECT exposed, assessed FROM metric_snapshot WHERE day = '2026-01-12';
SELECT cardinality(metric_assets('all', '2026-01-12')) AS then,
    cardinality(metric_assets('all')) AS now;
SELECT count(*) FROM pg_temp.f WHERE source = 'prowler' AND state = 'non_compliant'
    AND recommendation = 'net';
SELECT * FROM verify();
SELECT fold() IS NOT NULL;
SELECT * FROM verify();
-- the account of another document is as it was, until its own comes
SELECT load('ocsf', jsonb_build_array(pg_temp.ocsf('net', 'theirs', 'gcp', 'z', 'PASS')));
SELECT asset, state FROM pg_temp.f WHERE asset LIKE '%theirs' ORDER BY 1;
-- at a higher isolation level nothing is merged yet
CALL pg_temp.was('later', '{"provider": "gcp", "account": "a"}');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT load('ocsf', jsonb_build_array(pg_temp.ocsf('net', 'later', 'gcp', 'a', 'PASS')));
COMMIT;
SELECT asset, state FROM pg_temp.f WHERE asset LIKE '%later' ORDER BY 1;
SELECT load('ocsf', jsonb_build_array(pg_temp.ocsf('net', 'later', 'gcp', 'a', 'PASS')));
SELECT asset, state FROM pg_temp.f WHERE asset LIKE '%later' AND NOT retired ORDER BY 1;

-- an asset that a document still reports under the key is not of an earlier version, and one that
-- was ended by mistake counts again
\set ECHO none
CALL pg_temp.was('pod', '{"namespace": "n"}');
CALL pg_temp.was('node', '{"namespace": "n"}');
CREATE FUNCTION pg_temp.cluster(uid text) RETURNS jsonb LANGUAGE sql
RETURN pg_temp.ocsf('net', uid, NULL, NULL, 'FAIL', NULL,
                    '{"cloud": null, "finding_info": {"title": "net", "uid": "1"}}');
\set ECHO all
SELECT load('ocsf', jsonb_build_array(pg_temp.cluster('pod')));
SELECT load('ocsf', jsonb_build_array(pg_temp.ocsf('net', 'pod', 'gcp', 'a', 'PASS'),
                                      pg_temp.ocsf('net', 'node', 'gcp', 'a', 'PASS')));
SELECT asset, state, retired FROM pg_temp.f WHERE asset ~ '(pod|node)$' ORDER BY 1;
SELECT load('ocsf', jsonb_build_array(pg_temp.cluster('node')));
SELECT asset, state, retired FROM pg_temp.f WHERE asset ~ '(pod|node)$' ORDER BY 1;
SELECT load('ocsf', jsonb_build_array(pg_temp.ocsf('net', 'node', 'gcp', 'a', 'PASS')));
SELECT asset, state, retired FROM pg_temp.f WHERE asset ~ 'node$' ORDER BY 1;

-- hosts that were one localhost: the last one scanned, whose MAC address it has, and another
\set ECHO none
CALL pg_temp.was('localhost', '{"mac": ["52:54:00:00:00:02"]}', '{r,old}', 'openscap');
\set ECHO all
SELECT load('xccdf', pg_temp.xccdf('localhost', pg_temp.fact('ethernet:MAC', '52:54:00:00:00:01'),
    'fail'));
SELECT load('xccdf', pg_temp.xccdf('localhost', pg_temp.fact('ethernet:MAC', '52:54:00:00:00:02'),
    'pass'));
SELECT recommendation, asset, state FROM pg_temp.f WHERE source = 'openscap' ORDER BY 1, 2;
SELECT count(*) FROM asset_alias WHERE alias = 'localhost';

-- checks of two providers that were one recommendation
\set ECHO none
CALL pg_temp.was('//gcp/key', '{"provider": "gcp"}', '{rotation}');
CALL pg_temp.was('ocid1.key.1', '{"provider": "oraclecloud"}', '{rotation}');
INSERT INTO metric (key, name) VALUES ('keys', 'Keys');
INSERT INTO metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM metric m, recommendation r WHERE m.key = 'keys'
    AND r.key = 'rotation';
INSERT INTO exemption (recommendation_id, asset_id, kind, reason)
SELECT r.recommendation_id, a.asset_id, 'waived', 'of ' || a.key FROM recommendation r, asset a
WHERE r.key = 'rotation' AND a.key IN ('//gcp/key', 'ocid1.key.1');
\set ECHO all
SELECT load('prowler-checks', jsonb_build_array(pg_temp.check('gcp', 'rotation', 'In GCP', 'low'),
                                                pg_temp.check('oraclecloud', 'rotation',
                                                    'In Oracle', 'high')));
SELECT f.recommendation, r.title, f.asset, f.state, array(
    SELECT e.reason FROM exemption e JOIN asset a USING (asset_id)
        WHERE e.recommendation_id = r.recommendation_id) AS exemptions,
    EXISTS (SELECT FROM metric_recommendation m JOIN metric USING (metric_id)
            WHERE m.recommendation_id = r.recommendation_id AND metric.key = 'keys') AS is_in_metric
FROM pg_temp.f f JOIN recommendation r ON r.key = f.recommendation
    WHERE f.recommendation LIKE '%rotation' ORDER BY 1;
SELECT load('ocsf', jsonb_build_array(pg_temp.ocsf('rotation', 'ocid1.key.1', 'oraclecloud', 't',
    'PASS')));
SELECT recommendation, asset, state FROM pg_temp.f WHERE recommendation LIKE '%rotation' ORDER BY 1;
SELECT * FROM verify();

DISCARD TEMP;
DROP EXTENSION posture;

-- Documents of OCSF: compliance findings, and detection findings as Prowler writes them.
-- tests: source/check_item, source/check_result
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\i :include/item.sql
\i :include/ocsf.sql
-- the time zone of the session does not matter
SET timezone = 'America/New_York';

-- all items of one finding; what is expected stands beside it in test/include/ocsf.sql
SELECT * FROM pg_temp.differences('ocsf_item', pg_temp.prowler(), (SELECT prowler FROM expected));
SELECT * FROM pg_temp.differences('ocsf_item', pg_temp.checker(), (SELECT checker FROM expected));
-- of another source
SELECT type, source, object ->> 'name' AS name FROM ocsf_item(pg_temp.prowler(), 'night scan')
WHERE source IS NOT NULL;

-- lists of cases in test/include/ocsf.sql: those that are not as expected
SELECT about, count(*) FROM cases GROUP BY about ORDER BY about;
-- the result of a detection finding
SELECT * FROM pg_temp.wrong('status_code', 'ocsf_item',
    $$pg_temp.prowler(jsonb_build_object('status_code', input))$$,
    'concat(pg_temp.reason(error, type, object), state)');
-- the result of a compliance finding: the id before the name, the name before a code
SELECT * FROM pg_temp.wrong('compliance', 'ocsf_item',
    $$pg_temp.check(CASE jsonb_typeof(input::jsonb)
                        WHEN 'object' THEN input::jsonb || '{"control": "C1"}' ELSE input::jsonb END)$$,
    'concat(pg_temp.reason(error, type, object), state)');
-- the status of the finding itself, and what the details say of it
SELECT * FROM pg_temp.wrong('status', 'ocsf_item', 'pg_temp.prowler(input::jsonb)',
    $$concat(pg_temp.reason(error, type, object), state,
             ' ' || (details - '{data,message}'::text[])::text)$$);
-- the source: the product, else its vendor
SELECT * FROM pg_temp.wrong('source', 'ocsf_item',
    $$pg_temp.check('{"status_id": 1}', jsonb_build_object('metadata',
                        jsonb_build_object('product', input::jsonb)))$$, 'source');
-- the asset: resources, else the device, else the account
SELECT * FROM pg_temp.wrong('resource', 'ocsf_item', 'pg_temp.prowler(input::jsonb)',
    $$concat(location, ' ', error, asset)$$);
-- times: seconds, milliseconds, or text, which is UTC without a zone
SELECT * FROM pg_temp.wrong('time', 'ocsf_item', 'pg_temp.prowler(input::jsonb)',
    'concat(error, observed_at)');
-- severities; others are kept in the details
SELECT * FROM pg_temp.wrong('severity', 'ocsf_item', 'pg_temp.prowler(input::jsonb)',
    $$concat(object ->> 'severity', '/', object #>> '{details,severity}')$$, 'recommendation');
-- where findings are, and what is not a finding
SELECT * FROM pg_temp.wrong('envelope', 'ocsf_item', 'input::jsonb',
    $$concat_ws(' ', location, pg_temp.reason(error, type, object))$$);
SELECT * FROM pg_temp.wrong('element', 'ocsf_item', 'input::jsonb',
    $$concat_ws(' ', location, pg_temp.reason(error, type, object))$$);
SELECT location, error
FROM ocsf_item('[{"Findings": [{}, {}]}, {"detail": {"findings": [{}]}}, {}, []]', NULL)
WHERE error IS NOT NULL ORDER BY length(location), location;

-- the key of a recommendation: never the id of a finding
SELECT i.recommendation, i.error FROM unnest(ARRAY[
    pg_temp.check('{"status_id": 1, "control": "S3.1"}', '{"metadata": {"event_code": "E"}}'),
    pg_temp.check('{"status_id": 1, "checks": [{"uid": "V-1"}]}', '{"metadata": {"event_code": "E"}}'),
    pg_temp.check('{"status_id": 1, "checks": [{"uid": "V-1"}, {"uid": "V-2"}]}', '{"metadata": {"event_code": "E"}}'),
    pg_temp.check('{"status_id": 1}', '{"finding_info": {"uid": "1", "analytic": {"uid": "rule-1", "name": "Rule"}}}'),
    pg_temp.check('{"status_id": 1}', '{"finding_info": {"uid": "1", "analytic": {"name": "Rule"}}}'),
    pg_temp.check('{"status_id": 1}'),
    pg_temp.check('{"status_id": 1, "control": {"uid": "x"}}', '{"finding_info": {"uid": "1"}}'),
    pg_temp.prowler('{"class_uid": 2003, "compliance": {"status_id": 3, "control": "C"}}'),
    pg_temp.prowler('{"metadata": {}, "finding_info": {"uid": "1", "analytic": {"uid": "rule-1"}}}'),
    pg_temp.prowler('{"metadata": {"event_code": ""}, "finding_info": {"uid": "1"}}')]) WITH ORDINALITY d(document, n),
    ocsf_item(d.document, NULL) i WHERE i.type = 'finding' ORDER BY n;

-- many products in a document
SELECT object FROM ocsf_item(jsonb_build_array(pg_temp.prowler(), pg_temp.check('{"status_id": 1}'),
                                               pg_temp.check('{"status_id": 3}')), NULL) WHERE type = 'source'
ORDER BY source;

-- the account and a device as assets
SELECT asset, asset_kind, asset_name
FROM ocsf_item(jsonb_build_array(pg_temp.prowler('{"resources": []}'),
    pg_temp.prowler('{"resources": [], "device": {"uid": "d-1", "hostname": "web1"}}')), NULL) WHERE type = 'finding'
ORDER BY asset;

-- several results of one check on one asset: the worst one counts, in any order
SELECT location, state, observed_at AT TIME ZONE 'UTC' AS observed_at, details - 'data' AS details
FROM ocsf_item((SELECT jsonb_agg(element ORDER BY n) FROM results), NULL) WHERE type = 'finding';
SELECT count(*), count(DISTINCT (type, source, recommendation, asset, state, observed_at,
                                 asset_kind, asset_name, details, object))
FROM (SELECT jsonb_agg(element ORDER BY n) AS document FROM results
      UNION ALL SELECT jsonb_agg(element ORDER BY n DESC) FROM results
      UNION ALL SELECT jsonb_agg(element ORDER BY n % 3, n) FROM results) d,
    ocsf_item(d.document, NULL);
-- the newest event of a finding counts, and nothing is repeated
SELECT location, state, details - 'data' AS details
FROM ocsf_item(jsonb_build_array(pg_temp.prowler(), pg_temp.prowler('{"time": 1709283600, "status_code": "PASS"}'),
                                 pg_temp.prowler('{"time": 1709283600, "status_code": "PASS"}'),
    pg_temp.prowler('{"time": 1709280000}')), NULL) WHERE type = 'finding';
-- an asset has one kind; "other" does not count beside another
SELECT type, asset_kind, asset_name, object ->> 'kind' AS kind, object -> 'tags' ->> 'region' AS region
FROM ocsf_item(jsonb_build_array(
    pg_temp.prowler('{"resources": [{"uid": "arn:aws:iam::111122223333:root", "type": "Other", "name": "a",
                                     "region": "us-east-1"}]}'),
    pg_temp.prowler('{"resources": [{"uid": "arn:aws:iam::111122223333:root", "type": "AwsAccount", "name": "root",
                                     "region": "us-west-1"}],
                      "metadata": {"event_code": "e2", "product": {"name": "Prowler"}}}'),
    pg_temp.prowler('{"resources": [{"uid": "arn:aws:iam::111122223333:root", "type": "AwsAccount", "name": "root",
                                     "region": "us-east-1"}],
                      "metadata": {"event_code": "e3", "product": {"name": "Prowler"}}}')), NULL)
WHERE type IN ('finding', 'asset') ORDER BY type, recommendation;
-- a control has the standards of all its findings
SELECT object #> '{details,compliance}' AS compliance FROM ocsf_item(jsonb_build_array(
    pg_temp.check('{"status_id": 1, "control": "S3.1", "standards": ["PCI"], "requirements": ["1.1", "1.2"]}'),
    pg_temp.check('{"status_id": 1, "control": "S3.1", "standards": ["CIS", "PCI"], "category": "x"}'),
    pg_temp.check('{"status_id": 1, "control": "S3.1", "standards": "all"}')), NULL) WHERE type = 'recommendation';

SELECT count(*) FROM ocsf_item(NULL, NULL);
-- an element that can't be loaded is kept
SELECT location, type, source, object FROM ocsf_item('[{"class_uid": 2001, "x": [1]}, 7, {"x": 1}]', NULL)
ORDER BY location;
SELECT location, error, object -> 'status_code' AS status_code, object -> 'resources' AS resources
FROM ocsf_item(pg_temp.prowler('{"resources": [{"uid": "a"}, {"data": 1}, 7]}'), NULL) WHERE error IS NOT NULL
ORDER BY location;
-- the mapping does not shorten keys and texts, but for the key of a source and errors
SELECT type, length(source), length(recommendation), length(asset),
       length(details ->> 'message') AS message, length(object ->> 'key') AS key, length(object ->> 'title') AS title
FROM ocsf_item(pg_temp.prowler(jsonb_build_object(
         'message', repeat('m', 100000),
         'metadata', jsonb_build_object(
             'event_code', repeat('e', 5000),
             'product', jsonb_build_object('name', repeat('p', 5000))),
         'finding_info', jsonb_build_object('title', repeat('t', 100000)),
         'resources', jsonb_build_array(jsonb_build_object('uid', repeat('u', 5000))))), NULL)
ORDER BY type;
SELECT length(error) FROM ocsf_item(jsonb_build_object('class_uid', repeat('9', 5000), 'class_name',
                                                       repeat('n', 5000)), NULL)
WHERE error IS NOT NULL;

-- loaded: the same document twice changes nothing, nor does the next scan with the same results
SELECT * FROM load('ocsf', (SELECT document FROM scan));
SELECT r.source, r.recommendation, left(r.asset, 5) AS asset, r.reason FROM rejected r
ORDER BY r.reason COLLATE "C";
SELECT s.key AS source, r.key AS recommendation, a.key AS asset, f.state,
       f.changed_at AT TIME ZONE 'UTC' AS changed_at, f.details - 'data' AS details
FROM finding f JOIN recommendation r USING (recommendation_id) JOIN source s USING (source_id)
JOIN asset a USING (asset_id) ORDER BY 1, 2, 3;
SELECT key, kind, name, tags FROM asset ORDER BY key;
SELECT key, title, severity, workload, markup, manage_url FROM recommendation ORDER BY key;
CREATE TEMP TABLE was AS SELECT 'f' AS of, f.ctid AS rank, f.xmin::text AS writer FROM finding f
UNION ALL SELECT 'r', r.ctid, r.xmin::text FROM recommendation r UNION ALL SELECT 'a', a.ctid, a.xmin::text
FROM asset a;
SELECT load('ocsf', (SELECT document FROM scan));
SELECT load('ocsf', (SELECT jsonb_agg(CASE jsonb_typeof(e)
                                          WHEN 'object' THEN
                                              jsonb_set(e || '{"time": 1709290000}',
                                                        '{metadata,product,version}', '"5.5.0"')
                                          ELSE e END ORDER BY n DESC)
                     FROM scan, jsonb_array_elements(document) WITH ORDINALITY x(e, n)));
SELECT count(*) FROM (TABLE was EXCEPT
    (SELECT 'f', f.ctid, f.xmin::text FROM finding f UNION ALL SELECT 'r', r.ctid, r.xmin::text FROM recommendation r
        UNION ALL SELECT 'a', a.ctid, a.xmin::text FROM asset a)) x;
-- a document without an element of the format
\set VERBOSITY terse
SELECT load('ocsf', '[{"x": 1}, 7]');

DISCARD TEMP;
DROP EXTENSION posture;

-- Prowler: checks and compliance frameworks.
-- tests: source/compliance_framework
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\i :include/prowler.sql
\set VERBOSITY terse

SELECT location, error, type, source, object FROM prowler_check_item(pg_temp.doc('check'), NULL);
SELECT DISTINCT source FROM prowler_check_item(pg_temp.doc('check'), 'prowler-2');
-- one check
SELECT location, error, type, object ->> 'key' AS key
FROM prowler_check_item(pg_temp.doc('check') -> 0, NULL);
-- what can't be loaded
SELECT i.location, i.error, i.type, left(i.object::text, 60) AS object
FROM bad_check v
CROSS JOIN LATERAL prowler_check_item(v.body::jsonb, NULL) i ORDER BY v.n;
SELECT type, error, length(object ->> 'key')
FROM prowler_check_item(jsonb_build_object('CheckID', repeat('k', 5000), 'CheckTitle',
    repeat('t', 1000000)), NULL);

SELECT * FROM load('prowler-checks', pg_temp.doc('check'));
SELECT key, title, description, remediation, markup, severity, workload, domain, manage_url, details
FROM recommendation ORDER BY key COLLATE "C";
SELECT * FROM load('prowler-checks', pg_temp.doc('check'));

-- frameworks: weighted, without weights, and of many providers
SELECT location, error, type, source, object FROM framework_item(pg_temp.doc('framework'), NULL);
-- what can't be loaded
SELECT i.location, i.error, i.type, left(i.object::text, 60) AS object
FROM bad_framework v
CROSS JOIN LATERAL framework_item(v.body::jsonb, NULL) i
ORDER BY v.n, i.location COLLATE "C", i.type;

SELECT * FROM load('compliance-framework', pg_temp.doc('framework'));
SELECT i.key, i.name, i.kind, i.method, m.key, m.name, m.description, im.weight, m.details,
       (SELECT array_agg(r.key::text ORDER BY r.key COLLATE "C") FROM metric_recommendation mr
       JOIN recommendation r USING (recommendation_id)
       WHERE mr.metric_id = m.metric_id) AS recommendations
FROM initiative i JOIN initiative_metric im USING (initiative_id) JOIN metric m USING (metric_id)
ORDER BY i.key COLLATE "C", m.key COLLATE "C";
SELECT * FROM load('compliance-framework', pg_temp.doc('framework'));
-- checks after frameworks fill in what was named only
SELECT changed FROM load('prowler-checks', '{"CheckID": "mfa_aws", "CheckTitle": "Of Amazon"}');
SELECT key, title FROM recommendation ORDER BY key COLLATE "C";
SELECT * FROM load('compliance-framework', '[1, {"CheckID": "a"}]');
DROP EXTENSION posture CASCADE;

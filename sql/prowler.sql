-- Prowler: checks and compliance frameworks.
-- tests: source/prowler_check, source/compliance_framework
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\set VERBOSITY terse
\i :include/item.sql
\i :include/prowler.sql

-- all items of the documents; what is expected stands beside them in test/include/prowler.sql
SELECT * FROM pg_temp.differences('prowler_check_item', pg_temp.doc('check'), pg_temp.expected('check'));
SELECT * FROM pg_temp.differences('framework_item', pg_temp.doc('framework'), pg_temp.expected('framework'));
SELECT * FROM pg_temp.differences('framework_item', pg_temp.doc('many'), pg_temp.expected('many'));
-- with the source that the caller gives
SELECT DISTINCT source FROM prowler_check_item(pg_temp.doc('check'), 'prowler-2');
-- one check
SELECT location, error, type, object ->> 'key' AS key
FROM prowler_check_item(pg_temp.doc('check') -> 0, NULL);
-- what can't be loaded: lists of cases in test/include/prowler.sql, those that are not as expected
SELECT about, count(*) FROM cases GROUP BY about ORDER BY about;
SELECT * FROM pg_temp.wrong('check', 'prowler_check_item', 'input::jsonb',
    $$concat_ws(' ', location, error, '(' || type || ')')$$, 'all');
SELECT * FROM pg_temp.wrong('framework', 'framework_item', 'input::jsonb',
    $$concat_ws(' ', location, error, '(' || type || ')')$$, 'all');
SELECT type, error, length(object ->> 'key')
FROM prowler_check_item(jsonb_build_object('CheckID', repeat('k', 5000), 'CheckTitle',
                                           repeat('t', 1000000)), NULL);

SELECT * FROM load('prowler-checks', pg_temp.doc('check'));
SELECT key, title, description, remediation, markup, severity, workload, domain, manage_url, details
FROM recommendation ORDER BY key COLLATE "C";
SELECT load('prowler-checks', pg_temp.doc('check'));

SELECT load('compliance-framework', pg_temp.doc('framework'));
SELECT i.key, i.name, i.kind, i.method, m.key, m.name, m.description, im.weight, m.details,
       (SELECT array_agg(r.key::text ORDER BY r.key COLLATE "C") FROM metric_recommendation mr
        JOIN recommendation r USING (recommendation_id)
        WHERE mr.metric_id = m.metric_id) AS recommendations
FROM initiative i JOIN initiative_metric im USING (initiative_id) JOIN metric m USING (metric_id)
ORDER BY i.key COLLATE "C", m.key COLLATE "C";
SELECT load('compliance-framework', pg_temp.doc('framework'));
-- checks that are loaded after frameworks complete recommendations that were only named
SELECT changed FROM load('prowler-checks', '{"CheckID": "mfa_aws", "CheckTitle": "Of Amazon"}');
SELECT key, title FROM recommendation ORDER BY key COLLATE "C";
SELECT load('compliance-framework', '[1, {"CheckID": "a"}]');

DISCARD TEMP;
DROP EXTENSION posture;

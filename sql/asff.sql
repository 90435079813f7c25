-- Documents of ASFF: findings of AWS Security Hub, and of products that write its format.
-- tests: source/check_item, source/check_result
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\i :include/item.sql
\i :include/asff.sql
-- the time zone of the session does not matter
SET timezone = 'America/New_York';

-- all items of one finding; what is expected stands beside it in test/include/asff.sql
SELECT * FROM pg_temp.differences('asff_item', pg_temp.control(), (SELECT control FROM expected));
SELECT * FROM pg_temp.differences('asff_item', pg_temp.prowler(), (SELECT prowler FROM expected));
-- of another source
SELECT type, source, object ->> 'name' AS name FROM asff_item(pg_temp.prowler(), 'night scan')
WHERE source IS NOT NULL;

-- lists of cases in test/include/asff.sql: those that are not as expected
SELECT about, count(*) FROM cases GROUP BY about ORDER BY about;
SELECT * FROM pg_temp.wrong('result', 'asff_item',
    $$pg_temp.control(jsonb_build_object('Compliance', jsonb_build_object('Status', input)))$$,
    'concat(pg_temp.reason(error, type, object), state)');
-- the status of the finding itself, and what the details say of it
SELECT * FROM pg_temp.wrong('status', 'asff_item', 'pg_temp.control(input::jsonb)',
    $$concat_ws(' ', state, details - '{message,status_reasons,parameters,product_fields,role,
                                         details,data_classification,Note,Confidence}'::text[])$$);
-- the key of a recommendation
SELECT * FROM pg_temp.wrong('key', 'asff_item',
    $$pg_temp.control(jsonb_build_object('GeneratorId', input,
                                         'Compliance', '{"Status": "PASSED"}'::jsonb))$$,
    'concat(recommendation, error)');
-- the source: the product by the first name that the finding gives
SELECT * FROM pg_temp.wrong('source', 'asff_item', 'pg_temp.control(input::jsonb)', 'source');
-- severities: the label, else a score from 0 to 100; others are kept in the details
SELECT * FROM pg_temp.wrong('severity', 'asff_item',
    $$pg_temp.control(jsonb_build_object('Severity', input::jsonb, 'FindingProviderFields', NULL))$$,
    $$concat(object ->> 'severity', '/', object #>> '{details,severity}')$$, 'recommendation');
-- times: the later of when the finding was observed and when it was updated
SELECT * FROM pg_temp.wrong('time', 'asff_item', 'pg_temp.control(input::jsonb)',
    'concat(error, observed_at)');
-- where findings are, and what is not a finding
SELECT * FROM pg_temp.wrong('element', 'asff_item', 'input::jsonb',
    $$concat_ws(' ', location, pg_temp.reason(error, type, object))$$);
SELECT * FROM pg_temp.wrong('resources', 'asff_item',
    $$pg_temp.control(jsonb_build_object('Resources', input::jsonb))$$, 'error');

-- several resources are several findings
SELECT location, error, source, recommendation, asset, state
FROM asff_item(jsonb_build_object('Findings', jsonb_build_array(
         pg_temp.prowler(),
         pg_temp.control('{"Resources": [{"Id": "a"}, {"Id": "b", "Type": "Other"}, {}, 7, null,
                                         {"Id": ["x"]}, {"Id": " "}]}'))), NULL)
WHERE type IS NULL OR type = 'finding' ORDER BY location;
-- several results of one check on one asset: the worst one counts, in any order
SELECT location, state, observed_at AT TIME ZONE 'UTC' AS observed_at, details
FROM asff_item((SELECT jsonb_agg(element ORDER BY n) FROM results), NULL) WHERE type = 'finding';
SELECT count(*),
       count(DISTINCT (type, source, recommendation, asset, state, observed_at, asset_kind,
                       asset_name, details, object))
FROM (SELECT jsonb_agg(element ORDER BY n) AS document FROM results
      UNION ALL
      SELECT jsonb_agg(element ORDER BY n DESC) FROM results) d, asff_item(d.document, NULL);
-- events of one finding: the newest counts
SELECT location, state
FROM asff_item(jsonb_build_array(
         jsonb_build_object('detail', jsonb_build_object('findings', jsonb_build_array(
             pg_temp.control('{"LastObservedAt": "2024-03-02T08:00:00Z",
                               "Compliance": {"Status": "PASSED",
                                              "SecurityControlId": "S3.8"}}')))),
         jsonb_build_object('detail', jsonb_build_object('findings', jsonb_build_array(
             pg_temp.control())))), NULL)
WHERE type = 'finding';
-- a control of two standards names both
SELECT object ->> 'title' AS title, object #> '{details,compliance}' AS compliance
FROM asff_item(jsonb_build_array(
         pg_temp.control('{"Id": "1", "Title": "S3.8 Block",
                           "Compliance": {"Status": "PASSED", "SecurityControlId": "S3.8",
                                          "RelatedRequirements": ["PCI 1"],
                                          "AssociatedStandards": [{"StandardsId": "pci"}]}}'),
         pg_temp.control('{"Id": "2", "Title": "PCI.S3.8 Block",
                           "Compliance": {"Status": "PASSED", "SecurityControlId": "S3.8",
                                          "RelatedRequirements": ["CIS 2", "PCI 1"],
                                          "AssociatedStandards": [{"StandardsId": "cis"}]}}')),
         NULL)
WHERE type = 'recommendation';

SELECT count(*) FROM asff_item(NULL, NULL);
-- an element that can't be loaded is kept
SELECT * FROM pg_temp.differences(
    'asff_item', '[{"Compliance": {}, "x": [1]}, 7, {"x": 1}]'::jsonb, '[
    {"location": "$[0]", "type": "finding", "source": "asff", "error": "missing Compliance.Status",
     "object": {"x": [1], "Compliance": {}}},
    {"location": "$[1]", "error": "expected an object, found a number", "object": 7},
    {"location": "$[2]", "error": "no SchemaVersion, ProductArn or GeneratorId: not a finding of ASFF",
     "object": {"x": 1}},
    {"type": "source", "source": "asff", "object": {"key": "asff", "name": "asff"}}]');
SELECT location, error, object -> 'Title' AS title, object -> 'Resources' AS resources
FROM asff_item(pg_temp.prowler('{"Resources": [{"Id": "a"}, {"Type": "b"}, 7]}'), NULL)
WHERE error IS NOT NULL ORDER BY location;
-- the mapping does not shorten keys and texts, but for the key of a source and errors
SELECT type, length(source), length(recommendation), length(asset),
       length(details ->> 'message') AS message, length(object ->> 'key') AS key,
       length(object ->> 'title') AS title
FROM asff_item(pg_temp.prowler(jsonb_build_object(
         'Description', repeat('m', 100000), 'GeneratorId', repeat('g/', 2500),
         'ProductFields', jsonb_build_object('ProviderName', repeat('p', 5000)),
         'Title', repeat('t', 100000),
         'Resources', jsonb_build_array(jsonb_build_object('Id', repeat('u', 5000))))), NULL)
ORDER BY type;
SELECT length(error)
FROM asff_item(pg_temp.prowler(jsonb_build_object(
                   'Compliance', jsonb_build_object('Status', repeat('x', 5000)))), NULL)
WHERE error IS NOT NULL;

-- loaded: the same document twice changes nothing, nor does the next scan with the same results
SELECT * FROM load('asff', (SELECT document FROM scan));
SELECT r.source, r.recommendation, r.asset, r.reason FROM rejected r ORDER BY r.reason COLLATE "C";
SELECT s.key AS source, r.key AS recommendation, a.key AS asset, f.state,
       f.changed_at AT TIME ZONE 'UTC' AS changed_at
FROM finding f JOIN recommendation r USING (recommendation_id)
JOIN source s USING (source_id) JOIN asset a USING (asset_id) ORDER BY 1, 2, 3;
SELECT key, kind, name, tags FROM asset ORDER BY key;
SELECT key, title, description, severity, manage_url FROM recommendation ORDER BY key;
SELECT load('asff', (SELECT document FROM scan));
SELECT load('asff', (SELECT jsonb_agg(CASE jsonb_typeof(e)
                                          WHEN 'object' THEN e || '{"UpdatedAt": "2024-03-02T08:00:00Z",
                                                                    "ProcessedAt": "2024-03-02T08:00:00Z"}'
                                          ELSE e END ORDER BY n DESC)
                     FROM scan,
                          jsonb_array_elements(document -> 'Findings') WITH ORDINALITY x(e, n)));
-- a document without an element of the format
\set VERBOSITY terse
SELECT load('asff', '[{"x": 1}, 7]');

DISCARD TEMP;
DROP EXTENSION posture;

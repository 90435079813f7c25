-- Documents of ASFF: findings of AWS Security Hub, and of products that write its format.
-- tests: source/check_item, source/check_result
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\i :include/asff.sql
SET timezone = 'America/New_York';

-- all that one finding says
SELECT location, type, source, recommendation, asset, state,
    observed_at AT TIME ZONE 'UTC' AS observed_at, asset_kind, asset_name,
    coalesce(object, details) AS message
FROM asff_item(pg_temp.control(), NULL);
SELECT type, source, recommendation, asset, state, asset_kind,
    coalesce(object, details) AS message
FROM asff_item(pg_temp.prowler(), NULL);
-- of another source
SELECT type, source, object ->> 'name' AS name FROM asff_item(pg_temp.prowler(), 'night scan')
WHERE source IS NOT NULL;

-- every result
SELECT v.status, f.error, f.state
FROM unnest('{PASSED,FAILED,WARNING,NOT_AVAILABLE,passed,WARNINGED,"",NULL}'::text[]) WITH
    ORDINALITY v(status, n),
    pg_temp.finding(pg_temp.control(jsonb_build_object('Compliance',
        jsonb_build_object('Status', status)))) f ORDER BY n;
-- and what became of the finding
SELECT v.differs, i.state,
    i.details - '{message,status_reasons,parameters,product_fields,role,details,data_classification,Note,Confidence}'::text[]
    AS why
FROM unnest(pg_temp.finding_statuses()) WITH ORDINALITY v(differs, n),
    asff_item(pg_temp.control(differs), NULL) i WHERE i.type = 'finding' ORDER BY n;

-- the key of a recommendation
SELECT v.generator, f.recommendation, f.error
FROM unnest('{security-control/S3.1,aws-foundational-security-best-practices/v/1.0.0/S3.1,
    pci-dss/v/3.2.1/PCI.S3.1,
    cis-aws-foundations-benchmark/v/1.4.0/3.1,
    arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0/rule/1.3,
    arn:aws:securityhub:eu-west-1:111122223333:ruleset/set/linux-baseline/rule/V-71931,
    prowler-check12,prowler-,acme/rules/17,acme-3,"",NULL}'::text[]) WITH ORDINALITY v(generator, n),
    pg_temp.finding(pg_temp.control(jsonb_build_object('GeneratorId', generator, 'Compliance',
        '{"Status": "PASSED"}'::jsonb))) f ORDER BY n;

-- the source: the product by the first name that it gives
SELECT v.differs, f.source FROM unnest(pg_temp.products()) WITH ORDINALITY v(differs, n),
    pg_temp.finding(pg_temp.control(differs)) f ORDER BY n;

-- severities: the label, else a score from 0 to 100
SELECT v.severity, i.object ->> 'severity' AS severity, i.object #>> '{details,severity}' AS told
FROM unnest(pg_temp.severities()) WITH ORDINALITY v(severity, n),
    asff_item(pg_temp.control(jsonb_build_object('Severity', severity, 'FindingProviderFields',
        NULL)), NULL) i WHERE type = 'recommendation' ORDER BY n;

-- times: the later of when it was seen and when it was written
SELECT v.differs, i.error, i.observed_at AT TIME ZONE 'UTC' AS observed_at
FROM unnest(pg_temp.times()) WITH ORDINALITY v(differs, n),
    asff_item(pg_temp.control(differs), NULL) i WHERE type = 'finding' ORDER BY n;

-- several resources are several findings
SELECT * FROM pg_temp.finding(jsonb_build_object('Findings',
    jsonb_build_array(pg_temp.prowler(),
    pg_temp.control('{"Resources": [{"Id": "a"}, {"Id": "b", "Type": "Other"}, {}, 7, null,
    {"Id": ["x"]}, {"Id": " "}]}'))));
SELECT v.resources, f.error
FROM unnest(ARRAY['[]', 'null', '{}', '"x"', '7', '[[]]']::jsonb[]) WITH ORDINALITY v(resources, n),
    pg_temp.finding(pg_temp.control(jsonb_build_object('Resources', resources))) f ORDER BY n;

-- several results of one check on one asset: the worst wins, whatever the order
SELECT location, state, observed_at AT TIME ZONE 'UTC' AS observed_at, details
FROM asff_item((SELECT jsonb_agg(element ORDER BY n) FROM pg_temp.told), NULL)
WHERE type = 'finding';
SELECT count(*),
    count(DISTINCT (type, source, recommendation, asset, state, observed_at, asset_kind, asset_name,
    details, object))
FROM (SELECT jsonb_agg(element ORDER BY n) AS document FROM pg_temp.told UNION ALL
SELECT jsonb_agg(element ORDER BY n DESC) FROM pg_temp.told) d, asff_item(d.document, NULL);
-- events of one finding: the newest counts
SELECT location, state FROM asff_item(jsonb_build_array(
    jsonb_build_object('detail',
        jsonb_build_object('findings',
        jsonb_build_array(pg_temp.control('{"LastObservedAt": "2024-03-02T08:00:00Z",
        "Compliance": {"Status": "PASSED", "SecurityControlId": "S3.8"}}')))),
    jsonb_build_object('detail',
        jsonb_build_object('findings', jsonb_build_array(pg_temp.control())))), NULL)
        WHERE type = 'finding';
-- a control that is told for two standards names both
SELECT object ->> 'title' AS title, object #> '{details,compliance}' AS compliance
FROM asff_item(jsonb_build_array(
    pg_temp.control('{"Id": "1", "Title": "S3.8 Block", "Compliance": {"Status": "PASSED",
        "SecurityControlId": "S3.8", "RelatedRequirements": ["PCI 1"],
        "AssociatedStandards": [{"StandardsId": "pci"}]}}'),
    pg_temp.control('{"Id": "2", "Title": "PCI.S3.8 Block", "Compliance": {"Status": "PASSED",
        "SecurityControlId": "S3.8", "RelatedRequirements": ["CIS 2", "PCI 1"],
        "AssociatedStandards": [{"StandardsId": "cis"}]}}')), NULL) WHERE type = 'recommendation';

-- where findings are, and what is none
SELECT v.document, f.location, f.error
FROM unnest(pg_temp.documents()) WITH ORDINALITY v(document, n)
LEFT JOIN pg_temp.finding(v.document) f ON true ORDER BY n, f.location;
SELECT count(*) FROM asff_item(NULL, NULL);
-- nothing of it is lost
SELECT location, type, source, object
FROM asff_item('[{"SchemaVersion": "2018-10-08", "x": [1]}, 7, {"x": 1}]', NULL) ORDER BY location;
SELECT location, error, object -> 'Title' AS title, object -> 'Resources' AS resources
FROM asff_item(pg_temp.prowler('{"Resources": [{"Id": "a"}, {"Type": "b"}, 7]}'), NULL)
WHERE error IS NOT NULL ORDER BY location;
-- long keys and texts are the loader's to judge
SELECT type, length(source), length(recommendation), length(asset),
    length(details ->> 'message') AS message, length(object ->> 'key') AS key,
    length(object ->> 'title') AS title
FROM asff_item(pg_temp.prowler(jsonb_build_object('Description', repeat('m', 100000), 'GeneratorId',
    repeat('g/', 2500), 'ProductFields', jsonb_build_object('ProviderName', repeat('p', 5000)),
    'Title', repeat('t', 100000), 'Resources',
        jsonb_build_array(jsonb_build_object('Id', repeat('u', 5000))))), NULL) ORDER BY type;
SELECT length(error)
FROM asff_item(pg_temp.prowler(jsonb_build_object('Compliance',
    jsonb_build_object('Status', repeat('x', 5000)))), NULL) WHERE error IS NOT NULL;

-- loaded: twice is once, and the next scan of the same changes no finding
SELECT * FROM load('asff', (SELECT document FROM pg_temp.scan));
SELECT r.source, r.recommendation, r.asset, r.reason FROM rejected r ORDER BY r.reason COLLATE "C";
SELECT s.key AS source, r.key AS recommendation, a.key AS asset, f.state,
    f.changed_at AT TIME ZONE 'UTC' AS changed_at
FROM finding f JOIN recommendation r USING (recommendation_id) JOIN source s USING (source_id)
JOIN asset a USING (asset_id) ORDER BY 1, 2, 3;
SELECT key, kind, name, tags FROM asset ORDER BY key;
SELECT key, title, description, severity, manage_url FROM recommendation ORDER BY key;
SELECT * FROM load('asff', (SELECT document FROM pg_temp.scan));
SELECT * FROM load('asff',
    (SELECT jsonb_agg(CASE jsonb_typeof(e)
    WHEN 'object' THEN e || '{"UpdatedAt": "2024-03-02T08:00:00Z",
    "ProcessedAt": "2024-03-02T08:00:00Z"}' ELSE e END ORDER BY n DESC)
                            FROM pg_temp.scan,
                                jsonb_array_elements(document -> 'Findings') WITH ORDINALITY x(e,
                                n)));
-- a document without anything of the format is refused
\set VERBOSITY terse
SELECT * FROM load('asff', '[{"x": 1}, 7]');

DISCARD TEMP;
DROP EXTENSION posture;

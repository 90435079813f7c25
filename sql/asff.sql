-- Documents of ASFF: findings of AWS Security Hub, and of products that write its format.
CREATE EXTENSION posture;
\pset format unaligned
\pset fieldsep ' | '
SET search_path = posture, posture_internal, public;
\set SHOW_CONTEXT never
SET timezone = 'America/New_York';

-- a finding of a control of Security Hub, with what differs put into it
CREATE FUNCTION pg_temp.control(differs jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql
RETURN '{
    "SchemaVersion": "2018-10-08", "Id": "arn:aws:securityhub:eu-west-1:111122223333:security-control/S3.8/finding/1",
    "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/securityhub", "ProductName": "Security Hub", "CompanyName": "AWS", "Region": "eu-west-1",
    "GeneratorId": "security-control/S3.8", "AwsAccountId": "111122223333", "AwsAccountName": "test",
    "Types": ["Software and Configuration Checks/Industry and Regulatory Standards"],
    "FirstObservedAt": "2024-01-01T00:00:00.000Z", "LastObservedAt": "2024-03-01T08:00:05.000Z", "CreatedAt": "2024-01-01T00:00:00.000Z",
    "UpdatedAt": "2024-03-01T08:00:00.000Z", "ProcessedAt": "2024-03-01T08:00:09.000Z",
    "Severity": {"Label": "HIGH", "Normalized": 70, "Original": "HIGH"},
    "Title": "Buckets should block public access", "Description": "This control checks whether a bucket blocks it.",
    "Remediation": {"Recommendation": {"Text": "Block it.", "Url": "https://docs.example.com/S3.8"}},
    "ProductFields": {"RelatedAWSResources:0/name": "rule-1", "aws/securityhub/ProductName": "Security Hub", "aws/securityhub/CompanyName": "AWS",
                      "aws/securityhub/FindingId": "arn:x", "aws/securityhub/annotation": "It is open."},
    "Resources": [{"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::logs", "Partition": "aws", "Region": "eu-west-1", "Tags": {"env": "test"}, "ResourceRole": "Target",
                   "ApplicationName": "shop", "Details": {"AwsS3Bucket": {"Name": "logs", "OwnerId": null}}, "DataClassification": {"MimeType": "x"}}],
    "Compliance": {"Status": "FAILED", "SecurityControlId": "S3.8", "RelatedRequirements": ["NIST AC-3", "PCI 1.2.1"], "AssociatedStandards": [{"StandardsId": "standards/pci"}],
                   "StatusReasons": [{"ReasonCode": "X", "Description": "x"}], "SecurityControlParameters": [{"Name": "p", "Value": ["1"]}]},
    "WorkflowState": "NEW", "Workflow": {"Status": "NEW"}, "RecordState": "ACTIVE",
    "FindingProviderFields": {"Severity": {"Label": "HIGH"}, "Types": ["Software and Configuration Checks/Industry and Regulatory Standards"]},
    "Note": {"Text": "seen"}, "Confidence": 90
}'::jsonb || differs;

-- and one as Prowler writes it
CREATE FUNCTION pg_temp.prowler(differs jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql
RETURN '{
    "SchemaVersion": "2018-10-08", "Id": "prowler-user_has_mfa-111122223333-us-east-1-1", "ProductArn": "arn:aws:securityhub:us-east-1::product/prowler/prowler",
    "RecordState": "ACTIVE", "ProductFields": {"ProviderName": "Prowler", "ProviderVersion": "5.4.0", "ProwlerResourceName": "root"},
    "GeneratorId": "prowler-user_has_mfa", "AwsAccountId": "111122223333", "Types": ["Software and Configuration Checks"],
    "FirstObservedAt": "2024-03-01T08:00:00Z", "UpdatedAt": "2024-03-01T08:00:00Z", "CreatedAt": "2024-03-01T08:00:00Z", "Severity": {"Label": "INFORMATIONAL"},
    "Title": "[check12] Users have a second factor", "Description": "User a has none.",
    "Resources": [{"Type": "AwsAccount", "Id": "AWS::::Account:111122223333", "Partition": "aws", "Region": "us-east-1"}],
    "Compliance": {"Status": "FAILED", "RelatedRequirements": ["CIS-3.0 1.10"], "AssociatedStandards": [{"StandardsId": "CIS-3.0"}]},
    "Remediation": {"Recommendation": {"Text": "Give them one.", "Url": "javascript:x"}}
}'::jsonb || differs;

CREATE FUNCTION pg_temp.finding(document jsonb) RETURNS TABLE (location text, error text, source text, recommendation text, asset text, state text)
LANGUAGE sql AS $$
    SELECT i.location, i.error, i.source, left(i.recommendation, 50), left(i.asset, 40), i.state
    FROM posture_internal.asff_item(document, NULL) i
    WHERE i.type = 'finding' OR i.type IS NULL
    ORDER BY length(i.location), i.location
$$;

-- all that one finding says
SELECT location, type, source, recommendation, asset, state, observed_at AT TIME ZONE 'UTC' AS observed_at, asset_kind, asset_name, jsonb_pretty(coalesce(object, details)) AS message
FROM asff_item(pg_temp.control(), NULL);
SELECT type, source, recommendation, asset, state, asset_kind, jsonb_pretty(coalesce(object, details)) AS message
FROM asff_item(pg_temp.prowler(), NULL);
-- of another source
SELECT type, source, object ->> 'name' AS name FROM asff_item(pg_temp.prowler(), 'night scan') WHERE source IS NOT NULL;

-- every result
SELECT v.status, f.error, f.state FROM unnest('{PASSED,FAILED,WARNING,NOT_AVAILABLE,passed,WARNINGED,"",NULL}'::text[]) WITH ORDINALITY v(status, n),
    pg_temp.finding(pg_temp.control(jsonb_build_object('Compliance', jsonb_build_object('Status', status)))) f ORDER BY n;
-- and what became of the finding
SELECT v.differs, i.state, i.details - '{message,status_reasons,parameters,product_fields,role,details,data_classification,Note,Confidence}'::text[] AS why
FROM unnest(ARRAY['{}', '{"RecordState": "ARCHIVED"}', '{"Workflow": {"Status": "SUPPRESSED"}}', '{"Workflow": {"Status": "RESOLVED"}}', '{"Workflow": {"Status": "NOTIFIED"}}', '{"Workflow": null, "WorkflowState": "SUPPRESSED"}',
    '{"WorkflowState": "SUPPRESSED"}', '{"WorkflowState": "RESOLVED"}', '{"Workflow": null, "WorkflowState": null, "RecordState": null}', '{"Compliance": {"Status": "PASSED"}, "RecordState": "ARCHIVED"}',
    '{"Compliance": {"Status": "NOT_AVAILABLE", "StatusReasons": [{"ReasonCode": "R"}]}}', '{"Compliance": {"Status": "WARNING"}}']::jsonb[]) WITH ORDINALITY v(differs, n),
    asff_item(pg_temp.control(differs), NULL) i WHERE i.type = 'finding' ORDER BY n;

-- the key of a recommendation
SELECT v.generator, f.recommendation, f.error FROM unnest('{security-control/S3.1,aws-foundational-security-best-practices/v/1.0.0/S3.1,pci-dss/v/3.2.1/PCI.S3.1,cis-aws-foundations-benchmark/v/1.4.0/3.1,
    arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0/rule/1.3,arn:aws:securityhub:eu-west-1:111122223333:ruleset/set/linux-baseline/rule/V-71931,
    prowler-check12,prowler-,acme/rules/17,acme-3,"",NULL}'::text[]) WITH ORDINALITY v(generator, n),
    pg_temp.finding(pg_temp.control(jsonb_build_object('GeneratorId', generator, 'Compliance', '{"Status": "PASSED"}'::jsonb))) f ORDER BY n;

-- the source: the product by the first name that it gives
SELECT v.differs, f.source FROM unnest(ARRAY['{}', '{"ProductName": "Security Hub CSPM"}', '{"ProductName": null}', '{"ProductName": null, "ProductFields": {}}', '{"ProductName": null, "ProductFields": null, "ProductArn": "x", "CompanyName": "Acme Ltd."}',
    '{"ProductFields": {"ProviderName": "Prowler"}}', '{"ProductName": "Inspector"}', '{"ProductName": null, "ProductFields": {}, "ProductArn": "arn:aws:securityhub:eu-west-1::product/acme/scan-it"}',
    '{"ProductName": "Default", "CompanyName": "Personal", "ProductFields": {}, "ProductArn": "arn:aws:securityhub:eu-west-1:111122223333:product/111122223333/default"}',
    '{"ProductName": {}, "ProductFields": [], "ProductArn": 7, "CompanyName": ""}']::jsonb[]) WITH ORDINALITY v(differs, n),
    pg_temp.finding(pg_temp.control(differs)) f ORDER BY n;

-- severities: the label, else a score from 0 to 100
SELECT v.severity, i.object ->> 'severity' AS severity, i.object #>> '{details,severity}' AS told FROM unnest(ARRAY['{"Label": "INFORMATIONAL"}', '{"Label": "LOW"}', '{"Label": "MEDIUM"}', '{"Label": "HIGH"}', '{"Label": "CRITICAL"}',
    '{"Label": "LOW", "Normalized": 100}', '{"Normalized": 0}', '{"Normalized": 1}', '{"Normalized": 39}', '{"Normalized": 40}', '{"Normalized": 69}', '{"Normalized": 70}', '{"Normalized": 89}', '{"Normalized": 90}', '{"Normalized": 100}',
    '{"Normalized": 101}', '{"Product": 40}', '{"Normalized": "70"}', '{"Original": "Critical"}', '{}', '7']::jsonb[]) WITH ORDINALITY v(severity, n),
    asff_item(pg_temp.control(jsonb_build_object('Severity', severity, 'FindingProviderFields', NULL)), NULL) i WHERE type = 'recommendation' ORDER BY n;

-- times: the later of when it was seen and when it was written
SELECT v.differs, i.error, i.observed_at AT TIME ZONE 'UTC' AS observed_at FROM unnest(ARRAY['{}', '{"LastObservedAt": "2024-02-01T00:00:00Z"}', '{"LastObservedAt": null}', '{"UpdatedAt": null}', '{"LastObservedAt": null, "UpdatedAt": null}',
    '{"LastObservedAt": null, "UpdatedAt": "2024-02-29T23:00:00.123+01:00"}', '{"LastObservedAt": "soon"}', '{"LastObservedAt": "soon", "UpdatedAt": 7, "CreatedAt": null}', '{"LastObservedAt": null, "UpdatedAt": null, "CreatedAt": null}',
    '{"LastObservedAt": "2024-02-30T00:00:00Z", "UpdatedAt": null, "CreatedAt": null}', '{"LastObservedAt": "2024-03-01", "UpdatedAt": null}', '{"LastObservedAt": null, "UpdatedAt": "2024-03-01T08:00:00"}']::jsonb[]) WITH ORDINALITY v(differs, n),
    asff_item(pg_temp.control(differs), NULL) i WHERE type = 'finding' ORDER BY n;

-- several resources are several findings
SELECT * FROM pg_temp.finding(jsonb_build_object('Findings', jsonb_build_array(pg_temp.prowler(), pg_temp.control('{"Resources": [{"Id": "a"}, {"Id": "b", "Type": "Other"}, {}, 7, null, {"Id": ["x"]}, {"Id": " "}]}'))));
SELECT v.resources, f.error FROM unnest(ARRAY['[]', 'null', '{}', '"x"', '7', '[[]]']::jsonb[]) WITH ORDINALITY v(resources, n), pg_temp.finding(pg_temp.control(jsonb_build_object('Resources', resources))) f ORDER BY n;

-- several results of one check on one asset: the worst wins, whatever the order
CREATE TABLE pg_temp.told AS SELECT pg_temp.prowler(differs) AS element, n
FROM unnest(ARRAY['{}', '{"Id": "2", "Description": "User b has none.", "UpdatedAt": "2024-03-01T08:00:01Z"}', '{"Id": "3", "Description": "User c has one.", "Compliance": {"Status": "PASSED"}}',
    '{"Id": "4", "Description": "User d is muted.", "Compliance": {"Status": "WARNING"}, "Title": "A"}']::jsonb[]) WITH ORDINALITY v(differs, n);
SELECT location, state, observed_at AT TIME ZONE 'UTC' AS observed_at, details FROM asff_item((SELECT jsonb_agg(element ORDER BY n) FROM pg_temp.told), NULL) WHERE type = 'finding';
SELECT count(*), count(DISTINCT (type, source, recommendation, asset, state, observed_at, asset_kind, asset_name, details, object))
FROM (SELECT jsonb_agg(element ORDER BY n) AS document FROM pg_temp.told UNION ALL SELECT jsonb_agg(element ORDER BY n DESC) FROM pg_temp.told) d, asff_item(d.document, NULL);
-- events of one finding: the newest counts
SELECT location, state FROM asff_item(jsonb_build_array(
    jsonb_build_object('detail', jsonb_build_object('findings', jsonb_build_array(pg_temp.control('{"LastObservedAt": "2024-03-02T08:00:00Z", "Compliance": {"Status": "PASSED", "SecurityControlId": "S3.8"}}')))),
    jsonb_build_object('detail', jsonb_build_object('findings', jsonb_build_array(pg_temp.control())))), NULL) WHERE type = 'finding';
-- a control that is told for two standards names both
SELECT object ->> 'title' AS title, object #> '{details,compliance}' AS compliance FROM asff_item(jsonb_build_array(
    pg_temp.control('{"Id": "1", "Title": "S3.8 Block", "Compliance": {"Status": "PASSED", "SecurityControlId": "S3.8", "RelatedRequirements": ["PCI 1"], "AssociatedStandards": [{"StandardsId": "pci"}]}}'),
    pg_temp.control('{"Id": "2", "Title": "PCI.S3.8 Block", "Compliance": {"Status": "PASSED", "SecurityControlId": "S3.8", "RelatedRequirements": ["CIS 2", "PCI 1"], "AssociatedStandards": [{"StandardsId": "cis"}]}}')), NULL) WHERE type = 'recommendation';

-- where findings are, and what is none
SELECT v.document, f.location, f.error FROM unnest(ARRAY['{"Findings": [{"SchemaVersion": "2018-10-08"}, {}]}', '{"version": "0", "detail": {"findings": [{"Compliance": {}}]}}', '{"Findings": []}', '[]',
    '7', '"x"', 'null', 'true', '[7, "GeneratorId", null, ["GeneratorId"], {}]', '{}', '{"Findings": {}}', '{"GeneratorId": "x"}', '{"Compliance": {"Status": "PASSED"}}', '{"Compliance": "PASSED"}',
    '{"Compliance": {"Status": {}}, "GeneratorId": {}}', '{"Compliance": {"Status": "PASSED"}, "GeneratorId": ["x"]}', '{"Compliance": {"Status": "PASSED"}, "GeneratorId": "x"}',
    '{"Compliance": {"Status": "PASSED", "RelatedRequirements": 7, "StatusReasons": 7}, "GeneratorId": "x", "ProductFields": 7, "FindingProviderFields": 7, "Workflow": 7, "RecordState": {}, "Title": [], "Remediation": 7, "Severity": 7, "Types": 7, "Resources": [{"Id": 7, "Type": 7, "Tags": 7, "Details": 7}]}',
    '{"Compliance": {"Status": "PASSED", "SecurityControlId": {}}, "GeneratorId": ""}']::jsonb[]) WITH ORDINALITY v(document, n)
LEFT JOIN pg_temp.finding(v.document) f ON true ORDER BY n, f.location;
SELECT count(*) FROM asff_item(NULL, NULL);
-- nothing of it is lost
SELECT location, type, source, object FROM asff_item('[{"SchemaVersion": "2018-10-08", "x": [1]}, 7, {"x": 1}]', NULL) ORDER BY location;
SELECT location, error, object -> 'Title' AS title, object -> 'Resources' AS resources FROM asff_item(pg_temp.prowler('{"Resources": [{"Id": "a"}, {"Type": "b"}, 7]}'), NULL) WHERE error IS NOT NULL ORDER BY location;
-- long keys and texts are the loader's to judge
SELECT type, length(source), length(recommendation), length(asset), length(details ->> 'message') AS message, length(object ->> 'key') AS key, length(object ->> 'title') AS title
FROM asff_item(pg_temp.prowler(jsonb_build_object('Description', repeat('m', 100000), 'GeneratorId', repeat('g/', 2500), 'ProductFields', jsonb_build_object('ProviderName', repeat('p', 5000)),
    'Title', repeat('t', 100000), 'Resources', jsonb_build_array(jsonb_build_object('Id', repeat('u', 5000))))), NULL) ORDER BY type;
SELECT length(error) FROM asff_item(pg_temp.prowler(jsonb_build_object('Compliance', jsonb_build_object('Status', repeat('x', 5000)))), NULL) WHERE error IS NOT NULL;

-- loaded: twice is once, and the next scan of the same changes no finding
CREATE TABLE pg_temp.scan AS SELECT jsonb_build_object('Findings', jsonb_agg(element ORDER BY n)) AS document FROM (
    SELECT element, n FROM pg_temp.told
    UNION ALL VALUES (pg_temp.control(), 11), (pg_temp.control('{"Id": "2", "Resources": [{"Id": "arn:aws:s3:::tmp", "Type": "AwsS3Bucket"}, {"Id": "arn:aws:s3:::old", "Type": "AwsS3Bucket"}], "Workflow": {"Status": "SUPPRESSED"}}'), 12),
        (pg_temp.control('{"Compliance": null}'), 13), (pg_temp.control('{"Compliance": {"Status": "BROKEN"}}'), 14), ('7', 15)) x;
SELECT * FROM load('asff', (SELECT document FROM pg_temp.scan));
SELECT r.source, r.recommendation, r.asset, r.reason FROM rejected r ORDER BY r.reason COLLATE "C";
SELECT s.key AS source, r.key AS recommendation, a.key AS asset, f.state, f.changed_at AT TIME ZONE 'UTC' AS changed_at
FROM finding f JOIN recommendation r USING (recommendation_id) JOIN source s USING (source_id) JOIN asset a USING (asset_id) ORDER BY 1, 2, 3;
SELECT key, kind, name, tags FROM asset ORDER BY key;
SELECT key, title, description, severity, manage_url FROM recommendation ORDER BY key;
SELECT * FROM load('asff', (SELECT document FROM pg_temp.scan));
SELECT * FROM load('asff', (SELECT jsonb_agg(CASE jsonb_typeof(e) WHEN 'object' THEN e || '{"UpdatedAt": "2024-03-02T08:00:00Z", "ProcessedAt": "2024-03-02T08:00:00Z"}' ELSE e END ORDER BY n DESC)
                            FROM pg_temp.scan, jsonb_array_elements(document -> 'Findings') WITH ORDINALITY x(e, n)));
-- a document without anything of the format is refused
\set VERBOSITY terse
SELECT * FROM load('asff', '[{"x": 1}, 7]');

DISCARD TEMP;
DROP EXTENSION posture;

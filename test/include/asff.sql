\set ECHO none
-- Functions and documents of the test asff.
-- a finding of a control of Security Hub, with what differs put into it
CREATE FUNCTION pg_temp.control(differs jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql
RETURN '{
    "SchemaVersion": "2018-10-08",
        "Id": "arn:aws:securityhub:eu-west-1:111122223333:security-control/S3.8/finding/1",
    "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/securityhub",
        "ProductName": "Security Hub", "CompanyName": "AWS", "Region": "eu-west-1",
    "GeneratorId": "security-control/S3.8", "AwsAccountId": "111122223333",
        "AwsAccountName": "test",
    "Types": ["Software and Configuration Checks/Industry and Regulatory Standards"],
    "FirstObservedAt": "2024-01-01T00:00:00.000Z", "LastObservedAt": "2024-03-01T08:00:05.000Z",
        "CreatedAt": "2024-01-01T00:00:00.000Z",
    "UpdatedAt": "2024-03-01T08:00:00.000Z", "ProcessedAt": "2024-03-01T08:00:09.000Z",
    "Severity": {"Label": "HIGH", "Normalized": 70, "Original": "HIGH"},
    "Title": "Buckets should block public access",
        "Description": "This control checks whether a bucket blocks it.",
    "Remediation": {"Recommendation": {"Text": "Block it.",
        "Url": "https://docs.example.com/S3.8"}},
    "ProductFields": {"RelatedAWSResources:0/name": "rule-1",
        "aws/securityhub/ProductName": "Security Hub", "aws/securityhub/CompanyName": "AWS",
                      "aws/securityhub/FindingId": "arn:x",
                          "aws/securityhub/annotation": "It is open."},
    "Resources": [{"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::logs", "Partition": "aws",
        "Region": "eu-west-1", "Tags": {"env": "test"}, "ResourceRole": "Target",
                   "ApplicationName": "shop", "Details": {"AwsS3Bucket": {"Name": "logs",
                       "OwnerId": null}}, "DataClassification": {"MimeType": "x"}}],
    "Compliance": {"Status": "FAILED", "SecurityControlId": "S3.8",
        "RelatedRequirements": ["NIST AC-3", "PCI 1.2.1"],
        "AssociatedStandards": [{"StandardsId": "standards/pci"}],
                   "StatusReasons": [{"ReasonCode": "X", "Description": "x"}],
                       "SecurityControlParameters": [{"Name": "p", "Value": ["1"]}]},
    "WorkflowState": "NEW", "Workflow": {"Status": "NEW"}, "RecordState": "ACTIVE",
    "FindingProviderFields": {"Severity": {"Label": "HIGH"},
        "Types": ["Software and Configuration Checks/Industry and Regulatory Standards"]},
    "Note": {"Text": "seen"}, "Confidence": 90
}'::jsonb || differs;
-- and one as Prowler writes it
CREATE FUNCTION pg_temp.prowler(differs jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql
RETURN '{
    "SchemaVersion": "2018-10-08", "Id": "prowler-user_has_mfa-111122223333-us-east-1-1",
        "ProductArn": "arn:aws:securityhub:us-east-1::product/prowler/prowler",
    "RecordState": "ACTIVE", "ProductFields": {"ProviderName": "Prowler",
        "ProviderVersion": "5.4.0", "ProwlerResourceName": "root"},
    "GeneratorId": "prowler-user_has_mfa", "AwsAccountId": "111122223333",
        "Types": ["Software and Configuration Checks"],
    "FirstObservedAt": "2024-03-01T08:00:00Z", "UpdatedAt": "2024-03-01T08:00:00Z",
        "CreatedAt": "2024-03-01T08:00:00Z", "Severity": {"Label": "INFORMATIONAL"},
    "Title": "[check12] Users have a second factor", "Description": "User a has none.",
    "Resources": [{"Type": "AwsAccount", "Id": "AWS::::Account:111122223333", "Partition": "aws",
        "Region": "us-east-1"}],
    "Compliance": {"Status": "FAILED", "RelatedRequirements": ["CIS-3.0 1.10"],
        "AssociatedStandards": [{"StandardsId": "CIS-3.0"}]},
    "Remediation": {"Recommendation": {"Text": "Give them one.", "Url": "javascript:x"}}
}'::jsonb || differs;
CREATE FUNCTION pg_temp.finding(document jsonb)
    RETURNS TABLE (location text, error text, source text, recommendation text, asset text,
    state text)
LANGUAGE sql AS $$
    SELECT i.location, i.error, i.source, left(i.recommendation, 50), left(i.asset, 40), i.state
    FROM posture_internal.asff_item(document, NULL) i
    WHERE i.type = 'finding' OR i.type IS NULL
    ORDER BY length(i.location), i.location
$$;
CREATE FUNCTION pg_temp.finding_statuses() RETURNS jsonb[] LANGUAGE sql RETURN
    ARRAY['{}', '{"RecordState": "ARCHIVED"}', '{"Workflow": {"Status": "SUPPRESSED"}}',
        '{"Workflow": {"Status": "RESOLVED"}}', '{"Workflow": {"Status": "NOTIFIED"}}',
        '{"Workflow": null, "WorkflowState": "SUPPRESSED"}',
    '{"WorkflowState": "SUPPRESSED"}', '{"WorkflowState": "RESOLVED"}',
        '{"Workflow": null, "WorkflowState": null, "RecordState": null}',
        '{"Compliance": {"Status": "PASSED"}, "RecordState": "ARCHIVED"}',
    '{"Compliance": {"Status": "NOT_AVAILABLE", "StatusReasons": [{"ReasonCode": "R"}]}}',
        '{"Compliance": {"Status": "WARNING"}}']::jsonb[];
CREATE FUNCTION pg_temp.products() RETURNS jsonb[] LANGUAGE sql RETURN
    ARRAY['{}', '{"ProductName": "Security Hub CSPM"}', '{"ProductName": null}',
        '{"ProductName": null, "ProductFields": {}}',
        '{"ProductName": null, "ProductFields": null, "ProductArn": "x",
        "CompanyName": "Acme Ltd."}',
    '{"ProductFields": {"ProviderName": "Prowler"}}', '{"ProductName": "Inspector"}',
        '{"ProductName": null, "ProductFields": {},
        "ProductArn": "arn:aws:securityhub:eu-west-1::product/acme/scan-it"}',
    '{"ProductName": "Default", "CompanyName": "Personal", "ProductFields": {},
        "ProductArn": "arn:aws:securityhub:eu-west-1:111122223333:product/111122223333/default"}',
    '{"ProductName": {}, "ProductFields": [], "ProductArn": 7, "CompanyName": ""}']::jsonb[];
CREATE FUNCTION pg_temp.severities() RETURNS jsonb[] LANGUAGE sql RETURN
    ARRAY['{"Label": "INFORMATIONAL"}', '{"Label": "LOW"}', '{"Label": "MEDIUM"}',
        '{"Label": "HIGH"}', '{"Label": "CRITICAL"}',
    '{"Label": "LOW", "Normalized": 100}', '{"Normalized": 0}', '{"Normalized": 1}',
        '{"Normalized": 39}', '{"Normalized": 40}', '{"Normalized": 69}', '{"Normalized": 70}',
        '{"Normalized": 89}', '{"Normalized": 90}', '{"Normalized": 100}',
    '{"Normalized": 101}', '{"Product": 40}', '{"Normalized": "70"}', '{"Original": "Critical"}',
        '{}', '7']::jsonb[];
CREATE FUNCTION pg_temp.times() RETURNS jsonb[] LANGUAGE sql RETURN
    ARRAY['{}', '{"LastObservedAt": "2024-02-01T00:00:00Z"}', '{"LastObservedAt": null}',
        '{"UpdatedAt": null}', '{"LastObservedAt": null, "UpdatedAt": null}',
    '{"LastObservedAt": null, "UpdatedAt": "2024-02-29T23:00:00.123+01:00"}',
        '{"LastObservedAt": "soon"}',
        '{"LastObservedAt": "soon", "UpdatedAt": 7, "CreatedAt": null}',
        '{"LastObservedAt": null, "UpdatedAt": null, "CreatedAt": null}',
    '{"LastObservedAt": "2024-02-30T00:00:00Z", "UpdatedAt": null, "CreatedAt": null}',
        '{"LastObservedAt": "2024-03-01", "UpdatedAt": null}',
        '{"LastObservedAt": null, "UpdatedAt": "2024-03-01T08:00:00"}']::jsonb[];
CREATE TABLE pg_temp.told AS SELECT pg_temp.prowler(differs) AS element, n
FROM unnest(ARRAY['{}',
    '{"Id": "2", "Description": "User b has none.", "UpdatedAt": "2024-03-01T08:00:01Z"}',
    '{"Id": "3", "Description": "User c has one.", "Compliance": {"Status": "PASSED"}}',
    '{"Id": "4", "Description": "User d is muted.", "Compliance": {"Status": "WARNING"},
        "Title": "A"}']::jsonb[]) WITH ORDINALITY v(differs, n);
CREATE FUNCTION pg_temp.documents() RETURNS jsonb[] LANGUAGE sql RETURN
    ARRAY['{"Findings": [{"SchemaVersion": "2018-10-08"}, {}]}',
        '{"version": "0", "detail": {"findings": [{"Compliance": {}}]}}', '{"Findings": []}', '[]',
    '7', '"x"', 'null', 'true', '[7, "GeneratorId", null, ["GeneratorId"], {}]', '{}',
        '{"Findings": {}}', '{"GeneratorId": "x"}', '{"Compliance": {"Status": "PASSED"}}',
        '{"Compliance": "PASSED"}',
    '{"Compliance": {"Status": {}}, "GeneratorId": {}}',
        '{"Compliance": {"Status": "PASSED"}, "GeneratorId": ["x"]}',
        '{"Compliance": {"Status": "PASSED"}, "GeneratorId": "x"}',
    '{"Compliance": {"Status": "PASSED", "RelatedRequirements": 7, "StatusReasons": 7},
        "GeneratorId": "x", "ProductFields": 7, "FindingProviderFields": 7, "Workflow": 7,
        "RecordState": {}, "Title": [], "Remediation": 7, "Severity": 7, "Types": 7,
        "Resources": [{"Id": 7, "Type": 7, "Tags": 7, "Details": 7}]}',
    '{"Compliance": {"Status": "PASSED", "SecurityControlId": {}}, "GeneratorId": ""}']::jsonb[];
CREATE TABLE pg_temp.scan AS
SELECT jsonb_build_object('Findings', jsonb_agg(element ORDER BY n)) AS document FROM (
    SELECT element, n FROM pg_temp.told
    UNION ALL VALUES (pg_temp.control(), 11),
        (pg_temp.control('{"Id": "2", "Resources": [{"Id": "arn:aws:s3:::tmp",
        "Type": "AwsS3Bucket"}, {"Id": "arn:aws:s3:::old", "Type": "AwsS3Bucket"}],
        "Workflow": {"Status": "SUPPRESSED"}}'), 12),
        (pg_temp.control('{"Compliance": null}'), 13),
            (pg_temp.control('{"Compliance": {"Status": "BROKEN"}}'), 14), ('7', 15)) x;
\set ECHO all

\set ECHO none
-- Findings of ASFF, with the given fields replaced. Needs item.sql.

-- a finding of a control of Security Hub
CREATE FUNCTION pg_temp.control(replaced jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql
RETURN '{
    "SchemaVersion": "2018-10-08",
    "Id": "arn:aws:securityhub:eu-west-1:111122223333:security-control/S3.8/finding/1",
    "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/securityhub",
    "ProductName": "Security Hub", "CompanyName": "AWS", "Region": "eu-west-1",
    "GeneratorId": "security-control/S3.8",
    "AwsAccountId": "111122223333", "AwsAccountName": "test",
    "Types": ["Software and Configuration Checks/Industry and Regulatory Standards"],
    "FirstObservedAt": "2024-01-01T00:00:00.000Z", "LastObservedAt": "2024-03-01T08:00:05.000Z",
    "CreatedAt": "2024-01-01T00:00:00.000Z", "UpdatedAt": "2024-03-01T08:00:00.000Z",
    "ProcessedAt": "2024-03-01T08:00:09.000Z",
    "Severity": {"Label": "HIGH", "Normalized": 70, "Original": "HIGH"},
    "Title": "Buckets should block public access",
    "Description": "This control checks whether a bucket blocks it.",
    "Remediation": {"Recommendation": {"Text": "Block it.", "Url": "https://docs.example.com/S3.8"}},
    "ProductFields": {"RelatedAWSResources:0/name": "rule-1",
                      "aws/securityhub/ProductName": "Security Hub",
                      "aws/securityhub/CompanyName": "AWS",
                      "aws/securityhub/FindingId": "arn:x",
                      "aws/securityhub/annotation": "It is open."},
    "Resources": [{"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::logs", "Partition": "aws",
                   "Region": "eu-west-1", "Tags": {"env": "test"}, "ResourceRole": "Target",
                   "ApplicationName": "shop",
                   "Details": {"AwsS3Bucket": {"Name": "logs", "OwnerId": null}},
                   "DataClassification": {"MimeType": "x"}}],
    "Compliance": {"Status": "FAILED", "SecurityControlId": "S3.8",
                   "RelatedRequirements": ["NIST AC-3", "PCI 1.2.1"],
                   "AssociatedStandards": [{"StandardsId": "standards/pci"}],
                   "StatusReasons": [{"ReasonCode": "X", "Description": "x"}],
                   "SecurityControlParameters": [{"Name": "p", "Value": ["1"]}]},
    "WorkflowState": "NEW", "Workflow": {"Status": "NEW"}, "RecordState": "ACTIVE",
    "FindingProviderFields": {
        "Severity": {"Label": "HIGH"},
        "Types": ["Software and Configuration Checks/Industry and Regulatory Standards"]},
    "Note": {"Text": "seen"}, "Confidence": 90
}'::jsonb || replaced;

-- a finding as Prowler writes it
CREATE FUNCTION pg_temp.prowler(replaced jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql
RETURN '{
    "SchemaVersion": "2018-10-08", "Id": "prowler-user_has_mfa-111122223333-us-east-1-1",
    "ProductArn": "arn:aws:securityhub:us-east-1::product/prowler/prowler",
    "RecordState": "ACTIVE",
    "ProductFields": {"ProviderName": "Prowler", "ProviderVersion": "5.4.0",
                      "ProwlerResourceName": "root"},
    "GeneratorId": "prowler-user_has_mfa", "AwsAccountId": "111122223333",
    "Types": ["Software and Configuration Checks"],
    "FirstObservedAt": "2024-03-01T08:00:00Z", "UpdatedAt": "2024-03-01T08:00:00Z",
    "CreatedAt": "2024-03-01T08:00:00Z",
    "Severity": {"Label": "INFORMATIONAL"}, "Title": "[check12] Users have a second factor",
    "Description": "User a has none.",
    "Resources": [{"Type": "AwsAccount", "Id": "AWS::::Account:111122223333", "Partition": "aws",
                   "Region": "us-east-1"}],
    "Compliance": {"Status": "FAILED", "RelatedRequirements": ["CIS-3.0 1.10"],
                   "AssociatedStandards": [{"StandardsId": "CIS-3.0"}]},
    "Remediation": {"Recommendation": {"Text": "Give them one.", "Url": "javascript:x"}}
}'::jsonb || replaced;

-- the items of both
CREATE TEMP TABLE expected AS SELECT
'[
    {"type": "source", "source": "security-hub",
     "object": {"key": "security-hub", "name": "Security Hub", "product": "Security Hub"}},
    {"location": "$.Resources[0]", "type": "recommendation", "source": "security-hub",
     "object": {"key": "S3.8", "title": "Buckets should block public access", "markup": "plain",
                "details": {"types": ["Software and Configuration Checks/Industry and Regulatory Standards"],
                            "generator": "security-control/S3.8",
                            "compliance": {"AssociatedStandards": [
                                              {"StandardsId": "standards/pci"}],
                                           "RelatedRequirements": ["NIST AC-3", "PCI 1.2.1"]},
                            "references": ["https://docs.example.com/S3.8"]},
                "severity": "high", "manage_url": "https://docs.example.com/S3.8",
                "description": "This control checks whether a bucket blocks it.",
                "remediation": "Block it."}},
    {"location": "$.Resources[0]", "type": "asset",
     "object": {"key": "arn:aws:s3:::logs", "kind": "awss3bucket",
                "tags": {"tags": {"env": "test"}, "region": "eu-west-1", "account": "111122223333",
                         "provider": "aws", "partition": "aws", "application": "shop",
                         "account_name": "test"}}},
    {"location": "$.Resources[0]", "type": "finding", "source": "security-hub",
     "recommendation": "S3.8", "asset": "arn:aws:s3:::logs", "state": "non_compliant",
     "observed_at": "2024-03-01T08:00:05+00:00", "asset_kind": "awss3bucket",
     "details": {"Note": {"Text": "seen"}, "role": "Target",
                 "details": {"AwsS3Bucket": {"Name": "logs", "OwnerId": null}},
                 "message": "It is open.", "Confidence": 90,
                 "parameters": [{"Name": "p", "Value": ["1"]}],
                 "product_fields": {"RelatedAWSResources:0/name": "rule-1"},
                 "status_reasons": [{"ReasonCode": "X", "Description": "x"}],
                 "data_classification": {"MimeType": "x"}}}]'::jsonb AS control,
'[
    {"type": "source", "source": "prowler",
     "object": {"key": "prowler", "name": "Prowler", "product": "Prowler"}},
    {"location": "$.Resources[0]", "type": "recommendation", "source": "prowler",
     "object": {"key": "user_has_mfa", "title": "[check12] Users have a second factor",
                "markup": "plain",
                "details": {"types": ["Software and Configuration Checks"], "severity": "informational",
                            "provider": "aws",
                            "generator": "prowler-user_has_mfa",
                            "compliance": {"AssociatedStandards": [{"StandardsId": "CIS-3.0"}],
                                           "RelatedRequirements": ["CIS-3.0 1.10"]},
                            "references": ["javascript:x"]},
                "severity": "low", "remediation": "Give them one."}},
    {"location": "$.Resources[0]", "type": "asset",
     "object": {"key": "AWS::::Account:111122223333", "kind": "awsaccount",
                "tags": {"account": "111122223333", "provider": "aws", "partition": "aws"}}},
    {"location": "$.Resources[0]", "type": "finding", "source": "prowler",
     "recommendation": "user_has_mfa", "asset": "AWS::::Account:111122223333",
     "state": "non_compliant", "observed_at": "2024-03-01T08:00:00+00:00", "asset_kind": "awsaccount",
     "details": {"message": "User a has none.",
                 "product_fields": {"ProwlerResourceName": "root"}}}]'::jsonb AS prowler;

-- several results of one check on one asset
CREATE TEMP TABLE results AS
SELECT pg_temp.prowler(replaced) AS element, n
FROM unnest(ARRAY[
    '{}',
    '{"Id": "2", "Description": "User b has none.", "UpdatedAt": "2024-03-01T08:00:01Z"}',
    '{"Id": "3", "Description": "User c has one.", "Compliance": {"Status": "PASSED"}}',
    '{"Id": "4", "Description": "User d is muted.", "Compliance": {"Status": "WARNING"},
      "Title": "A"}']::jsonb[]) WITH ORDINALITY v(replaced, n);

-- a document of them and of two controls, with elements that can't be loaded
CREATE TEMP TABLE scan AS
SELECT jsonb_build_object('Findings', jsonb_agg(element ORDER BY n)) AS document
FROM (TABLE results
      UNION ALL
      VALUES (pg_temp.control(), 11),
             (pg_temp.control('{"Id": "2", "Workflow": {"Status": "SUPPRESSED"},
                                "Resources": [{"Id": "arn:aws:s3:::tmp", "Type": "AwsS3Bucket"},
                                              {"Id": "arn:aws:s3:::old", "Type": "AwsS3Bucket"}]}'),
              12),
             (pg_temp.control('{"Compliance": null}'), 13),
             (pg_temp.control('{"Compliance": {"Status": "BROKEN"}}'), 14), ('7', 15)) x;

-- lists of cases
INSERT INTO cases SELECT 'result', v.* FROM (VALUES
    ('PASSED', 'compliant'), ('FAILED', 'non_compliant'), ('WARNING', 'not_applicable'),
    ('NOT_AVAILABLE', 'not_applicable'),
    ('passed', 'unrecognized Compliance.Status "passed"'),
    ('WARNINGED', 'unrecognized Compliance.Status "WARNINGED"'),
    ('INFOED', 'not_applicable'),
    ('', 'missing Compliance.Status'), (NULL, 'missing Compliance.Status')) v;
INSERT INTO cases SELECT 'status', v.* FROM (VALUES
    ('{}', 'non_compliant {}'),
    ('{"RecordState": "ARCHIVED"}',
     'not_applicable {"status": "FAILED", "record_state": "ARCHIVED"}'),
    ('{"Workflow": {"Status": "SUPPRESSED"}}',
     'not_applicable {"status": "FAILED", "workflow": "SUPPRESSED"}'),
    ('{"Workflow": {"Status": "RESOLVED"}}', 'non_compliant {"workflow": "RESOLVED"}'),
    ('{"Workflow": {"Status": "NOTIFIED"}}', 'non_compliant {"workflow": "NOTIFIED"}'),
    ('{"Workflow": null, "WorkflowState": "SUPPRESSED"}',
     'not_applicable {"status": "FAILED", "workflow": "SUPPRESSED"}'),
    ('{"WorkflowState": "SUPPRESSED"}',
     'not_applicable {"status": "FAILED", "workflow": "SUPPRESSED"}'),
    ('{"WorkflowState": "RESOLVED"}', 'non_compliant {}'),
    ('{"Workflow": null, "RecordState": null, "WorkflowState": null}', 'non_compliant {}'),
    ('{"Compliance": {"Status": "PASSED"}, "RecordState": "ARCHIVED"}',
     'not_applicable {"status": "PASSED", "record_state": "ARCHIVED"}'),
    ('{"Compliance": {"Status": "NOT_AVAILABLE", "StatusReasons": [{"ReasonCode": "R"}]}}',
     'not_applicable {"status": "NOT_AVAILABLE"}'),
    ('{"Compliance": {"Status": "WARNING"}}', 'not_applicable {"status": "WARNING"}')) v;
INSERT INTO cases SELECT 'key', v.* FROM (VALUES
    ('security-control/S3.1', 'S3.1'),
    ('aws-foundational-security-best-practices/v/1.0.0/S3.1', 'S3.1'),
    ('pci-dss/v/3.2.1/PCI.S3.1', 'PCI.S3.1'),
    ('cis-aws-foundations-benchmark/v/1.4.0/3.1', 'cis-aws-foundations-benchmark/v/1.4.0/3.1'),
    ('arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0/rule/1.3',
     'cis-aws-foundations-benchmark/v/1.2.0/rule/1.3'),
    ('arn:aws:securityhub:eu-west-1:111122223333:ruleset/set/linux-baseline/rule/V-71931', 'V-71931'),
    ('prowler-check12', 'check12'), ('prowler-', 'prowler-'), ('acme/rules/17', 'acme/rules/17'),
    ('acme-3', 'acme-3'), ('', 'missing GeneratorId'), (NULL, 'missing GeneratorId')) v;
INSERT INTO cases SELECT 'source', v.* FROM (VALUES
    ('{}', 'security-hub'), ('{"ProductName": "Security Hub CSPM"}', 'security-hub'),
    ('{"ProductName": null}', 'security-hub'),
    ('{"ProductName": null, "ProductFields": {}}', 'security-hub'),
    ('{"ProductName": null, "ProductFields": null, "ProductArn": "x", "CompanyName": "Acme Ltd."}',
     'acme-ltd'),
    ('{"ProductFields": {"ProviderName": "Prowler"}}', 'prowler'),
    ('{"ProductName": "Inspector"}', 'inspector'),
    ('{"ProductName": null, "ProductFields": {},
       "ProductArn": "arn:aws:securityhub:eu-west-1::product/acme/scan-it"}', 'scan-it'),
    ('{"ProductName": "Default", "CompanyName": "Personal", "ProductFields": {},
       "ProductArn": "arn:aws:securityhub:eu-west-1:111122223333:product/111122223333/default"}', 'asff'),
    ('{"ProductName": {}, "ProductFields": [], "ProductArn": 7, "CompanyName": ""}', 'asff')) v;
INSERT INTO cases SELECT 'severity', v.* FROM (VALUES
    ('{"Label": "INFORMATIONAL"}', 'low/informational'), ('{"Label": "LOW"}', 'low/'),
    ('{"Label": "MEDIUM"}', 'medium/'), ('{"Label": "HIGH"}', 'high/'),
    ('{"Label": "CRITICAL"}', 'critical/'), ('{"Label": "LOW", "Normalized": 100}', 'low/'),
    ('{"Normalized": 0}', 'low/'), ('{"Normalized": 1}', 'low/'), ('{"Normalized": 39}', 'low/'),
    ('{"Normalized": 40}', 'medium/'), ('{"Normalized": 69}', 'medium/'),
    ('{"Normalized": 70}', 'high/'), ('{"Normalized": 89}', 'high/'),
    ('{"Normalized": 90}', 'critical/'), ('{"Normalized": 100}', 'critical/'),
    ('{"Normalized": 101}', '/'), ('{"Product": 40}', 'medium/'), ('{"Normalized": "70"}', 'high/'),
    ('{"Original": "Critical"}', 'critical/'), ('{}', '/'), ('7', '/')) v;
INSERT INTO cases SELECT 'time', v.* FROM (VALUES
    ('{}', '2024-03-01 08:00:05+00'),
    ('{"LastObservedAt": "2024-02-01T00:00:00Z"}', '2024-03-01 08:00:00+00'),
    ('{"LastObservedAt": null}', '2024-03-01 08:00:00+00'),
    ('{"UpdatedAt": null}', '2024-03-01 08:00:05+00'),
    ('{"LastObservedAt": null, "UpdatedAt": null}', '2024-01-01 00:00:00+00'),
    ('{"LastObservedAt": null, "UpdatedAt": "2024-02-29T23:00:00.123+01:00"}',
     '2024-02-29 22:00:00.123+00'),
    ('{"LastObservedAt": "soon"}', '2024-03-01 08:00:00+00'),
    ('{"LastObservedAt": "soon", "UpdatedAt": 7, "CreatedAt": null}', 'invalid time: "soon"'),
    ('{"LastObservedAt": null, "UpdatedAt": null, "CreatedAt": null}', ''),
    ('{"LastObservedAt": "2024-02-30T00:00:00Z", "UpdatedAt": null, "CreatedAt": null}',
     'invalid time: "2024-02-30T00:00:00Z"'),
    ('{"LastObservedAt": "2024-03-01", "UpdatedAt": null}', '2024-03-01 00:00:00+00'),
    ('{"LastObservedAt": null, "UpdatedAt": "2024-03-01T08:00:00"}', '2024-03-01 08:00:00+00')) v;
INSERT INTO cases SELECT 'resources', v.* FROM (VALUES
    ('[]', 'missing Resources'), ('null', 'missing Resources'), ('{}', 'missing Resources'),
    ('"x"', 'missing Resources'), ('7', 'missing Resources'),
    ('[[]]', 'Resources[0]: expected an object, found an array')) v;
INSERT INTO cases SELECT 'element', v.* FROM (VALUES
    ('{"Findings": [{"SchemaVersion": "2018-10-08"}, {}]}',
     '$.Findings[0] left out: without Compliance: not a compliance finding; '
     '$.Findings[1] no SchemaVersion, ProductArn or GeneratorId: not a finding of ASFF'),
    ('{"version": "0", "detail": {"findings": [{"Compliance": {}}]}}',
     '$.detail.findings[0] missing Compliance.Status'),
    ('{"Findings": []}', NULL), ('[]', NULL),
    ('7', '$ expected an object, found a number'), ('"x"', '$ expected an object, found a string'),
    ('null', '$ expected an object, found null'), ('true', '$ expected an object, found a boolean'),
    ('[7, "GeneratorId", null, ["GeneratorId"], {}]',
     '$[0] expected an object, found a number; $[1] expected an object, found a string; '
     '$[2] expected an object, found null; $[3] expected an object, found an array; '
     '$[4] no SchemaVersion, ProductArn or GeneratorId: not a finding of ASFF'),
    ('{}', '$ no SchemaVersion, ProductArn or GeneratorId: not a finding of ASFF'),
    ('{"Findings": {}}', '$ no SchemaVersion, ProductArn or GeneratorId: not a finding of ASFF'),
    ('{"GeneratorId": "x"}', '$ left out: without Compliance: not a compliance finding'),
    ('{"GeneratorId": "x", "Compliance": {}, "ProductName": "Inspector"}',
     '$ left out: without Compliance: not a compliance finding but one of Inspector'),
    ('{"Compliance": {"Status": "PASSED"}}', '$ missing GeneratorId'),
    ('{"Compliance": "PASSED"}', '$ missing Compliance.Status'),
    ('{"Compliance": {"Status": {}}, "GeneratorId": {}}',
     '$ missing Compliance.Status'),
    ('{"Compliance": {"Status": "PASSED"}, "GeneratorId": ["x"]}', '$ missing GeneratorId'),
    ('{"Compliance": {"Status": "PASSED"}, "GeneratorId": "x"}', '$ missing Resources'),
    ('{"Compliance": {"Status": "PASSED", "RelatedRequirements": 7, "StatusReasons": 7},
       "GeneratorId": "x", "ProductFields": 7, "FindingProviderFields": 7, "Workflow": 7,
       "RecordState": {}, "Title": [], "Remediation": 7, "Severity": 7, "Types": 7,
       "Resources": [{"Id": 7, "Type": 7, "Tags": 7, "Details": 7}]}', '$.Resources[0]'),
    ('{"Compliance": {"Status": "PASSED", "SecurityControlId": {}}, "GeneratorId": ""}',
     '$ missing GeneratorId')) v;
\set ECHO all

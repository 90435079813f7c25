\set ECHO none
-- Findings of OCSF, with the given fields replaced. Needs item.sql.

-- a finding as Prowler writes it
CREATE FUNCTION pg_temp.prowler(replaced jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql
RETURN '{
    "message": "Bucket logs is public.", "status_detail": "Bucket logs is public.",
    "metadata": {"event_code": "bucket_not_public",
                 "product": {"name": "Prowler", "uid": "prowler", "vendor_name": "Prowler",
                             "version": "5.4.0"},
                 "profiles": ["cloud", "datetime"], "tenant_uid": "", "version": "1.4.0"},
    "severity_id": 4, "severity": "High", "status": "New", "status_code": "FAIL", "status_id": 1,
    "unmapped": {"related_url": "https://docs.example.com/buckets", "categories": ["internet-exposed"],
                 "depends_on": [], "related_to": [],
                 "additional_urls": [], "notes": "",
                 "compliance": {"CIS-3.0": ["2.1.4"], "GDPR": ["article_25"]}},
    "activity_name": "Create", "activity_id": 1,
    "finding_info": {"created_time": 1709280000, "created_time_dt": "2024-03-01T08:00:00.123456",
                     "desc": "Checks that no bucket is **public**.",
                     "product_uid": "prowler", "title": "No bucket is public",
                     "types": ["Data Protection"], "uid": "prowler-aws-bucket_not_public-1", "name": "logs"},
    "resources": [{"cloud_partition": "aws", "region": "eu-west-1",
                   "data": {"details": "", "metadata": {"acl": null, "versioning": true}},
                   "group": {"name": "s3"}, "labels": ["env:test"], "name": "logs",
                   "type": "AwsS3Bucket", "uid": "arn:aws:s3:::logs"}],
    "category_name": "Findings", "category_uid": 2, "class_name": "Detection Finding",
         "class_uid": 2004,
    "cloud": {"account": {"name": "Test", "type": "AWS Account", "type_id": 10,
                          "uid": "111122223333", "labels": []},
              "org": {"name": "", "uid": "o-1"}, "provider": "aws", "region": "eu-west-1"},
    "remediation": {"desc": "Block `public` access.",
                    "references": ["aws s3api put-public-access-block", "https://docs.example.com/fix"]},
    "risk_details": "Anybody can read it.",
    "time": 1709280000, "time_dt": "2024-03-01T08:00:00.123456", "type_uid": 200401,
         "type_name": "Detection Finding: Create"
}'::jsonb || replaced;

-- a compliance finding, of any product
CREATE FUNCTION pg_temp.check(compliance jsonb, replaced jsonb DEFAULT '{}') RETURNS jsonb
    LANGUAGE sql
RETURN '{"class_uid": 2003, "activity_id": 1, "time": 1709280000000, "severity_id": 3,
         "metadata": {"version": "1.4.0", "product": {"name": "Checker", "vendor_name": "Example"}},
         "finding_info": {"uid": "1", "title": "Ports are closed"},
         "resources": [{"uid": "web1.example.com", "type": "Server"}]}'::jsonb
    || jsonb_build_object('compliance', compliance) || replaced;

-- a finding of another product that uses more fields
CREATE FUNCTION pg_temp.checker() RETURNS jsonb LANGUAGE sql
RETURN pg_temp.check('{"control": "AC-17", "requirements": ["AC-17(2)"],
                       "standards": ["NIST 800-53"], "desc": "No port is open", "status_id": 2,
                               "status": "Warning", "status_code": "NO_DATA",
                       "status_detail": "agent is silent",
                       "control_parameters": [{"name": "port", "value": "22"}]}',
    '{"evidences": [{"data": "22/tcp"}], "confidence_id": 3, "severity": "Informational",
      "severity_id": 1,
      "unmapped": {"ticket": "A-1", "compliance": {"Own": ["1"]}},
      "metadata": {"uid": "run 7", "labels": ["lab"],
                   "product": {"name": "Port Checker", "feature": {"uid": "tcp"}}},
      "finding_info": {"uid": "1", "title": "Ports are closed", "first_seen_time": 1,
                       "src_url": "https://checker.example.com/1", "analytic": {"uid": "ports", "type_id": 1}},
      "cloud": {"provider": "Azure", "account": {"uid": "sub-1",
                                                 "tags": [{"name": "cost", "value": "7"}]},
                "org": {"uid": "t-1", "ou_name": "Web"}, "project_uid": "p",
                "cloud_partition": "public"},
      "resources": [{"uid": "/subscriptions/sub-1/vm/web1", "name": "web1", "type": "VM", "namespace": "ns",
                     "owner": {"name": "web team"}, "zone": "2",
                     "labels": [], "tags": [{"name": "env", "value": "prod"}],
                     "group": {"name": "rg-web"}, "modified_time": 5, "criticality": "High"}]}');

-- the items of both
CREATE TEMP TABLE expected AS SELECT
'[
    {"type": "source", "source": "prowler",
     "object": {"key": "prowler", "name": "Prowler", "product": "Prowler"}},
    {"location": "$.resources[0]", "type": "recommendation", "source": "prowler",
     "object": {"key": "bucket_not_public", "title": "No bucket is public", "markup": "markdown",
                "details": {"risk": "Anybody can read it.", "types": ["Data Protection"],
                            "provider": "aws",
                            "categories": ["internet-exposed"],
                            "compliance": {"GDPR": ["article_25"], "CIS-3.0": ["2.1.4"]},
                            "references": ["aws s3api put-public-access-block",
                                           "https://docs.example.com/fix"],
                            "related_url": "https://docs.example.com/buckets"},
                "severity": "high", "workload": "s3", "manage_url": "https://docs.example.com/fix",
                "description": "Checks that no bucket is **public**.",
                "remediation": "Block `public` access."}},
    {"location": "$.resources[0]", "type": "asset",
     "object": {"key": "arn:aws:s3:::logs", "kind": "awss3bucket", "name": "logs",
                "tags": {"org": "o-1", "labels": ["env:test"], "region": "eu-west-1",
                         "account": "111122223333", "provider": "aws", "partition": "aws",
                         "account_name": "Test"}}},
    {"location": "$.resources[0]", "type": "finding", "source": "prowler",
     "recommendation": "bucket_not_public", "asset": "arn:aws:s3:::logs", "state": "non_compliant",
     "observed_at": "2024-03-01T08:00:00+00:00", "asset_kind": "awss3bucket", "asset_name": "logs",
     "details": {"data": {"details": "", "metadata": {"acl": null, "versioning": true}},
                 "message": "Bucket logs is public."}}]'::jsonb AS prowler,
'[
    {"type": "source", "source": "port-checker",
     "object": {"key": "port-checker", "name": "Port Checker", "product": "Port Checker"}},
    {"location": "$.resources[0]", "type": "recommendation", "source": "port-checker",
     "object": {"key": "AC-17", "title": "Ports are closed", "markup": "plain",
                "details": {"feature": {"uid": "tcp"}, "analytic": {"uid": "ports", "type_id": 1},
                            "severity": "informational",
                            "compliance": {"Own": ["1"], "control": "AC-17",
                                           "standards": ["NIST 800-53"],
                                           "requirements": ["AC-17(2)"]}},
                "severity": "low", "description": "No port is open"}},
    {"location": "$.resources[0]", "type": "asset",
     "object": {"key": "/subscriptions/sub-1/vm/web1", "kind": "vm", "name": "web1",
                "tags": {"org": "t-1", "tags": [{"name": "env", "value": "prod"}], "zone": "2",
                         "group": {"name": "rg-web"}, "owner": {"name": "web team"},
                         "account": "sub-1", "project": "p", "org_unit": "Web", "provider": "azure",
                         "namespace": "ns", "partition": "public", "criticality": "High",
                         "account_tags": [{"name": "cost", "value": "7"}]}}},
    {"location": "$.resources[0]", "type": "finding", "source": "port-checker",
     "recommendation": "AC-17", "asset": "/subscriptions/sub-1/vm/web1", "state": "not_applicable",
     "observed_at": "2024-03-01T08:00:00+00:00", "asset_kind": "vm", "asset_name": "web1",
     "details": {"labels": ["lab"], "result": "Warning", "message": "agent is silent",
                 "unmapped": {"ticket": "A-1"}, "evidences": [{"data": "22/tcp"}],
                 "compliance": {"status": "Warning", "status_code": "NO_DATA",
                                "status_detail": "agent is silent",
                                "control_parameters": [{"name": "port", "value": "22"}]},
                 "finding_info": {"src_url": "https://checker.example.com/1"},
                 "confidence_id": 3}}]'::jsonb AS checker;

-- several results of one check on one asset
CREATE TEMP TABLE results AS SELECT pg_temp.prowler(replaced) AS element, n
FROM unnest(ARRAY['{"finding_info": {"uid": "u1", "title": "T"}, "status_code": "PASS",
                    "message": "user a has a key", "status_detail": null}',
    '{"finding_info": {"uid": "u2", "title": "T"}, "status_code": "FAIL",
      "message": "user b has none", "status_detail": null, "time": 1709280005}',
    '{"finding_info": {"uid": "u3", "title": "T"}, "status_code": "FAIL",
      "message": "user c has none", "status_detail": null}',
    '{"finding_info": {"uid": "u4", "title": "T"}, "status_code": "MANUAL",
      "message": "look at user d", "status_detail": null, "time": 1709280009}',
    '{"finding_info": {"uid": "u5", "title": "S"}, "status_code": "FAIL",
      "message": "user b has none", "status_detail": null}']::jsonb[])
    WITH ORDINALITY v(replaced, n);

-- a document of them and others, with elements that can't be loaded
CREATE TEMP TABLE scan AS SELECT jsonb_agg(element ORDER BY n) AS document FROM (
    SELECT element, n FROM results
    UNION ALL VALUES (pg_temp.prowler('{"metadata": {"event_code": "bucket_has_logs",
                                                     "product": {"name": "Prowler"}},
                                        "status_code": "PASS"}'), 11),
        (pg_temp.prowler('{"metadata": {"event_code": "bucket_has_logs",
                                        "product": {"name": "Prowler"}},
                           "resources": [{"uid": "arn:aws:s3:::tmp", "type": "AwsS3Bucket"}],
                           "status": "Suppressed", "status_id": 3}'), 12),
        (pg_temp.prowler('{"status_code": "BROKEN"}'), 13), ('{"class_uid": 2001}', 14), ('7', 15),
        (pg_temp.check('{"status_id": 3, "control": "P1"}'), 16),
        (pg_temp.check('{"status_id": 3, "control": "P1"}',
                       jsonb_build_object(
                           'resources',
                           jsonb_build_array(jsonb_build_object('uid', repeat('u', 1025))))),
         17)) x;

-- lists of cases
INSERT INTO cases SELECT 'status_code', v.* FROM (VALUES
    ('PASS', 'compliant'), ('FAIL', 'non_compliant'), ('MANUAL', 'not_applicable'),
    ('MUTED', 'not_applicable'), ('INFO', 'not_applicable'), ('pass', 'compliant'),
    ('Passed', 'compliant'), ('WARNING', 'not_applicable'),
    ('BROKEN', 'invalid status_code "BROKEN"'),
    ('', 'left out: a detection that is not the result of a check'),
    (NULL, 'left out: a detection that is not the result of a check')) v;
INSERT INTO cases SELECT 'compliance', v.* FROM (VALUES
    ('{"status_id": 1}', 'compliant'), ('{"status_id": 2}', 'not_applicable'),
    ('{"status_id": 3}', 'non_compliant'), ('{"status_id": 0}', 'not_applicable'),
    ('{"status_id": 99, "status": "half"}', 'not_applicable'),
    ('{"status_id": "3"}', 'non_compliant'), ('{"status_id": 1, "status": "Fail"}', 'compliant'),
    ('{"status": "FAILED"}', 'non_compliant'), ('{"status": "PASSED"}', 'compliant'),
    ('{"status": "WARNING"}', 'not_applicable'), ('{"status": "NOT_AVAILABLE"}', 'not_applicable'),
    ('{"status": "Not Applicable"}', 'not_applicable'),
    ('{"status_id": 99, "status": "Fail"}', 'non_compliant'),
    ('{"status_code": "FAIL"}', 'non_compliant'),
    ('{"status": "half", "status_code": "PASS"}', 'compliant'),
    ('{"status": "half"}', 'invalid compliance.status "half"'),
    ('{"status_id": 7}', 'invalid compliance.status "7"'), ('{}', 'missing compliance.status_id'),
    ('[]', 'missing compliance.status_id'), ('"Pass"', 'missing compliance.status_id'),
    ('null', 'missing compliance.status_id')) v;
INSERT INTO cases SELECT 'status', v.* FROM (VALUES
    ('{"status": "In Progress", "status_id": 2}', 'non_compliant {"status": "In Progress"}'),
    ('{"status": "Suppressed", "status_id": 3}',
     'not_applicable {"result": "FAIL", "status": "Suppressed"}'),
    ('{"status": "Suppressed"}', 'not_applicable {"result": "FAIL", "status": "Suppressed"}'),
    ('{"status_id": 3}', 'not_applicable {"result": "FAIL", "status": "Suppressed"}'),
    ('{"status": "Suppressed", "status_code": "PASS"}',
     'not_applicable {"result": "PASS", "status": "Suppressed"}'),
    ('{"status": "Archived", "status_id": 5}',
     'not_applicable {"result": "FAIL", "status": "Archived"}'),
    ('{"status": "Deleted", "status_id": 6}',
     'not_applicable {"result": "FAIL", "status": "Deleted"}'),
    ('{"status": "Resolved", "status_id": 4}', 'non_compliant {"status": "Resolved"}'),
    ('{"status": "Resolved", "status_code": "PASS"}', 'compliant {"status": "Resolved"}'),
    ('{"status": "Resolved", "status_id": 4, "status_code": null}',
     'left out: a detection that is not the result of a check'),
    ('{"status": "Suppressed", "status_id": 3, "status_code": null}',
     'left out: a detection that is not the result of a check'),
    ('{"activity_id": 3, "activity_name": "Close"}',
     'not_applicable {"result": "FAIL", "activity": "Close"}'),
    ('{"activity_name": "Close", "status_code": "PASS"}',
     'compliant {"result": "PASS", "activity": "Close"}'),
    ('{"activity_id": 3, "status_code": null}',
     'left out: a detection that is not the result of a check'),
    ('{"activity_id": 3, "class_uid": 2003, "status_code": null}',
     'compliant {"activity": "Close"}'),
    ('{"activity_id": 2, "activity_name": "Update"}', 'non_compliant {}'),
    ('{"status_detail": "It is public."}', 'non_compliant {"status_detail": "It is public."}'),
    ('{"message": null}', 'non_compliant {}')) v;
INSERT INTO cases SELECT 'source', v.* FROM (VALUES
    ('{"name": "Prowler"}', 'prowler'), ('{"name": "AWS Security Hub"}', 'security-hub'),
    ('{"name": "Security Hub", "vendor_name": "AWS"}', 'security-hub'),
    ('{"name": "Security Hub CSPM"}', 'security-hub'),
    ('{"name": "Chef InSpec, 5.x"}', 'chef-inspec-5-x'),
    ('{"name": "", "vendor_name": "Example Ltd."}', 'example-ltd'), ('{}', 'ocsf'),
    ('7', 'ocsf')) v;
INSERT INTO cases SELECT 'resource', v.* FROM (VALUES
    ('{"resources": [{"uid": "a"}, {"uid": "b"}, {"name": "c"}, {}, 7, null, {"uid": ["x"]}]}',
     '$.resources[0] aws/111122223333/eu-west-1/a; $.resources[1] aws/111122223333/eu-west-1/b; '
     '$.resources[2] aws/111122223333/eu-west-1/c; '
     '$.resources[3] missing resources[3].uid; '
     '$.resources[4] resources[4]: expected an object, found a number; '
     '$.resources[5] resources[5]: expected an object, found null; '
     '$.resources[6] missing resources[6].uid'),
    ('{"resources": [{"name": "web", "namespace": "default", "region": "eu-west-1"}]}',
     '$.resources[0] aws/111122223333/eu-west-1/default/web'),
    ('{"resources": [{"hostname": "web1.example.com"}], "cloud": null}',
     '$.resources[0] web1.example.com'),
    ('{"resources": {"uid": "alone"}}', '$.resources aws/111122223333/eu-west-1/alone'),
    ('{"resources": [], "resource": {"uid": "one"}}', '$.resource aws/111122223333/eu-west-1/one'),
    ('{"resources": null, "resource": {"uid": "one"}}', '$.resource aws/111122223333/eu-west-1/one'),
    ('{"resources": [], "device": {"uid": "d-1", "hostname": "web1", "type": "Server"}}',
     '$.device aws/111122223333/eu-west-1/d-1'),
    ('{"resources": []}', '$.cloud.account arn:aws:iam::111122223333:root'),
    ('{"resources": "web1", "cloud": {}}', '$ missing resources'),
    ('{"resources": [], "cloud": {"account": {"name": "x"}}}', '$ missing resources'),
    ('{"resources": [null]}', '$.resources[0] resources[0]: expected an object, found null')) v;
INSERT INTO cases SELECT 'time', v.* FROM (VALUES
    ('{"time": 1709280000}', '2024-03-01 08:00:00+00'),
    ('{"time": 1709280000123}', '2024-03-01 08:00:00.123+00'),
    ('{"time": "2024-03-01T08:00:00Z"}', '2024-03-01 08:00:00+00'),
    ('{"time": null, "time_dt": "2024-03-01T08:00:00"}', '2024-03-01 08:00:00+00'),
    ('{"time": null, "time_dt": "2024-02-29T23:30:00.5+01:00"}', '2024-02-29 22:30:00.5+00'),
    ('{"time": null, "time_dt": null, "event_time": "2024-03-31T08:00:00"}',
     '2024-03-31 08:00:00+00'),
    ('{"time": null, "time_dt": null,
       "finding_info": {"modified_time_dt": "2024-03-01T07:00:00Z"}}',
     '2024-03-01 07:00:00+00'),
    ('{"time": null, "time_dt": null, "finding_info": {}}', ''),
    ('{"time": 1e40, "time_dt": null, "finding_info": {}}',
     'invalid time: 1000000000000000000000000000000000000000'),
    ('{"time": -5, "time_dt": null, "finding_info": {}}', 'invalid time: -5'),
    ('{"time": "2024-13-45T08:00:00Z", "time_dt": null, "finding_info": {}}',
     'invalid time: "2024-13-45T08:00:00Z"'),
    ('{"time": {}, "time_dt": null, "finding_info": {}}', 'invalid time: {}'),
    ('{"time": "soon"}', '2024-03-01 08:00:00.123456+00')) v;
INSERT INTO cases SELECT 'severity', v.* FROM (VALUES
    ('{"severity_id": 0, "severity": "Unknown"}', '/unknown'),
    ('{"severity_id": 1, "severity": "Informational"}', 'low/informational'),
    ('{"severity_id": 2, "severity": "Low"}', 'low/'),
    ('{"severity_id": 3, "severity": "Medium"}', 'medium/'),
    ('{"severity_id": 4, "severity": "High"}', 'high/'),
    ('{"severity_id": 5, "severity": "Critical"}', 'critical/'),
    ('{"severity_id": 6, "severity": "Fatal"}', 'critical/fatal'),
    ('{"severity_id": 99, "severity": "Severe"}', '/severe'),
    ('{"severity_id": null, "severity": "critical"}', 'critical/'),
    ('{"severity_id": {}, "severity": []}', '/[]')) v;
INSERT INTO cases SELECT 'envelope', v.* FROM (VALUES
    ('{"Findings": [{"class_uid": 2001}, {}]}',
     '$.Findings[0] left out: class_uid 2001 is not a compliance, vulnerability or detection finding; '
     '$.Findings[1] no class_uid: not an OCSF event'),
    ('{"findings": [{"class_uid": 2001}]}',
     '$.findings[0] left out: class_uid 2001 is not a compliance, vulnerability or detection finding'),
    ('{"detail-type": "Findings Imported V2", "detail": {"findings": [{"class_uid": 2001}]}}',
     '$.detail.findings[0] left out: class_uid 2001 is not a compliance, vulnerability or detection finding'),
    ('{"Findings": []}', NULL),
    ('{"detail": {"findings": {}}}', '$ no class_uid: not an OCSF event'),
    ('{"findings": 7}', '$ no class_uid: not an OCSF event')) v;
INSERT INTO cases SELECT 'element', v.* FROM (VALUES
    ('7', '$ expected an object, found a number'), ('"x"', '$ expected an object, found a string'),
    ('null', '$ expected an object, found null'), ('true', '$ expected an object, found a boolean'),
    ('[]', NULL),
    ('[7, "x", null, [], {}]',
     '$[0] expected an object, found a number; $[1] expected an object, found a string; '
     '$[2] expected an object, found null; $[3] expected an object, found an array; '
     '$[4] no class_uid: not an OCSF event'),
    ('{}', '$ no class_uid: not an OCSF event'),
    ('{"class_uid": null}', '$ no class_uid: not an OCSF event'),
    ('{"class_uid": ""}', '$ no class_uid: not an OCSF event'),
    ('{"class_uid": 2001, "class_name": "Security Finding"}',
     '$ left out: class_uid 2001 (Security Finding) is not a compliance, vulnerability or detection finding'),
    ('{"class_uid": 2001}', '$ left out: class_uid 2001 is not a compliance, vulnerability or detection finding'),
    ('{"class_uid": "2005", "class_name": ["x"]}',
     '$ left out: class_uid 2005 (["x"]) is not a compliance, vulnerability or detection finding'),
    ('{"class_uid": {"a": 1}}', '$ invalid class_uid "{"a": 1}"'),
    ('{"class_uid": 2004}', '$ left out: a detection that is not the result of a check'),
    ('{"class_uid": 2004, "status_code": "Success", "metadata": {"event_code": "Alert"}}',
     '$ left out: a detection that is not the result of a check'),
    ('{"class_uid": 2004, "status_code": {"a": 1}}',
     '$ left out: a detection that is not the result of a check'),
    ('{"class_uid": 2003, "compliance": {"status": ["Pass"]}}',
     '$ invalid compliance.status "["Pass"]"'),
    ('{"class_uid": 2004, "status_code": "PASS"}', '$ missing metadata.event_code'),
    ('{"class_uid": 2004, "status_code": "PASS", "metadata": "x", "finding_info": 7,
       "cloud": [], "resources": 7}',
     '$ missing metadata.event_code'),
    ('{"class_uid": 2004, "status_code": "PASS", "metadata": {"event_code": {}},
       "finding_info": [], "unmapped": [], "remediation": 7}',
     '$ missing metadata.event_code'),
    ('{"class_uid": 2004, "status_code": "PASS", "metadata": {"event_code": 7, "product": []},
       "unmapped": 7, "remediation": [], "compliance": 7, "resources": [{"uid": 7, "type": [],
       "data": 7, "labels": 7, "group": 7, "tags": 7}]}',
     '$.resources[0]'),
    ('{"class_uid": 2003.0, "compliance": {"status_id": 1e3}}',
     '$ invalid class_uid "2003.0"'),
    ('{"class_uid": 1e300}',
     '$ invalid class_uid "10000000000000000000"')) v;
\set ECHO all

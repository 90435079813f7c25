\set ECHO none
-- Functions and documents of the test ocsf.
-- a finding as Prowler writes it, with what differs put into it
CREATE FUNCTION pg_temp.prowler(differs jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql
RETURN '{
    "message": "Bucket logs is public.", "status_detail": "Bucket logs is public.",
    "metadata": {"event_code": "bucket_not_public", "product": {"name": "Prowler", "uid": "prowler",
        "vendor_name": "Prowler", "version": "5.4.0"},
                 "profiles": ["cloud", "datetime"], "tenant_uid": "", "version": "1.4.0"},
    "severity_id": 4, "severity": "High", "status": "New", "status_code": "FAIL", "status_id": 1,
    "unmapped": {"related_url": "https://docs.example.com/buckets",
        "categories": ["internet-exposed"], "depends_on": [], "related_to": [],
                 "additional_urls": [], "notes": "", "compliance": {"CIS-3.0": ["2.1.4"],
                     "GDPR": ["article_25"]}},
    "activity_name": "Create", "activity_id": 1,
    "finding_info": {"created_time": 1709280000, "created_time_dt": "2024-03-01T08:00:00.123456",
        "desc": "Checks that no bucket is **public**.",
                     "product_uid": "prowler", "title": "No bucket is public",
                         "types": ["Data Protection"], "uid": "prowler-aws-bucket_not_public-1",
                         "name": "logs"},
    "resources": [{"cloud_partition": "aws", "region": "eu-west-1", "data": {"details": "",
        "metadata": {"acl": null, "versioning": true}},
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
}'::jsonb || differs;
-- a compliance finding, of any product
CREATE FUNCTION pg_temp.check(compliance jsonb, differs jsonb DEFAULT '{}') RETURNS jsonb
    LANGUAGE sql
RETURN '{"class_uid": 2003, "activity_id": 1, "time": 1709280000000, "severity_id": 3,
         "metadata": {"version": "1.4.0", "product": {"name": "Checker", "vendor_name": "Example"}},
         "finding_info": {"uid": "1", "title": "Ports are closed"},
         "resources": [{"uid": "web1.example.com",
             "type": "Server"}]}'::jsonb || jsonb_build_object('compliance', compliance) || differs;
CREATE FUNCTION pg_temp.finding(document jsonb)
    RETURNS TABLE (location text, error text, source text, recommendation text, asset text,
    state text)
LANGUAGE sql AS $$
    SELECT i.location, i.error, i.source, left(i.recommendation, 30), left(i.asset, 40), i.state
    FROM posture_internal.ocsf_item(document, NULL) i
    WHERE i.type = 'finding' OR i.type IS NULL
    ORDER BY length(i.location), i.location
$$;
CREATE FUNCTION pg_temp.compliance_results() RETURNS jsonb[] LANGUAGE sql RETURN
    ARRAY['{"status_id": 1}', '{"status_id": 2}', '{"status_id": 3}', '{"status_id": 0}',
        '{"status_id": 99, "status": "half"}',
    '{"status_id": "3"}', '{"status_id": 1, "status": "Fail"}', '{"status": "FAILED"}',
        '{"status": "PASSED"}', '{"status": "WARNING"}', '{"status": "NOT_AVAILABLE"}',
    '{"status": "Not Applicable"}', '{"status_id": 99, "status": "Fail"}',
        '{"status_code": "FAIL"}', '{"status": "half", "status_code": "PASS"}',
    '{"status": "half"}', '{"status_id": 7}', '{}', '[]', '"Pass"', 'null']::jsonb[];
CREATE FUNCTION pg_temp.finding_statuses() RETURNS jsonb[] LANGUAGE sql RETURN
    ARRAY['{"status": "In Progress", "status_id": 2}', '{"status": "Suppressed", "status_id": 3}',
        '{"status": "Suppressed"}', '{"status_id": 3}',
    '{"status": "Suppressed", "status_code": "PASS"}', '{"status": "Archived", "status_id": 5}',
        '{"status": "Deleted", "status_id": 6}',
    '{"status": "Resolved", "status_id": 4}', '{"status": "Resolved", "status_code": "PASS"}',
        '{"status": "Resolved", "status_id": 4, "status_code": null}',
    '{"activity_id": 3, "activity_name": "Close"}',
        '{"activity_name": "Close", "status_code": "PASS"}',
        '{"activity_id": 3, "status_code": null}',
    '{"activity_id": 2, "activity_name": "Update"}', '{"status_detail": "It is public."}',
        '{"message": null}']::jsonb[];
CREATE FUNCTION pg_temp.keyed_documents() RETURNS jsonb[] LANGUAGE sql RETURN
    ARRAY[
    pg_temp.check('{"status_id": 1, "control": "S3.1"}', '{"metadata": {"event_code": "E"}}'),
    pg_temp.check('{"status_id": 1, "checks": [{"uid": "V-1"}]}',
        '{"metadata": {"event_code": "E"}}'),
    pg_temp.check('{"status_id": 1, "checks": [{"uid": "V-1"}, {"uid": "V-2"}]}',
        '{"metadata": {"event_code": "E"}}'),
    pg_temp.check('{"status_id": 1}',
        '{"finding_info": {"uid": "1", "analytic": {"uid": "rule-1", "name": "Rule"}}}'),
    pg_temp.check('{"status_id": 1}',
        '{"finding_info": {"uid": "1", "analytic": {"name": "Rule"}}}'),
    pg_temp.check('{"status_id": 1}'),
    pg_temp.check('{"status_id": 1, "control": {"uid": "x"}}', '{"finding_info": {"uid": "1"}}'),
    pg_temp.prowler('{"class_uid": 2003, "compliance": {"status_id": 3, "control": "C"}}'),
    pg_temp.prowler('{"metadata": {}, "finding_info": {"uid": "1",
        "analytic": {"uid": "rule-1"}}}'),
    pg_temp.prowler('{"metadata": {"event_code": ""}, "finding_info": {"uid": "1"}}')];
CREATE FUNCTION pg_temp.products() RETURNS jsonb[] LANGUAGE sql RETURN
    ARRAY['{"name": "Prowler"}', '{"name": "AWS Security Hub"}',
        '{"name": "Security Hub", "vendor_name": "AWS"}',
    '{"name": "Security Hub CSPM"}', '{"name": "Chef InSpec, 5.x"}',
        '{"name": "", "vendor_name": "Example Ltd."}', '{}', '7']::jsonb[];
CREATE FUNCTION pg_temp.resources() RETURNS jsonb[] LANGUAGE sql RETURN
    ARRAY[
    '{"resources": [{"uid": "a"}, {"uid": "b"}, {"name": "c"}, {}, 7, null, {"uid": ["x"]}]}',
    '{"resources": [{"name": "web", "namespace": "default", "region": "eu-west-1"}]}',
    '{"resources": [{"hostname": "web1.example.com"}], "cloud": null}',
    '{"resources": {"uid": "alone"}}', '{"resources": [], "resource": {"uid": "one"}}',
        '{"resources": null, "resource": {"uid": "one"}}',
    '{"resources": [], "device": {"uid": "d-1", "hostname": "web1", "type": "Server"}}',
        '{"resources": []}',
    '{"resources": "web1", "cloud": {}}', '{"resources": [], "cloud": {"account": {"name": "x"}}}',
        '{"resources": [null]}']::jsonb[];
CREATE FUNCTION pg_temp.times() RETURNS jsonb[] LANGUAGE sql RETURN
    ARRAY['{"time": 1709280000}', '{"time": 1709280000123}', '{"time": "2024-03-01T08:00:00Z"}',
    '{"time": null, "time_dt": "2024-03-01T08:00:00"}',
        '{"time": null, "time_dt": "2024-02-29T23:30:00.5+01:00"}',
        '{"time": null, "time_dt": null, "event_time": "2024-03-31T08:00:00"}',
    '{"time": null, "time_dt": null, "finding_info": {"modified_time_dt": "2024-03-01T07:00:00Z"}}',
        '{"time": null, "time_dt": null, "finding_info": {}}',
    '{"time": 1e40, "time_dt": null, "finding_info": {}}',
        '{"time": -5, "time_dt": null, "finding_info": {}}',
        '{"time": "2024-13-45T08:00:00Z", "time_dt": null, "finding_info": {}}',
    '{"time": {}, "time_dt": null, "finding_info": {}}', '{"time": "soon"}']::jsonb[];
CREATE FUNCTION pg_temp.severities() RETURNS jsonb[] LANGUAGE sql RETURN
    ARRAY['{"severity_id": 0, "severity": "Unknown"}',
        '{"severity_id": 1, "severity": "Informational"}',
    '{"severity_id": 2, "severity": "Low"}', '{"severity_id": 3, "severity": "Medium"}',
        '{"severity_id": 4, "severity": "High"}', '{"severity_id": 5, "severity": "Critical"}',
    '{"severity_id": 6, "severity": "Fatal"}', '{"severity_id": 99, "severity": "Severe"}',
        '{"severity_id": null, "severity": "critical"}',
        '{"severity_id": {}, "severity": []}']::jsonb[];
CREATE TABLE pg_temp.told AS SELECT pg_temp.prowler(differs) AS element, n
FROM unnest(ARRAY['{"finding_info": {"uid": "u1", "title": "T"}, "status_code": "PASS",
    "message": "user a has a key", "status_detail": null}',
    '{"finding_info": {"uid": "u2", "title": "T"}, "status_code": "FAIL",
        "message": "user b has none", "status_detail": null, "time": 1709280005}',
    '{"finding_info": {"uid": "u3", "title": "T"}, "status_code": "FAIL",
        "message": "user c has none", "status_detail": null}',
    '{"finding_info": {"uid": "u4", "title": "T"}, "status_code": "MANUAL",
        "message": "look at user d", "status_detail": null, "time": 1709280009}',
    '{"finding_info": {"uid": "u5", "title": "S"}, "status_code": "FAIL",
        "message": "user b has none",
        "status_detail": null}']::jsonb[]) WITH ORDINALITY v(differs, n);
CREATE FUNCTION pg_temp.envelopes() RETURNS jsonb[] LANGUAGE sql RETURN
    ARRAY['{"Findings": [{"class_uid": 2002}, {}]}', '{"findings": [{"class_uid": 2002}]}',
    '{"detail-type": "Findings Imported V2", "detail": {"findings": [{"class_uid": 2002}]}}',
        '{"Findings": []}', '{"detail": {"findings": {}}}', '{"findings": 7}']::jsonb[];
CREATE FUNCTION pg_temp.not_findings() RETURNS jsonb[] LANGUAGE sql RETURN
    ARRAY['7', '"x"', 'null', 'true', '[]', '[7, "x", null, [], {}]', '{}', '{"class_uid": null}',
        '{"class_uid": ""}', '{"class_uid": 2002, "class_name": "Vulnerability Finding"}',
    '{"class_uid": 2001}', '{"class_uid": "2005", "class_name": ["x"]}', '{"class_uid": {"a": 1}}',
        '{"class_uid": 2004}', '{"class_uid": 2004, "status_code": {"a": 1}}',
        '{"class_uid": 2003, "compliance": {"status": ["Pass"]}}',
    '{"class_uid": 2004, "status_code": "PASS"}',
        '{"class_uid": 2004, "status_code": "PASS", "metadata": "x", "finding_info": 7, "cloud": [],
        "resources": 7}',
    '{"class_uid": 2004, "status_code": "PASS", "metadata": {"event_code": {}}, "finding_info": [],
        "unmapped": [], "remediation": 7}',
    '{"class_uid": 2004, "status_code": "PASS", "metadata": {"event_code": 7, "product": []},
        "unmapped": 7, "remediation": [], "compliance": 7,
        "resources": [{"uid": 7, "type": [], "data": 7, "labels": 7, "group": 7, "tags": 7}]}',
    '{"class_uid": 2003.0, "compliance": {"status_id": 1e3}}', '{"class_uid": 1e300}']::jsonb[];
CREATE TABLE pg_temp.scan AS SELECT jsonb_agg(element ORDER BY n) AS document FROM (
    SELECT element, n FROM pg_temp.told
    UNION ALL VALUES (pg_temp.prowler('{"metadata": {"event_code": "bucket_has_logs",
        "product": {"name": "Prowler"}}, "status_code": "PASS"}'), 11),
        (pg_temp.prowler('{"metadata": {"event_code": "bucket_has_logs",
            "product": {"name": "Prowler"}},
            "resources": [{"uid": "arn:aws:s3:::tmp", "type": "AwsS3Bucket"}],
            "status": "Suppressed", "status_id": 3}'), 12),
        (pg_temp.prowler('{"status_code": "BROKEN"}'), 13), ('{"class_uid": 2002}', 14), ('7', 15),
        (pg_temp.check('{"status_id": 3, "control": "P1"}'), 16),
            (pg_temp.check('{"status_id": 3, "control": "P1"}',
            jsonb_build_object('resources',
            jsonb_build_array(jsonb_build_object('uid', repeat('u', 1025))))), 17)) x;
\set ECHO all

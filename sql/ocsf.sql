-- Documents of OCSF: compliance findings, and detection findings as Prowler writes them.
CREATE EXTENSION posture;
\pset format unaligned
\pset fieldsep ' | '
SET search_path = posture, posture_internal, public;
\set SHOW_CONTEXT never
SET timezone = 'America/New_York';

-- a finding as Prowler writes it, with what differs put into it
CREATE FUNCTION pg_temp.prowler(differs jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql
RETURN '{
    "message": "Bucket logs is public.", "status_detail": "Bucket logs is public.",
    "metadata": {"event_code": "bucket_not_public", "product": {"name": "Prowler", "uid": "prowler", "vendor_name": "Prowler", "version": "5.4.0"},
                 "profiles": ["cloud", "datetime"], "tenant_uid": "", "version": "1.4.0"},
    "severity_id": 4, "severity": "High", "status": "New", "status_code": "FAIL", "status_id": 1,
    "unmapped": {"related_url": "https://docs.example.com/buckets", "categories": ["internet-exposed"], "depends_on": [], "related_to": [],
                 "additional_urls": [], "notes": "", "compliance": {"CIS-3.0": ["2.1.4"], "GDPR": ["article_25"]}},
    "activity_name": "Create", "activity_id": 1,
    "finding_info": {"created_time": 1709280000, "created_time_dt": "2024-03-01T08:00:00.123456", "desc": "Checks that no bucket is **public**.",
                     "product_uid": "prowler", "title": "No bucket is public", "types": ["Data Protection"], "uid": "prowler-aws-bucket_not_public-1", "name": "logs"},
    "resources": [{"cloud_partition": "aws", "region": "eu-west-1", "data": {"details": "", "metadata": {"acl": null, "versioning": true}},
                   "group": {"name": "s3"}, "labels": ["env:test"], "name": "logs", "type": "AwsS3Bucket", "uid": "arn:aws:s3:::logs"}],
    "category_name": "Findings", "category_uid": 2, "class_name": "Detection Finding", "class_uid": 2004,
    "cloud": {"account": {"name": "Test", "type": "AWS Account", "type_id": 10, "uid": "111122223333", "labels": []},
              "org": {"name": "", "uid": "o-1"}, "provider": "aws", "region": "eu-west-1"},
    "remediation": {"desc": "Block `public` access.", "references": ["aws s3api put-public-access-block", "https://docs.example.com/fix"]},
    "risk_details": "Anybody can read it.",
    "time": 1709280000, "time_dt": "2024-03-01T08:00:00.123456", "type_uid": 200401, "type_name": "Detection Finding: Create"
}'::jsonb || differs;

-- a compliance finding, of any product
CREATE FUNCTION pg_temp.check(compliance jsonb, differs jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql
RETURN '{"class_uid": 2003, "activity_id": 1, "time": 1709280000000, "severity_id": 3,
         "metadata": {"version": "1.4.0", "product": {"name": "Checker", "vendor_name": "Example"}},
         "finding_info": {"uid": "1", "title": "Ports are closed"},
         "resources": [{"uid": "web1.example.com", "type": "Server"}]}'::jsonb || jsonb_build_object('compliance', compliance) || differs;

CREATE FUNCTION pg_temp.finding(document jsonb) RETURNS TABLE (location text, error text, source text, recommendation text, asset text, state text)
LANGUAGE sql AS $$
    SELECT i.location, i.error, i.source, left(i.recommendation, 30), left(i.asset, 40), i.state
    FROM posture_internal.ocsf_item(document, NULL) i
    WHERE i.type = 'finding' OR i.type IS NULL
    ORDER BY length(i.location), i.location
$$;

-- all that one finding says
SELECT location, type, source, recommendation, asset, state, observed_at AT TIME ZONE 'UTC' AS observed_at, asset_kind, asset_name, jsonb_pretty(coalesce(object, details)) AS message
FROM ocsf_item(pg_temp.prowler(), NULL);
-- of another source
SELECT type, source, object ->> 'name' AS name FROM ocsf_item(pg_temp.prowler(), 'night scan') WHERE source IS NOT NULL;
-- what another product says of finding, recommendation and asset
SELECT type, source, jsonb_pretty(coalesce(object, details)) AS message
FROM ocsf_item(pg_temp.check('{"control": "AC-17", "requirements": ["AC-17(2)"], "standards": ["NIST 800-53"], "desc": "No port is open", "status_id": 2,
                               "status": "Warning", "status_code": "NO_DATA", "status_detail": "agent is silent", "control_parameters": [{"name": "port", "value": "22"}]}',
    '{"evidences": [{"data": "22/tcp"}], "confidence_id": 3, "severity": "Informational", "severity_id": 1,
      "unmapped": {"ticket": "A-1", "compliance": {"Own": ["1"]}},
      "metadata": {"uid": "run 7", "labels": ["lab"], "product": {"name": "Port Checker", "feature": {"uid": "tcp"}}},
      "finding_info": {"uid": "1", "title": "Ports are closed", "first_seen_time": 1, "src_url": "https://checker.example.com/1", "analytic": {"uid": "ports", "type_id": 1}},
      "cloud": {"provider": "Azure", "account": {"uid": "sub-1", "tags": [{"name": "cost", "value": "7"}]}, "org": {"uid": "t-1", "ou_name": "Web"}, "project_uid": "p", "cloud_partition": "public"},
      "resources": [{"uid": "/subscriptions/sub-1/vm/web1", "name": "web1", "type": "VM", "namespace": "ns", "owner": {"name": "web team"}, "zone": "2",
                     "labels": [], "tags": [{"name": "env", "value": "prod"}], "group": {"name": "rg-web"}, "modified_time": 5, "criticality": "High"}]}'), NULL);

-- every result that a detection finding can have
SELECT v.status_code, f.error, f.state FROM unnest('{PASS,FAIL,MANUAL,MUTED,INFO,pass,Passed,WARNING,BROKEN,"",NULL}'::text[]) WITH ORDINALITY v(status_code, n),
    pg_temp.finding(pg_temp.prowler(jsonb_build_object('status_code', status_code))) f ORDER BY n;
-- and a compliance finding: the id before the name, the name before a code
SELECT v.compliance, f.error, f.state FROM unnest(ARRAY['{"status_id": 1}', '{"status_id": 2}', '{"status_id": 3}', '{"status_id": 0}', '{"status_id": 99, "status": "half"}',
    '{"status_id": "3"}', '{"status_id": 1, "status": "Fail"}', '{"status": "FAILED"}', '{"status": "PASSED"}', '{"status": "WARNING"}', '{"status": "NOT_AVAILABLE"}',
    '{"status": "Not Applicable"}', '{"status_id": 99, "status": "Fail"}', '{"status_code": "FAIL"}', '{"status": "half", "status_code": "PASS"}',
    '{"status": "half"}', '{"status_id": 7}', '{}', '[]', '"Pass"', 'null']::jsonb[]) WITH ORDINALITY v(compliance, n),
    pg_temp.finding(pg_temp.check(CASE jsonb_typeof(compliance) WHEN 'object' THEN compliance || '{"control": "C1"}' ELSE compliance END)) f ORDER BY n;
-- what became of the finding
SELECT v.differs, i.error, i.state, i.details - '{data,message}'::text[] AS why
FROM unnest(ARRAY['{"status": "In Progress", "status_id": 2}', '{"status": "Suppressed", "status_id": 3}', '{"status": "Suppressed"}', '{"status_id": 3}',
    '{"status": "Suppressed", "status_code": "PASS"}', '{"status": "Archived", "status_id": 5}', '{"status": "Deleted", "status_id": 6}',
    '{"status": "Resolved", "status_id": 4}', '{"status": "Resolved", "status_code": "PASS"}', '{"status": "Resolved", "status_id": 4, "status_code": null}',
    '{"activity_id": 3, "activity_name": "Close"}', '{"activity_name": "Close", "status_code": "PASS"}', '{"activity_id": 3, "status_code": null}',
    '{"activity_id": 2, "activity_name": "Update"}', '{"status_detail": "It is public."}', '{"message": null}']::jsonb[]) WITH ORDINALITY v(differs, n),
    ocsf_item(pg_temp.prowler(differs), NULL) i WHERE i.type = 'finding' ORDER BY n;

-- the key of a recommendation: never the id of a finding
SELECT f.recommendation, f.error FROM unnest(ARRAY[
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
    pg_temp.finding(d.document) f ORDER BY n;

-- the source: the product, else its vendor
SELECT v.product, f.source FROM unnest(ARRAY['{"name": "Prowler"}', '{"name": "AWS Security Hub"}', '{"name": "Security Hub", "vendor_name": "AWS"}',
    '{"name": "Security Hub CSPM"}', '{"name": "Chef InSpec, 5.x"}', '{"name": "", "vendor_name": "Example Ltd."}', '{}', '7']::jsonb[]) WITH ORDINALITY v(product, n),
    pg_temp.finding(pg_temp.check('{"status_id": 1}', jsonb_build_object('metadata', jsonb_build_object('product', product)))) f ORDER BY n;
-- many products in a document
SELECT object FROM ocsf_item(jsonb_build_array(pg_temp.prowler(), pg_temp.check('{"status_id": 1}'), pg_temp.check('{"status_id": 3}')), NULL) WHERE type = 'source' ORDER BY source;

-- what it is about: resources, else the device, else the account
SELECT f.location, f.error, f.asset FROM unnest(ARRAY[
    '{"resources": [{"uid": "a"}, {"uid": "b"}, {"name": "c"}, {}, 7, null, {"uid": ["x"]}]}',
    '{"resources": [{"name": "web", "namespace": "default", "region": "eu-west-1"}]}',
    '{"resources": [{"hostname": "web1.example.com"}], "cloud": null}',
    '{"resources": {"uid": "alone"}}', '{"resources": [], "resource": {"uid": "one"}}', '{"resources": null, "resource": {"uid": "one"}}',
    '{"resources": [], "device": {"uid": "d-1", "hostname": "web1", "type": "Server"}}', '{"resources": []}',
    '{"resources": "web1", "cloud": {}}', '{"resources": [], "cloud": {"account": {"name": "x"}}}', '{"resources": [null]}']::jsonb[]) WITH ORDINALITY v(differs, n),
    pg_temp.finding(pg_temp.prowler(v.differs)) f ORDER BY n, length(f.location), f.location;
SELECT asset, asset_kind, asset_name FROM ocsf_item(jsonb_build_array(pg_temp.prowler('{"resources": []}'),
    pg_temp.prowler('{"resources": [], "device": {"uid": "d-1", "hostname": "web1"}}')), NULL) WHERE type = 'finding' ORDER BY asset;

-- times: seconds, milliseconds, or text without a zone, which is UTC
SELECT v.differs, i.error, i.observed_at AT TIME ZONE 'UTC' AS observed_at FROM unnest(ARRAY['{"time": 1709280000}', '{"time": 1709280000123}', '{"time": "2024-03-01T08:00:00Z"}',
    '{"time": null, "time_dt": "2024-03-01T08:00:00"}', '{"time": null, "time_dt": "2024-02-29T23:30:00.5+01:00"}', '{"time": null, "time_dt": null, "event_time": "2024-03-31T08:00:00"}',
    '{"time": null, "time_dt": null, "finding_info": {"modified_time_dt": "2024-03-01T07:00:00Z"}}', '{"time": null, "time_dt": null, "finding_info": {}}',
    '{"time": 1e40, "time_dt": null, "finding_info": {}}', '{"time": -5, "time_dt": null, "finding_info": {}}', '{"time": "2024-13-45T08:00:00Z", "time_dt": null, "finding_info": {}}',
    '{"time": {}, "time_dt": null, "finding_info": {}}', '{"time": "soon"}']::jsonb[]) WITH ORDINALITY v(differs, n),
    ocsf_item(pg_temp.prowler(v.differs), NULL) i WHERE type = 'finding' ORDER BY n;

-- severities
SELECT v.differs, i.object ->> 'severity' AS severity, i.object #>> '{details,severity}' AS told FROM unnest(ARRAY['{"severity_id": 0, "severity": "Unknown"}', '{"severity_id": 1, "severity": "Informational"}',
    '{"severity_id": 2, "severity": "Low"}', '{"severity_id": 3, "severity": "Medium"}', '{"severity_id": 4, "severity": "High"}', '{"severity_id": 5, "severity": "Critical"}',
    '{"severity_id": 6, "severity": "Fatal"}', '{"severity_id": 99, "severity": "Severe"}', '{"severity_id": null, "severity": "critical"}', '{"severity_id": {}, "severity": []}']::jsonb[]) WITH ORDINALITY v(differs, n),
    ocsf_item(pg_temp.prowler(v.differs), NULL) i WHERE type = 'recommendation' ORDER BY n;

-- several results of one check on one asset: the worst wins, whatever the order
CREATE TABLE pg_temp.told AS SELECT pg_temp.prowler(differs) AS element, n
FROM unnest(ARRAY['{"finding_info": {"uid": "u1", "title": "T"}, "status_code": "PASS", "message": "user a has a key", "status_detail": null}',
    '{"finding_info": {"uid": "u2", "title": "T"}, "status_code": "FAIL", "message": "user b has none", "status_detail": null, "time": 1709280005}',
    '{"finding_info": {"uid": "u3", "title": "T"}, "status_code": "FAIL", "message": "user c has none", "status_detail": null}',
    '{"finding_info": {"uid": "u4", "title": "T"}, "status_code": "MANUAL", "message": "look at user d", "status_detail": null, "time": 1709280009}',
    '{"finding_info": {"uid": "u5", "title": "S"}, "status_code": "FAIL", "message": "user b has none", "status_detail": null}']::jsonb[]) WITH ORDINALITY v(differs, n);
SELECT location, state, observed_at AT TIME ZONE 'UTC' AS observed_at, jsonb_pretty(details - 'data') AS details FROM ocsf_item((SELECT jsonb_agg(element ORDER BY n) FROM pg_temp.told), NULL) WHERE type = 'finding';
SELECT count(*), count(DISTINCT (type, source, recommendation, asset, state, observed_at, asset_kind, asset_name, details, object))
FROM (SELECT jsonb_agg(element ORDER BY n) AS document FROM pg_temp.told UNION ALL SELECT jsonb_agg(element ORDER BY n DESC) FROM pg_temp.told
      UNION ALL SELECT jsonb_agg(element ORDER BY n % 3, n) FROM pg_temp.told) d, ocsf_item(d.document, NULL);
-- of one finding the newest counts, and nothing is told twice
SELECT location, state, details - 'data' AS details FROM ocsf_item(jsonb_build_array(pg_temp.prowler(), pg_temp.prowler('{"time": 1709283600, "status_code": "PASS"}'), pg_temp.prowler('{"time": 1709283600, "status_code": "PASS"}'),
    pg_temp.prowler('{"time": 1709280000}')), NULL) WHERE type = 'finding';
-- an asset has one kind, and "other" is none where another is told
SELECT type, asset_kind, asset_name, object ->> 'kind' AS kind, object -> 'tags' ->> 'region' AS region FROM ocsf_item(jsonb_build_array(
    pg_temp.prowler('{"resources": [{"uid": "arn:aws:iam::111122223333:root", "type": "Other", "name": "a", "region": "us-east-1"}]}'),
    pg_temp.prowler('{"resources": [{"uid": "arn:aws:iam::111122223333:root", "type": "AwsAccount", "name": "root", "region": "us-west-1"}], "metadata": {"event_code": "e2", "product": {"name": "Prowler"}}}'),
    pg_temp.prowler('{"resources": [{"uid": "arn:aws:iam::111122223333:root", "type": "AwsAccount", "name": "root", "region": "us-east-1"}], "metadata": {"event_code": "e3", "product": {"name": "Prowler"}}}')), NULL)
WHERE type IN ('finding', 'asset') ORDER BY type, recommendation;
-- the standards of all findings of a control
SELECT object #> '{details,compliance}' AS compliance FROM ocsf_item(jsonb_build_array(
    pg_temp.check('{"status_id": 1, "control": "S3.1", "standards": ["PCI"], "requirements": ["1.1", "1.2"]}'),
    pg_temp.check('{"status_id": 1, "control": "S3.1", "standards": ["CIS", "PCI"], "category": "x"}'),
    pg_temp.check('{"status_id": 1, "control": "S3.1", "standards": "all"}')), NULL) WHERE type = 'recommendation';

-- where findings are
SELECT v.document - 'detail-type' AS document, f.location, f.error FROM unnest(ARRAY['{"Findings": [{"class_uid": 2002}, {}]}', '{"findings": [{"class_uid": 2002}]}',
    '{"detail-type": "Findings Imported V2", "detail": {"findings": [{"class_uid": 2002}]}}', '{"Findings": []}', '{"detail": {"findings": {}}}', '{"findings": 7}']::jsonb[]) WITH ORDINALITY v(document, n)
LEFT JOIN pg_temp.finding(v.document) f ON true ORDER BY n, f.location;
SELECT location, error FROM pg_temp.finding('[{"Findings": [{}, {}]}, {"detail": {"findings": [{}]}}, {}, []]');

-- what is no finding
SELECT v.element, f.location, f.error FROM unnest(ARRAY['7', '"x"', 'null', 'true', '[]', '[7, "x", null, [], {}]', '{}', '{"class_uid": null}', '{"class_uid": ""}', '{"class_uid": 2002, "class_name": "Vulnerability Finding"}',
    '{"class_uid": 2001}', '{"class_uid": "2005", "class_name": ["x"]}', '{"class_uid": {"a": 1}}', '{"class_uid": 2004}', '{"class_uid": 2004, "status_code": {"a": 1}}', '{"class_uid": 2003, "compliance": {"status": ["Pass"]}}',
    '{"class_uid": 2004, "status_code": "PASS"}', '{"class_uid": 2004, "status_code": "PASS", "metadata": "x", "finding_info": 7, "cloud": [], "resources": 7}',
    '{"class_uid": 2004, "status_code": "PASS", "metadata": {"event_code": {}}, "finding_info": [], "unmapped": [], "remediation": 7}',
    '{"class_uid": 2004, "status_code": "PASS", "metadata": {"event_code": 7, "product": []}, "unmapped": 7, "remediation": [], "compliance": 7, "resources": [{"uid": 7, "type": [], "data": 7, "labels": 7, "group": 7, "tags": 7}]}',
    '{"class_uid": 2003.0, "compliance": {"status_id": 1e3}}', '{"class_uid": 1e300}']::jsonb[]) WITH ORDINALITY v(element, n)
LEFT JOIN pg_temp.finding(v.element) f ON true ORDER BY n, f.location;
SELECT count(*) FROM ocsf_item(NULL, NULL);
-- nothing of it is lost
SELECT location, type, source, object FROM ocsf_item('[{"class_uid": 2002, "x": [1]}, 7, {"x": 1}]', NULL) ORDER BY location;
SELECT location, error, object -> 'status_code' AS status_code, object -> 'resources' AS resources FROM ocsf_item(pg_temp.prowler('{"resources": [{"uid": "a"}, {"data": 1}, 7]}'), NULL) WHERE error IS NOT NULL ORDER BY location;
-- long keys and texts are the loader's to judge
SELECT type, length(source), length(recommendation), length(asset), length(details ->> 'message') AS message, length(object ->> 'key') AS key, length(object ->> 'title') AS title
FROM ocsf_item(pg_temp.prowler(jsonb_build_object('message', repeat('m', 100000), 'metadata', jsonb_build_object('event_code', repeat('e', 5000), 'product', jsonb_build_object('name', repeat('p', 5000))),
    'finding_info', jsonb_build_object('title', repeat('t', 100000)), 'resources', jsonb_build_array(jsonb_build_object('uid', repeat('u', 5000))))), NULL) ORDER BY type;
SELECT length(error) FROM ocsf_item(jsonb_build_object('class_uid', repeat('9', 5000), 'class_name', repeat('n', 5000)), NULL) WHERE error IS NOT NULL;

-- loaded: twice is once, and the next scan of the same changes no finding
CREATE TABLE pg_temp.scan AS SELECT jsonb_agg(element ORDER BY n) AS document FROM (
    SELECT element, n FROM pg_temp.told
    UNION ALL VALUES (pg_temp.prowler('{"metadata": {"event_code": "bucket_has_logs", "product": {"name": "Prowler"}}, "status_code": "PASS"}'), 11),
        (pg_temp.prowler('{"metadata": {"event_code": "bucket_has_logs", "product": {"name": "Prowler"}}, "resources": [{"uid": "arn:aws:s3:::tmp", "type": "AwsS3Bucket"}], "status": "Suppressed", "status_id": 3}'), 12),
        (pg_temp.prowler('{"status_code": "BROKEN"}'), 13), ('{"class_uid": 2002}', 14), ('7', 15),
        (pg_temp.check('{"status_id": 3, "control": "P1"}'), 16), (pg_temp.check('{"status_id": 3, "control": "P1"}', jsonb_build_object('resources', jsonb_build_array(jsonb_build_object('uid', repeat('u', 1025))))), 17)) x;
SELECT * FROM load('ocsf', (SELECT document FROM pg_temp.scan));
SELECT r.source, r.recommendation, left(r.asset, 5) AS asset, r.reason FROM rejected r ORDER BY r.reason COLLATE "C";
SELECT s.key AS source, r.key AS recommendation, a.key AS asset, f.state, f.changed_at AT TIME ZONE 'UTC' AS changed_at, f.details - 'data' AS details
FROM finding f JOIN recommendation r USING (recommendation_id) JOIN source s USING (source_id) JOIN asset a USING (asset_id) ORDER BY 1, 2, 3;
SELECT key, kind, name, tags FROM asset ORDER BY key;
SELECT key, title, severity, workload, markup, manage_url FROM recommendation ORDER BY key;
CREATE TABLE pg_temp.was AS SELECT 'f' AS of, f.ctid AS rank, f.xmin::text AS writer FROM finding f UNION ALL SELECT 'r', r.ctid, r.xmin::text FROM recommendation r UNION ALL SELECT 'a', a.ctid, a.xmin::text FROM asset a;
SELECT * FROM load('ocsf', (SELECT document FROM pg_temp.scan));
SELECT * FROM load('ocsf', (SELECT jsonb_agg(CASE jsonb_typeof(e) WHEN 'object' THEN jsonb_set(e || '{"time": 1709290000}', '{metadata,product,version}', '"5.5.0"') ELSE e END ORDER BY n DESC)
                            FROM pg_temp.scan, jsonb_array_elements(document) WITH ORDINALITY x(e, n)));
SELECT count(*) FROM (TABLE pg_temp.was EXCEPT
    (SELECT 'f', f.ctid, f.xmin::text FROM finding f UNION ALL SELECT 'r', r.ctid, r.xmin::text FROM recommendation r UNION ALL SELECT 'a', a.ctid, a.xmin::text FROM asset a)) x;
-- a document without anything of the format is refused
\set VERBOSITY terse
SELECT * FROM load('ocsf', '[{"x": 1}, 7]');

DISCARD TEMP;
DROP EXTENSION posture;

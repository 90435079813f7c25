-- Documents of OCSF: compliance findings, and detection findings as Prowler writes them.
-- tests: source/check_item, source/check_result
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\i :include/ocsf.sql
SET timezone = 'America/New_York';

-- all that one finding says
SELECT location, type, source, recommendation, asset, state,
    observed_at AT TIME ZONE 'UTC' AS observed_at, asset_kind, asset_name,
    coalesce(object, details) AS message
FROM ocsf_item(pg_temp.prowler(), NULL);
-- of another source
SELECT type, source, object ->> 'name' AS name FROM ocsf_item(pg_temp.prowler(), 'night scan')
WHERE source IS NOT NULL;
-- what another product says of finding, recommendation and asset
SELECT type, source, coalesce(object, details) AS message
FROM ocsf_item(pg_temp.check('{"control": "AC-17", "requirements": ["AC-17(2)"],
    "standards": ["NIST 800-53"], "desc": "No port is open", "status_id": 2,
                               "status": "Warning", "status_code": "NO_DATA",
                                   "status_detail": "agent is silent",
                                   "control_parameters": [{"name": "port", "value": "22"}]}',
    '{"evidences": [{"data": "22/tcp"}], "confidence_id": 3, "severity": "Informational",
        "severity_id": 1,
      "unmapped": {"ticket": "A-1", "compliance": {"Own": ["1"]}},
      "metadata": {"uid": "run 7", "labels": ["lab"], "product": {"name": "Port Checker",
          "feature": {"uid": "tcp"}}},
      "finding_info": {"uid": "1", "title": "Ports are closed", "first_seen_time": 1,
          "src_url": "https://checker.example.com/1", "analytic": {"uid": "ports", "type_id": 1}},
      "cloud": {"provider": "Azure", "account": {"uid": "sub-1",
          "tags": [{"name": "cost", "value": "7"}]}, "org": {"uid": "t-1", "ou_name": "Web"},
          "project_uid": "p", "cloud_partition": "public"},
      "resources": [{"uid": "/subscriptions/sub-1/vm/web1", "name": "web1", "type": "VM",
          "namespace": "ns", "owner": {"name": "web team"}, "zone": "2",
                     "labels": [], "tags": [{"name": "env", "value": "prod"}],
                         "group": {"name": "rg-web"}, "modified_time": 5,
                         "criticality": "High"}]}'), NULL);

-- every result that a detection finding can have
SELECT v.status_code, f.error, f.state
FROM unnest('{PASS,FAIL,MANUAL,MUTED,INFO,pass,Passed,WARNING,BROKEN,"",NULL}'::text[]) WITH
    ORDINALITY v(status_code, n),
    pg_temp.finding(pg_temp.prowler(jsonb_build_object('status_code', status_code))) f ORDER BY n;
-- and a compliance finding: the id before the name, the name before a code
SELECT v.compliance, f.error, f.state
FROM unnest(pg_temp.compliance_results()) WITH ORDINALITY v(compliance, n),
    pg_temp.finding(pg_temp.check(CASE jsonb_typeof(compliance)
        WHEN 'object' THEN compliance || '{"control": "C1"}' ELSE compliance END)) f ORDER BY n;
-- what became of the finding
SELECT v.differs, i.error, i.state, i.details - '{data,message}'::text[] AS why
FROM unnest(pg_temp.finding_statuses()) WITH ORDINALITY v(differs, n),
    ocsf_item(pg_temp.prowler(differs), NULL) i WHERE i.type = 'finding' ORDER BY n;

-- the key of a recommendation: never the id of a finding
SELECT f.recommendation, f.error
FROM unnest(pg_temp.keyed_documents()) WITH ORDINALITY d(document, n),
    pg_temp.finding(d.document) f ORDER BY n;

-- the source: the product, else its vendor
SELECT v.product, f.source FROM unnest(pg_temp.products()) WITH ORDINALITY v(product, n),
    pg_temp.finding(pg_temp.check('{"status_id": 1}',
        jsonb_build_object('metadata', jsonb_build_object('product', product)))) f ORDER BY n;
-- many products in a document
SELECT object FROM ocsf_item(jsonb_build_array(pg_temp.prowler(), pg_temp.check('{"status_id": 1}'),
    pg_temp.check('{"status_id": 3}')), NULL) WHERE type = 'source' ORDER BY source;

-- what it is about: resources, else the device, else the account
SELECT f.location, f.error, f.asset FROM unnest(pg_temp.resources()) WITH ORDINALITY v(differs, n),
    pg_temp.finding(pg_temp.prowler(v.differs)) f ORDER BY n, length(f.location), f.location;
SELECT asset, asset_kind, asset_name
FROM ocsf_item(jsonb_build_array(pg_temp.prowler('{"resources": []}'),
    pg_temp.prowler('{"resources": [], "device": {"uid": "d-1", "hostname": "web1"}}')), NULL)
    WHERE type = 'finding' ORDER BY asset;

-- times: seconds, milliseconds, or text without a zone, which is UTC
SELECT v.differs, i.error, i.observed_at AT TIME ZONE 'UTC' AS observed_at
FROM unnest(pg_temp.times()) WITH ORDINALITY v(differs, n),
    ocsf_item(pg_temp.prowler(v.differs), NULL) i WHERE type = 'finding' ORDER BY n;

-- severities
SELECT v.differs, i.object ->> 'severity' AS severity, i.object #>> '{details,severity}' AS told
FROM unnest(pg_temp.severities()) WITH ORDINALITY v(differs, n),
    ocsf_item(pg_temp.prowler(v.differs), NULL) i WHERE type = 'recommendation' ORDER BY n;

-- several results of one check on one asset: the worst wins, whatever the order
SELECT location, state, observed_at AT TIME ZONE 'UTC' AS observed_at, (details - 'data') AS details
FROM ocsf_item((SELECT jsonb_agg(element ORDER BY n) FROM pg_temp.told), NULL)
WHERE type = 'finding';
SELECT count(*),
    count(DISTINCT (type, source, recommendation, asset, state, observed_at, asset_kind, asset_name,
    details, object))
FROM (SELECT jsonb_agg(element ORDER BY n) AS document FROM pg_temp.told UNION ALL
SELECT jsonb_agg(element ORDER BY n DESC) FROM pg_temp.told
      UNION ALL SELECT jsonb_agg(element ORDER BY n % 3, n) FROM pg_temp.told) d,
          ocsf_item(d.document, NULL);
-- of one finding the newest counts, and nothing is told twice
SELECT location, state, details - 'data' AS details
FROM ocsf_item(jsonb_build_array(pg_temp.prowler(),
    pg_temp.prowler('{"time": 1709283600, "status_code": "PASS"}'),
    pg_temp.prowler('{"time": 1709283600, "status_code": "PASS"}'),
    pg_temp.prowler('{"time": 1709280000}')), NULL) WHERE type = 'finding';
-- an asset has one kind, and "other" is none where another is told
SELECT type, asset_kind, asset_name, object ->> 'kind' AS kind,
    object -> 'tags' ->> 'region' AS region FROM ocsf_item(jsonb_build_array(
    pg_temp.prowler('{"resources": [{"uid": "arn:aws:iam::111122223333:root", "type": "Other",
        "name": "a", "region": "us-east-1"}]}'),
    pg_temp.prowler('{"resources": [{"uid": "arn:aws:iam::111122223333:root", "type": "AwsAccount",
        "name": "root", "region": "us-west-1"}], "metadata": {"event_code": "e2",
        "product": {"name": "Prowler"}}}'),
    pg_temp.prowler('{"resources": [{"uid": "arn:aws:iam::111122223333:root", "type": "AwsAccount",
        "name": "root", "region": "us-east-1"}], "metadata": {"event_code": "e3",
        "product": {"name": "Prowler"}}}')), NULL)
WHERE type IN ('finding', 'asset') ORDER BY type, recommendation;
-- the standards of all findings of a control
SELECT object #> '{details,compliance}' AS compliance FROM ocsf_item(jsonb_build_array(
    pg_temp.check('{"status_id": 1, "control": "S3.1", "standards": ["PCI"], "requirements": ["1.1",
        "1.2"]}'),
    pg_temp.check('{"status_id": 1, "control": "S3.1", "standards": ["CIS", "PCI"],
        "category": "x"}'),
    pg_temp.check('{"status_id": 1, "control": "S3.1", "standards": "all"}')), NULL)
    WHERE type = 'recommendation';

-- where findings are
SELECT v.document - 'detail-type' AS document, f.location, f.error
FROM unnest(pg_temp.envelopes()) WITH ORDINALITY v(document, n)
LEFT JOIN pg_temp.finding(v.document) f ON true ORDER BY n, f.location;
SELECT location, error
FROM pg_temp.finding('[{"Findings": [{}, {}]}, {"detail": {"findings": [{}]}}, {}, []]');

-- what is no finding
SELECT v.element, f.location, f.error
FROM unnest(pg_temp.not_findings()) WITH ORDINALITY v(element, n)
LEFT JOIN pg_temp.finding(v.element) f ON true ORDER BY n, f.location;
SELECT count(*) FROM ocsf_item(NULL, NULL);
-- nothing of it is lost
SELECT location, type, source, object
FROM ocsf_item('[{"class_uid": 2002, "x": [1]}, 7, {"x": 1}]', NULL) ORDER BY location;
SELECT location, error, object -> 'status_code' AS status_code, object -> 'resources' AS resources
FROM ocsf_item(pg_temp.prowler('{"resources": [{"uid": "a"}, {"data": 1}, 7]}'), NULL)
WHERE error IS NOT NULL ORDER BY location;
-- long keys and texts are the loader's to judge
SELECT type, length(source), length(recommendation), length(asset),
    length(details ->> 'message') AS message, length(object ->> 'key') AS key,
    length(object ->> 'title') AS title
FROM ocsf_item(pg_temp.prowler(jsonb_build_object('message', repeat('m', 100000), 'metadata',
    jsonb_build_object('event_code', repeat('e', 5000), 'product',
    jsonb_build_object('name', repeat('p', 5000))),
    'finding_info', jsonb_build_object('title', repeat('t', 100000)), 'resources',
        jsonb_build_array(jsonb_build_object('uid', repeat('u', 5000))))), NULL) ORDER BY type;
SELECT length(error)
FROM ocsf_item(jsonb_build_object('class_uid', repeat('9', 5000), 'class_name', repeat('n', 5000)),
    NULL) WHERE error IS NOT NULL;

-- loaded: twice is once, and the next scan of the same changes no finding
SELECT * FROM load('ocsf', (SELECT document FROM pg_temp.scan));
SELECT r.source, r.recommendation, left(r.asset, 5) AS asset, r.reason FROM rejected r
ORDER BY r.reason COLLATE "C";
SELECT s.key AS source, r.key AS recommendation, a.key AS asset, f.state,
    f.changed_at AT TIME ZONE 'UTC' AS changed_at, f.details - 'data' AS details
FROM finding f JOIN recommendation r USING (recommendation_id) JOIN source s USING (source_id)
JOIN asset a USING (asset_id) ORDER BY 1, 2, 3;
SELECT key, kind, name, tags FROM asset ORDER BY key;
SELECT key, title, severity, workload, markup, manage_url FROM recommendation ORDER BY key;
CREATE TABLE pg_temp.was AS SELECT 'f' AS of, f.ctid AS rank, f.xmin::text AS writer FROM finding f
UNION ALL SELECT 'r', r.ctid, r.xmin::text FROM recommendation r UNION ALL
SELECT 'a', a.ctid, a.xmin::text FROM asset a;
SELECT * FROM load('ocsf', (SELECT document FROM pg_temp.scan));
SELECT * FROM load('ocsf',
    (SELECT jsonb_agg(CASE jsonb_typeof(e)
    WHEN 'object' THEN jsonb_set(e || '{"time": 1709290000}', '{metadata,product,version}',
    '"5.5.0"') ELSE e END ORDER BY n DESC)
                            FROM pg_temp.scan,
                                jsonb_array_elements(document) WITH ORDINALITY x(e, n)));
SELECT count(*) FROM (TABLE pg_temp.was EXCEPT
    (SELECT 'f', f.ctid, f.xmin::text FROM finding f UNION ALL SELECT 'r', r.ctid, r.xmin::text
    FROM recommendation r UNION ALL SELECT 'a', a.ctid, a.xmin::text FROM asset a)) x;
-- a document without anything of the format is refused
\set VERBOSITY terse
SELECT * FROM load('ocsf', '[{"x": 1}, 7]');

DISCARD TEMP;
DROP EXTENSION posture;

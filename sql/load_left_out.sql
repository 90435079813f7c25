-- What load() leaves out, and what rejected elements leave behind.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\set ECHO none
SET client_min_messages = warning;
-- what the catalog has of what was loaded
CREATE FUNCTION pg_temp.counts() RETURNS text LANGUAGE sql RETURN
    format('sources %s, recommendations %s, assets %s, findings %s, rejected %s',
           (SELECT count(*) FROM source), (SELECT count(*) FROM recommendation),
           (SELECT count(*) FROM asset), (SELECT count(*) FROM finding), (SELECT count(*)
               FROM rejected));
CREATE FUNCTION pg_temp.scan(day text, results text) RETURNS xml LANGUAGE sql
RETURN format('<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2" end-time="2026-06-%sT10:00:00Z">'
              '<target>web1</target>%s</TestResult>', day, results)::xml;
CREATE FUNCTION pg_temp.result(rule text, attributes text, result text) RETURNS text LANGUAGE sql
RETURN format('<rule-result idref="%s" %s><result>%s</result></rule-result>', rule, attributes, result);
CREATE TEMP VIEW f AS
SELECT r.key::text AS recommendation, a.key::text AS asset, f.state
FROM finding f JOIN recommendation r USING (recommendation_id) JOIN asset a USING (asset_id)
ORDER BY 1, 2;
-- a threat and a vulnerability among the results of checks, and a result that can't be read
CREATE TEMP TABLE hub AS SELECT '[
    {"ProductArn": "p", "ProductName": "Checks", "GeneratorId": "c1", "Id": "1",
     "Compliance": {"Status": "FAILED"}, "Resources": [{"Id": "b1"}]},
    {"ProductArn": "p", "ProductName": "Threats", "GeneratorId": "t1", "Id": "2",
     "Resources": [{"Id": "vm1"}]},
    {"ProductArn": "p", "ProductName": "Weak spots", "GeneratorId": "v1", "Id": "3",
     "Compliance": null,
     "Resources": [{"Id": "vm1"}]},
    {"ProductArn": "p", "ProductName": "Others", "GeneratorId": "o1", "Id": "4",
     "Compliance": {"Status": "PERHAPS"}, "Resources": [{"Id": "vm2"}]}]'::jsonb AS document;
CREATE TEMP TABLE detection AS SELECT jsonb_build_object(
    'class_uid', 2004, 'metadata', '{"product": {"name": "Detector"}}'::jsonb,
    'finding_info', '{"uid": "d1", "title": "A strange process", "analytic": {"uid": "detector-7"}}'::jsonb,
    'resources', '[{"uid": "vm1", "type": "host"}]'::jsonb) AS document;
\set ECHO all

-- a rule that a profile does not select keeps what another found, in any order
BEGIN;
SELECT load('xccdf', pg_temp.scan('01', pg_temp.result('r1', '', 'pass') || pg_temp.result('r2', '', 'fail')));
SELECT load('xccdf', pg_temp.scan('02', pg_temp.result('r1', '', 'pass') || pg_temp.result('r2', '', 'notselected')
                                        || pg_temp.result('r3', '', 'notselected')));
SELECT * FROM pg_temp.f;
ROLLBACK;
BEGIN;
SELECT load('xccdf', pg_temp.scan('02', pg_temp.result('r1', '', 'pass') || pg_temp.result('r2', '', 'notselected')));
SELECT load('xccdf', pg_temp.scan('01', pg_temp.result('r1', '', 'pass') || pg_temp.result('r2', '', 'fail')));
SELECT * FROM pg_temp.f;
ROLLBACK;
-- nor do rules that are not scored count, whether the result or the rule says so
BEGIN;
SELECT load('xccdf', pg_temp.scan('01', pg_temp.result('full', 'role="full"', 'fail')
                                        || pg_temp.result('unscored', 'role="unscored"', 'fail')
                                        || pg_temp.result('info', 'severity="info"', 'fail')
                                        || pg_temp.result('told', '', 'informational')));
SELECT * FROM pg_temp.f;
ROLLBACK;
BEGIN;
SELECT load('xccdf', format('<Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2" id="b">'
                            '<Rule id="unscored" role="unscored"/><Rule id="info" severity="info"/>'
                            '<Rule id="refined" severity="info"/>%s</Benchmark>',
                            pg_temp.scan('01', pg_temp.result('unscored', '', 'fail')
                                || pg_temp.result('info', '', 'fail')
                            || pg_temp.result('refined', 'severity="high"', 'fail')))::xml);
SELECT * FROM pg_temp.f;
ROLLBACK;
-- a scan that selected nothing leaves nothing
SELECT load('xccdf', pg_temp.scan('01', pg_temp.result('r1', '', 'notselected')));
SELECT pg_temp.counts();

-- threats are no results, whatever becomes of them
SELECT load('ocsf', (SELECT jsonb_build_array(document, document || '{"activity_id": 3}',
                                              document || '{"status_id": 4, "status": "Resolved"}',
                                              document || '{"status_id": 3, "status": "Suppressed"}',
                                              document || '{"status_code": "ACTIVE"}') FROM detection));
SELECT pg_temp.counts();
-- nor are events of other classes, and what Prowler says of requirements without a check
SELECT load('ocsf', '[{"class_uid": 2001}, {"class_uid": 5001, "class_name": "Device Inventory Info"},
    {"class_uid": 2003, "status_code": "MANUAL", "metadata": {"event_code": "manual",
        "product": {"name": "Prowler"}}}]');
SELECT pg_temp.counts();
-- the notice says why nothing was loaded
SET client_min_messages = notice;
SELECT load('ocsf', '[{"class_uid": 2001}, {"class_uid": 2001}, {"class_uid": 5001,
    "class_name": "Device Inventory Info"}]');
SET client_min_messages = warning;
-- a complete delivery of nothing else is an error
SELECT load('ocsf', '[{"class_uid": 2001}]', 'detector', complete => true);

-- an element is rejected once, however often and wherever it is loaded; nothing else is left of it
SELECT load('asff', document) FROM hub;
SELECT load('asff', document) FROM hub;
SELECT load('asff', jsonb_build_array(document -> 3, document -> 0)) FROM hub;
SELECT pg_temp.counts();
SELECT reason FROM rejected;
SELECT key FROM source;
SELECT * FROM pg_temp.f;
-- another error of it is another rejection
SELECT load('asff', jsonb_set(document #> '{3}', '{Compliance,Status}', '"MAYBE"')) FROM hub;
SELECT count(*) FROM rejected;

-- also one that could be read, and has no details
SELECT load('asff', '{"SchemaVersion": "1", "ProductName": "Security Hub", "GeneratorId": "g",
    "Compliance": {"Status": "PASSED"}, "UpdatedAt": "9000-01-01T00:00:00Z",
    "Resources": [{"Id": "arn:aws:s3:::b"}]}'::jsonb) FROM generate_series(1, 2);
SELECT count(*) FROM rejected WHERE recommendation = 'g';

-- what Defender for Cloud has beside assessments
SELECT load('azure-assessments', '{"data": [
    {"type": "microsoft.security/locations/alerts", "id": "/subscriptions/s/a", "name": "a",
        "properties": {"status": "Active"}},
    {"id": "/subscriptions/s/providers/Microsoft.Security/assessments/a1/subAssessments/b",
     "name": "b",
     "properties": {"status": {"code": "Unhealthy"}}},
    {"type": "microsoft.security/assessments", "name": "a1",
     "properties": {"status": {"code": "Healthy"},
     "resourceDetails": {"id": "/subscriptions/s/vm"}}}]}');
-- but a document of another format is an error
SELECT load('azure-assessments',
    '{"value": [{"type": "Microsoft.Security/secureScores/secureScoreControls", "name": "c1",
    "id": "/subscriptions/s/providers/Microsoft.Security/secureScores/ascScore/secureScoreControls/c",
    "properties": {"healthyResourceCount": 1, "unhealthyResourceCount": 0, "score": {"max": 1}}}]}');

DISCARD TEMP;
DROP EXTENSION posture;

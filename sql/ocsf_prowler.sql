-- What the documents of one scan of Prowler say of its checks.
-- tests: source/ocsf, source/check_item
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\set ECHO none
SET client_min_messages = warning;
\i :include/item.sql
\i :include/ocsf.sql
\set ECHO none
-- a finding on a user, as the detection output and as the compliance output of a framework have it
CREATE FUNCTION pg_temp.detection(username text, status text, scan text) RETURNS jsonb LANGUAGE sql
RETURN pg_temp.prowler(jsonb_build_object(
    'status_code', status, 'message', username || ' ' || status,
    'status_detail', username || ' ' || status,
    'metadata', '{"event_code": "key_unused", "product": {"name": "Prowler"}}'::jsonb,
    'finding_info', jsonb_build_object('uid', 'u-' || username, 'title', 'Keys are in use',
                                       'desc', 'Checks that no key is unused.'),
    'unmapped', jsonb_build_object('scan_id', scan, 'provider_uid', username, 'provider', 'aws', 'notes', 'n',
                                   'compliance', '{"CIS-8.1": ["5.3", "5.1"], "GDPR": ["25"]}'::jsonb),
    'resources', jsonb_build_array(jsonb_build_object('uid', username, 'type', 'AwsIamUser',
                                                      'group', '{"name": "iam"}'::jsonb))));
CREATE FUNCTION pg_temp.requirement(username text, status text, framework text, requirement text,
    effective text)
    RETURNS jsonb LANGUAGE sql
RETURN pg_temp.detection(username, status, '')
    - 'cloud' - 'remediation' - 'risk_details'
    || jsonb_build_object('class_uid', 2003, 'status_code', effective, 'unmapped',
        jsonb_build_object('cloud', pg_temp.detection(username, status, '') -> 'cloud'),
    'finding_info', jsonb_build_object('uid', 'u-' || username || '-' || requirement, 'title', requirement,
                                       'desc', 'Requirement ' || requirement),
    'compliance', jsonb_build_object(
        'standards', jsonb_build_array(framework), 'requirements', jsonb_build_array(requirement),
        'control', 'Requirement ' || requirement,
        'status_id', CASE effective WHEN 'PASS' THEN 1 ELSE 3 END, 'status', effective,
        'checks', jsonb_build_array(jsonb_build_object(
            'uid', 'key_unused', 'name', 'Keys are in use', 'desc', 'Checks that no key is unused.',
            'status', status, 'status_id', CASE status WHEN 'PASS' THEN 1 ELSE 3 END))));
CREATE TEMP TABLE doc AS SELECT
    jsonb_build_array(pg_temp.detection('alice', 'PASS', 's1'), pg_temp.detection('bob', 'FAIL', 's1')) AS day1,
    jsonb_build_array(pg_temp.detection('bob', 'FAIL', 's2'), pg_temp.detection('alice', 'PASS', 's2')) AS day2,
    jsonb_build_array(pg_temp.requirement('alice', 'PASS', 'CIS-8.1', '5.1', 'PASS'),
                      pg_temp.requirement('alice', 'PASS', 'CIS-8.1', '5.3', 'FAIL'),
                      pg_temp.requirement('bob', 'FAIL', 'CIS-8.1', '5.1', 'FAIL'),
                      pg_temp.requirement('bob', 'FAIL', 'CIS-8.1', '5.3', 'FAIL'),
                      '{"class_uid": 2003, "metadata": {"event_code": "manual",
                        "product": {"name": "Prowler"}},
                        "compliance": {"standards": ["CIS-8.1"], "requirements": ["9"],
                                       "checks": []}}'::jsonb) AS cis,
    jsonb_build_array(pg_temp.requirement('bob', 'FAIL', 'SOC2', 'cc1', 'FAIL')) AS soc;
CREATE TEMP VIEW f AS
SELECT r.key::text AS recommendation, a.key::text AS asset, f.state,
       f.details ->> 'message' AS message
FROM finding f JOIN recommendation r USING (recommendation_id) JOIN asset a USING (asset_id)
ORDER BY 1, 2;
CREATE TEMP VIEW catalog AS
SELECT r.key::text, to_jsonb(r) - 'recommendation_id' AS object FROM recommendation r
UNION ALL SELECT a.key, to_jsonb(a) - '{asset_id,first_seen,last_seen}'::text[] FROM asset a
UNION ALL SELECT s.key, to_jsonb(s) - '{source_id,last_seen}'::text[] FROM source s;
\set ECHO all

-- ids of a scan and of an account are not of the check: the next scan rewrites nothing
SELECT load('ocsf', day1) FROM doc;
SELECT title, details FROM recommendation;
CREATE TEMP TABLE was AS SELECT 'r' AS of, ctid AS place, xmin::text AS writer
    FROM recommendation UNION ALL SELECT 'a', ctid, xmin::text FROM asset;
SELECT load('ocsf', day2) FROM doc;
SELECT count(*) FROM (SELECT 'r', ctid, xmin::text FROM recommendation UNION ALL SELECT 'a', ctid, xmin::text FROM asset
                      EXCEPT TABLE was) x;

-- the compliance output has the same checks: it changes nothing of them, and adds what is new
CREATE TEMP TABLE detected AS TABLE catalog;
SELECT load('ocsf', cis) FROM doc;
SELECT * FROM pg_temp.f;
(TABLE catalog EXCEPT TABLE detected) UNION ALL (TABLE detected EXCEPT TABLE catalog);
SELECT load('ocsf', soc) FROM doc;
SELECT details -> 'compliance' AS compliance FROM recommendation;
-- alone: the result and the texts of the check, the account, the requirements
SELECT * FROM forget_source('prowler');
SELECT load('ocsf', cis) FROM doc;
SELECT * FROM pg_temp.f;
SELECT key, title, description, severity, details -> 'compliance' AS compliance FROM recommendation;
SELECT DISTINCT tags ->> 'account' AS account FROM asset;
-- without the result of the check there is none
SELECT load('ocsf', jsonb_set(soc, '{0,compliance,checks,0}', '{"uid": "key_unused"}')) FROM doc;
SELECT reason, details #>> '{compliance,control}' AS control FROM rejected;

DISCARD TEMP;
DROP EXTENSION posture;

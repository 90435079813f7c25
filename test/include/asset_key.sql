\set ECHO none
-- Documents about assets that share an id, of the fields that count. Needs nothing else.

-- a finding of Prowler in OCSF
CREATE FUNCTION pg_temp.ocsf(name text, uid text, provider text, account text, status text,
                             region text DEFAULT 'global', replaced jsonb DEFAULT '{}')
    RETURNS jsonb LANGUAGE sql
RETURN jsonb_build_object(
    'class_uid', 2004, 'time', 1768464000, 'status_code', status,
    'metadata', jsonb_build_object('event_code', name, 'product', '{"name": "Prowler"}'::jsonb),
    'finding_info', jsonb_build_object(
        'title', name, 'uid', concat_ws('-', 'prowler', provider, name, account, region, uid)),
    'cloud', jsonb_strip_nulls(jsonb_build_object(
        'provider', provider, 'account', jsonb_build_object('uid', account), 'region', region)),
    'resources', jsonb_build_array(jsonb_build_object('uid', uid, 'type', 'Thing',
                                                      'region', region))) || replaced;

-- a finding of Security Hub in ASFF, or of Prowler if the check is one
CREATE FUNCTION pg_temp.asff(control text, resource_id text, account text, region text,
                             status text, type text DEFAULT 'Other', replaced jsonb DEFAULT '{}')
    RETURNS jsonb LANGUAGE sql
RETURN jsonb_build_object(
    'SchemaVersion', '2018-10-08', 'Id', concat_ws('/', control, account, region, resource_id),
    'ProductName', CASE WHEN control LIKE 'prowler-%' THEN 'Prowler' ELSE 'Security Hub' END,
    'GeneratorId', control, 'AwsAccountId', account, 'Region', region, 'Title', control,
    'UpdatedAt', '2026-01-15T08:00:00Z', 'Compliance', jsonb_build_object('Status', status),
    'Resources', jsonb_build_array(jsonb_build_object('Id', resource_id, 'Type', type,
                                                      'Region', region))) || replaced;

-- a check of Prowler
CREATE FUNCTION pg_temp.check(provider text, name text, title text, severity text)
    RETURNS jsonb LANGUAGE sql
RETURN jsonb_build_object('Provider', provider, 'CheckID', name, 'CheckTitle', title,
                          'Severity', severity);

-- a result of OpenSCAP for a host
CREATE FUNCTION pg_temp.xccdf(target text, facts text, result text) RETURNS xml LANGUAGE sql
RETURN format('<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2" id="t" '
              'test-system="cpe:/a:redhat:openscap:1.3" end-time="2026-01-15T08:00:00Z">'
              '<target>%s</target><target-address>127.0.0.1</target-address>'
              '<target-facts>%s</target-facts>'
              '<rule-result idref="r"><result>%s</result></rule-result></TestResult>',
              target, facts, result)::xml;
CREATE FUNCTION pg_temp.fact(name text, value text) RETURNS text LANGUAGE sql
RETURN format('<fact name="urn:xccdf:fact:%s" type="string">%s</fact>', name, value);

-- findings by their keys
CREATE VIEW pg_temp.f AS
SELECT s.key::text AS source, r.key::text AS recommendation, a.key::text AS asset, a.kind, f.state,
       f.details, f.changed_at, a.retired_at IS NOT NULL AS retired
FROM finding f JOIN recommendation r USING (recommendation_id) JOIN source s USING (source_id)
JOIN asset a USING (asset_id);
SET client_min_messages = warning;
\set ECHO all

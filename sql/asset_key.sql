-- Which asset a document is about, and which check: ids that several accounts, regions or hosts
-- share, names that several providers share, and keys of earlier versions.
-- tests: source/asset_key, source/check_key
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\i :include/asset_key.sql
SET timezone = 'UTC';

-- ids that are unique by themselves, and those that are not
SELECT v AS id
FROM unnest('{arn:aws:s3:::b, arn:aws-us-gov:iam::1:root, /subscriptions/a/x, /Providers/X/y,
    //compute.googleapis.com/projects/p, https://example.com/x, urn:uuid:1, ocid1.key.oc1..x,
        acs:ecs:cn:1:i,
    crn:v1:x, AWS::::Account:123456789012}'::text[]) v WHERE NOT is_global_id(v);
SELECT v AS id
FROM unnest('{default, Dockerfile, 123456789012, containeranalysis.googleapis.com, i-1, /etc/passwd,
    arn, arn:aws:iam::aws:policy/Admin, http://localhost:80/x, https://127.0.0.1/,
        userSettings}'::text[]) v
WHERE is_global_id(v);
-- names of no host
SELECT v AS name
FROM unnest('{localhost, LOCALHOST, localhost., localhost.localdomain, localhost4, ip6-localhost,
    localhost6.localdomain6, " localhost ", 127.0.0.1, 127.1.2.3, ::1, 0:0:0:0:0:0:0:1, 0.0.0.0,
        ::, (none),
    none, null, unknown, N/A, -, ""}'::text[]) v WHERE named_host(v) IS NOT NULL;
SELECT v AS name
FROM unnest('{web1, localhoster, my-localhost, 10.0.0.1, 128.0.0.1, fe80::1, 2001:db8::1, none1,
    nullify.example.com}'::text[]) v WHERE named_host(v) IS NULL;
SELECT DISTINCT resource_kind(v)
FROM unnest('{AwsS3Bucket, AWS::S3::Bucket, aws::s3::bucket, AWS S3 Bucket}'::text[]) v;
SELECT resource_kind('Virtual Machine'), resource_kind(''), resource_kind(NULL);
SELECT v.*, asset_key(v.id, v.kind, v.provider, v.account, v.region)
FROM (VALUES ('x', NULL, 'gcp', 'p', 'global'), ('x', NULL, 'gcp', 'p', 'us-central1'), ('x',
    NULL, NULL, 'p', NULL),
             ('x', NULL, 'gcp', NULL, 'us-central1'), ('x', 'file', 'iac', 'iac', '12-30'),
             ('arn:aws:s3:::b', NULL, 'aws', '123456789012', 'eu-west-1'),
             ('123456789012', 'awsaccount', 'aws', '123456789012', 'eu-west-1'),
             ('123456789012', 'account', 'aws', '123456789012', 'eu-west-1'),
             ('123456789012', 'account', 'gcp', '123456789012', NULL),
             ('123456789012', 'other', 'aws', '123456789012', 'eu-west-1'),
             (NULL, NULL, 'aws', '123456789012', NULL)) v(id, kind, provider, account, region);

-- random ids of random accounts and regions, in both formats: plain SQL says how many there are
\set ECHO none
SELECT setseed(0.5);
CREATE TEMP TABLE thing AS
SELECT n, 'c' || (random() * 2)::int AS name, '11111111111' || (random() * 3)::int AS account,
       ('{us-east-1,eu-west-1}'::text[])[1 + (random() * 1)::int] AS region,
       ('{a,b,c,arn:aws:s3:::a,arn:aws:s3:::b}'::text[])[1 + (random() * 4)::int] AS id,
       random() < 0.5 AS fails
FROM generate_series(1, 400) n;
CREATE TEMP VIEW one AS
SELECT t.name, t.id, CASE WHEN t.id !~ '^arn' THEN t.account END AS account,
       CASE WHEN t.id !~ '^arn' THEN t.region END AS region, bool_or(t.fails) AS fails
FROM thing t GROUP BY 1, 2, 3, 4;
CREATE FUNCTION pg_temp.wrong(mapping text, document jsonb)
    RETURNS TABLE (recommendation text, asset text, fails boolean, n bigint) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'WITH got AS (SELECT i.recommendation, i.asset, i.state = ''non_compliant'', 1::bigint
                      FROM %I($1, ''s'') i WHERE i.type = ''finding''),
              want AS (SELECT o.name, CASE WHEN o.account IS NULL THEN o.id
                                      ELSE concat_ws(''/'', ''aws'', o.account, o.region,
                                          o.id) END, o.fails, 1::bigint FROM one o)
         (TABLE got EXCEPT ALL TABLE want)
             UNION ALL (TABLE want EXCEPT ALL TABLE got)', mapping) USING document;
END $$;
\set ECHO all
SELECT count(*) > 60 AS many FROM one;
SELECT * FROM pg_temp.wrong('ocsf_item', (SELECT jsonb_agg(pg_temp.ocsf(
    t.name, t.id, 'aws', t.account, CASE WHEN t.fails THEN 'FAIL' ELSE 'PASS' END, t.region,
    jsonb_build_object('finding_info', jsonb_build_object('title', t.name, 'uid', t.n::text))))
        FROM thing t));
SELECT * FROM pg_temp.wrong('asff_item', (SELECT jsonb_agg(pg_temp.asff(
    'prowler-' || t.name, t.id, t.account, t.region,
        CASE WHEN t.fails THEN 'FAILED' ELSE 'PASSED' END, 'Other',
    jsonb_build_object('Id', t.n::text))) FROM thing t));

-- three projects in one document: each has a network of its own
SELECT loaded, changed FROM load('ocsf', (SELECT jsonb_agg(pg_temp.ocsf(c, c || '-default', 'gcp',
    p, r))
    FROM (VALUES ('a', 'FAIL'), ('b', 'PASS'), ('c', 'PASS')) v(p, r),
        unnest('{net,scan}'::text[]) c));
SELECT recommendation, asset, state FROM pg_temp.f ORDER BY 1, 2;
INSERT INTO metric (key, name, rule) VALUES ('all', 'All', '{"source": "prowler"}');
INSERT INTO initiative (key, name) VALUES ('i', 'I');
INSERT INTO initiative_metric (initiative_id, metric_id) VALUES (1, 1);
SELECT score FROM metric_report;
-- a tenant where there is no account; a file, whose region is its lines
SELECT asset FROM ocsf_item(jsonb_build_array(
    pg_temp.ocsf('t', 'userSettings', 'm365', NULL, 'FAIL', 'global',
                 '{"metadata": {"event_code": "t", "product": {"name": "Prowler"}, "tenant_uid": "tenant-1"}}'),
    pg_temp.ocsf('i', 'Dockerfile', 'iac', 'iac', 'FAIL', '3-17'),
    pg_temp.ocsf('k', 'pod-1', 'kubernetes', NULL, 'FAIL', NULL,
                 '{"cloud": null, "unmapped": {"provider": "kubernetes", "provider_uid": "cluster-1"}}'),
    pg_temp.ocsf('o', 'thing', NULL, NULL, 'FAIL', NULL,
        '{"cloud": null, "finding_info": {"title": "o"}}')), NULL)
WHERE type = 'finding' ORDER BY 1;

-- one account, three regions, one of which fails
\set ECHO none
CREATE FUNCTION pg_temp.regions(failing text) RETURNS jsonb LANGUAGE sql
RETURN (SELECT jsonb_agg(pg_temp.asff('security-control/Detect.1', 'AWS::::Account:111122223333',
    '111122223333', r,
                                      CASE WHEN r = ANY (failing::text[]) THEN 'FAILED'
                                           ELSE 'PASSED' END, 'AwsAccount'))
        FROM unnest('{us-east-1,eu-west-1,eu-west-3}'::text[]) r);
\set ECHO all
SELECT state, details FROM asff_item(pg_temp.regions('{eu-west-3}'), NULL) WHERE type = 'finding';
SELECT state, details FROM asff_item(pg_temp.regions('{eu-west-3,us-east-1}'), NULL)
    WHERE type = 'finding';
SELECT object -> 'tags' -> 'region' AS region FROM asff_item(pg_temp.regions('{}'), NULL)
    WHERE type = 'asset';
-- the region of the finding, if that of the resource is another
SELECT details, (SELECT object -> 'tags' -> 'region' FROM asff_item(d.document, NULL)
    WHERE type = 'asset') AS region
FROM (SELECT jsonb_agg(x.e || '{"Resources": [{"Id": "AWS::::Account:111122223333",
                                              "Region": "us-east-1"}]}') AS document
      FROM jsonb_array_elements(pg_temp.regions('{eu-west-1}')) x(e)) d, asff_item(d.document,
          NULL) WHERE type = 'finding';
SELECT state, details FROM ocsf_item((SELECT jsonb_agg(pg_temp.ocsf(
    'detect', 'arn:aws:iam::111122223333:root', 'aws', '111122223333',
        CASE r WHEN 'eu-west-3' THEN 'FAIL' ELSE 'PASS' END, r))
    FROM unnest('{us-east-1,eu-west-1,eu-west-3}'::text[]) r), NULL) WHERE type = 'finding';
-- a result alone of its check, about an asset that several regions report on
SELECT recommendation, details FROM asff_item(pg_temp.regions('{}') || pg_temp.asff(
    'security-control/Other.1', 'AWS::::Account:111122223333', '111122223333', 'eu-west-1',
        'FAILED', 'AwsAccount'), NULL)
WHERE type = 'finding' ORDER BY 1;

-- regions that come one by one: the worst of those that still report the finding counts
\set ECHO none
CREATE FUNCTION pg_temp.deliver(region text, status text, day text, is_complete boolean = false)
    RETURNS TABLE (changed bigint, closed bigint, state text, regions text) LANGUAGE plpgsql AS $$
DECLARE
    loaded record;
BEGIN
    SELECT l.* INTO loaded
    FROM posture.load('asff', pg_temp.asff(
        CASE status WHEN 'OTHER' THEN 'security-control/Other.2' ELSE 'security-control/Each.1' END,
        'AWS::::Account:222233334444', '222233334444', region,
        CASE status WHEN 'OTHER' THEN 'PASSED' ELSE status END, 'AwsAccount',
        jsonb_build_object('UpdatedAt', day || 'T00:00:00Z')), 'security-hub', is_complete) l;
    RETURN QUERY
    SELECT loaded.changed, loaded.closed, f.state::text,
           concat_ws(' ', f.details ->> 'region', f.details ->> 'others')
    FROM pg_temp.f WHERE f.recommendation = 'Each.1';
END $$;
\set ECHO all
SELECT * FROM pg_temp.deliver('eu-west-3', 'FAILED', '2026-02-02');
SELECT * FROM pg_temp.deliver('us-east-1', 'PASSED', '2026-02-02');
SELECT * FROM pg_temp.deliver('us-east-1', 'PASSED', '2026-02-02');
SELECT * FROM pg_temp.deliver('eu-west-1', 'PASSED', '2026-02-01');
SELECT tags FROM asset WHERE key = 'AWS::::Account:222233334444';
-- fixed, and an older result of a known region
SELECT * FROM pg_temp.deliver('eu-west-3', 'PASSED', '2026-02-03');
SELECT * FROM pg_temp.deliver('us-east-1', 'FAILED', '2026-02-01');
-- a region fails, and then no longer reports it
SELECT * FROM pg_temp.deliver('us-east-1', 'FAILED', '2026-02-04');
SELECT * FROM pg_temp.deliver('us-east-1', 'OTHER', '2026-02-05', true);
SELECT * FROM pg_temp.deliver('eu-west-1', 'PASSED', '2026-02-06');

-- a region that only the product names
SELECT asset, object -> 'extents' AS extents FROM asff_item(
    pg_temp.asff('Net.1', 'default', '1', 'x', 'FAILED', 'AwsEc2Vpc', '{"Region": null,
        "ProductArn": "arn:aws:securityhub:us-east-2::product/aws/securityhub",
        "Resources": [{"Id": "default"}]}'), NULL) WHERE type = 'finding';

-- an asset that a document spells in several ways is one, and fails if one of its results does
SELECT asset, state, details -> 'others' AS others FROM ocsf_item(jsonb_build_array(
    pg_temp.ocsf('tls', '/subscriptions/S/resourceGroups/RG/', 'azure', 's', 'FAIL'),
    pg_temp.ocsf('tls', '/subscriptions/s/resourcegroups/rg', 'azure', 's', 'PASS'),
    pg_temp.ocsf('mfa', '111122223333', 'aws', '111122223333', 'PASS', 'global',
                 '{"resources": [{"type": "Account", "uid": "111122223333"}]}'),
    pg_temp.ocsf('mfa', 'AWS::::Account:111122223333', 'aws', '111122223333', 'FAIL')), NULL)
WHERE type = 'finding' ORDER BY asset;
SELECT count(*) FROM ocsf_item(jsonb_build_array(
    pg_temp.ocsf('tls', '/subscriptions/S/resourceGroups/RG/', 'azure', 's', 'FAIL'),
    pg_temp.ocsf('ssh', '/subscriptions/s/resourcegroups/rg', 'azure', 's', 'PASS')), NULL)
WHERE type = 'asset';
-- kinds that products call by other names
SELECT t, resource_kind(t) FROM unnest('{AwsElbv2LoadBalancer,
    AWS::ElasticLoadBalancingV2::LoadBalancer,AWS::ElasticLoadBalancing::LoadBalancer,
    AwsElbLoadBalancer,AWS::StepFunctions::StateMachine,AwsStepFunctionStateMachine}'::text[]) t;

-- Security Hub in both formats: one account, one bucket, one kind
SELECT loaded, changed FROM load('asff', jsonb_build_array(
    pg_temp.asff('security-control/Config.1', 'AWS::::Account:123456789012', '123456789012',
        'eu-west-1', 'FAILED', 'AwsAccount'),
    pg_temp.asff('security-control/S3.8', 'arn:aws:s3:::hub', '123456789012', 'eu-west-1',
        'FAILED', 'AwsS3Bucket')));
\set ECHO none
CREATE FUNCTION pg_temp.hub(control text, uid text, type text) RETURNS jsonb LANGUAGE sql
RETURN pg_temp.ocsf(control, uid, 'AWS', '123456789012', 'FAIL', 'eu-west-1', jsonb_build_object(
    'class_uid', 2003, 'compliance', jsonb_build_object('control', control, 'status_id', 3),
        'time', 1768464000,
    'metadata', '{"product": {"name": "Security Hub", "vendor_name": "AWS"}}'::jsonb,
    'resources', jsonb_build_array(jsonb_build_object('uid', uid, 'type', type, 'region',
        'eu-west-1'))));
\set ECHO all
SELECT loaded FROM load('ocsf', jsonb_build_array(pg_temp.hub('Config.1', '123456789012',
    'AWS::::Account'),
                                                  pg_temp.hub('S3.8', 'arn:aws:s3:::hub',
                                                      'AWS::S3::Bucket')));
SELECT recommendation, asset, kind, state FROM pg_temp.f WHERE source = 'security-hub'
    ORDER BY 1, 2;

-- the code of a control is no asset, unless there is nothing else
SELECT location, asset, error FROM asff_item(jsonb_build_array(
    pg_temp.asff('V-1', 'x', '12345678910', 'us-east-2', 'FAILED', 'x', '{"Resources": [
        {"Id": "AWS::::Account:12345678910", "Type": "AwsAccount"}, {"Id": "V-1 Validation Code",
            "Type": "AwsIamRole"}]}'),
    pg_temp.asff('V-2', 'V-2 Validation Code', '12345678910', 'us-east-2', 'FAILED',
        'AwsIamRole')), NULL)
WHERE type = 'finding' ORDER BY location;

-- hosts that all call themselves localhost
\set ECHO none
CREATE FUNCTION pg_temp.hosts(target text, VARIADIC facts text[]) RETURNS text LANGUAGE sql
RETURN (SELECT concat_ws(' ', asset, asset_name, error)
        FROM xccdf_item(pg_temp.xccdf(target, array_to_string(facts, ''), 'pass'), NULL)
            WHERE type = 'finding');
\set ECHO all
SELECT pg_temp.hosts('localhost.localdomain', pg_temp.fact('ethernet:MAC', '00:00:00:00:00:00'),
                     pg_temp.fact('ethernet:MAC', '52:54:00:AA:00:01'),
                         pg_temp.fact('ethernet:MAC', '52:54:00:00:00:09'),
                     pg_temp.fact('asset:identifier:fqdn', 'localhost.localdomain'));
SELECT pg_temp.hosts('localhost', pg_temp.fact('asset:identifier:fqdn', 'Web7.example.com'),
                     pg_temp.fact('ethernet:MAC', '52:54:00:00:00:01'));
SELECT pg_temp.hosts('LOCALHOST', pg_temp.fact('asset:identifier:host_name', 'web7'));
SELECT pg_temp.hosts('(none)', pg_temp.fact('asset:identifier:guid', '4F-11'),
    pg_temp.fact('ethernet:MAC', '52:54:00:00:00:01'));
SELECT pg_temp.hosts('127.0.0.1', pg_temp.fact('asset:identifier:ipv4', '127.0.0.1'),
    pg_temp.fact('asset:identifier:ipv4', '10.0.0.7'));
SELECT pg_temp.hosts('localhost', pg_temp.fact('asset:identifier:ipv4', '172.17.0.2'),
    pg_temp.fact('ethernet:MAC', '02:42:ac:11:00:02'));
SELECT pg_temp.hosts('web1', pg_temp.fact('ethernet:MAC', '52:54:00:00:00:01'));
SELECT loaded FROM load('xccdf', pg_temp.xccdf('localhost', pg_temp.fact('ethernet:MAC',
    '52:54:00:00:00:01'), 'fail'));
SELECT loaded FROM load('xccdf', pg_temp.xccdf('localhost', pg_temp.fact('ethernet:MAC',
    '52:54:00:00:00:02'), 'pass'));
SELECT loaded, rejected FROM load('xccdf', pg_temp.xccdf('localhost', '', 'pass'));
SELECT asset, state FROM pg_temp.f WHERE source = 'openscap' ORDER BY 1;
SELECT reason FROM rejected;
-- in OCSF, too
SELECT location, asset, error FROM ocsf_item(jsonb_build_array(
    pg_temp.ocsf('h', 'localhost', NULL, NULL, 'FAIL', NULL,
        '{"cloud": null, "resources": [{"uid": "localhost", "name": "web1"}]}'),
    pg_temp.ocsf('h', 'x', NULL, NULL, 'FAIL', NULL,
        '{"cloud": null, "resources": [], "device": {"hostname": "localhost", "mac": "52:54:00:00:00:01"}}'),
    pg_temp.ocsf('h', 'x', NULL, NULL, 'FAIL', NULL,
        '{"cloud": null, "resources": [], "device": {"hostname": "localhost", "ip": "127.0.0.1"}}'),
    pg_temp.ocsf('h', 'localhost', 'gcp', 'p', 'FAIL')), NULL) WHERE type = 'finding'
        ORDER BY location;

-- checks of three providers with one name, in one document or one by one
\set ECHO none
CREATE TEMP TABLE rotation AS
SELECT * FROM (VALUES (1, 'gcp', 'Rotation in GCP', 'low'), (2, 'huaweicloud',
    'Rotation in Huawei', 'medium'),
                      (3, 'oraclecloud', 'Rotation in Oracle', 'high')) v(n, provider, title,
                          severity);
CREATE TEMP VIEW r AS
SELECT s.key::text AS source, r.key::text AS recommendation, r.title, r.severity
    FROM recommendation r JOIN source s USING (source_id);
CREATE FUNCTION pg_temp.rotates(provider text) RETURNS jsonb LANGUAGE sql
RETURN jsonb_build_array(pg_temp.ocsf('rotation', 'key-1', provider, 'acme', 'FAIL'));
\set ECHO all
SELECT load('prowler-checks', (SELECT jsonb_agg(pg_temp.check(provider, 'rotation', title,
    severity)) FROM rotation), 'at-once');
SELECT load('prowler-checks', (SELECT jsonb_agg(pg_temp.check(provider, 'rotation', title,
    severity)) FROM rotation), 'at-once');
SELECT load('prowler-checks', pg_temp.check(provider, 'rotation', title, severity), 'by-one')
    FROM rotation ORDER BY n;
SELECT load('prowler-checks', pg_temp.check(provider, 'rotation', title, severity), 'by-one')
    FROM rotation ORDER BY n DESC;
SELECT * FROM pg_temp.r WHERE source IN ('at-once', 'by-one') ORDER BY 1, 2;
-- findings and frameworks are of the check of their provider, whichever comes first
SELECT s.source, i.recommendation FROM unnest('{at-once,by-one,new}'::text[]) s(source), rotation t,
    ocsf_item(pg_temp.rotates(t.provider), s.source) i WHERE i.type = 'finding' ORDER BY 1, t.n;
SELECT load('compliance-framework',
    '{"Framework": "F", "Provider": "OracleCloud", "Requirements": [{"Id": "1", "Checks": ["rotation"]}]}', 'framed');
SELECT load('ocsf', pg_temp.rotates(provider), 'framed') FROM rotation ORDER BY n;
SELECT load('prowler-checks', (SELECT jsonb_agg(pg_temp.check(provider, 'rotation', title,
    severity)) FROM rotation), 'framed');
SELECT r.recommendation, r.title, f.asset, f.state FROM pg_temp.r JOIN pg_temp.f USING (source,
    recommendation)
WHERE source = 'framed' ORDER BY 1;
SELECT i.object -> 'recommendations' AS recommendations FROM framework_item(
    '{"framework": "G", "requirements": [{"id": "1", "checks": {"gcp": ["rotation"],
      "oraclecloud": ["rotation"]}}]}', 'framed') i
WHERE i.type = 'metric';
-- another product has one recommendation for all providers
SELECT DISTINCT recommendation FROM ocsf_item((SELECT jsonb_agg(pg_temp.ocsf('rotation', 'k',
    provider, 'acme', 'FAIL', 'global',
    '{"metadata": {"event_code": "rotation", "product": {"name": "Other"}}}'))
        FROM rotation), NULL) WHERE type = 'finding';

DISCARD TEMP;
DROP EXTENSION posture;

/*
 * Documents: OCSF findings of the size that Prowler writes, 10 documents of
 * 10,000, beside ingest() of the same findings from the inbox.
 */
CREATE EXTENSION posture;
CREATE TABLE bench.document AS
SELECT n, jsonb_agg(jsonb_build_object(
    'message', format('Setting %s of resource %s is as the check found it.', f % 500, f / 50),
    'metadata', jsonb_build_object(
        'event_code', format('service_check_number_%s', f % 500),
        'version', '1.4.0', 'profiles', '["cloud", "datetime"]'::jsonb,
        'product', '{"name": "Prowler", "uid": "prowler", "vendor_name": "Prowler", "version": "5.4.0"}'::jsonb),
    'severity_id', 1 + f % 5,
    'severity', (ARRAY['Informational', 'Low', 'Medium', 'High', 'Critical'])[1 + f % 5],
    'status', 'New', 'status_id', 1,
    'status_code', CASE WHEN hashint4(f) % 5 = 0 THEN 'FAIL' ELSE 'PASS' END,
    'status_detail', format('Setting %s of resource %s is as the check found it.', f % 500, f / 50),
    'unmapped', jsonb_build_object(
        'related_url', 'https://example.com/related', 'categories', '["encryption"]'::jsonb,
        'depends_on', '[]'::jsonb, 'notes', '',
        'compliance', '{"CIS-1.4": ["1.20"], "CIS-1.5": ["1.20"], "CIS-2.0": ["1.20"],
                        "KISA-ISMS-P-2023": ["2.5.6", "2.6.4", "2.8.1", "2.8.2"],
                        "Onboarding": ["Enabled security services"]}'::jsonb),
    'activity_name', 'Create', 'activity_id', 1, 'category_name', 'Findings', 'category_uid', 2,
    'class_name', 'Detection Finding', 'class_uid', 2004,
    'type_uid', 200401, 'type_name', 'Detection Finding: Create',
    'time', 1739539623, 'time_dt', '2025-02-14T14:27:03.913874',
    'finding_info', jsonb_build_object(
        'created_time', 1739539623, 'created_time_dt', '2025-02-14T14:27:03.913874',
        'product_uid', 'prowler', 'types', '["IAM"]'::jsonb,
        'title', format('Check number %s of a service', f % 500),
        'desc', repeat('This says what the check looks at. ', 6),
        'uid', format('prowler-aws-%s', f)),
    'resources', jsonb_build_array(jsonb_build_object(
        'uid', format('arn:aws:service:eu-west-1:111122223333:resource/%s', f / 50),
        'name', format('resource-%s', f / 50),
        'type', 'AwsServiceResource', 'region', 'eu-west-1', 'cloud_partition', 'aws',
        'group', '{"name": "service"}'::jsonb, 'labels', '[]'::jsonb,
        'data', jsonb_build_object('details', '', 'metadata', jsonb_build_object(
            'arn', format('arn:aws:service:eu-west-1:111122223333:resource/%s', f / 50),
            'status', 'ACTIVE', 'tags', '[]'::jsonb,
            'policy', repeat('{"Effect": "Allow"}', 10))))),
    'cloud', '{"account": {"name": "", "type": "AWS Account", "type_id": 10, "uid": "111122223333",
                           "labels": []},
               "org": {"name": "", "uid": ""}, "provider": "aws", "region": "eu-west-1"}'::jsonb,
    'remediation', jsonb_build_object(
        'desc', repeat('This says what to do about it. ', 8),
        'references', '["aws service update --setting on", "https://example.com/setting"]'::jsonb),
    'risk_details', repeat('This says what may happen otherwise. ', 12))) AS document
FROM generate_series(0, 9) n
CROSS JOIN LATERAL (SELECT n * 10000 + i AS f FROM generate_series(0, 9999) i) f
GROUP BY n;
VACUUM ANALYZE;

\echo 'documents'
BEGIN;
INSERT INTO posture.source (key, name) VALUES ('prowler', 'Prowler');
INSERT INTO posture.inbox (
    source, recommendation, asset, state, observed_at, asset_kind, asset_name, details)
SELECT i.source, i.recommendation, i.asset, i.state, i.observed_at, i.asset_kind, i.asset_name,
       i.details
FROM bench.document d
CROSS JOIN LATERAL posture_internal.ocsf_item(d.document, NULL) i
WHERE i.type = 'finding';
SELECT bench.seconds_of('SELECT * FROM posture.ingest()') AS theirs \gset
ROLLBACK;
\set load 'SELECT posture.load(''ocsf'', d.document) FROM bench.document d ORDER BY d.n'
SELECT bench.seconds_of(:'load') AS ours \gset
SELECT bench.seconds_of(:'load') AS again \gset
INSERT INTO bench.result (what, compared_with, measured, compared, unit, reach)
VALUES ('load() of 100000 OCSF findings, '
            || (SELECT pg_size_pretty(sum(length(document::text))) FROM bench.document),
        'ingest() of the same findings from the inbox', :ours, :theirs, 's', 'at most 3'),
       ('the same documents again', 'the first time', :again, :ours, 's', '');

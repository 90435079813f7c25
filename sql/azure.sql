-- Defender for Cloud: assessments and the controls of its secure score.
-- tests: source/azure_resource, source/azure_assessment, source/azure_control
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\i :include/azure.sql
\set VERBOSITY terse

-- ids: the kind and the parts
SELECT i.id, r.* FROM (VALUES
    ('/subscriptions/00000000-0000-0000-0000-00000000000A'),
    ('/subscriptions/S1/resourceGroups/RG1'), ('/subscriptions/S1/resourceGroups/RG1/'),
    ('/subscriptions/S1/resourcegroups/RG1/providers/Microsoft.Compute/virtualMachines/Web1'),
    ('/subscriptions/S1/resourceGroups/RG1/providers/Microsoft.Sql/servers/Sql1/databases/Orders'),
    ('/subscriptions/S1/resourceGroups/RG1/providers/Microsoft.Compute/virtualMachines/Web1'
     '/providers/Microsoft.Insights/diagnosticSettings/All'),
    ('/subscriptions/S1/providers/Microsoft.Authorization/roleDefinitions/R1'),
    ('/providers/Microsoft.Management/managementGroups/M1'), ('arn:aws:s3:::bucket'), (''),
        (NULL)) i(id)
LEFT JOIN LATERAL azure_resource(i.id) r ON true;

-- as REST lists them
SELECT location, error, type, recommendation, pg_temp.short(asset) AS asset, state, observed_at,
    asset_kind, asset_name, details
FROM azure_assessment_item(pg_temp.doc('rest'), NULL) WHERE type = 'finding';
SELECT location, error, type, source, pg_temp.short(object::text) AS object
FROM azure_assessment_item(pg_temp.doc('rest'), NULL)
WHERE type IN ('source', 'recommendation', 'left_out', 'exemption');
SELECT pg_temp.short(object::text) AS object FROM azure_assessment_item(pg_temp.doc('rest'), NULL)
WHERE type = 'asset';
-- the caller's source
SELECT DISTINCT source FROM azure_assessment_item(pg_temp.doc('rest'), 'mdc-2');

-- as Resource Graph writes them, and flattened
SELECT location, error, recommendation, pg_temp.short(asset) AS asset, state, asset_kind,
    asset_name, details
FROM azure_assessment_item(pg_temp.doc('graph'), NULL) WHERE type = 'finding';
SELECT object ->> 'name' AS name, object -> 'tags' AS tags
FROM azure_assessment_item(pg_temp.doc('graph'), NULL) WHERE type = 'asset';
SELECT object FROM azure_assessment_item(pg_temp.doc('graph'), NULL) WHERE type = 'recommendation';

-- what can't be loaded
SELECT i.location, i.error, i.type, left(i.object::text, 60) AS object
FROM bad_assessment v
CROSS JOIN LATERAL azure_assessment_item(v.body::jsonb, NULL) i ORDER BY v.n;
SELECT type, error, length(asset)
FROM azure_assessment_item(jsonb_build_object('name', 'a', 'properties', jsonb_build_object(
    'status', '{"code": "Healthy", "statusChangeDate": "never"}'::jsonb, 'resourceDetails',
        jsonb_build_object('id', repeat('k', 5000)))), NULL) WHERE type = 'finding';

-- loaded: findings, exemptions and the recommendation; a second time nothing changes
SELECT * FROM load('azure-assessments', pg_temp.doc('rest'));
SELECT * FROM pg_temp.f;
SELECT key, title, description, remediation, markup, severity, domain, manage_url, details
FROM recommendation ORDER BY key COLLATE "C";
SELECT * FROM load('azure-assessments', pg_temp.doc('rest'));
-- by other letters it is the same asset; an exemption that has ended in Azure ends
SELECT * FROM load('azure-assessments', pg_temp.doc('graph'));
SELECT * FROM load('azure-assessments',
    jsonb_build_array(jsonb_set(pg_temp.doc('rest') #> '{value,3}', '{properties,status}',
    '{"code": "Unhealthy"}')));
SELECT * FROM pg_temp.f;
SELECT * FROM load('azure-assessments', '[{"a": 1}, 2]');

-- controls: counts of two subscriptions, one with a definition; of another score none
SELECT location, error, type, source, object FROM azure_control_item(pg_temp.doc('control'), NULL);
SELECT object ->> 'key' AS key FROM azure_control_item(pg_temp.doc('control'), 'mdc-2')
WHERE type IN ('metric', 'initiative', 'source');
SELECT i.location, i.error, i.type
FROM bad_control v
CROSS JOIN LATERAL azure_control_item(v.body::jsonb, NULL) i ORDER BY v.n;

-- c-1 has findings of assets, so its counts are not in it; c-3 has nothing else
SELECT * FROM load('azure-secure-score-controls', pg_temp.doc('control'));
SELECT * FROM pg_temp.m;
SELECT metric, name, score, exposed_assets, assessed_assets, weight FROM metric_report
ORDER BY metric COLLATE "C";
SELECT initiative, name, kind, score FROM overview;
SELECT * FROM load('azure-secure-score-controls', pg_temp.doc('control'));
SELECT azure_update_control_metrics(NULL);
-- no finding applies any more: the counts are back
UPDATE finding SET state = 'not_applicable', changed_at = now();
SELECT azure_update_control_metrics('defender-for-cloud'), azure_update_control_metrics('defender-for-cloud'),
    azure_update_control_metrics('unheard of');
SELECT * FROM pg_temp.m;
SELECT metric, score, exposed_assets, assessed_assets, weight FROM metric_report
ORDER BY metric COLLATE "C";

-- controls first, assessments after
TRUNCATE finding, exemption, measure, metric, initiative, recommendation CASCADE;
SELECT changed, rejected, left_out FROM load('azure-secure-score-controls', pg_temp.doc('control'));
SELECT * FROM pg_temp.m;
SELECT changed, rejected, left_out FROM load('azure-assessments', pg_temp.doc('rest'));
SELECT * FROM pg_temp.m;
SELECT * FROM verify();
DROP EXTENSION posture CASCADE;

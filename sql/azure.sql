-- Defender for Cloud: assessments and the controls of its secure score.
-- tests: source/azure_resource, source/azure_assessment, source/azure_control
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\set VERBOSITY terse
\i :include/item.sql
\i :include/azure.sql

-- ids: the kind and the parts
SELECT right(i.id, 30) AS id, r.* FROM (VALUES
    ('/subscriptions/00000000-0000-0000-0000-00000000000A'),
    ('/subscriptions/S1/resourceGroups/RG1'), ('/subscriptions/S1/resourceGroups/RG1/'),
    ('/subscriptions/S1/resourcegroups/RG1/providers/Microsoft.Compute/virtualMachines/Web1'),
    ('/subscriptions/S1/resourceGroups/RG1/providers/Microsoft.Sql/servers/Sql1/databases/Orders'),
    ('/subscriptions/S1/resourceGroups/RG1/providers/Microsoft.Compute/virtualMachines/Web1'
     '/providers/Microsoft.Insights/diagnosticSettings/All'),
    ('/subscriptions/S1/providers/Microsoft.Authorization/roleDefinitions/R1'),
    ('/providers/Microsoft.Management/managementGroups/M1'), ('arn:aws:s3:::bucket'), (''), (NULL))
    i(id)
LEFT JOIN LATERAL azure_resource(i.id) r ON true;

-- all items of the documents; what is expected stands beside them in test/include/azure.sql
SELECT * FROM pg_temp.differences('azure_assessment_item', pg_temp.doc('rest'), pg_temp.expected('rest'));
SELECT * FROM pg_temp.differences('azure_assessment_item', pg_temp.doc('graph'), pg_temp.expected('graph'));
SELECT * FROM pg_temp.differences('azure_control_item', pg_temp.doc('control'), pg_temp.expected('control'));
-- with the source that the caller gives
SELECT DISTINCT source FROM azure_assessment_item(pg_temp.doc('rest'), 'mdc-2');
SELECT object ->> 'key' AS key FROM azure_control_item(pg_temp.doc('control'), 'mdc-2')
WHERE type IN ('metric', 'initiative', 'source');
-- what can't be loaded: lists of cases in test/include/azure.sql, those that are not as expected
SELECT about, count(*) FROM cases GROUP BY about ORDER BY about;
SELECT * FROM pg_temp.wrong('assessment', 'azure_assessment_item', 'input::jsonb',
    $$concat_ws(' ', location, pg_temp.reason(error, type, object), '(' || type || ')')$$, 'all');
SELECT * FROM pg_temp.wrong('control', 'azure_control_item', 'input::jsonb',
    $$concat_ws(' ', location, pg_temp.reason(error, type, object), '(' || type || ')')$$, 'all');
SELECT type, error, length(asset)
FROM azure_assessment_item(jsonb_build_object('name', 'a', 'properties', jsonb_build_object(
         'status', '{"code": "Healthy", "statusChangeDate": "never"}'::jsonb,
         'resourceDetails', jsonb_build_object('id', repeat('k', 5000)))), NULL)
WHERE type = 'finding';

-- loaded: findings, exemptions and recommendations; a second time nothing changes
\set ECHO none
CREATE TEMP VIEW f AS
SELECT r.key::text AS recommendation, a.name AS asset, f.state, e.kind AS exempt, e.reason,
       e.approved_by, e.expires_at > now() IS NOT FALSE AS in_force
FROM finding f JOIN recommendation r USING (recommendation_id) JOIN asset a USING (asset_id)
LEFT JOIN exemption e USING (recommendation_id, asset_id)
ORDER BY r.key COLLATE "C", a.name COLLATE "C", e.exemption_id;
\set ECHO all
SELECT * FROM load('azure-assessments', pg_temp.doc('rest'));
SELECT * FROM pg_temp.f;
SELECT key, title, description, remediation, markup, severity, domain, manage_url, details
FROM recommendation ORDER BY key COLLATE "C";
SELECT load('azure-assessments', pg_temp.doc('rest'));
-- an asset is the same in other letters; an exemption that has ended in Azure ends
SELECT load('azure-assessments', pg_temp.doc('graph'));
SELECT load('azure-assessments', jsonb_build_array(jsonb_set(pg_temp.doc('rest') #> '{value,3}', '{properties,status}',
                                                                 '{"code": "Unhealthy"}')));
SELECT * FROM pg_temp.f;
SELECT load('azure-assessments', '[{"a": 1}, 2]');

-- controls; c-1 has findings of assets, so its counts are not in it, c-3 has nothing else
SELECT load('azure-secure-score-controls', pg_temp.doc('control'));
\set ECHO none
CREATE TEMP VIEW m AS
SELECT m.key::text AS metric, array_agg(r.key::text ORDER BY r.key COLLATE "C") AS recommendations
FROM metric m LEFT JOIN metric_recommendation USING (metric_id)
LEFT JOIN recommendation r USING (recommendation_id) GROUP BY m.key ORDER BY m.key COLLATE "C";
\set ECHO all
SELECT * FROM pg_temp.m;
SELECT metric, name, score, exposed_assets, assessed_assets, weight FROM metric_report
ORDER BY metric COLLATE "C";
SELECT initiative, name, kind, score FROM overview;
SELECT load('azure-secure-score-controls', pg_temp.doc('control'));
SELECT azure_update_control_metrics(NULL);
-- no finding applies any longer: the counts are back
UPDATE finding SET state = 'not_applicable', changed_at = now();
SELECT azure_update_control_metrics('defender-for-cloud'), azure_update_control_metrics('defender-for-cloud'),
       azure_update_control_metrics('unheard of');
SELECT * FROM pg_temp.m;
SELECT metric, score, exposed_assets, assessed_assets, weight FROM metric_report
ORDER BY metric COLLATE "C";

-- controls first, assessments afterwards
TRUNCATE finding, exemption, measure, metric, initiative, recommendation CASCADE;
SELECT changed, rejected, left_out FROM load('azure-secure-score-controls', pg_temp.doc('control'));
SELECT * FROM pg_temp.m;
SELECT changed, rejected, left_out FROM load('azure-assessments', pg_temp.doc('rest'));
SELECT * FROM pg_temp.m;
SELECT * FROM verify();
DISCARD TEMP;
DROP EXTENSION posture;

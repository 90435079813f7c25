-- Defender for Cloud: assessments and the controls of its secure score.
CREATE EXTENSION posture;
\pset format unaligned
\pset fieldsep ' | '
SET search_path = posture, posture_internal, public;
\set SHOW_CONTEXT never
\set VERBOSITY terse
SET timezone = 'UTC';
SET posture.timezone = 'UTC';

-- ids: the kind and the parts
SELECT i.id, r.* FROM (VALUES
    ('/subscriptions/00000000-0000-0000-0000-00000000000A'),
    ('/subscriptions/S1/resourceGroups/RG1'), ('/subscriptions/S1/resourceGroups/RG1/'),
    ('/subscriptions/S1/resourcegroups/RG1/providers/Microsoft.Compute/virtualMachines/Web1'),
    ('/subscriptions/S1/resourceGroups/RG1/providers/Microsoft.Sql/servers/Sql1/databases/Orders'),
    ('/subscriptions/S1/resourceGroups/RG1/providers/Microsoft.Compute/virtualMachines/Web1/providers/Microsoft.Insights/diagnosticSettings/All'),
    ('/subscriptions/S1/providers/Microsoft.Authorization/roleDefinitions/R1'),
    ('/providers/Microsoft.Management/managementGroups/M1'), ('arn:aws:s3:::bucket'), (''), (NULL)) i(id)
LEFT JOIN LATERAL azure_resource(i.id) r ON true;

CREATE TEMP TABLE doc (name text PRIMARY KEY, body jsonb);
CREATE FUNCTION pg_temp.doc(text) RETURNS jsonb LANGUAGE sql AS $$ SELECT body FROM doc WHERE name = $1 $$;
CREATE FUNCTION pg_temp.vm(text) RETURNS text LANGUAGE sql AS
    $$ SELECT '/subscriptions/S1/resourceGroups/RG1/providers/Microsoft.Compute/virtualMachines/' || $1 $$;
-- as REST lists them
INSERT INTO doc SELECT 'rest', jsonb_build_object('value', jsonb_agg(e), 'nextLink', 'https://example.com/2')
FROM (SELECT jsonb_build_object('id', pg_temp.vm(vm) || '/providers/Microsoft.Security/assessments/AAAA-1', 'name', 'AAAA-1', 'type', 'Microsoft.Security/assessments',
          'properties', jsonb_build_object('resourceDetails', jsonb_build_object('source', 'Azure', 'id', pg_temp.vm(vm)), 'displayName', 'Disks are encrypted', 'status', status::jsonb) || more::jsonb)
      FROM (VALUES
          ('web1', '{"code": "Healthy", "firstEvaluationDate": "2024-01-01T00:00:00Z", "statusChangeDate": "2024-01-02T00:00:00Z"}', '{}'),
          ('web2', '{"code": "Unhealthy", "cause": "Open", "description": "No key"}',
           '{"additionalData": {"disk": "os"}, "links": {"azurePortal": "https://example.com/subscriptions/S1/web2"}, "partnersData": {"partnerName": "p", "secret": "hidden"},
             "metadata": {"displayName": "Disks should be encrypted", "description": "Data at <b>rest</b>", "remediationDescription": "Encrypt", "severity": "High", "categories": ["Compute", "Data"],
                          "userImpact": "Low", "implementationEffort": "Moderate", "threats": ["dataExfiltration"], "policyDefinitionId": "/providers/p/1", "partnerData": {"partnerName": "p", "secret": "hidden"}}}'),
          ('web3', '{"code": "NotApplicable", "cause": "OffByPolicy", "description": "Turned off"}', '{"links": {"azurePortalUri": "https://example.com/AAAA-1"}}'),
          ('web4', '{"code": "NotApplicable", "cause": "Exempt", "description": "Being retired", "statusChangeDate": "2024-01-03T00:00:00Z"}', '{}'),
          ('web5', '{"code": "NotApplicable", "cause": "Exempt", "description": "Exempt by Mitigated"}', '{}'),
          ('web6', '{"code": "NotApplicable", "description": "Exempt (Waiver)"}', '{}'),
          ('web7', '{"code": "NotApplicable", "cause": "Exempt"}',
           '{"additionalData": {"exemption": {"exemptionCategory": "Mitigated", "displayName": "Other product", "expiresOn": "2124-01-01T00:00:00Z", "metadata": {"approvedBy": "Security"}}}}')) v(vm, status, more)
      UNION ALL
      SELECT jsonb_build_object('id', '/subscriptions/S1/providers/Microsoft.Security/assessments/bbbb-2', 'name', 'bbbb-2', 'properties', '{"displayName": "Owners use MFA", "status": {"code": "unhealthy"}}'::jsonb)
      UNION ALL
      SELECT jsonb_build_object('id', pg_temp.vm('web2') || '/providers/Microsoft.Security/assessments/AAAA-1/subAssessments/1', 'name', '1', 'type', 'Microsoft.Security/assessments/subAssessments', 'properties', '{}'::jsonb)) x(e);
SELECT location, error, type, recommendation, asset, state, observed_at, asset_kind, asset_name, details
FROM azure_assessment_item(pg_temp.doc('rest'), NULL) WHERE type = 'finding';
SELECT location, error, type, source, jsonb_pretty(object) FROM azure_assessment_item(pg_temp.doc('rest'), NULL) WHERE type IN ('source', 'recommendation', 'left_out', 'exemption');
SELECT object FROM azure_assessment_item(pg_temp.doc('rest'), NULL) WHERE type = 'asset';
-- the caller's source
SELECT DISTINCT source FROM azure_assessment_item(pg_temp.doc('rest'), 'mdc-2');

-- as Resource Graph writes them, and flattened
INSERT INTO doc VALUES ('graph', jsonb_build_object('data', jsonb_build_array(
    '{"id": "/subscriptions/s1/resourcegroups/rg1/providers/microsoft.compute/virtualmachines/web2/providers/Microsoft.Security/assessments/aaaa-1", "name": "aaaa-1", "type": "microsoft.security/assessments",
      "tenantId": "T1", "kind": "", "location": "", "resourceGroup": "rg1", "subscriptionId": "S1", "managedBy": "", "sku": null, "plan": null, "tags": null, "identity": null, "zones": null, "extendedLocation": null,
      "properties": {"resourceDetails": {"Source": "Azure", "Id": "/subscriptions/s1/resourcegroups/rg1/providers/microsoft.compute/virtualmachines/web2", "ResourceType": "virtualmachines", "ResourceName": "web2"},
                     "status": {"code": "Healthy"}, "displayName": "Disks are encrypted", "metadata": {"severity": "Unheard of"}}}'::jsonb,
    '{"id": "/subscriptions/s1/providers/Microsoft.Security/assessments/cccc-3", "name": "cccc-3", "type": "microsoft.security/assessments", "location": "westeurope",
      "properties": {"resourceDetails": {"Source": "Aws", "Id": "/subscriptions/s1/x/y", "AzureResourceId": "/subscriptions/s1/resourcegroups/rg2/providers/microsoft.hybridcompute/machines/i-1", "AccountId": "111122223333", "ResourceName": "i-1"}, "status": {"code": "Healthy"}}}'::jsonb,
    '{"id": "/subscriptions/s1/providers/Microsoft.Security/assessments/cccc-3", "name": "cccc-3", "properties": {"resourceDetails": {"source": "Gcp", "id": "/subscriptions/s1/resourcegroups/rg2/providers/microsoft.security/securityconnectors/c1/entities/e1", "connectorId": "c1"}, "status": {"code": "Healthy"}}}'::jsonb,
    '{"id": "/subscriptions/s1/resourceGroups/rg3/providers/Microsoft.Compute/virtualMachines/db1/providers/Microsoft.Security/assessments/dddd-4", "properties": {"resourceDetails": {"source": "OnPremiseSql", "serverName": "MSSQL", "databaseName": "orders", "machineName": "db1"}, "status": {"code": "Unhealthy"}}}'::jsonb,
    '{"id": "/subscriptions/s1/resourceGroups/rg3/providers/Microsoft.OperationalInsights/workspaces/w1/providers/Microsoft.Security/assessments/dddd-4", "name": "dddd-4",
      "properties": {"resourceDetails": {"source": "OnPremise", "workspaceId": "/subscriptions/s1/resourcegroups/rg3/providers/microsoft.operationalinsights/workspaces/w1", "machineName": "host1.example.com", "vmuuid": "u1"}, "status": {"code": "Healthy"}}}'::jsonb,
    jsonb_build_object('id', pg_temp.vm('web9') || '/providers/Microsoft.Security/assessments/aaaa-1', 'name', 'aaaa-1', 'status', '{"code": "Healthy"}'::jsonb, 'displayName', 'Disks are encrypted'))));
SELECT location, error, recommendation, asset, state, asset_kind, asset_name, details FROM azure_assessment_item(pg_temp.doc('graph'), NULL) WHERE type = 'finding';
SELECT object ->> 'name' AS name, object -> 'tags' AS tags FROM azure_assessment_item(pg_temp.doc('graph'), NULL) WHERE type = 'asset';
SELECT object FROM azure_assessment_item(pg_temp.doc('graph'), NULL) WHERE type = 'recommendation';

-- what can't be loaded
SELECT i.location, i.error, i.type, left(i.object::text, 60) AS object
FROM (VALUES (1, '5'), (2, '"text"'), (3, 'null'), (4, '[[1]]'), (5, '{}'), (6, '{"value": 1}'), (7, '{"type": "Microsoft.Storage/accounts", "properties": {}}'),
    (8, '{"name": "a", "type": "Microsoft.Security/assessments"}'), (9, '{"name": "a", "type": "Microsoft.Security/assessments", "properties": []}'),
    (10, '{"name": "a", "properties": {"status": {"code": "Healthy"}}}'),
    (11, '{"properties": {"status": {"code": "Healthy"}, "resourceDetails": {"id": "/subscriptions/s1"}}}'),
    (12, '{"name": {"a": 1}, "properties": {"status": {"code": "Healthy"}, "resourceDetails": {"id": "/subscriptions/s1"}}}'),
    (13, '{"name": "a", "properties": {"status": {}, "resourceDetails": {"id": "/subscriptions/s1"}}}'),
    (14, '{"name": "a", "properties": {"status": "Healthy", "resourceDetails": {"id": "/subscriptions/s1"}}}'),
    (15, '{"name": "a", "properties": {"status": {"code": "Broken"}, "resourceDetails": {"id": "/subscriptions/s1"}}}'),
    (16, '{"name": "a", "properties": {"status": {"code": ""}, "resourceDetails": {"id": "/subscriptions/s1"}}}'),
    (17, '{"name": "a", "properties": {"status": {"code": "Healthy"}, "resourceDetails": {"id": ["x"]}}}'),
    (18, '{"name": " ", "properties": {"status": {"code": "Healthy"}, "resourceDetails": []}}'), (19, '[]'), (20, '{"value": []}')) v(n, body)
CROSS JOIN LATERAL azure_assessment_item(v.body::jsonb, NULL) i ORDER BY v.n;
SELECT type, error, length(asset) FROM azure_assessment_item(jsonb_build_object('name', 'a', 'properties', jsonb_build_object(
    'status', '{"code": "Healthy", "statusChangeDate": "never"}'::jsonb, 'resourceDetails', jsonb_build_object('id', repeat('k', 5000)))), NULL) WHERE type = 'finding';

-- loaded: findings, exemptions and the recommendation; a second time nothing changes
CREATE VIEW pg_temp.f AS
SELECT r.key::text AS recommendation, a.name AS asset, f.state, e.kind AS exempt, e.reason, e.approved_by, e.expires_at > now() IS NOT FALSE AS in_force
FROM finding f JOIN recommendation r USING (recommendation_id) JOIN asset a USING (asset_id) LEFT JOIN exemption e USING (recommendation_id, asset_id)
ORDER BY r.key COLLATE "C", a.name COLLATE "C", e.exemption_id;
SELECT * FROM load('azure-assessments', pg_temp.doc('rest'));
SELECT * FROM pg_temp.f;
SELECT key, title, description, remediation, markup, severity, domain, manage_url, details FROM recommendation ORDER BY key COLLATE "C";
SELECT * FROM load('azure-assessments', pg_temp.doc('rest'));
-- by other letters it is the same asset; an exemption that has ended in Azure ends
SELECT * FROM load('azure-assessments', pg_temp.doc('graph'));
SELECT * FROM load('azure-assessments', jsonb_build_array(jsonb_set(pg_temp.doc('rest') #> '{value,3}', '{properties,status}', '{"code": "Unhealthy"}')));
SELECT * FROM pg_temp.f;
SELECT * FROM load('azure-assessments', '[{"a": 1}, 2]');

-- controls: counts of two subscriptions, one with a definition; of another score none
INSERT INTO doc VALUES ('control', '{"value": [
    {"id": "/subscriptions/s1/providers/Microsoft.Security/secureScores/ascScore/secureScoreControls/C-1", "name": "C-1", "type": "Microsoft.Security/secureScores/secureScoreControls",
     "properties": {"displayName": "Encrypt", "healthyResourceCount": 1, "unhealthyResourceCount": 2, "notApplicableResourceCount": 4, "score": {"max": 4, "current": 1.33, "percentage": 0.3333}, "weight": 3,
                    "definition": {"id": "d", "name": "c-1", "properties": {"displayName": "Encrypt", "description": "Encrypt data", "maxScore": 4, "source": {"sourceType": "BuiltIn"},
                                   "assessmentDefinitions": [{"id": "/providers/Microsoft.Security/assessmentMetadata/AAAA-1"}, {"id": "/providers/Microsoft.Security/assessmentMetadata/zzzz-9"}, {"id": 7}, 8]}}}},
    {"id": "/subscriptions/s2/providers/Microsoft.Security/secureScores/ascScore/secureScoreControls/c-1", "name": "c-1", "properties": {"displayName": "Encrypt", "healthyResourceCount": 5, "unhealthyResourceCount": 0, "score": {"max": 6}}},
    {"id": "/subscriptions/S2/providers/Microsoft.Security/secureScores/ascScore/secureScoreControls/c-1", "name": "c-1", "properties": {"displayName": "Encrypt", "healthyResourceCount": 5, "unhealthyResourceCount": 0, "score": {"max": 6}}},
    {"id": "/subscriptions/s1/providers/Microsoft.Security/secureScores/ascScore/secureScoreControls/c-2", "name": "c-2", "type": "microsoft.security/securescores/securescorecontrols", "properties": {"displayName": "Nothing applies", "healthyResourceCount": 0, "unhealthyResourceCount": 0, "notApplicableResourceCount": 9, "score": {"max": 0, "current": 0}}},
    {"id": "/subscriptions/s1/providers/Microsoft.Security/secureScores/ascScore/secureScoreControls/c-3", "name": "c-3", "displayName": "Flattened", "healthyResourceCount": 1, "unhealthyResourceCount": 1, "max": 2},
    {"id": "/subscriptions/s1/providers/Microsoft.Security/secureScores/other/secureScoreControls/c-1", "name": "c-1", "properties": {"displayName": "Encrypt", "healthyResourceCount": 1, "unhealthyResourceCount": 0, "score": {"max": 4}}}]}');
SELECT location, error, type, source, object FROM azure_control_item(pg_temp.doc('control'), NULL);
SELECT object ->> 'key' AS key FROM azure_control_item(pg_temp.doc('control'), 'mdc-2') WHERE type IN ('metric', 'initiative', 'source');
SELECT i.location, i.error, i.type
FROM (VALUES (1, 'true'), (2, '"text"'), (3, '[null]'), (4, '{}'), (5, '{"type": "Microsoft.Security/secureScores", "properties": {}}'),
    (6, '{"name": "c", "type": "Microsoft.Security/secureScores/secureScoreControls"}'), (7, '{"properties": {"healthyResourceCount": 1}}'),
    (8, '{"name": "c", "properties": {"healthyResourceCount": "1"}}'), (9, '{"name": "c", "properties": {"healthyResourceCount": -1}}'),
    (10, '{"name": "c", "properties": {"healthyResourceCount": 1}}'), (11, '{"name": "c", "properties": {"healthyResourceCount": 1, "unhealthyResourceCount": -1}}'),
    (12, '{"name": "c", "properties": {"healthyResourceCount": 1, "unhealthyResourceCount": 1}}'),
    (13, '{"name": "c", "properties": {"healthyResourceCount": 1, "unhealthyResourceCount": 1, "score": []}}'),
    (14, '{"name": "c", "properties": {"healthyResourceCount": 1, "unhealthyResourceCount": 1, "score": {"max": -4}}}')) v(n, body)
CROSS JOIN LATERAL azure_control_item(v.body::jsonb, NULL) i ORDER BY v.n;

-- c-1 has findings of assets, so its counts are not in it; c-3 has nothing else
SELECT * FROM load('azure-secure-score-controls', pg_temp.doc('control'));
CREATE VIEW pg_temp.m AS
SELECT m.key::text AS metric, array_agg(r.key::text ORDER BY r.key COLLATE "C") AS recommendations
FROM metric m LEFT JOIN metric_recommendation USING (metric_id) LEFT JOIN recommendation r USING (recommendation_id) GROUP BY m.key ORDER BY m.key COLLATE "C";
SELECT * FROM pg_temp.m;
SELECT metric, name, score, exposed_assets, assessed_assets, weight FROM metric_report ORDER BY metric COLLATE "C";
SELECT initiative, name, kind, score FROM overview;
SELECT * FROM load('azure-secure-score-controls', pg_temp.doc('control'));
SELECT azure_update_control_metrics(NULL);
-- no finding applies any more: the counts are back
UPDATE finding SET state = 'not_applicable', changed_at = now();
SELECT azure_update_control_metrics('defender-for-cloud'), azure_update_control_metrics('defender-for-cloud'), azure_update_control_metrics('unheard of');
SELECT * FROM pg_temp.m;
SELECT metric, score, exposed_assets, assessed_assets, weight FROM metric_report ORDER BY metric COLLATE "C";

-- controls first, assessments after
TRUNCATE finding, exemption, measure, metric, initiative, recommendation CASCADE;
SELECT changed, rejected, left_out FROM load('azure-secure-score-controls', pg_temp.doc('control'));
SELECT * FROM pg_temp.m;
SELECT changed, rejected, left_out FROM load('azure-assessments', pg_temp.doc('rest'));
SELECT * FROM pg_temp.m;
SELECT * FROM verify();
DROP EXTENSION posture CASCADE;

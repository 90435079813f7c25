\set ECHO none
-- Functions and documents of the test azure.
CREATE TEMP TABLE doc (name text PRIMARY KEY, body jsonb);
CREATE FUNCTION pg_temp.doc(text) RETURNS jsonb LANGUAGE sql AS $$ SELECT body FROM doc
WHERE name = $1 $$;
CREATE FUNCTION pg_temp.vm(text) RETURNS text LANGUAGE sql AS
    $$ SELECT '/subscriptions/S1/resourceGroups/RG1/providers/Microsoft.Compute/virtualMachines/' ||
        $1 $$;
INSERT INTO doc SELECT 'rest',
    jsonb_build_object('value', jsonb_agg(e), 'nextLink', 'https://example.com/2')
FROM (SELECT jsonb_build_object('id',
    pg_temp.vm(vm) || '/providers/Microsoft.Security/assessments/AAAA-1', 'name', 'AAAA-1', 'type',
    'Microsoft.Security/assessments',
          'properties', jsonb_build_object('resourceDetails',
              jsonb_build_object('source', 'Azure', 'id', pg_temp.vm(vm)), 'displayName',
              'Disks are encrypted', 'status', status::jsonb) || more::jsonb)
      FROM (VALUES
          ('web1', '{"code": "Healthy", "firstEvaluationDate": "2024-01-01T00:00:00Z",
              "statusChangeDate": "2024-01-02T00:00:00Z"}', '{}'),
          ('web2', '{"code": "Unhealthy", "cause": "Open", "description": "No key"}',
           '{"additionalData": {"disk": "os"},
               "links": {"azurePortal": "https://example.com/subscriptions/S1/web2"},
               "partnersData": {"partnerName": "p", "secret": "hidden"},
             "metadata": {"displayName": "Disks should be encrypted",
                 "description": "Data at <b>rest</b>", "remediationDescription": "Encrypt",
                 "severity": "High", "categories": ["Compute", "Data"],
                          "userImpact": "Low", "implementationEffort": "Moderate",
                              "threats": ["dataExfiltration"],
                              "policyDefinitionId": "/providers/p/1",
                              "partnerData": {"partnerName": "p", "secret": "hidden"}}}'),
          ('web3', '{"code": "NotApplicable", "cause": "OffByPolicy", "description": "Turned off"}',
              '{"links": {"azurePortalUri": "https://example.com/AAAA-1"}}'),
          ('web4', '{"code": "NotApplicable", "cause": "Exempt", "description": "Being retired",
              "statusChangeDate": "2024-01-03T00:00:00Z"}', '{}'),
          ('web5', '{"code": "NotApplicable", "cause": "Exempt",
              "description": "Exempt by Mitigated"}', '{}'),
          ('web6', '{"code": "NotApplicable", "description": "Exempt (Waiver)"}', '{}'),
          ('web7', '{"code": "NotApplicable", "cause": "Exempt"}',
           '{"additionalData": {"exemption": {"exemptionCategory": "Mitigated",
               "displayName": "Other product", "expiresOn": "2124-01-01T00:00:00Z",
               "metadata": {"approvedBy": "Security"}}}}')) v(vm, status, more)
      UNION ALL
      SELECT jsonb_build_object('id',
          '/subscriptions/S1/providers/Microsoft.Security/assessments/bbbb-2', 'name', 'bbbb-2',
          'properties', '{"displayName": "Owners use MFA", "status": {"code": "unhealthy"}}'::jsonb)
      UNION ALL
      SELECT jsonb_build_object('id',
          pg_temp.vm('web2') || '/providers/Microsoft.Security/assessments/AAAA-1/subAssessments/1',
          'name', '1', 'type', 'Microsoft.Security/assessments/subAssessments', 'properties',
          '{}'::jsonb)) x(e);
INSERT INTO doc VALUES ('graph', jsonb_build_object('data', jsonb_build_array(
    '{"id": "/subscriptions/s1/resourcegroups/rg1/providers/microsoft.compute/virtualmachines/web2'
     '/providers/Microsoft.Security/assessments/aaaa-1",
        "name": "aaaa-1", "type": "microsoft.security/assessments",
      "tenantId": "T1", "kind": "", "location": "", "resourceGroup": "rg1", "subscriptionId": "S1",
          "managedBy": "", "sku": null, "plan": null, "tags": null, "identity": null, "zones": null,
          "extendedLocation": null,
      "properties": {"resourceDetails": {"Source": "Azure",
          "Id": "/subscriptions/s1/resourcegroups/rg1/providers/microsoft.compute/virtualmachines/web2",
          "ResourceType": "virtualmachines", "ResourceName": "web2"},
                     "status": {"code": "Healthy"}, "displayName": "Disks are encrypted",
                         "metadata": {"severity": "Unheard of"}}}'::jsonb,
    '{"id": "/subscriptions/s1/providers/Microsoft.Security/assessments/cccc-3", "name": "cccc-3",
        "type": "microsoft.security/assessments", "location": "westeurope",
      "properties": {"resourceDetails": {"Source": "Aws", "Id": "/subscriptions/s1/x/y",
          "AzureResourceId":
          "/subscriptions/s1/resourcegroups/rg2/providers/microsoft.hybridcompute/machines/i-1",
          "AccountId": "111122223333", "ResourceName": "i-1"},
          "status": {"code": "Healthy"}}}'::jsonb,
    '{"id": "/subscriptions/s1/providers/Microsoft.Security/assessments/cccc-3", "name": "cccc-3",
        "properties": {"resourceDetails": {"source": "Gcp",
        "id": "/subscriptions/s1/resourcegroups/rg2/providers/microsoft.security/securityconnectors/c1/entities/e1",
        "connectorId": "c1"}, "status": {"code": "Healthy"}}}'::jsonb,
    '{"id": "/subscriptions/s1/resourceGroups/rg3/providers/Microsoft.Compute/virtualMachines/db1'
     '/providers/Microsoft.Security/assessments/dddd-4",
        "properties": {"resourceDetails": {"source": "OnPremiseSql", "serverName": "MSSQL",
        "databaseName": "orders", "machineName": "db1"}, "status": {"code": "Unhealthy"}}}'::jsonb,
    '{"id": "/subscriptions/s1/resourceGroups/rg3'
     '/providers/Microsoft.OperationalInsights/workspaces/w1/providers/Microsoft.Security/assessments/dddd-4",
        "name": "dddd-4",
      "properties": {"resourceDetails": {"source": "OnPremise",
          "workspaceId": "/subscriptions/s1/resourcegroups/rg3/providers/microsoft.operationalinsights/workspaces/w1",
          "machineName": "host1.example.com", "vmuuid": "u1"},
          "status": {"code": "Healthy"}}}'::jsonb,
    jsonb_build_object('id',
        pg_temp.vm('web9') || '/providers/Microsoft.Security/assessments/aaaa-1', 'name', 'aaaa-1',
        'status', '{"code": "Healthy"}'::jsonb, 'displayName', 'Disks are encrypted'))));
CREATE TEMP TABLE bad_assessment AS
SELECT * FROM (VALUES (1, '5'), (2, '"text"'), (3, 'null'), (4, '[[1]]'), (5, '{}'),
    (6, '{"value": 1}'), (7, '{"type": "Microsoft.Storage/accounts", "properties": {}}'),
    (8, '{"name": "a", "type": "Microsoft.Security/assessments"}'),
        (9, '{"name": "a", "type": "Microsoft.Security/assessments", "properties": []}'),
    (10, '{"name": "a", "properties": {"status": {"code": "Healthy"}}}'),
    (11, '{"properties": {"status": {"code": "Healthy"},
        "resourceDetails": {"id": "/subscriptions/s1"}}}'),
    (12, '{"name": {"a": 1}, "properties": {"status": {"code": "Healthy"},
        "resourceDetails": {"id": "/subscriptions/s1"}}}'),
    (13, '{"name": "a", "properties": {"status": {},
        "resourceDetails": {"id": "/subscriptions/s1"}}}'),
    (14, '{"name": "a", "properties": {"status": "Healthy",
        "resourceDetails": {"id": "/subscriptions/s1"}}}'),
    (15, '{"name": "a", "properties": {"status": {"code": "Broken"},
        "resourceDetails": {"id": "/subscriptions/s1"}}}'),
    (16, '{"name": "a", "properties": {"status": {"code": ""},
        "resourceDetails": {"id": "/subscriptions/s1"}}}'),
    (17, '{"name": "a", "properties": {"status": {"code": "Healthy"},
        "resourceDetails": {"id": ["x"]}}}'),
    (18, '{"name": " ", "properties": {"status": {"code": "Healthy"}, "resourceDetails": []}}'),
        (19, '[]'), (20, '{"value": []}')) v(n, body);
CREATE VIEW pg_temp.f AS
SELECT r.key::text AS recommendation, a.name AS asset, f.state, e.kind AS exempt, e.reason,
    e.approved_by, e.expires_at > now() IS NOT FALSE AS in_force
FROM finding f JOIN recommendation r USING (recommendation_id) JOIN asset a USING (asset_id) LEFT
JOIN exemption e USING (recommendation_id, asset_id)
ORDER BY r.key COLLATE "C", a.name COLLATE "C", e.exemption_id;
INSERT INTO doc VALUES ('control', '{"value": [
    {"id": "/subscriptions/s1/providers/Microsoft.Security/secureScores/ascScore/secureScoreControls/C-1",
        "name": "C-1", "type": "Microsoft.Security/secureScores/secureScoreControls",
     "properties": {"displayName": "Encrypt", "healthyResourceCount": 1,
         "unhealthyResourceCount": 2, "notApplicableResourceCount": 4, "score": {"max": 4,
         "current": 1.33, "percentage": 0.3333}, "weight": 3,
                    "definition": {"id": "d", "name": "c-1",
                        "properties": {"displayName": "Encrypt", "description": "Encrypt data",
                        "maxScore": 4, "source": {"sourceType": "BuiltIn"},
                                   "assessmentDefinitions":
                                       [{"id": "/providers/Microsoft.Security/assessmentMetadata/AAAA-1"},
                                       {"id": "/providers/Microsoft.Security/assessmentMetadata/zzzz-9"},
                                       {"id": 7}, 8]}}}},
    {"id": "/subscriptions/s2/providers/Microsoft.Security/secureScores/ascScore/secureScoreControls/c-1",
        "name": "c-1", "properties": {"displayName": "Encrypt", "healthyResourceCount": 5,
        "unhealthyResourceCount": 0, "score": {"max": 6}}},
    {"id": "/subscriptions/S2/providers/Microsoft.Security/secureScores/ascScore/secureScoreControls/c-1",
        "name": "c-1", "properties": {"displayName": "Encrypt", "healthyResourceCount": 5,
        "unhealthyResourceCount": 0, "score": {"max": 6}}},
    {"id": "/subscriptions/s1/providers/Microsoft.Security/secureScores/ascScore/secureScoreControls/c-2",
        "name": "c-2", "type": "microsoft.security/securescores/securescorecontrols",
        "properties": {"displayName": "Nothing applies", "healthyResourceCount": 0,
        "unhealthyResourceCount": 0, "notApplicableResourceCount": 9, "score": {"max": 0,
        "current": 0}}},
    {"id": "/subscriptions/s1/providers/Microsoft.Security/secureScores/ascScore/secureScoreControls/c-3",
        "name": "c-3", "displayName": "Flattened", "healthyResourceCount": 1,
        "unhealthyResourceCount": 1, "max": 2},
    {"id": "/subscriptions/s1/providers/Microsoft.Security/secureScores/other/secureScoreControls/c-1",
        "name": "c-1", "properties": {"displayName": "Encrypt", "healthyResourceCount": 1,
        "unhealthyResourceCount": 0, "score": {"max": 4}}}]}');
CREATE TEMP TABLE bad_control AS
SELECT * FROM (VALUES (1, 'true'), (2, '"text"'), (3, '[null]'), (4, '{}'),
    (5, '{"type": "Microsoft.Security/secureScores", "properties": {}}'),
    (6, '{"name": "c", "type": "Microsoft.Security/secureScores/secureScoreControls"}'),
        (7, '{"properties": {"healthyResourceCount": 1}}'),
    (8, '{"name": "c", "properties": {"healthyResourceCount": "1"}}'),
        (9, '{"name": "c", "properties": {"healthyResourceCount": -1}}'),
    (10, '{"name": "c", "properties": {"healthyResourceCount": 1}}'),
        (11, '{"name": "c", "properties": {"healthyResourceCount": 1,
        "unhealthyResourceCount": -1}}'),
    (12, '{"name": "c", "properties": {"healthyResourceCount": 1, "unhealthyResourceCount": 1}}'),
    (13, '{"name": "c", "properties": {"healthyResourceCount": 1, "unhealthyResourceCount": 1,
        "score": []}}'),
    (14, '{"name": "c", "properties": {"healthyResourceCount": 1, "unhealthyResourceCount": 1,
        "score": {"max": -4}}}')) v(n, body);
CREATE VIEW pg_temp.m AS
SELECT m.key::text AS metric, array_agg(r.key::text ORDER BY r.key COLLATE "C") AS recommendations
FROM metric m LEFT JOIN metric_recommendation USING (metric_id) LEFT
JOIN recommendation r USING (recommendation_id) GROUP BY m.key ORDER BY m.key COLLATE "C";
-- Shortens the long ids and the kind that most assets have; both spellings stay different.
CREATE FUNCTION pg_temp.short(text) RETURNS text LANGUAGE sql AS $$
    SELECT replace(replace(replace($1, pg_temp.vm(''), 'VM:'), lower(pg_temp.vm('')), 'vm:'),
                   '"microsoft.compute/virtualmachines"', '"vm"') $$;
\set ECHO all

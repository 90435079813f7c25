-- The forms of documents of Microsoft, and what is of whom in them.
-- tests: source/microsoft_element, source/azure_assessment, source/graph_score,
-- source/graph_profile
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\set ECHO none
SET client_min_messages = warning;
CREATE TEMP VIEW f AS
SELECT r.key::text AS recommendation, r.title, r.severity, a.name AS asset, f.state, f.changed_at
FROM finding f JOIN recommendation r USING (recommendation_id) JOIN asset a USING (asset_id)
ORDER BY r.key COLLATE "C", a.name;
CREATE TEMP VIEW points AS
SELECT s.key::text AS source, r.key::text AS control, m.achieved, m.possible
FROM measure m JOIN recommendation r USING (recommendation_id) JOIN source s USING (source_id)
ORDER BY 1, 2;
-- an assessment of Defender for Cloud and a score, as the APIs write them
CREATE FUNCTION pg_temp.assessment(name text, code text) RETURNS jsonb LANGUAGE sql
RETURN jsonb_build_object('id', '/subscriptions/s/vm1/providers/Microsoft.Security/assessments/' || name, 'name', name,
    'properties', jsonb_build_object('displayName', 'Title of ' || name, 'status', jsonb_build_object('code', code),
                                     'resourceDetails', '{"source": "Azure", "id": "/subscriptions/s/vm1"}'::jsonb));
CREATE FUNCTION pg_temp.score(tenant text, day text, controls jsonb, more jsonb DEFAULT '{}')
    RETURNS jsonb LANGUAGE sql
RETURN jsonb_build_object('azureTenantId', tenant, 'createdDateTime', day || 'T00:00:00Z',
                          'currentScore', 10,
                          'maxScore', 40, 'controlScores', controls) || more;
\set ECHO all

-- where elements are, and what they are
SELECT d.n, e.* FROM unnest(ARRAY[
    '{"value": [{"id": 1}]}', '{"data": [{"id": 1}]}', '{"records": [{"id": 1}]}', '{"Data": [{"Id": 1}]}',
    '{"records": []}', '[{"records": []}, {"value": []}]', '{"tables": []}', '{"data": {"columns": [], "rows": []}}',
    '{"columns": [{"name": "id"}, {"name": "properties"}], "rows": [[1, {"a": "{"}], [2, "{\"a\": 1}"]]}',
    '[{"data": {"columns": [{"name": "id", "type": "string"}], "rows": [["a"], ["b", 7],
        {"id": "c"}, null]}}, {"id": "d"}]',
    '{"tables": [{"name": "T", "columns": [{"ColumnName": "Id"}, {"ColumnName": "Name"}], "rows": [["a", "b"]]}]}',
    '{"Id": "a", "Tags": [{"B": {"C": 1}}], "AdditionalProperties": {"score": 1, "id": "x"}}',
    '{"id": "a", "Tags": 1}', '7', '"text"', 'null', '[[1]]']::jsonb[]) WITH ORDINALITY d(document, n)
    CROSS JOIN LATERAL microsoft_element(d.document) e;

-- assessments as a table of Resource Graph, by PowerShell, as records and as rows of Log Analytics
SELECT load('azure-assessments', jsonb_build_object('data', jsonb_build_object(
    'columns', '[{"name": "id", "type": "string"}, {"name": "name", "type": "string"},
        {"name": "properties", "type": "object"}]'::jsonb,
    'rows', jsonb_build_array(
        jsonb_build_array(a -> 'id', a -> 'name', a -> 'properties'))))) FROM pg_temp.assessment('a1', 'Unhealthy') a;
SELECT load('azure-assessments',
    '[{"Id": "/subscriptions/s/vm1/providers/Microsoft.Security/assessments/a2", "Name": "a2",
    "DisplayName": "Title of a2", "Status": {"Code": "Healthy", "Cause": null},
        "ResourceDetails": {"Source": "Azure", "Id": "/subscriptions/s/vm1"}}]');
SELECT load('azure-assessments', jsonb_build_object('records',
    jsonb_build_array(pg_temp.assessment('a3', 'NotApplicable'))));
SELECT load('azure-assessments', '{"records": []}');
SELECT load('azure-assessments', '{"tables": [{"name": "PrimaryResult",
    "columns": [{"name": "TimeGenerated"}, {"name": "AssessedResourceId"},
    {"name": "RecommendationId"}, {"name": "RecommendationName"},
        {"name": "RecommendationDisplayName"}, {"name": "RecommendationState"},
    {"name": "RecommendationSeverity"}], "rows": [
    ["2026-05-02T00:00:00Z", "/subscriptions/s/vm1",
        "/subscriptions/s/vm1/providers/Microsoft.Security/assessments/A4", "n", "Title of a4",
        "Healthy", "High"],
    ["2026-05-01T00:00:00Z", "/subscriptions/s/vm1",
        "/subscriptions/s/vm1/providers/Microsoft.Security/assessments/A4", "n", "Title of a4",
        "Unhealthy", "High"],
    ["2026-05-01T00:00:00Z", "/subscriptions/s/vm2", "", "A5", "Title of a5", "Unhealthy", "Low"]]}]}');
SELECT recommendation, title, severity, asset, state FROM pg_temp.f;
SELECT changed_at FROM pg_temp.f WHERE recommendation = 'a4';
SELECT load('azure-secure-score-controls', '{"data": {"columns": [{"name": "id"},
    {"name": "name"}, {"name": "properties"}], "rows": [
    ["/subscriptions/s/providers/Microsoft.Security/secureScores/ascScore/secureScoreControls/c1",
        "c1",
     {"displayName": "Control", "healthyResourceCount": "3", "unhealthyResourceCount": 1, "score": {"max": "6"}}]]}}');
SELECT * FROM pg_temp.points;

-- secure scores and profiles by PowerShell
SELECT load('graph-secure-score-profiles', '{"Id": "Mfa", "AzureTenantId": "T1", "MaxScore": "10",
    "Title": "Use it", "Deprecated": "False",
    "ControlCategory": "Identity", "AdditionalProperties": {}}');
SELECT load('graph-secure-scores', '{"Id": "T1_2026-03-02", "AzureTenantId": "T1",
    "CreatedDateTime": "/Date(1772409600000)/", "CurrentScore": 8,
    "MaxScore": 40, "ControlScores": [{"ControlName": "Mfa", "Score": 8,
        "AdditionalProperties": {"scoreInPercentage": 80}}],
    "AverageComparativeScores": [{"Basis": "AllTenants", "AverageScore": 50, "AdditionalProperties": {}}]}');
SELECT * FROM pg_temp.points;
SELECT key, score, day FROM benchmark;

-- the tenant is whose points they are: one in a document, and one in a source
SELECT load('graph-secure-scores', jsonb_build_array(pg_temp.score('T1', '2026-03-03', '[]'),
    pg_temp.score('T2', '2026-03-03', '[]')));
SELECT load('graph-secure-scores', pg_temp.score('T2', '2026-03-03', '[]'));
SELECT load('graph-secure-score-profiles', '[{"id": "Mfa", "azureTenantId": "T2", "maxScore": 5}]');
SELECT load('graph-secure-scores', pg_temp.score('T2', '2026-03-03', '[{"controlName": "Mfa",
    "score": 10}]'), 'tenant-2');
SELECT load('graph-secure-scores', pg_temp.score('t1', '2026-03-03', '[{"controlName": "Mfa", "score": 9}]'));
SELECT * FROM pg_temp.points;
SELECT load('graph-secure-score-profiles', '[{"id": "Mfa", "azureTenantId": "T3", "maxScore": 5}]', 'tenant-2');
-- where azureTenantId was not selected, the id of a score begins with it
SELECT graph_tenant(t::jsonb) FROM unnest('{"{\"id\": \"A-B_2026-03-03\"}", "{\"id\": \"Mfa\"}",
    "{\"id\": \"A_2026-03-03\", \"azureTenantId\": \"B\"}"}'::text[]) t;

-- numbers as text
SELECT load('graph-secure-scores', pg_temp.score('T3', '2026-03-03',
    '[{"controlName": "a", "score": "10.0", "scoreInPercentage": "100.0"}, {"controlName": "b",
        "score": "0.0", "scoreInPercentage": "0.0"},
      {"controlName": "c", "score": 5.0, "scoreInPercentage": "25"}]', '{"currentScore": "15.0",
          "maxScore": "40"}'), 'tenant-3');
SELECT * FROM pg_temp.points WHERE source = 'tenant-3';
SELECT t, json_number(to_jsonb(t)) AS number, number_error('score', to_jsonb(t)) AS error
FROM unnest('{12.5," +5 ",.5,5.,1e1,-2E-2,"\" \"","1,234","1,234.5",50%,NaN,x}'::text[])
    WITH ORDINALITY u(t, n) ORDER BY n;
SELECT number_error('score', v), graph_control_error(jsonb_build_object('controlName', 'c',
    'score', v, 'scoreInPercentage', '50')) AS error
FROM unnest('{null,"\"\"","\"1,5\"","[]",7}'::jsonb[]) v;
-- what PowerShell writes of objects that are deeper than it was told to
SELECT i.location, i.error
FROM graph_score_item('[{"Id": "T3_2026-03-03", "CreatedDateTime": "2026-03-03T00:00:00Z",
        "CurrentScore": 1, "MaxScore": 4, "ControlScores": ["Microsoft.Graph.ControlScore"]},
    {"Id": "T3_2026-03-03", "ControlScores": "Microsoft.Graph.ControlScore"}]', NULL) i
WHERE i.error IS NOT NULL
UNION ALL
SELECT i.location, i.error
FROM azure_assessment_item('[{"id": "/subscriptions/s/providers/Microsoft.Security/assessments/a",
        "name": "a", "properties": "@{status=; displayName=A}"},
    {"Id": "/subscriptions/s/providers/Microsoft.Security/assessments/b", "Name": "b",
        "Status": "Microsoft.Azure.Status"}]', NULL) i
WHERE i.error IS NOT NULL;
-- averages of a report are in one unit: of points if one is above 100
SELECT a.n, b.average ->> 'basis' AS basis,
       graph_benchmark_score(b.average, 400, a.averages) AS score
FROM unnest(ARRAY['[{"basis": "All", "averageScore": 37}, {"basis": "Size", "averageScore": "46"}]',
                  '[{"basis": "All", "averageScore": 37}, {"basis": "Size", "averageScore": "146"}]',
                  '[{"basis": "All", "averageScore": 37, "appsScoreMax": 50,
                      "dataScoreMax": "50"}, {"basis": "Size", "averageScore": 101}]',
                  '[{"basis": "All", "averageScore": 37}, {"basis": "Size", "averageScore": 401}, 7]']::jsonb[])
     WITH ORDINALITY a(averages, n)
         CROSS JOIN LATERAL jsonb_array_elements(a.averages) b(average) ORDER BY 1, 2;

DISCARD TEMP;
DROP EXTENSION posture;

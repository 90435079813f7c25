-- Prowler: checks and compliance frameworks.
CREATE EXTENSION posture;
\pset format unaligned
\pset fieldsep ' | '
SET search_path = posture, posture_internal, public;
\set SHOW_CONTEXT never
\set VERBOSITY terse

CREATE TEMP TABLE doc (name text PRIMARY KEY, body jsonb);
CREATE FUNCTION pg_temp.doc(text) RETURNS jsonb LANGUAGE sql AS $$ SELECT body FROM doc WHERE name = $1 $$;
INSERT INTO doc VALUES ('check', '[
    {"Provider": "azure", "CheckID": "vault_purge", "CheckTitle": "Vaults keep what is deleted", "CheckType": [], "CheckAliases": ["old"], "ServiceName": "vault", "SubServiceName": "", "ResourceIdTemplate": "", "Severity": "High",
     "ResourceType": "microsoft.keyvault/vaults", "ResourceGroup": "security", "Description": "**Vaults** keep it", "Risk": "Lost keys", "RelatedUrl": "", "AdditionalURLs": ["https://example.com/1"],
     "Remediation": {"Code": {"CLI": "az x", "NativeIaC": "", "Other": "", "Terraform": ""}, "Recommendation": {"Text": "Turn it *on*", "Url": "https://example.com/vault_purge"}},
     "Categories": ["resilience", "encryption"], "DependsOn": [], "RelatedTo": ["other"], "Notes": "n", "Compliance": [{"Framework": "X"}]},
    {"CheckID": "low", "CheckTitle": "Least", "Severity": "informational"},
    {"CheckID": "html", "CheckTitle": "Markup", "Description": "<p>one</p>", "Severity": ""},
    {"CheckID": "low", "CheckTitle": "Told again", "Severity": "critical"}]');
SELECT location, error, type, source, jsonb_pretty(object) FROM prowler_check_item(pg_temp.doc('check'), NULL);
SELECT DISTINCT source FROM prowler_check_item(pg_temp.doc('check'), 'prowler-2');
-- one check
SELECT location, error, type, object ->> 'key' AS key FROM prowler_check_item(pg_temp.doc('check') -> 0, NULL);
-- what can't be loaded
SELECT i.location, i.error, i.type, left(i.object::text, 60) AS object
FROM (VALUES (1, '1'), (2, '"text"'), (3, 'null'), (4, '[[]]'), (5, '{}'), (6, '{"Framework": "X"}'), (7, '{"CheckTitle": "t"}'), (8, '{"CheckID": "a"}'), (9, '{"CheckID": ["a"], "CheckTitle": "t"}'),
    (10, '{"CheckID": " ", "CheckTitle": "t"}'), (11, '{"CheckID": null, "CheckTitle": "t"}'), (12, '{"CheckID": "a", "CheckTitle": {}}'), (13, '{"CheckID": "a", "CheckTitle": "t", "Severity": "terrible"}'),
    (14, '[{"CheckID": "a", "CheckTitle": "t", "Severity": [1], "Remediation": "none", "Categories": "c"}, false]'), (15, '[]')) v(n, body)
CROSS JOIN LATERAL prowler_check_item(v.body::jsonb, NULL) i ORDER BY v.n;
SELECT type, error, length(object ->> 'key') FROM prowler_check_item(jsonb_build_object('CheckID', repeat('k', 5000), 'CheckTitle', repeat('t', 1000000)), NULL);

SELECT * FROM load('prowler-checks', pg_temp.doc('check'));
SELECT key, title, description, remediation, markup, severity, workload, domain, manage_url, details FROM recommendation ORDER BY key COLLATE "C";
SELECT * FROM load('prowler-checks', pg_temp.doc('check'));

-- frameworks: weighted, without weights, and of many providers
INSERT INTO doc VALUES ('framework', '[
    {"Framework": "ThreatScore", "Name": "Score of threats", "Version": "1.0", "Provider": "Azure", "Description": "About threats", "Requirements": [
        {"Id": "1.1.1", "Description": "Ensure it", "Attributes": [{"Title": "MFA", "Section": "1. IAM", "SubSection": "1.1 Authentication", "LevelOfRisk": 4, "Weight": 100}, {"Weight": 7}], "Checks": ["mfa", "vault_purge", "mfa"]},
        {"Id": "1.1.2", "Description": "As text", "Attributes": [{"Section": "1. IAM", "LevelOfRisk": "2.5", "Weight": " 10 "}], "Checks": ["low"]},
        {"Id": "1.1.3", "Description": "No number", "Attributes": [{"Section": "1. IAM", "LevelOfRisk": "High", "Weight": 10}], "Checks": ["low"]},
        {"Id": "1.1.4", "Description": "By hand", "Attributes": [], "Checks": []},
        {"Id": "1.1.5", "Description": "Without the field"}]},
    {"Framework": "HIPAA / US", "Name": "", "Version": "", "Provider": "AWS", "Requirements": [
        {"Id": "a", "Name": "Named", "Attributes": [{"Section": "164"}], "Checks": ["low"]}, {"Id": "b", "Checks": ["low"]},
        {"Id": "a", "Name": "Twice", "Attributes": [], "Checks": ["mfa"]}]},
    {"framework": "Act", "name": "The Act", "version": "2022/2554", "description": "Many", "icon": "act", "outputs": {"table_config": {"group_by": "Pillar", "scoring": {"risk_field": "Risk", "weight_field": "Share"}}}, "requirements": [
        {"id": "Art5", "name": "Governance", "description": "Of it", "attributes": {"Pillar": "Risk management", "Risk": 2, "Share": 3}, "checks": {"aws": ["mfa_aws"], "azure": ["mfa", "low"], "gcp": []}},
        {"id": "Art6", "description": "Nothing", "attributes": {}, "checks": {}}]}]');
SELECT location, error, type, source, object FROM framework_item(pg_temp.doc('framework'), NULL);
-- what can't be loaded
SELECT i.location, i.error, i.type, left(i.object::text, 60) AS object
FROM (VALUES (1, '1'), (2, '"text"'), (3, '[null]'), (4, '{}'), (5, '{"CheckID": "a"}'), (6, '{"Framework": "F"}'), (7, '{"Requirements": []}'), (8, '{"Framework": "F", "Requirements": {}}'),
    (9, '{"Framework": "!", "Requirements": []}'), (10, '{"Framework": ["F"], "Requirements": []}'),
    (11, '{"Framework": "F", "Requirements": [1, {}, {"Id": ""}, {"Id": "a", "Checks": "x"}, {"Id": "b", "Checks": [1]}, {"Id": "c", "Checks": {"aws": 1}}, {"Id": "d", "Checks": {"aws": [{}]}},
           {"Id": "e", "Checks": ["x"], "Attributes": [{"Weight": -1, "LevelOfRisk": 1}]}, {"Id": "f", "Checks": null}, {"Id": "g", "Checks": [""]}, {"Id": "h", "Checks": ["x"], "Attributes": "none"}]}')) v(n, body)
CROSS JOIN LATERAL framework_item(v.body::jsonb, NULL) i ORDER BY v.n, i.location COLLATE "C", i.type;

SELECT * FROM load('compliance-framework', pg_temp.doc('framework'));
SELECT i.key, i.name, i.kind, i.method, m.key, m.name, m.description, im.weight, m.details,
       (SELECT array_agg(r.key::text ORDER BY r.key COLLATE "C") FROM metric_recommendation mr JOIN recommendation r USING (recommendation_id) WHERE mr.metric_id = m.metric_id) AS recommendations
FROM initiative i JOIN initiative_metric im USING (initiative_id) JOIN metric m USING (metric_id) ORDER BY i.key COLLATE "C", m.key COLLATE "C";
SELECT * FROM load('compliance-framework', pg_temp.doc('framework'));
-- checks after frameworks fill in what was named only
SELECT changed FROM load('prowler-checks', '{"CheckID": "mfa_aws", "CheckTitle": "Of Amazon"}');
SELECT key, title FROM recommendation ORDER BY key COLLATE "C";
SELECT * FROM load('compliance-framework', '[1, {"CheckID": "a"}]');
DROP EXTENSION posture CASCADE;

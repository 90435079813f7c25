\set ECHO none
-- Functions and documents of the test prowler.
CREATE TEMP TABLE doc (name text PRIMARY KEY, body jsonb);
CREATE FUNCTION pg_temp.doc(text) RETURNS jsonb LANGUAGE sql AS $$ SELECT body FROM doc
WHERE name = $1 $$;
INSERT INTO doc VALUES ('check', '[
    {"Provider": "azure", "CheckID": "vault_purge", "CheckTitle": "Vaults keep what is deleted",
        "CheckType": [], "CheckAliases": ["old"], "ServiceName": "vault", "SubServiceName": "",
        "ResourceIdTemplate": "", "Severity": "High",
     "ResourceType": "microsoft.keyvault/vaults", "ResourceGroup": "security",
         "Description": "**Vaults** keep it", "Risk": "Lost keys", "RelatedUrl": "",
         "AdditionalURLs": ["https://example.com/1"],
     "Remediation": {"Code": {"CLI": "az x", "NativeIaC": "", "Other": "", "Terraform": ""},
         "Recommendation": {"Text": "Turn it *on*", "Url": "https://example.com/vault_purge"}},
     "Categories": ["resilience", "encryption"], "DependsOn": [], "RelatedTo": ["other"],
         "Notes": "n", "Compliance": [{"Framework": "X"}]},
    {"CheckID": "low", "CheckTitle": "Least", "Severity": "informational"},
    {"CheckID": "html", "CheckTitle": "Markup", "Description": "<p>one</p>", "Severity": ""},
    {"CheckID": "low", "CheckTitle": "Told again", "Severity": "critical"}]');
CREATE TEMP TABLE bad_check AS
SELECT * FROM (VALUES (1, '1'), (2, '"text"'), (3, 'null'), (4, '[[]]'), (5, '{}'),
    (6, '{"Framework": "X"}'), (7, '{"CheckTitle": "t"}'), (8, '{"CheckID": "a"}'),
    (9, '{"CheckID": ["a"], "CheckTitle": "t"}'),
    (10, '{"CheckID": " ", "CheckTitle": "t"}'), (11, '{"CheckID": null, "CheckTitle": "t"}'),
        (12, '{"CheckID": "a", "CheckTitle": {}}'),
        (13, '{"CheckID": "a", "CheckTitle": "t", "Severity": "terrible"}'),
    (14, '[{"CheckID": "a", "CheckTitle": "t", "Severity": [1], "Remediation": "none",
        "Categories": "c"}, false]'), (15, '[]')) v(n, body);
INSERT INTO doc VALUES ('framework', '[
    {"Framework": "ThreatScore", "Name": "Score of threats", "Version": "1.0", "Provider": "Azure",
        "Description": "About threats", "Requirements": [
        {"Id": "1.1.1", "Description": "Ensure it",
            "Attributes": [{"Title": "MFA", "Section": "1. IAM", "SubSection": "1.1 Authentication",
            "LevelOfRisk": 4, "Weight": 100}, {"Weight": 7}],
            "Checks": ["mfa", "vault_purge", "mfa"]},
        {"Id": "1.1.2", "Description": "As text",
            "Attributes": [{"Section": "1. IAM", "LevelOfRisk": "2.5", "Weight": " 10 "}],
            "Checks": ["low"]},
        {"Id": "1.1.3", "Description": "No number",
            "Attributes": [{"Section": "1. IAM", "LevelOfRisk": "High", "Weight": 10}],
            "Checks": ["low"]},
        {"Id": "1.1.4", "Description": "By hand", "Attributes": [], "Checks": []},
        {"Id": "1.1.5", "Description": "Without the field"}]},
    {"Framework": "HIPAA / US", "Name": "", "Version": "", "Provider": "AWS", "Requirements": [
        {"Id": "a", "Name": "Named", "Attributes": [{"Section": "164"}], "Checks": ["low"]},
            {"Id": "b", "Checks": ["low"]},
        {"Id": "a", "Name": "Twice", "Attributes": [], "Checks": ["mfa"]}]},
    {"framework": "Act", "name": "The Act", "version": "2022/2554", "description": "Many",
        "icon": "act", "outputs": {"table_config": {"group_by": "Pillar",
        "scoring": {"risk_field": "Risk", "weight_field": "Share"}}}, "requirements": [
        {"id": "Art5", "name": "Governance", "description": "Of it",
            "attributes": {"Pillar": "Risk management", "Risk": 2, "Share": 3},
            "checks": {"aws": ["mfa_aws"], "azure": ["mfa", "low"], "gcp": []}},
        {"id": "Art6", "description": "Nothing", "attributes": {}, "checks": {}}]}]');
CREATE TEMP TABLE bad_framework AS
SELECT * FROM (VALUES (1, '1'), (2, '"text"'), (3, '[null]'), (4, '{}'), (5, '{"CheckID": "a"}'),
    (6, '{"Framework": "F"}'), (7, '{"Requirements": []}'),
    (8, '{"Framework": "F", "Requirements": {}}'),
    (9, '{"Framework": "!", "Requirements": []}'), (10, '{"Framework": ["F"], "Requirements": []}'),
    (11, '{"Framework": "F", "Requirements": [1, {}, {"Id": ""}, {"Id": "a", "Checks": "x"},
        {"Id": "b", "Checks": [1]}, {"Id": "c", "Checks": {"aws": 1}}, {"Id": "d",
        "Checks": {"aws": [{}]}},
           {"Id": "e", "Checks": ["x"], "Attributes": [{"Weight": -1, "LevelOfRisk": 1}]},
               {"Id": "f", "Checks": null}, {"Id": "g", "Checks": [""]}, {"Id": "h",
               "Checks": ["x"], "Attributes": "none"}]}')) v(n, body);
\set ECHO all

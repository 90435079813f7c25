\set ECHO none
-- Functions and documents of the test graph.
CREATE FUNCTION pg_temp.day(of_day text, current numeric, controls jsonb, more jsonb DEFAULT '{}')
    RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('id', 'tenant_' || of_day, 'azureTenantId', 'tenant',
        'createdDateTime', of_day || 'T00:00:00Z',
                              'currentScore', current, 'maxScore', 40, 'controlScores',
                                  controls) || more
$$;
CREATE VIEW v_score AS SELECT initiative, score, trend_14d FROM overview;
CREATE VIEW v_point AS
SELECT r.key, m.achieved, m.possible, m.observed_at AT TIME ZONE 'UTC' AS observed_at FROM measure m
JOIN recommendation r USING (recommendation_id) ORDER BY 1;
SELECT '{"@odata.context": "x", "value": [{"id": "Mfa", "title": "Require MFA", "maxScore": 10,
    "service": "AzureAD", "controlCategory": "Identity", "actionUrl": "https://example.com/mfa",
    "remediation": "<p>Turn it <script>on</script></p>", "tier": "Core", "rank": 1,
    "threats": ["Account breach"], "userImpact": "Low", "implementationCost": "Low",
    "deprecated": false, "controlStateUpdates": [{"state": "Default", "assignedTo": null}]},
{"id": "Dlp", "title": "Prevent loss", "maxScore": 5, "service": "Purview",
    "controlCategory": "Data", "remediation": "Set a policy",
    "controlStateUpdates": [{"state": "Default"}, {"state": "ignored", "comment": "Not now",
    "updatedBy": "owner@example.com", "updatedDateTime": "2026-02-01T10:00:00Z",
    "assignedTo": "owner@example.com"}]},
{"id": "Device", "title": "Devices", "maxScore": 6, "service": "MDE", "controlCategory": "Device",
    "controlStateUpdates": [{"state": "thirdParty", "updatedBy": "owner@example.com",
    "updatedDateTime": "2026-02-02T10:00:00.1234567Z"}, {"state": "Reviewed",
    "updatedDateTime": "2026-02-01T10:00:00Z"}]},
{"id": "Unused", "title": "Not in the scores", "maxScore": 7}]}' AS profiles \gset
\set ECHO all

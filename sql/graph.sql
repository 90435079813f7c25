-- Microsoft Secure Score as Microsoft Graph publishes it.
-- tests: source/graph_profile, source/graph_score, source/graph_report
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\i :include/graph.sql
SET client_min_messages = warning;
\set VERBOSITY terse

-- scores first: what a control is worth is known from its percentage or not at all
SELECT * FROM load('graph-secure-scores', pg_temp.day('2026-03-02', 17, '[
    {"controlName": "Mfa", "controlCategory": "Identity", "score": 8, "scoreInPercentage": 80,
        "description": "<p>Use it</p>", "count": "8", "total": "10",
        "implementationStatus": "8 of 10", "lastSynced": "2026-03-02T00:00:00Z"},
    {"controlName": "Dlp", "controlCategory": "Data", "score": 0, "scoreInPercentage": 0,
        "on": "false"},
    {"controlName": "Legacy", "controlCategory": "Identity", "score": 9, "scoreInPercentage": 100},
    {"controlName": "Device", "controlCategory": "Device", "scoreInPercentage": 50}]'));
SELECT * FROM v_point;
SELECT * FROM v_score;
SELECT key, title, description, markup, domain, max_points, details FROM recommendation
ORDER BY key;

-- then the profiles, in the API's envelope; nothing of them is interpreted
SELECT * FROM load('graph-secure-score-profiles', :'profiles'::jsonb);
SELECT * FROM v_point;
SELECT * FROM v_score;
SELECT key, title, remediation, markup, domain, workload, max_points, manage_url, assigned_to,
    details FROM recommendation ORDER BY key;
SELECT r.key, e.kind, e.reason, e.approved_by, e.created_at AT TIME ZONE 'UTC' AS created_at,
    e.is_reported FROM exemption e JOIN recommendation r USING (recommendation_id) ORDER BY 1;
-- again, in any form: nothing changes
SELECT * FROM load('graph-secure-score-profiles', :'profiles');
SELECT * FROM load('graph-secure-score-profiles', (:'profiles'::jsonb) -> 'value');
SELECT * FROM load('graph-secure-score-profiles',
    jsonb_build_array(:'profiles'::jsonb, '{"value": []}'::jsonb));
SELECT string_agg(p::text, E'\n') AS lines
FROM jsonb_array_elements((:'profiles'::jsonb) -> 'value') p \gset
SELECT * FROM load('graph-secure-score-profiles', :'lines');
SELECT count(*) FROM exemption;

-- states change: an exemption ends, another begins; deprecated ones leave
SELECT * FROM load('graph-secure-score-profiles', '[
    {"id": "Dlp", "title": "Prevent loss", "maxScore": 5,
        "controlStateUpdates": [{"state": "Default", "updatedDateTime": "2026-03-01T10:00:00Z"},
        {"state": "ignored", "comment": "Not now", "updatedDateTime": "2026-02-01T10:00:00Z"}]},
    {"id": "Device", "maxScore": 6,
        "controlStateUpdates": [{"state": "alternate", "comment": "Other tool",
        "updatedDateTime": "2026-03-01T10:00:00Z"}]},
    {"id": "Legacy", "maxScore": 9, "deprecated": true}]');
SELECT r.key, e.kind, e.reason, e.expires_at IS NULL AS in_force FROM exemption e
JOIN recommendation r USING (recommendation_id) ORDER BY 1, e.exemption_id;
SELECT key, is_active FROM recommendation WHERE key = 'Legacy';
SELECT * FROM v_point;
SELECT achieved_points(NULL, s.exposed, s.assessed, s.points_missing, s.points_possible),
    s.points_possible, r.key FROM recommendation_state('infinity') s
    JOIN recommendation r USING (recommendation_id) ORDER BY 3;
SELECT * FROM v_score;
SELECT recommendation, state, title FROM recommendation_report ORDER BY 1;
-- a benchmark whose range of seats is not known
SELECT graph_benchmark_name('{"basis": "TotalSeats"}'),
       graph_benchmark_name('{"basis": "TotalSeats", "SeatSizeRangeLowerValue": 1}'),
       graph_benchmark_name('{"basis": "TotalSeats", "seatSizeRangeLowerValue": 1,
                              "seatSizeRangeUpperValue": 99}');
-- every state that is documented
SELECT s.state, graph_exemption(s.state)
FROM unnest('{Default,ignored,Ignored,ignore,thirdParty,ThirdParty,reviewed,Reviewed,
    alternate,alternateMitigation,planned,"risk accepted",odd,NULL}'::text[])
    WITH ORDINALITY s(state, n) ORDER BY n;

-- many days: history, and the latest is now; an older one later changes nothing now
SELECT * FROM load('graph-secure-scores', jsonb_build_object('value', jsonb_build_array(
    pg_temp.day((today() - 3)::text, 20,
        '[{"controlName": "Mfa", "score": 10, "scoreInPercentage": 100},
        {"controlName": "Dlp", "score": 1, "scoreInPercentage": 20}]',
        '{"averageComparativeScores": [{"basis": "AllTenants", "averageScore": 54.65,
            "appsScore": 1, "appsScoreMax": 2}, {"basis": "TotalSeats", "averageScore": 48.98,
            "SeatSizeRangeLowerValue": "1", "SeatSizeRangeUpperValue": "100"},
            {"averageScore": 1}, 7]}'),
    pg_temp.day((today() - 2)::text, 12,
        '[{"controlName": "Mfa", "score": 2, "scoreInPercentage": 20},
        {"controlName": "New", "score": 3, "scoreInPercentage": 60}]',
        '{"averageComparativeScores": [{"basis": "IndustryTypes", "averageScore": 120,
            "appsScoreMax": 100, "identityScoreMax": 140}, {"basis": "AllTenants",
            "averageScore": "10"}, {"basis": "Custom", "averageScore": 4000}]}'),
    pg_temp.day((today() - 1)::text, 5,
        '[{"controlName": "Mfa", "score": 2, "scoreInPercentage": 20},
        {"controlName": "New", "score": 1, "scoreInPercentage": 20}]'))));
SELECT key, achieved, possible FROM v_point;
SELECT b.key, b.name, today() - b.day AS days_ago, b.score, b.details FROM benchmark b ORDER BY 1;
SELECT s.day - today() AS day, s.score, s.method, s.is_reported,
    array_length(s.recommendations, 1) AS controls FROM initiative_snapshot s
    WHERE s.day > '2026-06-01' ORDER BY 1;
SELECT initiative, score, trend_14d[10:14] FROM overview;
SELECT * FROM load('graph-secure-scores', jsonb_build_array(
    pg_temp.day((today() - 5)::text, 30,
        '[{"controlName": "Mfa", "score": 9, "scoreInPercentage": 90}]'),
        pg_temp.day((today() - 2)::text, 11,
        '[{"controlName": "Mfa", "score": 1, "scoreInPercentage": 10}]')));
SELECT key, achieved, possible FROM v_point;
SELECT initiative, score, trend_14d[9:14] FROM overview;

-- a day that is snapshot late keeps what the source reported of it; a drop of it is told
CALL run_daily();
SELECT s.day - today() AS day, s.score, s.is_reported FROM initiative_snapshot s
WHERE s.day > today() - 7 ORDER BY 1;
SELECT day - today() AS day, previous_score, score, drop FROM event_report
WHERE kind = 'initiative_score_drop' ORDER BY day DESC LIMIT 3;
SELECT count(*) AS drops_without_exact_causes FROM event e
WHERE kind = 'initiative_score_drop' AND (SELECT sum(points) FROM event_cause c
WHERE c.event_id = e.event_id) IS DISTINCT FROM -e.drop;
SELECT c.recommendation_id IS NULL AS rest, r.key, c.reason, c.points FROM event e
JOIN event_cause c USING (event_id) LEFT JOIN recommendation r USING (recommendation_id)
WHERE e.kind = 'initiative_score_drop' AND e.day = today() - 1 ORDER BY r.key;
-- and one that has its snapshot is not changed any more
SELECT * FROM load('graph-secure-scores',
    pg_temp.day((today() - 1)::text, 1,
    '[{"controlName": "Mfa", "score": 1, "scoreInPercentage": 10}]'));
SELECT score FROM initiative_snapshot WHERE day = today() - 1;
SELECT * FROM verify();

-- a source of its own, as for a second tenant
SELECT * FROM load('graph-secure-scores',
    pg_temp.day('2026-03-02', 1, '[{"controlName": "Mfa", "score": 1, "scoreInPercentage": 10}]'),
    'tenant-2');
SELECT key, name FROM source WHERE key LIKE 'tenant%';
SELECT initiative, score FROM overview ORDER BY 1;

-- what can't be loaded, of profiles
SELECT * FROM load('graph-secure-score-profiles', '[
    {"id": "ok", "maxScore": 1}, {"maxScore": 1}, {"id": "", "maxScore": 1}, {"id": null,
        "maxScore": 1}, {"id": {"a": 1}, "maxScore": 1},
    {"id": "a", "maxScore": "ten"}, {"id": "b", "maxScore": -1}, {"id": "c", "maxScore": 1,
        "deprecated": "yes"},
    {"id": "d", "maxScore": 1, "controlStateUpdates": {"state": "ignored"}}, {"id": "e",
        "maxScore": 1e400},
    {"id": "f", "maxScore": 1,
        "controlStateUpdates": [7, null, {"state": 5, "updatedDateTime": "never"}]},
    {"title": "no profile at all"}, 5, null, "text", [], true]');
SELECT reason FROM rejected ORDER BY reason COLLATE "C";
SELECT count(*) AS kept FROM rejected WHERE details IS NOT NULL;
SELECT * FROM load('graph-secure-score-profiles',
    jsonb_build_array(jsonb_build_object('id', repeat('x', 5000), 'maxScore', 1)));
SELECT left(reason, 100) FROM rejected WHERE reason LIKE '%5000%';
SELECT key, max_points FROM recommendation WHERE key IN ('ok', 'e', 'f') ORDER BY 1;
-- and of scores
DELETE FROM rejected;
SELECT * FROM load('graph-secure-scores', jsonb_build_array(
    pg_temp.day('2026-03-03', 5,
        '[{"controlName": "Mfa", "score": 5, "scoreInPercentage": 50}, {"score": 5},
        {"controlName": "a"}, {"controlName": "b", "score": -1}, {"controlName": "b",
        "score": 1e16}, {"controlName": "b", "score": 1, "scoreInPercentage": 1e-20},
        {"controlName": "c", "scoreInPercentage": 101}, {"controlName": "d", "score": "five"},
            {"controlName": "", "score": 1}, 7, null, []]'),
    pg_temp.day('2026-03-04', 50, '[]'), pg_temp.day('2026-03-04', -1, '[]'),
        pg_temp.day('2026-13-04', 1, '[]'), pg_temp.day('2999-01-01', 1, '[]'),
    pg_temp.day('2026-03-04', NULL, '[]'), pg_temp.day('2026-03-04', 1, '[]', '{"maxScore": "forty"}'),
        pg_temp.day('2026-03-04', 1, '[]', '{"createdDateTime": null}'),
    pg_temp.day('2026-03-04', 1, '{}'), pg_temp.day('2026-03-04', 1, 'null'), '{"id": "x"}'::jsonb,
        '5'::jsonb), 'tenant-3');
SELECT reason FROM rejected ORDER BY reason COLLATE "C";
SELECT * FROM load('graph-secure-scores', pg_temp.day('2026-03-04', 0, '[]', '{"maxScore": 0}'),
    'tenant-4');
SELECT initiative, score FROM overview ORDER BY 1;
SELECT key FROM source WHERE last_seen IS NULL;

DROP VIEW v_score, v_point;
DROP EXTENSION posture;

-- How does each initiative stand, where is it to be, and where is it going?
SELECT o.*, i.object ->> 'description' AS description, i.object ->> 'method' AS method,
       t.target_on, t.missing, t.zone, t.maturity, t.slope_14d, t.expected_14d, t.on_track_14d, t.days_to_target_14d,
       t.planned_score, t.achievable_score
FROM posture.overview o
JOIN posture.export('{initiative}'::text[]) i(object) ON i.object ->> 'key' = o.initiative
JOIN posture.target_report t USING (initiative)
ORDER BY o.is_pinned DESC, o.name, o.initiative;

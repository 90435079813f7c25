-- What is each initiative made of, and how does it stand?
SELECT r.*, m.object ->> 'description' AS description
FROM posture.metric_report r
JOIN posture.export('{metric}'::text[]) m(object) ON m.object ->> 'key' = r.metric
ORDER BY r.initiative, r.score_impact DESC NULLS LAST, r.name, r.metric;

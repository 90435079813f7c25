-- What is each initiative made of, and how does it stand?
SELECT r.*, m.description
FROM posture.metric_report r
JOIN posture.metric m ON m.key = r.metric
ORDER BY r.initiative, r.score_impact DESC NULLS LAST, r.name, r.metric;

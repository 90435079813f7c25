-- As exposed_count.sql, for an owner, who reads no table.
SELECT m.metric, a.criticality, count(*) AS assets
FROM posture.asset_report a
CROSS JOIN LATERAL unnest(a.metrics) m(metric)
GROUP BY m.metric, a.criticality
ORDER BY m.metric, array_position('{critical,high,medium,low}', a.criticality);

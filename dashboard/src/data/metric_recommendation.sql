-- Which recommendations does a metric measure?
SELECT m.key::text AS metric, posture_internal.recommendation_label(b.recommendation_id) AS recommendation
FROM posture.metric_recommendation b
JOIN posture.metric m USING (metric_id)
WHERE m.is_active
ORDER BY 1, 2;

-- Which recommendations does a metric measure?
SELECT r.metric, r.recommendation
FROM posture.metric_recommendation_report r
ORDER BY 1, 2;

-- What happened on each of the last days?
SELECT d.day, d.summary, d.initiative_drops, d.metric_drops, d.recovered
FROM posture.day_report d
ORDER BY d.day DESC
LIMIT 7;

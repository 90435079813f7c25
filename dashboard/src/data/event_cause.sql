-- What are the causes of each of these events? Parts with points sum exactly to score - previous_score.
WITH event AS (
    -- as event.sql has them, without the sentence that it makes of each
    SELECT e.event_id
    FROM posture.event_report e
    WHERE e.kind <> 'new_initiative' AND (e.status = 'open' OR e.day > posture.today() - 90)
    ORDER BY e.day DESC, e.drop DESC, e.event_id
    LIMIT 500
), named AS MATERIALIZED (
    SELECT o ->> 'type' AS type, o ->> 'key' AS key, o ->> 'name' AS name FROM posture.export('{initiative,metric}'::text[]) o
)
SELECT e.event_id, x.initiative, i.name AS initiative_name, x.metric, m.name AS metric_name, x.recommendation, r.title,
       x.reason, x.is_posture, x.points, x.newly_exposed, x.message
FROM event e
CROSS JOIN LATERAL posture.explain(e.event_id) WITH ORDINALITY x
LEFT JOIN named i ON i.type = 'initiative' AND i.key = x.initiative
LEFT JOIN named m ON m.type = 'metric' AND m.key = x.metric
LEFT JOIN posture.recommendation_report r USING (recommendation)
ORDER BY e.event_id, x.ordinality;

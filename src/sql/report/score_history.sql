/*
 * score_history: the scores of all days that have a snapshot, and of today.
 */

CREATE VIEW posture.score_history WITH (security_invoker = true) AS
SELECT s.day, 'initiative' AS object_kind,
       coalesce(i.key::text, s.key, s.initiative_id::text) AS object, s.score::numeric AS score,
       coalesce(i.name, s.name) AS name
FROM initiative_snapshot s
LEFT JOIN initiative i USING (initiative_id)
WHERE s.day <> today()
UNION ALL
SELECT today(), 'initiative', i.key::text, r.score::numeric, i.name
FROM initiative_result(NULL) r
JOIN initiative i USING (initiative_id)
UNION ALL
SELECT s.day, 'metric', coalesce(m.key::text, s.key, s.metric_id::text), s.score::numeric,
       coalesce(m.name, s.name)
FROM metric_snapshot s
LEFT JOIN metric m USING (metric_id)
WHERE s.day <> today()
UNION ALL
SELECT today(), 'metric', m.key::text, n.score::numeric, m.name
FROM metric_state('infinity') n
JOIN metric m USING (metric_id);
COMMENT ON VIEW posture.score_history IS
    'score of each initiative and metric on each day that has a snapshot, including '
    'deleted ones; for today as it stands now';
COMMENT ON COLUMN posture.score_history.day IS
    'day whose end the score shows; for today, the current score';
COMMENT ON COLUMN posture.score_history.object_kind IS 'initiative or metric';
COMMENT ON COLUMN posture.score_history.object IS 'key of the initiative or metric';
COMMENT ON COLUMN posture.score_history.score IS 'score, 0 to 100; NULL: unavailable';
COMMENT ON COLUMN posture.score_history.name IS 'name of the initiative or metric';

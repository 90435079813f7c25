/*
 * score_history: the scores of all days that have a snapshot.
 */

CREATE VIEW posture.score_history WITH (security_invoker = true) AS
SELECT s.day, 'initiative' AS object_kind,
       coalesce(i.key::text, s.key, s.initiative_id::text) AS object, s.score::numeric AS score
FROM initiative_snapshot s
LEFT JOIN initiative i USING (initiative_id)
UNION ALL
SELECT s.day, 'metric', coalesce(m.key::text, s.key, s.metric_id::text), s.score::numeric
FROM metric_snapshot s
LEFT JOIN metric m USING (metric_id);
COMMENT ON VIEW posture.score_history IS
    'score of each initiative and metric on each day that has a snapshot, including '
    'deleted ones';
COMMENT ON COLUMN posture.score_history.day IS 'day of the snapshot, whose end the score shows';
COMMENT ON COLUMN posture.score_history.object_kind IS 'initiative or metric';
COMMENT ON COLUMN posture.score_history.object IS 'key of the initiative or metric';
COMMENT ON COLUMN posture.score_history.score IS 'score, 0 to 100; NULL: unavailable';

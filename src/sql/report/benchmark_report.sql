/*
 * benchmark_report: the scores of others beside those of the initiative.
 */

CREATE VIEW posture.benchmark_report WITH (security_invoker = true) AS
SELECT i.key::text AS initiative,
       b.day,
       b.key::text AS benchmark,
       b.name,
       b.score::numeric AS score,
       h.score AS own_score,
       h.score - b.score::numeric AS difference
FROM benchmark b
JOIN initiative i USING (initiative_id)
LEFT JOIN score_history h
       ON h.object_kind = 'initiative' AND h.object = i.key::text AND h.day = b.day;
COMMENT ON VIEW posture.benchmark_report IS
    'score of each benchmark on each of its days, with the initiative''s own score of that day';
COMMENT ON COLUMN posture.benchmark_report.initiative IS 'key of the initiative';
COMMENT ON COLUMN posture.benchmark_report.day IS 'day of the benchmark';
COMMENT ON COLUMN posture.benchmark_report.benchmark IS 'key of the benchmark';
COMMENT ON COLUMN posture.benchmark_report.name IS 'name of the benchmark';
COMMENT ON COLUMN posture.benchmark_report.score IS 'score of the others, 0 to 100';
COMMENT ON COLUMN posture.benchmark_report.own_score IS
    'score of the initiative itself on that day, 0 to 100, for today the current one; NULL if '
    'there is no snapshot or the score is unavailable';
COMMENT ON COLUMN posture.benchmark_report.difference IS
    'own_score - score, in points, positive if better than the others; NULL if own_score is NULL';

/*
 * benchmark_report: the scores of others beside the initiative's own.
 */

CREATE VIEW posture.benchmark_report WITH (security_invoker = true) AS
SELECT i.key::text AS initiative,
       b.day,
       b.key::text AS benchmark,
       b.name,
       b.score::numeric AS score,
       o.score::numeric AS own_score,
       o.score - b.score AS difference
FROM benchmark b
JOIN initiative i USING (initiative_id)
LEFT JOIN (SELECT s.day, s.initiative_id, s.score
           FROM initiative_snapshot s
           WHERE s.day <> today()
           UNION ALL
           SELECT today(), r.initiative_id, r.score
           FROM initiative_result(NULL) r) o USING (day, initiative_id);
COMMENT ON VIEW posture.benchmark_report IS 'what others scored on each initiative, by each benchmark on each of its days, beside its own score of that day';
COMMENT ON COLUMN posture.benchmark_report.initiative IS 'key of the initiative';
COMMENT ON COLUMN posture.benchmark_report.day IS 'the day that the benchmark is about';
COMMENT ON COLUMN posture.benchmark_report.benchmark IS 'key of the benchmark';
COMMENT ON COLUMN posture.benchmark_report.name IS 'name of the benchmark';
COMMENT ON COLUMN posture.benchmark_report.score IS 'the score of the others';
COMMENT ON COLUMN posture.benchmark_report.own_score IS 'the initiative''s own score on that day, today as it stands now; NULL: no snapshot, or unavailable';
COMMENT ON COLUMN posture.benchmark_report.difference IS 'own_score - score, in points; positive: better than the others';

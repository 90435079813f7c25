CREATE VIEW posture.event_report WITH (security_invoker = true) AS
SELECT e.event_id,
       e.kind::text AS kind,
       e.day,
       coalesce(m.key::text, i.key::text, (SELECT s.key FROM metric_snapshot s WHERE s.metric_id = e.metric_id AND s.day = e.day),
                (SELECT s.key FROM initiative_snapshot s WHERE s.initiative_id = e.initiative_id AND s.day = e.day)) AS object,
       coalesce(m.name, i.name, (SELECT s.name FROM metric_snapshot s WHERE s.metric_id = e.metric_id AND s.day = e.day),
                (SELECT s.name FROM initiative_snapshot s WHERE s.initiative_id = e.initiative_id AND s.day = e.day)) AS name,
       e.previous_score::numeric AS previous_score,
       e.score::numeric AS score,
       e.drop AS drop,
       e.weight,
       e.status,
       CASE e.kind WHEN 'metric_score_drop' THEN metric_cause(e)
                   WHEN 'initiative_score_drop' THEN initiative_cause(e)
                   ELSE 'A new initiative' || coalesce(' with a score of ' || format_number(e.score), ', without data so far') END AS cause,
       e.previous_day,
       e.acknowledged_by,
       e.acknowledged_at,
       e.note,
       e.recovered_on,
       e.reopened_by,
       e.reopened_at,
       e.in_cooldown
FROM event e
LEFT JOIN metric m USING (metric_id)
LEFT JOIN initiative i USING (initiative_id)
ORDER BY e.day DESC, e.drop DESC NULLS LAST, e.event_id;
COMMENT ON VIEW posture.event_report IS 'each event, newest first';
COMMENT ON COLUMN posture.event_report.event_id IS 'id, for acknowledge() and reopen()';
COMMENT ON COLUMN posture.event_report.kind IS 'metric_score_drop, initiative_score_drop or new_initiative';
COMMENT ON COLUMN posture.event_report.day IS 'the day on which it was found';
COMMENT ON COLUMN posture.event_report.object IS 'key of the metric or initiative';
COMMENT ON COLUMN posture.event_report.name IS 'its name';
COMMENT ON COLUMN posture.event_report.previous_score IS 'its score on the previous day';
COMMENT ON COLUMN posture.event_report.score IS 'its score on the day';
COMMENT ON COLUMN posture.event_report.drop IS 'how many points it fell';
COMMENT ON COLUMN posture.event_report.weight IS 'the greatest weight that the metric has in an initiative';
COMMENT ON COLUMN posture.event_report.status IS 'open, acknowledged or recovered';
COMMENT ON COLUMN posture.event_report.cause IS 'why, in one sentence';
COMMENT ON COLUMN posture.event_report.previous_day IS 'the day that it was compared with: yesterday, or the latest earlier day with a snapshot';
COMMENT ON COLUMN posture.event_report.acknowledged_by IS 'who acknowledged it';
COMMENT ON COLUMN posture.event_report.acknowledged_at IS 'when';
COMMENT ON COLUMN posture.event_report.note IS 'what they said';
COMMENT ON COLUMN posture.event_report.recovered_on IS 'the day on which the score was back';
COMMENT ON COLUMN posture.event_report.reopened_by IS 'who opened it again';
COMMENT ON COLUMN posture.event_report.reopened_at IS 'when';
COMMENT ON COLUMN posture.event_report.in_cooldown IS 'whether nobody was notified of it, because of an earlier drop within quiet_days';

/*
 * Events as a person reads them: with one sentence that says why.
 */

CREATE FUNCTION posture.figure(number numeric) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN trim_scale(CASE WHEN abs(number) >= 0.1 THEN round(number, 1) ELSE round(number, 6) END)::text;
COMMENT ON FUNCTION posture.figure(numeric) IS 'a number as a sentence shows it: one decimal, more only below 0.1';

CREATE FUNCTION posture.metric_cause(of_event posture.event) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT format('%s: exposed rose from %s %% to %s %%, %s of %s where it was %s of %s',
                      n.name, posture.figure(100 - of_event.previous_score), posture.figure(100 - of_event.score),
                      trim_scale(n.exposed), trim_scale(n.assessed), trim_scale(p.exposed), trim_scale(p.assessed))
               || coalesce((SELECT format('; this took %s points of %s', posture.figure(c.points), coalesce(i.name, i.key))
                            FROM posture.event_cause c
                            JOIN posture.initiative i USING (initiative_id)
                            WHERE c.event_id = of_event.event_id AND c.points > 0
                            ORDER BY c.points DESC, c.initiative_id
                            LIMIT 1), '')
        FROM posture.metric_snapshot n, posture.metric_snapshot p
        WHERE n.metric_id = of_event.metric_id AND n.day = of_event.day
          AND p.metric_id = of_event.metric_id AND p.day = of_event.previous_day);
COMMENT ON FUNCTION posture.metric_cause(posture.event) IS 'why a metric''s score dropped, in one sentence';

CREATE FUNCTION posture.cause_phrase(of_event posture.event, cause posture.event_cause) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN format('%s by %s',
        posture.figure(cause.points),
        CASE WHEN cause.reason = 'method_change' THEN 'another method'
             ELSE format('''%s''', coalesce(
                 (SELECT m.name FROM posture.metric_snapshot m
                  WHERE m.metric_id = cause.metric_id AND m.day IN (of_event.day, of_event.previous_day)
                  ORDER BY m.day DESC LIMIT 1),
                 (SELECT r.title FROM posture.recommendation r WHERE r.recommendation_id = cause.recommendation_id),
                 coalesce(cause.metric_id, cause.recommendation_id)::text)) END
        || CASE WHEN cause.reason LIKE '%\_added' THEN ' (added)'
                WHEN cause.reason LIKE '%\_removed' THEN ' (removed)'
                WHEN cause.reason LIKE '%\_unavailable' THEN ' (no data any more)'
                WHEN cause.reason LIKE '%\_available' THEN ' (has data again)'
                WHEN cause.reason = 'weight_change' THEN ' (weighed otherwise)'
                ELSE '' END);
COMMENT ON FUNCTION posture.cause_phrase(posture.event, posture.event_cause) IS 'one cause of an initiative''s drop, as a part of a sentence';

CREATE FUNCTION posture.initiative_cause(of_event posture.event) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT format('%s points lost: ', posture.figure(of_event.drop))
               || string_agg(x.phrase, ', ' ORDER BY x.place) FILTER (WHERE x.place <= 3)
               || CASE WHEN count(*) > 3 THEN format(', and %s more', count(*) - 3) ELSE '' END
        FROM (SELECT posture.cause_phrase(of_event, c) AS phrase,
                     row_number() OVER (ORDER BY c.points DESC, c.metric_id, c.recommendation_id, c.reason) AS place
              FROM posture.event_cause c
              WHERE c.event_id = of_event.event_id AND c.points <> 0) x);
COMMENT ON FUNCTION posture.initiative_cause(posture.event) IS 'why an initiative''s score dropped, in one sentence';

CREATE VIEW posture.event_report WITH (security_invoker = true) AS
SELECT e.event_id,
       e.kind::text AS kind,
       e.day,
       coalesce(m.key::text, i.key::text, (SELECT s.key FROM posture.metric_snapshot s WHERE s.metric_id = e.metric_id AND s.day = e.day),
                (SELECT s.key FROM posture.initiative_snapshot s WHERE s.initiative_id = e.initiative_id AND s.day = e.day)) AS object,
       coalesce(m.name, i.name, (SELECT s.name FROM posture.metric_snapshot s WHERE s.metric_id = e.metric_id AND s.day = e.day),
                (SELECT s.name FROM posture.initiative_snapshot s WHERE s.initiative_id = e.initiative_id AND s.day = e.day)) AS name,
       e.previous_score::numeric AS previous_score,
       e.score::numeric AS score,
       e.drop AS drop,
       e.weight,
       e.status,
       CASE e.kind WHEN 'metric_score_drop' THEN posture.metric_cause(e)
                   WHEN 'initiative_score_drop' THEN posture.initiative_cause(e)
                   ELSE 'A new initiative' || coalesce(' with a score of ' || posture.figure(e.score), ', without data so far') END AS cause,
       e.previous_day,
       e.acknowledged_by,
       e.acknowledged_at,
       e.note,
       e.recovered_on,
       e.reopened_by,
       e.reopened_at,
       e.is_quiet
FROM posture.event e
LEFT JOIN posture.metric m USING (metric_id)
LEFT JOIN posture.initiative i USING (initiative_id)
ORDER BY e.day DESC, e.drop DESC NULLS LAST, e.event_id;
COMMENT ON VIEW posture.event_report IS 'an event a row, newest first';
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
COMMENT ON COLUMN posture.event_report.is_quiet IS 'whether nobody was notified of it, because of an earlier drop within quiet_days';

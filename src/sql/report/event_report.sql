/*
 * event_report: the events, with the cause of each in one sentence
 * (cause_sentence.sql).
 */

-- As subqueries of the view, these would make the planner expect so much of it that it
-- compiles the query, which takes longer than running it. SET prevents that they are
-- inlined.
CREATE FUNCTION posture_internal.deleted_object(of_event event) RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE
    SET jit = off
BEGIN ATOMIC
    -- the snapshot of today may have been taken again since the object was deleted
    SELECT x.labels
    FROM (SELECT s.day, ARRAY[s.key, s.name] AS labels
          FROM metric_snapshot s
          WHERE s.metric_id = of_event.metric_id AND s.day <= of_event.day
          UNION ALL
          SELECT s.day, ARRAY[s.key, s.name]
          FROM initiative_snapshot s
          WHERE s.initiative_id = of_event.initiative_id AND s.day <= of_event.day) x
    ORDER BY x.day DESC
    LIMIT 1;
END;
COMMENT ON FUNCTION posture_internal.deleted_object(event) IS
    'returns the key and the name that the metric or initiative of an event had on its day, or '
    'before; NULL if there is no such snapshot';

CREATE FUNCTION posture_internal.owner_weight(of_event event) RETURNS numeric
    LANGUAGE sql STABLE PARALLEL SAFE
    SET jit = off
BEGIN ATOMIC
    SELECT max(b.weight)
    FROM initiative_metric_snapshot b
    WHERE b.day = of_event.day AND b.metric_id = of_event.metric_id;
END;
COMMENT ON FUNCTION posture_internal.owner_weight(event) IS
    'returns the greatest weight that the metric of an event had in the initiatives that the '
    'caller sees';

CREATE FUNCTION posture_internal.is_certain(of_event event) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SET jit = off
BEGIN ATOMIC
    SELECT n.score_high < p.score_low
    FROM (SELECT s.day, s.score_low, s.score_high FROM metric_snapshot s
          WHERE s.metric_id = of_event.metric_id AND of_event.kind = 'metric_score_drop'
          UNION ALL
          SELECT s.day, s.score_low, s.score_high FROM initiative_snapshot s
          WHERE s.initiative_id = of_event.initiative_id
            AND of_event.kind = 'initiative_score_drop') n
    JOIN LATERAL (SELECT s.score_low FROM metric_snapshot s
                  WHERE s.metric_id = of_event.metric_id AND s.day = of_event.previous_day
                  UNION ALL
                  SELECT s.score_low FROM initiative_snapshot s
                  WHERE s.initiative_id = of_event.initiative_id
                    AND s.day = of_event.previous_day) p ON true
    WHERE n.day = of_event.day;
END;
COMMENT ON FUNCTION posture_internal.is_certain(event) IS
    'returns whether a score dropped even if all unassessed assets were exposed on the previous day '
    'and none on the day; NULL: the bounds are not known';

CREATE VIEW posture.event_report WITH (security_invoker = true) AS
SELECT e.event_id,
       e.kind::text AS kind,
       e.day,
       coalesce(m.key::text, i.key::text, (deleted_object(e))[1]) AS object,
       coalesce(m.name, i.name, (deleted_object(e))[2]) AS name,
       e.previous_score::numeric AS previous_score,
       e.score::numeric AS score,
       e.drop AS drop,
       CASE WHEN sees_all() THEN e.weight::numeric ELSE owner_weight(e) END AS weight,
       e.status,
       CASE WHEN sees_all() AND e.cause IS NOT NULL THEN e.cause
            ELSE event_sentence(e) END AS cause,
       e.previous_day,
       e.acknowledged_by,
       e.acknowledged_at,
       e.note,
       e.recovered_on,
       e.reopened_by,
       e.reopened_at,
       e.in_cooldown,
       e.superseded_on,
       e.superseded_by,
       is_certain(e) AS is_certain
FROM event e
LEFT JOIN metric m USING (metric_id)
LEFT JOIN initiative i USING (initiative_id)
ORDER BY e.day DESC, e.drop DESC NULLS LAST, e.event_id;
COMMENT ON VIEW posture.event_report IS 'each event, newest first, with its cause in one sentence';
COMMENT ON COLUMN posture.event_report.event_id IS
    'id of the event, for acknowledge() and reopen()';
COMMENT ON COLUMN posture.event_report.kind IS
    'metric_score_drop, initiative_score_drop, new_initiative or coverage_drop';
COMMENT ON COLUMN posture.event_report.day IS 'day whose snapshot shows the event';
COMMENT ON COLUMN posture.event_report.object IS 'key of the metric or initiative';
COMMENT ON COLUMN posture.event_report.name IS 'name of the metric or initiative';
COMMENT ON COLUMN posture.event_report.previous_score IS
    'score on the previous day, 0 to 100, of a coverage_drop the coverage in percent; NULL for a '
    'new initiative';
COMMENT ON COLUMN posture.event_report.score IS
    'score on the day, 0 to 100, of a coverage_drop the coverage in percent; NULL: unavailable';
COMMENT ON COLUMN posture.event_report.drop IS 'points lost; NULL for a new initiative';
COMMENT ON COLUMN posture.event_report.weight IS
    'greatest weight that the metric has in an initiative; NULL for an event of an initiative';
COMMENT ON COLUMN posture.event_report.status IS
    'open, acknowledged, recovered or superseded';
COMMENT ON COLUMN posture.event_report.cause IS
    'why the score dropped, in one sentence, with the names of that day; NULL if the snapshot of '
    'the day is missing';
COMMENT ON COLUMN posture.event_report.previous_day IS
    'day that the day was compared with: the day before, or the latest earlier one with a '
    'snapshot; NULL for a new initiative';
COMMENT ON COLUMN posture.event_report.acknowledged_by IS
    'user who acknowledged the event last; NULL if nobody did';
COMMENT ON COLUMN posture.event_report.acknowledged_at IS
    'time of the last acknowledgement; NULL if there is none';
COMMENT ON COLUMN posture.event_report.note IS
    'latest note of a user who acknowledged or reopened the event; NULL if there is none';
COMMENT ON COLUMN posture.event_report.recovered_on IS
    'day on which changes of posture had brought the score back to previous_score; NULL if the '
    'event has not recovered';
COMMENT ON COLUMN posture.event_report.reopened_by IS
    'user who reopened the event last; NULL if nobody did';
COMMENT ON COLUMN posture.event_report.reopened_at IS
    'time when the event was last reopened; NULL if it never was';
COMMENT ON COLUMN posture.event_report.in_cooldown IS
    'whether no notification was sent, because an earlier drop was notified within cooldown_days';
COMMENT ON COLUMN posture.event_report.superseded_on IS
    'day on which another change brought the score back, or the object was no longer measured; '
    'NULL if the event was not superseded';
COMMENT ON COLUMN posture.event_report.superseded_by IS
    'reason of that change, one of change_reason(); NULL if the event was not superseded';
COMMENT ON COLUMN posture.event_report.is_certain IS
    'whether the score dropped whatever the unassessed assets are: score_high of the day is below '
    'score_low of the previous day; NULL: not known, or no drop of a score';

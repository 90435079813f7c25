/*
 * Which days are compared when the snapshot of a day is written: that day with the
 * one before it, and the day after it, if it has a snapshot already, with that day.
 * So a gap that is filled later leaves the events that a snapshot in time would
 * have left. An event keeps what people entered; if its drop turns out to be on
 * the day that was written, it moves there.
 */

CREATE FUNCTION posture_internal.next_day(of_day date, of_initiative integer)
    RETURNS TABLE (day date, initiative_id integer)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT min(s.day), NULL::integer
    FROM snapshot s
    WHERE of_initiative IS NULL AND s.day > of_day
    HAVING count(*) > 0
    UNION ALL
    SELECT n.day, i.initiative_id
    FROM initiative i
    CROSS JOIN LATERAL (SELECT s.day, s.is_reported
                        FROM initiative_snapshot s
                        WHERE s.initiative_id = i.initiative_id AND s.day > of_day
                        ORDER BY s.day
                        LIMIT 1) n
    WHERE i.initiative_id = of_initiative
       OR of_initiative IS NULL AND n.is_reported
          AND NOT EXISTS (SELECT FROM snapshot s WHERE s.day = n.day);
END;
COMMENT ON FUNCTION posture_internal.next_day(date, integer) IS
    'returns the day that is compared with a day, of one initiative or of all objects (NULL); '
    'initiative_id: the day is one for which a source reported the score of this initiative';

CREATE FUNCTION posture_internal.object_threshold(of_metric integer, of_initiative integer)
    RETURNS numeric
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN valid_threshold(coalesce(
        (SELECT m.drop_threshold FROM metric m WHERE m.metric_id = of_metric),
        (SELECT i.drop_threshold FROM initiative i WHERE i.initiative_id = of_initiative)));
COMMENT ON FUNCTION posture_internal.object_threshold(integer, integer) IS
    'returns the threshold of a metric or initiative; NULL: posture.drop_threshold';

CREATE FUNCTION posture_internal.move_drops(to_day date, of_initiative integer) RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    WITH moved AS (
        SELECT DISTINCT ON (e.kind, e.metric_id, e.initiative_id) e.event_id
        FROM event e
        JOIN day_event(to_day, of_initiative) d
          ON d.kind = e.kind AND d.metric_id IS NOT DISTINCT FROM e.metric_id
         AND d.initiative_id IS NOT DISTINCT FROM e.initiative_id
        WHERE e.kind <> 'new_initiative' AND e.day > to_day AND e.previous_day <= to_day
          AND NOT is_drop(d.score, e.score, object_threshold(e.metric_id, e.initiative_id))
          AND NOT EXISTS (SELECT FROM event o
                          WHERE o.day = to_day AND o.kind = e.kind
                            AND o.metric_id IS NOT DISTINCT FROM e.metric_id
                            AND o.initiative_id IS NOT DISTINCT FROM e.initiative_id)
        ORDER BY e.kind, e.metric_id, e.initiative_id, e.day
    ), explained AS (
        DELETE FROM event_cause c USING moved v WHERE v.event_id = c.event_id
    )
    UPDATE event e SET day = to_day FROM moved v WHERE v.event_id = e.event_id;
END;
COMMENT ON FUNCTION posture_internal.move_drops(date, integer) IS
    'moves events of later days to a day whose snapshot shows that the score had dropped by then, '
    'of one initiative or of all objects (NULL)';

CREATE FUNCTION posture_internal.undo_ends(on_day date, of_initiative integer)
    RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    WITH wrong AS (
        SELECT e.event_id
        FROM event e
        LEFT JOIN metric_snapshot m ON m.metric_id = e.metric_id AND m.day = on_day
        LEFT JOIN initiative_snapshot i ON i.initiative_id = e.initiative_id AND i.day = on_day
        CROSS JOIN LATERAL (SELECT coalesce(e.recovered_on, e.superseded_on) AS day) x
        WHERE e.day < on_day AND x.day >= on_day
          AND e.status IN ('recovered', 'superseded') AND e.reopened_at IS NULL
          AND (of_initiative IS NULL OR e.initiative_id = of_initiative)
          AND (event_score(e.kind, m, i) >= e.previous_score) = (x.day > on_day)
    )
    UPDATE event e
    SET status = entered_status(e), recovered_on = NULL, superseded_on = NULL, superseded_by = NULL
    FROM wrong w
    WHERE w.event_id = e.event_id;
END;
COMMENT ON FUNCTION posture_internal.undo_ends(date, integer) IS
    'opens the events that ended after a day although their score was back on it, or on it although '
    'their score was not, of one initiative or of all objects (NULL)';

CREATE FUNCTION posture_internal.compare_again(
    of_day date, is_written boolean, of_initiative integer) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    -- an object without a row was not compared, such as one that was deleted since
    WITH compared AS (
        SELECT e.event_id, p.day AS previous_day, event_score(e.kind, p, NULL) AS previous_score,
               event_score(e.kind, n, NULL) AS score
        FROM event e
        JOIN metric_snapshot n ON n.metric_id = e.metric_id AND n.day = of_day
        JOIN metric_snapshot p ON p.metric_id = e.metric_id AND p.day = previous_day(of_day)
        WHERE e.day = of_day
        UNION ALL
        SELECT e.event_id, p.day, p.score, n.score
        FROM event e
        JOIN initiative_snapshot n ON n.initiative_id = e.initiative_id AND n.day = of_day
        JOIN initiative_snapshot p ON p.initiative_id = e.initiative_id
                                  AND p.day = previous_day(of_day, e.initiative_id)
        WHERE e.day = of_day AND e.kind <> 'new_initiative'
    )
    DELETE FROM event e
    USING compared c
    WHERE c.event_id = e.event_id AND (of_initiative IS NULL OR e.initiative_id = of_initiative)
      AND (c.previous_day, c.previous_score, c.score)
          IS DISTINCT FROM (e.previous_day, e.previous_score, e.score)
      AND coalesce(c.previous_score - c.score < e.drop, true)
      AND is_drop(c.previous_score, c.score,
                  object_threshold(e.metric_id, e.initiative_id)) IS NOT TRUE
      -- what a person entered is kept
      AND num_nonnulls(e.acknowledged_at, e.reopened_at, e.note) = 0;

    RETURN record_drops(of_day, is_written, of_initiative);
END $$;
COMMENT ON FUNCTION posture_internal.compare_again(date, boolean, integer) IS
    'compares a day again whose score, or that of the day before, changed, of one initiative or of '
    'all objects (NULL): corrects its events, deletes those that are no drop any longer unless a '
    'person entered something, and adds new ones; returns the number of new events';

CREATE FUNCTION posture_internal.record_events(
    of_day date, is_written boolean, OUT events bigint, OUT recovered bigint)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    later record;
BEGIN
    IF EXISTS (SELECT FROM next_day(of_day, NULL)) THEN
        PERFORM move_drops(of_day, NULL), undo_ends(of_day, NULL);
    END IF;
    events := record_drops(of_day, is_written, NULL);
    recovered := end_events(of_day, NULL);
    FOR later IN SELECT n.day, n.initiative_id FROM next_day(of_day, NULL) n ORDER BY n.day LOOP
        events := events + compare_again(later.day, is_written, later.initiative_id);
        recovered := recovered + end_events(later.day, later.initiative_id)
            + end_events_later(ARRAY(SELECT e.event_id FROM event e
                                     WHERE e.day IN (of_day, later.day)), NULL);
    END LOOP;
END $$;
COMMENT ON FUNCTION posture_internal.record_events(date, boolean) IS
    'records the events of a day''s snapshot and of the next day with their causes, notifies '
    'listeners of new ones, and ends events; is_written: whether the snapshot was written now; '
    'returns the numbers of new and of recovered events';

CREATE FUNCTION posture_internal.record_reported_days(of_initiative integer, days date[])
    RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    -- the job deletes what is older
    oldest date := today() - setting('retention_days')::integer;
    compared record;
BEGIN
    FOR compared IN
        SELECT n.day, bool_or(n.is_reported) AS is_reported
        FROM unnest(days) d(day)
        CROSS JOIN LATERAL (SELECT d.day, true
                            UNION ALL
                            SELECT x.day, false FROM next_day(d.day, of_initiative) x
                           ) n(day, is_reported)
        WHERE n.day >= oldest
        GROUP BY n.day
        ORDER BY n.day
    LOOP
        IF compared.is_reported THEN
            PERFORM move_drops(compared.day, of_initiative),
                    undo_ends(compared.day, of_initiative);
        END IF;
        PERFORM compare_again(compared.day, true, of_initiative);
    END LOOP;
    PERFORM end_events_later(ARRAY(SELECT e.event_id FROM event e
                                   WHERE e.initiative_id = of_initiative), of_initiative);
END $$;
COMMENT ON FUNCTION posture_internal.record_reported_days(integer, date[]) IS
    'records the events of days whose scores of an initiative its source reported, with their '
    'causes, and ends the events whose score is back on a later day; days that are older than '
    'posture.retention_days have no events';

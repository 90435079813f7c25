/*
 * forget_day() removes a day that should not be in history, such as one whose
 * findings were loaded in part. The history of findings does not change: it says
 * what became known when, and other days are computed from it.
 */

CREATE FUNCTION posture_internal.recorded_day() RETURNS SETOF date
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.day FROM snapshot s
    UNION ALL
    SELECT s.day FROM metric_snapshot s
    UNION ALL
    SELECT s.day FROM initiative_snapshot s;
END;
COMMENT ON FUNCTION posture_internal.recorded_day() IS
    'returns the days that have a snapshot or scores of a source, some of them several times';

CREATE FUNCTION posture.forget_day(day date, OUT scores bigint, OUT events bigint)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    changed integer[];
    later date;
BEGIN
    PERFORM require_level('operator'), refuse_on_node('forget_day()');
    -- take these locks before any table is read, as take_snapshot() does
    PERFORM lock_sets();
    LOCK TABLE snapshot IN SHARE ROW EXCLUSIVE MODE;
    IF NOT EXISTS (SELECT FROM recorded_day() r(day) WHERE r.day = forget_day.day) THEN
        RAISE EXCEPTION 'there is no snapshot of day %', coalesce(day::text, 'NULL')
            USING ERRCODE = 'no_data_found',
                  HINT = nearest_days_hint(ARRAY(SELECT r.day FROM recorded_day() r(day)), day,
                                           'No day has one.');
    END IF;
    IF day < today() THEN
        INSERT INTO forgotten_day VALUES (forget_day.day) ON CONFLICT DO NOTHING;
    END IF;
    DELETE FROM event e WHERE e.day = forget_day.day;
    GET DIAGNOSTICS events = ROW_COUNT;
    scores := (SELECT count(*) FROM metric_snapshot s WHERE s.day = forget_day.day)
            + (SELECT count(*) FROM initiative_snapshot s WHERE s.day = forget_day.day);
    PERFORM delete_day_rows(day, day, true), delete_day_on_nodes(day, NULL);
    DELETE FROM snapshot s WHERE s.day = forget_day.day;

    -- what ended on that day is as a person left it, and may end on a later day
    WITH ended AS (
        UPDATE event e
        SET recovered_on = NULL, superseded_on = NULL, superseded_by = NULL,
            status = entered_status(e)
        WHERE forget_day.day IN (e.recovered_on, e.superseded_on)
        RETURNING e.event_id
    )
    SELECT array_agg(e.event_id) INTO changed FROM ended e;
    FOR later IN
        SELECT e.day FROM event e WHERE e.previous_day = forget_day.day
        UNION
        SELECT n.day FROM next_day(forget_day.day, NULL) n
        ORDER BY 1
    LOOP
        PERFORM compare_again(later, false, NULL);
        -- these are no drop any longer
        DELETE FROM event e WHERE e.day = later AND e.previous_day = forget_day.day;
        PERFORM end_events(later, NULL);
        changed := changed || ARRAY(SELECT e.event_id FROM event e WHERE e.day = later);
    END LOOP;
    PERFORM end_events_later(changed, NULL);
END $$;
COMMENT ON FUNCTION posture.forget_day(date) IS
    'removes a day from history: its snapshot, its events with their causes, and what a source '
    'reported for it; run_daily() does not take a past day again, take_snapshot() and backfill() '
    'do; the next day is compared with the day before: its events get the new figures, and those '
    'that are no drop any longer are deleted; events that had ended on the day are open or '
    'acknowledged again until a later snapshot; returns the numbers of scores and of events that '
    'it deleted';

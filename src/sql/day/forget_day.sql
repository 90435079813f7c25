/*
 * forget_day() removes a day that should not be in history, such as one whose
 * findings were loaded in part. The history of findings does not change: it says
 * what became known when, and other days are computed from it.
 */

CREATE FUNCTION posture_internal.compare_again(of_day date, forgotten date) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM record_events(of_day, false);
    -- these are no drop any longer
    DELETE FROM event e WHERE e.day = of_day AND e.previous_day = forgotten;
END $$;
COMMENT ON FUNCTION posture_internal.compare_again(date, date) IS
    'step of forget_day(): compares a day with the day before the forgotten one, corrects its '
    'events, and deletes those that are no drop any longer';

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
BEGIN
    PERFORM require_level('operator');
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
    PERFORM delete_day_rows(day, day, true);
    DELETE FROM snapshot s WHERE s.day = forget_day.day;

    -- what ended on that day is as a person left it, and may end on the next day
    UPDATE event e
    SET recovered_on = NULL, superseded_on = NULL, superseded_by = NULL,
        status = CASE WHEN e.acknowledged_at IS NULL OR e.reopened_at > e.acknowledged_at
                      THEN 'open' ELSE 'acknowledged' END
    WHERE forget_day.day IN (e.recovered_on, e.superseded_on);
    PERFORM compare_again(d.day, forget_day.day)
    FROM (SELECT e.day FROM event e WHERE e.previous_day = forget_day.day
          UNION
          SELECT min(s.day) FROM snapshot s WHERE s.day > forget_day.day
          ORDER BY 1) d
    WHERE d.day IS NOT NULL;
END $$;
COMMENT ON FUNCTION posture.forget_day(date) IS
    'removes a day from history: its snapshot, its events with their causes, and what a source '
    'reported for it; run_daily() does not take a past day again, take_snapshot() and backfill() '
    'do; the next day is compared with the day before: its events get the new figures, and those '
    'that are no drop any longer are deleted; events that had ended on the day are open or '
    'acknowledged again until a later snapshot; returns the numbers of scores and of events that '
    'it deleted';

/*
 * backfill() gives history an earlier beginning, from findings and measures with
 * old dates. Only people ask for that: a finding says since when it has had its
 * state, not that anybody looked on the days since then.
 */

CREATE FUNCTION posture_internal.backfill_note(from_day date, first_day date) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET datestyle = 'ISO, YMD'
AS $$
BEGIN
    IF from_day < oldest_kept_day() THEN
        RAISE WARNING 'run_daily() deletes days before %', oldest_kept_day()
            USING DETAIL = format('posture.retention_days is %s.', setting('retention_days')),
                  HINT = 'To keep them, set posture.retention_days for the database before its '
                         'next run.';
    END IF;
    IF first_day IS NULL THEN
        RAISE NOTICE 'history begins on %, but there is no finding yet', from_day;
    ELSIF first_day > from_day THEN
        RAISE NOTICE 'no finding is older than %: earlier days get no snapshot', first_day;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.backfill_note(date, date) IS
    'step of backfill(): warns of days that retention does not keep, and reports from which day on '
    'there are findings';

CREATE FUNCTION posture.backfill(
    from_day date, OUT days bigint, OUT events bigint, OUT recovered bigint)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    first_day date;
    missing date[];
    of_day date;
    taken record;
BEGIN
    PERFORM require_level('operator'), refuse_on_node('backfill()');
    IF (from_day >= '1900-01-01' AND from_day < today()) IS NOT TRUE THEN
        RAISE EXCEPTION 'cannot backfill from day %', coalesce(from_day::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('Today is %s in time zone %s.', today(), setting('timezone')),
                  HINT = 'backfill() takes the snapshots of days from 1900 on that have ended.';
    END IF;
    -- take these locks before any table is read, as take_snapshot() does
    PERFORM lock_sets();
    LOCK TABLE snapshot IN SHARE ROW EXCLUSIVE MODE;
    UPDATE history_start h SET day = from_day WHERE h.day > from_day;
    first_day := first_data_day();
    PERFORM backfill_note(from_day, first_day);
    missing := ARRAY(SELECT d.day::date
                     FROM generate_series(greatest(from_day, first_day)::timestamp,
                                          (today() - 1)::timestamp, interval '1 day') d(day)
                     WHERE first_day IS NOT NULL AND NOT has_snapshot(d.day::date)
                     ORDER BY d.day);
    days := 0;
    events := 0;
    recovered := 0;
    FOREACH of_day IN ARRAY missing LOOP
        PERFORM progress(format('backfill: the snapshot of %s, days to go after it: %s',
                                of_day, cardinality(missing) - days - 1));
        SELECT k.* INTO taken FROM take_day(of_day) k;
        days := days + 1;
        events := events + taken.events;
        recovered := recovered + taken.recovered;
    END LOOP;
END $$;
COMMENT ON FUNCTION posture.backfill(date) IS
    'begins history on an earlier day, and takes the snapshot of every ended day since then that '
    'has none and is not before the first finding, oldest first, as take_snapshot() does; returns '
    'the numbers of snapshots, of new events and of recovered ones';

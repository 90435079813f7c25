/*
 * The job. pg_cron knows only GMT and never makes up for runs it missed, so it
 * runs often, does what is due, and otherwise nothing.
 */

CREATE FUNCTION posture.due_day() RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    -- from the first snapshot on; before there is one, from the first day that
    -- anything is known of, or yesterday if all that is known is of today
    WITH first AS (
        SELECT coalesce((SELECT min(s.day) FROM posture.snapshot s),
                        least(posture.day_of(least((SELECT min(f.changed_at) FROM posture.finding f),
                                                   (SELECT min(m.observed_at) FROM posture.measure m))),
                              -- what a finding was before it changed
                              (SELECT min(h.day) FROM posture.finding_history h),
                              (SELECT min(d.day) FROM posture.finding_delta d),
                              posture.today() - 1)) AS day
        WHERE EXISTS (SELECT FROM posture.snapshot) OR posture.is_known('infinity')
    )
    SELECT min(d.day::date)
    FROM first
    CROSS JOIN generate_series(
        greatest(first.day, posture.today() - posture.setting('retention_days')::integer)::timestamp,
        (posture.today() - 1)::timestamp, interval '1 day') d(day)
    WHERE NOT posture.has_snapshot(d.day::date);
END;
COMMENT ON FUNCTION posture.due_day() IS 'the first day that has ended and has no snapshot, no older than posture.retention_days; NULL: none';

CREATE FUNCTION posture.lateness(of_day date) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH late AS MATERIALIZED (
        SELECT now() - posture.day_end(of_day) AS by,
               (SELECT count(*) FROM posture.measure m WHERE m.observed_at >= posture.day_end(of_day)) AS changes
    )
    SELECT CASE WHEN late.by > interval '2 hours' OR late.changes > 0 THEN
               format('snapshot of %s taken late, %s after its end', of_day, date_trunc('second', late.by))
               || CASE WHEN late.changes > 0 THEN format(': %s measures that changed since are not in it', late.changes) ELSE '' END END
    FROM late;
END;
COMMENT ON FUNCTION posture.lateness(date) IS 'how late the snapshot of a day is taken now, and what it misses: a measure has no history; NULL: in time';

CREATE FUNCTION posture.purge() RETURNS bigint
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    WITH cut AS (
        SELECT posture.today() - posture.setting('retention_days')::integer AS day
    ), s AS (DELETE FROM posture.snapshot x USING cut WHERE x.day < cut.day RETURNING 1
    ), h AS (DELETE FROM posture.finding_history x USING cut WHERE x.day < cut.day RETURNING 1
    ), r AS (DELETE FROM posture.recommendation_snapshot x USING cut WHERE x.day < cut.day RETURNING 1
    ), m AS (DELETE FROM posture.metric_snapshot x USING cut WHERE x.day < cut.day RETURNING 1
    ), i AS (DELETE FROM posture.initiative_snapshot x USING cut WHERE x.day < cut.day RETURNING 1
    ), b AS (DELETE FROM posture.initiative_metric_snapshot x USING cut WHERE x.day < cut.day RETURNING 1
    ), p AS (DELETE FROM posture.exemption_snapshot x USING cut WHERE x.day < cut.day RETURNING 1
    ), g AS (DELETE FROM posture.asset_group_snapshot x USING cut WHERE x.day < cut.day RETURNING 1
    ), e AS (DELETE FROM posture.event x USING cut WHERE x.day < cut.day RETURNING 1
    ), u AS (DELETE FROM posture.run x USING cut WHERE x.day < cut.day RETURNING 1
    ), v AS (DELETE FROM posture.verification x USING cut WHERE x.verified_at < posture.day_end(cut.day - 1) RETURNING 1
    ), j AS (DELETE FROM posture.rejected x USING cut WHERE x.rejected_at < posture.day_end(cut.day - 1) RETURNING 1)
    SELECT (SELECT count(*) FROM s) + (SELECT count(*) FROM h) + (SELECT count(*) FROM r) + (SELECT count(*) FROM m) + (SELECT count(*) FROM i)
         + (SELECT count(*) FROM b) + (SELECT count(*) FROM p) + (SELECT count(*) FROM g) + (SELECT count(*) FROM e) + (SELECT count(*) FROM u) + (SELECT count(*) FROM v)
         + (SELECT count(*) FROM j);
END;
COMMENT ON FUNCTION posture.purge() IS 'deletes history, events, runs and rejected rows older than posture.retention_days; returns how many rows';

CREATE FUNCTION posture.run_next_day(OUT day date, OUT failed boolean, OUT message text)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres'
AS $$
DECLARE
    started timestamptz := clock_timestamp();
    done record;
BEGIN
    PERFORM posture.lock_sets();
    LOCK TABLE posture.snapshot IN SHARE ROW EXCLUSIVE MODE;
    day := posture.due_day();
    failed := false;
    IF day IS NULL THEN
        RETURN;
    END IF;
    BEGIN
        message := posture.lateness(day);
        PERFORM posture.progress(format('run_daily: the snapshot of %s, days to go after it: %s', day, posture.today() - 1 - day));
        SELECT k.*, posture.purge() AS purged INTO done FROM posture.keep_snapshot(day, posture.day_end(day)) k;
    EXCEPTION WHEN OTHERS THEN
        failed := true;
        message := SQLERRM;
    END;
    INSERT INTO posture.run (day, started_at, finished_at, outcome, message, counts)
    VALUES (run_next_day.day, started, clock_timestamp(), CASE WHEN failed THEN 'failed' ELSE 'ok' END,
            run_next_day.message, CASE WHEN NOT failed THEN to_jsonb(done) END);
END $$;
COMMENT ON FUNCTION posture.run_next_day() IS 'step of run_daily(): the first day that is due, with a row in run; an error undoes the day and is kept in that row';

-- no SET search_path: a procedure that has one may not commit. It calls
-- functions that have one, uses no operator, and names its type with the schema.
CREATE PROCEDURE posture.run_daily()
    LANGUAGE plpgsql
AS $$
DECLARE
    done pg_catalog.record;
    started pg_catalog.timestamptz;
    catalog_ids pg_catalog.int8[];
    folded pg_catalog.bool;
BEGIN
    COMMIT;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    SELECT c.ids INTO catalog_ids FROM posture.catalog_changes() c;
    -- in this order: a slice that another folded since has been counted with those changes
    started := pg_catalog.clock_timestamp();
    LOOP
        folded := posture.fold_next(started);
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        EXIT WHEN NOT folded;
    END LOOP;
    PERFORM posture.forget_catalog_changes(catalog_ids);
    LOOP
        -- what another run did while this one waited has to be seen, whatever
        -- default_transaction_isolation is
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        SELECT n.day, n.failed, n.message INTO done FROM posture.run_next_day() n;
        COMMIT;
        EXIT WHEN done.day IS NULL;
        IF done.failed THEN
            RAISE EXCEPTION 'the run for % failed: %', done.day, done.message
                USING HINT = 'The snapshot of that day is tried again at the next run.';
        END IF;
    END LOOP;
END $$;
COMMENT ON PROCEDURE posture.run_daily() IS 'folds, slice by slice, and takes the snapshot of every ended day that lacks one, oldest first, each in a transaction of its own';

CREATE FUNCTION posture.schedule(cron text DEFAULT '5 * * * *') RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    home text;
    job bigint;
BEGIN
    IF EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
        IF NOT has_schema_privilege('cron', 'USAGE') THEN
            RAISE EXCEPTION 'permission denied for schema cron'
                USING ERRCODE = 'insufficient_privilege', HINT = format('An administrator can run: GRANT USAGE ON SCHEMA cron TO %I;', current_user);
        END IF;
        EXECUTE 'SELECT cron.schedule($1, $2, $3)' INTO job USING 'posture', cron, 'CALL posture.run_daily()';
        RETURN job;
    END IF;
    BEGIN
        home := current_setting('cron.database_name', true);
    EXCEPTION WHEN insufficient_privilege THEN
        -- pg_cron is loaded, but where it keeps its jobs is not for everybody
        RAISE EXCEPTION 'extension pg_cron is not installed in this database'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = format('Ask an administrator to run, in the database that cron.database_name names: SELECT cron.schedule_in_database(%L, %L, %L, %L, %L);',
                                'posture ' || current_database(), cron, 'CALL posture.run_daily()', current_database(), current_user);
    END;
    IF home IS NULL THEN
        RAISE EXCEPTION 'pg_cron is not loaded in this server'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Add pg_cron to shared_preload_libraries, restart the server and run CREATE EXTENSION pg_cron in the database that cron.database_name names; or have another scheduler run: CALL posture.run_daily()';
    END IF;
    IF home = current_database() THEN
        RAISE EXCEPTION 'extension pg_cron is not installed in this database'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Run: CREATE EXTENSION pg_cron;';
    END IF;
    RAISE EXCEPTION 'pg_cron keeps its jobs in database "%"', home
        USING ERRCODE = 'object_not_in_prerequisite_state',
              HINT = format('Run in database "%s": SELECT cron.schedule_in_database(%L, %L, %L, %L);',
                            home, 'posture ' || current_database(), cron, 'CALL posture.run_daily()', current_database());
END $$;
COMMENT ON FUNCTION posture.schedule(text) IS 'has pg_cron run run_daily() by a schedule in cron''s notation and GMT; returns the id of the job; again: changes the schedule';

CREATE FUNCTION posture.unschedule() RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    job bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
        RAISE EXCEPTION 'extension pg_cron is not installed in this database'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = format('Where pg_cron keeps its jobs, run: SELECT cron.unschedule(%L);', 'posture ' || current_database());
    END IF;
    EXECUTE 'SELECT j.jobid FROM cron.job j WHERE j.jobname = $1 AND j.username = current_user' INTO job USING 'posture';
    IF job IS NOT NULL THEN
        EXECUTE 'SELECT cron.unschedule($1)' USING job;
    END IF;
    RETURN job IS NOT NULL;
END $$;
COMMENT ON FUNCTION posture.unschedule() IS 'takes the job away from pg_cron; returns whether there was one';

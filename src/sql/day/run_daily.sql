/*
 * run_daily(), the job: it folds and takes the snapshots that are due. pg_cron
 * schedules in GMT and does not make up for missed runs. So the job is scheduled
 * often, and a run does nothing if nothing is due.
 */

CREATE TABLE posture.run (
    run_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day date NOT NULL
        CONSTRAINT "day is in the years 1900 to 9999"
        CHECK (day BETWEEN '1900-01-01' AND '9999-12-31'),
    started_at timestamptz NOT NULL
        CONSTRAINT "started_at is in the years 1900 to 9999"
        CHECK (started_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'),
    finished_at timestamptz NOT NULL
        CONSTRAINT "finished_at is in the years 1900 to 9999"
        CHECK (finished_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'),
    outcome text NOT NULL
        CONSTRAINT "outcome is ok or failed" CHECK (outcome IN ('ok', 'failed')),
    message text,
    counts jsonb
);
COMMENT ON TABLE posture.run IS 'runs of run_daily(), a row for each day that was due';
COMMENT ON COLUMN posture.run.run_id IS 'id of the row';
COMMENT ON COLUMN posture.run.day IS 'day whose snapshot was due';
COMMENT ON COLUMN posture.run.started_at IS 'time when work on the day began';
COMMENT ON COLUMN posture.run.finished_at IS 'time when work on the day ended';
COMMENT ON COLUMN posture.run.outcome IS 'ok or failed';
COMMENT ON COLUMN posture.run.message IS
    'the error of a failed run, or how late the snapshot was taken and what was left out of it; '
    'NULL if it was taken in time and is complete';
COMMENT ON COLUMN posture.run.counts IS
    'numbers of metrics, initiatives, new events, recovered events and purged rows, and left_out: '
    'what was left out; NULL if the run failed';

CREATE FUNCTION posture_internal.first_day_here() RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT least(day_of(least((SELECT min(f.changed_at) FROM finding f),
                              (SELECT min(m.observed_at) FROM measure m))),
                 -- a finding has only its latest change, the history has earlier ones
                 (SELECT min(h.day) FROM finding_history h),
                 (SELECT min(d.day) FROM finding_delta d),
                 today() - 1)
    WHERE has_data_here('infinity');
END;
COMMENT ON FUNCTION posture_internal.first_day_here() IS
    'returns first_data_day() of this database';

CREATE FUNCTION posture_internal.first_data_day() RETURNS date
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET posture.partial_results = off
AS $$
BEGIN
    RETURN least(first_day_here(),
                 CASE WHEN has_nodes()
                      THEN (SELECT min(n.day)
                            FROM ask_nodes(NULL::known_day, 'first_day_here() d(day)') n) END);
END $$;
COMMENT ON FUNCTION posture_internal.first_data_day() IS
    'returns the first day of any finding or measure, on a head also of its nodes, or yesterday if '
    'that day is today; NULL if there is none';

CREATE FUNCTION posture_internal.due_days() RETURNS TABLE (day date)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH first AS (
        -- from the first snapshot on, or from the first day with data if there is none
        SELECT greatest(h.day, oldest_kept_day(),
                        coalesce((SELECT min(s.day) FROM snapshot s WHERE s.day >= h.day),
                                 first_data_day())) AS day
        FROM history_start h
        WHERE NOT is_node()
          AND (EXISTS (SELECT FROM snapshot s WHERE s.day >= h.day) OR has_data_before('infinity'))
    )
    SELECT d.day::date
    FROM first
    CROSS JOIN generate_series(first.day::timestamp, (today() - 1)::timestamp,
                               interval '1 day') d(day)
    WHERE NOT has_snapshot(d.day::date)
      AND NOT EXISTS (SELECT FROM forgotten_day f WHERE f.day = d.day);
END;
COMMENT ON FUNCTION posture_internal.due_days() IS
    'returns the days of history that have ended and have no snapshot, except forgotten ones and '
    'those more than posture.retention_days ago; none on a node, whose head closes its days';

CREATE FUNCTION posture_internal.due_day() RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT min(d.day) FROM due_days() d);
COMMENT ON FUNCTION posture_internal.due_day() IS
    'returns the first day of due_days(); NULL if there is none';

CREATE FUNCTION posture_internal.late_message(of_day date) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH late AS MATERIALIZED (
        SELECT now() - day_end(of_day) AS by,
               (SELECT count(*) FROM measure m WHERE m.observed_at >= day_end(of_day)) AS changes
    )
    SELECT CASE WHEN late.by > interval '2 hours' OR late.changes > 0 THEN
               format('snapshot of %s taken late, %s after its end', of_day,
                      date_trunc('second', late.by))
               || CASE WHEN late.changes > 0
                       THEN format(': %s measures that changed since are not in it', late.changes)
                       ELSE '' END END
    FROM late;
END;
COMMENT ON FUNCTION posture_internal.late_message(date) IS
    'returns how late the snapshot of a day is if it is taken now, and how many measures are '
    'missing from it because measures have no history; NULL if it is in time';

CREATE FUNCTION posture_internal.run_next_day(OUT day date, OUT failed boolean, OUT message text)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET datestyle = 'ISO, YMD'
    SET intervalstyle = 'postgres'
AS $$
DECLARE
    started timestamptz := clock_timestamp();
    taken record;
    result record;
    left_out text[];
BEGIN
    PERFORM require_level('operator');
    PERFORM lock_sets();
    LOCK TABLE snapshot IN SHARE ROW EXCLUSIVE MODE;
    day := due_day();
    failed := false;
    IF day IS NULL THEN
        RETURN;
    END IF;
    -- the locks of this transaction must not wait for those of others: the next run retries
    PERFORM set_config('lock_timeout', step_timeout(), true);
    BEGIN
        message := late_message(day);
        PERFORM progress(format('run_daily: the snapshot of %s, days to go after it: %s',
                                day, today() - 1 - day));
        SELECT k.* INTO taken FROM ensure_snapshot(day, day_end(day)) k;
        -- not in one statement, which could purge first
        SELECT taken.metrics, taken.initiatives, taken.events, taken.recovered, p.purged,
               taken.left_out || p.left_out AS left_out
        INTO result
        FROM try_purge() p;
        left_out := result.left_out;
        IF left_out <> '{}' THEN
            message := concat_ws('; ', message, array_to_string(left_out, '; '));
        END IF;
    EXCEPTION WHEN OTHERS THEN
        failed := true;
        message := SQLERRM || CASE WHEN SQLSTATE = '55P03'
                                   THEN format(' (locked by %s)', lock_holders()) ELSE '' END;
    END;
    INSERT INTO run (day, started_at, finished_at, outcome, message, counts)
    VALUES (day, started, clock_timestamp(),
            CASE WHEN failed THEN 'failed' ELSE 'ok' END,
            message,
            CASE WHEN NOT failed
                 THEN to_jsonb(result) - CASE WHEN left_out = '{}' THEN 'left_out' ELSE '' END END);
END $$;
COMMENT ON FUNCTION posture_internal.run_next_day() IS
    'takes the snapshot of the first day that is due and writes a row into run; an error undoes '
    'the work on the day and is recorded in that row; day is NULL if none was due';

CREATE FUNCTION posture_internal.run_left_events() RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    last run;
    started timestamptz := clock_timestamp();
    done record;
BEGIN
    PERFORM require_level('operator');
    PERFORM lock_sets();
    LOCK TABLE snapshot IN SHARE ROW EXCLUSIVE MODE;
    SELECT r.* INTO last FROM run r ORDER BY r.run_id DESC LIMIT 1;
    IF NOT coalesce(last.counts -> 'left_out' @? '$[*] ? (@ like_regex "^events ")', false) THEN
        RETURN;
    END IF;
    SELECT f.* INTO done FROM try_events(last.day, false) f;
    -- a row for each attempt would be one an hour
    IF done.left_out = '{}' THEN
        INSERT INTO run (day, started_at, finished_at, outcome, message, counts)
        VALUES (last.day, started, clock_timestamp(), 'ok', 'recorded the events that were left',
                last.counts - 'left_out'
                || jsonb_build_object('events', done.events, 'recovered', done.recovered));
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.run_left_events() IS
    'step of run_daily(): records the events that the last run left';

CREATE FUNCTION posture_internal.is_atomic() RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_is_atomic' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION posture_internal.is_atomic() IS
    'returns whether the calling procedure cannot commit, because it was called in a transaction '
    'block or by a function';

-- A procedure with SET search_path cannot commit. So this one qualifies every
-- name, uses no operator, and calls functions that set their search_path.
CREATE PROCEDURE posture.run_daily()
    LANGUAGE plpgsql
AS $$
DECLARE
    result pg_catalog.record;
    started pg_catalog.timestamptz;
    catalog_ids pg_catalog.int8[];
    folded pg_catalog.bool;
BEGIN
    IF posture_internal.is_atomic() THEN
        RAISE EXCEPTION 'run_daily() cannot run inside a transaction block'
            USING ERRCODE = 'active_sql_transaction',
                  DETAIL = 'It commits after each slice and each day.',
                  HINT = 'Call it by itself, outside of BEGIN and COMMIT and of functions; a '
                         'client that begins transactions by itself needs autocommit.';
    END IF;
    COMMIT;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    PERFORM posture_internal.require_level('operator');
    PERFORM FROM posture_internal.fold_nodes();
    COMMIT;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    SELECT c.ids INTO catalog_ids FROM posture_internal.catalog_changes() c;
    -- read the clock after the changes: a slice that is folded later is counted with them
    started := pg_catalog.clock_timestamp();
    LOOP
        folded := posture_internal.fold_next(started, catalog_ids);
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        EXIT WHEN NOT folded;
    END LOOP;
    LOOP
        -- READ COMMITTED, whatever default_transaction_isolation is, so that each day sees
        -- what another run committed while this one waited
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        SELECT n.day, n.failed, n.message INTO result FROM posture_internal.run_next_day() n;
        COMMIT;
        IF result.day IS NULL THEN
            PERFORM posture_internal.run_left_events();
            COMMIT;
            EXIT;
        END IF;
        IF result.failed THEN
            RAISE EXCEPTION 'run for % failed: %', result.day, result.message
                USING HINT = 'The next run retries the snapshot of that day.';
        END IF;
    END LOOP;
END $$;
COMMENT ON PROCEDURE posture.run_daily() IS
    'folds, a slice at a time, on a head also on its nodes, and takes the snapshot of every ended '
    'day that has none since the beginning of history, oldest first; on a node it only folds, '
    'because its head closes its days; commits after each slice and each day, so it '
    'cannot run inside a transaction block';

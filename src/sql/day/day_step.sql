/*
 * The steps of a day. An object whose values no formula can compute with, and a
 * transaction that holds a lock, must not prevent the snapshot of a day: what they
 * concern is left out and named.
 */

-- Domains and constraints allow none of these, unless somebody removed them.
CREATE FUNCTION posture_internal.odd_object()
    RETURNS TABLE (kind text, id integer, label text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH odd_weight AS (
        SELECT w.importance FROM importance_weight w
        WHERE NOT (w.weight >= 0 AND w.weight <= 1e15 AND w.weight = round(w.weight, 12))
    )
    SELECT 'recommendation', r.recommendation_id,
           format('recommendation "%s"', recommendation_label(r.recommendation_id))
    FROM recommendation r
    LEFT JOIN measure m USING (recommendation_id)
    WHERE r.is_active
      AND (NOT (r.max_points >= 0 AND r.max_points <= 1e15
                AND r.max_points = round(r.max_points, 12))
           OR NOT (m.achieved >= 0 AND m.achieved <= m.possible AND m.possible <= 1e15
                   AND m.achieved = round(m.achieved, 12) AND m.possible = round(m.possible, 12)))
    UNION ALL
    SELECT 'metric', m.metric_id, format('metric "%s"', m.key)
    FROM metric m
    WHERE m.is_active AND m.importance IN (SELECT o.importance FROM odd_weight o)
    UNION ALL
    SELECT 'initiative', i.initiative_id, format('initiative "%s"', i.key)
    FROM initiative i
    WHERE i.is_active
      AND EXISTS (SELECT FROM initiative_metric b
                  WHERE b.initiative_id = i.initiative_id
                    AND NOT (b.weight >= 0 AND b.weight <= 1e15 AND b.weight = round(b.weight, 12)))
    UNION ALL
    SELECT 'threshold', NULL, format('drop_threshold of metric "%s"', m.key)
    FROM metric m
    WHERE m.is_active AND m.drop_threshold IS NOT NULL AND valid_threshold(m.drop_threshold) IS NULL
    UNION ALL
    SELECT 'threshold', NULL, format('drop_threshold of initiative "%s"', i.key)
    FROM initiative i
    WHERE i.is_active AND i.drop_threshold IS NOT NULL
      AND valid_threshold(i.drop_threshold) IS NULL;
END;
COMMENT ON FUNCTION posture_internal.odd_object() IS
    'returns the objects that have a weight, points or a threshold out of range';

CREATE FUNCTION posture_internal.switch_objects(kinds text[], ids integer[], to_active boolean)
    RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    WITH chosen AS (
        SELECT u.kind, u.id FROM unnest(kinds, ids) u(kind, id)
    ), recommendations AS (
        UPDATE recommendation r SET is_active = to_active FROM chosen c
        WHERE c.kind = 'recommendation' AND c.id = r.recommendation_id
    ), metrics AS (
        UPDATE metric m SET is_active = to_active FROM chosen c
        WHERE c.kind = 'metric' AND c.id = m.metric_id
    )
    UPDATE initiative i SET is_active = to_active FROM chosen c
    WHERE c.kind = 'initiative' AND c.id = i.initiative_id;
END;
COMMENT ON FUNCTION posture_internal.switch_objects(text[], integer[], boolean) IS
    'sets is_active of objects that odd_object() returned';

-- Others see no object switched off, because this transaction switches it on again.
CREATE FUNCTION posture_internal.write_day(of_day date, as_of timestamptz, OUT left_out text[])
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    kinds text[];
    ids integer[];
    reason text;
    logged bigint;
BEGIN
    left_out := ARRAY(SELECT o.label || ' is out of range: posture.drop_threshold is used'
                      FROM odd_object() o WHERE o.kind = 'threshold');
    BEGIN
        PERFORM write_snapshot(of_day, as_of);
        RETURN;
    EXCEPTION WHEN data_exception OR check_violation THEN
        IF NOT EXISTS (SELECT FROM odd_object() o WHERE o.kind <> 'threshold') THEN
            RAISE;
        END IF;
        reason := SQLERRM;
    END;
    SELECT array_agg(o.kind), array_agg(o.id),
           left_out || array_agg(o.label || ' left out: ' || reason)
    INTO kinds, ids, left_out
    FROM odd_object() o
    WHERE o.kind <> 'threshold';
    logged := (SELECT max(c.change_id) FROM change_log c);
    PERFORM switch_objects(kinds, ids, false);
    PERFORM write_snapshot(of_day, as_of);
    PERFORM switch_objects(kinds, ids, true);
    -- nobody decided this
    DELETE FROM change_log c
    WHERE c.change_id > coalesce(logged, 0) AND c.changed_at = now() AND c.field = 'is_active'
      AND c.changed_by = session_user;
END $$;
COMMENT ON FUNCTION posture_internal.write_day(date, timestamptz) IS
    'step of ensure_snapshot(): writes the snapshot of a day, without objects that it can''t be '
    'computed with; returns what was left out';

CREATE FUNCTION posture_internal.lock_holders() RETURNS text
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT coalesce(string_agg(format('process %s of role %s', h.pid, a.usename), ', '
                               ORDER BY h.pid), 'a transaction that has ended')
    FROM (SELECT DISTINCT l.pid
          FROM pg_locks l
          JOIN pg_class c ON c.oid = l.relation
          WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_backend_pid()
            AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
            AND c.relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace)
            AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')) h
    LEFT JOIN pg_stat_activity a ON a.pid = h.pid;
END;
COMMENT ON FUNCTION posture_internal.lock_holders() IS
    'returns the sessions whose transactions have changed or locked tables of posture, as text';

CREATE FUNCTION posture_internal.step_timeout() RETURNS text
    LANGUAGE sql STABLE
    RETURN (SELECT CASE WHEN s.setting::integer BETWEEN 1 AND 5000 THEN s.setting ELSE '5000' END
            FROM pg_settings s WHERE s.name = 'lock_timeout');
COMMENT ON FUNCTION posture_internal.step_timeout() IS
    'returns how long a step of a day that can be left for later waits for a lock, in milliseconds';

CREATE FUNCTION posture_internal.try_events(
    of_day date, is_written boolean, OUT events bigint, OUT recovered bigint, OUT left_out text[])
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    before text := current_setting('lock_timeout');
    waiting integer[];
BEGIN
    left_out := '{}';
    PERFORM set_config('lock_timeout', step_timeout(), true);
    BEGIN
        SELECT f.events, f.recovered INTO events, recovered
        FROM record_events(of_day, is_written) f;
        waiting := ARRAY(SELECT d.event_id FROM ended_event(of_day, NULL) d ORDER BY d.event_id);
        IF waiting <> '{}' THEN
            left_out := ARRAY[format('events %s that ended are left for the next run: locked by %s',
                                     array_to_string(waiting, ', '), lock_holders())];
        END IF;
    EXCEPTION
        WHEN lock_not_available THEN
            left_out := ARRAY[format('events of %s are left for the next run: locked by %s', of_day,
                                     lock_holders())];
        WHEN data_exception OR check_violation THEN
            left_out := ARRAY[format('events of %s are left for the next run: %s', of_day,
                                     SQLERRM)];
    END;
    PERFORM set_config('lock_timeout', before, true);
    events := coalesce(events, 0);
    recovered := coalesce(recovered, 0);
END $$;
COMMENT ON FUNCTION posture_internal.try_events(date, boolean) IS
    'step of ensure_snapshot(): records the events of a day; returns what it left for the next run '
    'because of a lock or an error';

CREATE FUNCTION posture_internal.try_purge(OUT purged bigint, OUT left_out text[])
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    before text := current_setting('lock_timeout');
BEGIN
    left_out := '{}';
    PERFORM set_config('lock_timeout', step_timeout(), true);
    BEGIN
        purged := purge() + delete_day_on_nodes(NULL, oldest_kept_day());
    EXCEPTION WHEN lock_not_available THEN
        purged := 0;
        left_out := ARRAY['rows that are too old are left for the next day: locked by '
                          || lock_holders()];
    END;
    PERFORM set_config('lock_timeout', before, true);
END $$;
COMMENT ON FUNCTION posture_internal.try_purge() IS
    'step of run_daily(): purges, unless other transactions hold locks on what is to be deleted';

/*
 * Days on nodes. A head closes a day on all nodes, and then writes its own snapshot
 * with the counts of all. A node keeps of a day what its counts are made with: the
 * catalog, and which of its assets counted. The head alone has events.
 *
 * No node closes a day before all have answered. If one fails nevertheless, the
 * snapshots of the others are not final: the next run takes them again, with the
 * catalog and the findings that are known by then, as it does on the head itself.
 */

CREATE TYPE posture_internal.fold_count AS (
    slices bigint,
    deltas bigint,
    changes bigint,
    sets bigint
);
COMMENT ON TYPE posture_internal.fold_count IS 'what fold() returns';
COMMENT ON COLUMN posture_internal.fold_count.slices IS 'number of slices';
COMMENT ON COLUMN posture_internal.fold_count.deltas IS 'number of deltas';
COMMENT ON COLUMN posture_internal.fold_count.changes IS
    'number of changed findings and assets';
COMMENT ON COLUMN posture_internal.fold_count.sets IS 'number of sets';

CREATE FUNCTION posture_internal.refuse_on_node(function text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF is_node() THEN
        RAISE EXCEPTION 'this database is node "%" of a head', (SELECT p.node FROM place p)
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = format('Call %s on the head, which closes days on all nodes.', function);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.refuse_on_node(text) IS
    'raises an error on a node, whose days are those of its head';

CREATE FUNCTION posture_internal.has_no_day(on_day date) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN is_node() AND NOT EXISTS (SELECT FROM snapshot s WHERE s.day = on_day);
COMMENT ON FUNCTION posture_internal.has_no_day(date) IS
    'returns whether this database is a node that did not yet count on a day';

CREATE FUNCTION posture_internal.close_day(of_day date, as_of timestamptz, timeout text)
    RETURNS SETOF applied
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM set_config('lock_timeout', timeout, true);
    PERFORM lock_sets();
    DELETE FROM snapshot s WHERE s.day = of_day;
    PERFORM FROM ensure_snapshot(of_day, as_of);
    RETURN QUERY SELECT count(*) FROM metric_snapshot s WHERE s.day = of_day;
EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION 'node "%" is locked by %', (SELECT p.node FROM place p), lock_holders()
        USING ERRCODE = 'object_in_use';
END $$;
COMMENT ON FUNCTION posture_internal.close_day(date, timestamptz, text) IS
    'takes on a node the snapshot of a day that its head does not have, or of today; timeout: how '
    'long it waits for locks, as lock_timeout';

-- The clock of a node decides which of its changes are in a day.
CREATE FUNCTION posture_internal.check_day_ended(of_day date) RETURNS SETOF known_day
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF of_day >= today() THEN
        RAISE EXCEPTION 'on node "%", day % has not ended', (SELECT p.node FROM place p), of_day
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = format('Its clock shows %s.', minute_of(now())),
                  HINT = 'Have the clocks of the head and its nodes synchronized.';
    END IF;
    RETURN QUERY SELECT today();
END $$;
COMMENT ON FUNCTION posture_internal.check_day_ended(date) IS
    'raises an error if a day that has ended on the head has not ended on this node';

CREATE FUNCTION posture_internal.close_day_on_nodes(
    of_day date, as_of timestamptz, has_ended boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF NOT has_nodes() THEN
        RETURN;
    END IF;
    PERFORM flush_catalog();
    IF has_ended THEN
        PERFORM FROM ask_nodes(NULL::known_day, question('check_day_ended(%L)', of_day));
    END IF;
    PERFORM FROM ask_nodes(NULL::applied, question('close_day(%L, %L, %L)', of_day, as_of,
                                                   current_setting('lock_timeout')),
                           writes => true);
END $$;
COMMENT ON FUNCTION posture_internal.close_day_on_nodes(date, timestamptz, boolean) IS
    'step of ensure_snapshot(): has all nodes take the snapshot of a day; has_ended: whether it has '
    'ended, or is today';

-- By the snapshots of the nodes, which have the catalog and the assets that counted. Where the
-- current state is that of the day, they may have none of it.
CREATE FUNCTION posture_internal.counted_of_day(of_day date, as_of timestamptz)
    RETURNS counted_object[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN ARRAY(
        SELECT s
        FROM added_up(ARRAY(
            SELECT c FROM counted_here(as_of, NULL, NULL, NULL) c
            UNION ALL
            SELECT n
            FROM ask_nodes(NULL::counted_object,
                           question('counted(%L, %L, NULL, NULL)', as_of,
                                    CASE WHEN as_of < 'infinity' THEN of_day END)) n)) s);
END $$;
COMMENT ON FUNCTION posture_internal.counted_of_day(date, timestamptz) IS
    'step of write_snapshot(): returns what a head counts at the end of a day together with its '
    'nodes, which have closed it';

CREATE FUNCTION posture_internal.delete_day(of_day date, oldest date) RETURNS SETOF applied
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT purge(oldest) WHERE oldest IS NOT NULL;
    IF of_day IS NOT NULL THEN
        DELETE FROM snapshot s WHERE s.day = of_day;
        RETURN QUERY SELECT delete_day_rows(of_day, of_day, true);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.delete_day(date, date) IS
    'deletes on a node a day that its head forgets, or what is older than the oldest day that the '
    'head keeps; returns the number of rows';

CREATE FUNCTION posture_internal.delete_day_on_nodes(of_day date, oldest date) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET posture.partial_results = off
AS $$
BEGIN
    RETURN CASE WHEN has_nodes()
                THEN (SELECT sum(n.applied)::bigint
                      FROM ask_nodes(NULL::applied,
                                     question('delete_day(%L, %L)', of_day, oldest),
                                     writes => true) n)
                ELSE 0 END;
END $$;
COMMENT ON FUNCTION posture_internal.delete_day_on_nodes(date, date) IS
    'has all nodes delete a day, or what is older than a day; returns the number of rows';

-- Folding only makes questions faster: a node that does not answer is folded another time.
CREATE FUNCTION posture_internal.fold_nodes() RETURNS SETOF fold_count
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET posture.partial_results = on
AS $$
BEGIN
    PERFORM require_level('operator');
    IF NOT has_nodes() THEN
        RETURN;
    END IF;
    BEGIN
        PERFORM flush_catalog();
        RETURN QUERY SELECT * FROM ask_nodes(NULL::fold_count, 'fold()', writes => true);
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'nodes were not folded: %', SQLERRM;
    END;
END $$;
COMMENT ON FUNCTION posture_internal.fold_nodes() IS
    'step of run_daily() and fold(): folds on all nodes; warns of those that do not';

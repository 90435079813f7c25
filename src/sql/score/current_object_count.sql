CREATE FUNCTION posture_internal.touched_limit() RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 2000;
COMMENT ON FUNCTION posture_internal.touched_limit() IS 'how many findings or assets may be touched before counting the sets is faster than looking at each, and before ingest() folds';

CREATE FUNCTION posture_internal.touched_assets() RETURNS integer[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    touched integer[] := ARRAY(SELECT members(d.assets) FROM asset_delta d);
BEGIN
    IF EXISTS (SELECT FROM source s WHERE s.is_active AND s.stale_after IS NOT NULL) THEN
        -- not stale when the slices were counted
        touched := touched || ARRAY(
            SELECT l.asset_id
            FROM (SELECT DISTINCT stale_before(made.counted_at, s.stale_after) AS seen_from, s.seen_before
                  FROM (SELECT min(t.counted_at) AS counted_at FROM counted_slice t) made
                  CROSS JOIN stale_limit('infinity') s) stale
            CROSS JOIN LATERAL (SELECT a.asset_id
                                FROM asset a
                                WHERE a.last_seen >= stale.seen_from AND a.last_seen < stale.seen_before
                                LIMIT touched_limit() + 1) l);
    END IF;
    RETURN touched;
END $$;
COMMENT ON FUNCTION posture_internal.touched_assets() IS 'the assets that may count otherwise since the sets were folded, because they changed or became stale';

-- In PL/pgSQL, as what follows, because that keeps its plans, and with generic
-- plans where there are arguments: planning would take longer than running.
CREATE FUNCTION posture_internal.object_count_is_current() RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN NOT EXISTS (SELECT FROM catalog_delta)
       AND NOT EXISTS (SELECT FROM counted_slice t WHERE now() < t.counted_at OR now() >= t.valid_until)
       AND coalesce((SELECT sum(d.changes) FROM finding_delta d), 0)
           + coalesce((SELECT sum(d.changes) FROM asset_delta d), 0) <= touched_limit()
       -- a touched asset may have come to an exempt group, or left it
       AND NOT (EXISTS (SELECT FROM asset_delta)
                AND EXISTS (SELECT FROM exemption e WHERE e.asset_group_id IS NOT NULL));
END $$;
COMMENT ON FUNCTION posture_internal.object_count_is_current() IS 'whether the tally and a look at what was touched since give the counts of now';

CREATE FUNCTION posture_internal.asset_count(as_of timestamptz, from_store boolean)
    RETURNS TABLE (object_kind text, object_id integer, assessed bigint, exposed bigint, failing bigint, critical bigint)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 600
    SET jit = off
BEGIN ATOMIC
    WITH class AS MATERIALIZED (
        SELECT criticality_sets(from_store, NULL) AS sets
    )
    SELECT e.object_kind, e.object_id, weighted_count(e.assessed, m.criticality_weights, c.sets),
           weighted_count(e.exposed, m.criticality_weights, c.sets), coalesce(cardinality(e.failing), 0),
           CASE WHEN e.object_kind <> 'recommendation'
                THEN coalesce(cardinality(e.exposed & c.sets[4]), 0) ELSE 0 END
    FROM exposure(as_of, from_store, NULL, NULL) e
    CROSS JOIN class c
    LEFT JOIN metric m ON e.object_kind = 'metric' AND m.metric_id = e.object_id;
END;
COMMENT ON FUNCTION posture_internal.asset_count(timestamptz, boolean) IS 'distinct assets of each recommendation, metric and initiative, of a metric as many times as it weighs them, counted from the sets that are kept, or recomputed';

CREATE FUNCTION posture_internal.current_object_count()
    RETURNS TABLE (object_kind text, object_id integer, assessed bigint, exposed bigint, failing bigint, critical bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600 SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    touched integer[];
BEGIN
    IF NOT sees_all() THEN
        RETURN QUERY SELECT * FROM owner_object_count();
        RETURN;
    END IF;
    IF object_count_is_current() THEN
        touched := touched_assets();
        IF cardinality(touched) = 0 AND NOT EXISTS (SELECT FROM finding_delta) THEN
            RETURN QUERY
            SELECT t.object_kind, t.object_id, sum(t.assessed), sum(t.exposed), sum(t.failing), sum(t.critical)
            FROM object_count t
            GROUP BY t.object_kind, t.object_id;
            RETURN;
        ELSIF cardinality(touched) <= touched_limit() THEN
            RETURN QUERY
            SELECT t.object_kind, t.object_id, sum(t.assessed)::bigint, sum(t.exposed)::bigint, sum(t.failing)::bigint, sum(t.critical)::bigint
            FROM (SELECT o.object_kind, o.object_id, o.assessed, o.exposed, o.failing, o.critical FROM object_count o
                  UNION ALL
                  SELECT * FROM touched_count(touched)) t
            GROUP BY t.object_kind, t.object_id;
            RETURN;
        END IF;
    END IF;
    RETURN QUERY SELECT * FROM asset_count('infinity', true);
END $$;
COMMENT ON FUNCTION posture_internal.current_object_count() IS 'distinct assets of each recommendation, metric and initiative, of a metric as many times as it weighs them, now';

/*
 * The current counts of assets: the counts of the folded sets, corrected for
 * assets that were touched since. All sets are counted instead if the stored
 * counts are not valid, or if that is faster.
 */

CREATE FUNCTION posture_internal.touched_limit() RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 2000;
COMMENT ON FUNCTION posture_internal.touched_limit() IS
    'returns the number of touched findings or assets above which counting the sets is faster than '
    'reading each of them, and above which ingest() folds';

CREATE FUNCTION posture_internal.touched_assets() RETURNS integer[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    touched integer[] := ARRAY(SELECT members(d.assets) FROM asset_delta d);
BEGIN
    IF EXISTS (SELECT FROM stale_limit('infinity')) THEN
        touched := touched || ARRAY(
            SELECT n.asset_id
            FROM (SELECT min(t.counted_at) AS counted_at FROM counted_slice t) c
            CROSS JOIN LATERAL newly_stale(c.counted_at, touched_limit() + 1) n(asset_id));
    END IF;
    RETURN touched;
END $$;
COMMENT ON FUNCTION posture_internal.touched_assets() IS
    'returns the assets that may count differently since the sets were folded, because they '
    'changed or may have become stale';

CREATE FUNCTION posture_internal.object_count_is_current() RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN NOT EXISTS (SELECT FROM catalog_delta)
       AND NOT EXISTS (SELECT FROM counted_slice t
                       WHERE now() < t.counted_at OR now() >= t.valid_until)
       AND coalesce((SELECT sum(d.changes) FROM finding_delta d), 0)
           + coalesce((SELECT sum(d.changes) FROM asset_delta d), 0) <= touched_limit()
       -- a touched asset may have joined or left an exempt group
       AND NOT (EXISTS (SELECT FROM asset_delta)
                AND EXISTS (SELECT FROM exemption e WHERE e.asset_group_id IS NOT NULL));
END $$;
COMMENT ON FUNCTION posture_internal.object_count_is_current() IS
    'returns whether object_count and the touched assets together give the current counts';

CREATE FUNCTION posture_internal.asset_count(as_of timestamptz, from_store boolean)
    RETURNS TABLE (object_kind text, object_id integer, assessed bigint, exposed bigint,
                   failing bigint, critical bigint)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 600
    SET jit = off
BEGIN ATOMIC
    WITH class AS MATERIALIZED (
        SELECT criticality_sets(from_store, NULL) AS sets
    )
    SELECT e.object_kind, e.object_id,
           weighted_count(e.assessed, m.criticality_weights, c.sets),
           weighted_count(e.exposed, m.criticality_weights, c.sets),
           coalesce(cardinality(e.failing), 0),
           CASE WHEN e.object_kind <> 'recommendation'
                THEN coalesce(cardinality(e.exposed & c.sets[4]), 0) ELSE 0 END
    FROM exposure(as_of, from_store, NULL, NULL) e
    CROSS JOIN class c
    LEFT JOIN metric m ON e.object_kind = 'metric' AND m.metric_id = e.object_id;
END;
COMMENT ON FUNCTION posture_internal.asset_count(timestamptz, boolean) IS
    'returns the number of distinct assets of each recommendation, metric and initiative at a '
    'given time, counted from stored or recomputed sets; a metric counts each asset as many times '
    'as its weight';

CREATE FUNCTION posture_internal.current_object_count()
    RETURNS TABLE (object_kind text, object_id integer, assessed bigint, exposed bigint,
                   failing bigint, critical bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
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
            SELECT t.object_kind, t.object_id, sum(t.assessed), sum(t.exposed), sum(t.failing),
                   sum(t.critical)
            FROM object_count t
            GROUP BY t.object_kind, t.object_id;
            RETURN;
        ELSIF cardinality(touched) <= touched_limit() THEN
            RETURN QUERY
            SELECT t.object_kind, t.object_id, sum(t.assessed)::bigint, sum(t.exposed)::bigint,
                   sum(t.failing)::bigint, sum(t.critical)::bigint
            FROM (SELECT o.object_kind, o.object_id, o.assessed, o.exposed, o.failing, o.critical
                  FROM object_count o
                  UNION ALL
                  SELECT * FROM touched_count(touched)) t
            GROUP BY t.object_kind, t.object_id;
            RETURN;
        END IF;
    END IF;
    RETURN QUERY SELECT * FROM asset_count('infinity', true);
END $$;
COMMENT ON FUNCTION posture_internal.current_object_count() IS
    'returns the number of distinct assets of each recommendation, metric and initiative now; a '
    'metric counts each asset as many times as its weight';

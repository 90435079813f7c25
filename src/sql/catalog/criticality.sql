CREATE FUNCTION posture_internal.criticality_rank(criticality text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN array_position(ARRAY['low', 'medium', 'high', 'critical'], criticality);
COMMENT ON FUNCTION posture_internal.criticality_rank(text) IS 'low 1 to critical 4';

/*
 * Which assets a metric counts, and how many times. A weight of 0 leaves an
 * asset out of the metric's sets, as another kind does; the others multiply.
 * In PL/pgSQL what would take longer to plan than to run.
 */

CREATE FUNCTION posture_internal.asset_weight(criticality_rank integer, weights integer[]) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN weights IS NULL THEN 1 ELSE coalesce(weights[criticality_rank], 0) END;
COMMENT ON FUNCTION posture_internal.asset_weight(integer, integer[]) IS 'how many times an asset counts by its criticality, low 1 to critical 4: once where there are no weights';

CREATE FUNCTION posture_internal.criticality_sets(from_store boolean, of_slice integer) RETURNS assetset[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN ARRAY(SELECT v.assets
                 FROM generate_series(1, 4) g(rank)
                 LEFT JOIN asset_value_set('criticality', from_store, of_slice) v ON criticality_rank(v.value) = g.rank
                 ORDER BY g.rank);
END $$;
COMMENT ON FUNCTION posture_internal.criticality_sets(boolean, integer) IS 'the assets that are low, medium, high, critical, kept or recomputed, NULL where there are none; of a slice: as they are folded';

-- written out, so that it becomes a part of the query that counts
CREATE FUNCTION posture_internal.weighted_count(assets assetset, weights integer[], by_criticality assetset[]) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN weights IS NULL THEN coalesce(cardinality(assets), 0)
                ELSE weights[1] * coalesce(cardinality(assets & by_criticality[1]), 0)
                     + weights[2] * coalesce(cardinality(assets & by_criticality[2]), 0)
                     + weights[3] * coalesce(cardinality(assets & by_criticality[3]), 0)
                     + weights[4] * coalesce(cardinality(assets & by_criticality[4]), 0) END;
COMMENT ON FUNCTION posture_internal.weighted_count(assetset, integer[], assetset[]) IS 'how much assets weigh, given all assets that are low, medium, high, critical: without weights, how many there are; 0 for NULL';

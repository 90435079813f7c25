/*
 * Criticality of assets, and how many times an asset counts in a metric because
 * of it. An asset of weight 0 does not count at all.
 */

CREATE DOMAIN posture.criticality_weights AS integer[]
    CONSTRAINT "the weights are four whole numbers from 0 to 1000, not all 0" CHECK (
        array_dims(VALUE) = '[1:4]' AND array_position(VALUE, NULL) IS NULL
        AND 0 <= ALL (VALUE) AND 1000 >= ALL (VALUE) AND 0 < ANY (VALUE));
COMMENT ON DOMAIN posture.criticality_weights IS
    'weights of low, medium, high and critical assets: four integers from 0 to 1000, not all 0';

CREATE FUNCTION posture_internal.criticality_rank(criticality text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN array_position(ARRAY['low', 'medium', 'high', 'critical'], criticality);
COMMENT ON FUNCTION posture_internal.criticality_rank(text) IS
    'rank of a criticality: 1 (low) to 4 (critical)';

CREATE FUNCTION posture_internal.asset_weight(criticality_rank integer, weights integer[])
    RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN weights IS NULL THEN 1 ELSE coalesce(weights[criticality_rank], 0) END;
COMMENT ON FUNCTION posture_internal.asset_weight(integer, integer[]) IS
    'weight of an asset by the rank of its criticality, 1 (low) to 4 (critical); 1 if there are '
    'no weights';

CREATE FUNCTION posture_internal.criticality_sets(from_store boolean, of_slice integer)
    RETURNS assetset[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN ARRAY(SELECT v.assets
                 FROM generate_series(1, 4) g(rank)
                 LEFT JOIN asset_value_set('criticality', from_store, of_slice) v
                        ON criticality_rank(v.value) = g.rank
                 ORDER BY g.rank);
END $$;
COMMENT ON FUNCTION posture_internal.criticality_sets(boolean, integer) IS
    'sets of the low, medium, high and critical assets, stored or recomputed, NULL for a set '
    'without assets; with of_slice, the folded sets of that slice';

-- Inlined into the query that counts, which is why it has no loop.
CREATE FUNCTION posture_internal.weighted_count(
    assets assetset, weights integer[], by_criticality assetset[])
    RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN weights IS NULL THEN coalesce(cardinality(assets), 0)
                ELSE weights[1] * coalesce(cardinality(assets & by_criticality[1]), 0)
                     + weights[2] * coalesce(cardinality(assets & by_criticality[2]), 0)
                     + weights[3] * coalesce(cardinality(assets & by_criticality[3]), 0)
                     + weights[4] * coalesce(cardinality(assets & by_criticality[4]), 0) END;
COMMENT ON FUNCTION posture_internal.weighted_count(assetset, integer[], assetset[]) IS
    'number of assets, each times the weight of its criticality, from the sets of '
    'criticality_sets(); each once if there are no weights; 0 for NULL';

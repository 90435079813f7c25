CREATE FUNCTION posture_internal.metric_filter(from_store boolean, of_slice integer)
    RETURNS TABLE (metric_id integer, assets assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN QUERY
    WITH kinds AS (
        SELECT k.value AS kind, k.assets
        FROM asset_value_set('kind', from_store, of_slice) k
        WHERE EXISTS (SELECT FROM metric m WHERE m.asset_kinds IS NOT NULL)
    ), criticalities AS (
        SELECT criticality_rank(c.value) AS rank, c.assets
        FROM asset_value_set('criticality', from_store, of_slice) c
        WHERE EXISTS (SELECT FROM metric m WHERE 0 = ANY (m.criticality_weights))
    )
    SELECT f.metric_id, intersect_agg(f.assets)
    FROM (SELECT m.metric_id, coalesce(union_agg(k.assets), '{}') AS assets
          FROM metric m LEFT JOIN kinds k ON k.kind = ANY (m.asset_kinds)
          WHERE m.asset_kinds IS NOT NULL
          GROUP BY m.metric_id
          UNION ALL
          SELECT m.metric_id, coalesce(union_agg(c.assets), '{}')
          FROM metric m LEFT JOIN criticalities c ON asset_weight(c.rank, m.criticality_weights) > 0
          WHERE 0 = ANY (m.criticality_weights)
          GROUP BY m.metric_id) f
    GROUP BY f.metric_id;
END $$;
COMMENT ON FUNCTION posture_internal.metric_filter(boolean, integer) IS
    'returns the assets that each metric can count: those of its kinds whose weight is not 0; '
    'metrics that count all assets have no row';

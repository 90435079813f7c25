/*
 * The assets that count: those that each recommendation, metric and initiative
 * has assessed and exposed, without assets that are retired, stale or exempt.
 *
 * as_of is the end of a day; 'infinity' means now. from_store says whether sets
 * are read from the store or recomputed from finding and asset. of_slice selects
 * the folded sets of a slice, without deltas.
 */

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

CREATE FUNCTION posture_internal.all_recommendation_exposure(
    as_of timestamptz, from_store boolean, of_slice integer, chosen integer[], within assetset)
    RETURNS TABLE (recommendation_id integer, assessed assetset, exposed assetset,
                   failing assetset, accepted assetset)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 500
    SET jit = off
BEGIN ATOMIC
    WITH found AS (
        SELECT f.recommendation_id, r.source_id, coalesce(f.assessed, '{}') AS assessed,
               coalesce(f.exposed, '{}') AS exposed
        FROM (SELECT k.recommendation_id, k.assessed, k.exposed
              FROM stored_set(as_of, of_slice, chosen, within) k
              WHERE from_store
              UNION ALL
              SELECT n.recommendation_id, set_intersect(n.assessed, within),
                     set_intersect(n.exposed, within)
              FROM recommendation_set(as_of) n
              WHERE NOT from_store) f
        JOIN recommendation r USING (recommendation_id)
        JOIN source s USING (source_id)
        WHERE s.is_active AND r.is_active
    ), candidate AS (
        SELECT c.assets FROM stale_candidates(as_of) c
    ), assessed AS (
        SELECT array_agg(x.source_id) AS sources, array_agg(x.assets) AS sets
        FROM (SELECT f.source_id, union_agg(f.assessed & c.assets) AS assets
              FROM found f CROSS JOIN candidate c
              WHERE c.assets IS NOT NULL
              GROUP BY f.source_id) x
    ), inactive AS (
        SELECT union_agg(x.assets) AS assets
        FROM (SELECT s.assets
              FROM candidate c
              CROSS JOIN assessed a
              CROSS JOIN LATERAL stale_assets(as_of, c.assets, a.sources, a.sets) s
              UNION ALL
              SELECT assetset_agg(a.asset_id)
              FROM asset a
              WHERE a.retired_at < as_of AND a.retired_at <= now()) x
    ), exempt AS (
        SELECT * FROM exempt_set(as_of, from_store, of_slice)
    ), failing AS (
        SELECT f.recommendation_id, set_difference(f.assessed, i.assets) AS assessed,
               set_difference(f.exposed, i.assets) AS failing
        FROM found f CROSS JOIN inactive i
    )
    SELECT f.recommendation_id,
           CASE WHEN waived.for_all THEN '{}' ELSE set_difference(f.assessed, waived.assets) END,
           x.exposed, f.failing,
           CASE WHEN accepted.for_all THEN x.exposed ELSE x.exposed & accepted.assets END
    FROM failing f
    LEFT JOIN exempt waived
           ON waived.recommendation_id = f.recommendation_id AND waived.kind = 'waived'
    LEFT JOIN exempt mitigated
           ON mitigated.recommendation_id = f.recommendation_id AND mitigated.kind = 'mitigated'
    LEFT JOIN exempt accepted
           ON accepted.recommendation_id = f.recommendation_id AND accepted.kind = 'risk_accepted'
    CROSS JOIN LATERAL (
        SELECT CASE WHEN waived.for_all OR mitigated.for_all THEN '{}'
                    ELSE set_difference(set_difference(f.failing, waived.assets),
                                        mitigated.assets) END AS exposed) x
    UNION ALL
    SELECT NULL, NULL, i.assets, NULL, NULL
    FROM inactive i
    WHERE i.assets IS NOT NULL;
END;
COMMENT ON FUNCTION posture_internal.all_recommendation_exposure(
    timestamptz, boolean, integer, integer[], assetset) IS
    'returns the assets of each recommendation that count, of all recommendations or chosen ones, '
    'with all assets or those within a set: assessed; exposed; failing, whether exempt or not; '
    'accepted, exposed with the risk accepted (NULL: none). The row with recommendation NULL has '
    'in exposed the inactive assets: those that are retired or stale';

CREATE FUNCTION posture_internal.recommendation_exposure(
    as_of timestamptz, from_store boolean, of_slice integer, chosen integer[], within assetset)
    RETURNS TABLE (recommendation_id integer, assessed assetset, exposed assetset,
                   failing assetset, accepted assetset)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 500
BEGIN ATOMIC
    SELECT * FROM all_recommendation_exposure(as_of, from_store, of_slice, chosen, within)
    WHERE sees_all()
    UNION ALL
    SELECT * FROM owner_recommendation_exposure(as_of, from_store, of_slice, chosen, within)
    WHERE NOT sees_all();
END;
COMMENT ON FUNCTION posture_internal.recommendation_exposure(
    timestamptz, boolean, integer, integer[], assetset) IS
    'returns the rows of all_recommendation_exposure(), as far as the caller may see their assets';

CREATE FUNCTION posture_internal.exposure(
    as_of timestamptz, from_store boolean, of_slice integer, chosen integer[])
    RETURNS TABLE (object_kind text, object_id integer, assessed assetset, exposed assetset,
                   failing assetset)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 600
    SET jit = off
BEGIN ATOMIC
    WITH recommendation AS (
        SELECT r.* FROM recommendation_exposure(as_of, from_store, of_slice, chosen, NULL) r
    ), joined AS (
        SELECT mr.metric_id, union_agg(r.assessed) AS assessed, union_agg(r.exposed) AS exposed
        FROM metric_recommendation mr
        JOIN posture.metric m USING (metric_id)
        JOIN recommendation r USING (recommendation_id)
        WHERE m.is_active
        GROUP BY mr.metric_id
    ), metric AS (
        SELECT j.metric_id,
               set_intersect(j.assessed, f.assets) AS assessed,
               set_intersect(j.exposed, f.assets) AS exposed
        FROM joined j
        LEFT JOIN metric_filter(from_store, of_slice) f USING (metric_id)
    )
    SELECT 'recommendation', r.recommendation_id, r.assessed, r.exposed, r.failing
    FROM recommendation r
    WHERE r.recommendation_id IS NOT NULL
    UNION ALL
    SELECT 'metric', m.metric_id, m.assessed, m.exposed, NULL
    FROM metric m
    UNION ALL
    SELECT 'initiative', x.initiative_id, NULL, union_agg(x.exposed), NULL
    FROM (SELECT b.initiative_id, m.exposed
          FROM initiative_member(NULL) b
          JOIN metric m USING (metric_id)
          UNION ALL
          SELECT d.initiative_id, r.exposed
          FROM initiative_definition(NULL) d
          JOIN recommendation r ON r.recommendation_id = ANY (d.recommendations)
          WHERE d.method = 'points') x
    WHERE chosen IS NULL
    GROUP BY x.initiative_id
    UNION ALL
    SELECT 'inactive', NULL, NULL, r.exposed, NULL
    FROM recommendation r
    WHERE of_slice IS NOT NULL AND r.recommendation_id IS NULL;
END;
COMMENT ON FUNCTION posture_internal.exposure(timestamptz, boolean, integer, integer[]) IS
    'returns the assets behind each count of recommendations, metrics and, with chosen NULL, '
    'initiatives; failing: whether exempt or not. With of_slice, the row of kind inactive has the '
    'assets of the slice that are retired or stale';

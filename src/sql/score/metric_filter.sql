/*
 * The assets that a metric can count, for questions that count no objects:
 * count_assets() applies the same rule to what it counts (src/count_chunk.c).
 */

CREATE FUNCTION posture_internal.filter_assets(
    asset_kinds text[], weights integer[], kind_names text[], kinds assetset[],
    criticalities assetset[], population assetset)
    RETURNS assetset
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT intersect_agg(f.assets)
    FROM (SELECT coalesce(union_agg(k.assets), '{}') AS assets
          FROM unnest(kind_names, kinds) k(kind, assets)
          WHERE k.kind = ANY (asset_kinds)
          HAVING asset_kinds IS NOT NULL
          UNION ALL
          SELECT coalesce(union_agg(c.assets), '{}')
          FROM unnest(weights, criticalities) c(weight, assets)
          WHERE c.weight > 0
          HAVING 0 = ANY (weights)
          UNION ALL
          SELECT population WHERE population IS NOT NULL) f;
END;
COMMENT ON FUNCTION posture_internal.filter_assets(
    text[], integer[], text[], assetset[], assetset[], assetset) IS
    'returns the assets of given kinds whose weight by criticality is not 0, from the assets of '
    'each kind and criticality, in a population, NULL: in any; NULL: all assets';

CREATE FUNCTION posture_internal.metric_filter(scenario jsonb DEFAULT NULL)
    RETURNS TABLE (metric_id integer, assets assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    kind_names text[];
    kinds assetset[];
    criticalities assetset[];
    has_population boolean;
BEGIN
    IF EXISTS (SELECT FROM metric_definition(NULL, scenario) m WHERE m.asset_kinds IS NOT NULL) THEN
        SELECT array_agg(k.value), array_agg(k.assets) INTO kind_names, kinds
        FROM asset_value_set('kind', true, NULL) k;
    END IF;
    IF EXISTS (SELECT FROM metric_definition(NULL, scenario) m
               WHERE 0 = ANY (m.criticality_weights)) THEN
        criticalities := criticality_sets(true, NULL);
    END IF;
    has_population := EXISTS (SELECT FROM metric_definition(NULL, scenario) m
                              WHERE m.population_group_id IS NOT NULL);
    RETURN QUERY
    SELECT m.metric_id, filter_assets(m.asset_kinds, m.criticality_weights, kind_names, kinds,
                                      criticalities,
                                      CASE WHEN m.population_group_id IS NOT NULL
                                           THEN coalesce(g.assets, '{}') END)
    FROM metric_definition(NULL, scenario) m
    LEFT JOIN (SELECT s.* FROM asset_group_set(true, NULL) s
               WHERE has_population) g ON g.asset_group_id = m.population_group_id
    WHERE m.asset_kinds IS NOT NULL OR 0 = ANY (m.criticality_weights)
       OR m.population_group_id IS NOT NULL;
END $$;
COMMENT ON FUNCTION posture_internal.metric_filter(jsonb) IS
    'returns the assets that each active metric can count now, under a scenario: those of its kinds '
    'and its population whose weight is not 0; metrics that count all assets have no row';

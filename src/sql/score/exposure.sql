CREATE FUNCTION posture_internal.metric_filter(from_store boolean, of_slice integer)
    RETURNS TABLE (metric_id integer, assets assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, posture, posture_internal, pg_temp
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
COMMENT ON FUNCTION posture_internal.metric_filter(boolean, integer) IS 'for each metric that does not count all assets, those that it may: of its kinds, and not weighing 0; kept or recomputed; of a slice: as they are folded';

CREATE FUNCTION posture_internal.all_recommendation_exposure(as_of timestamptz, from_store boolean, of_slice integer, chosen integer[], within assetset)
    RETURNS TABLE (recommendation_id integer, assessed assetset, exposed assetset, failing assetset, accepted assetset)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 500
    -- never a part of the query that calls it, whose reader may not read these tables
    SET jit = off
BEGIN ATOMIC
    WITH found AS (
        SELECT f.recommendation_id, coalesce(f.assessed, '{}') AS assessed, coalesce(f.exposed, '{}') AS exposed,
               stale_before(least(as_of, now()), s.stale_after) AS seen_before
        FROM (SELECT k.recommendation_id, k.assessed, k.exposed
              FROM stored_set(as_of, of_slice, chosen, within) k
              WHERE from_store
              UNION ALL
              SELECT n.recommendation_id, set_intersect(n.assessed, within), set_intersect(n.exposed, within)
              FROM recommendation_set(as_of) n
              WHERE NOT from_store) f
        JOIN recommendation r USING (recommendation_id)
        JOIN source s USING (source_id)
        WHERE s.is_active AND r.is_active
    ), old AS (
        -- not seen for so long
        SELECT l.seen_before, (SELECT assetset_agg(a.asset_id) FROM asset a WHERE a.last_seen < l.seen_before) AS assets
        FROM (SELECT DISTINCT o.seen_before FROM stale_limit(as_of) o) l
    ), oldest AS (
        SELECT union_agg(o.assets) AS assets FROM old o
    ), fresh AS (
        -- an asset counts while any source that assesses it has seen it lately
        SELECT union_agg(set_difference(f.assets, o.assets)) AS assets
        FROM (SELECT a.seen_before, union_agg(a.assessed & oldest.assets) AS assets
              FROM found a CROSS JOIN oldest
              WHERE oldest.assets IS NOT NULL
              GROUP BY a.seen_before) f
        LEFT JOIN old o USING (seen_before)
    ), inactive AS (
        SELECT union_agg(g.assets) AS assets
        FROM (SELECT set_difference(oldest.assets, fresh.assets) AS assets FROM oldest CROSS JOIN fresh
              UNION ALL
              SELECT assetset_agg(a.asset_id)
              FROM asset a
              WHERE a.retired_at < as_of AND a.retired_at <= now()) g
    ), exempt AS (
        SELECT * FROM exempt_set(as_of, from_store, of_slice)
    ), failing AS (
        SELECT f.recommendation_id, set_difference(f.assessed, g.assets) AS assessed, set_difference(f.exposed, g.assets) AS failing
        FROM found f CROSS JOIN inactive g
    )
    SELECT f.recommendation_id,
           CASE WHEN waived.for_all THEN '{}' ELSE set_difference(f.assessed, waived.assets) END,
           x.exposed, f.failing,
           CASE WHEN accepted.for_all THEN x.exposed ELSE x.exposed & accepted.assets END
    FROM failing f
    LEFT JOIN exempt waived ON waived.recommendation_id = f.recommendation_id AND waived.kind = 'waived'
    LEFT JOIN exempt mitigated ON mitigated.recommendation_id = f.recommendation_id AND mitigated.kind = 'mitigated'
    LEFT JOIN exempt accepted ON accepted.recommendation_id = f.recommendation_id AND accepted.kind = 'risk_accepted'
    CROSS JOIN LATERAL (SELECT CASE WHEN waived.for_all OR mitigated.for_all THEN '{}'
                                    ELSE set_difference(set_difference(f.failing, waived.assets), mitigated.assets) END AS exposed) x
    UNION ALL
    SELECT NULL, NULL, g.assets, NULL, NULL
    FROM inactive g
    WHERE g.assets IS NOT NULL;
END;
COMMENT ON FUNCTION posture_internal.all_recommendation_exposure(timestamptz, boolean, integer, integer[], assetset) IS 'the assets of each recommendation that count, of all or within a set, from what is kept or recomputed: without retired, stale and exempt ones; failing: exempt or not; accepted: those of the exposed ones whose risk is accepted, NULL: none. Under no recommendation those that are gone, retired or stale';

CREATE FUNCTION posture_internal.recommendation_exposure(as_of timestamptz, from_store boolean, of_slice integer, chosen integer[], within assetset)
    RETURNS TABLE (recommendation_id integer, assessed assetset, exposed assetset, failing assetset, accepted assetset)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 500
BEGIN ATOMIC
    SELECT * FROM all_recommendation_exposure(as_of, from_store, of_slice, chosen, within) WHERE sees_all()
    UNION ALL
    SELECT * FROM owner_recommendation_exposure(as_of, from_store, of_slice, chosen, within) WHERE NOT sees_all();
END;
COMMENT ON FUNCTION posture_internal.recommendation_exposure(timestamptz, boolean, integer, integer[], assetset) IS 'all_recommendation_exposure(), as far as the caller may see it';

CREATE FUNCTION posture_internal.exposure(as_of timestamptz, from_store boolean, of_slice integer, chosen integer[])
    RETURNS TABLE (object_kind text, object_id integer, assessed assetset, exposed assetset, failing assetset)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 600
    -- a plan of its own, and not a part of each report's: compiling all of it
    -- would cost more than running it
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
COMMENT ON FUNCTION posture_internal.exposure(timestamptz, boolean, integer, integer[]) IS 'the assets behind each count, from what is kept or recomputed: those that count, without retired, stale and exempt ones; failing: exempt or not. Of a slice also those that are gone';

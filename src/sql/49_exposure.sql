/*
 * From sets to counts: what counts of them, and how many distinct assets each
 * recommendation, metric and initiative has assessed and exposed. All else is
 * arithmetic.
 */

/*
 * The definitions of initiatives: on_day NULL asks about now and a day about
 * its snapshot.
 */

CREATE FUNCTION posture.initiative_member(on_day date)
    RETURNS TABLE (initiative_id integer, metric_id integer, weight numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT im.initiative_id, im.metric_id, coalesce(im.weight, w.weight, 0)
    FROM posture.initiative_metric im
    JOIN posture.initiative i USING (initiative_id)
    JOIN posture.metric m USING (metric_id)
    LEFT JOIN posture.importance_weight w USING (importance)
    WHERE on_day IS NULL AND i.is_active AND m.is_active
    UNION ALL
    SELECT s.initiative_id, s.metric_id, s.weight
    FROM posture.initiative_metric_snapshot s
    WHERE s.day = on_day;
END;
COMMENT ON FUNCTION posture.initiative_member(date) IS 'the active metrics of each active initiative with their weight, now or on a day';

CREATE FUNCTION posture.initiative_definition(on_day date)
    RETURNS TABLE (initiative_id integer, method posture.initiative_method, recommendations integer[])
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT i.initiative_id,
           CASE WHEN EXISTS (SELECT FROM posture.initiative_member(NULL) b WHERE b.initiative_id = i.initiative_id)
                THEN i.method ELSE 'points' END,
           ARRAY(SELECT ir.recommendation_id
                 FROM posture.initiative_recommendation ir
                 JOIN posture.recommendation r USING (recommendation_id)
                 JOIN posture.source s USING (source_id)
                 WHERE ir.initiative_id = i.initiative_id AND s.is_active AND r.is_active
                 ORDER BY ir.recommendation_id)
    FROM posture.initiative i
    WHERE on_day IS NULL AND i.is_active
    UNION ALL
    SELECT s.initiative_id, s.method, s.recommendations
    FROM posture.initiative_snapshot s
    WHERE s.day = on_day;
END;
COMMENT ON FUNCTION posture.initiative_definition(date) IS 'how each active initiative adds up, and the recommendations that it scores without a metric between, now or on a day';

CREATE FUNCTION posture.metric_member(on_day date)
    RETURNS TABLE (metric_id integer, recommendation_id integer)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT mr.metric_id, mr.recommendation_id
    FROM posture.metric_recommendation mr
    JOIN posture.recommendation r USING (recommendation_id)
    JOIN posture.source s USING (source_id)
    WHERE on_day IS NULL AND s.is_active AND r.is_active
    UNION ALL
    SELECT s.metric_id, unnest(s.recommendations)
    FROM posture.metric_snapshot s
    WHERE s.day = on_day;
END;
COMMENT ON FUNCTION posture.metric_member(date) IS 'the active recommendations of active sources that each metric measures, now or on a day';

/*
 * Which assets a metric counts, and how many times. A weight of 0 leaves an
 * asset out of the metric's sets, as another kind does; the others multiply.
 * In PL/pgSQL what would take longer to plan than to run.
 */

CREATE FUNCTION posture.asset_weight(criticality_rank integer, weights integer[]) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN weights IS NULL THEN 1 ELSE coalesce(weights[criticality_rank], 0) END;
COMMENT ON FUNCTION posture.asset_weight(integer, integer[]) IS 'how many times an asset counts by its criticality, low 1 to critical 4: once where there are no weights';

CREATE FUNCTION posture.criticality_sets(kept boolean, of_slice integer) RETURNS posture.assetset[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN ARRAY(SELECT v.assets
                 FROM generate_series(1, 4) g(rank)
                 LEFT JOIN posture.asset_value_set(text 'criticality', kept, of_slice) v ON posture.criticality_rank(v.value) = g.rank
                 ORDER BY g.rank);
END $$;
COMMENT ON FUNCTION posture.criticality_sets(boolean, integer) IS 'the assets that are low, medium, high, critical, kept or recomputed, NULL where there are none; of a slice: as they are folded';

-- written out, so that it becomes a part of the query that counts
CREATE FUNCTION posture.weighed_count(assets posture.assetset, weights integer[], by_criticality posture.assetset[]) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN weights IS NULL THEN coalesce(posture.cardinality(assets), 0)
                ELSE weights[1] * coalesce(posture.cardinality(assets OPERATOR(posture.&) by_criticality[1]), 0)
                     + weights[2] * coalesce(posture.cardinality(assets OPERATOR(posture.&) by_criticality[2]), 0)
                     + weights[3] * coalesce(posture.cardinality(assets OPERATOR(posture.&) by_criticality[3]), 0)
                     + weights[4] * coalesce(posture.cardinality(assets OPERATOR(posture.&) by_criticality[4]), 0) END;
COMMENT ON FUNCTION posture.weighed_count(posture.assetset, integer[], posture.assetset[]) IS 'how much assets weigh, given all assets that are low, medium, high, critical: without weights, how many there are; 0 for NULL';

CREATE FUNCTION posture.metric_filter(kept boolean, of_slice integer)
    RETURNS TABLE (metric_id integer, assets posture.assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN QUERY
    WITH kinds AS MATERIALIZED (
        SELECT k.value AS kind, k.assets
        FROM posture.asset_value_set(text 'kind', kept, of_slice) k
        WHERE EXISTS (SELECT FROM posture.metric m WHERE m.asset_kinds IS NOT NULL)
    ), criticalities AS MATERIALIZED (
        SELECT posture.criticality_rank(c.value) AS rank, c.assets
        FROM posture.asset_value_set(text 'criticality', kept, of_slice) c
        WHERE EXISTS (SELECT FROM posture.metric m WHERE 0 = ANY (m.criticality_weights))
    )
    SELECT f.metric_id, posture.intersect_agg(f.assets)
    FROM (SELECT m.metric_id, coalesce(posture.union_agg(k.assets), '{}') AS assets
          FROM posture.metric m LEFT JOIN kinds k ON k.kind = ANY (m.asset_kinds)
          WHERE m.asset_kinds IS NOT NULL
          GROUP BY m.metric_id
          UNION ALL
          SELECT m.metric_id, coalesce(posture.union_agg(c.assets), '{}')
          FROM posture.metric m LEFT JOIN criticalities c ON posture.asset_weight(c.rank, m.criticality_weights::integer[]) > 0
          WHERE 0 = ANY (m.criticality_weights)
          GROUP BY m.metric_id) f
    GROUP BY f.metric_id;
END $$;
COMMENT ON FUNCTION posture.metric_filter(boolean, integer) IS 'for each metric that does not count all assets, those that it may: of its kinds, and not weighing 0; kept or recomputed; of a slice: as they are folded';

CREATE FUNCTION posture.every_recommendation_exposure(as_of timestamptz, kept boolean, of_slice integer, chosen integer[], within posture.assetset)
    RETURNS TABLE (recommendation_id integer, assessed posture.assetset, exposed posture.assetset, failing posture.assetset, accepted posture.assetset)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 500
    -- never a part of the query that calls it, whose reader may not read these tables
    SET jit = off
BEGIN ATOMIC
    WITH found AS MATERIALIZED (
        SELECT f.recommendation_id, coalesce(f.assessed, '{}') AS assessed, coalesce(f.exposed, '{}') AS exposed,
               posture.stale_before(least(as_of, now()), s.stale_after) AS seen_before
        FROM (SELECT k.recommendation_id, k.assessed, k.exposed
              FROM posture.kept_set(as_of, of_slice, chosen, within) k
              WHERE kept
              UNION ALL
              SELECT n.recommendation_id, posture.among(n.assessed, within), posture.among(n.exposed, within)
              FROM posture.recommendation_set(as_of) n
              WHERE NOT kept) f
        JOIN posture.recommendation r USING (recommendation_id)
        JOIN posture.source s USING (source_id)
        WHERE s.is_active AND r.is_active
    ), old AS MATERIALIZED (
        -- not seen for so long
        SELECT l.seen_before, (SELECT posture.assetset_agg(a.asset_id) FROM posture.asset a WHERE a.last_seen < l.seen_before) AS assets
        FROM (SELECT DISTINCT o.seen_before FROM posture.stale_limit(as_of) o) l
    ), oldest AS MATERIALIZED (
        SELECT posture.union_agg(o.assets) AS assets FROM old o
    ), fresh AS (
        -- an asset counts while any source that assesses it has seen it lately
        SELECT posture.union_agg(posture.without(f.assets, o.assets)) AS assets
        FROM (SELECT a.seen_before, posture.union_agg(a.assessed OPERATOR(posture.&) oldest.assets) AS assets
              FROM found a CROSS JOIN oldest
              WHERE oldest.assets IS NOT NULL
              GROUP BY a.seen_before) f
        LEFT JOIN old o USING (seen_before)
    ), gone AS MATERIALIZED (
        SELECT posture.union_agg(g.assets) AS assets
        FROM (SELECT posture.without(oldest.assets, fresh.assets) AS assets FROM oldest CROSS JOIN fresh
              UNION ALL
              SELECT posture.assetset_agg(a.asset_id)
              FROM posture.asset a
              WHERE a.retired_at < as_of AND a.retired_at <= now()) g
    ), exempt AS MATERIALIZED (
        SELECT * FROM posture.exempt_set(as_of, kept, of_slice)
    ), failing AS (
        SELECT f.recommendation_id, posture.without(f.assessed, g.assets) AS assessed, posture.without(f.exposed, g.assets) AS failing
        FROM found f CROSS JOIN gone g
    )
    SELECT f.recommendation_id,
           CASE WHEN waived.for_all THEN '{}' ELSE posture.without(f.assessed, waived.assets) END,
           x.exposed, f.failing,
           CASE WHEN accepted.for_all THEN x.exposed ELSE x.exposed OPERATOR(posture.&) accepted.assets END
    FROM failing f
    LEFT JOIN exempt waived ON waived.recommendation_id = f.recommendation_id AND waived.kind = 'waived'
    LEFT JOIN exempt mitigated ON mitigated.recommendation_id = f.recommendation_id AND mitigated.kind = 'mitigated'
    LEFT JOIN exempt accepted ON accepted.recommendation_id = f.recommendation_id AND accepted.kind = 'risk_accepted'
    CROSS JOIN LATERAL (SELECT CASE WHEN waived.for_all OR mitigated.for_all THEN '{}'
                                    ELSE posture.without(posture.without(f.failing, waived.assets), mitigated.assets) END AS exposed) x
    UNION ALL
    SELECT NULL, NULL, g.assets, NULL, NULL
    FROM gone g
    WHERE g.assets IS NOT NULL;
END;
COMMENT ON FUNCTION posture.every_recommendation_exposure(timestamptz, boolean, integer, integer[], posture.assetset) IS 'the assets of each recommendation that count, of all or within a set, from what is kept or recomputed: without retired, stale and exempt ones; failing: exempt or not; accepted: those of the exposed ones whose risk is accepted, NULL: none. Under no recommendation those that are gone, retired or stale';

CREATE FUNCTION posture.recommendation_exposure(as_of timestamptz, kept boolean, of_slice integer, chosen integer[], within posture.assetset)
    RETURNS TABLE (recommendation_id integer, assessed posture.assetset, exposed posture.assetset, failing posture.assetset, accepted posture.assetset)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 500
BEGIN ATOMIC
    SELECT * FROM posture.every_recommendation_exposure(as_of, kept, of_slice, chosen, within) WHERE posture.sees_all()
    UNION ALL
    SELECT * FROM posture.own_recommendation_exposure(as_of, kept, of_slice, chosen, within) WHERE NOT posture.sees_all();
END;
COMMENT ON FUNCTION posture.recommendation_exposure(timestamptz, boolean, integer, integer[], posture.assetset) IS 'every_recommendation_exposure(), as far as the caller may see it';

CREATE FUNCTION posture.exposure(as_of timestamptz, kept boolean, of_slice integer, chosen integer[])
    RETURNS TABLE (object_kind text, object_id integer, assessed posture.assetset, exposed posture.assetset, failing posture.assetset)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 600
    -- a plan of its own, and not a part of each report's: compiling all of it
    -- would cost more than running it
    SET jit = off
BEGIN ATOMIC
    WITH recommendation AS MATERIALIZED (
        SELECT r.* FROM posture.recommendation_exposure(as_of, kept, of_slice, chosen, NULL) r
    ), filter AS MATERIALIZED (
        SELECT f.* FROM posture.metric_filter(kept, of_slice) f
    ), joined AS (
        SELECT mr.metric_id, posture.union_agg(r.assessed) AS assessed, posture.union_agg(r.exposed) AS exposed
        FROM posture.metric_recommendation mr
        JOIN posture.metric m USING (metric_id)
        JOIN recommendation r USING (recommendation_id)
        WHERE m.is_active
        GROUP BY mr.metric_id
    ), metric AS MATERIALIZED (
        SELECT j.metric_id,
               posture.among(j.assessed, f.assets) AS assessed,
               posture.among(j.exposed, f.assets) AS exposed
        FROM joined j
        LEFT JOIN filter f USING (metric_id)
    )
    SELECT 'recommendation', r.recommendation_id, r.assessed, r.exposed, r.failing
    FROM recommendation r
    WHERE r.recommendation_id IS NOT NULL
    UNION ALL
    SELECT 'metric', m.metric_id, m.assessed, m.exposed, NULL
    FROM metric m
    UNION ALL
    SELECT 'initiative', x.initiative_id, NULL, posture.union_agg(x.exposed), NULL
    FROM (SELECT b.initiative_id, m.exposed
          FROM posture.initiative_member(NULL) b
          JOIN metric m USING (metric_id)
          UNION ALL
          SELECT d.initiative_id, r.exposed
          FROM posture.initiative_definition(NULL) d
          JOIN recommendation r ON r.recommendation_id = ANY (d.recommendations)
          WHERE d.method = 'points') x
    WHERE chosen IS NULL
    GROUP BY x.initiative_id
    UNION ALL
    SELECT 'gone', NULL, NULL, r.exposed, NULL
    FROM recommendation r
    WHERE of_slice IS NOT NULL AND r.recommendation_id IS NULL;
END;
COMMENT ON FUNCTION posture.exposure(timestamptz, boolean, integer, integer[]) IS 'the assets behind each count, from what is kept or recomputed: those that count, without retired, stale and exempt ones; failing: exempt or not. Of a slice also those that are gone';

CREATE FUNCTION posture.asset_count(as_of timestamptz, kept boolean)
    RETURNS TABLE (object_kind text, object_id integer, assessed bigint, exposed bigint, failing bigint, critical bigint)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 600
    SET jit = off
BEGIN ATOMIC
    WITH class AS MATERIALIZED (
        SELECT posture.criticality_sets(kept, NULL) AS sets
    )
    SELECT e.object_kind, e.object_id, posture.weighed_count(e.assessed, m.criticality_weights::integer[], c.sets),
           posture.weighed_count(e.exposed, m.criticality_weights::integer[], c.sets), coalesce(posture.cardinality(e.failing), 0),
           CASE WHEN e.object_kind <> 'recommendation'
                THEN coalesce(posture.cardinality(e.exposed OPERATOR(posture.&) c.sets[4]), 0) ELSE 0 END
    FROM posture.exposure(as_of, kept, NULL, NULL) e
    CROSS JOIN class c
    LEFT JOIN posture.metric m ON e.object_kind = 'metric' AND m.metric_id = e.object_id;
END;
COMMENT ON FUNCTION posture.asset_count(timestamptz, boolean) IS 'distinct assets of each recommendation, metric and initiative, of a metric as many times as it weighs them, counted from the sets that are kept, or recomputed';

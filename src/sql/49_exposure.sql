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

CREATE FUNCTION posture.recommendation_exposure(as_of timestamptz, kept boolean, of_slice integer, chosen integer[], within posture.assetset)
    RETURNS TABLE (recommendation_id integer, assessed posture.assetset, exposed posture.assetset, failing posture.assetset)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 500
BEGIN ATOMIC
    WITH found AS MATERIALIZED (
        SELECT f.recommendation_id, coalesce(f.assessed, '{}') AS assessed, coalesce(f.exposed, '{}') AS exposed, s.stale_after
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
        SELECT l.stale_after, (SELECT posture.assetset_agg(a.asset_id) FROM posture.asset a WHERE a.last_seen < l.seen_before) AS assets
        FROM posture.stale_limit(as_of) l
    ), oldest AS MATERIALIZED (
        SELECT posture.union_agg(o.assets) AS assets FROM old o
    ), fresh AS (
        -- an asset counts while any source that assesses it has seen it lately
        SELECT posture.union_agg(posture.without(f.assets, o.assets)) AS assets
        FROM (SELECT a.stale_after, posture.union_agg(a.assessed OPERATOR(posture.&) oldest.assets) AS assets
              FROM found a CROSS JOIN oldest
              WHERE oldest.assets IS NOT NULL
              GROUP BY a.stale_after) f
        LEFT JOIN old o USING (stale_after)
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
           CASE WHEN waived.for_all THEN '{}' ELSE posture.without(f.assessed, waived.assets) END AS assessed,
           CASE WHEN waived.for_all OR mitigated.for_all THEN '{}'
                ELSE posture.without(posture.without(f.failing, waived.assets), mitigated.assets) END AS exposed,
           f.failing
    FROM failing f
    LEFT JOIN exempt waived ON waived.recommendation_id = f.recommendation_id AND waived.kind = 'waived'
    LEFT JOIN exempt mitigated ON mitigated.recommendation_id = f.recommendation_id AND mitigated.kind = 'mitigated'
    UNION ALL
    SELECT NULL, NULL, g.assets, NULL
    FROM gone g
    WHERE g.assets IS NOT NULL;
END;
COMMENT ON FUNCTION posture.recommendation_exposure(timestamptz, boolean, integer, integer[], posture.assetset) IS 'the assets of each recommendation that count, of all or within a set, from what is kept or recomputed: without retired, stale and exempt ones; failing: exempt or not. Under no recommendation those that are gone, retired or stale';

CREATE FUNCTION posture.metric_filter(kept boolean, of_slice integer)
    RETURNS TABLE (metric_id integer, assets posture.assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH kinds AS MATERIALIZED (
        SELECT k.value AS kind, k.assets
        FROM posture.asset_value_set('kind', kept, of_slice) k
        WHERE EXISTS (SELECT FROM posture.metric m WHERE m.asset_kinds IS NOT NULL)
    )
    SELECT m.metric_id, coalesce(posture.union_agg(k.assets), '{}')
    FROM posture.metric m LEFT JOIN kinds k ON k.kind = ANY (m.asset_kinds)
    WHERE m.asset_kinds IS NOT NULL
    GROUP BY m.metric_id;
END;
COMMENT ON FUNCTION posture.metric_filter(boolean, integer) IS 'the assets that each metric with asset_kinds is about, kept or recomputed; of a slice: as they are folded';

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
    WITH critical AS MATERIALIZED (
        SELECT posture.union_agg(v.assets) AS assets
        FROM posture.asset_value_set('criticality', kept, NULL) v
        WHERE v.value = 'critical'
    )
    SELECT e.object_kind, e.object_id, coalesce(posture.cardinality(e.assessed), 0), posture.cardinality(e.exposed),
           coalesce(posture.cardinality(e.failing), 0),
           CASE WHEN e.object_kind = 'initiative' AND c.assets IS NOT NULL
                THEN posture.cardinality(e.exposed OPERATOR(posture.&) c.assets) ELSE 0 END
    FROM posture.exposure(as_of, kept, NULL, NULL) e CROSS JOIN critical c;
END;
COMMENT ON FUNCTION posture.asset_count(timestamptz, boolean) IS 'distinct assets of each recommendation, metric and initiative, counted from the sets that are kept, or recomputed';

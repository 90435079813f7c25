/*
 * What touched assets change in the counts of the folded sets. An asset is
 * touched when it or its findings changed, or it may have become stale, since
 * the sets were folded. The time to read its findings does not depend on the
 * total number of findings. If many assets were touched, the sets are counted
 * instead (current_object_count.sql).
 *
 * All findings of each touched asset are read, in their current state and in
 * their state when the sets were folded. A finding with an odd number of toggles
 * in the deltas had the opposite state then.
 */

CREATE FUNCTION posture_internal.toggled_finding()
    RETURNS TABLE (recommendation_id integer, asset_id integer, assessed boolean, exposed boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.recommendation_id, m.asset_id,
           count(*) FILTER (WHERE m.of_assessed) % 2 = 1,
           count(*) FILTER (WHERE NOT m.of_assessed) % 2 = 1
    FROM finding_delta d
    CROSS JOIN LATERAL unnest(d.recommendations, d.assessed, d.exposed)
                       e(recommendation_id, assessed, exposed)
    CROSS JOIN LATERAL (SELECT members(e.assessed) AS asset_id, true AS of_assessed
                        UNION ALL
                        SELECT members(e.exposed), false) m
    GROUP BY e.recommendation_id, m.asset_id;
END;
COMMENT ON FUNCTION posture_internal.toggled_finding() IS
    'returns the findings in the deltas; assessed, exposed: whether it was toggled since the sets '
    'were folded';

-- rank is the rank of the asset's criticality. Columns that begin with was_ hold
-- values as of the last fold.
CREATE FUNCTION posture_internal.touched_finding(more_assets integer[])
    RETURNS TABLE (recommendation_id integer, asset_id integer, kind text, was_kind text,
                   rank integer, was_rank integer,
                   assessed boolean, failing boolean, exposed boolean,
                   was_assessed boolean, was_failing boolean, was_exposed boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH toggle AS (
        SELECT g.* FROM toggled_finding() g
    ), changed AS (
        SELECT coalesce(union_agg(d.assets), '{}') AS assets FROM asset_delta d
    ), asset AS (
        SELECT t.asset_id, a.kind, criticality_rank(a.criticality) AS rank,
               NOT coalesce(a.retired_at <= now(), false) AND NOT s.is_stale AS counts,
               CASE WHEN c.assets @> t.asset_id
                    THEN (SELECT max(w.value) FROM asset_set w
                          WHERE w.attribute = 'kind' AND w.chunk = t.asset_id / 65536
                            AND w.assets @> t.asset_id)
                    ELSE a.kind END AS was_kind,
               CASE WHEN c.assets @> t.asset_id
                    THEN (SELECT max(criticality_rank(w.value)) FROM asset_set w
                          WHERE w.attribute = 'criticality' AND w.chunk = t.asset_id / 65536
                            AND w.assets @> t.asset_id)
                    ELSE criticality_rank(a.criticality) END AS was_rank,
               NOT EXISTS (SELECT FROM asset_set w
                           WHERE w.attribute = 'inactive' AND w.chunk = t.asset_id / 65536
                             AND w.assets @> t.asset_id) AS counted
        FROM (SELECT g.asset_id FROM toggle g UNION SELECT unnest(more_assets)) t
        CROSS JOIN changed c
        LEFT JOIN LATERAL (SELECT x.* FROM posture.asset x
                           WHERE x.asset_id = t.asset_id OFFSET 0) a ON true
        CROSS JOIN LATERAL asset_staleness(t.asset_id, a.last_seen) s
    ), found AS (
        SELECT f.recommendation_id, a.*, f.state <> 'not_applicable' AS assessed,
               f.state = 'non_compliant' AS exposed
        FROM asset a
        CROSS JOIN LATERAL (SELECT x.recommendation_id, x.state FROM finding x
                            WHERE x.asset_id = a.asset_id OFFSET 0) f
    ), pair AS (
        SELECT * FROM found
        UNION ALL
        -- deleted findings
        SELECT g.recommendation_id, a.*, false, false
        FROM toggle g JOIN asset a ON a.asset_id = g.asset_id
        WHERE NOT EXISTS (SELECT FROM found f WHERE f.recommendation_id = g.recommendation_id
                                                AND f.asset_id = g.asset_id)
    ), exempt AS (
        SELECT x.* FROM exempt_set('infinity', true, NULL) x
    )
    SELECT p.recommendation_id, p.asset_id, p.kind, p.was_kind, p.rank, p.was_rank,
           p.assessed AND p.counts AND NOT e.waived,
           p.exposed AND p.counts,
           p.exposed AND p.counts AND NOT e.waived AND NOT e.mitigated,
           e.was_assessed AND p.counted AND NOT e.waived,
           e.was_exposed AND p.counted,
           e.was_exposed AND p.counted AND NOT e.waived AND NOT e.mitigated
    FROM pair p
    JOIN recommendation r ON r.recommendation_id = p.recommendation_id
    JOIN source s ON s.source_id = r.source_id
    LEFT JOIN toggle g ON g.recommendation_id = p.recommendation_id AND g.asset_id = p.asset_id
    LEFT JOIN exempt w ON w.recommendation_id = p.recommendation_id AND w.kind = 'waived'
    LEFT JOIN exempt m ON m.recommendation_id = p.recommendation_id AND m.kind = 'mitigated'
    CROSS JOIN LATERAL (SELECT p.assessed <> coalesce(g.assessed, false) AS was_assessed,
                               p.exposed <> coalesce(g.exposed, false) AS was_exposed,
                               coalesce(w.for_all OR w.assets @> p.asset_id, false) AS waived,
                               coalesce(m.for_all OR m.assets @> p.asset_id, false) AS mitigated) e
    WHERE s.is_active AND r.is_active;
END;
COMMENT ON FUNCTION posture_internal.touched_finding(integer[]) IS
    'returns each finding of the assets with a toggled finding, and of some more assets: '
    'what it counts as now, and what it counted as when the sets were folded';

CREATE FUNCTION posture_internal.touched_count(more_assets integer[])
    RETURNS TABLE (object_kind text, object_id integer, assessed bigint, exposed bigint,
                   failing bigint, critical bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN QUERY
    WITH touched AS (
        SELECT f.* FROM touched_finding(more_assets) f
    ), metric AS (
        SELECT mr.metric_id, t.asset_id, t.rank, t.was_rank, i.weight, i.was_weight,
               bool_or(t.assessed AND i.weight > 0) AS assessed,
               bool_or(t.was_assessed AND i.was_weight > 0) AS was_assessed,
               bool_or(t.exposed AND i.weight > 0) AS exposed,
               bool_or(t.was_exposed AND i.was_weight > 0) AS was_exposed
        FROM touched t
        JOIN metric_recommendation mr ON mr.recommendation_id = t.recommendation_id
        JOIN posture.metric m ON m.metric_id = mr.metric_id
        CROSS JOIN LATERAL (
            SELECT CASE WHEN m.asset_kinds IS NULL OR t.kind = ANY (m.asset_kinds)
                        THEN asset_weight(t.rank, m.criticality_weights) ELSE 0 END AS weight,
                   CASE WHEN m.asset_kinds IS NULL OR t.was_kind = ANY (m.asset_kinds)
                        THEN asset_weight(t.was_rank, m.criticality_weights) ELSE 0
                   END AS was_weight) i
        WHERE m.is_active
        GROUP BY mr.metric_id, t.asset_id, t.rank, t.was_rank, i.weight, i.was_weight
    ), initiative AS (
        SELECT x.initiative_id, x.asset_id, x.rank, x.was_rank,
               bool_or(x.exposed) AS exposed, bool_or(x.was_exposed) AS was_exposed
        FROM (SELECT im.initiative_id, m.asset_id, m.rank, m.was_rank, m.exposed, m.was_exposed
              FROM metric m
              JOIN initiative_metric im ON im.metric_id = m.metric_id
              JOIN posture.initiative i ON i.initiative_id = im.initiative_id
              WHERE i.is_active
              UNION ALL
              SELECT d.initiative_id, t.asset_id, t.rank, t.was_rank, t.exposed, t.was_exposed
              FROM initiative_definition(NULL) d
              JOIN touched t ON t.recommendation_id = ANY (d.recommendations)
              WHERE d.method = 'points') x
        GROUP BY x.initiative_id, x.asset_id, x.rank, x.was_rank
    )
    SELECT 'recommendation', t.recommendation_id,
           sum(t.assessed::integer - t.was_assessed::integer),
           sum(t.exposed::integer - t.was_exposed::integer),
           sum(t.failing::integer - t.was_failing::integer), 0::bigint
    FROM touched t
    GROUP BY t.recommendation_id
    UNION ALL
    SELECT 'metric', m.metric_id,
           sum(m.assessed::integer * m.weight - m.was_assessed::integer * m.was_weight),
           sum(m.exposed::integer * m.weight - m.was_exposed::integer * m.was_weight), 0,
           count(*) FILTER (WHERE m.exposed AND m.rank = 4)
           - count(*) FILTER (WHERE m.was_exposed AND m.was_rank = 4)
    FROM metric m
    GROUP BY m.metric_id
    UNION ALL
    SELECT 'initiative', i.initiative_id, 0, sum(i.exposed::integer - i.was_exposed::integer), 0,
           count(*) FILTER (WHERE i.exposed AND i.rank = 4)
           - count(*) FILTER (WHERE i.was_exposed AND i.was_rank = 4)
    FROM initiative i
    GROUP BY i.initiative_id;
END $$;
COMMENT ON FUNCTION posture_internal.touched_count(integer[]) IS
    'returns what the assets with a toggled finding, and some more assets, add to the counts of '
    'the folded sets or take from them';

/*
 * Counts as they are now, in time that does not grow with findings: what was
 * tallied when the sets were folded, and the difference that the assets make
 * that were touched since. Where that can't be told, or where many were
 * touched, the sets are counted.
 */

-- Of each touched asset all findings are looked at, as they are, and as they
-- were when the sets were folded: a toggled one was the other way. An asset
-- weighs by its criticality, whose rank is 4 for a critical one.
CREATE FUNCTION posture_internal.touched_count(more_assets integer[])
    RETURNS TABLE (object_kind text, object_id integer, assessed bigint, exposed bigint, failing bigint, critical bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600 SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN QUERY
    WITH toggle AS (
        SELECT e.recommendation_id, m.asset_id,
               count(*) FILTER (WHERE m.of_assessed) % 2 = 1 AS assessed,
               count(*) FILTER (WHERE NOT m.of_assessed) % 2 = 1 AS exposed
        FROM finding_delta d
        CROSS JOIN LATERAL unnest(d.recommendations, d.assessed, d.exposed) e(recommendation_id, assessed, exposed)
        CROSS JOIN LATERAL (SELECT members(e.assessed) AS asset_id, true AS of_assessed
                            UNION ALL
                            SELECT members(e.exposed), false) m
        GROUP BY e.recommendation_id, m.asset_id
    ), changed AS (
        SELECT coalesce(union_agg(d.assets), '{}') AS assets FROM asset_delta d
    ), stale AS MATERIALIZED (
        SELECT max(l.seen_before) AS seen_before FROM stale_limit('infinity') l
    ), asset AS (
        SELECT t.asset_id,
               a.kind AS kind, criticality_rank(a.criticality) AS rank,
               NOT coalesce(a.retired_at <= now(), false)
               AND (s.seen_before IS NULL OR a.last_seen >= s.seen_before
                    OR EXISTS (SELECT
                               FROM finding f
                               JOIN recommendation r ON r.recommendation_id = f.recommendation_id
                               JOIN source o ON o.source_id = r.source_id
                               WHERE f.asset_id = t.asset_id AND f.state <> 'not_applicable' AND o.is_active AND r.is_active
                                 AND (o.stale_after IS NULL OR a.last_seen >= stale_before(now(), o.stale_after)))) AS counts,
               CASE WHEN c.assets @> t.asset_id
                    THEN (SELECT max(w.value) FROM asset_set w
                          WHERE w.attribute = 'kind' AND w.chunk = t.asset_id / 65536 AND w.assets @> t.asset_id)
                    ELSE a.kind END AS was_kind,
               CASE WHEN c.assets @> t.asset_id
                    THEN (SELECT max(criticality_rank(w.value)) FROM asset_set w
                          WHERE w.attribute = 'criticality' AND w.chunk = t.asset_id / 65536 AND w.assets @> t.asset_id)
                    ELSE criticality_rank(a.criticality) END AS was_rank,
               NOT EXISTS (SELECT FROM asset_set w
                           WHERE w.attribute = 'inactive' AND w.chunk = t.asset_id / 65536
                             AND w.assets @> t.asset_id) AS counted
        FROM (SELECT g.asset_id FROM toggle g UNION SELECT unnest(more_assets)) t
        CROSS JOIN changed c
        CROSS JOIN stale s
        -- one by one, here and below, however many the planner expects: they are few
        LEFT JOIN LATERAL (SELECT x.* FROM posture.asset x WHERE x.asset_id = t.asset_id OFFSET 0) a ON true
    ), found AS (
        SELECT f.recommendation_id, a.*, f.state <> 'not_applicable' AS assessed, f.state = 'non_compliant' AS exposed
        FROM asset a
        CROSS JOIN LATERAL (SELECT x.recommendation_id, x.state FROM finding x WHERE x.asset_id = a.asset_id OFFSET 0) f
    ), pair AS (
        SELECT * FROM found
        UNION ALL
        SELECT g.recommendation_id, a.*, false, false
        FROM toggle g JOIN asset a ON a.asset_id = g.asset_id
        WHERE NOT EXISTS (SELECT FROM found f WHERE f.recommendation_id = g.recommendation_id AND f.asset_id = g.asset_id)
    ), exempt AS (
        SELECT x.* FROM exempt_set('infinity', true, NULL) x
    ), state AS (
        SELECT p.*,
               p.assessed <> coalesce(g.assessed, false) AS was_assessed, p.exposed <> coalesce(g.exposed, false) AS was_exposed,
               coalesce(w.for_all OR w.assets @> p.asset_id, false) AS waived,
               coalesce(m.for_all OR m.assets @> p.asset_id, false) AS mitigated
        FROM pair p
        JOIN recommendation r ON r.recommendation_id = p.recommendation_id
        JOIN source s ON s.source_id = r.source_id
        LEFT JOIN toggle g ON g.recommendation_id = p.recommendation_id AND g.asset_id = p.asset_id
        LEFT JOIN exempt w ON w.recommendation_id = p.recommendation_id AND w.kind = 'waived'
        LEFT JOIN exempt m ON m.recommendation_id = p.recommendation_id AND m.kind = 'mitigated'
        WHERE s.is_active AND r.is_active
    ), effect AS (
        SELECT s.recommendation_id, s.asset_id, s.kind, s.was_kind, s.rank, s.was_rank,
               s.assessed AND s.counts AND NOT s.waived AS assessed,
               s.exposed AND s.counts AS failing,
               s.exposed AND s.counts AND NOT s.waived AND NOT s.mitigated AS exposed,
               s.was_assessed AND s.counted AND NOT s.waived AS was_assessed,
               s.was_exposed AND s.counted AS was_failing,
               s.was_exposed AND s.counted AND NOT s.waived AND NOT s.mitigated AS was_exposed
        FROM state s
    ), metric AS (
        SELECT mr.metric_id, e.asset_id, e.rank, e.was_rank, i.weight, i.was_weight,
               bool_or(e.assessed AND i.weight > 0) AS assessed, bool_or(e.was_assessed AND i.was_weight > 0) AS was_assessed,
               bool_or(e.exposed AND i.weight > 0) AS exposed, bool_or(e.was_exposed AND i.was_weight > 0) AS was_exposed
        FROM effect e
        JOIN metric_recommendation mr ON mr.recommendation_id = e.recommendation_id
        JOIN posture.metric m ON m.metric_id = mr.metric_id
        CROSS JOIN LATERAL (SELECT CASE WHEN m.asset_kinds IS NULL OR e.kind = ANY (m.asset_kinds)
                                        THEN asset_weight(e.rank, m.criticality_weights) ELSE 0 END AS weight,
                                   CASE WHEN m.asset_kinds IS NULL OR e.was_kind = ANY (m.asset_kinds)
                                        THEN asset_weight(e.was_rank, m.criticality_weights) ELSE 0 END AS was_weight) i
        WHERE m.is_active
        GROUP BY mr.metric_id, e.asset_id, e.rank, e.was_rank, i.weight, i.was_weight
    ), initiative AS (
        SELECT x.initiative_id, x.asset_id, x.rank, x.was_rank,
               bool_or(x.exposed) AS exposed, bool_or(x.was_exposed) AS was_exposed
        FROM (SELECT im.initiative_id, m.asset_id, m.rank, m.was_rank, m.exposed, m.was_exposed
              FROM metric m
              JOIN initiative_metric im ON im.metric_id = m.metric_id
              JOIN posture.initiative i ON i.initiative_id = im.initiative_id
              WHERE i.is_active
              UNION ALL
              SELECT d.initiative_id, e.asset_id, e.rank, e.was_rank, e.exposed, e.was_exposed
              FROM initiative_definition(NULL) d
              JOIN effect e ON e.recommendation_id = ANY (d.recommendations)
              WHERE d.method = 'points') x
        GROUP BY x.initiative_id, x.asset_id, x.rank, x.was_rank
    )
    SELECT 'recommendation', e.recommendation_id, sum(e.assessed::integer - e.was_assessed::integer),
           sum(e.exposed::integer - e.was_exposed::integer), sum(e.failing::integer - e.was_failing::integer), 0::bigint
    FROM effect e
    GROUP BY e.recommendation_id
    UNION ALL
    SELECT 'metric', m.metric_id, sum(m.assessed::integer * m.weight - m.was_assessed::integer * m.was_weight),
           sum(m.exposed::integer * m.weight - m.was_exposed::integer * m.was_weight), 0,
           count(*) FILTER (WHERE m.exposed AND m.rank = 4) - count(*) FILTER (WHERE m.was_exposed AND m.was_rank = 4)
    FROM metric m
    GROUP BY m.metric_id
    UNION ALL
    SELECT 'initiative', i.initiative_id, 0, sum(i.exposed::integer - i.was_exposed::integer), 0,
           count(*) FILTER (WHERE i.exposed AND i.rank = 4) - count(*) FILTER (WHERE i.was_exposed AND i.was_rank = 4)
    FROM initiative i
    GROUP BY i.initiative_id;
END $$;
COMMENT ON FUNCTION posture_internal.touched_count(integer[]) IS 'what the assets whose findings changed, and some more, add to the tally, or take from it, since the sets were folded';

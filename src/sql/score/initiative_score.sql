/*
 * Scores from counts. The score of an initiative is
 *     100 x sum(weight x healthy) / sum(weight x mass)
 * over its terms. on_day NULL means now, and a day means its snapshot, so that
 * reports, snapshots and the causes of a drop share one formula.
 */

CREATE FUNCTION posture_internal.metric_term(
    of_score score, exposed numeric, assessed numeric)
    RETURNS TABLE (method initiative_method, mass numeric, healthy numeric)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 2
BEGIN ATOMIC
    SELECT 'weighted'::initiative_method, CASE WHEN of_score IS NOT NULL THEN 1::numeric END,
           of_score::numeric * 0.01
    UNION ALL
    SELECT 'population', CASE WHEN of_score IS NOT NULL THEN assessed END,
           CASE WHEN of_score IS NOT NULL THEN assessed - exposed END;
END;
COMMENT ON FUNCTION posture_internal.metric_term(score, numeric, numeric) IS
    'returns the term of a metric by each method of initiatives that have metrics; '
    'mass NULL: the metric is unavailable';

CREATE FUNCTION posture_internal.initiative_term(on_day date)
    RETURNS TABLE (initiative_id integer, method initiative_method, metric_id integer,
                   recommendation_id integer, weight numeric, mass numeric, healthy numeric,
                   critical bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH state AS (
        SELECT n.metric_id, n.recommendation_id, n.exposed, n.assessed, n.score,
               n.points_missing, n.points_possible, n.critical
        FROM current_state('infinity') n
        WHERE on_day IS NULL AND n.initiative_id IS NULL
        UNION ALL
        SELECT s.metric_id, NULL, s.exposed, s.assessed, s.score, NULL, NULL, NULL
        FROM metric_snapshot s
        WHERE s.day = on_day
        UNION ALL
        SELECT NULL, s.recommendation_id, NULL, NULL, NULL, s.possible - s.achieved, s.possible,
               NULL
        FROM recommendation_snapshot s
        WHERE s.day = on_day
    ), member AS (
        SELECT b.*, m.exposed, m.assessed, m.score, m.critical
        FROM initiative_member(on_day) b
        LEFT JOIN state m USING (metric_id)
    ), definition AS (
        SELECT i.initiative_id, i.recommendations
        FROM initiative_definition(on_day) i
        WHERE on_day IS NOT NULL OR i.method = 'points'
    )
    SELECT b.initiative_id, t.method, b.metric_id, NULL::integer, b.weight, t.mass, t.healthy,
           b.critical
    FROM member b
    CROSS JOIN LATERAL metric_term(b.score, b.exposed, b.assessed) t
    UNION ALL
    SELECT o.initiative_id, 'points', NULL, o.recommendation_id, 1,
           possible_points(r.max_points, p.assessed, p.points_possible),
           achieved_points(r.max_points, p.exposed, p.assessed,
                           p.points_missing, p.points_possible), NULL
    FROM (SELECT b.initiative_id, mr.recommendation_id
          FROM definition d
          JOIN member b USING (initiative_id)
          JOIN metric_member(on_day) mr USING (metric_id)
          WHERE b.weight > 0 AND b.score IS NOT NULL
          UNION
          SELECT d.initiative_id, unnest(d.recommendations)
          FROM definition d) o
    LEFT JOIN state p USING (recommendation_id)
    LEFT JOIN recommendation r USING (recommendation_id);
END $$;
COMMENT ON FUNCTION posture_internal.initiative_term(date) IS
    'returns the terms of each initiative: for metrics, by both methods that use metrics; for '
    'recommendations, by points (with on_day NULL, only if the initiative adds up by points); mass '
    'NULL: unavailable; critical: with on_day NULL, the critical assets that the metric has '
    'exposed';

-- Achieved points have 40 decimals, and their sum is rounded to 30, so that the
-- inexact last digits of a quotient don't affect a score: three thirds are one.
CREATE FUNCTION posture_internal.initiative_result(on_day date)
    RETURNS TABLE (initiative_id integer, method initiative_method, score score)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT i.initiative_id, i.method,
           score(round(sum(t.weight * (t.mass - t.healthy)), 30), sum(t.weight * t.mass))
    FROM initiative_definition(on_day) i
    LEFT JOIN initiative_term(on_day) t USING (initiative_id, method)
    GROUP BY i.initiative_id, i.method;
END;
COMMENT ON FUNCTION posture_internal.initiative_result(date) IS
    'returns the method and score of each active initiative, now or on a day';

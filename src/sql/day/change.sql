/*
 * Why a score changed between two days: metric_change() has the parts of a
 * metric's change, initiative_change() those of an initiative's.
 *
 * A change is signed as the score moves: points that are lost are negative, and
 * the parts of a change sum to score - previous score. This holds for every
 * number called points or change; only a drop is the positive size of a fall.
 *
 * The parts of a metric are the points that attribution.sql attributes to each
 * reason. A part that is left, because the scores that were stored are not those of
 * the steps, is a change of scope.
 *
 * The parts of an initiative are those of its terms, the metrics or
 * recommendations that it adds up. By every method its score is S = 100 G / U,
 * where u = weight x mass and g = weight x healthy are those of one term, and U
 * and G are their sums over all terms. Let ' mark the later day. Then
 *
 *     S' - S = sum over terms of 100 (U (g' - g) - G (u' - u)) / (U U')
 *
 * because S' - S = 100 (U G' - G U') / (U U') and U G' - G U' is the same as
 * U (G' - G) - G (U' - U). So the part of a term depends on the change of that
 * term alone: a term that did not change has no part, and the part of a term that
 * was removed is u / U' times the points by which it was below S. The formula is
 * linear in the changes of u and g, so the part of a term is the sum of the parts
 * of its steps and of the part of its weight:
 *
 *     u' - u = (w' - w) m' + w (m' - m), and likewise for g
 *
 * with w the weight and m the mass of the term.
 */

-- This, initiative_term_pair() and initiative_change() are not merged into the queries that read
-- them, because the planner expects one row of a day that has just been written, and loops.
CREATE FUNCTION posture_internal.day_score(on_day date, scope counting_scope)
    RETURNS TABLE (metric_id integer, initiative_id integer, method initiative_method, score score)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 600
    SET jit = off
BEGIN ATOMIC
    SELECT s.metric_id, NULL::integer, NULL::initiative_method, s.score
    FROM metric_snapshot s
    WHERE s.day = on_day AND scope.groups IS NULL
    UNION ALL
    SELECT NULL, s.initiative_id, s.method, s.score
    FROM initiative_snapshot s
    WHERE s.day = on_day AND scope.groups IS NULL
    UNION ALL
    SELECT t.metric_id, NULL, NULL, t.score
    FROM term_state(on_day, NULL, scope) t
    WHERE scope.groups IS NOT NULL AND scope.initiatives = '{}' AND t.metric_id IS NOT NULL
    UNION ALL
    SELECT NULL, i.initiative_id, i.method, i.score
    FROM initiative_result(on_day, NULL, scope) i
    WHERE scope.groups IS NOT NULL AND scope.initiatives <> '{}';
END;
COMMENT ON FUNCTION posture_internal.day_score(date, counting_scope) IS
    'returns the scores of metrics and initiatives on a day: those of its snapshot, or if the '
    'scope has a group, those of its initiatives or otherwise its metrics by the assets of the '
    'group';

CREATE FUNCTION posture_internal.metric_change(
    previous_day date, on_day date, of_metrics integer[], scope counting_scope DEFAULT NULL)
    RETURNS TABLE (metric_id integer, recommendation_id integer, reason text, points numeric,
                   newly_exposed bigint, only_this bigint, assets assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH compared AS (
        SELECT n.metric_id, p.score AS previous_score, n.score
        FROM day_score(on_day, scope) n
        JOIN day_score(previous_day, scope) p ON p.metric_id = n.metric_id
        WHERE n.metric_id = ANY (of_metrics) AND n.score IS NOT NULL AND p.score IS NOT NULL
    ), attributed AS (
        SELECT a.object_id AS metric_id, a.step, a.newly_exposed, a.assets, a.recommendations,
               score(a.exposed + coalesce(a.points_missing, 0),
                     a.assessed + coalesce(a.points_possible, 0)) AS score
        FROM change_attribution(previous_day, on_day, of_metrics, '{}', scope.groups[1],
                                scope.group_ids[1]) a
    ), step_score AS (
        -- a step after which nothing is assessed has no score
        SELECT a.metric_id, a.step, a.score FROM attributed a WHERE a.score IS NOT NULL
        UNION ALL
        SELECT c.metric_id, -2, c.previous_score FROM compared c
        UNION ALL
        SELECT c.metric_id, 99, c.score FROM compared c
    ), part AS (
        SELECT s.metric_id, s.step, s.score - lag(s.score) OVER o AS points
        FROM step_score s
        WHERE s.metric_id IN (SELECT c.metric_id FROM compared c)
        WINDOW o AS (PARTITION BY s.metric_id ORDER BY s.step)
    ), total AS (
        SELECT p.metric_id, r.step, r.reason, sum(p.points) AS points
        FROM part p
        JOIN change_reason() r ON r.step = CASE WHEN p.step BETWEEN 0 AND 15 THEN p.step ELSE 0 END
        GROUP BY p.metric_id, r.step, r.reason
    ), failing AS (
        SELECT a.metric_id, a.recommendations[1] AS recommendation_id, x.asset_id,
               count(*) OVER (PARTITION BY a.metric_id, x.asset_id) AS failed
        FROM attributed a
        CROSS JOIN LATERAL members(a.newly_exposed) x(asset_id)
        WHERE a.step IS NULL
    )
    SELECT t.metric_id,
           CASE WHEN cardinality(a.recommendations) = 1 THEN a.recommendations[1] END,
           t.reason, t.points, cardinality(a.newly_exposed), NULL::bigint, a.assets
    FROM total t
    LEFT JOIN attributed a USING (metric_id, step)
    WHERE t.points <> 0 OR cardinality(a.assets) > 0 OR cardinality(a.recommendations) > 0
    UNION ALL
    -- steps after which nothing was assessed, before a later step added assets again
    SELECT a.metric_id,
           CASE WHEN cardinality(a.recommendations) = 1 THEN a.recommendations[1] END,
           r.reason, NULL, NULL, NULL, a.assets
    FROM attributed a JOIN change_reason() r ON r.step = a.step
    WHERE a.score IS NULL AND cardinality(a.assets) > 0
      AND a.metric_id IN (SELECT c.metric_id FROM compared c)
    UNION ALL
    SELECT t.metric_id, u.recommendation_id, t.reason, NULL, NULL, NULL, NULL
    FROM total t
    JOIN attributed a USING (metric_id, step)
    CROSS JOIN LATERAL unnest(a.recommendations) u(recommendation_id)
    WHERE cardinality(a.recommendations) > 1
    UNION ALL
    SELECT f.metric_id, f.recommendation_id, 'newly_exposed', NULL, count(*),
           count(*) FILTER (WHERE f.failed = 1), assetset_agg(f.asset_id)
    FROM failing f
    GROUP BY f.metric_id, f.recommendation_id;
END $$;
COMMENT ON FUNCTION posture_internal.metric_change(date, date, integer[], counting_scope) IS
    'returns the signed parts of each metric''s change between two days, by all assets or those '
    'of a group, which sum exactly to score - previous score; points is NULL in rows that '
    'detail another part: newly exposed assets by recommendation, the recommendations of a part '
    'that is about several, and steps after which nothing was assessed';

CREATE FUNCTION posture_internal.initiative_term_pair(
    previous_day date, on_day date, scope counting_scope DEFAULT NULL)
    RETURNS TABLE (initiative_id integer,
                   method initiative_method, previous_method initiative_method,
                   previous_score score, score score,
                   metric_id integer, recommendation_id integer, transition text,
                   previous_weight numeric, weight numeric,
                   previous_mass numeric, mass numeric, previous_healthy numeric, healthy numeric,
                   previous_total_mass numeric, total_mass numeric,
                   previous_total_healthy numeric, total_healthy numeric)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
    SET jit = off
BEGIN ATOMIC
    WITH term AS MATERIALIZED (
        SELECT previous_day AS day, t.* FROM initiative_term(previous_day, NULL, scope) t
        UNION ALL
        SELECT on_day, t.* FROM initiative_term(on_day, NULL, scope) t
    ), group_score AS (
        -- as initiative_result() does
        SELECT t.day, t.initiative_id, t.method,
               score(round(sum(t.weight * (t.mass - t.healthy)), 30),
                     sum(t.weight * t.mass)) AS score
        FROM term t
        WHERE scope.groups IS NOT NULL
        GROUP BY t.day, t.initiative_id, t.method
    ), compared AS (
        -- cast to numeric, because pg_upgrade creates functions before the operator class that
        -- grouping by a score needs
        SELECT n.initiative_id, n.method, p.method AS previous_method,
               x.previous_score::numeric, x.score::numeric
        FROM initiative_snapshot n
        JOIN initiative_snapshot p ON p.initiative_id = n.initiative_id AND p.day = previous_day
        LEFT JOIN group_score g ON g.day = n.day AND g.initiative_id = n.initiative_id
                               AND g.method = n.method
        LEFT JOIN group_score b ON b.day = p.day AND b.initiative_id = p.initiative_id
                               AND b.method = p.method
        CROSS JOIN LATERAL (
            SELECT CASE WHEN scope.groups IS NULL THEN p.score ELSE b.score END AS previous_score,
                   CASE WHEN scope.groups IS NULL THEN n.score ELSE g.score END AS score) x
        WHERE n.day = on_day AND x.previous_score IS NOT NULL AND x.score IS NOT NULL
    ), pair AS (
        -- a term without mass is unavailable
        SELECT c.initiative_id, c.method, c.previous_method, c.previous_score, c.score,
               t.metric_id, t.recommendation_id,
               bool_or(NOT t.is_now) AS was_term, bool_or(t.is_now) AS is_term,
               max(t.weight) FILTER (WHERE NOT t.is_now) AS previous_weight,
               max(t.weight) FILTER (WHERE t.is_now) AS weight,
               max(t.mass) FILTER (WHERE NOT t.is_now) AS previous_mass,
               max(t.mass) FILTER (WHERE t.is_now) AS mass,
               max(t.healthy) FILTER (WHERE NOT t.is_now) AS previous_healthy,
               max(t.healthy) FILTER (WHERE t.is_now) AS healthy
        FROM compared c
        JOIN (SELECT x.day = on_day AS is_now, x.* FROM term x) t USING (initiative_id, method)
        GROUP BY c.initiative_id, c.method, c.previous_method, c.previous_score, c.score,
                 t.metric_id, t.recommendation_id
    )
    SELECT x.initiative_id, x.method, x.previous_method, x.previous_score::score, x.score::score,
           x.metric_id, x.recommendation_id,
           CASE WHEN NOT x.was_term THEN 'added' WHEN NOT x.is_term THEN 'removed'
                WHEN x.previous_mass IS NOT NULL AND x.mass IS NULL THEN 'unavailable'
                WHEN x.previous_mass IS NULL AND x.mass IS NOT NULL THEN 'available' END,
           x.previous_weight, x.weight, x.previous_mass, x.mass, x.previous_healthy, x.healthy,
           sum(x.previous_weight * x.previous_mass) OVER i, sum(x.weight * x.mass) OVER i,
           sum(x.previous_weight * x.previous_healthy) OVER i, sum(x.weight * x.healthy) OVER i
    FROM pair x
    WINDOW i AS (PARTITION BY x.initiative_id);
END;
COMMENT ON FUNCTION posture_internal.initiative_term_pair(date, date, counting_scope) IS
    'returns the terms of each initiative of a scope on two days, both by the method of the '
    'later day; transition: added, removed, available or unavailable, NULL for a term of both '
    'days; total_mass and total_healthy are the sums U and G over the initiative''s terms';

CREATE FUNCTION posture_internal.initiative_value_change(
    previous_day date, on_day date, detailed integer[], scope counting_scope DEFAULT NULL)
    RETURNS TABLE (initiative_id integer, metric_id integer, recommendation_id integer,
                   reason text, newly_exposed bigint, mass numeric, healthy numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH term AS (
        SELECT x.*
        FROM initiative_term_pair(previous_day, on_day, scope) x
        WHERE x.transition IS NULL AND x.previous_weight > 0
          AND (x.mass <> x.previous_mass OR x.healthy <> x.previous_healthy)
    ), attributed AS (
        SELECT a.*
        FROM change_attribution(
            previous_day, on_day,
            ARRAY(SELECT DISTINCT t.metric_id
                  FROM term t
                  WHERE t.initiative_id = ANY (detailed) AND t.metric_id IS NOT NULL),
            ARRAY(SELECT DISTINCT t.recommendation_id
                  FROM term t
                  WHERE t.initiative_id = ANY (detailed)
                    AND t.recommendation_id IS NOT NULL),
            scope.groups[1], scope.group_ids[1]) a
        WHERE a.step IS NOT NULL
          AND EXISTS (SELECT FROM term t WHERE t.initiative_id = ANY (detailed))
    ), value AS (
        SELECT t.initiative_id, t.metric_id, t.recommendation_id, -2 AS step,
               t.previous_mass AS mass, t.previous_healthy AS healthy,
               NULL::bigint AS newly_exposed, NULL::integer[] AS recommendations
        FROM term t
        UNION ALL
        SELECT t.initiative_id, t.metric_id, t.recommendation_id, 99, t.mass, t.healthy, NULL, NULL
        FROM term t
        UNION ALL
        SELECT t.initiative_id, t.metric_id, t.recommendation_id, a.step,
               CASE t.method WHEN 'weighted' THEN 1
                             WHEN 'population' THEN n.assessed
                             ELSE coalesce(a.points_possible, t.previous_mass) END,
               CASE t.method WHEN 'weighted' THEN score(n.exposed, n.assessed)::numeric * 0.01
                             WHEN 'population' THEN n.assessed - n.exposed
                             -- worth the points of the previous day until the last step
                             ELSE achieved_points(t.previous_mass, a.exposed::numeric,
                                                  a.assessed::numeric, a.points_missing,
                                                  a.points_possible) END,
               cardinality(a.newly_exposed), a.recommendations
        FROM term t
        JOIN attributed a
            ON a.object_kind = CASE WHEN t.metric_id IS NOT NULL THEN 'metric'
                                    ELSE 'recommendation' END
           AND a.object_id = coalesce(t.metric_id, t.recommendation_id)
        CROSS JOIN LATERAL (SELECT a.exposed + coalesce(a.points_missing, 0) AS exposed,
                                   a.assessed + coalesce(a.points_possible, 0) AS assessed) n
        WHERE t.initiative_id = ANY (detailed)
    ), delta AS (
        -- a step after which nothing is assessed has no value
        SELECT v.initiative_id, v.metric_id, v.recommendation_id, v.step,
               v.newly_exposed, v.recommendations,
               v.mass - lag(v.mass) OVER o AS mass, v.healthy - lag(v.healthy) OVER o AS healthy
        FROM value v
        WHERE v.mass > 0 AND v.healthy IS NOT NULL OR v.step IN (-2, 99)
        WINDOW o AS (PARTITION BY v.initiative_id, v.metric_id, v.recommendation_id
                     ORDER BY v.step)
    )
    SELECT d.initiative_id, d.metric_id,
           -- within a metric: the recommendation that a step is about, if it is only one
           coalesce(d.recommendation_id,
                    max(d.recommendations[1]) FILTER (WHERE cardinality(d.recommendations) = 1)),
           y.reason, sum(d.newly_exposed)::bigint, sum(d.mass), sum(d.healthy)
    FROM delta d
    LEFT JOIN change_reason() r ON r.step = d.step
    CROSS JOIN LATERAL (
        SELECT CASE WHEN r.is_posture OR NOT coalesce(d.initiative_id = ANY (detailed), false)
                    THEN 'value_change'
                    ELSE coalesce(r.reason, 'scope_change') END AS reason) y
    WHERE d.mass <> 0 OR d.healthy <> 0 OR d.newly_exposed > 0
    GROUP BY d.initiative_id, d.metric_id, d.recommendation_id, y.reason;
END $$;
COMMENT ON FUNCTION posture_internal.initiative_value_change(
    date, date, integer[], counting_scope) IS
    'returns how mass and healthy of each term of an initiative changed between two days: by '
    'reason for the initiatives in detailed, with the reason value_change for all others';

CREATE FUNCTION posture_internal.initiative_change_part(
    previous_day date, on_day date, detailed integer[], scope counting_scope DEFAULT NULL)
    RETURNS TABLE (initiative_id integer, metric_id integer, recommendation_id integer,
                   reason text, newly_exposed bigint, exact numeric, change numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH pair AS (
        SELECT * FROM initiative_term_pair(previous_day, on_day, scope)
    ), term AS (
        SELECT * FROM pair x WHERE x.previous_total_mass > 0 AND x.total_mass > 0
    )
    SELECT x.initiative_id, x.metric_id, x.recommendation_id,
           CASE WHEN x.metric_id IS NOT NULL THEN 'metric_' ELSE 'recommendation_' END
               || x.transition, NULL::bigint,
           100 * (x.previous_total_mass
                  * (coalesce(x.weight * x.healthy, 0)
                     - coalesce(x.previous_weight * x.previous_healthy, 0))
                  - x.previous_total_healthy
                    * (coalesce(x.weight * x.mass, 0)
                       - coalesce(x.previous_weight * x.previous_mass, 0)))
               / (x.previous_total_mass * x.total_mass), x.score - x.previous_score
    FROM term x
    WHERE x.transition IS NOT NULL AND coalesce(x.previous_mass, x.mass) IS NOT NULL
    UNION ALL
    SELECT x.initiative_id, x.metric_id, x.recommendation_id, 'weight_change', NULL,
           100 * (x.weight - x.previous_weight)
               * (x.previous_total_mass * x.healthy - x.previous_total_healthy * x.mass)
               / (x.previous_total_mass * x.total_mass), x.score - x.previous_score
    FROM term x
    WHERE x.transition IS NULL AND x.weight <> x.previous_weight AND x.mass IS NOT NULL
    UNION ALL
    SELECT x.initiative_id, x.metric_id, v.recommendation_id, v.reason, v.newly_exposed,
           100 * x.previous_weight
               * (x.previous_total_mass * v.healthy - x.previous_total_healthy * v.mass)
               / (x.previous_total_mass * x.total_mass), x.score - x.previous_score
    FROM term x
    JOIN initiative_value_change(previous_day, on_day, detailed, scope) v
        ON v.initiative_id = x.initiative_id
       AND coalesce(v.metric_id, -v.recommendation_id)
           = coalesce(x.metric_id, -x.recommendation_id)
    UNION ALL
    -- the effect of another method: what the previous score would be by the method of the later
    -- day, or the later day's score if nothing had mass by that method before, minus the previous
    -- score
    SELECT DISTINCT x.initiative_id, NULL::integer, NULL::integer, 'method_change', NULL::bigint,
           CASE WHEN x.previous_total_mass > 0
                THEN 100 * x.previous_total_healthy / x.previous_total_mass
                -- a score that somebody stored may have no terms at all
                ELSE coalesce(100 * x.total_healthy / nullif(x.total_mass, 0),
                              x.previous_score::numeric)
           END - x.previous_score, x.score - x.previous_score
    FROM pair x
    WHERE x.method <> x.previous_method
       OR x.previous_total_mass IS NULL OR x.previous_total_mass = 0;
END;
COMMENT ON FUNCTION posture_internal.initiative_change_part(
    date, date, integer[], counting_scope) IS
    'returns the parts of each initiative''s change between two days; exact: points, not '
    'rounded; change: points of all parts; changed values are attributed to reasons for the '
    'initiatives in detailed only';

-- Rounding down leaves millionths. They go to the parts with the largest
-- remainders, one each, so that the rounded parts sum exactly to the change.
CREATE FUNCTION posture_internal.initiative_change(
    previous_day date, on_day date, detailed integer[], scope counting_scope DEFAULT NULL)
    RETURNS TABLE (initiative_id integer, metric_id integer, recommendation_id integer,
                   reason text, points numeric, newly_exposed bigint)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
    SET jit = off
BEGIN ATOMIC
    WITH part AS (
        SELECT p.*, floor(p.exact * 1000000) AS millionths,
               1000000 * p.change
                   - sum(floor(p.exact * 1000000)) OVER of_initiative AS rest,
               count(*) OVER of_initiative AS parts,
               row_number() OVER (PARTITION BY p.initiative_id
                                  ORDER BY p.exact * 1000000 - floor(p.exact * 1000000) DESC,
                                           p.metric_id, p.recommendation_id, p.reason) AS rank
        FROM initiative_change_part(previous_day, on_day, detailed, scope) p
        WINDOW of_initiative AS (PARTITION BY p.initiative_id)
    )
    SELECT p.initiative_id, p.metric_id, p.recommendation_id, p.reason,
           trim_scale(0.000001 * (p.millionths + floor(p.rest / p.parts)
                                  + CASE WHEN p.rank <= p.rest - p.parts * floor(p.rest / p.parts)
                                         THEN 1 ELSE 0 END)),
           p.newly_exposed
    FROM part p;
END;
COMMENT ON FUNCTION posture_internal.initiative_change(
    date, date, integer[], counting_scope) IS
    'returns the signed parts of each initiative''s change between two days, by all assets or '
    'those of a group, which sum exactly to score - previous score; changed values are '
    'attributed to reasons for the initiatives in detailed only';

/*
 * Why a score changed between two days.
 *
 * An initiative's: by every method a score is S = 100 G / U with
 * U = sum(weight x mass) and G = sum(weight x healthy) over its terms. With '
 * for the later day,
 *     S - S' = sum over terms of 100 (G (u' - u) - U (g' - g)) / (U U')
 * so that a term's part depends on its own change alone: a term that stayed as
 * it was has no part, one that left lost what it held above the average. What
 * a term's own change is made of are the steps of 54_step.sql, and the formula
 * is linear in them.
 */

CREATE FUNCTION posture_internal.metric_change(previous_day date, on_day date, metrics integer[])
    RETURNS TABLE (metric_id integer, recommendation_id integer, reason text, points numeric, newly_exposed bigint, only_this bigint,
                   assets assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH compared AS MATERIALIZED (
        SELECT n.metric_id, p.score AS previous_score, n.score
        FROM metric_snapshot n
        JOIN metric_snapshot p ON p.metric_id = n.metric_id AND p.day = previous_day
        WHERE n.day = on_day AND n.metric_id = ANY (metrics) AND n.score IS NOT NULL AND p.score IS NOT NULL
    ), step AS MATERIALIZED (
        SELECT s.object_id AS metric_id, s.step, s.fresh, s.assets, s.recommendations,
               score(s.exposed + coalesce(s.points_missing, 0), s.assessed + coalesce(s.points_possible, 0)) AS score
        FROM change_attribution(previous_day, on_day, metrics, '{}') s
    ), value AS (
        -- a step that leaves nothing to assess has no score of its own
        SELECT s.metric_id, s.step, s.score FROM step s WHERE s.score IS NOT NULL
        UNION ALL
        SELECT c.metric_id, -1, c.previous_score FROM compared c
        UNION ALL
        SELECT c.metric_id, 99, c.score FROM compared c
    ), part AS (
        SELECT v.metric_id, v.step, lag(v.score) OVER o - v.score AS points
        FROM value v
        WHERE v.metric_id IN (SELECT c.metric_id FROM compared c)
        WINDOW o AS (PARTITION BY v.metric_id ORDER BY v.step)
    ), total AS (
        SELECT p.metric_id, coalesce(r.step, 99) AS step, coalesce(r.reason, 'scope_change') AS reason, sum(p.points) AS points
        FROM part p LEFT JOIN change_reason() r ON r.step = p.step
        GROUP BY p.metric_id, coalesce(r.step, 99), coalesce(r.reason, 'scope_change')
    ), fresh AS MATERIALIZED (
        -- assets that became exposed, also new ones, and what they may fail
        SELECT s.metric_id, u.recommendation_id, s.fresh
        FROM (SELECT x.metric_id, union_agg(x.fresh) AS fresh FROM step x WHERE x.step IN (12, 14) GROUP BY x.metric_id) s
        JOIN metric_snapshot m ON m.metric_id = s.metric_id AND m.day = on_day
        CROSS JOIN LATERAL unnest(m.recommendations) u(recommendation_id)
        WHERE s.fresh <> '{}'
    ), failing AS (
        SELECT f.metric_id, f.recommendation_id, a.asset_id, count(*) OVER (PARTITION BY f.metric_id, a.asset_id) AS failed
        FROM fresh f
        JOIN change_sets(previous_day, on_day, ARRAY(SELECT DISTINCT x.recommendation_id FROM fresh x)) r USING (recommendation_id)
        CROSS JOIN LATERAL members(
            f.fresh & set_difference(set_difference(r.is_exposed, r.is_waived), r.is_mitigated)) a(asset_id)
    )
    SELECT t.metric_id, CASE WHEN cardinality(s.recommendations) = 1 THEN s.recommendations[1] END, t.reason, t.points,
           cardinality(s.fresh), NULL::bigint, s.assets
    FROM total t
    LEFT JOIN step s USING (metric_id, step)
    WHERE t.points <> 0 OR cardinality(s.assets) > 0 OR cardinality(s.recommendations) > 0
    UNION ALL
    -- what left nothing to assess, and came before what did
    SELECT s.metric_id, CASE WHEN cardinality(s.recommendations) = 1 THEN s.recommendations[1] END, r.reason, NULL, NULL, NULL, s.assets
    FROM step s
    JOIN change_reason() r ON r.step = s.step
    WHERE s.score IS NULL AND cardinality(s.assets) > 0 AND s.metric_id IN (SELECT c.metric_id FROM compared c)
    UNION ALL
    SELECT t.metric_id, u.recommendation_id, t.reason, NULL, NULL, NULL, NULL
    FROM total t
    JOIN step s USING (metric_id, step)
    CROSS JOIN LATERAL unnest(s.recommendations) u(recommendation_id)
    WHERE cardinality(s.recommendations) > 1
    UNION ALL
    SELECT f.metric_id, f.recommendation_id, 'newly_exposed', NULL, count(*), count(*) FILTER (WHERE f.failed = 1), assetset_agg(f.asset_id)
    FROM failing f
    GROUP BY f.metric_id, f.recommendation_id;
END $$;
COMMENT ON FUNCTION posture_internal.metric_change(date, date, integer[]) IS 'the signed parts of each metric''s change between two days, which sum exactly to previous score - score; without points: newly exposed assets by recommendation, the recommendations of a part that several have, and steps that left nothing to assess';

CREATE FUNCTION posture_internal.initiative_term_pair(previous_day date, on_day date)
    RETURNS TABLE (initiative_id integer, method initiative_method, previous_method initiative_method, previous_score score,
                   metric_id integer, recommendation_id integer, came_or_went text,
                   pw numeric, nw numeric, pm numeric, nm numeric, ph numeric, nh numeric, pu numeric, nu numeric, pg numeric, ng numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH compared AS (
        -- as numeric: pg_upgrade makes functions before the operator class that grouping by a score takes
        SELECT n.initiative_id, n.method, p.method AS previous_method, p.score::numeric AS previous_score
        FROM initiative_snapshot n
        JOIN initiative_snapshot p USING (initiative_id)
        WHERE n.day = on_day AND p.day = previous_day AND n.score IS NOT NULL AND p.score IS NOT NULL
    ), term AS (
        SELECT false AS is_now, t.* FROM initiative_term(previous_day) t
        UNION ALL
        SELECT true, t.* FROM initiative_term(on_day) t
    ), pair AS (
        -- p.. on the previous day, n.. now; a term without mass is unavailable
        SELECT c.initiative_id, c.method, c.previous_method, c.previous_score, t.metric_id, t.recommendation_id,
               bool_or(NOT t.is_now) AS was, bool_or(t.is_now) AS "is",
               max(t.weight) FILTER (WHERE NOT t.is_now) AS pw, max(t.weight) FILTER (WHERE t.is_now) AS nw,
               max(t.mass) FILTER (WHERE NOT t.is_now) AS pm, max(t.mass) FILTER (WHERE t.is_now) AS nm,
               max(t.healthy) FILTER (WHERE NOT t.is_now) AS ph, max(t.healthy) FILTER (WHERE t.is_now) AS nh
        FROM compared c JOIN term t USING (initiative_id, method)
        GROUP BY c.initiative_id, c.method, c.previous_method, c.previous_score, t.metric_id, t.recommendation_id
    )
    SELECT x.initiative_id, x.method, x.previous_method, x.previous_score::score, x.metric_id, x.recommendation_id,
           CASE WHEN NOT x.was THEN 'added' WHEN NOT x."is" THEN 'removed'
                WHEN x.pm IS NOT NULL AND x.nm IS NULL THEN 'unavailable'
                WHEN x.pm IS NULL AND x.nm IS NOT NULL THEN 'available' END,
           x.pw, x.nw, x.pm, x.nm, x.ph, x.nh,
           sum(x.pw * x.pm) OVER i, sum(x.nw * x.nm) OVER i, sum(x.pw * x.ph) OVER i, sum(x.nw * x.nh) OVER i
    FROM pair x
    WINDOW i AS (PARTITION BY x.initiative_id);
END;
COMMENT ON FUNCTION posture_internal.initiative_term_pair(date, date) IS 'the terms of each initiative on two days by the method of the later one: p.. of the previous day, n.. of the day; w: weight, m: mass, h: healthy, u and g: their sums';

CREATE FUNCTION posture_internal.initiative_value_change(previous_day date, on_day date, apart integer[])
    RETURNS TABLE (initiative_id integer, metric_id integer, recommendation_id integer, reason text, newly_exposed bigint, mass numeric, healthy numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH term AS MATERIALIZED (
        SELECT x.*
        FROM initiative_term_pair(previous_day, on_day) x
        WHERE x.came_or_went IS NULL AND x.pw > 0 AND (x.nm <> x.pm OR x.nh <> x.ph)
    ), step AS MATERIALIZED (
        SELECT s.*
        FROM change_attribution(
            previous_day, on_day,
            ARRAY(SELECT DISTINCT t.metric_id FROM term t WHERE t.initiative_id = ANY (apart) AND t.metric_id IS NOT NULL),
            ARRAY(SELECT DISTINCT t.recommendation_id FROM term t WHERE t.initiative_id = ANY (apart) AND t.recommendation_id IS NOT NULL)) s
        WHERE EXISTS (SELECT FROM term t WHERE t.initiative_id = ANY (apart))
    ), value AS (
        SELECT t.initiative_id, t.metric_id, t.recommendation_id, -1 AS step, t.pm AS mass, t.ph AS healthy, NULL::bigint AS newly_exposed, NULL::integer[] AS recommendations FROM term t
        UNION ALL
        SELECT t.initiative_id, t.metric_id, t.recommendation_id, 99, t.nm, t.nh, NULL, NULL FROM term t
        UNION ALL
        SELECT t.initiative_id, t.metric_id, t.recommendation_id, s.step,
               CASE t.method WHEN 'weighted' THEN 1 WHEN 'population' THEN n.assessed ELSE coalesce(s.points_possible, t.pm) END,
               CASE t.method WHEN 'weighted' THEN score(n.exposed, n.assessed)::numeric * 0.01
                             WHEN 'population' THEN n.assessed - n.exposed
                             -- worth what it was, until the last step
                             ELSE achieved_points(t.pm, s.exposed::numeric, s.assessed::numeric, s.points_missing, s.points_possible) END,
               cardinality(s.fresh), s.recommendations
        FROM term t
        JOIN step s ON s.object_kind = CASE WHEN t.metric_id IS NOT NULL THEN 'metric' ELSE 'recommendation' END
                   AND s.object_id = coalesce(t.metric_id, t.recommendation_id)
        CROSS JOIN LATERAL (SELECT s.exposed + coalesce(s.points_missing, 0) AS exposed, s.assessed + coalesce(s.points_possible, 0) AS assessed) n
        WHERE t.initiative_id = ANY (apart)
    ), delta AS (
        -- a step that leaves nothing to assess has no value of its own
        SELECT v.initiative_id, v.metric_id, v.recommendation_id, v.step, v.newly_exposed, v.recommendations,
               v.mass - lag(v.mass) OVER o AS mass, v.healthy - lag(v.healthy) OVER o AS healthy
        FROM value v
        WHERE v.mass > 0 AND v.healthy IS NOT NULL OR v.step IN (-1, 99)
        WINDOW o AS (PARTITION BY v.initiative_id, v.metric_id, v.recommendation_id ORDER BY v.step)
    )
    SELECT d.initiative_id, d.metric_id,
           -- in a metric, the recommendation that a step is about, if it is one
           coalesce(d.recommendation_id, max(d.recommendations[1]) FILTER (WHERE cardinality(d.recommendations) = 1)),
           y.reason, sum(d.newly_exposed)::bigint, sum(d.mass), sum(d.healthy)
    FROM delta d
    LEFT JOIN change_reason() r ON r.step = d.step
    CROSS JOIN LATERAL (SELECT CASE WHEN r.is_posture OR NOT coalesce(d.initiative_id = ANY (apart), false) THEN 'value_change'
                                    ELSE coalesce(r.reason, 'scope_change') END AS reason) y
    WHERE d.mass <> 0 OR d.healthy <> 0 OR d.newly_exposed > 0
    GROUP BY d.initiative_id, d.metric_id, d.recommendation_id, y.reason;
END $$;
COMMENT ON FUNCTION posture_internal.initiative_value_change(date, date, integer[]) IS 'what changed the value of each term of an initiative between two days, and by how much: of some initiatives taken apart by reason, of others as a whole';

CREATE FUNCTION posture_internal.initiative_change_part(previous_day date, on_day date, apart integer[])
    RETURNS TABLE (initiative_id integer, metric_id integer, recommendation_id integer, reason text, newly_exposed bigint, exact numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH pair AS MATERIALIZED (
        SELECT * FROM initiative_term_pair(previous_day, on_day)
    ), part AS (
        SELECT * FROM pair x WHERE x.pu > 0 AND x.nu > 0
    )
    SELECT x.initiative_id, x.metric_id, x.recommendation_id,
           CASE WHEN x.metric_id IS NOT NULL THEN 'metric_' ELSE 'recommendation_' END || x.came_or_went, NULL::bigint,
           100 * (x.pg * (coalesce(x.nw * x.nm, 0) - coalesce(x.pw * x.pm, 0))
                  - x.pu * (coalesce(x.nw * x.nh, 0) - coalesce(x.pw * x.ph, 0))) / (x.pu * x.nu)
    FROM part x
    WHERE x.came_or_went IS NOT NULL AND coalesce(x.pm, x.nm) IS NOT NULL
    UNION ALL
    SELECT x.initiative_id, x.metric_id, x.recommendation_id, 'weight_change', NULL,
           100 * (x.nw - x.pw) * (x.pg * x.nm - x.pu * x.nh) / (x.pu * x.nu)
    FROM part x
    WHERE x.came_or_went IS NULL AND x.nw <> x.pw AND x.nm IS NOT NULL
    UNION ALL
    SELECT x.initiative_id, x.metric_id, v.recommendation_id, v.reason, v.newly_exposed,
           100 * x.pw * (x.pg * v.mass - x.pu * v.healthy) / (x.pu * x.nu)
    FROM part x
    JOIN initiative_value_change(previous_day, on_day, apart) v
      ON v.initiative_id = x.initiative_id AND coalesce(v.metric_id, -v.recommendation_id) = coalesce(x.metric_id, -x.recommendation_id)
    UNION ALL
    -- what the change of method alone did: the same day by the two methods
    SELECT DISTINCT x.initiative_id, NULL::integer, NULL::integer, 'method_change', NULL::bigint,
           x.previous_score - CASE WHEN x.pu > 0 THEN 100 * x.pg / x.pu ELSE 100 * x.ng / x.nu END
    FROM pair x
    WHERE x.method <> x.previous_method OR x.pu IS NULL OR x.pu = 0;
END;
COMMENT ON FUNCTION posture_internal.initiative_change_part(date, date, integer[]) IS 'the terms of each initiative that changed between two days, with the points lost through each before rounding; of some initiatives the values taken apart by reason';

CREATE FUNCTION posture_internal.initiative_change(previous_day date, on_day date, apart integer[])
    RETURNS TABLE (initiative_id integer, metric_id integer, recommendation_id integer, reason text, points numeric, newly_exposed bigint)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH part AS (
        SELECT p.*, floor(p.exact * 1000000) AS millionths,
               1000000 * (b.score - n.score) - sum(floor(p.exact * 1000000)) OVER of_initiative AS rest,
               count(*) OVER of_initiative AS parts,
               row_number() OVER (PARTITION BY p.initiative_id
                                  ORDER BY p.exact * 1000000 - floor(p.exact * 1000000) DESC,
                                           p.metric_id, p.recommendation_id, p.reason) AS rank
        FROM initiative_change_part(previous_day, on_day, apart) p
        JOIN initiative_snapshot n ON n.initiative_id = p.initiative_id AND n.day = on_day
        JOIN initiative_snapshot b ON b.initiative_id = p.initiative_id AND b.day = previous_day
        WINDOW of_initiative AS (PARTITION BY p.initiative_id)
    )
    SELECT p.initiative_id, p.metric_id, p.recommendation_id, p.reason,
           trim_scale(0.000001 * (p.millionths + floor(p.rest / p.parts)
                                  + CASE WHEN p.rank <= p.rest - p.parts * floor(p.rest / p.parts) THEN 1 ELSE 0 END)),
           p.newly_exposed
    FROM part p;
END;
COMMENT ON FUNCTION posture_internal.initiative_change(date, date, integer[]) IS 'the signed parts of each initiative''s change between two days; they sum exactly to previous score - score, what rounding leaves goes to the largest remainders; of some initiatives the values taken apart by reason';

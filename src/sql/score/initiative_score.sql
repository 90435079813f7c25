/*
 * Scores from counts. The score of an initiative is
 *     100 x sum(weight x healthy) / sum(weight x mass)
 * over its terms. This is the only place with this formula: for now, a past day,
 * a group, a scenario, and the causes of a change.
 */

CREATE FUNCTION posture_internal.score_bounds(
    exposed numeric, assessed numeric, population numeric, unassessed numeric)
    RETURNS TABLE (score_low score, score_high score)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
    -- what is assessed and not exposed is healthy, whatever the unassessed members count as
BEGIN ATOMIC
    SELECT score(population - (assessed - exposed), population),
           score(population - (assessed - exposed) - unassessed, population)
    -- somebody may have stored others
    WHERE population > 0 AND assessed <= population
      AND assessed - exposed + unassessed <= population;
END;
COMMENT ON FUNCTION posture_internal.score_bounds(numeric, numeric, numeric, numeric) IS
    'returns the scores if all unassessed members of a population were exposed, and if none were; '
    'no row: the population is empty, or has fewer';

CREATE FUNCTION posture_internal.metric_term(
    of_score score, exposed numeric, assessed numeric, population numeric, unassessed numeric)
    RETURNS TABLE (method initiative_method, mass numeric, healthy numeric,
                   full_mass numeric, least_healthy numeric, most_healthy numeric)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 2
BEGIN ATOMIC
    SELECT 'weighted'::initiative_method, CASE WHEN of_score IS NOT NULL THEN 1::numeric END,
           of_score::numeric * 0.01, CASE WHEN population > 0 THEN 1::numeric END,
           b.score_low::numeric * 0.01, b.score_high::numeric * 0.01
    FROM (VALUES (1)) one
    LEFT JOIN score_bounds(exposed, assessed, population, unassessed) b ON true
    UNION ALL
    SELECT 'population', CASE WHEN of_score IS NOT NULL THEN assessed END,
           CASE WHEN of_score IS NOT NULL THEN assessed - exposed END,
           nullif(population, 0), assessed - exposed, assessed - exposed + unassessed;
END;
COMMENT ON FUNCTION posture_internal.metric_term(score, numeric, numeric, numeric, numeric) IS
    'returns the term of a metric by each method of initiatives that have metrics; mass NULL: the '
    'metric is unavailable; full_mass, least_healthy, most_healthy: those with all unassessed '
    'members, exposed or not; full_mass NULL: the population is empty';

-- The snapshot of a day has all that its terms need, unless counts are given, or a scenario or a
-- group is asked for.
CREATE FUNCTION posture_internal.term_state(
    on_day date, scenario jsonb, scope counting_scope,
    counts counted_object[] DEFAULT NULL)
    RETURNS TABLE (metric_id integer, recommendation_id integer, initiative_id integer,
                   exposed numeric, assessed numeric, critical bigint, score score,
                   points_missing numeric, points_possible numeric, max_points numeric,
                   asset_group_id integer, population numeric, unassessed numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    IF on_day IS NOT NULL AND scenario IS NULL AND scope.groups IS NULL AND counts IS NULL THEN
        RETURN QUERY
        SELECT s.metric_id, NULL::integer, NULL::integer, s.exposed, s.assessed, NULL::bigint,
               s.score, NULL::numeric, NULL::numeric, NULL::numeric, NULL::integer,
               coalesce(s.population, s.assessed), coalesce(s.unassessed, 0)
        FROM metric_snapshot s
        WHERE s.day = on_day
        UNION ALL
        SELECT NULL, s.recommendation_id, NULL, NULL, NULL, NULL, NULL,
               s.possible - s.achieved, s.possible, NULL, NULL, NULL, NULL
        FROM recommendation_snapshot s
        WHERE s.day = on_day
        UNION ALL
        SELECT NULL, NULL, s.initiative_id, s.exposed, s.assessed, NULL, NULL, NULL, NULL, NULL,
               NULL, s.population, s.unassessed
        FROM initiative_snapshot s
        WHERE s.day = on_day AND s.population IS NOT NULL;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT s.metric_id, s.recommendation_id, s.initiative_id, s.exposed, s.assessed, s.critical,
           s.score, s.points_missing, s.points_possible,
           CASE WHEN d.assessed > 0 AND NOT d.is_measured THEN d.possible
                ELSE r.max_points END, s.asset_group_id, s.population, s.unassessed
    FROM current_state(coalesce(day_end(on_day), 'infinity'), true, on_day, scenario, scope,
                       counts) s
    LEFT JOIN recommendation r ON r.recommendation_id = s.recommendation_id
    LEFT JOIN recommendation_snapshot d ON d.day = on_day
                                       AND d.recommendation_id = s.recommendation_id;
END $$;
COMMENT ON FUNCTION posture_internal.term_state(
    date, jsonb, counting_scope, counted_object[]) IS
    'returns the state of objects now or on a day, from which terms are made; max_points: those '
    'of that day, if they are known';

CREATE FUNCTION posture_internal.initiative_term(
    on_day date, scenario jsonb DEFAULT NULL, scope counting_scope DEFAULT NULL,
    counts counted_object[] DEFAULT NULL)
    RETURNS TABLE (initiative_id integer, method initiative_method, metric_id integer,
                   recommendation_id integer, weight numeric, mass numeric, healthy numeric,
                   critical bigint, asset_group_id integer, population numeric,
                   unassessed numeric, full_mass numeric, least_healthy numeric,
                   most_healthy numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH state AS MATERIALIZED (
        SELECT s.*, coalesce(s.asset_group_id, 0) AS in_group
        FROM term_state(on_day, scenario, scope, counts) s
    ), counted_group AS (
        SELECT 0 AS in_group WHERE scope.groups IS NULL
        UNION ALL
        SELECT unnest(scope.group_ids) WHERE scope.groups IS NOT NULL
    ), definition AS MATERIALIZED (
        SELECT i.initiative_id, i.method, i.recommendations
        FROM initiative_definition(on_day, scenario) i
        WHERE scope.initiatives IS NULL OR scope.initiatives @> i.initiative_id
    ), member AS MATERIALIZED (
        SELECT b.initiative_id, b.metric_id, b.weight, m.exposed, m.assessed, m.score, m.critical,
               m.population, m.unassessed, g.in_group
        FROM initiative_member(on_day, scenario) b
        JOIN definition d ON d.initiative_id = b.initiative_id
        CROSS JOIN counted_group g
        LEFT JOIN state m ON m.metric_id = b.metric_id AND m.in_group = g.in_group
    )
    SELECT b.initiative_id, t.method, b.metric_id, NULL::integer, b.weight, t.mass, t.healthy,
           b.critical, nullif(b.in_group, 0), b.population, b.unassessed, t.full_mass,
           t.least_healthy, t.most_healthy
    FROM member b
    CROSS JOIN LATERAL metric_term(b.score, b.exposed, b.assessed, b.population,
                                   b.unassessed) t
    UNION ALL
    SELECT o.initiative_id, 'points', NULL, o.recommendation_id, 1, v.possible, v.achieved, NULL,
           nullif(o.in_group, 0), NULL, NULL, v.possible, v.achieved, v.achieved
    FROM (SELECT b.initiative_id, mr.recommendation_id, b.in_group
          FROM definition d
          JOIN member b USING (initiative_id)
          JOIN metric_member(on_day, scenario) mr USING (metric_id)
          WHERE b.weight > 0 AND b.score IS NOT NULL AND (d.method = 'points' OR on_day IS NOT NULL)
          UNION
          SELECT d.initiative_id, unnest(d.recommendations), g.in_group
          FROM definition d CROSS JOIN counted_group g
          WHERE d.method = 'points' OR on_day IS NOT NULL) o
    LEFT JOIN state p ON p.recommendation_id = o.recommendation_id AND p.in_group = o.in_group
    CROSS JOIN LATERAL (
        SELECT possible_points(p.max_points, p.assessed, p.points_possible) AS possible,
               achieved_points(p.max_points, p.exposed, p.assessed, p.points_missing,
                               p.points_possible) AS achieved) v
    UNION ALL
    SELECT s.initiative_id, NULL, s.metric_id, NULL, NULL, s.assessed, s.assessed - s.exposed,
           s.critical, s.asset_group_id, s.population, s.unassessed, NULL, NULL, NULL
    FROM state s
    LEFT JOIN definition d USING (initiative_id)
    WHERE d.initiative_id IS NOT NULL OR s.metric_id IS NOT NULL;
END $$;
COMMENT ON FUNCTION posture_internal.initiative_term(
    date, jsonb, counting_scope, counted_object[]) IS
    'returns the terms of each initiative, for each group of the scope if it has any: for metrics, '
    'by both methods that use metrics; for recommendations, by points (with on_day NULL, only if '
    'the initiative adds up by points); mass NULL: unavailable; critical: critical assets that the '
    'metric has exposed, NULL on a day whose snapshot is read; full_mass, least_healthy and '
    'most_healthy: those with all unassessed members of populations, which recommendations by '
    'points do not have. With method NULL, the '
    'counts of each metric by itself and of each initiative, unless a snapshot is read that does '
    'not have them';

-- Achieved points have 40 decimals, and their sum is rounded to 30, so that the
-- inexact last digits of a quotient don't affect a score: three thirds are one.
CREATE FUNCTION posture_internal.initiative_result(
    on_day date, scenario jsonb DEFAULT NULL, scope counting_scope DEFAULT NULL)
    RETURNS TABLE (initiative_id integer, method initiative_method, score score,
                   score_low score, score_high score)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    IF on_day IS NOT NULL AND NOT sees_all() THEN
        RETURN QUERY
        SELECT i.initiative_id, i.method, r.score, r.score_low, r.score_high
        FROM initiative_definition(on_day, scenario) i
        JOIN owner_report_row(on_day, scenario, scope, NULL) r
          ON r.initiative_id = i.initiative_id AND r.metric_id IS NULL;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT i.initiative_id, i.method,
           score(round(sum(t.weight * (t.mass - t.healthy)), 30), sum(t.weight * t.mass)),
           score(round(sum(t.weight * (t.full_mass - t.least_healthy)), 30),
                 sum(t.weight * t.full_mass)),
           score(round(sum(t.weight * (t.full_mass - t.most_healthy)), 30),
                 sum(t.weight * t.full_mass))
    FROM initiative_definition(on_day, scenario) i
    LEFT JOIN initiative_term(on_day, scenario, scope) t
           ON t.initiative_id = i.initiative_id AND t.method = i.method
    WHERE scope.initiatives IS NULL OR scope.initiatives @> i.initiative_id
    GROUP BY i.initiative_id, i.method;
END $$;
COMMENT ON FUNCTION posture_internal.initiative_result(date, jsonb, counting_scope) IS
    'returns the method and score of each active initiative of a scope, now or on a day, under a '
    'scenario, and its bounds: the scores if all unassessed members of populations were exposed, '
    'and if none were';

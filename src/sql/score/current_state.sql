/*
 * The state of metrics, recommendations and initiatives: counts of assets
 * together with points of measures. Points belong to the whole organisation, so
 * those of measures don't count for a group.
 *
 * Each kind of object has a column for its id, because the planner expects few
 * rows of a function to have a given kind, and many to have an id.
 */

CREATE FUNCTION posture_internal.counted_state(
    as_of timestamptz, on_day date, scenario jsonb, scope counting_scope, from_store boolean,
    counts counted_object[] DEFAULT NULL)
    RETURNS TABLE (asset_group_id integer, object_kind text, object_id integer, assessed bigint,
                   exposed bigint, failing bigint, critical bigint, population bigint,
                   unassessed bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF counts IS NOT NULL THEN
        RETURN QUERY
        SELECT c.asset_group_id, c.object_kind, c.object_id, c.assessed, c.exposed, c.failing,
               c.critical, c.population, c.unassessed
        FROM unnest(counts) c;
    ELSIF NOT from_store THEN
        RETURN QUERY
        SELECT c.asset_group_id, c.object_kind, c.object_id, c.assessed, c.exposed, c.failing,
               c.critical, c.population, c.unassessed
        FROM count_recomputed(counting_rule(as_of, NULL, scenario, 'recomputed', NULL, NULL, NULL),
                              as_of) c;
    ELSIF as_of = 'infinity' AND on_day IS NULL AND scope.groups IS NULL
          AND coalesce(scenario = without_exemptions(), true) THEN
        RETURN QUERY SELECT NULL::integer, n.* FROM current_object_count(scenario IS NOT NULL) n;
    ELSE
        RETURN QUERY
        SELECT c.asset_group_id, c.object_kind, c.object_id, c.assessed, c.exposed, c.failing,
               c.critical, c.population, c.unassessed
        FROM counted(as_of, on_day, scenario, scope) c;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.counted_state(
    timestamptz, date, jsonb, counting_scope, boolean, counted_object[]) IS
    'returns the counts of objects: those given, or stored ones if they answer the question, or '
    'those of counted(); with from_store false, counts of sets that are recomputed from finding';

CREATE FUNCTION posture_internal.current_state(
    as_of timestamptz, from_store boolean DEFAULT true, on_day date DEFAULT NULL,
    scenario jsonb DEFAULT NULL, scope counting_scope DEFAULT NULL,
    counts counted_object[] DEFAULT NULL)
    RETURNS TABLE (metric_id integer, recommendation_id integer, initiative_id integer,
                   exposed numeric, assessed numeric, critical bigint, failing boolean,
                   score score, points_missing numeric, points_possible numeric,
                   asset_group_id integer, population numeric, unassessed numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN QUERY
    WITH counted AS MATERIALIZED (
        SELECT c.*, coalesce(c.asset_group_id, 0) AS in_group,
               CASE c.object_kind WHEN 'metric' THEN c.object_id END AS metric,
               CASE c.object_kind WHEN 'recommendation' THEN c.object_id END AS recommendation,
               CASE c.object_kind WHEN 'initiative' THEN c.object_id END AS initiative
        FROM counted_state(as_of, on_day, scenario, scope, from_store, counts) c
    ), counted_group AS (
        SELECT NULL::integer AS id WHERE scope.groups IS NULL
        UNION ALL
        SELECT unnest(scope.group_ids) WHERE scope.groups IS NOT NULL
    ), measured AS MATERIALIZED (
        SELECT m.*
        FROM measured(as_of, on_day, scenario) m
        WHERE scope.groups IS NULL AND (scope.owned IS NULL OR scope.owned @> m.recommendation_id)
    ), metric AS (
        SELECT m.metric_id, g.id, coalesce(c.exposed, 0) + coalesce(o.missing, 0) AS exposed,
               coalesce(c.assessed, 0) + coalesce(o.possible, 0) AS assessed,
               coalesce(c.critical, 0) AS critical,
               coalesce(c.population, 0) + coalesce(o.possible, 0) AS population,
               coalesce(c.unassessed, 0)::numeric AS unassessed
        FROM metric_definition(on_day, scenario) m
        CROSS JOIN counted_group g
        LEFT JOIN counted c ON c.metric = m.metric_id AND c.in_group = coalesce(g.id, 0)
        LEFT JOIN (SELECT b.metric_id, sum(x.possible - x.achieved) AS missing,
                          sum(x.possible) AS possible
                   FROM measured x
                   JOIN metric_member(on_day, scenario) b
                     ON b.recommendation_id = x.recommendation_id
                   GROUP BY b.metric_id) o ON o.metric_id = m.metric_id
        WHERE scope.metrics IS NULL OR scope.metrics @> m.metric_id
    )
    SELECT m.metric_id, NULL::integer, NULL::integer, m.exposed, m.assessed, m.critical,
           NULL::boolean, score(m.exposed, m.assessed), NULL::numeric, NULL::numeric, m.id,
           m.population, m.unassessed
    FROM metric m
    UNION ALL
    SELECT NULL, coalesce(c.recommendation, m.recommendation_id), NULL, coalesce(c.exposed, 0),
           coalesce(c.assessed, 0), NULL,
           coalesce(c.failing > 0, false) OR coalesce(m.failing, false), NULL,
           m.possible - m.achieved, m.possible, c.asset_group_id, coalesce(c.population, 0),
           coalesce(c.unassessed, 0)
    FROM (SELECT x.recommendation, x.assessed, x.exposed, x.failing, x.asset_group_id,
                 x.population, x.unassessed
          FROM counted x
          WHERE x.recommendation IS NOT NULL
            AND (x.assessed > 0 OR x.failing > 0 OR x.unassessed > 0)) c
    FULL JOIN measured m ON m.recommendation_id = c.recommendation
    UNION ALL
    SELECT NULL, NULL, i.initiative_id, coalesce(c.exposed, 0), coalesce(c.assessed, 0),
           coalesce(c.critical, 0), NULL, NULL, NULL, NULL, g.id, coalesce(c.population, 0),
           coalesce(c.unassessed, 0)
    FROM initiative_definition(on_day, scenario) i
    CROSS JOIN counted_group g
    LEFT JOIN counted c ON c.initiative = i.initiative_id AND c.in_group = coalesce(g.id, 0)
    WHERE scope.initiatives IS NULL OR scope.initiatives @> i.initiative_id;
END $$;
COMMENT ON FUNCTION posture_internal.current_state(
    timestamptz, boolean, date, jsonb, counting_scope, counted_object[]) IS
    'returns each active metric with its distinct assets exposed and assessed, as many times as '
    'it weighs them, plus points of its measures, its critical assets exposed and its score; '
    'each recommendation with its assets and the points of its measure; '
    'each active initiative with its distinct assets; for each group of the scope, if it has any; '
    'population: assets assessed or unassessed, plus points of measures; unassessed: members of '
    'populations that nothing assesses';

CREATE FUNCTION posture_internal.metric_state(
    as_of timestamptz, from_store boolean DEFAULT true)
    RETURNS TABLE (metric_id integer, exposed numeric, assessed numeric, score score)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.metric_id, s.exposed, s.assessed, s.score
    FROM current_state(as_of, from_store) s
    WHERE s.metric_id IS NOT NULL;
END;
COMMENT ON FUNCTION posture_internal.metric_state(timestamptz, boolean) IS
    'returns the state of each active metric at a given time';

CREATE FUNCTION posture_internal.recommendation_state(
    as_of timestamptz, from_store boolean DEFAULT true)
    RETURNS TABLE (recommendation_id integer, exposed numeric, assessed numeric, failing boolean,
                   achieved numeric, possible numeric,
                   points_missing numeric, points_possible numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT recommendation_id, s.exposed, s.assessed, s.failing,
           achieved_points(r.max_points, s.exposed, s.assessed,
                           s.points_missing, s.points_possible),
           possible_points(r.max_points, s.assessed, s.points_possible),
           s.points_missing, s.points_possible
    FROM current_state(as_of, from_store) s
    JOIN recommendation r USING (recommendation_id);
END;
COMMENT ON FUNCTION posture_internal.recommendation_state(timestamptz, boolean) IS
    'returns the state of each recommendation of an active source that has data at a given time';

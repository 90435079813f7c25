/*
 * change_attribution(): the steps of attribution.sql, on a head added up over all
 * nodes.
 */

-- A node leaves out a step that changes nothing there: it has the counts of the step before.
CREATE FUNCTION posture_internal.added_steps(counts step_count[])
    RETURNS TABLE (object_kind text, object_id integer, step integer,
                   assessed bigint, exposed bigint,
                   points_missing numeric, points_possible numeric,
                   newly_exposed assetset, assets assetset, recommendations integer[])
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH node_step AS MATERIALIZED (
        SELECT c.*, lead(c.step, 1, 99) OVER (PARTITION BY c.node_id, c.object_kind, c.object_id
                                              ORDER BY c.step) AS next_step
        FROM unnest(counts) c
        WHERE c.step IS NOT NULL
    ), counted AS (
        SELECT s.object_kind, s.object_id, s.step, sum(n.assessed)::bigint AS assessed,
               sum(n.exposed)::bigint AS exposed, sum(n.points_missing) AS points_missing,
               sum(n.points_possible) AS points_possible
        FROM (SELECT DISTINCT x.object_kind, x.object_id, x.step FROM node_step x) s
        JOIN node_step n ON n.object_kind = s.object_kind AND n.object_id = s.object_id
                        AND n.step <= s.step AND n.next_step > s.step
        GROUP BY s.object_kind, s.object_id, s.step
    ), united AS (
        SELECT c.object_kind, c.object_id, c.step, union_agg(c.newly_exposed) AS newly_exposed,
               union_agg(c.assets) AS assets,
               union_agg(c.recommendations::assetset)::integer[] AS recommendations
        FROM unnest(counts) c
        -- a row without a step is that of one recommendation
        GROUP BY c.object_kind, c.object_id, c.step,
                 CASE WHEN c.step IS NULL THEN c.recommendations END
    )
    SELECT u.object_kind, u.object_id, u.step, c.assessed, c.exposed, c.points_missing,
           c.points_possible, u.newly_exposed, u.assets, u.recommendations
    FROM united u
    LEFT JOIN counted c ON c.object_kind = u.object_kind AND c.object_id = u.object_id
                       AND c.step = u.step;
END;
COMMENT ON FUNCTION posture_internal.added_steps(step_count[]) IS
    'adds up the steps of all nodes: returns rows as change_attribution() does';

CREATE FUNCTION posture_internal.attribution_of_nodes(
    previous_day date, on_day date, of_metrics integer[], of_recommendations integer[],
    within assetset, of_group integer)
    RETURNS SETOF step_count
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    chosen integer[] := measured_between(previous_day, on_day, of_metrics, of_recommendations);
    known data_flag[];
BEGIN
    known := ARRAY(
        SELECT (f.recommendation_id, bool_or(f.had_data), bool_or(f.has_data))::data_flag
        FROM (SELECT * FROM data_flag_here(previous_day, on_day, chosen, of_group)
              UNION ALL
              SELECT *
              FROM ask_nodes(NULL::data_flag,
                             question('data_flag_here(%L, %L, %L, %L)', previous_day, on_day,
                                      chosen, of_group))) f
        GROUP BY f.recommendation_id);
    RETURN QUERY
    SELECT *
    FROM attribution_here(previous_day, on_day, of_metrics, of_recommendations, within, of_group,
                          known)
    UNION ALL
    SELECT *
    FROM ask_nodes(NULL::step_count,
                   question('attribution_here(%L, %L, %L, %L, NULL, %L, %L)', previous_day, on_day,
                            of_metrics, of_recommendations, of_group, known));
END $$;
COMMENT ON FUNCTION posture_internal.attribution_of_nodes(
    date, date, integer[], integer[], assetset, integer) IS
    'returns the steps of change_attribution() on a head and on each of its nodes';

CREATE FUNCTION posture_internal.change_attribution(
    previous_day date, on_day date, of_metrics integer[], of_recommendations integer[],
    within assetset, of_group integer)
    RETURNS TABLE (object_kind text, object_id integer, step integer,
                   assessed bigint, exposed bigint,
                   points_missing numeric, points_possible numeric,
                   newly_exposed assetset, assets assetset, recommendations integer[])
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
BEGIN
    IF NOT sees_all() THEN
        RETURN QUERY
        SELECT *
        FROM owner_change_attribution(previous_day, on_day, of_metrics, of_recommendations, within,
                                      of_group);
    ELSIF NOT has_nodes() THEN
        RETURN QUERY
        SELECT a.object_kind, a.object_id, a.step, a.assessed, a.exposed, a.points_missing,
               a.points_possible, a.newly_exposed, a.assets, a.recommendations
        FROM attribution_here(previous_day, on_day, of_metrics, of_recommendations, within,
                              of_group, NULL) a;
    ELSIF num_nonnulls(VARIADIC of_metrics || of_recommendations) > 0 THEN
        RETURN QUERY
        SELECT a.*
        FROM added_steps(ARRAY(SELECT n
                               FROM attribution_of_nodes(previous_day, on_day, of_metrics,
                                                         of_recommendations, within,
                                                         of_group) n)) a;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.change_attribution(
    date, date, integer[], integer[], assetset, integer) IS
    'returns the counts and points of metrics, and of the given recommendations as objects of '
    'their own, after each step from one day to another, by all assets or by those of a group, '
    'which has the assets within, on a head by those of all nodes; '
    'step -1 is the previous day; newly_exposed: assets that the step exposes; assets: assets that '
    'the step concerns; recommendations: recommendations that the step is about, empty for steps '
    'below 1 and above 10; step NULL: newly_exposed has the assets newly exposed by one '
    'recommendation of a metric';

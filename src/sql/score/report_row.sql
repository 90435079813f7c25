/*
 * The rows that reports show of initiatives and their metrics: now or on a day,
 * for all assets or for groups, as it is or under a scenario.
 */

CREATE FUNCTION posture_internal.scope_of(
    on_day date, scenario jsonb, of_initiatives integer[], of_group integer,
    of_metric integer DEFAULT NULL, within assetset DEFAULT NULL)
    RETURNS counting_scope
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    scope counting_scope;
BEGIN
    IF of_metric IS NOT NULL THEN
        scope.initiatives := '{}';
        scope.metrics := assetset_agg(of_metric);
    ELSIF of_initiatives IS NOT NULL THEN
        scope.initiatives := array_remove(of_initiatives, NULL)::assetset;
        scope.metrics := (SELECT coalesce(assetset_agg(b.metric_id), '{}')
                          FROM initiative_member(on_day, scenario) b
                          WHERE scope.initiatives @> b.initiative_id);
    END IF;
    IF scope.initiatives IS NOT NULL THEN
        scope.recommendations := (
            SELECT coalesce(assetset_agg(x.id), '{}')
            FROM (SELECT b.recommendation_id
                  FROM metric_member(on_day, scenario) b
                  WHERE scope.metrics @> b.metric_id
                  UNION ALL
                  SELECT unnest(d.recommendations)
                  FROM initiative_definition(on_day, scenario) d
                  WHERE scope.initiatives @> d.initiative_id) x(id));
    END IF;
    IF of_group IS NOT NULL THEN
        scope.group_ids := ARRAY[of_group];
        scope.groups := ARRAY[coalesce(within, group_assets(of_group))];
    END IF;
    RETURN scope;
END $$;
COMMENT ON FUNCTION posture_internal.scope_of(
    date, jsonb, integer[], integer, integer, assetset) IS
    'returns the scope of a question about initiatives, NULL: all, or about a metric alone, and the '
    'assets that a group has now, NULL: all; within: the assets of the group, if they are known';

CREATE FUNCTION posture_internal.all_groups() RETURNS counting_scope
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    scope counting_scope;
BEGIN
    scope.group_ids := ARRAY(SELECT g.asset_group_id FROM asset_group g ORDER BY 1);
    RETURN with_groups(scope);
END $$;
COMMENT ON FUNCTION posture_internal.all_groups() IS
    'returns the scope of all objects for each group that the caller sees';

-- The members that an owned initiative had on a past day are not rows that the owner sees now.
CREATE FUNCTION posture_internal.owner_report_row(
    on_day date, scenario jsonb, scope counting_scope, counts counted_object[])
    RETURNS TABLE (asset_group_id integer, initiative_id integer, metric_id integer,
                   weight numeric, score score, exposed numeric, assessed numeric,
                   critical bigint, score_impact numeric, population numeric,
                   unassessed numeric, score_low score, score_high score)
    AS 'MODULE_PATHNAME', 'posture_owner' LANGUAGE C STABLE PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION posture_internal.owner_report_row(
    date, jsonb, counting_scope, counted_object[]) IS
    'returns the part of report_row() of a past day that the caller owns';

CREATE FUNCTION posture_internal.report_row(
    on_day date, scenario jsonb, scope counting_scope, counts counted_object[] DEFAULT NULL)
    RETURNS TABLE (asset_group_id integer, initiative_id integer, metric_id integer,
                   weight numeric, score score, exposed numeric, assessed numeric,
                   critical bigint, score_impact numeric, population numeric,
                   unassessed numeric, score_low score, score_high score)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 200
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    IF on_day IS NOT NULL AND NOT sees_all() THEN
        RETURN QUERY SELECT * FROM owner_report_row(on_day, scenario, scope, counts);
        RETURN;
    END IF;
    RETURN QUERY
    WITH term AS MATERIALIZED (
        -- is_used: the term is of the method by which the initiative is scored
        SELECT t.*, coalesce(t.asset_group_id, 0) AS in_group,
               t.weight * (t.mass - t.healthy) AS missing, d.initiative_id IS NOT NULL AS is_used
        FROM initiative_term(on_day, scenario, scope, counts) t
        LEFT JOIN initiative_definition(on_day, scenario) d USING (initiative_id, method)
    ), total AS MATERIALIZED (
        SELECT t.initiative_id, t.in_group,
               sum(t.missing) FILTER (WHERE t.is_used AND t.mass IS NOT NULL) AS missing,
               sum(t.weight * t.mass) FILTER (WHERE t.is_used AND t.mass IS NOT NULL) AS mass,
               sum(t.weight * t.full_mass) FILTER (WHERE t.is_used) AS full_mass,
               sum(t.weight * (t.full_mass - t.least_healthy)) FILTER (WHERE t.is_used) AS most,
               sum(t.weight * (t.full_mass - t.most_healthy)) FILTER (WHERE t.is_used) AS least,
               max(t.population) FILTER (WHERE t.method IS NULL) AS population,
               max(t.unassessed) FILTER (WHERE t.method IS NULL) AS unassessed,
               max(t.mass) FILTER (WHERE t.method IS NULL) AS assessed,
               max(t.mass - t.healthy) FILTER (WHERE t.method IS NULL) AS exposed,
               max(t.critical) FILTER (WHERE t.method IS NULL) AS critical
        FROM term t
        WHERE t.initiative_id IS NOT NULL
        GROUP BY t.initiative_id, t.in_group
    ), member AS MATERIALIZED (
        SELECT initiative_id, b.metric_id, mr.recommendation_id
        FROM initiative_definition(on_day, scenario) d
        JOIN initiative_member(on_day, scenario) b USING (initiative_id)
        JOIN metric_member(on_day, scenario) mr ON mr.metric_id = b.metric_id
        WHERE d.method = 'points'
    ), metric AS MATERIALIZED (
        -- a metric has its counts in its population term and its score in its weighted term; by
        -- points, its missing points are those of its recommendations
        SELECT t.initiative_id, t.in_group, t.metric_id, max(t.weight) AS weight,
               coalesce(max(t.mass) FILTER (WHERE t.method = 'population'), 0) AS assessed,
               coalesce(max(t.mass - t.healthy) FILTER (WHERE t.method = 'population'), 0)
                   AS exposed,
               (100 * max(t.healthy) FILTER (WHERE t.method = 'weighted'))::score AS score,
               coalesce(sum(t.missing) FILTER (WHERE t.is_used), 0) AS missing,
               max(t.critical) AS critical, max(t.population) AS population,
               max(t.unassessed) AS unassessed
        FROM (SELECT e.initiative_id, e.in_group, e.metric_id, e.method, e.weight, e.mass,
                     e.healthy, e.missing, e.is_used, e.critical, e.population, e.unassessed
              FROM term e
              WHERE e.metric_id IS NOT NULL AND e.method IS NOT NULL
              UNION ALL
              SELECT b.initiative_id, e.in_group, b.metric_id, e.method, NULL, NULL, NULL,
                     e.missing, e.is_used, NULL, NULL, NULL
              FROM term e
              JOIN member b USING (initiative_id, recommendation_id)
              WHERE e.is_used) t
        GROUP BY t.initiative_id, t.in_group, t.metric_id
    )
    SELECT nullif(t.in_group, 0), t.initiative_id, NULL::integer, NULL::numeric,
           score(round(t.missing, 30), t.mass), coalesce(t.exposed, 0), coalesce(t.assessed, 0),
           coalesce(t.critical, 0), NULL::numeric, coalesce(t.population, 0),
           coalesce(t.unassessed, 0), score(round(t.most, 30), t.full_mass),
           score(round(t.least, 30), t.full_mass)
    FROM total t
    UNION ALL
    SELECT nullif(t.in_group, 0), NULL, t.metric_id, NULL, score(t.mass - t.healthy, t.mass),
           t.mass - t.healthy, t.mass, t.critical, NULL, t.population, t.unassessed, b.*
    FROM term t
    LEFT JOIN score_bounds(t.mass - t.healthy, t.mass, t.population, t.unassessed) b ON true
    WHERE t.method IS NULL AND t.metric_id IS NOT NULL
    UNION ALL
    SELECT nullif(m.in_group, 0), m.initiative_id, m.metric_id, m.weight, m.score, m.exposed,
           m.assessed, coalesce(m.critical, 0),
           CASE WHEN m.score IS NOT NULL
                THEN score(round(t.missing - m.missing, 30), t.mass)
                     - score(round(t.missing, 30), t.mass) END,
           coalesce(m.population, 0), coalesce(m.unassessed, 0), b.score_low, b.score_high
    FROM metric m
    LEFT JOIN score_bounds(m.exposed, m.assessed, m.population, m.unassessed) b ON true
    LEFT JOIN total t ON t.initiative_id = m.initiative_id AND t.in_group = m.in_group;
END $$;
COMMENT ON FUNCTION posture_internal.report_row(date, jsonb, counting_scope, counted_object[]) IS
    'returns the score and counts of each initiative of a scope and of its metrics, for each group '
    'of the scope if it has any; metric_id NULL: the initiative itself; initiative_id NULL: the '
    'metric by itself; score_impact: points that the initiative would gain if the metric were at '
    '100; score_low, score_high: scores if all unassessed members of populations were exposed, and '
    'if none were';

CREATE FUNCTION posture_internal.coverage_pct(population numeric, unassessed numeric)
    RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN score(unassessed, population)::numeric;
COMMENT ON FUNCTION posture_internal.coverage_pct(numeric, numeric) IS
    'returns the share of a population that is assessed, in percent; NULL: it is empty';

CREATE FUNCTION posture_internal.metric_report_state(
    of_score score, of_importance importance, exposed numeric) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN of_score IS NULL THEN 'unavailable'
                WHEN of_importance = 'risk_accepted' THEN 'risk_accepted'
                WHEN exposed = 0 THEN 'mitigated'
                ELSE 'needs_attention' END;
COMMENT ON FUNCTION posture_internal.metric_report_state(score, importance, numeric) IS
    'returns the state of a metric as metric_report shows it';

/*
 * What an initiative would score now if recommendations were remediated.
 */

CREATE FUNCTION posture_internal.missing_points(scenario jsonb, scope counting_scope)
    RETURNS TABLE (recommendation_id integer, missing numeric, is_accepted boolean)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 500
BEGIN ATOMIC
    SELECT recommendation_id, m.possible - m.achieved, x.recommendation_id IS NOT NULL
    FROM measured('infinity', NULL, scenario) m
    LEFT JOIN (SELECT DISTINCT r.recommendation_id
               FROM exemption_rule('infinity', NULL, scenario) r
               WHERE r.kind = 'risk_accepted' AND r.for_all) x USING (recommendation_id)
    WHERE (scope).groups IS NULL;
END;
COMMENT ON FUNCTION posture_internal.missing_points(jsonb, counting_scope) IS
    'returns the missing points of each measure now, under a scenario, which a group does not have; '
    'is_accepted: whether the risk is accepted for all assets';

CREATE FUNCTION posture_internal.score_after(
    scenario jsonb, scope counting_scope, ranks integer[], metrics integer[],
    recommendations integer[], repaired numeric[])
    RETURNS TABLE (initiative_id integer, rank integer, score score)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH every_term AS (
        -- the terms by population are counts
        SELECT t.*, max(t.mass) FILTER (WHERE t.method = 'population') OVER w AS assessed,
               max(t.mass - t.healthy) FILTER (WHERE t.method = 'population') OVER w AS exposed
        FROM initiative_term(NULL, scenario, scope) t
        WHERE t.mass IS NOT NULL
        WINDOW w AS (PARTITION BY t.initiative_id, t.metric_id)
    ), term AS (
        SELECT t.*
        FROM every_term t
        JOIN initiative_definition(NULL, scenario) d USING (initiative_id, method)
    ), total AS (
        SELECT d.initiative_id, sum(t.weight * (t.mass - t.healthy)) AS missing,
               sum(t.weight * t.mass) AS mass
        FROM initiative_definition(NULL, scenario) d LEFT JOIN term t USING (initiative_id)
        WHERE scope.initiatives @> d.initiative_id
        GROUP BY d.initiative_id
    ), repair AS (
        -- sums of what is repaired up to a rank
        SELECT c.rank, c.metric_id, c.recommendation_id,
               sum(sum(c.repaired)) OVER (PARTITION BY c.metric_id, c.recommendation_id
                                          ORDER BY c.rank) AS repaired
        FROM unnest(ranks, metrics, recommendations, repaired)
             c(rank, metric_id, recommendation_id, repaired)
        GROUP BY c.rank, c.metric_id, c.recommendation_id
    ), changed AS (
        SELECT t.initiative_id, c.rank, t.metric_id, NULL::integer AS recommendation_id, t.weight,
               t.healthy AS was_healthy, n.healthy
        FROM term t
        JOIN repair c ON c.metric_id = t.metric_id
        CROSS JOIN LATERAL metric_term(score(t.exposed - c.repaired, t.assessed),
                                       t.exposed - c.repaired, t.assessed, t.assessed, 0) n
        WHERE n.method = t.method
        UNION ALL
        SELECT t.initiative_id, c.rank, NULL, t.recommendation_id, t.weight, t.healthy,
               achieved_points(s.max_points, s.exposed - c.repaired, s.assessed,
                               s.points_missing - c.repaired, s.points_possible)
        FROM term t
        JOIN repair c ON c.recommendation_id = t.recommendation_id
        JOIN (SELECT x.*
              FROM term_state(NULL, scenario, scope) x
              WHERE EXISTS (SELECT FROM term WHERE term.recommendation_id IS NOT NULL)) s
          ON s.recommendation_id = t.recommendation_id
    ), gain AS (
        SELECT x.initiative_id, x.rank,
               x.weight * (x.healthy - lag(x.healthy, 1, x.was_healthy)
                                       OVER (PARTITION BY x.initiative_id, x.metric_id,
                                                          x.recommendation_id
                                             ORDER BY x.rank)) AS gained
        FROM changed x
        UNION ALL
        SELECT t.initiative_id, p.rank, 0
        FROM total t CROSS JOIN (SELECT DISTINCT unnest(0 || ranks)) p(rank)
    )
    SELECT initiative_id, g.rank,
           score(round(t.missing - sum(sum(g.gained)) OVER (PARTITION BY initiative_id
                                                            ORDER BY g.rank), 30), t.mass)
    FROM gain g JOIN total t USING (initiative_id)
    GROUP BY initiative_id, g.rank, t.missing, t.mass
    ORDER BY initiative_id, g.rank;
END $$;
COMMENT ON FUNCTION posture_internal.score_after(
    jsonb, counting_scope, integer[], integer[], integer[], numeric[]) IS
    'returns the score of each initiative of a scope, now, under a scenario, as rank 0, and at each '
    'rank with what is repaired up to it in a metric or of a recommendation; by the same methods '
    'as initiative_result()';

CREATE FUNCTION posture_internal.remediation(remediated integer[], keep_accepted boolean)
    RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN jsonb_build_object('remediate', to_jsonb(remediated), 'keeps_accepted', keep_accepted);
COMMENT ON FUNCTION posture_internal.remediation(integer[], boolean) IS
    'returns the scenario that recommendations are remediated; keep_accepted: except on assets '
    'whose risk is accepted';

CREATE FUNCTION posture_internal.remediation_result(
    of_initiatives integer[], remediated integer[], keep_accepted boolean)
    RETURNS TABLE (initiative_id integer, score score)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.initiative_id, r.score
    FROM (SELECT remediation(remediated, keep_accepted) AS scenario) s
    CROSS JOIN LATERAL initiative_result(NULL, s.scenario,
                                         scope_of(NULL, s.scenario, of_initiatives, NULL)) r;
END;
COMMENT ON FUNCTION posture_internal.remediation_result(integer[], integer[], boolean) IS
    'returns the score that each of the active initiatives, or all for NULL, would have now if '
    'recommendations were remediated; keep_accepted: except on assets whose risk is accepted';

CREATE FUNCTION posture_internal.remediated_score(
    of_initiative integer, remediated integer[], keep_accepted boolean)
    RETURNS score
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT r.score
            FROM remediation_result(ARRAY[of_initiative], remediated, keep_accepted) r
            WHERE r.initiative_id = of_initiative);
COMMENT ON FUNCTION posture_internal.remediated_score(integer, integer[], boolean) IS
    'returns remediation_result() of one initiative';

CREATE FUNCTION posture.what_if(initiative text, recommendations text[]) RETURNS score
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN remediated_score(initiative_of(initiative), recommendations_of(recommendations), false);
COMMENT ON FUNCTION posture.what_if(text, text[]) IS
    'returns the score that an initiative would have now if these recommendations were '
    'remediated on all assets';
CREATE FUNCTION posture.what_if(initiative text, recommendation text) RETURNS score
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN what_if(initiative, text_list(recommendation));
COMMENT ON FUNCTION posture.what_if(text, text) IS
    'returns the score that an initiative would have now if this recommendation were remediated '
    'on all assets';

CREATE FUNCTION posture.planned_score(initiative text) RETURNS score
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    wanted integer := initiative_of(initiative);
BEGIN
    RETURN remediated_score(wanted, ARRAY(SELECT r.recommendation_id FROM recommendation r
                                          WHERE r.assigned_to IS NOT NULL), true);
END $$;
COMMENT ON FUNCTION posture.planned_score(text) IS
    'returns the score that an initiative would have now if all assigned recommendations were '
    'remediated, except where the risk is accepted';

CREATE FUNCTION posture.achievable_score(initiative text) RETURNS score
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    wanted integer := initiative_of(initiative);
BEGIN
    RETURN remediated_score(wanted, ARRAY(SELECT r.recommendation_id FROM recommendation r), true);
END $$;
COMMENT ON FUNCTION posture.achievable_score(text) IS
    'returns the score that an initiative would have now if all recommendations were remediated, '
    'except where the risk is accepted';

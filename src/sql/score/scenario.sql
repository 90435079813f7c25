/*
 * What an initiative would score now if recommendations were remediated.
 *
 * Remediating a recommendation repairs an asset in a metric if the asset fails
 * no other recommendation of the metric. So remediation() counts the repaired
 * assets over sets, and score_after() computes the score from these counts.
 */

CREATE FUNCTION posture_internal.scored_recommendations(of_initiative integer)
    RETURNS integer[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN of_initiative IS NOT NULL
                THEN findings_needed(ARRAY(
                         SELECT b.recommendation_id
                         FROM initiative_member(NULL) i JOIN metric_member(NULL) b USING (metric_id)
                         WHERE i.initiative_id = of_initiative
                         UNION
                         SELECT unnest(d.recommendations)
                         FROM initiative_definition(NULL) d
                         WHERE d.initiative_id = of_initiative)) END;
COMMENT ON FUNCTION posture_internal.scored_recommendations(integer) IS
    'returns the recommendations whose sets the score of an initiative needs; '
    'NULL: all, as for initiative NULL';

CREATE FUNCTION posture_internal.remediable(chosen integer[])
    RETURNS TABLE (recommendation_id integer, exposed assetset, accepted assetset,
                   missing numeric, is_accepted boolean)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 500
BEGIN ATOMIC
    SELECT r.recommendation_id, coalesce(e.exposed, '{}'), coalesce(e.accepted, '{}'),
           m.possible - m.achieved,
           EXISTS (SELECT FROM exemption_in_force('infinity') x
                   WHERE x.recommendation_id = r.recommendation_id AND x.kind = 'risk_accepted'
                     AND num_nonnulls(x.asset_id, x.asset_group_id) = 0)
    FROM (SELECT x.recommendation_id, x.exposed, x.accepted
          FROM recommendation_exposure('infinity', true, NULL, chosen, NULL) x
          WHERE x.recommendation_id IS NOT NULL) e
    FULL JOIN measured('infinity') m ON m.recommendation_id = e.recommendation_id
    JOIN recommendation r
      ON r.recommendation_id = coalesce(e.recommendation_id, m.recommendation_id);
END;
COMMENT ON FUNCTION posture_internal.remediable(integer[]) IS
    'returns the assets that fail each of the chosen recommendations, or of all for NULL, and '
    'possibly of other ones; those of the assets whose risk is accepted; and the missing points of '
    'the measure; is_accepted: whether the risk is accepted for all assets';

CREATE FUNCTION posture_internal.remediation(
    of_initiative integer, remediated integer[], keep_accepted boolean)
    RETURNS TABLE (metric_id integer, recommendation_id integer, repaired numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    chosen integer[] := scored_recommendations(of_initiative);
BEGIN
    RETURN QUERY
    WITH remediable AS (
        SELECT r.recommendation_id, r.exposed, r.missing IS NOT NULL AS is_measured, c.is_chosen,
               CASE WHEN NOT c.is_chosen THEN r.exposed
                    WHEN keep_accepted THEN r.accepted
                    ELSE '{}' END AS remaining,
               CASE WHEN c.is_chosen AND NOT (keep_accepted AND r.is_accepted)
                    THEN coalesce(r.missing, 0) ELSE 0 END AS regained
        FROM remediable(chosen) r
        CROSS JOIN LATERAL (SELECT r.recommendation_id = ANY (remediated) AS is_chosen) c
    ), class AS MATERIALIZED (
        SELECT criticality_sets(true, NULL) AS sets
    ), joined AS (
        SELECT b.metric_id, union_agg(r.exposed) AS exposed, union_agg(r.remaining) AS remaining,
               sum(r.regained) AS regained
        FROM metric_member(NULL) b
        JOIN remediable r USING (recommendation_id)
        WHERE b.metric_id IN (SELECT i.metric_id FROM initiative_member(NULL) i
                              WHERE of_initiative IS NULL OR i.initiative_id = of_initiative)
          AND EXISTS (SELECT FROM metric_recommendation x
                      WHERE x.metric_id = b.metric_id AND x.recommendation_id = ANY (remediated))
        GROUP BY b.metric_id
    )
    SELECT metric_id, NULL::integer,
           j.regained
           + weighted_count(set_intersect(j.exposed, f.assets), m.criticality_weights, c.sets)
           - weighted_count(set_intersect(j.remaining, f.assets), m.criticality_weights, c.sets)
    FROM joined j
    JOIN metric m USING (metric_id)
    CROSS JOIN class c
    LEFT JOIN metric_filter(true, NULL) f USING (metric_id)
    UNION ALL
    SELECT NULL, r.recommendation_id,
           CASE WHEN r.is_measured THEN r.regained
                ELSE cardinality(r.exposed) - cardinality(r.remaining) END
    FROM remediable r
    WHERE r.is_chosen;
END $$;
COMMENT ON FUNCTION posture_internal.remediation(integer, integer[], boolean) IS
    'returns what remediating recommendations repairs in each metric of an initiative, or of all '
    'for NULL, and of each of the recommendations: assets, as much as they weigh in the metric, '
    'and points of measures; keep_accepted: assets whose risk is accepted stay exposed';

CREATE FUNCTION posture_internal.score_after(
    of_initiative integer, ranks integer[], metrics integer[], recommendations integer[],
    repaired numeric[])
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
        FROM initiative_term(NULL) t
        WHERE (of_initiative IS NULL OR t.initiative_id = of_initiative) AND t.mass IS NOT NULL
        WINDOW w AS (PARTITION BY t.initiative_id, t.metric_id)
    ), term AS (
        SELECT t.*
        FROM every_term t JOIN initiative_definition(NULL) d USING (initiative_id, method)
    ), total AS (
        SELECT d.initiative_id, sum(t.weight * (t.mass - t.healthy)) AS missing,
               sum(t.weight * t.mass) AS mass
        FROM initiative_definition(NULL) d LEFT JOIN term t USING (initiative_id)
        WHERE of_initiative IS NULL OR d.initiative_id = of_initiative
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
                                       t.exposed - c.repaired, t.assessed) n
        WHERE n.method = t.method
        UNION ALL
        SELECT t.initiative_id, c.rank, NULL, t.recommendation_id, t.weight, t.healthy,
               achieved_points(r.max_points, s.exposed - c.repaired, s.assessed,
                               s.points_missing - c.repaired, s.points_possible)
        FROM term t
        JOIN repair c ON c.recommendation_id = t.recommendation_id
        JOIN recommendation r ON r.recommendation_id = t.recommendation_id
        JOIN (SELECT x.*
              FROM recommendation_state('infinity') x
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
    integer, integer[], integer[], integer[], numeric[]) IS
    'returns the score of an initiative, or of each for NULL, now as rank 0, and at each rank '
    'with what is repaired up to it in a metric or of a recommendation; '
    'by the same methods as initiative_result()';

CREATE FUNCTION posture_internal.remediation_result(
    of_initiative integer, remediated integer[], keep_accepted boolean)
    RETURNS TABLE (initiative_id integer, score score)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT DISTINCT ON (s.initiative_id) s.initiative_id, s.score
    FROM (SELECT array_agg(1) AS ranks, array_agg(m.metric_id) AS metrics,
                 array_agg(m.recommendation_id) AS recommendations,
                 array_agg(m.repaired) AS repaired
          FROM remediation(of_initiative, remediated, keep_accepted) m) m
    CROSS JOIN LATERAL score_after(of_initiative, m.ranks, m.metrics, m.recommendations,
                                   m.repaired) s
    ORDER BY s.initiative_id, s.rank DESC;
END;
COMMENT ON FUNCTION posture_internal.remediation_result(integer, integer[], boolean) IS
    'returns the score that an active initiative, or each for NULL, would have now if '
    'recommendations were remediated; keep_accepted: except on assets whose risk is accepted';

CREATE FUNCTION posture_internal.remediated_score(
    of_initiative integer, remediated integer[], keep_accepted boolean)
    RETURNS score
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT r.score
            FROM remediation_result(of_initiative, remediated, keep_accepted) r
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

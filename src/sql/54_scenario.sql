/*
 * What an initiative would score if recommendations were remediated. From the
 * sets of assets, because metrics and recommendations overlap: a score of
 * parts can't be had from scores of wholes.
 */

CREATE FUNCTION posture.initiative_of(initiative text) RETURNS integer
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found integer := (SELECT i.initiative_id FROM posture.initiative i WHERE i.key = initiative_of.initiative);
BEGIN
    IF found IS NULL AND initiative IS NOT NULL THEN
        RAISE EXCEPTION 'unknown initiative "%"', initiative
            USING ERRCODE = 'undefined_object', HINT = 'The table posture.initiative lists the initiatives.';
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION posture.initiative_of(text) IS 'the id of an initiative by its key; an error if there is none of it';

CREATE FUNCTION posture.recommendations_of(recommendations text[]) RETURNS integer[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missing text;
    shared text;
    found integer[];
BEGIN
    SELECT min(m.name) FILTER (WHERE m.ids = '{}'), min(m.name) FILTER (WHERE cardinality(m.ids) > 1), array_agg(m.ids[1]) INTO missing, shared, found
    FROM (SELECT n.name, ARRAY(SELECT r.recommendation_id
                               FROM posture.recommendation r JOIN posture.source s USING (source_id)
                               WHERE r.key = n.name OR s.key || ':' || r.key = n.name) AS ids
          FROM unnest(recommendations) n(name)
          WHERE n.name IS NOT NULL) m;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'unknown recommendation "%"', missing
            USING ERRCODE = 'undefined_object', HINT = 'The view posture.recommendation_report lists the recommendations.';
    ELSIF shared IS NOT NULL THEN
        RAISE EXCEPTION 'recommendation "%" is of several sources', shared
            USING ERRCODE = 'ambiguous_parameter', HINT = 'Write source:recommendation, as recommendation_report does.';
    END IF;
    RETURN coalesce(found, '{}');
END $$;
COMMENT ON FUNCTION posture.recommendations_of(text[]) IS 'the ids of recommendations, named as recommendation_report names them; an error if there is none of a name, or several';

CREATE FUNCTION posture.scored_recommendations(of_initiative integer) RETURNS integer[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN of_initiative IS NOT NULL THEN posture.findings_needed(ARRAY(SELECT b.recommendation_id
              FROM posture.initiative_member(NULL) i JOIN posture.metric_member(NULL) b USING (metric_id)
              WHERE i.initiative_id = of_initiative
              UNION
              SELECT unnest(d.recommendations) FROM posture.initiative_definition(NULL) d
              WHERE d.initiative_id = of_initiative)) END;
COMMENT ON FUNCTION posture.scored_recommendations(integer) IS 'the recommendations whose sets an initiative''s score needs; NULL: all, as for the initiative NULL';

CREATE FUNCTION posture.remediable(chosen integer[])
    RETURNS TABLE (recommendation_id integer, exposed posture.assetset, accepted posture.assetset, missing numeric, is_accepted boolean)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 500
BEGIN ATOMIC
    SELECT r.recommendation_id, coalesce(e.exposed, '{}'), coalesce(e.accepted, '{}'), m.possible - m.achieved,
           EXISTS (SELECT FROM posture.exemption_in_force('infinity') x
                   WHERE x.recommendation_id = r.recommendation_id AND x.kind = 'risk_accepted' AND num_nonnulls(x.asset_id, x.asset_group_id) = 0)
    FROM (SELECT x.recommendation_id, x.exposed, x.accepted
          FROM posture.recommendation_exposure('infinity', true, NULL, chosen, NULL) x
          WHERE x.recommendation_id IS NOT NULL) e
    FULL JOIN posture.measured('infinity') m ON m.recommendation_id = e.recommendation_id
    JOIN posture.recommendation r ON r.recommendation_id = coalesce(e.recommendation_id, m.recommendation_id);
END;
COMMENT ON FUNCTION posture.remediable(integer[]) IS 'the assets that fail each of some recommendations, or of all for NULL, and maybe further ones, those of them whose risk is accepted, and the points missing of its measure; is_accepted: the risk is accepted for all';

-- In PL/pgSQL, as what follows, because that keeps its plan.
CREATE FUNCTION posture.remediation(of_initiative integer, remediated integer[], keep_accepted boolean)
    RETURNS TABLE (metric_id integer, recommendation_id integer, mended numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    chosen integer[] := posture.scored_recommendations(of_initiative);
BEGIN
    RETURN QUERY
    WITH remediable AS MATERIALIZED (
        SELECT r.recommendation_id, r.exposed, r.missing IS NOT NULL AS is_measured, c.is_chosen,
               CASE WHEN NOT c.is_chosen THEN r.exposed WHEN keep_accepted THEN r.accepted ELSE '{}' END AS remaining,
               CASE WHEN c.is_chosen AND NOT (keep_accepted AND r.is_accepted) THEN coalesce(r.missing, 0) ELSE 0 END AS made_up
        FROM posture.remediable(chosen) r
        CROSS JOIN LATERAL (SELECT r.recommendation_id = ANY (remediated) AS is_chosen) c
    ), filter AS MATERIALIZED (
        SELECT f.* FROM posture.metric_filter(true, NULL::integer) f
    ), class AS MATERIALIZED (
        SELECT posture.criticality_sets(true, NULL::integer) AS sets
    ), joined AS (
        SELECT b.metric_id, posture.union_agg(r.exposed) AS exposed, posture.union_agg(r.remaining) AS remaining, sum(r.made_up) AS made_up
        FROM posture.metric_member(NULL::date) b
        JOIN remediable r USING (recommendation_id)
        WHERE b.metric_id IN (SELECT i.metric_id FROM posture.initiative_member(NULL::date) i
                              WHERE of_initiative IS NULL OR i.initiative_id = of_initiative)
          AND EXISTS (SELECT FROM posture.metric_recommendation x WHERE x.metric_id = b.metric_id AND x.recommendation_id = ANY (remediated))
        GROUP BY b.metric_id
    )
    SELECT metric_id, NULL::integer,
           j.made_up + posture.weighed_count(posture.among(j.exposed, f.assets), m.criticality_weights::integer[], c.sets)
           - posture.weighed_count(posture.among(j.remaining, f.assets), m.criticality_weights::integer[], c.sets)
    FROM joined j
    JOIN posture.metric m USING (metric_id)
    CROSS JOIN class c
    LEFT JOIN filter f USING (metric_id)
    UNION ALL
    SELECT NULL, r.recommendation_id,
           CASE WHEN r.is_measured THEN r.made_up ELSE posture.cardinality(r.exposed) - posture.cardinality(r.remaining) END
    FROM remediable r
    WHERE r.is_chosen;
END $$;
COMMENT ON FUNCTION posture.remediation(integer, integer[], boolean) IS 'what remediating recommendations mends in the metrics of an initiative, or of all for NULL, and of the recommendations: assets, as much as they weigh in the metric, and points of measures; keep_accepted: but those whose risk is accepted';

CREATE FUNCTION posture.score_after(of_initiative integer, places integer[], metrics integer[], recommendations integer[], mended numeric[])
    RETURNS TABLE (initiative_id integer, place integer, score posture.score)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100 SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH every_term AS (
        -- the terms by population are counts
        SELECT t.*, max(t.mass) FILTER (WHERE t.method = 'population') OVER w AS assessed,
               max(t.mass - t.healthy) FILTER (WHERE t.method = 'population') OVER w AS exposed
        FROM posture.initiative_term(NULL::date) t
        WHERE (of_initiative IS NULL OR t.initiative_id = of_initiative) AND t.mass IS NOT NULL
        WINDOW w AS (PARTITION BY t.initiative_id, t.metric_id)
    ), own AS MATERIALIZED (
        SELECT t.* FROM every_term t JOIN posture.initiative_definition(NULL::date) d USING (initiative_id, method)
    ), total AS MATERIALIZED (
        SELECT d.initiative_id, sum(o.weight * (o.mass - o.healthy)) AS missing, sum(o.weight * o.mass) AS mass
        FROM posture.initiative_definition(NULL::date) d LEFT JOIN own o USING (initiative_id)
        WHERE of_initiative IS NULL OR d.initiative_id = of_initiative
        GROUP BY d.initiative_id
    ), change AS MATERIALIZED (
        SELECT c.place, c.metric_id, c.recommendation_id,
               sum(sum(c.mended)) OVER (PARTITION BY c.metric_id, c.recommendation_id ORDER BY c.place) AS mended
        FROM unnest(places, metrics, recommendations, mended) c(place, metric_id, recommendation_id, mended)
        GROUP BY c.place, c.metric_id, c.recommendation_id
    ), changed AS (
        SELECT o.initiative_id, c.place, o.metric_id, NULL::integer AS recommendation_id, o.weight, o.healthy AS was_healthy, t.healthy
        FROM own o
        JOIN change c ON c.metric_id = o.metric_id
        CROSS JOIN LATERAL posture.metric_term(posture.score(o.exposed - c.mended, o.assessed), o.exposed - c.mended, o.assessed) t
        WHERE t.method = o.method
        UNION ALL
        SELECT o.initiative_id, c.place, NULL, o.recommendation_id, o.weight, o.healthy,
               posture.achieved_points(r.max_points::numeric, s.exposed - c.mended, s.assessed, s.points_missing - c.mended, s.points_possible)
        FROM own o
        JOIN change c ON c.recommendation_id = o.recommendation_id
        JOIN posture.recommendation r ON r.recommendation_id = o.recommendation_id
        JOIN (SELECT x.*
              FROM posture.recommendation_state(timestamptz 'infinity') x
              WHERE EXISTS (SELECT FROM own WHERE own.recommendation_id IS NOT NULL)) s ON s.recommendation_id = o.recommendation_id
    ), gain AS (
        SELECT x.initiative_id, x.place,
               x.weight * (x.healthy - lag(x.healthy, 1, x.was_healthy)
                                       OVER (PARTITION BY x.initiative_id, x.metric_id, x.recommendation_id ORDER BY x.place)) AS gained
        FROM changed x
        UNION ALL
        SELECT t.initiative_id, p.place, 0 FROM total t CROSS JOIN (SELECT DISTINCT unnest(0 || places)) p(place)
    )
    SELECT initiative_id, g.place,
           posture.score(round(t.missing - sum(sum(g.gained)) OVER (PARTITION BY initiative_id ORDER BY g.place), 30), t.mass)
    FROM gain g JOIN total t USING (initiative_id)
    GROUP BY initiative_id, g.place, t.missing, t.mass
    ORDER BY initiative_id, g.place;
END $$;
COMMENT ON FUNCTION posture.score_after(integer, integer[], integer[], integer[], numeric[]) IS 'the score of an initiative, or of each for NULL, now, at place 0, and at each place when what is mended up to it, in a metric or of a recommendation, no longer fails; by all methods as initiative_result() has it';

CREATE FUNCTION posture.remediation_result(of_initiative integer, remediated integer[], keep_accepted boolean)
    RETURNS TABLE (initiative_id integer, score posture.score)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT DISTINCT ON (s.initiative_id) s.initiative_id, s.score
    FROM (SELECT array_agg(1) AS places, array_agg(m.metric_id) AS metrics, array_agg(m.recommendation_id) AS recommendations, array_agg(m.mended) AS mended
          FROM posture.remediation(of_initiative, remediated, keep_accepted) m) m
    CROSS JOIN LATERAL posture.score_after(of_initiative, m.places, m.metrics, m.recommendations, m.mended) s
    ORDER BY s.initiative_id, s.place DESC;
END;
COMMENT ON FUNCTION posture.remediation_result(integer, integer[], boolean) IS 'the score that an active initiative, or each for NULL, would have now if recommendations were remediated; keep_accepted: but on assets whose risk is accepted';

CREATE FUNCTION posture.remediated_score(of_initiative integer, remediated integer[], keep_accepted boolean) RETURNS posture.score
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT r.score FROM posture.remediation_result(of_initiative, remediated, keep_accepted) r WHERE r.initiative_id = of_initiative);
COMMENT ON FUNCTION posture.remediated_score(integer, integer[], boolean) IS 'the score that an initiative would have now if recommendations were remediated; keep_accepted: but on assets whose risk is accepted';

CREATE FUNCTION posture.what_if(initiative text, recommendations text[]) RETURNS posture.score
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN posture.remediated_score(posture.initiative_of(initiative), posture.recommendations_of(recommendations), false);
COMMENT ON FUNCTION posture.what_if(text, text[]) IS 'the score that an initiative would have now if these recommendations were remediated on all assets';

CREATE FUNCTION posture.planned_score(initiative text) RETURNS posture.score
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN posture.remediated_score(posture.initiative_of(initiative),
                                    ARRAY(SELECT r.recommendation_id FROM posture.recommendation r WHERE r.assigned_to IS NOT NULL), true);
COMMENT ON FUNCTION posture.planned_score(text) IS 'the score that an initiative would have now if all recommendations that somebody has to do were remediated, but where the risk is accepted';

CREATE FUNCTION posture.achievable_score(initiative text) RETURNS posture.score
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN posture.remediated_score(posture.initiative_of(initiative), ARRAY(SELECT r.recommendation_id FROM posture.recommendation r), true);
COMMENT ON FUNCTION posture.achievable_score(text) IS 'the score that an initiative would have now if all were remediated, but where the risk is accepted';

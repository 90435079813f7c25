/*
 * Any initiative and its metrics by the assets of a group alone: the sets of
 * all, intersected with the group's. Nothing is kept for a group.
 */

-- In PL/pgSQL, as what follows, because that keeps its plan.
CREATE FUNCTION posture.group_assets(of_group integer) RETURNS posture.assetset
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN coalesce((SELECT g.assets FROM posture.asset_group_set(true, NULL::integer) g WHERE g.asset_group_id = of_group), '{}');
END $$;
COMMENT ON FUNCTION posture.group_assets(integer) IS 'the assets of a group, from what is kept where it is current';

CREATE FUNCTION posture.group_set(of_initiative integer, chosen integer[], within posture.assetset)
    RETURNS TABLE (metric_id integer, recommendation_id integer, assessed posture.assetset, exposed posture.assetset)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 600
BEGIN ATOMIC
    WITH recommendation AS MATERIALIZED (
        SELECT e.recommendation_id, e.assessed, e.exposed
        FROM posture.recommendation_exposure('infinity', true, NULL, chosen, within) e
        WHERE e.recommendation_id IS NOT NULL
    ), filter AS MATERIALIZED (
        SELECT f.* FROM posture.metric_filter(true, NULL) f
    ), joined AS (
        SELECT b.metric_id, posture.union_agg(r.assessed) AS assessed, posture.union_agg(r.exposed) AS exposed
        FROM posture.metric_member(NULL) b
        JOIN recommendation r USING (recommendation_id)
        WHERE EXISTS (SELECT FROM posture.initiative_member(NULL) i
                      WHERE i.metric_id = b.metric_id AND (of_initiative IS NULL OR i.initiative_id = of_initiative))
        GROUP BY b.metric_id
    )
    SELECT NULL::integer, r.recommendation_id, r.assessed, r.exposed
    FROM recommendation r
    UNION ALL
    SELECT metric_id, NULL,
           posture.among(j.assessed, f.assets),
           posture.among(j.exposed, f.assets)
    FROM joined j
    LEFT JOIN filter f USING (metric_id);
END;
COMMENT ON FUNCTION posture.group_set(integer, integer[], posture.assetset) IS 'the assets within a set that each recommendation and metric of an initiative, or of all for NULL, has assessed and exposed';

CREATE FUNCTION posture.group_count(of_initiative integer, within posture.assetset)
    RETURNS TABLE (initiative_id integer, metric_id integer, recommendation_id integer, weight numeric, exposed numeric, assessed numeric, critical bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 500 SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    chosen integer[] := posture.scored_recommendations(of_initiative);
BEGIN
    RETURN QUERY
    WITH class AS MATERIALIZED (
        SELECT x.sets, coalesce(x.sets[4], '{}') AS critical FROM (SELECT posture.criticality_sets(true, NULL::integer) AS sets) x
    ), assets AS MATERIALIZED (
        SELECT s.* FROM posture.group_set(of_initiative, chosen, within) s
    ), counted AS MATERIALIZED (
        SELECT s.metric_id, s.recommendation_id, posture.weighed_count(s.exposed, m.criticality_weights::integer[], c.sets)::numeric AS exposed,
               posture.weighed_count(s.assessed, m.criticality_weights::integer[], c.sets)::numeric AS assessed,
               CASE WHEN s.metric_id IS NOT NULL THEN posture.cardinality(s.exposed OPERATOR(posture.&) c.critical) END AS critical
        FROM assets s
        CROSS JOIN class c
        LEFT JOIN posture.metric m ON m.metric_id = s.metric_id
    ), member AS MATERIALIZED (
        SELECT b.* FROM posture.initiative_member(NULL::date) b WHERE of_initiative IS NULL OR b.initiative_id = of_initiative
    ), whole AS (
        SELECT x.initiative_id, posture.union_agg(x.exposed) AS exposed, posture.union_agg(x.assessed) AS assessed
        FROM (SELECT b.initiative_id, s.exposed, s.assessed
              FROM member b JOIN assets s ON s.metric_id = b.metric_id
              UNION ALL
              SELECT d.initiative_id, s.exposed, s.assessed
              FROM posture.initiative_definition(NULL::date) d JOIN assets s ON s.recommendation_id = ANY (d.recommendations)
              WHERE d.method = 'points' AND (of_initiative IS NULL OR d.initiative_id = of_initiative)) x
        GROUP BY x.initiative_id
    )
    SELECT NULL::integer, NULL::integer, n.recommendation_id, NULL::numeric, n.exposed, n.assessed, NULL::bigint
    FROM counted n
    WHERE n.recommendation_id IS NOT NULL
    UNION ALL
    SELECT b.initiative_id, b.metric_id, NULL, b.weight, coalesce(n.exposed, 0), coalesce(n.assessed, 0), coalesce(n.critical, 0)
    FROM member b LEFT JOIN counted n ON n.metric_id = b.metric_id
    UNION ALL
    SELECT w.initiative_id, NULL, NULL, NULL, posture.cardinality(w.exposed), posture.cardinality(w.assessed),
           posture.cardinality(w.exposed OPERATOR(posture.&) c.critical)
    FROM whole w CROSS JOIN class c;
END $$;
COMMENT ON FUNCTION posture.group_count(integer, posture.assetset) IS 'distinct assets of a set that are exposed and assessed, in a metric as much as they weigh, and exposed and critical: in each metric of an initiative, or of all for NULL, in each initiative, and of each recommendation';

CREATE FUNCTION posture.group_score(of_initiative integer, within posture.assetset)
    RETURNS TABLE (initiative_id integer, metric_id integer, weight numeric, score posture.score, exposed numeric, assessed numeric, critical bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 200 SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH counted AS MATERIALIZED (
        SELECT n.*, posture.score(n.exposed, n.assessed) AS score FROM posture.group_count(of_initiative, within) n
    ), definition AS MATERIALIZED (
        SELECT d.* FROM posture.initiative_definition(NULL::date) d WHERE of_initiative IS NULL OR d.initiative_id = of_initiative
    ), term AS MATERIALIZED (
        SELECT b.initiative_id, t.method, b.weight, t.mass, t.healthy
        FROM counted b CROSS JOIN LATERAL posture.metric_term(b.score, b.exposed, b.assessed) t
        WHERE b.metric_id IS NOT NULL
        UNION ALL
        -- points of the whole organisation are of no group
        SELECT o.initiative_id, 'points', 1, posture.possible_points(r.max_points::numeric, n.assessed, NULL::numeric),
               posture.achieved_points(r.max_points::numeric, n.exposed, n.assessed, NULL::numeric, NULL::numeric)
        FROM (SELECT b.initiative_id, mr.recommendation_id
              FROM counted b JOIN posture.metric_member(NULL::date) mr USING (metric_id)
              WHERE b.weight > 0 AND b.score IS NOT NULL
              UNION
              SELECT d.initiative_id, unnest(d.recommendations) FROM definition d) o
        JOIN counted n ON n.recommendation_id = o.recommendation_id
        JOIN posture.recommendation r ON r.recommendation_id = o.recommendation_id
    ), result AS (
        SELECT d.initiative_id, posture.score(round(sum(t.weight * (t.mass - t.healthy)), 30), sum(t.weight * t.mass)) AS score
        FROM definition d LEFT JOIN term t USING (initiative_id, method)
        GROUP BY d.initiative_id
    )
    SELECT r.initiative_id, NULL::integer, NULL::numeric, r.score, coalesce(n.exposed, 0), coalesce(n.assessed, 0), coalesce(n.critical, 0)
    FROM result r LEFT JOIN counted n ON n.initiative_id = r.initiative_id AND n.metric_id IS NULL
    UNION ALL
    SELECT n.initiative_id, n.metric_id, n.weight, n.score, n.exposed, n.assessed, n.critical
    FROM counted n
    WHERE n.metric_id IS NOT NULL;
END $$;
COMMENT ON FUNCTION posture.group_score(integer, posture.assetset) IS 'an initiative, or all for NULL, and its metrics by some assets alone, by all methods as initiative_result() has it: scores and counts of distinct assets; metric_id NULL: the initiative itself';

CREATE FUNCTION posture.score_of(initiative text, asset_group text) RETURNS posture.score
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted integer := (SELECT g.asset_group_id FROM posture.asset_group g WHERE g.key = asset_group);
BEGIN
    IF wanted IS NULL AND asset_group IS NOT NULL THEN
        RAISE EXCEPTION 'unknown asset group "%"', asset_group
            USING ERRCODE = 'undefined_object', HINT = 'The table posture.asset_group lists the groups.';
    ELSIF wanted IS NULL OR initiative IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT s.score
            FROM posture.group_score(posture.initiative_of(initiative), posture.group_assets(wanted)) s
            WHERE s.metric_id IS NULL);
END $$;
COMMENT ON FUNCTION posture.score_of(text, text) IS 'the score of an initiative by the assets of a group alone, without the points of the whole organisation; NULL: unavailable';

CREATE VIEW posture.group_report WITH (security_invoker = true) AS
SELECT g.key::text AS asset_group, g.name AS group_name, g.owner::text AS owner, i.key::text AS initiative, m.key::text AS metric,
       coalesce(m.name, i.name) AS name, s.score::numeric AS score, s.exposed::bigint AS exposed_assets, s.assessed AS assessed_assets,
       s.critical AS critical_assets, s.weight
FROM posture.asset_group g
CROSS JOIN LATERAL posture.group_score(NULL, posture.group_assets(g.asset_group_id)) s
JOIN posture.initiative i ON i.initiative_id = s.initiative_id
LEFT JOIN posture.metric m ON m.metric_id = s.metric_id;
COMMENT ON VIEW posture.group_report IS 'each initiative, and each metric of it, by the assets of a group alone, as it stands now, without the points of the whole organisation';
COMMENT ON COLUMN posture.group_report.asset_group IS 'key of the group';
COMMENT ON COLUMN posture.group_report.group_name IS 'its name';
COMMENT ON COLUMN posture.group_report.owner IS 'the role that answers for the group';
COMMENT ON COLUMN posture.group_report.initiative IS 'key of the initiative';
COMMENT ON COLUMN posture.group_report.metric IS 'key of the metric; NULL: the row is about the initiative itself';
COMMENT ON COLUMN posture.group_report.name IS 'name of the metric, or of the initiative';
COMMENT ON COLUMN posture.group_report.score IS '0 to 100, now; NULL: unavailable, because nothing of the group is assessed';
COMMENT ON COLUMN posture.group_report.exposed_assets IS 'distinct assets of the group that are exposed, as much as they weigh in the metric';
COMMENT ON COLUMN posture.group_report.assessed_assets IS 'distinct assets of the group that are assessed, likewise';
COMMENT ON COLUMN posture.group_report.critical_assets IS 'the exposed ones that are critical, each once';
COMMENT ON COLUMN posture.group_report.weight IS 'the weight of the metric in the initiative; NULL: the row is about the initiative itself';

/*
 * Scores of initiatives and their metrics by the assets of a group alone. No
 * counts are stored for a group: the sets of all assets are intersected with the
 * assets of the group.
 */

CREATE FUNCTION posture_internal.group_set(
    of_initiative integer, chosen integer[], within assetset)
    RETURNS TABLE (metric_id integer, recommendation_id integer,
                   assessed assetset, exposed assetset)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 600
BEGIN ATOMIC
    WITH recommendation AS (
        SELECT e.recommendation_id, e.assessed, e.exposed
        FROM recommendation_exposure('infinity', true, NULL, chosen, within) e
        WHERE e.recommendation_id IS NOT NULL
    ), joined AS (
        SELECT b.metric_id, union_agg(r.assessed) AS assessed, union_agg(r.exposed) AS exposed
        FROM metric_member(NULL) b
        JOIN recommendation r USING (recommendation_id)
        WHERE EXISTS (SELECT FROM initiative_member(NULL) i
                      WHERE i.metric_id = b.metric_id
                        AND (of_initiative IS NULL OR i.initiative_id = of_initiative))
        GROUP BY b.metric_id
    )
    SELECT NULL::integer, r.recommendation_id, r.assessed, r.exposed
    FROM recommendation r
    UNION ALL
    SELECT metric_id, NULL,
           set_intersect(j.assessed, f.assets),
           set_intersect(j.exposed, f.assets)
    FROM joined j
    LEFT JOIN metric_filter(true, NULL) f USING (metric_id);
END;
COMMENT ON FUNCTION posture_internal.group_set(integer, integer[], assetset) IS
    'returns the assets within a set that each recommendation and metric of an initiative, '
    'or of all for NULL, has assessed and exposed';

CREATE FUNCTION posture_internal.group_count(of_initiative integer, within assetset)
    RETURNS TABLE (initiative_id integer, metric_id integer, recommendation_id integer,
                   weight numeric, exposed numeric, assessed numeric, critical bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 500
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    chosen integer[] := scored_recommendations(of_initiative);
BEGIN
    RETURN QUERY
    WITH class AS (
        SELECT x.sets, coalesce(x.sets[4], '{}') AS critical
        FROM (SELECT criticality_sets(true, NULL) AS sets) x
    ), assets AS (
        SELECT s.* FROM group_set(of_initiative, chosen, within) s
    ), counted AS (
        SELECT s.metric_id, s.recommendation_id,
               weighted_count(s.exposed, m.criticality_weights, c.sets)::numeric AS exposed,
               weighted_count(s.assessed, m.criticality_weights, c.sets)::numeric AS assessed,
               CASE WHEN s.metric_id IS NOT NULL
                    THEN cardinality(s.exposed & c.critical) END AS critical
        FROM assets s
        CROSS JOIN class c
        LEFT JOIN metric m ON m.metric_id = s.metric_id
    ), member AS (
        SELECT b.*
        FROM initiative_member(NULL) b
        WHERE of_initiative IS NULL OR b.initiative_id = of_initiative
    ), whole AS (
        SELECT x.initiative_id, union_agg(x.exposed) AS exposed, union_agg(x.assessed) AS assessed
        FROM (SELECT b.initiative_id, s.exposed, s.assessed
              FROM member b JOIN assets s ON s.metric_id = b.metric_id
              UNION ALL
              SELECT d.initiative_id, s.exposed, s.assessed
              FROM initiative_definition(NULL) d
              JOIN assets s ON s.recommendation_id = ANY (d.recommendations)
              WHERE d.method = 'points'
                AND (of_initiative IS NULL OR d.initiative_id = of_initiative)) x
        GROUP BY x.initiative_id
    )
    SELECT NULL::integer, NULL::integer, n.recommendation_id, NULL::numeric,
           n.exposed, n.assessed, NULL::bigint
    FROM counted n
    WHERE n.recommendation_id IS NOT NULL
    UNION ALL
    SELECT b.initiative_id, b.metric_id, NULL, b.weight,
           coalesce(n.exposed, 0), coalesce(n.assessed, 0), coalesce(n.critical, 0)
    FROM member b LEFT JOIN counted n ON n.metric_id = b.metric_id
    UNION ALL
    SELECT w.initiative_id, NULL, NULL, NULL, cardinality(w.exposed), cardinality(w.assessed),
           cardinality(w.exposed & c.critical)
    FROM whole w CROSS JOIN class c;
END $$;
COMMENT ON FUNCTION posture_internal.group_count(integer, assetset) IS
    'returns the number of distinct assets within a set that are exposed and assessed, each as '
    'many times as its weight in a metric, and of critical assets exposed: for each metric of an '
    'initiative, or of all for NULL; with metric_id NULL, for each initiative; and for each '
    'recommendation';

CREATE FUNCTION posture_internal.group_score(of_initiative integer, within assetset)
    RETURNS TABLE (initiative_id integer, metric_id integer, weight numeric, score score,
                   exposed numeric, assessed numeric, critical bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 200
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH counted AS (
        SELECT n.*, score(n.exposed, n.assessed) AS score FROM group_count(of_initiative, within) n
    ), definition AS (
        SELECT d.*
        FROM initiative_definition(NULL) d
        WHERE of_initiative IS NULL OR d.initiative_id = of_initiative
    ), term AS MATERIALIZED (
        SELECT b.initiative_id, t.method, b.weight, t.mass, t.healthy
        FROM counted b CROSS JOIN LATERAL metric_term(b.score, b.exposed, b.assessed) t
        WHERE b.metric_id IS NOT NULL
        UNION ALL
        -- points of measures belong to the whole organisation, not to a group
        SELECT o.initiative_id, 'points', 1, possible_points(r.max_points, n.assessed, NULL),
               achieved_points(r.max_points, n.exposed, n.assessed, NULL, NULL)
        FROM (SELECT b.initiative_id, mr.recommendation_id
              FROM counted b JOIN metric_member(NULL) mr USING (metric_id)
              WHERE b.weight > 0 AND b.score IS NOT NULL
              UNION
              SELECT d.initiative_id, unnest(d.recommendations) FROM definition d) o
        JOIN counted n ON n.recommendation_id = o.recommendation_id
        JOIN recommendation r ON r.recommendation_id = o.recommendation_id
    ), result AS (
        SELECT d.initiative_id,
               score(round(sum(t.weight * (t.mass - t.healthy)), 30),
                     sum(t.weight * t.mass)) AS score
        FROM definition d LEFT JOIN term t USING (initiative_id, method)
        GROUP BY d.initiative_id
    )
    SELECT r.initiative_id, NULL::integer, NULL::numeric, r.score,
           coalesce(n.exposed, 0), coalesce(n.assessed, 0), coalesce(n.critical, 0)
    FROM result r
    LEFT JOIN counted n ON n.initiative_id = r.initiative_id AND n.metric_id IS NULL
    UNION ALL
    SELECT n.initiative_id, n.metric_id, n.weight, n.score, n.exposed, n.assessed, n.critical
    FROM counted n
    WHERE n.metric_id IS NOT NULL;
END $$;
COMMENT ON FUNCTION posture_internal.group_score(integer, assetset) IS
    'returns the score and counts of an initiative, or of all for NULL, and of its metrics by the '
    'assets of a set alone, by the same methods as initiative_result(); '
    'metric_id NULL: the initiative itself';

CREATE FUNCTION posture.score_of(initiative text, asset_group text) RETURNS score
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    wanted integer;
BEGIN
    PERFORM require_level('reader or owner');
    wanted := (SELECT g.asset_group_id FROM asset_group g WHERE g.key = asset_group);
    IF wanted IS NULL AND asset_group IS NOT NULL THEN
        RAISE EXCEPTION 'asset group "%" does not exist', asset_group
            USING ERRCODE = 'undefined_object',
                  HINT = coalesce(
                      name_hint('Asset groups', ARRAY(SELECT g.key FROM asset_group g ORDER BY 1),
                                asset_group),
                      'Groups are rows of posture.asset_group.');
    ELSIF wanted IS NULL OR initiative IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT s.score
            FROM group_score(initiative_of(initiative), group_assets(wanted)) s
            WHERE s.metric_id IS NULL);
END $$;
COMMENT ON FUNCTION posture.score_of(text, text) IS
    'returns the score of an initiative by the assets of a group alone, without the points of '
    'measures; NULL: unavailable';

/*
 * The state of metrics, recommendations and initiatives at a given time: counts
 * of assets together with points of measures. as_of 'infinity' means now. With
 * from_store false, the sets are recomputed from finding and asset.
 */

CREATE FUNCTION posture_internal.current_state(
    as_of timestamptz, from_store boolean DEFAULT true)
    RETURNS TABLE (metric_id integer, recommendation_id integer, initiative_id integer,
                   exposed numeric, assessed numeric, critical bigint, failing boolean,
                   score score, points_missing numeric, points_possible numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN QUERY
    WITH counted AS (
        SELECT t.* FROM current_object_count() t WHERE from_store AND as_of = 'infinity'
        UNION ALL
        SELECT c.* FROM asset_count(as_of, from_store) c
        WHERE NOT (from_store AND as_of = 'infinity')
    ), measured AS (
        SELECT m.* FROM measured(as_of) m
    ), metric AS (
        SELECT m.metric_id, coalesce(c.exposed, 0) + coalesce(o.missing, 0) AS exposed,
               coalesce(c.assessed, 0) + coalesce(o.possible, 0) AS assessed,
               coalesce(c.critical, 0) AS critical
        FROM posture.metric m
        LEFT JOIN counted c ON c.object_kind = 'metric' AND c.object_id = m.metric_id
        LEFT JOIN (SELECT mr.metric_id, sum(x.possible - x.achieved) AS missing,
                          sum(x.possible) AS possible
                   FROM measured x
                   JOIN metric_recommendation mr ON mr.recommendation_id = x.recommendation_id
                   GROUP BY mr.metric_id) o ON o.metric_id = m.metric_id
        WHERE m.is_active
    )
    SELECT m.metric_id, NULL::integer, NULL::integer, m.exposed, m.assessed, m.critical,
           NULL::boolean, score(m.exposed, m.assessed), NULL::numeric, NULL::numeric
    FROM metric m
    UNION ALL
    SELECT NULL, r.recommendation_id, NULL, coalesce(c.exposed, 0), coalesce(c.assessed, 0), NULL,
           coalesce(c.failing > 0, false) OR coalesce(m.failing, false), NULL,
           m.possible - m.achieved, m.possible
    FROM (SELECT x.object_id, x.assessed, x.exposed, x.failing
          FROM counted x
          WHERE x.object_kind = 'recommendation' AND (x.assessed > 0 OR x.failing > 0)) c
    FULL JOIN measured m ON m.recommendation_id = c.object_id
    JOIN recommendation r ON r.recommendation_id = coalesce(c.object_id, m.recommendation_id)
    UNION ALL
    SELECT NULL, NULL, i.initiative_id, coalesce(c.exposed, 0), NULL, coalesce(c.critical, 0),
           NULL, NULL, NULL, NULL
    FROM initiative i
    LEFT JOIN counted c ON c.object_kind = 'initiative' AND c.object_id = i.initiative_id
    WHERE i.is_active;
END $$;
COMMENT ON FUNCTION posture_internal.current_state(timestamptz, boolean) IS
    'returns each active metric with its distinct assets exposed and assessed, as many times as '
    'it weighs them, plus points of its measures, its critical assets exposed and its score; '
    'each recommendation with its assets and the points of its measure; '
    'each active initiative with its exposed assets';

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

/*
 * Scores from counts. on_day NULL asks about now and a day about its snapshot,
 * so that one formula serves the reports, the snapshots and the causes of a
 * drop.
 */

CREATE FUNCTION posture.metric_term(of_score posture.score, exposed numeric, assessed numeric)
    RETURNS TABLE (method posture.initiative_method, mass numeric, healthy numeric)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 2
BEGIN ATOMIC
    SELECT 'weighted'::posture.initiative_method, CASE WHEN of_score IS NOT NULL THEN 1::numeric END, of_score::numeric * 0.01
    UNION ALL
    SELECT 'population', CASE WHEN of_score IS NOT NULL THEN assessed END, CASE WHEN of_score IS NOT NULL THEN assessed - exposed END;
END;
COMMENT ON FUNCTION posture.metric_term(posture.score, numeric, numeric) IS 'what a metric adds to an initiative by each method of metrics; mass is NULL where it is unavailable';

-- In PL/pgSQL, as state() is, because that keeps its plan: planning it would
-- take longer than running it.
CREATE FUNCTION posture.initiative_term(on_day date)
    RETURNS TABLE (initiative_id integer, method posture.initiative_method, metric_id integer, recommendation_id integer,
                   weight numeric, mass numeric, healthy numeric, critical bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH state AS MATERIALIZED (
        SELECT n.metric_id, n.recommendation_id, n.exposed, n.assessed, n.score, n.points_missing, n.points_possible, n.critical
        FROM posture.state('infinity'::timestamptz) n
        WHERE on_day IS NULL AND n.initiative_id IS NULL
        UNION ALL
        SELECT s.metric_id, NULL, s.exposed, s.assessed, s.score, NULL, NULL, NULL
        FROM posture.metric_snapshot s
        WHERE s.day = on_day
        UNION ALL
        SELECT NULL, s.recommendation_id, NULL, NULL, NULL, s.possible - s.achieved, s.possible, NULL
        FROM posture.recommendation_snapshot s
        WHERE s.day = on_day
    ), member AS MATERIALIZED (
        SELECT b.*, m.exposed, m.assessed, m.score, m.critical
        FROM posture.initiative_member(on_day) b
        LEFT JOIN state m USING (metric_id)
    ), definition AS MATERIALIZED (
        SELECT i.initiative_id, i.recommendations
        FROM posture.initiative_definition(on_day) i
        WHERE on_day IS NOT NULL OR i.method = 'points'
    )
    SELECT b.initiative_id, t.method, b.metric_id, NULL::integer, b.weight, t.mass, t.healthy, b.critical
    FROM member b
    CROSS JOIN LATERAL posture.metric_term(b.score, b.exposed, b.assessed) t
    UNION ALL
    SELECT o.initiative_id, 'points', NULL, o.recommendation_id, 1,
           posture.possible_points(r.max_points::numeric, p.assessed, p.points_possible),
           posture.achieved_points(r.max_points::numeric, p.exposed, p.assessed, p.points_missing, p.points_possible), NULL
    FROM (SELECT b.initiative_id, mr.recommendation_id
          FROM definition d
          JOIN member b USING (initiative_id)
          JOIN posture.metric_member(on_day) mr USING (metric_id)
          WHERE b.weight > 0 AND b.score IS NOT NULL
          UNION
          SELECT d.initiative_id, unnest(d.recommendations)
          FROM definition d) o
    LEFT JOIN state p USING (recommendation_id)
    LEFT JOIN posture.recommendation r USING (recommendation_id);
END $$;
COMMENT ON FUNCTION posture.initiative_term(date) IS 'what each initiative''s score is made of, now by its method and by those of metrics, on a day by every method: score = 100 x sum(weight x healthy) / sum(weight x mass); mass is NULL where unavailable; critical: of a metric now, the critical assets that it has exposed';

-- Points of a share of assets have 40 decimals, and a sum has 30: what the
-- division of thirds left must not decide how a score is rounded, and three
-- thirds are one.
CREATE FUNCTION posture.initiative_result(on_day date)
    RETURNS TABLE (initiative_id integer, method posture.initiative_method, score posture.score)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT i.initiative_id, i.method,
           posture.score(round(sum(t.weight * (t.mass - t.healthy)), 30), sum(t.weight * t.mass))
    FROM posture.initiative_definition(on_day) i
    LEFT JOIN posture.initiative_term(on_day) t USING (initiative_id, method)
    GROUP BY i.initiative_id, i.method;
END;
COMMENT ON FUNCTION posture.initiative_result(date) IS 'the score of each active initiative, now or from what a day''s snapshot holds';

CREATE FUNCTION posture.metric_assets(metric text, day date DEFAULT NULL) RETURNS posture.assetset
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted integer := (SELECT m.metric_id FROM posture.metric m WHERE m.key = metric_assets.metric);
    chosen integer[];
BEGIN
    IF wanted IS NULL AND metric IS NOT NULL THEN
        RAISE EXCEPTION 'unknown metric "%"', metric
            USING ERRCODE = 'undefined_object', HINT = 'The table posture.metric lists the metrics.';
    END IF;
    chosen := posture.findings_needed(ARRAY(SELECT mr.recommendation_id FROM posture.metric_recommendation mr WHERE mr.metric_id = wanted));
    RETURN (SELECT coalesce(e.exposed, '{}')
            FROM posture.metric m
            LEFT JOIN posture.exposure(coalesce(posture.day_end(day), timestamptz 'infinity'), true, NULL::integer, chosen) e
                   ON e.object_kind = 'metric' AND e.object_id = m.metric_id
            WHERE m.metric_id = wanted AND m.is_active);
END $$;
COMMENT ON FUNCTION posture.metric_assets(text, date) IS 'the assets that a metric has exposed, now or at the end of a day; before posture.retention_days ago, as on the first day that is kept';

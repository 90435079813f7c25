/*
 * The points of a recommendation: those of its measure, which a source reports
 * for the whole organisation, or max_points times the share of healthy assets.
 */

CREATE FUNCTION posture_internal.measured(
    as_of timestamptz, on_day date DEFAULT NULL, scenario jsonb DEFAULT NULL)
    RETURNS TABLE (recommendation_id integer, achieved numeric, possible numeric, failing boolean)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    -- most databases have no measure
    IF NOT EXISTS (SELECT FROM measure) AND on_day IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH exempt AS (
        SELECT x.recommendation_id, x.kind
        FROM exemption_rule(as_of, on_day, scenario) x
        WHERE x.for_all
    )
    SELECT recommendation_id,
           CASE WHEN d.is_done
                     OR EXISTS (SELECT FROM exempt x
                                WHERE x.recommendation_id = m.recommendation_id
                                  AND x.kind = 'mitigated')
                THEN m.possible ELSE m.achieved END,
           m.possible, m.achieved < m.possible AND NOT d.is_done
    FROM (SELECT o.recommendation_id, o.achieved::numeric AS achieved,
                 o.possible::numeric AS possible
          FROM measure o
          WHERE on_day IS NULL AND o.observed_at < as_of
          UNION ALL
          SELECT s.recommendation_id, s.achieved, s.possible
          FROM measure_snapshot s
          WHERE s.day = on_day) m
    JOIN counted_recommendation(on_day, scenario) c USING (recommendation_id)
    CROSS JOIN LATERAL (
        SELECT c.is_remediated
               AND NOT (coalesce((scenario -> 'keeps_accepted')::boolean, false)
                        AND EXISTS (SELECT FROM exempt x
                                    WHERE x.recommendation_id = m.recommendation_id
                                      AND x.kind = 'risk_accepted')) AS is_done) d
    WHERE NOT EXISTS (SELECT FROM exempt x
                      WHERE x.recommendation_id = m.recommendation_id AND x.kind = 'waived');
END $$;
COMMENT ON FUNCTION posture_internal.measured(timestamptz, date, jsonb) IS
    'returns the points of measures that count, at a moment or on a past day: those of active '
    'recommendations of active sources, without waived ones, and with all points achieved for '
    'mitigated and remediated ones; failing: whether points are missing, mitigated or not';

-- A quotient can have infinitely many decimals; 40 are far more than a score shows.
CREATE FUNCTION posture_internal.achieved_points(
    max_points numeric, exposed numeric, assessed numeric,
    points_missing numeric, points_possible numeric)
    RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN points_possible IS NOT NULL THEN points_possible - points_missing
                WHEN assessed > 0 THEN round(max_points * (assessed - exposed), 40) / assessed END;
COMMENT ON FUNCTION posture_internal.achieved_points(
    numeric, numeric, numeric, numeric, numeric) IS
    'returns the points achieved of a recommendation: those of its measure, '
    'or max_points times the share of healthy assets; NULL: worth no points';
CREATE FUNCTION posture_internal.possible_points(
    max_points numeric, assessed numeric, points_possible numeric)
    RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN points_possible IS NOT NULL THEN points_possible
                WHEN assessed > 0 THEN max_points END;
COMMENT ON FUNCTION posture_internal.possible_points(numeric, numeric, numeric) IS
    'returns the points possible of a recommendation: those of its measure, or max_points; '
    'NULL: worth no points';

CREATE FUNCTION posture_internal.round_points(points numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN trim_scale(round(points, 6));
COMMENT ON FUNCTION posture_internal.round_points(numeric) IS
    'returns points as reports show them, with at most six decimals as scores have';

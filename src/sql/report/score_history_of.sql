/*
 * score_history_of() and backtest(): days of the past for a group, and under a
 * scenario.
 */

CREATE FUNCTION posture_internal.check_days(from_day date, to_day date) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF from_day > to_day THEN
        RAISE EXCEPTION 'from_day % is after to_day %', from_day, to_day
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.check_days(date, date) IS
    'raises an error if two days are not in order';

CREATE FUNCTION posture.score_history_of(
    object text, asset_group text DEFAULT NULL, from_day date DEFAULT NULL,
    to_day date DEFAULT NULL)
    RETURNS TABLE (day date, score numeric, exposed_assets numeric, assessed_assets numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    of_metric integer;
    of_initiative integer;
    of_group integer := asset_group_of(asset_group);
BEGIN
    SELECT o.metric_id, o.initiative_id INTO of_metric, of_initiative FROM object_of(object) o;
    PERFORM check_days(from_day, to_day);
    RETURN QUERY
    SELECT r.day,
           CASE WHEN of_group IS NULL AND of_initiative IS NOT NULL THEN s.score
                ELSE r.score END::numeric, r.exposed, r.assessed
    FROM day_row(coalesce(from_day, '-infinity'), coalesce(to_day, 'infinity'), NULL,
                 CASE WHEN of_initiative IS NOT NULL THEN ARRAY[of_initiative] END, of_group,
                 of_metric) r
    LEFT JOIN initiative_snapshot s ON s.day = r.day AND s.initiative_id = of_initiative
    WHERE r.metric_id = of_metric OR r.initiative_id = of_initiative AND r.metric_id IS NULL
    ORDER BY r.day;
END $$;
COMMENT ON FUNCTION posture.score_history_of(text, text, date, date) IS
    'returns the score and the assets of a metric or initiative on each day that has ended and has '
    'a snapshot, between two days or all, by all assets or by those that a group has now';

CREATE FUNCTION posture_internal.backtest_drop(
    of_scenario jsonb, of_metric integer, of_initiative integer, previous score, current score)
    RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN is_drop(previous, current, coalesce(
        (SELECT t.threshold
         FROM jsonb_to_recordset(of_scenario -> 'threshold')
              t(metric_id integer, initiative_id integer, threshold numeric)
         WHERE t.metric_id = of_metric OR t.initiative_id = of_initiative),
        (SELECT valid_threshold(m.drop_threshold) FROM metric m WHERE m.metric_id = of_metric),
        (SELECT valid_threshold(i.drop_threshold) FROM initiative i
         WHERE i.initiative_id = of_initiative)));
COMMENT ON FUNCTION posture_internal.backtest_drop(jsonb, integer, integer, score, score) IS
    'returns whether a score dropped by the threshold that its object has under a scenario';

CREATE FUNCTION posture.backtest(
    scenario jsonb, from_day date DEFAULT NULL, to_day date DEFAULT NULL)
    RETURNS TABLE (day date, initiative text, metric text, score numeric, scenario_score numeric,
                   is_event boolean, scenario_event boolean)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    resolved jsonb := resolve_scenario(scenario);
BEGIN
    PERFORM require_level('reader or owner');
    PERFORM check_days(from_day, to_day);
    RETURN QUERY
    WITH day_row AS MATERIALIZED (
        -- the day before is compared with the first one
        SELECT r.*
        FROM day_row(coalesce(previous_day(from_day), from_day, '-infinity'),
                     coalesce(to_day, 'infinity'), resolved, NULL, NULL, NULL) r
    ), under AS (
        SELECT r.day, r.initiative_id, r.metric_id, r.score, w.weight
        FROM day_row r
        LEFT JOIN (SELECT x.day, x.metric_id, max(x.weight) AS weight
                   FROM day_row x GROUP BY x.day, x.metric_id) w
               ON w.day = r.day AND w.metric_id = r.metric_id
        WHERE r.metric_id IS NULL OR r.initiative_id IS NULL
    ), previous AS (
        SELECT d.day, lag(d.day) OVER (ORDER BY d.day) AS previous_day
        FROM (SELECT DISTINCT x.day FROM day_row x) d
    ), compared AS (
        SELECT u.*, p.score AS previous_score,
               coalesce(i.score, m.score) AS was,
               EXISTS (SELECT FROM event e
                       WHERE e.day = u.day AND e.kind::text LIKE '%score_drop'
                         AND (e.initiative_id = u.initiative_id OR e.metric_id = u.metric_id))
                   AS is_event
        FROM under u
        JOIN previous d ON d.day = u.day
        LEFT JOIN under p ON p.day = d.previous_day
                         AND coalesce(p.metric_id, -p.initiative_id)
                             = coalesce(u.metric_id, -u.initiative_id)
        LEFT JOIN initiative_snapshot i ON i.day = u.day AND i.initiative_id = u.initiative_id
        LEFT JOIN metric_snapshot m ON m.day = u.day AND m.metric_id = u.metric_id
    ), tested AS (
        SELECT c.*, (c.initiative_id IS NOT NULL OR coalesce(c.weight > 0, false))
                    AND backtest_drop(resolved, c.metric_id, c.initiative_id, c.previous_score,
                                      c.score) AS scenario_event
        FROM compared c
        WHERE c.day >= coalesce(from_day, '-infinity')
    )
    SELECT t.day, coalesce(i.key::text, n.key), coalesce(m.key::text, s.key), t.was::numeric,
           t.score::numeric, t.is_event, t.scenario_event
    FROM tested t
    LEFT JOIN posture.initiative i ON i.initiative_id = t.initiative_id
    LEFT JOIN posture.metric m ON m.metric_id = t.metric_id
    LEFT JOIN initiative_snapshot n ON n.day = t.day AND n.initiative_id = t.initiative_id
    LEFT JOIN metric_snapshot s ON s.day = t.day AND s.metric_id = t.metric_id
    WHERE t.initiative_id IS NOT NULL OR t.is_event OR t.scenario_event
    ORDER BY t.day, 2, 3;
END $$;
COMMENT ON FUNCTION posture.backtest(jsonb, date, date) IS
    'returns each initiative on each day that has ended and has a snapshot, between two days or '
    'all: its score as it was and under a scenario, and whether its drop was an event and would '
    'have been one; also each metric (initiative NULL) on days of which either is true';

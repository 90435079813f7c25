/*
 * The points of each recommendation in each initiative that adds up by points,
 * on a day, and how they changed between two days.
 */

CREATE FUNCTION posture_internal.points_day() RETURNS SETOF date
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 400
    SET jit = off
BEGIN ATOMIC
    SELECT s.day
    FROM initiative_snapshot s
    WHERE s.method = 'points' AND s.day <> today()
    GROUP BY s.day
    UNION ALL
    SELECT today();
END;
COMMENT ON FUNCTION posture_internal.points_day() IS
    'returns the days on which an initiative adds up by points, and today';

-- Returns for a day what initiative_term() returns, in less time. A recommendation
-- counts once, however many metrics measure it; a union of sets of ids is the fastest
-- way to ensure that.
CREATE FUNCTION posture_internal.points_term(on_day date)
    RETURNS TABLE (initiative_id integer, recommendation_id integer,
                   achieved numeric, possible numeric)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 500
    SET jit = off
BEGIN ATOMIC
    SELECT o.initiative_id, o.recommendation_id, r.achieved, r.possible
    FROM (SELECT x.initiative_id, members(union_agg(x.recommendations)) AS recommendation_id
          FROM (SELECT s.initiative_id, s.recommendations::assetset AS recommendations
                FROM initiative_snapshot s
                WHERE s.day = on_day AND s.method = 'points'
                UNION ALL
                SELECT s.initiative_id, m.recommendations::assetset
                FROM initiative_snapshot s
                JOIN initiative_metric_snapshot b
                  ON b.day = on_day AND b.initiative_id = s.initiative_id
                JOIN metric_snapshot m ON m.day = on_day AND m.metric_id = b.metric_id
                WHERE s.day = on_day AND s.method = 'points'
                  AND b.weight > 0 AND m.score IS NOT NULL) x
          GROUP BY x.initiative_id) o
    JOIN recommendation_snapshot r
      ON r.day = on_day AND r.recommendation_id = o.recommendation_id
    WHERE on_day <> today() AND r.possible IS NOT NULL
    UNION ALL
    SELECT t.initiative_id, t.recommendation_id, t.healthy, t.mass
    FROM initiative_term(NULL) t
    WHERE on_day = today() AND t.method = 'points' AND t.mass IS NOT NULL;
END;
COMMENT ON FUNCTION posture_internal.points_term(date) IS
    'returns the points of each recommendation in each initiative that adds up by points: '
    'on a past day from its snapshot, today as they are now';

CREATE FUNCTION posture_internal.points_on(of_initiative integer, on_day date)
    RETURNS TABLE (recommendation_id integer, achieved numeric, possible numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    days date[] := ARRAY(SELECT s.day FROM initiative_snapshot s
                         WHERE s.initiative_id = of_initiative AND s.method = 'points'
                           AND s.day <> today()
                         UNION ALL
                         SELECT today() FROM initiative_definition(NULL) d
                         WHERE d.initiative_id = of_initiative AND d.method = 'points');
BEGIN
    IF on_day IS NULL OR on_day <> ALL (days) THEN
        RAISE EXCEPTION 'initiative "%" has no points on day %',
                (SELECT i.key FROM initiative i WHERE i.initiative_id = of_initiative),
                coalesce(on_day::text, 'NULL')
            USING ERRCODE = 'no_data_found',
                  HINT = nearest_days_hint(days, on_day, 'It has points on no day.');
    END IF;
    RETURN QUERY
    SELECT t.recommendation_id, t.healthy, t.mass
    FROM initiative_term(nullif(on_day, today())) t
    WHERE t.initiative_id = of_initiative AND t.method = 'points' AND t.mass IS NOT NULL;
END $$;
COMMENT ON FUNCTION posture_internal.points_on(integer, date) IS
    'returns the points of each recommendation of an initiative on a day, or the current points if '
    'that is today; raises an error if the initiative did not add up by points on that day';

CREATE FUNCTION posture.points_change(initiative text, from_day date, to_day date)
    RETURNS TABLE (recommendation text, title text, domain text, workload text,
                   previous_achieved numeric, achieved numeric,
                   previous_possible numeric, possible numeric,
                   change numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    wanted integer := initiative_of(points_change.initiative);
BEGIN
    IF wanted IS NULL THEN
        RETURN;
    ELSIF from_day > to_day THEN
        RAISE EXCEPTION 'from_day % is after to_day %', from_day, to_day
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN QUERY
    SELECT coalesce(recommendation_label(x.recommendation_id), x.recommendation_id::text),
           r.title, r.domain, r.workload,
           x.previous_achieved, x.achieved, x.previous_possible, x.possible,
           x.change
    FROM (SELECT recommendation_id,
                 round_points(p.achieved) AS previous_achieved,
                 round_points(n.achieved) AS achieved,
                 round_points(p.possible) AS previous_possible,
                 round_points(n.possible) AS possible,
                 round_points(coalesce(round_points(n.achieved), 0)
                              - coalesce(round_points(p.achieved), 0)) AS change
          FROM points_on(wanted, from_day) p
          FULL JOIN points_on(wanted, to_day) n USING (recommendation_id)) x
    LEFT JOIN recommendation r USING (recommendation_id)
    ORDER BY x.change, 1;
END $$;
COMMENT ON FUNCTION posture.points_change(text, date, date) IS
    'returns the points of each recommendation of an initiative on two days, and how they changed: '
    'achieved - previous_achieved, negative if points were lost; for today, the current points; '
    'NULL: worth no points on that day';

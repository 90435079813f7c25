/*
 * The catalog at a coordinate: which recommendations count, what metrics and
 * initiatives are made of, and the method by which an initiative adds up.
 * Functions have a query for each case, so that now and a day pay nothing for
 * what a scenario needs.
 *
 * on_day NULL means now, and a day means its snapshot. scenario is what
 * resolve_scenario() returns, and is laid over the catalog of that moment;
 * NULL: the catalog as it is.
 */

CREATE FUNCTION posture_internal.recommendation_source(on_day date)
    RETURNS TABLE (recommendation_id integer, source_id integer)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.recommendation_id, r.source_id FROM recommendation r
    UNION ALL
    SELECT x.recommendation_id, x.source_id
    FROM snapshot s
    CROSS JOIN unnest(s.scanner_recommendations, s.scanners) x(recommendation_id, source_id)
    WHERE s.day = on_day
      AND NOT EXISTS (SELECT FROM recommendation r
                      WHERE r.recommendation_id = x.recommendation_id);
END;
COMMENT ON FUNCTION posture_internal.recommendation_source(date) IS
    'returns the source of each recommendation; also of those that were deleted since a day on '
    'which a metric of the source had a population';

CREATE FUNCTION posture_internal.counted_recommendation(
    on_day date DEFAULT NULL, scenario jsonb DEFAULT NULL)
    RETURNS TABLE (recommendation_id integer, source_id integer, is_remediated boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.recommendation_id, r.source_id,
           r.recommendation_id IN (SELECT x.id::integer
                                   FROM jsonb_array_elements_text(scenario -> 'remediate') x(id))
    FROM (SELECT c.recommendation_id, c.source_id, c.is_active, s.is_active AS source_is_active
          FROM recommendation c JOIN source s USING (source_id)
          WHERE on_day IS NULL
          UNION ALL
          -- one that was deleted since still has sets on the days before
          SELECT recommendation_id, c.source_id, i.id IS NULL, o.id IS NULL
          FROM (SELECT a.recommendation_id FROM recommendation_source(on_day) a
                UNION
                SELECT a.recommendation_id FROM recommendation_snapshot a WHERE a.day = on_day
                UNION
                SELECT unnest(m.recommendations) FROM metric_snapshot m WHERE m.day = on_day
                UNION
                SELECT unnest(i.recommendations) FROM initiative_snapshot i
                WHERE i.day = on_day) k
          LEFT JOIN recommendation_source(on_day) c USING (recommendation_id)
          LEFT JOIN (snapshot p CROSS JOIN unnest(p.inactive_recommendations) i(id))
                 ON p.day = on_day AND i.id = recommendation_id
          LEFT JOIN (snapshot q CROSS JOIN unnest(q.inactive_sources) o(id))
                 ON q.day = on_day AND o.id = c.source_id
          WHERE on_day IS NOT NULL) r
    LEFT JOIN jsonb_to_recordset(scenario -> 'recommendation')
              x(recommendation_id integer, is_active boolean) USING (recommendation_id)
    LEFT JOIN jsonb_to_recordset(scenario -> 'source')
              y(source_id integer, is_active boolean) ON y.source_id = r.source_id
    WHERE CASE WHEN scenario IS NULL THEN r.is_active AND r.source_is_active
               ELSE coalesce(x.is_active, r.is_active)
                    AND coalesce(y.is_active, r.source_is_active) END;
END;
COMMENT ON FUNCTION posture_internal.counted_recommendation(date, jsonb) IS
    'returns the active recommendations of active sources, now or on a day; source_id NULL: the '
    'recommendation was deleted since, and its source is not known; is_remediated: whether the scenario remediates it';

CREATE FUNCTION posture_internal.metric_definition(
    on_day date DEFAULT NULL, scenario jsonb DEFAULT NULL)
    RETURNS TABLE (metric_id integer, importance importance, asset_kinds text[],
                   criticality_weights integer[], population_group_id integer,
                   unassessed_as text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    IF scenario IS NULL AND on_day IS NULL THEN
        RETURN QUERY
        SELECT m.metric_id, m.importance, m.asset_kinds, m.criticality_weights::integer[],
               m.population_group_id, m.unassessed
        FROM metric m
        WHERE m.is_active;
    ELSE
        RETURN QUERY
        SELECT m.metric_id, coalesce(i.importance, m.importance),
               CASE WHEN k.metric_id IS NULL THEN m.asset_kinds ELSE k.asset_kinds END,
               CASE WHEN w.metric_id IS NULL THEN m.criticality_weights
                    ELSE w.criticality_weights END,
               m.population_group_id, m.unassessed_as
        FROM (SELECT c.metric_id, c.importance, c.asset_kinds,
                     c.criticality_weights::integer[] AS criticality_weights,
                     c.population_group_id, c.unassessed AS unassessed_as
              FROM metric c
              WHERE on_day IS NULL AND c.is_active
              UNION ALL
              SELECT s.metric_id, s.importance, s.asset_kinds, s.criticality_weights,
                     s.population_group_id, s.unassessed_as
              FROM metric_snapshot s
              WHERE s.day = on_day) m
        LEFT JOIN jsonb_to_recordset(scenario -> 'importance')
                  i(metric_id integer, importance importance) ON i.metric_id = m.metric_id
        LEFT JOIN jsonb_to_recordset(scenario -> 'asset_kinds')
                  k(metric_id integer, asset_kinds text[]) ON k.metric_id = m.metric_id
        LEFT JOIN jsonb_to_recordset(scenario -> 'criticality_weights')
                  w(metric_id integer, criticality_weights integer[]) ON w.metric_id = m.metric_id;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.metric_definition(date, jsonb) IS
    'returns each active metric with its importance and the assets that count in it, now or on a '
    'day; population_group_id NULL: the assets that are assessed';

CREATE FUNCTION posture_internal.current_member()
    RETURNS TABLE (initiative_id integer, metric_id integer, weight numeric, is_own boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT im.initiative_id, im.metric_id, coalesce(im.weight, w.weight, 0),
           im.weight IS NOT NULL
    FROM initiative_metric im
    JOIN initiative i USING (initiative_id)
    JOIN metric m USING (metric_id)
    LEFT JOIN importance_weight w USING (importance)
    WHERE i.is_active AND m.is_active;
END;
COMMENT ON FUNCTION posture_internal.current_member() IS
    'returns initiative_member() now, without a scenario';

CREATE FUNCTION posture_internal.recorded_member(on_day date)
    RETURNS TABLE (initiative_id integer, metric_id integer, weight numeric, is_own boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT c.* FROM current_member() c WHERE on_day IS NULL
    UNION ALL
    SELECT s.initiative_id, s.metric_id, s.weight, s.is_own
    FROM initiative_metric_snapshot s
    WHERE s.day = on_day;
END;
COMMENT ON FUNCTION posture_internal.recorded_member(date) IS
    'returns initiative_member() now or on a day, without a scenario';

CREATE FUNCTION posture_internal.initiative_member(
    on_day date DEFAULT NULL, scenario jsonb DEFAULT NULL)
    RETURNS TABLE (initiative_id integer, metric_id integer, weight numeric, is_own boolean)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 200
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    IF scenario IS NULL AND on_day IS NULL THEN
        RETURN QUERY SELECT r.* FROM current_member() r;
    ELSIF scenario IS NULL THEN
        RETURN QUERY SELECT r.* FROM recorded_member(on_day) r;
    ELSE
        RETURN QUERY
        SELECT b.initiative_id, b.metric_id,
               coalesce(x.weight, CASE WHEN b.is_own OR i.metric_id IS NULL THEN b.weight END,
                        w.weight, 0),
               b.is_own OR x.weight IS NOT NULL
        FROM (SELECT initiative_id, metric_id, r.weight, r.is_own
              FROM recorded_member(on_day) r
              LEFT JOIN jsonb_to_recordset(scenario -> 'remove_metric')
                        x(initiative_id integer, metric_id integer) USING (initiative_id, metric_id)
              WHERE x.metric_id IS NULL
              UNION ALL
              SELECT initiative_id, metric_id, NULL, false
              FROM jsonb_to_recordset(scenario -> 'add_metric')
                   x(initiative_id integer, metric_id integer)
              JOIN (SELECT c.initiative_id FROM initiative c WHERE on_day IS NULL AND c.is_active
                    UNION ALL
                    SELECT s.initiative_id FROM initiative_snapshot s WHERE s.day = on_day) i
                   USING (initiative_id)
              LEFT JOIN recorded_member(on_day) r USING (initiative_id, metric_id)
              WHERE r.metric_id IS NULL) b
        JOIN metric_definition(on_day, scenario) d ON d.metric_id = b.metric_id
        LEFT JOIN importance_weight w ON w.importance = d.importance
        LEFT JOIN jsonb_to_recordset(scenario -> 'importance') i(metric_id integer)
               ON i.metric_id = b.metric_id
        LEFT JOIN jsonb_to_recordset(scenario -> 'weight')
                  x(initiative_id integer, metric_id integer, weight numeric)
               ON x.initiative_id = b.initiative_id AND x.metric_id = b.metric_id;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.initiative_member(date, jsonb) IS
    'returns the active metrics of each active initiative with their weight, now or on a day; '
    'is_own: whether the initiative sets the weight itself';

CREATE FUNCTION posture_internal.initiative_definition(
    on_day date DEFAULT NULL, scenario jsonb DEFAULT NULL)
    RETURNS TABLE (initiative_id integer, method initiative_method, recommendations integer[])
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    IF scenario IS NULL AND on_day IS NOT NULL THEN
        RETURN QUERY
        SELECT s.initiative_id, s.method, s.recommendations
        FROM initiative_snapshot s
        WHERE s.day = on_day;
    ELSIF scenario IS NULL THEN
        RETURN QUERY
        SELECT i.initiative_id, CASE WHEN b.initiative_id IS NULL THEN 'points' ELSE i.method END,
               coalesce(o.recommendations, '{}')
        FROM initiative i
        LEFT JOIN (SELECT DISTINCT x.initiative_id
                   FROM initiative_metric x JOIN metric m USING (metric_id)
                   WHERE m.is_active) b ON b.initiative_id = i.initiative_id
        LEFT JOIN (SELECT x.initiative_id,
                          array_agg(x.recommendation_id ORDER BY x.recommendation_id)
                              AS recommendations
                   FROM initiative_recommendation x
                   JOIN recommendation r USING (recommendation_id)
                   JOIN source s USING (source_id)
                   WHERE s.is_active AND r.is_active
                   GROUP BY x.initiative_id) o ON o.initiative_id = i.initiative_id
        WHERE i.is_active;
    ELSE
        RETURN QUERY
        SELECT i.initiative_id,
               CASE WHEN b.initiative_id IS NULL THEN 'points'
                    ELSE coalesce(x.method, i.method) END,
               coalesce(o.recommendations, '{}')
        FROM (SELECT c.initiative_id, c.method
              FROM initiative c
              WHERE on_day IS NULL AND c.is_active
              UNION ALL
              SELECT s.initiative_id, coalesce(s.chosen_method, s.method)
              FROM initiative_snapshot s
              WHERE s.day = on_day) i
        LEFT JOIN (SELECT DISTINCT m.initiative_id FROM initiative_member(on_day, scenario) m) b
               ON b.initiative_id = i.initiative_id
        LEFT JOIN (SELECT l.initiative_id, array_agg(recommendation_id ORDER BY recommendation_id)
                              AS recommendations
                   FROM (SELECT ir.initiative_id, ir.recommendation_id
                         FROM initiative_recommendation ir
                         WHERE on_day IS NULL
                         UNION ALL
                         SELECT s.initiative_id, unnest(s.recommendations || s.switched_off)
                         FROM initiative_snapshot s
                         WHERE s.day = on_day) l
                   JOIN counted_recommendation(on_day, scenario) USING (recommendation_id)
                   GROUP BY l.initiative_id) o ON o.initiative_id = i.initiative_id
        LEFT JOIN jsonb_to_recordset(scenario -> 'method')
                  x(initiative_id integer, method initiative_method)
               ON x.initiative_id = i.initiative_id;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.initiative_definition(date, jsonb) IS
    'returns the method of each active initiative and the recommendations that it scores without '
    'a metric, now or on a day; an initiative without metrics adds up by points';

CREATE FUNCTION posture_internal.metric_member(
    on_day date DEFAULT NULL, scenario jsonb DEFAULT NULL)
    RETURNS TABLE (metric_id integer, recommendation_id integer)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    IF scenario IS NULL AND on_day IS NULL THEN
        RETURN QUERY
        SELECT mr.metric_id, mr.recommendation_id
        FROM metric_recommendation mr
        JOIN recommendation r ON r.recommendation_id = mr.recommendation_id
        JOIN source s ON s.source_id = r.source_id
        WHERE s.is_active AND r.is_active;
    ELSIF scenario IS NULL THEN
        RETURN QUERY
        SELECT s.metric_id, unnest(s.recommendations)
        FROM metric_snapshot s
        WHERE s.day = on_day;
    ELSE
        RETURN QUERY
        SELECT m.metric_id, recommendation_id
        FROM (SELECT r.metric_id, r.recommendation_id
              FROM (SELECT mr.metric_id, mr.recommendation_id
                    FROM metric_recommendation mr
                    WHERE on_day IS NULL
                    UNION ALL
                    SELECT s.metric_id, unnest(s.recommendations || s.switched_off)
                    FROM metric_snapshot s
                    WHERE s.day = on_day) r
              WHERE r.metric_id NOT IN (SELECT x.id::integer
                                        FROM jsonb_array_elements_text(scenario -> 'replace') x(id))
              EXCEPT
              SELECT x.metric_id, x.recommendation_id
              FROM jsonb_to_recordset(scenario -> 'remove')
                   x(metric_id integer, recommendation_id integer)
              UNION
              SELECT x.metric_id, x.recommendation_id
              FROM jsonb_to_recordset(scenario -> 'add')
                   x(metric_id integer, recommendation_id integer)) m
        JOIN counted_recommendation(on_day, scenario) USING (recommendation_id);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.metric_member(date, jsonb) IS
    'returns the active recommendations of active sources that each metric measures, '
    'now or on a day';

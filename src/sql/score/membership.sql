/*
 * The members of metrics and initiatives, and the method by which an initiative
 * adds up. on_day NULL means now, and a day means its snapshot.
 */

CREATE FUNCTION posture_internal.initiative_member(on_day date)
    RETURNS TABLE (initiative_id integer, metric_id integer, weight numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT im.initiative_id, im.metric_id, coalesce(im.weight, w.weight, 0)
    FROM initiative_metric im
    JOIN initiative i USING (initiative_id)
    JOIN metric m USING (metric_id)
    LEFT JOIN importance_weight w USING (importance)
    WHERE on_day IS NULL AND i.is_active AND m.is_active
    UNION ALL
    SELECT s.initiative_id, s.metric_id, s.weight
    FROM initiative_metric_snapshot s
    WHERE s.day = on_day;
END;
COMMENT ON FUNCTION posture_internal.initiative_member(date) IS
    'returns the active metrics of each active initiative with their weight, now or on a day';

CREATE FUNCTION posture_internal.initiative_definition(on_day date)
    RETURNS TABLE (initiative_id integer, method initiative_method, recommendations integer[])
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT i.initiative_id, CASE WHEN b.initiative_id IS NOT NULL THEN i.method ELSE 'points' END,
           coalesce(r.recommendations, '{}')
    FROM initiative i
    LEFT JOIN (SELECT DISTINCT m.initiative_id FROM initiative_member(NULL) m) b
           ON b.initiative_id = i.initiative_id
    LEFT JOIN (SELECT ir.initiative_id,
                      array_agg(ir.recommendation_id ORDER BY ir.recommendation_id)
                          AS recommendations
               FROM initiative_recommendation ir
               JOIN recommendation r USING (recommendation_id)
               JOIN source s USING (source_id)
               WHERE s.is_active AND r.is_active
               GROUP BY ir.initiative_id) r ON r.initiative_id = i.initiative_id
    WHERE on_day IS NULL AND i.is_active
    UNION ALL
    SELECT s.initiative_id, s.method, s.recommendations
    FROM initiative_snapshot s
    WHERE s.day = on_day;
END;
COMMENT ON FUNCTION posture_internal.initiative_definition(date) IS
    'returns the method of each active initiative and the recommendations that it scores without '
    'a metric, now or on a day; an initiative without metrics adds up by points';

CREATE FUNCTION posture_internal.metric_member(on_day date)
    RETURNS TABLE (metric_id integer, recommendation_id integer)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT mr.metric_id, mr.recommendation_id
    FROM metric_recommendation mr
    JOIN recommendation r USING (recommendation_id)
    JOIN source s USING (source_id)
    WHERE on_day IS NULL AND s.is_active AND r.is_active
    UNION ALL
    SELECT s.metric_id, unnest(s.recommendations)
    FROM metric_snapshot s
    WHERE s.day = on_day;
END;
COMMENT ON FUNCTION posture_internal.metric_member(date) IS
    'returns the active recommendations of active sources that each metric measures, '
    'now or on a day';

/*
 * change_report(): why the score of a metric or initiative changed between any
 * two days that have a snapshot, also by less than the threshold of an event, by
 * all assets or by those that a group has now.
 */

CREATE FUNCTION posture_internal.require_snapshot(
    object text, of_metric integer, of_initiative integer, on_day date) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    days date[] := ARRAY(SELECT s.day
                         FROM metric_snapshot s
                         WHERE s.metric_id = of_metric
                         UNION ALL
                         SELECT s.day
                         FROM initiative_snapshot s
                         WHERE s.initiative_id = of_initiative);
BEGIN
    IF on_day IS NOT NULL AND on_day <> ALL (days) THEN
        RAISE EXCEPTION '"%" has no snapshot on %', object, on_day
            USING ERRCODE = 'no_data_found',
                  HINT = concat_ws(' ',
                      nearest_days_hint(days, on_day, CASE WHEN on_day <> today()
                                        THEN 'take_snapshot() or run_daily() takes one.' END),
                      CASE WHEN on_day = today()
                           THEN 'take_snapshot() takes that of today so far.' END);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.require_snapshot(text, integer, integer, date) IS
    'raises an error if a metric or initiative has no snapshot on a day';

CREATE FUNCTION posture_internal.change_scope(
    of_metric integer, of_initiative integer, from_day date, to_day date, of_group integer)
    RETURNS counting_scope
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    scope counting_scope;
BEGIN
    scope := scope_of(NULL, NULL, NULL, of_group);
    scope.initiatives := (SELECT coalesce(assetset_agg(of_initiative), '{}'));
    SELECT coalesce(assetset_agg(x.metric_id), '{}'),
           coalesce(assetset_agg(x.recommendation_id), '{}')
    INTO scope.metrics, scope.recommendations
    FROM unnest(ARRAY[from_day, to_day]) d(day)
    CROSS JOIN LATERAL (
        SELECT of_metric AS metric_id, NULL::integer AS recommendation_id
        UNION ALL
        SELECT b.metric_id, b.recommendation_id
        FROM metric_member(d.day, NULL) b
        WHERE b.metric_id = of_metric
           OR b.metric_id IN (SELECT m.metric_id FROM initiative_member(d.day, NULL) m
                              WHERE m.initiative_id = of_initiative)
        UNION ALL
        SELECT NULL, unnest(i.recommendations)
        FROM initiative_definition(d.day, NULL) i
        WHERE i.initiative_id = of_initiative) x;
    RETURN scope;
END $$;
COMMENT ON FUNCTION posture_internal.change_scope(integer, integer, date, date, integer) IS
    'returns the scope of a metric or an initiative, as it is made up on two days, for the assets '
    'that a group has now, NULL: all';

CREATE FUNCTION posture_internal.change_part(
    of_metric integer, of_initiative integer, from_day date, to_day date, scope counting_scope)
    RETURNS SETOF event_cause
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT NULL::integer, p.metric_id, p.recommendation_id, p.initiative_id, p.reason,
           p.points, p.newly_exposed, NULL::assetset, NULL::bigint
    FROM initiative_change(from_day, to_day, ARRAY[of_initiative], scope) p
    WHERE p.initiative_id = of_initiative
    UNION ALL
    SELECT NULL, p.metric_id, p.recommendation_id, NULL, p.reason,
           p.points, p.newly_exposed, p.assets, p.only_this
    FROM metric_change(from_day, to_day, ARRAY[of_metric], scope) p;
END;
COMMENT ON FUNCTION posture_internal.change_part(
    integer, integer, date, date, counting_scope) IS
    'returns the parts of the change of a metric or an initiative between two days as causes '
    'without an event';

CREATE FUNCTION posture.change_report(
    object text, from_day date, to_day date, asset_group text DEFAULT NULL)
    RETURNS TABLE (initiative text, metric text, recommendation text, reason text,
                   is_posture boolean, points numeric, newly_exposed bigint, only_this bigint,
                   assets assetset, message text, previous_score numeric, score numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    of_metric integer;
    of_initiative integer;
    of_group integer := asset_group_of(asset_group);
    scope counting_scope;
BEGIN
    SELECT o.metric_id, o.initiative_id INTO of_metric, of_initiative FROM object_of(object) o;
    IF from_day >= to_day THEN
        RAISE EXCEPTION 'from_day must be before to_day'
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('from_day is %s, to_day is %s.', from_day, to_day);
    END IF;
    PERFORM require_snapshot(object, of_metric, of_initiative, from_day),
            require_snapshot(object, of_metric, of_initiative, to_day);
    scope := change_scope(of_metric, of_initiative, from_day, to_day, of_group);
    RETURN QUERY
    WITH compared AS MATERIALIZED (
        SELECT p.score AS previous_score, n.score
        FROM day_score(to_day, scope) n
        CROSS JOIN day_score(from_day, scope) p
        WHERE (n.metric_id = of_metric OR n.initiative_id = of_initiative)
          AND (p.metric_id = of_metric OR p.initiative_id = of_initiative)
    ), part AS (
        SELECT p AS cause FROM change_part(of_metric, of_initiative, from_day, to_day, scope) p
        UNION ALL
        SELECT ROW(NULL::integer, of_metric, NULL::integer, of_initiative,
                   CASE WHEN c.score IS NULL THEN 'unavailable' ELSE 'available' END,
                   NULL::numeric, NULL::bigint, NULL::assetset, NULL::bigint)::event_cause
        FROM compared c
        WHERE (c.score IS NULL) <> (c.previous_score IS NULL)
    )
    SELECT d.*, c.previous_score::numeric, c.score::numeric
    FROM compared c
    CROSS JOIN part p
    CROSS JOIN LATERAL change_row(p.cause, from_day, to_day) d
    ORDER BY d.points IS NULL, d.points, d.newly_exposed DESC NULLS LAST,
             d.metric, d.recommendation, d.reason;
END $$;
COMMENT ON FUNCTION posture.change_report(text, date, date, text) IS
    'returns why the score of a metric or initiative changed between two days that have a '
    'snapshot, by all assets or by those that a group has now, without the points of measures, '
    'with the columns of explain(); the points sum exactly to score - previous_score';

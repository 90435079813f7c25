/*
 * explain(): the causes of an event, one row for each cause. The event is given by
 * its id, or by the key of the metric or initiative whose latest drop it is.
 */

CREATE FUNCTION posture_internal.change_row(
    cause event_cause, previous_day date, on_day date)
    RETURNS TABLE (initiative text, metric text, recommendation text, reason text,
                   is_posture boolean, points numeric, newly_exposed bigint, only_this bigint,
                   assets assetset, message text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce((SELECT i.key::text
                     FROM initiative i
                     WHERE i.initiative_id = cause.initiative_id),
                    (SELECT s.key
                     FROM initiative_snapshot s
                     WHERE s.initiative_id = cause.initiative_id AND s.day <= on_day
                     ORDER BY s.day DESC
                     LIMIT 1)),
           coalesce((SELECT m.key::text FROM metric m WHERE m.metric_id = cause.metric_id),
                    (SELECT s.key
                     FROM metric_snapshot s
                     WHERE s.metric_id = cause.metric_id AND s.day <= on_day
                     ORDER BY s.day DESC
                     LIMIT 1)),
           recommendation_label(cause.recommendation_id), cause.reason,
           (SELECT r.is_posture FROM change_reason() r WHERE r.reason = cause.reason),
           cause.points, cause.newly_exposed, cause.only_this, cause.assets,
           coalesce(change_phrase(cause, previous_day, on_day),
                    (SELECT r.meaning FROM change_reason() r WHERE r.reason = cause.reason),
                    'how it changed the score of the initiative');
END;
COMMENT ON FUNCTION posture_internal.change_row(event_cause, date, date) IS
    'returns a cause with the keys of its objects and a message in words';

CREATE FUNCTION posture.explain(event_id integer)
    RETURNS TABLE (initiative text, metric text, recommendation text, reason text,
                   is_posture boolean, points numeric, newly_exposed bigint, only_this bigint,
                   assets assetset, message text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    of_day date;
    since_day date;
BEGIN
    PERFORM require_level('reader or owner');
    SELECT e.day, e.previous_day INTO of_day, since_day
    FROM event e
    WHERE e.event_id = explain.event_id;
    IF of_day IS NULL AND explain.event_id IS NOT NULL THEN
        RAISE EXCEPTION 'event % does not exist', explain.event_id
            USING ERRCODE = 'no_data_found',
                  HINT = 'The view posture.event_report lists the events.';
    END IF;
    RETURN QUERY
    SELECT d.*
    FROM event_cause c
    CROSS JOIN LATERAL change_row(c, since_day, of_day) d
    WHERE c.event_id = explain.event_id
    ORDER BY c.reason = 'effect', c.points IS NULL, c.points,
             c.newly_exposed DESC NULLS LAST, d.metric, d.recommendation, c.reason;
END $$;
COMMENT ON FUNCTION posture.explain(integer) IS
    'returns why the score of an event dropped: its parts, whose points sum exactly to score - '
    'previous_score, so that lost points are negative; points is NULL in rows that detail another '
    'part; rows with the reason effect say how a metric changed the score of each initiative';

CREATE FUNCTION posture_internal.event_of(object text) RETURNS integer
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    of_metric integer;
    of_initiative integer;
    result integer;
BEGIN
    -- PostgreSQL takes a number in quotes for text
    IF object ~ '^[0-9]{1,9}$'
       AND NOT EXISTS (SELECT FROM metric m WHERE m.key = object)
       AND NOT EXISTS (SELECT FROM initiative i WHERE i.key = object) THEN
        RETURN object;
    END IF;
    SELECT o.metric_id, o.initiative_id INTO of_metric, of_initiative FROM object_of(object) o;
    result := (SELECT e.event_id
               FROM event e
               WHERE (e.metric_id = of_metric OR e.initiative_id = of_initiative)
                 AND e.kind <> 'new_initiative'
               ORDER BY e.day DESC, e.kind::text = 'coverage_drop'
               LIMIT 1);
    IF result IS NULL AND object IS NOT NULL THEN
        RAISE EXCEPTION '"%" has no drop to explain', object
            USING ERRCODE = 'no_data_found',
                  DETAIL = coalesce(
                      'Its latest snapshot is that of '
                      || (SELECT max(s.day)
                          FROM (SELECT m.day FROM metric_snapshot m
                                WHERE m.metric_id = of_metric
                                UNION ALL
                                SELECT i.day FROM initiative_snapshot i
                                WHERE i.initiative_id = of_initiative) s) || '.',
                      'It has no snapshot yet.'),
                  HINT = 'change_report() explains the change between any two days.';
    END IF;
    RETURN result;
END $$;
COMMENT ON FUNCTION posture_internal.event_of(text) IS
    'returns the latest drop of a metric or initiative, given as object_of() takes it, or the '
    'number of an event in a text that is no key; an error if there is none; NULL for NULL';

CREATE FUNCTION posture.explain(object text)
    RETURNS TABLE (initiative text, metric text, recommendation text, reason text,
                   is_posture boolean, points numeric, newly_exposed bigint, only_this bigint,
                   assets assetset, message text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT * FROM explain(event_of(object));
END;
COMMENT ON FUNCTION posture.explain(text) IS
    'returns why the score of a metric or initiative dropped last, as explain() returns it for an '
    'event';

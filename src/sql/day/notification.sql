/*
 * NOTIFY: the only calls of pg_notify(), and the payloads that they send on
 * channel posture_event. A payload is a JSON object without NULL fields. Keys
 * have at most 1024 bytes, so a payload stays below the limit of 8000 bytes.
 */

CREATE FUNCTION posture_internal.event_message(of_event event) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'event_id', of_event.event_id, 'kind', of_event.kind, 'day', of_event.day,
        'metric', (SELECT m.key FROM metric m WHERE m.metric_id = of_event.metric_id),
        'initiative', (SELECT i.key FROM initiative i
                       WHERE i.initiative_id = of_event.initiative_id),
        'previous_score', of_event.previous_score::numeric, 'score', of_event.score::numeric,
        'drop', of_event.drop))::text;
COMMENT ON FUNCTION posture_internal.event_message(event) IS
    'returns the payload of the notification of an event';

CREATE FUNCTION posture_internal.notify_event(of_event event) RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT pg_notify('posture_event', event_message(of_event));
END;
COMMENT ON FUNCTION posture_internal.notify_event(event) IS
    'notifies the listeners of channel posture_event of an event';

CREATE FUNCTION posture_internal.day_message(of_day date) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT jsonb_strip_nulls(jsonb_build_object(
                'kind', 'day_summary', 'day', d.day, 'initiatives', d.initiatives,
                'metrics', d.metrics, 'metric_drops', d.metric_drops,
                'initiative_drops', d.initiative_drops, 'new_initiatives', d.new_initiatives,
                'recovered', d.recovered, 'superseded', d.superseded,
                'in_cooldown', d.in_cooldown,
                'coverage_drops', nullif(d.coverage_drops, 0), 'worst', d.worst,
                'worst_drop', d.worst_drop))::text
            FROM day_summary() d
            WHERE d.day = of_day);
COMMENT ON FUNCTION posture_internal.day_message(date) IS
    'returns the payload of the notification at the end of a day; NULL if the day has no snapshot';

CREATE FUNCTION posture_internal.notify_day(of_day date) RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT pg_notify('posture_event', day_message(of_day));
END;
COMMENT ON FUNCTION posture_internal.notify_day(date) IS
    'notifies the listeners of channel posture_event of the summary of a day that has ended';

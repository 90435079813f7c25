/*
 * Events: the drops and new initiatives of a day, with their causes. Recording the
 * events of a day again adds new ones, corrects those whose figures changed, and
 * keeps what people entered. event_end.sql says when an event ends, and
 * comparison.sql which days are compared again when another day changes.
 */

-- A function of its own, because the planner expects one event of a day that it has no statistics
-- of, and would read the causes of all objects again for each event.
CREATE FUNCTION posture_internal.unexplained_event(
    of_day date, is_written boolean, of_initiative integer)
    RETURNS TABLE (event_id integer, previous_day date, metric_id integer, initiative_id integer,
                   uncovered_metric integer)
    LANGUAGE sql STABLE PARALLEL SAFE
    SET jit = off
BEGIN ATOMIC
    SELECT e.event_id, e.previous_day,
           CASE WHEN e.kind::text <> 'coverage_drop' THEN e.metric_id END, e.initiative_id,
           CASE WHEN e.kind::text = 'coverage_drop' THEN e.metric_id END
    FROM event e
    JOIN day_event(of_day, of_initiative) d
      ON d.kind = e.kind
     AND coalesce(d.metric_id, d.initiative_id) = coalesce(e.metric_id, e.initiative_id)
    WHERE e.day = of_day AND e.kind <> 'new_initiative'
      AND (is_written OR NOT EXISTS (SELECT FROM event_cause c WHERE c.event_id = e.event_id));
END;
COMMENT ON FUNCTION posture_internal.unexplained_event(date, boolean, integer) IS
    'returns the drops of a day whose causes write_causes() writes; uncovered_metric: id of the '
    'metric whose coverage dropped';

CREATE FUNCTION posture_internal.write_causes(
    of_day date, is_written boolean, of_initiative integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    -- Keep the causes of events that have ended, and all causes if the snapshot was not written
    -- now, because metrics may have other recommendations since then.
    WITH explained AS (
        SELECT * FROM unexplained_event(of_day, is_written, of_initiative)
    ), earlier AS (
        DELETE FROM event_cause c USING explained e WHERE e.event_id = c.event_id
    ), compared AS (
        SELECT e.previous_day, array_agg(e.metric_id) AS metrics,
               array_agg(e.initiative_id) AS initiatives,
               array_agg(e.uncovered_metric) FILTER (WHERE e.uncovered_metric IS NOT NULL)
                   AS uncovered
        FROM explained e
        GROUP BY e.previous_day
    ), initiative_part AS MATERIALIZED (
        SELECT c.previous_day, p.*
        FROM compared c
        CROSS JOIN LATERAL initiative_change(c.previous_day, of_day, c.initiatives) p
    ), metric_part AS MATERIALIZED (
        SELECT c.previous_day, p.*
        FROM compared c
        CROSS JOIN LATERAL metric_change(c.previous_day, of_day, c.metrics) p
        WHERE EXISTS (SELECT FROM explained e WHERE e.metric_id IS NOT NULL)
    ), counted_metric AS (
        -- By points, an initiative adds up recommendations. A metric's part is that of those which
        -- count through it, and metrics that share one have its whole part.
        SELECT w.day, w.initiative_id, w.metric_id, unnest(s.recommendations) AS recommendation_id
        FROM initiative_metric_snapshot w
        JOIN metric_snapshot s USING (day, metric_id)
        WHERE w.weight > 0
          AND (w.day = of_day OR w.day IN (SELECT c.previous_day FROM compared c))
    ), effect AS (
        SELECT p.previous_day, p.initiative_id, p.metric_id, p.points
        FROM initiative_part p
        WHERE p.metric_id IS NOT NULL
        UNION ALL
        SELECT p.previous_day, p.initiative_id, w.metric_id, p.points
        FROM initiative_part p
        JOIN counted_metric w
          ON w.initiative_id = p.initiative_id AND w.recommendation_id = p.recommendation_id
         AND w.day = CASE WHEN p.reason = 'recommendation_removed' THEN p.previous_day
                          ELSE of_day END
        WHERE p.metric_id IS NULL
    )
    INSERT INTO event_cause (event_id, initiative_id, metric_id, recommendation_id, reason,
                             points, newly_exposed, only_this, assets)
    SELECT e.event_id, e.initiative_id, p.metric_id, p.recommendation_id, p.reason,
           p.points, p.newly_exposed, NULL, NULL
    FROM explained e
    JOIN initiative_part p USING (previous_day, initiative_id)
    UNION ALL
    SELECT e.event_id, NULL, e.metric_id, p.recommendation_id, p.reason,
           p.points, p.newly_exposed, p.only_this, p.assets
    FROM explained e
    JOIN metric_part p USING (previous_day, metric_id)
    UNION ALL
    SELECT e.event_id, NULL, e.uncovered_metric, NULL, 'unassessed', o.score - o.previous_score,
           NULL, NULL, set_difference(n.assets, p.assets)
    FROM compared c
    JOIN explained e USING (previous_day)
    JOIN event o ON o.event_id = e.event_id
    JOIN unassessed_set(of_day, c.uncovered) n ON n.metric_id = e.uncovered_metric
    JOIN unassessed_set(c.previous_day, c.uncovered) p ON p.metric_id = e.uncovered_metric
    UNION ALL
    SELECT e.event_id, f.initiative_id, e.metric_id, NULL, 'effect', sum(f.points), NULL, NULL, NULL
    FROM explained e
    JOIN effect f USING (previous_day, metric_id)
    JOIN initiative_metric_snapshot b ON b.day = of_day AND b.initiative_id = f.initiative_id
                                     AND b.metric_id = f.metric_id
    GROUP BY e.event_id, f.initiative_id, e.metric_id;
END $$;
COMMENT ON FUNCTION posture_internal.write_causes(date, boolean, integer) IS
    'writes the causes of a day''s drops, of one initiative or of all objects (NULL); replaces '
    'earlier ones if the day''s snapshot was written now (is_written)';

CREATE FUNCTION posture_internal.record_drops(
    of_day date, is_written boolean, of_initiative integer) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    recorded bigint;
    notified bigint;
BEGIN
    -- a person may acknowledge or reopen one at the same time
    PERFORM FROM event e WHERE e.day = of_day FOR UPDATE;
    WITH found AS (
        INSERT INTO event AS e (kind, day, previous_day, metric_id, initiative_id,
                                previous_score, score, drop, weight, in_cooldown)
        SELECT d.kind, of_day, d.previous_day, d.metric_id, d.initiative_id,
               d.previous_score, d.score, d.previous_score - d.score, d.weight,
               in_cooldown(of_day, d.kind, d.metric_id, d.initiative_id)
        FROM day_event(of_day, of_initiative) d
        WHERE NOT EXISTS (SELECT FROM event o
                          WHERE o.day = of_day AND o.kind = d.kind
                            AND coalesce(o.metric_id, o.initiative_id)
                                = coalesce(d.metric_id, d.initiative_id))
        ORDER BY d.kind DESC, d.previous_score - d.score DESC, d.metric_id, d.initiative_id
        ON CONFLICT DO NOTHING
        RETURNING e AS new_event
    )
    SELECT count(*),
           -- a source reports days that are long past: only what dropped by yesterday is news
           count(notify_event(f.new_event))
               FILTER (WHERE NOT (f.new_event).in_cooldown
                             AND (of_initiative IS NULL OR of_day >= today() - 1))
    INTO recorded, notified
    FROM found f;

    -- Events that were recorded before get the figures of the snapshot. If such an event
    -- ended on the same day, or because its score was back at another previous_score, it is open
    -- or acknowledged again, as a person left it.
    WITH shown AS (
        SELECT e.event_id, d.previous_day, d.previous_score, d.score, d.weight,
               e.status IN ('recovered', 'superseded')
                   AND (x.day <= of_day
                        OR (d.previous_score <> e.previous_score AND e.reopened_at IS NULL
                            AND coalesce(event_score(e.kind, m, i) >= e.previous_score, false)))
                   AS is_back
        FROM event e
        JOIN day_event(of_day, of_initiative) d
          ON d.kind = e.kind
         AND coalesce(d.metric_id, d.initiative_id) = coalesce(e.metric_id, e.initiative_id)
        CROSS JOIN LATERAL (SELECT coalesce(e.recovered_on, e.superseded_on) AS day) x
        LEFT JOIN metric_snapshot m ON m.metric_id = e.metric_id AND m.day = x.day
        LEFT JOIN initiative_snapshot i ON i.initiative_id = e.initiative_id AND i.day = x.day
        WHERE e.day = of_day
    ), corrected AS (
        UPDATE event e
        SET previous_day = d.previous_day, previous_score = d.previous_score, score = d.score,
            drop = d.previous_score - d.score, weight = d.weight,
            status = CASE WHEN d.is_back THEN entered_status(e) ELSE e.status END,
            recovered_on = CASE WHEN NOT d.is_back THEN e.recovered_on END,
            superseded_on = CASE WHEN NOT d.is_back THEN e.superseded_on END,
            superseded_by = CASE WHEN NOT d.is_back THEN e.superseded_by END,
            cause = NULL
        FROM shown d
        WHERE e.event_id = d.event_id
          AND (e.previous_day, e.previous_score, e.score, e.weight, d.is_back)
              IS DISTINCT FROM (d.previous_day, d.previous_score, d.score, d.weight, false)
        RETURNING e.event_id
    )
    DELETE FROM event_cause c USING corrected e WHERE c.event_id = e.event_id;

    PERFORM write_causes(of_day, is_written, of_initiative);
    -- the sentences as well, because views would need a millisecond for each
    UPDATE event e
    SET cause = s.cause
    FROM (SELECT o.event_id, event_sentence(o) AS cause
          FROM event o
          JOIN day_event(of_day, of_initiative) d
            ON d.kind = o.kind
           AND coalesce(d.metric_id, d.initiative_id) = coalesce(o.metric_id, o.initiative_id)
          WHERE o.day = of_day AND (is_written OR o.cause IS NULL)
          OFFSET 0) s
    WHERE s.event_id = e.event_id AND e.cause IS DISTINCT FROM s.cause;
    RETURN recorded;
END $$;
COMMENT ON FUNCTION posture_internal.record_drops(date, boolean, integer) IS
    'records the events of a day with their causes, of one initiative or of all objects (NULL), '
    'and notifies listeners of new ones; is_written: whether the snapshot was written now; '
    'returns the number of new events';

-- An owner acknowledges and reopens events of its own initiatives, and hears of no other.
CREATE FUNCTION posture_internal.require_event(event_id integer) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM require_level('owner or operator');
    IF NOT EXISTS (SELECT FROM event e
                   WHERE e.event_id = require_event.event_id
                     AND (has_level(caller(), 'operator') OR owns_event(caller(), e))) THEN
        RAISE EXCEPTION 'event % does not exist', event_id
            USING ERRCODE = 'no_data_found',
                  HINT = 'The view posture.event_report lists the events.';
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.require_event(integer) IS
    'raises an error unless an event exists and the caller may write its status and note';

CREATE FUNCTION posture.acknowledge(event_id integer, note text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM require_event(event_id);
    UPDATE event e
    SET status = CASE WHEN e.status = 'open' THEN 'acknowledged' ELSE e.status END,
        acknowledged_by = session_user, acknowledged_at = clock_timestamp(),
        note = coalesce(acknowledge.note, e.note)
    WHERE e.event_id = acknowledge.event_id;
END $$;
COMMENT ON FUNCTION posture.acknowledge(integer, text) IS
    'acknowledges an event in the name of the session''s user; a note replaces the earlier one';

CREATE FUNCTION posture.reopen(event_id integer, note text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM require_event(event_id);
    UPDATE event e
    SET status = 'open', reopened_by = session_user, reopened_at = clock_timestamp(),
        note = coalesce(reopen.note, e.note)
    WHERE e.event_id = reopen.event_id AND e.status <> 'open';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'event % is already open', event_id
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END $$;
COMMENT ON FUNCTION posture.reopen(integer, text) IS
    'reopens an event that was acknowledged, has recovered or was superseded; if its score is back '
    'at previous_score, the snapshot of a later day ends it again';

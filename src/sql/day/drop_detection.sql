/*
 * Which scores dropped: a day's snapshot is compared with the one before it. A
 * score drops when it falls by drop_threshold of its metric or initiative, or by
 * posture.drop_threshold where that is NULL (is_drop() in type/score.sql). So does the
 * coverage of a metric that has a population.
 */

-- The domain allows no other threshold. Where somebody removed its constraint, one object must
-- not prevent the events of all others.
CREATE FUNCTION posture_internal.valid_threshold(threshold numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN threshold > 0 AND threshold <= 100 AND threshold = round(threshold, 12)
                THEN threshold END;
COMMENT ON FUNCTION posture_internal.valid_threshold(numeric) IS
    'returns a threshold that is in the range of its domain; NULL if it is not';

-- A day for which a source itself reported a score is a day of that initiative, although other
-- objects may have no snapshot of it.
CREATE FUNCTION posture_internal.previous_day(of_day date, of_initiative integer DEFAULT NULL)
    RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce((SELECT max(s.day)
                     FROM initiative_snapshot s
                     WHERE s.initiative_id = of_initiative AND s.is_reported AND s.day < of_day
                       AND s.day > coalesce(l.day, '-infinity')), l.day)
    FROM (SELECT greatest((SELECT max(s.day) FROM snapshot s WHERE s.day < of_day),
                          (SELECT max(s.day) FROM metric_snapshot s WHERE s.day < of_day),
                          (SELECT max(s.day) FROM initiative_snapshot s
                           WHERE s.day < of_day AND NOT s.is_reported)) AS day) l;
END;
COMMENT ON FUNCTION posture_internal.previous_day(date, integer) IS
    'returns the day that a day is compared with: the latest earlier day that has a snapshot, or '
    'on which a source reported the score of the initiative; NULL if there is none';

CREATE FUNCTION posture_internal.day_event(of_day date, of_initiative integer)
    RETURNS TABLE (kind event_kind, previous_day date, metric_id integer, initiative_id integer,
                   previous_score score, score score, weight numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
    -- prevents that it is inlined, and so run again for each event that it is joined with
    SET jit = off
BEGIN ATOMIC
    SELECT 'metric_score_drop'::event_kind, p.day, n.metric_id, NULL::integer,
           p.score, n.score, w.weight
    FROM metric_snapshot n
    JOIN metric_snapshot p ON p.metric_id = n.metric_id AND p.day = previous_day(of_day)
    JOIN (SELECT b.metric_id, max(b.weight) AS weight
          FROM initiative_metric_snapshot b
          WHERE b.day = of_day
          GROUP BY b.metric_id) w ON w.metric_id = n.metric_id AND w.weight > 0
    LEFT JOIN metric m ON m.metric_id = n.metric_id
    WHERE n.day = of_day AND of_initiative IS NULL
      AND (is_drop(p.score, n.score, valid_threshold(m.drop_threshold))
           OR (n.score < p.score
               AND EXISTS (SELECT FROM event e
                           WHERE e.day = of_day AND e.metric_id = n.metric_id
                             AND e.kind = 'metric_score_drop'
                             AND e.status IN ('open', 'acknowledged'))))
    UNION ALL
    -- through text, because an update can't use the new value of the type before it has ended
    SELECT 'coverage_drop'::text::event_kind, p.day, n.metric_id, NULL, x.previous_coverage,
           x.coverage, w.weight
    FROM metric_snapshot n
    JOIN metric_snapshot p ON p.metric_id = n.metric_id AND p.day = previous_day(of_day)
    JOIN (SELECT b.metric_id, max(b.weight) AS weight
          FROM initiative_metric_snapshot b
          WHERE b.day = of_day
          GROUP BY b.metric_id) w ON w.metric_id = n.metric_id AND w.weight > 0
    LEFT JOIN metric m ON m.metric_id = n.metric_id
    CROSS JOIN LATERAL (SELECT score(p.unassessed, p.population) AS previous_coverage,
                               score(n.unassessed, n.population) AS coverage) x
    WHERE n.day = of_day AND of_initiative IS NULL
      AND n.population_group_id IS NOT NULL AND p.population_group_id IS NOT NULL
      AND (is_drop(x.previous_coverage, x.coverage, valid_threshold(m.drop_threshold))
           OR (x.coverage < x.previous_coverage
               AND EXISTS (SELECT FROM event e
                           WHERE e.day = of_day AND e.metric_id = n.metric_id
                             AND e.kind::text = 'coverage_drop'
                             AND e.status IN ('open', 'acknowledged'))))
    UNION ALL
    SELECT 'initiative_score_drop', p.day, NULL, n.initiative_id, p.score, n.score, NULL
    FROM initiative_snapshot n
    JOIN initiative_snapshot p ON p.initiative_id = n.initiative_id
                              AND p.day = previous_day(of_day, n.initiative_id)
    LEFT JOIN initiative i ON i.initiative_id = n.initiative_id
    WHERE n.day = of_day AND (of_initiative IS NULL OR n.initiative_id = of_initiative)
      AND (is_drop(p.score, n.score, valid_threshold(i.drop_threshold))
           OR (n.score < p.score
               AND EXISTS (SELECT FROM event e
                           WHERE e.day = of_day AND e.initiative_id = n.initiative_id
                             AND e.kind = 'initiative_score_drop'
                             AND e.status IN ('open', 'acknowledged'))))
    UNION ALL
    SELECT 'new_initiative', NULL, NULL, n.initiative_id, NULL, n.score, NULL
    FROM initiative_snapshot n
    WHERE n.day = of_day AND (of_initiative IS NULL OR n.initiative_id = of_initiative)
      AND NOT EXISTS (SELECT FROM initiative_snapshot p
                      WHERE p.initiative_id = n.initiative_id AND p.day < of_day)
      AND NOT EXISTS (SELECT FROM event e
                      WHERE e.initiative_id = n.initiative_id AND e.kind = 'new_initiative');
END;
COMMENT ON FUNCTION posture_internal.day_event(date, integer) IS
    'returns the events that a day''s snapshot shows, of one initiative or of all objects (NULL): '
    'drops by the threshold or more, smaller ones that were recorded before and have not ended, '
    'and new initiatives';

-- A drop within the cooldown is recorded without a notification, even if it is
-- larger than the first one, because somebody is already working on the first one.
CREATE FUNCTION posture_internal.in_cooldown(
    of_day date, of_kind event_kind, of_metric integer, of_initiative integer) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN of_kind <> 'new_initiative' AND EXISTS (
        SELECT
        FROM event e
        LEFT JOIN metric m ON m.metric_id = e.metric_id
        LEFT JOIN initiative i ON i.initiative_id = e.initiative_id
        WHERE e.kind = of_kind AND (e.metric_id = of_metric OR e.initiative_id = of_initiative)
          AND NOT e.in_cooldown AND e.day < of_day
          AND e.day >= of_day - coalesce(m.cooldown_days, i.cooldown_days)::integer);
COMMENT ON FUNCTION posture_internal.in_cooldown(date, event_kind, integer, integer) IS
    'returns whether a drop of the same metric or initiative was notified within its cooldown_days '
    'before a day';

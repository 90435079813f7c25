/*
 * The figures of a day, counted from its snapshot and its events. The
 * notification at the end of a day sends them (notification.sql), and
 * day_report shows them (report/day_report.sql).
 */

CREATE FUNCTION posture_internal.day_summary()
    RETURNS TABLE (day date, initiatives bigint, metrics bigint, metric_drops bigint,
                   initiative_drops bigint, new_initiatives bigint, recovered bigint,
                   superseded bigint, in_cooldown bigint, worst text, worst_name text,
                   worst_drop numeric, worst_score numeric, coverage_drops bigint)
    LANGUAGE sql STABLE PARALLEL SAFE
    SET jit = off
BEGIN ATOMIC
    SELECT c.day, c.initiatives, c.metrics, c.metric_drops, c.initiative_drops, c.new_initiatives,
           c.recovered, c.superseded, c.in_cooldown, w.key, w.name, w.drop,
           w.score, c.coverage_drops
    FROM (SELECT s.day,
                 (SELECT count(*) FROM initiative_snapshot i WHERE i.day = s.day) AS initiatives,
                 (SELECT count(*) FROM metric_snapshot m WHERE m.day = s.day) AS metrics,
                 e.metric_drops, e.initiative_drops, e.new_initiatives, e.in_cooldown,
                 e.coverage_drops, coalesce(r.recovered, 0) AS recovered,
                 coalesce(r.superseded, 0) AS superseded
          FROM snapshot s
          LEFT JOIN (SELECT coalesce(r.recovered_on, r.superseded_on) AS day,
                            count(*) FILTER (WHERE r.status = 'recovered') AS recovered,
                            count(*) FILTER (WHERE r.status = 'superseded') AS superseded
                     FROM event r
                     WHERE r.status IN ('recovered', 'superseded')
                     GROUP BY 1) r ON r.day = s.day
          CROSS JOIN LATERAL (
              SELECT count(*) FILTER (WHERE e.kind = 'metric_score_drop') AS metric_drops,
                     count(*) FILTER (WHERE e.kind = 'initiative_score_drop') AS initiative_drops,
                     count(*) FILTER (WHERE e.kind = 'new_initiative') AS new_initiatives,
                     count(*) FILTER (WHERE e.kind::text = 'coverage_drop') AS coverage_drops,
                     count(*) FILTER (WHERE e.in_cooldown) AS in_cooldown
              FROM event e
              WHERE e.day = s.day) e) c
    LEFT JOIN LATERAL (SELECT coalesce(i.key::text, s.key) AS key,
                              coalesce(i.name, s.name, s.key) AS name,
                              e.drop, e.score::numeric AS score
                       FROM event e
                       LEFT JOIN initiative i ON i.initiative_id = e.initiative_id
                       -- the snapshot of today may have been taken again since it was deleted
                       LEFT JOIN LATERAL (SELECT l.key, l.name
                                          FROM initiative_snapshot l
                                          WHERE l.initiative_id = e.initiative_id
                                            AND l.day <= e.day
                                          ORDER BY l.day DESC
                                          LIMIT 1) s ON true
                       WHERE e.day = c.day AND e.kind = 'initiative_score_drop'
                       ORDER BY e.drop DESC, e.event_id
                       LIMIT 1) w ON true;
END;
COMMENT ON FUNCTION posture_internal.day_summary() IS
    'returns the counts and the greatest drop of each day that has a snapshot; worst, worst_name, '
    'worst_drop and worst_score are NULL if no initiative dropped';

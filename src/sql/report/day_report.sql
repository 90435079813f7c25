/*
 * Each day in one line: how much was measured, what dropped, what came back.
 */

CREATE VIEW posture.day_report WITH (security_invoker = true) AS
SELECT d.day,
       d.initiatives,
       d.metrics,
       d.metric_drops,
       d.initiative_drops,
       d.new_initiatives,
       d.recovered,
       d.in_cooldown,
       w.key AS worst,
       w.drop AS worst_drop,
       concat_ws('; ',
           CASE WHEN d.initiative_drops + d.metric_drops = 0 THEN 'Nothing dropped'
                ELSE concat_ws(' and ', count_phrase(nullif(d.initiative_drops, 0), 'initiative'), count_phrase(nullif(d.metric_drops, 0), 'metric')) || ' dropped'
                     || CASE WHEN d.initiative_drops > 0
                             THEN format(', most of all %s, by %s to %s', w.name, points_phrase(w.drop), format_number(w.score)) ELSE '' END END,
           count_phrase(nullif(d.in_cooldown, 0), 'drop') || ' not notified',
           count_phrase(nullif(d.recovered, 0), 'score') || ' back at the level of before',
           count_phrase(nullif(d.new_initiatives, 0), 'new initiative')) || '.' AS summary
FROM (SELECT s.day,
             (SELECT count(*) FROM initiative_snapshot i WHERE i.day = s.day) AS initiatives,
             (SELECT count(*) FROM metric_snapshot m WHERE m.day = s.day) AS metrics,
             e.metric_drops, e.initiative_drops, e.new_initiatives, e.in_cooldown, coalesce(r.recovered, 0) AS recovered
      FROM snapshot s
      LEFT JOIN (SELECT r.recovered_on AS day, count(*) AS recovered
                 FROM event r WHERE r.status = 'recovered' GROUP BY r.recovered_on) r ON r.day = s.day
      CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE e.kind = 'metric_score_drop') AS metric_drops,
                                 count(*) FILTER (WHERE e.kind = 'initiative_score_drop') AS initiative_drops,
                                 count(*) FILTER (WHERE e.kind = 'new_initiative') AS new_initiatives,
                                 count(*) FILTER (WHERE e.in_cooldown) AS in_cooldown
                          FROM event e WHERE e.day = s.day) e) d
LEFT JOIN LATERAL (SELECT coalesce(i.key::text, s.key) AS key, coalesce(i.name, s.name, s.key) AS name, e.drop, e.score::numeric AS score
                   FROM event e
                   LEFT JOIN initiative i ON i.initiative_id = e.initiative_id
                   LEFT JOIN initiative_snapshot s ON s.initiative_id = e.initiative_id AND s.day = e.day
                   WHERE e.day = d.day AND e.kind = 'initiative_score_drop'
                   ORDER BY e.drop DESC, e.event_id
                   LIMIT 1) w ON true
ORDER BY d.day DESC;
COMMENT ON VIEW posture.day_report IS 'each day that has a snapshot, newest first';
COMMENT ON COLUMN posture.day_report.day IS 'the day';
COMMENT ON COLUMN posture.day_report.initiatives IS 'initiatives in its snapshot';
COMMENT ON COLUMN posture.day_report.metrics IS 'metrics in its snapshot';
COMMENT ON COLUMN posture.day_report.metric_drops IS 'metrics whose score dropped';
COMMENT ON COLUMN posture.day_report.initiative_drops IS 'initiatives whose score dropped';
COMMENT ON COLUMN posture.day_report.new_initiatives IS 'initiatives that are new';
COMMENT ON COLUMN posture.day_report.recovered IS 'earlier drops whose score was back on that day';
COMMENT ON COLUMN posture.day_report.in_cooldown IS 'drops of that day that nobody was notified of, because of earlier ones';
COMMENT ON COLUMN posture.day_report.worst IS 'key of the initiative with the greatest drop; NULL: none dropped';
COMMENT ON COLUMN posture.day_report.worst_drop IS 'how many points it fell';
COMMENT ON COLUMN posture.day_report.summary IS 'all this in a sentence';

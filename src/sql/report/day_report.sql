/*
 * day_report: a row for each day, with how much was measured, what dropped and
 * how many drops ended. The figures are those of day_summary() (day/day_summary.sql).
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
       d.worst,
       d.worst_drop,
       concat_ws('; ',
           CASE WHEN d.initiative_drops + d.metric_drops = 0 THEN 'Nothing dropped'
                ELSE concat_ws(' and ', count_phrase(nullif(d.initiative_drops, 0), 'initiative'),
                                        count_phrase(nullif(d.metric_drops, 0), 'metric'))
                     || ' dropped'
                     || CASE WHEN d.initiative_drops > 0
                             THEN format(', largest drop: %s, by %s to %s', d.worst_name,
                                         points_phrase(d.worst_drop), format_number(d.worst_score))
                             ELSE '' END END,
           'coverage of ' || count_phrase(nullif(d.coverage_drops, 0), 'metric') || ' dropped',
           count_phrase(nullif(d.in_cooldown, 0), 'drop') || ' not notified',
           count_phrase(nullif(d.recovered, 0), 'score') || ' recovered',
           count_phrase(nullif(d.superseded, 0), 'event') || ' superseded',
           count_phrase(nullif(d.new_initiatives, 0), 'new initiative')) || '.' AS summary,
       d.superseded,
       d.coverage_drops
FROM day_summary() d
ORDER BY d.day DESC;
COMMENT ON VIEW posture.day_report IS
    'each day that has a snapshot, newest first: what it measured, what dropped and what recovered';
COMMENT ON COLUMN posture.day_report.day IS 'local day of posture.timezone';
COMMENT ON COLUMN posture.day_report.initiatives IS 'number of initiatives in the day''s snapshot';
COMMENT ON COLUMN posture.day_report.metrics IS 'number of metrics in the day''s snapshot';
COMMENT ON COLUMN posture.day_report.metric_drops IS 'number of metrics whose score dropped';
COMMENT ON COLUMN posture.day_report.initiative_drops IS
    'number of initiatives whose score dropped';
COMMENT ON COLUMN posture.day_report.new_initiatives IS 'number of new initiatives';
COMMENT ON COLUMN posture.day_report.recovered IS
    'number of drops, of this or earlier days, that recovered on this day';
COMMENT ON COLUMN posture.day_report.in_cooldown IS
    'number of drops of this day without a notification, because an earlier one was notified '
    'within cooldown_days';
COMMENT ON COLUMN posture.day_report.worst IS
    'key of the initiative with the greatest drop; NULL if none dropped';
COMMENT ON COLUMN posture.day_report.worst_drop IS
    'points that this initiative lost; NULL if none dropped';
COMMENT ON COLUMN posture.day_report.summary IS 'the figures of this row in one sentence';
COMMENT ON COLUMN posture.day_report.superseded IS
    'number of events, of this or earlier days, that were superseded on this day: another change '
    'than one of posture brought the score back, or the object is no longer measured';
COMMENT ON COLUMN posture.day_report.coverage_drops IS
    'number of metrics whose coverage of their population dropped';

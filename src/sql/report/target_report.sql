/*
 * target_report: how far each initiative is from its target, and when it would
 * reach it along the straight line through past days, by least squares. The line
 * takes no account of planned work, so it is no forecast.
 */

-- The sums are exact and do not depend on the order of rows, because days are
-- whole numbers and scores are decimals.
CREATE FUNCTION posture_internal.score_line(days integer)
    RETURNS TABLE (initiative_id integer, slope numeric, today_score numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT l.initiative_id, l.slope, (l.y - l.slope * l.x) / l.n
    FROM (SELECT o.*, round(o.n * o.xy - o.x * o.y, 40) / (o.n * o.xx - o.x * o.x) AS slope
          FROM (SELECT p.initiative_id, count(*)::numeric AS n, sum(p.x)::numeric AS x,
                       sum(p.x * p.x)::numeric AS xx, sum(p.y) AS y, sum(p.x * p.y) AS xy
                FROM (SELECT s.initiative_id, s.day - today() AS x, s.score::numeric AS y
                      FROM initiative_snapshot s
                      WHERE s.day BETWEEN today() - days AND today() - 1
                        AND s.score IS NOT NULL) p
                GROUP BY p.initiative_id
                HAVING count(*) >= 3) o) l;
END;
COMMENT ON FUNCTION posture_internal.score_line(integer) IS
    'returns the straight line through the daily scores of each initiative on the given number of '
    'days before today, by least squares: points per day, and the value for today; no row for '
    'fewer than 3 days with a score';

CREATE VIEW posture.target_report WITH (security_invoker = true) AS
WITH goal AS (
    SELECT i.initiative_id, i.key, i.name, i.is_pinned, r.score, i.target_score, i.target_on,
           r.score >= i.target_score AS is_reached
    FROM initiative_result(NULL) r
    JOIN initiative i USING (initiative_id)
), line AS (
    SELECT 14 AS days, l.* FROM score_line(14) l
    UNION ALL
    SELECT 90, l.* FROM score_line(90) l
), expected AS (
    -- rounded to 30 decimals first, so that the last digits of a quotient do not decide the
    -- rounding to 6
    SELECT o.*, w.days, l.today_score, l.slope,
           trim_scale(round(round(l.slope, 30), 6)) AS shown_slope,
           CASE WHEN o.target_on > today() AND l.slope IS NOT NULL
                THEN trim_scale(round(round(
                         least(greatest(l.today_score + l.slope * (o.target_on - today()), 0), 100),
                         30), 6)) END AS expected
    FROM goal o
    CROSS JOIN (VALUES (14), (90)) w(days)
    LEFT JOIN line l ON l.initiative_id = o.initiative_id AND l.days = w.days
), trend AS (
    SELECT e.initiative_id, e.days, e.shown_slope AS slope, e.expected,
           CASE WHEN e.is_reached THEN true
                WHEN NOT e.is_reached AND e.target_on <= today() THEN false
                WHEN NOT e.is_reached THEN e.expected >= e.target_score END AS on_track,
           CASE WHEN e.is_reached THEN 0
                WHEN NOT e.is_reached AND e.shown_slope > 0
                THEN greatest(ceil(round((e.target_score - e.today_score) / e.slope, 20)),
                              1)::integer END AS days_to_target
    FROM expected e
), zone AS MATERIALIZED (
    SELECT b.* FROM initiative_band('zone') b
), maturity AS MATERIALIZED (
    SELECT b.* FROM initiative_band('maturity') b
), planned AS MATERIALIZED (
    -- as planned_score() and achievable_score(), for all initiatives at once
    SELECT p.*
    FROM remediation_result(NULL::integer[], ARRAY(SELECT r.recommendation_id
                                                   FROM recommendation r
                                                   WHERE r.assigned_to IS NOT NULL), true) p
), achievable AS MATERIALIZED (
    SELECT p.*
    FROM remediation_result(NULL::integer[],
                            ARRAY(SELECT r.recommendation_id FROM recommendation r), true) p
)
SELECT o.key::text AS initiative,
       o.name,
       o.score::numeric AS score,
       o.target_score::numeric AS target_score,
       o.target_on,
       CASE WHEN o.is_reached THEN 0 ELSE o.target_score - o.score END AS missing,
       z.name AS zone,
       m.name AS maturity,
       a.slope AS slope_14d,
       b.slope AS slope_90d,
       a.expected AS expected_14d,
       b.expected AS expected_90d,
       a.on_track AS on_track_14d,
       b.on_track AS on_track_90d,
       a.days_to_target AS days_to_target_14d,
       b.days_to_target AS days_to_target_90d,
       (SELECT p.score::numeric
        FROM planned p
        WHERE p.initiative_id = o.initiative_id) AS planned_score,
       (SELECT p.score::numeric
        FROM achievable p
        WHERE p.initiative_id = o.initiative_id) AS achievable_score
FROM goal o
JOIN trend a ON a.initiative_id = o.initiative_id AND a.days = 14
JOIN trend b ON b.initiative_id = o.initiative_id AND b.days = 90
LEFT JOIN zone z ON z.initiative_id = o.initiative_id AND z.from_score <= o.score
                AND (z.below IS NULL OR o.score < z.below)
LEFT JOIN maturity m ON m.initiative_id = o.initiative_id AND m.from_score <= o.score
                    AND (m.below IS NULL OR o.score < m.below)
ORDER BY o.is_pinned DESC, o.name, o.key;
COMMENT ON VIEW posture.target_report IS
    'each active initiative, pinned ones first, with its current score, its target, and the score '
    'to which a straight line through past days leads; the line is no forecast';
COMMENT ON COLUMN posture.target_report.initiative IS 'key of the initiative';
COMMENT ON COLUMN posture.target_report.name IS 'name of the initiative';
COMMENT ON COLUMN posture.target_report.score IS 'current score, 0 to 100; NULL: unavailable';
COMMENT ON COLUMN posture.target_report.target_score IS 'score to reach, 0 to 100; NULL: none';
COMMENT ON COLUMN posture.target_report.target_on IS 'day by which to reach it; NULL: none';
COMMENT ON COLUMN posture.target_report.missing IS
    'points from the score to the target, 0 if it is reached; NULL: no target, or no score';
COMMENT ON COLUMN posture.target_report.zone IS 'zone that the score is in; NULL: none';
COMMENT ON COLUMN posture.target_report.maturity IS
    'maturity level that the score is at; NULL: none';
COMMENT ON COLUMN posture.target_report.slope_14d IS
    'points per day, by least squares over the snapshots of the 14 days before today; NULL: fewer '
    'than 3 with a score';
COMMENT ON COLUMN posture.target_report.slope_90d IS 'as slope_14d, over 90 days';
COMMENT ON COLUMN posture.target_report.expected_14d IS
    'score on target_on along the line through these 14 days, within 0 to 100; NULL: target_on is '
    'missing or not in the future, or there is no line';
COMMENT ON COLUMN posture.target_report.expected_90d IS 'as expected_14d, through 90 days';
COMMENT ON COLUMN posture.target_report.on_track_14d IS
    'true: the target is reached, or expected_14d reaches it; false: expected_14d does not reach '
    'it, or target_on is today or past; NULL: unknown';
COMMENT ON COLUMN posture.target_report.on_track_90d IS 'as on_track_14d, by expected_90d';
COMMENT ON COLUMN posture.target_report.days_to_target_14d IS
    'days until the line through these 14 days reaches the target, 0 if it is reached; NULL: the '
    'line never reaches it, or there is no line or no target';
COMMENT ON COLUMN posture.target_report.days_to_target_90d IS
    'as days_to_target_14d, through 90 days';
COMMENT ON COLUMN posture.target_report.planned_score IS
    'score if all assigned recommendations were done, except where the risk is accepted; NULL: '
    'unavailable';
COMMENT ON COLUMN posture.target_report.achievable_score IS
    'score if all recommendations were done, except where the risk is accepted; NULL: unavailable';

/*
 * Why an initiative's score changed between two days.
 *
 * By every method a score is S = 100 G / U with U = sum(weight x mass) and
 * G = sum(weight x healthy) over its terms. With ' for the later day,
 *     S - S' = sum over terms of 100 (G (u' - u) - U (g' - g)) / (U U')
 * so that a term's part depends on its own change alone: a term that stayed as
 * it was has no part, one that left lost what it held above the average.
 */

CREATE FUNCTION posture.initiative_part(previous_day date, on_day date)
    RETURNS TABLE (initiative_id integer, metric_id integer, recommendation_id integer, reason text, exact numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH compared AS (
        SELECT n.initiative_id, n.method, p.method AS previous_method, p.score AS previous_score
        FROM posture.initiative_snapshot n
        JOIN posture.initiative_snapshot p USING (initiative_id)
        WHERE n.day = on_day AND p.day = previous_day AND n.score IS NOT NULL AND p.score IS NOT NULL
    ), term AS (
        SELECT false AS is_now, t.* FROM posture.initiative_term(previous_day) t
        UNION ALL
        SELECT true, t.* FROM posture.initiative_term(on_day) t
    ), pair AS (
        -- p.. on the previous day, n.. now; a term without mass is unavailable
        SELECT t.initiative_id, t.metric_id, t.recommendation_id,
               bool_or(NOT t.is_now) AS was, bool_or(t.is_now) AS "is",
               max(t.weight) FILTER (WHERE NOT t.is_now) AS pw, max(t.weight) FILTER (WHERE t.is_now) AS nw,
               max(t.mass) FILTER (WHERE NOT t.is_now) AS pm, max(t.mass) FILTER (WHERE t.is_now) AS nm,
               max(t.healthy) FILTER (WHERE NOT t.is_now) AS ph, max(t.healthy) FILTER (WHERE t.is_now) AS nh
        FROM compared c JOIN term t USING (initiative_id, method)
        GROUP BY t.initiative_id, t.metric_id, t.recommendation_id
    ), total AS (
        SELECT c.*, sum(x.pw * x.pm) AS pu, sum(x.pw * x.ph) AS pg, sum(x.nw * x.nm) AS nu, sum(x.nw * x.nh) AS ng
        FROM compared c JOIN pair x USING (initiative_id)
        GROUP BY c.initiative_id, c.method, c.previous_method, c.previous_score
    ), part AS (
        SELECT x.*, t.pu, t.nu, t.pg,
               CASE WHEN NOT x.was THEN 'added' WHEN NOT x."is" THEN 'removed'
                    WHEN x.pm IS NOT NULL AND x.nm IS NULL THEN 'unavailable'
                    WHEN x.pm IS NULL AND x.nm IS NOT NULL THEN 'available' END AS came_or_went
        FROM pair x JOIN total t USING (initiative_id)
        WHERE t.pu > 0 AND t.nu > 0
    )
    SELECT x.initiative_id, x.metric_id, x.recommendation_id,
           CASE WHEN x.metric_id IS NOT NULL THEN 'metric_' ELSE 'recommendation_' END || x.came_or_went,
           100 * (x.pg * (coalesce(x.nw * x.nm, 0) - coalesce(x.pw * x.pm, 0))
                  - x.pu * (coalesce(x.nw * x.nh, 0) - coalesce(x.pw * x.ph, 0))) / (x.pu * x.nu)
    FROM part x
    WHERE x.came_or_went IS NOT NULL AND coalesce(x.pm, x.nm) IS NOT NULL
    UNION ALL
    SELECT x.initiative_id, x.metric_id, x.recommendation_id, 'weight_change',
           100 * (x.nw - x.pw) * (x.pg * x.nm - x.pu * x.nh) / (x.pu * x.nu)
    FROM part x
    WHERE x.came_or_went IS NULL AND x.nw <> x.pw AND x.nm IS NOT NULL
    UNION ALL
    SELECT x.initiative_id, x.metric_id, x.recommendation_id, 'value_change',
           100 * x.pw * (x.pg * (x.nm - x.pm) - x.pu * (x.nh - x.ph)) / (x.pu * x.nu)
    FROM part x
    WHERE x.came_or_went IS NULL AND x.pw > 0 AND (x.nm <> x.pm OR x.nh <> x.ph)
    UNION ALL
    -- what the change of method alone did: the same day by the two methods
    SELECT t.initiative_id, NULL, NULL, 'method_change',
           t.previous_score - CASE WHEN t.pu > 0 THEN 100 * t.pg / t.pu ELSE 100 * t.ng / t.nu END
    FROM total t
    WHERE t.method <> t.previous_method OR t.pu IS NULL OR t.pu = 0;
END;
COMMENT ON FUNCTION posture.initiative_part(date, date) IS 'the terms of each initiative that changed between two days, with the points lost through each before rounding';

CREATE FUNCTION posture.initiative_change(previous_day date, on_day date)
    RETURNS TABLE (initiative_id integer, metric_id integer, recommendation_id integer, reason text, points numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH part AS (
        SELECT p.*, floor(p.exact * 1000000) AS millionths,
               1000000 * (b.score OPERATOR(posture.-) n.score) - sum(floor(p.exact * 1000000)) OVER of_initiative AS rest,
               count(*) OVER of_initiative AS parts,
               row_number() OVER (PARTITION BY p.initiative_id
                                  ORDER BY p.exact * 1000000 - floor(p.exact * 1000000) DESC,
                                           p.metric_id, p.recommendation_id, p.reason) AS place
        FROM posture.initiative_part(previous_day, on_day) p
        JOIN posture.initiative_snapshot n ON n.initiative_id = p.initiative_id AND n.day = on_day
        JOIN posture.initiative_snapshot b ON b.initiative_id = p.initiative_id AND b.day = previous_day
        WINDOW of_initiative AS (PARTITION BY p.initiative_id)
    )
    SELECT p.initiative_id, p.metric_id, p.recommendation_id, p.reason,
           trim_scale(0.000001 * (p.millionths + floor(p.rest / p.parts)
                                  + CASE WHEN p.place <= p.rest - p.parts * floor(p.rest / p.parts) THEN 1 ELSE 0 END))
    FROM part p;
END;
COMMENT ON FUNCTION posture.initiative_change(date, date) IS 'the signed parts of each initiative''s change between two days; they sum exactly to previous score - score, what rounding leaves goes to the largest remainders';

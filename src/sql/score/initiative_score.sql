-- Points of a share of assets have 40 decimals, and a sum has 30: what the
-- division of thirds left must not decide how a score is rounded, and three
-- thirds are one.
CREATE FUNCTION posture_internal.initiative_result(on_day date)
    RETURNS TABLE (initiative_id integer, method initiative_method, score score)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT i.initiative_id, i.method,
           score(round(sum(t.weight * (t.mass - t.healthy)), 30), sum(t.weight * t.mass))
    FROM initiative_definition(on_day) i
    LEFT JOIN initiative_term(on_day) t USING (initiative_id, method)
    GROUP BY i.initiative_id, i.method;
END;
COMMENT ON FUNCTION posture_internal.initiative_result(date) IS 'the score of each active initiative, now or from what a day''s snapshot holds';

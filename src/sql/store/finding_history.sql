/*
 * Sets of a past day. XORing a folded set with every folded toggle of a later
 * day, and with every delta of that day or an earlier one, gives the set at the
 * end of the day.
 *
 * A finding says since when it has had its state, and replaces what was known of
 * all time since then. What becomes known of a day that is closed does not change
 * its sets. It counts on all later days that are not closed, and is kept as a
 * late change: a day that is forgotten, or was left out, is taken by what is known
 * at that time.
 */

CREATE FUNCTION posture_internal.closed_day() RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    -- same condition as in has_snapshot(); skipped days right after it are over, too
    RETURN coalesce((SELECT day_of(day_end(max(s.day))) - 1
                     FROM snapshot s
                     WHERE s.taken_at >= CASE WHEN s.day < (SELECT max(l.day) FROM snapshot l)
                                              THEN coalesce(s.ends_at, day_end(s.day))
                                              ELSE greatest(s.ends_at, day_end(s.day)) END),
                    '-infinity');
COMMENT ON FUNCTION posture_internal.closed_day() IS
    'returns the last day with a snapshot taken after its end; changes that become known later '
    'belong to a later day';

-- When posture.timezone changes, a day may end after its snapshot was taken. Then
-- only the latest snapshot is taken again; earlier ones do not change.
CREATE FUNCTION posture_internal.has_snapshot(of_day date) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(
        (SELECT s.taken_at >= CASE WHEN s.day < (SELECT max(l.day) FROM snapshot l)
                                   THEN coalesce(s.ends_at, day_end(s.day))
                                   ELSE greatest(s.ends_at, day_end(s.day)) END
         FROM snapshot s WHERE s.day = of_day),
        EXISTS (SELECT FROM initiative_snapshot i WHERE i.day = of_day AND NOT i.is_reported)
        OR EXISTS (SELECT FROM metric_snapshot m WHERE m.day = of_day));
COMMENT ON FUNCTION posture_internal.has_snapshot(date) IS
    'returns whether a day is closed: it has a snapshot that was taken after its end';

-- The rows of finding that replaced each other are in the order of the deltas. A
-- toggle of a later day than that of a row that came after it moves to the day of
-- that row. Few assets were toggled on several days, and only these are looked at.
CREATE FUNCTION posture_internal.delta_toggle(delta_ids bigint[])
    RETURNS TABLE (day date, recommendation_id integer, assessed assetset, exposed assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH delta AS MATERIALIZED (
        SELECT d.delta_id, d.day, e.recommendation_id, e.assessed, e.exposed,
               e.assessed | e.exposed | coalesce(e.unchanged, '{}') AS written
        FROM finding_delta d
        CROSS JOIN LATERAL unnest(d.recommendations, d.assessed, d.exposed, d.unchanged)
                           e(recommendation_id, assessed, exposed, unchanged)
        WHERE d.delta_id = ANY (delta_ids)
    ), later AS MATERIALIZED (
        SELECT h.day, h.recommendation_id, h.assessed # h.late_assessed AS assessed,
               h.exposed # h.late_exposed AS exposed
        FROM (SELECT d.recommendation_id, min(d.day) AS day
              FROM delta d GROUP BY d.recommendation_id) f
        JOIN finding_history h ON h.recommendation_id = f.recommendation_id AND h.day > f.day
        WHERE h.day > (SELECT min(d.day) FROM delta d)
    ), several AS (
        SELECT w.recommendation_id, repeated_agg(w.assets) AS assets
        FROM (SELECT d.recommendation_id, d.day, union_agg(d.written) AS assets
              FROM delta d GROUP BY d.recommendation_id, d.day
              UNION ALL
              SELECT l.recommendation_id, l.day, l.assessed | l.exposed FROM later l) w
        GROUP BY w.recommendation_id
        HAVING count(*) > 1
    ), change AS (
        SELECT d.delta_id, d.day, d.recommendation_id, m.asset_id,
               d.assessed @> m.asset_id AS assessed, d.exposed @> m.asset_id AS exposed
        FROM several s
        JOIN delta d USING (recommendation_id)
        CROSS JOIN LATERAL members(d.written & s.assets) m(asset_id)
        UNION ALL
        SELECT 0, l.day, l.recommendation_id, m.asset_id,
               l.assessed @> m.asset_id, l.exposed @> m.asset_id
        FROM several s
        JOIN later l USING (recommendation_id)
        CROSS JOIN LATERAL members((l.assessed | l.exposed) & s.assets) m(asset_id)
    ), replaced AS (
        SELECT c.*, min(c.day) OVER (PARTITION BY c.recommendation_id, c.asset_id
                                     ORDER BY c.delta_id DESC
                                     RANGE UNBOUNDED PRECEDING EXCLUDE GROUP) AS to_day
        FROM change c
    )
    SELECT d.day, d.recommendation_id, d.assessed, d.exposed
    FROM delta d
    UNION ALL
    SELECT v.day, r.recommendation_id,
           coalesce(assetset_agg(r.asset_id) FILTER (WHERE r.assessed), '{}'),
           coalesce(assetset_agg(r.asset_id) FILTER (WHERE r.exposed), '{}')
    FROM replaced r CROSS JOIN LATERAL (VALUES (r.day), (r.to_day)) v(day)
    WHERE r.to_day < r.day
    GROUP BY r.recommendation_id, r.delta_id, r.day, v.day;
END;
COMMENT ON FUNCTION posture_internal.delta_toggle(bigint[]) IS
    'returns the toggles that deltas add to the history, by the day on which findings changed, '
    'with those that move toggles of later days to an earlier one';

CREATE FUNCTION posture_internal.finding_toggle(on_day date, chosen integer[])
    RETURNS TABLE (recommendation_id integer, assessed assetset, exposed assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH day AS (
        SELECT on_day < today() AND NOT has_snapshot(on_day) AS is_open
    )
    SELECT t.recommendation_id, xor_agg(t.assessed), xor_agg(t.exposed)
    FROM (SELECT e.recommendation_id, e.assessed, e.exposed
          FROM finding_delta d
          CROSS JOIN LATERAL unnest(d.recommendations, d.assessed, d.exposed)
                             e(recommendation_id, assessed, exposed)
          WHERE NOT (SELECT is_open FROM day)
            AND greatest(d.day, (SELECT closed_day()) + 1) <= on_day
          UNION ALL
          SELECT d.recommendation_id, d.assessed, d.exposed
          FROM delta_toggle(ARRAY(SELECT x.delta_id FROM finding_delta x)) d
          WHERE (SELECT is_open FROM day) AND d.day <= on_day
          UNION ALL
          SELECT h.recommendation_id, h.assessed, h.exposed
          FROM finding_history h
          WHERE h.day > on_day
          UNION ALL
          SELECT h.recommendation_id, h.late_assessed, h.late_exposed
          FROM finding_history h
          WHERE (SELECT is_open FROM day) AND h.day > on_day) t
    WHERE chosen IS NULL OR t.recommendation_id = ANY (chosen)
    GROUP BY t.recommendation_id;
END;
COMMENT ON FUNCTION posture_internal.finding_toggle(date, integer[]) IS
    'returns the toggles that turn the folded sets into the sets at the end of a day: of a closed '
    'one as they were known then, of another one by what is known now';

/*
 * Sets of a past day. XORing a folded set with every folded toggle of a later
 * day, and with every delta of that day or an earlier one, gives the set at the
 * end of the day.
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

-- changed_at is the time since which a finding has had its state. The toggle may
-- be of a later day: if changed_at was set to an earlier time afterwards, or if
-- the finding was deleted and inserted again with its old changed_at. In both
-- cases changed_at is right.
CREATE FUNCTION posture_internal.backdated_toggle(on_day date, chosen integer[])
    RETURNS TABLE (recommendation_id integer, assessed assetset, exposed assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH later AS (
        SELECT t.recommendation_id, xor_agg(t.assessed) AS assessed, xor_agg(t.exposed) AS exposed
        FROM (SELECT e.recommendation_id, e.assessed, e.exposed
              FROM finding_delta d
              CROSS JOIN LATERAL unnest(d.recommendations, d.assessed, d.exposed)
                                 e(recommendation_id, assessed, exposed)
              WHERE greatest(d.day, closed_day() + 1) > on_day
              UNION ALL
              SELECT h.recommendation_id, h.assessed, h.exposed
              FROM finding_history h
              WHERE h.day > on_day) t
        WHERE on_day < today() AND (chosen IS NULL OR t.recommendation_id = ANY (chosen))
        GROUP BY t.recommendation_id
    )
    SELECT l.recommendation_id,
           coalesce(assetset_agg(m.asset_id) FILTER (WHERE l.assessed @> m.asset_id), '{}'),
           coalesce(assetset_agg(m.asset_id) FILTER (WHERE l.exposed @> m.asset_id), '{}')
    FROM later l
    CROSS JOIN LATERAL members(l.assessed | l.exposed) m(asset_id)
    -- LIMIT makes the planner look findings up one by one, because few were toggled lately
    CROSS JOIN LATERAL (SELECT f.changed_at
                        FROM finding f
                        WHERE f.recommendation_id = l.recommendation_id
                          AND f.asset_id = m.asset_id
                        LIMIT 1) f
    WHERE f.changed_at < (SELECT day_end(on_day))
    GROUP BY l.recommendation_id;
END;
COMMENT ON FUNCTION posture_internal.backdated_toggle(date, integer[]) IS
    'returns the toggles of later days for findings whose changed_at is before the end of a day';

CREATE FUNCTION posture_internal.finding_toggle(on_day date, chosen integer[])
    RETURNS TABLE (recommendation_id integer, assessed assetset, exposed assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.recommendation_id, xor_agg(t.assessed), xor_agg(t.exposed)
    FROM (SELECT e.recommendation_id, e.assessed, e.exposed
          FROM finding_delta d
          CROSS JOIN LATERAL unnest(d.recommendations, d.assessed, d.exposed)
                             e(recommendation_id, assessed, exposed)
          WHERE greatest(d.day, closed_day() + 1) <= on_day
          UNION ALL
          SELECT h.recommendation_id, h.assessed, h.exposed
          FROM finding_history h
          WHERE h.day > on_day
          UNION ALL
          -- close_history() has moved the backdated toggles of a closed day to its history
          SELECT e.recommendation_id, e.assessed, e.exposed
          FROM backdated_toggle(on_day, chosen) e
          WHERE on_day > closed_day()) t
    WHERE chosen IS NULL OR t.recommendation_id = ANY (chosen)
    GROUP BY t.recommendation_id;
END;
COMMENT ON FUNCTION posture_internal.finding_toggle(date, integer[]) IS
    'returns the toggles that turn the folded sets into the sets at the end of a day';

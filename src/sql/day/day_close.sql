/*
 * How a day is closed. A day ends at day_end() (day_boundary.sql), and the
 * snapshot that is taken after that moment closes it: from then on its history
 * does not change, and changes that become known later belong to a later day
 * (closed_day() in store/stored_set.sql).
 */

CREATE FUNCTION posture_internal.has_data_before(as_of timestamptz) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN EXISTS (SELECT FROM finding_history h WHERE h.day < day_of(as_of))
        OR EXISTS (SELECT FROM finding_delta d WHERE d.day < day_of(as_of))
        OR EXISTS (SELECT FROM finding f WHERE f.changed_at < as_of)
        OR EXISTS (SELECT FROM measure m WHERE m.observed_at < as_of);
COMMENT ON FUNCTION posture_internal.has_data_before(timestamptz) IS
    'returns whether any finding or measure is older than a moment';

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

CREATE FUNCTION posture_internal.close_history(of_day date) RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    INSERT INTO finding_history AS h (day, recommendation_id, assessed, exposed)
    SELECT d.day, e.recommendation_id, e.assessed, e.exposed
    FROM backdated_toggle(of_day, NULL) e CROSS JOIN (VALUES (of_day), (of_day + 1)) d(day)
    ON CONFLICT (day, recommendation_id) DO UPDATE
    SET assessed = h.assessed # EXCLUDED.assessed, exposed = h.exposed # EXCLUDED.exposed;
END;
COMMENT ON FUNCTION posture_internal.close_history(date) IS
    'moves changes that became known after the end of a day, but belong to it, to the history of '
    'that day; its snapshot is taken next';

CREATE FUNCTION posture_internal.backdate_history(of_day date) RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    WITH later AS (
        DELETE FROM finding_history h WHERE h.day > of_day RETURNING h.*
    )
    INSERT INTO finding_history AS h (day, recommendation_id, assessed, exposed)
    SELECT of_day, l.recommendation_id, xor_agg(l.assessed), xor_agg(l.exposed)
    FROM later l
    GROUP BY l.recommendation_id
    ON CONFLICT (day, recommendation_id) DO UPDATE
    SET assessed = h.assessed # EXCLUDED.assessed, exposed = h.exposed # EXCLUDED.exposed;
END;
COMMENT ON FUNCTION posture_internal.backdate_history(date) IS
    'moves the history of all later days to a day, so that the current state is also the state at '
    'the end of that day';

/*
 * How a day is closed. A day ends at day_end() (day_boundary.sql), and the
 * snapshot that is taken after that moment closes it: from then on its history
 * does not change, and changes that become known later belong to a later day
 * (closed_day() in store/finding_history.sql).
 */

CREATE FUNCTION posture_internal.has_data_here(as_of timestamptz) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN EXISTS (SELECT FROM finding_history h WHERE h.day < day_of(as_of))
        OR EXISTS (SELECT FROM finding_delta d WHERE d.day < day_of(as_of))
        OR EXISTS (SELECT FROM finding f WHERE f.changed_at < as_of)
        OR EXISTS (SELECT FROM measure m WHERE m.observed_at < as_of);
COMMENT ON FUNCTION posture_internal.has_data_here(timestamptz) IS
    'returns whether any finding or measure of this database is older than a moment';

CREATE FUNCTION posture_internal.has_data_before(as_of timestamptz) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET posture.partial_results = off
AS $$
BEGIN
    RETURN has_data_here(as_of)
        OR has_nodes()
           AND EXISTS (SELECT
                       FROM ask_nodes(NULL::known_day,
                                      question('(SELECT today() WHERE has_data_here(%L)) d',
                                               as_of)));
END $$;
COMMENT ON FUNCTION posture_internal.has_data_before(timestamptz) IS
    'returns whether any finding or measure is older than a moment, on a head also of its nodes';

-- The day of a delta is one of the time zone in which its statement ran.
CREATE FUNCTION posture_internal.redate_findings(since date) RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    INSERT INTO finding_delta
        (day, slice, changes, recommendations, assessed, exposed, last_changed, unchanged)
    SELECT day_of(f.changed_at), f.asset_id / 1048576, count(DISTINCT f.asset_id),
           ARRAY[f.recommendation_id], ARRAY['{}'::assetset], ARRAY['{}'::assetset],
           ARRAY[max(f.changed_at)], ARRAY[assetset_agg(f.asset_id)]
    FROM (SELECT d.day, e.recommendation_id, e.assessed | e.exposed AS assets
          FROM finding_delta d
          CROSS JOIN LATERAL unnest(d.recommendations, d.assessed, d.exposed)
                             e(recommendation_id, assessed, exposed)
          WHERE d.day > since
          UNION ALL
          SELECT h.day, h.recommendation_id, h.assessed | h.exposed
          FROM finding_history h
          WHERE h.day > since) t
    CROSS JOIN LATERAL members(t.assets) m(asset_id)
    JOIN finding f ON f.recommendation_id = t.recommendation_id AND f.asset_id = m.asset_id
    WHERE isfinite(f.changed_at) AND f.changed_at < day_end(t.day - 1)
    GROUP BY day_of(f.changed_at), f.asset_id / 1048576, f.recommendation_id;
END;
COMMENT ON FUNCTION posture_internal.redate_findings(date) IS
    'appends deltas that move the toggles of all days after a day to the day of changed_at, where '
    'that is earlier';

CREATE FUNCTION posture_internal.has_other_zone(of_day date) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT s.ends_at <> day_end(s.day)
            FROM snapshot s WHERE s.day <= of_day ORDER BY s.day DESC LIMIT 1);
COMMENT ON FUNCTION posture_internal.has_other_zone(date) IS
    'returns whether the last snapshot until a day was taken with another posture.timezone';

CREATE FUNCTION posture_internal.close_history(of_day date) RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    INSERT INTO finding_history AS h
        (day, recommendation_id, assessed, exposed, late_assessed, late_exposed)
    SELECT d.day, l.recommendation_id, l.assessed, l.exposed, l.assessed, l.exposed
    FROM (SELECT x.recommendation_id, xor_agg(x.late_assessed) AS assessed,
                 xor_agg(x.late_exposed) AS exposed
          FROM finding_history x
          WHERE x.day > of_day AND (x.late_assessed <> '{}' OR x.late_exposed <> '{}')
          GROUP BY x.recommendation_id) l
    CROSS JOIN (VALUES (of_day), (of_day + 1)) d(day)
    WHERE l.assessed <> '{}' OR l.exposed <> '{}'
    ON CONFLICT (day, recommendation_id) DO UPDATE
    SET assessed = h.assessed # EXCLUDED.assessed, exposed = h.exposed # EXCLUDED.exposed,
        late_assessed = h.late_assessed # EXCLUDED.late_assessed,
        late_exposed = h.late_exposed # EXCLUDED.late_exposed;
END;
COMMENT ON FUNCTION posture_internal.close_history(date) IS
    'moves the late changes of a day that is closed now into its history; its snapshot is taken '
    'next';

CREATE FUNCTION posture_internal.backdate_history(of_day date) RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    WITH later AS (
        DELETE FROM finding_history h WHERE h.day > of_day RETURNING h.*
    )
    INSERT INTO finding_history AS h
        (day, recommendation_id, assessed, exposed, late_assessed, late_exposed)
    SELECT of_day, l.recommendation_id, xor_agg(l.assessed), xor_agg(l.exposed),
           xor_agg(l.late_assessed), xor_agg(l.late_exposed)
    FROM later l
    GROUP BY l.recommendation_id
    ON CONFLICT (day, recommendation_id) DO UPDATE
    SET assessed = h.assessed # EXCLUDED.assessed, exposed = h.exposed # EXCLUDED.exposed,
        late_assessed = h.late_assessed # EXCLUDED.late_assessed,
        late_exposed = h.late_exposed # EXCLUDED.late_exposed;
END;
COMMENT ON FUNCTION posture_internal.backdate_history(date) IS
    'moves the history of all later days to a day, so that the current state is also the state at '
    'the end of that day';

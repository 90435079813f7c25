/*
 * The assets that each recommendation has assessed and exposed, recomputed from
 * finding or read from the store. verify() compares the stored sets with the
 * recomputed ones.
 *
 * as_of is the end of a day; 'infinity' means now.
 */

CREATE FUNCTION posture_internal.recommendation_set(as_of timestamptz)
    RETURNS TABLE (recommendation_id integer, assessed assetset, exposed assetset,
                   last_changed timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT f.recommendation_id,
           assetset_agg(f.asset_id) FILTER (WHERE f.state <> 'not_applicable'),
           assetset_agg(f.asset_id) FILTER (WHERE f.state = 'non_compliant'),
           max(f.changed_at)
    FROM finding f
    WHERE f.changed_at < as_of
    GROUP BY f.recommendation_id;
END;
COMMENT ON FUNCTION posture_internal.recommendation_set(timestamptz) IS
    'returns the sets of each recommendation recomputed from finding; a finding that changed '
    'later is left out, because finding does not have its earlier state';

CREATE FUNCTION posture_internal.stored_set(
    as_of timestamptz, of_slice integer, chosen integer[], within assetset DEFAULT NULL)
    RETURNS TABLE (recommendation_id integer, assessed assetset, exposed assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH folded AS (
        SELECT s.recommendation_id, union_agg(s.assessed) AS assessed,
               union_agg(s.exposed) AS exposed
        FROM (SELECT f.recommendation_id, f.assessed, f.exposed
              FROM finding_set f
              WHERE of_slice IS NULL AND within IS NULL
                AND (chosen IS NULL OR f.recommendation_id = ANY (chosen))
              UNION ALL
              -- chunk by chunk: two small sets are intersected faster than two large ones
              SELECT f.recommendation_id, f.assessed & w.assets, f.exposed & w.assets
              FROM chunks(within) w
              JOIN finding_set f ON f.chunk = w.chunk
              WHERE of_slice IS NULL AND (chosen IS NULL OR f.recommendation_id = ANY (chosen))
              UNION ALL
              SELECT f.recommendation_id, f.assessed, f.exposed
              FROM recommendation r
              JOIN finding_set f ON f.recommendation_id = r.recommendation_id
                                AND f.chunk BETWEEN of_slice * 16 AND of_slice * 16 + 15
              WHERE of_slice IS NOT NULL) s
        GROUP BY s.recommendation_id
    ), toggled AS (
        SELECT recommendation_id,
               CASE WHEN t.assessed IS NULL THEN f.assessed
                    ELSE coalesce(f.assessed, '{}') # t.assessed END AS assessed,
               CASE WHEN t.exposed IS NULL THEN f.exposed
                    ELSE coalesce(f.exposed, '{}') # t.exposed END AS exposed
        FROM folded f
        FULL JOIN (SELECT g.recommendation_id, set_intersect(g.assessed, within) AS assessed,
                          set_intersect(g.exposed, within) AS exposed
                   -- the end of today includes all deltas, even those that another time zone, or
                   -- a clock that was ahead, dated on a later day
                   FROM finding_toggle(CASE WHEN as_of < day_end(today()) THEN day_of(as_of) - 1
                                            ELSE 'infinity' END, chosen) g
                   WHERE of_slice IS NULL) t USING (recommendation_id)
    )
    SELECT t.recommendation_id, t.assessed,
           -- a finding that was deleted and inserted again with an earlier time may be
           -- exposed and not assessed on the days in between
           CASE WHEN as_of < 'infinity' THEN t.exposed & t.assessed ELSE t.exposed END
    FROM toggled t;
END;
COMMENT ON FUNCTION posture_internal.stored_set(timestamptz, integer, integer[], assetset) IS
    'returns the sets of each recommendation from the store: of all recommendations or chosen '
    'ones, with all assets or those within a set; with of_slice, all folded sets of that slice';

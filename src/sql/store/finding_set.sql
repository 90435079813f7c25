/*
 * Sets as they are: recomputed from finding and asset, or kept. Whatever is
 * kept is checked against what is recomputed.
 *
 * as_of is the moment that is asked about, the end of a day; 'infinity' asks
 * about now.
 */

CREATE FUNCTION posture_internal.recommendation_set(as_of timestamptz)
    RETURNS TABLE (recommendation_id integer, assessed assetset, exposed assetset, last_changed timestamptz)
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
COMMENT ON FUNCTION posture_internal.recommendation_set(timestamptz) IS 'recomputed from finding: the assets that each recommendation applies to and those that fail it; a finding that changed later is left out, because finding does not have what it was before';

CREATE FUNCTION posture_internal.stored_set(as_of timestamptz, of_slice integer, chosen integer[], within assetset DEFAULT NULL)
    RETURNS TABLE (recommendation_id integer, assessed assetset, exposed assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH folded AS (
        SELECT s.recommendation_id, union_agg(s.assessed) AS assessed, union_agg(s.exposed) AS exposed
        FROM (SELECT f.recommendation_id, f.assessed, f.exposed
              FROM finding_set f
              WHERE of_slice IS NULL AND within IS NULL AND (chosen IS NULL OR f.recommendation_id = ANY (chosen))
              UNION ALL
              -- chunk by chunk: the smaller both sets are, the faster they are compared
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
               CASE WHEN t.assessed IS NULL THEN f.assessed ELSE coalesce(f.assessed, '{}') # t.assessed END AS assessed,
               CASE WHEN t.exposed IS NULL THEN f.exposed ELSE coalesce(f.exposed, '{}') # t.exposed END AS exposed
        FROM folded f
        FULL JOIN (SELECT g.recommendation_id, set_intersect(g.assessed, within) AS assessed, set_intersect(g.exposed, within) AS exposed
                   -- by the end of today all is known that is known, also what another time zone, or a clock
                   -- that was ahead, put on a later day
                   FROM finding_toggle(CASE WHEN as_of < day_end(today()) THEN day_of(as_of) - 1
                                                    ELSE 'infinity' END, chosen) g
                   WHERE of_slice IS NULL) t USING (recommendation_id)
    )
    SELECT t.recommendation_id, t.assessed,
           -- what was deleted and came back with an earlier time may not add up on the days between
           CASE WHEN as_of < 'infinity' THEN t.exposed & t.assessed ELSE t.exposed END
    FROM toggled t;
END;
COMMENT ON FUNCTION posture_internal.stored_set(timestamptz, integer, integer[], assetset) IS 'the same from what is kept, of all recommendations or of some, of all assets or within a set of them; of a slice, as a whole: as it is folded';

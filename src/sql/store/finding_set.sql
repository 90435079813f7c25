/*
 * The assets that each recommendation has assessed and exposed, recomputed from
 * finding or read from the store. verify() compares the stored sets with the
 * recomputed ones.
 *
 * as_of is the end of a day; 'infinity' means now.
 */

-- Ids of a node begin in the middle, and those of assets that were moved there are anywhere.
CREATE FUNCTION posture_internal.asset_chunk() RETURNS SETOF integer
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    WITH RECURSIVE used AS (
        SELECT least((SELECT min(f.chunk) FROM finding_set f),
                     (SELECT min(a.asset_id) FROM asset a) / 65536) AS chunk
        UNION ALL
        SELECT least((SELECT min(f.chunk) FROM finding_set f WHERE f.chunk > u.chunk),
                     (SELECT min(a.asset_id) FROM asset a
                      WHERE a.asset_id > u.chunk * 65536 + 65535) / 65536)
        FROM used u
        WHERE u.chunk < 32767
    )
    SELECT u.chunk FROM used u WHERE u.chunk IS NOT NULL;
END;
COMMENT ON FUNCTION posture_internal.asset_chunk() IS
    'returns the chunks that have assets, in ascending order';

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
    as_of timestamptz, chosen integer[] DEFAULT NULL, within assetset DEFAULT NULL)
    RETURNS TABLE (recommendation_id integer, assessed assetset, exposed assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH folded AS (
        -- chunk by chunk: two small sets are intersected faster than two large ones
        SELECT f.recommendation_id, union_agg(set_intersect(f.assessed, c.assets)) AS assessed,
               union_agg(set_intersect(f.exposed, c.assets)) AS exposed
        FROM (SELECT w.chunk, w.assets FROM chunks(within) w
              UNION ALL
              SELECT a.chunk, NULL FROM asset_chunk() a(chunk) WHERE within IS NULL) c
        -- chosen ones are looked up by their key, which a join with all could not do
        CROSS JOIN LATERAL (
            SELECT a.* FROM finding_set a WHERE a.chunk = c.chunk AND chosen IS NULL
            UNION ALL
            SELECT b.*
            FROM unnest(chosen) n(id)
            JOIN finding_set b ON b.chunk = c.chunk AND b.recommendation_id = n.id) f
        GROUP BY f.recommendation_id
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
                  ) t USING (recommendation_id)
    )
    SELECT t.recommendation_id, t.assessed,
           -- a finding that was deleted and inserted again with an earlier time may be
           -- exposed and not assessed on the days in between
           CASE WHEN as_of < 'infinity' THEN t.exposed & t.assessed ELSE t.exposed END
    FROM toggled t;
END;
COMMENT ON FUNCTION posture_internal.stored_set(timestamptz, integer[], assetset) IS
    'returns the sets of each recommendation from the store: of all recommendations or of chosen '
    'ones, each given once, with all assets or those within a set';

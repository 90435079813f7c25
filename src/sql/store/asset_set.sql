/*
 * Sets of assets by kind, criticality and group, recomputed from asset or read
 * from the store.
 */

CREATE FUNCTION posture_internal.asset_in(of_assets assetset) RETURNS SETOF asset
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    -- A scan is faster for many assets, look-ups by id for few. OFFSET keeps the condition above
    -- the scan, which would else start its workers and then find that it has nothing to do.
    SELECT a.*
    FROM (SELECT x.* FROM asset x WHERE of_assets IS NULL OR of_assets @> x.asset_id OFFSET 0) a
    WHERE of_assets IS NULL OR cardinality(of_assets) > 10000
    UNION ALL
    -- here, it makes the planner look the assets up, however many it expects
    SELECT a.*
    FROM members(of_assets) m(asset_id)
    CROSS JOIN LATERAL (SELECT x.* FROM asset x WHERE x.asset_id = m.asset_id OFFSET 0) a
    WHERE cardinality(of_assets) <= 10000;
END;
COMMENT ON FUNCTION posture_internal.asset_in(assetset) IS
    'returns the rows of asset that are in a set; NULL: all rows';

-- Groups are not looked for in the assets one by one: the set of a group is the
-- intersection of the sets of its kinds and criticalities, of those of its tags, and
-- of that of its rule. These are combined from sets that are each made once for all groups.
CREATE FUNCTION posture_internal.asset_class(of_assets assetset)
    RETURNS TABLE (attribute text, value text, chunk integer, assets assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH class AS (
        SELECT a.kind, a.criticality, assetset_agg(a.asset_id) AS assets
        FROM asset_in(of_assets) a
        GROUP BY a.kind, a.criticality
    ), attribute AS (
        SELECT 'kind' AS field, c.kind AS value, union_agg(c.assets) AS assets
        FROM class c
        GROUP BY c.kind
        UNION ALL
        SELECT 'criticality', c.criticality, union_agg(c.assets)
        FROM class c
        GROUP BY c.criticality
    ), group_tag AS (
        SELECT g.asset_group_id, jsonb_build_object(t.key, t.value)::text AS tag
        FROM asset_group g, jsonb_each(g.tags) t
    ), node AS MATERIALIZED (
        SELECT g.asset_group_id, n.path, n.operation, n.field, n.value
        FROM asset_group g CROSS JOIN LATERAL rule_node(g.rule) n
        WHERE g.rule IS NOT NULL
    ), leaf_value AS (
        SELECT n.asset_group_id, n.path, v.field, v.value
        FROM node n CROSS JOIN LATERAL rule_leaf(n.field, n.value) v
    ), named AS (
        SELECT c.field, c.value, c.assets
        FROM (SELECT array_agg(DISTINCT v.value) FILTER (WHERE v.field = 'tag') AS tags,
                     array_agg(DISTINCT v.value) FILTER (WHERE v.field = 'owner') AS owners,
                     array_agg(DISTINCT v.value) FILTER (WHERE v.field = 'key') AS patterns,
                     array_agg(DISTINCT v.value) FILTER (WHERE v.field = 'asset') AS keys,
                     array_agg(DISTINCT v.value) FILTER (WHERE v.field = 'source') AS sources
              FROM (SELECT l.field, l.value FROM leaf_value l
                    UNION ALL
                    SELECT 'tag', g.tag FROM group_tag g) v) f
        CROSS JOIN LATERAL named_class(of_assets, f.tags, f.owners, f.patterns, f.keys,
                                       f.sources) c
    ), leaf AS (
        SELECT l.asset_group_id, l.path, union_agg(s.assets) AS assets
        FROM leaf_value l
        LEFT JOIN (SELECT * FROM attribute UNION ALL SELECT * FROM named) s USING (field, value)
        GROUP BY l.asset_group_id, l.path
    ), part AS (
        SELECT unnest(g.ids) AS asset_group_id,
               (SELECT coalesce(union_agg(c.assets), '{}')
                FROM class c
                WHERE (g.kinds IS NULL OR c.kind = ANY (g.kinds))
                  AND (g.min_criticality IS NULL
                       OR criticality_rank(c.criticality)
                          >= criticality_rank(g.min_criticality))) AS assets
        FROM (SELECT g.kinds, g.min_criticality, array_agg(g.asset_group_id) AS ids
              FROM asset_group g
              GROUP BY g.kinds, g.min_criticality) g
        UNION ALL
        SELECT g.asset_group_id, coalesce(t.assets, '{}')
        FROM group_tag g LEFT JOIN named t ON t.field = 'tag' AND t.value = g.tag
        UNION ALL
        SELECT asset_group_id,
               rule_agg(cardinality(path) + 1, n.operation,
                        CASE WHEN l.path IS NOT NULL THEN coalesce(l.assets, '{}') END, a.assets
                        ORDER BY path || 2147483647)
        FROM node n
        LEFT JOIN leaf l USING (asset_group_id, path)
        CROSS JOIN (SELECT coalesce(union_agg(c.assets), '{}') AS assets FROM class c) a
        GROUP BY asset_group_id
    ), whole AS (
        SELECT * FROM attribute
        UNION ALL
        SELECT 'group', p.asset_group_id::text, intersect_agg(p.assets)
        FROM part p
        GROUP BY p.asset_group_id
    )
    SELECT w.field, w.value, x.chunk, x.assets
    FROM whole w CROSS JOIN LATERAL chunks(w.assets) x;
END;
COMMENT ON FUNCTION posture_internal.asset_class(assetset) IS
    'returns rows of asset_set, recomputed from asset, for the assets of a set; NULL: for all '
    'assets';

CREATE FUNCTION posture_internal.record_asset_change(changed asset_set[]) RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    -- before the first snapshot there is no day to be restored
    INSERT INTO asset_history AS h (day, attribute, value, assets)
    SELECT closed_day() + 1, c.attribute, c.value, union_agg(c.assets)
    FROM unnest(changed) c
    WHERE c.attribute IN ('kind', 'criticality') AND isfinite(closed_day())
    GROUP BY c.attribute, c.value
    ON CONFLICT (day, attribute, value) DO UPDATE
    SET assets = h.assets # EXCLUDED.assets;
END;
COMMENT ON FUNCTION posture_internal.record_asset_change(asset_set[]) IS
    'step of fold() and rebuild(): merges changes of the kinds and criticalities of assets into '
    'the history of the first day that is not closed; changed: rows of asset_set with the assets '
    'that joined or left, each chunk at most once';

-- A day that is not closed has the assets of now: its snapshot is taken of them.
CREATE FUNCTION posture_internal.all_asset_value(
    of_attribute text, from_store boolean, of_slice integer, on_day date DEFAULT NULL)
    RETURNS TABLE (value text, assets assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
    SET jit = off
BEGIN ATOMIC
    WITH touched AS (
        SELECT union_agg(d.assets) AS assets
        FROM asset_delta d
        WHERE from_store AND of_slice IS NULL AND (on_day IS NULL OR on_day > closed_day())
    )
    SELECT v.value, xor_agg(v.assets)
    FROM (SELECT s.value, set_difference(s.assets, t.assets) AS assets
          FROM asset_set s CROSS JOIN touched t
          WHERE from_store AND s.attribute = of_attribute
            AND (of_slice IS NULL OR s.chunk BETWEEN of_slice * 16 AND of_slice * 16 + 15)
          UNION ALL
          SELECT c.value, c.assets
          FROM touched t CROSS JOIN LATERAL asset_class(t.assets) c
          WHERE t.assets IS NOT NULL AND c.attribute = of_attribute
          UNION ALL
          SELECT c.value, c.assets
          FROM asset_class(NULL) c
          WHERE NOT from_store AND c.attribute = of_attribute
          UNION ALL
          SELECT h.value, h.assets
          FROM asset_history h
          WHERE h.attribute = of_attribute AND h.day > on_day) v
    GROUP BY v.value;
END;
COMMENT ON FUNCTION posture_internal.all_asset_value(text, boolean, integer, date) IS
    'returns the assets of each kind, criticality or group, from the store or recomputed; with '
    'of_slice, the folded sets of that slice; with on_day, those of kinds or criticalities at the '
    'end of a day';

CREATE FUNCTION posture_internal.asset_value_set(
    of_attribute text, from_store boolean, of_slice integer)
    RETURNS TABLE (value text, assets assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT * FROM all_asset_value(of_attribute, from_store, of_slice) WHERE sees_all()
    UNION ALL
    SELECT * FROM owner_asset_value(of_attribute, from_store, of_slice) WHERE NOT sees_all();
END;
COMMENT ON FUNCTION posture_internal.asset_value_set(text, boolean, integer) IS
    'returns the rows of all_asset_value(), as far as the caller may see their assets';

/*
 * Sets as they are: recomputed from finding and asset, or kept. Whatever is
 * kept is checked against what is recomputed.
 *
 * as_of is the moment that is asked about, the end of a day; 'infinity' asks
 * about now.
 */

CREATE FUNCTION posture.recommendation_set(as_of timestamptz)
    RETURNS TABLE (recommendation_id integer, assessed posture.assetset, exposed posture.assetset, last_changed timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT f.recommendation_id,
           posture.assetset_agg(f.asset_id) FILTER (WHERE f.state <> 'not_applicable'),
           posture.assetset_agg(f.asset_id) FILTER (WHERE f.state = 'non_compliant'),
           max(f.changed_at)
    FROM posture.finding f
    WHERE f.changed_at < as_of
    GROUP BY f.recommendation_id;
END;
COMMENT ON FUNCTION posture.recommendation_set(timestamptz) IS 'recomputed from finding: the assets that each recommendation applies to and those that fail it; a finding that changed later is left out, because finding does not have what it was before';

CREATE FUNCTION posture.closed_day() RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    -- as has_snapshot() has it; days that were left out after it are over, too
    RETURN coalesce((SELECT posture.day_of(posture.day_end(max(s.day))) - 1
                     FROM posture.snapshot s
                     WHERE s.taken_at >= CASE WHEN s.day < (SELECT max(l.day) FROM posture.snapshot l)
                                              THEN coalesce(s.ends_at, posture.day_end(s.day))
                                              ELSE greatest(s.ends_at, posture.day_end(s.day)) END), '-infinity');
COMMENT ON FUNCTION posture.closed_day() IS 'the last day that has its snapshot: what becomes known later belongs to a later day';

-- A finding says since when it has its state. Where it was toggled on a later
-- day than that, because its time was changed afterwards, or because it was
-- deleted and came back with the time that it had, the finding is right.
CREATE FUNCTION posture.early_toggle(on_day date, chosen integer[])
    RETURNS TABLE (recommendation_id integer, assessed posture.assetset, exposed posture.assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH later AS MATERIALIZED (
        SELECT t.recommendation_id, posture.xor_agg(t.assessed) AS assessed, posture.xor_agg(t.exposed) AS exposed
        FROM (SELECT e.recommendation_id, e.assessed, e.exposed
              FROM posture.finding_delta d
              CROSS JOIN LATERAL unnest(d.recommendations, d.assessed, d.exposed) e(recommendation_id, assessed, exposed)
              WHERE greatest(d.day, posture.closed_day() + 1) > on_day
              UNION ALL
              SELECT h.recommendation_id, h.assessed, h.exposed
              FROM posture.finding_history h
              WHERE h.day > on_day) t
        WHERE on_day < posture.today() AND (chosen IS NULL OR t.recommendation_id = ANY (chosen))
        GROUP BY t.recommendation_id
    )
    SELECT l.recommendation_id,
           coalesce(posture.assetset_agg(m.asset_id) FILTER (WHERE l.assessed OPERATOR(posture.@>) m.asset_id), '{}'),
           coalesce(posture.assetset_agg(m.asset_id) FILTER (WHERE l.exposed OPERATOR(posture.@>) m.asset_id), '{}')
    FROM later l
    CROSS JOIN LATERAL posture.members(l.assessed OPERATOR(posture.|) l.exposed) m(asset_id)
    -- one by one: what was toggled lately is little of what there is
    CROSS JOIN LATERAL (SELECT f.changed_at
                        FROM posture.finding f
                        WHERE f.recommendation_id = l.recommendation_id AND f.asset_id = m.asset_id
                        LIMIT 1) f
    WHERE f.changed_at < (SELECT posture.day_end(on_day))
    GROUP BY l.recommendation_id;
END;
COMMENT ON FUNCTION posture.early_toggle(date, integer[]) IS 'what was toggled after a day although the finding says that it changed by the end of it';

CREATE FUNCTION posture.finding_toggle(on_day date, chosen integer[])
    RETURNS TABLE (recommendation_id integer, assessed posture.assetset, exposed posture.assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.recommendation_id, posture.xor_agg(t.assessed), posture.xor_agg(t.exposed)
    FROM (SELECT e.recommendation_id, e.assessed, e.exposed
          FROM posture.finding_delta d
          CROSS JOIN LATERAL unnest(d.recommendations, d.assessed, d.exposed) e(recommendation_id, assessed, exposed)
          WHERE greatest(d.day, posture.closed_day() + 1) <= on_day
          UNION ALL
          SELECT h.recommendation_id, h.assessed, h.exposed
          FROM posture.finding_history h
          WHERE h.day > on_day
          UNION ALL
          -- the history of a day that has its snapshot was settled with it
          SELECT e.recommendation_id, e.assessed, e.exposed
          FROM posture.early_toggle(on_day, chosen) e
          WHERE on_day > posture.closed_day()) t
    WHERE chosen IS NULL OR t.recommendation_id = ANY (chosen)
    GROUP BY t.recommendation_id;
END;
COMMENT ON FUNCTION posture.finding_toggle(date, integer[]) IS 'what makes the folded sets those of the end of a day: what is not folded yet up to it, and what was folded after it';

CREATE FUNCTION posture.among(assets posture.assetset, others posture.assetset) RETURNS posture.assetset
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN others IS NULL THEN assets ELSE assets OPERATOR(posture.&) others END;
COMMENT ON FUNCTION posture.among(posture.assetset, posture.assetset) IS 'the assets that are also among the others, which may be all: NULL';

CREATE FUNCTION posture.kept_set(as_of timestamptz, of_slice integer, chosen integer[], within posture.assetset DEFAULT NULL)
    RETURNS TABLE (recommendation_id integer, assessed posture.assetset, exposed posture.assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH folded AS (
        SELECT s.recommendation_id, posture.union_agg(s.assessed) AS assessed, posture.union_agg(s.exposed) AS exposed
        FROM (SELECT f.recommendation_id, f.assessed, f.exposed
              FROM posture.finding_set f
              WHERE of_slice IS NULL AND within IS NULL AND (chosen IS NULL OR f.recommendation_id = ANY (chosen))
              UNION ALL
              -- chunk by chunk: the smaller both sets are, the faster they are compared
              SELECT f.recommendation_id, f.assessed OPERATOR(posture.&) w.assets, f.exposed OPERATOR(posture.&) w.assets
              FROM posture.chunks(within) w
              JOIN posture.finding_set f ON f.chunk = w.chunk
              WHERE of_slice IS NULL AND (chosen IS NULL OR f.recommendation_id = ANY (chosen))
              UNION ALL
              SELECT f.recommendation_id, f.assessed, f.exposed
              FROM posture.recommendation r
              JOIN posture.finding_set f ON f.recommendation_id = r.recommendation_id
                                        AND f.chunk BETWEEN of_slice * 16 AND of_slice * 16 + 15
              WHERE of_slice IS NOT NULL) s
        GROUP BY s.recommendation_id
    ), toggled AS (
        SELECT recommendation_id,
               CASE WHEN t.assessed IS NULL THEN f.assessed ELSE coalesce(f.assessed, '{}') OPERATOR(posture.#) t.assessed END AS assessed,
               CASE WHEN t.exposed IS NULL THEN f.exposed ELSE coalesce(f.exposed, '{}') OPERATOR(posture.#) t.exposed END AS exposed
        FROM folded f
        FULL JOIN (SELECT g.recommendation_id, posture.among(g.assessed, within) AS assessed, posture.among(g.exposed, within) AS exposed
                   -- by the end of today all is known that is known, also what another time zone, or a clock
                   -- that was ahead, put on a later day
                   FROM posture.finding_toggle(CASE WHEN as_of < posture.day_end(posture.today()) THEN posture.day_of(as_of) - 1
                                                    ELSE 'infinity' END, chosen) g
                   WHERE of_slice IS NULL) t USING (recommendation_id)
    )
    SELECT t.recommendation_id, t.assessed,
           -- what was deleted and came back with an earlier time may not add up on the days between
           CASE WHEN as_of < 'infinity' THEN t.exposed OPERATOR(posture.&) t.assessed ELSE t.exposed END
    FROM toggled t;
END;
COMMENT ON FUNCTION posture.kept_set(timestamptz, integer, integer[], posture.assetset) IS 'the same from what is kept, of all recommendations or of some, of all assets or within a set of them; of a slice, as a whole: as it is folded';

CREATE FUNCTION posture.without(assets posture.assetset, others posture.assetset) RETURNS posture.assetset
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN others IS NULL THEN assets ELSE assets OPERATOR(posture.-) others END;
COMMENT ON FUNCTION posture.without(posture.assetset, posture.assetset) IS 'the assets but the others, of which there may be none: NULL';

CREATE FUNCTION posture.criticality_rank(criticality text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN array_position(ARRAY['low', 'medium', 'high', 'critical'], criticality);
COMMENT ON FUNCTION posture.criticality_rank(text) IS 'low 1 to critical 4';

CREATE FUNCTION posture.in_group(member posture.asset, of_group posture.asset_group) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (of_group.kinds IS NULL OR member.kind = ANY (of_group.kinds))
       AND (of_group.min_criticality IS NULL
            OR posture.criticality_rank(member.criticality) >= posture.criticality_rank(of_group.min_criticality))
       AND (of_group.tags IS NULL OR member.tags @> of_group.tags);
COMMENT ON FUNCTION posture.in_group(posture.asset, posture.asset_group) IS 'whether an asset is in a group: all that is set matches';

CREATE FUNCTION posture.asset_in(of_assets posture.assetset) RETURNS SETOF posture.asset
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    -- many are found by reading all
    SELECT a.*
    FROM posture.asset a
    WHERE (of_assets IS NULL OR posture.cardinality(of_assets) > 10000)
      AND (of_assets IS NULL OR of_assets OPERATOR(posture.@>) a.asset_id)
    UNION ALL
    SELECT a.*
    FROM posture.members(of_assets) m(asset_id) JOIN posture.asset a ON a.asset_id = m.asset_id
    WHERE posture.cardinality(of_assets) <= 10000;
END;
COMMENT ON FUNCTION posture.asset_in(posture.assetset) IS 'the rows of asset of a set, or of all for NULL';

CREATE FUNCTION posture.asset_class(of_assets posture.assetset)
    RETURNS TABLE (attribute text, value text, chunk integer, assets posture.assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH class AS MATERIALIZED (
        SELECT a.kind, a.criticality, posture.assetset_agg(a.asset_id) AS assets
        FROM posture.asset_in(of_assets) a
        GROUP BY a.kind, a.criticality
    ), whole AS (
        SELECT 'kind' AS attribute, c.kind AS value, posture.union_agg(c.assets) AS assets
        FROM class c
        GROUP BY c.kind
        UNION ALL
        SELECT 'criticality', c.criticality, posture.union_agg(c.assets)
        FROM class c
        GROUP BY c.criticality
        UNION ALL
        SELECT 'group', g.asset_group_id::text, m.assets
        FROM posture.asset_group g
        CROSS JOIN LATERAL (SELECT posture.assetset_agg(a.asset_id) AS assets
                            FROM posture.asset_in(of_assets) a
                            WHERE posture.in_group(a, g)) m
    )
    SELECT w.attribute, w.value, x.chunk, x.assets
    FROM whole w CROSS JOIN LATERAL posture.chunks(w.assets) x;
END;
COMMENT ON FUNCTION posture.asset_class(posture.assetset) IS 'recomputed from asset: what the assets of a set, or all for NULL, are';

CREATE FUNCTION posture.every_asset_value(of_attribute text, kept boolean, of_slice integer)
    RETURNS TABLE (value text, assets posture.assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
    -- never a part of the query that calls it, whose reader may not read these tables
    SET jit = off
BEGIN ATOMIC
    WITH touched AS MATERIALIZED (
        SELECT posture.union_agg(d.assets) AS assets
        FROM posture.asset_delta d
        WHERE kept AND of_slice IS NULL
    )
    SELECT v.value, posture.union_agg(v.assets)
    FROM (SELECT s.value, posture.without(s.assets, t.assets) AS assets
          FROM posture.asset_set s CROSS JOIN touched t
          WHERE kept AND s.attribute = of_attribute
            AND (of_slice IS NULL OR s.chunk BETWEEN of_slice * 16 AND of_slice * 16 + 15)
          UNION ALL
          SELECT c.value, c.assets
          FROM touched t CROSS JOIN LATERAL posture.asset_class(t.assets) c
          WHERE t.assets IS NOT NULL AND c.attribute = of_attribute
          UNION ALL
          SELECT c.value, c.assets FROM posture.asset_class(NULL) c WHERE NOT kept AND c.attribute = of_attribute) v
    GROUP BY v.value;
END;
COMMENT ON FUNCTION posture.every_asset_value(text, boolean, integer) IS 'the assets of each kind, criticality or group, kept or recomputed; of a slice: as they are folded';

CREATE FUNCTION posture.asset_value_set(of_attribute text, kept boolean, of_slice integer)
    RETURNS TABLE (value text, assets posture.assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT * FROM posture.every_asset_value(of_attribute, kept, of_slice) WHERE posture.sees_all()
    UNION ALL
    SELECT * FROM posture.own_asset_value(of_attribute, kept, of_slice) WHERE NOT posture.sees_all();
END;
COMMENT ON FUNCTION posture.asset_value_set(text, boolean, integer) IS 'every_asset_value(), as far as the caller may see it';

CREATE FUNCTION posture.stale_before(as_of timestamptz, stale_after interval) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (as_of AT TIME ZONE 'UTC' - stale_after) AT TIME ZONE 'UTC';
COMMENT ON FUNCTION posture.stale_before(timestamptz, interval) IS 'the moment before which an asset was seen last if it is stale at another; days and months are those of UTC, whatever the time zone of the session';

CREATE FUNCTION posture.stale_limit(as_of timestamptz)
    RETURNS TABLE (stale_after interval, seen_before timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    -- a row for each source, because a month and 30 days are equal, and end apart
    SELECT s.stale_after, posture.stale_before(least(as_of, now()), s.stale_after)
    FROM posture.source s
    WHERE s.is_active AND s.stale_after IS NOT NULL;
END;
COMMENT ON FUNCTION posture.stale_limit(timestamptz) IS 'for each active source that has a stale_after, the moment before which an asset was seen last if it is stale for that source';

CREATE FUNCTION posture.findings_needed(chosen integer[]) RETURNS integer[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN NOT EXISTS (SELECT FROM posture.stale_limit('infinity')) THEN chosen END;
COMMENT ON FUNCTION posture.findings_needed(integer[]) IS 'the recommendations whose findings exposure() needs to tell the assets of those chosen: all of them, NULL, where whether an asset is stale depends on what else assesses it';

CREATE FUNCTION posture.asset_group_set(kept boolean, of_slice integer) RETURNS TABLE (asset_group_id integer, assets posture.assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    -- a group that was changed since is not kept as it is
    SELECT v.value::integer, v.assets
    FROM posture.asset_value_set('group', kept AND NOT EXISTS (SELECT FROM posture.catalog_delta d WHERE d.changed = 'asset_group'), of_slice) v;
END;
COMMENT ON FUNCTION posture.asset_group_set(boolean, integer) IS 'the assets of each group that has any, kept where they are current, or recomputed';

CREATE FUNCTION posture.exemption_in_force(as_of timestamptz) RETURNS SETOF posture.exemption
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.*
    FROM posture.exemption e
    WHERE e.created_at < as_of AND e.created_at <= now()
      -- one that ends as the day does was in force to the day's end
      AND (e.expires_at IS NULL OR e.expires_at >= as_of OR e.expires_at > now());
END;
COMMENT ON FUNCTION posture.exemption_in_force(timestamptz) IS 'the exemptions that have effect at a moment';

CREATE FUNCTION posture.exempt_set(as_of timestamptz, kept boolean, of_slice integer)
    RETURNS TABLE (recommendation_id integer, kind posture.exemption_kind, for_all boolean, assets posture.assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH exempt AS MATERIALIZED (
        SELECT e.* FROM posture.exemption_in_force(as_of) e
    ), member AS MATERIALIZED (
        SELECT g.asset_group_id, g.assets
        FROM posture.asset_group_set(kept, of_slice) g
        WHERE EXISTS (SELECT FROM exempt e WHERE e.asset_group_id IS NOT NULL)
    )
    SELECT x.recommendation_id, x.kind, bool_or(x.for_all), coalesce(posture.union_agg(x.assets), '{}')
    FROM (SELECT e.recommendation_id, e.kind, bool_or(e.asset_id IS NULL) AS for_all, posture.assetset_agg(e.asset_id) AS assets
          FROM exempt e
          WHERE e.asset_group_id IS NULL
          GROUP BY e.recommendation_id, e.kind
          UNION ALL
          SELECT e.recommendation_id, e.kind, false, g.assets
          FROM exempt e LEFT JOIN member g USING (asset_group_id)
          WHERE e.asset_group_id IS NOT NULL) x
    GROUP BY x.recommendation_id, x.kind;
END;
COMMENT ON FUNCTION posture.exempt_set(timestamptz, boolean, integer) IS 'the exemptions in force: the assets of each recommendation and kind, or all of them';

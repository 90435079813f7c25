/*
 * When an asset is stale. A source can have a stale_after: its limit at a
 * moment is stale_after before that moment. An asset is stale when it was last
 * seen before the limit of any active source, unless an active source that
 * assesses it has no limit or one that the asset was seen after. Stale assets
 * do not count.
 *
 * The rule is written once for sets (stale_candidates, stale_assets) and once for
 * a single asset (asset_staleness). src/capture_asset.c only has a bound of it: a
 * statement on asset appends every asset that may have been stale.
 */

CREATE FUNCTION posture_internal.stale_before(as_of timestamptz, stale_after interval)
    RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (as_of AT TIME ZONE 'UTC' - stale_after) AT TIME ZONE 'UTC';
COMMENT ON FUNCTION posture_internal.stale_before(timestamptz, interval) IS
    'returns the limit at a given time: an asset that was last seen before the limit is too old; '
    'days and months are in UTC, whatever the time zone of the session';

CREATE FUNCTION posture_internal.stale_limit(as_of timestamptz)
    RETURNS TABLE (source_id integer, stale_after interval, seen_before timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.source_id, s.stale_after, stale_before(least(as_of, now()), s.stale_after)
    FROM source s
    WHERE s.is_active AND s.stale_after IS NOT NULL;
END;
COMMENT ON FUNCTION posture_internal.stale_limit(timestamptz) IS
    'returns the limit of each active source that has one, at a given time or now, whichever is '
    'earlier';

CREATE FUNCTION posture_internal.last_stale_limit() RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT max(l.seen_before) FROM stale_limit('infinity') l);
COMMENT ON FUNCTION posture_internal.last_stale_limit() IS
    'returns the latest limit of all sources now: an asset seen since then is not stale; NULL: '
    'none is';

CREATE FUNCTION posture_internal.findings_needed(chosen integer[]) RETURNS integer[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN NOT EXISTS (SELECT FROM stale_limit('infinity')) THEN chosen END;
COMMENT ON FUNCTION posture_internal.findings_needed(integer[]) IS
    'returns the recommendations whose findings decide which assets of the chosen ones count: '
    'the same ones, or NULL for all while a source has a limit, '
    'because whether an asset is stale depends on everything that assesses it';

CREATE FUNCTION posture_internal.stale_candidates(as_of timestamptz)
    RETURNS TABLE (assets assetset)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT assetset_agg(a.asset_id)
    FROM asset a
    WHERE a.last_seen < (SELECT max(l.seen_before) FROM stale_limit(as_of) l);
END;
COMMENT ON FUNCTION posture_internal.stale_candidates(timestamptz) IS
    'returns the assets that were last seen before the limit of any source; NULL: none';

CREATE FUNCTION posture_internal.stale_assets(
    as_of timestamptz, candidates assetset, sources integer[], assessed assetset[])
    RETURNS TABLE (assets assetset)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT set_difference(candidates, union_agg(set_difference(s.assessed, unseen.assets)))
    FROM (SELECT l.seen_before, union_agg(a.assessed) AS assessed
          FROM unnest(sources, assessed) a(source_id, assessed)
          LEFT JOIN stale_limit(as_of) l USING (source_id)
          GROUP BY l.seen_before) s
    CROSS JOIN LATERAL (SELECT assetset_agg(a.asset_id) AS assets
                        FROM asset a
                        WHERE a.last_seen < s.seen_before) unseen
    -- all candidates were last seen before the latest limit
    WHERE s.seen_before IS DISTINCT FROM (SELECT max(l.seen_before) FROM stale_limit(as_of) l);
END;
COMMENT ON FUNCTION posture_internal.stale_assets(timestamptz, assetset, integer[], assetset[]) IS
    'returns the candidates that are stale, given active sources and the candidates that each of '
    'them assesses; NULL: there are no candidates';

CREATE FUNCTION posture_internal.asset_staleness(of_asset integer, seen_at timestamptz)
    RETURNS TABLE (is_stale boolean)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT coalesce(seen_at < (SELECT max(l.seen_before) FROM stale_limit('infinity') l), false)
           AND NOT EXISTS (SELECT
                           FROM finding f
                           JOIN recommendation r ON r.recommendation_id = f.recommendation_id
                           JOIN source s ON s.source_id = r.source_id
                           WHERE f.asset_id = of_asset AND f.state <> 'not_applicable'
                             AND s.is_active AND r.is_active
                             AND (s.stale_after IS NULL
                                  OR seen_at >= stale_before(now(), s.stale_after)));
END;
COMMENT ON FUNCTION posture_internal.asset_staleness(integer, timestamptz) IS
    'returns whether an asset that was last seen at seen_at is stale now, by its findings';

CREATE FUNCTION posture_internal.newly_stale(since timestamptz, at_most bigint)
    RETURNS SETOF integer
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT a.asset_id
    FROM (SELECT DISTINCT stale_before(since, l.stale_after) AS seen_from, l.seen_before
          FROM stale_limit('infinity') l) passed
    CROSS JOIN LATERAL (SELECT x.asset_id
                        FROM asset x
                        WHERE x.last_seen >= passed.seen_from AND x.last_seen < passed.seen_before
                        LIMIT at_most) a;
END;
COMMENT ON FUNCTION posture_internal.newly_stale(timestamptz, bigint) IS
    'returns assets that have passed the limit of a source since a given time and so may be stale '
    'now, at most at_most for each limit';

/*
 * When an asset is stale. A source can have a stale_after: its limit at a
 * moment is stale_after before that moment. An asset is stale when it was last
 * seen before the limit of any active source, unless an active source that
 * assesses it has no limit or one that the asset was seen after. Stale assets
 * do not count.
 *
 * The rule is written once for sets (find_inactive() in src/count_chunk.c) and once
 * for a single asset (asset_staleness). src/capture_asset.c only has a bound of it: a
 * statement on asset appends every asset that may have been stale.
 */

CREATE FUNCTION posture_internal.stale_before(as_of timestamptz, stale_after interval)
    RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (as_of AT TIME ZONE 'UTC' - stale_after) AT TIME ZONE 'UTC';
COMMENT ON FUNCTION posture_internal.stale_before(timestamptz, interval) IS
    'returns the limit at a given time: an asset that was last seen before the limit is too old; '
    'days and months are in UTC, whatever the time zone of the session';

CREATE FUNCTION posture_internal.stale_limit(as_of timestamptz, scenario jsonb DEFAULT NULL)
    RETURNS TABLE (source_id integer, stale_after interval, seen_before timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT source_id, s.stale_after, stale_before(least(as_of, now()), s.stale_after)
    FROM source s
    LEFT JOIN jsonb_to_recordset(scenario -> 'source')
              x(source_id integer, is_active boolean) USING (source_id)
    WHERE coalesce(x.is_active, s.is_active) AND s.stale_after IS NOT NULL;
END;
COMMENT ON FUNCTION posture_internal.stale_limit(timestamptz, jsonb) IS
    'returns the limit of each active source that has one, at a given time or now, whichever is '
    'earlier';

CREATE FUNCTION posture_internal.last_stale_limit() RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT max(l.seen_before) FROM stale_limit('infinity') l);
COMMENT ON FUNCTION posture_internal.last_stale_limit() IS
    'returns the latest limit of all sources now: an asset seen since then is not stale; NULL: '
    'none is';

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

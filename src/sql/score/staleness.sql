CREATE FUNCTION posture_internal.stale_before(as_of timestamptz, stale_after interval) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (as_of AT TIME ZONE 'UTC' - stale_after) AT TIME ZONE 'UTC';
COMMENT ON FUNCTION posture_internal.stale_before(timestamptz, interval) IS 'the moment before which an asset was seen last if it is stale at another; days and months are those of UTC, whatever the time zone of the session';

CREATE FUNCTION posture_internal.stale_limit(as_of timestamptz)
    RETURNS TABLE (stale_after interval, seen_before timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    -- a row for each source, because a month and 30 days are equal, and end apart
    SELECT s.stale_after, stale_before(least(as_of, now()), s.stale_after)
    FROM source s
    WHERE s.is_active AND s.stale_after IS NOT NULL;
END;
COMMENT ON FUNCTION posture_internal.stale_limit(timestamptz) IS 'for each active source that has a stale_after, the moment before which an asset was seen last if it is stale for that source';

CREATE FUNCTION posture_internal.findings_needed(chosen integer[]) RETURNS integer[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN NOT EXISTS (SELECT FROM stale_limit('infinity')) THEN chosen END;
COMMENT ON FUNCTION posture_internal.findings_needed(integer[]) IS 'the recommendations whose findings exposure() needs to tell the assets of those chosen: all of them, NULL, where whether an asset is stale depends on what else assesses it';

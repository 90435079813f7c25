/*
 * Sources: the products that assess, and when each last observed something.
 */

CREATE DOMAIN posture.time_zone AS text
    CONSTRAINT "a time zone is a name in pg_timezone_names" CHECK (is_time_zone(VALUE));
COMMENT ON DOMAIN posture.time_zone IS 'name of a time zone: Asia/Tokyo';

CREATE TYPE posture.reporting AS ENUM ('states', 'failures');
COMMENT ON TYPE posture.reporting IS
    'what is reported: the states of findings, or failures alone';

CREATE TABLE posture.source (
    source_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key object_key NOT NULL UNIQUE,
    name text NOT NULL,
    product text,
    is_active boolean NOT NULL DEFAULT true,
    -- The upper limit keeps now() - stale_after in the range of timestamptz.
    stale_after interval
        CONSTRAINT "stale_after is 1 to 36500 days, written as '30 days'"
        CHECK (stale_after >= interval '1 day' AND stale_after <= interval '36500 days'),
    last_seen timestamptz
        CONSTRAINT "last_seen is in the years 1900 to 9999"
        CHECK (last_seen BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'),
    time_zone time_zone,
    reports reporting NOT NULL DEFAULT 'states'
);
COMMENT ON TABLE posture.source IS 'products that assess';
COMMENT ON COLUMN posture.source.source_id IS 'internal id';
COMMENT ON COLUMN posture.source.key IS 'key of the source in the inbox and in functions';
COMMENT ON COLUMN posture.source.name IS 'display name';
COMMENT ON COLUMN posture.source.product IS 'name of the product';
COMMENT ON COLUMN posture.source.is_active IS 'whether its recommendations are shown and count';
COMMENT ON COLUMN posture.source.stale_after IS
    'time after which an asset no longer counts if no source that assesses it has observed it; '
    'NULL: never';
COMMENT ON COLUMN posture.source.last_seen IS
    'time of its latest observation, updated at most once a day; NULL: none yet';
COMMENT ON COLUMN posture.source.time_zone IS
    'time zone of the times in its documents that name none; NULL: posture.timezone for XCCDF, else '
    'UTC';

COMMENT ON COLUMN posture.source.reports IS
    'what it reports: of failures alone, a finding that a complete delivery no longer has is '
    'compliant, of states not applicable';

-- A source that delivers more than once a day updates its row only once.
CREATE FUNCTION posture_internal.update_last_seen(source_ids integer[], seen_at timestamptz[])
    RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    UPDATE source s
    SET last_seen = n.seen_at
    FROM unnest(source_ids, seen_at) n(source_id, seen_at)
    WHERE s.source_id = n.source_id
      AND (s.last_seen IS NULL OR day_of(s.last_seen) < day_of(n.seen_at));
END;
COMMENT ON FUNCTION posture_internal.update_last_seen(integer[], timestamptz[]) IS
    'step of ingest() and load(): updates the last_seen of sources';

CREATE FUNCTION posture_internal.source_hint(missing text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN name_hint('Sources', ARRAY(SELECT s.key
                                      FROM source s
                                      WHERE s.key IS DISTINCT FROM missing ORDER BY s.key),
                     missing);
COMMENT ON FUNCTION posture_internal.source_hint(text) IS
    'hint for a source that does not exist: the others; NULL if there are none';

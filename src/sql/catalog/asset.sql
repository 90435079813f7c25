/*
 * Assets: the things that are assessed.
 */

-- A dump and a subscription bring ids of their own. An id that a user chooses may be far above
-- the others, and sets of such assets take a chunk each.
CREATE TABLE posture.asset (
    asset_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY
        CONSTRAINT "asset_id is not negative" CHECK (asset_id >= 0),
    key object_key NOT NULL UNIQUE,
    -- asset_set has an index on kinds, which limits their length.
    kind text NOT NULL DEFAULT 'unknown'
        CONSTRAINT "kind has at most 1024 bytes" CHECK (octet_length(kind) <= 1024),
    name text NOT NULL,
    criticality text NOT NULL DEFAULT 'medium'
        CONSTRAINT "criticality is low, medium, high or critical"
        CHECK (criticality IN ('low', 'medium', 'high', 'critical')),
    owner text,
    tags jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT "tags are a JSON object" CHECK (jsonb_typeof(tags) = 'object'),
    first_seen timestamptz NOT NULL DEFAULT now()
        CONSTRAINT "first_seen is in the years 1900 to 9999"
        CHECK (first_seen BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'),
    last_seen timestamptz NOT NULL DEFAULT now()
        CONSTRAINT "last_seen is in the years 1900 to 9999"
        CHECK (last_seen BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'),
    retired_at timestamptz
        CONSTRAINT "retired_at is in the years 1900 to 9999"
        CHECK (retired_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z')
);
-- assets that may be stale or retired
CREATE INDEX asset_last_seen ON posture.asset (last_seen);
CREATE INDEX asset_retired_at ON posture.asset (retired_at) WHERE retired_at IS NOT NULL;
COMMENT ON TABLE posture.asset IS
    'things that are assessed; an asset is retired rather than deleted';
COMMENT ON COLUMN posture.asset.asset_id IS 'internal id, a member of assetsets';
COMMENT ON COLUMN posture.asset.key IS
    'key of the asset, the same in all sources; asset_alias has further keys';
COMMENT ON COLUMN posture.asset.kind IS
    'host, user, bucket, role, tenant or another kind; metrics filter by it';
COMMENT ON COLUMN posture.asset.name IS 'display name';
COMMENT ON COLUMN posture.asset.criticality IS
    'importance to the organisation: low, medium, high or critical; metrics can weigh by it';
COMMENT ON COLUMN posture.asset.owner IS 'person or team responsible for the asset';
COMMENT ON COLUMN posture.asset.tags IS 'further properties, an object; groups filter by them';
COMMENT ON COLUMN posture.asset.first_seen IS 'time of the first observation';
COMMENT ON COLUMN posture.asset.last_seen IS
    'time of the latest observation, updated at most once a day';
COMMENT ON COLUMN posture.asset.retired_at IS
    'time from which the asset no longer counts; NULL: it counts';

CREATE FUNCTION posture_internal.kind_error(kind text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN octet_length(kind) > 1024
                THEN format('kind of asset has %s bytes, more than 1024: "%s..."',
                            octet_length(kind), left(kind, 40)) END;
COMMENT ON FUNCTION posture_internal.kind_error(text) IS
    'error text for an invalid kind of asset; NULL if the kind is valid';

/*
 * What inventories know: which source that delivers assets alone, such as a CMDB or a
 * directory of devices, knows an asset, and when it last saw it. Sources that assess
 * say what they observed by their findings instead (finding/confirmation.sql).
 *
 * source/inventory.sql writes these tables.
 */

CREATE TABLE posture.asset_source (
    source_id integer REFERENCES source ON DELETE CASCADE,
    asset_id integer REFERENCES asset ON DELETE CASCADE,
    first_seen timestamptz NOT NULL DEFAULT now()
        CONSTRAINT "first_seen is in the years 1900 to 9999"
        CHECK (first_seen BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'),
    last_seen timestamptz NOT NULL DEFAULT now()
        CONSTRAINT "last_seen is in the years 1900 to 9999"
        CHECK (last_seen BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'),
    PRIMARY KEY (source_id, asset_id)
);
CREATE INDEX ON posture.asset_source (asset_id);
COMMENT ON TABLE posture.asset_source IS
    'assets that inventories know: sources that deliver assets alone';
COMMENT ON COLUMN posture.asset_source.source_id IS 'id of the source';
COMMENT ON COLUMN posture.asset_source.asset_id IS 'id of the asset';
COMMENT ON COLUMN posture.asset_source.first_seen IS
    'time at which the source saw the asset, in the first delivery that named it';
COMMENT ON COLUMN posture.asset_source.last_seen IS
    'time at which the source last saw the asset, updated at most once a day';

-- A person may retire an asset that an inventory still has: only what left all inventories counts
-- again when one has it once more.
CREATE TABLE posture_internal.left_inventory (
    asset_id integer PRIMARY KEY REFERENCES asset ON DELETE CASCADE,
    retired_at timestamptz NOT NULL
        CONSTRAINT "retired_at is in the years 1900 to 9999"
        CHECK (retired_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z')
);
COMMENT ON TABLE posture_internal.left_inventory IS
    'assets that were retired because they left the last inventory that knew them';
COMMENT ON COLUMN posture_internal.left_inventory.asset_id IS 'id of the asset';
COMMENT ON COLUMN posture_internal.left_inventory.retired_at IS
    'time at which it was retired; asset.retired_at differs if a person has changed it since';

CREATE FUNCTION posture_internal.known_by(of_asset integer) RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ARRAY(SELECT s.key::text
                 FROM asset_source x JOIN source s USING (source_id)
                 WHERE x.asset_id = of_asset
                 ORDER BY s.key COLLATE "C");
COMMENT ON FUNCTION posture_internal.known_by(integer) IS
    'returns the keys of the inventories that know an asset';

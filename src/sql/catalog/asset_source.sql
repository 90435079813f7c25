/*
 * Inventories: which sources know an asset.
 */

CREATE TABLE posture.asset_source (
    source_id integer REFERENCES source ON DELETE CASCADE,
    asset_id integer REFERENCES asset ON DELETE CASCADE,
    first_seen timestamptz NOT NULL DEFAULT now(),
    last_seen timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source_id, asset_id)
);
COMMENT ON TABLE posture.asset_source IS 'assets that the inventory of a source has';
COMMENT ON COLUMN posture.asset_source.source_id IS 'source';
COMMENT ON COLUMN posture.asset_source.asset_id IS 'asset';
COMMENT ON COLUMN posture.asset_source.first_seen IS 'time at which the source first had the asset';
COMMENT ON COLUMN posture.asset_source.last_seen IS 'time at which the source last had the asset';

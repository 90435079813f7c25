CREATE TABLE posture_internal.asset_set (
    attribute text
        CONSTRAINT "attribute is kind, criticality, group or inactive"
        CHECK (attribute IN ('kind', 'criticality', 'group', 'inactive')),
    value text,
    chunk integer,
    assets assetset NOT NULL,
    PRIMARY KEY (attribute, chunk, value)
) WITH (toast_tuple_target = 8160);
COMMENT ON TABLE posture_internal.asset_set IS
    'folded sets of assets by kind, criticality and group, and of inactive assets, by chunk';
COMMENT ON COLUMN posture_internal.asset_set.attribute IS
    'kind, criticality, group or inactive (retired or stale)';
COMMENT ON COLUMN posture_internal.asset_set.value IS
    'kind, criticality or id of the group; of inactive assets, retired or stale';
COMMENT ON COLUMN posture_internal.asset_set.chunk IS 'asset_id / 65536';
COMMENT ON COLUMN posture_internal.asset_set.assets IS 'assets of the chunk that have the value';

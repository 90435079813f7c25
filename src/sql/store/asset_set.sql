CREATE TABLE posture_internal.asset_set (
    attribute text CHECK (attribute IN ('kind', 'criticality', 'group', 'inactive')),
    value text,
    chunk integer,
    assets assetset NOT NULL,
    PRIMARY KEY (attribute, chunk, value)
) WITH (toast_tuple_target = 8160);
COMMENT ON TABLE posture_internal.asset_set IS 'the folded sets of assets by what they are, by chunk';
COMMENT ON COLUMN posture_internal.asset_set.attribute IS 'kind, criticality, group, or gone: retired or stale';
COMMENT ON COLUMN posture_internal.asset_set.value IS 'the kind, the criticality, the id of the group, or nothing';
COMMENT ON COLUMN posture_internal.asset_set.chunk IS 'asset_id / 65536';
COMMENT ON COLUMN posture_internal.asset_set.assets IS 'the assets';

CREATE TABLE posture_internal.asset_delta (
    delta_id bigint GENERATED ALWAYS AS IDENTITY,
    slice integer NOT NULL,
    changes integer NOT NULL,
    assets assetset NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE posture_internal.asset_delta REPLICA IDENTITY FULL;
COMMENT ON TABLE posture_internal.asset_delta IS 'what is not folded yet: a row for each statement on asset after which assets may count otherwise, by slice';
COMMENT ON COLUMN posture_internal.asset_delta.delta_id IS 'id';
COMMENT ON COLUMN posture_internal.asset_delta.slice IS 'asset_id / 1048576';
COMMENT ON COLUMN posture_internal.asset_delta.changes IS 'how many assets';
COMMENT ON COLUMN posture_internal.asset_delta.assets IS 'the assets';

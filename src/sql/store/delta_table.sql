-- No index: rows are few and are read together, and eight writers at once
-- would meet at an index's last page.
CREATE TABLE posture_internal.finding_delta (
    delta_id bigint GENERATED ALWAYS AS IDENTITY,
    day date NOT NULL,
    slice integer NOT NULL,
    changes integer NOT NULL,
    recommendations integer[] NOT NULL,
    assessed assetset[] NOT NULL,
    exposed assetset[] NOT NULL,
    last_changed timestamptz[] NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE posture_internal.finding_delta
    ALTER assessed SET STORAGE EXTERNAL,
    ALTER exposed SET STORAGE EXTERNAL,
    -- so that a publication for all tables doesn't keep fold() from deleting
    REPLICA IDENTITY FULL;
COMMENT ON TABLE posture_internal.finding_delta IS 'what is not folded yet: a row for each statement on finding that changed a state, by day and slice';
COMMENT ON COLUMN posture_internal.finding_delta.delta_id IS 'id';
COMMENT ON COLUMN posture_internal.finding_delta.day IS 'the day on which the findings changed';
COMMENT ON COLUMN posture_internal.finding_delta.slice IS 'asset_id / 1048576';
COMMENT ON COLUMN posture_internal.finding_delta.changes IS 'how many findings changed';
COMMENT ON COLUMN posture_internal.finding_delta.recommendations IS 'the recommendations of those findings';
COMMENT ON COLUMN posture_internal.finding_delta.assessed IS 'for each of them, the assets that came to the assessed ones or left them';
COMMENT ON COLUMN posture_internal.finding_delta.exposed IS 'for each of them, the assets that came to the exposed ones or left them';
COMMENT ON COLUMN posture_internal.finding_delta.last_changed IS 'for each of them, the latest time of change';

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

CREATE TABLE posture_internal.catalog_delta (
    delta_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed text NOT NULL
);
COMMENT ON TABLE posture_internal.catalog_delta IS 'a row for each statement that changed what is counted; while there is one, readers count the sets anew';
COMMENT ON COLUMN posture_internal.catalog_delta.delta_id IS 'id';
COMMENT ON COLUMN posture_internal.catalog_delta.changed IS 'the table that was changed';

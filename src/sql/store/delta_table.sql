/*
 * Changes by statements that are not folded yet. Triggers append to these tables
 * (capture_delta.sql), and fold() empties them.
 */

-- The table has no index: its rows are few and are read together, and concurrent
-- writers would contend for the last page of an index.
CREATE TABLE posture_internal.finding_delta (
    delta_id bigint GENERATED ALWAYS AS IDENTITY,
    day date NOT NULL,
    slice integer NOT NULL,
    changes integer NOT NULL,
    recommendations integer[] NOT NULL,
    assessed assetset[] NOT NULL,
    exposed assetset[] NOT NULL,
    last_changed timestamptz[] NOT NULL,
    unchanged assetset[] NOT NULL DEFAULT '{}'
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE posture_internal.finding_delta
    ALTER assessed SET STORAGE EXTERNAL,
    ALTER exposed SET STORAGE EXTERNAL,
    ALTER unchanged SET STORAGE EXTERNAL,
    -- lets fold() delete rows even if a publication for all tables includes the table
    REPLICA IDENTITY FULL;
COMMENT ON TABLE posture_internal.finding_delta IS
    'deltas of findings that are not folded yet: a row for each statement on finding that changed '
    'a state, by day and slice';
COMMENT ON COLUMN posture_internal.finding_delta.delta_id IS 'id';
COMMENT ON COLUMN posture_internal.finding_delta.day IS 'day on which the findings changed';
COMMENT ON COLUMN posture_internal.finding_delta.slice IS 'asset_id / 1048576';
COMMENT ON COLUMN posture_internal.finding_delta.changes IS 'number of findings that changed';
COMMENT ON COLUMN posture_internal.finding_delta.recommendations IS
    'recommendations of those findings';
COMMENT ON COLUMN posture_internal.finding_delta.assessed IS
    'for each recommendation, the assets that became assessed or stopped being assessed';
COMMENT ON COLUMN posture_internal.finding_delta.exposed IS
    'for each recommendation, the assets that became exposed or stopped being exposed';
COMMENT ON COLUMN posture_internal.finding_delta.last_changed IS
    'for each recommendation, the latest time of change';
COMMENT ON COLUMN posture_internal.finding_delta.unchanged IS
    'for each recommendation, the assets that were toggled in neither set, but whose finding may '
    'replace what was known of later days; empty: there are none';

CREATE TABLE posture_internal.asset_delta (
    delta_id bigint GENERATED ALWAYS AS IDENTITY,
    slice integer NOT NULL,
    changes integer NOT NULL,
    assets assetset NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE posture_internal.asset_delta REPLICA IDENTITY FULL;
COMMENT ON TABLE posture_internal.asset_delta IS
    'deltas of assets that are not folded yet: a row for each statement on asset or asset_alias '
    'after which assets may count differently or be in other groups, by slice';
COMMENT ON COLUMN posture_internal.asset_delta.delta_id IS 'id';
COMMENT ON COLUMN posture_internal.asset_delta.slice IS 'asset_id / 1048576';
COMMENT ON COLUMN posture_internal.asset_delta.changes IS 'number of assets';
COMMENT ON COLUMN posture_internal.asset_delta.assets IS 'the assets';

CREATE TABLE posture_internal.catalog_delta (
    delta_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed text NOT NULL
);
COMMENT ON TABLE posture_internal.catalog_delta IS
    'changes to the catalog that affect counts and are not folded yet, a row for each statement; '
    'while it has a row, readers count the sets instead of reading the stored counts';
COMMENT ON COLUMN posture_internal.catalog_delta.delta_id IS 'id';
COMMENT ON COLUMN posture_internal.catalog_delta.changed IS 'table that was changed';

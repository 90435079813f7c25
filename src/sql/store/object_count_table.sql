-- Integers are large enough: a slice has 1048576 assets, and none counts more than 1000 times.
CREATE TABLE posture_internal.object_count (
    slice integer,
    object_kind text
        CONSTRAINT "object_kind is recommendation, metric or initiative"
        CHECK (object_kind IN ('recommendation', 'metric', 'initiative')),
    object_id integer,
    assessed integer NOT NULL,
    exposed integer NOT NULL,
    failing integer NOT NULL,
    critical integer NOT NULL,
    last_changed timestamptz,
    is_raw boolean DEFAULT false,
    population integer NOT NULL,
    unassessed integer NOT NULL,
    PRIMARY KEY (slice, object_kind, object_id, is_raw)
);
COMMENT ON TABLE posture_internal.object_count IS
    'counts of the folded sets: distinct assets of each recommendation, metric and initiative, by '
    'slice; a metric counts each asset as many times as its weight';
COMMENT ON COLUMN posture_internal.object_count.slice IS 'asset_id / 1048576';
COMMENT ON COLUMN posture_internal.object_count.object_kind IS
    'recommendation, metric or initiative';
COMMENT ON COLUMN posture_internal.object_count.object_id IS 'id of the object';
COMMENT ON COLUMN posture_internal.object_count.assessed IS 'assets assessed';
COMMENT ON COLUMN posture_internal.object_count.exposed IS 'assets exposed';
COMMENT ON COLUMN posture_internal.object_count.failing IS
    'of a recommendation: assets that fail it, exempt or not';
COMMENT ON COLUMN posture_internal.object_count.critical IS
    'of a metric or an initiative: critical assets exposed, each counted once';
COMMENT ON COLUMN posture_internal.object_count.population IS 'assets assessed or unassessed';
COMMENT ON COLUMN posture_internal.object_count.unassessed IS
    'members of the populations of metrics that are not assessed';
COMMENT ON COLUMN posture_internal.object_count.last_changed IS
    'of a recommendation: time at which any of its findings last changed';
COMMENT ON COLUMN posture_internal.object_count.is_raw IS
    'whether exemptions are ignored; there are such rows only while exemptions are in force';

CREATE TABLE posture_internal.counted_slice (
    slice integer PRIMARY KEY,
    counted_at timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    built_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE posture_internal.counted_slice IS 'slices that have been counted';
COMMENT ON COLUMN posture_internal.counted_slice.slice IS 'asset_id / 1048576';
COMMENT ON COLUMN posture_internal.counted_slice.counted_at IS
    'time as of which the slice was counted';
COMMENT ON COLUMN posture_internal.counted_slice.valid_until IS
    'time at which the slice must be counted again because an exemption begins or ends, or an '
    'asset retires';
COMMENT ON COLUMN posture_internal.counted_slice.built_at IS
    'time at which the slice was first counted in this database';

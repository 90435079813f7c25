/*
 * What is kept so that scores need no scan of finding: derived from finding
 * and asset, rebuilt by rebuild(), compared by verify(), in no dump.
 *
 * Statements append to the tables of deltas (src/capture_finding.c), fold() merges
 * them into the sets, and readers see sets and deltas in one snapshot. All
 * sets are kept by chunk of 65536 asset ids; 16 chunks are a slice, which is
 * what one step of fold() takes.
 */

CREATE TABLE posture_internal.finding_set (
    recommendation_id integer,
    chunk integer,
    assessed assetset NOT NULL,
    exposed assetset NOT NULL,
    PRIMARY KEY (recommendation_id, chunk)
) WITH (toast_tuple_target = 8160);
COMMENT ON TABLE posture_internal.finding_set IS 'the folded sets: the assets that each recommendation applies to and those that fail it, by chunk';
COMMENT ON COLUMN posture_internal.finding_set.recommendation_id IS 'the recommendation';
COMMENT ON COLUMN posture_internal.finding_set.chunk IS 'asset_id / 65536';
COMMENT ON COLUMN posture_internal.finding_set.assessed IS 'assets with a finding that is compliant or non_compliant';
COMMENT ON COLUMN posture_internal.finding_set.exposed IS 'assets with a finding that is non_compliant';

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

/*
 * What is kept so that scores need no scan of finding: derived from finding
 * and asset, rebuilt by rebuild(), compared by verify(), in no dump.
 *
 * Statements append to the tables of deltas (src/capture.c), fold() merges
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

/*
 * The store: sets of assets, by which scores are computed without a scan of
 * finding. It is derived from finding and asset. A dump leaves it out,
 * rebuild() recomputes it, and verify() compares it with what is recomputed.
 *
 * A statement appends what it changes to a table of deltas, fold() merges
 * deltas into the sets, and readers see sets and deltas in one snapshot. Sets
 * are stored by chunk of 65536 asset ids. Each step of fold() processes one
 * slice of 16 chunks.
 */

CREATE TABLE posture_internal.finding_set (
    recommendation_id integer,
    chunk integer,
    assessed assetset NOT NULL,
    exposed assetset NOT NULL,
    PRIMARY KEY (chunk, recommendation_id)
) WITH (toast_tuple_target = 8160);
COMMENT ON TABLE posture_internal.finding_set IS
    'folded sets of findings: the assets that each recommendation has assessed and exposed, '
    'by chunk';
COMMENT ON COLUMN posture_internal.finding_set.recommendation_id IS 'id of the recommendation';
COMMENT ON COLUMN posture_internal.finding_set.chunk IS 'asset_id / 65536';
COMMENT ON COLUMN posture_internal.finding_set.assessed IS
    'assets with a finding that is compliant or non_compliant';
COMMENT ON COLUMN posture_internal.finding_set.exposed IS
    'assets with a finding that is non_compliant';

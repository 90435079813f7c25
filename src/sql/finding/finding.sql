/*
 * Findings: the state of each recommendation on each asset. They and measures
 * are the data from which all scores are computed.
 */

CREATE TYPE posture.finding_state AS ENUM ('compliant', 'non_compliant', 'not_applicable');
COMMENT ON TYPE posture.finding_state IS 'state of a recommendation on an asset';

CREATE TABLE posture.finding (
    recommendation_id integer
        CONSTRAINT "a recommendation with findings is made inactive, not deleted"
        REFERENCES recommendation,
    asset_id integer
        CONSTRAINT "an asset with findings is retired by retired_at, not deleted"
        REFERENCES asset,
    state finding_state NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
        CONSTRAINT "changed_at is in the years 1900 to 9999"
        CHECK (changed_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'),
    details jsonb,
    extent_id integer,
    PRIMARY KEY (recommendation_id, asset_id)
);
CREATE INDEX finding_asset_id ON posture.finding (asset_id);
CREATE INDEX finding_extent_id ON posture.finding (extent_id) WHERE extent_id IS NOT NULL;
COMMENT ON TABLE posture.finding IS 'state of each recommendation on each asset';
COMMENT ON COLUMN posture.finding.recommendation_id IS 'id of the recommendation';
COMMENT ON COLUMN posture.finding.asset_id IS 'id of the asset';
COMMENT ON COLUMN posture.finding.state IS 'whether the asset complies with the recommendation';
COMMENT ON COLUMN posture.finding.changed_at IS 'time from which it has had this state';
COMMENT ON COLUMN posture.finding.details IS 'further data of the source';
COMMENT ON COLUMN posture.finding.extent_id IS
    'id of the extents that report it; NULL: none, or loaded before version 0.3';

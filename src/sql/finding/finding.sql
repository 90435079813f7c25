/*
 * The truth: the state of a recommendation on an asset (finding), or of a
 * recommendation that is reported only as points (measure), and the
 * exemptions from them.
 */

CREATE TABLE posture.finding (
    recommendation_id integer REFERENCES recommendation,
    asset_id integer REFERENCES asset,
    state finding_state NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now() CHECK (isfinite(changed_at)),
    details jsonb,
    PRIMARY KEY (recommendation_id, asset_id)
);
COMMENT ON TABLE posture.finding IS 'the state of a recommendation on an asset';
COMMENT ON COLUMN posture.finding.recommendation_id IS 'the recommendation';
COMMENT ON COLUMN posture.finding.asset_id IS 'the asset';
COMMENT ON COLUMN posture.finding.state IS 'whether the asset complies with the recommendation';
COMMENT ON COLUMN posture.finding.changed_at IS 'since when it has this state';
COMMENT ON COLUMN posture.finding.details IS 'what the source says of it';

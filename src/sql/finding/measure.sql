/*
 * Measures: the state of recommendations that a source reports as points for the
 * whole organisation, without assets.
 */

CREATE TABLE posture.measure (
    recommendation_id integer PRIMARY KEY REFERENCES recommendation ON DELETE CASCADE,
    achieved points NOT NULL,
    possible points NOT NULL,
    observed_at timestamptz NOT NULL DEFAULT now()
        CONSTRAINT "observed_at is in the years 1900 to 9999"
        CHECK (observed_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'),
    CONSTRAINT "achieved is not more than possible" CHECK (achieved <= possible)
);
COMMENT ON TABLE posture.measure IS
    'state of each recommendation that its source reports only as points for the whole '
    'organisation';
COMMENT ON COLUMN posture.measure.recommendation_id IS 'id of the recommendation';
COMMENT ON COLUMN posture.measure.achieved IS 'points achieved';
COMMENT ON COLUMN posture.measure.possible IS 'points possible';
COMMENT ON COLUMN posture.measure.observed_at IS 'time at which the source observed it';

/*
 * Benchmarks: scores of others to compare an initiative with.
 */

CREATE TABLE posture.benchmark (
    key object_key,
    name text NOT NULL,
    day date
        CONSTRAINT "day is in the years 1900 to 9999"
        CHECK (day BETWEEN '1900-01-01' AND '9999-12-31'),
    initiative_id integer REFERENCES initiative ON DELETE CASCADE,
    score score NOT NULL,
    details jsonb,
    PRIMARY KEY (initiative_id, key, day)
);
COMMENT ON TABLE posture.benchmark IS
    'scores to compare an initiative with, such as those of all tenants or of tenants of the '
    'same size';
COMMENT ON COLUMN posture.benchmark.key IS 'key of the benchmark';
COMMENT ON COLUMN posture.benchmark.name IS 'display name';
COMMENT ON COLUMN posture.benchmark.day IS 'day of the score';
COMMENT ON COLUMN posture.benchmark.initiative_id IS 'id of the initiative to compare';
COMMENT ON COLUMN posture.benchmark.score IS 'score of the benchmark';
COMMENT ON COLUMN posture.benchmark.details IS 'further data of the source';

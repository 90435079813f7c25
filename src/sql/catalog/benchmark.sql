CREATE TABLE posture.benchmark (
    key object_key,
    name text NOT NULL,
    day date,
    initiative_id integer REFERENCES initiative ON DELETE CASCADE,
    score score NOT NULL,
    details jsonb,
    PRIMARY KEY (initiative_id, key, day)
);
COMMENT ON TABLE posture.benchmark IS 'what others score on an initiative: all tenants, those of the same size, one''s own past';
COMMENT ON COLUMN posture.benchmark.key IS 'which benchmark';
COMMENT ON COLUMN posture.benchmark.name IS 'what people call it';
COMMENT ON COLUMN posture.benchmark.day IS 'the day that it is about';
COMMENT ON COLUMN posture.benchmark.initiative_id IS 'the initiative that it is compared with';
COMMENT ON COLUMN posture.benchmark.score IS 'the score of the others';
COMMENT ON COLUMN posture.benchmark.details IS 'what else its source says of it';

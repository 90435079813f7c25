-- a table like finding, with the same rows, indexes and foreign keys, and no triggers of ours
CREATE TABLE bench.finding (LIKE posture.finding INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
INSERT INTO bench.finding SELECT * FROM posture.finding;
ALTER TABLE bench.finding ADD PRIMARY KEY (recommendation_id, asset_id),
    ADD FOREIGN KEY (recommendation_id) REFERENCES posture.recommendation,
    ADD FOREIGN KEY (asset_id) REFERENCES posture.asset;
CREATE INDEX ON bench.finding (asset_id);

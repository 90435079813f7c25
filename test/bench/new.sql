/* A delivery of new rows through the inbox, beside the same into a like table. */
\echo 'new rows'
\ir like_finding.sql
VACUUM ANALYZE;
CHECKPOINT;
SELECT bench.deliver(:new, :new / 10, :assets, now() - interval '1 hour') \g /dev/null
SELECT bench.seconds_of('SELECT * FROM posture.ingest()') AS ours \gset
CREATE TABLE bench.rows AS
SELECT f.* FROM posture.finding f
WHERE f.asset_id > :assets
ORDER BY f.asset_id, hashint4(f.recommendation_id);
VACUUM ANALYZE bench.rows;
CHECKPOINT;
SELECT bench.seconds_of($$
    INSERT INTO bench.finding AS f SELECT * FROM bench.rows
    ON CONFLICT (recommendation_id, asset_id) DO UPDATE
    SET state = EXCLUDED.state, changed_at = EXCLUDED.changed_at, details = EXCLUDED.details
    WHERE f.state <> EXCLUDED.state$$) AS theirs \gset
INSERT INTO bench.result (what, compared_with, measured, compared, unit, reach)
VALUES ('ingest() of ' || :new || ' new rows',
        'INSERT ... SELECT ... ON CONFLICT of the same rows into a like table',
        :ours, :theirs, 's', 'at most 0.8');
DROP TABLE bench.rows, bench.finding;
VACUUM ANALYZE;

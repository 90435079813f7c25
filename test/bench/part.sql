/*
 * Deliveries of 100,000 rows, which cost the same however many findings there are:
 * rows that say what is stored, and rows of new assets.
 */
\echo 'a part'
SELECT bench.deliver(100000, 10000, 0, now() - interval '1 hour') \g /dev/null
SELECT bench.seconds_of('SELECT * FROM posture.ingest()') AS known \gset
VACUUM ANALYZE;
SELECT bench.deliver(100000, 10000, 100 * :assets, now() - interval '1 hour') \g /dev/null
SELECT bench.seconds_of('SELECT * FROM posture.ingest()') AS added \gset
VACUUM ANALYZE;
INSERT INTO bench.result (what, compared_with, measured, unit, reach)
VALUES ('ingest() of 100000 rows that change nothing', '', :known, 's', ''),
    ('ingest() of 100000 rows of new assets', '', :added, 's', '');

/* Deliveries through the inbox: a first, and the same again. */
\echo 'deliveries'
SELECT bench.deliver(:findings, :assets, 0, now() - interval '2 days') \g /dev/null
SELECT bench.seconds_of('SELECT * FROM posture.ingest()') AS first \gset
VACUUM ANALYZE;
SELECT bench.deliver(:findings, :assets, 0, now() - interval '1 day') \g /dev/null
SELECT bench.seconds_of('SELECT * FROM posture.ingest()') AS second \gset
VACUUM ANALYZE;
INSERT INTO bench.result (what, compared_with, measured, compared, unit, reach)
VALUES ('a second, identical delivery of ' || :findings || ' findings', 'the first',
        :second, :first, 's', 'at most 0.5');

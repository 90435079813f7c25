/* Deliveries through the inbox: a first, and the same again a day later. */
\echo 'deliveries'
SELECT bench.deliver(:findings, :assets, 0, now() - interval '2 days') \g /dev/null
SELECT bench.seconds_of('SELECT * FROM posture.ingest()') AS first \gset
VACUUM ANALYZE;
SELECT bench.deliver(:findings, :assets, 0, now() - interval '1 day') \g /dev/null
-- what COPY of the same rows into a table without index takes
CREATE TABLE bench.bare (LIKE posture.inbox);
COPY posture.inbox TO :'rows' WITH (FORMAT binary);
SELECT bench.seconds_of(format('COPY bench.bare FROM %L WITH (FORMAT binary)', :'rows')) AS copy \gset
DROP TABLE bench.bare;
SELECT bench.seconds_of('SELECT * FROM posture.ingest()') AS second \gset
VACUUM ANALYZE;
SELECT bench.deliver(:findings, :assets, 0, now() - interval '1 day') \g /dev/null
SELECT bench.seconds_of('SELECT * FROM posture.ingest()') AS third \gset
VACUUM ANALYZE;
INSERT INTO bench.result (what, compared_with, measured, compared, unit, reach)
VALUES ('a first delivery of ' || :findings || ' findings', 'COPY of the same rows', :first, :copy, 's', ''),
    ('a second, identical delivery, a day later', 'COPY of the same rows', :second, :copy, 's', 'at most 3'),
    ('a third, on the same day', 'COPY of the same rows', :third, :copy, 's', 'at most 3');

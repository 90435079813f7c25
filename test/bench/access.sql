/* Access: what readers and owners read, with row security on and 20 owners granted. */
\echo 'access'
CREATE ROLE bench_reader;
SELECT posture.grant_access('bench_reader', 'reader') \g /dev/null
SELECT format('CREATE ROLE bench_owner_%s', n) FROM generate_series(1, 20) n \gexec
SELECT count(posture.grant_access(format('bench_owner_%s', n), 'owner'))
FROM generate_series(1, 20) n \g /dev/null
UPDATE posture.initiative SET owner = format('bench_owner_%s', 1 + initiative_id % 20);
UPDATE posture.asset_group SET owner = format('bench_owner_%s', 1 + asset_group_id % 20);
SELECT posture.fold() \g /dev/null
VACUUM ANALYZE posture.initiative, posture.asset_group;
SELECT owner AS an_owner FROM posture.initiative ORDER BY initiative_id LIMIT 1 \gset

\set overview 'SELECT o FROM posture.overview o'
\set as_reader 'SET LOCAL ROLE bench_reader; ' :overview '; RESET ROLE'
\set as_owner 'SET LOCAL ROLE ' :an_owner '; ' :overview '; RESET ROLE'
CALL bench.pair('overview, read by a reader with 20 owners granted', :'as_reader',
    'by a superuser', :'overview', 'below 0.01 s', 20);
CALL bench.pair('overview, read by an owner', :'as_owner', 'by a superuser', :'overview', '', 20);
\set one 'SELECT * FROM posture.finding_report WHERE asset = ''a777'''
\set as_reader 'SET LOCAL ROLE bench_reader; ' :one '; RESET ROLE'
\set as_owner 'SET LOCAL ROLE ' :an_owner '; ' :one '; RESET ROLE'
CALL bench.pair('finding_report of one asset, read by a reader', :'as_reader',
    'by a superuser', :'one', 'at most 1.1', 20);
CALL bench.pair('finding_report of one asset, read by an owner', :'as_owner',
    'by a superuser', :'one', '', 10);

-- The state of posture itself: each item, when it is ok and when it is not.
-- tests: admin/status, finding/ingest
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
CREATE VIEW state AS SELECT item, state, value, message, hint FROM posture.status();

SELECT item, state FROM state WHERE item NOT LIKE 'size%';
SELECT item, state, value > 0 AS is_positive, message = pg_size_pretty(value) AS is_pretty
FROM state WHERE item LIKE 'size%' ORDER BY item;
SELECT sum(value) = (SELECT sum(pg_total_relation_size(oid)) FROM pg_class
                     WHERE relnamespace IN ('posture'::regnamespace,
                                            'posture_internal'::regnamespace) AND relkind = 'r') AS all_of_it
FROM state WHERE item LIKE 'size%';

-- a source that was heard of lately, one that was not, one that never was, one
-- that has no stale_after, one that is switched off
\set ECHO none
SET client_min_messages = warning;
INSERT INTO posture.source (key, name, stale_after, is_active) VALUES
    ('fresh', 'F', '2 days', true), ('quiet', 'Q', '2 days', true), ('new', 'N', '2 days', true),
    ('calm', 'C', NULL, true), ('off', 'O', '2 days', false);
INSERT INTO posture.inbox VALUES
    ('fresh', 'r1', 'a1', 'compliant', posture.day_end(posture.today() - 1) - interval '1 hour'),
    ('quiet', 'r1', 'a1', 'compliant', posture.day_end(posture.today() - 5) - interval '1 hour'),
    ('calm', 'r1', 'a1', 'compliant', posture.day_end(posture.today() - 5) - interval '2 hours'),
    ('off', 'r1', 'a1', 'compliant', posture.day_end(posture.today() - 5) - interval '2 hours'),
    ('fresh', 'r1', 'a2', 'so-so', now()), ('fresh', 'r2', 'a2', 'so-so', now()),
    ('fresh', 'r3', 'a2', NULL, now());
\set ECHO all
SELECT item, state, value, message, hint FROM state WHERE item = 'inbox';
SELECT loaded, rejected FROM posture.ingest();
SELECT item, state, value, message, hint FROM state
WHERE item IN ('inbox', 'rejected', 'deltas', 'last fold');
SELECT state, value, replace(message, to_char(posture.today() - 5, 'YYYY-MM-DD'),
                             'five days ago') AS message, hint FROM state WHERE item = 'silent sources';
SELECT key, posture.today() - posture.day_of(last_seen) AS days FROM posture.source ORDER BY key;

-- the same again moves nothing on the same day; points count as being heard of
SELECT xmin AS before FROM posture.source WHERE key = 'fresh' \gset
INSERT INTO posture.inbox VALUES ('fresh', 'r1', 'a1', 'compliant',
                                  posture.day_end(posture.today() - 1) - interval '1 minute');
SELECT loaded, changed FROM posture.ingest();
SELECT xmin = :'before' AS is_untouched FROM posture.source WHERE key = 'fresh';
SELECT changed FROM posture.load('posture', jsonb_build_array(
    '{"type": "recommendation", "source": "quiet", "key": "p1", "title": "Points"}',
    jsonb_build_object('type', 'measure', 'source', 'quiet', 'recommendation', 'p1', 'achieved', 1,
                       'possible', 2)));
SELECT state, value, message FROM state WHERE item = 'silent sources';
DELETE FROM posture.rejected;
SELECT state, value FROM state WHERE item = 'rejected';

-- days
SELECT item, state, value,
       replace(replace(message, to_char(posture.today() - 5, 'YYYY-MM-DD'), 'five days ago'),
               to_char(posture.today() - 1, 'YYYY-MM-DD'), 'yesterday') AS message, hint
FROM state WHERE item IN ('days missing', 'last snapshot', 'last run', 'job');
CALL posture.run_daily();
RESET client_min_messages;
SELECT item, state, value IS NOT NULL AS has_value, left(message, 6) AS message, hint FROM state
WHERE item IN ('days missing', 'last snapshot', 'last run', 'job', 'last fold', 'deltas');
INSERT INTO posture.run (day, started_at, finished_at, outcome, message)
VALUES (posture.today() - 1, now(), now(), 'failed', 'out of luck');
SELECT state, right(message, 13) AS message, hint FROM state WHERE item = 'last run';
UPDATE posture_internal.counted_slice SET counted_at = now() - interval '27 hours';
SELECT state, hint FROM state WHERE item = 'deltas';
UPDATE posture.finding SET state = 'non_compliant' WHERE state = 'compliant';
-- the job ran lately: it was a quiet day
SELECT state, hint FROM state WHERE item = 'deltas';
UPDATE posture.run SET finished_at = now() - interval '27 hours';
SELECT state, hint FROM state WHERE item = 'deltas';
SELECT FROM posture.fold();
SELECT state, value, hint FROM state WHERE item = 'deltas';

-- what verify() found is kept, unless it may not be written
SELECT item, state, value, message, hint FROM state WHERE item = 'verify';
SELECT * FROM posture.verify();
SELECT state, value, left(message, 13) AS message, hint FROM state WHERE item = 'verify';
DELETE FROM posture_internal.finding_set;
SELECT count(*) FROM posture.verify();
SELECT state, value,
       message ~ ('^4 differences at .*, the first: '
                  'the assessed set differs in 1 asset, the exposed set in 1$') AS message,
       hint
FROM state WHERE item = 'verify';
BEGIN READ ONLY;
SELECT count(*) FROM posture.verify();
COMMIT;
SELECT verification_id, differences FROM posture_internal.verification ORDER BY 1;
SELECT sets, repaired FROM posture.rebuild();
SELECT * FROM posture.verify();
SELECT state, value, hint FROM state WHERE item = 'verify';
UPDATE posture_internal.verification SET verified_at = now() - interval '40000 days'
WHERE verification_id = 1;
SELECT posture_internal.purge();
SELECT count(*) FROM posture_internal.verification;

-- as after a restore
DELETE FROM posture_internal.counted_slice;
SELECT state, message, hint FROM state WHERE item = 'sets';
SELECT sets FROM posture.rebuild();
SELECT state, message, hint FROM state WHERE item = 'sets';

-- and where all history is past retention
DELETE FROM posture_internal.counted_slice;
DELETE FROM posture_internal.finding_history;
SELECT state, message, hint FROM state WHERE item = 'sets';
SELECT sets FROM posture.rebuild();
SELECT state FROM state WHERE item = 'sets';

-- a role other than the owner that may create objects in a schema of posture
SELECT state, value, message, hint FROM state WHERE item = 'schemas';
\set ECHO none
CREATE ROLE "regress_posture creator";
CREATE ROLE regress_posture_grantee;
GRANT CREATE ON SCHEMA posture TO "regress_posture creator" WITH GRANT OPTION;
SET ROLE "regress_posture creator";
GRANT CREATE ON SCHEMA posture TO regress_posture_grantee;
RESET ROLE;
GRANT CREATE ON SCHEMA posture_internal TO PUBLIC;
\set ECHO all
\x on
SELECT state, value, message, hint FROM state WHERE item = 'schemas';
\x off
SELECT hint FROM state WHERE item = 'schemas' \gexec
SELECT state, value, hint FROM state WHERE item = 'schemas';
DROP ROLE regress_posture_grantee;
DROP ROLE "regress_posture creator";

-- a reader does not see deliveries, and so not how many there are
CREATE ROLE regress_posture_reader;
SELECT posture.grant_access('regress_posture_reader', 'reader');
SET ROLE regress_posture_reader;
SELECT item FROM posture.status() WHERE item NOT LIKE 'size%';
SELECT count(*) FROM posture.verify();
RESET ROLE;
SELECT count(*) FROM posture_internal.verification;
SELECT posture.revoke_access('regress_posture_reader');
DROP ROLE regress_posture_reader;
-- the clock of the zone that is named, also where there is an abbreviation of that name
-- (Debian 13 has left it out)
SELECT set_config('posture.timezone', coalesce((SELECT n.name FROM pg_timezone_names n WHERE n.name = 'CET'),
                                               'Europe/Berlin'), false) <> '' AS zone;
SELECT posture_internal.minute_of('2026-07-01 00:30+02'), posture_internal.minute_of('2026-01-01 00:30+01'),
       posture_internal.minute_of('infinity'), posture_internal.minute_of(NULL);
DROP VIEW state;
DROP EXTENSION posture;

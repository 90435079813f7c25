-- The daily job: run_daily() does what is due, oldest first, once.
-- tests: day/retention, admin/schedule, posture.c
-- tests: day/day_close
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\i :include/noon.sql

-- nothing is known, nothing is due
CALL run_daily();
SELECT count(*) FROM run;
SELECT count(*) FROM snapshot;

\set ECHO none
INSERT INTO source (key, name) VALUES ('s', 'Source');
INSERT INTO asset (key, name) SELECT 'a' || n, 'A' || n FROM generate_series(1, 4) n;
INSERT INTO recommendation (source_id, key, title) VALUES (1, 'r', 'R'), (1, 'q', 'Q');
INSERT INTO metric (key, name) VALUES ('m', 'M');
INSERT INTO metric_recommendation VALUES (1, 1), (1, 2);
INSERT INTO initiative (key, name) VALUES ('i', 'I');
INSERT INTO initiative_metric VALUES (1, 1, NULL);
-- four days ago all were fine, then one a day failed; the last of them today
INSERT INTO finding SELECT 1, n, 'compliant', day_end(today() - 5) + interval '1 hour' FROM generate_series(1, 4) n;
INSERT INTO finding
SELECT 2, n, 'non_compliant', day_end(today() - 5 + n) + interval '1 hour' FROM generate_series(1, 4) n;

-- the days that were missed, oldest first; a run that is late says what it misses
CREATE VIEW pg_temp.runs AS
SELECT today() - day AS ago, outcome, regexp_replace(regexp_replace(message, '[0-9]{2,4}-[0-9]{2}-[0-9]{2,4}', 'DAY'),
                                                     'late, .* after',
                                                     'late, LONG after') AS message,
       counts - 'purged' AS counts, finished_at >= started_at AS in_order
FROM run ORDER BY run_id;
CALL run_daily();
\set ECHO all
TABLE pg_temp.runs;
SELECT today() - day AS ago, exposed, assessed, score FROM metric_snapshot ORDER BY day;
SELECT today() - day AS ago, kind, object, "drop" FROM event_report ORDER BY day, event_id;
-- again: a no-op
CALL run_daily();
SELECT count(*) FROM run;

-- a day in between is missing
\set ECHO none
DELETE FROM snapshot WHERE day IN (today() - 3, today() - 1);
TRUNCATE run;
\set ECHO all
SELECT today() - due_day() AS due;
CALL run_daily();
SELECT ago, outcome, counts FROM pg_temp.runs;
-- it makes no event twice
SELECT kind, count(*) FROM event GROUP BY kind ORDER BY kind;
-- taken too early, when the day had not ended: taken again
UPDATE snapshot SET taken_at = day_end(day) - interval '1 second' WHERE day = today() - 1;
UPDATE metric_snapshot SET score = 1 WHERE day = today() - 1;
CALL run_daily();
SELECT score FROM metric_snapshot WHERE day = today() - 1;

-- in time: no message. Late with nothing missed: only that it is late.
SELECT late_message(today()) IS NULL AS today,
       regexp_replace(regexp_replace(late_message(today() - 1), '[0-9]{2,4}-[0-9]{2}-[0-9]{2,4}', 'DAY'),
                      'late, .* after', 'late, LONG after') AS yesterday;
BEGIN;
UPDATE finding SET changed_at = day_end(today() - 5);
SELECT late_message(today()) IS NULL AS today,
       regexp_replace(regexp_replace(late_message(today() - 1), '[0-9]{2,4}-[0-9]{2}-[0-9]{2,4}', 'DAY'),
                      'late, .* after', 'late, LONG after') AS yesterday;
\set ECHO none
ROLLBACK;

-- A day that fails leaves a row in run, raises, and nothing half done; the next run tries again.
DELETE FROM snapshot WHERE day >= today() - 2;
TRUNCATE run;
CREATE FUNCTION public.refuse() RETURNS trigger
    LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not that day'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON initiative_snapshot
    FOR EACH ROW EXECUTE FUNCTION public.refuse();
\set ECHO all
\set VERBOSITY sqlstate
CALL run_daily();
CALL run_daily();
\set VERBOSITY default
SELECT ago, outcome, message, counts FROM pg_temp.runs;
SELECT (SELECT count(*) FROM snapshot WHERE day >= today() - 2) AS snapshots,
       (SELECT count(*) FROM metric_snapshot WHERE day >= today() - 2) AS metrics,
       (SELECT count(*) FROM recommendation_snapshot WHERE day >= today() - 2) AS recommendations;
DROP TRIGGER refuse ON initiative_snapshot;
DROP FUNCTION public.refuse();
CALL run_daily();
SELECT ago, outcome FROM pg_temp.runs;
SELECT today() - day AS ago, score FROM metric_snapshot ORDER BY day;

-- What is past retention is purged when a day is done, to the day.
\set ECHO none
INSERT INTO metric_snapshot (day, metric_id, exposed, assessed, score, importance, key)
SELECT today() - n, 1, 0, 1, 100, 'high', 'm' FROM generate_series(8, 14) n;
INSERT INTO initiative_snapshot (day, initiative_id, score, method, key)
SELECT today() - n, 1, 100, 'weighted', 'i' FROM generate_series(8, 14) n;
INSERT INTO initiative_metric_snapshot SELECT today() - n, 1, 1, 5 FROM generate_series(8, 14) n;
INSERT INTO recommendation_snapshot
SELECT today() - n, 1, 0, 1, NULL, NULL FROM generate_series(8, 14) n;
INSERT INTO snapshot SELECT today() - n, now() FROM generate_series(8, 14) n;
INSERT INTO event (kind, day, metric_id, status)
SELECT 'metric_score_drop', today() - n, 1, 'open' FROM generate_series(8, 14) n;
INSERT INTO event_cause (event_id, reason) SELECT event_id, 'effect' FROM event;
INSERT INTO rejected (source, reason, rejected_at)
SELECT 'x', 'test', day_end(today() - n) - interval '12 hours' FROM generate_series(8, 14) n;
INSERT INTO run (day, started_at, finished_at, outcome)
SELECT today() - n, now(), now(), 'ok' FROM generate_series(8, 14) n;
SET posture.retention_days = 10;
-- days 5 to 7 are due, too, and hold nothing yet
CALL run_daily();
\set ECHO all
SELECT 'snapshot' AS of, today() - min(day) AS oldest FROM snapshot
UNION ALL SELECT 'metric_snapshot', today() - min(day) FROM metric_snapshot
UNION ALL SELECT 'initiative_snapshot', today() - min(day) FROM initiative_snapshot
UNION ALL SELECT 'initiative_metric_snapshot', today() - min(day) FROM initiative_metric_snapshot
UNION ALL SELECT 'recommendation_snapshot', today() - min(day) FROM recommendation_snapshot
UNION ALL SELECT 'event', today() - min(day) FROM event UNION ALL SELECT 'run', today() - min(day) FROM run
UNION ALL SELECT 'rejected', today() - min(day_of(rejected_at)) FROM rejected
UNION ALL SELECT 'event_cause', today() - min(e.day) FROM event_cause JOIN event e USING (event_id);
SELECT today() - day AS ago, outcome, counts ->> 'purged' AS purged FROM run
WHERE counts IS NOT NULL ORDER BY run_id DESC LIMIT 3;
-- nothing older is due
SELECT due_day() IS NULL AS none;
SET posture.retention_days = 9;
SELECT purge();
SELECT purge();
\set VERBOSITY sqlstate
SET posture.retention_days = 0;
\set VERBOSITY default

-- It commits, so it can't run inside a transaction.
BEGIN;
\set VERBOSITY sqlstate
CALL run_daily();
\set VERBOSITY default
\set ECHO none
ROLLBACK;

-- schedule() needs pg_cron in this database: whether the server has it loaded
-- for another database or not at all, it refuses and says what to do.
CREATE FUNCTION pg_temp.refusal(statement text, OUT state text, OUT has_message boolean,
                                OUT has_hint boolean) LANGUAGE plpgsql AS $$
DECLARE
    message text;
    hint text;
BEGIN
    EXECUTE statement;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
        hint = PG_EXCEPTION_HINT;
    has_message := message LIKE '%pg_cron%';
    has_hint := hint ~ 'run_daily|CREATE EXTENSION|cron\.';
END $$;
\set ECHO all
SELECT * FROM pg_temp.refusal('SELECT posture.schedule()');
SELECT * FROM pg_temp.refusal('SELECT posture.schedule(''0 3 * * *'')');
SELECT * FROM pg_temp.refusal('SELECT posture.unschedule()');

DISCARD TEMP;
DROP EXTENSION posture;

-- Events: reopened, in cooldown, and the summary of a day. Measures of 100 points give a metric
-- any score.
-- tests: day/event, day/event_end, day/notification
-- tests: day/day_summary, report/phrase
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql

\set ECHO none
SET client_min_messages = warning;
INSERT INTO source (key, name) VALUES ('s', 'Source');
INSERT INTO recommendation (source_id, key, title)
SELECT 1, 'r' || n, 'R' || n FROM generate_series(1, 4) n;
INSERT INTO metric (key, name) SELECT 'm' || n, 'Metric ' || n FROM generate_series(1, 4) n;
INSERT INTO metric_recommendation SELECT n, n FROM generate_series(1, 4) n;
INSERT INTO measure SELECT n, 80, 100, '2024-03-01 10:00' FROM generate_series(1, 4) n;
INSERT INTO initiative (key, name) VALUES ('i1', 'First'), ('i2', 'Second');
INSERT INTO initiative_metric VALUES (1, 1), (1, 2), (2, 3), (2, 4);
-- the scores of m1, m2, ... on a day, and the day's snapshot
CREATE FUNCTION pg_temp.day(on_day date, VARIADIC scores numeric[], OUT events bigint,
                            OUT recovered bigint) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE measure SET achieved = scores[recommendation_id],
        observed_at = on_day + interval '10 hours'
    WHERE recommendation_id <= array_length(scores, 1);
    SELECT t.events, t.recovered INTO events, recovered FROM take_snapshot(on_day) t;
END $$;
CREATE VIEW pg_temp.e AS
SELECT e.day, coalesce(m.key, i.key) AS of, e.drop, e.status,
       e.acknowledged_by = session_user AS acknowledged, e.reopened_by = session_user AS reopened,
       e.reopened_at > e.acknowledged_at AS since, e.note, e.recovered_on, e.in_cooldown
FROM event e LEFT JOIN metric m USING (metric_id) LEFT JOIN initiative i USING (initiative_id)
WHERE e.kind <> 'new_initiative'
ORDER BY e.day, m.key, i.key;
\set ECHO all
SELECT * FROM pg_temp.day('2024-03-01', 80, 80, 80, 80);

-- opened again: from acknowledged and from recovered, not from open; no such event
BEGIN;
SELECT * FROM pg_temp.day('2024-03-02', 70, 80, 80, 80);
SELECT event_id AS id FROM event WHERE metric_id = 1 \gset
SAVEPOINT s;
SELECT reopen(:id);
ROLLBACK TO s;
SELECT reopen(0);
ROLLBACK TO s;
SELECT reopen(NULL);
ROLLBACK TO s;
SELECT acknowledge(:id, 'on it');
SELECT reopen(:id);
SELECT * FROM pg_temp.e WHERE of = 'm1';
SELECT acknowledge(event_id => :id);
SELECT * FROM pg_temp.e WHERE of = 'm1';
-- taken again, the day leaves that
SELECT * FROM take_snapshot('2024-03-02');
SELECT * FROM pg_temp.e WHERE of = 'm1';
SELECT reopen(event_id => :id, note => 'not yet');
-- it recovers, is opened again, and only a later day closes it again: not the same, nor an
-- earlier one, on which the event of i1 recovers
SELECT * FROM pg_temp.day('2024-03-04', 80, 80, 80, 80);
SELECT * FROM pg_temp.e WHERE of = 'm1';
SELECT reopen(:id, 'by chance');
SELECT recovered FROM take_snapshot('2024-03-04');
SELECT recovered FROM take_snapshot('2024-03-02');
SELECT recovered FROM take_snapshot('2024-03-03');
SELECT * FROM pg_temp.e WHERE of = 'm1';
SELECT status, recovered_on, reopened_by = session_user AS by_me, in_cooldown FROM event_report
WHERE event_id = :id;
SELECT open_events FROM overview;
SELECT recovered FROM pg_temp.day('2024-03-05', 79, 80, 80, 80);
SELECT * FROM pg_temp.day('2024-03-06', 80, 80, 80, 80);
SELECT * FROM pg_temp.e WHERE of = 'm1';
-- a new initiative can be taken in hand and opened again, and never recovers
SELECT event_id AS id FROM event WHERE kind = 'new_initiative' AND initiative_id = 2 \gset
SELECT acknowledge(:id), reopen(:id);
SELECT * FROM pg_temp.day('2024-03-07', 80, 80, 90, 90);
SELECT status, reopened_by = session_user AS by_me, recovered_on FROM event WHERE event_id = :id;
ROLLBACK;

-- Changes of posture let it recover. What else brings the score back, or ends the measuring,
-- supersedes it.
\set ECHO none
CREATE FUNCTION pg_temp.after(change text, score numeric) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE change;
    PERFORM pg_temp.day('2024-03-03', score, 80, 80, 80);
    SELECT string_agg(coalesce(superseded_by, status), ', ' ORDER BY object)
    INTO result
    FROM event_report WHERE (kind <> 'new_initiative' OR object = 'i0')
        AND coalesce(recovered_on, superseded_on, '2024-03-03') = '2024-03-03';
    RAISE EXCEPTION USING MESSAGE = result;
EXCEPTION WHEN raise_exception THEN
    RETURN SQLERRM;
END $$;
BEGIN;
SELECT FROM pg_temp.day('2024-03-02', 40, 80, 80, 80);
CREATE TEMP TABLE outcome AS
SELECT what, pg_temp.after(change, score) AS i1_m1 FROM (VALUES
    ('fixed', 'SELECT', 80),
    ('in part, i0 new', 'INSERT INTO initiative (key, name) VALUES (''i0'', ''Empty'')', 60),
    ('fixed, weight', 'UPDATE initiative_metric SET weight = metric_id WHERE initiative_id = 1', 80),
    ('in part, weight', 'UPDATE initiative_metric SET weight = 0 WHERE metric_id = 1', 60),
    ('deactivated', 'UPDATE metric SET is_active = false WHERE key = ''m1''', 40),
    ('deleted', 'DELETE FROM metric WHERE key = ''m1''', 40),
    ('out of i1', 'DELETE FROM initiative_metric WHERE metric_id = 1', 40),
    ('exempt', 'INSERT INTO exemption (recommendation_id, kind, reason, approved_by, created_at)
                VALUES (1, ''mitigated'', ''r'', ''a'', ''2024-03-03'')', 40),
    ('other step', 'INSERT INTO metric_recommendation VALUES (1, 2);
                    DELETE FROM metric_recommendation WHERE recommendation_id = 1', 40),
    ('no step', 'DELETE FROM metric_recommendation WHERE metric_id = 1', 40),
    ('switched off', 'UPDATE recommendation SET is_active = false WHERE key = ''r1''', 40),
    ('no data', 'DELETE FROM measure', 40),
    ('i1 deactivated', 'UPDATE initiative SET is_active = false WHERE key = ''i1''', 40),
    ('i1 empty', 'DELETE FROM initiative_metric WHERE initiative_id = 1', 40)) t(what, change, score);
\set ECHO all
TABLE outcome;
-- the same on the day of the drop, whose snapshot is taken again
\set ECHO none
ROLLBACK;
BEGIN;
CREATE FUNCTION pg_temp.on_own_day(change text, score numeric) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE change;
    PERFORM pg_temp.day(today(), score, 80, 80, 80);
    SELECT string_agg(coalesce(superseded_by, status), ', ' ORDER BY object) INTO result
    FROM event_report WHERE kind <> 'new_initiative' AND day = today();
    RAISE EXCEPTION USING MESSAGE = result;
EXCEPTION WHEN raise_exception THEN
    RETURN SQLERRM;
END $$;
SELECT FROM pg_temp.day(today() - 1, 80, 80, 80, 80);
SELECT FROM pg_temp.day(today(), 40, 80, 80, 80);
CREATE TEMP TABLE outcome AS
SELECT what, pg_temp.on_own_day(change, score) AS i1_m1 FROM (VALUES
    ('fixed', 'SELECT', 80), ('in part', 'SELECT', 60),
    ('deactivated', 'UPDATE metric SET is_active = false WHERE key = ''m1''', 40),
    ('deleted', 'DELETE FROM metric WHERE key = ''m1''', 40),
    ('out of i1', 'DELETE FROM initiative_metric WHERE metric_id = 1', 40),
    ('other step', 'INSERT INTO metric_recommendation VALUES (1, 2);
                    DELETE FROM metric_recommendation WHERE recommendation_id = 1', 40),
    ('switched off', 'UPDATE recommendation SET is_active = false WHERE key = ''r1''', 40),
    ('exempt', 'INSERT INTO exemption (recommendation_id, kind, reason, approved_by)
                VALUES (1, ''mitigated'', ''r'', ''a'')', 40)) t(what, change, score);
\set ECHO all
TABLE outcome;
ROLLBACK;
BEGIN;
-- opened again, a later day ends it again
\set ECHO none
SELECT FROM pg_temp.day('2024-03-02', 40, 80, 80, 80);
UPDATE metric SET is_active = false WHERE key = 'm1';
DO $$ BEGIN
    PERFORM pg_temp.day('2024-03-03', 40, 80, 80, 80);
    PERFORM reopen(event_id) FROM event WHERE metric_id = 1;
    PERFORM take_snapshot('2024-03-03');
    CREATE TEMP TABLE again AS SELECT status FROM event WHERE metric_id = 1;
    PERFORM pg_temp.day('2024-03-04', 40, 80, 80, 80);
END $$;
\set ECHO all
SELECT a.status, e.status AS later, d.day, d.superseded, d.summary
FROM again a, event e, day_report d WHERE d.superseded > 0 AND e.metric_id = 1 ORDER BY d.day;
ROLLBACK;

-- Quiet: for so many days after a drop that was notified.
BEGIN;
UPDATE metric SET cooldown_days = 2 WHERE key = 'm1';
UPDATE metric SET cooldown_days = 0 WHERE key = 'm2';
UPDATE initiative SET cooldown_days = 1 WHERE key = 'i1';
SELECT * FROM pg_temp.day('2024-03-02', 75, 75, 75, 80);
SELECT * FROM pg_temp.day('2024-03-03', 70, 70, 70, 80);
-- worse than before stays quiet
SELECT * FROM pg_temp.day('2024-03-04', 10, 60, 60, 80);
-- the period counts from the last that was notified
SELECT * FROM pg_temp.day('2024-03-05', 5, 50, 50, 80);
SELECT * FROM pg_temp.day('2024-03-06', 1, 45, 40, 80);
SELECT day, of, "drop", in_cooldown FROM pg_temp.e ORDER BY of, day;
-- taken again, or with another period, a day stays as it was
UPDATE metric SET cooldown_days = 100;
SELECT events FROM take_snapshot('2024-03-05');
SELECT sum(in_cooldown::integer) AS in_cooldown, count(*) FROM pg_temp.e;
-- of another object nothing is quiet because of this one, and a new initiative never is
INSERT INTO initiative (key, name, cooldown_days) VALUES ('i3', 'Third', 100);
INSERT INTO initiative_metric SELECT initiative_id, 4 FROM initiative WHERE key = 'i3';
SELECT * FROM pg_temp.day('2024-03-07', 1, 45, 40, 60);
SELECT e.kind, coalesce(m.key, i.key) AS of, in_cooldown FROM event e
LEFT JOIN metric m USING (metric_id) LEFT JOIN initiative i USING (initiative_id)
WHERE day = '2024-03-07' ORDER BY 1, 2;
-- the first drop of what was new a moment ago is told
SELECT * FROM pg_temp.day('2024-03-08', 1, 45, 40, 50);
SELECT of, in_cooldown FROM pg_temp.e WHERE day = '2024-03-08';
-- a deleted metric has no period any more
DELETE FROM metric WHERE key = 'm3';
SELECT in_cooldown(day, kind, metric_id, NULL) FROM event
WHERE kind = 'metric_score_drop' AND metric_id = 3 AND day = '2024-03-06';
ROLLBACK;

-- Random scores and periods: what is quiet, against a walk through the days.
BEGIN;
SELECT setseed(0.58);
UPDATE metric SET cooldown_days = metric_id - 1;
UPDATE initiative SET cooldown_days = 3 * initiative_id;
SELECT count(*) AS days FROM (SELECT pg_temp.day('2024-03-01'::date + n,
                                                 20 + floor(random() * 60)::numeric,
                                                 20 + floor(random() * 60)::numeric,
                                                 20 + floor(random() * 60)::numeric,
                                                 20 + floor(random() * 60)::numeric)
                              FROM generate_series(1, 40) n) d;
WITH RECURSIVE period AS (
    SELECT e.kind, e.day, row(e.metric_id, e.initiative_id) AS of,
           coalesce(m.cooldown_days, i.cooldown_days) AS days, in_cooldown,
           row_number() OVER (PARTITION BY e.kind, e.metric_id, e.initiative_id ORDER BY e.day) AS n
    FROM event e LEFT JOIN metric m USING (metric_id) LEFT JOIN initiative i USING (initiative_id)
    WHERE e.kind <> 'new_initiative'
), walk AS (
    SELECT p.*, p.day AS told, false AS expected FROM period p WHERE n = 1
    UNION ALL
    SELECT p.*, CASE WHEN p.day <= w.told + w.days THEN w.told ELSE p.day END,
           p.day <= w.told + w.days
    FROM walk w JOIN period p ON p.kind = w.kind AND p.of = w.of AND p.n = w.n + 1
)
SELECT count(*) > 50 AS many, count(*) FILTER (WHERE in_cooldown) > 20 AS some_quiet,
       count(*) FILTER (WHERE in_cooldown <> expected) AS differ FROM walk;
-- and each day's summary against its events
WITH counted AS (
    SELECT d.day, count(*) FILTER (WHERE e.kind = 'metric_score_drop'
                                     AND e.day = d.day) AS metric_drops,
           count(*) FILTER (WHERE e.kind = 'initiative_score_drop' AND e.day = d.day) AS initiative_drops,
           count(*) FILTER (WHERE e.kind = 'new_initiative' AND e.day = d.day) AS new_initiatives,
           count(*) FILTER (WHERE e.recovered_on = d.day AND e.status = 'recovered') AS recovered,
           count(*) FILTER (WHERE e.in_cooldown AND e.day = d.day) AS in_cooldown,
           max(e.drop) FILTER (WHERE e.kind = 'initiative_score_drop' AND e.day = d.day) AS worst_drop
    FROM snapshot d LEFT JOIN event e ON true GROUP BY d.day
), reported AS (
    SELECT day, metric_drops, initiative_drops, new_initiatives, recovered, in_cooldown, worst_drop
    FROM day_report
)
SELECT (SELECT count(*) FROM reported) AS days,
       (SELECT sum(recovered) > 20 FROM reported) AS recovered,
       (SELECT count(*) FROM ((TABLE counted EXCEPT ALL TABLE reported)
                              UNION ALL (TABLE reported EXCEPT ALL TABLE counted)) x) AS differ;
ROLLBACK;

-- The summary of a day, by hand.
UPDATE metric SET cooldown_days = 5 WHERE key = 'm4';
SELECT FROM pg_temp.day('2024-03-02', 70, 80, 79, 77);
SELECT FROM pg_temp.day('2024-03-03', 80, 80, 79, 60);
SELECT FROM pg_temp.day('2024-03-04', 80, 80, 79, 60);
SELECT FROM pg_temp.day('2024-03-05', 80, 77, 80, 80);
SELECT FROM pg_temp.day('2024-03-06', 50, 77, 60, 80);
SELECT * FROM day_report WHERE day > '2024-03-04' OR day = '2024-03-03' ORDER BY day \gx
SELECT day_message(day) FROM day_report WHERE day > '2024-03-04' ORDER BY day;
-- what was deleted since is called as it was called then
DELETE FROM initiative WHERE key = 'i1';
SELECT worst, worst_drop, summary FROM day_report WHERE day = '2024-03-06';
-- a key that JSON writes six times as long fits into a message, and so does that of an event
UPDATE initiative SET key = repeat(E'\x01', 1024), name = repeat('x', 100000) WHERE key = 'i2';
SELECT FROM pg_temp.day('2024-03-07', 50, 77, 30, 80);
SELECT octet_length(worst) AS key, octet_length(day_message(day)) BETWEEN 6144 AND 7000 AS fits,
       octet_length(summary) > 100000 AS summary FROM day_report WHERE day = '2024-03-07';
-- nothing to tell of a day without a snapshot
SELECT day_message('2024-01-01');

\i :include/noon.sql
\set ECHO none
CREATE FUNCTION pg_temp.now(score numeric, OUT events bigint, OUT recovered bigint, OUT status text,
                            OUT is_back boolean) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE measure SET achieved = score, observed_at = now() WHERE recommendation_id = 3;
    SELECT t.events, t.recovered INTO events, recovered FROM take_snapshot() t;
    SELECT e.status, e.recovered_on = today() INTO status, is_back FROM event e
    WHERE e.metric_id = 3 AND e.day = today();
END $$;
UPDATE measure SET achieved = 80, observed_at = '2024-06-01';
\set ECHO all
SELECT events FROM take_snapshot(today() - 1);
SELECT * FROM pg_temp.now(70);
SELECT event_id AS id FROM event WHERE metric_id = 3 AND day = today() \gset
-- it was acknowledged and opened again: back and down once more it is open
SELECT acknowledge(:id), reopen(:id);
SELECT * FROM pg_temp.now(80);
SELECT * FROM pg_temp.now(60);
-- acknowledged since, it is acknowledged
SELECT acknowledge(:id);
SELECT * FROM pg_temp.now(80);
SELECT * FROM pg_temp.now(60);
-- opened again after it was back, it stays open for the rest of the day
SELECT * FROM pg_temp.now(80);
SELECT reopen(:id);
SELECT * FROM pg_temp.now(80);
SELECT * FROM pg_temp.now(50);
SELECT * FROM pg_temp.now(85);
SELECT previous_score, score, drop FROM event WHERE event_id = :id;
-- tomorrow closes it: as if it had been back yesterday
UPDATE event SET recovered_on = today() - 1 WHERE event_id = :id;
SELECT * FROM pg_temp.now(80);
-- down again, and back by an exemption alone, which then ends
\set ECHO none
DO $$ BEGIN
    PERFORM pg_temp.now(40);
    INSERT INTO exemption (recommendation_id, kind, reason, approved_by, created_at)
    VALUES (3, 'mitigated', 'r', 'a', now() - interval '1 second');
    PERFORM take_snapshot();
END $$;
CREATE TEMP TABLE exempt AS SELECT status, superseded_by FROM event WHERE event_id = :id;
DELETE FROM exemption;
\set ECHO all
TABLE exempt;
SELECT * FROM pg_temp.now(40);

DISCARD TEMP;
DROP EXTENSION posture;

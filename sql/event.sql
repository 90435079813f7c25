-- Drops, their causes and their status. Measures of 100 points give a metric any score.
-- tests: day/event_table, report/event_report, day/attribution, day/notification, admin/setting
-- tests: day/drop_detection
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql

\set ECHO none
SET client_min_messages = warning;
INSERT INTO source (key, name) VALUES ('s', 'Source'), ('t', 'Other source');
INSERT INTO recommendation (source_id, key, title, max_points)
VALUES (1, 'r1', 'R1', 10), (1, 'r2', 'R2', 10), (2, 'r3', 'R3', 10), (1, 'r4', 'R4', 10);
INSERT INTO metric (key, name, importance)
VALUES ('m1', 'M1', 'critical'), ('m2', 'M2', 'medium'), ('m3', 'M3', 'low'), ('m4', 'M4', 'high');
INSERT INTO metric_recommendation SELECT n, n FROM generate_series(1, 4) n;
INSERT INTO measure SELECT n, 80, 100, '2024-03-01 10:00' FROM generate_series(1, 4) n;
INSERT INTO initiative (key, name, method)
VALUES ('w', 'Weighted', 'weighted'), ('p', 'Population', 'population'), ('q', 'Points', 'points'),
       ('r', 'Recommendations', 'weighted');
INSERT INTO initiative_metric
SELECT i, m, NULL FROM generate_series(1, 3) i, generate_series(1, 3) m;
INSERT INTO initiative_recommendation VALUES (4, 1), (4, 2);

-- the scores of m1, m2, ... on a day, and the day's snapshot
CREATE FUNCTION pg_temp.day(on_day date, VARIADIC scores numeric[], OUT events bigint,
                            OUT recovered bigint) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE measure SET achieved = possible * scores[recommendation_id] / 100,
        observed_at = on_day + interval '10 hours'
    WHERE recommendation_id <= array_length(scores, 1);
    SELECT t.events, t.recovered INTO events, recovered FROM take_snapshot(on_day) t;
END $$;
CREATE VIEW pg_temp.e AS
SELECT e.kind, e.day, e.previous_day, coalesce(m.key, i.key) AS of, e.previous_score AS previous,
       e.score, e.drop, e.weight, e.status, e.recovered_on
FROM event e LEFT JOIN metric m USING (metric_id) LEFT JOIN initiative i USING (initiative_id)
WHERE e.kind <> 'new_initiative'
ORDER BY e.day, e.kind, m.key, i.key;
-- what an initiative lost, by reason, and whether the parts sum to it
CREATE VIEW pg_temp.c AS
SELECT i.key AS of, e.drop, m.key AS metric, r.key AS rec, c.reason, c.points,
       sum(c.points) OVER (PARTITION BY c.event_id) = -e.drop AS exact
FROM event e JOIN event_cause c USING (event_id)
JOIN initiative i ON i.initiative_id = e.initiative_id
LEFT JOIN metric m ON m.metric_id = c.metric_id
LEFT JOIN recommendation r ON r.recommendation_id = c.recommendation_id
ORDER BY i.key, c.points, m.key, r.key;
-- what a metric's drop did to each initiative
CREATE VIEW pg_temp.effect AS
SELECT m.key AS of, e.drop, e.weight, i.key AS initiative, c.reason, c.points
FROM event e JOIN event_cause c USING (event_id) JOIN metric m ON m.metric_id = e.metric_id
JOIN initiative i ON i.initiative_id = c.initiative_id
ORDER BY m.key, i.key;
\set ECHO all

-- a new initiative is an event once
SELECT * FROM pg_temp.day('2024-03-01', 80, 80, 80, 80);
SELECT kind, object, previous_score, score, "drop", status, cause FROM event_report ORDER BY object;
SELECT * FROM pg_temp.day('2024-03-02', 80, 80, 80, 80);

-- Exactly the threshold, and one millionth less. m4 is in no initiative.
BEGIN;
SELECT * FROM pg_temp.day('2024-03-03', 78, 78.000001, 82, 10);
TABLE pg_temp.e;
ROLLBACK;
BEGIN;
SET LOCAL posture.drop_threshold = 1.999999;
SELECT * FROM pg_temp.day('2024-03-03', 78, 78.000001, 78.000002, 10);
SELECT of, "drop" FROM pg_temp.e WHERE kind = 'metric_score_drop';
ROLLBACK;
-- relative: 2 % of 80 are 1.6 points
BEGIN;
SET LOCAL posture.drop_basis = 'relative';
SELECT * FROM pg_temp.day('2024-03-03', 78.4, 78.400001, 80, 80);
SELECT of, previous, score, "drop" FROM pg_temp.e WHERE kind = 'metric_score_drop';
ROLLBACK;
-- a threshold of its own, of a metric and of an initiative
BEGIN;
UPDATE metric SET drop_threshold = 5 WHERE key IN ('m1', 'm2');
UPDATE initiative SET drop_threshold = 4.285714 WHERE key = 'w';
UPDATE initiative SET drop_threshold = 4.285715 WHERE key = 'p';
SELECT * FROM pg_temp.day('2024-03-03', 75, 75.000001, 78);
TABLE pg_temp.e;
ROLLBACK;
-- weight 0 raises none: by importance, or in each initiative
BEGIN;
UPDATE metric SET importance = 'risk_accepted' WHERE key = 'm1';
UPDATE initiative_metric SET weight = 0 WHERE metric_id = 2;
UPDATE initiative_metric SET weight = CASE initiative_id WHEN 2 THEN 0.5 ELSE 0 END
WHERE metric_id = 3;
SELECT * FROM pg_temp.day('2024-03-03', 10, 20, 30);
SELECT of, "drop", weight FROM pg_temp.e WHERE kind = 'metric_score_drop';
ROLLBACK;
-- the weight of the event is the greatest
BEGIN;
UPDATE initiative_metric SET weight = 33 WHERE initiative_id = 2 AND metric_id = 3;
SELECT * FROM pg_temp.day('2024-03-03', 80, 80, 30);
SELECT of, "drop", weight FROM pg_temp.e WHERE kind = 'metric_score_drop';
ROLLBACK;
-- from a score to NULL and from NULL to a score is no drop; it is a cause
BEGIN;
UPDATE source SET is_active = false WHERE key = 't';
SELECT * FROM pg_temp.day('2024-03-03', 80, 80, 80);
SELECT metric_id, score FROM metric_snapshot WHERE day = '2024-03-03' ORDER BY 1;
UPDATE source SET is_active = true WHERE key = 't';
SELECT * FROM pg_temp.day('2024-03-04', 80, 80, 0);
TABLE pg_temp.e;
TABLE pg_temp.c;
UPDATE source SET is_active = false;
SELECT * FROM pg_temp.day('2024-03-05', 0, 0, 0);
SELECT key, score FROM initiative_snapshot WHERE day = '2024-03-05' ORDER BY 1;
SELECT count(*) FROM pg_temp.e WHERE day = '2024-03-05';
ROLLBACK;

-- Causes, each kind alone; m2 at 20 so that composition matters.
BEGIN;
SELECT * FROM pg_temp.day('2024-03-03', 90, 20, 50, 5);
DELETE FROM event;
-- value
SAVEPOINT s;
SELECT * FROM pg_temp.day('2024-03-04', 70, 10, 60, 5);
TABLE pg_temp.e;
TABLE pg_temp.c;
TABLE pg_temp.effect;
SELECT metric, points, newly_exposed, message FROM event e JOIN initiative i USING (initiative_id)
CROSS JOIN explain(e.event_id) WHERE i.key = 'w';
SELECT cause FROM event_report WHERE object = 'w' AND "drop" > 0;
ROLLBACK TO s;
-- weight
UPDATE metric SET importance = 'critical' WHERE key = 'm2';
SELECT * FROM pg_temp.day('2024-03-04', 90, 20, 50, 5);
TABLE pg_temp.c;
ROLLBACK TO s;
-- weight and value at once; down to 0
UPDATE initiative_metric SET weight = 3 WHERE metric_id = 1;
UPDATE initiative_metric SET weight = 0 WHERE metric_id = 3;
SELECT * FROM pg_temp.day('2024-03-04', 80, 20, 30, 5);
TABLE pg_temp.c;
TABLE pg_temp.effect;
ROLLBACK TO s;
-- a metric comes
INSERT INTO initiative_metric SELECT i, 4, NULL FROM generate_series(1, 3) i;
SELECT * FROM pg_temp.day('2024-03-04', 90, 20, 50, 5);
TABLE pg_temp.e;
TABLE pg_temp.c;
ROLLBACK TO s;
-- a metric goes, one is switched off, one is deleted
DELETE FROM initiative_metric WHERE initiative_id = 1 AND metric_id = 1;
SELECT * FROM pg_temp.day('2024-03-04', 90, 20, 50, 5);
TABLE pg_temp.c;
ROLLBACK TO s;
UPDATE metric SET is_active = false WHERE key = 'm1';
SELECT * FROM pg_temp.day('2024-03-04', 90, 20, 50, 5);
TABLE pg_temp.c;
ROLLBACK TO s;
DELETE FROM metric WHERE key = 'm1';
SELECT * FROM pg_temp.day('2024-03-04', 90, 20, 50, 5);
TABLE pg_temp.c;
SELECT object, cause FROM event_report WHERE object = 'w';
ROLLBACK TO s;
-- a metric has no longer has data, and then has again
DELETE FROM metric_recommendation WHERE metric_id = 1;
SELECT * FROM pg_temp.day('2024-03-04', 90, 20, 50, 5);
TABLE pg_temp.c;
INSERT INTO metric_recommendation VALUES (1, 1);
DELETE FROM event;
SELECT * FROM pg_temp.day('2024-03-05', 0, 20, 50, 5);
TABLE pg_temp.c;
ROLLBACK TO s;
-- another method: by assets, of which m2 has ten times as many
UPDATE measure SET possible = 1000, achieved = 200 WHERE recommendation_id = 2;
SELECT * FROM pg_temp.day('2024-03-04', 90, 20, 50, 5);
UPDATE initiative SET method = 'population' WHERE key = 'w';
SELECT * FROM pg_temp.day('2024-03-05', 89, 20, 50, 5);
SELECT * FROM pg_temp.e WHERE of = 'w' AND day = '2024-03-05';
SELECT * FROM pg_temp.c WHERE of = 'w' AND "drop"
    = (SELECT "drop" FROM pg_temp.e WHERE of = 'w' AND day = '2024-03-05');
SELECT cause FROM event_report WHERE object = 'w' AND day = '2024-03-05';
ROLLBACK TO s;
-- an initiative without metrics: its recommendations
DELETE FROM initiative_recommendation WHERE recommendation_id = 1;
INSERT INTO initiative_recommendation VALUES (4, 4);
SELECT * FROM pg_temp.day('2024-03-04', 90, 19, 50, 5);
SELECT * FROM pg_temp.c WHERE of = 'r';
ROLLBACK TO s;
-- all that it had goes, something else comes
DELETE FROM initiative_metric WHERE initiative_id = 1;
INSERT INTO initiative_metric VALUES (1, 4);
SELECT * FROM pg_temp.day('2024-03-04', 90, 20, 50, 5);
SELECT * FROM pg_temp.c WHERE of = 'w';
ROLLBACK;

-- what rounding leaves goes to the largest remainders: three thirds
BEGIN;
UPDATE initiative_metric SET weight = 1;
SELECT events FROM pg_temp.day('2024-03-03', 80, 80, 80);
SELECT events FROM pg_temp.day('2024-03-04', 70, 70, 69.999999);
SELECT metric, "drop", points, exact FROM pg_temp.c WHERE of = 'w' ORDER BY metric;
SELECT metric_id, reason, round(exact, 10)
FROM initiative_change_part('2024-03-03', '2024-03-04', NULL) WHERE initiative_id = 1 ORDER BY 1;
ROLLBACK;

-- The day before is missing: the latest earlier one, and the event says which.
BEGIN;
SELECT * FROM pg_temp.day('2024-03-07', 50, 80, 80);
TABLE pg_temp.e;
ROLLBACK;

-- Recovered: when the score is back at its level before the drop.
SELECT * FROM pg_temp.day('2024-03-03', 70, 70, 80);
TABLE pg_temp.e;
SELECT acknowledge(event_id, 'on it') FROM event JOIN metric USING (metric_id) WHERE key = 'm1';
SELECT * FROM pg_temp.day('2024-03-04', 79.999999, 75, 80);
SELECT * FROM pg_temp.day('2024-03-05', 80, 79, 80);
TABLE pg_temp.e;
SELECT * FROM pg_temp.day('2024-03-06', 90, 82, 80);
TABLE pg_temp.e;
-- once recovered it stays so; the next fall is another event
SELECT * FROM pg_temp.day('2024-03-07', 60, 82, 80);
SELECT * FROM pg_temp.e WHERE of = 'm1';
-- a note is kept
SELECT m.key, e.status, e.acknowledged_by = session_user AS by_me,
       e.acknowledged_at IS NOT NULL AS at, e.note
FROM event e JOIN metric m USING (metric_id) ORDER BY e.event_id;

-- acknowledge(): who, when, a note that is kept if the next has none; no such event
SELECT max(event_id) AS last FROM event WHERE kind = 'metric_score_drop' \gset
SELECT acknowledge(:last);
SELECT status, acknowledged_by = session_user AS by_me, acknowledged_at <= now() AS at, note
FROM event WHERE event_id = :last;
SELECT acknowledge(:last, 'first');
SELECT acknowledge(:last);
SELECT status, note FROM event WHERE event_id = :last;
SELECT acknowledge(event_id => :last, note => 'second');
SELECT status, note FROM event WHERE event_id = :last;
SELECT acknowledge(0);

-- Running days again changes nothing and duplicates nothing.
CREATE TEMP TABLE events AS SELECT e.ctid AS place, e.xmin::text AS writer, e::text AS event
FROM event e;
CREATE TEMP TABLE causes AS TABLE event_cause;
SELECT take_snapshot('2024-03-07'), take_snapshot('2024-03-03'), take_snapshot('2024-03-05'),
       take_snapshot('2024-03-01');
SELECT (SELECT count(*) FROM events) AS events,
       (SELECT count(*) FROM (SELECT e.ctid, e.xmin::text, e::text FROM event e
                              EXCEPT ALL TABLE events) x) AS changed,
       (SELECT count(*) FROM causes) AS causes,
       (SELECT count(*) FROM (SELECT c::text FROM event_cause c EXCEPT ALL SELECT c::text
        FROM causes c) x) AS more,
       (SELECT count(*) FROM (SELECT c::text FROM causes c EXCEPT ALL SELECT c::text
        FROM event_cause c) x) AS less;

-- what is sent on channel posture_event
SELECT event_message(e)::jsonb - 'event_id' AS message FROM event e
WHERE e.day = '2024-03-07' OR (e.kind = 'new_initiative' AND e.initiative_id = 1)
ORDER BY e.event_id;
-- a key of 1024 bytes that JSON has to escape fits into a message
SELECT octet_length(jsonb_build_object('k', repeat(E'\x01', 1024))::text) < 7000 AS fits;

\i :include/noon.sql
\set ECHO none
CREATE FUNCTION pg_temp.now(VARIADIC scores numeric[], OUT events bigint, OUT recovered bigint)
    LANGUAGE plpgsql AS $$
BEGIN
    UPDATE measure SET achieved = scores[recommendation_id], observed_at = now()
    WHERE recommendation_id <= array_length(scores, 1);
    SELECT t.events, t.recovered INTO events, recovered FROM take_snapshot() t;
END $$;
CREATE VIEW pg_temp.today AS
SELECT e.kind, coalesce(m.key, i.key) AS of, e.previous_score AS previous, e.score, e.drop,
       e.status, e.note, e.recovered_on = today() AS recovered_today
FROM event e LEFT JOIN metric m USING (metric_id) LEFT JOIN initiative i USING (initiative_id)
WHERE e.day = today() ORDER BY e.kind, m.key, i.key;
UPDATE measure SET achieved = 80, observed_at = '2024-06-01';
\set ECHO all
SELECT events FROM take_snapshot(today() - 1);
SELECT * FROM pg_temp.now(70, 80, 80);
TABLE pg_temp.today;
-- worse: the same event says so
SELECT acknowledge(event_id, 'today') FROM event WHERE day = today() AND metric_id = 1;
SELECT * FROM pg_temp.now(60, 80, 80);
TABLE pg_temp.today;
-- better, but not a drop any more and not back: it stays
SELECT * FROM pg_temp.now(79, 80, 80);
TABLE pg_temp.today;
-- back: recovered; down again: open again, or acknowledged if it was
SELECT * FROM pg_temp.now(80, 80, 80);
TABLE pg_temp.today;
SELECT * FROM pg_temp.now(50, 80, 80);
TABLE pg_temp.today;
SELECT i.key, sum(c.points) = -e.drop AS exact, count(*) FROM event e
JOIN event_cause c USING (event_id) JOIN initiative i ON i.initiative_id = e.initiative_id
WHERE e.day = today() AND c.reason <> 'effect' GROUP BY i.key, e.drop ORDER BY 1;

DISCARD TEMP;
DROP EXTENSION posture;

-- The snapshot of a day: what it holds, when it is taken, and taken again.
-- tests: day/snapshot_table
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\set ECHO none
SET posture.timezone = 'Europe/Berlin';

INSERT INTO source (key, name) VALUES ('s', 'Source');
INSERT INTO asset (key, name, kind)
SELECT 'a' || n, 'Asset ' || n, 'host' FROM generate_series(1, 4) n;
INSERT INTO recommendation (source_id, key, title, max_points)
VALUES (1, 'r1', 'R1', 8), (1, 'r2', 'R2', NULL), (1, 'r3', 'R3', NULL);
INSERT INTO metric (key, name, importance)
VALUES ('m1', 'M1', 'high'), ('m2', 'M2', 'low'), ('m3', 'M3', 'low');
INSERT INTO metric_recommendation VALUES (1, 1), (1, 2), (2, 3);
INSERT INTO initiative (key, name, method)
VALUES ('i1', 'I1', 'weighted'), ('i2', 'I2', 'weighted'), ('i3', 'I3', 'population');
INSERT INTO initiative_metric VALUES (1, 1, NULL), (1, 2, 4), (3, 3, NULL);
INSERT INTO initiative_recommendation VALUES (2, 1), (2, 3);
\set ECHO all

-- an empty catalog of findings; a day that can't be
SELECT * FROM take_snapshot('2024-03-01');
SELECT day, metric_id, exposed, assessed, score FROM metric_snapshot ORDER BY 1, 2;
SELECT day, initiative_id, score FROM initiative_snapshot ORDER BY 1, 2;
\set VERBOSITY sqlstate
SELECT * FROM take_snapshot(NULL);
SELECT * FROM take_snapshot('infinity');
SELECT * FROM take_snapshot('-infinity');
SELECT * FROM take_snapshot(today() + 1);
SET posture.timezone = 'Europe/Nowhere';
\set VERBOSITY default
SHOW posture.timezone;

-- a day ends at its local midnight: 23:00 here, an hour earlier in summer
\set ECHO none
INSERT INTO finding VALUES
    (1, 1, 'non_compliant', '2024-03-29 22:59:59.999999+00'), (1, 2, 'non_compliant', '2024-03-29 23:00+00'),
    (1, 3, 'non_compliant', '2024-03-31 21:59:59.999999+00'), (1, 4, 'non_compliant', '2024-03-31 22:00+00');
INSERT INTO measure VALUES (3, 1, 2, '2024-03-30 22:59:59.999999+00');
\set ECHO all
SELECT take_snapshot('2024-03-29'), take_snapshot('2024-03-30'), take_snapshot('2024-03-31'),
       take_snapshot('2024-04-01');
SELECT day, metric_id, exposed, assessed, score, recommendations FROM metric_snapshot
WHERE day > '2024-03-01' ORDER BY 1, 2;
SELECT * FROM recommendation_snapshot ORDER BY 1, 2;

-- what a score was made of is kept with it
\set ECHO none
DELETE FROM snapshot; DELETE FROM metric_snapshot; DELETE FROM initiative_snapshot; DELETE
        FROM initiative_metric_snapshot;
DELETE FROM recommendation_snapshot; DELETE FROM event;
UPDATE finding SET changed_at = '2024-04-01';
UPDATE finding SET state = 'compliant' WHERE asset_id > 1;
\set ECHO all
SELECT metrics, initiatives, recovered FROM take_snapshot('2024-04-02');
\set ECHO none
UPDATE metric SET importance = 'critical', name = 'M1 renamed' WHERE key = 'm1';
UPDATE initiative_metric SET weight = 1 WHERE metric_id = 2;
DELETE FROM metric_recommendation WHERE recommendation_id = 2;
UPDATE initiative SET method = 'population', key = 'I1' WHERE key = 'i1';
UPDATE initiative SET is_active = false WHERE key = 'i3';
INSERT INTO initiative_metric VALUES (2, 1, NULL);
UPDATE metric SET is_active = false WHERE key = 'm3';
\set ECHO all
SELECT metrics, initiatives, recovered FROM take_snapshot('2024-04-03');
SELECT day, metric_id, exposed, assessed, score, importance, key, name, recommendations
FROM metric_snapshot ORDER BY 1, 2;
SELECT day, initiative_id, score, method, key, name, recommendations FROM initiative_snapshot
ORDER BY 1, 2;
SELECT day, initiative_id, metric_id, weight FROM initiative_metric_snapshot ORDER BY 1, 2, 3;

-- a day that has ended is taken once: nothing is written again, whatever changed
\set ECHO none
CREATE VIEW pg_temp.version AS
SELECT 's' AS of, ctid AS rank, xmin::text AS writer FROM snapshot UNION ALL SELECT 'r', ctid, xmin::text
FROM recommendation_snapshot
UNION ALL SELECT 'm', ctid, xmin::text FROM metric_snapshot UNION ALL SELECT 'i', ctid, xmin::text
FROM initiative_snapshot
UNION ALL SELECT 'b', ctid, xmin::text FROM initiative_metric_snapshot UNION ALL SELECT 'e', ctid, xmin::text
FROM event;
CREATE TEMP TABLE before AS TABLE pg_temp.version;
UPDATE finding SET state = 'non_compliant';
\set ECHO all
SELECT * FROM take_snapshot('2024-04-03');
SELECT * FROM take_snapshot('2024-04-02');
SELECT (SELECT count(*) FROM before) AS rows,
       (SELECT count(*) FROM (TABLE before EXCEPT TABLE pg_temp.version) x) AS lost,
       (SELECT count(*) FROM (TABLE pg_temp.version EXCEPT TABLE before) x) AS gained;

-- a day of which nothing was known shows how things stand now, and says so
SELECT metrics, initiatives FROM take_snapshot('2024-01-15');
SELECT day, metric_id, exposed, assessed, score FROM metric_snapshot WHERE day = '2024-01-15'
ORDER BY 2;

-- exemptions, retirement and staleness are those of the day's end
SELECT metrics, initiatives FROM take_snapshot('2024-04-04');
\set ECHO none
INSERT INTO exemption (recommendation_id, asset_id, kind, reason, created_at, expires_at) VALUES
    (1, 1, 'waived', 'for a day', '2024-04-05 10:00+00', '2024-04-06 22:00+00'),
    (1, 2, 'mitigated', 'from the next day on', '2024-04-05 22:00+00', NULL);
UPDATE asset SET retired_at = '2024-04-07 21:59+00' WHERE asset_id = 3;
UPDATE asset SET last_seen = CASE asset_id WHEN 4 THEN '2024-04-05 22:00+00'
                                           ELSE now() END::timestamptz;
UPDATE source SET stale_after = '3 days';
\set ECHO all
SELECT count(take_snapshot('2024-04-05'::date + n)) FROM generate_series(0, 4) n;
SELECT day, exposed, assessed, score FROM metric_snapshot
WHERE metric_id = 1 AND day >= '2024-04-04' ORDER BY day;

\i :include/noon.sql
SELECT extract(hour FROM now() AT TIME ZONE posture_internal.setting('timezone'))
           IN (12, 13) AS noon;
DELETE FROM exemption;
UPDATE source SET stale_after = NULL;
UPDATE asset SET retired_at = NULL;
UPDATE finding SET state = 'compliant';
SELECT metrics, initiatives FROM take_snapshot();
SELECT day = today() AS today, exposed, assessed, score FROM metric_snapshot
WHERE metric_id = 1 AND day > '2024-05-01';
UPDATE finding SET state = 'non_compliant', changed_at = now() WHERE asset_id = 1;
SELECT metrics, initiatives FROM take_snapshot();
SELECT metrics, initiatives FROM take_snapshot(today());
SELECT day = today() AS today, exposed, assessed, score FROM metric_snapshot
WHERE metric_id = 1 AND day > '2024-05-01';
SELECT count(*) FROM snapshot WHERE day > '2024-05-01';
-- what is no more is not in it
UPDATE metric SET is_active = false WHERE key = 'm2';
SELECT metrics, initiatives FROM take_snapshot();
SELECT metric_id FROM metric_snapshot WHERE day = today();
-- when the day has ended, it is taken once more and then kept
\set ECHO none
UPDATE snapshot SET day = day - 1, taken_at = taken_at - interval '1 day' WHERE day = today();
UPDATE metric_snapshot SET day = day - 1 WHERE day = today();
UPDATE initiative_snapshot SET day = day - 1 WHERE day = today();
UPDATE initiative_metric_snapshot SET day = day - 1 WHERE day = today();
UPDATE recommendation_snapshot SET day = day - 1 WHERE day = today();
UPDATE finding SET changed_at = now() - interval '1 day';
UPDATE finding SET state = 'non_compliant' WHERE asset_id = 2;
\set ECHO all
SELECT has_snapshot(today() - 1);
SELECT metrics, initiatives FROM take_snapshot(today() - 1);
SELECT has_snapshot(today() - 1);
UPDATE finding SET state = 'non_compliant' WHERE asset_id = 3;
SELECT metrics, initiatives FROM take_snapshot(today() - 1);
SELECT today() - day AS ago, exposed, assessed, score FROM metric_snapshot
WHERE metric_id = 1 AND day > '2024-05-01';

DISCARD TEMP;
\set ECHO none
DROP EXTENSION posture;

-- the first day that is due is that of the first observation, also where all
-- that was seen then has changed since, folded or not
CREATE EXTENSION posture;
UPDATE posture_internal.history_start SET day = day - 9;
INSERT INTO posture.source (key, name) VALUES ('s', 'S');
INSERT INTO posture.inbox VALUES ('s', 'r', 'a', 'non_compliant',
                                  posture.day_end(posture.today() - 4) - interval '1 hour');
\set ECHO all
SELECT loaded FROM posture.ingest();
INSERT INTO posture.inbox VALUES ('s', 'r', 'a', 'compliant');
SELECT changed FROM posture.ingest();
SELECT posture.today() - posture_internal.due_day() AS days;
SELECT deltas FROM posture.fold();
SELECT posture.today() - posture_internal.due_day() AS days;
DROP EXTENSION posture CASCADE;

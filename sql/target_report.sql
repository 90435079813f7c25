-- Targets: the distance, and where a straight line through past days leads.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
SET client_min_messages = warning;
\i :include/noon.sql

\set ECHO none
INSERT INTO source (key, name) VALUES ('scan', 'Scanner');
INSERT INTO recommendation (source_id, key, title)
SELECT 1, 'r' || n, 'R' FROM generate_series(1, 12) n;
INSERT INTO measure SELECT n, 60, 100 FROM generate_series(1, 12) n;
CREATE FUNCTION pg_temp.initiative(key text, target numeric, due integer) RETURNS integer
    LANGUAGE sql AS $$
    INSERT INTO initiative (key, name, target_score, target_on)
    VALUES (initiative.key, upper(initiative.key), target::score, today() + due);
    INSERT INTO initiative_recommendation SELECT max(initiative_id), 1 FROM initiative;
    SELECT max(initiative_id) FROM initiative $$;
-- scores of so many days before today, the latest last
CREATE FUNCTION pg_temp.past(of_initiative integer, scores numeric[]) RETURNS void
    LANGUAGE sql AS $$
    INSERT INTO initiative_snapshot (day, initiative_id, score, method)
    SELECT today() - cardinality(scores) - 1 + s.n::integer, of_initiative, s.score::score, 'points'
    FROM unnest(scores) WITH ORDINALITY s(score, n) $$;
\set ECHO all

-- by hand; the score is 60 now. One point a day up to 59: 20 days to 80
SELECT pg_temp.past(pg_temp.initiative('up', 80, 20),
                    ARRAY(SELECT 50::numeric + n FROM generate_series(0, 9) n)) ;
SELECT pg_temp.past(pg_temp.initiative('late', 80, 19),
                    ARRAY(SELECT 50::numeric + n FROM generate_series(0, 9) n));
SELECT pg_temp.past(pg_temp.initiative('down', 80, 50), '{90,88,86}');
SELECT pg_temp.past(pg_temp.initiative('far down', 80, 400), '{90,88,86}');
SELECT pg_temp.past(pg_temp.initiative('flat', 80, 50), '{60,60,60,60}');
SELECT pg_temp.past(pg_temp.initiative('two days', 80, 50), '{50,55}');
-- 3 with a score of 5; 50, 56, 62: 3 a day
SELECT pg_temp.past(pg_temp.initiative('gaps', 80, 10), '{50,NULL,56,NULL,62}');
SELECT pg_temp.past(pg_temp.initiative('reached', 60, 10), '{70,65,60}');
SELECT pg_temp.past(pg_temp.initiative('missed', 80, 0), '{58,59,60}');
SELECT pg_temp.past(pg_temp.initiative('no day', 80, NULL), '{58,59,60}');
SELECT pg_temp.past(pg_temp.initiative('no target', NULL, 10), '{58,59,60}');
-- past 100 by then; the line is above the target already, the score is not
SELECT pg_temp.past(pg_temp.initiative('over', 80, 100), '{70,80,90}');
-- better of late than before: 80 days at 70 down to 50, then up
SELECT pg_temp.past(pg_temp.initiative('turn', 80, 30),
                    ARRAY(SELECT 90 - n * 0.5 FROM generate_series(0, 79) n)
                    || ARRAY(SELECT 51 + n::numeric FROM generate_series(0, 9) n));
\set ECHO none
INSERT INTO initiative (key, name, target_score, target_on, is_pinned)
VALUES ('empty', 'Pinned, unavailable', 50, today() + 9, true), ('off', 'Off', 50, today() + 9, false);
UPDATE initiative SET is_active = false WHERE key = 'off';
-- neither today's snapshot nor what is older than 90 days is on the line
INSERT INTO initiative_snapshot (day, initiative_id, score, method)
SELECT today() - n, i.initiative_id, 0::score, 'points' FROM initiative i, unnest('{0,91,92,93}'::integer[]) n
WHERE i.key IN ('up', 'flat');
\set ECHO all

SELECT initiative, score, target_score AS target, target_on - today() AS due, missing, zone,
       maturity, slope_14d, slope_90d, expected_14d, expected_90d FROM target_report;
SELECT initiative, on_track_14d, on_track_90d, days_to_target_14d, days_to_target_90d
FROM target_report;
-- the last day that there is
UPDATE initiative SET target_on = '9999-12-31' WHERE key = 'up';
SELECT target_on, slope_14d, expected_14d, on_track_14d, days_to_target_14d FROM target_report
WHERE initiative = 'up';
UPDATE initiative SET target_on = today() + 20 WHERE key = 'up';
-- assigned to somebody, and all of it; where the risk is accepted it stays
BEGIN;
UPDATE recommendation SET assigned_to = 'Ann' WHERE key = 'r1';
SELECT initiative, score, planned_score, achievable_score FROM target_report
WHERE initiative IN ('up', 'empty');
UPDATE recommendation SET assigned_to = NULL;
SELECT initiative, score, planned_score, achievable_score FROM target_report
WHERE initiative = 'up';
INSERT INTO exemption (recommendation_id, kind, reason) VALUES (1, 'risk_accepted', 'x');
SELECT initiative, score, planned_score, achievable_score FROM target_report
WHERE initiative = 'up';
ROLLBACK;
-- in the transaction that changed it
BEGIN;
UPDATE measure SET achieved = 80 WHERE recommendation_id = 1;
SELECT initiative, score, missing, zone, maturity, on_track_14d, days_to_target_14d
FROM target_report WHERE initiative IN ('up', 'down', 'missed');
INSERT INTO score_band (initiative_id, scheme, from_score, name)
SELECT initiative_id, 'maturity', 80, 'there' FROM initiative WHERE key = 'up';
UPDATE source SET is_active = false;
SELECT initiative, score, missing, zone, maturity, expected_14d, on_track_14d, days_to_target_14d
FROM target_report WHERE initiative = 'up';
UPDATE source SET is_active = true;
SELECT initiative, score, zone, maturity FROM target_report WHERE initiative IN ('up', 'down');
ROLLBACK;
-- a line as flat as can be: shown as 0, so never
SELECT pg_temp.past(pg_temp.initiative('slow', 80, 36500),
                    ARRAY(SELECT 60 + CASE WHEN n > 88 THEN 0.000001 ELSE 0 END
                          FROM generate_series(0, 89) n));
SELECT initiative, slope_90d, expected_90d, on_track_90d, days_to_target_90d FROM target_report
WHERE initiative = 'slow';

-- random histories against regr_slope() and a walk along the line
SELECT setseed(0.3);
DELETE FROM initiative_snapshot;
DELETE FROM initiative;
SELECT count(pg_temp.initiative('i' || n, round((random() * 100)::numeric, 2),
                                (random() * 80 - 10)::integer)) FROM generate_series(1, 60) n;
\set ECHO none
INSERT INTO initiative_snapshot (day, initiative_id, score, method)
SELECT today() - n, i.initiative_id, CASE WHEN random()
                                             < 0.9 THEN round(least(greatest(60 - n * i.slope + 6
                                                                                 * random(), 0),
                                                                        100)::numeric,
                                                                  6)::score END, 'points'
FROM (SELECT o.initiative_id, random() * 2 - 1 AS slope, random() AS share
      FROM initiative o OFFSET 0) i, generate_series(0, 95) n WHERE random() < i.share;
CREATE TEMP TABLE line AS
SELECT i.initiative_id, i.key, w.days, i.target_score::numeric AS target, i.target_on,
       regr_slope(s.score::numeric, s.day - today()) AS slope,
       regr_intercept(s.score::numeric, s.day - today()) AS today_score
FROM initiative i, unnest('{14,90}'::integer[]) w(days), initiative_snapshot s
WHERE s.initiative_id = i.initiative_id AND s.day >= today() - w.days AND s.day < today()
  AND s.score IS NOT NULL
GROUP BY 1, 2, 3, 4, 5 HAVING count(*) >= 3;
CREATE TEMP TABLE said AS
SELECT initiative AS key, 14 AS days, missing, slope_14d AS slope, expected_14d AS expected,
       on_track_14d AS on_track, days_to_target_14d AS days_to_target FROM target_report
UNION ALL SELECT initiative, 90, missing, slope_90d, expected_90d, on_track_90d, days_to_target_90d
FROM target_report;
\set ECHO all
SELECT count(*) FILTER (WHERE s.slope IS NOT NULL) > 60 AS enough,
       count(*) FILTER (WHERE (s.slope IS NULL) <> (l.slope IS NULL)
                          OR abs(s.slope - l.slope) > 0.000001) AS slope,
       count(*) FILTER (WHERE abs(s.expected
                                  - least(greatest(l.today_score + l.slope
                                                   * (l.target_on - today()), 0), 100)) > 0.000001
                           OR (s.expected IS NULL)
                        <> (l.slope IS NULL OR l.target_on <= today())) AS expected,
       count(*) FILTER (WHERE s.on_track IS DISTINCT FROM CASE WHEN i.target_score::numeric
                                                                  <= 60 THEN true
                                                              WHEN i.target_on <= today() THEN false
                                                               ELSE l.today_score + l.slope
                                                                  * (l.target_on - today())
                                                                  >= l.target END) AS on_track,
       count(*) FILTER (WHERE s.days_to_target IS DISTINCT FROM CASE WHEN i.target_score::numeric
                                                                        <= 60 THEN 0 WHEN l.slope
                                                                        >= 0.0000005
           THEN (SELECT min(d) FROM generate_series(1, 100000) d
                 WHERE l.today_score + l.slope * d >= l.target) END) AS days_to_target
FROM said s JOIN initiative i USING (key) LEFT JOIN line l USING (key, days);

-- the columns that reports rely on
SELECT c.relname, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'posture'::regnamespace AND c.relname IN ('target_report')
GROUP BY c.relname ORDER BY 1;

DISCARD TEMP;
DROP EXTENSION posture;

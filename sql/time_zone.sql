-- Time zones: days tile time in every one, days of 23 and 25 hours and days that never existed have
-- their snapshots, and a change of the zone changes no day that is stored.
-- tests: day/day_boundary, day/snapshot, day/run_daily
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\set ECHO none
SET client_min_messages = warning;

-- In every zone, at random moments and around the changes of its clock: a day
-- is the greatest date that the clock has shown so far. AT TIME ZONE takes
-- some names for abbreviations, which have no summer time.
CREATE TABLE public.differs (zone text, at timestamptz, what text);
DO $$
DECLARE
    zone text;
BEGIN
    PERFORM setseed(0.5);
    FOR zone IN
        SELECT n.name FROM pg_timezone_names n
        WHERE n.name !~ '^(posix|right)/' AND n.name NOT IN (SELECT initcap(a.abbrev)
        FROM pg_timezone_abbrevs a UNION SELECT a.abbrev FROM pg_timezone_abbrevs a)
    LOOP
        PERFORM set_config('posture.timezone', zone, false);
        INSERT INTO public.differs
        SELECT zone, x.at, w.what
        FROM (SELECT timestamptz '1970-01-01' + random() * interval '90 years' AS at
              FROM generate_series(1, 60) OFFSET 0) x
        CROSS JOIN LATERAL (SELECT day_of(x.at) AS day, (x.at AT TIME ZONE zone)::date AS clock) d
        CROSS JOIN LATERAL (VALUES
            ('day', d.day = d.clock),
            ('begins', day_end(d.day - 1) <= x.at AND day_of(day_end(d.day - 1)) = d.day),
            ('ends', x.at < day_end(d.day) AND day_of(day_end(d.day) - interval '1 microsecond') = d.day),
            ('length', day_end(d.day) - day_end(d.day - 1)
                           BETWEEN interval '20 hours' AND interval '28 hours')) w(what, holds)
        WHERE NOT w.holds;
    END LOOP;
END $$;
\set ECHO all
TABLE public.differs;
DROP TABLE public.differs;

-- clocks that went back over midnight by more than an hour, or after it: the
-- day that has begun goes on
SELECT zone, day, day_end(day), day_end(day) - day_end(day - 1) AS length,
       day_end(day + 1) - day_end(day) AS next,
       (SELECT count(*) FROM generate_series(day_end(day - 2),
                                             day_end(day + 2) - interval '1 minute', '1 minute') t
        WHERE day_of(t) <> day - 1 + (t >= day_end(day - 1))::int + (t >= day_end(day))::int
        + (t >= day_end(day + 1))::int) AS wrong
FROM (VALUES ('Asia/Magadan', date '2014-10-25'), ('Antarctica/Casey', '2020-03-07'),
             ('Antarctica/Vostok', '2023-12-17'),
             ('America/St_Johns', '1988-10-29'), ('America/St_Johns', '2010-11-06'),
             ('America/Asuncion', '2023-09-30'),
             ('Asia/Beirut', '2022-03-26'), ('Africa/Cairo', '2026-04-23'),
             ('Africa/Cairo', '2026-10-29'),
             ('Australia/Lord_Howe', '2026-04-04'), ('Pacific/Apia', '2011-12-29'),
             ('<far>-99:30', '2026-04-04'), ('<far>99', '2026-04-04')) v(zone, day)
CROSS JOIN LATERAL (SELECT set_config('posture.timezone', zone, false) OFFSET 0) s;

-- the first and the last moments that there are
SELECT zone, day_of('4714-11-24 00:00 BC'), day_of('294276-12-31 23:59:59.999999'), day_end(day_of('4713-01-01 BC'))
FROM (VALUES ('Etc/GMT+12'), ('UTC'), ('Etc/GMT-14')) v(zone)
CROSS JOIN LATERAL (SELECT set_config('posture.timezone', zone, false) OFFSET 0) s;

-- Snapshots, beside what plain SQL makes of all changes: one asset turns bad
-- every half hour of the day that is longer, shorter or was left out, and of
-- the days around it.
CREATE PROCEDURE pg_temp.forget()
LANGUAGE sql
BEGIN ATOMIC
    DELETE FROM finding;
    SELECT fold();
    DELETE FROM finding_history;
    DELETE FROM snapshot;
    DELETE FROM metric_snapshot;
    DELETE FROM initiative_snapshot;
    DELETE FROM initiative_metric_snapshot;
    DELETE FROM recommendation_snapshot;
    DELETE FROM event;
    DELETE FROM run;
END;
\set ECHO none
CREATE TABLE public.change (asset_id integer PRIMARY KEY, at timestamptz);
CREATE PROCEDURE pg_temp.days_around(zone text, from_day date)
LANGUAGE plpgsql AS $$
DECLARE
    start timestamptz;
BEGIN
    PERFORM set_config('posture.timezone', zone, false);
    start := day_end(from_day - 1);
    CALL pg_temp.forget();
    DELETE FROM public.change;
    INSERT INTO public.change
    SELECT n, start + (n - 1) * interval '30 minutes' FROM generate_series(1, 300) n;
    INSERT INTO inbox
    SELECT 's', 'r', 'a' || n, 'compliant', start - interval '1 hour'
    FROM generate_series(1, 300) n;
    PERFORM ingest();
    INSERT INTO inbox
    SELECT 's', 'r', 'a' || c.asset_id, 'non_compliant', c.at FROM public.change c
    ORDER BY random();
    PERFORM ingest();
    PERFORM take_snapshot(from_day - 1 + n) FROM generate_series(0, 5) n;
END $$;
CREATE TABLE public.kept (zone text, day date, exposed numeric);
INSERT INTO source (key, name) VALUES ('s', 'S');
INSERT INTO asset (key, name) SELECT 'a' || n, 'A' FROM generate_series(1, 300) n;
INSERT INTO recommendation (source_id, key, title) SELECT source_id, 'r', 'R' FROM source;
INSERT INTO metric (key, name, drop_threshold) VALUES ('m', 'M', 0.000001);
INSERT INTO metric_recommendation SELECT metric_id, recommendation_id FROM metric, recommendation;
INSERT INTO initiative (key, name, drop_threshold) VALUES ('i', 'I', 0.000001);
INSERT INTO initiative_metric SELECT initiative_id, metric_id FROM initiative, metric;
DO $$
DECLARE
    c record;
BEGIN
    FOR c IN SELECT * FROM (VALUES
        ('Europe/Berlin', date '2026-03-28'), ('Europe/Berlin', '2026-10-24'),
        ('America/St_Johns', '2010-11-05'),
        ('Australia/Lord_Howe', '2026-04-03'), ('Australia/Lord_Howe', '2026-10-02'),
        ('Asia/Magadan', '2014-10-24'),
        ('America/Asuncion', '2023-09-29'), ('Asia/Kathmandu', '2024-02-28'),
        ('Pacific/Apia', '2011-12-28')) v(zone, day)
    LOOP
        CALL pg_temp.days_around(c.zone, c.day);
        INSERT INTO public.kept SELECT c.zone, m.day, m.exposed FROM metric_snapshot m;
        -- the first moment at which the clock shows a later day
        INSERT INTO public.kept
        SELECT c.zone || ' differs', m.day, m.exposed
        FROM metric_snapshot m
        WHERE m.exposed <> (SELECT count(*) FROM public.change h
                            WHERE h.at < (SELECT min(t)
                                          FROM generate_series(m.day::timestamptz
                                                                   - interval '1 day',
                                                                   m.day::timestamptz
                                                                   + interval '3 days',
                                                                   '5 minutes') t
                                          WHERE (t AT TIME ZONE c.zone)::date > m.day))
           OR m.exposed <> cardinality(metric_assets('m', m.day))
           OR m.assessed <> 300;
        INSERT INTO public.kept
        SELECT c.zone || ' event', e.day, e.drop
        FROM event e WHERE e.drop <> coalesce((SELECT -sum(p.points) FROM event_cause p
                                               WHERE p.event_id = e.event_id
                                                 AND e.metric_id IS NULL), e.drop);
        INSERT INTO public.kept
        SELECT c.zone || ' events', max(e.day), count(*) FROM event e WHERE e.kind <> 'new_initiative';
    END LOOP;
END $$;
\set ECHO all
SELECT zone, array_agg(day ORDER BY day) AS days, array_agg(exposed ORDER BY day) AS exposed
FROM public.kept GROUP BY zone ORDER BY zone COLLATE "C";

-- late, for a day that has its snapshot, and the next day never was: the day
-- that was kept stays as it was
SELECT cardinality(metric_assets('m', '2011-12-29')) AS before;
INSERT INTO inbox VALUES ('s', 'r', 'a1', 'compliant', '2011-12-29 12:00Z'),
                         ('s', 'r', 'a2', 'compliant', '2012-01-01 12:00Z');
SELECT changed FROM ingest();
SELECT cardinality(metric_assets('m', '2011-12-29')) AS after,
       (SELECT exposed FROM metric_snapshot WHERE day = '2011-12-29') AS kept;
SELECT fold() IS NOT NULL AS folded;
SELECT cardinality(metric_assets('m', '2011-12-29')) AS after;

-- A zone that is changed by a whole day. The job was in time each day, in the east.
\set ECHO none
-- of the zones that are 24 hours apart, two where midnight is at least an hour away
CREATE FUNCTION pg_temp.zone_name(ahead numeric) RETURNS text LANGUAGE sql RETURN
    'Etc/GMT' || to_char(-ahead, 'FMSG99');
SELECT pg_temp.zone_name(h.ahead) AS east, pg_temp.zone_name(h.ahead - 24) AS west
FROM (SELECT CASE WHEN extract(hour FROM now() AT TIME ZONE 'UTC') BETWEEN 11 AND 12
                  THEN 14 ELSE 12 END AS ahead) h \gset
CREATE PROCEDURE pg_temp.begin_again(zone text)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('posture.timezone', zone, false);
    CALL pg_temp.forget();
    INSERT INTO inbox
    SELECT 's', 'r', 'a' || n, 'compliant', day_end(today() - 9) + interval '1 hour' FROM generate_series(1, 100) n;
    INSERT INTO inbox
    SELECT 's', 'r', 'b' || n, 'compliant', day_end(today() - 9) + interval '1 hour' FROM generate_series(1, 100) n;
    PERFORM ingest();
    INSERT INTO inbox
    SELECT 's', 'r', 'a' || n, 'non_compliant', day_end(today() - 9 + n) + interval '1 hour'
    FROM generate_series(1, 7) n;
    PERFORM ingest();
END $$;
CREATE VIEW pg_temp.all_days AS
SELECT 'snapshot' AS of, s.day, (s.taken_at, s.inactive)::text AS has FROM snapshot s
UNION ALL SELECT 'metric', m.day, m::text FROM metric_snapshot m
UNION ALL SELECT 'initiative', i.day, i::text FROM initiative_snapshot i UNION ALL SELECT 'event', e.day, e::text
FROM event e
UNION ALL SELECT 'assets', s.day, metric_assets('m', s.day)::text FROM snapshot s;
CALL pg_temp.begin_again(:'east');
CALL run_daily();
UPDATE snapshot SET taken_at = day_end(day) + interval '5 minutes';
CREATE TABLE public.was AS TABLE pg_temp.all_days;
\set ECHO all
SELECT of, count(*) FROM public.was GROUP BY of ORDER BY of;
-- names and weights of now are not those of then
UPDATE metric SET importance = 'low', name = 'Renamed';
SET posture.timezone = :'west';
-- the last of them is not over here, and will be taken again when it is
SELECT has_snapshot(day) AS closed, count(*) FROM snapshot GROUP BY 1 ORDER BY 1;
CALL run_daily();
SELECT count(*) AS runs, due_day() IS NULL AS none_due FROM run;
SELECT * FROM pg_temp.all_days EXCEPT TABLE public.was;
SELECT * FROM verify();
-- all that is known is in the snapshot of today, which was yesterday there
INSERT INTO inbox VALUES ('s', 'r', 'b1', 'non_compliant'), ('s', 'r', 'b2', 'non_compliant');
SELECT changed FROM ingest();
SELECT metric_assets('m') = metric_assets('m', today()) AS same, cardinality(metric_assets('m')) AS now;
SELECT fold() IS NOT NULL AS folded;
SELECT metric_assets('m') = metric_assets('m', today()) AS same;
SELECT metrics, initiatives FROM take_snapshot();
SELECT score = (SELECT o.score FROM overview o) AS live FROM initiative_snapshot
WHERE day = today();
-- and back: the days that end so have their snapshots, no day and no event is there twice
SET posture.timezone = :'east';
CALL run_daily();
SELECT count(*) AS days, count(DISTINCT day) AS different, max(day) - min(day) + 1 AS of,
       today() - max(day) AS ago FROM snapshot;
SELECT count(*), count(DISTINCT (kind, day, metric_id, initiative_id)) AS different FROM event;
SELECT count(*) AS changed FROM (TABLE public.was EXCEPT SELECT * FROM pg_temp.all_days) x
WHERE day < today() - 2;
SELECT * FROM verify();
-- six hours further west, where yesterday is over too: it alone is taken again,
-- with what happened in these hours
\set ECHO none
-- a zone where it is noon, or six in the evening, and others to the west of it
CREATE FUNCTION pg_temp.zone(west integer) RETURNS text LANGUAGE sql RETURN (
    SELECT pg_temp.zone_name(CASE WHEN h < 12 THEN 12 ELSE 18 END - west - h)
    FROM extract(hour FROM now() AT TIME ZONE 'UTC') h);
CALL pg_temp.begin_again(pg_temp.zone(0));
CALL run_daily();
UPDATE snapshot SET taken_at = day_end(day) + interval '5 minutes';
INSERT INTO inbox VALUES ('s', 'r', 'b1', 'non_compliant', day_end(today() - 1) + interval '1 hour');
\set ECHO all
SELECT changed FROM ingest();
TRUNCATE public.was;
INSERT INTO public.was TABLE pg_temp.all_days;
SELECT set_config('posture.timezone', pg_temp.zone(6), false) <> '' AS west;
SELECT today() - due_day() AS due;
CALL run_daily();
SELECT count(*), count(*) FILTER (WHERE day = today() - 1) AS yesterday FROM run;
SELECT today() - day AS ago, exposed, cardinality(metric_assets('m', day)) AS assets
FROM metric_snapshot ORDER BY day;
SELECT DISTINCT today() - day AS changed
FROM (TABLE public.was EXCEPT SELECT * FROM pg_temp.all_days) x;
SELECT count(*), count(DISTINCT (kind, day, metric_id, initiative_id)) AS different FROM event;
CALL run_daily();
SELECT count(*) FROM run;
SELECT * FROM verify();

-- eastwards: days end earlier than they did, and each has its snapshot
CALL pg_temp.begin_again(:'west');
CALL run_daily();
UPDATE snapshot SET taken_at = day_end(day) + interval '5 minutes';
SELECT metrics FROM take_snapshot();
SET posture.timezone = :'east';
CALL run_daily();
SELECT count(*) AS days, max(day) - min(day) + 1 AS of, today() - max(day) AS ago,
       count(*) FILTER (WHERE NOT has_snapshot(day)) AS open FROM snapshot;
SELECT count(*), count(DISTINCT (kind, day, metric_id, initiative_id)) AS different FROM event;
SELECT s.day - today() AS day FROM metric_snapshot s
WHERE s.exposed <> cardinality(metric_assets('m', s.day));
SELECT * FROM verify();

-- A transaction that goes on over midnight takes the snapshot of the day that it
-- began on, and does not close it.
BEGIN;
SELECT pg_sleep(0.01);
SELECT metrics FROM take_snapshot();
SELECT taken_at = now() AS as_begun FROM snapshot WHERE day = today();
COMMIT;

DISCARD TEMP;
DROP TABLE public.change, public.kept, public.was;
DROP EXTENSION posture;

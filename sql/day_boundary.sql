-- Days in time zones: day_of() and day_end() fit together, and what happens at the very end of a
-- day belongs to the next day.
-- tests: day.c
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql

-- ordinary days; days of 23 and 25 hours; midnight that is left out (Sao Paulo, 2018) or comes
-- twice (Azores, Havana); a day that never existed (Apia, 2011)
SELECT zone, day, day_end(day) AS day_end, day_end(day) - day_end(day - 1) AS length
FROM (VALUES
    ('UTC', date '2018-11-20'), ('Europe/Berlin', '2018-03-25'), ('Europe/Berlin', '2018-10-28'),
    ('America/Sao_Paulo', '2018-11-03'), ('America/Sao_Paulo', '2018-11-04'),
    ('America/Sao_Paulo', '2018-02-17'),
    ('Atlantic/Azores', '2018-10-27'), ('Atlantic/Azores', '2018-10-28'),
    ('America/Havana', '2018-11-03'), ('America/Havana', '2018-11-04'),
    ('Pacific/Apia', '2011-12-29'), ('Pacific/Apia', '2011-12-30')) v(zone, day)
CROSS JOIN LATERAL (SELECT set_config('posture.timezone', zone, false) OFFSET 0) s;

-- every half hour of years with such days is before the end of its day and not before the end of
-- the day before
SELECT zone, count(*) AS moments,
       count(*) FILTER (WHERE at >= day_end(day_of(at)) OR at < day_end(day_of(at) - 1)) AS wrong
FROM (VALUES ('UTC', 2018), ('Europe/Berlin', 2018), ('America/Sao_Paulo', 2018),
             ('Atlantic/Azores', 2018),
             ('America/Havana', 2018), ('Australia/Lord_Howe', 2018),
             ('Pacific/Apia', 2011)) v(zone, year)
CROSS JOIN LATERAL (SELECT set_config('posture.timezone', zone, false) OFFSET 0) s
CROSS JOIN LATERAL generate_series(make_timestamptz(year, 1, 1, 0, 0, 0),
                                   make_timestamptz(year, 12, 31, 0, 0, 0), '30 minutes') at
GROUP BY zone
ORDER BY zone;

-- CET names the zone, with summer time, and not the abbreviation; not all systems have it
\set ECHO none
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_timezone_names WHERE name = 'CET') THEN
        SET posture.timezone = 'CET';
        ASSERT day_of('2018-07-01 22:30Z') = '2018-07-02'
            AND day_end('2018-07-01') = '2018-07-01 22:00Z';
    END IF;
END $$;
\set ECHO all
SELECT day_of('infinity'), day_end('-infinity');
SELECT day_end('5874897-12-31');

-- What happens at the very end of a day belongs to the next day: findings, exemptions and
-- retirements alike.
\set ECHO none
SET posture.timezone = 'UTC';
SET client_min_messages = warning;

INSERT INTO source (key, name) VALUES ('s', 'S');
INSERT INTO inbox
SELECT 's', 'r', a, CASE WHEN a = 'healthy' THEN 'compliant' ELSE 'non_compliant' END,
       '2026-01-01 08:00Z'
FROM unnest('{healthy, exempt, retired, found}'::text[]) a;
UPDATE inbox SET observed_at = '2026-01-03 00:00Z' WHERE asset = 'found';
\set ECHO all
SELECT loaded FROM ingest();
\set ECHO none
INSERT INTO metric (key, name) VALUES ('m', 'M');
INSERT INTO metric_recommendation SELECT metric_id, recommendation_id FROM metric, recommendation;
INSERT INTO exemption (recommendation_id, asset_id, kind, reason, created_at, expires_at)
SELECT r.recommendation_id, a.asset_id, 'mitigated', 'a reason', '2026-01-01', '2026-01-03 00:00Z'
FROM recommendation r, asset a WHERE a.key = 'exempt';
UPDATE asset SET retired_at = '2026-01-03 00:00Z' WHERE key = 'retired';
\set ECHO all

-- on the 2nd healthy, exempt and retired count, exempt as compliant; on the 3rd healthy, exempt and
-- found
SELECT d.day, m.exposed, m.assessed, m.score
FROM generate_series(date '2026-01-02', date '2026-01-03', '1 day') g(at)
CROSS JOIN LATERAL (SELECT g.at::date) d(day)
CROSS JOIN LATERAL metric_state(day_end(d.day)) m ORDER BY d.day;

-- now: one that ends now has ended
BEGIN;
UPDATE exemption SET expires_at = now();
SELECT m.exposed, m.assessed FROM metric_state('infinity') m;
UPDATE exemption SET expires_at = now() + interval '1 second';
SELECT m.exposed, m.assessed FROM metric_state('infinity') m;
UPDATE asset SET retired_at = now() WHERE key = 'found';
SELECT m.exposed, m.assessed FROM metric_state('infinity') m;
ROLLBACK;

DROP EXTENSION posture;

-- Days in time zones: what day_of() and day_end() say must fit together.
CREATE EXTENSION posture;
\pset format unaligned
\pset fieldsep ' | '
SET timezone = 'UTC';

-- ordinary days; days of 23 and 25 hours; midnight that is left out (Sao Paulo,
-- 2018) or comes twice (Azores, Havana); a day that never was (Apia, 2011)
SELECT zone, day, posture.day_end(day) AS day_end, posture.day_end(day) - posture.day_end(day - 1) AS length
FROM (VALUES
    ('UTC', date '2018-11-20'), ('Europe/Berlin', '2018-03-25'), ('Europe/Berlin', '2018-10-28'),
    ('America/Sao_Paulo', '2018-11-03'), ('America/Sao_Paulo', '2018-11-04'), ('America/Sao_Paulo', '2018-02-17'),
    ('Atlantic/Azores', '2018-10-27'), ('Atlantic/Azores', '2018-10-28'),
    ('America/Havana', '2018-11-03'), ('America/Havana', '2018-11-04'),
    ('Pacific/Apia', '2011-12-29'), ('Pacific/Apia', '2011-12-30')) v(zone, day)
CROSS JOIN LATERAL (SELECT set_config('posture.timezone', zone, false) OFFSET 0) s;

-- every half hour of years with such days falls before the end of its day and
-- after the end of the day before
SELECT zone, count(*) AS moments,
       count(*) FILTER (WHERE at >= posture.day_end(posture.day_of(at)) OR at < posture.day_end(posture.day_of(at) - 1)) AS wrong
FROM (VALUES ('UTC', 2018), ('Europe/Berlin', 2018), ('America/Sao_Paulo', 2018), ('Atlantic/Azores', 2018),
             ('America/Havana', 2018), ('Australia/Lord_Howe', 2018), ('Pacific/Apia', 2011)) v(zone, year)
CROSS JOIN LATERAL (SELECT set_config('posture.timezone', zone, false) OFFSET 0) s
CROSS JOIN LATERAL generate_series(make_timestamptz(year, 1, 1, 0, 0, 0), make_timestamptz(year, 12, 31, 0, 0, 0), '30 minutes') at
GROUP BY zone
ORDER BY zone;

-- CET names the zone, with summer time, and not the abbreviation; not all systems have it
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_timezone_names WHERE name = 'CET') THEN
        SET posture.timezone = 'CET';
        ASSERT posture.day_of('2018-07-01 22:30Z') = '2018-07-02' AND posture.day_end('2018-07-01') = '2018-07-01 22:00Z';
    END IF;
END $$;
SELECT posture.day_of('infinity'), posture.day_end('-infinity');
SELECT posture.day_end('5874897-12-31');

DROP EXTENSION posture;

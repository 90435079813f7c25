/*
 * Days: a day is a local day of posture.timezone, so some have 23 hours and
 * some 25.
 */

CREATE FUNCTION posture.day_of(at timestamptz) RETURNS date
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN (at AT TIME ZONE posture.setting('timezone'))::date;
COMMENT ON FUNCTION posture.day_of(timestamptz) IS 'the day on which a moment falls';

CREATE FUNCTION posture.day_end(day date) RETURNS timestamptz
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    -- where clocks go back from 1:00 to 0:00, midnight comes twice: the first
    -- one begins the next day, as day_of() has it
    RETURN (day + 1)::timestamp AT TIME ZONE posture.setting('timezone')
         - CASE WHEN ((day + 1)::timestamp AT TIME ZONE posture.setting('timezone') - interval '1 hour')
                     AT TIME ZONE posture.setting('timezone') >= day + 1
                THEN interval '1 hour' ELSE interval '0' END;
COMMENT ON FUNCTION posture.day_end(date) IS 'the moment at which a day ends and the next begins';

CREATE FUNCTION posture.today() RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN posture.day_of(now());
COMMENT ON FUNCTION posture.today() IS 'the day it is';

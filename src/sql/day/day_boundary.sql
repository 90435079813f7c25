/*
 * When a day begins and ends. A day is a local day of posture.timezone, so some
 * days have 23 or 25 hours. The C code is in src/day.c. day_close.sql closes a day
 * that has ended.
 */

CREATE FUNCTION posture.day_of(at timestamptz) RETURNS date
    AS 'MODULE_PATHNAME', 'posture_day_of' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture.day_of(timestamptz) IS
    'returns the day of posture.timezone on which a moment falls';

CREATE FUNCTION posture.day_end(day date) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'posture_day_end' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture.day_end(date) IS
    'returns the moment at which a day of posture.timezone ends and the next one begins';

CREATE FUNCTION posture.today() RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN day_of(now());
COMMENT ON FUNCTION posture.today() IS
    'returns the current day in posture.timezone, at the start of the transaction';

CREATE FUNCTION posture_internal.minute_of(at timestamptz) RETURNS text
    AS 'MODULE_PATHNAME', 'posture_minute_of' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.minute_of(timestamptz) IS
    'returns a moment in posture.timezone as text, to the minute';

CREATE FUNCTION posture_internal.zone_time(local timestamp, zone text) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'posture_zone_time' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.zone_time(timestamp, text) IS
    'returns the moment at which the clock of a time zone shows a time; unlike AT TIME ZONE, CET '
    'and the like are zones with summer time, as in posture.timezone';

CREATE FUNCTION posture_internal.is_time_zone(name text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_is_time_zone' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.is_time_zone(text) IS
    'whether a text is the name of a time zone';

/*
 * Days: a day is a local day of posture.timezone, so some have 23 hours and
 * some 25. The C side is src/day.c.
 */

CREATE FUNCTION posture.day_of(at timestamptz) RETURNS date
    AS 'MODULE_PATHNAME', 'posture_day_of' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture.day_of(timestamptz) IS 'the day on which a moment falls';

CREATE FUNCTION posture.day_end(day date) RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'posture_day_end' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture.day_end(date) IS 'the moment at which a day ends and the next begins';

CREATE FUNCTION posture.today() RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN day_of(now());
COMMENT ON FUNCTION posture.today() IS 'the day that it is now in posture.timezone';

CREATE FUNCTION posture_internal.minute_of(at timestamptz) RETURNS text
    AS 'MODULE_PATHNAME', 'posture_minute_of' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.minute_of(timestamptz) IS 'the minute of a moment as people read it, in posture.timezone';

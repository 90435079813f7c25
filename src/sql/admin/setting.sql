/*
 * Settings: posture.timezone, posture.drop_threshold and the others are defined
 * in src/posture.c. SQL reads them through setting(), not current_setting(),
 * which knows them and checks their values only after the library is loaded.
 */

CREATE FUNCTION posture_internal.setting(name text) RETURNS text
    AS 'MODULE_PATHNAME', 'posture_setting' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.setting(text) IS
    'current value of the setting posture.NAME; an unknown name is an error';

CREATE FUNCTION posture_internal.latest_observation(arrived_at timestamptz) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN arrived_at
           + make_interval(secs => posture_internal.setting('clock_tolerance')::double precision);
COMMENT ON FUNCTION posture_internal.latest_observation(timestamptz) IS
    'latest time by the clock of a source for an observation that arrives at a moment';

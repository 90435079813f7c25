/*
 * Settings: posture.timezone, posture.drop_threshold and the others are defined
 * in src/posture.c. SQL reads them through setting(), not current_setting(),
 * which knows them and checks their values only after the library is loaded.
 */

CREATE FUNCTION posture_internal.setting(name text) RETURNS text
    AS 'MODULE_PATHNAME', 'posture_setting' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.setting(text) IS
    'current value of the setting posture.NAME; an unknown name is an error';

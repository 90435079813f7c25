-- settings

CREATE FUNCTION posture_internal.setting(name text) RETURNS text
    AS 'MODULE_PATHNAME', 'posture_setting' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.setting(text) IS 'the value in force of the setting posture.NAME';

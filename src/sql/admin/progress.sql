CREATE FUNCTION posture_internal.progress(message text) RETURNS void
    AS 'MODULE_PATHNAME', 'posture_progress' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION posture_internal.progress(text) IS 'tells in a NOTICE how far long work is, at most every posture.progress_interval';

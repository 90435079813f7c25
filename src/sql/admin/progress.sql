/*
 * Progress notices of long-running functions. The C side is src/posture.c.
 */

CREATE FUNCTION posture_internal.progress(message text) RETURNS void
    AS 'MODULE_PATHNAME', 'posture_progress' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION posture_internal.progress(text) IS
    'reports the progress of a long-running function as a NOTICE, at most once every '
    'posture.progress_interval';

/*
 * The checks of the source "postgresql": a function for each kind of asset in
 * cluster_*.sql, each one query with a list of checks: recommendation, whether
 * it is met, what was found, and why that is unknown. The recommendations are in
 * cluster_recommendation.txt.
 *
 * Schemas, tables, functions and extensions are those of the current database,
 * because a session can't read the catalog of another. System objects and
 * members of extensions are left out, because their owners can't fix them.
 *
 * A check of something that the caller may not read is not applicable. PostgreSQL
 * checks privileges on everything that a query names, so separate functions read
 * what may be hidden, and cluster_finding() calls them only if the caller has the
 * privileges.
 */

CREATE FUNCTION posture_internal.cluster_asset(key text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    -- to the database's own encoding: the bytes stay as they are
    RETURN CASE WHEN octet_length(key) <= 1024 THEN key
                ELSE left(key, 200) || '...'
                    || encode(sha256(convert_to(key, getdatabaseencoding())), 'hex') END;
COMMENT ON FUNCTION posture_internal.cluster_asset(text) IS
    'returns the key of an asset; the end of one that is too long is replaced by a hash';

CREATE FUNCTION posture_internal.cluster_name() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(nullif(current_setting('cluster_name'), ''), 'PostgreSQL on port '
                    || current_setting('port'));
COMMENT ON FUNCTION posture_internal.cluster_name() IS 'returns the name of this cluster';

CREATE FUNCTION posture_internal.cluster_state(met boolean, hidden text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN hidden IS NOT NULL OR met IS NULL THEN 'not_applicable'
                WHEN met THEN 'compliant'
                ELSE 'non_compliant' END;
COMMENT ON FUNCTION posture_internal.cluster_state(boolean, text) IS
    'returns the state of a check: whether it is met, unless there is a reason why that is '
    'unknown';

CREATE FUNCTION posture_internal.cluster_details(hidden text, found jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN hidden IS NULL THEN jsonb_strip_nulls(found)
                ELSE jsonb_build_object('reason', hidden) END;
COMMENT ON FUNCTION posture_internal.cluster_details(text, jsonb) IS
    'returns the details of a finding: the reason why its state is unknown, or what was found';

/*
 * The checks of the source "postgresql": a function per kind of asset, each
 * one query with a list of checks (recommendation, whether it is met, why it
 * can't be judged, what was found). The recommendations are in
 * 80_cluster_catalog.sql.
 *
 * Schemas, tables, functions and extensions are those of the current database,
 * the only one whose catalog can be read. System objects and members of
 * extensions are left out: their owner can't mend them by himself.
 *
 * What the caller may not read is not applicable. PostgreSQL checks privileges
 * on all that a query names, so what may be hidden is read by functions of its
 * own, and cluster_finding() calls them only where the caller may read it.
 */

CREATE FUNCTION posture_internal.cluster_asset(key text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    -- getdatabaseencoding(): the bytes as they are, whatever the encoding
    RETURN CASE WHEN octet_length(key) <= 1024 THEN key
                ELSE left(key, 200) || '...' || encode(sha256(convert_to(key, getdatabaseencoding())), 'hex') END;
COMMENT ON FUNCTION posture_internal.cluster_asset(text) IS 'the key of an asset, its end replaced by a hash where it is too long for a key';

CREATE FUNCTION posture_internal.cluster_name() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(nullif(current_setting('cluster_name'), ''), 'PostgreSQL on port ' || current_setting('port'));
COMMENT ON FUNCTION posture_internal.cluster_name() IS 'what people call this cluster';

CREATE FUNCTION posture_internal.cluster_state(met boolean, hidden text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN hidden IS NOT NULL OR met IS NULL THEN 'not_applicable'
                WHEN met THEN 'compliant'
                ELSE 'non_compliant' END;
COMMENT ON FUNCTION posture_internal.cluster_state(boolean, text) IS 'the state of a check: whether it is met, unless there is a reason why it can''t be judged';

CREATE FUNCTION posture_internal.cluster_details(hidden text, found jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN hidden IS NULL THEN jsonb_strip_nulls(found)
                ELSE jsonb_build_object('reason', hidden) END;
COMMENT ON FUNCTION posture_internal.cluster_details(text, jsonb) IS 'the details of a finding: the reason why it can''t be judged, or what was found';

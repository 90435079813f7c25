/*
 * Lookups of ingest(): a delivery names few objects in many rows. Each is looked up by
 * its key in an index, once for a statement. Joins would read all of asset for a
 * delivery of some of them.
 */

CREATE FUNCTION posture_internal.known_source(key text) RETURNS integer
    AS 'MODULE_PATHNAME', 'posture_known_source' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.known_source(text) IS
    'id of a source; NULL if there is none with the key';
REVOKE EXECUTE ON FUNCTION posture_internal.known_source(text) FROM PUBLIC;

CREATE FUNCTION posture_internal.known_recommendation(source_id integer, key text) RETURNS integer
    AS 'MODULE_PATHNAME', 'posture_known_recommendation' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.known_recommendation(integer, text) IS
    'id of a recommendation of a source; NULL if there is none with the key';
REVOKE EXECUTE ON FUNCTION posture_internal.known_recommendation(integer, text) FROM PUBLIC;

CREATE FUNCTION posture_internal.known_asset(key text) RETURNS integer
    AS 'MODULE_PATHNAME', 'posture_known_asset' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.known_asset(text) IS
    'id of the asset with an alias or key; NULL if there is none';
REVOKE EXECUTE ON FUNCTION posture_internal.known_asset(text) FROM PUBLIC;

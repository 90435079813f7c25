/*
 * Lookups of ingest(): a delivery names few objects in many rows. Each is looked up by
 * its key in an index, once. Joins would read all of asset for a delivery of some of
 * them.
 */

CREATE FUNCTION posture_internal.known_source(key text) RETURNS integer
    AS 'MODULE_PATHNAME', 'posture_known_source' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION posture_internal.known_source(text) IS
    'id of a source; NULL if there is none with the key';
REVOKE EXECUTE ON FUNCTION posture_internal.known_source(text) FROM PUBLIC;

CREATE FUNCTION posture_internal.known_recommendation(source text, key text) RETURNS integer
    AS 'MODULE_PATHNAME', 'posture_known_recommendation' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION posture_internal.known_recommendation(text, text) IS
    'id of a recommendation of a source; NULL if there is none with the key';
REVOKE EXECUTE ON FUNCTION posture_internal.known_recommendation(text, text) FROM PUBLIC;

CREATE FUNCTION posture_internal.known_asset(key text) RETURNS integer
    AS 'MODULE_PATHNAME', 'posture_known_asset' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION posture_internal.known_asset(text) IS
    'id of the asset with an alias or key; NULL if there is none';
REVOKE EXECUTE ON FUNCTION posture_internal.known_asset(text) FROM PUBLIC;

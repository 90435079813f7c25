/*
 * Who sees which rows.
 *
 * A role that may read finding_set sees all rows: the stored sets hold the assets
 * of the whole organisation, and every score can be computed from them. A role of
 * the level owner has no privilege on any table. It reads the views and calls the
 * functions of the contract, which run behind a fence (src/fence.c) and show the
 * initiatives and asset groups whose owner is that role or one that it is a member
 * of, and what belongs to them:
 *
 * - rows of tables by the policies of row_security.sql, on the conditions in
 *   table_privilege.sql;
 * - scores through the owner_*() functions below. They read the stored sets on
 *   behalf of the owner and return its part, which the functions of the same
 *   name and "_of" in owner_rows.sql compute.
 */

CREATE FUNCTION posture_internal.caller() RETURNS oid
    AS 'MODULE_PATHNAME', 'posture_caller' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.caller() IS
    'returns the role on whose behalf the current function runs, which may run as another';

CREATE FUNCTION posture_internal.sees_all() RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_sees_all' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.sees_all() IS
    'returns whether the current role sees all rows, because it may read finding_set; if not, it '
    'sees those that it owns';

CREATE FUNCTION posture_internal.planned_sees_all_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'posture_sees_all_support' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.planned_sees_all_support(internal) IS
    'planner support: evaluates planned_sees_all() when a query is planned';

CREATE FUNCTION posture_internal.planned_sees_all() RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_sees_all' LANGUAGE C STABLE PARALLEL SAFE
    SUPPORT planned_sees_all_support;
COMMENT ON FUNCTION posture_internal.planned_sees_all() IS
    'returns sees_all(), evaluated when the query is planned; only for views of tables with row '
    'security, whose queries are planned again for another role';

CREATE FUNCTION posture_internal.policy_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'posture_policy_support' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.policy_support(internal) IS
    'planner support: evaluates policy_sees_all() when a query is planned';

CREATE FUNCTION posture_internal.policy_sees_all() RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_sees_all' LANGUAGE C STABLE PARALLEL SAFE
    SUPPORT policy_support;
COMMENT ON FUNCTION posture_internal.policy_sees_all() IS
    'returns sees_all(), evaluated when the query is planned; only for policies; raises an error '
    'for a role that reads a table by a privilege granted by hand and does not see all';

CREATE FUNCTION posture_internal.owner_rows(what text) RETURNS assetset
    AS 'MODULE_PATHNAME', 'posture_owner_rows' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.owner_rows(text) IS
    'returns the ids of what the caller of the fence owns, NULL outside of one: initiative, '
    'asset_group: those that the caller owns; metric, initiative_recommendation: those of its '
    'initiatives; group_asset: the assets of its groups; recommendation, source, asset: all that '
    'the caller sees through an initiative or a group';

CREATE FUNCTION posture_internal.owner_asset_value(
    of_attribute text, from_store boolean, of_slice integer)
    RETURNS TABLE (value text, assets assetset)
    AS 'MODULE_PATHNAME', 'posture_owner' LANGUAGE C STABLE PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION posture_internal.owner_asset_value(text, boolean, integer) IS
    'returns the part of asset_value_set() that the caller owns';

CREATE FUNCTION posture_internal.owner_exempt_set()
    RETURNS TABLE (recommendation_id integer, kind exemption_kind, for_all boolean,
                   assets assetset)
    AS 'MODULE_PATHNAME', 'posture_owner' LANGUAGE C STABLE PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION posture_internal.owner_exempt_set() IS
    'returns the part of the current exempt_set() that the caller owns';

CREATE FUNCTION posture_internal.owner_inactive_set() RETURNS TABLE (assets assetset)
    AS 'MODULE_PATHNAME', 'posture_owner' LANGUAGE C STABLE PARALLEL SAFE ROWS 1;
COMMENT ON FUNCTION posture_internal.owner_inactive_set() IS
    'returns the assets that the caller sees and that are stale now, with some that are retired; '
    'no row or NULL: none';

CREATE FUNCTION posture_internal.owner_object_count(raw boolean)
    RETURNS TABLE (object_kind text, object_id integer, assessed bigint, exposed bigint,
                   failing bigint, critical bigint, population bigint, unassessed bigint)
    AS 'MODULE_PATHNAME', 'posture_owner' LANGUAGE C STABLE PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION posture_internal.owner_object_count(boolean) IS
    'returns the part of current_object_count() that the caller owns';

CREATE FUNCTION posture_internal.owner_last_change()
    RETURNS TABLE (recommendation_id integer, changed_at timestamptz)
    AS 'MODULE_PATHNAME', 'posture_owner' LANGUAGE C STABLE PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION posture_internal.owner_last_change() IS
    'returns the part of last_change() that the caller owns';

CREATE FUNCTION posture_internal.owner_change_attribution(
    previous_day date, on_day date, of_metrics integer[], of_recommendations integer[],
    within assetset, of_group integer)
    RETURNS TABLE (object_kind text, object_id integer, step integer,
                   assessed bigint, exposed bigint,
                   points_missing numeric, points_possible numeric,
                   newly_exposed assetset, assets assetset, recommendations integer[])
    AS 'MODULE_PATHNAME', 'posture_owner' LANGUAGE C STABLE PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION posture_internal.owner_change_attribution(
    date, date, integer[], integer[], assetset, integer) IS
    'returns the part of change_attribution() that the caller owns';

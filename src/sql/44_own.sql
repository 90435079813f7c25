/*
 * Who sees all, and who sees what they answer for.
 *
 * What is kept (src/sql/41_kept.sql) holds the assets of all: who may read it
 * could work out everything, and sees everything. Everybody else whom a table
 * is granted sees their initiatives and groups of assets, by row security
 * (src/sql/98_access.sql), and scores through the functions here, which read
 * what is kept for them. The C side is src/own.c, what each runs is in
 * src/sql/97_own.sql.
 */

CREATE FUNCTION posture.sees_all() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN has_table_privilege('posture.finding_set'::regclass, 'SELECT');
COMMENT ON FUNCTION posture.sees_all() IS 'whether the caller sees all rows: those who may read finding_set do, others what they own';

CREATE FUNCTION posture.own(what text) RETURNS SETOF posture.assetset
    AS 'MODULE_PATHNAME', 'posture_own' LANGUAGE C STABLE PARALLEL SAFE ROWS 1;
COMMENT ON FUNCTION posture.own(text) IS 'ids of what the caller owns or may see through it: initiative, asset_group; metric, initiative_recommendation: of those initiatives; group_asset: in those groups; recommendation, asset: all whose rows they may see';

CREATE FUNCTION posture.own_recommendation_exposure(as_of timestamptz, kept boolean, of_slice integer, chosen integer[], within posture.assetset)
    RETURNS TABLE (recommendation_id integer, assessed posture.assetset, exposed posture.assetset, failing posture.assetset, accepted posture.assetset)
    AS 'MODULE_PATHNAME', 'posture_own' LANGUAGE C STABLE PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION posture.own_recommendation_exposure(timestamptz, boolean, integer, integer[], posture.assetset) IS 'recommendation_exposure() as far as the caller may see it';

CREATE FUNCTION posture.own_asset_value(of_attribute text, kept boolean, of_slice integer)
    RETURNS TABLE (value text, assets posture.assetset)
    AS 'MODULE_PATHNAME', 'posture_own' LANGUAGE C STABLE PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION posture.own_asset_value(text, boolean, integer) IS 'asset_value_set() as far as the caller may see it';

CREATE FUNCTION posture.own_tally()
    RETURNS TABLE (object_kind text, object_id integer, assessed bigint, exposed bigint, failing bigint, critical bigint)
    AS 'MODULE_PATHNAME', 'posture_own' LANGUAGE C STABLE PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION posture.own_tally() IS 'tally_now() as far as the caller may see it';

CREATE FUNCTION posture.own_last_change()
    RETURNS TABLE (recommendation_id integer, changed_at timestamptz)
    AS 'MODULE_PATHNAME', 'posture_own' LANGUAGE C STABLE PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION posture.own_last_change() IS 'last_change() as far as the caller may see it';

CREATE FUNCTION posture.own_change_found(previous_day date, on_day date, chosen integer[])
    RETURNS TABLE (recommendation_id integer,
                   was_assessed posture.assetset, was_exposed posture.assetset, was_waived posture.assetset, was_mitigated posture.assetset,
                   is_assessed posture.assetset, is_exposed posture.assetset, is_waived posture.assetset, is_mitigated posture.assetset,
                   was_missing numeric, was_possible numeric, is_missing numeric, is_possible numeric, points_step integer, has_ended boolean, has_given boolean)
    AS 'MODULE_PATHNAME', 'posture_own' LANGUAGE C STABLE PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION posture.own_change_found(date, date, integer[]) IS 'change_found() as far as the caller may see it';

CREATE FUNCTION posture.own_change_step(previous_day date, on_day date, metrics integer[], alone integer[])
    RETURNS TABLE (object_kind text, object_id integer, step integer, assessed bigint, exposed bigint,
                   points_missing numeric, points_possible numeric, fresh posture.assetset, assets posture.assetset, recommendations integer[])
    AS 'MODULE_PATHNAME', 'posture_own' LANGUAGE C STABLE PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION posture.own_change_step(date, date, integer[], integer[]) IS 'change_step() as far as the caller may see it';

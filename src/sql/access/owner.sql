/*
 * Who sees all, and who sees what they answer for.
 *
 * What is kept (src/sql/41_kept.sql) holds the assets of all: who may read it
 * could work out everything, and sees everything. Everybody else whom a table
 * is granted sees their initiatives and groups of assets, by row security
 * (src/sql/98_access.sql), and scores through the functions here, which read
 * what is kept for them. The C side is src/owner.c, what each runs is in
 * src/sql/97_own.sql.
 */

CREATE FUNCTION posture_internal.sees_all() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN has_table_privilege('posture_internal.finding_set'::regclass, 'SELECT');
COMMENT ON FUNCTION posture_internal.sees_all() IS 'whether the caller sees all rows: those who may read finding_set do, others what they own';

CREATE FUNCTION posture_internal.owner_rows(what text) RETURNS SETOF assetset
    AS 'MODULE_PATHNAME', 'posture_owner' LANGUAGE C STABLE PARALLEL SAFE ROWS 1;
COMMENT ON FUNCTION posture_internal.owner_rows(text) IS 'ids of what the caller owns or may see through it: initiative, asset_group; metric, initiative_recommendation: of those initiatives; group_asset: in those groups; recommendation, asset: all whose rows they may see';

CREATE FUNCTION posture_internal.owner_recommendation_exposure(as_of timestamptz, from_store boolean, of_slice integer, chosen integer[], within assetset)
    RETURNS TABLE (recommendation_id integer, assessed assetset, exposed assetset, failing assetset, accepted assetset)
    AS 'MODULE_PATHNAME', 'posture_owner' LANGUAGE C STABLE PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION posture_internal.owner_recommendation_exposure(timestamptz, boolean, integer, integer[], assetset) IS 'recommendation_exposure() as far as the caller may see it';

CREATE FUNCTION posture_internal.owner_asset_value(of_attribute text, from_store boolean, of_slice integer)
    RETURNS TABLE (value text, assets assetset)
    AS 'MODULE_PATHNAME', 'posture_owner' LANGUAGE C STABLE PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION posture_internal.owner_asset_value(text, boolean, integer) IS 'asset_value_set() as far as the caller may see it';

CREATE FUNCTION posture_internal.owner_object_count()
    RETURNS TABLE (object_kind text, object_id integer, assessed bigint, exposed bigint, failing bigint, critical bigint)
    AS 'MODULE_PATHNAME', 'posture_owner' LANGUAGE C STABLE PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION posture_internal.owner_object_count() IS 'current_object_count() as far as the caller may see it';

CREATE FUNCTION posture_internal.owner_last_change()
    RETURNS TABLE (recommendation_id integer, changed_at timestamptz)
    AS 'MODULE_PATHNAME', 'posture_owner' LANGUAGE C STABLE PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION posture_internal.owner_last_change() IS 'last_change() as far as the caller may see it';

CREATE FUNCTION posture_internal.owner_change_sets(previous_day date, on_day date, chosen integer[])
    RETURNS TABLE (recommendation_id integer,
                   was_assessed assetset, was_exposed assetset, was_waived assetset, was_mitigated assetset,
                   is_assessed assetset, is_exposed assetset, is_waived assetset, is_mitigated assetset,
                   was_missing numeric, was_possible numeric, is_missing numeric, is_possible numeric, points_step integer, has_ended boolean, has_given boolean)
    AS 'MODULE_PATHNAME', 'posture_owner' LANGUAGE C STABLE PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION posture_internal.owner_change_sets(date, date, integer[]) IS 'change_sets() as far as the caller may see it';

CREATE FUNCTION posture_internal.owner_change_attribution(previous_day date, on_day date, of_metrics integer[], of_recommendations integer[])
    RETURNS TABLE (object_kind text, object_id integer, step integer, assessed bigint, exposed bigint,
                   points_missing numeric, points_possible numeric, newly_exposed assetset, assets assetset, recommendations integer[])
    AS 'MODULE_PATHNAME', 'posture_owner' LANGUAGE C STABLE PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION posture_internal.owner_change_attribution(date, date, integer[], integer[]) IS 'change_attribution() as far as the caller may see it';

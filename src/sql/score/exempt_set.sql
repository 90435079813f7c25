/*
 * Exemptions in force, at a moment or on a past day that has a snapshot, with
 * what a scenario gives and ends (see membership.sql). Exemptions of single
 * assets are a set; those of a group refer to the group, because the same
 * group is often exempt from hundreds of recommendations.
 */

CREATE FUNCTION posture_internal.recorded_exemption(as_of timestamptz, on_day date)
    RETURNS TABLE (recommendation_id integer, kind exemption_kind, for_all boolean,
                   assets assetset, asset_groups integer[], group_day date)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    IF on_day IS NULL THEN
        RETURN QUERY
        SELECT e.recommendation_id, e.kind,
               bool_or(num_nonnulls(e.asset_id, e.asset_group_id) = 0),
               coalesce(assetset_agg(e.asset_id), '{}'),
               coalesce(array_agg(e.asset_group_id)
                            FILTER (WHERE e.asset_group_id IS NOT NULL), '{}'), NULL::date
        -- equal groups have equal arrays
        FROM (SELECT x.* FROM exemption_in_force(as_of) x
              ORDER BY x.recommendation_id, x.kind, x.asset_group_id) e
        GROUP BY e.recommendation_id, e.kind;
    ELSE
        RETURN QUERY
        SELECT s.recommendation_id, s.kind, s.for_all, s.assets, s.asset_groups, s.day
        FROM exemption_snapshot s
        WHERE s.day = on_day;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.recorded_exemption(timestamptz, date) IS
    'returns the rows of exemption_rule() without a scenario';

CREATE FUNCTION posture_internal.exemption_rule(as_of timestamptz, on_day date, scenario jsonb)
    RETURNS TABLE (recommendation_id integer, kind exemption_kind, for_all boolean,
                   assets assetset, asset_groups integer[], group_day date)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    IF scenario IS NULL THEN
        RETURN QUERY SELECT r.* FROM recorded_exemption(as_of, on_day) r;
    ELSE
        RETURN QUERY
        SELECT recommendation_id, kind, r.for_all, set_difference(r.assets, x.assets),
               CASE WHEN x.asset_groups IS NULL THEN r.asset_groups
                    ELSE ARRAY(SELECT unnest(r.asset_groups)
                               EXCEPT
                               SELECT unnest(x.asset_groups)
                               ORDER BY 1) END,
               r.group_day
        FROM recorded_exemption(as_of, on_day) r
        LEFT JOIN (SELECT e.recommendation_id, k.kind,
                          bool_or(num_nonnulls(e.asset_id, e.asset_group_id) = 0) AS ends_all,
                          assetset_agg(e.asset_id) AS assets,
                          array_agg(e.asset_group_id) AS asset_groups
                   FROM jsonb_to_recordset(scenario -> 'end_exemption')
                        e(recommendation_id integer, kind exemption_kind, asset_id integer,
                          asset_group_id integer)
                   JOIN unnest(enum_range(NULL::exemption_kind)) k(kind)
                     ON e.kind IS NULL OR k.kind = e.kind
                   GROUP BY e.recommendation_id, k.kind) x USING (recommendation_id, kind)
        WHERE x.ends_all IS NOT TRUE AND (scenario -> 'ignore_exemptions') IS DISTINCT FROM 'true'
        UNION ALL
        SELECT e.recommendation_id, e.kind,
               bool_or(num_nonnulls(e.asset_id, e.asset_group_id) = 0),
               coalesce(assetset_agg(e.asset_id), '{}'),
               coalesce(array_agg(DISTINCT e.asset_group_id)
                            FILTER (WHERE e.asset_group_id IS NOT NULL), '{}'),
               NULL
        FROM jsonb_to_recordset(scenario -> 'exempt')
             e(recommendation_id integer, kind exemption_kind, asset_id integer,
               asset_group_id integer)
        GROUP BY e.recommendation_id, e.kind;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.exemption_rule(timestamptz, date, jsonb) IS
    'returns the exemptions in force by recommendation and kind, those of a scenario as rows of '
    'their own: for_all: whether one of them exempts all assets; assets: those with an exemption '
    'of their own; asset_groups: those with one, as they were on group_day, NULL: as they are now';

-- With from_store false, groups are recomputed from asset; with of_slice, they are the folded
-- sets of that slice.
CREATE FUNCTION posture_internal.exempt_set(
    as_of timestamptz, from_store boolean, of_slice integer,
    on_day date DEFAULT NULL, scenario jsonb DEFAULT NULL)
    RETURNS TABLE (recommendation_id integer, kind exemption_kind, for_all boolean,
                   assets assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH exempt AS MATERIALIZED (
        SELECT e.* FROM exemption_rule(as_of, on_day, scenario) e
    ), member AS (
        SELECT NULL::date AS group_day, g.asset_group_id, g.assets
        FROM asset_group_set(from_store, of_slice) g
        WHERE EXISTS (SELECT FROM exempt e WHERE e.group_day IS NULL AND e.asset_groups <> '{}')
        UNION ALL
        SELECT s.day, s.asset_group_id, s.assets
        FROM asset_group_snapshot s
        WHERE s.day = on_day
    ), united AS (
        -- many recommendations have the same groups
        SELECT e.group_day, e.asset_groups, union_agg(m.assets) AS assets
        FROM (SELECT DISTINCT x.group_day, x.asset_groups FROM exempt x) e
        CROSS JOIN LATERAL unnest(e.asset_groups) g(asset_group_id)
        JOIN member m ON m.asset_group_id = g.asset_group_id
                     AND m.group_day IS NOT DISTINCT FROM e.group_day
        GROUP BY e.group_day, e.asset_groups
    ), exempted AS (
        SELECT e.recommendation_id, e.kind, e.for_all,
               CASE WHEN u.assets IS NULL THEN e.assets
                    WHEN e.assets = '{}' THEN u.assets
                    ELSE e.assets | u.assets END AS assets
        FROM exempt e
        LEFT JOIN united u ON u.asset_groups = e.asset_groups
                          AND u.group_day IS NOT DISTINCT FROM e.group_day
    )
    SELECT x.* FROM exempted x WHERE scenario IS NULL
    UNION ALL
    SELECT x.recommendation_id, x.kind, bool_or(x.for_all), union_agg(x.assets)
    FROM exempted x
    WHERE scenario IS NOT NULL
    GROUP BY x.recommendation_id, x.kind;
END;
COMMENT ON FUNCTION posture_internal.exempt_set(timestamptz, boolean, integer, date, jsonb) IS
    'returns the assets that exemptions in force exempt, by recommendation and kind; for_all: '
    'whether one of them exempts all assets';

CREATE FUNCTION posture_internal.exempt_set(as_of timestamptz, on_day date, scenario jsonb)
    RETURNS TABLE (recommendation_id integer, kind exemption_kind, for_all boolean,
                   assets assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.* FROM exempt_set(as_of, true, NULL, on_day, scenario) e;
END;
COMMENT ON FUNCTION posture_internal.exempt_set(timestamptz, date, jsonb) IS
    'returns the assets that exemptions exempt, from the store: those in force at a moment, or on '
    'a past day';

CREATE FUNCTION posture_internal.has_exemptions() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN EXISTS (SELECT FROM exemption_in_force('infinity') e WHERE e.kind <> 'risk_accepted');
COMMENT ON FUNCTION posture_internal.has_exemptions() IS
    'returns whether exemptions that change a score are in force now';

CREATE FUNCTION posture_internal.without_exemptions() RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN jsonb '{"ignore_exemptions": true}';
COMMENT ON FUNCTION posture_internal.without_exemptions() IS
    'returns the scenario that no exemption counts, whose counts are stored as well';

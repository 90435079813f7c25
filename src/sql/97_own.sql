/*
 * What the functions of src/sql/44_own.sql run, with the rights of their
 * owner, for a caller whom src/own.c names. Nobody else can call them.
 */

CREATE FUNCTION posture.own_id(caller oid, what text) RETURNS SETOF integer
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    -- the role that is named as owner may not exist, or not any more
    WITH initiative AS MATERIALIZED (
        SELECT i.initiative_id
        FROM posture.initiative i JOIN pg_catalog.pg_roles r ON r.rolname = i.owner
        WHERE pg_has_role(caller, r.oid, 'USAGE')
    )
    SELECT i.initiative_id FROM initiative i WHERE what = 'initiative'
    UNION ALL
    SELECT g.asset_group_id
    FROM posture.asset_group g JOIN pg_catalog.pg_roles r ON r.rolname = g.owner
    WHERE what = 'asset_group' AND pg_has_role(caller, r.oid, 'USAGE')
    UNION ALL
    SELECT x.metric_id
    FROM initiative i JOIN posture.initiative_metric x USING (initiative_id)
    WHERE what = 'metric'
    UNION ALL
    SELECT mr.recommendation_id
    FROM initiative i
    JOIN posture.initiative_metric x USING (initiative_id)
    JOIN posture.metric_recommendation mr USING (metric_id)
    WHERE what = 'initiative_recommendation'
    UNION ALL
    SELECT ir.recommendation_id
    FROM initiative i JOIN posture.initiative_recommendation ir USING (initiative_id)
    WHERE what = 'initiative_recommendation';
END;
COMMENT ON FUNCTION posture.own_id(oid, text) IS 'step of own_of(): ids by the catalog alone';
REVOKE EXECUTE ON FUNCTION posture.own_id(oid, text) FROM PUBLIC;

CREATE FUNCTION posture.own_set(caller oid, what text) RETURNS posture.assetset
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
DECLARE
    group_asset posture.assetset;
BEGIN
    -- whom nothing is granted owns nothing
    IF NOT has_table_privilege(caller, 'posture.initiative'::regclass, 'SELECT') THEN
        RETURN '{}';
    ELSIF what IN ('initiative', 'asset_group', 'metric', 'initiative_recommendation') THEN
        RETURN (SELECT coalesce(posture.assetset_agg(i.id), '{}') FROM posture.own_id(caller, what) i(id));
    ELSIF what IS NULL OR what NOT IN ('group_asset', 'asset', 'recommendation') THEN
        RAISE EXCEPTION 'nobody owns "%"', coalesce(what, 'NULL') USING ERRCODE = 'invalid_parameter_value';
    END IF;
    group_asset := (SELECT coalesce(posture.union_agg(posture.group_assets(i.id)), '{}')
                    FROM posture.own_id(caller, text 'asset_group') i(id));
    RETURN CASE what
        WHEN 'group_asset' THEN group_asset
        WHEN 'asset' THEN
            group_asset OPERATOR(posture.|)
            (SELECT coalesce(posture.union_agg(k.assessed), '{}')
             FROM posture.kept_set(timestamptz 'infinity', NULL::integer,
                                   ARRAY(SELECT posture.own_id(caller, text 'initiative_recommendation'))) k)
        ELSE
            (SELECT coalesce(posture.assetset_agg(r.id), '{}')
             FROM (SELECT posture.own_id(caller, text 'initiative_recommendation') AS id
                   UNION ALL
                   SELECT k.recommendation_id
                   FROM posture.kept_set(timestamptz 'infinity', NULL::integer, NULL::integer[]) k
                   WHERE group_asset OPERATOR(posture.<>) '{}' AND k.assessed OPERATOR(posture.&&) group_asset) r)
    END;
END $$;
COMMENT ON FUNCTION posture.own_set(oid, text) IS 'own() for a caller';
REVOKE EXECUTE ON FUNCTION posture.own_set(oid, text) FROM PUBLIC;

CREATE FUNCTION posture.own_among(caller oid, what text, ids integer[]) RETURNS integer[]
    LANGUAGE sql STABLE PARALLEL SAFE
    -- to who asks for all, all of theirs
    RETURN ARRAY(SELECT m.id
                 FROM posture.members(posture.own_set(caller, what)) m(id)
                 WHERE ids IS NULL OR m.id = ANY (ids));
COMMENT ON FUNCTION posture.own_among(oid, text, integer[]) IS 'those of some ids, or of all for NULL, that a caller owns';
REVOKE EXECUTE ON FUNCTION posture.own_among(oid, text, integer[]) FROM PUBLIC;

CREATE FUNCTION posture.own_of(caller oid, what text) RETURNS SETOF posture.assetset
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT posture.own_set(caller, what);
END;
COMMENT ON FUNCTION posture.own_of(oid, text) IS 'own() for a caller';
REVOKE EXECUTE ON FUNCTION posture.own_of(oid, text) FROM PUBLIC;

-- in full through an initiative; through a group, a recommendation on its assets
CREATE FUNCTION posture.own_recommendation_exposure_of(
    caller oid, as_of timestamptz, kept boolean, of_slice integer, chosen integer[], within posture.assetset)
    RETURNS TABLE (recommendation_id integer, assessed posture.assetset, exposed posture.assetset, failing posture.assetset, accepted posture.assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100 SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
DECLARE
    recommendations posture.assetset := posture.own_set(caller, text 'initiative_recommendation');
    group_asset posture.assetset := posture.own_set(caller, text 'group_asset');
BEGIN
    RETURN QUERY
    SELECT e.recommendation_id, posture.among(e.assessed, o.assets), posture.among(e.exposed, o.assets), posture.among(e.failing, o.assets),
           posture.among(e.accepted, o.assets)
    FROM posture.recommendation_exposure(as_of, kept, of_slice, chosen, within) e
    CROSS JOIN LATERAL (SELECT CASE WHEN NOT recommendations OPERATOR(posture.@>) e.recommendation_id THEN group_asset END AS assets) o
    WHERE e.recommendation_id IS NOT NULL
      AND (o.assets IS NULL OR e.failing OPERATOR(posture.|) e.assessed OPERATOR(posture.&&) o.assets);
END $$;
COMMENT ON FUNCTION posture.own_recommendation_exposure_of(oid, timestamptz, boolean, integer, integer[], posture.assetset) IS 'own_recommendation_exposure() for a caller';
REVOKE EXECUTE ON FUNCTION posture.own_recommendation_exposure_of(oid, timestamptz, boolean, integer, integer[], posture.assetset) FROM PUBLIC;

CREATE FUNCTION posture.own_asset_value_of(caller oid, of_attribute text, kept boolean, of_slice integer)
    RETURNS TABLE (value text, assets posture.assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
DECLARE
    own_asset posture.assetset := posture.own_set(caller, text 'asset');
BEGIN
    RETURN QUERY
    SELECT v.value, v.assets OPERATOR(posture.&) own_asset
    FROM posture.asset_value_set(of_attribute, kept, of_slice) v
    WHERE v.assets OPERATOR(posture.&&) own_asset
      -- of a group of others, what is exempt from recommendations of theirs
      AND (of_attribute <> 'group'
           OR v.value IN (SELECT g.id::text FROM posture.own_id(caller, text 'asset_group') g(id)
                          UNION ALL
                          SELECT e.asset_group_id::text
                          FROM posture.exemption e
                          WHERE e.recommendation_id IN (SELECT posture.own_id(caller, text 'initiative_recommendation'))));
END $$;
COMMENT ON FUNCTION posture.own_asset_value_of(oid, text, boolean, integer) IS 'own_asset_value() for a caller';
REVOKE EXECUTE ON FUNCTION posture.own_asset_value_of(oid, text, boolean, integer) FROM PUBLIC;

CREATE FUNCTION posture.own_tally_of(caller oid)
    RETURNS TABLE (object_kind text, object_id integer, assessed bigint, exposed bigint, failing bigint, critical bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100 SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
DECLARE
    initiatives posture.assetset := posture.own_set(caller, text 'initiative');
    metrics posture.assetset := posture.own_set(caller, text 'metric');
    recommendations posture.assetset := posture.own_set(caller, text 'initiative_recommendation');
BEGIN
    RETURN QUERY
    SELECT t.object_kind, t.object_id, t.assessed, t.exposed, t.failing, t.critical
    FROM posture.tally_now() t
    WHERE CASE t.object_kind WHEN 'initiative' THEN initiatives OPERATOR(posture.@>) t.object_id
                             WHEN 'metric' THEN metrics OPERATOR(posture.@>) t.object_id
                             ELSE recommendations OPERATOR(posture.@>) t.object_id END;
    IF EXISTS (SELECT FROM posture.own_id(caller, text 'asset_group')) THEN
        RETURN QUERY
        SELECT text 'recommendation', e.recommendation_id, posture.cardinality(e.assessed), posture.cardinality(e.exposed),
               posture.cardinality(e.failing), 0::bigint
        FROM posture.own_recommendation_exposure_of(caller, timestamptz 'infinity', true, NULL::integer, NULL::integer[], NULL::posture.assetset) e
        WHERE NOT recommendations OPERATOR(posture.@>) e.recommendation_id;
    END IF;
END $$;
COMMENT ON FUNCTION posture.own_tally_of(oid) IS 'own_tally() for a caller';
REVOKE EXECUTE ON FUNCTION posture.own_tally_of(oid) FROM PUBLIC;

CREATE FUNCTION posture.own_last_change_of(caller oid)
    RETURNS TABLE (recommendation_id integer, changed_at timestamptz)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100 SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    recommendations posture.assetset := posture.own_set(caller, text 'initiative_recommendation');
BEGIN
    RETURN QUERY
    SELECT l.recommendation_id, l.changed_at
    FROM posture.last_change() l
    WHERE recommendations OPERATOR(posture.@>) l.recommendation_id;
END $$;
COMMENT ON FUNCTION posture.own_last_change_of(oid) IS 'own_last_change() for a caller: of a recommendation that they see through a group alone it would tell of others'' assets';
REVOKE EXECUTE ON FUNCTION posture.own_last_change_of(oid) FROM PUBLIC;

CREATE FUNCTION posture.own_change_found_of(caller oid, previous_day date, on_day date, chosen integer[])
    RETURNS TABLE (recommendation_id integer,
                   was_assessed posture.assetset, was_exposed posture.assetset, was_waived posture.assetset, was_mitigated posture.assetset,
                   is_assessed posture.assetset, is_exposed posture.assetset, is_waived posture.assetset, is_mitigated posture.assetset,
                   was_missing numeric, was_possible numeric, is_missing numeric, is_possible numeric, points_step integer, has_ended boolean, has_given boolean)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT *
    FROM posture.change_found(previous_day, on_day,
        posture.own_among(caller, 'initiative_recommendation', chosen));
END;
COMMENT ON FUNCTION posture.own_change_found_of(oid, date, date, integer[]) IS 'own_change_found() for a caller';
REVOKE EXECUTE ON FUNCTION posture.own_change_found_of(oid, date, date, integer[]) FROM PUBLIC;

CREATE FUNCTION posture.own_change_step_of(caller oid, previous_day date, on_day date, metrics integer[], alone integer[])
    RETURNS TABLE (object_kind text, object_id integer, step integer, assessed bigint, exposed bigint,
                   points_missing numeric, points_possible numeric, fresh posture.assetset, assets posture.assetset, recommendations integer[])
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT *
    FROM posture.change_step(previous_day, on_day,
        posture.own_among(caller, 'metric', metrics), posture.own_among(caller, 'initiative_recommendation', alone));
END;
COMMENT ON FUNCTION posture.own_change_step_of(oid, date, date, integer[], integer[]) IS 'own_change_step() for a caller';
REVOKE EXECUTE ON FUNCTION posture.own_change_step_of(oid, date, date, integer[], integer[]) FROM PUBLIC;

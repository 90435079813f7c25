CREATE FUNCTION posture_internal.asset_group_set(from_store boolean, of_slice integer)
    RETURNS TABLE (asset_group_id integer, assets assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    -- stored sets are not valid if a group was changed since the last fold
    SELECT v.value::integer, v.assets
    FROM asset_value_set('group',
                         from_store AND NOT EXISTS (SELECT FROM catalog_delta d
                                                    WHERE d.changed = 'asset_group'),
                         of_slice) v;
END;
COMMENT ON FUNCTION posture_internal.asset_group_set(boolean, integer) IS
    'returns the assets of each group that has any: from the store if it is current, otherwise '
    'recomputed';

CREATE FUNCTION posture_internal.group_assets(of_group integer) RETURNS assetset
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN coalesce((SELECT g.assets FROM asset_group_set(true, NULL) g
                     WHERE g.asset_group_id = of_group), '{}');
END $$;
COMMENT ON FUNCTION posture_internal.group_assets(integer) IS 'returns the assets of a group';

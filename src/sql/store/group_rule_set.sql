/*
 * Sets of assets for groups: by the values that tags and rules name, each made
 * once for all groups, and by a rule (catalog/group_rule.sql), whose nodes are
 * combined from the leaves to the root. asset_class() puts them together.
 */

-- Few assets are looked up by id, and those that a rule names by their keys: their table is
-- not scanned for them.
CREATE FUNCTION posture_internal.named_class(
    of_assets assetset, tags text[], owners text[], patterns text[], keys text[], sources text[])
    RETURNS TABLE (field text, value text, assets assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    are_few boolean := coalesce(cardinality(of_assets) <= 10000, false);
BEGIN
    IF tags IS NOT NULL THEN
        RETURN QUERY
        WITH tag AS (
            SELECT t.tag, e.key, e.value FROM unnest(tags) t(tag), jsonb_each(t.tag::jsonb) e
        ), asset_tag AS (
            SELECT a.asset_id, t.key, t.value FROM asset_in(of_assets) a, jsonb_each(a.tags) t
        ), tagged AS (
            SELECT t.tag, assetset_agg(a.asset_id) AS assets
            FROM tag t
            JOIN asset_tag a ON a.key = t.key AND a.value = t.value
            GROUP BY t.tag
            UNION ALL
            -- an object or an array contains others
            SELECT t.tag, assetset_agg(a.asset_id)
            FROM tag t
            JOIN asset_tag a ON a.key = t.key AND jsonb_typeof(a.value) = jsonb_typeof(t.value)
                            AND a.value @> t.value AND a.value <> t.value
            WHERE jsonb_typeof(t.value) IN ('object', 'array')
            GROUP BY t.tag
        )
        SELECT 'tag', t.tag, union_agg(t.assets) FROM tagged t GROUP BY t.tag;
    END IF;
    IF owners IS NOT NULL THEN
        RETURN QUERY
        SELECT 'owner', o.owner, assetset_agg(a.asset_id)
        FROM asset_in(of_assets) a JOIN unnest(owners) o(owner) ON o.owner = a.owner
        GROUP BY o.owner;
    END IF;
    IF patterns IS NOT NULL THEN
        RETURN QUERY
        SELECT 'key', p.pattern, assetset_agg(a.asset_id)
        FROM asset_in(of_assets) a JOIN unnest(patterns) p(pattern) ON a.key LIKE p.pattern
        GROUP BY p.pattern;
    END IF;
    IF keys IS NOT NULL THEN
        RETURN QUERY
        SELECT 'asset', x.key, assetset_agg(x.asset_id)
        FROM (SELECT a.key::text AS key, a.asset_id FROM asset a WHERE a.key = ANY (keys)
              UNION ALL
              SELECT l.alias, l.asset_id FROM asset_alias l WHERE l.alias = ANY (keys)) x
        WHERE of_assets IS NULL OR of_assets @> x.asset_id
        GROUP BY x.key;
    END IF;
    IF sources IS NOT NULL THEN
        RETURN QUERY
        SELECT 'source', s.key::text, assetset_agg(x.asset_id)
        FROM source s
        CROSS JOIN LATERAL (
            SELECT y.asset_id
            FROM (SELECT z.asset_id FROM asset_source z
                  WHERE z.source_id = s.source_id
                    AND (of_assets IS NULL OR of_assets @> z.asset_id) OFFSET 0) y
            WHERE NOT are_few
            UNION ALL
            SELECT y.asset_id
            FROM members(of_assets) m(asset_id)
            CROSS JOIN LATERAL (SELECT z.asset_id FROM asset_source z
                                WHERE z.source_id = s.source_id AND z.asset_id = m.asset_id
                                OFFSET 0) y
            WHERE are_few) x
        WHERE s.key = ANY (sources)
        GROUP BY s.key;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.named_class(
    assetset, text[], text[], text[], text[], text[]) IS
    'returns, of the assets of a set, NULL: of all, those that have each tag, each owner, a key '
    'like each pattern, and each key or alias, and those that each source knows; NULL in place of '
    'an array: none';

-- state: the set of each node on the path to the last one, of what is combined so far
CREATE FUNCTION posture_internal.rule_agg_accum(
    state assetset[], depth integer, operation text, leaf assetset, all_assets assetset)
    RETURNS assetset[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    assets assetset := coalesce(leaf, state[depth + 1]);
BEGIN
    state[depth + 1] := NULL;
    IF operation = 'not' THEN
        assets := all_assets - assets;
    END IF;
    state[depth] := CASE WHEN state[depth] IS NULL THEN assets
                         WHEN operation = 'any' THEN state[depth] | assets
                         ELSE state[depth] & assets END;
    RETURN state;
END $$;
COMMENT ON FUNCTION posture_internal.rule_agg_accum(assetset[], integer, text, assetset, assetset)
    IS 'transition function of rule_agg()';

CREATE FUNCTION posture_internal.rule_agg_final(state assetset[]) RETURNS assetset
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN state[1];
COMMENT ON FUNCTION posture_internal.rule_agg_final(assetset[]) IS 'final function of rule_agg()';

CREATE AGGREGATE posture_internal.rule_agg(
    depth integer, operation text, leaf assetset, all_assets assetset) (
    SFUNC = rule_agg_accum,
    STYPE = assetset[],
    FINALFUNC = rule_agg_final,
    INITCOND = '{}',
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE posture_internal.rule_agg(integer, text, assetset, assetset) IS
    'returns the assets that a rule selects, from its nodes, each after those below it: its depth '
    'from 1, its operation, and the set of a node that has none below it';

/*
 * Keys of earlier versions, which gave assets the ids of products as they are, and checks their
 * names. Documents say which key an asset or a check had (field former), and what was loaded under
 * it goes to the new one when a document brings that.
 */

-- A former key is left alone if no source of the document reports on its asset, or if the tags of
-- this asset are of another account. Else it is of the asset that the document has now, unless the
-- document has several, or nothing tells whose it was. An id of 128 bits is of one asset only.
CREATE FUNCTION posture_internal.former_assets()
    RETURNS TABLE (old_id integer, old_key text, new_id integer, new_key text, is_same boolean)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    sources text[] := delivery_sources();
    curates boolean := has_level(caller(), 'curator');
BEGIN
    RETURN QUERY
    SELECT x.asset_id, x.key::text, asset_of(x.new_key, x.kind), x.new_key,
           x.n = 1 AND (x.is_agreed
                        OR x.key ~* '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$')
    FROM (SELECT a.asset_id, a.key, i.object ->> 'key' AS new_key, i.object ->> 'kind' AS kind,
                 t.is_agreed AND f.tags <> '{}' AS is_agreed,
                 EXISTS (SELECT FROM jsonb_object_keys(f.tags) k WHERE a.tags ? k) AS has_tags,
                 count(*) OVER (PARTITION BY a.asset_id) AS n,
                 bool_or(t.is_agreed) OVER (PARTITION BY a.asset_id) AS is_any_agreed
          FROM posture_item i
          CROSS JOIN LATERAL (SELECT i.object -> 'former' ->> 'key' AS key,
                                     i.object -> 'former' -> 'tags' AS tags OFFSET 0) f
          JOIN asset a ON a.key = f.key
          JOIN former_key k ON k.asset_id = a.asset_id AND NOT k.is_ended
          -- products write a provider in either case
          CROSS JOIN LATERAL (SELECT lower(a.tags::text)::jsonb @> lower(f.tags::text)::jsonb
                                     AS is_agreed) t
          WHERE i.type = 'asset' AND i.object ? 'former') x
    WHERE (x.is_any_agreed OR NOT x.has_tags)
      AND may_update_asset(x.asset_id, sources, curates)
      AND EXISTS (SELECT
                  FROM finding g
                  JOIN recommendation r USING (recommendation_id)
                  JOIN source s USING (source_id)
                  WHERE g.asset_id = x.asset_id
                    AND s.key IN (SELECT i.source FROM posture_item i
                                  WHERE i.type = 'finding'));
END $$;
COMMENT ON FUNCTION posture_internal.former_assets() IS
    'step of load(): returns the assets that are loaded under keys of earlier versions, each with '
    'the assets that the document has for it; is_same says that it is the one';

-- What a document still reports under its key is not of an earlier version.
CREATE FUNCTION posture_internal.keep_former_keys() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    WITH kept AS (
        DELETE FROM former_key k
        USING asset a, posture_item i
        WHERE i.type = 'asset' AND a.key = i.object ->> 'key' AND k.asset_id = a.asset_id
        RETURNING k.*
    )
    UPDATE asset a SET retired_at = NULL
    FROM kept k
    WHERE k.is_ended AND a.asset_id = k.asset_id AND a.retired_at IS NOT NULL;
END $$;
COMMENT ON FUNCTION posture_internal.keep_former_keys() IS
    'step of load(): forgets that an earlier version gave assets keys which the document has, too';

CREATE FUNCTION posture_internal.load_former_asset() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    ended integer[];
    first record;
BEGIN
    IF NOT EXISTS (SELECT FROM former_key)
       OR NOT has_item('asset')
       -- assets are merged at this level alone, see merge_asset()
       OR current_setting('transaction_isolation') <> 'read committed' THEN
        RETURN;
    END IF;
    PERFORM keep_former_keys();
    PERFORM working_table('posture_former', 'old_id integer, old_key text, new_id integer, '
                          'new_key text, is_same boolean');
    INSERT INTO posture_former SELECT * FROM former_assets();
    -- a plan for an empty table would be kept
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM join_asset(f.old_id, f.new_id)
    FROM posture_former f WHERE f.is_same AND f.new_id IS NOT NULL;
    WITH renamed AS (
        UPDATE asset a SET key = f.new_key
        FROM posture_former f
        WHERE f.is_same AND f.new_id IS NULL AND a.asset_id = f.old_id
        RETURNING a.asset_id, f.old_key
    )
    INSERT INTO asset_alias (alias, asset_id, how)
    SELECT r.old_key, r.asset_id, 'merged' FROM renamed r
    WHERE named_host(r.old_key) IS NOT NULL
    ON CONFLICT (alias) DO NOTHING;
    DELETE FROM former_key k USING posture_former f
    WHERE f.is_same AND k.asset_id = f.old_id;
    ended := ARRAY(SELECT DISTINCT f.old_id FROM posture_former f WHERE NOT f.is_same);
    IF ended <> '{}' THEN
        PERFORM end_assets(ended, ARRAY(SELECT DISTINCT i.source FROM posture_item i
                                        WHERE i.type = 'finding'));
        UPDATE former_key k SET is_ended = true WHERE k.asset_id = ANY (ended);
        SELECT f.old_key, f.new_key INTO first
        FROM posture_former f WHERE NOT f.is_same
        ORDER BY f.old_key, f.new_key LIMIT 1;
        RAISE NOTICE 'findings of asset "%" are closed, because it may have stood for several '
                     '(% such assets)', first.old_key, cardinality(ended)
            USING DETAIL = format('What it stood for are assets of their own, such as "%s". Its '
                                  'history stays, and what people entered for it.', first.new_key);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.load_former_asset() IS
    'step of load(): gives assets that are loaded under keys of earlier versions their keys, and '
    'ends those that may have stood for several';

CREATE FUNCTION posture_internal.load_former_check() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF NOT has_item('recommendation', 'former') THEN
        RETURN;
    END IF;
    WITH check_item AS (
        SELECT DISTINCT o.recommendation_id AS old_id, n.recommendation_id AS new_id,
               i.object -> 'former' ->> 'provider' AS provider
        FROM posture_item i
        JOIN source s ON s.key = i.source
        JOIN recommendation n ON n.source_id = s.source_id AND n.key = i.object ->> 'key'
        JOIN recommendation o ON o.source_id = s.source_id
                             AND o.key = i.object -> 'former' ->> 'key'
        WHERE i.type = 'recommendation' AND i.object ? 'former'
    ), moved AS (
        UPDATE finding f SET recommendation_id = c.new_id
        FROM check_item c, asset a
        WHERE f.recommendation_id = c.old_id AND a.asset_id = f.asset_id
          AND lower(a.tags ->> 'provider') = c.provider
          AND NOT EXISTS (SELECT FROM finding x
                          WHERE x.recommendation_id = c.new_id AND x.asset_id = f.asset_id)
        RETURNING c.old_id, c.new_id, f.asset_id
    ), of_check AS (
        SELECT DISTINCT m.old_id, m.new_id FROM moved m
    ), in_metric AS (
        INSERT INTO metric_recommendation (metric_id, recommendation_id)
        SELECT r.metric_id, c.new_id
        FROM of_check c
        JOIN metric_recommendation r ON r.recommendation_id = c.old_id
        JOIN metric m ON m.metric_id = r.metric_id AND m.rule IS NULL
        ON CONFLICT DO NOTHING
    ), in_initiative AS (
        INSERT INTO initiative_recommendation (initiative_id, recommendation_id)
        SELECT r.initiative_id, c.new_id
        FROM of_check c JOIN initiative_recommendation r ON r.recommendation_id = c.old_id
        ON CONFLICT DO NOTHING
    )
    INSERT INTO exemption (recommendation_id, asset_id, asset_group_id, kind, reason, approved_by,
                           created_at, expires_at, is_reported)
    SELECT c.new_id, e.asset_id, e.asset_group_id, e.kind, e.reason, e.approved_by,
           e.created_at, e.expires_at, e.is_reported
    FROM of_check c
    JOIN exemption e ON e.recommendation_id = c.old_id
    WHERE (e.expires_at IS NULL OR e.expires_at > now())
      AND (e.asset_id IS NULL OR EXISTS (SELECT FROM moved m WHERE m.new_id = c.new_id
                                         AND m.asset_id = e.asset_id));
END $$;
COMMENT ON FUNCTION posture_internal.load_former_check() IS
    'step of load(): moves findings of checks that shared the name of another provider''s check to '
    'the check of their provider, with the metrics, initiatives and exemptions of the name';

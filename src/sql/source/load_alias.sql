-- All names that a document gives an asset belong to one asset: if one of them is
-- known, the others become its aliases. Two existing assets are not merged only
-- because a document names both.
CREATE FUNCTION posture_internal.load_alias(reports_clashes boolean) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    clash record;
BEGIN
    -- a plan for an empty table would be kept
    IF NOT EXISTS (SELECT FROM posture_item i WHERE i.type = 'asset'
                   AND i.object ? 'aliases') THEN
        RETURN;
    END IF;
    PERFORM working_table('posture_name', 'key text, name text, asset_id integer');
    INSERT INTO posture_name
    SELECT n.key, n.name, asset_of(n.name, n.kind) AS asset_id
    FROM (SELECT i.object ->> 'key' AS key, i.object ->> 'kind' AS kind, i.object ->> 'key' AS name
          FROM posture_item i
          WHERE i.type = 'asset' AND i.object ? 'aliases'
          UNION
          SELECT i.object ->> 'key', i.object ->> 'kind', a.name
          FROM posture_item i
          CROSS JOIN LATERAL jsonb_array_elements_text(
              array_or_empty(i.object -> 'aliases')) a(name)
          WHERE i.type = 'asset') n
    WHERE key_error('alias', n.name) IS NULL;
    ANALYZE posture_name;

    INSERT INTO asset_alias (alias, asset_id, how)
    SELECT DISTINCT ON (n.name) n.name, k.asset_id, 'reported'
    FROM posture_name n
    JOIN (SELECT x.key, min(x.asset_id) AS asset_id
          FROM posture_name x
          GROUP BY x.key
          HAVING count(DISTINCT x.asset_id) = 1) k ON k.key = n.key
    WHERE n.asset_id IS NULL
    ORDER BY n.name, k.asset_id
    ON CONFLICT (alias) DO NOTHING;

    IF reports_clashes THEN
        SELECT x.key, min(a.key) AS one, max(a.key) AS other, count(*) OVER () AS clashes INTO clash
        FROM posture_name x JOIN asset a ON a.asset_id = x.asset_id
        GROUP BY x.key
        HAVING count(DISTINCT x.asset_id) > 1
        ORDER BY x.key
        LIMIT 1;
        IF FOUND THEN
            RAISE NOTICE 'names of asset "%" belong to several assets, '
                'such as "%" and "%" (% such cases)',
                clash.key, clash.one, clash.other, clash.clashes
                USING HINT = 'If they are one asset, merge them: '
                             'SELECT posture.merge_asset(asset, into_asset).';
        END IF;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.load_alias(boolean) IS
    'step of load(): adds further names of assets as aliases, '
    'and optionally gives notice of names that belong to several assets';

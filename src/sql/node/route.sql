/*
 * Which node has an asset: the one of the bucket of its key. What was an alias of an asset
 * when it first arrived is routed to the bucket of the asset, by alias_route.
 */

CREATE TABLE posture_internal.alias_route (
    alias text COLLATE "C" PRIMARY KEY,
    bucket integer NOT NULL
        CONSTRAINT "bucket is 0 to 1023" CHECK (bucket BETWEEN 0 AND 1023)
);
COMMENT ON TABLE posture_internal.alias_route IS
    'aliases of assets that are in another bucket than the one that the alias hashes to';
COMMENT ON COLUMN posture_internal.alias_route.alias IS
    'routing_key() of the alias, which is that of its other spellings too';
COMMENT ON COLUMN posture_internal.alias_route.bucket IS 'bucket of the asset';

-- It returns a row, so that PostgreSQL inlines it.
CREATE FUNCTION posture_internal.route_of(key text) RETURNS TABLE (bucket integer, node_id integer)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT n.bucket, coalesce(b.node_id, 0)
    FROM (SELECT coalesce((SELECT r.bucket FROM alias_route r
                           WHERE r.alias = routing_key(route_of.key)),
                          hash_bucket(route_of.key)) AS bucket
          OFFSET 0) n
    LEFT JOIN bucket b ON b.bucket = n.bucket;
END;
COMMENT ON FUNCTION posture_internal.route_of(text) IS
    'returns the bucket and the node of the asset with a key, which may be an alias';

-- A delivery names few assets in many rows.
CREATE FUNCTION posture_internal.routes_of(keys text[])
    RETURNS TABLE (key text, bucket integer, node_id integer)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT k.key, r.bucket, r.node_id
    FROM (SELECT DISTINCT u.key FROM unnest(keys) u(key)) k
    CROSS JOIN LATERAL route_of(k.key) r;
END;
COMMENT ON FUNCTION posture_internal.routes_of(text[]) IS
    'returns the bucket and the node of the assets with some keys';

CREATE FUNCTION posture_internal.add_routes(aliases text[], buckets integer[]) RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    INSERT INTO alias_route (alias, bucket)
    SELECT DISTINCT ON (routing_key(n.alias)) routing_key(n.alias), n.bucket
    FROM unnest(aliases, buckets) n(alias, bucket)
    WHERE EXISTS (SELECT FROM route_of(n.alias) r WHERE r.bucket <> n.bucket)
    ORDER BY routing_key(n.alias), n.alias
    ON CONFLICT (alias) DO UPDATE SET bucket = EXCLUDED.bucket;
END;
COMMENT ON FUNCTION posture_internal.add_routes(text[], integer[]) IS
    'routes aliases to the buckets of their assets';

-- While the head has all buckets, where an alias is routed does not matter.
CREATE FUNCTION posture_internal.route_aliases() RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM add_routes(array_agg(l.alias::text), array_agg(hash_bucket(a.key)))
    FROM asset_alias l JOIN asset a USING (asset_id);
END $$;
COMMENT ON FUNCTION posture_internal.route_aliases() IS
    'routes the aliases of the assets of this head to the buckets of these assets';

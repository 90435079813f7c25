/*
 * Inventories: documents that list assets, without findings. The function of each format
 * returns an inventory_asset for each element. What becomes of these is the same for all.
 */

CREATE TYPE posture_internal.inventory_asset AS (
    location text,
    error text,
    left_out text,
    key text,
    kind text,
    name text,
    criticality text,
    owner text,
    tags jsonb,
    aliases jsonb,
    seen_at timestamptz,
    element jsonb
);
COMMENT ON TYPE posture_internal.inventory_asset IS 'an asset as an inventory lists it';
COMMENT ON COLUMN posture_internal.inventory_asset.location IS 'place in the document';
COMMENT ON COLUMN posture_internal.inventory_asset.error IS
    'why it can''t be loaded; NULL if it can';
COMMENT ON COLUMN posture_internal.inventory_asset.left_out IS
    'why it is not meant to be loaded; NULL if it is';
COMMENT ON COLUMN posture_internal.inventory_asset.key IS
    'key of the asset; NULL if the element is not one of the format';
COMMENT ON COLUMN posture_internal.inventory_asset.kind IS 'kind; NULL: not known';
COMMENT ON COLUMN posture_internal.inventory_asset.name IS 'display name; NULL: not known';
COMMENT ON COLUMN posture_internal.inventory_asset.criticality IS
    'low, medium, high or critical; NULL: not known';
COMMENT ON COLUMN posture_internal.inventory_asset.owner IS
    'person or team responsible for it; NULL: not known';
COMMENT ON COLUMN posture_internal.inventory_asset.tags IS 'tags, an object; NULL: none';
COMMENT ON COLUMN posture_internal.inventory_asset.aliases IS
    'further keys, an array; those that are null, not text or repeated are ignored';
COMMENT ON COLUMN posture_internal.inventory_asset.seen_at IS
    'time at which the source saw it last; NULL: now';
COMMENT ON COLUMN posture_internal.inventory_asset.element IS 'the element of the document';

CREATE FUNCTION posture_internal.seen_error(field text, value jsonb) RETURNS text
    LANGUAGE sql STABLE
    RETURN CASE WHEN coalesce(jsonb_typeof(value), 'null') = 'null' THEN NULL
                WHEN parse_time(json_text(value)) IS NULL
                THEN format('%s is not a time in the years 1900 to 9999: "%s"', field,
                            left(value #>> '{}', 100))
                WHEN parse_time(json_text(value)) > latest_observation(statement_timestamp())
                THEN format('%s is in the future: %s', field, left(value #>> '{}', 100)) END;
COMMENT ON FUNCTION posture_internal.seen_error(text, jsonb) IS
    'returns why a time at which a source saw something can''t be loaded; NULL if it can, or there '
    'is none';

-- A product writes the year 1, or a time that has not come yet, where it knows none.
CREATE FUNCTION posture_internal.seen_time(value jsonb) RETURNS timestamptz
    LANGUAGE sql STABLE
    RETURN CASE WHEN parse_time(json_text(value)) IS NOT NULL
           THEN least(parse_time(json_text(value)), statement_timestamp()) END;
COMMENT ON FUNCTION posture_internal.seen_time(jsonb) IS
    'returns the time at which a source saw something, not later than now; NULL if it is none';

-- It returns rows, so that PostgreSQL inlines it: it is called for each asset.
CREATE FUNCTION posture_internal.inventory_row(a inventory_asset, source text)
    RETURNS SETOF item
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT a.location, CASE WHEN a.left_out IS NULL THEN a.error END,
           CASE WHEN a.left_out IS NOT NULL THEN 'left_out' WHEN a.key IS NOT NULL THEN 'asset' END,
           source, NULL::text, CASE WHEN key_error('asset', a.key) IS NULL THEN a.key END,
           NULL::text, a.seen_at, a.kind, a.name, NULL::jsonb,
           CASE WHEN a.left_out IS NOT NULL THEN jsonb_build_object('reason', a.left_out)
                WHEN a.error IS NOT NULL THEN a.element
                ELSE jsonb_strip_nulls(jsonb_build_object(
                         'key', a.key, 'kind', a.kind, 'name', a.name,
                         'criticality', a.criticality, 'owner', a.owner, 'aliases', l.aliases))
                     || CASE WHEN jsonb_typeof(a.tags) = 'object' AND a.tags <> '{}'
                             THEN jsonb_build_object('tags', a.tags) ELSE '{}' END END
    FROM (SELECT (SELECT jsonb_agg(DISTINCT x.alias)
                  FROM jsonb_array_elements(array_or_empty(a.aliases)) x(alias)
                  WHERE jsonb_typeof(x.alias) = 'string' AND x.alias #>> '{}' <> a.key
                    AND key_error('alias', x.alias #>> '{}') IS NULL) AS aliases) l;
END;
COMMENT ON FUNCTION posture_internal.inventory_row(inventory_asset, text) IS
    'returns the item of an asset that an inventory lists';

CREATE FUNCTION posture_internal.inventory_product(
    assets bigint, source text, product text) RETURNS SETOF item
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT '$', NULL::text, 'source', source, NULL::text, NULL::text, NULL::text,
           NULL::timestamptz, NULL::text, NULL::text, NULL::jsonb,
           jsonb_build_object('key', source, 'name', product, 'product', product)
    WHERE assets > 0;
END;
COMMENT ON FUNCTION posture_internal.inventory_product(bigint, text, text) IS
    'returns the item of the source of an inventory that has assets';

-- Scanners know a host by its name. Two devices of a document that have one name may be two hosts.
CREATE FUNCTION posture_internal.host_alias(name text, kind text, is_only_one boolean)
    RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN is_only_one AND kind = 'host' AND named_host(name) IS NOT NULL
                     AND host_key(name) ~ '^[[:alnum:]_-]+([.][[:alnum:]_-]+)*$'
                THEN host_key(name) END;
COMMENT ON FUNCTION posture_internal.host_alias(text, text, boolean) IS
    'returns the alias of an asset for the name of a host; NULL if it is none that only this host '
    'has in a document';

CREATE FUNCTION posture_internal.inventory_items(
    assets inventory_asset[], source text, product text) RETURNS SETOF item
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT i.*
    FROM (SELECT a, count(*) OVER (PARTITION BY a.kind, host_key(a.name)) = 1 AS is_only_one
          FROM unnest(assets) a
          OFFSET 0) d
    CROSS JOIN LATERAL (
        SELECT ((d.a).location, (d.a).error, (d.a).left_out, (d.a).key, (d.a).kind, (d.a).name,
                (d.a).criticality, (d.a).owner, strip_empty_fields((d.a).tags),
                (d.a).aliases || to_jsonb(ARRAY[host_alias((d.a).name, (d.a).kind,
                                                           d.is_only_one)]),
                (d.a).seen_at, (d.a).element)::inventory_asset AS asset
        OFFSET 0) n
    CROSS JOIN LATERAL inventory_row(n.asset, inventory_items.source) i
    UNION ALL
    SELECT p.*
    FROM (SELECT count(*) FILTER (WHERE a.error IS NULL AND a.left_out IS NULL) AS assets
          FROM unnest(assets) a) c
    CROSS JOIN LATERAL inventory_product(c.assets, inventory_items.source, product) p;
END;
COMMENT ON FUNCTION posture_internal.inventory_items(inventory_asset[], text, text) IS
    'returns the items of the assets of an inventory, of which hosts have their names as aliases';

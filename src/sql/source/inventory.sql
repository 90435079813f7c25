/*
 * Format inventory, and what becomes of the assets of inventories: those that are new are
 * added, fields that are given are updated, and asset_source says which source knows them.
 * An asset that a complete delivery no longer has leaves its inventory. It is retired if
 * no other inventory knows it, and counts again when one does.
 *
 * Sources that write rows instead of documents COPY them into asset_inbox, and
 * ingest_assets() loads them the same way.
 */

CREATE TABLE posture.asset_inbox (
    source text,
    asset text,
    kind text,
    name text,
    criticality text,
    owner text,
    tags jsonb,
    seen_at timestamptz,
    aliases text[]
);
COMMENT ON TABLE posture.asset_inbox IS
    'assets that inventories list, to load: COPY them here, then call ingest_assets()';
COMMENT ON COLUMN posture.asset_inbox.source IS 'key of a source';
COMMENT ON COLUMN posture.asset_inbox.asset IS 'key of an asset; a new key adds an asset';
COMMENT ON COLUMN posture.asset_inbox.kind IS 'kind of the asset; NULL: unchanged';
COMMENT ON COLUMN posture.asset_inbox.name IS 'display name of the asset; NULL: unchanged';
COMMENT ON COLUMN posture.asset_inbox.criticality IS
    'low, medium, high or critical; NULL: unchanged';
COMMENT ON COLUMN posture.asset_inbox.owner IS
    'person or team responsible for the asset; NULL: unchanged';
COMMENT ON COLUMN posture.asset_inbox.tags IS
    'tags, an object; they are added to those that are there; NULL: unchanged';
COMMENT ON COLUMN posture.asset_inbox.seen_at IS
    'time at which the source saw the asset, not later than now; NULL: now';
COMMENT ON COLUMN posture.asset_inbox.aliases IS 'further keys of the asset; NULL: none';

CREATE TRIGGER check_delivery AFTER INSERT ON posture.asset_inbox
    REFERENCING NEW TABLE AS delivered
    FOR EACH STATEMENT EXECUTE FUNCTION check_delivery();
COMMENT ON TRIGGER check_delivery ON posture.asset_inbox IS
    'lets loaders deliver for their sources alone';

-- These return rows, so that PostgreSQL inlines them: they are called for each asset.
CREATE FUNCTION posture_internal.inventory_error(element jsonb, types jsonb)
    RETURNS TABLE (error text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT coalesce(
        not_object_error(element),
        size_error(element),
        (SELECT format('unrecognized field "%s"', left(f.field, 100))
                || coalesce(', here perhaps ' || similar_name(x.fields, f.field), '')
         FROM (SELECT '{key,kind,name,criticality,owner,tags,aliases,seen_at}'::text[] AS fields
               OFFSET 0) x
         CROSS JOIN jsonb_object_keys(object_or_empty(element)) f(field)
         WHERE f.field <> ALL (x.fields)
         ORDER BY f.field
         LIMIT 1),
        e.error,
        seen_error('seen_at', element -> 'seen_at'))
    FROM object_error('asset', object_or_empty(element) - 'seen_at'::text, types) e;
END;
COMMENT ON FUNCTION posture_internal.inventory_error(jsonb, jsonb) IS
    'returns why an object of format inventory can''t be loaded; NULL if it can';

CREATE FUNCTION posture_internal.inventory_element(location text, element jsonb, error text)
    RETURNS SETOF inventory_asset
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT location, error, NULL::text,
           -- without a key it is no asset, whatever else it is
           CASE WHEN o.object -> 'key' <> 'null' THEN o.object ->> 'key' END,
           o.object ->> 'kind', o.object ->> 'name', o.object ->> 'criticality',
           o.object ->> 'owner', o.object -> 'tags', o.object -> 'aliases',
           seen_time(o.object -> 'seen_at'), element
    FROM (SELECT object_or_empty(element) AS object OFFSET 0) o;
END;
COMMENT ON FUNCTION posture_internal.inventory_element(text, jsonb, text) IS
    'returns the asset that an object of format inventory is';

CREATE FUNCTION posture_internal.inventory_item(document jsonb, of_source text) RETURNS SETOF item
    LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
    SELECT i.*
    FROM (SELECT object_types() AS types OFFSET 0) t
    CROSS JOIN document_element(document, '{assets}') e
    CROSS JOIN LATERAL (SELECT x AS asset
                        FROM inventory_error(e.element, t.types) r
                        CROSS JOIN inventory_element(e.location, e.element, r.error) x
                        OFFSET 0) a
    CROSS JOIN LATERAL inventory_row(a.asset, coalesce(of_source, 'inventory')) i;
END;
COMMENT ON FUNCTION posture_internal.inventory_item(jsonb, text) IS
    'returns the items of a document of format inventory';

-- What was rejected is not gone. Its rows have no last_seen.
CREATE FUNCTION posture_internal.name_inventory(complete_source text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    INSERT INTO asset (key, name)
    SELECT DISTINCT i.object ->> 'asset', i.object ->> 'asset'
    FROM posture_item i
    WHERE i.type = 'asset_source' AND asset_of(i.object ->> 'asset', NULL) IS NULL;
    PERFORM working_table('posture_inventory', 'source_id integer, asset_id integer, '
                          'first_seen timestamptz, last_seen timestamptz, is_new boolean');
    INSERT INTO posture_inventory
    SELECT n.source_id, n.asset_id, least(min(n.first_seen), max(n.last_seen)), max(n.last_seen),
           NOT EXISTS (SELECT FROM asset_source x
                       WHERE x.source_id = n.source_id AND x.asset_id = n.asset_id)
    FROM (SELECT s.source_id,
                 asset_of(coalesce(i.asset, i.object ->> 'asset'), i.asset_kind) AS asset_id,
                 coalesce(i.observed_at, (i.object ->> 'first_seen')::timestamptz)
                     AS first_seen,
                 coalesce(i.observed_at, (i.object ->> 'last_seen')::timestamptz, now())
                     AS last_seen
          FROM posture_item i JOIN source s ON s.key = i.source
          WHERE i.type = 'asset' AND i.asset IS NOT NULL OR i.type = 'asset_source'
          OFFSET 0) n
    WHERE n.asset_id IS NOT NULL
    GROUP BY n.source_id, n.asset_id;
    INSERT INTO posture_inventory (source_id, asset_id, is_new)
    SELECT s.source_id, asset_of(r.asset, r.asset_kind), false
    FROM rejected r JOIN source s ON s.key = r.source
    WHERE r.source = complete_source AND r.recommendation IS NULL AND r.rejected_at >= now()
      AND asset_of(r.asset, r.asset_kind) IS NOT NULL;
    ANALYZE posture_inventory;
END $$;
COMMENT ON FUNCTION posture_internal.name_inventory(text) IS
    'step of load() and ingest_assets(): puts the assets that a delivery of an inventory names '
    'into a working table';

CREATE FUNCTION posture_internal.leave_inventory(
    complete_source text, complete_at timestamptz, OUT closed bigint, OUT retired bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    sources text[] := delivery_sources();
    curates boolean := has_level(caller(), 'curator');
    left_ids integer[];
BEGIN
    IF complete_at IS NULL
       AND NOT EXISTS (SELECT
                       FROM posture_inventory n JOIN source s USING (source_id)
                       WHERE s.key = complete_source AND n.last_seen IS NOT NULL) THEN
        RAISE EXCEPTION 'delivery contains no asset of source "%"', complete_source
            USING ERRCODE = 'no_data_found',
                  DETAIL = 'A complete delivery of nothing would retire every asset that only this '
                           'inventory knows.',
                  HINT = 'forget_source() forgets an inventory that no longer exists.';
    END IF;
    WITH gone AS (
        DELETE FROM asset_source x
        USING source s
        WHERE s.key = complete_source AND x.source_id = s.source_id
          AND NOT EXISTS (SELECT FROM posture_inventory n
                          WHERE n.source_id = x.source_id AND n.asset_id = x.asset_id)
        RETURNING x.asset_id, may_update_asset(x.asset_id, sources, curates) AS may_retire
    )
    SELECT count(*), array_agg(g.asset_id ORDER BY g.asset_id) FILTER (WHERE g.may_retire)
    INTO closed, left_ids
    FROM gone g;
    WITH ended AS (
        UPDATE asset a SET retired_at = now()
        WHERE a.asset_id = ANY (left_ids) AND coalesce(a.retired_at > now(), true)
          AND NOT EXISTS (SELECT FROM asset_source x WHERE x.asset_id = a.asset_id)
        RETURNING a.asset_id, a.retired_at
    ), noted AS (
        INSERT INTO left_inventory (asset_id, retired_at)
        SELECT e.asset_id, e.retired_at FROM ended e
        ON CONFLICT (asset_id) DO UPDATE SET retired_at = EXCLUDED.retired_at
    )
    SELECT count(*) INTO retired FROM ended;
END $$;
COMMENT ON FUNCTION posture_internal.leave_inventory(text, timestamptz) IS
    'step of load() and ingest_assets(): takes the assets that a complete delivery does not name '
    'from its inventory, and retires those that no inventory knows any longer; returns their '
    'numbers; complete_at: see ingest_sources()';

CREATE FUNCTION posture_internal.write_inventory(
    complete_source text, complete_at timestamptz, OUT closed bigint, OUT retired bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    sources text[] := delivery_sources();
    curates boolean := has_level(caller(), 'curator');
BEGIN
    PERFORM name_inventory(complete_source);
    INSERT INTO asset_source (source_id, asset_id, first_seen, last_seen)
    SELECT n.source_id, n.asset_id, n.first_seen, n.last_seen
    FROM posture_inventory n
    WHERE n.is_new
    ORDER BY n.source_id, n.asset_id;
    UPDATE asset_source x SET last_seen = n.last_seen
    FROM posture_inventory n
    WHERE NOT n.is_new AND x.source_id = n.source_id AND x.asset_id = n.asset_id
      AND day_of(x.last_seen) < day_of(n.last_seen);
    PERFORM update_last_seen(array_agg(n.source_id), array_agg(n.seen_at))
    FROM (SELECT i.source_id, max(i.last_seen) AS seen_at
          FROM posture_inventory i
          GROUP BY i.source_id) n;

    WITH back AS (
        DELETE FROM left_inventory l
        WHERE l.asset_id IN (SELECT n.asset_id FROM posture_inventory n)
          AND may_update_asset(l.asset_id, sources, curates)
        RETURNING l.asset_id, l.retired_at
    )
    UPDATE asset a SET retired_at = NULL
    FROM back b
    WHERE a.asset_id = b.asset_id AND a.retired_at = b.retired_at;
    closed := 0;
    IF complete_source IS NOT NULL THEN
        SELECT l.closed, l.retired INTO closed, retired
        FROM leave_inventory(complete_source, complete_at) l;
    END IF;
    PERFORM fold_if_many();
END $$;
COMMENT ON FUNCTION posture_internal.write_inventory(text, timestamptz) IS
    'step of load() and ingest_assets(): writes which source knows an asset, of a complete '
    'delivery also which no longer does; returns how many assets left the inventory, and how many '
    'of these are retired now';

CREATE FUNCTION posture_internal.load_asset_source() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF NOT has_item('asset_source') THEN
        RETURN 0;
    END IF;
    PERFORM write_inventory(NULL, NULL);
    RETURN (SELECT count(*) FROM posture_inventory n WHERE n.is_new);
END $$;
COMMENT ON FUNCTION posture_internal.load_asset_source() IS
    'step of load(): writes which source knows an asset, as a document of format posture says; '
    'returns the number of rows added';

-- A CMDB calls a host what a scanner calls a virtual machine of a cloud. Each delivery of either
-- would change the kind, and with it which metrics count the asset.
CREATE FUNCTION posture_internal.keep_kinds() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    UPDATE posture_item i
    SET object = i.object || jsonb_build_object('kind', a.kind)
    FROM asset a
    WHERE i.type = 'asset' AND i.asset_kind IS NOT NULL
      AND a.asset_id = asset_of(i.asset, i.asset_kind)
      AND a.kind NOT IN ('unknown', i.asset_kind);
END $$;
COMMENT ON FUNCTION posture_internal.keep_kinds() IS
    'step of load(): lets assets that have a kind keep it, whatever a product calls them';

-- What becomes of an asset that others know, too, is nothing for a role that only delivers.
CREATE FUNCTION posture_internal.load_inventory(
    complete_source text, keeps_kinds boolean, complete_at timestamptz, OUT changed bigint,
    OUT closed bigint, OUT retired bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    curates boolean := has_level(caller(), 'curator');
    written integer[];
BEGIN
    IF keeps_kinds THEN
        PERFORM keep_kinds();
    END IF;
    PERFORM insert_objects('asset');
    written := update_objects('asset')::integer[];
    PERFORM load_alias(false);
    SELECT w.closed, w.retired INTO closed, retired
    FROM write_inventory(complete_source, complete_at) w;
    changed := (SELECT count(DISTINCT n.asset_id)
                FROM posture_inventory n
                WHERE n.is_new OR curates AND n.asset_id = ANY (written));
    IF NOT curates THEN
        retired := NULL;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.load_inventory(text, boolean, timestamptz) IS
    'step of load() and ingest_assets(): writes the assets of inventories; returns how many are '
    'new to their inventory or changed, left it, and are retired since they did';

CREATE FUNCTION posture_internal.take_assets(of_source text) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET timezone = 'UTC' SET datestyle = 'ISO, YMD'
AS $$
DECLARE
    types jsonb := object_types();
    source_error text := CASE
        WHEN key_error('source', of_source) IS NOT NULL THEN key_error('source', of_source)
        WHEN NOT EXISTS (SELECT FROM source s WHERE s.key = of_source)
        THEN format('source "%s" does not exist', left(of_source, 100)) END;
    taken bigint;
BEGIN
    PERFORM working_table('posture_item', 'LIKE item');
    WITH arrived AS (
        DELETE FROM asset_inbox i
        WHERE i.source IS NOT DISTINCT FROM of_source
        RETURNING i.ctid AS id,
                  strip_null_fields(
                      to_jsonb(i) - '{source,asset}'::text[]
                      || jsonb_build_object('key', i.asset,
                                            'aliases', array_remove(i.aliases, NULL))) AS element
    )
    INSERT INTO posture_item
    SELECT i.*
    FROM (SELECT x AS asset
          FROM arrived a
          CROSS JOIN inventory_error(a.element, types) e
          CROSS JOIN inventory_element('asset_inbox', a.element,
                                       coalesce(source_error,
                                                key_error('asset', a.element ->> 'key'),
                                                e.error)) x
          ORDER BY a.id
          OFFSET 0) x
    CROSS JOIN LATERAL inventory_row(x.asset, of_source) i;
    GET DIAGNOSTICS taken = ROW_COUNT;
    RETURN taken;
END $$;
COMMENT ON FUNCTION posture_internal.take_assets(text) IS
    'step of ingest_assets(): makes items of the rows of a source in asset_inbox; returns their '
    'number';

CREATE FUNCTION posture_internal.ingest_assets_of(
    of_source text, is_complete boolean, OUT loaded bigint, OUT changed bigint,
    OUT rejected bigint, OUT closed bigint, OUT retired bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    arrived_at timestamptz := clock_timestamp();
BEGIN
    PERFORM take_assets(of_source);
    PERFORM restrict_items('inventory');
    rejected := load_reject(NULL);
    PERFORM load_analyze();
    SELECT l.loaded, l.changed, ingest_assets_of.rejected + l.rejected, l.closed, l.retired
    INTO loaded, changed, rejected, closed, retired
    FROM load_rows('inventory', 'asset', CASE WHEN is_complete THEN of_source END, arrived_at) l;
END $$;
COMMENT ON FUNCTION posture_internal.ingest_assets_of(text, boolean) IS
    'step of ingest_assets(): loads the rows of one source';

-- One source after the other, so that the aliases of one are known to the next.
CREATE FUNCTION posture_internal.ingest_assets(
    complete_source text, only_source text, OUT loaded bigint, OUT changed bigint,
    OUT unchanged bigint, OUT rejected bigint, OUT closed bigint, OUT retired bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
DECLARE
    sources text[];
    of_source text;
    step record;
BEGIN
    PERFORM require_level('loader');
    PERFORM require_deliveries(ARRAY[complete_source, only_source]);
    PERFORM lock_delivery();
    sources := CASE WHEN only_source IS NOT NULL THEN ARRAY[only_source]
                    ELSE delivery_sources() END;
    IF shares_assets() THEN
        RAISE EXCEPTION 'the head of node "%" knows the names of its assets',
            (SELECT p.node FROM place p)
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'SELECT * FROM posture.ingest_assets(); on the head takes the rows over.';
    ELSIF has_nodes() THEN
        PERFORM FROM take_over('asset_inbox', sources);
    END IF;
    loaded := 0;
    changed := 0;
    rejected := 0;
    closed := 0;
    FOR of_source IN
        SELECT i.source FROM asset_inbox i WHERE sources IS NULL OR i.source = ANY (sources)
        UNION
        SELECT complete_source WHERE complete_source IS NOT NULL
        ORDER BY 1
    LOOP
        SELECT s.* INTO step
        FROM ingest_assets_of(of_source, of_source IS NOT DISTINCT FROM complete_source) s;
        loaded := loaded + step.loaded;
        changed := changed + step.changed;
        rejected := rejected + step.rejected;
        closed := closed + step.closed;
        retired := coalesce(retired, step.retired);
    END LOOP;
    unchanged := loaded - changed;
END $$;
COMMENT ON FUNCTION posture_internal.ingest_assets(text, text) IS
    'loads asset_inbox, see posture.ingest_assets()';

CREATE FUNCTION posture.ingest_assets(
    complete_source text DEFAULT NULL, only_source text DEFAULT NULL,
    OUT loaded bigint, OUT changed bigint, OUT unchanged bigint, OUT rejected bigint,
    OUT closed bigint, OUT retired bigint)
    AS 'MODULE_PATHNAME', 'posture_call_definer' LANGUAGE C;
COMMENT ON FUNCTION posture.ingest_assets(text, text) IS
    'loads asset_inbox, or with only_source the rows of one source; with complete_source, assets '
    'of this inventory that have no row leave it: closed is their number, and retired how many of '
    'them no inventory knows now, which are retired, NULL for a role that is no curator; '
    'loaded = changed + unchanged';

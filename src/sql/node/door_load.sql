/*
 * What a head does with a document: load() has written the sources and
 * recommendations that it brings. The items about assets of nodes go to these, as rows of the
 * inbox do, and each node loads its items by the functions that a database without nodes uses.
 */

CREATE FUNCTION posture_internal.item_asset(type text, asset text, object jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN type IN ('finding', 'left_out') THEN asset
                WHEN type = 'asset' THEN object ->> 'key'
                WHEN type IN ('asset_source', 'exemption', 'attestation')
                    THEN object ->> 'asset' END;
COMMENT ON FUNCTION posture_internal.item_asset(text, text, jsonb) IS
    'returns the key of the asset that an item is about; NULL: it is of the catalog';

CREATE TYPE posture_internal.known_name AS (name text, asset_id integer, key text);
COMMENT ON TYPE posture_internal.known_name IS 'a name that a database knows as one of an asset';
COMMENT ON COLUMN posture_internal.known_name.name IS 'key or alias';
COMMENT ON COLUMN posture_internal.known_name.asset_id IS 'id of the asset';
COMMENT ON COLUMN posture_internal.known_name.key IS 'key of the asset';

CREATE FUNCTION posture_internal.known_names(names jsonb) RETURNS SETOF known_name
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT n.name, a.asset_id, a.key::text
    FROM (SELECT e ->> 0 AS name, asset_of(e ->> 0, e ->> 1) AS asset_id
          FROM jsonb_array_elements(names) e
          OFFSET 0) n
    JOIN asset a ON a.asset_id = n.asset_id;
END;
COMMENT ON FUNCTION posture_internal.known_names(jsonb) IS
    'returns those of some names, each with the kind of its asset, that this database knows';

-- The names of an asset are known everywhere, or nowhere.
CREATE FUNCTION posture_internal.name_assets() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET posture.partial_results = off
AS $$
DECLARE
    names jsonb;
BEGIN
    PERFORM working_table('posture_routed_name', 'key text, kind text, name text, '
                          'asset_id integer, bucket integer');
    INSERT INTO posture_routed_name (key, kind, name)
    SELECT i.object ->> 'key', i.object ->> 'kind', i.object ->> 'key'
    FROM posture_item i
    WHERE i.type = 'asset' AND i.object ? 'aliases'
    UNION
    SELECT i.object ->> 'key', i.object ->> 'kind', a.name
    FROM posture_item i
    CROSS JOIN LATERAL jsonb_array_elements_text(array_or_empty(i.object -> 'aliases')) a(name)
    WHERE i.type = 'asset' AND key_error('alias', a.name) IS NULL;
    names := (SELECT jsonb_agg(DISTINCT jsonb_build_array(n.name, n.kind))
              FROM posture_routed_name n);
    UPDATE posture_routed_name n
    SET asset_id = k.asset_id, bucket = hash_bucket(k.key)
    FROM (SELECT * FROM known_names(names)
          UNION ALL
          SELECT * FROM ask_nodes(NULL::known_name, format('known_names(%L)', names))) k
    WHERE k.name = n.name;
END $$;
COMMENT ON FUNCTION posture_internal.name_assets() IS
    'step of load() on a head: puts the names that a document gives assets into a working table, '
    'with the asset that one of the databases knows by each';

-- As load_alias() does, if one of the names of an asset is known, the others become its aliases,
-- unless they are of several assets.
CREATE FUNCTION posture_internal.route_aliases(reports_clashes boolean) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF NOT has_item('asset', 'aliases') THEN
        RETURN;
    END IF;
    PERFORM name_assets();
    PERFORM working_table('posture_clash', 'key text');
    INSERT INTO posture_clash
    SELECT n.key FROM posture_routed_name n
    GROUP BY n.key HAVING count(DISTINCT n.asset_id) > 1;
    IF reports_clashes THEN
        PERFORM report_clash((SELECT c.key FROM posture_clash c ORDER BY 1 LIMIT 1),
                             (SELECT count(*) FROM posture_clash));
    END IF;
    PERFORM add_routes(array_agg(r.name), array_agg(r.bucket))
    FROM (SELECT DISTINCT ON (n.name) n.name, t.bucket
          FROM posture_routed_name n
          CROSS JOIN LATERAL (SELECT coalesce(max(k.bucket),
                                              (SELECT o.bucket FROM route_of(n.key) o)) AS bucket
                              FROM posture_routed_name k
                              WHERE k.key = n.key AND k.asset_id IS NOT NULL) t
          WHERE n.asset_id IS NULL
            AND NOT EXISTS (SELECT FROM posture_clash c WHERE c.key = n.key)
          ORDER BY n.name, n.key) r;
    -- what is left has one node
    UPDATE posture_item i
    SET object = i.object || jsonb_build_object('aliases', (
            SELECT coalesce(jsonb_agg(n.name), '[]')
            FROM posture_routed_name n
            CROSS JOIN LATERAL route_of(n.name) r
            WHERE n.key = i.object ->> 'key' AND n.name <> n.key
              AND r.bucket = (SELECT o.bucket FROM route_of(n.key) o)
              AND NOT EXISTS (SELECT FROM posture_clash c WHERE c.key = n.key)))
    WHERE i.type = 'asset' AND i.object ? 'aliases';
END $$;
COMMENT ON FUNCTION posture_internal.route_aliases(boolean) IS
    'step of load() on a head: has all names that a document gives an asset lead to one node';

CREATE FUNCTION posture_internal.report_clash(of_key text, clashes bigint) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    names text[] := ARRAY(SELECT min(n.name) FROM posture_routed_name n
                          WHERE n.key = of_key AND n.asset_id IS NOT NULL
                          GROUP BY n.asset_id ORDER BY 1);
BEGIN
    IF clashes > 0 THEN
        RAISE NOTICE 'names of asset "%" belong to several assets, '
            'such as "%" and "%" (% such cases)', of_key, names[1], names[2], clashes
            USING HINT = 'If they are one asset, merge them: '
                         'SELECT posture.merge_asset(asset, into_asset).';
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.report_clash(text, bigint) IS
    'step of load() on a head: gives notice of names that belong to several assets';

-- The extents of a complete document are those of all nodes, also of one without a finding.
CREATE FUNCTION posture_internal.state_coverage(complete_source text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF complete_source IS NULL OR NOT states_extents(true) THEN
        RETURN;
    END IF;
    INSERT INTO posture_item (location, type, source, asset, asset_kind, observed_at,
                                      object)
    SELECT '$', 'covered', s.source, s.asset, min(s.asset_kind), max(s.at),
           jsonb_strip_nulls(jsonb_build_object('extents', jsonb_build_array(s.stated), 'of_asset',
                                                CASE WHEN s.asset IS NOT NULL THEN true END))
    FROM (SELECT i.source, k.key AS stated, coalesce(i.observed_at, clock_timestamp()) AS at,
                 CASE WHEN i.object ? 'of_asset' THEN i.asset END AS asset,
                 CASE WHEN i.object ? 'of_asset' THEN i.asset_kind END AS asset_kind
          FROM posture_item i
          CROSS JOIN LATERAL jsonb_array_elements_text(i.object -> 'extents') k(key)
          WHERE i.type = 'finding' AND i.source = complete_source) s
    GROUP BY s.source, s.asset, s.stated;
END $$;
COMMENT ON FUNCTION posture_internal.state_coverage(text) IS
    'step of load() on a head: adds items that state the extents of a complete document, for all '
    'nodes';

CREATE FUNCTION posture_internal.route_items(
    complete_source text, arrived_at timestamptz, reports_clashes boolean)
    RETURNS timestamptz
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    complete_at timestamptz;
BEGIN
    PERFORM route_aliases(reports_clashes);
    PERFORM state_coverage(complete_source);
    -- a node would take the role by which the head reaches it
    UPDATE posture_item i
    SET object = i.object || jsonb_build_object('attested_by', session_user)
    WHERE i.type = 'attestation' AND i.object ->> 'attested_by' IS NULL;
    complete_at := (SELECT max(least(i.observed_at, arrived_at)) FROM posture_item i
                    WHERE i.source = complete_source AND i.type IN ('finding', 'asset'));
    PERFORM routed_table();
    WITH home AS MATERIALIZED (
        SELECT h.key, h.node_id
        FROM routes_of(ARRAY(SELECT DISTINCT item_asset(i.type, i.asset, i.object)
                             FROM posture_item i)) h
        WHERE h.node_id > 0
    ), gone AS (
        DELETE FROM posture_item i
        USING home h
        WHERE item_asset(i.type, i.asset, i.object) = h.key
        RETURNING h.node_id, i.ctid AS id, ROW(i.*)::item AS item
    ), sent AS (
        SELECT g.* FROM gone g
        UNION ALL
        SELECT n.node_id, i.ctid, ROW(i.*)::item
        FROM posture_item i CROSS JOIN node n
        WHERE i.type = 'covered' AND i.asset IS NULL
    )
    INSERT INTO posture_routed (node_id, source, recommendation, seen_at, row)
    SELECT s.node_id, (s.item).source,
           CASE (s.item).type WHEN 'finding' THEN (s.item).recommendation END,
           CASE WHEN (s.item).type = 'finding' OR (s.item).type = 'asset' AND (s.item).asset <> ''
                    THEN least((s.item).observed_at, arrived_at)
                WHEN (s.item).type = 'asset_source'
                    THEN coalesce(((s.item).object ->> 'last_seen')::timestamptz, arrived_at) END,
           to_jsonb(s.item)
    FROM sent s
    ORDER BY s.id;
    PERFORM note_routed();
    RETURN complete_at;
END $$;
COMMENT ON FUNCTION posture_internal.route_items(text, timestamptz, boolean) IS
    'step of load() and ingest_assets() on a head: puts the items about assets of nodes into the '
    'working table; returns the latest observation of a source whose delivery is complete';

CREATE FUNCTION posture_internal.load_on_nodes(
    of_format text, counted text, complete_source text, complete_at timestamptz,
    arrived_at timestamptz) RETURNS node_delivery
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET timezone = 'UTC' SET datestyle = 'ISO, YMD'
AS $$
DECLARE
    delivery uuid := gen_random_uuid();
    has_rows integer[] := routed_nodes();
BEGIN
    PERFORM send_slices(delivery, 'item');
    PERFORM send_rejected(delivery, arrived_at);
    RETURN deliver_to_nodes(
        has_rows, complete_source IS NOT NULL,
        format('load_routed(%L, %L, %L, %L, %L, %L, %L)', delivery, of_format, counted,
               complete_source, complete_at, delivery_sources(), has_level(caller(), 'curator')));
END $$;
COMMENT ON FUNCTION posture_internal.load_on_nodes(
    text, text, text, timestamptz, timestamptz) IS
    'step of load() and ingest_assets() on a head: sends its nodes what route_items() took, and has '
    'them load it; returns the sum of what they did';

-- The head has left out what needs no look at what is stored, and counted it.
CREATE FUNCTION posture_internal.leave_out_routed(counted text, is_complete boolean)
    RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    left_out bigint;
BEGIN
    PERFORM leave_out_superseded();
    IF NOT is_complete THEN
        PERFORM load_keep_failures();
    END IF;
    DELETE FROM posture_item i WHERE i.type = 'left_out' AND i.recommendation IS NULL;
    GET DIAGNOSTICS left_out = ROW_COUNT;
    IF left_out > 0 AND counted = 'finding' THEN
        PERFORM load_drop_unused();
    END IF;
    RETURN left_out;
END $$;
COMMENT ON FUNCTION posture_internal.leave_out_routed(text, boolean) IS
    'step of load_routed(): leaves out items by what the node has stored; returns their number';

CREATE FUNCTION posture_internal.load_routed(
    delivery uuid, of_format text, counted text, complete_source text, complete_at timestamptz,
    sources text[], curates boolean) RETURNS SETOF node_delivery
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET timezone = 'UTC' SET default_statistics_target = 10
AS $$
DECLARE
    arrived_at timestamptz;
    dropped bigint;
    result node_delivery;
BEGIN
    PERFORM act_for(sources, curates);
    PERFORM lock_delivery();
    arrived_at := clock_timestamp();
    PERFORM working_table('posture_item', 'LIKE item');
    INSERT INTO posture_item
    SELECT i.* FROM slice_rows(delivery, 'item') r, jsonb_populate_record(NULL::item, r) i;
    PERFORM name_rejected(delivery);
    dropped := leave_out_routed(counted, complete_source IS NOT NULL);
    PERFORM load_analyze();
    SELECT r.loaded, r.changed, r.rejected, r.closed, r.retired, dropped,
           CASE WHEN complete_source IS NULL AND r.closed > 0 THEN covered_extent(NULL) END
    INTO result
    FROM load_rows(of_format, counted, complete_source, arrived_at, complete_at) r;
    RETURN NEXT result;
    PERFORM forget_routed(delivery, arrived_at);
END $$;
COMMENT ON FUNCTION posture_internal.load_routed(
    uuid, text, text, text, timestamptz, text[], boolean) IS
    'loads on a node what its head sent of a document; sources, curates: what the role that '
    'delivers on the head may write';

-- A document names sources and recommendations with each finding. Those that are there stay as
-- their head has them.
CREATE FUNCTION posture_internal.keep_catalog() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    shares boolean := shares_assets();
BEGIN
    DELETE FROM posture_item i
    WHERE i.error IS NULL
      AND (i.type = 'source'
               AND EXISTS (SELECT FROM source s WHERE s.key = i.object ->> 'key')
           OR i.type = 'recommendation'
               AND EXISTS (SELECT FROM recommendation r JOIN source s USING (source_id)
                           WHERE s.key = i.source AND r.key = i.object ->> 'key'));
    UPDATE posture_item i
    SET error = CASE WHEN k.asset IS NULL THEN format('%s: load it on the head', i.type)
                     WHEN k.is_elsewhere
                         THEN format('node "%s" does not have asset "%s", or not by all its names: '
                                     'load it on the head', p.node, left(k.asset, 100))
                     ELSE format('source "%s" does not exist, and this is node "%s": load it on the '
                                 'head, which adds it', left(i.source, 100), p.node) END
    FROM place p
    CROSS JOIN (SELECT x.ctid AS id, n.asset,
                       shares AND (asset_of(n.asset) IS NULL OR x.object ? 'aliases')
                           AS is_elsewhere
                FROM posture_item x
                CROSS JOIN LATERAL item_asset(x.type, x.asset, x.object) n(asset)) k
    WHERE k.id = i.ctid AND i.error IS NULL AND i.type <> 'left_out'
      AND (k.asset IS NULL OR k.is_elsewhere
           OR i.source IS NOT NULL AND NOT EXISTS (SELECT FROM source s WHERE s.key = i.source));
END $$;
COMMENT ON FUNCTION posture_internal.keep_catalog() IS
    'step of load() on a node: leaves the catalog as its head has it, and marks the items that '
    'would add to it, or to the assets of a node that shares them with others';

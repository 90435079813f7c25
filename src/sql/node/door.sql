/*
 * What a head does with a delivery: rows about assets of nodes leave its inbox for these
 * nodes, in slices. Each node puts the slices of a delivery together and ingests them by its own
 * ingest(), and the head adds up. Rejected rows and new recommendations stay with the head.
 *
 * The head asks the nodes last, when its own part is done. A node that fails rolls the
 * head back, so that its inbox keeps all rows. What other nodes took does no harm: delivered
 * again, it is unchanged.
 */

CREATE TABLE posture_internal.routed (
    delivery uuid NOT NULL,
    part integer NOT NULL,
    what text NOT NULL
        CONSTRAINT "what is inbox, item or rejected" CHECK (what IN ('inbox', 'item', 'rejected')),
    rows jsonb NOT NULL,
    arrived_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (delivery, what, part)
);
COMMENT ON TABLE posture_internal.routed IS
    'slices of deliveries that the head of this node is sending';
COMMENT ON COLUMN posture_internal.routed.delivery IS 'id of the delivery';
COMMENT ON COLUMN posture_internal.routed.part IS 'number of the slice';
COMMENT ON COLUMN posture_internal.routed.what IS
    'inbox: rows of the inbox; item: items of a document; rejected: what the head rejected';
COMMENT ON COLUMN posture_internal.routed.rows IS 'the rows, an array';
COMMENT ON COLUMN posture_internal.routed.arrived_at IS 'time at which the slice arrived';

CREATE TYPE posture_internal.node_delivery AS (
    loaded bigint, changed bigint, rejected bigint, closed bigint, retired bigint,
    left_out bigint, extent text
);
COMMENT ON TYPE posture_internal.node_delivery IS 'what a node did with its part of a delivery';
COMMENT ON COLUMN posture_internal.node_delivery.loaded IS 'number of elements loaded';
COMMENT ON COLUMN posture_internal.node_delivery.changed IS 'number of elements that changed';
COMMENT ON COLUMN posture_internal.node_delivery.rejected IS 'number of elements rejected';
COMMENT ON COLUMN posture_internal.node_delivery.closed IS
    'number of findings closed, or of assets that left their inventory';
COMMENT ON COLUMN posture_internal.node_delivery.retired IS 'number of assets retired; NULL: none';
COMMENT ON COLUMN posture_internal.node_delivery.left_out IS
    'number of elements that are not meant to be loaded';
COMMENT ON COLUMN posture_internal.node_delivery.extent IS
    'what closed is about; NULL: what the head says';

-- A delivery that failed on its head leaves its slices.
CREATE FUNCTION posture_internal.take_slice(of_delivery uuid, of_part integer, of_what text,
                                            of_rows jsonb)
    RETURNS SETOF applied
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    DELETE FROM routed r WHERE r.arrived_at < now() - interval '1 day';
    INSERT INTO routed (delivery, part, what, rows)
    VALUES (of_delivery, of_part, of_what, of_rows)
    RETURNING 1::bigint;
END;
COMMENT ON FUNCTION posture_internal.take_slice(uuid, integer, text, jsonb) IS
    'keeps on a node a slice of a delivery';

CREATE FUNCTION posture_internal.slice_rows(of_delivery uuid, of_what text) RETURNS SETOF jsonb
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT e.element
    FROM routed r
    CROSS JOIN LATERAL jsonb_array_elements(r.rows) WITH ORDINALITY e(element, n)
    WHERE r.delivery = of_delivery AND r.what = of_what
    ORDER BY r.part, e.n;
END;
COMMENT ON FUNCTION posture_internal.slice_rows(uuid, text) IS
    'returns the rows of a delivery that arrived in slices, in their order';

CREATE FUNCTION posture_internal.routed_table() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM working_table('posture_routed', 'node_id integer, source text, recommendation text, '
                          'seen_at timestamptz, "row" jsonb, '
                          'arrival bigint GENERATED ALWAYS AS IDENTITY');
END $$;
COMMENT ON FUNCTION posture_internal.routed_table() IS
    'makes the working table of rows that a head sends to its nodes';

-- A slice has about 4 MB.
CREATE FUNCTION posture_internal.send_slices(delivery uuid, what text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET posture.partial_results = off
AS $$
DECLARE
    slice record;
BEGIN
    FOR slice IN
        SELECT s.node_id, s.part, jsonb_agg(s.row ORDER BY s.arrival) AS rows
        FROM (SELECT r.node_id, r.row, r.arrival,
                     (sum(pg_column_size(r.row)) OVER (PARTITION BY r.node_id ORDER BY r.arrival)
                      / 4000000)::integer AS part
              FROM posture_routed r
              WHERE r.row IS NOT NULL) s
        GROUP BY s.node_id, s.part
        ORDER BY s.node_id, s.part
    LOOP
        PERFORM FROM ask_nodes(NULL::applied, format('take_slice(%L, %s, %L, %L)', delivery,
                                                     slice.part, what, slice.rows),
                               ARRAY[slice.node_id], writes => true);
    END LOOP;
END $$;
COMMENT ON FUNCTION posture_internal.send_slices(uuid, text) IS
    'sends the rows in the working table to their nodes';

-- In the order of lock_rules(): new recommendations before the source.
CREATE FUNCTION posture_internal.note_routed() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    ANALYZE posture_routed (source, recommendation);
    INSERT INTO recommendation (source_id, key, title)
    SELECT s.source_id, n.recommendation, n.recommendation
    FROM (SELECT DISTINCT r.source, r.recommendation FROM posture_routed r
          WHERE r.recommendation IS NOT NULL) n
    JOIN source s ON s.key = n.source
    WHERE NOT EXISTS (SELECT FROM recommendation x
                      WHERE x.source_id = s.source_id AND x.key = n.recommendation)
    ON CONFLICT (source_id, key) DO NOTHING;
    PERFORM update_last_seen(array_agg(n.source_id), array_agg(n.seen_at))
    FROM (SELECT s.source_id, max(r.seen_at) AS seen_at
          FROM posture_routed r JOIN source s ON s.key = r.source
          WHERE r.seen_at IS NOT NULL
          GROUP BY s.source_id) n;
END $$;
COMMENT ON FUNCTION posture_internal.note_routed() IS
    'adds to the head the recommendations that only rows for its nodes name, and notes when the '
    'sources of these were last seen';

-- Rows that cannot be loaded stay, and take_rows() rejects them.
CREATE FUNCTION posture_internal.route_inbox(
    complete_source text, only_sources text[], arrived_at timestamptz,
    OUT complete_at timestamptz)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET timezone = 'UTC'
AS $$
DECLARE
    delivered text[] := delivery_sources();
    sources text[] := array(SELECT s.key FROM source s
                            WHERE delivered IS NULL OR s.key = ANY (delivered));
BEGIN
    PERFORM routed_table();
    INSERT INTO posture_routed (node_id, source, seen_at)
    SELECT w.node_id, w.source, w.seen_at FROM take_over('inbox', only_sources) w;
    WITH good AS MATERIALIZED (
        SELECT i.ctid AS id, i.asset
        FROM inbox i
        WHERE (only_sources IS NULL OR i.source = ANY (only_sources))
          AND inbox_error(i, sources, arrived_at) IS NULL
    ), home AS MATERIALIZED (
        SELECT h.key, h.node_id
        FROM routes_of((SELECT array_agg(DISTINCT g.asset) FROM good g)) h
        WHERE h.node_id > 0
    ), gone AS (
        DELETE FROM inbox i
        USING good g JOIN home h ON h.key = g.asset
        WHERE i.ctid = g.id
        RETURNING h.node_id, g.id, i.*
    )
    INSERT INTO posture_routed (node_id, source, recommendation, seen_at, row)
    SELECT g.node_id, g.source, g.recommendation, least(g.observed_at, arrived_at),
           jsonb_strip_nulls(to_jsonb(g) - '{node_id,id,details}'::text[])
           || CASE WHEN g.details IS NULL THEN '{}'
                   ELSE jsonb_build_object('details', g.details) END
    FROM gone g
    ORDER BY g.id;
    PERFORM note_routed();
    IF complete_source IS NOT NULL THEN
        SELECT max(n.seen_at) INTO complete_at
        FROM (SELECT r.seen_at FROM posture_routed r WHERE r.source = complete_source
              UNION ALL
              SELECT least(i.observed_at, arrived_at)
              FROM inbox i
              WHERE i.source = complete_source AND inbox_error(i, sources, arrived_at) IS NULL) n;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.route_inbox(text, text[], timestamptz) IS
    'step of ingest() on a head: puts the rows about assets of nodes into the working table; '
    'returns the latest observation of a source whose delivery is complete';

-- A finding that a rejected row names is not missing.
CREATE FUNCTION posture_internal.send_rejected(delivery uuid, since timestamptz) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM routed_table();
    INSERT INTO posture_routed (node_id, row)
    SELECT h.node_id, jsonb_strip_nulls(jsonb_build_object(
               'source', r.source, 'recommendation', r.recommendation, 'asset', r.asset,
               'asset_kind', r.asset_kind))
    FROM rejected r
    JOIN routes_of(ARRAY(SELECT x.asset FROM rejected x WHERE x.rejected_at >= since)) h
      ON h.key = r.asset
    WHERE r.rejected_at >= since AND h.node_id > 0
      AND EXISTS (SELECT FROM source s WHERE s.key = r.source);
    PERFORM send_slices(delivery, 'rejected');
END $$;
COMMENT ON FUNCTION posture_internal.send_rejected(uuid, timestamptz) IS
    'sends to the nodes what rows that the head rejected in a delivery name';

-- Without a complete delivery, only the nodes with rows are asked.
CREATE FUNCTION posture_internal.deliver_to_nodes(
    has_rows integer[], is_complete boolean, call text) RETURNS node_delivery
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET posture.partial_results = off
AS $$
BEGIN
    -- recommendations that the rows are about
    PERFORM flush_catalog();
    RETURN (SELECT ROW(coalesce(sum(n.loaded), 0), coalesce(sum(n.changed), 0),
                       coalesce(sum(n.rejected), 0), coalesce(sum(n.closed), 0), sum(n.retired),
                       coalesce(sum(n.left_out), 0),
                       string_agg(n.extent, ', ' ORDER BY n.extent))::node_delivery
            FROM tell_nodes(NULL::node_delivery, call,
                            only_nodes => CASE WHEN NOT is_complete THEN has_rows END) n);
END $$;
COMMENT ON FUNCTION posture_internal.deliver_to_nodes(integer[], boolean, text) IS
    'has nodes load what a delivery sent them; returns the sum of what they did';

CREATE FUNCTION posture_internal.routed_nodes() RETURNS integer[]
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN ARRAY(SELECT DISTINCT r.node_id FROM posture_routed r);
END $$;
COMMENT ON FUNCTION posture_internal.routed_nodes() IS
    'returns the ids of the nodes that the working table has rows for';

CREATE FUNCTION posture_internal.ingest_on_nodes(
    complete_source text, of_extent text, complete_at timestamptz,
    arrived_at timestamptz) RETURNS node_delivery
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET timezone = 'UTC' SET datestyle = 'ISO, YMD'
AS $$
DECLARE
    delivery uuid := gen_random_uuid();
    has_rows integer[] := routed_nodes();
    on_nodes text[] := ARRAY(SELECT DISTINCT r.source FROM posture_routed r WHERE r.row IS NULL);
BEGIN
    PERFORM send_slices(delivery, 'inbox');
    IF num_nonnulls(complete_source, of_extent) > 0 THEN
        PERFORM send_rejected(delivery, arrived_at);
        has_rows := has_rows || routed_nodes();
    END IF;
    RETURN deliver_to_nodes(
        has_rows, complete_source IS NOT NULL,
        format('ingest_routed(%L, %L, %L, %L, %L, %L, %L)', delivery, on_nodes, complete_source,
               of_extent, complete_at, delivery_sources(), has_level(caller(), 'curator')));
END $$;
COMMENT ON FUNCTION posture_internal.ingest_on_nodes(text, text, timestamptz, timestamptz) IS
    'step of ingest() on a head: sends its nodes what route_inbox() took, and has them ingest it; '
    'returns the sum of what they did';

-- The setting restricts a role that has all levels, and gives nothing to another.
CREATE FUNCTION posture_internal.act_for(sources text[], curates boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM set_config('posture_internal.acting_sources', coalesce(sources::text, ''), true),
            set_config('posture_internal.acting_curator', curates::text, true);
END $$;
COMMENT ON FUNCTION posture_internal.act_for(text[], boolean) IS
    'has the rest of a transaction of a node write what the role that delivers on the head may';

CREATE FUNCTION posture_internal.acting_sources() RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('posture_internal.acting_sources', true), '')::text[];
COMMENT ON FUNCTION posture_internal.acting_sources() IS
    'returns the sources of act_for(); NULL: all';

CREATE FUNCTION posture_internal.acts_as_curator() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(current_setting('posture_internal.acting_curator', true), '') <> 'false';
COMMENT ON FUNCTION posture_internal.acts_as_curator() IS
    'returns whether act_for() was called for a curator, or not at all';

-- Rows that their head rejected are in rejected for as long as the delivery takes.
CREATE FUNCTION posture_internal.name_rejected(delivery uuid) RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    INSERT INTO rejected (source, recommendation, asset, asset_kind, reason, rejected_at)
    SELECT r ->> 'source', r ->> 'recommendation', r ->> 'asset', r ->> 'asset_kind',
           'head ' || delivery, clock_timestamp()
    FROM slice_rows(delivery, 'rejected') r;
END;
COMMENT ON FUNCTION posture_internal.name_rejected(uuid) IS
    'step of a delivery on a node: notes what rows that its head rejected name';

CREATE FUNCTION posture_internal.forget_routed(of_delivery uuid, since timestamptz) RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    DELETE FROM rejected r WHERE r.rejected_at >= since AND r.reason = 'head ' || of_delivery;
    DELETE FROM routed r WHERE r.delivery = of_delivery;
    SELECT end_common_tables();
END;
COMMENT ON FUNCTION posture_internal.forget_routed(uuid, timestamptz) IS
    'step of a delivery on a node: deletes its slices, and what name_rejected() noted';

CREATE FUNCTION posture_internal.ingest_routed(
    delivery uuid, on_nodes text[], complete_source text, of_extent text,
    complete_at timestamptz, sources text[], curates boolean) RETURNS SETOF node_delivery
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    delivered text[];
    arrived_at timestamptz;
BEGIN
    PERFORM act_for(sources, curates);
    delivered := ARRAY(SELECT DISTINCT s.source
                       FROM (SELECT r ->> 'source' FROM slice_rows(delivery, 'inbox') r
                             UNION ALL SELECT complete_source
                             UNION ALL SELECT unnest(on_nodes)) s(source)
                       WHERE s.source IS NOT NULL);
    PERFORM lock_delivery(delivered);
    arrived_at := clock_timestamp();
    INSERT INTO inbox
    SELECT i.* FROM slice_rows(delivery, 'inbox') r, jsonb_populate_record(NULL::inbox, r) i;
    PERFORM name_rejected(delivery);
    RETURN QUERY
    SELECT i.loaded, i.changed, i.rejected, i.closed, NULL::bigint, NULL::bigint, NULL::text
    FROM ingest_sources(complete_source, delivered, of_extent, false, arrived_at, complete_at) i;
    PERFORM forget_routed(delivery, arrived_at);
END $$;
COMMENT ON FUNCTION posture_internal.ingest_routed(
    uuid, text[], text, text, timestamptz, text[], boolean) IS
    'ingests on a node what its head sent of a delivery, and rows of the sources on_nodes that are '
    'in the inbox of the node; sources, curates: what the role that delivers on the head may write';

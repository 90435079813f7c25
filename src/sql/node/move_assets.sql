/*
 * Moving assets between a head and its nodes, bucket by bucket, with their
 * history. A report counts the same before and after.
 *
 * The head opens a connection of its own to each of the two nodes, and a
 * transaction in it. Nobody sees what is moved until both commit, one after the
 * other: the database that gets the assets first, except where that is the head,
 * which commits last. What only one of them has committed is taken back by the
 * next call, see resolve_moves().
 *
 * Between the two commits, assets that move from the head or between nodes are
 * counted twice, and those that move to the head not at all.
 */

CREATE FUNCTION posture_internal.move_connection(node_id integer) RETURNS text
    LANGUAGE sql STABLE
    RETURN node_connection(node_id) || '_move';
COMMENT ON FUNCTION posture_internal.move_connection(integer) IS
    'returns the name of the connection on which assets of a node are moved';

CREATE FUNCTION posture_internal.open_move(node_ids integer[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    of_node node;
BEGIN
    FOR of_node IN
        SELECT n.* FROM node n
        WHERE n.node_id = ANY (node_ids) AND n.server IS NOT NULL
        ORDER BY n.node_id
    LOOP
        PERFORM call_dblink('dblink_connect', move_connection(of_node.node_id), of_node.server);
        PERFORM call_dblink('dblink_exec', move_connection(of_node.node_id), v.command)
        FROM (VALUES (connection_settings()),
                     ('BEGIN ISOLATION LEVEL READ COMMITTED')) v(command);
    END LOOP;
EXCEPTION WHEN connection_exception OR sqlclient_unable_to_establish_sqlconnection THEN
    RAISE EXCEPTION 'node "%" does not answer', of_node.key
        USING ERRCODE = 'connection_failure', DETAIL = SQLERRM;
END $$;
COMMENT ON FUNCTION posture_internal.open_move(integer[]) IS
    'begins a transaction on nodes for a move';

-- A connection that is closed takes back what was not committed.
CREATE FUNCTION posture_internal.close_move(node_ids integer[], commits boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    of_connection text;
BEGIN
    FOREACH of_connection IN ARRAY ARRAY(SELECT move_connection(i) FROM unnest(node_ids) i) LOOP
        IF has_connection(of_connection) THEN
            IF commits AND call_dblink('dblink_exec', of_connection, 'COMMIT') <> 'COMMIT' THEN
                RAISE EXCEPTION 'could not commit the move of assets on a node';
            END IF;
            PERFORM call_dblink('dblink_disconnect', of_connection);
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION posture_internal.close_move(integer[], boolean) IS
    'ends the transactions of a move on nodes, in this order';

-- What is not reached by a connection is part of this transaction.
CREATE FUNCTION posture_internal.call_in_move(
    of_node integer, row_type anyelement, relation text)
    RETURNS SETOF anyelement
    LANGUAGE plpgsql ROWS 1000
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    here place := (SELECT p FROM place p);
BEGIN
    IF of_node = 0 THEN
        RETURN QUERY EXECUTE 'SELECT * FROM ' || relation;
    ELSIF has_connection(move_connection(of_node)) THEN
        RETURN QUERY EXECUTE format(
            'SELECT * FROM %s(%L, %L) AS a(%s)', dblink_function('dblink'),
            move_connection(of_node),
            format('SELECT a.* FROM posture_internal.answer(%L, %s, %L, %L, %L) AS a(%s)',
                   here.cluster, of_node, posture_version(), setting('timezone'), relation,
                   row_columns(pg_typeof(row_type))),
            row_columns(pg_typeof(row_type)));
    ELSE
        RETURN QUERY SELECT * FROM ask_nodes(row_type, relation, ARRAY[of_node],
                                               writes => true);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.call_in_move(integer, anyelement, text) IS
    'returns what ask_nodes() does, of one node in the transaction of a move; 0: of this database';

CREATE TYPE posture_internal.known_move AS (
    node_id integer, move_id uuid, from_node integer, to_node integer, buckets integer[], key text,
    is_target boolean, moved_at timestamptz, is_done boolean);
COMMENT ON TYPE posture_internal.known_move IS 'a move that a database took part in';
COMMENT ON COLUMN posture_internal.known_move.node_id IS 'id of the database; 0: the head';
COMMENT ON COLUMN posture_internal.known_move.move_id IS 'id of the move';
COMMENT ON COLUMN posture_internal.known_move.from_node IS 'id of the node that had the assets';
COMMENT ON COLUMN posture_internal.known_move.to_node IS 'id of the node that gets them';
COMMENT ON COLUMN posture_internal.known_move.buckets IS
    'numbers of the buckets, or of the one into which an asset is moved';
COMMENT ON COLUMN posture_internal.known_move.key IS
    'key of the asset that is moved alone; NULL: whole buckets are moved';
COMMENT ON COLUMN posture_internal.known_move.is_target IS 'whether the database gets the assets';
COMMENT ON COLUMN posture_internal.known_move.moved_at IS 'time of the move';
COMMENT ON COLUMN posture_internal.known_move.is_done IS
    'whether both databases are known to have committed';

CREATE FUNCTION posture_internal.known_moves() RETURNS SETOF known_move
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT p.node_id, m.move_id, m.from_node, m.to_node, m.buckets, m.key, m.is_target,
           m.moved_at, m.is_done
    FROM asset_move m CROSS JOIN place p;
END;
COMMENT ON FUNCTION posture_internal.known_moves() IS
    'returns the moves that this database took part in';

CREATE FUNCTION posture_internal.route_moved(to_node integer, buckets integer[], only_key text)
    RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    UPDATE bucket b SET node_id = to_node
    WHERE only_key IS NULL AND b.bucket = ANY (buckets) AND b.node_id <> to_node;
    SELECT add_routes(ARRAY[only_key], ARRAY[buckets[1]]) WHERE only_key IS NOT NULL;
END;
COMMENT ON FUNCTION posture_internal.route_moved(integer, integer[], text) IS
    'routes what was moved to the node that has it: buckets, or one key to a bucket';

-- A move is done if both databases have committed it, or one is no node any longer. The row of
-- a node is removed by a later call than that of the head, which may be rolled back.
CREATE FUNCTION posture_internal.resolve_moves() RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET posture.partial_results = off
AS $$
DECLARE
    known known_move[] := ARRAY(SELECT m FROM known_moves() m
                                UNION ALL
                                SELECT m FROM ask_nodes(NULL::known_move, 'known_moves()') m);
    of_node integer;
    of_move record;
BEGIN
    FOR of_move IN
        SELECT k.move_id, k.to_node, array_agg(k.node_id) AS nodes, k.buckets, k.key,
               count(*) = 2 OR bool_or(k.is_done)
               OR bool_and(CASE WHEN k.is_target THEN k.from_node ELSE k.to_node END
                           NOT IN (SELECT 0 UNION ALL SELECT n.node_id FROM node n)) AS is_done,
               bool_and(k.is_done) AS is_known
        FROM unnest(known) k
        GROUP BY k.move_id, k.to_node, k.buckets, k.key
        ORDER BY min(k.moved_at)
    LOOP
        IF of_move.is_done THEN
            PERFORM route_moved(of_move.to_node, of_move.buckets, of_move.key);
        END IF;
        FOREACH of_node IN ARRAY of_move.nodes LOOP
            PERFORM FROM call_in_move(
                of_node, NULL::applied,
                CASE WHEN of_move.is_done
                     THEN format('forget_move(%L, %L)', of_move.move_id,
                                 of_node = 0 OR of_move.is_known)
                     ELSE format('undo_move(%L)', of_move.move_id) END);
        END LOOP;
    END LOOP;
END $$;
COMMENT ON FUNCTION posture_internal.resolve_moves() IS
    'ends the moves that were interrupted: those that both databases have committed are done, '
    'others are taken back';

CREATE FUNCTION posture_internal.move_rows(
    of_move uuid, from_node integer, to_node integer, chosen integer[], only_key text)
    RETURNS moved_count
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    held held_bucket[];
    assets assetset;
    of_bucket held_bucket;
    known_days date[];
    counts moved_count;
    begins text := format('begin_move(%L, %s, %s, %L, %L, ', of_move, from_node, to_node, chosen,
                          only_key);
BEGIN
    PERFORM FROM call_in_move(to_node, NULL::held_bucket, begins || 'true)');
    held := ARRAY(SELECT h FROM call_in_move(from_node, NULL::held_bucket, begins || 'false)') h);
    assets := coalesce((SELECT union_agg(h.assets) FROM unnest(held) h), '{}');
    FOREACH of_bucket IN ARRAY held LOOP
        PERFORM progress(format('move_assets: bucket %s', of_bucket.bucket));
        PERFORM move_pieces(from_node, to_node, format('export_assets(%L)', of_bucket.assets));
    END LOOP;
    known_days := ARRAY(SELECT d.day FROM call_in_move(to_node, NULL::known_day,
                                                       format('settle_assets(%L)', assets)) d);
    PERFORM move_pieces(from_node, to_node, question('export_days(%L, %L)', assets, known_days));
    PERFORM FROM call_in_move(to_node, NULL::moved_count,
                              format('end_move(%L, %L, false)', of_move, assets));
    SELECT c.* INTO counts
    FROM call_in_move(from_node, NULL::moved_count,
                      format('end_move(%L, %L, %L)', of_move, assets, to_node = 0)) c;
    RETURN counts;
END $$;
COMMENT ON FUNCTION posture_internal.move_rows(uuid, integer, integer, integer[], text) IS
    'step of move_buckets(): moves what a database has of buckets, or one asset; returns how many '
    'rows';

CREATE FUNCTION posture_internal.move_pieces(from_node integer, to_node integer, relation text)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    piece moved_piece;
BEGIN
    FOR piece IN SELECT p.* FROM call_in_move(from_node, NULL::moved_piece, relation) p LOOP
        PERFORM FROM call_in_move(to_node, NULL::applied,
                                  format('import_piece(%L, %L)', piece.relation, piece.rows));
    END LOOP;
END $$;
COMMENT ON FUNCTION posture_internal.move_pieces(integer, integer, text) IS
    'step of move_rows(): puts the pieces that one database returns into another one';

CREATE FUNCTION posture_internal.move_buckets(
    from_node integer, to_node integer, chosen integer[], only_key text DEFAULT NULL)
    RETURNS moved_count
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET posture.partial_results = off
AS $$
DECLARE
    counts moved_count;
    -- in the order in which they commit
    node_ids integer[] := CASE to_node WHEN 0 THEN ARRAY[from_node] ELSE ARRAY[to_node, from_node]
                          END;
BEGIN
    PERFORM flush_catalog();
    BEGIN
        PERFORM open_move(node_ids);
        -- the names of one asset are routed by whoever moves it
        IF from_node = 0 AND only_key IS NULL THEN
            PERFORM route_aliases();
        END IF;
        PERFORM route_moved(to_node, chosen, only_key);
        counts := move_rows(gen_random_uuid(), from_node, to_node, chosen, only_key);
        PERFORM close_move(node_ids, true);
    EXCEPTION WHEN OTHERS OR query_canceled THEN
        PERFORM close_move(node_ids, false);
        RAISE;
    END;
    RETURN counts;
END $$;
COMMENT ON FUNCTION posture_internal.move_buckets(integer, integer, integer[], text) IS
    'moves what a database has of buckets to another one, or only the asset with a key, into the '
    'bucket; returns how many rows';

CREATE FUNCTION posture_internal.node_of(key text) RETURNS integer
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN coalesce((SELECT n.node_id FROM node n WHERE n.key = node_of.key),
                    CASE WHEN key <> 'head'
                         THEN (SELECT k.id FROM key_id('node', ARRAY[key]) k) END,
                    0);
END $$;
COMMENT ON FUNCTION posture_internal.node_of(text) IS
    'returns the id of a node; 0 for the head, which is also NULL; an error if there is none';

CREATE FUNCTION posture_internal.lock_buckets() RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF NOT has_nodes() THEN
        RAISE EXCEPTION 'this database has no nodes'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'posture.add_node() adds one.';
    END IF;
    -- deliveries that the head shares out wait until it is known where the assets are
    PERFORM lock_delivery();
    LOCK TABLE bucket IN SHARE ROW EXCLUSIVE MODE;
    PERFORM resolve_moves();
END $$;
COMMENT ON FUNCTION posture_internal.lock_buckets() IS
    'begins a move on the head: waits for deliveries and other moves, and ends those that were '
    'interrupted';

-- A head that has no assets, or has moved them all, has no share.
CREATE FUNCTION posture_internal.even_share(from_node integer, to_node integer) RETURNS integer
    LANGUAGE sql STABLE
    RETURN (SELECT 1024 / (SELECT count(DISTINCT x.id)
                           FROM (SELECT n.node_id FROM node n
                                 UNION ALL
                                 SELECT b.node_id FROM bucket b
                                 UNION ALL
                                 SELECT to_node) x(id))
                   - count(*) FILTER (WHERE b.node_id = to_node)
            FROM bucket b);
COMMENT ON FUNCTION posture_internal.even_share(integer, integer) IS
    'returns how many buckets a database must get to have as many as the others';

CREATE FUNCTION posture.move_assets(
    from_node text, to_node text, INOUT buckets bigint DEFAULT NULL,
    OUT assets bigint, OUT findings bigint)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    source_id integer;
    target_id integer;
    chosen integer[];
    counts moved_count;
BEGIN
    PERFORM require_owner('move_assets()');
    PERFORM lock_buckets();
    source_id := node_of(from_node);
    target_id := node_of(to_node);
    IF source_id = target_id THEN
        RAISE EXCEPTION 'assets of node "%" are there already', coalesce(to_node, 'head')
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF buckets NOT BETWEEN 0 AND 1024 THEN
        RAISE EXCEPTION 'cannot move % buckets', buckets
            USING ERRCODE = 'invalid_parameter_value', DETAIL = 'There are 1024.';
    END IF;
    chosen := ARRAY(SELECT b.bucket FROM bucket b
                    WHERE b.node_id = source_id
                    ORDER BY b.bucket
                    LIMIT greatest(coalesce(buckets, even_share(source_id, target_id)), 0));
    buckets := cardinality(chosen);
    IF buckets > 0 THEN
        counts := move_buckets(source_id, target_id, chosen);
        PERFORM remember_nodes();
    END IF;
    assets := coalesce(counts.assets, 0);
    findings := coalesce(counts.findings, 0);
END $$;
COMMENT ON FUNCTION posture.move_assets(text, text, bigint) IS
    'moves assets with their findings and history from one node to another one, "head" is the head '
    'itself: so many of the 1024 buckets of keys, by default as many as give both an even share; '
    'reports stay as they were. Deliveries wait until it commits. Returns the numbers of buckets, '
    'assets and findings that were moved';

CREATE FUNCTION posture_internal.leave_head() RETURNS TABLE (applied bigint)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM asset) THEN
        RAISE EXCEPTION 'node "%" still has assets', (SELECT p.node FROM place p)
            USING ERRCODE = 'object_in_use', HINT = 'Call remove_node() again.';
    END IF;
    DELETE FROM place;
    GET DIAGNOSTICS applied = ROW_COUNT;
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION posture_internal.leave_head() IS
    'makes this database, which has no assets any longer, no node';

CREATE FUNCTION posture.remove_node(
    node text, OUT buckets bigint, OUT assets bigint, OUT findings bigint)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET posture.partial_results = off
AS $$
DECLARE
    removed integer;
    share record;
    counts moved_count;
BEGIN
    PERFORM require_owner('remove_node()');
    PERFORM lock_buckets();
    removed := node_of(node);
    IF removed = 0 THEN
        RAISE EXCEPTION 'the head cannot be removed'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'To empty it: SELECT * FROM posture.move_assets(''head'', ..., 1024);';
    END IF;
    buckets := 0;
    assets := 0;
    findings := 0;
    -- a node may have assets of buckets that are not its own
    FOR share IN
        WITH other AS (
            SELECT array_agg(o.id ORDER BY o.id) AS ids
            FROM (SELECT n.node_id AS id FROM posture.node n WHERE n.node_id <> removed
                  UNION ALL
                  SELECT 0 WHERE NOT EXISTS (SELECT FROM posture.node n
                                             WHERE n.node_id <> removed)) o
        ), held AS (
            SELECT b.bucket FROM bucket b WHERE b.node_id = removed
            UNION
            SELECT h.bucket FROM ask_nodes(NULL::held_bucket, 'held_buckets()', ARRAY[removed]) h
        )
        SELECT t.id, array_agg(t.bucket) AS chosen
        FROM (SELECT h.bucket,
                     CASE WHEN b.node_id <> removed THEN b.node_id
                          ELSE o.ids[h.bucket % cardinality(o.ids) + 1] END AS id
              FROM held h JOIN bucket b USING (bucket) CROSS JOIN other o) t
        GROUP BY t.id
        ORDER BY t.id
    LOOP
        counts := move_buckets(removed, share.id, share.chosen);
        buckets := buckets + cardinality(share.chosen);
        assets := assets + counts.assets;
        findings := findings + counts.findings;
    END LOOP;
    PERFORM take_log(removed);
    PERFORM FROM ask_nodes(NULL::applied, 'leave_head()', ARRAY[removed], writes => true);
    DELETE FROM node n WHERE n.node_id = removed;
    PERFORM remember_nodes();
END $$;
COMMENT ON FUNCTION posture.remove_node(text) IS
    'moves the assets of a node to the other nodes, evenly, or to the head if there is none, and '
    'makes its database no node any longer; returns the numbers of buckets, assets and findings '
    'that were moved';

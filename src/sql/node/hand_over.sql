/*
 * What is copied into the inbox of a node. A node that shares the assets of a cluster
 * ingests by itself the rows about assets that it has. Rows about others, and rows that
 * cannot be loaded, stay until the head ingests: it takes them over, and does with them
 * what it does with its own.
 *
 * A node remembers what it handed over until the head, which commits later, says that it
 * has it. So rows are neither lost nor taken twice if one of the two fails.
 */

CREATE TABLE posture_internal.handed_over (
    slice uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    node_id integer NOT NULL,
    relation name NOT NULL,
    source text,
    rows jsonb
);
COMMENT ON TABLE posture_internal.handed_over IS
    'slices of the inbox of a node that its head takes, or has taken, over';
COMMENT ON COLUMN posture_internal.handed_over.slice IS 'id of the slice, the same on both';
COMMENT ON COLUMN posture_internal.handed_over.node_id IS 'id of the node';
COMMENT ON COLUMN posture_internal.handed_over.relation IS 'inbox or asset_inbox';
COMMENT ON COLUMN posture_internal.handed_over.source IS 'source of the rows';
COMMENT ON COLUMN posture_internal.handed_over.rows IS
    'the rows, an array; NULL on the head, which has them in its inbox';

CREATE TYPE posture_internal.waiting_slice AS (
    node_id integer, slice uuid, source text, seen_at timestamptz, rows jsonb
);
COMMENT ON TYPE posture_internal.waiting_slice IS 'rows that wait in the inbox of a node';
COMMENT ON COLUMN posture_internal.waiting_slice.node_id IS 'id of the node';
COMMENT ON COLUMN posture_internal.waiting_slice.slice IS
    'id of what the head takes over; NULL: rows that the node ingests';
COMMENT ON COLUMN posture_internal.waiting_slice.source IS 'source of the rows';
COMMENT ON COLUMN posture_internal.waiting_slice.seen_at IS
    'latest observation of the rows that the node ingests';
COMMENT ON COLUMN posture_internal.waiting_slice.rows IS 'the rows that the head takes over';

-- Nodes of a federation have deliveries of their own, with new assets.
CREATE FUNCTION posture_internal.shares_assets() RETURNS boolean
    LANGUAGE sql STABLE
    RETURN EXISTS (SELECT FROM place p JOIN bucket b ON b.node_id > 0 WHERE p.node_id > 0);
COMMENT ON FUNCTION posture_internal.shares_assets() IS
    'returns whether this database is a node of a head that decides which node has a new asset';

CREATE FUNCTION posture_internal.is_written_here(xmin xid) RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_is_written_here' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION posture_internal.is_written_here(xid) IS
    'whether the current transaction is the one in the system column xmin of a row';

-- What the head sends has been decided.
CREATE FUNCTION posture_internal.is_sent(xmin xid) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN current_setting('posture_internal.acting_curator', true) <> '' AND is_written_here(xmin);
COMMENT ON FUNCTION posture_internal.is_sent(xid) IS
    'whether a row of the inbox is one that the head sends in this transaction';

CREATE FUNCTION posture_internal.assets_elsewhere(only_sources text[]) RETURNS SETOF text
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT k.asset
    FROM (SELECT DISTINCT i.asset, i.asset_kind
          FROM inbox i
          WHERE (only_sources IS NULL OR i.source = ANY (only_sources)) AND NOT is_sent(i.xmin)
          -- each asset is looked up once, not for each row
          OFFSET 0) k
    WHERE k.asset IS NOT NULL AND asset_of(k.asset, k.asset_kind) IS NULL;
END;
COMMENT ON FUNCTION posture_internal.assets_elsewhere(text[]) IS
    'returns the assets of rows in the inbox of a node that the node does not have';

CREATE FUNCTION posture_internal.waiting_node(of_table name, only_sources text[])
    RETURNS SETOF waiting_slice
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT p.node_id, NULL::uuid, NULL::text, NULL::timestamptz, NULL::jsonb FROM place p '
        'WHERE EXISTS (SELECT FROM %I i WHERE $1 IS NULL OR i.source = ANY ($1)) '
        'OR EXISTS (SELECT FROM handed_over h WHERE h.relation = $2)', of_table)
    USING only_sources, of_table;
END $$;
COMMENT ON FUNCTION posture_internal.waiting_node(name, text[]) IS
    'returns this node if rows wait in its inbox';

-- Rows of asset_inbox give names to assets, which the head knows of all nodes.
CREATE FUNCTION posture_internal.hand_over(of_table name, only_sources text[], taken uuid[])
    RETURNS SETOF waiting_slice
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    here integer := (SELECT p.node_id FROM place p);
    arrived_at timestamptz := clock_timestamp();
    sources text[] := ARRAY(SELECT s.key FROM source s);
BEGIN
    DELETE FROM handed_over h WHERE h.slice = ANY (taken);
    PERFORM lock_delivery(only_sources);
    EXECUTE format(
        'WITH gone AS (DELETE FROM %1$I i WHERE ($1 IS NULL OR i.source = ANY ($1)) AND (%2$s) '
        'RETURNING i.ctid AS id, i.*) '
        'INSERT INTO handed_over (node_id, relation, source, rows) '
        'SELECT $3, %1$L, g.source, jsonb_agg(to_jsonb(g) - ''id'' ORDER BY g.id) '
        'FROM (SELECT x.*, row_number() OVER (PARTITION BY x.source ORDER BY x.id) / 10000 AS part '
        'FROM gone x) g GROUP BY g.source, g.part', of_table,
        CASE of_table
        WHEN 'inbox' THEN
            'i.asset IN (SELECT assets_elsewhere($1)) OR inbox_error(i, $2, $4) IS NOT NULL '
            'OR (i.source, i.recommendation) NOT IN ('
            'SELECT s.key, r.key FROM recommendation r JOIN source s USING (source_id))'
        ELSE 'true' END)
    USING only_sources, sources, here, arrived_at;
    RETURN QUERY
    SELECT here, h.slice, h.source, NULL::timestamptz, h.rows
    FROM handed_over h
    WHERE h.relation = of_table AND (only_sources IS NULL OR h.source = ANY (only_sources));
    RETURN QUERY
    SELECT here, NULL::uuid, i.source, max(least(i.observed_at, arrived_at)), NULL::jsonb
    FROM inbox i
    WHERE of_table = 'inbox' AND (only_sources IS NULL OR i.source = ANY (only_sources))
    GROUP BY i.source;
END $$;
COMMENT ON FUNCTION posture_internal.hand_over(name, text[], uuid[]) IS
    'takes from the inbox of a node what its head loads, and returns it, and of which sources the '
    'node has rows that it ingests itself; taken: what the head has of earlier calls';

-- A node that is down keeps its rows.
CREATE FUNCTION posture_internal.waiting_nodes(of_table name, only_sources text[])
    RETURNS integer[]
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET posture.partial_results = on
AS $$
BEGIN
    RETURN ARRAY(SELECT w.node_id
                 FROM ask_nodes(NULL::waiting_slice,
                                format('waiting_node(%L, %L)', of_table, only_sources)) w);
END $$;
COMMENT ON FUNCTION posture_internal.waiting_nodes(name, text[]) IS
    'returns the nodes in whose inbox rows wait';

CREATE FUNCTION posture_internal.take_over(of_table name, only_sources text[])
    RETURNS SETOF waiting_slice
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET posture.partial_results = off
AS $$
DECLARE
    asked integer[] := waiting_nodes(of_table, only_sources);
    taken uuid[];
    of_slice waiting_slice;
BEGIN
    IF asked = '{}' THEN
        RETURN;
    END IF;
    taken := ARRAY(SELECT h.slice FROM handed_over h WHERE h.node_id = ANY (asked));
    FOR of_slice IN
        SELECT w.*
        FROM ask_nodes(NULL::waiting_slice,
                       format('hand_over(%L, %L, %L)', of_table, only_sources, taken),
                       writes => true, only_nodes => asked) w
    LOOP
        IF of_slice.slice IS NULL THEN
            RETURN NEXT of_slice;
        ELSE
            EXECUTE format('INSERT INTO %1$I SELECT * FROM jsonb_populate_recordset(NULL::%1$I, $1)',
                           of_table)
            USING of_slice.rows;
            INSERT INTO handed_over (slice, node_id, relation, source)
            VALUES (of_slice.slice, of_slice.node_id, of_table, of_slice.source);
        END IF;
    END LOOP;
    DELETE FROM handed_over h WHERE h.slice = ANY (taken);
END $$;
COMMENT ON FUNCTION posture_internal.take_over(name, text[]) IS
    'step of ingest() and ingest_assets() on a head: takes rows from the inboxes of nodes into that '
    'of the head; returns the nodes and sources of the rows that nodes ingest themselves';

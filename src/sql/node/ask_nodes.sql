/*
 * How a head asks its nodes: ask_nodes() has each run the same query, all at once,
 * and returns the rows of all. Each node answers by a snapshot of its own.
 *
 * A node may be a database that a foreign server names. dblink carries the query, as
 * the role that the user mapping of the caller names, and the node commits what the
 * query wrote. A node may be a worker of Citus (ask_workers.sql).
 */

CREATE FUNCTION posture_internal.call_dblink(function text, VARIADIC arguments text[] DEFAULT '{}')
    RETURNS text
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('SELECT %s(%s)', dblink_function(function),
                   (SELECT string_agg(quote_literal(a), ', ' ORDER BY n)
                    FROM unnest(arguments) WITH ORDINALITY u(a, n)))
    INTO result;
    RETURN result;
END $$;
COMMENT ON FUNCTION posture_internal.call_dblink(text, text[]) IS
    'calls a function of the extension dblink, in whichever schema that is';

CREATE FUNCTION posture_internal.dblink_function(name text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    schema text := (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace
                    WHERE e.extname = 'dblink');
BEGIN
    IF schema IS NULL THEN
        RAISE EXCEPTION 'nodes on foreign servers need the extension dblink'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'CREATE EXTENSION dblink;';
    END IF;
    RETURN format('%I.%I', schema, name);
END $$;
COMMENT ON FUNCTION posture_internal.dblink_function(text) IS
    'returns the qualified name of a function of the extension dblink';

-- The text of a time has the abbreviation of its zone in other styles, and CST is several zones.
CREATE FUNCTION posture_internal.connection_settings() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 'SET search_path = pg_catalog, posture, posture_internal, pg_temp; '
           'SET datestyle = ISO; SET intervalstyle = postgres; SET extra_float_digits = 3';
COMMENT ON FUNCTION posture_internal.connection_settings() IS
    'returns the statements that a connection to a node begins with, so that the text of its '
    'answers is read here as it was meant';

-- A connection belongs to the role that opened it: another role gets one of its own.
CREATE FUNCTION posture_internal.node_connection(node_id integer) RETURNS text
    LANGUAGE sql STABLE
    RETURN format('posture_%s_%s', node_id,
                  (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = current_user));
COMMENT ON FUNCTION posture_internal.node_connection(integer) IS
    'returns the name of the connection of the current role to a node';

CREATE FUNCTION posture_internal.has_connection(name text) RETURNS boolean
    LANGUAGE sql VOLATILE
    RETURN CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.extname = 'dblink')
                THEN coalesce(name = ANY (call_dblink('dblink_get_connections')::text[]), false)
                ELSE false END;
COMMENT ON FUNCTION posture_internal.has_connection(text) IS
    'returns whether a connection of dblink is open';

CREATE FUNCTION posture_internal.node_fails(of_node node, message text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF setting('partial_results') <> 'on' THEN
        RAISE EXCEPTION 'node "%" does not answer', of_node.key
            USING ERRCODE = 'connection_failure', DETAIL = message,
                  HINT = 'SET posture.partial_results = on; gives results without it, in which its '
                         'assets are unassessed.';
    END IF;
    RAISE WARNING 'without node "%"', of_node.key
        USING ERRCODE = 'connection_failure', DETAIL = message;
END $$;
COMMENT ON FUNCTION posture_internal.node_fails(node, text) IS
    'raises an error about a node that does not answer, or a warning with posture.partial_results';

CREATE FUNCTION posture_internal.send_to_node(of_node node, query text) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    -- dblink gives notice of a connection that was lost, which is opened again
    SET client_min_messages = warning
AS $$
DECLARE
    name text := node_connection(of_node.node_id);
BEGIN
    IF has_connection(name) THEN
        -- this notices that the server has closed the connection
        PERFORM call_dblink('dblink_is_busy', name);
        IF call_dblink('dblink_send_query', name, query) = '1' THEN
            RETURN true;
        END IF;
        PERFORM call_dblink('dblink_disconnect', name);
    END IF;
    PERFORM call_dblink('dblink_connect', name, of_node.server);
    PERFORM call_dblink('dblink_exec', name, connection_settings());
    PERFORM call_dblink('dblink_send_query', name, query);
    RETURN true;
EXCEPTION WHEN connection_exception OR connection_failure
            OR sqlclient_unable_to_establish_sqlconnection THEN
    PERFORM node_fails(of_node, SQLERRM);
    RETURN false;
END $$;
COMMENT ON FUNCTION posture_internal.send_to_node(node, text) IS
    'sends a query to a node, without waiting for its result; returns whether it was sent';

CREATE FUNCTION posture_internal.answer_of_node(
    of_node node, row_type anyelement, columns text, without text DEFAULT NULL)
    RETURNS SETOF anyelement
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    name text := node_connection(of_node.node_id);
BEGIN
    RETURN QUERY EXECUTE format('SELECT * FROM %s(%L) AS a(%s)',
                                dblink_function('dblink_get_result'), name, columns);
    -- the end of the result, after which the connection takes another query
    EXECUTE format('SELECT FROM %s(%L) AS a(nothing text)',
                   dblink_function('dblink_get_result'), name);
EXCEPTION WHEN connection_exception OR connection_failure OR admin_shutdown OR crash_shutdown
            OR cannot_connect_now THEN
    PERFORM node_fails(of_node, SQLERRM);
    IF without IS NOT NULL THEN
        RETURN QUERY EXECUTE without USING of_node.node_id;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.answer_of_node(node, anyelement, text, text) IS
    'returns the result of the query that was sent to a node; without: as in ask_nodes()';

CREATE FUNCTION posture_internal.row_columns(of_type regtype) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
BEGIN ATOMIC
    SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', '
                      ORDER BY a.attnum)
    FROM pg_catalog.pg_type t
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.typrelid
    WHERE t.oid = of_type AND a.attnum > 0 AND NOT a.attisdropped;
END;
COMMENT ON FUNCTION posture_internal.row_columns(regtype) IS
    'returns the columns of a row type, as a query on a function that returns records names them';

CREATE FUNCTION posture_internal.answer(
    of_cluster uuid, of_node integer, of_version text, of_timezone text, relation text)
    RETURNS SETOF record
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
DECLARE
    here place := (SELECT p FROM place p);
BEGIN
    IF of_cluster IS NULL THEN
        NULL;
    ELSIF (here.cluster, here.node_id) IS DISTINCT FROM (of_cluster, of_node) THEN
        RAISE EXCEPTION 'this database is not node % of the head that asks', of_node
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = CASE WHEN here IS NULL THEN 'It is no node.'
                                ELSE format('It is node "%s" of %s.', here.node,
                                            CASE here.cluster WHEN of_cluster THEN 'this head'
                                                              ELSE 'another head' END) END,
                  HINT = 'The server, or the shard that stands for the node, was moved.';
    ELSIF of_version <> posture_version() THEN
        RAISE EXCEPTION 'node "%" has version % of posture, its head has %', here.node,
            posture_version(), of_version
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'ALTER EXTENSION posture UPDATE; on the one that is behind.';
    ELSIF of_timezone <> setting('timezone') THEN
        RAISE EXCEPTION 'node "%" has posture.timezone %, its head has %', here.node,
            setting('timezone'), of_timezone
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'ALTER DATABASE ... SET posture.timezone = ...; on one of them.';
    END IF;
    RETURN QUERY EXECUTE 'SELECT * FROM ' || relation;
END $$;
COMMENT ON FUNCTION posture_internal.answer(uuid, integer, text, text, text) IS
    'runs on a node what ask_nodes() asks, as the current role; an error if the database is another '
    'node, or has another version or time zone than the head; of_cluster NULL: nothing is checked';

CREATE FUNCTION posture_internal.posture_version() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT e.extversion FROM pg_catalog.pg_extension e WHERE e.extname = 'posture');
COMMENT ON FUNCTION posture_internal.posture_version() IS 'returns the version of the extension';

-- For a node that does not answer, the rows are those of the query in without, in which $1 is the
-- id of the node.
CREATE FUNCTION posture_internal.ask_servers(
    row_type anyelement, asked node[], call text, without text)
    RETURNS SETOF anyelement
    LANGUAGE plpgsql ROWS 1000
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    columns text := row_columns(pg_typeof(row_type));
    of_node node;
    answers node[] := '{}';
BEGIN
    FOREACH of_node IN ARRAY asked LOOP
        IF send_to_node(of_node, format('SELECT a.* FROM %s AS a(%s)',
                                        format(call, of_node.node_id), columns)) THEN
            answers := answers || of_node;
        ELSIF without IS NOT NULL THEN
            RETURN QUERY EXECUTE without USING of_node.node_id;
        END IF;
    END LOOP;
    FOREACH of_node IN ARRAY answers LOOP
        RETURN QUERY SELECT * FROM answer_of_node(of_node, row_type, columns, without);
    END LOOP;
    -- whoever called a function that runs as its owner must not use its connections
    IF current_user <> session_user THEN
        PERFORM call_dblink('dblink_disconnect', c)
        FROM unnest(answers) n
        CROSS JOIN LATERAL node_connection(n.node_id) c
        WHERE has_connection(c);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.ask_servers(anyelement, node[], text, text) IS
    'step of ask_nodes(): asks those on foreign servers; call: the call of answer() with %s in place '
    'of the id of the node';

CREATE FUNCTION posture_internal.ask_nodes(
    row_type anyelement, relation text, only_nodes integer[] DEFAULT NULL,
    without text DEFAULT NULL, is_checked boolean DEFAULT true, writes boolean DEFAULT false)
    RETURNS SETOF anyelement
    LANGUAGE plpgsql ROWS 1000
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    here place := (SELECT p FROM place p);
    asked node[] := ARRAY(SELECT n FROM node n
                          WHERE only_nodes IS NULL OR n.node_id = ANY (only_nodes)
                          ORDER BY n.node_id);
    on_servers node[] := ARRAY(SELECT n FROM unnest(asked) n WHERE n.server IS NOT NULL);
    workers node[] := ARRAY(SELECT n FROM unnest(asked) n WHERE n.worker_place IS NOT NULL);
    call text := format('posture_internal.answer(%L, %%s, %L, %L, %s)',
                        CASE WHEN is_checked THEN here.cluster END, posture_version(),
                        setting('timezone'), replace(quote_literal(relation), '%', '%%'));
BEGIN
    IF on_servers <> '{}' THEN
        RETURN QUERY SELECT * FROM ask_servers(row_type, on_servers, call, without);
    END IF;
    IF workers <> '{}' THEN
        IF writes THEN
            PERFORM commit_together();
        END IF;
        RETURN QUERY SELECT * FROM ask_workers(row_type, workers, call, without);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.ask_nodes(
    anyelement, text, integer[], text, boolean, boolean) IS
    'returns the rows that a relation has on all nodes, or on some: what follows FROM in a query; '
    'row_type: NULL of the type of the rows; without: query of the rows in place of those of a '
    'node, $1, that does not answer; is_checked: whether the node must be the one that is meant, of '
    'the version and time zone of the head; writes: whether the relation writes';

-- rows that several questions return
CREATE TYPE posture_internal.known_day AS (day date);
COMMENT ON TYPE posture_internal.known_day IS 'a day that a node knows of';
COMMENT ON COLUMN posture_internal.known_day.day IS 'the day';

CREATE TYPE posture_internal.asset_list AS (assets assetset);
COMMENT ON TYPE posture_internal.asset_list IS 'a set with which a node answers';
COMMENT ON COLUMN posture_internal.asset_list.assets IS 'ids of assets, or of other objects';

CREATE FUNCTION posture_internal.united_assets(own assetset, relation text) RETURNS assetset
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF has_nodes() THEN
        own := coalesce(own, '{}') | (
            SELECT coalesce(union_agg(n.assets), '{}')
            FROM ask_nodes(NULL::asset_list, relation) n);
    END IF;
    RETURN own;
END $$;
COMMENT ON FUNCTION posture_internal.united_assets(assetset, text) IS
    'returns a set of this database, on a head together with those that a relation has on its nodes';

/*
 * A database becomes a node: it takes the catalog of its head, and gives out ids of
 * a range of its own, so that no two nodes have an asset of the same id.
 */

CREATE FUNCTION posture_internal.first_id(node_id integer) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN least(node_id * bigint '16777216', 2147483647);
COMMENT ON FUNCTION posture_internal.first_id(integer) IS
    'returns the first id of the assets and exemptions that are new on a node: each has 16,777,216';

-- A head keeps its ids below those of its nodes.
CREATE FUNCTION posture_internal.take_id_range(of_node integer, first_node integer DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    of_column record;
BEGIN
    FOR of_column IN
        SELECT *
        FROM (VALUES ('asset', 'asset_id'), ('exemption', 'exemption_id'),
                     ('attestation', 'attestation_id')) v(relation, id)
    LOOP
        EXECUTE format('ALTER TABLE %I ALTER %I %s', of_column.relation, of_column.id,
                       CASE WHEN first_node IS NOT NULL
                            THEN format('SET MAXVALUE %s', first_id(first_node) - 1)
                            ELSE format('SET MINVALUE %s SET MAXVALUE %s SET START %s RESTART',
                                        first_id(of_node), first_id(of_node + 1) - 1,
                                        first_id(of_node) + 1) END);
    END LOOP;
END $$;
COMMENT ON FUNCTION posture_internal.take_id_range(integer, integer) IS
    'has this database give out the ids of a node, or as a head those below its first node';

CREATE FUNCTION posture_internal.become_node(
    of_cluster uuid, of_node integer, of_key text, of_version text)
    RETURNS TABLE (applied bigint)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    here place := (SELECT p FROM place p);
BEGIN
    IF here IS NOT NULL AND (here.cluster, here.node_id) <> (of_cluster, of_node) THEN
        RAISE EXCEPTION 'the database of node "%" is already node "%" of a head', of_key, here.node
            USING ERRCODE = 'object_in_use';
    ELSIF of_version <> posture_version() THEN
        RAISE EXCEPTION 'the database of node "%" has version % of posture, its head has %', of_key,
            posture_version(), of_version
            USING ERRCODE = 'object_not_in_prerequisite_state';
    ELSIF here IS NULL AND (EXISTS (SELECT FROM source) OR EXISTS (SELECT FROM metric)
                            OR EXISTS (SELECT FROM asset) OR EXISTS (SELECT FROM initiative)) THEN
        RAISE EXCEPTION 'the database of node "%" has a catalog of its own', of_key
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'A node begins empty, and takes the catalog of its head. To keep what a '
                         'database has, make it the head, and move its assets to nodes.';
    END IF;
    IF here IS NULL THEN
        INSERT INTO place (cluster, node_id, node) VALUES (of_cluster, of_node, of_key);
        PERFORM take_id_range(of_node);
    END IF;
    applied := 0;
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION posture_internal.become_node(uuid, integer, text, text) IS
    'makes this empty database a node of a head';

CREATE FUNCTION posture_internal.sync_catalog(of_node integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET posture.partial_results = off
AS $$
DECLARE
    of_table record;
    all_rows jsonb;
    changes jsonb := '[]';
BEGIN
    FOR of_table IN SELECT t.* FROM pushed_table() t LOOP
        EXECUTE format('SELECT jsonb_agg(t) FROM %I t WHERE %s', of_table.relation,
                       of_table.condition)
        INTO all_rows;
        changes := changes || jsonb_build_array(
            jsonb_build_array(of_table.relation, '"all"'::jsonb, coalesce(all_rows, '[]')));
    END LOOP;
    PERFORM FROM tell_nodes(NULL::applied, format('apply_catalog(%L)', changes),
                            ARRAY[of_node]);
END $$;
COMMENT ON FUNCTION posture_internal.sync_catalog(integer) IS
    'sends the whole catalog to a node';

-- A parallel process can't ask nodes. Elsewhere the functions of reports are parallel safe.
CREATE FUNCTION posture_internal.stay_serial() RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET citus.enable_ddl_propagation = off
AS $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET max_parallel_workers_per_gather = 0',
                   current_database());
END $$;
COMMENT ON FUNCTION posture_internal.stay_serial() IS
    'switches parallel queries off in this database, and not in those of workers';

CREATE FUNCTION posture_internal.head_place() RETURNS place
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    here place := (SELECT p FROM place p);
BEGIN
    IF here.node_id > 0 THEN
        RAISE EXCEPTION 'this database is node "%" of a head', here.node
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Nodes are added on the head.';
    ELSIF here IS NULL THEN
        INSERT INTO place (cluster, node_id, node) VALUES (gen_random_uuid(), 0, 'head')
        RETURNING * INTO here;
        INSERT INTO bucket SELECT generate_series(0, 1023) ON CONFLICT DO NOTHING;
        PERFORM stay_serial();
    END IF;
    RETURN here;
END $$;
COMMENT ON FUNCTION posture_internal.head_place() IS
    'returns the place of a head, which this database becomes if it is none';

CREATE FUNCTION posture_internal.require_owner(function text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF NOT has_all_levels(caller()) THEN
        RAISE EXCEPTION 'permission denied for %', function
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'A superuser, or the role that created the extension, can call it.';
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.require_owner(text) IS
    'raises an error unless the caller is a superuser or owns the extension';

-- The first id of the first node is above all ids that the head has given out.
CREATE FUNCTION posture_internal.next_node_id() RETURNS integer
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    next_id integer := (SELECT nullif(p.last_node_id, 0) + 1 FROM place p);
BEGIN
    IF next_id IS NULL THEN
        next_id := coalesce((SELECT max(a.asset_id) FROM asset a), 0) / 16777216 + 1;
        PERFORM take_id_range(0, next_id);
    END IF;
    IF next_id > 127 THEN
        RAISE EXCEPTION 'cannot add another node'
            USING ERRCODE = 'program_limit_exceeded',
                  DETAIL = 'A head has at most 127 nodes, with those that were removed.';
    END IF;
    UPDATE place SET last_node_id = next_id;
    RETURN next_id;
END $$;
COMMENT ON FUNCTION posture_internal.next_node_id() IS
    'returns the id of the node that is added next';

CREATE FUNCTION posture_internal.introduce_node(of_node integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET posture.partial_results = off
AS $$
BEGIN
    PERFORM FROM node n
    CROSS JOIN place p
    CROSS JOIN LATERAL ask_nodes(
        NULL::applied, format('posture_internal.become_node(%L, %s, %L, %L)', p.cluster, n.node_id,
                              n.key, posture_version()),
        ARRAY[n.node_id], is_checked => false, writes => true)
    WHERE n.node_id = of_node;
    PERFORM sync_catalog(of_node);
    PERFORM send_last_day(of_node);
END $$;
COMMENT ON FUNCTION posture_internal.introduce_node(integer) IS
    'makes the database of a new row in node a node, and sends it the catalog';

CREATE FUNCTION posture.add_node(node text, server text) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET posture.partial_results = off
AS $$
DECLARE
    added integer;
BEGIN
    PERFORM require_owner('add_node()');
    IF num_nulls(node, server) > 0 THEN
        RAISE EXCEPTION 'a node needs a key and a foreign server'
            USING ERRCODE = 'null_value_not_allowed';
    END IF;
    LOCK TABLE posture.node IN SHARE ROW EXCLUSIVE MODE;
    PERFORM head_place();
    IF NOT EXISTS (SELECT FROM pg_foreign_server s WHERE s.srvname = add_node.server) THEN
        RAISE EXCEPTION 'server "%" does not exist', server
            USING ERRCODE = 'undefined_object',
                  HINT = format('CREATE SERVER %I FOREIGN DATA WRAPPER dblink_fdw OPTIONS (...), '
                                'and a user mapping for each role that reads.',
                                server);
    END IF;
    INSERT INTO posture.node (node_id, key, server)
    VALUES (next_node_id(), node, server)
    RETURNING node_id INTO added;
    PERFORM introduce_node(added);
    PERFORM remember_nodes();
END $$;
COMMENT ON FUNCTION posture.add_node(text, text) IS
    'makes the empty database that a foreign server names a node of this one, with a key: it gets '
    'the catalog, and its assets count here';

CREATE FUNCTION posture.sync_node(node text) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM require_owner('sync_node()');
    PERFORM sync_catalog(k.id) FROM key_id('node', ARRAY[coalesce(node, '')]) k;
END $$;
COMMENT ON FUNCTION posture.sync_node(text) IS
    'sends the whole catalog to a node; needed if a transaction of the head failed to commit after '
    'the node had taken its changes';

CREATE FUNCTION posture.federate(servers text[]) RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT posture.add_node(s, s) FROM unnest(servers) s;
END;
COMMENT ON FUNCTION posture.federate(text[]) IS
    'adds the databases that foreign servers name as nodes, each with the name of its server as key';

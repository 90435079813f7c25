/*
 * distribute(): the workers of a Citus cluster become nodes.
 */

CREATE FUNCTION posture_internal.place_workers() RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET client_min_messages = warning
AS $$
BEGIN
    CREATE SCHEMA IF NOT EXISTS posture_nodes;
    DROP TABLE IF EXISTS posture_nodes.place, posture_nodes.written;
    CREATE TABLE posture_nodes.place (place integer PRIMARY KEY, node_id integer NOT NULL);
    CREATE TABLE posture_nodes.written (place integer PRIMARY KEY);
    -- at least two shards, because Citus commits what it wrote to one in one phase
    PERFORM create_distributed_table(
        'posture_nodes.place', 'place', colocate_with := 'none',
        shard_count := greatest(2, (SELECT count(*) FROM node n
                                    WHERE n.worker_group IS NOT NULL)::integer));
    PERFORM create_distributed_table('posture_nodes.written', 'place',
                                     colocate_with := 'posture_nodes.place');
    UPDATE node n
    SET worker_place = s.place
    FROM (SELECT DISTINCT ON (p.groupid) p.groupid, g.place
          FROM generate_series(1, 10000) g(place)
          JOIN pg_dist_placement p
            ON p.shardid = get_shard_id_for_distribution_column('posture_nodes.place', g.place)
          ORDER BY p.groupid, g.place) s
    WHERE s.groupid = n.worker_group;
    INSERT INTO posture_nodes.place (place, node_id)
    SELECT n.worker_place, n.node_id FROM node n WHERE n.worker_group IS NOT NULL;
    GRANT USAGE ON SCHEMA posture_nodes TO PUBLIC;
    GRANT SELECT ON posture_nodes.place TO PUBLIC;
END $$;
COMMENT ON FUNCTION posture_internal.place_workers() IS
    'makes the distributed tables by which Citus reaches each worker that is a node';

CREATE FUNCTION posture_internal.add_workers() RETURNS SETOF node
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    of_group integer;
BEGIN
    FOR of_group IN
        SELECT w.groupid
        FROM pg_dist_node w
        WHERE w.groupid > 0 AND w.noderole = 'primary' AND w.isactive AND w.shouldhaveshards
          AND NOT EXISTS (SELECT FROM node n WHERE n.worker_group = w.groupid)
        ORDER BY w.groupid
    LOOP
        RETURN QUERY
        INSERT INTO node (node_id, key, worker_group)
        VALUES (next_node_id(), 'worker' || of_group, of_group)
        RETURNING *;
    END LOOP;
END $$;
COMMENT ON FUNCTION posture_internal.add_workers() IS
    'step of distribute(): gives each worker of Citus that is no node yet a row in node';

CREATE FUNCTION posture.distribute() RETURNS TABLE (node text)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET posture.partial_results = off
AS $$
DECLARE
    added integer[];
    node_id integer;
BEGIN
    PERFORM require_owner('distribute()');
    IF NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'citus') THEN
        RAISE EXCEPTION 'this database is not the coordinator of a Citus cluster'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'CREATE EXTENSION citus, and SELECT citus_add_node(...) for each worker; '
                         'or add_node() for databases that foreign servers name.';
    END IF;
    LOCK TABLE posture.node IN SHARE ROW EXCLUSIVE MODE;
    PERFORM head_place();
    added := ARRAY(SELECT w.node_id FROM add_workers() w);
    IF added = '{}' THEN
        RAISE EXCEPTION 'the Citus cluster has no worker that is not a node already'
            USING ERRCODE = 'no_data_found', HINT = 'SELECT citus_add_node(host, port);';
    END IF;
    PERFORM place_workers();
    FOREACH node_id IN ARRAY added LOOP
        PERFORM introduce_node(node_id);
    END LOOP;
    PERFORM remember_nodes();
    -- the roles that have levels here are on the workers, too
    IF EXISTS (SELECT FROM access) THEN
        PERFORM restore_access();
    END IF;
    RETURN QUERY SELECT n.key::text FROM posture.node n WHERE n.node_id = ANY (added) ORDER BY 1;
END $$;
COMMENT ON FUNCTION posture.distribute() IS
    'makes the workers of the Citus cluster, whose coordinator this database is, nodes; those that '
    'were added to the cluster since, if it was called before; returns their keys';

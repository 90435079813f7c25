/*
 * Workers of Citus as nodes. Citus calls a function on each worker beside a row of a
 * distributed table whose shard is there: posture_nodes.place has one row for each
 * worker. What is written on workers is part of the transaction of the head, and is
 * committed on all or on none, as long as the transaction also writes to two shards:
 * posture_nodes.written is there to be written to.
 *
 * The tables are in a schema of their own, because Citus can't distribute what
 * belongs to an extension.
 */

CREATE FUNCTION posture_internal.commit_together() RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    -- else others that write wait until this transaction ends
    SET citus.enable_deadlock_prevention = off
AS $$
BEGIN
    DELETE FROM posture_nodes.written;
END $$;
COMMENT ON FUNCTION posture_internal.commit_together() IS
    'has Citus commit this transaction in two phases';
REVOKE EXECUTE ON FUNCTION posture_internal.commit_together() FROM PUBLIC;

CREATE FUNCTION posture_internal.ask_workers(
    row_type anyelement, asked node[], call text, without text)
    RETURNS SETOF anyelement
    LANGUAGE plpgsql ROWS 1000
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    query text := format('SELECT a.* FROM posture_nodes.place p, LATERAL %s AS a(%s) '
                         'WHERE p.place = ANY ', format(call, 'p.node_id'),
                         row_columns(pg_typeof(row_type)));
    of_node node;
BEGIN
    RETURN QUERY EXECUTE query || format('(%L::integer[])',
                                         ARRAY(SELECT n.worker_place FROM unnest(asked) n));
EXCEPTION WHEN connection_exception OR connection_failure
            OR sqlclient_unable_to_establish_sqlconnection OR admin_shutdown
            OR crash_shutdown OR cannot_connect_now THEN
    -- Citus collects all rows before it returns the first, so none was returned
    IF cardinality(asked) > 1 THEN
        FOREACH of_node IN ARRAY asked LOOP
            RETURN QUERY SELECT * FROM ask_workers(row_type, ARRAY[of_node], call, without);
        END LOOP;
        RETURN;
    END IF;
    PERFORM node_fails(asked[1], SQLERRM);
    IF without IS NOT NULL THEN
        RETURN QUERY EXECUTE without USING asked[1].node_id;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.ask_workers(anyelement, node[], text, text) IS
    'step of ask_nodes(): asks workers of Citus; if one does not answer, each by itself';

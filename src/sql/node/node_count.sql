/*
 * What a head last knew of the population of each node. With posture.partial_results,
 * the assets of a node that does not answer count as unassessed, so that scores are
 * shown with the bounds that follow from that.
 */

CREATE TABLE posture_internal.node_count (
    node_id integer REFERENCES posture.node ON DELETE CASCADE,
    object_kind text,
    object_id integer,
    population bigint NOT NULL,
    PRIMARY KEY (node_id, object_kind, object_id)
);
COMMENT ON TABLE posture_internal.node_count IS
    'population of each object on each node when the head took its last snapshot';
COMMENT ON COLUMN posture_internal.node_count.node_id IS 'id of the node';
COMMENT ON COLUMN posture_internal.node_count.object_kind IS 'recommendation, metric or initiative';
COMMENT ON COLUMN posture_internal.node_count.object_id IS 'id of the object';
COMMENT ON COLUMN posture_internal.node_count.population IS
    'number of distinct assets, each as many times as it weighs in a metric';

-- In PL/pgSQL, because what counts does not exist yet.
CREATE FUNCTION posture_internal.node_population() RETURNS SETOF node_count
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT p.node_id, c.object_kind, c.object_id, c.population
    FROM place p CROSS JOIN current_object_count() c;
END $$;
COMMENT ON FUNCTION posture_internal.node_population() IS
    'returns the population of each object on this node';

CREATE FUNCTION posture_internal.remember_nodes() RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    answers node_count[];
BEGIN
    IF NOT has_nodes() THEN
        RETURN;
    END IF;
    answers := ARRAY(SELECT n FROM ask_nodes(NULL::node_count, 'node_population()') n);
    DELETE FROM node_count c WHERE c.node_id IN (SELECT a.node_id FROM unnest(answers) a);
    INSERT INTO node_count SELECT a.* FROM unnest(answers) a;
END $$;
COMMENT ON FUNCTION posture_internal.remember_nodes() IS
    'records the population of the objects on each node that answers';
REVOKE EXECUTE ON FUNCTION posture_internal.remember_nodes() FROM PUBLIC;

/*
 * What a head last knew of the population of each node, also by group. With
 * posture.partial_results, the assets of a node that does not answer count as
 * unassessed, so that scores are shown with the bounds that follow from that.
 */

CREATE TABLE posture_internal.node_count (
    node_id integer REFERENCES posture.node ON DELETE CASCADE,
    asset_group_id integer,
    asset_kind text,
    object_kind text,
    object_id integer,
    population bigint NOT NULL,
    PRIMARY KEY (node_id, asset_group_id, asset_kind, object_kind, object_id)
);
COMMENT ON TABLE posture_internal.node_count IS
    'population of each object on each node when the head took its last snapshot, or moved assets';
COMMENT ON COLUMN posture_internal.node_count.node_id IS 'id of the node';
COMMENT ON COLUMN posture_internal.node_count.asset_group_id IS
    'group whose assets are counted; 0: not of a group';
COMMENT ON COLUMN posture_internal.node_count.asset_kind IS
    'kind of the assets that are counted; empty: all kinds';
COMMENT ON COLUMN posture_internal.node_count.object_kind IS
    'recommendation, metric or initiative; asset: the assets themselves';
COMMENT ON COLUMN posture_internal.node_count.object_id IS
    'id of the object; 0: the assets themselves';
COMMENT ON COLUMN posture_internal.node_count.population IS
    'number of distinct assets, each as many times as it weighs in a metric';

-- In PL/pgSQL, because what counts does not exist yet.
CREATE FUNCTION posture_internal.node_population() RETURNS SETOF node_count
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT p.node_id, c.*
    FROM place p
    CROSS JOIN (SELECT 0, '', o.object_kind, o.object_id, o.population
                FROM current_object_count() o
                UNION ALL
                SELECT g.asset_group_id, '', g.object_kind, g.object_id, g.population
                FROM counted('infinity', NULL, NULL, all_groups()) g
                UNION ALL
                SELECT coalesce(g.asset_group_id, 0), coalesce(a.asset_kind, ''), 'asset', 0,
                       cardinality(a.assets)
                FROM asset_scope() a LEFT JOIN asset_group g ON g.key = a.asset_group)
               c(asset_group_id, asset_kind, object_kind, object_id, population)
    WHERE c.population > 0;
END $$;
COMMENT ON FUNCTION posture_internal.node_population() IS
    'returns the population of each object on this node, of all assets and of those of each group, '
    'and the number of assets of each kind and group';

-- The days of a backfill() before the last one change nothing.
CREATE FUNCTION posture_internal.remember_nodes(of_day date DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET posture.partial_results = off
AS $$
DECLARE
    answers node_count[];
BEGIN
    IF NOT has_nodes() OR EXISTS (SELECT FROM snapshot s WHERE s.day > of_day) THEN
        RETURN;
    END IF;
    answers := ARRAY(SELECT n FROM ask_nodes(NULL::node_count, 'node_population()') n);
    DELETE FROM node_count;
    INSERT INTO node_count SELECT a.* FROM unnest(answers) a;
END $$;
COMMENT ON FUNCTION posture_internal.remember_nodes(date) IS
    'records the population of the objects on each node, with the snapshot of the latest day';
REVOKE EXECUTE ON FUNCTION posture_internal.remember_nodes(date) FROM PUBLIC;

/*
 * Whether the nodes of a head are those that it takes them for: what status() and
 * verify() say of them.
 */

CREATE FUNCTION posture_internal.catalog_sum() RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    -- so that the text of a row is the same on all nodes
    SET datestyle = 'ISO, YMD'
    SET intervalstyle = 'postgres'
    SET timezone = 'UTC'
    SET extra_float_digits = 1
AS $$
DECLARE
    of_table record;
    sum text;
    result jsonb := '{}';
BEGIN
    FOR of_table IN SELECT t.* FROM pushed_table() t LOOP
        EXECUTE format('SELECT md5(string_agg(x.line, chr(10) ORDER BY x.line COLLATE "C")) '
                       'FROM (SELECT (to_jsonb(t) - %L::text[])::text AS line FROM %I t '
                       'WHERE %s) x', of_table.left_out, of_table.relation, of_table.condition)
        INTO sum;
        result := result || jsonb_build_object(of_table.relation, sum);
    END LOOP;
    RETURN result;
END $$;
COMMENT ON FUNCTION posture_internal.catalog_sum() IS
    'returns a checksum of each table that a head sends to its nodes';

CREATE TYPE posture_internal.node_fact AS (
    node_id integer,
    cluster uuid,
    version text,
    timezone text,
    catalog jsonb,
    assets bigint,
    closed_day date,
    error text
);
COMMENT ON TYPE posture_internal.node_fact IS 'what a head checks of a node';
COMMENT ON COLUMN posture_internal.node_fact.node_id IS 'id of the node';
COMMENT ON COLUMN posture_internal.node_fact.cluster IS 'id that a head and its nodes share';
COMMENT ON COLUMN posture_internal.node_fact.version IS 'version of posture';
COMMENT ON COLUMN posture_internal.node_fact.timezone IS 'posture.timezone';
COMMENT ON COLUMN posture_internal.node_fact.catalog IS 'checksums of the catalog';
COMMENT ON COLUMN posture_internal.node_fact.assets IS 'about how many assets the node has';
COMMENT ON COLUMN posture_internal.node_fact.closed_day IS 'last day that the node has closed';
COMMENT ON COLUMN posture_internal.node_fact.error IS 'why it does not answer; NULL: it does';

CREATE FUNCTION posture_internal.node_fact(with_catalog boolean) RETURNS node_fact
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    fact node_fact;
BEGIN
    SELECT p.node_id, p.cluster INTO fact.node_id, fact.cluster FROM place p;
    fact.version := posture_version();
    fact.timezone := setting('timezone');
    IF with_catalog THEN
        fact.catalog := catalog_sum();
    END IF;
    fact.assets := (SELECT greatest(c.reltuples, 0)::bigint FROM pg_class c
                    WHERE c.oid = 'posture.asset'::regclass);
    fact.closed_day := (SELECT max(s.day) FROM snapshot s WHERE s.day < today());
    RETURN fact;
END $$;
COMMENT ON FUNCTION posture_internal.node_fact(boolean) IS
    'returns what a head checks of this node; with_catalog: also the checksums of the catalog';

CREATE FUNCTION posture_internal.fact_of_node(of_node integer, with_catalog boolean)
    RETURNS node_fact
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET posture.partial_results = off
AS $$
BEGIN
    RETURN (SELECT f FROM ask_nodes(NULL::node_fact,
                                    format('posture_internal.node_fact(%L)', with_catalog),
                                    ARRAY[of_node], is_checked => false) f);
EXCEPTION
    WHEN connection_failure THEN
        RETURN (of_node, NULL, NULL, NULL, NULL, NULL, NULL, 'does not answer')::node_fact;
    WHEN OTHERS THEN
        RETURN (of_node, NULL, NULL, NULL, NULL, NULL, NULL, 'fails: ' || SQLERRM)::node_fact;
END $$;
COMMENT ON FUNCTION posture_internal.fact_of_node(integer, boolean) IS
    'returns node_fact() of a node, or why the node can''t tell it';

CREATE FUNCTION posture_internal.node_problem(with_catalog boolean)
    RETURNS TABLE (node text, problem text, assets bigint, closed_day date)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    head node_fact := node_fact(with_catalog);
BEGIN
    RETURN QUERY
    SELECT n.key::text,
           coalesce(f.error,
                    CASE WHEN (f.cluster, f.node_id) IS DISTINCT FROM (head.cluster, n.node_id)
                         THEN 'is another database' END,
                    CASE WHEN f.version <> head.version
                         THEN format('has version %s of posture, the head has %s', f.version,
                                     head.version) END,
                    CASE WHEN f.timezone <> head.timezone
                         THEN format('has posture.timezone %s, the head has %s', f.timezone,
                                     head.timezone) END,
                    (SELECT 'has another catalog: ' || string_agg(c.relation, ', ' ORDER BY 1)
                     FROM jsonb_each_text(head.catalog) c(relation, sum)
                     WHERE f.catalog ->> c.relation IS DISTINCT FROM c.sum
                     HAVING count(*) > 0)),
           f.assets, f.closed_day
    FROM node n
    CROSS JOIN LATERAL fact_of_node(n.node_id, with_catalog) f
    ORDER BY n.key;
END $$;
COMMENT ON FUNCTION posture_internal.node_problem(boolean) IS
    'returns each node of a head, and what is wrong with it, NULL: nothing; with_catalog: whether '
    'the catalog is compared';

CREATE TYPE posture_internal.difference AS (
    part text,
    recommendation text,
    chunk integer,
    difference text
);
COMMENT ON TYPE posture_internal.difference IS 'a row of verify()';
COMMENT ON COLUMN posture_internal.difference.part IS 'what differs';
COMMENT ON COLUMN posture_internal.difference.recommendation IS 'recommendation; NULL: none';
COMMENT ON COLUMN posture_internal.difference.chunk IS 'number of the chunk of assets; NULL: none';
COMMENT ON COLUMN posture_internal.difference.difference IS 'the difference in words';

CREATE FUNCTION posture_internal.node_difference() RETURNS SETOF difference
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    of_node record;
BEGIN
    FOR of_node IN SELECT p.* FROM node_problem(true) p LOOP
        IF of_node.problem IS NOT NULL THEN
            RETURN NEXT ('node', NULL, NULL,
                         format('node "%s" %s', of_node.node, of_node.problem))::difference;
        ELSE
            RETURN QUERY
            SELECT d.part, d.recommendation, d.chunk,
                   format('node "%s": %s', of_node.node, d.difference)
            FROM ask_nodes(NULL::difference, 'find_differences()',
                           ARRAY(SELECT n.node_id FROM node n WHERE n.key = of_node.node)) d;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION posture_internal.node_difference() IS
    'step of verify(): the differences on all nodes, and the nodes that are not those that their '
    'head takes them for';

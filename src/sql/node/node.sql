/*
 * Nodes: databases of posture that have assets of their own. The head asks all of
 * them and adds up, because counts of distinct assets add over disjoint assets. A
 * head that has assets itself counts as one more. A database without nodes asks
 * nobody.
 */

CREATE TABLE posture.node (
    node_id integer PRIMARY KEY
        CONSTRAINT "node_id is 1 to 127" CHECK (node_id BETWEEN 1 AND 127),
    key object_key NOT NULL UNIQUE,
    server name,
    worker_group integer UNIQUE,
    worker_place integer UNIQUE,
    added_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE posture.node IS
    'databases that this one, their head, asks and adds up; add_node() and remove_node() write it';
COMMENT ON COLUMN posture.node.node_id IS 'id of the node, by which ids of assets are given out';
COMMENT ON COLUMN posture.node.key IS 'key of the node, which a person chose';
COMMENT ON COLUMN posture.node.server IS
    'foreign server by which the head reaches the database; NULL: a worker of Citus';
COMMENT ON COLUMN posture.node.worker_group IS
    'group of the worker of Citus; NULL: a foreign server';
COMMENT ON COLUMN posture.node.worker_place IS
    'value of posture_nodes.place whose shard is on the worker; NULL: a foreign server';
COMMENT ON COLUMN posture.node.added_at IS 'time at which the node was added';

CREATE TABLE posture_internal.place (
    cluster uuid NOT NULL,
    node_id integer NOT NULL
        CONSTRAINT "node_id is 0 to 127" CHECK (node_id BETWEEN 0 AND 127),
    node object_key NOT NULL,
    last_node_id integer NOT NULL DEFAULT 0,
    is_one boolean PRIMARY KEY DEFAULT true CONSTRAINT "there is one place" CHECK (is_one)
);
COMMENT ON TABLE posture_internal.place IS
    'which node this database is; without a row it is neither a node nor a head';
COMMENT ON COLUMN posture_internal.place.cluster IS 'id that a head and its nodes share';
COMMENT ON COLUMN posture_internal.place.node_id IS 'id of the node; 0: the head';
COMMENT ON COLUMN posture_internal.place.node IS 'key of the node';
COMMENT ON COLUMN posture_internal.place.last_node_id IS
    'of a head: the id of the node that was added last, which is not used again';
COMMENT ON COLUMN posture_internal.place.is_one IS 'true, so that there is one row';

CREATE FUNCTION posture_internal.has_nodes() RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_has_nodes' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.has_nodes() IS
    'returns whether this database is a head, which has nodes';

CREATE FUNCTION posture_internal.question(template text, VARIADIC arguments "any") RETURNS text
    AS 'MODULE_PATHNAME', 'posture_question' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.question(text, "any") IS
    'returns what format() does, but days, times and intervals as text that a node reads as meant, '
    'whatever the datestyle here and there';

CREATE FUNCTION posture_internal.planned_has_nodes_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'posture_has_nodes_support' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.planned_has_nodes_support(internal) IS
    'planner support: evaluates planned_has_nodes() when a query is planned';

CREATE FUNCTION posture_internal.planned_has_nodes() RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_has_nodes' LANGUAGE C STABLE PARALLEL SAFE
    SUPPORT planned_has_nodes_support;
COMMENT ON FUNCTION posture_internal.planned_has_nodes() IS
    'returns has_nodes(), evaluated when the query is planned; queries are planned again when that '
    'changes';

CREATE FUNCTION posture_internal.replan_nodes() RETURNS trigger
    AS 'MODULE_PATHNAME', 'posture_replan_nodes' LANGUAGE C;
COMMENT ON FUNCTION posture_internal.replan_nodes() IS
    'has queries planned again for which it matters whether there are nodes';
REVOKE EXECUTE ON FUNCTION posture_internal.replan_nodes() FROM PUBLIC;
CREATE TRIGGER replan AFTER INSERT OR DELETE OR TRUNCATE ON posture.node
    FOR EACH STATEMENT EXECUTE FUNCTION replan_nodes();
COMMENT ON TRIGGER replan ON posture.node IS
    'has queries planned again for which it matters whether there are nodes';

CREATE FUNCTION posture_internal.is_node() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN EXISTS (SELECT FROM place p WHERE p.node_id > 0);
COMMENT ON FUNCTION posture_internal.is_node() IS
    'returns whether this database is a node: its head records events, and says what is measured';

CREATE FUNCTION posture_internal.has_assets() RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM asset);
END $$;
COMMENT ON FUNCTION posture_internal.has_assets() IS
    'returns whether this database has assets of its own, which a head need not have';

-- Growth moves buckets from one node to another. There are many more of them than of nodes.
CREATE TABLE posture_internal.bucket (
    bucket integer PRIMARY KEY
        CONSTRAINT "bucket is 0 to 1023" CHECK (bucket BETWEEN 0 AND 1023),
    node_id integer NOT NULL DEFAULT 0
);
COMMENT ON TABLE posture_internal.bucket IS
    'which node has the assets of a bucket; a database without nodes has no rows';
COMMENT ON COLUMN posture_internal.bucket.bucket IS 'number of the bucket';
COMMENT ON COLUMN posture_internal.bucket.node_id IS 'id of the node; 0: the head itself';

-- All spellings of a key, whatever the kind of the asset, have one.
CREATE FUNCTION posture_internal.routing_key(key text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN lower(rtrim(canonical_key(key, NULL), '/.') COLLATE "C");
COMMENT ON FUNCTION posture_internal.routing_key(text) IS
    'returns what decides which bucket a key is in, the same for all spellings of a key';

CREATE FUNCTION posture_internal.hash_bucket(key text) RETURNS integer
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ('x' || left(md5(convert_to(routing_key(key), 'UTF8')), 8))::bit(32)::integer & 1023;
COMMENT ON FUNCTION posture_internal.hash_bucket(text) IS
    'returns the bucket of an asset with a key';

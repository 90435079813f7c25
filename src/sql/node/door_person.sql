/*
 * What people write on a head about assets of nodes: exemptions and aliases are
 * inserted on the node that has the asset, merge_asset() and attest() run there. An
 * UPDATE or DELETE reaches the rows of the head alone, so it says where the others are.
 * run_on_nodes() runs a statement there.
 */

CREATE FUNCTION posture_internal.is_typed() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    -- functions of posture pin their search_path
    RETURN has_nodes() AND current_setting('search_path') NOT LIKE '%posture_internal%';
COMMENT ON FUNCTION posture_internal.is_typed() IS
    'returns whether this database is a head, and a statement is of a user, not of a function of '
    'posture';

CREATE FUNCTION posture_internal.insert_routed(relation name, of_row jsonb)
    RETURNS SETOF known_name
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    of_asset asset := (SELECT a FROM asset a WHERE a.asset_id = (of_row ->> 'asset_id')::integer);
BEGIN
    IF of_asset IS NULL THEN
        RETURN;
    ELSIF relation = 'asset_alias' THEN
        INSERT INTO asset_alias SELECT * FROM jsonb_populate_record(NULL::asset_alias, of_row);
    ELSE
        INSERT INTO exemption (recommendation_id, asset_id, kind, reason, approved_by, created_at,
                               expires_at, is_reported)
        SELECT e.recommendation_id, e.asset_id, e.kind, e.reason, e.approved_by, e.created_at,
               e.expires_at, e.is_reported
        FROM jsonb_populate_record(NULL::exemption, of_row) e;
    END IF;
    RETURN QUERY SELECT NULL::text, of_asset.asset_id, of_asset.key::text;
END $$;
COMMENT ON FUNCTION posture_internal.insert_routed(name, jsonb) IS
    'inserts on a node an exemption or an alias that was written on its head, if the node has its '
    'asset; returns the asset';

CREATE FUNCTION posture_internal.route_row() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET posture.partial_results = off
AS $$
DECLARE
    keys text[];
BEGIN
    IF EXISTS (SELECT FROM asset a WHERE a.asset_id = NEW.asset_id) THEN
        IF TG_TABLE_NAME = 'asset_alias' THEN
            PERFORM add_routes(ARRAY[to_jsonb(NEW) ->> 'alias'], ARRAY[hash_bucket(a.key)])
            FROM asset a WHERE a.asset_id = NEW.asset_id;
        END IF;
        RETURN NEW;
    END IF;
    PERFORM flush_catalog();
    keys := ARRAY(SELECT n.key
                  FROM tell_nodes(NULL::known_name, format('insert_routed(%L, %L)', TG_TABLE_NAME,
                                                           to_jsonb(NEW))) n);
    IF keys = '{}' THEN
        -- the foreign key is violated
        RETURN NEW;
    ELSIF TG_TABLE_NAME = 'asset_alias' THEN
        PERFORM add_routes(ARRAY[to_jsonb(NEW) ->> 'alias'], ARRAY[hash_bucket(keys[1])]);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.route_row() IS
    'inserts on its node what is written on a head about an asset of a node';
REVOKE EXECUTE ON FUNCTION posture_internal.route_row() FROM PUBLIC;
CREATE TRIGGER route_row BEFORE INSERT ON posture.exemption
    FOR EACH ROW WHEN (NEW.asset_id IS NOT NULL AND posture_internal.has_nodes())
    EXECUTE FUNCTION route_row();
COMMENT ON TRIGGER route_row ON posture.exemption IS 'inserts an exemption on the node of its asset';
CREATE TRIGGER route_row BEFORE INSERT ON posture.asset_alias
    FOR EACH ROW WHEN (posture_internal.has_nodes())
    EXECUTE FUNCTION route_row();
COMMENT ON TRIGGER route_row ON posture.asset_alias IS 'inserts an alias on the node of its asset';

CREATE FUNCTION posture_internal.refuse_typed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    hint text := format('SELECT * FROM posture.run_on_nodes(''%s posture.%s ...''); A document of '
                        'format posture or inventory reaches all assets.', TG_OP, TG_TABLE_NAME);
    n bigint;
    of_row record;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT w.key AS asset, n.key AS node INTO of_row
        FROM written w CROSS JOIN LATERAL route_of(w.key) r JOIN node n ON n.node_id = r.node_id
        ORDER BY w.key LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'asset "%" belongs on node "%"', of_row.asset, of_row.node
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      HINT = 'SELECT posture.load(''inventory'', ...) adds assets on their nodes, '
                             'as do findings about them.';
        END IF;
        RETURN NULL;
    END IF;
    n := (SELECT count(*) FROM written);
    IF NOT EXISTS (SELECT FROM bucket b WHERE b.node_id > 0) THEN
        RETURN NULL;
    ELSIF n = 0 THEN
        RAISE EXCEPTION 'no such row of table "%" is on the head', TG_TABLE_NAME
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'Assets of nodes, with their aliases and exemptions, are on these.',
                  HINT = hint;
    ELSE
        RAISE WARNING '% of table "%" reached only rows of the head', TG_OP, TG_TABLE_NAME
            USING HINT = hint;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.refuse_typed() IS
    'raises an error or a warning about a statement on a head that does not reach the rows of '
    'its nodes';
REVOKE EXECUTE ON FUNCTION posture_internal.refuse_typed() FROM PUBLIC;

DO $refuse$
DECLARE
    of_trigger record;
BEGIN
    FOR of_trigger IN
        SELECT *
        FROM (VALUES ('asset', 'INSERT', 'NEW'), ('asset', 'UPDATE', 'OLD'),
                     ('asset', 'DELETE', 'OLD'), ('asset_alias', 'UPDATE', 'OLD'),
                     ('asset_alias', 'DELETE', 'OLD'), ('exemption', 'UPDATE', 'OLD'),
                     ('exemption', 'DELETE', 'OLD')) v(relation, event, rows)
    LOOP
        EXECUTE format('CREATE TRIGGER refuse_%s AFTER %s ON posture.%I '
                       'REFERENCING %s TABLE AS written FOR EACH STATEMENT '
                       'WHEN (posture_internal.is_typed()) EXECUTE FUNCTION refuse_typed()',
                       lower(of_trigger.event), of_trigger.event, of_trigger.relation,
                       of_trigger.rows);
        EXECUTE format('COMMENT ON TRIGGER refuse_%s ON posture.%I IS %L', lower(of_trigger.event),
                       of_trigger.relation, 'says where the rows of nodes are');
    END LOOP;
END $refuse$;

CREATE TYPE posture_internal.merged_asset AS (
    moved bigint, dropped bigint, key text, names text[]
);
COMMENT ON TYPE posture_internal.merged_asset IS 'what merge_asset() did on a node';
COMMENT ON COLUMN posture_internal.merged_asset.moved IS 'number of findings moved';
COMMENT ON COLUMN posture_internal.merged_asset.dropped IS 'number of findings dropped';
COMMENT ON COLUMN posture_internal.merged_asset.key IS 'key of the asset that is left';
COMMENT ON COLUMN posture_internal.merged_asset.names IS 'its aliases';

CREATE FUNCTION posture_internal.merge_routed(asset text, into_asset text)
    RETURNS SETOF merged_asset
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    merged record;
BEGIN
    SELECT m.* INTO merged FROM merge_here(asset, into_asset) m;
    -- a statement of its own sees the aliases that it got
    RETURN QUERY
    SELECT merged.moved, merged.dropped, a.key::text,
           ARRAY(SELECT l.alias::text FROM asset_alias l WHERE l.asset_id = a.asset_id)
    FROM asset a
    WHERE a.asset_id = merged.new_id;
END $$;
COMMENT ON FUNCTION posture_internal.merge_routed(text, text) IS
    'merges two assets of this database, see posture.merge_asset(); returns the one that is left';

CREATE FUNCTION posture_internal.merge_on_head(asset text, into_asset text) RETURNS merged_asset
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET posture.partial_results = off
AS $$
DECLARE
    old_node integer := (SELECT r.node_id FROM route_of(asset) r);
    target record;
    merged merged_asset;
BEGIN
    SELECT r.* INTO target FROM route_of(into_asset) r;
    IF old_node <> target.node_id THEN
        PERFORM FROM key_id('asset of any node',
                            ARRAY[coalesce(asset, 'NULL'), coalesce(into_asset, 'NULL')]);
        PERFORM lock_buckets();
        PERFORM move_buckets(old_node, target.node_id, ARRAY[target.bucket], asset);
    END IF;
    IF target.node_id = 0 THEN
        merged := (SELECT m FROM merge_routed(asset, into_asset) m);
    ELSE
        merged := (SELECT m FROM tell_nodes(NULL::merged_asset,
                                            format('merge_routed(%L, %L)', asset, into_asset),
                                            ARRAY[target.node_id]) m);
    END IF;
    PERFORM add_routes(merged.names, array_fill(hash_bucket(merged.key),
                                                ARRAY[cardinality(merged.names)]));
    RETURN merged;
END $$;
COMMENT ON FUNCTION posture_internal.merge_on_head(text, text) IS
    'merges two assets, see posture.merge_asset(), on the node of the second one, to which the '
    'first one moves, and routes their keys there';

CREATE TYPE posture_internal.node_result AS (node text, result text);
COMMENT ON TYPE posture_internal.node_result IS 'what a statement returned on a node';
COMMENT ON COLUMN posture_internal.node_result.node IS 'key of the node';
COMMENT ON COLUMN posture_internal.node_result.result IS 'a row, or the number of rows';

CREATE FUNCTION posture_internal.run_command(command text) RETURNS SETOF node_result
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    here text := (SELECT p.node FROM place p);
    n bigint;
BEGIN
    IF command ~* E'^\\s*(select|table|values|with)\\M' THEN
        RETURN QUERY EXECUTE format('SELECT %L, r::text FROM (%s) r', here,
                                    regexp_replace(command, E'[;\\s]+$', ''));
    ELSE
        EXECUTE command;
        GET DIAGNOSTICS n = ROW_COUNT;
        RETURN QUERY SELECT here, format('%s rows', n);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.run_command(text) IS
    'runs a statement on a node, see posture.run_on_nodes()';
REVOKE EXECUTE ON FUNCTION posture_internal.run_command(text) FROM PUBLIC;

CREATE FUNCTION posture.run_on_nodes(command text, node text DEFAULT NULL)
    RETURNS TABLE (node_key text, result text)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET posture.partial_results = off
AS $$
DECLARE
    only_nodes integer[];
BEGIN
    PERFORM require_owner('run_on_nodes()');
    only_nodes := (SELECT array_agg(k.id) FROM key_id('node', ARRAY[node]) k);
    PERFORM flush_catalog();
    RETURN QUERY
    SELECT r.*
    FROM tell_nodes(NULL::node_result, format('run_command(%L)', command), only_nodes) r;
END $$;
COMMENT ON FUNCTION posture.run_on_nodes(text, text) IS
    'runs a statement in SQL on all nodes, or on one, which commits it; returns its rows as text, '
    'or how many rows it wrote; for the owner of the extension';

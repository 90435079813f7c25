/*
 * The catalog of the nodes is that of their head, ids included. Triggers queue what
 * a statement changed, and flush_catalog() sends it: to workers of Citus at once; to
 * foreign servers when the transaction commits, or before something else is asked of
 * them for which it matters.
 *
 * A node applies the changes by its own statements, so that its sets follow as
 * those of any database do.
 */

CREATE TABLE posture_internal.catalog_push (
    push_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation name NOT NULL,
    removed jsonb,
    added jsonb
);
COMMENT ON TABLE posture_internal.catalog_push IS
    'changes of the catalog that the transaction has not yet sent to the nodes';
COMMENT ON COLUMN posture_internal.catalog_push.push_id IS 'id, ascending in the order of changes';
COMMENT ON COLUMN posture_internal.catalog_push.relation IS 'table of the catalog';
COMMENT ON COLUMN posture_internal.catalog_push.removed IS
    'rows as they were before an update or a deletion; NULL: none';
COMMENT ON COLUMN posture_internal.catalog_push.added IS
    'rows as an insertion or an update left them; NULL: none';

-- Of an exemption, its asset may be on one node only: see route_exemption().
CREATE FUNCTION posture_internal.pushed_table()
    RETURNS TABLE (relation name, left_out text[], condition text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    -- in the order of their foreign keys
    VALUES ('importance_weight'::name, '{}'::text[], 'true'), ('source', '{last_seen}', 'true'),
           ('asset_group', '{}', 'true'), ('recommendation', '{}', 'true'),
           ('metric', '{}', 'true'), ('metric_recommendation', '{}', 'true'),
           ('initiative', '{}', 'true'), ('initiative_metric', '{}', 'true'),
           ('initiative_recommendation', '{}', 'true'), ('exemption', '{}', 'asset_id IS NULL'),
           ('bucket', '{}', 'true');
END;
COMMENT ON FUNCTION posture_internal.pushed_table() IS
    'returns the tables that a head sends to its nodes; left_out: columns that each node has of its '
    'own; condition: which rows are sent';

CREATE FUNCTION posture_internal.push_catalog() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    sends text := (SELECT t.condition FROM pushed_table() t WHERE t.relation = TG_TABLE_NAME);
    was jsonb;
    now jsonb;
BEGIN
    IF NOT has_nodes() THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'TRUNCATE' THEN
        was := '"all"';
    ELSIF TG_OP <> 'INSERT' THEN
        EXECUTE format('SELECT jsonb_agg(r) FROM removed r WHERE %s', sends) INTO was;
    END IF;
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        EXECUTE format('SELECT jsonb_agg(a) FROM added a WHERE %s', sends) INTO now;
    END IF;
    IF num_nonnulls(was, now) > 0 THEN
        INSERT INTO catalog_push (relation, removed, added) VALUES (TG_TABLE_NAME, was, now);
        -- what is told to workers of Citus is part of this transaction
        IF NOT EXISTS (SELECT FROM node n WHERE n.server IS NOT NULL) THEN
            PERFORM flush_catalog();
        END IF;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.push_catalog() IS
    'queues for the nodes what a statement changed in the catalog';
REVOKE EXECUTE ON FUNCTION posture_internal.push_catalog() FROM PUBLIC;

-- A head that rolled back what it had sent gives the same key another id later. Findings of the
-- former id are of the delivery that was rolled back, and come again.
CREATE FUNCTION posture_internal.remove_strays(of_table name, now jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    relation regclass := quote_ident(of_table);
    id text := of_table || '_id';
    key text := (SELECT string_agg(quote_ident(a.attname), ', ')
                 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid
                                                    AND a.attnum = ANY (i.indkey)
                 WHERE i.indrelid = relation AND i.indisunique AND NOT i.indisprimary);
    strays integer[];
BEGIN
    IF key IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('WITH n AS (SELECT * FROM jsonb_populate_recordset(NULL::%1$s, $1)) '
                   'SELECT array_agg(t.%2$I) FROM %1$s t '
                   'WHERE (%3$s) IN (SELECT %3$s FROM n) AND t.%2$I NOT IN (SELECT %2$I FROM n)',
                   relation, id, key)
    INTO strays USING now;
    IF strays IS NOT NULL THEN
        DELETE FROM finding f WHERE of_table = 'recommendation'
                                AND f.recommendation_id = ANY (strays);
        EXECUTE format('DELETE FROM %s WHERE %I = ANY ($1)', relation, id) USING strays;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.remove_strays(name, jsonb) IS
    'removes from a node the rows of the catalog whose keys its head has under other ids';

-- A key of the primary key that an update changed is another row.
CREATE FUNCTION posture_internal.apply_change(of_table name, was jsonb, now jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    relation regclass := quote_ident(of_table);
    own text[];
    sent text;
    key text[] := ARRAY(SELECT a.attname
                        FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid
                                                           AND a.attnum = ANY (i.indkey)
                        WHERE i.indrelid = relation AND i.indisprimary);
    columns text[];
    key_list text := (SELECT string_agg(quote_ident(k), ', ') FROM unnest(key) k);
BEGIN
    SELECT t.left_out, t.condition INTO own, sent FROM pushed_table() t WHERE t.relation = of_table;
    columns := ARRAY(SELECT a.attname
                     FROM pg_attribute a
                     WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
                       AND a.attname <> ALL (own)
                     ORDER BY a.attnum);
    IF was IS NOT NULL THEN
        EXECUTE format('DELETE FROM %1$s WHERE %3$s AND ($1 = ''"all"'' OR (%2$s) IN ('
                       'SELECT %2$s FROM jsonb_populate_recordset(NULL::%1$s, '
                       'CASE jsonb_typeof($1) WHEN ''array'' THEN $1 ELSE ''[]'' END))) '
                       'AND (%2$s) NOT IN (SELECT %2$s '
                       'FROM jsonb_populate_recordset(NULL::%1$s, $2))',
                       relation, key_list, sent)
        USING was, coalesce(now, '[]');
    END IF;
    IF now IS NOT NULL THEN
        PERFORM remove_strays(of_table, now);
        EXECUTE format('INSERT INTO %1$s (%2$s) OVERRIDING SYSTEM VALUE '
                       'SELECT %2$s FROM jsonb_populate_recordset(NULL::%1$s, $1) '
                       'ON CONFLICT (%3$s) DO %4$s',
                       relation, (SELECT string_agg(quote_ident(c), ', ') FROM unnest(columns) c),
                       key_list,
                       coalesce((SELECT 'UPDATE SET '
                                        || string_agg(format('%I = EXCLUDED.%1$I', c), ', ')
                                 FROM unnest(columns) c WHERE c <> ALL (key)), 'NOTHING'))
        USING now;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.apply_change(name, jsonb, jsonb) IS
    'makes on a node the change of a table of the catalog that its head made: was "all" removes '
    'the rows that are not in now';

CREATE FUNCTION posture_internal.apply_catalog(changes jsonb) RETURNS TABLE (applied bigint)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    SELECT count(apply_change((c.change ->> 0)::name, nullif(c.change -> 1, 'null'),
                              nullif(c.change -> 2, 'null'))::text)
    INTO applied
    FROM (SELECT a.change FROM jsonb_array_elements(changes) WITH ORDINALITY a(change, n)
          ORDER BY a.n) c;
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION posture_internal.apply_catalog(jsonb) IS
    'makes on a node the changes of the catalog that its head made: of each, the table, and the '
    'rows before and after it';

CREATE TYPE posture_internal.applied AS (applied bigint);
COMMENT ON TYPE posture_internal.applied IS 'number of changes that a node applied';
COMMENT ON COLUMN posture_internal.applied.applied IS 'number of changes';

CREATE FUNCTION posture_internal.flush_catalog() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET posture.partial_results = off
AS $$
DECLARE
    changes jsonb;
BEGIN
    WITH taken AS (
        DELETE FROM catalog_push RETURNING *
    )
    SELECT jsonb_agg(jsonb_build_array(t.relation, t.removed, t.added) ORDER BY t.push_id)
    INTO changes
    FROM taken t;
    IF changes IS NOT NULL THEN
        PERFORM FROM tell_nodes(NULL::applied, format('apply_catalog(%L)', changes));
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.flush_catalog() IS
    'sends the changes of the catalog that the transaction has made to the nodes';
REVOKE EXECUTE ON FUNCTION posture_internal.flush_catalog() FROM PUBLIC;

CREATE FUNCTION posture_internal.flush_at_commit() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM flush_catalog();
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.flush_at_commit() IS
    'sends the changes of the catalog when the transaction commits';
REVOKE EXECUTE ON FUNCTION posture_internal.flush_at_commit() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER flush_at_commit AFTER INSERT ON posture_internal.catalog_push
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION flush_at_commit();
COMMENT ON TRIGGER flush_at_commit ON posture_internal.catalog_push IS
    'sends the changes of the catalog when the transaction commits';

DO $push$
DECLARE
    of_trigger record;
BEGIN
    FOR of_trigger IN
        SELECT c.oid::regclass AS relation, v.event, v.tables
        FROM pushed_table() t
        JOIN pg_class c ON c.relname = t.relation
                       AND c.relnamespace IN ('posture'::regnamespace,
                                              'posture_internal'::regnamespace)
        CROSS JOIN (VALUES
            ('insert', 'REFERENCING NEW TABLE AS added'),
            ('update', 'REFERENCING OLD TABLE AS removed NEW TABLE AS added'),
            ('delete', 'REFERENCING OLD TABLE AS removed'),
            ('truncate', '')) v(event, tables)
    LOOP
        EXECUTE format('CREATE TRIGGER push_%s AFTER %1$s ON %s %s '
                       'FOR EACH STATEMENT EXECUTE FUNCTION push_catalog()',
                       of_trigger.event, of_trigger.relation, of_trigger.tables);
        EXECUTE format('COMMENT ON TRIGGER push_%s ON %s IS %L', of_trigger.event,
                       of_trigger.relation, 'sends what a head changes to its nodes');
    END LOOP;
END $push$;

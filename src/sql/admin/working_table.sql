/*
 * Working tables of load() and ingest(). Their rows exist until the transaction ends. They are
 * temporary tables, but for those of a transaction that Citus commits in two phases.
 */

-- The locks on a table are held until the transaction ends, also if it is dropped before. So
-- a transaction that loads many documents uses the tables of the first again. A table with
-- the same name that is not of posture, or of another role, stays, and is an error.
--
-- A table that is kept is there for the next call of the session, which is faster, and leaves
-- nothing behind in the caches of the session: they keep some 240 bytes of each table that was.
-- Its columns have types of PostgreSQL alone, so that posture can be dropped. Nothing freezes a
-- temporary table, so an old one is made again.
CREATE FUNCTION posture_internal.prepares() RETURNS boolean
    LANGUAGE sql STABLE
    RETURN coalesce(current_setting('posture_internal.acting_curator', true), '') <> ''
       AND EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.extname = 'citus');
COMMENT ON FUNCTION posture_internal.prepares() IS
    'returns whether this transaction is one of a head, which Citus commits in two phases';

-- A transaction that is prepared must not have used a temporary table. Another one that needs a
-- table of the same name waits.
CREATE FUNCTION posture_internal.common_table(name text, columns text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET client_min_messages = warning
AS $$
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS posture_internal.%I', name);
    EXECUTE format('CREATE UNLOGGED TABLE posture_internal.%I (%s)', name, columns);
END $$;
COMMENT ON FUNCTION posture_internal.common_table(text, text) IS
    'makes a working table on a node of Citus, which end_common_tables() drops';
REVOKE EXECUTE ON FUNCTION posture_internal.common_table(text, text) FROM PUBLIC;

CREATE FUNCTION posture_internal.end_common_tables() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    tables text;
BEGIN
    IF prepares() THEN
        tables := (SELECT string_agg(c.oid::regclass::text, ', ')
                   FROM pg_class c
                   WHERE c.relnamespace = 'posture_internal'::regnamespace AND c.relkind = 'r'
                     AND c.relpersistence = 'u' AND starts_with(c.relname, 'posture_'));
        IF tables IS NOT NULL THEN
            EXECUTE 'DROP TABLE ' || tables;
        END IF;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.end_common_tables() IS
    'drops the working tables of this transaction on a node of Citus';
REVOKE EXECUTE ON FUNCTION posture_internal.end_common_tables() FROM PUBLIC;

CREATE FUNCTION posture_internal.working_table(
    name text, columns text, is_kept boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    mark text := 'working table of posture: ' || columns;
    former record;
BEGIN
    IF prepares() THEN
        PERFORM common_table(name, columns);
        RETURN;
    END IF;
    SELECT obj_description(c.oid, 'pg_class') = mark
               AND (age(c.relfrozenxid) < 1000000 OR pg_relation_size(c.oid) > 0) AS is_usable,
           pg_relation_size(c.oid) > 0 AS has_rows
    INTO former
    FROM pg_class c
    WHERE c.relname = working_table.name AND c.relnamespace = pg_my_temp_schema()
      AND c.relkind = 'r' AND c.relowner = quote_ident(current_user)::regrole
      AND obj_description(c.oid, 'pg_class') LIKE 'working table of posture: %';
    IF former.is_usable AND former.has_rows THEN
        EXECUTE format('TRUNCATE pg_temp.%I', name);
    ELSIF former.is_usable IS NOT TRUE THEN
        IF FOUND THEN
            EXECUTE format('DROP TABLE pg_temp.%I', name);
        END IF;
        EXECUTE format('CREATE TEMP TABLE %I (%s) ON COMMIT %s', name, columns,
                       CASE WHEN is_kept THEN 'DELETE ROWS' ELSE 'DROP' END);
        EXECUTE format('COMMENT ON TABLE pg_temp.%I IS %L', name, mark);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.working_table(text, text, boolean) IS
    'makes an empty temporary table, which is dropped when the transaction ends, or is kept '
    'without its rows';

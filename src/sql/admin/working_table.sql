/*
 * Working tables of load() and ingest(), which exist until the transaction ends.
 */

-- The locks on a table are held until the transaction ends, also if it is dropped before. So
-- a transaction that loads many documents uses the tables of the first again. A table with
-- the same name that is not of posture, or of another role, stays, and is an error.
CREATE FUNCTION posture_internal.working_table(name text, columns text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    mark text := 'working table of posture';
BEGIN
    IF EXISTS (SELECT
               FROM pg_class c
               WHERE c.relname = working_table.name AND c.relnamespace = pg_my_temp_schema()
                 AND c.relkind = 'r' AND c.relowner = quote_ident(current_user)::regrole
                 AND obj_description(c.oid, 'pg_class') = mark) THEN
        EXECUTE format('TRUNCATE pg_temp.%I', name);
    ELSE
        EXECUTE format('CREATE TEMP TABLE %I (%s) ON COMMIT DROP', name, columns);
        EXECUTE format('COMMENT ON TABLE pg_temp.%I IS %L', name, mark);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.working_table(text, text) IS
    'makes an empty temporary table that is dropped when the transaction ends';

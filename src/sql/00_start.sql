/*
 * The install script of posture, joined from src/sql/ in the order of the
 * file names. It runs as the bootstrap superuser, for whoever may create in the
 * database, in a schema that may be there already and be theirs. So nothing of
 * that schema is found without its name: an operator that somebody put there
 * for argument types that pg_catalog has only a cast for would otherwise be
 * taken, with the rights of the superuser. Bodies in BEGIN ATOMIC are bound
 * when created.
 */
-- complain if the script is sourced in psql rather than by CREATE EXTENSION
\echo Use "CREATE EXTENSION posture" to load this file. \quit
SET LOCAL search_path TO pg_catalog, pg_temp;

COMMENT ON SCHEMA posture IS 'security posture: catalog, findings, scores, snapshots, events and the views that report them';

-- Bodies in PL/pgSQL find what they call by the name of the schema, also where
-- they run with the rights of their owner: who owned the schema could rename it
-- and put another in its place. From here on, so that nobody does meanwhile.
DO $$
DECLARE
    owner record;
BEGIN
    -- the installer's session reads the literals of this script
    IF pg_catalog.current_setting('standard_conforming_strings') <> 'on' THEN
        RAISE EXCEPTION 'posture can be created only with standard_conforming_strings on'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'SET standard_conforming_strings = on;';
    END IF;
    SELECT r.oid, r.rolname, r.rolsuper,
           NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                       WHERE d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid = n.oid
                         AND d.classid <> 'pg_catalog.pg_extension'::pg_catalog.regclass) AS has_nothing
    INTO owner
    FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid = n.nspowner
    WHERE n.nspname = 'posture';
    IF NOT owner.rolsuper THEN
        -- nobody takes a schema from somebody else by this
        IF NOT pg_catalog.pg_has_role('@extowner@'::pg_catalog.regrole, owner.oid, 'USAGE') THEN
            RAISE EXCEPTION 'schema posture belongs to role "%"', owner.rolname
                USING ERRCODE = 'insufficient_privilege', HINT = 'Its owner can rename it, drop it, or create the extension.';
        END IF;
        EXECUTE pg_catalog.format('ALTER SCHEMA posture OWNER TO %I', current_user);
        GRANT USAGE ON SCHEMA posture TO @extowner@ WITH GRANT OPTION;
    ELSIF pg_catalog.has_schema_privilege('@extowner@'::pg_catalog.regrole, 'posture', 'USAGE') THEN
        NULL;
    ELSIF owner.has_nothing THEN
        -- as when somebody else dropped the extension
        GRANT USAGE ON SCHEMA posture TO @extowner@ WITH GRANT OPTION;
    ELSE
        RAISE WARNING 'role "%" may not use schema posture', '@extowner@'::pg_catalog.regrole
            USING HINT = 'It holds what is not posture''s: its owner can run GRANT USAGE ON SCHEMA posture TO @extowner@ WITH GRANT OPTION;';
    END IF;
END $$;

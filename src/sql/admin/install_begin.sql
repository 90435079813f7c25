/*
 * Beginning of the install script, which is joined from the files that
 * src/sql/load_order lists.
 *
 * The extension is trusted: the script runs as the bootstrap superuser for any
 * role that may create schemas in the database. Everything after this file, and
 * every function at run time, finds names through the two schemas. Therefore
 * both belong to a superuser, nobody else may create in them, and they hold
 * nothing but the extension.
 */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION posture" to load this file. \quit
SET LOCAL search_path TO pg_catalog, pg_temp;

-- With the setting off, backslashes in the literals of the script are escapes. The script is
-- parsed as a whole before it runs, so it is too late to turn the setting on.
DO $setting$
BEGIN
    IF current_setting('standard_conforming_strings') <> 'on' THEN
        RAISE EXCEPTION 'posture can be created and updated only with standard_conforming_strings on'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'SET standard_conforming_strings = on;';
    END IF;
END $setting$;

-- ALTER DEFAULT PRIVILEGES must not change who may use the extension. The default privileges
-- of the role that creates its objects are set aside, as those of no role, until the end of
-- the script, so each object begins with PostgreSQL's own: functions and types are PUBLIC's,
-- and nothing else is. Other sessions can change none meanwhile.
LOCK TABLE pg_default_acl IN SHARE ROW EXCLUSIVE MODE;
UPDATE pg_default_acl SET defaclrole = 0
WHERE defaclrole = (SELECT r.oid FROM pg_roles r WHERE r.rolname = current_user);

DO $$
DECLARE
    -- An extension's script has a placeholder for this name, but PostgreSQL refuses to replace
    -- it by a name that has a quote, a backslash or a dollar sign.
    installer oid := (SELECT e.extowner FROM pg_extension e WHERE e.extname = 'posture');
    owner record;
BEGIN
    IF EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = 'posture_internal') THEN
        RAISE EXCEPTION 'schema "posture_internal" already exists'
            USING ERRCODE = 'duplicate_schema',
                  DETAIL = 'CREATE EXTENSION posture creates this schema itself.',
                  HINT = 'Rename or drop the schema.';
    END IF;
    SELECT n.oid AS schema, n.nspacl AS acl, r.oid, r.rolname, r.rolsuper INTO owner
    FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
    WHERE n.nspname = 'posture';
    IF NOT owner.rolsuper AND NOT pg_has_role(installer, owner.oid, 'USAGE') THEN
        RAISE EXCEPTION 'schema "posture" belongs to role "%"', owner.rolname
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'The owner can rename or drop the schema, or create the extension.';
    END IF;
    IF EXISTS (SELECT FROM pg_depend d
               WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = owner.schema
                 AND d.classid <> 'pg_extension'::regclass) THEN
        RAISE EXCEPTION 'schema "posture" is not empty'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'The schema may hold nothing but the extension.',
                  HINT = 'Move or drop the objects in the schema, or rename it.';
    END IF;
    -- Before this transaction commits, a role that may create objects in the schema can
    -- still do so in another session, unseen by the check above. Therefore a new schema
    -- replaces it. The lock of DROP SCHEMA makes such a session wait, and then fail. So does a
    -- new schema replace one with any privileges: CREATE EXTENSION may have created it with
    -- default privileges.
    IF NOT owner.rolsuper OR owner.acl IS NOT NULL THEN
        ALTER SCHEMA posture RENAME TO posture_replaced;
        CREATE SCHEMA posture;
        ALTER EXTENSION posture DROP SCHEMA posture;
        UPDATE pg_extension SET extnamespace = 'posture'::regnamespace WHERE extname = 'posture';
        UPDATE pg_depend d SET refobjid = 'posture'::regnamespace
        FROM pg_extension e
        WHERE e.extname = 'posture' AND d.classid = 'pg_extension'::regclass AND d.objid = e.oid
          AND d.refclassid = 'pg_namespace'::regclass AND d.refobjid = owner.schema;
        DROP SCHEMA posture_replaced;
    END IF;
END $$;

CREATE SCHEMA posture_internal;
GRANT USAGE ON SCHEMA posture, posture_internal TO PUBLIC;
COMMENT ON SCHEMA posture IS
    'security posture: catalog, findings, scores, daily snapshots, events and reports';
COMMENT ON SCHEMA posture_internal IS
    'internal functions and derived tables of posture; any of them may change in any release';

SET LOCAL search_path TO pg_catalog, posture, posture_internal, pg_temp;


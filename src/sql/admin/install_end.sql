
/*
 * End of the install script and of each upgrade script: sets the privileges of
 * the installer and the contents of a dump, and checks who owns the objects.
 *
 * The installer of a trusted extension may be an ordinary role. It gets
 * privileges on the tables, with grant option, but owns no table, function or
 * schema: a superuser who assesses the cluster must not run a trigger or a
 * function that another role can replace. REFERENCES and TRIGGER are not
 * granted, because a cascaded DELETE runs the triggers of referencing tables
 * with the rights of the role that deletes.
 */
-- The check below comes too late for what it finds if these statements call it.
SET LOCAL search_path TO pg_catalog, pg_temp;

-- the default privileges that the script set aside at its beginning
UPDATE pg_default_acl
SET defaclrole = (SELECT r.oid FROM pg_roles r WHERE r.rolname = current_user)
WHERE defaclrole = 0;

DO $$
DECLARE
    relation record;
    -- The role that runs an upgrade may differ from the one that installed.
    installer name := (SELECT r.rolname FROM pg_extension e JOIN pg_roles r ON r.oid = e.extowner
                       WHERE e.extname = 'posture');
BEGIN
    EXECUTE format(
        'GRANT EXECUTE ON FUNCTION posture.grant_access(name, text, text), '
        'posture.revoke_access(name), posture.restore_access(), posture.forget_source(text) '
        'TO %I WITH GRANT OPTION',
        installer);
    FOR relation IN
        SELECT c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) AS name
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
        JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
        WHERE e.extname = 'posture' AND c.relkind IN ('r', 'S', 'v', 'f')
        ORDER BY c.oid
    LOOP
        EXECUTE format(
            'GRANT %s ON %s TO %I WITH GRANT OPTION',
            -- check_change_log() lets the installer insert into change_log only to restore a dump
            CASE WHEN relation.name = 'posture.change_log' THEN 'SELECT, INSERT'
                 WHEN relation.name = 'posture_internal.change_log_start' THEN 'SELECT'
                 WHEN relation.relkind = 'r' THEN 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE'
                 WHEN relation.relkind = 'S' THEN 'USAGE, SELECT, UPDATE' ELSE 'SELECT' END,
            relation.name, installer);
        -- A dump includes every table and sequence, except those of derived
        -- data. Logical replication skips the same tables.
        IF relation.relkind IN ('r', 'S')
           AND NOT EXISTS (
               SELECT
               FROM pg_trigger t
               WHERE t.tgfoid = 'posture_internal.skip_replicated()'::regprocedure
                 AND t.tgrelid IN (SELECT relation.oid
                                   UNION ALL
                                   SELECT s.refobjid
                                   FROM pg_depend s
                                   WHERE s.classid = 'pg_class'::regclass
                                     AND s.objid = relation.oid AND s.deptype = 'i')) THEN
            PERFORM pg_extension_config_dump(relation.oid, '');
        END IF;
        IF relation.relkind = 'S' THEN
            EXECUTE format('COMMENT ON SEQUENCE %s IS %L', relation.name, 'generates ids');
        END IF;
    END LOOP;
END $$;

-- A script that grants a privilege on an object makes all privileges on it initial ones, which
-- pg_dump omits. Those of other roles, which grant_access() granted before an update, are not.
DO $$
DECLARE
    by_script oid[] := (SELECT ARRAY[0, e.extowner, n.nspowner]
                        FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
                        WHERE e.extname = 'posture');
BEGIN
    UPDATE pg_init_privs p
    SET initprivs = ARRAY(SELECT a
                          FROM unnest(p.initprivs) a
                          WHERE NOT EXISTS (SELECT FROM aclexplode(ARRAY[a]) x
                                            WHERE x.grantee <> ALL (by_script)))
    FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
    WHERE d.classid = p.classoid AND d.objid = p.objoid AND d.deptype = 'e'
      AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'posture'
      AND EXISTS (SELECT FROM aclexplode(p.initprivs) x WHERE x.grantee <> ALL (by_script));
    DELETE FROM pg_init_privs p WHERE cardinality(p.initprivs) = 0 AND p.objsubid > 0;
END $$;

-- An object of an ordinary role in the extension or its schemas would run with
-- the rights of the caller of posture, so installation and upgrade fail if there
-- is one.
DO $$
DECLARE
    foreign_object text := (
        WITH object AS (
            SELECT d.classid, d.objid
            FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
            WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
              AND e.extname = 'posture'
            UNION
            SELECT d.classid, d.objid
            FROM pg_depend d JOIN pg_namespace n ON n.oid = d.refobjid
            WHERE d.refclassid = 'pg_namespace'::regclass
              AND n.nspname IN ('posture', 'posture_internal')
        )
        SELECT min(pg_describe_object(o.classid, o.objid, 0))
        FROM object o
        -- pg_shdepend does not record the bootstrap superuser as an owner.
        JOIN pg_shdepend s ON s.classid = o.classid AND s.objid = o.objid AND s.objsubid = 0
             AND s.deptype = 'o' AND s.refclassid = 'pg_authid'::regclass
             AND s.dbid = (SELECT b.oid FROM pg_database b WHERE b.datname = current_database())
        JOIN pg_roles r ON r.oid = s.refobjid
        WHERE NOT r.rolsuper AND o.classid <> 'pg_extension'::regclass);
BEGIN
    IF foreign_object IS NOT NULL THEN
        RAISE EXCEPTION 'posture would use %, which belongs to another role', foreign_object
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Drop the object, move it to another schema, or have a superuser own it.';
    END IF;
END $$;

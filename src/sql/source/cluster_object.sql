/*
 * Checks of databases, and of the objects in the current one.
 */

CREATE FUNCTION posture_internal.cluster_database_finding(cluster text)
    RETURNS TABLE (
        recommendation text, asset text, asset_kind text, asset_name text, state text,
        details jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT c.recommendation, cluster_asset(cluster || '/database/' || quote_ident(d.datname)),
       'database', d.datname::text,
       cluster_state(c.met, NULL), cluster_details(NULL, c.found)
FROM pg_catalog.pg_database d
CROSS JOIN LATERAL (
    SELECT coalesce(bool_or(a.privilege_type = 'CONNECT'), false),
           coalesce(bool_or(a.privilege_type = 'TEMPORARY'), false)
    FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
    WHERE a.grantee = 0
) p(connects, makes_temporary)
CROSS JOIN LATERAL (
    SELECT jsonb_agg(DISTINCT o.name || ' = ' || o.value) FROM cluster_own_setting() o
    WHERE o.setdatabase = d.oid AND o.setrole = 0 AND cluster_weak_setting(o.name, o.value)
) w(weak)
CROSS JOIN LATERAL (
    SELECT 'database-public-connect', NOT p.connects,
           jsonb_build_object('public_connect', p.connects)
    UNION ALL
    SELECT 'database-public-temp', NOT p.makes_temporary,
           jsonb_build_object('public_temporary', p.makes_temporary)
    UNION ALL
    SELECT 'database-settings', w.weak IS NULL, jsonb_build_object('settings', w.weak)
    UNION ALL
    -- PUBLIC has privileges on functions and types by default, not by the owner's choice
    SELECT 'database-default-privileges', a.granted_by IS NULL,
           jsonb_build_object('granted_by', a.granted_by)
    FROM (SELECT jsonb_agg(DISTINCT pg_get_userbyid(f.defaclrole)) FROM pg_catalog.pg_default_acl f
          WHERE f.defaclobjtype NOT IN ('f', 'T')
            AND EXISTS (SELECT FROM aclexplode(f.defaclacl) x WHERE x.grantee = 0)) a(granted_by)
    WHERE d.datname = current_database()
) c(recommendation, met, found)
WHERE d.datallowconn;
END;
COMMENT ON FUNCTION posture_internal.cluster_database_finding(text) IS
    'checks the databases that accept connections';

CREATE FUNCTION posture_internal.cluster_is_user_object(schema oid, class oid, object oid)
    RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
            FROM pg_catalog.pg_namespace n WHERE n.oid = schema)
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                       WHERE d.classid = class AND d.objid = object AND d.deptype = 'e');
COMMENT ON FUNCTION posture_internal.cluster_is_user_object(oid, oid, oid) IS
    'returns whether an object belongs neither to the system nor to an extension';

CREATE FUNCTION posture_internal.cluster_schema_finding(cluster text)
    RETURNS TABLE (
        recommendation text, asset text, asset_kind text, asset_name text, state text,
        details jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT 'schema-public-create',
       cluster_asset(format('%s/database/%I/schema/%I', cluster, current_database(), n.nspname)),
           'schema', n.nspname::text,
       cluster_state(NOT p.creates, NULL), jsonb_build_object('public_create', p.creates)
FROM pg_catalog.pg_namespace n
CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT FROM aclexplode(n.nspacl) a WHERE a.grantee = 0
                   AND a.privilege_type = 'CREATE')
) p(creates)
WHERE cluster_is_user_object(n.oid, 'pg_namespace'::regclass, n.oid);
END;
COMMENT ON FUNCTION posture_internal.cluster_schema_finding(text) IS
    'checks the schemas of this database';

CREATE FUNCTION posture_internal.cluster_table_finding(cluster text)
    RETURNS TABLE (
        recommendation text, asset text, asset_kind text, asset_name text, state text,
        details jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
WITH relation AS (
    SELECT c.oid, c.relkind, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity,
           c.reloptions,
           format('%s.%I', c.relnamespace::regnamespace, c.relname) AS name,
           EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid) AS has_policies
    FROM pg_catalog.pg_class c
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND cluster_is_user_object(c.relnamespace, 'pg_class'::regclass, c.oid)
), granted AS (
    SELECT a.oid, array_agg(DISTINCT a.privilege_type) AS privileges
    FROM (SELECT r.oid, x.privilege_type FROM relation r CROSS JOIN aclexplode(r.relacl) x
          WHERE x.grantee = 0
          UNION ALL
          SELECT t.attrelid, x.privilege_type FROM pg_catalog.pg_attribute t CROSS
                 JOIN aclexplode(t.attacl) x WHERE x.grantee = 0) a
    GROUP BY a.oid
), read_by_view AS (
    -- the rule of a view depends on the tables that the view reads
    SELECT DISTINCT w.ev_class, d.refobjid
    FROM pg_catalog.pg_rewrite w
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
        AND d.refclassid = 'pg_class'::regclass
)
SELECT c.recommendation,
       cluster_asset(format('%s/database/%I/table/%s', cluster, current_database(), r.name)),
           'table', r.name,
       cluster_state(c.met, NULL), cluster_details(NULL, c.found)
FROM relation r
LEFT JOIN granted g ON g.oid = r.oid
CROSS JOIN LATERAL (
    SELECT 'table-public-read', coalesce(NOT 'SELECT' = ANY (g.privileges), true),
           jsonb_build_object('public', to_jsonb(g.privileges))
    UNION ALL
    SELECT 'table-public-write', coalesce(g.privileges <@ '{SELECT}', true),
           jsonb_build_object('public', to_jsonb(g.privileges))
    UNION ALL
    SELECT 'table-owner', NOT o.rolsuper,
           jsonb_build_object('owner', o.rolname, 'superuser', o.rolsuper)
    FROM pg_catalog.pg_roles o WHERE o.oid = r.relowner
    UNION ALL
    SELECT 'table-policies-enabled', r.relrowsecurity,
           jsonb_build_object('policies', r.has_policies, 'row_security', r.relrowsecurity)
    WHERE r.relrowsecurity OR r.has_policies
    UNION ALL
    SELECT 'table-row-security-forced', r.relforcerowsecurity,
           jsonb_build_object('forced', r.relforcerowsecurity)
    WHERE r.relrowsecurity
    UNION ALL
    SELECT 'view-row-security', i.invoker, jsonb_build_object('security_invoker', i.invoker)
    FROM (SELECT coalesce(bool_or(p.option_value::boolean)
                          FILTER (WHERE p.option_name = 'security_invoker'), false)
          FROM pg_options_to_table(r.reloptions) p) i(invoker)
    WHERE r.relkind = 'v'
      AND EXISTS (SELECT FROM read_by_view v JOIN pg_catalog.pg_class t ON t.oid = v.refobjid
                                      WHERE v.ev_class = r.oid AND t.relrowsecurity)
) c(recommendation, met, found);
END;
COMMENT ON FUNCTION posture_internal.cluster_table_finding(text) IS
    'checks the tables and views of this database';

CREATE FUNCTION posture_internal.cluster_function_finding(cluster text)
    RETURNS TABLE (
        recommendation text, asset text, asset_kind text, asset_name text, state text,
        details jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
WITH routine AS MATERIALIZED (
    -- the name includes the types of arguments, because they, and not the names of
    -- arguments, identify a function
    SELECT p.oid, p.prosecdef, p.proowner, p.proacl, l.lanname, l.lanpltrusted,
           format('%s.%I(%s)', p.pronamespace::regnamespace, p.proname,
                  oidvectortypes(p.proargtypes)) AS name,
           (SELECT substr(s, length('search_path=') + 1) FROM unnest(p.proconfig) s
            WHERE s LIKE 'search\_path=%') AS search_path
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE p.prokind <> 'a' AND cluster_is_user_object(p.pronamespace, 'pg_proc'::regclass, p.oid)
)
SELECT c.recommendation,
       cluster_asset(format('%s/database/%I/function/%s', cluster, current_database(), r.name)),
           'function', r.name,
       cluster_state(c.met, NULL), cluster_details(NULL, c.found)
FROM routine r
JOIN pg_catalog.pg_roles o ON o.oid = r.proowner
CROSS JOIN LATERAL (
    SELECT 'function-language', r.lanpltrusted, jsonb_build_object('language', r.lanname)
    UNION ALL
    SELECT 'function-search-path', r.search_path IS NOT NULL,
           jsonb_build_object('search_path', coalesce(r.search_path, 'not pinned'))
    WHERE r.prosecdef
    UNION ALL
    -- an empty search_path is safe
    SELECT 'function-search-path-temp',
           r.search_path ~ '(^\s*(""|'''')?\s*$|(^|,)\s*"?pg_temp"?\s*$)',
           jsonb_build_object('search_path', r.search_path)
    WHERE r.prosecdef AND r.search_path IS NOT NULL
    UNION ALL
    SELECT 'function-public-execute', NOT e.executes,
           jsonb_build_object('public_execute', e.executes)
    FROM (SELECT EXISTS (SELECT FROM aclexplode(coalesce(r.proacl, acldefault('f', r.proowner))) a
                         WHERE a.grantee = 0)) e(executes)
    WHERE r.prosecdef
    UNION ALL
    SELECT 'function-owner', NOT o.rolsuper,
           jsonb_build_object('owner', o.rolname, 'superuser', o.rolsuper)
    WHERE r.prosecdef
) c(recommendation, met, found);
END;
COMMENT ON FUNCTION posture_internal.cluster_function_finding(text) IS
    'checks the functions and procedures of this database';

-- PostgreSQL raises an error for an extension without a control file, and for any control
-- file that it can't read. Versions have no order: a version is older if there is an update
-- path to the default. Not PARALLEL SAFE, because before PostgreSQL 17 no error can be caught in
-- a parallel worker.
CREATE FUNCTION posture_internal.cluster_extension_version(
    extension name, installed text, OUT available text, OUT is_current boolean, OUT hidden text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    available := (SELECT a.default_version FROM pg_available_extensions a
                  WHERE a.name = extension);
    IF available IS NULL THEN
        hidden := 'the server has no files of the extension';
        RETURN;
    END IF;
    is_current := installed = available
        OR NOT EXISTS (SELECT FROM pg_extension_update_paths(extension) u
                       WHERE u.source = installed AND u.target = available
                         AND u.path IS NOT NULL);
EXCEPTION WHEN OTHERS THEN
    is_current := NULL;
    hidden := 'the files of extensions could not be read: ' || SQLERRM;
END $$;
COMMENT ON FUNCTION posture_internal.cluster_extension_version(name, text) IS
    'returns the version of an extension that the server has files of, and whether the installed '
    'one needs no update; hidden: why this is not known';

CREATE FUNCTION posture_internal.cluster_extension_finding(cluster text)
    RETURNS TABLE (
        recommendation text, asset text, asset_kind text, asset_name text, state text,
        details jsonb)
    LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT c.recommendation,
       cluster_asset(format('%s/database/%I/extension/%I', cluster, current_database(), e.extname)),
           'extension', e.extname::text,
       cluster_state(c.met, c.hidden), cluster_details(c.hidden, c.found)
FROM pg_catalog.pg_extension e
JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
CROSS JOIN LATERAL cluster_extension_version(e.extname, e.extversion) v
CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT FROM aclexplode(n.nspacl) x WHERE x.grantee = 0
                   AND x.privilege_type = 'CREATE')
) s(is_open)
CROSS JOIN LATERAL (
    SELECT 'extension-current', v.is_current,
           jsonb_build_object('installed', e.extversion, 'available', v.available), v.hidden
    UNION ALL
    SELECT 'extension-outside',
           e.extname NOT IN ('adminpack', 'dblink', 'file_fdw', 'http', 'pageinspect', 'pg_net',
                             'pg_surgery', 'plperlu',
                             'plpython2u', 'plpython3u', 'plpythonu', 'plsh', 'pltclu'),
           jsonb_build_object('version', e.extversion), NULL
    UNION ALL
    SELECT 'extension-schema', NOT s.is_open,
           jsonb_build_object('schema', n.nspname, 'public_create', s.is_open), NULL
) c(recommendation, met, found, hidden);
END;
COMMENT ON FUNCTION posture_internal.cluster_extension_finding(text) IS
    'checks the extensions of this database';

/*
 * Checks of login roles.
 */

-- "USAGE" covers what a role has without SET ROLE. Up to PostgreSQL 15 every
-- member can SET ROLE; from 16 on a member needs the option SET.
CREATE FUNCTION posture_internal.cluster_can_act_as(member oid, role oid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN pg_has_role(member, role, 'USAGE')
        OR pg_has_role(member, role,
                       CASE WHEN current_setting('server_version_num')::integer < 160000
                                          THEN 'MEMBER' ELSE 'SET' END);
COMMENT ON FUNCTION posture_internal.cluster_can_act_as(oid, oid) IS
    'returns whether a role has the rights of another, or can SET ROLE to it';

CREATE FUNCTION posture_internal.cluster_password() RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT coalesce(jsonb_object_agg(a.oid, CASE WHEN a.rolpassword LIKE 'SCRAM-SHA-256$%'
                                                 THEN 'SCRAM-SHA-256'
                                             WHEN a.rolpassword ~ '^md5[0-9a-f]{32}$' THEN 'MD5'
                                             ELSE 'unknown' END), '{}')
FROM pg_catalog.pg_authid a
WHERE a.rolcanlogin AND a.rolpassword IS NOT NULL;
END;
COMMENT ON FUNCTION posture_internal.cluster_password() IS
    'returns how the passwords of login roles are stored, never the passwords; needs the right to '
    'read pg_authid';

-- Precedence of stored settings, highest first: those for a role in a database, for
-- the role, for the database, for all.
CREATE FUNCTION posture_internal.cluster_untimed(role oid, server_timeout text) RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT array_agg(d.datname::text ORDER BY d.datname)
FROM pg_catalog.pg_database d
WHERE d.datallowconn AND NOT d.datistemplate AND has_database_privilege(role, d.oid, 'CONNECT')
  AND NOT cluster_is_positive(coalesce(
          (SELECT o.value FROM cluster_own_setting() o
           WHERE o.name = 'statement_timeout' AND o.setdatabase IN (d.oid, 0)
             AND o.setrole IN (role, 0)
             AND (o.setdatabase <> 0 OR o.setrole <> 0)
           ORDER BY o.setrole = 0, o.setdatabase = 0 LIMIT 1),
          server_timeout));
END;
COMMENT ON FUNCTION posture_internal.cluster_untimed(oid, text) IS
    'returns the databases where a role''s statements have no time limit, given that of the '
    'server';

CREATE FUNCTION posture_internal.cluster_role_finding(cluster text, server jsonb, passwords jsonb)
    RETURNS TABLE (
        recommendation text, asset text, asset_kind text, asset_name text, state text,
        details jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
WITH login AS MATERIALIZED (
    SELECT r.*,
           cluster_asset(cluster || '/role/' || quote_ident(r.rolname)) AS asset,
           CASE WHEN r.rolsuper THEN 'makes no difference for a superuser' END AS is_above,
           CASE WHEN passwords IS NULL THEN 'pg_authid is hidden from the role that assessed'
                WHEN passwords ->> r.oid::text IS NULL
                    THEN 'the role has no password' END AS has_no_password,
           passwords ->> r.oid::text AS password,
           (SELECT jsonb_agg(s.rolname ORDER BY s.rolname) FROM pg_catalog.pg_roles s
            WHERE s.rolsuper AND NOT r.rolsuper AND cluster_can_act_as(r.oid, s.oid)) AS superusers,
           (SELECT jsonb_agg(p.rolname ORDER BY p.rolname) FROM pg_catalog.pg_roles p
            WHERE p.rolname IN ('pg_execute_server_program', 'pg_write_server_files',
                                'pg_read_server_files')
              AND NOT r.rolsuper AND cluster_can_act_as(r.oid, p.oid)) AS server_access,
           (SELECT jsonb_agg(p.rolname ORDER BY p.rolname) FROM pg_catalog.pg_roles p
            WHERE p.rolname IN ('pg_read_all_data', 'pg_write_all_data')
              AND NOT r.rolsuper AND cluster_can_act_as(r.oid, p.oid)) AS all_data,
           (SELECT jsonb_agg(DISTINCT o.name || ' = ' || o.value) FROM cluster_own_setting() o
            WHERE o.setrole = r.oid AND cluster_weak_setting(o.name, o.value)) AS weak,
           cluster_untimed(r.oid, server ->> 'statement_timeout') AS untimed,
           -- owns or is granted anything, in any database, or is a member of a role
           EXISTS (SELECT FROM pg_catalog.pg_shdepend d
                   WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid
                     AND d.deptype IN ('o', 'a'))
               OR EXISTS (SELECT FROM pg_catalog.pg_auth_members m
                          WHERE m.member = r.oid) AS has_more
    FROM pg_catalog.pg_roles r
    WHERE r.rolcanlogin
)
SELECT c.recommendation, r.asset, 'role', r.rolname::text,
       cluster_state(c.met, c.hidden), cluster_details(c.hidden, c.found)
FROM login r
CROSS JOIN LATERAL (VALUES
    -- role 10 is the one that initdb created, always a superuser
    ('role-superuser', NOT r.rolsuper OR r.oid = 10,
     jsonb_build_object('superuser', r.rolsuper, 'is_first_role', r.oid = 10), NULL),
    ('role-superuser-member', r.superusers IS NULL, jsonb_build_object('member_of', r.superusers),
     r.is_above),
    ('role-password-scram', r.password = 'SCRAM-SHA-256',
     jsonb_build_object('stored_as', r.password), r.has_no_password),
    ('role-password-expiry', r.rolvaliduntil < 'infinity' AND r.rolvaliduntil IS NOT NULL,
     jsonb_build_object('valid_until', CASE WHEN r.rolvaliduntil < 'infinity'
         THEN to_char(r.rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD') ELSE 'never ends' END),
             r.has_no_password),
    ('role-bypassrls', NOT r.rolbypassrls, jsonb_build_object('bypassrls', r.rolbypassrls),
     r.is_above),
    ('role-createrole', NOT r.rolcreaterole, jsonb_build_object('createrole', r.rolcreaterole),
     r.is_above),
    ('role-createdb', NOT r.rolcreatedb, jsonb_build_object('createdb', r.rolcreatedb), r.is_above),
    ('role-replication',
     NOT (r.rolreplication AND (r.has_more OR r.rolcreaterole OR r.rolcreatedb OR r.rolbypassrls)),
     jsonb_build_object('replication', r.rolreplication,
                        'has_other_rights', CASE WHEN r.rolreplication
         THEN r.has_more OR r.rolcreaterole OR r.rolcreatedb OR r.rolbypassrls END), r.is_above),
    ('role-server-access', r.server_access IS NULL,
     jsonb_build_object('member_of', r.server_access), r.is_above),
    ('role-all-data', r.all_data IS NULL, jsonb_build_object('member_of', r.all_data), r.is_above),
    ('role-connection-limit', r.rolconnlimit >= 0,
     jsonb_build_object('connection_limit', r.rolconnlimit), r.is_above),
    ('role-statement-timeout', r.untimed IS NULL,
     jsonb_build_object('databases_without', to_jsonb(r.untimed)), r.is_above),
    ('role-settings', r.weak IS NULL, jsonb_build_object('settings', r.weak), NULL)
) c(recommendation, met, found, hidden);
END;
COMMENT ON FUNCTION posture_internal.cluster_role_finding(text, jsonb, jsonb) IS
    'checks login roles, given the settings of the server and how passwords are stored (NULL if '
    'hidden)';

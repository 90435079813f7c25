/*
 * The checks of the source "postgresql": a function per kind of asset, each
 * one query with a list of checks (recommendation, whether it is met, why it
 * can't be judged, what was found). The recommendations are in
 * 80_cluster_catalog.sql.
 *
 * Schemas, tables, functions and extensions are those of the current database,
 * the only one whose catalog can be read. System objects and members of
 * extensions are left out: their owner can't mend them by himself.
 *
 * What the caller may not read is not applicable. PostgreSQL checks privileges
 * on all that a query names, so what may be hidden is read by functions of its
 * own, and cluster_finding() calls them only where the caller may read it.
 */

CREATE FUNCTION posture.cluster_asset(key text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    -- getdatabaseencoding(): the bytes as they are, whatever the encoding
    RETURN CASE WHEN octet_length(key) <= 1024 THEN key
                ELSE left(key, 200) || '...' || encode(sha256(convert_to(key, getdatabaseencoding())), 'hex') END;
COMMENT ON FUNCTION posture.cluster_asset(text) IS 'the key of an asset, its end replaced by a hash where it is too long for a key';

CREATE FUNCTION posture.cluster_name() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(nullif(current_setting('cluster_name'), ''), 'PostgreSQL on port ' || current_setting('port'));
COMMENT ON FUNCTION posture.cluster_name() IS 'what people call this cluster';

CREATE FUNCTION posture.cluster_state(met boolean, hidden text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN hidden IS NOT NULL OR met IS NULL THEN 'not_applicable'
                WHEN met THEN 'compliant'
                ELSE 'non_compliant' END;
COMMENT ON FUNCTION posture.cluster_state(boolean, text) IS 'the state of a check: whether it is met, unless there is a reason why it can''t be judged';

CREATE FUNCTION posture.cluster_details(hidden text, found jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN hidden IS NULL THEN jsonb_strip_nulls(found)
                ELSE jsonb_build_object('reason', hidden) END;
COMMENT ON FUNCTION posture.cluster_details(text, jsonb) IS 'the details of a finding: the reason why it can''t be judged, or what was found';

-- "USAGE" is what a role has without SET ROLE. What it can take on by SET ROLE
-- is any membership up to 15 and a right of its own from 16 on.
CREATE FUNCTION posture.cluster_can_be(member oid, role oid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN pg_has_role(member, role, 'USAGE')
        OR pg_has_role(member, role, CASE WHEN current_setting('server_version_num')::integer < 160000
                                          THEN 'MEMBER' ELSE 'SET' END);
COMMENT ON FUNCTION posture.cluster_can_be(oid, oid) IS 'whether a role has the rights of another, or can take them on';

/* Settings: what holds for the server, whatever this session has set. */

CREATE FUNCTION posture.cluster_file_setting() RETURNS jsonb
    LANGUAGE sql VOLATILE PARALLEL SAFE
BEGIN ATOMIC
SELECT jsonb_object_agg(f.name, f.setting ORDER BY f.seqno)
FROM pg_catalog.pg_file_settings f
WHERE f.applied AND f.name IS NOT NULL;
END;
COMMENT ON FUNCTION posture.cluster_file_setting() IS 'settings as the configuration files have them; needs the right to read pg_file_settings';

CREATE FUNCTION posture.cluster_own_setting(OUT setdatabase oid, OUT setrole oid, OUT name text, OUT value text)
    RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT s.setdatabase, s.setrole, split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)
FROM pg_catalog.pg_db_role_setting s CROSS JOIN unnest(s.setconfig) c;
END;
COMMENT ON FUNCTION posture.cluster_own_setting() IS 'settings stored for a database (or 0) and a role (or 0)';

-- No session can change a setting of the first three contexts (and setting has
-- file modes in octal, as reset_val has not). Of the others reset_val is what
-- the session started with. Where its role, database or client gave a value of
-- their own, that of the server is in the files, or else the one built in.
CREATE FUNCTION posture.cluster_setting(in_files jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT jsonb_object_agg(s.name, CASE
           WHEN s.context IN ('internal', 'postmaster', 'sighup') THEN s.setting
           WHEN NOT coalesce(own.is_set, false) AND s.source <> 'client' THEN s.reset_val
           WHEN own.everywhere IS NOT NULL THEN own.everywhere
           WHEN in_files IS NOT NULL THEN coalesce(in_files ->> s.name, s.boot_val)
       END)
FROM pg_catalog.pg_settings s
LEFT JOIN (
    SELECT o.name, bool_or(o.setdatabase <> 0 OR o.setrole <> 0),
           max(o.value) FILTER (WHERE o.setdatabase = 0 AND o.setrole = 0)
    FROM posture.cluster_own_setting() o
    WHERE o.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()))
      AND o.setrole IN (0, (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = session_user))
    GROUP BY o.name
) own(name, is_set, everywhere) ON own.name = s.name;
END;
COMMENT ON FUNCTION posture.cluster_setting(jsonb) IS 'the settings of the server by name, given those in the files if they may be read; absent or null: hidden from the caller';

-- values as pg_settings shows them, and as people write them into files
CREATE FUNCTION posture.cluster_is_on(value text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN value ~* '^(on|true|yes|1)$';
COMMENT ON FUNCTION posture.cluster_is_on(text) IS 'whether a boolean setting is on';

CREATE FUNCTION posture.cluster_is_positive(value text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN value !~ '^\s*(-|0+(\.0*)?\s*[a-zA-Z]*\s*$)';
COMMENT ON FUNCTION posture.cluster_is_positive(text) IS 'whether a setting is a number or a time above 0';

-- a role or database that has one of these weakens logging or a safeguard;
-- statement_timeout is not among them: it has a recommendation of its own
CREATE FUNCTION posture.cluster_weak_setting(name text, value text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN name IN ('log_statement', 'pgaudit.log') THEN value ~* '^\s*none\s*$'
        WHEN name = 'log_connections' THEN value ~* '^(off|false|no|0|)$'
        WHEN name IN ('log_disconnections', 'log_lock_waits', 'log_replication_commands', 'track_activities')
            THEN value ~* '^(off|false|no|0)$'
        WHEN name IN ('log_min_messages', 'log_min_error_statement') THEN value ~* '^(log|fatal|panic)$'
        WHEN name = 'log_error_verbosity' THEN value ~* '^terse$'
        WHEN name = 'log_min_duration_statement' THEN value ~ '^\s*-'
        WHEN name = 'password_encryption' THEN value !~* '^scram-sha-256$'
        WHEN name = 'session_replication_role' THEN value ~* '^replica$'
        WHEN name = 'idle_in_transaction_session_timeout' THEN NOT posture.cluster_is_positive(value)
        WHEN name IN ('zero_damaged_pages', 'ignore_checksum_failure', 'ignore_system_indexes',
                      'allow_system_table_mods', 'lo_compat_privileges')
            THEN posture.cluster_is_on(value)
        ELSE false
    END;
COMMENT ON FUNCTION posture.cluster_weak_setting(text, text) IS 'whether a setting stored for a role or database weakens logging or a safeguard';

/* The cluster. */

-- a rule with an error and a type is only out of use, as hostssl while ssl is off
CREATE FUNCTION posture.cluster_configuration_error(pending_restart text[]) RETURNS jsonb
    LANGUAGE sql VOLATILE PARALLEL SAFE
BEGIN ATOMIC
SELECT jsonb_build_object(
    'postgresql.conf', (SELECT count(*) FROM pg_catalog.pg_file_settings f
                        WHERE f.error IS NOT NULL AND (f.name IS NULL OR f.name <> ALL (pending_restart))),
    'pg_hba.conf', (SELECT count(*) FROM pg_catalog.pg_hba_file_rules f WHERE f.error IS NOT NULL AND f.type IS NULL),
    'pg_ident.conf', (SELECT count(*) FROM pg_catalog.pg_ident_file_mappings f WHERE f.error IS NOT NULL));
END;
COMMENT ON FUNCTION posture.cluster_configuration_error(text[]) IS 'lines with an error in the configuration files; needs the right to read them';

CREATE FUNCTION posture.cluster_server_finding(cluster text, server jsonb, errors jsonb)
    RETURNS TABLE (recommendation text, asset text, asset_kind text, asset_name text, state text, details jsonb)
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
WITH known AS MATERIALIZED (
    -- what follows from other settings: nobody connects over the network, or
    -- the log is not written by the server itself; libraries are hidden from
    -- many, so that only whether one is there is told
    SELECT server ->> 'listen_addresses' = '' AS is_local,
           posture.cluster_is_on(server ->> 'ssl') AS has_tls,
           server ->> 'log_destination' ~ '(stderr|syslog)' AS has_prefix,
           posture.cluster_is_on(server ->> 'logging_collector') AS collects,
           replace(server ->> 'log_line_prefix', '%%', '') AS prefix,
           server ->> 'archive_mode' <> 'off' AS archives,
           server ->> 'shared_preload_libraries' AS libraries,
           (SELECT string_agg(s.name, ', ' ORDER BY s.name)
            FROM unnest('{zero_damaged_pages, ignore_checksum_failure, ignore_invalid_pages,
                          ignore_system_indexes, allow_system_table_mods}'::text[]) s(name)
            WHERE posture.cluster_is_on(server ->> s.name)) AS damaging,
           current_setting('server_version_num')::integer / 10000 AS version,
           (SELECT string_agg(s.name, ', ' ORDER BY s.name)
            FROM pg_catalog.pg_settings s WHERE s.pending_restart) AS pending
)
SELECT c.recommendation, cluster, 'cluster',
       posture.cluster_name(),
       posture.cluster_state(c.met, r.reason),
       posture.cluster_details(r.reason, jsonb_build_object('setting', c.setting, 'value', c.value, 'expected', c.expected))
FROM known k
CROSS JOIN LATERAL (
    SELECT v.recommendation, v.setting, server ->> v.setting, v.met, v.expected, v.hidden
    FROM (VALUES
        ('tls-enabled', 'ssl', k.has_tls, 'on',
         CASE WHEN k.is_local THEN 'the server doesn''t listen on the network' END),
        ('tls-min-version', 'ssl_min_protocol_version', server ->> 'ssl_min_protocol_version' IN ('TLSv1.2', 'TLSv1.3'), 'TLSv1.2',
         CASE WHEN k.is_local THEN 'the server doesn''t listen on the network' WHEN NOT k.has_tls THEN 'TLS is off' END),
        ('listen-addresses', 'listen_addresses', server ->> 'listen_addresses' !~ '(\*|(^|[ ,])(0\.0\.0\.0|::|0)([ ,]|$))', 'localhost or chosen addresses', NULL),
        ('socket-permissions', 'unix_socket_permissions', server ->> 'unix_socket_permissions' ~ '0$', '0770',
         CASE WHEN server ->> 'unix_socket_directories' = '' THEN 'the server has no Unix socket' END),
        ('password-encryption', 'password_encryption', server ->> 'password_encryption' = 'scram-sha-256', 'scram-sha-256', NULL),
        ('log-connections', 'log_connections', server ->> 'log_connections' ~* '(^(on|true|yes|1|all)$|\m(all|authentication|authorization)\M)', 'on', NULL),
        ('log-disconnections', 'log_disconnections', posture.cluster_is_on(server ->> 'log_disconnections'), 'on', NULL),
        ('log-line-prefix', 'log_line_prefix',
         k.prefix ~ '%-?\d*u' AND k.prefix ~ '%-?\d*d' AND k.prefix ~ '%-?\d*[hr]'
             AND (k.prefix ~ '%-?\d*[tmn]' OR server ->> 'log_destination' !~ 'stderr'), '%m [%p] %q%u@%d %h ',
         CASE WHEN NOT k.has_prefix THEN 'the log is written in a format that holds all this anyway' END),
        ('log-statement', 'log_statement',
         server ->> 'log_statement' IN ('ddl', 'mod', 'all') OR coalesce(server ->> 'pgaudit.log' ~* '(^|[ ,])(ddl|all)([ ,]|$)', false), 'ddl', NULL),
        ('log-error-statement', 'log_min_error_statement', server ->> 'log_min_error_statement' NOT IN ('log', 'fatal', 'panic'), 'error', NULL),
        ('log-lock-waits', 'log_lock_waits', posture.cluster_is_on(server ->> 'log_lock_waits'), 'on', NULL),
        ('log-checkpoints', 'log_checkpoints', posture.cluster_is_on(server ->> 'log_checkpoints'), 'on', NULL),
        ('log-slow-statements', 'log_min_duration_statement', server ->> 'log_min_duration_statement' !~ '^\s*-', '0 or more', NULL),
        ('log-file-mode', 'log_file_mode', server ->> 'log_file_mode' ~ '[0145]0$', '0600',
         CASE WHEN NOT k.collects THEN 'the server doesn''t write log files itself' END),
        ('data-checksums', 'data_checksums', posture.cluster_is_on(server ->> 'data_checksums'), 'on', NULL),
        ('fsync', 'fsync', posture.cluster_is_on(server ->> 'fsync'), 'on', NULL),
        ('full-page-writes', 'full_page_writes', posture.cluster_is_on(server ->> 'full_page_writes'), 'on', NULL),
        ('wal-level', 'wal_level', server ->> 'wal_level' IN ('replica', 'logical'), 'replica', NULL),
        ('idle-transaction-timeout', 'idle_in_transaction_session_timeout',
         posture.cluster_is_positive(server ->> 'idle_in_transaction_session_timeout'), 'above 0', NULL),
        ('restart-after-crash', 'restart_after_crash', posture.cluster_is_on(server ->> 'restart_after_crash'), 'on', NULL)
    ) v(recommendation, setting, met, expected, hidden)
    UNION ALL
    SELECT v.recommendation, v.setting, v.value, v.met, v.expected, v.hidden
    FROM (VALUES
        ('password-check', 'shared_preload_libraries', NULL,
         k.libraries ~ '\m(passwordcheck|passwordcheck_extra|credcheck)\M', 'passwordcheck or another module that looks at passwords', NULL),
        ('audit-module', 'shared_preload_libraries', NULL,
         CASE WHEN k.libraries IS NOT NULL THEN k.libraries ~ '\mpgaudit\M' AND (coalesce(server ->> 'pgaudit.log', 'none') !~* '^\s*(none)?\s*$'
                                          OR coalesce(server ->> 'pgaudit.role', '') <> '') END,
         'pgaudit, with pgaudit.log or pgaudit.role set', NULL),
        -- archive_command is "(disabled)" while archive_mode is off, and an
        -- archive that goes nowhere is none
        ('archive-mode', 'archive_mode', server ->> 'archive_mode',
         k.archives AND (coalesce(server ->> 'archive_library', '') <> ''
                         OR server ->> 'archive_command' !~ '^\s*((/usr)?(/bin/)?true|:|exit 0|)\s*$'), 'on, with archive_command or archive_library', NULL),
        ('archive-working', NULL, NULL,
         (SELECT a.last_failed_time IS NULL OR a.last_archived_time >= a.last_failed_time FROM pg_catalog.pg_stat_archiver a),
         'the latest attempt to archive succeeded', CASE WHEN NOT k.archives THEN 'nothing is archived' END),
        ('damage-settings', k.damaging, CASE WHEN k.damaging IS NOT NULL THEN 'on' END, k.damaging IS NULL, 'off', NULL),
        ('server-version', 'server_version', k.version::text,
         (SELECT current_date < e.day
          FROM (VALUES (15, date '2027-11-11'), (16, date '2028-11-09'), (17, date '2029-11-08'), (18, date '2030-11-14')) e(version, day)
          WHERE e.version = k.version), 'a version within five years of its release',
         CASE WHEN k.version NOT BETWEEN 15 AND 18 THEN 'the end of support of this version isn''t known here' END),
        ('settings-pending-restart', k.pending, CASE WHEN k.pending IS NOT NULL THEN 'waits for a restart' END,
         k.pending IS NULL, 'no setting waits for a restart', NULL),
        ('configuration-valid', NULL, (SELECT string_agg(e.key || ': ' || e.value, ', ' ORDER BY e.key) FROM jsonb_each_text(errors) e),
         NOT EXISTS (SELECT FROM jsonb_each_text(errors) e WHERE e.value <> '0'), 'no errors',
         CASE WHEN errors IS NULL THEN 'the configuration files could not be read' END)
    ) v(recommendation, setting, value, met, expected, hidden)
) c(recommendation, setting, value, met, expected, hidden)
CROSS JOIN LATERAL (
    SELECT CASE WHEN c.hidden IS NULL AND c.met IS NULL
                THEN format('the setting %s is hidden from the role that assessed', c.setting) ELSE c.hidden END
) r(reason);
END;
COMMENT ON FUNCTION posture.cluster_server_finding(text, jsonb, jsonb) IS 'checks of the cluster, given the settings of the server and the errors in its configuration files (NULL: hidden)';

/* Login roles. */

CREATE FUNCTION posture.cluster_password() RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT coalesce(jsonb_object_agg(a.oid, CASE WHEN a.rolpassword LIKE 'SCRAM-SHA-256$%' THEN 'SCRAM-SHA-256'
                                             WHEN a.rolpassword ~ '^md5[0-9a-f]{32}$' THEN 'MD5'
                                             ELSE 'unknown' END), '{}')
FROM pg_catalog.pg_authid a
WHERE a.rolcanlogin AND a.rolpassword IS NOT NULL;
END;
COMMENT ON FUNCTION posture.cluster_password() IS 'how the passwords of login roles are stored, never the passwords; needs the right to read pg_authid';

-- the databases where nothing ends a long statement of a role: what is stored
-- for both wins over what is stored for the role, for the database, for all
CREATE FUNCTION posture.cluster_untimed(role oid, server_timeout text) RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT array_agg(d.datname::text ORDER BY d.datname)
FROM pg_catalog.pg_database d
WHERE d.datallowconn AND NOT d.datistemplate AND has_database_privilege(role, d.oid, 'CONNECT')
  AND NOT posture.cluster_is_positive(coalesce(
          (SELECT o.value FROM posture.cluster_own_setting() o
           WHERE o.name = 'statement_timeout' AND o.setdatabase IN (d.oid, 0) AND o.setrole IN (role, 0)
             AND (o.setdatabase <> 0 OR o.setrole <> 0)
           ORDER BY o.setrole = 0, o.setdatabase = 0 LIMIT 1),
          server_timeout));
END;
COMMENT ON FUNCTION posture.cluster_untimed(oid, text) IS 'the databases where a role''s statements have no time limit, given that of the server';

CREATE FUNCTION posture.cluster_role_finding(cluster text, server jsonb, passwords jsonb)
    RETURNS TABLE (recommendation text, asset text, asset_kind text, asset_name text, state text, details jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
WITH login AS MATERIALIZED (
    SELECT r.*,
           posture.cluster_asset(cluster || '/role/' || quote_ident(r.rolname)) AS asset,
           CASE WHEN r.rolsuper THEN 'makes no difference for a superuser' END AS is_above,
           CASE WHEN passwords IS NULL THEN 'pg_authid is hidden from the role that assessed'
                WHEN passwords ->> r.oid::text IS NULL THEN 'the role has no password' END AS has_no_password,
           passwords ->> r.oid::text AS password,
           (SELECT jsonb_agg(s.rolname ORDER BY s.rolname) FROM pg_catalog.pg_roles s
            WHERE s.rolsuper AND NOT r.rolsuper AND posture.cluster_can_be(r.oid, s.oid)) AS superusers,
           (SELECT jsonb_agg(p.rolname ORDER BY p.rolname) FROM pg_catalog.pg_roles p
            WHERE p.rolname IN ('pg_execute_server_program', 'pg_write_server_files', 'pg_read_server_files')
              AND NOT r.rolsuper AND posture.cluster_can_be(r.oid, p.oid)) AS server_access,
           (SELECT jsonb_agg(p.rolname ORDER BY p.rolname) FROM pg_catalog.pg_roles p
            WHERE p.rolname IN ('pg_read_all_data', 'pg_write_all_data')
              AND NOT r.rolsuper AND posture.cluster_can_be(r.oid, p.oid)) AS all_data,
           (SELECT jsonb_agg(DISTINCT o.name || ' = ' || o.value) FROM posture.cluster_own_setting() o
            WHERE o.setrole = r.oid AND posture.cluster_weak_setting(o.name, o.value)) AS weak,
           posture.cluster_untimed(r.oid, server ->> 'statement_timeout') AS untimed,
           -- owned or granted anything, in any database, or a member
           EXISTS (SELECT FROM pg_catalog.pg_shdepend d
                   WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid AND d.deptype IN ('o', 'a'))
               OR EXISTS (SELECT FROM pg_catalog.pg_auth_members m WHERE m.member = r.oid) AS has_more
    FROM pg_catalog.pg_roles r
    WHERE r.rolcanlogin
)
SELECT c.recommendation, r.asset, 'role', r.rolname::text,
       posture.cluster_state(c.met, c.hidden), posture.cluster_details(c.hidden, c.found)
FROM login r
CROSS JOIN LATERAL (VALUES
    -- 10 is the role that initdb made, a superuser for good
    ('role-superuser', NOT r.rolsuper OR r.oid = 10, jsonb_build_object('superuser', r.rolsuper, 'is_first_role', r.oid = 10), NULL),
    ('role-superuser-member', r.superusers IS NULL, jsonb_build_object('member_of', r.superusers), r.is_above),
    ('role-password-scram', r.password = 'SCRAM-SHA-256', jsonb_build_object('stored_as', r.password), r.has_no_password),
    ('role-password-expiry', r.rolvaliduntil < 'infinity' AND r.rolvaliduntil IS NOT NULL,
     jsonb_build_object('valid_until', CASE WHEN r.rolvaliduntil < 'infinity'
         THEN to_char(r.rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD') ELSE 'never ends' END), r.has_no_password),
    ('role-bypassrls', NOT r.rolbypassrls, jsonb_build_object('bypassrls', r.rolbypassrls), r.is_above),
    ('role-createrole', NOT r.rolcreaterole, jsonb_build_object('createrole', r.rolcreaterole), r.is_above),
    ('role-createdb', NOT r.rolcreatedb, jsonb_build_object('createdb', r.rolcreatedb), r.is_above),
    ('role-replication',
     NOT (r.rolreplication AND (r.has_more OR r.rolcreaterole OR r.rolcreatedb OR r.rolbypassrls)),
     jsonb_build_object('replication', r.rolreplication, 'has_other_rights', CASE WHEN r.rolreplication
         THEN r.has_more OR r.rolcreaterole OR r.rolcreatedb OR r.rolbypassrls END), r.is_above),
    ('role-server-access', r.server_access IS NULL, jsonb_build_object('member_of', r.server_access), r.is_above),
    ('role-all-data', r.all_data IS NULL, jsonb_build_object('member_of', r.all_data), r.is_above),
    ('role-connection-limit', r.rolconnlimit >= 0, jsonb_build_object('connection_limit', r.rolconnlimit), r.is_above),
    ('role-statement-timeout', r.untimed IS NULL, jsonb_build_object('databases_without', to_jsonb(r.untimed)), r.is_above),
    ('role-settings', r.weak IS NULL, jsonb_build_object('settings', r.weak), NULL)
) c(recommendation, met, found, hidden);
END;
COMMENT ON FUNCTION posture.cluster_role_finding(text, jsonb, jsonb) IS 'checks of login roles, given the settings of the server and how passwords are stored (NULL: hidden)';

/* Host-based access rules. */

-- A rule is known by its content rather than by its line, so that a line more
-- or less renames no other; the same rule twice is one. Secrets stay out.
CREATE FUNCTION posture.cluster_hba_finding(cluster text, server jsonb)
    RETURNS TABLE (recommendation text, asset text, asset_kind text, asset_name text, state text, details jsonb)
    LANGUAGE sql VOLATILE PARALLEL SAFE
BEGIN ATOMIC
WITH rule AS MATERIALIZED (
    SELECT DISTINCT h.type, h.auth_method, h.database, h.user_name, h.address, h.netmask,
           coalesce('clientcert=verify-full' = ANY (h.options), false) AS has_certificate,
           concat_ws(' ', h.type, array_to_string(h.database, ','), array_to_string(h.user_name, ','),
                     h.address, h.netmask, h.auth_method,
                     (SELECT string_agg(o, ' ' ORDER BY o) FROM unnest(h.options) o
                      WHERE o !~* '^(ldapbindpasswd|radiussecrets)=')) AS content,
           CASE WHEN h.type = 'local' THEN 'the rule is for the Unix socket'
                WHEN h.auth_method = 'reject' THEN 'the rule lets nobody in'
                WHEN server ->> 'listen_addresses' = '' THEN 'the server doesn''t listen on the network'
                WHEN h.address IN ('samehost', 'localhost') OR (h.address ~ '^127\.' AND h.netmask ~ '^255\.')
                     OR (h.address = '::1' AND h.netmask = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')
                    THEN 'the rule is for the server''s own machine' END AS is_near
    FROM pg_catalog.pg_hba_file_rules h
    WHERE h.type IS NOT NULL
)
SELECT c.recommendation, posture.cluster_asset(cluster || '/hba/' || r.content), 'hba_rule', r.content,
       posture.cluster_state(c.met, c.hidden), posture.cluster_details(c.hidden, c.found)
FROM rule r
CROSS JOIN LATERAL (VALUES
    -- with a certificate for the role, trust asks for nothing more
    ('hba-trust', r.auth_method <> 'trust' OR r.has_certificate, jsonb_build_object('method', r.auth_method), NULL),
    ('hba-weak-method', r.auth_method NOT IN ('password', 'md5', 'ident'), jsonb_build_object('method', r.auth_method),
     CASE WHEN r.auth_method IN ('trust', 'reject') THEN 'the rule asks for no proof of identity' END),
    ('hba-tls', r.type IN ('hostssl', 'hostgssenc'), jsonb_build_object('type', r.type), r.is_near),
    ('hba-any-address', NOT (r.address = 'all' OR coalesce(r.netmask IN ('0.0.0.0', '::'), false)),
     jsonb_build_object('address', r.address, 'netmask', r.netmask), r.is_near),
    ('hba-everyone', NOT ('all' = ANY (r.database) AND 'all' = ANY (r.user_name)),
     jsonb_build_object('databases', to_jsonb(r.database), 'roles', to_jsonb(r.user_name)), r.is_near)
) c(recommendation, met, found, hidden);
END;
COMMENT ON FUNCTION posture.cluster_hba_finding(text, jsonb) IS 'checks of the rules in pg_hba.conf, given the settings of the server; needs the right to read pg_hba_file_rules';

/* Databases, and the objects of this one. */

CREATE FUNCTION posture.cluster_database_finding(cluster text)
    RETURNS TABLE (recommendation text, asset text, asset_kind text, asset_name text, state text, details jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT c.recommendation, posture.cluster_asset(cluster || '/database/' || quote_ident(d.datname)), 'database', d.datname::text,
       posture.cluster_state(c.met, NULL), posture.cluster_details(NULL, c.found)
FROM pg_catalog.pg_database d
CROSS JOIN LATERAL (
    SELECT coalesce(bool_or(a.privilege_type = 'CONNECT'), false), coalesce(bool_or(a.privilege_type = 'TEMPORARY'), false)
    FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
    WHERE a.grantee = 0
) p(connects, makes_temporary)
CROSS JOIN LATERAL (
    SELECT jsonb_agg(DISTINCT o.name || ' = ' || o.value) FROM posture.cluster_own_setting() o
    WHERE o.setdatabase = d.oid AND o.setrole = 0 AND posture.cluster_weak_setting(o.name, o.value)
) w(weak)
CROSS JOIN LATERAL (
    SELECT 'database-public-connect', NOT p.connects, jsonb_build_object('public_connect', p.connects)
    UNION ALL
    SELECT 'database-public-temp', NOT p.makes_temporary, jsonb_build_object('public_temporary', p.makes_temporary)
    UNION ALL
    SELECT 'database-settings', w.weak IS NULL, jsonb_build_object('settings', w.weak)
    UNION ALL
    -- functions and types are everybody's by default, which is no act of the owner
    SELECT 'database-default-privileges', a.granted_by IS NULL, jsonb_build_object('granted_by', a.granted_by)
    FROM (SELECT jsonb_agg(DISTINCT pg_get_userbyid(f.defaclrole)) FROM pg_catalog.pg_default_acl f
          WHERE f.defaclobjtype NOT IN ('f', 'T')
            AND EXISTS (SELECT FROM aclexplode(f.defaclacl) x WHERE x.grantee = 0)) a(granted_by)
    WHERE d.datname = current_database()
) c(recommendation, met, found)
WHERE d.datallowconn;
END;
COMMENT ON FUNCTION posture.cluster_database_finding(text) IS 'checks of the databases that can be connected to';

CREATE FUNCTION posture.cluster_is_ours(schema oid, class oid, object oid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
            FROM pg_catalog.pg_namespace n WHERE n.oid = schema)
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                       WHERE d.classid = class AND d.objid = object AND d.deptype = 'e');
COMMENT ON FUNCTION posture.cluster_is_ours(oid, oid, oid) IS 'whether an object is neither the system''s nor an extension''s';

CREATE FUNCTION posture.cluster_schema_finding(cluster text)
    RETURNS TABLE (recommendation text, asset text, asset_kind text, asset_name text, state text, details jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT 'schema-public-create',
       posture.cluster_asset(format('%s/database/%I/schema/%I', cluster, current_database(), n.nspname)), 'schema', n.nspname::text,
       posture.cluster_state(NOT p.creates, NULL), jsonb_build_object('public_create', p.creates)
FROM pg_catalog.pg_namespace n
CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT FROM aclexplode(n.nspacl) a WHERE a.grantee = 0 AND a.privilege_type = 'CREATE')
) p(creates)
WHERE posture.cluster_is_ours(n.oid, 'pg_namespace'::regclass, n.oid);
END;
COMMENT ON FUNCTION posture.cluster_schema_finding(text) IS 'checks of the schemas of this database';

CREATE FUNCTION posture.cluster_table_finding(cluster text)
    RETURNS TABLE (recommendation text, asset text, asset_kind text, asset_name text, state text, details jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
WITH relation AS MATERIALIZED (
    SELECT c.oid, c.relkind, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity, c.reloptions,
           format('%s.%I', c.relnamespace::regnamespace, c.relname) AS name,
           EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid) AS has_policies
    FROM pg_catalog.pg_class c
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND posture.cluster_is_ours(c.relnamespace, 'pg_class'::regclass, c.oid)
), granted AS (
    SELECT a.oid, array_agg(DISTINCT a.privilege_type) AS privileges
    FROM (SELECT r.oid, x.privilege_type FROM relation r CROSS JOIN aclexplode(r.relacl) x WHERE x.grantee = 0
          UNION ALL
          SELECT t.attrelid, x.privilege_type FROM pg_catalog.pg_attribute t CROSS JOIN aclexplode(t.attacl) x WHERE x.grantee = 0) a
    GROUP BY a.oid
), read_by_view AS (
    -- the rule of a view depends on the tables that the view reads
    SELECT DISTINCT w.ev_class, d.refobjid
    FROM pg_catalog.pg_rewrite w
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
)
SELECT c.recommendation,
       posture.cluster_asset(format('%s/database/%I/table/%s', cluster, current_database(), r.name)), 'table', r.name,
       posture.cluster_state(c.met, NULL), posture.cluster_details(NULL, c.found)
FROM relation r
LEFT JOIN granted g ON g.oid = r.oid
CROSS JOIN LATERAL (
    SELECT 'table-public-read', coalesce(NOT 'SELECT' = ANY (g.privileges), true), jsonb_build_object('public', to_jsonb(g.privileges))
    UNION ALL
    SELECT 'table-public-write', coalesce(g.privileges <@ '{SELECT}', true), jsonb_build_object('public', to_jsonb(g.privileges))
    UNION ALL
    SELECT 'table-owner', NOT o.rolsuper, jsonb_build_object('owner', o.rolname, 'superuser', o.rolsuper)
    FROM pg_catalog.pg_roles o WHERE o.oid = r.relowner
    UNION ALL
    SELECT 'table-policies-enabled', r.relrowsecurity, jsonb_build_object('policies', r.has_policies, 'row_security', r.relrowsecurity)
    WHERE r.relrowsecurity OR r.has_policies
    UNION ALL
    SELECT 'table-row-security-forced', r.relforcerowsecurity, jsonb_build_object('forced', r.relforcerowsecurity)
    WHERE r.relrowsecurity
    UNION ALL
    SELECT 'view-row-security', i.invoker, jsonb_build_object('security_invoker', i.invoker)
    FROM (SELECT coalesce(bool_or(p.option_value::boolean) FILTER (WHERE p.option_name = 'security_invoker'), false)
          FROM pg_options_to_table(r.reloptions) p) i(invoker)
    WHERE r.relkind = 'v' AND EXISTS (SELECT FROM read_by_view v JOIN pg_catalog.pg_class t ON t.oid = v.refobjid
                                      WHERE v.ev_class = r.oid AND t.relrowsecurity)
) c(recommendation, met, found);
END;
COMMENT ON FUNCTION posture.cluster_table_finding(text) IS 'checks of the tables and views of this database';

CREATE FUNCTION posture.cluster_function_finding(cluster text)
    RETURNS TABLE (recommendation text, asset text, asset_kind text, asset_name text, state text, details jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
WITH routine AS MATERIALIZED (
    -- named by the types of its arguments, which are its identity, as names
    -- of arguments are not
    SELECT p.oid, p.prosecdef, p.proowner, p.proacl, l.lanname, l.lanpltrusted,
           format('%s.%I(%s)', p.pronamespace::regnamespace, p.proname, oidvectortypes(p.proargtypes)) AS name,
           (SELECT substr(s, length('search_path=') + 1) FROM unnest(p.proconfig) s WHERE s LIKE 'search\_path=%') AS search_path
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE p.prokind <> 'a' AND posture.cluster_is_ours(p.pronamespace, 'pg_proc'::regclass, p.oid)
)
SELECT c.recommendation,
       posture.cluster_asset(format('%s/database/%I/function/%s', cluster, current_database(), r.name)), 'function', r.name,
       posture.cluster_state(c.met, NULL), posture.cluster_details(NULL, c.found)
FROM routine r
JOIN pg_catalog.pg_roles o ON o.oid = r.proowner
CROSS JOIN LATERAL (
    SELECT 'function-language', r.lanpltrusted, jsonb_build_object('language', r.lanname)
    UNION ALL
    SELECT 'function-search-path', r.search_path IS NOT NULL,
           jsonb_build_object('search_path', coalesce(r.search_path, 'not pinned'))
    WHERE r.prosecdef
    UNION ALL
    -- an empty path finds nothing of the owner's without its schema
    SELECT 'function-search-path-temp', r.search_path ~ '(^\s*(""|'''')?\s*$|(^|,)\s*"?pg_temp"?\s*$)',
           jsonb_build_object('search_path', r.search_path)
    WHERE r.prosecdef AND r.search_path IS NOT NULL
    UNION ALL
    SELECT 'function-public-execute', NOT e.executes, jsonb_build_object('public_execute', e.executes)
    FROM (SELECT EXISTS (SELECT FROM aclexplode(coalesce(r.proacl, acldefault('f', r.proowner))) a WHERE a.grantee = 0)) e(executes)
    WHERE r.prosecdef
    UNION ALL
    SELECT 'function-owner', NOT o.rolsuper, jsonb_build_object('owner', o.rolname, 'superuser', o.rolsuper)
    WHERE r.prosecdef
) c(recommendation, met, found);
END;
COMMENT ON FUNCTION posture.cluster_function_finding(text) IS 'checks of the functions and procedures of this database';

CREATE FUNCTION posture.cluster_extension_finding(cluster text)
    RETURNS TABLE (recommendation text, asset text, asset_kind text, asset_name text, state text, details jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT c.recommendation,
       posture.cluster_asset(format('%s/database/%I/extension/%I', cluster, current_database(), e.extname)), 'extension', e.extname::text,
       posture.cluster_state(c.met, c.hidden), posture.cluster_details(c.hidden, c.found)
FROM pg_catalog.pg_extension e
JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
LEFT JOIN pg_catalog.pg_available_extensions a ON a.name = e.extname
CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT FROM aclexplode(n.nspacl) x WHERE x.grantee = 0 AND x.privilege_type = 'CREATE')
) s(is_open)
CROSS JOIN LATERAL (
    -- versions have no order: older is what has a way to the default version
    SELECT 'extension-current',
           e.extversion = a.default_version
               OR NOT EXISTS (SELECT FROM pg_extension_update_paths(e.extname) u
                              WHERE u.source = e.extversion AND u.target = a.default_version AND u.path IS NOT NULL),
           jsonb_build_object('installed', e.extversion, 'available', a.default_version),
           CASE WHEN a.default_version IS NULL THEN 'the server has no files of the extension' END
    UNION ALL
    SELECT 'extension-outside',
           e.extname NOT IN ('adminpack', 'dblink', 'file_fdw', 'http', 'pageinspect', 'pg_net', 'pg_surgery', 'plperlu',
                             'plpython2u', 'plpython3u', 'plpythonu', 'plsh', 'pltclu'),
           jsonb_build_object('version', e.extversion), NULL
    UNION ALL
    SELECT 'extension-schema', NOT s.is_open, jsonb_build_object('schema', n.nspname, 'public_create', s.is_open), NULL
) c(recommendation, met, found, hidden);
END;
COMMENT ON FUNCTION posture.cluster_extension_finding(text) IS 'checks of the extensions of this database';

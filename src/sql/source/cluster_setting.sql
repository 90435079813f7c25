/*
 * Settings: the values in force for the server, whatever this session has set.
 */

CREATE FUNCTION posture_internal.cluster_file_setting() RETURNS jsonb
    LANGUAGE sql VOLATILE PARALLEL SAFE
BEGIN ATOMIC
SELECT jsonb_object_agg(f.name, f.setting ORDER BY f.seqno)
FROM pg_catalog.pg_file_settings f
WHERE f.applied AND f.name IS NOT NULL;
END;
COMMENT ON FUNCTION posture_internal.cluster_file_setting() IS
    'returns the settings in the configuration files; needs the right to read pg_file_settings';

CREATE FUNCTION posture_internal.cluster_own_setting(OUT setdatabase oid, OUT setrole oid,
                                                     OUT name text, OUT value text)
    RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT s.setdatabase, s.setrole, split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)
FROM pg_catalog.pg_db_role_setting s CROSS JOIN unnest(s.setconfig) c;
END;
COMMENT ON FUNCTION posture_internal.cluster_own_setting() IS
    'returns the settings stored for a database (or 0 for all) and a role (or 0 for all)';

-- No session can change a setting of the first three contexts, so its current
-- value is that of the server (the column setting, which unlike reset_val has file
-- modes in octal). For other settings, reset_val is the value at the start of the
-- session. If the session's role, database or client has set it, the value of the
-- server is the one stored for all roles, the one in the files, or the built-in one.
CREATE FUNCTION posture_internal.cluster_setting(in_files jsonb) RETURNS jsonb
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
    FROM cluster_own_setting() o
    WHERE o.setdatabase IN (0,
                            (SELECT d.oid FROM pg_catalog.pg_database d
                             WHERE d.datname = current_database()))
      AND o.setrole IN (0, (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = session_user))
    GROUP BY o.name
) own(name, is_set, everywhere) ON own.name = s.name;
END;
COMMENT ON FUNCTION posture_internal.cluster_setting(jsonb) IS
    'returns the settings of the server by name, given those in the files if the caller may read '
    'them; a setting that is hidden from the caller is absent or null';

-- For remediations: a list that a person wrote would drop what is preloaded already,
-- and with a library that is not installed, the server does not start. The list in
-- the files may have libraries that wait for a restart.
CREATE FUNCTION posture_internal.cluster_preload(library text) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    version integer := current_setting('server_version_num')::integer / 10000;
    libraries text;
BEGIN
    IF NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) THEN
        RAISE EXCEPTION 'permission denied: role "%" may not set shared_preload_libraries',
                        current_user
            USING ERRCODE = 'insufficient_privilege', HINT = 'A superuser can.';
    END IF;
    IF (SELECT pg_stat_file(c.setting || '/' || library || '.so', true)
        FROM pg_config c WHERE c.name = 'PKGLIBDIR') IS NULL THEN
        RETURN format('-- %s is not installed; on Debian and Ubuntu it is in the package '
                      'postgresql-%s%s', library, version,
                      CASE library WHEN 'pgaudit' THEN '-pgaudit' END);
    END IF;
    libraries := (
        SELECT string_agg(quote_literal(x.name), ', ' ORDER BY x.n)
        FROM (SELECT trim(both ' "' FROM e.name) AS name, min(e.n) AS n
              FROM string_to_table(
                       concat_ws(',', current_setting('shared_preload_libraries'),
                                 (SELECT f.setting FROM pg_file_settings f
                                  WHERE f.name = 'shared_preload_libraries'
                                  ORDER BY f.seqno DESC LIMIT 1),
                                 library), ',') WITH ORDINALITY e(name, n)
              WHERE e.name ~ '[^ "]'
              GROUP BY 1) x);
    RETURN format('ALTER SYSTEM SET shared_preload_libraries = %s; -- then restart the server',
                  libraries);
END $$;
COMMENT ON FUNCTION posture_internal.cluster_preload(text) IS
    'returns the statement that adds a library to shared_preload_libraries, or what to install '
    'first; for superusers';

-- Accepts values as pg_settings shows them, and as users write them in files.
CREATE FUNCTION posture_internal.cluster_is_on(value text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN value ~* '^(on|true|yes|1)$';
COMMENT ON FUNCTION posture_internal.cluster_is_on(text) IS
    'returns whether a boolean setting is on';

CREATE FUNCTION posture_internal.cluster_is_positive(value text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN value !~ '^\s*(-|0+(\.0*)?\s*[a-zA-Z]*\s*$)';
COMMENT ON FUNCTION posture_internal.cluster_is_positive(text) IS
    'returns whether a setting is a number or a time above 0';

-- A role or database with one of these settings weakens logging or a safeguard.
-- statement_timeout is not among them, because it has its own recommendation.
CREATE FUNCTION posture_internal.cluster_weak_setting(name text, value text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN name IN ('log_statement', 'pgaudit.log') THEN value ~* '^\s*none\s*$'
        WHEN name = 'log_connections' THEN value ~* '^(off|false|no|0|)$'
        WHEN name IN ('log_disconnections', 'log_lock_waits', 'log_replication_commands',
                      'track_activities')
            THEN value ~* '^(off|false|no|0)$'
        WHEN name IN ('log_min_messages', 'log_min_error_statement')
            THEN value ~* '^(log|fatal|panic)$'
        WHEN name = 'log_error_verbosity' THEN value ~* '^terse$'
        WHEN name = 'log_min_duration_statement' THEN value ~ '^\s*-'
        WHEN name = 'password_encryption' THEN value !~* '^scram-sha-256$'
        WHEN name = 'session_replication_role' THEN value ~* '^replica$'
        WHEN name = 'idle_in_transaction_session_timeout' THEN NOT cluster_is_positive(value)
        WHEN name IN ('zero_damaged_pages', 'ignore_checksum_failure', 'ignore_system_indexes',
                      'allow_system_table_mods', 'lo_compat_privileges')
            THEN cluster_is_on(value)
        ELSE false
    END;
COMMENT ON FUNCTION posture_internal.cluster_weak_setting(text, text) IS
    'returns whether a setting stored for a role or database weakens logging or a safeguard';

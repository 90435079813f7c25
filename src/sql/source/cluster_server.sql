/*
 * Checks of the cluster as a whole, by its settings.
 */

-- A rule that has both an error and a type is valid but not in use, such as a
-- hostssl rule while ssl is off.
CREATE FUNCTION posture_internal.cluster_configuration_error(pending_restart text[]) RETURNS jsonb
    LANGUAGE sql VOLATILE PARALLEL SAFE
BEGIN ATOMIC
SELECT jsonb_build_object(
    'postgresql.conf', (SELECT count(*) FROM pg_catalog.pg_file_settings f
                        WHERE f.error IS NOT NULL
                          AND (f.name IS NULL OR f.name <> ALL (pending_restart))),
    'pg_hba.conf', (SELECT count(*) FROM pg_catalog.pg_hba_file_rules f WHERE f.error IS NOT NULL
                    AND f.type IS NULL),
    'pg_ident.conf', (SELECT count(*) FROM pg_catalog.pg_ident_file_mappings f
                      WHERE f.error IS NOT NULL));
END;
COMMENT ON FUNCTION posture_internal.cluster_configuration_error(text[]) IS
    'returns the number of lines with an error in each configuration file; needs the right to '
    'read them';

CREATE FUNCTION posture_internal.cluster_server_finding(cluster text, server jsonb, errors jsonb)
    RETURNS TABLE (
        recommendation text, asset text, asset_kind text, asset_name text, state text,
        details jsonb)
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
WITH known AS MATERIALIZED (
    -- Facts that several checks need. Many roles may not see libraries, so
    -- findings report only whether a library is loaded, not the list.
    SELECT server ->> 'listen_addresses' = '' AS is_local,
           cluster_is_on(server ->> 'ssl') AS has_tls,
           server ->> 'log_destination' ~ '(stderr|syslog)' AS has_prefix,
           cluster_is_on(server ->> 'logging_collector') AS collects,
           replace(server ->> 'log_line_prefix', '%%', '') AS prefix,
           server ->> 'archive_mode' <> 'off' AS archives,
           server ->> 'shared_preload_libraries' AS libraries,
           (SELECT string_agg(s.name, ', ' ORDER BY s.name)
            FROM unnest('{zero_damaged_pages, ignore_checksum_failure, ignore_invalid_pages,
                          ignore_system_indexes, allow_system_table_mods}'::text[]) s(name)
            WHERE cluster_is_on(server ->> s.name)) AS damaging,
           current_setting('server_version_num')::integer / 10000 AS version,
           (SELECT string_agg(s.name, ', ' ORDER BY s.name)
            FROM pg_catalog.pg_settings s WHERE s.pending_restart) AS pending
)
SELECT c.recommendation, cluster, 'cluster',
       cluster_name(),
       cluster_state(c.met, r.reason),
       cluster_details(r.reason, jsonb_build_object('setting', c.setting, 'value', c.value,
                                                    'expected', c.expected))
FROM known k
CROSS JOIN LATERAL (
    SELECT v.recommendation, v.setting, server ->> v.setting, v.met, v.expected, v.hidden
    FROM (VALUES
        ('tls-enabled', 'ssl', k.has_tls, 'on',
         CASE WHEN k.is_local THEN 'the server doesn''t listen on the network' END),
        ('tls-min-version', 'ssl_min_protocol_version',
         server ->> 'ssl_min_protocol_version' IN ('TLSv1.2', 'TLSv1.3'), 'TLSv1.2',
         CASE WHEN k.is_local THEN 'the server doesn''t listen on the network' WHEN NOT k.has_tls
                  THEN 'TLS is off' END),
        ('listen-addresses', 'listen_addresses',
         server ->> 'listen_addresses' !~ '(\*|(^|[ ,])(0\.0\.0\.0|::|0)([ ,]|$))',
             'localhost or chosen addresses', NULL),
        ('socket-permissions', 'unix_socket_permissions',
         server ->> 'unix_socket_permissions' ~ '0$', '0770',
         CASE WHEN server ->> 'unix_socket_directories' = ''
                  THEN 'the server has no Unix socket' END),
        ('password-encryption', 'password_encryption',
         server ->> 'password_encryption' = 'scram-sha-256', 'scram-sha-256', NULL),
        ('log-connections', 'log_connections',
         server ->> 'log_connections' ~* '(^(on|true|yes|1|all)$|'
                                          '\m(all|authentication|authorization)\M)',
         'on', NULL),
        ('log-disconnections', 'log_disconnections', cluster_is_on(server ->> 'log_disconnections'),
         'on', NULL),
        ('log-line-prefix', 'log_line_prefix',
         k.prefix ~ '%-?\d*u' AND k.prefix ~ '%-?\d*d' AND k.prefix ~ '%-?\d*[hr]'
             AND (k.prefix ~ '%-?\d*[tmn]' OR server ->> 'log_destination' !~ 'stderr'),
                 '%m [%p] %q%u@%d %h ',
         CASE WHEN NOT k.has_prefix
                  THEN 'the log is written in a format that holds all this anyway' END),
        ('log-statement', 'log_statement',
         server ->> 'log_statement' IN ('ddl', 'mod', 'all')
             OR coalesce(server ->> 'pgaudit.log' ~* '(^|[ ,])(ddl|all)([ ,]|$)', false), 'ddl',
                 NULL),
        ('log-error-statement', 'log_min_error_statement',
         server ->> 'log_min_error_statement' NOT IN ('log', 'fatal', 'panic'), 'error', NULL),
        ('log-lock-waits', 'log_lock_waits', cluster_is_on(server ->> 'log_lock_waits'), 'on',
         NULL),
        ('log-checkpoints', 'log_checkpoints', cluster_is_on(server ->> 'log_checkpoints'), 'on',
         NULL),
        ('log-slow-statements', 'log_min_duration_statement',
         server ->> 'log_min_duration_statement' !~ '^\s*-', '0 or more', NULL),
        ('log-file-mode', 'log_file_mode', server ->> 'log_file_mode' ~ '[0145]0$', '0600',
         CASE WHEN NOT k.collects THEN 'the server doesn''t write log files itself' END),
        ('data-checksums', 'data_checksums', cluster_is_on(server ->> 'data_checksums'), 'on',
         NULL),
        ('fsync', 'fsync', cluster_is_on(server ->> 'fsync'), 'on', NULL),
        ('full-page-writes', 'full_page_writes', cluster_is_on(server ->> 'full_page_writes'), 'on',
         NULL),
        ('wal-level', 'wal_level', server ->> 'wal_level' IN ('replica', 'logical'), 'replica',
         NULL),
        ('idle-transaction-timeout', 'idle_in_transaction_session_timeout',
         cluster_is_positive(server ->> 'idle_in_transaction_session_timeout'), 'above 0', NULL),
        ('restart-after-crash', 'restart_after_crash',
         cluster_is_on(server ->> 'restart_after_crash'), 'on', NULL)
    ) v(recommendation, setting, met, expected, hidden)
    UNION ALL
    SELECT v.recommendation, v.setting, v.value, v.met, v.expected, v.hidden
    FROM (VALUES
        ('password-check', 'shared_preload_libraries', NULL,
         k.libraries ~ '\m(passwordcheck|passwordcheck_extra|credcheck)\M',
             'passwordcheck or another module that looks at passwords', NULL),
        ('audit-module', 'shared_preload_libraries', NULL,
         CASE WHEN k.libraries IS NOT NULL THEN k.libraries ~ '\mpgaudit\M'
              AND (coalesce(server ->> 'pgaudit.log', 'none') !~* '^\s*(none)?\s*$'
                                          OR coalesce(server ->> 'pgaudit.role', '') <> '') END,
         'pgaudit, with pgaudit.log or pgaudit.role set', NULL),
        -- archive_command is "(disabled)" while archive_mode is off; a command that
        -- archives nothing does not count
        ('archive-mode', 'archive_mode', server ->> 'archive_mode',
         k.archives AND (coalesce(server ->> 'archive_library', '') <> ''
                         OR server ->> 'archive_command'
                            !~ '^\s*((/usr)?(/bin/)?true|:|exit 0|)\s*$'),
         'on, with archive_command or archive_library', NULL),
        ('archive-working', NULL, NULL,
         (SELECT a.last_failed_time IS NULL OR a.last_archived_time >= a.last_failed_time
          FROM pg_catalog.pg_stat_archiver a),
         'the latest attempt to archive succeeded', CASE WHEN NOT k.archives
                 THEN 'nothing is archived' END),
        ('damage-settings', k.damaging, CASE WHEN k.damaging IS NOT NULL THEN 'on' END,
         k.damaging IS NULL, 'off', NULL),
        ('server-version', 'server_version', k.version::text,
         (SELECT current_date < e.day
          FROM (VALUES (15, date '2027-11-11'), (16, date '2028-11-09'), (17, date '2029-11-08'),
                (18, date '2030-11-14')) e(version, day)
          WHERE e.version = k.version), 'a version within five years of its release',
         CASE WHEN k.version NOT BETWEEN 15 AND 18
                  THEN 'the end of support of this version isn''t known here' END),
        ('settings-pending-restart', k.pending, CASE WHEN k.pending IS NOT NULL
                                                         THEN 'waits for a restart' END,
         k.pending IS NULL, 'no setting waits for a restart', NULL),
        ('configuration-valid', NULL,
         (SELECT string_agg(e.key || ': ' || e.value, ', ' ORDER BY e.key)
          FROM jsonb_each_text(errors) e),
         NOT EXISTS (SELECT FROM jsonb_each_text(errors) e WHERE e.value <> '0'), 'no errors',
         CASE WHEN errors IS NULL THEN 'the configuration files could not be read' END)
    ) v(recommendation, setting, value, met, expected, hidden)
) c(recommendation, setting, value, met, expected, hidden)
CROSS JOIN LATERAL (
    SELECT CASE WHEN c.hidden IS NULL AND c.met IS NULL
                THEN format('the setting %s is hidden from the role that assessed', c.setting)
                    ELSE c.hidden END
) r(reason);
END;
COMMENT ON FUNCTION posture_internal.cluster_server_finding(text, jsonb, jsonb) IS
    'checks the cluster, given the settings of the server and the errors in its configuration '
    'files (NULL if hidden)';

/*
 * What posture knows about the cluster that it runs in: the recommendations
 * of the source "postgresql" and the metrics and initiatives over them.
 *
 * They are functions rather than rows made by CREATE EXTENSION: such rows
 * would meet those of a dump when it is restored. assess_cluster() puts them
 * into the catalog; the checks are in 81_cluster_check.sql.
 *
 * The name of a metric says which assets are exposed, in the plural, so that
 * it reads after "how many of our ...".
 */

CREATE FUNCTION posture_internal.cluster_recommendation(
    OUT key text, OUT domain text, OUT severity importance, OUT title text,
    OUT description text, OUT remediation text, OUT manage_url text
) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT v.key, v.domain, v.severity::importance, v.title, v.description, v.remediation,
       'https://www.postgresql.org/docs/current/' || v.page
FROM (VALUES
    -- login roles
    ('role-superuser', 'identity', 'critical',
     'Keep superuser rights to the first role',
     'A superuser passes every permission check and can run programs on the server. Beyond the role that created the cluster, people should log in without this right and take it on only when they need it.',
     'ALTER ROLE name NOSUPERUSER; then grant what the role needs, for instance: GRANT pg_monitor TO name;',
     'role-attributes.html'),
    ('role-superuser-member', 'identity', 'critical',
     'Let no ordinary role become a superuser',
     'A login role that may SET ROLE to a superuser is one itself, though no list of superusers shows it.',
     'REVOKE superuser_role FROM name;',
     'role-membership.html'),
    ('role-password-scram', 'identity', 'critical',
     'Store passwords as SCRAM-SHA-256',
     'An MD5 password hash that leaks can be used to log in as it is, and is quickly guessed. SCRAM-SHA-256 withstands both, and MD5 is to leave PostgreSQL.',
     'SET password_encryption = ''scram-sha-256''; then set the password anew, in psql: \password name',
     'auth-password.html'),
    ('role-password-expiry', 'identity', 'medium',
     'Let passwords expire',
     'A password without an end keeps working long after its holder left or it leaked. VALID UNTIL ends it unless somebody renews it.',
     'ALTER ROLE name VALID UNTIL ''2027-01-01'';',
     'sql-createrole.html'),
    ('role-bypassrls', 'identity', 'high',
     'Keep login roles from bypassing row security',
     'A role with BYPASSRLS sees and changes every row, whatever policies say.',
     'ALTER ROLE name NOBYPASSRLS;',
     'ddl-rowsecurity.html'),
    ('role-createrole', 'identity', 'high',
     'Keep login roles from creating roles',
     'A role with CREATEROLE makes further logins and, before PostgreSQL 16, changes any role that is no superuser.',
     'ALTER ROLE name NOCREATEROLE;',
     'role-attributes.html'),
    ('role-createdb', 'identity', 'low',
     'Keep login roles from creating databases',
     'A new database takes disk space and escapes the privileges that were set up for the others. Deployments rarely need this right after the first day.',
     'ALTER ROLE name NOCREATEDB;',
     'role-attributes.html'),
    ('role-replication', 'identity', 'high',
     'Give REPLICATION to dedicated roles only',
     'A role with REPLICATION can copy the whole cluster, whatever its privileges on tables. It should own nothing, hold no other privilege and be a member of no other role.',
     'ALTER ROLE name NOREPLICATION; and for standbys and backups: CREATE ROLE replicator LOGIN REPLICATION;',
     'role-attributes.html'),
    ('role-server-access', 'identity', 'critical',
     'Keep login roles from the server''s files and programs',
     'Members of pg_execute_server_program, pg_write_server_files and pg_read_server_files act on the server as the operating system user of PostgreSQL, and can become superusers that way.',
     'REVOKE pg_execute_server_program, pg_write_server_files, pg_read_server_files FROM name;',
     'predefined-roles.html'),
    ('role-all-data', 'identity', 'medium',
     'Grant access to tables, not to all data',
     'Members of pg_read_all_data and pg_write_all_data reach every table of every database, those to come included.',
     'REVOKE pg_read_all_data, pg_write_all_data FROM name; then for instance: GRANT SELECT ON ALL TABLES IN SCHEMA app TO name;',
     'predefined-roles.html'),
    ('role-connection-limit', 'server', 'low',
     'Limit the connections of a role',
     'One application that leaks connections, or a stolen password, can use up all the connections of the server. Superusers are never limited.',
     'ALTER ROLE name CONNECTION LIMIT 50;',
     'sql-alterrole.html'),
    ('role-statement-timeout', 'server', 'medium',
     'End statements that run too long',
     'A statement without a time limit can hold locks and processors for days. The limit may be set for the server, a database or a role; a role complies when one is in force wherever it may connect.',
     'ALTER ROLE name SET statement_timeout = ''15min''; or: ALTER DATABASE name SET statement_timeout = ''15min'';',
     'runtime-config-client.html#GUC-STATEMENT-TIMEOUT'),
    ('role-settings', 'logging', 'medium',
     'Let no role weaken logging or safety for itself',
     'Settings stored for a role win over those of the server. Some switch logging, auditing or safeguards off for exactly the role that should be watched.',
     'ALTER ROLE name RESET log_statement; (for each setting in the details)',
     'sql-alterrole.html'),

    -- host-based access rules
    ('hba-trust', 'network', 'critical',
     'Ask everybody to authenticate',
     'A trust rule lets anybody in who can reach the server, as any role that the rule names, superusers included, without a password.',
     'In pg_hba.conf replace trust by scram-sha-256 (or peer on local lines), then: SELECT pg_reload_conf();',
     'auth-trust.html'),
    ('hba-weak-method', 'network', 'high',
     'Use strong authentication methods',
     'The method password sends the password readable; md5 accepts weak hashes; ident over TCP believes the client''s own machine.',
     'In pg_hba.conf replace password, md5 and ident by scram-sha-256 or cert, then: SELECT pg_reload_conf();',
     'auth-methods.html'),
    ('hba-tls', 'network', 'high',
     'Require TLS from other machines',
     'A host rule takes connections in plain text too: data and passwords can be read and changed on the way. hostssl takes encrypted ones only.',
     'In pg_hba.conf replace host by hostssl, then: SELECT pg_reload_conf();',
     'auth-pg-hba-conf.html'),
    ('hba-any-address', 'network', 'high',
     'Name the networks that may connect',
     'A rule for every address puts the server at the mercy of firewalls and of each password.',
     'In pg_hba.conf replace all, 0.0.0.0/0 and ::/0 by the networks of your clients, for instance 10.1.2.0/24, then: SELECT pg_reload_conf();',
     'auth-pg-hba-conf.html'),
    ('hba-everyone', 'network', 'medium',
     'Name databases and roles in rules for other machines',
     'A rule for all databases and all roles lets administrators and service roles in from wherever applications connect.',
     'In pg_hba.conf write a line per application, for instance: hostssl app app_user 10.1.2.0/24 scram-sha-256, then: SELECT pg_reload_conf();',
     'auth-pg-hba-conf.html'),

    -- the cluster: network and passwords
    ('tls-enabled', 'network', 'high',
     'Offer TLS',
     'Without TLS whatever clients send and receive over the network can be read on the way.',
     'Put server.crt and server.key into the data directory, then: ALTER SYSTEM SET ssl = on; SELECT pg_reload_conf();',
     'ssl-tcp.html'),
    ('tls-min-version', 'network', 'high',
     'Refuse TLS older than 1.2',
     'TLS 1.0 and 1.1 have known weaknesses and are withdrawn.',
     'ALTER SYSTEM SET ssl_min_protocol_version = ''TLSv1.2''; SELECT pg_reload_conf();',
     'runtime-config-connection.html#GUC-SSL-MIN-PROTOCOL-VERSION'),
    ('listen-addresses', 'network', 'medium',
     'Listen only where clients are',
     'A server that listens on every interface also listens on those that are added later, and on those that nobody meant.',
     'ALTER SYSTEM SET listen_addresses = ''localhost,10.1.2.3''; then restart the server.',
     'runtime-config-connection.html#GUC-LISTEN-ADDRESSES'),
    ('socket-permissions', 'network', 'low',
     'Close the Unix socket to other users',
     'By default every operating system user of the machine may try to log in over the socket.',
     'ALTER SYSTEM SET unix_socket_permissions = ''0770''; then restart the server; unix_socket_group names the group that may connect.',
     'runtime-config-connection.html#GUC-UNIX-SOCKET-PERMISSIONS'),
    ('password-encryption', 'identity', 'high',
     'Store new passwords as SCRAM-SHA-256',
     'This setting decides how the server stores the passwords that are set from now on.',
     'ALTER SYSTEM SET password_encryption = ''scram-sha-256''; SELECT pg_reload_conf();',
     'runtime-config-connection.html#GUC-PASSWORD-ENCRYPTION'),
    ('password-check', 'identity', 'medium',
     'Refuse weak passwords',
     'PostgreSQL takes any password unless a module such as passwordcheck looks at it first.',
     'ALTER SYSTEM SET shared_preload_libraries = ''passwordcheck''; (add it to the libraries already there), then restart the server.',
     'passwordcheck.html'),

    -- the cluster: logging and audit
    ('log-connections', 'logging', 'high',
     'Log connections',
     'Without a record of who connected, when and from where, an intrusion can''t be traced.',
     'ALTER SYSTEM SET log_connections = on; SELECT pg_reload_conf();',
     'runtime-config-logging.html#GUC-LOG-CONNECTIONS'),
    ('log-disconnections', 'logging', 'medium',
     'Log the end of sessions',
     'The end and length of sessions are needed to tell which session did what.',
     'ALTER SYSTEM SET log_disconnections = on; SELECT pg_reload_conf();',
     'runtime-config-logging.html#GUC-LOG-DISCONNECTIONS'),
    ('log-line-prefix', 'logging', 'medium',
     'Log time, user, database and host with each line',
     'A line of the log is evidence only when it says when it happened, to whom, where and from which machine.',
     'ALTER SYSTEM SET log_line_prefix = ''%m [%p] %q%u@%d %h ''; SELECT pg_reload_conf();',
     'runtime-config-logging.html#GUC-LOG-LINE-PREFIX'),
    ('log-statement', 'logging', 'high',
     'Log changes of the schema and of privileges',
     'Statements that create, alter, drop, grant and revoke are rare and each is worth a line.',
     'ALTER SYSTEM SET log_statement = ''ddl''; SELECT pg_reload_conf();',
     'runtime-config-logging.html#GUC-LOG-STATEMENT'),
    ('audit-module', 'logging', 'medium',
     'Keep an audit trail',
     'Statement logging doesn''t tell which objects were read and written. An audit module such as pgaudit does, by class of statement or by object.',
     'ALTER SYSTEM SET shared_preload_libraries = ''pgaudit''; (add it to the libraries already there), restart the server, then: ALTER SYSTEM SET pgaudit.log = ''ddl, role, write''; SELECT pg_reload_conf();',
     'runtime-config-client.html#GUC-SHARED-PRELOAD-LIBRARIES'),
    ('log-error-statement', 'logging', 'low',
     'Log the statement behind an error',
     'Statements that fail are the trace that probing and injection leave.',
     'ALTER SYSTEM SET log_min_error_statement = ''error''; SELECT pg_reload_conf();',
     'runtime-config-logging.html#GUC-LOG-MIN-ERROR-STATEMENT'),
    ('log-lock-waits', 'logging', 'low',
     'Log long waits for locks',
     'Sessions that block others are logged with what they wait for: the first sign of an outage in the making.',
     'ALTER SYSTEM SET log_lock_waits = on; SELECT pg_reload_conf();',
     'runtime-config-logging.html#GUC-LOG-LOCK-WAITS'),
    ('log-checkpoints', 'logging', 'low',
     'Log checkpoints',
     'Checkpoints that come too often or take too long show storage in trouble before users notice.',
     'ALTER SYSTEM SET log_checkpoints = on; SELECT pg_reload_conf();',
     'runtime-config-logging.html#GUC-LOG-CHECKPOINTS'),
    ('log-slow-statements', 'logging', 'low',
     'Log slow statements',
     'A statement far slower than usual may be an attack, a copy of all data or a failure.',
     'ALTER SYSTEM SET log_min_duration_statement = ''10s''; SELECT pg_reload_conf();',
     'runtime-config-logging.html#GUC-LOG-MIN-DURATION-STATEMENT'),
    ('log-file-mode', 'logging', 'medium',
     'Keep log files from other users',
     'Logs hold statements and, with them, personal data and secrets. Other users of the machine must not read them, and the group must not write them.',
     'ALTER SYSTEM SET log_file_mode = ''0600''; SELECT pg_reload_conf();',
     'runtime-config-logging.html#GUC-LOG-FILE-MODE'),

    -- the cluster: data
    ('data-checksums', 'data', 'medium',
     'Use data checksums',
     'Without checksums, damage done by storage goes unnoticed until it is in every backup.',
     'Stop the server, then: pg_checksums --enable -D data_directory',
     'checksums.html'),
    ('damage-settings', 'data', 'critical',
     'Keep repair settings off',
     'Settings for the last attempt at rescuing a broken cluster (zero_damaged_pages, ignore_checksum_failure, ignore_invalid_pages, ignore_system_indexes, allow_system_table_mods) destroy data or protection when left on.',
     'ALTER SYSTEM RESET zero_damaged_pages; (for each setting in the details), then restart the server.',
     'runtime-config-developer.html'),
    ('fsync', 'data', 'critical',
     'Keep fsync on',
     'Without fsync a crash of the machine can leave the cluster beyond repair.',
     'ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf();',
     'runtime-config-wal.html#GUC-FSYNC'),
    ('full-page-writes', 'data', 'high',
     'Keep full page writes on',
     'A page half written when the machine stops can be restored only from a full copy in the write-ahead log.',
     'ALTER SYSTEM SET full_page_writes = on; SELECT pg_reload_conf();',
     'runtime-config-wal.html#GUC-FULL-PAGE-WRITES'),
    ('wal-level', 'data', 'high',
     'Write enough WAL for backups and standbys',
     'With wal_level = minimal there is no online backup, no archive and no standby.',
     'ALTER SYSTEM SET wal_level = ''replica''; then restart the server.',
     'runtime-config-wal.html#GUC-WAL-LEVEL'),
    ('archive-mode', 'data', 'high',
     'Archive the write-ahead log',
     'With an archive a cluster can be brought back to the moment before a mistake or an attack; without one, only to the last backup.',
     'ALTER SYSTEM SET archive_mode = on; ALTER SYSTEM SET archive_command = ''pgbackrest --stanza=main archive-push %p''; then restart the server.',
     'continuous-archiving.html'),
    ('archive-working', 'data', 'high',
     'Mend an archive that fails',
     'The latest attempt to archive failed: what happens now can''t be recovered, and the disk fills with what waits.',
     'SELECT * FROM pg_stat_archiver; and the server''s log say why; then mend archive_command or archive_library.',
     'monitoring-stats.html#MONITORING-PG-STAT-ARCHIVER-VIEW'),

    -- the cluster: server
    ('server-version', 'server', 'critical',
     'Run a supported version',
     'A major version gets security fixes for five years. After that each new hole stays open.',
     'pg_upgrade --old-datadir old --new-datadir new --old-bindir old_bin --new-bindir new_bin',
     'upgrading.html'),
    ('settings-pending-restart', 'server', 'medium',
     'Restart for settings that wait for it',
     'The configuration files say one thing and the server does another until it is restarted.',
     'SELECT name FROM pg_settings WHERE pending_restart; then: pg_ctl restart',
     'view-pg-settings.html'),
    ('configuration-valid', 'server', 'medium',
     'Mend errors in configuration files',
     'While pg_hba.conf or pg_ident.conf has an error, the server keeps its old rules on reload; with one in postgresql.conf or pg_hba.conf it refuses to start afresh.',
     'SELECT * FROM pg_file_settings WHERE error IS NOT NULL; SELECT * FROM pg_hba_file_rules WHERE error IS NOT NULL; mend the lines, then: SELECT pg_reload_conf();',
     'view-pg-file-settings.html'),
    ('idle-transaction-timeout', 'server', 'medium',
     'End transactions that idle',
     'A forgotten transaction holds locks and keeps vacuum from cleaning up, in every table.',
     'ALTER SYSTEM SET idle_in_transaction_session_timeout = ''10min''; SELECT pg_reload_conf();',
     'runtime-config-client.html#GUC-IDLE-IN-TRANSACTION-SESSION-TIMEOUT'),
    ('restart-after-crash', 'server', 'low',
     'Let the server restart after a crash',
     'With restart_after_crash off, one crashing process ends the service. Leave it off only where a cluster manager restarts the server.',
     'ALTER SYSTEM SET restart_after_crash = on; SELECT pg_reload_conf();',
     'runtime-config-error-handling.html#GUC-RESTART-AFTER-CRASH'),

    -- databases
    ('database-public-connect', 'network', 'medium',
     'Say who may connect to a database',
     'By default every role may connect to every database, and then try its luck there.',
     'REVOKE CONNECT ON DATABASE name FROM PUBLIC; GRANT CONNECT ON DATABASE name TO app_role;',
     'ddl-priv.html'),
    ('database-public-temp', 'data', 'low',
     'Say who may make temporary tables',
     'By default everybody may. Temporary tables can mask others in functions that don''t pin their search_path, and fill the disk.',
     'REVOKE TEMPORARY ON DATABASE name FROM PUBLIC; GRANT TEMPORARY ON DATABASE name TO app_role;',
     'ddl-priv.html'),
    ('database-settings', 'logging', 'medium',
     'Let no database weaken logging or safety',
     'Settings stored for a database win over those of the server. Some switch logging, auditing or safeguards off for all that happens in it.',
     'ALTER DATABASE name RESET log_statement; (for each setting in the details)',
     'sql-alterdatabase.html'),
    ('database-default-privileges', 'data', 'high',
     'Grant nothing to PUBLIC by default',
     'Default privileges for PUBLIC open every table, sequence or schema that is created from now on. Assessed in the database of the warehouse only.',
     'ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA name REVOKE ALL ON TABLES FROM PUBLIC;',
     'sql-alterdefaultprivileges.html'),

    -- schemas, tables, functions and extensions of this database
    ('schema-public-create', 'data', 'high',
     'Let only chosen roles create in a schema',
     'Where everybody may create objects, anybody can plant a function or table that others then use by mistake.',
     'REVOKE CREATE ON SCHEMA name FROM PUBLIC;',
     'ddl-schemas.html#DDL-SCHEMAS-PATTERNS'),
    ('table-public-write', 'data', 'critical',
     'Let PUBLIC change no table',
     'Every role that can connect may change this table or set triggers on it.',
     'REVOKE INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON TABLE name FROM PUBLIC;',
     'ddl-priv.html'),
    ('table-public-read', 'data', 'medium',
     'Let PUBLIC read no table',
     'Every role that can connect may read this table or some of its columns.',
     'REVOKE SELECT ON TABLE name FROM PUBLIC; GRANT SELECT ON TABLE name TO app_role;',
     'ddl-priv.html'),
    ('table-policies-enabled', 'data', 'critical',
     'Switch row security on where policies exist',
     'Policies without row security have no effect: the table looks protected and is not.',
     'ALTER TABLE name ENABLE ROW LEVEL SECURITY;',
     'ddl-rowsecurity.html'),
    ('table-row-security-forced', 'data', 'medium',
     'Hold the owner to row security too',
     'The owner of a table bypasses its policies, and applications often connect as the owner.',
     'ALTER TABLE name FORCE ROW LEVEL SECURITY;',
     'sql-altertable.html'),
    ('view-row-security', 'data', 'high',
     'Let views respect row security',
     'A view reads its tables with the rights of its owner, so that policies meant for its reader don''t apply.',
     'ALTER VIEW name SET (security_invoker = true);',
     'sql-createview.html'),
    ('table-owner', 'data', 'low',
     'Let superusers own no tables',
     'What belongs to a superuser can be altered only as superuser, which makes administrators use that right for daily work; its views read with the rights of a superuser.',
     'ALTER TABLE name OWNER TO app_owner;',
     'sql-altertable.html'),
    ('function-search-path', 'data', 'critical',
     'Pin the search_path of SECURITY DEFINER functions',
     'Such a function runs with its owner''s rights. Unless its search_path is pinned, a caller can make it use tables and functions of the caller''s choice.',
     'ALTER FUNCTION name(arguments) SET search_path = app, pg_temp;',
     'sql-createfunction.html#SQL-CREATEFUNCTION-SECURITY'),
    ('function-search-path-temp', 'data', 'medium',
     'End a pinned search_path with pg_temp',
     'Temporary tables come first in the search unless pg_temp is named last, so that a caller''s temporary table can take the place of a real one.',
     'ALTER FUNCTION name(arguments) SET search_path = app, pg_temp;',
     'sql-createfunction.html#SQL-CREATEFUNCTION-SECURITY'),
    ('function-public-execute', 'data', 'high',
     'Say who may run SECURITY DEFINER functions',
     'By default everybody may run a new function. One that runs with its owner''s rights should be granted to those who need it.',
     'REVOKE EXECUTE ON FUNCTION name(arguments) FROM PUBLIC; GRANT EXECUTE ON FUNCTION name(arguments) TO app_role;',
     'sql-createfunction.html#SQL-CREATEFUNCTION-SECURITY'),
    ('function-owner', 'data', 'high',
     'Let superusers own no SECURITY DEFINER functions',
     'A mistake in a function that runs as superuser gives away the whole cluster.',
     'ALTER FUNCTION name(arguments) OWNER TO app_owner;',
     'sql-alterfunction.html'),
    ('function-language', 'server', 'medium',
     'Avoid functions in untrusted languages',
     'Functions in C or in an untrusted language do on the server whatever its operating system user may.',
     'Write it anew in a trusted language such as PL/pgSQL, then: DROP FUNCTION name(arguments);',
     'plpgsql-overview.html'),
    ('extension-current', 'server', 'high',
     'Update extensions',
     'The server has a newer version of the extension than the one in the database; fixes arrive only with the update.',
     'ALTER EXTENSION name UPDATE;',
     'sql-alterextension.html'),
    ('extension-outside', 'server', 'medium',
     'Remove extensions that reach out of the database',
     'Extensions that read files, run programs, open network connections or rewrite raw pages turn one hole into many. Keep those that somebody needs, with an exemption that says who.',
     'DROP EXTENSION name;',
     'sql-dropextension.html'),
    ('extension-schema', 'server', 'high',
     'Install extensions into closed schemas',
     'Where everybody may create objects in the schema of an extension, anybody can plant a function that is taken for one of the extension.',
     'REVOKE CREATE ON SCHEMA name FROM PUBLIC; or: ALTER EXTENSION name SET SCHEMA closed_schema;',
     'extend-extensions.html#EXTEND-EXTENSIONS-SECURITY')
) v(key, domain, severity, title, description, remediation, page);
END;
COMMENT ON FUNCTION posture_internal.cluster_recommendation() IS 'the recommendations of the source postgresql';

CREATE FUNCTION posture_internal.cluster_metric(
    OUT key text, OUT name text, OUT importance importance, OUT asset_kinds text[],
    OUT recommendations text[], OUT description text
) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT 'postgresql-' || v.key, v.name, v.importance::importance, v.asset_kinds::text[],
       v.recommendations::text[], v.description
FROM (VALUES
    -- identity and access
    ('superusers', 'Login roles with superuser rights', 'critical', '{role}',
     '{role-superuser, role-superuser-member}',
     'Roles beyond the first that are superusers or can become one.'),
    ('powerful-roles', 'Login roles with powerful rights', 'high', '{role}',
     '{role-bypassrls, role-createrole, role-createdb, role-replication, role-server-access, role-all-data}',
     'Roles that reach far beyond the tables they were granted.'),
    ('password-storage', 'Login roles without a SCRAM password', 'critical', '{role}',
     '{role-password-scram}',
     'Roles with a password that is stored in a weaker form than SCRAM-SHA-256.'),
    ('password-expiry', 'Login roles whose password never expires', 'medium', '{role}',
     '{role-password-expiry}',
     'Roles with a password and no VALID UNTIL.'),
    ('password-policy', 'Clusters that take weak passwords', 'medium', '{cluster}',
     '{password-encryption, password-check}',
     'Whether new passwords are stored well and looked at first.'),
    -- network exposure
    ('weak-authentication', 'Access rules with no or weak authentication', 'critical', '{hba_rule}',
     '{hba-trust, hba-weak-method}',
     'Lines of pg_hba.conf that ask for no password, or for one in a weak form.'),
    ('plain-text-rules', 'Access rules that allow plain text', 'high', '{hba_rule}',
     '{hba-tls}',
     'Lines of pg_hba.conf by which other machines connect without encryption.'),
    ('wide-rules', 'Access rules that are too wide', 'medium', '{hba_rule}',
     '{hba-any-address, hba-everyone}',
     'Lines of pg_hba.conf for any address, or for every database and role.'),
    ('tls', 'Clusters without up-to-date TLS', 'high', '{cluster}',
     '{tls-enabled, tls-min-version}',
     'Whether connections over the network can be encrypted well.'),
    ('reachability', 'Clusters that are reachable wider than needed', 'low', '{cluster}',
     '{listen-addresses, socket-permissions}',
     'Whether the server listens only where its clients are.'),
    ('open-databases', 'Databases that every role may connect to', 'medium', '{database}',
     '{database-public-connect}',
     'Databases with CONNECT for PUBLIC.'),
    -- data protection
    ('public-privileges', 'Databases, schemas and tables open to PUBLIC', 'high', '{database, schema, table}',
     '{database-public-temp, database-default-privileges, schema-public-create, table-public-write, table-public-read}',
     'Objects that every role may read, change or create in.'),
    ('row-security', 'Tables and views that leave row security out', 'high', '{table}',
     '{table-policies-enabled, table-row-security-forced, view-row-security}',
     'Relations where policies exist and don''t protect.'),
    ('definer-functions', 'SECURITY DEFINER functions that can be abused', 'high', '{function}',
     '{function-search-path, function-search-path-temp, function-public-execute, function-owner}',
     'Functions that lend their owner''s rights without care.'),
    ('superuser-objects', 'Tables and functions owned by superusers', 'low', '{table, function}',
     '{table-owner, function-owner}',
     'Objects that belong to a superuser rather than to an application.'),
    ('durability', 'Clusters that may lose data in a crash', 'critical', '{cluster}',
     '{fsync, full-page-writes, damage-settings}',
     'Whether what was committed survives a crash.'),
    ('silent-damage', 'Clusters that would not notice damaged data', 'medium', '{cluster}',
     '{data-checksums}',
     'Whether pages are checked when they are read.'),
    ('recovery', 'Clusters without point-in-time recovery', 'high', '{cluster}',
     '{wal-level, archive-mode, archive-working}',
     'Whether the write-ahead log is archived.'),
    -- logging and audit
    ('session-logging', 'Clusters that do not log who connects', 'high', '{cluster}',
     '{log-connections, log-disconnections, log-line-prefix}',
     'Whether the log tells who was connected, when and from where.'),
    ('change-logging', 'Clusters that do not log changes', 'high', '{cluster}',
     '{log-statement, log-error-statement}',
     'Whether the log tells what was changed, and what was tried.'),
    ('audit-trail', 'Clusters without an audit trail', 'medium', '{cluster}',
     '{audit-module, log-file-mode}',
     'Whether access to objects is recorded, out of the reach of others.'),
    ('trouble-logging', 'Clusters that do not log signs of trouble', 'low', '{cluster}',
     '{log-lock-waits, log-checkpoints, log-slow-statements}',
     'Whether the log warns before an outage.'),
    ('weakened-settings', 'Login roles and databases that weaken settings', 'medium', '{role, database}',
     '{role-settings, database-settings}',
     'Roles and databases with settings of their own that switch logging or safeguards off.'),
    -- server hardening
    ('upkeep', 'Clusters that are out of support or out of step', 'high', '{cluster}',
     '{server-version, settings-pending-restart, configuration-valid}',
     'Whether the server gets fixes and runs by its configuration.'),
    ('exhaustion', 'Login roles that can exhaust the server', 'medium', '{role}',
     '{role-connection-limit, role-statement-timeout}',
     'Roles without a limit on connections or on the time of a statement.'),
    ('availability', 'Clusters that hang or stay down', 'low', '{cluster}',
     '{idle-transaction-timeout, restart-after-crash}',
     'Whether the server rids itself of idle transactions and comes back after a crash.'),
    ('extensions', 'Extensions that are outdated or risky', 'medium', '{extension}',
     '{extension-current, extension-outside, extension-schema}',
     'Extensions that lack fixes, reach out of the database or lie in an open schema.'),
    ('untrusted-code', 'Functions in untrusted languages', 'medium', '{function}',
     '{function-language}',
     'Functions that do on the server whatever its operating system user may.')
) v(key, name, importance, asset_kinds, recommendations, description);
END;
COMMENT ON FUNCTION posture_internal.cluster_metric() IS 'the predefined metrics over the recommendations of the source postgresql';

CREATE FUNCTION posture_internal.cluster_initiative(
    OUT key text, OUT name text, OUT kind text, OUT target_score score, OUT is_pinned boolean,
    OUT metrics text[], OUT description text
) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT v.key, v.name, v.kind, v.target_score::score, v.is_pinned,
       coalesce((SELECT array_agg('postgresql-' || m ORDER BY m) FROM unnest(v.metrics::text[]) m),
                (SELECT array_agg(c.key ORDER BY c.key) FROM cluster_metric() c)),
       v.description
FROM (VALUES
    ('postgresql', 'PostgreSQL cluster', 'workload', 85, true, NULL,
     'The security of this PostgreSQL cluster as a whole.'),
    ('postgresql-identity', 'PostgreSQL: identity and access', 'area', 95, false,
     '{superusers, powerful-roles, password-storage, password-expiry, password-policy, weak-authentication}',
     'That somebody logs in who should not, or with more rights than they need.'),
    ('postgresql-network', 'PostgreSQL: network exposure', 'area', 90, false,
     '{weak-authentication, plain-text-rules, wide-rules, tls, reachability, open-databases}',
     'That the server is reached, or its traffic read, from where it should not be.'),
    ('postgresql-data', 'PostgreSQL: data protection', 'area', 90, false,
     '{public-privileges, row-security, definer-functions, superuser-objects, durability, silent-damage, recovery}',
     'That data is read or changed by the wrong people, damaged or lost.'),
    ('postgresql-logging', 'PostgreSQL: logging and audit', 'area', 80, false,
     '{session-logging, change-logging, audit-trail, trouble-logging, weakened-settings}',
     'That an attack or a failure is noticed late and can''t be reconstructed.'),
    ('postgresql-hardening', 'PostgreSQL: server hardening', 'area', 80, false,
     '{upkeep, exhaustion, availability, extensions, untrusted-code, definer-functions, weakened-settings}',
     'That the server is taken over or taken down through what it runs.')
) v(key, name, kind, target_score, is_pinned, metrics, description);
END;
COMMENT ON FUNCTION posture_internal.cluster_initiative() IS 'the predefined initiatives over the metrics of the source postgresql; the first is over all of them';

-- A metric comes into the catalog together with its recommendations, and an
-- initiative together with its metrics, so that each comes once: what a person
-- renamed, changed, took out or deleted afterwards stays as that person left
-- it. Severity is theirs to change as well; only texts follow the release.
CREATE FUNCTION posture_internal.cluster_catalog() RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    source_of integer;
    new_recommendations integer[];
    new_metrics integer[];
    new_initiatives integer[];
BEGIN
    -- one load at a time; before any other table, as load() and who grants access do
    LOCK TABLE inbox IN SHARE UPDATE EXCLUSIVE MODE;
    SELECT s.source_id INTO source_of FROM source s WHERE s.key = 'postgresql';
    IF NOT FOUND THEN
        INSERT INTO source (key, name, product)
        VALUES ('postgresql', 'This PostgreSQL cluster', 'PostgreSQL')
        ON CONFLICT DO NOTHING;
        SELECT s.source_id INTO source_of FROM source s WHERE s.key = 'postgresql';
    END IF;

    UPDATE recommendation r
    SET title = c.title, description = c.description, remediation = c.remediation,
        workload = 'PostgreSQL', domain = c.domain, manage_url = c.manage_url
    FROM cluster_recommendation() c
    WHERE r.source_id = source_of AND r.key = c.key
      AND (r.title, r.description, r.remediation, r.workload, r.domain, r.manage_url)
          IS DISTINCT FROM (c.title, c.description, c.remediation, 'PostgreSQL', c.domain, c.manage_url);

    WITH added AS (
        INSERT INTO recommendation
            (source_id, key, title, description, remediation, severity, workload, domain, manage_url)
        SELECT source_of, c.key, c.title, c.description, c.remediation, c.severity, 'PostgreSQL', c.domain, c.manage_url
        FROM cluster_recommendation() c
        WHERE NOT EXISTS (SELECT FROM recommendation r WHERE r.source_id = source_of AND r.key = c.key)
        ON CONFLICT DO NOTHING
        RETURNING recommendation_id
    )
    SELECT array_agg(a.recommendation_id) INTO new_recommendations FROM added a;
    IF new_recommendations IS NULL THEN
        RETURN;
    END IF;

    WITH added AS (
        INSERT INTO metric (key, name, description, importance, asset_kinds)
        SELECT c.key, c.name, c.description, c.importance, c.asset_kinds
        FROM cluster_metric() c
        WHERE EXISTS (SELECT FROM recommendation r
                      WHERE r.recommendation_id = ANY (new_recommendations) AND r.key = ANY (c.recommendations))
          AND NOT EXISTS (SELECT FROM metric m WHERE m.key = c.key)
        ON CONFLICT DO NOTHING
        RETURNING metric_id
    )
    SELECT array_agg(a.metric_id) INTO new_metrics FROM added a;

    -- a later release may also add a recommendation to a metric that is there
    INSERT INTO metric_recommendation (metric_id, recommendation_id)
    SELECT m.metric_id, r.recommendation_id
    FROM cluster_metric() c
    JOIN metric m ON m.key = c.key
    JOIN recommendation r ON r.source_id = source_of AND r.key = ANY (c.recommendations)
    WHERE m.rule IS NULL AND (m.metric_id = ANY (new_metrics) OR r.recommendation_id = ANY (new_recommendations))
    ON CONFLICT DO NOTHING;

    WITH added AS (
        INSERT INTO initiative (key, name, kind, description, method, target_score, is_pinned)
        SELECT c.key, c.name, c.kind, c.description, 'weighted', c.target_score, c.is_pinned
        FROM cluster_initiative() c
        WHERE EXISTS (SELECT FROM metric m
                      WHERE m.metric_id = ANY (new_metrics) AND m.key = ANY (c.metrics))
          AND NOT EXISTS (SELECT FROM initiative i WHERE i.key = c.key)
        ON CONFLICT DO NOTHING
        RETURNING initiative_id
    )
    SELECT array_agg(a.initiative_id) INTO new_initiatives FROM added a;

    INSERT INTO initiative_metric (initiative_id, metric_id)
    SELECT i.initiative_id, m.metric_id
    FROM cluster_initiative() c
    JOIN initiative i ON i.key = c.key
    JOIN metric m ON m.key = ANY (c.metrics)
    WHERE i.initiative_id = ANY (new_initiatives) OR m.metric_id = ANY (new_metrics)
    ON CONFLICT DO NOTHING;
END $$;
COMMENT ON FUNCTION posture_internal.cluster_catalog() IS 'puts the source postgresql, its recommendations, metrics and initiatives into the catalog, as far as they are missing';

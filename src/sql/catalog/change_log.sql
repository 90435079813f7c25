/*
 * The log of decisions: who changed what the scores depend on. Triggers write it
 * (access/log_change.sql). Nobody else can, except a superuser: no role has
 * UPDATE, DELETE or TRUNCATE on it, and the role that created the extension may
 * insert only until the first change is logged, to restore a dump.
 */

CREATE TABLE posture.change_log (
    change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_by name NOT NULL DEFAULT session_user,
    as_role name DEFAULT nullif(current_setting('role'), 'none'),
    object_kind text NOT NULL,
    object text NOT NULL,
    field text NOT NULL,
    old text,
    new text
);
CREATE INDEX change_log_object ON posture.change_log (object, changed_at);
CREATE INDEX change_log_changed_at ON posture.change_log (changed_at);
COMMENT ON TABLE posture.change_log IS
    'log of decisions: a row for each change of weights, members, rules, targets, thresholds, '
    'exemptions, attestations, owners, assignments, groups, criticality, switches and access; no '
    'role but a superuser can change or delete its rows; those older than posture.retention_days '
    'are deleted';
COMMENT ON COLUMN posture.change_log.change_id IS
    'internal id, ascending in the order in which this database logged the changes';
COMMENT ON COLUMN posture.change_log.changed_at IS
    'time of the change: the beginning of its transaction';
COMMENT ON COLUMN posture.change_log.changed_by IS
    'role that logged in to the session (session_user)';
COMMENT ON COLUMN posture.change_log.as_role IS
    'role that the session had taken by SET ROLE; NULL: none';
COMMENT ON COLUMN posture.change_log.object_kind IS
    'kind of object: source, asset, asset_group, recommendation, metric, initiative, importance, '
    'score_band, role or node';
COMMENT ON COLUMN posture.change_log.object IS
    'key of the object, source:key for a recommendation, at the time of the change';
COMMENT ON COLUMN posture.change_log.field IS
    'column of the object that changed; for a part of it, the kind and key of the part, such as '
    'metric mfa or exemption 7';
COMMENT ON COLUMN posture.change_log.old IS
    'value before the change; NULL: it had none, or was not there';
COMMENT ON COLUMN posture.change_log.new IS
    'value after the change; NULL: it has none, or was deleted';

-- A dump has the log, but not this table: its row says that the log of this
-- database goes on, so that no dump can be restored into it any more.
CREATE TABLE posture_internal.change_log_start (
    started_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE posture_internal.change_log_start IS
    'time of the first change that was logged in this database; no row: none yet, so that a dump '
    'can be restored; several rows if several sessions logged the first change at once';
COMMENT ON COLUMN posture_internal.change_log_start.started_at IS
    'beginning of the transaction of the change';

CREATE FUNCTION posture_internal.start_change_log() RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    INSERT INTO change_log_start
    SELECT now() WHERE NOT EXISTS (SELECT FROM change_log_start);
END;
COMMENT ON FUNCTION posture_internal.start_change_log() IS
    'notes that this database logs changes';
REVOKE EXECUTE ON FUNCTION posture_internal.start_change_log() FROM PUBLIC;

-- A restore writes the rows of all tables, which are not decisions of the role
-- that restores. Any role can set what pg_dump and pg_restore set, so this alone
-- would let it write without a log. The role that restores has created the
-- extension before; in a function of its owner, current_user is not that role.
CREATE FUNCTION posture_internal.is_restoring() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN current_setting('check_function_bodies') = 'off'
       AND NOT EXISTS (SELECT FROM change_log_start)
       AND EXISTS (SELECT
                   FROM pg_catalog.pg_roles r
                   WHERE r.rolname = coalesce(nullif(current_setting('role'), 'none'),
                                              session_user)
                     AND (r.rolsuper OR r.oid IN (SELECT e.extowner
                                                  FROM pg_catalog.pg_extension e
                                                  WHERE e.extname = 'posture')));
COMMENT ON FUNCTION posture_internal.is_restoring() IS
    'returns whether the session restores a dump: it has the settings of pg_restore, nothing was '
    'logged in this database yet, and the role is a superuser or the owner of the extension';

CREATE FUNCTION posture_internal.check_change_log() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    -- write_change() runs as a superuser, who owns it
    IF NOT is_restoring()
       AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) THEN
        RAISE EXCEPTION 'permission denied: only posture writes change_log'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.check_change_log() IS
    'raises an error if a role inserts into change_log other than by restoring a dump';
REVOKE EXECUTE ON FUNCTION posture_internal.check_change_log() FROM PUBLIC;
CREATE TRIGGER check_change_log BEFORE INSERT ON posture.change_log
    FOR EACH STATEMENT EXECUTE FUNCTION check_change_log();
COMMENT ON TRIGGER check_change_log ON posture.change_log IS
    'lets nobody but posture write the log, except to restore a dump';

/*
 * Retention: run_daily() deletes rows older than posture.retention_days, once for
 * each day whose snapshot it takes. The log of decisions is purged by a trigger,
 * because no role may delete from it.
 */

CREATE FUNCTION posture_internal.purge(keep_from date DEFAULT oldest_kept_day()) RETURNS bigint
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    WITH oldest AS (
        SELECT keep_from AS day
    ), deleted_snapshot AS (
        DELETE FROM snapshot x USING oldest WHERE x.day < oldest.day RETURNING 1
    ), deleted_history AS (
        DELETE FROM finding_history x USING oldest WHERE x.day < oldest.day RETURNING 1
    ), deleted_asset_history AS (
        DELETE FROM asset_history x USING oldest WHERE x.day < oldest.day RETURNING 1
    ), deleted_forgotten AS (
        DELETE FROM forgotten_day x USING oldest WHERE x.day < oldest.day RETURNING 1
    ), deleted_event AS (
        DELETE FROM event x USING oldest WHERE x.day < oldest.day RETURNING 1
    ), deleted_run AS (
        DELETE FROM run x USING oldest WHERE x.day < oldest.day RETURNING 1
    ), deleted_verification AS (
        DELETE FROM verification x USING oldest
        WHERE x.verified_at < day_end(oldest.day - 1) RETURNING 1
    ), deleted_rejected AS (
        DELETE FROM rejected x USING oldest
        WHERE x.rejected_at < day_end(oldest.day - 1) RETURNING 1
    )
    SELECT (SELECT count(*) FROM deleted_snapshot) + (SELECT count(*) FROM deleted_history)
         + (SELECT count(*) FROM deleted_asset_history)
         + (SELECT delete_day_rows('-infinity', oldest.day - 1, true) FROM oldest)
         + (SELECT count(*) FROM deleted_forgotten)
         + (SELECT count(*) FROM deleted_event) + (SELECT count(*) FROM deleted_run)
         + (SELECT count(*) FROM deleted_verification) + (SELECT count(*) FROM deleted_rejected);
END;
COMMENT ON FUNCTION posture_internal.purge(date) IS
    'deletes history, events, runs, verifications and rejected rows of the days before one, that '
    'of posture.retention_days; returns the number of rows';

-- Any role can set the setting for its session. That must not shorten the log.
CREATE FUNCTION posture_internal.purge_change_log() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    days integer := setting('retention_days');
BEGIN
    days := (SELECT CASE WHEN s.source IN ('client', 'session', 'user', 'database user')
                         THEN greatest(days, s.boot_val::integer) ELSE days END
             FROM pg_settings s
             WHERE s.name = 'posture.retention_days');
    DELETE FROM change_log l WHERE l.changed_at < day_end(today() - days - 1);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.purge_change_log() IS
    'deletes rows of change_log older than posture.retention_days; where a role or a session has '
    'set it, rows of the last 400 days are kept';
REVOKE EXECUTE ON FUNCTION posture_internal.purge_change_log() FROM PUBLIC;
CREATE TRIGGER purge_change_log AFTER INSERT ON posture.snapshot
    FOR EACH STATEMENT EXECUTE FUNCTION purge_change_log();
COMMENT ON TRIGGER purge_change_log ON posture.snapshot IS
    'deletes what is past retention from the log of decisions';

/*
 * Retention: run_daily() deletes rows older than posture.retention_days, once for
 * each day whose snapshot it takes.
 */

CREATE FUNCTION posture_internal.purge() RETURNS bigint
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    WITH oldest AS (
        SELECT oldest_kept_day() AS day
    ), deleted_snapshot AS (
        DELETE FROM snapshot x USING oldest WHERE x.day < oldest.day RETURNING 1
    ), deleted_history AS (
        DELETE FROM finding_history x USING oldest WHERE x.day < oldest.day RETURNING 1
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
         + (SELECT delete_day_rows('-infinity', oldest.day - 1, true) FROM oldest)
         + (SELECT count(*) FROM deleted_forgotten)
         + (SELECT count(*) FROM deleted_event) + (SELECT count(*) FROM deleted_run)
         + (SELECT count(*) FROM deleted_verification) + (SELECT count(*) FROM deleted_rejected);
END;
COMMENT ON FUNCTION posture_internal.purge() IS
    'deletes history, events, runs, verifications and rejected rows older than '
    'posture.retention_days; returns the number of rows';

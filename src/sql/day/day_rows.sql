/*
 * The rows of days: deleting a row of snapshot deletes the rest of the day. There
 * are no foreign keys to snapshot, because a source itself reports days that have
 * no snapshot.
 */

CREATE FUNCTION posture_internal.delete_day_rows(
    from_day date, to_day date, with_reported boolean) RETURNS bigint
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    WITH deleted_recommendation AS (
        DELETE FROM recommendation_snapshot x
        WHERE x.day BETWEEN from_day AND to_day AND (with_reported OR NOT x.is_reported)
        RETURNING 1
    ), deleted_metric AS (
        DELETE FROM metric_snapshot x WHERE x.day BETWEEN from_day AND to_day RETURNING 1
    ), deleted_initiative AS (
        DELETE FROM initiative_snapshot x
        WHERE x.day BETWEEN from_day AND to_day AND (with_reported OR NOT x.is_reported)
        RETURNING 1
    ), deleted_member AS (
        DELETE FROM initiative_metric_snapshot x
        WHERE x.day BETWEEN from_day AND to_day
        RETURNING 1
    ), deleted_exemption AS (
        DELETE FROM exemption_snapshot x WHERE x.day BETWEEN from_day AND to_day RETURNING 1
    ), deleted_group AS (
        DELETE FROM asset_group_snapshot x WHERE x.day BETWEEN from_day AND to_day RETURNING 1
    ), deleted_measure AS (
        DELETE FROM measure_snapshot x WHERE x.day BETWEEN from_day AND to_day RETURNING 1
    )
    SELECT (SELECT count(*) FROM deleted_recommendation) + (SELECT count(*) FROM deleted_metric)
         + (SELECT count(*) FROM deleted_initiative) + (SELECT count(*) FROM deleted_member)
         + (SELECT count(*) FROM deleted_exemption) + (SELECT count(*) FROM deleted_group)
         + (SELECT count(*) FROM deleted_measure);
END;
COMMENT ON FUNCTION posture_internal.delete_day_rows(date, date, boolean) IS
    'deletes what snapshots of days hold, except their rows in snapshot and the events; '
    'with_reported: also the rows that a source reported; returns the number of rows';

CREATE FUNCTION posture_internal.snapshot_delete() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM delete_day_rows(d.day, d.day, false) FROM deleted d;
    -- an initiative whose score a source reported keeps its row, and its events
    DELETE FROM event e
    USING deleted d
    WHERE e.day = d.day
      AND NOT EXISTS (SELECT FROM initiative_snapshot s
                      WHERE s.day = e.day AND s.initiative_id = e.initiative_id);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.snapshot_delete() IS
    'deletes the rows and events of days whose row in snapshot is deleted';
REVOKE EXECUTE ON FUNCTION posture_internal.snapshot_delete() FROM PUBLIC;
CREATE TRIGGER snapshot_delete AFTER DELETE ON posture.snapshot
    REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION snapshot_delete();
COMMENT ON TRIGGER snapshot_delete ON posture.snapshot IS
    'deletes the rows and events of days whose row in snapshot is deleted';

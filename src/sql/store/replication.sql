/*
 * Logical replication. A subscriber applies changes row by row without a
 * statement, and with session_replication_role = replica. Only row triggers run
 * there, and of those only the ones that are enabled as REPLICA or ALWAYS. So
 * the store of a subscriber is kept current by row triggers that run in no
 * other session. Rules of metrics (catalog/rule.sql) are not applied: the
 * recommendations that they selected are replicated.
 *
 * The statement triggers that capture changes always run. They keep the sets
 * right while a table is copied to a subscriber, after TRUNCATE there, and in
 * sessions that set session_replication_role.
 */

CREATE FUNCTION posture_internal.is_apply_worker() RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_is_apply_worker' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION posture_internal.is_apply_worker() IS
    'returns whether the caller is a worker that applies changes of logical replication';

DO $$
DECLARE
    capture record;
BEGIN
    FOR capture IN
        SELECT *
        FROM unnest(ARRAY['finding', 'asset']) r(relation)
        CROSS JOIN (VALUES
            ('insert', 'NEW TABLE AS added'),
            ('update', 'OLD TABLE AS removed NEW TABLE AS added'),
            ('delete', 'OLD TABLE AS removed')) v(event, tables)
    LOOP
        -- by its transition tables the function recognizes a row that a statement has written
        EXECUTE format('CREATE TRIGGER capture_row_%s AFTER %1$s ON posture.%I REFERENCING %s '
                       'FOR EACH ROW EXECUTE FUNCTION capture_%2$s()',
                       capture.event, capture.relation, capture.tables);
        EXECUTE format('ALTER TABLE posture.%I ENABLE REPLICA TRIGGER capture_row_%s',
                       capture.relation, capture.event);
        EXECUTE format('COMMENT ON TRIGGER capture_row_%s ON posture.%I IS %L',
                       capture.event, capture.relation,
                       'keeps the sets current where logical replication writes');
    END LOOP;
    FOR capture IN
        SELECT t.tgrelid::regclass AS relation,
               convert_from(trim(TRAILING bytea '\x00' FROM t.tgargs), 'UTF8') AS columns,
               bool_or(t.tgname = 'capture_insert') AS on_insert
        FROM pg_trigger t
        WHERE t.tgfoid = 'posture_internal.capture_catalog()'::regprocedure AND t.tgnargs > 0
        GROUP BY t.tgrelid, t.tgargs
        ORDER BY t.tgrelid
    LOOP
        EXECUTE format('CREATE TRIGGER capture_row AFTER %sUPDATE OR DELETE ON %s FOR EACH ROW '
                       'WHEN (is_apply_worker()) EXECUTE FUNCTION capture_catalog(%L)',
                       CASE WHEN capture.on_insert THEN 'INSERT OR ' ELSE '' END,
                       capture.relation, capture.columns);
        EXECUTE format('ALTER TABLE %s ENABLE REPLICA TRIGGER capture_row', capture.relation);
        EXECUTE format('COMMENT ON TRIGGER capture_row ON %s IS %L', capture.relation,
                       'notes that what is counted has changed where logical replication writes');
    END LOOP;
    FOR capture IN
        SELECT v.relation, v.field
        FROM (VALUES ('asset_source', 'source_id'), ('asset_alias', 'alias')) v(relation, field)
    LOOP
        EXECUTE format('CREATE TRIGGER capture_row AFTER INSERT OR UPDATE OR DELETE ON posture.%I '
                       'FOR EACH ROW WHEN (is_apply_worker()) '
                       'EXECUTE FUNCTION capture_reference(%L)', capture.relation, capture.field);
        EXECUTE format('ALTER TABLE posture.%I ENABLE REPLICA TRIGGER capture_row',
                       capture.relation);
        EXECUTE format('COMMENT ON TRIGGER capture_row ON posture.%I IS %L', capture.relation,
                       'keeps the sets current where logical replication writes');
    END LOOP;
    FOR capture IN
        SELECT t.tgrelid::regclass AS relation, t.tgname AS name
        FROM pg_trigger t
        WHERE t.tgfoid IN ('posture_internal.capture_finding()'::regprocedure,
                           'posture_internal.capture_asset()'::regprocedure,
                           'posture_internal.capture_catalog()'::regprocedure,
                           'posture_internal.capture_reference()'::regprocedure,
                           'posture_internal.capture_groups()'::regprocedure,
                           'posture_internal.capture_truncate()'::regprocedure)
          AND t.tgenabled = 'O'
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', capture.relation, capture.name);
    END LOOP;
END $$;

-- A publication for all tables also sends derived tables. A subscriber drops
-- their rows, and derives its own from the rest.
CREATE FUNCTION posture_internal.skip_replicated() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.skip_replicated() IS
    'makes logical replication skip a row';
REVOKE EXECUTE ON FUNCTION posture_internal.skip_replicated() FROM PUBLIC;

DO $$
DECLARE
    relation text;
BEGIN
    -- a table in this list is derived: admin/install_end.sql asks for the trigger
    FOREACH relation IN ARRAY ARRAY[
        'finding_set', 'finding_delta', 'asset_set', 'asset_delta', 'catalog_delta',
        'object_count', 'counted_slice', 'delivery', 'verification', 'change_log_start'] LOOP
        -- only at trigger depth 0: rows that triggers of the subscriber add are kept
        EXECUTE format('CREATE TRIGGER skip_replicated BEFORE INSERT OR UPDATE OR DELETE '
                       'ON posture_internal.%I FOR EACH ROW '
                       'WHEN (pg_trigger_depth() = 0 AND is_apply_worker()) '
                       'EXECUTE FUNCTION skip_replicated()', relation);
        EXECUTE format('ALTER TABLE posture_internal.%I ENABLE REPLICA TRIGGER skip_replicated',
                       relation);
        EXECUTE format('COMMENT ON TRIGGER skip_replicated ON posture_internal.%I IS %L', relation,
                       'skips replicated rows: each database derives its own');
    END LOOP;
    -- tables without a primary key need this replica identity to delete published rows
    FOREACH relation IN ARRAY ARRAY['inbox', 'asset_inbox', 'rejected', 'event_cause',
                                    'score_band'] LOOP
        EXECUTE format('ALTER TABLE posture.%I REPLICA IDENTITY FULL', relation);
    END LOOP;
END $$;

/*
 * Logical replication. A subscriber applies changes row by row, by no statement,
 * and with session_replication_role = replica: of the triggers only those of
 * rows run, and of those only the ones that are enabled so. What is kept
 * follows there too, by triggers that run in no other session. Rules of metrics
 * (src/sql/43_rule.sql) do not: what they picked is replicated as well.
 *
 * Triggers of statements that capture what changed run always: they are what
 * keeps the sets right while a table is copied to a subscriber, after TRUNCATE
 * there, and for whoever sets session_replication_role.
 */

CREATE FUNCTION posture_internal.is_apply_worker() RETURNS boolean
    AS 'MODULE_PATHNAME', 'posture_is_apply_worker' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION posture_internal.is_apply_worker() IS 'whether it is logical replication that writes';

DO $$
DECLARE
    made record;
BEGIN
    FOR made IN
        SELECT *
        FROM unnest(ARRAY['finding', 'asset']) r(relation)
        CROSS JOIN (VALUES ('insert', 'NEW TABLE AS added'), ('update', 'OLD TABLE AS removed NEW TABLE AS added'),
                           ('delete', 'OLD TABLE AS removed')) v(event, tables)
    LOOP
        -- the transition tables are how a row that has a statement is told from one that has none
        EXECUTE format('CREATE TRIGGER capture_row_%s AFTER %1$s ON posture.%I REFERENCING %s FOR EACH ROW EXECUTE FUNCTION capture_%2$s()',
                       made.event, made.relation, made.tables);
        EXECUTE format('ALTER TABLE posture.%I ENABLE REPLICA TRIGGER capture_row_%s', made.relation, made.event);
        EXECUTE format('COMMENT ON TRIGGER capture_row_%s ON posture.%I IS %L', made.event, made.relation, 'keeps the sets current where logical replication writes');
    END LOOP;
    FOR made IN
        SELECT t.tgrelid::regclass AS relation, convert_from(trim(TRAILING bytea '\x00' FROM t.tgargs), 'UTF8') AS columns,
               bool_or(t.tgname = 'capture_insert') AS also_new
        FROM pg_trigger t
        WHERE t.tgfoid = 'posture_internal.capture_catalog()'::regprocedure AND t.tgnargs > 0
        GROUP BY t.tgrelid, t.tgargs
        ORDER BY t.tgrelid
    LOOP
        EXECUTE format('CREATE TRIGGER capture_row AFTER %sUPDATE OR DELETE ON %s FOR EACH ROW WHEN (posture_internal.is_apply_worker())
                        EXECUTE FUNCTION posture_internal.capture_catalog(%L)', CASE WHEN made.also_new THEN 'INSERT OR ' ELSE '' END, made.relation, made.columns);
        EXECUTE format('ALTER TABLE %s ENABLE REPLICA TRIGGER capture_row', made.relation);
        EXECUTE format('COMMENT ON TRIGGER capture_row ON %s IS %L', made.relation, 'notes that what is counted has changed where logical replication writes');
    END LOOP;
    FOR made IN
        SELECT t.tgrelid::regclass AS relation, t.tgname AS name
        FROM pg_trigger t
        WHERE t.tgfoid IN ('posture_internal.capture_finding()'::regprocedure, 'posture_internal.capture_asset()'::regprocedure,
                           'posture_internal.capture_catalog()'::regprocedure, 'posture_internal.capture_truncate()'::regprocedure)
          AND t.tgenabled = 'O'
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', made.relation, made.name);
    END LOOP;
END $$;

-- A publication for all tables sends what is derived, too. That is made where
-- it is, from what else arrives.
CREATE FUNCTION posture_internal.skip_replicated() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.skip_replicated() IS 'has logical replication leave a row out';
REVOKE EXECUTE ON FUNCTION posture_internal.skip_replicated() FROM PUBLIC;

DO $$
DECLARE
    relation text;
BEGIN
    -- this list is what says that a table is derived: src/sql/99_end.sql asks for the trigger
    FOREACH relation IN ARRAY ARRAY['finding_set', 'finding_delta', 'asset_set', 'asset_delta', 'catalog_delta', 'object_count', 'counted_slice', 'verification'] LOOP
        -- not what a trigger here adds
        EXECUTE format('CREATE TRIGGER skip_replicated BEFORE INSERT OR UPDATE OR DELETE ON posture_internal.%I FOR EACH ROW
                        WHEN (pg_trigger_depth() = 0 AND posture_internal.is_apply_worker()) EXECUTE FUNCTION posture_internal.skip_replicated()', relation);
        EXECUTE format('ALTER TABLE posture_internal.%I ENABLE REPLICA TRIGGER skip_replicated', relation);
        EXECUTE format('COMMENT ON TRIGGER skip_replicated ON posture_internal.%I IS %L', relation, 'not replicated: made where it is');
    END LOOP;
    -- without a primary key, rows that are published could not be deleted
    FOREACH relation IN ARRAY ARRAY['inbox', 'rejected', 'event_cause', 'score_band'] LOOP
        EXECUTE format('ALTER TABLE posture.%I REPLICA IDENTITY FULL', relation);
    END LOOP;
END $$;

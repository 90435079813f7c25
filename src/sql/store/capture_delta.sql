/*
 * Triggers that append deltas. Those on finding and asset are in C:
 * src/capture_finding.c and src/capture_asset.c. For a change to the catalog,
 * only the name of the table is recorded.
 */

CREATE FUNCTION posture_internal.capture_finding() RETURNS trigger
    AS 'MODULE_PATHNAME', 'posture_check_and_capture_finding' LANGUAGE C;
COMMENT ON FUNCTION posture_internal.capture_finding() IS
    'checks the foreign keys of what a statement on finding wrote, and appends to finding_delta '
    'what it changed';
REVOKE EXECUTE ON FUNCTION posture_internal.capture_finding() FROM PUBLIC;

CREATE TRIGGER capture_insert AFTER INSERT ON posture.finding
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION capture_finding();
CREATE TRIGGER capture_update AFTER UPDATE ON posture.finding
    REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION capture_finding();
CREATE TRIGGER capture_delete AFTER DELETE ON posture.finding
    REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION capture_finding();
COMMENT ON TRIGGER capture_insert ON posture.finding IS 'keeps the sets current';
COMMENT ON TRIGGER capture_update ON posture.finding IS 'keeps the sets current';
COMMENT ON TRIGGER capture_delete ON posture.finding IS 'keeps the sets current';

-- capture_finding() checks the foreign keys of finding, once for each statement: PostgreSQL's
-- triggers on finding would check them again row by row. They are disabled, and not dropped,
-- because pg_dump and clients read the constraints, and because PostgreSQL's triggers on asset and
-- recommendation refuse to delete what findings refer to. ENABLE TRIGGER ALL, such as by pg_restore
-- --disable-triggers, and pg_upgrade enable them: then writes are slower, and as right.
CREATE FUNCTION posture_internal.check_by_statement() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    of_row name;
BEGIN
    FOR of_row IN
        SELECT t.tgname
        FROM pg_trigger t
        WHERE t.tgrelid = 'posture.finding'::regclass AND t.tgenabled <> 'D'
          AND t.tgconstrrelid IN ('posture.asset'::regclass, 'posture.recommendation'::regclass)
          AND t.tgfoid IN ('"RI_FKey_check_ins"'::regproc, '"RI_FKey_check_upd"'::regproc)
    LOOP
        EXECUTE format('ALTER TABLE posture.finding DISABLE TRIGGER %I', of_row);
    END LOOP;
END $$;
COMMENT ON FUNCTION posture_internal.check_by_statement() IS
    'disables the triggers of PostgreSQL that check the foreign keys of finding row by row';
REVOKE EXECUTE ON FUNCTION posture_internal.check_by_statement() FROM PUBLIC;
DO $$
BEGIN
    PERFORM check_by_statement();
END $$;

-- SECURITY DEFINER, because it reads stale_after of the sources
CREATE FUNCTION posture_internal.capture_asset() RETURNS trigger
    AS 'MODULE_PATHNAME', 'posture_capture_asset' LANGUAGE C SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp;
COMMENT ON FUNCTION posture_internal.capture_asset() IS
    'appends to asset_delta the assets that may count differently after a statement on asset';
REVOKE EXECUTE ON FUNCTION posture_internal.capture_asset() FROM PUBLIC;

CREATE TRIGGER capture_insert AFTER INSERT ON posture.asset
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION capture_asset();
CREATE TRIGGER capture_update AFTER UPDATE ON posture.asset
    REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION capture_asset();
CREATE TRIGGER capture_delete AFTER DELETE ON posture.asset
    REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION capture_asset();
COMMENT ON TRIGGER capture_insert ON posture.asset IS 'keeps the sets current';
COMMENT ON TRIGGER capture_update ON posture.asset IS 'keeps the sets current';
COMMENT ON TRIGGER capture_delete ON posture.asset IS 'keeps the sets current';

-- TRUNCATE has no transition table, so the delta toggles all members of the stored sets.
CREATE FUNCTION posture_internal.capture_truncate() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    -- a snapshot older than the lock would miss what other transactions committed in between
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RAISE EXCEPTION 'TRUNCATE of posture.finding needs isolation level READ COMMITTED'
            USING ERRCODE = 'feature_not_supported', HINT = 'Use DELETE.';
    END IF;
    INSERT INTO finding_delta (day, slice, changes, recommendations, assessed, exposed,
                               last_changed)
    SELECT today(), p.slice, p.changes, ARRAY[p.recommendation_id], ARRAY[p.assessed],
           ARRAY[p.exposed], ARRAY[now()]
    FROM (SELECT s.recommendation_id, c.chunk / 16 AS slice,
                 sum(cardinality(c.assets))::integer AS changes,
                 union_agg(c.assets) AS assessed, union_agg(c.assets & s.exposed) AS exposed
          FROM stored_set('infinity') s
          CROSS JOIN LATERAL chunks(s.assessed) c
          GROUP BY s.recommendation_id, c.chunk / 16) p
    ORDER BY p.slice, p.recommendation_id;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.capture_truncate() IS
    'appends to finding_delta the removal of all findings';
REVOKE EXECUTE ON FUNCTION posture_internal.capture_truncate() FROM PUBLIC;
CREATE TRIGGER capture_truncate AFTER TRUNCATE ON posture.finding
    FOR EACH STATEMENT EXECUTE FUNCTION capture_truncate();
COMMENT ON TRIGGER capture_truncate ON posture.finding IS 'keeps the sets current';

-- The argument of the trigger lists the columns that affect counts. A statement
-- that changes none of them in any row is not recorded, so that loading an
-- unchanged document leaves the counts valid. Logical replication applies rows
-- without statements, so row triggers call this function there (replication.sql).
CREATE FUNCTION posture_internal.capture_catalog() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    is_changed boolean := true;
BEGIN
    IF TG_LEVEL = 'ROW' THEN
        is_changed := TG_OP <> 'UPDATE'
            OR EXISTS (SELECT FROM string_to_table(TG_ARGV[0], ', ') c(name)
                       WHERE (to_jsonb(OLD) -> c.name) IS DISTINCT FROM (to_jsonb(NEW) -> c.name));
    ELSIF TG_OP = 'INSERT' THEN
        is_changed := EXISTS (SELECT FROM added);
    ELSIF TG_OP = 'DELETE' THEN
        is_changed := EXISTS (SELECT FROM removed);
    ELSIF TG_OP = 'UPDATE' THEN
        EXECUTE format('SELECT EXISTS (SELECT %1$s FROM added EXCEPT SELECT %1$s FROM removed)',
                       array_to_string(TG_ARGV, ', '))
        INTO is_changed;
    END IF;
    IF is_changed THEN
        INSERT INTO catalog_delta (changed) VALUES (TG_TABLE_NAME);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.capture_catalog() IS
    'records in catalog_delta that a statement, or a row of logical replication, changed columns '
    'that affect counts';
REVOKE EXECUTE ON FUNCTION posture_internal.capture_catalog() FROM PUBLIC;

-- A new row affects counts at once in tables with on_insert; in the others, only
-- when members, findings or an exemption refer to it. Names, weights and similar
-- columns affect no counts, because readers read them from their tables.
DO $$
DECLARE
    counted record;
    trigger record;
BEGIN
    FOR counted IN
        SELECT *
        FROM (VALUES
            ('source', false, 'source_id, is_active, stale_after'),
            ('recommendation', false, 'recommendation_id, source_id, is_active'),
            ('metric', false,
             'metric_id, asset_kinds, criticality_weights, population_group_id, unassessed, is_active'),
            ('metric_recommendation', true, 'metric_id, recommendation_id'),
            ('initiative', false, 'initiative_id, method, is_active'),
            ('initiative_metric', true, 'initiative_id, metric_id'),
            ('initiative_recommendation', true, 'initiative_id, recommendation_id'),
            ('exemption', true,
             'exemption_id, recommendation_id, asset_id, asset_group_id, kind, created_at, expires_at'),
            ('asset_group', true, 'asset_group_id, kinds, min_criticality, tags, rule'))
            v(relation, on_insert, columns)
    LOOP
        FOR trigger IN
            SELECT *
            FROM (VALUES
                ('insert', 'REFERENCING NEW TABLE AS added'),
                ('update', 'REFERENCING OLD TABLE AS removed NEW TABLE AS added'),
                ('delete', 'REFERENCING OLD TABLE AS removed'),
                ('truncate', '')) v(event, tables)
            WHERE event <> 'insert' OR counted.on_insert
        LOOP
            EXECUTE format('CREATE TRIGGER capture_%s AFTER %s ON posture.%I %s '
                           'FOR EACH STATEMENT EXECUTE FUNCTION capture_catalog(%L)',
                           trigger.event, trigger.event, counted.relation, trigger.tables,
                           counted.columns);
            EXECUTE format('COMMENT ON TRIGGER capture_%s ON posture.%I IS %L',
                           trigger.event, counted.relation,
                           'notes that what is counted has changed');
        END LOOP;
    END LOOP;
END $$;
CREATE TRIGGER capture_truncate AFTER TRUNCATE ON posture.asset
    FOR EACH STATEMENT EXECUTE FUNCTION capture_catalog();
COMMENT ON TRIGGER capture_truncate ON posture.asset IS 'notes that what is counted has changed';

-- Rules of groups name assets by alias and by source; times at which an asset was seen affect
-- none. The argument of the trigger is the column that belongs to the asset. Logical replication
-- applies rows without statements, so row triggers call this function there (replication.sql).
CREATE FUNCTION posture_internal.capture_reference() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    touched assetset;
BEGIN
    IF TG_LEVEL = 'ROW' THEN
        touched := (SELECT assetset_agg(c.id)
                    FROM (VALUES (OLD.asset_id), (NEW.asset_id)) c(id)
                    WHERE (to_jsonb(OLD) -> TG_ARGV[0], OLD.asset_id)
                          IS DISTINCT FROM (to_jsonb(NEW) -> TG_ARGV[0], NEW.asset_id));
    ELSIF TG_OP = 'INSERT' THEN
        touched := (SELECT assetset_agg(a.asset_id) FROM added a);
    ELSIF TG_OP = 'DELETE' THEN
        touched := (SELECT assetset_agg(r.asset_id) FROM removed r);
    ELSE
        EXECUTE format('SELECT assetset_agg(c.asset_id)
                        FROM ((SELECT a.%1$I, a.asset_id FROM added a
                               EXCEPT SELECT r.%1$I, r.asset_id FROM removed r)
                              UNION ALL
                              (SELECT r.%1$I, r.asset_id FROM removed r
                               EXCEPT SELECT a.%1$I, a.asset_id FROM added a)) c', TG_ARGV[0])
        INTO touched;
    END IF;
    INSERT INTO asset_delta (slice, changes, assets)
    SELECT c.chunk / 16, sum(cardinality(c.assets)), union_agg(c.assets)
    FROM chunks(touched) c
    GROUP BY c.chunk / 16;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.capture_reference() IS
    'appends to asset_delta the assets whose aliases or inventories a statement, or a row of '
    'logical replication, changed';
REVOKE EXECUTE ON FUNCTION posture_internal.capture_reference() FROM PUBLIC;

DO $reference$
DECLARE
    capture record;
BEGIN
    FOR capture IN
        SELECT *
        FROM (VALUES ('asset_alias', 'alias'), ('asset_source', 'source_id')) r(relation, field)
        CROSS JOIN (VALUES ('insert', 'REFERENCING NEW TABLE AS added'),
                           ('update', 'REFERENCING OLD TABLE AS removed NEW TABLE AS added'),
                           ('delete', 'REFERENCING OLD TABLE AS removed')) v(event, tables)
    LOOP
        EXECUTE format('CREATE TRIGGER capture_%s AFTER %1$s ON posture.%I %s FOR EACH STATEMENT '
                       'EXECUTE FUNCTION posture_internal.capture_reference(%L)', capture.event,
                       capture.relation, capture.tables, capture.field);
        EXECUTE format('COMMENT ON TRIGGER capture_%s ON posture.%I IS %L', capture.event,
                       capture.relation, 'keeps the sets current');
    END LOOP;
END $reference$;

CREATE FUNCTION posture_internal.capture_groups() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    INSERT INTO catalog_delta (changed) VALUES ('asset_group');
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.capture_groups() IS
    'records in catalog_delta that groups may have other assets by their rules';
REVOKE EXECUTE ON FUNCTION posture_internal.capture_groups() FROM PUBLIC;
CREATE TRIGGER capture_truncate AFTER TRUNCATE ON posture.asset_alias
    FOR EACH STATEMENT EXECUTE FUNCTION capture_groups();
COMMENT ON TRIGGER capture_truncate ON posture.asset_alias IS
    'notes that groups may have other assets';
CREATE TRIGGER capture_key AFTER UPDATE ON posture.source
    FOR EACH ROW WHEN (OLD.key <> NEW.key) EXECUTE FUNCTION capture_groups();
COMMENT ON TRIGGER capture_key ON posture.source IS 'notes that groups may have other assets';
CREATE TRIGGER capture_truncate AFTER TRUNCATE ON posture.asset_source
    FOR EACH STATEMENT EXECUTE FUNCTION capture_groups();
COMMENT ON TRIGGER capture_truncate ON posture.asset_source IS
    'notes that groups may have other assets';

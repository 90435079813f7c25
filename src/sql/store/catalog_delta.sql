CREATE TABLE posture_internal.catalog_delta (
    delta_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed text NOT NULL
);
COMMENT ON TABLE posture_internal.catalog_delta IS 'a row for each statement that changed what is counted; while there is one, readers count the sets anew';
COMMENT ON COLUMN posture_internal.catalog_delta.delta_id IS 'id';
COMMENT ON COLUMN posture_internal.catalog_delta.changed IS 'the table that was changed';

-- Its argument are the columns that matter. A statement that changed none of
-- them, in no row, is not noted: after a document that says what is known
-- already, readers go on with what was tallied. A row that logical replication
-- applies has no statement (src/sql/47_replica.sql).
CREATE FUNCTION posture_internal.capture_catalog() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, posture, posture_internal, pg_temp
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
        EXECUTE format('SELECT EXISTS (SELECT %1$s FROM added EXCEPT SELECT %1$s FROM removed)', array_to_string(TG_ARGV, ', ')) INTO is_changed;
    END IF;
    IF is_changed THEN
        INSERT INTO catalog_delta (changed) VALUES (TG_TABLE_NAME);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.capture_catalog() IS 'notes in catalog_delta that a statement, or a row of logical replication, changed what is counted';
REVOKE EXECUTE ON FUNCTION posture_internal.capture_catalog() FROM PUBLIC;

-- What is new is counted nowhere yet: that takes members, findings, or an
-- exemption. Names, weights and the like are read where they are.
DO $$
DECLARE
    counted record;
    made record;
BEGIN
    FOR counted IN
        SELECT *
        FROM (VALUES
            ('source', false, 'source_id, is_active, stale_after'),
            ('recommendation', false, 'recommendation_id, source_id, is_active'),
            ('metric', false, 'metric_id, asset_kinds, criticality_weights, is_active'),
            ('metric_recommendation', true, 'metric_id, recommendation_id'),
            ('initiative', false, 'initiative_id, method, is_active'),
            ('initiative_metric', true, 'initiative_id, metric_id'),
            ('initiative_recommendation', true, 'initiative_id, recommendation_id'),
            ('exemption', true, 'exemption_id, recommendation_id, asset_id, asset_group_id, kind, created_at, expires_at'),
            ('asset_group', true, 'asset_group_id, kinds, min_criticality, tags')) v(relation, also_new, columns)
    LOOP
        FOR made IN
            SELECT *
            FROM (VALUES ('insert', 'REFERENCING NEW TABLE AS added'), ('update', 'REFERENCING OLD TABLE AS removed NEW TABLE AS added'),
                         ('delete', 'REFERENCING OLD TABLE AS removed'), ('truncate', '')) v(event, tables)
            WHERE event <> 'insert' OR counted.also_new
        LOOP
            EXECUTE format('CREATE TRIGGER capture_%s AFTER %s ON posture.%I %s FOR EACH STATEMENT EXECUTE FUNCTION posture_internal.capture_catalog(%L)',
                           made.event, made.event, counted.relation, made.tables, counted.columns);
            EXECUTE format('COMMENT ON TRIGGER capture_%s ON posture.%I IS %L', made.event, counted.relation, 'notes that what is counted has changed');
        END LOOP;
    END LOOP;
END $$;
CREATE TRIGGER capture_truncate AFTER TRUNCATE ON posture.asset
    FOR EACH STATEMENT EXECUTE FUNCTION capture_catalog();
COMMENT ON TRIGGER capture_truncate ON posture.asset IS 'notes that what is counted has changed';

/*
 * What is kept so that scores need no scan of finding: derived from finding
 * and asset, rebuilt by rebuild(), compared by verify(), in no dump.
 *
 * Statements append to the tables of deltas (src/capture.c), fold() merges
 * them into the sets, and readers see sets and deltas in one snapshot. All
 * sets are kept by chunk of 65536 asset ids; 16 chunks are a slice, which is
 * what one step of fold() takes.
 */

CREATE TABLE posture.finding_set (
    recommendation_id integer,
    chunk integer,
    assessed posture.assetset NOT NULL,
    exposed posture.assetset NOT NULL,
    PRIMARY KEY (recommendation_id, chunk)
) WITH (toast_tuple_target = 8160);
COMMENT ON TABLE posture.finding_set IS 'the folded sets: the assets that each recommendation applies to and those that fail it, by chunk';
COMMENT ON COLUMN posture.finding_set.recommendation_id IS 'the recommendation';
COMMENT ON COLUMN posture.finding_set.chunk IS 'asset_id / 65536';
COMMENT ON COLUMN posture.finding_set.assessed IS 'assets with a finding that is compliant or non_compliant';
COMMENT ON COLUMN posture.finding_set.exposed IS 'assets with a finding that is non_compliant';

-- No index: rows are few and are read together, and eight writers at once
-- would meet at an index's last page.
CREATE TABLE posture.finding_delta (
    delta_id bigint GENERATED ALWAYS AS IDENTITY,
    day date NOT NULL,
    slice integer NOT NULL,
    changes integer NOT NULL,
    recommendations integer[] NOT NULL,
    assessed posture.assetset[] NOT NULL,
    exposed posture.assetset[] NOT NULL,
    last_changed timestamptz[] NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE posture.finding_delta
    ALTER assessed SET STORAGE EXTERNAL,
    ALTER exposed SET STORAGE EXTERNAL,
    -- so that a publication for all tables doesn't keep fold() from deleting
    REPLICA IDENTITY FULL;
COMMENT ON TABLE posture.finding_delta IS 'what is not folded yet: a row for each statement on finding that changed a state, by day and slice';
COMMENT ON COLUMN posture.finding_delta.delta_id IS 'id';
COMMENT ON COLUMN posture.finding_delta.day IS 'the day on which the findings changed';
COMMENT ON COLUMN posture.finding_delta.slice IS 'asset_id / 1048576';
COMMENT ON COLUMN posture.finding_delta.changes IS 'how many findings changed';
COMMENT ON COLUMN posture.finding_delta.recommendations IS 'the recommendations of those findings';
COMMENT ON COLUMN posture.finding_delta.assessed IS 'for each of them, the assets that came to the assessed ones or left them';
COMMENT ON COLUMN posture.finding_delta.exposed IS 'for each of them, the assets that came to the exposed ones or left them';
COMMENT ON COLUMN posture.finding_delta.last_changed IS 'for each of them, the latest time of change';

CREATE TABLE posture.asset_set (
    attribute text CHECK (attribute IN ('kind', 'criticality', 'group', 'gone')),
    value text,
    chunk integer,
    assets posture.assetset NOT NULL,
    PRIMARY KEY (attribute, chunk, value)
) WITH (toast_tuple_target = 8160);
COMMENT ON TABLE posture.asset_set IS 'the folded sets of assets by what they are, by chunk';
COMMENT ON COLUMN posture.asset_set.attribute IS 'kind, criticality, group, or gone: retired or stale';
COMMENT ON COLUMN posture.asset_set.value IS 'the kind, the criticality, the id of the group, or nothing';
COMMENT ON COLUMN posture.asset_set.chunk IS 'asset_id / 65536';
COMMENT ON COLUMN posture.asset_set.assets IS 'the assets';

CREATE TABLE posture.asset_delta (
    delta_id bigint GENERATED ALWAYS AS IDENTITY,
    slice integer NOT NULL,
    changes integer NOT NULL,
    assets posture.assetset NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE posture.asset_delta REPLICA IDENTITY FULL;
COMMENT ON TABLE posture.asset_delta IS 'what is not folded yet: a row for each statement on asset after which assets may count otherwise, by slice';
COMMENT ON COLUMN posture.asset_delta.delta_id IS 'id';
COMMENT ON COLUMN posture.asset_delta.slice IS 'asset_id / 1048576';
COMMENT ON COLUMN posture.asset_delta.changes IS 'how many assets';
COMMENT ON COLUMN posture.asset_delta.assets IS 'the assets';

CREATE TABLE posture.catalog_delta (
    delta_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed text NOT NULL
);
COMMENT ON TABLE posture.catalog_delta IS 'a row for each statement that changed what is counted; while there is one, readers count the sets anew';
COMMENT ON COLUMN posture.catalog_delta.delta_id IS 'id';
COMMENT ON COLUMN posture.catalog_delta.changed IS 'the table that was changed';

-- Integers, because a slice has 1048576 assets, and none counts more than 1000 times.
CREATE TABLE posture.tally (
    slice integer,
    object_kind text CHECK (object_kind IN ('recommendation', 'metric', 'initiative')),
    object_id integer,
    assessed integer NOT NULL,
    exposed integer NOT NULL,
    failing integer NOT NULL,
    critical integer NOT NULL,
    last_changed timestamptz,
    PRIMARY KEY (slice, object_kind, object_id)
);
COMMENT ON TABLE posture.tally IS 'what was counted from the folded sets: distinct assets of each recommendation, metric and initiative, by slice; of a metric as many times as it weighs them';
COMMENT ON COLUMN posture.tally.slice IS 'asset_id / 1048576';
COMMENT ON COLUMN posture.tally.object_kind IS 'recommendation, metric or initiative';
COMMENT ON COLUMN posture.tally.object_id IS 'its id';
COMMENT ON COLUMN posture.tally.assessed IS 'assets assessed; 0 for an initiative';
COMMENT ON COLUMN posture.tally.exposed IS 'assets exposed';
COMMENT ON COLUMN posture.tally.failing IS 'of a recommendation: assets that fail it, exempt or not';
COMMENT ON COLUMN posture.tally.critical IS 'of a metric or an initiative: critical assets exposed, each once';
COMMENT ON COLUMN posture.tally.last_changed IS 'of a recommendation: when any of its findings last changed';

CREATE TABLE posture.tally_slice (
    slice integer PRIMARY KEY,
    made_at timestamptz NOT NULL,
    valid_until timestamptz NOT NULL
);
COMMENT ON TABLE posture.tally_slice IS 'the slices that were counted';
COMMENT ON COLUMN posture.tally_slice.slice IS 'asset_id / 1048576';
COMMENT ON COLUMN posture.tally_slice.made_at IS 'the moment as of which it was counted';
COMMENT ON COLUMN posture.tally_slice.valid_until IS 'when an exemption begins or ends, or an asset retires, and it is to be counted anew';

-- of the sets of this database, so in no dump and not replicated, as they are
CREATE TABLE posture.verification (
    verification_id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    verified_at timestamptz NOT NULL,
    differences bigint NOT NULL,
    message text
);
COMMENT ON TABLE posture.verification IS 'what verify() found, a row for each time it was called where it could write';
COMMENT ON COLUMN posture.verification.verification_id IS 'id';
COMMENT ON COLUMN posture.verification.verified_at IS 'when';
COMMENT ON COLUMN posture.verification.differences IS 'how many rows verify() gave';
COMMENT ON COLUMN posture.verification.message IS 'the first of them';

-- what an asset's findings are, and which assets may be stale or retired
CREATE INDEX finding_asset_id ON posture.finding (asset_id);
CREATE INDEX asset_last_seen ON posture.asset (last_seen);
CREATE INDEX asset_retired_at ON posture.asset (retired_at) WHERE retired_at IS NOT NULL;

CREATE FUNCTION posture.capture_finding() RETURNS trigger
    AS 'MODULE_PATHNAME', 'posture_capture_finding' LANGUAGE C;
COMMENT ON FUNCTION posture.capture_finding() IS 'appends what a statement on finding changed to finding_delta';
REVOKE EXECUTE ON FUNCTION posture.capture_finding() FROM PUBLIC;

CREATE TRIGGER capture_insert AFTER INSERT ON posture.finding
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION posture.capture_finding();
CREATE TRIGGER capture_update AFTER UPDATE ON posture.finding
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION posture.capture_finding();
CREATE TRIGGER capture_delete AFTER DELETE ON posture.finding
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION posture.capture_finding();
COMMENT ON TRIGGER capture_insert ON posture.finding IS 'keeps the sets current';
COMMENT ON TRIGGER capture_update ON posture.finding IS 'keeps the sets current';
COMMENT ON TRIGGER capture_delete ON posture.finding IS 'keeps the sets current';

-- with the rights of its owner, because it asks which sources let assets become stale
CREATE FUNCTION posture.capture_asset() RETURNS trigger
    AS 'MODULE_PATHNAME', 'posture_capture_asset' LANGUAGE C SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION posture.capture_asset() IS 'appends the assets that may count otherwise after a statement to asset_delta';
REVOKE EXECUTE ON FUNCTION posture.capture_asset() FROM PUBLIC;

CREATE TRIGGER capture_insert AFTER INSERT ON posture.asset
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION posture.capture_asset();
CREATE TRIGGER capture_update AFTER UPDATE ON posture.asset
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION posture.capture_asset();
CREATE TRIGGER capture_delete AFTER DELETE ON posture.asset
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION posture.capture_asset();
COMMENT ON TRIGGER capture_insert ON posture.asset IS 'keeps the sets current';
COMMENT ON TRIGGER capture_update ON posture.asset IS 'keeps the sets current';
COMMENT ON TRIGGER capture_delete ON posture.asset IS 'keeps the sets current';

-- Its argument are the columns that matter. A statement that changed none of
-- them, in no row, is not noted: after a document that says what is known
-- already, readers go on with what was tallied. A row that logical replication
-- applies has no statement (src/sql/47_replica.sql).
CREATE FUNCTION posture.capture_catalog() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
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
        INSERT INTO posture.catalog_delta (changed) VALUES (TG_TABLE_NAME);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture.capture_catalog() IS 'notes in catalog_delta that a statement, or a row of logical replication, changed what is counted';
REVOKE EXECUTE ON FUNCTION posture.capture_catalog() FROM PUBLIC;

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
            EXECUTE format('CREATE TRIGGER capture_%s AFTER %s ON posture.%I %s FOR EACH STATEMENT EXECUTE FUNCTION posture.capture_catalog(%L)',
                           made.event, made.event, counted.relation, made.tables, counted.columns);
            EXECUTE format('COMMENT ON TRIGGER capture_%s ON posture.%I IS %L', made.event, counted.relation, 'notes that what is counted has changed');
        END LOOP;
    END LOOP;
END $$;
CREATE TRIGGER capture_truncate AFTER TRUNCATE ON posture.asset
    FOR EACH STATEMENT EXECUTE FUNCTION posture.capture_catalog();
COMMENT ON TRIGGER capture_truncate ON posture.asset IS 'notes that what is counted has changed';

-- A statement that empties finding has no transition table: all that was is toggled.
CREATE FUNCTION posture.capture_truncate() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- an older snapshot than the lock would miss what others committed in between
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RAISE EXCEPTION 'TRUNCATE of posture.finding needs isolation level READ COMMITTED'
            USING ERRCODE = 'feature_not_supported', HINT = 'Use DELETE.';
    END IF;
    INSERT INTO posture.finding_delta (day, slice, changes, recommendations, assessed, exposed, last_changed)
    SELECT posture.today(), p.slice, p.changes, ARRAY[p.recommendation_id], ARRAY[p.assessed], ARRAY[p.exposed], ARRAY[now()]
    FROM (SELECT s.recommendation_id, c.chunk / 16 AS slice, sum(posture.cardinality(c.assets))::integer AS changes,
                 posture.union_agg(c.assets) AS assessed, posture.union_agg(c.assets OPERATOR(posture.&) s.exposed) AS exposed
          FROM posture.kept_set(timestamptz 'infinity', NULL::integer, NULL::integer[]) s
          CROSS JOIN LATERAL posture.chunks(s.assessed) c
          GROUP BY s.recommendation_id, c.chunk / 16) p
    ORDER BY p.slice, p.recommendation_id;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture.capture_truncate() IS 'appends to finding_delta that all findings went';
REVOKE EXECUTE ON FUNCTION posture.capture_truncate() FROM PUBLIC;
CREATE TRIGGER capture_truncate AFTER TRUNCATE ON posture.finding
    FOR EACH STATEMENT EXECUTE FUNCTION posture.capture_truncate();
COMMENT ON TRIGGER capture_truncate ON posture.finding IS 'keeps the sets current';

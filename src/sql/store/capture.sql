CREATE FUNCTION posture_internal.capture_finding() RETURNS trigger
    AS 'MODULE_PATHNAME', 'posture_capture_finding' LANGUAGE C;
COMMENT ON FUNCTION posture_internal.capture_finding() IS 'appends what a statement on finding changed to finding_delta';
REVOKE EXECUTE ON FUNCTION posture_internal.capture_finding() FROM PUBLIC;

CREATE TRIGGER capture_insert AFTER INSERT ON posture.finding
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION capture_finding();
CREATE TRIGGER capture_update AFTER UPDATE ON posture.finding
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION capture_finding();
CREATE TRIGGER capture_delete AFTER DELETE ON posture.finding
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION capture_finding();
COMMENT ON TRIGGER capture_insert ON posture.finding IS 'keeps the sets current';
COMMENT ON TRIGGER capture_update ON posture.finding IS 'keeps the sets current';
COMMENT ON TRIGGER capture_delete ON posture.finding IS 'keeps the sets current';

-- with the rights of its owner, because it asks which sources let assets become stale
CREATE FUNCTION posture_internal.capture_asset() RETURNS trigger
    AS 'MODULE_PATHNAME', 'posture_capture_asset' LANGUAGE C SECURITY DEFINER SET search_path = pg_catalog, posture, posture_internal, pg_temp;
COMMENT ON FUNCTION posture_internal.capture_asset() IS 'appends the assets that may count otherwise after a statement to asset_delta';
REVOKE EXECUTE ON FUNCTION posture_internal.capture_asset() FROM PUBLIC;

CREATE TRIGGER capture_insert AFTER INSERT ON posture.asset
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION capture_asset();
CREATE TRIGGER capture_update AFTER UPDATE ON posture.asset
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION capture_asset();
CREATE TRIGGER capture_delete AFTER DELETE ON posture.asset
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION capture_asset();
COMMENT ON TRIGGER capture_insert ON posture.asset IS 'keeps the sets current';
COMMENT ON TRIGGER capture_update ON posture.asset IS 'keeps the sets current';
COMMENT ON TRIGGER capture_delete ON posture.asset IS 'keeps the sets current';

-- A statement that empties finding has no transition table: all that was is toggled.
CREATE FUNCTION posture_internal.capture_truncate() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    -- an older snapshot than the lock would miss what others committed in between
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RAISE EXCEPTION 'TRUNCATE of posture.finding needs isolation level READ COMMITTED'
            USING ERRCODE = 'feature_not_supported', HINT = 'Use DELETE.';
    END IF;
    INSERT INTO finding_delta (day, slice, changes, recommendations, assessed, exposed, last_changed)
    SELECT today(), p.slice, p.changes, ARRAY[p.recommendation_id], ARRAY[p.assessed], ARRAY[p.exposed], ARRAY[now()]
    FROM (SELECT s.recommendation_id, c.chunk / 16 AS slice, sum(cardinality(c.assets))::integer AS changes,
                 union_agg(c.assets) AS assessed, union_agg(c.assets & s.exposed) AS exposed
          FROM stored_set('infinity', NULL, NULL) s
          CROSS JOIN LATERAL chunks(s.assessed) c
          GROUP BY s.recommendation_id, c.chunk / 16) p
    ORDER BY p.slice, p.recommendation_id;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.capture_truncate() IS 'appends to finding_delta that all findings went';
REVOKE EXECUTE ON FUNCTION posture_internal.capture_truncate() FROM PUBLIC;
CREATE TRIGGER capture_truncate AFTER TRUNCATE ON posture.finding
    FOR EACH STATEMENT EXECUTE FUNCTION capture_truncate();
COMMENT ON TRIGGER capture_truncate ON posture.finding IS 'keeps the sets current';

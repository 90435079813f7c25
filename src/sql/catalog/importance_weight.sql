CREATE TABLE posture.importance_weight (
    importance importance PRIMARY KEY,
    weight weight NOT NULL
);
COMMENT ON TABLE posture.importance_weight IS 'the weight of each importance; change it to weigh differently';
COMMENT ON COLUMN posture.importance_weight.importance IS 'importance of a metric';
COMMENT ON COLUMN posture.importance_weight.weight IS 'its weight in initiatives that give the metric none of their own';

-- critical to low as OpenSSF Scorecard weighs its checks
INSERT INTO posture.importance_weight VALUES
    ('critical', 10), ('high', 7.5), ('medium', 5), ('low', 2.5), ('risk_accepted', 0);

-- A dump holds these rows, and so does the database that it is restored into:
-- the row that comes in wins, instead of ending the restore with an error.
CREATE FUNCTION posture_internal.importance_weight_restore() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    DELETE FROM importance_weight w WHERE w.importance = NEW.importance;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION posture_internal.importance_weight_restore() IS 'lets a row of a dump replace the one that CREATE EXTENSION made';
REVOKE EXECUTE ON FUNCTION posture_internal.importance_weight_restore() FROM PUBLIC;
CREATE TRIGGER importance_weight_restore BEFORE INSERT ON posture.importance_weight
    FOR EACH ROW EXECUTE FUNCTION importance_weight_restore();
-- also with session_replication_role = replica, by which a parallel restore puts foreign keys aside
ALTER TABLE posture.importance_weight ENABLE ALWAYS TRIGGER importance_weight_restore;
COMMENT ON TRIGGER importance_weight_restore ON posture.importance_weight IS 'lets a row of a dump replace the one that CREATE EXTENSION made';

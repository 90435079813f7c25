/*
 * Importance of metrics and severity of recommendations, and the weight that an
 * importance gives a metric in the score of an initiative.
 */

CREATE TYPE posture.importance AS ENUM ('risk_accepted', 'low', 'medium', 'high', 'critical');
COMMENT ON TYPE posture.importance IS
    'importance of a metric or severity of a recommendation, in ascending order; '
    'importance_weight has the weights';

CREATE DOMAIN posture.weight AS numeric
    CONSTRAINT "a weight is from 0 to 10^15 with at most 12 decimals"
        CHECK (VALUE >= 0 AND VALUE <= 1e15 AND VALUE = round(VALUE, 12));
COMMENT ON DOMAIN posture.weight IS 'weight: 0 to 10^15, with at most 12 decimals';

CREATE TABLE posture.importance_weight (
    importance importance PRIMARY KEY,
    weight weight NOT NULL
);
COMMENT ON TABLE posture.importance_weight IS
    'weight of each importance; update it to weigh metrics differently';
COMMENT ON COLUMN posture.importance_weight.importance IS 'importance of a metric';
COMMENT ON COLUMN posture.importance_weight.weight IS
    'weight of the metric in initiatives that do not set one';

-- The weights of critical to low are those of the checks of OpenSSF Scorecard.
INSERT INTO posture.importance_weight VALUES
    ('critical', 10), ('high', 7.5), ('medium', 5), ('low', 2.5), ('risk_accepted', 0);

-- A dump contains these rows, and CREATE EXTENSION inserts them as well. The row
-- of the dump replaces the existing one, so that the restore succeeds.
CREATE FUNCTION posture_internal.importance_weight_restore() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    DELETE FROM importance_weight w WHERE w.importance = NEW.importance;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION posture_internal.importance_weight_restore() IS
    'lets a row of a dump replace the row that CREATE EXTENSION inserted';
REVOKE EXECUTE ON FUNCTION posture_internal.importance_weight_restore() FROM PUBLIC;
CREATE TRIGGER importance_weight_restore BEFORE INSERT ON posture.importance_weight
    FOR EACH ROW EXECUTE FUNCTION importance_weight_restore();
-- A restore that sets session_replication_role to replica fires only such triggers.
ALTER TABLE posture.importance_weight ENABLE ALWAYS TRIGGER importance_weight_restore;
COMMENT ON TRIGGER importance_weight_restore ON posture.importance_weight IS
    'lets a row of a dump replace the row that CREATE EXTENSION inserted';

/*
 * The catalog: what assesses (source), what is assessed (asset), what should
 * be done (recommendation), and how it adds up (metric, initiative).
 *
 * Keys are text that a person chooses and are at most 1024 bytes, so that they
 * fit an index; ids are internal, dense, from a sequence that is asked only
 * for rows that are really new.
 */

CREATE TYPE posture.finding_state AS ENUM ('compliant', 'non_compliant', 'not_applicable');
COMMENT ON TYPE posture.finding_state IS 'the state of a recommendation on an asset';

CREATE TYPE posture.importance AS ENUM ('risk_accepted', 'low', 'medium', 'high', 'critical');
COMMENT ON TYPE posture.importance IS 'importance of a metric and severity of a recommendation, least first; weights are in importance_weight';

CREATE TYPE posture.exemption_kind AS ENUM ('mitigated', 'waived', 'risk_accepted');
COMMENT ON TYPE posture.exemption_kind IS 'what an exemption does: mitigated counts as compliant; waived leaves the score; risk_accepted stays exposed, off the to-do lists';

CREATE TYPE posture.initiative_method AS ENUM ('weighted', 'population', 'points');
COMMENT ON TYPE posture.initiative_method IS 'how an initiative adds up: from the scores of its metrics, from their counts of assets, or from points';

CREATE DOMAIN posture.object_key AS text
    CONSTRAINT object_key_length CHECK (octet_length(VALUE) BETWEEN 1 AND 1024);
COMMENT ON DOMAIN posture.object_key IS 'a key that a person chooses: 1 to 1024 bytes';

CREATE DOMAIN posture.threshold AS numeric
    CONSTRAINT threshold_range CHECK (VALUE > 0 AND VALUE <= 100);
COMMENT ON DOMAIN posture.threshold IS 'the least fall of a score that is an event: above 0, at most 100';

CREATE DOMAIN posture.day_count AS integer
    CONSTRAINT day_count_range CHECK (VALUE BETWEEN 0 AND 36500);
COMMENT ON DOMAIN posture.day_count IS 'a number of days: 0 to 36500';

CREATE DOMAIN posture.criticality_weights AS integer[]
    CONSTRAINT criticality_weights_range CHECK (
        array_dims(VALUE) = '[1:4]' AND array_position(VALUE, NULL) IS NULL
        AND 0 <= ALL (VALUE) AND 1000 >= ALL (VALUE) AND 0 < ANY (VALUE));
COMMENT ON DOMAIN posture.criticality_weights IS 'how many times an asset counts that is low, medium, high, critical: four whole numbers from 0 to 1000, not all 0';

CREATE DOMAIN posture.weight AS numeric
    CONSTRAINT weight_range CHECK (VALUE >= 0 AND VALUE <= 1e15);
COMMENT ON DOMAIN posture.weight IS 'a weight: 0 to 10^15';

CREATE DOMAIN posture.points AS numeric
    CONSTRAINT points_range CHECK (VALUE >= 0 AND VALUE <= 1e15);
COMMENT ON DOMAIN posture.points IS 'a number of points: 0 to 10^15';

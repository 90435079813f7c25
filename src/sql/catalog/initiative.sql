/*
 * Initiatives: metrics, or recommendations worth points, whose scores are
 * combined into one.
 */

CREATE TYPE posture.initiative_method AS ENUM ('weighted', 'population', 'points');
COMMENT ON TYPE posture.initiative_method IS
    'what the score of an initiative is computed from: the scores of its metrics (weighted), '
    'their numbers of assets (population), or points';

CREATE TABLE posture.initiative (
    initiative_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key object_key NOT NULL UNIQUE,
    name text NOT NULL,
    kind text,
    description text,
    method initiative_method NOT NULL DEFAULT 'weighted',
    target_score score,
    target_on date
        CONSTRAINT "target_on is in the years 1900 to 9999"
        CHECK (target_on BETWEEN '1900-01-01' AND '9999-12-31'),
    is_pinned boolean NOT NULL DEFAULT false,
    owner name,
    drop_threshold threshold,
    cooldown_days day_count,
    is_active boolean NOT NULL DEFAULT true,
    details jsonb,
    -- no foreign key: TRUNCATE of source ... CASCADE would reach this table
    loaded_source_id integer
);
COMMENT ON TABLE posture.initiative IS 'metrics that together measure one area of risk';
COMMENT ON COLUMN posture.initiative.initiative_id IS 'internal id';
COMMENT ON COLUMN posture.initiative.key IS 'key of the initiative in functions and views';
COMMENT ON COLUMN posture.initiative.name IS 'display name';
COMMENT ON COLUMN posture.initiative.kind IS 'workload, standard, threat or another kind';
COMMENT ON COLUMN posture.initiative.description IS 'risk that it measures';
COMMENT ON COLUMN posture.initiative.method IS
    'how its score is computed; an initiative without metrics always uses points';
COMMENT ON COLUMN posture.initiative.target_score IS 'score to reach; NULL: none';
COMMENT ON COLUMN posture.initiative.target_on IS 'day by which to reach target_score';
COMMENT ON COLUMN posture.initiative.is_pinned IS 'whether overview shows it first';
COMMENT ON COLUMN posture.initiative.owner IS 'role responsible for the initiative';
COMMENT ON COLUMN posture.initiative.drop_threshold IS
    'minimum drop of its score that raises an event; NULL: posture.drop_threshold';
COMMENT ON COLUMN posture.initiative.cooldown_days IS
    'number of days after a notified drop in which further drops, even larger ones, are not '
    'notified; NULL: every drop is notified';
COMMENT ON COLUMN posture.initiative.is_active IS 'whether it is shown';
COMMENT ON COLUMN posture.initiative.details IS
    'further data of the document that it was loaded from';
COMMENT ON COLUMN posture.initiative.loaded_source_id IS
    'id of the source whose document added it, which may have been deleted since; NULL: a user or '
    'a pack added it';

CREATE TABLE posture.initiative_metric (
    initiative_id integer REFERENCES initiative ON DELETE CASCADE,
    metric_id integer REFERENCES metric ON DELETE CASCADE,
    weight weight,
    PRIMARY KEY (initiative_id, metric_id)
);
CREATE INDEX ON posture.initiative_metric (metric_id);
COMMENT ON TABLE posture.initiative_metric IS
    'current metrics of each initiative; those of a past day are in initiative_metric_snapshot';
COMMENT ON COLUMN posture.initiative_metric.initiative_id IS 'id of the initiative';
COMMENT ON COLUMN posture.initiative_metric.metric_id IS 'id of a metric in it';
COMMENT ON COLUMN posture.initiative_metric.weight IS
    'weight of the metric in this initiative; NULL: the weight of its importance';

CREATE TABLE posture.initiative_recommendation (
    initiative_id integer REFERENCES initiative ON DELETE CASCADE,
    recommendation_id integer REFERENCES recommendation ON DELETE CASCADE,
    PRIMARY KEY (initiative_id, recommendation_id)
);
CREATE INDEX ON posture.initiative_recommendation (recommendation_id);
COMMENT ON TABLE posture.initiative_recommendation IS
    'recommendations that an initiative scores by points, without a metric';
COMMENT ON COLUMN posture.initiative_recommendation.initiative_id IS 'id of the initiative';
COMMENT ON COLUMN posture.initiative_recommendation.recommendation_id IS
    'id of a recommendation that it scores';

CREATE FUNCTION posture_internal.initiative_of(initiative text) RETURNS integer
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM require_level('reader or owner');
    RETURN (SELECT k.id FROM key_id('initiative', ARRAY[initiative]) k);
END $$;
COMMENT ON FUNCTION posture_internal.initiative_of(text) IS
    'id of the initiative with a key; an error if there is none; NULL for NULL';

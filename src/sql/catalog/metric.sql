/*
 * Metrics: recommendations that are measured together, the score drop that
 * raises an event, and for how long further drops are not notified.
 */

CREATE DOMAIN posture.threshold AS numeric
    CONSTRAINT "a threshold is above 0, at most 100, with at most 12 decimals"
        CHECK (VALUE > 0 AND VALUE <= 100 AND VALUE = round(VALUE, 12));
COMMENT ON DOMAIN posture.threshold IS
    'minimum score drop that raises an event: above 0, at most 100, with at most 12 decimals';

CREATE DOMAIN posture.day_count AS integer
    CONSTRAINT "a number of days is from 0 to 36500" CHECK (VALUE BETWEEN 0 AND 36500);
COMMENT ON DOMAIN posture.day_count IS 'number of days: 0 to 36500';

CREATE TABLE posture.metric (
    metric_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key object_key NOT NULL UNIQUE,
    name text NOT NULL,
    description text,
    importance importance NOT NULL DEFAULT 'medium',
    asset_kinds text[],
    criticality_weights criticality_weights,
    rule jsonb CONSTRAINT "rule is a JSON object" CHECK (jsonb_typeof(rule) = 'object'),
    drop_threshold threshold,
    cooldown_days day_count,
    is_active boolean NOT NULL DEFAULT true,
    details jsonb,
    -- no foreign key: TRUNCATE of source ... CASCADE would reach this table
    loaded_source_id integer,
    population_group_id integer REFERENCES asset_group,
    unassessed text NOT NULL DEFAULT 'excluded'
        CONSTRAINT "unassessed is excluded, exposed or compliant"
        CHECK (unassessed IN ('excluded', 'exposed', 'compliant'))
);
CREATE INDEX ON posture.metric (population_group_id);
COMMENT ON TABLE posture.metric IS
    'recommendations about similar assets, measured by the share of distinct assets exposed';
COMMENT ON COLUMN posture.metric.metric_id IS 'internal id';
COMMENT ON COLUMN posture.metric.key IS 'key of the metric in functions and views';
COMMENT ON COLUMN posture.metric.name IS 'display name';
COMMENT ON COLUMN posture.metric.description IS 'what it measures';
COMMENT ON COLUMN posture.metric.importance IS
    'importance, which gives its weight in initiatives that do not set one';
COMMENT ON COLUMN posture.metric.asset_kinds IS 'kinds of assets that count; NULL: all kinds';
COMMENT ON COLUMN posture.metric.criticality_weights IS
    'how many times low, medium, high and critical assets count; NULL: once each; {0,0,0,1} '
    'measures critical assets alone';
COMMENT ON COLUMN posture.metric.population_group_id IS
    'id of the group of assets that it is about, whether they are assessed or not; NULL: the '
    'assets that are assessed';
COMMENT ON COLUMN posture.metric.unassessed IS
    'what a member of the group counts as that none of its recommendations assesses: excluded, it '
    'does not count; exposed; or compliant, if a source of its recommendations scanned it';
COMMENT ON COLUMN posture.metric.rule IS
    'attributes of the recommendations that it measures, which join and leave it as they start '
    'or stop matching; NULL: users assign recommendations in metric_recommendation';
COMMENT ON COLUMN posture.metric.drop_threshold IS
    'minimum drop of its score that raises an event; NULL: posture.drop_threshold';
COMMENT ON COLUMN posture.metric.cooldown_days IS
    'number of days after a notified drop in which further drops, even larger ones, are not '
    'notified; NULL: every drop is notified';
COMMENT ON COLUMN posture.metric.is_active IS 'whether it is shown and counts';
COMMENT ON COLUMN posture.metric.details IS 'further data of the document that it was loaded from';
COMMENT ON COLUMN posture.metric.loaded_source_id IS
    'id of the source whose document added it, which may have been deleted since; NULL: a user or '
    'a pack added it';

CREATE TABLE posture.metric_recommendation (
    metric_id integer REFERENCES metric ON DELETE CASCADE,
    recommendation_id integer REFERENCES recommendation ON DELETE CASCADE,
    PRIMARY KEY (metric_id, recommendation_id)
);
CREATE INDEX ON posture.metric_recommendation (recommendation_id);
COMMENT ON TABLE posture.metric_recommendation IS
    'current recommendations of each metric, selected by its rule if it has one; those of a past '
    'day are in metric_snapshot.recommendations';
COMMENT ON COLUMN posture.metric_recommendation.metric_id IS 'id of the metric';
COMMENT ON COLUMN posture.metric_recommendation.recommendation_id IS
    'id of a recommendation that the metric measures';

/*
 * Recommendations: the steps that a source recommends, and how functions and
 * views name them.
 */

CREATE DOMAIN posture.points AS numeric
    CONSTRAINT "points are from 0 to 10^15 with at most 12 decimals"
        CHECK (VALUE >= 0 AND VALUE <= 1e15 AND VALUE = round(VALUE, 12));
COMMENT ON DOMAIN posture.points IS 'number of points: 0 to 10^15, with at most 12 decimals';
CREATE DOMAIN posture.hours AS numeric
    CONSTRAINT "hours are above 0, at most 100000, with at most 6 decimals"
        CHECK (VALUE > 0 AND VALUE <= 100000 AND VALUE = round(VALUE, 6));
COMMENT ON DOMAIN posture.hours IS
    'number of hours: above 0, at most 100000, with at most 6 decimals';

CREATE TABLE posture.recommendation (
    recommendation_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY
        CONSTRAINT "recommendation_id is not negative" CHECK (recommendation_id >= 0),
    source_id integer NOT NULL
        CONSTRAINT "a source with recommendations is made inactive, not deleted" REFERENCES source,
    key object_key NOT NULL,
    title text NOT NULL,
    description text,
    remediation text,
    severity importance NOT NULL DEFAULT 'medium',
    workload text,
    domain text,
    max_points points,
    manage_url text,
    assigned_to text,
    due_on date
        CONSTRAINT "due_on is in the years 1900 to 9999"
        CHECK (due_on BETWEEN '1900-01-01' AND '9999-12-31'),
    markup text NOT NULL DEFAULT 'plain'
        CONSTRAINT "markup is plain, html or markdown"
        CHECK (markup IN ('plain', 'html', 'markdown')),
    is_active boolean NOT NULL DEFAULT true,
    details jsonb,
    effort_hours hours,
    reports reporting,
    is_manual boolean NOT NULL DEFAULT false,
    UNIQUE (source_id, key)
);
CREATE INDEX ON posture.recommendation (key);
COMMENT ON TABLE posture.recommendation IS 'steps that improve security';
COMMENT ON COLUMN posture.recommendation.recommendation_id IS 'internal id';
COMMENT ON COLUMN posture.recommendation.source_id IS 'id of the source that assesses it';
COMMENT ON COLUMN posture.recommendation.key IS 'key of the recommendation in its source';
COMMENT ON COLUMN posture.recommendation.title IS 'display name';
COMMENT ON COLUMN posture.recommendation.description IS 'what is assessed, and why';
COMMENT ON COLUMN posture.recommendation.remediation IS 'what to do, in the words of the source';
COMMENT ON COLUMN posture.recommendation.severity IS 'severity of a failure';
COMMENT ON COLUMN posture.recommendation.workload IS 'service that it is about';
COMMENT ON COLUMN posture.recommendation.domain IS
    'area of security: identity, device, data, network or another one';
COMMENT ON COLUMN posture.recommendation.max_points IS
    'points that it is worth when all assets comply; NULL: none';
COMMENT ON COLUMN posture.recommendation.manage_url IS
    'address of the page where the setting can be changed';
COMMENT ON COLUMN posture.recommendation.assigned_to IS 'person or team that remediates it';
COMMENT ON COLUMN posture.recommendation.due_on IS 'day by which to remediate it';
COMMENT ON COLUMN posture.recommendation.markup IS
    'format of description and remediation: plain, html or markdown; they are stored as '
    'published, so sanitize them before showing them as HTML';
COMMENT ON COLUMN posture.recommendation.is_active IS
    'whether it is shown and counts; false for one that its source deprecated, for example';
COMMENT ON COLUMN posture.recommendation.details IS 'further data of the source';
COMMENT ON COLUMN posture.recommendation.effort_hours IS
    'hours of work to remediate it on all assets, as people estimate it; NULL: unknown';
COMMENT ON COLUMN posture.recommendation.reports IS
    'what its source reports of it, as in source.reports; NULL: as of the others';
COMMENT ON COLUMN posture.recommendation.is_manual IS
    'whether it is a manual control, which no product checks and a person attests by attest()';

CREATE FUNCTION posture_internal.recommendations_of(recommendations text[]) RETURNS integer[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ARRAY(SELECT k.id FROM key_id('recommendation', recommendations) k);
COMMENT ON FUNCTION posture_internal.recommendations_of(text[]) IS
    'ids of recommendations named by key or source:key; an error if a name has none or several';

CREATE FUNCTION posture_internal.recommendation_label(of_recommendation_id integer) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT CASE WHEN EXISTS (SELECT
                                     FROM recommendation o
                                     WHERE o.key = r.key
                                       AND o.recommendation_id <> r.recommendation_id)
                        THEN s.key || ':' || r.key ELSE r.key END
            FROM recommendation r JOIN source s USING (source_id)
            WHERE r.recommendation_id = of_recommendation_id);
COMMENT ON FUNCTION posture_internal.recommendation_label(integer) IS
    'key of a recommendation, or source:key if several sources have the key';

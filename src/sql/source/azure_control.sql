/*
 * Format azure-secure-score-controls: controls of the secure score of Microsoft
 * Defender for Cloud. A control becomes a metric, and the score an initiative.
 * The metric counts the findings of the control's assessments. As long as there
 * are none, it counts the resources that the control itself reports, which are
 * the measure of a recommendation of its own, "control:" and its name.
 */

CREATE FUNCTION posture_internal.azure_control(element jsonb)
    RETURNS TABLE (error text, type text, name text, id text, title text, description text,
                   properties jsonb, healthy numeric, unhealthy numeric, max_score numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN t.type = 'left_out'
                THEN coalesce(azure_left_out(c.kind, c.id, 'secureScores/secureScoreControls'),
                              'a control of another secure score than ascScore, '
                              'which counts the same resources')
                WHEN t.type IS NULL THEN CASE
                    WHEN jsonb_typeof(element) <> 'object' THEN not_object_error(element)
                    WHEN c.kind IS NOT NULL
                    THEN format(
                        'type "%s" is not Microsoft.Security/secureScores/secureScoreControls',
                        left(c.kind, 100))
                    ELSE 'no properties: not a control of a secure score' END
                ELSE first_error(
                    CASE WHEN c.properties IS NULL THEN 'missing properties' END,
                    CASE WHEN c.name IS NULL THEN 'missing name' END,
                    CASE WHEN c.healthy IS NULL THEN 'missing properties.healthyResourceCount'
                         WHEN c.healthy < 0 THEN 'properties.healthyResourceCount is below 0' END,
                    CASE WHEN c.unhealthy IS NULL THEN 'missing properties.unhealthyResourceCount'
                         WHEN c.unhealthy < 0
                         THEN 'properties.unhealthyResourceCount is below 0' END,
                    CASE WHEN c.max_score IS NULL THEN 'missing properties.score.max'
                         WHEN c.max_score < 0 THEN 'properties.score.max is below 0' END) END,
           t.type, c.name, c.id,
           coalesce(json_text(c.properties -> 'displayName'),
                    json_text(c.properties -> 'definition' -> 'properties' -> 'displayName')),
           coalesce(json_text(c.properties -> 'definition' -> 'properties' -> 'description'),
                    json_text(c.properties -> 'description')),
           c.properties, c.healthy, c.unhealthy, c.max_score
    FROM (SELECT lower(coalesce(json_text(element -> 'name'),
                                substring(json_text(element -> 'id')
                                          FROM '/secureScoreControls/([^/]+)$'))) AS name,
                 json_text(element -> 'id') AS id,
                 json_text(element -> 'type') AS kind,
                 lower(substring(json_text(element -> 'id')
                                 FROM '(?i)/secureScores/([^/]+)/')) AS score,
                 p.properties,
                 json_number(p.properties -> 'healthyResourceCount') AS healthy,
                 json_number(p.properties -> 'unhealthyResourceCount') AS unhealthy,
                 coalesce(json_number(p.properties -> 'score' -> 'max'),
                          json_number(p.properties -> 'max')) AS max_score
          FROM (SELECT azure_properties(element) AS properties) p) c
    CROSS JOIN LATERAL (SELECT CASE
        WHEN azure_left_out(c.kind, c.id, 'secureScores/secureScoreControls') IS NOT NULL
        THEN 'left_out'
        WHEN lower(c.kind) <> 'microsoft.security/securescores/securescorecontrols' THEN NULL
        -- Another score counts the same resources again.
        WHEN c.score <> 'ascscore' THEN 'left_out'
        WHEN c.kind IS NOT NULL OR c.properties ? 'healthyResourceCount' OR c.score IS NOT NULL
        THEN 'recommendation' END AS type) t;
END;
COMMENT ON FUNCTION posture_internal.azure_control(jsonb) IS
    'returns what an element of a document of controls is, and its fields; '
    'type is NULL if it is not an element of the format; '
    'error is why it can''t be loaded, or is not meant to be if type is left_out; or NULL';

CREATE FUNCTION posture_internal.azure_control_assessments(definition jsonb) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT array_agg(DISTINCT k.key)
            FROM jsonb_array_elements(array_or_empty(definition -> 'assessmentDefinitions'))
                 a(definition)
            CROSS JOIN LATERAL (SELECT lower(substring(json_text(a.definition -> 'id')
                                                       FROM '[^/]+$')) AS key) k
            WHERE k.key IS NOT NULL AND jsonb_typeof(a.definition -> 'id') = 'string');
COMMENT ON FUNCTION posture_internal.azure_control_assessments(jsonb) IS
    'returns the names of the assessments that a control is made of, from its definition; '
    'NULL if it names none';

CREATE FUNCTION posture_internal.azure_is_assessed(of_source text, recommendations text[])
    RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN EXISTS (
        SELECT FROM source s JOIN recommendation r USING (source_id)
        WHERE s.key = of_source AND r.key = ANY (recommendations) AND r.is_active
          AND EXISTS (SELECT FROM finding f
                      WHERE f.recommendation_id = r.recommendation_id
                        AND f.state <> 'not_applicable'));
COMMENT ON FUNCTION posture_internal.azure_is_assessed(text, text[]) IS
    'returns whether any of the recommendations is active and has a finding that is applicable';

CREATE FUNCTION posture_internal.azure_control_item(document jsonb, of_source text)
    RETURNS SETOF item
    LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
    WITH element AS (
        SELECT e.n, e.location, e.element, coalesce(of_source, 'defender-for-cloud') AS source, c.*
        FROM microsoft_element(document) WITH ORDINALITY e(location, element, n)
        CROSS JOIN LATERAL azure_control(e.element) c
    ), valid AS (
        -- Pages that overlap contain the same element twice.
        SELECT DISTINCT ON (coalesce(lower(e.id), e.location)) e.*
        FROM element e
        WHERE e.type = 'recommendation' AND e.error IS NULL
        ORDER BY coalesce(lower(e.id), e.location), e.n
    ), control AS (
        SELECT v.source, v.name, min(v.n) AS n, (array_agg(v.location ORDER BY v.n))[1] AS location,
               (array_agg(v.title ORDER BY v.n) FILTER (WHERE v.title IS NOT NULL))[1] AS title,
               (array_agg(v.description ORDER BY v.n)
                FILTER (WHERE v.description IS NOT NULL))[1] AS description,
               sum(v.healthy) AS healthy, sum(v.healthy + v.unhealthy) AS possible,
               max(v.max_score) AS weight,
               jsonb_agg(jsonb_strip_nulls(jsonb_build_object('scope', substring(
                             v.id FROM '(?i)^(.*)/providers/Microsoft\.Security/secureScores/'))
                         || (v.properties - '{displayName,description,definition}'::text[]))
                         ORDER BY v.n) AS reported,
               (array_agg(v.properties #> '{definition,properties}' ORDER BY v.n)
                FILTER (WHERE jsonb_typeof(v.properties #> '{definition,properties}') = 'object')
               )[1] AS definition
        FROM valid v
        GROUP BY v.source, v.name
    )
    SELECT e.location, CASE WHEN e.type IS DISTINCT FROM 'left_out' THEN e.error END, e.type,
           e.source, NULL::text, NULL::text, NULL::text, NULL::timestamptz, NULL::text, NULL::text,
           NULL::jsonb, CASE WHEN e.type = 'left_out' THEN jsonb_build_object('reason', e.error)
                             ELSE e.element END
    FROM element e WHERE e.error IS NOT NULL
    UNION ALL
    (SELECT c.location, NULL, 'source', c.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            jsonb_build_object('key', c.source, 'name', 'Microsoft Defender for Cloud',
                               'product', 'Microsoft Defender for Cloud')
     FROM control c ORDER BY c.n LIMIT 1)
    UNION ALL
    SELECT c.location, NULL, 'recommendation', c.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_strip_nulls(jsonb_build_object(
               'key', 'control:' || c.name, 'title', c.title, 'description', c.description,
               'markup', CASE WHEN c.description IS NOT NULL THEN markup(c.description) END,
               'details', jsonb_build_object(
                   'reported', c.reported,
                   'definition', nullif(c.definition - '{displayName,description,'
                                                       'assessmentDefinitions}'::text[], '{}'))))
    FROM control c
    UNION ALL
    -- A control without applicable resources is 0 of 0, which replaces its
    -- earlier measure.
    SELECT c.location, NULL, 'measure', c.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_build_object('recommendation', 'control:' || c.name,
                              'achieved', c.healthy, 'possible', c.possible)
    FROM control c
    UNION ALL
    -- Without a definition the recommendations of the metric stay as they are,
    -- and azure_update_control_metrics() adds or removes the control's own.
    SELECT c.location, NULL, 'metric', c.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_strip_nulls(jsonb_build_object(
               'key', c.source || ':' || c.name, 'name', c.title, 'description', c.description,
               'recommendations', (
                   SELECT jsonb_agg(jsonb_build_object('source', c.source, 'recommendation', k.key)
                                    ORDER BY k.key)
                   FROM unnest(a.keys || CASE WHEN azure_is_assessed(c.source, a.keys) THEN '{}'
                                              ELSE ARRAY['control:' || c.name] END) k(key)
                   WHERE a.keys IS NOT NULL)))
    FROM control c CROSS JOIN LATERAL azure_control_assessments(c.definition) a(keys)
    UNION ALL
    SELECT min(c.location), NULL, 'initiative', c.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_build_object(
               'key', c.source, 'name', 'Defender for Cloud secure score',
               'kind', 'secure score', 'method', 'weighted',
               'metrics', jsonb_agg(jsonb_build_object('metric', c.source || ':' || c.name,
                                                       'weight', c.weight) ORDER BY c.name))
    FROM control c
    GROUP BY c.source;
END;
COMMENT ON FUNCTION posture_internal.azure_control_item(jsonb, text) IS
    'returns the items of a document of controls of the secure score of Defender for Cloud';

-- Findings of assets say more than the counts of a control, and both together
-- would count the same resources twice.
CREATE FUNCTION posture_internal.azure_update_control_metrics(of_source text) RETURNS bigint
    LANGUAGE sql
BEGIN ATOMIC
    WITH control AS (
        SELECT m.metric_id, c.recommendation_id,
               EXISTS (SELECT FROM metric_recommendation o
                       JOIN recommendation r USING (recommendation_id)
                       WHERE o.metric_id = m.metric_id
                         AND o.recommendation_id <> c.recommendation_id AND r.is_active
                         AND EXISTS (SELECT FROM finding f
                                     WHERE f.recommendation_id = r.recommendation_id
                                       AND f.state <> 'not_applicable')) AS is_assessed
        FROM source s
        JOIN recommendation c ON c.source_id = s.source_id AND c.key LIKE 'control:%'
        JOIN metric m ON m.key = s.key || substr(c.key, 8) AND m.rule IS NULL
        WHERE s.key = coalesce(of_source, 'defender-for-cloud')
    ), removed AS (
        DELETE FROM metric_recommendation o USING control c
        WHERE c.is_assessed AND o.metric_id = c.metric_id
          AND o.recommendation_id = c.recommendation_id
        RETURNING o.metric_id
    ), added AS (
        INSERT INTO metric_recommendation (metric_id, recommendation_id)
        SELECT c.metric_id, c.recommendation_id
        FROM control c
        WHERE NOT c.is_assessed
          AND NOT EXISTS (SELECT FROM metric_recommendation o
                          WHERE o.metric_id = c.metric_id
                            AND o.recommendation_id = c.recommendation_id)
        ON CONFLICT DO NOTHING
        RETURNING metric_id
    )
    SELECT (SELECT count(*) FROM removed) + (SELECT count(*) FROM added);
END;
COMMENT ON FUNCTION posture_internal.azure_update_control_metrics(text) IS
    'makes the metric of each control count findings if its assessments have any, '
    'and the counts of the control itself otherwise; returns the number of metrics changed';

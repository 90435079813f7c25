/*
 * Prowler: the metadata of its checks, and its compliance frameworks, those of
 * one provider (names with capitals, Checks an array) and those of many (names
 * in lower case, checks an object of an array for each provider).
 */

CREATE FUNCTION posture.prowler_check_item(document jsonb, of_source text) RETURNS SETOF posture.item
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH element AS MATERIALIZED (
        SELECT e.n, e.location, e.element, coalesce(of_source, 'prowler') AS source, c.key, c.severity, t.type,
               CASE WHEN jsonb_typeof(e.element) <> 'object' THEN 'expected an object, found ' || posture.what_is(e.element)
                    WHEN t.type IS NULL THEN 'no CheckID: not a check of Prowler'
                    ELSE posture.item_fault(
                        CASE WHEN c.key IS NULL THEN 'missing CheckID' END,
                        CASE WHEN c.title IS NULL THEN 'missing CheckTitle' END,
                        CASE WHEN c.severity IS NOT NULL AND posture.severity(c.severity) IS NULL
                             THEN format('unknown Severity "%s"', left(c.severity, 100)) END) END AS fault
        FROM posture.document_element(document, '{}') WITH ORDINALITY e(location, element, n)
        CROSS JOIN LATERAL (SELECT posture.text_at(e.element, 'CheckID') AS key, posture.text_at(e.element, 'CheckTitle') AS title,
                                   posture.text_at(e.element, 'Severity') AS severity OFFSET 0) c
        CROSS JOIN LATERAL (SELECT CASE WHEN jsonb_typeof(e.element) = 'object' AND e.element ?| '{CheckID,CheckTitle,Remediation}'
                                        THEN 'recommendation' END AS type) t
    ), told AS (
        SELECT DISTINCT ON (e.key) e.*, posture.text_at(e.element, 'Description') AS description,
               posture.text_at(e.element, 'Remediation', 'Recommendation', 'Text') AS remediation
        FROM element e
        WHERE e.fault IS NULL
        ORDER BY e.key, e.n
    )
    SELECT e.location, e.fault, e.type, e.source, NULL::text, NULL::text, NULL::text, NULL::timestamptz, NULL::text, NULL::text, NULL::jsonb, e.element
    FROM element e WHERE e.fault IS NOT NULL
    UNION ALL
    (SELECT e.location, NULL, 'source', e.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            jsonb_build_object('key', e.source, 'name', 'Prowler', 'product', 'Prowler')
     FROM element e WHERE e.fault IS NULL ORDER BY e.n LIMIT 1)
    UNION ALL
    SELECT t.location, NULL, 'recommendation', t.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_strip_nulls(jsonb_build_object(
               'key', t.key, 'title', posture.text_at(t.element, 'CheckTitle'),
               'description', t.description, 'remediation', t.remediation,
               'markup', CASE WHEN t.description IS NOT NULL OR t.remediation IS NOT NULL
                              THEN posture.markup(concat_ws(' ', t.description, t.remediation), 'markdown') END,
               'severity', posture.severity(t.severity), 'workload', posture.text_at(t.element, 'ServiceName'),
               'domain', posture.text_at(t.element, 'Categories', '0'),
               'manage_url', posture.text_at(t.element, 'Remediation', 'Recommendation', 'Url'),
               'details', posture.without_empty(
                   (t.element - '{CheckID,CheckTitle,Description,Severity,ServiceName,Compliance}'::text[])
                   #- '{Remediation,Recommendation,Text}' #- '{Remediation,Recommendation,Url}'
                   || jsonb_build_object('compliance', t.element -> 'Compliance'))))
    FROM told t;
END;
COMMENT ON FUNCTION posture.prowler_check_item(jsonb, text) IS 'takes metadata of checks of Prowler apart';

-- Numbers come as numbers and as text.
CREATE FUNCTION posture.number_of(element jsonb, VARIADIC path text[]) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(element #> path) = 'number' THEN (element #> path)::numeric
                WHEN jsonb_typeof(element #> path) = 'string' AND element #>> path ~ '^\s*-?\d{1,20}(\.\d{1,20})?\s*$' THEN (element #>> path)::numeric END;
COMMENT ON FUNCTION posture.number_of(jsonb, text[]) IS 'the number at a path of a document, also where it is written as text; NULL: none';

CREATE FUNCTION posture.framework_key(framework text, version text, provider text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(btrim(regexp_replace(lower(left(concat_ws('-', framework, version, provider), 1000)), '[^a-z0-9.]+', '-', 'g'), '-'), '');
COMMENT ON FUNCTION posture.framework_key(text, text, text) IS 'the key of the initiative of a compliance framework: prowlerthreatscore-1.0-azure';

CREATE FUNCTION posture.framework(element jsonb)
    RETURNS TABLE (type text, fault text, key text, name text, description text, requirements text, risk_field text, weight_field text, group_field text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.type,
           CASE WHEN jsonb_typeof(element) <> 'object' THEN 'expected an object, found ' || posture.what_is(element)
                WHEN t.type IS NULL THEN 'no Framework: not a compliance framework of Prowler'
                ELSE posture.item_fault(
                    CASE WHEN f.framework IS NULL THEN 'missing Framework' END,
                    CASE WHEN posture.framework_key(f.framework, f.version, f.provider) IS NULL THEN 'Framework has no letter or digit' END,
                    CASE WHEN NOT element ? f.requirements THEN 'missing Requirements'
                         WHEN jsonb_typeof(element -> f.requirements) <> 'array' THEN
                             format('%s is no array but %s', f.requirements, posture.what_is(element -> f.requirements)) END) END,
           posture.framework_key(f.framework, f.version, f.provider), coalesce(f.name, f.framework),
           coalesce(posture.text_at(element, 'Description'), posture.text_at(element, 'description')), f.requirements,
           coalesce(posture.text_at(element, 'outputs', 'table_config', 'scoring', 'risk_field'),
                    posture.text_at(element, 'outputs', 'pdf_config', 'scoring', 'risk_field'), 'LevelOfRisk'),
           coalesce(posture.text_at(element, 'outputs', 'table_config', 'scoring', 'weight_field'),
                    posture.text_at(element, 'outputs', 'pdf_config', 'scoring', 'weight_field'), 'Weight'),
           coalesce(posture.text_at(element, 'outputs', 'table_config', 'group_by'), 'Section')
    FROM (SELECT coalesce(posture.text_at(element, 'Framework'), posture.text_at(element, 'framework')) AS framework,
                 coalesce(posture.text_at(element, 'Version'), posture.text_at(element, 'version')) AS version,
                 coalesce(posture.text_at(element, 'Provider'), posture.text_at(element, 'provider')) AS provider,
                 coalesce(posture.text_at(element, 'Name'), posture.text_at(element, 'name')) AS name,
                 CASE WHEN element ? 'Requirements' OR NOT element ? 'requirements' THEN 'Requirements' ELSE 'requirements' END AS requirements
          OFFSET 0) f
    CROSS JOIN LATERAL (SELECT CASE WHEN jsonb_typeof(element) = 'object' AND element ?| '{Framework,framework,Requirements,requirements}'
                                    THEN 'initiative' END AS type) t;
END;
COMMENT ON FUNCTION posture.framework(jsonb) IS 'what an element of a document of frameworks is, and its fields; type NULL: nothing of the format';

CREATE FUNCTION posture.framework_requirement(requirement jsonb, risk_field text, weight_field text, group_field text)
    RETURNS TABLE (fault text, id text, name text, description text, checks jsonb, weight numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT posture.item_fault(
               CASE WHEN jsonb_typeof(requirement) <> 'object' THEN 'expected an object, found ' || posture.what_is(requirement) END,
               CASE WHEN r.id IS NULL THEN 'missing Id' END,
               CASE WHEN r.checks IS NOT NULL AND jsonb_typeof(r.checks) NOT IN ('array', 'object', 'null')
                    THEN format('Checks is no array but %s', posture.what_is(r.checks)) END,
               CASE WHEN jsonb_path_exists(r.checks, 'lax $.* ? (@.type() != "array" && @.type() != "string")')
                      OR jsonb_path_exists(r.found, '$[*] ? (@.type() != "string" || @ == "")') THEN 'Checks has what is no key of a check' END,
               CASE WHEN r.weight < 0 OR r.risk < 0 THEN format('%s x %s is below 0', weight_field, risk_field) END),
           r.id,
           coalesce(posture.text_at(r.attribute, 'SubSection') || ': ', posture.text_at(r.attribute, group_field) || ': ',
                    posture.text_at(r.attribute, 'Section') || ': ', '')
           || coalesce(posture.text_at(r.attribute, 'Title'), r.name, r.id || coalesce(' ' || left(r.description, 200), '')),
           r.description, r.found, trim_scale(r.weight * r.risk)
    FROM (SELECT q.*, posture.number_of(q.attribute, weight_field) AS weight, posture.number_of(q.attribute, risk_field) AS risk,
                 CASE jsonb_typeof(q.checks) WHEN 'array' THEN q.checks
                                             WHEN 'object' THEN jsonb_path_query_array(q.checks, 'lax $.*[*]') ELSE '[]' END AS found
          FROM (SELECT coalesce(posture.text_at(requirement, 'Id'), posture.text_at(requirement, 'id')) AS id,
                       coalesce(posture.text_at(requirement, 'Name'), posture.text_at(requirement, 'name')) AS name,
                       coalesce(posture.text_at(requirement, 'Description'), posture.text_at(requirement, 'description')) AS description,
                       coalesce(requirement -> 'Checks', requirement -> 'checks') AS checks,
                       -- the first of several, or the one
                       coalesce(requirement #> '{Attributes,0}', requirement -> 'Attributes', requirement #> '{attributes,0}',
                                requirement -> 'attributes') AS attribute
                OFFSET 0) q
          OFFSET 0) r;
END;
COMMENT ON FUNCTION posture.framework_requirement(jsonb, text, text, text) IS 'the fields of a requirement of a compliance framework, and what is wrong with them';

CREATE FUNCTION posture.framework_item(document jsonb, of_source text) RETURNS SETOF posture.item
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH element AS MATERIALIZED (
        SELECT e.n, e.location, e.element, coalesce(of_source, 'prowler') AS source, f.*
        FROM posture.document_element(document, '{}') WITH ORDINALITY e(location, element, n)
        CROSS JOIN LATERAL posture.framework(e.element) f
    ), listed AS (
        SELECT e.n AS framework, i.n, format('%s.%s[%s]', e.location, e.requirements, i.n - 1) AS location,
               i.requirement, e.source, e.key AS initiative, r.*,
               min(i.n) OVER (PARTITION BY e.n, r.id, i.requirement) AS first_n
        FROM element e
        CROSS JOIN LATERAL jsonb_array_elements(CASE WHEN e.fault IS NULL THEN e.element -> e.requirements END) WITH ORDINALITY i(requirement, n)
        CROSS JOIN LATERAL posture.framework_requirement(i.requirement, e.risk_field, e.weight_field, e.group_field) r
    ), requirement AS MATERIALIZED (
        -- published frameworks have ids that two requirements share: the second is "#2"
        SELECT q.*, q.initiative || ':' || q.id || CASE WHEN q.copy > 1 THEN '#' || q.copy ELSE '' END AS key
        FROM (SELECT l.*, dense_rank() OVER (PARTITION BY l.framework, l.id ORDER BY l.first_n) AS copy FROM listed l) q
    ), metric AS MATERIALIZED (
        -- of a framework that is there twice
        SELECT r.source, r.initiative, r.key, (array_agg(r.location ORDER BY r.framework, r.n))[1] AS location, min(r.framework) AS framework, min(r.n) AS n,
               (array_agg(r.name ORDER BY r.framework, r.n))[1] AS name,
               (array_agg(r.description ORDER BY r.framework, r.n))[1] AS description,
               (array_agg(r.weight ORDER BY r.framework, r.n))[1] AS weight,
               (array_agg(r.requirement - '{Id,id,Name,name,Description,description,Checks,checks}'::text[] ORDER BY r.framework, r.n))[1] AS details
        FROM requirement r
        WHERE r.fault IS NULL AND r.checks <> '[]'
        GROUP BY r.source, r.initiative, r.key
    ), member AS (
        SELECT d.key, jsonb_agg(jsonb_build_object('source', d.source, 'recommendation', d.recommendation) ORDER BY d.recommendation) AS members
        FROM (SELECT DISTINCT r.key, r.source, c.recommendation
              FROM requirement r CROSS JOIN LATERAL jsonb_array_elements_text(r.checks) c(recommendation)
              WHERE r.fault IS NULL) d
        GROUP BY d.key
    )
    SELECT e.location, e.fault, e.type, e.source, NULL::text, NULL::text, NULL::text, NULL::timestamptz, NULL::text, NULL::text, NULL::jsonb, e.element
    FROM element e WHERE e.fault IS NOT NULL
    UNION ALL
    SELECT r.location, r.fault, 'metric', r.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL, r.requirement
    FROM requirement r WHERE r.fault IS NOT NULL
    UNION ALL
    SELECT r.location, NULL, 'left_out', r.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_build_object('reason', format('requirement %s has no checks', left(r.id, 100)))
    FROM requirement r WHERE r.fault IS NULL AND r.checks = '[]'
    UNION ALL
    (SELECT e.location, NULL, 'source', e.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            jsonb_build_object('key', e.source, 'name', 'Prowler', 'product', 'Prowler')
     FROM element e WHERE e.fault IS NULL ORDER BY e.n LIMIT 1)
    UNION ALL
    SELECT m.location, NULL, 'metric', m.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_strip_nulls(jsonb_build_object('key', m.key, 'name', m.name, 'description', m.description,
                                                'recommendations', b.members, 'details', nullif(m.details, '{}')))
    FROM metric m JOIN member b ON b.key = m.key
    UNION ALL
    (SELECT DISTINCT ON (e.key) e.location, NULL, 'initiative', e.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            jsonb_strip_nulls(jsonb_build_object('key', e.key, 'name', e.name, 'kind', 'standard', 'description', e.description,
                'method', CASE WHEN w.is_weighted THEN 'population' ELSE 'weighted' END, 'metrics', coalesce(w.metrics, '[]'),
                'details', nullif(e.element - '{Framework,framework,Name,name,Description,description,Requirements,requirements}'::text[], '{}')))
     FROM element e
     LEFT JOIN (SELECT m.initiative, bool_or(m.weight IS NOT NULL) AS is_weighted,
                       jsonb_agg(jsonb_strip_nulls(jsonb_build_object('metric', m.key, 'weight', m.weight)) ORDER BY m.framework, m.n) AS metrics
                FROM metric m GROUP BY m.initiative) w ON w.initiative = e.key
     WHERE e.fault IS NULL
     ORDER BY e.key, e.n);
END;
COMMENT ON FUNCTION posture.framework_item(jsonb, text) IS 'takes compliance frameworks of Prowler apart';

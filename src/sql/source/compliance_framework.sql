/*
 * Format compliance-framework: compliance frameworks of Prowler. Those of one
 * provider have keys with capitals and an array of checks. Those of many
 * providers have keys in lower case and an object of checks, with an array for
 * each provider. A framework becomes an initiative, a requirement a metric.
 *
 * A requirement without checks is a manual control: its metric measures a
 * recommendation of its own, of a source with the key of the framework, which a
 * person attests. So the deliveries of the product do not close it.
 */

CREATE FUNCTION posture_internal.framework_key(framework text, version text, provider text)
    RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(btrim(regexp_replace(
        lower(left(concat_ws('-', framework, version, provider), 1000)),
        '[^a-z0-9.]+', '-', 'g'), '-'), '');
COMMENT ON FUNCTION posture_internal.framework_key(text, text, text) IS
    'returns the key of the initiative of a compliance framework, '
    'such as prowlerthreatscore-1.0-azure';

CREATE FUNCTION posture_internal.framework(element jsonb)
    RETURNS TABLE (type text, error text, key text, name text, description text, requirements text,
                   risk_field text, weight_field text, group_field text, provider text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.type,
           CASE WHEN jsonb_typeof(element) <> 'object' THEN not_object_error(element)
                WHEN t.type IS NULL THEN 'no Framework: not a compliance framework of Prowler'
                ELSE first_error(
                    CASE WHEN f.framework IS NULL THEN 'missing Framework' END,
                    CASE WHEN framework_key(f.framework, f.version, f.provider) IS NULL
                         THEN 'Framework has no letter or digit' END,
                    CASE WHEN NOT element ? f.requirements THEN 'missing Requirements'
                         WHEN jsonb_typeof(element -> f.requirements) <> 'array'
                         THEN format('%s is not an array but %s', f.requirements,
                                     json_type_name(element -> f.requirements)) END) END,
           framework_key(f.framework, f.version, f.provider), coalesce(f.name, f.framework),
           coalesce(json_text(element -> 'Description'), json_text(element -> 'description')),
           f.requirements,
           coalesce(json_text(f.outputs -> 'table_config' -> 'scoring' -> 'risk_field'),
                    json_text(f.outputs -> 'pdf_config' -> 'scoring' -> 'risk_field'),
                    'LevelOfRisk'),
           coalesce(json_text(f.outputs -> 'table_config' -> 'scoring' -> 'weight_field'),
                    json_text(f.outputs -> 'pdf_config' -> 'scoring' -> 'weight_field'), 'Weight'),
           coalesce(json_text(f.outputs -> 'table_config' -> 'group_by'), 'Section'),
           lower(f.provider)
    FROM (SELECT coalesce(json_text(element -> 'Framework'),
                          json_text(element -> 'framework')) AS framework,
                 coalesce(json_text(element -> 'Version'),
                          json_text(element -> 'version')) AS version,
                 coalesce(json_text(element -> 'Provider'),
                          json_text(element -> 'provider')) AS provider,
                 coalesce(json_text(element -> 'Name'), json_text(element -> 'name')) AS name,
                 CASE WHEN element ? 'Requirements' OR NOT element ? 'requirements'
                      THEN 'Requirements' ELSE 'requirements' END AS requirements,
                 element -> 'outputs' AS outputs
          OFFSET 0) f
    CROSS JOIN LATERAL (
        SELECT CASE WHEN jsonb_typeof(element) = 'object'
                         AND element ?| '{Framework,framework,Requirements,requirements}'
                    THEN 'initiative' END AS type) t;
END;
COMMENT ON FUNCTION posture_internal.framework(jsonb) IS
    'returns what an element of a document of frameworks is, and its fields; '
    'type is NULL if it is not an element of the format';

CREATE FUNCTION posture_internal.framework_requirement(
    requirement jsonb, risk_field text, weight_field text, group_field text)
    RETURNS TABLE (error text, id text, name text, description text, checks jsonb, weight numeric,
                   section text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT first_error(
               CASE WHEN jsonb_typeof(requirement) <> 'object'
                    THEN not_object_error(requirement) END,
               CASE WHEN r.id IS NULL THEN 'missing Id' END,
               CASE WHEN r.checks IS NOT NULL
                         AND jsonb_typeof(r.checks) NOT IN ('array', 'object', 'null')
                    THEN format('Checks is not an array but %s', json_type_name(r.checks)) END,
               CASE WHEN jsonb_path_exists(
                             r.checks, 'lax $.* ? (@.type() != "array" && @.type() != "string")')
                      OR jsonb_path_exists(r.check_keys, '$[*] ? (@.type() != "string" || @ == "")')
                    THEN 'Checks has an element that is not the key of a check' END,
               CASE WHEN r.weight < 0 OR r.risk < 0
                    THEN format('%s x %s is below 0', weight_field, risk_field) END),
           r.id,
           coalesce(json_text(r.attribute -> 'SubSection') || ': ',
                    json_text(r.attribute -> group_field) || ': ',
                    json_text(r.attribute -> 'Section') || ': ', '')
           || coalesce(json_text(r.attribute -> 'Title'), r.name,
                       r.id || coalesce(' ' || left(r.description, 200), '')),
           r.description, r.check_keys, trim_scale(r.weight * r.risk),
           -- ISO 27001 has categories, ENS has marcos
           coalesce(json_text(r.attribute -> group_field), json_text(r.attribute -> 'Section'),
                    json_text(r.attribute -> 'Category'), json_text(r.attribute -> 'Marco'))
    FROM (SELECT q.*, json_number(q.attribute -> weight_field) AS weight,
                 json_number(q.attribute -> risk_field) AS risk,
                 CASE jsonb_typeof(q.checks)
                     WHEN 'array' THEN q.checks
                     WHEN 'object' THEN jsonb_path_query_array(q.checks, 'lax $.*[*]')
                     ELSE '[]' END AS check_keys
          FROM (SELECT coalesce(json_text(requirement -> 'Id'),
                                json_text(requirement -> 'id')) AS id,
                       coalesce(json_text(requirement -> 'Name'),
                                json_text(requirement -> 'name')) AS name,
                       coalesce(json_text(requirement -> 'Description'),
                                json_text(requirement -> 'description')) AS description,
                       coalesce(requirement -> 'Checks', requirement -> 'checks') AS checks,
                       -- Attributes are an array, of which the first counts, or an object.
                       coalesce(requirement #> '{Attributes,0}', requirement -> 'Attributes',
                                requirement #> '{attributes,0}', requirement -> 'attributes')
                           AS attribute
                OFFSET 0) q
          OFFSET 0) r;
END;
COMMENT ON FUNCTION posture_internal.framework_requirement(jsonb, text, text, text) IS
    'returns the fields of a requirement of a compliance framework, '
    'and the first error in them; weight is NULL if the framework has no weights';

-- In published frameworks two requirements may share an id: the second is copy 2,
-- and so on. An exact repetition of a requirement belongs to the same copy.
CREATE FUNCTION posture_internal.framework_requirement_list(
    requirements jsonb, risk_field text, weight_field text, group_field text)
    RETURNS TABLE (n bigint, requirement jsonb, error text, id text, name text, description text,
                   checks jsonb, weight numeric, section text, copy bigint)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT l.n, l.requirement, l.error, l.id, l.name, l.description, l.checks, l.weight,
           l.section,
           dense_rank() OVER (PARTITION BY l.id ORDER BY l.first_n)
    FROM (SELECT e.n, e.requirement, r.*,
                 min(e.n) OVER (PARTITION BY r.id, e.requirement) AS first_n
          FROM jsonb_array_elements(requirements) WITH ORDINALITY e(requirement, n)
          CROSS JOIN LATERAL framework_requirement(
              e.requirement, risk_field, weight_field, group_field) r) l;
END;
COMMENT ON FUNCTION posture_internal.framework_requirement_list(jsonb, text, text, text) IS
    'returns the requirements of a compliance framework; '
    'copy counts the requirements that share an id';

CREATE FUNCTION posture_internal.framework_check(requirement jsonb, provider text)
    RETURNS TABLE (provider text, name text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT provider, c.name
    FROM (SELECT coalesce(requirement -> 'Checks', requirement -> 'checks') AS checks OFFSET 0) r
    CROSS JOIN LATERAL jsonb_array_elements_text(array_or_empty(r.checks)) c(name)
    UNION
    SELECT lower(p.provider), c.name
    FROM (SELECT coalesce(requirement -> 'Checks', requirement -> 'checks') AS checks OFFSET 0) r
    CROSS JOIN LATERAL jsonb_each(object_or_empty(r.checks)) p(provider, checks)
    CROSS JOIN LATERAL jsonb_array_elements_text(
        CASE jsonb_typeof(p.checks) WHEN 'array' THEN p.checks
                                    ELSE jsonb_build_array(p.checks) END) c(name);
END;
COMMENT ON FUNCTION posture_internal.framework_check(jsonb, text) IS
    'returns the checks of a requirement, each with its provider: that of the framework, or the '
    'one that the requirement lists it for';

CREATE FUNCTION posture_internal.framework_element(document jsonb, of_source text)
    RETURNS TABLE (n bigint, location text, element jsonb, source text, type text, error text,
                   key text, name text, description text, requirements text, risk_field text,
                   weight_field text, group_field text, provider text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.n, e.location, e.element, coalesce(of_source, 'prowler'), f.*
    FROM document_element(document, '{}') WITH ORDINALITY e(location, element, n)
    CROSS JOIN LATERAL framework(e.element) f;
END;
COMMENT ON FUNCTION posture_internal.framework_element(jsonb, text) IS
    'returns the frameworks of a document';

CREATE FUNCTION posture_internal.framework_metric(document jsonb, of_source text)
    RETURNS TABLE (location text, error text, source text, initiative text, key text,
                   framework bigint, n bigint, name text, description text, weight numeric,
                   details jsonb, members jsonb)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH requirement AS (
        SELECT e.n AS framework, e.source, e.key AS initiative, e.provider, r.*,
               format('%s.%s[%s]', e.location, e.requirements, r.n - 1) AS location,
               e.key || ':' || r.id || CASE WHEN r.copy > 1 THEN '#' || r.copy ELSE '' END AS key
        FROM framework_element(document, of_source) e
        CROSS JOIN LATERAL framework_requirement_list(
            CASE WHEN e.error IS NULL THEN e.element -> e.requirements END,
            e.risk_field, e.weight_field, e.group_field) r
    ), metric AS (
        -- If a document contains a framework twice, the first counts.
        SELECT r.source, r.initiative, r.key, min(r.framework) AS framework, min(r.n) AS n,
               (array_agg(r.location ORDER BY r.framework, r.n))[1] AS location,
               (array_agg(r.name ORDER BY r.framework, r.n))[1] AS name,
               (array_agg(r.description ORDER BY r.framework, r.n))[1] AS description,
               (array_agg(r.weight ORDER BY r.framework, r.n))[1] AS weight,
               (array_agg((r.requirement - '{Id,id,Name,name,Description,description,'
                                           'Checks,checks}'::text[])
                          || jsonb_strip_nulls(jsonb_build_object('section', r.section))
                          ORDER BY r.framework, r.n))[1] AS details
        FROM requirement r
        WHERE r.error IS NULL
        GROUP BY r.source, r.initiative, r.key
    ), named AS (
        SELECT DISTINCT r.key, r.source, c.provider, c.name
        FROM requirement r
        CROSS JOIN LATERAL framework_check(r.requirement, r.provider) c
        WHERE r.error IS NULL
    ), shared AS MATERIALIZED (
        SELECT c.*, check_key(c.source, c.provider, c.name,
                              count(*) OVER (PARTITION BY c.source, c.name) > 1) AS key
        FROM (SELECT DISTINCT n.source, n.provider, n.name FROM named n) c
    ), member AS (
        SELECT n.key, jsonb_agg(jsonb_build_object('source', n.source, 'recommendation', s.key)
                                ORDER BY s.key) AS members
        FROM named n JOIN shared s USING (source, name)
        WHERE s.provider IS NOT DISTINCT FROM n.provider
        GROUP BY n.key
    )
    SELECT r.location, r.error, r.source, r.initiative, NULL::text, r.framework, r.n, NULL::text,
           NULL::text, NULL::numeric, r.requirement, NULL::jsonb
    FROM requirement r WHERE r.error IS NOT NULL
    UNION ALL
    SELECT m.location, NULL, m.source, m.initiative, m.key, m.framework, m.n, m.name,
           m.description, m.weight, m.details, b.members
    FROM metric m LEFT JOIN member b ON b.key = m.key;
END;
COMMENT ON FUNCTION posture_internal.framework_metric(jsonb, text) IS
    'returns the metrics of a document of frameworks, with the checks that each measures, NULL: '
    'none, it is a manual control; or with an error, its requirement as details';

CREATE FUNCTION posture_internal.framework_item(document jsonb, of_source text) RETURNS SETOF item
    LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
    WITH element AS MATERIALIZED (
        SELECT e.* FROM framework_element(document, of_source) e
    ), requirement AS MATERIALIZED (
        SELECT r.* FROM framework_metric(document, of_source) r
    ), metric AS (
        SELECT r.* FROM requirement r WHERE r.error IS NULL
    ), manual AS (
        SELECT m.* FROM metric m WHERE m.members IS NULL
    )
    SELECT e.location, e.error, e.type, e.source, NULL::text, NULL::text, NULL::text,
           NULL::timestamptz, NULL::text, NULL::text, NULL::jsonb, e.element
    FROM element e WHERE e.error IS NOT NULL
    UNION ALL
    SELECT r.location, r.error, 'metric', r.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           r.details FROM requirement r WHERE r.error IS NOT NULL
    UNION ALL
    (SELECT e.location, NULL, 'source', e.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            jsonb_build_object('key', e.source, 'name', 'Prowler', 'product', 'Prowler')
     FROM element e WHERE e.error IS NULL ORDER BY e.n LIMIT 1)
    UNION ALL
    (SELECT DISTINCT ON (e.key)
            e.location, NULL, 'source', e.key, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            jsonb_build_object('key', e.key, 'name', e.name, 'product', 'Manual controls')
     FROM element e
     WHERE e.error IS NULL AND e.key IN (SELECT m.initiative FROM manual m)
     ORDER BY e.key, e.n)
    UNION ALL
    SELECT m.location, NULL, 'recommendation', m.initiative, NULL, NULL, NULL, NULL, NULL, NULL,
           NULL, jsonb_strip_nulls(jsonb_build_object(
               'key', m.key, 'title', m.name, 'description', m.description, 'is_manual', true))
    FROM manual m
    UNION ALL
    SELECT m.location, NULL, 'metric', m.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_strip_nulls(jsonb_build_object(
               'key', m.key, 'name', m.name, 'description', m.description,
               'recommendations', coalesce(m.members, jsonb_build_array(jsonb_build_object(
                   'source', m.initiative, 'recommendation', m.key))),
               'details', nullif(m.details, '{}')))
    FROM metric m
    UNION ALL
    (SELECT DISTINCT ON (e.key)
            e.location, NULL, 'initiative', e.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            jsonb_strip_nulls(jsonb_build_object(
                'key', e.key, 'name', e.name, 'kind', 'standard', 'description', e.description,
                'method', CASE WHEN w.is_weighted THEN 'population' ELSE 'weighted' END,
                'metrics', coalesce(w.metrics, '[]'),
                'details', nullif(e.element - '{Framework,framework,Name,name,Description,'
                                              'description,Requirements,requirements}'::text[],
                                  '{}')))
     FROM element e
     LEFT JOIN (SELECT m.initiative, bool_or(m.weight IS NOT NULL) AS is_weighted,
                       jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                           'metric', m.key, 'weight', m.weight))
                           ORDER BY m.framework, m.n) AS metrics
                FROM metric m GROUP BY m.initiative) w ON w.initiative = e.key
     WHERE e.error IS NULL
     ORDER BY e.key, e.n);
END;
COMMENT ON FUNCTION posture_internal.framework_item(jsonb, text) IS
    'returns the items of a document of compliance frameworks of Prowler';

/*
 * Format prowler-checks: metadata of Prowler's checks.
 */

CREATE FUNCTION posture_internal.prowler_check_item(document jsonb, of_source text)
    RETURNS SETOF item
    LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
    WITH element AS (
        SELECT e.n, e.location, e.element, coalesce(of_source, 'prowler') AS source,
               c.key AS name, c.provider, c.severity, t.type,
               CASE WHEN jsonb_typeof(e.element) <> 'object' THEN not_object_error(e.element)
                    WHEN t.type IS NULL THEN 'no CheckID: not a check of Prowler'
                    ELSE first_error(
                        CASE WHEN c.key IS NULL THEN 'missing CheckID' END,
                        CASE WHEN c.title IS NULL THEN 'missing CheckTitle' END,
                        CASE WHEN c.severity IS NOT NULL AND severity(c.severity) IS NULL
                             THEN format('unrecognized Severity "%s"', left(c.severity, 100)) END)
               END AS error
        FROM document_element(document, '{}') WITH ORDINALITY e(location, element, n)
        CROSS JOIN LATERAL (
            SELECT json_text(e.element -> 'CheckID') AS key,
                   lower(json_text(e.element -> 'Provider')) AS provider,
                   json_text(e.element -> 'CheckTitle') AS title,
                   json_text(e.element -> 'Severity') AS severity
            OFFSET 0) c
        CROSS JOIN LATERAL (
            SELECT CASE WHEN jsonb_typeof(e.element) = 'object'
                             AND e.element ?| '{CheckID,CheckTitle,Remediation}'
                        THEN 'recommendation' END AS type) t
    ), shared AS MATERIALIZED (
        SELECT c.name, c.provider,
               check_key(c.source, c.provider, c.name,
                         count(*) OVER (PARTITION BY c.name) > 1) AS key
        FROM (SELECT DISTINCT e.source, e.name, e.provider
              FROM element e WHERE e.error IS NULL) c
    ), definition AS (
        SELECT e.*, s.key, row_number() OVER (PARTITION BY s.key ORDER BY e.n) AS copy,
               json_text(e.element -> 'Description') AS description,
               json_text(e.element -> 'Remediation' -> 'Recommendation' -> 'Text') AS remediation
        FROM element e
        JOIN shared s ON s.name = e.name AND s.provider IS NOT DISTINCT FROM e.provider
        WHERE e.error IS NULL
    )
    SELECT e.location, e.error, e.type, e.source, NULL::text, NULL::text, NULL::text,
           NULL::timestamptz, NULL::text, NULL::text, NULL::jsonb, e.element
    FROM element e WHERE e.error IS NOT NULL
    UNION ALL
    (SELECT e.location, NULL, 'source', e.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            jsonb_build_object('key', e.source, 'name', 'Prowler', 'product', 'Prowler')
     FROM element e WHERE e.error IS NULL ORDER BY e.n LIMIT 1)
    UNION ALL
    SELECT d.location, NULL, 'left_out', d.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_build_object('reason', format('check %s is in the document before',
                                               left(d.key, 100)))
    FROM definition d WHERE d.copy > 1
    UNION ALL
    SELECT d.location, NULL, 'recommendation', d.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_strip_nulls(jsonb_build_object(
               'key', d.key, 'title', json_text(d.element -> 'CheckTitle'),
               'description', d.description, 'remediation', d.remediation,
               'markup', CASE WHEN d.description IS NOT NULL OR d.remediation IS NOT NULL
                              THEN markup(concat_ws(' ', d.description, d.remediation), 'markdown')
                         END,
               'severity', severity(d.severity), 'workload', json_text(d.element -> 'ServiceName'),
               'domain', json_text(d.element #> '{Categories,0}'),
               'manage_url', json_text(d.element -> 'Remediation' -> 'Recommendation' -> 'Url'),
               'details', strip_empty_fields(
                   (d.element - '{CheckID,CheckTitle,Description,Severity,'
                                'ServiceName,Compliance}'::text[])
                   #- '{Remediation,Recommendation,Text}' #- '{Remediation,Recommendation,Url}'
                   || jsonb_build_object('compliance', d.element -> 'Compliance'))))
           || former_check(d.provider, d.name, d.key)
    FROM definition d WHERE d.copy = 1;
END;
COMMENT ON FUNCTION posture_internal.prowler_check_item(jsonb, text) IS
    'returns the items of a document of check metadata of Prowler';

/*
 * The forms in which documents of Microsoft come: as an API lists them (in the
 * envelope "value", "data" or "records"), as a table of Resource Graph or of Log
 * Analytics, and as PowerShell writes objects, with names in capitals.
 */

-- A table has its columns beside its rows.
CREATE FUNCTION posture_internal.microsoft_table(page jsonb)
    RETURNS TABLE (location text, content jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.location, t.content
    FROM (SELECT '' AS location, page AS content
          UNION ALL
          SELECT '.data', page -> 'data'
          UNION ALL
          SELECT format('.tables[%s]', a.n - 1), a.content
          FROM jsonb_array_elements(array_or_empty(page -> 'tables'))
               WITH ORDINALITY a(content, n)) t
    WHERE jsonb_typeof(t.content -> 'columns') = 'array'
      AND jsonb_typeof(t.content -> 'rows') = 'array';
END;
COMMENT ON FUNCTION posture_internal.microsoft_table(jsonb) IS
    'returns the tables of a page: the page itself, its data, or its tables';

-- Log Analytics writes objects in cells as text.
CREATE FUNCTION posture_internal.microsoft_row(columns jsonb, "row" jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    RETURN CASE WHEN jsonb_typeof("row") = 'array' THEN (
               SELECT jsonb_object_agg(n.name, CASE
                          WHEN jsonb_typeof(c.cell) = 'string' AND c.cell #>> '{}' ~ '^[[{]'
                          THEN read_json(c.cell #>> '{}') ELSE c.cell END)
               FROM jsonb_array_elements("row") WITH ORDINALITY c(cell, n)
               CROSS JOIN LATERAL (
                   SELECT coalesce(columns -> (c.n - 1)::integer ->> 'name',
                                   columns -> (c.n - 1)::integer ->> 'ColumnName',
                                   columns ->> (c.n - 1)::integer) AS name) n
               WHERE n.name IS NOT NULL)
           ELSE "row" END;
COMMENT ON FUNCTION posture_internal.microsoft_row(jsonb, jsonb) IS
    'returns a row of a table as an object';

-- The SDK of Graph keeps fields that it does not know in additionalProperties.
CREATE FUNCTION posture_internal.camel_case(value jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    named jsonb;
BEGIN
    IF jsonb_typeof(value) = 'array' THEN
        RETURN (SELECT coalesce(jsonb_agg(camel_case(e.element) ORDER BY e.n), '[]')
                FROM jsonb_array_elements(value) WITH ORDINALITY e(element, n));
    ELSIF jsonb_typeof(value) <> 'object' THEN
        RETURN value;
    END IF;
    named := (SELECT coalesce(jsonb_object_agg(lower(left(f.key, 1)) || substr(f.key, 2),
                                               camel_case(f.value)), '{}')
              FROM jsonb_each(value) f);
    RETURN object_or_empty(named -> 'additionalProperties') || (named - 'additionalProperties');
END $$;
COMMENT ON FUNCTION posture_internal.camel_case(jsonb) IS
    'returns a value with the names of all fields in it as the APIs write them, which begin with a '
    'small letter';

CREATE FUNCTION posture_internal.microsoft_element(document jsonb)
    RETURNS TABLE (location text, element jsonb)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT p.location || i.path,
           CASE WHEN i.element ?| '{Id,Name,AzureTenantId,AssessedResourceId}'
                     AND jsonb_typeof(i.element) = 'object' AND NOT i.element ?| '{id,name}'
                THEN camel_case(i.element) ELSE i.element END
    FROM document_element(document, '{value,data,records,Value,Data,Records}')
         p(location, page)
    CROSS JOIN LATERAL (
        SELECT '' AS path, p.page AS element
        WHERE NOT coalesce(p.page ?| '{columns,data,tables}', false)
           OR NOT EXISTS (SELECT FROM microsoft_table(p.page))
        UNION ALL
        SELECT format('%s.rows[%s]', t.location, r.n - 1),
               microsoft_row(t.content -> 'columns', r."row")
        FROM microsoft_table(p.page) t
        CROSS JOIN LATERAL jsonb_array_elements(t.content -> 'rows')
                           WITH ORDINALITY r("row", n)
        WHERE p.page ?| '{columns,data,tables}') i;
END;
COMMENT ON FUNCTION posture_internal.microsoft_element(jsonb) IS
    'returns the elements of a document of Microsoft as the APIs write them, whatever form it has';

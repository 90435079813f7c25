\set ECHO none
-- What a function makes of a document, beside what is expected.

-- Items as JSON without the fields that are NULL, and without the extents of findings, which
-- sql/extent.sql tests; the locations and times are those of UTC.
CREATE FUNCTION pg_temp.items(mapping text, document text, type text, of_source text)
    RETURNS SETOF jsonb LANGUAGE plpgsql SET timezone = 'UTC' AS $$
BEGIN
    RETURN QUERY EXECUTE format('
        SELECT (SELECT jsonb_object_agg(f.key, f.value)
                FROM jsonb_each(to_jsonb(i)) f
                WHERE f.value <> ''null'' AND NOT (f.key = ''object'' AND f.value ? ''extents''))
        FROM %I(%L::%s, %L) i', mapping, document, type, of_source);
END $$;

-- The items that are missing and those that are not expected: no row if there are none. Of a
-- type alone if one is given.
CREATE FUNCTION pg_temp.differences(mapping text, document jsonb, expected jsonb,
                                    of_source text DEFAULT NULL, of_type text DEFAULT NULL)
    RETURNS TABLE (difference text, item jsonb) LANGUAGE sql AS $$
    WITH actual AS MATERIALIZED (
        SELECT i FROM pg_temp.items(mapping, document::text, 'jsonb', of_source) i
        WHERE of_type IS NULL OR i ->> 'type' = of_type
    ), expected AS (
        SELECT e FROM jsonb_array_elements(expected) e
    )
    SELECT 'missing', x.* FROM (TABLE expected EXCEPT ALL TABLE actual) x
    UNION ALL
    SELECT 'not expected', x.* FROM (TABLE actual EXCEPT ALL TABLE expected) x $$;
CREATE FUNCTION pg_temp.differences(mapping text, document xml, expected jsonb,
                                    of_source text DEFAULT NULL, of_type text DEFAULT NULL)
    RETURNS TABLE (difference text, item jsonb) LANGUAGE sql AS $$
    WITH actual AS MATERIALIZED (
        SELECT i FROM pg_temp.items(mapping, document::text, 'xml', of_source) i
        WHERE of_type IS NULL OR i ->> 'type' = of_type
    ), expected AS (
        SELECT e FROM jsonb_array_elements(expected) e
    )
    SELECT 'missing', x.* FROM (TABLE expected EXCEPT ALL TABLE actual) x
    UNION ALL
    SELECT 'not expected', x.* FROM (TABLE actual EXCEPT ALL TABLE expected) x $$;

-- Why an element is not loaded.
CREATE FUNCTION pg_temp.reason(error text, type text, object jsonb) RETURNS text LANGUAGE sql
RETURN CASE type WHEN 'left_out' THEN 'left out: ' || (object ->> 'reason') ELSE error END;

-- Cases of a list: an input, and what must become of it.
CREATE TEMP TABLE cases (about text, input text, expected text);
-- The cases of a list that are not as expected. Of the document, which is made from the input, the
-- expression says what counts: in each of its items that are findings, left out or no element of
-- the format, or in those of another type that is given, or in all of them.
CREATE FUNCTION pg_temp.wrong(of_list text, mapping text, document text, expression text,
                              of_type text DEFAULT 'finding')
    RETURNS TABLE (input text, expected text, actual text)
    LANGUAGE plpgsql SET timezone = 'UTC' AS $$
BEGIN
    RETURN QUERY EXECUTE format('
        SELECT c.input, c.expected, f.actual
        FROM cases c
        CROSS JOIN LATERAL (SELECT string_agg((%s)::text, ''; ''
                                              ORDER BY length(location), location, type)
                            FROM (SELECT c.input) x, %I(%s, NULL)
                            WHERE %L IN (type, ''all'')
                               OR %4$L = ''finding'' AND (type = ''left_out'' OR type IS NULL)) f(actual)
        WHERE c.about = %L AND f.actual IS DISTINCT FROM c.expected',
        expression, mapping, document, of_type, of_list);
END $$;
SET client_min_messages = warning;
\set ECHO all

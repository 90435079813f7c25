/*
 * Documents, as products publish them, are split into items: a row for each
 * finding, asset, recommendation, ... that a document reports. Each format has
 * one function for that. What load() does with an item is the same for all
 * formats.
 */

CREATE TYPE posture_internal.item AS (
    location text,
    error text,
    type text,
    source text,
    recommendation text,
    asset text,
    state text,
    observed_at timestamptz,
    asset_kind text,
    asset_name text,
    details jsonb,
    object jsonb
);
COMMENT ON TYPE posture_internal.item IS
    'one element of a document: a finding in the columns of the inbox, anything else as an object '
    'of format posture';
COMMENT ON COLUMN posture_internal.item.location IS
    'where the element is in the document: a path of jsonpath or XPath';
COMMENT ON COLUMN posture_internal.item.error IS 'why the element can''t be loaded; NULL if it can';
COMMENT ON COLUMN posture_internal.item.type IS
    'type of the element: finding, recommendation, asset, ...; NULL if it is not an element of '
    'the format';
COMMENT ON COLUMN posture_internal.item.source IS 'key of the source';
COMMENT ON COLUMN posture_internal.item.recommendation IS
    'finding: key of the recommendation within its source';
COMMENT ON COLUMN posture_internal.item.asset IS 'finding: key of the asset';
COMMENT ON COLUMN posture_internal.item.state IS
    'finding: compliant, non_compliant or not_applicable';
COMMENT ON COLUMN posture_internal.item.observed_at IS
    'finding: when the source saw it; NULL for now';
COMMENT ON COLUMN posture_internal.item.asset_kind IS
    'finding: kind of the asset; NULL if the document does not say';
COMMENT ON COLUMN posture_internal.item.asset_name IS
    'finding: name of the asset; NULL if the document does not say';
COMMENT ON COLUMN posture_internal.item.details IS
    'finding: everything else that the source reports';
COMMENT ON COLUMN posture_internal.item.object IS
    'finding: its extents, see extent_object(); anything else: the object of format posture; with '
    'an error, the element of the document';

CREATE FUNCTION posture_internal.has_item(of_type text, field text DEFAULT NULL) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM posture_item i
                   WHERE i.type = of_type AND (field IS NULL OR i.object ? field));
END $$;
COMMENT ON FUNCTION posture_internal.has_item(text, text) IS
    'step of load() and ingest(): whether a document has an item of a type, whose object has a '
    'field if one is given';

CREATE FUNCTION posture_internal.document_page(document jsonb)
    RETURNS TABLE (location text, page jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT '$', document WHERE jsonb_typeof(document) <> 'array'
    UNION ALL
    SELECT '$[' || n || ']', document -> n FROM json_position(document) n;
END;
COMMENT ON FUNCTION posture_internal.document_page(jsonb) IS
    'returns the pages of a document: the elements of an array, or the document itself';

-- An envelope is an object with an array under one of the names, of which the
-- first that the object has counts. A location is a path for jsonb_path_query().
CREATE FUNCTION posture_internal.document_element(document jsonb, envelopes text[])
    RETURNS TABLE (location text, element jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT p.location || i.path, i.element
    FROM (SELECT document #> '{}' AS document OFFSET 0) d
    CROSS JOIN LATERAL (
        SELECT s.location, s.page, (SELECT v.name
                                    FROM unnest(envelopes) WITH ORDINALITY v(name, n)
                                    WHERE jsonb_typeof(s.page) = 'object'
                                      AND jsonb_typeof(s.page -> v.name) = 'array'
                                    ORDER BY v.n
                                    LIMIT 1) AS name
        FROM document_page(d.document) s
        OFFSET 0) p
    CROSS JOIN LATERAL (
        SELECT '' AS path, p.page AS element WHERE p.name IS NULL
        UNION ALL
        SELECT format('.%s[%s]', p.name, n), l.elements -> n
        FROM (SELECT p.page -> p.name AS elements WHERE p.name IS NOT NULL OFFSET 0) l
        CROSS JOIN LATERAL json_position(l.elements) n) i;
END;
COMMENT ON FUNCTION posture_internal.document_element(jsonb, text[]) IS
    'returns the elements of a document: of an array, of an envelope with one of the names, of an '
    'array of envelopes, or the document itself';

CREATE FUNCTION posture_internal.source_key(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN nullif(btrim(regexp_replace(lower(left(name, 100)), '[^a-z0-9]+', '-', 'g'), '-'), '');
COMMENT ON FUNCTION posture_internal.source_key(text) IS
    'returns the key of a source for the name of a product: security-hub for Security Hub';

CREATE FUNCTION posture_internal.severity(name text) RETURNS importance
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE lower(name)
        WHEN 'critical' THEN 'critical' WHEN 'fatal' THEN 'critical'
        WHEN 'high' THEN 'high'
        WHEN 'medium' THEN 'medium' WHEN 'moderate' THEN 'medium'
        WHEN 'low' THEN 'low' WHEN 'informational' THEN 'low' WHEN 'info' THEN 'low'
    END::importance;
COMMENT ON FUNCTION posture_internal.severity(text) IS
    'returns the severity that products call by a name; NULL for other names, such as unknown';

-- Reports need the kind of markup to display a text. Nothing here interprets it.
CREATE FUNCTION posture_internal.markup(published text, otherwise text DEFAULT 'plain') RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN published ~* '</?[a-z][a-z0-9]*(\s[^<>]*)?/?>' THEN 'html' ELSE otherwise END;
COMMENT ON FUNCTION posture_internal.markup(text, text) IS
    'returns html for a text with a tag, otherwise the second argument: plain or markdown';

CREATE FUNCTION posture_internal.first_error(VARIADIC errors text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT f.error FROM unnest(errors) WITH ORDINALITY f(error, n) WHERE f.error IS NOT NULL
            ORDER BY f.n LIMIT 1);
COMMENT ON FUNCTION posture_internal.first_error(text[]) IS
    'returns the first error of several; NULL if there is none';

-- Documents come from outside: a single element must not exhaust the memory of
-- the sessions that read it.
CREATE FUNCTION posture_internal.size_error(value jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN pg_column_size(value) > 1048576
                    THEN format('has %s bytes, more than 1048576', pg_column_size(value)) END;
COMMENT ON FUNCTION posture_internal.size_error(jsonb) IS
    'returns the error for an element that is too large; NULL if it is not';

-- It returns a row, see object_error().
CREATE FUNCTION posture_internal.item_error(
    of_format text, error text, type text, source text, details jsonb, object jsonb, types jsonb)
    RETURNS TABLE (reason text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE
        WHEN error IS NOT NULL THEN error
        WHEN type IS NULL THEN 'not an element of the format'
        WHEN size_error(coalesce(details, object)) IS NOT NULL
            THEN size_error(coalesce(details, object))
        -- native_item() has checked the objects of format posture
        WHEN of_format = 'posture' OR type IN ('finding', 'left_out', 'report') THEN NULL
        -- the formats make these objects, possibly many
        WHEN type = 'asset' THEN coalesce(key_error('asset', object ->> 'key'),
                                          kind_error(object ->> 'kind'))
        ELSE (SELECT e.error
              FROM object_error(
                  type, CASE WHEN type IN ('recommendation', 'measure', 'exemption', 'attestation')
                             THEN (object - 'former') || jsonb_build_object('source', source)
                             ELSE object END, types) e)
    END;
END;
COMMENT ON FUNCTION posture_internal.item_error(
    text, text, text, text, jsonb, jsonb, jsonb) IS
    'returns why an item can''t be loaded, by object_types(); NULL if it can';

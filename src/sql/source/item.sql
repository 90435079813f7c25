/*
 * Documents, as products publish them, are taken apart into items: one row for
 * each thing that a document says. A function for each format (src/sql/87 and
 * on) does that and nothing else; what an item does to the catalog and to
 * findings is the same for all formats (src/sql/86_load_item.sql).
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
COMMENT ON TYPE posture_internal.item IS 'one thing that a document says: a finding in the columns of the inbox, anything else as an object of format posture';
COMMENT ON COLUMN posture_internal.item.location IS 'where in the document: a path of jsonpath or XPath';
COMMENT ON COLUMN posture_internal.item.error IS 'why it can''t be loaded; NULL: it can';
COMMENT ON COLUMN posture_internal.item.type IS 'what it is: finding, recommendation, asset, ...; NULL: not an element of the format';
COMMENT ON COLUMN posture_internal.item.source IS 'key of the source';
COMMENT ON COLUMN posture_internal.item.recommendation IS 'of a finding: the source''s key of the recommendation';
COMMENT ON COLUMN posture_internal.item.asset IS 'of a finding: key of the asset';
COMMENT ON COLUMN posture_internal.item.state IS 'of a finding: compliant, non_compliant or not_applicable';
COMMENT ON COLUMN posture_internal.item.observed_at IS 'of a finding: when the source saw it; NULL: now';
COMMENT ON COLUMN posture_internal.item.asset_kind IS 'of a finding: kind of the asset; NULL: no word on it';
COMMENT ON COLUMN posture_internal.item.asset_name IS 'of a finding: name of the asset; NULL: no word on it';
COMMENT ON COLUMN posture_internal.item.details IS 'of a finding: what else the source says';
COMMENT ON COLUMN posture_internal.item.object IS 'of anything else: the object of format posture; with a fault: the element of the document';

-- The elements of a document: of an array, of an envelope around one (the
-- first of its names that is there), of an array of envelopes, or the document
-- itself. A location is a path that jsonb_path_query() takes.
CREATE FUNCTION posture_internal.document_element(document jsonb, envelopes text[])
    RETURNS TABLE (location text, element jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT p.location || CASE WHEN e.name IS NULL THEN '' ELSE format('.%s[%s]', e.name, i.n - 1) END,
           CASE WHEN e.name IS NULL THEN p.page ELSE i.element END
    FROM (SELECT '$' AS location, document AS page WHERE jsonb_typeof(document) <> 'array'
          UNION ALL
          SELECT format('$[%s]', a.n - 1), a.page
          FROM jsonb_array_elements(CASE jsonb_typeof(document) WHEN 'array' THEN document END) WITH ORDINALITY a(page, n)) p
    LEFT JOIN LATERAL (SELECT v.name
                       FROM unnest(envelopes) WITH ORDINALITY v(name, n)
                       WHERE jsonb_typeof(p.page) = 'object' AND jsonb_typeof(p.page -> v.name) = 'array'
                       ORDER BY v.n
                       LIMIT 1) e ON true
    LEFT JOIN LATERAL jsonb_array_elements(p.page -> e.name) WITH ORDINALITY i(element, n) ON e.name IS NOT NULL
    WHERE e.name IS NULL OR i.n IS NOT NULL;
END;
COMMENT ON FUNCTION posture_internal.document_element(jsonb, text[]) IS 'the elements of a document: of an array, of an envelope by one of the names, of an array of envelopes, or itself';

CREATE FUNCTION posture_internal.source_key(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN nullif(btrim(regexp_replace(lower(left(name, 100)), '[^a-z0-9]+', '-', 'g'), '-'), '');
COMMENT ON FUNCTION posture_internal.source_key(text) IS 'a key for a product of which a document says the name: Security Hub is security-hub';

CREATE FUNCTION posture_internal.severity(name text) RETURNS importance
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE lower(name)
        WHEN 'critical' THEN 'critical' WHEN 'fatal' THEN 'critical'
        WHEN 'high' THEN 'high'
        WHEN 'medium' THEN 'medium' WHEN 'moderate' THEN 'medium'
        WHEN 'low' THEN 'low' WHEN 'informational' THEN 'low' WHEN 'info' THEN 'low'
    END::importance;
COMMENT ON FUNCTION posture_internal.severity(text) IS 'a severity by the names that products give it; NULL: none of them, such as unknown';

-- marked, so that who shows it knows what it is; nothing here interprets it
CREATE FUNCTION posture_internal.markup(published text, otherwise text DEFAULT 'plain') RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN published ~* '</?[a-z][a-z0-9]*(\s[^<>]*)?/?>' THEN 'html' ELSE otherwise END;
COMMENT ON FUNCTION posture_internal.markup(text, text) IS 'html where a text has a tag, otherwise what the format says: plain or markdown';

CREATE FUNCTION posture_internal.first_error(VARIADIC errors text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT f.error FROM unnest(errors) WITH ORDINALITY f(error, n) WHERE f.error IS NOT NULL ORDER BY f.n LIMIT 1);
COMMENT ON FUNCTION posture_internal.first_error(text[]) IS 'the first fault of several; NULL: none';

-- Text comes from outside: one element must not fill the memory of everybody
-- who reads it.
CREATE FUNCTION posture_internal.size_error(value jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN pg_column_size(value) > 1048576 THEN format('has %s bytes, more than 1048576', pg_column_size(value)) END;
COMMENT ON FUNCTION posture_internal.size_error(jsonb) IS 'why an element is too large; NULL: it is not';


CREATE FUNCTION posture_internal.item_error(of_format text, error text, type text, source text, details jsonb, object jsonb) RETURNS text
    LANGUAGE sql STABLE
    RETURN CASE
        WHEN error IS NOT NULL THEN error
        WHEN type IS NULL THEN 'not an element of the format'
        WHEN size_error(coalesce(details, object)) IS NOT NULL THEN size_error(coalesce(details, object))
        -- those of format posture are checked already
        WHEN of_format = 'posture' OR type IN ('finding', 'left_out', 'report') THEN NULL
        -- made by us, and there may be many
        WHEN type = 'asset' THEN coalesce(key_error('asset', object ->> 'key'), kind_error(object ->> 'kind'))
        WHEN type IN ('recommendation', 'measure', 'exemption') THEN
            object_error(type, object || jsonb_build_object('source', source))
        ELSE object_error(type, object)
    END;
COMMENT ON FUNCTION posture_internal.item_error(text, text, text, text, jsonb, jsonb) IS 'why an item can''t be loaded; NULL: it can';

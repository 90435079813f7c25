/*
 * Documents, as products publish them, are taken apart into items: one row for
 * each thing that a document says. A function for each format (src/sql/87 and
 * on) does that and nothing else; what an item does to the catalog and to
 * findings is the same for all formats (src/sql/86_load_item.sql).
 */

CREATE TYPE posture.item AS (
    location text,
    fault text,
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
COMMENT ON TYPE posture.item IS 'one thing that a document says: a finding in the columns of the inbox, anything else as an object of format posture';
COMMENT ON COLUMN posture.item.location IS 'where in the document: a path of jsonpath or XPath';
COMMENT ON COLUMN posture.item.fault IS 'why it can''t be loaded; NULL: it can';
COMMENT ON COLUMN posture.item.type IS 'what it is: finding, recommendation, asset, ...; NULL: nothing of the format';
COMMENT ON COLUMN posture.item.source IS 'key of the source';
COMMENT ON COLUMN posture.item.recommendation IS 'of a finding: the source''s key of the recommendation';
COMMENT ON COLUMN posture.item.asset IS 'of a finding: key of the asset';
COMMENT ON COLUMN posture.item.state IS 'of a finding: compliant, non_compliant or not_applicable';
COMMENT ON COLUMN posture.item.observed_at IS 'of a finding: when the source saw it; NULL: now';
COMMENT ON COLUMN posture.item.asset_kind IS 'of a finding: kind of the asset; NULL: no word on it';
COMMENT ON COLUMN posture.item.asset_name IS 'of a finding: name of the asset; NULL: no word on it';
COMMENT ON COLUMN posture.item.details IS 'of a finding: what else the source says';
COMMENT ON COLUMN posture.item.object IS 'of anything else: the object of format posture; with a fault: the element of the document';

-- The elements of a document: of an array, of an envelope around one (the
-- first of its names that is there), of an array of envelopes, or the document
-- itself. A location is a path that jsonb_path_query() takes.
CREATE FUNCTION posture.document_element(document jsonb, envelopes text[])
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
COMMENT ON FUNCTION posture.document_element(jsonb, text[]) IS 'the elements of a document: of an array, of an envelope by one of the names, of an array of envelopes, or itself';

CREATE FUNCTION posture.text_at(element jsonb, VARIADIC path text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(element #> path) IN ('string', 'number', 'boolean')
           THEN nullif(btrim(element #>> path, E' \t\r\n'), '') END;
COMMENT ON FUNCTION posture.text_at(jsonb, text[]) IS 'the string, number or boolean at a path of a document, without white space around it; NULL: none, or empty';

CREATE FUNCTION posture.number_at(element jsonb, VARIADIC path text[]) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(element #> path) WHEN 'number' THEN (element #> path)::numeric END;
COMMENT ON FUNCTION posture.number_at(jsonb, text[]) IS 'the number at a path of a document; NULL: none';

CREATE FUNCTION posture.array_at(element jsonb, VARIADIC path text[]) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(element #> path) WHEN 'array' THEN element #> path ELSE '[]' END;
COMMENT ON FUNCTION posture.array_at(jsonb, text[]) IS 'the array at a path of a document; an empty one where there is none';

CREATE FUNCTION posture.object_at(element jsonb, VARIADIC path text[]) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(element #> path) WHEN 'object' THEN element #> path ELSE '{}' END;
COMMENT ON FUNCTION posture.object_at(jsonb, text[]) IS 'the object at a path of a document; an empty one where there is none';

-- A time without a zone is of the zone that is given, whatever the session's is.
-- E'', because a body in PL/pgSQL is read as the session has
-- standard_conforming_strings; and not PARALLEL SAFE, because before PostgreSQL
-- 17 no error can be caught in a parallel query.
CREATE FUNCTION posture.moment(value text, zone text DEFAULT 'UTC') RETURNS timestamptz
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD'
AS $$
BEGIN
    IF value !~ E'^\\d{4}-\\d\\d-\\d\\d([Tt ]\\d\\d:\\d\\d(:\\d\\d(\\.\\d+)?)?\\s*([Zz]|[+-]\\d\\d(:?\\d\\d)?)?)?$' THEN
        RETURN NULL;
    ELSIF value ~ E'([Zz]|[T ].*[+-]\\d\\d(:?\\d\\d)?)$' THEN
        RETURN value::timestamptz;
    END IF;
    RETURN value::timestamp AT TIME ZONE zone;
EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format OR invalid_time_zone_displacement_value THEN
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture.moment(text, text) IS 'a time as ISO 8601 writes it, of a zone where it names none; NULL: it is no time';

-- seconds reach 10^11 in the year 5138, and milliseconds left it behind in 1973
CREATE FUNCTION posture.moment(epoch numeric) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN epoch BETWEEN 0 AND 99999999999 THEN to_timestamp(epoch::double precision)
                WHEN epoch BETWEEN 100000000000 AND 99999999999999 THEN to_timestamp(epoch::double precision / 1000) END;
COMMENT ON FUNCTION posture.moment(numeric) IS 'a time in seconds or milliseconds since 1970; NULL: it is no time';

CREATE FUNCTION posture.source_key(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN nullif(btrim(regexp_replace(lower(left(name, 100)), '[^a-z0-9]+', '-', 'g'), '-'), '');
COMMENT ON FUNCTION posture.source_key(text) IS 'a key for a product of which a document says the name: Security Hub is security-hub';

CREATE FUNCTION posture.severity(name text) RETURNS posture.importance
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE lower(name)
        WHEN 'critical' THEN 'critical' WHEN 'fatal' THEN 'critical'
        WHEN 'high' THEN 'high'
        WHEN 'medium' THEN 'medium' WHEN 'moderate' THEN 'medium'
        WHEN 'low' THEN 'low' WHEN 'informational' THEN 'low' WHEN 'info' THEN 'low'
    END::posture.importance;
COMMENT ON FUNCTION posture.severity(text) IS 'a severity by the names that products give it; NULL: none of them, such as unknown';

-- marked, so that who shows it knows what it is; nothing here interprets it
CREATE FUNCTION posture.markup(published text, otherwise text DEFAULT 'plain') RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN published ~* '</?[a-z][a-z0-9]*(\s[^<>]*)?/?>' THEN 'html' ELSE otherwise END;
COMMENT ON FUNCTION posture.markup(text, text) IS 'html where a text has a tag, otherwise what the format says: plain or markdown';

CREATE FUNCTION posture.item_fault(VARIADIC faults text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT f.fault FROM unnest(faults) WITH ORDINALITY f(fault, n) WHERE f.fault IS NOT NULL ORDER BY f.n LIMIT 1);
COMMENT ON FUNCTION posture.item_fault(text[]) IS 'the first fault of several; NULL: none';

CREATE FUNCTION posture.what_is(value jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(value) WHEN 'null' THEN 'null' WHEN 'array' THEN 'an array' WHEN 'object' THEN 'an object'
                                    ELSE 'a ' || jsonb_typeof(value) END;
COMMENT ON FUNCTION posture.what_is(jsonb) IS 'what a value in a document is, for a message: an object, a number, null';

CREATE FUNCTION posture.not_object(value jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(value) <> 'object' THEN 'expected an object, found ' || posture.what_is(value) END;
COMMENT ON FUNCTION posture.not_object(jsonb) IS 'that something is no object, and what it is; NULL: it is one';

CREATE FUNCTION posture.without_empty(object jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT jsonb_object_agg(e.key, e.value)
            FROM jsonb_each(CASE jsonb_typeof(object) WHEN 'object' THEN object END) e
            WHERE e.value NOT IN ('null', '""', '[]', '{}'));
COMMENT ON FUNCTION posture.without_empty(jsonb) IS 'an object without what is null or empty in it; NULL: nothing is left';

CREATE FUNCTION posture.told(object jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN object - coalesce((SELECT array_agg(e.key) FROM jsonb_each(object) e WHERE e.value = 'null'), '{}');
COMMENT ON FUNCTION posture.told(jsonb) IS 'an object without its fields that are null, which say nothing; what is deeper in it stays';

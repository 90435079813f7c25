CREATE FUNCTION posture_internal.text_at(element jsonb, VARIADIC path text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(element #> path) IN ('string', 'number', 'boolean')
           THEN nullif(btrim(element #>> path, E' \t\r\n'), '') END;
COMMENT ON FUNCTION posture_internal.text_at(jsonb, text[]) IS 'the string, number or boolean at a path of a document, without white space around it; NULL: none, or empty';

CREATE FUNCTION posture_internal.number_at(element jsonb, VARIADIC path text[]) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(element #> path) WHEN 'number' THEN (element #> path)::numeric END;
COMMENT ON FUNCTION posture_internal.number_at(jsonb, text[]) IS 'the number at a path of a document; NULL: none';

CREATE FUNCTION posture_internal.array_at(element jsonb, VARIADIC path text[]) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(element #> path) WHEN 'array' THEN element #> path ELSE '[]' END;
COMMENT ON FUNCTION posture_internal.array_at(jsonb, text[]) IS 'the array at a path of a document; an empty one where there is none';

CREATE FUNCTION posture_internal.object_at(element jsonb, VARIADIC path text[]) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(element #> path) WHEN 'object' THEN element #> path ELSE '{}' END;
COMMENT ON FUNCTION posture_internal.object_at(jsonb, text[]) IS 'the object at a path of a document; an empty one where there is none';

-- A time without a zone is of the zone that is given, whatever the session's is.
-- E'', because a body in PL/pgSQL is read as the session has
-- standard_conforming_strings; and not PARALLEL SAFE, because before PostgreSQL
-- 17 no error can be caught in a parallel query.
CREATE FUNCTION posture_internal.parse_time(value text, zone text DEFAULT 'UTC') RETURNS timestamptz
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, posture, posture_internal, pg_temp SET datestyle = 'ISO, YMD'
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
COMMENT ON FUNCTION posture_internal.parse_time(text, text) IS 'a time as ISO 8601 writes it, of a zone where it names none; NULL: it is no time';

-- seconds reach 10^11 in the year 5138, and milliseconds left it behind in 1973
CREATE FUNCTION posture_internal.parse_time(epoch numeric) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN epoch BETWEEN 0 AND 99999999999 THEN to_timestamp(epoch::double precision)
                WHEN epoch BETWEEN 100000000000 AND 99999999999999 THEN to_timestamp(epoch::double precision / 1000) END;
COMMENT ON FUNCTION posture_internal.parse_time(numeric) IS 'a time in seconds or milliseconds since 1970; NULL: it is no time';

CREATE FUNCTION posture_internal.json_type_name(value jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(value) WHEN 'null' THEN 'null' WHEN 'array' THEN 'an array' WHEN 'object' THEN 'an object'
                                    ELSE 'a ' || jsonb_typeof(value) END;
COMMENT ON FUNCTION posture_internal.json_type_name(jsonb) IS 'what a value in a document is, for a message: an object, a number, null';

CREATE FUNCTION posture_internal.not_object_error(value jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(value) <> 'object' THEN 'expected an object, found ' || json_type_name(value) END;
COMMENT ON FUNCTION posture_internal.not_object_error(jsonb) IS 'that something is no object, and what it is; NULL: it is one';

CREATE FUNCTION posture_internal.strip_empty(object jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT jsonb_object_agg(e.key, e.value)
            FROM jsonb_each(CASE jsonb_typeof(object) WHEN 'object' THEN object END) e
            WHERE e.value NOT IN ('null', '""', '[]', '{}'));
COMMENT ON FUNCTION posture_internal.strip_empty(jsonb) IS 'an object without what is null or empty in it; NULL: nothing is left';

CREATE FUNCTION posture_internal.strip_nulls(object jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN object - coalesce((SELECT array_agg(e.key) FROM jsonb_each(object) e WHERE e.value = 'null'), '{}');
COMMENT ON FUNCTION posture_internal.strip_nulls(jsonb) IS 'an object without its fields that are null, which say nothing; what is deeper in it stays';

CREATE FUNCTION posture_internal.json_text(value jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(value) IN ('string', 'number', 'boolean')
           THEN nullif(btrim(value #>> '{}', E' \t\r\n'), '') END;
COMMENT ON FUNCTION posture_internal.json_text(jsonb) IS 'a string, number or boolean as text; NULL: none, or empty';

CREATE FUNCTION posture_internal.text_field(object jsonb, key text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN nullif(object ->> key, '');
COMMENT ON FUNCTION posture_internal.text_field(jsonb, text) IS 'what an object has under a key, as text whatever it is; NULL: nothing, or empty';

CREATE FUNCTION posture_internal.nonempty(value jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN nullif(nullif(nullif(value, '""'), '[]'), '{}');
COMMENT ON FUNCTION posture_internal.nonempty(jsonb) IS 'a value of a document; NULL: none, or empty';

-- all days but those that only some months have: the few that are left, and
-- what is no time at all, cost more to read
CREATE FUNCTION posture_internal.finding_time(value text) RETURNS timestamptz
    LANGUAGE sql STABLE
    RETURN CASE WHEN value ~ '^(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-](0\d|1[0-4]):[0-5]\d)$'
                THEN value::timestamptz ELSE parse_time(value) END;
COMMENT ON FUNCTION posture_internal.finding_time(text) IS 'a time as ISO 8601 writes it, of UTC where it names no zone; NULL: it is no time';

-- Numbers come as numbers and as text.
CREATE FUNCTION posture_internal.numeric_at(element jsonb, VARIADIC path text[]) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(element #> path) = 'number' THEN (element #> path)::numeric
                WHEN jsonb_typeof(element #> path) = 'string' AND element #>> path ~ '^\s*-?\d{1,20}(\.\d{1,20})?\s*$' THEN (element #>> path)::numeric END;
COMMENT ON FUNCTION posture_internal.numeric_at(jsonb, text[]) IS 'the number at a path of a document, also where it is written as text; NULL: none';

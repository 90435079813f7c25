/*
 * Values of documents in JSON. Products write the same value in several ways:
 * as text or as a number, null or empty, or with an object where a name is
 * expected. These functions read a value, and give NULL, or an empty array or
 * object, for one that is missing or of another type.
 *
 * They are called for every element of a document, so all but the second half
 * of parse_time() are SQL that the planner can inline. It does so as long as an
 * argument that a body names twice is cheap: a few "->".
 */

CREATE FUNCTION posture_internal.json_text(value jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(value) IN ('string', 'number', 'boolean')
           THEN nullif(btrim(value #>> '{}', E' \t\r\n'), '') END;
COMMENT ON FUNCTION posture_internal.json_text(jsonb) IS
    'returns a string, number or boolean as text without white space around it; '
    'NULL if that is empty or the value is of another type. '
    'nullif(object ->> key, '''') also takes objects and arrays, and keeps white space.';

CREATE FUNCTION posture_internal.json_number(value jsonb) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(value) = 'number' THEN value::numeric
                WHEN jsonb_typeof(value) = 'string'
                     AND value #>> '{}'
                         ~ '^\s*[+-]?(\d{1,20}(\.\d{0,20})?|\.\d{1,20})([eE][+-]?\d\d?)?\s*$'
                THEN (value #>> '{}')::numeric END;
COMMENT ON FUNCTION posture_internal.json_number(jsonb) IS
    'returns a number, also one that is written as a string; NULL if the value is not a number';

CREATE FUNCTION posture_internal.array_or_empty(value jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(value) WHEN 'array' THEN value ELSE '[]' END;
COMMENT ON FUNCTION posture_internal.array_or_empty(jsonb) IS
    'returns an array as it is, and an empty array for NULL or a value of another type';

-- jsonb_array_elements() would keep a copy of all elements until the last one is read.
CREATE FUNCTION posture_internal.json_position(value jsonb) RETURNS SETOF integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT n FROM generate_series(0, CASE jsonb_typeof(value)
                                     WHEN 'array' THEN jsonb_array_length(value) END - 1) n;
END;
COMMENT ON FUNCTION posture_internal.json_position(jsonb) IS
    'returns the positions of the elements of an array, from 0; none for a value of another type';

CREATE FUNCTION posture_internal.object_or_empty(value jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(value) WHEN 'object' THEN value ELSE '{}' END;
COMMENT ON FUNCTION posture_internal.object_or_empty(jsonb) IS
    'returns an object as it is, and an empty object for NULL or a value of another type';

CREATE FUNCTION posture_internal.nonempty(value jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN nullif(nullif(nullif(value, '""'), '[]'), '{}');
COMMENT ON FUNCTION posture_internal.nonempty(jsonb) IS
    'returns a value of any type; NULL if it is an empty string, array or object';

CREATE FUNCTION posture_internal.strip_null_fields(object jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN object - coalesce((SELECT array_agg(e.key) FROM jsonb_each(object) e
                              WHERE e.value = 'null'), '{}');
COMMENT ON FUNCTION posture_internal.strip_null_fields(jsonb) IS
    'returns an object without its fields that are null; '
    'unlike jsonb_strip_nulls() it keeps those of nested objects';

CREATE FUNCTION posture_internal.strip_empty_fields(object jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT jsonb_object_agg(e.key, e.value)
            FROM jsonb_each(CASE jsonb_typeof(object) WHEN 'object' THEN object END) e
            WHERE e.value NOT IN ('null', '""', '[]', '{}'));
COMMENT ON FUNCTION posture_internal.strip_empty_fields(jsonb) IS
    'returns an object without its fields that are null or empty; NULL if none is left';

CREATE FUNCTION posture_internal.json_type_name(value jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(value) WHEN 'null' THEN 'null' WHEN 'array' THEN 'an array'
                WHEN 'object' THEN 'an object'
                                    ELSE 'a ' || jsonb_typeof(value) END;
COMMENT ON FUNCTION posture_internal.json_type_name(jsonb) IS
    'returns the type of a value with its article, for messages: an object, a number, null';

-- A comma groups digits in some languages and begins the decimals in others.
CREATE FUNCTION posture_internal.number_error(field text, value jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN json_number(value) IS NULL AND jsonb_typeof(value) <> 'null'
                     AND btrim(value #>> '{}') <> ''
                THEN format('%s: expected a number, found %s', field,
                            CASE jsonb_typeof(value)
                                WHEN 'string' THEN '"' || left(value #>> '{}', 100) || '"'
                                ELSE json_type_name(value) END) END;
COMMENT ON FUNCTION posture_internal.number_error(text, jsonb) IS
    'returns the error for a field that must be a number, possibly as text; NULL if it is one, or '
    'has no value';

-- PostgreSQL has no character 0, and surrogates are characters only in pairs. An even number
-- of backslashes before an escape are characters themselves.
CREATE FUNCTION posture_internal.bad_escape_pattern() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '(?<![\\])((?:[\\][\\])*)[\\](u(?:0000'
           '|[dD][89abAB][[:xdigit:]]{2}(?![\\]u[dD][c-fC-F])'
           '|(?<![\\]u[dD][89abAB][[:xdigit:]]{2}[\\]u)[dD][c-fC-F][[:xdigit:]]{2}))';
COMMENT ON FUNCTION posture_internal.bad_escape_pattern() IS
    'returns a regular expression for escapes in JSON that stand for no character: what is before '
    'the backslash of the escape, and what is after it';

CREATE FUNCTION posture_internal.bad_escape(content text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN content ~ '[\\]u(0000|[dD][89a-fA-F])'
                THEN chr(92) || (regexp_match(content, bad_escape_pattern()))[2] END;
COMMENT ON FUNCTION posture_internal.bad_escape(text) IS
    'returns the first escape in a text in JSON that stands for no character; NULL if there is none';

CREATE FUNCTION posture_internal.not_object_error(value jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        -- read_json() makes such strings
        WHEN jsonb_typeof(value) = 'string' AND left(value #>> '{}', 1000) ~ '^[[:space:]]*[[{]'
            THEN coalesce('has ' || bad_escape(value #>> '{}') || ', which is no character',
                          'not valid JSON: the line may be cut off')
        -- the type or the members of an object that was deeper than PowerShell writes by default
        WHEN jsonb_typeof(value) = 'string' AND value #>> '{}' ~ '^(@[{]|(System|Microsoft)[.]\w)'
            THEN 'expected an object, found a string: in PowerShell use "ConvertTo-Json -Depth 10"'
        WHEN jsonb_typeof(value) <> 'object'
            THEN 'expected an object, found ' || json_type_name(value) END;
COMMENT ON FUNCTION posture_internal.not_object_error(jsonb) IS
    'returns the error for a value that must be an object; NULL if it is one';

-- The tables hold no other times, so that each can be computed with.
CREATE FUNCTION posture_internal.supported_time(at timestamptz) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z' THEN at END;
COMMENT ON FUNCTION posture_internal.supported_time(timestamptz) IS
    'returns a time in the years 1900 to 9999; NULL if it is another one';

-- A number that a program wrote can have more decimals than tables hold.
CREATE FUNCTION posture_internal.round_number(value jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN json_number(value) <> round(json_number(value), 12)
                THEN trim_scale(round(json_number(value), 12))::text::jsonb ELSE value END;
COMMENT ON FUNCTION posture_internal.round_number(jsonb) IS
    'returns a number rounded to 12 decimals, and any other value as it is';

-- A time without a zone is taken to be in that of the source, else in the given one, whatever
-- the session's is. A source whose zone is not known may be further east: what it observed
-- by its clock after now, it observed just now. The zones of the world are 26 hours apart.
-- PowerShell writes the milliseconds of an epoch, as /Date(1774000000000)/. The body has no
-- backslash, because it is parsed under the session's standard_conforming_strings. The function
-- is not PARALLEL SAFE, because before PostgreSQL 17 no error can be caught in a parallel worker.
CREATE FUNCTION posture_internal.parse_rare_time(value text, zone text, of_source text)
    RETURNS timestamptz
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp SET datestyle = 'ISO, YMD'
AS $$
DECLARE
    source_zone text;
    at timestamptz;
BEGIN
    IF value ~ '^/Date[(]-?[0-9]{1,15}([+-][0-9]{4})?[)]/$' THEN
        RETURN supported_time(to_timestamp(substring(value FROM '-?[0-9]+')::numeric / 1000));
    ELSIF value !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}'
                '([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?[[:space:]]*'
                '([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?$' THEN
        RETURN NULL;
    ELSIF value ~ '([Zz]|[T ].*[+-][0-9]{2}(:?[0-9]{2})?)$' THEN
        RETURN supported_time(value::timestamptz);
    END IF;
    source_zone := (SELECT s.time_zone FROM source s WHERE s.key = of_source);
    at := supported_time(zone_time(value::timestamp, coalesce(source_zone, zone)));
    IF of_source IS NOT NULL AND source_zone IS NULL
        AND at - statement_timestamp() BETWEEN interval '0' AND interval '26 hours' THEN
        RETURN statement_timestamp();
    END IF;
    RETURN at;
EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format
    OR invalid_time_zone_displacement_value THEN
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.parse_rare_time(text, text, text) IS
    'returns a time of any form of ISO 8601, or as PowerShell writes it; NULL if the text is not a '
    'time in the years 1900 to 9999';

-- What this expression accepts can't fail in the cast, so no error has to be
-- caught: times with a zone, on the days that every month has. All other text
-- costs a subtransaction each.
CREATE FUNCTION posture_internal.is_plain_time(value text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN value ~ '^(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T'
                   '([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-](0\d|1[0-4]):[0-5]\d)$';
COMMENT ON FUNCTION posture_internal.is_plain_time(text) IS
    'returns whether a text is a time with a zone, in the form that most products write';

CREATE FUNCTION posture_internal.parse_time(
    value text, zone text DEFAULT 'UTC', of_source text DEFAULT NULL) RETURNS timestamptz
    LANGUAGE sql STABLE
    RETURN CASE WHEN is_plain_time(value) THEN value::timestamptz
                WHEN value IS NOT NULL THEN parse_rare_time(value, zone, of_source) END;
COMMENT ON FUNCTION posture_internal.parse_time(text, text, text) IS
    'returns a time as ISO 8601 writes it; if it names no zone, in that of the source that observed '
    'something then, else in the given one; '
    'NULL if the text is not a time in the years 1900 to 9999';

-- Seconds reach 10^11 in the year 5138; milliseconds passed it in 1973.
CREATE FUNCTION posture_internal.parse_epoch(epoch numeric) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN epoch BETWEEN 0 AND 99999999999 THEN to_timestamp(epoch::double precision)
                WHEN epoch BETWEEN 100000000000 AND 99999999999999
                    THEN to_timestamp(epoch::double precision / 1000) END;
COMMENT ON FUNCTION posture_internal.parse_epoch(numeric) IS
    'returns a time given in seconds or milliseconds since 1970; NULL if it is out of range';

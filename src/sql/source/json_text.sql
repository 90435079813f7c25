/*
 * Documents in JSON as text: what they contain besides one value. Exports are
 * joined to one file, with and without lines between, and with the byte order
 * marks of each. A few elements may have escapes that stand for no character:
 * these are rejected, and all others loaded.
 */

-- The mark is a character of Unicode only. ltrim() would take many times the memory of the
-- document, because it keeps the place of each character.
CREATE FUNCTION posture_internal.byte_order_mark() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN getdatabaseencoding() IN ('UTF8', 'SQL_ASCII')
                THEN convert_from(decode('efbbbf', 'hex'), 'UTF8') END;
COMMENT ON FUNCTION posture_internal.byte_order_mark() IS
    'returns the byte order mark of a file; NULL if the database cannot have the character';

CREATE FUNCTION posture_internal.trim_byte_order_mark(content text) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    mark text := byte_order_mark();
BEGIN
    WHILE starts_with(content, mark) LOOP
        content := substr(content, length(mark) + 1);
    END LOOP;
    RETURN content;
END $$;
COMMENT ON FUNCTION posture_internal.trim_byte_order_mark(text) IS
    'returns the text of a file without the byte order mark that it may begin with';

-- The element that has the mark becomes a string, which no format accepts. An envelope has
-- its elements under one of the paths, and so has a report of scores its controls.
CREATE FUNCTION posture_internal.reject_marked(page jsonb, mark text) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    list text[];
BEGIN
    IF strpos(page::text, mark) = 0 THEN
        RETURN page;
    ELSIF jsonb_typeof(page) = 'array' THEN
        RETURN (SELECT jsonb_agg(reject_marked(e.element, mark) ORDER BY e.n)
                FROM jsonb_array_elements(page) WITH ORDINALITY e(element, n));
    END IF;
    SELECT p.path::text[] INTO list
    FROM unnest('{"{value}","{data}","{records}","{Value}","{Data}","{Records}","{Findings}",'
                '"{findings}","{detail,findings}","{data,rows}","{tables,0,rows}","{rows}",'
                '"{Requirements}","{requirements}","{controlScores}","{ControlScores}"}'::text[])
         p(path)
    WHERE jsonb_typeof(page #> p.path::text[]) = 'array'
    LIMIT 1;
    IF FOUND THEN
        page := jsonb_set(page, list, (
            SELECT jsonb_agg(CASE WHEN strpos(e.element::text, mark) = 0 THEN e.element
                                  WHEN e.element ?| '{controlScores,ControlScores}'
                                  THEN reject_marked(e.element, mark)
                                  ELSE to_jsonb(replace(e.element::text, mark, chr(92))) END
                             ORDER BY e.n)
            FROM jsonb_array_elements(page #> list) WITH ORDINALITY e(element, n)));
    END IF;
    RETURN CASE WHEN strpos(page::text, mark) = 0 THEN page
                ELSE to_jsonb(replace(page::text, mark, chr(92))) END;
END $$;
COMMENT ON FUNCTION posture_internal.reject_marked(jsonb, text) IS
    'returns a page of a document with each element that contains a mark as a string, in which the '
    'mark is a backslash again';

CREATE FUNCTION posture_internal.read_json(content text) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    mark text;
BEGIN
    RETURN content::jsonb;
EXCEPTION WHEN data_exception THEN
    IF bad_escape(content) IS NULL THEN
        RETURN to_jsonb(content);
    END IF;
    mark := format('(escape %s)', md5(content));
    BEGIN
        RETURN reject_marked(regexp_replace(content, bad_escape_pattern(),
                                            format('%1$s1%2$s%1$s2', chr(92), mark), 'g')::jsonb,
                             mark);
    EXCEPTION WHEN data_exception THEN
        RETURN to_jsonb(content);
    END;
END $$;
COMMENT ON FUNCTION posture_internal.read_json(text) IS
    'returns a text in JSON, with each element that has an escape which is no character as a '
    'string; a text that is not JSON as a string. No format accepts a string as an element.';

-- Outside of strings, a value ends where another begins. Strings are matched too, so that
-- nothing in them is taken for an end; what is put after them is removed again.
CREATE FUNCTION posture_internal.split_json(content text) RETURNS SETOF text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN string_to_table(
        replace(regexp_replace(
                    content, '("(?:[^"\\]|[\\].)*")|([]}])[[:space:]]*([[{])',
                    '\1\2' || chr(30) || '\3', 'g'),
                '"' || chr(30), '"'),
        chr(30));
COMMENT ON FUNCTION posture_internal.split_json(text) IS
    'returns the values in a text that has several in JSON, with or without white space between';

CREATE FUNCTION posture_internal.unread_json(parts jsonb[]) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN parts IS NOT NULL
                THEN (SELECT count(*) FROM unnest(parts) p
                      WHERE jsonb_typeof(p) NOT IN ('object', 'array')) END;
COMMENT ON FUNCTION posture_internal.unread_json(jsonb[]) IS
    'returns the number of values that read_json() could not read; NULL for NULL';

CREATE FUNCTION posture_internal.json_values(content text) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    value jsonb;
    lines jsonb[];
    parts jsonb[];
BEGIN
    content := replace(content, coalesce(byte_order_mark(), ''), '');
    value := read_json(content);
    IF jsonb_typeof(value) <> 'string' THEN
        RETURN value;
    END IF;
    -- an array that is cut off may have lines of JSON
    IF left(content, 1000) !~ '^[[:space:]]*[[]' THEN
        lines := ARRAY(SELECT read_json(regexp_replace(
                                  l.line, '(?<=[]}])[[:space:]]*,[[:space:]]*$', ''))
                       FROM string_to_table(content, E'\n') WITH ORDINALITY l(line, n)
                       WHERE l.line ~ '[^[:space:]]' ORDER BY l.n);
    END IF;
    parts := lines;
    IF coalesce(unread_json(lines) > 0, true) AND content ~ '[]}][[:space:]]*[[{]' THEN
        parts := ARRAY(SELECT read_json(p.part)
                       FROM split_json(content) WITH ORDINALITY p(part, n) ORDER BY p.n);
        IF cardinality(lines) > 1 AND unread_json(lines) <= unread_json(parts) THEN
            parts := lines;
        END IF;
    END IF;
    IF cardinality(parts) > 1 AND unread_json(parts) < cardinality(parts) THEN
        RETURN (SELECT jsonb_agg(e.element ORDER BY p.n, e.n)
                FROM unnest(parts) WITH ORDINALITY p(part, n)
                CROSS JOIN LATERAL jsonb_array_elements(
                    CASE jsonb_typeof(p.part) WHEN 'array' THEN p.part
                                              ELSE jsonb_build_array(p.part) END)
                    WITH ORDINALITY e(element, n));
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.json_values(text) IS
    'returns the value in a text in JSON, or the values of its lines, or those that stand one after '
    'the other, as an array; NULL if there are none. What can''t be read is a string.';

-- Documents in JSON as files have them: bytes that are no characters, several values in a file,
-- other encodings, and formats that are not known.
-- tests: source/json_text, source/document, source/json
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\set ECHO none
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.finding(id text, text text) RETURNS text LANGUAGE sql
RETURN format('{"SchemaVersion": "2018-10-08", "ProductName": "Checks", "GeneratorId": "c1",
    "Id": "%s", "Description": "%s", '
              '"Compliance": {"Status": "PASSED"}, "Resources": [{"Id": "vm%1$s"}]}', id, text);
CREATE FUNCTION pg_temp.mark() RETURNS text LANGUAGE sql RETURN convert_from('\xefbbbf', 'UTF8');
-- load() by its text, and what became of it; all of it is rolled back
CREATE PROCEDURE pg_temp.try(format text, document text) LANGUAGE plpgsql AS $$
DECLARE
    message text;
    detail text;
    hint text;
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'PT000',
        MESSAGE = (SELECT l::text FROM posture.load(format, document) l),
        DETAIL = (SELECT coalesce(string_agg(reason, '; ' ORDER BY reason), '')
                  FROM posture.rejected);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT;
    RAISE WARNING '% / % / %', message, split_part(detail, E'\n', 1), hint;
END $$;
SET client_min_messages = notice;
\set VERBOSITY terse
\set ECHO all

-- escapes that stand for no character
SELECT i, bad_escape(i) FROM unnest(ARRAY['\u0000', '\\u0000', '\\\u0000', '\\\\u0000',
    'a\u0000\u0000', '\ud83d\ude00', '\ud83d', 'x\ude00',
    '\uD83D\uD83D', '\u00e9\udc00', '\u0001', '']) WITH ORDINALITY u(i, n) ORDER BY n;
-- the element that has one is rejected with its place, and the others are loaded
CALL pg_temp.try('asff', '{"Findings": [' || pg_temp.finding('1', 'a\u0000') || ','
    || pg_temp.finding('2', 'b') || ']}');
CALL pg_temp.try('asff', '[' || pg_temp.finding('1', 'a') || ',' || pg_temp.finding('2',
    '\ud83d') || ',' || pg_temp.finding('3', '\ud83d\ude00') || ']');
CALL pg_temp.try('asff', '[{"Findings": [' || pg_temp.finding('1', 'a\\u0000') || ']},
    {"Findings": [' || pg_temp.finding('2', '\udc00') || ']}]');
CALL pg_temp.try('asff', pg_temp.finding('1', 'a\u0000') || E'\n' || pg_temp.finding('2', 'b'));
CALL pg_temp.try('asff', pg_temp.finding('1', 'a') || E'\n' || pg_temp.finding('2', 'b\u0000'));
CALL pg_temp.try('asff', '{"Findings": [' || pg_temp.finding('1', 'a') || E']}\n{"Findings": ['
    || pg_temp.finding('2', 'b\u0000') || ',' || pg_temp.finding('3', 'c') || ']}');
CALL pg_temp.try('azure-assessments', '{"data": {"columns": [{"name": "id"}], "rows": [["\u0000"], ["x"]]}}');
CALL pg_temp.try('asff', pg_temp.finding('1', 'a\u0000'));
SELECT load('asff', '[' || pg_temp.finding('1', 'a') || ',' || pg_temp.finding('2', '\u0000') || ']');
SELECT reason, details #>> '{}' LIKE '%"\\u0000"%' AS has_escape
FROM rejected;
-- also under the other setting of strings
SET standard_conforming_strings = off;
SELECT load('asff', '[' || pg_temp.finding('1', 'a') || ',' || pg_temp.finding('2', chr(92) || 'u0000') || ']');
RESET standard_conforming_strings;

-- several values in a file
SELECT n, json_values(i) FROM unnest(ARRAY['{"a": 1}{"b": 2}', '{"a": 1} {"b": 2}{"c": 3}',
    '[{"a": 1}][{"b": "}{"}]', '[1][]', '{}[]{}',
    E'{\n  "a": {\n    "x": "] [\\""\n  }\n}\n{\n  "b": [\n    {}\n  ]\n}',
        E'{"a": 1}\n{"b": 2}\n', E'{"a": 1}{"b": 2}\n{"c": 3}\n',
    E'{"a": 1\n{"b": 2}', '[{"a": 1}, {"b":', '[{"a": 1}][{"b":', 'x y', E'1\n2', '{"a": 1',
        '']) WITH ORDINALITY u(i, n) ORDER BY n;
SELECT count(*) AS wrong
FROM (SELECT setseed(0.5)) s, generate_series(1, 300) n
CROSS JOIN LATERAL (SELECT string_agg(v.value, v.gap ORDER BY v.i) AS content,
    jsonb_agg(v.value::jsonb ORDER BY v.i) AS expected
                    FROM (SELECT i, (ARRAY['', ' ', E'\n', E'\r\n'])[1 + n % 4] AS gap,
                                 jsonb_pretty(jsonb_build_object('n', n, 'text', (ARRAY['}{', '"',
                                     '\', '][', E'a\nb', '\u0000',
                                     ''])[1 + floor(random() * 7)::integer],
                                     'list', jsonb_build_array('{}'::jsonb, jsonb_build_array(i)))) AS value
                          FROM generate_series(1, 2 + n % 3) i) v) d
WHERE json_values(d.content) IS DISTINCT FROM d.expected;
CALL pg_temp.try('asff', '{"Findings": [' || pg_temp.finding('1', 'a') || ']}{"Findings": ['
    || pg_temp.finding('2', 'b') || ']}');
CALL pg_temp.try('asff', '[' || pg_temp.finding('1', 'a') || E']\n[' || pg_temp.finding('2', 'b') || ']');
-- lines that were cut out of an array, and an array with a comma too many
CALL pg_temp.try('asff', translate(pg_temp.finding('1', 'a},'), E'\n', ' ') || E',\n'
    || translate(pg_temp.finding('2', 'b'), E'\n', ' ') || ' , ');
CALL pg_temp.try('asff', '[' || pg_temp.finding('1', 'a') || ', ]');
CALL pg_temp.try('asff', '{"Findings": [' || pg_temp.finding('1', 'a') || '],}');
-- elements in lists of lists
CALL pg_temp.try('graph-secure-scores', '{"value": [{"createdDateTime": "2026-01-01T00:00:00Z",
    "currentScore": 1, "maxScore": 2, "controlScores": [{"controlName": "a", "score": 1},
        {"controlName": "\u0000", "score": 1}]}]}');
CALL pg_temp.try('azure-assessments', '{"tables": [{"columns": [{"name": "name"}, {"name": "id"}],
    "rows": [["\ud800", "/subscriptions/s"]]}]}');
-- the marks of the files that were joined
CALL pg_temp.try('asff', pg_temp.mark() || '[' || pg_temp.finding('1', 'a') || E']\n'
    || pg_temp.mark() || '[' || pg_temp.finding('2', 'b') || ']');
CALL pg_temp.try('asff', pg_temp.mark() || pg_temp.finding('1', 'a') || E'\n' || pg_temp.mark()
    || pg_temp.finding('2', 'b'));
-- other encodings, as a client sends them that takes their bytes for characters
CALL pg_temp.try('asff', convert_from('\xfffe5b', 'LATIN1'));
CALL pg_temp.try('asff', convert_from('\xfeff', 'LATIN1'));
CALL pg_temp.try('xccdf', convert_from('\xfffe3c', 'LATIN1'));
CALL pg_temp.try('asff', convert_from('\xefbbbf5b5d', 'LATIN1'));

-- a format that is not known: the one that the document looks like, in whatever form it comes
CALL pg_temp.try('securityhub', '{"Findings": [' || pg_temp.finding('1', 'a') || ']}');
CALL pg_temp.try('securityhub', pg_temp.finding('1', 'a') || E'\n' || pg_temp.finding('2', 'b'));
CALL pg_temp.try('securityhub', pg_temp.finding('1', 'a') || pg_temp.finding('2', 'b'));
CALL pg_temp.try('securityhub', '[' || pg_temp.finding('1', 'a') || ',' || pg_temp.finding('2', '\u0000') || ']');
SELECT load('guardduty', '[{"class_uid": 2002}]'::jsonb);
\set VERBOSITY default
SELECT load('securityhub', ('[' || pg_temp.finding('1', 'a') || ']')::jsonb);
SELECT load('scanner', '{"Results": []}'::jsonb);
SELECT load('scanner', '{"Results": []}');
SELECT load('oscap', '<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2"/>');
SELECT load('oscap', '<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2"/>'::xml);
SELECT load(NULL, '{"Results": []}');
SELECT load('ocfs', 'a,b,c');

DISCARD TEMP;
DROP EXTENSION posture;

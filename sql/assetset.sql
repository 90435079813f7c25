-- The type assetset: text, bytes, operators, comparison, casts.
-- tests: assetset_change.c, assetset_io.c, assetset_members.c, assetset_ops.c, container.c
-- tests: container_write.c, range_reader.c, roaring_reader.c, roaring_writer.c
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql

-- an error with its code and its detail
\set ECHO none
CREATE FUNCTION error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN format('%s %s | %s', SQLSTATE, SQLERRM, detail);
END $$;
\set ECHO all

-- text: any order in, canonical out
SELECT text AS "in", text::assetset AS "out"
FROM unnest(ARRAY['{}', ' { } ', '{0}', '{1,5-9,70000}', '{1,2}', '{3,1,2}', '{2,2,2}',
                  '{5-9,1-6,20,10}',
                  E'{ 1 ,\t2 - 4\n,9 } ', '{7-7}', '{007}', '{2147483647}', '{0,2147483647}',
                  '{2147483646-2147483647}', '{65535-65536}', '{65535,65536,131071}', '{0-2147483647}',
                  '{65536-131071,0-65535}', '{9,8,7,6,5,4,3,2,1,0}']) WITH ORDINALITY u(text, n) ORDER BY n;
-- more ranges than room was made for at first, each in turn before its place
SELECT count(*), count(*) FILTER (WHERE text::assetset = ids::assetset
                                    AND text::assetset::text = canonical)
FROM generate_series(1, 150) early,
     LATERAL (SELECT '{' || string_agg((3 * i)::text, ',' ORDER BY i <> early, i) || '}',
                     '{' || string_agg((3 * i)::text, ',' ORDER BY i) || '}', array_agg(3 * i)
              FROM generate_series(1, 150) i) t(text, canonical, ids);

-- malformed text
SELECT text, error_of(format('SELECT %L::posture.assetset', text))
FROM unnest(ARRAY['', ' ', '{', '}', '{1', '{1,', '{1,}', '{,1}', '{1 2}', '{1,,2}', '{5-3}',
                  '{1,2,9-8}', '{-1}',
                  '{1-}', '{1--2}', '{1}x', '{1} {2}', '1', '{a}', '{1.5}', '{NULL}', '{+1}',
                  '{' || repeat('1,', 100)]) WITH ORDINALITY u(text, n) ORDER BY n;
-- ids out of range
SELECT text, error_of(format('SELECT %L::posture.assetset', text))
FROM unnest(ARRAY['{2147483648}', '{1-2147483648}', '{4294967296}', '{18446744073709551617}',
                  '{' || repeat('9', 70) || '}']) WITH ORDINALITY u(text, n) ORDER BY n;

-- bytes: the portable format; an array, a run, both, a bitset, a whole range of containers
SELECT text, assetset_send(text::assetset)
FROM unnest(ARRAY['{}', '{0}', '{1,5-9,70000}', '{1-2}', '{1-3}', '{1-4}', '{1-2,4-5}',
                  '{2147483647}',
                  '{0-65535}', '{0-262143}']) WITH ORDINALITY u(text, n) ORDER BY n;
SELECT length(assetset_send(s)), cardinality(s), md5(assetset_send(s))
FROM (SELECT array_agg(i * 2)::assetset FROM generate_series(0, 9999) i) t(s);
-- a binary function called from SQL gets nothing that it could read
SELECT assetset_recv('{1}'::bytea);

-- what equal sets look like does not depend on how they were made
\set ECHO none
CREATE TABLE made (how text, s assetset);
INSERT INTO made VALUES
    ('text', '{10-11,20-21,30-31}'),
    ('text, by single ids', '{31,30,21,20,11,10}'),
    ('array', ARRAY[10, 11, 20, 21, 30, 31]),
    ('union', '{10-11,30-31}'::assetset | '{20-21}'),
    ('difference of a run', '{10-31}'::assetset - '{12-19,22-29}'),
    ('intersection of a run', '{10-31}'::assetset & '{9-11,20-21,30-32}'),
    ('symmetric difference', '{10-31}'::assetset # '{12-19,22-29}'),
    ('aggregate', (SELECT assetset_agg(i) FROM unnest(ARRAY[31, 21, 10, 11, 20, 30]) i));
\set ECHO all
SELECT count(DISTINCT s), count(DISTINCT assetset_send(s)), count(DISTINCT assetset_hash(s))
FROM made;
DROP TABLE made;

-- seeded random sets of arrays, bitsets and runs, over the borders of containers
SELECT setseed(0.42);
\set ECHO none
CREATE TABLE element AS
SELECT DISTINCT set_id, id
FROM generate_series(1, 6) set_id,
     LATERAL (SELECT (random() * 200000)::int
              FROM generate_series(1, 200)                          -- sparse
              UNION ALL
              SELECT (random() * 10000)::int + 65000 FROM generate_series(1, 7000)
              WHERE set_id % 3 = 0  -- dense
              UNION ALL
              SELECT s + i FROM (SELECT (random() * 150000)::int FROM generate_series(1, 8)) r(s),
                                generate_series(0, 300) i
              WHERE set_id % 2 = 0                      -- runs
              UNION ALL
              SELECT i FROM generate_series(set_id * 10000, 65600) i
              WHERE set_id >= 5              -- one run
              UNION ALL
              SELECT v FROM unnest(ARRAY[0, 65535, 65536, 131071, 131072, 2147418112, 2147483647]) v
              WHERE random() < 0.5) e(id)
WHERE set_id > 1;                  -- 1 is empty
CREATE TABLE sets AS
SELECT set_id, coalesce(s, '{}') AS s
FROM generate_series(1, 6) set_id
LEFT JOIN (SELECT set_id, assetset_agg(id) FROM element GROUP BY 1) t(set_id, s) USING (set_id);
\set ECHO all
SELECT set_id, cardinality(s) = (SELECT count(*) FROM element e WHERE e.set_id = sets.set_id) AS ok
FROM sets ORDER BY 1;
SELECT count(*) FILTER (WHERE s::text::assetset <> s) AS text,
       count(*) FILTER (WHERE s::int[]::assetset <> s) AS array,
       count(*) FILTER (WHERE s::int[] <> (SELECT coalesce(array_agg(m), '{}')
                                           FROM members(s) m)) AS members
FROM sets;

-- each operator against plain sets, both ways
\set ECHO none
CREATE TABLE pair AS
SELECT a.set_id AS x, b.set_id AS y, a.s AS a, b.s AS b FROM sets a, sets b;
CREATE TABLE expectation AS
SELECT x, y, id, bool_or(set_id = x) AS in_a, bool_or(set_id = y) AS in_b
FROM pair JOIN element ON set_id = x OR set_id = y GROUP BY 1, 2, 3;
CREATE FUNCTION differences(operation text, condition text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE format('WITH got AS (SELECT x, y, m FROM pair, members(a OPERATOR(posture.%1$s) b) m),
        want AS (SELECT x, y, id FROM expectation WHERE %2$s)
        SELECT (SELECT count(*) FROM (TABLE got EXCEPT ALL TABLE want) d) +
               (SELECT count(*) FROM (TABLE want EXCEPT ALL TABLE got) d)', operation,
                   condition) INTO n;
    RETURN n;
END $$;
\set ECHO all
SELECT op, differences(op, condition)
FROM (VALUES ('|', 'in_a OR in_b'), ('&', 'in_a AND in_b'), ('-', 'in_a AND NOT in_b'),
             ('#', 'in_a <> in_b')) v(op, condition);
SELECT x, y, a @> b AS contains, a <@ b AS contained, a && b AS overlaps, a = b AS equal
FROM pair LEFT JOIN (SELECT x, y, bool_or(in_a AND in_b) AS common,
                            bool_or(in_b AND NOT in_a) AS more_b,
                            bool_or(in_a AND NOT in_b) AS more_a FROM expectation
                     GROUP BY 1, 2) e USING (x, y)
WHERE (a @> b) IS DISTINCT FROM NOT coalesce(more_b, false)
   OR (a <@ b) IS DISTINCT FROM NOT coalesce(more_a, false)
   OR (a && b) IS DISTINCT FROM coalesce(common, false)
   OR (a = b) IS DISTINCT FROM NOT (coalesce(more_a, false) OR coalesce(more_b, false))
   OR (a <> b) IS NOT DISTINCT FROM (a = b)
   OR (a = b) AND assetset_hash(a) <> assetset_hash(b)
   OR (a = b) AND assetset_hash_extended(a, 7) <> assetset_hash_extended(b, 7);
-- the order is that of arrays, for sets like these and for all small ones
WITH small AS (
    SELECT coalesce(array_agg(i) FILTER (WHERE (mask >> i) & 1 = 1), '{}') AS ids
    FROM generate_series(0, 31) mask, generate_series(0, 4) i GROUP BY mask
), shifted AS (
    SELECT (SELECT coalesce(array_agg(i + base), '{}') FROM unnest(ids) i)::assetset AS s
    FROM small, unnest(ARRAY[0, 65533]) base
    UNION ALL SELECT s FROM sets UNION ALL SELECT s | '{65535}' FROM sets UNION ALL SELECT s - '{65535-2147483647}'
        FROM sets
)
SELECT count(*),
       count(*) FILTER (WHERE (a.s < b.s) <> (a.s::int[] < b.s::int[])
                          OR (a.s <= b.s) <> (a.s::int[] <= b.s::int[])
                           OR (a.s > b.s) <> (a.s::int[] > b.s::int[])
                          OR (a.s >= b.s) <> (a.s::int[] >= b.s::int[])
                           OR (a.s = b.s) <> (a.s::int[] = b.s::int[])
                           OR assetset_cmp(a.s, b.s) <> btarraycmp(a.s::int[], b.s::int[])) AS wrong
FROM shifted a, shifted b;
SELECT s FROM (VALUES ('{2}'::assetset), ('{1,2}'), ('{}'), ('{1}'), ('{1,3}'), ('{0-2147483647}'),
                      ('{0}')) v(s) ORDER BY s;

-- a single id
SELECT count(*) AS wrong
FROM sets, (SELECT id AS probe FROM element WHERE id % 17 = 0 UNION SELECT id + 1 FROM element
        WHERE id < 2147483647 AND id % 16 = 0) p
WHERE (s @> probe) <> EXISTS (SELECT FROM element e WHERE e.set_id = sets.set_id AND e.id = probe)
   OR (s @> probe) <> (probe <@ s) OR (s @> probe) <> ((s | '{}') @> probe);
SELECT '{0,5}'::assetset @> -1 AS negative, '{}'::assetset @> 0 AS empty, '{0}'::assetset @> 0 AS zero,
       '{2147483647}'::assetset @> 2147483647 AS largest, '{0-2147483647}'::assetset @> 2147483647 AS all;

-- NULL gives NULL
SELECT num_nulls('{1}'::assetset | NULL, NULL & '{1}'::assetset, '{1}'::assetset - NULL, NULL # '{1}'::assetset,
                 '{1}'::assetset @> NULL::assetset, '{1}'::assetset @> NULL::int, '{1}'::assetset && NULL,
                 '{1}'::assetset = NULL, cardinality(NULL::assetset), NULL::assetset::int[],
                 NULL::int[]::assetset);

-- casts
SELECT ARRAY[3, 1, 2, 2]::assetset, ARRAY[[1, 2], [9, 8]]::assetset, '{}'::int[]::assetset,
       '[5:6]={1,2}'::int[]::assetset,
       ('{1,NULL}'::int[])[1:1]::assetset AS no_null_left, '{}'::assetset::int[], '{0,5-7,2147483647}'::assetset::int[];
SELECT error_of($$SELECT '{1,NULL}'::int[]::posture.assetset$$), error_of($$SELECT '{1,-1}'::int[]::posture.assetset$$);
SELECT error_of($$SELECT '{0-2147483647}'::posture.assetset::int[]$$);
CREATE TABLE assigned (s assetset, a int[]);
INSERT INTO assigned (s) VALUES (ARRAY[1, 2, 5]);
SELECT error_of($$INSERT INTO assigned (a) SELECT s FROM assigned$$);
TABLE assigned;

-- cardinality and members
SELECT s, cardinality(s) FROM (VALUES ('{}'::assetset), ('{0}'), ('{0-65535}'), ('{1,5-9,70000}'),
                                      ('{0-2147483647}')) v(s);
SELECT m FROM members('{65534-65537,2147483647}') m;
SELECT count(*) FROM members('{}');
SELECT members('{0-2147483647}') LIMIT 3;
SELECT members('{1-2}'), members('{7-9}');
CREATE FUNCTION estimated_rows(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    EXECUTE 'EXPLAIN ' || query INTO line;
    RETURN substring(line FROM 'rows=(\d+)');
END $$;
SELECT estimated_rows($$SELECT * FROM members('{1-70000}')$$), estimated_rows($$SELECT members(s)
        FROM (VALUES ('{1}'::assetset), ('{2}')) v(s)$$);

-- stored and read again: in the row, out of line, and in an index
CREATE TABLE stored (id int PRIMARY KEY, s assetset);
INSERT INTO stored SELECT set_id, s FROM sets;
SELECT count(*) FROM stored JOIN sets ON set_id = id WHERE stored.s <> sets.s;
UPDATE stored SET s = s | '{77777}';
SELECT count(*) FROM stored JOIN sets ON set_id = id
WHERE (sets.s | '{77777}') IS DISTINCT FROM stored.s;
SELECT attstorage, attalign, attlen FROM pg_attribute WHERE attrelid = 'stored'::regclass AND attname = 's';
CREATE TABLE small (s assetset);
INSERT INTO small SELECT ARRAY[i, i + 1] FROM generate_series(1, 500) i;
CREATE INDEX ON small (s);
CREATE INDEX ON small USING hash (s);
ANALYZE small;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT * FROM small WHERE s = '{77-78}';
SELECT * FROM small WHERE s < '{3}' ORDER BY s;
SET enable_hashjoin = off;
SELECT count(*) FROM small a JOIN small b USING (s);
SET enable_hashjoin = on;
SET enable_mergejoin = off;
SET enable_nestloop = off;
SELECT count(*) FROM small a JOIN small b USING (s);
RESET enable_seqscan;
RESET enable_bitmapscan;
RESET enable_mergejoin;
RESET enable_nestloop;

-- in PL/pgSQL a variable stays expanded; the values it came from do not change
DO $$
DECLARE
    base posture.assetset := '{1-3}';
    grown posture.assetset := base;
BEGIN
    FOR i IN 1..1000 LOOP
        grown := grown | ARRAY[i * 7]::posture.assetset;
    END LOOP;
    RAISE NOTICE '% % %', base, posture.cardinality(grown), base <@ grown;
END $$;

-- 10 million ids in and out
SELECT cardinality(s), length(t) AS length, t::assetset = s AS same
FROM (SELECT assetset_agg(i * 2) FROM generate_series(0, 9999999) i) a(s),
    LATERAL (SELECT s::text OFFSET 0) b(t);

-- objects of the extension all have a comment
SELECT pg_describe_object(classid, objid, 0) AS without_comment
FROM pg_depend d
WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'posture')
  AND deptype = 'e' AND obj_description(objid, classid::regclass::name) IS NULL
  AND pg_describe_object(classid, objid, 0) ~ 'assetset' AND pg_describe_object(classid, objid, 0) !~ '^type .*\[\]$'
ORDER BY 1;

DROP TABLE element, sets, pair, expectation, assigned, stored, small;
DROP FUNCTION error_of, differences, estimated_rows;
DROP EXTENSION posture;

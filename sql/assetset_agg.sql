-- The aggregates assetset_agg, union_agg and intersect_agg.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql

-- nothing gives NULL, NULLs don't count
SELECT assetset_agg(i), union_agg(s), intersect_agg(s) FROM (VALUES (1, '{1}'::assetset)) v(i, s)
WHERE false;
SELECT assetset_agg(i), union_agg(s), intersect_agg(s)
FROM (VALUES (NULL::int, NULL::assetset), (NULL, NULL)) v(i, s);
SELECT assetset_agg(i), union_agg(s), intersect_agg(s)
FROM (VALUES (NULL::int, NULL::assetset), (3, '{1-5}'), (NULL, NULL), (1, '{4-9}'), (3, '{5,77}')) v(i, s);
-- one row, and an empty set, are what they are
SELECT assetset_agg(7), union_agg('{1-3}'), intersect_agg('{1-3}');
SELECT union_agg(s), intersect_agg(s) FROM (VALUES ('{}'::assetset), ('{1}')) v(s);
SELECT assetset_agg(i) FROM unnest(ARRAY[0, 2147483647, 65535, 65536]) i;
SELECT assetset_agg(i) FROM (VALUES (1), (-1)) v(i);
SELECT assetset_agg(DISTINCT i), assetset_agg(i ORDER BY i DESC),
       assetset_agg(i) FILTER (WHERE i > 2) FROM unnest(ARRAY[3, 1, 3, 2]) i;

-- the rows that went in stay as they are
CREATE TABLE part (g int, s assetset);
INSERT INTO part SELECT i % 10, ARRAY[i, i + 1, i * 1000] FROM generate_series(1, 1000) i;
CREATE TABLE before AS SELECT * FROM part;
SELECT cardinality(union_agg(s)), intersect_agg(s) FROM part;
SELECT g, cardinality(union_agg(s)), intersect_agg(s) FROM part GROUP BY g ORDER BY g LIMIT 3;
SELECT count(*) FROM (TABLE part EXCEPT ALL TABLE before) d;
WITH one AS MATERIALIZED (SELECT '{1-3}'::assetset | '{9}' AS s)
SELECT (SELECT union_agg(s | '{}') FROM (SELECT s FROM one UNION ALL SELECT '{5}') t),
       (SELECT intersect_agg(s) FROM one),
       (SELECT s FROM one);

-- xor_agg: the ids that an odd number of the sets have
SELECT xor_agg(s) FROM (VALUES ('{1-5}'::assetset), (NULL), ('{4-9}'), ('{5,77}')) v(s);
SELECT xor_agg(s) IS NULL AS none FROM (VALUES (NULL::assetset)) v(s);
SELECT xor_agg(s) FROM (VALUES ('{1-5,2147483647}'::assetset), ('{1-5,2147483647}')) v(s);
SELECT count(*) AS differences
FROM ((SELECT x.m, members(xor_agg(s)) FROM part p, generate_series(1, 3) x(m) WHERE p.g % x.m = 0
       GROUP BY x.m)
      EXCEPT ALL
      SELECT x.m, i FROM part p, generate_series(1, 3) x(m), members(p.s) i WHERE p.g % x.m = 0
      GROUP BY x.m, i HAVING count(*) % 2 = 1) d;
SELECT count(*) AS differences
FROM (SELECT x.m, i FROM part p, generate_series(1, 3) x(m), members(p.s) i WHERE p.g % x.m = 0
      GROUP BY x.m, i HAVING count(*) % 2 = 1
      EXCEPT ALL
      (SELECT x.m, members(xor_agg(s)) FROM part p, generate_series(1, 3) x(m) WHERE p.g % x.m = 0
       GROUP BY x.m)) d;
-- chunks: of 65536 ids, each a set as it is by itself
SELECT * FROM chunks('{0,65535,65536-65540,131071-131073,2147483647}');
SELECT count(*) FROM chunks('{}');
SELECT count(*) AS chunks, count(*) FILTER (WHERE c.assets
                                            <> (SELECT assetset_agg(i) FROM members(w.s) i
                                                WHERE i / 65536 = c.chunk)) AS differences,
       union_agg(c.assets) = (SELECT union_agg(s) FROM part) AS whole
FROM (SELECT union_agg(s) AS s FROM part) w, chunks(w.s) c;

-- against plain sets, hashed and sorted, with NULLs and groups of every size
\set ECHO none
CREATE TABLE fact AS
SELECT (i % 97) * (i % 3) AS g, CASE WHEN i % 50 > 0 THEN (i::bigint * 7919 % 300007)::int END AS id
FROM generate_series(1, 200000) i;
ANALYZE fact;
SET enable_hashagg = off;
CREATE TABLE sorted AS SELECT g, assetset_agg(id) AS s FROM fact GROUP BY g;
RESET enable_hashagg;
SET enable_sort = off;
CREATE TABLE hashed AS SELECT g, assetset_agg(id) AS s FROM fact GROUP BY g;
RESET enable_sort;
\set ECHO all
SELECT count(*) FROM (TABLE sorted EXCEPT ALL TABLE hashed) d;
SELECT count(*) FROM ((SELECT g, members(s) FROM sorted)
                      EXCEPT ALL (SELECT DISTINCT g, id FROM fact WHERE id IS NOT NULL)) d;
SELECT count(*) FROM ((SELECT DISTINCT g, id FROM fact WHERE id IS NOT NULL)
                      EXCEPT ALL (SELECT g, members(s) FROM sorted)) d;
SELECT union_agg(s) = (SELECT assetset_agg(id) FROM fact) AS union,
       intersect_agg(s) = (SELECT coalesce(assetset_agg(id), '{}')
                           FROM (SELECT id FROM fact WHERE id IS NOT NULL GROUP BY id
                           HAVING count(DISTINCT g)
                                 = (SELECT count(DISTINCT g) FROM fact)) i) AS intersection
FROM sorted;
-- states that are kept side by side, and spilled
SET work_mem = '64kB';
SELECT count(*), sum(cardinality(s)) = (SELECT count(*)
                                        FROM (SELECT DISTINCT g, id FROM fact
                                              WHERE id IS NOT NULL) d) AS same
FROM (SELECT g, assetset_agg(id) AS s FROM fact GROUP BY g) t;
SELECT count(*), sum(cardinality(s))
FROM (SELECT id AS g, assetset_agg(g) AS s FROM fact GROUP BY id) t;
RESET work_mem;
SELECT g, i, cardinality(assetset_agg(id)) FROM (SELECT g, g % 2 AS i, id FROM fact WHERE g < 3) f
GROUP BY GROUPING SETS ((g), (i), ()) ORDER BY 1, 2;

-- parallel: the same, in one process and in several
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
ALTER TABLE fact SET (parallel_workers = 2);
ALTER TABLE sorted SET (parallel_workers = 2);
EXPLAIN (COSTS OFF) SELECT assetset_agg(id) FROM fact;
EXPLAIN (COSTS OFF) SELECT union_agg(s) FROM sorted;
EXPLAIN (COSTS OFF) SELECT intersect_agg(s) FROM sorted;
\set ECHO none
CREATE TABLE parallel AS
SELECT (SELECT assetset_agg(id) FROM fact) AS a, (SELECT union_agg(s) FROM sorted) AS u,
       (SELECT intersect_agg(s | '{1-9}') FROM sorted) AS i;
CREATE TABLE parallel_groups AS SELECT g, assetset_agg(id) AS s FROM fact GROUP BY g;
SET max_parallel_workers_per_gather = 0;
\set ECHO all
SELECT a = (SELECT assetset_agg(id) FROM fact) AS a, u = (SELECT union_agg(s) FROM sorted) AS u,
       i = (SELECT intersect_agg(s | '{1-9}') FROM sorted) AS i FROM parallel;
SELECT count(*) FROM (TABLE parallel_groups EXCEPT ALL TABLE sorted) d;
RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- in windows: growing, moving, over the whole
SELECT i, assetset_agg(i) OVER (ORDER BY i) AS growing,
       assetset_agg(i) OVER (ORDER BY i ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS moving,
       union_agg(ARRAY[i, i * 10]::assetset) OVER (PARTITION BY i % 2) AS parted,
       intersect_agg(('{' || i || '-9}')::assetset) OVER (ORDER BY i) AS shrinking
FROM generate_series(1, 5) i ORDER BY i;

-- called outside an aggregate the functions leave alone what they are given
DO $$
DECLARE
    state posture.assetset := '{1-3}'::posture.assetset | '{9}';
    added posture.assetset;
BEGIN
    added := posture_internal.assetset_agg_accum(state, 5);
    RAISE NOTICE '% %', state, added;
    added := posture_internal.union_agg_accum(state, '{20}');
    RAISE NOTICE '% %', state, added;
    added := posture_internal.intersect_agg_accum(state, '{2,9}');
    RAISE NOTICE '% %', state, added;
    added := posture_internal.union_agg_accum(state, state);
    RAISE NOTICE '% %', state, added;
END $$;
SELECT assetset_agg_accum(NULL, NULL), assetset_agg_accum(NULL, 1), assetset_agg_accum('{1}', NULL),
       assetset_agg_accum('{1}', 2);

DROP TABLE part, before, fact, sorted, hashed, parallel, parallel_groups;
DROP EXTENSION posture;

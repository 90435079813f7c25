-- The type score, its formulas and the aggregate weighted_score.
-- tests: decimal.c, score_agg.c
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
SET extra_float_digits = 1;

-- text: six decimals, rounded half away from zero, written as needed
SELECT v AS input, v::score AS score
FROM unnest('{0, 100, 63, 66.5, 0.000001, 99.9999995, 0.0000005, 0.00000049999,
              12.3456785, 12.3456784999, 100.000000, +7, " 8 ", .5, 5., -0,
              00042.10}'::text[]) v;
-- the bound holds for the number given, not for its rounding
SELECT '100.0000000001'::score;
\set VERBOSITY sqlstate
SELECT '-0.0000001'::score;
SELECT '101'::score;
SELECT '1e2'::score;
SELECT 'NaN'::score;
SELECT ''::score;
SELECT '.'::score;
SELECT '1 2'::score;
SELECT '1.2.3'::score;
SELECT repeat('9', 50)::score;
\set VERBOSITY default

-- casts: to numeric without asking; from numbers, and to float8, on assignment
SELECT '66.666667'::score + 0.1 AS sum, pg_typeof('1'::score + 1), round('66.666667'::score, 2),
       '66.666667'::score::float8, '66.666667'::score * 2 AS twice;
CREATE TEMP TABLE assigned (a score, b score, c float8, d numeric);
INSERT INTO assigned VALUES (80, 79.9999995, '0.1'::score, '0.1'::score);
TABLE assigned;
SELECT 12.3456785::score AS numeric_rounds, 100::score AS from_int;
-- as clients send numbers
PREPARE half(float8) AS INSERT INTO assigned (a) VALUES ($1) RETURNING a, 66.5::real::score,
    a::integer;
EXECUTE half(66.5);
PREPARE small(int2) AS INSERT INTO assigned (a) VALUES ($1) RETURNING a, $1::score;
EXECUTE small(80);
PREPARE big(int8) AS INSERT INTO assigned (a) VALUES ($1) RETURNING a, $1::score;
EXECUTE big(80);
\set VERBOSITY sqlstate
SELECT 101::score;
SELECT (-1)::score;
SELECT 101::int2::score;
SELECT 4294967296::score;
SELECT 100.0000001::score;
SELECT (-0.0000001)::score;
SELECT 'NaN'::numeric::score;
SELECT 'Infinity'::numeric::score;
SELECT 'NaN'::float8::score;
\set VERBOSITY default

-- bytes: four, the millionths
SELECT score_send('66.666667'), score_send('100');

-- comparison
SELECT a, b, a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge, a > b AS gt
FROM (VALUES ('9'::score, '10'::score), ('10', '10.0'), ('100', '99.999999')) v(a, b);
SELECT min(v), max(v), array_agg(v ORDER BY v DESC) FROM unnest('{9,10,100,0}'::score[]) v;
SELECT '80'::score - '78.000001'::score AS points, pg_typeof('80'::score - '78'::score),
       '78'::score - '80'::score AS rise;

-- indexes: both kinds serve
\set ECHO none
CREATE TEMP TABLE scored AS
    SELECT i AS id, (i % 1001 / 10.0)::numeric::score AS s FROM generate_series(1, 10000) i;
CREATE INDEX scored_btree ON scored (s);
CREATE INDEX scored_hash ON scored USING hash (s);
ANALYZE scored;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
BEGIN;
DROP INDEX scored_hash;
\set ECHO all
EXPLAIN (COSTS OFF) SELECT id FROM scored WHERE s < '0.1' ORDER BY s;
SELECT count(*) FROM scored WHERE s < '0.1';
EXPLAIN (COSTS OFF) SELECT id FROM scored WHERE s = '50';
ROLLBACK;
BEGIN;
DROP INDEX scored_btree;
EXPLAIN (COSTS OFF) SELECT id FROM scored WHERE s = '50';
SELECT count(*) FROM scored WHERE s = '50';
ROLLBACK;
RESET enable_seqscan;
RESET enable_bitmapscan;
-- all values of the column meet themselves
SELECT count(*) FROM (SELECT s FROM scored GROUP BY s) g;
SELECT count(*) FROM scored a JOIN (SELECT DISTINCT s FROM scored) b USING (s);

-- score(exposed, assessed)
SELECT score(1, 3), score(37, 100), score(0, 7), score(7, 7), score(0, 0) AS nothing,
       score(NULL, 3) AS unknown, score(2, 3) AS third, score(0.5, 3) AS points;
SELECT score(1, 200000000) AS half_up, score(3, 200000000) AS half_up_too,
       score(199999999, 200000000) AS small;
SELECT score(2, 1);
\set VERBOSITY sqlstate
SELECT score(2, 1);
SELECT score(-1, 1);
SELECT score(-2, -1);
SELECT score(0, -1);
SELECT score('NaN', 1);
SELECT score(repeat('9', 45)::numeric, 'NaN');
SELECT score(1, 'Infinity');
SELECT score(0, repeat('9', 38)::numeric);
\set VERBOSITY default

-- weighted_score
SELECT weighted_score(v, v) FROM (VALUES (1), (2), (3)) x(i),
    LATERAL (SELECT i::numeric::score AS v) y;
SELECT weighted_score(NULL::score, NULL) AS no_scores, weighted_score(n, n)
FROM generate_series(1, 3) n;
SELECT weighted_score('50', 1) AS no_rows WHERE false;
SELECT weighted_score('50', 0) AS no_weight;
SELECT weighted_score(s, w) AS nulls_do_not_count
FROM (VALUES ('10'::score, 1), (NULL, 5), ('90', NULL), ('20', 1)) x(s, w);
SELECT weighted_score('100', 1e-12) AS tiny, weighted_score('100', 1e18) AS huge;
SELECT weighted_score(s, w) AS many_decimals
FROM (VALUES ('100'::score, 0.123456789012), ('0', 0.876543210988)) x(s, w);
\set VERBOSITY sqlstate
SELECT weighted_score('50', -1);
SELECT weighted_score(50, 'NaN');
SELECT weighted_score('50', repeat('9', 39)::numeric);
SELECT weighted_score('50', 1e-40);
SELECT weighted_score('50', w) FROM (VALUES (1e30), (1e-10)) x(w);
SELECT weighted_score('100', 1e30) FROM generate_series(1, 3);
SELECT weighted_score_final('{0}');
SELECT weighted_score_final('{0,0,-1,0,1}');
SELECT weighted_score_final('{0,0,1000000000,0,1}');
\set VERBOSITY default

-- a moving window gives what each of its rows counted anew would
\set ECHO none
CREATE TEMP TABLE weighted AS
    SELECT i AS id, CASE WHEN i % 7 <> 0 THEN (i * 7919 % 100000 / 1000.0)::numeric::score END AS s,
           CASE WHEN i % 11 <> 0 THEN (i * 104729 % 1000)::numeric / 10::numeric ^ (i % 5) END AS w
    FROM generate_series(1, 2000) i;
\set ECHO all
SELECT count(*) AS rows, count(moving) AS scores,
       count(*) FILTER (WHERE moving IS DISTINCT FROM anew) AS mismatches
FROM (SELECT weighted_score(s, w)
                 OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS moving,
             (SELECT weighted_score(s, w) FROM weighted i
              WHERE i.id BETWEEN o.id - 2 AND o.id) AS anew
      FROM weighted o) x;
SELECT i, weighted_score(s, 1) OVER (ORDER BY i ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
FROM (VALUES (1, NULL::score), (2, '10'), (3, '20'), (4, NULL), (5, NULL)) x(i, s);

-- any order gives the same
SELECT weighted_score(s, w ORDER BY id) = weighted_score(s, w ORDER BY id DESC) AS reversed,
       weighted_score(s, w ORDER BY id) = weighted_score(s, w ORDER BY hashint4(id)) AS shuffled
FROM weighted;

-- and any number of workers
\set ECHO none
CREATE TABLE public.parallel_scores AS
    SELECT (i * 7919::bigint % 100000001 / 1000000.0)::numeric::score AS s,
           (i * 104729::bigint % 100000)::numeric / 1000 AS w
    FROM generate_series(1, 50000) i;
ANALYZE public.parallel_scores;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 4;
\set ECHO all
EXPLAIN (COSTS OFF) SELECT weighted_score(s, w) FROM public.parallel_scores;
SELECT score_send(weighted_score(s, w)) AS four_workers FROM public.parallel_scores \gset
SET max_parallel_workers_per_gather = 0;
EXPLAIN (COSTS OFF) SELECT weighted_score(s, w) FROM public.parallel_scores;
SELECT score_send(weighted_score(s, w)) = :'four_workers' AS same_bits,
       weighted_score(s, w) = round(sum(w * s) / sum(w), 6)::score AS right_bits
FROM public.parallel_scores;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
DROP TABLE public.parallel_scores;

-- drops: of exactly the threshold, and a millionth less
SELECT previous, current, basis, score_drop(previous, current, basis),
       is_drop(previous, current, 2, basis)
FROM (VALUES ('80'::score, '78'::score, 'points'), ('80', '78.000001', 'points'),
             ('80', '78.4', 'relative'), ('80', '78.400001', 'relative'),
             ('78', '80', 'points'), ('78', '80', 'relative'), ('0', '0', 'relative'),
             ('80', '80', 'points'), (NULL, '80', 'points'), ('80', NULL, 'relative')
     ) x(previous, current, basis);
-- compared as fractions: two thirds round up to this threshold, and are less
SELECT score_drop(3, 1, 'relative'), is_drop(3, 1, 66.666667, 'relative') AS rounded,
       is_drop(3, 1, 66.666666, 'relative') AS below;
SELECT score_drop(80, 78), is_drop(80, 78), is_drop(80, 78.000001),
       is_drop(80, 78.4, NULL, 'relative'), is_drop(80, 78, 2.0000001);
SET posture.drop_threshold = 5;
SELECT is_drop(80, 75), is_drop(80, 75.000001), is_drop(80, 78, 2);
SET posture.drop_basis = relative;
SELECT is_drop(80, 76), is_drop(80, 76.000001), is_drop(80, 75, NULL, 'points');
RESET posture.drop_threshold;
RESET posture.drop_basis;
\set VERBOSITY sqlstate
SELECT score_drop(80, 78, 'percent');
SELECT is_drop(80, 78, 2, 'percent');
SELECT is_drop(80, 78, 0);
SELECT is_drop(80, 78, -1);
SELECT is_drop(NULL, NULL, 'NaN');
SELECT is_drop(101, 78);
SELECT is_drop(80, 78, repeat('9', 40)::numeric);
SET posture.drop_threshold = 0;
SET posture.drop_threshold = 101;
SET posture.drop_basis = percent;
SET posture.retention_days = 0;
\set VERBOSITY default

-- settings as SQL reads them
RESET posture.retention_days;
SELECT setting('drop_threshold'), setting('drop_basis'), setting('retention_days'), setting(NULL);
SET posture.timezone = 'Asia/Kolkata';
SELECT setting('timezone');
RESET posture.timezone;
SELECT setting('timezone') = current_setting('log_timezone') AS the_servers;
\set VERBOSITY sqlstate
SELECT setting('no_such');
SET posture.timezone = 'Nowhere/Land';
\set VERBOSITY default

-- 3000 random cases of each formula against plain numeric SQL
SELECT setseed(0.42);
\set ECHO none
CREATE TEMP TABLE cases AS
    SELECT i AS id, e, e + floor(random() * 10 ^ (i % 9))::bigint AS a,
           (floor(random() * 100000001) / 1000000)::numeric(9, 6)::score AS p,
           (floor(random() * 100000001) / 1000000)::numeric(9, 6)::score AS c,
           round(random()::numeric * 10::numeric ^ (i % 4), i % 8) AS w,
           round(random()::numeric * 20, i % 7) + 0.000001 AS t
    FROM generate_series(1, 3000) i, LATERAL (SELECT floor(random() * 10 ^ (i % 8))::bigint AS e) x;
\set ECHO all
SELECT count(*) AS cases, count(DISTINCT p) > 2900 AS are_random,
       count(*) FILTER (WHERE score(e, a) IS DISTINCT FROM
           round(100 * (a - e)::numeric(40, 20) / nullif(a, 0), 6)::score) AS score,
       count(*) FILTER (WHERE score_drop(p, c) IS DISTINCT FROM p::numeric
                        - c::numeric) AS drop_points,
       count(*) FILTER (WHERE score_drop(p, c, 'relative') IS DISTINCT FROM
           round(100 * (p::numeric - c::numeric)::numeric(40, 20) / nullif(p::numeric, 0),
                 6)) AS drop_relative,
       count(*) FILTER (WHERE is_drop(p, c, t, 'points') IS DISTINCT FROM p::numeric - c::numeric
                        >= t) AS is_drop_points,
       count(*) FILTER (WHERE is_drop(p, c, t, 'relative') IS DISTINCT FROM
           (p::numeric - c::numeric > 0 AND 100 * (p::numeric - c::numeric) >= t
            * p::numeric)) AS is_drop_relative
FROM cases;
SELECT count(*) AS groups, count(*) FILTER (WHERE ours IS DISTINCT FROM theirs) AS mismatches
FROM (SELECT weighted_score(p, w) AS ours,
             round((sum(w * p) / nullif(sum(w), 0))::numeric(60, 30), 6)::score AS theirs
      FROM cases GROUP BY id / 3) x;
DROP TABLE assigned, scored, weighted, cases;
DROP EXTENSION posture;

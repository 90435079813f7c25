-- What an initiative would score: compared with remediating, and with all assets but those of a
-- group retired, on random catalogs that overlap.
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
SET client_min_messages = warning;
\i :include/random.sql
\i :include/catalog.sql
\i :include/scenario.sql
CALL pg_temp.try_scenarios(3 * :rounds);
SELECT what, count(*) >= 12 * :rounds AS enough,
       count(*) FILTER (WHERE is_scored) >= 12 * :rounds AS scored, sum(differs) AS differ,
       count(*) FILTER (WHERE differs IS NULL) AS missing
FROM outcome GROUP BY what ORDER BY what;

-- names: by key, or by source and key where two sources share it
\set VERBOSITY terse
INSERT INTO recommendation (source_id, key, title) VALUES (1, 'shared', 'S'), (2, 'shared', 'S');
SELECT what_if('i1', '{shared}');
SELECT what_if('i1', '{s1:shared}') IS NOT DISTINCT FROM what_if('i1', '{}') AS same;
-- the key of one is how another is named
BEGIN;
INSERT INTO recommendation (source_id, key, title) VALUES (2, 's1:shared', 'S');
SELECT what_if('i1', '{s2:s1:shared}') IS NOT DISTINCT FROM what_if('i1', '{}') AS same;
SELECT what_if('i1', 's1:shared');
ROLLBACK;
SELECT what_if('i1', '{nothing}');
SELECT what_if('nothing', '{}');
SELECT what_if(NULL, '{}'), what_if('i1', NULL) IS NOT DISTINCT FROM what_if('i1', '{}') AS same;
SELECT score_of('i1', 'nothing');
SELECT score_of('nothing', 'all');
SELECT score_of('i1', NULL);

DISCARD TEMP;
DROP EXTENSION posture;

\set ECHO none
-- The view error: a row for each difference between what is stored and what the tables say.
CREATE TEMP VIEW error AS
SELECT 'verify' AS error, v::text AS row FROM verify() v
UNION ALL
SELECT 'stored', x::text
FROM (SELECT * FROM current_state('infinity')
      EXCEPT ALL SELECT * FROM current_state('infinity', false)) x
UNION ALL
SELECT 'recomputed', x::text
FROM (SELECT * FROM current_state('infinity', false)
      EXCEPT ALL SELECT * FROM current_state('infinity')) x
UNION ALL
SELECT 'sets', x::text
FROM (SELECT * FROM counted_state('infinity', NULL, '{}', NULL, true)
      EXCEPT ALL SELECT * FROM counted_state('infinity', NULL, NULL, NULL, false)) x
UNION ALL
SELECT 'sets of findings', x::text
FROM (SELECT * FROM counted_state('infinity', NULL, NULL, NULL, false)
      EXCEPT ALL SELECT * FROM counted_state('infinity', NULL, '{}', NULL, true)) x;
\set ECHO all

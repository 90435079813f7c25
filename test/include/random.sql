\set ECHO none
-- Random choices. setseed() makes them the same in every run.
-- a whole number from 0, less than the given one
CREATE FUNCTION pg_temp.n(below integer) RETURNS integer
    LANGUAGE sql VOLATILE AS 'SELECT floor(random() * below)::integer';
CREATE FUNCTION pg_temp.one(VARIADIC choices text[]) RETURNS text
    LANGUAGE sql VOLATILE AS 'SELECT choices[1 + floor(random() * cardinality(choices))::integer]';
-- true with the given probability
CREATE FUNCTION pg_temp.chance(probability double precision) RETURNS boolean
    LANGUAGE sql VOLATILE AS 'SELECT random() < probability';
\set ECHO all

\set ECHO none
-- Compares what posture returns with what plain SQL returns, row by row, in both directions.
CREATE TEMP TABLE outcome (about text, cases bigint, differences bigint);
CREATE PROCEDURE pg_temp.compare(about text, actual text, expected text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('
        INSERT INTO outcome
        WITH actual AS MATERIALIZED (%s), expected AS MATERIALIZED (%s)
        SELECT %L, (SELECT count(*) FROM expected),
               (SELECT count(*) FROM (TABLE actual EXCEPT ALL TABLE expected) x)
               + (SELECT count(*) FROM (TABLE expected EXCEPT ALL TABLE actual) x)',
        actual, expected, about);
END $$;
\set ECHO all

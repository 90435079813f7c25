/*
 * How it is measured: bench.pair() runs both statements in turn, so that what
 * else the machine does meets both, and keeps the median of each.
 */
CREATE TABLE bench.result (
    place int GENERATED ALWAYS AS IDENTITY, what text, compared_with text, measured numeric,
    compared numeric, unit text, reach text);

CREATE FUNCTION bench.seconds_of(statement text) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
    started timestamptz := clock_timestamp();
BEGIN
    EXECUTE statement;
    RETURN extract(epoch FROM clock_timestamp() - started);
END $$;

CREATE FUNCTION bench.median(of double precision[]) RETURNS numeric LANGUAGE sql
    RETURN (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x) FROM unnest(of) x);

CREATE PROCEDURE bench.pair(
    what text, statement text, compared_with text, compared text, reach text, runs int)
    LANGUAGE plpgsql AS $$
DECLARE
    ours double precision[] := '{}';
    theirs double precision[] := '{}';
BEGIN
    FOR i IN 0..runs LOOP
        -- the first of both warms up
        BEGIN
            ours := ours || bench.seconds_of(statement);
        EXCEPTION WHEN undefined_function THEN
            RAISE WARNING 'left out: %', SQLERRM;
            RETURN;
        END;
        COMMIT;
        IF compared IS NOT NULL AND (i <= 2 OR theirs[1] < 1) THEN
            theirs := theirs || bench.seconds_of(compared);
            COMMIT;
        END IF;
    END LOOP;
    INSERT INTO bench.result (what, compared_with, measured, compared, unit, reach)
    VALUES (what, compared_with, bench.median(ours[2:]), bench.median(theirs[2:]), 's', reach);
    COMMIT;
END $$;

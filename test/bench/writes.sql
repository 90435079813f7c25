/*
 * What a bulk load costs, with all that the triggers do, beside a table with the foreign
 * keys of PostgreSQL and no triggers of ours: new rows in turn, of assets that have none yet.
 */
\echo 'bulk loads'
INSERT INTO posture.asset (key, name, kind)
SELECT 'bulk' || i, 'bulk', 'kind' || i % 5 FROM generate_series(1, :new / 5) i;
SELECT posture.fold() \g /dev/null
SELECT min(asset_id) AS from_asset FROM posture.asset WHERE key LIKE 'bulk%' \gset
\ir like_finding.sql
VACUUM ANALYZE;

CREATE FUNCTION bench.load(into_table regclass, from_asset bigint, assets bigint) RETURNS void
    LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format($query$
    INSERT INTO %s (recommendation_id, asset_id, state)
    SELECT x.r, a,
           CASE WHEN (a * 31 + x.r * 17) %% 5 = 0 THEN 'non_compliant'
                ELSE 'compliant' END::posture.finding_state
    FROM generate_series($1, $1 + $2 - 1) a
    CROSS JOIN generate_series(1, 10) k
    CROSS JOIN LATERAL (SELECT 1 + (a * 7 + k * 53) %% 500) x(r)
    ORDER BY x.r, a $query$, into_table) USING from_asset, assets;
END $$;
CREATE PROCEDURE bench.loads(from_asset bigint, assets bigint, parts int) LANGUAGE plpgsql AS $$
DECLARE
    ours double precision := 0;
    theirs double precision := 0;
    seconds double precision;
    is_ours boolean;
BEGIN
    FOR part IN 0 .. 2 * parts - 1 LOOP
        -- A B B A, so that neither gains by being first
        is_ours := part % 4 IN (0, 3);
        seconds := bench.seconds_of(format(
            'SELECT bench.load(%L, %s, %s)',
            CASE WHEN is_ours THEN 'posture.finding' ELSE 'bench.finding' END,
            from_asset + part * assets / parts, assets / parts));
        COMMIT;
        ours := ours + CASE WHEN is_ours THEN seconds ELSE 0 END;
        theirs := theirs + CASE WHEN is_ours THEN 0 ELSE seconds END;
    END LOOP;
    INSERT INTO bench.result (what, compared_with, measured, compared, unit, reach)
    VALUES ('bulk load of ' || assets * 10 || ' findings',
            'a like table with foreign keys and without triggers', ours, theirs, 's',
            'at most 0.5');
    COMMIT;
END $$;
CALL bench.loads(:from_asset, :new / 10, 4);
DELETE FROM posture.finding WHERE asset_id >= :from_asset;
DROP TABLE bench.finding;
SELECT posture.rebuild() \g /dev/null
VACUUM ANALYZE;

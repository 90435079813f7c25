/*
 * What the triggers cost a bulk load: new rows into finding with them and
 * without them, in turn, of assets that have none yet. What was written without
 * them is not in the sets, so these are made anew at the end.
 */
\echo 'bulk loads'
INSERT INTO posture.asset (key, name, kind)
SELECT 'bulk' || i, 'bulk', 'kind' || i % 5 FROM generate_series(1, :new / 5) i;
SELECT posture.fold() \g /dev/null
SELECT min(asset_id) AS from_asset FROM posture.asset WHERE key LIKE 'bulk%' \gset
VACUUM ANALYZE;

CREATE FUNCTION bench.load(from_asset bigint, assets bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO posture.finding (recommendation_id, asset_id, state)
    SELECT x.r, a,
           CASE WHEN (a * 31 + x.r * 17) % 5 = 0 THEN 'non_compliant'
                ELSE 'compliant' END::posture.finding_state
    FROM generate_series(from_asset, from_asset + assets - 1) a
    CROSS JOIN generate_series(1, 10) k
    CROSS JOIN LATERAL (SELECT 1 + (a * 7 + k * 53) % 500) x(r)
    ORDER BY x.r, a
$$;
CREATE PROCEDURE bench.loads(from_asset bigint, assets bigint, parts int) LANGUAGE plpgsql AS $$
DECLARE
    with_triggers double precision := 0;
    without double precision := 0;
BEGIN
    FOR part IN 0 .. 2 * parts - 1 LOOP
        -- A B B A, so that neither gains by being first
        IF part % 4 IN (0, 3) THEN
            with_triggers := with_triggers + bench.seconds_of(format(
                'SELECT bench.load(%s, %s)', from_asset + part * assets / parts, assets / parts));
        ELSE
            ALTER TABLE posture.finding DISABLE TRIGGER capture_insert;
            COMMIT;
            without := without + bench.seconds_of(format(
                'SELECT bench.load(%s, %s)', from_asset + part * assets / parts, assets / parts));
            ALTER TABLE posture.finding ENABLE TRIGGER capture_insert;
        END IF;
        COMMIT;
    END LOOP;
    INSERT INTO bench.result (what, compared_with, measured, compared, unit, reach)
    VALUES ('bulk load of ' || assets * 10 || ' findings with the triggers',
            'the same table without them', with_triggers, without, 's', 'at most 1.05');
    COMMIT;
END $$;
CALL bench.loads(:from_asset, :new / 10, 4);
DELETE FROM posture.finding WHERE asset_id >= :from_asset;
SELECT posture.rebuild() \g /dev/null
VACUUM ANALYZE;

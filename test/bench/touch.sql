-- 100 statements on an asset each, not folded
CREATE PROCEDURE bench.touch(statements int) LANGUAGE plpgsql AS $$
DECLARE
    assets bigint := (SELECT max(asset_id) FROM posture.finding);
BEGIN
    FOR i IN 1 .. statements LOOP
        UPDATE posture.finding
        SET state = CASE state WHEN 'compliant' THEN 'non_compliant'
                               ELSE 'compliant' END::posture.finding_state,
            changed_at = now()
        WHERE asset_id = 1 + i * 104729::bigint % assets;
        COMMIT;
    END LOOP;
END $$;
CALL bench.touch(100);
CALL bench.pair('the same with 100 deltas pending',
    'SELECT (SELECT count(o) FROM posture.overview o), (SELECT count(m) FROM posture.metric_report m)',
    NULL, NULL, '', 20);

/* A day: its snapshot, drops and causes, with 1 % of findings changed; and what is kept. */
\echo 'a day'
-- run_daily() takes only days of history
UPDATE posture_internal.history_start SET day = day - 2;
SELECT posture.take_snapshot(posture.today() - 2) \g /dev/null
UPDATE posture.finding
SET state = CASE state WHEN 'compliant' THEN 'non_compliant'
                       ELSE 'compliant' END::posture.finding_state,
    changed_at = posture.day_end(posture.today() - 1) - interval '1 hour'
WHERE (asset_id * 7 + recommendation_id) % 100 = 0;
VACUUM ANALYZE;
SELECT clock_timestamp() AS started \gset
CALL posture.run_daily();
INSERT INTO bench.result (what, compared_with, measured, unit, reach)
VALUES ('run_daily() for one day, 1 % of findings changed: folds, snapshot, drops, causes', '',
        extract(epoch FROM clock_timestamp() - :'started'::timestamptz), 's', 'below 1 s');
CALL bench.pair('change_report() of an initiative of 10 metrics between these days',
    $$SELECT count(*) FROM posture.change_report('i1', posture.today() - 2, posture.today() - 1)$$,
    NULL, NULL, '', 5);

\echo 'what is kept'
VACUUM FULL posture_internal.finding_set;
INSERT INTO bench.result (what, compared_with, measured, compared, unit, reach)
VALUES ('size of finding_set', 'size of finding, both with their indexes',
        pg_total_relation_size('posture_internal.finding_set') / 1048576.0,
        pg_total_relation_size('posture.finding') / 1048576.0, 'MB', 'at most 0.06');

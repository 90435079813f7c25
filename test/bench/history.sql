/*
 * A year of days, and what is read of it: one day, with a group and under a
 * scenario, the days of a group, and the year under a scenario. Functions that
 * the measured checkout does not have are left out.
 */
\echo 'a history of' :days 'days'
-- the days are before the beginning of history
SET client_min_messages = error;
SELECT posture.take_snapshot(posture.today() - 2) \g /dev/null
-- as if all findings had been there before
DELETE FROM posture_internal.finding_history WHERE day <= posture.today() - 2;
\ir past.sql
CALL bench.extend_past(least(:days, 90));
CALL bench.extend_past(:days);
RESET client_min_messages;
INSERT INTO posture.asset_group (key, name, kinds) VALUES ('kind2', 'A fifth of all', '{kind2}');
SELECT posture.fold() \g /dev/null
VACUUM ANALYZE;
INSERT INTO bench.result (what, compared_with, measured, compared, unit, reach)
VALUES (:days || ' days of finding_history, 1 % of findings changing a day',
        'size of finding, both with their indexes',
        pg_total_relation_size('posture_internal.finding_history') / 1048576.0,
        pg_total_relation_size('posture.finding') / 1048576.0, 'MB', 'a year: at most 0.4');

SELECT least(:days, 90) AS past, posture.today() - least(:days, 90) AS then,
       posture.today() - :days AS first_day,
       '{"ignore_exemptions": true, "weight": {"i1/m18": 10}, "remediate": ["r5"]}' AS scenario \gset
\set union 'SELECT posture.union_agg(assessed), posture.union_agg(exposed) FROM posture_internal.finding_set'
CALL bench.pair('metric_assets() of a metric, ' || :past || ' days ago',
    format('SELECT posture.metric_assets(''m1'', %L)', :'then'), NULL, NULL, '', 5);
CALL bench.pair('change_report() of an initiative of 10 metrics over these days',
    format('SELECT count(*) FROM posture.change_report(''i1'', %L, posture.today() - 2)', :'then'),
    NULL, NULL, '', 5);
CALL bench.pair('report_at() now', 'SELECT count(*) FROM posture.report_at()',
    'a union of all stored sets', :'union', '', 10);
CALL bench.pair('report_at() a day ' || :past || ' days ago, 1 % changing a day',
    format('SELECT count(*) FROM posture.report_at(%L)', :'then'),
    'a union of all stored sets', :'union', 'below 0.08 s', 5);
CALL bench.pair('the same of a group, under a scenario',
    format('SELECT count(*) FROM posture.report_at(%L, ''kind2'', %L)', :'then', :'scenario'),
    'a union of all stored sets', :'union', 'below 0.1 s', 5);
CALL bench.pair('an initiative by a group, ' || :days || ' days, a row a day',
    format('SELECT count(*) FROM posture.score_history_of(''i1'', ''kind2'', %L, posture.today() - 2)',
           :'first_day'),
    'a union of all stored sets', :'union', 'a year: below 2 s', 1);
CALL bench.pair('backtest() of ' || :days || ' days, 12 initiatives',
    format('SELECT count(*) FROM posture.backtest(%L, %L, posture.today() - 2)',
           :'scenario', :'first_day'),
    'a union of all stored sets', :'union', 'a year: below 30 s', 1);

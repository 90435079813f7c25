/* Reading at once after a change of the catalog, which is then rolled back. */
\echo 'changes of the catalog'
CREATE PROCEDURE bench.read_after(change text, statement text) LANGUAGE plpgsql AS $$
DECLARE
    ours double precision[] := '{}';
    theirs double precision[] := '{}';
BEGIN
    FOR i IN 0 .. 5 LOOP
        EXECUTE statement;
        ours := ours || bench.seconds_of(
            'SELECT (SELECT count(o) FROM posture.overview o), (SELECT count(m) FROM posture.metric_report m)');
        ROLLBACK;
        theirs := theirs || bench.seconds_of(
            'SELECT posture.union_agg(assessed), posture.union_agg(exposed) FROM posture_internal.finding_set');
    END LOOP;
    INSERT INTO bench.result (what, compared_with, measured, compared, unit, reach)
    VALUES ('read overview and all of metric_report after ' || change, 'a union of all stored sets',
            bench.median(ours[2:]), bench.median(theirs[2:]), 's', 'below 0.04 s');
    COMMIT;
END $$;

INSERT INTO posture.asset_group (key, name, kinds) VALUES ('kind3', 'A fifth of all', '{kind3}');
SELECT posture.fold() \g /dev/null
CALL bench.read_after('a recommendation was added to a metric',
    $$INSERT INTO posture.metric_recommendation
      SELECT 1, min(r.recommendation_id)
      FROM posture.recommendation r
      WHERE NOT EXISTS (SELECT FROM posture.metric_recommendation b
                        WHERE b.metric_id = 1 AND b.recommendation_id = r.recommendation_id)$$);
CALL bench.read_after('a source was switched off',
    'UPDATE posture.source SET is_active = false WHERE source_id = 1');
CALL bench.read_after('a group was defined',
    $$INSERT INTO posture.asset_group (key, name, kinds) VALUES ('newest', 'Newest', '{kind4}')$$);
SELECT format($$INSERT INTO posture.exemption (recommendation_id, asset_group_id, kind, reason)
                VALUES (42, %s, 'waived', 'benchmark')$$, asset_group_id) AS exempt
FROM posture.asset_group
WHERE key = 'kind3' \gset
CALL bench.read_after('an exemption of a group', :'exempt');
:exempt;
SELECT posture.fold() \g /dev/null
CALL bench.read_after('a new asset, while a group has an exemption',
    $$INSERT INTO posture.asset (key, name, kind) VALUES ('newest', 'Newest', 'kind1')$$);
DELETE FROM posture.exemption;
-- all figures hold if each metric is about a group
INSERT INTO posture.asset_group (key, name) VALUES ('all', 'All');
UPDATE posture.metric
SET population_group_id = (SELECT asset_group_id FROM posture.asset_group WHERE key = 'all'),
    unassessed = (ARRAY['excluded', 'exposed', 'compliant'])[1 + metric_id % 3];
SELECT posture.fold() \g /dev/null
CALL bench.pair('read overview and all of metric_report, a population in each metric',
    'SELECT (SELECT count(o) FROM posture.overview o), (SELECT count(m) FROM posture.metric_report m)',
    'a union of all stored sets',
    'SELECT posture.union_agg(assessed), posture.union_agg(exposed) FROM posture_internal.finding_set',
    'below 0.015 s', 20);
CALL bench.read_after('a source was switched off, a population in each metric',
    'UPDATE posture.source SET is_active = false WHERE source_id = 1');
UPDATE posture.metric SET population_group_id = NULL;
DELETE FROM posture.asset_group WHERE key IN ('kind3', 'all');
SELECT posture.fold() \g /dev/null
VACUUM ANALYZE;

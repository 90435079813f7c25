/*
 * Reading at a size (psql variables findings, assets) with 100 deltas pending.
 * Findings are written without triggers and indexes, which are made afterwards,
 * and the sets by rebuild(): so much for a hundred million of them to be there
 * within the hour.
 */
\echo 'a fleet of' :findings 'findings, for growth'
ALTER TABLE posture.finding DISABLE TRIGGER ALL;
ALTER TABLE posture.asset DISABLE TRIGGER ALL;
ALTER TABLE posture.finding DROP CONSTRAINT finding_pkey;
DROP INDEX posture.finding_asset_id;
INSERT INTO posture.asset (key, name, kind)
SELECT 'a' || a, 'a' || a, 'kind' || a % 5 FROM generate_series(1, :assets) a;
INSERT INTO posture.finding (recommendation_id, asset_id, state, changed_at)
SELECT x.r, a,
       CASE WHEN (a * 31 + x.r * 17) % 5 = 0 THEN 'non_compliant'
            ELSE 'compliant' END::posture.finding_state,
       now() - interval '2 days'
FROM generate_series(1, :assets) a
CROSS JOIN generate_series(1, 10) k
CROSS JOIN LATERAL (SELECT 1 + (a * 7 + k * 53) % 500) x(r);
ALTER TABLE posture.finding ADD PRIMARY KEY (recommendation_id, asset_id);
CREATE INDEX finding_asset_id ON posture.finding (asset_id);
ALTER TABLE posture.finding ENABLE TRIGGER ALL;
ALTER TABLE posture.asset ENABLE TRIGGER ALL;
VACUUM ANALYZE;
SELECT posture.rebuild() \g /dev/null
VACUUM ANALYZE;

/*
 * Findings of a chosen number (psql variables findings, assets), the same as
 * bench.deliver() has. They are written without triggers and indexes, which are
 * made afterwards, and rebuild() makes the sets, so that a hundred million of
 * them take less than an hour.
 */
\echo 'writing' :findings 'findings'
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

-- a delivery of 1000 findings of one source, on assets that are known, a tenth with another state
\set a random(1, :assets - 100)
\set flip random(0, 9)
BEGIN;
INSERT INTO posture.inbox (source, recommendation, asset, state)
SELECT 'session' || :client_id, 'x' || r, 'a' || :a + a,
       CASE WHEN (a + r) % 10 = :flip THEN 'non_compliant' ELSE 'compliant' END
FROM generate_series(1, 10) r, generate_series(0, 99) a;
SELECT FROM posture.ingest(only_source => 'session' || :client_id);
END;

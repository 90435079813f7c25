-- What happens at the very end of a day belongs to the next day: findings,
-- exemptions and retirements alike.
CREATE EXTENSION posture;
\pset format unaligned
\pset fieldsep ' | '
SET posture.timezone = 'UTC';
SET client_min_messages = warning;

INSERT INTO posture.source (key, name) VALUES ('s', 'S');
INSERT INTO posture.inbox
SELECT 's', 'r', a, CASE WHEN a = 'healthy' THEN 'compliant' ELSE 'non_compliant' END, '2026-01-01 08:00Z'
FROM unnest('{healthy, exempt, retired, found}'::text[]) a;
UPDATE posture.inbox SET observed_at = '2026-01-03 00:00Z' WHERE asset = 'found';
SELECT loaded FROM posture.ingest();
INSERT INTO posture.metric (key, name) VALUES ('m', 'M');
INSERT INTO posture.metric_recommendation SELECT metric_id, recommendation_id FROM posture.metric, posture.recommendation;
INSERT INTO posture.exemption (recommendation_id, asset_id, kind, reason, created_at, expires_at)
SELECT r.recommendation_id, a.asset_id, 'mitigated', 'a reason', '2026-01-01', '2026-01-03 00:00Z'
FROM posture.recommendation r, posture.asset a WHERE a.key = 'exempt';
UPDATE posture.asset SET retired_at = '2026-01-03 00:00Z' WHERE key = 'retired';

-- on the 2nd: healthy, exempt and retired count, exempt as compliant; on the
-- 3rd: healthy, exempt and found
SELECT d.day, m.exposed, m.assessed, m.score
FROM generate_series(date '2026-01-02', date '2026-01-03', '1 day') g(at)
CROSS JOIN LATERAL (SELECT g.at::date) d(day)
CROSS JOIN LATERAL posture_internal.metric_state(posture.day_end(d.day)) m ORDER BY d.day;

-- now: one that ends now has ended
BEGIN;
UPDATE posture.exemption SET expires_at = now();
SELECT m.exposed, m.assessed FROM posture_internal.metric_state('infinity') m;
UPDATE posture.exemption SET expires_at = now() + interval '1 second';
SELECT m.exposed, m.assessed FROM posture_internal.metric_state('infinity') m;
UPDATE posture.asset SET retired_at = now() WHERE key = 'found';
SELECT m.exposed, m.assessed FROM posture_internal.metric_state('infinity') m;
ROLLBACK;

DROP EXTENSION posture;

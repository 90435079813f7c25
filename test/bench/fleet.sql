/*
 * A fleet of a chosen size (psql variables findings, assets): 5 kinds of asset,
 * 500 recommendations of 5 sources, 76 metrics, 12 initiatives. The
 * recommendations of a metric overlap on assets. Nothing is random, so that
 * two runs measure the same.
 */
\set recommendations 500
\set ON_ERROR_STOP on

CREATE EXTENSION posture;
CREATE SCHEMA bench;

INSERT INTO posture.source (key, name) SELECT 's' || i, 'Source ' || i FROM generate_series(0, 4) i;
INSERT INTO posture.recommendation (source_id, key, title, severity, max_points)
SELECT 1 + i % 5, 'r' || i, 'Recommendation ' || i, 'medium', 1 + i % 10
FROM generate_series(1, :recommendations) i;
INSERT INTO posture.metric (key, name, importance, asset_kinds)
SELECT 'm' || i, 'Metric ' || i,
       (ARRAY['critical', 'high', 'medium', 'low'])[1 + i % 4]::posture.importance,
       CASE WHEN i % 4 = 0 THEN ARRAY['kind' || i % 5] END
FROM generate_series(1, 76) i;
INSERT INTO posture.metric_recommendation
SELECT m, 1 + (m * 37 + k * 5) % :recommendations
FROM generate_series(1, 76) m, generate_series(0, 7) k;
INSERT INTO posture.initiative (key, name, method)
SELECT 'i' || i, 'Initiative ' || i,
       (ARRAY['weighted', 'weighted', 'population', 'points'])[1 + i % 4]::posture.initiative_method
FROM generate_series(1, 12) i;
INSERT INTO posture.initiative_metric
SELECT DISTINCT i, 1 + (i * 17 + k * 3) % 76 FROM generate_series(1, 12) i, generate_series(0, 9) k;

-- one delivery: each asset has findings on some recommendations, a fifth fails
CREATE FUNCTION bench.deliver(findings bigint, assets bigint, from_asset bigint, at timestamptz)
    RETURNS void
    LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at, asset_kind)
    SELECT 's' || r % 5, 'r' || r, 'a' || (from_asset + a),
           CASE WHEN (a * 31 + r * 17) % 5 = 0 THEN 'non_compliant' ELSE 'compliant' END, at,
           'kind' || a % 5
    FROM generate_series(1, assets) a
    CROSS JOIN generate_series(1, findings / assets) k
    CROSS JOIN LATERAL (SELECT 1 + (a * 7 + k * 53) % 500) x(r);
END;

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

-- As exposed_asset.sql, for an owner, who reads no table.
SELECT l.metric, l.asset, l.name, l.kind, l.criticality, l.owner
FROM (SELECT m.metric, a.asset, a.name, a.kind, a.criticality, a.owner,
             row_number() OVER (PARTITION BY m.metric ORDER BY array_position('{critical,high,medium,low}', a.criticality), a.asset) AS place
      FROM posture.asset_report a
      CROSS JOIN LATERAL unnest(a.metrics) m(metric)) l
WHERE l.place <= 50
ORDER BY l.metric, l.place;

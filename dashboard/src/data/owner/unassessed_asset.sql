-- As unassessed_asset.sql, for an owner, who reads no table.
SELECT l.metric, l.asset, l.name, l.kind, l.criticality, l.owner, posture.day_of(l.last_seen) AS last_seen, l.total
FROM (SELECT a.*, count(*) OVER (PARTITION BY a.metric) AS total,
             row_number() OVER (PARTITION BY a.metric ORDER BY array_position('{critical,high,medium,low}', a.criticality), a.asset) AS place
      FROM posture.unassessed_asset a) l
WHERE l.place <= 500
ORDER BY l.metric, l.place;

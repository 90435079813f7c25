-- Which members of its population does each metric not assess? The most critical ones, 500 at most.
WITH level AS MATERIALIZED (
    SELECT a.criticality, posture.assetset_agg(a.asset_id) AS assets FROM posture.asset a GROUP BY a.criticality
), unassessed AS MATERIALIZED (
    SELECT r.metric, posture.unassessed_at(r.metric) AS assets
    FROM (SELECT DISTINCT metric FROM posture.metric_report WHERE unassessed_assets > 0) r
), listed AS (
    -- as many of each criticality: no large set is taken apart
    SELECT u.metric, posture.cardinality(u.assets) AS total, x.asset_id,
           row_number() OVER (PARTITION BY u.metric ORDER BY array_position('{critical,high,medium,low}', l.criticality), x.asset_id) AS place
    FROM unassessed u
    CROSS JOIN level l
    CROSS JOIN LATERAL (SELECT posture.members(u.assets OPERATOR(posture.&) l.assets) AS asset_id LIMIT 500) x
)
SELECT l.metric, a.key::text AS asset, a.name, a.kind, a.criticality, a.owner, posture.day_of(a.last_seen) AS last_seen, l.total
FROM listed l
JOIN posture.asset a USING (asset_id)
WHERE l.place <= 500
ORDER BY l.metric, l.place;

-- Which assets does each metric have exposed? The most critical ones, fifty at most.
WITH level AS MATERIALIZED (
    SELECT a.criticality, posture.assetset_agg(a.asset_id) AS assets FROM posture.asset a GROUP BY a.criticality
), exposed AS MATERIALIZED (
    SELECT r.metric, posture.metric_assets(r.metric) AS assets FROM (SELECT DISTINCT metric FROM posture.metric_report) r
), listed AS (
    -- fifty of each criticality: no large set is taken apart
    SELECT e.metric, x.asset_id, row_number() OVER (PARTITION BY e.metric ORDER BY array_position('{critical,high,medium,low}', l.criticality), x.asset_id) AS place
    FROM exposed e
    CROSS JOIN level l
    CROSS JOIN LATERAL (SELECT posture.members(e.assets OPERATOR(posture.&) l.assets) AS asset_id LIMIT 50) x
)
SELECT l.metric, a.key::text AS asset, a.name, a.kind, a.criticality, a.owner
FROM listed l
JOIN posture.asset a USING (asset_id)
WHERE l.place <= 50
ORDER BY l.metric, l.place;

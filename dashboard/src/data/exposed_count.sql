-- How many assets does each metric have exposed, by their criticality?
WITH level AS MATERIALIZED (
    SELECT a.criticality, posture.assetset_agg(a.asset_id) AS assets FROM posture.asset a GROUP BY a.criticality
), exposed AS MATERIALIZED (
    SELECT r.metric, posture.metric_assets(r.metric) AS assets FROM (SELECT DISTINCT metric FROM posture.metric_report) r
)
SELECT e.metric, l.criticality, posture.cardinality(e.assets OPERATOR(posture.&) l.assets) AS assets
FROM exposed e
CROSS JOIN level l
ORDER BY e.metric, array_position('{critical,high,medium,low}', l.criticality);

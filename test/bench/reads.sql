/* Reading: recomputed from findings, and from what is kept. */
\echo 'reading'
CALL bench.pair('recompute all sets from finding, the oracle path',
    'SELECT recommendation_id, posture.cardinality(assessed), posture.cardinality(exposed)
     FROM posture_internal.recommendation_set(''infinity'')',
    'SELECT recommendation_id, count(*), count(*) FILTER (...) FROM finding GROUP BY 1',
    'SELECT recommendation_id, count(*), count(*) FILTER (WHERE state = ''non_compliant'')
     FROM posture.finding GROUP BY 1',
    'at most 1.5', 5);
CALL bench.pair('rebuild()', 'SELECT * FROM posture.rebuild()',
    'the same',
    'SELECT recommendation_id, count(*), count(*) FILTER (WHERE state = ''non_compliant'')
     FROM posture.finding GROUP BY 1',
    'at most 1.5', 5);
SELECT posture.fold() \g /dev/null
VACUUM ANALYZE;
\set both 'SELECT (SELECT count(o) FROM posture.overview o), (SELECT count(m) FROM posture.metric_report m)'
CALL bench.pair('read overview and all of metric_report', :'both', 'plain SQL with count(distinct) and joins',
    $$WITH metric AS (
        SELECT m.metric_id, m.importance,
               count(DISTINCT f.asset_id) FILTER (WHERE f.state = 'non_compliant') AS exposed,
               count(DISTINCT f.asset_id) FILTER (WHERE f.state <> 'not_applicable') AS assessed
        FROM posture.metric m
        JOIN posture.metric_recommendation mr USING (metric_id)
        JOIN posture.finding f USING (recommendation_id)
        JOIN posture.asset a USING (asset_id)
        WHERE a.retired_at IS NULL AND (m.asset_kinds IS NULL OR a.kind = ANY (m.asset_kinds))
        GROUP BY m.metric_id
    )
    SELECT im.initiative_id,
           sum(w.weight * 100.0 * (m.assessed - m.exposed) / m.assessed) / sum(w.weight)
    FROM posture.initiative_metric im
    JOIN metric m USING (metric_id)
    JOIN posture.importance_weight w USING (importance)
    WHERE m.assessed > 0
    GROUP BY im.initiative_id$$,
    'at least 1000 times faster, below 0.015 s', 20);

\ir touch.sql
SELECT posture.fold() \g /dev/null

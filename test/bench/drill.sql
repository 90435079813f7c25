/* Drilling down: the rows of one asset, recommendation, metric or event. */
\echo 'drill'
CALL bench.pair('asset_report of one asset',
    $$SELECT * FROM posture.asset_report WHERE asset = 'a777'$$,
    'its findings and metrics in plain SQL',
    $$SELECT a.key, count(DISTINCT f.recommendation_id), array_agg(DISTINCT m.key::text)
      FROM posture.asset a
      JOIN posture.finding f USING (asset_id)
      LEFT JOIN posture.metric_recommendation mr
             ON mr.recommendation_id = f.recommendation_id AND f.state = 'non_compliant'
      LEFT JOIN posture.metric m USING (metric_id)
      WHERE a.key = 'a777'
      GROUP BY a.asset_id$$,
    'below 0.05 s', 20);
CALL bench.pair('finding_report of one asset',
    $$SELECT * FROM posture.finding_report WHERE asset = 'a777'$$,
    'plain SQL with joins',
    $$SELECT r.key, a.key, a.name, f.state, f.changed_at
      FROM posture.asset a
      JOIN posture.finding f USING (asset_id)
      JOIN posture.recommendation r USING (recommendation_id)
      WHERE a.key = 'a777'$$,
    'below 0.05 s', 20);
CALL bench.pair('finding_report of one recommendation, a 500th of all findings',
    $$SELECT * FROM posture.finding_report WHERE recommendation = 'r77'$$,
    'plain SQL with joins',
    $$SELECT r.key, a.key, a.name, f.state, f.changed_at
      FROM posture.recommendation r
      JOIN posture.finding f USING (recommendation_id)
      JOIN posture.asset a USING (asset_id)
      WHERE r.key = 'r77'$$,
    'at most 1.5', 10);
CALL bench.pair('metric_recommendation_report of one metric',
    $$SELECT * FROM posture.metric_recommendation_report WHERE metric = 'm5'$$,
    'plain SQL that counts, without only_this',
    $$SELECT f.recommendation_id, count(*), count(*) FILTER (WHERE f.state = 'non_compliant')
      FROM posture.metric m
      JOIN posture.metric_recommendation mr USING (metric_id)
      JOIN posture.finding f USING (recommendation_id)
      JOIN posture.asset a USING (asset_id)
      WHERE m.key = 'm5' AND a.retired_at IS NULL
      GROUP BY f.recommendation_id$$,
    'below 0.05 s', 10);
CALL bench.pair('all of metric_recommendation_report',
    'SELECT * FROM posture.metric_recommendation_report', NULL, NULL, '', 3);
CALL bench.pair('all of asset_report',
    'SELECT count(a) FROM posture.asset_report a',
    'findings, metrics and initiatives of each asset in plain SQL',
    $$SELECT count(x)
      FROM (SELECT a.key, count(DISTINCT f.recommendation_id),
                   array_agg(DISTINCT m.key::text), array_agg(DISTINCT i.key::text)
            FROM posture.asset a
            LEFT JOIN posture.finding f USING (asset_id)
            LEFT JOIN posture.metric_recommendation mr
                   ON mr.recommendation_id = f.recommendation_id AND f.state = 'non_compliant'
            LEFT JOIN posture.metric m USING (metric_id)
            LEFT JOIN posture.initiative_metric USING (metric_id)
            LEFT JOIN posture.initiative i USING (initiative_id)
            GROUP BY a.asset_id) x$$,
    'at most 1.5', 1);
CALL bench.pair('all of finding_report',
    'SELECT count(f) FROM posture.finding_report f',
    'plain SQL with joins',
    $$SELECT count(x)
      FROM (SELECT s.key AS source, r.key AS recommendation, r.title, r.severity::text,
                   a.key AS asset, a.name, a.kind, f.state::text, f.changed_at, f.details::text
            FROM posture.finding f
            JOIN posture.recommendation r USING (recommendation_id)
            JOIN posture.source s USING (source_id)
            JOIN posture.asset a USING (asset_id)) x$$,
    'at most 1.5', 1);

-- an event whose causes have many assets
SELECT (SELECT c.event_id
        FROM posture.event_cause c
        WHERE c.assets IS NOT NULL
        ORDER BY posture.cardinality(c.assets) DESC
        LIMIT 1) AS event \gset
\if :{?event}
SELECT a.key AS asset
FROM posture.event_cause c
CROSS JOIN LATERAL (SELECT posture.members(c.assets) AS asset_id LIMIT 1) x
JOIN posture.asset a USING (asset_id)
WHERE c.event_id = :event
LIMIT 1 \gset
SELECT format('SELECT * FROM posture.event_asset WHERE event_id = %s', :event) AS of_event,
       format('SELECT * FROM posture.event_asset WHERE event_id = %s AND asset = %L',
              :event, :'asset') AS of_asset \gset
CALL bench.pair('event_asset of one event', :'of_event', NULL, NULL, '', 10);
CALL bench.pair('event_asset of one event and asset', :'of_asset', NULL, NULL,
    'below 0.05 s', 10);
\endif

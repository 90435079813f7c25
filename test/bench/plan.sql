/*
 * What an initiative would score, by a group alone, and what to remediate: from
 * sets, beside plain SQL where that has an answer. The plan is of an initiative
 * of 25 metrics that holds all recommendations, so that its order is found over
 * all that fails.
 */
\echo 'groups, what if, plan'
INSERT INTO posture.asset_group (key, name, kinds) VALUES ('kind1', 'A fifth of all', '{kind1}');
SELECT posture.fold() \g /dev/null
VACUUM ANALYZE;
CALL bench.pair('group_report of a group of a fifth of all assets',
    $$SELECT count(*) FROM posture.group_report WHERE asset_group = 'kind1'$$,
    'plain SQL with count(distinct) and joins, metrics alone',
    $$SELECT m.metric_id, count(DISTINCT f.asset_id) FILTER (WHERE f.state = 'non_compliant'),
             count(DISTINCT f.asset_id) FILTER (WHERE f.state <> 'not_applicable')
    FROM posture.metric m
    JOIN posture.metric_recommendation mr USING (metric_id)
    JOIN posture.finding f USING (recommendation_id)
    JOIN posture.asset a USING (asset_id)
    WHERE a.retired_at IS NULL
        AND a.kind = 'kind1'
        AND (m.asset_kinds IS NULL OR a.kind = ANY (m.asset_kinds))
    GROUP BY m.metric_id$$,
    'below 0.05 s', 5);
CALL bench.pair('score_of() an initiative of 10 metrics by that group',
    $$SELECT posture.score_of('i1', 'kind1')$$, NULL, NULL, 'below 0.05 s', 10);
CALL bench.pair('what_if() of a recommendation of it', $$SELECT posture.what_if('i1', '{r37}')$$, NULL, NULL, '', 10);

INSERT INTO posture.metric (key, name, importance)
SELECT 'whole' || i, 'Whole ' || i,
       (ARRAY['critical', 'high', 'medium', 'low'])[1 + i % 4]::posture.importance
FROM generate_series(1, 25) i;
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, r.recommendation_id
FROM posture.recommendation r
JOIN posture.metric m ON m.key = 'whole' || (1 + r.recommendation_id % 25);
INSERT INTO posture.initiative (key, name) VALUES ('whole', 'The whole');
INSERT INTO posture.initiative_metric
SELECT i.initiative_id, m.metric_id
FROM posture.initiative i
JOIN posture.metric m ON m.key LIKE 'whole%'
WHERE i.key = 'whole';
SELECT posture.fold() \g /dev/null
VACUUM ANALYZE;
CALL bench.pair('what_if() of all of an initiative that holds 500 recommendations',
    $$SELECT posture.what_if('whole', ARRAY(SELECT s.key || ':' || r.key
                                          FROM posture.recommendation r
                                          JOIN posture.source s USING (source_id)))$$,
    NULL, NULL, '', 5);
CALL bench.pair('plan() of all of it', $$SELECT count(*) FROM posture.plan('whole')$$, NULL, NULL, 'below 1 s', 5);

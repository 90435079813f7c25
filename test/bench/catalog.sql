/*
 * The catalog: adds what is missing up to the numbers in the psql variables
 * recommendations, metrics, initiatives, groups and exemptions. So a fleet can
 * grow, and has the same catalog as one that was made with the greater numbers.
 * The recommendations of a metric overlap on assets.
 */
\if :{?recommendations} \else \set recommendations 500 \endif
\if :{?metrics} \else \set metrics 76 \endif
\if :{?initiatives} \else \set initiatives 12 \endif
\if :{?groups} \else \set groups 0 \endif
\if :{?exemptions} \else \set exemptions 0 \endif

INSERT INTO posture.recommendation (source_id, key, title, severity, max_points)
SELECT 1 + i % 5, 'r' || i, 'Recommendation ' || i, 'medium', 1 + i % 10
FROM generate_series((SELECT count(*) + 1 FROM posture.recommendation), :recommendations) i;

INSERT INTO posture.metric (key, name, importance, asset_kinds)
SELECT 'm' || i, 'Metric ' || i,
       (ARRAY['critical', 'high', 'medium', 'low'])[1 + i % 4]::posture.importance,
       CASE WHEN i % 4 = 0 THEN ARRAY['kind' || i % 5] END
FROM generate_series((SELECT count(*) + 1 FROM posture.metric), :metrics) i;
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, 1 + (m.metric_id * 37 + k * 5) % :recommendations
FROM posture.metric m
CROSS JOIN generate_series(0, 7) k
WHERE NOT EXISTS (SELECT FROM posture.metric_recommendation b WHERE b.metric_id = m.metric_id);

INSERT INTO posture.initiative (key, name, method)
SELECT 'i' || i, 'Initiative ' || i,
       (ARRAY['weighted', 'weighted', 'population', 'points'])[1 + i % 4]::posture.initiative_method
FROM generate_series((SELECT count(*) + 1 FROM posture.initiative), :initiatives) i;
INSERT INTO posture.initiative_metric
SELECT DISTINCT i.initiative_id, 1 + (i.initiative_id * 17 + k * 3) % :metrics
FROM posture.initiative i
CROSS JOIN generate_series(0, 9) k
WHERE NOT EXISTS (SELECT FROM posture.initiative_metric b WHERE b.initiative_id = i.initiative_id);
-- each metric beyond those of the smallest fleet is in an initiative
INSERT INTO posture.initiative_metric
SELECT 1 + m.metric_id % :initiatives, m.metric_id
FROM posture.metric m
WHERE m.metric_id > 76
  AND NOT EXISTS (SELECT FROM posture.initiative_metric b WHERE b.metric_id = m.metric_id);

-- by tags, or by kind and criticality
INSERT INTO posture.asset_group (key, name, tags, kinds, min_criticality)
SELECT 'g' || i, 'Group ' || i,
       CASE WHEN i % 2 = 1 THEN jsonb_build_object('team', 'team' || i % 50) END,
       CASE WHEN i % 2 = 0 THEN ARRAY['kind' || i % 5, 'kind' || i / 5 % 5] END,
       (ARRAY[NULL, 'medium', 'high'])[1 + i / 2 % 3]
FROM generate_series((SELECT count(*) + 1 FROM posture.asset_group), :groups) i;

-- a third of the exemptions are of an asset, the others of a group
INSERT INTO posture.exemption (recommendation_id, asset_id, asset_group_id, kind, reason)
SELECT 1 + i * 7 % :recommendations,
       CASE WHEN i % 3 = 0 THEN 1 + i * 101 % :assets END,
       CASE WHEN i % 3 > 0 THEN 1 + i % :groups END,
       (ARRAY['mitigated', 'waived', 'risk_accepted'])[1 + i / 3 % 3]::posture.exemption_kind,
       'benchmark'
FROM generate_series((SELECT count(*) + 1 FROM posture.exemption), :exemptions) i;

/*
 * group_report: the scores of each asset group, counted from its assets alone.
 */

CREATE VIEW posture.group_report WITH (security_invoker = true) AS
SELECT g.key::text AS asset_group, g.name AS group_name, g.owner::text AS owner,
       i.key::text AS initiative, m.key::text AS metric, coalesce(m.name, i.name) AS name,
       s.score::numeric AS score, s.exposed::bigint AS exposed_assets,
       s.assessed AS assessed_assets, s.critical AS critical_assets, s.weight, s.population,
       s.unassessed AS unassessed_assets,
       coverage_pct(s.population, s.unassessed) AS coverage_pct,
       s.score_low::numeric AS score_low, s.score_high::numeric AS score_high
FROM report_row(NULL, NULL, all_groups()) s
JOIN asset_group g ON g.asset_group_id = s.asset_group_id
JOIN initiative i ON i.initiative_id = s.initiative_id
LEFT JOIN metric m ON m.metric_id = s.metric_id;
COMMENT ON VIEW posture.group_report IS
    'each initiative and each of its metrics, counted for the assets of each group alone, as it '
    'stands now; points of the whole organisation do not count';
COMMENT ON COLUMN posture.group_report.asset_group IS 'key of the group';
COMMENT ON COLUMN posture.group_report.group_name IS 'name of the group';
COMMENT ON COLUMN posture.group_report.owner IS 'role that owns the group; NULL: none';
COMMENT ON COLUMN posture.group_report.initiative IS 'key of the initiative';
COMMENT ON COLUMN posture.group_report.metric IS
    'key of the metric; NULL: the row is about the initiative';
COMMENT ON COLUMN posture.group_report.name IS
    'name of the metric, or of the initiative if metric is NULL';
COMMENT ON COLUMN posture.group_report.score IS
    'current score, 0 to 100; NULL: unavailable, because nothing of the group is assessed';
COMMENT ON COLUMN posture.group_report.exposed_assets IS
    'number of distinct assets of the group exposed, each times its weight by criticality';
COMMENT ON COLUMN posture.group_report.assessed_assets IS
    'number of distinct assets of the group assessed, each times its weight by criticality';
COMMENT ON COLUMN posture.group_report.critical_assets IS
    'number of exposed assets of the group that are critical, each counted once';
COMMENT ON COLUMN posture.group_report.weight IS
    'weight of the metric in the initiative; NULL: the row is about the initiative';
COMMENT ON COLUMN posture.group_report.population IS
    'number of distinct assets of the group that it is about, assessed or not, each times its '
    'weight by criticality';
COMMENT ON COLUMN posture.group_report.unassessed_assets IS
    'number of these that are members of a metric''s population and that nothing assesses';
COMMENT ON COLUMN posture.group_report.coverage_pct IS
    'share of the population that is assessed, in percent; NULL: the population is empty';
COMMENT ON COLUMN posture.group_report.score_low IS
    'score if all unassessed assets were exposed; NULL: nothing is known';
COMMENT ON COLUMN posture.group_report.score_high IS
    'score if none of the unassessed assets were exposed; NULL: nothing is known';

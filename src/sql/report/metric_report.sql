/*
 * metric_report: the metrics of each initiative as they stand now, with the points
 * that the initiative would gain through each.
 */

CREATE FUNCTION posture_internal.metric_trend(days integer)
    RETURNS TABLE (metric_id integer, scores numeric[])
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT m.metric_id, array_agg(s.score::numeric ORDER BY ago DESC)
    FROM metric m
    CROSS JOIN generate_series(1, days) ago
    LEFT JOIN metric_snapshot s ON s.metric_id = m.metric_id AND s.day = today() - ago
    GROUP BY m.metric_id;
END;
COMMENT ON FUNCTION posture_internal.metric_trend(integer) IS
    'returns the scores of each metric on the given number of days before today, oldest first; an '
    'element is NULL if there is no snapshot or the score is unavailable';

CREATE FUNCTION posture_internal.read_metric_report()
    RETURNS TABLE (initiative text, metric text, name text, state text, score numeric,
                   exposed_assets numeric, assessed_assets numeric, exposed_pct numeric,
                   importance text, weight numeric, score_impact numeric, change_1d numeric,
                   trend_14d numeric[], critical_assets bigint, population numeric,
                   unassessed_assets numeric, coverage_pct numeric, score_low numeric,
                   score_high numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 200
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT i.key::text, c.key::text, c.name,
           metric_report_state(m.score, c.importance, m.exposed),
           m.score::numeric, m.exposed, m.assessed, 100 - m.score::numeric, c.importance::text,
           m.weight,
           m.score_impact,
           m.score - day_1.score,
           x.scores || m.score::numeric,
           m.critical, m.population, m.unassessed, coverage_pct(m.population, m.unassessed),
           m.score_low::numeric, m.score_high::numeric
    FROM report_row(NULL, NULL, NULL) m
    JOIN initiative i USING (initiative_id)
    JOIN metric c USING (metric_id)
    LEFT JOIN metric_trend(13) x USING (metric_id)
    LEFT JOIN LATERAL (SELECT s.score
                       FROM metric_snapshot s
                       WHERE s.metric_id = m.metric_id AND s.day <= today() - 1
                       ORDER BY s.day DESC
                       LIMIT 1) day_1 ON true
    ORDER BY i.is_pinned DESC, i.name, i.key, m.weight DESC, m.score, c.name;
END $$;
COMMENT ON FUNCTION posture_internal.read_metric_report() IS
    'returns the rows of the view metric_report';

CREATE VIEW posture.metric_report WITH (security_invoker = true) AS
SELECT * FROM read_metric_report();
COMMENT ON VIEW posture.metric_report IS
    'each active metric of each active initiative, as it stands now';
COMMENT ON COLUMN posture.metric_report.initiative IS 'key of the initiative';
COMMENT ON COLUMN posture.metric_report.metric IS 'key of the metric';
COMMENT ON COLUMN posture.metric_report.name IS 'name of the metric';
COMMENT ON COLUMN posture.metric_report.state IS
    'unavailable: nothing to measure; risk_accepted: its importance is risk_accepted; mitigated: '
    'nothing exposed; else needs_attention';
COMMENT ON COLUMN posture.metric_report.score IS 'current score, 0 to 100; NULL: unavailable';
COMMENT ON COLUMN posture.metric_report.exposed_assets IS
    'number of distinct assets exposed, each times its weight by criticality; of a metric on '
    'measures, the points missing';
COMMENT ON COLUMN posture.metric_report.assessed_assets IS
    'number of distinct assets assessed, each times its weight by criticality; of a metric on '
    'measures, the points possible';
COMMENT ON COLUMN posture.metric_report.exposed_pct IS
    'share that is exposed, in percent: 100 - score; NULL: unavailable';
COMMENT ON COLUMN posture.metric_report.importance IS
    'critical, high, medium, low or risk_accepted';
COMMENT ON COLUMN posture.metric_report.weight IS 'weight of the metric in the initiative';
COMMENT ON COLUMN posture.metric_report.score_impact IS
    'points that the initiative would gain if the metric were at 100; NULL: unavailable';
COMMENT ON COLUMN posture.metric_report.change_1d IS
    'points since yesterday''s snapshot, or the latest earlier one, positive if better; NULL if '
    'either score is missing';
COMMENT ON COLUMN posture.metric_report.trend_14d IS
    'scores of the 13 days before today, oldest first, and the current score; an element is NULL '
    'if there is no snapshot or the score is unavailable';
COMMENT ON COLUMN posture.metric_report.critical_assets IS
    'number of exposed assets that are critical, each counted once';
COMMENT ON COLUMN posture.metric_report.population IS
    'number of distinct assets that it is about: assessed ones, and members of its population that '
    'nothing assesses, each times its weight by criticality; plus points possible';
COMMENT ON COLUMN posture.metric_report.unassessed_assets IS
    'number of the members of its population that none of its recommendations assesses, each times '
    'its weight by criticality';
COMMENT ON COLUMN posture.metric_report.coverage_pct IS
    'share of the population that is assessed, in percent; NULL: the population is empty';
COMMENT ON COLUMN posture.metric_report.score_low IS
    'score if all unassessed assets were exposed; NULL: the population is empty';
COMMENT ON COLUMN posture.metric_report.score_high IS
    'score if none of the unassessed assets were exposed; NULL: the population is empty';

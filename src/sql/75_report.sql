/*
 * Views for BI: plain types only, read with the rights of the reader.
 */

CREATE FUNCTION posture.recommendation_label(of_recommendation_id integer) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT CASE WHEN EXISTS (SELECT FROM posture.recommendation o
                                     WHERE o.key = r.key AND o.recommendation_id <> r.recommendation_id)
                        THEN s.key || ':' || r.key ELSE r.key END
            FROM posture.recommendation r JOIN posture.source s USING (source_id)
            WHERE r.recommendation_id = of_recommendation_id);
COMMENT ON FUNCTION posture.recommendation_label(integer) IS 'the key of a recommendation, as source:key where two sources share it';

CREATE FUNCTION posture.initiative_trend(days integer)
    RETURNS TABLE (initiative_id integer, scores numeric[])
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT i.initiative_id, array_agg(s.score::numeric ORDER BY ago DESC)
    FROM posture.initiative i
    CROSS JOIN generate_series(1, days) ago
    LEFT JOIN posture.initiative_snapshot s ON s.initiative_id = i.initiative_id AND s.day = posture.today() - ago
    GROUP BY i.initiative_id;
END;
COMMENT ON FUNCTION posture.initiative_trend(integer) IS 'the scores of each initiative on so many days before today, oldest first; NULL: no snapshot, or unavailable';

CREATE FUNCTION posture.metric_trend(days integer)
    RETURNS TABLE (metric_id integer, scores numeric[])
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT m.metric_id, array_agg(s.score::numeric ORDER BY ago DESC)
    FROM posture.metric m
    CROSS JOIN generate_series(1, days) ago
    LEFT JOIN posture.metric_snapshot s ON s.metric_id = m.metric_id AND s.day = posture.today() - ago
    GROUP BY m.metric_id;
END;
COMMENT ON FUNCTION posture.metric_trend(integer) IS 'the scores of each metric on so many days before today, oldest first; NULL: no snapshot, or unavailable';

-- The views read functions in PL/pgSQL, which keep their plans: planning these
-- queries would take longer than running them.
CREATE FUNCTION posture.read_overview()
    RETURNS TABLE (initiative text, name text, kind text, is_pinned boolean, owner text, score numeric, target_score numeric,
                   change_1d numeric, change_14d numeric, trend_14d numeric[], metrics bigint, exposed_assets bigint,
                   critical_assets bigint, open_events bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
BEGIN
    RETURN QUERY
    WITH result AS MATERIALIZED (
        SELECT r.initiative_id, r.score FROM posture.initiative_result(NULL::date) r
    ), member AS MATERIALIZED (
        SELECT b.initiative_id, count(*) AS metrics FROM posture.initiative_member(NULL::date) b GROUP BY b.initiative_id
    ), dropped AS (
        SELECT x.initiative_id, count(DISTINCT x.event_id) AS events
        FROM (SELECT v.event_id, v.initiative_id
              FROM posture.event v
              WHERE v.status = 'open' AND v.kind = 'initiative_score_drop'
              UNION ALL
              SELECT v.event_id, b.initiative_id
              FROM posture.event v JOIN posture.initiative_metric b ON b.metric_id = v.metric_id
              WHERE v.status = 'open' AND v.kind = 'metric_score_drop') x
        GROUP BY x.initiative_id
    )
    SELECT i.key::text, i.name, i.kind, i.is_pinned, i.owner::text, n.score::numeric, i.target_score::numeric,
           n.score OPERATOR(posture.-) day_1.score, n.score OPERATOR(posture.-) day_14.score,
           t.scores || n.score::numeric,
           coalesce(m.metrics, 0), coalesce(c.exposed, 0), coalesce(c.critical, 0), coalesce(d.events, 0)
    FROM result n
    JOIN posture.initiative i ON i.initiative_id = n.initiative_id
    LEFT JOIN member m ON m.initiative_id = n.initiative_id
    LEFT JOIN posture.tally_now() c ON c.object_kind = 'initiative' AND c.object_id = n.initiative_id
    LEFT JOIN posture.initiative_trend(13) t ON t.initiative_id = n.initiative_id
    LEFT JOIN LATERAL (SELECT s.score
                       FROM posture.initiative_snapshot s
                       WHERE s.initiative_id = n.initiative_id AND s.day <= posture.today() - 1
                       ORDER BY s.day DESC
                       LIMIT 1) day_1 ON true
    LEFT JOIN LATERAL (SELECT s.score
                       FROM posture.initiative_snapshot s
                       WHERE s.initiative_id = n.initiative_id AND s.day <= posture.today() - 14
                       ORDER BY s.day DESC
                       LIMIT 1) day_14 ON true
    LEFT JOIN dropped d ON d.initiative_id = n.initiative_id
    ORDER BY i.is_pinned DESC, i.name, i.key;
END $$;
COMMENT ON FUNCTION posture.read_overview() IS 'the view overview';

CREATE VIEW posture.overview WITH (security_invoker = true) AS
SELECT * FROM posture.read_overview();
COMMENT ON VIEW posture.overview IS 'each initiative as it stands now, pinned ones first';
COMMENT ON COLUMN posture.overview.initiative IS 'key of the initiative';
COMMENT ON COLUMN posture.overview.name IS 'its name';
COMMENT ON COLUMN posture.overview.kind IS 'workload, standard, threat, ...';
COMMENT ON COLUMN posture.overview.is_pinned IS 'whether it is shown first';
COMMENT ON COLUMN posture.overview.owner IS 'the role that answers for it';
COMMENT ON COLUMN posture.overview.score IS '0 to 100, now; NULL: unavailable';
COMMENT ON COLUMN posture.overview.target_score IS 'the score to reach';
COMMENT ON COLUMN posture.overview.change_1d IS 'points since yesterday''s snapshot, or the latest earlier one; positive: better';
COMMENT ON COLUMN posture.overview.change_14d IS 'points since the snapshot of 14 days ago, or the latest earlier one; positive: better';
COMMENT ON COLUMN posture.overview.trend_14d IS 'the scores of 13 days before today, oldest first, and the score now; NULL: no snapshot, or unavailable';
COMMENT ON COLUMN posture.overview.metrics IS 'how many active metrics it has';
COMMENT ON COLUMN posture.overview.exposed_assets IS 'distinct assets that any of its metrics, or of the recommendations that it scores itself, has exposed';
COMMENT ON COLUMN posture.overview.critical_assets IS 'those of them that are critical';
COMMENT ON COLUMN posture.overview.open_events IS 'open drops of it and of its metrics';

CREATE FUNCTION posture.read_metric_report()
    RETURNS TABLE (initiative text, metric text, name text, state text, score numeric, exposed_assets numeric, assessed_assets numeric,
                   exposed_pct numeric, importance text, weight numeric, score_impact numeric, change_1d numeric, trend_14d numeric[],
                   critical_assets bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 200 SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH every_term AS MATERIALIZED (
        SELECT t.*, t.weight * (t.mass - t.healthy) AS missing, d.initiative_id IS NOT NULL AS is_own
        FROM posture.initiative_term(NULL::date) t
        LEFT JOIN posture.initiative_definition(NULL::date) d USING (initiative_id, method)
    ), total AS MATERIALIZED (
        SELECT t.initiative_id, sum(t.missing) AS missing, sum(t.weight * t.mass) AS mass
        FROM every_term t
        WHERE t.is_own AND t.mass IS NOT NULL
        GROUP BY t.initiative_id
    ), member AS MATERIALIZED (
        SELECT im.initiative_id, im.metric_id, mr.recommendation_id
        FROM posture.initiative_definition(NULL::date) d
        JOIN posture.initiative_metric im USING (initiative_id)
        JOIN posture.metric m USING (metric_id)
        JOIN posture.metric_recommendation mr USING (metric_id)
        WHERE d.method = 'points' AND m.is_active
    ), metric AS MATERIALIZED (
        -- the terms of a metric by two methods hold its counts and its score;
        -- what is missing through it, by points, is missing through its recommendations
        SELECT t.initiative_id, t.metric_id, max(t.weight) AS weight,
               coalesce(max(t.mass) FILTER (WHERE t.method = 'population'), 0) AS assessed,
               coalesce(max(t.mass - t.healthy) FILTER (WHERE t.method = 'population'), 0) AS exposed,
               (100 * max(t.healthy) FILTER (WHERE t.method = 'weighted'))::posture.score AS score,
               coalesce(sum(t.missing) FILTER (WHERE t.is_own), 0) AS missing, max(t.critical) AS critical
        FROM (SELECT e.initiative_id, e.metric_id, e.method, e.weight, e.mass, e.healthy, e.missing, e.is_own, e.critical
              FROM every_term e
              WHERE e.metric_id IS NOT NULL
              UNION ALL
              SELECT b.initiative_id, b.metric_id, e.method, NULL, NULL, NULL, e.missing, e.is_own, NULL
              FROM every_term e
              JOIN member b USING (initiative_id, recommendation_id)
              WHERE e.is_own) t
        GROUP BY t.initiative_id, t.metric_id
    )
    SELECT i.key::text,
           c.key::text,
           c.name,
           CASE WHEN m.score IS NULL THEN 'unavailable'
                WHEN c.importance = 'risk_accepted' THEN 'risk_accepted'
                WHEN m.exposed = 0 THEN 'mitigated'
                ELSE 'needs_attention' END,
           m.score::numeric,
           m.exposed,
           m.assessed,
           100 - m.score::numeric,
           c.importance::text,
           m.weight,
           CASE WHEN m.score IS NOT NULL
                THEN posture.score(round(t.missing - m.missing, 30), t.mass)
                     OPERATOR(posture.-) posture.score(round(t.missing, 30), t.mass) END,
           m.score OPERATOR(posture.-) day_1.score,
           x.scores || m.score::numeric,
           m.critical
    FROM metric m
    JOIN posture.initiative i USING (initiative_id)
    JOIN posture.metric c USING (metric_id)
    LEFT JOIN total t USING (initiative_id)
    LEFT JOIN posture.metric_trend(13) x USING (metric_id)
    LEFT JOIN LATERAL (SELECT s.score
                       FROM posture.metric_snapshot s
                       WHERE s.metric_id = m.metric_id AND s.day <= posture.today() - 1
                       ORDER BY s.day DESC
                       LIMIT 1) day_1 ON true
    ORDER BY i.is_pinned DESC, i.name, i.key, m.weight DESC, m.score, c.name;
END $$;
COMMENT ON FUNCTION posture.read_metric_report() IS 'the view metric_report';

CREATE VIEW posture.metric_report WITH (security_invoker = true) AS
SELECT * FROM posture.read_metric_report();
COMMENT ON VIEW posture.metric_report IS 'each metric of each initiative, as it stands now';
COMMENT ON COLUMN posture.metric_report.initiative IS 'key of the initiative';
COMMENT ON COLUMN posture.metric_report.metric IS 'key of the metric';
COMMENT ON COLUMN posture.metric_report.name IS 'its name';
COMMENT ON COLUMN posture.metric_report.state IS 'unavailable: nothing to measure; risk_accepted: its importance says so; mitigated: nothing exposed; else needs_attention';
COMMENT ON COLUMN posture.metric_report.score IS '0 to 100, now; NULL: unavailable';
COMMENT ON COLUMN posture.metric_report.exposed_assets IS 'distinct assets exposed, as many times as the metric weighs them; of measures, the points missing';
COMMENT ON COLUMN posture.metric_report.assessed_assets IS 'distinct assets assessed, as many times as the metric weighs them; of measures, the points possible';
COMMENT ON COLUMN posture.metric_report.exposed_pct IS 'the share exposed, in percent';
COMMENT ON COLUMN posture.metric_report.importance IS 'critical, high, medium, low or risk_accepted';
COMMENT ON COLUMN posture.metric_report.weight IS 'its weight in the initiative';
COMMENT ON COLUMN posture.metric_report.score_impact IS 'points that the initiative would gain were the metric at 100';
COMMENT ON COLUMN posture.metric_report.change_1d IS 'points since yesterday''s snapshot, or the latest earlier one; positive: better';
COMMENT ON COLUMN posture.metric_report.trend_14d IS 'the scores of 13 days before today, oldest first, and the score now; NULL: no snapshot, or unavailable';
COMMENT ON COLUMN posture.metric_report.critical_assets IS 'critical assets that the metric has exposed, each once';

CREATE VIEW posture.recommendation_report WITH (security_invoker = true) AS
WITH member AS (
    SELECT mr.recommendation_id, mr.metric_id
    FROM posture.metric_recommendation mr
    JOIN posture.metric m USING (metric_id)
    WHERE m.is_active
), shared AS (
    -- recommendation_label() for all at once
    SELECT o.key FROM posture.recommendation o GROUP BY o.key HAVING count(*) > 1
)
SELECT s.key::text AS source,
       CASE WHEN r.key IN (SELECT h.key FROM shared h) THEN s.key || ':' || r.key ELSE r.key END AS recommendation,
       r.title,
       n.state,
       r.severity::text AS severity,
       r.workload,
       r.domain,
       n.exposed AS exposed_assets,
       n.assessed AS assessed_assets,
       (SELECT count(*) FROM member b WHERE b.recommendation_id = r.recommendation_id) AS metrics,
       (SELECT count(*)
        FROM (SELECT im.initiative_id
              FROM posture.initiative_member(NULL) im
              JOIN member b USING (metric_id)
              WHERE b.recommendation_id = r.recommendation_id
              UNION
              SELECT ir.initiative_id
              FROM posture.initiative_recommendation ir
              JOIN posture.initiative i USING (initiative_id)
              WHERE i.is_active AND ir.recommendation_id = r.recommendation_id) x) AS initiatives,
       c.changed_at AS last_changed,
       r.assigned_to,
       r.due_on,
       r.remediation,
       r.manage_url,
       r.markup,
       CASE WHEN n.progress IS NOT NULL AND r.assigned_to IS NULL THEN 'unassigned' ELSE n.progress END AS assignment
FROM posture.recommendation_status() n
JOIN posture.recommendation r USING (recommendation_id)
JOIN posture.source s USING (source_id)
LEFT JOIN posture.last_change() c USING (recommendation_id);
COMMENT ON VIEW posture.recommendation_report IS 'each active recommendation of an active source, as it stands now';
COMMENT ON COLUMN posture.recommendation_report.source IS 'key of its source';
COMMENT ON COLUMN posture.recommendation_report.recommendation IS 'its key, as source:key where two sources share it';
COMMENT ON COLUMN posture.recommendation_report.title IS 'what people call it';
COMMENT ON COLUMN posture.recommendation_report.state IS 'not_available: applies to nothing; non_compliant: something fails it; mitigated: what fails it is exempt; else compliant';
COMMENT ON COLUMN posture.recommendation_report.severity IS 'critical, high, medium, low or risk_accepted';
COMMENT ON COLUMN posture.recommendation_report.workload IS 'the service that it is about';
COMMENT ON COLUMN posture.recommendation_report.domain IS 'the area that it is about';
COMMENT ON COLUMN posture.recommendation_report.exposed_assets IS 'assets that fail it; of a measure, the points missing';
COMMENT ON COLUMN posture.recommendation_report.assessed_assets IS 'assets that it applies to; of a measure, the points possible';
COMMENT ON COLUMN posture.recommendation_report.metrics IS 'how many active metrics measure it';
COMMENT ON COLUMN posture.recommendation_report.initiatives IS 'how many active initiatives it counts in';
COMMENT ON COLUMN posture.recommendation_report.last_changed IS 'when any of its findings last changed';
COMMENT ON COLUMN posture.recommendation_report.assigned_to IS 'who has it to do';
COMMENT ON COLUMN posture.recommendation_report.due_on IS 'the day by which it should be done';
COMMENT ON COLUMN posture.recommendation_report.remediation IS 'what to do, as its source says it';
COMMENT ON COLUMN posture.recommendation_report.manage_url IS 'where it is dealt with';
COMMENT ON COLUMN posture.recommendation_report.markup IS 'how remediation is written, as published: plain, html or markdown';
COMMENT ON COLUMN posture.recommendation_report.assignment IS 'unassigned; completed: nothing is exposed, or all of its risk was accepted; overdue: due_on is past; else on_time. NULL: applies to nothing';

CREATE VIEW posture.score_history WITH (security_invoker = true) AS
SELECT s.day, 'initiative' AS object_kind, coalesce(i.key::text, s.key, s.initiative_id::text) AS object, s.score::numeric AS score
FROM posture.initiative_snapshot s
LEFT JOIN posture.initiative i USING (initiative_id)
UNION ALL
SELECT s.day, 'metric', coalesce(m.key::text, s.key, s.metric_id::text), s.score::numeric
FROM posture.metric_snapshot s
LEFT JOIN posture.metric m USING (metric_id);
COMMENT ON VIEW posture.score_history IS 'the score of each initiative and metric on each day that has a snapshot, of deleted ones too';
COMMENT ON COLUMN posture.score_history.day IS 'the day at whose end it was so';
COMMENT ON COLUMN posture.score_history.object_kind IS 'initiative or metric';
COMMENT ON COLUMN posture.score_history.object IS 'key of the initiative or metric';
COMMENT ON COLUMN posture.score_history.score IS '0 to 100; NULL: unavailable';

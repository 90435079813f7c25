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

-- below, one of the two ids is NULL
CREATE FUNCTION posture.kept_score(of_initiative_id integer, of_metric_id integer)
    RETURNS TABLE (day date, score posture.score)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.day, s.score FROM posture.initiative_snapshot s WHERE s.initiative_id = of_initiative_id
    UNION ALL
    SELECT s.day, s.score FROM posture.metric_snapshot s WHERE s.metric_id = of_metric_id;
END;
COMMENT ON FUNCTION posture.kept_score(integer, integer) IS 'the scores that snapshots hold of an initiative or of a metric';

CREATE FUNCTION posture.trend(days integer)
    RETURNS TABLE (initiative_id integer, metric_id integer, scores numeric[])
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH day AS MATERIALIZED (
        SELECT posture.today() - ago AS day FROM generate_series(1, days) ago
    )
    SELECT i.initiative_id, NULL::integer, array_agg(s.score::numeric ORDER BY d.day)
    FROM posture.initiative i
    CROSS JOIN day d
    LEFT JOIN posture.initiative_snapshot s ON s.initiative_id = i.initiative_id AND s.day = d.day
    GROUP BY i.initiative_id
    UNION ALL
    SELECT NULL, m.metric_id, array_agg(s.score::numeric ORDER BY d.day)
    FROM posture.metric m
    CROSS JOIN day d
    LEFT JOIN posture.metric_snapshot s ON s.metric_id = m.metric_id AND s.day = d.day
    GROUP BY m.metric_id;
END;
COMMENT ON FUNCTION posture.trend(integer) IS 'the scores of each initiative and metric on so many days before today, oldest first; NULL: no snapshot, or unavailable';

CREATE FUNCTION posture.score_before(of_initiative_id integer, of_metric_id integer, days integer) RETURNS posture.score
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT s.score
            FROM posture.kept_score(of_initiative_id, of_metric_id) s
            WHERE s.day <= posture.today() - days
            ORDER BY s.day DESC
            LIMIT 1);
COMMENT ON FUNCTION posture.score_before(integer, integer, integer) IS 'the score of an initiative or of a metric so many days before today, or on the latest earlier day with a snapshot';

CREATE VIEW posture.overview WITH (security_invoker = true) AS
SELECT i.key::text AS initiative,
       i.name,
       i.kind,
       i.is_pinned,
       i.owner::text AS owner,
       n.score::numeric AS score,
       i.target_score::numeric AS target_score,
       n.score OPERATOR(posture.-) posture.score_before(i.initiative_id, NULL, 1) AS change_1d,
       n.score OPERATOR(posture.-) posture.score_before(i.initiative_id, NULL, 14) AS change_14d,
       t.scores || n.score::numeric AS trend_14d,
       (SELECT count(*) FROM posture.initiative_member(NULL) b WHERE b.initiative_id = i.initiative_id) AS metrics,
       coalesce(c.exposed, 0) AS exposed_assets,
       coalesce(c.critical, 0) AS critical_assets,
       (SELECT count(*)
        FROM posture.event v
        WHERE v.status = 'open' AND v.kind <> 'new_initiative'
          AND (v.initiative_id = i.initiative_id
               OR v.metric_id IN (SELECT b.metric_id FROM posture.initiative_metric b
                                  WHERE b.initiative_id = i.initiative_id))) AS open_events
FROM posture.initiative_result(NULL) n
JOIN posture.initiative i USING (initiative_id)
LEFT JOIN posture.tally_now() c ON c.object_kind = 'initiative' AND c.object_id = i.initiative_id
LEFT JOIN posture.trend(13) t ON t.initiative_id = i.initiative_id
ORDER BY i.is_pinned DESC, i.name, i.key;
COMMENT ON VIEW posture.overview IS 'an initiative a row, as it stands now, pinned ones first';
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

CREATE VIEW posture.metric_report WITH (security_invoker = true) AS
WITH every_term AS MATERIALIZED (
    SELECT * FROM posture.initiative_term(NULL)
), metric AS MATERIALIZED (
    -- the terms of a metric by both methods hold its counts and its score
    SELECT t.initiative_id, t.metric_id, max(t.weight) AS weight,
           coalesce(max(t.mass) FILTER (WHERE t.method = 'population'), 0) AS assessed,
           coalesce(max(t.mass - t.healthy) FILTER (WHERE t.method = 'population'), 0) AS exposed,
           (100 * max(t.healthy) FILTER (WHERE t.method = 'weighted'))::posture.score AS score
    FROM every_term t
    WHERE t.metric_id IS NOT NULL
    GROUP BY t.initiative_id, t.metric_id
), term AS MATERIALIZED (
    SELECT t.initiative_id, t.metric_id, t.recommendation_id,
           t.weight * (t.mass - t.healthy) AS missing, t.weight * t.mass AS mass
    FROM posture.initiative_definition(NULL) d
    JOIN every_term t USING (initiative_id, method)
    WHERE t.mass IS NOT NULL
), total AS (
    SELECT t.initiative_id, sum(t.missing) AS missing, sum(t.mass) AS mass
    FROM term t
    GROUP BY t.initiative_id
), own AS (
    -- what is missing through each metric; by points, through its recommendations
    SELECT t.initiative_id, t.metric_id, t.missing
    FROM term t
    WHERE t.metric_id IS NOT NULL
    UNION ALL
    SELECT t.initiative_id, mr.metric_id, sum(t.missing)
    FROM term t
    JOIN posture.metric_recommendation mr USING (recommendation_id)
    GROUP BY t.initiative_id, mr.metric_id
)
SELECT i.key::text AS initiative,
       c.key::text AS metric,
       c.name,
       CASE WHEN m.score IS NULL THEN 'unavailable'
            WHEN c.importance = 'risk_accepted' THEN 'risk_accepted'
            WHEN m.exposed = 0 THEN 'mitigated'
            ELSE 'needs_attention' END AS state,
       m.score::numeric AS score,
       m.exposed AS exposed_assets,
       m.assessed AS assessed_assets,
       100 - m.score::numeric AS exposed_pct,
       c.importance::text AS importance,
       m.weight,
       CASE WHEN m.score IS NOT NULL
            THEN posture.score(round(t.missing - coalesce(o.missing, 0), 30), t.mass)
                 OPERATOR(posture.-) posture.score(round(t.missing, 30), t.mass) END AS score_impact,
       m.score OPERATOR(posture.-) posture.score_before(NULL, c.metric_id, 1) AS change_1d,
       x.scores || m.score::numeric AS trend_14d
FROM metric m
JOIN posture.initiative i USING (initiative_id)
JOIN posture.metric c USING (metric_id)
LEFT JOIN total t USING (initiative_id)
LEFT JOIN own o USING (initiative_id, metric_id)
LEFT JOIN posture.trend(13) x ON x.metric_id = c.metric_id
ORDER BY i.is_pinned DESC, i.name, i.key, m.weight DESC, m.score, c.name;
COMMENT ON VIEW posture.metric_report IS 'a metric in an initiative a row, as it stands now';
COMMENT ON COLUMN posture.metric_report.initiative IS 'key of the initiative';
COMMENT ON COLUMN posture.metric_report.metric IS 'key of the metric';
COMMENT ON COLUMN posture.metric_report.name IS 'its name';
COMMENT ON COLUMN posture.metric_report.state IS 'unavailable: nothing to measure; risk_accepted: its importance says so; mitigated: nothing exposed; else needs_attention';
COMMENT ON COLUMN posture.metric_report.score IS '0 to 100, now; NULL: unavailable';
COMMENT ON COLUMN posture.metric_report.exposed_assets IS 'distinct assets exposed; of measures, the points missing';
COMMENT ON COLUMN posture.metric_report.assessed_assets IS 'distinct assets assessed; of measures, the points possible';
COMMENT ON COLUMN posture.metric_report.exposed_pct IS 'the share exposed, in percent';
COMMENT ON COLUMN posture.metric_report.importance IS 'critical, high, medium, low or risk_accepted';
COMMENT ON COLUMN posture.metric_report.weight IS 'its weight in the initiative';
COMMENT ON COLUMN posture.metric_report.score_impact IS 'points that the initiative would gain were the metric at 100';
COMMENT ON COLUMN posture.metric_report.change_1d IS 'points since yesterday''s snapshot, or the latest earlier one; positive: better';
COMMENT ON COLUMN posture.metric_report.trend_14d IS 'the scores of 13 days before today, oldest first, and the score now; NULL: no snapshot, or unavailable';

CREATE VIEW posture.recommendation_report WITH (security_invoker = true) AS
WITH counted AS (
    SELECT n.recommendation_id, n.failing, n.exposed + coalesce(n.points_missing, 0) AS exposed,
           n.assessed + coalesce(n.points_possible, 0) AS assessed
    FROM posture.state('infinity') n
    WHERE n.recommendation_id IS NOT NULL
), changed AS (
    SELECT x.recommendation_id, max(x.at) AS at
    FROM (SELECT t.object_id AS recommendation_id, t.last_changed AS at
          FROM posture.tally t
          WHERE t.object_kind = 'recommendation'
          UNION ALL
          SELECT e.recommendation_id, e.last_changed
          FROM posture.finding_delta d CROSS JOIN LATERAL unnest(d.recommendations, d.last_changed) e(recommendation_id, last_changed)
          UNION ALL
          SELECT o.recommendation_id, o.observed_at
          FROM posture.measure o) x
    GROUP BY x.recommendation_id
), member AS (
    SELECT mr.recommendation_id, mr.metric_id
    FROM posture.metric_recommendation mr
    JOIN posture.metric m USING (metric_id)
    WHERE m.is_active
)
SELECT s.key::text AS source,
       posture.recommendation_label(r.recommendation_id) AS recommendation,
       r.title,
       CASE WHEN coalesce(n.assessed, 0) = 0 THEN 'not_available'
            WHEN n.exposed > 0 THEN 'non_compliant'
            WHEN n.failing THEN 'mitigated'
            ELSE 'compliant' END AS state,
       r.severity::text AS severity,
       r.workload,
       r.domain,
       coalesce(n.exposed, 0) AS exposed_assets,
       coalesce(n.assessed, 0) AS assessed_assets,
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
       c.at AS last_changed,
       r.assigned_to,
       r.due_on,
       r.remediation,
       r.manage_url
FROM posture.recommendation r
JOIN posture.source s USING (source_id)
LEFT JOIN counted n USING (recommendation_id)
LEFT JOIN changed c USING (recommendation_id)
WHERE s.is_active;
COMMENT ON VIEW posture.recommendation_report IS 'a recommendation of an active source a row, as it stands now';
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

CREATE VIEW posture.score_history WITH (security_invoker = true) AS
SELECT s.day, 'initiative' AS object_kind, coalesce(i.key::text, s.key, s.initiative_id::text) AS object, s.score::numeric AS score
FROM posture.initiative_snapshot s
LEFT JOIN posture.initiative i USING (initiative_id)
UNION ALL
SELECT s.day, 'metric', coalesce(m.key::text, s.key, s.metric_id::text), s.score::numeric
FROM posture.metric_snapshot s
LEFT JOIN posture.metric m USING (metric_id);
COMMENT ON VIEW posture.score_history IS 'the score of an initiative or metric on a day a row, of deleted ones too';
COMMENT ON COLUMN posture.score_history.day IS 'the day at whose end it was so';
COMMENT ON COLUMN posture.score_history.object_kind IS 'initiative or metric';
COMMENT ON COLUMN posture.score_history.object IS 'key of the initiative or metric';
COMMENT ON COLUMN posture.score_history.score IS '0 to 100; NULL: unavailable';

/*
 * recommendation_report: the recommendations as they stand now.
 */

CREATE VIEW posture.recommendation_report WITH (security_invoker = true) AS
WITH member AS (
    SELECT mr.recommendation_id, mr.metric_id
    FROM metric_recommendation mr
    JOIN metric m USING (metric_id)
    WHERE m.is_active
), measuring AS (
    SELECT b.recommendation_id, count(*) AS metrics
    FROM member b
    GROUP BY b.recommendation_id
), counting AS (
    SELECT x.recommendation_id, count(DISTINCT x.initiative_id) AS initiatives
    FROM (SELECT b.recommendation_id, im.initiative_id
          FROM initiative_member(NULL) im JOIN member b USING (metric_id)
          UNION ALL
          SELECT ir.recommendation_id, ir.initiative_id
          FROM initiative_recommendation ir JOIN initiative i USING (initiative_id)
          WHERE i.is_active) x
    GROUP BY x.recommendation_id
)
SELECT l.source,
       l.recommendation,
       l.title,
       n.state,
       l.severity,
       r.workload,
       r.domain,
       n.exposed AS exposed_assets,
       n.assessed AS assessed_assets,
       coalesce(a.metrics, 0) AS metrics,
       coalesce(o.initiatives, 0) AS initiatives,
       c.changed_at AS last_changed,
       r.assigned_to,
       r.due_on,
       r.remediation,
       r.manage_url,
       r.markup,
       CASE WHEN n.progress IS NOT NULL AND r.assigned_to IS NULL THEN 'unassigned'
            ELSE n.progress END AS assignment,
       n.population,
       n.unassessed AS unassessed_assets,
       coverage_pct(n.population, n.unassessed) AS coverage_pct
FROM recommendation_status() n
JOIN labelled_recommendation() l USING (recommendation_id)
JOIN recommendation r USING (recommendation_id)
LEFT JOIN measuring a USING (recommendation_id)
LEFT JOIN counting o USING (recommendation_id)
LEFT JOIN last_change() c USING (recommendation_id);
COMMENT ON VIEW posture.recommendation_report IS
    'each active recommendation of an active source, as it stands now';
COMMENT ON COLUMN posture.recommendation_report.source IS 'key of the source';
COMMENT ON COLUMN posture.recommendation_report.recommendation IS
    'key of the recommendation, as source:key if two sources share it';
COMMENT ON COLUMN posture.recommendation_report.title IS 'title of the recommendation';
COMMENT ON COLUMN posture.recommendation_report.state IS
    'not_available: applies to nothing; non_compliant: something fails it; mitigated: what fails '
    'it is exempt; else compliant';
COMMENT ON COLUMN posture.recommendation_report.severity IS
    'critical, high, medium, low or risk_accepted';
COMMENT ON COLUMN posture.recommendation_report.workload IS
    'service that the recommendation is about; NULL: unknown';
COMMENT ON COLUMN posture.recommendation_report.domain IS
    'area that the recommendation is about: identity, device, data, network, ...; NULL: unknown';
COMMENT ON COLUMN posture.recommendation_report.exposed_assets IS
    'number of assets that fail the recommendation; of a measure, the points missing';
COMMENT ON COLUMN posture.recommendation_report.assessed_assets IS
    'number of assets that the recommendation applies to; of a measure, the points possible';
COMMENT ON COLUMN posture.recommendation_report.metrics IS
    'number of active metrics that measure it';
COMMENT ON COLUMN posture.recommendation_report.initiatives IS
    'number of active initiatives that it counts in';
COMMENT ON COLUMN posture.recommendation_report.last_changed IS
    'time when one of its findings changed last; NULL if it has none';
COMMENT ON COLUMN posture.recommendation_report.assigned_to IS
    'person or team to whom it is assigned; NULL: nobody';
COMMENT ON COLUMN posture.recommendation_report.due_on IS
    'day by which it should be done; NULL: none';
COMMENT ON COLUMN posture.recommendation_report.remediation IS
    'what to do, in the words of the source; NULL: unknown';
COMMENT ON COLUMN posture.recommendation_report.manage_url IS
    'address of the page where it is managed; NULL: unknown';
COMMENT ON COLUMN posture.recommendation_report.markup IS
    'markup of remediation, as published: plain, html or markdown';
COMMENT ON COLUMN posture.recommendation_report.assignment IS
    'unassigned; completed: nothing is exposed, or all of its risk is accepted; overdue: due_on is '
    'past; else on_time; NULL: the recommendation applies to nothing';
COMMENT ON COLUMN posture.recommendation_report.population IS
    'number of distinct assets assessed, and of members of the populations of its metrics that it '
    'does not assess; plus points possible';
COMMENT ON COLUMN posture.recommendation_report.unassessed_assets IS
    'number of members of the populations of its metrics that it does not assess; 0 for owners';
COMMENT ON COLUMN posture.recommendation_report.coverage_pct IS
    'share of the population that is assessed, in percent; NULL: the population is empty';

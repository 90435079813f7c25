CREATE VIEW posture.recommendation_report WITH (security_invoker = true) AS
WITH member AS (
    SELECT mr.recommendation_id, mr.metric_id
    FROM metric_recommendation mr
    JOIN metric m USING (metric_id)
    WHERE m.is_active
), shared AS (
    -- recommendation_label() for all at once
    SELECT o.key FROM recommendation o GROUP BY o.key HAVING count(*) > 1
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
              FROM initiative_member(NULL) im
              JOIN member b USING (metric_id)
              WHERE b.recommendation_id = r.recommendation_id
              UNION
              SELECT ir.initiative_id
              FROM initiative_recommendation ir
              JOIN initiative i USING (initiative_id)
              WHERE i.is_active AND ir.recommendation_id = r.recommendation_id) x) AS initiatives,
       c.changed_at AS last_changed,
       r.assigned_to,
       r.due_on,
       r.remediation,
       r.manage_url,
       r.markup,
       CASE WHEN n.progress IS NOT NULL AND r.assigned_to IS NULL THEN 'unassigned' ELSE n.progress END AS assignment
FROM recommendation_status() n
JOIN recommendation r USING (recommendation_id)
JOIN source s USING (source_id)
LEFT JOIN last_change() c USING (recommendation_id);
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

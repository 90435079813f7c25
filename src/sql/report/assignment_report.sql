CREATE VIEW posture.assignment_report WITH (security_invoker = true) AS
SELECT r.assigned_to,
       count(*) AS recommendations,
       count(*) FILTER (WHERE n.progress = 'completed') AS completed,
       count(*) FILTER (WHERE n.progress = 'on_time') AS on_time,
       count(*) FILTER (WHERE n.progress = 'overdue') AS overdue,
       coalesce(cardinality(union_agg(e.assets)), 0) AS exposed_assets,
       min(r.due_on) FILTER (WHERE n.progress = 'on_time') AS next_due
FROM recommendation_status() n
JOIN recommendation r USING (recommendation_id)
LEFT JOIN open_assets() e USING (recommendation_id)
WHERE n.progress IS NOT NULL
GROUP BY r.assigned_to;
COMMENT ON VIEW posture.assignment_report IS 'who has how many recommendations to do, of those that apply to something; with a row for those that nobody has';
COMMENT ON COLUMN posture.assignment_report.assigned_to IS 'who has them to do; NULL: nobody';
COMMENT ON COLUMN posture.assignment_report.recommendations IS 'how many apply to something: completed + on_time + overdue';
COMMENT ON COLUMN posture.assignment_report.completed IS 'those with nothing exposed, or with all of the risk accepted';
COMMENT ON COLUMN posture.assignment_report.on_time IS 'those that are open and due today, later or on no day';
COMMENT ON COLUMN posture.assignment_report.overdue IS 'those that are open and were due before today';
COMMENT ON COLUMN posture.assignment_report.exposed_assets IS 'distinct assets on which something is left to do: exposed, and the risk is not accepted';
COMMENT ON COLUMN posture.assignment_report.next_due IS 'the first day, from today on, on which one that is open is due';

/*
 * assignment_report: the recommendations that are left to do, by the person or
 * team to whom they are assigned.
 */

CREATE VIEW posture.assignment_report WITH (security_invoker = true) AS
SELECT r.assigned_to,
       count(*) AS recommendations,
       count(*) FILTER (WHERE n.progress = 'completed') AS completed,
       count(*) FILTER (WHERE n.progress = 'on_time') AS on_time,
       count(*) FILTER (WHERE n.progress = 'overdue') AS overdue,
       coalesce(max(e.assets), 0) AS exposed_assets,
       min(r.due_on) FILTER (WHERE n.progress = 'on_time') AS next_due
FROM recommendation_status() n
JOIN recommendation r USING (recommendation_id)
LEFT JOIN open_assets() e ON e.assigned_to IS NOT DISTINCT FROM r.assigned_to
WHERE n.progress IS NOT NULL
GROUP BY r.assigned_to;
COMMENT ON VIEW posture.assignment_report IS
    'each person or team with the number of recommendations assigned to them, without '
    'recommendations that apply to nothing; one row is for unassigned recommendations';
COMMENT ON COLUMN posture.assignment_report.assigned_to IS
    'person or team to whom they are assigned; NULL: nobody';
COMMENT ON COLUMN posture.assignment_report.recommendations IS
    'number of recommendations that apply to something: completed + on_time + overdue';
COMMENT ON COLUMN posture.assignment_report.completed IS
    'number of those with nothing exposed, or with all of their risk accepted';
COMMENT ON COLUMN posture.assignment_report.on_time IS
    'number of those that are open and not overdue, with or without a due date';
COMMENT ON COLUMN posture.assignment_report.overdue IS
    'number of those that are open and were due before today';
COMMENT ON COLUMN posture.assignment_report.exposed_assets IS
    'number of distinct assets with work left to do: exposed, and the risk is not accepted';
COMMENT ON COLUMN posture.assignment_report.next_due IS
    'first day, today or later, on which an open recommendation is due; NULL: none';

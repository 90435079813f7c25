-- Who has what to do, and is it late?
SELECT a.* FROM posture.assignment_report a ORDER BY a.overdue DESC, a.recommendations - a.completed DESC, a.assigned_to;

-- Is anything wrong with posture itself? Owners are not asked to fix it, and
-- may not see all that status() looks at.
SELECT s.item, s.value, s.message, s.hint
FROM posture.status() s
WHERE s.state = 'warning' AND has_table_privilege('posture_internal.finding_delta', 'SELECT');

-- What is recommended, and how far is it done?
SELECT r.source, r.recommendation, r.title, r.state, r.severity, r.workload, r.domain, r.exposed_assets, r.assessed_assets,
       r.metrics, r.initiatives, r.last_changed, r.assigned_to, r.due_on, r.remediation, r.manage_url, r.markup, r.assignment
FROM posture.recommendation_report r
-- text sorts severities by the alphabet
ORDER BY array_position('{critical,high,medium,low,risk_accepted}', r.severity), r.exposed_assets DESC NULLS LAST, r.title, r.recommendation;

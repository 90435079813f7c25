/*
 * finding_report: the findings, one by one. It has the rows that its reader sees
 * of the tables, so its conditions are answered by their indexes.
 */

CREATE VIEW posture.finding_report WITH (security_invoker = true) AS
SELECT r.source,
       r.recommendation,
       r.title,
       r.severity,
       a.key::text AS asset,
       a.name AS asset_name,
       a.kind AS asset_kind,
       f.state::text AS state,
       n.exemption,
       n.is_exposed AND t.state = 'active' AS is_exposed,
       f.changed_at AS since,
       f.details::text AS details
FROM finding f
JOIN assessed_recommendation() r USING (recommendation_id)
JOIN asset a USING (asset_id)
CROSS JOIN LATERAL asset_status(a.asset_id, a.last_seen, a.retired_at) t
CROSS JOIN LATERAL finding_status(a.asset_id, f.state, r.for_all, r.waived, r.mitigated,
                                  r.accepted) n;
COMMENT ON VIEW posture.finding_report IS
    'each finding of an active recommendation of an active source, also of assets that do not '
    'count';
COMMENT ON COLUMN posture.finding_report.source IS 'key of the source';
COMMENT ON COLUMN posture.finding_report.recommendation IS
    'key of the recommendation, as source:key if two sources share it';
COMMENT ON COLUMN posture.finding_report.title IS 'title of the recommendation';
COMMENT ON COLUMN posture.finding_report.severity IS
    'severity of the recommendation: critical, high, medium, low or risk_accepted';
COMMENT ON COLUMN posture.finding_report.asset IS 'key of the asset';
COMMENT ON COLUMN posture.finding_report.asset_name IS 'name of the asset';
COMMENT ON COLUMN posture.finding_report.asset_kind IS 'kind of the asset: host, user, ...';
COMMENT ON COLUMN posture.finding_report.state IS 'compliant, non_compliant or not_applicable';
COMMENT ON COLUMN posture.finding_report.exemption IS
    'strongest exemption in force: waived, mitigated or risk_accepted; NULL: none';
COMMENT ON COLUMN posture.finding_report.is_exposed IS
    'whether the finding counts as exposed: it is non_compliant, its asset is neither retired nor '
    'stale, and it is neither waived nor mitigated';
COMMENT ON COLUMN posture.finding_report.since IS 'time from which it has had this state';
COMMENT ON COLUMN posture.finding_report.details IS
    'further data of the source, a JSON document; NULL: none';

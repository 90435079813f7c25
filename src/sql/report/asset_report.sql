/*
 * asset_report: the assets, each with what it fails and what it exposes. A
 * condition on a column of the asset itself is evaluated before its findings are
 * read, because the rows are grouped by these columns.
 */

CREATE FUNCTION posture_internal.merged(keys text[], others text[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN others IS NULL THEN coalesce(keys, '{}')
                ELSE ARRAY(SELECT DISTINCT x.key FROM unnest(keys || others) x(key) ORDER BY 1) END;
COMMENT ON FUNCTION posture_internal.merged(text[], text[]) IS
    'returns the keys of two arrays, each once, in order; NULL: no key';

-- What metrics without a population expose is read from findings.
CREATE FUNCTION posture_internal.exposed_member()
    RETURNS TABLE (metric text, initiative text, assets assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT m.key::text, i.key::text, u.exposed
    FROM current_unassessed() u
    JOIN metric m USING (metric_id)
    LEFT JOIN (initiative_member(NULL) b JOIN initiative i USING (initiative_id))
           ON b.metric_id = m.metric_id;
END $$;
COMMENT ON FUNCTION posture_internal.exposed_member() IS
    'returns the assets that each metric with a population counts as exposed, assessed or not, '
    'with the active initiatives that hold the metric (NULL: none)';

CREATE VIEW posture.asset_report WITH (security_invoker = true) AS
SELECT g.asset,
       g.name,
       g.kind,
       g.owner,
       g.criticality,
       t.state,
       coalesce(g.sources, '{}') AS sources,
       g.findings,
       CASE WHEN t.state = 'active' THEN g.failing ELSE 0 END AS failing_findings,
       g.exemptions,
       merged(CASE WHEN t.state = 'active' THEN g.metrics END, e.metrics) AS metrics,
       merged(CASE WHEN t.state = 'active' THEN g.initiatives END, e.initiatives) AS initiatives,
       g.first_seen,
       g.last_seen,
       g.retired_at,
       known_by(g.asset_id) AS known_by
FROM (SELECT a.asset_id, a.key::text AS asset, a.name, a.kind, a.owner, a.criticality,
             a.first_seen, a.last_seen, a.retired_at,
             array_agg(DISTINCT b.source) FILTER (WHERE b.source IS NOT NULL) AS sources,
             count(DISTINCT b.recommendation_id) AS findings,
             count(DISTINCT b.recommendation_id) FILTER (WHERE b.is_exposed) AS failing,
             count(DISTINCT b.recommendation_id) FILTER (WHERE b.exemption IS NOT NULL)
                 AS exemptions,
             array_agg(DISTINCT u.metric) FILTER (WHERE u.metric IS NOT NULL) AS metrics,
             array_agg(DISTINCT u.initiative) FILTER (WHERE u.initiative IS NOT NULL)
                 AS initiatives
      FROM asset a
      LEFT JOIN (SELECT f.asset_id, f.recommendation_id, r.source, n.exemption, n.is_exposed
                 FROM finding f
                 JOIN assessed_recommendation() r USING (recommendation_id)
                 CROSS JOIN LATERAL finding_status(f.asset_id, f.state, r.for_all, r.waived,
                                                   r.mitigated, r.accepted) n
                 WHERE f.state <> 'not_applicable') b USING (asset_id)
      LEFT JOIN recommendation_use() u
             ON u.recommendation_id = b.recommendation_id AND b.is_exposed
            AND metric_counts(u.asset_kinds, u.criticality_weights, a.kind, a.criticality)
      GROUP BY a.asset_id, a.key, a.name, a.kind, a.owner, a.criticality, a.first_seen,
               a.last_seen, a.retired_at) g
CROSS JOIN LATERAL asset_status(g.asset_id, g.last_seen, g.retired_at) t
CROSS JOIN LATERAL (SELECT array_agg(x.metric) AS metrics,
                           array_agg(x.initiative) FILTER (WHERE x.initiative IS NOT NULL)
                               AS initiatives
                    FROM exposed_member() x
                    WHERE x.assets @> g.asset_id) e;
COMMENT ON VIEW posture.asset_report IS
    'each asset as it stands now, also those that do not count';
COMMENT ON COLUMN posture.asset_report.asset IS 'key of the asset';
COMMENT ON COLUMN posture.asset_report.name IS 'name of the asset';
COMMENT ON COLUMN posture.asset_report.kind IS 'kind of the asset: host, user, ...';
COMMENT ON COLUMN posture.asset_report.owner IS
    'person or team responsible for the asset; NULL: unknown';
COMMENT ON COLUMN posture.asset_report.criticality IS 'low, medium, high or critical';
COMMENT ON COLUMN posture.asset_report.state IS
    'retired; stale: no source that assesses it has observed it for its stale_after; else active; '
    'only active assets count';
COMMENT ON COLUMN posture.asset_report.sources IS
    'keys of the active sources with a finding that applies to it';
COMMENT ON COLUMN posture.asset_report.findings IS
    'number of recommendations that apply to it, compliant or not, exempt or not';
COMMENT ON COLUMN posture.asset_report.failing_findings IS
    'number of recommendations that it fails and that count as exposed, as in finding_report';
COMMENT ON COLUMN posture.asset_report.exemptions IS
    'number of recommendations that apply to it from which it is exempt now';
COMMENT ON COLUMN posture.asset_report.metrics IS 'keys of the active metrics that it exposes';
COMMENT ON COLUMN posture.asset_report.initiatives IS
    'keys of the active initiatives that it exposes';
COMMENT ON COLUMN posture.asset_report.first_seen IS 'time of the first observation';
COMMENT ON COLUMN posture.asset_report.last_seen IS
    'time of the latest observation, updated at most once a day';
COMMENT ON COLUMN posture.asset_report.retired_at IS
    'time from which it does not count; NULL: none';
COMMENT ON COLUMN posture.asset_report.known_by IS
    'keys of the inventories that know it: sources that deliver assets alone';

\set ECHO none
-- What the views that list assets, findings and recommendations of metrics return, compared with
-- plain SQL over the tables of oracle.sql.
CREATE PROCEDURE pg_temp.compare_listed() LANGUAGE plpgsql AS $$
BEGIN
    CALL pg_temp.compare('finding_report',
        $q$SELECT * FROM finding_report$q$,
        $q$SELECT s.key::text,
                  CASE WHEN (SELECT count(*) FROM recommendation o WHERE o.key = r.key) > 1
                       THEN s.key || ':' || r.key ELSE r.key END,
                  r.title, r.severity::text, a.key::text, a.name, a.kind, f.state::text,
                  (SELECT x.kind::text FROM o_exempt x
                   WHERE x.recommendation_id = r.recommendation_id AND x.asset_id = a.asset_id
                   ORDER BY x.kind = 'risk_accepted', x.kind = 'mitigated' LIMIT 1),
                  EXISTS (SELECT FROM o_pair p
                          WHERE p.recommendation_id = r.recommendation_id
                            AND p.asset_id = a.asset_id AND p.exposed),
                  f.changed_at, f.details::text
           FROM finding f
           JOIN recommendation r USING (recommendation_id)
           JOIN source s USING (source_id)
           JOIN asset a USING (asset_id)
           WHERE s.is_active AND r.is_active$q$);
    CALL pg_temp.compare('asset_report',
        $q$SELECT * FROM asset_report$q$,
        $q$WITH applies AS (
               SELECT f.*, s.key::text AS source
               FROM o_found f JOIN recommendation r USING (recommendation_id)
               JOIN source s USING (source_id)
               WHERE f.state <> 'not_applicable'
           )
           SELECT a.key::text, a.name, a.kind, a.owner, a.criticality,
                  CASE WHEN a.retired_at <= o.clock THEN 'retired'
                       WHEN EXISTS (SELECT FROM source s
                                    WHERE s.is_active AND a.last_seen < o.clock - s.stale_after)
                        AND NOT EXISTS (SELECT FROM applies f
                                        WHERE f.asset_id = a.asset_id
                                          AND (f.stale_after IS NULL
                                               OR a.last_seen >= o.clock - f.stale_after))
                       THEN 'stale' ELSE 'active' END,
                  ARRAY(SELECT DISTINCT f.source FROM applies f
                        WHERE f.asset_id = a.asset_id ORDER BY 1),
                  (SELECT count(*) FROM applies f WHERE f.asset_id = a.asset_id),
                  (SELECT count(*) FROM o_pair p WHERE p.asset_id = a.asset_id AND p.exposed),
                  (SELECT count(*) FROM applies f
                   WHERE f.asset_id = a.asset_id
                     AND EXISTS (SELECT FROM o_exempt x
                                 WHERE x.recommendation_id = f.recommendation_id
                                   AND x.asset_id = a.asset_id)),
                  ARRAY(SELECT m.key::text FROM metric m
                        WHERE m.metric_id IN (SELECT e.metric_id FROM exposing e
                                              WHERE e.asset_id = a.asset_id) ORDER BY 1),
                  ARRAY(SELECT i.key::text FROM initiative i
                        WHERE i.is_active
                          AND (i.initiative_id IN (SELECT b.initiative_id
                                                   FROM o_member b JOIN exposing e USING (metric_id)
                                                   WHERE e.asset_id = a.asset_id)
                               OR i.initiative_id IN (
                                   SELECT y.initiative_id
                                   FROM o_initiative y
                                   JOIN initiative_recommendation ir USING (initiative_id)
                                   JOIN o_pair p USING (recommendation_id)
                                   WHERE y.method = 'points' AND p.exposed
                                     AND p.asset_id = a.asset_id)) ORDER BY 1),
                  a.first_seen, a.last_seen, a.retired_at,
                  ARRAY(SELECT s.key::text FROM asset_source x JOIN source s USING (source_id)
                        WHERE x.asset_id = a.asset_id ORDER BY s.key COLLATE "C")
           FROM asset a, moment o$q$);
    CALL pg_temp.compare('metric_recommendation',
        $q$SELECT metric, name, source, recommendation, title, severity, state, exposed_assets,
                  assessed_assets, only_this
           FROM metric_recommendation_report$q$,
        $q$SELECT m.key::text, m.name, o.source::text, o.key::text, r.title, r.severity::text,
                  CASE WHEN p.assessed + coalesce(e.possible, 0) = 0 THEN 'not_available'
                       WHEN p.exposed + coalesce(e.possible - e.achieved, 0) > 0
                       THEN 'non_compliant'
                       WHEN e.failing
                            OR EXISTS (SELECT FROM o_found f JOIN o_live l USING (asset_id)
                                       WHERE f.recommendation_id = o.recommendation_id
                                         AND f.state = 'non_compliant'
                                         AND (m.asset_kinds IS NULL
                                              OR l.kind = ANY (m.asset_kinds))
                                         AND pg_temp.times(l.criticality,
                                                           m.criticality_weights) > 0)
                       THEN 'mitigated' ELSE 'compliant' END,
                  p.exposed + coalesce(e.possible - e.achieved, 0),
                  p.assessed + coalesce(e.possible, 0), p.only_this
           FROM metric m
           JOIN metric_recommendation mr USING (metric_id)
           JOIN o_recommendation o USING (recommendation_id)
           JOIN recommendation r USING (recommendation_id)
           LEFT JOIN o_measure e USING (recommendation_id)
           CROSS JOIN LATERAL (
               SELECT count(DISTINCT c.asset_id)::numeric AS assessed,
                      count(DISTINCT c.asset_id) FILTER (WHERE c.exposed)::numeric AS exposed,
                      count(DISTINCT c.asset_id) FILTER (
                          WHERE c.exposed AND (SELECT count(*) FROM exposing x
                                               WHERE x.metric_id = m.metric_id
                                                 AND x.asset_id = c.asset_id) = 1) AS only_this
               FROM o_pair c
               WHERE c.recommendation_id = o.recommendation_id
                 AND (m.asset_kinds IS NULL OR c.kind = ANY (m.asset_kinds))
                 AND pg_temp.times(c.criticality, m.criticality_weights) > 0) p
           WHERE m.is_active$q$);
    CALL pg_temp.compare('score_history',
        $q$SELECT object_kind, object, score, name FROM score_history WHERE day = today()$q$,
        $q$SELECT 'metric', o.key::text, o.score, m.name FROM o_metric o JOIN metric m USING (key)
           UNION ALL
           SELECT 'initiative', o.key::text, o.score, i.name
           FROM o_initiative o JOIN initiative i USING (key)$q$);
END $$;

CREATE PROCEDURE pg_temp.compare_event_asset() LANGUAGE plpgsql AS $$
BEGIN
    CALL pg_temp.compare('event_asset',
        $q$SELECT event_id, reason, source, recommendation, title, asset, asset_name, asset_kind
           FROM event_asset$q$,
        $q$SELECT c.event_id, c.reason, s.key::text, r.key::text, r.title, a.key::text, a.name,
                  a.kind
           FROM event_cause c
           CROSS JOIN LATERAL unnest(c.assets::integer[]) u(asset_id)
           JOIN asset a USING (asset_id)
           LEFT JOIN recommendation r USING (recommendation_id)
           LEFT JOIN source s USING (source_id)$q$);
END $$;

-- the recommendations by which a metric exposes an asset
CREATE TEMP VIEW exposing AS
SELECT mr.metric_id, p.recommendation_id, p.asset_id
FROM metric m
JOIN metric_recommendation mr USING (metric_id)
JOIN o_pair p USING (recommendation_id)
WHERE m.is_active AND p.exposed AND (m.asset_kinds IS NULL OR p.kind = ANY (m.asset_kinds))
  AND pg_temp.times(p.criticality, m.criticality_weights) > 0;
\set ECHO all

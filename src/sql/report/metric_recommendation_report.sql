/*
 * metric_recommendation_report: the recommendations of each metric, counted for
 * the assets that the metric counts. The sets of each metric are read alone if
 * that needs little else, so that a condition on the metric reads its sets only.
 * Otherwise all sets are read once, because what else is needed would be read
 * again for each metric.
 */

CREATE FUNCTION posture_internal.metric_sets_suffice() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN NOT has_nodes()
           AND (SELECT count(*) <= 1000 FROM (SELECT FROM exemption LIMIT 1001) e)
           AND coalesce((SELECT min(a.last_seen) FROM asset a)
                        >= (SELECT max(l.seen_before) FROM stale_limit('infinity') l), true);
COMMENT ON FUNCTION posture_internal.metric_sets_suffice() IS
    'returns whether the assets of a metric can be counted without reading many exemptions or the '
    'sets of other recommendations, which decide whether an asset is stale; false on a head';

CREATE TYPE posture_internal.metric_share AS (
    metric_id integer,
    recommendation_id integer,
    assessed numeric,
    exposed numeric,
    failing boolean,
    only_this bigint
);
COMMENT ON TYPE posture_internal.metric_share IS 'a row of metric_part()';
COMMENT ON COLUMN posture_internal.metric_share.metric_id IS 'id of the metric';
COMMENT ON COLUMN posture_internal.metric_share.recommendation_id IS 'id of the recommendation';
COMMENT ON COLUMN posture_internal.metric_share.assessed IS 
    'number of assets assessed, plus points possible';
COMMENT ON COLUMN posture_internal.metric_share.exposed IS 
    'number of assets exposed, plus points missing';
COMMENT ON COLUMN posture_internal.metric_share.failing IS 
    'whether anything fails it, exempt or not';
COMMENT ON COLUMN posture_internal.metric_share.only_this IS 
    'number of exposed assets that fail no other recommendation of the metric';

CREATE FUNCTION posture_internal.metric_part(of_metric integer, within assetset)
    RETURNS SETOF metric_share
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    chosen integer[] := CASE WHEN of_metric IS NOT NULL
                             THEN ARRAY(SELECT mr.recommendation_id
                                        FROM metric_recommendation mr
                                        WHERE mr.metric_id = of_metric) END;
BEGIN
    RETURN QUERY
    WITH exposure AS MATERIALIZED (
        SELECT e.recommendation_id, e.assessed, e.exposed, e.failing
        FROM recommendation_assets(chosen, true) e
    ), filter AS (
        SELECT of_metric AS metric_id, within AS assets
        WHERE of_metric IS NOT NULL
        UNION ALL
        SELECT f.metric_id, f.assets
        FROM metric_filter() f
        WHERE of_metric IS NULL
    ), part AS MATERIALIZED (
        SELECT b.metric_id, b.recommendation_id,
               coalesce(set_intersect(e.assessed, f.assets), '{}') AS assessed,
               coalesce(set_intersect(e.exposed, f.assets), '{}') AS exposed,
               coalesce(set_intersect(e.failing, f.assets), '{}') AS failing
        FROM metric_member(NULL) b
        JOIN metric m USING (metric_id)
        LEFT JOIN exposure e USING (recommendation_id)
        LEFT JOIN filter f USING (metric_id)
        WHERE m.is_active AND (of_metric IS NULL OR b.metric_id = of_metric)
    ), twice AS (
        -- assets that fail several recommendations of the metric
        SELECT p.metric_id, union_agg(p.assets) AS assets
        FROM (SELECT metric_id,
                     exposed & union_agg(exposed) OVER (
                         PARTITION BY metric_id ORDER BY recommendation_id
                         ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS assets
              FROM part) p
        GROUP BY p.metric_id
    )
    SELECT metric_id, recommendation_id,
           cardinality(p.assessed) + coalesce(o.possible, 0),
           cardinality(p.exposed) + coalesce(o.possible - o.achieved, 0),
           p.failing <> '{}' OR coalesce(o.failing, false),
           cardinality(set_difference(p.exposed, t.assets))
    FROM part p
    LEFT JOIN twice t USING (metric_id)
    LEFT JOIN measured('infinity') o USING (recommendation_id);
END $$;
COMMENT ON FUNCTION posture_internal.metric_part(integer, assetset) IS
    'returns what each active recommendation contributes to a metric now: assets within the set of '
    'metric_filter(), and points of the measure; only_this: assets that fail no other '
    'recommendation of the metric; with of_metric NULL, the same of all active metrics; of the '
    'assets of this database';

CREATE FUNCTION posture_internal.every_metric_part() RETURNS SETOF metric_share
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF NOT has_nodes() THEN
        RETURN QUERY SELECT * FROM metric_part(NULL, NULL);
    ELSE
        RETURN QUERY
        SELECT p.metric_id, p.recommendation_id, sum(p.assessed), sum(p.exposed),
               bool_or(p.failing), sum(p.only_this)::bigint
        FROM (SELECT * FROM metric_part(NULL, NULL)
              UNION ALL
              SELECT * FROM ask_nodes(NULL::metric_share, 'metric_part(NULL, NULL)')) p
        GROUP BY p.metric_id, p.recommendation_id;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.every_metric_part() IS
    'returns metric_part() of all active metrics; on a head, of all nodes together';

CREATE VIEW posture.metric_recommendation_report WITH (security_invoker = true) AS
SELECT p.metric,
       p.name,
       r.source,
       r.recommendation,
       r.title,
       r.severity,
       recommendation_state(p.assessed, p.exposed, p.failing) AS state,
       p.exposed AS exposed_assets,
       p.assessed AS assessed_assets,
       p.only_this
FROM (SELECT m.key::text AS metric, m.name, x.*
      FROM metric m
      -- OFFSET 0 keeps the planner from reading the sets for metrics that count all assets
      LEFT JOIN LATERAL (SELECT w.assets
                         FROM metric_filter() w
                         WHERE w.metric_id = m.metric_id
                           AND (m.asset_kinds IS NOT NULL OR 0 = ANY (m.criticality_weights)
                                OR m.population_group_id IS NOT NULL)
                         OFFSET 0) f ON true
      CROSS JOIN LATERAL metric_part(m.metric_id, f.assets) x
      WHERE m.is_active AND (SELECT metric_sets_suffice())
      UNION ALL
      SELECT m.key::text, m.name, x.*
      FROM every_metric_part() x
      JOIN metric m ON m.metric_id = x.metric_id
      WHERE NOT (SELECT metric_sets_suffice())) p
JOIN labelled_recommendation() r USING (recommendation_id);
COMMENT ON VIEW posture.metric_recommendation_report IS
    'each active recommendation of each active metric, as it stands now for the assets that the '
    'metric counts';
COMMENT ON COLUMN posture.metric_recommendation_report.metric IS 'key of the metric';
COMMENT ON COLUMN posture.metric_recommendation_report.name IS 'name of the metric';
COMMENT ON COLUMN posture.metric_recommendation_report.source IS
    'key of the recommendation''s source';
COMMENT ON COLUMN posture.metric_recommendation_report.recommendation IS
    'key of the recommendation, as source:key if two sources share it';
COMMENT ON COLUMN posture.metric_recommendation_report.title IS 'title of the recommendation';
COMMENT ON COLUMN posture.metric_recommendation_report.severity IS
    'severity of the recommendation: critical, high, medium, low or risk_accepted';
COMMENT ON COLUMN posture.metric_recommendation_report.state IS
    'not_available: applies to nothing; non_compliant: something fails it; mitigated: what fails '
    'it is exempt; else compliant';
COMMENT ON COLUMN posture.metric_recommendation_report.exposed_assets IS
    'number of assets of the metric that fail the recommendation, each counted once; of a measure, '
    'the points missing';
COMMENT ON COLUMN posture.metric_recommendation_report.assessed_assets IS
    'number of assets of the metric that the recommendation applies to, each counted once; of a '
    'measure, the points possible';
COMMENT ON COLUMN posture.metric_recommendation_report.only_this IS
    'number of these exposed assets that fail no other recommendation of the metric';

/*
 * coverage_report: what each source has assessed lately, of the assets that are known.
 * An asset that is in no delivery of a source lowers no score, so it has to be shown.
 */

CREATE FUNCTION posture_internal.source_observation(of_source integer)
    RETURNS TABLE (observed_at timestamptz, assets assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
BEGIN
    RETURN QUERY
    SELECT c.observed_at, c.assets
    FROM recommendation r JOIN confirmation c USING (recommendation_id)
    WHERE r.source_id = of_source
    UNION ALL
    SELECT '-infinity', s.assessed
    FROM stored_set('infinity', ARRAY(SELECT r.recommendation_id FROM recommendation r
                                      WHERE r.source_id = of_source)) s;
END $$;
COMMENT ON FUNCTION posture_internal.source_observation(integer) IS
    'returns the assets that a source has assessed, at a time or later; -infinity: ever';

CREATE FUNCTION posture_internal.source_coverage(of_source integer)
    RETURNS TABLE (assessed_1d assetset, assessed_7d assetset, assessed_30d assetset,
                   assessed assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
BEGIN
    RETURN QUERY
    SELECT coalesce(union_agg(c.assets) FILTER (WHERE c.observed_at > now() - interval '1 day'),
                    '{}'),
           coalesce(union_agg(c.assets) FILTER (WHERE c.observed_at > now() - interval '7 days'),
                    '{}'),
           coalesce(union_agg(c.assets) FILTER (WHERE c.observed_at > now() - interval '30 days'),
                    '{}'),
           coalesce(union_agg(c.assets), '{}')
    FROM source_observation(of_source) c;
END $$;
COMMENT ON FUNCTION posture_internal.source_coverage(integer) IS
    'returns the assets that a source has assessed, by its deliveries in the last 1, 7 and 30 days, '
    'and ever';

CREATE FUNCTION posture_internal.asset_scope()
    RETURNS TABLE (asset_kind text, asset_group text, assets assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
DECLARE
    retired assetset := (SELECT coalesce(assetset_agg(a.asset_id), '{}')
                         FROM asset a WHERE a.retired_at <= now());
BEGIN
    RETURN QUERY
    SELECT k.value, NULL::text, k.assets - retired
    FROM asset_value_set('kind', true, NULL) k
    UNION ALL
    SELECT NULL, g.key::text, s.assets - retired
    FROM asset_group g JOIN asset_group_set(true, NULL) s USING (asset_group_id);
END $$;
COMMENT ON FUNCTION posture_internal.asset_scope() IS
    'returns the assets of each kind and of each group that are not retired';

CREATE TYPE posture_internal.coverage_tally AS (
    source_id integer,
    asset_kind text,
    asset_group text,
    known bigint,
    assessed_1d bigint,
    assessed_7d bigint,
    assessed_30d bigint,
    assessed bigint
);
COMMENT ON TYPE posture_internal.coverage_tally IS
    'numbers of assets of a kind or a group that a source has assessed';
COMMENT ON COLUMN posture_internal.coverage_tally.source_id IS 'id of the source';
COMMENT ON COLUMN posture_internal.coverage_tally.asset_kind IS
    'kind of the assets; NULL: the row is about a group';
COMMENT ON COLUMN posture_internal.coverage_tally.asset_group IS
    'key of the group; NULL: the row is about a kind';
COMMENT ON COLUMN posture_internal.coverage_tally.known IS
    'number of assets that are known, from any source';
COMMENT ON COLUMN posture_internal.coverage_tally.assessed_1d IS
    'number of these that the source assessed in the last day';
COMMENT ON COLUMN posture_internal.coverage_tally.assessed_7d IS
    'number that it assessed in the last 7 days';
COMMENT ON COLUMN posture_internal.coverage_tally.assessed_30d IS
    'number that it assessed in the last 30 days';
COMMENT ON COLUMN posture_internal.coverage_tally.assessed IS 'number that it ever assessed';

CREATE FUNCTION posture_internal.coverage_here() RETURNS SETOF coverage_tally
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
BEGIN
    RETURN QUERY
    SELECT s.source_id, a.asset_kind, a.asset_group, cardinality(a.assets),
           cardinality(a.assets & c.assessed_1d), cardinality(a.assets & c.assessed_7d),
           cardinality(a.assets & c.assessed_30d), cardinality(a.assets & c.assessed)
    FROM source s
    CROSS JOIN LATERAL source_coverage(s.source_id) c
    CROSS JOIN asset_scope() a;
END $$;
COMMENT ON FUNCTION posture_internal.coverage_here() IS
    'returns what each source has assessed of each kind and group in this database, also nothing';

CREATE FUNCTION posture_internal.coverage_without(of_node integer) RETURNS SETOF coverage_tally
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT s.source_id, CASE WHEN c.asset_group_id = 0 THEN c.asset_kind END, g.key::text,
           c.population, bigint '0', bigint '0', bigint '0', bigint '0'
    FROM source s
    CROSS JOIN node_count c
    LEFT JOIN asset_group g USING (asset_group_id)
    WHERE c.node_id = of_node AND c.object_kind = 'asset'
      AND (c.asset_group_id = 0 OR g.key IS NOT NULL);
END $$;
COMMENT ON FUNCTION posture_internal.coverage_without(integer) IS
    'returns rows in place of coverage_here() of a node that does not answer: of all assets that '
    'were last known of it, none is assessed';

CREATE FUNCTION posture_internal.coverage_of_nodes() RETURNS SETOF coverage_tally
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
BEGIN
    RETURN QUERY
    SELECT t.source_id, t.asset_kind, t.asset_group, sum(t.known)::bigint,
           sum(t.assessed_1d)::bigint, sum(t.assessed_7d)::bigint, sum(t.assessed_30d)::bigint,
           sum(t.assessed)::bigint
    FROM (SELECT * FROM coverage_here()
          UNION ALL
          SELECT * FROM ask_nodes(NULL::coverage_tally, 'coverage_here()',
                                  without => 'SELECT * FROM coverage_without($1)')) t
    GROUP BY t.source_id, t.asset_kind, t.asset_group;
END $$;
COMMENT ON FUNCTION posture_internal.coverage_of_nodes() IS
    'returns coverage_here() of a head and its nodes together';

CREATE VIEW posture.coverage_report WITH (security_invoker = true) AS
SELECT s.key::text AS source, s.name AS source_name, a.asset_kind, a.asset_group,
       cardinality(a.assets) AS known_assets,
       cardinality(a.assets & c.assessed_1d) AS assessed_1d,
       cardinality(a.assets & c.assessed_7d) AS assessed_7d,
       cardinality(a.assets & c.assessed_30d) AS assessed_30d,
       cardinality(a.assets - c.assessed) AS never_assessed
FROM source s
CROSS JOIN LATERAL source_coverage(s.source_id) c
CROSS JOIN asset_scope() a
WHERE sees_all() AND NOT planned_has_nodes() AND s.is_active AND a.assets & c.assessed <> '{}'
UNION ALL
SELECT s.key::text, s.name, t.asset_kind, t.asset_group, t.known, t.assessed_1d, t.assessed_7d,
       t.assessed_30d, t.known - t.assessed
FROM coverage_of_nodes() t JOIN source s USING (source_id)
WHERE sees_all() AND planned_has_nodes() AND s.is_active AND t.assessed > 0;
COMMENT ON VIEW posture.coverage_report IS
    'how many assets of each kind, and of each group, a source has assessed lately, where it '
    'assesses any; for roles that see all. Retired assets are left out, stale ones are not';
COMMENT ON COLUMN posture.coverage_report.source IS 'key of the source';
COMMENT ON COLUMN posture.coverage_report.source_name IS 'name of the source';
COMMENT ON COLUMN posture.coverage_report.asset_kind IS
    'kind of the assets; NULL: the row is about a group';
COMMENT ON COLUMN posture.coverage_report.asset_group IS
    'key of the group; NULL: the row is about a kind';
COMMENT ON COLUMN posture.coverage_report.known_assets IS
    'number of assets that are known, from any source';
COMMENT ON COLUMN posture.coverage_report.assessed_1d IS
    'number of these that the source assessed in the last day, by its deliveries';
COMMENT ON COLUMN posture.coverage_report.assessed_7d IS 'number assessed in the last 7 days';
COMMENT ON COLUMN posture.coverage_report.assessed_30d IS 'number assessed in the last 30 days';
COMMENT ON COLUMN posture.coverage_report.never_assessed IS
    'number that the source never assessed';

CREATE FUNCTION posture_internal.unassessed_by(of_source integer, since interval, kinds text[])
    RETURNS SETOF asset_list
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT coalesce(union_agg(a.assets), '{}') - o.recent
    FROM (SELECT coalesce(union_agg(x.assets), '{}') AS ever,
                 coalesce(union_agg(x.assets) FILTER (
                     WHERE since IS NULL OR x.observed_at > now() - since), '{}') AS recent
          FROM source_observation(of_source) x) o
    LEFT JOIN asset_scope() a
           ON CASE WHEN kinds IS NULL THEN a.asset_kind IS NOT NULL AND a.assets & o.ever <> '{}'
                   ELSE a.asset_kind = ANY (kinds) END
    GROUP BY o.recent;
END $$;
COMMENT ON FUNCTION posture_internal.unassessed_by(integer, interval, text[]) IS
    'returns unassessed_assets() in this database; kinds: those that the source assesses, NULL: '
    'those of which it has assessed any here';

CREATE FUNCTION posture.unassessed_assets(source text, since interval DEFAULT NULL)
    RETURNS assetset
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    wanted integer := (SELECT k.id FROM key_id('source', ARRAY[source]) k);
    kinds text[];
BEGIN
    IF NOT sees_all() THEN
        RETURN '{}';
    END IF;
    IF has_nodes() THEN
        kinds := ARRAY(SELECT t.asset_kind
                       FROM coverage_of_nodes() t
                       WHERE t.source_id = wanted AND t.assessed > 0 AND t.asset_kind IS NOT NULL);
    END IF;
    RETURN united_assets((SELECT u.assets FROM unassessed_by(wanted, since, kinds) u),
                         question('unassessed_by(%L, %L, %L)', wanted, since, kinds));
END $$;
COMMENT ON FUNCTION posture.unassessed_assets(text, interval) IS
    'returns the assets of the kinds that a source assesses which it has not assessed for so long, '
    'by its deliveries; since NULL: never. For roles that see all';

CREATE FUNCTION posture_internal.current_unassessed()
    RETURNS TABLE (metric_id integer, assets assetset, exposed assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT u.*
    FROM unassessed_set(NULL, ARRAY(SELECT d.metric_id FROM metric_definition() d
                                    WHERE d.population_group_id IS NOT NULL), true) u;
END $$;
COMMENT ON FUNCTION posture_internal.current_unassessed() IS
    'returns the unassessed members of the population of each metric that has one, and the assets '
    'that it counts as exposed, in this database';

CREATE VIEW posture.unassessed_asset WITH (security_invoker = true) AS
SELECT m.key::text AS metric,
       a.key::text AS asset,
       a.name,
       a.kind,
       a.criticality,
       a.owner,
       a.first_seen,
       a.last_seen
FROM current_unassessed() u
JOIN metric m USING (metric_id)
-- of an array the planner expects few elements, and looks the assets up by their ids
CROSS JOIN LATERAL unnest(u.assets::integer[]) x(asset_id)
JOIN asset a USING (asset_id);
COMMENT ON VIEW posture.unassessed_asset IS
    'each member of the population of each metric that none of its recommendations assesses now';
COMMENT ON COLUMN posture.unassessed_asset.metric IS 'key of the metric';
COMMENT ON COLUMN posture.unassessed_asset.asset IS 'key of the asset';
COMMENT ON COLUMN posture.unassessed_asset.name IS 'name of the asset';
COMMENT ON COLUMN posture.unassessed_asset.kind IS 'kind of the asset';
COMMENT ON COLUMN posture.unassessed_asset.criticality IS 'low, medium, high or critical';
COMMENT ON COLUMN posture.unassessed_asset.owner IS
    'person or team responsible for the asset; NULL: not known';
COMMENT ON COLUMN posture.unassessed_asset.first_seen IS 'time of the first observation';
COMMENT ON COLUMN posture.unassessed_asset.last_seen IS 'time of the latest observation';

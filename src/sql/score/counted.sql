/*
 * Providers of sets, and what count_assets() counts of them: the store now or at
 * the end of a day, the store without its deltas, touched assets before and
 * after, and sets recomputed from finding. A provider knows nothing of what
 * counts.
 *
 * Each is a loop over the chunks, in ascending order as count_assets() needs
 * them: the planner can't turn a LATERAL join of UNION ALL into another one.
 */

CREATE FUNCTION posture_internal.toggle_chunk(on_day date, chosen integer[])
    RETURNS TABLE (chunk integer, recommendation_id integer, assessed assetset, exposed assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH toggle AS MATERIALIZED (
        SELECT * FROM finding_toggle(on_day, chosen)
    )
    SELECT c.chunk, t.recommendation_id, c.assets, NULL::assetset
    FROM toggle t CROSS JOIN LATERAL chunks(t.assessed) c
    UNION ALL
    SELECT c.chunk, t.recommendation_id, NULL, c.assets
    FROM toggle t CROSS JOIN LATERAL chunks(t.exposed) c;
END;
COMMENT ON FUNCTION posture_internal.toggle_chunk(date, integer[]) IS
    'returns the rows of finding_toggle() by chunk';

CREATE FUNCTION posture_internal.folded_findings() RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce((SELECT sum(o.assessed)::bigint FROM object_count o
                     WHERE o.object_kind = 'recommendation' AND NOT o.is_raw), 0);
COMMENT ON FUNCTION posture_internal.folded_findings() IS
    'returns about how many findings the stored sets have';

-- With parts, each process counts some of the chunks.
CREATE FUNCTION posture_internal.count_part(
    rules counting_rule[], toggles finding_set[], chosen integer[], within assetset,
    part integer, parts integer)
    RETURNS SETOF counted_object
    -- the cost of each part is worth a worker
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600 COST 1000000
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
    SET jit = off
AS $$
BEGIN
    RETURN QUERY
    WITH toggle AS MATERIALIZED (
        SELECT t.* FROM unnest(toggles) t WHERE t.chunk % parts = part
    ), chunk AS (
        SELECT w.chunk FROM chunks(within) w WHERE w.chunk % parts = part
        UNION ALL
        SELECT a.chunk FROM asset_chunk() a(chunk) WHERE within IS NULL AND a.chunk % parts = part
        UNION
        SELECT t.chunk FROM toggle t WHERE within IS NULL
        ORDER BY chunk
    )
    SELECT u.*
    FROM (SELECT count_assets(rules, c.chunk, NULL, p.recommendation_id, p.assessed, p.exposed)
                 AS objects
          FROM chunk c
          LEFT JOIN LATERAL (
              SELECT f.recommendation_id, f.assessed, f.exposed
              FROM finding_set f
              WHERE f.chunk = c.chunk AND chosen IS NULL
              UNION ALL
              SELECT f.recommendation_id, f.assessed, f.exposed
              FROM unnest(chosen) n(id)
              JOIN finding_set f ON f.chunk = c.chunk AND f.recommendation_id = n.id
              UNION ALL
              SELECT t.recommendation_id, t.assessed, t.exposed
              FROM toggle t
              WHERE t.chunk = c.chunk) p ON true) x
    CROSS JOIN LATERAL unnest(x.objects) u;
END $$;
COMMENT ON FUNCTION posture_internal.count_part(
    counting_rule[], finding_set[], integer[], assetset, integer, integer) IS
    'counts the stored sets, changed by toggles, of all recommendations or chosen ones, in the '
    'chunks that are in the part, of so many parts: of all chunks, or of those of a set';

CREATE FUNCTION posture_internal.added_up(counts counted_object[]) RETURNS SETOF counted_object
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 600
BEGIN ATOMIC
    SELECT p.rule, p.asset_group_id, p.object_kind, p.object_id, sum(p.assessed)::bigint,
           sum(p.exposed)::bigint, sum(p.failing)::bigint, sum(p.critical)::bigint,
           sum(p.population)::bigint, sum(p.unassessed)::bigint,
           union_agg(p.assessed_set), union_agg(p.exposed_set), union_agg(p.failing_set),
           union_agg(p.accepted_set), union_agg(p.unassessed_set)
    FROM unnest(counts) p
    GROUP BY p.rule, p.asset_group_id, p.object_kind, p.object_id;
END;
COMMENT ON FUNCTION posture_internal.added_up(counted_object[]) IS
    'adds up counts and unites sets of the same objects for disjoint assets';

CREATE FUNCTION posture_internal.count_parts(
    rules counting_rule[], toggles finding_set[], chosen integer[], within assetset)
    RETURNS SETOF counted_object
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
    SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.rule, p.asset_group_id, p.object_kind, p.object_id, sum(p.assessed)::bigint,
           sum(p.exposed)::bigint, sum(p.failing)::bigint, sum(p.critical)::bigint,
           sum(p.population)::bigint, sum(p.unassessed)::bigint,
           union_agg(p.assessed_set), union_agg(p.exposed_set), union_agg(p.failing_set),
           union_agg(p.accepted_set), union_agg(p.unassessed_set)
    FROM (SELECT * FROM count_part(rules, toggles, chosen, within, 0, 6)
          UNION ALL
          SELECT * FROM count_part(rules, toggles, chosen, within, 1, 6)
          UNION ALL
          SELECT * FROM count_part(rules, toggles, chosen, within, 2, 6)
          UNION ALL
          SELECT * FROM count_part(rules, toggles, chosen, within, 3, 6)
          UNION ALL
          SELECT * FROM count_part(rules, toggles, chosen, within, 4, 6)
          UNION ALL
          SELECT * FROM count_part(rules, toggles, chosen, within, 5, 6)) p
    GROUP BY p.rule, p.asset_group_id, p.object_kind, p.object_id;
END $$;
COMMENT ON FUNCTION posture_internal.count_parts(
    counting_rule[], finding_set[], integer[], assetset) IS
    'counts all parts of count_part(), in workers as far as PostgreSQL grants them: six, which two '
    'and three processes share evenly';

CREATE FUNCTION posture_internal.count_stored(
    rules counting_rule[], as_of timestamptz, on_day date, chosen integer[], within assetset)
    RETURNS SETOF counted_object
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
    SET jit = off
AS $$
DECLARE
    -- the end of today includes all deltas, even those that another time zone, or a clock that
    -- was ahead, dated on a later day
    of_day date := coalesce(on_day, CASE WHEN as_of < day_end(today()) THEN day_of(as_of) - 1
                                         ELSE 'infinity' END);
    toggles finding_set[] := ARRAY(
        SELECT (t.recommendation_id, t.chunk, t.assessed, t.exposed)::finding_set
        FROM toggle_chunk(of_day, chosen) t);
BEGIN
    -- of fewer, one process has counted most before workers have started
    IF chosen IS NULL AND folded_findings() >= 25000000 THEN
        RETURN QUERY SELECT * FROM count_parts(rules, toggles, chosen, within);
    ELSE
        RETURN QUERY SELECT * FROM count_part(rules, toggles, chosen, within, 0, 1);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.count_stored(
    counting_rule[], timestamptz, date, integer[], assetset) IS
    'counts the stored sets, now or at the end of a day, on_day if it is known: of all '
    'recommendations or chosen ones, in all chunks or in those of a set';

CREATE FUNCTION posture_internal.count_folded(rules counting_rule[], of_slice integer)
    RETURNS SETOF counted_object
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
BEGIN
    RETURN QUERY
    SELECT u.*
    FROM (SELECT count_assets(rules, c.chunk, NULL, p.recommendation_id, p.assessed, p.exposed)
                 AS objects
          FROM generate_series(of_slice * 16, of_slice * 16 + 15) c(chunk)
          LEFT JOIN LATERAL (SELECT f.recommendation_id, f.assessed, f.exposed
                             FROM finding_set f
                             WHERE f.chunk = c.chunk
                             OFFSET 0) p ON true) x
    CROSS JOIN LATERAL unnest(x.objects) u;
END $$;
COMMENT ON FUNCTION posture_internal.count_folded(counting_rule[], integer) IS
    'counts the stored sets of a slice without their deltas';

CREATE FUNCTION posture_internal.count_touched(rules counting_rule[], touched assetset)
    RETURNS SETOF counted_object
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
    SET jit = off
AS $$
BEGIN
    RETURN QUERY
    WITH toggle AS MATERIALIZED (
        SELECT * FROM toggle_chunk('infinity', NULL)
    ), found AS MATERIALIZED (
        SELECT m.asset_id / 65536 AS chunk, f.recommendation_id,
               assetset_agg(m.asset_id) FILTER (WHERE f.state <> 'not_applicable') AS assessed,
               assetset_agg(m.asset_id) FILTER (WHERE f.state = 'non_compliant') AS exposed
        FROM members(touched) m(asset_id)
        -- OFFSET makes the planner look the findings up asset by asset
        CROSS JOIN LATERAL (SELECT x.recommendation_id, x.state FROM finding x
                            WHERE x.asset_id = m.asset_id OFFSET 0) f
        GROUP BY 1, 2
    )
    SELECT u.*
    FROM (SELECT count_assets(rules, c.chunk, p.day, p.recommendation_id, p.assessed, p.exposed)
                 AS objects
          FROM chunks(touched) c
          LEFT JOIN LATERAL (
              SELECT NULL::date AS day, f.recommendation_id, f.assessed, f.exposed
              FROM found f
              WHERE f.chunk = c.chunk
              UNION ALL
              SELECT today(), t.recommendation_id, t.assessed, t.exposed
              FROM toggle t
              WHERE t.chunk = c.chunk) p ON true) x
    CROSS JOIN LATERAL unnest(x.objects) u;
END $$;
COMMENT ON FUNCTION posture_internal.count_touched(counting_rule[], assetset) IS
    'counts the findings of touched assets, which include those of all deltas: by rules without a '
    'day as they are, and by those of day -infinity as they were when the sets were folded';

CREATE FUNCTION posture_internal.count_recomputed(rule counting_rule, as_of timestamptz)
    RETURNS SETOF counted_object
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
BEGIN
    RETURN QUERY
    WITH recomputed AS MATERIALIZED (
        SELECT * FROM recommendation_set(as_of)
    )
    SELECT u.*
    FROM (SELECT count_assets(ARRAY[rule], p.chunk, NULL, p.recommendation_id, p.assessed,
                              p.exposed) AS objects
          FROM (SELECT c.chunk, r.recommendation_id, c.assets AS assessed,
                       NULL::assetset AS exposed
                FROM recomputed r CROSS JOIN LATERAL chunks(r.assessed) c
                UNION ALL
                SELECT c.chunk, r.recommendation_id, NULL, c.assets
                FROM recomputed r CROSS JOIN LATERAL chunks(r.exposed) c
                UNION ALL
                -- members of a population may have no findings
                SELECT a.chunk, NULL, NULL, NULL FROM asset_chunk() a(chunk)
                ORDER BY chunk) p) x
    CROSS JOIN LATERAL unnest(x.objects) u;
END $$;
COMMENT ON FUNCTION posture_internal.count_recomputed(counting_rule, timestamptz) IS
    'counts sets recomputed from finding, for a comparison with those that are stored';

CREATE FUNCTION posture_internal.owner_counted(
    as_of timestamptz, on_day date, scenario jsonb, scope counting_scope)
    RETURNS SETOF counted_object
    AS 'MODULE_PATHNAME', 'posture_owner' LANGUAGE C STABLE PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION posture_internal.owner_counted(timestamptz, date, jsonb, counting_scope) IS
    'returns the part of counted() that the caller owns';

CREATE FUNCTION posture_internal.counted_here(
    as_of timestamptz, on_day date, scenario jsonb, scope counting_scope)
    RETURNS SETOF counted_object
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    rule counting_rule;
BEGIN
    IF on_day IS NOT NULL AND has_no_day(on_day) THEN
        RETURN;
    END IF;
    rule := counting_rule(as_of, on_day, scenario, 'current', NULL, NULL, with_groups(scope));
    RETURN QUERY
    SELECT c.*
    FROM count_stored(ARRAY[rule], as_of, on_day,
                      CASE WHEN scope.recommendations IS NOT NULL
                           THEN ARRAY(SELECT r.recommendation_id
                                      FROM unnest(rule.recommendations) r) END,
                      CASE WHEN cardinality(rule.groups) = 1 THEN rule.groups[1] END) c;
END $$;
COMMENT ON FUNCTION posture_internal.counted_here(timestamptz, date, jsonb, counting_scope) IS
    'returns the rows of counted() for the assets of this database';

CREATE FUNCTION posture_internal.counts_without(of_node integer, scope counting_scope)
    RETURNS SETOF counted_object
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT 1, nullif(c.asset_group_id, 0), c.object_kind, c.object_id, bigint '0', bigint '0',
           bigint '0', bigint '0', c.population, c.population, NULL::assetset, NULL::assetset,
           NULL::assetset, NULL::assetset, NULL::assetset
    FROM node_count c
    WHERE c.node_id = of_node AND c.object_kind <> 'asset'
      AND c.asset_group_id = ANY (coalesce(scope.group_ids, '{0}'))
      AND coalesce(CASE c.object_kind WHEN 'recommendation' THEN scope.recommendations
                                      WHEN 'metric' THEN scope.metrics
                                      ELSE scope.initiatives END @> c.object_id, true);
END $$;
COMMENT ON FUNCTION posture_internal.counts_without(integer, counting_scope) IS
    'returns rows for counted() in place of those of a node that does not answer: all that was last '
    'known of it is unassessed';

CREATE FUNCTION posture_internal.counted(
    as_of timestamptz, on_day date, scenario jsonb, scope counting_scope)
    RETURNS SETOF counted_object
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    of_nodes counting_scope := scope;
BEGIN
    IF NOT sees_all() THEN
        RETURN QUERY SELECT * FROM owner_counted(as_of, on_day, scenario, scope);
    ELSIF NOT has_nodes() THEN
        RETURN QUERY SELECT * FROM counted_here(as_of, on_day, scenario, scope);
    ELSE
        -- groups have other assets on each node
        of_nodes.groups := NULL;
        RETURN QUERY
        SELECT *
        FROM added_up(ARRAY(SELECT c
                            FROM counted_here(as_of, on_day, scenario, scope) c
                            WHERE has_assets()
                            UNION ALL
                            SELECT n
                            FROM ask_nodes(NULL::counted_object,
                                           question('counted(%L, %L, %L, %L)', as_of, on_day,
                                                    scenario, of_nodes),
                                           without => format('SELECT * FROM '
                                                             'counts_without($1, %L)',
                                                             of_nodes)) n));
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.counted(timestamptz, date, jsonb, counting_scope) IS
    'counts the objects of a scope, now (as_of infinity) or at the end of a day, on_day if that '
    'has a snapshot whose catalog applies; as far as the caller may see them; on a head, the assets '
    'of all nodes';

CREATE FUNCTION posture_internal.counted_sets(
    as_of timestamptz, on_day date, scenario jsonb, scope counting_scope, only_here boolean)
    RETURNS SETOF counted_object
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF only_here AND sees_all() THEN
        RETURN QUERY SELECT * FROM counted_here(as_of, on_day, scenario, scope);
    ELSE
        RETURN QUERY SELECT * FROM counted(as_of, on_day, scenario, scope);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.counted_sets(
    timestamptz, date, jsonb, counting_scope, boolean) IS
    'returns the rows of counted(); only_here: on a head, for the assets of this database alone';

CREATE FUNCTION posture_internal.recommendation_assets(
    scenario jsonb, scope counting_scope, only_here boolean DEFAULT false)
    RETURNS TABLE (recommendation_id integer, assessed assetset, exposed assetset,
                   failing assetset, accepted assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 500
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    scope.initiatives := '{}';
    scope.metrics := '{}';
    scope.with_sets := 'recommendation';
    RETURN QUERY
    SELECT c.object_id, c.assessed_set, c.exposed_set, c.failing_set, c.accepted_set
    FROM counted_sets('infinity', NULL, scenario, scope, only_here) c
    WHERE c.object_kind = 'recommendation' AND c.exposed_set IS NOT NULL;
END $$;
COMMENT ON FUNCTION posture_internal.recommendation_assets(jsonb, counting_scope, boolean) IS
    'returns the assets of each recommendation of a scope that count now, under a scenario: '
    'assessed; exposed; failing, whether exempt or not; accepted, exposed with the risk accepted; '
    'only_here: on a head, without the assets of its nodes';

CREATE FUNCTION posture_internal.recommendation_assets(
    chosen integer[], only_here boolean DEFAULT false)
    RETURNS TABLE (recommendation_id integer, assessed assetset, exposed assetset,
                   failing assetset, accepted assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 500
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    scope counting_scope;
BEGIN
    scope.recommendations := chosen::assetset;
    RETURN QUERY SELECT a.* FROM recommendation_assets(NULL, scope, only_here) a;
END $$;
COMMENT ON FUNCTION posture_internal.recommendation_assets(integer[], boolean) IS
    'returns recommendation_assets() of the given recommendations, NULL: all, without a scenario';

CREATE FUNCTION posture_internal.unassessed_set(
    on_day date, of_metrics integer[], only_here boolean DEFAULT false)
    RETURNS TABLE (metric_id integer, assets assetset, exposed assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    scope counting_scope;
BEGIN
    scope.initiatives := '{}';
    scope.metrics := of_metrics::assetset;
    scope.with_sets := 'metric';
    IF scope.metrics <> '{}' THEN
        RETURN QUERY
        SELECT c.object_id, c.unassessed_set, c.exposed_set
        FROM counted_sets(coalesce(day_end(on_day), 'infinity'), on_day, NULL, scope, only_here) c
        WHERE c.object_kind = 'metric';
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.unassessed_set(date, integer[], boolean) IS
    'returns the members of the populations of metrics that nothing assesses, and the assets that '
    'the metrics count as exposed, now or at the end of a day that has a snapshot; only_here: on a '
    'head, without the assets of its nodes';

CREATE FUNCTION posture_internal.only_inactive() RETURNS counting_scope
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ROW('{}', '{}', '{}', NULL, NULL, NULL, NULL, 'inactive')::counting_scope;
COMMENT ON FUNCTION posture_internal.only_inactive() IS
    'returns the scope of the assets that do not count';

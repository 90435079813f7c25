/*
 * What counts, for count_assets(): the one place that says so. A rule is made for
 *
 * - a moment: as_of is the end of a day, or 'infinity' for now; on_day is a past
 *   day that has a snapshot, whose catalog applies instead of the current one;
 * - a scenario, laid over that catalog (scenario_document.sql);
 * - a stage, which says where sets of assets by kind, criticality and group are
 *   from: current (the store with its deltas), folded (the store without deltas,
 *   for one slice), before and after (of touched assets: as they were when the
 *   sets were folded, and as they are), recomputed (from asset).
 */

CREATE FUNCTION posture_internal.class_set(
    of_attribute text, stage text, on_day date, of_slice integer, touched assetset)
    RETURNS TABLE (value text, assets assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    IF stage = 'before' THEN
        RETURN QUERY
        SELECT s.value, union_agg(s.assets & t.assets)
        FROM chunks(touched) t JOIN asset_set s ON s.attribute = of_attribute AND s.chunk = t.chunk
        GROUP BY s.value;
    ELSIF stage = 'after' THEN
        RETURN QUERY
        SELECT c.value, union_agg(c.assets)
        FROM asset_class(touched) c
        WHERE c.attribute = of_attribute
        GROUP BY c.value;
    ELSE
        -- stored groups are not valid if one was changed since the last fold
        RETURN QUERY
        SELECT v.*
        FROM all_asset_value(of_attribute,
                             stage <> 'recomputed'
                             AND NOT (of_attribute = 'group' AND of_slice IS NULL
                                      AND EXISTS (SELECT FROM catalog_delta d
                                                  WHERE d.changed = 'asset_group')),
                             of_slice, on_day) v;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.class_set(text, text, date, integer, assetset) IS
    'returns the assets of each kind, criticality or group at a stage';

CREATE TYPE posture_internal.asset_rule AS (
    kind_names text[],
    kinds assetset[],
    criticalities assetset[],
    inactive assetset,
    retired assetset,
    stale_candidates assetset,
    limited_sources integer[],
    unseen assetset[]
);
COMMENT ON TYPE posture_internal.asset_rule IS 'sets of assets of a counting_rule';
COMMENT ON COLUMN posture_internal.asset_rule.kind_names IS 'kinds of assets';
COMMENT ON COLUMN posture_internal.asset_rule.kinds IS 'assets of each kind';
COMMENT ON COLUMN posture_internal.asset_rule.criticalities IS
    'low, medium, high and critical assets';
COMMENT ON COLUMN posture_internal.asset_rule.inactive IS 'retired assets, or all that do not count';
COMMENT ON COLUMN posture_internal.asset_rule.retired IS
    'retired assets, if inactive has others; NULL: it has not';
COMMENT ON COLUMN posture_internal.asset_rule.stale_candidates IS
    'assets that were last seen before the limit of any source; NULL: none';
COMMENT ON COLUMN posture_internal.asset_rule.limited_sources IS
    'ids of the sources that have a limit';
COMMENT ON COLUMN posture_internal.asset_rule.unseen IS
    'for each of them, assets that were last seen before its limit';

CREATE FUNCTION posture_internal.asset_rule(
    as_of timestamptz, on_day date, scenario jsonb, stage text, of_slice integer,
    touched assetset, with_classes boolean DEFAULT true)
    RETURNS asset_rule
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    result asset_rule;
    last_limit timestamptz;
    -- a snapshot counts what the history of its day has, not an asset that changes beside it
    class_day date := coalesce(on_day, CASE WHEN as_of < 'infinity' THEN day_of(as_of) - 1 END);
BEGIN
    result.criticalities := array_fill(NULL::assetset, '{4}');
    IF with_classes THEN
        SELECT array_agg(k.value ORDER BY k.value), array_agg(k.assets ORDER BY k.value)
        INTO result.kind_names, result.kinds
        FROM class_set('kind', stage, class_day, of_slice, touched) k;
        result.criticalities := ARRAY(
            SELECT c.assets
            FROM generate_series(1, 4) g(rank)
            LEFT JOIN class_set('criticality', stage, class_day, of_slice, touched) c
                   ON criticality_rank(c.value) = g.rank
            ORDER BY g.rank);
    END IF;
    IF on_day IS NOT NULL THEN
        SELECT s.inactive, s.retired INTO result.inactive, result.retired
        FROM snapshot s WHERE s.day = on_day;
        RETURN result;
    ELSIF stage = 'before' THEN
        SELECT union_agg(i.assets),
               coalesce(union_agg(i.assets) FILTER (WHERE i.value = 'retired'), '{}')
        INTO result.inactive, result.retired
        FROM class_set('inactive', stage, NULL, NULL, touched) i;
        RETURN result;
    END IF;
    result.inactive := (SELECT assetset_agg(a.asset_id) FROM asset a
                        WHERE a.retired_at < as_of AND a.retired_at <= now());
    last_limit := (SELECT max(l.seen_before) FROM stale_limit(as_of, scenario) l);
    IF last_limit IS NULL THEN
        RETURN result;
    END IF;
    result.stale_candidates := set_intersect(
        (SELECT assetset_agg(a.asset_id) FROM asset a WHERE a.last_seen < last_limit), touched);
    IF result.stale_candidates <> '{}' THEN
        SELECT array_agg(l.source_id), array_agg(u.assets)
        INTO result.limited_sources, result.unseen
        FROM stale_limit(as_of, scenario) l
        JOIN (SELECT x.seen_before,
                     CASE WHEN x.seen_before = last_limit THEN result.stale_candidates
                          ELSE (SELECT assetset_agg(a.asset_id) FROM asset a
                                WHERE a.last_seen < x.seen_before) END AS assets
              FROM (SELECT DISTINCT m.seen_before FROM stale_limit(as_of, scenario) m) x) u
            USING (seen_before);
    ELSE
        result.stale_candidates := NULL;
    END IF;
    RETURN result;
END $$;
COMMENT ON FUNCTION posture_internal.asset_rule(
    timestamptz, date, jsonb, text, integer, assetset, boolean) IS
    'returns the sets of assets of a counting_rule; on a past day, the assets that did not count '
    'are those of its snapshot; with_classes: whether kinds and criticalities are needed';

CREATE FUNCTION posture_internal.needed_group(
    as_of timestamptz, on_day date, scenario jsonb, stage text, of_slice integer,
    touched assetset)
    RETURNS TABLE (asset_group_id integer, group_day date, assets assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    needed assetset := (SELECT assetset_agg(n.id)
                        FROM (SELECT g.id
                              FROM exemption_rule(as_of, on_day, scenario) e
                              CROSS JOIN LATERAL unnest(e.asset_groups) g(id)
                              WHERE e.group_day IS NULL
                              UNION ALL
                              SELECT d.population_group_id
                              FROM metric_definition(on_day, scenario) d
                              WHERE on_day IS NULL AND d.population_group_id IS NOT NULL) n);
BEGIN
    IF needed IS NOT NULL THEN
        RETURN QUERY
        SELECT c.value::integer, NULL::date, c.assets
        FROM class_set('group', stage, NULL, of_slice, touched) c
        WHERE needed @> c.value::integer;
    END IF;
    IF on_day IS NOT NULL THEN
        RETURN QUERY
        SELECT s.asset_group_id, s.day, s.assets FROM asset_group_snapshot s WHERE s.day = on_day;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.needed_group(
    timestamptz, date, jsonb, text, integer, assetset) IS
    'returns the groups that exemptions in force and metrics refer to, with their assets';

-- Sets of ids are of the type assetset, because a look-up in it does not depend on its size.
CREATE FUNCTION posture_internal.recommendation_rules(
    on_day date, scenario jsonb, assets asset_rule, needed assetset, by_group assetset,
    with_sets boolean, owned assetset, owned_assets assetset, scanners assetset)
    RETURNS recommendation_rule[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN ARRAY(
        SELECT (c.recommendation_id, l.n, c.is_remediated, by_group @> c.recommendation_id,
                with_sets AND coalesce(needed @> c.recommendation_id, true),
                CASE WHEN NOT owned @> c.recommendation_id THEN owned_assets END,
                c.source_id)::recommendation_rule
        FROM counted_recommendation(on_day, scenario) c
        LEFT JOIN unnest(assets.limited_sources) WITH ORDINALITY l(source_id, n)
               ON l.source_id = c.source_id
        WHERE needed IS NULL OR assets.stale_candidates IS NOT NULL
           OR needed @> c.recommendation_id OR scanners @> c.source_id
        ORDER BY c.recommendation_id);
END $$;
COMMENT ON FUNCTION posture_internal.recommendation_rules(
    date, jsonb, asset_rule, assetset, assetset, boolean, assetset, assetset, assetset) IS
    'returns the recommendations of a counting_rule: the needed ones, NULL: all, and those of '
    'scanners; or all if assets may be stale, because that depends on everything that assesses '
    'them. Of recommendations that are not in owned, only owned_assets count; owned NULL: all '
    'assets';

CREATE FUNCTION posture_internal.exemption_rules(
    as_of timestamptz, on_day date, scenario jsonb, group_ids integer[], group_days date[])
    RETURNS exemption_rule[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN ARRAY(
        SELECT (x.recommendation_id, x.kind, bool_or(x.for_all), union_agg(x.assets),
                array_agg(x.n) FILTER (WHERE x.n IS NOT NULL))::exemption_rule
        FROM (SELECT e.recommendation_id, e.kind::text, e.for_all, e.assets, NULL::integer AS n
              FROM exemption_rule(as_of, on_day, scenario) e
              UNION ALL
              SELECT e.recommendation_id, e.kind::text, false, NULL, g.n
              FROM exemption_rule(as_of, on_day, scenario) e
              CROSS JOIN LATERAL unnest(e.asset_groups) u(asset_group_id)
              JOIN unnest(group_ids, group_days) WITH ORDINALITY g(asset_group_id, day, n)
                ON g.asset_group_id = u.asset_group_id AND g.day IS NOT DISTINCT FROM e.group_day
             ) x
        GROUP BY x.recommendation_id, x.kind);
END $$;
COMMENT ON FUNCTION posture_internal.exemption_rules(
    timestamptz, date, jsonb, integer[], date[]) IS
    'returns the exemptions of a counting_rule, which refer to groups by their position';

CREATE FUNCTION posture_internal.metric_rules(
    on_day date, scenario jsonb, kind_names text[], of_metrics assetset, with_sets boolean,
    group_ids integer[], group_days date[])
    RETURNS metric_rule[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN ARRAY(
        SELECT (d.metric_id, m.recommendations,
                CASE WHEN d.asset_kinds IS NOT NULL
                     THEN ARRAY(SELECT k.n::integer
                                FROM unnest(kind_names) WITH ORDINALITY k(kind, n)
                                WHERE k.kind = ANY (d.asset_kinds)) END,
                d.criticality_weights, with_sets,
                CASE WHEN d.population_group_id IS NOT NULL THEN coalesce(p.n, 0)::integer END,
                d.unassessed_as,
                CASE WHEN d.unassessed_as = 'compliant' AND d.population_group_id IS NOT NULL
                     THEN ARRAY(SELECT DISTINCT r.source_id
                                FROM unnest(m.recommendations) x(id)
                                JOIN recommendation_source(on_day) r
                                  ON r.recommendation_id = x.id)
                END)::metric_rule
        FROM metric_definition(on_day, scenario) d
        JOIN (SELECT b.metric_id, array_agg(b.recommendation_id) AS recommendations
              FROM metric_member(on_day, scenario) b
              WHERE of_metrics IS NULL OR of_metrics @> b.metric_id
              GROUP BY b.metric_id) m ON m.metric_id = d.metric_id
        LEFT JOIN unnest(group_ids, group_days) WITH ORDINALITY p(asset_group_id, day, n)
               ON p.asset_group_id = d.population_group_id AND p.day IS NOT DISTINCT FROM on_day);
END $$;
COMMENT ON FUNCTION posture_internal.metric_rules(
    date, jsonb, text[], assetset, boolean, integer[], date[]) IS
    'returns the metrics of a counting_rule that have recommendations: those of a set of ids, '
    'NULL: all; they refer to groups by their position';

CREATE FUNCTION posture_internal.initiative_rules(
    on_day date, scenario jsonb, metrics metric_rule[], of_initiatives assetset)
    RETURNS initiative_rule[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN ARRAY(
        SELECT (d.initiative_id, m.metrics,
                CASE WHEN d.method = 'points' THEN d.recommendations END)::initiative_rule
        FROM initiative_definition(on_day, scenario) d
        LEFT JOIN (SELECT b.initiative_id, array_agg(x.n::integer) AS metrics
                   FROM initiative_member(on_day, scenario) b
                   JOIN unnest(metrics) WITH ORDINALITY
                        x(metric_id, recommendations, kinds, weights, with_sets, population,
                          unassessed_as, scanners, n)
                     ON x.metric_id = b.metric_id
                   GROUP BY b.initiative_id) m ON m.initiative_id = d.initiative_id
        WHERE of_initiatives IS NULL OR of_initiatives @> d.initiative_id);
END $$;
COMMENT ON FUNCTION posture_internal.initiative_rules(date, jsonb, metric_rule[], assetset) IS
    'returns the initiatives of a counting_rule: those of a set of ids, NULL: all';

-- What is to be counted, and for whom.
CREATE TYPE posture_internal.counting_scope AS (
    initiatives assetset,
    metrics assetset,
    recommendations assetset,
    group_ids integer[],
    groups assetset[],
    owned assetset,
    owned_assets assetset,
    with_sets text
);
COMMENT ON TYPE posture_internal.counting_scope IS
    'what count_assets() counts, and for whom; NULL: all objects for all assets';
COMMENT ON COLUMN posture_internal.counting_scope.initiatives IS 'ids of initiatives; NULL: all';
COMMENT ON COLUMN posture_internal.counting_scope.metrics IS 'ids of metrics; NULL: all';
COMMENT ON COLUMN posture_internal.counting_scope.recommendations IS
    'ids of the recommendations whose sets are needed; NULL: all';
COMMENT ON COLUMN posture_internal.counting_scope.group_ids IS
    'ids of groups, or of one group, for whose assets alone is counted; NULL: all assets';
COMMENT ON COLUMN posture_internal.counting_scope.groups IS 'their assets';
COMMENT ON COLUMN posture_internal.counting_scope.owned IS
    'ids of recommendations that count with all assets; NULL: all of them';
COMMENT ON COLUMN posture_internal.counting_scope.owned_assets IS
    'the assets with which the others count';
COMMENT ON COLUMN posture_internal.counting_scope.with_sets IS
    'recommendation or metric: objects whose sets are returned; inactive: the assets that do not '
    'count; NULL: none';

CREATE FUNCTION posture_internal.with_groups(scope counting_scope) RETURNS counting_scope
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF scope.group_ids IS NOT NULL AND scope.groups IS NULL THEN
        SELECT array_agg(coalesce(s.assets, '{}') ORDER BY g.n)
        INTO scope.groups
        FROM unnest(scope.group_ids) WITH ORDINALITY g(asset_group_id, n)
        LEFT JOIN asset_group_set(true, NULL) s USING (asset_group_id);
        scope.groups := coalesce(scope.groups, '{}');
    END IF;
    RETURN scope;
END $$;
COMMENT ON FUNCTION posture_internal.with_groups(counting_scope) IS
    'returns a scope whose groups have the assets that they have in this database now';

CREATE FUNCTION posture_internal.counting_rule(
    as_of timestamptz, on_day date, scenario jsonb, stage text, of_slice integer,
    touched assetset, scope counting_scope, known asset_rule DEFAULT NULL)
    RETURNS counting_rule
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
    SET jit = off
AS $$
DECLARE
    has_metrics boolean := coalesce(scope.metrics <> '{}' OR scope.initiatives <> '{}', true);
    assets asset_rule := coalesce(known, asset_rule(as_of, on_day, scenario, stage, of_slice,
                                                    touched, has_metrics));
    group_ids integer[];
    group_days date[];
    result counting_rule;
BEGIN
    result.day := coalesce(on_day, CASE WHEN as_of < 'infinity' THEN day_of(as_of) - 1 END);
    result.kinds := assets.kinds;
    result.criticalities := assets.criticalities;
    result.inactive := assets.inactive;
    result.retired := assets.retired;
    result.stale_candidates := assets.stale_candidates;
    result.unseen := assets.unseen;
    result.keeps_accepted := (scenario -> 'keeps_accepted')::boolean;
    result.group_ids := scope.group_ids;
    result.groups := scope.groups;
    result.with_inactive := scope.with_sets = 'inactive';
    SELECT array_agg(g.asset_group_id), array_agg(g.group_day), array_agg(g.assets)
    INTO group_ids, group_days, result.asset_groups
    FROM needed_group(as_of, on_day, scenario, stage, of_slice, touched) g;
    result.exemptions := exemption_rules(as_of, on_day, scenario, group_ids, group_days);
    IF has_metrics THEN
        result.metrics := metric_rules(on_day, scenario, assets.kind_names, scope.metrics,
                                       coalesce(scope.with_sets = 'metric', false),
                                       group_ids, group_days);
        result.initiatives := initiative_rules(on_day, scenario, result.metrics,
                                               scope.initiatives);
        result.scanners := (SELECT array_agg(DISTINCT s.source_id)
                            FROM unnest(result.metrics) m
                            CROSS JOIN LATERAL unnest(m.scanners) s(source_id));
    END IF;
    result.recommendations := recommendation_rules(
        on_day, scenario, assets, scope.recommendations,
        CASE WHEN scope.groups IS NULL THEN NULL
             WHEN has_metrics THEN pointed(on_day, scenario)
             ELSE (SELECT assetset_agg(r.recommendation_id) FROM recommendation r) END,
        coalesce(scope.with_sets = 'recommendation', false), scope.owned, scope.owned_assets,
        result.scanners::assetset);
    RETURN result;
END $$;
COMMENT ON FUNCTION posture_internal.counting_rule(
    timestamptz, date, jsonb, text, integer, assetset, counting_scope, asset_rule) IS
    'returns the rule by which count_assets() counts what is in the scope, at a moment or on a past '
    'day, under a scenario; known: its sets of assets, if they are made already';

CREATE FUNCTION posture_internal.pointed(on_day date, scenario jsonb) RETURNS assetset
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN (SELECT assetset_agg(x.recommendation_id)
            FROM (SELECT b.recommendation_id
                  FROM initiative_definition(on_day, scenario) d
                  JOIN initiative_member(on_day, scenario) m ON m.initiative_id = d.initiative_id
                  JOIN metric_member(on_day, scenario) b ON b.metric_id = m.metric_id
                  WHERE d.method = 'points'
                  UNION ALL
                  SELECT unnest(d.recommendations)
                  FROM initiative_definition(on_day, scenario) d
                  WHERE d.method = 'points') x);
END $$;
COMMENT ON FUNCTION posture_internal.pointed(date, jsonb) IS
    'returns the ids of the recommendations that initiatives score by points';

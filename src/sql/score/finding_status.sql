/*
 * What a single finding and a single asset count as now, for the views that list
 * them. The rules are those of exposure.sql, which has them for sets.
 */

CREATE FUNCTION posture_internal.labelled_recommendation()
    RETURNS TABLE (recommendation_id integer, source text, recommendation text, title text,
                   severity text, is_active boolean)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 500
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT r.recommendation_id, s.key::text,
           -- as recommendation_label() does, for all recommendations at once
           CASE WHEN count(*) OVER (PARTITION BY r.key) > 1 THEN s.key || ':' || r.key
                ELSE r.key::text END,
           r.title, r.severity::text, s.is_active AND r.is_active
    FROM recommendation r JOIN source s USING (source_id);
END $$;
COMMENT ON FUNCTION posture_internal.labelled_recommendation() IS
    'returns each recommendation as views name it: its key, or source:key if several sources have '
    'the key; is_active: whether it and its source are active';

-- For up to 200 rows of a function, the planner expects one that has a given
-- label, and reads the findings of that recommendation by their index.
CREATE FUNCTION posture_internal.assessed_recommendation()
    RETURNS TABLE (recommendation_id integer, source text, recommendation text, title text,
                   severity text, for_all exemption_kind[],
                   waived assetset, mitigated assetset, accepted assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 200
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT l.recommendation_id, l.source, l.recommendation, l.title, l.severity,
           e.for_all, e.waived, e.mitigated, e.accepted
    FROM labelled_recommendation() l
    LEFT JOIN (SELECT x.recommendation_id, array_agg(x.kind) FILTER (WHERE x.for_all) AS for_all,
                      union_agg(x.assets) FILTER (WHERE x.kind = 'waived') AS waived,
                      union_agg(x.assets) FILTER (WHERE x.kind = 'mitigated') AS mitigated,
                      union_agg(x.assets) FILTER (WHERE x.kind = 'risk_accepted') AS accepted
               FROM (SELECT a.* FROM exempt_set('infinity', true, NULL) a WHERE sees_all()
                     UNION ALL
                     SELECT o.* FROM owner_exempt_set() o WHERE NOT sees_all()) x
               GROUP BY x.recommendation_id) e USING (recommendation_id)
    WHERE l.is_active;
END $$;
COMMENT ON FUNCTION posture_internal.assessed_recommendation() IS
    'returns each active recommendation of an active source with the assets that exemptions in '
    'force exempt from it, as far as the caller may see them; for_all: kinds that exempt all assets';

CREATE FUNCTION posture_internal.finding_status(
    of_asset integer, state finding_state, for_all exemption_kind[],
    waived assetset, mitigated assetset, accepted assetset)
    RETURNS TABLE (exemption text, is_exposed boolean)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT x.exemption,
           state = 'non_compliant'
           AND coalesce(x.exemption NOT IN ('waived', 'mitigated'), true)
    FROM (SELECT CASE WHEN 'waived' = ANY (for_all) OR waived @> of_asset THEN 'waived'
                      WHEN 'mitigated' = ANY (for_all) OR mitigated @> of_asset THEN 'mitigated'
                      WHEN 'risk_accepted' = ANY (for_all) OR accepted @> of_asset
                      THEN 'risk_accepted' END AS exemption) x;
END;
COMMENT ON FUNCTION posture_internal.finding_status(
    integer, finding_state, exemption_kind[], assetset, assetset, assetset) IS
    'returns the kind of exemption that applies to a finding, given those of '
    'assessed_recommendation(), and whether the finding is exposed if its asset counts';

-- An owner does not see all findings that keep an asset from being stale.
CREATE FUNCTION posture_internal.is_stale(
    of_asset integer, seen_at timestamptz, owned_inactive assetset)
    RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN CASE WHEN sees_all()
                THEN (SELECT s.is_stale FROM asset_staleness(of_asset, seen_at) s)
                ELSE coalesce(owned_inactive @> of_asset, false) END;
END $$;
COMMENT ON FUNCTION posture_internal.is_stale(integer, timestamptz, assetset) IS
    'returns whether an asset is stale now: by its findings, or for an owner by the set of '
    'owner_inactive_set()';

CREATE FUNCTION posture_internal.asset_status(
    of_asset integer, seen_at timestamptz, retired_at timestamptz)
    RETURNS TABLE (state text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT CASE WHEN retired_at <= now() THEN 'retired'
                -- without a limit, NULL would need the second operand, too
                WHEN coalesce(seen_at < (SELECT last_stale_limit()), false)
                     AND is_stale(of_asset, seen_at,
                                  (SELECT o.assets FROM owner_inactive_set() o
                                   WHERE NOT sees_all()))
                THEN 'stale'
                ELSE 'active' END;
END;
COMMENT ON FUNCTION posture_internal.asset_status(integer, timestamptz, timestamptz) IS
    'returns whether an asset counts now: active, or why it does not: retired or stale';

CREATE FUNCTION posture_internal.metric_counts(
    asset_kinds text[], criticality_weights integer[], kind text, criticality text)
    RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (asset_kinds IS NULL OR kind = ANY (asset_kinds))
       AND asset_weight(criticality_rank(criticality), criticality_weights) > 0;
COMMENT ON FUNCTION posture_internal.metric_counts(text[], integer[], text, text) IS
    'returns whether a metric with these asset_kinds and criticality_weights counts an asset of '
    'this kind and criticality; true if both are NULL';

CREATE FUNCTION posture_internal.recommendation_use()
    RETURNS TABLE (recommendation_id integer, metric text, asset_kinds text[],
                   criticality_weights integer[], initiative text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT mr.recommendation_id, m.key::text, m.asset_kinds, m.criticality_weights::integer[],
           i.key::text
    FROM metric m
    JOIN metric_recommendation mr USING (metric_id)
    LEFT JOIN (initiative_member(NULL) b JOIN initiative i USING (initiative_id)) USING (metric_id)
    WHERE m.is_active AND m.population_group_id IS NULL
    UNION ALL
    SELECT unnest(d.recommendations), NULL, NULL, NULL, i.key::text
    FROM initiative_definition(NULL) d
    JOIN initiative i USING (initiative_id)
    WHERE d.method = 'points';
END $$;
COMMENT ON FUNCTION posture_internal.recommendation_use() IS
    'returns the active metrics without a population that measure each recommendation, with the '
    'active initiatives that hold them (NULL: none), and, with metric NULL, the initiatives that '
    'score it without a metric';

/*
 * What belongs to an owner. The C functions of owner.sql run these with the
 * rights of the role that owns both, and pass the role of their caller as the
 * first argument. PUBLIC may not execute them, so nobody can ask for the rows of
 * another role.
 *
 * An owner of an initiative sees its metrics and recommendations in full, with
 * all their assets and the members of their populations. An owner of an asset
 * group sees its assets, and every recommendation that assesses one of them, for
 * these assets only.
 */

CREATE FUNCTION posture_internal.owner_row_id(caller oid, what text) RETURNS SETOF integer
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH owner AS (
        -- owner is a name, and the role of that name may not be the one that was meant
        SELECT a.role FROM access_of(caller, 'owner') a
    ), initiative AS (
        SELECT i.initiative_id FROM posture.initiative i JOIN owner o ON o.role = i.owner
    )
    SELECT i.initiative_id FROM initiative i WHERE what = 'initiative'
    UNION ALL
    SELECT g.asset_group_id
    FROM asset_group g JOIN owner o ON o.role = g.owner
    WHERE what = 'asset_group'
    UNION ALL
    SELECT x.metric_id
    FROM initiative i JOIN initiative_metric x USING (initiative_id)
    WHERE what = 'metric'
    UNION ALL
    SELECT mr.recommendation_id
    FROM initiative i
    JOIN initiative_metric x USING (initiative_id)
    JOIN metric_recommendation mr USING (metric_id)
    WHERE what = 'initiative_recommendation'
    UNION ALL
    SELECT ir.recommendation_id
    FROM initiative i JOIN initiative_recommendation ir USING (initiative_id)
    WHERE what = 'initiative_recommendation';
END;
COMMENT ON FUNCTION posture_internal.owner_row_id(oid, text) IS
    'returns ids for owner_rows_of() that follow from the catalog alone, possibly several times';
REVOKE EXECUTE ON FUNCTION posture_internal.owner_row_id(oid, text) FROM PUBLIC;

CREATE FUNCTION posture_internal.owner_row_set(caller oid, what text) RETURNS assetset
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
DECLARE
    group_asset assetset;
BEGIN
    IF what IN ('initiative', 'asset_group', 'metric', 'initiative_recommendation') THEN
        RETURN (SELECT coalesce(assetset_agg(i.id), '{}') FROM owner_row_id(caller, what) i(id));
    ELSIF what IS NULL OR what NOT IN ('group_asset', 'asset', 'recommendation', 'source') THEN
        RAISE EXCEPTION 'unrecognized kind of owned rows: "%"', coalesce(what, 'NULL')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF what = 'source' THEN
        RETURN (SELECT coalesce(assetset_agg(r.source_id), '{}')
                FROM recommendation r
                WHERE (SELECT owner_row_set(caller, 'recommendation')) @> r.recommendation_id);
    END IF;
    group_asset := (SELECT coalesce(union_agg(g.assets), '{}')
                    FROM asset_group_set(true, NULL) g
                    WHERE g.asset_group_id IN (SELECT owner_row_id(caller, 'asset_group')));
    RETURN CASE what
        WHEN 'group_asset' THEN group_asset
        WHEN 'asset' THEN
            group_asset |
            (SELECT coalesce(union_agg(k.assessed), '{}')
             FROM stored_set('infinity',
                             ARRAY(SELECT DISTINCT i.id
                                   FROM owner_row_id(caller, 'initiative_recommendation') i(id))) k)
            | (SELECT coalesce(union_agg(g.assets), '{}')
               FROM metric m
               JOIN asset_group_set(true, NULL) g ON g.asset_group_id = m.population_group_id
               WHERE m.metric_id IN (SELECT owner_row_id(caller, 'metric')))
        ELSE
            (SELECT coalesce(assetset_agg(r.id), '{}')
             FROM (SELECT owner_row_id(caller, 'initiative_recommendation') AS id
                   UNION ALL
                   SELECT k.recommendation_id
                   FROM stored_set('infinity') k
                   WHERE group_asset <> '{}' AND k.assessed && group_asset) r)
    END;
END $$;
COMMENT ON FUNCTION posture_internal.owner_row_set(oid, text) IS
    'returns the set of owner_rows() for a role';
REVOKE EXECUTE ON FUNCTION posture_internal.owner_row_set(oid, text) FROM PUBLIC;

CREATE FUNCTION posture_internal.owns_event(caller oid, e event) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce((SELECT owner_row_set(caller, 'initiative')) @> e.initiative_id
                    OR (SELECT owner_row_set(caller, 'metric')) @> e.metric_id
                    OR EXISTS (SELECT
                               FROM initiative_metric_snapshot x
                               WHERE x.day = e.day AND x.metric_id = e.metric_id
                                 AND (SELECT owner_row_set(caller, 'initiative'))
                                     @> x.initiative_id),
                    false);
END;
COMMENT ON FUNCTION posture_internal.owns_event(oid, event) IS
    'returns whether an event is of an initiative that a role owns, or of a metric in one';
REVOKE EXECUTE ON FUNCTION posture_internal.owns_event(oid, event) FROM PUBLIC;

CREATE FUNCTION posture_internal.owner_row_ids(caller oid, what text, ids integer[])
    RETURNS integer[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ARRAY(SELECT m.id
                 FROM members(owner_rows(what)) m(id)
                 WHERE ids IS NULL OR m.id = ANY (ids));
COMMENT ON FUNCTION posture_internal.owner_row_ids(oid, text, integer[]) IS
    'returns those of the given ids that a role owns, or all that it owns if ids is NULL';
REVOKE EXECUTE ON FUNCTION posture_internal.owner_row_ids(oid, text, integer[]) FROM PUBLIC;

-- An owned initiative has all its assets, also those of a past day; other
-- recommendations have those of owned groups.
CREATE FUNCTION posture_internal.owner_scope(on_day date, scenario jsonb, scope counting_scope)
    RETURNS counting_scope
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    result counting_scope := scope;
BEGIN
    result.initiatives := set_intersect(owner_rows('initiative'), scope.initiatives);
    result.metrics := set_intersect(
        (SELECT coalesce(assetset_agg(b.metric_id), '{}')
         FROM initiative_member(on_day, scenario) b
         WHERE owner_rows('initiative') @> b.initiative_id) | owner_rows('metric'),
        scope.metrics);
    result.owned := owner_rows('initiative_recommendation');
    IF on_day IS NOT NULL THEN
        result.owned := result.owned | (
            SELECT coalesce(assetset_agg(x.id), '{}')
            FROM (SELECT r.recommendation_id
                  FROM initiative_member(on_day, NULL) b
                  JOIN metric_member(on_day, NULL) r USING (metric_id)
                  WHERE owner_rows('initiative') @> b.initiative_id
                  UNION ALL
                  SELECT unnest(d.recommendations)
                  FROM initiative_definition(on_day, NULL) d
                  WHERE owner_rows('initiative') @> d.initiative_id) x(id));
    END IF;
    result.owned_assets := owner_rows('group_asset');
    IF result.owned_assets = '{}' THEN
        result.recommendations := set_intersect(result.owned, scope.recommendations);
    END IF;
    RETURN result;
END $$;
COMMENT ON FUNCTION posture_internal.owner_scope(date, jsonb, counting_scope) IS
    'returns the part of a scope that the caller of the fence owns';
REVOKE EXECUTE ON FUNCTION posture_internal.owner_scope(date, jsonb, counting_scope) FROM PUBLIC;

CREATE FUNCTION posture_internal.owner_counted_of(
    caller oid, as_of timestamptz, on_day date, scenario jsonb, scope counting_scope)
    RETURNS SETOF counted_object
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    owned counting_scope := owner_scope(on_day, scenario, scope);
BEGIN
    RETURN QUERY
    SELECT c.rule, c.asset_group_id, c.object_kind, c.object_id, c.assessed, c.exposed, c.failing,
           c.critical, c.population, c.unassessed, c.assessed_set,
           CASE WHEN c.object_kind = 'inactive' THEN c.exposed_set & owner_rows('asset')
                ELSE c.exposed_set END, c.failing_set, c.accepted_set, c.unassessed_set
    FROM counted(as_of, on_day, scenario, owned) c
    -- a recommendation without any of the caller's assets is not even known to it
    WHERE c.object_kind <> 'recommendation' OR owned.owned @> c.object_id
       OR c.assessed > 0 OR c.failing > 0;
END $$;
COMMENT ON FUNCTION posture_internal.owner_counted_of(
    oid, timestamptz, date, jsonb, counting_scope) IS
    'returns the rows of owner_counted() for a role';
REVOKE EXECUTE ON FUNCTION posture_internal.owner_counted_of(
    oid, timestamptz, date, jsonb, counting_scope) FROM PUBLIC;

CREATE FUNCTION posture_internal.owner_counted_day_of(
    caller oid, days date[], scenario jsonb, of_initiatives integer[], of_group integer,
    of_metric integer)
    RETURNS TABLE (day date, counts counted_object[])
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT * FROM all_counted_day(days, scenario, of_initiatives, of_group, of_metric);
END;
COMMENT ON FUNCTION posture_internal.owner_counted_day_of(
    oid, date[], jsonb, integer[], integer, integer) IS
    'returns the rows of owner_counted_day() for a role';
REVOKE EXECUTE ON FUNCTION posture_internal.owner_counted_day_of(
    oid, date[], jsonb, integer[], integer, integer) FROM PUBLIC;

CREATE FUNCTION posture_internal.owner_report_row_of(
    caller oid, on_day date, scenario jsonb, scope counting_scope, counts counted_object[])
    RETURNS TABLE (asset_group_id integer, initiative_id integer, metric_id integer,
                   weight numeric, score score, exposed numeric, assessed numeric,
                   critical bigint, score_impact numeric, population numeric,
                   unassessed numeric, score_low score, score_high score)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    owned counting_scope := owner_scope(on_day, scenario, scope);
BEGIN
    RETURN QUERY SELECT r.* FROM report_row(on_day, scenario, owned, counts) r;
END $$;
COMMENT ON FUNCTION posture_internal.owner_report_row_of(
    oid, date, jsonb, counting_scope, counted_object[]) IS
    'returns the rows of owner_report_row() for a role';
REVOKE EXECUTE ON FUNCTION posture_internal.owner_report_row_of(
    oid, date, jsonb, counting_scope, counted_object[]) FROM PUBLIC;

CREATE FUNCTION posture_internal.owner_asset_value_of(
    caller oid, of_attribute text, from_store boolean, of_slice integer)
    RETURNS TABLE (value text, assets assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    visible_assets assetset := owner_rows('asset');
BEGIN
    RETURN QUERY
    SELECT v.value, v.assets & visible_assets
    FROM asset_value_set(of_attribute, from_store, of_slice) v
    WHERE v.assets && visible_assets
      -- a group of another owner is needed where it is exempt from an owned recommendation, or
      -- the population of a metric
      AND (of_attribute <> 'group'
           OR v.value IN (SELECT g.id::text FROM owner_row_id(caller, 'asset_group') g(id)
                          UNION ALL
                          SELECT e.asset_group_id::text
                          FROM exemption e
                          WHERE e.recommendation_id IN (
                              SELECT owner_row_id(caller, 'initiative_recommendation'))
                          UNION ALL
                          SELECT m.population_group_id::text
                          FROM metric m
                          WHERE m.metric_id IN (SELECT owner_row_id(caller, 'metric'))));
END $$;
COMMENT ON FUNCTION posture_internal.owner_asset_value_of(oid, text, boolean, integer) IS
    'returns the rows of owner_asset_value() for a role';
REVOKE EXECUTE ON FUNCTION posture_internal.owner_asset_value_of(oid, text, boolean, integer)
    FROM PUBLIC;

-- An owner of a group sees that an asset of it is exempt, also by the exemption
-- of another group, as the counts do.
CREATE FUNCTION posture_internal.owner_exempt_set_of(caller oid)
    RETURNS TABLE (recommendation_id integer, kind exemption_kind, for_all boolean,
                   assets assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    recommendations assetset;
    owned_recommendations assetset;
    visible_assets assetset;
    group_asset assetset;
BEGIN
    -- most databases have few exemptions, and often none
    IF NOT EXISTS (SELECT FROM exemption) THEN
        RETURN;
    END IF;
    recommendations := owner_rows('recommendation');
    owned_recommendations := owner_rows('initiative_recommendation');
    visible_assets := owner_rows('asset');
    group_asset := owner_rows('group_asset');
    RETURN QUERY
    SELECT e.recommendation_id, e.kind, e.for_all,
           e.assets & CASE WHEN owned_recommendations @> e.recommendation_id THEN visible_assets
                           ELSE group_asset END
    FROM exempt_set('infinity', true, NULL) e
    WHERE recommendations @> e.recommendation_id;
END $$;
COMMENT ON FUNCTION posture_internal.owner_exempt_set_of(oid) IS
    'returns the rows of owner_exempt_set() for a role';
REVOKE EXECUTE ON FUNCTION posture_internal.owner_exempt_set_of(oid) FROM PUBLIC;

CREATE FUNCTION posture_internal.owner_inactive_set_of(caller oid)
    RETURNS TABLE (assets assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF last_stale_limit() IS NOT NULL THEN
        RETURN QUERY
        SELECT c.exposed_set & owner_rows('asset')
        FROM counted('infinity', NULL, NULL, only_inactive()) c
        WHERE c.object_kind = 'inactive';
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.owner_inactive_set_of(oid) IS
    'returns the row of owner_inactive_set() for a role';
REVOKE EXECUTE ON FUNCTION posture_internal.owner_inactive_set_of(oid) FROM PUBLIC;

CREATE FUNCTION posture_internal.owner_object_count_of(caller oid, raw boolean)
    RETURNS TABLE (object_kind text, object_id integer, assessed bigint, exposed bigint,
                   failing bigint, critical bigint, population bigint, unassessed bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    initiatives assetset := owner_rows('initiative');
    metrics assetset := owner_rows('metric');
    recommendations assetset := owner_rows('initiative_recommendation');
    scope counting_scope;
BEGIN
    RETURN QUERY
    SELECT t.object_kind, t.object_id, t.assessed, t.exposed, t.failing, t.critical,
           -- a metric of another owner may be about assets that this one does not see
           CASE t.object_kind WHEN 'recommendation' THEN t.assessed ELSE t.population END,
           CASE t.object_kind WHEN 'recommendation' THEN 0 ELSE t.unassessed END
    FROM current_object_count(raw) t
    WHERE CASE t.object_kind WHEN 'initiative' THEN initiatives @> t.object_id
                             WHEN 'metric' THEN metrics @> t.object_id
                             ELSE recommendations @> t.object_id END;
    IF owner_rows('group_asset') <> '{}' THEN
        scope.initiatives := '{}';
        scope.metrics := '{}';
        scope.group_ids := '{0}';
        scope.groups := ARRAY[owner_rows('group_asset')];
        RETURN QUERY
        SELECT c.object_kind, c.object_id, c.assessed, c.exposed, c.failing, 0::bigint,
               c.population, c.unassessed
        FROM counted('infinity', NULL, CASE WHEN raw THEN without_exemptions() END, scope) c
        WHERE NOT recommendations @> c.object_id;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.owner_object_count_of(oid, boolean) IS
    'returns the rows of owner_object_count() for a role';
REVOKE EXECUTE ON FUNCTION posture_internal.owner_object_count_of(oid, boolean) FROM PUBLIC;

-- Not for a recommendation that the owner sees through a group only, because its
-- last change may be that of an asset outside the group.
CREATE FUNCTION posture_internal.owner_last_change_of(caller oid)
    RETURNS TABLE (recommendation_id integer, changed_at timestamptz)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    recommendations assetset := owner_rows('initiative_recommendation');
BEGIN
    RETURN QUERY
    SELECT l.recommendation_id, l.changed_at
    FROM last_change() l
    WHERE recommendations @> l.recommendation_id;
END $$;
COMMENT ON FUNCTION posture_internal.owner_last_change_of(oid) IS
    'returns the rows of owner_last_change() for a role';
REVOKE EXECUTE ON FUNCTION posture_internal.owner_last_change_of(oid) FROM PUBLIC;

CREATE FUNCTION posture_internal.owner_change_attribution_of(
    caller oid, previous_day date, on_day date, of_metrics integer[],
    of_recommendations integer[], within assetset, of_group integer)
    RETURNS TABLE (object_kind text, object_id integer, step integer,
                   assessed bigint, exposed bigint,
                   points_missing numeric, points_possible numeric,
                   newly_exposed assetset, assets assetset, recommendations integer[])
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT *
    FROM change_attribution(
        previous_day, on_day, owner_row_ids(caller, 'metric', of_metrics),
        owner_row_ids(caller, 'initiative_recommendation', of_recommendations), within,
        of_group);
END;
COMMENT ON FUNCTION posture_internal.owner_change_attribution_of(
    oid, date, date, integer[], integer[], assetset, integer) IS
    'returns the rows of owner_change_attribution() for a role';
REVOKE EXECUTE ON FUNCTION posture_internal.owner_change_attribution_of(
    oid, date, date, integer[], integer[], assetset, integer) FROM PUBLIC;

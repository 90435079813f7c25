/*
 * score_at(), report_at() and assets_at(): scores, counts and assets of any
 * object, at any time that is kept, for anybody, under any scenario. score_of(),
 * what_if() and metric_assets() are short forms.
 */

CREATE FUNCTION posture_internal.asset_group_of(asset_group text) RETURNS integer
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM require_level('reader or owner');
    RETURN (SELECT k.id FROM key_id('asset group', ARRAY[asset_group]) k);
END $$;
COMMENT ON FUNCTION posture_internal.asset_group_of(text) IS
    'id of the asset group with a key; an error if there is none; NULL for NULL';

CREATE FUNCTION posture_internal.metric_of(metric text) RETURNS integer
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM require_level('reader or owner');
    RETURN (SELECT k.id FROM key_id('metric', ARRAY[metric]) k);
END $$;
COMMENT ON FUNCTION posture_internal.metric_of(text) IS
    'id of the metric with a key; an error if there is none; NULL for NULL';

CREATE FUNCTION posture_internal.kept_day(of_day date) RETURNS date
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF of_day IS NULL OR of_day = today() THEN
        RETURN NULL;
    ELSIF NOT EXISTS (SELECT FROM snapshot s WHERE s.day = of_day) THEN
        RAISE EXCEPTION 'there is no snapshot of day %', of_day
            USING ERRCODE = 'no_data_found',
                  HINT = nearest_days_hint(ARRAY(SELECT s.day FROM snapshot s), of_day,
                                           'take_snapshot() or run_daily() takes one.');
    END IF;
    RETURN of_day;
END $$;
COMMENT ON FUNCTION posture_internal.kept_day(date) IS
    'returns a past day that has a snapshot, or NULL for today or NULL, which mean now; raises an '
    'error for another day';

CREATE FUNCTION posture.score_at(
    initiative text, day date DEFAULT NULL, asset_group text DEFAULT NULL,
    scenario jsonb DEFAULT NULL)
    RETURNS score
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
DECLARE
    wanted integer := initiative_of(initiative);
    on_day date := kept_day(day);
    of_group integer := asset_group_of(asset_group);
    resolved jsonb := resolve_scenario(scenario);
BEGIN
    IF wanted IS NULL THEN
        RETURN NULL;
    ELSIF on_day IS NOT NULL AND resolved IS NULL AND of_group IS NULL THEN
        RETURN (SELECT s.score FROM initiative_snapshot s
                WHERE s.day = on_day AND s.initiative_id = wanted);
    END IF;
    RETURN (SELECT r.score
            FROM initiative_result(on_day, resolved,
                                   scope_of(on_day, resolved, ARRAY[wanted], of_group)) r);
END $$;
COMMENT ON FUNCTION posture.score_at(text, date, text, jsonb) IS
    'returns the score of an initiative, now or at the end of a day that has a snapshot, by all '
    'assets or by those that a group has now, without the points of measures, as it is or under a '
    'scenario; NULL: unavailable';

-- A node has counts of a day for its head alone: assets that moved since are not in them.
CREATE FUNCTION posture_internal.has_counts(on_day date) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN has_nodes() AND sees_all()
       AND NOT EXISTS (SELECT FROM initiative_snapshot s
                       WHERE s.day = on_day AND s.population IS NULL);
END $$;
COMMENT ON FUNCTION posture_internal.has_counts(date) IS
    'returns whether the snapshot of a day answers for this head without its nodes: the scores that '
    'a source reported, and those of version 0.2, have no assets';

CREATE FUNCTION posture.report_at(
    day date DEFAULT NULL, asset_group text DEFAULT NULL, scenario jsonb DEFAULT NULL)
    RETURNS TABLE (initiative text, metric text, state text, score numeric,
                   exposed_assets numeric, assessed_assets numeric, weight numeric,
                   score_impact numeric, population numeric, unassessed_assets numeric,
                   coverage_pct numeric, score_low numeric, score_high numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 200
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    on_day date := kept_day(day);
    of_group integer := asset_group_of(asset_group);
    resolved jsonb := resolve_scenario(scenario);
    is_kept boolean := on_day IS NOT NULL AND resolved IS NULL AND of_group IS NULL;
BEGIN
    PERFORM require_level('reader or owner');
    IF is_kept AND NOT has_counts(on_day) THEN
        resolved := '{}';
    END IF;
    RETURN QUERY
    SELECT coalesce(i.key, n.key)::text, coalesce(m.key, s.key)::text,
           CASE WHEN r.metric_id IS NOT NULL
                THEN metric_report_state(r.score, d.importance, r.exposed) END,
           CASE WHEN is_kept AND r.metric_id IS NULL THEN n.score ELSE r.score END::numeric,
           r.exposed, r.assessed, r.weight, r.score_impact, r.population, r.unassessed,
           coverage_pct(r.population, r.unassessed), r.score_low::numeric, r.score_high::numeric
    FROM report_row(on_day, resolved, scope_of(on_day, resolved, NULL, of_group)) r
    LEFT JOIN posture.initiative i USING (initiative_id)
    LEFT JOIN posture.metric m ON m.metric_id = r.metric_id
    LEFT JOIN initiative_snapshot n ON n.day = on_day AND n.initiative_id = r.initiative_id
    LEFT JOIN metric_snapshot s ON s.day = on_day AND s.metric_id = r.metric_id
    LEFT JOIN metric_definition(on_day, resolved) d ON d.metric_id = r.metric_id
    WHERE r.initiative_id IS NOT NULL
    ORDER BY i.is_pinned DESC, i.name, 1, r.metric_id IS NOT NULL, r.weight DESC, r.score, 2;
END $$;
COMMENT ON FUNCTION posture.report_at(date, text, jsonb) IS
    'returns each initiative (metric NULL) and each of its metrics, with the columns of '
    'metric_report: now or at the end of a day that has a snapshot, by all assets or by those that '
    'a group has now, as it is or under a scenario';

CREATE FUNCTION posture_internal.metric_set(
    of_metric integer, as_of timestamptz, on_day date, scenario jsonb, of_group integer,
    OUT exposed assetset, OUT unassessed assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    scope counting_scope := scope_of(on_day, scenario, NULL, of_group, of_metric);
BEGIN
    scope.with_sets := 'metric';
    SELECT coalesce(c.exposed_set, '{}'), coalesce(c.unassessed_set, '{}')
    INTO exposed, unassessed
    FROM metric_definition(on_day, scenario) d
    LEFT JOIN counted(as_of, on_day, scenario, scope) c
           ON c.object_kind = 'metric' AND c.object_id = d.metric_id
    WHERE d.metric_id = of_metric;
END $$;
COMMENT ON FUNCTION posture_internal.metric_set(integer, timestamptz, date, jsonb, integer) IS
    'returns the assets that a metric has exposed, and members of its population that none of its '
    'recommendations assesses; NULL: it is not active';

CREATE FUNCTION posture_internal.metric_set_at(
    metric text, day date, asset_group text, scenario jsonb,
    OUT exposed assetset, OUT unassessed assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    wanted integer := metric_of(metric);
    on_day date := kept_day(day);
    of_group integer := asset_group_of(asset_group);
BEGIN
    SELECT s.* INTO exposed, unassessed
    FROM metric_set(wanted, coalesce(day_end(on_day), 'infinity'), on_day,
                    resolve_scenario(scenario), of_group) s;
END $$;
COMMENT ON FUNCTION posture_internal.metric_set_at(text, date, text, jsonb) IS
    'returns metric_set() at coordinates that a caller names: the keys of a metric and of a group, '
    'a day that has a snapshot, and a scenario';

CREATE FUNCTION posture.assets_at(
    metric text, day date DEFAULT NULL, asset_group text DEFAULT NULL,
    scenario jsonb DEFAULT NULL)
    RETURNS assetset
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
BEGIN
    RETURN (metric_set_at(metric, day, asset_group, scenario)).exposed;
END $$;
COMMENT ON FUNCTION posture.assets_at(text, date, text, jsonb) IS
    'returns the assets that a metric has exposed, now or at the end of a day that has a snapshot, '
    'of all assets or of those that a group has now, as it is or under a scenario; NULL: the metric '
    'was not active';

CREATE FUNCTION posture.unassessed_at(
    metric text, day date DEFAULT NULL, asset_group text DEFAULT NULL,
    scenario jsonb DEFAULT NULL)
    RETURNS assetset
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
BEGIN
    RETURN (metric_set_at(metric, day, asset_group, scenario)).unassessed;
END $$;
COMMENT ON FUNCTION posture.unassessed_at(text, date, text, jsonb) IS
    'returns the members of a metric''s population that none of its recommendations assesses, at '
    'the same coordinates as assets_at(); NULL: the metric was not active';

CREATE FUNCTION posture.metric_assets(metric text, day date DEFAULT NULL) RETURNS assetset
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    -- on a day without a snapshot, the catalog of now applies
    RETURN (metric_set(metric_of(metric), coalesce(day_end(day), 'infinity'),
                       (SELECT s.day FROM snapshot s
                        WHERE s.day = metric_assets.day AND s.day < today()), NULL, NULL)).exposed;
END $$;
COMMENT ON FUNCTION posture.metric_assets(text, date) IS
    'returns the assets that a metric has exposed, now or at the end of a day, as assets_at() does; '
    'on a day without a snapshot, the current definition of the metric applies; for a day more than '
    'posture.retention_days ago, the assets are those of the first day that still has history';

CREATE FUNCTION posture.score_of(initiative text, asset_group text) RETURNS score
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN asset_group IS NOT NULL THEN score_at(initiative, NULL, asset_group, NULL) END;
COMMENT ON FUNCTION posture.score_of(text, text) IS
    'returns the score of an initiative by the assets of a group alone, without the points of '
    'measures; NULL: unavailable';

/*
 * Attribution: which reasons changed a metric between two days, and by how much.
 *
 * The sets of the previous day are turned into those of the day by changing one
 * thing at a time, always in the order of change_reason(): first what is measured
 * (the kinds, criticalities and members that count, assets that retired, recommendations
 * that were added or removed, exemptions), then what is seen (assets that left) and
 * posture itself (assets that became exposed, were fixed or are new). Each of these
 * changes is a step. The difference that a step makes to the score is attributed to its
 * reason, so the attributed points sum exactly to the change of the score.
 *
 * Step -1 is the state on the previous day, steps 0 to 15 are those of
 * change_reason(). A recommendation counts from from_step to the step before
 * until_step. One that counts on both days has from_step 0 and until_step 99.
 * All sets are within a group of assets, if one is given.
 *
 * The points of a recommendation in an initiative are attributed in the same
 * way, as if a metric measured that recommendation alone.
 */

CREATE FUNCTION posture.change_reason()
    RETURNS TABLE (step integer, reason text, is_posture boolean, meaning text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 30
BEGIN ATOMIC
VALUES
    (NULL::integer, 'method_change', false, 'the initiative adds up by another method'),
    (NULL, 'weight_change', false, 'the metric weighs more or less'),
    (NULL, 'metric_added', false, 'the metric came to the initiative'),
    (NULL, 'metric_removed', false, 'the metric left the initiative'),
    (NULL, 'metric_available', false, 'the metric has data, where it had none'),
    (NULL, 'metric_unavailable', false, 'the metric no longer has data'),
    (NULL, 'available', false, 'there is a score, where there was none'),
    (NULL, 'unavailable', false, 'the score is no longer available'),
    (0, 'scope_change', false,
        'assets are of another kind or criticality, the metric measures others, or a '
        'recommendation is worth other points'),
    (1, 'assets_retired', false, 'assets retired or became stale'),
    (2, 'assets_returned', false, 'assets that were retired or stale count again'),
    (3, 'recommendation_removed', false, 'a recommendation is no longer measured'),
    (4, 'switched_off', false, 'a recommendation, or its source, was switched off'),
    (5, 'recommendation_unavailable', false,
        'a recommendation no longer assesses any asset'),
    (6, 'recommendation_added', false, 'a recommendation is measured that was not'),
    (7, 'switched_on', false, 'a recommendation, or its source, was switched on'),
    (8, 'recommendation_available', false,
        'assets are assessed by a recommendation for the first time'),
    (9, 'exemption_ended', false, 'exemptions expired or were ended'),
    (10, 'exemption_given', false, 'exemptions were given'),
    (11, 'assets_left', false, 'assets are no longer assessed'),
    (12, 'newly_exposed', true, 'assets became exposed'),
    (13, 'no_longer_exposed', true, 'assets are no longer exposed'),
    (14, 'assets_added', true, 'assets are assessed for the first time'),
    (15, 'points_change', true, 'points of measures were lost or gained'),
    (NULL, 'unassessed', false, 'members of the population are no longer assessed'),
    (NULL, 'value_change', true,
        'in an initiative: how a metric or recommendation stands, all of these');
END;
COMMENT ON FUNCTION posture.change_reason() IS
    'returns the reasons why a score can change; step: position in the order in which changes '
    'within a metric are attributed, NULL for reasons outside a metric; is_posture: whether '
    'posture itself changed, rather than what is measured or how it is weighted';

CREATE FUNCTION posture_internal.change_sets(
    previous_day date, on_day date, chosen integer[], within assetset, members assetset)
    RETURNS TABLE (recommendation_id integer,
                   was_assessed assetset, was_exposed assetset,
                   was_waived assetset, was_mitigated assetset,
                   is_assessed assetset, is_exposed assetset,
                   is_waived assetset, is_mitigated assetset,
                   was_missing numeric, was_possible numeric,
                   is_missing numeric, is_possible numeric,
                   points_step integer, has_ended boolean, has_given boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH exempt AS MATERIALIZED (
        SELECT recommendation_id,
               bool_or(p.for_all) FILTER (WHERE kind = 'waived') AS was_all_waived,
               union_agg(p.assets) FILTER (WHERE kind = 'waived') AS was_waived,
               bool_or(p.for_all) FILTER (WHERE kind = 'mitigated') AS was_all_mitigated,
               union_agg(p.assets) FILTER (WHERE kind = 'mitigated') AS was_mitigated,
               bool_or(n.for_all) FILTER (WHERE kind = 'waived') AS is_all_waived,
               union_agg(n.assets) FILTER (WHERE kind = 'waived') AS is_waived,
               bool_or(n.for_all) FILTER (WHERE kind = 'mitigated') AS is_all_mitigated,
               union_agg(n.assets) FILTER (WHERE kind = 'mitigated') AS is_mitigated,
               -- only an exemption for all assets changes the points of a measure
               bool_or(n.for_all AND NOT coalesce(p.for_all, false)) AS is_given,
               bool_or(p.for_all AND NOT coalesce(n.for_all, false)) AS is_ended
        FROM exempt_set('infinity', previous_day, NULL) p
        FULL JOIN exempt_set('infinity', on_day, NULL) n USING (recommendation_id, kind)
        WHERE kind <> 'risk_accepted' AND recommendation_id = ANY (chosen)
        GROUP BY recommendation_id
    )
    SELECT r.recommendation_id,
           p.assessed, p.exposed, e.was_waived, e.was_mitigated,
           n.assessed, n.exposed, e.is_waived, e.is_mitigated,
           o.possible - o.achieved, o.possible, c.possible - c.achieved, c.possible,
           CASE WHEN x.is_given THEN 10 WHEN x.is_ended THEN 9 ELSE 15 END,
           coalesce(x.is_ended AND within IS NULL, false)
               OR coalesce(cardinality(set_difference(e.was_waived, e.is_waived)) > 0, false)
               OR coalesce(cardinality(set_difference(e.was_mitigated, e.is_mitigated)) > 0, false),
           coalesce(x.is_given AND within IS NULL, false)
               OR coalesce(cardinality(set_difference(e.is_waived, e.was_waived)) > 0, false)
               OR coalesce(cardinality(set_difference(e.is_mitigated, e.was_mitigated)) > 0, false)
    -- as a set, because the planner expects ten elements of an array
    FROM members(chosen::assetset) r(recommendation_id)
    LEFT JOIN stored_set(day_end(previous_day), chosen, within) p USING (recommendation_id)
    LEFT JOIN stored_set(day_end(on_day), chosen, within) n USING (recommendation_id)
    LEFT JOIN exempt x USING (recommendation_id)
    LEFT JOIN recommendation_snapshot o ON o.day = previous_day
                                       AND o.recommendation_id = r.recommendation_id
                                       AND o.is_measured AND within IS NULL
    LEFT JOIN recommendation_snapshot c ON c.day = on_day
                                       AND c.recommendation_id = r.recommendation_id
                                       AND c.is_measured AND within IS NULL
    -- an exemption for all assets covers those that are assessed on either day, and members
    CROSS JOIN LATERAL (
        SELECT coalesce(p.assessed, '{}') | coalesce(n.assessed, '{}') | coalesce(members, '{}')
                   AS assets) a
    CROSS JOIN LATERAL (
        SELECT CASE WHEN x.was_all_waived THEN a.assets
                    ELSE set_intersect(x.was_waived, within) END AS was_waived,
               CASE WHEN x.was_all_mitigated THEN a.assets
                    ELSE set_intersect(x.was_mitigated, within) END AS was_mitigated,
               CASE WHEN x.is_all_waived THEN a.assets
                    ELSE set_intersect(x.is_waived, within) END AS is_waived,
               CASE WHEN x.is_all_mitigated THEN a.assets
                    ELSE set_intersect(x.is_mitigated, within) END AS is_mitigated) e;
END;
COMMENT ON FUNCTION posture_internal.change_sets(date, date, integer[], assetset, assetset) IS
    'returns the assessed, exposed and exempt assets of recommendations on two days, including '
    'retired assets, and the points of their measures; or those of a set of assets, without '
    'points; members: those of the populations that metrics have; points_step: step of '
    'change_reason() at which the points change; has_ended, has_given: whether exemptions ended or '
    'were given';

-- A recommendation that assesses on one node has data on all. It is asked of all nodes before they
-- attribute, because then it counts on the same days everywhere.
CREATE TYPE posture_internal.data_flag AS (
    recommendation_id integer,
    had_data boolean,
    has_data boolean
);
COMMENT ON TYPE posture_internal.data_flag IS 'whether a recommendation has data on two days';
COMMENT ON COLUMN posture_internal.data_flag.recommendation_id IS 'id of the recommendation';
COMMENT ON COLUMN posture_internal.data_flag.had_data IS 'whether it had data on the previous day';
COMMENT ON COLUMN posture_internal.data_flag.has_data IS 'whether it has data on the day';

CREATE FUNCTION posture_internal.assesses(
    assessed assetset, possible numeric, points_step integer, waived assetset,
    other_possible numeric)
    RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    -- a waived measure has no points, but it has data
    RETURN coalesce(cardinality(assessed) > 0, false) OR possible IS NOT NULL
        OR points_step < 15 AND waived IS NOT NULL AND other_possible IS NOT NULL;
COMMENT ON FUNCTION posture_internal.assesses(assetset, numeric, integer, assetset, numeric) IS
    'returns whether a recommendation has data on one of two days; other_possible: points possible '
    'on the other';

CREATE FUNCTION posture_internal.data_flag_here(
    previous_day date, on_day date, chosen integer[], of_group integer)
    RETURNS SETOF data_flag
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    within assetset := (SELECT group_assets(of_group) WHERE of_group IS NOT NULL);
BEGIN
    RETURN QUERY
    SELECT s.recommendation_id,
           assesses(s.was_assessed, s.was_possible, s.points_step, s.was_waived, s.is_possible),
           assesses(s.is_assessed, s.is_possible, s.points_step, s.is_waived, s.was_possible)
    FROM change_sets(previous_day, on_day, chosen, within, NULL) s;
END $$;
COMMENT ON FUNCTION posture_internal.data_flag_here(date, date, integer[], integer) IS
    'returns which recommendations have data in this database on two days';

CREATE FUNCTION posture_internal.member_change(
    previous_day date, on_day date, of_metrics integer[], of_recommendations integer[],
    chosen integer[], within assetset, members assetset, known data_flag[])
    RETURNS TABLE (object_kind text, object_id integer, recommendation_id integer,
                   from_step integer, until_step integer,
                   was_assessed assetset, was_exposed assetset,
                   was_waived assetset, was_mitigated assetset,
                   is_assessed assetset, is_exposed assetset,
                   is_waived assetset, is_mitigated assetset,
                   was_missing numeric, was_possible numeric,
                   is_missing numeric, is_possible numeric,
                   points_step integer, has_ended boolean, has_given boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT m.object_kind, m.object_id, s.recommendation_id,
           CASE WHEN NOT m.was_member THEN CASE WHEN m.was_off THEN 7 ELSE 6 END
                WHEN m.is_member AND NOT d.had_data AND d.has_data THEN 8 ELSE 0 END,
           CASE WHEN NOT m.is_member THEN CASE WHEN m.is_off THEN 4 ELSE 3 END
                WHEN m.was_member AND d.had_data AND NOT d.has_data THEN 5 ELSE 99 END,
           s.was_assessed, s.was_exposed, s.was_waived, s.was_mitigated,
           s.is_assessed, s.is_exposed, s.is_waived, s.is_mitigated,
           s.was_missing, s.was_possible, s.is_missing, s.is_possible,
           s.points_step, s.has_ended, s.has_given
    FROM (SELECT 'metric' AS object_kind, n.metric_id AS object_id, u.recommendation_id,
                 coalesce(bool_or(NOT u.is_off) FILTER (WHERE NOT u.is_now), false) AS was_member,
                 coalesce(bool_or(u.is_off) FILTER (WHERE NOT u.is_now), false) AS was_off,
                 coalesce(bool_or(NOT u.is_off) FILTER (WHERE u.is_now), false) AS is_member,
                 coalesce(bool_or(u.is_off) FILTER (WHERE u.is_now), false) AS is_off
          FROM metric_snapshot n
          JOIN metric_snapshot p ON p.metric_id = n.metric_id AND p.day = previous_day
          CROSS JOIN LATERAL (SELECT unnest(p.recommendations), false, false
                              UNION ALL
                              SELECT unnest(p.switched_off), false, true
                              UNION ALL
                              SELECT unnest(n.recommendations), true, false
                              UNION ALL
                              SELECT unnest(n.switched_off), true, true
                             ) u(recommendation_id, is_now, is_off)
          WHERE n.day = on_day AND n.metric_id = ANY (of_metrics)
          GROUP BY n.metric_id, u.recommendation_id
          HAVING NOT bool_and(u.is_off)
          UNION ALL
          SELECT 'recommendation', o.id, o.id, true, false, true, false
          FROM unnest(of_recommendations) o(id)) m
    JOIN change_sets(previous_day, on_day, chosen, within, members) s USING (recommendation_id)
    LEFT JOIN unnest(known) k ON k.recommendation_id = s.recommendation_id
    CROSS JOIN LATERAL (
        SELECT coalesce(k.had_data, assesses(s.was_assessed, s.was_possible, s.points_step,
                                             s.was_waived, s.is_possible)) AS had_data,
               coalesce(k.has_data, assesses(s.is_assessed, s.is_possible, s.points_step,
                                             s.is_waived, s.was_possible)) AS has_data) d;
END;
COMMENT ON FUNCTION posture_internal.member_change(
    date, date, integer[], integer[], integer[], assetset, assetset, data_flag[]) IS
    'returns the recommendations of metrics on two days with their sets, and the given '
    'recommendations as objects of their own; a recommendation counts from from_step to the step '
    'before until_step; known: which have data, NULL: those that have data here';

CREATE FUNCTION posture_internal.member_sets(
    at_step integer, from_step integer,
    was_assessed assetset, was_exposed assetset, was_waived assetset, was_mitigated assetset,
    is_assessed assetset, is_exposed assetset, is_waived assetset, is_mitigated assetset)
    RETURNS TABLE (assessed assetset, exposed assetset, known assetset, waived assetset,
                   mitigated assetset)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT set_difference(s.assessed, x.waived),
           set_difference(set_difference(s.exposed, x.waived), x.mitigated),
           s.assessed, x.waived, x.mitigated
    FROM (SELECT CASE WHEN d.is_now THEN is_assessed ELSE was_assessed END AS assessed,
                 CASE WHEN d.is_now THEN is_exposed ELSE was_exposed END AS exposed
          FROM (SELECT at_step >= 11 OR from_step > 0 AS is_now) d) s
    CROSS JOIN (SELECT CASE WHEN at_step >= 10 OR from_step > 0 THEN is_waived
                            WHEN at_step = 9 THEN was_waived & is_waived
                            ELSE was_waived END AS waived,
                       CASE WHEN at_step >= 10 OR from_step > 0 THEN is_mitigated
                            WHEN at_step = 9 THEN was_mitigated & is_mitigated
                            ELSE was_mitigated END AS mitigated) x;
END;
COMMENT ON FUNCTION posture_internal.member_sets(
    integer, integer, assetset, assetset, assetset, assetset,
    assetset, assetset, assetset, assetset) IS
    'returns the assets of a recommendation that count at a step, retired or not: those of the '
    'previous day until the steps that change exemptions (9, 10) or findings (11); a '
    'recommendation that was added has those of the day at every step; known: those assessed, '
    'exempt or not; waived, mitigated: those exempt';

CREATE FUNCTION posture_internal.scope_step(
    of_step integer, was_filter assetset, kept_filter assetset, is_filter assetset,
    was_inactive assetset, is_inactive assetset, was_retired assetset, is_retired assetset)
    RETURNS TABLE (step integer, filter assetset, inactive assetset, retired assetset)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 2
BEGIN ATOMIC
    SELECT -1, was_filter, was_inactive, was_retired WHERE of_step = 0
    UNION ALL
    SELECT 0, kept_filter, was_inactive, was_retired WHERE of_step = 0
    UNION ALL
    SELECT 1, kept_filter, was_inactive | is_inactive, was_retired | is_retired
    WHERE of_step = 0 AND (was_inactive <> is_inactive OR was_retired <> is_retired)
    UNION ALL
    SELECT 2, kept_filter, is_inactive, is_retired
    WHERE of_step = 0 AND (was_inactive <> is_inactive OR was_retired <> is_retired)
    UNION ALL
    SELECT of_step, CASE WHEN of_step < 11 THEN kept_filter ELSE is_filter END, is_inactive,
           is_retired
    WHERE of_step > 0;
END;
COMMENT ON FUNCTION posture_internal.scope_step(
    integer, assetset, assetset, assetset, assetset, assetset, assetset, assetset) IS
    'returns the assets that a metric can count at a step, NULL: all, those that do not count and '
    'those that are retired; for step 0 also those at steps -1, 1 and 2, because assets leave (1) '
    'before others return (2)';

-- count_assets() applies the same rule to what it counts (src/count_chunk.c).
CREATE FUNCTION posture_internal.with_unassessed(
    assessed assetset, exposed assetset, members assetset, known assetset, waived assetset,
    exempt assetset, unassessed_as text, scanned assetset)
    RETURNS TABLE (assessed assetset, exposed assetset)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT assessed | ((x.missing & exempt) - waived)
               | CASE unassessed_as WHEN 'exposed' THEN x.missing - exempt
                                    WHEN 'compliant' THEN (x.missing - exempt) & scanned
                                    ELSE '{}' END,
           exposed | CASE unassessed_as WHEN 'exposed' THEN x.missing - exempt ELSE '{}' END
    FROM (SELECT set_difference(members, known) AS missing) x
    WHERE members IS NOT NULL
    UNION ALL
    SELECT assessed, exposed WHERE members IS NULL;
END;
COMMENT ON FUNCTION posture_internal.with_unassessed(
    assetset, assetset, assetset, assetset, assetset, assetset, text, assetset) IS
    'returns the assessed and exposed assets of a metric together with the members of its '
    'population, NULL: it has none, that are not known to any recommendation; waived: those that '
    'all its recommendations waive; exempt: those that all waive or mitigate, which count as '
    'compliant if they are not waived; scanned: those that its sources scanned';

CREATE FUNCTION posture_internal.posture_step(
    was_assessed assetset, was_exposed assetset, is_assessed assetset, is_exposed assetset)
    RETURNS TABLE (step integer, assessed assetset, exposed assetset)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 5
BEGIN ATOMIC
    VALUES (11, was_assessed & is_assessed, was_exposed & is_assessed),
           (12, was_assessed & is_assessed,
                (was_exposed & is_assessed) | (was_assessed & is_exposed)),
           (13, was_assessed & is_assessed, was_assessed & is_exposed),
           (14, is_assessed, is_exposed),
           (15, is_assessed, is_exposed);
END;
COMMENT ON FUNCTION posture_internal.posture_step(assetset, assetset, assetset, assetset) IS
    'returns the assessed and exposed assets after each step that changes posture (11 to 15); '
    'was_assessed, was_exposed: sets before the first of these steps; is_assessed, is_exposed: '
    'sets of the day';

CREATE FUNCTION posture_internal.kept_rule(was asset_rule, now asset_rule) RETURNS asset_rule
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    result asset_rule := now;
    gone assetset := set_difference((SELECT union_agg(k.assets) FROM unnest(was.kinds) k(assets)),
                                    (SELECT union_agg(k.assets) FROM unnest(now.kinds) k(assets)));
BEGIN
    IF coalesce(gone, '{}') = '{}' THEN
        RETURN result;
    END IF;
    SELECT array_agg(k.kind ORDER BY k.kind), array_agg(k.assets ORDER BY k.kind)
    INTO result.kind_names, result.kinds
    FROM (SELECT x.kind, union_agg(x.assets) AS assets
          FROM (SELECT n.kind, n.assets
                FROM unnest(now.kind_names, now.kinds) n(kind, assets)
                UNION ALL
                SELECT w.kind, w.assets & gone
                FROM unnest(was.kind_names, was.kinds) w(kind, assets)) x
          GROUP BY x.kind) k;
    result.criticalities := ARRAY(
        SELECT coalesce(c.is_assets, '{}') | coalesce(c.was_assets & gone, '{}')
        FROM unnest(now.criticalities, was.criticalities)
             WITH ORDINALITY c(is_assets, was_assets, rank)
        ORDER BY c.rank);
    RETURN result;
END $$;
COMMENT ON FUNCTION posture_internal.kept_rule(asset_rule, asset_rule) IS
    'returns the kinds and criticalities of the assets on a day, and of those that were deleted '
    'since the previous day: these leave when findings change, like assets of metrics that count '
    'all';

CREATE FUNCTION posture_internal.scanned_assets(
    on_day date, of_recommendations integer[], within assetset)
    RETURNS assetset
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(union_agg(s.assessed), '{}')
    FROM stored_set(day_end(on_day),
                    ARRAY(SELECT c.recommendation_id
                          FROM counted_recommendation(on_day) c
                          WHERE c.source_id IN (SELECT r.source_id
                                                FROM recommendation_source(on_day) r
                                                WHERE r.recommendation_id
                                                      = ANY (of_recommendations))),
                    within) s;
END;
COMMENT ON FUNCTION posture_internal.scanned_assets(date, integer[], assetset) IS
    'returns the assets that the sources of recommendations assessed on a day';

CREATE FUNCTION posture_internal.metric_scope(
    previous_day date, on_day date, of_metrics integer[], within assetset,
    was asset_rule, kept asset_rule, now asset_rule)
    RETURNS TABLE (metric_id integer, was_weights integer[], is_weights integer[],
                   was_filter assetset, kept_filter assetset, is_filter assetset,
                   has_population boolean, was_population boolean, is_population boolean,
                   was_unassessed_as text, is_unassessed_as text,
                   was_scanned assetset, is_scanned assetset)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    SELECT n.metric_id, p.criticality_weights, n.criticality_weights,
           filter_assets(p.asset_kinds, p.criticality_weights, was.kind_names, was.kinds,
                         was.criticalities, g.was_assets),
           filter_assets(n.asset_kinds, n.criticality_weights, kept.kind_names, kept.kinds,
                         kept.criticalities, g.is_assets),
           filter_assets(n.asset_kinds, n.criticality_weights, now.kind_names, now.kinds,
                         now.criticalities, g.is_assets),
           num_nonnulls(p.population_group_id, n.population_group_id) > 0,
           p.population_group_id IS NOT NULL, n.population_group_id IS NOT NULL,
           p.unassessed_as, n.unassessed_as,
           CASE WHEN num_nonnulls(g.was_assets, g.is_assets) > 0
                     AND 'compliant' IN (p.unassessed_as, n.unassessed_as)
                THEN scanned_assets(previous_day, b.recommendations, within) END,
           CASE WHEN g.is_assets IS NOT NULL AND n.unassessed_as = 'compliant'
                THEN scanned_assets(on_day, m.recommendations, within) END
    FROM metric_definition(on_day, NULL) n
    JOIN metric_definition(previous_day, NULL) p ON p.metric_id = n.metric_id
    JOIN metric_snapshot m ON m.day = on_day AND m.metric_id = n.metric_id
    JOIN metric_snapshot b ON b.day = previous_day AND b.metric_id = n.metric_id
    LEFT JOIN asset_group_snapshot w
           ON w.day = previous_day AND w.asset_group_id = p.population_group_id
    LEFT JOIN asset_group_snapshot i
           ON i.day = on_day AND i.asset_group_id = n.population_group_id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN p.population_group_id IS NOT NULL THEN coalesce(w.assets, '{}')
               END AS was_assets,
               CASE WHEN n.population_group_id IS NOT NULL THEN coalesce(i.assets, '{}')
               END AS is_assets) g
    WHERE n.metric_id = ANY (of_metrics);
END;
COMMENT ON FUNCTION posture_internal.metric_scope(
    date, date, integer[], assetset, asset_rule, asset_rule, asset_rule) IS
    'returns the assets that metrics could count on the previous day, until findings change, and '
    'on the day, by their kinds, criticalities and populations; NULL: all';

CREATE FUNCTION posture_internal.step_sets(
    previous_day date, on_day date, of_metrics integer[], of_recommendations integer[],
    chosen integer[], within assetset, was asset_rule, kept asset_rule, now asset_rule,
    members assetset, known data_flag[])
    RETURNS TABLE (object_kind text, object_id integer, step integer,
                   assessed assetset, exposed assetset, weights integer[],
                   points_missing numeric, points_possible numeric, newly_exposed assetset,
                   recommendations integer[])
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH member AS (
        SELECT * FROM member_change(previous_day, on_day, of_metrics, of_recommendations, chosen,
                                    within, members, known)
    ), metric_scope AS MATERIALIZED (
        SELECT * FROM metric_scope(previous_day, on_day, of_metrics, within, was, kept, now)
    ), needed_step AS (
        -- steps that change something; 11 is the state on the day
        SELECT m.object_kind, m.object_id, s.step,
               coalesce(array_agg(m.recommendation_id) FILTER (WHERE s.step BETWEEN 1 AND 10),
                        '{}') AS recommendations
        FROM member m
        -- the exemptions of a recommendation that was added or removed belong to that step
        CROSS JOIN LATERAL (SELECT m.from_step = 0 AND m.until_step = 99 AS stays) k
        CROSS JOIN LATERAL (VALUES (0), (m.from_step), (m.until_step),
                                   (CASE WHEN k.stays AND m.has_ended THEN 9 END),
                                   (CASE WHEN k.stays AND m.has_given THEN 10 END), (11)) s(step)
        WHERE s.step < 99
        GROUP BY m.object_kind, m.object_id, s.step
    ), union_set AS (
        SELECT n.object_kind, n.object_id, n.step,
               union_agg(x.assessed) AS assessed, union_agg(x.exposed) AS exposed,
               sum(CASE WHEN k.is_now THEN m.is_missing ELSE m.was_missing END) AS missing,
               sum(CASE WHEN k.is_now THEN m.is_possible ELSE m.was_possible END) AS possible,
               sum(m.is_missing) AS last_missing, sum(m.is_possible) AS last_possible,
               union_agg(coalesce(x.known, '{}')) FILTER (WHERE f.has_population) AS known,
               intersect_agg(coalesce(x.waived, '{}')) FILTER (WHERE f.has_population) AS waived,
               intersect_agg(coalesce(x.waived, '{}') | coalesce(x.mitigated, '{}'))
                   FILTER (WHERE f.has_population) AS exempt
        FROM needed_step n
        JOIN member m ON m.object_kind = n.object_kind AND m.object_id = n.object_id
                     AND n.step >= m.from_step AND n.step < m.until_step
        CROSS JOIN LATERAL member_sets(
            n.step, m.from_step, m.was_assessed, m.was_exposed, m.was_waived, m.was_mitigated,
            m.is_assessed, m.is_exposed, m.is_waived, m.is_mitigated) x
        CROSS JOIN LATERAL (SELECT m.from_step > 0 OR n.step >= m.points_step AS is_now) k
        LEFT JOIN metric_scope f ON n.object_kind = 'metric' AND f.metric_id = n.object_id
        GROUP BY n.object_kind, n.object_id, n.step
    ), active AS (
        SELECT object_kind, object_id, i.step, n.recommendations, u.missing, u.possible,
               u.last_missing, u.last_possible, x.assessed, x.exposed,
               CASE WHEN i.step < 0 THEN f.was_weights ELSE f.is_weights END AS weights
        FROM needed_step n
        LEFT JOIN union_set u USING (object_kind, object_id, step)
        LEFT JOIN metric_scope f ON n.object_kind = 'metric' AND f.metric_id = n.object_id
        CROSS JOIN LATERAL scope_step(n.step, f.was_filter, f.kept_filter, f.is_filter,
                                      was.inactive, now.inactive, was.retired, now.retired) i
        CROSS JOIN LATERAL with_unassessed(
            set_difference(set_intersect(coalesce(u.assessed, '{}'), i.filter), i.inactive),
            set_difference(set_intersect(coalesce(u.exposed, '{}'), i.filter), i.inactive),
            CASE WHEN u.known IS NOT NULL
                      AND CASE WHEN i.step < 0 THEN f.was_population ELSE f.is_population END
                 THEN set_intersect(set_difference(i.filter, i.retired), within) END,
            set_difference(u.known, i.inactive), u.waived, u.exempt,
            CASE WHEN i.step < 0 THEN f.was_unassessed_as ELSE f.is_unassessed_as END,
            set_difference(CASE WHEN i.step < 11 THEN f.was_scanned ELSE f.is_scanned END,
                           i.inactive)) x
    ), compared AS MATERIALIZED (
        SELECT a.*, lag(a.assessed) OVER o AS was_assessed, lag(a.exposed) OVER o AS was_exposed
        FROM active a
        WINDOW o AS (PARTITION BY a.object_kind, a.object_id ORDER BY a.step)
    )
    SELECT a.object_kind, a.object_id, x.step, x.assessed, x.exposed, a.weights,
           CASE WHEN x.step = 15 THEN a.last_missing ELSE a.missing END,
           CASE WHEN x.step = 15 THEN a.last_possible ELSE a.possible END,
           NULL::assetset, a.recommendations
    FROM compared a
    CROSS JOIN LATERAL (
        SELECT a.step, a.assessed, a.exposed WHERE a.step < 11
        UNION ALL
        SELECT p.step, p.assessed, p.exposed
        FROM posture_step(a.was_assessed, a.was_exposed, a.assessed, a.exposed) p
        WHERE a.step = 11) x
    UNION ALL
    SELECT m.object_kind, m.object_id, NULL, NULL, NULL, NULL, NULL, NULL,
           (a.exposed - a.was_exposed) & x.exposed, ARRAY[m.recommendation_id]
    FROM compared a
    JOIN member m ON m.object_kind = a.object_kind AND m.object_id = a.object_id
    CROSS JOIN LATERAL member_sets(
        11, 0, m.was_assessed, m.was_exposed, m.was_waived, m.was_mitigated,
        m.is_assessed, m.is_exposed, m.is_waived, m.is_mitigated) x
    WHERE a.step = 11 AND a.object_kind = 'metric' AND m.until_step = 99;
END;
COMMENT ON FUNCTION posture_internal.step_sets(
    date, date, integer[], integer[], integer[], assetset, asset_rule, asset_rule, asset_rule,
    assetset, data_flag[]) IS
    'returns the assessed and exposed assets of metrics after each step from one day to another, '
    'how many times they count by criticality, the points of their measures, and the '
    'recommendations that the step is about; with step NULL, newly_exposed: the assets that changes '
    'of posture expose, and that fail one recommendation; was, kept, now: kinds and criticalities '
    'on the previous day, until findings change, and on the day; known: see member_change()';

CREATE TYPE posture_internal.step_count AS (
    node_id integer,
    object_kind text,
    object_id integer,
    step integer,
    assessed bigint,
    exposed bigint,
    points_missing numeric,
    points_possible numeric,
    newly_exposed assetset,
    assets assetset,
    recommendations integer[]
);
COMMENT ON TYPE posture_internal.step_count IS
    'a row of change_attribution(), for the assets of one database';
COMMENT ON COLUMN posture_internal.step_count.node_id IS 'id of the node; 0: none';
COMMENT ON COLUMN posture_internal.step_count.object_kind IS 'metric or recommendation';
COMMENT ON COLUMN posture_internal.step_count.object_id IS 'id of the object';
COMMENT ON COLUMN posture_internal.step_count.step IS
    'step after which the object has the counts; NULL: the row details step 12';
COMMENT ON COLUMN posture_internal.step_count.assessed IS 'assessed assets, weighted';
COMMENT ON COLUMN posture_internal.step_count.exposed IS 'exposed assets, weighted';
COMMENT ON COLUMN posture_internal.step_count.points_missing IS 'points missing of measures';
COMMENT ON COLUMN posture_internal.step_count.points_possible IS 'points possible of measures';
COMMENT ON COLUMN posture_internal.step_count.newly_exposed IS 'assets that the step exposes';
COMMENT ON COLUMN posture_internal.step_count.assets IS 'assets that the step concerns';
COMMENT ON COLUMN posture_internal.step_count.recommendations IS
    'ids of the recommendations that the step is about';

CREATE FUNCTION posture_internal.measured_between(
    previous_day date, on_day date, of_metrics integer[], of_recommendations integer[])
    RETURNS integer[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ARRAY(SELECT unnest(s.recommendations)
                 FROM metric_snapshot s
                 WHERE s.day IN (previous_day, on_day) AND s.metric_id = ANY (of_metrics)
                 UNION
                 SELECT unnest(of_recommendations));
COMMENT ON FUNCTION posture_internal.measured_between(date, date, integer[], integer[]) IS
    'returns the ids of the recommendations of metrics on two days, and the given ones';

CREATE FUNCTION posture_internal.attribution_here(
    previous_day date, on_day date, of_metrics integer[], of_recommendations integer[],
    within assetset, of_group integer, known data_flag[])
    RETURNS SETOF step_count
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    chosen integer[] := measured_between(previous_day, on_day, of_metrics, of_recommendations);
    of_node integer := coalesce((SELECT p.node_id FROM place p), 0);
    was asset_rule;
    kept asset_rule;
    now asset_rule;
    members assetset;
BEGIN
    IF has_no_day(previous_day) OR has_no_day(on_day) THEN
        RETURN;
    ELSIF of_group IS NOT NULL AND within IS NULL THEN
        within := group_assets(of_group);
    END IF;
    was := asset_rule(day_end(previous_day), previous_day, NULL, 'current', NULL, NULL);
    was.inactive := coalesce(was.inactive, '{}');
    was.retired := coalesce(was.retired, was.inactive);
    now := asset_rule(day_end(on_day), on_day, NULL, 'current', NULL, NULL);
    now.inactive := coalesce(now.inactive, '{}');
    now.retired := coalesce(now.retired, now.inactive);
    kept := kept_rule(was, now);
    members := (SELECT union_agg(g.assets)
                FROM metric_snapshot s
                JOIN asset_group_snapshot g
                  ON g.day = s.day AND g.asset_group_id = s.population_group_id
                WHERE s.day IN (previous_day, on_day) AND s.metric_id = ANY (of_metrics));
    RETURN QUERY
    SELECT of_node, s.object_kind, s.object_id, s.step,
           weighted_count(s.assessed, s.weights, c.sets),
           weighted_count(s.exposed, s.weights, c.sets),
           s.points_missing, s.points_possible,
           coalesce(s.newly_exposed, s.exposed - lag(s.exposed) OVER o),
           (s.assessed # lag(s.assessed) OVER o) | (s.exposed # lag(s.exposed) OVER o),
           s.recommendations
    FROM step_sets(previous_day, on_day, of_metrics, of_recommendations, chosen, within,
                   was, kept, now, members, known) s
    CROSS JOIN LATERAL (SELECT CASE WHEN s.step < 0 THEN was.criticalities
                                    WHEN s.step < 11 THEN kept.criticalities
                                    ELSE now.criticalities END AS sets) c
    WINDOW o AS (PARTITION BY s.object_kind, s.object_id ORDER BY s.step);
END $$;
COMMENT ON FUNCTION posture_internal.attribution_here(
    date, date, integer[], integer[], assetset, integer, data_flag[]) IS
    'returns the rows of change_attribution() for the assets of this database; within: those of '
    'the group, if they are known; known: see member_change(); none for a node that has not '
    'counted on one of the days';

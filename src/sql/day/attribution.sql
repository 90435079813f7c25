/*
 * Attribution: which reasons changed a metric between two days, and by how much.
 *
 * The sets of the previous day are turned into those of the day by changing one
 * thing at a time, always in the order of change_reason(): first what is measured
 * (assets that retired, recommendations that were added or removed, exemptions),
 * then posture itself (assets that left, became exposed, were fixed or are new).
 * Each of these changes is a step. The difference that a step makes to the score is
 * attributed to its reason, so the attributed points sum exactly to the change
 * of the score.
 *
 * Step 0 is the state on the previous day, steps 1 to 15 are those of
 * change_reason(). A recommendation counts from from_step to the step before
 * until_step. One that counts on both days has from_step 0 and until_step 99.
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
    (NULL, 'scope_change', false,
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
    (11, 'assets_left', true, 'assets are no longer assessed'),
    (12, 'newly_exposed', true, 'assets became exposed'),
    (13, 'no_longer_exposed', true, 'assets are no longer exposed'),
    (14, 'assets_added', true, 'assets are assessed for the first time'),
    (15, 'points_change', true, 'points of measures were lost or gained'),
    (NULL, 'value_change', true,
        'in an initiative: how a metric or recommendation stands, all of these');
END;
COMMENT ON FUNCTION posture.change_reason() IS
    'returns the reasons why a score can change; step: position in the order in which changes '
    'within a metric are attributed, NULL for reasons outside a metric; is_posture: whether '
    'posture itself changed, rather than what is measured or how it is weighted';

CREATE FUNCTION posture_internal.change_member(
    previous_day date, on_day date, of_metrics integer[], of_recommendations integer[])
    RETURNS TABLE (object_kind text, object_id integer, recommendation_id integer,
                   was_member boolean, was_off boolean, is_member boolean, is_off boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT 'metric', n.metric_id, u.recommendation_id,
           u.recommendation_id = ANY (p.recommendations),
           coalesce(u.recommendation_id = ANY (p.switched_off), false),
           u.recommendation_id = ANY (n.recommendations),
           coalesce(u.recommendation_id = ANY (n.switched_off), false)
    FROM metric_snapshot n
    JOIN metric_snapshot p ON p.metric_id = n.metric_id AND p.day = previous_day
    CROSS JOIN LATERAL (SELECT unnest(p.recommendations)
                        UNION
                        SELECT unnest(n.recommendations)) u(recommendation_id)
    WHERE n.day = on_day AND n.metric_id = ANY (of_metrics)
    UNION ALL
    SELECT 'recommendation', r.recommendation_id, r.recommendation_id, true, false, true, false
    FROM unnest(of_recommendations) r(recommendation_id);
END;
COMMENT ON FUNCTION posture_internal.change_member(date, date, integer[], integer[]) IS
    'returns the recommendations of the given metrics on two days, and the given recommendations '
    'as objects of their own; was_member, is_member: whether the object measured the '
    'recommendation on the previous day and on the day; was_off, is_off: whether the '
    'recommendation or its source was inactive';

CREATE FUNCTION posture_internal.all_change_sets(previous_day date, on_day date, chosen integer[])
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
           coalesce(x.is_ended, false)
               OR coalesce(cardinality(set_difference(e.was_waived, e.is_waived)) > 0, false)
               OR coalesce(cardinality(set_difference(e.was_mitigated, e.is_mitigated)) > 0, false),
           coalesce(x.is_given, false)
               OR coalesce(cardinality(set_difference(e.is_waived, e.was_waived)) > 0, false)
               OR coalesce(cardinality(set_difference(e.is_mitigated, e.was_mitigated)) > 0, false)
    FROM unnest(chosen) r(recommendation_id)
    LEFT JOIN stored_set(day_end(previous_day), NULL, chosen) p USING (recommendation_id)
    LEFT JOIN stored_set(day_end(on_day), NULL, chosen) n USING (recommendation_id)
    LEFT JOIN exempt x USING (recommendation_id)
    LEFT JOIN recommendation_snapshot o ON o.day = previous_day
                                       AND o.recommendation_id = r.recommendation_id
                                       AND o.is_measured
    LEFT JOIN recommendation_snapshot c ON c.day = on_day
                                       AND c.recommendation_id = r.recommendation_id
                                       AND c.is_measured
    -- an exemption for all assets covers those that are assessed on either day
    CROSS JOIN LATERAL (
        SELECT coalesce(p.assessed, '{}') | coalesce(n.assessed, '{}') AS assets) a
    CROSS JOIN LATERAL (
        SELECT CASE WHEN x.was_all_waived THEN a.assets ELSE x.was_waived END AS was_waived,
               CASE WHEN x.was_all_mitigated THEN a.assets ELSE x.was_mitigated END
                   AS was_mitigated,
               CASE WHEN x.is_all_waived THEN a.assets ELSE x.is_waived END AS is_waived,
               CASE WHEN x.is_all_mitigated THEN a.assets ELSE x.is_mitigated END
                   AS is_mitigated) e;
END;
COMMENT ON FUNCTION posture_internal.all_change_sets(date, date, integer[]) IS
    'returns the assessed, exposed and exempt assets of recommendations on two days, including '
    'retired assets, and the points of their measures; points_step: step of change_reason() at '
    'which the points change; has_ended, has_given: whether exemptions ended or were given';

CREATE FUNCTION posture_internal.change_sets(previous_day date, on_day date, chosen integer[])
    RETURNS TABLE (recommendation_id integer,
                   was_assessed assetset, was_exposed assetset,
                   was_waived assetset, was_mitigated assetset,
                   is_assessed assetset, is_exposed assetset,
                   is_waived assetset, is_mitigated assetset,
                   was_missing numeric, was_possible numeric,
                   is_missing numeric, is_possible numeric,
                   points_step integer, has_ended boolean, has_given boolean)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF sees_all() THEN
        RETURN QUERY SELECT * FROM all_change_sets(previous_day, on_day, chosen);
    ELSE
        RETURN QUERY SELECT * FROM owner_change_sets(previous_day, on_day, chosen);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.change_sets(date, date, integer[]) IS
    'returns the rows of all_change_sets() that the caller may see';

CREATE FUNCTION posture_internal.member_change(
    previous_day date, on_day date, of_metrics integer[], of_recommendations integer[],
    chosen integer[])
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
    FROM change_member(previous_day, on_day, of_metrics, of_recommendations) m
    JOIN change_sets(previous_day, on_day, chosen) s USING (recommendation_id)
    -- a waived measure has no points, but it has data
    CROSS JOIN LATERAL (
        SELECT coalesce(cardinality(s.was_assessed) > 0, false) OR s.was_possible IS NOT NULL
                   OR s.points_step < 15 AND s.was_waived IS NOT NULL
                      AND s.is_possible IS NOT NULL AS had_data,
               coalesce(cardinality(s.is_assessed) > 0, false) OR s.is_possible IS NOT NULL
                   OR s.points_step < 15 AND s.is_waived IS NOT NULL
                      AND s.was_possible IS NOT NULL AS has_data) d;
END;
COMMENT ON FUNCTION posture_internal.member_change(date, date, integer[], integer[], integer[]) IS
    'returns the recommendations of metrics on two days with their sets; a recommendation counts '
    'from from_step to the step before until_step';

CREATE FUNCTION posture_internal.member_sets(
    at_step integer, from_step integer,
    was_assessed assetset, was_exposed assetset, was_waived assetset, was_mitigated assetset,
    is_assessed assetset, is_exposed assetset, is_waived assetset, is_mitigated assetset)
    RETURNS TABLE (assessed assetset, exposed assetset, waived assetset, mitigated assetset)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT CASE WHEN at_step = 11 OR from_step > 0 THEN is_assessed ELSE was_assessed END,
           CASE WHEN at_step = 11 OR from_step > 0 THEN is_exposed ELSE was_exposed END,
           CASE WHEN at_step >= 10 OR from_step > 0 THEN is_waived
                WHEN at_step = 9 THEN was_waived & is_waived ELSE was_waived END,
           CASE WHEN at_step >= 10 OR from_step > 0 THEN is_mitigated
                WHEN at_step = 9 THEN was_mitigated & is_mitigated ELSE was_mitigated END;
END;
COMMENT ON FUNCTION posture_internal.member_sets(
    integer, integer, assetset, assetset, assetset, assetset,
    assetset, assetset, assetset, assetset) IS
    'returns the sets of a recommendation at a step: those of the previous day until the steps '
    'that change exemptions (9, 10) or findings (11); a recommendation that was added has those '
    'of the day at every step';

CREATE FUNCTION posture_internal.inactive_by_step(
    of_step integer, was_inactive assetset, is_inactive assetset)
    RETURNS TABLE (step integer, inactive assetset)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT 0, was_inactive WHERE of_step = 0
    UNION ALL
    SELECT 1, was_inactive | is_inactive WHERE of_step = 0 AND was_inactive <> is_inactive
    UNION ALL
    SELECT 2, is_inactive WHERE of_step = 0 AND was_inactive <> is_inactive
    UNION ALL
    SELECT of_step, is_inactive WHERE of_step > 0;
END;
COMMENT ON FUNCTION posture_internal.inactive_by_step(integer, assetset, assetset) IS
    'returns the assets that do not count at a step; for step 0 also those at steps 1 and 2, '
    'because assets leave (1) before others return (2)';

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

CREATE FUNCTION posture_internal.step_sets(
    previous_day date, on_day date, of_metrics integer[], of_recommendations integer[],
    chosen integer[], was_inactive assetset, is_inactive assetset)
    RETURNS TABLE (object_kind text, object_id integer, step integer,
                   assessed assetset, exposed assetset,
                   points_missing numeric, points_possible numeric, recommendations integer[])
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH member AS (
        SELECT *
        FROM member_change(previous_day, on_day, of_metrics, of_recommendations, chosen)
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
               union_agg(set_difference(x.assessed, x.waived)) AS assessed,
               union_agg(set_difference(set_difference(x.exposed, x.waived), x.mitigated))
                   AS exposed
        FROM needed_step n
        JOIN member m ON m.object_kind = n.object_kind AND m.object_id = n.object_id
                     AND n.step >= m.from_step AND n.step < m.until_step
        CROSS JOIN LATERAL member_sets(
            n.step, m.from_step, m.was_assessed, m.was_exposed, m.was_waived, m.was_mitigated,
            m.is_assessed, m.is_exposed, m.is_waived, m.is_mitigated) x
        GROUP BY n.object_kind, n.object_id, n.step
    ), in_scope AS MATERIALIZED (
        SELECT object_kind, object_id, n.step, n.recommendations,
               set_intersect(coalesce(u.assessed, '{}'), f.assets) AS assessed,
               set_intersect(coalesce(u.exposed, '{}'), f.assets) AS exposed
        FROM needed_step n
        LEFT JOIN union_set u USING (object_kind, object_id, step)
        LEFT JOIN metric_filter(true, NULL) f ON n.object_kind = 'metric'
                                             AND f.metric_id = n.object_id
    ), active AS (
        SELECT s.object_kind, s.object_id, i.step, s.recommendations,
               set_difference(s.assessed, i.inactive) AS assessed,
               set_difference(s.exposed, i.inactive) AS exposed
        FROM in_scope s
        CROSS JOIN LATERAL inactive_by_step(s.step, was_inactive, is_inactive) i
    ), step_set AS (
        SELECT a.object_kind, a.object_id, a.step, a.assessed, a.exposed, a.recommendations
        FROM active a
        WHERE a.step < 11
        UNION ALL
        SELECT a.object_kind, a.object_id, x.step, x.assessed, x.exposed, '{}'
        FROM active a
        CROSS JOIN LATERAL (SELECT b.assessed, b.exposed
                            FROM active b
                            WHERE b.object_kind = a.object_kind AND b.object_id = a.object_id
                              AND b.step < 11
                            ORDER BY b.step DESC
                            LIMIT 1) p
        CROSS JOIN LATERAL posture_step(p.assessed, p.exposed, a.assessed, a.exposed) x
        WHERE a.step = 11
    ), step_points AS (
        SELECT s.object_kind, s.object_id, s.step,
               sum(CASE WHEN x.is_now THEN m.is_missing ELSE m.was_missing END) AS missing,
               sum(CASE WHEN x.is_now THEN m.is_possible ELSE m.was_possible END) AS possible
        FROM step_set s
        JOIN member m ON m.object_kind = s.object_kind AND m.object_id = s.object_id
                     AND s.step >= m.from_step AND s.step < m.until_step
        CROSS JOIN LATERAL (SELECT m.from_step > 0 OR s.step >= m.points_step AS is_now) x
        GROUP BY s.object_kind, s.object_id, s.step
    )
    SELECT object_kind, object_id, s.step, s.assessed, s.exposed, p.missing, p.possible,
           s.recommendations
    FROM step_set s
    LEFT JOIN step_points p USING (object_kind, object_id, step);
END;
COMMENT ON FUNCTION posture_internal.step_sets(
    date, date, integer[], integer[], integer[], assetset, assetset) IS
    'returns the assessed and exposed assets of metrics after each step from one day to another, '
    'the points of their measures, and the recommendations that the step is about';

CREATE FUNCTION posture_internal.change_attribution(
    previous_day date, on_day date, of_metrics integer[], of_recommendations integer[])
    RETURNS TABLE (object_kind text, object_id integer, step integer,
                   assessed bigint, exposed bigint,
                   points_missing numeric, points_possible numeric,
                   newly_exposed assetset, assets assetset, recommendations integer[])
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    chosen integer[];
    was_inactive assetset;
    is_inactive assetset;
BEGIN
    IF NOT sees_all() THEN
        RETURN QUERY
        SELECT *
        FROM owner_change_attribution(previous_day, on_day, of_metrics, of_recommendations);
        RETURN;
    END IF;
    chosen := ARRAY(
        SELECT DISTINCT m.recommendation_id
        FROM change_member(previous_day, on_day, of_metrics, of_recommendations) m);
    was_inactive := coalesce((SELECT s.inactive FROM snapshot s WHERE s.day = previous_day), '{}');
    is_inactive := coalesce((SELECT s.inactive FROM snapshot s WHERE s.day = on_day), '{}');
    RETURN QUERY
    WITH criticality AS MATERIALIZED (
        SELECT criticality_sets(true, NULL) AS sets
    )
    SELECT s.object_kind, s.object_id, s.step,
           weighted_count(s.assessed, m.criticality_weights, c.sets),
           weighted_count(s.exposed, m.criticality_weights, c.sets),
           s.points_missing, s.points_possible,
           s.exposed - lag(s.exposed) OVER o,
           (s.assessed # lag(s.assessed) OVER o) | (s.exposed # lag(s.exposed) OVER o),
           s.recommendations
    FROM step_sets(previous_day, on_day, of_metrics, of_recommendations, chosen,
                   was_inactive, is_inactive) s
    CROSS JOIN criticality c
    LEFT JOIN metric m ON s.object_kind = 'metric' AND m.metric_id = s.object_id
    WINDOW o AS (PARTITION BY s.object_kind, s.object_id ORDER BY s.step);
END $$;
COMMENT ON FUNCTION posture_internal.change_attribution(date, date, integer[], integer[]) IS
    'returns the counts and points of metrics, and of the given recommendations as objects of '
    'their own, after each step from one day to another; step 0 is the previous day; '
    'newly_exposed: assets that the step exposes; assets: assets that the step concerns; '
    'recommendations: recommendations that the step is about, empty for steps 11 to 15';

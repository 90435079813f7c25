/*
 * What changed in a metric between two days, step by step.
 *
 * From the sets of one day to those of the other one thing is changed at a
 * time, always in the same order: first what is measured (assets that retired,
 * recommendations that came or went, exemptions), then how it stands. The
 * difference that a step makes to the score is its part of the change, so the
 * parts sum exactly to it. A recommendation's share of the points of an
 * initiative is taken apart in the same way, as a metric of that one alone.
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
    (NULL, 'unavailable', false, 'there is no score any more'),
    (NULL, 'scope_change', false, 'assets are of another kind or criticality, the metric measures others, or a recommendation is worth other points'),
    (1, 'assets_retired', false, 'assets retired or became stale'),
    (2, 'assets_returned', false, 'assets that were retired or stale count again'),
    (3, 'recommendation_removed', false, 'a recommendation is not measured any more'),
    (4, 'switched_off', false, 'a recommendation, or its source, was switched off'),
    (5, 'recommendation_unavailable', false, 'nothing is assessed by a recommendation any more'),
    (6, 'recommendation_added', false, 'a recommendation is measured that was not'),
    (7, 'switched_on', false, 'a recommendation, or its source, was switched on'),
    (8, 'recommendation_available', false, 'assets are assessed by a recommendation for the first time'),
    (9, 'exemption_ended', false, 'exemptions expired or were ended'),
    (10, 'exemption_given', false, 'exemptions were given'),
    (11, 'assets_left', true, 'assets are no longer assessed'),
    (12, 'newly_exposed', true, 'assets became exposed'),
    (13, 'no_longer_exposed', true, 'assets are no longer exposed'),
    (14, 'assets_added', true, 'assets are assessed for the first time'),
    (15, 'points_change', true, 'points of measures were lost or gained'),
    (NULL, 'value_change', true, 'in an initiative: how a metric or recommendation stands, all of these');
END;
COMMENT ON FUNCTION posture.change_reason() IS 'why a score can change: in a metric by steps, in this order; a change of posture is told apart from one of what is measured or how it is weighed';

CREATE FUNCTION posture_internal.change_member(previous_day date, on_day date, metrics integer[], alone integer[])
    RETURNS TABLE (object_kind text, object_id integer, recommendation_id integer,
                   was boolean, was_off boolean, "is" boolean, is_off boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT 'metric', n.metric_id, u.recommendation_id,
           u.recommendation_id = ANY (p.recommendations), coalesce(u.recommendation_id = ANY (p.switched_off), false),
           u.recommendation_id = ANY (n.recommendations), coalesce(u.recommendation_id = ANY (n.switched_off), false)
    FROM metric_snapshot n
    JOIN metric_snapshot p ON p.metric_id = n.metric_id AND p.day = previous_day
    CROSS JOIN LATERAL (SELECT unnest(p.recommendations) UNION SELECT unnest(n.recommendations)) u(recommendation_id)
    WHERE n.day = on_day AND n.metric_id = ANY (metrics)
    UNION ALL
    SELECT 'recommendation', a.recommendation_id, a.recommendation_id, true, false, true, false
    FROM unnest(alone) a(recommendation_id);
END;
COMMENT ON FUNCTION posture_internal.change_member(date, date, integer[], integer[]) IS 'the recommendations of some metrics, and some that stand alone, on two days';

CREATE FUNCTION posture_internal.all_change_sets(previous_day date, on_day date, chosen integer[])
    RETURNS TABLE (recommendation_id integer,
                   was_assessed assetset, was_exposed assetset, was_waived assetset, was_mitigated assetset,
                   is_assessed assetset, is_exposed assetset, is_waived assetset, is_mitigated assetset,
                   was_missing numeric, was_possible numeric, is_missing numeric, is_possible numeric, points_step integer, has_ended boolean, has_given boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH exempt AS MATERIALIZED (
        SELECT recommendation_id,
               bool_or(p.for_all) FILTER (WHERE kind = 'waived') AS was_all_waived, union_agg(p.assets) FILTER (WHERE kind = 'waived') AS was_waived,
               bool_or(p.for_all) FILTER (WHERE kind = 'mitigated') AS was_all_mitigated, union_agg(p.assets) FILTER (WHERE kind = 'mitigated') AS was_mitigated,
               bool_or(n.for_all) FILTER (WHERE kind = 'waived') AS is_all_waived, union_agg(n.assets) FILTER (WHERE kind = 'waived') AS is_waived,
               bool_or(n.for_all) FILTER (WHERE kind = 'mitigated') AS is_all_mitigated, union_agg(n.assets) FILTER (WHERE kind = 'mitigated') AS is_mitigated,
               -- what is exempt for all changes the points of a measure
               bool_or(n.for_all AND NOT coalesce(p.for_all, false)) AS is_given, bool_or(p.for_all AND NOT coalesce(n.for_all, false)) AS is_ended
        FROM exempt_on(previous_day) p
        FULL JOIN exempt_on(on_day) n USING (recommendation_id, kind)
        WHERE kind <> 'risk_accepted' AND recommendation_id = ANY (chosen)
        GROUP BY recommendation_id
    )
    SELECT r.recommendation_id, p.assessed, p.exposed, e.was_waived, e.was_mitigated, n.assessed, n.exposed, e.is_waived, e.is_mitigated,
           o.possible - o.achieved, o.possible, c.possible - c.achieved, c.possible,
           CASE WHEN x.is_given THEN 10 WHEN x.is_ended THEN 9 ELSE 15 END,
           coalesce(x.is_ended, false) OR coalesce(cardinality(set_difference(e.was_waived, e.is_waived)) > 0, false)
               OR coalesce(cardinality(set_difference(e.was_mitigated, e.is_mitigated)) > 0, false),
           coalesce(x.is_given, false) OR coalesce(cardinality(set_difference(e.is_waived, e.was_waived)) > 0, false)
               OR coalesce(cardinality(set_difference(e.is_mitigated, e.was_mitigated)) > 0, false)
    FROM unnest(chosen) r(recommendation_id)
    LEFT JOIN stored_set(day_end(previous_day), NULL, chosen) p USING (recommendation_id)
    LEFT JOIN stored_set(day_end(on_day), NULL, chosen) n USING (recommendation_id)
    LEFT JOIN exempt x USING (recommendation_id)
    LEFT JOIN recommendation_snapshot o ON o.day = previous_day AND o.recommendation_id = r.recommendation_id AND o.is_measured
    LEFT JOIN recommendation_snapshot c ON c.day = on_day AND c.recommendation_id = r.recommendation_id AND c.is_measured
    -- exempt for all: all that it may be about
    CROSS JOIN LATERAL (SELECT coalesce(p.assessed, '{}') | coalesce(n.assessed, '{}') AS assets) every
    CROSS JOIN LATERAL (SELECT CASE WHEN x.was_all_waived THEN every.assets ELSE x.was_waived END AS was_waived,
                               CASE WHEN x.was_all_mitigated THEN every.assets ELSE x.was_mitigated END AS was_mitigated,
                               CASE WHEN x.is_all_waived THEN every.assets ELSE x.is_waived END AS is_waived,
                               CASE WHEN x.is_all_mitigated THEN every.assets ELSE x.is_mitigated END AS is_mitigated) e;
END;
COMMENT ON FUNCTION posture_internal.all_change_sets(date, date, integer[]) IS 'what recommendations had assessed and exposed on two days, retired assets among them, what was exempt, the points of their measures, the step of change_reason() that these change with, and whether exemptions ended or were given';

CREATE FUNCTION posture_internal.change_sets(previous_day date, on_day date, chosen integer[])
    RETURNS TABLE (recommendation_id integer,
                   was_assessed assetset, was_exposed assetset, was_waived assetset, was_mitigated assetset,
                   is_assessed assetset, is_exposed assetset, is_waived assetset, is_mitigated assetset,
                   was_missing numeric, was_possible numeric, is_missing numeric, is_possible numeric, points_step integer, has_ended boolean, has_given boolean)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF sees_all() THEN
        RETURN QUERY SELECT * FROM all_change_sets(previous_day, on_day, chosen);
    ELSE
        RETURN QUERY SELECT * FROM owner_change_sets(previous_day, on_day, chosen);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.change_sets(date, date, integer[]) IS 'all_change_sets(), as far as the caller may see it';

CREATE FUNCTION posture_internal.change_attribution(previous_day date, on_day date, metrics integer[], alone integer[])
    RETURNS TABLE (object_kind text, object_id integer, step integer, assessed bigint, exposed bigint,
                   points_missing numeric, points_possible numeric, fresh assetset, assets assetset, recommendations integer[])
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, posture, posture_internal, pg_temp
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
        RETURN QUERY SELECT * FROM owner_change_attribution(previous_day, on_day, metrics, alone);
        RETURN;
    END IF;
    chosen := ARRAY(SELECT DISTINCT m.recommendation_id FROM change_member(previous_day, on_day, metrics, alone) m);
    was_inactive := coalesce((SELECT s.inactive FROM snapshot s WHERE s.day = previous_day), '{}');
    is_inactive := coalesce((SELECT s.inactive FROM snapshot s WHERE s.day = on_day), '{}');
    RETURN QUERY
    WITH member AS MATERIALIZED (
        SELECT m.object_kind, m.object_id, f.*,
               CASE WHEN NOT m.was THEN CASE WHEN m.was_off THEN 7 ELSE 6 END
                    WHEN m."is" AND NOT d.had AND d.has THEN 8 ELSE 0 END AS from_step,
               CASE WHEN NOT m."is" THEN CASE WHEN m.is_off THEN 4 ELSE 3 END
                    WHEN m.was AND d.had AND NOT d.has THEN 5 ELSE 99 END AS until_step
        FROM change_member(previous_day, on_day, metrics, alone) m
        JOIN change_sets(previous_day, on_day, chosen) f USING (recommendation_id)
        -- a measure that is waived has no points, and is there
        CROSS JOIN LATERAL (SELECT coalesce(cardinality(f.was_assessed) > 0, false) OR f.was_possible IS NOT NULL
                                       OR f.points_step < 15 AND f.was_waived IS NOT NULL AND f.is_possible IS NOT NULL AS had,
                                   coalesce(cardinality(f.is_assessed) > 0, false) OR f.is_possible IS NOT NULL
                                       OR f.points_step < 15 AND f.is_waived IS NOT NULL AND f.was_possible IS NOT NULL AS has) d
    ), needed AS MATERIALIZED (
        -- steps that change something; 11 is how the recommendations stand on the day
        SELECT m.object_kind, m.object_id, s.step,
               coalesce(array_agg(m.recommendation_id) FILTER (WHERE s.step BETWEEN 1 AND 10), '{}') AS recommendations
        FROM member m
        -- exemptions from what came or went are a part of that
        CROSS JOIN LATERAL (SELECT m.from_step = 0 AND m.until_step = 99 AS stays) k
        CROSS JOIN LATERAL (VALUES (0), (m.from_step), (m.until_step), (CASE WHEN k.stays AND m.has_ended THEN 9 END), (CASE WHEN k.stays AND m.has_given THEN 10 END), (11)) s(step)
        WHERE s.step < 99
        GROUP BY m.object_kind, m.object_id, s.step
    ), joined AS (
        SELECT n.object_kind, n.object_id, n.step, union_agg(set_difference(x.assessed, x.waived)) AS assessed,
               union_agg(set_difference(set_difference(x.exposed, x.waived), x.mitigated)) AS exposed
        FROM needed n
        JOIN member m ON m.object_kind = n.object_kind AND m.object_id = n.object_id AND n.step >= m.from_step AND n.step < m.until_step
        CROSS JOIN LATERAL (
            SELECT CASE WHEN n.step = 11 OR m.from_step > 0 THEN m.is_assessed ELSE m.was_assessed END AS assessed,
                   CASE WHEN n.step = 11 OR m.from_step > 0 THEN m.is_exposed ELSE m.was_exposed END AS exposed,
                   CASE WHEN n.step >= 10 OR m.from_step > 0 THEN m.is_waived
                        WHEN n.step = 9 THEN m.was_waived & m.is_waived ELSE m.was_waived END AS waived,
                   CASE WHEN n.step >= 10 OR m.from_step > 0 THEN m.is_mitigated
                        WHEN n.step = 9 THEN m.was_mitigated & m.is_mitigated ELSE m.was_mitigated END AS mitigated) x
        GROUP BY n.object_kind, n.object_id, n.step
    ), whole AS MATERIALIZED (
        SELECT object_kind, object_id, n.step, n.recommendations,
               set_intersect(coalesce(j.assessed, '{}'), f.assets) AS assessed, set_intersect(coalesce(j.exposed, '{}'), f.assets) AS exposed
        FROM needed n
        LEFT JOIN joined j USING (object_kind, object_id, step)
        LEFT JOIN metric_filter(true, NULL) f ON n.object_kind = 'metric' AND f.metric_id = n.object_id
    ), counting AS MATERIALIZED (
        -- without those that were gone, then those that went, then back with those that returned
        SELECT w.object_kind, w.object_id, g.step, w.recommendations, set_difference(w.assessed, g.inactive) AS assessed, set_difference(w.exposed, g.inactive) AS exposed
        FROM whole w
        CROSS JOIN LATERAL (SELECT 0 AS step, was_inactive AS inactive WHERE w.step = 0
                            UNION ALL
                            SELECT 1, was_inactive | is_inactive WHERE w.step = 0 AND was_inactive <> is_inactive
                            UNION ALL
                            SELECT 2, is_inactive WHERE w.step = 0 AND was_inactive <> is_inactive
                            UNION ALL
                            SELECT w.step, is_inactive WHERE w.step > 0) g
    ), final AS (
        SELECT n.object_kind, n.object_id, x.step, x.assessed, x.exposed
        FROM counting n
        CROSS JOIN LATERAL (SELECT c.assessed, c.exposed
                            FROM counting c
                            WHERE c.object_kind = n.object_kind AND c.object_id = n.object_id AND c.step < 11
                            ORDER BY c.step DESC
                            LIMIT 1) p
        CROSS JOIN LATERAL (VALUES
            (11, p.assessed & n.assessed, p.exposed & n.assessed),
            (12, p.assessed & n.assessed,
                 (p.exposed & n.assessed) | (p.assessed & n.exposed)),
            (13, p.assessed & n.assessed, p.assessed & n.exposed),
            (14, n.assessed, n.exposed),
            (15, n.assessed, n.exposed)) x(step, assessed, exposed)
        WHERE n.step = 11
    ), every AS (
        SELECT c.object_kind, c.object_id, c.step, c.assessed, c.exposed, c.recommendations FROM counting c WHERE c.step < 11
        UNION ALL
        SELECT f.object_kind, f.object_id, f.step, f.assessed, f.exposed, '{}' FROM final f
    ), class AS MATERIALIZED (
        SELECT criticality_sets(true, NULL) AS sets
    ), points AS (
        SELECT e.object_kind, e.object_id, e.step,
               sum(CASE WHEN x.is_now THEN m.is_missing ELSE m.was_missing END) AS missing,
               sum(CASE WHEN x.is_now THEN m.is_possible ELSE m.was_possible END) AS possible
        FROM every e
        JOIN member m ON m.object_kind = e.object_kind AND m.object_id = e.object_id AND e.step >= m.from_step AND e.step < m.until_step
        CROSS JOIN LATERAL (SELECT m.from_step > 0 OR e.step >= m.points_step AS is_now) x
        GROUP BY e.object_kind, e.object_id, e.step
    )
    SELECT object_kind, object_id, e.step, weighted_count(e.assessed, m.criticality_weights, c.sets),
           weighted_count(e.exposed, m.criticality_weights, c.sets), p.missing, p.possible,
           e.exposed - lag(e.exposed) OVER o,
           (e.assessed # lag(e.assessed) OVER o) | (e.exposed # lag(e.exposed) OVER o),
           e.recommendations
    FROM every e
    CROSS JOIN class c
    LEFT JOIN points p USING (object_kind, object_id, step)
    LEFT JOIN metric m ON e.object_kind = 'metric' AND m.metric_id = e.object_id
    WINDOW o AS (PARTITION BY object_kind, object_id ORDER BY e.step);
END $$;
COMMENT ON FUNCTION posture_internal.change_attribution(date, date, integer[], integer[]) IS 'how metrics, and recommendations that stand alone, would have stood after each step from one day to another; fresh: assets that the step exposed, assets: those that it concerns';

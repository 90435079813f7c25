/*
 * How events end. A drop recovers on the day on which its score is back at
 * previous_score through changes of posture. If the score is back only because
 * what is measured changed, the event is superseded by the reason of that change.
 * A drop of coverage recovers once the coverage is back.
 * It is also superseded once nothing is measured: the metric or initiative was
 * deleted or deactivated, the metric weighs nothing in any initiative, or no
 * recommendation is left in it.
 */

CREATE FUNCTION posture_internal.entered_status(of_event event) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN of_event.acknowledged_at IS NULL
                     OR of_event.reopened_at > of_event.acknowledged_at
                THEN 'open' ELSE 'acknowledged' END;
COMMENT ON FUNCTION posture_internal.entered_status(event) IS
    'returns the status of an event that has not ended, as people left it: open or acknowledged';

CREATE FUNCTION posture_internal.event_score(
    of_kind event_kind, of_metric metric_snapshot, of_initiative initiative_snapshot)
    RETURNS score
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN of_kind::text = 'coverage_drop'
                THEN score(of_metric.unassessed, of_metric.population)
                ELSE coalesce(of_metric.score, of_initiative.score) END;
COMMENT ON FUNCTION posture_internal.event_score(
    event_kind, metric_snapshot, initiative_snapshot) IS
    'returns what an event is about on a day: the score of its metric or initiative, or the '
    'coverage of the metric in percent';

CREATE FUNCTION posture_internal.open_event(
    of_day date, of_initiative integer, of_events integer[])
    RETURNS TABLE (event_id integer, previous_score numeric, score numeric, removed_by text,
                   is_coverage boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.event_id, e.previous_score::numeric, event_score(e.kind, m, i)::numeric,
           CASE WHEN e.metric_id IS NULL
                THEN CASE WHEN i.initiative_id IS NULL
                               OR e.kind <> 'new_initiative'
                                  AND i.score IS NULL AND i.recommendations = '{}'
                                  AND NOT EXISTS (SELECT FROM initiative_metric_snapshot b
                                                  WHERE b.day = of_day
                                                    AND b.initiative_id = i.initiative_id)
                          THEN 'unavailable' END
                WHEN m.metric_id IS NULL OR w.weight IS NULL THEN 'metric_removed'
                WHEN w.weight = 0 THEN 'weight_change'
                -- without data it stays open, because the data may come back
                WHEN m.score IS NULL AND m.recommendations = '{}'
                THEN CASE WHEN m.switched_off <> '{}' THEN 'switched_off'
                          ELSE 'recommendation_removed' END
                WHEN e.kind::text = 'coverage_drop' AND m.population_group_id IS NULL
                THEN 'scope_change' END, e.kind::text = 'coverage_drop'
    FROM event e
    LEFT JOIN metric_snapshot m ON m.day = of_day AND m.metric_id = e.metric_id
    LEFT JOIN initiative_snapshot i ON i.day = of_day AND i.initiative_id = e.initiative_id
    LEFT JOIN (SELECT b.metric_id, max(b.weight) AS weight
               FROM initiative_metric_snapshot b
               WHERE b.day = of_day
               GROUP BY b.metric_id) w ON w.metric_id = e.metric_id
    WHERE e.status IN ('open', 'acknowledged') AND e.day <= of_day
      AND (of_initiative IS NULL OR e.initiative_id = of_initiative)
      AND (of_events IS NULL OR e.event_id = ANY (of_events))
      -- an event that a person reopened ends on a later day at the earliest
      AND coalesce(e.recovered_on, e.superseded_on, '-infinity') < of_day;
END;
COMMENT ON FUNCTION posture_internal.open_event(date, integer, integer[]) IS
    'returns the events that may end on a day, of one initiative or of all objects (NULL), of '
    'some events or of all (NULL); '
    'score: that of the day; removed_by: reason of change_reason() why the object is no longer '
    'measured, NULL if it is';

CREATE FUNCTION posture_internal.drop_base(of_day date, of_events integer[])
    RETURNS TABLE (event_id integer, metric_id integer, initiative_id integer, since date,
                   score numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.event_id, e.metric_id, e.initiative_id, s.day, coalesce(m.score, i.score)::numeric
    FROM event e
    -- The snapshot of today may show a drop, and when it is taken again, that the score is back.
    CROSS JOIN LATERAL (SELECT CASE WHEN e.day < of_day THEN e.day
                                    ELSE e.previous_day END AS day) s
    LEFT JOIN metric_snapshot m ON m.day = s.day AND m.metric_id = e.metric_id
    LEFT JOIN initiative_snapshot i ON i.day = s.day AND i.initiative_id = e.initiative_id
    WHERE e.event_id = ANY (of_events);
END;
COMMENT ON FUNCTION posture_internal.drop_base(date, integer[]) IS
    'returns the day since which changes decide how events end on a day, and the score on it: the '
    'day of the event, or the previous day if the event ends on its own day';

CREATE FUNCTION posture_internal.compared_since(of_day date, of_events integer[])
    RETURNS TABLE (since date, metrics integer[], initiatives integer[])
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT b.since, array_agg(b.metric_id), array_agg(b.initiative_id)
    FROM drop_base(of_day, of_events) b
    GROUP BY b.since;
END;
COMMENT ON FUNCTION posture_internal.compared_since(date, integer[]) IS
    'returns the days of drop_base(), each with the metrics and initiatives of its events';

CREATE FUNCTION posture_internal.other_gain(of_day date, of_events integer[])
    RETURNS TABLE (event_id integer, reason text, gain numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH base AS MATERIALIZED (
        SELECT * FROM drop_base(of_day, of_events)
    ), compared AS (
        SELECT * FROM compared_since(of_day, of_events)
    ), part AS (
        SELECT b.event_id, p.reason, p.points
        FROM compared c
        CROSS JOIN LATERAL metric_change(c.since, of_day, c.metrics) p
        JOIN base b ON b.since = c.since AND b.metric_id = p.metric_id
        WHERE EXISTS (SELECT FROM base x WHERE x.metric_id IS NOT NULL)
        UNION ALL
        SELECT b.event_id, p.reason, p.points
        FROM compared c
        CROSS JOIN LATERAL initiative_change(c.since, of_day, c.initiatives) p
        JOIN base b ON b.since = c.since AND b.initiative_id = p.initiative_id
        WHERE EXISTS (SELECT FROM base x WHERE x.initiative_id IS NOT NULL)
        UNION ALL
        -- on the day of the drop: what lost points and no longer does
        SELECT e.event_id, x.reason, -x.points
        FROM event e
        JOIN event_cause x USING (event_id)
        WHERE e.event_id = ANY (of_events) AND e.day = of_day
    )
    SELECT p.event_id, p.reason, sum(p.points)
    FROM part p
    JOIN change_reason() r USING (reason)
    WHERE NOT r.is_posture AND p.points IS NOT NULL
    GROUP BY p.event_id, p.reason;
END $$;
COMMENT ON FUNCTION posture_internal.other_gain(date, integer[]) IS
    'returns by how many points each reason that is not a change of posture raised the scores of '
    'events since the drop, negative where it lowered them';

CREATE FUNCTION posture_internal.posture_score(of_day date, of_events integer[])
    RETURNS TABLE (event_id integer, score numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH base AS MATERIALIZED (
        SELECT * FROM drop_base(of_day, of_events)
    ), compared AS (
        SELECT * FROM compared_since(of_day, of_events)
    ), metric_gain AS (
        SELECT c.since, p.metric_id, sum(p.points) AS points
        FROM compared c
        CROSS JOIN LATERAL metric_change(c.since, of_day, c.metrics) p
        JOIN change_reason() r ON r.reason = p.reason AND r.is_posture
        WHERE EXISTS (SELECT FROM base x WHERE x.metric_id IS NOT NULL)
        GROUP BY c.since, p.metric_id
    ), term AS MATERIALIZED (
        SELECT c.since, t.*
        FROM compared c
        CROSS JOIN LATERAL initiative_term_pair(c.since, of_day) t
        WHERE EXISTS (SELECT FROM base x WHERE x.initiative_id IS NOT NULL)
          AND t.initiative_id = ANY (c.initiatives)
    ), term_change AS (
        SELECT t.since, t.initiative_id, sum(t.previous_weight * v.mass) AS mass,
               sum(t.previous_weight * v.healthy) AS healthy
        FROM compared c
        CROSS JOIN LATERAL initiative_value_change(c.since, of_day, c.initiatives) v
        JOIN term t ON t.since = c.since AND t.initiative_id = v.initiative_id
                   AND coalesce(t.metric_id, -t.recommendation_id)
                       = coalesce(v.metric_id, -v.recommendation_id)
        WHERE EXISTS (SELECT FROM term) AND v.reason = 'value_change'
        GROUP BY t.since, t.initiative_id
    ), initiative_score AS (
        SELECT DISTINCT t.since, t.initiative_id, t.method = t.previous_method AS same_method,
               100 * t.previous_total_healthy / nullif(t.previous_total_mass, 0) AS before,
               100 * (t.previous_total_healthy + coalesce(v.healthy, 0))
                   / nullif(t.previous_total_mass + coalesce(v.mass, 0), 0) AS score
        FROM term t
        LEFT JOIN term_change v USING (since, initiative_id)
    ), undone AS (
        -- on the day of the drop: what else than posture had lost points
        SELECT e.event_id, sum(x.points) AS points
        FROM event e
        JOIN event_cause x USING (event_id)
        JOIN change_reason() r ON r.reason = x.reason AND NOT r.is_posture
        WHERE e.event_id = ANY (of_events) AND e.day = of_day
        GROUP BY e.event_id
    )
    SELECT b.event_id,
           coalesce(b.score + m.points,
                    round(CASE WHEN i.same_method THEN i.score
                               ELSE b.score + i.score - i.before END, 6),
                    b.score) + coalesce(u.points, 0)
    FROM base b
    LEFT JOIN metric_gain m USING (since, metric_id)
    LEFT JOIN initiative_score i USING (since, initiative_id)
    LEFT JOIN undone u USING (event_id);
END $$;
COMMENT ON FUNCTION posture_internal.posture_score(date, integer[]) IS
    'returns what the scores of events would be on a day if only posture had changed since the '
    'drop; NULL if the score was not available then';

CREATE FUNCTION posture_internal.exempt_since(previous_day date, on_day date)
    RETURNS SETOF asset_list
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT assetset_agg(n.recommendation_id)
    FROM exempt_set('infinity', on_day, NULL) n
    LEFT JOIN exempt_set('infinity', previous_day, NULL) p
           ON p.recommendation_id = n.recommendation_id AND p.kind = n.kind
          AND p.for_all = n.for_all AND p.assets = n.assets
    WHERE n.kind <> 'risk_accepted' AND p.recommendation_id IS NULL;
END;
COMMENT ON FUNCTION posture_internal.exempt_since(date, date) IS
    'returns the ids of recommendations that exempt other assets of this database on a day than on '
    'a day before';

CREATE FUNCTION posture_internal.newly_exempt(previous_day date, on_day date)
    RETURNS assetset
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN united_assets((SELECT e.assets FROM exempt_since(previous_day, on_day) e),
                         question('exempt_since(%L, %L)', previous_day, on_day));
END $$;
COMMENT ON FUNCTION posture_internal.newly_exempt(date, date) IS
    'returns the ids of recommendations that exempt other assets on a day than on a day before, on '
    'a head on any node';

-- Findings that failed since the previous day and are exempt by now show no change at all.
CREATE FUNCTION posture_internal.exempt_on_own_day(of_day date, of_events integer[])
    RETURNS TABLE (event_id integer)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH measured AS (
        SELECT e.event_id, e.previous_day, unnest(m.recommendations) AS recommendation_id
        FROM event e
        LEFT JOIN initiative_metric_snapshot b ON b.day = of_day AND b.weight > 0
                                              AND b.initiative_id = e.initiative_id
        JOIN metric_snapshot m ON m.day = of_day
                              AND m.metric_id = coalesce(e.metric_id, b.metric_id)
        WHERE e.event_id = ANY (of_events) AND e.day = of_day
        UNION
        SELECT e.event_id, e.previous_day, unnest(i.recommendations)
        FROM event e
        JOIN initiative_snapshot i ON i.day = of_day AND i.initiative_id = e.initiative_id
        WHERE e.event_id = ANY (of_events) AND e.day = of_day
    )
    SELECT DISTINCT r.event_id
    FROM measured r
    JOIN (SELECT d.previous_day, newly_exempt(d.previous_day, of_day) AS recommendations
          FROM (SELECT DISTINCT m.previous_day FROM measured m) d
          OFFSET 0) n USING (previous_day)
    WHERE n.recommendations @> r.recommendation_id;
END;
COMMENT ON FUNCTION posture_internal.exempt_on_own_day(date, integer[]) IS
    'returns which events end on their own day with exemptions that the previous day did not have';

CREATE FUNCTION posture_internal.inactive_since(previous_day date, on_day date)
    RETURNS SETOF asset_list
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT n.inactive - p.inactive
    FROM snapshot n JOIN snapshot p ON p.day = previous_day
    WHERE n.day = on_day;
END;
COMMENT ON FUNCTION posture_internal.inactive_since(date, date) IS
    'returns the assets of this database that counted on a day and no longer on another';

CREATE FUNCTION posture_internal.newly_inactive(previous_day date, on_day date)
    RETURNS assetset
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN united_assets((SELECT i.assets FROM inactive_since(previous_day, on_day) i),
                         question('inactive_since(%L, %L)', previous_day, on_day));
END $$;
COMMENT ON FUNCTION posture_internal.newly_inactive(date, date) IS
    'returns the assets that counted on a day and no longer on another, on a head of all nodes; '
    'NULL: one of the days has no snapshot';

-- What is no longer measured at the end of the day on which it failed shows no change of posture
-- since the previous day either. A removal that is a cause of the drop itself came before it.
CREATE FUNCTION posture_internal.removed_on_own_day(of_day date, of_events integer[])
    RETURNS TABLE (event_id integer, reason text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH ended AS (
        SELECT e.event_id, e.previous_day, e.metric_id, e.initiative_id
        FROM event e
        WHERE e.event_id = ANY (of_events) AND e.day = of_day
    ), measured AS (
        SELECT e.event_id, e.previous_day, e.initiative_id, coalesce(e.metric_id, b.metric_id)
                   AS metric_id
        FROM ended e
        LEFT JOIN initiative_metric_snapshot b ON b.day = e.previous_day AND b.weight > 0
                                              AND b.initiative_id = e.initiative_id
    ), gone AS MATERIALIZED (
        SELECT d.previous_day, newly_inactive(d.previous_day, of_day) AS assets
        FROM (SELECT DISTINCT e.previous_day FROM ended e) d
    ), removed AS (
        SELECT m.event_id, 'metric_removed' AS reason
        FROM measured m
        WHERE m.initiative_id IS NOT NULL AND m.metric_id IS NOT NULL
          AND NOT EXISTS (SELECT
                          FROM initiative_metric_snapshot b
                          WHERE b.day = of_day AND b.initiative_id = m.initiative_id
                            AND b.metric_id = m.metric_id)
        UNION ALL
        SELECT m.event_id, CASE WHEN r.recommendation_id = ANY (n.switched_off) THEN 'switched_off'
                                ELSE 'recommendation_removed' END
        FROM measured m
        JOIN metric_snapshot p ON p.day = m.previous_day AND p.metric_id = m.metric_id
        JOIN metric_snapshot n ON n.day = of_day AND n.metric_id = m.metric_id
        CROSS JOIN LATERAL unnest(p.recommendations) r(recommendation_id)
        WHERE r.recommendation_id <> ALL (n.recommendations)
        UNION ALL
        SELECT e.event_id, 'recommendation_removed'
        FROM ended e
        JOIN initiative_snapshot p ON p.day = e.previous_day AND p.initiative_id = e.initiative_id
        JOIN initiative_snapshot n ON n.day = of_day AND n.initiative_id = e.initiative_id
        CROSS JOIN LATERAL unnest(p.recommendations) r(recommendation_id)
        WHERE r.recommendation_id <> ALL (n.recommendations)
        UNION ALL
        -- the events of metrics have the assets
        SELECT m.event_id, 'assets_retired'
        FROM measured m
        JOIN event x ON x.day = of_day AND x.metric_id = m.metric_id
        JOIN event_cause c ON c.event_id = x.event_id
                          AND c.reason IN ('newly_exposed', 'assets_added')
        JOIN gone g ON g.previous_day = m.previous_day
        WHERE set_intersect(c.assets, g.assets) <> '{}'
    )
    SELECT r.event_id, min(r.reason)
    FROM removed r
    WHERE NOT EXISTS (SELECT FROM event_cause c
                      WHERE c.event_id = r.event_id AND c.reason = r.reason)
    GROUP BY r.event_id;
END;
COMMENT ON FUNCTION posture_internal.removed_on_own_day(date, integer[]) IS
    'returns which events end on their own day although something that they measured on the '
    'previous day is no longer measured, and the reason';

CREATE FUNCTION posture_internal.ended_event(
    of_day date, of_initiative integer, of_events integer[] DEFAULT NULL)
    RETURNS TABLE (event_id integer, superseded_by text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH candidate AS MATERIALIZED (
        SELECT o.event_id, o.previous_score, o.removed_by, o.score >= o.previous_score AS is_back,
               o.score >= o.previous_score AND NOT o.is_coverage AS is_explained
        FROM open_event(of_day, of_initiative, of_events) o
        WHERE o.score >= o.previous_score OR o.removed_by IS NOT NULL
    ), other AS MATERIALIZED (
        SELECT p.event_id
        FROM posture_score(of_day,
                           ARRAY(SELECT c.event_id FROM candidate c WHERE c.is_explained)) p
        JOIN candidate c USING (event_id)
        WHERE p.score < c.previous_score
    ), other_reason AS (
        SELECT DISTINCT ON (g.event_id) g.event_id, g.reason
        FROM other_gain(of_day, ARRAY(SELECT o.event_id FROM other o)) g
        ORDER BY g.event_id, g.gain DESC, g.reason
    )
    SELECT c.event_id,
           CASE WHEN NOT coalesce(c.is_back, false) THEN c.removed_by
                ELSE coalesce(o.reason, g.reason, CASE WHEN x.event_id IS NOT NULL
                                                       THEN 'exemption_given' END) END
    FROM candidate c
    LEFT JOIN other_reason o USING (event_id)
    LEFT JOIN removed_on_own_day(
        of_day, ARRAY(SELECT b.event_id FROM candidate b WHERE b.is_explained)) g USING (event_id)
    LEFT JOIN exempt_on_own_day(
        of_day, ARRAY(SELECT b.event_id FROM candidate b WHERE b.is_explained)) x USING (event_id);
END $$;
COMMENT ON FUNCTION posture_internal.ended_event(date, integer, integer[]) IS
    'returns the events that end on a day, as open_event() chooses them; '
    'superseded_by: reason of the change that ends it, NULL if changes of posture do';

CREATE FUNCTION posture_internal.end_events(
    of_day date, of_initiative integer, of_events integer[] DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    recovered bigint;
BEGIN
    -- a person may have an event locked for hours: the job ends it in a later run
    WITH due AS MATERIALIZED (
        SELECT d.event_id, d.superseded_by FROM ended_event(of_day, of_initiative, of_events) d
    ), free AS MATERIALIZED (
        SELECT f.event_id
        FROM event f
        WHERE f.event_id IN (SELECT d.event_id FROM due d)
          -- another transaction may have ended it since the statement began
          AND f.status IN ('open', 'acknowledged')
        FOR NO KEY UPDATE SKIP LOCKED
    ), ended AS (
        UPDATE event e
        SET status = CASE WHEN d.superseded_by IS NULL THEN 'recovered' ELSE 'superseded' END,
            recovered_on = CASE WHEN d.superseded_by IS NULL THEN of_day END,
            superseded_on = CASE WHEN d.superseded_by IS NOT NULL THEN of_day END,
            superseded_by = d.superseded_by
        FROM due d JOIN free f USING (event_id)
        WHERE e.event_id = d.event_id
        RETURNING e.status
    )
    SELECT count(*) FILTER (WHERE e.status = 'recovered') INTO recovered FROM ended e;
    RETURN recovered;
END $$;
COMMENT ON FUNCTION posture_internal.end_events(date, integer, integer[]) IS
    'ends the events that end on a day, as open_event() chooses them, except those that other '
    'transactions have locked; returns how many of them recovered';

CREATE FUNCTION posture_internal.end_events_later(of_events integer[], of_initiative integer)
    RETURNS bigint
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    of_day date;
    recovered bigint := 0;
BEGIN
    FOR of_day IN
        SELECT DISTINCT b.day
        FROM event e
        CROSS JOIN LATERAL (
            SELECT min(s.day) AS day
            FROM (SELECT m.day, event_score(e.kind, m, NULL) AS score
                  FROM metric_snapshot m
                  WHERE m.metric_id = e.metric_id
                  UNION ALL
                  SELECT i.day, event_score(e.kind, NULL, i)
                  FROM initiative_snapshot i
                  WHERE i.initiative_id = e.initiative_id) s
            WHERE s.day > greatest(e.day, e.recovered_on, e.superseded_on)
              AND s.score >= e.previous_score) b
        WHERE e.event_id = ANY (of_events) AND e.status IN ('open', 'acknowledged')
          AND b.day IS NOT NULL
        ORDER BY b.day
    LOOP
        recovered := recovered + end_events(of_day, of_initiative, of_events);
    END LOOP;
    RETURN recovered;
END $$;
COMMENT ON FUNCTION posture_internal.end_events_later(integer[], integer) IS
    'ends events on the first later day that has a snapshot with the score back, all of one '
    'initiative or of any objects (NULL); returns how many of them recovered';

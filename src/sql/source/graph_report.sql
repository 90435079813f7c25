/*
 * Microsoft Secure Score: the points of a report, from profiles and scores
 * together. A control is worth the maxScore of its profile, or else what its
 * score and its percentage imply. For controls without either, only the sum is
 * known: the maxScore of the tenant less the points of all other controls.
 */

CREATE FUNCTION posture_internal.graph_control_points(
    control jsonb, max_points numeric, OUT achieved numeric, OUT possible numeric)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT trim_scale(round(p.achieved, 12)),
           trim_scale(round(greatest(p.possible, p.achieved), 12))
    FROM (SELECT coalesce(c.score, c.percentage * c.worth / 100) AS achieved, c.worth AS possible
          FROM (SELECT g.score, g.percentage,
                       coalesce(max_points, CASE WHEN g.percentage > 0
                                                 THEN round(100 * g.score / g.percentage, 6)
                                            END) AS worth
                FROM (SELECT json_number(control -> 'score') AS score,
                             json_number(control -> 'percentage') AS percentage) g) c
          WHERE c.worth <= 1e15) p;
END;
COMMENT ON FUNCTION posture_internal.graph_control_points(jsonb, numeric) IS
    'returns the points achieved and possible of a control; NULL if its worth is not known';

CREATE FUNCTION posture_internal.graph_report_points(report jsonb, of_source text)
    RETURNS TABLE (recommendation_id integer, achieved numeric, possible numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH control AS (
        SELECT r.recommendation_id, p.achieved, p.possible, r.is_active
        FROM jsonb_array_elements(array_or_empty(report -> 'controls')) c(control)
        JOIN source s ON s.key = of_source
        JOIN recommendation r ON r.source_id = s.source_id
                             AND r.key = c.control ->> 'recommendation'
        CROSS JOIN LATERAL graph_control_points(c.control, r.max_points) p
    ), remainder AS (
        SELECT trim_scale(round(json_number(report -> 'achieved'), 12)
                          - coalesce(sum(c.achieved), 0)) AS achieved,
               trim_scale(round(json_number(report -> 'possible'), 12)
                          - coalesce(sum(c.possible), 0)) AS possible
        FROM control c
    )
    SELECT c.recommendation_id, c.achieved, c.possible
    FROM control c WHERE c.is_active AND c.possible IS NOT NULL
    UNION ALL
    SELECT r.recommendation_id, greatest(least(m.achieved, m.possible), 0), m.possible
    FROM remainder m
    JOIN source s ON s.key = of_source
    JOIN recommendation r ON r.source_id = s.source_id AND r.key = 'other-controls'
    WHERE m.possible > 0;
END;
COMMENT ON FUNCTION posture_internal.graph_report_points(jsonb, text) IS
    'returns the points of each control in the report of a day, '
    'and the sum for all controls whose worth is not known';

CREATE FUNCTION posture_internal.graph_snapshot_reports(of_source text, of_initiative initiative)
    RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    changed date[];
BEGIN
    -- The job compares days with each other as well, and does not see these before the commit.
    PERFORM lock_sets();
    LOCK TABLE snapshot IN SHARE ROW EXCLUSIVE MODE;
    -- A snapshot that posture took of a day is not replaced.
    PERFORM working_table('posture_day', 'day date, object jsonb');
    INSERT INTO posture_day
    SELECT DISTINCT ON ((i.object ->> 'day')::date) (i.object ->> 'day')::date AS day, i.object
    FROM posture_item i
    WHERE i.type = 'report' AND i.error IS NULL AND i.source = of_source
      AND (i.object ->> 'day')::date < today()
      AND NOT EXISTS (SELECT FROM initiative_snapshot s
                      WHERE s.day = (i.object ->> 'day')::date
                        AND s.initiative_id = of_initiative.initiative_id AND has_snapshot(s.day))
    ORDER BY 1, i.ctid DESC;
    ANALYZE posture_day;
    PERFORM working_table('posture_day_point', 'day date, recommendation_id integer, '
                                               'achieved numeric, possible numeric');
    INSERT INTO posture_day_point
    SELECT d.day, p.recommendation_id, p.achieved, p.possible
    FROM posture_day d CROSS JOIN LATERAL graph_report_points(d.object, of_source) p;
    ANALYZE posture_day_point;

    -- days that are new, or whose points changed
    changed := ARRAY(
        SELECT DISTINCT d.day
        FROM posture_day_point d
        LEFT JOIN initiative_snapshot i ON i.day = d.day
                                       AND i.initiative_id = of_initiative.initiative_id
        LEFT JOIN recommendation_snapshot s ON s.day = d.day
                                           AND s.recommendation_id = d.recommendation_id
        WHERE i.day IS NULL OR s.day IS NULL
           OR s.is_reported AND (s.achieved, s.possible) <> (d.achieved, d.possible)
        UNION
        SELECT s.day
        FROM recommendation_snapshot s
        JOIN recommendation r USING (recommendation_id)
        JOIN source o USING (source_id)
        WHERE o.key = of_source AND s.is_reported
          AND s.day IN (SELECT d.day FROM posture_day d)
          AND NOT EXISTS (SELECT FROM posture_day_point d
                          WHERE d.day = s.day AND d.recommendation_id = s.recommendation_id));
    DELETE FROM recommendation_snapshot s
    USING recommendation r JOIN source o USING (source_id)
    WHERE s.day = ANY (changed) AND s.recommendation_id = r.recommendation_id
      AND o.key = of_source AND s.is_reported;
    INSERT INTO recommendation_snapshot (day, recommendation_id, exposed, assessed,
                                         achieved, possible, is_reported, is_measured)
    SELECT d.day, d.recommendation_id, 0, 0, d.achieved, d.possible, true, true
    FROM posture_day_point d
    WHERE d.day = ANY (changed)
    ON CONFLICT (day, recommendation_id) DO NOTHING;
    INSERT INTO initiative_snapshot AS s (day, initiative_id, score, method, key, name,
                                          recommendations, is_reported)
    SELECT d.day, of_initiative.initiative_id,
           score(sum(d.possible - d.achieved), sum(d.possible)), 'points',
           of_initiative.key, of_initiative.name,
           array_agg(d.recommendation_id ORDER BY d.recommendation_id), true
    FROM posture_day_point d
    WHERE d.day = ANY (changed)
    GROUP BY d.day
    ON CONFLICT (day, initiative_id) DO UPDATE
    SET score = EXCLUDED.score, recommendations = EXCLUDED.recommendations
    WHERE s.is_reported;
    PERFORM record_reported_days(of_initiative.initiative_id, changed);
END $$;
COMMENT ON FUNCTION posture_internal.graph_snapshot_reports(text, initiative) IS
    'step of graph_apply_reports(): writes the reports of past days as snapshots, and records the '
    'events of those that are new or changed';

CREATE FUNCTION posture_internal.graph_apply_reports(of_source text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    of_initiative initiative;
    latest jsonb;
    previous jsonb;
BEGIN
    SELECT i.* INTO of_initiative FROM initiative i WHERE i.key = of_source;
    previous := of_initiative.details -> 'report';
    SELECT i.object INTO latest
    FROM posture_item i
    WHERE i.type = 'report' AND i.error IS NULL AND i.source = of_source
    ORDER BY (i.object ->> 'observed_at')::timestamptz DESC, i.ctid DESC
    LIMIT 1;
    IF latest IS NULL
       OR (latest ->> 'observed_at')::timestamptz < (previous ->> 'observed_at')::timestamptz THEN
        latest := previous;
    END IF;
    IF latest IS NULL THEN
        RETURN;
    END IF;

    UPDATE initiative i
    SET details = coalesce(i.details, '{}') || jsonb_build_object('report', latest)
    WHERE i.initiative_id = of_initiative.initiative_id AND latest IS DISTINCT FROM previous;
    INSERT INTO recommendation (source_id, key, title, description)
    SELECT s.source_id, 'other-controls', 'Controls whose points are not published',
           'Controls that have no profile and no points: what all of them together are worth is '
           'what the possible points of the tenant have beyond those of the others.'
    FROM source s
    WHERE s.key = of_source
      AND NOT EXISTS (SELECT FROM recommendation r
                      WHERE r.source_id = s.source_id AND r.key = 'other-controls')
    ON CONFLICT (source_id, key) DO NOTHING;

    PERFORM working_table('posture_point',
                          'recommendation_id integer, achieved numeric, possible numeric');
    INSERT INTO posture_point
    SELECT p.* FROM graph_report_points(latest, of_source) p;
    ANALYZE posture_point;
    DELETE FROM initiative_recommendation m
    WHERE m.initiative_id = of_initiative.initiative_id
      AND NOT EXISTS (SELECT FROM posture_point p
                      WHERE p.recommendation_id = m.recommendation_id);
    INSERT INTO initiative_recommendation (initiative_id, recommendation_id)
    SELECT of_initiative.initiative_id, p.recommendation_id FROM posture_point p
    ON CONFLICT DO NOTHING;
    DELETE FROM measure m
    USING recommendation r JOIN source s USING (source_id)
    WHERE s.key = of_source AND r.recommendation_id = m.recommendation_id
      AND NOT EXISTS (SELECT FROM posture_point p
                      WHERE p.recommendation_id = m.recommendation_id);
    INSERT INTO measure AS m (recommendation_id, achieved, possible, observed_at)
    SELECT p.recommendation_id, p.achieved, p.possible, (latest ->> 'observed_at')::timestamptz
    FROM posture_point p
    ON CONFLICT (recommendation_id) DO UPDATE
    SET achieved = EXCLUDED.achieved, possible = EXCLUDED.possible,
        observed_at = EXCLUDED.observed_at
    WHERE (m.achieved, m.possible) IS DISTINCT FROM (EXCLUDED.achieved, EXCLUDED.possible);
    PERFORM update_last_seen(ARRAY[s.source_id], ARRAY[(latest ->> 'observed_at')::timestamptz])
    FROM source s WHERE s.key = of_source;
    PERFORM graph_snapshot_reports(of_source, of_initiative);
END $$;
COMMENT ON FUNCTION posture_internal.graph_apply_reports(text) IS
    'step of load(): turns the latest report into measures, with what is known now about each '
    'control, and earlier reports into snapshots';

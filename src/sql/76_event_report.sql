/*
 * Events as a person reads them: with one sentence that says why.
 */

CREATE FUNCTION posture.figure(number numeric) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN trim_scale(CASE WHEN abs(number) >= 0.1 THEN round(number, 1) ELSE round(number, 6) END)::text;
COMMENT ON FUNCTION posture.figure(numeric) IS 'a number as a sentence shows it: one decimal, more only below 0.1';

CREATE FUNCTION posture.counted(n bigint, noun text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN n || ' ' || noun || CASE WHEN n <> 1 THEN 's' ELSE '' END;
COMMENT ON FUNCTION posture.counted(bigint, text) IS 'a number of things, in words; NULL: it is not known';

CREATE FUNCTION posture.counted_points(number numeric) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN posture.figure(number) || ' point' || CASE WHEN posture.figure(number) <> '1' THEN 's' ELSE '' END;
COMMENT ON FUNCTION posture.counted_points(numeric) IS 'a number of points, in words; NULL: it is not known';

CREATE FUNCTION posture.recommendation_phrase(recommendation_id integer) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN recommendation_id IS NULL THEN 'several recommendations'
                ELSE coalesce((SELECT format('''%s''', r.title) FROM posture.recommendation r WHERE r.recommendation_id = recommendation_phrase.recommendation_id),
                              'a recommendation') END;
COMMENT ON FUNCTION posture.recommendation_phrase(integer) IS 'the title of a recommendation in quotes, as a part of a sentence, or that it is one, where it was deleted; NULL: several';

CREATE FUNCTION posture.change_phrase(cause posture.event_cause) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT CASE
            WHEN cause.reason = 'newly_exposed' AND cause.points IS NULL
                THEN format('%s newly exposed by %s, %s by it alone', c.assets, n.recommendation, cause.only_this)
            WHEN cause.reason IN ('newly_exposed', 'value_change') AND cause.newly_exposed > 0 THEN c.newly_exposed || ' newly exposed'
            WHEN cause.reason = 'value_change' THEN CASE sign(cause.points) WHEN 1 THEN 'it stands worse' WHEN -1 THEN 'it stands better' ELSE 'it stands otherwise' END
            WHEN cause.reason = 'no_longer_exposed' THEN c.assets || ' not exposed any more'
            WHEN cause.reason = 'assets_added' AND cause.newly_exposed > 0 THEN format('%s new, %s of them exposed', c.assets, cause.newly_exposed)
            WHEN cause.reason = 'assets_added' THEN c.assets || ' new'
            WHEN cause.reason = 'assets_left' THEN c.assets || ' not assessed any more'
            WHEN cause.reason = 'assets_retired' THEN c.assets || ' retired or stale'
            WHEN cause.reason = 'assets_returned' THEN c.assets || ' back'
            WHEN cause.reason = 'points_change' AND cause.points > 0 THEN 'points of measures lost'
            WHEN cause.reason = 'points_change' AND cause.points < 0 THEN 'points of measures gained'
            WHEN cause.reason = 'exemption_ended' THEN format('%s from %s ended', n.exemption, n.recommendation)
            WHEN cause.reason = 'exemption_given' THEN format('%s from %s %s given', n.exemption, n.recommendation, n.verb)
            WHEN cause.reason LIKE 'recommendation\_%able' THEN format('%s %s', n.recommendation, CASE cause.reason
                WHEN 'recommendation_available' THEN 'assessed for the first time' ELSE 'not assessed any more' END)
            WHEN cause.reason LIKE 'recommendation\_%' OR cause.reason LIKE 'switched\_%'
                THEN format('%s %s %s', n.recommendation, n.verb, replace(replace(cause.reason, 'recommendation_', ''), '_', ' '))
        END || CASE WHEN cause.newly_exposed > 0 AND cause.reason NOT IN ('newly_exposed', 'value_change', 'assets_added')
                    THEN format(' (%s newly exposed)', c.newly_exposed) ELSE '' END
        FROM (SELECT posture.recommendation_phrase(cause.recommendation_id) AS recommendation,
                     CASE WHEN cause.recommendation_id IS NULL THEN 'were' ELSE 'was' END AS verb,
                     CASE WHEN cause.recommendation_id IS NULL THEN 'exemptions' ELSE 'an exemption' END AS exemption) n
        CROSS JOIN (SELECT posture.counted(posture.cardinality(cause.assets), 'asset') AS assets,
                           posture.counted(cause.newly_exposed, 'asset') AS newly_exposed) c);
COMMENT ON FUNCTION posture.change_phrase(posture.event_cause) IS 'what a cause says, as a part of a sentence; NULL: no more than its reason';

CREATE FUNCTION posture.effect_phrase(of_event posture.event) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT format('; this took %s', CASE
                   WHEN c.points = t.lost THEN format('all of the %s that %s lost', posture.counted_points(t.lost), t.name)
                   WHEN t.lost > c.points THEN format('%s of the %s that %s lost', posture.figure(c.points), posture.counted_points(t.lost), t.name)
                   ELSE format('%s of %s', posture.counted_points(c.points), t.name) END)
        FROM posture.event_cause c
        CROSS JOIN LATERAL (SELECT coalesce(n.name, n.key) AS name, p.score OPERATOR(posture.-) n.score AS lost
                            FROM posture.initiative_snapshot n
                            JOIN posture.initiative_snapshot p USING (initiative_id)
                            WHERE n.initiative_id = c.initiative_id AND n.day = of_event.day AND p.day = of_event.previous_day) t
        WHERE c.event_id = of_event.event_id AND c.reason = 'effect' AND c.points > 0
        ORDER BY c.points DESC, c.initiative_id
        LIMIT 1);
COMMENT ON FUNCTION posture.effect_phrase(posture.event) IS 'what a metric''s drop took from the initiative that lost most through it, as a part of a sentence';

CREATE FUNCTION posture.exposed_phrase(of_event posture.event) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT CASE WHEN t.new = t.assets THEN posture.counted(t.assets, 'new asset') || ' exposed'
                    ELSE posture.counted(t.assets, 'asset') || ' newly exposed' END
               || CASE WHEN t.new > 0 AND t.new < t.assets THEN format(' (%s of them new)', t.new) ELSE '' END
               || coalesce((SELECT CASE WHEN c.newly_exposed < t.assets THEN format(', %s of them', c.newly_exposed) ELSE '' END
                                   || ' by ' || posture.recommendation_phrase(c.recommendation_id)
                            FROM posture.event_cause c
                            WHERE c.event_id = of_event.event_id AND c.reason = 'newly_exposed' AND c.points IS NULL
                            ORDER BY c.newly_exposed DESC, c.recommendation_id
                            LIMIT 1), '')
        FROM (SELECT sum(c.newly_exposed)::bigint AS assets, coalesce(sum(c.newly_exposed) FILTER (WHERE c.reason = 'assets_added'), 0) AS new
              FROM posture.event_cause c
              WHERE c.event_id = of_event.event_id AND c.reason IN ('newly_exposed', 'assets_added') AND c.points IS NOT NULL) t
        WHERE t.assets > 0);
COMMENT ON FUNCTION posture.exposed_phrase(posture.event) IS 'the newly exposed assets of a metric''s drop and what most of them fail, as a part of a sentence; NULL: none';

CREATE FUNCTION posture.short_reason(reason text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE reason
        WHEN 'metric_added' THEN 'added' WHEN 'recommendation_added' THEN 'recommendations added'
        WHEN 'metric_removed' THEN 'removed' WHEN 'recommendation_removed' THEN 'recommendations removed'
        WHEN 'metric_unavailable' THEN 'no data any more' WHEN 'recommendation_unavailable' THEN 'recommendations without data any more'
        WHEN 'metric_available' THEN 'has data again' WHEN 'recommendation_available' THEN 'recommendations with data for the first time'
        WHEN 'weight_change' THEN 'weighed otherwise' WHEN 'scope_change' THEN 'measured otherwise'
        WHEN 'switched_off' THEN 'switched off' WHEN 'switched_on' THEN 'switched on'
        ELSE replace(reason, '_', ' ') END;
COMMENT ON FUNCTION posture.short_reason(text) IS 'a reason as it stands in brackets';

CREATE FUNCTION posture.metric_cause(of_event posture.event) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT format('%s: exposed rose from %s %% to %s %%, %s of %s',
                      n.name, posture.figure(100 - of_event.previous_score), posture.figure(100 - of_event.score), trim_scale(n.exposed), trim_scale(n.assessed))
               -- unless that day is past retention
               || coalesce(' where it was ' || trim_scale(p.exposed) || ' of ' || trim_scale(p.assessed), '')
               || coalesce(': ' || nullif(concat_ws(', ',
                      posture.exposed_phrase(of_event),
                      (SELECT string_agg(x.phrase, ', ' ORDER BY x.place)
                       FROM (SELECT coalesce(posture.change_phrase(c), posture.short_reason(c.reason)) AS phrase, row_number() OVER (ORDER BY c.points DESC, c.reason) AS place
                             FROM posture.event_cause c
                             WHERE c.event_id = of_event.event_id AND c.initiative_id IS NULL AND c.points > 0
                               AND c.reason <> 'newly_exposed'
                               AND NOT (c.reason = 'assets_added' AND c.newly_exposed > 0)) x
                       WHERE x.place <= 2)), ''), '')
               || coalesce(posture.effect_phrase(of_event), '')
        FROM posture.metric_snapshot n
        LEFT JOIN posture.metric_snapshot p ON p.metric_id = n.metric_id AND p.day = of_event.previous_day
        WHERE n.metric_id = of_event.metric_id AND n.day = of_event.day);
COMMENT ON FUNCTION posture.metric_cause(posture.event) IS 'why a metric''s score dropped, in one sentence';

CREATE FUNCTION posture.cause_phrase(of_event posture.event, cause posture.event_cause) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN posture.figure(cause.points) || ' by ' || CASE
        WHEN cause.reason = 'method_change' THEN 'another method'
        ELSE CASE WHEN cause.metric_id IS NULL THEN posture.recommendation_phrase(cause.recommendation_id)
                  ELSE coalesce((SELECT format('''%s''', m.name) FROM posture.metric_snapshot m
                                 WHERE m.metric_id = cause.metric_id AND m.day IN (of_event.day, of_event.previous_day)
                                 ORDER BY m.day DESC LIMIT 1), 'a metric') END
             || CASE WHEN cause.reason = 'value_change' AND cause.newly_exposed > 0
                         THEN format(' (%s newly exposed)', posture.counted(cause.newly_exposed, 'asset'))
                     WHEN cause.reason = 'value_change' THEN ''
                     -- of an initiative's own recommendation
                     WHEN cause.metric_id IS NULL THEN format(' (%s)', posture.short_reason(replace(cause.reason, 'recommendation_', 'metric_')))
                     ELSE format(' (%s)', posture.short_reason(cause.reason)) END END;
COMMENT ON FUNCTION posture.cause_phrase(posture.event, posture.event_cause) IS 'one cause of an initiative''s drop, as a part of a sentence';

CREATE FUNCTION posture.initiative_cause(of_event posture.event) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT format('%s lost: ', posture.counted_points(of_event.drop))
               || string_agg(x.phrase, ', ' ORDER BY x.place) FILTER (WHERE x.place <= 3)
               || CASE WHEN count(*) > 3 THEN format(', and %s more', count(*) - 3) ELSE '' END
        FROM (SELECT posture.cause_phrase(of_event, c) AS phrase,
                     row_number() OVER (ORDER BY c.points DESC, c.metric_id, c.recommendation_id, c.reason) AS place
              FROM posture.event_cause c
              WHERE c.event_id = of_event.event_id AND c.points <> 0) x);
COMMENT ON FUNCTION posture.initiative_cause(posture.event) IS 'why an initiative''s score dropped, in one sentence';

CREATE VIEW posture.event_report WITH (security_invoker = true) AS
SELECT e.event_id,
       e.kind::text AS kind,
       e.day,
       coalesce(m.key::text, i.key::text, (SELECT s.key FROM posture.metric_snapshot s WHERE s.metric_id = e.metric_id AND s.day = e.day),
                (SELECT s.key FROM posture.initiative_snapshot s WHERE s.initiative_id = e.initiative_id AND s.day = e.day)) AS object,
       coalesce(m.name, i.name, (SELECT s.name FROM posture.metric_snapshot s WHERE s.metric_id = e.metric_id AND s.day = e.day),
                (SELECT s.name FROM posture.initiative_snapshot s WHERE s.initiative_id = e.initiative_id AND s.day = e.day)) AS name,
       e.previous_score::numeric AS previous_score,
       e.score::numeric AS score,
       e.drop AS drop,
       e.weight,
       e.status,
       CASE e.kind WHEN 'metric_score_drop' THEN posture.metric_cause(e)
                   WHEN 'initiative_score_drop' THEN posture.initiative_cause(e)
                   ELSE 'A new initiative' || coalesce(' with a score of ' || posture.figure(e.score), ', without data so far') END AS cause,
       e.previous_day,
       e.acknowledged_by,
       e.acknowledged_at,
       e.note,
       e.recovered_on,
       e.reopened_by,
       e.reopened_at,
       e.is_quiet
FROM posture.event e
LEFT JOIN posture.metric m USING (metric_id)
LEFT JOIN posture.initiative i USING (initiative_id)
ORDER BY e.day DESC, e.drop DESC NULLS LAST, e.event_id;
COMMENT ON VIEW posture.event_report IS 'each event, newest first';
COMMENT ON COLUMN posture.event_report.event_id IS 'id, for acknowledge() and reopen()';
COMMENT ON COLUMN posture.event_report.kind IS 'metric_score_drop, initiative_score_drop or new_initiative';
COMMENT ON COLUMN posture.event_report.day IS 'the day on which it was found';
COMMENT ON COLUMN posture.event_report.object IS 'key of the metric or initiative';
COMMENT ON COLUMN posture.event_report.name IS 'its name';
COMMENT ON COLUMN posture.event_report.previous_score IS 'its score on the previous day';
COMMENT ON COLUMN posture.event_report.score IS 'its score on the day';
COMMENT ON COLUMN posture.event_report.drop IS 'how many points it fell';
COMMENT ON COLUMN posture.event_report.weight IS 'the greatest weight that the metric has in an initiative';
COMMENT ON COLUMN posture.event_report.status IS 'open, acknowledged or recovered';
COMMENT ON COLUMN posture.event_report.cause IS 'why, in one sentence';
COMMENT ON COLUMN posture.event_report.previous_day IS 'the day that it was compared with: yesterday, or the latest earlier day with a snapshot';
COMMENT ON COLUMN posture.event_report.acknowledged_by IS 'who acknowledged it';
COMMENT ON COLUMN posture.event_report.acknowledged_at IS 'when';
COMMENT ON COLUMN posture.event_report.note IS 'what they said';
COMMENT ON COLUMN posture.event_report.recovered_on IS 'the day on which the score was back';
COMMENT ON COLUMN posture.event_report.reopened_by IS 'who opened it again';
COMMENT ON COLUMN posture.event_report.reopened_at IS 'when';
COMMENT ON COLUMN posture.event_report.is_quiet IS 'whether nobody was notified of it, because of an earlier drop within quiet_days';

/*
 * Why, row by row: of an event, and of any change between two days, also one
 * below the threshold.
 */

CREATE FUNCTION posture.describe_change(cause posture.event_cause, on_day date)
    RETURNS TABLE (initiative text, metric text, recommendation text, reason text, is_posture boolean, points numeric,
                   newly_exposed bigint, only_this bigint, assets posture.assetset, says text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce((SELECT i.key::text FROM posture.initiative i WHERE i.initiative_id = cause.initiative_id),
                    (SELECT s.key FROM posture.initiative_snapshot s WHERE s.initiative_id = cause.initiative_id AND s.day = on_day)),
           coalesce((SELECT m.key::text FROM posture.metric m WHERE m.metric_id = cause.metric_id),
                    (SELECT s.key FROM posture.metric_snapshot s WHERE s.metric_id = cause.metric_id AND s.day <= on_day ORDER BY s.day DESC LIMIT 1)),
           posture.recommendation_label(cause.recommendation_id), cause.reason,
           (SELECT r.is_posture FROM posture.change_reason() r WHERE r.reason = cause.reason),
           cause.points, cause.newly_exposed, cause.only_this, cause.assets,
           coalesce(posture.change_phrase(cause), (SELECT r.meaning FROM posture.change_reason() r WHERE r.reason = cause.reason),
                    'what the initiative lost through it');
END;
COMMENT ON FUNCTION posture.describe_change(posture.event_cause, date) IS 'a cause with the keys of what it is about, and in words';

CREATE FUNCTION posture.explain(event_id integer)
    RETURNS TABLE (initiative text, metric text, recommendation text, reason text, is_posture boolean, points numeric,
                   newly_exposed bigint, only_this bigint, assets posture.assetset, says text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    of_day date := (SELECT e.day FROM posture.event e WHERE e.event_id = explain.event_id);
BEGIN
    IF of_day IS NULL AND explain.event_id IS NOT NULL THEN
        RAISE EXCEPTION 'unknown event %', explain.event_id
            USING ERRCODE = 'no_data_found', HINT = 'The view posture.event_report lists the events.';
    END IF;
    RETURN QUERY
    SELECT d.*
    FROM posture.event_cause c
    CROSS JOIN LATERAL posture.describe_change(c, of_day) d
    WHERE c.event_id = explain.event_id
    ORDER BY c.reason = 'effect', c.points IS NULL, c.points DESC, c.newly_exposed DESC NULLS LAST, d.metric, d.recommendation, c.reason;
END $$;
COMMENT ON FUNCTION posture.explain(integer) IS 'why the score of an event dropped: the signed parts, which sum exactly to the drop; rows without points are details of them; reason effect: what each initiative lost through a metric';

CREATE FUNCTION posture.object_of(object text, OUT metric_id integer, OUT initiative_id integer)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    metric_id := (SELECT m.metric_id FROM posture.metric m WHERE object IN (m.key, 'metric:' || m.key) ORDER BY m.key <> object LIMIT 1);
    initiative_id := (SELECT i.initiative_id FROM posture.initiative i WHERE object IN (i.key, 'initiative:' || i.key) ORDER BY i.key <> object LIMIT 1);
    IF metric_id IS NOT NULL AND initiative_id IS NOT NULL THEN
        RAISE EXCEPTION '"%" is a metric and an initiative', object
            USING ERRCODE = 'ambiguous_parameter', HINT = format('Write %L or %L.', 'metric:' || object, 'initiative:' || object);
    ELSIF metric_id IS NULL AND initiative_id IS NULL AND object IS NOT NULL THEN
        RAISE EXCEPTION 'unknown metric or initiative "%"', object
            USING ERRCODE = 'undefined_object', HINT = 'The tables posture.metric and posture.initiative list them.';
    END IF;
END $$;
COMMENT ON FUNCTION posture.object_of(text) IS 'the metric or initiative of a key, or of metric:key or initiative:key where both have it; an error if there is none';

CREATE FUNCTION posture.check_snapshot(object text, of_metric integer, of_initiative integer, on_day date) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    days date[] := ARRAY(SELECT s.day FROM posture.metric_snapshot s WHERE s.metric_id = of_metric
                         UNION ALL
                         SELECT s.day FROM posture.initiative_snapshot s WHERE s.initiative_id = of_initiative);
    nearest text;
BEGIN
    IF on_day IS NOT NULL AND on_day <> ALL (days) THEN
        nearest := concat_ws(' and ', (SELECT max(d) FROM unnest(days) d WHERE d < on_day), (SELECT min(d) FROM unnest(days) d WHERE d > on_day));
        RAISE EXCEPTION 'there is no snapshot of "%" on %', object, on_day
            USING ERRCODE = 'no_data_found',
                  HINT = CASE WHEN on_day = posture.today() THEN 'take_snapshot() takes that of today so far.'
                              WHEN nearest = '' THEN 'take_snapshot() or run_daily() takes one.'
                              ELSE format('The nearest days that have one: %s.', nearest) END;
    END IF;
END $$;
COMMENT ON FUNCTION posture.check_snapshot(text, integer, integer, date) IS 'an error if a metric or initiative has no snapshot on a day';

CREATE FUNCTION posture.change_part(of_metric integer, of_initiative integer, from_day date, to_day date) RETURNS SETOF posture.event_cause
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT NULL::integer, p.metric_id, p.recommendation_id, p.initiative_id, p.reason, p.points, p.newly_exposed, NULL::posture.assetset, NULL::bigint
    FROM posture.initiative_change(from_day, to_day, ARRAY[of_initiative]) p
    WHERE p.initiative_id = of_initiative
    UNION ALL
    SELECT NULL, p.metric_id, p.recommendation_id, NULL, p.reason, p.points, p.newly_exposed, p.assets, p.only_this
    FROM posture.metric_change(from_day, to_day, ARRAY[of_metric]) p;
END;
COMMENT ON FUNCTION posture.change_part(integer, integer, date, date) IS 'the parts of the change of a metric or an initiative between two days, as causes of no event';

CREATE FUNCTION posture.change_report(object text, from_day date, to_day date)
    RETURNS TABLE (initiative text, metric text, recommendation text, reason text, is_posture boolean, points numeric,
                   newly_exposed bigint, only_this bigint, assets posture.assetset, says text, previous_score numeric, score numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    of_metric integer;
    of_initiative integer;
BEGIN
    SELECT o.metric_id, o.initiative_id INTO of_metric, of_initiative FROM posture.object_of(object) o;
    IF from_day >= to_day THEN
        RAISE EXCEPTION 'from_day has to be before to_day'
            USING ERRCODE = 'invalid_parameter_value', DETAIL = format('from_day is %s, to_day is %s.', from_day, to_day);
    END IF;
    PERFORM posture.check_snapshot(object, of_metric, of_initiative, from_day), posture.check_snapshot(object, of_metric, of_initiative, to_day);
    RETURN QUERY
    WITH compared AS (
        SELECT p.score AS previous_score, n.score
        FROM posture.metric_snapshot n JOIN posture.metric_snapshot p ON p.metric_id = n.metric_id AND p.day = from_day
        WHERE n.metric_id = of_metric AND n.day = to_day
        UNION ALL
        SELECT p.score, n.score
        FROM posture.initiative_snapshot n JOIN posture.initiative_snapshot p ON p.initiative_id = n.initiative_id AND p.day = from_day
        WHERE n.initiative_id = of_initiative AND n.day = to_day
    ), part AS (
        SELECT p AS cause FROM posture.change_part(of_metric, of_initiative, from_day, to_day) p
        UNION ALL
        SELECT ROW(NULL::integer, of_metric, NULL::integer, of_initiative, CASE WHEN c.score IS NULL THEN 'unavailable' ELSE 'available' END,
                   NULL::numeric, NULL::bigint, NULL::posture.assetset, NULL::bigint)::posture.event_cause
        FROM compared c
        WHERE (c.score IS NULL) <> (c.previous_score IS NULL)
    )
    SELECT d.*, c.previous_score::numeric, c.score::numeric
    FROM compared c
    CROSS JOIN part p
    CROSS JOIN LATERAL posture.describe_change(p.cause, to_day) d
    ORDER BY d.points IS NULL, d.points DESC, d.newly_exposed DESC NULLS LAST, d.metric, d.recommendation, d.reason;
END $$;
COMMENT ON FUNCTION posture.change_report(text, date, date) IS 'why the score of a metric or initiative changed between two days that have a snapshot, as explain() tells it of an event: points lost, negative: gained, which sum exactly to the change';

/*
 * The cause sentence of an event: event_sentence() says in one sentence why a score
 * dropped. The other functions return parts of it. record_drops() writes the sentence
 * with the causes; for an owner it is made when it is read, of what the owner sees.
 */

CREATE FUNCTION posture_internal.recommendation_phrase(recommendation_id integer) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN recommendation_id IS NULL THEN 'several recommendations'
                ELSE coalesce((SELECT format('''%s''', r.title)
                               FROM recommendation r
                               WHERE r.recommendation_id = recommendation_phrase.recommendation_id),
                              'a recommendation') END;
COMMENT ON FUNCTION posture_internal.recommendation_phrase(integer) IS
    'returns the quoted title of a recommendation, ''a recommendation'' if it was deleted, or '
    '''several recommendations'' for NULL';

CREATE FUNCTION posture_internal.weight_phrase(
    cause event_cause, previous_day date, on_day date) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT format('weight %s from %s to %s',
                      CASE WHEN n.weight > p.weight THEN 'raised' ELSE 'lowered' END,
                      trim_scale(p.weight), trim_scale(n.weight))
        FROM initiative_metric_snapshot n
        JOIN initiative_metric_snapshot p USING (initiative_id, metric_id)
        WHERE cause.reason = 'weight_change' AND n.initiative_id = cause.initiative_id
          AND n.metric_id = cause.metric_id AND n.day = on_day AND p.day = previous_day);
COMMENT ON FUNCTION posture_internal.weight_phrase(event_cause, date, date) IS
    'returns how the weight of a metric changed between two days, as a part of a sentence; NULL '
    'unless that is the cause';

CREATE FUNCTION posture_internal.change_phrase(
    cause event_cause, previous_day date, on_day date) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT CASE
            WHEN cause.reason = 'weight_change' THEN weight_phrase(cause, previous_day, on_day)
            WHEN cause.reason = 'newly_exposed' AND cause.points IS NULL
                THEN format('%s newly exposed by %s, %s by it alone',
                            c.assets, n.recommendation, cause.only_this)
            -- more assets were repaired, which the count of newly exposed ones would hide
            WHEN cause.reason = 'value_change' AND cause.newly_exposed > 0 AND cause.points > 0
                THEN format('its state improved despite %s newly exposed', c.newly_exposed)
            WHEN cause.reason IN ('newly_exposed', 'value_change') AND cause.newly_exposed > 0
                THEN c.newly_exposed || ' newly exposed'
            WHEN cause.reason = 'value_change'
                THEN CASE sign(cause.points) WHEN -1 THEN 'its state got worse'
                                             WHEN 1 THEN 'its state improved'
                                             ELSE 'its state changed' END
            WHEN cause.reason = 'no_longer_exposed' THEN c.assets || ' no longer exposed'
            WHEN cause.reason = 'assets_added' AND cause.newly_exposed > 0
                THEN format('%s new, %s of them exposed', c.assets, cause.newly_exposed)
            WHEN cause.reason = 'assets_added' THEN c.assets || ' new'
            WHEN cause.reason = 'assets_left' THEN c.assets || ' no longer assessed'
            WHEN cause.reason = 'assets_retired' THEN c.assets || ' retired or stale'
            WHEN cause.reason = 'assets_returned' THEN c.assets || ' back'
            WHEN cause.reason = 'points_change' AND cause.points < 0
                THEN 'points of measures lost'
            WHEN cause.reason = 'points_change' AND cause.points > 0
                THEN 'points of measures gained'
            WHEN cause.reason = 'exemption_ended'
                THEN format('%s from %s %s', n.exemption, n.recommendation,
                            CASE WHEN d.author IS NULL THEN 'ended' ELSE n.verb || ' ended' END)
            WHEN cause.reason = 'exemption_given'
                THEN format('%s from %s %s given', n.exemption, n.recommendation, n.verb)
            WHEN cause.reason LIKE 'recommendation\_%able'
                THEN format('%s %s', n.recommendation,
                            CASE cause.reason WHEN 'recommendation_available'
                                              THEN 'assessed for the first time'
                                              ELSE 'no longer assessed' END)
            WHEN cause.reason LIKE 'recommendation\_%' OR cause.reason LIKE 'switched\_%'
                THEN format('%s %s %s', n.recommendation, n.verb,
                            replace(replace(cause.reason, 'recommendation_', ''), '_', ' '))
            -- without an author, the meaning of the reason says it all
            WHEN d.author IS NOT NULL
                THEN CASE cause.reason WHEN 'metric_added' THEN 'the metric was added'
                                       WHEN 'metric_removed' THEN 'the metric was removed'
                                       WHEN 'method_change' THEN 'the method was changed'
                                       WHEN 'scope_change' THEN 'the scope was changed' END
        END || coalesce(' ' || d.author, '')
            || CASE WHEN cause.newly_exposed > 0
                     AND cause.reason NOT IN ('newly_exposed', 'value_change', 'assets_added')
                    THEN format(' (%s newly exposed)', c.newly_exposed) ELSE '' END
        FROM (SELECT recommendation_phrase(cause.recommendation_id) AS recommendation,
                     CASE WHEN cause.recommendation_id IS NULL THEN 'were' ELSE 'was' END AS verb,
                     CASE WHEN cause.recommendation_id IS NULL THEN 'exemptions'
                          ELSE 'an exemption' END AS exemption) n
        CROSS JOIN (SELECT count_phrase(cardinality(cause.assets), 'asset') AS assets,
                           count_phrase(cause.newly_exposed, 'asset') AS newly_exposed) c
        CROSS JOIN (SELECT cause_author(cause, previous_day, on_day) AS author OFFSET 0) d);
COMMENT ON FUNCTION posture_internal.change_phrase(event_cause, date, date) IS
    'returns the details of a cause between two days that its reason does not give, and whose '
    'decision it was, as a part of a sentence; NULL if there are none';

CREATE FUNCTION posture_internal.effect_phrase(of_event event) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT format('; this took %s', CASE
                   WHEN c.points = t.change
                   THEN format('all of the %s that %s lost', points_phrase(t.change), t.name)
                   WHEN t.change < c.points
                   THEN format('%s of the %s that %s lost', format_number(abs(c.points)),
                               points_phrase(t.change), t.name)
                   ELSE format('%s of %s', points_phrase(c.points), t.name) END)
        FROM event_cause c
        CROSS JOIN LATERAL (SELECT coalesce(n.name, n.key) AS name, n.score - p.score AS change
                            FROM initiative_snapshot n
                            JOIN initiative_snapshot p USING (initiative_id)
                            WHERE n.initiative_id = c.initiative_id
                              AND n.day = of_event.day AND p.day = of_event.previous_day) t
        WHERE c.event_id = of_event.event_id AND c.reason = 'effect' AND c.points < 0
        ORDER BY c.points, c.initiative_id
        LIMIT 1);
COMMENT ON FUNCTION posture_internal.effect_phrase(event) IS
    'returns how many points the most affected initiative lost through a metric''s drop, as a part '
    'of a sentence; NULL if none lost points';

CREATE FUNCTION posture_internal.exposed_phrase(of_event event) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT CASE WHEN t.new = t.assets THEN count_phrase(t.assets, 'new asset') || ' exposed'
                    ELSE count_phrase(t.assets, 'asset') || ' newly exposed' END
               || CASE WHEN t.new > 0 AND t.new < t.assets
                       THEN format(' (%s of them new)', t.new) ELSE '' END
               || coalesce((SELECT CASE WHEN c.newly_exposed < t.assets
                                        THEN format(', %s of them', c.newly_exposed) ELSE '' END
                                   || ' by ' || recommendation_phrase(c.recommendation_id)
                            FROM event_cause c
                            WHERE c.event_id = of_event.event_id
                              AND c.reason = 'newly_exposed' AND c.points IS NULL
                            ORDER BY c.newly_exposed DESC, c.recommendation_id
                            LIMIT 1), '')
        FROM (SELECT sum(c.newly_exposed)::bigint AS assets,
                     coalesce(sum(c.newly_exposed) FILTER (WHERE c.reason = 'assets_added'), 0)
                         AS new
              FROM event_cause c
              WHERE c.event_id = of_event.event_id
                AND c.reason IN ('newly_exposed', 'assets_added') AND c.points IS NOT NULL) t
        WHERE t.assets > 0);
COMMENT ON FUNCTION posture_internal.exposed_phrase(event) IS
    'returns how many assets a metric''s drop newly exposed, and the recommendation that most of '
    'them fail, as a part of a sentence; NULL if none';

CREATE FUNCTION posture_internal.reason_label(reason text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE reason
        WHEN 'metric_added' THEN 'added'
        WHEN 'recommendation_added' THEN 'recommendations added'
        WHEN 'metric_removed' THEN 'removed'
        WHEN 'recommendation_removed' THEN 'recommendations removed'
        WHEN 'metric_unavailable' THEN 'no longer has data'
        WHEN 'recommendation_unavailable' THEN 'recommendations no longer have data'
        WHEN 'metric_available' THEN 'has data again'
        WHEN 'recommendation_available' THEN 'recommendations with data for the first time'
        WHEN 'weight_change' THEN 'weight changed'
        WHEN 'scope_change' THEN 'scope changed'
        WHEN 'switched_off' THEN 'switched off'
        WHEN 'switched_on' THEN 'switched on'
        ELSE replace(reason, '_', ' ') END;
COMMENT ON FUNCTION posture_internal.reason_label(text) IS
    'returns a reason as it is shown in parentheses';

CREATE FUNCTION posture_internal.metric_cause(of_event event) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT format('%s: exposed rose from %s %% to %s %%', coalesce(n.name, p.name),
                      format_number(100 - of_event.previous_score),
                      format_number(100 - of_event.score))
               -- the snapshot of today may have been taken again since the drop
               || CASE WHEN n.score = of_event.score
                       THEN format(', %s of %s', format_count(n.exposed),
                                   format_count(n.assessed))
                            -- purge() may have deleted the previous day
                            || coalesce(' where it was ' || format_count(p.exposed) || ' of '
                                        || format_count(p.assessed), '')
                       ELSE '' END
               || coalesce(': ' || nullif(concat_ws(', ',
                      exposed_phrase(of_event),
                      (SELECT string_agg(coalesce(change_phrase(x.cause, of_event.previous_day,
                                                                of_event.day),
                                                  reason_label((x.cause).reason)),
                                         ', ' ORDER BY x.rank)
                       FROM (SELECT c AS cause,
                                    row_number() OVER (ORDER BY c.points, c.reason) AS rank
                             FROM event_cause c
                             WHERE c.event_id = of_event.event_id
                               AND c.initiative_id IS NULL AND c.points < 0
                               AND c.reason <> 'newly_exposed'
                               AND NOT (c.reason = 'assets_added' AND c.newly_exposed > 0)) x
                       WHERE x.rank <= 2)), ''), '')
               || coalesce(effect_phrase(of_event), '')
        FROM (SELECT of_event.metric_id AS metric_id) m
        LEFT JOIN metric_snapshot n ON n.metric_id = m.metric_id AND n.day = of_event.day
        LEFT JOIN metric_snapshot p ON p.metric_id = m.metric_id AND p.day = of_event.previous_day
        WHERE coalesce(n.name, p.name) IS NOT NULL);
COMMENT ON FUNCTION posture_internal.metric_cause(event) IS
    'returns why a metric''s score dropped, in one sentence';

CREATE FUNCTION posture_internal.cause_phrase(of_event event, cause event_cause) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT format_number(abs(cause.points))
               || CASE WHEN cause.points > 0 THEN ' gained' ELSE '' END || ' by ' || CASE
            WHEN cause.reason = 'method_change'
            THEN 'another method' || coalesce(' (set ' || d.author || ')', '')
            ELSE CASE WHEN cause.metric_id IS NULL
                      THEN recommendation_phrase(cause.recommendation_id)
                      ELSE coalesce((SELECT format('''%s''', m.name)
                                     FROM metric_snapshot m
                                     WHERE m.metric_id = cause.metric_id
                                       AND m.day IN (of_event.day, of_event.previous_day)
                                     ORDER BY m.day DESC
                                     LIMIT 1), 'a metric') END
                 || CASE WHEN cause.reason = 'value_change' AND cause.newly_exposed > 0
                         THEN format(' (%s newly exposed)',
                                     count_phrase(cause.newly_exposed, 'asset'))
                         WHEN cause.reason = 'value_change' THEN ''
                         ELSE format(' (%s)', concat_ws(' ', d.label, d.author)) END END
        FROM (SELECT cause_author(cause, of_event.previous_day, of_event.day) AS author,
                     coalesce(weight_phrase(cause, of_event.previous_day, of_event.day),
                              -- a recommendation without a metric has the same labels as a metric
                              reason_label(CASE WHEN cause.metric_id IS NULL
                                                THEN replace(cause.reason, 'recommendation_',
                                                             'metric_')
                                                ELSE cause.reason END)) AS label
              OFFSET 0) d);
COMMENT ON FUNCTION posture_internal.cause_phrase(event, event_cause) IS
    'returns one cause of an initiative''s drop, as a part of a sentence';

CREATE FUNCTION posture_internal.initiative_cause(of_event event) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT format('%s lost: ', points_phrase(of_event.drop))
               || string_agg(cause_phrase(of_event, x.cause), ', ' ORDER BY x.rank)
                      FILTER (WHERE x.rank <= 3)
               || CASE WHEN count(*) > 3 THEN format(', and %s more', count(*) - 3) ELSE '' END
        FROM (SELECT c AS cause,
                     row_number() OVER (ORDER BY c.points, c.metric_id, c.recommendation_id,
                                                 c.reason) AS rank
              FROM event_cause c
              WHERE c.event_id = of_event.event_id AND c.points <> 0) x);
COMMENT ON FUNCTION posture_internal.initiative_cause(event) IS
    'returns why an initiative''s score dropped, in one sentence';

CREATE FUNCTION posture_internal.coverage_cause(of_event event) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN format('Coverage dropped from %s to %s %%', format_number(of_event.previous_score),
                  format_number(of_event.score))
           || (SELECT coalesce(': ' || count_phrase(nullif(cardinality(c.assets), 0), 'asset')
                               || CASE WHEN cardinality(c.assets) = 1 THEN ' is' ELSE ' are' END
                               || ' no longer assessed', '')
               FROM event_cause c
               WHERE c.event_id = of_event.event_id);
COMMENT ON FUNCTION posture_internal.coverage_cause(event) IS
    'returns why the coverage of a metric dropped, in one sentence';

CREATE FUNCTION posture_internal.event_sentence(of_event event) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE of_event.kind::text
           WHEN 'metric_score_drop' THEN metric_cause(of_event)
           WHEN 'initiative_score_drop' THEN initiative_cause(of_event)
           WHEN 'coverage_drop' THEN coverage_cause(of_event)
           ELSE 'A new initiative' || coalesce(' with a score of ' || format_number(of_event.score),
                                               ', without data so far') END;
COMMENT ON FUNCTION posture_internal.event_sentence(event) IS
    'returns what happened in an event, and why, in one sentence; NULL if the snapshot of the day '
    'is missing';

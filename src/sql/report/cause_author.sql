/*
 * Who made a decision that changed a score: what the log of decisions
 * (catalog/change_log.sql) has between two days of the object that a cause is
 * about. A snapshot has the catalog as it was when the snapshot was taken, and
 * the exemptions as of the end of its day.
 */

CREATE FUNCTION posture_internal.cause_recommendation(
    cause event_cause, previous_day date, on_day date)
    RETURNS TABLE (source text, label text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.key, s.key || ':' || r.key
    FROM recommendation r JOIN source s USING (source_id)
    WHERE r.recommendation_id = cause.recommendation_id
       OR cause.recommendation_id IS NULL
          AND r.recommendation_id IN (SELECT unnest(m.recommendations)
                                      FROM metric_snapshot m
                                      WHERE m.metric_id = cause.metric_id
                                        AND m.day IN (previous_day, on_day));
END;
COMMENT ON FUNCTION posture_internal.cause_recommendation(event_cause, date, date) IS
    'returns the recommendation of a cause, or all of its metric where the cause is about several, '
    'as change_log names them';

CREATE FUNCTION posture_internal.cause_field(cause event_cause, previous_day date, on_day date)
    RETURNS TABLE (rank integer, object_kind text, object text, field text,
                   had_value boolean, has_value boolean, value text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH of_metric AS (
        SELECT DISTINCT m.key, m.importance
        FROM metric_snapshot m
        WHERE m.metric_id = cause.metric_id AND m.day IN (previous_day, on_day)
    ), of_initiative AS (
        SELECT DISTINCT i.key
        FROM initiative_snapshot i
        WHERE i.initiative_id = cause.initiative_id AND i.day IN (previous_day, on_day)
    ), of_recommendation AS (
        SELECT * FROM cause_recommendation(cause, previous_day, on_day)
    ), possible AS (
        SELECT 1 AS rank, 'weight_change' AS reason, 'initiative' AS object_kind, i.key AS object,
               'metric ' || m.key AS field, true AS had_value, true AS has_value,
               NULL::text AS value
        FROM of_initiative i CROSS JOIN of_metric m
        UNION ALL
        SELECT 2, 'weight_change', 'metric', m.key, 'importance', true, true, NULL FROM of_metric m
        UNION ALL
        SELECT 3, 'weight_change', 'importance', m.importance::text, 'weight', NULL, true, NULL
        FROM of_metric m
        UNION ALL
        SELECT 1, 'metric_added', 'initiative', i.key, 'metric ' || m.key, false, true, NULL
        FROM of_initiative i CROSS JOIN of_metric m
        UNION ALL
        SELECT 1, 'metric_removed', 'initiative', i.key, 'metric ' || m.key, true, false, NULL
        FROM of_initiative i CROSS JOIN of_metric m
        UNION ALL
        SELECT 2, x.reason, 'metric', m.key, 'is_active', NULL, NULL, x.value
        FROM of_metric m
        CROSS JOIN (VALUES ('metric_added', 'true'), ('metric_removed', 'false')) x(reason, value)
        UNION ALL
        SELECT 1, x.reason, o.object_kind, o.key, 'recommendation ' || r.label, x.had_value,
               NOT x.had_value, NULL
        FROM (SELECT 'metric' AS object_kind, m.key FROM of_metric m
              UNION ALL
              SELECT 'initiative', i.key FROM of_initiative i WHERE cause.metric_id IS NULL) o
        CROSS JOIN of_recommendation r
        CROSS JOIN (VALUES ('recommendation_added', false), ('recommendation_removed', true))
            x(reason, had_value)
        UNION ALL
        SELECT 2, x.reason, 'metric', m.key, 'rule', NULL, NULL, NULL
        FROM of_metric m
        CROSS JOIN (VALUES ('recommendation_added'), ('recommendation_removed')) x(reason)
        UNION ALL
        SELECT 1, x.reason, o.object_kind, o.object, 'is_active', NULL, NULL, x.value
        FROM (SELECT DISTINCT 'recommendation' AS object_kind, r.label AS object
              FROM of_recommendation r
              UNION ALL
              SELECT DISTINCT 'source', r.source FROM of_recommendation r) o
        CROSS JOIN (VALUES ('switched_on', 'true'), ('switched_off', 'false')) x(reason, value)
        UNION ALL
        SELECT 1, x.reason, 'recommendation', r.label, 'exemption %', x.had_value, x.has_value, NULL
        FROM of_recommendation r
        CROSS JOIN (VALUES ('exemption_given', NULL, true), ('exemption_ended', true, NULL))
            x(reason, had_value, has_value)
        UNION ALL
        SELECT 1, 'scope_change', 'metric', m.key, x.field, NULL, NULL, NULL
        FROM of_metric m CROSS JOIN (VALUES ('asset_kinds'), ('criticality_weights')) x(field)
        UNION ALL
        SELECT 1, 'scope_change', 'recommendation', r.label, 'max_points', NULL, NULL, NULL
        FROM of_recommendation r
        UNION ALL
        SELECT 1, 'method_change', 'initiative', i.key, 'method', NULL, NULL, NULL
        FROM of_initiative i
    )
    SELECT p.rank, p.object_kind, p.object, p.field, p.had_value, p.has_value, p.value
    FROM possible p
    WHERE p.reason = cause.reason;
END;
COMMENT ON FUNCTION posture_internal.cause_field(event_cause, date, date) IS
    'returns the fields in change_log whose change can be the cause; rank: those of the lowest '
    'rank that changed are; exemption % stands for all exemptions; had_value, has_value: whether '
    'the field had a value before and has one after, NULL: either; value: its new value, NULL: any';

CREATE FUNCTION posture_internal.cause_author(cause event_cause, previous_day date, on_day date)
    RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    since timestamptz := day_end(previous_day);
    until timestamptz := day_end(on_day);
    authors text[];
    latest date;
BEGIN
    IF NOT sees_all()
       OR (SELECT r.is_posture FROM change_reason() r WHERE r.reason = cause.reason) THEN
        RETURN NULL;
    END IF;
    IF cause.reason NOT LIKE 'exemption%' THEN
        since := greatest(since, (SELECT s.taken_at FROM snapshot s WHERE s.day = previous_day));
    END IF;
    until := least(until, (SELECT s.taken_at FROM snapshot s WHERE s.day = on_day));
    WITH decision AS (
        SELECT c.changed_at, rank() OVER (ORDER BY f.rank) AS rank,
               c.changed_by || coalesce(' as ' || c.as_role, '') AS author
        FROM cause_field(cause, previous_day, on_day) f
        JOIN change_log c ON c.object = f.object AND c.object_kind = f.object_kind
        WHERE c.changed_at > since AND c.changed_at <= until
          AND (c.field = f.field
               OR f.field = 'exemption %' AND starts_with(c.field, 'exemption '))
          AND (f.had_value IS NULL OR f.had_value = (c.old IS NOT NULL))
          AND (f.has_value IS NULL OR f.has_value = (c.new IS NOT NULL))
          AND (f.value IS NULL OR f.value = c.new)
    )
    SELECT array_agg(DISTINCT d.author), max(day_of(d.changed_at)) INTO authors, latest
    FROM decision d
    WHERE d.rank = 1;
    RETURN CASE cardinality(authors)
           WHEN 1 THEN format('by role %s on %s', authors[1],
                              to_char(latest, 'FMDD FMMonth YYYY'))
           ELSE 'by roles ' || array_to_string(authors[:cardinality(authors) - 1], ', ')
                || ' and ' || authors[cardinality(authors)] END;
END $$;
COMMENT ON FUNCTION posture_internal.cause_author(event_cause, date, date) IS
    'returns who made the decision that is a cause, and on which day, as a part of a sentence; '
    'NULL if the log has no such decision between the two days, or the caller may not read it';

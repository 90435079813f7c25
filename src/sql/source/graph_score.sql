/*
 * Format graph-secure-scores: the daily reports of Microsoft Secure Score, as
 * Microsoft Graph publishes them.
 */

CREATE FUNCTION posture_internal.graph_control_error(control jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN first_error(
        not_object_error(control),
        key_error('controlName', json_text(control -> 'controlName')),
        number_error('score', control -> 'score'),
        CASE WHEN json_number(control -> 'score') IS NULL
                  AND json_number(control -> 'scoreInPercentage') IS NULL
             THEN coalesce(number_error('scoreInPercentage', control -> 'scoreInPercentage'),
                           'missing score and scoreInPercentage')
             -- This is the range of domain points.
             WHEN json_number(control -> 'score') NOT BETWEEN 0 AND 1e15
             THEN format('score is %s', control -> 'score')
             WHEN json_number(control -> 'scoreInPercentage') NOT BETWEEN 0 AND 100
             THEN format('scoreInPercentage is %s', control -> 'scoreInPercentage') END);
COMMENT ON FUNCTION posture_internal.graph_control_error(jsonb) IS
    'returns why a controlScore can''t be loaded; NULL if it can';

-- All points of a report whose controls can't be read would be those of other controls.
CREATE FUNCTION posture_internal.graph_score_error(element jsonb, observed_at timestamptz)
    RETURNS text
    LANGUAGE sql STABLE
    RETURN first_error(
        number_error('currentScore', element -> 'currentScore'),
        number_error('maxScore', element -> 'maxScore'),
        CASE WHEN json_text(element -> 'createdDateTime') IS NULL THEN 'missing createdDateTime'
             WHEN observed_at IS NULL
             THEN format('invalid createdDateTime: "%s"',
                         left(json_text(element -> 'createdDateTime'), 100))
             WHEN observed_at > latest_observation(statement_timestamp())
             THEN format('createdDateTime is in the future: %s',
                         left(json_text(element -> 'createdDateTime'), 100)) END,
        CASE WHEN json_number(element -> 'currentScore') IS NULL THEN 'missing currentScore'
             WHEN json_number(element -> 'maxScore') IS NULL THEN 'missing maxScore'
             WHEN json_number(element -> 'currentScore') < 0
                  OR json_number(element -> 'currentScore') > json_number(element -> 'maxScore')
                  OR json_number(element -> 'maxScore') > 1e15
             THEN format('currentScore %s of maxScore %s',
                         element -> 'currentScore', element -> 'maxScore') END,
        (SELECT 'controlScores[0]: ' || min(e.error) FILTER (WHERE c.n = 1)
         FROM jsonb_array_elements(array_or_empty(element -> 'controlScores'))
              WITH ORDINALITY c(control, n)
         CROSS JOIN LATERAL graph_control_error(c.control) e(error)
         HAVING bool_and(e.error IS NOT NULL)));
COMMENT ON FUNCTION posture_internal.graph_score_error(jsonb, timestamptz) IS
    'returns why a secureScore can''t be loaded; NULL if it can';

-- An average in points is of the maximums of its categories, or else of the maximum
-- of the tenant.
CREATE FUNCTION posture_internal.graph_average(average jsonb, tenant_max numeric)
    RETURNS TABLE (score numeric, possible numeric)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT json_number(average -> 'averageScore'),
           coalesce(nullif((SELECT sum(json_number(average -> c.key))
                            FROM jsonb_object_keys(object_or_empty(average)) c(key)
                            WHERE c.key LIKE '%ScoreMax'), 0),
                    tenant_max);
END;
COMMENT ON FUNCTION posture_internal.graph_average(jsonb, numeric) IS
    'returns the number of an averageComparativeScore, and the points that it is of if it is in '
    'points';

-- Averages are percentages, but points in documents of earlier years. All of a report
-- are in one unit, so one above 100 says that all are points.
CREATE FUNCTION posture_internal.graph_benchmark_score(
    average jsonb, tenant_max numeric, averages jsonb) RETURNS score
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT CASE
                WHEN EXISTS (SELECT
                             FROM jsonb_array_elements(averages) o(average)
                             CROSS JOIN LATERAL graph_average(o.average, tenant_max) p
                             WHERE p.score > 100)
                THEN CASE WHEN a.score BETWEEN 0 AND a.possible AND a.possible > 0
                          THEN round(100 * a.score / a.possible, 6)::score END
                WHEN a.score BETWEEN 0 AND 100 THEN round(a.score, 6)::score END
            FROM graph_average(average, tenant_max) a);
COMMENT ON FUNCTION posture_internal.graph_benchmark_score(jsonb, numeric, jsonb) IS
    'returns the score of an averageComparativeScore, one of the averages of a report; NULL if it '
    'has none that can be read';

CREATE FUNCTION posture_internal.graph_benchmark_name(average jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE json_text(average -> 'basis')
        WHEN 'AllTenants' THEN 'All tenants'
        WHEN 'TotalSeats' THEN coalesce(
            'Tenants of ' || coalesce(json_text(average -> 'SeatSizeRangeLowerValue'),
                                      json_text(average -> 'seatSizeRangeLowerValue'))
            || ' to ' || coalesce(json_text(average -> 'SeatSizeRangeUpperValue'),
                                  json_text(average -> 'seatSizeRangeUpperValue')) || ' seats',
            'Tenants of the same size')
        WHEN 'IndustryTypes' THEN 'Tenants of the same industry'
        ELSE json_text(average -> 'basis') END;
COMMENT ON FUNCTION posture_internal.graph_benchmark_name(jsonb) IS
    'returns the name of a benchmark for the basis of an averageComparativeScore';

CREATE FUNCTION posture_internal.graph_report_control(recommendation text, control jsonb)
    RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'recommendation', recommendation,
        'score', json_number(control -> 'score'),
        'percentage', json_number(control -> 'scoreInPercentage')));
COMMENT ON FUNCTION posture_internal.graph_report_control(text, jsonb) IS
    'returns a control as the report of a day contains it';

CREATE FUNCTION posture_internal.graph_secure_score(document jsonb, of_source text)
    RETURNS TABLE (location text, element jsonb, source text, format_error text, error text,
                   observed_at timestamptz, created jsonb, day text)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH element AS MATERIALIZED (
        SELECT e.location, e.element, coalesce(of_source, 'microsoft-secure-score') AS source,
               CASE WHEN not_object_error(e.element) IS NOT NULL THEN not_object_error(e.element)
                    WHEN jsonb_typeof(e.element -> 'controlScores') = 'string'
                    THEN 'controlScores: ' || not_object_error(e.element -> 'controlScores')
                    WHEN coalesce(jsonb_typeof(e.element -> 'controlScores'), 'null') <> 'array'
                    THEN 'no controlScores: not a secureScore' END AS format_error
        FROM microsoft_element(document) e
    ), "time" AS MATERIALIZED (
        SELECT e.*, t.created, parse_time(t.created, 'UTC', e.source) AS created_at
        FROM element e
        CROSS JOIN LATERAL (SELECT json_text(e.element -> 'createdDateTime') AS created) t
    )
    SELECT t.location, t.element, t.source, t.format_error,
           CASE WHEN t.format_error IS NULL
                THEN graph_score_error(t.element, t.created_at) END AS error,
           CASE WHEN t.created_at IS NOT NULL
                THEN least(t.created_at, statement_timestamp()) END AS observed_at,
           CASE WHEN t.created_at IS NULL
                     OR t.created_at <= statement_timestamp() AND t.created ~ '^[0-9]{4}-'
                THEN to_jsonb(t.created)
                ELSE to_jsonb(least(t.created_at, statement_timestamp())) END AS created,
           -- The day is the one that is written, whatever the time zone.
           CASE WHEN t.created ~ '^[0-9]{4}-' THEN left(t.created, 10)
                ELSE to_char(t.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') END AS day
    FROM "time" t;
END;
COMMENT ON FUNCTION posture_internal.graph_secure_score(jsonb, text) IS
    'returns the secureScores of a document with their times; format_error is why an element is '
    'none, error why it can''t be loaded, or NULL';

CREATE FUNCTION posture_internal.graph_score_item(document jsonb, of_source text) RETURNS SETOF item
    LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
    WITH secure_score AS MATERIALIZED (
        SELECT * FROM graph_secure_score(document, of_source)
    ), valid AS (
        SELECT * FROM secure_score s WHERE s.format_error IS NULL AND s.error IS NULL
    ), control AS (
        SELECT format('%s.controlScores[%s]', v.location, c.n - 1) AS location,
               v.location AS score_location, v.source, v.observed_at, c.control,
               graph_control_error(c.control) AS error,
               json_text(c.control -> 'controlName') AS key
        FROM valid v
        CROSS JOIN LATERAL jsonb_array_elements(v.element -> 'controlScores')
            WITH ORDINALITY c(control, n)
    ), latest_control AS (
        -- Reports before the latest one that was loaded change the history only.
        SELECT DISTINCT ON (c.key) c.*
        FROM control c
        LEFT JOIN initiative i ON i.key = c.source
        WHERE c.error IS NULL
          AND c.observed_at >= coalesce(parse_time(i.details #>> '{report,observed_at}'),
                                        '-infinity')
        ORDER BY c.key, c.observed_at DESC, c.location
    )
    SELECT s.location, coalesce(s.format_error, s.error),
           CASE WHEN s.format_error IS NULL THEN 'report' END, s.source,
           NULL, NULL, NULL, NULL::timestamptz, NULL, NULL, NULL::jsonb,
           CASE WHEN coalesce(s.format_error, s.error) IS NOT NULL THEN s.element ELSE
               jsonb_strip_nulls(jsonb_build_object(
                   'tenant', graph_tenant(s.element))) || jsonb_build_object(
                   'initiative', s.source, 'observed_at', s.created, 'day', s.day,
                   'achieved', json_number(s.element -> 'currentScore'),
                   'possible', json_number(s.element -> 'maxScore'),
                   'controls', coalesce((
                       SELECT jsonb_agg(graph_report_control(c.key, c.control) ORDER BY c.location)
                       FROM control c
                       WHERE c.score_location = s.location AND c.error IS NULL), '[]')) END
    FROM secure_score s
    UNION ALL
    SELECT c.location, c.error, 'recommendation', c.source,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, c.control
    FROM control c WHERE c.error IS NOT NULL
    UNION ALL
    SELECT c.location, NULL, 'recommendation', c.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_strip_nulls(jsonb_build_object(
               'key', c.key, 'description', json_text(c.control -> 'description'),
               'markup', CASE WHEN markup(json_text(c.control -> 'description')) = 'html'
                              THEN 'html' END,
               'domain', lower(json_text(c.control -> 'controlCategory'))))
           || jsonb_build_object('details', jsonb_build_object('control_score',
               c.control - '{controlName,controlCategory,description,lastSynced}'::text[]))
    FROM latest_control c
    UNION ALL
    SELECT v.location, NULL, 'benchmark', v.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_build_object(
               'initiative', v.source, 'key', a.average ->> 'basis',
               'name', graph_benchmark_name(a.average), 'score', b.score, 'details', a.average,
               'day', v.day)
    FROM valid v
    CROSS JOIN LATERAL jsonb_array_elements(
        array_or_empty(v.element -> 'averageComparativeScores')) a(average)
    CROSS JOIN LATERAL (
        SELECT graph_benchmark_score(a.average, json_number(v.element -> 'maxScore'),
                                     v.element -> 'averageComparativeScores') AS score
        WHERE jsonb_typeof(a.average) = 'object') b
    WHERE json_text(a.average -> 'basis') IS NOT NULL AND b.score IS NOT NULL
    UNION ALL
    SELECT '$', NULL, o.type, s.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL, o.object
    FROM (SELECT DISTINCT v.source FROM valid v) s
    CROSS JOIN LATERAL (VALUES
        ('source', jsonb_build_object('key', s.source, 'name', 'Microsoft Secure Score',
                                      'product', 'Microsoft Secure Score')),
        ('initiative', jsonb_build_object('key', s.source, 'name', 'Microsoft Secure Score',
                                          'kind', 'secure score', 'method', 'points')))
        o(type, object);
END;
COMMENT ON FUNCTION posture_internal.graph_score_item(jsonb, text) IS
    'returns the items of a document of secureScores: recommendations, benchmarks, '
    'and a report for each day';

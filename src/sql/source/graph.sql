/*
 * Microsoft Secure Score, as Microsoft Graph publishes it: profiles say what
 * each control is about and worth, scores say how many points of it a tenant
 * has. Either may come first, and may lack what the other has.
 */

-- The states that a person gives a control. Resolved through a third party or
-- by another mitigation it earns its points; ignored it doesn't, and is off the
-- list. "reviewed" is what the API calls the alternate mitigation.
CREATE FUNCTION posture_internal.graph_exemption(state text) RETURNS exemption_kind
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE regexp_replace(lower(state), '[^a-z]', '', 'g')
        WHEN 'ignored' THEN 'risk_accepted' WHEN 'ignore' THEN 'risk_accepted' WHEN 'riskaccepted' THEN 'risk_accepted'
        WHEN 'thirdparty' THEN 'mitigated' WHEN 'resolvedthroughthirdparty' THEN 'mitigated'
        WHEN 'reviewed' THEN 'mitigated'
        WHEN 'alternate' THEN 'mitigated' WHEN 'alternatemitigation' THEN 'mitigated'
        WHEN 'resolvedthroughalternatemitigation' THEN 'mitigated'
    END::exemption_kind;
COMMENT ON FUNCTION posture_internal.graph_exemption(text) IS 'the exemption that a state of a control is; NULL: none, as of Default';

CREATE FUNCTION posture_internal.graph_profile_error(element jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN first_error(
        key_error('id', json_text(element -> 'id')),
        CASE WHEN coalesce(jsonb_typeof(element -> 'maxScore'), 'null') NOT IN ('number', 'null')
             THEN 'maxScore: expected a number, found ' || json_type_name(element -> 'maxScore') END,
        CASE WHEN json_number(element -> 'maxScore') < 0 THEN format('maxScore is %s', element -> 'maxScore') END,
        CASE WHEN coalesce(jsonb_typeof(element -> 'deprecated'), 'null') NOT IN ('boolean', 'null')
             THEN 'deprecated: expected a boolean, found ' || json_type_name(element -> 'deprecated') END,
        CASE WHEN coalesce(jsonb_typeof(element -> 'controlStateUpdates'), 'null') NOT IN ('array', 'null')
             THEN 'controlStateUpdates: expected an array, found ' || json_type_name(element -> 'controlStateUpdates') END);
COMMENT ON FUNCTION posture_internal.graph_profile_error(jsonb) IS 'why a secureScoreControlProfile can''t be loaded; NULL: it can';

CREATE FUNCTION posture_internal.graph_profile_item(document jsonb, of_source text) RETURNS SETOF item
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH element AS MATERIALIZED (
        SELECT e.location, e.element,
               CASE WHEN not_object_error(e.element) IS NOT NULL THEN not_object_error(e.element)
                    WHEN NOT e.element ?| '{maxScore,controlCategory,controlStateUpdates,actionType}'
                        THEN 'no maxScore, controlCategory or actionType: not a secureScoreControlProfile'
                    WHEN e.element ? 'controlScores' THEN 'controlScores: not a secureScoreControlProfile but a secureScore'
               END AS odd
        FROM document_element(document, '{value}') e
    ), profile AS MATERIALIZED (
        SELECT e.location, e.element, e.odd, CASE WHEN e.odd IS NULL THEN graph_profile_error(e.element) END AS error,
               coalesce(of_source, 'microsoft-secure-score') AS source, json_text(e.element -> 'id') AS key
        FROM element e
    ), state AS (
        -- the latest of its updates is the state that it is in
        SELECT p.location, p.source, p.key, u.change, graph_exemption(json_text(u.change -> 'state')) AS kind
        FROM profile p
        LEFT JOIN LATERAL (SELECT a.change
                           FROM jsonb_array_elements(array_or_empty(p.element -> 'controlStateUpdates')) WITH ORDINALITY a(change, n)
                           ORDER BY parse_time(json_text(a.change -> 'updatedDateTime')) DESC NULLS LAST, a.n DESC
                           LIMIT 1) u ON true
        WHERE p.odd IS NULL AND p.error IS NULL
    )
    SELECT p.location, coalesce(p.odd, p.error), CASE WHEN p.odd IS NULL THEN 'recommendation' END, p.source,
           NULL, NULL, NULL, NULL::timestamptz, NULL, NULL, NULL::jsonb,
           CASE WHEN coalesce(p.odd, p.error) IS NOT NULL THEN p.element ELSE
               jsonb_strip_nulls(jsonb_build_object(
                   'key', p.key,
                   'title', json_text(p.element -> 'title'),
                   'remediation', json_text(p.element -> 'remediation'),
                   'markup', markup(json_text(p.element -> 'remediation')),
                   'workload', json_text(p.element -> 'service'),
                   'domain', lower(json_text(p.element -> 'controlCategory')),
                   'max_points', json_number(p.element -> 'maxScore'),
                   'manage_url', json_text(p.element -> 'actionUrl'),
                   'assigned_to', json_text(s.change -> 'assignedTo'),
                   'is_active', NOT coalesce((p.element ->> 'deprecated')::boolean, false)))
               || jsonb_build_object('details', p.element - '{id,title,remediation,service,controlCategory,maxScore,actionUrl,deprecated}'::text[])
           END
    FROM profile p LEFT JOIN state s USING (location)
    UNION ALL
    SELECT s.location, NULL, 'exemption', s.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_build_object('recommendation', s.key, 'kind', s.kind)
           || CASE WHEN s.kind IS NULL THEN '{}' ELSE
               jsonb_strip_nulls(jsonb_build_object(
                   'reason', coalesce(json_text(s.change -> 'comment'), format('set to %s', json_text(s.change -> 'state'))),
                   'approved_by', json_text(s.change -> 'updatedBy'),
                   'created_at', CASE WHEN m.at <= now() THEN m.at END)) END
    FROM state s
    CROSS JOIN LATERAL parse_time(json_text(s.change -> 'updatedDateTime')) m(at)
    UNION ALL
    SELECT '$', NULL, 'source', s.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_build_object('key', s.source, 'name', 'Microsoft Secure Score', 'product', 'Microsoft Secure Score')
    FROM (SELECT DISTINCT p.source FROM profile p WHERE p.odd IS NULL) s;
END;
COMMENT ON FUNCTION posture_internal.graph_profile_item(jsonb, text) IS 'the items of secureScoreControlProfiles: recommendations, and exemptions by the state that a person gave';

CREATE FUNCTION posture_internal.graph_score_error(element jsonb) RETURNS text
    LANGUAGE sql STABLE
    RETURN first_error(
        CASE WHEN json_text(element -> 'createdDateTime') IS NULL THEN 'missing createdDateTime'
             WHEN parse_time(json_text(element -> 'createdDateTime')) IS NULL
                 THEN format('createdDateTime is no time: "%s"', left(json_text(element -> 'createdDateTime'), 100))
             WHEN parse_time(json_text(element -> 'createdDateTime')) > statement_timestamp()
                 THEN format('createdDateTime is in the future: %s', left(json_text(element -> 'createdDateTime'), 100)) END,
        CASE WHEN json_number(element -> 'currentScore') IS NULL THEN 'missing currentScore'
             WHEN json_number(element -> 'maxScore') IS NULL THEN 'missing maxScore'
             WHEN json_number(element -> 'currentScore') < 0 OR json_number(element -> 'currentScore') > json_number(element -> 'maxScore')
                  OR json_number(element -> 'maxScore') > 1e15
                 THEN format('currentScore %s of maxScore %s', element -> 'currentScore', element -> 'maxScore') END);
COMMENT ON FUNCTION posture_internal.graph_score_error(jsonb) IS 'why a secureScore can''t be loaded; NULL: it can';

CREATE FUNCTION posture_internal.graph_control_error(control jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN first_error(
        not_object_error(control),
        key_error('controlName', json_text(control -> 'controlName')),
        CASE WHEN json_number(control -> 'score') IS NULL AND json_number(control -> 'scoreInPercentage') IS NULL
                 THEN 'neither score nor scoreInPercentage'
             -- as domain points has it
             WHEN json_number(control -> 'score') NOT BETWEEN 0 AND 1e15 THEN format('score is %s', control -> 'score')
             WHEN json_number(control -> 'scoreInPercentage') NOT BETWEEN 0 AND 100
                 THEN format('scoreInPercentage is %s', control -> 'scoreInPercentage') END);
COMMENT ON FUNCTION posture_internal.graph_control_error(jsonb) IS 'why a controlScore can''t be loaded; NULL: it can';

-- Averages are percentages; where one is none, because it is above 100 as in
-- documents of earlier years, it is points, of the points of its categories or
-- else of the tenant's.
CREATE FUNCTION posture_internal.graph_benchmark_score(average jsonb, tenant_max numeric) RETURNS score
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT CASE WHEN a.score BETWEEN 0 AND 100 THEN round(a.score, 6)::score
                        WHEN a.score > 100 AND a.score <= a.possible THEN round(100 * a.score / a.possible, 6)::score END
            FROM (SELECT json_number(average -> 'averageScore') AS score,
                         coalesce(nullif((SELECT sum(json_number(average -> c.key))
                                          FROM jsonb_object_keys(average) c(key) WHERE c.key LIKE '%ScoreMax'), 0), tenant_max) AS possible) a);
COMMENT ON FUNCTION posture_internal.graph_benchmark_score(jsonb, numeric) IS 'what others score, from an averageComparativeScore; NULL: it says none';

CREATE FUNCTION posture_internal.graph_benchmark_name(average jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE json_text(average -> 'basis')
        WHEN 'AllTenants' THEN 'All tenants'
        WHEN 'TotalSeats' THEN coalesce(format('Tenants of %s to %s seats',
            coalesce(json_text(average -> 'SeatSizeRangeLowerValue'), json_text(average -> 'seatSizeRangeLowerValue')),
            coalesce(json_text(average -> 'SeatSizeRangeUpperValue'), json_text(average -> 'seatSizeRangeUpperValue'))), 'Tenants of the same size')
        WHEN 'IndustryTypes' THEN 'Tenants of the same industry'
        ELSE json_text(average -> 'basis') END;
COMMENT ON FUNCTION posture_internal.graph_benchmark_name(jsonb) IS 'what people call the basis of an averageComparativeScore';

CREATE FUNCTION posture_internal.graph_score_item(document jsonb, of_source text) RETURNS SETOF item
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH element AS MATERIALIZED (
        SELECT e.location, e.element, coalesce(of_source, 'microsoft-secure-score') AS source,
               CASE WHEN not_object_error(e.element) IS NOT NULL THEN not_object_error(e.element)
                    WHEN coalesce(jsonb_typeof(e.element -> 'controlScores'), 'null') <> 'array' THEN 'no controlScores: not a secureScore'
               END AS odd
        FROM document_element(document, '{value}') e
    ), day AS MATERIALIZED (
        SELECT e.*, CASE WHEN e.odd IS NULL THEN graph_score_error(e.element) END AS error,
               parse_time(json_text(e.element -> 'createdDateTime')) AS observed_at
        FROM element e
    ), good AS MATERIALIZED (
        SELECT * FROM day d WHERE d.odd IS NULL AND d.error IS NULL
    ), control AS MATERIALIZED (
        SELECT format('%s.controlScores[%s]', d.location, c.n - 1) AS location, d.location AS of_day, d.source, d.observed_at, c.control,
               graph_control_error(c.control) AS error, json_text(c.control -> 'controlName') AS key
        FROM good d
        CROSS JOIN LATERAL jsonb_array_elements(d.element -> 'controlScores') WITH ORDINALITY c(control, n)
    ), given AS (
        -- how a control stood before what is known is history only
        SELECT DISTINCT ON (c.key) c.*
        FROM control c
        LEFT JOIN initiative i ON i.key = c.source
        WHERE c.error IS NULL AND c.observed_at >= coalesce(parse_time(i.details #>> '{report,observed_at}'), '-infinity')
        ORDER BY c.key, c.observed_at DESC, c.location
    )
    SELECT d.location, coalesce(d.odd, d.error), CASE WHEN d.odd IS NULL THEN 'report' END, d.source,
           NULL, NULL, NULL, NULL::timestamptz, NULL, NULL, NULL::jsonb,
           CASE WHEN coalesce(d.odd, d.error) IS NOT NULL THEN d.element ELSE
               jsonb_build_object(
                   'initiative', d.source, 'observed_at', json_text(d.element -> 'createdDateTime'),
                   -- as published: the day is in the time stamp, whatever its zone
                   'day', left(json_text(d.element -> 'createdDateTime'), 10),
                   'achieved', d.element -> 'currentScore', 'possible', d.element -> 'maxScore',
                   'controls', coalesce((SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                                                    'recommendation', c.key, 'score', json_number(c.control -> 'score'),
                                                    'percentage', json_number(c.control -> 'scoreInPercentage'))) ORDER BY c.location)
                                         FROM control c WHERE c.of_day = d.location AND c.error IS NULL), '[]')) END
    FROM day d
    UNION ALL
    SELECT c.location, c.error, 'recommendation', c.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL, c.control
    FROM control c
    WHERE c.error IS NOT NULL
    UNION ALL
    SELECT t.location, NULL, 'recommendation', t.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_strip_nulls(jsonb_build_object(
               'key', t.key,
               'description', json_text(t.control -> 'description'),
               'markup', CASE WHEN markup(json_text(t.control -> 'description')) = 'html' THEN 'html' END,
               'domain', lower(json_text(t.control -> 'controlCategory'))))
           || jsonb_build_object('details', jsonb_build_object('control_score',
               t.control - '{controlName,controlCategory,description,lastSynced}'::text[]))
    FROM given t
    UNION ALL
    SELECT d.location, NULL, 'benchmark', d.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_build_object('initiative', d.source, 'key', a.average ->> 'basis', 'name', graph_benchmark_name(a.average),
                              'day', left(json_text(d.element -> 'createdDateTime'), 10), 'score', s.score, 'details', a.average)
    FROM good d
    CROSS JOIN LATERAL jsonb_array_elements(array_or_empty(d.element -> 'averageComparativeScores')) a(average)
    CROSS JOIN LATERAL (SELECT graph_benchmark_score(a.average, json_number(d.element -> 'maxScore')) AS score
                        WHERE jsonb_typeof(a.average) = 'object') s
    WHERE json_text(a.average -> 'basis') IS NOT NULL AND s.score IS NOT NULL
    UNION ALL
    SELECT '$', NULL, v.type, s.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL, v.object
    FROM (SELECT DISTINCT d.source FROM good d) s
    CROSS JOIN LATERAL (VALUES
        ('source', jsonb_build_object('key', s.source, 'name', 'Microsoft Secure Score', 'product', 'Microsoft Secure Score')),
        ('initiative', jsonb_build_object('key', s.source, 'name', 'Microsoft Secure Score', 'kind', 'secure score', 'method', 'points'))) v(type, object);
END;
COMMENT ON FUNCTION posture_internal.graph_score_item(jsonb, text) IS 'the items of secureScores: controls, benchmarks, and a report of each day';

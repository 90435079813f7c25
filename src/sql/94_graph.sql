/*
 * Microsoft Secure Score, as Microsoft Graph publishes it: profiles say what
 * each control is about and worth, scores say how many points of it a tenant
 * has. Either may come first, and may lack what the other has.
 */

-- The states that a person gives a control. Resolved through a third party or
-- by another mitigation it earns its points; ignored it doesn't, and is off the
-- list. "reviewed" is what the API calls the alternate mitigation.
CREATE FUNCTION posture.graph_exemption(state text) RETURNS posture.exemption_kind
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE regexp_replace(lower(state), '[^a-z]', '', 'g')
        WHEN 'ignored' THEN 'risk_accepted' WHEN 'ignore' THEN 'risk_accepted' WHEN 'riskaccepted' THEN 'risk_accepted'
        WHEN 'thirdparty' THEN 'mitigated' WHEN 'resolvedthroughthirdparty' THEN 'mitigated'
        WHEN 'reviewed' THEN 'mitigated'
        WHEN 'alternate' THEN 'mitigated' WHEN 'alternatemitigation' THEN 'mitigated'
        WHEN 'resolvedthroughalternatemitigation' THEN 'mitigated'
    END::posture.exemption_kind;
COMMENT ON FUNCTION posture.graph_exemption(text) IS 'the exemption that a state of a control is; NULL: none, as of Default';

CREATE FUNCTION posture.graph_profile_fault(element jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN posture.item_fault(
        posture.key_fault('id', posture.text_at(element, 'id')),
        CASE WHEN coalesce(jsonb_typeof(element -> 'maxScore'), 'null') NOT IN ('number', 'null')
             THEN 'maxScore: expected a number, found ' || posture.what_is(element -> 'maxScore') END,
        CASE WHEN posture.number_at(element, 'maxScore') < 0 THEN format('maxScore is %s', element -> 'maxScore') END,
        CASE WHEN coalesce(jsonb_typeof(element -> 'deprecated'), 'null') NOT IN ('boolean', 'null')
             THEN 'deprecated: expected a boolean, found ' || posture.what_is(element -> 'deprecated') END,
        CASE WHEN coalesce(jsonb_typeof(element -> 'controlStateUpdates'), 'null') NOT IN ('array', 'null')
             THEN 'controlStateUpdates: expected an array, found ' || posture.what_is(element -> 'controlStateUpdates') END);
COMMENT ON FUNCTION posture.graph_profile_fault(jsonb) IS 'why a secureScoreControlProfile can''t be loaded; NULL: it can';

CREATE FUNCTION posture.graph_profile_item(document jsonb, of_source text) RETURNS SETOF posture.item
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH element AS MATERIALIZED (
        SELECT e.location, e.element,
               CASE WHEN posture.not_object(e.element) IS NOT NULL THEN posture.not_object(e.element)
                    WHEN NOT e.element ?| '{maxScore,controlCategory,controlStateUpdates,actionType}'
                        THEN 'no maxScore, controlCategory or actionType: not a secureScoreControlProfile'
                    WHEN e.element ? 'controlScores' THEN 'controlScores: not a secureScoreControlProfile but a secureScore'
               END AS odd
        FROM posture.document_element(document, '{value}') e
    ), profile AS MATERIALIZED (
        SELECT e.location, e.element, e.odd, CASE WHEN e.odd IS NULL THEN posture.graph_profile_fault(e.element) END AS fault,
               coalesce(of_source, 'microsoft-secure-score') AS source, posture.text_at(e.element, 'id') AS key
        FROM element e
    ), state AS (
        -- the latest of its updates is the state that it is in
        SELECT p.location, p.source, p.key, u.change, posture.graph_exemption(posture.text_at(u.change, 'state')) AS kind
        FROM profile p
        LEFT JOIN LATERAL (SELECT a.change
                           FROM jsonb_array_elements(posture.array_at(p.element, 'controlStateUpdates')) WITH ORDINALITY a(change, n)
                           ORDER BY posture.moment(posture.text_at(a.change, 'updatedDateTime')) DESC NULLS LAST, a.n DESC
                           LIMIT 1) u ON true
        WHERE p.odd IS NULL AND p.fault IS NULL
    )
    SELECT p.location, coalesce(p.odd, p.fault), CASE WHEN p.odd IS NULL THEN 'recommendation' END, p.source,
           NULL, NULL, NULL, NULL::timestamptz, NULL, NULL, NULL::jsonb,
           CASE WHEN coalesce(p.odd, p.fault) IS NOT NULL THEN p.element ELSE
               jsonb_strip_nulls(jsonb_build_object(
                   'key', p.key,
                   'title', posture.text_at(p.element, 'title'),
                   'remediation', posture.text_at(p.element, 'remediation'),
                   'markup', posture.markup(posture.text_at(p.element, 'remediation')),
                   'workload', posture.text_at(p.element, 'service'),
                   'domain', lower(posture.text_at(p.element, 'controlCategory')),
                   'max_points', posture.number_at(p.element, 'maxScore'),
                   'manage_url', posture.text_at(p.element, 'actionUrl'),
                   'assigned_to', posture.text_at(s.change, 'assignedTo'),
                   'is_active', NOT coalesce((p.element ->> 'deprecated')::boolean, false)))
               || jsonb_build_object('details', p.element - '{id,title,remediation,service,controlCategory,maxScore,actionUrl,deprecated}'::text[])
           END
    FROM profile p LEFT JOIN state s USING (location)
    UNION ALL
    SELECT s.location, NULL, 'exemption', s.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_build_object('recommendation', s.key, 'kind', s.kind)
           || CASE WHEN s.kind IS NULL THEN '{}' ELSE
               jsonb_strip_nulls(jsonb_build_object(
                   'reason', coalesce(posture.text_at(s.change, 'comment'), format('set to %s', posture.text_at(s.change, 'state'))),
                   'approved_by', posture.text_at(s.change, 'updatedBy'),
                   'created_at', CASE WHEN m.at <= now() THEN m.at END)) END
    FROM state s
    CROSS JOIN LATERAL posture.moment(posture.text_at(s.change, 'updatedDateTime')) m(at)
    UNION ALL
    SELECT '$', NULL, 'source', s.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_build_object('key', s.source, 'name', 'Microsoft Secure Score', 'product', 'Microsoft Secure Score')
    FROM (SELECT DISTINCT p.source FROM profile p WHERE p.odd IS NULL) s;
END;
COMMENT ON FUNCTION posture.graph_profile_item(jsonb, text) IS 'the items of secureScoreControlProfiles: recommendations, and exemptions by the state that a person gave';

CREATE FUNCTION posture.graph_score_fault(element jsonb) RETURNS text
    LANGUAGE sql STABLE
    RETURN posture.item_fault(
        CASE WHEN posture.text_at(element, 'createdDateTime') IS NULL THEN 'missing createdDateTime'
             WHEN posture.moment(posture.text_at(element, 'createdDateTime')) IS NULL
                 THEN format('createdDateTime is no time: "%s"', left(posture.text_at(element, 'createdDateTime'), 100))
             WHEN posture.moment(posture.text_at(element, 'createdDateTime')) > statement_timestamp()
                 THEN format('createdDateTime is in the future: %s', left(posture.text_at(element, 'createdDateTime'), 100)) END,
        CASE WHEN posture.number_at(element, 'currentScore') IS NULL THEN 'missing currentScore'
             WHEN posture.number_at(element, 'maxScore') IS NULL THEN 'missing maxScore'
             WHEN posture.number_at(element, 'currentScore') < 0 OR posture.number_at(element, 'currentScore') > posture.number_at(element, 'maxScore')
                  OR posture.number_at(element, 'maxScore') > 1e15
                 THEN format('currentScore %s of maxScore %s', element -> 'currentScore', element -> 'maxScore') END);
COMMENT ON FUNCTION posture.graph_score_fault(jsonb) IS 'why a secureScore can''t be loaded; NULL: it can';

CREATE FUNCTION posture.graph_control_fault(control jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN posture.item_fault(
        posture.not_object(control),
        posture.key_fault('controlName', posture.text_at(control, 'controlName')),
        CASE WHEN posture.number_at(control, 'score') IS NULL AND posture.number_at(control, 'scoreInPercentage') IS NULL
                 THEN 'neither score nor scoreInPercentage'
             -- as domain points has it
             WHEN posture.number_at(control, 'score') NOT BETWEEN 0 AND 1e15 THEN format('score is %s', control -> 'score')
             WHEN posture.number_at(control, 'scoreInPercentage') NOT BETWEEN 0 AND 100
                 THEN format('scoreInPercentage is %s', control -> 'scoreInPercentage') END);
COMMENT ON FUNCTION posture.graph_control_fault(jsonb) IS 'why a controlScore can''t be loaded; NULL: it can';

-- Averages are percentages; where one is none, because it is above 100 as in
-- documents of earlier years, it is points, of the points of its categories or
-- else of the tenant's.
CREATE FUNCTION posture.graph_benchmark_score(average jsonb, tenant_max numeric) RETURNS posture.score
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT CASE WHEN a.score BETWEEN 0 AND 100 THEN round(a.score, 6)::posture.score
                        WHEN a.score > 100 AND a.score <= a.possible THEN round(100 * a.score / a.possible, 6)::posture.score END
            FROM (SELECT posture.number_at(average, 'averageScore') AS score,
                         coalesce(nullif((SELECT sum(posture.number_at(average, c.key))
                                          FROM jsonb_object_keys(average) c(key) WHERE c.key LIKE '%ScoreMax'), 0), tenant_max) AS possible) a);
COMMENT ON FUNCTION posture.graph_benchmark_score(jsonb, numeric) IS 'what others score, from an averageComparativeScore; NULL: it says none';

CREATE FUNCTION posture.graph_benchmark_name(average jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE posture.text_at(average, 'basis')
        WHEN 'AllTenants' THEN 'All tenants'
        WHEN 'TotalSeats' THEN coalesce(format('Tenants of %s to %s seats',
            coalesce(posture.text_at(average, 'SeatSizeRangeLowerValue'), posture.text_at(average, 'seatSizeRangeLowerValue')),
            coalesce(posture.text_at(average, 'SeatSizeRangeUpperValue'), posture.text_at(average, 'seatSizeRangeUpperValue'))), 'Tenants of the same size')
        WHEN 'IndustryTypes' THEN 'Tenants of the same industry'
        ELSE posture.text_at(average, 'basis') END;
COMMENT ON FUNCTION posture.graph_benchmark_name(jsonb) IS 'what people call the basis of an averageComparativeScore';

CREATE FUNCTION posture.graph_score_item(document jsonb, of_source text) RETURNS SETOF posture.item
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH element AS MATERIALIZED (
        SELECT e.location, e.element, coalesce(of_source, 'microsoft-secure-score') AS source,
               CASE WHEN posture.not_object(e.element) IS NOT NULL THEN posture.not_object(e.element)
                    WHEN coalesce(jsonb_typeof(e.element -> 'controlScores'), 'null') <> 'array' THEN 'no controlScores: not a secureScore'
               END AS odd
        FROM posture.document_element(document, '{value}') e
    ), day AS MATERIALIZED (
        SELECT e.*, CASE WHEN e.odd IS NULL THEN posture.graph_score_fault(e.element) END AS fault,
               posture.moment(posture.text_at(e.element, 'createdDateTime')) AS observed_at
        FROM element e
    ), good AS MATERIALIZED (
        SELECT * FROM day d WHERE d.odd IS NULL AND d.fault IS NULL
    ), control AS MATERIALIZED (
        SELECT format('%s.controlScores[%s]', d.location, c.n - 1) AS location, d.location AS of_day, d.source, d.observed_at, c.control,
               posture.graph_control_fault(c.control) AS fault, posture.text_at(c.control, 'controlName') AS key
        FROM good d
        CROSS JOIN LATERAL jsonb_array_elements(d.element -> 'controlScores') WITH ORDINALITY c(control, n)
    ), told AS (
        -- how a control stood before what is known is history only
        SELECT DISTINCT ON (c.key) c.*
        FROM control c
        LEFT JOIN posture.initiative i ON i.key = c.source
        WHERE c.fault IS NULL AND c.observed_at >= coalesce(posture.moment(i.details #>> '{report,observed_at}'), '-infinity')
        ORDER BY c.key, c.observed_at DESC, c.location
    )
    SELECT d.location, coalesce(d.odd, d.fault), CASE WHEN d.odd IS NULL THEN 'report' END, d.source,
           NULL, NULL, NULL, NULL::timestamptz, NULL, NULL, NULL::jsonb,
           CASE WHEN coalesce(d.odd, d.fault) IS NOT NULL THEN d.element ELSE
               jsonb_build_object(
                   'initiative', d.source, 'observed_at', posture.text_at(d.element, 'createdDateTime'),
                   -- as published: the day is in the time stamp, whatever its zone
                   'day', left(posture.text_at(d.element, 'createdDateTime'), 10),
                   'achieved', d.element -> 'currentScore', 'possible', d.element -> 'maxScore',
                   'controls', coalesce((SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                                                    'recommendation', c.key, 'score', posture.number_at(c.control, 'score'),
                                                    'percentage', posture.number_at(c.control, 'scoreInPercentage'))) ORDER BY c.location)
                                         FROM control c WHERE c.of_day = d.location AND c.fault IS NULL), '[]')) END
    FROM day d
    UNION ALL
    SELECT c.location, c.fault, 'recommendation', c.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL, c.control
    FROM control c
    WHERE c.fault IS NOT NULL
    UNION ALL
    SELECT t.location, NULL, 'recommendation', t.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_strip_nulls(jsonb_build_object(
               'key', t.key,
               'description', posture.text_at(t.control, 'description'),
               'markup', CASE WHEN posture.markup(posture.text_at(t.control, 'description')) = 'html' THEN 'html' END,
               'domain', lower(posture.text_at(t.control, 'controlCategory'))))
           || jsonb_build_object('details', jsonb_build_object('control_score',
               t.control - '{controlName,controlCategory,description,lastSynced}'::text[]))
    FROM told t
    UNION ALL
    SELECT d.location, NULL, 'benchmark', d.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_build_object('initiative', d.source, 'key', a.average ->> 'basis', 'name', posture.graph_benchmark_name(a.average),
                              'day', left(posture.text_at(d.element, 'createdDateTime'), 10), 'score', s.score, 'details', a.average)
    FROM good d
    CROSS JOIN LATERAL jsonb_array_elements(posture.array_at(d.element, 'averageComparativeScores')) a(average)
    CROSS JOIN LATERAL (SELECT posture.graph_benchmark_score(a.average, posture.number_at(d.element, 'maxScore')) AS score
                        WHERE jsonb_typeof(a.average) = 'object') s
    WHERE posture.text_at(a.average, 'basis') IS NOT NULL AND s.score IS NOT NULL
    UNION ALL
    SELECT '$', NULL, v.type, s.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL, v.object
    FROM (SELECT DISTINCT d.source FROM good d) s
    CROSS JOIN LATERAL (VALUES
        ('source', jsonb_build_object('key', s.source, 'name', 'Microsoft Secure Score', 'product', 'Microsoft Secure Score')),
        ('initiative', jsonb_build_object('key', s.source, 'name', 'Microsoft Secure Score', 'kind', 'secure score', 'method', 'points'))) v(type, object);
END;
COMMENT ON FUNCTION posture.graph_score_item(jsonb, text) IS 'the items of secureScores: controls, benchmarks, and a report of each day';

/*
 * What profiles and scores say together. A control of the latest report is
 * worth its profile's maxScore, or else what its score and percentage make; of
 * controls that say neither, only what all of them together are worth is known:
 * what the tenant's maxScore has beyond the others.
 */
CREATE FUNCTION posture.graph_points(control jsonb, max_points numeric, OUT achieved numeric, OUT possible numeric)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT trim_scale(p.achieved), trim_scale(greatest(p.possible, p.achieved))
    FROM (SELECT coalesce(c.score, c.percentage * c.worth / 100) AS achieved, c.worth AS possible
          FROM (SELECT g.score, g.percentage,
                       coalesce(max_points, CASE WHEN g.percentage > 0 THEN round(100 * g.score / g.percentage, 6) END) AS worth
                FROM (SELECT posture.number_at(control, 'score') AS score, posture.number_at(control, 'percentage') AS percentage) g) c
          WHERE c.worth <= 1e15) p;
END;
COMMENT ON FUNCTION posture.graph_points(jsonb, numeric) IS 'points achieved and possible of a control; NULL: what it is worth is not known';

CREATE FUNCTION posture.graph_report(report jsonb, of_source text)
    RETURNS TABLE (recommendation_id integer, achieved numeric, possible numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH control AS MATERIALIZED (
        SELECT r.recommendation_id, p.achieved, p.possible, r.is_active
        FROM jsonb_array_elements(posture.array_at(report, 'controls')) c(control)
        JOIN posture.source s ON s.key = of_source
        JOIN posture.recommendation r ON r.source_id = s.source_id AND r.key = c.control ->> 'recommendation'
        CROSS JOIN LATERAL posture.graph_points(c.control, r.max_points::numeric) p
    ), rest AS (
        SELECT posture.number_at(report, 'achieved') - coalesce(sum(c.achieved), 0) AS achieved,
               posture.number_at(report, 'possible') - coalesce(sum(c.possible), 0) AS possible
        FROM control c
    )
    SELECT c.recommendation_id, c.achieved, c.possible FROM control c WHERE c.is_active AND c.possible IS NOT NULL
    UNION ALL
    SELECT r.recommendation_id, greatest(least(x.achieved, x.possible), 0), x.possible
    FROM rest x
    JOIN posture.source s ON s.key = of_source
    JOIN posture.recommendation r ON r.source_id = s.source_id AND r.key = 'other-controls'
    WHERE x.possible > 0;
END;
COMMENT ON FUNCTION posture.graph_report(jsonb, text) IS 'the points of each control of a report of a day, and of all those together of which it is not known what each is worth';

CREATE FUNCTION posture.graph_settle(of_source text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    of_initiative posture.initiative;
    latest jsonb;
    before jsonb;
BEGIN
    SELECT i.* INTO of_initiative FROM posture.initiative i WHERE i.key = of_source;
    before := of_initiative.details -> 'report';
    SELECT i.object INTO latest
    FROM pg_temp.posture_item i
    WHERE i.type = 'report' AND i.fault IS NULL AND i.source = of_source
    ORDER BY (i.object ->> 'observed_at')::timestamptz DESC, i.ctid DESC
    LIMIT 1;
    IF latest IS NULL OR (latest ->> 'observed_at')::timestamptz < (before ->> 'observed_at')::timestamptz THEN
        latest := before;
    END IF;
    IF latest IS NULL THEN
        RETURN;
    END IF;

    UPDATE posture.initiative i
    SET details = coalesce(i.details, '{}') || jsonb_build_object('report', latest)
    WHERE i.initiative_id = of_initiative.initiative_id AND latest IS DISTINCT FROM before;
    INSERT INTO posture.recommendation (source_id, key, title, description)
    SELECT s.source_id, 'other-controls', 'Controls whose points are not published',
           'Controls that have no profile and no points: what all of them together are worth is what the possible points of the tenant have beyond those of the others.'
    FROM posture.source s WHERE s.key = of_source
    ON CONFLICT (source_id, key) DO NOTHING;

    CREATE TEMP TABLE posture_point ON COMMIT DROP AS
    SELECT p.* FROM posture.graph_report(latest, of_source) p;
    ANALYZE pg_temp.posture_point;
    DELETE FROM posture.initiative_recommendation m
    WHERE m.initiative_id = of_initiative.initiative_id
      AND NOT EXISTS (SELECT FROM pg_temp.posture_point p WHERE p.recommendation_id = m.recommendation_id);
    INSERT INTO posture.initiative_recommendation (initiative_id, recommendation_id)
    SELECT of_initiative.initiative_id, p.recommendation_id FROM pg_temp.posture_point p
    ON CONFLICT DO NOTHING;
    DELETE FROM posture.measure m
    USING posture.recommendation r JOIN posture.source s USING (source_id)
    WHERE s.key = of_source AND r.recommendation_id = m.recommendation_id
      AND NOT EXISTS (SELECT FROM pg_temp.posture_point p WHERE p.recommendation_id = m.recommendation_id);
    INSERT INTO posture.measure AS m (recommendation_id, achieved, possible, observed_at)
    SELECT p.recommendation_id, p.achieved, p.possible, (latest ->> 'observed_at')::timestamptz FROM pg_temp.posture_point p
    ON CONFLICT (recommendation_id) DO UPDATE
    SET achieved = EXCLUDED.achieved, possible = EXCLUDED.possible, observed_at = EXCLUDED.observed_at
    WHERE (m.achieved, m.possible) IS DISTINCT FROM (EXCLUDED.achieved, EXCLUDED.possible);
    DROP TABLE pg_temp.posture_point;
    PERFORM posture.graph_history(of_source, of_initiative);
END $$;
COMMENT ON FUNCTION posture.graph_settle(text) IS 'step of load(): measures of the latest report, by what is known now of each control';

CREATE FUNCTION posture.graph_history(of_source text, of_initiative posture.initiative) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- a day that has its snapshot keeps it
    CREATE TEMP TABLE posture_day ON COMMIT DROP AS
    SELECT DISTINCT ON ((i.object ->> 'day')::date) (i.object ->> 'day')::date AS day, i.object
    FROM pg_temp.posture_item i
    WHERE i.type = 'report' AND i.fault IS NULL AND i.source = of_source AND (i.object ->> 'day')::date < posture.today()
      AND NOT EXISTS (SELECT FROM posture.initiative_snapshot s
                      WHERE s.day = (i.object ->> 'day')::date AND s.initiative_id = of_initiative.initiative_id AND posture.has_snapshot(s.day))
    ORDER BY 1, i.ctid DESC;
    ANALYZE pg_temp.posture_day;

    DELETE FROM posture.recommendation_snapshot s
    USING pg_temp.posture_day d, posture.recommendation r JOIN posture.source o USING (source_id)
    WHERE s.day = d.day AND s.recommendation_id = r.recommendation_id AND o.key = of_source AND s.is_reported;
    INSERT INTO posture.recommendation_snapshot (day, recommendation_id, exposed, assessed, achieved, possible, is_reported, is_measured)
    SELECT d.day, p.recommendation_id, 0, 0, p.achieved, p.possible, true, true
    FROM pg_temp.posture_day d CROSS JOIN LATERAL posture.graph_report(d.object, of_source) p
    ON CONFLICT (day, recommendation_id) DO NOTHING;
    INSERT INTO posture.initiative_snapshot AS s (day, initiative_id, score, method, key, name, recommendations, is_reported)
    SELECT d.day, of_initiative.initiative_id, posture.score(sum(p.possible - p.achieved), sum(p.possible)), 'points',
           of_initiative.key, of_initiative.name, array_agg(p.recommendation_id ORDER BY p.recommendation_id), true
    FROM pg_temp.posture_day d CROSS JOIN LATERAL posture.graph_report(d.object, of_source) p
    GROUP BY d.day
    ON CONFLICT (day, initiative_id) DO UPDATE
    SET score = EXCLUDED.score, recommendations = EXCLUDED.recommendations
    WHERE s.is_reported;
    DROP TABLE pg_temp.posture_day;
END $$;
COMMENT ON FUNCTION posture.graph_history(text, posture.initiative) IS 'step of graph_settle(): past days as the source reported them';

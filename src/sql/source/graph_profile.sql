/*
 * Format graph-secure-score-profiles: the controls of Microsoft Secure Score, as
 * Microsoft Graph publishes them. Profiles say what each control is about and
 * worth, scores how many of its points a tenant has. Either document may be
 * loaded first, and each may contain controls that the other does not.
 */

-- A state is what a person set a control to. A control that is resolved through
-- a third party or by another mitigation earns its points. An ignored control earns
-- none and leaves the list. "reviewed" is what the API calls an alternate mitigation.
CREATE FUNCTION posture_internal.graph_exemption(state text) RETURNS exemption_kind
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE regexp_replace(lower(state), '[^a-z]', '', 'g')
        WHEN 'ignored' THEN 'risk_accepted' WHEN 'ignore' THEN 'risk_accepted'
        WHEN 'riskaccepted' THEN 'risk_accepted'
        WHEN 'thirdparty' THEN 'mitigated' WHEN 'resolvedthroughthirdparty' THEN 'mitigated'
        WHEN 'reviewed' THEN 'mitigated'
        WHEN 'alternate' THEN 'mitigated' WHEN 'alternatemitigation' THEN 'mitigated'
        WHEN 'resolvedthroughalternatemitigation' THEN 'mitigated'
    END::exemption_kind;
COMMENT ON FUNCTION posture_internal.graph_exemption(text) IS
    'returns the kind of exemption that a state of a control is; '
    'NULL for other states, such as Default';

-- The id of a score begins with the tenant and ends with the day.
CREATE FUNCTION posture_internal.graph_tenant(element jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN lower(coalesce(json_text(element -> 'azureTenantId'),
                          substring(json_text(element -> 'id')
                                    FROM '^(.+)_[0-9]{4}-[0-9]{2}-[0-9]{2}$')));
COMMENT ON FUNCTION posture_internal.graph_tenant(jsonb) IS
    'returns the tenant that a profile or a score is of; NULL if it names none';

-- The controls of all tenants have the same names, so the points of one would replace
-- those of another.
CREATE FUNCTION posture_internal.graph_check_tenant(document jsonb, of_source text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    tenants text[] := ARRAY(SELECT DISTINCT graph_tenant(e.element)
                            FROM microsoft_element(document) e
                            WHERE graph_tenant(e.element) IS NOT NULL ORDER BY 1);
    known text := (SELECT coalesce(
        (SELECT i.details #>> '{report,tenant}' FROM initiative i WHERE i.key = of_source),
        (SELECT graph_tenant(r.details)
         FROM recommendation r JOIN source s USING (source_id)
         WHERE s.key = of_source AND graph_tenant(r.details) IS NOT NULL LIMIT 1)));
BEGIN
    IF cardinality(tenants) > 1 THEN
        RAISE EXCEPTION 'document is of more than one tenant'
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('It has tenants "%s" and "%s".', left(tenants[1], 100),
                                  left(tenants[2], 100)),
                  HINT = 'Load what is of each tenant as a source of its own, with the argument '
                         '"source".';
    ELSIF known <> ALL (tenants) AND tenants <> '{}' THEN
        RAISE EXCEPTION 'source "%" is of another tenant', left(of_source, 100)
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('The source is of tenant "%s", and the document of tenant "%s".',
                                  left(known, 100), left(tenants[1], 100)),
                  HINT = 'Load it as a source of its own, with the argument "source".';
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.graph_check_tenant(jsonb, text) IS
    'step of load(): raises an error if a document of Secure Score is of several tenants, or of '
    'another than its source';

CREATE FUNCTION posture_internal.graph_profile_error(element jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN first_error(
        key_error('id', json_text(element -> 'id')),
        number_error('maxScore', element -> 'maxScore'),
        CASE WHEN json_number(element -> 'maxScore') < 0
             THEN format('maxScore is %s', element -> 'maxScore') END,
        CASE WHEN lower(json_text(element -> 'deprecated')) NOT IN ('true', 'false')
                  OR jsonb_typeof(element -> 'deprecated') IN ('array', 'object')
             THEN 'deprecated: expected a boolean, found '
                  || json_type_name(element -> 'deprecated') END,
        CASE WHEN coalesce(jsonb_typeof(element -> 'controlStateUpdates'), 'null')
                  NOT IN ('array', 'null')
             THEN 'controlStateUpdates: expected an array, found '
                  || json_type_name(element -> 'controlStateUpdates') END);
COMMENT ON FUNCTION posture_internal.graph_profile_error(jsonb) IS
    'returns why a secureScoreControlProfile can''t be loaded; NULL if it can';

CREATE FUNCTION posture_internal.graph_profile_item(document jsonb, of_source text)
    RETURNS SETOF item
    LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
    WITH element AS MATERIALIZED (
        SELECT e.location, e.element,
               CASE WHEN not_object_error(e.element) IS NOT NULL THEN not_object_error(e.element)
                    WHEN NOT e.element ?| '{maxScore,controlCategory,controlStateUpdates,'
                                          'actionType}'
                    THEN 'no maxScore, controlCategory or actionType: '
                         'not a secureScoreControlProfile'
                    WHEN e.element ? 'controlScores'
                    THEN 'controlScores: not a secureScoreControlProfile but a secureScore'
               END AS format_error
        FROM microsoft_element(document) e
    ), profile AS (
        SELECT e.location, e.element, e.format_error,
               CASE WHEN e.format_error IS NULL THEN graph_profile_error(e.element) END AS error,
               coalesce(of_source, 'microsoft-secure-score') AS source,
               json_text(e.element -> 'id') AS key
        FROM element e
    ), state AS (
        -- The latest update gives the current state.
        SELECT p.location, p.source, p.key, u.change,
               graph_exemption(json_text(u.change -> 'state')) AS kind
        FROM profile p
        LEFT JOIN LATERAL (
            SELECT a.change
            FROM jsonb_array_elements(array_or_empty(p.element -> 'controlStateUpdates'))
                 WITH ORDINALITY a(change, n)
            ORDER BY parse_time(json_text(a.change -> 'updatedDateTime')) DESC NULLS LAST, a.n DESC
            LIMIT 1) u ON true
        WHERE p.format_error IS NULL AND p.error IS NULL
    )
    SELECT p.location, coalesce(p.format_error, p.error),
           CASE WHEN p.format_error IS NULL THEN 'recommendation' END, p.source,
           NULL, NULL, NULL, NULL::timestamptz, NULL, NULL, NULL::jsonb,
           CASE WHEN coalesce(p.format_error, p.error) IS NOT NULL THEN p.element ELSE
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
                   'is_active', lower(json_text(p.element -> 'deprecated')) IS DISTINCT FROM 'true'))
               || jsonb_build_object('details', p.element
                   - '{id,title,remediation,service,controlCategory,maxScore,'
                     'actionUrl,deprecated}'::text[])
           END
    FROM profile p LEFT JOIN state s USING (location)
    UNION ALL
    SELECT s.location, NULL, 'exemption', s.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_build_object('recommendation', s.key, 'kind', s.kind)
           || CASE WHEN s.kind IS NULL THEN '{}' ELSE
               jsonb_strip_nulls(jsonb_build_object(
                   'reason', coalesce(json_text(s.change -> 'comment'),
                                      format('set to %s', json_text(s.change -> 'state'))),
                   'approved_by', json_text(s.change -> 'updatedBy'),
                   'created_at', CASE WHEN u.updated_at <= now() THEN u.updated_at END)) END
    FROM state s
    CROSS JOIN LATERAL parse_time(json_text(s.change -> 'updatedDateTime')) u(updated_at)
    UNION ALL
    SELECT '$', NULL, 'source', s.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_build_object('key', s.source, 'name', 'Microsoft Secure Score',
                              'product', 'Microsoft Secure Score')
    FROM (SELECT DISTINCT p.source FROM profile p WHERE p.format_error IS NULL) s;
END;
COMMENT ON FUNCTION posture_internal.graph_profile_item(jsonb, text) IS
    'returns the items of a document of secureScoreControlProfiles: recommendations, '
    'and exemptions for the states that a person set';

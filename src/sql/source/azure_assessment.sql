/*
 * Format azure-assessments: assessments of Microsoft Defender for Cloud.
 */

CREATE FUNCTION posture_internal.azure_assessment(element jsonb)
    RETURNS TABLE (type text, error text, name text, asset text, state text, is_exempt boolean,
                   resource_name text, platform text, link text, has_metadata boolean,
                   former_asset text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.type,
           CASE t.type
               WHEN 'finding' THEN CASE
                   WHEN jsonb_typeof(element -> 'properties') = 'string'
                   THEN 'properties: ' || not_object_error(element -> 'properties')
                   WHEN a.properties IS NULL THEN 'missing properties'
                   WHEN a.name IS NULL THEN 'missing name'
                   WHEN a.asset IS NULL
                   THEN 'missing properties.resourceDetails.id, and id is not of a resource'
                   WHEN jsonb_typeof(a.properties -> 'status') = 'string'
                   THEN 'properties.status: ' || not_object_error(a.properties -> 'status')
                   WHEN a.code IS NULL THEN 'missing properties.status.code'
                   WHEN a.state IS NULL
                   THEN format('unrecognized properties.status.code "%s"', left(a.code, 100)) END
               WHEN 'left_out' THEN azure_left_out(a.kind, a.id, 'assessments')
               ELSE CASE
                   WHEN jsonb_typeof(element) <> 'object' THEN not_object_error(element)
                   WHEN a.kind IS NOT NULL
                   THEN format('type "%s" is not Microsoft.Security/assessments', left(a.kind, 100))
                   ELSE 'no properties: not an assessment of Defender for Cloud' END END,
           a.name, a.asset, CASE WHEN a.is_exempt THEN 'non_compliant' ELSE a.state END,
           a.is_exempt, a.resource_name, a.platform, a.link, a.has_metadata, a.former_asset
    FROM (SELECT e.id, json_text(element -> 'type') AS kind, s.properties,
                 r.asset, r.former_asset, r.name AS resource_name, r.platform,
                 lower(coalesce(json_text(element -> 'name'),
                                substring(e.id FROM '/assessments/([^/]+)$'))) AS name,
                 json_text(p.status -> 'code') AS code,
                 CASE lower(c.code) WHEN 'healthy' THEN 'compliant'
                                    WHEN 'unhealthy' THEN 'non_compliant'
                                    WHEN 'notapplicable' THEN 'not_applicable' END AS state,
                 -- Versions of the API without a cause say it in the description.
                 coalesce(lower(c.code) = 'notapplicable'
                          AND coalesce(c.cause, c.description) ~* '\mexempt', false) AS is_exempt,
                 coalesce(json_text(p.links -> 'azurePortal'),
                          json_text(p.links -> 'azurePortalUri')) AS link,
                 coalesce(jsonb_typeof(p.metadata) = 'object', false) AS has_metadata
          FROM (SELECT azure_properties(element) AS properties OFFSET 0) s
          CROSS JOIN LATERAL jsonb_to_record(object_or_empty(element)) e(id text)
          CROSS JOIN LATERAL jsonb_to_record(coalesce(s.properties, '{}'))
              p(status jsonb, "resourceDetails" jsonb, links jsonb, metadata jsonb)
          CROSS JOIN LATERAL jsonb_to_record(object_or_empty(p.status))
              c(code text, cause text, description text)
          CROSS JOIN LATERAL azure_asset(e.id, object_or_empty(p."resourceDetails")) r
          OFFSET 0) a
    CROSS JOIN LATERAL (SELECT CASE
        WHEN azure_left_out(a.kind, a.id, 'assessments') IS NOT NULL THEN 'left_out'
        WHEN lower(a.kind) <> 'microsoft.security/assessments' THEN NULL
        WHEN a.kind IS NOT NULL OR a.properties ? 'status'
             OR a.id ~* '/providers/microsoft\.security/assessments/' THEN 'finding' END AS type
        OFFSET 0) t
    OFFSET 0;
END;
COMMENT ON FUNCTION posture_internal.azure_assessment(jsonb) IS
    'returns what an element of a document of assessments is, and the fields that decide it; '
    'type is NULL if it is not an element of the format; '
    'error is why it can''t be loaded, or is not meant to be if type is left_out; or NULL';

-- Continuous export writes rows with names of their own into Log Analytics. A table has
-- the history of a finding, so the time of the row counts.
CREATE FUNCTION posture_internal.azure_logged_assessment(element jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN element ?& '{recommendationState,assessedResourceId}' THEN
        jsonb_strip_nulls(jsonb_build_object(
            'id', element -> 'recommendationId', 'type', 'Microsoft.Security/assessments',
            'name', coalesce(substring(element ->> 'recommendationId'
                                       FROM '(?i)/assessments/([^/]+)$'),
                             element ->> 'recommendationName'),
            'timeGenerated', element -> 'timeGenerated',
            'properties', jsonb_build_object(
                'displayName', element -> 'recommendationDisplayName',
                'status', jsonb_build_object(
                    'code', element -> 'recommendationState',
                    'cause', nullif(element -> 'notApplicableReason', '""'),
                    'firstEvaluationDate', element -> 'firstEvaluationDate',
                    'statusChangeDate', element -> 'statusChangeDate'),
                'resourceDetails', jsonb_build_object('id', element -> 'assessedResourceId',
                                                      'source', element -> 'environment'),
                'metadata', jsonb_build_object(
                    'displayName', element -> 'recommendationDisplayName',
                    'description', element -> 'description',
                    'severity', element -> 'recommendationSeverity'))))
           ELSE element END;
COMMENT ON FUNCTION posture_internal.azure_logged_assessment(jsonb) IS
    'returns a row of the table SecurityRecommendation of Log Analytics as an assessment, and any '
    'other element as it is';

CREATE FUNCTION posture_internal.azure_assessment_element(document jsonb)
    RETURNS TABLE (location text, element jsonb)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT e.location, azure_logged_assessment(e.element) FROM microsoft_element(document) e;
END;
COMMENT ON FUNCTION posture_internal.azure_assessment_element(jsonb) IS
    'returns the elements of a document of assessments';

CREATE FUNCTION posture_internal.azure_recommendation(key text, properties jsonb, manage_url text)
    RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'key', key,
        'title', coalesce(json_text(m.metadata -> 'displayName'),
                          json_text(properties -> 'displayName')),
        'description', json_text(m.metadata -> 'description'),
        'remediation', json_text(m.metadata -> 'remediationDescription'),
        'markup', CASE WHEN m.metadata ?| '{description,remediationDescription}'
                       THEN markup(concat_ws(
                           ' ', json_text(m.metadata -> 'description'),
                           json_text(m.metadata -> 'remediationDescription'))) END,
        'severity', severity(json_text(m.metadata -> 'severity')),
        'domain', coalesce(json_text(m.metadata #> '{categories,0}'),
                           json_text(m.metadata #> '{category,0}')),
        'manage_url', manage_url,
        'details', nullif(m.metadata - '{displayName,description,remediationDescription}'::text[]
                          - CASE WHEN severity(json_text(m.metadata -> 'severity')) IS NOT NULL
                                 THEN 'severity' ELSE '' END, '{}')))
    FROM (SELECT object_or_empty(properties -> 'metadata') #- '{partnerData,secret}' AS metadata) m;
END;
COMMENT ON FUNCTION posture_internal.azure_recommendation(text, jsonb, text) IS
    'returns the recommendation of an assessment as an object of format posture';

-- Resource Graph gives every row the columns of all its tables.
CREATE FUNCTION posture_internal.azure_columns(element jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT coalesce(jsonb_object_agg(c.key, c.value), '{}')
            FROM jsonb_each(element - '{id,name,type,tenantId,resourceGroup,'
                                      'subscriptionId,properties,timeGenerated}'::text[]) c
            WHERE c.value NOT IN ('null', '""', '[]', '{}'));
COMMENT ON FUNCTION posture_internal.azure_columns(jsonb) IS
    'returns the columns of a row of Resource Graph that have a value, '
    'without those that become tags or identify the assessment';

-- The whole status is stored, so that details are never empty: ingest() keeps the
-- earlier details of a finding that comes without any, and these would give the
-- cause of an earlier state. The times in the status change only with the state.
-- Azure never publishes the secret with which a partner writes its assessments;
-- if a document contains it anyway, it is dropped here.
CREATE FUNCTION posture_internal.azure_details(element jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN element ? 'properties'
                     AND NOT element - '{id,name,type,tenantId,resourceGroup,'
                                       'subscriptionId,properties,timeGenerated}'::text[]
                             <@ '{"kind": "", "location": "", "managedBy": "", "sku": null, '
                                '"plan": null, "tags": null, "identity": null, "zones": null, '
                                '"extendedLocation": null}'
                THEN azure_columns(element) ELSE '{}' END
           || (azure_properties(element) - '{displayName,resourceDetails,metadata}'::text[]
               #- '{partnersData,secret}');
COMMENT ON FUNCTION posture_internal.azure_details(jsonb) IS
    'returns the details of the finding that an assessment is';

-- In Azure Policy an exemption is of category Mitigated (the intent is met in
-- another way) or Waiver (noncompliance is accepted for a time).
CREATE FUNCTION posture_internal.azure_exemption(properties jsonb)
    RETURNS TABLE (kind text, reason text, approved_by text, created_at timestamptz,
                   expires_at timestamptz)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE WHEN c.category ~* '^mitigated' THEN 'mitigated'
                WHEN c.category ~* '^(waiver|risk.?accepted)' THEN 'risk_accepted'
                ELSE 'waived' END,
           coalesce(json_text(p.policy -> 'description'), json_text(p.policy -> 'displayName'),
                    json_text(properties -> 'status' -> 'description'),
                    'exempt in Defender for Cloud'),
           json_text(p.policy -> 'metadata' -> 'approvedBy'),
           parse_time(json_text(properties -> 'status' -> 'statusChangeDate')),
           parse_time(json_text(p.policy -> 'expiresOn'))
    FROM (SELECT jsonb_path_query_first(
              properties, '$.** ? (@.type() == "object" && exists (@.exemptionCategory))') AS policy
          OFFSET 0) p
    CROSS JOIN LATERAL (SELECT coalesce(
        json_text(p.policy -> 'exemptionCategory'),
        substring(concat_ws(' ', json_text(properties -> 'status' -> 'cause'),
                            json_text(properties -> 'status' -> 'description'))
                  FROM '(?i)\m(mitigated|waiver|risk accepted)\M')) AS category OFFSET 0) c;
END;
COMMENT ON FUNCTION posture_internal.azure_exemption(jsonb) IS
    'returns the exemption of an exempt assessment, from its properties';

CREATE FUNCTION posture_internal.azure_extent(element jsonb, subscription text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN extent_key('azure', coalesce(
        substring(lower(json_text(element -> 'id')) FROM '^/subscriptions/([^/]+)'),
        lower(json_text(element -> 'subscriptionId')), subscription,
        substring(lower(json_text(element -> 'id'))
                  FROM '^/providers/microsoft[.]management/(managementgroups/[^/]+)'),
        'no subscription'));
COMMENT ON FUNCTION posture_internal.azure_extent(jsonb, text) IS
    'returns the extent of an assessment: its subscription, else its management group';

/*
 * Azure reports an exempt resource as not applicable, and no longer evaluates
 * it. Here the finding stays non_compliant and gets an exemption. So a mitigated
 * finding counts as compliant and an accepted one stays exposed, as everywhere in
 * posture. A drop is attributed to the start or the end of an exemption, not to
 * an asset that came or left, and the assets that were exposed stay known. An
 * exemption without a category becomes one of kind "waived", which removes the
 * finding from the score, as in Azure.
 */
CREATE FUNCTION posture_internal.azure_assessment_item(document jsonb, of_source text)
    RETURNS SETOF item
    LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
    WITH element AS (
        SELECT e.n, e.location, e.element, coalesce(of_source, 'defender-for-cloud') AS source, a.*,
               r.subscription, r.resource_group, r.resource_type, r.kind,
               coalesce(a.resource_name, r.name) AS asset_name
        FROM azure_assessment_element(document) WITH ORDINALITY e(location, element, n)
        CROSS JOIN LATERAL azure_assessment(e.element) a
        CROSS JOIN LATERAL azure_resource(a.asset) r
    ), valid AS NOT MATERIALIZED (
        SELECT * FROM element e WHERE e.type = 'finding' AND e.error IS NULL
    ), assessment_type AS (
        SELECT v.name, coalesce(min(v.n) FILTER (WHERE v.has_metadata), min(v.n)) AS n,
               -- A link that names a subscription leads to one finding, not to the
               -- recommendation: it is used only if there is no other.
               coalesce(min(v.link COLLATE "C")
                            FILTER (WHERE v.link !~* '(/|%2f)subscriptions(/|%2f)'),
                        min(v.link COLLATE "C")) AS link
        FROM valid v
        GROUP BY v.name
    ), current_exemption AS MATERIALIZED (
        -- An exemption that is in force here may have ended in Azure.
        SELECT r.key::text AS recommendation, lower(a.key) AS asset
        FROM exemption x
        JOIN recommendation r USING (recommendation_id)
        JOIN source s USING (source_id)
        JOIN asset a USING (asset_id)
        WHERE s.key = coalesce(of_source, 'defender-for-cloud')
          AND (x.expires_at IS NULL OR x.expires_at > now())
    )
    SELECT e.location, CASE WHEN e.type IS DISTINCT FROM 'left_out' THEN e.error END, e.type,
           e.source, NULL::text, NULL::text, NULL::text, NULL::timestamptz, NULL::text, NULL::text,
           NULL::jsonb, CASE WHEN e.type = 'left_out' THEN jsonb_build_object('reason', e.error)
                             ELSE e.element END
    FROM element e WHERE e.error IS NOT NULL
    UNION ALL
    (SELECT v.location, NULL, 'source', v.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            jsonb_build_object('key', v.source, 'name', 'Microsoft Defender for Cloud',
                               'product', 'Microsoft Defender for Cloud')
     FROM valid v ORDER BY v.n LIMIT 1)
    UNION ALL
    SELECT v.location, NULL, 'recommendation', v.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           azure_recommendation(v.name, azure_properties(v.element),
                                (SELECT t.link FROM assessment_type t WHERE t.name = v.name))
    FROM valid v
    -- "= true", here and below, keeps IN a hashed subplan. The planner would turn
    -- IN alone into a join, planned for a few rows.
    WHERE (v.n IN (SELECT t.n FROM assessment_type t)) = true
    UNION ALL
    SELECT v.location, NULL, 'asset', v.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_strip_nulls(jsonb_build_object(
               'key', v.asset, 'kind', v.kind, 'name', v.asset_name,
               'tags', nullif(t.tags, '{}'))) || former_asset(v.former_asset, v.asset, t.tags)
    FROM valid v
    CROSS JOIN LATERAL azure_tags(
        v.element, object_or_empty(azure_properties(v.element) -> 'resourceDetails'),
        v.platform, v.subscription, v.resource_group, v.resource_type) t(tags)
    WHERE (v.n IN (SELECT min(o.n) FROM valid o GROUP BY o.asset)) = true
    UNION ALL
    SELECT v.location, NULL, 'finding', v.source, v.name, v.asset, v.state,
           parse_time(json_text(v.element -> 'timeGenerated'), 'UTC', v.source),
           v.kind, v.asset_name, azure_details(v.element),
           extent_object(ARRAY[azure_extent(v.element, v.subscription)])
    FROM valid v
    UNION ALL
    SELECT v.location, NULL, 'exemption', v.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_build_object('recommendation', v.name, 'asset', v.asset, 'kind', x.kind)
           || jsonb_strip_nulls(jsonb_build_object(
               'reason', x.reason, 'approved_by', x.approved_by,
               'created_at', CASE WHEN x.created_at <= now() THEN x.created_at END,
               'expires_at', x.expires_at))
    FROM (SELECT * FROM valid v WHERE v.is_exempt) v
    CROSS JOIN LATERAL azure_exemption(azure_properties(v.element)) x
    UNION ALL
    SELECT v.location, NULL, 'exemption', v.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_build_object('recommendation', v.name, 'asset', v.asset, 'kind', NULL)
    FROM valid v
    WHERE NOT v.is_exempt
      AND ((v.name, lower(v.asset)) IN (SELECT x.recommendation, x.asset
                                        FROM current_exemption x)) = true;
END;
COMMENT ON FUNCTION posture_internal.azure_assessment_item(jsonb, text) IS
    'returns the items of a document of assessments of Defender for Cloud';

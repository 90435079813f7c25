CREATE FUNCTION posture_internal.azure_assessment(element jsonb)
    RETURNS TABLE (type text, error text, name text, asset text, state text, is_exempt boolean, resource_name text, platform text, link text, has_metadata boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.type,
           CASE t.type
               WHEN 'finding' THEN CASE
                   WHEN a.properties IS NULL THEN 'missing properties'
                   WHEN a.name IS NULL THEN 'missing name'
                   WHEN a.asset IS NULL THEN 'missing properties.resourceDetails.id, and id is not of a resource'
                   WHEN a.code IS NULL THEN 'missing properties.status.code'
                   WHEN a.state IS NULL THEN format('unrecognized properties.status.code "%s"', left(a.code, 100)) END
               WHEN 'left_out' THEN NULL
               ELSE CASE
                   WHEN jsonb_typeof(element) <> 'object' THEN not_object_error(element)
                   WHEN a.kind IS NOT NULL THEN format('type "%s" is not Microsoft.Security/assessments', left(a.kind, 100))
                   ELSE 'no properties: not an assessment of Defender for Cloud' END END,
           a.name, a.asset, CASE WHEN a.is_exempt THEN 'non_compliant' ELSE a.state END, a.is_exempt,
           a.resource_name, a.platform, a.link, a.has_metadata
    FROM (SELECT e.id, json_text(element -> 'type') AS kind, s.properties, r.asset, r.name AS resource_name, r.platform,
                 lower(coalesce(json_text(element -> 'name'), substring(e.id FROM '/assessments/([^/]+)$'))) AS name,
                 json_text(p.status -> 'code') AS code,
                 CASE lower(c.code) WHEN 'healthy' THEN 'compliant' WHEN 'unhealthy' THEN 'non_compliant'
                                    WHEN 'notapplicable' THEN 'not_applicable' END AS state,
                 -- before there was a cause, the description said it
                 coalesce(lower(c.code) = 'notapplicable' AND coalesce(c.cause, c.description) ~* '\mexempt', false) AS is_exempt,
                 coalesce(json_text(p.links -> 'azurePortal'), json_text(p.links -> 'azurePortalUri')) AS link,
                 coalesce(jsonb_typeof(p.metadata) = 'object', false) AS has_metadata
          FROM (SELECT azure_properties(element) AS properties OFFSET 0) s
          CROSS JOIN LATERAL jsonb_to_record(CASE jsonb_typeof(element) WHEN 'object' THEN element ELSE '{}' END)
              e(id text)
          CROSS JOIN LATERAL jsonb_to_record(coalesce(s.properties, '{}'))
              p(status jsonb, "resourceDetails" jsonb, links jsonb, metadata jsonb)
          CROSS JOIN LATERAL jsonb_to_record(CASE jsonb_typeof(p.status) WHEN 'object' THEN p.status ELSE '{}' END)
              c(code text, cause text, description text)
          CROSS JOIN LATERAL azure_asset(e.id, CASE jsonb_typeof(p."resourceDetails") WHEN 'object' THEN p."resourceDetails" ELSE '{}' END) r
          OFFSET 0) a
    CROSS JOIN LATERAL (SELECT CASE
        WHEN lower(a.kind) = 'microsoft.security/assessments/subassessments' THEN 'left_out'
        WHEN lower(a.kind) <> 'microsoft.security/assessments' THEN NULL
        WHEN a.kind IS NOT NULL OR a.properties ? 'status' OR a.id ~* '/providers/microsoft\.security/assessments/' THEN 'finding' END AS type
        OFFSET 0) t
    OFFSET 0;
END;
COMMENT ON FUNCTION posture_internal.azure_assessment(jsonb) IS 'what an element of a document of assessments is, and the fields that decide it; type NULL: not an element of the format';

-- By Azure Policy an exemption is of category Mitigated (the intent is met in
-- another way) or Waiver (that it is not met is accepted, for a time).
CREATE FUNCTION posture_internal.azure_exemption(properties jsonb)
    RETURNS TABLE (kind text, reason text, approved_by text, created_at timestamptz, expires_at timestamptz)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE WHEN c.category ~* '^mitigated' THEN 'mitigated'
                WHEN c.category ~* '^(waiver|risk.?accepted)' THEN 'risk_accepted'
                ELSE 'waived' END,
           coalesce(json_text(p.policy -> 'description'), json_text(p.policy -> 'displayName'),
                    json_text(properties -> 'status' -> 'description'), 'exempt in Defender for Cloud'),
           json_text(p.policy -> 'metadata' -> 'approvedBy'),
           parse_time(json_text(properties -> 'status' -> 'statusChangeDate')),
           parse_time(json_text(p.policy -> 'expiresOn'))
    FROM (SELECT jsonb_path_query_first(properties, '$.** ? (@.type() == "object" && exists (@.exemptionCategory))') AS policy OFFSET 0) p
    CROSS JOIN LATERAL (SELECT coalesce(
        json_text(p.policy -> 'exemptionCategory'),
        substring(concat_ws(' ', json_text(properties -> 'status' -> 'cause'), json_text(properties -> 'status' -> 'description'))
                  FROM '(?i)\m(mitigated|waiver|risk accepted)\M')) AS category OFFSET 0) c;
END;
COMMENT ON FUNCTION posture_internal.azure_exemption(jsonb) IS 'the exemption that the properties of an exempt assessment tell of';

/*
 * A resource that is exempt Azure calls not applicable, and evaluates it no
 * more. Here it stays non_compliant, and an exemption takes it out of the
 * score: so a mitigated one counts as compliant as everywhere in posture, an
 * accepted one stays exposed, a drop can tell that an exemption was given or
 * ended rather than that an asset came or left, and what was exposed before
 * stays known. An exemption without a category is a waiver of posture's kind,
 * which leaves the score as it leaves Azure's.
 */
CREATE FUNCTION posture_internal.azure_assessment_item(document jsonb, of_source text) RETURNS SETOF item
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH element AS MATERIALIZED (
        SELECT e.n, e.location, e.element, coalesce(of_source, 'defender-for-cloud') AS source, a.*,
               r.subscription, r.resource_group, r.resource_type, r.kind, coalesce(a.resource_name, r.name) AS asset_name
        FROM document_element(document, ARRAY['value', 'data']) WITH ORDINALITY e(location, element, n)
        CROSS JOIN LATERAL azure_assessment(e.element) a
        CROSS JOIN LATERAL azure_resource(a.asset) r
    ), good AS NOT MATERIALIZED (
        SELECT * FROM element e WHERE e.type = 'finding' AND e.error IS NULL
    ), named AS MATERIALIZED (
        SELECT g.name, coalesce(min(g.n) FILTER (WHERE g.has_metadata), min(g.n)) AS n,
               -- a link to one resource is of its finding, unless there is no other
               coalesce(min(g.link COLLATE "C") FILTER (WHERE g.link !~* '(/|%2f)subscriptions(/|%2f)'), min(g.link COLLATE "C")) AS link
        FROM good g
        GROUP BY g.name
    ), held AS MATERIALIZED (
        -- an exemption that is still there can have ended in Azure
        SELECT r.key::text AS recommendation, lower(a.key) AS asset
        FROM exemption x
        JOIN recommendation r USING (recommendation_id)
        JOIN source s USING (source_id)
        JOIN asset a USING (asset_id)
        WHERE s.key = coalesce(of_source, 'defender-for-cloud') AND (x.expires_at IS NULL OR x.expires_at > now())
    )
    SELECT e.location, e.error, e.type, e.source, NULL::text, NULL::text, NULL::text, NULL::timestamptz, NULL::text, NULL::text, NULL::jsonb,
           CASE WHEN e.type = 'left_out' THEN '{"reason": "a sub-assessment: the state of the resource is in the assessment that it is of"}'
                ELSE e.element END
    FROM element e WHERE e.error IS NOT NULL OR e.type = 'left_out'
    UNION ALL
    (SELECT g.location, NULL, 'source', g.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            jsonb_build_object('key', g.source, 'name', 'Microsoft Defender for Cloud', 'product', 'Microsoft Defender for Cloud')
     FROM good g ORDER BY g.n LIMIT 1)
    UNION ALL
    SELECT g.location, NULL, 'recommendation', g.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           azure_recommendation(g.name, azure_properties(g.element), (SELECT r.link FROM named r WHERE r.name = g.name))
    FROM good g
    -- compared with true, IN stays a lookup in a hash table, here and below: a join would be planned for a few rows
    WHERE (g.n IN (SELECT r.n FROM named r)) = true
    UNION ALL
    SELECT g.location, NULL, 'asset', g.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_strip_nulls(jsonb_build_object('key', g.asset, 'kind', g.kind, 'name', g.asset_name,
               'tags', nullif(azure_tags(g.element, object_or_empty(azure_properties(g.element) -> 'resourceDetails'),
                                                 g.platform, g.subscription, g.resource_group, g.resource_type), '{}')))
    FROM good g
    WHERE (g.n IN (SELECT min(o.n) FROM good o GROUP BY o.asset)) = true
    UNION ALL
    SELECT g.location, NULL, 'finding', g.source, g.name, g.asset, g.state, NULL, g.kind, g.asset_name,
           azure_details(g.element), NULL
    FROM good g
    UNION ALL
    SELECT g.location, NULL, 'exemption', g.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_build_object('recommendation', g.name, 'asset', g.asset, 'kind', x.kind)
           || jsonb_strip_nulls(jsonb_build_object('reason', x.reason, 'approved_by', x.approved_by,
                                                   'created_at', CASE WHEN x.created_at <= now() THEN x.created_at END, 'expires_at', x.expires_at))
    FROM (SELECT * FROM good g WHERE g.is_exempt) g
    CROSS JOIN LATERAL azure_exemption(azure_properties(g.element)) x
    UNION ALL
    SELECT g.location, NULL, 'exemption', g.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_build_object('recommendation', g.name, 'asset', g.asset, 'kind', NULL)
    FROM good g
    WHERE NOT g.is_exempt AND ((g.name, lower(g.asset)) IN (SELECT h.recommendation, h.asset FROM held h)) = true;
END;
COMMENT ON FUNCTION posture_internal.azure_assessment_item(jsonb, text) IS 'takes assessments of Defender for Cloud apart';

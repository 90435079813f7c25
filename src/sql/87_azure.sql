/*
 * Defender for Cloud: assessments of resources, and the controls of its secure
 * score, both as its REST API lists them (envelope "value"), as rows of Azure
 * Resource Graph (envelope "data"), or with "properties" flattened, as the
 * command line shows them.
 */

CREATE FUNCTION posture.azure_properties(element jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(element -> 'properties') = 'object' THEN element -> 'properties'
                WHEN jsonb_typeof(element) = 'object' AND NOT element ? 'properties' AND element ?| '{status,score,healthyResourceCount}'
                THEN element - '{id,name,type,tenantId,resourceGroup,subscriptionId}'::text[]
           END;
COMMENT ON FUNCTION posture.azure_properties(jsonb) IS 'the properties of an object of Azure, flattened or not; NULL: none';

-- Azure doesn't tell upper from lower case in an id, and its APIs differ in it.
-- OFFSET 0, here and below, has what is in a subquery worked out once for a row
-- and not again wherever it is named.
CREATE FUNCTION posture.azure_resource(id text)
    RETURNS TABLE (subscription text, resource_group text, resource_type text, kind text, name text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT p.subscription, p.resource_group, p.resource_type,
           CASE WHEN p.resource_type IS NOT NULL THEN p.resource_type
                WHEN p.resource_group IS NOT NULL THEN 'resource group'
                WHEN p.subscription IS NOT NULL THEN 'subscription' END,
           p.name
    FROM (SELECT CASE WHEN part[1] = '' AND part[2] = 'subscriptions' THEN nullif(part[3], '') END AS subscription,
                 CASE WHEN part[2] = 'subscriptions' AND part[4] = 'resourcegroups' THEN nullif(part[5], '') END AS resource_group,
                 -- an extension resource is of the last type that its id names
                 CASE WHEN cardinality(provider) < 2 THEN NULL
                      WHEN split_part(provider[cardinality(provider)], '/', 4) = ''
                      THEN split_part(provider[cardinality(provider)], '/', 1) || '/' || split_part(provider[cardinality(provider)], '/', 2)
                      ELSE regexp_replace(provider[cardinality(provider)], '/([^/]+)/[^/]+', '/\1', 'g') END AS resource_type,
                 split_part(rtrim(id, '/'), '/', -1) AS name
          FROM (SELECT string_to_array(i.id, '/') AS part, string_to_array(i.id, '/providers/') AS provider
                FROM (SELECT lower(rtrim(id, '/')) AS id OFFSET 0) i
                OFFSET 0) s
          OFFSET 0) p;
END;
COMMENT ON FUNCTION posture.azure_resource(text) IS 'what an id of Azure Resource Manager says of its resource; all but the name in lower case';

CREATE FUNCTION posture.azure_text(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN value !~ '^\s*([[{]|$)' THEN btrim(value, E' \t\r\n') END;
COMMENT ON FUNCTION posture.azure_text(text) IS 'a value of a document where a name or an id is expected; NULL: it is empty, an object or an array';

-- Resource Graph writes the names of resourceDetails with capitals. Of Amazon
-- and Google, what an older connector brought is known by its id in Azure. A
-- database, or a machine on premises, has no id of its own but that of the
-- machine or workspace, which many share.
CREATE FUNCTION posture.azure_asset(id text, details jsonb) RETURNS TABLE (asset text, name text, platform text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN r.source IN ('aws', 'gcp') AND r.connector IS NULL THEN coalesce(r.azure_id, r.own, r.scope)
                WHEN r.source = 'onpremisesql' AND r.database IS NOT NULL
                THEN coalesce(r.own, r.scope) || coalesce('/servers/' || r.server, '') || '/databases/' || r.database
                WHEN r.own IS NULL AND r.source = 'onpremise' AND lower(r.scope) = lower(r.workspace)
                THEN r.scope || coalesce('/machines/' || r.machine, '')
                ELSE coalesce(r.own, r.azure_id, r.scope) END,
           r.name, r.source
    FROM (SELECT lower(coalesce(d.source, d."Source")) AS source,
                 posture.azure_text(coalesce(nullif(d.id, ''), nullif(d."Id", ''), nullif(d."resourceId", ''), d."ResourceId")) AS own,
                 posture.azure_text(coalesce(d."azureResourceId", d."AzureResourceId")) AS azure_id,
                 posture.azure_text(coalesce(d."connectorId", d."ConnectorId")) AS connector,
                 posture.azure_text(coalesce(d."serverName", d."ServerName")) AS server,
                 posture.azure_text(coalesce(d."databaseName", d."DatabaseName")) AS database,
                 posture.azure_text(coalesce(d."workspaceId", d."WorkspaceId")) AS workspace,
                 posture.azure_text(coalesce(d."machineName", d."MachineName", d.vmuuid, d."Vmuuid")) AS machine,
                 posture.azure_text(coalesce(d."resourceName", d."ResourceName")) AS name,
                 nullif(left(azure_asset.id, greatest(strpos(lower(azure_asset.id), '/providers/microsoft.security/assessments/') - 1, 0)), '') AS scope
          FROM jsonb_to_record(details)
              d(source text, "Source" text, id text, "Id" text, "resourceId" text, "ResourceId" text, "azureResourceId" text, "AzureResourceId" text,
                "connectorId" text, "ConnectorId" text, "serverName" text, "ServerName" text, "databaseName" text, "DatabaseName" text,
                "workspaceId" text, "WorkspaceId" text, "machineName" text, "MachineName" text, vmuuid text, "Vmuuid" text,
                "resourceName" text, "ResourceName" text)
          OFFSET 0) r
    OFFSET 0;
END;
COMMENT ON FUNCTION posture.azure_asset(text, jsonb) IS 'the id of the resource that an assessment is about, from its id and resourceDetails, and its name where the latter has it; NULL: neither says';

CREATE FUNCTION posture.azure_assessment(element jsonb)
    RETURNS TABLE (type text, fault text, name text, asset text, state text, is_exempt boolean, resource_name text, platform text, link text, has_metadata boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.type,
           CASE t.type
               WHEN 'finding' THEN CASE
                   WHEN a.properties IS NULL THEN 'missing properties'
                   WHEN a.name IS NULL THEN 'missing name'
                   WHEN a.asset IS NULL THEN 'missing properties.resourceDetails.id, and id is not of a resource'
                   WHEN a.code IS NULL THEN 'missing properties.status.code'
                   WHEN a.state IS NULL THEN format('unknown properties.status.code "%s"', left(a.code, 100)) END
               WHEN 'left_out' THEN NULL
               ELSE CASE
                   WHEN jsonb_typeof(element) <> 'object' THEN 'expected an object, found ' || posture.what_is(element)
                   WHEN a.kind IS NOT NULL THEN format('type "%s" is not Microsoft.Security/assessments', left(a.kind, 100))
                   ELSE 'no properties: not an assessment of Defender for Cloud' END END,
           a.name, a.asset, CASE WHEN a.is_exempt THEN 'non_compliant' ELSE a.state END, a.is_exempt,
           a.resource_name, a.platform, a.link, a.has_metadata
    FROM (SELECT e.id, posture.azure_text(e.type) AS kind, s.properties, r.asset, r.name AS resource_name, r.platform,
                 lower(coalesce(posture.azure_text(e.name), substring(e.id FROM '/assessments/([^/]+)$'))) AS name,
                 posture.azure_text(c.code) AS code,
                 CASE lower(c.code) WHEN 'healthy' THEN 'compliant' WHEN 'unhealthy' THEN 'non_compliant'
                                    WHEN 'notapplicable' THEN 'not_applicable' END AS state,
                 -- before there was a cause, the description said it
                 coalesce(lower(c.code) = 'notapplicable' AND coalesce(c.cause, c.description) ~* '\mexempt', false) AS is_exempt,
                 coalesce(posture.text_at(p.links, 'azurePortal'), posture.text_at(p.links, 'azurePortalUri')) AS link,
                 coalesce(jsonb_typeof(p.metadata) = 'object', false) AS has_metadata
          FROM (SELECT posture.azure_properties(element) AS properties OFFSET 0) s
          CROSS JOIN LATERAL jsonb_to_record(CASE jsonb_typeof(element) WHEN 'object' THEN element ELSE '{}' END)
              e(id text, name text, type text)
          CROSS JOIN LATERAL jsonb_to_record(coalesce(s.properties, '{}'))
              p(status jsonb, "resourceDetails" jsonb, links jsonb, metadata jsonb)
          CROSS JOIN LATERAL jsonb_to_record(CASE jsonb_typeof(p.status) WHEN 'object' THEN p.status ELSE '{}' END)
              c(code text, cause text, description text)
          CROSS JOIN LATERAL posture.azure_asset(e.id, CASE jsonb_typeof(p."resourceDetails") WHEN 'object' THEN p."resourceDetails" ELSE '{}' END) r
          OFFSET 0) a
    CROSS JOIN LATERAL (SELECT CASE
        WHEN lower(a.kind) = 'microsoft.security/assessments/subassessments' THEN 'left_out'
        WHEN lower(a.kind) <> 'microsoft.security/assessments' THEN NULL
        WHEN a.kind IS NOT NULL OR a.properties ? 'status' OR a.id ~* '/providers/microsoft\.security/assessments/' THEN 'finding' END AS type
        OFFSET 0) t
    OFFSET 0;
END;
COMMENT ON FUNCTION posture.azure_assessment(jsonb) IS 'what an element of a document of assessments is, and the fields that decide it; type NULL: nothing of the format';

-- By Azure Policy an exemption is of category Mitigated (the intent is met in
-- another way) or Waiver (that it is not met is accepted, for a time).
CREATE FUNCTION posture.azure_exemption(properties jsonb)
    RETURNS TABLE (kind text, reason text, approved_by text, created_at timestamptz, expires_at timestamptz)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT CASE WHEN c.category ~* '^mitigated' THEN 'mitigated'
                WHEN c.category ~* '^(waiver|risk.?accepted)' THEN 'risk_accepted'
                ELSE 'waived' END,
           coalesce(posture.text_at(p.policy, 'description'), posture.text_at(p.policy, 'displayName'),
                    posture.text_at(properties, 'status', 'description'), 'exempt in Defender for Cloud'),
           posture.text_at(p.policy, 'metadata', 'approvedBy'),
           posture.moment(posture.text_at(properties, 'status', 'statusChangeDate')),
           posture.moment(posture.text_at(p.policy, 'expiresOn'))
    FROM (SELECT jsonb_path_query_first(properties, '$.** ? (@.type() == "object" && exists (@.exemptionCategory))') AS policy OFFSET 0) p
    CROSS JOIN LATERAL (SELECT coalesce(
        posture.text_at(p.policy, 'exemptionCategory'),
        substring(concat_ws(' ', posture.text_at(properties, 'status', 'cause'), posture.text_at(properties, 'status', 'description'))
                  FROM '(?i)\m(mitigated|waiver|risk accepted)\M')) AS category OFFSET 0) c;
END;
COMMENT ON FUNCTION posture.azure_exemption(jsonb) IS 'the exemption that the properties of an exempt assessment tell of';

CREATE FUNCTION posture.azure_tags(element jsonb, details jsonb, platform text, subscription text, resource_group text, resource_type text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'subscription', coalesce(subscription, lower(posture.text_at(element, 'subscriptionId'))),
        'resource_group', coalesce(resource_group, lower(posture.text_at(element, 'resourceGroup'))),
        'resource_type', resource_type,
        'tenant', lower(posture.text_at(element, 'tenantId')),
        'platform', platform,
        -- of a resource of Azure the rest repeats its id
        'resource', nullif(details - '{id,Id,source,Source}'::text[]
                           - CASE WHEN platform = 'azure' THEN '{resourceType,resourceProvider,resourceName,ResourceType,ResourceProvider,ResourceName}'
                                  ELSE '{}' END::text[], '{}')));
COMMENT ON FUNCTION posture.azure_tags(jsonb, jsonb, text, text, text, text) IS 'tags of the resource that an assessment is about';

-- Resource Graph gives to every row the columns of all its tables.
CREATE FUNCTION posture.azure_columns(element jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT coalesce(jsonb_object_agg(c.key, c.value), '{}')
            FROM jsonb_each(element - '{id,name,type,tenantId,resourceGroup,subscriptionId,properties}'::text[]) c
            WHERE c.value NOT IN ('null', '""', '[]', '{}'));
COMMENT ON FUNCTION posture.azure_columns(jsonb) IS 'the columns of a row of Resource Graph with something in them that isn''t told elsewhere';

-- The status is kept whole: of a finding that has no details the inbox keeps
-- the earlier ones, and so the cause of an earlier state. Its times change only
-- with it. The secret by which a partner writes its assessments is never
-- published; where it got into a document all the same, it ends here.
CREATE FUNCTION posture.azure_details(element jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN element ? 'properties'
                     AND NOT element - '{id,name,type,tenantId,resourceGroup,subscriptionId,properties}'::text[]
                             <@ '{"kind": "", "location": "", "managedBy": "", "sku": null, "plan": null, "tags": null, "identity": null, "zones": null, "extendedLocation": null}'
                THEN posture.azure_columns(element) ELSE '{}' END
           || (posture.azure_properties(element) - '{displayName,resourceDetails,metadata}'::text[] #- '{partnersData,secret}');
COMMENT ON FUNCTION posture.azure_details(jsonb) IS 'what else an assessment says of its finding';

CREATE FUNCTION posture.azure_recommendation(key text, properties jsonb, manage_url text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'key', key,
        'title', coalesce(posture.text_at(m.metadata, 'displayName'), posture.text_at(properties, 'displayName')),
        'description', posture.text_at(m.metadata, 'description'),
        'remediation', posture.text_at(m.metadata, 'remediationDescription'),
        'markup', CASE WHEN m.metadata ?| '{description,remediationDescription}' THEN
                      posture.markup(concat_ws(' ', posture.text_at(m.metadata, 'description'),
                                               posture.text_at(m.metadata, 'remediationDescription'))) END,
        'severity', posture.severity(posture.text_at(m.metadata, 'severity')),
        'domain', coalesce(posture.text_at(m.metadata, 'categories', '0'), posture.text_at(m.metadata, 'category', '0')),
        'manage_url', manage_url,
        'details', nullif(m.metadata - '{displayName,description,remediationDescription}'::text[]
                          - CASE WHEN posture.severity(posture.text_at(m.metadata, 'severity')) IS NOT NULL THEN 'severity' ELSE '' END, '{}')))
    FROM (SELECT posture.object_at(properties, 'metadata') #- '{partnerData,secret}' AS metadata) m;
END;
COMMENT ON FUNCTION posture.azure_recommendation(text, jsonb, text) IS 'the recommendation of an assessment as an object of format posture';

/*
 * A resource that is exempt Azure calls not applicable, and evaluates it no
 * more. Here it stays non_compliant, and an exemption takes it out of the
 * score: so a mitigated one counts as compliant as everywhere in posture, an
 * accepted one stays exposed, a drop can tell that an exemption was given or
 * ended rather than that an asset came or left, and what was exposed before
 * stays known. An exemption without a category is a waiver of posture's kind,
 * which leaves the score as it leaves Azure's.
 */
CREATE FUNCTION posture.azure_assessment_item(document jsonb, of_source text) RETURNS SETOF posture.item
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH element AS MATERIALIZED (
        SELECT e.n, e.location, e.element, coalesce(of_source, 'defender-for-cloud') AS source, a.*,
               r.subscription, r.resource_group, r.resource_type, r.kind, coalesce(a.resource_name, r.name) AS asset_name
        FROM posture.document_element(document, ARRAY['value', 'data']) WITH ORDINALITY e(location, element, n)
        CROSS JOIN LATERAL posture.azure_assessment(e.element) a
        CROSS JOIN LATERAL posture.azure_resource(a.asset) r
    ), good AS NOT MATERIALIZED (
        SELECT * FROM element e WHERE e.type = 'finding' AND e.fault IS NULL
    ), named AS MATERIALIZED (
        SELECT g.name, coalesce(min(g.n) FILTER (WHERE g.has_metadata), min(g.n)) AS n,
               -- a link to one resource is of its finding, unless there is no other
               coalesce(min(g.link COLLATE "C") FILTER (WHERE g.link !~* '(/|%2f)subscriptions(/|%2f)'), min(g.link COLLATE "C")) AS link
        FROM good g
        GROUP BY g.name
    ), held AS MATERIALIZED (
        -- an exemption that is still there can have ended in Azure
        SELECT r.key::text AS recommendation, lower(a.key) AS asset
        FROM posture.exemption x
        JOIN posture.recommendation r USING (recommendation_id)
        JOIN posture.source s USING (source_id)
        JOIN posture.asset a USING (asset_id)
        WHERE s.key = coalesce(of_source, 'defender-for-cloud') AND (x.expires_at IS NULL OR x.expires_at > now())
    )
    SELECT e.location, e.fault, e.type, e.source, NULL::text, NULL::text, NULL::text, NULL::timestamptz, NULL::text, NULL::text, NULL::jsonb,
           CASE WHEN e.type = 'left_out' THEN '{"reason": "a sub-assessment: the state of the resource is in the assessment that it is of"}'
                ELSE e.element END
    FROM element e WHERE e.fault IS NOT NULL OR e.type = 'left_out'
    UNION ALL
    (SELECT g.location, NULL, 'source', g.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            jsonb_build_object('key', g.source, 'name', 'Microsoft Defender for Cloud', 'product', 'Microsoft Defender for Cloud')
     FROM good g ORDER BY g.n LIMIT 1)
    UNION ALL
    SELECT g.location, NULL, 'recommendation', g.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           posture.azure_recommendation(g.name, posture.azure_properties(g.element), (SELECT r.link FROM named r WHERE r.name = g.name))
    FROM good g
    -- compared with true, IN stays a lookup in a hash table, here and below: a join would be planned for a few rows
    WHERE (g.n IN (SELECT r.n FROM named r)) = true
    UNION ALL
    SELECT g.location, NULL, 'asset', g.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_strip_nulls(jsonb_build_object('key', g.asset, 'kind', g.kind, 'name', g.asset_name,
               'tags', nullif(posture.azure_tags(g.element, posture.object_at(posture.azure_properties(g.element), 'resourceDetails'),
                                                 g.platform, g.subscription, g.resource_group, g.resource_type), '{}')))
    FROM good g
    WHERE (g.n IN (SELECT min(o.n) FROM good o GROUP BY o.asset)) = true
    UNION ALL
    SELECT g.location, NULL, 'finding', g.source, g.name, g.asset, g.state, NULL, g.kind, g.asset_name,
           posture.azure_details(g.element), NULL
    FROM good g
    UNION ALL
    SELECT g.location, NULL, 'exemption', g.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_build_object('recommendation', g.name, 'asset', g.asset, 'kind', x.kind)
           || jsonb_strip_nulls(jsonb_build_object('reason', x.reason, 'approved_by', x.approved_by,
                                                   'created_at', CASE WHEN x.created_at <= now() THEN x.created_at END, 'expires_at', x.expires_at))
    FROM (SELECT * FROM good g WHERE g.is_exempt) g
    CROSS JOIN LATERAL posture.azure_exemption(posture.azure_properties(g.element)) x
    UNION ALL
    SELECT g.location, NULL, 'exemption', g.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_build_object('recommendation', g.name, 'asset', g.asset, 'kind', NULL)
    FROM good g
    WHERE NOT g.is_exempt AND ((g.name, lower(g.asset)) IN (SELECT h.recommendation, h.asset FROM held h)) = true;
END;
COMMENT ON FUNCTION posture.azure_assessment_item(jsonb, text) IS 'takes assessments of Defender for Cloud apart';

/*
 * Controls of the secure score.
 */

CREATE FUNCTION posture.azure_control(element jsonb)
    RETURNS TABLE (fault text, type text, name text, properties jsonb, healthy numeric, unhealthy numeric, max_score numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN t.type = 'left_out' THEN NULL
                WHEN t.type IS NULL THEN CASE
                    WHEN jsonb_typeof(element) <> 'object' THEN 'expected an object, found ' || posture.what_is(element)
                    WHEN c.kind IS NOT NULL THEN format('type "%s" is not Microsoft.Security/secureScores/secureScoreControls', left(c.kind, 100))
                    ELSE 'no properties: not a control of a secure score' END
                ELSE posture.item_fault(
                    CASE WHEN c.properties IS NULL THEN 'missing properties' END,
                    CASE WHEN c.name IS NULL THEN 'missing name' END,
                    CASE WHEN c.healthy IS NULL THEN 'missing properties.healthyResourceCount'
                         WHEN c.healthy < 0 THEN 'properties.healthyResourceCount is below 0' END,
                    CASE WHEN c.unhealthy IS NULL THEN 'missing properties.unhealthyResourceCount'
                         WHEN c.unhealthy < 0 THEN 'properties.unhealthyResourceCount is below 0' END,
                    CASE WHEN c.max_score IS NULL THEN 'missing properties.score.max'
                         WHEN c.max_score < 0 THEN 'properties.score.max is below 0' END) END,
           t.type, c.name, c.properties, c.healthy, c.unhealthy, c.max_score
    FROM (SELECT lower(coalesce(posture.text_at(element, 'name'),
                                substring(posture.text_at(element, 'id') FROM '/secureScoreControls/([^/]+)$'))) AS name,
                 posture.text_at(element, 'type') AS kind,
                 lower(substring(posture.text_at(element, 'id') FROM '(?i)/secureScores/([^/]+)/')) AS score,
                 p.properties,
                 posture.number_at(p.properties, 'healthyResourceCount') AS healthy,
                 posture.number_at(p.properties, 'unhealthyResourceCount') AS unhealthy,
                 coalesce(posture.number_at(p.properties, 'score', 'max'), posture.number_at(p.properties, 'max')) AS max_score
          FROM (SELECT posture.azure_properties(element) AS properties) p) c
    CROSS JOIN LATERAL (SELECT CASE
        WHEN lower(c.kind) <> 'microsoft.security/securescores/securescorecontrols' THEN NULL
        -- another score counts the same resources once more
        WHEN c.score <> 'ascscore' THEN 'left_out'
        WHEN c.kind IS NOT NULL OR c.properties ? 'healthyResourceCount' OR c.score IS NOT NULL THEN 'recommendation' END AS type) t;
END;
COMMENT ON FUNCTION posture.azure_control(jsonb) IS 'what an element of a document of controls is, and its fields; fault and type NULL: nothing of the format';

CREATE FUNCTION posture.azure_is_assessed(of_source text, recommendations text[]) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN EXISTS (
        SELECT FROM posture.source s JOIN posture.recommendation r USING (source_id)
        WHERE s.key = of_source AND r.key = ANY (recommendations) AND r.is_active
          AND EXISTS (SELECT FROM posture.finding f WHERE f.recommendation_id = r.recommendation_id AND f.state <> 'not_applicable'));
COMMENT ON FUNCTION posture.azure_is_assessed(text, text[]) IS 'whether any of the recommendations has a finding that applies';

-- A control measures the assessments that it is made of; what it counts itself
-- is its own recommendation, in its place until there are findings of those.
CREATE FUNCTION posture.azure_control_item(document jsonb, of_source text) RETURNS SETOF posture.item
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH element AS MATERIALIZED (
        SELECT e.n, e.location, e.element, coalesce(of_source, 'defender-for-cloud') AS source, c.*
        FROM posture.document_element(document, ARRAY['value', 'data']) WITH ORDINALITY e(location, element, n)
        CROSS JOIN LATERAL posture.azure_control(e.element) c
    ), good AS (
        -- pages that overlap give a row twice
        SELECT DISTINCT ON (coalesce(lower(posture.text_at(e.element, 'id')), e.location)) e.*,
               coalesce(posture.text_at(e.properties, 'displayName'), posture.text_at(e.properties, 'definition', 'properties', 'displayName')) AS title,
               coalesce(posture.text_at(e.properties, 'definition', 'properties', 'description'), posture.text_at(e.properties, 'description')) AS description
        FROM element e
        WHERE e.type = 'recommendation' AND e.fault IS NULL
        ORDER BY coalesce(lower(posture.text_at(e.element, 'id')), e.location), e.n
    ), control AS MATERIALIZED (
        SELECT g.source, g.name, min(g.n) AS n, (array_agg(g.location ORDER BY g.n))[1] AS location,
               (array_agg(g.title ORDER BY g.n) FILTER (WHERE g.title IS NOT NULL))[1] AS title,
               (array_agg(g.description ORDER BY g.n) FILTER (WHERE g.description IS NOT NULL))[1] AS description,
               sum(g.healthy) AS healthy, sum(g.healthy + g.unhealthy) AS possible, max(g.max_score) AS weight,
               jsonb_agg(jsonb_strip_nulls(jsonb_build_object('scope', substring(posture.text_at(g.element, 'id') FROM '(?i)^(.*)/providers/Microsoft\.Security/secureScores/'))
                         || (g.properties - '{displayName,description,definition}'::text[])) ORDER BY g.n) AS reported,
               (array_agg(g.properties #> '{definition,properties}' ORDER BY g.n)
                FILTER (WHERE jsonb_typeof(g.properties #> '{definition,properties}') = 'object'))[1] AS definition
        FROM good g
        GROUP BY g.source, g.name
    ), member AS (
        SELECT c.name, array_agg(DISTINCT d.key) AS keys
        FROM control c
        CROSS JOIN LATERAL jsonb_array_elements(posture.array_at(c.definition, 'assessmentDefinitions')) a(definition)
        CROSS JOIN LATERAL (SELECT lower(substring(posture.text_at(a.definition, 'id') FROM '[^/]+$')) AS key) d
        WHERE d.key IS NOT NULL AND jsonb_typeof(a.definition -> 'id') = 'string'
        GROUP BY c.name
    )
    SELECT e.location, e.fault, e.type, e.source, NULL::text, NULL::text, NULL::text, NULL::timestamptz, NULL::text, NULL::text, NULL::jsonb,
           CASE WHEN e.type = 'left_out' THEN '{"reason": "a control of another secure score than ascScore, which counts the same resources"}'
                ELSE e.element END
    FROM element e WHERE e.fault IS NOT NULL OR e.type IS NULL OR e.type = 'left_out'
    UNION ALL
    (SELECT c.location, NULL, 'source', c.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            jsonb_build_object('key', c.source, 'name', 'Microsoft Defender for Cloud', 'product', 'Microsoft Defender for Cloud')
     FROM control c ORDER BY c.n LIMIT 1)
    UNION ALL
    SELECT c.location, NULL, 'recommendation', c.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_strip_nulls(jsonb_build_object('key', 'control:' || c.name, 'title', c.title, 'description', c.description,
               'markup', CASE WHEN c.description IS NOT NULL THEN posture.markup(c.description) END,
               'details', jsonb_build_object('reported', c.reported, 'definition',
                   nullif(c.definition - '{displayName,description,assessmentDefinitions}'::text[], '{}'))))
    FROM control c
    UNION ALL
    -- 0 of 0 where nothing applies, so that an earlier measure doesn't stay
    SELECT c.location, NULL, 'measure', c.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_build_object('recommendation', 'control:' || c.name, 'achieved', c.healthy, 'possible', c.possible)
    FROM control c
    UNION ALL
    -- without a definition nothing is said of what the metric holds:
    -- azure_settle() sees to the control's own recommendation
    SELECT c.location, NULL, 'metric', c.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_strip_nulls(jsonb_build_object('key', c.source || ':' || c.name, 'name', c.title, 'description', c.description,
               'recommendations', (SELECT jsonb_agg(jsonb_build_object('source', c.source, 'recommendation', k.key) ORDER BY k.key)
                                   FROM unnest(m.keys || CASE WHEN posture.azure_is_assessed(c.source, m.keys) THEN '{}'
                                                              ELSE ARRAY['control:' || c.name] END) k(key)
                                   WHERE m.keys IS NOT NULL)))
    FROM control c LEFT JOIN member m ON m.name = c.name
    UNION ALL
    SELECT min(c.location), NULL, 'initiative', c.source, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           jsonb_build_object('key', c.source, 'name', 'Defender for Cloud secure score', 'kind', 'secure score', 'method', 'weighted',
               'metrics', jsonb_agg(jsonb_build_object('metric', c.source || ':' || c.name, 'weight', c.weight) ORDER BY c.name))
    FROM control c
    GROUP BY c.source;
END;
COMMENT ON FUNCTION posture.azure_control_item(jsonb, text) IS 'takes controls of the secure score of Defender for Cloud apart';

-- Findings of assets say more than the counts of a control, and both together
-- would count the same resources twice.
CREATE FUNCTION posture.azure_settle(of_source text) RETURNS bigint
    LANGUAGE sql
BEGIN ATOMIC
    WITH control AS MATERIALIZED (
        SELECT m.metric_id, c.recommendation_id,
               EXISTS (SELECT FROM posture.metric_recommendation o JOIN posture.recommendation r USING (recommendation_id)
                       WHERE o.metric_id = m.metric_id AND o.recommendation_id <> c.recommendation_id AND r.is_active
                         AND EXISTS (SELECT FROM posture.finding f
                                     WHERE f.recommendation_id = r.recommendation_id AND f.state <> 'not_applicable')) AS is_assessed
        FROM posture.source s
        JOIN posture.recommendation c ON c.source_id = s.source_id AND c.key LIKE 'control:%'
        JOIN posture.metric m ON m.key = s.key || substr(c.key, 8) AND m.rule IS NULL
        WHERE s.key = coalesce(of_source, 'defender-for-cloud')
    ), taken AS (
        DELETE FROM posture.metric_recommendation o USING control c
        WHERE c.is_assessed AND o.metric_id = c.metric_id AND o.recommendation_id = c.recommendation_id
        RETURNING o.metric_id
    ), put AS (
        INSERT INTO posture.metric_recommendation (metric_id, recommendation_id)
        SELECT c.metric_id, c.recommendation_id
        FROM control c
        WHERE NOT c.is_assessed
          AND NOT EXISTS (SELECT FROM posture.metric_recommendation o
                          WHERE o.metric_id = c.metric_id AND o.recommendation_id = c.recommendation_id)
        ON CONFLICT DO NOTHING
        RETURNING metric_id
    )
    SELECT (SELECT count(*) FROM taken) + (SELECT count(*) FROM put);
END;
COMMENT ON FUNCTION posture.azure_settle(text) IS 'has each control of the secure score measured by findings of assets, or by its own counts as long as there are none; returns how many metrics that changed';

/*
 * Defender for Cloud: assessments of resources, and the controls of its secure
 * score, both as its REST API lists them (envelope "value"), as rows of Azure
 * Resource Graph (envelope "data"), or with "properties" flattened, as the
 * command line shows them.
 */

CREATE FUNCTION posture_internal.azure_properties(element jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(element -> 'properties') = 'object' THEN element -> 'properties'
                WHEN jsonb_typeof(element) = 'object' AND NOT element ? 'properties' AND element ?| '{status,score,healthyResourceCount}'
                THEN element - '{id,name,type,tenantId,resourceGroup,subscriptionId}'::text[]
           END;
COMMENT ON FUNCTION posture_internal.azure_properties(jsonb) IS 'the properties of an object of Azure, flattened or not; NULL: none';

-- Azure doesn't tell upper from lower case in an id, and its APIs differ in it.
-- OFFSET 0, here and below, has what is in a subquery worked out once for a row
-- and not again wherever it is named.
CREATE FUNCTION posture_internal.azure_resource(id text)
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
COMMENT ON FUNCTION posture_internal.azure_resource(text) IS 'what an id of Azure Resource Manager says of its resource; all but the name in lower case';

-- Resource Graph writes the names of resourceDetails with capitals. Of Amazon
-- and Google, what an older connector brought is known by its id in Azure. A
-- database, or a machine on premises, has no id of its own but that of the
-- machine or workspace, which many share.
CREATE FUNCTION posture_internal.azure_asset(id text, details jsonb) RETURNS TABLE (asset text, name text, platform text)
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
                 json_text(coalesce(nullif(d.id, '""'), nullif(d."Id", '""'), nullif(d."resourceId", '""'), d."ResourceId")) AS own,
                 json_text(coalesce(d."azureResourceId", d."AzureResourceId")) AS azure_id,
                 json_text(coalesce(d."connectorId", d."ConnectorId")) AS connector,
                 json_text(coalesce(d."serverName", d."ServerName")) AS server,
                 json_text(coalesce(d."databaseName", d."DatabaseName")) AS database,
                 json_text(coalesce(d."workspaceId", d."WorkspaceId")) AS workspace,
                 json_text(coalesce(d."machineName", d."MachineName", d.vmuuid, d."Vmuuid")) AS machine,
                 json_text(coalesce(d."resourceName", d."ResourceName")) AS name,
                 nullif(left(azure_asset.id, greatest(strpos(lower(azure_asset.id), '/providers/microsoft.security/assessments/') - 1, 0)), '') AS scope
          FROM jsonb_to_record(details)
              d(source text, "Source" text, id jsonb, "Id" jsonb, "resourceId" jsonb, "ResourceId" jsonb, "azureResourceId" jsonb, "AzureResourceId" jsonb,
                "connectorId" jsonb, "ConnectorId" jsonb, "serverName" jsonb, "ServerName" jsonb, "databaseName" jsonb, "DatabaseName" jsonb,
                "workspaceId" jsonb, "WorkspaceId" jsonb, "machineName" jsonb, "MachineName" jsonb, vmuuid jsonb, "Vmuuid" jsonb,
                "resourceName" jsonb, "ResourceName" jsonb)
          OFFSET 0) r
    OFFSET 0;
END;
COMMENT ON FUNCTION posture_internal.azure_asset(text, jsonb) IS 'the id of the resource that an assessment is about, from its id and resourceDetails, and its name where the latter has it; NULL: neither says';

CREATE FUNCTION posture_internal.azure_tags(element jsonb, details jsonb, platform text, subscription text, resource_group text, resource_type text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'subscription', coalesce(subscription, lower(json_text(element -> 'subscriptionId'))),
        'resource_group', coalesce(resource_group, lower(json_text(element -> 'resourceGroup'))),
        'resource_type', resource_type,
        'tenant', lower(json_text(element -> 'tenantId')),
        'platform', platform,
        -- of a resource of Azure the rest repeats its id
        'resource', nullif(details - '{id,Id,source,Source}'::text[]
                           - CASE WHEN platform = 'azure' THEN '{resourceType,resourceProvider,resourceName,ResourceType,ResourceProvider,ResourceName}'
                                  ELSE '{}' END::text[], '{}')));
COMMENT ON FUNCTION posture_internal.azure_tags(jsonb, jsonb, text, text, text, text) IS 'tags of the resource that an assessment is about';

-- Resource Graph gives to every row the columns of all its tables.
CREATE FUNCTION posture_internal.azure_columns(element jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT coalesce(jsonb_object_agg(c.key, c.value), '{}')
            FROM jsonb_each(element - '{id,name,type,tenantId,resourceGroup,subscriptionId,properties}'::text[]) c
            WHERE c.value NOT IN ('null', '""', '[]', '{}'));
COMMENT ON FUNCTION posture_internal.azure_columns(jsonb) IS 'the columns of a row of Resource Graph with something in them that isn''t told elsewhere';

-- The status is kept whole: of a finding that has no details the inbox keeps
-- the earlier ones, and so the cause of an earlier state. Its times change only
-- with it. The secret by which a partner writes its assessments is never
-- published; where it got into a document all the same, it ends here.
CREATE FUNCTION posture_internal.azure_details(element jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN element ? 'properties'
                     AND NOT element - '{id,name,type,tenantId,resourceGroup,subscriptionId,properties}'::text[]
                             <@ '{"kind": "", "location": "", "managedBy": "", "sku": null, "plan": null, "tags": null, "identity": null, "zones": null, "extendedLocation": null}'
                THEN azure_columns(element) ELSE '{}' END
           || (azure_properties(element) - '{displayName,resourceDetails,metadata}'::text[] #- '{partnersData,secret}');
COMMENT ON FUNCTION posture_internal.azure_details(jsonb) IS 'what else an assessment says of its finding';

CREATE FUNCTION posture_internal.azure_recommendation(key text, properties jsonb, manage_url text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'key', key,
        'title', coalesce(json_text(m.metadata -> 'displayName'), json_text(properties -> 'displayName')),
        'description', json_text(m.metadata -> 'description'),
        'remediation', json_text(m.metadata -> 'remediationDescription'),
        'markup', CASE WHEN m.metadata ?| '{description,remediationDescription}' THEN
                      markup(concat_ws(' ', json_text(m.metadata -> 'description'),
                                               json_text(m.metadata -> 'remediationDescription'))) END,
        'severity', severity(json_text(m.metadata -> 'severity')),
        'domain', coalesce(json_text(m.metadata #> '{categories,0}'), json_text(m.metadata #> '{category,0}')),
        'manage_url', manage_url,
        'details', nullif(m.metadata - '{displayName,description,remediationDescription}'::text[]
                          - CASE WHEN severity(json_text(m.metadata -> 'severity')) IS NOT NULL THEN 'severity' ELSE '' END, '{}')))
    FROM (SELECT object_or_empty(properties -> 'metadata') #- '{partnerData,secret}' AS metadata) m;
END;
COMMENT ON FUNCTION posture_internal.azure_recommendation(text, jsonb, text) IS 'the recommendation of an assessment as an object of format posture';

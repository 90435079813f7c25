/*
 * Microsoft Defender for Cloud: the resources that its documents are about.
 * Documents of assessments and of controls come in three forms: as the REST API
 * lists them (in the envelope "value"), as rows of Azure Resource Graph (in the
 * envelope "data"), and with "properties" flattened, as the command line shows
 * them.
 */

CREATE FUNCTION posture_internal.azure_properties(element jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(element -> 'properties') = 'object' THEN element -> 'properties'
                WHEN jsonb_typeof(element) = 'object' AND NOT element ? 'properties'
                     AND element ?| '{status,score,healthyResourceCount}'
                THEN element - '{id,name,type,tenantId,resourceGroup,subscriptionId}'::text[]
           END;
COMMENT ON FUNCTION posture_internal.azure_properties(jsonb) IS
    'returns the properties of an Azure object, flattened or not; NULL if it has none';

-- A query without a filter also returns alerts, sub-assessments and settings.
CREATE FUNCTION posture_internal.azure_left_out(kind text, id text, expected text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN expected = 'assessments'
             AND (lower(kind) = 'microsoft.security/assessments/subassessments'
                  OR id ~* '/providers/microsoft[.]security/assessments/[^/]+/subassessments/')
        THEN 'a sub-assessment: the state of the resource is in the assessment that it is of'
        WHEN kind ~* '^microsoft[.]security/'
             AND lower(kind) <> lower('microsoft.security/' || expected)
        THEN format('of type "%s", not Microsoft.Security/%s', left(kind, 100), expected) END;
COMMENT ON FUNCTION posture_internal.azure_left_out(text, text, text) IS
    'returns why an object of Defender for Cloud is not meant to be loaded in a format of another '
    'type; NULL if it is of that type, or none of Defender for Cloud';

-- Azure ignores letter case in ids, and its APIs write the same id in several
-- ways.
CREATE FUNCTION posture_internal.azure_resource(id text)
    RETURNS TABLE (subscription text, resource_group text, resource_type text, kind text, name text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT p.subscription, p.resource_group, p.resource_type,
           CASE WHEN p.resource_type IS NOT NULL THEN p.resource_type
                WHEN p.resource_group IS NOT NULL THEN 'resource group'
                WHEN p.subscription IS NOT NULL THEN 'subscription' END,
           p.name
    FROM (SELECT CASE WHEN part[1] = '' AND part[2] = 'subscriptions'
                      THEN nullif(part[3], '') END AS subscription,
                 CASE WHEN part[2] = 'subscriptions' AND part[4] = 'resourcegroups'
                      THEN nullif(part[5], '') END AS resource_group,
                 -- The type of an extension resource is the last one in its id.
                 CASE WHEN cardinality(provider) < 2 THEN NULL
                      WHEN split_part(provider[cardinality(provider)], '/', 4) = ''
                      THEN split_part(provider[cardinality(provider)], '/', 1) || '/'
                           || split_part(provider[cardinality(provider)], '/', 2)
                      ELSE regexp_replace(provider[cardinality(provider)],
                                          '/([^/]+)/[^/]+', '/\1', 'g') END AS resource_type,
                 split_part(rtrim(id, '/'), '/', -1) AS name
          FROM (SELECT string_to_array(i.id, '/') AS part,
                       string_to_array(i.id, '/providers/') AS provider
                FROM (SELECT lower(rtrim(id, '/')) AS id OFFSET 0) i
                OFFSET 0) s
          OFFSET 0) p;
END;
COMMENT ON FUNCTION posture_internal.azure_resource(text) IS
    'returns the parts of an id of Azure Resource Manager, all but the name in lower case; '
    'kind is the kind of the asset';

-- Resource Graph writes the keys of resourceDetails with capitals. A resource of
-- Amazon or Google that came through a classic connector is identified by its id
-- in Azure. A database, or a machine on premises, has no id of its own: many
-- share the id of the machine or workspace, so the name is appended to it.
CREATE FUNCTION posture_internal.azure_asset(id text, details jsonb)
    RETURNS TABLE (asset text, former_asset text, name text, platform text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT asset_key(k.id, NULL, r.source, r.subscription, NULL), k.id, r.name, r.source
    FROM (SELECT lower(coalesce(d.source, d."Source")) AS source,
                 json_text(coalesce(nullif(d.id, '""'), nullif(d."Id", '""'),
                                    nullif(d."resourceId", '""'), d."ResourceId")) AS resource_id,
                 json_text(coalesce(d."azureResourceId", d."AzureResourceId")) AS azure_id,
                 json_text(coalesce(d."connectorId", d."ConnectorId")) AS connector,
                 json_text(coalesce(d."serverName", d."ServerName")) AS server,
                 json_text(coalesce(d."databaseName", d."DatabaseName")) AS database,
                 json_text(coalesce(d."workspaceId", d."WorkspaceId")) AS workspace,
                 coalesce(named_host(json_text(coalesce(d."machineName", d."MachineName"))),
                          json_text(coalesce(d.vmuuid, d."Vmuuid", d."machineName",
                                             d."MachineName"))) AS machine,
                 substring(azure_asset.id FROM '(?i)^/subscriptions/([^/]+)') AS subscription,
                 json_text(coalesce(d."resourceName", d."ResourceName")) AS name,
                 nullif(left(azure_asset.id,
                             greatest(strpos(lower(azure_asset.id),
                                             '/providers/microsoft.security/assessments/') - 1, 0)),
                        '') AS scope
          FROM jsonb_to_record(details)
              d(source text, "Source" text, id jsonb, "Id" jsonb,
                "resourceId" jsonb, "ResourceId" jsonb,
                "azureResourceId" jsonb, "AzureResourceId" jsonb,
                "connectorId" jsonb, "ConnectorId" jsonb,
                "serverName" jsonb, "ServerName" jsonb,
                "databaseName" jsonb, "DatabaseName" jsonb,
                "workspaceId" jsonb, "WorkspaceId" jsonb,
                "machineName" jsonb, "MachineName" jsonb,
                vmuuid jsonb, "Vmuuid" jsonb,
                "resourceName" jsonb, "ResourceName" jsonb)
          OFFSET 0) r
    CROSS JOIN LATERAL (
        SELECT CASE WHEN r.source IN ('aws', 'gcp') AND r.connector IS NULL
                THEN coalesce(r.azure_id, r.resource_id, r.scope)
                WHEN r.source = 'onpremisesql' AND r.database IS NOT NULL
                THEN coalesce(r.resource_id, r.scope) || coalesce('/servers/' || r.server, '')
                     || '/databases/' || r.database
                WHEN r.resource_id IS NULL AND r.source = 'onpremise'
                     AND lower(r.scope) = lower(r.workspace)
                THEN r.scope || coalesce('/machines/' || r.machine, '')
                ELSE coalesce(r.resource_id, r.azure_id, r.scope) END AS id
        OFFSET 0) k
    OFFSET 0;
END;
COMMENT ON FUNCTION posture_internal.azure_asset(text, jsonb) IS
    'returns the key, the key in earlier versions, the name and the platform of the asset that an '
    'assessment is about, from the id and the resourceDetails of the assessment; '
    'asset is NULL if neither identifies one, name is NULL if resourceDetails has none';

CREATE FUNCTION posture_internal.azure_tags(
    element jsonb, details jsonb, platform text, subscription text, resource_group text,
    resource_type text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'subscription', coalesce(subscription, lower(json_text(element -> 'subscriptionId'))),
        'resource_group', coalesce(resource_group, lower(json_text(element -> 'resourceGroup'))),
        'resource_type', resource_type,
        'tenant', lower(json_text(element -> 'tenantId')),
        'platform', platform,
        -- For a resource of Azure the other fields only repeat its id.
        'resource', nullif(details - '{id,Id,source,Source}'::text[]
                           - CASE WHEN platform = 'azure'
                                  THEN '{resourceType,resourceProvider,resourceName,'
                                       'ResourceType,ResourceProvider,ResourceName}'
                                  ELSE '{}' END::text[], '{}')));
COMMENT ON FUNCTION posture_internal.azure_tags(jsonb, jsonb, text, text, text, text) IS
    'returns the tags of the asset that an assessment is about';

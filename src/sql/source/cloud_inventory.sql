/*
 * Formats azure-resources, aws-config and kubectl: what runs in a cloud or a cluster. An
 * asset has the key and the kind that findings about it give it.
 */

-- Azure Resource Graph, tables resources and resourcecontainers, and the lists of the REST API:
-- https://learn.microsoft.com/azure/governance/resource-graph
CREATE FUNCTION posture_internal.azure_listed(location text, element jsonb)
    RETURNS inventory_asset
    LANGUAGE sql STABLE
    RETURN (SELECT (location,
                    coalesce(not_object_error(element),
                             CASE WHEN i.id IS NULL
                                  THEN 'missing id or type: not a resource of Azure' END),
                    CASE WHEN i.type ~* '^microsoft[.]security/'
                         THEN format('of type "%s", which is no resource', left(i.type, 100)) END,
                    i.id, r.kind, coalesce(json_text(element -> 'name'), r.name), NULL::text,
                    NULL::text,
                    azure_tags(element, '{}', 'azure', r.subscription, r.resource_group,
                               r.resource_type)
                    || coalesce(strip_empty_fields(jsonb_build_object(
                        'location', element -> 'location', 'tags', element -> 'tags')), '{}'),
                    NULL::jsonb, NULL::timestamptz, element)::inventory_asset
            FROM (SELECT CASE WHEN json_text(element -> 'id') ~* '^/subscriptions/[^/]+'
                                   AND json_text(element -> 'type') IS NOT NULL
                         THEN json_text(element -> 'id') END AS id,
                         json_text(element -> 'type') AS type OFFSET 0) i
            CROSS JOIN azure_resource(i.id) r);
COMMENT ON FUNCTION posture_internal.azure_listed(text, jsonb) IS
    'returns the asset that a resource of Azure is';

CREATE FUNCTION posture_internal.azure_resource_item(document jsonb, of_source text)
    RETURNS SETOF item
    LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
    SELECT i.*
    FROM (SELECT array_agg(azure_listed(e.location, e.element)) AS assets
          FROM microsoft_element(document) e) a
    CROSS JOIN LATERAL inventory_items(a.assets, coalesce(of_source, 'azure-resource-graph'),
                                   'Azure Resource Graph') i;
END;
COMMENT ON FUNCTION posture_internal.azure_resource_item(jsonb, text) IS
    'returns the items of a list of resources of Azure';

-- AWS Config: https://docs.aws.amazon.com/config/latest/APIReference/API_ConfigurationItem.html
-- A query returns each item as a text, and a file in S3 writes the names of some fields in another
-- way.
CREATE FUNCTION posture_internal.aws_listed(location text, element jsonb)
    RETURNS inventory_asset
    LANGUAGE sql STABLE
    RETURN (SELECT (location,
                    coalesce(not_object_error(element),
                             CASE WHEN i.type IS NULL
                                  THEN 'missing resourceType: not an item of AWS Config'
                                  WHEN i.key IS NULL
                                  THEN 'missing arn, or resourceId and accountId' END),
                    CASE WHEN json_text(element -> 'configurationItemStatus')
                              ~ '^ResourceDeleted'
                         THEN 'deleted in AWS' END,
                    CASE WHEN i.type IS NOT NULL THEN coalesce(i.key, '') END,
                    resource_kind(i.type),
                    coalesce(json_text(element -> 'resourceName'), i.id), NULL::text, NULL::text,
                    strip_empty_fields(jsonb_build_object(
                        'provider', 'aws', 'account', i.account, 'region', i.region,
                        'tags', CASE jsonb_typeof(element -> 'tags')
                                WHEN 'array' THEN (
                                    SELECT jsonb_object_agg(t.tag ->> 'key', t.tag -> 'value')
                                    FROM jsonb_array_elements(element -> 'tags') t(tag)
                                    WHERE t.tag ->> 'key' IS NOT NULL)
                                ELSE element -> 'tags' END)),
                    NULL::jsonb, NULL::timestamptz, element)::inventory_asset
            FROM (SELECT v.*,
                         coalesce(v.arn, CASE WHEN v.account IS NOT NULL
                                         THEN asset_key(v.id, resource_kind(v.type), 'aws',
                                                        v.account, v.region) END) AS key
                  FROM (SELECT json_text(element -> 'resourceType') AS type,
                               json_text(element -> 'resourceId') AS id,
                               json_text(coalesce(element -> 'arn', element -> 'ARN')) AS arn,
                               json_text(coalesce(element -> 'accountId',
                                                  element -> 'awsAccountId')) AS account,
                               json_text(element -> 'awsRegion') AS region OFFSET 0) v
                  OFFSET 0) i);
COMMENT ON FUNCTION posture_internal.aws_listed(text, jsonb) IS
    'returns the asset that a configuration item of AWS Config is';

CREATE FUNCTION posture_internal.aws_config_item(document jsonb, of_source text)
    RETURNS SETOF item
    LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
    SELECT i.*
    FROM (SELECT array_agg(aws_listed(
                     e.location, CASE WHEN jsonb_typeof(e.element) = 'string'
                                 THEN read_json(e.element #>> '{}') ELSE e.element END)) AS assets
          FROM document_element(document, '{configurationItems,baseConfigurationItems,Results}') e)
         a
    CROSS JOIN LATERAL inventory_items(a.assets, coalesce(of_source, 'aws-config'), 'AWS Config') i;
END;
COMMENT ON FUNCTION posture_internal.aws_config_item(jsonb, text) IS
    'returns the items of configuration items of AWS Config, or of the results of a query';

-- Kubernetes names no cluster in its objects. The source does, by the name that scanners give it.
CREATE FUNCTION posture_internal.kubernetes_listed(location text, element jsonb, cluster text)
    RETURNS inventory_asset
    LANGUAGE sql STABLE
    RETURN (SELECT (location,
                    coalesce(not_object_error(element),
                             CASE WHEN o.name IS NULL OR o.kind IS NULL
                                  THEN 'missing apiVersion, kind or metadata.name: not an object '
                                       'of Kubernetes' END),
                    NULL::text,
                    CASE WHEN o.name IS NOT NULL AND o.kind IS NOT NULL
                         THEN concat_ws('/', cluster, o.namespace, lower(o.kind), o.name) END,
                    source_key(o.kind), o.name, NULL::text, NULL::text,
                    strip_empty_fields(jsonb_build_object(
                        'cluster', cluster, 'namespace', o.namespace,
                        'labels', element #> '{metadata,labels}')),
                    jsonb_build_array(json_text(element #> '{metadata,uid}')),
                    NULL::timestamptz, element)::inventory_asset
            FROM (SELECT CASE WHEN element ? 'apiVersion'
                         THEN json_text(element -> 'kind') END AS kind,
                         json_text(element #> '{metadata,name}') AS name,
                         json_text(element #> '{metadata,namespace}') AS namespace OFFSET 0) o);
COMMENT ON FUNCTION posture_internal.kubernetes_listed(text, jsonb, text) IS
    'returns the asset that an object of Kubernetes is';

CREATE FUNCTION posture_internal.kubectl_item(document jsonb, of_source text) RETURNS SETOF item
    LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
    SELECT i.*
    FROM (SELECT array_agg(kubernetes_listed(e.location, e.element, of_source)) AS assets
          FROM document_element(document, '{items}') e) a
    CROSS JOIN LATERAL inventory_items(a.assets, coalesce(of_source, 'kubernetes'), 'Kubernetes') i;
END;
COMMENT ON FUNCTION posture_internal.kubectl_item(jsonb, text) IS
    'returns the items of objects of Kubernetes, as kubectl prints them';

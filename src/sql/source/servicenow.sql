/*
 * Format servicenow: configuration items, as the Table API of ServiceNow returns them
 * (in the envelope "result"), or its export to JSON writes them ("records").
 */

-- With sysparm_display_value=all a field has both its value and what a person reads, and a
-- reference has a link.
CREATE FUNCTION posture_internal.servicenow_value(field jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(field)
               WHEN 'object' THEN coalesce(json_text(field -> 'value'),
                                           json_text(field -> 'display_value'))
               ELSE json_text(field) END;
COMMENT ON FUNCTION posture_internal.servicenow_value(jsonb) IS
    'returns the value of a field of ServiceNow';

CREATE FUNCTION posture_internal.servicenow_label(field jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(field) = 'object' THEN json_text(field -> 'display_value')
                -- the id of the row that a reference is to is no name
                WHEN json_text(field) !~ '^[0-9a-f]{32}$' THEN json_text(field) END;
COMMENT ON FUNCTION posture_internal.servicenow_label(jsonb) IS
    'returns what a person reads in a field of ServiceNow; NULL if it has only an id';

CREATE FUNCTION posture_internal.servicenow_kind(class text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT CASE WHEN c.name IN ('server', 'linux_server', 'win_server', 'windows_server',
                                        'unix_server', 'aix_server', 'solaris_server',
                                        'hpux_server', 'hp_ux_server', 'osx_server', 'esx_server',
                                        'computer', 'pc_hardware', 'mainframe')
                        THEN 'host' ELSE nullif(c.name, '') END
            FROM (SELECT regexp_replace(regexp_replace(lower(class), '^cmdb_ci_', ''),
                                        '[^a-z0-9]+', '_', 'g') AS name) c);
COMMENT ON FUNCTION posture_internal.servicenow_kind(text) IS
    'returns the kind of an asset for the class of a configuration item, or for its label';

-- 1 - most critical, 2 - somewhat critical, 3 - less critical, 4 - not critical
CREATE FUNCTION posture_internal.servicenow_criticality(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE left(value, 1) WHEN '1' THEN 'critical' WHEN '2' THEN 'high'
                               WHEN '3' THEN 'medium' WHEN '4' THEN 'low' END;
COMMENT ON FUNCTION posture_internal.servicenow_criticality(text) IS
    'returns the criticality of an asset for a business criticality of ServiceNow; NULL for other '
    'values';

CREATE FUNCTION posture_internal.servicenow_tags(element jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN strip_empty_fields(jsonb_build_object(
        'class', servicenow_value(element -> 'sys_class_name'),
        'fqdn', servicenow_value(element -> 'fqdn'),
        'ip_address', servicenow_value(element -> 'ip_address'),
        'serial_number', servicenow_value(element -> 'serial_number'),
        'environment', servicenow_label(coalesce(element -> 'environment',
                                                 element -> 'used_for')),
        'department', servicenow_label(element -> 'department'),
        'location', servicenow_label(element -> 'location'),
        'support_group', servicenow_label(element -> 'support_group')));
COMMENT ON FUNCTION posture_internal.servicenow_tags(jsonb) IS
    'returns the tags of the asset that a configuration item is';

-- A configuration item of a cloud has the id of the resource in object_id.
CREATE FUNCTION posture_internal.servicenow_aliases(element jsonb, kind text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN jsonb_build_array(
        host_alias(servicenow_value(element -> 'fqdn'), kind, true),
        CASE WHEN is_global_id(servicenow_value(element -> 'object_id'))
             THEN servicenow_value(element -> 'object_id') END);
COMMENT ON FUNCTION posture_internal.servicenow_aliases(jsonb, text) IS
    'returns further keys of a configuration item, some of which may be null';

CREATE FUNCTION posture_internal.servicenow_listed(location text, element jsonb)
    RETURNS inventory_asset
    LANGUAGE sql STABLE
    RETURN (SELECT (location,
                    coalesce(not_object_error(element),
                             CASE WHEN c.id IS NULL
                                  THEN 'missing sys_id or sys_class_name: not a configuration '
                                       'item of ServiceNow' END),
                    CASE WHEN c.id IS NOT NULL AND
                              (lower(servicenow_value(element -> 'operational_status'))
                                   IN ('6', 'retired')
                               OR lower(servicenow_value(element -> 'install_status'))
                                   IN ('7', 'retired'))
                         THEN 'retired in ServiceNow' END,
                    c.id, c.kind, servicenow_value(element -> 'name'),
                    servicenow_criticality(servicenow_value(
                        coalesce(element -> 'busines_criticality',
                                 element -> 'business_criticality'))),
                    coalesce(servicenow_label(element -> 'owned_by'),
                             servicenow_label(element -> 'managed_by'),
                             servicenow_label(element -> 'assigned_to'),
                             servicenow_label(element -> 'support_group')),
                    servicenow_tags(element), servicenow_aliases(element, c.kind),
                    seen_time(to_jsonb(servicenow_value(element -> 'last_discovered'))),
                    element)::inventory_asset
            FROM (SELECT CASE WHEN element ?& '{sys_id,sys_class_name}'
                         THEN lower(servicenow_value(element -> 'sys_id')) END AS id,
                         servicenow_kind(servicenow_value(element -> 'sys_class_name')) AS kind
                  OFFSET 0) c);
COMMENT ON FUNCTION posture_internal.servicenow_listed(text, jsonb) IS
    'returns the asset that a configuration item of ServiceNow is';

CREATE FUNCTION posture_internal.servicenow_item(document jsonb, of_source text)
    RETURNS SETOF item
    LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
    SELECT i.*
    FROM (SELECT array_agg(servicenow_listed(e.location, e.element)) AS assets
          FROM document_element(document, '{result,records}') e) a
    CROSS JOIN LATERAL inventory_items(a.assets, coalesce(of_source, 'servicenow'), 'ServiceNow') i;
END;
COMMENT ON FUNCTION posture_internal.servicenow_item(jsonb, text) IS
    'returns the items of configuration items of ServiceNow';

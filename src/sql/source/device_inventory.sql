/*
 * Formats entra-devices and intune-devices: the devices that Microsoft Graph lists at
 * /devices and at /deviceManagement/managedDevices. Both know the id that a device got
 * when it was registered in Entra ID (deviceId, azureADDeviceId), which is its key.
 *
 * Fields: https://learn.microsoft.com/graph/api/resources/device and
 * https://learn.microsoft.com/graph/api/resources/intune-devices-manageddevice
 */

CREATE FUNCTION posture_internal.device_kind(os text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN os ~* '^(ios|ipad|iphone|android|windows ?(phone|mobile))' THEN 'mobile-device'
                WHEN os ~* '^(windows|mac|linux|ubuntu|rhel|red ?hat|debian|chrome)' THEN 'host'
                ELSE 'device' END;
COMMENT ON FUNCTION posture_internal.device_kind(text) IS
    'returns the kind of a device for the name of its operating system';

CREATE FUNCTION posture_internal.registered_id(value jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN nullif(lower(json_text(value)), '00000000-0000-0000-0000-000000000000');
COMMENT ON FUNCTION posture_internal.registered_id(jsonb) IS
    'returns the id of a device in Entra ID in one spelling; NULL if it is not registered there';

CREATE FUNCTION posture_internal.entra_device(location text, element jsonb) RETURNS inventory_asset
    LANGUAGE sql STABLE
    RETURN (location,
            coalesce(not_object_error(element),
                     CASE WHEN registered_id(element -> 'deviceId') IS NULL
                               OR NOT element ?| '{operatingSystem,accountEnabled,trustType}'
                          THEN 'missing deviceId or operatingSystem: not a device of Entra ID' END),
            NULL::text, CASE WHEN element ?| '{operatingSystem,accountEnabled,trustType}'
                             THEN registered_id(element -> 'deviceId') END,
            device_kind(json_text(element -> 'operatingSystem')),
            json_text(element -> 'displayName'), NULL::text, NULL::text,
            jsonb_build_object(
                'os', concat_ws(' ', json_text(element -> 'operatingSystem'),
                                json_text(element -> 'operatingSystemVersion')),
                'enabled', element -> 'accountEnabled', 'compliant', element -> 'isCompliant',
                'managed', element -> 'isManaged', 'trust_type', element -> 'trustType',
                'manufacturer', element -> 'manufacturer', 'model', element -> 'model'),
            jsonb_build_array(lower(json_text(element -> 'id'))),
            seen_time(element -> 'approximateLastSignInDateTime'), element)::inventory_asset;
COMMENT ON FUNCTION posture_internal.entra_device(text, jsonb) IS
    'returns the asset that a device of Entra ID is';

CREATE FUNCTION posture_internal.entra_device_item(document jsonb, of_source text)
    RETURNS SETOF item
    LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
    SELECT i.*
    FROM (SELECT array_agg(entra_device(e.location, e.element)) AS assets
          FROM microsoft_element(document) e) a
    CROSS JOIN LATERAL inventory_items(a.assets, coalesce(of_source, 'entra'),
                                       'Microsoft Entra ID') i;
END;
COMMENT ON FUNCTION posture_internal.entra_device_item(jsonb, text) IS
    'returns the items of a list of devices of Entra ID';

CREATE FUNCTION posture_internal.intune_device(location text, element jsonb)
    RETURNS inventory_asset
    LANGUAGE sql STABLE
    RETURN (SELECT (location,
                    coalesce(not_object_error(element),
                             CASE WHEN k.key IS NULL
                                  THEN 'missing id, deviceName or lastSyncDateTime: not a '
                                       'managedDevice of Intune' END),
                    NULL::text, k.key, device_kind(json_text(element -> 'operatingSystem')),
                    json_text(element -> 'deviceName'), NULL::text,
                    json_text(element -> 'userPrincipalName'),
                    jsonb_build_object(
                        'os', concat_ws(' ', json_text(element -> 'operatingSystem'),
                                        json_text(element -> 'osVersion')),
                        'compliance', element -> 'complianceState',
                        'ownership', element -> 'managedDeviceOwnerType',
                        'serial_number', element -> 'serialNumber',
                        'manufacturer', element -> 'manufacturer', 'model', element -> 'model'),
                    jsonb_build_array(lower(json_text(element -> 'id'))),
                    seen_time(element -> 'lastSyncDateTime'), element)::inventory_asset
            FROM (SELECT CASE WHEN element ?& '{id,deviceName,lastSyncDateTime}'
                         THEN coalesce(
                             registered_id(element -> 'azureADDeviceId'),
                             registered_id(element -> 'azureActiveDirectoryDeviceId'),
                             registered_id(element -> 'id')) END AS key OFFSET 0) k);
COMMENT ON FUNCTION posture_internal.intune_device(text, jsonb) IS
    'returns the asset that a managedDevice of Intune is';

CREATE FUNCTION posture_internal.intune_device_item(document jsonb, of_source text)
    RETURNS SETOF item
    LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
    SELECT i.*
    FROM (SELECT array_agg(intune_device(e.location, e.element)) AS assets
          FROM microsoft_element(document) e) a
    CROSS JOIN LATERAL inventory_items(a.assets, coalesce(of_source, 'intune'),
                                       'Microsoft Intune') i;
END;
COMMENT ON FUNCTION posture_internal.intune_device_item(jsonb, text) IS
    'returns the items of a list of managedDevices of Intune';

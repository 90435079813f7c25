-- Inventories of products: the asset has the key and the kind that findings about it give it.
-- tests: source/device_inventory, source/cloud_inventory, source/servicenow
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\set ECHO none
SET client_min_messages = warning;

-- The documents have the fields that these pages describe:
-- https://learn.microsoft.com/graph/api/resources/device
-- https://learn.microsoft.com/graph/api/resources/intune-devices-manageddevice
-- https://learn.microsoft.com/azure/governance/resource-graph/concepts/query-language
-- https://docs.aws.amazon.com/config/latest/APIReference/API_SelectResourceConfig.html
-- https://docs.aws.amazon.com/config/latest/APIReference/API_ConfigurationItem.html
-- https://kubernetes.io/docs/reference/using-api/api-concepts
-- ServiceNow: Table API, and class Configuration Item [cmdb_ci] of the CMDB
CREATE VIEW pg_temp.assets AS
SELECT a.key::text AS key, a.kind, a.name, nullif(a.criticality, 'medium') AS criticality, a.owner,
       (SELECT string_agg(l.alias, ' ' ORDER BY l.alias COLLATE "C") FROM asset_alias l
        WHERE l.asset_id = a.asset_id) AS aliases, known_by(a.asset_id) AS known_by
FROM asset a ORDER BY a.asset_id;
CREATE FUNCTION pg_temp.devices(VARIADIC device text[]) RETURNS jsonb LANGUAGE sql AS $$
SELECT jsonb_build_object('value', jsonb_agg(jsonb_build_object(
           'id', '11111111-0000-4000-8000-00000000000' || d[1], 'displayName', d[2],
           'deviceId', 'AAAAAAAA-0000-4000-8000-00000000000' || d[1], 'operatingSystem', d[3],
           'operatingSystemVersion', '10.0', 'accountEnabled', true, 'isCompliant', null,
           'trustType', 'AzureAd', 'approximateLastSignInDateTime', nullif(d[4], ''))))
FROM (SELECT string_to_array(x, '/') AS d FROM unnest(device) x) y $$;
CREATE FUNCTION pg_temp.managed(VARIADIC device text[]) RETURNS jsonb LANGUAGE sql AS $$
SELECT jsonb_build_object('value', jsonb_agg(jsonb_build_object(
           'id', '22222222-0000-4000-8000-00000000000' || n, 'deviceName', d[2],
           'azureADDeviceId', CASE d[1] WHEN '0' THEN '00000000-0000-0000-0000-000000000000'
                              ELSE 'aaaaaaaa-0000-4000-8000-00000000000' || d[1] END,
           'operatingSystem', d[3], 'osVersion', '10.0', 'lastSyncDateTime', d[4],
           'userPrincipalName', 'user' || n || '@example.com', 'complianceState', 'compliant',
           'managedDeviceOwnerType', 'company', 'serialNumber', 'S' || n)))
FROM (SELECT string_to_array(x, '/') AS d, n FROM unnest(device) WITH ORDINALITY u(x, n)) y $$;
\set ECHO all

-- devices of Entra ID and Intune: one asset by the id of its registration
SELECT * FROM load('entra-devices', pg_temp.devices(
    '1/DESKTOP-1/Windows/2026-03-01T08:00:00Z', '2/iPhone/iOS/', '3/iPhone/IPhone/',
        '4/KIOSK/Linux/',
    '5/KIOSK/Windows/', '6/Lab Mac/MacMDM/'));
SELECT * FROM pg_temp.assets;
SELECT loaded, changed FROM load('entra-devices', pg_temp.devices(
    '1/DESKTOP-1/Windows/2026-03-01T08:00:00Z', '2/iPhone/iOS/', '3/iPhone/IPhone/',
        '4/KIOSK/Linux/',
    '5/KIOSK/Windows/', '6/Lab Mac/MacMDM/'));
SELECT loaded, changed FROM load('intune-devices', pg_temp.managed(
    '1/DESKTOP-1/Windows/2026-03-02T08:00:00Z', '2/iPhone/iOS/0001-01-01T00:00:00Z',
        '0/SHARED-1/Windows/2026-03-02T08:00:00Z'));
SELECT key, kind, owner, aliases, known_by FROM pg_temp.assets WHERE 'intune' = ANY (known_by);
SELECT s.key, x.last_seen FROM asset_source x JOIN source s USING (source_id)
    JOIN asset a USING (asset_id)
WHERE a.name = 'DESKTOP-1' ORDER BY 1;
SELECT tags FROM asset WHERE name = 'DESKTOP-1';
-- a scanner knows the host by its name
INSERT INTO inbox (source, recommendation, asset, state, asset_kind)
VALUES ('entra', 'r', 'Desktop-1', 'compliant', 'host');
SELECT loaded, rejected FROM ingest();
SELECT asset, known_by FROM asset_report WHERE findings > 0;
-- as PowerShell writes them
SELECT loaded, changed FROM load('entra-devices', '[{"Id": "11111111-0000-4000-8000-000000000009",
    "DeviceId": "aaaaaaaa-0000-4000-8000-000000000009", "DisplayName": "PS-1",
        "OperatingSystem": "Windows",
    "AccountEnabled": true, "ApproximateLastSignInDateTime": "2026-03-01T08:00:00Z"}]');
-- of pages, all but the last are complete
SELECT load('entra-devices', pg_temp.devices('1/DESKTOP-1/Windows/')
            || '{"@odata.nextLink": "https://example.com/devices?$skiptoken=x"}',
                'entra', true);
SELECT loaded, closed FROM load('entra-devices', jsonb_build_array(
    pg_temp.devices('1/DESKTOP-1/Windows/') || '{"@odata.nextLink": "https://example.com/devices?$skiptoken=x"}',
    pg_temp.devices('2/iPhone/iOS/')), 'entra', true);
SELECT count(*) FILTER (WHERE retired_at IS NULL) AS stay, count(retired_at) AS retired FROM asset;
SELECT loaded, rejected FROM load('entra-devices', '{"value": [{"id": "x"}, 7, {"deviceId": "d1",
    "operatingSystem": "Linux"},
    {"deviceId": "d2"}]}');
SELECT reason FROM rejected ORDER BY 1;
SELECT load('intune-devices', pg_temp.devices('1/DESKTOP-1/Windows/'));
SELECT load('entra-devices', pg_temp.managed('1/DESKTOP-1/Windows/2026-03-01T08:00:00Z'));
DELETE FROM rejected;

-- resources of Azure: one asset with the assessments of Defender for Cloud, whatever the letter
-- case
SELECT loaded, changed FROM load('azure-assessments', '{"value": [{
    "id": "/subscriptions/S1/providers/Microsoft.Security/assessments/a",
    "name": "a", "type": "Microsoft.Security/assessments", "properties": {"displayName": "A",
    "resourceDetails": {"Source": "Azure",
        "Id": "/subscriptions/S1/resourceGroups/RG1/providers/Microsoft.Compute/virtualMachines/WEB1"},
    "status": {"code": "Unhealthy"}}}]}');
SELECT loaded, changed, left_out FROM load('azure-resources', '{"data": [
    {"id": "/subscriptions/s1/resourceGroups/rg1/providers/Microsoft.Compute/virtualMachines/web1", "name": "web1",
     "type": "microsoft.compute/virtualmachines", "tenantId": "T1", "kind": "",
         "location": "westeurope", "resourceGroup": "rg1",
     "subscriptionId": "s1", "properties": {"vmId": "x"}, "tags": {"env": "prod"}},
    {"id": "/subscriptions/s1/resourceGroups/rg1", "name": "rg1",
        "type": "microsoft.resources/subscriptions/resourcegroups"},
    {"id": "/subscriptions/s1", "name": "Shop", "type": "microsoft.resources/subscriptions"},
    {"id": "/subscriptions/s1/providers/Microsoft.Security/assessments/a",
        "type": "microsoft.security/assessments", "name": "a"}]}');
SELECT a.key, a.kind, a.name, a.known_by, (SELECT count(*) FROM finding f
    JOIN asset x USING (asset_id) WHERE x.key = a.key) AS findings
FROM pg_temp.assets a WHERE a.key LIKE '/%';
SELECT tags FROM asset WHERE name = 'web1';
SELECT load('azure-resources', '{"data": [{"id": "/subscriptions/s1",
    "type": "microsoft.resources/subscriptions"}], "$skipToken": "x"}', 'arg', true);

-- items of AWS Config: one asset with the findings of Security Hub
SELECT loaded, changed FROM load('asff', '[{"Id": "f1",
    "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/securityhub",
    "GeneratorId": "security-control/EC2.8", "AwsAccountId": "111122223333",
        "UpdatedAt": "2026-03-01T08:00:00.000Z", "Title": "t",
    "Severity": {"Label": "HIGH"}, "Resources": [{"Type": "AwsEc2Instance",
        "Id": "arn:aws:ec2:eu-west-1:111122223333:instance/i-1"}],
    "Compliance": {"Status": "FAILED", "SecurityControlId": "EC2.8"},
        "Workflow": {"Status": "NEW"}, "RecordState": "ACTIVE"}]');
SELECT loaded, changed, rejected, left_out
FROM load('aws-config', jsonb_build_object('Results', jsonb_build_array(
    '{"arn": "arn:aws:ec2:eu-west-1:111122223333:instance/i-1", "resourceId": "i-1",
      "resourceType": "AWS::EC2::Instance", "accountId": "111122223333", "awsRegion": "eu-west-1",
      "tags": [{"tag": "env=prod", "key": "env", "value": "prod"}]}',
    '{"resourceId": "sg-1", "resourceType": "AWS::EC2::SecurityGroup",
      "accountId": "111122223333", "awsRegion": "eu-west-1"}',
    '{"resourceId": "b", "resourceType": "AWS::S3::Bucket"}', '{cut')));
SELECT loaded, changed, left_out FROM load('aws-config', '{"fileVersion": "1.0",
    "configSnapshotId": "x", "configurationItems": [
    {"ARN": "arn:aws:s3:::logs", "resourceId": "logs", "resourceName": "logs",
        "resourceType": "AWS::S3::Bucket", "awsAccountId": "111122223333",
     "awsRegion": "eu-west-1", "tags": {"env": "test"},
         "configurationItemStatus": "ResourceDiscovered",
         "configurationItemCaptureTime": "2026-03-01T08:00:00Z"},
    {"ARN": "arn:aws:s3:::old", "resourceId": "old", "resourceType": "AWS::S3::Bucket",
        "awsAccountId": "1", "configurationItemStatus": "ResourceDeleted"}]}');
SELECT a.key, a.kind, a.name, a.known_by, (SELECT count(*) FROM finding f
    JOIN asset x USING (asset_id) WHERE x.key = a.key) AS findings
FROM pg_temp.assets a WHERE a.key ~ '^(arn|aws)';
SELECT key, tags FROM asset WHERE kind LIKE 'aws%' AND tags ? 'tags' ORDER BY 1;
SELECT left(reason, 90) FROM rejected ORDER BY 1;
DELETE FROM rejected;

-- objects of Kubernetes: one asset with what Trivy found in the cluster
SELECT loaded, changed FROM load('trivy', '{"ClusterName": "prod",
    "CreatedAt": "2026-03-05T10:00:00Z", "Resources": [
    {"Namespace": "shop", "Kind": "Deployment", "Name": "web", "Results": [{"Class": "os-pkgs",
        "Vulnerabilities": []}]}]}');
SELECT * FROM load('kubectl', '{"apiVersion": "v1", "kind": "List",
    "metadata": {"resourceVersion": ""}, "items": [
    {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web",
        "namespace": "shop", "uid": "3f6c2d1e-0000-4000-8000-000000000001",
        "labels": {"app": "web"}}},
    {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"}}]}', 'prod', true);
SELECT a.key, a.kind, a.aliases, a.known_by, (SELECT count(*) > 0 FROM finding f
    JOIN asset x USING (asset_id) WHERE x.key = a.key) AS is_scanned
FROM pg_temp.assets a WHERE a.key LIKE 'prod/%';
SELECT tags FROM asset WHERE key = 'prod/shop/deployment/web';
SELECT load('kubectl', '{"kind": "PodList", "metadata": {"continue": "x"}, "items":
    [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}]}', 'prod', true);

-- configuration items of ServiceNow
SELECT loaded, changed, rejected, left_out FROM load('servicenow', '{"result": [
    {"sys_id": "0123456789ABCDEF0123456789abcdef", "name": "WEB7",
        "sys_class_name": "cmdb_ci_linux_server", "fqdn": "Web7.example.com",
        "ip_address": "192.0.2.7",
     "serial_number": "VM-7", "owned_by": {"value": "00000000000000000000000000000001",
         "display_value": "Shop team", "link": "https://example.com/u"},
     "busines_criticality": "1 - most critical", "operational_status": "1", "install_status": "1",
         "last_discovered": "2026-03-01 08:00:00"},
    {"sys_id": {"value": "0123456789abcdef0123456789abcde0", "display_value": "x"},
        "name": {"value": "Web shop", "display_value": "Web shop"},
     "sys_class_name": {"value": "cmdb_ci_service", "display_value": "Business Service"},
         "owned_by": {"link": "https://example.com/u", "value": "00000000000000000000000000000001"},
     "support_group": {"display_value": "Operations",
         "value": "00000000000000000000000000000002"},
         "busines_criticality": {"value": "3 - less critical", "display_value": "3"}},
    {"sys_id": "0123456789abcdef0123456789abcde1", "name": "vm",
        "sys_class_name": "Windows Server", "operational_status": "Operational", "owned_by": "",
     "object_id": "/subscriptions/s1/resourceGroups/rg1/providers/Microsoft.Compute/virtualMachines/web1"},
    {"sys_id": "0123456789abcdef0123456789abcde2", "name": "gone",
        "sys_class_name": "cmdb_ci_server", "operational_status": "6"},
    {"sys_id": "0123456789abcdef0123456789abcde3", "name": "gone",
        "sys_class_name": "cmdb_ci_server", "install_status": "Retired"}, {"name": "x"}]}');
SELECT key, kind, name, criticality, owner, aliases FROM pg_temp.assets
    WHERE 'servicenow' = ANY (known_by);
SELECT tags FROM asset WHERE name = 'WEB7';
SELECT x.last_seen FROM asset_source x JOIN asset a USING (asset_id) WHERE a.name = 'WEB7';
SELECT loaded, changed FROM load('servicenow', '{"records":
    [{"sys_id": "0123456789abcdef0123456789abcdef", "name": "WEB7",
    "sys_class_name": "cmdb_ci_linux_server"}]}');

-- each document is recognized as of its format
SELECT document_format(pg_temp.devices('1/D/Windows/')),
    document_format(pg_temp.managed('1/D/Windows/2026-03-01T08:00:00Z')),
       document_format('{"data": [{"id": "/subscriptions/s1",
           "type": "microsoft.resources/subscriptions"}]}'),
       document_format('{"configurationItems": [{"arn": "arn:aws:s3:::x",
           "resourceType": "AWS::S3::Bucket"}]}'),
       document_format('{"items": [{"apiVersion": "v1", "kind": "Pod",
           "metadata": {"name": "p"}}]}'),
       document_format('{"result": [{"sys_id": "1", "sys_class_name": "cmdb_ci"}]}'),
           document_format('[{"key": "a"}]');

DISCARD TEMP;
DROP EXTENSION posture;

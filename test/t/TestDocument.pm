# A document of each format that load() takes, each with most of the fields
# that its format has: what the tests of hostile text and settings load.
package TestDocument;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(documents);

# [ format, document ], ...
sub documents
{
	my $vm = '/subscriptions/s1/resourceGroups/rg1/providers/Microsoft.Compute/virtualMachines/web1';
	return (
		[ 'posture', <<'JSON' ],
[{"type": "source", "key": "own", "name": "Own", "product": "Own product", "is_active": true, "stale_after": "P90D"},
 {"type": "asset", "key": "own-1", "kind": "host", "name": "Own 1", "criticality": "high", "owner": "web team", "tags": {"env": "prod", "zone": "2"}, "aliases": ["own-one"],
  "first_seen": "2024-01-02T03:04:05Z", "last_seen": "2024-03-04T05:06:07Z"},
 {"type": "asset_group", "key": "own-group", "name": "Own group", "owner": "nobody", "kinds": ["host"], "min_criticality": "low", "tags": {"env": "prod"}, "rule": {"any": [{"asset": "own-one"}, {"owner": "web team"}]}},
 {"type": "recommendation", "source": "own", "key": "own-r", "title": "Own title", "description": "Own description", "remediation": "Own remediation", "markup": "markdown", "severity": "high",
  "workload": "Own workload", "domain": "Own domain", "max_points": 10, "manage_url": "https://example.com/own", "assigned_to": "web team", "due_on": "2030-01-02", "effort_hours": 1.5, "details": {"a": "detail", "b": ["c"]}},
 {"type": "finding", "source": "own", "recommendation": "own-r", "asset": "own-1", "state": "non_compliant", "observed_at": "2024-03-04T05:06:07Z", "asset_kind": "host", "asset_name": "Own 1", "details": {"why": "because"}},
 {"type": "measure", "source": "own", "recommendation": "own-m", "achieved": 1.25, "possible": 4.5, "observed_at": "2024-03-04T05:06:07Z"},
 {"type": "exemption", "source": "own", "recommendation": "own-r", "asset": "own-2", "kind": "waived", "reason": "Own reason", "approved_by": "ciso", "created_at": "2024-03-04T05:06:07Z", "expires_at": "2034-03-04T05:06:07Z"},
 {"type": "recommendation", "source": "own", "key": "own-m", "title": "Own control", "is_manual": true},
 {"type": "attestation", "source": "own", "recommendation": "own-m", "asset": "own-2", "state": "compliant", "evidence": "https://example.com/own", "note": "Own note", "attested_by": "kim", "attested_at": "2024-03-04T05:06:07Z", "valid_until": "2034-03-04"},
 {"type": "exemption", "source": "own", "recommendation": "own-r", "asset_group": "own-group", "kind": "mitigated", "reason": "Own group's reason", "approved_by": "ciso", "created_at": "2024-03-04T05:06:07Z"},
 {"type": "metric", "key": "own-metric", "name": "Own metric", "description": "Of mine", "importance": "high", "asset_kinds": ["host"], "criticality_weights": [1, 1, 2, 5], "drop_threshold": 1.5, "cooldown_days": 3, "details": {"x": "y"},
  "recommendations": [{"source": "own", "recommendation": "own-r"}]},
 {"type": "metric", "key": "own-rule", "name": "Own rule", "rule": {"source": "own", "product": ["Own product"], "domain": "Own domain", "workload": "Own workload", "key": ["own%"], "min_severity": "low"}},
 {"type": "initiative", "key": "own-initiative", "name": "Own initiative", "kind": "threat", "description": "Own threat", "method": "weighted", "target_score": 90, "target_on": "2030-01-02", "owner": "nobody", "is_pinned": true,
  "details": {"x": "y"}, "metrics": [{"metric": "own-metric", "weight": 2}, {"metric": "own-rule"}], "recommendations": [{"source": "own", "recommendation": "own-m"}]},
 {"type": "benchmark", "initiative": "own-initiative", "key": "all", "name": "All", "day": "2024-03-04", "score": 44.5, "details": {"n": "m"}},
 {"type": "score_band", "initiative": "own-initiative", "scheme": "zone", "from_score": 0, "name": "Own zone"},
 {"type": "importance_weight", "importance": "low", "weight": 2.25}]
JSON
		[ 'graph-secure-score-profiles', <<'JSON' ],
{"value": [{"id": "ProfileOne", "azureTenantId": "tenant-1", "title": "Profile one", "actionType": "Config", "actionUrl": "https://example.com/one", "controlCategory": "Identity", "service": "AAD", "maxScore": 9, "rank": 3,
 "tier": "Core", "userImpact": "Low", "implementationCost": "Moderate", "remediation": "<b>Turn</b> it on", "remediationImpact": "None", "threats": ["Account breach"], "deprecated": false, "lastModifiedDateTime": "2024-01-01T00:00:00Z",
 "controlStateUpdates": [{"state": "Ignored", "assignedTo": "web team", "comment": "Not for us", "updatedBy": "ciso@example.com", "updatedDateTime": "2024-01-03T00:00:00Z"}],
 "vendorInformation": {"provider": "SecureScore", "vendor": "Microsoft", "subProvider": "x"}, "complianceInformation": [{"certificationName": "ISO", "certificationControls": [{"name": "A.1", "url": "https://example.com/a1"}]}]}]}
JSON
		[ 'graph-secure-scores', <<'JSON' ],
{"value": [{"id": "tenant-1_2024-05-02", "azureTenantId": "tenant-1", "createdDateTime": "2024-05-02T00:00:00Z", "currentScore": 5.5, "maxScore": 9, "activeUserCount": 5, "licensedUserCount": 9, "enabledServices": ["HasAAD"],
 "averageComparativeScores": [{"basis": "AllTenants", "averageScore": 30.25}, {"basis": "TotalSeats", "averageScore": 40, "seatSizeRangeLowerValue": "1", "seatSizeRangeUpperValue": "100"}],
 "controlScores": [{"controlName": "ProfileOne", "controlCategory": "Identity", "score": 5.5, "description": "Turn <i>it</i> on", "implementationStatus": "3 of 5 users", "scoreInPercentage": 61.11}],
 "vendorInformation": {"provider": "SecureScore", "vendor": "Microsoft"}}]}
JSON
		[ 'azure-assessments', qq({"value": [{"id": "$vm/providers/Microsoft.Security/assessments/disk-1", "name": "disk-1", "type": "Microsoft.Security/assessments", "properties": {
 "resourceDetails": {"source": "Azure", "id": "$vm"}, "displayName": "Disks are encrypted", "status": {"code": "Unhealthy", "cause": "Open", "description": "No key", "statusChangeDate": "2024-01-02T00:00:00Z"},
 "additionalData": {"disk": "os"}, "links": {"azurePortal": "https://example.com/web1"}, "metadata": {"displayName": "Disks should be encrypted", "description": "Data at rest", "remediationDescription": "Encrypt", "severity": "High",
 "categories": ["Compute", "Data"], "userImpact": "Low", "implementationEffort": "Moderate", "threats": ["dataExfiltration"], "policyDefinitionId": "/providers/p/1"}}},
 {"id": "$vm/providers/Microsoft.Security/assessments/mfa-1", "name": "mfa-1", "type": "Microsoft.Security/assessments", "properties": {"resourceDetails": {"source": "Azure", "id": "$vm"}, "displayName": "Owners use MFA",
 "status": {"code": "NotApplicable", "cause": "Exempt", "description": "Other product"}, "additionalData": {"exemption": {"exemptionCategory": "Mitigated", "displayName": "Other product", "expiresOn": "2124-01-01T00:00:00Z", "metadata": {"approvedBy": "Security"}}}}}]}) ],
		[ 'azure-secure-score-controls', <<'JSON' ],
{"value": [{"id": "/subscriptions/s1/providers/Microsoft.Security/secureScores/ascScore/secureScoreControls/c-1", "name": "c-1", "type": "Microsoft.Security/secureScores/secureScoreControls", "properties": {"displayName": "Encrypt data",
 "healthyResourceCount": 1, "unhealthyResourceCount": 2, "notApplicableResourceCount": 0, "score": {"max": 4, "current": 1.33, "percentage": 0.3333}, "weight": 3,
 "definition": {"id": "/providers/Microsoft.Security/secureScoreControlDefinitions/c-1", "properties": {"displayName": "Encrypt data", "maxScore": 4, "description": "All of it", "source": {"sourceType": "BuiltIn"},
 "assessmentDefinitions": [{"id": "/providers/Microsoft.Security/assessmentMetadata/disk-1"}]}}}}]}
JSON
		[ 'ocsf', <<'JSON' ],
[{"class_uid": 2004, "activity_id": 1, "time": 1709280000, "time_dt": "2024-03-01T08:00:00", "message": "Bucket logs is public", "severity_id": 4, "severity": "High", "status": "New", "status_code": "FAIL", "status_detail": "Bucket logs is public",
 "metadata": {"event_code": "bucket_public", "version": "1.4.0", "product": {"name": "Prowler", "uid": "prowler", "vendor_name": "Prowler", "version": "5.4.0"}, "tenant_uid": "t"},
 "unmapped": {"related_url": "https://example.com/b", "categories": ["internet-exposed"], "notes": "note", "compliance": {"CIS-3.0": ["2.1.4"]}},
 "finding_info": {"created_time": 1709280000, "desc": "Checks **buckets**", "title": "No bucket is public", "types": ["Data"], "uid": "f-1"}, "risk_details": "Anybody reads",
 "resources": [{"cloud_partition": "aws", "region": "eu-west-1", "data": {"details": "d", "metadata": {"acl": "x"}}, "group": {"name": "s3"}, "labels": ["env:test"], "name": "logs", "type": "AwsS3Bucket", "uid": "arn:aws:s3:::logs"}],
 "cloud": {"account": {"name": "Test", "type": "AWS Account", "uid": "111122223333"}, "org": {"name": "o", "uid": "o-1"}, "provider": "aws", "region": "eu-west-1"}, "remediation": {"desc": "Block it", "references": ["aws x", "https://example.com/fix"]}},
 {"class_uid": 2003, "time": 1709280000000, "severity_id": 3, "metadata": {"uid": "run 7", "product": {"name": "Port Checker", "vendor_name": "Example", "feature": {"uid": "tcp"}}},
 "compliance": {"control": "AC-17", "requirements": ["AC-17(2)"], "standards": ["NIST"], "desc": "No port", "status_id": 1, "status_detail": "closed", "control_parameters": [{"name": "port", "value": "22"}]},
 "finding_info": {"uid": "1", "title": "Ports are closed", "src_url": "https://example.com/1", "analytic": {"uid": "ports"}}, "evidences": [{"data": "22/tcp"}],
 "resources": [{"uid": "web1.example.com", "name": "web1", "type": "Server", "namespace": "ns", "owner": {"name": "web team"}, "tags": [{"name": "env", "value": "prod"}]}]},
 {"class_uid": 2002, "activity_id": 1, "time": 1709280000000, "severity_id": 5, "severity": "Critical", "status_id": 1, "metadata": {"product": {"name": "Inspector", "vendor_name": "Amazon"}},
 "finding_info": {"uid": "v-1", "title": "CVE-2024-1 in openssl", "created_time": 1709280000000}, "cloud": {"account": {"uid": "111122223333"}, "provider": "AWS", "region": "eu-west-1"},
 "resources": [{"uid": "arn:aws:ec2:eu-west-1:111122223333:instance/i-1", "type": "AwsEc2Instance", "region": "eu-west-1"}],
 "vulnerabilities": [{"cve": {"uid": "CVE-2024-1", "created_time": 1709000000000, "cvss": [{"base_score": 9.8, "version": "3.1"}], "epss": {"score": "0.5"}}, "severity": "CRITICAL", "is_exploit_available": true, "is_fix_available": true,
 "kb_article_list": [{"uid": "KB1"}], "affected_packages": [{"name": "openssl", "version": "1.1", "release": "2", "fixed_in_version": "1.2"}]}]}]
JSON
		[ 'asff', <<'JSON' ],
[{"SchemaVersion": "2018-10-08", "Id": "arn:aws:securityhub:eu-west-1:111122223333:security-control/S3.8/finding/1", "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/securityhub", "ProductName": "Security Hub", "CompanyName": "AWS",
 "Region": "eu-west-1", "GeneratorId": "security-control/S3.8", "AwsAccountId": "111122223333", "AwsAccountName": "test", "Types": ["Software"], "FirstObservedAt": "2024-01-01T00:00:00.000Z", "CreatedAt": "2024-01-01T00:00:00.000Z",
 "UpdatedAt": "2024-03-01T08:00:00.000Z", "Severity": {"Label": "HIGH", "Original": "HIGH"}, "Title": "Buckets block public access", "Description": "It checks", "Remediation": {"Recommendation": {"Text": "Block it", "Url": "https://example.com/S3.8"}},
 "ProductFields": {"aws/securityhub/annotation": "It is open"}, "Resources": [{"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::hub", "Partition": "aws", "Region": "eu-west-1", "Tags": {"env": "test"}, "ApplicationName": "shop", "Details": {"AwsS3Bucket": {"Name": "hub"}}}],
 "Compliance": {"Status": "FAILED", "SecurityControlId": "S3.8", "RelatedRequirements": ["NIST AC-3"], "AssociatedStandards": [{"StandardsId": "standards/pci"}], "StatusReasons": [{"ReasonCode": "X", "Description": "x"}]},
 "WorkflowState": "NEW", "Workflow": {"Status": "NEW"}, "RecordState": "ACTIVE", "Note": {"Text": "seen"}},
 {"SchemaVersion": "2018-10-08", "Id": "arn:aws:inspector2:eu-west-1:111122223333:finding/1", "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/inspector", "ProductName": "Inspector", "CompanyName": "Amazon", "Region": "eu-west-1", "GeneratorId": "AWSInspector", "AwsAccountId": "111122223333",
 "Types": ["Software and Configuration Checks/Vulnerabilities/CVE"], "FirstObservedAt": "2024-01-01T00:00:00.000Z", "UpdatedAt": "2024-03-01T08:00:00.000Z", "Severity": {"Label": "HIGH"}, "Title": "CVE-2024-2 - zlib", "Resources": [{"Type": "AwsEc2Instance", "Id": "arn:aws:ec2:eu-west-1:111122223333:instance/i-2", "Region": "eu-west-1"}],
 "Vulnerabilities": [{"Id": "CVE-2024-2", "EpssScore": 0.5, "ExploitAvailable": "YES", "FixAvailable": "YES", "Cvss": [{"BaseScore": 7.5, "Version": "3.1"}], "Vendor": {"Name": "NVD", "VendorSeverity": "HIGH"}, "VulnerablePackages": [{"Name": "zlib", "Version": "1", "Release": "2", "FixedInVersion": "3"}]}], "RecordState": "ACTIVE"}]
JSON
		[ 'prowler-checks', <<'JSON' ],
[{"Provider": "azure", "CheckID": "vault_purge", "CheckTitle": "Vaults keep it", "CheckType": ["x"], "CheckAliases": ["old"], "ServiceName": "vault", "SubServiceName": "s", "Severity": "High", "ResourceType": "vaults", "ResourceGroup": "security",
 "Description": "**Vaults**", "Risk": "Lost keys", "RelatedUrl": "https://example.com/r", "AdditionalURLs": ["https://example.com/1"], "Remediation": {"Code": {"CLI": "az x", "Terraform": "t"}, "Recommendation": {"Text": "Turn it on", "Url": "https://example.com/v"}},
 "Categories": ["resilience"], "DependsOn": ["a"], "RelatedTo": ["other"], "Notes": "n"}]
JSON
		[ 'compliance-framework', <<'JSON' ],
{"Framework": "Frame", "Name": "A framework", "Version": "1", "Provider": "Azure", "Description": "All of it", "Requirements": [{"Id": "1.1", "Name": "First", "Description": "A requirement", "Checks": ["vault_purge", "other"],
 "Attributes": [{"Section": "S", "SubSection": "SS", "Service": "vault", "Weight": 10, "LevelOfRisk": 4}]},
 {"Id": "1.2", "Name": "Second", "Description": "By hand", "Checks": [], "Attributes": [{"Section": "S"}]}]}
JSON
		[ 'trivy', <<'JSON' ],
{"SchemaVersion": 2, "CreatedAt": "2024-03-01T08:00:00.123456789Z", "ArtifactName": "registry.example.com/shop/web:1.4", "ArtifactType": "container_image", "Metadata": {"OS": {"Family": "debian", "Name": "12.4"}, "ImageID": "sha256:11", "RepoDigests": ["registry.example.com/shop/web@sha256:22"]},
 "Results": [{"Target": "web (debian 12.4)", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": [{"VulnerabilityID": "CVE-2021-1", "PkgName": "openssl", "InstalledVersion": "1.1", "FixedVersion": "1.2", "Status": "fixed", "Severity": "CRITICAL", "Title": "t", "CVSS": {"nvd": {"V3Score": 9.8}}, "PublishedDate": "2021-03-01T00:00:00Z"}]}]}
JSON
		[ 'grype', <<'JSON' ],
{"matches": [{"vulnerability": {"id": "CVE-2021-2", "severity": "High", "fix": {"versions": ["2"], "state": "fixed"}, "cvss": [{"version": "3.1", "metrics": {"baseScore": 7.5}}], "epss": [{"cve": "CVE-2021-2", "epss": 0.5, "percentile": 0.9}]}, "artifact": {"name": "zlib", "version": "1", "type": "deb"}}],
 "source": {"type": "image", "target": {"userInput": "registry.example.com/shop/db:2", "imageID": "sha256:33"}}, "distro": {"name": "debian", "version": "12"}, "descriptor": {"name": "grype", "version": "0.92.0", "timestamp": "2024-03-01T08:00:00Z"}}
JSON
		[ 'entra-devices', <<'JSON' ],
{"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#devices", "value": [{"id": "11111111-aaaa-4bbb-8ccc-000000000001", "deviceId": "aaaaaaaa-1111-4222-8333-000000000001", "displayName": "LAPTOP-1", "operatingSystem": "Windows", "operatingSystemVersion": "10.0.22631.4317",
 "accountEnabled": true, "isCompliant": true, "isManaged": true, "trustType": "AzureAd", "manufacturer": "Example", "model": "M1", "approximateLastSignInDateTime": "2024-03-01T08:00:00Z"}]}
JSON
		[ 'intune-devices', <<'JSON' ],
{"value": [{"id": "22222222-aaaa-4bbb-8ccc-000000000001", "azureADDeviceId": "aaaaaaaa-1111-4222-8333-000000000001", "deviceName": "LAPTOP-1", "operatingSystem": "Windows", "osVersion": "10.0.22631.4317", "lastSyncDateTime": "2024-03-01T09:00:00Z",
 "userPrincipalName": "user@example.com", "complianceState": "compliant", "managedDeviceOwnerType": "company", "serialNumber": "S-1", "manufacturer": "Example", "model": "M1"}]}
JSON
		[ 'azure-resources', <<'JSON' ],
{"data": [{"id": "/subscriptions/s1/resourceGroups/rg1/providers/Microsoft.Storage/storageAccounts/logs1", "name": "logs1", "type": "microsoft.storage/storageaccounts", "tenantId": "t1", "subscriptionId": "s1", "resourceGroup": "rg1", "location": "westeurope", "tags": {"env": "prod"}}]}
JSON
		[ 'aws-config', <<'JSON' ],
{"Results": ["{\"arn\": \"arn:aws:s3:::inventory\", \"resourceId\": \"inventory\", \"resourceName\": \"inventory\", \"resourceType\": \"AWS::S3::Bucket\", \"accountId\": \"111122223333\", \"awsRegion\": \"eu-west-1\", \"tags\": [{\"key\": \"env\", \"value\": \"prod\"}]}"], "QueryInfo": {"SelectFields": [{"Name": "arn"}]}}
JSON
		[ 'kubectl', <<'JSON' ],
{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop", "uid": "3f6c2d1e-0000-4000-8000-000000000001", "labels": {"app": "web"}}}], "metadata": {"resourceVersion": ""}}
JSON
		[ 'servicenow', <<'JSON' ],
{"result": [{"sys_id": "0123456789abcdef0123456789abcdef", "name": "web8", "sys_class_name": "cmdb_ci_linux_server", "fqdn": "web8.example.com", "ip_address": "192.0.2.8", "serial_number": "VM-8", "environment": "Production", "department": {"display_value": "Shop", "link": "https://example.com/d"},
 "owned_by": {"display_value": "web team", "value": "00000000000000000000000000000001"}, "busines_criticality": "1 - most critical", "operational_status": "1", "last_discovered": "2024-03-01 08:00:00", "object_id": "arn:aws:ec2:eu-west-1:111122223333:instance/i-1"}]}
JSON
		[ 'inventory', <<'JSON' ],
{"assets": [{"key": "inv-1", "kind": "host", "name": "Inv 1", "criticality": "high", "owner": "web team", "tags": {"env": "prod"}, "aliases": ["inv-one"], "seen_at": "2024-03-01T08:00:00Z"}]}
JSON
		[ 'xccdf', <<'XML' ]);
<Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2" xmlns:h="http://www.w3.org/1999/xhtml" id="bench"><status>accepted</status><title>Guide</title><version>1.2</version><Group id="g1"><title>Access</title><Rule id="ssh" severity="high" weight="10.0"><version>X-1</version><title>No root</title><description>Set <h:code>it</h:code> to <sub idref="v1"/></description><reference href="https://example.com/c">AC-6</reference><rationale>root</rationale><ident system="http://cce.mitre.org">CCE-1</ident><fixtext>edit a</fixtext><fix id="f1" system="sh">sed</fix></Rule></Group><TestResult id="t1" end-time="2024-03-01T10:00:00" test-system="cpe:/a:redhat:openscap:1.3.9"><organization>Example Corp</organization><profile idref="p1"/><target>WEB9</target><target-address>192.0.2.7</target-address><target-facts><fact name="urn:scap:fact:asset:identifier:fqdn" type="string">web9.example.com</fact><fact name="urn:scap:fact:asset:identifier:os_name" type="string">Example OS</fact></target-facts><set-value idref="v1">15</set-value><rule-result idref="ssh" severity="medium" weight="5.0"><result>fail</result><message severity="error">root may</message><instance context="file">/etc/x</instance></rule-result></TestResult></Benchmark>
XML
}

1;

# Documents of every format of load(), short ones, with parts that were replaced or left out
# at random, and values of JSON and XML: what the tests of calls load.
package TestRandomDocument;

use strict;
use warnings;
use Exporter 'import';
use JSON::PP ();

our @EXPORT = qw(pick document document_format document_formats json xml @key);

sub pick { return $_[ rand @_ ] }

# keys and the like, of the sample and of nobody
our @key = (qw(scan cloud r1 r2 r4 p1 a1 a4 m1 m2 m4 i1 i2 i3 g1 host user zone cloud:p1 zz),
	"\x{c3}\x{9c}ber\x{e2}\x{82}\x{ac}\x{f0}\x{9f}\x{94}\x{92}", "it's", 'a"b', 'a\\b', '',
	' ', '%', '$1', 'x' x 3000);

my $deep = '[' x 200 . ']' x 200;
my %xml = (
	rule => '<Rule id="r" severity="high" weight="1"><title>t</title><description>d &amp; '
	  . '<b xmlns="http://www.w3.org/1999/xhtml">x</b></description></Rule>',
	result => '<rule-result idref="r" time="2026-01-01T00:00:00" weight="x">'
	  . '<result>fail</result><message>m</message></rule-result>',
	target => '<target>a1</target><target-facts>'
	  . '<fact name="urn:xccdf:fact:asset:identifier:fqdn">a1</fact></target-facts>');
sub xml
{
	my $inner = join '', map { pick(@xml{ sort keys %xml }) } 0 .. rand 4;
	my $ns = pick('', ' xmlns="http://checklists.nist.gov/xccdf/1.2"', ' xmlns="urn:x"');
	return pick('<a/>', 'text', '',
		"<Benchmark$ns id='b'>$inner<TestResult id='t' end-time='x'>$inner</TestResult>"
		  . '</Benchmark>',
		"<TestResult$ns id='t' end-time='2026-01-01T00:00:00'>$inner</TestResult>",
		"<x$ns>" x 50 . $inner . '</x>' x 50);
}

my $vm = '/subscriptions/s1/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/w';

# documents as the formats have them
my %document = (
	'graph-secure-score-profiles' => <<'JSON',
{"value": [{"id": "Mfa", "title": "t", "maxScore": 10, "service": "s", "controlCategory": "c",
"actionUrl": "https://example.com", "remediation": "<p>x</p>", "tier": "Core", "rank": 1,
"threats": ["x"], "deprecated": false, "controlStateUpdates": [{"state": "Default"},
{"state": "ignored", "comment": "c", "updatedBy": "u", "updatedDateTime": "2026-02-01T10:00:00Z",
"assignedTo": "a"}]}]}
JSON
	'graph-secure-scores' => <<'JSON',
[{"id": "t_1", "azureTenantId": "t", "createdDateTime": "2026-03-02T00:00:00Z",
"currentScore": 17, "maxScore": 40, "averageComparativeScores": [{"basis": "AllTenants",
"averageScore": 3}], "controlScores": [{"controlName": "Mfa", "controlCategory": "c", "score": 8,
"scoreInPercentage": 80, "description": "d", "count": "8", "total": "10"}]}]
JSON
	'azure-assessments' => <<"JSON",
{"value": [{"id": "$vm/providers/Microsoft.Security/assessments/a", "name": "a",
"type": "Microsoft.Security/assessments", "properties": {"displayName": "d",
"resourceDetails": {"Source": "Azure", "Id": "$vm"}, "status": {"code": "NotApplicable",
"cause": "Exempt", "description": "x", "statusChangeDate": "2024-01-03T00:00:00Z"},
"additionalData": {"exemption": {"exemptionCategory": "Mitigated", "displayName": "d",
"expiresOn": "2124-01-01T00:00:00Z"}}, "metadata": {"displayName": "d", "severity": "High",
"categories": ["Compute"], "threats": ["x"]}}}]}
JSON
	'azure-secure-score-controls' => <<'JSON',
{"value": [{"id":
"/subscriptions/s1/providers/Microsoft.Security/secureScores/ascScore/secureScoreControls/C",
"name": "C", "properties": {"displayName": "d", "healthyResourceCount": 1,
"unhealthyResourceCount": 2, "score": {"max": 4}, "weight": 3, "definition": {"name": "c",
"properties": {"maxScore": 4,
"assessmentDefinitions": [{"id": "/providers/Microsoft.Security/assessmentMetadata/a"}]}}}}]}
JSON
	ocsf => <<'JSON',
[{"class_uid": 2004, "status_code": "FAIL", "message": "m", "time": 1709280000, "severity_id": 4,
"severity": "High", "metadata": {"event_code": "e", "product": {"name": "P", "version": "1"}},
"finding_info": {"uid": "u", "title": "t", "desc": "d"}, "compliance": {"status_id": 3,
"control": "c", "standards": ["S"], "requirements": ["1"]}, "remediation": {"desc": "d",
"references": ["https://example.com"]}, "resources": [{"uid": "a1", "type": "t", "name": "n",
"region": "r", "labels": ["k:v"], "tags": [{"name": "k", "value": "v"}],
"data": {"metadata": {}}}], "unmapped": {"compliance": {"X": ["1"]}}}, {"class_uid": 2002,
"time": 1709280000, "severity_id": 5, "status_id": 1, "metadata": {"product": {"name": "P"}},
"finding_info": {"uid": "v"}, "resources": [{"uid": "a1", "type": "t"}], "vulnerabilities":
[{"cve": {"uid": "CVE-1", "cvss": [{"base_score": 9.8, "version": "3.1"}], "epss": {"score": 1}},
"severity": "Critical", "affected_packages": [{"name": "p", "fixed_in_version": "2"}],
"kb_article_list": [{"uid": "k", "created_time": 1709280000}]}]}]
JSON
	asff => <<'JSON',
[{"Id": "i", "ProductArn": "arn:aws:securityhub:x::product/aws/securityhub",
"GeneratorId": "security-control/S3.8", "AwsAccountId": "1",
"UpdatedAt": "2024-03-01T08:00:00.000Z", "Severity": {"Label": "HIGH", "Normalized": 70},
"Title": "t", "Remediation": {"Recommendation": {"Text": "x", "Url": "https://example.com"}},
"ProductFields": {"a": "b"}, "Resources": [{"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::l",
"Tags": {"a": "b"}}], "Compliance": {"Status": "FAILED", "SecurityControlId": "S3.8",
"RelatedRequirements": ["x"], "AssociatedStandards": [{"StandardsId": "s"}]},
"Workflow": {"Status": "NEW"}, "RecordState": "ACTIVE"}, {"Id": "v", "ProductName": "Inspector",
"ProductArn": "p", "AwsAccountId": "1", "Severity": {"Label": "CRITICAL"},
"UpdatedAt": "2024-03-01T08:00:00.000Z", "FirstObservedAt": "2024-01-01T08:00:00.000Z",
"Resources": [{"Type": "AwsEc2Instance", "Id": "i"}], "RecordState": "ACTIVE", "Vulnerabilities":
[{"Id": "CVE-1", "EpssScore": 0.5, "Cvss": [{"BaseScore": 9.8, "Version": "3.1"}],
"VulnerablePackages": [{"Name": "p", "Version": "1", "FixedInVersion": "2"}]}]}]
JSON
	trivy => <<'JSON',
{"SchemaVersion": 2, "CreatedAt": "2024-03-01T08:00:00Z", "ArtifactName": "shop/web:1",
"ArtifactType": "container_image", "Metadata": {"OS": {"Family": "a", "Name": "1"}},
"Results": [{"Class": "os-pkgs", "Vulnerabilities": [{"VulnerabilityID": "CVE-1",
"PkgName": "p", "InstalledVersion": "1", "FixedVersion": "2", "Severity": "CRITICAL",
"CVSS": {"nvd": {"V3Score": 9.8}}, "PublishedDate": "2021-03-01T00:00:00Z"}]}]}
JSON
	grype => <<'JSON',
{"matches": [{"vulnerability": {"id": "CVE-1", "severity": "High", "fix": {"versions": ["2"],
"available": [{"version": "2", "date": "2024-01-01"}]}, "cvss": [{"version": "3.1",
"metrics": {"baseScore": 7.5}}], "epss": [{"epss": 0.5}], "knownExploited": [{"cve": "c"}]},
"artifact": {"name": "z", "version": "1"}}], "source": {"type": "image",
"target": {"userInput": "shop/db:1"}}, "descriptor": {"version": "0.92.0",
"timestamp": "2024-03-01T08:00:00Z"}}
JSON
	'entra-devices' => <<'JSON',
{"value": [{"id": "o1", "deviceId": "d1", "displayName": "a1", "operatingSystem": "Windows",
"accountEnabled": true, "trustType": "AzureAd",
"approximateLastSignInDateTime": "2024-03-01T08:00:00Z"}]}
JSON
	'intune-devices' => <<'JSON',
{"value": [{"id": "m1", "azureADDeviceId": "d1", "deviceName": "a1",
"operatingSystem": "iOS", "lastSyncDateTime": "2024-03-01T09:00:00Z",
"userPrincipalName": "u", "complianceState": "compliant"}]}
JSON
	'azure-resources' => <<"JSON",
{"data": [{"id": "$vm", "name": "w", "type": "microsoft.compute/virtualmachines",
"tenantId": "t", "tags": {"a": "b"}}]}
JSON
	'aws-config' => <<'JSON',
{"configurationItems": [{"ARN": "arn:aws:s3:::l", "resourceType": "AWS::S3::Bucket",
"resourceId": "l", "awsAccountId": "1", "awsRegion": "r", "tags": {"a": "b"},
"configurationItemStatus": "OK"}]}
JSON
	kubectl => <<'JSON',
{"kind": "List", "items": [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a1",
"namespace": "n", "uid": "u", "labels": {"a": "b"}}}]}
JSON
	servicenow => <<'JSON',
{"records": [{"sys_id": "s1", "name": "a1", "sys_class_name": "cmdb_ci_server",
"fqdn": "a1.example.com", "owned_by": {"display_value": "o", "link": "l"},
"busines_criticality": "2 - somewhat critical", "operational_status": "1",
"last_discovered": "2024-03-01 08:00:00"}]}
JSON
	inventory => <<'JSON',
{"assets": [{"key": "a1", "kind": "host", "name": "n", "criticality": "low", "owner": "o",
"tags": {"a": "b"}, "aliases": ["b1"], "seen_at": "2024-03-01T08:00:00Z"}]}
JSON
	'prowler-checks' => <<'JSON',
[{"Provider": "azure", "CheckID": "c", "CheckTitle": "t", "ServiceName": "s", "Severity": "high",
"Description": "d", "Remediation": {"Code": {"CLI": "x"}, "Recommendation": {"Text": "t",
"Url": "https://example.com"}}, "Categories": ["c"]}]
JSON
	'compliance-framework' => <<'JSON',
{"Framework": "F", "Name": "N", "Version": "1", "Provider": "Azure", "Requirements": [{"Id": "1",
"Description": "d", "Attributes": [{"Section": "s", "LevelOfRisk": 4, "Weight": 100}],
"Checks": ["c", "r1"]}, {"Id": "2", "Description": "h", "Checks": [],
"Attributes": [{"Section": "s"}]}]}
JSON
	posture => <<'JSON',
[{"type": "initiative", "key": "i", "method": "population", "target_score": 90,
"target_on": "2027-12-31", "metrics": [{"metric": "m1", "weight": 4.5}]}, {"type": "finding",
"source": "scan", "recommendation": "r1", "asset": "a1", "state": "compliant",
"observed_at": "2026-01-02T03:04:05Z", "details": {"a": [1, null]}}, {"type": "metric",
"key": "m1", "importance": "critical", "asset_kinds": ["user"], "criticality_weights": [1, 2, 4,
8], "recommendations": [{"source": "scan", "recommendation": "r1"}], "rule": {"source": "scan",
"key": "r%"}}, {"type": "attestation", "source": "scan", "recommendation": "r1", "asset": "a1",
"state": "compliant", "valid_until": "2034-01-02"}, {"type": "exemption", "source": "scan", "recommendation": "r1", "asset": "a1",
"kind": "waived", "reason": "r", "created_at": "2026-01-03T00:00:00Z",
"expires_at": "2099-01-01T00:00:00Z"}, {"type": "asset", "key": "a1", "kind": "user",
"criticality": "critical", "tags": {"a": "b"}, "aliases": ["b"]}, {"type": "asset_group",
"key": "g1", "kinds": ["user"], "min_criticality": "high", "tags": {"a": "b"},
"rule": {"any": [{"owner": "o", "key": "a%"}, {"not": {"source": "scan"}}]}},
{"type": "measure", "source": "cloud", "recommendation": "p1", "achieved": 3, "possible": 4.5},
{"type": "benchmark", "initiative": "i1", "key": "all", "day": "2026-01-01", "score": 55.5},
{"type": "score_band", "scheme": "zone", "from_score": 62.5, "name": "n"}]
JSON
	xccdf => '{}');

# the formats, and one of them
sub document_formats { return sort keys %document }
sub document_format { return pick(document_formats()) }

# one of them, with a few of its parts replaced or left out
sub document
{
	my ($format) = @_;
	my $json = JSON::PP->new->allow_nonref->canonical;
	my $document = $json->decode($document{ $format // pick(sort keys %document) } // '{}');
	foreach (0 .. rand 3)
	{
		my ($at, $in, $key) = $document;
		while (ref $at eq 'HASH' && %$at || ref $at eq 'ARRAY' && @$at)
		{
			$key = ref $at eq 'HASH' ? pick(sort keys %$at) : int rand @$at;
			($in, $at) = ($at, ref $at eq 'HASH' ? $at->{$key} : $at->[$key]);
			last if rand(6) < 1;
		}
		next unless defined $in;
		if (rand(4) < 1) { ref $in eq 'HASH' ? delete $in->{$key} : splice @$in, $key, 1 }
		else
		{
			my $new = $json->decode(json(2, 'r1'));
			ref $in eq 'HASH' ? $in->{$key} = $new : ($in->[$key] = $new);
		}
	}
	return $json->encode($document);
}

# a JSON value that knows the words of the function that gets it
sub json
{
	my ($depth, @word) = @_;
	my $kind = int rand($depth > 3 ? 7 : 12);
	my $text = sub { '"' . (pick(@word, @key) =~ s/(["\\])/\\$1/gr) . '"' };
	return pick('null', 'true', 'false') if $kind == 0;
	return pick(qw(0 1 -1 7.5 1e400 1e-400 123456789012345678901234567890 50)) if $kind == 1;
	return pick('{}', '[]', '""', '"\u00e9\ud83d\ude00"', '"2026-01-01T00:00:00Z"',
		'"294276-12-31T00:00:00Z"', $deep) if $kind == 2;
	return $text->() if $kind < 7;
	return '[' . join(',', map { json($depth + 1, @word) } 1 .. rand 4) . ']' if $kind == 7;
	return '{' . join(',', map { $text->() . ':' . json($depth + 1, @word) } 0 .. rand 9) . '}';
}

1;

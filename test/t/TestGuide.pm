# Documents as products write them, each with a handful of elements, under the names that
# the guides give them.
package TestGuide;

use strict;
use warnings;
use Exporter 'import';
use JSON::PP;

our @EXPORT = qw(write_documents);

my $json = JSON::PP->new->canonical;

# an assessment of Defender for Cloud, of a virtual machine
sub assessment
{
	my ($vm, $name, $category, $title, $code) = @_;
	my $id = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/$vm";
	return {
		id => "$id/providers/Microsoft.Security/assessments/$name", name => $name, type => 'microsoft.security/assessments',
		properties => {
			resourceDetails => { Source => 'Azure', Id => $id }, displayName => $title, status => { code => $code },
			metadata => { severity => 'High', categories => [$category] }
		}
	};
}

# a control of its secure score, with the assessments that it consists of
sub control
{
	my ($name, $title, @assessments) = @_;
	return {
		id => "/subscriptions/s/providers/Microsoft.Security/secureScores/ascScore/secureScoreControls/$name", name => $name,
		type => 'Microsoft.Security/secureScores/secureScoreControls',
		properties => {
			displayName => $title, healthyResourceCount => 1, unhealthyResourceCount => 1, notApplicableResourceCount => 0,
			score => { max => 4, current => 2, percentage => 0.5 }, weight => 2,
			definition => { properties => { displayName => $title,
				assessmentDefinitions => [ map { { id => "/providers/Microsoft.Security/assessmentMetadata/$_" } } @assessments ] } }
		}
	};
}

# a finding of Security Hub on a bucket; without a status it is not one of compliance
sub asff
{
	my ($bucket, $control, $title, $status) = @_;
	return {
		SchemaVersion => '2018-10-08', Id => "$bucket/$control", GeneratorId => "security-control/$control",
		ProductArn => 'arn:aws:securityhub:eu-west-1::product/aws/securityhub', AwsAccountId => '111122223333', Types => [],
		CreatedAt => '2026-11-20T00:00:00Z', UpdatedAt => '2026-11-20T00:00:00Z', Severity => { Label => 'HIGH' },
		Title => $title, Description => 'd', Resources => [ { Type => 'AwsS3Bucket', Id => "arn:aws:s3:::$bucket" } ],
		Compliance => { Status => $status, SecurityControlId => $control }
	};
}

# a finding of Prowler on a bucket, in OCSF
sub ocsf
{
	my ($bucket, $check, $status, $account) = @_;
	return {
		class_uid => 2004, time => 1795154400, metadata => { event_code => $check, product => { name => 'Prowler' } },
		status_code => $status, severity => 'High', finding_info => { title => $check },
		unmapped => { categories => ['internet-exposed'] },
		resources => [ { uid => "arn:aws:s3:::$bucket", name => $bucket, type => 'AwsS3Bucket' } ],
		cloud => { provider => 'aws', account => { uid => $account // '111122223333' } }
	};
}

# results of OpenSCAP for a host, one for each rule
sub xccdf
{
	my ($host, @results) = @_;
	my $rules = join '', map { "<rule-result idref='rule_$_'><result>$results[$_]</result></rule-result>" } 0 .. $#results;
	return "<TestResult xmlns='http://checklists.nist.gov/xccdf/1.2' id='t' end-time='2026-11-20T00:00:00Z'"
	  . " test-system='cpe:/a:redhat:openscap:1.4.4'><target>$host</target>$rules</TestResult>";
}

# a profile of a control of Microsoft Secure Score, and a score of a day
sub profile
{
	my ($id, $category, $points, $title) = @_;
	return { id => $id, title => $title, controlCategory => $category, service => 'AAD', maxScore => $points };
}

sub score
{
	my ($day, $mfa, $legacy, $links) = @_;
	my @controls = ([ AdminMFAV2 => 'Identity', $mfa ], [ BlockLegacyAuthentication => 'Identity', $legacy ], [ mdo_safelinks => 'Apps', $links ]);
	return {
		createdDateTime => "${day}T00:00:00Z", currentScore => $mfa + $legacy + $links, maxScore => 27,
		averageComparativeScores => [ { basis => 'AllTenants', averageScore => 12.15 } ],
		controlScores => [ map { { controlName => $_->[0], controlCategory => $_->[1], score => $_->[2] } } @controls ]
	};
}

# a check of Prowler
sub check
{
	my ($id, $title, $severity, $category) = @_;
	return { Provider => 'aws', CheckID => $id, CheckTitle => $title, Severity => $severity, ServiceName => 's3', Categories => [$category] };
}

# a requirement of a framework
sub requirement
{
	my ($id, $description, @checks) = @_;
	return { Id => $id, Description => $description, Checks => \@checks, Attributes => [ { Section => 'Storage' } ] };
}

# one value a line
sub lines { return join '', map { $json->encode($_) . "\n" } @_ }

my @checks = ('s3_bucket_public_access', 's3_bucket_default_encryption');
my %document = (
	'profiles.ndjson' => lines(
		{ value => [ profile('AdminMFAV2', 'Identity', 10, 'MFA for administrators'), profile('BlockLegacyAuthentication', 'Identity', 8, 'No legacy authentication') ] },
		{ value => [ profile('mdo_safelinks', 'Apps', 9, 'Links in mail are checked') ] }),
	'scores.ndjson' => lines({ value => [ score('2026-11-20', 10, 0, 6), score('2026-11-19', 10, 0, 3) ] }),
	'assessments.ndjson' => lines(
		{ count => 1, data => [ assessment('web1', 'disk', 'Data', 'Disks are encrypted', 'Unhealthy') ], skip_token => 't', total_records => 3 },
		{ count => 2, data => [ assessment('web2', 'disk', 'Data', 'Disks are encrypted', 'Healthy'), assessment('web2', 'ports', 'Networking', 'Ports are closed', 'Healthy') ], total_records => 3 }),
	'controls.ndjson' => lines({ value => [ control('c', 'Encrypt data', 'disk'), control('n', 'Restrict network access', 'ports') ] }),
	'findings.asff.json' => lines(
		{
			Findings => [
				asff('logs', 'S3.8', 'Buckets block public access', 'FAILED'), asff('shop', 'S3.8', 'Buckets block public access', 'PASSED'),
				asff('shop', 'S3.9', 'Buckets log access', 'PASSED'), asff('shop', 'Odd', 'Odd access', 'UNSURE')
			]
		}),
	'output/prowler-output-111122223333-20261120060000.ocsf.json' => lines([ ocsf('logs', $checks[0], 'FAIL'), ocsf('shop', $checks[0], 'PASS'), ocsf('shop', $checks[1], 'PASS') ]),
	'output/prowler-output-444455556666-20261120061500.ocsf.json' => lines([ ocsf('backup', $checks[0], 'PASS', '444455556666') ]),
	'findings.ndjson' => lines(map { ocsf($_, $checks[0], 'PASS') } qw(first second third)),
	'results/web1.xml' => xccdf('web1', qw(pass fail pass)),
	'results/web2.xml' => xccdf('web2', qw(pass pass pass)),
	'checks.ndjson' => lines(check($checks[0], 'No bucket is public', 'critical', 'internet-exposed'), check($checks[1], 'Buckets are encrypted', 'medium', 'encryption')),
	'cis_7.0_aws.json' => lines(
		{
			Framework => 'CIS', Name => 'CIS Amazon Web Services Foundations Benchmark v7.0.0', Version => '7.0', Provider => 'AWS',
			Requirements => [ requirement('2.1.1', 'Buckets are encrypted', $checks[1]), requirement('2.1.4', 'No bucket is public', $checks[0]), requirement('1.1', 'Contact details are current') ]
		}));

# Writes all of them into a folder.
sub write_documents
{
	my ($dir) = @_;
	foreach my $name (sort keys %document)
	{
		mkdir "$dir/$1" if $name =~ m{(.*)/};
		open(my $out, '>', "$dir/$name") or die "$dir/$name: $!";
		print $out $document{$name};
		close $out or die "$dir/$name: $!";
	}
	return;
}

1;

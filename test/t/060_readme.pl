# What the README shows is what a reader gets: its SQL blocks are run in order
# in one database, over small documents of the names that it gives them, and the block of output behind one must be psql's.
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $readme = slurp_file("$FindBin::Bin/../../README.md");
my ($session) = $readme =~ /^## Five minutes$(.*?)^## What there is$/ms;
ok($session, 'the README has a session');

my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION posture');

# documents of the names that the README gives them, in the folder of this session
my $dir = PostgreSQL::Test::Utils::tempdir();
my $finding = '{"class_uid": 2004, "metadata": {"event_code": "check", "product": {"name": "Prowler"}}, "status_code": "FAIL", "finding_info": {"title": "A check"}, "resources": [{"uid": "r1"}]}';
my %document = (
	'secure_scores.json' => '{"value": [{"createdDateTime": "2026-01-01T00:00:00Z", "currentScore": 8, "maxScore": 10, "controlScores": [{"controlName": "c", "score": 8, "scoreInPercentage": 80}]}]}',
	'profiles.json' => '{"value": [{"id": "c", "title": "A control", "maxScore": 10}]}',
	'assessments.json' => '{"value": [{"id": "/subscriptions/s/providers/Microsoft.Security/assessments/a", "name": "a", "type": "Microsoft.Security/assessments", "properties": {"resourceDetails": {"source": "Azure", "id": "/subscriptions/s"}, "displayName": "An assessment", "status": {"code": "Healthy"}}}]}',
	'controls.json' => '{"value": [{"id": "/subscriptions/s/providers/Microsoft.Security/secureScores/ascScore/secureScoreControls/c", "name": "c", "type": "Microsoft.Security/secureScores/secureScoreControls", "properties": {"displayName": "A control", "healthyResourceCount": 1, "unhealthyResourceCount": 1, "notApplicableResourceCount": 0, "score": {"max": 4, "current": 2, "percentage": 0.5}, "weight": 2}}]}',
	'findings.ocsf.json' => "[$finding]",
	'findings.ndjson' => "$finding\n",
	'findings.asff.json' => '{"Findings": [{"SchemaVersion": "2018-10-08", "Id": "f", "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/securityhub", "GeneratorId": "security-control/S3.1", "AwsAccountId": "111122223333", "Types": [], "CreatedAt": "2026-01-01T00:00:00Z", "UpdatedAt": "2026-01-01T00:00:00Z", "Severity": {"Label": "HIGH"}, "Title": "A control", "Description": "d", "Resources": [{"Type": "AwsS3Bucket", "Id": "arn:aws:s3:::bucket"}], "Compliance": {"Status": "FAILED", "SecurityControlId": "S3.1"}}]}',
	'results.xml' => '<TestResult xmlns="http://checklists.nist.gov/xccdf/1.2" id="t" end-time="2026-01-01T00:00:00Z"><target>web1</target><rule-result idref="r"><result>pass</result></rule-result></TestResult>',
	'checks.ndjson' => qq({"Provider": "aws", "CheckID": "check", "CheckTitle": "A check", "Severity": "high"}\n{"Provider": "aws", "CheckID": "check2", "CheckTitle": "Another", "Severity": "low"}\n),
	'framework.json' => '{"Framework": "F", "Name": "A framework", "Version": "1", "Provider": "AWS", "Requirements": [{"Id": "1", "Description": "A requirement", "Checks": ["check"], "Attributes": [{"Section": "S"}]}]}');
append_to_file("$dir/$_", $document{$_}) for keys %document;
chdir $dir or die "could not go to $dir: $!";

while ($session =~ /^```sql\n(.*?)^```\n(?:```\n(.*?)^```\n)?/msg)
{
	my ($sql, $expected) = ($1, $2);
	next if $sql =~ /posture\.schedule\(\)/;    # needs pg_cron, see 010_job.pl
	my ($title) = $sql =~ /^(.*)/;
	my ($out, $err) = ('', '');
	my $result = run_log(
		[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-P', 'footer=off', '-d', $node->connstr('postgres') ],
		'<', \$sql, '>', \$out, '2>', \$err);
	ok($result, "runs: $title") or diag $err;
	next unless defined $expected;
	# of several statements the last one's output is shown
	s/\s+$//mg foreach $out, $expected;
	is(substr($out, -length $expected), $expected, "shows: $title");
}

$node->stop;
done_testing();

# Documents that 0.2 loaded under keys which several assets and checks shared, or under several
# spellings: updated, and loaded again, each thing counts once, nothing stays exposed under an old
# key, and past days are as they were.
# tests: upgrade, source/load_former, source/asset_key

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestInstall;
use TestPosture;

my ($install, $scripts) = private_install();
system_or_bail('sh', '-c', 'gunzip -c "$1" >"$2"', 'sh', "$FindBin::RealBin/../upgrade/posture--0.2.sql.gz", "$scripts/posture--0.2.sql");
my $node = PostgreSQL::Test::Cluster->new('upgrade_keys', install_path => $install);
$node->init;
$node->append_conf('postgresql.conf', "jit = off\nfsync = off\nposture.timezone = 'UTC'\n");
$node->start;
$node->safe_psql('postgres', q{CREATE EXTENSION posture VERSION '0.2'});
my $json = JSON::PP->new->canonical;

sub ocsf
{
	my ($check, $uid, $provider, $account, $status, $type, %more) = @_;
	return {
		class_uid => 2004, time => 1768464000, status_code => $status, metadata => { event_code => $check, product => { name => 'Prowler' } },
		finding_info => { title => $check eq 'rotation' ? "In $provider" : $check, uid => "$check-$account-$uid" },
		cloud => { provider => $provider, account => { uid => $account }, region => 'global' },
		resources => [ { uid => $uid, type => $type, region => 'global' } ], %more
	};
}

sub asff
{
	my ($control, $region, $status, @resources) = @_;
	return {
		SchemaVersion => '2018-10-08', Id => "$control-$region", ProductName => 'Security Hub', GeneratorId => "security-control/$control",
		AwsAccountId => '111122223333', Region => $region, UpdatedAt => '2026-01-15T08:00:00Z', Compliance => { Status => $status },
		Resources => [ map { { Id => $_->[0], Type => $_->[1], Region => $region } } @resources ]
	};
}

sub xccdf
{
	my ($mac, $result) = @_;
	return "<TestResult xmlns=\"http://checklists.nist.gov/xccdf/1.2\" id=\"t\" test-system=\"cpe:/a:redhat:openscap:1.3\" end-time=\"2026-01-15T08:00:00Z\">"
	  . "<target>localhost.localdomain</target><target-facts><fact name=\"urn:xccdf:fact:ethernet:MAC\" type=\"string\">$mac</fact></target-facts>"
	  . "<rule-result idref=\"r\"><result>$result</result></rule-result></TestResult>";
}

my %hub = (class_uid => 2003, metadata => { product => { name => 'Security Hub' } });
my @documents = (
	# one network in each project; one that only one project has
	[ ocsf => [ (map { ocsf('net', 'default', 'gcp', $_->[0], $_->[1], 'Network') } [ 'a', 'FAIL' ], [ 'b', 'PASS' ], [ 'c', 'PASS' ]), ocsf('net', 'one', 'gcp', 'a', 'FAIL', 'Network') ] ],
	# a service in each region
	[ asff => [ map { asff('Scan.1', $_, $_ eq 'eu-west-1' ? 'FAILED' : 'PASSED', [ 'Scanner', 'Other' ]) } qw(eu-west-1 us-east-1) ] ],
	# an account and a bucket, of Security Hub in both formats
	[ asff => [ asff('Config.1', 'eu-west-1', 'FAILED', [ 'AWS::::Account:111122223333', 'AwsAccount' ]), asff('S3.8', 'eu-west-1', 'FAILED', [ 'arn:aws:s3:::b', 'AwsS3Bucket' ]) ] ],
	[ ocsf => [ ocsf('x', '111122223333', 'AWS', '111122223333', 'FAIL', 'AWS::::Account', %hub, compliance => { control => 'Config.1', status_id => 3 }),
			ocsf('x', 'arn:aws:s3:::b', 'AWS', '111122223333', 'FAIL', 'AWS::S3::Bucket', %hub, compliance => { control => 'S3.8', status_id => 3 }) ] ],
	# the code of a control
	[ asff => [ asff('V-1', 'eu-west-1', 'FAILED', [ 'AWS::::Account:12345678910', 'AwsAccount' ], [ 'V-1 Validation Code', 'AwsIamRole' ]) ] ],
	# two hosts
	[ xccdf => xccdf('52:54:00:00:00:01', 'fail') ], [ xccdf => xccdf('52:54:00:00:00:02', 'pass') ],
	# a check of two providers, each with a finding
	[ 'prowler-checks' => [ map { { Provider => $_, CheckID => 'rotation', CheckTitle => "In $_", Severity => 'high' } } qw(gcp oraclecloud) ] ],
	[ ocsf => [ ocsf('rotation', '//kms/key', 'gcp', 'a', 'FAIL', 'Key') ] ], [ ocsf => [ ocsf('rotation', 'ocid1.key.1', 'oraclecloud', 't', 'FAIL', 'Key') ] ]);

# loads them one after the other; the counts of each
sub load_all
{
	return join "\n", map {
		my ($format, $document) = @$_;
		my $text = ref $document ? $json->encode($document) : $document;
		$node->safe_psql('postgres', "SELECT loaded, changed, rejected FROM posture.load('$format', \$d\$$text\$d\$::text)")
	} @documents;
}
sub value { return $node->safe_psql('postgres', $_[0]) }
my $findings = q{SELECT r.key, a.key, a.kind, f.state FROM posture.finding f JOIN posture.recommendation r USING (recommendation_id)
	JOIN posture.asset a USING (asset_id) WHERE a.retired_at IS NULL ORDER BY 1, 2};

load_all();
value(q{INSERT INTO posture.metric (key, name, asset_kinds) VALUES ('buckets', 'B', '{aws::s3::bucket,host}'), ('all', 'A', NULL);
	INSERT INTO posture.asset_group (key, name, kinds) VALUES ('g', 'G', '{aws::s3::bucket,awss3bucket}');
	INSERT INTO posture.metric_recommendation SELECT m.metric_id, r.recommendation_id FROM posture.metric m, posture.recommendation r;
	UPDATE posture.asset SET owner = 'net team' WHERE key = 'one';
	SELECT posture.take_snapshot('2026-01-20')});
my $history = 'SELECT day, exposed, assessed, score FROM posture.metric_snapshot ORDER BY day, metric_id';
my $past = value($history);
my $past_assets = q{SELECT posture.metric_assets('all', '2026-01-20')};
my $were = value($past_assets);
my $id = q{SELECT asset_id FROM posture.asset WHERE name = 'one' OR key LIKE '%/one'};
my $one = value($id);
value('ALTER EXTENSION posture UPDATE');

my $expected = <<'END';
Config.1|AWS::::Account:111122223333|awsaccount|non_compliant
S3.8|arn:aws:s3:::b|awss3bucket|non_compliant
Scan.1|aws/111122223333/eu-west-1/Scanner|other|non_compliant
Scan.1|aws/111122223333/us-east-1/Scanner|other|compliant
V-1|AWS::::Account:12345678910|awsaccount|non_compliant
net|gcp/a/default|network|non_compliant
net|gcp/a/one|network|non_compliant
net|gcp/b/default|network|compliant
net|gcp/c/default|network|compliant
oraclecloud/rotation|ocid1.key.1|key|non_compliant
r|localhost/52:54:00:00:00:01|host|non_compliant
r|localhost/52:54:00:00:00:02|host|compliant
rotation|//kms/key|key|non_compliant
END
chomp $expected;
is(value('SELECT asset_kinds FROM posture.metric ORDER BY metric_id LIMIT 1'), '{awss3bucket,host}', 'a metric counts the kind that it counted');
is(value('SELECT kinds FROM posture.asset_group'), '{awss3bucket}', 'and a group has it');
unlike(load_all(), qr/\|[1-9]\d*$/m, 'nothing is rejected');
is(value($findings), $expected, 'each asset and each check has its finding');
is(value(q{SELECT count(*) FROM posture.finding WHERE state = 'non_compliant'}), scalar(() = $expected =~ /non_compliant/g), 'and nothing else is exposed');
is(value(q{SELECT asset_id, key, owner FROM posture.asset WHERE key LIKE '%one'}), "$one|gcp/a/one|net team", 'an asset that is the same keeps its history and owner');
is(value(q{SELECT string_agg(l.alias || ' ' || a.key, ', ' ORDER BY l.alias) FROM posture.asset_alias l JOIN posture.asset a USING (asset_id) WHERE l.how = 'merged'}),
	'111122223333 AWS::::Account:111122223333, one gcp/a/one', 'by its old key, too');
is(value($history), $past, 'past days stay');
is(value($past_assets), $were, 'with their assets');
my $again = load_all();
unlike($again, qr/^\d+\|[1-9]/m, 'loading again changes nothing') or diag $again;
is(value($findings), $expected, 'nor adds anything');
is(value('SELECT * FROM posture.verify()'), '', 'verify() finds nothing');
value('SELECT posture.fold()');
is(value('SELECT * FROM posture.verify()'), '', 'nor when all is folded');

$node->stop;
done_testing();

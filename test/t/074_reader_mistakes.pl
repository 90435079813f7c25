# Mistakes of people who read scores: a name instead of a key, a key of another kind, a day
# without a snapshot, a level that does not suffice. Each error says what to do.
# tests: catalog/name, access/grant_access, report/cause_sentence, report/change_report, report/show

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('reader_mistakes');
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION posture;
INSERT INTO posture.source (key, name) VALUES ('s', 'S');
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at)
VALUES ('s', 'db-public', 'host-1', 'non_compliant', now() - interval '2 days');
SELECT posture.ingest();
UPDATE posture.recommendation SET title = 'Databases are private';
SELECT posture.load('posture', '[
  {"type": "metric", "key": "exposed-data", "name": "Data open to others",
   "recommendations": [{"source": "s", "recommendation": "db-public"}]},
  {"type": "initiative", "key": "cloud", "name": "All of the sky", "target_score": 90,
   "target_on": "2020-01-01", "metrics": [{"metric": "exposed-data"}]}]');
SELECT posture.backfill(posture.today() - 1);
CREATE ROLE loader;
SELECT posture.grant_access('loader', 'loader', 's');
SQL

sub answer
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	$node->psql('postgres', "$sql;", stdout => \$out, stderr => \$err, on_error_stop => 1);
	return $err =~ s/^psql:<stdin>:\d+: //gmr;
}

my $initiative = qr/"cloud" is an initiative: posture\.metric_report lists its metrics\./;
my $metric = qr/"exposed-data" is a metric: posture\.metric_report lists its initiatives\./;
my $recommendation = qr/"db-public" is a recommendation: posture\.metric_recommendation_report lists its metrics\./;
my $asset = qr/"host-1" is an asset: posture\.asset_report lists its metrics and initiatives\./;
my $listed = qr/The view posture\.recommendation_report lists the recommendations\./;
for my $case (
	[ q{plan('exposed-data')}, qr/$metric Initiatives are cloud\./ ],
	[ q{plan('db-public')}, qr/$recommendation Initiatives are cloud\./ ],
	[ q{plan('all of the sky')}, qr/Perhaps you meant "cloud"\. Initiatives are cloud\./ ],
	[ q{show('host-1')}, qr/$asset Initiatives are cloud\./ ],
	[ q{explain('db-public')}, qr/$recommendation Metrics and initiatives are cloud, exposed-data\./ ],
	[ q{explain('Data open to others')}, qr/Perhaps you meant "exposed-data"\. Metrics and initiatives are cloud, exposed-data\./ ],
	[ q{explain('All of the sky')}, qr/Perhaps you meant "cloud"\. Metrics and initiatives are cloud, exposed-data\./ ],
	[ q{metric_assets('cloud')}, qr/$initiative Metrics are exposed-data\./ ],
	[ q{metric_assets('Data open to others')}, qr/Perhaps you meant "exposed-data"\. Metrics are exposed-data\./ ],
	[ q{what_if('cloud', '{db_public}')}, qr/Perhaps you meant "db-public"\. $listed/ ],
	[ q{what_if('cloud', 'databases are private')}, qr/Perhaps you meant "db-public"\. $listed/ ],
	[ q{what_if('cloud', 'exposed-data')}, qr/$metric $listed/ ],
	[ q{what_if('cloud', 'something else')}, $listed ])
{
	my ($call, $hint) = @$case;
	my $answer = answer("SELECT FROM posture.$call");
	like($answer, qr/^ERROR:  (metric or )?\w+ ".*" does not exist\n/, $call);
	like($answer, qr/^HINT:  $hint$/m, "$call: what to do");
}

my $yesterday = $node->safe_psql('postgres', 'SELECT posture.today() - 1');
like(answer("SELECT FROM posture.change_report('cloud', posture.today() - 1, posture.today())"),
	qr/^HINT:  The nearest day is $yesterday\. take_snapshot\(\) takes that of today so far\.$/m,
	'today has no snapshot yet');

like(answer("SET ROLE loader; SELECT posture.acknowledge(1)"),
	qr/^ERROR:  permission denied: role "loader" needs level owner or operator\nHINT:  .*grant_access\('loader', 'owner'\)/,
	'a loader acknowledges no event');

like($node->safe_psql('postgres', q{SELECT posture.show('cloud')}),
	qr/^target 90\.0 was due on 2020-01-01: 90\.0 to go$/m, 'a target whose day has passed');

# what improved although assets were newly exposed: both are said, so that the sign is understood
$node->safe_psql('postgres', <<'SQL');
INSERT INTO posture.inbox (source, recommendation, asset, state)
SELECT 's', 'db-public', 'host-' || n, 'compliant' FROM generate_series(1, 3) n
UNION ALL VALUES ('s', 'db-public', 'host-4', 'non_compliant');
SELECT posture.ingest();
SELECT posture.take_snapshot();
SQL
is($node->safe_psql('postgres', q{
	SELECT points > 0, message
	FROM posture.change_report('cloud', posture.today() - 1, posture.today()) WHERE metric IS NOT NULL}),
	't|its state improved despite 1 asset newly exposed', 'a gain with newly exposed assets');

done_testing();

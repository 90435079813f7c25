# A standby serves every view and every function that only reads, refuses to write, and
# goes on once promoted.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;
use TestReports;

my $primary = new_node('primary', '', allows_streaming => 1);
$primary->safe_psql('postgres', "CREATE EXTENSION posture;\n" . sample_sql());
my %query = report_queries($primary, 'postgres');
cmp_ok(scalar(views($primary, 'postgres')), '>=', 13, 'all views are compared');

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

# changes of findings, assets and the catalog that are not folded
$primary->safe_psql('postgres', <<'SQL');
UPDATE posture.finding
SET state = CASE state WHEN 'compliant' THEN 'non_compliant' ELSE 'compliant' END
            ::posture.finding_state,
    changed_at = now()
WHERE (asset_id + recommendation_id) % 4 = 0;
UPDATE posture.asset SET kind = 'user', criticality = 'high' WHERE asset_id % 10 = 3;
UPDATE posture.metric SET criticality_weights = '{1,1,3,9}' WHERE key = 'm2';
SQL
cmp_ok($primary->safe_psql('postgres', <<'SQL'), '>', 0, 'there are deltas of each kind');
SELECT least((SELECT count(*) FROM posture_internal.finding_delta),
             (SELECT count(*) FROM posture_internal.asset_delta),
             (SELECT count(*) FROM posture_internal.catalog_delta))
SQL
$primary->wait_for_catchup($standby);
my ($here, $there) = ([ $primary, 'postgres' ], [ $standby, 'postgres' ]);
is(differing(\%query, $here, $there), '', 'a standby answers as the primary, with deltas');
is($standby->safe_psql('postgres', 'SELECT * FROM posture.verify()'),
	'', 'and verify() finds no difference on it');
$primary->safe_psql('postgres', 'SELECT FROM posture.fold()');
$primary->wait_for_catchup($standby);
is(differing(\%query, $here, $there), '', 'and when they are folded');

$primary->safe_psql('postgres', <<'SQL');
CREATE ROLE team LOGIN;
UPDATE posture.initiative SET owner = 'team' WHERE key = 'i2';
SELECT posture.grant_access('team', 'owner');
SQL
$primary->wait_for_catchup($standby);
my @owned = ('postgres', 'team', 'SELECT initiative, score FROM posture.overview');
is_deeply([ query_as($standby, @owned) ], [ query_as($primary, @owned) ],
	'an owner sees the same on both');
$primary->safe_psql('postgres', q{SELECT posture.revoke_access('team')});

my %write = (
	'COPY' => "COPY posture.inbox FROM STDIN;\n"
	  . join("\t", qw(scan r1 a1 compliant \N \N \N \N)) . "\n\\.\n",
	'run_daily()' => 'CALL posture.run_daily()',
	map { $_ => "SELECT * FROM posture.$_" } 'ingest()', 'fold()', 'rebuild()',
	'take_snapshot()', q{acknowledge(1, 'x')}, q{reopen(1, 'x')},
	q{load('posture', '{"type": "source", "key": "x", "name": "X"}')}, 'assess_cluster()',
	q{install_pack('ransomware')}, q{merge_asset('a1', 'a2')},
	q{grant_access('team', 'reader')}, q{revoke_access('team')});
my @wrong;
for (sort keys %write)
{
	$standby->psql('postgres', "\\set VERBOSITY sqlstate\n$write{$_}", stderr => \my $err);
	push @wrong, "$_: $err" if $err !~ /ERROR:  25006\s*\z/;
}
is("@wrong", '', 'functions that write fail as every write on a standby');
is($standby->safe_psql('postgres', 'SELECT posture.apply_rules()'),
	'0', 'one that has nothing to change succeeds');

$primary->wait_for_catchup($standby);
$standby->promote;
$standby->safe_psql('postgres', <<'SQL');
INSERT INTO posture.inbox
SELECT 'scan', 'r' || r, 'late', 'non_compliant' FROM generate_series(1, 3) r;
SELECT FROM posture.ingest();
CALL posture.run_daily();
SELECT FROM posture.take_snapshot();
SQL
is($standby->safe_psql('postgres', 'SELECT * FROM posture.verify()'), '', 'promoted, it goes on');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM posture.finding f
	JOIN posture.asset a USING (asset_id) WHERE a.key = 'late'}), '3', 'with new findings');
$standby->stop;
$primary->stop;
done_testing();

# A subscriber of logical replication keeps its own sets right, takes snapshots of its own,
# and can take over. So does a session with session_replication_role = replica.
# tests: store/replication
#
# POSTURE_ROUNDS: how many times it is compared after random changes (2). POSTURE_SEED
# repeats them.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestChanges;
use TestPosture;
use TestReports;

my $rounds = $ENV{POSTURE_ROUNDS} // 2;
my $seed = $ENV{POSTURE_SEED} // (time ^ $$);
srand($seed);
diag("POSTURE_ROUNDS=$rounds POSTURE_SEED=$seed");

my $conf = "max_logical_replication_workers = 8\n";
my $primary = new_node('primary', $conf, allows_streaming => 'logical');
$primary->safe_psql('postgres', "CREATE EXTENSION posture;\n" . sample_sql() . <<'SQL');
INSERT INTO posture.asset_source (source_id, asset_id)
SELECT s.source_id, a.asset_id FROM posture.source s, posture.asset a
WHERE s.key = 'cloud' AND a.key LIKE 'a1%';
SQL
my $here = [ $primary, 'postgres' ];
my %query = report_queries(@$here);

# one publication of the tables that people and products fill, one of all tables
my $truth = join ', ', map { "posture.$_" } qw(source asset asset_alias asset_source asset_group
  recommendation finding measure exemption attestation importance_weight metric metric_recommendation
  initiative initiative_metric initiative_recommendation benchmark score_band);
$primary->safe_psql('postgres', "CREATE PUBLICATION truth FOR TABLE $truth;
	CREATE PUBLICATION everything FOR ALL TABLES");
my $replica = new_node('replica', $conf);
my $from = $primary->connstr('postgres') =~ s/'/''/gr;
my @subscriptions = qw(truth everything);
for my $name (@subscriptions)
{
	$replica->safe_psql('postgres', "CREATE DATABASE $name");
	$replica->safe_psql($name, 'CREATE EXTENSION posture');
	$replica->safe_psql($name,
		"CREATE SUBSCRIPTION $name CONNECTION '$from' PUBLICATION $name");
}

sub wait_for_subscribers
{
	for my $name (@subscriptions)
	{
		$primary->wait_for_catchup($name);
		$replica->poll_query_until($name, q{SELECT count(*) > 0
			AND bool_and(srsubstate IN ('r', 's')) FROM pg_subscription_rel})
		  or die "subscription $name does not become ready";
	}
	return;
}

# the queries that do not depend on past days
my %live = map { $_ => $query{$_} }
  qw(state recomputed verify plan what_if exemption_report export);
$live{metric_report} = q{SELECT metric, initiative, state, score, exposed_assets,
	assessed_assets, weight, critical_assets FROM posture.metric_report};
$live{overview} = q{SELECT initiative, score, exposed_assets, critical_assets
	FROM posture.overview};
$live{metric_assets} = 'SELECT key, posture.metric_assets(key) FROM posture.metric';
$live{recommendation_report} = q{SELECT source, recommendation, state, exposed_assets,
	assessed_assets, last_changed FROM posture.recommendation_report};
# and those of them that say most in least time
my %brief = map { $_ => $live{$_} } qw(state recomputed verify metric_assets);
$brief{object_count} = q{SELECT * FROM posture_internal.current_object_count()
	WHERE assessed + exposed + failing + critical > 0};
$brief{last_change} = 'SELECT * FROM posture_internal.last_change()';

sub is_same
{
	my ($name, $query) = @_;
	wait_for_subscribers();
	my $expected = { answers($query // \%brief, @$here) };
	for my $db ($query ? @subscriptions : $subscriptions[0])
	{
		is(differing($query // \%brief, $expected, [ $replica, $db ]), '', "$db: $name");
	}
	return;
}

is_same('the initial copy', \%live);
is($replica->safe_psql('truth',
		'SELECT count(*) = count(DISTINCT day) FROM posture_internal.finding_delta'),
	't', 'copied findings have a delta for each day and not one each');
$replica->safe_psql('truth', 'SELECT FROM posture.fold()');
is_same('the same when it is folded');
is($replica->safe_psql('everything', 'SELECT (SELECT count(*) FROM posture_internal.finding_set)
		+ (SELECT count(*) FROM posture_internal.object_count)'),
	'0', 'derived tables are not replicated');

my @changes = kinds_of_change();
my $turn = 0;
while (my ($name, $sql) = splice @changes, 0, 2)
{
	$primary->safe_psql('postgres', $sql);
	# folded here, there, or nowhere
	$primary->safe_psql('postgres', 'SELECT FROM posture.fold()') if ++$turn % 2;
	wait_for_subscribers();
	$replica->safe_psql('truth', 'SELECT FROM posture.fold()') if $turn % 3 == 1;
	# only the publisher knows the time of a TRUNCATE
	delete $brief{last_change} if $sql =~ /TRUNCATE/;
	is_same($name);
}
delete $live{recommendation_report};
is_same('all reports', \%live);

for my $round (1 .. $rounds)
{
	my @random = map {
		rand() < 0.3
		  ? ('BEGIN', random_bulk_change(), 'SAVEPOINT s', random_bulk_change(),
			pick('ROLLBACK TO s', 'RELEASE s'), random_bulk_change(),
			pick('COMMIT', 'COMMIT', 'ROLLBACK'))
		  : random_bulk_change()
	} 1 .. 1 + int rand 6;
	$primary->safe_psql('postgres', join ";\n", @random);
	$primary->safe_psql('postgres', 'SELECT FROM posture.fold()') if rand() < 0.4;
	$replica->safe_psql('truth', 'SELECT FROM posture.fold()') if rand() < 0.4;
	is_same("random changes, round $round");
}

$replica->safe_psql('truth', 'SELECT FROM posture.backfill(posture.today() - 1); SELECT FROM posture.take_snapshot()');
is($replica->safe_psql('truth',
		'SELECT count(*) FROM posture.snapshot WHERE day >= posture.today() - 1'),
	'2', 'a subscriber takes snapshots of its own');

# with all tables published, snapshots and events are replicated: it can take over
$primary->safe_psql('postgres', 'CALL posture.run_daily(); SELECT FROM posture.take_snapshot()');
wait_for_subscribers();
my ($take_over) = slurp_file("$FindBin::RealBin/../../doc/backup.md") =~
  /^```sql\n((?:(?!```).)*?\\gexec\n.*?)^```/ms;
$replica->safe_psql('everything', 'DROP SUBSCRIPTION everything');
$replica->safe_psql('everything', $take_over);
pop @subscriptions;
my %all = (%query, map { $_ => "SELECT * FROM $_" } dumped_tables(@$here));
# last_changed depends on the time of the TRUNCATE
$all{recommendation_report} =
  q{SELECT to_jsonb(r) - 'last_changed' FROM posture.recommendation_report r};
is(differing(\%all, $here, [ $replica, 'everything' ]),
	'', 'all tables are there but the derived ones, which one fold() makes');
is($replica->safe_psql('everything', 'SELECT * FROM posture.verify()'),
	'', 'verify() finds no difference');
is($replica->safe_psql('everything', <<'SQL'), '9|1', 'and goes on with new ids');
INSERT INTO posture.source (key, name) VALUES ('taken over', 'T');
INSERT INTO posture.inbox SELECT 'taken over', 'r' || n % 3, 'newcomer ' || n, 'non_compliant'
FROM generate_series(1, 9) n;
INSERT INTO posture.inbox VALUES ('taken over', 'r', 'x', 'no state');
SELECT loaded, rejected FROM posture.ingest();
INSERT INTO posture.initiative (key, name) VALUES ('taken over', 'T');
CALL posture.run_daily();
SELECT * FROM posture.verify()
SQL
is($replica->safe_psql('truth', q{SELECT count(*) FROM pg_subscription_rel
	WHERE srrelid::regclass::text ~ '_(set|delta)$|object_count|counted_slice'}),
	'0', 'a subscription to tables does not ask for derived ones');

# ---- a session with triggers off ----

$primary->safe_psql('postgres', <<'SQL');
SET session_replication_role = replica;
UPDATE posture.finding SET state = 'non_compliant' WHERE asset_id % 6 = 1;
UPDATE posture.asset SET kind = 'role' WHERE asset_id % 6 = 2;
DELETE FROM posture.finding WHERE asset_id % 6 = 3;
INSERT INTO posture.finding
SELECT r.recommendation_id, a.asset_id, 'non_compliant'
FROM posture.recommendation r, posture.asset a WHERE a.asset_id % 6 = 3;
DELETE FROM posture.metric_recommendation USING posture.metric m
WHERE m.metric_id = metric_recommendation.metric_id AND m.key = 'm3';
SQL
is_same('changes with session_replication_role = replica');
is($primary->safe_psql('postgres', 'SELECT * FROM posture.verify()'),
	'', 'verify() finds no difference on the publisher');
$primary->safe_psql('postgres', "SET session_replication_role = replica;
	SELECT FROM posture.fold();\nSELECT FROM posture.rebuild()");
is($primary->safe_psql('postgres', 'SELECT (SELECT count(*) FROM posture_internal.finding_delta)
		+ (SELECT count(*) FROM posture_internal.asset_delta)'), '0', 'such a session can fold');

$replica->safe_psql('truth', 'DROP SUBSCRIPTION truth');
$replica->stop;
$primary->stop;
done_testing();

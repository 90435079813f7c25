# Roles without privileges and with privileges that were granted by hand: nothing is granted
# to PUBLIC, a role with SELECT reads and does not write, a role with INSERT on the inbox
# delivers and reads nothing.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('grants');
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE risk_owner LOGIN;
CREATE ROLE reader LOGIN;
CREATE ROLE nobody LOGIN;
CREATE ROLE feeder LOGIN;
CREATE DATABASE warehouse OWNER risk_owner;
SQL
my @as = (extra_params => [ '-U', 'risk_owner' ]);
$node->safe_psql('warehouse', "CREATE EXTENSION posture;\n" . sample_sql(), @as);
my @views = views($node, 'warehouse');
my %is_view = map { $_ => 1 } @views;
my @tables = tables($node, 'warehouse');
my ($rc, $out, $err);

is($node->safe_psql('warehouse', <<"SQL"), '0', 'nothing is granted to PUBLIC');
SELECT count(*) FROM pg_class c, aclexplode(c.relacl) x
WHERE c.relnamespace $schemas AND x.grantee = 0
SQL
for my $relation (@views, @tables)
{
	my $name = $relation =~ s/.*\.//r;
	for my $sql ("SELECT * FROM $relation", $is_view{$relation} ? () : "DELETE FROM $relation")
	{
		($rc, $out, $err) = query_as($node, 'warehouse', 'nobody', $sql);
		like($err, qr/permission denied( for (table|view) |: role "nobody" does not see all rows)/,
			"a role without privileges: $sql");
	}
}
for my $call ('SELECT * FROM posture.ingest()', 'SELECT * FROM posture.take_snapshot()',
	'CALL posture.run_daily()', 'SELECT posture.acknowledge(1)',
	q{SELECT posture.load('posture', '{}')}, 'SELECT * FROM posture.assess_cluster()',
	q{SELECT posture.install_pack('ransomware')}, 'SELECT posture.apply_rules()',
	'SELECT posture.fold()', 'SELECT posture.rebuild()', 'SELECT posture.verify()',
	q{SELECT posture.backfill('2020-01-01')}, q{SELECT posture.forget_day('2020-01-01')},
	'SELECT posture.reopen(1)', 'SELECT posture.schedule()', 'SELECT posture.status()',
	'SELECT posture.export()', 'SELECT posture.explain(1)', q{SELECT posture.metric_assets('m1')},
	(map { "SELECT posture.$_('i1')" } qw(plan planned_score achievable_score show)),
	q{SELECT posture.merge_asset('a1', 'a2')}, q{SELECT posture.what_if('i1', 'r1')}, q{SELECT posture.score_of('i1', 'g1')},
	(map { "SELECT posture.$_('i1', '2020-01-01', '2020-01-02')" } qw(points_change change_report)))
{
	($rc, $out, $err) = query_as($node, 'warehouse', 'nobody', $call);
	like($err, qr/permission denied: role "nobody" needs level (\w+).*HINT: .*grant_access\('nobody', '\1'[,)]/s,
		"a role without privileges: $call");
}

$node->safe_psql('warehouse',
	'GRANT SELECT ON ALL TABLES IN SCHEMA posture, posture_internal TO reader', @as);
for my $view (@views)
{
	my $expected = (query_as($node, 'warehouse', 'risk_owner', "SELECT * FROM $view"))[1];
	($rc, $out, $err) = query_as($node, 'warehouse', 'reader', "SELECT * FROM $view");
	is("$out$err", $expected, "a role with SELECT sees all rows of $view");
}
for my $call ('SELECT * FROM posture.ingest()', 'SELECT * FROM posture.take_snapshot()',
	'CALL posture.run_daily()', 'SELECT posture.acknowledge(1)', 'DELETE FROM posture.finding')
{
	($rc, $out, $err) = query_as($node, 'warehouse', 'reader', $call);
	like($err, $call =~ /DELETE/ ? qr/permission denied for table/ : qr/role "reader" needs level/, "a role with SELECT: $call");
}

$node->safe_psql('warehouse', 'GRANT INSERT ON posture.inbox TO feeder', @as);
my $delivery = <<'SQL';
COPY posture.inbox (source, recommendation, asset, state, observed_at) FROM STDIN (FORMAT csv);
scan,r1,fed,compliant,yesterday
\.
SQL
($rc, $out, $err) = query_as($node, 'warehouse', 'feeder', $delivery);
like($err, qr/permission denied: role "feeder" is no loader of source "scan"\nHINT/,
	'a role with INSERT on the inbox delivers for no source');
$node->safe_psql('warehouse', q{SELECT posture.grant_access('feeder', 'loader', 'scan')}, @as);
($rc, $out, $err) = query_as($node, 'warehouse', 'feeder', $delivery);
is("$rc$err", '0', 'but as a loader of that source');
($rc, $out, $err) = query_as($node, 'warehouse', 'feeder', 'SELECT * FROM posture.inbox');
like($err, qr/permission denied for table inbox/, 'and reads nothing');

# what a DELETE takes along is said in one NOTICE, to roles that may read it
($rc, $out, $err) = query_as($node, 'warehouse', 'risk_owner', <<'SQL');
BEGIN;
INSERT INTO posture.metric (key, name) SELECT 'bulk' || n, 'Bulk' FROM generate_series(1, 100) n;
INSERT INTO posture.initiative_metric
SELECT i.initiative_id, m.metric_id FROM posture.initiative i, posture.metric m
WHERE i.key = 'i1' AND m.key LIKE 'bulk%';
DELETE FROM posture.metric WHERE key LIKE 'bulk%';
ROLLBACK;
SQL
is(() = $err =~ /NOTICE/g, 1, 'one NOTICE for 100 metrics');
like($err, qr/deleting 100 metrics also deletes 100 rows of initiative_metric/, 'with the count');
$node->safe_psql('warehouse', 'GRANT SELECT, DELETE ON posture.metric TO feeder;
	GRANT SELECT ON posture_internal.finding_set TO feeder', @as);
($rc, $out, $err) = query_as($node, 'warehouse', 'feeder',
	'BEGIN; DELETE FROM posture.metric; ROLLBACK');
is("$rc$err", '0', 'a role that may not read the memberships deletes without one');

$node->stop;
done_testing();

# Plans and scenarios on a head with nodes are those of one database with the assets of all. Roles
# that do not see all rows get an error there. A node that does not answer is an error, or with
# posture.partial_results its assets are unassessed.
# tests: score/plan, score/scenario, score/scenario_document, node/node_count, node/ask_nodes, fence.c

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestNodeData;
use TestNodes;
use TestPosture;

my $cluster = new_cluster('plan', 2);
my ($head, $one) = @$cluster{qw(head one)};
fill_cluster($cluster, 60, 40, 20);

# plans
for my $initiative (qw(i1 i2 i3), '{i1,i2}')
{
	for my $more ('', ", basis => 'gain_per_asset'", ", basis => 'gain_per_hour', budget => 12",
		", asset_group => 'hosts'", ', max_steps => 3',
		q{, scenario => '{"importance": {"m1": "critical"}, "filter": {"m1": {"asset_kinds": ["user"]}}}'})
	{
		same_reports($cluster, "plan('$initiative'$more)", "SELECT * FROM posture.plan('$initiative'$more)");
	}
}
ok($head->safe_psql('postgres', q{SELECT count(*) FROM posture.plan('i1')}) > 1, 'a plan has steps');

# scenarios
my @exempt = split /\n/, $one->safe_psql('postgres', <<'SQL');
SELECT DISTINCT ON (asset) format('{"recommendation": %s, "asset": %s, "kind": "%s"}',
    to_json(recommendation), to_json(asset), coalesce(exemption, 'waived'))
FROM posture.finding_report WHERE exemption IS NULL AND is_exposed ORDER BY asset, recommendation LIMIT 8
SQL
my @ended = split /\n/, $one->safe_psql('postgres', <<'SQL');
SELECT format('{"recommendation": %s, "asset": %s}', to_json(x.recommendation), to_json(x.asset))
FROM (SELECT DISTINCT recommendation, asset FROM posture.exemption_report WHERE scope = 'asset') x LIMIT 8
SQL
my %scenarios = (
	remediate => '{"remediate": ["r1", "r2"]}',
	exempt => sprintf('{"exempt": [%s]}', join ', ', @exempt),
	'end exemptions' => sprintf('{"end_exemption": [%s]}', join ', ', @ended),
	both => sprintf('{"exempt": [%s], "end_exemption": [%s], "remediate": ["r3"]}',
		join(', ', @exempt), join(', ', @ended)),
	'a group' => '{"exempt": [{"recommendation": "r4", "asset_group": "precious", "kind": "mitigated"}]}',
	'no exemptions' => '{"ignore_exemptions": true}');
ok(@exempt > 2 && @ended > 2, 'assets of nodes are exempt');
for (sort keys %scenarios)
{
	same_reports($cluster, "scenario: $_", "SELECT * FROM posture.report_at(scenario => '$scenarios{$_}')",
		"SELECT * FROM posture.report_at(asset_group => 'users', scenario => '$scenarios{$_}')",
		"SELECT * FROM posture.plan('i1', scenario => '$scenarios{$_}')");
}
same_reports($cluster, 'short forms',
	map { "SELECT $_" } q{posture.what_if('i1', '{r1,r5}')}, q{posture.planned_score('i2')},
	q{posture.achievable_score('i3')}, q{posture.score_at('i1')},
	q{cardinality(posture.metric_assets('m3')::integer[])});
my ($rc, $out, $err) = query_as($head, 'postgres', superuser(),
	q{SELECT posture.score_at('i1', scenario => '{"exempt": [{"recommendation": "r1", "asset": "n1-999", "kind": "waived"}]}')});
like($err, qr/scenario field "exempt": asset "n1-999" does not exist/, 'an asset that no node has');

# what a person reads who does not see all rows
$_->safe_psql('postgres', 'CREATE ROLE ann LOGIN') for $head, $one;
on_both($cluster, q{SELECT posture.grant_access('ann', 'owner'); UPDATE posture.initiative SET owner = 'ann' WHERE key = 'i1'});
isnt((query_as($one, 'postgres', 'ann', 'SELECT * FROM posture.overview'))[1], '', 'an owner reads on one server');
for my $query (
	(map { "SELECT * FROM posture.$_" } qw(overview finding_report asset_report exemption_report event_asset)),
	q{SELECT posture.score_at('i1')}, q{SELECT * FROM posture.plan('i1')}, q{SELECT * FROM posture.report_at()})
{
	($rc, $out, $err) = query_as($head, 'postgres', 'ann', $query);
	like($err, qr/role "ann" does not see all rows, and cannot read through a head that has nodes/, $query);
	is($out, '', 'and gets no row');
}
on_both($cluster, q{CREATE ROLE lou LOGIN; SELECT posture.grant_access('lou', 'loader', 'scan')});
for my $server ($head, $one)
{
	($rc, $out, $err) = query_as($server, 'postgres', 'lou', <<'SQL');
INSERT INTO posture.inbox (source, recommendation, asset, state)
VALUES ('scan', 'r2', 'n3-1', 'compliant');
SELECT FROM posture.ingest();
SQL
	is("$rc$err", '0', 'a loader loads on ' . $server->name);
}

# without a node
$head->safe_psql('postgres', 'SELECT FROM posture.take_snapshot()');
my $counts = q{SELECT initiative, exposed_assets, population, unassessed_assets, coverage_pct, score_low, score_high, score
FROM posture.overview WHERE initiative = 'i2'};
my @all = split /\|/, $head->safe_psql('postgres', $counts);
my @here = split /\|/, $head->safe_psql('postgres', q{SET posture.partial_results = on;} . $counts);
is_deeply(\@here, \@all, 'with all nodes, partial results are the results');
my $session = new_session($head, 'postgres');
$session->ask($counts);
my $w2 = $cluster->{nodes}[1];
my ($exposed, $population) = split /\|/, $w2->safe_psql('postgres', <<'SQL');
SELECT exposed, population FROM posture_internal.current_object_count()
WHERE object_kind = 'initiative' AND object_id = (SELECT initiative_id FROM posture.initiative WHERE key = 'i2')
SQL
my $unassessed = $w2->safe_psql('postgres', <<'SQL');
SELECT unassessed FROM posture_internal.current_object_count()
WHERE object_kind = 'initiative' AND object_id = (SELECT initiative_id FROM posture.initiative WHERE key = 'i2')
SQL
$w2->stop('immediate');
like($session->ask($counts), qr/ERROR:  node "w2" does not answer.*HINT:  SET posture.partial_results/s,
	'a node that has gone is an error, in a session that was connected to it');
like((query_as($head, 'postgres', superuser(), $counts))[2], qr/node "w2" does not answer/, 'and in a new one');
like((query_as($head, 'postgres', superuser(), 'SELECT * FROM posture.finding_report'))[2],
	qr/node "w2" does not answer/, 'also of rows');
($rc, $out, $err) = query_as($head, 'postgres', superuser(), "SET posture.partial_results = on; $counts");
like($err, qr/WARNING:  without node "w2"/, 'a warning with partial results');
my @part = split /\|/, $out;
is($part[1], $all[1] - $exposed, 'exposed assets are those of the others');
is($part[2], $all[2], 'the population is as it was');
is($part[3], $all[3] + $population - $unassessed, 'what the node had is unassessed');
ok($part[4] < $all[4], 'coverage falls');
ok($part[5] <= $all[5] && $part[6] >= $all[6] && $part[6] - $part[5] > $all[6] - $all[5], 'bounds widen');
is((query_as($head, 'postgres', superuser(), <<'SQL'))[1], '0', 'rows are those of the others');
SET posture.partial_results = on;
SELECT count(*) FROM posture.finding_report WHERE asset LIKE 'n2-%'
SQL
$session->end;
$w2->start;
same_reports($cluster, 'the node is back', $counts);

stop_cluster($cluster);
done_testing();

# Plans and scenarios on a head with nodes are those of one database with the assets of all. Roles
# that do not see all rows get an error there.
# tests: score/plan, score/scenario, score/scenario_document, fence.c

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

stop_cluster($cluster);
done_testing();

# Views of a head whose rows are assets or findings have those of all nodes, and its other reports
# add the nodes up: all are those of one database with the assets of all.
# tests: node.c, fence_scan.c, access/view_fence, report/asset_report, report/finding_report,
# tests: report/vulnerability_report, report/coverage_report, report/exemption_report,
# tests: report/metric_recommendation_report, report/event_asset, report/framework_report,
# tests: report/assignment_report, score/last_change, score/recommendation_status

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

my $cluster = new_cluster('rows', 2);
my ($head, $one) = @$cluster{qw(head one)};

# a session that plans its queries before there is anything
my $session = new_session($head, 'postgres');
$session->ask('PREPARE exposed AS SELECT count(*) FROM posture.finding_report WHERE is_exposed');
is($session->ask('EXECUTE exposed'), 0, 'nothing yet');

fill_cluster($cluster, 60, 40, 20);

my %rows = (
	finding_report => 'SELECT * FROM posture.finding_report',
	asset_report => 'SELECT * FROM posture.asset_report',
	unassessed_asset => 'SELECT * FROM posture.unassessed_asset',
	vulnerability_report => 'SELECT * FROM posture.vulnerability_report',
	'assets of a metric' => <<'SQL');
SELECT asset, findings FROM posture.asset_report WHERE metrics && '{m1,m5}' AND state = 'active'
SQL
# when a server itself wrote a row is not compared
$rows{asset_report} =~ s/\*/asset, name, kind, owner, criticality, state, sources, findings, failing_findings, exemptions, metrics, initiatives, retired_at, known_by/;
$rows{finding_report} .= q{ WHERE source <> 'hand'};
same_everywhere($cluster, %rows);
same_reports($cluster, "condition $_", "SELECT * FROM posture.finding_report WHERE $_")
  for (q{asset = 'n1-7'}, q{asset IN ('n1-3', 'n2-3', 'n3-3', 'n9-9')}, q{is_exposed AND source = 'scan'},
	q{NOT is_exposed AND state = 'non_compliant' AND source <> 'hand'}, q{exemption IS NOT NULL AND source <> 'hand'},
	q{since < now() - interval '1 hour' AND source <> 'hand'}, q{asset LIKE 'n_-1%' AND source <> 'hand'},
	q{recommendation = (SELECT 'r' || 3)}, q{asset > 'n2' AND severity = ANY ('{high,low}')});
same_reports($cluster, 'lookups by a join', <<'SQL');
SELECT f.* FROM (VALUES ('n1-5'), ('n2-5'), ('n3-5')) k(key)
JOIN LATERAL (SELECT asset, recommendation, state FROM posture.finding_report WHERE asset = k.key
              AND source <> 'hand') f ON true
SQL
$head->safe_psql('postgres', q{SET datestyle = 'SQL, DMY'; SET timezone = 'Asia/Kolkata';}
	  . q{SELECT count(*) FROM posture.finding_report WHERE since > now() - interval '1 hour'})
  == $one->safe_psql('postgres', q{SELECT count(*) FROM posture.finding_report WHERE since > now() - interval '1 hour'})
  ? pass('a literal is read by the nodes as it was meant')
  : fail('a literal is read by the nodes as it was meant');

same_everywhere($cluster,
	map({ ("report $_" => $_) } grep { !/recommendation_report/ } @asset_free_reports),
	recommendation_report => q{SELECT * FROM posture.recommendation_report WHERE source <> 'hand'},
	metric_recommendation_report => 'SELECT * FROM posture.metric_recommendation_report',
	'a metric of it' => q{SELECT * FROM posture.metric_recommendation_report WHERE metric = 'm2'},
	coverage_report => 'SELECT * FROM posture.coverage_report',
	exemption_report => <<'SQL',
SELECT source, recommendation, title, scope, asset, asset_group, kind, reason, approved_by, created_at,
       expires_at, days_left, state, failing_assets FROM posture.exemption_report
SQL
	framework_report => <<'SQL',
SELECT initiative, section, requirement, name, status, score, exposed_assets, assessed_assets, weight,
       attested_by, valid_until, evidence, note FROM posture.framework_report
SQL
	framework_section => 'SELECT * FROM posture.framework_section',
	target_report => 'SELECT * FROM posture.target_report',
	assignment_report => 'SELECT * FROM posture.assignment_report',
	secure_score => 'SELECT * FROM posture.secure_score',
	secure_score_part => 'SELECT * FROM posture.secure_score_part',
	show => q{SELECT * FROM posture.show('i1')});
same_reports($cluster, "unassessed_assets($_)", <<"SQL")
SELECT a.asset FROM (SELECT posture.unassessed_assets($_) AS assets) u
CROSS JOIN LATERAL (SELECT asset FROM posture_internal.labelled_asset(u.assets)
                    UNION ALL
                    SELECT asset FROM posture_internal.asset_of_nodes(u.assets)) a
SQL
  for q{'scan'}, q{'cloud'}, q{'cloud', '90 minutes'}, 'NULL';

# the causes of an event have assets of nodes
for my $server ($head, $one)
{
	my $ids = join ' UNION ALL ', $server == $one ? 'SELECT asset_id FROM posture.asset'
	  : ('SELECT asset_id FROM posture.asset', map {
		'SELECT ' . $_ . '::integer' } map { split /\n/, $_->safe_psql('postgres',
			'SELECT asset_id FROM posture.asset') } @{ $cluster->{nodes} });
	$server->safe_psql('postgres', <<"SQL");
INSERT INTO posture.event (event_id, kind, day, previous_day, metric_id) OVERRIDING SYSTEM VALUE
SELECT 7, 'metric_score_drop', current_date, current_date - 1, metric_id FROM posture.metric WHERE key = 'm1';
INSERT INTO posture.event_cause (event_id, metric_id, reason, assets)
SELECT 7, (SELECT metric_id FROM posture.metric WHERE key = 'm1'), 'new_finding', posture.assetset_agg(asset_id)
FROM ($ids) x;
SQL
}
same_everywhere($cluster, event_asset => 'SELECT * FROM posture.event_asset WHERE event_id = 7');

# plans
is($session->ask('EXECUTE exposed'),
	$one->safe_psql('postgres', 'SELECT count(*) FROM posture.finding_report WHERE is_exposed'),
	'a prepared query asks the nodes');
my $plan = $head->safe_psql('postgres', <<'SQL');
EXPLAIN (COSTS OFF) SELECT * FROM posture.finding_report WHERE asset = 'x' AND is_exposed
SQL
like($plan, qr/Nodes: posture\.finding_report WHERE .*asset OPERATOR\(pg_catalog\.=\) \(\$\d\)/,
	'the nodes get the conditions');
like($plan, qr/Nodes: .*is_exposed OPERATOR\(pg_catalog\.=\) \(\$\d\)/, 'also on a boolean column');
for my $view (qw(finding_report asset_report vulnerability_report unassessed_asset coverage_report event_asset))
{
	unlike($one->safe_psql('postgres', "EXPLAIN SELECT * FROM posture.$view"),
		qr/Append|Foreign Scan|on node/, "without nodes, $view is planned as ever");
}
like($one->safe_psql('postgres', q{SET enable_seqscan = off;
EXPLAIN SELECT * FROM posture.finding_report WHERE asset = 'n1-7' LIMIT 3}),
	qr/Limit.*Index Scan using asset_key_key/s, 'a lookup uses the index');

# a session that has planned its queries without nodes asks those that are added
my $other = new_session($one, 'postgres');
$other->ask('PREPARE exposed AS SELECT count(*) FROM posture.finding_report');
$other->ask('SET plan_cache_mode = force_generic_plan');
my $before = $other->ask('EXECUTE exposed');
add_server($cluster, 'rows');
my $new = $cluster->{nodes}[2];
$one->safe_psql('postgres', sprintf(<<'SQL', $new->host, $new->port, superuser(), superuser()));
CREATE EXTENSION dblink;
CREATE SERVER w9 FOREIGN DATA WRAPPER dblink_fdw OPTIONS (host '%s', port '%d', dbname 'postgres');
CREATE USER MAPPING FOR "%s" SERVER w9 OPTIONS (user '%s');
SELECT posture.add_node('w9', 'w9');
SQL
$new->safe_psql('postgres', node_sql(9, 10));
is($other->ask('EXECUTE exposed'),
	$before + $new->safe_psql('postgres', 'SELECT count(*) FROM posture.finding_report'),
	'a query that was planned before there were nodes');
$_->end for $session, $other;

stop_cluster($cluster);
done_testing();

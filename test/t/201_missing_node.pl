# A node that does not answer: reports of now are errors, or with posture.partial_results its assets
# are unassessed, of all assets and of groups. What that means is counted in two ways: by what was
# reported with the node, without what the node had of it; and on one server that has the assets of
# the node, and none of its findings.
# tests: node/node_count, node/ask_nodes, report/group_report, report/coverage_report

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

my $cluster = new_cluster('missing', 2);
my ($head, $one) = @$cluster{qw(head one)};
my $w2 = $cluster->{nodes}[1];
my @reports = grep { !/recommendation/ } @asset_free_reports;
fill_cluster($cluster, 60, 40, 20);
$head->safe_psql('postgres', 'SELECT FROM posture.take_snapshot()');

# Asks the head for what it has without the node.
sub partial
{
	my ($sql) = @_;
	return query_as($head, 'postgres', superuser(), "SET posture.partial_results = on; $sql");
}

my $counts = q{SELECT initiative, exposed_assets, population, unassessed_assets, coverage_pct, score_low, score_high, score
FROM posture.overview WHERE initiative = 'i2'};
my $complete = $head->safe_psql('postgres', $counts);
my ($rc, $out, $err) = partial($counts);
is("$out$err", $complete, 'with all nodes, partial results are the results');
my $session = new_session($head, 'postgres');
$session->ask($counts);

# what is reported with all nodes, and what w2 has of it
my %reports = (
	overview => q{SELECT 'all' AS scope, initiative, '' AS part, exposed_assets, NULL::numeric, population, unassessed_assets FROM posture.overview},
	metrics => q{SELECT 'all', initiative, metric, exposed_assets, assessed_assets, population, unassessed_assets
		FROM posture.report_at() WHERE metric IS NOT NULL AND metric NOT IN (SELECT key::text FROM posture.metric JOIN posture.metric_recommendation USING (metric_id)
			JOIN posture.measure USING (recommendation_id))},
	recommendations => q{SELECT 'all', 'recommendation', recommendation, exposed_assets, assessed_assets, population, unassessed_assets
		FROM posture.recommendation_report WHERE recommendation <> 'points'},
	groups => q{SELECT asset_group, initiative, coalesce(metric, ''), exposed_assets, assessed_assets, population, unassessed_assets
		FROM posture.group_report});
my $row = 'scope text, object text, part text, exposed numeric, assessed numeric, population numeric, unassessed numeric';
for my $report (sort keys %reports)
{
	$head->safe_psql('postgres', <<"SQL");
CREATE TABLE public.had_$report ($row);
INSERT INTO public.had_$report $reports{$report};
CREATE TABLE public.w2_$report ($row);
INSERT INTO public.w2_$report SELECT * FROM dblink('w2', \$\$$reports{$report}\$\$) AS t($row);
SQL
}

$w2->stop('immediate');
like($session->ask($counts), qr/ERROR:  node "w2" does not answer.*HINT:  SET posture.partial_results/s,
	'a node that has gone is an error, in a session that was connected to it');
$session->end;
for my $report ('overview', 'group_report', 'finding_report', 'coverage_report')
{
	like((query_as($head, 'postgres', superuser(), "SELECT * FROM posture.$report"))[2],
		qr/node "w2" does not answer/, "and in a new one: $report");
}
for my $report (sort keys %reports)
{
	my $has = "SELECT * FROM ($reports{$report}) x($row)" =~ s/ (numeric|text)\b//gr;
	my $wants = <<"SQL";
SELECT h.scope, h.object, h.part, h.exposed - coalesce(w.exposed, 0), h.assessed - coalesce(w.assessed, 0), h.population,
       h.unassessed - coalesce(w.unassessed, 0) + coalesce(w.population, 0)
FROM public.had_$report h LEFT JOIN public.w2_$report w USING (scope, object, part)
SQL
	($rc, $out, $err) = partial("SELECT * FROM (($has) EXCEPT ALL ($wants)) x; SELECT * FROM (($wants) EXCEPT ALL ($has)) x;");
	is($out, '', "$report: what the node had is unassessed");
	like($err, qr/WARNING:  without node "w2"/, "$report: a warning");
}
my $differs = q{exposed_assets > 0 AND unassessed_assets > 0 AND score_high > score_low};
for my $report (qw(overview metric_report group_report))
{
	is((partial("SELECT count(*) > 0 FROM posture.$report WHERE $differs AND coverage_pct < 100"))[1], 't', "$report: coverage and bounds say so");
}
is((partial(q{SELECT count(*) FROM posture.finding_report WHERE asset LIKE 'n2-%'}))[1], '0', 'rows are those of the others');

# views that ask nobody need no node, the others say that one is missing
my $kept = qr/^(access|benchmark_report|day_report|event_report|event_asset)$/;
for my $view (split /\n/, $head->safe_psql('postgres', q{SELECT relname FROM pg_class WHERE relkind = 'v' AND relnamespace = 'posture'::regnamespace ORDER BY 1}))
{
	($rc, $out, $err) = partial("SELECT count(*) FROM posture.$view");
	is("$rc " . ($err =~ /without node "w2"/ ? 'says so' : 'needs none'), $view =~ $kept ? '0 needs none' : '0 says so', $view);
}
$w2->start;
same_reports($cluster, 'the node is back', @reports);

# One server has no findings of the node. What the assets of a metric without a population are by
# their findings becomes its population there, so that they stay when these are deleted.
my @groups = qw(hosts precious users);
$_->safe_psql('postgres', 'DELETE FROM posture.exemption WHERE asset_id IS NOT NULL') for @{ $cluster->{nodes} };
on_both($cluster, q{DELETE FROM posture.exemption; UPDATE posture.metric SET unassessed = 'excluded'});
$head->safe_psql('postgres', 'SELECT FROM posture.take_snapshot()');
same_reports($cluster, 'the same without exemptions', @reports);
my @now = ('SELECT * FROM posture.report_at()', map { "SELECT * FROM posture.report_at(NULL, '$_')" } @groups);
my $everything = q{SELECT 'all' AS scope, r.* FROM posture.report_at() r
	UNION ALL SELECT g.key::text, r.* FROM posture.asset_group g CROSS JOIN LATERAL posture.report_at(NULL, g.key) r};
$head->safe_psql('postgres', "CREATE TABLE public.complete AS $everything");
$one->safe_psql('postgres', <<'SQL');
CREATE TABLE public.member AS
SELECT m.metric_id, m.key::text, f.asset_id
FROM posture.metric m JOIN posture.metric_recommendation USING (metric_id) JOIN posture.finding f USING (recommendation_id)
WHERE m.population_group_id IS NULL AND f.state <> 'not_applicable'
GROUP BY m.metric_id, m.key, f.asset_id;
UPDATE posture.asset a SET tags = x.tags
FROM (SELECT asset_id, jsonb_object_agg('in ' || key, 'yes') AS tags FROM public.member GROUP BY asset_id) x
WHERE x.asset_id = a.asset_id;
INSERT INTO posture.asset_group (key, name, tags)
SELECT 'in ' || key, 'Of a metric', jsonb_build_object('in ' || key, 'yes') FROM posture.metric WHERE population_group_id IS NULL;
UPDATE posture.metric m SET population_group_id = g.asset_group_id FROM posture.asset_group g WHERE g.key = 'in ' || m.key;
DELETE FROM posture.attestation WHERE asset_id IN (SELECT asset_id FROM posture.asset WHERE key LIKE 'n2-%');
DELETE FROM posture.finding WHERE asset_id IN (SELECT asset_id FROM posture.asset WHERE key LIKE 'n2-%');
UPDATE posture_internal.confirmation
SET assets = assets OPERATOR(posture.-) (SELECT posture.assetset_agg(asset_id) FROM posture.asset WHERE key LIKE 'n2-%');
SQL
$w2->stop;
$head->safe_psql('postgres', 'ALTER DATABASE postgres SET posture.partial_results = on');
same_reports($cluster, 'the assets of the node are unassessed', @now);
same_reports($cluster, 'also in views',
	q{SELECT initiative, score, raw_score, exposed_assets, critical_assets, population, unassessed_assets, coverage_pct, score_low, score_high
	  FROM posture.overview},
	q{SELECT * FROM posture.group_report WHERE asset_group NOT LIKE 'in %'},
	q{SELECT * FROM posture.coverage_report WHERE asset_group NOT LIKE 'in %' OR asset_group IS NULL});
my $scenario = q{'{"remediate": ["r1", "r2"], "importance": {"m1": "critical"}}'};
same_reports($cluster, 'and under a scenario', map { "SELECT * FROM posture.report_at($_)" }
	"scenario => $scenario", map { "NULL, '$_', $scenario" } @groups);
same_reports($cluster, 'scores of groups', map { "SELECT posture.score_at(i.key, NULL, '$_') FROM posture.initiative i" } @groups);

# by points there are no bounds
my ($rows, $outside, $same) = split /\|/, $head->safe_psql('postgres', <<"SQL");
SELECT count(*), count(*) FILTER (WHERE c.score < n.score_low OR c.score > n.score_high OR c.score_low < n.score_low
                                     OR c.score_high > n.score_high),
       count(*) FILTER (WHERE n.score_low = c.score_low AND n.score_high = c.score_high)
FROM public.complete c JOIN ($everything) n USING (scope, initiative)
WHERE c.metric IS NOT DISTINCT FROM n.metric AND (initiative <> 'i3' OR c.metric IS NOT NULL) AND c.score IS NOT NULL
SQL
is($outside, 0, 'what is so with all nodes is within the bounds without one');
cmp_ok($same, '<', $rows / 2, 'which widen');
$head->safe_psql('postgres', 'ALTER DATABASE postgres RESET posture.partial_results');
$w2->start;

stop_cluster($cluster);
done_testing();

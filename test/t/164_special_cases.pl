# What was there before score_at(), report_at() and assets_at() is a special case of them: views,
# snapshots, score_of(), what_if(), planned scores, and where a plan ends.
# tests: report/overview, report/metric_report, report/group_report, score/scenario, score/score_at, score/plan
#
# POSTURE_ROUNDS: how many catalogs (1). POSTURE_SEED repeats them.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestModel;
use TestPosture;

my $node = model_node('special_cases');
my $db;

my $coverage = 'population, unassessed_assets, coverage_pct, score_low, score_high';
# for each name, a query of what is special and one of what is general
my %case = (
	'overview' => [ "SELECT initiative, score, exposed_assets, $coverage FROM overview",
		"SELECT initiative, score, exposed_assets, $coverage FROM report_at() WHERE metric IS NULL" ],
	'overview.raw_score' => [ 'SELECT initiative, raw_score AS score FROM overview',
		q{SELECT initiative, score FROM report_at(NULL, NULL, '{"ignore_exemptions": true}') WHERE metric IS NULL} ],
	'metric_report' => [
		"SELECT initiative, metric, state, score, exposed_assets, assessed_assets, weight, score_impact, $coverage FROM metric_report",
		'SELECT * FROM report_at() WHERE metric IS NOT NULL' ],
	'group_report' => [
		"SELECT asset_group, initiative, metric, score, exposed_assets, assessed_assets, weight, $coverage FROM group_report",
		"SELECT g.key AS asset_group, initiative, metric, score, exposed_assets, assessed_assets, weight, $coverage
		 FROM asset_group g, report_at(NULL, g.key)" ],
	'score_of()' => [ 'SELECT i.key, g.key AS of_group, score_of(i.key, g.key) AS score FROM initiative i, asset_group g',
		'SELECT i.key, g.key AS of_group, score_at(i.key, NULL, g.key) AS score FROM initiative i, asset_group g' ],
	'what_if()' => [ "SELECT key, what_if(key, '{r3,r5,s2:shared,r11}') AS score FROM initiative",
		q{SELECT key, score_at(key, NULL, NULL, '{"remediate": ["r3", "r5", "s2:shared", "r11"]}') AS score FROM initiative} ],
	'metric_assets() now' => [ 'SELECT key, metric_assets(key)::text AS assets FROM metric',
		'SELECT key, assets_at(key)::text AS assets FROM metric' ],
	'metric_assets() of a day' => [ 'SELECT m.key, s.day, metric_assets(m.key, s.day)::text AS assets FROM metric m, snapshot s',
		'SELECT m.key, s.day, assets_at(m.key, s.day)::text AS assets FROM metric m, snapshot s' ],
	'initiative_snapshot' => [
		'SELECT day, key AS initiative, score::numeric, score_low::numeric, score_high::numeric FROM initiative_snapshot',
		'SELECT s.day, initiative, score, score_low, score_high FROM snapshot s, report_at(s.day) WHERE metric IS NULL' ],
	'metric_snapshot' => [
		'SELECT day, i.key AS initiative, m.key AS metric, m.score::numeric, m.exposed, m.assessed, w.weight,
		        m.population, m.unassessed, m.score_low::numeric, m.score_high::numeric
		 FROM initiative_metric_snapshot w
		 JOIN initiative_snapshot i USING (day, initiative_id) JOIN metric_snapshot m USING (day, metric_id)',
		'SELECT s.day, initiative, metric, score, exposed_assets AS exposed, assessed_assets AS assessed, weight,
		        population, unassessed_assets AS unassessed, score_low, score_high
		 FROM snapshot s, report_at(s.day) WHERE metric IS NOT NULL' ],
	'today' => [ 'SELECT * FROM report_at()', 'SELECT * FROM report_at(today())' ],
	'an empty scenario' => [ 'SELECT * FROM report_at()', q{SELECT * FROM report_at(NULL, NULL, '{}')} ],
	'an empty scenario of a day' => [ 'SELECT * FROM report_at(today() - 3)', q{SELECT * FROM report_at(today() - 3, NULL, '{}')} ],
	'score_at()' => [ 'SELECT initiative, score FROM report_at() WHERE metric IS NULL',
		'SELECT key AS initiative, score_at(key)::numeric AS score FROM initiative WHERE is_active' ]);

# the same without exemptions of accepted risks, which a plan leaves exposed
my %plan_case = (
	'achievable_score()' => [ 'SELECT key, achievable_score(key) AS score FROM initiative',
		q{SELECT key, score_at(key, NULL, NULL, jsonb_build_object('remediate', a.names)) AS score
		  FROM initiative, (SELECT jsonb_agg(s.key || ':' || r.key) AS names
		                    FROM recommendation r JOIN source s USING (source_id)) a} ],
	'planned_score()' => [ 'SELECT key, planned_score(key) AS score FROM initiative',
		q{SELECT key, score_at(key, NULL, NULL, jsonb_build_object('remediate', a.names)) AS score
		  FROM initiative, (SELECT jsonb_agg(s.key || ':' || r.key) AS names
		                    FROM recommendation r JOIN source s USING (source_id) WHERE r.assigned_to IS NOT NULL) a} ],
	'plan()' => [ 'SELECT key, p.rank, p.score
		 FROM initiative, plan(key, 100) p WHERE is_active',
		q{SELECT key, p.rank, score_at(key, NULL, NULL, jsonb_build_object('remediate', p.names))::numeric AS score
		  FROM (SELECT key, p.rank, jsonb_agg(p.recommendation) OVER (PARTITION BY key ORDER BY p.rank) AS names
		        FROM initiative, plan(key, 100) p WHERE is_active) p} ]);

for my $round (1 .. $rounds)
{
	$db = "round_$round";
	model_database($node, $db);
	# equal rows, each as often
	same_rows($node, $db, "SELECT to_jsonb(x) FROM ($case{$_}[0]) x", "SELECT to_jsonb(x) FROM ($case{$_}[1]) x", "round $round: $_")
	  foreach sort keys %case;
	$node->safe_psql($db, q{DELETE FROM exemption WHERE kind = 'risk_accepted';
		UPDATE recommendation SET assigned_to = 'Ann' WHERE recommendation_id % 2 = 0});
	same_rows($node, $db, "SELECT to_jsonb(x) FROM ($plan_case{$_}[0]) x", "SELECT to_jsonb(x) FROM ($plan_case{$_}[1]) x", "round $round: $_")
	  foreach sort keys %plan_case;
	$node->safe_psql('postgres', "DROP DATABASE $db");
}

$node->stop;
done_testing();

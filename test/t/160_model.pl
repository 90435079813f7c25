# Every metric and initiative, now and on each of five past days, of all assets and of each
# group, against a model in plain SQL over copies of findings and of the catalog.
# tests: score/current_state, score/group_score, score/metric_assets, score/initiative_score
# tests: day/snapshot
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

my $node = model_node('model');

# what posture returned before it had coordinates: reports of now, and snapshots
sub existing_cases
{
	my @cases;
	foreach my $coordinate (coordinates())
	{
		my ($copy, $day, $group) = @$coordinate;
		my $report = model_sql('report', $coordinate);
		if ($day ne 'NULL')
		{
			next if $group ne 'NULL';
			push @cases, [ "metric_snapshot $copy", $copy,
				"SELECT DISTINCT metric, score, exposed_assets, assessed_assets FROM $report WHERE metric IS NOT NULL",
				"SELECT s.key, s.score::numeric, s.exposed, s.assessed FROM metric_snapshot s
				 WHERE day = $day AND metric_id IN (SELECT metric_id FROM initiative_metric_snapshot WHERE day = $day)" ],
				[ "initiative_snapshot $copy", $copy,
				"SELECT initiative, score FROM $report WHERE metric IS NULL",
				"SELECT s.key, s.score::numeric FROM initiative_snapshot s WHERE day = $day" ],
				[ "initiative_metric_snapshot $copy", $copy,
				"SELECT initiative, metric, weight FROM $report WHERE metric IS NOT NULL",
				"SELECT i.key, m.key, weight FROM initiative_metric_snapshot
				 JOIN initiative_snapshot i USING (day, initiative_id) JOIN metric_snapshot m USING (day, metric_id)
				 WHERE day = $day" ];
		}
		elsif ($group eq 'NULL')
		{
			push @cases, [ 'metric_report', $copy,
				"SELECT * FROM $report WHERE metric IS NOT NULL",
				'SELECT initiative, metric, state, score, exposed_assets, assessed_assets, weight, score_impact,
				 critical_assets FROM metric_report' ],
				[ 'overview', $copy,
				"SELECT initiative, score, exposed_assets, critical FROM $report WHERE metric IS NULL",
				'SELECT initiative, score, exposed_assets::numeric, critical_assets FROM overview' ],
				[ 'metric_assets', $copy, 'SELECT * FROM ' . model_sql('exposed', $coordinate),
				'SELECT key::text, metric_assets(key)::integer[] FROM metric WHERE is_active' ];
		}
		else
		{
			push @cases, [ "group_report $group", $copy,
				"SELECT initiative, metric, score, exposed_assets, assessed_assets, weight, critical FROM $report",
				"SELECT initiative, metric, score, exposed_assets::numeric, assessed_assets, weight, critical_assets
				 FROM group_report WHERE asset_group = $group" ],
				[ "score_of $group", $copy, "SELECT initiative, score FROM $report WHERE metric IS NULL",
				"SELECT key::text, score_of(key, $group)::numeric FROM initiative WHERE is_active" ];
		}
	}
	return @cases;
}

for my $round (1 .. $rounds)
{
	my $db = "round_$round";
	model_database($node, $db);
	is(differences($node, $db, existing_cases()), '', "round $round: reports and snapshots are those of the model");
	$node->safe_psql('postgres', "DROP DATABASE $db");
}

$node->stop;
done_testing();

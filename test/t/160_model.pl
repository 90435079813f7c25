# Every metric and initiative, now and on each of five past days, of all assets and of each
# group, against a model in plain SQL over copies of findings and of the catalog.
# tests: score/score_at, score/report_row, score/current_state, score/initiative_score
# tests: count.c, count_chunk.c, count_rule.c, score/count_assets
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

for my $round (1 .. $rounds)
{
	my $db = "round_$round";
	model_database($node, $db);
	is(differences($node, $db, [ map { coordinate_cases($_) } coordinates() ]), '', "round $round: every object at each coordinate");
	is(differences($node, $db, [ existing_cases(coordinates()) ]), '', "round $round: reports and snapshots are those of the model");
	$node->safe_psql('postgres', "DROP DATABASE $db");
}

$node->stop;
done_testing();

# Random scenarios against what is so when they are done: to a copy of the database, or to the
# model's copy of a day.
# tests: score/scenario_document, score/score_at, score/membership, score/exempt_set, score/points
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

my $node = model_node('scenario_model');
my @now = grep { $_->[1] eq 'NULL' } coordinates();

# Cases at all assets and at one of the groups.
sub some
{
	my ($scenario, @coordinates) = @_;
	my ($all, @of_group) = @coordinates;
	return map { coordinate_cases($_, "\$\$$scenario\$\$") } $all, $of_group[ rand @of_group ];
}

for my $round (1 .. $rounds)
{
	my $db = "round_$round";
	model_database($node, $db);
	for my $n (1 .. 3)
	{
		my $scenario = random_scenario($node, $db);
		note($scenario);
		copy_database($node, 'done', $db);
		$node->safe_psql('done', "CALL model.apply(\$\$$scenario\$\$)");
		is(differences($node, 'done', [ existing_cases(@now) ]), '', "round $round, scenario $n: a copy in which it is done")
		  if $n == 1;
		is(differences($node, $db, [ some($scenario, @now) ], 'done'), '', "round $round, scenario $n: now");
		my $ago = 2 + int rand 5;
		my @done = done_coordinates($node, $db, $scenario, grep { $_->[0] eq "day_$ago" } coordinates());
		is(differences($node, $db, [ some($scenario, @done) ]), '', "round $round, scenario $n: $ago days ago");
		$node->safe_psql('postgres', 'DROP DATABASE done');
	}
	# remediation has a short form
	my ($remediated, $recommendations) = split /\|/, $node->safe_psql($db, <<'SQL');
SELECT jsonb_build_object('remediate', jsonb_agg(s.key || ':' || r.key)), array_agg(s.key || ':' || r.key)
FROM recommendation r JOIN source s USING (source_id) WHERE recommendation_id % 3 = 0
SQL
	copy_database($node, 'done', $db);
	$node->safe_psql('done', "CALL model.apply(\$\$$remediated\$\$)");
	is($node->safe_psql($db, "SELECT key, trim_scale(what_if(key, '$recommendations')::numeric) FROM initiative WHERE is_active ORDER BY 1"),
		$node->safe_psql('done', "SELECT initiative, trim_scale(score) FROM model.report('infinity', NULL) WHERE metric IS NULL ORDER BY 1"),
		"round $round: what_if()");
	$node->safe_psql('postgres', "DROP DATABASE $_") foreach 'done', $db;
}

$node->stop;
done_testing();

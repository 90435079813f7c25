# Random scenarios against what is so when they are done: to a copy of the database, or to the
# model's copy of a day.
# tests: score/scenario_document, score/plan, score/score_at, score/membership, score/exempt_set, score/points
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

# Plans for all initiatives, for a group, or for all assets and each group.
sub plans
{
	my ($db, $scenario, $group) = @_;
	my $groups = $group ? "(VALUES ($group))" : '(SELECT NULL UNION ALL SELECT key::text FROM asset_group)';
	return $node->safe_psql($db, <<"SQL" =~ s/SHOWN/$group ? '' : 'g.key,'/er);
SELECT i.key, SHOWN p.*
FROM initiative i CROSS JOIN $groups g(key)
CROSS JOIN LATERAL plan(i.key::text, 100, 'gain', NULL, NULL, g.key, $scenario) p
WHERE i.is_active ORDER BY i.key, g.key, p.rank
SQL
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
		if ($n == 1)
		{
			is(differences($node, 'done', [ existing_cases(@now) ]), '',
				"round $round, scenario $n: a copy in which it is done");
			is(plans($db, "\$\$$scenario\$\$"), plans('done', 'NULL'), "round $round: plans under the scenario");
		}
		is(differences($node, $db, [ some($scenario, @now) ], 'done'), '', "round $round, scenario $n: now");
		my $ago = 2 + int rand 5;
		my @done = done_coordinates($node, $db, $scenario, grep { $_->[0] eq "day_$ago" } coordinates());
		is(differences($node, $db, [ some($scenario, @done) ]), '', "round $round, scenario $n: $ago days ago");
		$node->safe_psql('postgres', 'DROP DATABASE done');
	}
	copy_database($node, 'alone', $db);
	my $group = $node->safe_psql('alone', 'SELECT key FROM asset_group ORDER BY random() LIMIT 1');
	$node->safe_psql('alone', <<"SQL");
UPDATE asset SET retired_at = now()
WHERE retired_at IS NULL AND NOT group_assets((SELECT asset_group_id FROM asset_group WHERE key = '$group')) @> asset_id;
DELETE FROM measure;
SQL
	is(plans($db, 'NULL', "'$group'"), plans('alone', 'NULL', 'NULL'), "round $round: plans for group $group");
	$node->safe_psql('postgres', 'DROP DATABASE alone');
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

# The causes of changes between days sum exactly to the difference of the scores that the model
# has of these days.
# tests: report/change_report, day/change, day/attribution
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

my $node = model_node('change_model');
my @days = grep { $_->[1] ne 'NULL' && $_->[2] eq 'NULL' } coordinates();

# The changes between a day and the next, and between the first and the last, of what there is
# still. An unavailable score is no number, and that it became so is a cause.
my $changes = <<'SQL';
CREATE VIEW model.change AS
SELECT coalesce(p.metric, p.initiative) AS object, p.metric, p.of_group, p.day AS from_day, n.day AS to_day,
       p.score AS previous_score, n.score
FROM model.kept p
JOIN model.kept n ON n.metric IS NOT DISTINCT FROM p.metric AND n.initiative IS NOT DISTINCT FROM p.initiative
                 AND n.of_group IS NOT DISTINCT FROM p.of_group
WHERE n.day - p.day IN (1, 4)
  AND coalesce(p.metric, p.initiative) IN (SELECT key FROM posture.metric UNION ALL SELECT key FROM posture.initiative);
SQL
my $expected = <<'SQL';
SELECT object, of_group, from_day, to_day, score - previous_score AS change,
       CASE WHEN (score IS NULL) <> (previous_score IS NULL)
            THEN CASE WHEN score IS NULL THEN 'unavailable' ELSE 'available' END END AS reason,
       CASE WHEN score <> previous_score THEN score END AS score,
       CASE WHEN score <> previous_score THEN previous_score END AS previous_score
FROM model.change
SQL
my $actual = <<'SQL';
SELECT object, of_group, from_day, to_day,
       CASE WHEN c.score IS NOT NULL AND c.previous_score IS NOT NULL THEN coalesce(r.change, 0) END AS change,
       r.reason, r.score, r.previous_score
FROM model.change c
CROSS JOIN LATERAL (
    SELECT sum(r.points) AS change,
           min(r.reason) FILTER (WHERE r.metric IS NOT DISTINCT FROM c.metric AND r.reason IN ('available', 'unavailable')
                                   AND (c.score IS NULL) <> (c.previous_score IS NULL)) AS reason,
           min(r.score) FILTER (WHERE c.score <> c.previous_score) AS score,
           max(r.previous_score) FILTER (WHERE c.score <> c.previous_score) AS previous_score
    FROM change_report(c.object, c.from_day, c.to_day) r) r
SQL

for my $round (1 .. $rounds)
{
	my $db = "round_$round";
	model_database($node, $db);
	keep($node, $db, @days);
	$node->safe_psql($db, $changes);
	is(differences($node, $db, [ [ 'causes', 'posture', $expected, $actual ] ]), '',
		"round $round: causes sum to the change of each score");
	$node->safe_psql('postgres', "DROP DATABASE $db");
}

$node->stop;
done_testing();

# score_history_of() and backtest() day by day, against the scores that the model has of each day,
# as it was and with a random scenario done to its copy.
# tests: report/score_history_of, score/counted_day
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

my $node = model_node('history_model');
my @days = grep { $_->[1] ne 'NULL' } coordinates();
my @whole = grep { $_->[2] eq 'NULL' } @days;
my $range = 'posture.today() - 6, posture.today() - 2';

# each object that there is still, for all assets and for each group
my $history = <<"SQL";
SELECT k.key AS object, k.of_group, h.*
FROM (SELECT o.key, g.of_group
      FROM (SELECT key FROM metric UNION ALL SELECT key FROM initiative) o,
           (SELECT DISTINCT of_group FROM model.kept) g) k
CROSS JOIN LATERAL score_history_of(k.key, k.of_group, $range) h
SQL
# a deleted object has no threshold, but its events keep the one of their day
my $still = 'IN (SELECT key FROM posture.metric UNION ALL SELECT key FROM posture.initiative)';
my $kept = <<'SQL';
SELECT coalesce(initiative, metric) AS object, of_group, day, score, exposed_assets, assessed_assets
FROM model.kept
WHERE NOT is_done AND coalesce(initiative, metric) IN (SELECT key FROM metric UNION ALL SELECT key FROM initiative)
SQL

# A drop is an event if it reaches the threshold of the object, that of the scenario if it has one.
my $series = <<'SQL';
WITH scored AS (
    SELECT k.*, lag(k.score) OVER w AS previous_score, lag(k.day) OVER w AS previous_day,
           coalesce(CASE WHEN k.is_done THEN (s.scenario -> 'threshold' ->> coalesce(k.metric, k.initiative))::numeric END,
                    m.drop_threshold, i.drop_threshold, 2) AS threshold
    FROM model.kept k
    CROSS JOIN model.scenario s
    LEFT JOIN posture.metric m ON m.key = k.metric
    LEFT JOIN posture.initiative i ON i.key = k.initiative
    WHERE k.of_group IS NULL
    WINDOW w AS (PARTITION BY k.is_done, k.initiative, k.metric ORDER BY k.day)
), found AS (
    SELECT s.*, coalesce(s.previous_day = s.day - 1 AND s.has_weight
                         AND s.previous_score - s.score >= s.threshold, false) AS is_event
    FROM scored s
)
SELECT coalesce(a.initiative, b.initiative) AS initiative, coalesce(a.metric, b.metric) AS metric,
       coalesce(a.day, b.day) AS day, a.score, b.score AS scenario_score,
       coalesce(a.is_event, false) AS is_event, coalesce(b.is_event, false) AS scenario_event
-- metrics have a row where either is an event
FROM (SELECT * FROM found WHERE NOT is_done) a
FULL JOIN (SELECT * FROM found WHERE is_done) b
  ON b.day = a.day AND b.metric IS NOT DISTINCT FROM a.metric AND b.initiative IS NOT DISTINCT FROM a.initiative
WHERE (coalesce(a.initiative, b.initiative) IS NOT NULL OR a.is_event OR b.is_event)
SQL

for my $round (1 .. $rounds)
{
	my $db = "round_$round";
	model_database($node, $db);
	keep($node, $db, @days);
	is(differences($node, $db, [ [ 'history', 'posture', $kept, $history ] ]), '', "round $round: score_history_of()");
	for my $n (1 .. 2)
	{
		my $scenario = random_scenario($node, $db);
		note($scenario);
		$node->safe_psql($db, <<"SQL");
CREATE TABLE IF NOT EXISTS model.scenario (scenario jsonb);
TRUNCATE model.scenario;
INSERT INTO model.scenario VALUES (\$\$$scenario\$\$);
DELETE FROM model.kept WHERE is_done;
SQL
		keep($node, $db, done_coordinates($node, $db, $scenario, @whole));
		# the first day of the series is compared with the day before it
		my $from = 'posture.today() - ' . (6, 4)[ $n - 1 ];
		is(differences($node, $db, [ [ 'backtest', 'posture', "$series AND coalesce(a.day, b.day) >= $from AND coalesce(a.initiative, b.initiative, a.metric, b.metric) $still",
			"SELECT initiative, metric, day, score, scenario_score, is_event, scenario_event
			 FROM backtest(\$\$$scenario\$\$, $from, posture.today() - 2) WHERE coalesce(initiative, metric) $still" ] ]), '', "round $round, scenario $n: backtest()");
	}
	$node->safe_psql('postgres', "DROP DATABASE $db");
}

$node->stop;
done_testing();

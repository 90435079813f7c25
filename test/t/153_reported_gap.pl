# Days that a source reports late, or corrects: events are those of the days in order, and what
# people entered is kept.
# tests: day/comparison, source/graph_report

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('reported_gap');
$node->safe_psql('postgres', 'CREATE DATABASE made');
$node->safe_psql('made', <<'SQL');
CREATE EXTENSION posture;
CREATE TABLE points (ago integer PRIMARY KEY, points integer NOT NULL);
CREATE FUNCTION load(VARIADIC days integer[]) RETURNS void LANGUAGE sql AS $$
    SELECT FROM posture.load('graph-secure-scores', (
        SELECT jsonb_agg(jsonb_build_object(
            'id', 'x', 'createdDateTime', (posture.today() - p.ago)::text || 'T00:00:00Z',
            'currentScore', p.points, 'maxScore', 100, 'controlScores', jsonb_build_array(
                jsonb_build_object('controlName', 'a', 'score', p.points, 'scoreInPercentage', p.points))))
        FROM points p WHERE p.ago = ANY (days))) $$;
CREATE VIEW recorded AS
SELECT posture.today() - e.day AS ago, posture.today() - e.previous_day AS compared,
       e.previous_score AS was, e.score AS "is", e.status, posture.today() - e.recovered_on AS recovered,
       c.points = -e.drop AS sums
FROM posture.event e
LEFT JOIN (SELECT event_id, sum(points) AS points FROM posture.event_cause GROUP BY event_id) c USING (event_id)
WHERE e.kind <> 'new_initiative';
SQL

my $databases = 0;
sub database
{
	my ($scores) = @_;
	my $db = 'd' . ++$databases;
	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE made");
	$node->safe_psql($db, 'INSERT INTO points VALUES ' . join ', ', map { "($_, $scores->{$_})" } keys %$scores);
	return $db;
}
sub ask { return $node->safe_psql(@_) }
my $recorded = 'SELECT * FROM recorded ORDER BY ago DESC';
my $entered = q{SELECT posture.today() - day, posture.today() - previous_day, drop, status, note
	FROM posture.event WHERE kind <> 'new_initiative' ORDER BY day};

my $db = database({ 5 => 90, 4 => 70, 3 => 70 });
ask($db, 'SELECT load(5, 3)');
ask($db, q{SELECT posture.acknowledge(event_id, 'ticket') FROM posture.event WHERE drop > 0});
is(ask($db, $entered), '3|5|20|acknowledged|ticket', 'a drop over days that were not reported');
ask($db, 'SELECT load(4)');
is(ask($db, $entered), '4|5|20|acknowledged|ticket', 'moves to the day that is reported later');
ask($db, 'UPDATE points SET points = 80 WHERE ago = 4; SELECT load(4)');
is(ask($db, $entered), "4|5|10|acknowledged|ticket\n3|4|10|open|", 'which the source corrects');
ask($db, 'UPDATE points SET points = 65 WHERE ago = 4; SELECT load(4)');
is(ask($db, $entered), '4|5|25|acknowledged|ticket', 'twice');
is(ask($db, 'SELECT count(*) FROM recorded WHERE NOT coalesce(sums, false)'), '0', 'causes sum to the drops');

# a day that no document has between two that it has: the snapshot of the job fills it
$db = database({ 5 => 90, 3 => 70 });
ask($db, q{SELECT load(5, 3); INSERT INTO posture.source (key, name) VALUES ('s', 'S');
	SELECT posture.acknowledge(event_id, 'ticket') FROM posture.event WHERE drop > 0});
ask($db, q{SET client_min_messages = error; SELECT FROM posture.take_snapshot(posture.today() - 4)});
is(ask($db, $entered) . ask($db, q{SELECT round(score) FROM posture.initiative_snapshot
	WHERE day = posture.today() - 4}), '4|5|20|acknowledged|ticket70', 'has the latest points');

my $seed = $ENV{POSTURE_SEED} // int(rand(1 << 30));
note("POSTURE_SEED=$seed");
srand($seed);
foreach my $round (1 .. 2)
{
	my %scores = map { $_ => 50 + 3 * int(rand(16)) } 1 .. 10;
	my $in_order = database(\%scores);
	ask($in_order, "SELECT load($_)") foreach reverse 1 .. 10;
	my $late = database(\%scores);
	# the first day first, because a new initiative is an event once
	my @order = (10, sort { rand() <=> 0.5 } 1 .. 9);
	ask($late, "SELECT load($_)") foreach @order;
	is(ask($late, $recorded), ask($in_order, $recorded), "round $round: @order");
	my $corrected = database({ map { $_ => 50 + 3 * int(rand(16)) } 1 .. 10 });
	ask($corrected, "SELECT load(10)");
	ask($corrected, 'SELECT load(1, 2, 3, 4, 5, 6, 7, 8, 9)');
	ask($corrected, "UPDATE points SET points = $scores{$_} WHERE ago = $_; SELECT load($_)") foreach @order;
	is(ask($corrected, $recorded), ask($in_order, $recorded), "round $round: corrected");
	is(ask($late, 'SELECT count(*) FROM recorded WHERE NOT coalesce(sums, false)'), '0', 'causes sum to the drops');
}

$node->stop;
done_testing();

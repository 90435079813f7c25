# A gap in the snapshots that is filled later: events, causes and how they ended are those that
# snapshots in time leave, and what people entered is kept.
# tests: day/comparison, day/event, day/event_end, day/forget_day, day/backfill

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('gap', "posture.retention_days = 36500\n");
$node->safe_psql('postgres', 'CREATE DATABASE made');
$node->safe_psql('made', <<'SQL');
CREATE EXTENSION posture;
SELECT FROM posture.backfill('2000-01-01');
INSERT INTO posture.source (key, name) VALUES ('s', 'S');
INSERT INTO posture.recommendation (source_id, key, title) SELECT source_id, 'r', 'R' FROM posture.source;
INSERT INTO posture.metric (key, name, importance) VALUES ('m', 'M', 'high');
INSERT INTO posture.metric_recommendation SELECT metric_id, recommendation_id FROM posture.metric, posture.recommendation;
INSERT INTO posture.initiative (key, name) VALUES ('i', 'I');
INSERT INTO posture.initiative_metric SELECT initiative_id, metric_id, NULL FROM posture.initiative, posture.metric;
CREATE FUNCTION ago(n integer) RETURNS date LANGUAGE sql AS 'SELECT posture.today() - n';
-- the score of a day, in steps of a hundredth: so many of 100 assets pass
CREATE FUNCTION score(n integer, passing integer) RETURNS void LANGUAGE sql AS $$
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at)
SELECT 's', 'r', 'a' || a, CASE WHEN a <= passing THEN 'compliant' ELSE 'non_compliant' END,
       posture.day_end(ago(n)) - interval '2 hours'
FROM generate_series(1, 100) a;
SELECT FROM posture.ingest();
$$;
-- events as people read them, without their ids, and what they entered
CREATE VIEW recorded AS
SELECT posture.today() - e.day AS ago, e.object, posture.today() - e.previous_day AS compared,
       round(e.previous_score) AS was, round(e.score) AS "is", e.status,
       posture.today() - e.recovered_on AS recovered
FROM posture.event_report e WHERE e.kind <> 'new_initiative';
CREATE VIEW entered AS
SELECT r.*, e.acknowledged_by IS NOT NULL AS acknowledged, e.note, e.event_id FROM recorded r
JOIN posture.event_report e ON (posture.today() - e.day, e.object) = (r.ago, r.object) AND e.kind <> 'new_initiative'
WHERE r.object = 'm' ORDER BY r.ago DESC;
CREATE VIEW unsummed AS
SELECT e.event_id, e.day, e.drop, c.points
FROM posture.event e
LEFT JOIN (SELECT event_id, sum(points) AS points FROM posture.event_cause WHERE reason <> 'effect' GROUP BY event_id) c
    USING (event_id)
WHERE e.kind <> 'new_initiative' AND c.points IS DISTINCT FROM -e.drop;
SQL

# A database in which these were the scores, by days ago; those in gap got no snapshot.
my $databases = 0;
sub database
{
	my ($scores, @gap) = @_;
	my $db = 'd' . ++$databases;
	my %missing = map { $_ => 1 } @gap;
	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE made");
	$node->safe_psql($db, join ";\n", map {
		("SELECT score($_, $scores->{$_})", $missing{$_} ? () : "SELECT FROM posture.take_snapshot(ago($_))") }
		sort { $b <=> $a } keys %$scores);
	return $db;
}
my $before;
sub ask { return $node->safe_psql(@_) }
my $entered = 'SELECT ago, compared, was, "is", status, acknowledged, note FROM entered';
my $acknowledge = q{SELECT posture.acknowledge(event_id, 'ticket') FROM entered};
sub fill { return join ";\n", map { "SELECT FROM posture.take_snapshot(ago($_))" } @_ }

# ---- the event of the day after, which a person has acknowledged ----

my $db = database({ 4 => 90, 3 => 80, 2 => 70 }, 3);
ask($db, $acknowledge);
is(ask($db, $entered), '2|4|90|70|acknowledged|t|ticket', 'a drop over a gap');
my $id = ask($db, 'SELECT event_id FROM entered');
ask($db, fill(3));
is(ask($db, $entered), "3|4|90|80|open|f|\n2|3|80|70|acknowledged|t|ticket", 'is compared with the day in it');
is(ask($db, 'SELECT event_id FROM entered WHERE ago = 2'), $id, 'and keeps its id');
is(ask($db, 'TABLE unsummed'), '', 'and the causes sum to it');

$db = database({ 4 => 90, 3 => 80, 2 => 70, 1 => 70 }, 3, 1);
ask($db, "$acknowledge; CALL posture.run_daily()");
is(ask($db, $entered), "3|4|90|80|open|f|\n2|3|80|70|acknowledged|t|ticket", 'also if run_daily() fills it');

$db = database({ 4 => 90, 3 => 70, 2 => 71 }, 3);
ask($db, $acknowledge);
$id = ask($db, 'SELECT event_id FROM entered');
ask($db, fill(3));
is(ask($db, $entered), '3|4|90|70|acknowledged|t|ticket', 'a drop that was on the filled day moves there');
is(ask($db, 'SELECT event_id FROM entered'), $id, 'as the same event');
is(ask($db, 'TABLE unsummed'), '', 'whose causes sum to it');

$db = database({ 4 => 80, 3 => 90, 2 => 80 }, 3);
is(ask($db, $entered), '', 'no drop over a gap');
ask($db, fill(3));
is(ask($db, $entered), '2|3|90|80|open|f|', 'unless the score was higher in it');

$db = database({ 4 => 90, 3 => 89, 2 => 87 }, 3);
ask($db, "UPDATE posture.metric SET drop_threshold = 3; UPDATE posture.initiative SET drop_threshold = 3;\n" . fill(2));
is(ask($db, $entered), '2|4|90|87|open|f|', 'a slow fall is a drop over a gap');
ask($db, fill(3));
is(ask($db, $entered), '', 'and none from day to day');

# ---- how events end ----

$db = database({ 6 => 80, 5 => 90, 4 => 75, 3 => 85, 2 => 92, 1 => 60 }, 5);
is(ask($db, 'SELECT ago, was, status, recovered FROM recorded WHERE object = $$m$$ ORDER BY ago DESC LIMIT 1'),
	'4|80|recovered|3', 'a drop recovers');
ask($db, fill(5));
is(ask($db, 'SELECT ago, was, status, recovered FROM recorded WHERE object = $$m$$ ORDER BY ago DESC LIMIT 1'),
	'4|90|recovered|2', 'later, if it was higher');
$db = database({ 6 => 80, 5 => 95, 4 => 75, 3 => 85, 2 => 85 }, 5);
ask($db, $acknowledge);
ask($db, fill(5));
is(ask($db, $entered), '4|5|95|75|acknowledged|t|ticket', 'or not yet, as a person left it');
$db = database({ 6 => 80, 5 => 95, 4 => 75, 3 => 85, 2 => 85 }, 5);
ask($db, q{SELECT posture.reopen(event_id, 'again') FROM entered});
ask($db, fill(5));
is(ask($db, $entered), '4|5|95|75|open|f|again', 'what was reopened stays so');

$db = database({ 6 => 80, 5 => 95, 4 => 75 }, 5);
ask($db, "UPDATE posture.metric SET is_active = false;\n" . fill(3) . ';UPDATE posture.metric SET is_active = true');
is(ask($db, $entered), '4|6|80|75|superseded|f|', 'a metric that was switched off');
ask($db, fill(5));
is(ask($db, "$entered; SELECT posture.today() - superseded_on FROM posture.event WHERE metric_id IS NOT NULL"),
	"4|5|95|75|superseded|f|\n3", 'its event has ended, whatever it is compared with');
$before = ask($db, 'SELECT ctid, xmin, * FROM posture.event_cause ORDER BY 1');
ask($db, fill(5, 4));
is(ask($db, 'SELECT ctid, xmin, * FROM posture.event_cause ORDER BY 1'), $before, 'days that are taken again change nothing');

# ---- an object without a snapshot of the filled day ----

$db = database({ 4 => 90, 3 => 70, 2 => 71 }, 3);
ask($db, q{DELETE FROM posture.metric});
$before = ask($db, q{SELECT * FROM posture.event WHERE metric_id IS NOT NULL});
ask($db, fill(3));
is(ask($db, q{SELECT * FROM posture.event WHERE metric_id IS NOT NULL}), $before, 'its event does not change');

# ---- random scores, gaps and orders of filling them ----

my $seed = $ENV{POSTURE_SEED} // int(rand(1 << 30));
note("POSTURE_SEED=$seed");
srand($seed);
my $difference = q{SELECT string_agg(r::text, E'\n' ORDER BY ago DESC, object) FROM recorded r};
foreach my $round (1 .. 2)
{
	my %scores = map { $_ => 50 + int(rand(16)) * 3 } 3 .. 9;
	my @gap = grep { rand() < 0.6 } 4 .. 8;
	my $in_time = ask(database(\%scores), $difference);
	my $late = database(\%scores, @gap);
	# people entered nothing, so nothing has to stay
	ask($late, fill(sort { rand() <=> 0.5 } @gap)) if @gap;
	is(ask($late, $difference), $in_time, "round $round: gap @gap, filled one by one");
	is(ask($late, 'TABLE unsummed'), '', 'causes sum to the drops');
	$late = database(\%scores, @gap);
	ask($late, 'SELECT FROM posture.backfill(ago(9))');
	is(ask($late, $difference), $in_time, "round $round: by backfill()");
	ask($late, "SELECT FROM posture.forget_day(ago($_));\n" . fill($_)) foreach @gap;
	is(ask($late, $difference), $in_time, "round $round: forgotten and taken again");
	is(ask($late, 'SELECT * FROM posture.verify()'), '', 'verify() finds no difference');
}

$node->stop;
done_testing();

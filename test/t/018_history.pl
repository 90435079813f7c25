# History begins on the day of installation, backfill() moves its beginning back, and
# forget_day() removes a day. Snapshots and sets of all other days are those of an oracle.
# tests: day/history_start, day/backfill, day/forget_day, day/day_rows, day/run_daily

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestDays;
use TestPosture;

my $node = days_node('history');
my $db = 'postgres';
my @day = split /\n/, $node->safe_psql($db, 'SELECT posture.today() - generate_series(0, 41)');

# Returns what a statement prints, with its messages; days are shown as D-n.
sub ask
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	$node->psql($db, $sql, stdout => \$out, stderr => \$err);
	$err = join "\n", grep { !/^(CONTEXT|SQL |PL)/ } split /\n/, $err =~ s/psql:<stdin>:\d+: //gr;
	foreach my $n (0 .. $#day)
	{
		s/$day[$n]/D-$n/g foreach $out, $err;
	}
	return join "\n", grep { $_ ne '' } $out, $err;
}
sub ago { return 'posture.today() - ' . shift }

# a new installation, and a delivery with older dates
$node->safe_psql('postgres', 'CREATE DATABASE fresh');
$db = 'fresh';
$node->safe_psql($db, <<'SQL');
CREATE EXTENSION posture;
ALTER DATABASE fresh SET posture.retention_days = 40;
INSERT INTO posture.source (key, name) VALUES ('s', 'S');
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at)
SELECT 's', 'r', 'a' || n, 'non_compliant', now() - n * interval '1 day'
FROM generate_series(1, 38) n;
SELECT FROM posture.ingest();
SQL
my $days = q{SELECT string_agg((posture.today() - day)::text, ' ' ORDER BY day) FROM posture.snapshot};
my $missing = q{SELECT state, value, message FROM posture.status() WHERE item = 'days missing'};
is(ask('CALL posture.run_daily(); SELECT count(*) FROM posture.snapshot'),
	'0', 'no day before the installation is due');
is(ask($missing), 'ok|0|none', 'nor missing');
is(ask('SELECT metrics FROM posture.take_snapshot(' . ago(5) . ')'), <<"MESSAGE" =~ s/\n\z//r, 'a warning');
0
WARNING:  day D-5 is before the beginning of history, D-0
DETAIL:  Its snapshot is taken, but not those of the days between.
HINT:  posture.backfill('D-5') takes those as well; posture.forget_day('D-5') removes this one.
MESSAGE
is(ask('SELECT metrics FROM posture.take_snapshot(' . ago(5) . ')'), '0', 'only if it is taken');
is(ask("CALL posture.run_daily(); $days"), '5', 'the days after it are not due');
is(ask('SELECT posture.take_snapshot(' . ago(41) . ')'),
	<<"MESSAGE" =~ s/\n\z//r, 'a day that would be deleted at once');
ERROR:  cannot take a snapshot of day D-41
DETAIL:  run_daily() deletes days before D-40, by posture.retention_days.
HINT:  To take it and all days since then: SELECT * FROM posture.backfill('D-41');
MESSAGE
is(ask('SELECT days, events FROM posture.backfill(' . ago(7) . ')'), '6|0', 'backfill() takes the other days');
is(ask($days), '7 6 5 4 3 2 1', 'and history begins');
is(ask('SELECT days FROM posture.backfill(' . ago(3) . ')'), '0', 'no day twice');
is(ask('DELETE FROM posture.snapshot WHERE day = ' . ago(7) . "; $missing"),
	'ok|0|none', 'history begins with its first snapshot');
like(ask('SELECT days FROM posture.backfill(' . ago(41) . ')'), qr/
	\A32\n
	WARNING:\ \ run_daily\(\)\ deletes\ days\ before\ \S+\n
	DETAIL:\ \ posture\.retention_days\ is\ 40\.\n
	HINT:\ .*\n
	NOTICE:\ \ no\ finding\ is\ older\ than\ \S+:\ earlier\ days\ get\ no\ snapshot\z/x,
	'backfill() begins with the first finding');
foreach my $day ('NULL', "'infinity'", "'-infinity'", 'posture.today()')
{
	like(ask("SELECT posture.backfill($day)"), qr/^ERROR:  cannot backfill from day .*
DETAIL:  Today is D-0 in time zone .*
HINT:  backfill\(\) takes the snapshots of days from 1900 on that have ended\./, "no backfill from $day");
}
$node->safe_psql('postgres', 'CREATE DATABASE empty');
$db = 'empty';
is(ask('CREATE EXTENSION posture; SELECT * FROM posture.backfill(' . ago(3) . ')'),
	"0|0|0\nNOTICE:  history begins on D-3, but there is no finding yet", 'in an empty database');
is(ask('SELECT FROM posture.take_snapshot(' . ago(3) . '); CALL posture.run_daily(); ' . $days),
	'3 2 1', 'its days can be taken one by one, without a warning');

# run_daily() where it cannot commit
foreach my $call ('BEGIN; CALL posture.run_daily()', 'SET \;CALL posture.run_daily()',
	q{CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS 'BEGIN CALL posture.run_daily(); END'; SELECT f()})
{
	like(ask("\\set VERBOSITY verbose\n" . $call =~ s/SET /SELECT 1/r),
		qr/ERROR:  25001: run_daily\(\) cannot run inside a transaction block
DETAIL:  It commits after each slice and each day\.
HINT:  Call it by itself,/, $call);
}
is(ask(q{DO 'BEGIN CALL posture.run_daily(); END'}), '', 'a block of its own may call it');

# findings of each day, which were loaded on it, and late ones
$db = 'postgres';
$node->safe_psql('postgres', <<'SQL');
SELECT setseed(0.4);
DO $$
BEGIN
    FOR ago IN REVERSE 9 .. 1 LOOP
        INSERT INTO posture.inbox
        SELECT 's', 'r' || 1 + floor(random() * 3), 'a' || 1 + floor(random() * 15),
               (ARRAY['compliant', 'non_compliant', 'not_applicable'])[1 + floor(random() * 3)],
               posture.day_end(posture.today() - ago) - random() * interval '20 hours'
        FROM generate_series(1, 25);
        PERFORM posture.ingest();
        IF ago NOT IN (6, 3) THEN
            PERFORM posture.take_snapshot(posture.today() - ago);
        END IF;
    END LOOP;
END $$;
CREATE VIEW sim.sets AS
SELECT d.day, m.key, posture.metric_assets(m.key, d.day)::text AS assets
FROM generate_series(9, 1, -1) ago CROSS JOIN LATERAL (SELECT posture.today() - ago AS day) d
CROSS JOIN posture.metric m;
CREATE TABLE sim.sets_before AS TABLE sim.sets;
CREATE VIEW sim.wrong AS
SELECT s.day, s.metric_id, s.exposed, s.assessed, o.exposed AS is_exposed, o.assessed AS is_assessed
FROM posture.metric_snapshot s CROSS JOIN LATERAL sim.state_at(posture.day_end(s.day)) o
WHERE o.metric_id = s.metric_id
  AND (o.exposed, o.assessed) IS DISTINCT FROM (s.exposed, s.assessed);
SQL
my $wrong = 'SELECT * FROM sim.wrong';
my $moved = 'SELECT day, key FROM (TABLE sim.sets EXCEPT TABLE sim.sets_before) x';
is(ask($wrong), '', 'snapshots have the state at the end of their day');
is(ask('SELECT days FROM posture.backfill(' . ago(9) . ')'), '2', 'days between others');
is(ask($wrong), '', 'which have the state at their end');
is(ask($moved), '', 'and sets of other days do not change');

# the day before today becomes the one with the drops
my $orphan = join ' + ', map { "(SELECT count(*) FROM $_ x WHERE x.day = posture.today() - ago)" }
  qw(posture.snapshot posture.metric_snapshot posture.initiative_snapshot
  posture.initiative_metric_snapshot posture.recommendation_snapshot posture.event
  posture_internal.exemption_snapshot posture_internal.asset_group_snapshot
  posture_internal.measure_snapshot);
my $consistent = <<'SQL';
SELECT e.day, e.kind, e.previous_day, e.drop
FROM (SELECT s.day, 'metric_score_drop' AS kind, s.metric_id AS id, p.day AS previous_day,
             p.score::numeric - s.score::numeric AS drop
      FROM posture.metric_snapshot s
      JOIN posture.metric_snapshot p ON p.metric_id = s.metric_id
       AND p.day = posture_internal.previous_day(s.day)
      UNION ALL
      SELECT s.day, 'initiative_score_drop', s.initiative_id, p.day,
             p.score::numeric - s.score::numeric
      FROM posture.initiative_snapshot s
      JOIN posture.initiative_snapshot p ON p.initiative_id = s.initiative_id
       AND p.day = posture_internal.previous_day(s.day)) d
FULL JOIN (SELECT * FROM posture.event WHERE kind <> 'new_initiative') e
  ON e.kind::text = d.kind AND e.day = d.day AND coalesce(e.metric_id, e.initiative_id) = d.id
 AND e.previous_day = d.previous_day AND e.drop = d.drop
WHERE (e.event_id IS NULL) <> (d.drop < 2)
SQL
# backfill() has taken days before others, whose events still compare with earlier days
$node->safe_psql('postgres', 'SELECT posture.take_snapshot(posture.today() - ago) FROM generate_series(9, 1, -1) ago');
is(ask($consistent), '', 'each drop is an event');
foreach my $ago (8, 4, 5, 1, 9)
{
	my $events = $node->safe_psql('postgres', "SELECT count(*) FROM posture.event WHERE day = posture.today() - $ago");
	is(ask('SELECT scores, events FROM posture.forget_day(' . ago($ago) . ')'), "5|$events", "day $ago is forgotten");
	is(ask("SELECT $orphan FROM (VALUES ($ago)) v(ago)"), '0', 'with all its rows');
	is(ask("CALL posture.run_daily(); $missing"), 'ok|0|none', 'run_daily() does not take it again');
	is(ask($consistent), '', 'the next day is compared with the day before');
	is(ask($moved), '', 'the sets of no day change');
	is(ask($wrong), '', 'nor those of its snapshot');
}
is(ask(q{SELECT count(*) FROM posture.event e WHERE e.recovered_on NOT IN (SELECT day FROM posture.snapshot)}),
	'0', 'no event recovered on a forgotten day');
is(ask('SELECT * FROM posture.verify()'), '', 'verify() finds no difference');
is(ask('SELECT posture.forget_day(' . ago(5) . ')'),
	"ERROR:  there is no snapshot of day D-5\nHINT:  The nearest days are D-6 and D-3.", 'a day without a snapshot');
is(ask('SELECT posture.forget_day(NULL)'),
	"ERROR:  there is no snapshot of day NULL\nHINT:  The latest day is D-2.", 'no day');
is(ask('SELECT metrics FROM posture.take_snapshot(' . ago(1) . ')'), '3', 'take_snapshot() takes it again');
is(ask('SELECT days FROM posture.backfill(' . ago(9) . ')'), '4', 'and backfill() the others');
is(ask($days), '9 8 7 6 5 4 3 2 1', 'all days');
is(ask($wrong) . ask($moved), '', 'as they were');
is(ask('SELECT FROM posture.take_snapshot(); SELECT scores FROM posture.forget_day(posture.today())'),
	'5', 'today, which will be taken at its end');
is(ask('SELECT count(*) FROM posture_internal.forgotten_day'), '0', 'is not forgotten');

# rows that a source reported are deleted by forget_day() only
$node->safe_psql('postgres', <<'SQL');
UPDATE posture.initiative_snapshot SET is_reported = true
WHERE day = posture.today() - 2 AND initiative_id = 1;
DELETE FROM posture.snapshot WHERE day = posture.today() - 2;
SQL
is(ask("SELECT $orphan FROM (VALUES (2)) v(ago)") - ask('SELECT count(*) FROM posture.event WHERE day = ' . ago(2)),
	'1', 'DELETE leaves the score that a source reported');
is(ask("SELECT scores FROM posture.forget_day(" . ago(2) . "); SELECT $orphan FROM (VALUES (2)) v(ago)"),
	"1\n0", 'which forget_day() deletes');

$node->stop;
done_testing();

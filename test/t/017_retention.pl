# Retention deletes old snapshots while reports are read: open transactions and cursors
# keep what they see, and what remains is complete.
# tests: day/retention

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestDays;
use TestPosture;
use TestWorkers;

my $node = days_node('retention');
$node->safe_psql('postgres', <<'SQL');
SET client_min_messages = warning;
INSERT INTO posture.inbox
SELECT 's', 'r' || r, 'a' || a, 'compliant',
       posture.day_end(posture.today() - 32) + interval '1 hour'
FROM generate_series(1, 3) r, generate_series(1, 15) a;
SELECT FROM posture.ingest();
DO $$
BEGIN
    FOR n IN 1 .. 30 LOOP
        INSERT INTO posture.inbox
        SELECT 's', 'r1', 'a' || 1 + n / 2,
               CASE n % 2 WHEN 0 THEN 'non_compliant' ELSE 'compliant' END,
               posture.day_end(posture.today() - 32 + n) + interval '1 hour';
        PERFORM posture.ingest();
    END LOOP;
    PERFORM posture.fold();
    PERFORM posture.take_snapshot(posture.today() - n) FROM generate_series(31, 2, -1) n;
END $$;
SQL
my @read = (
	'SELECT count(*), min(day), max(day), sum(score) FROM posture.score_history',
	'SELECT count(*), count(cause), min(day) FROM posture.event_report',
	'SELECT count(*), count(summary) FROM posture.day_report',
	q{SELECT string_agg(posture.metric_assets('m1', posture.today() - n)::text, ' ' ORDER BY n)
		FROM generate_series(1, 31) n},
	q{SELECT count(*), sum(e.points) FROM posture.event v
		CROSS JOIN LATERAL posture.explain(v.event_id) e});
my $read = join '; ', @read;
my $read_all = "$read; SELECT count(*)
	FROM posture.change_report('i1', posture.today() - 31, posture.today() - 2)";
my $history = 'SELECT day, object, score FROM posture.score_history ORDER BY day, object';

my $reader = new_session($node);
$reader->ask('BEGIN ISOLATION LEVEL REPEATABLE READ');
my $was = $reader->ask($read_all);
my $rows = $reader->ask($history);
$reader->ask("DECLARE c CURSOR FOR $history");
my $fetched = $reader->ask('FETCH 7 FROM c');
# readers whose transactions begin during the deletion
my $workers = TestWorkers->new($node, 'postgres');
$workers->start('reader', "$read;\n" x 2000);
my $event = $node->safe_psql('postgres', q{SELECT min(event_id) FROM posture.event
	WHERE day = posture.today() - 5 AND drop > 0});
my $explained = $node->safe_psql('postgres', "SELECT * FROM posture.explain($event)");
isnt($explained, '', 'a drop that will be the oldest');

$node->safe_psql('postgres', 'SET posture.retention_days = 5; CALL posture.run_daily()');
is($reader->ask($read_all), $was, 'an open transaction sees the same');
is($fetched . "\n" . $reader->ask('FETCH ALL FROM c'), $rows, 'an open cursor goes on');
is($reader->ask('COMMIT'), '', 'without an error');
ok($workers->is_running('reader'), 'another reader worked until the end');
is(($workers->kill('reader'))[1], '', 'and had no error');

isnt($reader->ask($read), $was =~ s/\n[^\n]*\z//r, 'then old days are deleted');
is($reader->ask(q{SELECT posture.today() - min(day), count(DISTINCT day)
	FROM posture.score_history}), '5|6', 'five days remain, and today');
is($reader->ask(q{SELECT count(*) FROM posture.event_cause c
	WHERE NOT EXISTS (SELECT FROM posture.event e WHERE e.event_id = c.event_id)}),
	'0', 'causes are deleted with their events');
is($reader->ask("SELECT * FROM posture.explain($event)"), $explained,
	'an event is explained without the day before it');
is($reader->ask(q{SELECT posture.metric_assets('m1', posture.today() - 20)
	OPERATOR(posture.=) posture.metric_assets('m1', posture.today() - 6)}),
	't', 'earlier days show the sets of the first day that remains');
is($reader->ask(q{SELECT posture_internal.due_day() IS NULL;
	SET posture.retention_days = 36500; SELECT posture_internal.due_day() IS NULL;
	CALL posture.run_daily(); SELECT count(*) FROM posture.snapshot}),
	"t\nt\n5", 'deleted days are not due again when retention grows');
is($reader->ask('SELECT * FROM posture.verify()'), '', 'verify() finds no difference');
$reader->end;

for my $value (0, -1, 36501)
{
	my $range = 'is outside the valid range for parameter "posture.retention_days" \(1 .. 36500\)';
	$node->psql('postgres', "SELECT posture.today(); SET posture.retention_days = $value",
		stderr => \my $err);
	like($err, qr/ERROR:  $value $range/, "retention of $value days is refused");
}

$node->stop;
done_testing();

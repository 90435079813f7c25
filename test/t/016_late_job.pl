# The job was down for a week while findings arrived, and is killed twice when it runs
# again: each day gets its snapshot once, as findings were at its end.
# tests: day/run_daily
#
# POSTURE_SEED repeats the findings of a run.

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

my $seed = $ENV{POSTURE_SEED} // (time ^ $$);
diag("POSTURE_SEED=$seed");
srand($seed);
my $node = days_node('late');

# each day had findings, which arrived in order
$node->safe_psql('postgres', <<'SQL');
INSERT INTO posture.recommendation (source_id, key, title)
SELECT source_id, 'late', 'L' FROM posture.source WHERE key = 's';
SELECT setseed(0.3);
CREATE TABLE sim.delivery AS
SELECT n, 's' AS source, 'r' || 1 + floor(random() * 3) AS recommendation,
       'a' || 1 + floor(random() * 15) AS asset,
       (ARRAY['compliant', 'non_compliant'])[1 + floor(random() * 2)] AS state,
       posture.day_end(posture.today() - 9) + n * interval '70 minutes' AS observed_at
FROM generate_series(1, 170) n;
DO $$
BEGIN
    FOR part IN 0 .. 17 LOOP
        INSERT INTO posture.inbox
        SELECT source, recommendation, asset, state, observed_at
        FROM sim.delivery WHERE n / 10 = part;
        PERFORM posture.ingest();
    END LOOP;
END $$;
SQL

# findings of now, and late ones of the days that the job missed
sub delivery
{
	my ($recommendation, $assets, $at) = @_;
	my $asset = $assets->[ rand @$assets ];
	my $state = qw(compliant non_compliant)[ rand 2 ];
	return "INSERT INTO posture.inbox VALUES ('s', '$recommendation', 'a$asset', '$state', $at);\n"
	  . "SELECT FROM posture.ingest();\n";
}
my $workers = TestWorkers->new($node, 'postgres');
my %script = (
	writer1 => [ map { delivery('r' . (1 + int rand 3), [ 1 .. 7 ], 'NULL') } 1 .. 20000 ],
	writer2 => [ map { delivery('r' . (1 + int rand 3), [ 8 .. 15 ], 'NULL') } 1 .. 20000 ],
	late => [
		map { delivery('late', [ 1 .. 15 ], sprintf q{now() - interval '%d minutes'}, rand 12000) }
		  1 .. 20000 ],
	reader => [
		('SELECT count(*) FROM posture.overview;', 'SELECT count(*) FROM posture.score_history;',
			'SELECT count(*) FROM posture.event_report;',
			q{SELECT posture.metric_assets('m1', posture.today() - 3) IS NULL;}) x 5000 ]);
$workers->start($_, join("\n", @{ $script{$_} }), '-v', 'ON_ERROR_STOP=1') for sort keys %script;
$node->poll_query_until('postgres',
	'SELECT last_value > 100 FROM posture_internal.finding_delta_delta_id_seq');

is($node->safe_psql('postgres', 'SELECT posture.today() - posture_internal.due_day()'),
	'8', 'eight days are due');
for my $done (1, 3)
{
	$workers->start("job$done", "CALL posture.run_daily();\n");
	$node->poll_query_until('postgres', "SELECT count(*) >= $done FROM posture.run");
	$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE query = 'CALL posture.run_daily();'});
	$workers->finish("job$done");
}
$node->safe_psql('postgres', 'CALL posture.run_daily()');
for my $name ($workers->names)
{
	ok($workers->is_running($name), "$name worked until the end");
	is(($workers->kill($name))[1], '', "$name had no error");
}
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity
	WHERE backend_type = 'client backend'});

is($node->safe_psql('postgres', q{SELECT string_agg((posture.today() - day)::text, ' '
	ORDER BY run_id) FROM posture.run WHERE outcome = 'ok'}),
	'8 7 6 5 4 3 2 1', 'each day has one run, oldest first');
is($node->safe_psql('postgres', q{SELECT count(*),
	count(*) FILTER (WHERE posture_internal.has_snapshot(day)), max(day) - min(day) + 1
	FROM posture.snapshot}), '8|8|8', 'and its snapshot');
is($node->safe_psql('postgres', <<'SQL'), '', 'snapshots have the state at the end of the day');
SELECT s.day, s.metric_id, s.exposed, s.assessed, o.exposed, o.assessed
FROM posture.metric_snapshot s CROSS JOIN LATERAL sim.state_at(posture.day_end(s.day)) o
WHERE o.metric_id = s.metric_id
  AND (o.exposed, o.assessed) IS DISTINCT FROM (s.exposed, s.assessed)
SQL
is($node->safe_psql('postgres', q{CALL sim.check_events(0, 'week'); SELECT * FROM sim.fault}),
	'', 'each drop is one event, and its causes sum to it');
is($node->safe_psql('postgres', 'SELECT posture.fold() IS NULL; SELECT * FROM posture.verify()'),
	'f', 'verify() finds no difference');
# a late finding is in the sets of its day, or in those of a later day
is($node->safe_psql('postgres', <<'SQL'), '', 'the history has every change on some day');
SELECT recommendation_id
FROM (SELECT recommendation_id, assessed, exposed FROM posture_internal.finding_history
      UNION ALL
      SELECT recommendation_id, assessed, exposed FROM posture_internal.finding_set) v
GROUP BY recommendation_id
HAVING posture.cardinality(posture.xor_agg(assessed))
       + posture.cardinality(posture.xor_agg(exposed)) > 0
SQL

$node->stop;
done_testing();

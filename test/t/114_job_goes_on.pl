# The job goes on: a transaction that holds a lock, and an object that no formula can compute
# with, keep neither the snapshot of a day nor fold() from others. What is left is named, and
# made up for by a later run.
# tests: day/day_step, day/run_daily, day/snapshot, day/event_end, day/drop_detection, admin/status

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('job_goes_on', "lock_timeout = 300ms\n");
$node->safe_psql('postgres', "CREATE EXTENSION posture;\n" . sample_sql());
$node->safe_psql('postgres', 'CREATE ROLE alice LOGIN SUPERUSER');
my $ask = sub { $node->safe_psql('postgres', "SET client_min_messages = error;\n" . shift) };
my $last = 'SELECT outcome, message FROM posture.run ORDER BY run_id DESC LIMIT 1';
my $status = q{SELECT state, message FROM posture.status() WHERE item = 'last run'};
my $job = 'CALL posture.run_daily()';

# ---- an owner acknowledges an event that ends, and leaves the transaction open ----

my ($event) = split /\n/, $ask->(<<"SQL");
UPDATE posture.event SET status = 'open', recovered_on = NULL, superseded_on = NULL,
    superseded_by = NULL
WHERE coalesce(recovered_on, superseded_on) = posture.today() - 1 RETURNING event_id;
@{[ retake_day_sql(1) ]}
SQL
my $alice = new_session($node, 'postgres', '-U', 'alice');
my $pid = $alice->ask('SELECT pg_backend_pid()');
$alice->ask("BEGIN; SELECT posture.acknowledge($event, 'mine')");
is($ask->($job), '', 'the job does not wait for her');
my $left = "events $event that ended are left for the next run: locked by process $pid of role alice";
like($ask->($last), qr/^ok\|.*$left/, 'and says what it left, and for whom');
like($ask->($status), qr/^warning\|.*$left/, 'as status() does');
is($ask->('SELECT day FROM posture_internal.due_days()'), '', 'the day has its snapshot');
is($ask->('SELECT count(*) FROM posture.fold()'), '1', 'fold() waits for nobody');
is($ask->("$job; SELECT count(*) FROM posture.run"), $ask->('SELECT count(*) FROM posture.run'),
	'runs that can do nothing leave no rows');
$alice->ask('COMMIT');
is($ask->("$job; SELECT status, note, recovered_on = posture.today() - 1
	FROM posture.event WHERE event_id = $event"), 'recovered|mine|t', 'a later run makes up for it');
is($ask->($last), 'ok|recorded the events that were left', 'and says so');
like($ask->($status), qr/^ok\|/, 'status() is content');

# ---- other locks ----

my $forget = retake_day_sql(1);
$ask->("INSERT INTO posture.event (kind, day, metric_id, status)
	SELECT 'metric_score_drop', posture.today() - 1000, metric_id, 'recovered'
	FROM posture.metric WHERE key = 'm4'");
$alice->ask('BEGIN; UPDATE posture.event SET note = note WHERE day = posture.today() - 1000');
$ask->("$forget $job");
like($ask->($last), qr/^ok\|.*rows that are too old are left.*process $pid of role alice/,
	'an old event that is locked is not purged');
$alice->ask('ROLLBACK');
$ask->("$forget $job");
is($ask->('SELECT count(*) FROM posture.event WHERE day < posture.today() - 900'), '0',
	'but on the next day');
$alice->ask('BEGIN; LOCK TABLE posture.metric_snapshot IN SHARE MODE');
$ask->($forget);
my ($rc, $out, $err) = query_as($node, 'postgres', 'alice', $job);
like($err, qr/lock timeout \(locked by process $pid of role alice\)/,
	'a lock on the snapshot itself fails the day, with the name of the holder');
is($ask->('SELECT count(*) FROM posture.fold()'), '1', 'fold() waits for nobody');
$alice->ask('ROLLBACK');
is($ask->($job), '', 'the next run takes it');

# ---- values that the domains do not allow: constraints were removed ----

$ask->(<<'SQL');
ALTER DOMAIN posture.weight DROP CONSTRAINT "a weight is from 0 to 10^15 with at most 12 decimals";
ALTER DOMAIN posture.points DROP CONSTRAINT "points are from 0 to 10^15 with at most 12 decimals";
ALTER DOMAIN posture.threshold
    DROP CONSTRAINT "a threshold is above 0, at most 100, with at most 12 decimals";
SQL
my $count = q{SELECT count(*) FROM posture.%s_snapshot WHERE day = posture.today() - 1};
my $was = $ask->(sprintf $count, 'initiative') + $ask->(sprintf $count, 'metric');
for my $case (
	[ 'UPDATE posture.metric SET drop_threshold = 1e-45', 'm[0-9]', 'threshold' ],
	[ "UPDATE posture.initiative SET drop_threshold = 'NaN' WHERE key = 'i1'", 'i1', 'threshold' ],
	[ "UPDATE posture.initiative_metric SET weight = 'NaN' WHERE initiative_id =
		(SELECT initiative_id FROM posture.initiative WHERE key = 'i1')", 'i1', 'initiative' ],
	[ "UPDATE posture.initiative_metric SET weight = 1e-400 WHERE initiative_id =
		(SELECT initiative_id FROM posture.initiative WHERE key = 'i2')", 'i2', 'initiative' ],
	[ "UPDATE posture.importance_weight SET weight = 'Infinity' WHERE importance = 'high'",
		'm1', 'metric' ],
	[ "UPDATE posture.recommendation SET max_points = 1e-400 WHERE key = 'r6'", 'r6', '' ],
	[ "UPDATE posture.measure SET possible = 'NaN'", 'p1', '' ])
{
	my ($change, $named, $kind) = @$case;
	my $fewer = $kind =~ /^(metric|initiative)$/ ? 1 : 0;
	my $active = 'SELECT count(*) FROM posture.metric WHERE NOT is_active';
	$ask->("$change; $forget");
	is($ask->($job), '', "$change: the job goes on");
	like($ask->($last), qr/^ok\|.*"([\w]+:)?$named"/, 'and names the object');
	is($ask->(sprintf $count, 'initiative') + $ask->(sprintf $count, 'metric'), $was - $fewer,
		'which alone is left out');
	is($ask->($active), '0', 'it is active all the same');
	$ask->(<<'SQL');
UPDATE posture.metric SET drop_threshold = NULL;
UPDATE posture.initiative SET drop_threshold = NULL;
UPDATE posture.initiative_metric SET weight = NULL;
UPDATE posture.importance_weight SET weight = 8 WHERE importance = 'high';
UPDATE posture.recommendation SET max_points = NULL;
UPDATE posture.measure SET achieved = 7.25, possible = 20;
SQL
}

$alice->end;
$node->stop;
done_testing();

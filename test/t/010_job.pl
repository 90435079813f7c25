# The job in pg_cron: schedule() and unschedule(), and that pg_cron runs it.
# tests: admin/schedule, day/run_daily

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

# the name of this database must be quoted as an identifier and as a literal
my $other = q{o'ther "db"};
# the role that has a job of its own
my $runner = 'Runs "jobs"';
my $quoted = '"Runs ""jobs"""';

# findings of the day before yesterday, so that a day is due
my $due = <<'SQL';
CREATE EXTENSION posture;
SELECT FROM posture.backfill(posture.today() - 9);
INSERT INTO posture.source (key, name) VALUES ('scan', 'Scanner');
INSERT INTO posture.inbox
SELECT 'scan', 'r1', 'a' || a, CASE WHEN a <= 3 THEN 'non_compliant' ELSE 'compliant' END,
       posture.day_end(posture.today() - 2) + interval '12 hours'
FROM generate_series(1, 12) a;
SELECT FROM posture.ingest();
INSERT INTO posture.metric (key, name) VALUES ('m1', 'Metric');
INSERT INTO posture.metric_recommendation
SELECT metric_id, recommendation_id FROM posture.metric, posture.recommendation;
INSERT INTO posture.initiative (key, name) VALUES ('i1', 'Initiative');
INSERT INTO posture.initiative_metric
SELECT initiative_id, metric_id FROM posture.initiative, posture.metric;
SQL
my $runs = q{SELECT day - posture.today(), outcome, counts->>'metrics', counts->>'initiatives'
	FROM posture.run};
my $scores = q{SELECT day - posture.today(), score FROM posture.initiative_snapshot};

# without pg_cron: clear errors, and everything else works
my $bare = new_node('bare');
$bare->safe_psql('postgres', $due);
my $err;
$bare->psql('postgres', 'SELECT posture.schedule()', stderr => \$err);
like($err, qr/ERROR:  pg_cron is not loaded in this server/, 'schedule() without pg_cron');
my $hint = join '.*', 'HINT:  Add pg_cron to shared_preload_libraries',
  'CREATE EXTENSION pg_cron', 'CALL posture\.run_daily\(\)';
like($err, qr/$hint/, 'has a hint');
$bare->psql('postgres', 'SELECT posture.unschedule()', stderr => \$err);
like($err, qr/ERROR:  extension pg_cron is not installed in this database\nHINT: /,
	'so has unschedule()');
$bare->psql('postgres', <<'SQL', stderr => \$err);
SELECT posture.score(0, 1); SET posture.progress_interval = 0; CALL posture.run_daily()
SQL
my $progress = join '.*', 'NOTICE:  fold: 1 slices to go',
  'NOTICE:  run_daily: the snapshot of [-0-9]+, days to go after it: 0$';
like($err, qr/$progress/s, 'run_daily() reports its progress');
is($bare->safe_psql('postgres', $runs), '-1|ok|1|1', 'run_daily() does not need pg_cron');
is($bare->safe_psql('postgres', $scores), '-1|75', 'and takes the snapshot');
$bare->safe_psql('postgres', 'CALL posture.run_daily()');
is($bare->safe_psql('postgres', $runs), '-1|ok|1|1', 'another run has nothing to do');
my $has_cron = $bare->safe_psql('postgres',
	q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'});
$bare->stop;

SKIP:
{
	skip 'pg_cron is not installed', 1 unless $has_cron;

	# two servers, so that one wait of a minute serves both kinds of connection
	my %server;
	for my $how ('libpq', 'workers')
	{
		my $node = PostgreSQL::Test::Cluster->new($how);
		my $workers = $how eq 'workers' ? 'on' : 'off';
		$node->init;
		$node->append_conf('postgresql.conf',
			sprintf("posture.timezone = 'Etc/GMT%+d'\n", (gmtime)[2] - 12) . <<"CONF");
shared_preload_libraries = 'pg_cron'
cron.database_name = 'home'
cron.host = '@{[ $node->host ]}'
cron.use_background_workers = $workers
max_worker_processes = 20
CONF
		$node->start;
		$server{$how} = $node;
		$node->safe_psql('postgres', $_)
		  for 'CREATE DATABASE home', sprintf('CREATE DATABASE "%s"', $other =~ s/"/""/gr);

		# before CREATE EXTENSION pg_cron
		$node->safe_psql('home', 'CREATE EXTENSION posture');
		$node->psql('home', 'SELECT posture.schedule()', stderr => \$err);
		like($err, qr/extension pg_cron is not installed in this database/,
			"$how: schedule() without the extension pg_cron");
		like($err, qr/\nHINT:  Run: CREATE EXTENSION pg_cron;/, "$how: has a hint");
		$node->safe_psql('home', 'DROP EXTENSION posture');

		$node->safe_psql('home', 'CREATE EXTENSION pg_cron');
		$node->safe_psql('home', $due);
		is($node->safe_psql('home', 'SELECT posture.unschedule()'),
			'f', "$how: unschedule() returns false without a job");
		my $first = $node->safe_psql('home', 'SELECT posture.schedule()');
		is($node->safe_psql('home',
				'SELECT jobid, jobname, schedule, command, database, active FROM cron.job'),
			"$first|posture|5 * * * *|CALL posture.run_daily()|home|t",
			"$how: schedule() registers the job");
		my $again = $node->safe_psql('home', 'SELECT posture.schedule()');
		is($node->safe_psql('home', 'SELECT jobid, schedule FROM cron.job'),
			"$first|5 * * * *", "$how: a second call leaves one job");
		is($again, $first, "$how: and returns its id");
		$node->psql('home', q{SELECT posture.schedule('whenever')}, stderr => \$err);
		like($err, qr/ERROR:  invalid schedule: whenever/, "$how: a bad schedule is an error");
		is($node->safe_psql('home', 'SELECT posture.unschedule()'),
			't', "$how: unschedule() returns true for a job");
		is($node->safe_psql('home', 'SELECT count(*) FROM cron.job'), '0', "$how: and removes it");
		$node->safe_psql('home', q{SELECT posture.schedule()});
		$node->safe_psql('home', q{SELECT posture.schedule('* * * * *')});
		is($node->safe_psql('home', 'SELECT schedule FROM cron.job'),
			'* * * * *', "$how: another schedule replaces the first");

		# an operator has a job of its own
		my $ask = sub { return query_as($node, 'home', $runner, @_) };
		$node->safe_psql('home',
			qq{CREATE ROLE $quoted LOGIN; SELECT posture.grant_access('$runner', 'operator')});
		like(($ask->(q{SELECT posture.schedule('* * * * *')}))[2],
			qr/denied for schema cron\nHINT:  .* run: GRANT USAGE ON SCHEMA cron TO \Q$quoted\E;/,
			"$how: an operator needs USAGE on the schema of pg_cron");
		like(($ask->(q{SELECT posture.unschedule()}))[2], qr/denied for schema cron\nHINT:  .* GRANT USAGE/,
			"$how: unschedule() does, too");
		$node->safe_psql('home', "GRANT USAGE ON SCHEMA cron TO $quoted");
		my $schedule = q{posture.schedule('* * * * *') > 0};
		is(($ask->("SELECT $schedule, $schedule"))[1], 't|t', "$how: and then can schedule the job");
		is($node->safe_psql('home', 'SELECT posture.unschedule()'),
			't', "$how: unschedule() removes the caller's job");
		is($node->safe_psql('home', 'SELECT jobname, username FROM cron.job'),
			"posture|$runner", "$how: and leaves the operator's");

		# two jobs, and the statement of the hint
		my $job_state = q{SELECT state, hint FROM posture.status() WHERE item = 'job'};
		my $too_many = $node->safe_psql('home', "SELECT $schedule") && $node->safe_psql('home', $job_state);
		like($too_many, qr/^warning\|SELECT cron\.unschedule\(\d+\);$/, "$how: status() warns of two jobs");
		$node->safe_psql('home', $too_many =~ s/.*\|//r);
		is($node->safe_psql('home', $job_state), 'ok|', "$how: its hint removes one");

		# in another database, the statement of the hint
		$node->safe_psql($other, $due);
		$node->psql($other, q{SELECT posture.schedule('* * * * *')}, stderr => \$err);
		like($err, qr/ERROR:  pg_cron keeps its jobs in database "home"/,
			"$how: schedule() in another database names the database of the jobs");
		my ($statement) =
		  $err =~ /^HINT:  Run in database "home": (CREATE .*; SELECT cron\.schedule_in_database\(.*\);)$/m;
		is($statement, q{CREATE EXTENSION IF NOT EXISTS pg_cron; }
			  . q{SELECT cron.schedule_in_database('posture o''ther "db"', '* * * * *', }
			  . q{'CALL posture.run_daily()', 'o''ther "db"');},
			"$how: its hint has the statement");
		is($node->psql('home', $statement // ''), 0, "$how: which runs");
		is($node->safe_psql('home', 'SELECT count(*), count(DISTINCT database) FROM cron.job'),
			'2|2', "$how: now there are two jobs");
		$node->psql($other, 'SELECT posture.unschedule()', stderr => \$err);
		like($err,
			qr/HINT:  Where .* its jobs, run: SELECT cron\.unschedule\('posture o''ther "db"'\);/,
			"$how: unschedule() in another database has a hint, too");
	}

	# pg_cron starts jobs at the beginning of a minute
	for my $how (sort keys %server)
	{
		my $node = $server{$how};
		for my $db ('home', $other)
		{
			ok($node->poll_query_until($db, 'SELECT count(*) > 0 FROM posture.run'),
				"$how: pg_cron ran the job of $db");
			is($node->safe_psql($db, $runs), '-1|ok|1|1', "$how: the run for yesterday");
			is($node->safe_psql($db, $scores), '-1|75', "$how: and its snapshot");
		}
		my $details = 'FROM cron.job_run_details WHERE status';
		ok($node->poll_query_until(
				'home', "SELECT count(DISTINCT jobid) = 2 $details = 'succeeded'"),
			"$how: both jobs succeeded");
		is($node->safe_psql('home', "SELECT string_agg(return_message, ' ') $details = 'failed'"),
			'', "$how: none failed");
		my $job = q{SELECT item, state, regexp_replace(regexp_replace(message,
			'job [0-9]+ of .* runs', 'the job runs'), ' at 2.*', ''), hint
			FROM posture.status() WHERE item LIKE 'job%'};
		is($node->safe_psql('home', $job),
			qq{job|ok|the job runs at "* * * * *" GMT|\njob outcome|ok|succeeded|},
			"$how: status() reports the job");
		is($node->safe_psql('home', qq{BEGIN; UPDATE cron.job_run_details SET status = 'failed',
			return_message = 'connection failed', start_time = NULL, end_time = NULL; $job; ROLLBACK})
			  =~ s/^job\|.*\n//r,
			'job outcome|warning|failed: connection failed|ALTER SYSTEM SET '
			  . 'cron.use_background_workers = on; -- then restart the server',
			"$how: and that pg_cron could not connect");
		is($node->safe_psql($other, $job),
			'job|ok|no pg_cron job is visible here, but the job runs|',
			"$how: and runs of a job that it can't see");
		$node->safe_psql('home', q{SELECT cron.alter_job(jobid, active := false)
			FROM cron.job WHERE jobname = 'posture'});
		my $inactive = join '', '^job\|warning\|the job runs at .*, but is not active\|',
		  'SELECT cron.alter_job\(\d+, active := true\);';
		like($node->safe_psql('home', $job), qr/$inactive/, "$how: and a job that is not active");
		my $hint = (query_as($node, 'home', $runner,
				q{SELECT hint FROM posture.status() WHERE item = 'job'}))[1];
		is($hint, q{SELECT posture.unschedule(); SELECT posture.schedule('* * * * *');},
			"$how: a role that can't alter its job gets another hint");
		query_as($node, 'home', $runner, $hint);
		is($node->safe_psql('home', q{SELECT active, username FROM cron.job
			WHERE jobname = 'posture'}), "t|$runner", "$how: which works");
		is($node->safe_psql('home', q{SELECT cron.unschedule('posture o''ther "db"')}),
			't', "$how: the statement of the hint of unschedule()");
		is((query_as($node, 'home', $runner, 'SELECT posture.unschedule()'))[1],
			't', "$how: unschedule() while the job runs");
		is($node->safe_psql('home', 'SELECT count(*) FROM cron.job'), '0', "$how: no job is left");
		$node->stop;
	}
}

done_testing();

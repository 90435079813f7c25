# The job in pg_cron: schedule(), unschedule(), and that it really runs.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

# A database whose name has to be quoted as identifier and as literal.
my $other = q{o'ther "db"};
# and the role whose job it is
my $runner = 'Runs "jobs"';
my $quoted = '"Runs ""jobs"""';

# something known of yesterday, so that a day is due
my $due = <<'SQL';
CREATE EXTENSION posture;
INSERT INTO posture.source (key, name) VALUES ('scan', 'Scanner');
INSERT INTO posture.inbox
SELECT 'scan', 'r1', 'a' || a, CASE WHEN a <= 3 THEN 'non_compliant' ELSE 'compliant' END, posture.day_end(posture.today() - 2) + interval '12 hours'
FROM generate_series(1, 12) a;
SELECT FROM posture.ingest();
INSERT INTO posture.metric (key, name) VALUES ('m1', 'Metric');
INSERT INTO posture.metric_recommendation SELECT metric_id, recommendation_id FROM posture.metric, posture.recommendation;
INSERT INTO posture.initiative (key, name) VALUES ('i1', 'Initiative');
INSERT INTO posture.initiative_metric SELECT initiative_id, metric_id FROM posture.initiative, posture.metric;
SQL
my $done = q{SELECT day - posture.today(), outcome, counts->>'metrics', counts->>'initiatives' FROM posture.run};
my $kept = q{SELECT day - posture.today(), score FROM posture.initiative_snapshot};

# without pg_cron: clear errors, and everything else works
my $bare = new_node('bare');
$bare->safe_psql('postgres', $due);
my $err;
$bare->psql('postgres', 'SELECT posture.schedule()', stderr => \$err);
like($err, qr/ERROR:  pg_cron is not loaded in this server/, 'schedule() without pg_cron');
like($err, qr/HINT:  Add pg_cron to shared_preload_libraries.*CREATE EXTENSION pg_cron.*CALL posture\.run_daily\(\)/, 'says what to do');
$bare->psql('postgres', 'SELECT posture.unschedule()', stderr => \$err);
like($err, qr/ERROR:  extension pg_cron is not installed in this database\nHINT: /, 'so does unschedule()');
$bare->psql('postgres', 'SELECT posture.score(0, 1); SET posture.progress_interval = 0; CALL posture.run_daily()', stderr => \$err);
like($err, qr/NOTICE:  fold: 1 slices to go.*NOTICE:  run_daily: the snapshot of [-0-9]+, days to go after it: 0$/s, 'run_daily() says how far it is');
is($bare->safe_psql('postgres', $done), '-1|ok|1|1', 'it needs no pg_cron');
is($bare->safe_psql('postgres', $kept), '-1|75', 'and keeps the day');
$bare->safe_psql('postgres', 'CALL posture.run_daily()');
is($bare->safe_psql('postgres', $done), '-1|ok|1|1', 'another run has nothing to do');
my $has_cron = $bare->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'});
$bare->stop;

SKIP:
{
	skip 'pg_cron is not installed', 1 unless $has_cron;

	# two servers, so that one wait of a minute serves both kinds of connection
	my %server;
	for my $how ('libpq', 'workers')
	{
		my $node = PostgreSQL::Test::Cluster->new($how);
		my $conf = sprintf "shared_preload_libraries = 'pg_cron'\ncron.database_name = 'home'\ncron.host = '%s'\ncron.use_background_workers = %s\nmax_worker_processes = 20\n",
			$node->host, $how eq 'workers' ? 'on' : 'off';
		$node->init;
		$node->append_conf('postgresql.conf', sprintf("posture.timezone = 'Etc/GMT%+d'\n", (gmtime)[2] - 12) . $conf);
		$node->start;
		$server{$how} = $node;
		$node->safe_psql('postgres', $_) for 'CREATE DATABASE home', sprintf('CREATE DATABASE "%s"', $other =~ s/"/""/gr);

		# before the extension is there
		$node->safe_psql('home', 'CREATE EXTENSION posture');
		$node->psql('home', 'SELECT posture.schedule()', stderr => \$err);
		like($err, qr/extension pg_cron is not installed in this database\nHINT:  Run: CREATE EXTENSION pg_cron;/, "$how: says that pg_cron's extension is missing");
		$node->safe_psql('home', 'DROP EXTENSION posture');

		$node->safe_psql('home', 'CREATE EXTENSION pg_cron');
		$node->safe_psql('home', $due);
		is($node->safe_psql('home', 'SELECT posture.unschedule()'), 'f', "$how: unschedule() says that there was no job");
		my $first = $node->safe_psql('home', 'SELECT posture.schedule()');
		is($node->safe_psql('home', 'SELECT jobid, jobname, schedule, command, database, active FROM cron.job'),
			"$first|posture|5 * * * *|CALL posture.run_daily()|home|t", "$how: schedule() registers the job");
		my $again = $node->safe_psql('home', 'SELECT posture.schedule()');
		is($node->safe_psql('home', 'SELECT jobid, schedule FROM cron.job'), "$first|5 * * * *", "$how: a second call leaves one");
		is($again, $first, "$how: with the same id");
		$node->psql('home', q{SELECT posture.schedule('whenever')}, stderr => \$err);
		like($err, qr/ERROR:  invalid schedule: whenever/, "$how: a bad schedule is an error");
		is($node->safe_psql('home', 'SELECT posture.unschedule()'), 't', "$how: unschedule() says that there was one");
		is($node->safe_psql('home', 'SELECT count(*) FROM cron.job'), '0', "$how: and removed it");
		$node->safe_psql('home', q{SELECT posture.schedule()});
		$node->safe_psql('home', q{SELECT posture.schedule('* * * * *')});
		is($node->safe_psql('home', 'SELECT schedule FROM cron.job'), '* * * * *', "$how: another schedule takes the place of the first");

		# a role with the least that the job needs has a job of its own
		$node->safe_psql('home', qq{CREATE ROLE $quoted LOGIN; SELECT posture.grant_access('$runner', 'operator')});
		like((query_as($node, 'home', $runner, q{SELECT posture.schedule('* * * * *')}))[2], qr/permission denied for schema cron\nHINT:  An administrator can run: GRANT USAGE ON SCHEMA cron TO \Q$quoted\E;/,
			"$how: an operator needs pg_cron's leave");
		$node->safe_psql('home', "GRANT USAGE ON SCHEMA cron TO $quoted");
		is((query_as($node, 'home', $runner, q{SELECT posture.schedule('* * * * *') > 0, posture.schedule('* * * * *') > 0}))[1], 't|t', "$how: and then schedules");
		is($node->safe_psql('home', 'SELECT posture.unschedule()'), 't', "$how: each takes away their own");
		is($node->safe_psql('home', 'SELECT jobname, username FROM cron.job'), "posture|$runner", "$how: so that the operator's is left");

		# in another database: the very statement that the hint gives
		$node->safe_psql($other, $due);
		$node->psql($other, q{SELECT posture.schedule('* * * * *')}, stderr => \$err);
		like($err, qr/ERROR:  pg_cron keeps its jobs in database "home"/, "$how: schedule() elsewhere says where");
		my ($statement) = $err =~ /^HINT:  Run in database "home": (SELECT cron\.schedule_in_database\(.*\);)$/m;
		is($statement, q{SELECT cron.schedule_in_database('posture o''ther "db"', '* * * * *', 'CALL posture.run_daily()', 'o''ther "db"');},
			"$how: and what to run there");
		is($node->psql('home', $statement // ''), 0, "$how: it runs");
		is($node->safe_psql('home', 'SELECT count(*), count(DISTINCT database) FROM cron.job'), '2|2', "$how: two jobs");
		$node->psql($other, 'SELECT posture.unschedule()', stderr => \$err);
		like($err, qr/HINT:  Where pg_cron keeps its jobs, run: SELECT cron\.unschedule\('posture o''ther "db"'\);/, "$how: unschedule() elsewhere too");
	}

	# pg_cron fires at the start of a minute
	for my $how (sort keys %server)
	{
		my $node = $server{$how};
		for my $db ('home', $other)
		{
			ok($node->poll_query_until($db, 'SELECT count(*) > 0 FROM posture.run'), "$how: pg_cron ran the job of $db");
			is($node->safe_psql($db, $done), '-1|ok|1|1', "$how: the run of yesterday");
			is($node->safe_psql($db, $kept), '-1|75', "$how: and its snapshot");
		}
		ok( $node->poll_query_until('home', q{SELECT count(DISTINCT jobid) = 2 FROM cron.job_run_details WHERE status = 'succeeded'}),
			"$how: pg_cron says that both succeeded");
		is($node->safe_psql('home', q{SELECT count(*) FROM cron.job_run_details WHERE status = 'failed'}), '0', "$how: and none failed");
		my $job = q{SELECT item, state, regexp_replace(regexp_replace(says, 'job [0-9]+ of .* runs', 'the job runs'), ' at 2.*', ''), hint FROM posture.status() WHERE item LIKE 'job%'};
		is($node->safe_psql('home', $job), qq{job|ok|the job runs at "* * * * *" GMT|\njob outcome|ok|succeeded|}, "$how: status() sees the job");
		is($node->safe_psql($other, $job), 'job|ok|no pg_cron job is visible here, but the job runs|', "$how: and that something runs it elsewhere");
		$node->safe_psql('home', q{SELECT cron.alter_job(jobid, active := false) FROM cron.job WHERE jobname = 'posture'});
		like($node->safe_psql('home', $job), qr/^job\|warning\|the job runs at .*, but is not active\|SELECT cron.alter_job\(\d+, active := true\);/, "$how: and one that is switched off");
		my $hint = (query_as($node, 'home', $runner, q{SELECT hint FROM posture.status() WHERE item = 'job'}))[1];
		is($hint, q{SELECT posture.unschedule(); SELECT posture.schedule('* * * * *');}, "$how: whose it is can't alter it, and is told another way");
		query_as($node, 'home', $runner, $hint);
		is($node->safe_psql('home', q{SELECT active, username FROM cron.job WHERE jobname = 'posture'}), "t|$runner", "$how: which works");
		is($node->safe_psql('home', q{SELECT cron.unschedule('posture o''ther "db"')}), 't', "$how: the statement of unschedule()'s hint");
		is((query_as($node, 'home', $runner, 'SELECT posture.unschedule()'))[1], 't', "$how: unschedule() while it runs");
		is($node->safe_psql('home', 'SELECT count(*) FROM cron.job'), '0', "$how: no job is left");
		$node->stop;
	}
}

done_testing();

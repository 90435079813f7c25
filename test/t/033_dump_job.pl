# Dump and restore beside the job of pg_cron: a restored database has its job once.
# tests: admin/schedule

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestDump;
use TestPosture;

dump_origin();
if (!$origin->safe_psql('postgres',
		q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'}))
{
	$origin->stop;
	note 'pg_cron is not installed';
	done_testing();
	exit;
}
my $dir = PostgreSQL::Test::Utils::tempdir();
$origin->command_ok([ 'pg_dump', '--no-owner', '-Fc', '-f', "$dir/custom", 'origin' ], 'pg_dump');

$origin->safe_psql('home', 'CREATE EXTENSION pg_cron; CREATE EXTENSION posture');
my $schedule = q{SELECT posture.schedule('59 23 31 12 *')};
my $job = $origin->safe_psql('home', $schedule);
my $jobs = 'SELECT jobid, jobname, schedule, command, database, active FROM cron.job';
my $one = "$job|posture|59 23 31 12 *|CALL posture.run_daily()|home|t";
$origin->command_ok([ 'pg_restore', '--exit-on-error', '--clean', '--if-exists', '-d', 'home',
		"$dir/custom" ], 'restored over a database with a job');
is_restored($origin, 'home', 'with a job');
is($origin->safe_psql('home', $jobs), $one, 'there is one job');
is($origin->safe_psql('home', $schedule), $job, 'schedule() returns it');
is($origin->safe_psql('home', $jobs), $one, 'and adds none');

# the tables of pg_cron are in a dump
my $other = dump_cluster('other');
$other->safe_psql('postgres', $_)
  for 'CREATE DATABASE home', map { "CREATE ROLE $_ LOGIN" } 'risk_owner', @members;
$origin->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/home", 'home' ],
	'pg_dump of a database with a job');
$other->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'home', "$dir/home" ],
	'restored in another cluster');
is($other->safe_psql('home', $jobs), $one, 'it has the job');
is($other->safe_psql('home', $schedule), $job, 'schedule() returns it');
is($other->safe_psql('home', $jobs), $one, 'and adds none');
$other->safe_psql('home', 'CALL posture.run_daily()');
is($other->safe_psql('home', 'SELECT * FROM posture.verify()'),
	'', 'the job makes the sets of a restored database');

$_->stop for $origin, $other;
done_testing();

# What doc/dba.md says that each role can exhaust. Each sentence is a test.
# tests: type/assetset, source/delivery, access/function_fence

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestDba;
use TestPosture;

dba_node('limits');
sections('What a role can exhaust');
my $superuser = superuser();

# ---- every role ----

shows('PostgreSQL has no quota', as($superuser, q{SELECT count(*) FROM pg_settings WHERE name ~ 'quota|max_memory'}), '0');
$node->safe_psql('postgres', q{ALTER ROLE nobody SET work_mem = '1MB'; ALTER ROLE nobody SET statement_timeout = '1min'});
shows('take memory and processors', as('nobody', q{SHOW work_mem; SHOW statement_timeout; SET work_mem = '1GB';
	SET statement_timeout = 0; SHOW work_mem; SHOW statement_timeout}), "1MB\n1min\n1GB\n0");
shows('build large sets', as('nobody', q{SELECT posture.cardinality(posture.assetset_agg(n)) FROM generate_series(1, 100000) n}), '100000');
my $temp = 'CREATE TEMP TABLE filled AS SELECT 1; SELECT count(*) FROM pg_temp.filled';
my $load = q{SELECT loaded FROM posture.load('posture', '{"type": "finding", "source": "scan", "recommendation": "r1", "asset": "a1", "state": "compliant"}', 'scan')};
my $before = as('nobody', $temp);
$node->safe_psql('posture', 'REVOKE TEMPORARY ON DATABASE posture FROM PUBLIC');
shows('fill the disk with temporary tables', "$before\n" . as('nobody', $temp) =~ s/\n.*//sr, "1\nERROR:  permission denied to create temporary tables in database \"posture\"");
is(as('loader', $load), '2', 'load() needs no right to make them');
like(as('operator', 'SELECT changes >= 0 FROM posture.fold()'), qr/^t?$/, 'nor does fold()');
$node->safe_psql('postgres', q{ALTER SYSTEM SET temp_file_limit = '64kB'; SELECT pg_reload_conf()});
$node->safe_psql('postgres', 'ALTER ROLE nobody RESET work_mem');
my $sort = q{SET work_mem = '64kB'; SELECT count(*) FROM (SELECT n::text FROM generate_series(1, 100000) n ORDER BY 1 OFFSET 0) x};
shows('fill the disk with temporary files', as('nobody', $sort) . as('nobody', 'SET temp_file_limit = -1'),
	qr/temporary file size exceeds temp_file_limit.*permission denied to set parameter "temp_file_limit"/s);
$node->safe_psql('postgres', q{ALTER SYSTEM RESET temp_file_limit; SELECT pg_reload_conf(); ALTER ROLE nobody CONNECTION LIMIT 1});
my $session = new_session($node, 'posture', '-U', 'nobody');
$session->ask('SELECT 1');
my ($rc, $out, $err) = query_as($node, 'posture', 'nobody', 'SELECT 1');
shows('take connections up to', $err . $session->ask('ALTER ROLE nobody CONNECTION LIMIT -1'),
	qr/too many connections for role "nobody".*ERROR:  permission denied/s);
$session->ask('LISTEN posture_event; BEGIN; SELECT 1');
as('reader', q{SELECT count(pg_notify('posture_event', repeat('x', 7000) || n)) FROM generate_series(1, 5) n});
shows('fill the queue of notifications', as($superuser, 'SELECT pg_notification_queue_usage() > 0'), 't');
$session->end;

# ---- a role that reads ----

for my $role (qw(owner reader))
{
	$session = new_session($node, 'posture', '-U', $role);
	$session->ask('BEGIN; SELECT FROM posture.overview');
	my $pid = $session->ask('SELECT pg_backend_pid()');
	my $drop = 'SET lock_timeout = 100; BEGIN; ALTER VIEW posture.overview SET (security_barrier = true); ROLLBACK';
	shows('A role that may read anything', as($superuser, $drop), qr/canceling statement due to lock timeout/);
	shows('Find it in', as($superuser, qq{SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
		WHERE usename = '$role' AND pid = $pid AND state = 'idle in transaction'; $drop}), 't');
}

my ($event) = split /\n/, $node->safe_psql('posture', q{UPDATE posture.event SET status = 'open',
	recovered_on = NULL, superseded_on = NULL, superseded_by = NULL
	WHERE coalesce(recovered_on, superseded_on) = posture.today() - 1 RETURNING event_id;} . retake_day_sql(1));
$session = new_session($node, 'posture', '-U', 'owner');
$session->ask("BEGIN; SELECT posture.acknowledge($event)");
my $ended = as('operator', "CALL posture.run_daily(); SELECT status FROM posture.event WHERE event_id = $event");
shows('An owner can keep an event', $ended, 'open');
shows('The job goes on', as('operator', 'SELECT outcome, message FROM posture.run ORDER BY run_id DESC LIMIT 1'),
	qr/^ok\|.*events $event that ended are left .* of role owner/);
$session->end;

# ---- a loader ----

shows('fill `inbox` with rows', as('loader', q{INSERT INTO posture.inbox SELECT 'scan', NULL, 'a1', 'compliant' FROM generate_series(1, 1000)})
	. as($superuser, q{SELECT count(*) FROM posture.inbox WHERE recommendation IS NULL}), '1000');
my $rejected = q{SELECT count(*) FROM posture.rejected WHERE source = 'scan'};
my ($number) = as('loader', 'SELECT rejected FROM posture.ingest()') =~ /(\d+)\z/;
my $many = "$number " . as('operator', $rejected);
my $retained = as('operator', "BEGIN; DELETE FROM posture.rejected; $rejected; ROLLBACK");
$node->safe_psql('posture', q{UPDATE posture.rejected SET rejected_at = rejected_at - interval '3 days'} . ';' . retake_day_sql(1));
my $purged = as('operator', "SET posture.retention_days = 2; CALL posture.run_daily(); $rejected");
shows('fill `rejected` with rows', "$many $retained $purged", '1000 1002 0 0');
my $objects = 'SELECT (SELECT count(*) FROM posture.asset), (SELECT count(*) FROM posture.recommendation)';
my $count = as('reader', $objects);
as('loader', q{INSERT INTO posture.inbox SELECT 'scan', 'more ' || n, 'more ' || n, 'compliant' FROM generate_series(1, 100) n; SELECT FROM posture.ingest()});
shows('add assets and recommendations', as('reader', $objects), join '|', map { $_ + 100 } split /\|/, $count);
$node->safe_psql('posture', q{SELECT posture.grant_access('nobody', 'loader', 'cloud'); ALTER ROLE nobody CONNECTION LIMIT -1});
$session = new_session($node, 'posture', '-U', 'loader');
$session->ask("BEGIN; $load");
my $wait = sub { return as('nobody', 'SET lock_timeout = 100; SELECT loaded FROM posture.ingest()') };
my $waits = $wait->();
$session->ask('COMMIT');
shows('make other deliveries wait', $waits . "\n" . $wait->(), qr/canceling statement due to lock timeout.*^\d+\z/ms);
$session->end;

all_shown();
$node->stop;
done_testing();

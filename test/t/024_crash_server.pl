# The whole server is killed, or stopped at once, while backends load, fold, rebuild, take
# snapshots and run the job; and pg_dump, its backend or the server is killed amid a
# dump. Afterwards nothing is lost, doubled or half done, and a dump that was finished
# restores to the same.
#
# POSTURE_KILLS: how many kills, a tenth of it (80), under POSTURE_WRITERS writers (4).
# POSTURE_SEED repeats the choices of a run.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use List::Util qw(max shuffle);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestCrash;
use TestPosture;
use Time::HiRes qw(sleep time);

my $kills = $ENV{POSTURE_KILLS} // 80;
my $seed = $ENV{POSTURE_SEED} // (CORE::time ^ $$);
srand($seed);
my $writers = $ENV{POSTURE_WRITERS} // 4;
diag("POSTURE_KILLS=$kills POSTURE_WRITERS=$writers POSTURE_SEED=$seed");

my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
my @dump = ([qw(dump nothing)], [qw(dump client)], [qw(dump backend)], [qw(dump server)]);
my @server = ([qw(server kill)], [qw(server stop)]);
my @plan = shuffle((map { $server[ $_ % @server ] } 1 .. max(2, int($kills / 25))),
	map { $dump[ $_ % @dump ] } 1 .. max(4, int($kills / 20)));
my %count;
my $started = time;
crash_node('crash', $writers);
for (@plan)
{
	my ($what, $how) = @$_;
	let_them_work($what eq 'server' ? 0.05 + rand 0.5 : 0);
	my $was_up = checkpointer();
	if ($what eq 'dump')
	{
		dump_and_kill($how);
	}
	elsif ($how eq 'kill')
	{
		kill_server($node);
		$count{'kill -9 of the postmaster'}++;
	}
	else
	{
		$node->stop('immediate');
		$node->start;
		$count{'immediate stop'}++;
	}
	my $is_up = checkpointer();
	BAIL_OUT('the server did not come back') if $is_up eq '';
	# a dump alone does not disturb the workers
	restart_all() if $is_up ne $was_up;
	is_sound("nothing is lost, doubled or half done after $what, $how") or last;
}
end_of_work(sprintf '%s in %.0f s', join(', ', map { "$count{$_} $_" } sort keys %count),
	time - $started);
done_testing();

# Starts a dump, and kills pg_dump, its backend or the server before it ends. Otherwise
# the dump must be as sound as the database.
sub dump_and_kill
{
	my ($what) = @_;
	my $pid = $workers->spawn('pg_dump', 'pg_dump', '-Fc', '-f', $dump, $node->connstr('postgres'));
	if ($what eq 'nothing')
	{
		my (undef, $err, $status) = $workers->finish('pg_dump');
		is($status, 0, 'a dump beside writers is finished') or diag($err);
		$node->safe_psql('template1', 'CREATE DATABASE restored');
		$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'restored', $dump ],
			'and restored');
		$node->safe_psql('restored', 'SELECT FROM posture.rebuild()');
		is($node->safe_psql('restored', 'TABLE crash.error'),
			'', 'nothing is lost, doubled or half done in it');
		is($node->safe_psql('restored', 'SELECT count(*) > 0 FROM crash.finding'),
			't', 'and it has findings');
		$node->safe_psql('template1', 'DROP DATABASE restored');
		return;
	}
	sleep 0.02 + rand($what eq 'backend' ? 0.1 : 0.4);
	$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE application_name = 'pg_dump'}) if $what eq 'backend';
	kill 'KILL', $pid if $what eq 'client';
	kill_server($node) if $what eq 'server';
	my $status = ($workers->finish('pg_dump'))[2];
	$count{ $status ? "pg_dump by its $what" : 'pg_dump too late' }++;
	return;
}

# Backends that load, fold, rebuild, take snapshots and run the job are terminated, or
# killed with signal 9, at random moments. After each kill the data must be what the
# committed deliveries amount to, with nothing half done.
#
# POSTURE_KILLS: how many kills (30), under POSTURE_WRITERS writers (4). POSTURE_SEED
# repeats the choices of a run.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use List::Util qw(shuffle);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestCrash;
use TestPosture;
use Time::HiRes qw(sleep time);

my $kills = $ENV{POSTURE_KILLS} // 30;
my $seed = $ENV{POSTURE_SEED} // (CORE::time ^ $$);
srand($seed);
my $writers = $ENV{POSTURE_WRITERS} // 4;
diag("POSTURE_KILLS=$kills POSTURE_WRITERS=$writers POSTURE_SEED=$seed");

# signal 9 makes the server restart, so most backends are terminated
my @plan = ('kill') x (1 + int($kills / 12));
@plan = shuffle(@plan, ('terminate') x ($kills - @plan));
my ($rounds, %count) = (0);
my $started = time;
crash_node('crash', $writers);
for my $how (@plan)
{
	let_them_work(0);
	my $was_up = checkpointer();
	# the keeper has most to lose, so it is killed as often as a writer
	my $role = rand() < 0.2 ? 'keeper' : $roles[ rand @roles ];
	my $pid = '';
	# the script of a worker may have ended: then it starts again
	for (1 .. 20)
	{
		$pid = $node->safe_psql('postgres', sprintf q{SELECT crash.catch('%s', %f, %s)},
			$role, 0.02 + rand 0.2, $how eq 'kill' ? 'false' : 'true');
		last if $pid ne '';
		let_them_work(0);
	}
	next if $pid eq '';
	$rounds++;
	$count{$how}++;
	if ($how eq 'terminate')
	{
		restart_worker($role);
	}
	else
	{
		kill 'KILL', $pid;
		for (1 .. 600)
		{
			last if checkpointer() !~ /^(|\Q$was_up\E)$/;
			sleep 0.1;
		}
		BAIL_OUT('the server did not come back') if checkpointer() =~ /^(|\Q$was_up\E)$/;
		restart_all();
	}
	is_sound("nothing is lost, doubled or half done after $how of $role") or last;
}
is($rounds, $kills, 'all kills were done');
end_of_work(sprintf '%d terminated, %d killed in %.0f s',
	$count{terminate} // 0, $count{kill} // 0, time - $started);
done_testing();

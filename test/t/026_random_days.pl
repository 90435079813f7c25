# Random findings over days of 23, 24 and 25 hours, and days that are skipped, some of them
# reported late: each snapshot equals what plain SQL computes from all changes, each drop
# is one event.
# tests: day/snapshot, day/day_boundary
#
# POSTURE_ROUNDS: how many rounds of days (3). POSTURE_SEED repeats them.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestDays;
use TestPosture;

my $rounds = $ENV{POSTURE_ROUNDS} // 3;
my $seed = $ENV{POSTURE_SEED} // (time ^ $$);
diag("POSTURE_ROUNDS=$rounds POSTURE_SEED=$seed");
srand($seed);
my $node = days_node('days');

# around changes of the clock
my @around = (
	[ 'Europe/Berlin', '2026-03-27' ], [ 'Europe/Berlin', '2026-10-23' ],
	[ 'Australia/Lord_Howe', '2026-04-03' ], [ 'Pacific/Apia', '2011-12-27' ],
	[ 'America/St_Johns', '2010-11-05' ], [ 'Asia/Magadan', '2014-10-24' ],
	[ 'Asia/Kathmandu', '2024-02-27' ], [ 'America/Asuncion', '2023-09-29' ],
	[ 'Africa/Cairo', '2026-04-22' ]);
my $begin = int rand @around;
my $days = 0;
for my $round (1 .. $rounds)
{
	my ($zone, $day) = @{ $around[ ($begin + $round) % @around ] };
	my $random = rand;
	$node->safe_psql('postgres', "SET client_min_messages = warning;
		CALL sim.live($round, $random, '$zone', '$day', 5)");
	$days += $node->safe_psql('postgres', 'SELECT count(DISTINCT day) FROM sim.seen');
}
is($node->safe_psql('postgres', 'SELECT * FROM sim.fault ORDER BY round, what'),
	'', "$rounds rounds: each day equals plain SQL, each drop is one event");
cmp_ok($days, '>=', 6 * $rounds, "$days days");

$node->stop;
done_testing();

# Non-interference of functions: a role gets the same answers from every function, operator,
# cast and write in two databases that differ only in what is hidden from it. POSTURE_CALLS
# calls for each role. POSTURE_SEED repeats them.
# tests: access/function_fence, access/owner_rows, fence.c

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestCorpus;
use TestInterference;
use TestPosture;

my $number = $ENV{POSTURE_CALLS} // 500;
my $seed = $ENV{POSTURE_SEED} // time;
diag "POSTURE_CALLS=$number POSTURE_SEED=$seed";
srand $seed;
interference_node('interference_calls');
read_corpus($node, @roles);
for my $role (@roles)
{
	my $answered = same_answers($role, [ call_statements($node, $number) ], 'calls');
	cmp_ok($answered, '>', $number / 10, 'many of them without an error');
}

$node->stop;
done_testing();

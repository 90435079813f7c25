# Non-interference: a role gets the same answers, byte for byte, in two databases that differ
# only in what is hidden from it. Here: queries of tables and views, their plans, errors,
# cursors and prepared statements, POSTURE_STATEMENTS of them for each role. POSTURE_SEED
# repeats them.
# tests: access/view_fence, access/owner_rows, access/row_security, fence.c

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

my $number = $ENV{POSTURE_STATEMENTS} // 40;
my $seed = $ENV{POSTURE_SEED} // time;
diag "POSTURE_STATEMENTS=$number POSTURE_SEED=$seed";
srand $seed;
interference_node('interference');
read_corpus($node, @roles);

for my $role (@roles)
{
	my @others = $role eq 'member' ? qw(alice fleet) : ();
	my @random = map { random_statement($role, @others) } 1 .. $number;
	same_answers($role, [ relation_statements() ], 'tables and views') if $role !~ /bob|member|fleet/;
	my $answered = same_answers($role, \@random, 'queries');
	is($answered, 0, 'none of them without an error') if $role =~ /nolevel|courier/;
	cmp_ok($answered, '>', $number / 2, 'most of them without an error') if $role !~ /nolevel|courier/;
}

$node->stop;
done_testing();

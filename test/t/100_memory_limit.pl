# A server with little memory: what sets take is bounded by work_mem or refused with an
# error, and all other sessions go on.
# tests: assetset.c, assetset_agg.c, assetset_change.c, assetset_ops.c, plan.c

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestDisk;
use TestPosture;

plan skip_all => 'a sanitizer needs address space without limit'
  if `pg_config --cflags` =~ /-fsanitize/;

my $node = new_node('memory_limit',
	"shared_buffers = 16MB\nmax_parallel_workers_per_gather = 0\n");
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION posture;
-- 5 million ids in 1.25 MB
CREATE TABLE large AS SELECT posture.assetset_agg(2 * i) AS s FROM generate_series(1, 5000000) i;
SQL
$node->stop;
my @start = map { s/'/'\\''/gr } 'pg_ctl', '-w', '-s', '-D', $node->data_dir,
  '-l', $node->logfile, 'start';
is(system("ulimit -v 450000 && " . join ' ', map { "'$_'" } @start), 0, 'started with 450 MB of addresses');
$node->_update_pid(1);
my $other = new_session($node, 'postgres');
my $started = $other->ask('SELECT pg_postmaster_start_time()');

# Runs a statement that needs more memory than there is; returns its SQLSTATE, or what
# else came.
sub state_of
{
	my ($sql) = @_;
	my (undef, undef, $err) =
	  $node->psql('postgres', "\\set VERBOSITY sqlstate\nSET search_path = posture, public;\n$sql");
	return $err =~ /ERROR:  (\w{5})/ ? $1 : $err;
}

# 800 groups of 1.25 MB, of which each begins before the second value of the first one comes
my $groups = 'FROM public.large, generate_series(1, 1600) g GROUP BY g % 800';
foreach my $aggregate ('union_agg(s)', 'intersect_agg(s)', 'xor_agg(s)')
{
	my $plan = $node->safe_psql('postgres', <<SQL);
SET search_path = posture, public;
SET enable_sort = off;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT $aggregate $groups
SQL
	my ($kb) = $plan =~ /Batches: [1-9]\d+  Memory Usage: (\d+)kB/;
	cmp_ok($kb // 'no batches', '<', 32 * 1024, "grouping $aggregate goes to disk at work_mem")
	  or diag($plan);
	is(state_of("SET enable_sort = off; SET work_mem = '2GB'; SELECT $aggregate $groups"),
		'53200', "$aggregate of more than there is memory for");
}
# sets that grow from ids, an id in each container, and results that are kept
is(state_of(<<'SQL'), '53200', 'assetset_agg() of more than there is memory for');
SET enable_sort = off; SET work_mem = '2GB';
SELECT count(a) FROM (SELECT assetset_agg(i) a FROM generate_series(1, 2000) j, generate_series(0, 2147483647, 524288) i
    GROUP BY j) x
SQL
is(state_of(<<'SQL'), '53200', 'operators of more than there is memory for');
SELECT cardinality(array_agg(s # ARRAY[g]::assetset)) FROM public.large, generate_series(1, 2000) g
SQL
is($node->safe_psql('postgres', <<'SQL'), '1|1|25000000|1,2|2|50000000|2', 'plan_order() of 75 million assets');
SELECT string_agg(concat_ws('|', rank, n, repaired, needed_at), ',' ORDER BY rank)
FROM posture_internal.plan_order('{1,1}', '{1,2}', '{1,1}', '{1,1}', '{"{1-50000000}","{25000001-75000000}"}')
SQL
is($other->ask('SELECT pg_postmaster_start_time()'), $started, 'the other session is still there');
$other->end;
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC/, 'no crash');
$node->stop;
done_testing();

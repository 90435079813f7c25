# Readers: one transaction and one cursor see the same scores for as long as they last,
# while others load, fold, rebuild and change the catalog; a parallel plan sees what a
# serial one sees.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;
use TestWork;

work_node('reader');
my ($one, $two) = two_sessions();
my $report = 'SELECT metric, initiative, score FROM posture.metric_report ORDER BY 1, 2';
my $look = 'SELECT md5(string_agg(x, $$,$$ ORDER BY x)) FROM (
	SELECT m::text AS x FROM posture.metric_report m
	UNION ALL SELECT s::text FROM oracle.stored_state s
	UNION ALL SELECT o::text FROM posture.overview o) x';

$one->ask('BEGIN ISOLATION LEVEL REPEATABLE READ');
my $seen = $one->ask($look);
like($seen, qr/^\w{32}$/, 'a reader looks');
$one->ask("DECLARE c CURSOR FOR $report");
my $rows = $one->ask($report);
my $first = $one->ask('FETCH 1 FROM c');
something_to_do();
for my $what ('ingest', 'fold', 'run_daily', 'rebuild', 'take_snapshot')
{
	is($two->ask($work{$what}), '', "$what beside the reader");
	is($one->ask('TABLE work.error'), '', 'who finds nothing wrong');
	is($one->ask($look), $seen, 'and sees the same');
}
$two->ask(q{UPDATE posture.metric SET criticality_weights = '{1,2,3,4}';
	UPDATE posture.exemption SET expires_at = now();
	UPDATE posture.source SET is_active = false WHERE key = 'cloud'; VACUUM});
is($one->ask($look), $seen, 'also after changes of the catalog');
is("$first\n" . $one->ask('FETCH ALL FROM c'), $rows,
	'a cursor has the rows of the moment when it was opened');
$one->ask('COMMIT');
isnt($one->ask($look), $seen, 'the next transaction sees the changes');
$one->ask("BEGIN; DECLARE h CURSOR WITH HOLD FOR $report; COMMIT");
$rows = $one->ask($report);
$two->ask(q{UPDATE posture.source SET is_active = true; SELECT FROM posture.fold()});
is($one->ask('FETCH ALL FROM h'), $rows, 'a holdable cursor keeps its rows');
isnt($one->ask($report), $rows, 'while the report changes');

my $all = join "\n", map { "SELECT '$_', x::text FROM $_ x ORDER BY x::text COLLATE \"C\";" }
  views($node, 'postgres');
my $parallel = $node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
my $serial = $node->safe_psql('postgres', "SET max_parallel_workers_per_gather = 0;\n$all");
is($node->safe_psql('postgres', <<"SQL"), $serial, 'parallel plans have the same rows');
SET $parallel = regress;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
$all
TABLE work.error
SQL
$_->end for $one, $two;
$node->stop;
done_testing();

# VACUUM FULL, FREEZE and REINDEX change no score, nor do transaction ids that wrap around.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;
use TestWork;

work_node('wraparound');
my $look = 'SELECT md5(string_agg(x, $$,$$ ORDER BY x)) FROM (
	SELECT m::text AS x FROM posture.metric_report m
	UNION ALL SELECT s::text FROM oracle.stored_state s
	UNION ALL SELECT o::text FROM posture.overview o) x';

$node->safe_psql('postgres', 'DELETE FROM posture.finding WHERE asset_id % 13 = 0');
my $before = $node->safe_psql('postgres', $look);
my $tables = join ', ', tables($node, 'postgres');
$node->safe_psql('postgres', "$_ $tables") for 'VACUUM (FULL)', 'VACUUM (FREEZE, ANALYZE)';
$node->safe_psql('postgres', "REINDEX SCHEMA $_") for qw(posture posture_internal);
is($node->safe_psql('postgres', $look), $before, 'VACUUM FULL, FREEZE and REINDEX change nothing');
is_sound('nothing is wrong');
$node->safe_psql('postgres', 'ALTER DATABASE template0 ALLOW_CONNECTIONS true');

# The next transaction id moves far ahead, as if so many had been used: rows that are not
# frozen become nearly as old as can be. In the end ids start again, so that changes that
# are not folded have higher ids than later ones.
for my $ahead (2_000_000_000, 4_000_000_000, 1_000_000_000)
{
	something_to_do();
	$before = $node->safe_psql('postgres', $look);
	$node->stop;
	# the first id of a file of the commit log, which must exist
	my $xid = int($ahead / 1_048_576) * 1_048_576;
	run_command([ 'pg_resetwal', '-x', $xid,
			($ahead == 1_000_000_000 ? ('-e', 1) : ()), $node->data_dir ]);
	my $file = sprintf '%s/pg_xact/%04X', $node->data_dir, $xid / 1_048_576;
	open my $log, '>', $file or die "$file: $!";
	print $log "\0" x 262_144;
	close $log;
	$node->start;
	my ($session, $other) = two_sessions();
	is($node->safe_psql('postgres',
			"SELECT pg_current_xact_id()::xid::text::bigint - $xid < 1000"),
		't', "the next transaction id is $xid");
	is($node->safe_psql('postgres', $look), $before, 'the scores are the same');
	is(join('', map { $session->ask($work{$_}) =~ s/WARNING:\s+\w+\s*//gr }
			qw(ingest fold run_daily rebuild take_snapshot load)),
		'', 'all work goes on');
	is_sound('nothing is wrong');
	$node->command_ok([ 'vacuumdb', '-q', '--all', '--freeze' ], 'all rows are frozen');
	is_sound('nothing is wrong then');
	cmp_ok($node->safe_psql('postgres', 'SELECT max(age(datfrozenxid)) FROM pg_database'),
		'<', 1000, 'and all ids are free again');
	$_->end for $session, $other;
}
$node->stop;
done_testing();

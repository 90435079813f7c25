# Documents with several sources: the locks of a load do not grow with the number of sources.
# tests: source/load, finding/ingest

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('sources', "fsync = off\nclient_min_messages = warning\n");
$node->safe_psql('postgres', 'CREATE EXTENSION posture');
$node->safe_psql('postgres', sample_sql());

sub value { return $node->safe_psql('postgres', @_) }

# ---- many sources ----

# the locks that a load of findings of so many sources holds
sub locks
{
	my ($sources) = @_;
	return value(<<"SQL");
BEGIN;
SELECT loaded FROM posture.load('posture', (SELECT jsonb_agg(jsonb_build_object('type', 'finding', 'source', 'n' || i,
	'recommendation', 'r', 'asset', 'a', 'state', 'compliant')) FROM generate_series(1, $sources) i));
SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid();
ROLLBACK;
SQL
}
value('SELECT FROM posture.fold()');
locks(2);
my ($one) = locks(1) =~ /\A1\n(\d+)\z/;
my ($many) = locks(1500) =~ /\A1500\n(\d+)\z/;
cmp_ok($one, '>', 20, 'a load takes locks');
cmp_ok($many, '<', $one + 20, 'and hardly more for 1,500 sources');

$node->stop;
done_testing();

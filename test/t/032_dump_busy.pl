# Dumps beside writers, fold(), rebuild() and the job: a restored dump has the rows and the
# scores of the snapshot in which it was taken.
#
# POSTURE_DUMPS: how many dumps (2). POSTURE_SEED repeats what the writers write.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestChanges;
use TestPosture;
use TestReports;
use TestWorkers;

my $dumps = $ENV{POSTURE_DUMPS} // 2;
my $seed = $ENV{POSTURE_SEED} // (time ^ $$);
diag("POSTURE_DUMPS=$dumps POSTURE_SEED=$seed");
srand($seed);
my $dir = PostgreSQL::Test::Utils::tempdir();
my $node = new_node('busy', "max_parallel_workers_per_gather = 0\n");
$node->safe_psql('postgres', 'CREATE DATABASE busy');
$node->safe_psql('busy', "CREATE EXTENSION posture;\n" . sample_sql());
my $rows = digest_sql(dumped_tables($node, 'busy'));
my $state = q{SELECT * FROM posture_internal.current_state('infinity') s
	ORDER BY s::text COLLATE "C"};

sub load
{
	return sprintf q{INSERT INTO posture.inbox
SELECT '%s', 'r%d', 'a' || 1 + (a * %d) %% 70, '%s' FROM generate_series(1, %d) a;
SELECT FROM posture.ingest();}, pick('scan', 'cloud'), 1 + rand 7, 1 + rand 50,
	  pick(qw(compliant non_compliant not_applicable)), 1 + rand 20;
}
my %script = (
	'writer 1' => \&load,
	'writer 2' => \&load,
	keeper => sub {
		pick('SELECT FROM posture.fold();', 'SELECT FROM posture.rebuild();',
			'CALL posture.run_daily();', 'SELECT FROM posture.take_snapshot();')
	},
	person => sub {
		pick(q{UPDATE posture.metric
			SET importance = (enum_range(NULL::posture.importance))[1 + random() * 4]
			WHERE rule IS NULL;},
			q{UPDATE posture.asset SET criticality = (ARRAY['low', 'critical'])[1 + asset_id % 2]
			WHERE asset_id % 9 = 0;},
			q{UPDATE posture.exemption
			SET kind = (enum_range(NULL::posture.exemption_kind))[1 + exemption_id % 3];})
	});
my $workers = TestWorkers->new($node, 'busy');
sub start
{
	my ($name) = @_;
	$workers->start($name, join('', map { $script{$name}->() . "\n" } 1 .. 5000),
		'-v', 'ON_ERROR_STOP=1');
	return;
}
start($_) for sort keys %script;

for my $n (1 .. $dumps)
{
	for my $name (grep { !$workers->is_running($_) } sort keys %script)
	{
		is(($workers->finish($name))[1], '', "$name had no error");
		start($name);
	}
	# until all of them work and have written since the last dump
	$node->poll_query_until('busy', qq{SELECT last_value > 20 * $n AND (SELECT count(*)
		FROM pg_stat_activity WHERE datname = 'busy') > 4
		FROM posture_internal.finding_delta_delta_id_seq});
	my $session = new_session($node, 'busy');
	my $snapshot =
	  $session->ask('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_export_snapshot()');
	like($snapshot, qr/\A[-\w]+\z/, "dump $n: a snapshot");
	my ($then, $scores) = map { $session->ask($_) } $rows, $state;
	$node->command_ok([ 'pg_dump', '-Fc', "--snapshot=$snapshot", '-f', "$dir/busy$n", 'busy' ],
		"dump $n: beside writers");
	$session->ask('COMMIT');
	$session->end;
	$node->safe_psql('postgres', $_)
	  for 'DROP DATABASE IF EXISTS restored', 'CREATE DATABASE restored';
	$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'restored', "$dir/busy$n" ],
		"dump $n: restored");
	is($node->safe_psql('restored', $rows), $then, "dump $n: all tables are as in the snapshot");
	$node->safe_psql('restored', 'SELECT FROM posture.rebuild()');
	is($node->safe_psql('restored', $state), $scores, "dump $n: and so are the scores");
	is($node->safe_psql('restored', 'SELECT * FROM posture.verify()'),
		'', "dump $n: verify() finds no difference");
}
for my $name ($workers->names)
{
	is(($workers->kill($name))[1], '', "$name had no error");
}
$node->poll_query_until('postgres',
	q{SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'busy'});
is($node->safe_psql('busy', 'SELECT * FROM posture.verify()'),
	'', 'verify() finds no difference in the dumped database');

$node->stop;
done_testing();

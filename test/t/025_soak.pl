# Everything at once: eight writers, fold(), rebuild(), the job, snapshots, changes of the
# catalog and ended backends, at all isolation levels. What is stored must at any moment
# equal what is recomputed in the same snapshot, also after the server was killed.
#
# POSTURE_SOAK: how many seconds (6); then the server is killed twice. POSTURE_SEED
# repeats the statements of a run, but not their interleaving.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestChanges;
use TestOracle;
use TestPosture;
use TestWorkers;
use Time::HiRes qw(sleep time);

my $seconds = $ENV{POSTURE_SOAK} // 6;
my $seed = $ENV{POSTURE_SEED} // (CORE::time ^ $$);
diag("POSTURE_SOAK=$seconds POSTURE_SEED=$seed");

my $node = new_node('soak', <<'CONF');
fsync = on
shared_buffers = 32MB
deadlock_timeout = 50ms
log_statement = none
log_min_messages = fatal
CONF
$node->safe_psql('postgres',
	"CREATE EXTENSION posture;\n" . oracle_sql() . edge_warehouse_sql() . <<'SQL');
UPDATE posture_internal.history_start SET day = day - 9;
CREATE SCHEMA soak;
-- the sets of days that have a snapshot, as they were when first seen
CREATE TABLE soak.day_set (
    day date, recommendation_id integer, assessed posture.assetset, exposed posture.assetset);
CREATE VIEW soak.closed AS
    SELECT s.day, k.recommendation_id, k.assessed, k.exposed
    FROM posture.snapshot s
    CROSS JOIN LATERAL posture_internal.stored_set(posture.day_end(s.day), NULL, NULL) k
    WHERE s.day < posture.today() AND posture.cardinality(k.assessed) > 0;
CREATE PROCEDURE soak.note_days() LANGUAGE sql AS $$
    LOCK TABLE soak.day_set IN EXCLUSIVE MODE;
    INSERT INTO soak.day_set
    SELECT c.* FROM soak.closed c WHERE c.day NOT IN (SELECT d.day FROM soak.day_set d);
$$;
CREATE VIEW soak.stored_today AS
    SELECT * FROM posture_internal.current_state(posture.day_end(posture.today()));
CREATE VIEW soak.recomputed_today AS
    SELECT * FROM posture_internal.current_state(posture.day_end(posture.today()), false);
-- Above READ COMMITTED, a role that inserts a finding that another has deleted since sees
-- both, two rows of one key; what is right then is not defined.
CREATE VIEW soak.error AS
    SELECT * FROM (
        TABLE oracle.state_error
        UNION ALL
        SELECT 'stored today', x::text
        FROM (TABLE soak.stored_today EXCEPT ALL TABLE soak.recomputed_today) x
        UNION ALL
        SELECT 'recomputed today', x::text
        FROM (TABLE soak.recomputed_today EXCEPT ALL TABLE soak.stored_today) x
        UNION ALL
        TABLE oracle.verify_error
        UNION ALL
        -- sets were empty at the start, so the history has all changes to them
        SELECT 'history', x::text
        FROM (SELECT recommendation_id, posture.xor_agg(assessed) AS assessed,
                     posture.xor_agg(exposed) AS exposed
              FROM (SELECT recommendation_id, assessed, exposed
                    FROM posture_internal.finding_history
                    UNION ALL
                    SELECT recommendation_id, assessed, exposed
                    FROM posture_internal.finding_set) v
              GROUP BY recommendation_id) x
        WHERE posture.cardinality(assessed) + posture.cardinality(exposed) > 0
        UNION ALL
        SELECT 'day that was closed', x::text
        FROM ((SELECT c.* FROM soak.closed c WHERE c.day IN (SELECT d.day FROM soak.day_set d)
               EXCEPT ALL TABLE soak.day_set)
              UNION ALL
              (TABLE soak.day_set EXCEPT ALL TABLE soak.closed)) x) e
    WHERE NOT EXISTS (SELECT FROM posture.finding
                      GROUP BY recommendation_id, asset_id HAVING count(*) > 1);
SQL

# ---- scripts of the workers ----

my $look = q{SELECT 'ERROR', :transaction, * FROM soak.error LIMIT 20};
sub nap { return sprintf 'SELECT FROM pg_sleep(%.3f)', 0.05 * rand() ** 3 }

sub writing
{
	my @do = map { random_change() } 1 .. 1 + int rand 3;
	if (rand() < 0.3)
	{
		push @do, 'SAVEPOINT s', (map { random_change() } 1 .. 1 + int rand 2),
		  (rand() < 0.1 ? 'SELECT FROM posture.fold()' : ()),
		  pick('ROLLBACK TO s', 'ROLLBACK TO s', 'RELEASE s'),
		  rand() < 0.5 ? random_change() : ();
	}
	push @do, nap() if rand() < 0.4;
	push @do, $look if rand() < 0.1;
	return (random_isolation(), @do, rand() < 0.85 ? 'COMMIT' : 'ROLLBACK');
}

sub keeping
{
	my $dice = rand;
	return ('CALL posture.run_daily()', 'CALL soak.note_days()') if $dice < 0.15;
	my @do = $dice < 0.70 ? 'SELECT FROM posture.fold()'
	  : $dice < 0.80 ? 'SELECT FROM posture.rebuild()'
	  : 'SELECT FROM posture.take_snapshot()';
	return (random_isolation(), (rand() < 0.2 ? random_change() : ()), @do,
		(rand() < 0.3 ? nap() : ()), (rand() < 0.2 ? $look : ()),
		rand() < 0.9 ? 'COMMIT' : 'ROLLBACK');
}

sub reading
{
	return $look if rand() < 0.6;
	# a snapshot shows the same state until its end
	return ('BEGIN ISOLATION LEVEL ' . pick('REPEATABLE READ', 'SERIALIZABLE'),
		'CREATE TEMP TABLE was ON COMMIT DROP AS TABLE oracle.stored_state',
		sprintf('SELECT FROM pg_sleep(%.3f)', rand 0.3), $look,
		q{SELECT 'ERROR', :transaction, 'moved', x
		FROM (TABLE oracle.stored_state EXCEPT ALL TABLE was) x}, 'COMMIT');
}

my %script = ((map { ("soak writer $_" => [ \&writing, 60 ]) } 1 .. 8),
	(map { ("soak keeper $_" => [ \&keeping, 30 ], "soak reader $_" => [ \&reading, 30 ]) } 1, 2));

# ---- the workers ----

my $workers = TestWorkers->new($node, 'postgres');
my (%round, %transactions, %count, @faults, @errors);

sub start
{
	my ($role) = @_;
	my ($make, $times) = @{ $script{$role} };
	srand($seed + 1_000_003 * ++$round{$role} + unpack '%24C*', $role);
	my @transactions = map { join '', map { "$_;\n" } $make->() } 1 .. $times;
	$transactions{$role} = \@transactions;
	$workers->start($role, join '', "\\set VERBOSITY sqlstate\n",
		map { "\\set transaction $_\n$transactions[$_]" } 0 .. $#transactions);
	return;
}

# Collects what a worker that ended printed.
sub collect
{
	my ($role) = @_;
	my ($out, $err) = $workers->finish($role);
	my $last = '';
	for ($out =~ /^ERROR\|(.*)$/mg)
	{
		my ($n, $what) = split /\|/, $_, 2;
		push @faults, ($last eq $n ? '' : "$role in:\n$transactions{$role}[$n]") . "  $what";
		$last = $n;
	}
	my $before = '';
	for (grep { /ERROR:/ } split /\n/, $err)
	{
		# psql takes the rows of a COPY that an aborted transaction refused for a statement
		my $is_rows = /ERROR:  42601/ && $before =~ /ERROR:  25P02/;
		$before = $_;
		next if $is_rows;
		# conflicts, a deadlock, a key that exists or is referred to, an asset that was
		# deleted while it was loaded, a statement after an error, the end
		/ERROR:  (40001|40P01|23505|23503|23502|25P02|3B001|57P01)/
		  ? $count{$1}++
		  : push @errors, "$role, round $round{$role}: $_";
	}
	return;
}

sub let_them_work
{
	my ($until, $kills) = @_;
	my $next = time + rand 1;
	while (time < $until)
	{
		for my $role (sort keys %script)
		{
			next if $workers->is_running($role);
			collect($role);
			start($role);
		}
		sleep 0.02;
		next if !$kills || time < $next;
		$next = time + rand 1;
		$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE application_name LIKE 'soak%' AND state <> 'idle' ORDER BY random() LIMIT 1});
		$count{kills}++;
	}
	return;
}

sub is_sound
{
	my ($name) = @_;
	is($node->safe_psql('postgres', 'TABLE soak.error'), '', "stored equals recomputed $name");
	is(join("\n", splice @faults), '', "and did at all times $name");
	is(join("\n", splice @errors), '', "no statement failed by itself $name");
	return;
}

let_them_work(time + $seconds, 1);
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	WHERE application_name LIKE 'soak%'});
collect($_) for $workers->names;
is_sound('in the end');
my ($commits, $rollbacks) = split /\|/, $node->safe_psql('postgres',
	'SELECT xact_commit, xact_rollback FROM pg_stat_database WHERE datname = current_database()');
diag("$commits transactions committed, $rollbacks rolled back, "
	  . join ', ', map { "$count{$_} x $_" } sort keys %count);

for my $kill (1 .. 2)
{
	let_them_work(time + 1.5 + rand 1, 0);
	kill_server($node);
	collect($_) for $workers->names;
	is_sound("after kill -9 number $kill");
}

$node->safe_psql('postgres', 'SELECT FROM posture.fold()');
is_sound('after fold()');
is($node->safe_psql('postgres', 'SELECT repaired FROM posture.rebuild()'),
	'0', 'rebuild() has nothing to repair');
is_sound('after rebuild()');
$node->stop;
done_testing();

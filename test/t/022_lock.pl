# Locks that others hold: timeouts, ended sessions, open transactions, deadlocks, prepared
# transactions, subtransactions. No data is lost, and only who must wait waits.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;
use TestWork;

work_node('lock');
my ($one, $two) = two_sessions();
my $waiting =
  q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'};

# ---- timeouts: a statement that waits for a lock gives up and does nothing ----

my @held = ([ 'posture.inbox' => qw(ingest load merge_asset assess_cluster) ],
	[ 'posture_internal.finding_set' => qw(fold rebuild take_snapshot run_daily) ],
	[ 'posture.snapshot' => qw(take_snapshot) ]);
something_to_do();
for my $kind ([ lock_timeout => '55P03' ], [ statement_timeout => '57014' ])
{
	my ($setting, $code) = @$kind;
	$two->ask("SET $setting = '80ms'");
	for my $held (@held)
	{
		my ($table, @jobs) = @$held;
		my $truth = truth();
		$one->ask("BEGIN; LOCK TABLE $table IN SHARE UPDATE EXCLUSIVE MODE");
		is(join(' ', map { $two->ask($work{$_}) } @jobs), join(' ', ("ERROR:  $code") x @jobs),
			"$setting while $table is locked: @jobs");
		$one->ask('ROLLBACK');
		is(truth(), $truth, 'and nothing is done');
	}
	$two->ask("RESET $setting");
}
# amid a day: an error is recorded in run, a cancelled statement leaves no trace
$one->ask('BEGIN; LOCK TABLE posture.metric_snapshot IN ACCESS SHARE MODE');
$one->ask('LOCK TABLE posture_internal.exemption_snapshot IN ACCESS EXCLUSIVE MODE');
my $runs = $node->safe_psql('postgres', 'SELECT count(*) FROM posture.run');
my $days = $node->safe_psql('postgres', 'SELECT count(*) FROM posture.snapshot');
my $last = 'FROM posture.run ORDER BY run_id DESC LIMIT 1';
is($two->ask("SET statement_timeout = '300ms'; CALL posture.run_daily()"),
	'ERROR:  57014', 'run_daily() is cancelled');
is($node->safe_psql('postgres', "SELECT count(*) - $runs FROM posture.run"),
	'0', 'and has no run');
is($two->ask("RESET statement_timeout; SET lock_timeout = '80ms'; CALL posture.run_daily()"),
	'ERROR:  P0001', 'run_daily() gives up waiting');
like($node->safe_psql('postgres', "SELECT outcome, message $last"),
	qr/^failed\|canceling statement due to lock timeout \(locked by process \d+ of role \w+\)$/,
	'and records why');
is($node->safe_psql('postgres', "SELECT count(*) - $days FROM posture.snapshot"),
	'0', 'and leaves no snapshot');
$one->ask('ROLLBACK');
is($two->ask('RESET lock_timeout; CALL posture.run_daily()'), '', 'the next run');
is($node->safe_psql('postgres', "SELECT outcome $last"), 'ok', 'takes the snapshot');
is_sound('nothing is wrong after timeouts');

# a session that is ended amid its transaction
something_to_do();
my ($rows) = truth() =~ /^(\d+)/;
$one->ask(q{BEGIN; SELECT FROM posture.ingest(); SELECT FROM posture.fold();
	UPDATE posture.finding SET state = 'compliant'});
$two->begin('SELECT loaded FROM posture.ingest()');
$node->poll_query_until('postgres', $waiting) or die 'no session waits';
is($one->ask("SET LOCAL idle_in_transaction_session_timeout = '50ms'"),
	'', 'a session is idle in its transaction');
is($two->finish, $rows, 'it is ended, and the waiting session loads all its rows');
is_sound('nothing is wrong after it');
$one->end;
($one) = two_sessions();

# ---- an open transaction that has written blocks nobody ----

# but for the findings that are loaded, and the rules
something_to_do();
is($one->ask(<<'SQL'), '', 'a transaction has written to all tables');
BEGIN;
UPDATE posture.finding SET state = 'not_applicable' WHERE asset_id % 4 = 1
AND recommendation_id <> (SELECT recommendation_id FROM posture.recommendation WHERE key = 'r1');
DELETE FROM posture.finding WHERE asset_id % 4 = 2
AND recommendation_id <> (SELECT recommendation_id FROM posture.recommendation WHERE key = 'r1');
UPDATE posture.asset SET kind = 'role' WHERE asset_id % 4 = 3;
INSERT INTO posture.exemption (recommendation_id, kind, reason)
SELECT recommendation_id, 'waived', 'r' FROM posture.recommendation WHERE key = 'r1';
UPDATE posture.metric SET rule = '{"key": "r%"}' WHERE key = 'm5';
INSERT INTO posture.recommendation (source_id, key, title)
SELECT source_id, 'r7', 'R' FROM posture.source WHERE key = 'cloud';
UPDATE posture.event SET note = 'n' WHERE false;
INSERT INTO posture.inbox VALUES ('scan', 'r2', 'a1', 'compliant')
SQL
$two->ask("SET statement_timeout = '20s'");
is(join(' ', map { $two->ask($work{$_}) } qw(ingest load fold rebuild take_snapshot run_daily)),
	'     ', 'no work waits for it');
is_sound('others do not see its changes');
is($one->ask('TABLE work.error'), '', 'it sees them itself');
is($one->ask('COMMIT'), '', 'it commits');
is_sound('then others see them');
$two->ask($work{fold});
is_sound('also folded');

# ---- deadlocks: one of two transactions fails, the other is right ----

my @deadlocks = (
	[ 'updates of findings',
		map { "UPDATE posture.finding SET state = '$_->[0]'
			WHERE recommendation_id = $_->[1] AND asset_id = 7" }
		  [ compliant => 1 ], [ non_compliant => 3 ] ],
	[ 'a load and a fold', 'SELECT FROM posture.ingest()', 'SELECT FROM posture.fold()' ]);
for (@deadlocks)
{
	my ($name, $first, $second) = @$_;
	$_->ask('BEGIN') for $one, $two;
	my @answers = ($one->ask($first), $two->ask($second));
	$one->begin($second);
	$node->poll_query_until('postgres', $waiting) or die 'no session waits';
	push @answers, $two->ask($first), $one->finish;
	is(join(' ', sort @answers), '   ERROR:  40P01', "$name in the opposite order: one fails");
	$_->ask('COMMIT') for $one, $two;
	is_sound('the other is right');
}

# ---- prepared transactions ----

is($one->ask("BEGIN; SELECT FROM posture.ingest(); PREPARE TRANSACTION 'load'; ROLLBACK PREPARED 'load'"),
	'', 'ingest() can be prepared');
my $truth = truth();
$one->ask(q{BEGIN;
	UPDATE posture.finding SET state = 'non_compliant', changed_at = now() WHERE asset_id % 3 = 0;
	UPDATE posture.asset SET criticality = 'critical' WHERE asset_id % 3 = 1;
	UPDATE posture.metric SET asset_kinds = '{user}' WHERE key = 'm3';
	PREPARE TRANSACTION 'one'});
$one->ask(q{BEGIN; DELETE FROM posture.finding WHERE asset_id % 3 = 2; PREPARE TRANSACTION 'two'});
is(truth(), $truth, 'others do not see prepared changes');
is(join(' ', map { $two->ask($work{$_}) } qw(fold rebuild take_snapshot run_daily)),
	'   ', 'no work waits for them');
$_->end for $one, $two;
kill_server($node);
($one, $two) = two_sessions();
is_sound('nor do others see them after kill -9');
is($one->ask("COMMIT PREPARED 'one'"), '', 'one is committed');
is_sound('then others see it');
is($one->ask("ROLLBACK PREPARED 'two'; SELECT FROM posture.fold()"), '', 'the other is not');
is_sound('which is right, also folded');
is($one->ask("BEGIN; UPDATE posture.finding SET changed_at = now(), state = 'compliant'
	WHERE asset_id = 4; SELECT FROM posture.fold(); PREPARE TRANSACTION 'fold'"),
	'', 'fold() can be prepared');
is($two->ask("SET lock_timeout = '50ms'; SELECT FROM posture.fold()"),
	'ERROR:  55P03', 'another fold() waits for it');
is($two->ask("RESET lock_timeout; ROLLBACK PREPARED 'fold'; SELECT FROM posture.fold()"),
	'', 'until it ends');
is_sound('nothing of it is left');

# ---- subtransactions: every second one is rolled back ----

is($one->ask(<<'SQL'), '', 'hundreds of subtransactions');
DO $$
BEGIN
    FOR i IN 1 .. 300 LOOP
        BEGIN
            UPDATE posture.finding SET state = CASE state WHEN 'compliant' THEN 'non_compliant'
                ELSE 'compliant' END::posture.finding_state
            WHERE asset_id = 1 + i % 60 AND recommendation_id = 1 + i % 5;
            UPDATE posture.asset
            SET criticality = CASE criticality WHEN 'low' THEN 'critical' ELSE 'low' END
            WHERE asset_id = 1 + i % 60;
            IF i % 2 = 0 THEN
                RAISE division_by_zero;
            END IF;
        EXCEPTION WHEN division_by_zero THEN
            NULL;
        END;
    END LOOP;
END $$
SQL
is_sound('each is right');
$_->end for $one, $two;
$node->stop;
done_testing();

# What a server does to those who work on it: timeouts, locks that others hold,
# deadlocks, idle and prepared transactions, readers that take long, parallel
# plans, VACUUM, and transaction ids that wrap around. Nobody loses anything, and
# nobody waits who need not.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('timeout', <<'CONF');
fsync = off
jit = off
autovacuum = off
max_prepared_transactions = 10
deadlock_timeout = 100ms
CONF
$node->safe_psql('postgres', "CREATE EXTENSION posture;\n" . sample_sql());
$node->safe_psql('postgres', <<'SQL');
CREATE SCHEMA t;
-- in one snapshot: what is kept, and what it should be; and the findings by plain SQL
CREATE VIEW t.oracle AS
    SELECT metric_id, recommendation_id, count(*) FILTER (WHERE state = 'non_compliant') AS failing, count(*) FILTER (WHERE state <> 'not_applicable') AS assessed
    FROM posture.metric_recommendation JOIN posture.finding USING (recommendation_id) GROUP BY 1, 2;
CREATE VIEW t.kept AS
    SELECT metric_id, recommendation_id, posture.cardinality(k.exposed)::bigint AS failing, posture.cardinality(k.assessed)::bigint AS assessed
    FROM posture.metric_recommendation JOIN posture_internal.stored_set('infinity', NULL, NULL) k USING (recommendation_id);
CREATE VIEW t.fault AS
    SELECT 'kept' AS fault, x::text FROM (SELECT * FROM posture_internal.current_state('infinity') EXCEPT ALL SELECT * FROM posture_internal.current_state('infinity', false)) x
    UNION ALL
    SELECT 'recomputed', x::text FROM (SELECT * FROM posture_internal.current_state('infinity', false) EXCEPT ALL SELECT * FROM posture_internal.current_state('infinity')) x
    UNION ALL
    SELECT 'sets', x::text FROM (TABLE t.kept EXCEPT ALL TABLE t.oracle) x WHERE failing + assessed > 0
    UNION ALL
    SELECT 'findings', x::text FROM (TABLE t.oracle EXCEPT ALL TABLE t.kept) x WHERE failing + assessed > 0
    UNION ALL
    SELECT 'verify', v::text FROM posture.verify() v;
CREATE VIEW t.truth AS
    SELECT (SELECT count(*) FROM posture.inbox) AS inbox, (SELECT count(*) FROM posture.snapshot) AS days, (SELECT count(*) FROM posture.event) AS events,
           (SELECT count(*) FROM posture.run) AS runs, (SELECT md5(string_agg(f::text, ',' ORDER BY recommendation_id, asset_id)) FROM posture.finding f) AS findings;
-- a day that has to be taken again
CREATE PROCEDURE t.forget() LANGUAGE sql AS $$
    DELETE FROM posture.snapshot WHERE day = posture.today() - 1;
    DELETE FROM posture.recommendation_snapshot WHERE day = posture.today() - 1;
    DELETE FROM posture.metric_snapshot WHERE day = posture.today() - 1;
    DELETE FROM posture.initiative_snapshot WHERE day = posture.today() - 1;
    DELETE FROM posture.initiative_metric_snapshot WHERE day = posture.today() - 1;
$$;
SQL
sub sound { return is($node->safe_psql('postgres', 'TABLE t.fault'), '', $_[0]) }
sub truth { return $node->safe_psql('postgres', 'TABLE t.truth') }
# the inbox has something, sets have something to fold, a day is due
sub something_to_do
{
	$node->safe_psql('postgres', <<'SQL');
INSERT INTO posture.inbox SELECT 'scan', 'r1', 'a' || a, CASE WHEN random() < 0.5 THEN 'compliant' ELSE 'non_compliant' END FROM generate_series(1, 60) a;
UPDATE posture.finding SET state = CASE state WHEN 'compliant' THEN 'non_compliant' ELSE 'compliant' END::posture.finding_state, changed_at = now() WHERE asset_id % 5 = 0;
CALL t.forget();
SQL
	return;
}
my %work = (ingest => 'SELECT FROM posture.ingest()', fold => 'SELECT FROM posture.fold()', rebuild => 'SELECT FROM posture.rebuild()',
	take_snapshot => 'SELECT FROM posture.take_snapshot()', run_daily => 'CALL posture.run_daily()',
	load => q{SELECT FROM posture.load('posture', '{"type": "finding", "source": "scan", "recommendation": "r1", "asset": "a1", "state": "compliant"}')},
	merge_asset => q{SELECT FROM posture.merge_asset('a9', 'a10')}, assess_cluster => 'SELECT FROM posture.assess_cluster()');

my ($one, $two) = (new_session($node), new_session($node));
$_->ask("\\set VERBOSITY sqlstate\n") for $one, $two;

# ---- timeouts: whoever waits for a lock gives up, and nothing is done ----

something_to_do();
for my $kind ([ lock_timeout => '55P03' ], [ statement_timeout => '57014' ])
{
	my ($setting, $code) = @$kind;
	$two->ask("SET $setting = '80ms'");
	for my $held ([ inbox => qw(ingest load merge_asset assess_cluster) ], [ finding_set => qw(fold rebuild take_snapshot run_daily) ], [ snapshot => qw(take_snapshot) ])
	{
		my ($table, @jobs) = @$held;
		my $truth = truth();
		$one->ask("BEGIN; LOCK TABLE posture.$table IN SHARE UPDATE EXCLUSIVE MODE");
		is(join(' ', map { $two->ask($work{$_}) } @jobs), join(' ', ("ERROR:  $code") x @jobs), "$setting while $table is locked: @jobs");
		$one->ask('ROLLBACK');
		is(truth(), $truth, 'and nothing is done');
	}
	$two->ask("RESET $setting");
}
# inside a day: an error is told in run, a cancelled statement is not the day's fault
$one->ask('BEGIN; LOCK TABLE posture.metric_snapshot IN ACCESS SHARE MODE');
$one->ask('LOCK TABLE posture_internal.exemption_snapshot IN ACCESS EXCLUSIVE MODE');
my $runs = $node->safe_psql('postgres', 'SELECT count(*) FROM posture.run');
my $days = $node->safe_psql('postgres', 'SELECT count(*) FROM posture.snapshot');
is($two->ask("SET statement_timeout = '300ms'; CALL posture.run_daily()"), 'ERROR:  57014', 'a day that is cancelled');
is($node->safe_psql('postgres', "SELECT count(*) - $runs FROM posture.run"), '0', 'was never begun');
is($two->ask("RESET statement_timeout; SET lock_timeout = '80ms'; CALL posture.run_daily()"), 'ERROR:  P0001', 'a day that gives up waiting');
is($node->safe_psql('postgres', "SELECT outcome, message FROM posture.run ORDER BY run_id DESC LIMIT 1"), 'failed|canceling statement due to lock timeout', 'says so');
is($node->safe_psql('postgres', "SELECT count(*) - $days FROM posture.snapshot"), '0', 'and leaves nothing');
$one->ask('ROLLBACK');
is($two->ask('RESET lock_timeout; CALL posture.run_daily()'), '', 'the next run');
is($node->safe_psql('postgres', "SELECT outcome FROM posture.run ORDER BY run_id DESC LIMIT 1"), 'ok', 'takes it');
sound('all is as it should be after timeouts');

# who is cancelled or goes idle in the middle frees those who wait
something_to_do();
my $truth = truth();
my ($rows) = $truth =~ /^(\d+)/;
$one->ask('BEGIN; SELECT FROM posture.ingest(); SELECT FROM posture.fold(); UPDATE posture.finding SET state = \'compliant\'');
$two->begin('SELECT loaded FROM posture.ingest()');
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'}) or die 'nobody waits';
is($one->ask("SET LOCAL idle_in_transaction_session_timeout = '50ms'"), '', 'a session goes idle in its transaction');
is($two->finish, $rows, 'it is ended, and who waited goes on, with all that it had taken');
sound('all is as it should be after it');
$one->end;
$one = new_session($node);
$one->ask("\\set VERBOSITY sqlstate\n");

# ---- nobody waits for who has written and is not done ----

my $open = <<'SQL';
BEGIN;
UPDATE posture.finding SET state = 'not_applicable' WHERE asset_id % 4 = 1 AND recommendation_id <> (SELECT recommendation_id FROM posture.recommendation WHERE key = 'r1');
DELETE FROM posture.finding WHERE asset_id % 4 = 2 AND recommendation_id <> (SELECT recommendation_id FROM posture.recommendation WHERE key = 'r1');
UPDATE posture.asset SET kind = 'role' WHERE asset_id % 4 = 3;
INSERT INTO posture.exemption (recommendation_id, kind, reason) SELECT recommendation_id, 'waived', 'r' FROM posture.recommendation WHERE key = 'r1';
UPDATE posture.metric SET rule = '{"key": "r%"}' WHERE key = 'm5';
INSERT INTO posture.recommendation (source_id, key, title) SELECT source_id, 'r7', 'R' FROM posture.source WHERE key = 'cloud';
UPDATE posture.event SET note = 'n' WHERE false;
INSERT INTO posture.inbox VALUES ('scan', 'r2', 'a1', 'compliant')
SQL
something_to_do();
# but the findings that are loaded, and what rules are about
is($one->ask($open), '', 'a transaction has written to everything');
$two->ask("SET statement_timeout = '20s'");
is(join(' ', map { $two->ask($work{$_}) } qw(ingest load fold rebuild take_snapshot run_daily)), '     ', 'nobody waits for it');
sound('what it wrote is not seen');
is($one->ask('TABLE t.fault'), '', 'but by itself');
is($one->ask('COMMIT'), '', 'until it ends');
sound('then it is');
$two->ask($work{fold});
sound('also folded');

# ---- deadlocks: one of two is told, and what the other did is right ----

for my $what ([ 'findings', q{UPDATE posture.finding SET state = 'compliant' WHERE recommendation_id = 1 AND asset_id = 7}, q{UPDATE posture.finding SET state = 'non_compliant' WHERE recommendation_id = 3 AND asset_id = 7} ],
	[ 'a load and a fold', 'SELECT FROM posture.ingest()', 'SELECT FROM posture.fold()' ])
{
	my ($name, $first, $second) = @$what;
	$_->ask('BEGIN') for $one, $two;
	my @said = ($one->ask($first), $two->ask($second));
	$one->begin($second);
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'}) or die 'nobody waits';
	push @said, $two->ask($first), $one->finish;
	is(join(' ', sort @said), '   ERROR:  40P01', "$name in the other order: one of two is told");
	$_->ask('COMMIT') for $one, $two;
	sound('what the other did is right');
}

# ---- prepared transactions ----

is($one->ask("BEGIN; SELECT FROM posture.ingest(); PREPARE TRANSACTION 'load'"), 'ERROR:  0A000', 'ingest() can not be prepared: it has temporary tables');
$truth = truth();
$one->ask(q{BEGIN; UPDATE posture.finding SET state = 'non_compliant', changed_at = now() WHERE asset_id % 3 = 0;
UPDATE posture.asset SET criticality = 'critical' WHERE asset_id % 3 = 1; UPDATE posture.metric SET asset_kinds = '{user}' WHERE key = 'm3'; PREPARE TRANSACTION 'kept'});
$one->ask(q{BEGIN; DELETE FROM posture.finding WHERE asset_id % 3 = 2; PREPARE TRANSACTION 'dropped'});
is(truth(), $truth, 'what is prepared is not there');
is(join(' ', map { $two->ask($work{$_}) } qw(fold rebuild take_snapshot run_daily)), '   ', 'and nobody waits for it');
$_->end for $one, $two;
kill_server($node);
($one, $two) = (new_session($node), new_session($node));
$_->ask("\\set VERBOSITY sqlstate\n") for $one, $two;
sound('nor after kill -9');
is($one->ask("COMMIT PREPARED 'kept'"), '', 'committed');
sound('it is there');
is($one->ask("ROLLBACK PREPARED 'dropped'; SELECT FROM posture.fold()"), '', 'and the other one is not');
sound('and folded');
is($one->ask("BEGIN; UPDATE posture.finding SET changed_at = now(), state = 'compliant' WHERE asset_id = 4; SELECT FROM posture.fold(); PREPARE TRANSACTION 'fold'"), '', 'fold() can be prepared');
is($two->ask("SET lock_timeout = '50ms'; SELECT FROM posture.fold()"), 'ERROR:  55P03', 'and others wait for it');
is($two->ask("RESET lock_timeout; ROLLBACK PREPARED 'fold'; SELECT FROM posture.fold()"), '', 'until it ends');
sound('as if it had not been');

# ---- subtransactions: half of them are undone ----

is($one->ask(<<'SQL'), '', 'hundreds of subtransactions');
DO $$
BEGIN
    FOR i IN 1 .. 300 LOOP
        BEGIN
            UPDATE posture.finding SET state = CASE state WHEN 'compliant' THEN 'non_compliant' ELSE 'compliant' END::posture.finding_state
            WHERE asset_id = 1 + i % 60 AND recommendation_id = 1 + i % 5;
            UPDATE posture.asset SET criticality = CASE criticality WHEN 'low' THEN 'critical' ELSE 'low' END WHERE asset_id = 1 + i % 60;
            IF i % 2 = 0 THEN
                RAISE division_by_zero;
            END IF;
        EXCEPTION WHEN division_by_zero THEN
            NULL;
        END;
    END LOOP;
END $$
SQL
sound('are right one by one');

# ---- readers that take long ----

my $look = 'SELECT md5(string_agg(x, $$,$$ ORDER BY x)) FROM (SELECT m::text AS x FROM posture.metric_report m UNION ALL SELECT s::text FROM posture_internal.current_state($$infinity$$) s UNION ALL SELECT o::text FROM posture.overview o) x';
$one->ask('BEGIN ISOLATION LEVEL REPEATABLE READ');
my $seen = $one->ask($look);
like($seen, qr/^\w{32}$/, 'a reader looks');
$one->ask('DECLARE c CURSOR FOR SELECT metric, initiative, score FROM posture.metric_report ORDER BY 1, 2');
$rows = $one->ask('SELECT metric, initiative, score FROM posture.metric_report ORDER BY 1, 2');
my $first = $one->ask('FETCH 1 FROM c');
something_to_do();
for my $what ('ingest', 'fold', 'run_daily', 'rebuild', 'take_snapshot')
{
	is($two->ask($work{$what}), '', "$what beside a long reader");
	is($one->ask('TABLE t.fault'), '', 'who finds all as it should be');
	is($one->ask($look), $seen, 'and as it was');
}
$two->ask(q{UPDATE posture.metric SET criticality_weights = '{1,2,3,4}'; UPDATE posture.exemption SET expires_at = now(); UPDATE posture.source SET is_active = false WHERE key = 'cloud'; VACUUM});
is($one->ask($look), $seen, 'also after the catalog has changed');
is("$first\n" . $one->ask('FETCH ALL FROM c'), $rows, 'a cursor has what was there when it was opened');
$one->ask('COMMIT');
isnt($one->ask($look), $seen, 'then the reader sees what is new');
$one->ask('BEGIN; DECLARE h CURSOR WITH HOLD FOR SELECT metric, initiative, score FROM posture.metric_report ORDER BY 1, 2; COMMIT');
$rows = $one->ask('SELECT metric, initiative, score FROM posture.metric_report ORDER BY 1, 2');
$two->ask(q{UPDATE posture.source SET is_active = true; SELECT FROM posture.fold()});
is($one->ask('FETCH ALL FROM h'), $rows, 'a cursor that is held keeps it');
isnt($one->ask('SELECT metric, initiative, score FROM posture.metric_report ORDER BY 1, 2'), $rows, 'while others go on');

# ---- parallel plans ----

my @views = split /\n/, $node->safe_psql('postgres', q{SELECT relname FROM pg_class WHERE relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND relkind = 'v' ORDER BY 1});
my $all = join "\n", map { "SELECT '$_', x::text FROM posture.$_ x ORDER BY x::text COLLATE \"C\";" } @views;
my $parallel = $node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
my $serial = $node->safe_psql('postgres', "SET max_parallel_workers_per_gather = 0;\n$all");
is($node->safe_psql('postgres', "SET $parallel = regress; SET min_parallel_table_scan_size = 0; SET min_parallel_index_scan_size = 0;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;\n$all\nTABLE t.fault"), $serial, 'parallel plans say the same');

# ---- VACUUM, and transaction ids that wrap around ----

my @tables = tables($node, 'postgres');
$node->safe_psql('postgres', 'DELETE FROM posture.finding WHERE asset_id % 13 = 0');
my $before = $node->safe_psql('postgres', $look);
$node->safe_psql('postgres', "$_ posture." . join(', posture.', @tables)) for 'VACUUM (FULL)', 'VACUUM (FREEZE, ANALYZE)';
$node->safe_psql('postgres', 'REINDEX SCHEMA posture');
is($node->safe_psql('postgres', $look), $before, 'VACUUM FULL, FREEZE and REINDEX change nothing');
sound('all is as it should be');
$node->safe_psql('postgres', 'ALTER DATABASE template0 ALLOW_CONNECTIONS true');

# The next transaction id is put far ahead, as if that many had been there
# since: what is not frozen is nearly as old as can be. Until ids begin anew:
# what was not folded is from before.
for my $ahead (2_000_000_000, 4_000_000_000, 1_000_000_000)
{
	something_to_do();
	$before = $node->safe_psql('postgres', $look);
	$_->end for $one, $two;
	$node->stop;
	# the first one of a file of the commit log, which has to be there
	my $xid = int($ahead / 1_048_576) * 1_048_576;
	run_command([ 'pg_resetwal', '-x', $xid, ($ahead == 1_000_000_000 ? ('-e', 1) : ()), $node->data_dir ]);
	my $file = sprintf '%s/pg_xact/%04X', $node->data_dir, $xid / 1_048_576;
	open my $log, '>', $file or die "$file: $!";
	print $log "\0" x 262_144;
	close $log;
	$node->start;
	($one, $two) = (new_session($node), new_session($node));
	$_->ask("\\set VERBOSITY sqlstate\n") for $one, $two;
	is($node->safe_psql('postgres', 'SELECT pg_current_xact_id()::xid::text::bigint - ' . $xid . ' < 1000'), 't', "the next transaction is $xid");
	is($node->safe_psql('postgres', $look), $before, 'what was there is');
	is(join('', map { $one->ask($work{$_}) =~ s/WARNING:\s+\w+\s*//gr } qw(ingest fold run_daily rebuild take_snapshot load)), '', 'all goes on');
	sound('as it should');
	$node->command_ok([ 'vacuumdb', '-q', '--all', '--freeze' ], 'all is frozen');
	sound('and nothing changed by it');
	cmp_ok($node->safe_psql('postgres', 'SELECT max(age(datfrozenxid)) FROM pg_database'), '<', 1000, 'so that there are as many ids again');
}
$_->end for $one, $two;
$node->stop;
done_testing();

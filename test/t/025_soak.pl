# Everything at once, for a while: eight writers, fold(), rebuild(), the job,
# snapshots, changes of the catalog and ends of backends, at all isolation
# levels. What is kept must at any moment be what is recomputed in the same
# snapshot; also after the server was killed.
#
# POSTURE_SOAK: how many seconds (10), and then two kills of the server.
# POSTURE_SEED: repeats the statements of a run, though not their interleaving.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use POSIX ':sys_wait_h';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use TestPosture;

my $seconds = $ENV{POSTURE_SOAK} // 10;
my $seed = $ENV{POSTURE_SEED} // (CORE::time ^ $$);
diag("POSTURE_SOAK=$seconds POSTURE_SEED=$seed");

my $node = new_node('soak', <<'CONF');
fsync = on
jit = off
shared_buffers = 32MB
deadlock_timeout = 50ms
log_statement = none
log_min_messages = fatal
CONF
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION posture;
INSERT INTO posture.source (key, name, stale_after) VALUES ('s1', 'One', '30 days'), ('s2', 'Two', NULL), ('s3', 'Three', '20 days');
-- on both sides of the end of a chunk and of that of a slice
INSERT INTO posture.asset (asset_id, key, name, kind, criticality)
SELECT i, 'a' || i, 'A', (ARRAY['host', 'user', 'role'])[1 + i % 3], CASE WHEN i % 4 = 0 THEN 'critical' ELSE 'low' END
FROM (SELECT generate_series(1, 14) UNION ALL SELECT generate_series(65530, 65541) UNION ALL SELECT generate_series(1048570, 1048581)) v(i);
ALTER TABLE posture.asset ALTER asset_id RESTART WITH 15;
INSERT INTO posture.recommendation (source_id, key, title, max_points)
SELECT s.source_id, 'r' || r, 'R', r FROM posture.source s, generate_series(1, 3) r;
INSERT INTO posture.metric (key, name, importance, asset_kinds) VALUES
    ('m1', 'M', 'high', NULL), ('m2', 'M', 'low', '{host,user}'), ('m3', 'M', 'critical', '{role}');
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM posture.metric m, posture.recommendation r WHERE (m.metric_id + r.recommendation_id) % 2 = 0;
INSERT INTO posture.initiative (key, name, method) VALUES ('i1', 'I', 'weighted'), ('i2', 'I', 'population'), ('i3', 'I', 'points');
INSERT INTO posture.initiative_metric SELECT i.initiative_id, m.metric_id FROM posture.initiative i, posture.metric m WHERE i.key <> 'i3';
INSERT INTO posture.initiative_recommendation
SELECT i.initiative_id, r.recommendation_id FROM posture.initiative i, posture.recommendation r WHERE i.key = 'i3' AND r.key = 'r1';
INSERT INTO posture.asset_group (key, name, kinds, min_criticality) VALUES ('g1', 'G', '{user}', NULL), ('g2', 'G', NULL, 'critical');

CREATE SCHEMA soak;
-- the sets of days that are closed, as they were when first seen
CREATE TABLE soak.day_set (day date, recommendation_id integer, assessed posture.assetset, exposed posture.assetset);
CREATE VIEW soak.closed AS
    SELECT s.day, k.recommendation_id, k.assessed, k.exposed
    FROM posture.snapshot s CROSS JOIN LATERAL posture_internal.stored_set(posture.day_end(s.day), NULL, NULL) k
    WHERE s.day < posture.today() AND posture.cardinality(k.assessed) > 0;
CREATE PROCEDURE soak.note_days() LANGUAGE sql AS $$
    LOCK TABLE soak.day_set IN EXCLUSIVE MODE;
    INSERT INTO soak.day_set SELECT c.* FROM soak.closed c WHERE c.day NOT IN (SELECT d.day FROM soak.day_set d);
$$;
-- in one snapshot: what is kept, and what it should be
CREATE VIEW soak.any_difference AS
    SELECT 'kept now' AS difference, x::text FROM (SELECT * FROM posture_internal.current_state('infinity') EXCEPT ALL SELECT * FROM posture_internal.current_state('infinity', false)) x
    UNION ALL
    SELECT 'recomputed now', x::text FROM (SELECT * FROM posture_internal.current_state('infinity', false) EXCEPT ALL SELECT * FROM posture_internal.current_state('infinity')) x
    UNION ALL
    SELECT 'kept today', x::text
    FROM (SELECT * FROM posture_internal.current_state(posture.day_end(posture.today())) EXCEPT ALL SELECT * FROM posture_internal.current_state(posture.day_end(posture.today()), false)) x
    UNION ALL
    SELECT 'recomputed today', x::text
    FROM (SELECT * FROM posture_internal.current_state(posture.day_end(posture.today()), false) EXCEPT ALL SELECT * FROM posture_internal.current_state(posture.day_end(posture.today()))) x
    UNION ALL
    SELECT 'verify', x::text FROM posture.verify() x
    UNION ALL
    -- sets that were empty to begin with are all that ever changed
    SELECT 'history', x::text
    FROM (SELECT recommendation_id, posture.xor_agg(assessed) AS assessed, posture.xor_agg(exposed) AS exposed
          FROM (SELECT recommendation_id, assessed, exposed FROM posture_internal.finding_history
                UNION ALL
                SELECT recommendation_id, assessed, exposed FROM posture_internal.finding_set) v
          GROUP BY recommendation_id) x
    WHERE posture.cardinality(assessed) + posture.cardinality(exposed) > 0
    UNION ALL
    SELECT 'day that was closed', x::text
    FROM ((SELECT c.* FROM soak.closed c WHERE c.day IN (SELECT d.day FROM soak.day_set d) EXCEPT ALL TABLE soak.day_set)
          UNION ALL
          (TABLE soak.day_set EXCEPT ALL TABLE soak.closed)) x;
-- Above READ COMMITTED, who inserts a finding that another has deleted since sees
-- both, two rows of one key: what is right then is not defined.
CREATE VIEW soak.difference AS
    SELECT d.* FROM soak.any_difference d
    WHERE NOT EXISTS (SELECT FROM posture.finding GROUP BY recommendation_id, asset_id HAVING count(*) > 1);
SQL
$node->safe_psql('postgres', <<'SQL');
INSERT INTO posture.finding
SELECT recommendation_id, asset_id, (enum_range(NULL::posture.finding_state))[1 + (recommendation_id * asset_id) % 3],
       now() - (asset_id % 4) * interval '1 day'
FROM posture.recommendation, posture.asset WHERE (recommendation_id + asset_id) % 3 <> 0;
SQL

# ---- what they do ----

my @ids = (1 .. 14, 65530 .. 65541, 1048570 .. 1048581);

sub pick { return $_[ rand @_ ] }
sub some { my ($n, @of) = @_; return join ', ', map { pick(@of) } 1 .. 1 + int rand $n }
sub some_state { return "'" . pick(qw(compliant non_compliant non_compliant not_applicable)) . "'" }
sub iso { return 'BEGIN ISOLATION LEVEL ' . pick('READ COMMITTED', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE') }
sub changed_at { return pick('now()', 'now()', 'clock_timestamp()', sprintf(q{now() - interval '%d hours'}, rand 90)) }

# soon: so that time alone changes what counts
sub soon { return sprintf q{clock_timestamp() + interval '%d ms'}, rand 800 }
sub some_rows { return 'asset_id IN (' . some(4, @ids) . ') AND recommendation_id IN (' . some(4, 1 .. 9) . ')' }

sub values_of
{
	my %row;
	$row{ pick(1 .. 9) . ', ' . pick(@ids) } = 1 for 1 .. 1 + int rand 6;
	return join ', ', map { "($_, " . some_state() . '::posture.finding_state, ' . changed_at() . ')' } sort keys %row;
}

sub delivery
{
	my $rows = join '', map {
		join("\t", 's' . pick(1 .. 3), 'r' . pick(1 .. 3),
			rand() < 0.05 ? 'new' . int rand 20 : 'a' . pick(@ids),
			pick(qw(compliant non_compliant not_applicable)), pick(qw(host user role \N))) . "\n"
	} 1 .. 1 + int rand 12;
	my $complete = rand() < 0.1 ? "'s1'" : '';
	return "COPY posture.inbox (source, recommendation, asset, state, asset_kind) FROM STDIN;\n$rows\\.\n"
	  . ($complete ? "INSERT INTO posture.inbox VALUES ('s1', 'r1', 'a1', 'compliant');\n" : '')
	  . "SELECT FROM posture.ingest($complete)";
}

my @finding_ops = (
	sub { sprintf 'UPDATE posture.finding SET state = %s, changed_at = %s WHERE %s', some_state(), changed_at(), some_rows() },
	sub { sprintf q{UPDATE posture.finding
SET state = CASE state WHEN 'compliant' THEN 'non_compliant' ELSE 'compliant' END::posture.finding_state WHERE %s}, some_rows() },
	sub { sprintf 'INSERT INTO posture.finding VALUES %s
ON CONFLICT (recommendation_id, asset_id) DO UPDATE SET state = EXCLUDED.state, changed_at = EXCLUDED.changed_at', values_of() },
	sub { sprintf 'INSERT INTO posture.finding VALUES %s ON CONFLICT DO NOTHING', values_of() },
	sub { sprintf 'INSERT INTO posture.finding VALUES %s', values_of() },
	sub { sprintf 'DELETE FROM posture.finding WHERE %s', some_rows() },
	sub { sprintf q{MERGE INTO posture.finding f USING (VALUES %s) v(r, a, s, at)
ON f.recommendation_id = v.r AND f.asset_id = v.a
WHEN MATCHED AND v.s = 'not_applicable' THEN DELETE WHEN MATCHED THEN UPDATE SET state = v.s, changed_at = v.at
WHEN NOT MATCHED THEN INSERT VALUES (v.r, v.a, v.s, v.at)}, values_of() },
	sub { sprintf 'UPDATE posture.finding SET asset_id = %d WHERE asset_id = %d AND recommendation_id = %d',
		pick(@ids), pick(@ids), pick(1 .. 9) },
	sub { sprintf 'UPDATE posture.finding SET changed_at = %s WHERE %s', changed_at(), some_rows() },
	# all three triggers by one statement
	sub { sprintf q{WITH d AS (DELETE FROM posture.finding WHERE %s),
u AS (UPDATE posture.finding SET state = %s WHERE recommendation_id = %d AND asset_id = %d)
INSERT INTO posture.finding VALUES %s ON CONFLICT (recommendation_id, asset_id) DO UPDATE SET state = EXCLUDED.state},
		some_rows(), some_state(), pick(1 .. 9), pick(@ids), values_of() },
	\&delivery, \&delivery);
my @asset_ops = (
	sub { sprintf q{UPDATE posture.asset SET kind = '%s' WHERE asset_id IN (%s)}, pick(qw(host user role)), some(3, @ids) },
	sub { sprintf q{UPDATE posture.asset SET criticality = '%s' WHERE asset_id IN (%s)}, pick(qw(low critical)), some(3, @ids) },
	sub { sprintf q{UPDATE posture.asset SET retired_at = %s WHERE asset_id IN (%s)}, pick('NULL', 'NULL', 'now()', soon()), some(3, @ids) },
	sub { sprintf q{UPDATE posture.asset SET last_seen = %s WHERE asset_id IN (%s)},
		pick('now()', 'now()', (map { "now() - interval '$_ days'" } 25, 40), map { soon() . " - interval '$_ days'" } 20, 30), some(3, @ids) },
	sub { sprintf q{INSERT INTO posture.asset (key, name, kind) VALUES ('new%d', 'N', 'host') ON CONFLICT DO NOTHING}, rand 20 },
	sub { sprintf q{DELETE FROM posture.asset a
WHERE key = 'new%d' AND NOT EXISTS (SELECT FROM posture.finding f WHERE f.asset_id = a.asset_id)}, rand 20 });
my @catalog_ops = (
	sub { sprintf q{INSERT INTO posture.exemption (recommendation_id, asset_id, asset_group_id, kind, reason, created_at, expires_at)
VALUES (%d, %s, '%s', 'r', now(), %s)}, pick(1 .. 9), pick('NULL, NULL', 'NULL, 1', 'NULL, 2', map { "$_, NULL" } @ids[ 0 .. 20 ]),
		pick(qw(waived mitigated risk_accepted)), pick('NULL', soon(), soon()) },
	sub { sprintf 'DELETE FROM posture.exemption WHERE exemption_id %% %d = 0', pick(1, 2, 3) },
	sub { sprintf 'INSERT INTO posture.metric_recommendation (metric_id, recommendation_id) VALUES (%d, %d) ON CONFLICT DO NOTHING',
		pick(1 .. 3), pick(1 .. 9) },
	sub { sprintf 'DELETE FROM posture.metric_recommendation WHERE metric_id = %d AND recommendation_id = %d', pick(1 .. 3), pick(1 .. 9) },
	sub { sprintf 'UPDATE posture.metric SET criticality_weights = %s WHERE metric_id = %d', pick('NULL', q{'{1,1,2,5}'}, q{'{0,0,0,1}'}), pick(1 .. 3) },
	sub { sprintf 'UPDATE posture.metric SET asset_kinds = %s WHERE metric_id = %d', pick('NULL', q{'{host}'}, q{'{user,role}'}), pick(1 .. 3) },
	sub { sprintf 'UPDATE posture.metric SET is_active = %s WHERE metric_id = %d', pick('true', 'true', 'false'), pick(1 .. 3) },
	# not the third: what is seen again while a shorter stale_after comes is missed until the next fold
	sub { sprintf 'UPDATE posture.source SET is_active = %s WHERE source_id = %d', pick('true', 'true', 'false'), pick(1 .. 2) },
	sub { sprintf 'UPDATE posture.source SET stale_after = %s WHERE source_id = %d', pick('NULL', q{'20 days'}, q{'30 days'}), pick(1 .. 2) },
	sub { sprintf 'UPDATE posture.asset_group SET kinds = %s WHERE asset_group_id = %d', pick('NULL', q{'{host}'}, q{'{user,role}'}), pick(1 .. 2) },
	sub { sprintf 'DELETE FROM posture.initiative_metric WHERE initiative_id = %d AND metric_id = %d', pick(1 .. 2), pick(1 .. 3) },
	sub { sprintf 'INSERT INTO posture.initiative_metric VALUES (%d, %d) ON CONFLICT DO NOTHING', pick(1 .. 2), pick(1 .. 3) },
	sub { sprintf 'INSERT INTO posture.initiative_recommendation VALUES (3, %d) ON CONFLICT DO NOTHING', pick(1 .. 9) },
	sub { sprintf 'DELETE FROM posture.initiative_recommendation WHERE recommendation_id = %d', pick(1 .. 9) });

sub operation
{
	my $dice = rand;
	return pick($dice < 0.70 ? @finding_ops : $dice < 0.93 ? @asset_ops : @catalog_ops)->();
}

my $look = q{SELECT 'FAULT', :transaction, * FROM soak.difference LIMIT 20};
sub nap { return sprintf 'SELECT FROM pg_sleep(%.3f)', 0.05 * rand() ** 3 }

sub writing
{
	my @do = map { operation() } 1 .. 1 + int rand 3;
	if (rand() < 0.3)
	{
		push @do, 'SAVEPOINT s', (map { operation() } 1 .. 1 + int rand 2),
		  (rand() < 0.1 ? 'SELECT FROM posture.fold()' : ()),
		  pick('ROLLBACK TO s', 'ROLLBACK TO s', 'RELEASE s'), rand() < 0.5 ? operation() : ();
	}
	push @do, nap() if rand() < 0.4;
	push @do, $look if rand() < 0.1;
	return (iso(), @do, rand() < 0.85 ? 'COMMIT' : 'ROLLBACK');
}

sub keeping
{
	my $dice = rand;
	return ('CALL posture.run_daily()', 'CALL soak.note_days()') if $dice < 0.15;
	my @do = $dice < 0.70 ? 'SELECT FROM posture.fold()'
	  : $dice < 0.80 ? 'SELECT FROM posture.rebuild()'
	  : 'SELECT FROM posture.take_snapshot()';
	return (iso(), (rand() < 0.2 ? operation() : ()), @do, (rand() < 0.3 ? nap() : ()), (rand() < 0.2 ? $look : ()),
		rand() < 0.9 ? 'COMMIT' : 'ROLLBACK');
}

sub reading
{
	return $look if rand() < 0.6;
	# what a snapshot says, it goes on to say
	return ('BEGIN ISOLATION LEVEL ' . pick('REPEATABLE READ', 'SERIALIZABLE'),
		q{CREATE TEMP TABLE was ON COMMIT DROP AS SELECT * FROM posture_internal.current_state('infinity')},
		sprintf('SELECT FROM pg_sleep(%.3f)', rand 0.3), $look,
		q{SELECT 'FAULT', :transaction, 'moved', x FROM (SELECT * FROM posture_internal.current_state('infinity') EXCEPT ALL TABLE was) x}, 'COMMIT');
}

my %script = ((map { ("writer $_" => [ \&writing, 60 ]) } 1 .. 8),
	'keeper 1' => [ \&keeping, 30 ], 'keeper 2' => [ \&keeping, 30 ], 'reader 1' => [ \&reading, 30 ], 'reader 2' => [ \&reading, 30 ]);

# ---- those who do it: a psql each, with a script that begins anew ----

my (%running, %round, %failed, @faults, @errors);
my $dir = PostgreSQL::Test::Utils::tempdir();

sub begin
{
	my ($role) = @_;
	my ($make, $times) = @{ $script{$role} };
	srand($seed + 1_000_003 * ++$round{$role} + unpack '%24C*', $role);
	my $file = "$dir/" . ($role =~ s/ /_/r);
	my @transactions = map { join '', map { "$_;\n" } $make->() } 1 .. $times;
	open my $sql, '>', "$file.sql" or die "$file.sql: $!";
	print $sql "\\set VERBOSITY sqlstate\n", map { "\\set transaction $_\n$transactions[$_]" } 0 .. $#transactions;
	close $sql;
	my $pid = fork // die "fork: $!";
	if (!$pid)
	{
		@SIG{qw(INT TERM HUP)} = ('DEFAULT') x 3;
		$ENV{PGAPPNAME} = "soak $role";
		open STDOUT, '>', "$file.out" or die;
		open STDERR, '>', "$file.err" or die;
		exec 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', "$file.sql" or POSIX::_exit(127);
	}
	$running{$role} = { pid => $pid, file => $file, transactions => \@transactions };
	return;
}

# takes what a psql that ended had to say
sub settle
{
	my ($role) = @_;
	my $run = delete $running{$role} or return;
	waitpid $run->{pid}, 0 unless $run->{ended};
	my $told = '';
	for (slurp_file("$run->{file}.out") =~ /^FAULT\|(.*)$/mg)
	{
		my ($n, $what) = split /\|/, $_, 2;
		push @faults, ($told eq $n ? '' : "$role in:\n$run->{transactions}[$n]") . "  $what";
		$told = $n;
	}
	my $before = '';
	for (grep { /ERROR:/ } split /\n/, slurp_file("$run->{file}.err"))
	{
		# the rows of a COPY that an aborted transaction refused are taken for a statement
		my $is_rows = /ERROR:  42601/ && $before =~ /ERROR:  25P02/;
		$before = $_;
		next if $is_rows;
		# conflicts, a deadlock, a key that is there or that something refers to, an asset
		# that another deleted while it was loaded, what follows an error, the end
		/ERROR:  (40001|40P01|23505|23503|23502|25P02|3B001|57P01)/ ? $failed{$1}++ : push @errors, "$role, round $round{$role}: $_";
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
			my $run = $running{$role};
			if ($run && waitpid($run->{pid}, WNOHANG) == $run->{pid})
			{
				$run->{ended} = 1;
				settle($role);
			}
			begin($role) unless $running{$role};
		}
		sleep 0.02;
		next if !$kills || time < $next;
		$next = time + rand 1;
		$node->safe_psql('postgres',
			q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name LIKE 'soak%' AND state <> 'idle' ORDER BY random() LIMIT 1});
		$failed{kills}++;
	}
	return;
}

sub stop_them
{
	settle($_) for sort keys %running;
	return;
}

sub sound
{
	my ($name) = @_;
	is($node->safe_psql('postgres', 'TABLE soak.difference'), '', "what is kept is what is recomputed $name");
	is(join("\n", splice @faults), '', "and always was $name");
	is(join("\n", splice @errors), '', "no statement failed of itself $name");
	return;
}

# nothing is left behind, also by a test that is ended: END stops the server
@SIG{qw(INT TERM HUP)} = (sub { exit 1 }) x 3;
END { kill 'TERM', map { $_->{pid} } values %running if %running }

let_them_work(time + $seconds, 1);
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'soak%'});
stop_them();
sound('in the end');
diag(sprintf '%s transactions committed, %s rolled back, %s',
	split(/\|/, $node->safe_psql('postgres', 'SELECT xact_commit, xact_rollback FROM pg_stat_database WHERE datname = current_database()')),
	join ', ', map { "$failed{$_} x $_" } sort keys %failed);

for my $kill (1 .. 2)
{
	let_them_work(time + 1.5 + rand 1, 0);
	kill_server($node);
	stop_them();
	sound("after kill -9 number $kill");
}

$node->safe_psql('postgres', 'SELECT FROM posture.fold()');
sound('after all is folded');
is($node->safe_psql('postgres', 'SELECT repaired FROM posture.rebuild()'), '0', 'there is nothing to mend');
sound('after all is made anew');
$node->stop;
done_testing();

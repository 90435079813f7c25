# Kills at random moments: backends that load, fold, rebuild, snapshot, dump and
# do the job are terminated, killed, or lose the whole server. After each kill,
# what is kept must be what the committed deliveries amount to, and nothing half
# done. A dump that was finished in between restores to the same.
#
# POSTURE_KILLS: how many (40), under POSTURE_WRITERS (4). POSTURE_SEED: repeats
# the choices of a run.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use List::Util qw(max shuffle sum0);
use POSIX ':sys_wait_h';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use TestPosture;

my $kills = $ENV{POSTURE_KILLS} // 40;
my $seed = $ENV{POSTURE_SEED} // (CORE::time ^ $$);
srand($seed);
my $writers = $ENV{POSTURE_WRITERS} // 4;
diag("POSTURE_KILLS=$kills POSTURE_WRITERS=$writers POSTURE_SEED=$seed");

my $node = new_node('crash', "fsync = on\nrestart_after_crash = on\njit = off\nshared_buffers = 32MB\n");
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION posture;
INSERT INTO posture.source (key, name) VALUES ('live', 'Live'), ('frozen', 'Frozen');

-- findings of past days that nobody touches any more: their days are known. Of
-- assets in three slices, which the job folds one by one
INSERT INTO posture.asset (asset_id, key, name, kind) SELECT a + a % 3 * 1048576, 'frozen' || a, 'F', 'host' FROM generate_series(1, 30) a;
ALTER TABLE posture.asset ALTER asset_id RESTART WITH 31;
INSERT INTO posture.inbox
SELECT 'frozen', 'f' || r, 'frozen' || a, CASE WHEN a % 7 < r THEN 'non_compliant' ELSE 'compliant' END,
       posture.day_end(posture.today() - 7) + (a * r % 6) * interval '1 day' + interval '12 hours', 'host'
FROM generate_series(1, 30) a, generate_series(1, 3) r;
SELECT FROM posture.ingest();
INSERT INTO posture.metric (key, name, importance) VALUES
    ('frozen', 'Frozen', 'high'), ('one', 'One frozen', 'low'), ('live', 'Live', 'critical');
INSERT INTO posture.recommendation (source_id, key, title) SELECT source_id, 'r' || r, 'r' || r FROM posture.source, generate_series(1, 3) r WHERE key = 'live';
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM posture.metric m, posture.recommendation r
WHERE (m.key = 'frozen' AND r.key LIKE 'f%') OR (m.key = 'one' AND r.key = 'f1') OR (m.key = 'live' AND r.key LIKE 'r%');
INSERT INTO posture.initiative (key, name, method) VALUES
    ('weighted', 'W', 'weighted'), ('population', 'P', 'population'), ('frozen', 'F', 'weighted');
INSERT INTO posture.initiative_metric
SELECT i.initiative_id, m.metric_id FROM posture.initiative i, posture.metric m WHERE i.key <> 'frozen' OR m.key <> 'live';

CREATE SCHEMA crash;
-- what was delivered, written in the transaction that delivered it
CREATE TABLE crash.delivered (
    writer integer, seq integer, recommendation text, asset text, state text, observed_at timestamptz, details jsonb);
CREATE TABLE crash.loaded (loaded bigint, rejected bigint);
CREATE TABLE crash.noted (event_id integer, note text);
CREATE PROCEDURE crash.load() LANGUAGE sql AS
    'INSERT INTO crash.loaded SELECT loaded, rejected FROM posture.ingest()';
-- the same by a document
CREATE PROCEDURE crash.load(of_writer integer, of_seq integer) LANGUAGE sql AS $$
    INSERT INTO crash.loaded
    SELECT l.loaded, l.rejected
    FROM (SELECT jsonb_agg(jsonb_build_object('type', 'finding', 'source', 'live', 'recommendation', recommendation, 'asset', asset, 'state', state,
                                              'observed_at', observed_at, 'details', details)) AS document
          FROM crash.delivered WHERE writer = of_writer AND seq = of_seq) d
    CROSS JOIN LATERAL posture.load('posture', d.document) l;
$$;
-- a past day, but the first, is taken again by run_daily()
CREATE PROCEDURE crash.forget(ago integer) LANGUAGE sql AS $$
    LOCK TABLE posture.snapshot IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM posture.snapshot WHERE day = posture.today() - ago;
    DELETE FROM posture.recommendation_snapshot WHERE day = posture.today() - ago;
    DELETE FROM posture.metric_snapshot WHERE day = posture.today() - ago;
    DELETE FROM posture.initiative_snapshot WHERE day = posture.today() - ago;
    DELETE FROM posture.initiative_metric_snapshot WHERE day = posture.today() - ago;
$$;
CREATE PROCEDURE crash.note(text) LANGUAGE sql AS $$
    WITH e AS (SELECT event_id FROM posture.event ORDER BY random() LIMIT 1),
         d AS (DELETE FROM crash.noted USING e WHERE noted.event_id = e.event_id)
    INSERT INTO crash.noted SELECT event_id, $1 FROM e;
    SELECT posture.acknowledge(event_id, note) FROM crash.noted WHERE note = $1;
$$;

-- after a nap, the process of a role as soon as it is somewhere inside a
-- transaction that writes; NULL: it has none for a second or so
CREATE FUNCTION crash.catch(role text, nap float, is_end boolean) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    caught integer;
BEGIN
    FOR i IN 1 .. 200 LOOP
        PERFORM pg_sleep(nap), pg_stat_clear_snapshot();
        SELECT pid INTO caught FROM pg_stat_activity WHERE application_name = role AND backend_xid IS NOT NULL;
        IF FOUND AND (NOT is_end OR pg_terminate_backend(caught)) THEN
            RETURN caught;
        END IF;
        nap := 0.005;
    END LOOP;
    RETURN NULL;
END $$;

CREATE VIEW crash.finding AS
    SELECT r.key::text AS recommendation, a.key::text AS asset, f.state::text AS state, f.details
    FROM posture.finding f JOIN posture.recommendation r USING (recommendation_id) JOIN posture.asset a USING (asset_id)
    WHERE r.key NOT LIKE 'f%';
-- the newest of what was delivered, is no longer in the inbox and could be loaded
CREATE VIEW crash.newest AS
    SELECT DISTINCT ON (recommendation, asset) recommendation, asset, state, details
    FROM (SELECT recommendation, asset, state, observed_at, details FROM crash.delivered
          EXCEPT ALL
          SELECT recommendation, asset, state, observed_at, details FROM posture.inbox) d
    WHERE state <> 'bad'
    ORDER BY recommendation, asset, observed_at DESC;
CREATE VIEW crash.live AS
    SELECT metric_id, count(DISTINCT asset_id) FILTER (WHERE state = 'non_compliant') AS exposed,
           count(DISTINCT asset_id) FILTER (WHERE state <> 'not_applicable') AS assessed
    FROM posture.metric LEFT JOIN posture.metric_recommendation USING (metric_id) LEFT JOIN posture.finding USING (recommendation_id)
    GROUP BY metric_id;
CREATE VIEW crash.frozen AS
    SELECT s.day, m.metric_id, count(DISTINCT f.asset_id) FILTER (WHERE f.state = 'non_compliant') AS exposed,
           count(DISTINCT f.asset_id) AS assessed
    FROM posture.snapshot s CROSS JOIN posture.metric m
    LEFT JOIN (posture.metric_recommendation mr JOIN posture.finding f USING (recommendation_id))
      ON mr.metric_id = m.metric_id AND f.changed_at < posture.day_end(s.day)
    WHERE m.key <> 'live'
    GROUP BY s.day, m.metric_id;
CREATE VIEW crash.initiative AS
    SELECT b.day, b.initiative_id,
           CASE WHEN i.key = 'population'
                THEN round(100 * sum(b.weight * (m.assessed - m.exposed)) / nullif(sum(b.weight * m.assessed), 0), 6)
                ELSE round(sum(b.weight * m.score) / nullif(sum(b.weight) FILTER (WHERE m.score IS NOT NULL), 0), 6) END AS score
    FROM posture.initiative_metric_snapshot b
    JOIN posture.metric_snapshot m USING (day, metric_id)
    JOIN posture.initiative i USING (initiative_id)
    GROUP BY b.day, b.initiative_id, i.key;

-- one statement, one snapshot: writers go on meanwhile
CREATE VIEW crash.fault AS
    SELECT 'kept finding' AS fault, x::text AS item FROM (TABLE crash.finding EXCEPT ALL TABLE crash.newest) x
    UNION ALL
    SELECT 'missing finding', x::text FROM (TABLE crash.newest EXCEPT ALL TABLE crash.finding) x
    UNION ALL
    SELECT 'kept score', x::text FROM (SELECT metric_id, exposed, assessed FROM posture_internal.metric_state('infinity') EXCEPT ALL TABLE crash.live) x
    UNION ALL
    SELECT 'score of the findings', x::text FROM (TABLE crash.live EXCEPT ALL SELECT metric_id, exposed, assessed FROM posture_internal.metric_state('infinity')) x
    UNION ALL
    SELECT 'verify', x::text FROM posture.verify() x
    UNION ALL
    SELECT 'rows not loaded just once', n::text
    FROM (SELECT (SELECT count(*) FROM crash.delivered) - (SELECT count(*) FROM posture.inbox)
               - (SELECT coalesce(sum(loaded + rejected), 0) FROM crash.loaded) AS n) x WHERE n <> 0
    UNION ALL
    SELECT 'rejected rows', n::text
    FROM (SELECT (SELECT count(*) FROM posture.rejected) - (SELECT coalesce(sum(rejected), 0) FROM crash.loaded) AS n) x WHERE n <> 0
    UNION ALL
    SELECT 'half a snapshot', x::text
    FROM (SELECT s.day, (SELECT count(*) FROM posture.metric_snapshot m WHERE m.day = s.day) AS metrics,
                 (SELECT count(*) FROM posture.initiative_snapshot m WHERE m.day = s.day) AS initiatives,
                 (SELECT count(*) FROM posture.initiative_metric_snapshot m WHERE m.day = s.day) AS members,
                 (SELECT count(*) FROM posture.recommendation_snapshot m WHERE m.day = s.day) AS recommendations
          FROM posture.snapshot s) x
    WHERE (metrics, initiatives, members) <> (3, 3, 8) OR recommendations = 0
    UNION ALL
    SELECT 'rows of no snapshot', x::text
    FROM (SELECT day FROM posture.metric_snapshot UNION SELECT day FROM posture.initiative_snapshot
          UNION SELECT day FROM posture.initiative_metric_snapshot UNION SELECT day FROM posture.recommendation_snapshot
          EXCEPT SELECT day FROM posture.snapshot) x
    UNION ALL
    SELECT 'kept metric', x::text
    FROM (SELECT day, metric_id, exposed, assessed FROM posture.metric_snapshot JOIN posture.metric USING (metric_id) WHERE metric.key <> 'live'
          EXCEPT ALL TABLE crash.frozen) x
    UNION ALL
    SELECT 'missing metric', x::text
    FROM (TABLE crash.frozen
          EXCEPT ALL SELECT day, metric_id, exposed, assessed FROM posture.metric_snapshot JOIN posture.metric USING (metric_id) WHERE metric.key <> 'live') x
    UNION ALL
    SELECT 'score of a metric', x::text FROM posture.metric_snapshot x
    WHERE score::numeric IS DISTINCT FROM round(100 * (assessed - exposed) / nullif(assessed, 0), 6)
    UNION ALL
    SELECT 'kept initiative', x::text
    FROM (SELECT day, initiative_id, score::numeric FROM posture.initiative_snapshot EXCEPT ALL TABLE crash.initiative) x
    UNION ALL
    SELECT 'missing initiative', x::text
    FROM (TABLE crash.initiative EXCEPT ALL SELECT day, initiative_id, score::numeric FROM posture.initiative_snapshot) x
    UNION ALL
    SELECT 'event twice', x::text
    FROM (SELECT kind, CASE WHEN kind <> 'new_initiative' THEN day END, metric_id, initiative_id FROM posture.event
          GROUP BY 1, 2, 3, 4 HAVING count(*) > 1) x
    UNION ALL
    SELECT 'parts do not sum to the drop', x::text
    FROM (SELECT e.event_id, e.drop, sum(c.points) AS parts
          FROM posture.event e LEFT JOIN posture.event_cause c USING (event_id)
          WHERE e.kind = 'initiative_score_drop' GROUP BY e.event_id) x
    WHERE parts IS DISTINCT FROM drop
    UNION ALL
    SELECT 'note is gone', x::text
    FROM (SELECT event_id, note FROM crash.noted EXCEPT SELECT event_id, note FROM posture.event) x
    UNION ALL
    SELECT 'failed run', x::text FROM posture.run x WHERE outcome <> 'ok'
    UNION ALL
    SELECT 'temporary table', relname FROM pg_class WHERE relpersistence = 't';
SQL
my $base = $node->safe_psql('postgres', q{SELECT extract(epoch FROM posture.day_end(posture.today() - 1))::bigint});
$node->safe_psql('postgres', 'CALL posture.run_daily()');
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM posture.snapshot'), '>=', 5, 'days to begin with');
cmp_ok($node->safe_psql('postgres', q{SELECT count(*) FROM posture.event WHERE kind <> 'new_initiative'}), '>=', 3, 'and drops in them');

# Writers that deliver and load, one that keeps days and sets, and one that
# dumps. A psql reads a script of many transactions and says which of them were
# committed.
my (%seq, %acked, %running, %done, @errors);
my $dir = PostgreSQL::Test::Utils::tempdir();
my @roles = ((map { "writer $_" } 1 .. $writers), 'keeper');

sub delivery
{
	my ($writer) = @_;
	my $seq = ++$seq{$writer};
	my (@rows, @log);
	for my $i (1 .. 1 + int rand 12)
	{
		# findings are a writer's own, some assets are everybody's
		my $new = rand() < 0.05;
		my $recommendation = $new ? "r$writer of $writer" : 'r' . (1 + int rand 3);
		my $asset = $new ? 'shared ' . int($seq / 3) : "w$writer a" . int rand 60;
		my $state = (qw(compliant non_compliant not_applicable))[ rand 3 ];
		$state = 'bad' if rand() < 0.03;
		my $at = sprintf '%.6f', ($seq * 100 + $i) / 1_000;
		my $details = qq("{""n"": $seq}");
		push @rows, "live,$recommendation,$asset,$state,AT$at,$details";
		push @log, "$writer,$seq,$recommendation,$asset,$state,AT$at,$details";
	}
	for (@rows, @log)
	{
		s/AT([\d.]+)/sprintf('%s', stamp($1))/e;
	}
	my $copy = "COPY posture.inbox (source, recommendation, asset, state, observed_at, details) FROM STDIN (FORMAT csv);\n"
	  . join("\n", @rows) . "\n\\.\nCOPY crash.delivered FROM STDIN (FORMAT csv);\n" . join("\n", @log) . "\n\\.\n";
	# a breath, so that the machine has time for more than these
	$copy = "SELECT FROM pg_sleep(0.01);\nBEGIN;\n$copy";
	return "${copy}CALL crash.load($writer, $seq);\nCOMMIT;\n\\echo ack $seq\n" =~ s/^COPY posture.inbox.*?^\\\.\n//smr if rand() < 0.2;
	return rand() < 0.5
	  ? "${copy}CALL crash.load();\nCOMMIT;\n\\echo ack $seq\n"
	  : "${copy}COMMIT;\n\\echo ack $seq\nCALL crash.load();\n";
}

# seconds since the day began, as a literal in UTC
sub stamp
{
	my ($seconds) = @_;
	my $at = $base + $seconds;
	my @t = gmtime(int $at);
	return sprintf '%04d-%02d-%02d %02d:%02d:%02d.%06d+00', $t[5] + 1900, $t[4] + 1, @t[ 3, 2, 1, 0 ], ($at - int $at) * 1_000_000;
}

sub keeping
{
	my $seq = ++$seq{keeper};
	return join '', map { "$_;\n" } (
		(rand() < 0.7 ? sprintf('CALL crash.forget(%d)', 1 + int rand 4) : ()),
		# all slices are to be counted anew
		(rand() < 0.3 ? q{UPDATE posture.metric SET criticality_weights = CASE WHEN criticality_weights IS NULL THEN '{1,1,1,1}'::integer[] END WHERE key = 'live'} : ()),
		(rand() < 0.3 ? 'SELECT FROM posture.fold()' : ()),
		(rand() < 0.3 ? 'SELECT FROM posture.rebuild()' : ()),
		'CALL posture.run_daily()', 'SELECT FROM posture.take_snapshot()',
		(rand() < 0.3 ? "CALL crash.note('note $seq')" : ()));
}

sub begin
{
	my ($role) = @_;
	my $script = '';
	$script .= $role =~ /(\d+)/ ? delivery($1) : keeping() for 1 .. 150;
	my $file = "$dir/" . ($role =~ s/ /_/r);
	open my $sql, '>', "$file.sql" or die "$file.sql: $!";
	print $sql $script;
	close $sql;
	my $pid = fork // die "fork: $!";
	if (!$pid)
	{
		$ENV{PGAPPNAME} = $role;
		open STDOUT, '>', "$file.out" or die;
		open STDERR, '>', "$file.err" or die;
		exec 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', "$file.sql"
		  or POSIX::_exit(127);
	}
	$running{$role} = { pid => $pid, file => $file };
	return;
}

# takes what a psql that ended, or is about to, had to say, and begins anew
sub settle
{
	my ($role, $again) = @_;
	my $run = $running{$role} or return;
	waitpid $run->{pid}, 0 unless $run->{ended};
	my ($writer) = $role =~ /(\d+)/;
	push @{ $acked{$writer} }, slurp_file("$run->{file}.out") =~ /^ack (\d+)$/mg if $writer;
	push @errors, "$role: $_" for grep { /ERROR:/ } split /\n/, slurp_file("$run->{file}.err");
	delete $running{$role};
	begin($role) if $again;
	return;
}

# lets the writers work for a while
sub let_them_work
{
	my ($seconds) = @_;
	my $until = time + $seconds;
	do
	{
		for my $role (@roles)
		{
			my $run = $running{$role};
			$run->{ended} ||= waitpid($run->{pid}, WNOHANG) == $run->{pid};
			settle($role, 1) if $run->{ended};
		}
		sleep 0.01;
	} while (time < $until);
	return;
}

# A dump is begun, and pg_dump, its backend or the server killed before it ends;
# or it ends, and what it holds is as sound as what it was taken of.
sub dump_and_kill
{
	my ($what) = @_;
	my $pid = fork // die "fork: $!";
	if (!$pid)
	{
		@SIG{qw(INT TERM HUP)} = ('DEFAULT') x 3;
		open STDERR, '>', "$dir/dump.err" or die;
		exec 'pg_dump', '-Fc', '-f', "$dir/dump", $node->connstr('postgres') or POSIX::_exit(127);
	}
	if ($what eq 'nothing')
	{
		waitpid $pid, 0;
		is($?, 0, 'a dump beside writers is finished') or diag(slurp_file("$dir/dump.err"));
		$node->safe_psql('template1', 'CREATE DATABASE restored');
		$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), "$dir/dump" ], 'and restored');
		$node->safe_psql('restored', 'SELECT FROM posture.rebuild()');
		is($node->safe_psql('restored', 'TABLE crash.fault'), '', 'nothing is lost, doubled or half done in it');
		is($node->safe_psql('restored', 'SELECT count(*) > 0 FROM crash.finding'), 't', 'and something is there');
		$node->safe_psql('template1', 'DROP DATABASE restored');
		return;
	}
	sleep 0.02 + rand($what eq 'backend' ? 0.1 : 0.4);
	$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pg_dump'}) if $what eq 'backend';
	kill 'KILL', $pid if $what eq 'client';
	kill_server($node) if $what eq 'server';
	waitpid $pid, 0;
	$done{ $? ? "pg_dump by its $what" : 'pg_dump too late' }++;
	return;
}

# the process that a crash of any backend has replaced; '': the server is not up
sub checkpointer
{
	my ($out) = run_command([ 'psql', '-XAtq', '-d', $node->connstr('postgres'),
		'-c', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer' AND NOT pg_is_in_recovery()} ]);
	return $out;
}

# the whole server, a dump, a kill -9, or (most of them) one backend's end
my @plan = shuffle(('server') x max(2, int($kills / 25)), ('dump') x max(4, int($kills / 20)), ('kill') x int($kills / 12));
@plan = shuffle(@plan, ('terminate') x ($kills - @plan));
my $next_dump = 0;
my $rounds = 0;
# nothing is left behind, also by a test that is ended: END stops the server
@SIG{qw(INT TERM HUP)} = (sub { exit 1 }) x 3;
END { kill 'TERM', map { $_->{pid} } values %running if %running }
begin($_) for @roles;
my $started = time;
for my $how (@plan)
{
	let_them_work($how eq 'server' ? 0.05 + rand 0.5 : 0);
	my $role = $roles[ rand @roles ];
	my $was_up = checkpointer();
	if ($how eq 'server')
	{
		if (rand() < 0.5)
		{
			kill_server($node);
			$how = 'kill -9 of the postmaster';
		}
		else
		{
			$node->stop('immediate');
			$node->start;
			$how = 'immediate stop';
		}
	}
	elsif ($how eq 'dump')
	{
		$role = 'a dump';
		dump_and_kill((qw(nothing client backend server))[ $next_dump++ % 4 ]);
	}
	else
	{
		my $pid = '';
		# what is dear to kill is killed as often as what there is most of
		$role = 'keeper' if rand() < 0.2;
		# a script may have come to its end: then it begins anew
		for (1 .. 20)
		{
			$pid = $node->safe_psql('postgres',
				sprintf q{SELECT crash.catch('%s', %f, %s)}, $role, 0.02 + rand 0.2, $how eq 'kill' ? 'false' : 'true');
			last if $pid ne '';
			let_them_work(0);
		}
		next if $pid eq '';
		kill 'KILL', $pid if $how eq 'kill';
		$how = $how eq 'kill' ? 'kill -9 of a backend' : 'end of a backend';
	}
	$rounds++;
	$done{$how}++ unless $how eq 'dump';
	if ($how eq 'end of a backend')
	{
		settle($role, 1) if $running{$role};
	}
	else
	{
		if ($how eq 'kill -9 of a backend')
		{
			for (1 .. 600)
			{
				last if checkpointer() !~ /^(|\Q$was_up\E)$/;
				sleep 0.1;
			}
		}
		my $is_up = checkpointer();
		BAIL_OUT('the server did not come back') if $is_up eq '';
		# after a dump alone they are still at work
		if ($is_up ne $was_up)
		{
			settle($_, 1) for @roles;
		}
	}
	my $fault = $node->safe_psql('postgres', 'SELECT * FROM crash.fault LIMIT 20');
	is($fault, '', "nothing lost, doubled or half done after $how of $role") or last;
}
my $took = time - $started;

# the end: writers stop, what is left is loaded
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ~ 'writer|keeper'});
settle($_, 0) for @roles;
is(join("\n", @errors), '', 'no statement failed of itself');
is($rounds, $kills, 'all kills were done');
my %committed = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', 'SELECT DISTINCT writer, seq FROM crash.delivered');
my @lost = grep { !$committed{$_} } map { my $w = $_; map { "$w|$_" } @{ $acked{$w} } } keys %acked;
is("@lost", '', 'every delivery that was acknowledged is there');
my $acked = sum0(map { scalar @$_ } values %acked);
cmp_ok($acked, '>', 0, 'and there were some');

$node->safe_psql('postgres', 'CALL crash.load(); CALL posture.run_daily(); SELECT FROM posture.take_snapshot()');
is($node->safe_psql('postgres', 'SELECT count(*) FROM posture.inbox'), '0', 'the inbox is empty in the end');
is($node->safe_psql('postgres', 'TABLE crash.fault'), '', 'all that was delivered is loaded');
diag(sprintf '%d rounds (%s) in %.0f s, %d deliveries acknowledged, %s rows loaded, %s days kept in %s runs',
	$rounds, join(', ', map { "$done{$_} $_" } sort keys %done), $took, $acked,
	split(/\|/, $node->safe_psql('postgres', 'SELECT sum(loaded), (SELECT count(*) FROM posture.snapshot), (SELECT count(*) FROM posture.run) FROM crash.loaded')));

$node->restart;
my @orphans = glob $node->data_dir . '/base/*/t[0-9]*_*';
is("@orphans", '', 'no file of a temporary table is left');
$node->stop;
done_testing();

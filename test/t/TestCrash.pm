# What the tests of crashes share: a warehouse, writers that deliver, load, fold, rebuild
# and take snapshots while processes are killed, and a view of all that a crash could
# break. Its rows are errors: a delivery is lost, loaded twice or loaded by half.
package TestCrash;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Utils;
use Test::More;
use TestOracle;
use TestPosture;
use TestWorkers;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(crash_node $node $workers @roles restart_worker restart_all let_them_work
  checkpointer is_sound end_of_work);
our ($node, $workers, @roles);

my ($base, %seq, %acked, @errors);

# Starts the server and the workers: so many writers that deliver and load, and a keeper
# of days and sets.
sub crash_node
{
	my ($name, $writers) = @_;
	$node = new_node($name, <<'CONF');
fsync = on
restart_after_crash = on
shared_buffers = 32MB
CONF
	$node->safe_psql('postgres', "CREATE EXTENSION posture;\n" . oracle_sql() . warehouse_sql());
	$base = $node->safe_psql('postgres',
		q{SELECT extract(epoch FROM posture.day_end(posture.today() - 1))::bigint});
	$node->safe_psql('postgres', 'CALL posture.run_daily()');
	cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM posture.snapshot'),
		'>=', 5, 'days to begin with');
	cmp_ok($node->safe_psql('postgres', q{SELECT count(*) FROM posture.event
		WHERE kind <> 'new_initiative'}), '>=', 3, 'with drops');
	@roles = ((map { "writer $_" } 1 .. $writers), 'keeper');
	$workers = TestWorkers->new($node, 'postgres');
	start_worker($_) for @roles;
	return;
}

sub warehouse_sql
{
	return <<'SQL' =~ s/FORGET/retake_day_sql('ago')/er;
SELECT FROM posture.backfill(posture.today() - 9);
INSERT INTO posture.source (key, name) VALUES ('live', 'Live'), ('frozen', 'Frozen');

-- Findings of past days that nobody changes, so that their snapshots are known. Their
-- assets are in three slices, which the job folds one by one.
INSERT INTO posture.asset (asset_id, key, name, kind) OVERRIDING SYSTEM VALUE
SELECT a + a % 3 * 1048576, 'frozen' || a, 'F', 'host' FROM generate_series(1, 30) a;
ALTER TABLE posture.asset ALTER asset_id RESTART WITH 31;
INSERT INTO posture.inbox
SELECT 'frozen', 'f' || r, 'frozen' || a,
       CASE WHEN a % 7 < r THEN 'non_compliant' ELSE 'compliant' END,
       posture.day_end(posture.today() - 7) + (a * r % 6) * interval '1 day'
       + interval '12 hours', 'host'
FROM generate_series(1, 30) a, generate_series(1, 3) r;
SELECT FROM posture.ingest();
INSERT INTO posture.metric (key, name, importance) VALUES
    ('frozen', 'Frozen', 'high'), ('one', 'One frozen', 'low'), ('live', 'Live', 'critical');
INSERT INTO posture.recommendation (source_id, key, title)
SELECT source_id, 'r' || r, 'r' || r FROM posture.source, generate_series(1, 3) r
WHERE key = 'live';
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM posture.metric m, posture.recommendation r
WHERE (m.key = 'frozen' AND r.key LIKE 'f%') OR (m.key = 'one' AND r.key = 'f1')
   OR (m.key = 'live' AND r.key LIKE 'r%');
INSERT INTO posture.initiative (key, name, method) VALUES
    ('weighted', 'W', 'weighted'), ('population', 'P', 'population'),
    ('frozen', 'F', 'weighted');
INSERT INTO posture.initiative_metric
SELECT i.initiative_id, m.metric_id FROM posture.initiative i, posture.metric m
WHERE i.key <> 'frozen' OR m.key <> 'live';

CREATE SCHEMA crash;
-- what was delivered, written in the transaction that delivered it
CREATE TABLE crash.delivered (writer integer, seq integer, recommendation text, asset text,
    state text, observed_at timestamptz, details jsonb);
CREATE TABLE crash.loaded (loaded bigint, rejected bigint);
CREATE TABLE crash.noted (event_id integer, note text);
CREATE PROCEDURE crash.load() LANGUAGE sql AS
    'INSERT INTO crash.loaded SELECT loaded, rejected FROM posture.ingest()';
-- the same by a document
CREATE PROCEDURE crash.load(of_writer integer, of_seq integer) LANGUAGE sql AS $$
    INSERT INTO crash.loaded
    SELECT l.loaded, l.rejected
    FROM (SELECT jsonb_agg(jsonb_build_object('type', 'finding', 'source', 'live',
                     'recommendation', recommendation, 'asset', asset, 'state', state,
                     'observed_at', observed_at, 'details', details)) AS document
          FROM crash.delivered WHERE writer = of_writer AND seq = of_seq) d
    CROSS JOIN LATERAL posture.load('posture', d.document) l;
$$;
-- run_daily() takes the snapshot of a past day again, but for the first
CREATE PROCEDURE crash.forget(ago integer) LANGUAGE sql AS $$
    LOCK TABLE posture.snapshot IN SHARE ROW EXCLUSIVE MODE;
    FORGET
$$;
CREATE PROCEDURE crash.note(text) LANGUAGE sql AS $$
    WITH e AS (SELECT event_id FROM posture.event ORDER BY random() LIMIT 1),
         d AS (DELETE FROM crash.noted USING e WHERE noted.event_id = e.event_id)
    INSERT INTO crash.noted SELECT event_id, $1 FROM e;
    SELECT posture.acknowledge(event_id, note) FROM crash.noted WHERE note = $1;
$$;

-- Returns the process of a worker as soon as it is inside a transaction that writes,
-- after a nap; NULL if there is none for a second or so.
CREATE FUNCTION crash.catch(worker text, nap float, is_end boolean) RETURNS integer
    LANGUAGE plpgsql AS $$
DECLARE
    caught integer;
BEGIN
    FOR i IN 1 .. 200 LOOP
        PERFORM pg_sleep(nap), pg_stat_clear_snapshot();
        SELECT pid INTO caught FROM pg_stat_activity
        WHERE application_name = worker AND backend_xid IS NOT NULL;
        IF FOUND AND (NOT is_end OR pg_terminate_backend(caught)) THEN
            RETURN caught;
        END IF;
        nap := 0.005;
    END LOOP;
    RETURN NULL;
END $$;

CREATE VIEW crash.finding AS
    SELECT r.key::text AS recommendation, a.key::text AS asset, f.state::text AS state, f.details
    FROM posture.finding f
    JOIN posture.recommendation r USING (recommendation_id)
    JOIN posture.asset a USING (asset_id)
    WHERE r.key NOT LIKE 'f%';
-- the newest of what was delivered, is no longer in the inbox and could be loaded
CREATE VIEW crash.newest AS
    SELECT DISTINCT ON (recommendation, asset) recommendation, asset, state, details
    FROM (SELECT recommendation, asset, state, observed_at, details FROM crash.delivered
          EXCEPT ALL
          SELECT recommendation, asset, state, observed_at, details FROM posture.inbox) d
    WHERE state <> 'bad'
    ORDER BY recommendation, asset, observed_at DESC;
-- what the snapshots of the frozen metrics should be
CREATE VIEW crash.frozen AS
    SELECT s.day, m.metric_id,
           count(DISTINCT f.asset_id) FILTER (WHERE f.state = 'non_compliant') AS exposed,
           count(DISTINCT f.asset_id) AS assessed
    FROM posture.snapshot s CROSS JOIN posture.metric m
    LEFT JOIN (posture.metric_recommendation mr JOIN posture.finding f USING (recommendation_id))
      ON mr.metric_id = m.metric_id AND f.changed_at < posture.day_end(s.day)
    WHERE m.key <> 'live'
    GROUP BY s.day, m.metric_id;
CREATE VIEW crash.frozen_snapshot AS
    SELECT s.day, s.metric_id, s.exposed, s.assessed
    FROM posture.metric_snapshot s JOIN posture.metric m USING (metric_id) WHERE m.key <> 'live';
CREATE VIEW crash.initiative AS
    SELECT b.day, b.initiative_id,
           CASE WHEN i.key = 'population'
                THEN round(100 * sum(b.weight * (m.assessed - m.exposed))
                           / nullif(sum(b.weight * m.assessed), 0), 6)
                ELSE round(sum(b.weight * m.score)
                           / nullif(sum(b.weight) FILTER (WHERE m.score IS NOT NULL), 0), 6)
           END AS score
    FROM posture.initiative_metric_snapshot b
    JOIN posture.metric_snapshot m USING (day, metric_id)
    JOIN posture.initiative i USING (initiative_id)
    GROUP BY b.day, b.initiative_id, i.key;
CREATE VIEW crash.initiative_snapshot AS
    SELECT day, initiative_id, score::numeric FROM posture.initiative_snapshot;

CREATE VIEW crash.error AS
    SELECT 'finding that was not delivered' AS error, x::text AS item
    FROM (TABLE crash.finding EXCEPT ALL TABLE crash.newest) x
    UNION ALL
    SELECT 'missing finding', x::text FROM (TABLE crash.newest EXCEPT ALL TABLE crash.finding) x
    UNION ALL
    TABLE oracle.count_error
    UNION ALL
    TABLE oracle.verify_error
    UNION ALL
    SELECT 'rows not loaded just once', n::text
    FROM (SELECT (SELECT count(*) FROM crash.delivered) - (SELECT count(*) FROM posture.inbox)
               - (SELECT coalesce(sum(loaded + rejected), 0) FROM crash.loaded) AS n) x
    WHERE n <> 0
    UNION ALL
    SELECT 'rejected rows', n::text
    FROM (SELECT (SELECT count(*) FROM posture.rejected)
               - (SELECT coalesce(sum(rejected), 0) FROM crash.loaded) AS n) x
    WHERE n <> 0
    UNION ALL
    SELECT 'half a snapshot', x::text
    FROM (SELECT s.day,
                 (SELECT count(*) FROM posture.metric_snapshot m WHERE m.day = s.day) AS m,
                 (SELECT count(*) FROM posture.initiative_snapshot m WHERE m.day = s.day) AS i,
                 (SELECT count(*) FROM posture.initiative_metric_snapshot m
                  WHERE m.day = s.day) AS members,
                 (SELECT count(*) FROM posture.recommendation_snapshot m
                  WHERE m.day = s.day) AS recommendations
          FROM posture.snapshot s) x
    WHERE (m, i, members) <> (3, 3, 8) OR recommendations = 0
    UNION ALL
    SELECT 'rows of no snapshot', x::text
    FROM (SELECT day FROM posture.metric_snapshot UNION SELECT day FROM posture.initiative_snapshot
          UNION SELECT day FROM posture.initiative_metric_snapshot
          UNION SELECT day FROM posture.recommendation_snapshot
          EXCEPT SELECT day FROM posture.snapshot) x
    UNION ALL
    SELECT 'wrong metric', x::text
    FROM (TABLE crash.frozen_snapshot EXCEPT ALL TABLE crash.frozen) x
    UNION ALL
    SELECT 'missing metric', x::text
    FROM (TABLE crash.frozen EXCEPT ALL TABLE crash.frozen_snapshot) x
    UNION ALL
    SELECT 'score of a metric', x::text FROM posture.metric_snapshot x
    WHERE score::numeric
          IS DISTINCT FROM round(100 * (assessed - exposed) / nullif(assessed, 0), 6)
    UNION ALL
    SELECT 'wrong initiative', x::text
    FROM (TABLE crash.initiative_snapshot EXCEPT ALL TABLE crash.initiative) x
    UNION ALL
    SELECT 'missing initiative', x::text
    FROM (TABLE crash.initiative EXCEPT ALL TABLE crash.initiative_snapshot) x
    UNION ALL
    SELECT 'event twice', x::text
    FROM (SELECT kind, CASE WHEN kind <> 'new_initiative' THEN day END, metric_id, initiative_id
          FROM posture.event GROUP BY 1, 2, 3, 4 HAVING count(*) > 1) x
    UNION ALL
    SELECT 'parts do not sum to the drop', x::text
    FROM (SELECT e.event_id, e.drop, sum(c.points) AS parts
          FROM posture.event e LEFT JOIN posture.event_cause c USING (event_id)
          WHERE e.kind = 'initiative_score_drop' GROUP BY e.event_id) x
    WHERE parts IS DISTINCT FROM -drop
    UNION ALL
    SELECT 'note is lost', x::text
    FROM (SELECT event_id, note FROM crash.noted
          EXCEPT SELECT event_id, note FROM posture.event) x
    UNION ALL
    SELECT 'failed run', x::text FROM posture.run x WHERE outcome <> 'ok'
    UNION ALL
    TABLE oracle.temporary_table;
SQL
}

# Script of a writer: a delivery, by COPY into the inbox or as a document, in one
# transaction with its load or before it. It prints an acknowledgement after commit.
sub delivery
{
	my ($writer) = @_;
	my $seq = ++$seq{$writer};
	my (@rows, @log);
	for my $i (1 .. 1 + int rand 12)
	{
		# the findings are the writer's own, some assets are shared
		my $is_new = rand() < 0.05;
		my $recommendation = $is_new ? "r$writer of $writer" : 'r' . (1 + int rand 3);
		my $asset = $is_new ? 'shared ' . int($seq / 3) : "w$writer a" . int rand 60;
		my $state = (qw(compliant non_compliant not_applicable))[ rand 3 ];
		$state = 'bad' if rand() < 0.03;
		my $finding = join ',', $recommendation, $asset, $state,
		  stamp(($seq * 100 + $i) / 1_000), qq("{""n"": $seq}");
		push @rows, "live,$finding";
		push @log, "$writer,$seq,$finding";
	}
	# a pause, so that the machine has time for other work
	my $begin = "SELECT FROM pg_sleep(0.01);\nBEGIN;\n";
	my $copy = join "\n", "COPY posture.inbox (source, recommendation, asset, state, observed_at, "
	  . 'details) FROM STDIN (FORMAT csv);', @rows, "\\.\n";
	my $log = join "\n", 'COPY crash.delivered FROM STDIN (FORMAT csv);', @log, "\\.\n";
	my $ack = "\\echo ack $seq\n";
	return "${begin}${log}CALL crash.load($writer, $seq);\nCOMMIT;\n$ack" if rand() < 0.2;
	return rand() < 0.5
	  ? "${begin}$copy${log}CALL crash.load();\nCOMMIT;\n$ack"
	  : "${begin}$copy${log}COMMIT;\n${ack}CALL crash.load();\n";
}

# seconds since the day began, as a time in UTC
sub stamp
{
	my ($seconds) = @_;
	my $at = sprintf '%.6f', $base + $seconds;
	my @t = gmtime(int $at);
	return sprintf '%04d-%02d-%02d %02d:%02d:%02d%s+00',
	  $t[5] + 1900, $t[4] + 1, @t[ 3, 2, 1, 0 ], $at =~ /(\.\d+)/;
}

# script of the keeper
sub keeping
{
	my $seq = ++$seq{keeper};
	return join '', map { "$_;\n" } (
		(rand() < 0.7 ? sprintf('CALL crash.forget(%d)', 1 + int rand 4) : ()),
		# all slices are to be counted again
		(rand() < 0.3 ? q{UPDATE posture.metric SET criticality_weights = CASE
			WHEN criticality_weights IS NULL THEN '{1,1,1,1}'::integer[] END
			WHERE key = 'live'} : ()),
		(rand() < 0.3 ? 'SELECT FROM posture.fold()' : ()),
		(rand() < 0.3 ? 'SELECT FROM posture.rebuild()' : ()),
		'CALL posture.run_daily()', 'SELECT FROM posture.take_snapshot()',
		(rand() < 0.3 ? "CALL crash.note('note $seq')" : ()));
}

sub start_worker
{
	my ($role) = @_;
	my $script = '';
	$script .= $role =~ /(\d+)/ ? delivery($1) : keeping() for 1 .. 150;
	$workers->start($role, $script, '-v', 'ON_ERROR_STOP=1');
	return;
}

# Collects what a worker that has ended, or is about to, printed.
sub collect
{
	my ($role) = @_;
	my ($out, $err) = $workers->finish($role);
	push @{ $acked{$1} }, $out =~ /^ack (\d+)$/mg if $role =~ /(\d+)/;
	push @errors, "$role: $_" for grep { /ERROR:/ } split /\n/, $err;
	return;
}

sub restart_worker { collect($_[0]); start_worker($_[0]); return }
sub restart_all { restart_worker($_) for @roles; return }

# Lets the workers work for so many seconds; restarts each whose script has ended.
sub let_them_work
{
	my ($seconds) = @_;
	my $until = time + $seconds;
	do
	{
		for my $role (@roles)
		{
			restart_worker($role) unless $workers->is_running($role);
		}
		sleep 0.01;
	} while (time < $until);
	return;
}

# the process that every crash of a backend replaces; '' if the server is not up
sub checkpointer
{
	my ($out) = run_command([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c',
			q{SELECT pid FROM pg_stat_activity
			WHERE backend_type = 'checkpointer' AND NOT pg_is_in_recovery()} ]);
	return $out;
}

sub is_sound
{
	my ($name) = @_;
	return is($node->safe_psql('postgres', 'SELECT * FROM crash.error LIMIT 20'), '', $name);
}

# Ends the workers and loads what is left.
sub end_of_work
{
	my ($summary) = @_;
	$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE application_name ~ 'writer|keeper'});
	collect($_) for @roles;
	is(join("\n", @errors), '', 'no statement failed by itself');
	my %committed = map { $_ => 1 } split /\n/,
	  $node->safe_psql('postgres', 'SELECT DISTINCT writer, seq FROM crash.delivered');
	my @acked = map { my $w = $_; map { "$w|$_" } @{ $acked{$w} } } keys %acked;
	is(join(' ', grep { !$committed{$_} } @acked), '', 'no acknowledged delivery is lost');
	cmp_ok(scalar @acked, '>', 0, 'and there were some');

	$node->safe_psql('postgres',
		'CALL crash.load(); CALL posture.run_daily(); SELECT FROM posture.take_snapshot()');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM posture.inbox'),
		'0', 'the inbox is empty in the end');
	is_sound('everything that was delivered is loaded');
	my ($loaded, $days, $runs) = split /\|/, $node->safe_psql('postgres', <<'SQL');
SELECT sum(loaded), (SELECT count(*) FROM posture.snapshot), (SELECT count(*) FROM posture.run)
FROM crash.loaded
SQL
	diag("$summary, " . @acked . " deliveries acknowledged, $loaded rows loaded, "
		  . "$days days in $runs runs");

	$node->restart;
	my @orphans = glob $node->data_dir . '/base/*/t[0-9]*_*';
	is("@orphans", '', 'no file of a temporary table is left');
	$node->stop;
	return;
}

1;

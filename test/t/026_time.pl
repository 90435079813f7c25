# Time: days of random lengths and observations that come late, beside what
# plain SQL makes of all changes; a job that was down for a week, and was killed
# when it was back; retention that cuts while reports are read.
#
# POSTURE_ROUNDS: how many rounds of random days (3).
# POSTURE_SEED: what happens in them.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $rounds = $ENV{POSTURE_ROUNDS} // 3;
my $seed = $ENV{POSTURE_SEED} // (time ^ $$);
diag("POSTURE_ROUNDS=$rounds POSTURE_SEED=$seed");
srand($seed);

my $node = new_node('time', "fsync = off\njit = off\n");
$node->safe_psql('postgres', 'CREATE EXTENSION posture');
$node->safe_psql('postgres', <<'SQL');
CREATE SCHEMA sim;
CREATE FUNCTION sim.array_of(assets posture.assetset) RETURNS integer[] LANGUAGE sql AS $$ SELECT assets::integer[] $$;
CREATE TABLE sim.change (n bigint GENERATED ALWAYS AS IDENTITY, recommendation_id integer, asset_id integer, state posture.finding_state, at timestamptz);
CREATE TABLE sim.kept (day date, metric_id integer, assets posture.assetset, exposed numeric, assessed numeric);
CREATE TABLE sim.fault (round integer, what text);
CREATE FUNCTION sim.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR OLD.state <> NEW.state THEN
        INSERT INTO sim.change (recommendation_id, asset_id, state, at) VALUES (NEW.recommendation_id, NEW.asset_id, NEW.state, NEW.changed_at);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON posture.finding FOR EACH ROW EXECUTE FUNCTION sim.note();

-- how things stood at a moment, by the changes that are known
CREATE FUNCTION sim.stood(moment timestamptz) RETURNS TABLE (metric_id integer, exposed bigint, assessed bigint, assets integer[]) LANGUAGE sql AS $$
    WITH state AS (
        SELECT DISTINCT ON (c.recommendation_id, c.asset_id) c.*
        FROM sim.change c WHERE c.at < moment ORDER BY c.recommendation_id, c.asset_id, c.at DESC, c.n DESC)
    SELECT m.metric_id, count(DISTINCT s.asset_id) FILTER (WHERE s.state = 'non_compliant'), count(DISTINCT s.asset_id) FILTER (WHERE s.state <> 'not_applicable'),
           coalesce(array_agg(DISTINCT s.asset_id) FILTER (WHERE s.state = 'non_compliant'), '{}')
    FROM posture.metric m
    LEFT JOIN (posture.metric_recommendation b JOIN state s USING (recommendation_id) JOIN posture.asset a USING (asset_id))
           ON b.metric_id = m.metric_id AND (m.asset_kinds IS NULL OR a.kind = ANY (m.asset_kinds))
    GROUP BY m.metric_id $$;

-- the first moment at which the clock shows a later day
CREATE FUNCTION sim.ends(zone text, day date) RETURNS timestamptz LANGUAGE sql AS $$
    SELECT min(t) FROM generate_series(day::timestamp AT TIME ZONE 'UTC', (day + 3)::timestamp AT TIME ZONE 'UTC', '15 minutes') t WHERE (t AT TIME ZONE zone)::date > day $$;

CREATE PROCEDURE sim.take(round integer, zone text, of_day date) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM posture.take_snapshot(of_day);
    INSERT INTO sim.fault
    SELECT round, format('%s %s metric %s: %s of %s, not %s of %s; assets %s, not %s', zone, of_day, o.metric_id, s.exposed, s.assessed, o.exposed, o.assessed, posture.metric_assets(m.key, of_day), o.assets)
    FROM sim.stood(sim.ends(zone, of_day)) o JOIN posture.metric m USING (metric_id)
    LEFT JOIN posture.metric_snapshot s ON s.metric_id = o.metric_id AND s.day = of_day
    WHERE (s.exposed, s.assessed, sim.array_of(posture.metric_assets(m.key, of_day))) IS DISTINCT FROM (o.exposed, o.assessed, o.assets);
    INSERT INTO sim.kept SELECT of_day, m.metric_id, posture.metric_assets(m.key, of_day), s.exposed, s.assessed
    FROM posture.metric m LEFT JOIN posture.metric_snapshot s ON s.metric_id = m.metric_id AND s.day = of_day;
END $$;

CREATE PROCEDURE sim.begin_again() LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM posture.finding;
    PERFORM posture.fold();
    DELETE FROM posture_internal.finding_history; DELETE FROM posture.snapshot; DELETE FROM posture.metric_snapshot; DELETE FROM posture.initiative_snapshot;
    DELETE FROM posture.initiative_metric_snapshot; DELETE FROM posture.recommendation_snapshot; DELETE FROM posture.event; DELETE FROM posture.run;
    DELETE FROM sim.change; DELETE FROM sim.kept;
END $$;

CREATE PROCEDURE sim.check_events(round integer, zone text) LANGUAGE plpgsql AS $$
BEGIN
    -- a drop by the threshold or more is an event, once, and its causes sum to it
    INSERT INTO sim.fault
    SELECT round, format('%s %s %s %s: drop %s, event %s', zone, d.day, d.kind, d.object_id, d.drop, e.drop)
    FROM (SELECT 'metric_score_drop' AS kind, s.day, s.metric_id AS object_id, p.score::numeric - s.score::numeric AS drop
          FROM posture.metric_snapshot s JOIN posture.metric_snapshot p ON p.metric_id = s.metric_id AND p.day = s.day - 1
          UNION ALL
          SELECT 'initiative_score_drop', s.day, s.initiative_id, p.score::numeric - s.score::numeric
          FROM posture.initiative_snapshot s JOIN posture.initiative_snapshot p ON p.initiative_id = s.initiative_id AND p.day = s.day - 1) d
    FULL JOIN (SELECT * FROM posture.event WHERE kind <> 'new_initiative') e ON e.kind::text = d.kind AND e.day = d.day AND coalesce(e.metric_id, e.initiative_id) = d.object_id
    WHERE (d.drop >= 2) IS DISTINCT FROM (e.event_id IS NOT NULL) AND (d.drop IS NOT NULL OR e.event_id IS NOT NULL) OR e.drop <> d.drop;
    INSERT INTO sim.fault
    SELECT round, format('%s causes of event %s sum to %s, not %s', zone, e.event_id, sum(c.points), e.drop)
    FROM posture.event e LEFT JOIN posture.event_cause c ON c.event_id = e.event_id AND (e.initiative_id IS NOT NULL OR c.initiative_id IS NULL)
    WHERE e.kind <> 'new_initiative' GROUP BY e.event_id, e.drop HAVING sum(c.points) IS DISTINCT FROM e.drop;
END $$;

CREATE PROCEDURE sim.live(round integer, seed double precision, zone text, from_day date, days integer) LANGUAGE plpgsql AS $$
DECLARE
    start timestamptz;
    clock timestamptz;
    due date := from_day;
    lazy boolean;
BEGIN
    PERFORM setseed(seed), set_config('posture.timezone', zone, false);
    CALL sim.begin_again();
    start := sim.ends(zone, from_day - 1);
    lazy := random() < 0.4;
    INSERT INTO posture.inbox SELECT 's', 'r' || r, 'a' || a, 'compliant', start - interval '1 hour', CASE WHEN a % 3 = 0 THEN 'user' ELSE 'host' END
    FROM generate_series(1, 3) r, generate_series(1, 15) a WHERE random() < 0.8;
    PERFORM posture.ingest();
    clock := start;
    WHILE clock < sim.ends(zone, from_day + days) LOOP
        clock := clock + random() * interval '14 hours';
        -- days that have ended are taken at once, or after a while all of them
        IF NOT lazy OR random() < 0.1 THEN
            WHILE clock >= sim.ends(zone, due) LOOP
                CALL sim.take(round, zone, due);
                due := due + 1;
            END LOOP;
        END IF;
        INSERT INTO posture.inbox
        SELECT 's', 'r' || 1 + floor(random() * 3), 'a' || 1 + floor(random() * 15), (ARRAY['compliant', 'non_compliant', 'non_compliant', 'not_applicable'])[1 + floor(random() * 4)],
               CASE WHEN random() < 0.15 THEN (SELECT max(e) FROM unnest(ARRAY[start, sim.ends(zone, due - 1), sim.ends(zone, due - 2)]) e WHERE e <= clock)
                    ELSE clock - random() ^ 4 * interval '60 hours' END - CASE WHEN random() < 0.1 THEN interval '1 microsecond' ELSE '0' END
        FROM generate_series(1, 1 + floor(random() * 12)::integer);
        PERFORM posture.ingest();
        IF random() < 0.3 THEN PERFORM posture.fold(); END IF;
    END LOOP;
    WHILE due <= from_day + days LOOP
        CALL sim.take(round, zone, due);
        due := due + 1;
    END LOOP;
    INSERT INTO sim.fault
    SELECT round, format('%s %s metric %s is %s, was %s', zone, k.day, k.metric_id, posture.metric_assets(m.key, k.day), k.assets)
    FROM sim.kept k JOIN posture.metric m USING (metric_id) WHERE posture.metric_assets(m.key, k.day) OPERATOR(posture.<>) k.assets;
    INSERT INTO sim.fault SELECT round, zone || ' verify: ' || v::text FROM posture.verify() v;
    INSERT INTO sim.fault SELECT round, format('%s live metric %s', zone, o.metric_id) FROM sim.stood('infinity') o JOIN posture.metric m USING (metric_id)
    WHERE sim.array_of(posture.metric_assets(m.key)) <> o.assets;
    CALL sim.check_events(round, zone);
END $$;
INSERT INTO posture.source (key, name) VALUES ('s', 'S');
INSERT INTO posture.asset (key, name, kind) SELECT 'a' || n, 'A', CASE WHEN n % 3 = 0 THEN 'user' ELSE 'host' END FROM generate_series(1, 15) n;
INSERT INTO posture.recommendation (source_id, key, title) SELECT source_id, 'r' || n, 'R' FROM posture.source, generate_series(1, 3) n WHERE source.key = 's';
INSERT INTO posture.metric (key, name, importance, asset_kinds) VALUES ('m1', 'M', 'high', NULL), ('m2', 'M', 'low', '{host}'), ('m3', 'M', 'critical', NULL);
INSERT INTO posture.metric_recommendation SELECT m.metric_id, r.recommendation_id FROM posture.metric m, posture.recommendation r
WHERE (m.key, r.key) IN (('m1', 'r1'), ('m1', 'r2'), ('m2', 'r2'), ('m2', 'r3'), ('m3', 'r3'));
INSERT INTO posture.initiative (key, name, method) VALUES ('i1', 'I', 'weighted'), ('i2', 'I', 'population');
INSERT INTO posture.initiative_metric SELECT i.initiative_id, m.metric_id FROM posture.initiative i, posture.metric m;
SQL

# ---- random days, among them longer, shorter and missing ones ----

my @around = ([ 'Europe/Berlin', '2026-03-27' ], [ 'Europe/Berlin', '2026-10-23' ], [ 'Australia/Lord_Howe', '2026-04-03' ],
	[ 'Pacific/Apia', '2011-12-27' ], [ 'America/St_Johns', '2010-11-05' ], [ 'Asia/Magadan', '2014-10-24' ],
	[ 'Asia/Kathmandu', '2024-02-27' ], [ 'America/Asuncion', '2023-09-29' ], [ 'Africa/Cairo', '2026-04-22' ]);
my $begin = int rand @around;
my $days = 0;
for my $round (1 .. $rounds)
{
	my ($zone, $day) = @{ $around[ ($begin + $round) % @around ] };
	my $random = rand;
	$node->safe_psql('postgres', "SET client_min_messages = warning; CALL sim.live($round, $random, '$zone', '$day', 5)");
	$days += $node->safe_psql('postgres', 'SELECT count(DISTINCT day) FROM sim.kept');
}
is($node->safe_psql('postgres', 'SELECT * FROM sim.fault ORDER BY round, what'), '', "$rounds rounds: each day as plain SQL has it, each drop an event, once");
cmp_ok($days, '>=', 6 * $rounds, "$days days");

# ---- the job down for a week, writes going on ----

$node->safe_psql('postgres', q{CALL sim.begin_again(); INSERT INTO posture.recommendation (source_id, key, title) SELECT source_id, 'late', 'L' FROM posture.source WHERE key = 's'});
# each day something happened; today it goes on
$node->safe_psql('postgres', <<'SQL');
SELECT setseed(0.3);
INSERT INTO posture.inbox
SELECT 's', 'r' || 1 + floor(random() * 3), 'a' || 1 + floor(random() * 15), (ARRAY['compliant', 'non_compliant'])[1 + floor(random() * 2)],
       posture.day_end(posture.today() - 9) + n * interval '70 minutes'
FROM generate_series(1, 170) n;
SQL
# in the order of time, as it came
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE sim.delivery AS SELECT row_number() OVER (ORDER BY observed_at) AS n, i.* FROM posture.inbox i;
DELETE FROM posture.inbox;
DO $$
DECLARE
    part integer;
BEGIN
    FOR part IN 0 .. 17 LOOP
        INSERT INTO posture.inbox SELECT source, recommendation, asset, state, observed_at FROM sim.delivery WHERE n / 10 = part;
        PERFORM posture.ingest();
    END LOOP;
END $$;
SQL
my $dir = PostgreSQL::Test::Utils::tempdir();
my %psql;
sub start
{
	my ($name, @statements) = @_;
	open my $file, '>', "$dir/$name.sql" or die $!;
	print $file map { "$_;\n" } @statements;
	close $file;
	$psql{$name} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', "$dir/$name.sql" ],
		'>', "$dir/$name.out", '2>', "$dir/$name.err");
	return;
}
# what happens now, and what becomes known of the days that were missed
sub delivery
{
	my ($recommendation, $assets, $at) = @_;
	my $asset = $assets->[ rand @$assets ];
	my $state = qw(compliant non_compliant)[ rand 2 ];
	return "INSERT INTO posture.inbox VALUES ('s', '$recommendation', 'a$asset', '$state', $at); SELECT FROM posture.ingest()";
}
start('writer1', map { delivery('r' . (1 + int rand 3), [ 1 .. 7 ], 'NULL') } 1 .. 20000);
start('writer2', map { delivery('r' . (1 + int rand 3), [ 8 .. 15 ], 'NULL') } 1 .. 20000);
start('late', map { delivery('late', [ 1 .. 15 ], sprintf q{now() - interval '%d minutes'}, rand 12000) } 1 .. 20000);
start('reader', ('SELECT count(*) FROM posture.overview', 'SELECT count(*) FROM posture.score_history', 'SELECT count(*) FROM posture.event_report',
	q{SELECT posture.metric_assets('m1', posture.today() - 3) IS NULL}) x 5000);
$node->poll_query_until('postgres', 'SELECT last_value > 100 FROM posture.finding_delta_delta_id_seq');

# it is killed after a day or two, and again
my $due = $node->safe_psql('postgres', 'SELECT posture.today() - posture_internal.due_day()');
is($due, '8', 'eight days are due');
for my $done (1, 3)
{
	start("job$done", 'CALL posture.run_daily()');
	$node->poll_query_until('postgres', "SELECT count(*) >= $done FROM posture.run");
	$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'CALL posture.run_daily();'});
	$psql{"job$done"}->finish;
	delete $psql{"job$done"};
}
$node->safe_psql('postgres', 'CALL posture.run_daily()');
for my $name (sort keys %psql)
{
	ok($psql{$name}->pumpable, "$name was at it to the end");
	$psql{$name}->kill_kill;
	is(slurp_file("$dir/$name.err"), '', "$name met no error");
}
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'client backend'});
is($node->safe_psql('postgres', q{SELECT string_agg((posture.today() - day)::text, ' ' ORDER BY run_id) FROM posture.run WHERE outcome = 'ok'}), '8 7 6 5 4 3 2 1', 'each day once, oldest first');
is($node->safe_psql('postgres', 'SELECT count(*), count(*) FILTER (WHERE posture_internal.has_snapshot(day)), max(day) - min(day) + 1 FROM posture.snapshot'), '8|8|8', 'each has its snapshot');
is($node->safe_psql('postgres', q{SELECT s.day, s.metric_id, s.exposed, s.assessed, o.exposed, o.assessed
	FROM posture.metric_snapshot s CROSS JOIN LATERAL sim.stood(posture.day_end(s.day)) o
	WHERE o.metric_id = s.metric_id AND (o.exposed, o.assessed) IS DISTINCT FROM (s.exposed, s.assessed)}), '', 'and they are as things stood at the days\' ends');
is($node->safe_psql('postgres', q{CALL sim.check_events(0, 'week'); SELECT * FROM sim.fault}), '', 'each drop is an event, once, and its causes sum to it');
# what became known late is in a day's sets, or in those of a later one
is($node->safe_psql('postgres', 'SELECT posture.fold() IS NULL; SELECT * FROM posture.verify()'), 'f', 'what is kept is as it should be');
is($node->safe_psql('postgres', q{SELECT recommendation_id FROM
	(SELECT recommendation_id, assessed, exposed FROM posture_internal.finding_history UNION ALL SELECT recommendation_id, assessed, exposed FROM posture_internal.finding_set) v
	GROUP BY recommendation_id HAVING posture.cardinality(posture.xor_agg(assessed)) + posture.cardinality(posture.xor_agg(exposed)) > 0}), '', 'and all of it is on some day');

# ---- retention cuts while reports are read ----

$node->safe_psql('postgres', 'CALL sim.begin_again()');
$node->safe_psql('postgres', <<'SQL');
SET client_min_messages = warning;
INSERT INTO posture.inbox SELECT 's', 'r' || r, 'a' || a, 'compliant', posture.day_end(posture.today() - 32) + interval '1 hour' FROM generate_series(1, 3) r, generate_series(1, 15) a;
SELECT FROM posture.ingest();
DO $$
BEGIN
    FOR n IN 1 .. 30 LOOP
        INSERT INTO posture.inbox SELECT 's', 'r1', 'a' || 1 + n / 2, CASE n % 2 WHEN 0 THEN 'non_compliant' ELSE 'compliant' END, posture.day_end(posture.today() - 32 + n) + interval '1 hour';
        PERFORM posture.ingest();
    END LOOP;
    PERFORM posture.fold();
    PERFORM posture.take_snapshot(posture.today() - n) FROM generate_series(31, 2, -1) n;
END $$;
SQL
my ($in, $out, $err) = ('', '', '');
my $reader = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', '-' ], '<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(180));
sub ask { $out = ''; $in .= "$_[0]; SELECT 'end';\n"; $reader->pump until $out =~ s/^end\n\z//m || $err; return $out }
my $read = q{SELECT count(*), min(day), max(day), sum(score) FROM posture.score_history; SELECT count(*), count(cause), min(day) FROM posture.event_report;
	SELECT count(*), count(summary) FROM posture.day_report; SELECT string_agg(posture.metric_assets('m1', posture.today() - n)::text, ' ' ORDER BY n) FROM generate_series(1, 31) n;
	SELECT count(*), sum(e.points) FROM posture.event v CROSS JOIN LATERAL posture.explain(v.event_id) e; SELECT count(*) FROM posture.change_report('i1', posture.today() - 31, posture.today() - 2)};
ask('BEGIN ISOLATION LEVEL REPEATABLE READ');
my $was = ask($read);
my $history = ask('SELECT day, object, score FROM posture.score_history ORDER BY day, object');
ask('DECLARE c CURSOR FOR SELECT day, object, score FROM posture.score_history ORDER BY day, object');
my $fetched = ask('FETCH 7 FROM c');
# those who begin now meet no error either
start('reader', ($read =~ s/; SELECT count\(\*\) FROM posture\.change_report.*//sr) x 2000);
my $event = $node->safe_psql('postgres', 'SELECT min(event_id) FROM posture.event WHERE day = posture.today() - 5 AND drop > 0');
my $explained = $node->safe_psql('postgres', "SELECT * FROM posture.explain($event)");
isnt($explained, '', 'a drop that will be the oldest');
$node->safe_psql('postgres', 'SET posture.retention_days = 5; CALL posture.run_daily()');
is(ask($read), $was, 'who reads in one transaction goes on to read the same');
is($fetched . ask('FETCH ALL FROM c'), $history, 'a cursor goes on');
ask('COMMIT');
is($err, '', 'without an error');
my $session = delete $psql{reader};
ok($session->pumpable, 'other readers were at it');
$session->kill_kill;
is(slurp_file("$dir/reader.err"), '', 'and met none');
isnt(ask($read =~ s/; SELECT count\(\*\) FROM posture\.change_report.*//sr), $was, 'now the past is gone');
is(ask(q{SELECT posture.today() - min(day), count(DISTINCT day) FROM posture.score_history}), "5|5\n", 'but for five days');
is(ask(q{SELECT count(*) FROM posture.event_cause c WHERE NOT EXISTS (SELECT FROM posture.event e WHERE e.event_id = c.event_id)}), "0\n", 'causes went with their events');
is(ask("SELECT * FROM posture.explain($event)"), "$explained\n", 'what is left is explained, though the day before it is gone');
is(ask(q{SELECT posture.metric_assets('m1', posture.today() - 20) OPERATOR(posture.=) posture.metric_assets('m1', posture.today() - 6)}), "t\n", 'before it all is as on the first day that is kept');
is(ask('SELECT posture_internal.due_day() IS NULL; SET posture.retention_days = 36500; SELECT posture_internal.due_day() IS NULL; CALL posture.run_daily(); SELECT count(*) FROM posture.snapshot'), "t\nt\n5\n",
	'what was cut is not due again when retention grows');
is(ask('SELECT * FROM posture.verify()'), '', 'what is kept is as it should be');
$in .= "\\q\n";
$reader->finish;
for my $value (0, -1, 36501)
{
	my $e;
	$node->psql('postgres', "SELECT posture.today(); SET posture.retention_days = $value", stderr => \$e);
	like($e, qr/ERROR:  $value is outside the valid range for parameter "posture.retention_days" \(1 .. 36500\)/, "retention of $value days is refused");
}

$node->stop;
done_testing();

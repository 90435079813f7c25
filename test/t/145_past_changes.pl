# A snapshot has what was known of its day when it was taken: findings that are written in any
# order, with any time, deleted and moved, against a log of them in plain SQL. A closed day
# stays as it was.
# tests: store/finding_history, day/day_close, capture_finding.c
#
# POSTURE_ROUNDS: how many rounds (3). POSTURE_SEED repeats them.

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
my $node = new_node('past_changes', "posture.retention_days = 36500\n");

# two assets and a recommendation; asset 2 is compliant throughout
my $two = <<'SQL';
CREATE EXTENSION posture;
SELECT FROM posture.backfill('2000-01-01');
INSERT INTO posture.source (key, name) VALUES ('s', 'S');
INSERT INTO posture.recommendation (source_id, key, title) VALUES (1, 'r', 'R');
INSERT INTO posture.asset (key, name, kind) VALUES ('a', 'A', 'host'), ('b', 'B', 'host');
INSERT INTO posture.metric (key, name) VALUES ('m', 'M');
INSERT INTO posture.metric_recommendation VALUES (1, 1);
INSERT INTO posture.finding VALUES (1, 2, 'compliant', '2011-11-01Z');
SQL
my %case = (
	'deleted, inserted and updated' => [ 'UTC', '2011-11-10', '2011-11-11', '0 of 2',
		q{DELETE FROM posture.finding WHERE asset_id = 1},
		q{INSERT INTO posture.finding VALUES (1, 1, 'compliant', '2011-11-11 12:00Z')},
		q{UPDATE posture.finding SET state = 'non_compliant', changed_at = '2011-11-12 12:00Z' WHERE asset_id = 1} ],
	'updated three times' => [ 'UTC', '2011-11-10', '2011-11-11', '0 of 2',
		q{UPDATE posture.finding SET state = 'not_applicable', changed_at = '2011-11-15 12:00Z' WHERE asset_id = 1},
		q{UPDATE posture.finding SET state = 'compliant', changed_at = '2011-11-11 12:00Z' WHERE asset_id = 1},
		q{UPDATE posture.finding SET state = 'non_compliant', changed_at = '2011-11-12 12:00Z' WHERE asset_id = 1} ],
	# what is dated on a closed day counts on the next one, which never was
	'before a day that was skipped' => [ 'Pacific/Apia', '2011-12-29', '2011-12-30', '0 of 2',
		q{UPDATE posture.finding SET state = 'compliant', changed_at = '2011-12-29 12:00Z' WHERE asset_id = 1},
		q{UPDATE posture.finding SET state = 'non_compliant', changed_at = '2011-12-31 12:00Z' WHERE asset_id = 1} ],
	'not applicable after a deletion' => [ 'UTC', '2011-11-10', '2011-11-11', '0 of 1',
		q{DELETE FROM posture.finding WHERE asset_id = 1},
		q{INSERT INTO posture.finding VALUES (1, 1, 'not_applicable', '2011-11-11 12:00Z')},
		q{UPDATE posture.finding SET state = 'non_compliant', changed_at = '2011-11-12 12:00Z' WHERE asset_id = 1} ],
	'dated back, then changed' => [ 'UTC', '2011-11-10', '2011-11-11', '0 of 2',
		q{UPDATE posture.finding SET state = 'compliant', changed_at = '2011-11-15 12:00Z' WHERE asset_id = 1},
		q{UPDATE posture.finding SET changed_at = '2011-11-11 12:00Z' WHERE asset_id = 1},
		q{UPDATE posture.finding SET state = 'non_compliant', changed_at = '2011-11-12 12:00Z' WHERE asset_id = 1} ],
	'known after a later day was closed' => [ 'UTC', '2011-11-13', '2011-11-11', '0 of 2',
		q{UPDATE posture.finding SET state = 'compliant', changed_at = '2011-11-11 12:00Z' WHERE asset_id = 1},
		q{SELECT posture.take_snapshot('2011-11-14')},
		q{UPDATE posture.finding SET state = 'non_compliant', changed_at = '2011-11-15 12:00Z' WHERE asset_id = 1} ]);
my $n = 0;
foreach my $name (sort keys %case)
{
	my ($zone, $closed, $day, $expected, @changes) = @{ $case{$name} };
	# once with deltas pending, once folded after each change
	foreach my $fold ('', 'SELECT posture.fold();')
	{
		my $db = 'case' . ++$n;
		$node->safe_psql('postgres', "CREATE DATABASE $db; ALTER DATABASE $db SET posture.timezone = '$zone'");
		my $got = $node->safe_psql($db, $two . <<"SQL");
INSERT INTO posture.finding VALUES (1, 1, 'non_compliant', '2011-11-09 12:00Z');
SELECT FROM posture.take_snapshot('$closed');
@{[ map { "$_;\n$fold\n" } @changes ]}
SELECT FROM posture.take_snapshot('$day');
SELECT format('snapshot %s of %s, %s exposed; before it %s of %s; verify %s',
              s.exposed, s.assessed, posture.cardinality(posture.metric_assets('m', s.day)),
              c.exposed, c.assessed, (SELECT count(*) FROM posture.verify()))
FROM posture.metric_snapshot s, posture.metric_snapshot c
WHERE s.day = '$day' AND c.day = '$closed';
SQL
		my ($exposed) = $expected =~ /^(\d)/;
		is((split /\n/, $got)[-1],
			"snapshot $expected, $exposed exposed; before it 1 of 2; verify 0",
			$name . ($fold ? ', folded' : ''));
	}
}

# Random changes. sim.version is the log: since its day, the state of a finding has been this one.
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION posture;
SELECT FROM posture.backfill('2000-01-01');
INSERT INTO posture.source (key, name) VALUES ('s', 'S');
INSERT INTO posture.recommendation (source_id, key, title) SELECT 1, 'r' || n, 'R' FROM generate_series(1, 3) n;
-- two slices
INSERT INTO posture.asset (asset_id, key, name, kind) OVERRIDING SYSTEM VALUE
SELECT n % 2 * 1048576 + n, 'a' || n, 'A', 'host' FROM generate_series(1, 8) n;
INSERT INTO posture.metric (key, name) SELECT 'm' || n, 'M' FROM generate_series(1, 4) n;
INSERT INTO posture.metric_recommendation VALUES (1, 1), (2, 2), (3, 3), (4, 1), (4, 2);
CREATE SCHEMA sim;
CREATE TABLE sim.version (n bigint GENERATED ALWAYS AS IDENTITY, recommendation_id integer,
    asset_id integer, state posture.finding_state, day date);
CREATE TABLE sim.closed (day date, recommendation_id integer, asset_id integer, state posture.finding_state);
CREATE TABLE sim.fault (round integer, what text);
CREATE FUNCTION sim.note() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    is_moved boolean := TG_OP = 'UPDATE' AND (NEW.recommendation_id, NEW.asset_id) <> (OLD.recommendation_id, OLD.asset_id);
BEGIN
    IF TG_OP = 'DELETE' OR is_moved THEN
        INSERT INTO sim.version (recommendation_id, asset_id, day)
        VALUES (OLD.recommendation_id, OLD.asset_id, posture.today());
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO sim.version (recommendation_id, asset_id, state, day)
        VALUES (NEW.recommendation_id, NEW.asset_id, NEW.state,
                CASE WHEN is_moved THEN posture.today()
                     ELSE least(posture.today(), posture.day_of(NEW.changed_at)) END);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON posture.finding FOR EACH ROW EXECUTE FUNCTION sim.note();
-- what is known now of the end of a day
CREATE FUNCTION sim.known(of_day date) RETURNS TABLE (recommendation_id integer, asset_id integer, state posture.finding_state)
    LANGUAGE sql AS $$
    SELECT k.recommendation_id, k.asset_id, k.state
    FROM (SELECT DISTINCT ON (v.recommendation_id, v.asset_id) v.*
          FROM sim.version v WHERE v.day <= of_day
          ORDER BY v.recommendation_id, v.asset_id, v.n DESC) k
    WHERE k.state IS NOT NULL $$;
-- the assets of each metric on closed days, and now
CREATE VIEW sim.expected AS
SELECT k.day, b.metric_id, k.asset_id, bool_or(k.state = 'non_compliant') AS is_exposed
FROM (TABLE sim.closed
      UNION ALL SELECT NULL, f.recommendation_id, f.asset_id, f.state FROM posture.finding f) k
JOIN posture.metric_recommendation b USING (recommendation_id)
WHERE k.state <> 'not_applicable' GROUP BY 1, 2, 3;
CREATE PROCEDURE sim.compare(round integer, about text) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sim.fault
    WITH said AS MATERIALIZED (
        SELECT d.day, m.metric_id, posture.members(posture.metric_assets(m.key, d.day)) AS asset_id
        FROM posture.metric m, (SELECT day FROM posture.snapshot UNION ALL SELECT NULL) d
    ), right_ones AS MATERIALIZED (
        SELECT e.day, e.metric_id, e.asset_id FROM sim.expected e WHERE e.is_exposed
    )
    SELECT round, format('%s: exposed %s', about, x)
    FROM ((TABLE said EXCEPT ALL TABLE right_ones) UNION ALL (TABLE right_ones EXCEPT ALL TABLE said)) x;
    INSERT INTO sim.fault
    SELECT round, format('%s: day %s metric %s is %s of %s, not %s of %s', about, s.day, s.metric_id, s.exposed,
                         s.assessed, e.exposed, e.assessed)
    FROM posture.metric_snapshot s
    LEFT JOIN (SELECT day, metric_id, count(*) AS assessed, count(*) FILTER (WHERE is_exposed) AS exposed
               FROM sim.expected GROUP BY 1, 2) e USING (day, metric_id)
    WHERE (s.exposed, s.assessed) <> (coalesce(e.exposed, 0), coalesce(e.assessed, 0));
    INSERT INTO sim.fault SELECT round, format('%s: verify %s', about, v) FROM posture.verify() v;
END $$;
CREATE FUNCTION sim.one_of(VARIADIC of text[]) RETURNS text LANGUAGE sql VOLATILE
    AS 'SELECT of[1 + floor(random() * array_length(of, 1))::integer]';
CREATE FUNCTION sim.state() RETURNS posture.finding_state LANGUAGE sql VOLATILE
    AS $$ SELECT sim.one_of('compliant', 'non_compliant', 'not_applicable')::posture.finding_state $$;
-- a moment of the last eight days, or of today
CREATE FUNCTION sim.at() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS $$ SELECT posture.day_end(posture.today() - 1 - ceil(random() * 9)::integer) + random() * interval '23 hours' $$;
CREATE PROCEDURE sim.act() LANGUAGE plpgsql AS $$
DECLARE
    choice double precision := random();
    of_day date := posture.today() - ceil(random() * 7)::integer;
BEGIN
    IF choice < 0.3 THEN
        UPDATE posture.finding SET state = sim.state(), changed_at = sim.at() WHERE random() < 0.2;
    ELSIF choice < 0.4 THEN
        UPDATE posture.finding SET changed_at = sim.at() WHERE random() < 0.2;
    ELSIF choice < 0.55 THEN
        INSERT INTO posture.finding
        SELECT r, a.asset_id, sim.state(), sim.at() FROM generate_series(1, 3) r, posture.asset a WHERE random() < 0.3
        ON CONFLICT DO NOTHING;
    ELSIF choice < 0.65 THEN
        DELETE FROM posture.finding WHERE random() < 0.15;
    ELSIF choice < 0.7 THEN
        UPDATE posture.finding f SET recommendation_id = 1 + recommendation_id % 3, changed_at = sim.at()
        WHERE random() < 0.3 AND NOT EXISTS (SELECT FROM posture.finding o WHERE o.asset_id = f.asset_id
                                             AND o.recommendation_id = 1 + f.recommendation_id % 3);
    ELSIF choice < 0.85 THEN
        PERFORM posture.fold();
    ELSIF choice < 0.95 THEN
        IF NOT EXISTS (SELECT FROM posture.snapshot WHERE day = of_day) THEN
            PERFORM posture.take_snapshot(of_day);
            INSERT INTO sim.closed SELECT of_day, k.* FROM sim.known(of_day) k;
        END IF;
    ELSIF EXISTS (SELECT FROM posture.snapshot WHERE day = of_day) THEN
        PERFORM posture.forget_day(of_day);
        DELETE FROM sim.closed WHERE day = of_day;
    END IF;
END $$;
CREATE PROCEDURE sim.live(round integer, seed double precision) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM setseed(seed);
    DELETE FROM posture.finding;
    PERFORM posture.fold();
    DELETE FROM posture.snapshot;
    DELETE FROM posture.event;
    DELETE FROM posture_internal.finding_history;
    TRUNCATE sim.version, sim.closed;
    INSERT INTO posture.finding
    SELECT r, a.asset_id, sim.state(), posture.day_end(posture.today() - 20)
    FROM generate_series(1, 3) r, posture.asset a WHERE random() < 0.7;
    FOR step IN 1 .. 120 LOOP
        CALL sim.act();
        IF step % 8 = 0 THEN
            CALL sim.compare(round, 'step ' || step);
            EXIT WHEN EXISTS (SELECT FROM sim.fault);
        END IF;
    END LOOP;
END $$;
SQL
for my $round (1 .. $rounds)
{
	my $value = rand;
	is($node->safe_psql('postgres', "CALL sim.live($round, $value); SELECT * FROM sim.fault LIMIT 5"),
		'', "round $round, seed $value");
}
is($node->safe_psql('postgres', 'SELECT count(*) > 20, count(DISTINCT day) > 1 FROM sim.closed'),
	't|t', 'days were closed');

$node->stop;
done_testing();

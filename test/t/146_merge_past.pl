# An asset that is merged into another one counts as before on past days, also on those whose
# snapshot is taken after the merge, and once from today on.
# tests: catalog/asset_alias, capture_finding.c
#
# POSTURE_ROUNDS: how many rounds (6). POSTURE_SEED repeats them.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $rounds = $ENV{POSTURE_ROUNDS} // 6;
my $seed = $ENV{POSTURE_SEED} // (time ^ $$);
diag("POSTURE_ROUNDS=$rounds POSTURE_SEED=$seed");
srand($seed);
my $node = new_node('merge_past');
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION posture;
SELECT FROM posture.backfill(posture.today() - 9);
INSERT INTO posture.source (key, name) VALUES ('s', 'S');
INSERT INTO posture.recommendation (source_id, key, title) SELECT 1, 'r' || n, 'R' FROM generate_series(1, 4) n;
INSERT INTO posture.metric (key, name) SELECT 'm' || n, 'M' FROM generate_series(1, 5) n;
INSERT INTO posture.metric_recommendation
SELECT n, n FROM generate_series(1, 4) n UNION ALL SELECT 5, n FROM generate_series(1, 4) n;
INSERT INTO posture.initiative (key, name) VALUES ('i', 'I');
INSERT INTO posture.initiative_metric SELECT 1, n FROM generate_series(1, 5) n;
CREATE SCHEMA sim;
CREATE FUNCTION sim.start(ago integer) RETURNS timestamptz LANGUAGE sql
    AS $$ SELECT posture.day_end(posture.today() - ago - 1) $$;
-- a world in which nothing has changed for three days, but perhaps today
CREATE PROCEDURE sim.world(round integer, seed double precision, closed integer) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM setseed(seed);
    DELETE FROM posture.finding;
    PERFORM posture.fold();
    DELETE FROM posture.snapshot;
    DELETE FROM posture.event;
    DELETE FROM posture.exemption;
    DELETE FROM posture_internal.finding_history;
    INSERT INTO posture.asset (key, name, kind, first_seen)
    SELECT format('%s-%s', round, n), 'A', 'host', sim.start(9) FROM generate_series(1, 6) n;
    INSERT INTO posture.finding
    SELECT r, a.asset_id, (ARRAY['compliant', 'non_compliant', 'not_applicable'])[ceil(random() * 3)]::posture.finding_state,
           sim.start(4) + random() * interval '20 hours'
    FROM generate_series(1, 4) r, posture.asset a WHERE a.key LIKE round || '-%' AND random() < 0.8;
    INSERT INTO posture.exemption (recommendation_id, asset_id, kind, reason, created_at, expires_at)
    SELECT r, a.asset_id, k.kind, 'test', sim.start(4), CASE WHEN random() < 0.5 THEN sim.start(n) END
    FROM generate_series(1, 4) r, posture.asset a, unnest(enum_range(NULL::posture.exemption_kind)) k(kind),
         LATERAL (SELECT floor(random() * 4)::integer - 1 + 0 * r AS n) e
    WHERE a.key LIKE round || '-%' AND random() < 0.15;
    PERFORM posture.take_snapshot(posture.today() - ago) FROM generate_series(3, closed, -1) ago;
    UPDATE posture.finding SET state = 'non_compliant', changed_at = sim.start(0) + interval '1 second' WHERE random() < 0.1;
END $$;
-- what the snapshots that are missing would have
CREATE FUNCTION sim.days() RETURNS TABLE (ago integer, object text, score text, exposed numeric, assessed numeric)
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM posture.take_snapshot(posture.today() - n) FROM generate_series(3, 1, -1) n;
    RETURN QUERY
    SELECT posture.today() - s.day, 'm' || s.metric_id, s.score::text, s.exposed, s.assessed FROM posture.metric_snapshot s
    UNION ALL
    SELECT posture.today() - s.day, 'i', s.score::text, NULL, NULL FROM posture.initiative_snapshot s
    UNION ALL
    SELECT posture.today() - e.day, 'event ' || e.kind, e.drop::text, NULL, NULL FROM posture.event e WHERE e.kind <> 'new_initiative';
END $$;
-- plain SQL, without exemptions: two assets before the merge
CREATE TABLE sim.plain (metric_id integer, exposed bigint, assessed bigint);
CREATE VIEW sim.counted AS
SELECT b.metric_id, count(DISTINCT f.asset_id) FILTER (WHERE f.state = 'non_compliant') AS exposed,
       count(DISTINCT f.asset_id) AS assessed
FROM posture.finding f JOIN posture.metric_recommendation b USING (recommendation_id)
WHERE f.state <> 'not_applicable' GROUP BY 1;
SQL
my $days = 'SELECT * FROM sim.days() ORDER BY 1, 2, 3';
foreach my $round (1 .. $rounds)
{
	# no day is closed; or yesterday alone is not; or all are
	my $closed = (4, 2, 1)[ $round % 3 ];
	my $value = rand;
	$node->safe_psql('postgres', "CALL sim.world($round, $value, $closed)");
	my $before = $node->safe_psql('postgres', "BEGIN; $days; ROLLBACK");
	my $live = $node->safe_psql('postgres', <<"SQL");
SELECT posture.merge_asset('$round-1', '$round-2');
SELECT posture.merge_asset('$round-3', '$round-2');
SQL
	$node->safe_psql('postgres', 'SELECT posture.fold()') if $round % 2;
	is($node->safe_psql('postgres', "BEGIN; $days; ROLLBACK"), $before,
		"round $round, seed $value, $closed: past days as they were before the merge");
	isnt($before, '', 'which count something');
	is($node->safe_psql('postgres', 'SELECT * FROM posture.verify()'), '', 'verify() finds no difference');
	$node->safe_psql('postgres', 'DELETE FROM posture.exemption WHERE expires_at IS NULL OR expires_at > now()');
	is($node->safe_psql('postgres', <<'SQL'), '', 'each asset counts once now');
SELECT m.metric, m.exposed_assets, m.assessed_assets, c.exposed, c.assessed
FROM posture.metric_report m LEFT JOIN sim.counted c ON 'm' || c.metric_id = m.metric
WHERE (m.exposed_assets, m.assessed_assets) IS DISTINCT FROM (coalesce(c.exposed, 0), coalesce(c.assessed, 0))
SQL
}

# the same by hand: yesterday has two assets of which one is exposed, and no drop
$node->safe_psql('postgres', "CREATE DATABASE hand");
my $got = $node->safe_psql('hand', <<'SQL');
CREATE EXTENSION posture;
SELECT FROM posture.backfill(posture.today() - 3);
INSERT INTO posture.source (key, name) VALUES ('s', 'S');
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at)
SELECT 's', 'r', v.asset, v.state, posture.day_end(posture.today() - 4)
FROM (VALUES ('web', 'non_compliant'), ('WEB', 'compliant')) v(asset, state);
SELECT FROM posture.ingest();
INSERT INTO posture.metric (key, name) VALUES ('m', 'M');
INSERT INTO posture.metric_recommendation VALUES (1, 1);
SELECT FROM posture.take_snapshot(posture.today() - 2);
INSERT INTO posture.asset (key, name, kind) VALUES ('other', 'O', 'host');
UPDATE posture.finding f SET asset_id = n.asset_id FROM posture.asset o, posture.asset n
WHERE o.key = 'web' AND f.asset_id = o.asset_id AND n.key = 'other';
SELECT FROM posture.take_snapshot(posture.today() - 1);
SELECT string_agg(format('%s of %s', exposed, assessed), ', ' ORDER BY day), (SELECT count(*) FROM posture.event)
FROM posture.metric_snapshot;
SQL
is($got, '1 of 2, 1 of 2|0', 'a key that is updated by hand counts for the other asset from today on');

$node->stop;
done_testing();

# Several observations of a finding in one delivery have the effect that they have in deliveries
# of their own, one after the other: the findings, and the snapshots of days that are taken
# afterwards.
# tests: finding/ingest, finding/delivered, finding/known_object, confirm, delivery.c, delivery_row
# tests: row_set, known_object, stored_state, index_lookup
#
# POSTURE_ROUNDS: how many rounds (8). POSTURE_SEED repeats them.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $rounds = $ENV{POSTURE_ROUNDS} // 8;
my $seed = $ENV{POSTURE_SEED} // (time ^ $$);
diag("POSTURE_ROUNDS=$rounds POSTURE_SEED=$seed");
srand($seed);
my $node = new_node('delivery_order', "max_prepared_transactions = 2\n");
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION posture;
SELECT FROM posture.backfill(posture.today() - 9);
INSERT INTO posture.source (key, name) VALUES ('s', 'S');
INSERT INTO posture.recommendation (source_id, key, title) SELECT 1, 'r' || n, 'R' FROM generate_series(1, 2) n;
INSERT INTO posture.metric (key, name) VALUES ('m1', 'M'), ('m2', 'M');
INSERT INTO posture.metric_recommendation VALUES (1, 1), (2, 2);
INSERT INTO posture.asset (key, name, kind) SELECT 'h' || n, 'H', 'host' FROM generate_series(1, 4) n;
INSERT INTO posture.asset_alias (alias, asset_id) VALUES ('other', 1);
CREATE SCHEMA sim;
CREATE TABLE sim.delivered (n bigint GENERATED ALWAYS AS IDENTITY, LIKE posture.inbox);
-- observations of few assets: of some of them many, in any order, on new assets too
CREATE PROCEDURE sim.prepare(seed double precision, days integer) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM setseed(seed);
    TRUNCATE sim.delivered;
    INSERT INTO posture.finding
    SELECT r, a.asset_id, (ARRAY['compliant', 'non_compliant'])[1 + (random() < 0.5)::integer]::posture.finding_state,
           posture.day_end(posture.today() - ceil(random() * 6)::integer), '{"from": "before"}'
    FROM generate_series(1, 2) r, posture.asset a WHERE random() < 0.6;
    PERFORM posture.take_snapshot(posture.today() - 8);
    -- what the stored sets have is confirmed without a look at the findings
    IF random() < 0.7 THEN
        PERFORM posture.fold();
    END IF;
    INSERT INTO sim.delivered (source, recommendation, asset, state, observed_at, details)
    SELECT 's', 'r' || ceil(random() * 2), (ARRAY['h1', 'h2', 'H2', 'h3', 'h4', 'other', 'new1', 'NEW2'])[ceil(random() * 8)],
           (ARRAY['compliant', 'non_compliant', 'not_applicable'])[ceil(random() * 3)],
           posture.day_end(posture.today() - 1 - ceil(random() * days)::integer) + floor(random() * 4) * interval '5 hours',
           CASE WHEN random() < 0.3 THEN jsonb_build_object('n', n) END
    FROM generate_series(1, ceil(random() * 60)::integer) n;
END $$;
CREATE PROCEDURE sim.deliver(one_by_one boolean) LANGUAGE plpgsql AS $$
DECLARE
    d sim.delivered;
BEGIN
    FOR d IN SELECT * FROM sim.delivered ORDER BY observed_at, n LOOP
        INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at, details)
        VALUES (d.source, d.recommendation, d.asset, d.state, d.observed_at, d.details);
        IF one_by_one THEN
            PERFORM posture.ingest();
        END IF;
    END LOOP;
    IF NOT one_by_one THEN
        -- in the order in which they came, which is not that of their times
        -- space that is used again would change the order
        TRUNCATE posture.inbox;
        INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at, details)
        SELECT source, recommendation, asset, state, observed_at, details FROM sim.delivered ORDER BY n;
        PERFORM posture.ingest();
    END IF;
    PERFORM posture.take_snapshot(posture.today() - n) FROM generate_series(7, 1, -1) n;
END $$;
CREATE VIEW sim.result AS
SELECT concat_ws(' ', 'finding', r.key, lower(a.key), f.state, f.changed_at, f.details) AS row
FROM posture.finding f JOIN posture.recommendation r USING (recommendation_id) JOIN posture.asset a USING (asset_id)
UNION ALL
SELECT concat_ws(' ', 'day', posture.today() - s.day, s.metric_id, s.exposed, s.assessed) FROM posture.metric_snapshot s
UNION ALL
SELECT 'verify ' || v FROM posture.verify() v;
SQL
my $result = 'SELECT row FROM sim.result ORDER BY row';
foreach my $round (1 .. $rounds)
{
	my $value = rand;
	# within a day or two, or over a week
	my $days = $round % 2 ? 7 : 2;
	my @got = map { $node->safe_psql('postgres', <<"SQL") } ('true', 'false');
BEGIN;
CALL sim.prepare($value, $days);
CALL sim.deliver($_);
$result;
ROLLBACK;
SQL
	is($got[1], $got[0], "round $round, seed $value: as one by one");
	cmp_ok(length $got[0], '>', 100, 'with findings');
}

# one delivery: the finding changed on the first day, was confirmed on the next, and is counted so
is($node->safe_psql('postgres', <<'SQL'), <<'ROWS' =~ s/\n\z//r, 'by hand');
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at, details)
SELECT 's', v.r, 'h1', v.state, posture.day_end(posture.today() - v.ago - 1), v.details::jsonb
FROM (VALUES ('r1', 'compliant', 5, NULL), ('r1', 'non_compliant', 4, '{"a": 1}'), ('r1', 'non_compliant', 3, NULL),
             ('r2', 'non_compliant', 4, NULL), ('r2', 'compliant', 2, NULL), ('r2', 'compliant', 1, '{"b": 2}')) v(r, state, ago, details);
SELECT loaded, changed, unchanged FROM posture.ingest();
SELECT f.recommendation_id, f.state, posture.today() - posture.day_of(f.changed_at), f.details FROM posture.finding f ORDER BY 1;
SELECT FROM posture.take_snapshot(posture.today() - 3);
SELECT metric_id, exposed, assessed FROM posture.metric_snapshot ORDER BY 1;
SQL
6|2|4
1|non_compliant|4|{"a": 1}
2|compliant|2|{"b": 2}
1|1|1
2|1|1
ROWS

# what is stored is confirmed by the sets: the rest of the delivery is loaded as it would be without
is($node->safe_psql('postgres', <<'SQL'), <<'ROWS' =~ s/\n\z//r, 'confirmed rows');
BEGIN;
INSERT INTO posture.asset (key, name, kind, last_seen) SELECT 'c' || n, 'z', 'host', now() - interval '2 days' FROM generate_series(1, 6) n;
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at)
SELECT 's', 'r1', 'c' || n, CASE WHEN n % 2 = 0 THEN 'compliant' ELSE 'non_compliant' END, now() - interval '2 hours' FROM generate_series(1, 6) n;
SELECT loaded, changed FROM posture.ingest();
SELECT FROM posture.fold();
-- another kind, an older and a newer observation, a state that is not applicable, details; c6 is missing
CREATE TEMP TABLE delivery (LIKE posture.inbox);
INSERT INTO delivery (source, recommendation, asset, state, observed_at, asset_kind, asset_name, details)
VALUES ('s', 'r1', 'c1', 'non_compliant', NULL, 'host', 'z', NULL), ('s', 'r2', 'c1', 'compliant', NULL, 'app', NULL, NULL),
       ('s', 'r1', 'c2', 'compliant', now(), NULL, NULL, NULL), ('s', 'r1', 'C2', 'non_compliant', now() - interval '1 hour', 'host', NULL, NULL),
       ('s', 'r1', 'c3', 'non_compliant', now(), 'host', NULL, NULL), ('s', 'r1', 'c3', 'not_applicable', now(), NULL, NULL, NULL),
       ('s', 'r1', 'c4', 'compliant', NULL, NULL, 'a', NULL), ('s', 'r1', 'c5', 'non_compliant', NULL, NULL, NULL, '{"d": 1}');
INSERT INTO posture.inbox TABLE delivery;
SELECT loaded, changed, unchanged, closed FROM posture.ingest('s');
SELECT a.key, a.kind, a.name, posture.day_of(a.last_seen) = posture.today(), f.state, abs(round(extract(epoch FROM now() - f.changed_at) / 3600)), f.details
FROM posture.finding f JOIN posture.asset a USING (asset_id) WHERE a.key LIKE 'c_' AND recommendation_id = 1 ORDER BY 1;
-- the same again: kinds and names stay
INSERT INTO posture.inbox TABLE delivery;
SELECT loaded, changed, unchanged, closed FROM posture.ingest('s');
SELECT string_agg(a.kind || a.name, ' ' ORDER BY a.key), (SELECT count(*) FROM posture.inbox), count(v) FROM posture.asset a
LEFT JOIN LATERAL (SELECT v FROM posture.verify() v) v ON true WHERE a.key LIKE 'c_';
ROLLBACK;
SQL
6|6
8|4|4|3
c1|host|z|t|non_compliant|2|
c2|host|z|t|compliant|0|
c3|host|z|t|not_applicable|0|
c4|host|a|t|compliant|2|
c5|host|z|t|non_compliant|2|{"d": 1}
c6|host|z|t|not_applicable|0|
8|1|7|0
hostz hostz hostz hosta hostz hostz|0|0
ROWS

# a year of observations in one delivery: a step for each day, and none looks at the others
is($node->safe_psql('postgres', <<'SQL'), "1200|2|1198\n2", 'many observations of a finding');
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at)
SELECT 's', 'r' || r, 'long', CASE WHEN n % 2 = 0 THEN 'compliant' ELSE 'non_compliant' END,
       posture.day_end(posture.today() - 1) - n * interval '12 hours'
FROM generate_series(1, 600) n, generate_series(1, 2) r;
SELECT loaded, changed, unchanged FROM posture.ingest();
SELECT count(*) FROM posture.finding f JOIN posture.asset a USING (asset_id)
WHERE a.key = 'long' AND f.state = 'non_compliant' AND f.changed_at = posture.day_end(posture.today() - 1) - interval '12 hours';
SQL

# a delivery makes no temporary table, so its transaction can be prepared
is($node->safe_psql('postgres', <<'SQL'), "4|4|0\n3|1|1\n3|1\n2|1|1|0", 'a prepared transaction');
INSERT INTO posture.source (key, name) VALUES ('p', 'P'), ('idle', 'I');
INSERT INTO posture.inbox (source, recommendation, asset, state)
SELECT 'p', 'r', 'p' || n, 'compliant' FROM generate_series(1, 4) n;
BEGIN;
SELECT loaded, changed, closed FROM posture.ingest('p');
PREPARE TRANSACTION 'delivery';
COMMIT PREPARED 'delivery';
SELECT FROM posture.fold();
INSERT INTO posture.inbox (source, recommendation, asset, state)
VALUES ('p', 'r', 'p1', 'compliant'), ('p', 'r', 'p1', 'compliant'), ('p', 'r', 'p2', 'non_compliant');
BEGIN;
SELECT loaded, changed, closed - 1 FROM posture.ingest('p');
PREPARE TRANSACTION 'delivery';
ROLLBACK PREPARED 'delivery';
SELECT (SELECT count(*) FROM posture.inbox), count(DISTINCT f.state)
FROM posture.finding f JOIN posture.asset a USING (asset_id) WHERE a.key LIKE 'p_';
-- one that fails leaves nothing to the next in the transaction
BEGIN;
DO $$ BEGIN PERFORM posture.ingest('idle'); EXCEPTION WHEN no_data_found THEN NULL; END $$;
DELETE FROM posture.inbox
WHERE state = 'compliant' AND ctid < (SELECT max(ctid) FROM posture.inbox WHERE state = 'compliant');
SELECT loaded, changed, unchanged, rejected FROM posture.ingest();
COMMIT;
SQL

# an asset is seen under each spelling of its key
is($node->safe_psql('postgres', <<'SQL'), "1|t|t", 'another spelling was seen later');
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at, asset_kind)
VALUES ('p', 'r', 'seen.example', 'compliant', now() - interval '3 days', 'host');
SELECT FROM posture.ingest();
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at, asset_kind)
VALUES ('p', 'r', 'SEEN.example', 'compliant', now() - interval '1 day', 'host');
SELECT FROM posture.ingest();
SELECT count(*), min(first_seen) < now() - interval '2 days', max(last_seen) > now() - interval '2 days'
FROM posture.asset WHERE lower(key) = 'seen.example';
SQL

# keys that do not fit into the memory of their table, in any order, twice
my $many = q{INSERT INTO posture.inbox (source, recommendation, asset, state)
	SELECT 's', 'many' || r, 'many' || a, CASE WHEN a % 3 = 0 THEN 'compliant' ELSE 'non_compliant' END
	FROM generate_series(1, 3) r, generate_series(1, 2000) a ORDER BY hashint4(a * 5 + r)};
is($node->safe_psql('postgres', <<"SQL"), "6000|6000|0\n6000|0|6000\n6000|2000|1998|", 'more keys than fit into work_mem');
SET work_mem = '64kB';
$many;
SELECT loaded, changed, unchanged FROM posture.ingest();
$many;
SELECT loaded, changed, unchanged FROM posture.ingest();
SELECT count(*), count(DISTINCT a.key), count(*) FILTER (WHERE f.state = 'compliant'), (SELECT string_agg(v::text, '') FROM posture.verify() v)
FROM posture.finding f JOIN posture.asset a USING (asset_id)
WHERE a.key = 'many' || substr(a.key, 5) AND (f.state = 'compliant') = (substr(a.key, 5)::integer % 3 = 0);
SQL

# the cost of a delivery follows its size: no table is read as a whole, whatever its statistics say
for my $statistics ('', 'DELETE FROM pg_statistic', 'ANALYZE')
{
	is($node->safe_psql('postgres', <<"SQL"), "asset|0\nfinding|0", "only keys are looked up: $statistics");
$statistics;
BEGIN;
INSERT INTO posture.inbox (source, recommendation, asset, state, asset_kind)
SELECT 's', 'many' || r, CASE WHEN a <= 50 THEN 'few' ELSE 'many' END || a, 'compliant', 'host'
FROM generate_series(1, 4) r, generate_series(1, 100) a;
SELECT FROM posture.ingest();
SELECT relname, seq_scan FROM pg_stat_xact_user_tables
WHERE schemaname = 'posture' AND relname IN ('asset', 'finding') ORDER BY 1;
ROLLBACK;
SQL
}

$node->stop;
done_testing();

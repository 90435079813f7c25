# The newest observation of a finding wins, in whatever order deliveries arrive, also if it
# confirmed what was stored.
# tests: finding/confirmation, finding/ingest
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
my $node = new_node('late_observation');
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION posture;
INSERT INTO posture.source (key, name) VALUES ('s', 'S'), ('other', 'O');
CREATE SCHEMA sim;
CREATE TABLE sim.delivered (n bigint GENERATED ALWAYS AS IDENTITY, source text, recommendation text, asset text,
    state text, observed_at timestamptz);
-- a delivery of one time, or with rows of many, of which each is after all that came before
CREATE PROCEDURE sim.deliver(deliveries integer, has_one_time boolean) LANGUAGE plpgsql AS $$
DECLARE
    hour timestamptz := date_trunc('hour', now(), 'UTC');
    first bigint;
    at timestamptz;
    latest timestamptz := hour - interval '200 days';
BEGIN
    FOR delivery IN 1 .. deliveries LOOP
        first := (SELECT coalesce(max(n), 0) FROM sim.delivered);
        at := hour - floor(random() * 20) * interval '1 hour' - interval '30 minutes';
        INSERT INTO sim.delivered (source, recommendation, asset, state, observed_at)
        SELECT DISTINCT ON (r.recommendation, r.asset) r.source, r.recommendation, r.asset, r.state,
               CASE WHEN has_one_time THEN at ELSE latest + random() * interval '1 day' END
        FROM (SELECT (ARRAY['s', 'other'])[1 + delivery % 2] AS source, 'r' || ceil(random() * 3) AS recommendation,
                     'h' || ceil(random() * 6) AS asset,
                     (ARRAY['compliant', 'compliant', 'compliant', 'non_compliant',
                            'not_applicable'])[ceil(random() * 5)] AS state
              FROM generate_series(1, ceil(random() * 15)::integer)) r;
        latest := latest + interval '1 day';
        INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at, details)
        SELECT d.source, d.recommendation, d.asset, d.state, d.observed_at,
               CASE WHEN random() < 0.2 THEN '{}'::jsonb END
        FROM sim.delivered d WHERE d.n > first;
        CASE floor(random() * 4)
            WHEN 0 THEN PERFORM posture.ingest(extent => 'e');
            WHEN 1 THEN PERFORM posture.ingest(only_source => (ARRAY['s', 'other'])[1 + delivery % 2]);
            ELSE PERFORM posture.ingest();
        END CASE;
        IF random() < 0.1 THEN
            PERFORM posture.fold();
        END IF;
    END LOOP;
END $$;
CREATE VIEW sim.got AS
SELECT s.key::text AS source, r.key::text AS recommendation, a.key::text AS asset, f.state::text
FROM posture.finding f JOIN posture.recommendation r USING (recommendation_id) JOIN posture.source s USING (source_id)
JOIN posture.asset a USING (asset_id);
CREATE VIEW sim.expected AS
SELECT DISTINCT ON (d.source, d.recommendation, d.asset) d.source, d.recommendation, d.asset, d.state
FROM sim.delivered d ORDER BY d.source, d.recommendation, d.asset, d.observed_at DESC, d.n DESC;
SQL
foreach my $round (1 .. $rounds)
{
	foreach my $has_one_time ('true', 'false')
	{
		my $value = rand;
		is($node->safe_psql('postgres', <<"SQL"), "36|t", "round $round, seed $value, one time: $has_one_time");
BEGIN;
SELECT FROM setseed($value);
CALL sim.deliver(150, $has_one_time);
SELECT count(*), (SELECT count(*) > 3 AND bool_or(is_merged) FROM posture_internal.confirmation) FROM sim.got;
SELECT 'missing', x FROM (TABLE sim.expected EXCEPT ALL TABLE sim.got) x
UNION ALL SELECT 'wrong', x FROM (TABLE sim.got EXCEPT ALL TABLE sim.expected) x
UNION ALL SELECT 'verify', v FROM posture.verify() v;
ROLLBACK;
SQL
	}
}

# a complete delivery closes no finding that a later one had; what is merged is not too late
is($node->safe_psql('postgres', <<'SQL'), <<'ROWS' =~ s/\n\z//r, 'by hand');
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at)
SELECT 's', 'r', 'h' || n, 'compliant', now() - interval '9 hours' FROM generate_series(1, 3) n;
SELECT loaded, changed FROM posture.ingest();
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at)
VALUES ('s', 'r', 'h1', 'compliant', now() - interval '3 hours');
SELECT loaded, changed FROM posture.ingest();
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at)
VALUES ('s', 'r', 'h3', 'non_compliant', now() - interval '6 hours'), ('s', 'no', 'h1', NULL, NULL);
SELECT loaded, changed, rejected, closed FROM posture.ingest('s');
SELECT a.key, f.state FROM posture.finding f JOIN posture.asset a USING (asset_id) ORDER BY 1;
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at)
VALUES ('s', 'r', 'h1', 'non_compliant', now() - interval '4 hours'),
       ('s', 'r', 'h2', 'compliant', now() - interval '5 hours');
SELECT loaded, changed, unchanged FROM posture.ingest();
-- a day is as early as its earliest observation
SELECT FROM posture.fold();
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at)
SELECT 's', 'r', 'h' || n, 'compliant', now() FROM generate_series(1, 3) n;
SELECT changed FROM posture.ingest();
DO $$ BEGIN
    FOR n IN 1 .. 40 LOOP
        INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at)
        VALUES ('s', 'r', 'h1', 'compliant', now() - n * interval '10 days');
        PERFORM posture.ingest();
    END LOOP;
END $$;
SELECT count(*) <= 16 FROM posture_internal.confirmation WHERE NOT is_merged;
SELECT sum(posture.cardinality(assets)), bool_and(observed_at > now() - interval '1 year')
FROM posture_internal.confirmation WHERE is_merged;
SQL
3|3
1|0
1|1|1|1
h1|compliant
h2|not_applicable
h3|non_compliant
2|1|1
1
t
3|t
ROWS

$node->stop;
done_testing();

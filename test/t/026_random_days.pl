# Random findings over days of 23, 24 and 25 hours, and days that are skipped, some of them
# reported late: each snapshot equals what plain SQL computes from all changes, each drop
# is one event, and an event recovers only where findings alone bring the score back.
# tests: day/snapshot, day/day_boundary, day/event_end
#
# POSTURE_ROUNDS: how many rounds of days (3). POSTURE_SEED repeats them.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestDays;
use TestPosture;

my $rounds = $ENV{POSTURE_ROUNDS} // 3;
my $seed = $ENV{POSTURE_SEED} // (time ^ $$);
diag("POSTURE_ROUNDS=$rounds POSTURE_SEED=$seed");
srand($seed);
my $node = days_node('days');

# When each drop should end, and how, in plain SQL: on the first later day on which the score is
# back. It recovers if the score is also back with the weights and metrics of the day of the drop.
# Where assets left since, it may be either: what findings alone did is not told apart here. A
# drop of an initiative that loses all its metrics before that ends, too.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE sim.ended (round integer, status text);
CREATE PROCEDURE sim.check_ends(of_round integer) LANGUAGE plpgsql AS $$
BEGIN
    CREATE TEMP TABLE ending AS
    WITH score AS (
        SELECT day, metric_id, NULL::integer AS initiative_id, score::numeric
        FROM posture.metric_snapshot
        UNION ALL
        SELECT day, NULL, initiative_id, score::numeric FROM posture.initiative_snapshot
    ), term AS (
        SELECT w.day, w.initiative_id, w.metric_id, w.weight, k.mass, k.healthy
        FROM posture.initiative_metric_snapshot w
        JOIN posture.metric_snapshot m ON m.day = w.day AND m.metric_id = w.metric_id
        JOIN posture.initiative_snapshot n ON n.day = w.day AND n.initiative_id = w.initiative_id
        CROSS JOIN LATERAL (
            SELECT CASE n.method WHEN 'weighted' THEN 1 ELSE m.assessed END AS mass,
                   CASE n.method WHEN 'weighted' THEN m.score::numeric / 100
                                 ELSE m.assessed - m.exposed END AS healthy) k
        WHERE m.assessed > 0
    )
    SELECT e.event_id, e.status, coalesce(e.recovered_on, e.superseded_on) AS ended_on,
           e.superseded_by, least(b.day, l.day) AS day,
           CASE WHEN l.day < coalesce(b.day, 'infinity') THEN 'unavailable' END AS loss,
           CASE WHEN l.day < coalesce(b.day, 'infinity') THEN 'superseded'
                WHEN b.day IS NULL THEN 'open'
                WHEN e.metric_id IS NOT NULL OR g.score >= e.previous_score::numeric
                THEN 'recovered' ELSE 'superseded' END AS expected,
           EXISTS (
               SELECT FROM sim.assessed x JOIN posture.metric_recommendation r USING (recommendation_id)
               WHERE x.day = e.day AND (e.metric_id IS NULL OR r.metric_id = e.metric_id)
                 AND NOT EXISTS (SELECT FROM sim.assessed y
                                 WHERE y.day = b.day AND y.asset_id = x.asset_id
                                   AND y.recommendation_id = x.recommendation_id)) AS some_left
    FROM posture.event e
    LEFT JOIN LATERAL (
        SELECT min(s.day) AS day
        FROM score s
        WHERE s.day > e.day AND s.score >= e.previous_score::numeric
          AND s.metric_id IS NOT DISTINCT FROM e.metric_id
          AND s.initiative_id IS NOT DISTINCT FROM e.initiative_id) b ON true
    LEFT JOIN LATERAL (
        SELECT min(n.day) AS day
        FROM posture.initiative_snapshot n
        WHERE n.day > e.day AND n.initiative_id = e.initiative_id AND n.score IS NULL
          AND n.recommendations = '{}'
          AND NOT EXISTS (SELECT FROM posture.initiative_metric_snapshot w
                          WHERE w.day = n.day AND w.initiative_id = n.initiative_id)) l ON true
    LEFT JOIN LATERAL (
        SELECT round(100 * sum(p.weight * coalesce(n.healthy, p.healthy))
                         / sum(p.weight * coalesce(n.mass, p.mass)), 6) AS score
        FROM term p
        LEFT JOIN term n ON n.day = b.day AND n.initiative_id = p.initiative_id
                        AND n.metric_id = p.metric_id
        WHERE p.day = e.day AND p.initiative_id = e.initiative_id) g ON true
    WHERE e.kind <> 'new_initiative';
    INSERT INTO sim.fault
    SELECT of_round, format('event %s: %s on %s by %s, not %s on %s', e.event_id, e.status,
                            e.ended_on, e.superseded_by, e.expected, e.day)
    FROM ending e
    WHERE (e.status, e.ended_on) IS DISTINCT FROM
          (CASE WHEN e.some_left AND e.loss IS NULL AND e.expected <> 'open'
                     AND e.status IN ('recovered', 'superseded') THEN e.status ELSE e.expected END,
           e.day)
       OR e.superseded_by IS DISTINCT FROM e.loss AND e.loss IS NOT NULL
       OR (e.status = 'superseded') <>
          (coalesce(e.superseded_by, e.loss, '') IN ('weight_change', 'metric_added', 'metric_removed',
                                                     'unavailable')
           OR e.some_left AND coalesce(e.superseded_by, '') = 'assets_left')
       OR e.superseded_by = 'unavailable' AND e.loss IS NULL;
    INSERT INTO sim.ended SELECT of_round, e.status FROM ending e;
    DROP TABLE ending;
END $$;
SQL

# around changes of the clock
my @around = (
	[ 'Europe/Berlin', '2026-03-27' ], [ 'Europe/Berlin', '2026-10-23' ],
	[ 'Australia/Lord_Howe', '2026-04-03' ], [ 'Pacific/Apia', '2011-12-27' ],
	[ 'America/St_Johns', '2010-11-05' ], [ 'Asia/Magadan', '2014-10-24' ],
	[ 'Asia/Kathmandu', '2024-02-27' ], [ 'America/Asuncion', '2023-09-29' ],
	[ 'Africa/Cairo', '2026-04-22' ]);
my $begin = int rand @around;
my $days = 0;
for my $round (1 .. $rounds)
{
	my ($zone, $day) = @{ $around[ ($begin + $round) % @around ] };
	my $random = rand;
	$node->safe_psql('postgres', "SET client_min_messages = warning;
		CALL sim.live($round, $random, '$zone', '$day', 5);
		CALL sim.check_ends($round)");
	$days += $node->safe_psql('postgres', 'SELECT count(DISTINCT day) FROM sim.seen');
}
is($node->safe_psql('postgres', 'SELECT * FROM sim.fault ORDER BY round, what'),
	'', "$rounds rounds: each day equals plain SQL, each drop is one event");
cmp_ok($days, '>=', 6 * $rounds, "$days days");
note($node->safe_psql('postgres', 'SELECT status, count(*) FROM sim.ended GROUP BY 1 ORDER BY 1'));

$node->stop;
done_testing();

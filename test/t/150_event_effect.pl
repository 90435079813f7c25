# What a metric's drop did to each initiative: its own part, and nothing of metrics or of
# recommendations that do not count in that initiative through it.
# tests: day/event

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('effect');
my $effect = <<'SQL';
SELECT m.key AS metric, coalesce(i.key, '-') AS initiative, trim_scale(c.points) AS points
FROM posture.event e
JOIN posture.metric m ON m.metric_id = e.metric_id
LEFT JOIN posture.event_cause c ON c.event_id = e.event_id AND c.reason = 'effect'
LEFT JOIN posture.initiative i ON i.initiative_id = c.initiative_id
WHERE e.day = posture.today() - 1
ORDER BY 1, 2
SQL

# an exemption ends on a recommendation that two metrics share
$node->safe_psql('postgres', 'CREATE DATABASE shared');
$node->safe_psql('shared', <<'SQL');
CREATE EXTENSION posture;
SELECT FROM posture.backfill(posture.today() - 3);
INSERT INTO posture.source (key, name) VALUES ('s', 'S');
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at)
SELECT 's', v.r, 'a' || n, v.state, now() - interval '3 days'
FROM (VALUES ('shared', 'non_compliant', 1), ('other', 'compliant', 4), ('gone', 'non_compliant', 1)) v(r, state, assets)
CROSS JOIN generate_series(1, v.assets) n;
SELECT FROM posture.ingest();
UPDATE posture.recommendation SET max_points = CASE key WHEN 'shared' THEN 40 WHEN 'other' THEN 60 ELSE 100 END;
INSERT INTO posture.metric (key, name, importance) VALUES ('m', 'M', 'low'), ('n', 'N', 'low');
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM posture.metric m JOIN posture.recommendation r
    ON (m.key, r.key) IN (('m', 'shared'), ('n', 'shared'), ('n', 'other'));
INSERT INTO posture.initiative (key, name, method)
VALUES ('i', 'I', 'weighted'), ('j', 'J', 'weighted'), ('k', 'K', 'population'),
       ('p', 'P', 'points'), ('q', 'Q', 'points');
INSERT INTO posture.initiative_metric (initiative_id, metric_id, weight)
SELECT i.initiative_id, m.metric_id,
       CASE WHEN m.key = 'm' THEN 1 WHEN i.key IN ('j', 'q') THEN 0 ELSE 3 END
FROM posture.initiative i, posture.metric m;
INSERT INTO posture.exemption (recommendation_id, kind, reason, approved_by, created_at, expires_at)
SELECT recommendation_id, 'mitigated', 'r', 'a', now() - interval '4 days',
       posture.day_end(posture.today() - 2) + interval '1 hour'
FROM posture.recommendation WHERE key = 'shared';
CALL posture.run_daily();
SQL
is($node->safe_psql('shared', <<'SQL'), "-25|m\n-18.75|n", 'the parts of the initiative');
SELECT trim_scale(c.points), c.metric
FROM posture.event_report e CROSS JOIN posture.explain(e.event_id) c
WHERE e.object = 'i' AND e.kind = 'initiative_score_drop' ORDER BY c.points
SQL
is($node->safe_psql('shared', $effect), <<'TXT' =~ s/\n\z//r, 'the effect of each metric is its own part');
m|i|-25
m|j|-100
m|k|-7.692308
m|p|-40
m|q|-100
n|i|-18.75
n|k|-23.076923
n|p|-40
TXT
is($node->safe_psql('shared', q{SELECT cause FROM posture.event_report WHERE object = 'n'}),
	q{N: exposed rose from 0.0 % to 25.0 %, 1 of 4 where it was 0 of 4: an exemption from 'shared' ended (1 asset newly exposed); this took all of the 40.0 points that P lost},
	'and so is the sentence');
is($node->safe_psql('shared', 'SELECT * FROM posture.verify()'), '', 'verify() finds no difference');

# a recommendation that leaves a metric takes its points out of an initiative scored by points
$node->safe_psql('shared', <<'SQL');
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at)
SELECT 's', 'good', 'a' || n, 'compliant', now() - interval '1 day' FROM generate_series(1, 9) n;
SELECT FROM posture.ingest();
UPDATE posture.recommendation SET max_points = 60 WHERE key = 'good';
INSERT INTO posture.metric (key, name, importance) VALUES ('g', 'G', 'low'), ('h', 'H', 'low');
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM posture.metric m JOIN posture.recommendation r
    ON (m.key, r.key) IN (('g', 'good'), ('g', 'gone'), ('h', 'gone'));
INSERT INTO posture.initiative (key, name, method) VALUES ('o', 'O', 'points');
INSERT INTO posture.initiative_metric (initiative_id, metric_id)
SELECT i.initiative_id, m.metric_id FROM posture.initiative i, posture.metric m
WHERE i.key = 'o' AND m.key IN ('g', 'h');
SELECT FROM posture.forget_day(posture.today() - 1);
SELECT FROM posture.take_snapshot(posture.today() - 1);
DELETE FROM posture.metric_recommendation m USING posture.recommendation r
WHERE r.recommendation_id = m.recommendation_id AND r.key = 'good';
SELECT FROM posture.take_snapshot();
SQL
is($node->safe_psql('shared', <<'SQL'), 'g|o|-37.5', 'the metric that lost it has the part');
SELECT e.object, c.initiative, c.points
FROM posture.event_report e CROSS JOIN posture.explain(e.event_id) c
WHERE e.day = posture.today() AND c.reason = 'effect'
SQL

# Random catalogs. Members, weights and what is assessed stay the same, so that plain arithmetic
# gives each effect: of a metric its weight times the change of its score, by points that of its
# recommendations.
my $seed = $ENV{POSTURE_SEED} // int(rand(1 << 30));
note("POSTURE_SEED=$seed");
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION posture;
SELECT FROM posture.backfill(posture.today() - 3);
SELECT setseed(($seed % 1000) / 1000.0);
INSERT INTO posture.source (key, name) VALUES ('s', 'S');
CREATE TABLE state AS
SELECT r, a, ago, CASE WHEN random() < CASE ago WHEN 2 THEN 0.3 ELSE 0.6 END
                       THEN 'non_compliant' ELSE 'compliant' END AS state
FROM generate_series(1, 8) r, generate_series(1, 12) a, (VALUES (2), (1)) v(ago);
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at)
SELECT 's', 'r' || r, 'a' || a, state, posture.day_end(posture.today() - 2) - interval '2 hours'
FROM state WHERE ago = 2;
SELECT FROM posture.ingest();
UPDATE posture.recommendation SET max_points = 1 + floor(random() * 9);
INSERT INTO posture.metric (key, name, importance) SELECT 'm' || n, 'M', 'low' FROM generate_series(1, 6) n;
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM posture.metric m, posture.recommendation r
WHERE random() < 0.4 OR r.recommendation_id = m.metric_id;
INSERT INTO posture.initiative (key, name, method)
SELECT v.method || n, 'I', v.method::posture.initiative_method
FROM (VALUES ('weighted'), ('population'), ('points')) v(method), generate_series(1, 4) n;
INSERT INTO posture.initiative_metric (initiative_id, metric_id, weight)
SELECT i.initiative_id, m.metric_id, floor(random() * 4)
FROM posture.initiative i, posture.metric m WHERE random() < 0.7;
INSERT INTO posture.initiative_recommendation
SELECT i.initiative_id, r.recommendation_id FROM posture.initiative i, posture.recommendation r
WHERE random() < 0.1;
INSERT INTO posture.exemption (recommendation_id, kind, reason, approved_by, created_at, expires_at)
SELECT recommendation_id, 'mitigated', 'r', 'a', posture.day_end(posture.today() - 2) - interval '1 hour',
       posture.day_end(posture.today() - 2) + interval '1 hour'
FROM posture.recommendation WHERE random() < 0.5;
UPDATE state s SET state = 'compliant' FROM posture.exemption e JOIN posture.recommendation r USING (recommendation_id)
WHERE s.ago = 2 AND r.key = 'r' || s.r;
SELECT FROM posture.take_snapshot(posture.today() - 2);
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at)
SELECT 's', 'r' || r, 'a' || a, state, posture.day_end(posture.today() - 1) - interval '2 hours'
FROM state WHERE ago = 1;
SELECT FROM posture.ingest();
SELECT FROM posture.take_snapshot(posture.today() - 1);
SQL
my $oracle = <<'SQL';
WITH worth AS (
    SELECT m.metric_id, s.ago, count(DISTINCT s.a)::numeric AS assessed,
           count(DISTINCT s.a) FILTER (WHERE s.state = 'compliant' AND NOT EXISTS (
               SELECT FROM state f
               JOIN posture.recommendation g ON g.key = 'r' || f.r
               JOIN posture.metric_recommendation x USING (recommendation_id)
               WHERE x.metric_id = m.metric_id AND (f.a, f.ago, f.state) = (s.a, s.ago, 'non_compliant')))
               AS healthy
    FROM state s
    JOIN posture.recommendation r ON r.key = 'r' || s.r
    JOIN posture.metric_recommendation m USING (recommendation_id)
    GROUP BY m.metric_id, s.ago
), metric AS (
    SELECT n.metric_id, n.assessed, 100 * n.healthy / n.assessed - 100 * p.healthy / p.assessed AS change,
           n.healthy - p.healthy AS gained
    FROM worth n JOIN worth p USING (metric_id) WHERE n.ago = 1 AND p.ago = 2
), part AS (
    SELECT i.initiative_id, b.metric_id,
           CASE i.method WHEN 'weighted' THEN b.weight * m.change / sum(b.weight) OVER i
                         ELSE 100 * b.weight * m.gained / sum(b.weight * m.assessed) OVER i END AS points
    FROM posture.initiative i
    JOIN posture.initiative_metric b USING (initiative_id)
    JOIN metric m USING (metric_id)
    WHERE i.method <> 'points' AND b.weight > 0
    WINDOW i AS (PARTITION BY i.initiative_id)
), counted AS (
    SELECT i.initiative_id, b.metric_id, x.recommendation_id
    FROM posture.initiative i
    JOIN posture.initiative_metric b USING (initiative_id)
    JOIN posture.metric_recommendation x USING (metric_id)
    WHERE i.method = 'points' AND b.weight > 0
), term AS (
    SELECT t.*, r.max_points::numeric AS possible,
           (SELECT sum(CASE s.ago WHEN 1 THEN 1 ELSE -1 END)
            FROM state s WHERE 'r' || s.r = r.key AND s.state = 'compliant') / 12.0 AS share
    FROM (SELECT initiative_id, recommendation_id FROM counted
          UNION
          SELECT initiative_id, recommendation_id
          FROM posture.initiative_recommendation JOIN posture.initiative i USING (initiative_id)
          WHERE i.method = 'points') t
    JOIN posture.recommendation r USING (recommendation_id)
), total AS (
    SELECT initiative_id, sum(possible) AS possible FROM term GROUP BY initiative_id
), expected AS (
    SELECT * FROM part
    UNION ALL
    SELECT c.initiative_id, c.metric_id, 100 * sum(t.possible * t.share) / max(o.possible)
    FROM counted c JOIN term t USING (initiative_id, recommendation_id) JOIN total o USING (initiative_id)
    GROUP BY c.initiative_id, c.metric_id
), recorded AS (
    SELECT c.initiative_id, c.metric_id, c.points
    FROM posture.event e JOIN posture.event_cause c USING (event_id)
    WHERE c.reason = 'effect' AND e.day = posture.today() - 1
)
SELECT * FROM expected x FULL JOIN recorded c USING (initiative_id, metric_id)
JOIN posture.event e USING (metric_id)
WHERE (coalesce(abs(x.points - c.points) > 0.00001, true)
       AND (c.points IS NOT NULL OR abs(x.points) > 0.00001))
SQL
is($node->safe_psql('postgres', $oracle), '', 'each effect is that of plain arithmetic');
cmp_ok($node->safe_psql('postgres', q{SELECT count(*) FROM posture.event_cause WHERE reason = 'effect'}),
	'>', 10, 'of many effects');

$node->stop;
done_testing();

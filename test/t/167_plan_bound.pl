# plan() beside all plans that there are: its scores are those of what_if(), and no plan of the
# same length, assets or hours is above its bound. Small random catalogs, of all methods.
# tests: score/plan, plan_bound.c, plan_search.c

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $seed = $ENV{POSTURE_SEED} // int rand 1000000;
my $rounds = $ENV{POSTURE_ROUNDS} // 2;
note("POSTURE_SEED=$seed repeats this run");
my $node = new_node('plan_bound', "client_min_messages = warning\n");
$node->safe_psql('postgres', 'CREATE EXTENSION posture');

# A catalog whose metrics overlap on assets that fail one to many of eight recommendations.
my $catalog = <<'SQL';
SELECT setseed(:seed);
INSERT INTO source (key, name) VALUES ('s', 'S');
INSERT INTO recommendation (source_id, key, title, max_points, effort_hours)
SELECT 1, 'r' || i, 'R', 1 + floor(random() * 9),
       CASE WHEN random() < 0.8 THEN round((0.1 + random() * 20)::numeric, 2) END
FROM generate_series(1, 8) i;
INSERT INTO asset (key, kind, name, criticality)
SELECT 'a' || i, 'host', 'A', (ARRAY['low', 'medium', 'high', 'critical'])[1 + i % 4]
FROM generate_series(1, 50) i;
INSERT INTO finding (recommendation_id, asset_id, state)
SELECT r.recommendation_id, a.asset_id,
       CASE WHEN random() < (ARRAY[0.1, 0.3, 0.6, 0.95])[1 + (a.asset_id + r.recommendation_id / 3) % 4]
            THEN 'non_compliant' ELSE 'compliant' END::finding_state
FROM recommendation r, asset a WHERE random() < 0.9;
INSERT INTO measure SELECT 8, 2, 6, now();
INSERT INTO metric (key, name, importance, criticality_weights)
SELECT 'm' || i, 'M', (ARRAY['critical', 'low', 'medium', 'high', 'high'])[i]::importance,
       CASE WHEN i = 2 THEN '{1,2,3,10}'::integer[] END
FROM generate_series(1, 5) i;
INSERT INTO metric_recommendation
SELECT metric_id, recommendation_id FROM metric, recommendation WHERE random() < 0.55;
INSERT INTO initiative (key, name, method) VALUES
    ('weighted', 'W', 'weighted'), ('population', 'P', 'population'), ('points', 'S', 'points');
INSERT INTO initiative_metric
SELECT initiative_id, metric_id FROM initiative, metric WHERE random() < 0.8;
INSERT INTO exemption (recommendation_id, asset_id, kind, reason)
SELECT 1 + i % 8, i, (ARRAY['risk_accepted', 'mitigated', 'waived'])[1 + i % 3]::exemption_kind, 'x'
FROM generate_series(1, 9) i;
SELECT fold();
UPDATE finding SET state = 'non_compliant' WHERE random() < 0.03;

-- what each of the 256 choices of recommendations scores
CREATE TABLE choice AS
SELECT mask, ARRAY(SELECT i FROM generate_series(1, 8) i WHERE mask & (1 << (i - 1)) > 0) AS ids
FROM generate_series(0, 255) mask;
CREATE TABLE choice_score AS
SELECT c.mask, c.ids, i.key, s.score::numeric AS score
FROM choice c CROSS JOIN LATERAL remediation_result(NULL, c.ids, true) s
JOIN initiative i USING (initiative_id);
SQL
# Each initiative, and all of them, by their mean.
my $check = <<'SQL';
CREATE TABLE goal AS
SELECT i.key AS name, ARRAY[i.key::text] AS keys FROM initiative i
UNION ALL SELECT 'all', ARRAY(SELECT key::text FROM initiative ORDER BY 1);
CREATE TABLE plan_row AS
SELECT g.name, b.basis, l.budget, l.max_steps, p.*
FROM goal g CROSS JOIN unnest('{gain,gain_per_asset,gain_per_hour}'::text[]) b(basis)
CROSS JOIN (SELECT NULL::numeric, NULL::integer UNION ALL SELECT NULL, generate_series(0, 5)
            UNION ALL SELECT h, NULL FROM unnest('{0,3.5,8,15,24.25,40,60,1000}'::numeric[]) h
            UNION ALL SELECT 30, 3) l(budget, max_steps)
CROSS JOIN LATERAL plan(g.keys, 100, b.basis, l.budget, l.max_steps) p(rank, recommendation, title,
    gain, assets, effort, score, of_basis, hours, total_hours, bound, shortfall);
-- what a recommendation spends: only those of the whole plan gain anything
CREATE TABLE spend AS
SELECT p.name, r.recommendation_id, 1::numeric AS steps, greatest(p.assets, 1)::numeric AS assets, p.hours
FROM plan_row p JOIN recommendation r ON r.key = p.recommendation
WHERE p.basis = 'gain' AND num_nonnulls(p.budget, p.max_steps) = 0;
CREATE TABLE spent AS
SELECT g.name, c.mask, c.score, s.*
FROM goal g
JOIN (SELECT g.name, c.mask, round(avg(c.score), 6) AS score, min(c.ids) AS ids
      FROM goal g JOIN choice_score c ON c.key = ANY (g.keys)
      GROUP BY g.name, c.mask) c USING (name)
CROSS JOIN LATERAL (SELECT coalesce(sum(s.steps), 0) AS steps, coalesce(sum(s.assets), 0) AS assets,
                           coalesce(sum(s.hours), 0) AS hours, count(*) AS known
                    FROM spend s
                    WHERE s.name = g.name AND s.recommendation_id = ANY (c.ids)) s
WHERE s.known = cardinality(c.ids);
CREATE TABLE step AS
SELECT p.*, sum(greatest(p.assets, 1)) OVER w AS total_assets,
       sum(1 << (r.recommendation_id - 1)) OVER w AS mask, lead(p.rank) OVER w IS NULL AS is_last
FROM plan_row p JOIN recommendation r ON r.key = p.recommendation
WINDOW w AS (PARTITION BY p.name, p.basis, p.budget, p.max_steps ORDER BY p.rank);
CREATE TABLE best AS
SELECT p.*, s.score AS real_score, o.best
FROM step p
JOIN spent s USING (name, mask)
CROSS JOIN LATERAL (
    SELECT max(x.score) AS best
    FROM spent x
    WHERE x.name = p.name AND (x.steps <= p.max_steps) IS NOT FALSE
      AND CASE WHEN p.budget IS NOT NULL
               THEN x.hours <= CASE WHEN p.is_last THEN p.budget ELSE p.total_hours END
               WHEN p.basis = 'gain_per_hour' THEN x.hours <= p.total_hours
               WHEN p.basis = 'gain_per_asset' THEN x.assets <= p.total_assets
               ELSE x.steps <= CASE WHEN p.is_last THEN coalesce(p.max_steps, p.rank)
                                    ELSE p.rank END END) o;
SQL
for my $round (1 .. $rounds)
{
	my $db = "round$round";
	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE postgres");
	$node->safe_psql('postgres', "ALTER DATABASE $db SET search_path = public, posture, posture_internal");
	$node->safe_psql($db, "\\set seed " . ($seed + $round) % 10000 / 10000 . "\n$catalog$check");
	my $count = sub { $node->safe_psql($db, "SELECT count(*) FROM $_[0]") };
	cmp_ok($count->('best'), '>', 300, "round $round: steps of plans");
	is($count->('best'), $count->('plan_row'), 'each of them of known recommendations');
	is($count->('best WHERE score IS DISTINCT FROM real_score'), 0, 'scores are those of what_if()');
	is($count->('best WHERE (bound >= best) IS NOT TRUE'), 0, 'no plan is above the bound')
	  or diag($node->safe_psql($db, 'SELECT * FROM best WHERE (bound >= best) IS NOT TRUE LIMIT 5'));
	is($count->('best WHERE (bound >= score) IS NOT TRUE'), 0, 'nor is this one');
	is($count->(<<'SQL'), 0, 'the shortfall is that to the bound');
best b JOIN spent s ON s.name = b.name AND s.mask = 0
WHERE abs(b.shortfall - coalesce(100 * (b.bound - b.score) / nullif(b.bound - s.score, 0), 0)) > 0.005
SQL
	is($count->('best WHERE budget < total_hours OR max_steps < rank'), 0, 'limits hold');
	is($count->(<<'SQL'), 0, 'a plan within limits has no step without effect');
step p JOIN spent s USING (name, mask) JOIN step x USING (name, basis)
JOIN recommendation r ON r.key = x.recommendation
JOIN spent y ON y.name = s.name AND y.mask = s.mask - (1 << (r.recommendation_id - 1))
WHERE p.is_last AND num_nonnulls(p.budget, p.max_steps) > 0
  AND x.budget IS NOT DISTINCT FROM p.budget AND x.max_steps IS NOT DISTINCT FROM p.max_steps
  AND y.score >= s.score
SQL
	note($node->safe_psql($db, <<'SQL'));
SELECT 'of ' || count(*) || ' plans within limits, ' || count(*) FILTER (WHERE score = best)
       || ' are the best; on average they leave '
       || round(avg(100 * (best - score) / nullif(bound - score + gained, 0)), 2)
       || ' % of the gain, and say at most ' || round(avg(shortfall), 2)
FROM (SELECT b.*, b.score - s.score AS gained FROM best b JOIN spent s ON s.name = b.name AND s.mask = 0) b
WHERE is_last AND num_nonnulls(budget, max_steps) > 0
SQL
}

done_testing();

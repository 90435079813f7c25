# The bound of plan_order() where there are too many plans to try all: none of many plans, which
# plain SQL counts, is above it; nor is it above the bound of a split without care.
# tests: plan_bound.c, plan_search.c, plan_pool.c, score/plan

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $seed = $ENV{POSTURE_SEED} // int rand 1000000;
note("POSTURE_SEED=$seed repeats this run");
my $node = new_node('plan_large', "client_min_messages = warning\n");
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION posture;
ALTER DATABASE postgres SET search_path = public, posture, posture_internal;
SQL
$node->safe_psql('postgres', '\set seed ' . $seed % 10000 / 10000 . "\n" . <<'SQL');
SELECT setseed(:seed);
-- 60 recommendations in three pools; assets fail one to many of them, across two chunks
CREATE TABLE pool AS SELECT p AS pool, 0.01 + random() AS worth FROM generate_series(1, 3) p;
CREATE TABLE failing AS
SELECT p.pool, r AS recommendation, a * 40 AS asset
FROM pool p, generate_series(1, 60) r, generate_series(1, 2000) a
WHERE (r + p.pool) % 3 > 0
  AND random() < (ARRAY[0.01, 0.05, 0.1, 0.3])[1 + (a / 7 + r / 15) % 4];
CREATE TABLE input AS
SELECT f.pool, f.recommendation, p.worth, assetset_agg(f.asset) AS assets
FROM failing f JOIN pool p USING (pool) GROUP BY f.pool, f.recommendation, p.worth
UNION ALL SELECT 0, r, random() * 20, NULL FROM generate_series(5, 60, 9) r;
CREATE TABLE class AS
SELECT c.pool, c.needed, count(*) * p.worth AS worth
FROM (SELECT pool, asset, array_agg(recommendation ORDER BY recommendation) AS needed
      FROM failing GROUP BY pool, asset) c
JOIN pool p USING (pool)
GROUP BY c.pool, c.needed, p.worth
UNION ALL SELECT 0, ARRAY[recommendation], worth FROM input WHERE pool = 0;

-- what is spent: a step, or small, or very different numbers
CREATE TABLE spend AS
SELECT m.method, r AS recommendation,
       CASE m.method WHEN 'steps' THEN 1 WHEN 'few' THEN 1 + floor(random() * 9)
                     ELSE ceil(power(10, 2 + random() * 7)) END::bigint AS spend
FROM unnest('{steps,few,many}'::text[]) m(method), generate_series(1, 60) r;
CREATE TABLE found AS
SELECT i.method, b.share, b.budget, o.*, i.recommendations[o.n] AS recommendation
FROM (SELECT s.method, array_agg(i.pool) AS pools, array_agg(recommendation) AS recommendations,
             array_agg(i.worth) AS worths, array_agg(s.spend::float8) AS costs,
             array_agg(i.assets) AS assets, array_agg(s.spend) AS spends
      FROM input i JOIN spend s USING (recommendation) GROUP BY s.method) i
JOIN (SELECT s.method, b.share, (sum(s.spend) * b.share)::bigint AS budget
      FROM spend s, unnest('{0.02,0.1,0.3,0.7,NULL}'::numeric[]) b(share)
      GROUP BY s.method, b.share) b USING (method)
CROSS JOIN LATERAL plan_order(i.pools, i.recommendations, i.worths, i.costs, i.assets, i.spends, b.budget) o;

-- plans: those that were found, each up to each of its ranks, and random ones
CREATE TABLE plan AS
SELECT DISTINCT f.method, x.ids
FROM found f
CROSS JOIN LATERAL (SELECT array_agg(DISTINCT g.recommendation ORDER BY g.recommendation) AS ids
                    FROM found g
                    WHERE g.method = f.method AND g.share IS NOT DISTINCT FROM f.share
                      AND g.rank <= f.rank) x
WHERE f.rank IS NOT NULL
UNION ALL
SELECT m.method, x.ids
FROM unnest('{steps,few,many}'::text[]) m(method), generate_series(1, 100) k
CROSS JOIN LATERAL (SELECT array_agg(r) AS ids FROM generate_series(1, 60) r WHERE random() * 100 < k) x
WHERE x.ids IS NOT NULL;
CREATE TABLE counted AS
SELECT p.*, (SELECT sum(s.spend) FROM spend s
             WHERE s.method = p.method AND s.recommendation = ANY (p.ids))::bigint AS spent,
       (SELECT coalesce(sum(c.worth), 0) FROM class c WHERE c.needed <@ p.ids) AS gain
FROM plan p;
CREATE TABLE curve AS
SELECT f.method, f.share, f.budget, array_agg(f.spent ORDER BY f.n) AS spent,
       array_agg(f.gain ORDER BY f.n) AS gains
FROM found f WHERE f.rank IS NULL GROUP BY f.method, f.share, f.budget;
CREATE TABLE compared AS
SELECT c.*, b.share, b.budget, plan_bound(c.spent, b.spent, b.gains) AS bound
FROM counted c JOIN curve b ON b.method = c.method AND (c.spent <= b.budget) IS NOT FALSE;
SQL
sub count { return $node->safe_psql('postgres', "SELECT count(*) FROM $_[0]") }

cmp_ok(count('compared'), '>', 600, 'plans are compared');
cmp_ok(count('class WHERE cardinality(needed) > 4'), '>', 100, 'with assets that fail many');
is(count('compared WHERE (bound >= gain - 1e-9) IS NOT TRUE'), 0, 'none of them is above the bound');
is(count(<<'SQL'), 0, 'all that can be gained is the end of the bound');
compared WHERE share IS NULL AND cardinality(ids) = 60 AND bound > gain * 1.000001
SQL
is(count(<<'SQL'), 0, 'equal shares give no better bound');
(SELECT b.method, i.k, plan_bound(i.spent, b.spent, b.gains) AS bound, i.gain
 FROM curve b
 JOIN (SELECT s.method, row_number() OVER w AS k, sum(s.spend) OVER w::bigint AS spent, sum(e.gain) OVER w AS gain
       FROM (SELECT recommendation, sum(c.worth / cardinality(c.needed)) AS gain
             FROM class c, unnest(c.needed) recommendation GROUP BY recommendation) e
       JOIN spend s USING (recommendation)
       WINDOW w AS (PARTITION BY s.method ORDER BY e.gain / s.spend DESC, recommendation)) i USING (method)
 WHERE b.share IS NULL) x
WHERE bound > gain * 1.02
SQL
is(count(<<'SQL'), 0, 'plans keep to their budgets');
(SELECT f.method, f.share FROM (SELECT DISTINCT method, share, budget, recommendation FROM found WHERE rank > 0) f
 JOIN spend s USING (method, recommendation) GROUP BY f.method, f.share, f.budget HAVING sum(s.spend) > f.budget) x
SQL
note($node->safe_psql('postgres', <<'SQL'));
SELECT method || ' ' || share || ': ' || round((100 * max(gain) / max(plan_bound))::numeric, 1) || ' % of the bound'
FROM (SELECT c.*, plan_bound(c.budget, b.spent, b.gains)
      FROM compared c JOIN curve b USING (method, share, budget)) x
GROUP BY method, share ORDER BY method, share
SQL
$node->stop;
done_testing();

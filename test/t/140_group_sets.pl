# The sets of all groups are made in a fixed number of scans of the assets. They are compared
# with the condition of a group, written here as plain SQL, for tags of all types.
# tests: store/asset_set, catalog/asset_group

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $seed = $ENV{POSTURE_SEED} // (time ^ $$);
note "POSTURE_SEED=$seed";

my $node = new_node('group_sets');
$node->safe_psql('postgres', 'CREATE EXTENSION posture');
my $ask = sub { $node->safe_psql('postgres', shift) };

$ask->(<<"SQL");
SELECT setseed(@{[ ($seed % 1000) / 1000 ]});
CREATE FUNCTION one(VARIADIC text[]) RETURNS text LANGUAGE sql VOLATILE AS
    'SELECT \$1[1 + floor(random() * cardinality(\$1))::integer]';
CREATE FUNCTION random_tags(most integer) RETURNS jsonb LANGUAGE sql VOLATILE AS \$\$
    SELECT coalesce(jsonb_object_agg('k' || floor(random() * 3),
        one('1', '1.0', '"1"', '"x"', 'null', 'true', '[]', '[1]', '[1, 2]', '[[1]]', '["x"]',
            '{}', '{"a": 1}', '{"a": 1.0, "b": [1, 2]}', '{"b": [1]}', '{"a": {}}',
            '{"a": {"b": 1}}')::jsonb), '{}')
    FROM generate_series(1, floor(random() * most)::integer) \$\$;
CREATE FUNCTION random_kinds() RETURNS text[] LANGUAGE sql VOLATILE AS \$\$
    SELECT coalesce(array_agg('kind' || floor(random() * 6)), '{}')
    FROM generate_series(1, floor(random() * 4)::integer) \$\$;
INSERT INTO posture.asset (key, name, kind, criticality, tags)
SELECT 'a' || n, 'a', 'kind' || floor(random() * 5), one('low', 'medium', 'high', 'critical'),
       random_tags(4)
FROM generate_series(1, 600) n;
INSERT INTO posture.asset_group (key, name, kinds, min_criticality, tags)
SELECT 'g' || n, 'g', CASE WHEN random() < 0.5 THEN random_kinds() END,
       CASE WHEN random() < 0.5 THEN one('low', 'medium', 'high', 'critical') END,
       CASE WHEN random() < 0.8 THEN random_tags(3) END
FROM generate_series(1, 400) n;
CREATE VIEW expected AS
SELECT g.asset_group_id::text AS value, posture.assetset_agg(a.asset_id) AS assets
FROM posture.asset_group g
JOIN posture.asset a
  ON (g.kinds IS NULL OR a.kind = ANY (g.kinds))
 AND (g.min_criticality IS NULL
      OR array_position(ARRAY['low', 'medium', 'high', 'critical'], a.criticality)
         >= array_position(ARRAY['low', 'medium', 'high', 'critical'], g.min_criticality))
 AND (g.tags IS NULL OR a.tags \@> g.tags)
GROUP BY g.asset_group_id;
CREATE VIEW recomputed AS
SELECT c.value, posture.union_agg(c.assets) AS assets
FROM posture_internal.asset_class(NULL) c WHERE c.attribute = 'group' GROUP BY c.value;
CREATE VIEW stored AS
SELECT c.value, posture.union_agg(c.assets) AS assets
FROM posture_internal.asset_value_set('group', true, NULL) c GROUP BY c.value;
CREATE VIEW read AS SELECT g.asset_group_id::text AS value, g.assets
FROM posture_internal.asset_group_set(true, NULL) g WHERE posture.cardinality(g.assets) > 0;
SELECT posture.rebuild();
SQL

# counts are not printed, because they depend on the seed
is($ask->('SELECT count(*) > 50, count(DISTINCT assets::text) > 20 FROM expected'), 't|t',
	'many groups have assets');
sub same
{
	my ($view, $what) = @_;
	is($ask->(<<"SQL"), '0|0', $what);
SELECT (SELECT count(*) FROM (TABLE expected EXCEPT ALL TABLE $view) x),
       (SELECT count(*) FROM (TABLE $view EXCEPT ALL TABLE expected) x)
SQL
	return;
}
same('recomputed', 'sets of groups are those of their condition');
same('stored', 'so are the stored sets');

$ask->(<<'SQL');
UPDATE posture.asset SET tags = random_tags(4), kind = 'kind' || floor(random() * 5)
WHERE asset_id % 5 = 0;
SQL
same('read', 'and sets with touched assets');
$ask->('SELECT posture.fold()');
same('stored', 'and folded ones');
$ask->("UPDATE posture.asset_group SET tags = random_tags(3) WHERE asset_group_id % 3 = 0");
same('read', 'and sets of groups that changed');
is($ask->('SELECT count(*) FROM posture.verify()'), '0', 'verify() finds no difference');

is($ask->(<<'SQL'), "400\nt", 'assets are not scanned once for each group');
BEGIN;
SELECT count(*) FROM posture.asset_group;
WITH class AS MATERIALIZED (SELECT count(*) FROM posture_internal.asset_class(NULL))
SELECT s.tuples <= 3 * 600
FROM class CROSS JOIN LATERAL (
    SELECT pg_stat_get_xact_tuples_returned('posture.asset'::regclass) + 0 * class.count) s(tuples);
COMMIT;
SQL

$node->stop;
done_testing();

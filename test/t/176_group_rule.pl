# Groups with random rules over random assets. Each rule is also written here as a condition in
# SQL, which is asked of each asset. The sets are compared with it after random changes of all that
# a rule names, folded and not, and recomputed.
# tests: catalog/group_rule, store/group_rule_set, store/asset_set

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $rounds = $ENV{POSTURE_ROUNDS} // 1;
my $seed = $ENV{POSTURE_SEED} // (time ^ $$);
srand($seed);
note "POSTURE_ROUNDS=$rounds POSTURE_SEED=$seed";

my $node = new_node('group_rule');
$node->safe_psql('postgres', 'CREATE EXTENSION posture');
my $ask = sub { $node->safe_psql('postgres', shift) };
my $json = JSON::PP->new->canonical;
my ($assets, $groups) = (300, 80);

sub pick { return $_[ rand @_ ] }
sub some { return map { pick(@_) } 1 .. 1 + int rand 3 }
sub quoted { return join ', ', map { s/'/''/gr =~ s/^(.*)$/'$1'/r } @_ }

# a field of a rule, and the same as a condition on asset a
sub field
{
	my ($depth) = @_;
	my @levels = qw(low medium high critical);
	my $name = pick(qw(kind criticality min_criticality owner key asset tags source any all not));
	$name = 'owner' if !$depth && $name =~ /^(any|all|not)$/;
	if ($name =~ /^(any|all)$/)
	{
		my @parts = map { [ rule($depth - 1) ] } 1 .. 1 + int rand 3;
		my $between = $name eq 'any' ? ' OR ' : ' AND ';
		return ($name, [ map { $_->[0] } @parts ],
			'(' . join($between, map { "($_->[1])" } @parts) . ')');
	}
	if ($name eq 'not')
	{
		my @of = rule($depth - 1);
		return ($name, $of[0], "NOT ($of[1])");
	}
	if ($name eq 'min_criticality')
	{
		my $from = int rand 4;
		return ($name, $levels[$from], 'a.criticality IN (' . quoted(@levels[ $from .. 3 ]) . ')');
	}
	if ($name eq 'tags')
	{
		my %tags = map { pick(qw(k0 k1 k2)) => pick(1, 'x', [1], ['x'], {}, { b => 1 }) } 1 .. 1 + int rand 2;
		return ($name, \%tags, "a.tags \@> '" . $json->encode(\%tags) . "'");
	}
	my @of = some($name eq 'kind' ? qw(k0 k1 k2 k9)
		: $name eq 'criticality' ? @levels
		: $name eq 'owner' ? ('o0', 'o1', "o'2", 'o9')
		: $name eq 'key' ? ('a1%', '%5', 'a_', 'b%', 'a\\_%', '%')
		: $name eq 'asset' ? map { pick(qw(a b l)) . int rand $assets } 1 .. 20
		: qw(s1 s2 s3 s9));
	my $list = quoted(@of);
	my $sql = $name eq 'key' ? '(' . join(' OR ', map { 'a.key LIKE ' . quoted($_) } @of) . ')'
		: $name eq 'asset' ? "(a.key IN ($list) OR EXISTS (SELECT FROM posture.asset_alias l
			WHERE l.asset_id = a.asset_id AND l.alias IN ($list)))"
		: $name eq 'source' ? "EXISTS (SELECT FROM posture.asset_source x
			JOIN posture.source s USING (source_id) WHERE x.asset_id = a.asset_id AND s.key IN ($list))"
		: "coalesce(a.$name IN ($list), false)";
	return ($name, @of == 1 && rand() < 0.7 ? $of[0] : \@of, $sql);
}

sub rule
{
	my ($depth) = @_;
	my (%rule, %sql);
	for (1 .. 1 + int rand 3)
	{
		my ($name, $value, $sql) = field($depth);
		($rule{$name}, $sql{$name}) = ($value, $sql);
	}
	return (\%rule, join ' AND ', map { $sql{$_} } sort keys %sql);
}

# the condition of each group is kept beside it, and asked of all assets
sub group_sql
{
	my ($key) = @_;
	my ($rule, $sql) = rule(int rand 4);
	my $kinds = rand() < 0.2 ? "'{k0,k1}'" : 'NULL';
	$sql = "($sql) AND a.kind IN ('k0', 'k1')" if $kinds ne 'NULL';
	my ($document, $condition) = map { quoted($_) } $json->encode($rule), $sql =~ s/\s+/ /gr;
	return "DELETE FROM posture.asset_group WHERE key = '$key'; DELETE FROM condition WHERE key = '$key';
		INSERT INTO posture.asset_group (key, name, kinds, rule) VALUES ('$key', 'G', $kinds, $document);
		INSERT INTO condition VALUES ('$key', $condition);\n";
}

$ask->(<<"SQL");
SELECT setseed(@{[ ($seed % 1000) / 1000 ]});
CREATE FUNCTION one(VARIADIC text[]) RETURNS text LANGUAGE sql VOLATILE AS
    'SELECT \$1[1 + floor(random() * cardinality(\$1))::integer]';
CREATE FUNCTION random_tags() RETURNS jsonb LANGUAGE sql VOLATILE AS \$\$
    SELECT coalesce(jsonb_object_agg('k' || floor(random() * 3), one('1', '1.0', '"x"', 'null',
        '[1, 2]', '["x"]', '{}', '{"b": 1}', '{"b": 1.0, "c": 2}')::jsonb), '{}')
    FROM generate_series(1, floor(random() * 4)::integer) \$\$;
CREATE TABLE condition (key text PRIMARY KEY, sql text);
CREATE FUNCTION expected_of(sql text) RETURNS posture.assetset LANGUAGE plpgsql AS \$\$
DECLARE
    assets posture.assetset;
BEGIN
    EXECUTE 'SELECT posture.assetset_agg(a.asset_id) FROM posture.asset a WHERE ' || sql INTO assets;
    RETURN assets;
END \$\$;
CREATE VIEW expected AS
SELECT g.asset_group_id::text AS value, e.assets
FROM condition c JOIN posture.asset_group g USING (key)
CROSS JOIN LATERAL (SELECT expected_of(c.sql) AS assets OFFSET 0) e
WHERE e.assets IS NOT NULL;
CREATE FUNCTION recomputed(of_assets posture.assetset)
    RETURNS TABLE (value text, assets posture.assetset) LANGUAGE sql AS \$\$
    SELECT c.value, posture.union_agg(c.assets)
    FROM posture_internal.asset_class(of_assets) c WHERE c.attribute = 'group' GROUP BY c.value \$\$;
CREATE VIEW recomputed AS SELECT * FROM recomputed(NULL);
CREATE VIEW stored AS
SELECT s.value, posture.union_agg(s.assets) AS assets
FROM posture_internal.asset_set s WHERE s.attribute = 'group' GROUP BY s.value;
CREATE VIEW read AS SELECT g.asset_group_id::text AS value, g.assets
FROM posture_internal.asset_group_set(true, NULL) g WHERE posture.cardinality(g.assets) > 0;
SELECT setval(pg_get_serial_sequence('posture.asset', 'asset_id'), 700);
INSERT INTO posture.source (key, name) VALUES ('s1', 'S'), ('s2', 'S'), ('s3', 'S');
-- in two slices and several chunks
INSERT INTO posture.asset (asset_id, key, name, kind, criticality, owner, tags)
    OVERRIDING SYSTEM VALUE
SELECT n + (n % 3) * 700000, 'a' || n, 'a', one('k0', 'k1', 'k2'),
       one('low', 'medium', 'high', 'critical'), one('o0', 'o1', 'o''2', NULL), random_tags()
FROM generate_series(1, $assets) n;
INSERT INTO posture.asset_alias (alias, asset_id)
SELECT 'l' || row_number() OVER (), a.asset_id FROM posture.asset a WHERE random() < 0.5;
INSERT INTO posture.asset_source (source_id, asset_id)
SELECT s.source_id, a.asset_id FROM posture.source s, posture.asset a WHERE random() < 0.4;
@{[ join '', map { group_sql("g$_") } 1 .. $groups ]}
SELECT posture.rebuild();
SQL

is($ask->('SELECT count(*) > 30, count(DISTINCT assets::text) > 20 FROM expected'), 't|t',
	'many groups have assets');

sub same
{
	my ($what, @views) = @_;
	for my $view (@views)
	{
		is($ask->(<<"SQL"), '', "$view: $what");
SELECT string_agg(d.difference || ' ' || g.key || ' ' || g.rule || ' ' || d.assets, E'\\n')
FROM (SELECT 'missing' AS difference, x.* FROM (TABLE expected EXCEPT ALL TABLE $view) x
      UNION ALL
      SELECT 'unexpected', x.* FROM (TABLE $view EXCEPT ALL TABLE expected) x) d
LEFT JOIN posture.asset_group g ON g.asset_group_id::text = d.value
SQL
	}
	return;
}
same('random rules', qw(recomputed stored read));

# sets of more and of fewer assets than are looked up by id
for my $set ('{0-1400100}', '{5-90,700050-700070}', '{}')
{
	is($ask->(<<"SQL"), '', "sets within $set");
WITH cut AS (
    SELECT e.value, e.assets OPERATOR(posture.&) '$set' AS assets FROM expected e
    WHERE e.assets OPERATOR(posture.&&) '$set'
)
SELECT string_agg(d.value, ' ')
FROM ((SELECT * FROM recomputed('$set') EXCEPT ALL TABLE cut)
      UNION ALL (TABLE cut EXCEPT ALL SELECT * FROM recomputed('$set'))) d
SQL
}
is($ask->(<<'SQL'), "80\nt", 'no table is scanned for few assets');
SET search_path = posture, public;
BEGIN;
SET LOCAL enable_seqscan = off;
SELECT count(*) FROM asset_group;
WITH class AS MATERIALIZED (SELECT count(*) FROM posture_internal.asset_class('{5-9}'))
SELECT bool_and(s.tuples = 0)
FROM class CROSS JOIN unnest('{asset,asset_alias,asset_source}'::text[]) t(name)
CROSS JOIN LATERAL (SELECT pg_stat_get_xact_tuples_returned(t.name::regclass)
                           + 0 * class.count) s(tuples);
COMMIT;
SQL

my $few = 'asset_id IN (SELECT asset_id FROM posture.asset ORDER BY random() LIMIT 5)';
my @change = (
	"UPDATE posture.asset SET kind = one('k0', 'k1', 'k2') WHERE $few",
	"UPDATE posture.asset SET criticality = one('low', 'high', 'critical') WHERE $few",
	"UPDATE posture.asset SET owner = one('o0', 'o1', 'o''2', NULL) WHERE $few",
	"UPDATE posture.asset SET tags = random_tags() WHERE $few",
	"UPDATE posture.asset SET key = 'b' || random() WHERE $few",
	"UPDATE posture.asset SET retired_at = CASE WHEN random() < 0.5 THEN now() END WHERE $few",
	"DELETE FROM posture.asset WHERE $few",
	"INSERT INTO posture.asset (key, name, kind, owner, tags)
	 SELECT 'b' || random(), 'b', 'k1', 'o1', random_tags() FROM generate_series(1, 3)",
	"INSERT INTO posture.asset_alias (alias, asset_id)
	 SELECT 'l' || floor(random() * 300), asset_id FROM posture.asset WHERE $few
	 ON CONFLICT (alias) DO NOTHING",
	"DELETE FROM posture.asset_alias WHERE $few",
	"UPDATE posture.asset_alias SET asset_id = (SELECT min(asset_id) FROM posture.asset) WHERE $few",
	"UPDATE posture.asset_alias SET alias = 'b' || random() WHERE $few",
	"SELECT posture.merge_asset(x.keys[1], x.keys[2])
	 FROM (SELECT array_agg(a.key::text) AS keys FROM (SELECT a.key FROM posture.asset a
	       WHERE NOT EXISTS (SELECT FROM posture.asset_alias l WHERE l.alias = a.key)
	       ORDER BY random() LIMIT 2) a) x",
	"INSERT INTO posture.asset_source (source_id, asset_id)
	 SELECT source_id, asset_id FROM posture.source, posture.asset WHERE $few ON CONFLICT DO NOTHING",
	"DELETE FROM posture.asset_source WHERE $few",
	"UPDATE posture.source SET key = CASE key WHEN 's1' THEN 's9' ELSE 's1' END WHERE key IN ('s1', 's9')",
	sub { return group_sql('g' . (1 + int rand $groups)) },
	sub { return "DELETE FROM posture.asset_group WHERE key = 'g" . (1 + int rand $groups) . q(') },
);
for my $round (1 .. 12 * $rounds)
{
	$ask->(join ";\n", map { ref $_ ? $_->() : $_ } map { pick(@change) } 1 .. 1 + int rand 4);
	same("round $round", qw(read recomputed));
	is($ask->('SELECT count(*) FROM posture.verify()'), '0', "round $round: verify() agrees");
	next if rand() < 0.4;
	$ask->(rand() < 0.2 ? 'SELECT posture.rebuild()' : 'SELECT posture.fold()');
	same("round $round, folded", qw(stored read));
	is($ask->('SELECT count(*) FROM posture.verify()'), '0', "round $round: so it does when folded");
}

$node->stop;
done_testing();

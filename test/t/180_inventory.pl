# Inventories of a loader, beside those of others: it changes and retires what only its
# sources know, and its answers tell nothing of others.
# tests: source/inventory, source/delivery, catalog/asset_source

use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('inventory');
$node->safe_psql('postgres', 'CREATE ROLE alpha_loader LOGIN; CREATE ROLE curating LOGIN');

# Two databases that differ in what others have: in the second, others assess and know what is
# in alpha's inventory.
sub database
{
	my ($db, $others) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, <<"SQL");
CREATE EXTENSION posture;
SELECT posture.grant_access('alpha_loader', 'loader', 'alpha'),
       posture.grant_access('curating', 'loader', 'alpha'), posture.grant_access('curating', 'curator');
INSERT INTO posture.source (key, name) VALUES ('alpha', 'Alpha'), ('beta', 'Beta');
INSERT INTO posture.inbox (source, recommendation, asset, state)
SELECT 'beta', 'r', 'assessed', 'non_compliant' WHERE $others;
SELECT FROM posture.ingest();
SELECT FROM posture.load('inventory', '[{"key": "known", "kind": "user"}, {"key": "retired"}]', 'beta') WHERE $others;
UPDATE posture.asset SET owner = 'me', retired_at = CASE key WHEN 'retired' THEN timestamptz '2026-01-01' END;
SQL
	return;
}
database('few', 'false');
database('many', 'true');

sub answer
{
	my ($db, $role, $sql) = @_;
	my ($rc, $out, $err) = query_as($node, $db, $role, "SET client_min_messages = notice; $sql");
	return join "\n", grep { length } $out, $err;
}

sub same
{
	my ($sql, $expected, $name) = @_;
	my %answer = map { $_ => answer($_, 'alpha_loader', $sql) } qw(few many);
	is($answer{many}, $answer{few}, "the same answer whatever others have: $name");
	like($answer{many}, $expected, $name);
	return;
}

my $assets = '[{"key": "assessed", "kind": "host", "name": "N"}, {"key": "known", "kind": "host", "name": "N"}, '
  . '{"key": "retired"}, {"key": "mine", "kind": "host"}]';
my $state = q{SELECT string_agg(concat_ws(' ', a.asset, a.name, a.kind, a.state, nullif(array_to_string(a.known_by, '+'), '')), ', ' ORDER BY a.asset)
	FROM posture.asset_report a};
same("SELECT * FROM posture.load('inventory', '$assets', 'alpha')", qr/\A4\|4\|0\|0\|0\|0\|\z/, 'an inventory is loaded');
same("SELECT * FROM posture.load('inventory', '$assets', 'alpha')", qr/\A4\|0\|4\|0\|0\|0\|\z/, 'and once more');
is($node->safe_psql('many', $state),
	'assessed assessed unknown active alpha, known known user active alpha+beta, mine mine host active alpha, retired retired unknown retired alpha+beta',
	'the name and kind of what others have, and what a person retired, stay');
same(q{SELECT * FROM posture.load('inventory', '{"key": "mine", "owner": "x", "criticality": "low", "tags": {"a": 1}, "aliases": ["known"]}', 'alpha')},
	qr/\A1\|0\|1\|0\|0\|0\|\n.*left out of each asset/s, 'fields for a curator are left out');
same(q{SELECT * FROM posture.load('inventory', '{"key": "mine", "name": "Renamed"}', 'alpha')}, qr/\A1\|0\|1/, 'a name');
is($node->safe_psql('many', q{SELECT name, owner IS NULL, criticality, tags FROM posture.asset WHERE key = 'mine'}), 'Renamed|t|medium|{}',
	'the name of its own asset is changed');
same("SELECT * FROM posture.load('inventory', '[{\"key\": \"x\"}]', $_)", qr/permission denied|no loader/, "not for source $_")
  for q{'beta'}, q{'beta', true}, q{'unknown'};
same(q{SELECT * FROM posture.load('posture', '{"type": "asset_source", "source": "beta", "asset": "mine"}', 'alpha')},
	qr/\A0\|0\|0\|1\|.*source "beta" is not delivered by this role/s, 'nor as an object of format posture');
same(q{SELECT * FROM posture.load('inventory', '[{"key": "mine"}]', 'alpha', true)}, qr/\A1\|0\|1\|0\|3\|0\|source alpha\z/,
	'a complete delivery');
is($node->safe_psql('few', $state), 'assessed N host retired, known N host retired, mine Renamed host active alpha, retired retired unknown retired',
	'what only it knew is retired');
is($node->safe_psql('many', $state),
	'assessed assessed unknown active, known known user active beta, mine Renamed host active alpha, retired retired unknown retired beta',
	'what others assess or know is not');
like(answer('many', 'curating', q{SELECT * FROM posture.load('inventory', '[{"key": "assessed"}, {"key": "mine", "owner": "x"}]', 'alpha')}),
	qr/\A2\|2\|0/, 'a curator sets more fields');
answer('many', 'curating', q{SELECT FROM posture.load('inventory', '[{"key": "mine"}]', 'alpha', true)});
is($node->safe_psql('many', q{SELECT retired_at IS NOT NULL FROM posture.asset WHERE key = 'assessed'}), 't',
	'and retires what a scanner still assesses');

# ---- asset_inbox ----

like(answer('many', 'alpha_loader', q{INSERT INTO posture.asset_inbox (source, asset) VALUES ('beta', 'x')}),
	qr/permission denied: role "alpha_loader" is no loader of source "beta"/, 'it puts no row of another source into the inbox');
like(answer('many', 'alpha_loader', 'SELECT * FROM posture.asset_inbox'), qr/permission denied for table asset_inbox/, 'and does not read it');
like(answer('many', 'alpha_loader', 'SELECT * FROM posture.asset_source'), qr/permission denied/, 'nor what is known');
$node->safe_psql($_, q{INSERT INTO posture.asset_inbox (source, asset) VALUES ('beta', 'waits')}) for qw(few many);
same("COPY posture.asset_inbox (source, asset, seen_at) FROM stdin;\nalpha\tnew\t\\N\nalpha\tknown\t2026-01-01\nalpha\t\\N\t\\N\n\\.\n"
	  . 'SELECT * FROM posture.ingest_assets()', qr/\A2\|2\|0\|1\|0\|\n.*asset_inbox: missing asset/s, 'ingest_assets() takes the rows of its source');
is($node->safe_psql('many', 'SELECT source FROM posture.asset_inbox'), 'beta', 'and leaves those of others');
same('SELECT * FROM posture.ingest_assets(only_source => $$beta$$)', qr/no loader of source "beta"/, 'not of another source');
same(q{INSERT INTO posture.asset_inbox (source, asset) VALUES ('alpha', 'mine');
	SELECT closed, retired IS NULL FROM posture.ingest_assets('alpha')}, qr/\A2\|t\z/, 'how many are retired is not told');
same(q{SELECT asset, reason FROM posture.rejections('alpha')}, qr/\A\|asset_inbox: missing asset\z/, 'it reads what was rejected');

$node->stop;
done_testing();

# Levels of access in a dump, and how they are revoked.
# tests: access/row_security

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestAccess;
use TestPosture;

access_node('dump');
grant_levels();
my $grant = 'GRANT SELECT ON ALL TABLES IN SCHEMA posture, posture_internal TO outsider';
my $revoke = 'REVOKE ALL ON ALL TABLES IN SCHEMA posture, posture_internal FROM outsider';
is(answer('warden', $grant), '', 'and privileges by hand');

# a dump has the privileges but not the policies, which rebuild() creates
my $dir = PostgreSQL::Test::Utils::tempdir();
my $policies = <<'SQL';
SELECT string_agg(format('%s %s %s %s %s', polrelid::regclass, polname,
           ARRAY(SELECT r::regrole::text FROM unnest(polroles) r WHERE r <> 0 ORDER BY 1),
           pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)), E'\n'
           ORDER BY polrelid::regclass::text COLLATE "C", polname)
FROM pg_policy
SQL
my $all = 'SELECT * FROM posture.overview; SELECT count(*) FROM posture.finding;'
  . 'SELECT * FROM posture.recommendation_report ORDER BY 1, 2';

sub is_restored
{
	my ($how, @roles) = @_;
	my $db = 'restored';
	my $missing = 'row security of .*finding.* is missing: .*alice.* see all its rows';
	like($node->safe_psql($db,
			q{SELECT difference FROM posture.verify() WHERE part = 'row security'}),
		qr/$missing/, "$how: verify() reports that policies are missing");
	is((query_as($node, $db, 'warden', 'SELECT FROM posture.rebuild()'))[2],
		'', "$how: rebuild() creates them");
	is($node->safe_psql($db, 'SELECT * FROM posture.verify()'),
		'', "$how: then verify() finds no difference");
	is($node->safe_psql($db, $policies), $node->safe_psql('warehouse', $policies),
		"$how: the policies are the same");
	is((query_as($node, $db, $_, $all))[1], answer($_, $all), "$how: $_ sees the same") for @roles;
	$node->safe_psql('postgres', "DROP DATABASE $db");
	return;
}
my @as = ('-U', 'warden');
my @restore = ('pg_restore', @as, '--exit-on-error', '--no-owner', '-d', 'restored');
answer('warden', "$revoke; SELECT posture.grant_access('plain_reader', 'reader')");
$node->command_fails_like([ 'pg_dump', @as, '-f', "$dir/warden.sql", 'warehouse' ],
	qr/query would be affected by row-level security policy/,
	'a role under row security needs an option to dump');
$node->command_ok([ 'pg_dump', @as, '--enable-row-security', '-Fc', '-f', "$dir/custom",
		'warehouse' ], 'and then dumps all rows');
$node->safe_psql('postgres', 'CREATE DATABASE restored OWNER warden');
$node->command_ok([ @restore, "$dir/custom" ], 'and restores');
is_restored('dump of the installer', qw(alice bob carol fleet dana plain_reader operator warden));
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/super", 'warehouse' ], 'a superuser dumps');
$node->safe_psql('postgres', 'CREATE DATABASE restored OWNER warden');
$node->command_ok([ @restore, "$dir/super" ], 'the installer restores it');
is_restored('dump of a superuser', qw(alice plain_reader warden));

# levels are revoked
my $protected = "SELECT count(*) FROM pg_class WHERE relnamespace $schemas AND relrowsecurity";
for my $role ('plain_reader', 'loader', 'operator', 'alice', 'dana', 'carol', 'team')
{
	is(answer('warden', "SELECT posture.revoke_access('$role')"), '', "revoked from $role");
	is($node->safe_psql('warehouse', <<"SQL"), '0', "$role has no privilege");
SELECT count(*) FROM pg_class c, aclexplode(c.relacl) x
WHERE c.relnamespace $schemas AND x.grantee = '$role'::regrole
SQL
	# dana is a member of roles that have a level, team has no login
	next if $role =~ /team|dana/;
	like(answer($role, 'SELECT * FROM posture.overview'),
		qr/permission denied for view overview/, "$role reads nothing");
}
is($node->safe_psql('warehouse', <<'SQL'), '0', 'policies name no role that has no level');
SELECT count(*) FROM pg_policy p, unnest(polroles) r
WHERE r <> 0 AND r NOT IN (SELECT oid FROM pg_roles WHERE rolname IN ('warden', 'Reader "two"'))
SQL
cmp_ok($node->safe_psql('warehouse', $protected), '>', 0, 'row security is on for one owner');
is(answer('warden', join '; ', q{SELECT posture.revoke_access('fleet')}, $revoke,
		q{SELECT posture.revoke_access('outsider')}) =~ s/\n//gr,
	'', 'revoked from the last owner');
is($node->safe_psql('warehouse', $protected), '0', 'then it is off');
is($node->safe_psql('warehouse', 'SELECT count(*) FROM pg_policy'), '0', 'and no policy is left');
$node->safe_psql('postgres', 'DROP ROLE plain_reader; DROP ROLE loader; DROP ROLE operator');
pass('roles without privileges can be dropped');

# a view that the owner of the extension adds to it opens no table of the same name
$node->safe_psql('warehouse', 'CREATE TABLE posture.secret (word text)');
$node->safe_psql('warehouse', 'CREATE SCHEMA theirs AUTHORIZATION warden');
is(answer('warden', 'CREATE VIEW theirs.secret AS SELECT 1;
	ALTER EXTENSION posture ADD VIEW theirs.secret'), '', 'a view is added');
answer('warden', q{SELECT posture.grant_access('outsider', 'reader')});
like(answer('outsider', 'SELECT * FROM posture.secret'),
	qr/permission denied for table secret/, 'grant_access() grants no table of its name');
answer('warden', q{SELECT posture.grant_access('fleet', 'owner')});
is(answer('warden', 'DROP EXTENSION posture CASCADE'),
	'', 'the extension can be dropped with its policies');

$node->stop;
done_testing();

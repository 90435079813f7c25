# Levels of access: what a dump takes along of them, and how they are taken back.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;
use TestAccess;

my $node = access_node('dump');
my $protected = q{SELECT count(*) FROM pg_class WHERE relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND relrowsecurity};
my ($rc, $out, $err) = as_role('warden', <<'SQL');
SELECT posture.grant_access('plain_reader', 'reader'), posture.grant_access('Reader "two"', 'reader'),
       posture.grant_access('loader', 'loader'), posture.grant_access('operator', 'operator');
SELECT posture.grant_access(r, 'owner') FROM unnest(ARRAY['alice', 'team', 'carol', 'fleet', 'dana']) r;
-- by hand
GRANT USAGE ON SCHEMA posture, posture_internal TO outsider;
GRANT SELECT ON ALL TABLES IN SCHEMA posture, posture_internal TO outsider;
SQL
is("$rc$err", '0', 'levels are granted');

# a dump takes the grants along, and rebuild() brings row security back
my $dir = PostgreSQL::Test::Utils::tempdir();
my $policies = q{SELECT string_agg(format('%s %s %s %s %s', polrelid::regclass, polname, ARRAY(SELECT r::regrole::text FROM unnest(polroles) r WHERE r <> 0 ORDER BY 1),
	pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)), E'\n' ORDER BY polrelid::regclass::text COLLATE "C", polname) FROM pg_policy};
my $all = 'SELECT * FROM posture.overview; SELECT * FROM posture.recommendation_report ORDER BY 1, 2; SELECT count(*) FROM posture.finding';
sub like_before
{
	my ($db, $how, @roles) = @_;
	my $fault = 'row security of .*finding.* is missing: .*alice.* see all its rows';
	like($node->safe_psql($db, q{SELECT difference FROM posture.verify() WHERE part = 'row security'}), qr/$fault/, "$how: verify() tells what is missing");
	is((query_as($node, $db, 'warden', 'SELECT FROM posture.rebuild()'))[2], '', "$how: rebuild() brings it back");
	is($node->safe_psql($db, 'SELECT * FROM posture.verify()'), '', "$how: all is well");
	is($node->safe_psql($db, $policies), $node->safe_psql('warehouse', $policies), "$how: the policies are the same");
	is((query_as($node, $db, $_, $all))[1], answer($_, $all), "$how: $_ sees what they saw") for @roles;
	$node->safe_psql('postgres', "DROP DATABASE $db");
	return;
}
answer('warden', 'REVOKE ALL ON ALL TABLES IN SCHEMA posture, posture_internal FROM outsider; SELECT posture.grant_access(\'plain_reader\', \'reader\')');
$node->command_fails_like([ 'pg_dump', '-U', 'warden', '-f', "$dir/warden.sql", 'warehouse' ], qr/query would be affected by row-level security policy/,
	'who is subject to row security has to say so to dump');
$node->command_ok([ 'pg_dump', '-U', 'warden', '--enable-row-security', '-Fc', '-f', "$dir/custom", 'warehouse' ], 'and then dumps all');
$node->safe_psql('postgres', 'CREATE DATABASE restored OWNER warden');
$node->command_ok([ 'pg_restore', '-U', 'warden', '--exit-on-error', '--no-owner', '-d', 'restored', "$dir/custom" ], 'and restores');
like_before('restored', 'by the installer', qw(alice bob carol fleet dana plain_reader operator warden));
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/super", 'warehouse' ], 'a superuser dumps');
$node->safe_psql('postgres', 'CREATE DATABASE restored OWNER warden');
$node->command_ok([ 'pg_restore', '-U', 'warden', '--exit-on-error', '--no-owner', '-d', 'restored', "$dir/super" ], 'which the installer restores');
like_before('restored', 'by a superuser', qw(alice plain_reader warden));

# and taken back
my $left = q{SELECT count(*) FROM pg_class c, aclexplode(c.relacl) x WHERE c.relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND x.grantee = '%1$s'::regrole};
for my $role ('plain_reader', 'loader', 'operator', 'alice', 'dana', 'carol', 'team')
{
	is(answer('warden', "SELECT posture.revoke_access('$role')"), '', "revoked from $role");
	is($node->safe_psql('warehouse', sprintf($left, $role)), '0', 'nothing is left');
	like(answer($role, 'SELECT * FROM posture.overview'), qr/permission denied for schema/, 'they read nothing') unless $role =~ /team|dana/;
}
is($node->safe_psql('warehouse', q{SELECT count(*) FROM pg_policy p, unnest(polroles) r WHERE polname = 'all_rows' AND r NOT IN (SELECT oid FROM pg_roles WHERE rolname IN ('warden', 'Reader "two"'))}), '0', 'policies name only who is left');
cmp_ok($node->safe_psql('warehouse', $protected), '>', 0, 'while there is an owner there is row security');
is(answer('warden', q{SELECT posture.revoke_access('fleet')}) . answer('warden', 'REVOKE ALL ON ALL TABLES IN SCHEMA posture, posture_internal FROM outsider') . answer('warden', q{SELECT posture.revoke_access('outsider')}), '', 'from the last');
is($node->safe_psql('warehouse', $protected), '0', 'without an owner there is none');
is($node->safe_psql('warehouse', 'SELECT count(*) FROM pg_policy'), '0', 'and no policy');
$node->safe_psql('postgres', 'DROP ROLE plain_reader; DROP ROLE loader; DROP ROLE operator');
pass('roles that have nothing left can be dropped');
# a view that the owner of the extension adds to it passes on no table of that name
$node->safe_psql('warehouse', 'CREATE TABLE posture.secret (word text)');
$node->safe_psql('warehouse', 'CREATE SCHEMA theirs AUTHORIZATION warden');
is(answer('warden', 'CREATE VIEW theirs.secret AS SELECT 1; ALTER EXTENSION posture ADD VIEW theirs.secret'), '', 'a view is added');
answer('warden', q{SELECT posture.grant_access('outsider', 'reader')});
like(answer('outsider', 'SELECT * FROM posture.secret'), qr/permission denied for table secret/, "another's table of its name is not granted");
answer('warden', q{SELECT posture.grant_access('fleet', 'owner')});
is(answer('warden', 'DROP EXTENSION posture'), '', 'the extension can be dropped with its policies');

$node->stop;
done_testing();

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

# a dump has the privileges and the table of grants; policies come with the extension
my $dir = PostgreSQL::Test::Utils::tempdir();
my $policies = <<'SQL';
SELECT string_agg(format('%s %s %s %s %s', polrelid::regclass, polname,
           ARRAY(SELECT r::regrole::text FROM unnest(polroles) r WHERE r <> 0 ORDER BY 1),
           pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)), E'\n'
           ORDER BY polrelid::regclass::text COLLATE "C", polname)
FROM pg_policy
SQL
my $all = 'SELECT * FROM posture.overview; SELECT count(*) FROM posture.finding_report;'
  . 'SELECT * FROM posture.recommendation_report ORDER BY 1, 2';
my $keys = join ' UNION ALL ', map { "SELECT $_->[0]::text FROM posture.$_->[1]" }
  [ initiative => 'overview' ], [ metric => 'metric_report' ], [ asset => 'asset_report' ],
  [ "recommendation || asset" => 'finding_report' ], [ title => 'recommendation_report' ],
  [ event_id => 'event_report' ], [ reason => 'exemption_report' ];
my @owners = qw(alice bob carol fleet dana);

sub is_restored
{
	my ($how, @roles) = @_;
	my $db = 'restored';
	is($node->safe_psql($db, $policies), $node->safe_psql('warehouse', $policies),
		"$how: the policies are the same");
	for my $role (grep { my $role = $_; grep { $_ eq $role } @owners } @roles)
	{
		my %seen = map { $_ => 1 } split /\n/, answer($role, $keys);
		my @more = grep { !$seen{$_} } split /\n/, (query_as($node, $db, $role, $keys))[1];
		is("@more", '', "$how: before any call $role sees nothing more than before");
		like((query_as($node, $db, $role, 'SELECT count(*) FROM posture.finding'))[2],
			qr/permission denied/, "$how: nor a table");
	}
	is((query_as($node, $db, 'warden', 'SELECT FROM posture.rebuild()'))[2],
		'', "$how: rebuild() makes the sets");
	is($node->safe_psql($db, 'SELECT * FROM posture.verify()'),
		'', "$how: then verify() finds no difference");
	is((query_as($node, $db, $_, $all))[1], answer($_, $all), "$how: $_ sees the same") for @roles;
	return;
}
my @as = ('-U', 'warden');
my @restore = ('pg_restore', @as, '--exit-on-error', '--no-owner', '--enable-row-security', '-d', 'restored');
my @ordinary = ('--enable-row-security', '--inserts', '--rows-per-insert=100');
answer('warden', "$revoke; SELECT posture.grant_access('plain_reader', 'reader')");
$node->command_fails_like([ 'pg_dump', @as, '-f', "$dir/warden.sql", 'warehouse' ],
	qr/query would be affected by row-level security policy/,
	'a role under row security needs an option to dump');
$node->command_fails_like([ 'pg_dump', '-U', 'alice', '--enable-row-security', '-f', "$dir/alice.sql", 'warehouse' ],
	qr/permission denied/, 'an owner does not dump');
$node->command_ok([ 'pg_dump', @as, @ordinary, '-Fc', '-f', "$dir/custom", 'warehouse' ],
	'and then dumps all rows');
$node->safe_psql('postgres', 'CREATE DATABASE restored OWNER warden');
$node->command_ok([ @restore, "$dir/custom" ], 'and restores');
is_restored('dump of the installer', @owners, qw(plain_reader curator operator warden));

# a role that was dropped and created again between the dump and the restore
$node->safe_psql('postgres', 'DROP DATABASE restored');
$node->safe_psql('warehouse', 'DROP OWNED BY alice; DROP ROLE alice; CREATE ROLE alice LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE restored OWNER warden');
$node->command_ok([ @restore, "$dir/custom" ], 'a dump is restored beside a new alice');
is((query_as($node, 'restored', 'alice', $keys))[1], '', 'who sees nothing, with the privileges of the dump');
is((query_as($node, 'restored', 'warden', 'SELECT posture.restore_access()'))[1], '10',
	'restore_access() grants all levels again');
$node->safe_psql('restored', 'SELECT FROM posture.rebuild()');
is((query_as($node, 'restored', 'alice', 'SELECT initiative FROM posture.overview'))[1], "ia\nia points",
	'then she sees hers');
$node->safe_psql('postgres', 'DROP DATABASE restored');
answer('warden', q{SELECT posture.restore_access(); GRANT alice TO dana});

$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/super", 'warehouse' ], 'a superuser dumps');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '--no-owner', '-d', 'restored', "$dir/super" ],
	'and restores it');
$node->safe_psql('restored', 'SELECT FROM posture.rebuild()');
is((query_as($node, 'restored', $_, $all))[1], answer($_, $all), "dump of a superuser: $_ sees the same")
  for qw(alice fleet plain_reader);
$node->safe_psql('postgres', 'DROP DATABASE restored');

# levels are revoked
for my $role ('plain_reader', 'loader', 'curator', 'operator', 'alice', 'dana', 'carol', 'team')
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
is(answer('warden', join '; ', q{SELECT posture.revoke_access('fleet')}, $revoke,
		q{SELECT posture.revoke_access('outsider'), posture.revoke_access('Reader "two"')}) =~ s/[\n|]//gr,
	'', 'revoked from the last owner');
is(answer('warden', 'SELECT count(*) FROM posture.access'), '0', 'then there is no grant');
is($node->safe_psql('warehouse', q{SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM posture.access_rule() r
	JOIN pg_class c ON c.oid = r.relation WHERE NOT c.relrowsecurity}), 'asset_inbox inbox', 'and row security is on');
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

# Levels of access: who can grant them, which roles see all rows, and that row security is
# on only while there is an owner.
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

access_node('access');
my ($rc, $out, $err);

is($node->safe_psql('warehouse', <<"SQL"), '', 'access_rule() has every table, and nothing else') or diag 'see src/sql/access/table_privilege.sql';
SELECT coalesce(c.oid::regclass, r.relation)
FROM (SELECT oid FROM pg_class
      WHERE relnamespace $schemas AND relkind IN ('r', 'p', 'm', 'f')) c
FULL JOIN posture.access_rule() r ON r.relation = c.oid
WHERE c.oid IS NULL OR r.relation IS NULL
SQL
my @tables = tables($node, 'warehouse');
my @views = views($node, 'warehouse');
my %known = map { $_ => 1 } keys %owner_condition, keys %owner_column, @unreadable;
is(join(' ', grep { !$known{$_} } sort @tables), '', 'the tests of owners have every table')
  or diag 'add it to test/t/TestAccess.pm: %owner_condition, %owner_column or @unreadable';
is(join(' ', grep { my $name = $_; !grep { $_ eq $name } @tables } sort keys %known), '', 'and nothing else');

for my $call (q{posture.grant_access('outsider', 'reader')},
	q{posture.revoke_access('plain_reader')}, 'posture_internal.set_row_security()')
{
	like(answer('outsider', "SELECT $call"), qr/permission denied for function/,
		"PUBLIC can't call $call");
}
for my $case (
	[ q{grant_access('nobody there', 'reader')}, qr/role "nobody there" does not exist\nHINT: .*case-sensitive/ ],
	[ q{grant_access('public', 'reader')}, qr/role "public" does not exist\nHINT: .*PUBLIC cannot have a level/ ],
	[ q{grant_access('reader', 'alice')}, qr/role "reader" does not exist\nHINT: .*first argument is the role/ ],
	[ q{grant_access(NULL, 'reader')}, qr/role must not be null/ ],
	[ q{grant_access('alice', 'Owner')},
		qr/level "Owner" not recognized.*Levels are reader, owner, loader, operator/s ],
	[ q{grant_access('alice', NULL)}, qr/level "NULL" not recognized/ ],
	[ q{revoke_access('nobody there')}, qr/role "nobody there" does not exist/ ])
{
	like(answer('warden', "SELECT posture.$case->[0]"), $case->[1], "an error: $case->[0]");
}

my $protected = "SELECT count(*) FROM pg_class WHERE relnamespace $schemas AND relrowsecurity";
($rc, $out, $err) = as_role('warden', <<'SQL');
SELECT posture.grant_access('plain_reader', 'reader'),
       posture.grant_access('Reader "two"', 'reader'),
       posture.grant_access('loader', 'loader'), posture.grant_access('operator', 'operator');
SQL
is("$rc$err", '0', 'the installer grants levels');
is($node->safe_psql('warehouse', $protected), '0', 'there is no row security without an owner');
my %view = map { $_ => "SELECT * FROM $_" } @views;
my %before = answers_as('warden', \%view);
grant_levels();
is($node->safe_psql('warehouse', $protected), $node->safe_psql('warehouse',
		'SELECT count(*) FROM posture.access_rule() WHERE owner_rows IS NOT NULL'),
	'the first owner turns it on');

# roles that see all rows, and the tables that they can't read
my %denied = (
	plain_reader => 'posture.inbox posture.rejected',
	'Reader "two"' => 'posture.inbox posture.rejected',
	loader => '',
	operator => 'posture.inbox',
	warden => '');
for my $role (sort keys %denied)
{
	my %answer = answers_as($role, \%view);
	is(join(' ', differing(\%answer, \%before)), '', "$role sees all rows of every view");
	my %read = answers_as($role, { map { $_ => "SELECT FROM $_ LIMIT 0" } @tables });
	is(join(' ', grep { $read{$_} ne '' } @tables), $denied{$role},
		"$role reads every table but: $denied{$role}");
}
my %closed = answers_as('outsider', \%view);
is(join(' ', grep { $closed{$_} !~ /permission denied for view/ } @views),
	'', 'a role without a level reads no view');
unlike(answer('plain_reader', q{EXPLAIN SELECT * FROM posture.finding WHERE details @> '{}'}),
	qr/InitPlan|SubPlan|own/, 'row security is not in the plan of a reader');
# conditions on views that list assets and findings reach the indexes, also below a policy
for my $role ('plain_reader', 'alice')
{
	for my $case (
		[ asset_report => "asset = 'alice-1'", qr/asset_key_key.*finding_asset_id/s ],
		[ finding_report => "asset = 'alice-1'", qr/asset_key_key.*finding_asset_id/s ],
		[ finding_report => "recommendation = 'a2'", qr/recommendation = 'a2'.*finding_pkey/s ],
		[ event_asset => 'event_id = 1', qr/event_cause_event_id_idx.*asset_pkey/s ])
	{
		my ($view, $condition, $plan) = @$case;
		like(answer($role, "SET enable_seqscan = off; SET enable_hashjoin = off;
			SET enable_mergejoin = off; EXPLAIN SELECT * FROM posture.$view WHERE $condition"),
			$plan, "$role: $view reads few rows where $condition");
	}
}
is(answer('loader', "COPY posture.inbox FROM STDIN;\n\\.\n"), '', 'a loader copies into the inbox');

# privileges that are granted by hand
answer('warden', 'GRANT SELECT ON ALL TABLES IN SCHEMA posture, posture_internal TO outsider');
is(answer('outsider', 'SELECT * FROM posture.overview'),
	answer('plain_reader', 'SELECT * FROM posture.overview'),
	'SELECT on all tables shows all rows');
answer('warden', 'REVOKE SELECT ON posture_internal.finding_set FROM outsider');
is(answer('outsider', 'SELECT count(*) FROM posture.finding'),
	'0', 'without SELECT on the sets a role sees what it owns: nothing');

$node->stop;
done_testing();

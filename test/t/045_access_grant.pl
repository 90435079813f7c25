# Levels of access: who can grant them, which roles see all rows, and what privileges that were
# granted by hand show.
# tests: access/row_security, access/view_fence, access/grant_access

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
      WHERE relnamespace $schemas AND relkind IN ('r', 'p', 'm')) c
FULL JOIN posture.access_rule() r ON r.relation = c.oid
WHERE c.oid IS NULL OR r.relation IS NULL
SQL
my @tables = tables($node, 'warehouse');
my @views = views($node, 'warehouse');
my %known = map { $_ => 1 } keys %owner_condition, @hidden;
is(join(' ', grep { !$known{$_} } sort @tables), '', 'the tests of owners have every table')
  or diag 'add it to test/t/TestAccess.pm: %owner_condition or @hidden';
is(join(' ', grep { my $name = $_; !grep { $_ eq $name } @tables } sort keys %known), '', 'and nothing else');

for my $call (q{posture.grant_access('outsider', 'reader')},
	q{posture.revoke_access('plain_reader')}, 'posture.restore_access()')
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
		qr/level "Owner" not recognized.*Levels are reader, owner, loader, curator, operator/s ],
	[ q{grant_access('alice', NULL)}, qr/level "NULL" not recognized/ ],
	[ q{grant_access('alice', 'loader')}, qr/a loader delivers for a source, and none was given\nHINT/ ],
	[ q{grant_access('alice', 'owner', 'scan')}, qr/level owner has no source\nHINT/ ],
	[ q{grant_access('alice', 'loader', '')}, qr/ERROR:  value for domain object_key violates/ ],
	[ q{revoke_access('nobody there')}, qr/role "nobody there" does not exist/ ])
{
	like(answer('warden', "SELECT posture.$case->[0]"), $case->[1], "an error: $case->[0]");
}

my $open = q{SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM posture.access_rule() r
	JOIN pg_class c ON c.oid = r.relation WHERE NOT c.relrowsecurity};
is($node->safe_psql('warehouse', $open), 'asset_inbox inbox', 'row security is on without a grant');
my %view = map { $_ => "SELECT * FROM $_" } @views;
my %before = answers_as('warden', \%view);
grant_levels();
is(answer('warden', 'SELECT count(*) FROM posture.access WHERE granted_by = current_user'), '10',
	'the table access has the grants');

# roles that see all rows, and the tables that they can't read
my %denied = (
	plain_reader => 'posture.asset_inbox posture.inbox posture.rejected',
	'Reader "two"' => 'posture.asset_inbox posture.inbox posture.rejected',
	curator => 'posture.asset_inbox posture.inbox posture.rejected',
	operator => '',
	warden => '');
for my $role (sort keys %denied)
{
	my %answer = answers_as($role, \%view);
	is(join(' ', differing(\%answer, \%before)), '', "$role sees all rows of every view");
	my %read = answers_as($role, { map { $_ => "SELECT FROM $_ LIMIT 0" } @tables });
	is(join(' ', grep { $read{$_} ne '' } @tables), $denied{$role},
		"$role reads every table but: $denied{$role}");
}
# roles that read no table, and the views of posture_internal neither
my @internal_views = map { s/^posture/posture_internal/r } @views;
for my $role ('outsider', 'loader', 'alice')
{
	my %read = answers_as($role, { map { $_ => "SELECT FROM $_" } @tables, @internal_views });
	is(join(' ', grep { $read{$_} !~ /permission denied( for (table|view)|: role "$role" does not see all rows)/ } sort keys %read),
		'', "$role reads no table");
}
for my $role ('outsider', 'loader')
{
	my %closed = answers_as($role, \%view);
	is(join(' ', grep { $closed{$_} !~ /permission denied for view/ } @views), '', "$role reads no view");
}
unlike(answer('plain_reader', q{EXPLAIN SELECT * FROM posture.finding WHERE details @> '{}'}),
	qr/InitPlan|SubPlan|own|sees_all/, 'row security is not in the plan of a reader');
# conditions on views that list assets and findings reach the indexes
for my $case (
	[ asset_report => "asset = 'alice-1'", qr/asset_key_key.*finding_asset_id/s ],
	[ finding_report => "asset = 'alice-1'", qr/asset_key_key.*finding_asset_id/s ],
	[ finding_report => "recommendation = 'a2'", qr/recommendation = 'a2'.*finding_pkey/s ],
	[ event_asset => 'event_id = 1', qr/event_cause_event_id_idx.*asset_pkey/s ])
{
	my ($view, $condition, $plan) = @$case;
	like(answer('plain_reader', "SET enable_seqscan = off; SET enable_hashjoin = off;
		SET enable_mergejoin = off; EXPLAIN SELECT * FROM posture.$view WHERE $condition"),
		$plan, "plain_reader: $view reads few rows where $condition");
}
my %plan = answers_as('alice', { map { $_ => "EXPLAIN (VERBOSE) SELECT * FROM $_" } @views });
is(join(' ', grep { $plan{$_} !~ /Foreign Scan on posture_internal\.owner_/ || $plan{$_} =~ /SubPlan|InitPlan/
			|| $plan{$_} =~ /Scan .*on (?!posture_internal\.owner_)/ && $plan{$_} !~ /One-Time Filter|sees_all/ } @views),
	'', 'the plan of an owner has a fence and no table');
is(answer('loader', "COPY posture.inbox FROM STDIN;\n\\.\n"), '', 'a loader copies into the inbox');

# privileges that are granted by hand
answer('warden', 'GRANT SELECT ON ALL TABLES IN SCHEMA posture, posture_internal TO outsider');
is(answer('outsider', 'SELECT * FROM posture.overview'),
	answer('plain_reader', 'SELECT * FROM posture.overview'),
	'SELECT on all tables shows all rows');
answer('warden', 'REVOKE SELECT ON posture_internal.finding_set FROM outsider;
	GRANT SELECT ON posture.finding TO alice');
for my $role ('outsider', 'alice')
{
	# with a sequential and an index scan; leakproof conditions are evaluated before policies
	for my $filter ('true', q{state = 'compliant'}, 'recommendation_id = 1 AND asset_id = 700001')
	{
		my $explain = 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)';
		is(answer($role, "$_ SELECT count(*) FROM posture.finding WHERE $filter"),
			qq{ERROR:  permission denied: role "$role" does not see all rows
DETAIL:  Tables of posture are read by roles that may read all of them.
HINT:  The views of posture show a role what it may see.},
			"$role: SELECT on a table, without that on the sets, shows nothing: $_ $filter")
		  for '', 'EXPLAIN', $explain;
	}
}
is(answer('alice', 'SELECT count(*) FROM posture.finding_report') > 0, 1, 'alice reads the view');
my %denial = answers_as('outsider', { map { $_ => "SELECT FROM $_" }
	  grep { !/inbox|finding_set/ } @tables });
is(join(' ', grep { $denial{$_} !~ /role "outsider" does not see all rows/ } sort keys %denial),
	'', 'nor does any other table');
for my $write (q{UPDATE posture.finding SET state = 'compliant'}, 'DELETE FROM posture.event',
	q{INSERT INTO posture.source (key, name) VALUES ('x', 'X')})
{
	my ($table) = $write =~ /(posture\.\w+)/;
	answer('warden', "GRANT ALL ON $table TO alice");
	like(answer('alice', $write), qr/role "alice" does not see all rows/, "nor can it write: $write");
}

$node->stop;
done_testing();

# Forms of dump and restore: a whole cluster into another, as a role that is no superuser,
# in halves, data alone with triggers off; and the privileges after each.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestDump;
use TestPosture;

my $dir = PostgreSQL::Test::Utils::tempdir();
dump_origin();

my @errors;
for my $view (views($origin, 'origin'))
{
	my ($rc, $out, $err) = query_as($origin, 'origin', 'risk_owner',
		"COPY (SELECT * FROM $view) TO STDOUT (FORMAT csv)");
	push @errors, "$view: $err" if $rc || $err;
}
is("@errors", '', 'every view can be copied');

# ---- a cluster into another ----

my $other = dump_cluster('other');
$origin->command_ok([ 'pg_dumpall', '-f', "$dir/all.sql" ], 'pg_dumpall');
my $me = $origin->safe_psql('postgres', 'SELECT current_user');
$other->command_checks_all([ 'psql', '-XAtq', '-d', 'postgres', '-f', "$dir/all.sql" ], 0, [qr/^/],
	[qr/\A[^\n]*ERROR:  role "\Q$me\E" already exists\n\z/], 'restored in another cluster');
is_restored($other, 'origin', 'pg_dumpall');
is($other->safe_psql('origin', 'SHOW posture.drop_threshold'),
	'3', 'pg_dumpall: settings of the database are equal');
# the roles of another cluster have other oids, or have the same by chance
my $overview = 'SELECT initiative, score FROM posture.overview';
$other->safe_psql('origin', 'UPDATE posture.access SET role_id = 1');
is((query_as($other, 'origin', 'team', $overview))[1], '', 'an owner sees nothing there before a call');
is($other->safe_psql('origin', q{SELECT message FROM posture.status() WHERE item = 'access'}),
	'5 grants; not in force for bi, curator, loader, operator, team', 'status() reports it');
is($other->safe_psql('origin', 'SELECT posture.restore_access()'), '5', 'restore_access() brings levels back');
is((query_as($other, 'origin', 'team', $overview))[1],
	(query_as($origin, 'origin', 'team', $overview))[1], 'and it sees what it sees in the first cluster');
# the role that restores owns the extension
is($other->safe_psql('origin',
		q{SELECT has_table_privilege('risk_owner', 'posture.finding', 'SELECT')}),
	'f', 'the installer has no privileges there');
is($other->safe_psql('origin', q{SELECT posture.revoke_access('bi'),
	has_table_privilege('bi', 'posture.finding', 'SELECT')}),
	'|f', 'revoke_access() revokes what a superuser restored');
$other->stop;

# ---- as the installer, a role that is no superuser: the dump grants in its name ----

fresh_database('restored', 'risk_owner');
# COPY FROM does not work with row security
$origin->command_ok([ 'pg_dump', '--no-owner', '--inserts', '-Fc', '-f', "$dir/custom", 'origin' ],
	'pg_dump --inserts');
$origin->command_ok([ 'pg_restore', '--role=risk_owner', '--no-owner', '--enable-row-security',
		'--exit-on-error', '-d', 'restored', "$dir/custom" ], 'restored as another role');
is_restored($origin, 'restored', 'another role');
my $grantable = qq{SELECT count(*) FROM pg_class c WHERE c.relnamespace $schemas
	AND c.relkind = 'r' AND has_table_privilege('risk_owner', c.oid, 'INSERT WITH GRANT OPTION')};
is($origin->safe_psql('restored', $grantable), $origin->safe_psql('origin', $grantable),
	'it has its privileges again');
for my $role (@members)
{
	my $revoke = "SELECT posture.revoke_access('$role')";
	my ($rc, $out, $err) = query_as($origin, 'restored', 'risk_owner', $revoke);
	like($err, qr/WARNING:  role "$role" keeps privileges that risk_owner granted/,
		"a warning says what $role keeps");
	my ($statements) = $err =~ /run as risk_owner: (.*); and call revoke_access\(\) again\./;
	($rc, $out, $err) = query_as($origin, 'restored', 'risk_owner',
		($statements // 'SELECT 1/0') . "; $revoke");
	is("$rc$err", '0', "and how to revoke it from $role");
}
unlike(privileges_in($origin, 'restored'), qr/^\w+(?: columns)?\|[1-9]/m,
	'then no role has any');

# ---- in halves: a restore that was interrupted is repeated ----

$origin->safe_psql('restored', q{INSERT INTO posture.source (key, name) VALUES ('stray', 'Stray')});
$origin->command_ok([ 'sh', '-c', qq{pg_restore -l '$dir/custom' > '$dir/list'} ],
	'the list of a dump');
my @list = split /\n/, slurp_file("$dir/list");
my @data = grep { /TABLE DATA/ } @list;
my %late = map { $_ => 1 } @data[ @data / 2 .. $#data ];
open my $half, '>', "$dir/half" or die $!;
print $half map { "$_\n" } grep { !/^;/ && !$late{$_} } @list;
close $half;
fresh_database('restored', $me);
my @restore = ('pg_restore', '--exit-on-error', '-d', 'restored', "$dir/custom");
$origin->command_ok([ @restore, '-L', "$dir/half" ], 'half of a dump is restored');
isnt(rows_of_database($origin, 'restored'), rows_of_database($origin, 'origin'), 'not all of it');
# the hourly job may run in between
$origin->safe_psql('restored', 'CALL posture.run_daily()');
$origin->command_ok([ @restore, '--clean', '--if-exists', '--single-transaction' ],
	'all of it is restored over that half');
is_restored($origin, 'restored', 'again');

# ---- data alone, with triggers off ----

fresh_database('restored', $me);
# with triggers on, those of these tables replace the rows of a new extension by those of a dump
$origin->safe_psql('restored', 'CREATE EXTENSION posture; DELETE FROM posture.importance_weight;
	DELETE FROM posture_internal.history_start; DELETE FROM posture.change_log');
$origin->command_ok([ 'pg_dump', '--data-only', '--disable-triggers', '-f', "$dir/data.sql",
		'origin' ], 'pg_dump --data-only --disable-triggers');
$origin->command_ok([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', 'restored',
		'-f', "$dir/data.sql" ], 'restored with triggers off');
is_restored($origin, 'restored', 'triggers off', privileges => 1);

$origin->stop;
done_testing();

# Dump and restore in each format of pg_dump: findings and history are restored, the sets
# are made from them, scores are the same, and ids go on.
# tests: admin/install_end, catalog/change_log, store/rebuild

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;
use TestReports;

my $node = new_node('dump');
my $dir = PostgreSQL::Test::Utils::tempdir();
my @as = ('-U', 'risk_owner');
$node->safe_psql('postgres', 'CREATE ROLE risk_owner LOGIN CREATEDB');
$node->safe_psql('postgres', 'CREATE DATABASE origin OWNER risk_owner');
# the history of what is not folded would not be dumped
$node->safe_psql('origin', "CREATE EXTENSION posture;\n" . sample_sql() . extent_sql() . 'SELECT posture.fold();',
	extra_params => \@as);
$node->safe_psql('origin', former_key_sql());

$node->safe_psql('postgres', 'CREATE ROLE bi');
$node->safe_psql('origin', q{SELECT posture.grant_access('bi', 'reader')}, extra_params => \@as);

my %table = map { $_ => "SELECT * FROM $_" } dumped_tables($node, 'origin');
my %report = report_queries($node, 'origin');
my @empty = grep { $node->safe_psql('origin', "SELECT count(*) FROM $_") eq '0' } sort keys %table;
is("@empty", '', 'every table of the sample has rows') or diag 'add rows to sample_sql() in test/t/TestPosture.pm';
is($node->safe_psql('origin',
		q{SELECT weight FROM posture.importance_weight WHERE importance = 'high'}),
	'8', 'and a weight that was changed');
my ($tables, $reports) = map { { answers($_, $node, 'origin') } } \%table, \%report;

# the next id of each kind
my @ids = qw(asset recommendation source extent metric initiative asset_group exemption attestation event run);
my $next = join ' UNION ALL ',
  map { "SELECT '$_', nextval(pg_get_serial_sequence('posture.$_', '${_}_id'))" } @ids;
my $more = <<'SQL';
INSERT INTO posture.inbox
SELECT 'scan', 'r' || r, 'new', 'non_compliant', '2020-02-02' FROM generate_series(1, 7) r;
SELECT * FROM posture.ingest();
SELECT * FROM posture.take_snapshot();
CALL posture.run_daily();
SELECT max(asset_id) FROM posture.asset;
SELECT event_id, kind, status, drop FROM posture.event ORDER BY 1;
SELECT initiative, score, change_1d, open_events FROM posture.overview;
UPDATE posture.importance_weight SET weight = 7.5 WHERE importance = 'high';
SELECT initiative, score FROM posture.overview;
SQL
# in a copy of the origin, which stays as it is
$node->safe_psql('postgres', 'CREATE DATABASE twin TEMPLATE origin OWNER risk_owner');
my $ids = $node->safe_psql('twin', $next);
my ($twin_rc, $twin_out, $twin_err) = query_as($node, 'twin', 'risk_owner', $more);

sub is_restored
{
	my ($how) = @_;
	my $db = 'restored';
	my ($status, $sets, $error) = query_as($node, $db, 'risk_owner',
		'SELECT repaired > 0, slices > 0 FROM posture.rebuild()');
	is("$sets$error", 't|t', "$how: rebuild() makes the sets");
	is(differing(\%table, $tables, [ $node, $db ]), '', "$how: all tables are equal");
	is(differing(\%report, $reports, [ $node, $db ]), '', "$how: all reports are equal");
	is($node->safe_psql($db, 'SELECT * FROM posture.verify()'),
		'', "$how: verify() finds no difference");
	is($node->safe_psql($db, <<'SQL'), 'risk_owner true', "$how: the role that restored owns it");
SELECT extowner::regrole || ' '
       || has_table_privilege(extowner, 'posture.finding', 'INSERT WITH GRANT OPTION')
FROM pg_extension WHERE extname = 'posture'
SQL
	is($node->safe_psql($db, $next), $ids, "$how: ids go on");
	my ($rc, $out, $err) = query_as($node, $db, 'risk_owner', $more);
	is("$rc$err\n$out", "$twin_rc$twin_err\n$twin_out", "$how: all work goes on as in the origin");
	is($node->safe_psql($db, 'SELECT * FROM posture.verify()'),
		'', "$how: and verify() finds no difference");
	return;
}

sub fresh_database
{
	$node->safe_psql('postgres', $_)
	  for 'DROP DATABASE IF EXISTS restored', 'CREATE DATABASE restored OWNER risk_owner';
	return;
}
# a superuser owns the schema, and the role can't give it to one; CREATE EXTENSION does
my @ordinary = ('--enable-row-security', '--inserts', '--rows-per-insert=100');
my @dump = ('pg_dump', @as, '--no-owner', @ordinary);
my @restore = ('pg_restore', @as, '--no-owner', '--enable-row-security', '--exit-on-error', '-d', 'restored');
my @psql = ('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', @as, '-d', 'restored', '-f');

fresh_database();
$node->command_ok([ @dump, '-f', "$dir/plain.sql", 'origin' ], 'pg_dump, plain');
$node->command_ok([ @psql, "$dir/plain.sql" ], 'restored by psql');
is_restored('plain');
unlike(slurp_file("$dir/plain.sql"),
	qr/(COPY|INSERT INTO) \S*(finding_set|asset_set|object_count|counted_slice|_delta)/, 'derived tables are not dumped');

# over another database, with other rows in it
$node->safe_psql('restored', q{INSERT INTO posture.source (key, name) VALUES ('stray', 'Stray')});
$node->command_ok([ @dump, '--clean', '--if-exists', '-f', "$dir/clean.sql", 'origin' ],
	'pg_dump --clean');
# the role can't drop the schema, but everything in it
my $not_owner = '[^\n]*ERROR:  must be owner of schema posture\n';
$node->command_checks_all([ 'psql', '-XAtq', @as, '-d', 'restored', '-f', "$dir/clean.sql" ], 0,
	[qr/^/],
	[ qr/\A$not_owner[^\n]*ERROR:  schema "posture" already exists\n$not_owner\z/ ],
	'restored over another database');
is_restored('clean');

fresh_database();
$node->command_ok([ @dump, '-Fc', '-f', "$dir/custom", 'origin' ], 'pg_dump -Fc');
$node->command_ok([ @restore, "$dir/custom" ], 'pg_restore');
is_restored('custom');

fresh_database();
$node->command_ok([ @dump, '-Fd', '-j2', '-f', "$dir/directory", 'origin' ], 'pg_dump -Fd -j2');
$node->command_ok([ @restore, "$dir/directory" ], 'pg_restore of it');
is_restored('directory');

# A parallel restore loads tables in any order: pg_dump notes no dependencies between the
# data of an extension's tables, and their foreign keys exist before the data. So foreign
# keys must be off.
fresh_database();
$node->safe_psql('postgres', 'GRANT SET ON PARAMETER session_replication_role TO risk_owner');
{
	local $ENV{PGOPTIONS} = '-c session_replication_role=replica';
	$node->command_ok([ @restore, '-j2', "$dir/directory" ], 'pg_restore -j2');
}
is_restored('parallel');

fresh_database();
$node->command_ok([ @dump, '--schema-only', '-f', "$dir/schema.sql", 'origin' ],
	'pg_dump --schema-only');
$node->command_ok([ @dump, '--data-only', '-f', "$dir/data.sql", 'origin' ],
	'pg_dump --data-only');
$node->command_ok([ @psql, "$dir/schema.sql" ], 'the schema is restored');
is($node->safe_psql('restored', 'SELECT count(*) FROM posture.finding'), '0', 'without findings');
$node->command_ok([ @psql, "$dir/data.sql" ], 'then the data');
is_restored('schema, then data');

# without these options a role needs BYPASSRLS
fresh_database();
$node->command_fails_like([ 'pg_dump', @as, '-f', "$dir/none", 'origin' ],
	qr/query would be affected by row-level security policy/, 'pg_dump needs --enable-row-security');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/copy", 'origin' ], 'pg_dump as superuser, with COPY');
$node->command_fails_like([ @restore, "$dir/copy" ], qr/COPY FROM not supported with row-level security/,
	'COPY needs BYPASSRLS');
fresh_database();
$node->safe_psql('postgres', 'ALTER ROLE risk_owner BYPASSRLS');
$node->command_ok([ 'pg_dump', @as, '--no-owner', '-Fc', '-f', "$dir/bypass", 'origin' ], 'pg_dump with BYPASSRLS');
$node->command_ok([ @restore, "$dir/bypass" ], 'restored with it');
is_restored('BYPASSRLS');
$node->safe_psql('postgres', 'ALTER ROLE risk_owner NOBYPASSRLS');

fresh_database();
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/inserts", '--inserts', '--rows-per-insert=10',
		'origin' ], 'pg_dump --inserts as superuser');
$node->command_ok([ @restore, '--single-transaction', "$dir/inserts" ],
	'restored in one transaction');
is_restored('inserts');

$node->stop;
done_testing();

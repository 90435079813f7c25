# What the tests of dumps share: a cluster with a warehouse of all kinds of rows and of
# all levels of access, and the comparison of a restored database with it.
package TestDump;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;
use TestReports;

our @EXPORT = qw($origin @members dump_cluster dump_origin fresh_database is_restored
  rows_of_database privileges_in);
our $origin;
our @members = qw(bi curator loader operator team);
my %level = (bi => q{'reader'}, curator => q{'curator'}, loader => q{'loader', 'scan'},
	operator => q{'operator'}, team => q{'owner'});
my ($rows, $reports, $privileges, $policies, %expected);

# a server, with pg_cron where it is installed
sub dump_cluster
{
	my ($name) = @_;
	# a session whose first call of posture is in a parallel plan can't read its settings
	my $node = new_node($name, <<'CONF');
max_worker_processes = 20
max_parallel_workers_per_gather = 0
CONF
	if ($node->safe_psql('postgres',
			q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'}))
	{
		$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pg_cron'
cron.database_name = 'home'
cron.use_background_workers = on
CONF
		$node->restart;
	}
	return $node;
}

# Starts a server whose database "origin" has the sample and roles of all levels. A role
# that is no superuser owns it.
sub dump_origin
{
	$origin = dump_cluster('origin');
	my @as = (extra_params => [ '-U', 'risk_owner' ]);
	$origin->safe_psql('postgres', $_)
	  for 'CREATE DATABASE home', 'CREATE ROLE risk_owner LOGIN CREATEDB',
	  (map { "CREATE ROLE $_ LOGIN" } @members), 'CREATE DATABASE origin OWNER risk_owner';
	$origin->safe_psql('origin', "CREATE EXTENSION posture;\n" . sample_sql() . extent_sql(), @as);
	$origin->safe_psql('origin', former_key_sql());
	$origin->safe_psql('origin', join(';',
			q{UPDATE posture.initiative SET owner = 'team' WHERE key = 'i1'},
			# the history of what is not folded would not be dumped
			'SELECT posture.fold()',
			map { "SELECT posture.grant_access('$_', $level{$_})" } @members), @as);
	$origin->safe_psql('postgres', q{ALTER DATABASE origin SET posture.drop_threshold = 3});

	$rows = digest_sql(dumped_tables($origin, 'origin'));
	my %query = report_queries($origin, 'origin');
	$reports = digest_sql(map { "($query{$_})" } grep { $_ ne 'settings' } sort keys %query);
	$privileges = join "\nUNION ALL\n", map { privileges_sql($_) } @members;
	$policies = digest_sql(q{(SELECT tablename, policyname, array_remove(roles, 'risk_owner'), qual,
		with_check FROM pg_policies WHERE schemaname IN ('posture', 'posture_internal'))});
	%expected = map { $_ => $origin->safe_psql('origin', $_) }
	  $rows, $reports, $privileges, $policies;
	unlike($expected{$rows}, qr/\|0\|/, 'every table of the sample has rows');
	return;
}

# a query that shows what a role may do
sub privileges_sql
{
	my ($role) = @_;
	return <<"SQL";
SELECT '$role', count(*),
       md5(string_agg(c.oid::regclass || p, '|' ORDER BY c.oid::regclass::text, p))
FROM pg_class c, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE}'::text[]) p
WHERE c.relnamespace $schemas AND c.relkind IN ('r', 'v') AND has_table_privilege('$role', c.oid, p)
UNION ALL
SELECT '$role columns', count(*), md5(string_agg(a.attrelid::regclass || '.' || a.attname || p, '|'
           ORDER BY a.attrelid::regclass::text, a.attname, p))
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
CROSS JOIN unnest('{SELECT,INSERT,UPDATE}'::text[]) p
WHERE c.relnamespace $schemas AND c.relkind IN ('r', 'v') AND a.attnum > 0
  AND has_column_privilege('$role', c.oid, a.attnum, p)
UNION ALL
SELECT '$role functions', count(*), md5(string_agg(f.oid::regprocedure::text, '|'
           ORDER BY f.oid::regprocedure::text COLLATE "C"))
FROM pg_proc f WHERE f.pronamespace $schemas AND has_function_privilege('$role', f.oid, 'EXECUTE')
UNION ALL
SELECT '$role schema ' || nspname, has_schema_privilege('$role', oid, 'USAGE')::int,
       has_schema_privilege('$role', oid, 'CREATE')::text
FROM pg_namespace WHERE oid $schemas
SQL
}

sub rows_of_database { return $_[0]->safe_psql($_[1], $rows) }
sub privileges_in { return $_[0]->safe_psql($_[1], $privileges) }

# Compares a restored database with the origin.
sub is_restored
{
	my ($node, $db, $how, %except) = @_;
	my $is_expected = sub { is($node->safe_psql($db, $_[0]), $expected{ $_[0] }, "$how: $_[1]") };
	$is_expected->($rows, 'all tables are equal');
	is($node->safe_psql($db, 'SELECT slices > 0 FROM posture.rebuild()'),
		't', "$how: rebuild() makes the sets");
	is($node->safe_psql($db, 'SELECT * FROM posture.verify()'),
		'', "$how: verify() finds no difference");
	$is_expected->($reports, 'all reports are equal');
	return if $except{privileges};
	$is_expected->($privileges, 'privileges are equal');
	$is_expected->($policies, 'policies are equal');
	is($node->safe_psql($db, q{SELECT max(e.event_id)
		< nextval(pg_get_serial_sequence('posture.event', 'event_id')) FROM posture.event e}),
		't', "$how: ids go on");
	return;
}

# Creates an empty database in place of an earlier one.
sub fresh_database
{
	my ($db, $owner) = @_;
	$origin->safe_psql('postgres', $_)
	  for "DROP DATABASE IF EXISTS $db", "CREATE DATABASE $db OWNER $owner";
	return;
}

1;

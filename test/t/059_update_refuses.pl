# ALTER EXTENSION posture UPDATE fails while an object of a role that is no superuser is in
# the schemas or in the extension: its code would run with the rights of whoever calls
# posture. The update script calls nothing that was planted.
# tests: admin/install_end

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestAttack;
use TestInstall;
use TestPosture;

# a version that has the end of every update script, and nothing else
my ($install, $scripts) = private_install();
my $end = slurp_file("$FindBin::RealBin/../../src/sql/admin/install_end.sql");
my ($version) = slurp_file("$scripts/posture.control") =~ /^default_version = '(.*)'/m;
append_to_file("$scripts/posture--$version--next.sql", $end);
append_to_file("$scripts/posture--next--$version.sql", $end);

my $node = PostgreSQL::Test::Cluster->new('update', install_path => $install);
$node->init;
$node->append_conf('postgresql.conf', "jit = off\nfsync = off\nposture.timezone = 'UTC'\n");
$node->start;
$node->safe_psql('postgres', $_)
  for 'CREATE ROLE installer LOGIN', 'CREATE ROLE attacker LOGIN',
  'CREATE DATABASE taken OWNER installer';
my @as = (extra_params => [ '-U', 'installer' ]);
$node->safe_psql('taken', 'CREATE EXTENSION posture', @as);
sub update_as
{
	my ($role, $to) = @_;
	return (query_as($node, 'taken', $role, "ALTER EXTENSION posture UPDATE TO '$to'"))[2];
}
is(update_as('installer', 'next'), '', 'the installer updates');
is(update_as(superuser(), $version), '', 'a superuser updates');

# a superuser gave CREATE to a role
$node->safe_psql('taken', 'GRANT CREATE ON SCHEMA posture, posture_internal TO attacker');
my %object = (
	'function f()' => 'FUNCTION f() RETURNS integer LANGUAGE sql RETURN 1',
	'function a(integer)' => 'AGGREGATE a(integer) (SFUNC = int4pl, STYPE = integer)',
	'operator ===(integer,integer)' =>
	  'OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4pl)',
	'table t' => 'TABLE t (x integer)',
	'view v' => 'VIEW v AS SELECT 1 AS x',
	'sequence s' => 'SEQUENCE s',
	'type d' => 'DOMAIN d AS integer',
	'type e' => q{TYPE e AS ENUM ('a')},
	'collation c' => 'COLLATION c FROM "C"',
	'conversion x' => q{CONVERSION x FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8},
	'text search configuration ts' => 'TEXT SEARCH CONFIGURATION ts (COPY = simple)');
for my $schema (qw(posture posture_internal))
{
	for my $name (sort keys %object)
	{
		my ($kind, $object) = $object{$name} =~ /^(TEXT SEARCH CONFIGURATION|\w+) (.*)/;
		my $drop = $object =~ s/ .*//r;
		$drop = '=== (integer, integer)' if $kind eq 'OPERATOR';
		$node->safe_psql('taken', "CREATE $kind $schema.$object",
			extra_params => [ '-U', 'attacker' ]);
		my ($what, $which) = $name =~ /^(.*) (\S+)$/;
		my $error = "posture would use $what $schema.$which, which belongs to another role";
		for my $role ('installer', superuser())
		{
			like(update_as($role, 'next'), qr/ERROR:  \Q$error\E\nHINT: /,
				"no update beside $schema.$which: $role");
		}
		$node->safe_psql('taken', "DROP $kind $schema.$drop");
	}
}
# better matches for what the script calls
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE taken OWNER installer');
my $better = plant_sql($node, 'taken', 'posture');
$node->psql('copy', $better, on_error_stop => 0, stderr => \my $errors,
	extra_params => [ '-U', 'attacker' ]);
my %count = planted($node, 'copy', 'posture');
cmp_ok($count{pg_operator}, '>', 500, 'many operators of another role in the schema');
like((query_as($node, 'copy', $_, "ALTER EXTENSION posture UPDATE TO 'next'"))[2],
	qr/ERROR:  posture would use /, "$_: the script calls none before it refuses them")
  for 'installer', superuser();
is(update_as('installer', 'next'), '', 'without them the installer updates');

# the owner of the extension makes an object of its own a member of it
$node->safe_psql('taken', q{CREATE SCHEMA own;
	CREATE FUNCTION own.f() RETURNS integer LANGUAGE sql RETURN 1;
	ALTER EXTENSION posture ADD FUNCTION own.f()}, @as);
like(update_as('installer', $version),
	qr/posture would use function own\.f\(\), which belongs to another role/,
	'no update with a member of another role');
$node->safe_psql('taken', 'ALTER EXTENSION posture DROP FUNCTION own.f()', @as);
is(update_as('installer', $version), '', 'without it the installer updates');
is($node->safe_psql('taken', <<"SQL"), '0', 'no object of posture belongs to another role');
SELECT count(*) FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
WHERE p.pronamespace $schemas AND NOT r.rolsuper
SQL

# planted on the search_path
$node->safe_psql('taken', 'REVOKE CREATE ON SCHEMA posture, posture_internal FROM attacker;
	CREATE SCHEMA evil AUTHORIZATION attacker; GRANT USAGE ON SCHEMA evil TO PUBLIC');
my %plant = map { $_ => plant_sql($node, 'taken', $_) } qw(evil pg_temp);
$node->psql('taken', $plant{evil}, on_error_stop => 0, stderr => \my $ignored,
	extra_params => [ '-U', 'attacker' ]);
for my $role ('installer', superuser())
{
	my $begin = $role eq 'installer' ? $plant{pg_temp}
	  : "SET ROLE attacker;\n$plant{pg_temp}\nRESET ROLE;\n";
	my $outcome = outcome($node, 'taken', $role,
		"$begin\nSET search_path = evil, pg_temp, public, pg_catalog;\n",
		join '', map { "ALTER EXTENSION posture UPDATE TO '$_';\n" } 'next', $version);
	is("@{ $outcome->{errors} }", '', "$role: the update calls nothing that was planted");
}

$node->stop;
done_testing();

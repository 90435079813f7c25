# Objects that another role planted before CREATE EXTENSION. It fails beside any object in
# schema posture, and beside a schema posture_internal. Objects of the names that the script
# uses, in public, in a schema that is first on the search_path and in pg_temp, are not
# called by it and not bound into what it creates.
# tests: admin/install_begin

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestAttack;
use TestPosture;

my $node = new_node('before');
$node->safe_psql('postgres', 'CREATE ROLE attacker LOGIN');
my @as = (extra_params => [ '-U', 'attacker' ]);
my $installed = q{SET search_path = pg_catalog;
	SELECT count(*) FROM pg_extension WHERE extname = 'posture'};

sub fresh
{
	my ($db) = @_;
	$node->safe_psql('postgres', $_)
	  for "DROP DATABASE IF EXISTS $db", "CREATE DATABASE $db OWNER attacker";
	return;
}

# ---- in the schemas ----

my %object = (
	'a function' => 'CREATE FUNCTION posture.setting(text) RETURNS text LANGUAGE sql RETURN $1',
	'an overload' =>
	  'CREATE FUNCTION posture.text_at(jsonb, text) RETURNS text LANGUAGE sql RETURN $2',
	'a function without arguments' =>
	  'CREATE FUNCTION posture.today() RETURNS date LANGUAGE sql RETURN current_date',
	'a set-returning function' => 'CREATE FUNCTION posture.initiative_member(text)
		RETURNS TABLE (initiative_id integer) LANGUAGE sql RETURN 1',
	'a procedure' => q{CREATE PROCEDURE posture.run_daily() LANGUAGE sql AS ''},
	'an aggregate' => 'CREATE AGGREGATE posture.sum(text) (SFUNC = textcat, STYPE = text)',
	'an operator' =>
	  'CREATE OPERATOR posture.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = pg_catalog.oideq)',
	'a table' => 'CREATE TABLE posture.finding (x integer)',
	'a view' => 'CREATE VIEW posture.overview AS SELECT 1 AS x',
	'a materialized view' => 'CREATE MATERIALIZED VIEW posture.x AS SELECT 1 AS x',
	'a sequence' => 'CREATE SEQUENCE posture.x',
	'a composite type' => 'CREATE TYPE posture.score AS (x integer)',
	'an enum' => q{CREATE TYPE posture.finding_state AS ENUM ('a')},
	'a domain' => 'CREATE DOMAIN posture.weight AS numeric',
	'a collation' => 'CREATE COLLATION posture."C" FROM pg_catalog."C"',
	'a conversion' => q{CREATE CONVERSION posture.x FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8},
	'a configuration' => 'CREATE TEXT SEARCH CONFIGURATION posture.simple (COPY = simple)',
	'default privileges' =>
	  'ALTER DEFAULT PRIVILEGES IN SCHEMA posture GRANT ALL ON TABLES TO PUBLIC');
for my $name (sort keys %object)
{
	fresh('bound');
	$node->safe_psql('bound', "CREATE SCHEMA posture; $object{$name}", @as);
	for my $role ('attacker', superuser())
	{
		like((query_as($node, 'bound', $role, 'CREATE EXTENSION posture'))[2],
			qr/ERROR:  schema "posture" is not empty\n.*HINT: /s, "$name in the schema: $role");
	}
	is($node->safe_psql('bound', $installed), '0', 'nothing is installed');
}
my %internal = (
	'an empty schema posture_internal' => '',
	'a function in it' =>
	  'CREATE FUNCTION posture_internal.due_day() RETURNS date LANGUAGE sql RETURN current_date');
for my $name (sort keys %internal)
{
	fresh('bound');
	$node->safe_psql('bound', "CREATE SCHEMA posture_internal; $internal{$name}", @as);
	for my $role ('attacker', superuser())
	{
		like((query_as($node, 'bound', $role, 'CREATE EXTENSION posture'))[2],
			qr/ERROR:  schema "posture_internal" already exists\n.*HINT: /s, "$name: $role");
	}
}
# objects of a superuser, too, keep their owner
fresh('bound');
$node->safe_psql('bound', <<'SQL');
CREATE SCHEMA posture;
CREATE TABLE posture.secret_table AS SELECT 1 AS x;
CREATE VIEW posture.secret_view AS SELECT * FROM posture.secret_table;
CREATE FUNCTION posture.secret_function() RETURNS text LANGUAGE sql RETURN 'secret';
SQL
like((query_as($node, 'bound', 'attacker', 'CREATE EXTENSION posture'))[2],
	qr/ERROR:  schema "posture" is not empty/, 'objects of a superuser in the schema');
is($node->safe_psql('bound', <<'SQL'), 'function true, table true, view true', 'stay theirs');
SELECT string_agg(substr(what, 8) || ' ' || r.rolsuper, ', ' ORDER BY what)
FROM (SELECT relname::text AS what, relowner AS owner
      FROM pg_class WHERE relname LIKE 'secret%'
      UNION ALL
      SELECT proname, proowner FROM pg_proc WHERE proname LIKE 'secret%') x
JOIN pg_roles r ON r.oid = x.owner
SQL
like((query_as($node, 'bound', 'attacker', 'SELECT * FROM posture.secret_table'))[2],
	qr/permission denied/, 'out of reach');

# ---- on the search_path ----

# an empty schema of the attacker, who lets everybody create there by default
my $empty = <<'SQL';
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO PUBLIC;
CREATE SCHEMA posture;
GRANT ALL ON SCHEMA posture TO attacker WITH GRANT OPTION;
SQL
# all that the extension depends on, or that depends on it
my $bound = <<'SQL';
SET search_path = pg_catalog;
WITH member AS (
    SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
    WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'posture'
)
SELECT x.* FROM (
    SELECT pg_describe_object(d.classid, d.objid, d.objsubid) AS object,
           pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid) AS needs, d.deptype
    FROM pg_depend d
    WHERE (d.classid, d.objid) IN (SELECT classid, objid FROM member)
       OR (d.refclassid, d.refobjid) IN (SELECT classid, objid FROM member)) x
WHERE x.object !~ '^toast table'
ORDER BY x.object COLLATE "C", x.needs COLLATE "C", x.deptype;
SELECT p.oid::regprocedure, p.proconfig, pg_get_functiondef(p.oid) FROM pg_proc p
WHERE p.pronamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace)
  AND p.prokind IN ('f', 'p')
ORDER BY p.oid::regprocedure::text COLLATE "C"
SQL
fresh('plain');
$node->safe_psql('plain', 'CREATE EXTENSION posture', @as);
my $expected = $node->safe_psql('plain', $bound);
cmp_ok(length $expected, '>', 500_000, 'there is much that is bound');
# what needs a type of posture can't be planted before it
my %plant = map { $_ => plant_sql($node, 'plain', $_) } qw(public evil pg_temp);
for my $role ('attacker', superuser())
{
	fresh('trap');
	$node->safe_psql('trap', $empty, @as) if $role eq 'attacker';
	$node->safe_psql('trap', 'GRANT CREATE ON SCHEMA public TO attacker;
		CREATE SCHEMA evil AUTHORIZATION attacker; GRANT USAGE ON SCHEMA evil TO PUBLIC');
	$node->psql('trap', "$plant{public}\n$plant{evil}", on_error_stop => 0,
		stderr => \my $ignored, @as);
	my %count = planted($node, 'trap', 'evil');
	cmp_ok($count{$_} // 0, '>=', 500, "$role: planted in $_") for qw(pg_proc pg_operator);
	my $begin = $role eq 'attacker' ? $plant{pg_temp}
	  : "SET ROLE attacker;\n$plant{pg_temp}\nRESET ROLE;\n";
	my $outcome = outcome($node, 'trap', $role,
		"$begin\nSET search_path = evil, pg_temp, public, pg_catalog;\n",
		"CREATE EXTENSION posture;\n");
	is("@{ $outcome->{errors} }", '', "$role: CREATE EXTENSION calls nothing that was planted");
	is($node->safe_psql('trap', $installed), '1', "$role: it is installed");
	my %lines;
	$lines{$_}++ for split /\n/, $node->safe_psql('trap', $bound);
	$lines{$_}-- for split /\n/, $expected;
	is(join("\n", grep { $lines{$_} } sort keys %lines),
		'', "$role: nothing that was planted is bound");
	is($node->safe_psql('trap', <<'SQL'), '0', "$role: nobody can create in the schemas");
SET search_path = pg_catalog;
SELECT count(*) FROM pg_namespace n, pg_roles r
WHERE n.nspname ~ '^posture' AND NOT r.rolsuper AND has_schema_privilege(r.oid, n.oid, 'CREATE')
SQL
	is($node->safe_psql('trap', 'SET search_path = pg_catalog;
			SELECT rejected FROM posture.assess_cluster()'), '0', "$role: it works");
}

$node->stop;
done_testing();

# Nobody but a superuser can create an object in the two schemas, of whatever kind, or make
# posture depend on one: not the installer, not the owner of the database, not a role with a
# level. status() warns of a role that was given CREATE, and CREATE EXTENSION revokes it.
# tests: admin/install_begin, admin/status

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestAttack;
use TestPosture;

my $node = new_node('create');
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE db_owner LOGIN;
CREATE ROLE installer LOGIN;
CREATE ROLE operator LOGIN;
CREATE ROLE nobody LOGIN;
CREATE DATABASE warehouse OWNER db_owner;
GRANT CREATE ON DATABASE warehouse TO installer;
SQL
my @as = (extra_params => [ '-U', 'installer' ]);
$node->safe_psql('warehouse', "CREATE EXTENSION posture;\n" . sample_sql(), @as);
$node->safe_psql('warehouse', q{SELECT posture.grant_access('operator', 'operator')}, @as);
# each role has objects of every kind in a schema of its own
my %object = (
	FUNCTION => 'f() RETURNS integer LANGUAGE sql RETURN 1',
	PROCEDURE => q{p() LANGUAGE sql AS ''},
	AGGREGATE => 'a(integer) (SFUNC = pg_catalog.int4pl, STYPE = integer)',
	OPERATOR => '=== (LEFTARG = integer, RIGHTARG = integer, FUNCTION = pg_catalog.int4pl)',
	TABLE => 't (x integer)',
	VIEW => 'v AS SELECT 1 AS x',
	'MATERIALIZED VIEW' => 'm AS SELECT 1 AS x',
	SEQUENCE => 's',
	TYPE => 'c AS (x integer)',
	DOMAIN => 'd AS integer',
	COLLATION => 'col FROM pg_catalog."C"',
	CONVERSION => q{conv FOR 'LATIN1' TO 'UTF8' FROM pg_catalog.iso8859_1_to_utf8},
	'TEXT SEARCH CONFIGURATION' => 'ts (COPY = pg_catalog.simple)',
	'TEXT SEARCH DICTIONARY' => 'td (TEMPLATE = pg_catalog.simple)');
my %signature = (FUNCTION => 'f()', PROCEDURE => 'p()', AGGREGATE => 'a(integer)',
	OPERATOR => '=== (integer, integer)');
my @roles = qw(db_owner installer operator nobody);
for my $role (@roles)
{
	$node->safe_psql('warehouse', "CREATE SCHEMA own_$role AUTHORIZATION $role");
	$node->safe_psql('warehouse',
		join('', map { "CREATE $_ own_$role.$object{$_};\n" } sort keys %object)
		  . "CREATE FUNCTION own_$role.trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
		extra_params => [ '-U', $role ]);
}

for my $role (@roles)
{
	my $own = "own_$role";
	for my $schema (qw(posture posture_internal))
	{
		my @create = (
			(map { "CREATE $_ $schema.$object{$_}" } sort keys %object),
			"CREATE TYPE $schema.e AS ENUM ('a')",
			"CREATE TYPE $schema.r AS RANGE (SUBTYPE = integer)",
			"CREATE TABLE $schema.t AS SELECT 1 AS x",
			"SELECT 1 AS x INTO $schema.t",
			"CREATE TABLE $schema.t (LIKE $own.t)",
			"CREATE TABLE $schema.t () INHERITS ($own.t)",
			"CREATE STATISTICS $schema.st (ndistinct) ON (x % 2), (x % 3) FROM $own.t",
			# an object of its own is moved there
			(map {
					my $name = $signature{$_} // $object{$_} =~ s/ .*//r;
					"ALTER $_ $own.$name SET SCHEMA $schema"
				} sort keys %object));
		my @wrong = grep { !/permission denied for schema $schema$/ }
		  errors_of($node, 'warehouse', $role, @create);
		is(join("\n", @wrong), '', "$role can't create or move objects of any kind into $schema");

		my $change = 'must be owner of schema|must be member of role|permission denied to change';
		@wrong = grep { !/$change/ } errors_of($node, 'warehouse', $role,
			"ALTER SCHEMA $schema RENAME TO moved", "ALTER SCHEMA $schema OWNER TO $role",
			"DROP SCHEMA $schema CASCADE",
			'ALTER DEFAULT PRIVILEGES FOR ROLE ' . superuser()
			  . " IN SCHEMA $schema GRANT ALL ON TABLES TO $role");
		is(join("\n", @wrong), '', "$role can't rename, take over or drop $schema");
		my $granted = "has_schema_privilege('nobody', '$schema', 'CREATE')";
		is((query_as($node, 'warehouse', $role, "BEGIN; GRANT CREATE ON SCHEMA $schema TO nobody;
			SELECT $granted"))[1], 'f', "$role can't grant CREATE on $schema");
	}

	# nothing of its own becomes a part of posture's objects
	for my $table (qw(posture.inbox posture.finding posture_internal.finding_set))
	{
		my @wrong = grep { !/must be owner of|permission denied for (table|database)/ }
		  errors_of($node, 'warehouse', $role,
			"CREATE TRIGGER x BEFORE INSERT ON $table EXECUTE FUNCTION $own.trigger()",
			"CREATE RULE x AS ON INSERT TO $table DO ALSO SELECT 1",
			"CREATE POLICY x ON $table USING (true)",
			"ALTER TABLE $table DISABLE ROW LEVEL SECURITY",
			"CREATE TABLE $own.child () INHERITS ($table)",
			"ALTER TABLE $own.t INHERIT $table",
			"CREATE INDEX ON $table (($own.f()))",
			"CREATE STATISTICS $own.st (ndistinct) ON ($own.f()), (1) FROM $table",
			"ALTER TABLE $table ADD x integer DEFAULT $own.f()",
			"ALTER TABLE $table ADD CHECK ($own.f() = 1)",
			"CREATE TABLE $own.child (day date REFERENCES posture.snapshot ON DELETE CASCADE)",
			"ALTER TABLE $table DISABLE TRIGGER ALL",
			"CREATE PUBLICATION p FOR TABLE $table");
		is(join("\n", @wrong), '', "$role can't attach anything to $table");
	}
	my @change = map {
		my $kind = /run_daily/ ? 'PROCEDURE' : 'FUNCTION';
		("ALTER $kind $_ RESET ALL", "ALTER $kind $_ SET search_path = $own",
			"ALTER $kind $_ OWNER TO $role", "ALTER $kind $_ RENAME TO x", "DROP $kind $_ CASCADE")
	} 'posture.today()', 'posture_internal.due_day()', 'posture.run_daily()';
	push @change, 'CREATE CAST (text AS posture.score) WITH INOUT AS IMPLICIT',
	  'CREATE CAST (posture.assetset AS integer) WITH INOUT AS IMPLICIT',
	  q{ALTER TYPE posture.finding_state ADD VALUE 'x'},
	  'ALTER DOMAIN posture.weight DROP NOT NULL',
	  'ALTER VIEW posture.overview SET (security_invoker = off)',
	  'CREATE OR REPLACE VIEW posture.overview AS SELECT 1',
	  'REASSIGN OWNED BY ' . superuser() . " TO $role";
	my @wrong = grep { !/must be owner of|permission denied/ }
	  errors_of($node, 'warehouse', $role, @change);
	is(join("\n", @wrong), '', "$role can't change functions, types or views");
}

# ---- a role that a superuser gave CREATE ----

my $status = q{SELECT state, message, hint FROM posture.status() WHERE item = 'schemas'};
like($node->safe_psql('warehouse', $status), qr/^ok\|/, 'status() is content');
$node->safe_psql('warehouse', 'GRANT CREATE ON SCHEMA posture TO nobody WITH GRANT OPTION;
	SET ROLE nobody; GRANT CREATE ON SCHEMA posture TO PUBLIC; RESET ROLE;
	GRANT ALL ON SCHEMA posture_internal TO installer');
like($node->safe_psql('warehouse', $status), qr/^warning\|.*"nobody"/, 'status() warns of CREATE');
my $hint = $node->safe_psql('warehouse', $status) =~ s/.*\|//sr;
$node->safe_psql('warehouse', $hint);
like($node->safe_psql('warehouse', $status), qr/^ok\|/, 'its hint revokes it');
$node->safe_psql('warehouse', 'GRANT CREATE ON SCHEMA posture TO nobody, PUBLIC');
$node->safe_psql('warehouse', 'CREATE FUNCTION posture.f() RETURNS integer LANGUAGE sql RETURN 1',
	extra_params => [ '-U', 'nobody' ]);
$node->safe_psql('warehouse', 'DROP EXTENSION posture CASCADE', @as);
like((query_as($node, 'warehouse', 'installer', 'CREATE EXTENSION posture'))[2],
	qr/ERROR:  schema "posture" is not empty/, 'CREATE EXTENSION refuses what the role left there');
$node->safe_psql('warehouse', 'DROP FUNCTION posture.f()');
$node->safe_psql('warehouse', 'CREATE EXTENSION posture', @as);
is($node->safe_psql('warehouse', <<'SQL'), '0', 'and revokes CREATE from everybody');
SELECT count(*) FROM pg_namespace n, pg_roles r
WHERE n.nspname ~ '^posture' AND NOT r.rolsuper AND has_schema_privilege(r.oid, n.oid, 'CREATE')
SQL
like($node->safe_psql('warehouse', $status), qr/^ok\|/, 'status() is content');

# ---- a session that creates an object during CREATE EXTENSION ----

for my $kind (qw(FUNCTION OPERATOR TABLE TYPE))
{
	$node->safe_psql('postgres', "CREATE DATABASE race OWNER db_owner");
	my ($one, $two) = map { new_session($node, 'race', '-U', 'db_owner') } 1, 2;
	$one->ask('CREATE SCHEMA posture');
	$one->ask("BEGIN; CREATE $kind posture.$object{$kind}");
	$two->begin('CREATE EXTENSION posture');
	# it waits, or it has ended
	$node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_stat_activity
		WHERE datname = 'race' AND query LIKE '%CREATE EXTENSION%'
		AND (wait_event_type = 'Lock' OR state = 'idle')});
	$one->ask('COMMIT');
	$two->finish;
	is($node->safe_psql('race', foreign_objects()),
		'', "no $kind that another session commits afterwards is in the schema");
	$one->ask('DROP EXTENSION IF EXISTS posture');
	$node->safe_psql('race', 'DROP SCHEMA posture CASCADE');
	$one->ask('CREATE SCHEMA posture; BEGIN; CREATE EXTENSION posture');
	$two->begin("CREATE $kind posture.$object{$kind}");
	$one->ask('SELECT pg_sleep(0.2); COMMIT');
	$two->finish;
	is($node->safe_psql('race', "SELECT count(*) FROM pg_extension WHERE extname = 'posture'"),
		'1', 'posture is installed');
	is($node->safe_psql('race', foreign_objects()),
		'', "no $kind that another session creates meanwhile is in the schema");
	$_->end for $one, $two;
	$node->safe_psql('postgres', 'DROP DATABASE race WITH (FORCE)');
}

# objects of other roles in the schemas of the extension
sub foreign_objects
{
	return <<'SQL';
SELECT pg_describe_object(d.classid, d.objid, 0)
FROM pg_depend d JOIN pg_namespace n ON n.oid = d.refobjid
JOIN pg_shdepend s ON s.classid = d.classid AND s.objid = d.objid AND s.deptype = 'o'
     AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
WHERE d.refclassid = 'pg_namespace'::regclass AND n.nspname ~ '^posture'
  AND d.classid <> 'pg_extension'::regclass
  AND EXISTS (SELECT FROM pg_extension WHERE extname = 'posture')
SQL
}

# ---- trusted extensions, whose objects a superuser owns ----

# PostgreSQL lets a role with CREATE on the database choose their schema
my @trusted = split /\n/, $node->safe_psql('postgres', q{SELECT v.name
	FROM pg_available_extension_versions v JOIN pg_available_extensions e USING (name)
	WHERE v.trusted AND v.version = e.default_version AND v.name NOT IN ('posture', 'plpgsql')
	AND v.requires IS NULL ORDER BY v.name});
$node->safe_psql('postgres', "CREATE DATABASE $_ OWNER db_owner") for qw(plain extended);
for my $db (qw(plain extended))
{
	$node->safe_psql($db, "CREATE EXTENSION posture;\n" . sample_sql(),
		extra_params => [ '-U', 'db_owner' ]);
}
my @installed = grep {
	my $schema = length($_) % 2 ? 'posture' : 'posture_internal';
	(query_as($node, 'extended', 'db_owner', "CREATE EXTENSION \"$_\" SCHEMA $schema"))[0] == 0
} @trusted;
note "in the schemas: @installed";
my $work = work_sql($node, 'plain');
my ($extended, $plain) = map { outcome($node, $_, superuser(), '', $work) } qw(extended plain);
same_outcome($extended, $plain, 'with ' . @installed . ' trusted extensions in the schemas');

$node->stop;
done_testing();

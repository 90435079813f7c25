# CREATE and DROP EXTENSION as a superuser and as a role whose only privilege is CREATE
# on the database, and where the values of settings come from.
# tests: admin/install_begin, admin/install_end, admin/setting, admin/drop, drop.c
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = PostgreSQL::Test::Cluster->new('install');
$node->init;
$node->start;

# all that is in the two schemas, of whatever kind
my $objects = q{
	SELECT count(*) FROM pg_catalog.pg_depend d
	JOIN pg_catalog.pg_namespace n ON n.oid = d.refobjid
	WHERE d.refclassid = 'pg_catalog.pg_namespace'::regclass
	  AND n.nspname IN ('posture', 'posture_internal')};
# the schemas, their owners, and what PUBLIC may do with them
my $privileges = q{
	SELECT string_agg(format('%s of %s: %s', n.nspname,
	    CASE WHEN r.rolsuper THEN 'a superuser' ELSE r.rolname END,
	    (SELECT string_agg(x.privilege_type, ',') FROM aclexplode(n.nspacl) x
	     WHERE x.grantee <> n.nspowner)), '; ' ORDER BY n.nspname)
	FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
	WHERE n.nspname IN ('posture', 'posture_internal')};

$node->safe_psql('postgres', q{
	CREATE ROLE installer LOGIN;
	CREATE ROLE stranger LOGIN;
	CREATE DATABASE by_superuser;
	CREATE DATABASE by_installer;
	GRANT CREATE ON DATABASE by_installer TO installer;
});

foreach my $user ($node->safe_psql('postgres', 'SELECT current_user'), 'installer')
{
	my $db = $user eq 'installer' ? 'by_installer' : 'by_superuser';
	my @as = (extra_params => [ '-U', $user ]);

	$node->safe_psql($db, 'CREATE EXTENSION posture', @as);
	is($node->safe_psql($db,
			"SELECT extowner::regrole FROM pg_extension WHERE extname = 'posture'", @as),
		$user, "$db: the creator owns the extension");
	is($node->safe_psql($db, $privileges, @as),
		'posture of a superuser: USAGE; posture_internal of a superuser: USAGE',
		"$db: a superuser owns the schemas, PUBLIC has USAGE and nothing else");
	is($node->safe_psql($db, 'SELECT posture.score(37, 100)', @as), '63', "$db: it works");
	isnt($node->safe_psql($db, $objects, @as), '0', "$db: the schemas hold the objects");
	$node->safe_psql($db, 'DROP EXTENSION posture', @as);
	is($node->safe_psql($db, $objects, @as), '0', "$db: DROP EXTENSION leaves nothing in them");
	is($node->safe_psql($db, q{SELECT to_regnamespace('posture_internal') IS NULL}, @as),
		't', "$db: and drops posture_internal");
	$node->safe_psql($db, 'CREATE EXTENSION posture', @as);
	is($node->safe_psql($db, 'SELECT posture.score(37, 100)', @as),
		'63', "$db: created again, it works");

	# with data, only CASCADE drops it
	$node->safe_psql($db, "INSERT INTO posture.initiative (key, name) VALUES ('i', 'I')", @as);
	foreach my $drop ('DROP EXTENSION posture', 'DROP EXTENSION IF EXISTS plpgsql, posture RESTRICT')
	{
		$node->psql($db, $drop, @as, stderr => \my $error);
		like($error, qr/cannot drop extension posture because its tables hold data\nHINT: .*CASCADE/,
			"$db: data keep the extension from: $drop");
	}
	$node->psql($db, 'BEGIN; ALTER SCHEMA posture RENAME TO renamed; DROP EXTENSION posture',
		stderr => \my $renamed);
	like($renamed, qr/cannot drop extension posture because its tables hold data/,
		"$db: also in a schema that was renamed");
	$node->psql($db, 'DROP EXTENSION posture', stderr => \my $other, extra_params => [ '-U', 'stranger' ]);
	like($other, qr/must be owner of extension posture/, "$db: another role has nothing to drop");
	$node->safe_psql($db, 'BEGIN; DROP EXTENSION posture CASCADE; ROLLBACK;
		SET check_function_bodies = off; DROP EXTENSION posture; CREATE EXTENSION posture', @as);
	is($node->safe_psql($db, 'SELECT count(*) FROM posture.initiative', @as),
		'0', "$db: the script of a dump, too");
}

my ($status, $out, $err) = $node->psql('postgres', 'CREATE EXTENSION posture',
	extra_params => [ '-U', 'stranger' ]);
isnt($status, 0, 'CREATE EXTENSION needs CREATE on the database');
like($err, qr/permission denied for database postgres/, 'and the message says so');

# the library checks settings, and the first function loads it
($status, $out, $err) = $node->psql('by_superuser', q{
	SELECT posture.score(0, 1);
	SET posture.timezone = 'Nowhere/Land'});
isnt($status, 0, 'an unknown time zone is refused');
like($err, qr/invalid value for parameter "posture.timezone"/, 'the message names the setting');
like($err, qr/HINT:.*pg_timezone_names/, 'with a hint');
($status, $out, $err) = $node->psql('by_superuser', q{
	SET posture.timezone = 'Nowhere/Land';
	SELECT posture_internal.setting('timezone') = current_setting('log_timezone')});
like($err, qr/WARNING:.*posture.timezone/, 'one that was set before raises a warning');
is($out, 't', 'and has no effect');
($status, $out, $err) = $node->psql('by_superuser', q{
	SELECT posture.score(0, 1);
	SET posture.no_such = 1});
isnt($status, 0, 'an unknown setting is refused');

# the more specific value wins: server, database, role, role in a database
my $read = q{SELECT posture_internal.setting('drop_threshold')::numeric,
	posture_internal.setting('drop_basis')};
my @as = (extra_params => [ '-U', 'installer' ]);
is($node->safe_psql('by_installer', $read, @as), '2|points', 'defaults');
$node->append_conf('postgresql.conf', 'posture.drop_threshold = 3');
$node->reload;
ok($node->poll_query_until('by_installer',
		q{SELECT posture_internal.setting('drop_threshold')::numeric = 3}),
	'a setting of the server needs no restart');
$node->safe_psql('by_installer', 'ALTER DATABASE by_installer SET posture.drop_threshold = 4');
is($node->safe_psql('by_installer', $read, @as), '4|points', 'a setting of the database');
is($node->safe_psql('by_superuser', $read), '3|points', 'does not apply to another database');
# before the library defines a setting, only a superuser can set it by name
$node->safe_psql('by_installer', q{
	SELECT posture.score(0, 1);
	ALTER ROLE installer SET posture.drop_threshold = 5;
	ALTER ROLE installer SET posture.drop_basis = 'relative'}, @as);
is($node->safe_psql('by_installer', $read, @as), '5|relative', 'a role sets its own default');
is($node->safe_psql('by_installer', $read), '4|points', 'which does not apply to another role');
$node->safe_psql('by_installer',
	'ALTER ROLE installer IN DATABASE by_installer SET posture.drop_threshold = 6');
is($node->safe_psql('by_installer', $read, @as),
	'6|relative', 'a setting of the role in the database');
is($node->safe_psql('by_installer',
		q{SELECT posture.is_drop('80', '75.2'), posture.is_drop('80', '75.200001')}, @as),
	't|f', 'which is_drop() uses');

# a database may withhold TEMPORARY, and the job does without it
$node->safe_psql('by_installer', 'REVOKE TEMPORARY ON DATABASE by_installer FROM PUBLIC');
$node->safe_psql('by_installer', "INSERT INTO posture.metric (key, name) VALUES ('m', 'M')", @as);
is($node->safe_psql('by_installer', 'SELECT metrics FROM posture.take_snapshot()', @as),
	'1', 'a snapshot needs no temporary tables');
is($node->psql('by_installer', 'CALL posture.run_daily()', @as), 0, 'nor does the job');

$node->stop;
done_testing();

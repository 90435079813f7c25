# CREATE and DROP EXTENSION as superuser and as a user without rights but
# CREATE on the database, and where settings may come from.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('install');
$node->init;
$node->start;

# all that lives in the schema, of whatever kind
my $leftovers = q{
    SELECT count(*) FROM pg_catalog.pg_depend
    WHERE refclassid = 'pg_catalog.pg_namespace'::regclass
      AND refobjid = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'posture')};

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
    is($node->safe_psql($db, "SELECT extowner::regrole FROM pg_extension WHERE extname = 'posture'", @as),
        $user, "$db: the extension is its creator's");
    is($node->safe_psql($db, 'SELECT posture.score(37, 100)', @as), '63', "$db: it works");
    isnt($node->safe_psql($db, $leftovers, @as), '0', "$db: the schema holds it");
    $node->safe_psql($db, 'DROP EXTENSION posture', @as);
    is($node->safe_psql($db, $leftovers, @as), '0', "$db: dropped, nothing is left in the schema");
    $node->safe_psql($db, 'CREATE EXTENSION posture', @as);
    is($node->safe_psql($db, 'SELECT posture.score(37, 100)', @as), '63', "$db: created again, it works");
}

# the script runs as superuser: what its caller put into the schema before, an
# operator that fits better than pg_catalog's, must not run
$node->safe_psql('postgres', 'CREATE DATABASE prepared');
$node->safe_psql('postgres', 'GRANT CREATE ON DATABASE prepared TO installer');
$node->safe_psql('prepared', q{
    CREATE SCHEMA posture;
    CREATE FUNCTION posture.trap(oid, regclass) RETURNS boolean LANGUAGE plpgsql
        AS $$ BEGIN RAISE 'sprung by %', current_user; END $$;
    CREATE FUNCTION posture.trap(numeric, integer) RETURNS boolean LANGUAGE plpgsql
        AS $$ BEGIN RAISE 'sprung by %', current_user; END $$;
    CREATE FUNCTION posture.jsonb_build_object(text, boolean) RETURNS jsonb LANGUAGE plpgsql
        AS $$ BEGIN RAISE 'sprung by %', current_user; END $$;
    CREATE OPERATOR posture.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = posture.trap);
    CREATE OPERATOR posture.>= (LEFTARG = numeric, RIGHTARG = integer, FUNCTION = posture.trap);
    CREATE EXTENSION posture;
}, extra_params => [ '-U', 'installer' ]);
is($node->safe_psql('prepared', 'SELECT rejected FROM posture.assess_cluster()'), '0',
    'objects that were in the schema before are not taken for those of pg_catalog');

my ($status, $out, $err) = $node->psql('postgres', 'CREATE EXTENSION posture', extra_params => [ '-U', 'stranger' ]);
isnt($status, 0, 'without CREATE on the database it is refused');
like($err, qr/permission denied for database postgres/, 'and the message says so');

# settings are checked once the library is loaded; the first function loads it
($status, $out, $err) = $node->psql('by_superuser', q{
    SELECT posture.score(0, 1);
    SET posture.timezone = 'Nowhere/Land'});
isnt($status, 0, 'an unknown time zone is refused');
like($err, qr/invalid value for parameter "posture.timezone"/, 'naming the setting');
like($err, qr/HINT:.*pg_timezone_names/, 'with a hint');
($status, $out, $err) = $node->psql('by_superuser', q{
    SET posture.timezone = 'Nowhere/Land';
    SELECT posture_internal.setting('timezone') = current_setting('log_timezone')});
like($err, qr/WARNING:.*posture.timezone/, 'one that was set before is warned of');
is($out, 't', 'and has no effect');
($status, $out, $err) = $node->psql('by_superuser', q{
    SELECT posture.score(0, 1);
    SET posture.no_such = 1});
isnt($status, 0, 'an unknown setting is refused');

# the more specific place wins: server, database, role, role in a database
my $read = "SELECT posture_internal.setting('drop_threshold')::numeric, posture_internal.setting('drop_basis')";
my @as = (extra_params => [ '-U', 'installer' ]);
is($node->safe_psql('by_installer', $read, @as), '2|points', 'defaults');
$node->append_conf('postgresql.conf', 'posture.drop_threshold = 3');
$node->reload;
ok($node->poll_query_until('by_installer', "SELECT posture_internal.setting('drop_threshold')::numeric = 3"),
    'a setting of the server needs no restart');
$node->safe_psql('by_installer', 'ALTER DATABASE by_installer SET posture.drop_threshold = 4');
is($node->safe_psql('by_installer', $read, @as), '4|points', 'a setting of the database');
is($node->safe_psql('by_superuser', $read), '3|points', 'is not that of another');
# only a superuser may set by name what no library has defined yet
$node->safe_psql('by_installer', q{
    SELECT posture.score(0, 1);
    ALTER ROLE installer SET posture.drop_threshold = 5;
    ALTER ROLE installer SET posture.drop_basis = 'relative'}, @as);
is($node->safe_psql('by_installer', $read, @as), '5|relative', 'a user sets a default of his own');
is($node->safe_psql('by_installer', $read), '4|points', 'which is not that of another');
$node->safe_psql('by_installer', 'ALTER ROLE installer IN DATABASE by_installer SET posture.drop_threshold = 6');
is($node->safe_psql('by_installer', $read, @as), '6|relative', 'a setting of the role in the database');
is($node->safe_psql('by_installer', q{SELECT posture.is_drop('80', '75.2'), posture.is_drop('80', '75.200001')}, @as),
    't|f', 'and is what is_drop goes by');

# the job makes no temporary tables, which a database may not let it do
$node->safe_psql('by_installer', 'REVOKE TEMPORARY ON DATABASE by_installer FROM PUBLIC');
$node->safe_psql('by_installer', "INSERT INTO posture.metric (key, name) VALUES ('m', 'M')", @as);
is($node->safe_psql('by_installer', 'SELECT metrics FROM posture.take_snapshot()', @as), '1',
    'a snapshot needs no right to make temporary tables');
is($node->psql('by_installer', 'CALL posture.run_daily()', @as), 0, 'nor does the job');

$node->stop;
done_testing();

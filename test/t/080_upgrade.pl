# ALTER EXTENSION UPDATE from the version before gives what CREATE EXTENSION of
# this one gives, object by object, and loses nothing: run by a superuser, by
# the one who installed, and by a superuser for the one who installed.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestBounds;
use TestInstall;
use TestPosture;

my $before = '0.2';
my $old_script = "$FindBin::RealBin/../upgrade/posture--$before.sql.gz";

# The script of the version before is not to be left among those of the one that is installed.
my ($install, $scripts) = private_install();
system_or_bail('sh', '-c', 'gunzip -c "$1" >"$2"', 'sh', $old_script, "$scripts/posture--$before.sql");
my $node = PostgreSQL::Test::Cluster->new('upgrade', install_path => $install);
$node->init;
$node->append_conf('postgresql.conf', "jit = off\nposture.timezone = 'UTC'\n");
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE installer LOGIN; CREATE ROLE reader; CREATE ROLE owner; CREATE ROLE loader; CREATE ROLE operator');

my $this = $node->safe_psql('postgres', "SELECT default_version FROM pg_available_extensions WHERE name = 'posture'");
is( $node->safe_psql('postgres', "SELECT path FROM pg_extension_update_paths('posture') WHERE source = '$before' AND target = '$this'"),
	"$before--$this", 'there is a way from the version before to this one');

# all that makes up the extension, a line for each thing
my $catalog = <<'SQL';
WITH member AS (
    SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS name
    FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
    WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'posture'
), relation AS (
    SELECT c.*, m.name FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
), part AS (
    SELECT classid, objid, name FROM member
    UNION ALL
    SELECT 'pg_trigger'::regclass, t.oid, 'trigger ' || t.tgname || ' on ' || r.name FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'pg_policy'::regclass, p.oid, 'policy ' || p.polname || ' on ' || r.name FROM pg_policy p JOIN relation r ON r.oid = p.polrelid
), acl AS (
    SELECT name, relacl AS acl, relowner AS owner FROM relation
    UNION ALL SELECT m.name, p.proacl, p.proowner FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
    UNION ALL SELECT m.name, t.typacl, t.typowner FROM member m JOIN pg_type t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
    UNION ALL SELECT r.name || '.' || a.attname, a.attacl, r.relowner FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid
    UNION ALL SELECT 'schema ' || n.nspname, n.nspacl, n.nspowner FROM pg_namespace n WHERE n.nspname IN ('posture', 'posture_internal')
)
SELECT 'member', name, '' FROM member
UNION ALL
SELECT 'comment', p.name || coalesce('.' || a.attname, ''), d.description
FROM part p JOIN pg_description d ON d.classoid = p.classid AND d.objoid = p.objid
LEFT JOIN pg_attribute a ON p.classid = 'pg_class'::regclass AND a.attrelid = d.objoid AND a.attnum = d.objsubid AND a.attnum > 0
UNION ALL
SELECT 'function', m.name, concat_ws(' ', p.prokind, p.provolatile, p.proparallel, p.prosecdef, p.procost, p.prorows, p.proconfig, p.prosrc, p.probin,
       pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), CASE WHEN p.prokind IN ('f', 'p') THEN pg_get_functiondef(p.oid) END)
FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
UNION ALL
SELECT 'relation', r.name, concat_ws(' ', r.relkind, r.relreplident, r.relrowsecurity, r.relforcerowsecurity, r.reloptions, r.relpersistence,
       r.relowner::regrole, CASE WHEN r.relkind = 'v' THEN pg_get_viewdef(r.oid) END)
FROM relation r
UNION ALL
SELECT 'column', r.name || '.' || a.attname, concat_ws(' ', a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
       a.attstorage, a.attcompression, a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid))
FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
UNION ALL
SELECT 'constraint', coalesce(r.name, m.name) || ' ' || c.conname, pg_get_constraintdef(c.oid)
FROM pg_constraint c LEFT JOIN relation r ON r.oid = c.conrelid LEFT JOIN member m ON m.classid = 'pg_type'::regclass AND m.objid = c.contypid
WHERE coalesce(r.name, m.name) IS NOT NULL
UNION ALL
SELECT 'index', r.name, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN relation r ON r.oid = i.indrelid
UNION ALL
SELECT 'trigger', r.name || ' ' || t.tgname, pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
UNION ALL
SELECT 'policy', r.name || ' ' || p.polname, concat_ws(' ', p.polcmd, p.polpermissive, p.polroles::regrole[], pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
FROM pg_policy p JOIN relation r ON r.oid = p.polrelid
UNION ALL
SELECT 'type', m.name, concat_ws(' ', t.typtype, t.typlen, t.typbyval, t.typalign, t.typstorage, t.typcategory, format_type(t.typbasetype, t.typtypmod), t.typnotnull, t.typdefault,
       (SELECT string_agg(e.enumlabel, ' ' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
       (SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum) FROM pg_attribute a WHERE t.typtype = 'c' AND a.attrelid = t.typrelid))
FROM member m JOIN pg_type t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
UNION ALL
SELECT 'operator', m.name, concat_ws(' ', o.oprcode, o.oprrest, o.oprjoin, o.oprcom::regoperator, o.oprnegate::regoperator, o.oprcanhash, o.oprcanmerge)
FROM member m JOIN pg_operator o ON m.classid = 'pg_operator'::regclass AND o.oid = m.objid
UNION ALL
SELECT 'privilege', acl.name, concat_ws(' ', x.grantor::regrole, CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE x.grantee::regrole::text END, x.privilege_type, x.is_grantable)
FROM acl CROSS JOIN LATERAL aclexplode(acl.acl) x WHERE x.grantee <> acl.owner
UNION ALL
SELECT 'dumped', c::regclass::text, k FROM pg_extension e CROSS JOIN LATERAL unnest(e.extconfig, e.extcondition) u(c, k) WHERE e.extname = 'posture'
UNION ALL
SELECT 'version', extversion, extowner::regrole::text FROM pg_extension WHERE extname = 'posture'
ORDER BY 1, 2, 3
SQL

# what the version before wrote in place of a column of this one
my %was = (
	'posture.event_cause' => { points => '-points' },
	'posture.event_report' => { cause => q{replace(cause, '.0', '')} });

my $grants = join '; ', map { "SELECT posture.grant_access('$_', '$_')" } qw(reader owner loader operator);
# a loader of that version could write the catalog
my $grants_now = "$grants; SELECT posture.grant_access('loader', 'curator')" =~ s/'loader', 'loader'/'loader', 'loader', 'old'/r;

sub lines { return { map { $_ => 1 } split /\x1e/, shift } }

# in both directions, and short where they differ
sub same_catalog
{
	my ($upgraded, $fresh, $name) = @_;
	my %got = %{ lines($upgraded) };
	my %want = %{ lines($fresh) };
	my @diff = ((map { "lacks $_" } grep { !$got{$_} } sort keys %want), (map { "has $_" } grep { !$want{$_} } sort keys %got));
	ok(!@diff, $name) or diag(join "\n", "what the script in src/sql/upgrade leaves out (lacks) or has to remove (has):", map { substr($_, 0, 300) } @diff[ 0 .. ($#diff > 20 ? 20 : $#diff) ]);
	cmp_ok(scalar keys %want, '>', 1500, "$name: and there is much of it");
}

foreach my $case ([ 'superuser', undef, undef ], [ 'installer', 'installer', 'installer' ], [ 'for_installer', 'installer', undef ])
{
	my ($db, $installs, $updates) = @$case;
	my @installs = defined $installs ? (extra_params => [ '-U', $installs ]) : ();
	my @updates = defined $updates ? (extra_params => [ '-U', $updates ]) : ();
	my @record = (extra_params => [ '-R', "\x1e", @installs ? @{ $installs[1] } : () ]);
	my $fresh = "${db}_fresh";
	foreach my $name ($db, $fresh)
	{
		$node->safe_psql('postgres', "CREATE DATABASE $name");
		$node->safe_psql('postgres', "GRANT CREATE ON DATABASE $name TO installer");
	}
	$node->safe_psql($fresh, "CREATE EXTENSION posture; $grants_now", @installs);
	$node->safe_psql($db, "CREATE EXTENSION posture VERSION '$before'; $grants", @installs);

	# once with all that there may be in it
	my $has_data = $db eq 'installer';
	$node->safe_psql($db, sample_sql() . q{UPDATE posture.initiative SET owner = 'owner' WHERE key = 'i1'}, @installs) if $has_data;
	my $owned = q{SET ROLE owner; SELECT initiative, score FROM posture.overview ORDER BY 1;
		SELECT recommendation, state, exposed_assets, assessed_assets FROM posture.recommendation_report ORDER BY 1};

	# as it was, copied: views and tables, by their columns
	my @copied = !$has_data ? () : (
		tables($node, $db),
		map { "posture.$_" } qw(overview metric_report recommendation_report event_report
		  score_history secure_score day_report));
	my %copy = map { $_ => 'before.' . s/.*[.]//r } @copied;
	$node->safe_psql($db, 'CREATE SCHEMA before; '
		. join('; ', map { "CREATE TABLE $copy{$_} AS TABLE $_" } @copied), @installs);
	my $last_id = $node->safe_psql($db, 'SELECT max(event_id) FROM posture.event', @installs);

	$node->safe_psql($db, $out_of_range, @installs) unless $has_data;
	$node->safe_psql($db, "INSERT INTO posture.source (key, name, stale_after) VALUES ('old', 'Old', '30');
			CREATE SCHEMA mine; CREATE VIEW mine.view AS SELECT posture.is_drop(e.previous_score, e.score),
			       posture.score_drop(e.previous_score, e.score), p.*
			FROM posture.event e, posture.plan(NULL) p", @installs) unless $has_data;
	$node->psql($db, 'ALTER EXTENSION posture UPDATE', @updates, on_error_die => 1, stderr => \my $warning);
	is($node->safe_psql($db, "SELECT extversion FROM pg_extension WHERE extname = 'posture'"), $this, "$db: is of this version");
	same_catalog($node->safe_psql($db, $catalog, @record), $node->safe_psql($fresh, $catalog, @record),
		"$db: the same objects, definitions, comments and privileges as a fresh install");
	is($node->safe_psql($db, <<'SQL', @installs), '0', "$db: pg_dump dumps the privileges of levels");
SELECT count(*)
FROM pg_init_privs p CROSS JOIN aclexplode(p.initprivs) x JOIN pg_roles r ON r.oid = x.grantee
WHERE r.rolname IN ('reader', 'owner', 'loader', 'operator')
SQL
	my $theirs = $owned =~ s/SET ROLE owner;//r =~ s/(?= ORDER BY 1;)/ WHERE initiative = 'i1'/r =~ s/(?= ORDER BY 1\z)/ WHERE recommendation LIKE 'r%'/r;
	is($node->safe_psql($db, $owned), $has_data ? $node->safe_psql($db, $theirs) : '', "$db: an owner sees its own, without a call");
	like(($node->psql($db, 'SET ROLE owner; SELECT FROM posture.finding'))[2], qr/permission denied/, "$db: and no table");
	is($node->safe_psql($db, q{SELECT string_agg(concat_ws(' ', role, level, source), ', ' ORDER BY role, level, source) FROM posture.access}),
		join(', ', 'loader curator', (map { "loader loader $_" } $has_data ? qw(cloud scan) : qw(odd old)), 'operator operator, owner owner, reader reader'), "$db: roles have their levels");
	like($warning, qr/role "loader" had level loader, and is a loader of each source that there is, and a curator/, "$db: warns of what a loader may");
	foreach my $relation (@copied)
	{
		my $columns = $node->safe_psql($db, <<"SQL");
SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
FROM pg_attribute WHERE attrelid = '$copy{$relation}'::regclass AND attnum > 0
SQL
		$columns =~ s/\b$_\b/$was{$relation}{$_}/ foreach keys %{ $was{$relation} // {} };
		# the score of today in the history is new
		my $rows = $relation =~ /score_history/ ? 'WHERE day < posture.today()' : '';
		# and all objects are counted again
		$rows = q{WHERE changed <> 'initiative'} if $relation =~ /catalog_delta/;
		same_rows($node, $db, "SELECT $columns FROM $relation $rows",
			"SELECT * FROM $copy{$relation} $rows", "$db: $relation is as it was");
	}
	is($node->safe_psql($db, 'SELECT * FROM posture.verify()', @installs), '', "$db: verify() finds nothing");
	is($node->safe_psql($db, 'SELECT day = coalesce((SELECT min(s.day) FROM posture.snapshot s), posture.today()) FROM posture_internal.history_start', @installs),
		't', "$db: history began with the first snapshot");
	unless ($has_data)
	{
		like($warning, qr/source "old" had stale_after 00:00:30, which is now 1 day/, "$db: warns of what it changed");
		is($node->safe_psql($db, q{SELECT stale_after FROM posture.source WHERE key = 'old'}, @installs), '1 day', "$db: which is so");
		like($warning, qr/WARNING:  $_ had values that are out of range/, "$db: warns of $_")
		  foreach 'recommendation "odd rule"', 'measure "odd rule"', 'exemption "odd rule"',
		  'metric "odd metric"', 'initiative "odd goal"', 'initiative_metric "odd metric"';
		is($node->safe_psql($db, $ranged, @installs), $brought, "$db: all is in range");
		is($node->safe_psql($db, 'SELECT count(*) FROM mine.view', @installs), '0', "$db: a view on functions that changed stays");
		next;
	}
	$node->safe_psql($db, q{
	    INSERT INTO posture.inbox VALUES ('scan', 'r1', 'newcomer', 'non_compliant');
	    SELECT FROM posture.ingest();
	    CALL posture.run_daily();
	    SELECT FROM posture.take_snapshot()}, @installs);
	is($node->safe_psql($db, 'SELECT * FROM posture.verify()', @installs), '', "$db: nor after a delivery and the job");
	cmp_ok($node->safe_psql($db, "INSERT INTO posture.event (kind, day, metric_id, status) SELECT 'metric_score_drop', '2000-01-01', metric_id, 'open' FROM posture.metric LIMIT 1 RETURNING event_id"),
		'>', $last_id, "$db: ids go on");
}

# An object of another role is never taken for one of posture's. Such a role can
# create one only if a superuser lets it.
$node->safe_psql('postgres', $_)
  foreach 'CREATE ROLE attacker LOGIN', 'CREATE DATABASE planted OWNER attacker';
my $attack = sub {
	$node->psql('planted', $_[0], extra_params => [ '-U', 'attacker' ], stderr => \my $stderr);
	return $stderr;
};
my $plant = 'CREATE FUNCTION posture_internal.planted() RETURNS void LANGUAGE sql RETURN NULL';
is($attack->("CREATE EXTENSION posture VERSION '$before'"), '', 'the owner of a database installs');
like($attack->($plant), qr/permission denied for schema posture_internal/, 'but cannot create in it');
$node->safe_psql('planted', 'GRANT CREATE ON SCHEMA posture_internal TO attacker');
is($attack->("$plant; ALTER EXTENSION posture ADD FUNCTION posture_internal.planted()"),
	'', 'unless a superuser granted it');
like($attack->('ALTER EXTENSION posture UPDATE'),
	qr/posture would use function posture_internal\.planted\(\), which belongs to another role\n/,
	'an update refuses the function');
$attack->('ALTER EXTENSION posture DROP FUNCTION posture_internal.planted()');
$attack->('DROP FUNCTION posture_internal.planted()');
like($attack->('SET standard_conforming_strings = off; SET escape_string_warning = off;
		ALTER EXTENSION posture UPDATE'),
	qr/ERROR:  posture can be created and updated only with standard_conforming_strings on\n/,
	'nor is the script read with other literals');
is($attack->('ALTER EXTENSION posture UPDATE'), '', 'and goes ahead without it');
is($node->safe_psql('planted', <<'SQL'), '0', 'no function belongs to another role');
SELECT count(*) FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
WHERE p.pronamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace)
  AND NOT r.rolsuper
SQL

# another role installs after the extension was dropped
$node->safe_psql('postgres', $_) foreach 'CREATE DATABASE again OWNER attacker', 'GRANT CREATE ON DATABASE again TO installer';
$node->safe_psql('again', "CREATE EXTENSION posture VERSION '$before'; DROP EXTENSION posture", extra_params => [ '-U', 'attacker' ]);
$node->safe_psql('again', "CREATE EXTENSION posture VERSION '$before'", extra_params => [ '-U', 'installer' ]);
$node->safe_psql('again', 'ALTER EXTENSION posture UPDATE', extra_params => [ '-U', 'installer' ]);
is($node->safe_psql('again', 'SELECT count(*) FROM posture.overview', extra_params => [ '-U', 'installer' ]), '0', 'the update lets whoever installed use the schema');

$node->stop;
done_testing();

# pg_upgrade: it creates every object of an extension again, in an order of its own, and
# keeps the files of all tables, also of those that a dump leaves out.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;
use TestReports;

my $bin = (split /\n/, `pg_config --bindir`)[0];
my ($old, $new) =
  map { new_node($_, "max_worker_processes = 20\n") } qw(old new);
my $has_cron = $old->safe_psql('postgres',
	q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'});
for my $node ($has_cron ? ($old, $new) : ())
{
	$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pg_cron'
cron.database_name = 'postgres'
cron.use_background_workers = on
CONF
	$node->restart;
}

$old->safe_psql('postgres', join ';', 'CREATE ROLE risk_owner LOGIN', 'CREATE ROLE bi',
	'CREATE ROLE team', 'CREATE DATABASE posture OWNER risk_owner');
my @as = (extra_params => [ '-U', 'risk_owner' ]);
$old->safe_psql('posture', "CREATE EXTENSION posture;\n" . sample_sql(), @as);
$old->safe_psql('posture', <<'SQL', @as);
SELECT posture.grant_access('bi', 'reader'), posture.grant_access('team', 'owner');
-- some changes are folded, some are not
SELECT posture.fold();
UPDATE posture.finding SET state = 'non_compliant', changed_at = now() WHERE asset_id % 3 = 1;
UPDATE posture.asset SET criticality = 'high' WHERE asset_id = 5;
UPDATE posture.metric SET asset_kinds = '{user}' WHERE key = 'm1';
SQL
# sets with containers of every kind
$old->safe_psql('posture', q{CREATE TABLE public.stored AS
	SELECT n, posture.assetset_agg(a * n) AS assets
	FROM generate_series(1, 70000) a, generate_series(1, 3) n GROUP BY n});
$old->safe_psql('postgres',
	q{CREATE EXTENSION pg_cron; CREATE EXTENSION posture; SELECT posture.schedule()})
  if $has_cron;

my $content = digest_sql((grep { $_ ne 'posture_internal.verification' } tables($old, 'posture')),
	views($old, 'posture'),
	q{posture_internal.current_state('infinity')},
	q{posture_internal.current_state(posture.day_end(posture.today() - 2))},
	'public.stored', 'posture.verify()');
# All that is defined, its privileges and comments. Bodies that are bound and views are
# left out, since other names of columns are shown afterwards; and the superuser owns the
# extension then.
my $catalog = <<'SQL' =~ s/OURS/$schemas/gr;
SELECT pg_describe_object(d.classid, d.objid, d.objsubid),
       obj_description(d.objid, d.classid::regclass::name)
FROM pg_depend d
WHERE d.refclassid = 'pg_extension'::regclass
  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'posture');
SELECT x.extversion, x.extnamespace::regnamespace, c.relation, c.condition
FROM pg_extension x, unnest(x.extconfig::regclass[]::text[], x.extcondition) c(relation, condition)
WHERE x.extname = 'posture';
SELECT c.oid::regclass, c.relkind, c.relacl, c.reloptions, c.relreplident, c.relrowsecurity,
       c.relowner::regrole, obj_description(c.oid, 'pg_class')
FROM pg_class c WHERE c.relnamespace OURS;
SELECT c.oid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       a.attstorage, a.attidentity, a.attacl, pg_get_expr(d.adbin, d.adrelid),
       col_description(c.oid, a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace OURS AND a.attnum > 0;
SELECT k.conname, pg_get_constraintdef(k.oid), k.convalidated
FROM pg_constraint k WHERE k.connamespace OURS;
SELECT pg_get_indexdef(i.indexrelid), i.indisvalid
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace OURS;
SELECT pg_get_triggerdef(t.oid), t.tgenabled
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace OURS AND NOT t.tgisinternal;
SELECT schemaname, tablename, policyname, roles, cmd, qual, with_check
FROM pg_policies WHERE schemaname IN ('posture', 'posture_internal');
SELECT f.oid::regprocedure, f.prorettype::regtype, f.proacl, f.proconfig, f.provolatile,
       f.proparallel, f.proisstrict, f.prosecdef, f.procost, f.prorows, f.proowner::regrole,
       CASE WHEN f.prosqlbody IS NULL THEN f.prosrc END
FROM pg_proc f WHERE f.pronamespace OURS;
SELECT a.aggfnoid, a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn,
       a.aggmtransfn, a.aggminvtransfn, a.aggtranstype::regtype, a.agginitval
FROM pg_aggregate a JOIN pg_proc f ON f.oid = a.aggfnoid WHERE f.pronamespace OURS;
SELECT o.oid::regoperator, o.oprcode, o.oprcom::regoperator, o.oprnegate::regoperator,
       o.oprrest, o.oprjoin, o.oprcanmerge, o.oprcanhash
FROM pg_operator o WHERE o.oprnamespace OURS;
SELECT t.oid::regtype, t.typlen, t.typbyval, t.typstorage, t.typcategory, t.typacl
FROM pg_type t WHERE t.typnamespace OURS;
SELECT c.castsource::regtype, c.casttarget::regtype, c.castfunc::regprocedure, c.castcontext
FROM pg_cast c
JOIN pg_type t ON t.oid IN (c.castsource, c.casttarget) AND t.typnamespace OURS;
SELECT e.enumtypid::regtype, e.enumlabel FROM pg_enum e;
SELECT n.nspname, n.nspacl, n.nspowner::regrole FROM pg_namespace n WHERE n.oid OURS;
SQL
my $expected = $old->safe_psql('posture', $content);
sub defined_in { return split /\n/, $_[0]->safe_psql('posture', $catalog) }
my %lines;
$lines{$_}++ for defined_in($old);
cmp_ok(scalar(keys %lines), '>', 1000, 'all that is defined');
unlike($expected,
	qr/^posture\w*\.(finding|\w+_(set|delta)|object_count|snapshot|event_cause)\|0\|/m,
	'tables have rows, folded and not');
like($expected, qr/^posture\.verify\(\)\|0\|/m, 'verify() finds no difference');

$_->stop for $old, $new;
chdir PostgreSQL::Test::Utils::tempdir() or die $!;
my @upgrade = ('pg_upgrade', '-b', $bin, '-B', $bin, '-d', $old->data_dir, '-D', $new->data_dir,
	'-s', $new->host, '-p', $old->port, '-P', $new->port);
$old->command_ok([ @upgrade, '--check' ], 'pg_upgrade --check');
$old->command_ok(\@upgrade, 'pg_upgrade');
$new->start;
is($new->safe_psql('posture', $content), $expected, 'all tables, reports and sets are equal');
$lines{$_}-- for defined_in($new);
my @differ = sort grep { $lines{$_} } keys %lines;
is(join("\n", map { ($lines{$_} > 0 ? 'old: ' : 'new: ') . $_ } @differ),
	'', 'and all that is defined');

is($new->safe_psql('posture', q{SELECT message FROM posture.status() WHERE item = 'access'}), '2 grants',
	'roles have their levels');
# the superuser owns the extension, so the role that installed it needs levels
like((query_as($new, 'posture', 'risk_owner', 'SELECT posture.fold()'))[2],
	qr/role "risk_owner" needs level operator\nHINT: .*grant_access\('risk_owner', 'operator'\)/,
	'the installer is no longer the owner of the extension');
$new->safe_psql('posture', q{SELECT posture.grant_access('risk_owner', 'operator'),
	posture.grant_access('risk_owner', 'loader', 'scan')});
$new->safe_psql('posture', <<'SQL', @as);
INSERT INTO posture.inbox
SELECT 'scan', 'r' || r, 'new', 'non_compliant' FROM generate_series(1, 9) r;
SELECT FROM posture.ingest();
CALL posture.run_daily();
SELECT FROM posture.take_snapshot();
SQL
is($new->safe_psql('posture', 'SELECT * FROM posture.verify()'), '', 'all work goes on');
is($new->safe_psql('posture', <<'SQL'), join("\n", ('70000|70000|t') x 3), 'sets can be read');
SELECT posture.cardinality(assets), posture.cardinality(assets OPERATOR(posture.&) assets),
       assets OPERATOR(posture.@>) 65536 * n
FROM public.stored ORDER BY n
SQL
is($new->safe_psql('posture',
		'SELECT count(*) FROM posture.asset GROUP BY asset_id HAVING count(*) > 1'),
	'', 'ids go on');

SKIP:
{
	skip 'pg_cron is not installed', 1 unless $has_cron;
	is($new->safe_psql('postgres', 'SELECT jobname, schedule, command, active FROM cron.job'),
		'posture|5 * * * *|CALL posture.run_daily()|t', 'the job is there');
	is($new->safe_psql('postgres', 'SELECT count(posture.schedule()) FROM cron.job'),
		'1', 'schedule() finds it');
	is($new->safe_psql('postgres', 'SELECT count(*) FROM cron.job'), '1', 'and adds none');
}

$new->stop;
done_testing();

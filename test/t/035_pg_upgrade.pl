# pg_upgrade: it makes each object of an extension anew, in an order of its own,
# and takes the tables as they are, those that a dump leaves out too.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $bin = (split /\n/, `pg_config --bindir`)[0];
my %node;
for my $name (qw(old new))
{
	$node{$name} = new_node($name, "fsync = off\njit = off\nmax_worker_processes = 20\n");
}
my $has_cron = $node{old}->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'});
for my $node (values %node)
{
	next if !$has_cron;
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_cron'\ncron.database_name = 'postgres'\ncron.use_background_workers = on\n");
	$node->restart;
}
my ($old, $new) = @node{qw(old new)};

$old->safe_psql('postgres', join ';', 'CREATE ROLE risk_owner LOGIN', 'CREATE ROLE bi', 'CREATE ROLE team', 'CREATE DATABASE posture OWNER risk_owner');
my @as = ('-U', 'risk_owner');
$old->safe_psql('posture', 'CREATE EXTENSION posture', extra_params => \@as);
$old->safe_psql('posture', sample_sql(), extra_params => \@as);
$old->safe_psql('posture', q{SELECT posture.grant_access('bi', 'reader'), posture.grant_access('team', 'owner')}, extra_params => \@as);
# some of it folded, some not
$old->safe_psql('posture', q{SELECT posture.fold(); UPDATE posture.finding SET state = 'non_compliant', changed_at = now() WHERE asset_id % 3 = 1;
	UPDATE posture.asset SET criticality = 'high' WHERE asset_id = 5; UPDATE posture.metric SET asset_kinds = '{user}' WHERE key = 'm1'}, extra_params => \@as);
# a set with containers of every kind
$old->safe_psql('posture', q{CREATE TABLE public.kept AS
	SELECT n, posture.assetset_agg(a * n) AS assets FROM generate_series(1, 70000) a, generate_series(1, 3) n GROUP BY n});
$old->safe_psql('postgres', q{CREATE EXTENSION pg_cron; CREATE EXTENSION posture; SELECT posture.schedule()}) if $has_cron;

sub digest { my ($what) = @_; return qq{SELECT \$of\$$what\$of\$, count(*), md5(string_agg(x::text, '|' ORDER BY x::text COLLATE "C")) FROM $what x} }
my $content = join ' UNION ALL ', (map { digest("posture.$_") } grep { $_ ne 'verification' } tables($old, 'posture')),
  (map { digest("posture.$_") } split /\n/, $old->safe_psql('posture', q{SELECT viewname FROM pg_views WHERE schemaname = 'posture' ORDER BY 1})),
  map { digest($_) } q{posture_internal.current_state('infinity')}, q{posture_internal.current_state(posture.day_end(posture.today() - 2))}, q{public.kept}, q{posture.verify()};
# what there is, who may do what, what is said of it; bodies and views are told with other
# names of columns, and an extension belongs to the superuser afterwards
my $catalog = <<'SQL';
SELECT pg_describe_object(d.classid, d.objid, d.objsubid), obj_description(d.objid, d.classid::regclass::name)
FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'posture');
SELECT x.extversion, x.extnamespace::regnamespace, c.relation, c.condition
FROM pg_extension x, unnest(x.extconfig::regclass[]::text[], x.extcondition) c(relation, condition) WHERE x.extname = 'posture';
SELECT c.relname, c.relkind, c.relacl, c.reloptions, c.relreplident, c.relrowsecurity, c.relowner::regrole, obj_description(c.oid, 'pg_class')
FROM pg_class c WHERE c.relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace);
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attstorage, a.attidentity, a.attacl, pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND a.attnum > 0;
SELECT k.conname, pg_get_constraintdef(k.oid), k.convalidated FROM pg_constraint k WHERE k.connamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace);
SELECT pg_get_indexdef(i.indexrelid), i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace);
SELECT pg_get_triggerdef(t.oid), t.tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND NOT t.tgisinternal;
SELECT tablename, policyname, roles, cmd, qual, with_check FROM pg_policies WHERE schemaname = 'posture';
SELECT f.oid::regprocedure, f.prorettype::regtype, f.proacl, f.proconfig, f.provolatile, f.proparallel, f.proisstrict, f.prosecdef, f.procost, f.prorows, f.proowner::regrole,
	CASE WHEN f.prosqlbody IS NULL THEN f.prosrc END
FROM pg_proc f WHERE f.pronamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace);
SELECT a.aggfnoid, a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggtranstype::regtype, a.agginitval
FROM pg_aggregate a JOIN pg_proc f ON f.oid = a.aggfnoid WHERE f.pronamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace);
SELECT o.oid::regoperator, o.oprcode, o.oprcom::regoperator, o.oprnegate::regoperator, o.oprrest, o.oprjoin, o.oprcanmerge, o.oprcanhash
FROM pg_operator o WHERE o.oprnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace);
SELECT t.typname, t.typlen, t.typbyval, t.typstorage, t.typcategory, t.typacl FROM pg_type t WHERE t.typnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace);
SELECT c.castsource::regtype, c.casttarget::regtype, c.castfunc::regprocedure, c.castcontext FROM pg_cast c
JOIN pg_type t ON t.oid IN (c.castsource, c.casttarget) AND t.typnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace);
SELECT e.enumtypid::regtype, e.enumlabel FROM pg_enum e;
SELECT n.nspacl, n.nspowner::regrole FROM pg_namespace n WHERE n.nspname = 'posture';
SQL
my $is_there = $old->safe_psql('posture', $content);
sub defined_in { return split /\n/, $_[0]->safe_psql('posture', $catalog) }
my %lines;
$lines{$_}++ for defined_in($old);
cmp_ok(scalar(keys %lines), '>', 1000, 'all that is defined');
unlike($is_there, qr/^posture\.(finding|finding_set|finding_delta|asset_delta|catalog_delta|tally|snapshot|event_cause)\|0\|/m, 'what is kept is there, folded and not');
like($is_there, qr/^posture\.verify\(\)\|0\|/m, 'as it should be');

$_->stop for $old, $new;
chdir PostgreSQL::Test::Utils::tempdir() or die $!;
my @upgrade = ('pg_upgrade', '-b', $bin, '-B', $bin, '-d', $old->data_dir, '-D', $new->data_dir, '-s', $new->host, '-p', $old->port, '-P', $new->port);
$old->command_ok([ @upgrade, '--check' ], 'pg_upgrade --check');
$old->command_ok(\@upgrade, 'pg_upgrade');
$new->start;
is($new->safe_psql('posture', $content), $is_there, 'all tables and reports are equal, and nothing differs from what it should be');
$lines{$_}-- for defined_in($new);
is(join("\n", map { ($lines{$_} > 0 ? 'old: ' : 'new: ') . $_ } sort grep { $lines{$_} } keys %lines), '', 'and so is what is defined');

# life goes on
$new->safe_psql('posture', <<'SQL', extra_params => \@as);
INSERT INTO posture.inbox SELECT 'scan', 'r' || r, 'new', 'non_compliant' FROM generate_series(1, 9) r;
SELECT FROM posture.ingest();
CALL posture.run_daily();
SELECT FROM posture.take_snapshot();
SQL
is($new->safe_psql('posture', 'SELECT * FROM posture.verify()'), '', 'life goes on');
is($new->safe_psql('posture', q{SELECT posture.cardinality(assets), posture.cardinality(assets OPERATOR(posture.&) assets), assets OPERATOR(posture.@>) 65536 * n FROM public.kept ORDER BY n}),
	"70000|70000|t\n70000|70000|t\n70000|70000|t", 'sets are read');
is($new->safe_psql('posture', q{SELECT count(*) FROM posture.asset GROUP BY asset_id HAVING count(*) > 1}), '', 'ids go on');

SKIP:
{
	skip 'pg_cron is not installed', 1 unless $has_cron;
	is($new->safe_psql('postgres', q{SELECT jobname, schedule, command, active FROM cron.job}), 'posture|5 * * * *|CALL posture.run_daily()|t', 'the job is there');
	is($new->safe_psql('postgres', q{SELECT count(posture.schedule()) FROM cron.job}), '1', 'schedule() finds it');
	is($new->safe_psql('postgres', q{SELECT count(*) FROM cron.job}), '1', 'and adds none');
}

$new->stop;
done_testing();

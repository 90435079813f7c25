# Settings of a session that change how text is read and written, how
# statements are planned, and how PL/pgSQL reads its bodies: what is loaded,
# kept and reported is the same with all of them as with none.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;
use TestDocument;

my $node = new_node('hostile', "fsync = off\nmax_worker_processes = 16\n");
$node->safe_psql('postgres', 'CREATE ROLE reader');
$node->safe_psql('postgres', 'CREATE DATABASE base');
$node->safe_psql('base', 'CREATE EXTENSION posture');
$node->safe_psql('base', sample_sql());
# a day that is due, with its events
$node->safe_psql('base', <<'SQL');
DELETE FROM posture.snapshot WHERE day >= posture.today() - 1;
DELETE FROM posture.metric_snapshot WHERE day >= posture.today() - 1;
DELETE FROM posture.initiative_snapshot WHERE day >= posture.today() - 1;
ANALYZE;
SQL

my $work = '';
for my $document (documents())
{
	my ($format, $text) = @$document;
	$work .= "SELECT FROM posture.load('$format', '" . ($text =~ s/'/''/gr) . "');\n";
}
# twice: the second time changes nothing
$work .= $work =~ s/SELECT FROM (.*?);\n(?=SELECT|\z)/INSERT INTO seen.again SELECT changed FROM $1;\n/gsr;
$work .= <<'SQL';
INSERT INTO posture.inbox VALUES ('scan', 'r2', 'a5', 'non_compliant', '2024-01-02 03:04:05Z'), ('cloud', 'r6', 'a6', 'so-so', '2024-01-02 03:04:05Z');
INSERT INTO posture.inbox VALUES ('cloud', 'r6', 'a6', 'compliant', '2124-01-02 03:04:05Z');
INSERT INTO posture.inbox VALUES ('scan', 'new', 'new', 'non_compliant', '2024-01-02 03:04:05Z', 'host', 'New', '{"a": 1}');
SELECT FROM posture.ingest();
SELECT FROM posture.assess_cluster();
SELECT FROM posture.install_pack('ransomware');
CALL posture.run_daily();
SELECT FROM posture.take_snapshot();
SELECT FROM posture.merge_asset('a1', 'a2');
SELECT posture.acknowledge(max(event_id), 'seen') FROM posture.event;
SELECT posture.grant_access('reader', 'owner');
SELECT FROM posture.fold();
UPDATE posture.metric SET rule = '{"source": "scan", "key": "r_"}' WHERE key = 'm5';
SELECT FROM posture.apply_rules();
CREATE TABLE seen.verified AS SELECT * FROM posture.verify();
SELECT FROM posture.rebuild();
CREATE TABLE seen.state AS SELECT * FROM posture_internal.metric_state(posture.day_end(posture.today() - 2));
CREATE TABLE seen.exported AS SELECT * FROM posture.export();
CREATE TABLE seen.changed AS SELECT object, from_day, to_day, c.reason, c.points, c.says
FROM (VALUES ('i1'), ('i2'), ('i3'), ('m1'), ('m2')) o(object), (VALUES (3, 2), (2, 1), (2, 0)) d(f, t),
     LATERAL (SELECT posture.today() - f AS from_day, posture.today() - t AS to_day) x, posture.change_report(object, from_day, to_day) c;
CREATE TABLE seen.planned AS SELECT p.* FROM posture.plan('i1', '99') p;
CREATE TABLE seen.asked AS SELECT posture.what_if('i1', '{r1,r5}'), posture.score_of('i1', 'g1'), posture.planned_score('i1'), posture.achievable_score('i3'), posture.cardinality(posture.metric_assets('m1')),
    posture.cardinality(posture.metric_assets('m1', posture.today() - 2)) AS past, posture.is_drop('80', '78'), posture.today();
SQL
my @views = split /\n/, $node->safe_psql('base', q{SELECT relname FROM pg_class WHERE relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND relkind = 'v' ORDER BY 1});
$work .= "CREATE TABLE seen.$_ AS SELECT * FROM posture.$_;\n" for @views;

# all that is kept and was seen, as a session without the settings reads it, in
# the order of its text; without ids, which follow the plan, and the moment
sub outcome
{
	my ($settings, $name) = @_;
	# of one name always, because the assessment names it
	$node->safe_psql('postgres', 'CREATE DATABASE warehouse TEMPLATE base');
	$node->safe_psql('warehouse', 'CREATE SCHEMA seen; CREATE TABLE seen.again (changed bigint)');
	my ($out, $err) = ('', '');
	# not compiled, which of all that the settings make dear takes minutes
	$node->psql('warehouse', "\\set VERBOSITY terse\nSET jit = off;\n$settings$work", stdout => \$out, stderr => \$err, on_error_stop => 0);
	is(join("\n", grep { /ERROR|FATAL/ } split /\n/, $err), '', "$name: no error");
	my $kept = '';
	for my $query (
		(map { "SELECT to_jsonb(t) - '{event_id,exemption_id,acknowledged_at,newly_exposed_ids}'::text[] FROM seen.$_ t" } split /\n/,
			$node->safe_psql('warehouse', q{SELECT relname FROM pg_class WHERE relnamespace = 'seen'::regnamespace AND relkind = 'r' AND relname <> 'state' ORDER BY 1})),
		'SELECT m.key, to_jsonb(s) - \'metric_id\' FROM seen.state s JOIN posture.metric m USING (metric_id)',
		'SELECT posture.export()',
		'SELECT to_jsonb(r) FROM posture.rejected r',
		q{SELECT to_jsonb(r) #- '{counts,sets}' FROM posture.run r},
		'SELECT key, to_jsonb(s) - \'{metric_id,recommendations}\'::text[] FROM posture.metric_snapshot s',
		'SELECT key, to_jsonb(s) - \'{initiative_id,recommendations}\'::text[] FROM posture.initiative_snapshot s',
		'SELECT p, n FROM (SELECT polname || polrelid::regclass AS p, pg_get_expr(polqual, polrelid) AS n FROM pg_policy) x',
		'SELECT * FROM posture.verify()')
	{
		my $rows = $node->safe_psql('warehouse', $query);
		$rows =~ s/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d(:\d\d)?)?/NOW/g;
		$rows =~ s/\d+:\d\d:\d\d after its end/LATE after its end/g;
		$kept .= "$query:\n" . join("\n", sort split /\n/, $rows) . "\n";
	}
	$node->safe_psql('postgres', 'DROP DATABASE warehouse');
	return $kept;
}
my $plain = outcome('', 'plain');
cmp_ok(length($plain), '>', 100_000, 'there is something to compare');
like($plain, qr/Own group's reason/, 'with what was loaded');
ok($plain !~ /"changed": [1-9]/, 'which a second time changed nothing');

my %settings = (
	literals => [ 'standard_conforming_strings = off', 'escape_string_warning = off', 'backslash_quote = off', 'quote_all_identifiers = on', 'array_nulls = off',
		'transform_null_equals = on', 'xmloption = document', 'xmlbinary = hex', 'bytea_output = escape', 'extra_float_digits = -15', 'check_function_bodies = off' ],
	times => [ "timezone = 'Pacific/Chatham'", "datestyle = 'SQL, DMY'", 'intervalstyle = sql_standard', "timezone_abbreviations = 'India'" ],
	german => [ "timezone = 'America/St_Johns'", "datestyle = 'German, MDY'", 'intervalstyle = postgres_verbose' ],
	names => [ q{search_path = ''}, "plpgsql.extra_errors = 'all'", 'plpgsql.variable_conflict = use_variable', 'row_security = on', 'client_min_messages = debug1' ],
	columns => [ 'search_path = pg_temp, posture, pg_catalog', 'plpgsql.variable_conflict = use_column', 'plpgsql.check_asserts = off' ],
	plans => [ 'enable_hashagg = off', 'enable_hashjoin = off', 'enable_seqscan = off', 'enable_material = off', 'join_collapse_limit = 1', 'from_collapse_limit = 1', 'geqo_threshold = 2',
		'work_mem = 64', 'plan_cache_mode = force_custom_plan', 'cursor_tuple_fraction = 0', 'constraint_exclusion = on', 'gin_fuzzy_search_limit = 1' ],
	# also where the first plan is for good
	generic => [ 'enable_nestloop = off', 'enable_sort = off', 'enable_indexscan = off', 'enable_bitmapscan = off', 'enable_mergejoin = off', 'plan_cache_mode = force_generic_plan' ],
	parallel => [ ($node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode') . ' = on', 'parallel_setup_cost = 0', 'parallel_tuple_cost = 0', 'min_parallel_table_scan_size = 0',
		'min_parallel_index_scan_size = 0', 'max_parallel_workers_per_gather = 4', 'parallel_leader_participation = off' ]);
for my $name (sort keys %settings)
{
	my $outcome = outcome(join('', map { "SET $_;\n" } @{ $settings{$name} }), $name);
	ok($outcome eq $plain, "$name: what is kept and reported is the same") or do
	{
		my %was = map { $_ => 1 } split /\n/, $plain;
		my %is = map { $_ => 1 } split /\n/, $outcome;
		diag "with @{ $settings{$name} }:\n" . join("\n", map { "+ $_" } grep { !$was{$_} } sort keys %is) . "\nwithout:\n" . join("\n", map { "- $_" } grep { !$is{$_} } sort keys %was);
	};
}

# Temporary objects of the names that steps of load() and ingest() use, with what
# would be run: there is an error, nothing of them is used, nothing is lost.
$node->safe_psql('base', q{CREATE ROLE attacker; CREATE FUNCTION public.spring() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'sprung'; END $$;
	CREATE FUNCTION public.sprung() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE 'sprung'; END $$});
my $delivered = $node->safe_psql('base', 'SELECT count(*) FROM posture.inbox');
my ($own) = map { "posture.load('posture', '" . ($_->[1] =~ s/'/''/gr) . "')" } (documents())[0];
for my $name (qw(posture_item posture_batch posture_taken posture_name posture_exempt))
{
	for my $trap ("CREATE TEMP TABLE $name (source text, n integer DEFAULT public.sprung()); CREATE TRIGGER t BEFORE INSERT OR UPDATE OR DELETE ON pg_temp.$name FOR EACH ROW EXECUTE FUNCTION public.spring()",
		"CREATE TEMP VIEW $name AS SELECT public.sprung()", "CREATE TEMP SEQUENCE $name", "CREATE TYPE pg_temp.$name AS (x integer)")
	{
		my ($out, $err) = ('', '');
		# by somebody else in the session of a superuser, who goes on as themselves
		$node->psql('base', "\\set VERBOSITY terse\nSET ROLE attacker; $trap; RESET ROLE; BEGIN; SELECT FROM $own; ROLLBACK; BEGIN; SELECT FROM posture.ingest(); ROLLBACK;", stdout => \$out, stderr => \$err, on_error_stop => 0);
		unlike($err, qr/sprung/, "nothing is run: $trap");
		like($err, qr/ERROR:  (relation|type) "$name" already exists/, 'it is an error');
	}
}
is($node->safe_psql('base', 'SELECT count(*) FROM posture.inbox'), $delivered, 'nothing is lost');
# what triggers call by a name without a schema is what the statement changed
$node->psql('base', <<'SQL', stdout => \my $seen, stderr => \my $error, on_error_stop => 0);
CREATE TEMP TABLE added AS SELECT public.sprung() WHERE false;
CREATE TEMP TABLE removed AS SELECT 1 AS metric_id;
SET search_path = pg_temp;
BEGIN;
UPDATE posture.metric SET rule = '{"source": "cloud", "key": "r6"}' WHERE key = 'm5';
UPDATE posture.source SET product = 'another' WHERE key = 'scan';
DELETE FROM posture.metric_recommendation WHERE metric_id = (SELECT metric_id FROM posture.metric WHERE key = 'm1');
SELECT count(*) FROM posture.metric_recommendation JOIN posture.metric USING (metric_id) WHERE key IN ('m1', 'm5');
SELECT count(*) FROM posture_internal.catalog_delta WHERE changed IN ('metric', 'source', 'metric_recommendation');
ROLLBACK;
SQL
is("$seen$error", "1\n2", 'tables named as the transition tables of triggers are not taken for them');

$node->stop;
done_testing();

# Settings of a session that change how text is read and written, how statements are
# planned, and how PL/pgSQL reads its bodies: what is loaded, stored and reported is the
# same with any of them.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestDocument;
use TestPosture;

my $node = new_node('settings', "max_worker_processes = 16\n");
$node->safe_psql('postgres', 'CREATE ROLE reader');
$node->safe_psql('postgres', 'CREATE DATABASE base');
$node->safe_psql('base', "CREATE EXTENSION posture;\n" . sample_sql());
# a due day, with its events
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
	# whatever a backslash means in a literal
	$work .= "SELECT FROM posture.load('$format', \$document\$$text\$document\$);\n";
}
# a second time changes nothing
$work .= $work =~
  s/SELECT FROM (.*?);\n(?=SELECT|\z)/INSERT INTO seen.again SELECT changed FROM $1;\n/gsr;
$work .= <<'SQL';
INSERT INTO posture.inbox VALUES
    ('scan', 'r2', 'a5', 'non_compliant', '2024-01-02 03:04:05Z'),
    ('cloud', 'r6', 'a6', 'so-so', '2024-01-02 03:04:05Z'),
    ('cloud', 'r6', 'a6', 'compliant', '2124-01-02 03:04:05Z');
INSERT INTO posture.inbox
VALUES ('scan', 'new', 'new', 'non_compliant', '2024-01-02 03:04:05Z', 'host', 'New', '{"a": 1}');
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
CREATE TABLE seen.state AS
SELECT * FROM posture_internal.metric_state(posture.day_end(posture.today() - 2));
CREATE TABLE seen.exported AS SELECT * FROM posture.export();
CREATE TABLE seen.changed AS
SELECT object, from_day, to_day, c.reason, c.points, c.message
FROM (VALUES ('i1'), ('i2'), ('i3'), ('m1'), ('m2')) o(object),
     (VALUES (3, 2), (2, 1), (2, 0)) d(f, t),
     LATERAL (SELECT posture.today() - f AS from_day, posture.today() - t AS to_day) x,
     posture.change_report(object, from_day, to_day) c;
CREATE TABLE seen.planned AS SELECT p.* FROM posture.plan('i1', '99') p;
CREATE TABLE seen.asked AS
SELECT posture.what_if('i1', '{r1,r5}'), posture.score_of('i1', 'g1'),
       posture.planned_score('i1'), posture.achievable_score('i3'),
       posture.cardinality(posture.metric_assets('m1')),
       posture.cardinality(posture.metric_assets('m1', posture.today() - 2)) AS past,
       posture.is_drop('80', '78'), posture.today();
SQL
$work .= sprintf "CREATE TABLE seen.%s AS SELECT * FROM %s;\n", s/.*\.//r, $_
  for views($node, 'base');

# Returns all that is stored and was reported, as a session without the settings reads it:
# lines in the order of their text, without moments and without ids, which depend on plans.
sub outcome
{
	my ($name, @settings) = @_;
	# always of one name, because an assessment shows the name of the database
	$node->safe_psql('postgres', 'CREATE DATABASE warehouse TEMPLATE base');
	$node->safe_psql('warehouse', 'CREATE SCHEMA seen; CREATE TABLE seen.again (changed bigint)');
	my ($out, $err) = ('', '');
	# compiling all that the settings make expensive would take minutes
	my $begin = join '', "\\set VERBOSITY terse\n", map { "SET $_;\n" } 'jit = off', @settings;
	$node->psql('warehouse', $begin . $work, stdout => \$out, stderr => \$err,
		on_error_stop => 0);
	is(join("\n", grep { /ERROR|FATAL/ } split /\n/, $err), '', "$name: no error");
	my @seen = split /\n/, $node->safe_psql('warehouse', q{SELECT oid::regclass FROM pg_class
		WHERE relnamespace = 'seen'::regnamespace AND relkind = 'r' AND relname <> 'state'
		ORDER BY relname});
	my $ids = q{'{event_id,exemption_id,acknowledged_at,newly_exposed_ids}'::text[]};
	my $all = '';
	for my $query (
		(map { "SELECT to_jsonb(t) - $ids FROM $_ t" } @seen),
		q{SELECT m.key, to_jsonb(s) - 'metric_id'
			FROM seen.state s JOIN posture.metric m USING (metric_id)},
		'SELECT posture.export()',
		'SELECT to_jsonb(r) FROM posture.rejected r',
		q{SELECT to_jsonb(r) #- '{counts,sets}' FROM posture.run r},
		q{SELECT key, to_jsonb(s) - '{metric_id,recommendations}'::text[]
			FROM posture.metric_snapshot s},
		q{SELECT key, to_jsonb(s) - '{initiative_id,recommendations}'::text[]
			FROM posture.initiative_snapshot s},
		'SELECT polname || polrelid::regclass, pg_get_expr(polqual, polrelid) FROM pg_policy',
		'SELECT * FROM posture.verify()')
	{
		my $rows = $node->safe_psql('warehouse', $query);
		$rows =~ s/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d(:\d\d)?)?/NOW/g;
		$rows =~ s/\d+:\d\d:\d\d after its end/LATE after its end/g;
		$all .= "$query:\n" . join("\n", sort split /\n/, $rows) . "\n";
	}
	$node->safe_psql('postgres', 'DROP DATABASE warehouse');
	return $all;
}
my $plain = outcome('without settings');
cmp_ok(length($plain), '>', 100_000, 'there is much to compare');
like($plain, qr/Own group's reason/, 'with what was loaded');
unlike($plain, qr/"changed": [1-9]/, 'which a second load did not change');

my $parallel = $node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
my %settings = (
	literals => [ 'standard_conforming_strings = off', 'escape_string_warning = off',
		'backslash_quote = off', 'quote_all_identifiers = on', 'array_nulls = off',
		'transform_null_equals = on', 'xmloption = document', 'xmlbinary = hex',
		'bytea_output = escape', 'extra_float_digits = -15', 'check_function_bodies = off' ],
	times => [ "timezone = 'Pacific/Chatham'", "datestyle = 'SQL, DMY'",
		'intervalstyle = sql_standard', "timezone_abbreviations = 'India'" ],
	german => [ "timezone = 'America/St_Johns'", "datestyle = 'German, MDY'",
		'intervalstyle = postgres_verbose' ],
	names => [ q{search_path = ''}, "plpgsql.extra_errors = 'all'",
		'plpgsql.variable_conflict = use_variable', 'row_security = on',
		'client_min_messages = debug1' ],
	columns => [ 'search_path = pg_temp, posture, pg_catalog',
		'plpgsql.variable_conflict = use_column', 'plpgsql.check_asserts = off' ],
	plans => [ 'enable_hashagg = off', 'enable_hashjoin = off', 'enable_seqscan = off',
		'enable_material = off', 'join_collapse_limit = 1', 'from_collapse_limit = 1',
		'geqo_threshold = 2', 'work_mem = 64', 'plan_cache_mode = force_custom_plan',
		'cursor_tuple_fraction = 0', 'constraint_exclusion = on', 'gin_fuzzy_search_limit = 1' ],
	# also if the first plan is kept
	generic => [ 'enable_nestloop = off', 'enable_sort = off', 'enable_indexscan = off',
		'enable_bitmapscan = off', 'enable_mergejoin = off',
		'plan_cache_mode = force_generic_plan' ],
	parallel => [ "$parallel = on", 'parallel_setup_cost = 0', 'parallel_tuple_cost = 0',
		'min_parallel_table_scan_size = 0', 'min_parallel_index_scan_size = 0',
		'max_parallel_workers_per_gather = 4', 'parallel_leader_participation = off' ]);
for my $name (sort keys %settings)
{
	my $outcome = outcome($name, @{ $settings{$name} });
	my %count;
	$count{$_}++ for split /\n/, $outcome;
	$count{$_}-- for split /\n/, $plain;
	my @differ = map { ($count{$_} > 0 ? 'with: ' : 'without: ') . $_ }
	  grep { $count{$_} } sort keys %count;
	is(join("\n", @differ), '', "$name: what is stored and reported is the same");
}

$node->stop;
done_testing();

# Non-interference of what is known to show hidden rows in other designs: conditions that are
# evaluated before a policy, hints and details of errors, statistics, sequences, settings.
# The test itself is tested: to a reader, each table and view differs in the two databases.
# tests: access/view_fence, access/owner_rows, access/row_security, fence.c

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestInterference;
use TestPosture;

interference_node('interference_probe', 'unfolded');

# the same days in both, and data of no one
my $common = qr/\.(importance_weight|history_start|forgotten_day|former_key|left_inventory|delivery|confirmation
	|snapshot|access|change_log_start
	|node|place|bucket|catalog_push|node_count|alias_route|routed|handed_over|asset_move|kept_piece)$/x;
my @relations = grep { !/$common/ } tables($node, 'postgres'), views($node, 'postgres');
my ($few, $many) = both_answers(superuser(),
	[ map { "SELECT x FROM $_ x ORDER BY x::text COLLATE \"C\"" } @relations ]);
is(join(' ', map { $relations[$_] } grep { $few->[$_] eq $many->[$_] } 0 .. $#relations),
	'', 'each table and view has hidden rows, which differ in the two databases');

my @filters = map {
	my $condition = $_;
	map { "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT FROM posture.$condition" =~ s/<=/$_/r }
	  qw(= <= OPERATOR(posture.<=))
} (
	# of i2, which is not theirs
	q{initiative_snapshot WHERE initiative_id = 2 AND day = posture.today() - 1 AND score <= '30'},
	q{score_history WHERE object = 'i2' AND day = posture.today() - 1 AND score <= '30'},
	q{overview WHERE initiative = 'i2' AND score <= '30'},
	q{asset WHERE key <= 'ha2'}, q{asset_report WHERE asset <= 'ha2'},
	q{asset_report WHERE criticality <= 'low'}, q{finding WHERE recommendation_id <= 8},
	q{finding_report WHERE since <= posture.day_end(posture.today() - 4)},
	q{finding_report WHERE recommendation <= 'hr1'}, q{event WHERE event_id <= 9},
	q{event_report WHERE event_id <= 9}, q{event_report WHERE weight <= 30},
	q{source WHERE key <= 'hscan1'}, q{benchmark WHERE score <= '30'}, q{run WHERE message <= 'hidden 1'});

my @names = map {
	my $call = $_;
	map { 'SELECT * FROM posture.' . sprintf($call, $_) } qw(h hi hi1 hi2 hm1 hm9 hr1 ha1 hg2 hscan), ''
} (
	q{plan('%s')}, q{planned_score('%s')}, q{achievable_score('%s')}, q{metric_assets('%s')},
	q{change_report('%s', posture.today() - 3, posture.today() - 2)}, q{band_of('%s', 'zone', 5)},
	q{points_change('%s', posture.today() - 3, posture.today() - 2)}, q{what_if('%s', '{}')},
	q{what_if('i1', '{%s}')}, q{score_of('%s', 'g1')}, q{score_of('i1', '%s')}, q{show('%s')},
	q{merge_asset('%s', 'a1')}, q{merge_asset('a1', '%s')}, q{ingest('%s')}, q{export('%s')},
	q{forget_source('%s')}, q{install_pack('%s')}, q{set_metric('%s')},
	q{load('posture', '{"type": "finding", "source": "%s", "recommendation": "hr1", "asset": "ha1"}')});

my @events = map {
	my $id = $_;
	map { sprintf $_, $id } 'SELECT posture.acknowledge(%s)', q{SELECT posture.acknowledge(%s, 'note')},
	  'SELECT posture.reopen(%s)', 'SELECT * FROM posture.explain(%s)',
	  'UPDATE posture.event SET note = note WHERE event_id = %s',
	  'INSERT INTO posture.event (event_id, kind, day) VALUES (%s, 1, now())'
} 0 .. 12, 60, 100, 1000;

my @catalog = (
	'SELECT * FROM pg_stats WHERE schemaname ~ $$^posture$$',
	'SELECT * FROM pg_stats_ext', 'SELECT * FROM pg_stats_ext_exprs', 'SELECT * FROM pg_statistic',
	'SELECT * FROM pg_sequences WHERE schemaname ~ $$^posture$$',
	'SELECT c.relname, pg_sequence_last_value(c.oid) FROM pg_class c
	 WHERE relkind = $$S$$ AND has_sequence_privilege(c.oid, $$SELECT, USAGE$$)',
	(map { my $f = $_; map { sprintf $f, "posture.$_" } qw(event_event_id_seq asset_asset_id_seq) }
		  'SELECT pg_sequence_last_value($$%s$$::regclass)', 'SELECT last_value FROM %s',
		'SELECT nextval($$%s$$)', 'SELECT currval($$%s$$)', 'SELECT setval($$%s$$, 1)',
		'SELECT has_sequence_privilege($$%s$$, $$USAGE$$)'),
	'SELECT name, setting FROM pg_settings WHERE name ~ $$^posture$$', 'SHOW posture.fence_caller',
	(map { "SET $_" } 'posture.fence_caller = 10', 'ROLE pg_read_all_data', 'ROLE reader',
		'SESSION AUTHORIZATION reader', 'row_security = off; TABLE posture.asset_report'),
	'SELECT set_config($$posture.fence_caller$$, $$10$$, false)',
	'SELECT oid::regclass, relacl, obj_description(oid) FROM pg_class WHERE relname ~ $$event|asset$$',
	'SELECT attrelid::regclass, attname, attacl, col_description(attrelid, attnum) FROM pg_attribute
	 WHERE attrelid::regclass::text ~ $$^posture$$ ORDER BY 1, attnum',
	'SELECT * FROM pg_policies WHERE schemaname ~ $$^posture$$ ORDER BY 1, 2, 3',
	'SELECT table_name, privilege_type FROM information_schema.table_privileges ORDER BY 1, 2',
	'SELECT r.relname, p.x, has_table_privilege(r.oid, p.x), has_any_column_privilege(r.oid, $$SELECT$$)
	 FROM pg_class r, unnest($${SELECT,INSERT,UPDATE,DELETE}$$::text[]) p(x)
	 WHERE r.relnamespace::regnamespace::text ~ $$^posture$$ AND r.relkind = $$r$$ ORDER BY 1, 2',
	'SELECT oid::regprocedure, has_function_privilege(oid, $$EXECUTE$$) FROM pg_proc
	 WHERE pronamespace::regnamespace::text ~ $$^posture$$ ORDER BY 1',
	'SELECT * FROM posture.access', 'SELECT * FROM posture.status()',
	(map { "ANALYZE posture.$_" } qw(asset finding overview)), 'REINDEX TABLE posture.asset',
	'CREATE TABLE pg_temp.t (LIKE posture.asset INCLUDING ALL)',
	'CREATE TEMP TABLE t () INHERITS (posture.asset)',
	'CREATE TEMP TABLE t (a integer REFERENCES posture.asset)',
	'CREATE STATISTICS posture.s ON key, name FROM posture.asset', 'COPY posture.asset FROM STDIN;
\\.
SELECT 1',
	'COPY posture.asset TO STDOUT', 'CREATE INDEX ON posture.asset (key)',
	'DO $d$ DECLARE d text; c text; BEGIN PERFORM posture.plan($$hi$$);
	 EXCEPTION WHEN OTHERS THEN
	 GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, c = PG_EXCEPTION_CONTEXT;
	 RAISE NOTICE $$% %$$, d, c; END $d$');

# documents and deliveries of a loader, with keys that are of others
my @documents = map {
	my $key = $_;
	(   (map { qq{SELECT * FROM posture.load('posture', '$_', 'scan')} =~ s/KEY/$key/gr } (
			'{"type": "asset", "key": "KEY", "name": "x", "kind": "host"}',
			'{"type": "recommendation", "source": "scan", "key": "KEY", "title": "x"}',
			'{"type": "metric", "key": "KEY", "name": "x"}',
			'{"type": "initiative", "key": "KEY", "name": "x"}',
			'{"type": "asset_group", "key": "KEY", "name": "x"}',
			'{"type": "source", "key": "KEY", "name": "x"}',
			'{"type": "asset_alias", "alias": "KEY", "asset": "a1"}',
			'{"type": "asset_alias", "alias": "new", "asset": "KEY"}',
			'{"type": "measure", "source": "scan", "recommendation": "KEY", "achieved": 1, "possible": 2}',
			'{"type": "asset_source", "source": "scan", "asset": "KEY"}',
			'{"type": "asset_source", "source": "KEY", "asset": "a1"}',
			'{"type": "finding", "source": "KEY", "recommendation": "r1", "asset": "a1", "state": "compliant"}')),
		qq{SELECT * FROM posture.load('inventory', '{"key": "$key", "kind": "host"}', 'scan')},
		q{SELECT * FROM posture.load('inventory', '{"key": "new"}', 'scan', true)},
		"INSERT INTO posture.asset_inbox (source, asset) VALUES ('scan', '$key'), ('scan', 'new'); "
		  . q{SELECT * FROM posture.ingest_assets('scan')},
		(map { "INSERT INTO posture.inbox VALUES ($_, 'compliant'); " . 'SELECT * FROM posture.ingest(); '
			  . q{SELECT * FROM posture.ingest('scan')} }
			"'scan', 'r1', '$key'", "'scan', '$key', 'a1'", "'$key', 'r1', 'a1'"))
} qw(a1 ha5 HA6 hm2 hi2 hg2 hr2 hscan2 new), 'hidden alias 2';
same_answers('courier', \@documents, 'documents');

for my $role (qw(alice fleet courier nolevel))
{
	same_answers($role, \@filters, 'conditions');
	same_answers($role, \@names, 'names of others');
	same_answers($role, \@events, 'events of others');
	same_answers($role, \@catalog, 'catalog and settings');
}

$node->stop;
done_testing();

# What doc/dba.md says that each role reads, writes and can infer. Each sentence is a test.
# tests: access/table_privilege, access/row_security, access/level, access/view_fence

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestDba;
use TestPosture;

dba_node('dba');
my $superuser = superuser();
my @levels = qw(nobody reader owner loader curator operator);

# ---- reads ----

my @all = sections('What a role reads', 'What a role writes', 'What a role can infer');
is("@all", 'What a role can exhaust What a role can infer What a role reads What a role writes What is left to you',
	'the other sections are those of 134_dba_limits.pl and 135_dba_duties.pl');

my @tables = tables($node, 'posture');
my @relations = (@tables, grep { /^posture\./ } views($node, 'posture'));
cmp_ok(scalar(@relations), '>', 50, 'there are many tables and views');

# the relations of these that a role may not read, and that it may
sub hidden
{
	my ($role, @of) = @_;
	return join ' ', grep { as($role, "SELECT FROM $_ LIMIT 1") =~ /ERROR:  permission denied/ } @of;
}
my $definitions = 'SELECT count(*) > 50 FROM pg_proc WHERE pronamespace = \'posture\'::regnamespace; '
  . 'SELECT count(*) FROM posture.pack(); SELECT count(*) > 5 FROM posture.load_format(); '
  . 'SELECT posture.today() IS NOT NULL; SHOW posture.retention_days';
shows('| without a level | definitions', as('nobody', $definitions), "t\n5\nt\nt\n400");
is(hidden('nobody', @relations), "@relations", 'and reads no relation');
shows('| `reader` | every view', hidden('reader', @relations),
	'posture.asset_inbox posture.inbox posture.rejected');
shows('| `owner` | in views', hidden('owner', @tables), "@tables");
is(as('owner', 'SELECT initiative FROM posture.overview; SELECT asset_group FROM posture.group_report GROUP BY 1'),
	"i1\ng1", 'an owner reads its own initiative and group');
is(as('owner', q{SELECT sum(score)::text FROM posture.plan('i1', 100) WHERE false}), '', 'and calls functions');
shows('| `loader` | with', as('loader', q{SELECT reason FROM posture.rejections('scan') ORDER BY 1; SELECT posture.rejections('cloud')}),
	qr/\AERROR:  permission denied: role "loader" is no loader of source "cloud"\n.*invalid state "so-so".*\nmissing recommendation\z/s);
is(hidden('loader', @relations), "@relations", 'and no view and no table');
shows('| `curator` | what', hidden('curator', @relations), hidden('reader', @relations));
shows('| `operator` | every', hidden('operator', @relations), '');
shows('| the installer, a superuser |', hidden('installer', @relations) . hidden($superuser, @relations), '');
shows('Row security is on', $node->safe_psql('posture', "SELECT oid::regclass FROM pg_class
	WHERE relnamespace $schemas AND relkind = 'r' AND NOT relrowsecurity ORDER BY relname"),
	"posture.asset_inbox\nposture.inbox");
$node->safe_psql('posture', 'GRANT SELECT ON ALL TABLES IN SCHEMA posture TO nobody');
is(join(' ', grep { !/inbox/ && as('nobody', "SELECT FROM $_") !~ /ERROR: .*nobody" does not see all rows/ } grep { /^posture\./ } @tables),
	'', 'a role that was granted every table reads none');
$node->safe_psql('posture', 'GRANT SELECT ON posture_internal.finding_set TO nobody');
shows('It shows all rows', as('nobody', 'SELECT count(*) FROM posture.finding'),
	$node->safe_psql('posture', 'SELECT count(*) FROM posture.finding'));
$node->safe_psql('posture', 'REVOKE SELECT ON ALL TABLES IN SCHEMA posture, posture_internal FROM nobody');
my $plan = as('owner', 'EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM posture.finding_report');
shows("An owner's queries run", $plan, qr/Scan on posture_internal\.owner_finding_report/);
unlike($plan, qr/(?:Seq|Index|Bitmap) \w* ?Scan|\bfinding\b/, 'its plan has no table');
is(as($superuser, 'CREATE ROLE many LOGIN IN ROLE loader, operator') . as('many', 'SELECT count(*) > 0 FROM posture.rejected; SELECT count(*) FROM posture.access'), "t\n5",
	'a member of two roles has the levels of both');

# ---- writes ----

# the tables and sequences that a role has a privilege to write
sub writable
{
	my ($role) = @_;
	return $node->safe_psql('posture', <<"SQL") =~ s/posture\.//gr;
SELECT string_agg(c.oid::regclass::text, ' ' ORDER BY c.oid::regclass::text COLLATE "C")
FROM pg_class c
WHERE c.relnamespace $schemas AND c.relkind IN ('r', 'v', 'S')
  AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege('$role', c.oid, 'UPDATE')
           ELSE has_table_privilege('$role', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
                OR has_any_column_privilege('$role', c.oid, 'INSERT, UPDATE') END
SQL
}

# the roles that may call a function, which is rolled back
sub callers
{
	my ($call) = @_;
	return join ' ', grep {
		as($_, "BEGIN; $call; ROLLBACK") !~ /permission denied|does not exist/
	} @levels, 'installer';
}

# whether each of these is called by these roles alone
sub called_by
{
	my ($roles, @calls) = @_;
	return join "\n", grep { callers($_) ne $roles } map { "SELECT FROM posture.$_" } @calls;
}
my $event_of = q{(SELECT min(event_id) FROM posture.event e JOIN posture.initiative i USING (initiative_id) WHERE i.key = '%s')};
my %event = map { $_ => $node->safe_psql('posture', sprintf("SELECT $event_of", $_)) } qw(i1 i2);
cmp_ok($event{i1} * $event{i2}, '>', 0, 'there are events of two initiatives');

shows('| without a level | nothing', writable('nobody'), '');
shows('| `reader` | the result', writable('reader') . called_by('reader curator operator installer', 'verify()'), '');
shows('| `owner` | status', writable('owner') . called_by('owner operator installer', "acknowledge($event{i1})"), '');
is(called_by('operator installer', "acknowledge($event{i2})"), '', 'events of others are for an operator');
shows('| `loader` | findings', writable('loader') . called_by('loader installer', q{ingest('scan')}), 'asset_inbox inbox');
is(as('loader', <<'SQL'), "2\n1", 'it loads with load(), and with the inbox and ingest()');
SELECT changed FROM posture.load('posture', '{"type": "finding", "source": "scan", "recommendation": "new", "asset": "new", "state": "compliant"}', 'scan');
INSERT INTO posture.inbox VALUES ('scan', 'new', 'new', 'non_compliant');
SELECT loaded FROM posture.ingest();
SQL
shows('| `curator` | the catalog', writable('curator'), join ' ', qw(asset asset_alias asset_group benchmark exemption
	importance_weight initiative initiative_metric initiative_recommendation metric metric_recommendation recommendation score_band source));
is(called_by('curator installer', q{install_pack('ransomware')}, 'apply_rules()', q{merge_asset('a59', 'a60')}), '', 'and calls functions');
shows('| `operator` | days', writable('operator') . called_by('operator installer', 'take_snapshot()', 'fold()', 'rebuild()',
		'forget_day(posture.today())', 'backfill(posture.today() - 3)'), 'rejected');
is(called_by('reader curator operator installer', 'verify()'), '', 'readers verify, too');
is(as('operator', 'CALL posture.run_daily()'), '', 'it runs the job');
like(as($_, 'CALL posture.run_daily()'), qr/needs level operator/, "$_ does not") foreach grep { $_ ne 'operator' } @levels;
shows('| the installer | every table', called_by('installer', q{forget_source('cloud')},
		q{grant_access('nobody', 'reader')}, q{revoke_access('nobody')}, 'restore_access()'), '');
my %writes = map { $_ => 1 } split / /, writable('installer');
is(join(' ', grep { !$writes{ s/^posture\.//r } } @tables), 'posture_internal.change_log_start', 'and writes every table');

my $facts = 'finding|measure|snapshot|\w+_snapshot|finding_history|asset_history|event|event_cause|run|finding_set|asset_set|object_count|counted_slice|\w+_delta';
shows('No level has a privilege', join(' ', map { grep { /^(?:\w+\.)?(?:$facts)$/ } split / /, writable($_) } @levels), '');
shows('No level can write `access`', join(' ', map { as($_, 'UPDATE posture.access SET level = level') =~ /ERROR:  permission denied/ ? () : $_ } @levels), '');
my $score = q{SELECT score::numeric FROM posture.overview WHERE initiative = 'i1'};
my $before = as('curator', $score);
my $after = as('curator', "BEGIN; INSERT INTO posture.exemption (recommendation_id, kind, reason)
	SELECT recommendation_id, 'mitigated', 'none' FROM posture.recommendation; $score; ROLLBACK");
my $asset = sub { return as('loader', qq{SELECT * FROM posture.load('posture', '{"type": "asset", "key": "$_[0]", "name": "Mine"}', 'scan')}) };
my @answers = map { $asset->($_) } qw(new a59 unknown);
shows('A loader changes the name', as('reader', q{SELECT key, name FROM posture.asset WHERE key IN ('a59', 'new', 'unknown') ORDER BY 1}), "a59|Asset 59\nnew|Mine\nunknown|Mine");
shows('The answers of `load()`', join(' ', map { $_ eq $answers[0] ? 'same' : $_ } @answers), 'same same same');
shows('A curator decides', "$before $after", qr/\A\d\d\.\d+ 100\z/);
as('curator', q{UPDATE posture.importance_weight SET weight = 9 WHERE importance = 'high'});
shows('`change_log` has what curators', as('reader', q{SELECT changed_by, object, new FROM posture.change_log WHERE new = '9' OR object = 'curator' ORDER BY 1}),
	"curator|high|9\n$superuser|curator|granted");
is(join(' ', grep { as($_, 'DELETE FROM posture.change_log') !~ /permission denied/ } @levels, 'installer', 'keeper'), '', 'no role deletes a decision');
shows('Only a superuser can change', as($superuser, q{BEGIN; DELETE FROM posture.change_log; SELECT count(*) FROM posture.change_log; ROLLBACK}), '0');
$node->safe_psql('posture', 'GRANT owner TO nobody');
is(as('nobody', "SET ROLE owner; SELECT posture.acknowledge($event{i1})"), '', 'acknowledged after SET ROLE');
$node->safe_psql('posture', 'REVOKE owner FROM nobody; GRANT curator TO nobody; UPDATE posture.recommendation SET is_manual = true WHERE key = \'r6\'');
is(as('nobody', q{SET ROLE curator; SELECT posture.attest('r6', 'compliant')}), '', 'attested after SET ROLE');
my $attested = q{SELECT string_agg(DISTINCT attested_by, ' ') FROM posture.attestation WHERE attested_by <> current_user};
shows('`acknowledge()` and `attest()` record', $node->safe_psql('posture', "REVOKE curator FROM nobody;
	SELECT acknowledged_by, ($attested) FROM posture.event WHERE event_id = $event{i1}"), 'nobody|nobody');
as('curator', q~SELECT FROM posture.load('posture', '{"type": "attestation", "source": "cloud", "recommendation": "r6", "asset": "a1", "state": "non_compliant", "attested_by": "auditor"}')~);
shows('A document of format `posture`', $node->safe_psql('posture', $attested), 'auditor nobody');
my $days = q{SELECT string_agg((day - posture.today())::text, ' ' ORDER BY day) FROM posture.snapshot};
is(as('operator', "$days; SELECT FROM posture.forget_day(posture.today() - 3); $days"), "-3 -2 -1 0\n-2 -1 0", 'it forgets a day');
$node->safe_psql('posture', retake_day_sql(1));
shows('An operator can delete', as('operator', "SET posture.retention_days = 1; CALL posture.run_daily(); $days"), '-1 0');

# ---- infers ----

$node->safe_psql('posture', 'ANALYZE posture.finding');
my $findings = $node->safe_psql('posture', 'SELECT count(*) FROM posture.finding');
my $as_nobody = sub { return as('nobody', $_[0]) };
shows('the size of each table', $as_nobody->(q{SELECT reltuples, pg_total_relation_size(oid) > 0 FROM pg_class WHERE oid = 'posture.finding'::regclass}), "$findings|t");
shows('how many rows were', $as_nobody->(q{SELECT n_tup_ins >= 360, n_tup_upd > 0 FROM pg_stat_all_tables WHERE relid = 'posture.finding'::regclass}), 't|t');
shows('which roles are readers', $as_nobody->(q{SELECT c.relname, string_agg(DISTINCT x.grantee::regrole::text, ' ')
	FROM pg_class c, aclexplode(c.relacl) x WHERE c.oid IN ('posture.finding'::regclass, 'posture.metric'::regclass, 'posture.rejected'::regclass)
	AND x.privilege_type = CASE relname WHEN 'metric' THEN 'UPDATE' ELSE 'SELECT' END AND x.grantee NOT IN (10, 'installer'::regrole)
	GROUP BY 1 ORDER BY 1}), "finding|curator operator reader\nmetric|curator\nrejected|operator");
my $session = new_session($node, 'posture', '-U', 'reader');
$session->ask('BEGIN; SELECT FROM posture.finding LIMIT 1');
shows('which tables are in use', $as_nobody->(q{SELECT DISTINCT mode FROM pg_locks WHERE relation = 'posture.finding'::regclass}), 'AccessShareLock');
$session->end;
$session = new_session($node, 'posture', '-U', 'nobody');
$session->ask('LISTEN posture_event');
$node->safe_psql('posture', retake_day_sql(1));
as('operator', 'CALL posture.run_daily()');
shows('keys and scores of metrics', $session->ask('SELECT 1'), qr/notification "posture_event".*"kind": "day_summary"/s);
$session->end;

shows('the days that have a snapshot', as('owner', 'SELECT day FROM posture.day_report ORDER BY 1'),
	$node->safe_psql('posture', 'SELECT day FROM posture.snapshot ORDER BY 1'));
my $seen = q{SELECT last_seen FROM posture.asset_report WHERE asset = 'a3'};
my $seen_before = as('owner', $seen);
$node->safe_psql('posture', <<'SQL');
INSERT INTO posture.source (key, name) VALUES ('other', 'Other');
INSERT INTO posture.inbox SELECT 'other', 'o' || n, CASE n WHEN 1 THEN 'a3' ELSE 'hidden' || n END, 'non_compliant' FROM generate_series(1, 9) n;
SELECT FROM posture.ingest();
INSERT INTO posture.asset_group (key, name, kinds) VALUES ('g2', 'Others', '{user}');
SQL
shows('by `last_seen`, that', as('owner', "SELECT ($seen) > '$seen_before'"), 't');
$node->safe_psql('posture', q{INSERT INTO posture.exemption (recommendation_id, asset_group_id, kind, reason)
	SELECT recommendation_id, asset_group_id, 'waived', 'theirs' FROM posture.recommendation r, posture.asset_group g WHERE r.key = 'o1' AND g.key = 'g2'});
shows('that an asset of its group is exempt', as('owner', q{SELECT exemption, reason FROM posture.finding_report f
	LEFT JOIN posture.exemption_report e USING (recommendation) WHERE recommendation = 'o1'}), 'waived|');
shows('by gaps in the ids', as('owner', 'SELECT max(event_id) > count(*) FROM posture.event_report'), 't');

# the buffers that a query took
sub buffers
{
	my ($plan) = as('owner', 'EXPLAIN (ANALYZE, BUFFERS) SELECT * FROM posture.asset_report') =~ /Buffers: shared hit=(\d+)/;
	return $plan;
}
my $buffers = buffers();
$node->safe_psql('posture', q{INSERT INTO posture.asset (key, kind, name) SELECT 'more ' || n, 'host', 'More' FROM generate_series(1, 20000) n});
shows('by the buffers in', buffers() > $buffers + 1000, 1);

all_shown();
$node->stop;
done_testing();

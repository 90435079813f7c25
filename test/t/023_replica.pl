# Replication. A standby serves every view and every function that only reads,
# says that it can't write, and goes on once promoted. A subscriber of logical
# replication keeps its own sets right.
#
# POSTURE_ROUNDS: how many times it is compared after random changes (2).
# POSTURE_SEED: repeats them.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $rounds = $ENV{POSTURE_ROUNDS} // 2;
my $seed = $ENV{POSTURE_SEED} // (time ^ $$);
srand($seed);
diag("POSTURE_ROUNDS=$rounds POSTURE_SEED=$seed");

my $primary = new_node('primary', "fsync = off\njit = off\nmax_logical_replication_workers = 8\n", allows_streaming => 'logical');
$primary->safe_psql('postgres', "CREATE EXTENSION posture;\n" . sample_sql());

# the answers to queries: rows as text, counted
sub answers
{
	my ($query, $node, $db) = @_;
	my $script = join '', map {
		"\\echo == $_\nSELECT count(*), x FROM (SELECT q::text AS x FROM ($query->{$_}) q) q GROUP BY x ORDER BY x COLLATE \"C\";\n"
	} sort keys %$query;
	return map { my ($name, $rows) = split /\n/, $_, 2; ($name => $rows // '') } grep { $_ } split /^== /m, $node->safe_psql($db, $script);
}

# the names of those that are answered otherwise there
sub differing
{
	my ($query, $here, $there) = @_;
	my %here = ref $here eq 'HASH' ? %$here : answers($query, @$here);
	my %there = answers($query, @$there);
	return join ' ', grep { ($here{$_} // 'none') =~ s/\n+\z//r ne ($there{$_} // '') =~ s/\n+\z//r } sort keys %$query;
}

# ---- a standby ----

my %report = map { $_ => "SELECT * FROM posture.$_" } split /\n/, $primary->safe_psql('postgres',
	q{SELECT relname FROM pg_class WHERE relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND relkind = 'v'});
cmp_ok(scalar keys %report, '>=', 13, 'all views are compared');
my %answer = (
	%report,
	verify => 'SELECT * FROM posture.verify()',
	state => q{SELECT * FROM posture_internal.current_state('infinity')},
	recomputed => q{SELECT * FROM posture_internal.current_state('infinity', false)},
	metric_assets => q{SELECT m.key, d.day, posture.metric_assets(m.key, d.day)
		FROM posture.metric m, (SELECT day FROM posture_internal.finding_history UNION SELECT day - 1 FROM posture_internal.finding_history UNION SELECT NULL) d(day)},
	plan => 'SELECT i.key, p.* FROM posture.initiative i CROSS JOIN LATERAL posture.plan(i.key) p',
	what_if => q{SELECT i.key, posture.what_if(i.key, '{r1,p1}'), posture.planned_score(i.key), posture.achievable_score(i.key), posture.score_of(i.key, 'g1')
		FROM posture.initiative i},
	explain => 'SELECT e.event_id, x.* FROM posture.event e CROSS JOIN LATERAL posture.explain(e.event_id) x',
	change_report => q{SELECT i.key, x.* FROM posture.initiative i CROSS JOIN LATERAL posture.change_report(i.key, posture.today() - 3, posture.today() - 1) x},
	points_change => q{SELECT * FROM posture.points_change('i3', posture.today() - 3, posture.today() - 1)},
	band_of => q{SELECT initiative, score, posture.band_of(initiative, 'zone', score) FROM posture.overview},
	export => 'SELECT * FROM posture.export() x',
	settings => q{SELECT posture_internal.setting('timezone'), posture.today(), posture_internal.due_day()},
	pack => 'SELECT * FROM posture.pack()');

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

# what it reads with deltas that are not folded, of findings, assets and the catalog
my $change = <<'SQL';
UPDATE posture.finding SET state = CASE state WHEN 'compliant' THEN 'non_compliant' ELSE 'compliant' END::posture.finding_state, changed_at = now()
WHERE (asset_id + recommendation_id) % 4 = 0;
UPDATE posture.asset SET kind = 'user', criticality = 'high' WHERE asset_id % 10 = 3;
UPDATE posture.metric SET criticality_weights = '{1,1,3,9}' WHERE key = 'm2';
SQL
$primary->safe_psql('postgres', $change);
cmp_ok($primary->safe_psql('postgres', 'SELECT least((SELECT count(*) FROM posture_internal.finding_delta), (SELECT count(*) FROM posture_internal.asset_delta), (SELECT count(*) FROM posture_internal.catalog_delta))'),
	'>', 0, 'something is not folded');
$primary->wait_for_catchup($standby);
my ($here, $there) = ([ $primary, 'postgres' ], [ $standby, 'postgres' ]);
is(differing(\%answer, $here, $there), '', 'a standby answers as the primary does, with all that is not folded');
is($standby->safe_psql('postgres', 'SELECT * FROM posture.verify()'), '', 'and finds all as it should be');
$primary->safe_psql('postgres', 'SELECT FROM posture.fold()');
$primary->wait_for_catchup($standby);
is(differing(\%answer, $here, $there), '', 'and when it is');

$primary->safe_psql('postgres', <<'SQL');
CREATE ROLE team LOGIN;
UPDATE posture.initiative SET owner = 'team' WHERE key = 'i2';
SELECT posture.grant_access('team', 'owner');
SQL
$primary->wait_for_catchup($standby);
is_deeply([ query_as($standby, 'postgres', 'team', 'SELECT initiative, score FROM posture.overview') ],
	[ query_as($primary, 'postgres', 'team', 'SELECT initiative, score FROM posture.overview') ], 'an owner sees there what is theirs');
$primary->safe_psql('postgres', q{SELECT posture.revoke_access('team')});

# what writes says that it can't
my %write = (
	'COPY' => "COPY posture.inbox FROM STDIN;\nscan\tr1\ta1\tcompliant\t\\N\t\\N\t\\N\t\\N\n\\.\n",
	map { $_ => "SELECT * FROM posture.$_" } 'ingest()', 'fold()', 'rebuild()', 'take_snapshot()', q{acknowledge(1, 'x')}, q{reopen(1, 'x')},
	q{load('posture', '{"type": "source", "key": "x", "name": "X"}')}, 'assess_cluster()', q{install_pack('ransomware')}, q{merge_asset('a1', 'a2')},
	q{grant_access('team', 'reader')}, q{revoke_access('team')});
$write{'run_daily()'} = 'CALL posture.run_daily()';
my @otherwise = grep {
	$standby->psql('postgres', "\\set VERBOSITY sqlstate\n$write{$_}", stderr => \my $err);
	$err !~ /ERROR:  25006\s*\z/ && diag("$_: $err") || $err !~ /ERROR:  25006\s*\z/;
} sort keys %write;
is("@otherwise", '', 'what writes is refused as by any standby');
is($standby->safe_psql('postgres', 'SELECT posture.apply_rules()'), '0', 'what would change nothing does nothing');

$primary->wait_for_catchup($standby);
$standby->promote;
$standby->safe_psql('postgres', <<'SQL');
INSERT INTO posture.inbox SELECT 'scan', 'r' || r, 'late', 'non_compliant' FROM generate_series(1, 3) r;
SELECT FROM posture.ingest();
CALL posture.run_daily();
SELECT FROM posture.take_snapshot();
SQL
is($standby->safe_psql('postgres', 'SELECT * FROM posture.verify()'), '', 'promoted, it goes on');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM posture.finding f JOIN posture.asset a USING (asset_id) WHERE a.key = 'late'}), '3', 'with what is new');
$standby->stop;

# ---- a subscriber ----

my $truth = join ', ', map { "posture.$_" } qw(source asset asset_alias asset_group recommendation finding measure exemption importance_weight
  metric metric_recommendation initiative initiative_metric initiative_recommendation benchmark score_band);
$primary->safe_psql('postgres', "CREATE PUBLICATION truth FOR TABLE $truth; CREATE PUBLICATION everything FOR ALL TABLES");
my $replica = new_node('replica', "fsync = off\njit = off\nmax_logical_replication_workers = 8\n");
my $from = $primary->connstr('postgres') =~ s/'/''/gr;
my @subscriptions = ([ $replica, 'truth' ], [ $replica, 'everything' ]);
for (@subscriptions)
{
	my ($node, $name) = @$_;
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, 'CREATE EXTENSION posture');
	$node->safe_psql($name, "CREATE SUBSCRIPTION $name CONNECTION '$from' PUBLICATION $name");
}
sub arrived
{
	for (@subscriptions)
	{
		my ($node, $name) = @$_;
		$primary->wait_for_catchup($name);
		$node->poll_query_until($name, q{SELECT count(*) > 0 AND bool_and(srsubstate IN ('r', 's')) FROM pg_subscription_rel}) or die "$name does not come";
	}
	return;
}

# what does not depend on past days
my %live = map { $_ => $answer{$_} } qw(state recomputed verify plan what_if exemption_report export);
$live{metric_report} = 'SELECT metric, initiative, state, score, exposed_assets, assessed_assets, weight, critical_assets FROM posture.metric_report';
$live{overview} = 'SELECT initiative, score, exposed_assets, critical_assets FROM posture.overview';
$live{metric_assets} = 'SELECT key, posture.metric_assets(key) FROM posture.metric';
$live{recommendation_report} = 'SELECT source, recommendation, state, exposed_assets, assessed_assets, last_changed FROM posture.recommendation_report';
# and of that, what says most in least time
my %brief = map { $_ => $live{$_} } qw(state recomputed verify metric_assets);
$brief{tally} = 'SELECT * FROM posture_internal.current_object_count() WHERE assessed + exposed + failing + critical > 0';
$brief{last_change} = 'SELECT * FROM posture_internal.last_change()';

sub same
{
	my ($name, $query) = @_;
	arrived();
	my $expected = { answers($query // \%brief, @$here) };
	for my $there ($query ? @subscriptions : $subscriptions[0])
	{
		is(differing($query // \%brief, $expected, $there), '', "$there->[1]: $name");
	}
	return;
}

same('what was there before is there', \%live);
is($replica->safe_psql('truth', 'SELECT count(*) = count(DISTINCT day) FROM posture_internal.finding_delta'), 't', 'of findings that were copied there is a delta for each day, not for each of them');
$replica->safe_psql('truth', 'SELECT FROM posture.fold()');
same('also when it is folded');
is($replica->safe_psql('everything', 'SELECT (SELECT count(*) FROM posture_internal.finding_set) + (SELECT count(*) FROM posture_internal.object_count)'), '0',
	'what is derived is not taken over');

my @changes = (
	'findings that changed' => $change,
	'findings that are new, gone or of another asset' => <<'SQL',
DELETE FROM posture.finding WHERE asset_id % 9 = 4;
INSERT INTO posture.asset (key, name, kind) SELECT 'n' || n, 'N', 'host' FROM generate_series(1, 20) n;
INSERT INTO posture.finding SELECT r.recommendation_id, a.asset_id, (enum_range(NULL::posture.finding_state))[1 + (a.asset_id + r.recommendation_id) % 3]
FROM posture.recommendation r, posture.asset a WHERE a.key LIKE 'n%' AND r.key LIKE 'r%';
UPDATE posture.finding f SET asset_id = n.asset_id FROM posture.asset n WHERE n.key = 'n1' AND f.asset_id = (SELECT asset_id FROM posture.asset WHERE key = 'a2')
AND NOT EXISTS (SELECT FROM posture.finding o WHERE o.asset_id = n.asset_id AND o.recommendation_id = f.recommendation_id);
SQL
	'one finding many times, and what was undone' => <<'SQL',
BEGIN;
UPDATE posture.finding SET state = 'compliant' WHERE asset_id = 7;
SAVEPOINT s;
UPDATE posture.finding SET state = 'non_compliant' WHERE asset_id = 7;
DELETE FROM posture.finding WHERE asset_id = 8;
ROLLBACK TO s;
UPDATE posture.finding SET state = 'not_applicable' WHERE asset_id = 7;
COMMIT;
UPDATE posture.finding SET state = 'non_compliant' WHERE asset_id = 7;
SQL
	'assets that count otherwise' => <<'SQL',
UPDATE posture.asset SET retired_at = now() WHERE asset_id % 11 = 5;
UPDATE posture.asset SET criticality = 'low', tags = '{"a": 1}' WHERE asset_id % 11 = 6;
UPDATE posture.asset SET last_seen = now() - interval '50 days' WHERE asset_id % 11 = 7;
DELETE FROM posture.finding f USING posture.asset a WHERE a.asset_id = f.asset_id AND a.key IN ('n19', 'n20');
DELETE FROM posture.asset WHERE key IN ('n19', 'n20');
SQL
	'assets that are seen again' => q{UPDATE posture.asset SET last_seen = now() WHERE asset_id % 11 = 7},
	'a delivery' => <<'SQL',
INSERT INTO posture.inbox SELECT 'scan', 'r' || r, 'x' || a, CASE WHEN a % 2 = 0 THEN 'compliant' ELSE 'non_compliant' END FROM generate_series(1, 30) a, generate_series(1, 4) r;
SELECT FROM posture.ingest('scan');
SELECT FROM posture.merge_asset('x3', 'x4');
SQL
	'the catalog' => <<'SQL',
INSERT INTO posture.metric (key, name) VALUES ('m9', 'Nine');
INSERT INTO posture.metric_recommendation SELECT m.metric_id, r.recommendation_id FROM posture.metric m, posture.recommendation r WHERE m.key = 'm9' AND r.key IN ('r1', 'r5');
INSERT INTO posture.initiative_metric SELECT i.initiative_id, m.metric_id FROM posture.initiative i, posture.metric m WHERE m.key = 'm9' AND i.key <> 'i3';
DELETE FROM posture.metric_recommendation USING posture.metric m WHERE m.metric_id = metric_recommendation.metric_id AND m.key = 'm1';
UPDATE posture.metric SET asset_kinds = '{user}' WHERE key = 'm3';
INSERT INTO posture.exemption (recommendation_id, kind, reason) SELECT recommendation_id, 'waived', 'r' FROM posture.recommendation WHERE key = 'r3';
UPDATE posture.asset_group SET min_criticality = 'high' WHERE key = 'g1';
UPDATE posture.recommendation SET is_active = false WHERE key = 'r6';
UPDATE posture.importance_weight SET weight = 9 WHERE importance = 'high';
SQL
	'rules' => q{UPDATE posture.metric SET rule = '{"source": "cloud", "key": ["r5", "p%"]}' WHERE key = 'm5'; INSERT INTO posture.recommendation (source_id, key, title) SELECT source_id, 'p2', 'P' FROM posture.source WHERE key = 'cloud'},
	'a source that is switched off' => q{UPDATE posture.source SET is_active = false WHERE key = 'cloud'},
	'findings that all go' => 'TRUNCATE posture.finding',
	'and come' => <<'SQL');
UPDATE posture.source SET is_active = true;
INSERT INTO posture.finding SELECT r.recommendation_id, a.asset_id, (enum_range(NULL::posture.finding_state))[1 + (a.asset_id * r.recommendation_id) % 3]
FROM posture.recommendation r, posture.asset a WHERE a.asset_id % 4 > 0 AND r.key LIKE 'r%';
SQL
my $turn = 0;
while (my ($name, $sql) = splice @changes, 0, 2)
{
	$primary->safe_psql('postgres', $sql);
	# now here, now there, now nowhere
	$primary->safe_psql('postgres', 'SELECT FROM posture.fold()') if ++$turn % 2;
	arrived();
	$replica->safe_psql('truth', 'SELECT FROM posture.fold()') if $turn % 3 == 1;
	# when it was that all went, only who emptied the table knows
	delete $brief{last_change} if $sql =~ /TRUNCATE/;
	same($name);
}
delete $live{recommendation_report};
same('all reports', \%live);

# changes at random, also such as are undone
sub pick { return $_[ rand @_ ] }
sub some_rows { return sprintf 'asset_id %% %d = %d AND recommendation_id %% %d = %d', map { my $n = 2 + int rand 5; ($n, int rand $n) } 1 .. 2 }
sub some_state { return pick(map { "'$_'" } qw(compliant non_compliant not_applicable)) }
my @random = (
	sub { sprintf q{UPDATE posture.finding SET state = %s, changed_at = now() - interval '%d hours' WHERE %s}, some_state(), rand 60, some_rows() },
	sub { sprintf 'DELETE FROM posture.finding WHERE %s', some_rows() },
	sub { sprintf 'INSERT INTO posture.finding SELECT r.recommendation_id, a.asset_id, %s FROM posture.recommendation r, posture.asset a WHERE %s
ON CONFLICT (recommendation_id, asset_id) DO UPDATE SET state = EXCLUDED.state', some_state(), some_rows() =~ s/asset_id/a.asset_id/r =~ s/recommendation_id/r.recommendation_id/r },
	sub { sprintf 'UPDATE posture.finding f SET asset_id = asset_id + 1 WHERE %s
AND asset_id + 1 IN (SELECT asset_id FROM posture.asset) AND NOT EXISTS (SELECT FROM posture.finding o WHERE o.asset_id = f.asset_id + 1 AND o.recommendation_id = f.recommendation_id)', some_rows() },
	sub { sprintf q{UPDATE posture.asset SET kind = '%s', criticality = '%s', retired_at = %s WHERE asset_id %% 7 = %d}, pick(qw(host user role)), pick(qw(low high critical)), pick('NULL', 'now()'), rand 7 },
	sub { sprintf q{UPDATE posture.asset SET last_seen = now() - interval '%d days' WHERE asset_id %% 7 = %d}, pick(0, 0, 20, 40), rand 7 },
	sub { sprintf q{INSERT INTO posture.inbox SELECT 'scan', 'r%d', 'y' || a, %s FROM generate_series(1, %d) a; SELECT FROM posture.ingest()}, 1 + rand 4, some_state(), 1 + rand 40 },
	sub { sprintf 'UPDATE posture.metric SET criticality_weights = %s WHERE metric_id %% 3 = %d', pick('NULL', q{'{1,1,2,5}'}, q{'{0,1,1,1}'}), rand 3 },
	sub { sprintf 'UPDATE posture.recommendation SET is_active = %s WHERE recommendation_id %% 4 = %d', pick(qw(true true false)), rand 4 });
for my $round (1 .. $rounds)
{
	$primary->safe_psql('postgres', join ";\n", map {
		rand() < 0.3 ? ('BEGIN', pick(@random)->(), 'SAVEPOINT s', pick(@random)->(), pick('ROLLBACK TO s', 'RELEASE s'), pick(@random)->(), pick('COMMIT', 'COMMIT', 'ROLLBACK')) : pick(@random)->()
	} 1 .. 1 + int rand 6);
	$primary->safe_psql('postgres', 'SELECT FROM posture.fold()') if rand() < 0.4;
	$replica->safe_psql('truth', 'SELECT FROM posture.fold()') if rand() < 0.4;
	same("random changes, round $round");
}

# it keeps days of its own
$replica->safe_psql('truth', 'CALL posture.run_daily(); SELECT FROM posture.take_snapshot()');
is($replica->safe_psql('truth', q{SELECT count(*) FROM posture.snapshot WHERE day >= posture.today() - 1}), '2', 'a subscriber keeps its own days');

# where all was published, days and events came along: it can take over
$primary->safe_psql('postgres', 'CALL posture.run_daily(); SELECT FROM posture.take_snapshot()');
arrived();
my ($take_over) = slurp_file("$FindBin::RealBin/../../doc/dba.md") =~ /^```sql\n((?:(?!```).)*?\\gexec\n.*?)^```/ms;
$replica->safe_psql('everything', 'DROP SUBSCRIPTION everything');
$replica->safe_psql('everything', $take_over);
pop @subscriptions;
my ($taken) = [ $replica, 'everything' ];
my %all = (%answer, map { $_ => "SELECT * FROM posture.$_" } grep { !/_(set|delta)$|^tally|^verification$/ } tables($primary, 'postgres'));
# a TRUNCATE before, whose time only the publisher knows
$all{recommendation_report} = q{SELECT to_jsonb(r) - 'last_changed' FROM posture.recommendation_report r};
is(differing(\%all, $here, $taken), '', 'where all is published, all is there but what is derived, which one fold() makes');
is($replica->safe_psql('everything', 'SELECT * FROM posture.verify()'), '', 'as it should be');
is($replica->safe_psql('everything', q{
	INSERT INTO posture.source (key, name) VALUES ('taken over', 'T');
	INSERT INTO posture.inbox SELECT 'taken over', 'r' || n % 3, 'newcomer ' || n, 'non_compliant' FROM generate_series(1, 9) n;
	INSERT INTO posture.inbox VALUES ('taken over', 'r', 'x', 'no state');
	SELECT loaded, rejected FROM posture.ingest();
	INSERT INTO posture.initiative (key, name) VALUES ('taken over', 'T');
	CALL posture.run_daily();
	SELECT * FROM posture.verify()}), '9|1', 'and goes on with new ids');

# what is derived here is never what was derived there
is($replica->safe_psql('truth', q{SELECT count(*) FROM pg_class c JOIN pg_subscription_rel ON srrelid = c.oid WHERE relname ~ '_(set|delta)$|^tally'}), '0', 'and is not asked for');

# ---- a session that has triggers off ----

$primary->safe_psql('postgres', <<'SQL');
SET session_replication_role = replica;
UPDATE posture.finding SET state = 'non_compliant' WHERE asset_id % 6 = 1;
UPDATE posture.asset SET kind = 'role' WHERE asset_id % 6 = 2;
DELETE FROM posture.finding WHERE asset_id % 6 = 3;
INSERT INTO posture.finding SELECT r.recommendation_id, a.asset_id, 'non_compliant' FROM posture.recommendation r, posture.asset a WHERE a.asset_id % 6 = 3;
DELETE FROM posture.metric_recommendation USING posture.metric m WHERE m.metric_id = metric_recommendation.metric_id AND m.key = 'm3';
SQL
same('what was written with session_replication_role = replica');
is($primary->safe_psql('postgres', 'SELECT * FROM posture.verify()'), '', 'there too the sets are right');
$primary->safe_psql('postgres', "SET session_replication_role = replica;\nSELECT FROM posture.fold();\nSELECT FROM posture.rebuild()");
is($primary->safe_psql('postgres', 'SELECT (SELECT count(*) FROM posture_internal.finding_delta) + (SELECT count(*) FROM posture_internal.asset_delta)'), '0', 'and such a session can fold');

$replica->safe_psql('truth', 'DROP SUBSCRIPTION truth');
$replica->stop;
$primary->stop;
done_testing();

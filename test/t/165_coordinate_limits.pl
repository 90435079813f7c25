# Coordinates at their limits: what does not exist, days without a snapshot, NULL, owners, and
# that the past stays as it was whatever is changed or deleted.
# tests: score/score_at, report/score_history_of, access/owner_rows
#
# POSTURE_SEED repeats the catalog.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestModel;
use TestPosture;

my $node = model_node('limits');
my $db = 'limits';
model_database($node, $db);
my @day = split /\n/, $node->safe_psql($db, 'SELECT posture.today() - generate_series(0, 9)');

# what a role gets of a query, with days as D-n
sub ask
{
	my ($sql, $role) = @_;
	my ($rc, $out, $err) = query_as($node, $db, $role // superuser(), $sql);
	$err = join "\n", grep { !/^(CONTEXT|SQL |PL|LINE| +\^)/ } split /\n/, $err =~ s/psql:<stdin>:\d+: //gr;
	foreach my $n (0 .. $#day)
	{
		s/$day[$n]/D-$n/g foreach $out, $err;
	}
	return join "\n", grep { $_ ne '' } $out, $err;
}

# each function, as SQL with a place for an initiative, metric, day and group
my %function = (
	score_at => q{score_at(%1$s, %3$s, %4$s)},
	report_at => q{report_at(%3$s, %4$s)},
	assets_at => q{assets_at(%2$s, %3$s, %4$s)},
	score_history_of => q{score_history_of(%1$s, %4$s, %3$s, %3$s)},
	backtest => q{backtest('{}', %3$s, %3$s)});
sub call
{
	my ($name, %given) = @_;
	return 'SELECT count(*) FROM ' . sprintf $function{$name}, $given{initiative} // q{(SELECT min(key) FROM initiative)},
	  $given{metric} // q{(SELECT min(key) FROM metric)}, $given{day} // 'today() - 3', $given{group} // 'NULL';
}

# ---- what does not exist ----

foreach my $name (grep { $function{$_} =~ /%4/ } sort keys %function)
{
	like(ask(call($name, group => q{'kin'})), qr/^ERROR:  asset group "kin" does not exist\nHINT:  Perhaps you meant "kind"\./,
		"$name(): no group");
	like(ask(call($name, group => q{'none'})), qr/^\d+$/, "$name(): a group without assets");
}
foreach my $name (grep { $function{$_} =~ /%1/ } sort keys %function)
{
	like(ask(call($name, initiative => q{'nothing'})), qr/^ERROR:  .*initiative "nothing" does not exist/, "$name(): no initiative");
}
like(ask(call('assets_at', metric => q{'nothing'})), qr/^ERROR:  metric "nothing" does not exist/, 'assets_at(): no metric');

# ---- days ----

foreach my $name (qw(score_at report_at assets_at))
{
	is(ask(call($name, day => 'today() - 1')),
		"ERROR:  there is no snapshot of day D-1\nHINT:  The nearest day is D-2.", "$name(): a day without a snapshot");
	like(ask(call($name, day => $_)), qr/^ERROR:  there is no snapshot of day /, "$name(): day $_")
	  foreach q{'infinity'}, q{'-infinity'}, 'today() + 1', q{'0001-01-01 BC'};
	is(ask(call($name, day => 'today()')), ask(call($name, day => 'NULL')), "$name(): today is now");
}

# ---- NULL ----

is(ask('SELECT score_at(NULL) IS NULL, assets_at(NULL) IS NULL, (SELECT count(*) FROM report_at(NULL, NULL, NULL)) = (SELECT count(*) FROM report_at())'),
	't|t|t', 'NULL');
is(ask(q{SELECT count(*) FROM score_history_of(NULL, NULL, today() - 6, today())}), '0', 'no object has no history');

# ---- owners ----

$node->safe_psql($db, <<'SQL');
UPDATE source SET is_active = true;
UPDATE initiative SET is_active = true;
CREATE ROLE ann LOGIN; CREATE ROLE fleet LOGIN; CREATE ROLE "owner of both" LOGIN; CREATE ROLE nobody LOGIN;
SELECT grant_access(r, 'owner') FROM unnest('{ann,fleet,owner of both}'::name[]) r;
SQL
my ($own) = split /\n/, $node->safe_psql($db, <<'SQL');
SELECT key FROM initiative JOIN initiative_metric USING (initiative_id) GROUP BY key ORDER BY count(*) DESC, key LIMIT 1
SQL
$node->safe_psql($db, "UPDATE initiative SET owner = 'owner of both' WHERE key = '$own'; UPDATE asset_group SET owner = 'owner of both'");
foreach my $at ('NULL, NULL, NULL', q{NULL, 'kind', '{"ignore_exemptions": true}'}, 'today() - 4, NULL, NULL',
	q{today() - 4, 'kind', NULL}, q{today() - 2, NULL, '{"ignore_exemptions": true}'})
{
	my $rows = "SELECT to_jsonb(r) FROM report_at($at) r WHERE initiative = '$own' ORDER BY 1;\nSELECT score_at('$own', $at)";
	is(ask($rows =~ s/WHERE.*?ORDER/ORDER/r, 'owner of both'), ask($rows), "an owner's report_at() and score_at() for $at");
}
$node->safe_psql($db, "UPDATE initiative SET owner = 'ann' WHERE key = '$own'; UPDATE asset_group SET owner = 'fleet' WHERE key = 'kind'");
my ($other) = split /\n/, $node->safe_psql($db, "SELECT key FROM initiative WHERE key <> '$own' ORDER BY 1");
like(ask("SELECT score_at('$other')", 'ann'), qr/^ERROR:  initiative "$other" does not exist/, 'not of the initiative of another');
like(ask("SELECT score_at('$own', NULL, 'kind')", 'ann'), qr/^ERROR:  asset group "kind" does not exist/, 'nor of the group of another');
like(ask("SELECT score_at('$own', NULL, 'kind')", 'fleet'), qr/^ERROR:  initiative "$own" does not exist/, 'an owner of a group');
like(ask(call($_), 'nobody'), qr/^ERROR:  permission denied/, "$_() needs a level") foreach sort keys %function;

# ---- the past ----

my @changes = (
	[ 'findings and assets', q{
UPDATE finding SET state = 'compliant', changed_at = now() WHERE asset_id % 2 = 0;
DELETE FROM finding WHERE asset_id % 3 = 0;
UPDATE finding SET state = 'non_compliant', changed_at = day_end(today() - 5) - interval '1 hour' WHERE asset_id % 5 = 0;
UPDATE asset SET kind = 'other', criticality = 'low', tags = '{}' WHERE asset_id % 2 = 0;
UPDATE asset SET retired_at = now() - interval '9 days' WHERE asset_id % 7 = 0;
UPDATE asset SET last_seen = '2000-01-01';
UPDATE measure SET achieved = 0, possible = 1} ],
	[ 'folds and snapshots', q{
SELECT fold();
SELECT rebuild();
SELECT take_snapshot(today() - 1);
SELECT take_snapshot()} ],
	[ 'the catalog', q{
UPDATE metric SET asset_kinds = '{user}', criticality_weights = '{9,0,0,0}', importance = 'risk_accepted', is_active = false;
UPDATE initiative_metric SET weight = 7 WHERE metric_id % 2 = 0;
DELETE FROM initiative_metric WHERE metric_id % 3 = 0;
DELETE FROM metric_recommendation WHERE recommendation_id % 2 = 0;
DELETE FROM initiative_recommendation;
UPDATE initiative SET method = 'points';
DELETE FROM exemption WHERE exemption_id % 2 = 0;
UPDATE exemption SET kind = 'waived', asset_id = NULL, asset_group_id = NULL;
UPDATE asset_group SET kinds = '{other}', tags = NULL;
UPDATE metric SET population_group_id = NULL;
DELETE FROM asset_group WHERE key = 'env';
UPDATE source SET is_active = NOT is_active;
UPDATE recommendation SET is_active = NOT is_active, max_points = 99} ],
	[ 'deletions', q{
DELETE FROM recommendation r WHERE NOT EXISTS (SELECT FROM finding f WHERE f.recommendation_id = r.recommendation_id);
SELECT fold()} ]);
my $past = <<'SQL';
SELECT s.day, 'report' AS what, to_jsonb(r) AS item FROM snapshot s, report_at(s.day) r WHERE s.day < today() - 1
UNION ALL
SELECT s.day, m.key, to_jsonb(assets_at(m.key, s.day)::text) FROM snapshot s, metric m WHERE s.day IN (today() - 5, today() - 2)
UNION ALL
SELECT NULL, i.key, to_jsonb(h) FROM initiative i, score_history_of(i.key, NULL, today() - 6, today() - 2) h
SQL
$node->safe_psql($db, "CREATE TABLE model.past AS $past");
foreach my $change (@changes)
{
	my ($what, $sql) = @$change;
	$node->safe_psql($db, $sql);
	same_rows($node, $db, 'TABLE model.past', $past, "the past does not change by $what");
}
$node->safe_psql($db, 'DELETE FROM metric; DELETE FROM initiative');
same_rows($node, $db, q{SELECT * FROM model.past WHERE what = 'report'}, $past, 'nor without any object');

$node->stop;
done_testing();

# change_report() by example: the filter of a metric and the kinds and criticalities of assets are
# those of the compared days, whatever changes later; an asset that was deleted is no change of
# scope; within a group; and as the owner of a group sees it.
# tests: day/attribution, report/change_report

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('change_group');
$node->safe_psql('postgres', 'CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN');
my $session = new_session($node, 'postgres');
sub ask { return $session->ask($_[0]); }

# what changed from the day before yesterday to yesterday
my $days = 'posture.today() - 2, posture.today() - 1';
sub why
{
	my ($object, @group) = @_;
	my $group = @group ? ", '$group[0]'" : '';
	return ask("SELECT string_agg(concat_ws(' ', metric, reason, round(points, 3), newly_exposed, assets), '; '
		ORDER BY metric, points, recommendation NULLS FIRST) FROM posture.change_report('$object', $days$group)
		WHERE points IS NOT NULL");
}

# h1 to h4 are hosts, u1 to u4 users; one of each is exposed
ask(<<'SQL');
CREATE EXTENSION posture;
INSERT INTO posture.source (key, name) VALUES ('s', 'S');
INSERT INTO posture.recommendation (source_id, key, title, max_points) VALUES (1, 'r', 'R', 10), (1, 'q', 'Q', 10);
INSERT INTO posture.asset (key, kind, name)
SELECT k || n, CASE k WHEN 'h' THEN 'host' ELSE 'user' END, k || n FROM unnest('{h,u}'::text[]) k, generate_series(1, 4) n ORDER BY 1;
INSERT INTO posture.asset_group (key, name, tags, owner) VALUES ('left', 'Left', '{"side": "left"}', 'ann'),
    ('right', 'Right', '{"side": "right"}', NULL), ('none', 'None', '{"side": "none"}', NULL);
UPDATE posture.asset SET tags = jsonb_build_object('side', CASE WHEN right(key, 1) <= '2' THEN 'left' ELSE 'right' END);
INSERT INTO posture.metric (key, name, importance, asset_kinds) VALUES ('hosts', 'H', 'high', '{host}'), ('all', 'A', 'low', NULL);
INSERT INTO posture.metric_recommendation VALUES (1, 1), (2, 1), (2, 2);
INSERT INTO posture.initiative (key, name, method, owner) VALUES ('w', 'W', 'weighted', 'ann'), ('p', 'P', 'population', 'bob'), ('q', 'Q', 'points', NULL);
INSERT INTO posture.initiative_metric SELECT i, m, NULL FROM generate_series(1, 3) i, generate_series(1, 2) m;
INSERT INTO posture.finding
SELECT 1, asset_id, CASE WHEN right(key, 1) = '1' THEN 'non_compliant' ELSE 'compliant' END::posture.finding_state,
       posture.day_end(posture.today() - 2) - interval '3 hours' FROM posture.asset;
INSERT INTO posture.measure VALUES (2, 4, 5, posture.day_end(posture.today() - 2) - interval '3 hours');
SELECT posture.grant_access('ann', 'owner'), posture.grant_access('bob', 'owner');
UPDATE posture_internal.history_start SET day = posture.today() - 100;
SELECT FROM posture.take_snapshot(posture.today() - 2);
-- u1, which is exposed, and u3 become hosts; h3 fails; critical hosts count three times
UPDATE posture.asset SET kind = 'host' WHERE key IN ('u1', 'u3');
UPDATE posture.asset SET criticality = 'critical' WHERE key = 'h2';
UPDATE posture.metric SET criticality_weights = '{1,1,1,3}' WHERE key = 'hosts';
UPDATE posture.finding SET state = 'non_compliant', changed_at = posture.day_end(posture.today() - 1) - interval '3 hours'
WHERE asset_id = (SELECT asset_id FROM posture.asset WHERE key = 'h3');
SELECT FROM posture.take_snapshot(posture.today() - 1);
SQL

# 1 of 4; then 2 of 6, of which h2 counts three times: 2 of 8; then 3 of 8
my $hosts = 'hosts newly_exposed -12.500 1 {3}; hosts scope_change 0.000 1 {5,7}';
is(why('hosts'), $hosts, 'a change of kinds and criticalities, and a new exposure');
is(ask("SELECT previous_score || ' ' || score FROM posture.change_report('hosts', $days) LIMIT 1"), '75 62.5', 'its scores');
# left has h1, h2, u1, u2: 1 of 2 hosts; then 2 of 5
is(why('hosts', 'left'), 'hosts scope_change 10.000 1 {5}', 'within a group');
is(why('hosts', 'right'), 'hosts newly_exposed -33.333 1 {3}; hosts scope_change 0.000 0 {7}', 'within the other');
is(why('hosts', 'none'), '', 'within a group without assets');
is(why('all', 'left'), '', 'a metric that counts all assets has no scope that changes');

# the initiatives of a group: points of measures do not count
for my $object (qw(w p q))
{
	for my $group (qw(left right none))
	{
		is( ask("SELECT coalesce(sum(c.points), 0) = coalesce(max(c.score) - max(c.previous_score), 0)
				AND coalesce(bool_and(c.score = posture.score_at('$object', posture.today() - 1, '$group')
					AND c.previous_score = posture.score_at('$object', posture.today() - 2, '$group')), '$group' = 'none' OR '$group$object' = 'leftq')
			FROM posture.change_report('$object', $days, '$group') c"), 't', "$object within $group");
	}
}
is(why('w', 'left'), 'hosts scope_change 7.500 1', 'the part of a metric in an initiative');
is(ask("SELECT count(*) FROM posture.change_report('q', $days, 'left')"), '0', 'no change of points');

# what the metric measures now does not change the causes of days that are over
my $before = join '|', map { why(@$_) } [qw(hosts)], [qw(hosts left)], [qw(w)], [qw(w left)], [qw(p)], [qw(q right)];
ask(<<'SQL');
UPDATE posture.metric SET asset_kinds = '{user}', criticality_weights = '{0,1,1,0}' WHERE key = 'hosts';
UPDATE posture.asset SET kind = 'user', criticality = 'low';
DELETE FROM posture.metric_recommendation WHERE metric_id = 1;
UPDATE posture.initiative_metric SET weight = 7;
SQL
is((join '|', map { why(@$_) } [qw(hosts)], [qw(hosts left)], [qw(w)], [qw(w left)], [qw(p)], [qw(q right)]), $before,
	'later changes of the catalog');
ask('SELECT FROM posture.fold()');
is(why('hosts'), $hosts, 'after a fold');

# an asset that joins a group has its past there
ask(q{UPDATE posture.asset SET tags = '{"side": "left"}' WHERE key = 'h3'});
is(why('hosts', 'left'), 'hosts newly_exposed -16.667 1 {3}; hosts scope_change 0.000 1 {5}', 'the group as it is now');

# errors
my $error = sub { return query_as($node, 'postgres', $_[0], $_[1]) };
my (undef, undef, $message) = $error->(superuser(), "SELECT posture.change_report('hosts', $days, 'lefft')");
like($message, qr/asset group "lefft" does not exist\nHINT: .*left/s, 'a group that does not exist');

# an owner sees its initiatives within the groups that it sees, as a superuser does
my $all = "SELECT metric, recommendation, reason, points, newly_exposed, assets, previous_score, score
	FROM posture.change_report('w', $days%s) ORDER BY 1, 2, 3, 4";
for my $group ('', ", 'left'")
{
	my ($rc, $out, $err) = $error->('ann', sprintf $all, $group);
	is($out, ask(sprintf $all, $group), "an owner, of all assets or of its group$group");
}
(undef, undef, $message) = $error->('ann', sprintf $all, ", 'right'");
like($message, qr/asset group "right" does not exist/, 'a group of others');
(undef, undef, $message) = $error->('ann', "SELECT posture.change_report('p', $days, 'left')");
like($message, qr/"p" does not exist/, 'an initiative of others');

# a deleted asset is no longer assessed, whatever kinds a metric counts
ask(<<'SQL');
UPDATE posture.metric SET asset_kinds = '{host}', criticality_weights = '{1,1,1,3}' WHERE key = 'hosts';
INSERT INTO posture.metric_recommendation VALUES (1, 1);
UPDATE posture.asset SET kind = 'host';
SELECT FROM posture.take_snapshot(posture.today());
DELETE FROM posture.finding WHERE asset_id = 8;
DELETE FROM posture.asset WHERE asset_id = 8;
SELECT FROM posture.take_snapshot(posture.today());
SQL
is( ask(q{SELECT string_agg(concat_ws(' ', reason, assets), '; ' ORDER BY reason)
	FROM posture.change_report('hosts', posture.today() - 1, posture.today()) WHERE assets OPERATOR(posture.@>) 8}),
	'', 'an asset that the metric did not count on the day before');
is( ask(q{SELECT string_agg(concat_ws(' ', reason, assets), '; ' ORDER BY reason)
	FROM posture.change_report('all', posture.today() - 1, posture.today()) WHERE assets OPERATOR(posture.@>) 8}),
	'assets_left {8}', 'of a metric that counts all');
ask("DELETE FROM posture.finding WHERE asset_id = 5; DELETE FROM posture.asset WHERE asset_id = 5; SELECT FROM posture.take_snapshot(posture.today())");
is( ask(q{SELECT string_agg(concat_ws(' ', reason, assets), '; ' ORDER BY reason)
	FROM posture.change_report('hosts', posture.today() - 1, posture.today()) WHERE assets OPERATOR(posture.@>) 5}),
	'assets_left {5}', 'of a metric that counts hosts');

$session->end;
$node->stop;
done_testing();

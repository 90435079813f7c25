# Why scores changed, over nodes: causes, sentences, and how events end are those of one database
# with the assets of all.
# tests: day/attribution, day/attribution_sum, day/change, day/event, day/event_end, report/event_asset
#
# POSTURE_SEED repeats the random days.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestNodeDays;
use TestNodes;
use TestPosture;

my $seed = $ENV{POSTURE_SEED} // (time ^ $$);
diag("POSTURE_SEED=$seed");
my $cluster = days_cluster('node_causes', $seed, 0);
my ($head, $one) = ($cluster->{head}, $cluster->{one});

# causes of all events, without ids; the points of the parts sum to the drop
my $causes = q{SELECT e.kind, e.day, e.object, c.initiative, c.metric, c.recommendation, c.reason, c.is_posture, c.points,
	c.newly_exposed, c.only_this, posture.cardinality(c.assets) AS assets, } . without_author('c.message') . q{ AS message
	FROM posture.event_report e CROSS JOIN LATERAL posture.explain(e.event_id) c};
my $assets = q{SELECT e.kind, e.day, e.object, a.reason, a.source, a.recommendation, a.title, a.asset, a.asset_name, a.asset_kind
	FROM posture.event_report e JOIN posture.event_asset a USING (event_id)};

# the causes of changes between days of some objects, of all assets or of a group
sub changes
{
	my ($from, $to, @groups) = @_;
	my $groups = join ', ', map { "($_)" } @groups;
	return <<"SQL";
SELECT o.key, g.key AS of_group, r.initiative, r.metric, r.recommendation, r.reason, r.is_posture, r.points,
       r.newly_exposed, r.only_this, posture.cardinality(r.assets) AS assets, @{[without_author('r.message')]} AS message, r.previous_score, r.score
FROM (SELECT s.key FROM posture.metric_snapshot s JOIN posture.metric_snapshot p USING (metric_id)
      WHERE s.day = '$to' AND p.day = '$from'
      UNION ALL
      SELECT key FROM posture.initiative) o
CROSS JOIN (VALUES $groups) g(key)
CROSS JOIN LATERAL posture.change_report(o.key, '$from', '$to', g.key) r
SQL
}

my @days = map { day_before($cluster, $_) } 6, 5, 4, 3, 2;
for my $day (@days)
{
	live_a_day($cluster, $day);
	on_both($cluster, "SET client_min_messages = error; SELECT FROM posture.take_snapshot('$day')");
}
cmp_ok($one->safe_psql('postgres', 'SELECT count(DISTINCT reason) FROM posture.event_cause'), '>', 8, 'there are causes of many reasons');
note($one->safe_psql('postgres', 'SELECT reason, count(*) FROM posture.event_cause GROUP BY 1 ORDER BY 1'));
same_reports($cluster, 'events', $events);
same_reports($cluster, 'their causes', $causes);
same_reports($cluster, 'their assets', $assets);
same_reports($cluster, 'days', 'SELECT * FROM posture.day_report');
same_reports($cluster, 'changes', changes($days[0], $days[1], 'NULL'), changes($days[0], $days[4], 'NULL'));
same_reports($cluster, 'changes of groups', changes($days[2], $days[3], q{'users'}, q{'critical'}, q{'hosts'}));

# a recommendation that assesses on one node only, and on another from the next day on, is not new
on_both($cluster, <<'SQL');
INSERT INTO posture.metric (key, name) VALUES ('own', 'Own'), ('fixed', 'Fixed');
INSERT INTO posture.recommendation (source_id, key, title) VALUES (1, 'own', 'Own'), (1, 'fixed', 'Fixed');
INSERT INTO posture.initiative_metric SELECT 1, metric_id FROM posture.metric WHERE key IN ('own', 'fixed');
INSERT INTO posture.metric_recommendation SELECT metric_id, recommendation_id
FROM posture.metric m JOIN posture.recommendation r USING (key) WHERE m.key IN ('own', 'fixed');
SQL
my ($yesterday, $today) = map { day_before($cluster, $_) } 1, 0;
my $scan = sub {
	my ($of, $state, $day, $recommendation, $prefix) = @_;
	$recommendation //= 'own';
	$prefix //= 'n';
	on_owners($cluster, <<"SQL");
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at, asset_kind)
SELECT 's1', '$recommendation', '$prefix' || a, '$state', least(now(), posture.day_end('$day') - interval '1 hour'), 'host'
FROM generate_series(1, 20) a WHERE {mine} AND $of;
SELECT FROM posture.ingest();
SQL
};
$scan->('a % 7 <> 0 AND a % 2 = 0', 'compliant', $yesterday);
$scan->('true', 'compliant', $yesterday, 'fixed', 'f');
on_both($cluster, "SET client_min_messages = error; SELECT FROM posture.take_snapshot('$yesterday')");
$scan->('a % 7 <> 0 AND a % 2 = 1', 'non_compliant', $today);
$scan->('true', 'non_compliant', $today, 'fixed', 'f');
on_both($cluster, 'SELECT FROM posture.take_snapshot()');
same_reports($cluster, 'assets of another node are new, not the recommendation', changes($yesterday, $today, 'NULL'), $events, $causes);
is($head->safe_psql('postgres', "SELECT string_agg(DISTINCT reason, ',') FROM posture.change_report('own', '$yesterday', '$today') WHERE points <> 0"),
	'assets_added', 'so it says');

# events that end on their own day: by an exemption, by a retirement, and by a fix
for my $end (
	q{UPDATE posture.asset SET retired_at = now() - interval '1 second' WHERE key LIKE 'n%' AND (substr(key, 2)::integer % 3) = 1},
	q{INSERT INTO posture.exemption (recommendation_id, asset_id, kind, reason, created_at)
	  SELECT r.recommendation_id, a.asset_id, 'mitigated', 'test', now() - interval '1 second' FROM posture.recommendation r, posture.asset a
	  WHERE r.key = 'own' AND a.key LIKE 'n%' AND a.retired_at IS NULL},
	undef)
{
	defined $end ? on_owners($cluster, $end) : $scan->('true', 'compliant', $today, 'fixed', 'f');
	on_both($cluster, 'SELECT FROM posture.take_snapshot()');
	same_reports($cluster, 'how events end', $events, $causes, $assets);
}
like($one->safe_psql('postgres', "SELECT string_agg(DISTINCT status, ' ') FROM posture.event"),
	qr/recovered superseded/, 'some recovered, and some were superseded');

# notified once, by the head
my $recorded = "SELECT count(*) FROM posture.event WHERE NOT in_cooldown";
my $known = $head->safe_psql('postgres', $recorded);
my $listener = $head->background_psql('postgres');
$listener->query_safe('LISTEN posture_event');
$scan->('true', 'compliant', $today);
on_both($cluster, "UPDATE posture.source SET is_active = true; UPDATE posture.recommendation SET is_active = true");
on_owners($cluster, "UPDATE posture.finding SET state = 'non_compliant', changed_at = now() WHERE state = 'compliant' AND recommendation_id < 9");
on_both($cluster, 'SELECT FROM posture.take_snapshot()');
my $notes = $listener->query('SELECT 1');
$listener->quit;
my $sent = () = $notes =~ /Asynchronous notification "posture_event"/g;
is($sent, $head->safe_psql('postgres', $recorded) - $known, 'each new event is notified once');
cmp_ok($sent, '>', 0, 'there are new ones');
same_reports($cluster, 'events of today', $events, $causes, $assets);
is($_->safe_psql('postgres', 'SELECT count(*) FROM posture.event'), 0, 'no events on a node') for @{ $cluster->{nodes} };

# what is counted of the past, with all nodes and on one of them
my %past = (
	'a group' => "'$days[3]', g.key",
	'a group under a scenario' => "'$days[1]', g.key, '{\"remediate\": [\"r3\"]}'");
my $row = 'asset_group_id integer, initiative text, metric text, exposed numeric, assessed numeric, population numeric, unassessed numeric';
my %counted = map { $_ => <<"SQL" } keys %past;
SELECT g.asset_group_id, r.initiative, r.metric, r.exposed_assets, r.assessed_assets, r.population, r.unassessed_assets
FROM posture.asset_group g CROSS JOIN LATERAL posture.report_at($past{$_}) r
SQL
for my $at (keys %past)
{
	$head->safe_psql('postgres', <<"SQL");
CREATE TABLE public."had $at" ($row);
INSERT INTO public."had $at" $counted{$at};
CREATE TABLE public."w1 $at" ($row);
INSERT INTO public."w1 $at" SELECT * FROM dblink('w1', \$\$$counted{$at}\$\$) AS t($row);
SQL
}

my @kept = map { "SELECT * FROM posture.$_" } "report_at('$days[1]')", "report_at('$days[4]')", "score_at('i1', '$days[1]')",
  'day_report', 'event_report', 'score_history WHERE day < posture.today()';
my %kept = map { $_ => (query_as($head, 'postgres', superuser(), $_))[1] } @kept;

# a node that does not answer
$cluster->{nodes}[0]->stop;
my ($rc, $out, $err) = query_as($head, 'postgres', superuser(), "SELECT * FROM posture.change_report('m1', '$days[0]', '$days[1]')");
like($err, qr/node "w1" does not answer/, 'a change is not explained without a node');
($rc, $out, $err) = query_as($head, 'postgres', superuser(),
	"SET posture.partial_results = on; SELECT count(*) FROM posture.change_report('m1', '$days[0]', '$days[1]')");
like($err, qr/without node "w1"/, 'unless one asks for that');
is($rc, 0, 'which is no error');
for my $at (keys %past)
{
	# of the past, too, the population of the node is the one that is known last
	my $wants = <<"SQL";
SELECT h.asset_group_id, h.initiative, h.metric, h.exposed - w.exposed, h.assessed - w.assessed,
       h.population - w.population + coalesce(c.population, 0), h.unassessed - w.unassessed + coalesce(c.population, 0)
FROM public."had $at" h
JOIN public."w1 $at" w ON w.asset_group_id = h.asset_group_id AND w.initiative = h.initiative AND w.metric IS NOT DISTINCT FROM h.metric
LEFT JOIN posture.metric m ON m.key = h.metric
JOIN posture.initiative i ON i.key = h.initiative
LEFT JOIN posture_internal.node_count c ON c.node_id = 1 AND c.asset_group_id = h.asset_group_id AND c.object_id = coalesce(m.metric_id, i.initiative_id)
     AND c.object_kind = CASE WHEN m.metric_id IS NULL THEN 'initiative' ELSE 'metric' END
SQL
	($rc, $out, $err) = query_as($head, 'postgres', superuser(), <<"SQL");
SET posture.partial_results = on;
SELECT * FROM (($counted{$at}) EXCEPT ALL ($wants)) x;
SELECT * FROM (($wants) EXCEPT ALL ($counted{$at})) x;
SELECT count(*) > 0 FROM ($counted{$at}) x WHERE unassessed_assets > 0;
SQL
	is($out, 't', "the past of $at: what the node had is unassessed");
	like($err, qr/without node "w1"/, 'with a warning');
	like((query_as($head, 'postgres', superuser(), $counted{$at}))[2], qr/node "w1" does not answer/, 'or an error');
}
for my $query (@kept)
{
	($rc, $out, $err) = query_as($head, 'postgres', superuser(), $query);
	is("$err$out", $kept{$query}, "the head has: $query");
}

stop_cluster($cluster);
done_testing();

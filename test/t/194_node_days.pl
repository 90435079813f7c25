# Days of a head: each is closed once, on all nodes, and has the counts of one database with the
# assets of all.
# tests: day/node_day, day/snapshot, day/run_daily, score/counted_day
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
my $cluster = days_cluster('node_days', $seed, 3);
my ($head, $one) = ($cluster->{head}, $cluster->{one});
my ($w1, $w2) = @{ $cluster->{nodes} };
my $daily = 'CALL posture.run_daily()';

my @days = map { day_before($cluster, $_) } 6, 5, 4, 3, 2, 1;
for my $day (@days[ 0 .. 3 ])
{
	live_a_day($cluster, $day);
	on_both($cluster, "SET client_min_messages = error; SELECT FROM posture.take_snapshot('$day')");
}
same_reports($cluster, 'days', day_questions(@days[ 0 .. 3 ]));

# a node is down over midnight
live_a_day($cluster, $days[4]);
$w2->stop;
my ($rc, $out, $err) = query_as($head, 'postgres', superuser(), $daily);
isnt($rc, 0, 'a node is down');
like($err, qr/run for $days[4] failed: node "w2" does not answer/, 'the error names it');
is($head->safe_psql('postgres', 'SELECT day, outcome, message FROM posture.run'),
	"$days[4]|failed|node \"w2\" does not answer", 'so does the run');
is($head->safe_psql('postgres', "SELECT count(*) FROM posture.metric_snapshot WHERE day = '$days[4]'"), 0, 'the day is not closed');
$w2->start;

# what happens until it is back counts as if all were one
live_a_day($cluster, $days[5]);
on_both($cluster, $daily);
is($head->safe_psql('postgres', q{SELECT string_agg(format('%s %s', day, outcome), ', ' ORDER BY run_id) FROM posture.run}),
	"$days[4] failed, $days[4] ok, $days[5] ok", 'the next run closes the missed days');
same_reports($cluster, 'days that were closed late', day_questions(@days));

my $before = join "\n", map { $head->safe_psql('postgres', $_) } @day_tables;
my $snapshots = 'SELECT string_agg(s::text, E\'\n\' ORDER BY day) FROM posture.snapshot s';
my @kept = map { $_->safe_psql('postgres', $snapshots) } $w1, $w2;
$_->safe_psql('postgres', $daily) for $w1, $head;
is(join("\n", map { $head->safe_psql('postgres', $_) } @day_tables), $before, 'another run changes nothing');
is_deeply([ map { $_->safe_psql('postgres', $snapshots) } $w1, $w2 ], \@kept, 'nor on nodes, or by a run of a node');
is($w1->safe_psql('postgres', 'SELECT count(*) FROM posture_internal.finding_delta'), 0, 'nodes are folded');
is($w1->safe_psql('postgres', 'SELECT count(*) FROM posture.event'), 0, 'nodes have no events');
($rc, $out, $err) = query_as($w1, 'postgres', superuser(), 'SELECT posture.take_snapshot()');
like($err, qr/this database is node "w1" of a head/, 'a node closes no day by itself');

# the snapshot of today is replaced
on_both($cluster, 'SELECT FROM posture.take_snapshot()');
on_owners($cluster, <<'SQL');
INSERT INTO posture.inbox (source, recommendation, asset, state, asset_kind)
SELECT 's2', 'r1', 'a' || a, 'non_compliant', 'host' FROM generate_series(1, 90) a WHERE {mine};
SELECT FROM posture.ingest();
SQL
on_both($cluster, 'SELECT FROM posture.take_snapshot()');
same_reports($cluster, 'today', @day_tables, $events);

# a day is forgotten, and taken again with what became known late
on_both($cluster, "SELECT FROM posture.forget_day('$days[2]')");
is($w1->safe_psql('postgres', "SELECT count(*) FROM posture.snapshot WHERE day = '$days[2]'"), 0, 'nodes forget it, too');
same_reports($cluster, 'a day is forgotten', @day_tables, $events, 'SELECT * FROM posture.score_history');
on_both($cluster, "SET client_min_messages = error; SELECT FROM posture.take_snapshot('$days[2]')");
same_reports($cluster, 'it is taken again', day_questions(@days));
on_both($cluster, sprintf("SET client_min_messages = error; SELECT FROM posture.backfill('%s')", day_before($cluster, 9)));
same_reports($cluster, 'earlier days', @day_tables, $events, 'SELECT * FROM posture.score_history');

# a node is killed in a run
$_->safe_psql('postgres', "SELECT FROM posture.forget_day('$days[5]'); DELETE FROM posture_internal.forgotten_day") for $head, $one;
my $blocker = $w2->background_psql('postgres');
$blocker->query_safe('BEGIN; LOCK TABLE posture.metric_snapshot IN SHARE MODE');
my $run = $head->background_psql('postgres', on_error_stop => 0);
$run->query_until(qr/began/, "\\echo began\n$daily;\n");
ok($w1->poll_query_until('postgres', "SELECT count(*) > 0 FROM posture.snapshot WHERE day = '$days[5]'"), 'one node has closed the day');
$w2->stop('immediate');
eval { $blocker->quit };
ok($head->poll_query_until('postgres', q{SELECT outcome = 'failed' AND message LIKE 'node "w2"%' FROM posture.run ORDER BY run_id DESC LIMIT 1}),
	'the run failed by the other');
eval { $run->quit };
$w2->start;
on_both($cluster, $daily);
same_reports($cluster, 'after the next run', @day_tables);
is($_->safe_psql('postgres', 'SELECT v::text FROM posture.verify() v'), '', 'nothing differs in a store')
  for $one, $head, $w1, $w2;

# another time zone
for my $server ($one, $head, $w1)
{
	$server->append_conf('postgresql.conf', "posture.timezone = 'Pacific/Kiritimati'\n");
	$server->restart;
}
($rc, $out, $err) = query_as($head, 'postgres', superuser(), 'SELECT FROM posture.take_snapshot()');
like($err, qr/node "w2" has posture.timezone/, 'a node has another time zone');
$w2->append_conf('postgresql.conf', "posture.timezone = 'Pacific/Kiritimati'\n");
$w2->restart;
on_both($cluster, "$daily;\n$daily");
same_reports($cluster, 'another time zone', @day_tables, $events);

# a node that is added later counts from then on
my $w3 = add_server($cluster, 'node_days');
$w3->append_conf('postgresql.conf', "posture.timezone = 'Pacific/Kiritimati'\n");
$w3->restart;
$head->safe_psql('postgres', "SELECT posture.add_node('w3', 'w3')");
$_->safe_psql('postgres', <<'SQL') for $one, $w3;
INSERT INTO posture.inbox (source, recommendation, asset, state, asset_kind)
SELECT 's2', 'r1', 'new' || a, 'non_compliant', 'host' FROM generate_series(1, 9) a;
SELECT FROM posture.ingest();
SQL
on_both($cluster, 'SELECT FROM posture.take_snapshot()');
my @all = split /\n/, $one->safe_psql('postgres', 'SELECT day FROM posture.snapshot ORDER BY 1');
same_reports($cluster, 'a new node', day_questions(@all[ 0, 2, -2, -1 ]));

# retention on the head is that of the nodes
$head->safe_psql('postgres', q{SELECT posture_internal.delete_day_on_nodes(NULL, posture.today() - 2)});
is($w2->safe_psql('postgres', 'SELECT posture.today() - min(day) FROM posture.snapshot'), 2, 'nodes delete old days');

stop_cluster($cluster);
done_testing();

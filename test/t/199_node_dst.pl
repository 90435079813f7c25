# Days of 23 and 25 hours on a head: changes at midnight, in the hour that the clock skips and in
# the one that it shows twice, a clock change while a node is down, and what becomes known later
# count as on one database, whatever time zone and datestyle each server has.
# tests: day/node_day, day/snapshot, day/run_daily, node/node, node/node_status, store/verify, node.c
#
# POSTURE_SEED repeats the clock and the random days.

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
srand($seed);
my $daily = 'CALL posture.run_daily()';

# A zone whose clock is set five and two days ago, forward and back, in either order, and in
# which it is noon. Each time of day is that of the clock before it is set.
my ($hours, $forward_at, $back_at) = @{ (
	[ 1, '2', '3' ],              # Europe
	[ 0.5, '2', '2' ],            # Lord Howe
	[ 1, '0', '0' ],              # midnight is skipped, and the day before goes on
	[ 1, '0', '0:30' ],           # midnight comes twice
	[ 2, '1', '3' ],              # Troll
)[ rand 5 ] };
my $is_summer = int rand 2;
my ($forward, $back) = $is_summer ? (2, 5) : (5, 2);
my $west = (gmtime)[2] - 12 + ($is_summer ? $hours : 0);

# Calls run_daily(). Returns what a listener hears, without ids.
sub heard
{
	my ($server) = @_;
	my ($rc, $out, $err) = query_as($server, 'postgres', superuser(), "LISTEN posture_event; $daily");
	is($err, '', 'run_daily() on ' . $server->name);
	return join "\n", sort map { s/"event_id": \d+, //r } $out =~ /with payload "(.*)" received/g;
}

sub clock { my ($hour) = @_; return sprintf '%s%d:%02d', $hour < 0 ? '-' : '', abs $hour, 60 * (abs($hour) - int abs $hour) }

# noon of the day so long ago, as if this were UTC; the change of that day in the zone; its moment
sub date_of { my ($ago) = @_; return time - $west * 3600 - $ago * 86400 }
sub rule { my ($ago, $at) = @_; return (gmtime date_of($ago))[7] . "/$at" }
sub changed_at
{
	my ($ago, $at, $offset) = @_;
	my ($hour, $minute) = (split(/:/, $at), 0);
	return int(date_of($ago) / 86400) * 86400 + ($hour + $minute / 60 + $offset) * 3600;
}

my $zone = sprintf 'WIN%sSUM%s,%s,%s', clock($west), clock($west - $hours), rule($forward, $forward_at), rule($back, $back_at);
note("posture.timezone = $zone");
my @changes = (changed_at($forward, $forward_at, $west), changed_at($back, $back_at, $west - $hours));
my $cluster = days_cluster('node_dst', $seed, 6, "posture.timezone = '$zone'\n");
my ($head, $one) = ($cluster->{head}, $cluster->{one});
my ($w1, $w2) = @{ $cluster->{nodes} };

my @days = map { day_before($cluster, $_) } reverse 1 .. 6;
my %hours = split /[|\n]/, $one->safe_psql('postgres', <<'SQL');
SELECT to_char(posture.today() - n, 'YYYY-MM-DD'), extract(epoch FROM l.length)::double precision / 3600
FROM generate_series(1, 6) n
CROSS JOIN LATERAL (SELECT posture.day_end(posture.today() - n) - posture.day_end(posture.today() - n - 1) AS length) l
SQL
my @changed = grep { $hours{$_} != 24 } @days;
is_deeply([ sort { $a <=> $b } @hours{@changed} ], [ 24 - $hours, 24 + $hours ], 'one day is shorter, and one longer');

# What happens on a day happens at its ends, and when the clock is set.
local $" = ',';
$_->safe_psql('postgres', <<"SQL") for $one, $head, $w1, $w2;
CREATE TABLE sim.edge AS
SELECT e.at + o.after AS at
FROM (SELECT posture.day_end(posture.today() - n) AS at FROM generate_series(1, 7) n
      UNION ALL SELECT to_timestamp(c) FROM unnest('{@changes}'::double precision[]) c) e
CROSS JOIN unnest('{-60 min,-1 min,-1 us,0,1 us,29 min,31 min,1 min,59 min,61 min,119 min,121 min}'::interval[]) o(after);
CREATE OR REPLACE FUNCTION sim.at(of_day date, key text) RETURNS timestamptz LANGUAGE sql STABLE AS \$\$
    SELECT e.at FROM sim.edge e WHERE e.at >= posture.day_end(of_day - 1) AND e.at < posture.day_end(of_day)
    ORDER BY sim.rnd(format('%s %s', extract(epoch FROM e.at), key)) LIMIT 1 \$\$;
SQL

# A node has another time zone and other formats than its head, whose CST and 03/04 it would take
# for another time and day.
my $shanghai = "timezone = 'Asia/Shanghai'\ndatestyle = 'SQL, DMY'\n";
for ([ $one, $shanghai ], [ $head, $shanghai ],
	[ $w1, "timezone = 'Asia/Kolkata'\ndatestyle = 'German'\nextra_float_digits = 0\n" ],
	[ $w2, "timezone = 'America/St_Johns'\ndatestyle = 'SQL, MDY'\nintervalstyle = 'sql_standard'\n" ])
{
	my ($server, $conf) = @$_;
	$server->append_conf('postgresql.conf', $conf);
	$server->reload;
}

# the first clock change, each day in its time
for my $day (@days[ 0 .. 2 ])
{
	live_a_day($cluster, $day);
	on_both($cluster, "SET client_min_messages = error; SELECT FROM posture.take_snapshot('$day')");
}
same_reports($cluster, 'a clock change', @day_tables, $events);

# the second one, while a node is down
live_a_day($cluster, $days[3]);
$w2->stop;
my ($rc, $out, $err) = query_as($head, 'postgres', superuser(), $daily);
like($err, qr/run for \d+.* failed: node "w2" does not answer/, 'a node is down');
is($head->safe_psql('postgres', 'SELECT difference FROM posture.verify()'), 'node "w2" does not answer', 'verify() names it');
$w2->start;
live_a_day($cluster, $_) for @days[ 4, 5 ];
my @heard = map { heard($_) } $head, $one;
is($heard[0], $heard[1], 'listeners of the head hear the same');
is(scalar(() = $heard[0] =~ /"day_summary"/g), 3, 'and of each day once');
same_reports($cluster, 'days that were closed late', grep { !/score_history_of|backtest/ } day_questions(@changed));
is(heard($head), '', 'another run tells nothing');
is($head->safe_psql('postgres', <<'SQL'), '0', 'an event is recorded once');
SELECT count(*) - count(DISTINCT (kind, day, coalesce(metric_id, -initiative_id))) FROM posture.event
SQL

# what becomes known late changes no day that is closed, until that is taken again
sub exposed_days { return $head->safe_psql('postgres', q{SELECT to_char(day, 'YYYY-MM-DD'), sum(exposed), sum(assessed) FROM posture.metric_snapshot GROUP BY 1 ORDER BY 1}) }
my $before = exposed_days();
on_owners($cluster, <<"SQL");
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at, asset_kind)
SELECT 's' || 1 + r % 3, 'r' || r, 'late' || a, sim.one(format('late %s %s', a, r), 'compliant', 'non_compliant'),
       sim.at(sim.one(format('late %s %s', r, a), '@{[join q(', '), @days]}')::date, format('late %s %s', a, r)), 'host'
FROM generate_series(1, 60) a, generate_series(1, 10) r WHERE {mine};
SELECT FROM posture.ingest();
SQL
on_both($cluster, 'SELECT FROM posture.take_snapshot()');
like(exposed_days(), qr/^\Q$before\E\n/, 'closed days stay as they are');
same_reports($cluster, 'late observations', @day_tables, $events);
for my $day (@changed)
{
	on_both($cluster, "SELECT FROM posture.forget_day('$day'); SELECT FROM posture.take_snapshot('$day')");
	my ($again) = exposed_days() =~ /^($day.*)$/m;
	unlike($before, qr/^\Q$again\E$/m, "they count on $day, which is taken again");
}
same_reports($cluster, 'days that were taken again', day_questions(@changed));
is($_->safe_psql('postgres', 'SELECT v::text FROM posture.verify() v'), '', 'nothing differs in a store') for $one, $head;

# a zone that sets its clock on other days
(my $other = $zone) =~ s{,.*}{,100/2,200/2};
$w2->append_conf('postgresql.conf', "posture.timezone = '$other'\n");
$w2->reload;
my $named = qr/node "?w2"?.*has posture.timezone \Q$other, the head has $zone\E/;
like($head->safe_psql('postgres', "SELECT string_agg(v::text, ' ') FROM posture.verify() v") =~ s/""/"/gr, $named, 'verify() names a node with another zone');
like($head->safe_psql('postgres', "SELECT string_agg(s::text, ' ') FROM posture.status() s") =~ s/""/"/gr, $named, 'so does status()');
($rc, $out, $err) = query_as($head, 'postgres', superuser(), 'SELECT * FROM posture.overview');
like($err, qr/node "w2" has posture.timezone \Q$other, its head has $zone\E/, 'a report is refused');

stop_cluster($cluster);
done_testing();

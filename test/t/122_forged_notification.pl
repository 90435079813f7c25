# Every role can send messages on channel posture_event. A listener that reads the event as the
# guide says is not deceived by a forged one.
# tests: day/notification

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('forged');
$node->safe_psql('postgres', "CREATE EXTENSION posture;\n" . sample_sql());
$node->safe_psql('postgres', $_) for 'CREATE ROLE outsider LOGIN', 'CREATE ROLE listener LOGIN',
  q{SELECT posture.grant_access('listener', 'reader')};

my ($of_event, $of_day) = slurp_file("$FindBin::RealBin/../../doc/act.md") =~
  /^```sql example\n(SELECT kind, day,[^;]*);\n\n(SELECT day,[^;]*);\n```$/m;
ok($of_event && $of_day, 'the guide has the queries');

# what the queries return for a message, as the listener runs them
my $listener = new_session($node, 'postgres', '-U', 'listener');
is($listener->ask("LISTEN posture_event; PREPARE of_event(text) AS $of_event;
	PREPARE of_day(text) AS $of_day"), '', 'they can be prepared');

sub read_of
{
	my ($query, $message) = @_;
	return $listener->ask("EXECUTE $query(" . ($message =~ s/'/''/gr =~ s/(.*)/'$1'/r) . ')');
}

# sends a message as a role without a level; the listener receives it
sub forge
{
	my ($message) = @_;
	$node->safe_psql('postgres', "SELECT pg_notify('posture_event', \$m\$$message\$m\$)",
		extra_params => [ '-U', 'outsider' ]);
	like($listener->ask('SELECT 1'), qr/with payload "\Q$message\E" received/,
		'a forged message arrives');
	return $message;
}

my $event = $node->safe_psql('postgres', q{SELECT posture_internal.event_message(e)
	FROM posture.event e WHERE e.kind = 'metric_score_drop' ORDER BY e.event_id LIMIT 1});
my ($id) = $event =~ /"event_id": (\d+)/;
my $true = $node->safe_psql('postgres', "SELECT kind, day, object, drop, status, cause
	FROM posture.event_report WHERE event_id = $id");
isnt($true, '', 'an event');
is(read_of('of_event', $event), $true, 'a true message leads to it');

is(read_of('of_event', forge('{"event_id": 999999, "kind": "metric_score_drop", "metric": "m1", "drop": 99}')),
	'', 'an event that does not exist has no row');
is(read_of('of_event', forge('{"kind": "metric_score_drop", "metric": "m1", "drop": 99}')),
	'', 'nor has a message without an id');
is(read_of('of_event', forge(qq({"event_id": $id, "kind": "new_initiative", "metric": "m4", "drop": 99}))),
	$true, 'the id of an event leads to what is true of it');
is(read_of('of_day', forge('{"kind": "day_summary", "day": "1999-01-01", "metric_drops": 99}')),
	'', 'a day without a snapshot has no row');
my $day = $node->safe_psql('postgres', 'SELECT max(day) FROM posture.day_report');
is(read_of('of_day', forge(qq({"kind": "day_summary", "day": "$day", "metric_drops": 99}))),
	$node->safe_psql('postgres', "SELECT day, metric_drops, initiative_drops, summary
		FROM posture.day_report WHERE day = '$day'"),
	'a day leads to what is true of it');

$listener->end;
$node->stop;
done_testing();

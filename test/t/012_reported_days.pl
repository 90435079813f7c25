# Secure Score documents with the scores of past days: a load records the drops of days that
# are new or changed, with their causes and how they ended, and notifies of the latest only.
# tests: source/graph_report, day/event, day/drop_detection

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('reported');
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION posture;
CREATE ROLE feeder LOGIN;
SELECT posture.grant_access('feeder', 'loader', 'microsoft-secure-score'), posture.grant_access('feeder', 'curator');
-- the points of two controls of 50 points each, so many days ago
CREATE TABLE points (ago integer PRIMARY KEY, a integer NOT NULL, b integer NOT NULL);
INSERT INTO points SELECT n, 40, 40 FROM generate_series(1, 90) n;
UPDATE points SET a = 30 WHERE ago BETWEEN 51 AND 60;
UPDATE points SET b = 35 WHERE ago = 30;
UPDATE points SET b = 30 WHERE ago BETWEEN 21 AND 29;
UPDATE points SET a = 35 WHERE ago = 1;
CREATE FUNCTION document(latest integer, oldest integer) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_agg(jsonb_build_object(
        'id', 'x', 'createdDateTime', (posture.today() - p.ago)::text || 'T00:00:00Z',
        'currentScore', p.a + p.b, 'maxScore', 100, 'controlScores', jsonb_build_array(
            jsonb_build_object('controlName', 'a', 'score', p.a, 'scoreInPercentage', 2 * p.a),
            jsonb_build_object('controlName', 'b', 'score', p.b, 'scoreInPercentage', 2 * p.b))))
    FROM points p
    WHERE p.ago BETWEEN latest AND oldest $$;
GRANT SELECT ON points TO feeder;
CREATE VIEW recorded AS
SELECT e.kind, posture.today() - e.day AS ago, posture.today() - e.previous_day AS compared,
       e.drop, e.in_cooldown, e.status, posture.today() - e.recovered_on AS recovered,
       (SELECT string_agg(concat_ws(' ', c.recommendation, abs(c.points)), ', '
                          ORDER BY c.recommendation)
        FROM posture.explain(e.event_id) c) AS causes
FROM posture.event e;
SQL

my $listener = $node->background_psql('postgres');
$listener->query_safe('LISTEN posture_event');

sub received
{
	return join "\n", map { $node->safe_psql('postgres', <<"SQL") } $listener->query_safe('SELECT 1')
SELECT concat_ws(' ', p ->> 'kind', posture.today() - (p ->> 'day')::date, p ->> 'drop')
FROM (SELECT \$payload\$$_\$payload\$::jsonb AS p) x
SQL
	  =~ /^Asynchronous notification "posture_event" with payload "(.*)" received/mg;
}

sub load
{
	return $node->safe_psql('postgres',
		"SELECT changed FROM posture.load('graph-secure-scores', document($_[0], $_[1]))",
		extra_params => [ '-U', 'feeder' ]);
}

sub recorded { return $node->safe_psql('postgres', 'SELECT * FROM recorded ORDER BY ago DESC') }

is(load(40, 90), '2', 'a loader loads 51 days');
is(recorded(), <<'TXT' =~ s/\n\z//r, 'the drop is recorded, with its cause and the day when it recovered');
new_initiative|90|||f|open||
initiative_score_drop|60|61|10|f|recovered|50|a 10
TXT
is(received(), '', 'a drop that is long past is not notified');

$node->safe_psql('postgres', 'UPDATE posture.initiative SET cooldown_days = 3');
load(1, 90);
my $all = <<'TXT' =~ s/\n\z//r;
new_initiative|90|||f|open||
initiative_score_drop|60|61|10|f|recovered|50|a 10
initiative_score_drop|30|31|5|f|recovered|20|b 5
initiative_score_drop|29|30|5|t|recovered|20|b 5
initiative_score_drop|1|2|5|f|open||a 5
TXT
is(recorded(), $all, 'a later document adds its days; a second drop is in cooldown');
is(received(), 'initiative_score_drop 1 5', 'only the drop of yesterday is notified');

my $rows = join ' UNION ALL ', map { "SELECT x.ctid::text, x.xmin::text, '$_' FROM posture.$_ x" }
  qw(event event_cause recommendation_snapshot initiative_snapshot);
$node->safe_psql('postgres', 'SELECT posture.acknowledge(event_id) FROM posture.event WHERE status = $$open$$');
my $before = $node->safe_psql('postgres', "$rows ORDER BY 3, 1");
is(load(1, 90), '0', 'the same document again');
is($node->safe_psql('postgres', "$rows ORDER BY 3, 1"), $before, 'leaves every row as it was');

# days before those that are known, and a day that the source corrected
$node->safe_psql('postgres', 'INSERT INTO points SELECT n, 45, 45 FROM generate_series(91, 95) n');
load(91, 95);
is($node->safe_psql('postgres', q{SELECT * FROM recorded WHERE ago = 90 AND kind <> 'new_initiative'}),
	'initiative_score_drop|90|91|10|f|open||a 5, b 5', 'the first known day is compared with an older one');
$node->safe_psql('postgres', 'UPDATE points SET a = 10 WHERE ago = 60; UPDATE points SET a = 5 WHERE ago = 10');
load(1, 90);
is($node->safe_psql('postgres', 'SELECT * FROM recorded WHERE ago IN (60, 10) ORDER BY ago DESC'),
	"initiative_score_drop|60|61|30|f|recovered|50|a 30\ninitiative_score_drop|10|11|35|f|recovered|9|a 35",
	'a corrected day has the figures of the correction');
is(received(), '', 'neither is notified');
is($node->safe_psql('postgres', q{SELECT status FROM recorded WHERE ago = 1}), 'acknowledged',
	'what a person entered stays');

# days that the job deletes have no events
$node->safe_psql('postgres', 'INSERT INTO points SELECT n, n - 400, 50 FROM generate_series(401, 440) n');
load(401, 440);
is($node->safe_psql('postgres', 'SELECT count(*), max(ago) FROM recorded'), '7|90',
	'days beyond the retention have no events');

# a role that loads writes what a load writes, and nothing in the name of a person
my ($out, $err) = ('', '');
$node->psql('postgres', q{UPDATE posture.event SET acknowledged_by = 'alice'},
	stdout => \$out, stderr => \$err, extra_params => [ '-U', 'feeder' ]);
like($err, qr/permission denied for table event/, 'a loader does not acknowledge');

$listener->quit;
$node->stop;
done_testing();

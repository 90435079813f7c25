# What most TAP tests share: a server, the sample warehouse, sessions, comparisons.
package TestPosture;

use strict;
use warnings;
use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT = qw($schemas new_node superuser sample_sql extent_sql former_key_sql retake_day_sql
  tables views same_rows
  query_as kill_server new_session);

# condition on an oid: it is a schema of the extension
our $schemas = q{IN ('posture'::regnamespace, 'posture_internal'::regnamespace)};

# Returns a started server, which init() made with these options. In posture.timezone
# it is about noon, so that no day ends while a test runs. Progress notices depend on
# the clock and are off.
sub new_node
{
	my ($name, $conf, %init) = @_;
	my $ahead = 12 - (gmtime)[2];
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(%init);
	$node->append_conf('postgresql.conf',
		sprintf("posture.timezone = 'Etc/GMT%+d'\n", -$ahead)
		  . "posture.progress_interval = -1\n"
		  # the plans of small tables cost enough to be compiled, which takes a second for some
		  . "jit = off\n"
		  . ($conf // ''));
	$node->start;
	return $node;
}

sub superuser
{
	return $ENV{PGUSER} || scalar getpwuid($<);
}

# Runs SQL in psql as a role. Returns its exit code, output and errors.
sub query_as
{
	my ($node, $db, $role, $sql) = @_;
	my ($out, $err) = ('', '');
	my $rc = $node->psql($db, $sql, stdout => \$out, stderr => \$err,
		extra_params => [ '-U', $role ], on_error_stop => 1);
	return ($rc, $out, $err);
}

# SQL of rows that the sample warehouse does not have: findings with an extent, a row in the
# inbox, which that takes, and inventories.
sub extent_sql
{
	return <<'SQL';
INSERT INTO posture.inbox SELECT source, recommendation, asset, state
FROM posture.finding_report WHERE asset = 'a1';
SELECT FROM posture.ingest(extent => 'site');
UPDATE posture.recommendation SET is_manual = true WHERE key = 'r6';
SELECT FROM posture.attest('r6', 'compliant', 'https://example.com/r6', posture.today() + 400);
INSERT INTO posture.asset_source (source_id, asset_id, first_seen)
SELECT s.source_id, a.asset_id, posture.day_end(posture.today() - 4)
FROM posture.source s, posture.asset a WHERE s.key = 'cloud' AND a.key IN ('a1', 'a2', 'a57');
INSERT INTO posture.asset_inbox (source, asset, aliases) VALUES ('cloud', 'a3', '{other}');
INSERT INTO posture_internal.left_inventory
SELECT asset_id, '2020-02-02' FROM posture.asset WHERE key = 'a4';
INSERT INTO posture.inbox VALUES ('scan', 'r1', 'a1', 'compliant', '2020-02-02');
SQL
}

# and an asset of an earlier version, which only an update adds
sub former_key_sql
{
	return 'INSERT INTO posture_internal.former_key SELECT max(asset_id) FROM posture.asset';
}

# SQL of the sample warehouse: three days of two sources, two metrics that dropped and
# one that recovered, exemptions, a measure, rejected rows and a row in the inbox.
sub sample_sql
{
	return <<'SQL';
-- the version before has no backfill()
DO $$
BEGIN
    PERFORM posture.backfill(posture.today() - 4);
    PERFORM posture.take_snapshot(posture.today() - 4);
    PERFORM posture.forget_day(posture.today() - 4);
EXCEPTION WHEN undefined_function THEN
END $$;
INSERT INTO posture.source (key, name, stale_after)
VALUES ('scan', 'Scanner', '30 days'), ('cloud', 'Cloud', NULL);
UPDATE posture.importance_weight SET weight = 8 WHERE importance = 'high';

CREATE TEMP TABLE delivery AS
SELECT CASE WHEN r <= 4 THEN 'scan' ELSE 'cloud' END AS source,
       'r' || r AS recommendation, 'a' || a AS asset,
       CASE WHEN (a * r + a) % 5 = 0 THEN 'non_compliant'
            WHEN (a + r) % 11 = 0 THEN 'not_applicable' ELSE 'compliant' END AS state,
       posture.day_end(posture.today() - 4) + interval '12 hours' AS observed_at,
       CASE WHEN a % 3 = 0 THEN 'user' ELSE 'host' END AS asset_kind,
       'Asset ' || a AS asset_name, jsonb_build_object('port', a) AS details
FROM generate_series(1, 60) a, generate_series(1, 6) r;
INSERT INTO posture.inbox SELECT * FROM delivery;
INSERT INTO posture.inbox VALUES ('nobody', 'r1', 'a1', 'compliant'),
    ('scan', 'r1', 'a1', 'so-so'), ('scan', NULL, 'a1', 'compliant');
SELECT FROM posture.ingest();

UPDATE posture.asset SET criticality = 'critical' WHERE asset_id % 7 = 0;
INSERT INTO posture.metric (key, name, importance, asset_kinds, criticality_weights) VALUES
    ('m1', 'Patches', 'high', NULL, NULL), ('m2', 'Disks', 'low', '{host}', '{1,1,2,5}'),
    ('m3', 'Keys', 'critical', NULL, NULL), ('m4', 'Nothing', 'medium', NULL, NULL);
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, r.recommendation_id
FROM (VALUES ('m1', 'r1'), ('m1', 'r2'), ('m2', 'r3'), ('m3', 'r4'), ('m3', 'r5'))
     v(metric, recommendation)
JOIN posture.metric m ON m.key = v.metric
JOIN posture.recommendation r ON r.key = v.recommendation;
INSERT INTO posture.metric (key, name, rule)
VALUES ('m5', 'Cloud', '{"source": "cloud", "key": "r%"}');
INSERT INTO posture.initiative (key, name, method, is_pinned) VALUES
    ('i1', 'All', 'weighted', true), ('i2', 'Counts', 'population', false),
    ('i3', 'Points', 'points', false);
INSERT INTO posture.initiative_metric
SELECT i.initiative_id, m.metric_id, CASE WHEN i.key = 'i2' AND m.key = 'm1' THEN 3 END
FROM posture.initiative i, posture.metric m WHERE i.key <> 'i3';
UPDATE posture.recommendation SET max_points = 10 WHERE key = 'r6';
INSERT INTO posture.recommendation (source_id, key, title)
SELECT source_id, 'p1', 'Secure score' FROM posture.source WHERE key = 'cloud';
INSERT INTO posture.measure
SELECT recommendation_id, 7.25, 20, posture.day_end(posture.today() - 4) + interval '12 hours'
FROM posture.recommendation WHERE key = 'p1';
INSERT INTO posture.initiative_recommendation
SELECT i.initiative_id, r.recommendation_id
FROM posture.initiative i, posture.recommendation r
WHERE i.key = 'i3' AND r.key IN ('r6', 'p1');
INSERT INTO posture.asset_group (key, name, kinds, min_criticality)
VALUES ('g1', 'Users', '{user}', 'medium');
INSERT INTO posture.exemption
    (recommendation_id, asset_group_id, kind, reason, approved_by, created_at)
SELECT r.recommendation_id, g.asset_group_id, 'mitigated', 'third party', 'ciso',
       posture.day_end(posture.today() - 4)
FROM posture.recommendation r, posture.asset_group g WHERE r.key = 'r2';
INSERT INTO posture.exemption
    (recommendation_id, asset_id, kind, reason, approved_by, created_at)
SELECT r.recommendation_id, a.asset_id, 'waived', 'test host', 'ciso',
       posture.day_end(posture.today() - 4)
FROM posture.recommendation r, posture.asset a WHERE r.key = 'r4' AND a.key IN ('a4', 'a8');
INSERT INTO posture.benchmark
SELECT 'all', 'All tenants', posture.today() - 1, initiative_id, 44.5 FROM posture.initiative;
INSERT INTO posture.score_band (initiative_id, scheme, from_score, name)
SELECT initiative_id, 'zone', 70, 'fine' FROM posture.initiative WHERE key = 'i3';
INSERT INTO posture.asset_alias (alias, asset_id)
SELECT 'inventory 1', asset_id FROM posture.asset WHERE key = 'a1';

SELECT FROM posture.take_snapshot(posture.today() - 3);
UPDATE posture.asset SET criticality = 'high' WHERE key IN ('a57', 'a60') AND criticality = 'medium';
-- worse on the next day: more assets fail r1 and r4
UPDATE delivery SET observed_at = observed_at + interval '1 day',
    state = CASE WHEN recommendation IN ('r1', 'r4') AND length(asset) = 2
                 THEN 'non_compliant' ELSE state END;
INSERT INTO posture.inbox SELECT * FROM delivery;
SELECT FROM posture.ingest('scan');
SELECT FROM posture.take_snapshot(posture.today() - 2);
SELECT posture.acknowledge(min(event_id), 'seen')
FROM posture.event WHERE kind = 'metric_score_drop';
-- better on the day after: r4 complies
UPDATE delivery SET observed_at = observed_at + interval '1 day',
    state = CASE WHEN recommendation = 'r4' THEN 'compliant' ELSE state END;
INSERT INTO posture.inbox SELECT * FROM delivery;
SELECT FROM posture.ingest();
CALL posture.run_daily();
SELECT FROM posture.take_snapshot();
INSERT INTO posture.inbox
VALUES ('scan', 'r1', 'late', 'non_compliant', now() - interval '1 minute');
SELECT FROM posture.verify();
DROP TABLE delivery;
SQL
}

# SQL that makes the snapshot of a day, so many days ago, one of before its end. The job
# takes it again.
sub retake_day_sql
{
	my ($ago) = @_;
	return "UPDATE posture.snapshot SET taken_at = posture.day_end(day) - interval '1 hour'\n"
	  . "WHERE day = posture.today() - $ago;\n";
}

# the tables of the extension, with their schemas
sub tables { return relations(@_, 'r') }

# the views of the contract, with their schema; posture_internal has views of the same names
sub views { return grep { /^posture\./ } relations(@_, 'v') }

sub relations
{
	my ($node, $db, $kind) = @_;
	return split /\n/, $node->safe_psql($db, <<"SQL");
SELECT c.oid::regclass FROM pg_class c
WHERE c.relnamespace $schemas AND c.relkind = '$kind' ORDER BY c.oid::regclass::text COLLATE "C"
SQL
}

# Starts a psql that stays open. ask() returns the output and the errors of a
# statement; begin() does not wait for them, finish() does.
sub new_session
{
	my ($node, $db, @options) = @_;
	my $self = bless { in => '', out => '', err => '', n => 0 }, 'TestPosture::Session';
	$self->{timer} = IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default);
	$self->{psql} = IPC::Run::start(
		[ 'psql', '-XAtq', @options, '-d', $node->connstr($db // 'postgres') ],
		'<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err}, $self->{timer});
	return $self;
}

sub TestPosture::Session::begin
{
	my ($self, $sql) = @_;
	$self->{n}++;
	$self->{timer}->start;
	$self->{in} .= "$sql;\n\\echo == $self->{n}\n\\warn == $self->{n}\n";
	$self->{psql}->pump_nb;
	return $self;
}

sub TestPosture::Session::finish
{
	my ($self) = @_;
	my $end = qr/^== $self->{n}\n/m;
	$self->{psql}->pump
	  until ($self->{out} =~ $end && $self->{err} =~ $end) || !$self->{psql}->pumpable;
	my $answer = $self->{err} . $self->{out};
	@$self{qw(out err)} = ('', '');
	$answer =~ s/$end//g;
	return $answer =~ s/\s+\z//r;
}

sub TestPosture::Session::ask
{
	my ($self, $sql) = @_;
	return $self->begin($sql)->finish;
}

sub TestPosture::Session::end
{
	my ($self) = @_;
	$self->{in} .= "\\q\n";
	return $self->{psql}->finish;
}

# Kills the postmaster with signal 9 and starts the server again.
sub kill_server
{
	my ($node) = @_;
	my ($pid) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	$node->kill9;
	# the server does not start before the last process of the killed one has ended
	for (1 .. 300)
	{
		last unless kill 0, $pid;
		usleep(100_000);
	}
	for (1 .. 30)
	{
		return if $node->start(fail_ok => 1);
		sleep 1;
	}
	BAIL_OUT('the server did not come back');
	return;
}

# Tests that two queries have the same rows, each as often.
sub same_rows
{
	my ($node, $db, $stored, $recomputed, $name) = @_;
	my $difference = $node->safe_psql($db, <<SQL);
SELECT 'first', k::text FROM (($stored) EXCEPT ALL ($recomputed)) k
UNION ALL
SELECT 'second', r::text FROM (($recomputed) EXCEPT ALL ($stored)) r
SQL
	return is($difference, '', $name);
}

1;

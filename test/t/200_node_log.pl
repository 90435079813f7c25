# The log of decisions on a head: what a person decides there about assets of nodes has the rows
# and the author that it has on one server, and a node that is removed leaves its log to the head.
# tests: node/node_log

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestNodes;
use TestPosture;

my $cluster = new_cluster('log', 2);
my ($head, $one, @nodes) = (@{$cluster}{qw(head one)}, @{ $cluster->{nodes} });
$head->safe_psql('postgres', 'UPDATE posture_internal.bucket SET node_id = bucket % 3');
on_both($cluster, q{CREATE ROLE kim LOGIN; CREATE ROLE risk_lead; GRANT risk_lead TO kim;
SELECT posture.grant_access(r, 'curator') FROM unnest('{kim,risk_lead}'::name[]) r;
SELECT posture.grant_access('kim', 'loader', 'own');
SELECT FROM posture.backfill(posture.today() - 3)});

# Ids and times differ.
my $log = q{SELECT changed_by, as_role, object_kind, object,
       regexp_replace(field, '(exemption|attestation) \d+', '\1') AS field, o.text AS old,
       n.text AS new
FROM posture.change_log
CROSS JOIN LATERAL regexp_replace(old, '\d{4}-\d\d-\d\d [-+:.0-9]+', 'T', 'g') o(text)
CROSS JOIN LATERAL regexp_replace(new, '\d{4}-\d\d-\d\d [-+:.0-9]+', 'T', 'g') n(text)
WHERE object_kind NOT IN ('role', 'node')};
my @logs = ($log, q{SELECT approved_by, reason FROM posture.exemption_report},
	'SELECT initiative, requirement, status, attested_by FROM posture.framework_report');
my @people = ('SELECT state, attested_by FROM posture.attestation',
	'SELECT kind, reason, approved_by FROM posture.exemption WHERE asset_id IS NOT NULL');

# Runs a statement as a role on the head and on the one server: the same is logged there, and in
# the name of the role. Of %id(KEY), each has the id of the asset.
sub decide
{
	my ($role, $sql, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $before = logged();
	for my $server ($head, $one)
	{
		my $own = $sql =~ s/%id\((\w+)\)/asset_id($server, $1)/ger;
		my ($code, $out, $err) = query_as($server, 'postgres', $role, $own);
		unlike($err, qr/ERROR/, "$name: no error");
	}
	is(differences_of($cluster, @logs), '', "$name: the log");
	is(differences_of_all($cluster, @people), '', "$name: in whose name");
	cmp_ok(logged(), '>', $before, "$name: is logged");
	return;
}

# how many rows the head has of kim
sub logged
{
	return $head->safe_psql('postgres', q{SELECT count(*) FROM posture.change_log WHERE changed_by = 'kim'});
}

sub asset_id
{
	my ($server, $key) = @_;
	for ($server == $one ? $one : ($head, @nodes))
	{
		my $id = $_->safe_psql('postgres', "SELECT asset_id FROM posture.asset WHERE key = '$key'");
		return $id if $id ne '';
	}
	die "no asset $key";
}

# keys of assets, by their nodes
my @on;
for my $key (map { "a$_" } 1 .. 60)
{
	push @{ $on[ $head->safe_psql('postgres',
		"SELECT node_id FROM posture_internal.route_of('$key')") ] }, $key;
}
my $days_ago = $one->safe_psql('postgres', 'SELECT posture.today() - 2');
my $findings = join ', ', map {
	qq({"type": "finding", "source": "own", "recommendation": "r1", "asset": "a$_",
	    "asset_kind": "host", "state": "non_compliant", "observed_at": "$days_ago"}) } 1 .. 60;
decide('kim', qq{SELECT FROM posture.load('posture', '[{"type": "source", "key": "own", "name": "Own"},
{"type": "recommendation", "source": "own", "key": "r1", "title": "One"},
{"type": "recommendation", "source": "own", "key": "r2", "title": "Two"},
{"type": "recommendation", "source": "own", "key": "policy", "is_manual": true},
{"type": "asset_group", "key": "g", "name": "G", "kinds": ["host"]},
{"type": "metric", "key": "m1", "name": "M", "recommendations": [{"source": "own", "recommendation": "r1"}]},
{"type": "metric", "key": "m2", "name": "P", "recommendations": [{"source": "own", "recommendation": "policy"}]},
{"type": "initiative", "key": "i", "name": "I", "metrics": [{"metric": "m1", "weight": 2}, {"metric": "m2"}]},
$findings]')}, 'a catalog');
on_both($cluster, q{SELECT FROM posture.take_snapshot(posture.today() - 1);
UPDATE posture.snapshot SET taken_at = ends_at + interval '1 second' WHERE day = posture.today() - 1});
for my $n (0 .. 2)
{
	my ($first, $second, $third) = @{ $on[$n] };
	my $exemption = q{INSERT INTO posture.exemption (recommendation_id, asset_id, kind, reason)
		SELECT recommendation_id, %id(ASSET), 'waived', 'by hand' FROM posture.recommendation
		WHERE key = 'r1'} =~ s/ASSET/$first/r;
	my $on = $n ? "on node $n" : 'on the head';
	decide('kim', $exemption, "an exemption $on");
	decide('kim', 'SET ROLE risk_lead; ' . $exemption =~ s/r1/r2/r, "one after SET ROLE $on");
	decide('kim', "SELECT posture.attest('policy', 'compliant', asset => '$first')", "attest() $on");
	decide('kim', "SELECT FROM posture.merge_asset('$first', '$second')", "merge_asset() $on");
	decide('kim', qq{SELECT FROM posture.load('posture', '[
{"type": "asset", "key": "$second", "owner": "web team", "criticality": "high"},
{"type": "asset", "key": "$third", "owner": "web team", "tags": {"env": "prod"}},
{"type": "exemption", "source": "own", "recommendation": "r2", "asset": "$third", "kind": "waived", "reason": "x"},
{"type": "attestation", "source": "own", "recommendation": "policy", "asset": "$third", "state": "compliant"}]')},
		"load() $on");
}
decide('kim', q{BEGIN; INSERT INTO posture.exemption (recommendation_id, asset_group_id, kind, reason)
SELECT recommendation_id, 1, 'mitigated', 'is for asset a1' FROM posture.recommendation WHERE key = 'r1';
UPDATE posture.exemption SET expires_at = '2040-01-01 00:00Z' WHERE asset_id IS NULL; COMMIT},
	'an exemption of a group');
decide('kim', q{DELETE FROM posture.recommendation WHERE key = 'r2'}, 'what a DELETE takes along');

# causes name who made the decision, also about an asset of a node
on_both($cluster, 'SELECT FROM posture.take_snapshot()');
my $causes = q{SELECT reason, newly_exposed, message
FROM posture.change_report('m1', posture.today() - 1, posture.today())};
is(differences_of($cluster, $causes), '', 'causes');
like($head->safe_psql('postgres', $causes), qr/given by role kim/, 'of kim');

# statements that a superuser runs on the nodes
my $update = q{UPDATE posture.asset SET owner = 'ops' WHERE owner = 'web team'};
$_->safe_psql('postgres', $update) for $head, $one;
$head->safe_psql('postgres', sprintf(q{SELECT FROM posture.run_on_nodes('%s')}, $update =~ s/'/''/gr));
is(differences_of($cluster, @logs), '', 'run_on_nodes()');

# What is decided on a node itself is in its log, as is what a failed transaction of the head left.
my $own = "UPDATE posture.asset SET criticality = 'low' WHERE key = '$on[1][3]'";
$_->safe_psql('postgres', $own) for $nodes[0], $one;
my $left = "SELECT posture.attest('policy', 'non_compliant', asset => '$on[1][4]')";
$head->safe_psql('postgres', "BEGIN; $left; ROLLBACK");
$one->safe_psql('postgres', $left);
is(join(' ', differences_of($cluster, $log) =~ /^([-+]) /mg), '- -', 'the head has neither');

# The head takes them when it removes the node. It waits for who has told the node something.
my $session = $head->background_psql('postgres');
$session->query_safe('BEGIN');
my $open = "SELECT posture.attest('policy', 'compliant', asset => '$on[1][5]')";
$session->query_safe($open);
$one->safe_psql('postgres', $open);
my ($out, $err) = ('', '');
my $removal = IPC::Run::start([ 'psql', '-XAtq', '-d', $head->connstr('postgres'), '-c',
	"SELECT buckets FROM posture.remove_node('w1')" ], '<', \undef, '>', \$out, '2>', \$err);
ok($head->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_locks
WHERE NOT granted AND relation = 'posture.change_log'::regclass}), 'it waits');
$session->query_safe('COMMIT');
$session->quit;
$removal->finish;
is("$out$err", "341\n", 'a node is removed');
is(differences_of($cluster, @logs), '', 'the log after that');
is(differences_of_all($cluster, @people), '', 'in whose name');
decide('kim', "SELECT posture.attest('policy', 'non_compliant', asset => '$on[1][0]')", 'moved');
$head->safe_psql('postgres', q{SELECT posture.remove_node('w2')});
is(differences_of($cluster, @logs, @people), '', 'without nodes');
is($head->safe_psql('postgres', 'SELECT count(*) FROM posture_internal.change_log_start'), '1',
	'the log has begun once');

stop_cluster($cluster);
done_testing();

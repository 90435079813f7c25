# Deliveries to a head: ingest() counts what it counts on one server, and all findings are there,
# each on the node of its asset.
# tests: node/route, node/door, node/hand_over

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use POSIX 'strftime';
use PostgreSQL::Test::Utils;
use Test::More;
use TestNodes;
use TestPosture;

my $seed = $ENV{POSTURE_SEED} // time;
srand $seed;
note "POSTURE_SEED=$seed";
my $cluster = new_cluster('door', 2);
my ($head, $one) = @{$cluster}{qw(head one)};

sub pick { return $_[ int rand @_ ] }

# of confirmations more than a day ago, ingest() keeps the day
sub day { return strftime('%Y-%m-%d 10:00Z', gmtime(time - 86400 * $_[0])) }

# What the databases have of findings, extents and assets.
my $findings = q{
SELECT s.key AS source, r.key AS recommendation, a.key AS asset, a.kind, a.name, f.state, f.details,
       CASE WHEN f.changed_at < now() - interval '1 day' THEN f.changed_at END,
       e.keys, a.retired_at IS NULL AS counts
FROM posture.finding f JOIN posture.recommendation r USING (recommendation_id)
JOIN posture.source s USING (source_id) JOIN posture.asset a USING (asset_id)
LEFT JOIN posture.extent e USING (extent_id)};

# one row of the inbox, as COPY takes it; one in twenty cannot be loaded
sub inbox_row
{
	my $n = 1 + int rand 25;
	my ($asset, $kind) = @{ pick([ "web-$n", 'host' ], [ "WEB-$n.", 'host' ], [ "user-$n", 'user' ],
		[ "/subscriptions/a/vm/$n", 'vm' ], [ "/Subscriptions/A/vm/$n/", 'vm' ], [ "x$n", '\N' ]) };
	my @row = (pick('scan', 'cloud'), 'r' . (1 + int rand 8), $asset,
		pick('compliant', 'non_compliant', 'not_applicable'),
		pick('\N', day(2 + int rand 9)), $kind, '\N',
		pick('\N', '\N', '{"x": null}'));
	$row[ int rand 4 ] = pick('', 'none', '\N') if rand() < 0.05;
	return join "\t", @row;
}

sub copy_rows { return join("\n", 'COPY posture.inbox FROM stdin;', @_, '\.', '') }

my %seen;
# the share of each delivery that is copied on the head
my @doors = map { pick(0, 0.5, 0.9, 1) } 1 .. 16;

sub deliver
{
	my ($rows, $call) = @_;
	# of rows about one finding at one time, either may count; some rows wait in the inbox
	my @rows = grep { my @f = split /\t/; !$seen{ lc(join '|', @f[ 0 .. 2, 4 ]) =~ s{[./](?=\|)}{}gr }++ }
	  @$rows;
	my $sql = copy_rows(@rows) . "SELECT * FROM $call;\n";
	my @result = [ $one->psql('postgres', $sql, on_error_stop => 0) ];
	# some rows go to the doors of nodes, which the head asks for them
	my $here = shift @doors;
	my @left = grep { !defined $here || rand() < $here } @rows;
	my %is_left = map { $_ => 1 } @left;
	my @at = ([], []);
	push @{ pick(@at) }, $_ for grep { !$is_left{$_} } @rows;
	$cluster->{nodes}[$_]->safe_psql('postgres', copy_rows(@{ $at[$_] })) for grep { @{ $at[$_] } } 0, 1;
	unshift @result, [ $head->psql('postgres', copy_rows(@left) . "SELECT * FROM $call;\n", on_error_stop => 0) ];
	for (@result)
	{
		%seen = () if $call !~ /only_source|extent/;
		# which row is rejected first depends on the door
		$_->[2] =~ s/^(psql:\S+|\S*LINE.*|DETAIL:  First reason: .*)//mg;
		$_ = join '|', $_->[1], map { s/node "\w+"/node/gr } $_->[2];
	}
	return is($result[0], $result[1], "$call of " . @$rows . ' rows');
}

$head->safe_psql('postgres', 'UPDATE posture_internal.bucket SET node_id = bucket % 3');
on_both($cluster, q{INSERT INTO posture.source (key, name) VALUES ('scan', 'S'), ('cloud', 'C');
INSERT INTO posture.initiative (key, name, method) VALUES ('i1', 'One', 'weighted');
INSERT INTO posture.metric (key, name, rule) VALUES ('m1', 'M', '{"source": "scan"}');
INSERT INTO posture.initiative_metric SELECT initiative_id, metric_id
FROM posture.initiative, posture.metric});
for my $step (1 .. 16)
{
	my @rows = map { inbox_row() } 1 .. 1 + int rand 300;
	my $source = pick('scan', 'cloud');
	deliver(\@rows,
		'posture.ingest('
		  . pick('', '', "'$source'", "only_source => '$source'",
			"'$source', '$source', extent => 'e" . int(rand 2) . "'")
		  . ')');
}
deliver([], "posture.ingest('scan')");
deliver([], "posture.ingest('scan', extent => 'e1')");
is(differences_of_all($cluster, $findings), '', 'findings');
# a finding without a time changes when its delivery arrives
my @reports = ('SELECT * FROM posture.overview', 'SELECT * FROM posture.metric_report',
	q{SELECT to_jsonb(r) - 'last_changed' FROM posture.recommendation_report r});
same_reports($cluster, 'reports', @reports);
is(differences_of($cluster, 'SELECT source, recommendation, asset, state, reason
	FROM posture.rejected'), '', 'rejected rows are on the head');
is($_->safe_psql('postgres', 'SELECT count(*) FROM posture.rejected'), '0', 'and not on a node')
  for @{ $cluster->{nodes} };
ok($_->safe_psql('postgres', 'SELECT count(*) FROM posture.asset') > 0, 'a node has assets')
  for @{ $cluster->{nodes} }, $head;
is($_->safe_psql('postgres', 'SELECT count(*) FROM posture_internal.routed'), '0', 'no slices')
  for @{ $cluster->{nodes} };

# a complete delivery of a few rows closes the others, on nodes without rows too
deliver([ join "\t", 'scan', 'r1', 'web-1', 'compliant', '\N', 'host', '\N', '\N' ],
	"posture.ingest('scan')");
is(differences_of_all($cluster, $findings), '', 'findings after a complete delivery');

# a node that fails leaves the inbox as it was, and the delivery again is the same
my @rows = map { "scan\tnew$_\tweb-$_\tcompliant\t\\N\thost\t\\N\t\\N" } 1 .. 25;
my $copy = join("\n", 'COPY posture.inbox FROM stdin;', @rows, '\.', '');
$_->safe_psql('postgres', $copy) for $head, $one;
$cluster->{nodes}[1]->stop('immediate');
my ($code, $out, $error) = $head->psql('postgres', 'SELECT * FROM posture.ingest()');
like($error, qr/node "w2" does not answer/, 'a node is down');
is($head->safe_psql('postgres', 'SELECT count(*) FROM posture.inbox'), '25', 'the inbox is as before');
$cluster->{nodes}[1]->start;
is($head->safe_psql('postgres', 'SELECT loaded FROM posture.ingest()'),
	$one->safe_psql('postgres', 'SELECT loaded FROM posture.ingest()'), 'delivered again');

# one node takes its rows and another fails: what was taken is unchanged when it comes again
$_->safe_psql('postgres', $copy =~ s/compliant/non_compliant/gr) for $head, $one;
$cluster->{nodes}[1]->safe_psql('postgres', <<'SQL');
CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''disk full''; END';
CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON posture.finding EXECUTE FUNCTION public.fail();
SQL
$copy = join("\n", 'COPY posture.inbox FROM stdin;',
	map({ "scan\tnewer\tweb-$_\tcompliant\t\\N\thost\t\\N\t\\N" } 1 .. 25), '\.', '');
$_->safe_psql('postgres', $copy) for $head, $one;
($code, $out, $error) = $head->psql('postgres', 'SELECT * FROM posture.ingest()');
like($error, qr/disk full/, 'a node fails');
is($head->safe_psql('postgres', 'SELECT count(*) FROM posture.inbox'), '50', 'the inbox is as before');
ok($cluster->{nodes}[0]->safe_psql('postgres', q{SELECT count(*)
	FROM posture.finding JOIN posture.recommendation USING (recommendation_id)
	WHERE key = 'newer'}) > 0, 'another node took its rows');
$cluster->{nodes}[1]->safe_psql('postgres', 'DROP FUNCTION public.fail() CASCADE');
$_->safe_psql('postgres', 'SELECT FROM posture.ingest()') for $head, $one;
is(differences_of_all($cluster, $findings), '', 'findings after failures');
same_reports($cluster, 'reports after failures', @reports);

# at its own door, a node takes rows about assets that it has, and leaves the others for the head
sub key_on
{
	my ($node) = @_;
	return $head->safe_psql('postgres', "SELECT 'new-' || n FROM generate_series(1, 1000) n
		CROSS JOIN LATERAL posture_internal.route_of('new-' || n) r
		WHERE r.node_id = $node ORDER BY n LIMIT 1");
}
my ($own, $foreign) = map { key_on($_) } 1, 2;
my ($w1, $w2) = @{ $cluster->{nodes} };
on_both($cluster, copy_rows("scan\tr1\t$own\tcompliant\t\\N\thost\t\\N\t\\N") . 'SELECT FROM posture.ingest();');
my $rows = copy_rows(map { "scan\tr2\t$_\tnon_compliant\t\\N\thost\t\\N\t\\N" } $own, $foreign);
($code, $out, $error) = $w1->psql('postgres', $rows . 'SELECT loaded FROM posture.ingest();');
is($out, 1, 'a node ingests');
like($error, qr/about 1 assets that this node does not have are left, such as of "$foreign"/, 'and leaves');
is($w1->safe_psql('postgres', 'SELECT asset FROM posture.inbox'), $foreign, 'a row in the inbox');
$one->safe_psql('postgres', "$rows SELECT FROM posture.ingest();");
$head->safe_psql('postgres', 'SELECT FROM posture.ingest()');
is(differences_of_all($cluster, $findings), '', 'which the head takes over');
is($_->safe_psql('postgres', 'SELECT count(*) FROM posture.inbox'), 0, 'no row waits') for $head, $w1, $w2;

# and invents no catalog
$w1->safe_psql('postgres', copy_rows("scan\tunheard\t$own\tcompliant\t\\N\thost\t\\N\t\\N") . 'SELECT FROM posture.ingest();');
is($w1->safe_psql('postgres', 'SELECT reason FROM posture.rejected'),
	'recommendation "unheard" of source "scan" does not exist, and this is node "w1": load it on '
	  . 'the head, which adds it',
	'an unknown recommendation on a node');
is($head->safe_psql('postgres', q{SELECT count(*) FROM posture.recommendation WHERE key = 'unheard'}),
	'0', 'and the head has none');

# what a head took over and could not load waits on the node, and is taken once
$rows = copy_rows(map { "scan\tr3\t$_\tcompliant\t\\N\thost\t\\N\t\\N" } map { key_on($_) } 1, 2);
$w1->safe_psql('postgres', $rows);
$w2->stop('immediate');
($code, $out, $error) = $head->psql('postgres', 'SELECT * FROM posture.ingest()');
like($error, qr/node "w2" does not answer/, 'a node of a row is down');
is($w1->safe_psql('postgres', 'SELECT count(*) FROM posture_internal.handed_over'), 1, 'the rows are kept');
$w2->start;
$_->safe_psql('postgres', 'SELECT FROM posture.ingest()') for $head, $head;
$one->safe_psql('postgres', "$rows SELECT FROM posture.ingest();");
is(differences_of_all($cluster, $findings), '', 'rows that were kept');
is($_->safe_psql('postgres', 'SELECT count(*) FROM posture_internal.handed_over'), 0, 'no slice is left')
  for $w1, $w2;

# a node that is down does not keep the head from deliveries to others
$w2->stop('immediate');
$rows = copy_rows("scan\tr4\t$own\tcompliant\t\\N\thost\t\\N\t\\N");
($code, $out, $error) = $head->psql('postgres', $rows . 'SELECT loaded FROM posture.ingest();');
is($out, 1, 'a delivery without a row for it');
like($error, qr/WARNING.*without node "w2"/, 'with a warning that its inbox waits');
$w2->start;
$one->safe_psql('postgres', "$rows SELECT FROM posture.ingest();");

# inventories that are copied to a node
$rows = "INSERT INTO posture.asset_inbox (source, asset, kind, aliases)
	VALUES ('scan', '$own', 'host', '{also}'), ('scan', 'brand-new', 'vm', '{newer}')";
$_->safe_psql('postgres', $rows) for $w1, $one;
($code, $out, $error) = $w1->psql('postgres', 'SELECT * FROM posture.ingest_assets()');
like($error, qr/the head of node "w1" knows the names of its assets/, 'a node ingests no inventory');
is($head->safe_psql('postgres', 'SELECT * FROM posture.ingest_assets()'),
	$one->safe_psql('postgres', 'SELECT * FROM posture.ingest_assets()'), 'its head does');
is(differences_of_all($cluster, q{SELECT a.key, a.kind, l.alias FROM posture.asset a LEFT JOIN posture.asset_alias l USING (asset_id)}),
	'', 'assets and aliases');
my $document = sprintf '[{"type": "asset", "key": "%s", "criticality": "high"}, {"type": "asset", "key": "unheard-of"},
	{"type": "finding", "source": "scan", "recommendation": "r1", "asset": "unheard-of", "state": "compliant"}]', $own;
is($w1->safe_psql('postgres', "SELECT loaded, rejected FROM posture.load('posture', '$document')"), '1|2',
	'a document on a node');
like($w1->safe_psql('postgres', q{SELECT reason FROM posture.rejected WHERE asset = 'unheard-of'}),
	qr/node "w1" does not have asset "unheard-of", or not by all its names: load it on the head/,
	'rejects assets of others');

stop_cluster($cluster);
done_testing();

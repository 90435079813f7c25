# Assets that move between a head and its nodes: all reports, of now and of past days, and all that
# the databases have of the assets together, stay as in one database that moves nothing.
# tests: node/moved_rows, node/move_step, node/move_assets

use strict;
use warnings;
use FindBin;
use List::Util 'min';
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestMove;
use TestNodes;
use TestPosture;

my $seed = $ENV{POSTURE_SEED} // int(rand(1000));
srand($seed);
note "POSTURE_SEED=$seed";

# One database with several days, until now no head. Observations are at whole hours, from which
# the limit of staleness is far.
my $head = new_node('move_head');
$head->safe_psql('postgres', "CREATE EXTENSION posture;\n" . days_sql($seed));
$head->stop;
$head->backup_fs_cold('cold');
my $one = PostgreSQL::Test::Cluster->new('move_one');
$one->init_from_backup($head, 'cold');
$_->start for $head, $one;
my $cluster = { head => $head, one => $one, nodes => [] };
$head->safe_psql('postgres', 'CREATE EXTENSION dblink');
my ($w1, $w2) = map { add_server($cluster, 'move') } 1 .. 2;
$head->safe_psql('postgres', "SELECT posture.federate('{w1,w2}')");

my @rows = (
	'SELECT a FROM posture.asset a', 'SELECT a FROM posture.asset_alias a',
	'SELECT a FROM posture.asset_source a', 'SELECT a FROM posture.attestation a',
	'SELECT e FROM posture.exemption e WHERE asset_id IS NOT NULL',
	'SELECT f.recommendation_id, asset_id, state, changed_at, details, e.keys
	 FROM posture.finding f LEFT JOIN posture.extent e USING (extent_id)');
my @sets = (
	[ 'snapshot', 'day', qw(inactive retired) ],
	[ 'exemption_snapshot', 'day, recommendation_id, kind', 'assets' ],
	[ 'asset_group_snapshot', 'day, asset_group_id', 'assets' ],
	[ 'asset_history', 'day, attribute, value', 'assets' ],
	[ 'finding_history', 'day, recommendation_id',
		qw(assessed exposed late_assessed late_exposed) ],
	[ 'confirmation', 'recommendation_id, observed_at', 'assets' ]);
for my $set (@sets)
{
	my ($table, $key, @columns) = @$set;
	push @rows, "SELECT '$table', '$_', $key, m FROM $table t, members($_) m" for @columns;
}

# All that the databases of the cluster have of assets is what the one has, and the store of each
# is right.
sub same_assets
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $differences = '';
	my $path = 'SET search_path = public, posture, posture_internal;';
	$_->safe_psql('postgres', 'SELECT FROM posture.fold()') for $head, $one, $w1, $w2;
	for my $query (@rows)
	{
		my %count;
		for my $side ([ $one, -1 ], map { [ $_, 1 ] } $head, $w1, $w2)
		{
			my $rows = $side->[0]->safe_psql('postgres', "$path SELECT x::text FROM ($query) x");
			$count{$_} += $side->[1] for split /\n/, $rows;
		}
		my @wrong = grep { $count{$_} } sort keys %count;
		$differences .= join("\n", $query, map { "$count{$_} $_" } @wrong[ 0 .. min($#wrong, 3) ])
		  . "\n" if @wrong;
	}
	is($differences, '', "$name: rows and history");
	is(join('', map { $_->safe_psql('postgres', 'SELECT * FROM posture.verify()') }
			$head, $w1, $w2), '', "$name: verify");
	return;
}

# Before a delivery, also the times at which recommendations last changed are those of the one.
my @recommendations = 'SELECT * FROM posture.recommendation_report';

sub same_everywhere
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $scenario = '{"ignore_exemptions": true, "remediate": ["scan:r1"]}';
	same_reports($cluster, "$name: reports", @asset_free_reports[ 0 .. 2 ], @recommendations,
		'SELECT * FROM posture.score_history', 'SELECT * FROM posture.event_report',
		q{SELECT changed_by, object, field, old, new FROM posture.change_log
		  WHERE object_kind NOT IN ('role', 'node')},
		"SELECT * FROM posture.report_at(NULL, 'vip')",
		"SELECT * FROM posture.report_at(NULL, 'vip', '$scenario')",
		map { "SELECT d, x FROM unnest('{0,2,4,6}'::integer[]) d, LATERAL $_ x" }
		"posture.report_at(posture.today() - d)",
		"posture.report_at(posture.today() - d, 'hosts')",
		"posture.report_at(posture.today() - d, 'vip', '$scenario')",
		'(SELECT key, posture.assets_at(key, posture.today() - d) FROM posture.metric)',
		"posture.unassessed_at('m3', posture.today() - d)");
	return;
}

sub moved
{
	my ($from, $to, $buckets) = @_;
	return $head->safe_psql('postgres', sprintf("SELECT * FROM posture.move_assets('%s', '%s', %s)",
		$from, $to, $buckets // 'NULL'));
}

same_assets('before');
like(moved('head', 'w1'), qr/\A341\|[1-9]\d+\|[1-9]\d+\z/, 'an even share moves to a node');
same_everywhere('a node');
same_assets('a node');

is(moved('head', 'w2', 1024) =~ s/\|.*//sr, '683', 'the rest moves to another node');
same_everywhere('an empty head');
same_assets('an empty head');
is($head->safe_psql('postgres', 'SELECT count(*) FROM posture.asset'), '0', 'the head has none');
is(moved('w1', 'w2') =~ s/\|.*//sr, '0', 'a node that has more than its share gets none');

# A node stops in the middle, when it has the assets and gets their days.
my $lock = $w2->background_psql('postgres');
$lock->query_safe('BEGIN');
$lock->query_safe('LOCK TABLE posture.snapshot IN SHARE MODE');
my ($out, $err) = ('', '');
my $move = IPC::Run::start([ 'psql', '-XAtq', '-d', $head->connstr('postgres'), '-c',
	"SELECT * FROM posture.move_assets('w1', 'w2', 1024)" ], '<', \undef, '>', \$out, '2>', \$err);
$w2->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted");
same_everywhere('during a move');
$w2->stop('immediate');
$move->finish;
like($err, qr/ERROR/, 'a move to a node that stops fails');
$lock->{run}->finish;
$w2->start;
same_everywhere('after a crash of a node');
same_assets('after a crash of a node');
like(moved('w1', 'w2', 1024), qr/\A341\|/, 'repeated, it moves');
is($head->safe_psql('postgres', <<'SQL'), '', 'the head knows what each node has now');
CREATE TEMP TABLE was AS TABLE posture_internal.node_count; SELECT FROM posture_internal.remember_nodes();
(TABLE was EXCEPT ALL TABLE posture_internal.node_count) UNION ALL (TABLE posture_internal.node_count EXCEPT ALL TABLE was);
SQL
same_everywhere('all on one node');
same_assets('all on one node');

# one of the two databases does not commit
$w2->safe_psql('postgres', <<'SQL');
CREATE FUNCTION s_fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'no commit';
END $$;
CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON posture_internal.asset_move
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION s_fail();
SQL
isnt($head->psql('postgres', "SELECT * FROM posture.move_assets('w2', 'w1', 100)"), 0,
	'the node that had the assets does not commit');
$w2->safe_psql('postgres', 'DROP FUNCTION s_fail CASCADE');
is(moved('w1', 'w2', 0), '0|0|0', 'the next call takes back');
same_everywhere('after a commit that failed');
same_assets('after a commit that failed');

$head->safe_psql('postgres', "BEGIN; SELECT FROM posture.move_assets('w2', 'head', 300); ROLLBACK");
is(moved('w1', 'w2', 0), '0|0|0', 'the next call puts back what the head did not take');
same_everywhere('after a head that did not commit');
same_assets('after a head that did not commit');

like(moved('w2', 'head', 300), qr/\A300\|/, 'assets move back to the head');
like(moved('w2', 'w1', 300), qr/\A300\|/, 'and from node to node');
$head->safe_psql('postgres', "BEGIN; SELECT FROM posture.move_assets('head', 'w1', 200); ROLLBACK");
is(moved('w1', 'w2', 0), '0|0|0', 'the next call removes what the head still has');
same_everywhere('spread over all');
same_assets('spread over all');

is(join(' ', map { $_->safe_psql('postgres', <<'SQL') } $w1, $w2), '0 0', 'a move is no decision');
SELECT count(*) FROM posture.change_log WHERE new LIKE '%for asset%'
SQL
like($head->safe_psql('postgres', 'SELECT object, new FROM posture.change_log'), qr/^head\|341 buckets moved from head to w1$/m, 'but it is logged');

# what cannot be moved
my $twin = $head->safe_psql('postgres', <<'SQL');
SELECT 'twin' || n FROM generate_series(1, 10000) n
JOIN posture_internal.bucket b ON b.bucket = posture_internal.hash_bucket('twin' || n)
WHERE b.node_id = 1 LIMIT 1
SQL
$_->safe_psql('postgres', "INSERT INTO posture.asset (key, name) VALUES ('$twin', 'Twin')")
  for $w1, $w2;
for my $case (
	[ "'w1', 'w2', 1024", 'node "w2" already has an asset "' . $twin . '"' ],
	[ "'w9', 'w2'", 'node "w9" does not exist' ],
	[ "'w1', 'w1'", 'assets of node "w1" are there already' ],
	[ "'w1', 'w2', 2000", 'cannot move 2000 buckets' ])
{
	$head->psql('postgres', "SELECT * FROM posture.move_assets($case->[0])", stderr => \$err);
	like($err, qr/ERROR:  \Q$case->[1]\E/, $case->[1]);
}
$_->safe_psql('postgres', "DELETE FROM posture.asset WHERE key = '$twin'") for $w1, $w2;
$head->psql('postgres', <<'SQL', stderr => \$err);
CREATE ROLE reader;
SELECT posture.grant_access('reader', 'operator');
SET ROLE reader;
SELECT * FROM posture.move_assets('w1', 'w2');
SQL
like($err, qr/permission denied for move_assets\(\)/, 'an operator cannot move assets');

# deliveries change the findings where they are
@recommendations = "SELECT to_jsonb(r) - 'last_changed' FROM posture.recommendation_report r";
for my $node ($head, $w1, $w2)
{
	my @keys = split /\n/, $node->safe_psql('postgres', <<'SQL');
SELECT key FROM posture.asset UNION ALL SELECT alias FROM posture.asset_alias
SQL
	# one row of each finding, because what wins among several of a moment is not defined
	my %row;
	for my $key (@keys, @keys, @keys)
	{
		my @finding = (qw(scan cloud)[ rand 2 ], 1 + int rand 6);
		$row{ join(' ', @finding, $key =~ s/alias-//r) } = sprintf("('%s', 'r%d', '%s', '%s', %d)",
			@finding, $key, qw(compliant non_compliant not_applicable)[ rand 3 ], 1 + rand 9);
	}
	my $rows = join(', ', map { $row{$_} } sort keys %row);
	$_->safe_psql('postgres', <<"SQL") for $node, $one;
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at)
SELECT s, r, a, state::posture.finding_state,
       posture.day_end(posture.today() - 1) + h * interval '1 hour'
FROM (VALUES $rows) v(s, r, a, state, h);
SELECT FROM posture.ingest(extent => 'acct/1', only_source => 'scan');
SELECT FROM posture.ingest();
SQL
}
same_everywhere('deliveries');

is($head->safe_psql('postgres', q{SELECT key FROM posture.node ORDER BY 1}), "w1\nw2", 'nodes');
like($head->safe_psql('postgres', q{SELECT * FROM posture.remove_node('w2')}), qr/\A424\|/,
	'a node is removed');
is($w2->safe_psql('postgres', 'SELECT count(*) FROM posture.asset') . $w2->safe_psql('postgres',
		'SELECT count(*) FROM posture_internal.place'), '00', 'it has nothing');
same_everywhere('a node less');
like($head->safe_psql('postgres', q{SELECT * FROM posture.remove_node('w1')}), qr/\A\d+\|/,
	'the last node is removed');
@recommendations = 'SELECT * FROM posture.recommendation_report';
# each database merges its confirmations at its own times
pop @rows;
same_everywhere('no node');
same_assets('no node');
is($head->safe_psql('postgres', 'SELECT DISTINCT node_id FROM posture_internal.bucket'),
	'0', 'the head has all buckets');

$_->stop for $head, $one, $w1, $w2;
done_testing();

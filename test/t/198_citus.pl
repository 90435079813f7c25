# Workers of Citus as nodes: what is asked, delivered, moved and closed through them is that of
# one database, and a transaction is committed on all or on none. Skipped without Citus, which is
# not in Debian.
# tests: node/ask_workers, node/distribute

use strict;
use warnings;
use FindBin;
use IPC::Run;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestNodeData;
use TestNodes;
use TestPosture;

chomp(my $library = `$ENV{PG_CONFIG} --pkglibdir`) if $ENV{PG_CONFIG};
chomp($library = `pg_config --pkglibdir`) unless $library;
plan skip_all => 'Citus is not installed' unless -e "$library/citus.so";

# Citus connects by TCP or by socket, as the role that asks.
my $conf = <<"CONF";
shared_preload_libraries = 'citus'
max_prepared_transactions = 50
wal_level = logical
citus.node_conninfo = 'sslmode=disable'
citus.enable_statistics_collection = off
citus.recover_2pc_interval = '1s'
CONF
my $zone = sprintf "posture.timezone = 'Etc/GMT%+d'\n", (gmtime)[2] - 12;
my ($head, $one, $w1, $w2) = map { new_node("citus_$_", $zone . ($_ eq 'one' ? '' : $conf), allows_streaming => 1) } qw(head one w1 w2);
my $cluster = { head => $head, one => $one, nodes => [ $w1, $w2 ] };
for my $server ($head, $w1, $w2)
{
	$server->safe_psql('postgres', sprintf("ALTER SYSTEM SET citus.local_hostname = '%s'", $server->host));
	$server->reload;
	$server->safe_psql('postgres', 'CREATE EXTENSION citus');
}
$head->safe_psql('postgres', sprintf("SELECT citus_set_coordinator_host('%s', %d)", $head->host, $head->port));
$head->safe_psql('postgres', sprintf("SELECT citus_add_node('%s', %d)", $_->host, $_->port)) for $w1, $w2;
on_both($cluster, 'CREATE EXTENSION posture');

# one machine, which then moves out
sub delivery
{
	my ($seed, $assets) = @_;
	return <<"SQL";
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at, asset_kind)
SELECT CASE r % 2 WHEN 0 THEN 'scan' ELSE 'cloud' END, 'r' || r, 'asset-' || a,
       (ARRAY['compliant', 'non_compliant', 'not_applicable'])[1 + abs(hashtext(a || '/' || r || '$seed')) % 3],
       date_trunc('minute', now()) - interval '2 hours' + $seed * interval '1 minute',
       (ARRAY['host', 'user'])[1 + a % 2]
FROM generate_series(1, $assets) a, generate_series(1, 9) r WHERE abs(hashtext(r || '-' || a || '$seed')) % 2 = 0;
SELECT FROM posture.ingest();
SQL
}
sub same
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	same_reports($cluster, $name,
		@asset_free_reports[ 0 .. 2 ],
		q{SELECT to_jsonb(r) - 'last_changed' FROM posture.recommendation_report r},
		"SELECT * FROM posture.report_at(NULL, 'hosts')",
		q{SELECT * FROM posture.report_at(scenario => '{"remediate": ["scan:r2"]}')},
		'SELECT asset, recommendation, state FROM posture.finding_report',
		'SELECT day, object_kind, object, score FROM posture.score_history',
		'SELECT kind, day, object, score, cause FROM posture.event_report',
		q{SELECT changed_by, object, field, old, new FROM posture.change_log WHERE object_kind NOT IN ('role', 'node') AND field <> 'retired_at'},
		'SELECT i.key, p.* FROM posture.initiative i CROSS JOIN LATERAL posture.plan(i.key) p');
	is(join('', map { $_->safe_psql('postgres', 'SELECT v::text FROM posture.verify() v') } $head), '', "$name: verify");
	return;
}

on_both($cluster, <<'SQL');
INSERT INTO posture.source (key, name) VALUES ('scan', 'Scanner'), ('cloud', 'Cloud');
INSERT INTO posture.recommendation (source_id, key, title, max_points)
SELECT source_id, 'r' || r, 'Recommendation ' || r, r FROM posture.source, generate_series(1, 9) r
WHERE (r % 2 = 0) = (posture.source.key = 'scan');
INSERT INTO posture.asset_group (key, name, kinds) VALUES ('hosts', 'Hosts', '{host}');
INSERT INTO posture.metric (key, name, drop_threshold) SELECT 'm' || m, 'Metric ' || m, 0.1 FROM generate_series(1, 4) m;
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM posture.metric m, posture.recommendation r
WHERE (m.metric_id + r.recommendation_id) % 3 = 0;
INSERT INTO posture.initiative (key, name, method)
VALUES ('i1', 'One', 'weighted'), ('i2', 'Two', 'population'), ('i3', 'Three', 'points');
INSERT INTO posture.initiative_metric
SELECT i.initiative_id, m.metric_id FROM posture.initiative i, posture.metric m
WHERE (i.initiative_id + m.metric_id) % 2 = 0;
SQL
on_both($cluster, delivery(1, 60));
on_both($cluster, "SET client_min_messages = error; SELECT FROM posture.take_snapshot(posture.today() - 2)");
is($head->safe_psql('postgres', 'SELECT * FROM posture.distribute() ORDER BY 1'), "worker1\nworker2", 'workers');
same('distributed');
$head->safe_psql('postgres', "SELECT * FROM posture.move_assets('head', '$_', 512)") for qw(worker1 worker2);
is($head->safe_psql('postgres', 'SELECT count(*) FROM posture.asset'), 0, 'the head has no assets');
same('moved');

# deliveries and the catalog, through the head
on_both($cluster, delivery(2, 90));
on_both($cluster, "UPDATE posture.metric SET importance = 'critical' WHERE key = 'm2'; UPDATE posture.recommendation SET is_active = false WHERE key = 'r9'");
same('a delivery');
on_both($cluster, "SET client_min_messages = error; SELECT FROM posture.take_snapshot(posture.today() - 1)");
same('a day');
# part of a source, and a document
sub document
{
	my ($states) = @_;
	return 'SELECT FROM posture.load(\'posture\', $d$[' . join(', ', map {
			sprintf '{"type": "finding", "source": "scan", "recommendation": "r2", "asset": "asset-%d", "state": "%s"}',
			  $_, $_ % $states ? 'compliant' : 'non_compliant' } 1 .. 40)
	  . ', {"type": "asset", "key": "asset-1", "criticality": "critical", "aliases": ["one"]}]$d$::jsonb, \'scan\', true)';
}
on_both($cluster, document(3));
same('a document');
on_both($cluster, document(4));
same('another');
my $owners = join '', map { my $owner = $_; 'SELECT FROM posture.load(\'posture\', \'['
	  . join(', ', map { qq({"type": "asset", "key": "asset-$_", "owner": "$owner"}) } 1 .. 9) . ']\');' } qw(ops web);
on_both($cluster, "BEGIN; $owners COMMIT");
on_both($cluster, 'BEGIN; ' . $owners =~ s/ops/other/r . 'ROLLBACK');
same('decisions of a transaction');
on_both($cluster, <<'SQL');
INSERT INTO posture.inbox (source, recommendation, asset, state)
SELECT 'cloud', 'r3', 'asset-' || a, 'non_compliant' FROM generate_series(1, 20) a;
SELECT FROM posture.ingest('cloud', extent => 'site');
INSERT INTO posture.inbox (source, recommendation, asset, state)
SELECT 'cloud', 'r3', 'asset-' || a, 'compliant' FROM generate_series(1, 10) a;
SELECT FROM posture.ingest('cloud', extent => 'site');
SQL
same('part of a source');
is(join('', map { $_->safe_psql('postgres', q{SELECT c.relname FROM pg_class c
	WHERE c.relnamespace = 'posture_internal'::regnamespace AND c.relpersistence = 'u'}) } $w1, $w2), '', 'workers keep no working table');
my $reads = 'SELECT score FROM posture.overview ORDER BY initiative';
my $inside = "BEGIN; UPDATE posture.metric SET importance = 'low' WHERE key = 'm2'; " . delivery(3, 90);
is($head->safe_psql('postgres', "$inside $reads"), $one->safe_psql('postgres', "$inside $reads"), 'a transaction sees what it wrote');
same('rolled back');
$inside =~ s/BEGIN/BEGIN; SAVEPOINT s/;
on_both($cluster, "$inside ROLLBACK TO s; COMMIT");
same('rolled back to a savepoint');

# rows that were copied into the inboxes of workers: known assets, new ones, and bad rows
(my $copied = delivery(2.5, 95)) =~ s/^SELECT FROM posture.ingest.*//m;
$copied .= q{INSERT INTO posture.inbox (source, recommendation, asset, state) VALUES ('scan', 'r2', 'asset-1', 'bad');};
sub waiting { return join '|', map { $_->safe_psql('postgres', 'SELECT count(*) FROM posture.inbox') } $head, $w1, $w2 }
$_->safe_psql('postgres', $copied) for $w1, $one;
my $waiting = waiting();
$head->safe_psql('postgres', 'BEGIN; SELECT FROM posture.ingest(); ROLLBACK');
is(waiting(), $waiting, 'rolled back on all');
my $counts = 'SELECT loaded, changed, rejected FROM posture.ingest()';
is($head->safe_psql('postgres', $counts), $one->safe_psql('postgres', $counts), 'rows of the inbox of a worker');
is(waiting(), '0|0|0', 'no row waits');
same('copied to a worker');

# assets of different workers are merged, or are not
my ($of_one, $of_two) = map { $head->safe_psql('postgres', "SELECT 'asset-' || n FROM generate_series(1, 60) n
	CROSS JOIN LATERAL posture_internal.route_of('asset-' || n) r WHERE r.node_id = $_ ORDER BY n LIMIT 1") } 1, 2;
my $merge = "SELECT FROM posture.merge_asset('$of_one', '$of_two')";
on_both($cluster, "BEGIN; $merge; ROLLBACK");
same('a merge that is rolled back');
on_both($cluster, $merge);
on_both($cluster, "INSERT INTO posture.inbox (source, recommendation, asset, state)
	VALUES ('scan', 'r4', '$of_one', 'non_compliant'); SELECT FROM posture.ingest()");
same('a merge over workers');

# a worker that fails
$w2->stop('immediate');
my ($rc, $out, $err) = query_as($head, 'postgres', superuser(), $reads);
like($err, qr/node "worker2" does not answer/, 'a worker is down');
($rc, $out, $err) = query_as($head, 'postgres', superuser(), "SET posture.partial_results = on; $reads");
is($rc, 0, 'partial results');
like($err, qr/without node "worker2"/, 'a warning');
isnt($head->psql('postgres', delivery(3, 90)), 0, 'a delivery fails');
$w2->start;
on_both($cluster, 'TRUNCATE posture.inbox');
same('after it is back');

# killed before the transaction commits, and between PREPARE and COMMIT PREPARED
my $session = $head->background_psql('postgres', on_error_stop => 0);
$session->query('BEGIN; ' . delivery(4, 90));
kill_server($w2);
eval { $session->query('COMMIT'); $session->quit };
$head->poll_query_until('postgres', 'SELECT recover_prepared_transactions() = 0');
same('killed before COMMIT');

# killed between PREPARE and COMMIT PREPARED: a standby that does not exist keeps the head in its
# own commit, which is between the two
sub alter { $head->safe_psql('postgres', "ALTER SYSTEM $_[0] synchronous_standby_names"
		. ($_[0] eq 'SET' ? " = 'nobody'" : '')); $head->reload; return }
alter('SET');
my ($stdout, $stderr) = ('', '');
my $commit = IPC::Run::start([ 'psql', '-XAtq', '-d', $head->connstr('postgres'), '-c', delivery(5, 90) ],
	'<', \undef, '>', \$stdout, '2>', \$stderr);
my $prepared = q{SELECT count(*) > 0 FROM pg_prepared_xacts WHERE gid LIKE 'citus%'};
ok($w2->poll_query_until('postgres', $prepared), 'a worker has prepared');
kill_server($w2);
is($w2->safe_psql('postgres', $prepared), 't', 'what it prepared survives');
alter('RESET');
$commit->finish;
$one->safe_psql('postgres', delivery(5, 90));
ok($w2->poll_query_until('postgres', $prepared, 'f'), 'Citus commits it');
same('killed after PREPARE');

# the shard that stands for a worker is moved: the other worker refuses
$head->safe_psql('postgres', sprintf(<<'SQL', $w2->host, $w2->port, $w1->host, $w1->port));
SELECT citus_move_shard_placement(s.shardid, '%s', %d, '%s', %d, 'block_writes')
FROM citus_shards s WHERE s.table_name = 'posture_nodes.place'::regclass AND s.nodeport = (SELECT p.nodeport
    FROM pg_dist_node p WHERE p.groupid = 2)
LIMIT 1
SQL
($rc, $out, $err) = query_as($head, 'postgres', superuser(), $reads);
like($err, qr/this database is not node 2 of the head that asks/, 'a worker does not answer for another');
$head->safe_psql('postgres', 'SELECT posture_internal.place_workers()');
same('placed again');

# a standby takes over for a worker
my $backup = $w2->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('citus_standby');
$standby->init_from_backup($w2, 'b', has_streaming => 1);
$standby->start;
$w2->wait_for_catchup($standby, 'replay', $w2->lsn('flush'));
$w2->stop('immediate');
$standby->promote;
$head->safe_psql('postgres', sprintf("SELECT citus_update_node(nodeid, '%s', %d) FROM pg_dist_node WHERE groupid = 2", $standby->host, $standby->port));
$cluster->{nodes}[1] = $standby;
same('a standby took over');
on_both($cluster, delivery(6, 95));
same('a delivery to it');

# a role of the cluster reads as the one that granted it
$head->safe_psql('postgres', q{CREATE ROLE bi LOGIN; SELECT posture.grant_access('bi', 'reader')});
$one->safe_psql('postgres', q{CREATE ROLE bi LOGIN; SELECT posture.grant_access('bi', 'reader')});
is((query_as($head, 'postgres', 'bi', $reads))[1], (query_as($one, 'postgres', 'bi', $reads))[1], 'a reader');
isnt((query_as($head, 'postgres', 'bi', $reads))[1], '', 'reads');
$head->safe_psql('postgres', q{SELECT posture.revoke_access('bi')});
like((query_as($head, 'postgres', 'bi', $reads))[2], qr/permission denied/, 'no longer');

$head->safe_psql('postgres', "SELECT * FROM posture.remove_node('$_')") for qw(worker1 worker2);
same('one machine again');
is($head->safe_psql('postgres', 'SELECT count(*) FROM posture.node'), 0, 'without nodes');

$_->stop for $head, $one, $w1, $standby;
done_testing();

# What each level can write: an owner acknowledges its events in its own name, a curator that is
# also a loader loads documents of each format, an operator runs the job, and none of them
# anything else. A loader alone is in test/t/132_loader.pl.
# tests: access/row_security, access/table_privilege, access/function_fence

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestAccess;
use TestDocument;
use TestPosture;

access_node('access');
grant_levels();
is(answer('alice', 'SELECT string_agg(DISTINCT item, \', \' ORDER BY item) FROM posture.status()'),
	'job, silent sources', 'status() shows an owner nothing of derived tables');

# ---- an owner ----

my $id = answer('alice', q{SELECT min(event_id) FROM posture.event_report WHERE kind LIKE 'initiative%'});
my $event = "status, acknowledged_by, reopened_by, note FROM posture.event_report WHERE event_id = $id";
is(answer('alice', "SELECT posture.acknowledge($id, 'seen'); SELECT $event"),
	"\nacknowledged|alice||seen", 'an owner acknowledges an event');
is(answer('alice', "SELECT posture.reopen($id, 'again'); SELECT $event"),
	"\nopen|alice|alice|again", 'and opens it again');
is(answer('alice', "SELECT posture.acknowledge($id); SELECT $event"),
	"\nacknowledged|alice|alice|again", 'and acknowledges it again');
is(answer('bob', "SELECT posture.acknowledge(min(event_id)) FROM posture.event_report
		WHERE kind LIKE 'initiative%'; SELECT count(*) FROM posture.event_report WHERE acknowledged_by = 'bob'"),
	"\n1", 'a member of an owner acknowledges in its own name');
# nobody but the functions writes events, also not the names in them
for my $role ('alice', 'plain_reader', 'curator', 'operator')
{
	for my $set (q{status = 'open', reopened_by = 'bob', reopened_at = now()},
		q{acknowledged_by = current_user, acknowledged_at = now()}, q{note = 'mine'}, 'score = 100')
	{
		like(answer($role, "UPDATE posture.event SET $set WHERE event_id = $id"),
			qr/permission denied/, "$role does not set $set");
	}
}

# ---- an owner that is also a reader ----

my $grant = q{SELECT posture.revoke_access('alice'); SELECT posture.grant_access('alice', 'owner')};
$node->safe_psql('warehouse', q{SELECT posture.grant_access('alice', 'reader')});
my $theirs = answer('alice', q{SELECT min(event_id) FROM posture.event
	JOIN posture.initiative USING (initiative_id) WHERE owner IS DISTINCT FROM 'alice'});
for my $call ('acknowledge', 'reopen')
{
	like(answer('alice', "SELECT posture.$call($theirs)"),
		qr/event $theirs does not exist/, "sees those of others, but not: $call()");
}
is(answer('alice', "SELECT posture.acknowledge($id); SELECT posture.reopen($id)"), "\n", 'but its own');
$node->safe_psql('warehouse', $grant);

# ---- readers and owners write nothing else ----

my @writes = (
	(map { ("DELETE FROM $_", "INSERT INTO $_ OVERRIDING SYSTEM VALUE SELECT * FROM $_") }
		  tables($node, 'warehouse')),
	'UPDATE posture.event SET score = 100',
	q{UPDATE posture.initiative SET owner = 'alice'},
	'SELECT posture.ingest()', 'SELECT posture.take_snapshot()', 'CALL posture.run_daily()',
	'SELECT posture.fold()', 'SELECT posture.rebuild()', 'SELECT posture.assess_cluster()',
	'SELECT posture.apply_rules()', q{SELECT posture.merge_asset('alice-1', 'alice-2')},
	q{SELECT posture.install_pack('ransomware')}, q{SELECT posture.forget_source('scan')},
	'SELECT posture.restore_access()',
	q{SELECT posture.load('posture', '{"type": "source", "key": "x", "name": "X"}'::jsonb)});
for my $role ('plain_reader', 'alice', 'fleet')
{
	my @tried = (@writes, $role eq 'plain_reader' ? "SELECT posture.acknowledge($id)" : ());
	my %answer = answers_as($role, { map { $_ => $_ } @tried });
	my @wrong = grep { $answer{$_} !~ /permission denied( for (table|function)|: role .* (needs level|does not see all rows))/ } @tried;
	is(join("\n", map { "$_: $answer{$_}" } @wrong), '', "$role writes nothing");
}

# ---- a curator that is a loader of some sources ----

my @sources = split /\n/, $node->safe_psql('warehouse', join ";\n", 'BEGIN',
	(map { "DO \$do\$ BEGIN PERFORM posture.load('$_->[0]', '" . ($_->[1] =~ s/'/''/gr) . "'); END \$do\$" } documents()),
	q{SELECT key FROM posture.source UNION VALUES ('more'), ('nowhere'), ('postgresql')}, 'ROLLBACK');
$node->safe_psql('warehouse', join ";\n", map { "SELECT posture.grant_access('curator', 'loader', '$_')" } @sources);
my ($rc, $out, $err) = as_role('curator', <<'SQL');
SET client_min_messages = warning;
COPY posture.inbox (source, recommendation, asset, state, asset_kind) FROM STDIN (FORMAT csv);
scan,a1,alice-1,compliant,host
scan,a1,truck-21,non_compliant,truck
scan,new,New,non_compliant,host
scan,new,NEW,non_compliant,host
nowhere,a1,x,compliant,host
\.
SELECT loaded, rejected FROM posture.ingest('scan');
SELECT loaded, rejected FROM posture.load('posture', '[
  {"type": "source", "key": "more", "name": "More"},
  {"type": "recommendation", "source": "more", "key": "r", "title": "R"},
  {"type": "asset", "key": "x", "aliases": ["y"], "tags": {"a": "b"}},
  {"type": "asset_group", "key": "g", "name": "G"},
  {"type": "importance_weight", "importance": "low", "weight": 2},
  {"type": "metric", "key": "m", "name": "M",
   "recommendations": [{"source": "more", "recommendation": "r"}]},
  {"type": "initiative", "key": "i", "name": "I", "metrics": [{"metric": "m"}]},
  {"type": "benchmark", "initiative": "i", "key": "b", "name": "B", "day": "2024-01-01",
   "score": 5},
  {"type": "measure", "source": "more", "recommendation": "r", "achieved": 1, "possible": 2,
   "observed_at": "2024-01-01T00:00:00Z"},
  {"type": "exemption", "source": "more", "recommendation": "r", "kind": "waived", "reason": "x",
   "approved_by": "me", "created_at": "2024-01-01T00:00:00Z"},
  {"type": "recommendation", "source": "more", "key": "by hand", "is_manual": true},
  {"type": "attestation", "source": "more", "recommendation": "by hand", "asset": "x",
   "state": "compliant", "attested_at": "2024-01-01T00:00:00Z", "valid_until": "2024-06-30"},
  {"type": "finding", "source": "more", "recommendation": "r", "asset": "x",
   "state": "compliant"}]'::jsonb);
SELECT posture.attest('by hand', 'non_compliant');
SELECT attested_by FROM posture.attestation a JOIN posture.asset USING (asset_id)
WHERE key = 'organisation';
SELECT loaded > 10, rejected FROM posture.assess_cluster();
SELECT loaded > 10, changed < 5 FROM posture.assess_cluster();
SELECT initiative, score IS NOT NULL FROM posture.overview WHERE initiative = 'ia';
SQL
is("$rc$err\n$out", "0\n4|2\n13|0\n\ncurator\nt|0\nt|t\nia|t", 'it loads findings and reads scores');
for my $sql ('SELECT posture.fold()', 'SELECT posture.take_snapshot()', 'CALL posture.run_daily()',
	'DELETE FROM posture.event', 'UPDATE posture_internal.finding_history SET day = day')
{
	like(answer('curator', $sql), $sql =~ /posture\.\w+\(/ ? qr/role "curator" needs level/ :
		qr/permission denied for table/, "but not: $sql");
}
# a document of each format twice: the second time it updates and deletes
for my $document (documents())
{
	my ($format, $text) = @$document;
	my $load = "SELECT rejected FROM posture.load('$format', '" . ($text =~ s/'/''/gr) . "')";
	is(answer('curator', $load), '0', "it loads $format, time $_") for 1, 2;
}
is($node->safe_psql('warehouse', 'SELECT * FROM posture.verify()'),
	'', 'verify() finds no difference');

# ---- an operator ----

($rc, $out, $err) = as_role('operator', <<"SQL");
CALL posture.run_daily();
SELECT count(*) FROM posture.verify();
SELECT count(*) FROM posture.rebuild();
SELECT slices >= 0 FROM posture.fold();
SELECT initiatives > 0 FROM posture.take_snapshot();
SELECT posture.acknowledge(min(event_id), 'operator') FROM posture.event;
SQL
is("$rc$err\n$out", "0\n0\n1\nt\nt\n",
	'an operator runs the job, folds, rebuilds, verifies, takes snapshots, acknowledges');
$node->safe_psql('warehouse', 'DELETE FROM posture.snapshot WHERE day = posture.today() - 1');
($rc, $out, $err) = as_role('operator', <<"SQL");
SET posture.retention_days = 1;
CALL posture.run_daily();
SELECT count(*) FROM posture.event WHERE day < posture.today() - 1;
SELECT scores > 0 FROM posture.forget_day(posture.today() - 1);
SELECT days FROM posture.backfill(posture.today() - 1);
SQL
is("$rc$err\n$out", "0\n0\nt\n1", 'and deletes old days');
is(answer('operator', q{SELECT outcome, counts ->> 'purged' > '0'
	FROM posture.run ORDER BY run_id DESC LIMIT 1}), 'ok|t', 'without an error');
for my $sql ('SELECT posture.ingest()', 'DELETE FROM posture.finding',
	q{SELECT posture.attest('by hand', 'compliant')}, 'UPDATE posture.attestation SET note = note',
	'UPDATE posture.finding SET state = state', 'UPDATE posture.exemption SET reason = reason',
	q{DELETE FROM posture.snapshot}, q{UPDATE posture.metric SET name = 'x'})
{
	like(answer('operator', $sql), $sql =~ /posture\.\w+\(/ ? qr/role "operator" needs level/ :
		qr/permission denied for table/, "but not: $sql");
}
is($node->safe_psql('warehouse', 'SELECT * FROM posture.verify()'),
	'', 'verify() finds no difference');

$node->stop;
done_testing();

# Documents that a head loads: load() and ingest_assets() count what they count on one server, and
# what people write about an asset reaches its node.
# tests: node/door_load, node/door_person

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestNodes;
use TestPosture;

my $cluster = new_cluster('load', 2);
my ($head, $one, @nodes) = (@{$cluster}{qw(head one)}, @{ $cluster->{nodes} });
$head->safe_psql('postgres', 'UPDATE posture_internal.bucket SET node_id = bucket % 3');

my @state = (
	q{SELECT s.key AS source, r.key AS recommendation, a.key AS asset, f.state, f.details, e.keys,
	         e.version
	  FROM posture.finding f JOIN posture.recommendation r USING (recommendation_id)
	  JOIN posture.source s USING (source_id) JOIN posture.asset a USING (asset_id)
	  LEFT JOIN posture.extent e USING (extent_id)},
	q{SELECT key, kind, name, criticality, owner, tags, retired_at IS NULL AS counts,
	         ARRAY(SELECT alias::text FROM posture.asset_alias l WHERE l.asset_id = a.asset_id
	               ORDER BY 1) AS aliases,
	         ARRAY(SELECT s.key::text FROM posture.asset_source x JOIN posture.source s USING (source_id)
	               WHERE x.asset_id = a.asset_id ORDER BY 1) AS known_by
	  FROM posture.asset a},
	q{SELECT r.key AS recommendation, a.key AS asset, e.kind, e.reason, e.approved_by, e.is_reported
	  FROM posture.exemption e JOIN posture.recommendation r USING (recommendation_id)
	  JOIN posture.asset a USING (asset_id)},
	q{SELECT r.key AS recommendation, a.key AS asset, t.state, t.evidence, t.attested_by
	  FROM posture.attestation t JOIN posture.recommendation r USING (recommendation_id)
	  JOIN posture.asset a USING (asset_id)});

# Runs a statement on the head and on the one server, which must answer the same, and as expected.
sub same_answer
{
	my ($sql, $name, $expected) = @_;
	my @answer = map {
		my (undef, $out, $err) = $_->psql('postgres', $sql, on_error_stop => 0);
		$err =~ s/^psql:\S+ //mg;
		"$out|$err"
	} $head, $one;
	is($answer[0], $answer[1], $name);
	like($answer[1], $expected // qr/\A((?!ERROR).)*\z/s, "$name: as expected");
	is(differences_of_all($cluster, @state), '', "$name: what is stored");
	return;
}

sub load
{
	my ($format, $document, $arguments, $name, $expected) = @_;
	same_answer("SELECT * FROM posture.load('$format', \$d\$$document\$d\$::jsonb $arguments)", $name,
		$expected);
	return;
}

# format posture: catalog and what is about assets
my $members = join ', ', map { "{\"type\": \"finding\", \"source\": \"own\", \"recommendation\": \"r"
	  . ($_ % 4) . "\", \"asset\": \"a$_\", \"state\": \"" . ($_ % 3 ? 'compliant' : 'non_compliant')
	  . "\", \"asset_kind\": \"host\"}" } 1 .. 40;
load('posture', qq([{"type": "source", "key": "own", "name": "Own"},
 {"type": "recommendation", "source": "own", "key": "r1", "title": "One"},
 {"type": "recommendation", "source": "own", "key": "policy", "is_manual": true},
 {"type": "metric", "key": "m1", "name": "M", "recommendations": [{"source": "own", "recommendation": "r1"}]},
 {"type": "initiative", "key": "i1", "name": "I", "metrics": [{"metric": "m1", "weight": 2}]},
 {"type": "asset", "key": "a1", "criticality": "high", "owner": "Ops", "aliases": ["one.example", "1"]},
 {"type": "asset", "key": "a2", "tags": {"env": "prod"}, "aliases": ["two.example"]},
 {"type": "exemption", "source": "own", "recommendation": "r1", "asset": "a5", "kind": "waived", "reason": "test"},
 {"type": "exemption", "source": "own", "recommendation": "named", "asset": "new", "kind": "mitigated", "reason": "x"},
 {"type": "attestation", "source": "own", "recommendation": "policy", "asset": "a9", "state": "compliant", "attested_by": "me"},
 {"type": "asset", "key": "", "name": "bad"},
 {"type": "finding", "source": "own", "recommendation": "r1", "asset": "a3", "state": "so-so"},
 $members]), '', 'a document of format posture');
load('posture', qq([$members]), ", 'own', true", 'a complete one');
load('posture', '[{"type": "finding", "source": "own", "recommendation": "r1", "asset": "two.example", "state": "non_compliant"},
 {"type": "finding", "source": "own", "recommendation": "r9", "asset": "one.example", "state": "non_compliant"},
 {"type": "finding", "source": "own", "recommendation": "r1", "asset": "a4", "state": "??"}]',
	", 'own', true", 'findings of aliases, and one that is rejected');
load('posture', '[]', ", 'own', true", 'nothing', qr/ERROR:  document contains no finding/);
same_reports($cluster, 'reports', 'SELECT * FROM posture.overview', 'SELECT * FROM posture.metric_report',
	q{SELECT to_jsonb(r) - 'last_changed' FROM posture.recommendation_report r});

# inventories
my @hosts = map { "{\"key\": \"i-$_\", \"kind\": \"host\", \"name\": \"web-$_\", \"aliases\": [\"web-$_.example\"]}" } 1 .. 30;
on_both($cluster, q{INSERT INTO posture.source (key, name) VALUES ('scan', 'Scanner');
INSERT INTO posture.inbox (source, recommendation, asset, state)
SELECT 'scan', 'r1', format('web-%s.example', n), 'compliant' FROM generate_series(1, 10) n;
SELECT FROM posture.ingest()});
load('inventory', '[' . join(', ', @hosts) . ']', ", 'cmdb'", 'an inventory of hosts that a scanner knows');
load('inventory', '[' . join(', ', @hosts) . ']', ", 'cmdb'", 'the same');
load('inventory', '[' . join(', ', @hosts[ 3 .. 20 ]) . ', {"key": "i-1", "kind": 3}, {"key": "z"}]',
	", 'cmdb', true", 'a complete one');
load('inventory', '[' . join(', ', @hosts[ 25 .. 25 ]) . ']', ", 'cmdb', true", 'one asset is left');
same_answer(q{INSERT INTO posture.asset_inbox (source, asset, kind, name, tags, aliases)
SELECT CASE WHEN n = 7 THEN 'none' ELSE 'cmdb' END, 'b' || n, 'host', 'B' || n, '{"x": "y"}',
       ARRAY['B-' || n, NULL] FROM generate_series(1, 20) n;
SELECT * FROM posture.ingest_assets('cmdb')}, 'asset_inbox');
same_answer(q{SELECT * FROM posture.ingest_assets('cmdb')}, 'an empty one',
	qr/ERROR:  delivery contains no asset/);

# extents: of accounts, which have assets on all nodes, and of benchmarks on hosts
sub prowler
{
	my (@findings) = @_;
	return '[' . join(', ', map { my ($account, $n, $status) = @$_;
		qq({"class_uid": 2003, "metadata": {"product": {"name": "Prowler"}, "event_code": "check_$n"},
		 "finding_info": {"uid": "f$account$n", "title": "Check $n", "created_time": 1700000000}, "status_code": "$status",
		 "cloud": {"provider": "aws", "account": {"uid": "$account"}},
		 "resources": [{"uid": "arn:aws:s3:::b$account-$n", "type": "bucket"}]}) } @findings) . ']';
}
my @found = map { my $account = $_; map { [ $account, $_, $_ % 3 ? 'PASS' : 'FAIL' ] } 1 .. 12 } 111111111111, 222222222222;
load('ocsf', prowler(@found), ", 'prowler'", 'two accounts');
load('ocsf', prowler($found[3]), ", 'prowler', true", 'a complete document of one account');
load('ocsf', prowler(@found[ 0 .. 13 ]), ", 'prowler', true", 'and of both');

is($one->safe_psql('postgres', q{SELECT string_agg(DISTINCT state::text, ',')
	FROM posture.finding JOIN posture.extent USING (extent_id)}) ne '', 1, 'there are extents');

# what people write
same_answer(q{SELECT posture.attest('policy', 'non_compliant', 'https://x')}, 'the organisation');
same_answer(q{SELECT posture.attest('policy', 'compliant', asset => 'a12')}, 'an asset');
same_answer(q{SELECT posture.attest('policy', 'compliant', asset => 'nobody')}, 'no asset',
	qr/ERROR:  asset "nobody" does not exist/);
my @where = map { my $key = $_; [ $key, $head->safe_psql('postgres',
	"SELECT node_id FROM posture_internal.route_of('$key')") ] } map { "a$_" } 1 .. 40;
my ($first, @same) = map { $_->[0] } grep { $_->[1] == 1 } @where;
my ($other) = map { $_->[0] } grep { $_->[1] == 2 } @where;
same_answer("SELECT * FROM posture.merge_asset('$first', '$same[0]')", 'merged on a node');
on_both($cluster, "INSERT INTO posture.inbox (source, recommendation, asset, state)
VALUES ('own', 'r1', '$first', 'non_compliant'); SELECT FROM posture.ingest()");
is(differences_of_all($cluster, @state), '', 'a merged key leads to the asset');
# an asset moves to the node of the one that it is merged into, with what is known of it
on_both($cluster, <<"SQL");
INSERT INTO posture.inbox (source, recommendation, asset, state)
SELECT 'own', r.key, a, (ARRAY['compliant', 'non_compliant'])[1 + length(r.key || a) % 2]
FROM posture.recommendation r JOIN posture.source s USING (source_id), unnest('{$same[1],$other}'::text[]) a
WHERE s.key = 'own' AND length(r.key || a) % 3 > 0;
SELECT FROM posture.ingest();
SELECT FROM posture.load('posture', '[{"type": "asset", "key": "$same[1]", "aliases": ["alias of it"]},
    {"type": "exemption", "recommendation": "own:r1", "asset": "$same[1]", "kind": "waived", "reason": "x"}]');
SQL
same_answer("SELECT * FROM posture.merge_asset('$same[1]', '$other')", 'merged over nodes');
is(differences_of_all($cluster, @state), '', 'assets and findings');
for my $name ($same[1], 'alias of it', $other)
{
	on_both($cluster, "INSERT INTO posture.inbox (source, recommendation, asset, state)
VALUES ('own', 'r2', '$name', 'non_compliant'); SELECT FROM posture.ingest()");
	is(differences_of_all($cluster, @state), '', "\"$name\" leads to the asset");
}
same_reports($cluster, 'reports', @asset_free_reports[ 0 .. 2 ]);
is($head->safe_psql('postgres', 'SELECT v::text FROM posture.verify() v'), '', 'verify()');
same_answer("SELECT * FROM posture.merge_asset('$same[1]', '$other')", 'again', qr/already the same asset/);
same_answer("SELECT * FROM posture.merge_asset('nobody', '$other')", 'no asset', qr/asset "nobody" does not exist/);
same_answer("SELECT * FROM posture.merge_asset(NULL, '$other')", 'NULL', qr/asset "NULL" does not exist/);

my $id = $nodes[0]->safe_psql('postgres', "SELECT asset_id FROM posture.asset WHERE key = '$same[2]'");
my $of_one = $one->safe_psql('postgres', "SELECT asset_id FROM posture.asset WHERE key = '$same[2]'");
for ([ $head, $id ], [ $one, $of_one ])
{
	$_->[0]->safe_psql('postgres', <<"SQL");
INSERT INTO posture.exemption (recommendation_id, asset_id, kind, reason)
SELECT recommendation_id, $_->[1], 'waived', 'by hand' FROM posture.recommendation WHERE key = 'r2';
INSERT INTO posture.asset_alias (alias, asset_id) VALUES ('by hand', $_->[1]);
INSERT INTO posture.inbox (source, recommendation, asset, state) VALUES ('own', 'r3', 'by hand', 'compliant');
SELECT FROM posture.ingest();
SQL
}
is(differences_of_all($cluster, @state), '', 'an exemption and an alias by hand');
like(($head->psql('postgres', "UPDATE posture.asset SET owner = 'x' WHERE key = '$other'"))[2],
	qr/no such row of table "asset" is on the head\n.*\nHINT:.*run_on_nodes/, 'UPDATE of an asset of a node');
like(($head->psql('postgres', "INSERT INTO posture.asset (key, name) VALUES ('$other', 'x')"))[2],
	qr/asset "$other" belongs on node "w2"/, 'INSERT of one');
is($head->safe_psql('postgres', "SELECT * FROM posture.run_on_nodes(
	'UPDATE posture.asset SET owner = ''x'' WHERE key = ''$other''') ORDER BY 1"), "w1|0 rows\nw2|1 rows", 'run_on_nodes()');
is($head->safe_psql('postgres', "SELECT result FROM posture.run_on_nodes(
	'SELECT owner FROM posture.asset WHERE key = ''$other'';', 'w2')"), '(x)', 'and a query');
$one->safe_psql('postgres', "UPDATE posture.asset SET owner = 'x' WHERE key = '$other'");
is(differences_of_all($cluster, @state), '', 'the same as on one server');

# a loader delivers for its source, and changes what that source alone knows, on nodes too
on_both($cluster, q{CREATE ROLE load_scan LOGIN; SELECT posture.grant_access('load_scan', 'loader', 'scan')});
for my $sql (q{COPY posture.inbox FROM stdin;
scan	r1	a1	compliant	\N	user	Stolen	\N
scan	r1	mine	compliant	\N	host	Mine	\N
scan	r1	a17	compliant	\N	user	Stolen	\N
\.
SELECT * FROM posture.ingest()},
	q{SELECT * FROM posture.load('posture', '[{"type": "finding", "source": "scan", "recommendation": "r1",
"asset": "mine", "state": "compliant"}, {"type": "asset", "key": "mine", "name": "New", "owner": "me"},
{"type": "asset", "key": "a18", "name": "Stolen"}, {"type": "finding", "source": "own",
"recommendation": "r1", "asset": "mine", "state": "compliant"}]', 'scan')})
{
	my @answer = map { join '|', (query_as($_, 'postgres', 'load_scan', $sql))[ 1, 2 ] } $head, $one;
	is($answer[0], $answer[1], 'a loader');
	unlike($answer[1], qr/ERROR/, 'may deliver');
	is(differences_of_all($cluster, @state), '', 'as on one server');
}
like((query_as($head, 'postgres', 'load_scan', q{SELECT * FROM posture.run_on_nodes('SELECT 1')}))[2],
	qr/permission denied/, 'run_on_nodes() is for the owner');

# a source is forgotten everywhere
same_answer("SELECT * FROM posture.forget_source('own')", 'forget_source()');
is(differences_of($cluster, 'SELECT * FROM posture.overview', 'SELECT * FROM posture.metric_report'), '', 'reports without it');

# a node adds nothing to the catalog
like(($nodes[0]->psql('postgres', q{SELECT * FROM posture.load('posture', '[
{"type": "metric", "key": "own", "name": "x"}, {"type": "source", "key": "scan", "name": "Other"},
{"type": "finding", "source": "scan", "recommendation": "r1", "asset": "a1", "state": "compliant"}]')}))[1],
	qr/^1\|\d\|\d\|\d\|/, 'load() on a node');
is($nodes[0]->safe_psql('postgres', "SELECT reason FROM posture.rejected"),
	'$[0]: metric: load it on the head', 'with the reason');
stop_cluster($cluster);
done_testing();

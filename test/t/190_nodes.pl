# Databases that are nodes of a head: every report of the head is that of one database with the
# assets of all.
# tests: node.c, node/node, node/ask_nodes, node/catalog_push, node/add_node

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestNodes;
use TestPosture;

my $cluster = new_cluster('nodes', 2);

on_both($cluster, <<'SQL');
INSERT INTO posture.source (key, name) VALUES ('scan', 'Scanner'), ('cloud', 'Cloud');
INSERT INTO posture.recommendation (source_id, key, title)
SELECT source_id, 'r' || r, 'Recommendation ' || r FROM posture.source, generate_series(1, 6) r;
INSERT INTO posture.metric (key, name) SELECT 'm' || m, 'Metric ' || m FROM generate_series(1, 4) m;
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM posture.metric m, posture.recommendation r
WHERE (m.metric_id + r.recommendation_id) % 3 = 0;
INSERT INTO posture.initiative (key, name, method)
VALUES ('i1', 'One', 'weighted'), ('i2', 'Two', 'population'), ('i3', 'Three', 'points');
INSERT INTO posture.initiative_metric
SELECT i.initiative_id, m.metric_id FROM posture.initiative i, posture.metric m
WHERE (i.initiative_id + m.metric_id) % 2 = 0;
INSERT INTO posture.asset_group (key, name, kinds) VALUES ('hosts', 'Hosts', '{host}');
UPDATE posture.metric SET importance = 'critical' WHERE key = 'm2';
DELETE FROM posture.recommendation WHERE key = 'r6';
SQL

# each node has assets of its own
for my $n (1 .. 2)
{
	my $sql = <<"SQL";
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at, asset_kind)
SELECT CASE a % 2 WHEN 0 THEN 'scan' ELSE 'cloud' END, 'r' || r, 'a$n-' || a,
       CASE (a * r + $n) % 3 WHEN 0 THEN 'non_compliant' ELSE 'compliant' END,
       date_trunc('day', now()) - interval '1 day', CASE a % 3 WHEN 0 THEN 'host' ELSE 'user' END
FROM generate_series(1, 30) a, generate_series(1, 5) r;
SELECT FROM posture.ingest();
SQL
	$_->safe_psql('postgres', $sql) for $cluster->{nodes}[ $n - 1 ], $cluster->{one};
}
same_reports($cluster, 'reports');
same_reports($cluster, 'a group and a scenario',
	"SELECT * FROM posture.report_at(NULL, 'hosts')",
	q{SELECT * FROM posture.report_at(scenario => '{"remediate": ["scan:r1"]}')},
	"SELECT posture.score_at('i1', NULL, 'hosts')");

# a role that may only read, by a user mapping of its own
for my $node (@{ $cluster->{nodes} })
{
	$node->safe_psql('postgres', q{CREATE ROLE reads_here LOGIN PASSWORD 'secret';
		SELECT posture.grant_access('reads_here', 'reader')});
	my $hba = $node->data_dir . '/pg_hba.conf';
	my $rules = slurp_file($hba);
	unlink $hba;
	$node->append_conf('pg_hba.conf', "local all reads_here scram-sha-256\n$rules");
	$node->reload;
}
my $report = 'SELECT initiative, score, exposed_assets FROM posture.overview ORDER BY 1';
on_both($cluster, q{CREATE ROLE bi LOGIN; SELECT posture.grant_access('bi', 'reader')});
like((query_as($cluster->{head}, 'postgres', 'bi', $report))[2], qr/user mapping not found for "bi"/, 'a reader without a user mapping');
$cluster->{head}->safe_psql('postgres', join ';', map { (
		"CREATE USER MAPPING FOR bi SERVER w$_ OPTIONS (user 'reads_here', password 'secret')",
		"GRANT USAGE ON FOREIGN SERVER w$_ TO bi") } 1 .. 2);
is((query_as($cluster->{head}, 'postgres', 'bi', $report))[1],
	(query_as($cluster->{one}, 'postgres', 'bi', $report))[1], 'a reader with one');
stop_cluster($cluster);
done_testing();

# Random data of a head with nodes and of the one server (TestNodes): the catalog, and assets of
# each node with findings, exemptions and attestations, the same on the one server by keys.
package TestNodeData;

use strict;
use warnings;
use Exporter 'import';
use POSIX qw(strftime);
use Test::More;
use TestNodes;
use TestPosture;

our @EXPORT = qw(fill_cluster node_sql seed same_everywhere);

my $seed = $ENV{POSTURE_SEED} // time;
# the same moment on all servers
my $base = strftime('%Y-%m-%d %H:%M:%SZ', gmtime(time - 7200));

sub seed { return $seed }

# a number that is the same on all servers: below $n, by what the SQL expressions say
sub number { my ($n, @of) = @_; return "(abs(hashtext(concat_ws('/', $seed, @{[join ', ', @of]}))::bigint) % $n)" }

sub pick_of { my ($values, @of) = @_; return "(ARRAY[$values])[1 + " . number(scalar(() = $values =~ /,/g) + 1, @of) . ']' }

sub catalog_sql
{
	my $severity = pick_of("'critical', 'high', 'medium', 'low'", "'severity'", 'r');
	my $person = pick_of("'Ann', 'Ben', NULL, 'Cyd'", "'person'", 'r');
	my $member = number(3, "'member'", 'm.key', 'r.key');
	my $kind = pick_of("'waived', 'mitigated', 'risk_accepted'", "'kind'", 'r.key', 'g.key');
	my $points = number(4, "'points'", 'r');
	return <<"SQL";
INSERT INTO posture.source (key, name) VALUES ('scan', 'Scanner'), ('cloud', 'Cloud'), ('hand', 'By hand');
INSERT INTO posture.recommendation (source_id, key, title, severity, assigned_to, due_on,
    effort_hours, max_points)
SELECT s.source_id, 'r' || r, 'Recommendation ' || r, ($severity)::posture.importance, $person,
       current_date + r - 4, r, nullif($points, 0)
FROM generate_series(1, 9) r JOIN posture.source s ON s.key = CASE r % 2 WHEN 0 THEN 'scan' ELSE 'cloud' END;
INSERT INTO posture.recommendation (source_id, key, title, is_manual)
SELECT source_id, 'c' || n, 'Control ' || n, true FROM posture.source, generate_series(1, 3) n
WHERE key = 'hand';
INSERT INTO posture.recommendation (source_id, key, title)
SELECT source_id, 'no-critical-vulnerability', 'No critical vulnerability' FROM posture.source
WHERE key = 'scan';
INSERT INTO posture.recommendation (source_id, key, title, assigned_to)
SELECT source_id, 'points', 'Points', 'Ann' FROM posture.source WHERE key = 'cloud';
INSERT INTO posture.asset_group (key, name, kinds, min_criticality)
VALUES ('hosts', 'Hosts', '{host}', NULL), ('users', 'Users', '{user}', NULL),
       ('precious', 'Precious', NULL, 'high');
INSERT INTO posture.metric (key, name, asset_kinds, criticality_weights, population_group_id, unassessed)
SELECT v.key, 'Metric ' || v.key, v.kinds, v.weights, g.asset_group_id, v.unassessed
FROM (VALUES ('m1', NULL::text[], NULL::integer[], NULL, 'excluded'),
             ('m2', '{host}', NULL, NULL, 'excluded'), ('m3', NULL, '{0,1,2,5}', NULL, 'excluded'),
             ('m4', NULL, NULL, 'hosts', 'excluded'), ('m5', NULL, '{1,1,3,3}', 'users', 'exposed'))
     v(key, kinds, weights, population, unassessed)
LEFT JOIN posture.asset_group g ON g.key = v.population;
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM posture.metric m, posture.recommendation r
WHERE $member = 0 AND NOT r.is_manual;
INSERT INTO posture.metric (key, name) SELECT 'c' || n, 'Control ' || n FROM generate_series(1, 3) n;
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM posture.metric m JOIN posture.recommendation r USING (key)
WHERE r.is_manual;
INSERT INTO posture.initiative (key, name, method, target_score)
VALUES ('i1', 'One', 'weighted', 90), ('i2', 'Two', 'population', 80), ('i3', 'Three', 'points', NULL);
INSERT INTO posture.initiative_metric
SELECT i.initiative_id, m.metric_id FROM posture.initiative i, posture.metric m;
INSERT INTO posture.exemption (recommendation_id, asset_group_id, kind, reason, approved_by, created_at, expires_at)
SELECT r.recommendation_id, nullif(g.id, 0), ($kind)::posture.exemption_kind, 'r', 'Dot', '$base',
       CASE @{[number(4, "'end'", 'r.key', 'g.key')]} WHEN 0 THEN '$base'::timestamptz + interval '1 minute' END
FROM posture.recommendation r
CROSS JOIN (SELECT asset_group_id AS id, key::text FROM posture.asset_group UNION ALL VALUES (0, '')) g
WHERE @{[number(9, "'exempt'", 'r.key', 'g.key')]} = 0;
INSERT INTO posture.measure SELECT recommendation_id, 3, 7, '$base' FROM posture.recommendation
WHERE key = 'points';
SELECT FROM posture.attest('c1', 'compliant', 'link');
SQL
}

# Assets of a node with their findings: the same SQL is for the node and for the one server.
sub node_sql
{
	my ($n, $assets) = @_;
	my $state = pick_of("'compliant', 'compliant', 'non_compliant', 'not_applicable', NULL",
		"'state'", 'a.key', 'r.key');
	my $kind = pick_of("'host', 'user', 'disk'", "'kind'", 'a.key');
	my $exempt = pick_of("'waived', 'mitigated', 'risk_accepted'", "'single'", 'a.key', 'r.key');
	my $list = "(SELECT DISTINCT a.key FROM (SELECT 'n$n-' || generate_series(1, $assets) AS key) a) a";
	return <<"SQL";
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at, asset_kind, asset_name, details)
SELECT s.key, r.key, a.key, $state, '$base'::timestamptz + @{[number(3600, "'time'", 'a.key')]} * interval '1 s',
       $kind, 'Asset ' || a.key,
       CASE WHEN r.key LIKE 'no-%' THEN jsonb_build_object('vulnerabilities', jsonb_build_array(
           jsonb_build_object('id', 'CVE-' || @{[number(9, 'a.key')]}, 'severity', 'critical', 'cvss', 9.1,
                              'package', 'p', 'installed', '1'))) END
FROM $list CROSS JOIN posture.recommendation r JOIN posture.source s USING (source_id)
WHERE NOT r.is_manual AND r.key <> 'points' AND $state IS NOT NULL
  AND @{[number(10, "'known'", 'a.key')]} > 1;
SELECT FROM posture.ingest();
INSERT INTO posture.asset (key, name, kind, first_seen, last_seen)
SELECT a.key, 'Asset ' || a.key, $kind, '$base', '$base' FROM $list
WHERE @{[number(10, "'known'", 'a.key')]} <= 1;
UPDATE posture.asset a SET criticality = @{[pick_of("'low', 'medium', 'high', 'critical', 'medium'", "'criticality'", 'a.key')]},
    owner = @{[pick_of("'Eve', NULL", "'owner'", 'a.key')]},
    retired_at = CASE WHEN @{[number(15, "'retired'", 'a.key')]} = 0 THEN '$base'::timestamptz END
WHERE a.key LIKE 'n$n-%';
INSERT INTO posture.exemption (recommendation_id, asset_id, kind, reason, approved_by, created_at)
SELECT r.recommendation_id, a.asset_id, ($exempt)::posture.exemption_kind, 'r', 'Flo', '$base'
FROM posture.asset a CROSS JOIN posture.recommendation r
WHERE a.key LIKE 'n$n-%' AND NOT r.is_manual AND @{[number(12, "'some'", 'a.key', 'r.key')]} = 0;
SELECT posture.attest('c2', @{[pick_of("'compliant', 'non_compliant'", "'attest'", $n)]}, 'e$n', NULL, NULL, a.key)
FROM posture.asset a WHERE a.key = 'n$n-1';
SQL
}

# Fills all servers: each node, and by the last number of assets the head, which has some itself.
sub fill_cluster
{
	my ($cluster, @assets) = @_;
	diag "POSTURE_SEED=$seed";
	on_both($cluster, catalog_sql());
	my @servers = (@{ $cluster->{nodes} }, $cluster->{head});
	for my $n (1 .. @assets)
	{
		$_->safe_psql('postgres', node_sql($n, $assets[ $n - 1 ])) for $servers[ $n - 1 ], $cluster->{one};
	}
	return;
}

# Compares reports of the head with those of the one server, one test for each.
sub same_everywhere
{
	my ($cluster, %queries) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	same_reports($cluster, $_, $queries{$_}) for sort keys %queries;
	return;
}

1;

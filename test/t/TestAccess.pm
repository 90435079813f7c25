# What the tests of access share: a warehouse of several owners, and what a role
# gets in it.
package TestAccess;

use strict;
use warnings;
use Exporter 'import';
use Test::More;
use TestPosture;

our @EXPORT = qw(access_node as_role answer);

my $node;

sub as_role
{
	my ($role, $sql) = @_;
	return query_as($node, 'warehouse', $role, $sql);
}
# what a role gets, or the error that it gets
sub answer
{
	my ($role, $sql) = @_;
	my ($code, $rows, $error) = as_role($role, $sql);
	$error =~ s/^psql:<stdin>:\d+: //mg;
	return $code ? $error : $rows;
}

# A server with the roles and the warehouse, whose levels are still to be granted.
sub access_node
{
	my ($name) = @_;
	$node = new_node($name, "fsync = off\n");
	# warden installs; alice, team (bob; carol, who doesn't inherit) and fleet own
	# something, dana is a member of two of them
	$node->safe_psql('postgres', <<'SQL');
CREATE ROLE warden LOGIN;
CREATE ROLE plain_reader LOGIN;
CREATE ROLE "Reader ""two""" LOGIN;
CREATE ROLE loader LOGIN;
CREATE ROLE operator LOGIN;
CREATE ROLE alice LOGIN;
CREATE ROLE team;
CREATE ROLE fleet LOGIN;
CREATE ROLE bob LOGIN IN ROLE team;
CREATE ROLE carol LOGIN NOINHERIT IN ROLE team;
CREATE ROLE dana LOGIN IN ROLE alice, fleet;
CREATE ROLE outsider LOGIN;
CREATE DATABASE warehouse OWNER warden;
SQL
	my ($rc, $out, $err) = as_role('warden', 'CREATE EXTENSION posture');
	is("$rc$err", '0', 'a role that is no superuser installs posture');

	# Every owner's own assets have ids and keys that can be told in any text.
	# truck 1 to 5 are assessed by alice's recommendations, the others are not.
	($rc, $out, $err) = as_role('warden', <<'SQL');
SELECT setseed(0.5);
INSERT INTO posture.source (key, name, stale_after) VALUES ('scan', 'Scanner', '30 days'), ('cloud', 'Cloud', NULL);
INSERT INTO posture.asset (asset_id, key, kind, name, criticality, first_seen, last_seen, retired_at)
SELECT base + n, prefix || '-' || n, kind, initcap(prefix) || ' ' || n, (ARRAY['low', 'medium', 'high', 'critical'])[1 + n % 4], '2020-01-01',
       CASE WHEN n % 11 = 0 THEN now() - interval '60 days' ELSE now() END, CASE WHEN n % 13 = 0 THEN now() - interval '1 hour' END
FROM (VALUES (700000, 'alice', 'host', 40), (0, 'common', 'host', 10), (600000, 'bob', 'user', 40), (800000, 'truck', 'truck', 20),
             (500000, 'secret', 'host', 40)) v(base, prefix, kind, size),
     generate_series(1, size) n;
SELECT setval(pg_get_serial_sequence('posture.asset', 'asset_id'), 900000);
INSERT INTO posture.asset_alias (alias, asset_id) SELECT 'inventory of ' || key, asset_id FROM posture.asset WHERE asset_id % 5 = 0;
INSERT INTO posture.asset_group (key, name, kinds, owner) VALUES
    ('trucks', 'Trucks', '{truck}', 'fleet'), ('hidden group', 'Hidden', '{host}', NULL), ('ghostly', 'Ghostly', '{host}', 'no such role');
INSERT INTO posture.recommendation (source_id, key, title, max_points)
SELECT CASE WHEN key LIKE 'b%' THEN 2 ELSE 1 END, key, 'Title of ' || key, 10
FROM unnest(ARRAY['a1', 'a2', 'a3', 'a points', 'both', 'b1', 'b2', 'hidden 1', 'hidden 2', 'hidden points']) key;
INSERT INTO posture.recommendation (source_id, key, title) VALUES (2, 'a1', 'hidden namesake');
INSERT INTO posture.metric (key, name, importance, asset_kinds) VALUES ('ma1', 'Metric a1', 'high', NULL), ('ma2', 'Metric a2', 'low', '{host}'),
    ('mboth', 'Metric of both', 'critical', NULL), ('mb', 'Metric bob', 'medium', NULL), ('hidden m', 'Hidden metric', 'high', NULL);
INSERT INTO posture.metric_recommendation
SELECT metric_id, recommendation_id
FROM (VALUES ('ma1', 'a1'), ('ma1', 'a2'), ('ma2', 'a3'), ('mboth', 'both'), ('mb', 'b1'), ('mb', 'b2'), ('hidden m', 'hidden 1'), ('hidden m', 'hidden 2')) v(m, r)
JOIN posture.metric m ON m.key = v.m JOIN posture.recommendation r ON r.key = v.r AND r.title NOT LIKE 'hidden%';
INSERT INTO posture.initiative (key, name, method, owner, is_pinned) VALUES ('ia', 'Initiative of alice', 'weighted', 'alice', true),
    ('ia points', 'Points of alice', 'points', 'alice', false), ('ib', 'Initiative of bob', 'population', 'team', false),
    ('hidden i', 'Hidden initiative', 'weighted', NULL, true), ('hidden ghost', 'Hidden too', 'weighted', 'no such role', true);
INSERT INTO posture.initiative_metric (initiative_id, metric_id)
SELECT initiative_id, metric_id
FROM (VALUES ('ia', 'ma1'), ('ia', 'ma2'), ('ia', 'mboth'), ('ib', 'mboth'), ('ib', 'mb'), ('hidden i', 'hidden m'), ('hidden i', 'mboth'), ('hidden ghost', 'hidden m')) v(i, m)
JOIN posture.initiative i ON i.key = v.i JOIN posture.metric m ON m.key = v.m;
INSERT INTO posture.initiative_recommendation
SELECT initiative_id, recommendation_id FROM posture.initiative i, posture.recommendation r WHERE i.key = 'ia points' AND r.key IN ('a points', 'a3');
INSERT INTO posture.measure SELECT recommendation_id, 4, 9, now() - interval '5 days' FROM posture.recommendation WHERE key LIKE '%points';
INSERT INTO posture.benchmark SELECT 'all', 'All', posture.today() - 1, initiative_id, 50 FROM posture.initiative;
CREATE TEMP TABLE pair AS
SELECT r.recommendation_id, r.key AS r, a.asset_id, a.key AS a
FROM posture.recommendation r JOIN posture.asset a
  ON r.title NOT LIKE 'hidden%' AND r.key !~ 'points'
 AND (a.key LIKE 'common%' OR r.key LIKE 'a%' AND a.key LIKE 'alice%' OR r.key LIKE 'b_' AND a.key LIKE 'bob%'
      OR r.key LIKE 'hidden%' AND (a.key LIKE 'secret%' OR a.key LIKE 'truck%') OR r.key = 'a1' AND a.key ~ '^truck-[1-5]$');
INSERT INTO posture.finding
SELECT recommendation_id, asset_id,
       (CASE WHEN x < 0.3 THEN 'non_compliant' WHEN x < 0.4 THEN 'not_applicable' ELSE 'compliant' END)::posture.finding_state,
       posture.day_end(posture.today() - 4), jsonb_build_object('of', a)
FROM (SELECT *, random() AS x FROM pair ORDER BY r, asset_id) p;
INSERT INTO posture.exemption (recommendation_id, asset_id, asset_group_id, kind, reason, approved_by, created_at)
SELECT r.recommendation_id, a.asset_id, g.asset_group_id, v.kind::posture.exemption_kind, v.reason, 'ciso', posture.day_end(posture.today() - 5)
FROM (VALUES ('a1', 'alice-1', NULL, 'waived', 'of alice'), ('a2', NULL, NULL, 'risk_accepted', 'of alice'), ('a1', 'truck-2', NULL, 'mitigated', 'a truck'),
             ('hidden 1', 'secret-1', NULL, 'waived', 'hidden reason'), ('hidden 2', NULL, 'trucks', 'mitigated', 'trucks'), ('hidden 1', NULL, NULL, 'risk_accepted', 'of all'),
             ('b1', NULL, 'hidden group', 'waived', 'of bob'), ('both', NULL, 'hidden group', 'risk_accepted', 'of both')) v(r, a, g, kind, reason)
JOIN posture.recommendation r ON r.key = v.r AND r.title NOT LIKE 'hidden%'
LEFT JOIN posture.asset a ON a.key = v.a LEFT JOIN posture.asset_group g ON g.key = v.g;
SELECT FROM posture.take_snapshot(posture.today() - 3);
-- all of it is worse on the next day, and better two days later
UPDATE posture.finding f SET state = 'non_compliant', changed_at = posture.day_end(posture.today() - 3)
FROM pair p WHERE p.recommendation_id = f.recommendation_id AND p.asset_id = f.asset_id AND f.state = 'compliant' AND (f.asset_id + f.recommendation_id) % 3 = 0;
SELECT FROM posture.take_snapshot(posture.today() - 2);
-- a metric that has left
DELETE FROM posture.initiative_metric x USING posture.initiative i, posture.metric m
WHERE i.initiative_id = x.initiative_id AND m.metric_id = x.metric_id AND i.key = 'ib' AND m.key = 'mb';
UPDATE posture.finding f SET state = 'compliant', changed_at = posture.day_end(posture.today() - 2)
WHERE f.state = 'non_compliant' AND f.asset_id % 3 = 0;
SELECT FROM posture.take_snapshot(posture.today() - 1);
SELECT FROM posture.fold();
-- not folded
UPDATE posture.finding f SET state = 'non_compliant', changed_at = now() WHERE f.asset_id % 7 = 0 AND f.state = 'compliant';
UPDATE posture.asset SET criticality = 'critical' WHERE asset_id % 9 = 0;
INSERT INTO posture.score_band SELECT initiative_id, 'zone', 0, 'zone of ' || key FROM posture.initiative;
INSERT INTO posture.inbox VALUES ('scan', 'hidden 1', 'secret-1', 'hidden state');
INSERT INTO posture.rejected (source, asset, reason) VALUES ('scan', 'secret-1', 'hidden reason');
INSERT INTO posture.run (day, started_at, finished_at, outcome, message) VALUES (posture.today() - 1, now(), now(), 'failed', 'about secret-1');
SQL
	is("$rc$err", '0', 'a warehouse of several owners');
	cmp_ok($node->safe_psql('warehouse', 'SELECT count(*) FROM posture.event'), '>', 8, 'with events');
	$node->safe_psql('warehouse', 'ANALYZE');
	return $node;
}

1;

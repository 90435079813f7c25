# What the tests of access share: a warehouse of several owners, what a role gets in it,
# and what an owner should see, recomputed in plain SQL.
package TestAccess;

use strict;
use warnings;
use Exporter 'import';
use Test::More;
use TestPosture;

our @EXPORT = qw($node %owners %owner_condition @hidden access_node grant_levels as_role answer
  answers_as differing owned_sql expect_sql fenced listed_views listed_question);
our $node;

sub as_role
{
	my ($role, $sql) = @_;
	return query_as($node, 'warehouse', $role, $sql);
}

# The rows that a role gets, or its error.
sub answer
{
	my ($role, $sql) = @_;
	my ($code, $rows, $error) = as_role($role, $sql);
	$error =~ s/^psql:<stdin>:\d+: //mg;
	return $code ? $error : $rows;
}

# The same for many queries, given by name, in one session that begins with some SQL.
sub answers_as
{
	my ($role, $query, $begin) = @_;
	my ($out, $err) = ('', '');
	my @names = sort keys %$query;
	my $script = join '', $begin // '',
	  map { "\\echo == $_\n\\warn == $_\n$query->{$names[$_]};\n" } 0 .. $#names;
	$node->psql('warehouse', $script, stdout => \$out, stderr => \$err,
		on_error_stop => 0, extra_params => [ '-U', $role ]);
	my %answer;
	for ($err =~ s/^psql:<stdin>:\d+: //gmr, $out)
	{
		my (undef, @parts) = split /^== (\d+)\n?/m;
		while (@parts)
		{
			my ($n, $text) = splice @parts, 0, 2;
			$answer{ $names[$n] } .= ($text // '') =~ s/\n\z//r;
		}
	}
	die "no answer: $err" if keys %answer != @names;
	return %answer;
}

# Names of the queries that were answered differently, or with an error.
sub differing
{
	my ($got, $want) = @_;
	return grep { $got->{$_} ne $want->{$_} || $want->{$_} =~ /ERROR: / } sort keys %$want;
}

# Starts a server with roles and the warehouse. Levels are granted by grant_levels().
# The role warden installs posture. alice, team (bob; carol, who does not inherit) and
# fleet own a part, dana is a member of two of them.
sub access_node
{
	my ($name) = @_;
	$node = new_node($name);
	$node->safe_psql('postgres', <<'SQL');
CREATE ROLE warden LOGIN;
CREATE ROLE plain_reader LOGIN;
CREATE ROLE "Reader ""two""" LOGIN;
CREATE ROLE loader LOGIN;
CREATE ROLE curator LOGIN;
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
	($rc, $out, $err) = as_role('warden', warehouse_sql());
	is("$rc$err", '0', 'a warehouse of several owners');
	cmp_ok($node->safe_psql('warehouse', 'SELECT count(*) FROM posture.event'),
		'>', 8, 'with events');
	$node->safe_psql('warehouse', 'ANALYZE');
	return;
}

# Ids and keys of assets show in any text whose they are. Of the trucks, alice's
# recommendations assess 1 to 5.
sub warehouse_sql
{
	return <<'SQL';
SELECT setseed(0.5);
UPDATE posture_internal.history_start SET day = day - 9;
INSERT INTO posture.source (key, name, stale_after)
VALUES ('scan', 'Scanner', '30 days'), ('cloud', 'Cloud', NULL);
INSERT INTO posture.asset
    (asset_id, key, kind, name, criticality, first_seen, last_seen, retired_at)
    OVERRIDING SYSTEM VALUE
SELECT base + n, prefix || '-' || n, kind, initcap(prefix) || ' ' || n,
       (ARRAY['low', 'medium', 'high', 'critical'])[1 + n % 4], '2020-01-01',
       CASE WHEN n % 11 = 0 THEN now() - interval '60 days' ELSE now() END,
       CASE WHEN n % 13 = 0 THEN now() - interval '1 hour' END
FROM (VALUES (700000, 'alice', 'host', 40), (0, 'common', 'host', 10),
             (600000, 'bob', 'user', 40), (800000, 'truck', 'truck', 20),
             (500000, 'secret', 'host', 40)) v(base, prefix, kind, size),
     generate_series(1, size) n;
SELECT setval(pg_get_serial_sequence('posture.asset', 'asset_id'), 900000);
INSERT INTO posture.asset_alias (alias, asset_id)
SELECT 'inventory of ' || key, asset_id FROM posture.asset WHERE asset_id % 5 = 0;
INSERT INTO posture.asset_source (source_id, asset_id)
SELECT 1 + asset_id % 2, asset_id FROM posture.asset WHERE asset_id % 3 = 0;
INSERT INTO posture.asset_group (key, name, kinds, owner) VALUES
    ('trucks', 'Trucks', '{truck}', 'fleet'), ('hidden group', 'Hidden', '{host}', NULL),
    ('ghostly', 'Ghostly', '{host}', 'no such role');
INSERT INTO posture.recommendation (source_id, key, title, max_points)
SELECT CASE WHEN key LIKE 'b%' THEN 2 ELSE 1 END, key, 'Title of ' || key, 10
FROM unnest(ARRAY['a1', 'a2', 'a3', 'a points', 'both', 'b1', 'b2', 'hidden 1', 'hidden 2',
                  'hidden points']) key;
INSERT INTO posture.recommendation (source_id, key, title) VALUES (2, 'a1', 'hidden namesake');
INSERT INTO posture.metric (key, name, importance, asset_kinds) VALUES
    ('ma1', 'Metric a1', 'high', NULL), ('ma2', 'Metric a2', 'low', '{host}'),
    ('mboth', 'Metric of both', 'critical', NULL), ('mb', 'Metric bob', 'medium', NULL),
    ('hidden m', 'Hidden metric', 'high', NULL);
INSERT INTO posture.metric_recommendation
SELECT metric_id, recommendation_id
FROM (VALUES ('ma1', 'a1'), ('ma1', 'a2'), ('ma2', 'a3'), ('mboth', 'both'), ('mb', 'b1'),
             ('mb', 'b2'), ('hidden m', 'hidden 1'), ('hidden m', 'hidden 2')) v(m, r)
JOIN posture.metric m ON m.key = v.m
JOIN posture.recommendation r ON r.key = v.r AND r.title NOT LIKE 'hidden%';
INSERT INTO posture.initiative (key, name, method, owner, is_pinned) VALUES
    ('ia', 'Initiative of alice', 'weighted', 'alice', true),
    ('ia points', 'Points of alice', 'points', 'alice', false),
    ('ib', 'Initiative of bob', 'population', 'team', false),
    ('hidden i', 'Hidden initiative', 'weighted', NULL, true),
    ('hidden ghost', 'Hidden too', 'weighted', 'no such role', true);
INSERT INTO posture.initiative_metric (initiative_id, metric_id)
SELECT initiative_id, metric_id
FROM (VALUES ('ia', 'ma1'), ('ia', 'ma2'), ('ia', 'mboth'), ('ib', 'mboth'), ('ib', 'mb'),
             ('hidden i', 'hidden m'), ('hidden i', 'mboth'), ('hidden ghost', 'hidden m')) v(i, m)
JOIN posture.initiative i ON i.key = v.i JOIN posture.metric m ON m.key = v.m;
INSERT INTO posture.initiative_recommendation
SELECT initiative_id, recommendation_id FROM posture.initiative i, posture.recommendation r
WHERE i.key = 'ia points' AND r.key IN ('a points', 'a3');
INSERT INTO posture.measure
SELECT recommendation_id, 4, 9, now() - interval '5 days'
FROM posture.recommendation WHERE key LIKE '%points';
INSERT INTO posture.benchmark
SELECT 'all', 'All', posture.today() - 1, initiative_id, 50 FROM posture.initiative;
CREATE TEMP TABLE pair AS
SELECT r.recommendation_id, r.key AS r, a.asset_id, a.key AS a
FROM posture.recommendation r JOIN posture.asset a
  ON r.title NOT LIKE 'hidden%' AND r.key !~ 'points'
 AND (a.key LIKE 'common%' OR r.key LIKE 'a%' AND a.key LIKE 'alice%'
      OR r.key LIKE 'b_' AND a.key LIKE 'bob%'
      OR r.key LIKE 'hidden%' AND (a.key LIKE 'secret%' OR a.key LIKE 'truck%')
      OR r.key = 'a1' AND a.key ~ '^truck-[1-5]$');
INSERT INTO posture.finding
SELECT recommendation_id, asset_id,
       (CASE WHEN x < 0.3 THEN 'non_compliant' WHEN x < 0.4 THEN 'not_applicable'
             ELSE 'compliant' END)::posture.finding_state,
       posture.day_end(posture.today() - 4), jsonb_build_object('of', a)
FROM (SELECT *, random() AS x FROM pair ORDER BY r, asset_id) p;
INSERT INTO posture.attestation (recommendation_id, asset_id, state, evidence)
SELECT r.recommendation_id, a.asset_id, 'compliant', v.evidence
FROM (VALUES ('a1', 'alice-1', 'of alice'), ('b1', 'secret-1', 'of bob'),
             ('hidden 1', 'secret-1', 'hidden evidence'),
             ('hidden 1', 'truck-2', 'a truck')) v(r, a, evidence)
JOIN posture.recommendation r ON r.key = v.r AND r.title NOT LIKE 'hidden%'
JOIN posture.asset a ON a.key = v.a;
INSERT INTO posture.exemption
    (recommendation_id, asset_id, asset_group_id, kind, reason, approved_by, created_at)
SELECT r.recommendation_id, a.asset_id, g.asset_group_id, v.kind::posture.exemption_kind,
       v.reason, 'ciso', posture.day_end(posture.today() - 5)
FROM (VALUES ('a1', 'alice-1', NULL, 'waived', 'of alice'),
             ('a2', NULL, NULL, 'risk_accepted', 'of alice'),
             ('a1', 'truck-2', NULL, 'mitigated', 'a truck'),
             ('hidden 1', 'secret-1', NULL, 'waived', 'hidden reason'),
             ('hidden 2', NULL, 'trucks', 'mitigated', 'trucks'),
             ('hidden 1', NULL, NULL, 'risk_accepted', 'of all'),
             ('b1', NULL, 'hidden group', 'waived', 'of bob'),
             ('both', NULL, 'hidden group', 'risk_accepted', 'of both')) v(r, a, g, kind, reason)
JOIN posture.recommendation r ON r.key = v.r AND r.title NOT LIKE 'hidden%'
LEFT JOIN posture.asset a ON a.key = v.a LEFT JOIN posture.asset_group g ON g.key = v.g;
SELECT FROM posture.take_snapshot(posture.today() - 3);
-- worse on the next day, and better on the day after it
UPDATE posture.finding f
SET state = 'non_compliant', changed_at = posture.day_end(posture.today() - 3)
FROM pair p
WHERE p.recommendation_id = f.recommendation_id AND p.asset_id = f.asset_id
  AND f.state = 'compliant' AND (f.asset_id + f.recommendation_id) % 3 = 0;
SELECT FROM posture.take_snapshot(posture.today() - 2);
-- a metric that left an initiative
DELETE FROM posture.initiative_metric x USING posture.initiative i, posture.metric m
WHERE i.initiative_id = x.initiative_id AND m.metric_id = x.metric_id
  AND i.key = 'ib' AND m.key = 'mb';
UPDATE posture.finding f
SET state = 'compliant', changed_at = posture.day_end(posture.today() - 2)
WHERE f.state = 'non_compliant' AND f.asset_id % 3 = 0;
SELECT FROM posture.take_snapshot(posture.today() - 1);
SELECT FROM posture.fold();
-- not folded
UPDATE posture.finding f SET state = 'non_compliant', changed_at = now()
WHERE f.asset_id % 7 = 0 AND f.state = 'compliant';
UPDATE posture.asset SET criticality = 'critical' WHERE asset_id % 9 = 0;
INSERT INTO posture.score_band
SELECT initiative_id, 'zone', 0, 'zone of ' || key FROM posture.initiative;
INSERT INTO posture.inbox VALUES ('scan', 'hidden 1', 'secret-1', 'hidden state');
INSERT INTO posture.rejected (source, asset, reason) VALUES ('scan', 'secret-1', 'hidden reason');
INSERT INTO posture.run (day, started_at, finished_at, outcome, message)
VALUES (posture.today() - 1, now(), now(), 'failed', 'about secret-1');
SQL
}

# Grants a level to every role but bob, who is a member of team, and outsider.
sub grant_levels
{
	my ($rc, $out, $err) = as_role('warden', <<'SQL');
SELECT posture.grant_access('plain_reader', 'reader'),
       posture.grant_access('Reader "two"', 'reader'),
       posture.grant_access('loader', 'loader', 'scan'),
       posture.grant_access('curator', 'curator'), posture.grant_access('operator', 'operator');
SELECT posture.grant_access(r, 'owner')
FROM unnest(ARRAY['alice', 'team', 'carol', 'fleet', 'dana']) r;
SQL
	return is("$rc$err", '0', 'levels are granted');
}

# roles, and the owners that they are or inherit from, as an array of names
our %owners = (
	alice => q{'{alice}'::name[]},
	bob => q{'{team}'::name[]},
	carol => q{'{}'::name[]},
	fleet => q{'{fleet}'::name[]},
	dana => q{'{alice,fleet}'::name[]});

# Functions of schema expect: the ids that owners O answer for. i initiatives, g groups, m
# metrics, r recommendations, ga assets of groups, a assets, lr recommendations whose
# title they see, e events.
sub expect_sql
{
	my $sql = "CREATE SCHEMA expect;\n";
	my @functions = (
		i => 'SELECT initiative_id FROM posture.initiative WHERE owner = ANY (o)',
		g => 'SELECT asset_group_id FROM posture.asset_group WHERE owner = ANY (o)',
		m => q{SELECT metric_id FROM posture.initiative_metric
			WHERE initiative_id IN (SELECT expect.i(o))},
		r => q{SELECT recommendation_id FROM posture.metric_recommendation
			WHERE metric_id IN (SELECT expect.m(o))
			UNION SELECT recommendation_id FROM posture.initiative_recommendation
			WHERE initiative_id IN (SELECT expect.i(o))},
		ga => q{SELECT asset_id FROM posture.asset a JOIN posture.asset_group g
			ON a.kind = ANY (g.kinds) WHERE g.asset_group_id IN (SELECT expect.g(o))},
		a => q{SELECT expect.ga(o) UNION SELECT asset_id FROM posture.finding
			WHERE state <> 'not_applicable' AND recommendation_id IN (SELECT expect.r(o))},
		lr => q{SELECT expect.r(o) UNION SELECT recommendation_id FROM posture.finding
			WHERE state <> 'not_applicable' AND asset_id IN (SELECT expect.ga(o))},
		e => q{SELECT event_id FROM posture.event e
			WHERE initiative_id IN (SELECT expect.i(o)) OR metric_id IN (SELECT expect.m(o))
			   OR EXISTS (SELECT FROM posture.initiative_metric_snapshot s
			              WHERE s.day = e.day AND s.metric_id = e.metric_id
			                AND s.initiative_id IN (SELECT expect.i(o)))});
	while (my ($name, $body) = splice @functions, 0, 2)
	{
		$sql .= "CREATE FUNCTION expect.$name(o name[]) RETURNS SETOF integer "
		  . "LANGUAGE sql STABLE AS \$\$ $body \$\$;\n";
	}
	# a query that runs behind the fence, as those of the functions of the contract do
	return $sql . <<'SQL';
CREATE FUNCTION posture_internal.fenced_body(query text) RETURNS SETOF text
    LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN QUERY EXECUTE query; END $$;
CREATE FUNCTION posture_internal.fenced(query text) RETURNS SETOF text
    LANGUAGE C STABLE AS '$libdir/posture', 'posture_call_reader';
SQL
}

# SQL that runs a query of a column of text behind the fence, after expect_sql()
sub fenced { return 'SELECT * FROM posture_internal.fenced($fenced$' . $_[0] . '$fenced$)'; }

# the rows of each table that the fence shows of owners O
our %owner_condition = (
	(map { $_ => 'true' }
		  qw(posture.importance_weight posture.snapshot posture.node posture_internal.place
		  posture_internal.catalog_delta)),
	'posture.source' => q{source_id IN (SELECT source_id FROM posture.recommendation
		WHERE recommendation_id IN (SELECT expect.lr(O)))},
	(map { $_ => 'initiative_id IN (SELECT expect.i(O))' }
		  qw(posture.initiative posture.initiative_metric posture.initiative_recommendation
		  posture.benchmark posture.initiative_snapshot posture.initiative_metric_snapshot)),
	(map { $_ => 'metric_id IN (SELECT expect.m(O))' }
		  qw(posture.metric posture.metric_recommendation)),
	(map { $_ => 'recommendation_id IN (SELECT expect.r(O))' }
		  qw(posture.measure posture.recommendation_snapshot posture_internal.measure_snapshot
		  posture_internal.finding_history)),
	(map { $_ => 'asset_id IN (SELECT expect.a(O))' } qw(posture.asset posture.asset_alias
		  posture.asset_source)),
	'posture.score_band' => 'initiative_id IS NULL OR initiative_id IN (SELECT expect.i(O))',
	'posture.asset_group' => 'asset_group_id IN (SELECT expect.g(O))',
	'posture.recommendation' => 'recommendation_id IN (SELECT expect.lr(O))',
	(map { $_ => q{recommendation_id IN (SELECT expect.r(O)) OR asset_id IN (SELECT expect.ga(O))} }
		  qw(posture.finding posture.attestation)),
	'posture.exemption' => q{recommendation_id IN (SELECT expect.r(O))
		OR asset_id IN (SELECT expect.ga(O)) OR asset_group_id IN (SELECT expect.g(O))
		OR asset_id IS NULL AND asset_group_id IS NULL
		AND recommendation_id IN (SELECT expect.lr(O))},
	'posture.metric_snapshot' => q{metric_id IN (SELECT expect.m(O))
		OR (day, metric_id) IN (SELECT day, metric_id FROM posture.initiative_metric_snapshot
		                        WHERE initiative_id IN (SELECT expect.i(O)))},
	'posture.event' => 'event_id IN (SELECT expect.e(O))',
	'posture.event_cause' => q{event_id IN (SELECT expect.e(O))
		AND (initiative_id IS NULL OR initiative_id IN (SELECT expect.i(O)))});
# tables of which the fence shows no row
our @hidden = (
	(map { "posture_internal.$_" } qw(alias_route asset_move bucket catalog_push handed_over kept_piece node_count routed)),
	(map { "posture.$_" } qw(access asset_inbox change_log extent inbox rejected run)),
	map { "posture_internal.$_" } qw(change_log_start verification exemption_snapshot asset_group_snapshot
	  asset_history history_start forgotten_day former_key left_inventory delivery confirmation finding_set asset_set object_count counted_slice finding_delta asset_delta));

# The views that list assets, findings and recommendations: what an owner asks, and what a
# superuser asks for the same rows, with O for the owners. An owner sees one of the two
# recommendations with the key a1, which it sees without its source.
my $finding = q{
	SELECT v.*, f.recommendation_id, f.asset_id
	FROM posture.finding f
	JOIN posture.recommendation USING (recommendation_id)
	JOIN posture.asset a USING (asset_id)
	JOIN posture.finding_report v
	  ON v.asset = a.key AND v.title = recommendation.title
	WHERE (f.recommendation_id IN (SELECT expect.r(O)) OR f.asset_id IN (SELECT expect.ga(O)))
	  AND f.recommendation_id IN (SELECT expect.lr(O))};
my $label = q{replace(recommendation, 'scan:a1', 'a1')};
my %listed = (
	finding_report => [ '*', qq{
		SELECT source, $label, title, severity, asset, asset_name, asset_kind, state, exemption,
		       is_exposed, since, details FROM ($finding) f} ],
	asset_report => [ '*', qq{
		WITH finding AS ($finding AND f.state <> 'not_applicable')
		SELECT v.asset, v.name, v.kind, v.owner, v.criticality, v.state,
		       ARRAY(SELECT DISTINCT source FROM finding f WHERE f.asset = v.asset ORDER BY 1),
		       (SELECT count(*) FROM finding f WHERE f.asset = v.asset),
		       (SELECT count(*) FROM finding f WHERE f.asset = v.asset AND f.is_exposed),
		       (SELECT count(exemption) FROM finding f WHERE f.asset = v.asset),
		       ARRAY(SELECT m.key::text FROM posture.metric m
		             WHERE m.key = ANY (v.metrics) AND metric_id IN (SELECT expect.m(O)) ORDER BY 1),
		       ARRAY(SELECT i.key::text FROM posture.initiative i
		             WHERE i.key = ANY (v.initiatives)
		               AND initiative_id IN (SELECT expect.i(O)) ORDER BY 1),
		       v.first_seen, v.last_seen, v.retired_at,
		       ARRAY(SELECT s.key::text
		             FROM posture.asset_source k JOIN posture.source s USING (source_id)
		             WHERE k.asset_id = a.asset_id
		               AND s.source_id IN (SELECT source_id FROM posture.recommendation
		                   WHERE recommendation_id IN (SELECT expect.lr(O))) ORDER BY 1)
		FROM posture.asset_report v JOIN posture.asset a ON a.key = v.asset
		WHERE a.asset_id IN (SELECT expect.a(O))} ],
	metric_recommendation_report => [ '*', qq{
		SELECT metric, name, source, $label, title, severity, state, exposed_assets,
		       assessed_assets, only_this
		FROM posture.metric_recommendation_report
		WHERE metric IN (SELECT key FROM posture.metric
		                 WHERE metric_id IN (SELECT expect.m(O)))} ],
	event_asset => [ 'event_id, reason, title, asset, asset_name, asset_kind', q{
		SELECT v.event_id, v.reason, r.title, v.asset, v.asset_name, v.asset_kind
		FROM posture.event_asset v
		JOIN posture.asset a ON a.key = v.asset
		LEFT JOIN posture.recommendation r
		  ON r.title = v.title AND r.recommendation_id IN (SELECT expect.lr(O))
		WHERE v.event_id IN (SELECT expect.e(O)) AND a.asset_id IN (SELECT expect.a(O))} ]);

sub listed_views { return sort keys %listed; }

sub listed_question
{
	my ($columns, $expected) = @{ $listed{ $_[0] } };
	return [ map { "SELECT v FROM ($_) v ORDER BY v::text COLLATE \"C\"" }
		  "SELECT $columns FROM posture.$_[0]", $expected ];
}

# SQL with the owners of a role in place of O
sub owned_sql
{
	my ($role, $sql) = @_;
	return $sql =~ s/\bO\b/$owners{$role}/gr;
}

1;

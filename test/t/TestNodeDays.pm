# Random days of a head with nodes and of one server with the same assets: each asset is on one
# node, by its number, or on the head itself. All is random by a seed and a key, so that every
# server draws the same.
package TestNodeDays;

use strict;
use warnings;
use Exporter 'import';
use Test::More;
use TestNodes;

our @EXPORT = qw(without_author days_cluster on_owners live_a_day day_before day_questions @day_tables $events);

# what is stored of days, without ids
our @day_tables = (
	q{SELECT day, key, name, exposed, assessed, score, importance, recommendations, switched_off, asset_kinds,
	         criticality_weights, population, unassessed, population_group_id, unassessed_as, score_low, score_high
	  FROM posture.metric_snapshot},
	q{SELECT day, key, name, score, method, chosen_method, recommendations, switched_off, score_low, score_high,
	         exposed, assessed, population, unassessed
	  FROM posture.initiative_snapshot},
	'SELECT * FROM posture.initiative_metric_snapshot',
	'SELECT * FROM posture.recommendation_snapshot',
	'SELECT day, ends_at, inactive_sources, inactive_recommendations FROM posture.snapshot');

# A sentence without who decided, which the log of the node has where the decision was made.
sub without_author
{
	my ($column) = @_;
	return "regexp_replace(regexp_replace($column, ' by role [[:alnum:]_]+ on [0-9]+ [[:alpha:]]+ [0-9]+', '', 'g'),"
	  . " ' (was|were) (ended|given)', ' \\2', 'g')";
}

our $events = 'SELECT kind, day, object, name, previous_score, score, drop, weight, status, ' . without_author('cause') . q{ AS cause,
	previous_day, recovered_on, in_cooldown, superseded_on, superseded_by, is_certain FROM posture.event_report};

# Runs SQL on every server: {mine} is the condition that asset number a is there.
sub on_owners
{
	my ($cluster, $sql) = @_;
	my @servers = (
		[ $cluster->{one}, 'true' ],
		[ $cluster->{head}, 'a % 7 = 0' ],
		map { [ $cluster->{nodes}[$_], "a % 7 <> 0 AND a % 2 = $_" ] } 0 .. 1);
	for my $server (@servers)
	{
		(my $own = $sql) =~ s/\{mine\}/$server->[1]/g;
		$server->[0]->safe_psql('postgres', $own);
	}
	return;
}

# what questions about past days return
sub day_questions
{
	my @days = @_;
	my $groups = "(NULL), ('users'), ('critical'), ('hosts')";
	local $" = ',';
	return (
		@day_tables, $events,
		'SELECT * FROM posture.score_history',
		"SELECT d.day, g.key, r.* FROM unnest('{@days}'::date[]) d(day) CROSS JOIN (VALUES $groups) g(key)
		 CROSS JOIN LATERAL posture.report_at(d.day, g.key) r",
		"SELECT o.key, g.key AS of_group, r.* FROM (VALUES ('i1'), ('i2'), ('i3'), ('m1'), ('m2'), ('m7')) o(key)
		 CROSS JOIN (VALUES $groups) g(key) CROSS JOIN LATERAL posture.score_history_of(o.key, g.key) r",
		q{SELECT * FROM posture.backtest('{"remediate": ["s2:r1"], "importance": {"m3": "critical"}}')});
}

# Returns a cluster with a catalog, in which history began days ago, and no assets yet.
sub days_cluster
{
	my ($name, $seed, $days, $conf) = @_;
	my $cluster = new_cluster($name, 2, "posture.retention_days = 300\n" . ($conf // ''));
	my $function = <<"SQL";
CREATE SCHEMA sim;
CREATE FUNCTION sim.rnd(key text) RETURNS double precision LANGUAGE sql IMMUTABLE AS \$\$
    SELECT ('x' || left(md5('$seed ' || key), 8))::bit(32)::bigint / 4294967296.0 \$\$;
CREATE FUNCTION sim.one(key text, VARIADIC choices text[]) RETURNS text LANGUAGE sql IMMUTABLE AS \$\$
    SELECT choices[1 + floor(sim.rnd(key) * cardinality(choices))::integer] \$\$;
-- a moment of a day
CREATE FUNCTION sim.at(of_day date, key text) RETURNS timestamptz LANGUAGE sql STABLE AS \$\$
    SELECT posture.day_end(of_day) - interval '23 hours' * sim.rnd('at ' || key) \$\$;
SQL
	$_->safe_psql('postgres', $function) for $cluster->{one}, $cluster->{head}, @{ $cluster->{nodes} };
	on_both($cluster, "UPDATE posture_internal.history_start SET day = posture.today() - $days;" . <<'SQL');
INSERT INTO posture.source (key, name, stale_after)
SELECT 's' || n, 'S', CASE n WHEN 2 THEN interval '300 days' END FROM generate_series(1, 3) n;
INSERT INTO posture.asset_group (key, name, kinds, min_criticality) VALUES
    ('users', 'U', '{user}', NULL), ('critical', 'C', NULL, 'high'), ('hosts', 'H', '{host}', 'medium');
INSERT INTO posture.recommendation (source_id, key, title, max_points)
SELECT 1 + r % 3, 'r' || r, 'Title ' || r, r FROM generate_series(1, 12) r;
INSERT INTO posture.measure (recommendation_id, achieved, possible, observed_at)
SELECT recommendation_id, 3, 8, now() - interval '100 days' FROM posture.recommendation WHERE key IN ('r11', 'r12');
INSERT INTO posture.metric (key, name, importance, asset_kinds, criticality_weights, drop_threshold,
                            population_group_id, unassessed)
SELECT 'm' || m, 'Metric ' || m, sim.one('importance' || m, 'high', 'medium', 'low')::posture.importance,
       CASE WHEN m % 3 = 0 THEN '{host,user}'::text[] END, CASE WHEN m % 4 = 0 THEN '{1,1,2,5}'::integer[] END,
       0.5, CASE WHEN m > 5 THEN m - 5 END, (ARRAY['excluded', 'exposed', 'compliant'])[1 + m % 3]
FROM generate_series(1, 8) m;
INSERT INTO posture.metric_recommendation
SELECT metric_id, recommendation_id FROM posture.metric m, posture.recommendation r
WHERE sim.rnd(m.key || r.key) < 0.3;
INSERT INTO posture.initiative (key, name, method, drop_threshold) VALUES
    ('i1', 'One', 'weighted', 0.1), ('i2', 'Two', 'population', 0.1), ('i3', 'Three', 'points', 0.1);
INSERT INTO posture.initiative_metric SELECT initiative_id, metric_id FROM posture.initiative i, posture.metric m
WHERE sim.rnd(i.key || m.key) < 0.6;
INSERT INTO posture.initiative_recommendation SELECT 3, recommendation_id FROM posture.recommendation
WHERE recommendation_id IN (2, 11);
SQL
	return $cluster;
}

# the day that was some days ago
sub day_before
{
	my ($cluster, $days) = @_;
	return $cluster->{one}->safe_psql('postgres', "SELECT to_char(posture.today() - $days, 'YYYY-MM-DD')");
}

# What happens on a day to findings, assets and the catalog. No observation is older than those of
# the days before: whether one is newer than a confirmation depends on when a database merges these.
sub live_a_day
{
	my ($cluster, $day) = @_;
	on_owners($cluster, <<"SQL");
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at, asset_kind)
SELECT 's' || 1 + r % 3, 'r' || r, 'a' || a,
       sim.one(format('state %s %s $day', a, r), 'compliant', 'compliant', 'non_compliant', 'not_applicable'),
       sim.at('$day', format('%s %s $day', a, r)),
       sim.one('kind' || a, 'host', 'user', 'bucket')
FROM generate_series(1, 60) a, generate_series(1, 10) r
WHERE {mine} AND sim.rnd(format('new %s $day', a)) < 0.3 AND sim.rnd(format('seen %s %s $day', a, r)) < 0.25;
SELECT FROM posture.ingest();
UPDATE posture.asset SET criticality = sim.one(key || 'criticality $day', 'low', 'medium', 'high', 'critical')
WHERE sim.rnd(key || 'changes $day') < 0.15;
UPDATE posture.asset SET kind = sim.one(key || 'kind $day', 'host', 'user', 'bucket')
WHERE sim.rnd(key || 'is another $day') < 0.05;
UPDATE posture.asset SET retired_at = CASE WHEN retired_at IS NULL THEN sim.at('$day', key || 'retires') END
WHERE sim.rnd(key || 'retires $day') < 0.1;
INSERT INTO posture.exemption (recommendation_id, asset_id, kind, reason, created_at, expires_at)
SELECT r.recommendation_id, a.asset_id,
       sim.one(a.key || r.key || 'exempt', 'mitigated', 'waived', 'risk_accepted')::posture.exemption_kind, 'test',
       sim.at('$day', a.key || r.key || 'exempt'), posture.day_end('$day') + interval '40 hours'
FROM posture.asset a, posture.recommendation r WHERE sim.rnd(a.key || r.key || 'exempt $day') < 0.01;
DELETE FROM posture.finding USING posture.asset a
WHERE a.asset_id = finding.asset_id AND sim.rnd(key || 'leaves $day') < 0.03;
DELETE FROM posture.asset WHERE sim.rnd(key || 'leaves $day') < 0.03;
SQL
	on_both($cluster, <<"SQL");
DELETE FROM posture.metric_recommendation b USING posture.metric m
WHERE m.metric_id = b.metric_id AND sim.rnd(m.key || b.recommendation_id || 'out $day') < 0.05;
INSERT INTO posture.metric_recommendation
SELECT metric_id, recommendation_id FROM posture.metric m, posture.recommendation r
WHERE sim.rnd(m.key || r.key || 'in $day') < 0.04
ON CONFLICT DO NOTHING;
UPDATE posture.recommendation SET is_active = NOT is_active WHERE sim.rnd(key || 'active $day') < 0.05;
UPDATE posture.metric SET importance = sim.one(key || '$day', 'high', 'medium', 'low')::posture.importance
WHERE sim.rnd(key || 'important $day') < 0.1;
UPDATE posture.metric SET asset_kinds = CASE WHEN asset_kinds IS NULL THEN '{host,user}'::text[] END
WHERE sim.rnd(key || 'kinds $day') < 0.05;
UPDATE posture.asset_group SET min_criticality = sim.one(key || '$day', 'low', 'medium', 'high')
WHERE sim.rnd(key || 'group $day') < 0.2;
UPDATE posture.measure SET achieved = floor(8 * sim.rnd(recommendation_id || 'points $day')),
                           observed_at = sim.at('$day', recommendation_id || 'measured')
WHERE sim.rnd(recommendation_id || 'measured $day') < 0.4;
INSERT INTO posture.exemption (recommendation_id, asset_group_id, kind, reason, created_at, expires_at)
SELECT recommendation_id, CASE WHEN sim.rnd(key || 'all $day') < 0.7 THEN 1 + floor(3 * sim.rnd(key || 'g $day'))::integer END,
       sim.one(key || 'kind $day', 'mitigated', 'waived')::posture.exemption_kind, 'test',
       sim.at('$day', key || 'exempt'), posture.day_end('$day') + interval '30 hours'
FROM posture.recommendation WHERE sim.rnd(key || 'exempt $day') < 0.1;
SQL
	return;
}

1;

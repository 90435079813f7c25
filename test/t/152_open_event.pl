# Open drops of what counts no longer: overview counts none of a metric that was switched off,
# removed or deleted, and event_report still has the key of an object that was deleted.
# tests: report/overview, report/event_report

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('open');
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION posture;
SELECT FROM posture.backfill(posture.today() - 2);
INSERT INTO posture.source (key, name) VALUES ('s', 'S');
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at)
SELECT 's', 'r' || r, 'a' || a, 'compliant', posture.day_end(posture.today() - 2) - interval '2 hours'
FROM generate_series(1, 4) r, generate_series(1, 2) a;
SELECT FROM posture.ingest();
INSERT INTO posture.metric (key, name, importance) SELECT 'm' || n, 'M' || n, 'low' FROM generate_series(1, 4) n;
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM posture.metric m JOIN posture.recommendation r ON right(m.key, 1) = right(r.key, 1);
INSERT INTO posture.initiative (key, name, method) VALUES ('i', 'I', 'weighted'), ('j', 'J', 'weighted');
INSERT INTO posture.initiative_metric (initiative_id, metric_id)
SELECT i.initiative_id, m.metric_id FROM posture.initiative i, posture.metric m;
CALL posture.run_daily();
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at)
SELECT 's', 'r' || r, 'a1', 'non_compliant', now() FROM generate_series(1, 4) r;
SELECT FROM posture.ingest();
SELECT FROM posture.take_snapshot();
SQL
my $counts = q{SELECT string_agg(initiative || ' ' || open_events, ', ' ORDER BY initiative) FROM posture.overview};

# Runs a statement and says what overview counts and what plain SQL does.
sub is_counted
{
	my ($sql, $expected, $name) = @_;
	$node->safe_psql('postgres', $sql);
	is($node->safe_psql('postgres', $counts), $expected, $name);
	is($node->safe_psql('postgres', <<'SQL'), '', 'as plain SQL does');
SELECT o.initiative, o.open_events
FROM posture.overview o JOIN posture.initiative i ON i.key = o.initiative
WHERE o.open_events <> (SELECT count(*) FROM posture.event e WHERE e.status = 'open'
                        AND e.kind = 'initiative_score_drop' AND e.initiative_id = i.initiative_id)
                     + (SELECT count(*) FROM posture.event e JOIN posture.metric m USING (metric_id)
                        WHERE e.status = 'open' AND m.is_active
                          AND m.metric_id IN (SELECT b.metric_id FROM posture.initiative_metric b
                                              WHERE b.initiative_id = i.initiative_id))
SQL
	return;
}

is_counted('', 'i 5, j 5', 'an initiative and its four metrics dropped');
is_counted(q{UPDATE posture.metric SET is_active = false WHERE key = 'm1'}, 'i 4, j 4',
	'a metric that is switched off has no open drop');
is_counted(q{UPDATE posture.metric SET is_active = true WHERE key = 'm1'}, 'i 5, j 5', 'unless it is switched on again');
is_counted(q{DELETE FROM posture.initiative_metric b USING posture.initiative i, posture.metric m
	WHERE i.key = 'i' AND m.key = 'm2' AND (b.initiative_id, b.metric_id) = (i.initiative_id, m.metric_id)},
	'i 4, j 5', 'nor has one that left, in that initiative');
is_counted(q{DELETE FROM posture.metric WHERE key = 'm3'}, 'i 3, j 4', 'nor has one that was deleted');
is_counted(q{UPDATE posture.initiative SET is_active = false WHERE key = 'j'}, 'i 3', 'an initiative that is switched off');

my $report = q{SELECT object, name, cause IS NOT NULL FROM posture.event_report WHERE object IN ('m3', 'j') AND drop > 0 ORDER BY object};
is($node->safe_psql('postgres', $report), "j|J|t\nm3|M3|t", 'the drops keep key and cause');
$node->safe_psql('postgres', q{DELETE FROM posture.initiative WHERE key IN ('i', 'j'); SELECT FROM posture.take_snapshot()});
is($node->safe_psql('postgres', q{SELECT count(*) FROM posture.event_report WHERE object IS NULL OR name IS NULL}),
	'0', 'also after the snapshot of that day is taken again');
is($node->safe_psql('postgres', q{SELECT status, superseded_by FROM posture.event_report WHERE object = 'm3' AND drop > 0}),
	'superseded|metric_removed', 'which supersedes them');
is($node->safe_psql('postgres', q{SELECT count(*) FROM posture.event_report e CROSS JOIN posture.explain(e.event_id) c
	WHERE e.object = 'j' AND e.drop > 0 AND c.initiative IS NULL}), '0', 'their causes have keys');
is($node->safe_psql('postgres', q{SELECT worst FROM posture.day_report WHERE day = posture.today()}), 'i', 'and the summary of the day has keys');

$node->stop;
done_testing();

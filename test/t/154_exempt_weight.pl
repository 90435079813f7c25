# A drop that is back on its own day ends as recovered, whatever exemption is given on what weighs
# nothing in the initiative.
# tests: day/event_end

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('exempt_weight');
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION posture;
SELECT FROM posture.backfill(posture.today() - 1);
INSERT INTO posture.source (key, name) VALUES ('s', 'S');
CREATE FUNCTION state(recommendation text, state text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at)
    VALUES ('s', recommendation, 'a', state, clock_timestamp());
    SELECT FROM posture.ingest() $$;
INSERT INTO posture.inbox (source, recommendation, asset, state, observed_at)
SELECT 's', r, 'a', 'compliant', posture.day_end(posture.today() - 1) - interval '1 hour' FROM unnest('{counts,idle}'::text[]) r;
SELECT FROM posture.ingest();
INSERT INTO posture.metric (key, name, importance) VALUES ('m', 'M', 'low'), ('n', 'N', 'low');
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM posture.metric m JOIN posture.recommendation r
    ON (m.key, r.key) IN (('m', 'counts'), ('n', 'idle'));
INSERT INTO posture.initiative (key, name, method) VALUES ('i', 'I', 'weighted'), ('p', 'P', 'points');
INSERT INTO posture.initiative_metric (initiative_id, metric_id, weight)
SELECT i.initiative_id, m.metric_id, CASE m.key WHEN 'm' THEN 1 ELSE 0 END FROM posture.initiative i, posture.metric m;
UPDATE posture.recommendation SET max_points = 10;
CALL posture.run_daily();
SELECT state('counts', 'non_compliant');
SELECT FROM posture.take_snapshot();
SQL
my $events = q{SELECT object, status, superseded_by FROM posture.event_report WHERE drop > 0 ORDER BY object};
my $again = sub {
	my ($exempt) = @_;
	return $node->safe_psql('postgres', <<"SQL");
BEGIN;
SELECT state('counts', 'compliant');
INSERT INTO posture.exemption (recommendation_id, kind, reason, approved_by)
SELECT recommendation_id, 'mitigated', 'r', 'a' FROM posture.recommendation WHERE key = '$exempt';
SELECT FROM posture.take_snapshot();
$events;
SQL
};
like($node->safe_psql('postgres', $events), qr/^i\|open\|\nm\|open\|\np\|open\|$/, 'drops of today');
like($again->('idle'), qr/^i\|recovered\|\nm\|recovered\|\np\|recovered\|$/m, 'an exemption of what weighs nothing does not end them');
like($again->('counts'), qr/^i\|superseded\|exemption_given\nm\|superseded\|exemption_given\np\|superseded\|exemption_given$/m,
	'one of what counts does');

$node->stop;
done_testing();

# What the test of moving assets builds.
package TestMove;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(days_sql);

# SQL that makes random days of a database, the same for a seed. All observations are at whole hours,
# from which the limit of staleness is far.
sub days_sql
{
	my ($seed) = @_;
	return <<"SQL";
SELECT FROM posture.backfill(posture.today() - 8);
INSERT INTO posture.source (key, name, stale_after)
VALUES ('scan', 'Scanner', now() - date_trunc('hour', now()) + '4 days 3 hours 30 minutes'),
       ('cloud', 'Cloud', NULL), ('cmdb', 'CMDB', NULL);
INSERT INTO posture.recommendation (source_id, key, title, max_points, is_manual)
SELECT source_id, 'r' || r, 'Recommendation ' || r, r, s.key = 'cmdb'
FROM posture.source s, generate_series(1, 6) r;
INSERT INTO posture.asset_group (key, name, kinds) VALUES ('hosts', 'Hosts', '{host}');
INSERT INTO posture.asset_group (key, name, min_criticality) VALUES ('vip', 'Vip', 'high');
INSERT INTO posture.metric (key, name, population_group_id, criticality_weights)
SELECT 'm' || m, 'M', CASE m WHEN 3 THEN 1 END, CASE m WHEN 4 THEN '{1,2,3,4}'::numeric[] END
FROM generate_series(1, 4) m;
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM posture.metric m, posture.recommendation r
WHERE (m.metric_id + r.recommendation_id) % 3 = 0;
INSERT INTO posture.initiative (key, name, method)
VALUES ('i1', 'One', 'weighted'), ('i2', 'Two', 'population'), ('i3', 'Three', 'points');
INSERT INTO posture.initiative_metric
SELECT i.initiative_id, m.metric_id FROM posture.initiative i, posture.metric m
WHERE (i.initiative_id + m.metric_id) % 2 = 0;
CREATE SCHEMA s;
CREATE FUNCTION s.moment(back integer) RETURNS timestamptz LANGUAGE sql VOLATILE
RETURN posture.day_end(posture.today() - back) - interval '1 hour' * (1 + (19 * random())::int);
CREATE PROCEDURE s.deliver(back integer, rows integer, extent text) LANGUAGE sql BEGIN ATOMIC
INSERT INTO posture.inbox (source, recommendation, asset, state, asset_kind, observed_at)
SELECT (ARRAY['scan', 'cloud'])[1 + random()::int], 'r' || 1 + (random() * 5)::int,
       'a' || (random() * 200)::int,
       (ARRAY['compliant', 'non_compliant', 'not_applicable'])[1 + (random() * 2)::int]
       ::posture.finding_state,
       (ARRAY['host', 'user', 'bucket'])[1 + (random() * 2)::int], s.moment(back)
FROM generate_series(1, rows);
SELECT FROM posture.ingest(only_source => 'scan', extent => extent);
SELECT FROM posture.ingest();
END;
CREATE PROCEDURE s.end_day(back integer) LANGUAGE sql BEGIN ATOMIC
UPDATE posture.asset SET retired_at = s.moment(back) WHERE random() < 0.03;
UPDATE posture.asset SET criticality = (ARRAY['low', 'medium', 'high', 'critical'])
    [1 + (random() * 3)::int] WHERE random() < 0.2;
INSERT INTO posture.exemption (recommendation_id, asset_id, kind, reason, created_at)
SELECT 1 + (random() * 11)::int, asset_id, (enum_range(NULL::posture.exemption_kind))
       [1 + (random() * 2)::int], 'r', s.moment(back)
FROM posture.asset WHERE random() < 0.05;
SELECT FROM posture.take_snapshot(posture.today() - back);
END;
SELECT setseed($seed / 1000.0);
CALL s.deliver(7, 400, 'acct/1');
INSERT INTO posture.exemption (recommendation_id, asset_group_id, kind, reason, created_at)
VALUES (2, 2, 'mitigated', 'g', s.moment(6)), (5, 1, 'waived', 'g', s.moment(5));
SELECT format('CALL s.deliver(%s, 300, %L); CALL s.end_day(%1\$s);', d,
              CASE d % 2 WHEN 0 THEN 'acct/' || d END) FROM generate_series(6, 2, -1) d \\gexec
INSERT INTO posture.asset_alias (alias, asset_id)
SELECT 'alias-' || key, asset_id FROM posture.asset WHERE asset_id % 7 = 0;
INSERT INTO posture.asset_source (source_id, asset_id)
SELECT 3, asset_id FROM posture.asset WHERE asset_id % 4 = 0;
SELECT posture.attest('cmdb:r' || 1 + asset_id % 6, 'compliant', 'link', NULL, NULL, key)
FROM posture.asset WHERE asset_id % 20 = 0;
CALL s.deliver(4, 200, NULL);
SELECT FROM posture.take_snapshot();
CALL s.deliver(1, 100, 'acct/9');
SQL
}

1;

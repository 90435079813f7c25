# Changes of findings, assets and the catalog, as SQL. random_change() changes a few rows
# of the warehouse of edge_warehouse_sql(), random_bulk_change() a part of all rows of the
# sample, and kinds_of_change() lists changes of the sample, each of another kind.
package TestChanges;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(pick edge_warehouse_sql random_isolation random_change random_bulk_change
  kinds_of_change);

sub pick { return $_[ rand @_ ] }

# ids of assets on both sides of the end of a chunk and of the end of a slice
my @ids = (1 .. 14, 65530 .. 65541, 1048570 .. 1048581);

sub edge_warehouse_sql
{
	return <<'SQL' =~ s/IDS/join ',', @ids/er;
INSERT INTO posture.source (key, name, stale_after)
VALUES ('s1', 'One', '30 days'), ('s2', 'Two', NULL), ('s3', 'Three', '20 days');
INSERT INTO posture.asset (asset_id, key, name, kind, criticality) OVERRIDING SYSTEM VALUE
SELECT i, 'a' || i, 'A', (ARRAY['host', 'user', 'role'])[1 + i % 3],
       CASE WHEN i % 4 = 0 THEN 'critical' ELSE 'low' END
FROM unnest('{IDS}'::integer[]) i;
ALTER TABLE posture.asset ALTER asset_id RESTART WITH 15;
INSERT INTO posture.recommendation (source_id, key, title, max_points)
SELECT s.source_id, 'r' || r, 'R', r FROM posture.source s, generate_series(1, 3) r;
INSERT INTO posture.metric (key, name, importance, asset_kinds) VALUES
    ('m1', 'M', 'high', NULL), ('m2', 'M', 'low', '{host,user}'),
    ('m3', 'M', 'critical', '{role}');
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM posture.metric m, posture.recommendation r
WHERE (m.metric_id + r.recommendation_id) % 2 = 0;
INSERT INTO posture.initiative (key, name, method)
VALUES ('i1', 'I', 'weighted'), ('i2', 'I', 'population'), ('i3', 'I', 'points');
INSERT INTO posture.initiative_metric
SELECT i.initiative_id, m.metric_id FROM posture.initiative i, posture.metric m
WHERE i.key <> 'i3';
INSERT INTO posture.initiative_recommendation
SELECT i.initiative_id, r.recommendation_id
FROM posture.initiative i, posture.recommendation r WHERE i.key = 'i3' AND r.key = 'r1';
INSERT INTO posture.asset_group (key, name, kinds, min_criticality)
VALUES ('g1', 'G', '{user}', NULL), ('g2', 'G', NULL, 'critical');
INSERT INTO posture.finding
SELECT recommendation_id, asset_id,
       (enum_range(NULL::posture.finding_state))[1 + (recommendation_id * asset_id) % 3],
       now() - (asset_id % 4) * interval '1 day'
FROM posture.recommendation, posture.asset WHERE (recommendation_id + asset_id) % 3 <> 0;
SQL
}

sub random_isolation
{
	return 'BEGIN ISOLATION LEVEL '
	  . pick('READ COMMITTED', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE');
}

sub random_change
{
	my $dice = rand;
	return pick($dice < 0.70 ? finding_changes()
		: $dice < 0.93 ? asset_changes()
		: catalog_changes())->();
}

sub some { my ($n, @of) = @_; return join ', ', map { pick(@of) } 1 .. 1 + int rand $n }

sub some_state
{
	return "'" . pick(qw(compliant non_compliant non_compliant not_applicable)) . "'";
}

sub some_rows
{
	return 'asset_id IN (' . some(4, @ids) . ') AND recommendation_id IN (' . some(4, 1 .. 9) . ')';
}

sub changed_at
{
	return pick('now()', 'now()', 'clock_timestamp()',
		sprintf(q{now() - interval '%d hours'}, rand 90));
}

# so that time alone changes what counts
sub soon { return sprintf q{clock_timestamp() + interval '%d ms'}, rand 800 }

sub some_findings
{
	my %row;
	$row{ pick(1 .. 9) . ', ' . pick(@ids) } = 1 for 1 .. 1 + int rand 6;
	return join ', ', map {
		sprintf '(%s, %s::posture.finding_state, %s)', $_, some_state(), changed_at()
	} sort keys %row;
}

sub delivery
{
	my $rows = join '', map {
		join("\t", 's' . pick(1 .. 3), 'r' . pick(1 .. 3),
			rand() < 0.05 ? 'new' . int rand 20 : 'a' . pick(@ids),
			pick(qw(compliant non_compliant not_applicable)), pick(qw(host user role \N))) . "\n"
	} 1 .. 1 + int rand 12;
	my $complete = rand() < 0.1 ? "'s1'" : '';
	return "COPY posture.inbox (source, recommendation, asset, state, asset_kind) FROM STDIN;\n"
	  . "$rows\\.\n"
	  . ($complete ? "INSERT INTO posture.inbox VALUES ('s1', 'r1', 'a1', 'compliant');\n" : '')
	  . "SELECT FROM posture.ingest($complete)";
}

sub finding_changes
{
	return (
		sub { sprintf 'UPDATE posture.finding SET state = %s, changed_at = %s WHERE %s',
			  some_state(), changed_at(), some_rows() },
		sub { sprintf q{UPDATE posture.finding SET state = CASE state
WHEN 'compliant' THEN 'non_compliant' ELSE 'compliant' END::posture.finding_state
WHERE %s}, some_rows() },
		sub { sprintf 'INSERT INTO posture.finding VALUES %s
ON CONFLICT (recommendation_id, asset_id)
DO UPDATE SET state = EXCLUDED.state, changed_at = EXCLUDED.changed_at', some_findings() },
		sub { sprintf 'INSERT INTO posture.finding VALUES %s ON CONFLICT DO NOTHING',
			  some_findings() },
		sub { sprintf 'INSERT INTO posture.finding VALUES %s', some_findings() },
		sub { sprintf 'DELETE FROM posture.finding WHERE %s', some_rows() },
		sub { sprintf q{MERGE INTO posture.finding f USING (VALUES %s) v(r, a, s, at)
ON f.recommendation_id = v.r AND f.asset_id = v.a
WHEN MATCHED AND v.s = 'not_applicable' THEN DELETE
WHEN MATCHED THEN UPDATE SET state = v.s, changed_at = v.at
WHEN NOT MATCHED THEN INSERT VALUES (v.r, v.a, v.s, v.at)}, some_findings() },
		sub { sprintf 'UPDATE posture.finding SET asset_id = %d
WHERE asset_id = %d AND recommendation_id = %d', pick(@ids), pick(@ids), pick(1 .. 9) },
		sub { sprintf 'UPDATE posture.finding SET changed_at = %s WHERE %s',
			  changed_at(), some_rows() },
		# one statement fires all three triggers
		sub { sprintf q{WITH d AS (DELETE FROM posture.finding WHERE %s),
u AS (UPDATE posture.finding SET state = %s WHERE recommendation_id = %d AND asset_id = %d)
INSERT INTO posture.finding VALUES %s
ON CONFLICT (recommendation_id, asset_id) DO UPDATE SET state = EXCLUDED.state},
			  some_rows(), some_state(), pick(1 .. 9), pick(@ids), some_findings() },
		\&delivery, \&delivery);
}

sub asset_changes
{
	return (
		sub { sprintf q{UPDATE posture.asset SET kind = '%s' WHERE asset_id IN (%s)},
			  pick(qw(host user role)), some(3, @ids) },
		sub { sprintf q{UPDATE posture.asset SET criticality = '%s' WHERE asset_id IN (%s)},
			  pick(qw(low critical)), some(3, @ids) },
		sub { sprintf q{UPDATE posture.asset SET retired_at = %s WHERE asset_id IN (%s)},
			  pick('NULL', 'NULL', 'now()', soon()), some(3, @ids) },
		sub { sprintf q{UPDATE posture.asset SET last_seen = %s WHERE asset_id IN (%s)},
			  pick('now()', 'now()', (map { "now() - interval '$_ days'" } 25, 40),
				map { soon() . " - interval '$_ days'" } 20, 30), some(3, @ids) },
		sub { sprintf q{INSERT INTO posture.asset (key, name, kind)
VALUES ('new%d', 'N', 'host') ON CONFLICT DO NOTHING}, rand 20 },
		sub { sprintf q{DELETE FROM posture.asset a WHERE key = 'new%d'
AND NOT EXISTS (SELECT FROM posture.finding f WHERE f.asset_id = a.asset_id)}, rand 20 });
}

sub catalog_changes
{
	return (
		sub { sprintf q{INSERT INTO posture.exemption
(recommendation_id, asset_id, asset_group_id, kind, reason, created_at, expires_at)
VALUES (%d, %s, '%s', 'r', now(), %s)}, pick(1 .. 9),
			  pick('NULL, NULL', 'NULL, 1', 'NULL, 2', map { "$_, NULL" } @ids[ 0 .. 20 ]),
			  pick(qw(waived mitigated risk_accepted)), pick('NULL', soon(), soon()) },
		sub { sprintf 'DELETE FROM posture.exemption WHERE exemption_id %% %d = 0', pick(1, 2, 3) },
		sub { sprintf 'INSERT INTO posture.metric_recommendation (metric_id, recommendation_id)
VALUES (%d, %d) ON CONFLICT DO NOTHING', pick(1 .. 3), pick(1 .. 9) },
		sub { sprintf 'DELETE FROM posture.metric_recommendation
WHERE metric_id = %d AND recommendation_id = %d', pick(1 .. 3), pick(1 .. 9) },
		sub { sprintf 'UPDATE posture.metric SET criticality_weights = %s WHERE metric_id = %d',
			  pick('NULL', q{'{1,1,2,5}'}, q{'{0,0,0,1}'}), pick(1 .. 3) },
		sub { sprintf q{UPDATE posture.metric SET population_group_id = %s, unassessed = '%s'
WHERE metric_id = %d}, pick('NULL', 1, 2), pick(qw(excluded exposed compliant)), pick(1 .. 3) },
		sub { sprintf 'UPDATE posture.metric SET asset_kinds = %s WHERE metric_id = %d',
			  pick('NULL', q{'{host}'}, q{'{user,role}'}), pick(1 .. 3) },
		sub { sprintf 'UPDATE posture.metric SET is_active = %s WHERE metric_id = %d',
			  pick('true', 'true', 'false'), pick(1 .. 3) },
		# not the third: an asset that is seen again while its source gets a shorter
		# stale_after is missed until the next fold
		sub { sprintf 'UPDATE posture.source SET is_active = %s WHERE source_id = %d',
			  pick('true', 'true', 'false'), pick(1 .. 2) },
		sub { sprintf 'UPDATE posture.source SET stale_after = %s WHERE source_id = %d',
			  pick('NULL', q{'20 days'}, q{'30 days'}), pick(1 .. 2) },
		sub { sprintf 'UPDATE posture.asset_group SET kinds = %s WHERE asset_group_id = %d',
			  pick('NULL', q{'{host}'}, q{'{user,role}'}), pick(1 .. 2) },
		sub { sprintf 'DELETE FROM posture.initiative_metric
WHERE initiative_id = %d AND metric_id = %d', pick(1 .. 2), pick(1 .. 3) },
		sub { sprintf 'INSERT INTO posture.initiative_metric VALUES (%d, %d)
ON CONFLICT DO NOTHING', pick(1 .. 2), pick(1 .. 3) },
		sub { sprintf 'INSERT INTO posture.initiative_recommendation VALUES (3, %d)
ON CONFLICT DO NOTHING', pick(1 .. 9) },
		sub { sprintf 'DELETE FROM posture.initiative_recommendation WHERE recommendation_id = %d',
			  pick(1 .. 9) });
}

# condition on findings: a part of all assets and recommendations
sub some_part
{
	return sprintf 'asset_id %% %d = %d AND recommendation_id %% %d = %d',
	  map { my $n = 2 + int rand 5; ($n, int rand $n) } 1 .. 2;
}

sub random_bulk_change
{
	return pick(
		sub { sprintf q{UPDATE posture.finding
SET state = %s, changed_at = now() - interval '%d hours' WHERE %s},
			  any_state(), rand 60, some_part() },
		sub { sprintf 'DELETE FROM posture.finding WHERE %s', some_part() },
		sub { sprintf 'INSERT INTO posture.finding
SELECT r.recommendation_id, a.asset_id, %s FROM posture.recommendation r, posture.asset a
WHERE %s ON CONFLICT (recommendation_id, asset_id) DO UPDATE SET state = EXCLUDED.state',
			  any_state(),
			  some_part() =~ s/asset_id/a.asset_id/r =~ s/recommendation_id/r.recommendation_id/r },
		sub { sprintf 'UPDATE posture.finding f SET asset_id = asset_id + 1 WHERE %s
AND asset_id + 1 IN (SELECT asset_id FROM posture.asset)
AND NOT EXISTS (SELECT FROM posture.finding o
                WHERE o.asset_id = f.asset_id + 1 AND o.recommendation_id = f.recommendation_id)',
			  some_part() },
		sub { sprintf q{UPDATE posture.asset SET kind = '%s', criticality = '%s', retired_at = %s
WHERE asset_id %% 7 = %d}, pick(qw(host user role)), pick(qw(low high critical)),
			  pick('NULL', 'now()'), rand 7 },
		sub { sprintf q{UPDATE posture.asset SET last_seen = now() - interval '%d days'
WHERE asset_id %% 7 = %d}, pick(0, 0, 20, 40), rand 7 },
		sub { sprintf q{INSERT INTO posture.inbox
SELECT 'scan', 'r%d', 'y' || a, %s FROM generate_series(1, %d) a;
SELECT FROM posture.ingest()}, 1 + rand 4, any_state(), 1 + rand 40 },
		sub { sprintf 'UPDATE posture.metric SET criticality_weights = %s
WHERE metric_id %% 3 = %d', pick('NULL', q{'{1,1,2,5}'}, q{'{0,1,1,1}'}), rand 3 },
		sub { sprintf 'UPDATE posture.recommendation SET is_active = %s
WHERE recommendation_id %% 4 = %d', pick(qw(true true false)), rand 4 })->();
}

sub any_state { return pick(map { "'$_'" } qw(compliant non_compliant not_applicable)) }

# a list of kinds of change to the sample: name, SQL, name, SQL, ...
sub kinds_of_change
{
	return (
		'findings that change, assets, a metric' => <<'SQL',
UPDATE posture.finding
SET state = CASE state WHEN 'compliant' THEN 'non_compliant' ELSE 'compliant' END
            ::posture.finding_state,
    changed_at = now()
WHERE (asset_id + recommendation_id) % 4 = 0;
UPDATE posture.asset SET kind = 'user', criticality = 'high' WHERE asset_id % 10 = 3;
UPDATE posture.metric SET criticality_weights = '{1,1,3,9}' WHERE key = 'm2';
SQL
		'findings that are new, deleted or of another asset' => <<'SQL',
DELETE FROM posture.finding WHERE asset_id % 9 = 4;
INSERT INTO posture.asset (key, name, kind)
SELECT 'n' || n, 'N', 'host' FROM generate_series(1, 20) n;
INSERT INTO posture.finding
SELECT r.recommendation_id, a.asset_id,
       (enum_range(NULL::posture.finding_state))[1 + (a.asset_id + r.recommendation_id) % 3]
FROM posture.recommendation r, posture.asset a WHERE a.key LIKE 'n%' AND r.key LIKE 'r%';
UPDATE posture.finding f SET asset_id = n.asset_id
FROM posture.asset n WHERE n.key = 'n1'
AND f.asset_id = (SELECT asset_id FROM posture.asset WHERE key = 'a2')
AND NOT EXISTS (SELECT FROM posture.finding o
                WHERE o.asset_id = n.asset_id AND o.recommendation_id = f.recommendation_id);
SQL
		'one finding many times, and what was rolled back' => <<'SQL',
BEGIN;
UPDATE posture.finding SET state = 'compliant' WHERE asset_id = 7;
SAVEPOINT s;
UPDATE posture.finding SET state = 'non_compliant' WHERE asset_id = 7;
DELETE FROM posture.finding WHERE asset_id = 8;
ROLLBACK TO s;
UPDATE posture.finding SET state = 'not_applicable' WHERE asset_id = 7;
COMMIT;
UPDATE posture.finding SET state = 'non_compliant' WHERE asset_id = 7;
SQL
		'assets that count differently' => <<'SQL',
UPDATE posture.asset SET retired_at = now() WHERE asset_id % 11 = 5;
UPDATE posture.asset SET criticality = 'low', tags = '{"a": 1}' WHERE asset_id % 11 = 6;
UPDATE posture.asset SET last_seen = now() - interval '50 days' WHERE asset_id % 11 = 7;
DELETE FROM posture.finding f USING posture.asset a
WHERE a.asset_id = f.asset_id AND a.key IN ('n19', 'n20');
DELETE FROM posture.asset WHERE key IN ('n19', 'n20');
SQL
		'assets that are seen again' =>
		  q{UPDATE posture.asset SET last_seen = now() WHERE asset_id % 11 = 7},
		'a delivery' => <<'SQL',
INSERT INTO posture.inbox
SELECT 'scan', 'r' || r, 'x' || a, CASE WHEN a % 2 = 0 THEN 'compliant' ELSE 'non_compliant' END
FROM generate_series(1, 30) a, generate_series(1, 4) r;
SELECT FROM posture.ingest('scan');
SELECT FROM posture.merge_asset('x3', 'x4');
SQL
		'the catalog' => <<'SQL',
INSERT INTO posture.metric (key, name) VALUES ('m9', 'Nine');
INSERT INTO posture.metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM posture.metric m, posture.recommendation r
WHERE m.key = 'm9' AND r.key IN ('r1', 'r5');
INSERT INTO posture.initiative_metric
SELECT i.initiative_id, m.metric_id FROM posture.initiative i, posture.metric m
WHERE m.key = 'm9' AND i.key <> 'i3';
DELETE FROM posture.metric_recommendation USING posture.metric m
WHERE m.metric_id = metric_recommendation.metric_id AND m.key = 'm1';
UPDATE posture.metric SET asset_kinds = '{user}' WHERE key = 'm3';
INSERT INTO posture.exemption (recommendation_id, kind, reason)
SELECT recommendation_id, 'waived', 'r' FROM posture.recommendation WHERE key = 'r3';
UPDATE posture.asset_group SET min_criticality = 'high' WHERE key = 'g1';
UPDATE posture.recommendation SET is_active = false WHERE key = 'r6';
UPDATE posture.importance_weight SET weight = 9 WHERE importance = 'high';
SQL
		'rules' => <<'SQL',
UPDATE posture.metric SET rule = '{"source": "cloud", "key": ["r5", "p%"]}' WHERE key = 'm5';
INSERT INTO posture.recommendation (source_id, key, title)
SELECT source_id, 'p2', 'P' FROM posture.source WHERE key = 'cloud';
SQL
		'the rule of a group' => <<'SQL',
UPDATE posture.asset_group
SET rule = '{"any": [{"asset": ["one", "a2"]}, {"not": {"owner": "web"}, "source": "cloud"}]}'
WHERE key = 'g1';
SQL
		'what it names' => <<'SQL',
INSERT INTO posture.asset_alias (alias, asset_id) SELECT 'one', asset_id FROM posture.asset WHERE key = 'a4';
UPDATE posture.asset SET owner = 'web' WHERE key IN ('a4', 'a6');
UPDATE posture.source SET key = 'clouds' WHERE key = 'cloud';
UPDATE posture.source SET key = 'cloud' WHERE key = 'clouds';
SQL
		'an inactive source' => q{UPDATE posture.source SET is_active = false WHERE key = 'cloud'},
		'TRUNCATE of findings' => 'TRUNCATE posture.finding',
		'findings after it' => <<'SQL');
UPDATE posture.source SET is_active = true;
INSERT INTO posture.finding
SELECT r.recommendation_id, a.asset_id,
       (enum_range(NULL::posture.finding_state))[1 + (a.asset_id * r.recommendation_id) % 3]
FROM posture.recommendation r, posture.asset a WHERE a.asset_id % 4 > 0 AND r.key LIKE 'r%';
SQL
}

1;

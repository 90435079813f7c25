# verify() compares the history of findings with the snapshots of closed days, and names the days
# and recommendations that differ; days from before a restore are not compared.
# tests: store/verify

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('verify_history');
my $verify = q{SELECT part, recommendation, posture.today() - substr(difference, 15, 10)::date, substr(difference, 27)
	FROM posture.verify() ORDER BY 1, 2, 3};

# exemptions of every kind, of an asset, a group and all; a group that changes afterwards; assets that
# retire; sources and recommendations that are switched off
$node->safe_psql('postgres', "CREATE EXTENSION posture;\n" . sample_sql());
$node->safe_psql('postgres', <<'SQL');
INSERT INTO posture.exemption (recommendation_id, kind, reason, created_at, expires_at)
SELECT r.recommendation_id, 'waived', 'all', posture.day_end(posture.today() - 4), posture.day_end(posture.today() - 2)
FROM posture.recommendation r WHERE r.key = 'r5';
INSERT INTO posture.exemption (recommendation_id, kind, reason, created_at)
SELECT r.recommendation_id, 'mitigated', 'all', posture.day_end(posture.today() - 2) FROM posture.recommendation r WHERE r.key = 'r3';
INSERT INTO posture.exemption (recommendation_id, kind, reason, created_at)
SELECT r.recommendation_id, 'risk_accepted', 'all', posture.day_end(posture.today() - 4) FROM posture.recommendation r WHERE r.key = 'r1';
UPDATE posture.asset SET retired_at = posture.day_end(posture.today() - 3) WHERE key = 'a10';
SELECT posture.forget_day(posture.today() - n) FROM generate_series(1, 3) n;
SELECT posture.take_snapshot(posture.today() - n) FROM generate_series(3, 1, -1) n;
UPDATE posture.asset SET retired_at = now() WHERE key IN ('a5', 'a11');
UPDATE posture.asset SET criticality = 'low' WHERE key < 'a3';
UPDATE posture.recommendation SET is_active = false WHERE key = 'r2';
UPDATE posture.finding SET state = 'non_compliant', changed_at = posture.day_end(posture.today() - 4) WHERE asset_id % 4 = 0;
DELETE FROM posture.finding WHERE asset_id % 9 = 0;
SQL
is($node->safe_psql('postgres', $verify), '', 'all is well, with changes pending');
is($node->safe_psql('postgres', 'SELECT FROM posture.fold(); ' . $verify), '', 'and folded');
is($node->safe_psql('postgres', 'SELECT count(*) > 0 FROM posture.recommendation_snapshot s WHERE s.exposed > 0 AND posture_internal.has_snapshot(s.day)'),
	't', 'closed days have counts');

# a history that lost or gained a change: on all days before it
foreach my $case (
	[ 'a change that is not in the history', 'exposed = h.exposed OPERATOR(posture.#) f.asset, assessed = h.assessed OPERATOR(posture.#) f.asset',
		qr/\Afinding_history\|r1\|3\|\d+ assets assessed and \d+ exposed, not \d+ and \d+ as in the snapshot\z/ ],
	[ 'one of the exposed assets', 'exposed = h.exposed OPERATOR(posture.#) f.asset', qr/\Afinding_history\|r1\|3\|/ ])
{
	my ($name, $set, $expected) = @$case;
	like($node->safe_psql('postgres', <<"SQL"), $expected, $name);
BEGIN;
UPDATE posture_internal.finding_history h SET $set
FROM posture.recommendation r, (SELECT posture.assetset_agg(asset_id) AS asset FROM posture.asset WHERE key = 'a1') f
WHERE r.key = 'r1' AND h.recommendation_id = r.recommendation_id AND h.day = posture.today() - 2;
$verify;
ROLLBACK;
SQL
}
is($node->safe_psql('postgres', <<"SQL"), "finding_history|r4|1\nfinding_history|r4|2\nfinding_history|r4|3", 'a change of today that was lost: all days');
BEGIN;
INSERT INTO posture_internal.finding_history AS h (day, recommendation_id, assessed, exposed)
SELECT posture.today(), r.recommendation_id, s.assets, '{}'
FROM posture.recommendation r, (SELECT posture.assetset_agg(asset_id) AS assets FROM posture.asset WHERE key = 'a1') s
WHERE r.key = 'r4'
ON CONFLICT (day, recommendation_id) DO UPDATE SET assessed = h.assessed OPERATOR(posture.#) EXCLUDED.assessed;
SELECT part, recommendation, ago FROM ($verify) v(part, recommendation, ago, difference);
ROLLBACK;
SQL
is($node->safe_psql('postgres', <<"SQL"), 'finding_history|r4|2', 'a snapshot that was changed: that day');
BEGIN;
UPDATE posture.recommendation_snapshot s SET assessed = s.assessed + 1
FROM posture.recommendation r WHERE r.key = 'r4' AND r.recommendation_id = s.recommendation_id AND s.day = posture.today() - 2;
SELECT part, recommendation, ago FROM ($verify) v(part, recommendation, ago, difference);
ROLLBACK;
SQL

# a dump without the changes that were not folded: its days are not compared, later ones are
$node->safe_psql('postgres', q{UPDATE posture.finding SET state = 'compliant' WHERE state = 'non_compliant' AND asset_id % 3 = 0});
$node->command_ok([ 'pg_dump', '-Fc', '-f', $node->basedir . '/dump', 'postgres' ], 'dumped with changes pending');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'restored', $node->basedir . '/dump' ], 'restored');
$node->safe_psql('restored', 'SELECT FROM posture.rebuild()');
is($node->safe_psql('restored', $verify), '', 'days from before it are not compared');
$node->safe_psql('restored', <<'SQL');
SELECT FROM posture.forget_day(posture.today() - 1);
SELECT FROM posture.take_snapshot(posture.today() - 1);
SQL
is($node->safe_psql('restored', $verify), '', 'a day that is closed there has no difference');
is($node->safe_psql('restored', <<"SQL"), 'finding_history|1', 'and is compared');
BEGIN;
UPDATE posture.recommendation_snapshot s SET assessed = s.assessed + 1
FROM posture.recommendation r WHERE r.key = 'r4' AND r.recommendation_id = s.recommendation_id AND s.day > posture.today() - 4;
SELECT part, ago FROM ($verify) v(part, recommendation, ago, difference);
ROLLBACK;
SQL

$node->stop;
done_testing();

# Scores, histories, causes and plans of an owner are those that a superuser sees of the
# same initiatives: with deltas, folded, and after changes of findings and of the catalog.
# tests: access/owner_rows, score/finding_status

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestAccess;
use TestPosture;

access_node('access');
grant_levels();
$node->safe_psql('warehouse', expect_sql());
# a finding that alice doesn't see keeps an asset of hers from being stale, and a group that
# fleet doesn't own has an exemption for trucks
$node->safe_psql('warehouse', <<'SQL');
INSERT INTO posture.finding (recommendation_id, asset_id, state)
SELECT recommendation_id, 700022, 'compliant' FROM posture.recommendation
WHERE title = 'hidden namesake';
INSERT INTO posture.asset_group (key, name, kinds)
VALUES ('hidden trucks', 'Hidden', '{truck}');
INSERT INTO posture.exemption (recommendation_id, asset_group_id, kind, reason)
SELECT recommendation_id, asset_group_id, 'waived', 'hidden reason'
FROM posture.recommendation r, posture.asset_group g
WHERE r.title = 'Title of a1' AND g.key = 'hidden trucks';
SQL

# Queries by name: for an owner, and for a superuser, with O for the owners. A stands for
# a moment. Views about initiatives come first; of groups, an owner sees its own.
my $with_initiative = $node->safe_psql('warehouse', <<"SQL");
SELECT oid::regclass FROM pg_class c
WHERE relnamespace = 'posture'::regnamespace AND relkind = 'v' AND EXISTS (
    SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'initiative')
ORDER BY 1
SQL
my %question = map {
	my $rows = "SELECT v FROM $_ v";
	my $own = 'initiative IN (SELECT key FROM posture.initiative WHERE owner = ANY (O))';
	$own .= ' AND asset_group IN (SELECT key FROM posture.asset_group WHERE owner = ANY (O))'
	  if /group_report/;
	my $order = 'ORDER BY v::text COLLATE "C"';
	$_ => [ "$rows $order", "$rows WHERE $own $order" ]
} split /\n/, $with_initiative;
$question{score_history} = [ 'SELECT score_history.* FROM posture.score_history ORDER BY 1, 2, 3',
	<<'SQL' ];
SELECT h.* FROM posture.score_history h
WHERE object_kind = 'initiative'
      AND object IN (SELECT key FROM posture.initiative WHERE owner = ANY (O))
   OR object_kind = 'metric'
      AND EXISTS (SELECT FROM posture.metric m
                  WHERE m.key = object
                    AND (m.metric_id IN (SELECT expect.m(O))
                         OR (h.day, m.metric_id) IN (
                             SELECT day, metric_id FROM posture.initiative_metric_snapshot
                             WHERE initiative_id IN (SELECT expect.i(O)))))
ORDER BY 1, 2, 3
SQL
my $event = 'SELECT event_id, kind, object, name, previous_score, score, drop, status, note
	FROM posture.event_report';
$question{event_report} =
  [ "$event ORDER BY 1", "$event WHERE event_id IN (SELECT expect.e(O)) ORDER BY 1" ];
$question{$_} = listed_question($_) foreach listed_views();
# the counts and sets of all objects, of which an owner sees its part
my $counted = join ' UNION ALL ', map {
	"SELECT object_kind, object_id, assessed_set AS assessed, exposed_set AS exposed, failing_set AS failing
	FROM posture_internal.counted(A, NULL, NULL,
		ROW(NULL, NULL, NULL, NULL, NULL, NULL, NULL, '$_')::posture_internal.counting_scope)
	WHERE object_kind = '$_'"
} qw(metric recommendation);
my $initiatives = 'SELECT object_id, assessed, exposed, critical
	FROM posture_internal.counted(A, NULL, NULL, NULL) WHERE object_kind = \'initiative\'';
for my $at (q{'infinity'}, 'posture.day_end(posture.today() - 2)')
{
	my ($got, $want, $own) = map { s/\bA\b/$at/gr } <<"SQL", <<"SQL", $initiatives;
SELECT x::text FROM ($counted) x WHERE assessed <> '{}' ORDER BY object_kind, object_id
SQL
WITH owned AS (SELECT (SELECT posture.assetset_agg(a) FROM expect.ga(O) a) AS assets),
counted AS ($counted)
SELECT * FROM counted
WHERE CASE object_kind WHEN 'metric' THEN object_id IN (SELECT expect.m(O))
                       ELSE object_id IN (SELECT expect.r(O)) END
  AND assessed <> '{}'
UNION ALL
SELECT object_kind, object_id, assessed & owned.assets, exposed & owned.assets,
       failing & owned.assets
FROM counted, owned
WHERE object_kind = 'recommendation' AND object_id NOT IN (SELECT expect.r(O))
  AND assessed && owned.assets
ORDER BY 1, 2
SQL
	$question{"counted at $at"} = [ fenced($got), "SELECT x::text FROM ($want) x" ];
	$question{"initiatives at $at"} = [
		fenced("SELECT x::text FROM ($own) x ORDER BY object_id"),
		"SELECT x::text FROM ($own) x WHERE object_id IN (SELECT expect.i(O)) ORDER BY object_id"
	];
}
my $path = "SET search_path = posture, posture_internal;\n";
for my $change (
	[ 'with deltas', '' ],
	[ 'folded', 'SELECT posture.fold()' ],
	[ 'after a change of findings and assets', <<'SQL' ],
UPDATE posture.finding SET state = 'non_compliant', changed_at = now() WHERE asset_id % 10 = 1;
UPDATE posture.asset SET criticality = 'critical', kind = 'truck'
WHERE asset_id IN (700002, 500002)
SQL
	[ 'after a change of the catalog', <<'SQL' ],
UPDATE posture.metric SET asset_kinds = '{truck}' WHERE key = 'ma2';
UPDATE posture.exemption SET expires_at = now() WHERE kind = 'waived'
SQL
	[ 'all folded', 'SELECT posture.fold()' ])
{
	$node->safe_psql('warehouse', $change->[1]);
	for my $role (sort keys %owners)
	{
		my %got = answers_as($role, { map { $_ => $question{$_}[0] } keys %question }, $path);
		my %want = answers_as(superuser(),
			{ map { $_ => owned_sql($role, $question{$_}[1]) } keys %question }, $path);
		my @differ = differing(\%got, \%want);
		diag "$role:\n$got{$_}\n--- not\n$want{$_}" for @differ;
		is("@differ", '', "$change->[0]: $role sees the scores, history and sets of its own");
	}
}
$node->safe_psql('warehouse',
	q{UPDATE posture.asset SET kind = 'host' WHERE kind = 'truck' AND asset_id < 800000});

is(answer('dana', q{SELECT posture.score_of('ia', 'trucks'), posture.what_if('ia', '{a1}'),
		posture.metric_assets('ma1')}),
	$node->safe_psql('warehouse', q{SELECT posture.score_of('ia', 'trucks'),
		posture.what_if('ia', '{scan:a1}'), posture.metric_assets('ma1')}),
	'dana calls functions by key');
# causes of events
my $columns = 'initiative, metric, reason, points, newly_exposed, only_this, assets';
my $length = 0;
for my $role ('alice', 'bob', 'dana')
{
	my @events = split /\n/, answer($role, 'SELECT event_id FROM posture.event_report ORDER BY 1');
	cmp_ok(scalar(@events), '>', 0, "$role has events");
	my %explain = map { $_ => "SELECT $columns FROM posture.explain($_)" } @events;
	my %got = answers_as($role, \%explain);
	my %want = answers_as(superuser(), { map { $_ => "$explain{$_} WHERE initiative IS NULL
		OR initiative IN (SELECT key FROM posture.initiative
		                  WHERE owner = ANY ($owners{$role}))" } @events });
	my @differ = map { "event $_:\n$got{$_}\n--- not\n$want{$_}\n" }
	  differing(\%got, \%want);
	is("@differ", '', "$role sees the causes of its events as a superuser does");
	$length += length $_ for values %got;
}
cmp_ok($length, '>', 500, 'there are many causes');
# alice's keys are unique among hers, so they show without their source
sub is_as_superuser
{
	my ($call, $where) = @_;
	is(answer('alice', "SELECT x.* FROM posture.$call x"),
		$node->safe_psql('warehouse', "SELECT x.* FROM posture.$call x $where")
		  =~ s/\bscan:a1\b/a1/gr, "alice: $call");
	return;
}
for my $call (map { my $days = $_; map { "$_, $days)" } q{change_report('ia'},
		q{change_report('ma1'}, q{change_report('mboth'}, q{change_report('ia points'},
		q{points_change('ia points'} }
	'posture.today() - 3, posture.today() - 2', 'posture.today() - 2, posture.today() - 1')
{
	is_as_superuser($call, q{WHERE to_jsonb(x) ->> 'initiative' IS NULL
		OR to_jsonb(x) ->> 'initiative' LIKE 'ia%'});
}
is_as_superuser($_, '') for q{metric_assets('ma2', posture.today() - 2)}, q{plan('ia', '100')},
  q{plan('ia', '70', 'gain_per_asset')}, q{plan('ia points', '100')}, q{planned_score('ia')},
  q{achievable_score('ia')}, q{achievable_score('ia points')};

$node->stop;
done_testing();

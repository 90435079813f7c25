# An owner sees exactly the rows that it answers for: of tables, of views, and of what
# functions return for a key.
# tests: access/owner, access/owner_rows

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

my $rows = 'ORDER BY t::text COLLATE "C"';
for my $role (sort keys %owners)
{
	my %want = map {
		$_ => "SELECT t::text FROM $_ t WHERE " . owned_sql($role, $owner_condition{$_}) . " $rows"
	} keys %owner_condition;
	my %want_rows = answers_as(superuser(), \%want);
	my %got = answers_as($role,
		{ map { $_ => fenced("SELECT t::text FROM $_ t $rows") } keys %owner_condition });
	my @differ = differing(\%got, \%want_rows);
	diag "$role $_:\n$got{$_}\n--- not\n$want_rows{$_}" for @differ;
	is("@differ", '', "the fence shows $role exactly the rows that it owns");
	my %hidden = answers_as($role, { map { $_ => fenced("SELECT t::text FROM $_ t") }
		  grep { !/inbox/ } @hidden });
	is(join(' ', grep { $hidden{$_} ne '' } sort keys %hidden),
		'', "and no row of a derived table or of a delivery");
	my %closed = answers_as($role, { map { $_ => "SELECT FROM $_" } tables($node, 'warehouse') });
	is(join(' ', grep { $closed{$_} !~ /permission denied/ } sort keys %closed),
		'', "$role reads no table");
}
is($node->safe_psql('warehouse', "SET ROLE pg_read_all_data;
		SELECT (SELECT count(*) FROM posture.finding), (SELECT count(*) FROM posture.overview)"),
	'0|0', 'the role of the fence owns nothing outside of it');
$node->safe_psql('postgres', 'CREATE ROLE auditor LOGIN IN ROLE pg_read_all_data');
is(answer('auditor', 'SELECT count(*) FROM posture.finding; SELECT * FROM posture.overview'),
	answer('plain_reader', 'SELECT count(*) FROM posture.finding; SELECT * FROM posture.overview'),
	'a member of that role reads all');

is(answer('alice', 'SELECT initiative FROM posture.overview'), "ia\nia points",
	'alice sees two initiatives');
is(answer('bob', 'SELECT initiative, score FROM posture.overview'),
	$node->safe_psql('warehouse',
		q{SELECT initiative, score FROM posture.overview WHERE initiative = 'ib'}),
	'a member of the owner sees its initiative');
is(answer('carol', 'SELECT count(*) FROM posture.overview'), '0',
	'a member that does not inherit sees nothing');
is(answer('carol', 'SET ROLE team; SELECT initiative FROM posture.overview'), 'ib',
	'but for SET ROLE');

# a recommendation counts all its assets through an initiative, and the assets of a group
# through a group
my @report = map { my @f = split /\|/; "('$f[0]', $f[1], $f[2])" } split /\n/, answer('fleet',
	'SELECT recommendation, exposed_assets, assessed_assets FROM posture.recommendation_report');
same_rows($node, 'warehouse', 'SELECT * FROM (VALUES ' . join(', ', @report) . ') v',
	<<'SQL', 'fleet sees recommendations by their trucks');
SELECT r.key, count(*) FILTER (WHERE f.state = 'non_compliant' AND NOT EXISTS (
           SELECT FROM posture.exemption e
           WHERE e.recommendation_id = f.recommendation_id AND e.kind = 'mitigated'
             AND (e.asset_id = f.asset_id OR e.asset_group_id = 1))), count(*)
FROM posture.finding f JOIN posture.recommendation r USING (recommendation_id)
JOIN posture.asset a USING (asset_id)
WHERE a.kind = 'truck' AND f.state <> 'not_applicable' AND a.retired_at IS NULL
  AND a.last_seen > now() - interval '30 days'
GROUP BY r.key
SQL
my $report = 'state, exposed_assets, assessed_assets, last_changed
	FROM posture.recommendation_report';
is(answer('alice', "SELECT recommendation, $report ORDER BY 1"),
	$node->safe_psql('warehouse', "SELECT replace(recommendation, 'scan:', ''), $report
		WHERE source = 'scan' AND recommendation ~ '^(scan:)?a' OR recommendation = 'both'
		ORDER BY 1"), 'alice sees theirs in full');
my $exempt = 'SELECT exemption_id, kind, state, failing_assets FROM posture.exemption_report';
my $owned = owned_sql('bob', $owner_condition{'posture.exemption'});
is(answer('bob', "$exempt ORDER BY 1"),
	$node->safe_psql('warehouse', "$exempt WHERE exemption_id IN (
		SELECT exemption_id FROM posture.exemption WHERE $owned) ORDER BY 1"),
	'bob sees exemptions of theirs, also for groups of others');

# what belongs to another does not exist, with the same message
for my $call (q{plan('%s')}, q{planned_score('%s')}, q{achievable_score('%s')},
	q{change_report('%s', posture.today() - 3, posture.today() - 2)},
	q{points_change('%s', posture.today() - 3, posture.today() - 2)},
	q{band_of('%s', 'zone', 5)}, q{metric_assets('%s')}, q{what_if('%s', '{}')},
	q{what_if('ia', '{%s}')}, q{score_of('%s', 'trucks')}, q{score_of('ia', '%s')},
	q{merge_asset('%s', 'alice-1')})
{
	my ($theirs) = $call =~ /merge/ ? 'secret-1'
	  : $call =~ /metric/ ? 'hidden m'
	  : $call =~ /\{%s/ ? 'hidden 1'
	  : $call =~ /ia', '%s/ ? 'hidden group'
	  : 'hidden i';
	my $known = answer('alice', 'SELECT posture.' . sprintf($call, $theirs));
	my $unknown = answer('alice', 'SELECT posture.' . sprintf($call, 'nothing such'));
	# a role that can't merge gets that error in any case
	like($known, $call =~ /merge/ ? qr/permission denied/ : qr/does not exist/, "$call: an error");
	is($known =~ s/\Q$theirs\E/X/gr, $unknown =~ s/nothing such/X/gr, "$call: the same error");
}
my $theirs = $node->safe_psql('warehouse', q{SELECT min(event_id) FROM posture.event
	WHERE initiative_id = (SELECT initiative_id FROM posture.initiative WHERE key = 'hidden i')});
is(answer('alice', "SELECT posture.acknowledge($theirs)") =~ s/\b$theirs\b/X/gr,
	answer('alice', 'SELECT posture.acknowledge(99999)') =~ s/99999/X/gr,
	'acknowledge() has the same error for an event of another and for none');

# a member of a metric's population belongs to the initiative although nothing assesses it
$node->safe_psql('warehouse', <<'SQL');
INSERT INTO posture.asset (key, kind, name)
SELECT v.kind || '-' || n, v.kind, initcap(v.kind)
FROM (VALUES ('laptop'), ('phone')) v(kind) CROSS JOIN generate_series(1, 3) n;
INSERT INTO posture.asset_group (key, name, kinds)
VALUES ('laptops', 'Laptops', '{laptop}'), ('phones', 'Phones', '{phone}');
UPDATE posture.metric m SET population_group_id = g.asset_group_id
FROM posture.asset_group g
WHERE (m.key, g.key) IN (('ma1', 'laptops'), ('hidden m', 'phones'));
SELECT FROM posture.take_snapshot();
SQL
my $laptops = join "\n", map { "laptop-$_" } 1 .. 3;
for my $view ('posture.unassessed_asset', 'posture.asset_report')
{
	my $members = "SELECT asset FROM $view WHERE asset ~ '^(laptop|phone)' ORDER BY asset";
	is(answer('alice', $members), $laptops, "alice sees the members of its metric in $view");
	is(answer('bob', $members), '', 'and bob none');
}
is(answer('alice', q{SELECT posture.cardinality(posture.unassessed_at('ma1', posture.today()))}), '3',
	'by unassessed_at()');
like(answer('alice', q{SELECT posture.unassessed_at('hidden m', posture.today())}),
	qr/does not exist/, 'and not those of a hidden metric');

$node->stop;
done_testing();

# What the dashboard asks: its queries run for a role that may only read, of
# types that it takes, also where there is nothing yet; and that role can't write.
# tests: access/table_privilege, access/grant_access

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $dashboard = "$FindBin::RealBin/../../dashboard/src/data";
my %query = map { m{([^/]+)\.sql$} ? ($1 => slurp_file($_)) : () } glob "$dashboard/*.sql";
ok(%query > 10, 'there are queries');
s/;\s*\z// foreach values %query;
# what the driver makes numbers, text, days and lists of, or hands over as text
my %taken = map { ($_ => 1) } qw(text numeric numeric[] bigint integer date boolean),
  'timestamp with time zone';
# as read.js has it
my $start = <<'SQL';
SET search_path = pg_catalog, pg_temp;
SET client_min_messages = error;
BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SQL

my $node = new_node('dashboard');
my %filled = (
	empty => '',
	sample => sample_sql(),
	example => slurp_file("$FindBin::RealBin/../../demo/example.sql"));
$node->safe_psql('postgres', 'CREATE ROLE viewer LOGIN');
foreach my $db (sort keys %filled)
{
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db,
		"CREATE EXTENSION posture; SELECT posture.grant_access('viewer', 'reader')");
	$node->safe_psql($db, $filled{$db}) if $filled{$db};
}

foreach my $db (sort keys %filled)
{
	foreach my $name (sort keys %query)
	{
		my ($rc, $out, $err) = query_as($node, $db, 'viewer', "$start\n$query{$name};");
		is("$rc $err", '0 ', "$db: $name runs for a reader");
		my $rows = () = $out =~ /^.*$/mg;
		$rows = 0 if $out eq '';
		is($rows, $name eq 'about' ? 1 : 0, "$db: $name has nothing to show")
		  if $db eq 'empty' && $name ne 'status';
		# status.sql returns warnings
		cmp_ok($rows, $name eq 'status' ? '==' : '>', 0, "$db: $name has what it should show")
		  if $db eq 'example';
		next unless $db eq 'empty';
		(undef, $out, $err) = query_as($node, $db, 'viewer', "$query{$name} \\gdesc");
		my @strange = grep { !$taken{ (split /\|/)[-1] } } split /\n/, $out;
		is("@strange$err", '', "$name has types that the driver takes");
	}
	is($node->safe_psql($db, <<SQL), '', "$db: the parts of each drop sum exactly to it");
WITH event AS ($query{event}), part AS ($query{event_cause})
SELECT e.event_id, -e.drop, sum(p.points)
FROM event e
LEFT JOIN part p ON p.event_id = e.event_id AND p.points IS NOT NULL AND p.reason <> 'effect'
GROUP BY e.event_id, e.drop
HAVING sum(p.points) IS DISTINCT FROM -e.drop
SQL
	# where each asset counts once
	my $difference = $node->safe_psql($db, <<SQL);
WITH counted AS ($query{exposed_count}), listed AS ($query{exposed_asset}), total AS (
    SELECT DISTINCT r.metric, r.exposed_assets, r.critical_assets
    FROM posture.metric_report r JOIN posture.metric m ON m.key = r.metric
    WHERE m.criticality_weights IS NULL
)
SELECT t.*
FROM total t
WHERE (SELECT coalesce(sum(c.assets), 0) FROM counted c
       WHERE c.metric = t.metric) <> t.exposed_assets
   OR (SELECT coalesce(sum(c.assets), 0) FROM counted c
       WHERE c.metric = t.metric AND c.criticality = 'critical') <> t.critical_assets
   OR (SELECT count(*) FROM listed l WHERE l.metric = t.metric) <> least(t.exposed_assets, 50)
SQL
	is($difference, '', "$db: the exposed assets of a metric are those of each criticality");
	is($node->safe_psql($db, <<SQL), '', "$db: the unassessed assets of a metric are listed");
WITH listed AS ($query{unassessed_asset})
SELECT r.metric, r.unassessed_assets, count(l.asset), max(l.total)
FROM (SELECT DISTINCT metric, unassessed_assets FROM posture.metric_report) r
JOIN posture.metric m ON m.key = r.metric
LEFT JOIN listed l USING (metric)
WHERE m.criticality_weights IS NULL
GROUP BY r.metric, r.unassessed_assets
HAVING count(l.asset) <> least(r.unassessed_assets, 500) OR coalesce(max(l.total), 0) <> r.unassessed_assets
SQL
}
is($node->safe_psql('example', <<SQL), <<'OUT' =~ s/\n\z//r, 'the most critical ones first');
SELECT metric, string_agg(asset, ' ') FROM ($query{unassessed_asset}) a
WHERE metric <> 'vulnerable-hosts' GROUP BY metric ORDER BY metric
SQL
account-takeover|account-091 account-092 account-093
endpoint-protection|host-010 host-015 host-011 host-071 host-012 host-072
OUT
is($node->safe_psql('example', <<SQL), "coverage_drop|97.2|91.7|\nmetric_score_drop|84.7|81.9|f", 'coverage dropped, and a score, perhaps');
SELECT e.kind, round(e.previous_score, 1), round(e.score, 1), e.is_certain
FROM ($query{event}) e WHERE e.day = posture.today() - 1 AND e.object = 'endpoint-protection' ORDER BY 1
SQL

# an event that has no cause is no test of causes
my $causes = "SELECT count(*) FROM ($query{event_cause}) c WHERE points IS NOT NULL";
cmp_ok($node->safe_psql('example', $causes), '>', 3, 'there are causes with points');

# an owner, too, reads what is its own
$node->safe_psql('example', <<'SQL');
CREATE ROLE team LOGIN;
SELECT posture.grant_access('team', 'owner');
UPDATE posture.initiative SET owner = 'team' WHERE key = 'identity';
SQL
my %of_owner = (%query, map { m{([^/]+)\.sql$} ? ("$1" => slurp_file($_) =~ s/;\s*\z//r) : () } glob "$dashboard/owner/*.sql");
foreach my $name (sort keys %query)
{
	my ($rc, undef, $err) = query_as($node, 'example', 'team', "$start\n$of_owner{$name};");
	is("$rc $err", '0 ', "$name runs for an owner");
}
my (undef, $theirs) = query_as($node, 'example', 'team',
	"SELECT string_agg(DISTINCT initiative, ',') FROM ($query{initiative}) i");
is($theirs, 'identity', 'an owner sees their initiatives alone');
# what an owner reads of exposed assets is what a reader does
foreach my $name (qw(exposed_count exposed_asset))
{
	my $same = "SELECT * FROM (%s) q WHERE metric IN (SELECT metric FROM posture.metric_report WHERE initiative = 'identity')"
	  . ($name eq 'exposed_count' ? ' AND assets > 0' : '') . ' ORDER BY 1, 2';
	my @answer = map { (query_as($node, 'example', $_->[0], sprintf $same, $_->[1]))[1] }
	  [ 'viewer', $query{$name} ], [ 'team', $of_owner{$name} ];
	is($answer[1], $answer[0], "$name is the same for both");
	like($answer[0], qr/\n/, 'with several rows');
}
$node->safe_psql('example', q{SELECT posture.revoke_access('team')});

foreach my $table (tables($node, 'example'))
{
	my $name = $table =~ s/.*\.//r;
	foreach my $write ("DELETE FROM $table", "INSERT INTO $table DEFAULT VALUES", "TRUNCATE $table")
	{
		my (undef, undef, $err) = query_as($node, 'example', 'viewer', $write);
		like($err, qr/permission denied for table $name\b/, "a reader can't: $write");
	}
}
foreach my $call (
	'SELECT posture.fold()', 'SELECT posture.take_snapshot()', 'SELECT posture.rebuild()',
	'SELECT posture.ingest()', 'SELECT posture.acknowledge(min(event_id), NULL) FROM posture.event',
	"SELECT posture.grant_access('viewer', 'operator')",
	'CREATE TABLE posture.mine ()')
{
	my (undef, undef, $err) = query_as($node, 'example', 'viewer', $call);
	like($err, qr/permission denied/, "a reader can't: $call");
}

$node->stop;
done_testing();

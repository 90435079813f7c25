# What a loader can do: deliver for its sources, by load(), the inbox and ingest(), and
# nothing else. What it gets as an answer does not depend on what others delivered.
# tests: source/delivery, access/level, access/function_fence, call.c

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('loader');

# Two databases that differ in what others have: the second has more of beta.
sub database
{
	my ($db, $rows) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, <<"SQL");
CREATE EXTENSION posture;
SELECT posture.grant_access('alpha_loader', 'loader', 'alpha'),
       posture.grant_access('curating', 'loader', 'alpha'), posture.grant_access('curating', 'curator');
INSERT INTO posture.source (key, name) VALUES ('alpha', 'Alpha'), ('beta', 'Beta');
INSERT INTO posture.inbox (source, recommendation, asset, state, asset_kind, asset_name)
SELECT 'alpha', 'r' || r, 'a' || n, 'non_compliant', 'host', 'A ' || n
FROM generate_series(1, 2) r, generate_series(1, 3) n;
SELECT FROM posture.ingest();
INSERT INTO posture.inbox (source, recommendation, asset, state, asset_kind, asset_name)
SELECT 'beta', 'secret ' || n, 'secret asset ' || n, 'non_compliant', 'host', 'B ' || n
FROM generate_series(1, $rows) n;
SELECT FROM posture.ingest();
INSERT INTO posture.initiative (key, name, owner) VALUES ('top', 'Top', 'somebody');
INSERT INTO posture.metric (key, name, importance) VALUES ('m', 'M', 'low');
UPDATE posture.asset SET owner = 'me', criticality = 'high', tags = '{"env": "prod"}';
UPDATE posture.recommendation SET assigned_to = 'me', due_on = '2030-01-01', effort_hours = 8;
SELECT posture.install_pack('ransomware') WHERE $rows > 1;
SQL
	return;
}
$node->safe_psql('postgres',
	'CREATE ROLE alpha_loader LOGIN; CREATE ROLE curating LOGIN; CREATE ROLE nobody LOGIN');
database('few', 1);
database('many', 40);

sub answer
{
	my ($db, $role, $sql) = @_;
	my ($rc, $out, $err) = query_as($node, $db, $role, "SET client_min_messages = notice; $sql");
	return join "\n", grep { length } $out, $err;
}

# what a superuser sees of the rows that are not alpha's, and of what people entered
my $others = q{
	SELECT a.key, a.kind, a.name, a.owner, a.criticality, a.tags, a.retired_at FROM posture.asset a
	WHERE a.key NOT LIKE 'new%' AND a.key <> 'a2' ORDER BY 1;
	SELECT s.key, s.is_active, s.stale_after FROM posture.source s ORDER BY 1;
	SELECT s.key, r.key, r.is_active, r.assigned_to, r.due_on, r.effort_hours
	FROM posture.recommendation r JOIN posture.source s USING (source_id) ORDER BY 1, 2;
	SELECT r.key, a.key, f.state FROM posture.finding f JOIN posture.recommendation r USING (recommendation_id)
	JOIN posture.asset a USING (asset_id) JOIN posture.source s USING (source_id)
	WHERE s.key <> 'alpha' ORDER BY 1, 2;
	SELECT key, owner, name FROM posture.initiative ORDER BY 1;
	SELECT key, importance, is_active FROM posture.metric ORDER BY 1;
	SELECT count(*) FROM posture.exemption; SELECT count(*) FROM posture.metric_recommendation;
	SELECT count(*) FROM posture.snapshot; SELECT count(*) FROM posture.event;
	SELECT * FROM posture.importance_weight ORDER BY 1; SELECT count(*) FROM posture.asset_alias};
my $before = $node->safe_psql('many', $others);

sub document
{
	my ($json) = @_;
	return "SELECT loaded, rejected, closed FROM posture.load('posture', '$json', 'alpha')";
}

# the forms of format posture: a section for each type
my %section = (
	'a finding of its source' =>
	  [ q({"type": "finding", "source": "alpha", "recommendation": "r1", "asset": "a1", "state": "compliant"}), qr/^1\|0\|0$/ ],
	'a finding of another source' =>
	  [ q({"type": "finding", "source": "beta", "recommendation": "secret 1", "asset": "secret asset 1", "state": "compliant"}), qr/^0\|1\|0\n.*NOTICE.*\n.*source "beta" is not delivered by this role/s ],
	'a source switched off' => [ q({"type": "source", "key": "alpha", "is_active": false}), qr/^1\|0\|0\n.*left out of each source/s ],
	'another source switched off' => [ q({"type": "source", "key": "beta", "is_active": false}), qr/^0\|1\|0/ ],
	'a new initiative' => [ q({"type": "initiative", "key": "mine", "name": "Mine"}), qr/^0\|1\|0\n.*only a curator/s ],
	'another owner of an initiative' => [ q({"type": "initiative", "key": "top", "owner": "alpha_loader"}), qr/^0\|1\|0/ ],
	'a metric' => [ q({"type": "metric", "key": "m", "importance": "critical"}), qr/^0\|1\|0/ ],
	'weights' => [ q({"type": "importance_weight", "importance": "low", "weight": 1}), qr/^0\|1\|0/ ],
	'a group' => [ q({"type": "asset_group", "key": "g", "name": "G", "owner": "alpha_loader"}), qr/^0\|1\|0/ ],
	'an exemption' => [ q({"type": "exemption", "source": "alpha", "recommendation": "r1", "kind": "waived", "reason": "no"}), qr/^0\|1\|0/ ],
	'the owner and criticality of an asset' =>
	  [ q({"type": "asset", "key": "secret asset 1", "owner": "x", "criticality": "low", "retired_at": "2020-01-01", "tags": {"env": "test"}, "aliases": ["secret asset 2"]}),
		qr/^1\|0\|0\n.*left out of each asset/s ],
	'the name and kind of an asset of another source' =>
	  [ q({"type": "asset", "key": "secret asset 1", "name": "hijacked", "kind": "user"}), qr/^1\|0\|0$/ ],
	'an asset that is not there' => [ q({"type": "asset", "key": "new asset", "name": "N", "kind": "host"}), qr/^1\|0\|0$/ ],
	'an assignment' =>
	  [ q({"type": "recommendation", "source": "alpha", "key": "r1", "assigned_to": "x", "due_on": "2031-01-01", "effort_hours": 1, "is_active": false}),
		qr/^1\|0\|0\n.*left out of each recommendation/s ],
	'a recommendation of another source' =>
	  [ q({"type": "recommendation", "source": "beta", "key": "secret 1", "title": "x"}), qr/^0\|1\|0/ ]);
for my $name (sort keys %section)
{
	my ($json, $expected) = @{ $section{$name} };
	my $all = document($json) =~ s/loaded, rejected, closed/*/r;
	my %answer = map { $_ => answer($_, 'alpha_loader', "BEGIN; $all; ROLLBACK") } qw(few many);
	is($answer{many}, $answer{few}, "the answer to a document with $name is the same whatever others have");
	like(answer($_, 'alpha_loader', document($json)), $expected, "and it is right in $_") for qw(few many);
}
answer('many', 'alpha_loader', "INSERT INTO posture.inbox (source, recommendation, asset, state, asset_kind, asset_name)
	VALUES ('alpha', 'r1', 'secret asset 1', 'compliant', 'user', 'hijacked'); SELECT FROM posture.ingest()");
is($node->safe_psql('many', $others), $before, 'nothing of others, and nothing that a person entered, is changed');
answer('many', 'alpha_loader', "INSERT INTO posture.inbox (source, recommendation, asset, state, asset_kind, asset_name)
	VALUES ('alpha', 'r1', 'a2', 'compliant', 'user', 'Renamed'); SELECT FROM posture.ingest()");
is($node->safe_psql('many', q{SELECT name, kind FROM posture.asset WHERE key = 'a2'}), 'Renamed|user',
	'the name and kind of an asset that only its source assesses are changed');
$before = $node->safe_psql('many', $others);

# ---- the inbox ----

my $row = q{'r1', 'a1', 'compliant'};
like(answer('many', 'alpha_loader', "INSERT INTO posture.inbox VALUES ('beta', $row)"),
	qr/permission denied: role "alpha_loader" is no loader of source "beta"\nHINT: .*grant_access\('alpha_loader', 'loader', 'beta'\)/,
	'it puts no row of another source into the inbox');
like(answer('many', 'alpha_loader', "COPY posture.inbox FROM stdin;\nalpha\tr1\ta9\tcompliant\t\\N\t\\N\t\\N\t\\N\nbeta\tr1\ta9\tcompliant\t\\N\t\\N\t\\N\t\\N\n\\.\n"),
	qr/is no loader of source "beta"/, 'nor by COPY');
like(answer('many', 'alpha_loader', 'SELECT * FROM posture.inbox'), qr/permission denied for table inbox/,
	'and does not read it');
$node->safe_psql('many', "INSERT INTO posture.inbox VALUES ('beta', 'secret 1', 'secret asset 1', 'compliant')");
is(answer('many', 'alpha_loader', "COPY posture.inbox FROM stdin;\nalpha\tr9\tnew 9\tcompliant\t\\N\t\\N\t\\N\t\\N\nalpha\tr9\t\\N\tcompliant\t\\N\t\\N\t\\N\t\\N\n\\.\nSELECT loaded, rejected FROM posture.ingest();")
	  =~ s/\n.*//sr, '1|1', 'ingest() takes the rows of its source');
is($node->safe_psql('many', 'SELECT source FROM posture.inbox'), 'beta', 'and leaves those of others');
is(answer('many', 'alpha_loader', q{SELECT source, recommendation, reason FROM posture.rejections('alpha') WHERE recommendation = 'r9'}),
	'alpha|r9|missing asset', 'it reads what was rejected of its source');
like(answer('many', 'alpha_loader', q{SELECT * FROM posture.rejections('beta')}), qr/no loader of source "beta"/, 'and of no other');

# ---- complete deliveries ----

for my $call (q{posture.ingest('beta')}, q{posture.ingest(only_source => 'beta')},
	q{posture.load('posture', '[]', 'beta', true)}, q{posture.load('posture', '[]', 'unknown')},
	q{posture.ingest('unknown')})
{
	like(answer($_, 'alpha_loader', "SELECT * FROM $call"), qr/permission denied: role "alpha_loader" is no loader of source/,
		"not for another source: $call in $_") for qw(few many);
}

# ---- everything else ----

my @relations = split /\n/, $node->safe_psql('many', <<"SQL");
SELECT oid::regclass FROM pg_class WHERE relnamespace $schemas AND relkind IN ('r', 'v') AND relname !~ 'inbox'
ORDER BY 1
SQL
cmp_ok(scalar(@relations), '>', 50, 'there are many tables and views');
my @open = grep { answer('many', 'alpha_loader', "TABLE $_") !~ /ERROR:  permission denied/ } @relations;
is("@open", '', 'a loader reads no table and no view');
@open = grep { $node->safe_psql('many', "SELECT has_table_privilege('alpha_loader', '$_', 'INSERT, UPDATE, DELETE, TRUNCATE')") eq 't' } @relations;
is("@open", '', 'and writes none');
for my $call ('SELECT posture.take_snapshot()', 'SELECT posture.fold()', 'SELECT posture.rebuild()',
	'SELECT posture.apply_rules()', q{SELECT posture.install_pack('ransomware')}, q{SELECT posture.merge_asset('a1', 'a2')},
	'SELECT posture.acknowledge(1)', 'CALL posture.run_daily()', 'SELECT posture.backfill(posture.today() - 3)',
	'SELECT * FROM posture.verify()', 'SELECT * FROM posture.status()', q{SELECT posture.score_of('top', 'g')},
	'SELECT posture_internal.fold_next(now(), NULL)', 'SELECT posture_internal.run_next_day()',
	'SELECT posture_internal.cluster_catalog()', 'SELECT * FROM posture.assess_cluster()',
	q{SELECT posture.forget_source('beta')}, q{SELECT posture.grant_access('alpha_loader', 'reader')})
{
	like(answer('many', 'alpha_loader', $call), qr/permission denied/, "nor does it call: $call");
}
like(answer('many', 'nobody', document($section{'a new initiative'}[0])), qr/permission denied: role "nobody" needs level loader or curator/,
	'a role without a level loads nothing');

# ---- a curator that also delivers ----

for my $name ('a new initiative', 'an exemption', 'the owner and criticality of an asset', 'an assignment')
{
	like(answer('many', 'curating', document($section{$name}[0])), qr/^1\|0\|0$/m, "a curator loads $name");
}
like(answer('many', 'curating', document($section{'a finding of another source'}[0])), qr/^0\|1\|0/,
	'but no finding of a source that it is no loader of');

done_testing();

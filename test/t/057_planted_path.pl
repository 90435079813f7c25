# Objects of every kind that another role planted on the search_path of the caller, in
# public, in a schema of its own that comes first, and in pg_temp: posture calls and reads
# none of them, for a superuser, for its owner, for roles with a level, and in the job.
# Answers and errors are the same as without them.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestAttack;
use TestPosture;

my $node = new_node('planted');
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE risk_owner LOGIN;
CREATE ROLE attacker LOGIN;
CREATE ROLE reader LOGIN;
CREATE ROLE curator LOGIN;
CREATE ROLE team LOGIN;
CREATE DATABASE warehouse OWNER risk_owner;
SQL
my @as = (extra_params => [ '-U', 'risk_owner' ]);
$node->safe_psql('warehouse', "CREATE EXTENSION posture;\n" . sample_sql(), @as);
$node->safe_psql('warehouse', <<'SQL' . retake_day_sql(1), @as);
UPDATE posture.metric SET criticality_weights = '{1,2,3,4}' WHERE key = 'm1';
UPDATE posture.initiative SET target_score = 99;
UPDATE posture.initiative SET owner = 'team' WHERE key = 'i1';
SELECT posture.grant_access('curator', 'curator'), posture.grant_access('curator', 'loader', 'scan'),
       posture.grant_access('curator', 'loader', 'cloud'), posture.grant_access('team', 'owner');
INSERT INTO posture.inbox VALUES ('scan', 'r2', 'a5', 'non_compliant', now()),
    ('cloud', 'r6', 'a6', 'non_compliant', now()), ('cloud', 'r6', 'a7', 'bad', now());
INSERT INTO posture.inbox
VALUES ('scan', 'brand new', 'brand new', 'non_compliant', now(), 'host', 'New', '{"a": 1}');
SQL

my %caller = (
	'a superuser' => superuser(),
	'the owner of the extension' => 'risk_owner',
	'a curator and loader' => 'curator',
	'an owner' => 'team');
my %work = map { $_ => work_sql($node, 'warehouse') } keys %caller;
my %plant = map { $_ => plant_sql($node, 'warehouse', $_) } qw(public evil pg_temp);

# by the attacker, with the privileges that it needs for that
sub plant_in
{
	my ($db) = @_;
	$node->safe_psql($db, <<'SQL');
GRANT CREATE ON SCHEMA public TO attacker;
CREATE SCHEMA evil AUTHORIZATION attacker;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
SQL
	$node->psql($db, "$plant{public}\n$plant{evil}", on_error_stop => 0,
		stderr => \my $err, extra_params => [ '-U', 'attacker' ]);
	return;
}
$node->safe_psql('postgres', 'CREATE DATABASE planted TEMPLATE warehouse');
plant_in('planted');
for my $schema (qw(public evil))
{
	my %count = planted($node, 'planted', $schema);
	my %least = (pg_proc => 3000, pg_operator => 1500, pg_class => 70, pg_type => 30,
		pg_collation => 3, pg_ts_config => 1);
	cmp_ok($count{$_} // 0, '>=', $least{$_}, "$schema has objects in $_") for sort keys %least;
}

sub run_in
{
	my ($db, $role, $begin, $work) = @_;
	# always of one name, because an assessment shows the name of the database
	$node->safe_psql('postgres', "CREATE DATABASE attacked TEMPLATE $db");
	my $outcome = outcome($node, 'attacked', $role, $begin, $work);
	$node->safe_psql('postgres', 'DROP DATABASE attacked');
	return $outcome;
}

my %hostile = map {
	# in the session of a superuser, too, the attacker owns what is planted in pg_temp
	my $temp = $_ eq superuser() ? "SET ROLE attacker;\n$plant{pg_temp}\nRESET ROLE;\n"
	  : $plant{pg_temp};
	$_ => <<"SQL"
$temp
SET search_path = evil, pg_temp, public, pg_catalog, posture, posture_internal;
SET client_min_messages = notice;
SQL
} values %caller;
# the names without a schema lead to what was planted
my %control = (
	'SELECT today()' => 'today was',
	q{SELECT pg_catalog.numeric '1' = '1'::pg_catalog.numeric} => 'operator = was',
	'SELECT * FROM overview' => 'object was read',
	'INSERT INTO importance_weight DEFAULT VALUES' => 'trigger was',
	q{SELECT sum(x) FROM (VALUES ('1'::posture.score)) v(x)} => 'aggregate was',
	'SELECT pg_catalog.upper(ROW(1)::score)' => 'cast was',
	'CALL run_daily()' => 'procedure was');
my @control = sort keys %control;
my $temp = 'SELECT pg_catalog.count(*) FROM pg_catalog.pg_class WHERE relnamespace '
  . 'OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()';
my $control = run_in('planted', superuser(), $hostile{ superuser() },
	join '', map { "$_;\n" } @control, $temp);
is(scalar @{ $control->{errors} }, scalar @control, 'each of them is an error');
for my $i (0 .. $#control)
{
	like($control->{errors}[$i], qr/planted $control{ $control[$i] }/, "a trap: $control[$i]");
}
cmp_ok($control->{rows}[0], '>=', 70, 'pg_temp has relations, too');

for my $who (sort keys %caller)
{
	my $role = $caller{$who};
	my $plain = run_in('warehouse', $role, '', $work{$who});
	cmp_ok(scalar @{ $plain->{rows} }, '>', 200, "$who: there is much to compare");
	same_outcome(run_in('planted', $role, $hostile{$role}, $work{$who}), $plain, $who);
}

# an assessment lists the objects of a database, so both have them
my $assess = join '', map { "SELECT * FROM $_;\n" } 'posture.assess_cluster()',
  'posture.recommendation', 'posture.asset', 'posture.finding', 'posture.verify()';
same_outcome(
	run_in('planted', superuser(), $hostile{ superuser() }, $assess),
	run_in('planted', superuser(), 'SET search_path = pg_catalog;', $assess),
	'assess_cluster() of a superuser');

$node->stop;
done_testing();

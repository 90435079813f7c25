# The model: databases whose catalog and findings are copied at the end of each day, and what
# scores and counts are in plain SQL over these copies (test/include/model*.sql).
package TestModel;

use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter 'import';
use FindBin;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

our @EXPORT = qw($rounds $seed model_node model_database copy_database
  random_scenario model_sql coordinates existing_cases keep
  differences);

our $rounds = $ENV{POSTURE_ROUNDS} // 1;
our $seed = $ENV{POSTURE_SEED} // (time ^ $$);
my $include = abs_path("$FindBin::RealBin/../include");

# the groups that coordinates() has, and one of no assets
my @groups = qw(kind critical env both none);

# Returns a server with database empty, which has posture, the model and no object.
sub model_node
{
	my ($name, $conf) = @_;
	diag("POSTURE_ROUNDS=$rounds POSTURE_SEED=$seed");
	srand($seed);
	my $node = new_node($name, "fsync = off\njit = off\n" . ($conf // ''));
	$node->safe_psql('postgres', 'CREATE DATABASE empty');
	$node->safe_psql('empty', "CREATE EXTENSION posture;\nSELECT posture.backfill('2000-01-01');\n");
	$node->safe_psql('empty', "\\i $include/model.sql");
	return $node;
}

# Makes a database as a copy of another one.
sub copy_database
{
	my ($node, $db, $of) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE $of");
	$node->safe_psql('postgres', "ALTER DATABASE $db SET search_path = posture, posture_internal, model");
	$node->safe_psql('postgres', "ALTER DATABASE $db SET client_min_messages = warning");
	return;
}

# Makes a database of a random catalog, with days that are over.
sub model_database
{
	my ($node, $db) = @_;
	my $random = rand;
	copy_database($node, $db, 'empty');
	$node->safe_psql($db, <<"SQL");
\\i $include/random.sql
\\i $include/model_days.sql
\\i $include/model_scenario.sql
SELECT setseed($random);
CALL model.live();
ANALYZE;
SQL
	return;
}

# Returns a random scenario of a database, as text.
sub random_scenario
{
	my ($node, $db) = @_;
	my $random = rand;
	# the files that are read echo what follows them
	my ($scenario) = $node->safe_psql($db, <<"SQL") =~ /^(\{.*\})$/m;
\\i $include/random.sql
SELECT FROM setseed($random);
SELECT model.random_scenario();
SQL
	return $scenario;
}

# The coordinates when and whom: a list of [copy, day, group], each as SQL, of the days that are
# over and now, and of all assets and each group.
sub coordinates
{
	my @when = ([ 'posture', 'NULL' ], map { [ "day_$_", "posture.today() - $_" ] } reverse 2 .. 6);
	return map { my $when = $_; map { [ @$when, defined $_ ? "'$_'" : 'NULL' ] } undef, @groups } @when;
}

# Returns a query of the model: this function of it for a coordinate, computed from the copy.
sub model_sql
{
	my ($function, $coordinate) = @_;
	my ($copy, $day, $group) = @$coordinate;
	return "model.$function(coalesce(posture.day_end($day), 'infinity'), $group)";
}

# Cases for differences(): what is returned without coordinates, reports of now and snapshots.
sub existing_cases
{
	my @cases;
	foreach my $coordinate (@_)
	{
		my ($copy, $day, $group) = @$coordinate;
		my $report = model_sql('report', $coordinate);
		if ($day ne 'NULL')
		{
			next if $group ne 'NULL';
			push @cases, [ "metric_snapshot $copy", $copy,
				"SELECT DISTINCT metric, score, exposed_assets, assessed_assets FROM $report WHERE metric IS NOT NULL",
				"SELECT s.key, s.score::numeric, s.exposed, s.assessed FROM metric_snapshot s
				 WHERE day = $day AND metric_id IN (SELECT metric_id FROM initiative_metric_snapshot WHERE day = $day)" ],
				[ "initiative_snapshot $copy", $copy,
				"SELECT initiative, score FROM $report WHERE metric IS NULL",
				"SELECT s.key, s.score::numeric FROM initiative_snapshot s WHERE day = $day" ],
				[ "initiative_metric_snapshot $copy", $copy,
				"SELECT initiative, metric, weight FROM $report WHERE metric IS NOT NULL",
				"SELECT i.key, m.key, weight FROM initiative_metric_snapshot
				 JOIN initiative_snapshot i USING (day, initiative_id) JOIN metric_snapshot m USING (day, metric_id)
				 WHERE day = $day" ];
		}
		elsif ($group eq 'NULL')
		{
			push @cases, [ 'metric_report', $copy,
				"SELECT * FROM $report WHERE metric IS NOT NULL",
				'SELECT initiative, metric, state, score, exposed_assets, assessed_assets, weight, score_impact,
				 critical_assets FROM metric_report' ],
				[ 'overview', $copy,
				"SELECT initiative, score, exposed_assets, critical FROM $report WHERE metric IS NULL",
				'SELECT initiative, score, exposed_assets::numeric, critical_assets FROM overview' ],
				[ 'metric_assets', $copy, 'SELECT * FROM ' . model_sql('exposed', $coordinate),
				'SELECT key::text, metric_assets(key)::integer[] FROM metric WHERE is_active' ];
		}
		else
		{
			push @cases, [ "group_report $group", $copy,
				"SELECT initiative, metric, score, exposed_assets, assessed_assets, weight, critical FROM $report",
				"SELECT initiative, metric, score, exposed_assets::numeric, assessed_assets, weight, critical_assets
				 FROM group_report WHERE asset_group = $group" ],
				[ "score_of $group", $copy, "SELECT initiative, score FROM $report WHERE metric IS NULL",
				"SELECT key::text, score_of(key, $group)::numeric FROM initiative WHERE is_active" ];
		}
	}
	return @cases;
}

# Fills model.kept from copies, for these coordinates.
sub keep
{
	my ($node, $db, @coordinates) = @_;
	my $sql = "TRUNCATE model.kept;\n";
	foreach my $coordinate (@coordinates)
	{
		my ($copy, $day, $group) = @$coordinate;
		my $objects = model_sql('object', $coordinate);
		$sql .= "SET search_path = $copy, posture, model;\nINSERT INTO model.kept SELECT $day, $group, o.* FROM $objects o;\n";
	}
	$node->safe_psql($db, $sql . 'ANALYZE model.kept');
	return;
}

# Returns the rows of two queries that differ, each after its search_path, with what they are of.
sub differences
{
	my ($node, $db, @cases) = @_;
	my $sql = "CREATE TEMP TABLE fault (about text, side text, item text);\n";
	foreach my $case (@cases)
	{
		my ($about, $copy, $expected, $actual) = @$case;
		$sql .= <<"SQL";
SET search_path = $copy, posture, posture_internal, model;
CREATE TEMP TABLE expected AS $expected;
SET search_path = posture, posture_internal;
INSERT INTO fault
WITH actual AS MATERIALIZED ($actual)
SELECT \$\$$about\$\$, 'model', x::text FROM (TABLE expected EXCEPT ALL TABLE actual) x
UNION ALL
SELECT \$\$$about\$\$, 'posture', x::text FROM (TABLE actual EXCEPT ALL TABLE expected) x;
INSERT INTO fault SELECT \$\$$about\$\$, 'empty', 'no row' WHERE NOT EXISTS (TABLE expected);
DROP TABLE expected;
SQL
	}
	return $node->safe_psql($db, $sql . 'TABLE fault ORDER BY about, side, item');
}

1;

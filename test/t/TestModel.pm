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
  random_scenario model_sql coordinates existing_cases coordinate_cases
  done_coordinates keep differences);

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
	my $node = new_node($name, "" . ($conf // ''));
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
		my $coverage = model_sql('coverage', $coordinate);
		if ($day ne 'NULL')
		{
			next if $group ne 'NULL';
			push @cases, [ "metric_snapshot $copy", $copy,
				"SELECT DISTINCT metric, score, exposed_assets, assessed_assets FROM $report WHERE metric IS NOT NULL",
				"SELECT s.key AS metric, s.score::numeric, s.exposed AS exposed_assets, s.assessed AS assessed_assets FROM metric_snapshot s
				 WHERE day = $day AND metric_id IN (SELECT metric_id FROM initiative_metric_snapshot WHERE day = $day)" ],
				[ "initiative_snapshot $copy", $copy,
				"SELECT initiative, score FROM $report WHERE metric IS NULL",
				"SELECT s.key AS initiative, s.score::numeric FROM initiative_snapshot s WHERE day = $day" ],
				[ "initiative_metric_snapshot $copy", $copy,
				"SELECT initiative, metric, weight FROM $report WHERE metric IS NOT NULL",
				"SELECT i.key AS initiative, m.key AS metric, weight FROM initiative_metric_snapshot
				 JOIN initiative_snapshot i USING (day, initiative_id) JOIN metric_snapshot m USING (day, metric_id)
				 WHERE day = $day" ],
				[ "coverage in metric_snapshot $copy", $copy,
				"SELECT metric, population, unassessed, low, high FROM $coverage WHERE metric IS NOT NULL",
				"SELECT key AS metric, population, unassessed, score_low::numeric AS low, score_high::numeric AS high
				 FROM metric_snapshot WHERE day = $day" ],
				[ "bounds in initiative_snapshot $copy", $copy,
				"SELECT initiative, low, high FROM $coverage WHERE metric IS NULL",
				"SELECT key AS initiative, score_low::numeric AS low, score_high::numeric AS high
				 FROM initiative_snapshot WHERE day = $day" ];
		}
		elsif ($group eq 'NULL')
		{
			push @cases, [ 'metric_report', $copy,
				"SELECT * FROM $report WHERE metric IS NOT NULL",
				'SELECT initiative, metric, state, score, exposed_assets, assessed_assets, weight, score_impact,
				 critical_assets AS critical FROM metric_report' ],
				[ 'overview', $copy,
				"SELECT initiative, score, exposed_assets, critical FROM $report WHERE metric IS NULL",
				'SELECT initiative, score, exposed_assets, critical_assets AS critical FROM overview' ],
				[ 'coverage of metrics', $copy,
				"SELECT DISTINCT c.* FROM $coverage c WHERE metric IN (SELECT r.metric FROM $report r)",
				'SELECT DISTINCT NULL AS initiative, metric, population, unassessed_assets AS unassessed,
				 score_low AS low, score_high AS high FROM metric_report' ],
				[ 'coverage of initiatives', $copy, "SELECT * FROM $coverage WHERE metric IS NULL",
				'SELECT initiative, NULL AS metric, population, unassessed_assets AS unassessed,
				 score_low AS low, score_high AS high FROM overview' ],
				[ 'coverage of recommendations', $copy,
				'SELECT s.key AS source, r.key AS recommendation, c.population, c.unassessed
				 FROM model.recommendation_coverage() c JOIN recommendation r USING (recommendation_id)
				 JOIN source s USING (source_id)',
				q{SELECT source, regexp_replace(recommendation, '^s[0-9]:', '') AS recommendation, population,
				  unassessed_assets AS unassessed FROM recommendation_report} ],
				[ 'metric_assets', $copy, 'SELECT * FROM ' . model_sql('exposed', $coordinate),
				'SELECT key AS metric, metric_assets(key)::integer[] AS assets FROM metric WHERE is_active' ],
				[ 'metrics of assets', $copy,
				'SELECT x.metric, a.key AS asset FROM ' . model_sql('exposed', $coordinate) . ' x
				 CROSS JOIN LATERAL unnest(x.assets) u(asset_id) JOIN asset a USING (asset_id)',
				'SELECT unnest(metrics) AS metric, asset FROM asset_report' ],
				[ 'initiatives of assets', $copy,
				'SELECT i.key AS initiative, a.key AS asset
				 FROM (SELECT b.initiative_id, x.asset_id
				       FROM model.member() b JOIN model.metric_asset(\'infinity\', NULL) x USING (metric_id)
				       WHERE x.exposed
				       UNION
				       SELECT b.initiative_id, p.asset_id
				       FROM initiative_recommendation b JOIN model.pair(\'infinity\', NULL) p USING (recommendation_id)
				       JOIN initiative n USING (initiative_id)
				       WHERE p.exposed AND n.is_active
				         AND (n.method = \'points\' OR n.initiative_id NOT IN (SELECT m.initiative_id FROM model.member() m))) y
				 JOIN initiative i USING (initiative_id) JOIN asset a USING (asset_id)',
				'SELECT unnest(initiatives) AS initiative, asset FROM asset_report' ];
		}
		else
		{
			push @cases, [ "group_report $group", $copy,
				"SELECT initiative, metric, score, exposed_assets, assessed_assets, weight, critical FROM $report",
				"SELECT initiative, metric, score, exposed_assets, assessed_assets, weight, critical_assets AS critical
				 FROM group_report WHERE asset_group = $group" ],
				[ "score_of $group", $copy, "SELECT initiative, score FROM $report WHERE metric IS NULL",
				"SELECT key AS initiative, score_of(key, $group)::numeric AS score FROM initiative WHERE is_active" ];
		}
	}
	return @cases;
}

# Cases for differences(): report_at() at a coordinate, whose copy has the scenario done, and
# score_at() and assets_at() of a third of the objects. As SQL, NULL is no scenario.
sub coordinate_cases
{
	my ($coordinate, $scenario) = @_;
	my ($copy, $day, $group) = @$coordinate;
	$scenario //= 'NULL';
	my $at = "$day, $group, $scenario";
	my $report = model_sql('report', $coordinate);
	my $coverage = model_sql('coverage', $coordinate);
	my $exposed = model_sql('exposed', $coordinate);
	my $name = "($day, $group)";
	my $third = int rand 3;
	return [ "report_at$name", $copy,
		"SELECT initiative, metric, state, score, exposed_assets, assessed_assets, weight, score_impact FROM $report",
		"SELECT initiative, metric, state, score, exposed_assets, assessed_assets, weight, score_impact FROM report_at($at)" ],
		[ "coverage at $name", $copy,
		"SELECT * FROM $coverage c WHERE metric IS NULL OR metric IN (SELECT r.metric FROM $report r)",
		"SELECT DISTINCT CASE WHEN metric IS NULL THEN initiative END AS initiative, metric, population,
		 unassessed_assets AS unassessed, score_low AS low, score_high AS high FROM report_at($at)" ],
		[ "score_at$name", $copy,
		"SELECT i.key AS initiative, r.score FROM posture.initiative i
		 LEFT JOIN $report r ON r.initiative = i.key AND r.metric IS NULL WHERE i.initiative_id % 3 = $third",
		"SELECT key AS initiative, score_at(key, $at)::numeric AS score FROM initiative WHERE initiative_id % 3 = $third" ],
		[ "assets_at$name", $copy,
		"SELECT m.key AS metric, e.assets FROM posture.metric m
		 LEFT JOIN $exposed e ON e.metric = m.key WHERE m.metric_id % 3 = $third",
		"SELECT key AS metric, assets_at(key, $at)::integer[] AS assets FROM metric WHERE metric_id % 3 = $third" ];
}

# Returns these coordinates with the copies of their days in which a scenario is done, after they
# were made.
sub done_coordinates
{
	my ($node, $db, $scenario, @coordinates) = @_;
	my %day = map { $_->[0] => $_->[1] } @coordinates;
	$node->safe_psql($db, join '', map { <<"SQL" } sort keys %day);
SET search_path = posture, posture_internal, model;
DROP SCHEMA IF EXISTS ${_}_done CASCADE;
CALL model.copy('${_}_done', '$_', posture.day_end($day{$_}));
SET search_path = ${_}_done, posture, model;
CALL model.apply(\$\$$scenario\$\$);
SQL
	return map { [ "$_->[0]_done", @$_[ 1, 2 ] ] } @coordinates;
}

# Adds what copies have at these coordinates to model.kept.
sub keep
{
	my ($node, $db, @coordinates) = @_;
	my $sql = '';
	foreach my $coordinate (@coordinates)
	{
		my ($copy, $day, $group) = @$coordinate;
		my $is_done = $copy =~ /_done/ ? 'true' : 'false';
		my $objects = model_sql('object', $coordinate);
		$sql .= "SET search_path = $copy, posture, model;\n"
		  . "INSERT INTO model.kept SELECT $is_done, $day, $group, o.* FROM $objects o;\n";
	}
	$node->safe_psql($db, $sql . 'ANALYZE model.kept');
	return;
}

# Returns the rows that differ of two queries with the same columns: a case has what it is about,
# the search_path and the query of the model, and the other query. The queries of the model may
# be of another database.
sub differences
{
	my ($node, $db, $cases, $of) = @_;
	my $file = $node->data_dir . '/expected';
	my $sql = "CREATE TEMP TABLE expected (n integer, item jsonb);\n";
	$sql .= "SET search_path = $$cases[$_][1], posture, model;\n"
	  . "INSERT INTO expected SELECT $_, to_jsonb(x) FROM ($$cases[$_][2]) x;\n" foreach 0 .. $#$cases;
	$node->safe_psql($of // $db, "${sql}COPY expected TO '$file'");
	$sql = "CREATE TEMP TABLE expected (n integer, item jsonb);\nCOPY expected FROM '$file';\n"
	  . "CREATE TEMP TABLE actual (n integer, item jsonb);\n"
	  . "CREATE TEMP TABLE about (n integer, about text);\nSET search_path = posture, posture_internal;\n";
	$sql .= "INSERT INTO actual SELECT $_, to_jsonb(x) FROM ($$cases[$_][3]) x;\n"
	  . "INSERT INTO about VALUES ($_, \$\$$$cases[$_][0]\$\$);\n" foreach 0 .. $#$cases;
	return $node->safe_psql($db, $sql . <<'SQL');
SELECT about, side, item
FROM about
JOIN (SELECT 'model' AS side, m.* FROM (TABLE expected EXCEPT ALL TABLE actual) m
      UNION ALL
      SELECT 'posture', p.* FROM (TABLE actual EXCEPT ALL TABLE expected) p
      UNION ALL
      SELECT 'no row', n, NULL FROM about WHERE n NOT IN (SELECT n FROM expected)) d USING (n)
ORDER BY n, item, side
SQL
}

1;

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

our @EXPORT = qw($rounds $seed model_node model_database model_sql coordinates differences);

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
	# as superusers do in a session of their own
	$node->safe_psql('postgres', "ALTER DATABASE empty SET search_path = posture, posture_internal, model");
	$node->safe_psql('postgres', 'ALTER DATABASE empty SET client_min_messages = warning');
	$node->safe_psql('empty', "\\i $include/$_.sql") foreach qw(model);
	return $node;
}

# Makes a database of a random catalog, with days that are over, and returns its random number.
sub model_database
{
	my ($node, $db) = @_;
	my $random = rand;
	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE empty");
	$node->safe_psql('postgres', "ALTER DATABASE $db SET search_path = posture, posture_internal, model");
	$node->safe_psql('postgres', "ALTER DATABASE $db SET client_min_messages = warning");
	$node->safe_psql($db, <<"SQL");
\\i $include/random.sql
\\i $include/model_days.sql
SELECT setseed($random);
CALL model.live();
ANALYZE;
SQL
	return $random;
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

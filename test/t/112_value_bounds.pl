# The least and the greatest value of every column, as the catalog has them: snapshots can be
# taken, and every view and report can be read.
# tests: catalog/importance_weight, catalog/recommendation, catalog/metric, finding/exemption

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestBounds;
use TestPosture;
use TestReports;

my $node = new_node('value_bounds', "log_min_messages = fatal\n");
$node->safe_psql('postgres', 'CREATE EXTENSION posture');
$node->safe_psql('postgres', sample_sql());
my %query = (
	report_queries($node, 'postgres'),
	show => q{SELECT s FROM posture.initiative i, posture.show(i.key, true) s
		UNION ALL SELECT posture.show(NULL, true)},
	status => 'SELECT * FROM posture.status()',
	# the first day moves to the least one
	change_report => q{SELECT i.key, x.* FROM posture.initiative i CROSS JOIN LATERAL
		posture.change_report(i.key, posture.today() - 2, posture.today() - 1) x},
	points_change => q{SELECT *
		FROM posture.points_change('i3', posture.today() - 2, posture.today() - 1)},
	metric_assets => q{SELECT m.key, d.day, posture.metric_assets(m.key, d.day)
		FROM posture.metric m, (VALUES (NULL), (posture.today() - 1)) d(day)},
	changes => q{SELECT x.* FROM posture.initiative i, (VALUES (2, 1), (1, 0)) d(f, t)
		CROSS JOIN LATERAL posture.change_report(i.key, posture.today() - f, posture.today() - t) x},
	plan_to => q{SELECT posture.plan(i.key, 100, 'gain_per_asset') FROM posture.initiative i});

# tables that people and sources write
my $catalog = '^posture\\.(?!event|run|\\w*snapshot)';

# all that is read, each in a subtransaction; returns the errors. A function keeps its plans.
my $read = "CREATE FUNCTION pg_temp.errors() RETURNS SETOF text LANGUAGE plpgsql AS \$\$\nBEGIN\n"
  . join('', map { <<"SQL" } sort keys %query) . "END \$\$;\n";
    BEGIN
        PERFORM count(q::text) FROM ($query{$_}) q;
    EXCEPTION WHEN OTHERS THEN
        RETURN NEXT '$_: ' || left(SQLERRM, 200);
    END;
SQL

my $session = new_session($node, 'postgres');
is($session->ask("SET client_min_messages = error;\n" . bounds_sql() . $read), '', 'a session');
is($session->ask('SELECT pg_temp.errors()'), '', 'everything can be read');

# the errors of a script, and of all that is read after it
sub no_error
{
	my ($script, $name) = @_;
	my $errors = $session->ask("BEGIN;\n$script" . 'SELECT pg_temp.errors()');
	$session->ask('ROLLBACK');
	return is($errors, '', $name);
}

# some tables at a time, because an end of one can hide that of another
my @part = ('(importance_weight|initiative_metric|recommendation|measure)$',
	'(source|extent|asset|finding|exemption|attestation|asset_alias|asset_source)$', '(event|event_cause|run|\w*snapshot)$',
	'(metric|initiative|asset_group|benchmark|score_band|inbox|asset_inbox|rejected|history_start'
	  . '|forgotten_day|left_inventory|finding_history|confirmation|asset_history|access|change_log|change_log_start)$');
# only a head and its nodes have rows in the others
my $any = join '|', @part,
  '(node|place|bucket|catalog_push|node_count|alias_route|routed|handed_over|asset_move|kept_piece)$';
is($session->ask("SELECT DISTINCT relation FROM bound WHERE relation::text !~ '$any'"), '',
	'the parts have all tables');
for my $part (@part)
{
	no_error(write_bounds($_, $part) . "SELECT FROM posture.take_snapshot();\n", "$part: $_")
	  foreach @ends;
}

# all tables at once, from each end on one day to each on the next
for my $from (@ends)
{
	for my $to (@ends)
	{
		no_error(retake_day_sql(1) . write_bounds($from, $catalog)
			  . "SELECT FROM posture.take_snapshot(posture.today() - 1);\n"
			  . write_bounds($to, $catalog) . "SELECT FROM posture.take_snapshot();\n",
			"a day with $from values, and one with $to ones");
	}
}

$session->end;
$node->stop;
done_testing();

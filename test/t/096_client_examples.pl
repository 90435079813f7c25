# The examples of doc/report.md, as they stand there, print what psql says.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestClients;

my $node = clients_node('client_examples');
my $ask = sub { $node->safe_psql('posture', shift) };

run_client('sh', '-c', "cd '$work' && " . example('psql'));
my $overview = slurp_file("$work/overview.csv") =~ s/\n\z//r;
is($overview, "name,score,target_score,change_14d\n" . $ask->(<<'SQL'), 'the example of psql');
SELECT concat_ws(',', name, score, target_score, coalesce(change_14d::text, ''))
FROM posture.overview WHERE is_pinned
SQL
SKIP:
{
	skip $missing{psycopg}, 1 if $missing{psycopg};
	my $printed = run_client($python{psycopg}, example_file('Python, psycopg', 'metrics.py'));
	is($printed, $ask->(<<'SQL') . "\n", 'the example of psycopg');
(SELECT format('%s: %s, weight %s, %s points to gain', name,
               coalesce(score::text, 'unavailable'), weight, coalesce(score_impact::text, 'None'))
 FROM posture.metric_report WHERE initiative = 'ransomware' ORDER BY score_impact DESC NULLS LAST)
UNION ALL
SELECT 'with all hosts patched and protected: ' || posture.what_if('ransomware', '{patched,edr}')
SQL
}
SKIP:
{
	skip $missing{pandas}, 2 if $missing{pandas};
	my $printed = run_client($python{pandas}, example_file('Python, pandas', 'history.py'));
	like($printed, qr/^day +datetime64\[\w+\]\nobject +object\nscore +float64\n/,
		'the example of pandas has numbers and days');
	my @means = map { [ split /,/ ] } grep { /^\d{4}-/ } split /\n/, $printed;
	my @weeks = map { [ split /\|/ ] } split /\n/, $ask->(<<'SQL');
SELECT date_trunc('week', day)::date + 6, avg(score) FILTER (WHERE object = 'cloud'),
       avg(score) FILTER (WHERE object = 'identity'),
       avg(score) FILTER (WHERE object = 'ransomware')
FROM posture.score_history WHERE object_kind = 'initiative' GROUP BY 1 ORDER BY 1
SQL
	my $rounded = sub { my ($format, $day, @n) = @_; [ $day, map { sprintf $format, $_ } @n ] };
	is_deeply(
		[ map { $rounded->('%.2f', @$_) } @means ],
		[ map { $rounded->('%.2f', @{ $rounded->('%.3f', @$_) }) } @weeks ],
		'and the means of weeks');
}
SKIP:
{
	skip $missing{odbc}, 1 if $missing{odbc};
	my $file = example_file('ODBC, with pyodbc', 'overview.py');
	my $printed = run_client($python{pyodbc}, $file, $odbc_string);
	is($printed, $ask->(<<'SQL') . "\n", 'the example of ODBC');
SELECT concat_ws(' | ', name, initcap(is_pinned::text), coalesce(score::text, 'None'),
                 coalesce(target_score::text, 'None'), open_events)
FROM posture.overview ORDER BY name
SQL
}
SKIP:
{
	skip $missing{jdbc}, 1 if $missing{jdbc};
	my $printed = run_java(example_file('JDBC', 'Trend.java'), $url);
	is($printed, $ask->(<<'SQL') . "\n", 'the example of JDBC');
SELECT concat_ws(' ', day, score) FROM posture.score_history
WHERE object = 'identity' AND object_kind = 'initiative' AND day >= posture.today() - 7
ORDER BY day
SQL
}
SKIP:
{
	skip $missing{r}, 2 if $missing{r};
	my $printed = run_client('Rscript', '--vanilla', example_file('R', 'targets.R'));
	like($printed, qr/ score +: num .* target_on +: Date/s,
		'the example of R has numbers and days');
	my ($most) = $printed =~ /^\[1\] ([\d.]+)$/m;
	is(sprintf('%.3f', $most // 0), $ask->(<<'SQL'), 'and what is missing most');
SELECT round(max(target_score - score), 3) FROM posture.target_report WHERE target_on IS NOT NULL
SQL
}

$node->stop;
done_testing();

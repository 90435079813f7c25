# The views as clients read them: every column comes out as a number, a date, a
# time, a boolean, a text or an array of numbers or texts, and every value as psql has it.
# tests: report/overview, report/metric_report, report/recommendation_report
# tests: report/score_history, report/event_report, report/target_report
# tests: report/exemption_report, report/assignment_report, report/benchmark_report
# tests: report/asset_report, report/finding_report, report/metric_recommendation_report
# tests: report/event_asset
use strict;
use warnings;
use utf8;
use Encode qw(decode_utf8 encode_utf8);
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestClients;
use TestPosture;

my $node = clients_node('clients');

# values that drivers have been seen to change
$node->safe_psql('posture', encode_utf8(<<'SQL'));
SET search_path = posture, posture_internal, pg_catalog;
UPDATE asset_group SET owner = 'bi';
SELECT reopen(max(event_id), 'again') FROM event WHERE status <> 'open';
UPDATE event SET status = 'superseded', superseded_on = today(), superseded_by = 'weight_change'
WHERE event_id = (SELECT max(event_id) FROM event WHERE status = 'recovered');
UPDATE initiative SET owner = 'bi', target_on = today() + 400 WHERE key = 'identity';
UPDATE initiative
SET name = E'Tab\there, "quotes", back\\slash, a line\nand żółć 🔒', kind = ''
WHERE key = 'ransomware';
UPDATE initiative_metric SET weight = 0.123456789012
WHERE metric_id = (SELECT metric_id FROM metric WHERE key = 'account-takeover');
UPDATE recommendation
SET remediation = repeat('é', 20000), manage_url = 'https://example.com/?a=1&b=%20',
    assigned_to = 'NULL'
WHERE key = 'mfa';
INSERT INTO exemption
    (recommendation_id, asset_id, kind, reason, approved_by, created_at, expires_at)
SELECT recommendation_id, (SELECT min(asset_id) FROM asset), 'waived', '\N', 'risk board',
       '1999-12-31 23:59:59.999999+00', '2199-06-30 12:34:56.123456+00'
FROM recommendation WHERE key = 'edr';
UPDATE finding SET details = '{"port": 22, "why": "a \"quote\", żółć 🔒"}'
WHERE asset_id = (SELECT min(asset_id) FROM asset);
INSERT INTO recommendation (source_id, key, title)
SELECT source_id, 'no-known-exploited-vulnerability', 'Exploited' FROM source WHERE key = 'hosts';
INSERT INTO finding
SELECT r.recommendation_id, a.asset_id, 'non_compliant', now(),
       '{"vulnerabilities": [{"id": "CVE-2021-44228", "severity": "critical", "cvss": 10.0,
                              "epss": 0.94358, "exploited": true, "package": "log4j", "installed": "2.14", "fixed": "2.15"},
                             {"id": "CVE-1", "package": "żółć"}]}'
FROM recommendation r, asset a
WHERE r.key = 'no-known-exploited-vulnerability' AND a.asset_id = (SELECT min(asset_id) + 1 FROM asset);
INSERT INTO recommendation (source_id, key, title, is_manual)
SELECT source_id, 'by-hand', 'By hand', true FROM source WHERE key = 'hosts';
INSERT INTO metric_recommendation
SELECT m.metric_id, r.recommendation_id FROM metric m, recommendation r
WHERE m.key = 'account-takeover' AND r.key = 'by-hand';
UPDATE metric SET details = '{"section": "1. żółć"}' WHERE key = 'account-takeover';
SELECT attest('by-hand', 'compliant', 'https://example.com/?a=1&b=%20', '9999-12-31', 'a "note", żółć');
UPDATE asset SET owner = 'Ann', retired_at = '2199-06-30 12:34:56.123456+00'
WHERE asset_id = (SELECT max(asset_id) FROM asset);
INSERT INTO asset_group (key, name) VALUES ('all', 'All');
UPDATE metric SET population_group_id = (SELECT asset_group_id FROM asset_group WHERE key = 'all')
WHERE key = 'account-takeover';
INSERT INTO asset (key, name, kind, owner)
SELECT 'unseen', 'Unseen', coalesce(asset_kinds[1], 'account'), 'Ann' FROM metric WHERE key = 'account-takeover';
SQL
my %columns;
my $columns = $node->safe_psql('posture', <<"SQL");
SELECT c.oid::regclass, a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'posture'::regnamespace AND c.relkind = 'v' AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.oid::regclass::text, a.attnum
SQL
push @{ $columns{ $_->[0] } }, [ @$_[ 1, 2 ] ] foreach map { [ split /\|/ ] } split /\n/, $columns;
my @views = sort keys %columns;
my %kind = (
	'text' => 'text', 'numeric' => 'number', 'integer' => 'number', 'bigint' => 'number',
	'boolean' => 'boolean', 'date' => 'date', 'timestamp with time zone' => 'timestamp',
	'numeric[]' => 'array', 'text[]' => 'array');
is(join(' ', empty_columns()), '', 'there is a value in every column');

my $exact = expected();
SKIP:
{
	skip $missing{psycopg}, 2 if $missing{psycopg};
	my @read = ($python{psycopg}, "$programs/read.py");
	same(run_client(@read, @views), $exact, 'psycopg reads every view');
	same(run_client(@read, '--binary', @views), $exact, 'and in binary');
}
SKIP:
{
	skip $missing{odbc}, 1 if $missing{odbc};
	my @read = ($python{pyodbc}, "$programs/read_odbc.py", $odbc_string);
	# ODBC has no arrays
	same(run_client(@read, @views), expected(array => 'text'), 'ODBC reads every view');
}
SKIP:
{
	skip $missing{jdbc}, 2 if $missing{jdbc};
	same(run_java("$programs/Read.java", $url, @views), $exact, 'JDBC reads every view');
	my @read = ('java', '-cp', "$jdbc:$work", 'Read', "$url?prepareThreshold=-1");
	same(run_client(@read, @views), $exact, 'and in binary');
}
SKIP:
{
	skip $missing{r}, 1 if $missing{r};
	same(run_client('Rscript', '--vanilla', "$programs/read.R", @views),
		expected(array => 'text', decimals => 6), 'R reads every view');
}

$node->stop;
done_testing();

# the columns that have no value, of all views
sub empty_columns
{
	my @empty;
	for my $view (@views)
	{
		my @names = map { $_->[0] } @{ $columns{$view} };
		my $counts = join ', ', map { "count(\"$_\")" } @names;
		my @counts = split /\|/, $node->safe_psql('posture', "SELECT $counts FROM $view");
		push @empty, map { "$view.$names[$_]" } grep { $counts[$_] == 0 } 0 .. $#names;
	}
	return @empty;
}

# What a client is to print of all views, by psql: the columns with their kinds, then
# the values. array: what an array comes out as; decimals: how many of a number's
# are kept.
sub expected
{
	my (%as) = @_;
	my $all = '';
	for my $view (@views)
	{
		my @columns = @{ $columns{$view} };
		my $values = join ', ', map {
			my ($name, $type) = @$_;
			$type =~ /^timestamp/ ? qq{(extract(epoch FROM "$name") * 1000000)::bigint}
			  : defined $as{decimals} && $type eq 'numeric'
			  ? qq{trim_scale(round("$name", $as{decimals}))}
			  : $type eq 'boolean' ? qq{"$name"::text}
			  : qq{"$name"}
		} @columns;
		my $rows = $node->safe_psql('posture', "COPY (SELECT $values FROM $view) TO STDOUT");
		$all .= "view\t$view\n";
		foreach my $column (@columns)
		{
			my ($name, $kind) = ($column->[0], $kind{ $column->[1] });
			$all .= "column\t$name\t" . ($kind eq 'array' && $as{array} || $kind) . "\n";
		}
		$all .= "$rows\n";
	}
	return decode_utf8($all);
}

# The same views, columns and rows, in whatever order rows come.
sub same
{
	my ($got, $want, $name) = @_;
	subtest $name => sub {
		my ($is, $should) = map { parts($_) } $got, $want;
		is(join(' ', sort keys %$is), join(' ', sort keys %$should), 'all views');
		for my $view (sort keys %$should)
		{
			is_deeply($is->{$view}{columns}, $should->{$view}{columns}, "$view: columns");
			is_deeply($is->{$view}{rows}, $should->{$view}{rows}, "$view: values");
		}
	};
}

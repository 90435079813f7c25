# The views as clients read them: every column comes out as a number, a date, a
# time, a boolean, a text or an array of numbers, and every value as psql has it.
# Then the examples of doc/clients.md, as they stand there. make check installs
# what psycopg, pandas, ODBC and JDBC take; what is not there is skipped.
use strict;
use warnings;
use utf8;
use Encode qw(decode_utf8 encode_utf8);
use FindBin;
use lib $FindBin::RealBin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $top = "$FindBin::RealBin/../..";
my $programs = "$top/test/clients";
my $work = PostgreSQL::Test::Utils::tempdir();

# JDBC knows TCP alone, and a role has a password then
my $node = new_node('clients', "fsync = off\nlisten_addresses = '127.0.0.1'\n");
my $password = join '', map { ('a' .. 'z', 0 .. 9)[ rand 36 ] } 1 .. 20;
unlink $node->data_dir . '/pg_hba.conf';
$node->append_conf('pg_hba.conf', "local all all trust\nhost posture bi 127.0.0.1/32 scram-sha-256\n");
$node->reload;
$node->safe_psql('postgres', "CREATE DATABASE posture ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0");
$node->safe_psql('posture', 'CREATE EXTENSION posture');
$node->command_ok([ 'psql', '-X', '-q', '-d', $node->connstr('posture'), '-f', "$top/demo/example.sql" ], 'there is something to read');
my $guide = decode_utf8(slurp_file("$top/doc/clients.md"));
$node->safe_psql('posture', "SET password_encryption = 'scram-sha-256'; " . example('Connect as a reader') . "ALTER ROLE bi PASSWORD '$password'");

# libpq's environment, and a time zone that has a day of its own; Debian's
# odbcinst.ini has the driver write a log in /tmp
my %environment = (PGHOST => '127.0.0.1', PGPORT => $node->port, PGDATABASE => 'posture', PGUSER => 'bi', PGPASSWORD => $password,
	TZ => 'Pacific/Kiritimati', LC_ALL => 'C.UTF-8', HOME => $work, PYTHONDONTWRITEBYTECODE => 1, ODBCSYSINI => $work);
my $url = "jdbc:postgresql://127.0.0.1:$environment{PGPORT}/posture";

# what is here
my $python = sub { my $module = shift; (grep { quiet($_, '-c', "import $module") } qw(/usr/bin/python3 python3))[0] };
my ($psycopg, $pandas, $pyodbc) = map { $python->($_) } 'psycopg', 'psycopg, pandas', 'pyodbc';
my ($odbc) = glob '/usr/lib/*/odbc/psqlodbcw.so';
my ($jdbc) = grep { -e } '/usr/share/java/postgresql.jar';
# Debian's ecj, not by its command: that of Debian 13 looks into the first of these alone
my $ecj = join ':', map { "/usr/share/java/eclipse-jdt-core$_.jar" } '', '-compiler-batch';
my ($compiler) = grep { quiet(@$_, '-version') } [ 'java', '-cp', $ecj, qw(org.eclipse.jdt.internal.compiler.batch.Main -17 -proc:none -nowarn) ], ['javac'];
my $java = $jdbc && $compiler && quiet('java', '-version');
my $r = quiet('Rscript', '-e', 'library(RPostgreSQL)');
my $odbc_string = "Driver=" . ($odbc // '') . ";Server=127.0.0.1;Port=$environment{PGPORT};Database=posture;UID=bi;PWD=$password;BoolsAsChar=0;ConnSettings=SET TimeZone='UTC'";

my $no_psycopg = $psycopg ? '' : 'python3-psycopg is not installed';
my $no_pandas = $pandas ? '' : 'python3-psycopg or python3-pandas is not installed';
my $no_odbc = $pyodbc && $odbc ? '' : 'python3-pyodbc or odbc-postgresql is not installed';
my $no_jdbc = $java ? '' : 'Java, a compiler or libpostgresql-jdbc-java is not installed';
my $no_r = $r ? '' : 'r-cran-rpostgresql is not installed';
# make check must not leave out what it installed
my %missing = (psycopg => $no_psycopg, pandas => $no_pandas, odbc => $no_odbc, jdbc => $no_jdbc, r => $no_r);
is($missing{$_}, '', "$_ is here") foreach split ' ', $ENV{POSTURE_CLIENTS} // '';

run_examples();
subtest 'types of its own' => \&read_own_types;

$node->safe_psql('posture', encode_utf8(odd_values()));
my %columns;
push @{ $columns{ $_->[0] } }, [ @$_[ 1, 2 ] ] foreach map { [ split /\|/ ] } split /\n/, $node->safe_psql('posture', <<'SQL');
SELECT 'posture.' || c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND c.relkind = 'v' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, a.attnum
SQL
my @views = sort keys %columns;
my %kind = ('text' => 'text', 'numeric' => 'number', 'integer' => 'number', 'bigint' => 'number', 'boolean' => 'boolean',
	'date' => 'date', 'timestamp with time zone' => 'timestamp', 'numeric[]' => 'array');
my %is_empty;
$is_empty{ (split /\t/)[1] } = 1 foreach grep { /^column/ } split /\n/, expected(empty => 1);
is(join(' ', keys %is_empty), '', 'there is a value in every column');

my $exact = expected();
SKIP:
{
	skip $no_psycopg, 2 if $no_psycopg;
	same(run_client($psycopg, "$programs/read.py", @views), $exact, 'psycopg reads every view');
	same(run_client($psycopg, "$programs/read.py", '--binary', @views), $exact, 'and in binary');
}
SKIP:
{
	skip $no_odbc, 1 if $no_odbc;
	# ODBC has no arrays
	same(run_client($pyodbc, "$programs/read_odbc.py", $odbc_string, @views), expected(array => 'text'), 'ODBC reads every view');
}
SKIP:
{
	skip $no_jdbc, 2 if $no_jdbc;
	same(run_java("$programs/Read.java", $url, @views), $exact, 'JDBC reads every view');
	same(run_client('java', '-cp', "$jdbc:$work", 'Read', "$url?prepareThreshold=-1", @views), $exact, 'and in binary');
}
SKIP:
{
	skip $no_r, 1 if $no_r;
	same(run_client('Rscript', '--vanilla', "$programs/read.R", @views), expected(array => 'text', decimals => 6), 'R reads every view');
}

$node->stop;
done_testing();

# The first block of code in a section of the guide.
sub example
{
	my ($section) = @_;
	my ($code) = $guide =~ /^##+ \Q$section\E\n.*?^```\w+\n(.*?)^```\n/ms;
	return $code // die "no example: $section";
}

# The same as a file.
sub example_file
{
	my ($section, $file) = @_;
	open(my $out, '>:utf8', "$work/$file") or die "$work/$file: $!";
	print $out example($section);
	close $out;
	return "$work/$file";
}

# The examples of the guide print what psql says.
sub run_examples
{
	my $ask = sub { $node->safe_psql('posture', shift) };
	run_client('sh', '-c', "cd '$work' && " . example('psql'));
	is(slurp_file("$work/overview.csv") =~ s/\n\z//r, "name,score,target_score,change_14d\n" . $ask->(<<'SQL'), 'the example of psql');
SELECT concat_ws(',', name, score, target_score, coalesce(change_14d::text, '')) FROM posture.overview WHERE is_pinned
SQL
	SKIP:
	{
		skip $no_psycopg, 1 if $no_psycopg;
		is(run_client($psycopg, example_file('Python, psycopg', 'metrics.py')), $ask->(<<'SQL') . "\n", 'the example of psycopg');
(SELECT format('%s: %s, weight %s, %s points to gain', name, coalesce(score::text, 'unavailable'), weight, coalesce(score_impact::text, 'None'))
 FROM posture.metric_report WHERE initiative = 'ransomware' ORDER BY score_impact DESC NULLS LAST)
UNION ALL SELECT 'with all hosts patched and protected: ' || posture.what_if('ransomware', '{patched,edr}')
SQL
	}
	SKIP:
	{
		skip $no_pandas, 2 if $no_pandas;
		my $said = run_client($pandas, example_file('Python, pandas', 'history.py'));
		like($said, qr/^day +datetime64\[\w+\]\nobject +object\nscore +float64\n/, 'the example of pandas has numbers and days');
		my @means = map { [ split /,/ ] } grep { /^\d{4}-/ } split /\n/, $said;
		my @weeks = map { [ split /\|/ ] } split /\n/, $ask->(<<'SQL');
SELECT date_trunc('week', day)::date + 6, avg(score) FILTER (WHERE object = 'cloud'), avg(score) FILTER (WHERE object = 'identity'), avg(score) FILTER (WHERE object = 'ransomware')
FROM posture.score_history WHERE object_kind = 'initiative' GROUP BY 1 ORDER BY 1
SQL
		is_deeply([ map { my ($day, @n) = @$_; [ $day, map { sprintf '%.2f', $_ } @n ] } @means ],
			[ map { my ($day, @n) = @$_; [ $day, map { sprintf '%.2f', sprintf '%.3f', $_ } @n ] } @weeks ], 'and the means of weeks');
	}
	SKIP:
	{
		skip $no_odbc, 1 if $no_odbc;
		is(run_client($pyodbc, example_file('ODBC, here by pyodbc', 'overview.py'), $odbc_string), $ask->(<<'SQL') . "\n", 'the example of ODBC');
SELECT concat_ws(' | ', name, initcap(is_pinned::text), coalesce(score::text, 'None'), coalesce(target_score::text, 'None'), open_events) FROM posture.overview ORDER BY name
SQL
	}
	SKIP:
	{
		skip $no_jdbc, 1 if $no_jdbc;
		is(run_java(example_file('JDBC', 'Trend.java'), $url), $ask->(<<'SQL') . "\n", 'the example of JDBC');
SELECT concat_ws(' ', day, score) FROM posture.score_history WHERE object = 'identity' AND object_kind = 'initiative' AND day >= posture.today() - 7 ORDER BY day
SQL
	}
	SKIP:
	{
		skip $no_r, 2 if $no_r;
		my $said = run_client('Rscript', '--vanilla', example_file('R', 'targets.R'));
		like($said, qr/ score +: num .* target_on +: Date/s, 'the example of R has numbers and days');
		my ($most) = $said =~ /^\[1\] ([\d.]+)$/m;
		is(sprintf('%.3f', $most // 0), $ask->('SELECT round(max(target_score - score), 3) FROM posture.target_report WHERE target_on IS NOT NULL'), 'and what is missing most');
	}
}

# What the guide says of types that drivers don't know.
sub read_own_types
{
	$node->safe_psql('posture', <<'SQL');
CREATE VIEW public.own AS
SELECT i.key, i.method, '66.5'::posture.score AS score, '{1,5-9}'::posture.assetset AS assets, 3::posture.threshold AS threshold,
       '66.5'::posture.score::numeric AS number, '{1,5-9}'::posture.assetset::integer[] AS ids
FROM posture.initiative i WHERE i.key = 'identity';
GRANT SELECT ON public.own TO bi;
SELECT format('COMMENT ON COLUMN public.own.%I IS %L', attname, 'a column') FROM pg_attribute WHERE attrelid = 'public.own'::regclass \gexec
SQL
	my $kinds = sub { my $own = parts(shift)->{'public.own'}; join ', ', map({ s/\t/ /r } @{ $own->{columns} }), @{ $own->{rows} } };
	my $values = "identity\tweighted\t66.5\t{1,5-9}\t3\t66.5\t{1,5,6,7,8,9}";
	SKIP:
	{
		skip $no_psycopg, 2 if $no_psycopg;
		is($kinds->(run_client($psycopg, "$programs/read.py", 'public.own')),
			"key text, method unknown,str, score unknown,str, assets unknown,str, threshold number, number number, ids array, $values", 'psycopg');
		# which sends a small whole number as smallint
		is(run_client($psycopg, '-c', 'import psycopg; print(psycopg.connect("").execute("SELECT max(score) >= 90 FROM posture.plan(%s, %s::posture.score)", ["identity", 90]).fetchone()[0])'),
			"True\n", 'and takes a score');
	}
	SKIP:
	{
		skip $no_odbc, 1 if $no_odbc;
		is($kinds->(run_client($pyodbc, "$programs/read_odbc.py", $odbc_string, 'public.own')),
			"key text, method text, score text, assets text, threshold number, number number, ids text, $values", 'ODBC');
	}
	SKIP:
	{
		skip $no_jdbc, 1 if $no_jdbc;
		is($kinds->(run_java("$programs/Read.java", $url, 'public.own')),
			"key text or DISTINCT, method text, score OTHER, assets OTHER, threshold number or DISTINCT, number number, ids array, $values", 'JDBC');
	}
	SKIP:
	{
		skip $no_r, 1 if $no_r;
		is($kinds->(run_client('Rscript', '--vanilla', "$programs/read.R", 'public.own')),
			"key text, method text, score text, assets text, threshold number, number number, ids text, $values", 'R');
	}
}

# Values that drivers have been seen to change.
sub odd_values
{
	return <<'SQL';
SET search_path = posture, posture_internal, pg_catalog;
UPDATE asset_group SET owner = 'bi';
SELECT reopen(max(event_id), 'again') FROM event WHERE status <> 'open';
UPDATE initiative SET owner = 'bi', target_on = today() + 400 WHERE key = 'identity';
UPDATE initiative SET name = E'Tab\there, "quotes", back\\slash, a line\nand żółć 🔒', kind = '' WHERE key = 'ransomware';
UPDATE initiative_metric SET weight = 0.12345678901234567890 WHERE metric_id = (SELECT metric_id FROM metric WHERE key = 'account-takeover');
UPDATE recommendation SET remediation = repeat('é', 20000), manage_url = 'https://example.com/?a=1&b=%20', assigned_to = 'NULL' WHERE key = 'mfa';
INSERT INTO exemption (recommendation_id, asset_id, kind, reason, approved_by, created_at, expires_at)
SELECT recommendation_id, (SELECT min(asset_id) FROM asset), 'waived', '\N', 'risk board', '1999-12-31 23:59:59.999999+00', '2199-06-30 12:34:56.123456+00'
FROM recommendation WHERE key = 'edr';
SQL
}

# Whether a program runs.
sub quiet
{
	return eval { IPC::Run::run(\@_, '<', \undef, '>&', \my $all) };
}

# What a client printed, as text.
sub run_client
{
	local %ENV = (%ENV, %environment);
	my ($out, $err) = ('', '');
	IPC::Run::run(\@_, '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default))
	  or diag(decode_utf8($err));
	note(decode_utf8($err)) if $err ne '';
	return decode_utf8($out);
}

# The same of a class: its file, and what it is given.
sub run_java
{
	my ($file, @arguments) = @_;
	my ($class) = $file =~ m{(\w+)\.java$};
	run_client(@$compiler, '-d', $work, $file);
	return run_client('java', '-cp', "$jdbc:$work", $class, @arguments);
}

# What a client is to print of all views, by psql: the columns with their kinds, then
# the values. array: what an array comes out as; decimals: how many of a number's
# are kept; empty: only the columns that have no value.
sub expected
{
	my (%as) = @_;
	my $all = '';
	for my $view (@views)
	{
		my @columns = @{ $columns{$view} };
		if ($as{empty})
		{
			my @counts = split /\|/, $node->safe_psql('posture', "SELECT " . join(', ', map { "count(\"$_->[0]\")" } @columns) . " FROM $view");
			$all .= join '', map { "column\t$view.$columns[$_][0]\n" } grep { $counts[$_] == 0 } 0 .. $#columns;
			next;
		}
		my $values = join ', ', map {
			my ($name, $type) = @$_;
			$type =~ /^timestamp/ ? qq{(extract(epoch FROM "$name") * 1000000)::bigint}
			  : defined $as{decimals} && $type eq 'numeric' ? qq{trim_scale(round("$name", $as{decimals}))}
			  : $type eq 'boolean' ? qq{"$name"::text}
			  : qq{"$name"}
		} @columns;
		my $rows = $node->safe_psql('posture', "COPY (SELECT $values FROM $view) TO STDOUT");
		$all .= "view\t$view\n" . join('', map { "column\t$_->[0]\t" . ($kind{ $_->[1] } eq 'array' && $as{array} || $kind{ $_->[1] }) . "\n" } @columns) . "$rows\n";
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

sub parts
{
	my (%views, $view);
	for my $line (split /\n/, shift)
	{
		if ($line =~ /^view\t(.*)/) { $view = $views{$1} = { columns => [], rows => [] }; }
		elsif ($line =~ /^column\t(.*)/) { push @{ $view->{columns} }, $1; }
		else { push @{ $view->{rows} }, $line; }
	}
	@{ $_->{rows} } = sort @{ $_->{rows} } foreach values %views;
	return \%views;
}

# What the tests of client libraries share: a server with the example that a reader
# connects to by TCP, the libraries that are installed, and programs that use them.
# make check installs what psycopg, pandas, ODBC and JDBC take; what is not there is
# skipped.
package TestClients;

use strict;
use warnings;
use utf8;
use Encode qw(decode_utf8);
use Exporter 'import';
use FindBin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

our @EXPORT = qw(clients_node example example_file run_client run_java parts
  $programs $work $url $odbc_string $jdbc %python %missing);

our $programs = "$FindBin::RealBin/../../test/clients";
our $work = PostgreSQL::Test::Utils::tempdir();
our ($url, $odbc_string, $jdbc);
our %python;    # by module, a Python that has it
our %missing;   # by library, why its tests are skipped, or ''
my $top = "$FindBin::RealBin/../..";
my $guide = decode_utf8(slurp_file("$top/doc/report.md"));
my (%environment, @compiler);

# Starts a server that JDBC can connect to, with the example in database posture, and looks
# for the libraries.
sub clients_node
{
	my ($name) = @_;
	# JDBC knows TCP alone, and a role has a password then
	my $node = new_node($name, "listen_addresses = '127.0.0.1'\n");
	my $password = join '', map { ('a' .. 'z', 0 .. 9)[ rand 36 ] } 1 .. 20;
	unlink $node->data_dir . '/pg_hba.conf';
	$node->append_conf('pg_hba.conf',
		"local all all trust\nhost posture bi 127.0.0.1/32 scram-sha-256\n");
	$node->reload;
	$node->safe_psql('postgres',
		"CREATE DATABASE posture ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0");
	$node->safe_psql('posture', 'CREATE EXTENSION posture');
	$node->command_ok(
		[ 'psql', '-X', '-q', '-d', $node->connstr('posture'), '-f', "$top/demo/example.sql" ],
		'there is something to read');
	$node->safe_psql('posture', "SET password_encryption = 'scram-sha-256'; "
		  . example('A role that reads')
		  . "ALTER ROLE bi PASSWORD '$password'");

	# libpq's environment, and a time zone that has a day of its own; Debian's
	# odbcinst.ini has the driver write a log in /tmp
	%environment = (
		PGHOST => '127.0.0.1', PGPORT => $node->port, PGDATABASE => 'posture', PGUSER => 'bi',
		PGPASSWORD => $password, TZ => 'Pacific/Kiritimati', LC_ALL => 'C.UTF-8', HOME => $work,
		PYTHONDONTWRITEBYTECODE => 1, ODBCSYSINI => $work);
	$url = 'jdbc:postgresql://127.0.0.1:' . $node->port . '/posture';
	find_libraries();
	$odbc_string .= ';Server=127.0.0.1;Port=' . $node->port . ';Database=posture;UID=bi;'
	  . "PWD=$password;BoolsAsChar=0;ConnSettings=SET TimeZone='UTC'";
	# make check must not leave out what it installed
	is($missing{$_}, '', "$_ is here") foreach split ' ', $ENV{POSTURE_CLIENTS} // '';
	return $node;
}

# what is here
sub find_libraries
{
	my %modules = (psycopg => 'psycopg', pandas => 'psycopg, pandas', pyodbc => 'pyodbc');
	while (my ($name, $modules) = each %modules)
	{
		($python{$name}) = grep { quiet($_, '-c', "import $modules") } qw(/usr/bin/python3 python3);
	}
	my ($odbc) = glob '/usr/lib/*/odbc/psqlodbcw.so';
	$odbc_string = 'Driver=' . ($odbc // '');
	($jdbc) = grep { -e } '/usr/share/java/postgresql.jar';
	# Debian's ecj, not by its command: that of Debian 13 looks into the first of these alone
	my $ecj = join ':', map { "/usr/share/java/eclipse-jdt-core$_.jar" } '', '-compiler-batch';
	my ($compiler) = grep { quiet(@$_, '-version') } [ 'java', '-cp', $ecj,
		qw(org.eclipse.jdt.internal.compiler.batch.Main -17 -proc:none -nowarn) ], ['javac'];
	@compiler = @{ $compiler // [] };
	my $java = $jdbc && $compiler && quiet('java', '-version');
	my $r = quiet('Rscript', '-e', 'library(RPostgreSQL)');
	%missing = (
		psycopg => $python{psycopg} ? '' : 'python3-psycopg is not installed',
		pandas => $python{pandas} ? '' : 'python3-psycopg or python3-pandas is not installed',
		odbc => $python{pyodbc} && $odbc ? ''
		: 'python3-pyodbc or odbc-postgresql is not installed',
		jdbc => $java ? '' : 'Java, a compiler or libpostgresql-jdbc-java is not installed',
		r => $r ? '' : 'r-cran-rpostgresql is not installed');
	return;
}

# Whether a program runs.
sub quiet
{
	return eval { IPC::Run::run(\@_, '<', \undef, '>&', \my $all) };
}

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

# What a client printed, as text.
sub run_client
{
	local %ENV = (%ENV, %environment);
	my ($out, $err) = ('', '');
	my $timeout = IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default);
	IPC::Run::run(\@_, '<', \undef, '>', \$out, '2>', \$err, $timeout) or diag(decode_utf8($err));
	note(decode_utf8($err)) if $err ne '';
	return decode_utf8($out);
}

# The same of a class: its file, and what it is given.
sub run_java
{
	my ($file, @arguments) = @_;
	my ($class) = $file =~ m{(\w+)\.java$};
	run_client(@compiler, '-d', $work, $file);
	return run_client('java', '-cp', "$jdbc:$work", $class, @arguments);
}

# What a client printed of views: the columns and the rows of each, in order.
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

1;

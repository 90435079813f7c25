# What README.md and doc/ show is what a reader gets. The rule, by what a fence says:
#   sql            psql runs it, in order, in a database of the document's own
#   sh             bash runs it, likewise; of make it is only looked whether there
#                  is such a goal, and sudo is left out
#   (nothing)      directly behind one of these: what the last of it puts out
#   ANY example    an example: nobody runs it
#   text           a picture, or a screen; no commands
# Anything else fails here. With POSTURE_WRITE_DOCS=1 what is put out is written into
# the documents instead. A comment begins a session in another database posture:
#   <!-- database: made -->     posture and nothing in it; what a document begins with
#   <!-- database: none -->     there is none yet
#   <!-- database: example -->  the demo's organisation, demo/example.sql
# or says that another test runs the blocks from there on:
#   <!-- run by: test/t/096_client_examples.pl -->
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestDocs;
use TestGuide;
use TestPosture;

my $top = top();
my ($libdir) = PostgreSQL::Test::Utils::run_command([ 'pg_config', '--pkglibdir' ]);
my $has_cron = -e "$libdir/pg_cron.so";

my $node = new_node('docs', $has_cron ? <<'CONF' : '', extra => [ '--locale=C.UTF-8', '--encoding=UTF8' ]);
shared_preload_libraries = 'pg_cron'
cron.database_name = 'posture'
cron.use_background_workers = on
max_worker_processes = 16
CONF
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
$node->safe_psql('postgres', 'CREATE DATABASE made');
$node->safe_psql('made', 'CREATE EXTENSION posture');
$node->safe_psql('postgres', 'CREATE DATABASE example TEMPLATE made');
$node->psql('example', slurp_file("$top/demo/example.sql"), on_error_die => 1);

my $needs_cron = qr/posture\.schedule\(|pg_cron|cron\./;

# what stands in for commands that are not for a test
my $commands = PostgreSQL::Test::Utils::tempdir();
append_to_file("$commands/make", qq(#!/bin/sh\nunset MAKEFLAGS MFLAGS MAKELEVEL\nPATH=\${PATH#*:}\nexec make -n -C '$top' "\$@" >/dev/null\n));
append_to_file("$commands/sudo", qq(#!/bin/sh\nif [ "\$1" = -u ]; then shift 2; fi\nexec "\$@"\n));
chmod 0755, "$commands/make", "$commands/sudo";

# Takes away what the session before left: its databases and its roles.
sub clear
{
	foreach my $db (split /\n/, $node->safe_psql('postgres', "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname NOT IN ('postgres', 'made', 'example')"))
	{
		$node->safe_psql('postgres', qq(DROP DATABASE "$db" WITH (FORCE)));
	}
	foreach my $role (split /\n/, $node->safe_psql('postgres', "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> '$superuser'"))
	{
		$node->safe_psql('postgres', qq(DROP OWNED BY "$role"; DROP ROLE "$role"));
	}
	return;
}

# The database of a session, and a folder.
sub prepare
{
	my ($name, $kind) = @_;
	clear();
	ok($kind =~ /^(?:none|made|example)$/, "$name: the database is one of those that there are");
	$node->safe_psql('postgres', "CREATE DATABASE posture TEMPLATE $kind") if $kind ne 'none';
	# where days are told by their dates, they are those of UTC
	$node->safe_psql('postgres', "ALTER DATABASE posture SET posture.timezone = 'UTC'") if $kind eq 'made';
	my $dir = PostgreSQL::Test::Utils::tempdir();
	write_documents($dir);
	return $dir;
}

# Runs a block in a folder; what it puts out.
sub run_block
{
	my ($dir, $block) = @_;
	my ($out, $err) = ('', '');
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	local $ENV{PGDATABASE} = 'posture';
	local $ENV{PATH} = "$commands:$ENV{PATH}";
	my @command = $block->{says} eq 'sh' ? ('bash', '-e') : ('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-P', 'footer=off');
	my $text = $block->{text};
	chdir $dir or die "could not go to $dir: $!";
	my $result = run_log(\@command, '<', \$text, '>', \$out, '2>', \$err);
	chdir $top;
	return ($result, $out, $err);
}

foreach my $file (documents())
{
	my $document = slurp_file("$top/$file");
	my @blocks = blocks($document);
	my ($dir, %shown);
	my $session = -1;
	my $before;
	foreach my $block (@blocks)
	{
		my ($says, $text, $line) = @$block{qw(says text line)};
		my $name = "$file, line $line";
		if ($block->{test})
		{
			ok(-e "$top/$block->{test}" && index(slurp_file("$top/$block->{test}"), $file =~ s{.*/}{}r) >= 0, "$name: $block->{test} runs it");
			next;
		}
		if ($says eq '')
		{
			ok($block->{follows} && defined $before, "$name: what a block that is run puts out") or next;
			next if $before eq 'skipped';
			my $expected = $text;
			s/[^\S\n]+$//mg, s/\s+\z// foreach $before, $expected;
			# of several statements the last one's
			my $from = length($before) - length $expected;
			if ($ENV{POSTURE_WRITE_DOCS})
			{
				$shown{ $block->{from} } = ($before =~ s/.*\n\n//sr) . "\n";
			}
			elsif ($from == 0 || substr($before, $from - 2, 2) eq "\n\n")
			{
				is(substr($before, $from), $expected, "$name: shown as it is");
			}
			else
			{
				is($before, $expected, "$name: shown as it is");
			}
			next;
		}
		$before = undef;
		next if $says eq 'text' || $says =~ /^\w+ example$/;
		ok($says eq 'sql' || $says eq 'sh', "$name: a fence says sql, sh, text, or that it is an example") or next;
		if (!$has_cron && $text =~ /$needs_cron/)
		{
			$before = 'skipped';
			next;
		}
		if ($session != $block->{session})
		{
			$session = $block->{session};
			$dir = prepare($name, $block->{database});
		}
		my ($result, $out, $err) = run_block($dir, $block);
		my ($title) = $text =~ /^(.*)/;
		ok($result, "$name runs: $title") or diag $err;
		$before = $out;
	}
	foreach my $block (reverse grep { defined $shown{ $_->{from} } } @blocks)
	{
		substr($document, $block->{from}, length $block->{text}) = $shown{ $block->{from} };
	}
	next unless %shown;
	unlink "$top/$file";
	append_to_file("$top/$file", $document);
}

$node->stop;
done_testing();

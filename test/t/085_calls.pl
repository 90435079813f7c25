# Calls of every function, operator, cast and aggregate with arguments from the
# edge of their types, and writes of such values to every table, each in a
# transaction that is rolled back: no crash, and no error that is not meant for
# whoever reads it. POSTURE_CALLS calls, POSTURE_SEED for the same ones again.
# tests: type/score, type/assetset, source/load, source/native

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use List::Util qw(shuffle uniq);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestCalls;
use TestPosture;

my $calls = $ENV{POSTURE_CALLS} // 1500;
my $node = calls_node('calls', $calls);
my @callable = callable($node);
my $load = qr/^CREATE OR REPLACE FUNCTION posture\.load\(.*document jsonb/;
my @load = grep { $_->[3] =~ $load } @callable;
my @statement;
push @statement, map { statement(@$_) } shuffle(@callable, (@load) x 20) while @statement < $calls;
$#statement = $calls - 1;

# a statement's line is its place and what comes before the first one
my @before = ('\set VERBOSITY verbose', '\o /dev/null', 'SET client_min_messages = error;',
	"SET statement_timeout = '3s';");
my $file = "$PostgreSQL::Test::Utils::tmp_check/calls.sql";
open(my $out, '>:raw', $file) or die "$file: $!";
print $out "$_\n" foreach @before, map { 'BEGIN; ' . s/\n/ /gr . '; ROLLBACK;' } @statement;
close $out;
my ($stdout, $stderr) = ('', '');
my $done = run_log([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-f', $file ],
	'>', \$stdout, '2>', \$stderr);

# what the reference has is for users
my $reference = slurp_file("$FindBin::RealBin/../../doc/reference.md");
my $for_users = join '|', uniq $reference =~ /^(?:Function|Procedure) `(\w+)\(/mg;
die 'doc/reference.md names no function' unless $for_users =~ /\bload\b/;

# Whether an error is one that whoever made the statement can do something
# about. A step of something larger, called by itself, may miss what the steps
# before it make; what is for everybody says in its own words what is wrong.
sub is_clear
{
	my ($statement, $state, $message, $more) = @_;
	return 1 if $message =~ /^node ".*" does not answer$/;
	return 0 if $state =~ /^(XX|P0001|P0003|P0004|08|58)/;
	# these are PostgreSQL's words, and some of them posture's
	return 0 if $message =~ /cache lookup failed|could not find|unexpected/;
	return 0 if $message =~ /unrecognized (?!config|field "|drop basis "|kind of owned rows: ")/;
	return 1 unless $statement =~ /posture\.($for_users)\(/;
	return 0 unless $state =~ /^(22|23514|42501|42704|0A000|25001|54000|55000|P0002)/;
	return 0 if $message =~ /violates|null value|relation|function|column/;
	return 0 if $message =~ /cannot (call|extract|delete|cast)/;
	# raised by a function of posture, of an argument that it names
	return $message !~ /must not be null/ || $more =~ /^LOCATION:  exec_stmt_raise\b/m;
}

my (%count, @unclear);
while ($stderr =~
	/^psql:\S+?:(\d+): (?:ERROR|FATAL|PANIC):  (\w+): (.*)\n((?:(?!psql:).*\n)*)/mg)
{
	my ($statement, $state, $message, $more) = ($statement[ $1 - 1 - @before ], $2, $3, $4);
	$count{$state}++;
	# how long a call may take depends on the machine, and an interrupted ROLLBACK is felt
	# by the next one
	push @unclear, "$state: $message\n$more$statement\n"
	  unless $state =~ /^(57014|25P02)$/ || is_clear($statement, $state, $message, $more);
}
diag scalar(@statement), ' calls, errors: ', join ', ', map { "$_ $count{$_}" } sort keys %count;
ok($done, "$calls calls and the server is alive") or diag substr($stderr, -3000);
is(scalar(@unclear), 0, 'every error is a clear one')
  or diag join "\n", @unclear > 20 ? @unclear[ 0 .. 19 ] : @unclear;
is($node->safe_psql('postgres', 'SELECT count(*) FROM posture.verify()'),
	'0', 'and nothing of it is left');

$node->stop;
done_testing();

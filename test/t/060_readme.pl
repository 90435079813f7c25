# What the README shows is what a reader gets: its SQL blocks are run in order
# in one database, and the block of output behind one must be psql's.
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $readme = slurp_file("$FindBin::Bin/../../README.md");
my ($session) = $readme =~ /^## Five minutes$(.*?)^## /ms;
ok($session, 'the README has a session');

my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION posture');

while ($session =~ /^```sql\n(.*?)^```\n(?:```\n(.*?)^```\n)?/msg)
{
	my ($sql, $expected) = ($1, $2);
	next if $sql =~ /posture\.schedule\(\)/;    # needs pg_cron, see 010_job.pl
	my ($title) = $sql =~ /^(.*)/;
	my ($out, $err) = ('', '');
	my $result = run_log(
		[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-P', 'footer=off', '-d', $node->connstr('postgres') ],
		'<', \$sql, '>', \$out, '2>', \$err);
	ok($result, "runs: $title") or diag $err;
	next unless defined $expected;
	# of several statements the last one's output is shown
	s/\s+$//mg foreach $out, $expected;
	is(substr($out, -length $expected), $expected, "shows: $title");
}

$node->stop;
done_testing();

# Where default privileges keep PUBLIC from the functions of pg_cron, schedule() and
# unschedule() say which an operator needs.
# tests: admin/schedule

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = PostgreSQL::Test::Cluster->new('cron_privilege');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nposture.timezone = 'UTC'\n");
$node->start;
plan skip_all => 'pg_cron is not installed'
  if $node->safe_psql('postgres',
	q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'}) eq '0';
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pg_cron'
cron.database_name = 'home'
cron.use_background_workers = on
CONF
$node->restart;

my $operator = q{a$b'c"d\\e};
my $quoted = '"' . $operator =~ s/"/""/gr . '"';
$node->safe_psql('postgres', $_) for 'CREATE DATABASE home', "CREATE ROLE $quoted LOGIN";
$node->safe_psql('home', <<"SQL");
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
CREATE EXTENSION pg_cron;
CREATE EXTENSION posture;
GRANT USAGE ON SCHEMA cron TO $quoted;
SELECT posture.grant_access(rolname, 'operator') FROM pg_roles WHERE rolname LIKE 'a\$b%';
SQL
my %function =
  (schedule => 'cron.schedule(text,text,text)', unschedule => 'cron.unschedule(bigint)');
for my $call (sort keys %function)
{
	my $error = (query_as($node, 'home', $operator, "SELECT posture.$call()"))[2];
	like($error, qr/ERROR:  permission denied for function \Q$function{$call}\E\n/,
		"$call() needs a function of pg_cron");
	my ($grant) = $error =~ /^HINT: .* run: (GRANT EXECUTE ON FUNCTION .*;)$/m;
	$node->safe_psql('home', $grant);
}
is((query_as($node, 'home', $operator, q{SELECT posture.schedule() > 0, posture.unschedule()}))[1],
	't|t', 'the statements of the hints suffice');

$node->stop;
done_testing();

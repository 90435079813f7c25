# Every remediation of assess_cluster() can be pasted: one that runs is safe, keeps what
# the server preloads, and is accepted by the next assessment; one that needs a choice or
# something else first does nothing.
# tests: source/cluster_catalog, source/cluster_setting

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

# as much as possible is wrong; a library waits for a restart, and one is written as a path
my $node = new_node('remediation', <<'CONF');
shared_preload_libraries = 'auto_explain, "$libdir/passwordcheck"'
password_encryption = md5
log_connections = off
log_disconnections = off
log_line_prefix = '%p '
log_statement = none
log_min_error_statement = panic
log_lock_waits = off
log_checkpoints = off
log_min_duration_statement = -1
logging_collector = on
log_file_mode = 0666
fsync = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
archive_mode = off
zero_damaged_pages = on
idle_in_transaction_session_timeout = 0
restart_after_crash = off
listen_addresses = '*'
ssl = off
CONF
$node->safe_psql('postgres', 'CREATE EXTENSION posture');
my $failing = q{
	SELECT r.key FROM posture.finding f JOIN posture.recommendation r USING (recommendation_id)
	JOIN posture.asset a USING (asset_id) WHERE f.state = 'non_compliant' AND a.kind = 'cluster'};
my $has_cron = $node->safe_psql('postgres',
	q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'});
$node->safe_psql('postgres', q{ALTER SYSTEM SET shared_preload_libraries =
	'auto_explain', '$libdir/passwordcheck', 'pg_cron'}) if $has_cron;
my $kept = q{auto_explain, $libdir/passwordcheck} . ($has_cron ? ', pg_cron' : '');
$node->safe_psql('postgres', 'SELECT FROM posture.assess_cluster()');
my %was_failing = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', $failing);

# pasted as they are, one after the other; a word or a choice is a syntax error
my %text = map { split /\t/, $_, 2 } split /\n/,
  $node->safe_psql('postgres', q{SELECT key || E'\t' || remediation
	FROM posture_internal.cluster_recommendation() ORDER BY key});
my %runs;
foreach my $key (sort keys %text)
{
	my ($out, $err) = ('', '');
	$node->psql('postgres', "$text{$key}\n", stdout => \$out, stderr => \$err, on_error_stop => 0);
	my $sql = $text{$key} =~ s/ -- .*//r;
	my $words = $sql =~ /</ || $sql !~ /^(ALTER|DROP|GRANT|REVOKE|SELECT|SET) /;
	is($err =~ /ERROR/ ? 'fails' : 'runs', $words ? 'fails' : 'runs', "$key: pasted")
	  if $sql =~ /;/;
	$runs{$key} = 1 if !$words && $sql =~ /^(ALTER|DROP|GRANT|REVOKE)/;
}
cmp_ok(scalar keys %runs, '>=', 15, 'many run');
is(join(' ', grep { $text{$_} !~ /^ALTER SYSTEM/ } sort keys %runs), '', 'but only settings');

# the libraries
my $preload = sub { $node->safe_psql('postgres', "SELECT posture_internal.cluster_preload('$_[0]')") };
like($preload->('no_such_library'), qr/^-- no_such_library is not installed/, 'no library, no statement');
unlike($preload->('pgaudit'), qr/^ALTER SYSTEM/, 'so for pgaudit')
  unless $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pgaudit'});
$node->safe_psql('postgres', $preload->('passwordcheck'));
$node->safe_psql('postgres', q{CREATE ROLE loader; SELECT posture.grant_access('loader', 'loader', 'postgresql')});
$node->psql('postgres', q{SET ROLE loader; SELECT posture_internal.cluster_preload('passwordcheck')},
	stderr => \my $denied);
like($denied, qr/role "loader" may not set shared_preload_libraries\nHINT:  A superuser can/,
	'a loader cannot preload, and the error says so');

$node->reload;
$node->restart;
is($node->safe_psql('postgres', 'SHOW shared_preload_libraries') =~ tr/"//dr, "$kept, passwordcheck",
	'the server starts again and preloads what it did');
$node->safe_psql('postgres', 'SELECT FROM posture.assess_cluster()');
my %failing = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', $failing);
is(join(' ', grep { $failing{$_} } sort keys %runs), '', 'what ran is compliant');
cmp_ok(scalar(grep { $was_failing{$_} } keys %runs), '>=', 14, 'and was not before');
is(join(' ', grep { !$failing{$_} } qw(archive-mode damage-settings listen-addresses socket-permissions)),
	'', 'what needs a choice is as before');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_settings WHERE pending_restart'), '0',
	'no setting waits for a restart');

$node->stop;
done_testing();

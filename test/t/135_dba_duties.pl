# What doc/dba.md leaves to the administrator: restores, roles, privileges beside the levels,
# copies of the data, notifications. Each sentence is a test.
# tests: access/grant_access, access/row_security, access/level, day/notification

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestDba;
use TestPosture;

dba_node('duties', allows_streaming => 1);
$node->safe_psql('postgres', q{ALTER SYSTEM SET log_statement = 'none'; SELECT pg_reload_conf()});
sections('What is left to you');
my $superuser = superuser();
my $dir = PostgreSQL::Test::Utils::tempdir();
my $own = 'SELECT count(*) FROM posture.overview';
my $all = 'SELECT count(*) FROM posture.finding';
my $findings = $node->safe_psql('posture', $all);

# an answer of a role in any database
sub answer_in
{
	my ($db, $role, $sql) = @_;
	my ($rc, $out, $err) = query_as($node, $db, $role, $sql);
	return $err . $out;
}

# runs a program as a role, and returns its errors
sub run_as
{
	my ($role, @command) = @_;
	my ($out, $err) = ('', '');
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	run_log([ $command[0], '-U', $role, @command[ 1 .. $#command ] ], '>', \$out, '2>', \$err);
	return $err;
}

# ---- privileges beside the levels ----

$node->safe_psql('posture', <<'SQL');
CREATE ROLE rls LOGIN BYPASSRLS; CREATE ROLE data LOGIN; GRANT pg_read_all_data TO data;
CREATE ROLE scribe LOGIN; GRANT pg_write_all_data TO scribe;
CREATE ROLE maker LOGIN CREATEROLE; CREATE ROLE copier LOGIN REPLICATION; CREATE ROLE watcher LOGIN; GRANT pg_monitor TO watcher;
GRANT SELECT ON posture.finding TO nobody, owner, rls;
SQL
shows('`GRANT SELECT` on a table by hand', join(' ', grep { as($_, $all) !~ /ERROR: .*does not see all rows/ } qw(nobody owner)), '');
$node->safe_psql('posture', 'CREATE VIEW public.mine AS SELECT * FROM posture.finding; GRANT SELECT ON public.mine TO nobody');
shows('A view of your own', as('nobody', $all =~ s/posture.finding/public.mine/r), $findings);
shows('A role with `BYPASSRLS` sees', as('rls', "$all"), $findings);
$node->safe_psql('posture', 'GRANT SELECT ON posture_internal.finding_set TO nobody');
shows('`GRANT SELECT ON posture_internal.finding_set`', as('nobody', $all), $findings);
$node->safe_psql('posture', 'REVOKE SELECT ON ALL TABLES IN SCHEMA posture, posture_internal FROM nobody, rls; REVOKE SELECT ON posture.finding FROM owner');
my @denied = grep { as('data', "SELECT FROM $_ LIMIT 1") =~ /ERROR/ } tables($node, 'posture');
shows('A member of `pg_read_all_data`', "@denied" . as('data', $all), $findings);
my $deletes = as('scribe', 'BEGIN; DELETE FROM posture.inbox; ROLLBACK');
$node->safe_psql('posture', q{GRANT reader TO scribe});
shows('A member of `pg_write_all_data`', $deletes . as('scribe', <<'SQL'), 't');
BEGIN; WITH u AS (UPDATE posture.initiative_snapshot SET score = '1' RETURNING 1) SELECT count(*) > 0 FROM u; ROLLBACK
SQL
my $made = $node->safe_psql('postgres', 'SHOW server_version_num') < 160000;
shows('A role with `CREATEROLE`', as('maker', 'GRANT reader TO maker') . as('maker', $all),
	$made ? $findings : qr/permission denied to grant role "reader"/);
shows('A role with `REPLICATION`', run_as('copier', 'pg_basebackup', '-D', "$dir/copy", '-c', 'fast'), '');
my $session = new_session($node, 'posture', '-U', 'loader');
$session->ask(q{BEGIN; SELECT posture.load('posture', '[{"type": "finding", "source": "scan", "recommendation": "r1", "asset": "a1", "state": "compliant"}]')});
shows('A member of `pg_monitor`', as('watcher', q{SELECT query FROM pg_stat_activity WHERE usename = 'loader'}), qr/"recommendation": "r1"/);
$session->end;
shows('The owner of the database sets', as('keeper', 'SELECT FROM posture.today(); ALTER DATABASE posture SET posture.retention_days = 1234')
	. as('reader', 'SELECT FROM posture.today(); SHOW posture.retention_days'), '1234');
$node->safe_psql('posture', 'ALTER TABLE posture.finding DISABLE ROW LEVEL SECURITY');
shows('While row security of', as('owner', $own), qr/row security is off: finding/);
$node->safe_psql('posture', 'ALTER TABLE posture.finding ENABLE ROW LEVEL SECURITY');

# ---- copies of the data ----

my $dump = "$dir/dump.sql";
is(run_as($superuser, 'pg_dump', '-f', $dump, 'posture'), '', 'a superuser dumps');
my $grep = sub { return system('grep', '-rqa', 'Scanner', $_[0]) == 0 ? 'found ' : 'missing ' };
$node->safe_psql('posture', 'CHECKPOINT');
shows('A dump, a base backup', $grep->($dump) . $grep->("$dir/copy/base") . $grep->($node->data_dir . '/base'), 'found found found ');
my @refused = grep { run_as($_, 'pg_dump', '-f', "$dir/$_", 'posture') !~ /row-level security|permission denied/ } qw(nobody reader owner curator operator installer);
$node->safe_psql('posture', 'GRANT pg_read_all_data TO rls');
is(run_as('rls', 'pg_dump', '-f', "$dir/rls", 'posture'), '', 'so does one that reads all and is not subject to row security');
shows('`pg_dump` takes a superuser', "@refused" . run_as('installer', 'pg_dump', '--no-owner', '--enable-row-security', '-f', "$dir/installer", 'posture'), '');
my $refused = 'SELECT posture.load(\'no such format\', %s)';
as('loader', sprintf $refused, q{'document in the statement'});
append_to_file("$dir/script", sprintf($refused, ':document::text') . ";\n");
run_as('loader', 'pgbench', '-n', '-t', '1', '-M', 'extended', '-D', 'document=document_as_a_parameter', '-f', "$dir/script", 'posture');
my $log = slurp_file($node->logfile);
shows("The server's log has", join(' ', $log =~ /(document.in.the.statement|document_as_a_parameter|STATEMENT:.*\$1::text)/g),
	q{document in the statement STATEMENT:  SELECT posture.load('no such format', $1::text});
my $standby = PostgreSQL::Test::Cluster->new('standby');
$node->backup('standby');
$standby->init_from_backup($node, 'standby', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
my @differ = grep {
	my ($rc, $out, $err) = query_as($standby, 'posture', $_, "$own; $all");
	$err =~ s/^psql:<stdin>:\d+: //mg;
	"$err$out" ne as($_, "$own; $all")
} qw(nobody reader owner loader curator operator);
shows('A standby shows each role', "@differ", '');
$standby->stop;

# ---- notifications ----

$session = new_session($node, 'posture', '-U', 'owner');
$session->ask('LISTEN posture_event');
as('nobody', q{NOTIFY posture_event, '{"event_id": 99999, "kind": "metric_score_drop"}'});
shows('Every role can `NOTIFY', $session->ask('SELECT 1'), qr/notification "posture_event" with payload "\{"event_id": 99999/);
my ($theirs) = $node->safe_psql('posture', q{SELECT min(event_id) FROM posture.event JOIN posture.initiative i USING (initiative_id) WHERE i.key = 'i2'});
shows('A listener therefore takes', $session->ask("SELECT count(*) FROM posture.event_report WHERE event_id IN (99999, $theirs); SELECT count(*) > 0 FROM posture.event_report"), "0\nt");
$session->end;

# ---- after a restore and a change of roles ----

$node->safe_psql('postgres', 'CREATE DATABASE theirs OWNER installer; CREATE DATABASE restored OWNER keeper');
shows('Restore a dump as a superuser', run_as('installer', 'psql', '-X', '-q', '-d', 'theirs', '-f', "$dir/installer"), qr/COPY FROM not supported with row-level security/);
$node->safe_psql('postgres', "DROP DATABASE theirs; CREATE DATABASE theirs OWNER rls");
my @restore = ('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-d');
is(run_as('rls', @restore, 'theirs', '-f', "$dir/installer"), '', 'a role with BYPASSRLS restores');
is(run_as($superuser, @restore, 'restored', '-f', $dump), '', 'a superuser restores');
my $levels = 'SELECT count(*) FROM posture.access';
shows('A dump carries the table `access`', answer_in('restored', 'reader', "$levels; SELECT FROM posture.finding LIMIT 1"), '5');
# as in another server, where the oids of roles differ
$node->safe_psql('restored', 'UPDATE posture.access SET role_id = 1');
is(answer_in('restored', 'reader', $all), $findings, 'they can read');
my $before = answer_in('restored', 'owner', $own) . ' ' . answer_in('restored', 'curator', 'SELECT posture.apply_rules()');
my $status = answer_in('restored', $superuser, q{SELECT state, message, hint FROM posture.status() WHERE item = 'access'});
my $restored = answer_in('restored', $superuser, 'SELECT posture.restore_access()') . ' ' . answer_in('restored', 'owner', $own);
shows('Where roles have other oids', "$before\n$restored", qr/\A0 .*ERROR: .*needs level curator.*5 1\z/s);
shows('`status()` warns in the row', $status, 'warning|5 grants; not in force for curator, loader, operator, owner, reader|SELECT posture.restore_access();');
$node->safe_psql('postgres', "DROP DATABASE $_") foreach qw(theirs restored);
shows('`DROP ROLE` fails', answer_in('posture', $superuser, 'DROP ROLE curator'), qr/role "curator" cannot be dropped because some objects depend on it/);
$node->safe_psql('posture', 'DROP OWNED BY owner; DROP ROLE owner; CREATE ROLE owner LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA posture TO owner');
my $again = as('owner', $own);
$node->safe_psql('posture', 'SELECT posture.restore_access()');
shows('A role that was dropped', "$again " . as('owner', $own), '0 1');

all_shown();
$node->stop;
done_testing();

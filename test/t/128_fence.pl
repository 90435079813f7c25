# The fence cannot be opened from within a session: nobody sets its caller, nothing that a
# session asks for shows the plans behind it, a plan does not outlive what it was made for, and
# a role that was created anew does not inherit what the one of its name owned.
# tests: fence.c, access/level, access/view_fence

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestAccess;
use TestPosture;

access_node('fence');
grant_levels();
my $super = superuser();
my $overview = 'SELECT initiative, score FROM posture.overview';
my %sees = map { $_ => answer($_, $overview) } 'alice', 'fleet', 'dana', 'plain_reader';

# ---- the setting that has the caller ----

my $load = 'SELECT posture.today() IS NULL';
my $fleet = $node->safe_psql('warehouse', q{SELECT 'fleet'::regrole::oid});
for my $setting ("SET posture.fence_caller = $fleet", "SET LOCAL posture.fence_caller = $fleet",
	"SELECT set_config('posture.fence_caller', '$fleet', false)",
	"ALTER ROLE alice SET posture.fence_caller = $fleet")
{
	like(answer('alice', "$load; $setting"), qr/permission denied to set parameter/, "alice can't: $setting");
	like(answer($super, "$load; $setting"),
		qr/invalid value for parameter "posture.fence_caller".*\nDETAIL:  Only functions of posture set it/,
		"a superuser can't: $setting");
}
is(answer('alice', "$load; RESET ALL; SHOW posture.fence_caller"), "f\n0", 'it is 0 outside of a fence');
# before the library is loaded, PostgreSQL lets everybody set it
for my $role ('alice', $super)
{
	my ($rc, $out, $err) = as_role($role, <<"SQL");
SET posture.fence_caller = $fleet;
SELECT posture_internal.caller() = current_user::regrole, posture_internal.sees_all();
SELECT initiative FROM posture.overview LIMIT 0;
SHOW posture.fence_caller
SQL
	is($out, $role eq 'alice' ? "t|f\n0" : "t|t\n0", "$role: a value from before is forgotten");
}
is(answer('alice', "SET posture.fence_caller = $fleet; $overview"), $sees{alice}, 'and alice sees hers');

# ---- messages that show plans and estimates ----

my $print = 'SET client_min_messages = log; SET debug_print_plan = on; SET trace_sort = on';
my ($rc, $out, $err) = as_role('plain_reader', "$print; $overview");
my $initiative = $node->safe_psql('warehouse', q{SELECT 'posture.initiative'::regclass::oid});
like($err, qr/:relid $initiative /, 'a session can print its plans');
($rc, $out, $err) = as_role('alice', qq{SET client_min_messages = debug5; $print;
	SET client_min_messages = debug1; $overview; SELECT * FROM posture.plan('ia', 99);
	SELECT * FROM posture.explain('ia'); SELECT posture.status(); SELECT posture.acknowledge(1)});
my @plans = split /(?=^LOG:  )/m, $err;
is(scalar(grep { /^LOG:  plan/ && /:relid $initiative / } @plans), 0, 'but not those behind the fence');
is(scalar(grep { /^LOG: .*\bsort (starting|done|ended)|^LOG:  begin tuple sort/ } @plans), 0, 'nor sorts');
($rc, $out, $err) = as_role('alice', "EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, TIMING OFF, SUMMARY OFF) $overview");
like($out, qr/(Function|Foreign) Scan on posture_internal\.owner_overview/, 'EXPLAIN shows an owner a function');
unlike($out, qr/Scan on posture_internal\.(?!(owner|read)_overview)|Scan on posture\.|actual rows=[^02]/, 'and no table');

# ---- plans in parallel, and in a worker ----

my $debug = $node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
my $parallel = join '', map { "SET $_;\n" } "$debug = regress", 'parallel_setup_cost = 0',
  'parallel_tuple_cost = 0', 'min_parallel_table_scan_size = 0', 'max_parallel_workers_per_gather = 2';
for my $role ('alice', 'fleet', 'plain_reader')
{
	my %query = ((map { $_ => "SELECT x::text FROM $_ x ORDER BY 1" } views($node, 'warehouse')),
		metric_assets => q{SELECT posture.metric_assets('ma1')}, plan => q{SELECT posture.plan('ia', 99)},
		caller => 'SELECT posture_internal.caller()::regrole, posture_internal.sees_all()');
	my %plain = answers_as($role, \%query);
	my %parallel = answers_as($role, \%query, $parallel);
	$_ =~ s/^CONTEXT:  parallel worker\n?//mg for values %parallel;
	is(join(' ', grep { $parallel{$_} ne $plain{$_} } sort keys %query), '', "$role: parallel workers see the same");
}

# ---- plans that were made for another role, or before a membership or a level was revoked ----

my $both = join '; ', map { "SET ROLE $_; EXECUTE q" } 'alice', 'fleet', 'plain_reader', 'alice';
for my $mode ('force_generic_plan', 'force_custom_plan')
{
	is(answer($super, "SET plan_cache_mode = $mode; PREPARE q AS $overview; EXECUTE q; SELECT '--'; $both") =~ s/.*--\n//sr,
		join("\n", grep { $_ ne '' } map { $sees{$_} } 'alice', 'fleet', 'plain_reader', 'alice'),
		"$mode: a prepared statement shows each role its rows");
}
my $q = "SET plan_cache_mode = force_generic_plan; PREPARE q AS $overview;
	PREPARE t AS SELECT count(*) FROM posture.finding";
sub revoked
{
	my ($name, $role, $revoke, $restore, $q_after, $t_after) = @_;
	my $session = new_session($node, 'warehouse', '-U', $role);
	is($session->ask("$q; EXECUTE q"), answer($role, $overview), "$name: before");
	$session->ask('EXECUTE t') for 1, 2;
	$node->safe_psql('warehouse', $revoke);
	like($session->ask('EXECUTE q'), $q_after, "$name: a prepared view");
	like($session->ask('EXECUTE t'), $t_after, "$name: a prepared table");
	$session->end;
	$node->safe_psql('warehouse', $restore);
	return;
}
$node->safe_psql('postgres', 'CREATE ROLE guest LOGIN IN ROLE plain_reader, alice');
my $no_table = qr/\A\S*ERROR:  permission denied/;
revoked('membership of a reader', 'guest', 'REVOKE plain_reader FROM guest', 'GRANT plain_reader TO guest',
	qr/\A\Q$sees{alice}\E\z/, $no_table);
$node->safe_psql('warehouse', 'REVOKE plain_reader FROM guest');
revoked('membership of an owner', 'dana', 'REVOKE alice FROM dana', 'GRANT alice TO dana',
	qr/\A\z/, $no_table);
revoked('a level', 'plain_reader', q{SELECT posture.revoke_access('plain_reader')},
	q{SELECT posture.grant_access('plain_reader', 'reader')}, $no_table, $no_table);
revoked('a privilege by hand', 'plain_reader', 'REVOKE SELECT ON posture_internal.finding_set FROM plain_reader',
	'GRANT SELECT ON posture_internal.finding_set TO plain_reader', qr/\A\z/, $no_table);

# ---- a role that was created anew ----

$node->safe_psql('warehouse', 'DROP OWNED BY alice; DROP ROLE alice; CREATE ROLE alice LOGIN;
	GRANT SELECT ON posture.overview, posture.finding TO alice');
is(answer('alice', $overview), '', 'a role that was created anew sees nothing, not even by hand');
like(answer('alice', 'SELECT count(*) FROM posture.finding'), $no_table, 'nor of a table');
like(answer('alice', q{SELECT posture.plan('ia')}), qr/role "alice" needs level reader or owner/, 'nor in functions');
is(answer('warden', q{SELECT state, message FROM posture.status() WHERE item = 'access'}),
	'warning|10 grants; not in force for alice', 'status() reports it');
($rc, $out, $err) = as_role('warden', 'SELECT posture.restore_access()');
like($err, qr/NOTICE:  role "alice" is not the one.*it sees what that owned: ia, ia points/, 'a notice says what it gets');
is(answer('alice', $overview), $sees{alice}, 'restore_access() brings it back');
is(answer('warden', q{SELECT state FROM posture.status() WHERE item = 'access'}), 'ok', 'and nothing is missing');

$node->stop;
done_testing();

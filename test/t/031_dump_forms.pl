# More forms of dump and restore: a whole cluster into another, beside writers,
# in halves, with triggers off, over what is there, beside pg_cron's job; and
# who may do what afterwards.
#
# POSTURE_DUMPS: how many dumps are taken beside writers (2).
# POSTURE_SEED: what the writers write.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $dumps = $ENV{POSTURE_DUMPS} // 2;
my $seed = $ENV{POSTURE_SEED} // (time ^ $$);
diag("POSTURE_DUMPS=$dumps POSTURE_SEED=$seed");
my $dir = PostgreSQL::Test::Utils::tempdir();

sub cluster
{
	my ($name) = @_;
	# a session whose first call of posture is within a parallel plan can't take its settings
	my $node = new_node($name, "fsync = off\njit = off\nmax_worker_processes = 20\nmax_parallel_workers_per_gather = 0\n");
	if ($node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'}))
	{
		$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_cron'\ncron.database_name = 'home'\ncron.use_background_workers = on\n");
		$node->restart;
	}
	return $node;
}

my $node = cluster('origin');
$node->safe_psql('postgres', 'CREATE DATABASE home');
my @members = qw(bi loader operator team);
my %level = (bi => 'reader', loader => 'loader', operator => 'operator', team => 'owner');
$node->safe_psql('postgres', join ';', 'CREATE ROLE risk_owner LOGIN CREATEDB', map { "CREATE ROLE $_ LOGIN" } @members);
my @as = ('-U', 'risk_owner');
$node->safe_psql('postgres', 'CREATE DATABASE origin OWNER risk_owner');
$node->safe_psql('origin', 'CREATE EXTENSION posture', extra_params => \@as);
$node->safe_psql('origin', sample_sql(), extra_params => \@as);
$node->safe_psql('origin', join(';', q{UPDATE posture.initiative SET owner = 'team' WHERE key = 'i1'}, 'SELECT posture.fold()',
		map { "SELECT posture.grant_access('$_', '$level{$_}')" } @members), extra_params => \@as);
$node->safe_psql('postgres', q{ALTER DATABASE origin SET posture.drop_threshold = 3});

# all that a dump carries, a line for each table, and what is told of it
my @tables = grep { !/^(finding_set|asset_set|tally|tally_slice|verification|(finding|asset|catalog)_delta)$/ } tables($node, 'origin');
my @views = split /\n/, $node->safe_psql('origin', q{SELECT viewname FROM pg_views WHERE schemaname = 'posture' ORDER BY 1});
sub digest { my ($what) = @_; return qq{SELECT '$what', count(*), md5(string_agg(x::text, '|' ORDER BY x::text COLLATE "C")) FROM posture.$what x} }
my $rows = join ' UNION ALL ', map { digest($_) } @tables;
my $reports = join ' UNION ALL ', (map { digest($_) } @views),
  q{SELECT 'state', count(*), md5(string_agg(x::text, '|' ORDER BY x::text COLLATE "C")) FROM posture_internal.current_state('infinity') x},
  q{SELECT 'assets', count(*), md5(string_agg(posture.metric_assets(m.key, d.day)::text, '|' ORDER BY m.key, d.day)) FROM posture.metric m, posture.snapshot d};
# who may do what
my $privileges = join ' UNION ALL ',
  (map { "SELECT '$_', count(*), md5(string_agg(c.relname || p, '|' ORDER BY c.relname, p)) FROM pg_class c, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE}'::text[]) p
		WHERE c.relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND c.relkind IN ('r', 'v') AND has_table_privilege('$_', c.oid, p)" } @members),
  (map { "SELECT '$_ columns', count(*), md5(string_agg(a.attrelid::regclass || '.' || a.attname || p, '|' ORDER BY a.attrelid::regclass::text, a.attname, p))
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid, unnest('{SELECT,INSERT,UPDATE}'::text[]) p
		WHERE c.relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND has_column_privilege('$_', c.oid, a.attnum, p)" } @members),
  (map { "SELECT '$_ functions', count(*), md5(string_agg(f.oid::regprocedure::text, '|' ORDER BY f.oid::regprocedure::text COLLATE \"C\")) FROM pg_proc f
		WHERE f.pronamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND has_function_privilege('$_', f.oid, 'EXECUTE')" } @members),
  (map { "SELECT '$_ schema', has_schema_privilege('$_', 'posture', 'USAGE')::int, has_schema_privilege('$_', 'posture', 'CREATE')::text" } @members);
my $policies = q{SELECT 'policies', count(*), md5(string_agg(x::text, '|' ORDER BY x::text COLLATE "C"))
	FROM (SELECT tablename, policyname, array_remove(roles, 'risk_owner'), qual, with_check FROM pg_policies WHERE schemaname = 'posture') x};
my $is_there = $node->safe_psql('origin', $rows);
my $is_told = $node->safe_psql('origin', $reports);
my $may = $node->safe_psql('origin', $privileges);
my $sees = $node->safe_psql('origin', $policies);
unlike($is_there, qr/\|0\|/, 'every table of the sample has rows');

sub is_restored
{
	my ($where, $db, $how) = @_;
	is($where->safe_psql($db, $rows), $is_there, "$how: all tables are equal");
	is($where->safe_psql($db, 'SELECT slices > 0 FROM posture.rebuild()'), 't', "$how: the sets are made");
	is($where->safe_psql($db, 'SELECT * FROM posture.verify()'), '', "$how: as they should be");
	is($where->safe_psql($db, $reports), $is_told, "$how: all reports are equal");
	is($where->safe_psql($db, $privileges), $may, "$how: who may do what is equal");
	is($where->safe_psql($db, $policies), $sees, "$how: and the policies");
	is($where->safe_psql($db, q{SELECT max(e.event_id) < nextval(pg_get_serial_sequence('posture.event', 'event_id')) FROM posture.event e}), 't', "$how: ids go on");
	return;
}

sub fresh
{
	my ($db, $owner) = @_;
	$node->safe_psql('postgres', $_) for "DROP DATABASE IF EXISTS $db", "CREATE DATABASE $db OWNER $owner";
	return;
}

# ---- a view can be copied ----

my @cannot;
for my $view (@views)
{
	my ($rc, $out, $err) = query_as($node, 'origin', 'risk_owner', "COPY (SELECT * FROM posture.$view) TO STDOUT (FORMAT csv)");
	push @cannot, "$view: $err" if $rc || $err;
}
is("@cannot", '', 'COPY of every view');

# ---- a cluster into another ----

my $other = cluster('other');
$node->command_ok([ 'pg_dumpall', '-f', "$dir/all.sql" ], 'pg_dumpall');
my $me = $node->safe_psql('postgres', 'SELECT current_user');
$other->command_checks_all([ 'psql', '-XAtq', '-d', 'postgres', '-f', "$dir/all.sql" ], 0, [qr/^/],
	[qr/\A[^\n]*ERROR:  role "\Q$me\E" already exists\n\z/], 'restored in another cluster');
is_restored($other, 'origin', 'pg_dumpall');
is($other->safe_psql('origin', 'SHOW posture.drop_threshold'), '3', 'pg_dumpall: and the settings of the database');
# an extension belongs to whoever restores it
is($other->safe_psql('origin', q{SELECT has_table_privilege('risk_owner', 'posture.finding', 'SELECT')}), 'f', 'who had installed it has it no more');
is($other->safe_psql('origin', q{SELECT posture.revoke_access('bi'), has_table_privilege('bi', 'posture.finding', 'SELECT')}), '|f',
	'what a superuser restored can be revoked');

# ---- as the role that had installed it, who is no superuser: they granted what the dump grants ----

fresh('restored', 'risk_owner');
$node->command_ok([ 'pg_dump', '--no-owner', '-Fc', '-f', "$dir/custom", 'origin' ], 'pg_dump');
$node->command_ok([ 'pg_restore', '--role=risk_owner', '--no-owner', '--exit-on-error', '-d', 'restored', "$dir/custom" ], 'restored as another role');
is_restored($node, 'restored', 'another role');
my $all = q{SELECT count(*) FROM pg_class c WHERE c.relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND c.relkind = 'r' AND has_table_privilege('risk_owner', c.oid, 'INSERT WITH GRANT OPTION')};
is($node->safe_psql('restored', $all), $node->safe_psql('origin', $all), 'who has it again');
for my $role (@members)
{
	my ($rc, $out, $err) = query_as($node, 'restored', 'risk_owner', "SELECT posture.revoke_access('$role')");
	like($err, qr/WARNING:  role "$role" keeps what risk_owner granted to it/, "what $role keeps is told");
	my ($statements) = $err =~ /run as risk_owner: (.*); and call revoke_access\(\) again\./;
	($rc, $out, $err) = query_as($node, 'restored', 'risk_owner', ($statements // 'SELECT 1/0') . "; SELECT posture.revoke_access('$role')");
	is("$rc$err", '0', "and how to take it back from $role");
}
unlike($node->safe_psql('restored', $privileges), qr/^\w+(?: columns)?\|[1-9]/m, 'so that nobody has any');
is($node->safe_psql('restored', 'SELECT count(*) FROM pg_policies'), '0', 'and no policy is left');

# ---- in halves: what was broken off is restored again ----

$node->safe_psql('restored', q{INSERT INTO posture.source (key, name) VALUES ('stray', 'Stray')});
$node->command_ok([ 'sh', '-c', qq{pg_restore -l '$dir/custom' > '$dir/list'} ], 'the list of a dump');
my @list = split /\n/, slurp_file("$dir/list");
my @data = grep { /TABLE DATA/ } @list;
my %late = map { $_ => 1 } @data[ @data / 2 .. $#data ];
open my $half, '>', "$dir/half" or die $!;
print $half map { "$_\n" } grep { !/^;/ && !$late{$_} } @list;
close $half;
fresh('restored', $me);
$node->command_ok([ 'pg_restore', '--exit-on-error', '-L', "$dir/half", '-d', 'restored', "$dir/custom" ], 'half of a dump');
isnt($node->safe_psql('restored', $rows), $is_there, 'is not all of it');
# an hourly job may come in between
$node->safe_psql('restored', 'CALL posture.run_daily()');
$node->command_ok([ 'pg_restore', '--exit-on-error', '--clean', '--if-exists', '--single-transaction', '-d', 'restored', "$dir/custom" ], 'all of it, over that half');
is_restored($node, 'restored', 'again');

# ---- data alone, with triggers off ----

fresh('restored', $me);
# the weights that an extension comes with give way to those of a dump by a trigger
$node->safe_psql('restored', 'CREATE EXTENSION posture; DELETE FROM posture.importance_weight');
$node->command_ok([ 'pg_dump', '--data-only', '--disable-triggers', '-f', "$dir/data.sql", 'origin' ], 'pg_dump --data-only --disable-triggers');
$node->command_ok([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', 'restored', '-f', "$dir/data.sql" ], 'restored with triggers off');
is($node->safe_psql('restored', $rows), $is_there, 'triggers off: all tables are equal');
is($node->safe_psql('restored', 'SELECT slices > 0 FROM posture.rebuild()'), 't', 'triggers off: the sets are made');
is($node->safe_psql('restored', 'SELECT * FROM posture.verify()'), '', 'triggers off: as they should be');
is($node->safe_psql('restored', $reports), $is_told, 'triggers off: all reports are equal');

# ---- beside writers, fold(), rebuild() and the job ----

fresh('busy', $me);
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'busy', "$dir/custom" ], 'a database to write to');
$node->safe_psql('busy', 'SELECT FROM posture.rebuild()');
srand($seed);
sub some { return $_[ rand @_ ] }
my %script = (
	(map { ("writer$_" => sub { sprintf(q{INSERT INTO posture.inbox SELECT '%s', 'r%d', 'a' || 1 + (a * %d) %% 70, '%s' FROM generate_series(1, %d) a; SELECT FROM posture.ingest();},
		some('scan', 'cloud'), 1 + rand 7, 1 + rand 50, some(qw(compliant non_compliant not_applicable)), 1 + rand 20) }) } 1, 2),
	keeper => sub { some('SELECT FROM posture.fold();', 'SELECT FROM posture.rebuild();', 'CALL posture.run_daily();', 'SELECT FROM posture.take_snapshot();') },
	person => sub { some('UPDATE posture.metric SET importance = (enum_range(NULL::posture.importance))[1 + random() * 4] WHERE rule IS NULL;',
		'UPDATE posture.asset SET criticality = (ARRAY[\'low\', \'critical\'])[1 + asset_id % 2] WHERE asset_id % 9 = 0;',
		'UPDATE posture.exemption SET kind = (enum_range(NULL::posture.exemption_kind))[1 + exemption_id % 3];') });
my %psql;
sub begin
{
	my ($name) = @_;
	$psql{$name} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('busy'), '-f', "$dir/$name.sql" ],
		'>', '/dev/null', '2>>', "$dir/$name.err");
	return;
}
for my $name (sort keys %script)
{
	open my $file, '>', "$dir/$name.sql" or die $!;
	print $file map { $script{$name}->() . "\n" } 1 .. 20000;
	close $file;
	begin($name);
}
for my $n (1 .. $dumps)
{
	for my $name (grep { !$psql{$_}->pumpable } sort keys %psql)
	{
		$psql{$name}->finish;
		begin($name);
	}
	# until all of them are at it, and some was written since the last dump
	$node->poll_query_until('busy', qq{SELECT last_value > 20 * $n AND (SELECT count(*) FROM pg_stat_activity WHERE datname = 'busy') > 4
		FROM posture.finding_delta_delta_id_seq});
	my ($in, $out, $err) = ('', '', '');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('busy'), '-f', '-' ], '<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(120));
	$in = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_export_snapshot(); SELECT 'then'; $rows; SELECT 'state'; SELECT * FROM posture_internal.current_state('infinity') s ORDER BY s::text COLLATE \"C\"; SELECT 'end';\n";
	$session->pump until $out =~ /^end$/m || $err;
	my ($snapshot, $then, $state) = $out =~ /\A(\S+)\nthen\n(.*)state\n(.*)end\n\z/s;
	is($err, '', "dump $n: a snapshot");
	$node->command_ok([ 'pg_dump', '-Fc', "--snapshot=$snapshot", '-f', "$dir/busy$n", 'busy' ], "dump $n: beside writers");
	$in .= "COMMIT;\n\\q\n";
	$session->finish;
	fresh('restored', $me);
	$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'restored', "$dir/busy$n" ], "dump $n: restored");
	is($node->safe_psql('restored', $rows) . "\n", $then, "dump $n: all tables are as they were in that snapshot");
	$node->safe_psql('restored', 'SELECT FROM posture.rebuild()');
	is($node->safe_psql('restored', q{SELECT * FROM posture_internal.current_state('infinity') s ORDER BY s::text COLLATE "C"}) . "\n", $state, "dump $n: and so is what is told");
	is($node->safe_psql('restored', 'SELECT * FROM posture.verify()'), '', "dump $n: sets are as they should be");
}
for my $name (sort keys %psql)
{
	$psql{$name}->kill_kill;
	is(slurp_file("$dir/$name.err"), '', "$name met no error");
}
$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'busy'});
is($node->safe_psql('busy', 'SELECT * FROM posture.verify()'), '', 'what was dumped is well');

# ---- into a database that pg_cron has a job of ----

SKIP:
{
	skip 'pg_cron is not installed', 1 unless $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'});
	$node->safe_psql('home', 'CREATE EXTENSION pg_cron; CREATE EXTENSION posture');
	my $job = $node->safe_psql('home', q{SELECT posture.schedule('59 23 31 12 *')});
	my $jobs = 'SELECT jobid, jobname, schedule, command, database, active FROM cron.job';
	my $one = "$job|posture|59 23 31 12 *|CALL posture.run_daily()|home|t";
	$node->command_ok([ 'pg_restore', '--exit-on-error', '--clean', '--if-exists', '-d', 'home', "$dir/custom" ], 'restored where a job is');
	is_restored($node, 'home', 'with a job');
	is($node->safe_psql('home', $jobs), $one, 'the job is there, once');
	is($node->safe_psql('home', q{SELECT posture.schedule('59 23 31 12 *')}), $job, 'schedule() has nothing to add');
	is($node->safe_psql('home', $jobs), $one, 'so there is still one');

	# a dump of that database has the job, pg_cron sees to that
	$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dir/home", 'home' ], 'pg_dump of a database with a job');
	$other->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'home', "$dir/home" ], 'restored in another cluster');
	is($other->safe_psql('home', $jobs), $one, 'with its job');
	is($other->safe_psql('home', q{SELECT posture.schedule('59 23 31 12 *')}), $job, 'which schedule() finds');
	is($other->safe_psql('home', $jobs), $one, 'and does not double');
	$other->safe_psql('home', 'CALL posture.run_daily()');
	is($other->safe_psql('home', 'SELECT * FROM posture.verify()'), '', 'the job makes the sets of a restored database');
}

$_->stop for $node, $other;
done_testing();

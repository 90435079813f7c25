# The version before left its privileges to ALTER DEFAULT PRIVILEGES. An update gives PUBLIC,
# and roles that default privileges let in, what they have after an installation without any,
# says so, and keeps the levels and the privileges that roles were granted by hand.
# tests: upgrade, admin/install_end

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestDefaultPrivilege;
use TestInstall;
use TestPosture;

my $dir = PostgreSQL::Test::Utils::tempdir();
my ($install, $scripts) = private_install();
system_or_bail('sh', '-c', 'gunzip -c "$1" >"$2"', 'sh',
	"$FindBin::RealBin/../upgrade/posture--0.2.sql.gz", "$scripts/posture--0.2.sql");
my $node = PostgreSQL::Test::Cluster->new('default_upgrade', install_path => $install);
$node->init;
$node->append_conf('postgresql.conf', "jit = off\nfsync = off\nposture.timezone = 'UTC'\n");
$node->start;
$node->safe_psql('postgres', $_)
  for map { "CREATE ROLE $_ LOGIN" } qw(installer reader auditor stranger);

# the lines that two texts do not share
sub difference
{
	my ($got, $want) = @_;
	my %lines;
	$lines{$_}++ for split /\n/, $got;
	$lines{$_}-- for split /\n/, $want;
	return join "\n", grep { $lines{$_} } sort keys %lines;
}

sub new_database
{
	my ($db, @sql) = @_;
	$node->safe_psql('postgres', $_)
	  for "CREATE DATABASE $db", "GRANT CREATE ON DATABASE $db TO installer";
	$node->safe_psql($db, $_) for @sql;
	return;
}

my $closed = 'functions and types of posture are granted to PUBLIC again';
my $revoked = 'privileges on objects of posture are revoked from';
my %warning = (
	none => qr/^$/, hardened => qr/WARNING:  $closed\n/, public => qr/WARNING:  $revoked PUBLIC\n/,
	loose => qr/WARNING:  $revoked (?:installer, )?reader, stranger\n/,
	reading => qr/WARNING:  $revoked stranger\n/, revoked => qr/WARNING:  $revoked stranger\n/);
is(join(' ', sort keys %warning), join(' ', sort keys %default_privileges), 'each case');
my (%fresh, %dump);
for my $installer (superuser(), 'installer')
{
	new_database("fresh_by_$installer");
	is((query_as($node, "fresh_by_$installer", $installer, 'CREATE EXTENSION posture'))[2],
		'', "installed by $installer");
	$fresh{$installer} = $node->safe_psql("fresh_by_$installer", privileges_sql($sorted));
	for my $case ('none', grep { $_ ne 'none' } sort keys %default_privileges)
	{
		next if $installer eq 'installer' && $case =~ /public|reading|revoked/;
		my $db = "${case}_by_$installer";
		my $what = "$case, updated by $installer";
		new_database($db, default_sql($case, superuser(), 'installer'));
		is((query_as($node, $db, $installer, q{CREATE EXTENSION posture VERSION '0.2'}))[2],
			'', $what);
		my $before = $node->safe_psql($db, $defaults);
		like((query_as($node, $db, $installer, 'ALTER EXTENSION posture UPDATE'))[2],
			$warning{$case}, "$what: it warns of what it changed");
		is($node->safe_psql($db, $defaults), $before, "$what: default privileges stay");
		is(difference($node->safe_psql($db, privileges_sql($sorted)), $fresh{$installer}),
			'', "$what: the privileges are those of an installation");
		$node->command_ok([ 'pg_dump', '--schema-only', '-f', "$dir/dump.sql", $db ],
			"$what: dumped");
		my $dump = join '', sort grep { /^(?:GRANT|REVOKE) / }
		  split /^/, slurp_file("$dir/dump.sql");
		$dump{$installer} //= $dump;
		is($dump, $dump{$installer}, "$what: the dump has the same privileges");
	}
}

# default privileges that were dropped before the update, and privileges by hand
my $default = 'ALTER DEFAULT PRIVILEGES %s ALL ON TABLES %s PUBLIC;
	ALTER DEFAULT PRIVILEGES %s ALL ON FUNCTIONS %s PUBLIC';
new_database('kept', sprintf($default, qw(GRANT TO REVOKE FROM)), <<'SQL',
CREATE EXTENSION posture VERSION '0.2';
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA posture, posture_internal TO reader;
SELECT posture.grant_access('reader', 'reader');
GRANT SELECT ON posture.overview TO auditor;
SQL
	sprintf($default, qw(REVOKE FROM GRANT TO)));
my $reads = 'SELECT count(*) FROM posture.overview';
is((query_as($node, 'kept', 'stranger', 'SELECT count(*) FROM posture.asset'))[1],
	'0', 'default privileges that were dropped later: a stranger reads');
like((query_as($node, 'kept', superuser(), 'ALTER EXTENSION posture UPDATE'))[2],
	qr/WARNING:  $revoked PUBLIC\n.*WARNING:  $closed\n/s, 'the update warns');
like((query_as($node, 'kept', 'stranger', 'SELECT count(*) FROM posture.asset'))[2],
	qr/permission denied/, 'the stranger reads no more');
is((query_as($node, 'kept', 'reader', $reads))[1], '0', 'a reader does');
is($node->safe_psql('kept', q{SELECT has_table_privilege('auditor', 'posture.overview', 'SELECT')}),
	't', 'privileges by hand are kept');

# an installer whose name must be quoted, which 0.2 refused
my $odd = q{a$b'c"d\\e};
my $quoted = '"' . $odd =~ s/"/""/gr . '"';
new_database('odd', default_sql('loose', superuser(), 'installer'));
is((query_as($node, 'odd', 'installer', q{CREATE EXTENSION posture VERSION '0.2'}))[2],
	'', 'a role installs');
$node->safe_psql('odd', "ALTER ROLE installer RENAME TO $quoted");
like((query_as($node, 'odd', $odd, 'ALTER EXTENSION posture UPDATE'))[2],
	qr/WARNING:  $revoked reader, stranger\n/, 'under another name, it updates');
is(difference($node->safe_psql('odd', privileges_sql($sorted)),
		$node->safe_psql('fresh_by_installer', privileges_sql($sorted))),
	'', 'and has the privileges of an installer');

$node->stop;
done_testing();

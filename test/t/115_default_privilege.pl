# ALTER DEFAULT PRIVILEGES, whatever it grants or revokes, changes no privilege on an object
# of posture: nobody gets a table by it, and every level works. The default privileges
# themselves stay. A dump grants and revokes nothing because of them.
# tests: admin/install_begin, admin/install_end

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestDefaultPrivilege;
use TestPosture;

my $node = new_node('default_privilege');
my $dir = PostgreSQL::Test::Utils::tempdir();
$node->safe_psql('postgres', $_)
  for map { "CREATE ROLE $_ LOGIN" } qw(installer reader stranger);

my (%privileges, %dump);
for my $installer (superuser(), 'installer')
{
	for my $case ('none', grep { $_ ne 'none' } sort keys %default_privileges)
	{
		next if $installer eq 'installer' && $case =~ /reading|revoked/;
		my $db = "${case}_by_$installer";
		my $what = "$case, installed by $installer";
		$node->safe_psql('postgres', $_)
		  for "CREATE DATABASE $db", "GRANT CREATE ON DATABASE $db TO installer";
		$node->safe_psql($db, default_sql($case, superuser(), 'installer'));
		my $before = $node->safe_psql($db, $defaults);
		is((query_as($node, $db, $installer, 'CREATE EXTENSION posture'))[2], '', $what);
		is($node->safe_psql($db, $defaults), $before, "$what: default privileges stay");

		my $privileges = $node->safe_psql($db, privileges_sql());
		$privileges{$installer} //= $privileges;
		cmp_ok(($privileges =~ tr/\n//), '>', 1000, "$what: many objects");
		my %lines;
		$lines{$_}++ for split /\n/, $privileges;
		$lines{$_}-- for split /\n/, $privileges{$installer};
		is(join("\n", grep { $lines{$_} } sort keys %lines),
			'', "$what: the privileges do not depend on them");
		unlike($privileges, qr/stranger/, "$what: another role has none");

		# the levels work, and so does a restored dump
		is((query_as($node, $db, $installer, q{SELECT posture.grant_access('reader', 'reader')}))[2],
			'', "$what: a level is granted");
		my $use = q{SELECT count(*), posture.score(37, 100) FROM posture.overview};
		is((query_as($node, $db, 'reader', $use))[1], '0|63', "$what: and works");
		like((query_as($node, $db, 'stranger', 'SELECT FROM posture.asset'))[2],
			qr/permission denied/, "$what: another role reads nothing");
		$node->command_ok([ 'pg_dump', '-f', "$dir/dump.sql", $db ], "$what: dumped");
		my $dump = join '', sort grep { /^(?:GRANT|REVOKE) / }
		  split /^/, slurp_file("$dir/dump.sql");
		$dump{$installer} //= $dump;
		is($dump, $dump{$installer}, "$what: the dump has the same privileges");
		like($dump, qr/^GRANT SELECT ON TABLE posture\.overview TO reader;$/m,
			"$what: among them those of the level");
		$node->safe_psql('postgres', "DROP DATABASE $db");

		# restored under the same default privileges
		next if $case !~ /hardened|loose/;
		$node->safe_psql('postgres', $_)
		  for "CREATE DATABASE $db", "GRANT CREATE ON DATABASE $db TO installer";
		$node->safe_psql($db, default_sql($case, superuser(), 'installer'));
		$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $db, '-f',
				"$dir/dump.sql" ], "$what: restored");
		$node->safe_psql($db, q{SELECT posture.revoke_access('reader')});
		is($node->safe_psql($db, privileges_sql()),
			$privileges{ superuser() }, "$what: with the same privileges");

		# dropped and created again, into the schema that is left
		$node->safe_psql($db, q{INSERT INTO posture.source (key, name) VALUES ('s', 'S')});
		like((query_as($node, $db, superuser(), 'DROP EXTENSION posture'))[2],
			qr/cannot drop extension posture because its tables hold data/,
			"$what: data keep the extension");
		is((query_as($node, $db, superuser(),
				'DROP EXTENSION posture CASCADE; CREATE EXTENSION posture'))[2],
			'', "$what: created again");
		is($node->safe_psql($db, privileges_sql()),
			$privileges{ superuser() }, "$what: with the same privileges");
	}
}

# no other session changes them while the script runs
$node->safe_psql('postgres', 'CREATE DATABASE busy');
my $session = new_session($node, 'busy');
is($session->ask('BEGIN; CREATE EXTENSION posture'), '', 'a session installs');
my $change = q{SET lock_timeout = 100;
	ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC};
like((query_as($node, 'busy', superuser(), $change))[2],
	qr/canceling statement due to lock timeout/, 'another one waits to change them');
is($session->ask('COMMIT'), '', 'the first ends');
is((query_as($node, 'busy', superuser(), $change))[2], '', 'then it changes them');
$session->end;

$node->stop;
done_testing();

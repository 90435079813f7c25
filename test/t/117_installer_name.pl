# A role whose name PostgreSQL must quote installs posture, as a superuser and as an ordinary
# role, in a database of such a name; grants levels to roles of such names; and dumps and
# restores. The statements that posture prints for such names run as they are.
# tests: admin/install_begin, admin/install_end, admin/schedule, admin/status

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('installer_name');
my $dir = PostgreSQL::Test::Utils::tempdir();
my @names = (q{a$b'c"d\\e}, q{100% %1$s %I @extowner@}, q{$$; \\q "' :x});

sub quoted { return '"' . $_[0] =~ s/"/""/gr . '"' }
sub literal { return q{E'} . $_[0] =~ s/(['\\])/$1$1/gr . q{'} }

# the printed statement of an item of status()
sub hint_of
{
	my ($db, $item) = @_;
	return $node->safe_psql($db, "SELECT hint FROM posture.status() WHERE item = '$item'");
}

# a database in which pg_cron's function only records what it is called with
$node->safe_psql('postgres', 'CREATE DATABASE home');
$node->safe_psql('home', <<'SQL');
CREATE SCHEMA cron;
CREATE TABLE cron.call (job text, schedule text, command text, database text);
CREATE FUNCTION cron.schedule_in_database(text, text, text, text) RETURNS void
LANGUAGE sql AS 'INSERT INTO cron.call VALUES ($1, $2, $3, $4)';
SQL

for my $super ('', 'super ')
{
	# a superuser's name is quoted by the same statements
	for my $n (0 .. ($super ? 0 : $#names))
	{
		my $installer = "$super$names[$n]";
		my ($db, $reader, $owner, $operator) = map { "$_$installer" } qw(d r o p);
		my ($role, $name, $what) = (quoted($installer), quoted($db), "installed by $installer");
		$node->safe_psql('postgres', $_)
		  for "CREATE ROLE $role LOGIN CREATEDB " . ($super ? 'SUPERUSER' : ''),
		  "CREATE DATABASE $name OWNER $role",
		  map { 'CREATE ROLE ' . quoted($_) . ' LOGIN' } $reader, $owner, $operator;
		my @as = (extra_params => [ '-U', $installer ]);
		is((query_as($node, $db, $installer, 'CREATE EXTENSION posture'))[2], '', $what);
		is($node->safe_psql($db, <<'SQL'), $installer, "$what: the role owns the extension");
SELECT pg_get_userbyid(extowner) FROM pg_extension WHERE extname = 'posture'
SQL

		# levels for such roles
		my ($to_reader, $to_owner) = map { literal($_) } $reader, $owner;
		is((query_as($node, $db, $installer, <<"SQL"))[2], '', "$what: grants levels");
INSERT INTO posture.initiative (key, name, owner) VALUES ('own', 'Own', $to_owner), ('not', 'Not', 'x');
SELECT posture.grant_access($to_reader, 'reader'), posture.grant_access($to_owner, 'owner')
SQL
		my $initiatives = q{SELECT string_agg(initiative, ' ' ORDER BY initiative)
			FROM posture.overview};
		is((query_as($node, $db, $reader, $initiatives))[1], 'not own', "$what: a reader");
		is((query_as($node, $db, $owner, $initiatives))[1], 'own', "$what: an owner");

		# what status() and schedule() print is run as it is
		$node->safe_psql($db, 'GRANT CREATE ON SCHEMA posture TO ' . quoted($reader)
			  . ' WITH GRANT OPTION');
		$node->safe_psql($db, hint_of($db, 'schemas'));
		is(hint_of($db, 'schemas'), '', "$what: the hint of status() revokes");
		my $error = (query_as($node, $db, superuser(),
				q{SET cron.database_name = 'home'; SELECT posture.schedule('@daily')}))[2];
		my ($call) = $error =~ /^HINT: .*; (SELECT cron[.].*)/m;
		$node->safe_psql('home', $call);
		is($node->safe_psql('home', 'SELECT * FROM cron.call; TRUNCATE cron.call'),
			"posture $db|\@daily|CALL posture.run_daily()|$db", "$what: the hint of schedule()");

		# so is what an error prints
		my $take = 'SELECT metrics FROM posture.take_snapshot()';
		my ($grant) = (query_as($node, $db, $operator, $take))[2] =~ /(SELECT posture[.]grant_access.*)/;
		$node->safe_psql($db, $grant);
		is((query_as($node, $db, $operator, $take))[1], '0', "$what: the hint of an error grants");

		# a dump, restored by the same role
		next if $n > 0;
		my $copy = "copy of $db";
		$node->safe_psql('postgres', 'CREATE DATABASE ' . quoted($copy) . " OWNER $role");
		$node->command_ok([ 'pg_dump', '-U', $installer, '--enable-row-security', '--inserts', '-Fc', '-f',
				"$dir/dump", $db ], "$what: dumps");
		$node->command_ok([ 'pg_restore', '-U', $installer, '--exit-on-error', '--enable-row-security', '--no-owner', '-d',
				$copy, "$dir/dump" ], "$what: restores");
		is((query_as($node, $copy, $installer, 'SELECT FROM posture.rebuild()'))[2],
			'', "$what: rebuilds");
		is((query_as($node, $copy, $owner, $initiatives))[1], 'own', "$what: the owner there");
		is((query_as($node, $db, $installer,
				"SELECT posture.revoke_access($to_reader), posture.revoke_access($to_owner)"))[2],
			'', "$what: revokes levels");
		is((query_as($node, $db, $installer, 'DROP EXTENSION posture CASCADE'))[2],
			'', "$what: drops the extension");
	}
}

$node->stop;
done_testing();

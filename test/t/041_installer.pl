# Who can install posture, and where: after another role, not into the schema of another
# role nor into any other schema; and what remains with the installer when the extension gets
# another owner.
# tests: admin/install_begin, admin/install_end

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('installer');
$node->safe_psql('postgres', $_)
  for 'CREATE ROLE risk_owner LOGIN', 'CREATE ROLE heir LOGIN', 'CREATE ROLE reader',
  'CREATE ROLE builder LOGIN', 'CREATE DATABASE warehouse OWNER risk_owner',
  'CREATE DATABASE odd', 'GRANT CREATE ON DATABASE warehouse, odd TO heir';

sub output_of { return (query_as($node, @_))[1] }
sub error_of { return (query_as($node, @_))[2] }

# one role after another
is(error_of('warehouse', 'risk_owner', 'CREATE EXTENSION posture; DROP EXTENSION posture'),
	'', 'the owner of the database creates and drops the extension');
is(output_of('warehouse', 'heir', q{CREATE EXTENSION posture;
		SELECT count(*) FROM posture.overview; SELECT posture.grant_access('reader', 'reader')}),
	"0\n", 'another role creates it, uses it and grants access');
$node->safe_psql('warehouse', 'REASSIGN OWNED BY heir TO risk_owner');
is(output_of('warehouse', 'heir', 'SELECT count(*) FROM posture.overview'),
	'0', 'REASSIGN OWNED leaves its privileges with the installer');
like(error_of('warehouse', 'heir', 'DROP EXTENSION posture'),
	qr/must be owner of extension posture/, 'but not the extension');
is(error_of('warehouse', 'risk_owner', 'DROP EXTENSION posture'),
	'', 'the new owner drops the extension');

# the schema of another role is left alone
$node->safe_psql('postgres', $_)
  for 'CREATE DATABASE built', 'GRANT CREATE ON DATABASE built TO builder, heir';
error_of('built', 'builder', 'CREATE SCHEMA posture');
like(error_of('built', 'heir', 'CREATE EXTENSION posture'),
	qr/schema "posture" belongs to role "builder"\n.*HINT: /s,
	'a role does not install into the schema of another');
is($node->safe_psql('built', <<'SQL'), 'builder|0', 'the owner keeps it');
SELECT nspowner::regrole, (SELECT count(*) FROM pg_extension WHERE extname = 'posture')
FROM pg_namespace WHERE nspname = 'posture'
SQL
like(error_of('built', 'builder', 'SET standard_conforming_strings = off;
		SET escape_string_warning = off; CREATE EXTENSION posture'),
	qr/ERROR:  posture can be created and updated only with standard_conforming_strings on\n/,
	'the script is read only with standard_conforming_strings');
like(error_of('built', 'builder', 'CREATE EXTENSION posture SCHEMA public'),
	qr/extension "posture" must be installed in schema "posture"/, 'it has its own schema');
like(error_of('built', 'builder', 'CREATE EXTENSION posture SCHEMA posture CASCADE;
		CREATE SCHEMA elsewhere; ALTER EXTENSION posture SET SCHEMA elsewhere'),
	qr/extension "posture" does not support SET SCHEMA/, 'and stays there');
is($node->safe_psql('built', <<'SQL'), 't', 'a superuser owns the schema then');
SELECT r.rolsuper FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
WHERE n.nspname = 'posture'
SQL
is(error_of('built', 'builder', 'DROP EXTENSION posture'), '', 'the installer drops it');

# also with all identifiers quoted
is(output_of('odd', 'heir', q{SET quote_all_identifiers = on; CREATE EXTENSION posture;
		SELECT count(*) FROM posture.overview; SELECT posture.grant_access('reader', 'owner')}),
	"0\n", 'with quote_all_identifiers');
is($node->safe_psql('odd', <<'SQL'), '0', 'no derived table is dumped');
SELECT count(*) FROM pg_extension e, unnest(e.extconfig) c
WHERE e.extname = 'posture' AND c::regclass::text ~ 'finding_set|asset_set|object_count|slice|delta'
SQL

$node->stop;
done_testing();

# Who may install, and where: after another, over a schema of another, with an odd
# name, and what becomes of the extension when its owner goes.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('installer', "fsync = off\n");
my ($rc, $out, $err);
$node->safe_psql('postgres', $_) for 'CREATE ROLE risk_owner LOGIN', 'CREATE ROLE heir LOGIN', 'CREATE ROLE reader', 'CREATE DATABASE warehouse OWNER risk_owner',
	'GRANT CREATE ON DATABASE warehouse TO heir';

# After one role dropped it another finds the schema that was left.
is((query_as($node, 'warehouse', 'risk_owner', 'CREATE EXTENSION posture; DROP EXTENSION posture'))[0], 0, 'the owner of the database creates and drops it');
is((query_as($node, 'warehouse', 'heir', q{CREATE EXTENSION posture; SELECT count(*) FROM posture.overview; SELECT posture.grant_access('reader', 'reader')}))[1], "0\n",
	'another role creates it, uses it and grants access');
# hand over the extension, and what the installer may do stays with the installer
$node->safe_psql('warehouse', 'REASSIGN OWNED BY heir TO risk_owner');
is((query_as($node, 'warehouse', 'heir', 'SELECT count(*) FROM posture.overview'))[1], '0', 'REASSIGN OWNED passes on no right');
like((query_as($node, 'warehouse', 'heir', 'DROP EXTENSION posture'))[2], qr/must be owner of extension posture/, 'but the extension');
is((query_as($node, 'warehouse', 'risk_owner', 'DROP EXTENSION posture'))[0], 0, 'whose new owner drops it');

# a schema of that name that is another's is not taken from them
$node->safe_psql('postgres', $_) for 'CREATE ROLE builder LOGIN', 'CREATE DATABASE built', 'GRANT CREATE ON DATABASE built TO builder, heir';
query_as($node, 'built', 'builder', 'CREATE SCHEMA posture; CREATE TABLE posture.theirs (x int)');
($rc, $out, $err) = query_as($node, 'built', 'heir', 'CREATE EXTENSION posture');
like($err, qr/schema posture belongs to role "builder"\n.*HINT: /s, 'nobody installs into the schema of another');
is($node->safe_psql('built', q{SELECT nspowner::regrole, (SELECT count(*) FROM pg_extension WHERE extname = 'posture') FROM pg_namespace WHERE nspname = 'posture'}), 'builder|0', 'who keeps it');
# whose own it is may not read a script as another language
($rc, $out, $err) = query_as($node, 'built', 'builder', 'SET standard_conforming_strings = off; SET escape_string_warning = off; CREATE EXTENSION posture');
like($err, qr/ERROR:  posture can be created only with standard_conforming_strings on\n/, 'nor with literals that would be read otherwise');
for my $sql ('CREATE EXTENSION posture SCHEMA public', 'CREATE EXTENSION posture SCHEMA posture CASCADE; CREATE SCHEMA elsewhere; ALTER EXTENSION posture SET SCHEMA elsewhere')
{
	like((query_as($node, 'built', 'builder', $sql))[2], qr/extension "posture" (must be installed in schema "posture"|does not support SET SCHEMA)/, "nor anywhere else: $sql");
}
is((query_as($node, 'built', 'builder', 'DROP EXTENSION posture; DROP TABLE posture.theirs'))[0], 0, 'an extension that was dropped leaves what is theirs');
# an installer of an odd name, also quoting everything
$node->safe_psql('postgres', $_) for q{CREATE ROLE "100% %1$s %I O-Neil" LOGIN}, 'CREATE DATABASE odd', q{GRANT CREATE ON DATABASE odd TO "100% %1$s %I O-Neil"};
is((query_as($node, 'odd', '100% %1$s %I O-Neil', 'SET quote_all_identifiers = on; CREATE EXTENSION posture; SELECT count(*) FROM posture.overview'))[1], '', 'a role with a dollar sign in its name is refused by PostgreSQL');
$node->safe_psql('postgres', q{ALTER ROLE "100% %1$s %I O-Neil" RENAME TO "100% %I O-Neil"});
is((query_as($node, 'odd', '100% %I O-Neil', q{SET quote_all_identifiers = on; CREATE EXTENSION posture; SELECT count(*) FROM posture.overview; SELECT posture.grant_access('reader', 'owner')}))[1], "0\n", 'a role with signs of a format in its name installs');
is($node->safe_psql('odd', q{SELECT count(*) FROM unnest((SELECT extconfig FROM pg_extension WHERE extname = 'posture')) c WHERE c::regclass::text ~ 'finding_set|asset_set|tally|delta'}), '0', 'and what is derived is in no dump');

$node->stop;
done_testing();

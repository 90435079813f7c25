# Hostile names are data: of roles and objects of the cluster that is assessed, and of the
# roles that own initiatives and groups and are granted access. Nothing of them is run.
# tests: source/assess_cluster, source/cluster_role, source/cluster_object
# tests: access/row_security

use strict;
use warnings;
use utf8;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestHostile;
use TestPosture;

my $node = hostile_node('hostile_name');
hostile_database($node, 'warehouse', sample_sql());
my $name_array = text_array(@names);

# What a superuser assesses has such names, and what it says of itself.
$node->safe_psql('warehouse', <<"SQL");
DO \$body\$
DECLARE
    n text;
    i bigint;
BEGIN
    FOR n, i IN SELECT * FROM unnest($name_array) WITH ORDINALITY LOOP
        EXECUTE format('CREATE ROLE %I LOGIN PASSWORD %L VALID UNTIL ''infinity''', n, n);
        EXECUTE format('ALTER ROLE %I SET posture.hostile = %L', n, n);
        EXECUTE format('ALTER ROLE %I SET log_min_messages = ''PANIC''', n);
        EXECUTE format('CREATE SCHEMA %I AUTHORIZATION %1\$I', n);
        EXECUTE format('CREATE TABLE %I.%1\$I (%1\$I text)', n);
        EXECUTE format('ALTER TABLE %I.%1\$I OWNER TO %1\$I', n);
        EXECUTE format('CREATE POLICY %I ON %1\$I.%1\$I', n);
        EXECUTE format('CREATE VIEW %I.%I AS SELECT %1\$I AS %1\$I FROM %1\$I.%1\$I',
                       n, 'v' || left(n, 20));
        EXECUTE format('CREATE FUNCTION %I.%1\$I(%1\$I %1\$I.%1\$I, VARIADIC %1\$I.%1\$I[]) '
                       'RETURNS void LANGUAGE sql SECURITY DEFINER AS %L',
                       n, 'SELECT ' || quote_literal(n));
        EXECUTE format('GRANT SELECT ON %I.%1\$I TO PUBLIC', n);
        EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %1\$I '
                       'GRANT SELECT ON TABLES TO PUBLIC', n);
        EXECUTE format('COMMENT ON TABLE %I.%1\$I IS %L', n, n);
    END LOOP;
END \$body\$;
DELETE FROM posture.rejected;
SQL
my ($rc, $out, $err) = query_as($node, 'warehouse', superuser(),
	'SELECT rejected, closed FROM posture.assess_cluster()');
is("$out$err", '0|0', 'a cluster of such names is assessed');
is($node->safe_psql('warehouse', $sprung), 'f', 'and runs nothing of them');
same_rows(
	$node, 'warehouse', q{SELECT name FROM posture.asset WHERE kind = 'role'},
	q{SELECT rolname::text FROM pg_roles WHERE rolcanlogin}, 'each role is an asset of its name');
same_rows(
	$node, 'warehouse', q{SELECT name FROM posture.asset WHERE kind = 'schema'},
	<<'SQL', 'each schema too');
SELECT nspname::text FROM pg_namespace n
WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = n.oid AND deptype = 'e')
SQL
my %objects = (
	table => q{pg_class c JOIN pg_namespace s ON s.oid = relnamespace WHERE relkind IN ('r', 'v')},
	function => 'pg_proc c JOIN pg_namespace s ON s.oid = pronamespace WHERE true');
foreach my $kind (sort keys %objects)
{
	my $count = $node->safe_psql('warehouse', <<"SQL");
SELECT count(*) FROM $objects{$kind}
AND nspname !~ '^pg_' AND nspname <> 'information_schema'
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
SQL
	is($node->safe_psql('warehouse', "SELECT count(*) FROM posture.asset WHERE kind = '$kind'"),
		$count, "and each $kind");
}

# Roles of such names own initiatives and groups, and are let in and out.
$node->safe_psql('warehouse', <<"SQL");
CREATE ROLE warden LOGIN;
INSERT INTO posture.initiative (key, name, owner)
SELECT 'of ' || n, n, n FROM unnest($name_array) n;
INSERT INTO posture.asset_group (key, name, owner)
SELECT 'of ' || n, n, n FROM unnest($name_array) n
SQL
($rc, $out, $err) = query_as($node, 'warehouse', superuser(), <<"SQL");
SELECT count(posture.grant_access(n, l, CASE l WHEN 'loader' THEN n END))
FROM unnest($name_array) n, unnest('{owner,reader,loader,curator,operator}'::text[]) l
WHERE n NOT LIKE '%a,b%' OR l = 'owner'
SQL
is($rc, 0, 'access is granted to roles of such names') or diag $err;
my $granted = 'SELECT count(*) FROM posture.access';
is($node->safe_psql('warehouse', "$granted WHERE level = 'reader'"), @names - 1, 'to each');
is($node->safe_psql('warehouse', 'SELECT posture.restore_access()'), 5 * @names - 4, 'and again');
($rc, $out) = query_as($node, 'warehouse', 'a,b;c|d',
	q{SELECT string_agg(initiative, '') FROM posture.overview});
is($out, 'of a,b;c|d', 'an owner sees their initiative');
($rc, $out, $err) = query_as($node, 'warehouse', superuser(),
	"SELECT count(posture.revoke_access(n)) FROM unnest($name_array) n");
is($rc . $node->safe_psql('warehouse', $granted), '00', 'and taken back') or diag $err;
is($node->safe_psql('warehouse', $sprung), 'f', 'nothing is run by that');

$node->stop;
done_testing();

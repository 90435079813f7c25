# Default privileges of a database, and the privileges on all objects of posture, which must
# not depend on them.
package TestDefaultPrivilege;

use strict;
use warnings;
use Exporter 'import';
use TestPosture;

our @EXPORT = qw(%default_privileges default_sql privileges_sql $sorted $defaults);

# what an administrator may have set; ROLE is the role that creates the objects
our %default_privileges = (
	none => [],
	hardened => [ map { "REVOKE ALL ON $_ FROM PUBLIC" } qw(TABLES SEQUENCES FUNCTIONS TYPES SCHEMAS) ],
	# from the creating role itself; where nobody has any, PostgreSQL ignores it
	revoked => [
		(map { "GRANT ALL ON $_ TO stranger" } qw(TABLES SEQUENCES)),
		map { "REVOKE ALL ON $_ FROM ROLE" } qw(TABLES SEQUENCES FUNCTIONS TYPES) ],
	public => [ map { "GRANT ALL ON $_ TO PUBLIC" } qw(TABLES SEQUENCES FUNCTIONS TYPES SCHEMAS) ],
	loose => [
		(map { "GRANT ALL ON $_ TO stranger WITH GRANT OPTION" }
			  qw(TABLES SEQUENCES FUNCTIONS TYPES SCHEMAS)),
		'GRANT SELECT ON TABLES TO installer', 'GRANT USAGE ON SCHEMAS TO reader' ],
	reading => [ 'GRANT SELECT ON TABLES TO stranger', 'GRANT USAGE ON SCHEMAS TO stranger' ]);

# SQL that sets them for each of these roles
sub default_sql
{
	my ($name, @roles) = @_;
	my $sql = '';
	for my $role (@roles)
	{
		$sql .= "ALTER DEFAULT PRIVILEGES FOR ROLE $role $_;\n"
		  for map { s/ROLE/$role/r } @{ $default_privileges{$name} };
	}
	return $sql;
}

# all default privileges
our $defaults = q{SELECT oid, * FROM pg_default_acl ORDER BY oid};

# A row for each object and column of posture, with its owner and its privileges: as they are
# stored, or in order and with those that no privileges stand for, for an upgraded database.
sub privileges_sql
{
	my ($acl) = @_;
	$acl //= 'o.acl';
	return <<"SQL";
SET search_path = pg_catalog;
SELECT o.object, o.owner::regrole, $acl
FROM (SELECT 'schema ' || n.nspname AS object, 'n'::"char" AS kind, n.nspowner AS owner,
             n.nspacl AS acl
      FROM pg_namespace n WHERE n.oid $schemas
      UNION ALL
      SELECT 'relation ' || c.oid::regclass, CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END,
             c.relowner, c.relacl
      FROM pg_class c WHERE c.relnamespace $schemas
      UNION ALL
      SELECT 'column ' || c.oid::regclass || '.' || a.attname, 'c', c.relowner, a.attacl
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
      WHERE c.relnamespace $schemas AND c.relkind IN ('r', 'v') AND a.attnum > 0
      UNION ALL
      SELECT 'routine ' || p.oid::regprocedure, 'f', p.proowner, p.proacl
      FROM pg_proc p WHERE p.pronamespace $schemas
      UNION ALL
      SELECT 'type ' || t.oid::regtype, 'T', t.typowner, t.typacl
      FROM pg_type t WHERE t.typnamespace $schemas) o
ORDER BY o.object COLLATE "C"
SQL
}
our $sorted = q{ARRAY(SELECT concat_ws(' ', x.grantor::regrole, x.grantee, x.privilege_type,
                                       x.is_grantable)
                      FROM aclexplode(coalesce(o.acl, acldefault(o.kind, o.owner))) x ORDER BY 1)};

1;

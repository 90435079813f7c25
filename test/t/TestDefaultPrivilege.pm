# Default privileges of a database, and the privileges on all objects of posture, which must
# not depend on them.
package TestDefaultPrivilege;

use strict;
use warnings;
use Exporter 'import';
use TestPosture;

our @EXPORT = qw(%default_privileges default_sql privileges_sql $defaults);

# what an administrator may have set; ROLE is the role that creates the objects
our %default_privileges = (
	none => [],
	# after functions and types were PUBLIC's
	hardened => [ map { "REVOKE ALL ON $_ FROM PUBLIC" } qw(TABLES SEQUENCES FUNCTIONS TYPES SCHEMAS) ],
	# also from the creating role itself
	revoked => [ map { "REVOKE ALL ON $_ FROM PUBLIC, ROLE" }
		  qw(TABLES SEQUENCES FUNCTIONS TYPES SCHEMAS) ],
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

# a row for each object and column of posture, with its owner and its privileges
sub privileges_sql
{
	return <<"SQL";
SET search_path = pg_catalog;
SELECT o.object, o.owner::regrole, o.acl
FROM (SELECT 'schema ' || n.nspname AS object, n.nspowner AS owner, n.nspacl AS acl
      FROM pg_namespace n WHERE n.oid $schemas
      UNION ALL
      SELECT 'relation ' || c.oid::regclass, c.relowner, c.relacl
      FROM pg_class c WHERE c.relnamespace $schemas
      UNION ALL
      SELECT 'column ' || c.oid::regclass || '.' || a.attname, c.relowner, a.attacl
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
      WHERE c.relnamespace $schemas AND a.attnum > 0
      UNION ALL
      SELECT 'routine ' || p.oid::regprocedure, p.proowner, p.proacl
      FROM pg_proc p WHERE p.pronamespace $schemas
      UNION ALL
      SELECT 'type ' || t.oid::regtype, t.typowner, t.typacl
      FROM pg_type t WHERE t.typnamespace $schemas) o
ORDER BY o.object COLLATE "C"
SQL
}

1;

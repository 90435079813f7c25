# Non-interference of random queries: a role gets the same answers to what sqlsmith makes of
# the views, functions and operators that it sees, in two databases that differ only in what
# is hidden from it. POSTURE_QUERIES of them for each role. POSTURE_SEED repeats them.
# tests: access/view_fence, access/owner_rows, access/row_security, fence.c

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestInterference;
use TestPosture;

plan skip_all => 'install the package sqlsmith' if system('command -v sqlsmith >/dev/null') != 0;
my $number = $ENV{POSTURE_QUERIES} // 100;
my $seed = $ENV{POSTURE_SEED} // time;
diag "POSTURE_QUERIES=$number POSTURE_SEED=$seed";
interference_node('interference_random', 'unfolded');

# Sqlsmith reads types, functions and operators of the catalog. It gets some of PostgreSQL's
# own, none that depends on a clock, and no types whose polymorphism it does not know. The
# views are in information_schema, because it makes queries of all others.
$node->safe_psql('postgres', 'CREATE DATABASE smith TEMPLATE few');
$node->safe_psql('smith', <<"SQL");
CREATE VIEW information_schema.pg_proc AS
SELECT p.* FROM pg_catalog.pg_proc p
WHERE p.pronamespace $schemas AND p.prokind <> 'p' AND p.provariadic = 0
      AND p.proname !~ '^(cluster_|late_message|stale_|size_status)'
   OR p.pronamespace = 'pg_catalog'::regnamespace AND p.provolatile = 'i' AND p.oid::int % 8 = 0
      AND p.oid NOT IN (SELECT c.castfunc FROM pg_catalog.pg_cast c)
      AND p.prorettype || p.proargtypes::oid[]
          <@ '{bool,int4,int8,numeric,text,date,timestamptz,interval,jsonb,int4[],text[],float8}'
             ::regtype[]::oid[];
CREATE VIEW information_schema.pg_type AS
SELECT * FROM pg_catalog.pg_type WHERE typtype NOT IN ('r', 'm') AND typname !~ 'range';
GRANT SELECT ON information_schema.pg_proc, information_schema.pg_type TO PUBLIC;
ALTER DATABASE smith SET search_path = information_schema, posture, pg_catalog, public;
SET allow_system_table_mods = on;
DELETE FROM pg_catalog.pg_operator
WHERE concat(oprleft::regtype, oprright::regtype, oprresult::regtype)
      ~ 'range|point|polygon|box|circle|path|lseg|line';
SQL

for my $role (qw(alice fleet))
{
	my ($out, $err) = ('', '');
	run_log([ 'sqlsmith', '--target=' . $node->connstr('smith') . " user=$role", '--exclude-catalog',
			"--seed=$seed", "--max-queries=$number", '--dry-run' ], '>', \$out, '2>', \$err);
	my @queries = split /;\s*\n/, $out;
	s/\s+/ /g for @queries;
	s/tablesample \w+ \([\d.]+\)/$& repeatable (1)/g for @queries;
	cmp_ok(scalar(@queries), '>=', $number, "sqlsmith makes queries for $role") or diag $err;
	my $answered =
	  same_answers($role, \@queries, 'sqlsmith', "SET search_path = posture, pg_catalog, public;\n");
	cmp_ok($answered, '>', $number / 3, 'many of them without an error');
}

$node->stop;
done_testing();

# An installer that is no superuser: what it may do with posture, that nothing runs with more
# rights than its caller but a few functions, and that it can drop posture and create it
# again.
# tests: admin/install_end

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestDocument;
use TestPosture;

my $node = new_node('owner');
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE risk_owner LOGIN;
CREATE ROLE nobody LOGIN;
CREATE DATABASE warehouse OWNER risk_owner;
SQL
my ($rc, $out, $err) = query_as($node, 'warehouse', 'risk_owner', 'CREATE EXTENSION posture');
is("$rc$err", '0', 'the owner of a database, who is no superuser, creates the extension');

is($node->safe_psql('warehouse', <<"SQL"),
SELECT string_agg(DISTINCT privilege_type || CASE WHEN is_grantable THEN '' ELSE ' alone' END, ',')
FROM pg_class, aclexplode(relacl)
WHERE relnamespace $schemas AND relkind = 'r' AND grantee = 'risk_owner'::regrole
SQL
	'DELETE,INSERT,SELECT,TRUNCATE,UPDATE',
	'it has every privilege on the tables but TRIGGER and REFERENCES, with grant option');
is($node->safe_psql('warehouse', <<"SQL"), '0', 'it owns none of them');
SELECT count(*) FROM pg_class
WHERE relnamespace $schemas AND relowner = 'risk_owner'::regrole
SQL
is($node->safe_psql('warehouse', <<"SQL"), '0', 'nor a function, which it could replace');
SELECT count(*) FROM pg_proc
WHERE pronamespace $schemas AND proowner = 'risk_owner'::regrole
SQL
is($node->safe_psql('warehouse', <<"SQL"),
SELECT string_agg(DISTINCT format('%s %s %s', nspname,
           has_schema_privilege('risk_owner', n.oid, 'USAGE'),
           has_schema_privilege('risk_owner', n.oid, 'CREATE')), ', ')
FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
WHERE n.oid $schemas AND r.rolsuper
SQL
	'posture t f, posture_internal t f', 'a superuser owns the schemas, in which it can\'t create');
# a trigger would run with the rights of a superuser who assesses the cluster, and so would
# one of a table that a cascaded DELETE reaches
my $trigger = q{CREATE FUNCTION public.sprung() RETURNS trigger LANGUAGE plpgsql
	AS 'BEGIN RAISE ''sprung''; END'};
like((query_as($node, 'warehouse', 'risk_owner', "$trigger; CREATE TRIGGER sprung
		BEFORE INSERT ON posture.inbox EXECUTE FUNCTION public.sprung()"))[2],
	qr/permission denied for table inbox/, 'it can\'t create a trigger');
like((query_as($node, 'warehouse', 'risk_owner',
		'CREATE TABLE public.x (day date REFERENCES posture.snapshot ON DELETE CASCADE)'))[2],
	qr/permission denied for table snapshot/, 'nor a foreign key');

is($node->safe_psql('warehouse', <<"SQL"), <<'NAMES' =~ s/\s+\z//r =~ s/\n/ /gr,
SELECT string_agg(proname, ' ' ORDER BY proname)
FROM pg_proc WHERE pronamespace $schemas AND prosecdef
SQL
apply_changed_rule apply_rules_to_recommendation apply_rules_to_source
capture_asset capture_catalog capture_groups capture_reference capture_truncate check_member flush_at_commit flush_catalog forget_confirmations grant_access lock_rules log_move
metric_recommendation_restore purge_change_log push_catalog refuse_typed restore_access revoke_access route_row write_change
NAMES
	'more rights than the caller has: triggers that append deltas, log or apply rules, and grants');
is($node->safe_psql('warehouse', <<"SQL"), 'run_daily',
SELECT string_agg(p.proname, ' ' ORDER BY p.proname)
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace $schemas AND p.prosqlbody IS NULL
  AND (p.prosecdef OR l.lanname IN ('sql', 'plpgsql'))
  AND coalesce(p.proconfig::text, '')
      !~ 'search_path=pg_catalog(, posture, posture_internal)?, pg_temp'
SQL
	'every function is bound or pins its search_path, but run_daily(), which names schemas');
# on a table of its own a role could make them append what never happened
for my $function (qw(capture_finding capture_asset capture_groups capture_reference capture_catalog capture_truncate check_member forget_confirmations
	apply_changed_rule apply_rules_to_recommendation apply_rules_to_source lock_rules
	log_move metric_recommendation_restore write_change purge_change_log))
{
	like((query_as($node, 'warehouse', 'nobody', <<"SQL"))[2],
CREATE TEMP TABLE mine (LIKE pg_catalog.pg_class);
CREATE TRIGGER t AFTER INSERT ON mine REFERENCING NEW TABLE AS n
    FOR EACH STATEMENT EXECUTE FUNCTION posture_internal.$function()
SQL
		qr/permission denied for function (posture_internal\.)?$function/,
		"no other role can use $function()");
}

my ($trivy) = map { $_->[1] } grep { $_->[0] eq 'trivy' } documents();
($rc, $out, $err) = query_as($node, 'warehouse', 'risk_owner',
	sample_sql() . "SELECT FROM posture.load('trivy', \$d\$$trivy\$d\$);"
	  . 'INSERT INTO posture.asset_group (key, name) VALUES (\'all\', \'All\');'
	  . 'UPDATE posture.metric SET population_group_id = (SELECT max(asset_group_id) FROM posture.asset_group);'
	  . 'INSERT INTO posture.asset (key, name) VALUES (\'unseen\', \'Unseen\');');
is($rc, 0, 'it loads, ingests, takes snapshots and runs the job') or diag $err;
my @views = views($node, 'warehouse');
cmp_ok(scalar(@views), '>=', 5, 'there are views');
for my $view (@views)
{
	is((query_as($node, 'warehouse', 'risk_owner', "SELECT count(*) > 0 FROM $view"))[1],
		't', "it reads $view");
}
cmp_ok($node->safe_psql('warehouse', 'SELECT count(*) FROM posture.event'),
	'>', 3, 'the sample has events');

($rc, $out, $err) = query_as($node, 'warehouse', 'risk_owner', 'DROP EXTENSION posture CASCADE');
is("$rc$err", '0', 'it drops the extension');
is($node->safe_psql('warehouse', <<'SQL'), '0', 'nothing of it is left');
SELECT count(*) FROM pg_depend d JOIN pg_namespace n ON n.oid = d.refobjid
WHERE d.refclassid = 'pg_namespace'::regclass AND n.nspname ~ '^posture'
SQL
($rc, $out, $err) = query_as($node, 'warehouse', 'risk_owner', 'CREATE EXTENSION posture');
is("$rc$err", '0', 'and creates it again');

$node->stop;
done_testing();

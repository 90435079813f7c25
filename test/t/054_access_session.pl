# What an owner sees does not depend on the way of asking: views of its own, prepared
# statements, SET ROLE, SECURITY DEFINER, errors, cursors, COPY, statistics, parallel plans,
# and the transaction that changes a finding or an owner.
# tests: access/owner_rows, access/view_fence

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestAccess;
use TestPosture;

access_node('access');
grant_levels();
my $overview = 'SELECT initiative FROM posture.overview';
my $findings = 'SELECT count(*), sum(hashtext(asset)) FROM posture.finding_report';
my $super = superuser();

$node->safe_psql('warehouse',
	'CREATE SCHEMA open; GRANT ALL ON SCHEMA open TO alice, plain_reader, bob');
answer('alice', q{CREATE VIEW open.mine AS SELECT * FROM posture.finding_report;
	CREATE VIEW open.invoker WITH (security_invoker) AS SELECT * FROM posture.finding_report;
	GRANT SELECT ON open.mine, open.invoker TO bob});
is(answer('bob', 'SELECT count(*) FROM open.invoker'),
	answer('bob', 'SELECT count(*) FROM posture.finding_report'),
	'a security_invoker view shows the rows of its reader');
is(answer('bob', q{SELECT count(*) FROM open.mine m WHERE m::text NOT IN (
		SELECT f::text FROM posture.finding_report f)}),
	'0', 'another view of an owner shows nothing that its reader does not own');
is(answer($super, <<"SQL"),
PREPARE q AS $overview;
SET plan_cache_mode = force_generic_plan;
SET ROLE alice; EXECUTE q; SELECT '--'; SET ROLE bob; EXECUTE q; SELECT '--';
RESET ROLE; EXECUTE q;
SQL
	join("\n--\n", map { answer($_, $overview) } 'alice', 'bob', 'warden'),
	'a prepared statement shows each role its rows');
is(answer($super, <<"SQL"), join("\n", map { answer($_, $findings) } 'alice', 'bob'),
PREPARE q AS $findings;
SET ROLE alice; EXECUTE q; SET ROLE bob; EXECUTE q;
SQL
	'also of another view');
answer('alice', <<'SQL');
CREATE FUNCTION open.as_alice() RETURNS text LANGUAGE sql SECURITY DEFINER
    AS $$ SELECT string_agg(initiative, ',') FROM posture.overview $$
SQL
is(answer('bob', 'SELECT open.as_alice()'),
	'ia,ia points', 'a SECURITY DEFINER function of alice shows the rows of alice');
is(answer('alice', <<'SQL'), "alice\nia,ia points\nalice", 'the role is the same after an error');
DO $$ BEGIN
    PERFORM posture.plan('hidden i');
EXCEPTION WHEN OTHERS THEN NULL;
END $$;
SELECT current_user; SELECT string_agg(initiative, ',') FROM posture.overview; SELECT current_user;
SQL
is(answer('alice', <<"SQL"), "ia\nalice\nia points", 'and amid a cursor');
BEGIN;
DECLARE c CURSOR FOR $overview;
FETCH 1 FROM c;
SAVEPOINT s; SELECT current_user; ROLLBACK TO s;
FETCH ALL FROM c;
COMMIT
SQL
is(answer('alice', <<'SQL'), answer('alice', 'SELECT initiative, score FROM posture.overview'),
CREATE MATERIALIZED VIEW open.stored AS SELECT initiative, score FROM posture.overview;
REFRESH MATERIALIZED VIEW open.stored;
SELECT * FROM open.stored
SQL
	'a materialized view of an owner has its rows');
like(answer('alice', 'COPY posture.finding TO STDOUT'), qr/permission denied/, 'COPY TO copies no table');
is(split(/\n/, answer('alice', 'COPY (SELECT * FROM posture.finding_report) TO STDOUT')),
	answer('alice', 'SELECT count(*) FROM posture.finding_report'), 'and of a view its rows');
is(answer('warden', "COPY posture.inbox FROM STDIN;\n\\.\n"),
	'', 'COPY FROM into the inbox');
like(answer('warden', "COPY posture.finding FROM STDIN;\n\\.\n"),
	qr/COPY FROM not supported with row-level security/, 'but not into a table with row security');
like(answer('alice', "SET row_security = off; $findings"),
	qr/query would be affected by row-level security/, 'row_security = off is an error');
is(answer('alice', q{SELECT count(*) FROM pg_stats WHERE schemaname = 'posture'
		AND tablename IN ('finding', 'asset', 'event', 'recommendation')}),
	'0', 'statistics are hidden');
my $parallel = $node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
my $both = "$findings; SELECT initiative, score FROM posture.overview";
is(answer('alice', <<"SQL"), answer('alice', $both), 'parallel workers see the same');
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET $parallel = on;
$both
SQL

is($node->safe_psql('warehouse', <<'SQL'), 't', 'a score is current at once');
BEGIN;
UPDATE posture.finding SET state = 'compliant', changed_at = now();
UPDATE posture.exemption SET expires_at = now() - interval '1 second' WHERE false;
SET LOCAL ROLE alice;
SELECT bool_and(score = 100) FROM posture.overview WHERE initiative = 'ia';
ROLLBACK;
SQL
is($node->safe_psql('warehouse', <<'SQL'), 'ib', 'and so is a change of owner');
BEGIN;
UPDATE posture.initiative
SET owner = CASE key WHEN 'ib' THEN 'alice' WHEN 'ia' THEN NULL WHEN 'ia points' THEN 'fleet'
                     ELSE owner END;
SET LOCAL ROLE alice;
SELECT string_agg(initiative, ',') FROM posture.overview;
ROLLBACK;
SQL

$node->stop;
done_testing();

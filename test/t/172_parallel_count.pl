# Sets that are counted by several processes, a part of the chunks each, have the counts and
# sets that one process finds: now and at the end of a day, for all assets and for a group, of
# all recommendations and of chosen ones.
# tests: score/counted

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestChanges;
use TestPosture;

my $seed = $ENV{POSTURE_SEED} // int rand 1000000;
srand($seed);
diag("POSTURE_SEED=$seed");
my $node = new_node('parallel', <<'CONF');
fsync = off
client_min_messages = warning
search_path = 'public, posture, posture_internal'
session_preload_libraries = auto_explain
auto_explain.log_min_duration = 0
auto_explain.log_nested_statements = on
auto_explain.log_analyze = on
CONF
$node->safe_psql('postgres', "CREATE EXTENSION posture;\n" . edge_warehouse_sql() . <<'SQL');
UPDATE posture_internal.history_start SET day = day - 9;
CALL run_daily();
CREATE FUNCTION public.toggles(of_day date, chosen integer[]) RETURNS finding_set[] LANGUAGE sql AS $$
    SELECT ARRAY(SELECT (t.recommendation_id, t.chunk, t.assessed, t.exposed)::finding_set
                 FROM toggle_chunk(of_day, chosen) t) $$;
-- what differs between the parts and the whole
CREATE FUNCTION public.differences(of_day date, of_group text, sets text, chosen integer[])
    RETURNS TABLE (how text, what text) LANGUAGE plpgsql AS $$
DECLARE
    scope counting_scope := scope_of(of_day, NULL, NULL, (SELECT g.asset_group_id FROM asset_group g
                                                          WHERE g.key = of_group));
    changes finding_set[] := public.toggles(coalesce(of_day, 'infinity'), chosen);
    rules counting_rule[];
BEGIN
    scope.with_sets := sets;
    scope.recommendations := chosen::assetset;
    rules := ARRAY[counting_rule(coalesce(day_end(of_day), 'infinity'), of_day, NULL, 'current', NULL, NULL, scope)];
    RETURN QUERY
    WITH parts AS MATERIALIZED (
        SELECT p::text FROM count_parts(rules, changes, chosen, scope.groups[1]) p
        WHERE p.assessed + p.exposed + p.failing > 0
    ), whole AS MATERIALIZED (
        SELECT p::text FROM count_part(rules, changes, chosen, scope.groups[1], 0, 1) p
        WHERE p.assessed + p.exposed + p.failing > 0
    )
    SELECT 'part', x::text FROM (TABLE parts EXCEPT ALL TABLE whole) x
    UNION ALL
    SELECT 'whole', x::text FROM (TABLE whole EXCEPT ALL TABLE parts) x
    UNION ALL
    SELECT 'nothing', '' WHERE NOT EXISTS (SELECT FROM whole);
END $$;
SQL
for my $round (1 .. 3)
{
	$node->psql('postgres', random_change()) for 1 .. 15;
	is($node->safe_psql('postgres', <<'SQL'), '', "round $round: parts and whole");
SELECT d.*, c.*, g.*, s.*, x.*
FROM (SELECT NULL::date UNION ALL SELECT today() - ago FROM unnest('{1,2}'::integer[]) ago) c(of_day)
CROSS JOIN (VALUES (NULL), ('g1'), ('g2')) g(of_group)
CROSS JOIN (VALUES (NULL), ('recommendation'), ('metric')) s(sets)
CROSS JOIN (VALUES (NULL), ('{1,4,5}'::integer[])) x(chosen)
CROSS JOIN LATERAL public.differences(of_day, of_group, sets, chosen) d
WHERE d.how <> 'nothing' OR of_group IS NULL
SQL
	$node->safe_psql('postgres', 'SELECT FROM fold()') if $round == 2;
}
like(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/Workers Launched: [1-9]/, 'workers counted');
$node->stop;
done_testing();

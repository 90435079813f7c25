# Nothing of others is in any answer, error or notice that an owner gets, whatever function
# it calls with whatever arguments, and whatever view it reads.
# tests: access/owner_rows, access/view_fence, fence.c

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

# what must not be in an answer
my %forbidden = (
	alice => qr/secret-\d|Secret \d|hidden|bob|(?<!\.)\b[56]000\d\d\b|truck-([6-9]|1\d)\b
	            |\b8000(0[6-9]|1\d|20)\b/x,
	bob => qr/secret-\d|Secret\ \d|hidden|alice|\b[578]000\d\d\b|truck/x,
	fleet => qr/secret-\d|Secret\ \d|hidden\ (m|i|g|r)|alice|bob|\b[567]000\d\d\b|common/x);
my $calls = $node->safe_psql('warehouse', <<"SQL");
WITH value(type, i, v) AS (VALUES
    ('integer', 0, '1'), ('integer', 1, 'NULL::integer'), ('integer', 2, '0'),
    ('bigint', 0, '1::bigint'),
    ('oid', 0, '''fleet''::regrole::oid'), ('oid', 1, '''postgres''::regrole::oid'),
    ('oid', 2, 'NULL::oid'),
    ('text', 0, '''kind'''), ('text', 1, '''group'''), ('text', 2, '''asset'''),
    ('text', 3, '''recommendation'''), ('text', 4, 'NULL::text'), ('text', 5, '''criticality'''),
    ('text', 6, '''inactive'''),
    ('boolean', 0, 'true'), ('boolean', 1, 'false'),
    ('timestamp with time zone', 0, '''infinity''::timestamptz'),
    ('timestamp with time zone', 1, 'posture.day_end(posture.today() - 2)'),
    ('timestamp with time zone', 2, 'now()'),
    ('date', 0, 'posture.today() - 2'), ('date', 1, 'NULL::date'),
    ('date', 2, 'posture.today() - 1'), ('date', 3, '''infinity''::date'),
    ('integer[]', 0, 'NULL::integer[]'),
    ('integer[]', 1, '''{1,2,3,4,5,6,7,8,9,10}''::integer[]'),
    ('text[]', 0, 'NULL::text[]'), ('name', 0, '''team''::name'), ('numeric', 0, '1'),
    ('jsonb', 0, '''{}''::jsonb'), ('posture.assetset', 0, 'NULL::posture.assetset'),
    ('posture.assetset', 1, '''{1-900000}''::posture.assetset'))
SELECT format('SELECT * FROM %s(%s)', p.oid::regproc,
              coalesce(string_agg(CASE WHEN p.provariadic <> 0 AND t.n = p.pronargs
                                       THEN 'VARIADIC ' ELSE '' END
                                  || coalesce(v.v, v0.v, 'NULL::' || t.type),
                                  ', ' ORDER BY t.n), ''))
FROM pg_proc p
CROSS JOIN generate_series(0, 6) round
-- arguments of one type are equal, or each differs
CROSS JOIN generate_series(0, 1) shift
LEFT JOIN LATERAL (SELECT format_type(a, NULL) AS type, n
                   FROM unnest(p.proargtypes) WITH ORDINALITY a(a, n)) t ON true
LEFT JOIN value v ON v.type = t.type AND v.i = (round + shift * (t.n - 1)) % 7
LEFT JOIN value v0 ON v0.type = t.type AND v0.i = 0
WHERE p.pronamespace $schemas AND p.prokind = 'f' AND p.prorettype <> 'trigger'::regtype
  -- functions of sets return what they are given
  AND NOT (p.provolatile = 'i' AND 'posture.assetset'::regtype = ANY (p.proargtypes))
  AND 'internal'::regtype <> ALL (p.proargtypes) AND '"any"'::regtype <> ALL (p.proargtypes) AND p.proname NOT LIKE 'cluster%'
GROUP BY p.oid, p.proname, round, shift
ORDER BY p.proname, p.oid, round, shift
SQL
$calls .= join '', map { "\nSELECT * FROM posture.explain($_)" } split /\n/,
  $node->safe_psql('warehouse', 'SELECT event_id FROM posture.event');
my @views = views($node, 'warehouse');
my @relations = (@views, (map { s/^posture/posture_internal/r } @views), tables($node, 'warehouse'));
my %seen;
my @calls = grep { !$seen{$_}++ } ((map { "SELECT x FROM $_ x" } @relations), split /\n/, $calls);
cmp_ok(scalar(@calls), '>', 600, 'there are many calls');
for my $role (sort keys %forbidden)
{
	my ($answers, $errors) = ('', '');
	# errors and notices are answers, too; each call is rolled back
	my $script = join '', map { "\\echo == $_\nBEGIN; $_; ROLLBACK;\n" } @calls;
	$node->psql('warehouse', $script, stdout => \$answers, stderr => \$errors,
		on_error_stop => 0, extra_params => [ '-U', $role ]);
	my @answers = map { "== $_" } split /^== /m, $answers;
	my @leaks = grep { (s/\A== [^\n]*\n//r) =~ $forbidden{$role} } @answers;
	is(join("\n", @leaks), '', "$role gets nothing of others from any function");
	# an error repeats the arguments of its call
	my @errors = split /\n/, $errors;
	is(join("\n", grep { /secret-\d|hidden (m|i|g|r)|\b[5]000\d\d\b/ } @errors),
		'', "$role gets nothing of others from an error");
	my @broken = grep {
		/(?<!posture_)internal|cache lookup|recursion|different columns|terminat/
	} @errors;
	is(join("\n", @broken), '', 'no call breaks');
	cmp_ok(scalar(grep { /\A== [^\n]*\n./ } @answers), '>', 200, 'most calls return rows');
}
like(answer('alice', q{SELECT * FROM posture_internal.owner_object_count_of('fleet'::regrole, false)}),
	qr/permission denied for function owner_object_count_of/, 'no role can ask for another');
# a function that is cheap to the planner and prints what it sees, against row security
for my $relation (@relations)
{
	my ($rc, $out, $err) = as_role('alice', <<"SQL");
CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001
    AS \$\$ BEGIN RAISE NOTICE '%', \$1; RETURN true; END \$\$;
SELECT count(*) FROM $relation x WHERE pg_temp.leak(x::text);
SQL
	is($rc, $relation =~ /^posture\./ && grep({ $_ eq $relation } @views) ? 0 : 3,
		"a leaky function in a query of $relation");
	unlike($err, $forbidden{alice}, 'sees no more');
}

$node->stop;
done_testing();

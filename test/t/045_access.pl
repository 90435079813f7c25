# Levels of access: what a reader, an owner, a loader and an operator may do,
# each as a login of its own, and that owners see theirs and nothing else.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;
use TestAccess;

my $node = access_node('access');
my $superuser = $ENV{PGUSER} || getpwuid($<);
my ($rc, $out, $err);

# every table has a class, and grants come from it alone
is( $node->safe_psql('warehouse', <<'SQL'),
SELECT coalesce(c.relname, r.relation)
FROM (SELECT relname FROM pg_class WHERE relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND relkind IN ('r', 'p', 'm', 'f')) c
FULL JOIN posture.access_rule() r ON r.relation = c.relname
WHERE c.relname IS NULL OR r.relation IS NULL
SQL
	'', 'every table is in access_rule(), and nothing else');
my @tables = tables($node, 'warehouse');
my @views = split /\n/, $node->safe_psql('warehouse',
	q{SELECT relname FROM pg_class WHERE relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND relkind = 'v' ORDER BY 1});

# who may grant
like(answer('outsider', q{SELECT posture.grant_access('outsider', 'reader')}), qr/permission denied for schema posture/, 'not everybody grants access');
$node->safe_psql('warehouse', 'GRANT USAGE ON SCHEMA posture, posture_internal TO outsider');
for my $call (q{grant_access('outsider', 'reader')}, q{revoke_access('plain_reader')}, 'set_row_security()')
{
	like(answer('outsider', "SELECT posture.$call"), qr/permission denied for function/, "nor calls $call");
}
$node->safe_psql('warehouse', 'REVOKE USAGE ON SCHEMA posture FROM outsider');
like(answer('warden', q{SELECT posture.grant_access('nobody there', 'reader')}), qr/role "nobody there" does not exist/, 'an unknown role');
like(answer('warden', q{SELECT posture.grant_access('public', 'reader')}), qr/role "public" does not exist/, 'nor everybody at once');
like(answer('warden', q{SELECT posture.grant_access(NULL, 'reader')}), qr/role must not be null/, 'no role');
like(answer('warden', q{SELECT posture.grant_access('alice', 'Owner')}), qr/level "Owner" not recognized.*Levels are reader, owner, loader, operator/s, 'an unknown level');
like(answer('warden', q{SELECT posture.grant_access('alice', NULL)}), qr/level "NULL" not recognized/, 'no level');
like(answer('warden', q{SELECT posture.revoke_access('nobody there')}), qr/role "nobody there" does not exist/, 'revoked from an unknown role');
my $protected = q{SELECT count(*) FROM pg_class WHERE relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND relrowsecurity};
($rc, $out, $err) = as_role('warden', <<'SQL');
SELECT posture.grant_access('plain_reader', 'reader'), posture.grant_access('Reader "two"', 'reader'),
       posture.grant_access('loader', 'loader'), posture.grant_access('operator', 'operator');
SQL
is("$rc$err", '0', 'the installer grants');
is($node->safe_psql('warehouse', $protected), '0', 'without an owner there is no row security');
my %before = map { $_ => answer('warden', "SELECT * FROM posture.$_") } @views;
($rc, $out, $err) = as_role('warden', q{SELECT posture.grant_access(r, 'owner') FROM unnest(ARRAY['alice', 'team', 'carol', 'fleet', 'dana']) r});
is("$rc$err", '0', 'owners');
is($node->safe_psql('warehouse', $protected),
	$node->safe_psql('warehouse', 'SELECT count(*) FROM posture.access_rule() WHERE own_rows IS NOT NULL'), 'the first owner turns it on');

# who sees all
for my $role ('plain_reader', 'Reader "two"', 'loader', 'operator', 'warden')
{
	my @differ = grep { answer($role, "SELECT * FROM posture.$_") ne $before{$_} } @views;
	is("@differ", '', "$role sees all of every view");
	my @denied = grep { answer($role, "SELECT FROM posture.$_ LIMIT 0") ne '' } @tables;
	is("@denied", join(' ', { 'loader' => '', 'operator' => 'inbox', 'warden' => '' }->{$role} // 'inbox rejected'), "$role reads every table but: @denied");
}
unlike(answer('plain_reader', 'EXPLAIN SELECT * FROM posture.finding WHERE details @> \'{}\''), qr/InitPlan|SubPlan|own/, 'row security leaves no trace in a reader\'s plan');
is(answer('loader', "COPY posture.inbox FROM STDIN;\n\\.\n"), '', 'COPY into the inbox goes on');

# what owners see: recomputed in plain SQL from who owns what
$node->safe_psql('warehouse', <<'SQL');
CREATE SCHEMA expect;
CREATE FUNCTION expect.i(o name[]) RETURNS SETOF integer LANGUAGE sql STABLE AS 'SELECT initiative_id FROM posture.initiative WHERE owner = ANY (o)';
CREATE FUNCTION expect.g(o name[]) RETURNS SETOF integer LANGUAGE sql STABLE AS 'SELECT asset_group_id FROM posture.asset_group WHERE owner = ANY (o)';
CREATE FUNCTION expect.m(o name[]) RETURNS SETOF integer LANGUAGE sql STABLE AS 'SELECT metric_id FROM posture.initiative_metric WHERE initiative_id IN (SELECT expect.i(o))';
CREATE FUNCTION expect.r(o name[]) RETURNS SETOF integer LANGUAGE sql STABLE AS
    'SELECT recommendation_id FROM posture.metric_recommendation WHERE metric_id IN (SELECT expect.m(o))
     UNION SELECT recommendation_id FROM posture.initiative_recommendation WHERE initiative_id IN (SELECT expect.i(o))';
CREATE FUNCTION expect.ga(o name[]) RETURNS SETOF integer LANGUAGE sql STABLE AS
    'SELECT asset_id FROM posture.asset a JOIN posture.asset_group g ON a.kind = ANY (g.kinds) WHERE g.asset_group_id IN (SELECT expect.g(o))';
CREATE FUNCTION expect.a(o name[]) RETURNS SETOF integer LANGUAGE sql STABLE AS
    'SELECT expect.ga(o) UNION SELECT asset_id FROM posture.finding WHERE state <> ''not_applicable'' AND recommendation_id IN (SELECT expect.r(o))';
CREATE FUNCTION expect.lr(o name[]) RETURNS SETOF integer LANGUAGE sql STABLE AS
    'SELECT expect.r(o) UNION SELECT recommendation_id FROM posture.finding WHERE state <> ''not_applicable'' AND asset_id IN (SELECT expect.ga(o))';
CREATE FUNCTION expect.e(o name[]) RETURNS SETOF integer LANGUAGE sql STABLE AS
    'SELECT event_id FROM posture.event e WHERE initiative_id IN (SELECT expect.i(o)) OR metric_id IN (SELECT expect.m(o))
         OR EXISTS (SELECT FROM posture.initiative_metric_snapshot s WHERE s.day = e.day AND s.metric_id = e.metric_id AND s.initiative_id IN (SELECT expect.i(o)))';
SQL
my %rows = (
	(map { $_ => 'true' } qw(importance_weight source catalog_delta)),
	(map { $_ => 'initiative_id IN (SELECT expect.i(O))' } qw(initiative initiative_metric initiative_recommendation benchmark initiative_snapshot initiative_metric_snapshot)),
	(map { $_ => 'metric_id IN (SELECT expect.m(O))' } qw(metric metric_recommendation)),
	(map { $_ => 'recommendation_id IN (SELECT expect.r(O))' } qw(measure finding_history recommendation_snapshot)),
	(map { $_ => 'asset_id IN (SELECT expect.a(O))' } qw(asset asset_alias)),
	score_band => 'initiative_id IS NULL OR initiative_id IN (SELECT expect.i(O))',
	asset_group => 'asset_group_id IN (SELECT expect.g(O))',
	recommendation => 'recommendation_id IN (SELECT expect.lr(O))',
	finding => 'recommendation_id IN (SELECT expect.r(O)) OR asset_id IN (SELECT expect.ga(O))',
	exemption => 'recommendation_id IN (SELECT expect.r(O)) OR asset_id IN (SELECT expect.ga(O)) OR asset_group_id IN (SELECT expect.g(O)) OR asset_id IS NULL AND asset_group_id IS NULL AND recommendation_id IN (SELECT expect.lr(O))',
	metric_snapshot => 'metric_id IN (SELECT expect.m(O)) OR (day, metric_id) IN (SELECT day, metric_id FROM posture.initiative_metric_snapshot WHERE initiative_id IN (SELECT expect.i(O)))',
	event => 'event_id IN (SELECT expect.e(O))',
	event_cause => 'event_id IN (SELECT expect.e(O)) AND (initiative_id IS NULL OR initiative_id IN (SELECT expect.i(O)))');
my %columns = (snapshot => 'day, taken_at, ends_at', run => 'run_id, day, started_at, finished_at, outcome');
my @closed = qw(inbox rejected verification exemption_snapshot asset_group_snapshot finding_set asset_set tally tally_slice finding_delta asset_delta);
# a role, and the owners that it is, or is a member of
my %owners = (alice => q{'{alice}'::name[]}, bob => q{'{team}'::name[]}, carol => q{'{}'::name[]}, fleet => q{'{fleet}'::name[]}, dana => q{'{alice,fleet}'::name[]});
for my $role (sort keys %owners)
{
	my (@differ, @open);
	for my $table (sort keys %rows)
	{
		my $own = $rows{$table} =~ s/\bO\b/$owners{$role}/gr;
		my $want = $node->safe_psql('warehouse', "SELECT t FROM posture.$table t WHERE $own ORDER BY t::text COLLATE \"C\"");
		my $got = answer($role, "SELECT t FROM posture.$table t ORDER BY t::text COLLATE \"C\"");
		next if $got eq $want;
		push @differ, $table;
		diag "$role $table:\n$got\n--- not\n$want";
	}
	is("@differ", '', "$role sees exactly the rows that they own");
	@open = grep { answer($role, "SELECT FROM posture.$_") !~ /permission denied for table/ } @closed;
	is("@open", '', "$role reads nothing of what is derived or delivered");
	for my $table (sort keys %columns)
	{
		is(answer($role, "SELECT $columns{$table} FROM posture.$table ORDER BY 1"),
			$node->safe_psql('warehouse', "SELECT $columns{$table} FROM posture.$table ORDER BY 1"), "$role reads columns of $table");
		my $more = $node->safe_psql('warehouse', "SELECT count(*) FROM pg_attribute WHERE attrelid = 'posture.$table'::regclass AND attnum > 0") > split(/,/, $columns{$table});
		like(answer($role, "SELECT * FROM posture.$table"), $more ? qr/permission denied for table $table/ : qr/^/, "$role reads no other column of $table");
	}
}
# what they see of scores is what a superuser sees, whatever is kept, or was changed since
my @live = (
	# every view about initiatives; of groups, with their own
	(map { [ "SELECT v FROM posture.$_ v ORDER BY v::text COLLATE \"C\"", "SELECT v FROM posture.$_ v WHERE initiative IN (SELECT key FROM posture.initiative WHERE owner = ANY (O))"
			. ($_ eq 'group_report' ? ' AND asset_group IN (SELECT key FROM posture.asset_group WHERE owner = ANY (O))' : '') . ' ORDER BY v::text COLLATE "C"' ] }
		split /\n/, $node->safe_psql('warehouse', q{SELECT relname FROM pg_class c WHERE relnamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND relkind = 'v'
			AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'initiative') ORDER BY 1})),
	[ 'SELECT score_history.* FROM posture.score_history ORDER BY 1, 2, 3', q{SELECT h.* FROM posture.score_history h
	   WHERE object_kind = 'initiative' AND object IN (SELECT key FROM posture.initiative WHERE owner = ANY (O))
	      OR object_kind = 'metric' AND EXISTS (SELECT FROM posture.metric m WHERE m.key = object AND (m.metric_id IN (SELECT expect.m(O))
	         OR (h.day, m.metric_id) IN (SELECT day, metric_id FROM posture.initiative_metric_snapshot WHERE initiative_id IN (SELECT expect.i(O)))))
	   ORDER BY 1, 2, 3} ],
	[ 'SELECT event_id, kind, object, name, previous_score, score, drop, status, note FROM posture.event_report ORDER BY 1',
	  'SELECT event_id, kind, object, name, previous_score, score, drop, status, note FROM posture.event_report WHERE event_id IN (SELECT expect.e(O)) ORDER BY 1' ],
	[ q{SELECT object_kind, object_id, assessed, exposed, failing FROM posture_internal.exposure(A, true, NULL, NULL) WHERE assessed <> '{}' OR object_kind = 'initiative' ORDER BY 1, 2}, <<'SQL' ]);
WITH own AS (SELECT (SELECT posture.assetset_agg(a) FROM expect.ga(O) a) AS assets)
SELECT object_kind, object_id, assessed, exposed, failing FROM posture_internal.exposure(A, true, NULL, NULL)
WHERE CASE object_kind WHEN 'initiative' THEN object_id IN (SELECT expect.i(O)) WHEN 'metric' THEN object_id IN (SELECT expect.m(O)) ELSE object_id IN (SELECT expect.r(O)) END
  AND (assessed <> '{}' OR object_kind = 'initiative')
UNION ALL
SELECT object_kind, object_id, assessed & own.assets, exposed & own.assets, failing & own.assets FROM posture_internal.exposure(A, true, NULL, NULL), own
WHERE object_kind = 'recommendation' AND object_id NOT IN (SELECT expect.r(O)) AND assessed && own.assets
ORDER BY 1, 2
SQL
for my $change (
	[ 'what is not folded', '' ], [ 'what is folded', 'SELECT posture.fold()' ],
	[ 'one change', 'UPDATE posture.finding SET state = \'non_compliant\', changed_at = now() WHERE asset_id % 10 = 1; UPDATE posture.asset SET criticality = \'critical\', kind = \'truck\' WHERE asset_id IN (700002, 500002)' ],
	[ 'a change of the catalog', 'UPDATE posture.metric SET asset_kinds = \'{truck}\' WHERE key = \'ma2\'; UPDATE posture.exemption SET expires_at = now() WHERE kind = \'waived\'' ],
	[ 'all of it', 'SELECT posture.fold()' ])
{
	$node->safe_psql('warehouse', $change->[1]);
	for my $role (sort keys %owners)
	{
		my @differ;
		for my $question (map { my $q = $_; map { my $as_of = $_; [ map { s/\bO\b/$owners{$role}/gr =~ s/\bA\b/$as_of/gr } @$q ] } $q->[0] =~ /\(A,/ ? (q{'infinity'}, 'posture.day_end(posture.today() - 2)') : '' } @live)
		{
			my $got = answer($role, "SET search_path = posture; $question->[0]");
			my $want = $node->safe_psql('warehouse', "SET search_path = posture; $question->[1]");
			next if $got eq $want;
			push @differ, $question->[0];
			diag "$role:\n$got\n--- not\n$want";
		}
		is("@differ", '', "$change->[0]: $role sees scores, history and sets as a superuser sees them");
	}
}
is(join(' ', sort map { @{[ $_ ]} } (keys %rows), (keys %columns), @closed), join(' ', sort @tables), 'no table was left out');
is(answer('alice', q{SELECT initiative FROM posture.overview}), "ia\nia points", 'alice sees two initiatives');
is(answer('bob', q{SELECT initiative, score FROM posture.overview}),
	$node->safe_psql('warehouse', q{SELECT initiative, score FROM posture.overview WHERE initiative = 'ib'}), 'a member of the owner sees it');
is(answer('carol', q{SELECT count(*) FROM posture.overview}), '0', 'one who does not inherit sees nothing');
is(answer('carol', q{SET ROLE team; SELECT initiative FROM posture.overview}), 'ib', 'before SET ROLE');

$node->safe_psql('warehouse', q{UPDATE posture.asset SET kind = 'host' WHERE kind = 'truck' AND asset_id < 800000});
# recommendations: in full through initiatives, by the assets of a group through a group
same_rows($node, 'warehouse',
	q{SELECT * FROM (VALUES }
	. join(', ', map { my @f = split /\|/; "('$f[0]', $f[1], $f[2])" } split /\n/,
		answer('fleet', q{SELECT recommendation, exposed_assets, assessed_assets FROM posture.recommendation_report})) . q{) v},
	q{SELECT r.key, count(*) FILTER (WHERE f.state = 'non_compliant' AND NOT EXISTS (SELECT FROM posture.exemption e WHERE e.recommendation_id = f.recommendation_id
	         AND e.kind = 'mitigated' AND (e.asset_id = f.asset_id OR e.asset_group_id = 1))), count(*)
	  FROM posture.finding f JOIN posture.recommendation r USING (recommendation_id) JOIN posture.asset a USING (asset_id)
	  WHERE a.kind = 'truck' AND f.state <> 'not_applicable' AND a.retired_at IS NULL AND a.last_seen > now() - interval '30 days' GROUP BY r.key}, 'fleet sees recommendations by their trucks');
is(answer('alice', q{SELECT recommendation, state, exposed_assets, assessed_assets, last_changed FROM posture.recommendation_report ORDER BY 1}),
	$node->safe_psql('warehouse', q{SELECT replace(recommendation, 'scan:', ''), state, exposed_assets, assessed_assets, last_changed FROM posture.recommendation_report
	 WHERE source = 'scan' AND recommendation ~ '^(scan:)?a' OR recommendation = 'both' ORDER BY 1}), 'alice sees theirs in full');
# functions by key
is(answer($_, q{SELECT posture.score_of('ia', 'trucks'), posture.what_if('ia', '{a1}'), posture.metric_assets('ma1')}),
	$node->safe_psql('warehouse', q{SELECT posture.score_of('ia', 'trucks'), posture.what_if('ia', '{scan:a1}'), posture.metric_assets('ma1')}), "$_ asks what if") for 'dana';
# why scores changed: what is theirs, in full
my ($explained) = ('');
for my $role ('alice', 'bob', 'dana')
{
	my $events = answer($role, 'SELECT event_id FROM posture.event ORDER BY 1');
	cmp_ok(length $events, '>', 0, "$role has events");
	my @differ;
	for my $event (split /\n/, $events)
	{
		my $want = $node->safe_psql('warehouse', "SELECT initiative, metric, reason, points, newly_exposed, only_this, assets FROM posture.explain($event)
			WHERE initiative IS NULL OR initiative IN (SELECT key FROM posture.initiative WHERE owner = ANY ($owners{$role}))");
		my $got = answer($role, "SELECT initiative, metric, reason, points, newly_exposed, only_this, assets FROM posture.explain($event)");
		push @differ, "event $event:\n$got\n--- not\n$want\n" if $got ne $want;
		$explained .= $got;
	}
	is("@differ", '', "$role is told why theirs dropped as a superuser is");
}
is(answer($_, 'SELECT exemption_id, kind, state, failing_assets FROM posture.exemption_report ORDER BY 1'),
	$node->safe_psql('warehouse', "SELECT exemption_id, kind, state, failing_assets FROM posture.exemption_report
	 WHERE exemption_id IN (SELECT exemption_id FROM posture.exemption WHERE @{[ $rows{exemption} =~ s/\bO\b/$owners{$_}/gr ]}) ORDER BY 1"),
	"$_ sees what is exempt from theirs, also of groups of others") for 'bob';
cmp_ok(length $explained, '>', 500, 'there is much to tell');
for my $call (map { my $d = $_; map { "$_, $d)" } q{change_report('ia'}, q{change_report('ma1'}, q{change_report('mboth'}, q{change_report('ia points'}, q{points_change('ia points'} }
	'posture.today() - 3, posture.today() - 2', 'posture.today() - 2, posture.today() - 1')
{
	my $want = $node->safe_psql('warehouse', "SELECT * FROM posture.$call x WHERE to_jsonb(x) ->> 'initiative' IS NULL OR to_jsonb(x) ->> 'initiative' LIKE 'ia%'");
	is(answer('alice', "SELECT * FROM posture.$call"), $want =~ s/\bscan:a1\b/a1/gr, "alice: $call");
}
my $day = q{posture.today() - 2};
is(answer('alice', "SELECT posture.metric_assets('ma2', $day)"), $node->safe_psql('warehouse', "SELECT posture.metric_assets('ma2', $day)"), 'and of a past day');
is(answer('alice', "SELECT x FROM posture.$_ x"), $node->safe_psql('warehouse', "SELECT x FROM posture.$_ x") =~ s/\bscan:a1\b/a1/gr, "alice: $_")
	for q{plan('ia', '100')}, q{plan('ia', '70', 'gain_per_asset')}, q{plan('ia points', '100')}, q{planned_score('ia')}, q{achievable_score('ia')}, q{achievable_score('ia points')};
# what is another's is unknown, in the same words as what is not there
for my $call (q{plan('%s')}, q{planned_score('%s')}, q{achievable_score('%s')}, q{change_report('%s', posture.today() - 3, posture.today() - 2)}, q{points_change('%s', posture.today() - 3, posture.today() - 2)}, q{band_of('%s', 'zone', 5)}, q{metric_assets('%s')}, q{what_if('%s', '{}')}, q{what_if('ia', '{%s}')}, q{score_of('%s', 'trucks')}, q{score_of('ia', '%s')}, q{merge_asset('%s', 'alice-1')})
{
	my ($theirs) = $call =~ /merge/ ? 'secret-1' : $call =~ /metric/ ? 'hidden m' : $call =~ /\{%s/ ? 'hidden 1' : $call =~ /ia', '%s/ ? 'hidden group' : 'hidden i';
	my $known = answer('alice', 'SELECT posture.' . sprintf($call, $theirs));
	my $unknown = answer('alice', 'SELECT posture.' . sprintf($call, 'nothing such'));
	# who may not merge is told that, whatever is there
	like($known, $call =~ /merge/ ? qr/permission denied/ : qr/unknown/, "$call: an error");
	is($known =~ s/\Q$theirs\E/X/gr, $unknown =~ s/nothing such/X/gr, "$call: the same one");
}
my $theirs = $node->safe_psql('warehouse', q{SELECT min(event_id) FROM posture.event WHERE initiative_id = (SELECT initiative_id FROM posture.initiative WHERE key = 'hidden i')});
is(answer('alice', "SELECT posture.acknowledge($theirs)") =~ s/\b$theirs\b/X/gr, answer('alice', 'SELECT posture.acknowledge(99999)') =~ s/99999/X/gr, 'nor can an event of others be told from none');

# nothing of others in any answer of any function or view, whatever is asked
my %forbidden = (alice => qr/secret-\d|Secret \d|hidden|bob|\b[56]000\d\d\b|truck-([6-9]|1\d)\b|\b8000(0[6-9]|1\d|20)\b/, bob => qr/secret-\d|Secret \d|hidden|alice|\b[578]000\d\d\b|truck/,
	fleet => qr/secret-\d|Secret \d|hidden (m|i|g|r)|alice|bob|\b[567]000\d\d\b|common/);
my $calls = $node->safe_psql('warehouse', <<'SQL');
WITH value(type, i, v) AS (VALUES
    ('integer', 0, '1'), ('integer', 1, 'NULL::integer'), ('integer', 2, '0'),
    ('bigint', 0, '1::bigint'), ('oid', 0, '''fleet''::regrole::oid'), ('oid', 1, '''postgres''::regrole::oid'), ('oid', 2, 'NULL::oid'),
    ('text', 0, '''kind'''), ('text', 1, '''group'''), ('text', 2, '''asset'''), ('text', 3, '''recommendation'''), ('text', 4, 'NULL::text'), ('text', 5, '''criticality'''), ('text', 6, '''gone'''),
    ('boolean', 0, 'true'), ('boolean', 1, 'false'),
    ('timestamp with time zone', 0, '''infinity''::timestamptz'), ('timestamp with time zone', 1, 'posture.day_end(posture.today() - 2)'), ('timestamp with time zone', 2, 'now()'),
    ('date', 0, 'posture.today() - 2'), ('date', 1, 'NULL::date'), ('date', 2, 'posture.today() - 1'), ('date', 3, '''infinity''::date'),
    ('integer[]', 0, 'NULL::integer[]'), ('integer[]', 1, '''{1,2,3,4,5,6,7,8,9,10}''::integer[]'), ('text[]', 0, 'NULL::text[]'),
    ('name', 0, '''team''::name'), ('numeric', 0, '1'), ('jsonb', 0, '''{}''::jsonb'), ('posture.assetset', 0, 'NULL::posture.assetset'), ('posture.assetset', 1, '''{1-900000}''::posture.assetset'))
SELECT format('SELECT * FROM posture.%I(%s)', p.proname, coalesce(string_agg(coalesce(v.v, v0.v, 'NULL::' || t.type), ', ' ORDER BY t.n), ''))
FROM pg_proc p
CROSS JOIN generate_series(0, 6) round
-- all arguments alike, or each another
CROSS JOIN generate_series(0, 1) shift
LEFT JOIN LATERAL (SELECT format_type(a, NULL) AS type, n FROM unnest(p.proargtypes) WITH ORDINALITY a(a, n)) t ON true
LEFT JOIN value v ON v.type = t.type AND v.i = (round + shift * (t.n - 1)) % 7
LEFT JOIN value v0 ON v0.type = t.type AND v0.i = 0
WHERE p.pronamespace IN ('posture'::regnamespace, 'posture_internal'::regnamespace) AND p.prokind = 'f' AND p.prorettype <> 'trigger'::regtype
  -- those that are about sets alone would tell what they are given
  AND NOT (p.provolatile = 'i' AND 'posture.assetset'::regtype = ANY (p.proargtypes))
  AND 'internal'::regtype <> ALL (p.proargtypes) AND p.proname NOT LIKE 'cluster%'
  -- grants are everybody's to read in pg_class
  AND p.proname <> 'granted_role'
GROUP BY p.oid, p.proname, round, shift
ORDER BY p.proname, round, shift
SQL
my %seen;
$calls .= join '', map { "\nSELECT * FROM posture.explain($_)" } split /\n/, $node->safe_psql('warehouse', 'SELECT event_id FROM posture.event');
my @calls = grep { !$seen{$_}++ } ((map { "SELECT x FROM posture.$_ x" } @views, sort keys %rows), split /\n/, $calls);
cmp_ok(scalar(@calls), '>', 600, 'many questions');
for my $role (sort keys %forbidden)
{
	my ($answers, $errors) = ('', '');
	# the server's notices and errors are answers too; each call in a transaction that is rolled back
	$node->psql('warehouse', join('', map { "\\echo == $_\nBEGIN; $_; ROLLBACK;\n" } @calls), stdout => \$answers, stderr => \$errors,
		on_error_stop => 0, extra_params => [ '-U', $role ]);
	my @leaks = grep { (s/\A== [^\n]*\n//r) =~ $forbidden{$role} } map { "== $_" } split /^== /m, $answers;
	is(join("\n", @leaks), '', "$role is told nothing of others by any function");
	# errors name what was asked
	is(join("\n", grep { /secret-\d|hidden (m|i|g|r)|\b[5]000\d\d\b/ } split /\n/, $errors), '', 'nor by an error');
	is(join("\n", grep { /internal|cache lookup|recursion|different columns|terminat/ } split /\n/, $errors), '', 'and nothing breaks');
	my @ran = grep { /\A[^\n]*\n./ } split /^== /m, $answers;
	cmp_ok(scalar(@ran), '>', 200, 'and most of them are answered');
}
like(answer('alice', q{SELECT * FROM posture_internal.owner_object_count_of('fleet'::regrole)}), qr/permission denied for function own_tally_of/, 'nobody asks for another');
like(answer('alice', q{SELECT * FROM posture_internal.owner_rows('nonsense')}), qr/unrecognized kind of owned rows: "nonsense"/, 'an unknown kind');

# functions that cost nothing and tell what they see, against row security
for my $relation ((sort keys %rows), @views)
{
	my $leaks = answer('alice', <<SQL);
CREATE FUNCTION pg_temp.leak(anyelement) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS \$\$ BEGIN RAISE NOTICE '%', \$1; RETURN true; END \$\$;
CREATE OPERATOR pg_temp.=== (leftarg = anyelement, rightarg = anyelement, function = pg_temp.leak2);
SQL
	($rc, $out, $err) = as_role('alice', <<SQL);
CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS \$\$ BEGIN RAISE NOTICE '%', \$1; RETURN true; END \$\$;
SELECT count(*) FROM posture.$relation x WHERE pg_temp.leak(x::text);
SQL
	unlike($err, $relation =~ /^(source|importance_weight|catalog_delta)$/ ? qr/secret/ : $forbidden{alice}, "a leaky function sees no more of $relation");
}
# views of one's own, prepared statements, and changes of role
$node->safe_psql('warehouse', 'CREATE SCHEMA open; GRANT ALL ON SCHEMA open TO alice, plain_reader, bob');
answer('alice', q{CREATE VIEW open.mine AS SELECT * FROM posture.finding; CREATE VIEW open.invoker WITH (security_invoker) AS SELECT * FROM posture.finding; GRANT SELECT ON open.mine, open.invoker TO bob});
is(answer('bob', q{SELECT count(*) FROM open.invoker}), answer('bob', 'SELECT count(*) FROM posture.finding'), 'a security_invoker view shows what its reader may see');
is(answer('bob', q{SELECT count(*) FROM open.mine WHERE recommendation_id NOT IN (SELECT recommendation_id FROM posture.finding)}), '0',
	'and another view of an owner nothing that its reader does not own');
is(answer($superuser, <<'SQL'), answer('alice', 'SELECT initiative FROM posture.overview') . "\n--\n" . answer('bob', 'SELECT initiative FROM posture.overview') . "\n--\n" . $before{overview} =~ s/\|.*//gmr,
PREPARE q AS SELECT initiative FROM posture.overview;
SET plan_cache_mode = force_generic_plan;
SET ROLE alice; EXECUTE q; SELECT '--'; SET ROLE bob; EXECUTE q; SELECT '--'; RESET ROLE; EXECUTE q;
SQL
	'a prepared statement shows each role theirs');
is(answer($superuser, <<'SQL'), answer('alice', 'SELECT count(*), sum(asset_id) FROM posture.finding') . "\n" . answer('bob', 'SELECT count(*), sum(asset_id) FROM posture.finding'),
PREPARE q AS SELECT count(*), sum(asset_id) FROM posture.finding;
SET ROLE alice; EXECUTE q; SET ROLE bob; EXECUTE q;
SQL
	'also one of a table');
# functions with others' rights, an error caught in between, and cursors
answer($superuser, q{CREATE FUNCTION open.as_super(sql text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$ DECLARE x text; BEGIN EXECUTE sql INTO x; RETURN x; END $$});
answer('alice', q{CREATE FUNCTION open.as_alice() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT string_agg(initiative, ',') FROM posture.overview $$});
is(answer('bob', 'SELECT open.as_alice()'), 'ia,ia points', 'a function with the rights of alice shows what alice sees');
is(answer('alice', <<'SQL'), "alice\nia,ia points\nalice", 'after an error the caller is who they were');
DO $$ BEGIN PERFORM posture_internal.owner_rows('nonsense'); EXCEPTION WHEN OTHERS THEN NULL; END $$;
SELECT current_user; SELECT string_agg(initiative, ',') FROM posture.overview; SELECT current_user;
SQL
is(answer('alice', 'BEGIN; DECLARE c CURSOR FOR SELECT initiative FROM posture.overview; FETCH 1 FROM c; SAVEPOINT s; SELECT current_user; ROLLBACK TO s; FETCH ALL FROM c; COMMIT'),
	"ia\nalice\nia points", 'also amid a cursor');
# where SET ROLE and the like are refused, and rows are copied
is(answer('alice', 'CREATE MATERIALIZED VIEW open.kept AS SELECT initiative, score FROM posture.overview; REFRESH MATERIALIZED VIEW open.kept; SELECT * FROM open.kept'),
	answer('alice', 'SELECT initiative, score FROM posture.overview'), 'a materialized view of an owner has what they see');
is(answer('alice', 'COPY posture.finding TO STDOUT'), answer('alice', 'COPY (SELECT * FROM posture.finding) TO STDOUT'), 'COPY TO copies what they see');
is(split(/\n/, answer('alice', 'COPY posture.finding TO STDOUT')), answer('alice', 'SELECT count(*) FROM posture.finding'), 'no more');
is(answer('warden', "COPY posture.source FROM STDIN;\n\\.\n"), '', 'COPY into a table without row security');
like(answer('warden', "COPY posture.finding FROM STDIN;\n\\.\n"), qr/COPY FROM not supported with row-level security/, 'none into one that has it');
is(answer('alice', 'SET row_security = off; SELECT count(*) FROM posture.finding') =~ /(query would be affected by row-level security)/ ? $1 : 'rows', 'query would be affected by row-level security', 'row_security = off is an error');
is(answer('alice', q{SELECT count(*) FROM pg_stats WHERE schemaname = 'posture' AND tablename IN ('finding', 'asset', 'event', 'recommendation')}), '0', 'statistics are hidden');
my $parallel = $node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
is(answer('alice', "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET $parallel = on; SELECT count(*), sum(asset_id) FROM posture.finding; SELECT initiative, score FROM posture.overview"),
	answer('alice', 'SELECT count(*), sum(asset_id) FROM posture.finding; SELECT initiative, score FROM posture.overview'), 'parallel workers see the same');

# exact in the transaction that changed a finding: a change by another, not committed, is not seen; ownership that moves is felt at once
is($node->safe_psql('warehouse', <<'SQL'), 't', 'an owner\'s score is current inside the transaction that changes it');
BEGIN;
UPDATE posture.finding SET state = 'compliant', changed_at = now();
UPDATE posture.exemption SET expires_at = now() - interval '1 second' WHERE false;
SET LOCAL ROLE alice;
SELECT bool_and(score = 100) FROM posture.overview WHERE initiative = 'ia';
ROLLBACK;
SQL
is($node->safe_psql('warehouse', <<'SQL'), "ib", 'and what is owned is whose it is now');
BEGIN;
UPDATE posture.initiative SET owner = CASE key WHEN 'ib' THEN 'alice' WHEN 'ia' THEN NULL WHEN 'ia points' THEN 'fleet' ELSE owner END;
SET LOCAL ROLE alice;
SELECT string_agg(initiative, ',') FROM posture.overview;
ROLLBACK;
SQL

is(answer('alice', q{SELECT string_agg(DISTINCT split_part(item, ' of ', 1), ', ' ORDER BY split_part(item, ' of ', 1)) FROM posture.status()}), 'job, silent sources, size',
	'an owner is told how posture is doing, but for what is kept of all');

# who writes what
my $mine = answer('alice', q{SELECT min(event_id) FROM posture.event WHERE initiative_id IS NOT NULL});
is(answer('alice', "SELECT posture.acknowledge($mine, 'seen'); SELECT status, acknowledged_by, note FROM posture.event_report WHERE event_id = $mine"), "\nacknowledged|alice|seen", 'an owner acknowledges');
is(answer('alice', "SELECT posture.reopen($mine, 'again'); SELECT status, acknowledged_by, reopened_by, note FROM posture.event WHERE event_id = $mine"), "\nopen|alice|alice|again", 'and opens again');
is(answer('alice', "SELECT posture.acknowledge($mine); SELECT status FROM posture.event WHERE event_id = $mine"), "\nacknowledged", 'and acknowledges again');
for my $sql (
	"UPDATE posture.event SET status = 'open', reopened_by = 'bob', reopened_at = now() WHERE event_id = $mine",
	"UPDATE posture.event SET acknowledged_by = 'alice', acknowledged_at = 'infinity' WHERE event_id = $mine",
	"UPDATE posture.event SET status = 'recovered', acknowledged_by = 'alice', acknowledged_at = now() WHERE event_id = $mine",
	"UPDATE posture.event SET acknowledged_by = 'bob', acknowledged_at = now() WHERE event_id = $mine",
	"UPDATE posture.event SET acknowledged_by = 'alice', acknowledged_at = '2020-01-01' WHERE event_id = $mine")
{
	like(answer('alice', $sql), qr/new row violates row-level security policy/, "but not: $sql");
}
for my $sql (
	"UPDATE posture.event SET status = 'open', reopened_by = 'alice', reopened_at = now(), acknowledged_by = 'bob', acknowledged_at = now() WHERE event_id = $mine",
	"UPDATE posture.event SET acknowledged_at = now(), acknowledged_by = 'alice', reopened_by = 'bob' WHERE event_id = $mine",
	"UPDATE posture.event SET acknowledged_at = now(), acknowledged_by = 'alice', reopened_at = '2020-01-01' WHERE event_id = $mine",
	# the name that counts is right already, from a moment ago
	"BEGIN; UPDATE posture.event SET status = 'open', reopened_by = 'alice', reopened_at = now() WHERE event_id = $mine; UPDATE posture.event SET acknowledged_by = 'bob' WHERE event_id = $mine",
	"BEGIN; UPDATE posture.event SET status = 'open', reopened_by = 'alice', reopened_at = now() WHERE event_id = $mine; UPDATE posture.event SET acknowledged_by = NULL WHERE event_id = $mine")
{
	like(answer('alice', $sql), qr/event $mine can be acknowledged or opened again only in one's own name/, "nor, of another's name: $sql");
}
is(answer('warden', "BEGIN; UPDATE posture.event SET status = 'open', reopened_by = 'carol', acknowledged_by = 'bob' WHERE event_id = $mine RETURNING acknowledged_by; ROLLBACK"), 'bob',
	'who sees all mends what is wrong');
is(answer('alice', 'UPDATE posture.event SET note = \'mine\', acknowledged_by = session_user, acknowledged_at = now() WHERE event_id NOT IN (SELECT event_id FROM posture.event)'), '', 'nothing of others');
for my $role ('plain_reader', 'alice', 'fleet')
{
	for my $sql ((map { ("DELETE FROM posture.$_", "INSERT INTO posture.$_ OVERRIDING SYSTEM VALUE SELECT * FROM posture.$_") } @tables),
		'UPDATE posture.event SET score = 100', "UPDATE posture.initiative SET owner = 'alice'",
		'SELECT posture.ingest()', 'SELECT posture.take_snapshot()', 'CALL posture.run_daily()', 'SELECT posture.fold()', 'SELECT posture.rebuild()',
		'SELECT posture.assess_cluster()', 'SELECT posture_internal.set_row_security()', $role eq 'plain_reader' ? "SELECT posture.acknowledge($mine)" : (),
		q{SELECT posture.load('posture', '{"type": "source", "key": "x", "name": "X"}'::jsonb)})
	{
		my $error = answer($role, $sql);
		next if $error =~ /permission denied for (table|function)/;
		fail("$role may not: $sql: $error");
	}
	pass("$role writes nothing");
}
($rc, $out, $err) = as_role('loader', <<'SQL');
COPY posture.inbox (source, recommendation, asset, state, asset_kind) FROM STDIN (FORMAT csv);
scan,a1,alice-1,compliant,host
scan,a1,truck-21,non_compliant,truck
scan,new,New,non_compliant,host
scan,new,NEW,non_compliant,host
nowhere,a1,x,compliant,host
\.
SELECT loaded, rejected FROM posture.ingest('scan');
SELECT loaded, rejected FROM posture.load('posture', '[{"type": "source", "key": "more", "name": "More"},
  {"type": "recommendation", "source": "more", "key": "r", "title": "R"}, {"type": "asset", "key": "x", "aliases": ["y"], "tags": {"a": "b"}},
  {"type": "asset_group", "key": "g", "name": "G"}, {"type": "importance_weight", "importance": "low", "weight": 2},
  {"type": "metric", "key": "m", "name": "M", "recommendations": [{"source": "more", "recommendation": "r"}]},
  {"type": "initiative", "key": "i", "name": "I", "metrics": [{"metric": "m"}]}, {"type": "benchmark", "initiative": "i", "key": "b", "name": "B", "day": "2024-01-01", "score": 5},
  {"type": "measure", "source": "more", "recommendation": "r", "achieved": 1, "possible": 2, "observed_at": "2024-01-01T00:00:00Z"},
  {"type": "exemption", "source": "more", "recommendation": "r", "kind": "waived", "reason": "x", "approved_by": "me", "created_at": "2024-01-01T00:00:00Z"},
  {"type": "finding", "source": "more", "recommendation": "r", "asset": "x", "state": "compliant"}]'::jsonb);
SELECT loaded > 10, rejected FROM posture.assess_cluster();
SELECT loaded > 10, changed < 5 FROM posture.assess_cluster();
SELECT initiative, score IS NOT NULL FROM posture.overview WHERE initiative = 'ia';
SQL
is("$rc$err\n$out", "0\n4|2\n11|0\nt|0\nt|t\nia|t", 'a loader loads all that can be loaded, and reads the scores');
for my $sql ('SELECT posture.fold()', 'SELECT posture.take_snapshot()', 'CALL posture.run_daily()', 'DELETE FROM posture.event', 'UPDATE posture_internal.finding_history SET day = day')
{
	like(answer('loader', $sql), qr/permission denied for table/, "but not: $sql");
}
# documents of every kind, twice, because the second time updates and deletes
for my $format (
	[ 'graph-secure-scores', '{"id": "x", "azureTenantId": "t", "createdDateTime": "2024-05-01T00:00:00Z", "currentScore": 5, "maxScore": 9, "averageComparativeScores": [{"basis": "AllTenants", "averageScore": 3}], "controlScores": [{"controlName": "c", "controlCategory": "Identity", "score": 5}]}' ],
	[ 'graph-secure-score-profiles', '{"id": "c", "azureTenantId": "t", "title": "C", "maxScore": 9, "controlStateUpdates": [{"state": "Ignored", "updatedBy": "me", "updatedDateTime": "2024-05-01T00:00:00Z", "comment": "x"}]}' ],
	[ 'azure-secure-score-controls', '{"id": "/subscriptions/1/providers/Microsoft.Security/secureScores/ascScore/secureScoreControls/a", "name": "a", "properties": {"displayName": "A", "healthyResourceCount": 1, "unhealthyResourceCount": 2, "notApplicableResourceCount": 0, "score": {"max": 4, "current": 1, "percentage": 0.25}, "weight": 3}}' ])
{
	for my $time (1, 2)
	{
		is(answer('loader', "SELECT rejected FROM posture.load('$format->[0]', '$format->[1]'::jsonb)"), '0', "a loader loads $format->[0], time $time");
	}
}
is($node->safe_psql('warehouse', 'SELECT * FROM posture.verify()'), '', 'the sets are as they should be');
($rc, $out, $err) = as_role('operator', <<'SQL');
CALL posture.run_daily();
SELECT count(*) FROM posture.verify();
SELECT count(*) FROM posture.rebuild();
SELECT slices >= 0 FROM posture.fold();
SELECT initiatives > 0 FROM posture.take_snapshot();
SELECT posture.acknowledge(min(event_id), 'operator') FROM posture.event;
SET posture.retention_days = 1;
DELETE FROM posture.snapshot WHERE day = posture.today() - 1;
DELETE FROM posture.metric_snapshot WHERE day = posture.today() - 1;
DELETE FROM posture.initiative_snapshot WHERE day = posture.today() - 1;
CALL posture.run_daily();
SELECT count(*) FROM posture.event WHERE day < posture.today() - 1;
SQL
is("$rc$err\n$out", "0\n0\n1\nt\nt\n\n0", 'an operator runs the job, folds, rebuilds, verifies, purges, acknowledges');
is(answer('operator', q{SELECT outcome, counts ->> 'purged' > '0' FROM posture.run ORDER BY run_id DESC LIMIT 1}), 'ok|t', 'without an error');
for my $sql ('SELECT posture.ingest()', 'DELETE FROM posture.finding', 'UPDATE posture.finding SET state = state', 'UPDATE posture.exemption SET reason = reason', 'SELECT * FROM posture.inbox')
{
	like(answer('operator', $sql), qr/permission denied for table/, "but not: $sql");
}
# an operator's and a loader's work is that of a superuser
is($node->safe_psql('warehouse', 'SELECT * FROM posture.verify()'), '', 'the sets are as they should be');

# grants by hand, as before there were levels
answer('warden', 'GRANT USAGE ON SCHEMA posture, posture_internal TO outsider; GRANT SELECT ON ALL TABLES IN SCHEMA posture, posture_internal TO outsider');
is(answer('outsider', 'SELECT * FROM posture.overview'), answer('plain_reader', 'SELECT * FROM posture.overview'), 'SELECT on all tables sees all');
answer('warden', 'REVOKE SELECT ON posture_internal.finding_set FROM outsider');
is(answer('outsider', 'SELECT count(*) FROM posture.finding'), '0', 'without the sets, what the role owns: nothing');

$node->stop;
done_testing();

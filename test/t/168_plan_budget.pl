# plan() within a budget of hours or a length, for one initiative and for the mean of several;
# hours that nobody entered; limits of the search itself.
# tests: score/plan, plan.c, plan_search.c, plan_bound.c, plan_pool.c

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('plan_budget', "client_min_messages = notice\n");
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION posture;
ALTER DATABASE postgres SET search_path = public, posture, posture_internal;
SQL
$node->safe_psql('postgres', <<'SQL');
INSERT INTO source (key, name) VALUES ('s', 'S');
INSERT INTO recommendation (source_id, key, title) VALUES
    (1, 'mfa', 'MFA'), (1, 'shared', 'Shared'), (1, 'disk', 'Disk'), (1, 'patch', 'Patch'),
    (1, 'boot', 'Boot');
INSERT INTO asset (key, kind, name)
SELECT k || i, CASE k WHEN 'u' THEN 'user' ELSE 'host' END, k || i
FROM unnest('{u,h}'::text[]) k, generate_series(1, 4) i;
INSERT INTO metric (key, name, importance)
VALUES ('accounts', 'Accounts', 'critical'), ('hosts', 'Hosts', 'medium');
INSERT INTO metric_recommendation VALUES (1, 1), (1, 2), (2, 3), (2, 4), (2, 5);
INSERT INTO initiative (key, name) VALUES ('basics', 'B'), ('hosts only', 'H'), ('empty', 'E');
INSERT INTO initiative_metric VALUES (1, 1), (1, 2), (2, 2);
INSERT INTO finding (recommendation_id, asset_id, state)
SELECT r.recommendation_id, a.asset_id,
       CASE WHEN a.key = ANY (v.failing) THEN 'non_compliant' ELSE 'compliant' END::finding_state
FROM (VALUES ('mfa', 'user', '{u1,u2}'::text[]), ('shared', 'user', '{u2,u3}'),
             ('disk', 'host', '{h1,h2}'), ('patch', 'host', '{h1,h2}'), ('boot', 'host', '{h3}'))
    v(recommendation, kind, failing)
JOIN recommendation r ON r.key = v.recommendation JOIN asset a ON a.kind = v.kind;
SQL

# What a statement returns, with its messages.
sub answer
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	$node->psql('postgres', $sql, stdout => \$out, stderr => \$err);
	$err = join "\n", map { s/^psql:\S+ //r } grep { /(NOTICE|ERROR|HINT|DETAIL):/ } split /\n/, $err;
	return join "\n", grep { $_ ne '' } $out, $err;
}
# The steps of a plan: recommendation, hours, total, score, bound, shortfall.
sub steps
{
	my ($arguments) = @_;
	return answer("SELECT recommendation, hours, total_hours, round(score, 2), round(bound, 2), shortfall
		FROM plan($arguments) ORDER BY rank");
}

# ---- hours: mfa and shared repair 3 users for 50 points, boot one host for 8.33, disk and patch
# together two hosts for 16.67

is(steps(q{'basics', budget => 2}), "mfa|1|1|41.67|41.67|0\nshared|1|2|75.00|75.00|0",
	'without any hours, each step takes one');
is(steps(q{'basics', max_steps => 1}), "mfa|||41.67|41.67|0", 'a length needs no hours');
answer(q{UPDATE recommendation SET effort_hours = v.hours
	FROM (VALUES ('mfa', 5), ('shared', 2.5), ('disk', 20), ('patch', 4)) v(key, hours)
	WHERE recommendation.key = v.key});
is(steps(q{'basics', budget => 11.5}),
	"mfa|5|5|41.67|50.00|33.33\nshared|2.5|7.5|75.00|75.00|0\nboot|4|11.5|83.33|83.33|0",
	'the median counts where nobody entered hours, and the budget is used up');
is(steps(q{'basics', budget => 11.499999}) =~ s/.*\n//r, "shared|2.5|7.5|75.00|83.33|14.29",
	'a millionth less has no room for the third');
is(answer(q{SELECT max(total_hours), max(score) FROM plan('basics', budget => 1e30)}), '35.5|100',
	'a budget for all');
is(answer(q{SELECT count(*) FROM plan('basics', budget => 'NaN')}), '5', 'and one that is no number');
is(answer(q{SELECT count(*) FROM plan('basics', budget => 0)}), '0', 'none');
is(answer(q{SELECT count(*) FROM plan('basics', max_steps => 0)}), '0', 'no step');
is(answer(q{SELECT string_agg(recommendation, ' ' ORDER BY rank) FROM plan('basics', basis => 'gain_per_hour')}),
	'shared mfa boot patch disk', 'most for an hour first');
is(answer(q{SELECT recommendation, score FROM plan('hosts only', budget => 24) ORDER BY rank}),
	"disk|25\npatch|75", 'two that gain together are better than one that gains alone');

# ---- several initiatives ----

my $two = q{SELECT recommendation, round(score, 3) FROM plan(%s) ORDER BY rank};
my $mean = answer(sprintf $two, q{'{basics,hosts only}'});
is($mean, answer(sprintf $two, q{ARRAY['hosts only', 'basics', 'basics', NULL]}),
	'names as text, as an array, in any order');
is($mean, answer(sprintf $two, q{'{basics,hosts only,empty}'}), 'one without a score does not count');
is(answer(q{SELECT p.score = round((what_if('basics', p.done) + what_if('hosts only', p.done)) / 2.0, 6)
	FROM (SELECT p.score, array_agg(recommendation) OVER (ORDER BY rank) AS done
	      FROM plan('{basics,hosts only}') p) p}), join("\n", ('t') x 5), 'its scores are the mean');
is(answer(q{SELECT count(*) FROM plan('{basics,nothing}')}) =~ s/\nHINT.*//sr,
	'ERROR:  initiative "nothing" does not exist', 'an initiative that does not exist');

# ---- targets and messages ----

answer(q{UPDATE initiative SET target_score = 60});
is(answer(q{SELECT count(*) FROM plan('basics')}), '2', 'the target of one initiative');
is(answer(q{SELECT count(*) FROM plan('basics', budget => 100)}), '5', 'a budget goes on beyond it');
is(answer(q{SELECT count(*) FROM plan('basics', 60, budget => 100)}), '2', 'not beyond one that is given');
is(answer(q{SELECT count(*) FROM plan('{basics,hosts only}')}), '5', 'several have no target of their own');
is(answer(q{SELECT count(*) FROM plan('{basics,hosts only}', 20)}),
	"0\nNOTICE:  initiative \"basics\", \"hosts only\" has already reached 20.0: its score is 25.0",
	'a target that is reached');
is(answer(q{SELECT count(*) FROM plan('basics', 90, max_steps => 2)}),
	"2\nNOTICE:  initiative \"basics\" reaches 75.0 within the limits, not 90.0", 'a target beyond the limits');
is(answer(q{SELECT FROM plan('basics', budget => -1)}), 'ERROR:  budget must not be negative', 'a negative budget');
is(answer(q{SELECT FROM plan('basics', max_steps => -1)}), 'ERROR:  max_steps must not be negative', 'and length');
is(answer(q{SELECT FROM plan('basics', basis => 'hours')}),
	"ERROR:  basis \"hours\" not recognized\nHINT:  It is gain, gain_per_asset or gain_per_hour.", 'a wrong basis');
like(answer("UPDATE recommendation SET effort_hours = $_"),
	qr/ERROR: .*"hours are above 0, at most 100000, with at most 6 decimals"/, "hours $_")
  foreach '0', '-1', '100000.000001', '0.0000001', "'NaN'";

# ---- the search ----

# Each of three assets, of different worth, fails three recommendations of its own.
my $triples = q{SELECT %s FROM plan_order('{1,2,3,1,2,3,1,2,3}', '{1,2,3,4,5,6,7,8,9}', '{1,5,3,1,5,3,1,5,3}',
	'{1,1,1,1,1,1,1,1,1}', ARRAY['{1}','{2}','{3}','{1}','{2}','{3}','{1}','{2}','{3}']::assetset[],
	%s) o %s};
is(answer(sprintf $triples, q{string_agg(n::text, ' ' ORDER BY rank)}, q{'{1,1,1,1,1,1,1,1,1}', NULL, 3},
	'WHERE rank > 0'), '2 5 8', 'three steps that only gain together');
is(answer(sprintf $triples, q{string_agg(n::text, ' ' ORDER BY rank)}, q{NULL, NULL, 3}, 'WHERE rank > 0'),
	'2 5 8', 'also without a list of what is spent');
is(answer(sprintf $triples, q{string_agg(n::text, ' ' ORDER BY rank)}, q{'{1,9,1,1,9,1,1,9,1}', 8},
	'WHERE rank > 0'), '3 6 9 1 4 7', 'those that a budget has room for');
is(answer(sprintf $triples, q{count(*) FILTER (WHERE rank > 0)}, q{'{1,1,1,1,1,1,1,1,1}', NULL, 2}, ''), '0',
	'none that has no effect');
is(answer(sprintf $triples, q{max(gain) > 9 AND max(gain) < 9.0001, bool_and(gain = 0) FILTER (WHERE spent < 3)},
	q{'{1,1,1,1,1,1,1,1,1}'}, ''), 't|t', 'a bound of all is all, and two gain nothing');
my $one = q{SELECT count(*) FROM plan_order('{1}', '{1}', '{%s}', '{1}', '{"{1}"}', %s)};
is(answer(sprintf $one, 'NaN', q{'{1}'}), '0', 'no bound of a worth that is no number');
is(answer(sprintf $one, 'Infinity', q{'{1}'}), '1', 'nor of an infinite one');
is(answer(sprintf $one, '1', q{'{0}'}), 'ERROR:  spend must be greater than 0', 'a step that spends nothing');
is(answer(sprintf $one, '1', q{'{NULL}'}) =~ s/\n.*//sr, 'ERROR:  array must not contain nulls', 'or NULL');
is(answer(sprintf $one, '1', q{'{1,2}'}), 'ERROR:  arrays must have the same number of elements', 'too many');
is(answer(sprintf $one, '1', q{'{9223372036854775807}', 9223372036854775806}) , '0', 'one that has no room');

$node->stop;
done_testing();

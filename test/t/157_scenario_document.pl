# Scenario documents: each field in ids, what a document must not have, and errors that name the
# field.
# tests: score/scenario_document, catalog/name

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $node = new_node('scenario_document');
my $session = new_session($node, 'postgres');
sub ask { return $session->ask($_[0]); }
ask(<<'SQL');
CREATE EXTENSION posture;
SET search_path = posture, posture_internal, public;
INSERT INTO source (key, name) VALUES ('s', 'S'), ('t', 'T');
INSERT INTO recommendation (source_id, key, title, domain)
VALUES (1, 'r1', 'R', 'x'), (1, 'r2', 'R', 'x'), (1, 'r3', 'R', 'y'), (1, 'r4', 'R', 'x'), (2, 'r1', 'R', 'y');
INSERT INTO asset (key, name, kind) VALUES ('a1', 'A', 'host'), ('A2', 'A', 'host');
INSERT INTO asset_group (key, name) VALUES ('g', 'G');
INSERT INTO metric (key, name) VALUES ('m1', 'M'), ('m/2', 'M'), ('both', 'B');
INSERT INTO initiative (key, name) VALUES ('i1', 'Identity'), ('both', 'I');
INSERT INTO initiative_metric VALUES (1, 1), (1, 2);
SQL

# a document is the same as one in ids; the order of fields and of what rules select is free
my @same = (
	'{}' => '', 'null::jsonb' => '',
	'{"ignore_exemptions": false, "remediate": [], "weight": {}, "add": {"m1": []}}' => '',
	'{"remediate": ["r2", "s:r1"]}' => '{"remediate": [2, 1]}',
	'{"exempt": [{"recommendation": "r3", "kind": "waived", "asset": "a1"}, {"recommendation": "r3", "kind": "waived"}]}' =>
	  '{"exempt": [{"kind": "waived", "asset_id": 1, "recommendation_id": 3}, {"kind": "waived", "recommendation_id": 3}]}',
	'{"exempt": [{"recommendation": "r3", "kind": "mitigated", "asset": "a2"}]}' =>
	  '{"exempt": [{"kind": "mitigated", "asset_id": 2, "recommendation_id": 3}]}',
	'{"end_exemption": [{"recommendation": "t:r1", "asset_group": "g"}, {"recommendation": "r2", "kind": "waived"}]}' =>
	  '{"end_exemption": [{"asset_group_id": 1, "recommendation_id": 5}, {"kind": "waived", "recommendation_id": 2}]}',
	'{"ignore_exemptions": true}' => '{"ignore_exemptions": true}',
	'{"weight": {"i1/m1": 10, "i1/m/2": 1.5}}' => '{"weight": [{"weight": 10, "metric_id": 1, "initiative_id": 1},
	  {"weight": 1.5, "metric_id": 2, "initiative_id": 1}]}',
	'{"weight": {"both/m1": 0}, "add_metric": {"both": ["m1"]}}' =>
	  '{"weight": [{"weight": 0, "metric_id": 1, "initiative_id": 2}], "add_metric": [{"metric_id": 1, "initiative_id": 2}]}',
	'{"importance": {"m1": "low"}}' => '{"importance": [{"metric_id": 1, "importance": "low"}]}',
	'{"add": {"m1": ["r2"], "both": ["r2", "r3"]}, "remove": {"m1": ["r4"]}}' =>
	  '{"add": [{"metric_id": 1, "recommendation_id": 2}, {"metric_id": 3, "recommendation_id": 2},
	  {"metric_id": 3, "recommendation_id": 3}], "remove": [{"metric_id": 1, "recommendation_id": 4}]}',
	# a rule replaces the members; what is added and removed comes after it
	'{"rule": {"m1": {"source": "s", "domain": "X"}}, "remove": {"m1": ["r4"]}, "add": {"m1": ["t:r1"]}}' =>
	  '{"replace": [1], "remove": [{"metric_id": 1, "recommendation_id": 4}],
	  "add": [{"metric_id": 1, "recommendation_id": 1}, {"metric_id": 1, "recommendation_id": 2}, {"metric_id": 1, "recommendation_id": 5}]}',
	'{"remove_metric": {"i1": ["m1", "m/2"]}}' =>
	  '{"remove_metric": [{"metric_id": 1, "initiative_id": 1}, {"metric_id": 2, "initiative_id": 1}]}',
	'{"filter": {"m1": {"asset_kinds": ["host"], "criticality_weights": [0, 1, 2, 3]}, "m/2": {"asset_kinds": null}}}' =>
	  '{"asset_kinds": [{"metric_id": 1, "asset_kinds": ["host"]}, {"metric_id": 2, "asset_kinds": null}],
	  "criticality_weights": [{"metric_id": 1, "criticality_weights": [0, 1, 2, 3]}]}',
	'{"method": {"i1": "points"}}' => '{"method": [{"method": "points", "initiative_id": 1}]}',
	'{"threshold": {"m1": 5, "initiative:both": 0.5}}' =>
	  '{"threshold": [{"metric_id": 1, "threshold": 5}, {"threshold": 0.5, "initiative_id": 2}]}',
	'{"source": {"t": false}, "recommendation": {"r4": true}}' =>
	  '{"source": [{"is_active": false, "source_id": 2}], "recommendation": [{"is_active": true, "recommendation_id": 4}]}');
ask(<<'SQL');
CREATE FUNCTION sorted(scenario jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_object_agg(f.key, CASE jsonb_typeof(f.value) WHEN 'array'
               THEN (SELECT jsonb_agg(e ORDER BY e) FROM jsonb_array_elements(f.value) e) ELSE f.value END)
    FROM jsonb_each(scenario) f $$;
SQL
while (my ($document, $ids) = splice @same, 0, 2)
{
	my $literal = $document eq 'null::jsonb' ? 'NULL' : "'$document'";
	is(ask("SELECT sorted(resolve_scenario($literal)) IS NOT DISTINCT FROM sorted(" . ($ids eq '' ? 'NULL' : "'$ids'") . ')'),
		't', $document)
	  or diag(ask("SELECT resolve_scenario($literal)"));
}

# errors: the code, the message, and what the hint has
my @wrong = (
	'[1]' => '22023 scenario: expected an object, found [1] A scenario is an object',
	'"x"' => '22023 scenario: expected an object, found "x" A scenario',
	'{"wieght": {}}' => '22023 scenario field "wieght": not recognized Fields are weight',
	'{"weight": []}' => '22023 scenario field "weight": expected an object, found []',
	'{"remediate": {}}' => '22023 scenario field "remediate": expected an array, found {}',
	'{"remediate": null}' => '22023 scenario field "remediate": expected an array, found null',
	'{"ignore_exemptions": "yes"}' => '22023 scenario field "ignore_exemptions": expected a boolean, found "yes"',
	'{"weight": {"i1/m1": "high"}}' => '22023 scenario field "weight": "i1/m1": expected a number, found "high"',
	'{"weight": {"i1/m1": -1}}' => '22023 scenario field "weight": "i1/m1": a weight is from 0 to 10^15 with at most 12 decimals, found -1',
	'{"weight": {"i1m1": 1}}' => '22023 scenario field "weight": "i1m1": expected initiative/metric',
	'{"weight": {"x/m1": 1}}' => '42704 scenario field "weight": initiative "x" does not exist Initiatives are both, i1.',
	'{"weight": {"Identity/m1": 1}}' => '42704 scenario field "weight": initiative "Identity" does not exist Perhaps you meant "i1".',
	'{"weight": {"i1/mm1": 1}}' => '42704 scenario field "weight": metric "mm1" does not exist Perhaps you meant "m1".',
	'{"weight": {"both/m1": 1}}' => '22023 scenario field "weight": metric "m1" is not in initiative "both" The field add_metric',
	'{"threshold": {"both": 1}}' => '42P08 scenario field "threshold": "both" is a metric and an initiative Write',
	'{"threshold": {"m1": 0}}' => '22023 scenario field "threshold": "m1": a threshold is above 0, at most 100, with at most 12 decimals, found 0',
	'{"threshold": {"q": 1}}' => '42704 scenario field "threshold": metric or initiative "q" does not exist Metrics and',
	'{"remediate": ["r1"]}' => '42P08 scenario field "remediate": recommendation "r1" exists in several sources Write source:',
	'{"remediate": ["r2", "s:r2"]}' => '22023 scenario field "remediate": "s:r2" is there twice',
	'{"remediate": [1]}' => '22023 scenario field "remediate": "1": expected a string, found 1',
	'{"remediate": ["r9"]}' => '42704 scenario field "remediate": recommendation "r9" does not exist Perhaps you meant "r1".',
	'{"remediate": ["m1"]}' => '42704 scenario field "remediate": recommendation "m1" does not exist "m1" is a metric',
	'{"add": {"m1": "r1"}}' => '22023 scenario field "add": "m1": expected an array, found "r1"',
	'{"add": {"m1": [2]}}' => '22023 scenario field "add": "m1": expected a string, found 2',
	'{"add": {"m1": ["r2"]}, "remove": {"m1": ["s:r2"]}}' => '22023 scenario fields "add" and "remove" have the same entry',
	'{"add_metric": {"i1": ["both"]}, "remove_metric": {"i1": ["both"]}}' =>
	  '22023 scenario fields "add_metric" and "remove_metric" have the same entry',
	'{"add_metric": {"i1": ["q"]}}' => '42704 scenario field "add_metric": metric "q" does not exist',
	'{"exempt": [{"recommendation": "r2"}]}' => '22023 scenario field "exempt": "r2": missing kind',
	'{"exempt": [{"kind": "waived"}]}' => '22023 scenario field "exempt": missing recommendation',
	'{"end_exemption": [{}]}' => '22023 scenario field "end_exemption": expected at least one field',
	'{"exempt": ["r2"]}' => '22023 scenario field "exempt": expected an object, found "r2"',
	'{"exempt": [{"recommendation": "r2", "kind": "waved"}]}' =>
	  '22023 scenario field "exempt": "r2": kind: expected mitigated, waived, risk_accepted, found "waved"',
	'{"exempt": [{"recommendation": "r2", "kind": "waived", "asset": "zz"}]}' => '42704 scenario field "exempt": asset "zz" does not exist',
	'{"exempt": [{"recommendation": "r2", "kind": "waived", "asset_group": "gg"}]}' =>
	  '42704 scenario field "exempt": asset group "gg" does not exist Perhaps you meant "g".',
	'{"exempt": [{"recommendation": "r2", "kind": "waived", "asset": "a1", "asset_group": "g"}]}' =>
	  '22023 scenario field "exempt": "r2": an exemption is for an asset or a group, not both',
	'{"exempt": [{"recommendation": "r2", "kind": "waived", "user": "a1"}]}' =>
	  '22023 scenario field "exempt": "r2": field "user" not recognized, expected recommendation, kind, asset, asset_group',
	'{"exempt": [{"recommendation": "r2", "kind": "waived", "asset": null}]}' =>
	  '22023 scenario field "exempt": "r2": asset: expected a string, found null',
	'{"filter": {"m1": {"asset_kinds": "host"}}}' => '22023 scenario field "filter": "m1": asset_kinds: expected an array, found "host"',
	'{"filter": {"m1": {"asset_kinds": [1]}}}' => '22023 scenario field "filter": "m1": asset_kinds: expected an array of strings, found [1]',
	'{"filter": {"m1": {"criticality_weights": [1, 2]}}}' => '22023 scenario field "filter": "m1": criticality_weights: '
	  . 'the weights are four whole numbers from 0 to 1000, not all 0, found [1, 2]',
	'{"filter": {"m1": {"criticality_weights": [1.5, 2, 3, 4]}}}' =>
	  '22023 scenario field "filter": "m1": criticality_weights: expected integers, found [1.5, 2, 3, 4]',
	'{"filter": {"m1": {}}}' => '22023 scenario field "filter": "m1": expected at least one field',
	'{"rule": {"m1": {"sauce": "s"}}}' => '22023 scenario field "rule": "m1": unrecognized field "sauce"',
	'{"rule": {"m1": {}}}' => '22023 scenario field "rule": "m1": expected at least one field',
	'{"method": {"i1": "mean"}}' => '22023 scenario field "method": "i1": expected weighted, population, points, found "mean"',
	'{"source": {"q": true}}' => '42704 scenario field "source": source "q" does not exist Perhaps you meant "s".',
	'{"source": {"t": 1}}' => '22023 scenario field "source": "t": expected a boolean, found 1',
	'{"recommendation": {"r2": true, "s:r2": false}}' => '22023 scenario field "recommendation": "s:r2" is there twice',
	'{"importance": {"m1": "huge"}}' =>
	  '22023 scenario field "importance": "m1": expected risk_accepted, low, medium, high, critical, found "huge"');
ask(<<'SQL');
CREATE FUNCTION error_of(document jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    RETURN resolve_scenario(document)::text;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' ', SQLSTATE, SQLERRM, nullif(hint, ''));
END $$;
SQL
while (my ($document, $error) = splice @wrong, 0, 2)
{
	like(ask("SELECT error_of('$document')"), qr/\A\Q$error\E/, $document);
}

# values are compared as the domains compare them
ask(<<'SQL');
CREATE FUNCTION cast_error(of_domain text, value text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    error text;
BEGIN
    EXECUTE format('SELECT %L::%I', value, of_domain);
    RETURN NULL;
EXCEPTION WHEN check_violation THEN
    GET STACKED DIAGNOSTICS error = CONSTRAINT_NAME;
    RETURN error;
END $$;
SQL
is(ask(<<'SQL'), '', 'domains');
SELECT d, v FROM unnest('{weight,threshold}'::text[]) d,
    unnest('{-1,-1e-12,0,1e-13,1e-12,1,99.5,100,100.000000000001,1e15,1000000000000000.1,1e16,0.1234567890123}'::text[]) v
WHERE domain_error(d, v::jsonb) IS DISTINCT FROM cast_error(d, v)
UNION ALL
SELECT 'criticality_weights', v FROM unnest(ARRAY['', '0,0,0,0', '0,0,0,1', '1,2,3', '1,2,3,4,5', '-1,2,3,4', '1000,0,0,0', '1001,0,0,0']) v
WHERE domain_error('criticality_weights', ('[' || v || ']')::jsonb)
      IS DISTINCT FROM cast_error('criticality_weights', '{' || v || '}')
SQL

# a metric that left an initiative had a weight on days before
ask('SELECT FROM take_snapshot(); DELETE FROM initiative_metric WHERE metric_id = 2');
like(ask(q{SELECT error_of('{"weight": {"i1/m/2": 3}}')}), qr/^\{"weight"/, 'the weight of a metric that left');

# many entries take a time that does not grow with their square: each is looked up once
ask(q{INSERT INTO recommendation (source_id, key, title) SELECT 1, 'n' || i, 'R' FROM generate_series(1, 8000) i});
is(ask(q{SELECT jsonb_array_length(resolve_scenario(jsonb_build_object('remediate', jsonb_agg('s:n' || i))) -> 'remediate')
	FROM generate_series(1, 8000) i}), '8000', 'a document of 8,000 recommendations');

# a worker of a parallel query resolves, too, and says what is wrong
ask('SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0');
my $each = q{SELECT count(resolve_scenario(('{"threshold": {"m1": ' || r.recommendation_id || '}}')::jsonb))
	FROM recommendation r WHERE r.recommendation_id <= };
like(ask("EXPLAIN $each 100"), qr/Parallel/, 'a parallel query');
is(ask("$each 100"), '100', 'resolves scenarios');
like(ask("$each 101"), qr/scenario field "threshold": "m1": a threshold is above 0, at most 100/, 'and rejects one');
$session->end;
$node->stop;
done_testing();

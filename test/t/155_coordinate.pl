# The catalog at a coordinate: what members, weights, methods, filters, exemptions and measures
# are under a scenario, now and on a past day, compared with a catalog to which the scenario was
# really applied, on random catalogs.
# tests: score/membership, score/exempt_set, score/points
#
# POSTURE_ROUNDS: how many random catalogs (4). POSTURE_SEED repeats them.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $rounds = $ENV{POSTURE_ROUNDS} // 4;
my $seed = $ENV{POSTURE_SEED} // (time ^ $$) % 1_000_000;
diag("POSTURE_ROUNDS=$rounds POSTURE_SEED=$seed");
my $include = join '', map { slurp_file("$FindBin::RealBin/../include/$_.sql") =~ s/^\\set ECHO.*\n//mgr }
  qw(begin random catalog);
my $node = new_node('coordinate');

my $functions = <<'SQL';
-- what counts, in one document; an exemption of no asset is none
CREATE FUNCTION pg_temp.counted(as_of timestamptz, on_day date, scenario jsonb) RETURNS jsonb
    LANGUAGE sql AS $$
    SELECT jsonb_object_agg(x.part, x.rows)
    FROM (SELECT 'recommendation' AS part, jsonb_agg(c.recommendation_id ORDER BY 1) AS rows
          FROM (SELECT recommendation_id FROM counted_recommendation(on_day, scenario)
                ORDER BY 1) c
          UNION ALL
          SELECT 'metric', jsonb_agg(m ORDER BY m.metric_id)
          FROM metric_definition(on_day, scenario) m
          UNION ALL
          SELECT 'member', jsonb_agg(m ORDER BY m.metric_id, m.recommendation_id)
          FROM metric_member(on_day, scenario) m
          WHERE m.metric_id IN (SELECT d.metric_id FROM metric_definition(on_day, scenario) d)
          UNION ALL
          SELECT 'initiative', jsonb_agg(i ORDER BY i.initiative_id)
          FROM initiative_definition(on_day, scenario) i
          UNION ALL
          SELECT 'weight', jsonb_agg(i ORDER BY i.initiative_id, i.metric_id)
          FROM (SELECT initiative_id, metric_id, trim_scale(weight) AS weight, is_own
                FROM initiative_member(on_day, scenario)) i
          UNION ALL
          SELECT 'exempt', jsonb_agg(e ORDER BY e.recommendation_id, e.kind)
          FROM (SELECT recommendation_id, kind, for_all, assets::text
                FROM exempt_set(as_of, on_day, scenario)
                WHERE for_all OR assets <> '{}') e
          UNION ALL
          SELECT 'measure', jsonb_agg(m ORDER BY m.recommendation_id)
          FROM (SELECT recommendation_id, trim_scale(achieved) AS achieved,
                       trim_scale(possible) AS possible, failing
                FROM measured(as_of, on_day, scenario)) m) x
$$;

-- a scenario as resolve_scenario() returns it
CREATE FUNCTION pg_temp.random_scenario() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
    SELECT coalesce(jsonb_object_agg(x.field, x.value) FILTER (WHERE x.value IS NOT NULL), '{}')
    FROM (SELECT 'remediate' AS field, jsonb_agg(recommendation_id) AS value
          FROM recommendation WHERE pg_temp.chance(0.1)
          UNION ALL
          SELECT 'weight', jsonb_agg(jsonb_build_object('initiative_id', initiative_id,
                     'metric_id', metric_id, 'weight', pg_temp.n(100) / 8.0))
          FROM initiative, metric WHERE pg_temp.chance(0.1)
          UNION ALL
          SELECT 'importance', jsonb_agg(jsonb_build_object('metric_id', metric_id,
                     'importance', pg_temp.one('low', 'risk_accepted', 'critical')))
          FROM metric WHERE pg_temp.chance(0.2)
          UNION ALL
          SELECT 'replace', jsonb_agg(metric_id) FROM metric WHERE pg_temp.chance(0.1)
          UNION ALL
          SELECT 'add', jsonb_agg(jsonb_build_object('metric_id', metric_id,
                     'recommendation_id', recommendation_id))
          FROM metric, recommendation
          WHERE pg_temp.chance(0.1) AND (metric_id + recommendation_id) % 2 = 0
          UNION ALL
          SELECT 'remove', jsonb_agg(jsonb_build_object('metric_id', metric_id,
                     'recommendation_id', recommendation_id))
          FROM metric, recommendation
          WHERE pg_temp.chance(0.1) AND (metric_id + recommendation_id) % 2 = 1
          UNION ALL
          SELECT 'add_metric', jsonb_agg(jsonb_build_object('initiative_id', initiative_id,
                     'metric_id', metric_id))
          FROM initiative, metric WHERE pg_temp.chance(0.15) AND (initiative_id + metric_id) % 2 = 0
          UNION ALL
          SELECT 'remove_metric', jsonb_agg(jsonb_build_object('initiative_id', initiative_id,
                     'metric_id', metric_id))
          FROM initiative, metric WHERE pg_temp.chance(0.3) AND (initiative_id + metric_id) % 2 = 1
          UNION ALL
          SELECT 'asset_kinds', jsonb_agg(jsonb_build_object('metric_id', metric_id,
                     'asset_kinds', pg_temp.one(NULL, '{kind1}', '{kind2,kind0}')::text[]))
          FROM metric WHERE pg_temp.chance(0.2)
          UNION ALL
          SELECT 'criticality_weights', jsonb_agg(jsonb_build_object('metric_id', metric_id,
                     'criticality_weights', pg_temp.one(NULL, '{0,1,2,3}')::integer[]))
          FROM metric WHERE pg_temp.chance(0.2)
          UNION ALL
          SELECT 'method', jsonb_agg(jsonb_build_object('initiative_id', initiative_id,
                     'method', pg_temp.one('weighted', 'population', 'points')))
          FROM initiative WHERE pg_temp.chance(0.2)
          UNION ALL
          SELECT 'source', jsonb_agg(jsonb_build_object('source_id', source_id,
                     'is_active', pg_temp.chance(0.5)))
          FROM source WHERE pg_temp.chance(0.2)
          UNION ALL
          SELECT 'recommendation', jsonb_agg(jsonb_build_object(
                     'recommendation_id', recommendation_id, 'is_active', pg_temp.chance(0.5)))
          FROM recommendation WHERE pg_temp.chance(0.2)
          UNION ALL
          SELECT e.field, jsonb_agg(jsonb_build_object('recommendation_id', e.recommendation_id,
                     'kind', CASE WHEN e.field = 'exempt' OR pg_temp.chance(0.5)
                                  THEN pg_temp.one('mitigated', 'waived', 'risk_accepted') END,
                     'asset_id', CASE WHEN e.k > 0.5 THEN 1 + pg_temp.n(80) END,
                     'asset_group_id', CASE WHEN e.k < 0.3 THEN 1 + pg_temp.n(4) END))
          FROM (SELECT f.field, recommendation_id, random() AS k
                FROM recommendation, (VALUES ('exempt'), ('end_exemption')) f(field),
                     generate_series(1, 3)
                WHERE pg_temp.chance(0.2)) e
          GROUP BY e.field
          UNION ALL
          SELECT 'ignore_exemptions', 'true' WHERE pg_temp.chance(0.2)) x
    WHERE pg_temp.chance(0.6)
$$;

-- changes the catalog as a scenario says
CREATE PROCEDURE pg_temp.apply(s jsonb) LANGUAGE sql AS $$
    UPDATE measure SET achieved = possible
    WHERE recommendation_id IN (SELECT x::integer FROM jsonb_array_elements_text(s -> 'remediate') x);
    DELETE FROM initiative_metric i USING jsonb_populate_recordset(NULL::initiative_metric, s -> 'remove_metric') x
    WHERE x.initiative_id = i.initiative_id AND x.metric_id = i.metric_id;
    INSERT INTO initiative_metric SELECT * FROM jsonb_populate_recordset(NULL::initiative_metric, s -> 'add_metric')
    ON CONFLICT DO NOTHING;
    UPDATE initiative_metric i SET weight = x.weight
    FROM jsonb_populate_recordset(NULL::initiative_metric, s -> 'weight') x
    WHERE x.initiative_id = i.initiative_id AND x.metric_id = i.metric_id;
    UPDATE metric m SET importance = x.importance FROM jsonb_populate_recordset(NULL::metric, s -> 'importance') x
    WHERE x.metric_id = m.metric_id;
    UPDATE metric m SET asset_kinds = x.asset_kinds FROM jsonb_populate_recordset(NULL::metric, s -> 'asset_kinds') x
    WHERE x.metric_id = m.metric_id;
    UPDATE metric m SET criticality_weights = x.criticality_weights
    FROM jsonb_populate_recordset(NULL::metric, s -> 'criticality_weights') x WHERE x.metric_id = m.metric_id;
    DELETE FROM metric_recommendation
    WHERE metric_id IN (SELECT x::integer FROM jsonb_array_elements_text(s -> 'replace') x);
    DELETE FROM metric_recommendation m USING jsonb_populate_recordset(NULL::metric_recommendation, s -> 'remove') x
    WHERE x.metric_id = m.metric_id AND x.recommendation_id = m.recommendation_id;
    INSERT INTO metric_recommendation SELECT * FROM jsonb_populate_recordset(NULL::metric_recommendation, s -> 'add')
    ON CONFLICT DO NOTHING;
    UPDATE initiative i SET method = x.method FROM jsonb_populate_recordset(NULL::initiative, s -> 'method') x
    WHERE x.initiative_id = i.initiative_id;
    UPDATE source o SET is_active = x.is_active FROM jsonb_populate_recordset(NULL::source, s -> 'source') x
    WHERE x.source_id = o.source_id;
    UPDATE recommendation r SET is_active = x.is_active
    FROM jsonb_populate_recordset(NULL::recommendation, s -> 'recommendation') x
    WHERE x.recommendation_id = r.recommendation_id;
    DELETE FROM exemption e USING jsonb_populate_recordset(NULL::exemption, s -> 'end_exemption') x
    WHERE x.recommendation_id = e.recommendation_id AND coalesce(x.kind, e.kind) = e.kind
      AND coalesce(x.asset_id, e.asset_id) IS NOT DISTINCT FROM e.asset_id
      AND coalesce(x.asset_group_id, e.asset_group_id) IS NOT DISTINCT FROM e.asset_group_id;
    DELETE FROM exemption WHERE s -> 'ignore_exemptions' = 'true';
    INSERT INTO exemption (recommendation_id, kind, asset_id, asset_group_id, reason)
    SELECT x.recommendation_id, x.kind, x.asset_id, x.asset_group_id, 'x'
    FROM jsonb_populate_recordset(NULL::exemption, s -> 'exempt') x;
$$;

CREATE TEMP TABLE wrong (round integer, scenario jsonb, "when" text, part text, was text, expected text);
CREATE TEMP TABLE tried (scenario jsonb);
CREATE PROCEDURE pg_temp.try(round integer) LANGUAGE plpgsql AS $$
DECLARE
    scenario jsonb[] := '{NULL}';
    expected jsonb[];
    gone integer[];
    gone_source integer[];
    n integer;
BEGIN
    CALL pg_temp.make_catalog(round, now() - interval '2 days');
    PERFORM take_snapshot();
    FOR n IN 2..12 LOOP
        scenario[n] := pg_temp.random_scenario();
    END LOOP;
    FOR n IN 1..12 LOOP
        BEGIN
            CALL pg_temp.apply(scenario[n]);
            expected[n] := pg_temp.counted('infinity', NULL, NULL);
            RAISE EXCEPTION USING ERRCODE = 'triggered_action_exception';
        EXCEPTION WHEN triggered_action_exception THEN NULL;
        END;
    END LOOP;
    INSERT INTO wrong
    SELECT round, s.scenario, 'now', k.part, c.counted ->> k.part, s.expected ->> k.part
    FROM unnest(scenario, expected) s(scenario, expected)
    CROSS JOIN LATERAL (SELECT pg_temp.counted('infinity', NULL, s.scenario)) c(counted)
    CROSS JOIN LATERAL jsonb_object_keys(s.expected) k(part)
    WHERE c.counted -> k.part IS DISTINCT FROM s.expected -> k.part;
    -- the day is as it was, whatever has changed since
    FOR n IN 1..3 LOOP
        CALL pg_temp.apply(pg_temp.random_scenario());
    END LOOP;
    gone := ARRAY(SELECT recommendation_id FROM recommendation WHERE pg_temp.chance(0.05));
    gone_source := ARRAY(SELECT source_id FROM recommendation WHERE recommendation_id = ANY (gone));
    DELETE FROM finding WHERE recommendation_id = ANY (gone);
    DELETE FROM recommendation WHERE recommendation_id = ANY (gone);
    DELETE FROM metric WHERE pg_temp.chance(0.1);
    DELETE FROM initiative WHERE pg_temp.chance(0.1);
    INSERT INTO wrong
    SELECT round, s.scenario, 'day', k.part, c.counted ->> k.part, s.expected ->> k.part
    FROM unnest(scenario, expected) s(scenario, expected)
    CROSS JOIN LATERAL (SELECT pg_temp.counted('infinity', today(), s.scenario)) c(counted)
    CROSS JOIN LATERAL jsonb_object_keys(s.expected) k(part)
    WHERE c.counted -> k.part IS DISTINCT FROM s.expected -> k.part
      -- nobody knows the source of a deleted recommendation
      AND NOT EXISTS (SELECT FROM jsonb_to_recordset(s.scenario -> 'source') x(source_id integer)
                      WHERE x.source_id = ANY (gone_source))
      AND NOT EXISTS (SELECT FROM jsonb_to_recordset(s.scenario -> 'recommendation')
                                  x(recommendation_id integer)
                      WHERE x.recommendation_id = ANY (gone));
    INSERT INTO tried SELECT unnest(scenario);
END $$;
SQL

my $calls = join '', map { 'CALL pg_temp.try(' . ($seed + $_) . ");\n" } 1 .. $rounds;
my $out = $node->safe_psql('postgres', <<"SQL");
\\o /dev/null
$include
SET client_min_messages = error;
$functions
$calls
\\o
SELECT count(*) FROM tried;
SELECT * FROM wrong LIMIT 5;
SQL
is($out, 12 * $rounds, 'a coordinate equals a catalog to which its scenario was applied');
$node->stop;
done_testing();

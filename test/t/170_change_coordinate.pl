# The causes of a change within all assets and within groups, while the kinds and criticalities of
# assets and the filters of metrics change from day to day: both ends of the steps are what plain
# SQL counts over copies of each day, the assets that a change of scope concerns are those of the
# copies, and the parts sum exactly to the change of the score that report_at() shows.
# tests: day/attribution, day/change, report/change_report, score/metric_filter
#
# POSTURE_ROUNDS: how many random catalogs (2). POSTURE_SEED repeats them.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use TestPosture;

my $rounds = $ENV{POSTURE_ROUNDS} // 2;
my $seed = $ENV{POSTURE_SEED} // (time ^ $$) % 1_000_000;
diag("POSTURE_ROUNDS=$rounds POSTURE_SEED=$seed");
my $include = join '', map { slurp_file("$FindBin::RealBin/../include/$_.sql") =~ s/^\\set ECHO.*\n//mgr }
  qw(begin random catalog change);
my $node = new_node('change_coordinate');

my $functions = <<'SQL';
CREATE TEMP TABLE day_asset (day date, asset_id integer, kind text, criticality text);
CREATE TEMP TABLE day_metric (day date, metric_id integer, kinds text[], weights integer[]);
-- groups are those of now: 1 to 3 are known by their kind, 4 by its tags, 5 has no asset
CREATE FUNCTION pg_temp.in_scope(of_group integer) RETURNS TABLE (asset_id integer) LANGUAGE sql AS $$
    SELECT asset_id FROM asset
    WHERE CASE WHEN of_group IS NULL THEN true WHEN of_group <= 3 THEN kind = 'kind' || of_group - 1
               WHEN of_group = 4 THEN tags ->> 'env' = 'e1' ELSE false END
$$;
CREATE PROCEDURE pg_temp.change_scope() LANGUAGE sql AS $$
    UPDATE asset SET kind = 'kind' || pg_temp.n(4) WHERE pg_temp.chance(0.08);
    UPDATE asset SET criticality = pg_temp.one('low', 'medium', 'high', 'critical')
    WHERE pg_temp.chance(0.1);
    UPDATE metric SET asset_kinds = pg_temp.one(NULL, '{kind1}', '{kind0,kind2}', '{kind3}')::text[]
    WHERE pg_temp.chance(0.2);
    UPDATE metric
    SET criticality_weights = pg_temp.one(NULL, '{1,2,3,4}', '{0,1,1,5}', '{3,0,7,1000}')::integer[]
    WHERE pg_temp.chance(0.2);
$$;
CREATE PROCEDURE pg_temp.keep_scope(of_day date) LANGUAGE sql AS $$
    INSERT INTO day_asset SELECT of_day, asset_id, kind, criticality FROM asset;
    INSERT INTO day_metric
    SELECT of_day, metric_id, asset_kinds, criticality_weights FROM metric;
$$;
-- what a metric counts on a day, row by row, with the weight of each asset by the filter of a day
CREATE FUNCTION pg_temp.counting(on_day date, filter_day date)
    RETURNS TABLE (metric_id integer, asset_id integer, exposed boolean, weight integer) LANGUAGE sql AS $$
    SELECT b.metric_id, f.asset_id, bool_or(f.state = 'non_compliant' AND m.asset_id IS NULL),
           CASE WHEN c.kinds IS NULL OR a.kind = ANY (c.kinds)
                THEN coalesce(c.weights[CASE a.criticality WHEN 'low' THEN 1 WHEN 'medium' THEN 2
                                        WHEN 'high' THEN 3 ELSE 4 END], 1) ELSE 0 END
    FROM day_member b
    JOIN day_finding f ON f.day = on_day AND f.recommendation_id = b.recommendation_id
                      AND f.state <> 'not_applicable'
    JOIN day_metric c ON c.day = filter_day AND c.metric_id = b.metric_id
    JOIN day_asset a ON a.day = filter_day AND a.asset_id = f.asset_id
    LEFT JOIN day_exempt w ON w.day = on_day AND w.recommendation_id = b.recommendation_id
                          AND w.asset_id = f.asset_id AND w.kind = 'waived'
    LEFT JOIN day_exempt m ON m.day = on_day AND m.recommendation_id = b.recommendation_id
                          AND m.asset_id = f.asset_id AND m.kind = 'mitigated'
    WHERE b.day = on_day AND w.asset_id IS NULL
      AND NOT EXISTS (SELECT FROM day_inactive g WHERE g.day = on_day AND g.asset_id = f.asset_id)
    GROUP BY b.metric_id, f.asset_id, a.kind, a.criticality, c.kinds, c.weights
$$;
CREATE TEMP TABLE wrong (what text, round integer, was_day date, is_day date, of_group integer, detail text);
CREATE TEMP TABLE tried (what text, cases bigint);

CREATE PROCEDURE pg_temp.compare_ends(round integer, was_day date, is_day date, of_group integer)
    LANGUAGE plpgsql AS $$
DECLARE
    metrics integer[] := ARRAY(SELECT metric_id FROM metric);
BEGIN
    CREATE TEMP TABLE ours AS
    SELECT * FROM change_attribution(was_day, is_day, metrics, '{}',
                                     CASE WHEN of_group IS NOT NULL THEN group_assets(of_group) END, of_group);
    CREATE TEMP TABLE theirs AS
    SELECT e.step, c.metric_id, sum(c.weight) AS assessed,
           coalesce(sum(c.weight) FILTER (WHERE c.exposed), 0) AS exposed
    FROM (VALUES (was_day, -1), (is_day, 15)) e(day, step)
    CROSS JOIN LATERAL pg_temp.counting(e.day, e.day) c
    JOIN pg_temp.in_scope(of_group) USING (asset_id)
    GROUP BY 1, 2 HAVING sum(c.weight) > 0;
    INSERT INTO wrong
    SELECT 'counts', round, was_day, is_day, of_group, format('%s ours %s theirs %s', metric_id, o, t)
    FROM (SELECT step, object_id AS metric_id, assessed, exposed FROM ours
          WHERE step IN (-1, 15) AND assessed > 0) o
    FULL JOIN theirs t USING (step, metric_id)
    WHERE (o.assessed, o.exposed) IS DISTINCT FROM (t.assessed, t.exposed);
    INSERT INTO tried SELECT 'counts', count(*) FROM theirs;
    -- assets that one day's filter counts and the other's does not
    CREATE TEMP TABLE moved AS
    SELECT metric_id, array_agg(asset_id ORDER BY asset_id) AS assets
    FROM pg_temp.counting(was_day, was_day) w
    JOIN pg_temp.counting(was_day, is_day) i USING (metric_id, asset_id)
    JOIN pg_temp.in_scope(of_group) USING (asset_id)
    WHERE (w.weight > 0) <> (i.weight > 0)
    GROUP BY 1;
    INSERT INTO wrong
    SELECT 'moved', round, was_day, is_day, of_group, format('%s ours %s theirs %s', metric_id, o.assets, m.assets)
    FROM (SELECT object_id AS metric_id, assets::integer[] FROM ours
          WHERE step = 0 AND assets <> '{}') o
    FULL JOIN moved m USING (metric_id)
    WHERE o.assets IS DISTINCT FROM m.assets;
    INSERT INTO tried SELECT 'moved', count(*) FROM moved;
    DROP TABLE ours, theirs, moved;
END $$;

CREATE PROCEDURE pg_temp.compare_parts(round integer, was_day date, is_day date, of_group integer)
    LANGUAGE plpgsql AS $$
DECLARE
    of_key text := (SELECT key FROM asset_group WHERE asset_group_id = of_group);
BEGIN
    CREATE TEMP TABLE shown AS
    SELECT DISTINCT d.day, coalesce('metric:' || r.metric, 'initiative:' || r.initiative) AS object, r.score
    FROM unnest(ARRAY[was_day, is_day]) d(day) CROSS JOIN LATERAL report_at(d.day, of_key) r;
    CREATE TEMP TABLE part AS
    SELECT o.object, p.score AS shown_before, n.score AS shown, c.*
    FROM (SELECT DISTINCT object FROM shown) o
    JOIN shown p ON p.object = o.object AND p.day = was_day
    JOIN shown n ON n.object = o.object AND n.day = is_day
    CROSS JOIN LATERAL change_report(o.object, was_day, is_day, of_key) c;
    INSERT INTO wrong
    SELECT 'parts', round, was_day, is_day, of_group, p::text
    FROM (SELECT object, sum(points) AS points, shown_before, shown,
                 bool_and(previous_score IS NOT DISTINCT FROM shown_before
                          AND score IS NOT DISTINCT FROM shown) AS same,
                 bool_or(reason IN ('available', 'unavailable')) AS appears
          FROM part GROUP BY object, shown_before, shown) p
    WHERE NOT p.same OR coalesce(p.points, 0) <> coalesce(p.shown - p.shown_before, 0)
       OR p.appears <> ((p.shown IS NULL) <> (p.shown_before IS NULL));
    -- a score that changed has parts
    INSERT INTO wrong
    SELECT 'no part', round, was_day, is_day, of_group, o.object
    FROM shown o JOIN shown n USING (object)
    WHERE o.day = was_day AND n.day = is_day AND o.score IS DISTINCT FROM n.score
      AND NOT EXISTS (SELECT FROM part p WHERE p.object = o.object);
    INSERT INTO tried SELECT 'parts of ' || split_part(object, ':', 1), count(*) FROM part WHERE points <> 0 GROUP BY 1;
    INSERT INTO tried SELECT 'changes of scope', count(*) FROM part WHERE points <> 0 AND reason = 'scope_change';
    DROP TABLE shown, part;
END $$;

CREATE PROCEDURE pg_temp.try(round integer) LANGUAGE plpgsql AS $$
DECLARE
    on_day date;
BEGIN
    CALL pg_temp.begin_round(round);
    INSERT INTO asset_group (asset_group_id, key, name, kinds, tags) OVERRIDING SYSTEM VALUE
    VALUES (4, 'env', 'E', NULL, '{"env": "e1"}'), (5, 'none', 'N', '{nothing}', NULL);
    TRUNCATE day_asset, day_metric;
    FOR i IN 0 .. 2 LOOP
        on_day := '2024-03-01'::date + i;
        IF i > 0 THEN
            CALL pg_temp.change_day(false, on_day + interval '10 hours');
            CALL pg_temp.change_scope();
        END IF;
        CALL pg_temp.keep_day(on_day);
        CALL pg_temp.keep_scope(on_day);
    END LOOP;
    -- whatever changes since
    CALL pg_temp.change_scope();
    IF random() < 0.5 THEN
        PERFORM fold();
    END IF;
    FOR i IN 0 .. 1 LOOP
        FOR of_group IN 0 .. 5 LOOP
            CALL pg_temp.compare_ends(round, '2024-03-01'::date + i, '2024-03-02'::date + i, nullif(of_group, 0));
            IF random() < 0.3 THEN
                CALL pg_temp.compare_parts(round, '2024-03-01'::date + i, '2024-03-02'::date + i, nullif(of_group, 0));
            END IF;
        END LOOP;
    END LOOP;
    CALL pg_temp.compare_ends(round, '2024-03-01', '2024-03-03', NULL);
    CALL pg_temp.compare_parts(round, '2024-03-01', '2024-03-03', NULL);
    CALL pg_temp.compare_parts(round, '2024-03-01', '2024-03-03', 4);
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
SELECT what, sum(cases) FROM tried GROUP BY 1 HAVING sum(cases) < 5 * $rounds ORDER BY 1;
SELECT count(DISTINCT what) FROM tried;
SELECT * FROM wrong ORDER BY what, round LIMIT 10;
SQL
is($out, 5, 'causes at a coordinate');
$node->stop;
done_testing();

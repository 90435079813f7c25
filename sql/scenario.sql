-- What an initiative would score: compared with truly remediating, and with
-- all assets but those of a group retired, on random catalogs that overlap.
CREATE EXTENSION posture;
\pset format unaligned
\pset fieldsep ' | '
SET search_path = posture, posture_internal, public;
SET posture.timezone = 'UTC';
SET client_min_messages = warning;
SET jit = off;

CREATE PROCEDURE pg_temp.make_catalog(round integer) LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE source, asset, asset_alias, asset_group, recommendation, metric, metric_recommendation, initiative, initiative_metric,
        initiative_recommendation, finding, measure, exemption, benchmark, score_band RESTART IDENTITY;
    PERFORM setseed(round / 100.0);
    INSERT INTO source (key, name, is_active, stale_after)
    SELECT 's' || i, 'S', i <> 3, CASE WHEN i = 2 AND round % 2 = 0 THEN interval '30 days' END FROM generate_series(1, 3) i;
    INSERT INTO recommendation (source_id, key, title, max_points, is_active)
    SELECT 1 + i % 3, 'r' || i, 'R', CASE WHEN random() < 0.8 THEN (random() * 10)::integer END, random() > 0.1 FROM generate_series(1, 14) i;
    INSERT INTO asset (key, kind, name, criticality, tags, last_seen, retired_at)
    SELECT 'a' || i, 'kind' || (random() * 2)::integer, 'A', (ARRAY['low', 'medium', 'high', 'critical'])[1 + floor(random() * 4)],
           jsonb_build_object('env', 'e' || (random() * 2)::integer), now() - random() * interval '60 days', CASE WHEN random() < 0.05 THEN now() - interval '1 day' END
    FROM generate_series(1, 80) i;
    INSERT INTO asset_group (key, name, kinds, min_criticality, tags) VALUES
        ('kind', 'K', '{kind1}', NULL, NULL), ('critical', 'C', NULL, 'high', NULL), ('env', 'E', NULL, NULL, '{"env": "e1"}'),
        ('none', 'N', '{nothing}', NULL, NULL), ('all', 'A', NULL, NULL, NULL);
    INSERT INTO finding (recommendation_id, asset_id, state, changed_at)
    SELECT r.recommendation_id, a.asset_id, (ARRAY['compliant', 'non_compliant', 'not_applicable'])[1 + floor(random() * 3)]::finding_state, now() - interval '2 days'
    FROM recommendation r, asset a WHERE random() < 0.3 AND r.recommendation_id <= 11;
    INSERT INTO measure SELECT recommendation_id, (random() * 5)::integer, 5, now() - interval '1 day' FROM recommendation WHERE recommendation_id >= 11;
    INSERT INTO metric (key, name, asset_kinds, criticality_weights, is_active, importance)
    SELECT 'm' || i, 'M', CASE WHEN random() < 0.3 THEN ARRAY['kind0', 'kind1'] END,
           (ARRAY[NULL, NULL, '{1,1,2,5}', '{0,0,0,1}', '{3,0,7,1000}'])[1 + floor(random() * 5)]::integer[], random() > 0.1, (ARRAY['critical', 'low', 'risk_accepted', 'high'])[1 + i % 4]::importance
    FROM generate_series(1, 7) i;
    INSERT INTO metric_recommendation SELECT metric_id, recommendation_id FROM metric, recommendation WHERE random() < 0.3;
    INSERT INTO initiative (key, name, method) SELECT 'i' || i, 'I', (ARRAY['weighted', 'population', 'points'])[1 + i % 3]::initiative_method FROM generate_series(1, 6) i;
    INSERT INTO initiative_metric SELECT initiative_id, metric_id, CASE WHEN random() < 0.5 THEN (random() * 4)::integer END
    FROM initiative, metric WHERE random() < 0.5 AND initiative_id < 6;
    INSERT INTO initiative_recommendation SELECT initiative_id, recommendation_id FROM initiative, recommendation WHERE random() < 0.4 AND initiative_id IN (2, 5, 6);
    INSERT INTO exemption (recommendation_id, asset_id, asset_group_id, kind, reason)
    SELECT r.recommendation_id, CASE WHEN random() < 0.5 THEN 1 + floor(random() * 80) END, NULL, (ARRAY['mitigated', 'waived', 'risk_accepted'])[1 + floor(random() * 3)]::exemption_kind, 'x'
    FROM recommendation r WHERE random() < 0.4;
    INSERT INTO exemption (recommendation_id, asset_group_id, kind, reason) SELECT recommendation_id, 1, 'waived', 'x' FROM recommendation WHERE random() < 0.1;
    IF random() < 0.5 THEN
        PERFORM fold();
    END IF;
    UPDATE finding SET state = 'non_compliant' WHERE random() < 0.03;
END $$;

CREATE TEMP TABLE outcome (what text, differs integer, is_scored boolean);
-- measures of the chosen reach all that is possible, findings comply
CREATE PROCEDURE pg_temp.try_remediation(chosen integer[]) LANGUAGE plpgsql AS $$
DECLARE
    expected jsonb := (SELECT jsonb_object_agg(i.key, what_if(i.key, ARRAY(SELECT s.key || ':' || r.key FROM recommendation r JOIN source s USING (source_id) WHERE r.recommendation_id = ANY (chosen)))) FROM initiative i);
    found jsonb;
BEGIN
    BEGIN
        UPDATE finding SET state = 'compliant' WHERE state = 'non_compliant' AND recommendation_id = ANY (chosen);
        UPDATE measure SET achieved = possible WHERE recommendation_id = ANY (chosen);
        found := (SELECT jsonb_object_agg(i.key, r.score) FROM initiative_result(NULL) r JOIN initiative i USING (initiative_id));
        RAISE EXCEPTION 'undone' USING ERRCODE = 'P0099';
    EXCEPTION WHEN SQLSTATE 'P0099' THEN
        INSERT INTO outcome SELECT CASE WHEN chosen = '{}' THEN 'nothing' ELSE 'what_if' END, (e.value <> found -> e.key)::integer, e.value <> 'null' FROM jsonb_each(expected) e;
    END;
END $$;
CREATE PROCEDURE pg_temp.try_group(of_group text) LANGUAGE plpgsql AS $$
DECLARE
    expected jsonb := (SELECT jsonb_object_agg(i.key, score_of(i.key, of_group)) FROM initiative i);
    found jsonb;
BEGIN
    BEGIN
        UPDATE asset a SET retired_at = coalesce(a.retired_at, now() - interval '1 hour') FROM asset_group g WHERE g.key = of_group AND NOT in_group(a, g);
        DELETE FROM measure;
        found := (SELECT jsonb_object_agg(i.key, r.score) FROM initiative_result(NULL) r JOIN initiative i USING (initiative_id));
        RAISE EXCEPTION 'undone' USING ERRCODE = 'P0099';
    EXCEPTION WHEN SQLSTATE 'P0099' THEN
        INSERT INTO outcome SELECT 'score_of', (e.value <> found -> e.key)::integer, e.value <> 'null' FROM jsonb_each(expected) e;
    END;
END $$;

DO $$
DECLARE
    g text;
    chosen integer[];
BEGIN
    FOR round IN 1..25 LOOP
        CALL pg_temp.make_catalog(round);
        CALL pg_temp.try_remediation('{}');
        FOR i IN 1..3 LOOP
            chosen := ARRAY(SELECT recommendation_id FROM recommendation WHERE random() < 0.1 * i);
            CALL pg_temp.try_remediation(chosen);
        END LOOP;
        chosen := ARRAY(SELECT recommendation_id FROM recommendation);
        CALL pg_temp.try_remediation(chosen);
        FOREACH g IN ARRAY ARRAY['kind', 'critical', 'env', 'none', 'all'] LOOP
            CALL pg_temp.try_group(g);
        END LOOP;
    END LOOP;
END $$;
SELECT what, count(*) > 100 AS enough, count(*) FILTER (WHERE is_scored) > 100 AS scored, sum(differs) AS differ, count(*) FILTER (WHERE differs IS NULL) AS missing FROM outcome GROUP BY what ORDER BY what;

-- names: by key, or by source and key where two sources share it
\set VERBOSITY terse
INSERT INTO recommendation (source_id, key, title) VALUES (1, 'shared', 'S'), (2, 'shared', 'S');
SELECT what_if('i1', '{shared}');
SELECT what_if('i1', '{s1:shared}') IS NOT DISTINCT FROM what_if('i1', '{}') AS same;
-- the key of one is how another is named
BEGIN;
INSERT INTO recommendation (source_id, key, title) VALUES (2, 's1:shared', 'S');
SELECT what_if('i1', '{s2:s1:shared}') IS NOT DISTINCT FROM what_if('i1', '{}') AS same;
SELECT what_if('i1', '{s1:shared}');
ROLLBACK;
SELECT what_if('i1', '{nothing}');
SELECT what_if('nothing', '{}');
SELECT what_if(NULL, '{}'), what_if('i1', NULL) IS NOT DISTINCT FROM what_if('i1', '{}') AS same;
SELECT score_of('i1', 'nothing');
SELECT score_of('nothing', 'all');
SELECT score_of('i1', NULL);

DROP EXTENSION posture;

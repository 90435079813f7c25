-- Initiatives and metrics by the assets of a group alone: compared with
-- retiring all other assets, on random catalogs that overlap.
CREATE EXTENSION posture;
\pset format unaligned
\pset fieldsep ' | '
SET search_path = posture, posture_internal, public;
SET posture.timezone = 'UTC';
SET client_min_messages = warning;
SET jit = off;

-- by hand: of four servers three are in the group, two of those are exposed, one of them critical
INSERT INTO source (key, name) VALUES ('s', 'S');
INSERT INTO recommendation (source_id, key, title) VALUES (1, 'disk', 'D'), (1, 'patch', 'P'), (1, 'mfa', 'M'), (1, 'tenant', 'T');
INSERT INTO asset (key, name, kind, criticality, tags) VALUES
    ('web1', 'W', 'host', 'critical', '{"env": "prod"}'), ('web2', 'W', 'host', 'low', '{"env": "prod"}'),
    ('web3', 'W', 'host', 'low', '{"env": "prod"}'), ('web4', 'W', 'host', 'critical', '{"env": "test"}'), ('ann', 'A', 'user', 'critical', '{"env": "test"}');
INSERT INTO metric (key, name, importance) VALUES ('hosts', 'Hosts', 'critical'), ('users', 'Users', 'medium');
INSERT INTO metric_recommendation VALUES (1, 1), (1, 2), (1, 4), (2, 3);
INSERT INTO initiative (key, name) VALUES ('basics', 'The basics');
INSERT INTO initiative_metric VALUES (1, 1, NULL), (1, 2, 7);
INSERT INTO finding (recommendation_id, asset_id, state)
VALUES (1, 1, 'non_compliant'), (2, 1, 'non_compliant'), (2, 2, 'non_compliant'), (1, 3, 'compliant'), (1, 4, 'non_compliant'), (3, 5, 'non_compliant');
INSERT INTO measure VALUES (4, 0, 10, now());
INSERT INTO asset_group (key, name, owner, tags) VALUES ('prod', 'Production', 'ann', '{"env": "prod"}'), ('test', 'Test', NULL, '{"env": "test"}'), ('mars', 'Mars', NULL, '{"env": "mars"}');
SELECT * FROM group_report WHERE initiative = 'basics' ORDER BY asset_group, metric NULLS FIRST;
-- the same when the group is folded, and when an asset came to it since
SELECT fold() IS NOT NULL AS folded;
SELECT score, exposed_assets, assessed_assets, critical_assets FROM group_report WHERE asset_group = 'prod' AND metric = 'hosts';
UPDATE asset SET tags = '{"env": "prod"}' WHERE key = 'web4';
SELECT score, exposed_assets, assessed_assets, critical_assets FROM group_report WHERE asset_group = 'prod' AND metric = 'hosts';
SELECT score_of('basics', 'prod'), score_of('basics', 'mars'), score_of(NULL, 'prod');

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
    INSERT INTO asset_group (key, name, kinds, min_criticality, tags, owner) VALUES
        ('kind', 'K', '{kind1}', NULL, NULL, 'ann'), ('critical', 'C', NULL, 'high', NULL, NULL), ('env', 'E', NULL, NULL, '{"env": "e1"}', NULL),
        ('none', 'N', '{nothing}', NULL, NULL, NULL), ('all', 'A', NULL, NULL, NULL, NULL);
    INSERT INTO finding (recommendation_id, asset_id, state, changed_at)
    SELECT r.recommendation_id, a.asset_id, (ARRAY['compliant', 'non_compliant', 'not_applicable'])[1 + floor(random() * 3)]::finding_state, now() - interval '2 days'
    FROM recommendation r, asset a WHERE random() < 0.3 AND r.recommendation_id <= 12;
    INSERT INTO measure SELECT recommendation_id, (random() * 5)::integer, 5, now() - interval '1 day' FROM recommendation WHERE recommendation_id >= 11;
    INSERT INTO metric (key, name, asset_kinds, is_active, importance)
    SELECT 'm' || i, 'M', CASE WHEN random() < 0.3 THEN ARRAY['kind0', 'kind1'] END, random() > 0.1, (ARRAY['critical', 'low', 'risk_accepted', 'high'])[1 + i % 4]::importance
    FROM generate_series(1, 7) i;
    UPDATE metric SET criticality_weights = (ARRAY['{0,0,0,1}', '{1,1,2,5}', '{0,3,0,2}'])[1 + metric_id % 3]::integer[] WHERE random() < 0.4;
    INSERT INTO metric_recommendation SELECT metric_id, recommendation_id FROM metric, recommendation WHERE random() < 0.3;
    INSERT INTO initiative (key, name, method, is_active) SELECT 'i' || i, 'I', (ARRAY['weighted', 'population', 'points'])[1 + i % 3]::initiative_method, random() > 0.1 FROM generate_series(1, 7) i;
    INSERT INTO initiative_metric SELECT initiative_id, metric_id, CASE WHEN random() < 0.5 THEN (random() * 4)::integer END
    FROM initiative, metric WHERE random() < 0.5 AND initiative_id < 6;
    INSERT INTO initiative_recommendation SELECT initiative_id, recommendation_id FROM initiative, recommendation WHERE random() < 0.4 AND initiative_id IN (2, 5, 6);
    INSERT INTO exemption (recommendation_id, asset_id, asset_group_id, kind, reason)
    SELECT r.recommendation_id, CASE WHEN r.k > 0.3 THEN 1 + floor(random() * 80) END, CASE WHEN r.k BETWEEN 0.1 AND 0.3 THEN 1 + floor(random() * 3) END,
           (ARRAY['mitigated', 'waived', 'risk_accepted'])[1 + floor(random() * 3)]::exemption_kind, 'x'
    FROM (SELECT r.recommendation_id, random() AS k FROM recommendation r, generate_series(1, 4) WHERE random() < 0.4) r;
    IF random() < 0.5 THEN
        PERFORM fold();
    END IF;
    UPDATE finding SET state = 'non_compliant' WHERE random() < 0.03;
    UPDATE asset SET criticality = 'critical', kind = 'kind1' WHERE random() < 0.05;
END $$;

-- as all is, counted plainly: asset by asset
CREATE FUNCTION pg_temp.counted() RETURNS TABLE (initiative text, metric text, name text, score numeric, exposed bigint, assessed numeric, critical bigint, weight numeric)
    LANGUAGE sql AS $$
    WITH assets AS MATERIALIZED (
        SELECT e.object_kind, e.object_id, posture.members(e.assessed) AS asset_id, NULL::integer AS exposed_id
        FROM posture_internal.exposure('infinity', false, NULL, NULL) e WHERE e.object_kind IN ('metric', 'recommendation')
        UNION ALL
        SELECT e.object_kind, e.object_id, NULL, posture.members(e.exposed)
        FROM posture_internal.exposure('infinity', false, NULL, NULL) e WHERE e.object_kind IN ('metric', 'recommendation')
    ), member AS (
        SELECT b.initiative_id, 'metric' AS object_kind, b.metric_id AS object_id, b.metric_id, b.weight FROM posture_internal.initiative_member(NULL) b
        UNION ALL
        SELECT d.initiative_id, 'recommendation', unnest(d.recommendations), NULL, NULL FROM posture_internal.initiative_definition(NULL) d WHERE d.method = 'points'
    ), row AS (
        SELECT b.initiative_id, b.metric_id, b.weight, a.asset_id, a.exposed_id FROM member b LEFT JOIN assets a USING (object_kind, object_id) WHERE b.metric_id IS NOT NULL
        UNION ALL
        SELECT i.initiative_id, NULL, NULL, a.asset_id, a.exposed_id
        FROM posture.initiative i LEFT JOIN member b USING (initiative_id) LEFT JOIN assets a USING (object_kind, object_id)
        WHERE i.is_active
    )
    SELECT i.key, m.key, coalesce(m.name, i.name), CASE WHEN r.metric_id IS NULL THEN n.score ELSE s.score END,
           CASE WHEN r.metric_id IS NULL THEN count(DISTINCT r.exposed_id)
                ELSE coalesce(sum(posture_internal.asset_weight(posture_internal.criticality_rank(a.criticality), m.criticality_weights)) FILTER (WHERE r.exposed_id IS NOT NULL), 0) END,
           CASE WHEN r.metric_id IS NULL THEN count(DISTINCT r.asset_id)
                ELSE coalesce(sum(posture_internal.asset_weight(posture_internal.criticality_rank(a.criticality), m.criticality_weights)) FILTER (WHERE r.asset_id IS NOT NULL), 0) END,
           count(DISTINCT r.exposed_id) FILTER (WHERE a.criticality = 'critical'), r.weight
    FROM row r
    JOIN posture.initiative i USING (initiative_id)
    JOIN posture_internal.initiative_result(NULL) n USING (initiative_id)
    LEFT JOIN posture.metric m USING (metric_id)
    LEFT JOIN posture_internal.metric_state('infinity') s USING (metric_id)
    LEFT JOIN posture.asset a ON a.asset_id = coalesce(r.exposed_id, r.asset_id)
    GROUP BY i.key, m.key, m.name, i.name, r.metric_id, n.score, s.score, r.weight, m.criticality_weights
$$;

CREATE TEMP TABLE outcome (of_group text, rows bigint, scored bigint, critical bigint, missing bigint, odd bigint, score_of bigint);
CREATE PROCEDURE pg_temp.try_group(of_group text) LANGUAGE plpgsql AS $$
DECLARE
    result outcome;
BEGIN
    CREATE TEMP TABLE given AS
    SELECT g.initiative, g.metric, g.name, g.score, g.exposed_assets, g.assessed_assets, g.critical_assets, g.weight
    FROM group_report g WHERE g.asset_group = of_group;
    result := ROW(of_group, (SELECT count(*) FROM given), (SELECT count(g.score) FROM given g), (SELECT sum(g.critical_assets) FROM given g), NULL, NULL,
                  (SELECT count(*) FROM given g WHERE g.metric IS NULL AND score_of(g.initiative, of_group)::numeric IS DISTINCT FROM g.score));
    BEGIN
        UPDATE asset a SET retired_at = coalesce(a.retired_at, now() - interval '1 hour') FROM asset_group g WHERE g.key = of_group AND NOT in_group(a, g);
        DELETE FROM measure;
        result.missing := (SELECT count(*) FROM (SELECT * FROM pg_temp.counted() EXCEPT ALL SELECT * FROM given) x);
        result.odd := (SELECT count(*) FROM (SELECT * FROM given EXCEPT ALL SELECT * FROM pg_temp.counted()) x);
        RAISE EXCEPTION 'undone' USING ERRCODE = 'P0099';
    EXCEPTION WHEN SQLSTATE 'P0099' THEN
        INSERT INTO outcome SELECT result.*;
    END;
    DROP TABLE given;
END $$;
DO $$
DECLARE
    g text;
BEGIN
    FOR round IN 1..10 LOOP
        CALL pg_temp.make_catalog(round);
        FOREACH g IN ARRAY ARRAY['kind', 'critical', 'env', 'none', 'all'] LOOP
            CALL pg_temp.try_group(g);
        END LOOP;
    END LOOP;
END $$;
SELECT of_group, sum(rows) > 100 AS enough, sum(scored) > 100 AS scored, sum(critical) > 100 AS critical, sum(missing) AS missing, sum(odd) AS odd, sum(score_of) AS score_of
FROM outcome GROUP BY of_group ORDER BY of_group;
-- all groups at once are each by itself
SELECT count(*) > 50 AS enough, (SELECT count(*) FROM (SELECT * FROM group_report
                                                       EXCEPT ALL
                                                       SELECT x.* FROM asset_group g CROSS JOIN LATERAL (SELECT * FROM group_report r WHERE r.asset_group = g.key) x) d) AS differ
FROM group_report;

DROP EXTENSION posture;

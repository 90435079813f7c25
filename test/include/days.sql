\set ECHO none
-- Random catalogs with a history: what happens around the days that begin at a given time, and
-- after them. Needs random.sql and catalog.sql.
CREATE FUNCTION pg_temp.weights() RETURNS integer[] LANGUAGE sql VOLATILE AS $$
    SELECT pg_temp.one(NULL, NULL, '{0,0,0,1}', '{1,1,2,5}', '{7,0,0,0}',
                       format('{%s,%s,%s,%s}', pg_temp.n(3), pg_temp.n(5), 1 + pg_temp.n(9),
                              pg_temp.n(1001)))::integer[] $$;

-- Replaces everything. Findings, measures and exemptions are of three days before the start and
-- of those after it.
CREATE PROCEDURE pg_temp.make_days(start timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    CALL pg_temp.clear_catalog();
    INSERT INTO source (key, name, is_active, stale_after)
    SELECT 's' || g, 's', g < 4 OR pg_temp.chance(0.5),
           CASE WHEN pg_temp.chance(0.6) THEN (1 + pg_temp.n(20)) * interval '1 day' END
    FROM generate_series(1, 4) g;
    INSERT INTO asset (key, name, kind, criticality, tags, last_seen, retired_at)
    SELECT 'a' || g, 'a', pg_temp.one('host', 'user', 'bucket'),
           pg_temp.one('low', 'medium', 'high', 'critical'),
           CASE WHEN pg_temp.chance(0.5) THEN '{"env": "prod"}' ELSE '{}' END::jsonb,
           start - pg_temp.n(25) * interval '1 day',
           CASE WHEN pg_temp.chance(0.1) THEN start + (pg_temp.n(6) - 3) * interval '1 day' END
    FROM generate_series(1, 20 + pg_temp.n(60)) g;
    INSERT INTO asset_group (key, name, kinds, min_criticality, tags)
    SELECT 'g' || g, 'g',
           CASE WHEN pg_temp.chance(0.5)
                THEN ARRAY[pg_temp.one('host', 'user'), pg_temp.one('bucket', 'none')] END,
           CASE WHEN pg_temp.chance(0.5) THEN pg_temp.one('low', 'medium', 'high', 'critical') END,
           CASE WHEN pg_temp.chance(0.4) THEN '{"env": "prod"}'::jsonb END
    FROM generate_series(1, 4) g;
    INSERT INTO recommendation (source_id, key, title, max_points)
    SELECT 1 + pg_temp.n(4), 'r' || g, 'r',
           CASE WHEN pg_temp.chance(0.6) THEN pg_temp.n(20) * 0.5 END
    FROM generate_series(1, 40) g;
    INSERT INTO finding (recommendation_id, asset_id, state, changed_at)
    SELECT r.recommendation_id, a.asset_id,
           (CASE WHEN random() < r.health THEN 'compliant' WHEN random() < 0.7 THEN 'non_compliant'
                 ELSE 'not_applicable' END)::finding_state,
           start + (random() * 72 - 48) * interval '1 hour'
    FROM (SELECT o.recommendation_id, random() AS health, random() * 0.5 AS share
          FROM recommendation o OFFSET 0) r, asset a
    WHERE r.recommendation_id <= 32 AND random() < r.share;
    INSERT INTO measure (recommendation_id, achieved, possible, observed_at)
    SELECT r.recommendation_id, round((r.possible * random())::numeric, pg_temp.n(3)), r.possible,
           start + (random() * 72 - 48) * interval '1 hour'
    FROM (SELECT o.recommendation_id, pg_temp.n(30) AS possible FROM recommendation o
          WHERE o.recommendation_id > 29 OFFSET 0) r
    WHERE NOT pg_temp.chance(0.2);
    INSERT INTO exemption (recommendation_id, asset_id, asset_group_id, kind, reason, created_at,
                           expires_at)
    SELECT 1 + pg_temp.n(40), CASE WHEN e.scope < 4 THEN e.asset END,
           CASE WHEN e.scope BETWEEN 4 AND 6 THEN 1 + pg_temp.n(4) END,
           pg_temp.one('mitigated', 'waived', 'risk_accepted')::exemption_kind, 'test', e.begins,
           CASE WHEN pg_temp.chance(0.5) THEN e.begins + random() * interval '5 days' END
    FROM (SELECT pg_temp.n(8) AS scope, 1 + pg_temp.n(20) AS asset,
                 start + CASE WHEN pg_temp.chance(0.1) THEN interval '100 years'
                              ELSE (random() * 96 - 72) * interval '1 hour' END AS begins
          FROM generate_series(1, 30) OFFSET 0) e;
    INSERT INTO metric (key, name, importance, asset_kinds, criticality_weights, drop_threshold,
                        is_active)
    SELECT 'm' || g, 'm',
           pg_temp.one('critical', 'high', 'medium', 'low', 'risk_accepted')::importance,
           CASE WHEN pg_temp.chance(0.3) THEN ARRAY[pg_temp.one('host', 'user', 'none'),
                                                    pg_temp.one('bucket', 'user')] END,
           pg_temp.weights(), CASE WHEN pg_temp.chance(0.3) THEN 0.5 END, NOT pg_temp.chance(0.1)
    FROM generate_series(1, 30) g;
    INSERT INTO metric_recommendation
    SELECT m.metric_id, 1 + pg_temp.n(40) FROM metric m, generate_series(1, 5) g
    WHERE random() < 0.6 ON CONFLICT DO NOTHING;
    INSERT INTO initiative (key, name, method, drop_threshold, is_active)
    SELECT 'i' || g, 'i', pg_temp.one('weighted', 'population', 'points')::initiative_method,
           CASE WHEN pg_temp.chance(0.7) THEN 0.01 END, NOT pg_temp.chance(0.1)
    FROM generate_series(1, 20) g;
    INSERT INTO initiative_metric
    SELECT i.initiative_id, 1 + pg_temp.n(30),
           CASE WHEN pg_temp.chance(0.5) THEN pg_temp.n(8) * 0.5 END
    FROM initiative i, generate_series(1, 8) g
    WHERE i.initiative_id > 3 AND random() < 0.5 ON CONFLICT DO NOTHING;
    INSERT INTO initiative_recommendation
    SELECT i.initiative_id, 1 + pg_temp.n(40)
    FROM initiative i, generate_series(1, 6) g
    WHERE i.initiative_id < 8 AND random() < 0.5 ON CONFLICT DO NOTHING;
END $$;

-- what happens from one day to the next
CREATE PROCEDURE pg_temp.live_a_day(start timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE finding
    SET state = pg_temp.one('compliant', 'non_compliant', 'not_applicable')::finding_state,
        changed_at = start + random() * interval '1 day'
    WHERE changed_at < start AND random() < 0.15;
    UPDATE measure
    SET achieved = round((possible * random())::numeric, 1),
        observed_at = start + random() * interval '1 day'
    WHERE observed_at < start AND random() < 0.3;
    UPDATE asset SET last_seen = start + random() * interval '1 day' WHERE random() < 0.3;
    UPDATE metric
    SET importance = pg_temp.one('critical', 'high', 'medium', 'low', 'risk_accepted')::importance
    WHERE random() < 0.05;
    UPDATE metric SET is_active = NOT is_active WHERE random() < 0.05;
    UPDATE metric SET criticality_weights = pg_temp.weights() WHERE random() < 0.1;
    UPDATE asset SET criticality = pg_temp.one('low', 'medium', 'high', 'critical')
    WHERE random() < 0.1;
    UPDATE source SET is_active = NOT is_active WHERE random() < 0.05;
    UPDATE recommendation SET is_active = NOT is_active WHERE random() < 0.03;
    UPDATE initiative
    SET method = pg_temp.one('weighted', 'population', 'points')::initiative_method
    WHERE random() < 0.1;
    UPDATE initiative_metric SET weight = pg_temp.n(8) * 0.5 WHERE random() < 0.1;
    DELETE FROM initiative_metric WHERE random() < 0.05;
    DELETE FROM metric_recommendation WHERE random() < 0.03;
    INSERT INTO initiative_metric SELECT 1 + pg_temp.n(20), 1 + pg_temp.n(30)
    FROM generate_series(1, 5) ON CONFLICT DO NOTHING;
    INSERT INTO metric_recommendation SELECT 1 + pg_temp.n(30), 1 + pg_temp.n(40)
    FROM generate_series(1, 3) ON CONFLICT DO NOTHING;
END $$;

-- a few changes of findings and of assets, which readers see before a fold
CREATE PROCEDURE pg_temp.touch(assets boolean) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE finding
    SET state = pg_temp.one('compliant', 'non_compliant', 'not_applicable')::finding_state
    WHERE random() < 0.05;
    DELETE FROM finding WHERE random() < 0.02;
    UPDATE finding SET asset_id = (SELECT max(asset_id) FROM asset) WHERE ctid IN
        (SELECT min(ctid) FROM finding f
         WHERE NOT EXISTS (SELECT FROM finding o
                           WHERE o.recommendation_id = f.recommendation_id
                             AND o.asset_id = (SELECT max(asset_id) FROM asset)));
    INSERT INTO finding
    SELECT 1 + pg_temp.n(32), 1 + pg_temp.n(20),
           pg_temp.one('compliant', 'non_compliant', 'not_applicable')::finding_state
    FROM generate_series(1, 10)
    ON CONFLICT (recommendation_id, asset_id) DO NOTHING;
    IF assets THEN
        UPDATE asset SET kind = pg_temp.one('host', 'user', 'bucket') WHERE random() < 0.05;
        UPDATE asset SET criticality = pg_temp.one('low', 'medium', 'high', 'critical')
        WHERE random() < 0.05;
        UPDATE asset SET retired_at = CASE WHEN retired_at IS NULL THEN now() END
        WHERE random() < 0.05;
        UPDATE asset SET last_seen = now() - random() * interval '10 days' WHERE random() < 0.1;
    END IF;
END $$;
\set ECHO all

\set ECHO none
-- Random catalogs that live through days, and copies of them at the end of each day. Needs
-- random.sql and model.sql. Ids of assets are spread over chunks and slices.
CREATE FUNCTION model.state() RETURNS posture.finding_state LANGUAGE sql VOLATILE AS $$
    SELECT pg_temp.one('compliant', 'non_compliant', 'non_compliant',
                       'not_applicable')::posture.finding_state $$;
CREATE FUNCTION model.weights() RETURNS integer[] LANGUAGE sql VOLATILE AS $$
    SELECT pg_temp.one(NULL, NULL, NULL, '{1,1,2,5}', '{0,0,0,1}', '{3,0,7,1000}')::integer[] $$;
CREATE FUNCTION model.kinds() RETURNS text[] LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN random() < 0.4
                THEN ARRAY[pg_temp.one('host', 'user', 'none'), pg_temp.one('bucket', 'user')]
                END $$;
CREATE FUNCTION model.population_of() RETURNS integer LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN random() < 0.5
                THEN (SELECT g.asset_group_id FROM posture.asset_group g ORDER BY random() LIMIT 1)
                END $$;
CREATE FUNCTION model.unassessed_as() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT pg_temp.one('excluded', 'exposed', 'compliant') $$;
CREATE FUNCTION model.importance() RETURNS posture.importance LANGUAGE sql VOLATILE AS $$
    SELECT pg_temp.one('critical', 'high', 'medium', 'low',
                       'risk_accepted')::posture.importance $$;
CREATE FUNCTION model.criticality() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT pg_temp.one('low', 'medium', 'high', 'critical') $$;
-- a row of a table of few rows
CREATE FUNCTION model.some(relation regclass, id text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    result integer;
BEGIN
    EXECUTE format('SELECT %I FROM %s ORDER BY random() LIMIT 1', id, relation) INTO result;
    RETURN result;
END $$;

CREATE PROCEDURE model.add_findings(share double precision, start timestamptz)
    LANGUAGE sql AS $$
    INSERT INTO posture.finding (recommendation_id, asset_id, state, changed_at)
    SELECT r.recommendation_id, a.asset_id, model.state(), start + random() * interval '23 hours'
    FROM posture.recommendation r, posture.asset a
    WHERE random() < share AND r.key <> ALL ('{r13,r14,r15,r16}')
    ON CONFLICT DO NOTHING $$;

CREATE PROCEDURE model.add_exemptions(n integer, start timestamptz) LANGUAGE sql AS $$
    INSERT INTO posture.exemption (recommendation_id, asset_id, asset_group_id, kind, reason,
                                   created_at, expires_at)
    SELECT e.recommendation_id, CASE WHEN e.scope > 0.3 THEN e.asset_id END,
           CASE WHEN e.scope BETWEEN 0.1 AND 0.3 THEN e.asset_group_id END,
           pg_temp.one('mitigated', 'waived', 'risk_accepted')::posture.exemption_kind, 'test',
           e.begins, CASE WHEN random() < 0.5 THEN e.begins + random() * interval '5 days' END
    FROM (SELECT r.recommendation_id, random() AS scope,
                 model.some('posture.asset', 'asset_id') AS asset_id,
                 model.some('posture.asset_group', 'asset_group_id') AS asset_group_id,
                 start + (random() * 46 - 23) * interval '1 hour' AS begins
          FROM (SELECT recommendation_id FROM posture.recommendation, generate_series(1, n)
                ORDER BY random() LIMIT n) r OFFSET 0) e $$;

-- a catalog, and findings of the two days before and of the one that begins at start
CREATE PROCEDURE model.make(start timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO posture.source (key, name, is_active, stale_after)
    SELECT 's' || n, 'S', n < 4 OR random() < 0.7,
           CASE WHEN random() < 0.4 THEN (1 + pg_temp.n(30)) * interval '1 day' END
    FROM generate_series(1, 4) n;
    INSERT INTO posture.asset (asset_id, key, name, kind, criticality, tags, last_seen, retired_at)
        OVERRIDING SYSTEM VALUE
    SELECT CASE WHEN n % 3 = 0 THEN n ELSE n * 37003 END, 'a' || n, 'A',
           pg_temp.one('host', 'user', 'bucket'), model.criticality(),
           jsonb_build_object('env', 'e' || pg_temp.n(3)),
           start - pg_temp.n(25) * interval '1 day',
           CASE WHEN random() < 0.1 THEN start + (pg_temp.n(6) - 1) * interval '1 day' END
    FROM generate_series(1, 30 + pg_temp.n(30)) n;
    PERFORM setval('posture.asset_asset_id_seq', 3000000);
    INSERT INTO posture.asset_group (key, name, kinds, min_criticality, tags) VALUES
        ('kind', 'K', '{user}', NULL, NULL), ('critical', 'C', NULL, 'high', NULL),
        ('env', 'E', NULL, NULL, '{"env": "e1"}'), ('none', 'N', '{nothing}', NULL, NULL),
        ('both', 'B', '{host,bucket}', 'medium', '{"env": "e0"}');
    INSERT INTO posture.recommendation (source_id, key, title, max_points, is_active)
    SELECT 1 + n % 4, CASE WHEN n < 3 THEN 'shared' ELSE 'r' || n END, 'R',
           CASE WHEN random() < 0.8 THEN pg_temp.n(20) * 0.5 END, random() > 0.1
    FROM generate_series(1, 16) n;
    CALL model.add_findings(0.3, start);
    UPDATE posture.finding SET changed_at = changed_at - interval '1 day' WHERE random() < 0.5;
    INSERT INTO posture.measure (recommendation_id, achieved, possible, observed_at)
    SELECT r.recommendation_id, round((r.possible * random())::numeric, pg_temp.n(3)), r.possible,
           start - random() * interval '20 hours'
    FROM (SELECT o.recommendation_id, pg_temp.n(9) AS possible FROM posture.recommendation o
          WHERE o.key IN ('r11', 'r12', 'r13', 'r14') OFFSET 0) r;
    INSERT INTO posture.metric (key, name, importance, asset_kinds, criticality_weights, is_active,
                                drop_threshold, population_group_id, unassessed)
    SELECT 'm' || n, 'M', model.importance(), model.kinds(), model.weights(), random() > 0.1,
           CASE WHEN random() < 0.3 THEN 0.5 END, model.population_of(), model.unassessed_as()
    FROM generate_series(1, 12) n;
    INSERT INTO posture.metric_recommendation
    SELECT metric_id, recommendation_id FROM posture.metric, posture.recommendation
    WHERE random() < 0.2;
    INSERT INTO posture.initiative (key, name, method, is_active, drop_threshold)
    SELECT 'i' || n, 'I', (ARRAY['weighted', 'population', 'points'])[1 + n % 3]
                          ::posture.initiative_method, random() > 0.1,
           CASE WHEN random() < 0.5 THEN 0.01 END
    FROM generate_series(1, 8) n;
    INSERT INTO posture.initiative_metric
    SELECT initiative_id, metric_id, CASE WHEN random() < 0.5 THEN pg_temp.n(8) * 0.5 END
    FROM posture.initiative, posture.metric WHERE random() < 0.4 AND initiative_id < 7;
    INSERT INTO posture.initiative_recommendation
    SELECT initiative_id, recommendation_id FROM posture.initiative, posture.recommendation
    WHERE random() < 0.3 AND initiative_id IN (1, 2, 5, 7, 8);
    CALL model.add_exemptions(20, start);
END $$;

-- what happens on a day: to assets and findings
CREATE PROCEDURE model.live_a_day(start timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE posture.finding SET state = model.state(),
                               changed_at = start + random() * interval '23 hours'
    WHERE changed_at < start AND random() < 0.15;
    -- what becomes known late counts from the first day on that has no snapshot
    UPDATE posture.finding SET state = model.state(), changed_at = start - interval '30 hours'
    WHERE random() < 0.02;
    INSERT INTO posture.asset (key, name, kind, criticality, tags, last_seen)
    SELECT 'b' || nextval('posture.asset_asset_id_seq'), 'B', pg_temp.one('host', 'user'),
           model.criticality(), '{"env": "e0"}', start
    FROM generate_series(1, pg_temp.n(3));
    CALL model.add_findings(0.01, start);
    UPDATE posture.measure
    SET achieved = round((possible * random())::numeric, 1),
        observed_at = start + random() * interval '23 hours'
    WHERE random() < 0.3;
    UPDATE posture.asset SET last_seen = start + random() * interval '23 hours'
    WHERE random() < 0.3;
    UPDATE posture.asset SET criticality = model.criticality() WHERE random() < 0.1;
    UPDATE posture.asset SET kind = pg_temp.one('host', 'user', 'bucket') WHERE random() < 0.1;
    UPDATE posture.asset SET tags = '{"env": "e1"}' WHERE random() < 0.05;
    UPDATE posture.asset SET retired_at = CASE WHEN retired_at IS NULL THEN start END
    WHERE random() < 0.05;
    CALL model.add_exemptions(3, start);
    DELETE FROM posture.exemption WHERE random() < 0.1;
    UPDATE posture.asset_group SET min_criticality = model.criticality() WHERE random() < 0.1;
    UPDATE posture.source SET is_active = NOT is_active WHERE random() < 0.03;
    UPDATE posture.recommendation SET is_active = NOT is_active WHERE random() < 0.03;
END $$;

-- and to what is measured
CREATE PROCEDURE model.change_catalog() LANGUAGE plpgsql AS $$
BEGIN
    UPDATE posture.metric SET importance = model.importance() WHERE random() < 0.1;
    UPDATE posture.metric SET is_active = NOT is_active WHERE random() < 0.05;
    UPDATE posture.metric SET criticality_weights = model.weights() WHERE random() < 0.1;
    UPDATE posture.metric SET asset_kinds = model.kinds() WHERE random() < 0.1;
    UPDATE posture.metric SET population_group_id = model.population_of() WHERE random() < 0.1;
    UPDATE posture.metric SET unassessed = model.unassessed_as() WHERE random() < 0.1;
    UPDATE posture.initiative
    SET method = pg_temp.one('weighted', 'population', 'points')::posture.initiative_method
    WHERE random() < 0.1;
    UPDATE posture.initiative SET is_active = NOT is_active WHERE random() < 0.05;
    UPDATE posture.initiative_metric SET weight = pg_temp.n(8) * 0.5 WHERE random() < 0.1;
    DELETE FROM posture.initiative_metric WHERE random() < 0.05;
    DELETE FROM posture.metric_recommendation WHERE random() < 0.05;
    DELETE FROM posture.initiative_recommendation WHERE random() < 0.05;
    INSERT INTO posture.initiative_metric
    SELECT initiative_id, metric_id FROM posture.initiative, posture.metric
    WHERE random() < 0.03 ON CONFLICT DO NOTHING;
    INSERT INTO posture.metric_recommendation
    SELECT metric_id, recommendation_id FROM posture.metric, posture.recommendation
    WHERE random() < 0.02 ON CONFLICT DO NOTHING;
    INSERT INTO posture.initiative_recommendation
    SELECT initiative_id, recommendation_id FROM posture.initiative, posture.recommendation
    WHERE random() < 0.02 ON CONFLICT DO NOTHING;
    DELETE FROM posture.metric WHERE random() < 0.02;
    DELETE FROM posture.initiative WHERE random() < 0.02;
END $$;

-- a copy of the catalog and of the findings of a schema, as another schema
CREATE PROCEDURE model.copy(copy text, original text, at timestamptz) LANGUAGE plpgsql AS $$
DECLARE
    relation text;
BEGIN
    EXECUTE format('CREATE SCHEMA %I', copy);
    FOREACH relation IN ARRAY ARRAY[
        'importance_weight', 'source', 'asset', 'asset_group', 'recommendation', 'metric',
        'metric_recommendation', 'initiative', 'initiative_metric', 'initiative_recommendation',
        'finding', 'measure', 'exemption'] LOOP
        EXECUTE format('CREATE TABLE %I.%I AS TABLE %I.%2$I', copy, relation, original);
    END LOOP;
    IF original <> 'posture' THEN
        EXECUTE format('CREATE TABLE %I.inactive_then AS TABLE %I.inactive_then', copy, original);
        RETURN;
    END IF;
    -- One that no active source assesses is stale if some source has a limit that it has passed.
    EXECUTE format('CREATE TABLE %I.inactive_then AS
                    SELECT -1 AS asset_id
                    UNION ALL
                    SELECT a.asset_id FROM asset a
                    WHERE a.asset_id NOT IN (SELECT l.asset_id FROM model.live(%L) l)
                      AND (model.is_retired(a.retired_at, %2$L)
                           OR a.last_seen < (SELECT max(model.limit(%2$L, s.stale_after))
                                             FROM source s WHERE s.is_active))', copy, at);
END $$;

-- Five days that are copied and have a snapshot, day_6 to day_2, the day before today, which has
-- none, and the present.
CREATE PROCEDURE model.live() LANGUAGE plpgsql AS $$
DECLARE
    day date;
BEGIN
    CALL model.make(posture.day_end(posture.today() - 7));
    FOR ago IN REVERSE 6 .. 2 LOOP
        day := posture.today() - ago;
        CALL model.copy('day_' || ago, 'posture', posture.day_end(day));
        PERFORM posture.take_snapshot(day);
        IF random() < 0.5 THEN
            PERFORM posture.fold();
        END IF;
        CALL model.live_a_day(posture.day_end(day));
        CALL model.change_catalog();
    END LOOP;
    IF random() < 0.5 THEN
        PERFORM posture.fold();
    END IF;
    -- pending, and without dates of the past
    UPDATE posture.finding SET state = model.state(), changed_at = now() WHERE random() < 0.05;
    DELETE FROM posture.finding WHERE random() < 0.02;
    IF random() < 0.7 THEN
        UPDATE posture.asset SET kind = 'user' WHERE random() < 0.05;
        UPDATE posture.asset SET criticality = model.criticality() WHERE random() < 0.05;
        UPDATE posture.asset SET retired_at = CASE WHEN retired_at IS NULL THEN now() END
        WHERE random() < 0.05;
        UPDATE posture.asset SET last_seen = now() - random() * interval '30 days'
        WHERE random() < 0.1;
    END IF;
END $$;
\set ECHO all

\set ECHO none
-- Plain SQL of exemptions and assignments, and random changes of them. Needs random.sql and
-- compare.sql.
CREATE TEMP VIEW p_live AS
SELECT a.* FROM asset a
WHERE (a.retired_at IS NULL OR a.retired_at > now())
  AND EXISTS (SELECT FROM finding f JOIN recommendation r USING (recommendation_id)
              JOIN source s USING (source_id)
              WHERE f.asset_id = a.asset_id AND f.state <> 'not_applicable' AND s.is_active
                AND r.is_active
                AND (s.stale_after IS NULL OR a.last_seen >= now() - s.stale_after));
CREATE TEMP VIEW p_pair AS
SELECT f.recommendation_id, f.asset_id, f.state
FROM finding f JOIN p_live USING (asset_id) JOIN recommendation r USING (recommendation_id)
JOIN source s USING (source_id)
WHERE s.is_active AND r.is_active AND f.state <> 'not_applicable';
-- each exemption with each asset that it exempts, and whether a stronger one exempts the asset
CREATE FUNCTION pg_temp.strength(kind exemption_kind) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE kind WHEN 'waived' THEN 3 WHEN 'mitigated' THEN 2 ELSE 1 END $$;
CREATE TEMP VIEW p_covered AS
SELECT e.exemption_id, e.recommendation_id, e.kind,
       e.created_at <= now() AND (e.expires_at IS NULL OR e.expires_at > now()) AS in_force,
       pg_temp.strength(e.kind) AS strength, a.asset_id,
       e.asset_id IS NULL AND e.asset_group_id IS NULL AS for_all
FROM exemption e
LEFT JOIN asset_group g USING (asset_group_id)
JOIN asset a ON CASE WHEN e.asset_id IS NOT NULL THEN a.asset_id = e.asset_id
                     WHEN g.asset_group_id IS NULL THEN true
                     ELSE (g.kinds IS NULL OR a.kind = ANY (g.kinds))
                          AND (g.tags IS NULL OR a.tags @> g.tags)
                          AND (g.min_criticality IS NULL OR g.min_criticality = 'low'
                               OR a.criticality = 'critical') END;
CREATE TEMP TABLE exempt_asset AS TABLE p_covered;
CREATE TEMP VIEW covered AS
SELECT c.*, EXISTS (SELECT FROM exempt_asset o
                    WHERE o.recommendation_id = c.recommendation_id AND o.asset_id = c.asset_id
                      AND o.in_force AND o.strength > c.strength) AS is_overridden
FROM exempt_asset c;
CREATE TEMP TABLE pair AS TABLE p_pair;
CREATE TEMP VIEW p_exemption AS
SELECT e.exemption_id, e.kind::text,
       CASE WHEN e.asset_id IS NOT NULL THEN 'asset'
            WHEN e.asset_group_id IS NOT NULL THEN 'asset_group' ELSE 'all' END AS scope,
       CASE WHEN e.expires_at <= now() THEN 'expired' WHEN e.created_at > now() THEN 'future'
            WHEN EXISTS (SELECT FROM covered o
                         WHERE o.recommendation_id = e.recommendation_id AND o.in_force
                           AND o.for_all AND o.strength
                         > pg_temp.strength(e.kind)) THEN 'overridden'
            WHEN num_nonnulls(e.asset_id, e.asset_group_id) = 1
                 AND EXISTS (SELECT FROM covered c WHERE c.exemption_id = e.exemption_id)
                 AND NOT EXISTS (SELECT FROM covered c
                                 WHERE c.exemption_id = e.exemption_id AND NOT c.is_overridden)
                 THEN 'overridden'
            ELSE 'in_force' END AS state,
       (SELECT count(*) FROM covered c JOIN pair p USING (recommendation_id, asset_id)
        WHERE c.exemption_id = e.exemption_id AND c.in_force AND p.state = 'non_compliant'
          AND NOT c.is_overridden) AS failing_assets
FROM exemption e;
-- what is exposed of each recommendation, and what of it is left to do
CREATE TEMP VIEW p_status AS
SELECT r.recommendation_id, r.assigned_to, r.due_on, x.assessed, x.exposed, x.to_do,
       CASE WHEN x.assessed = 0 THEN NULL WHEN x.to_do = 0 THEN 'completed'
            WHEN r.due_on < today() THEN 'overdue' ELSE 'on_time' END AS progress
FROM recommendation r JOIN source s USING (source_id)
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE t.strength IS DISTINCT FROM 3) AS assessed,
           count(*) FILTER (WHERE p.state = 'non_compliant' AND coalesce(t.strength, 1) = 1)
               AS exposed,
           count(*) FILTER (WHERE p.state = 'non_compliant' AND t.strength IS NULL) AS to_do
    FROM pair p
    LEFT JOIN LATERAL (SELECT max(c.strength) AS strength FROM covered c
                       WHERE c.recommendation_id = p.recommendation_id AND c.asset_id = p.asset_id
                         AND c.in_force) t ON true
    WHERE p.recommendation_id = r.recommendation_id) x
WHERE s.is_active AND r.is_active;

CREATE TEMP TABLE status AS TABLE p_status;
CREATE PROCEDURE pg_temp.compare_all() LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE exempt_asset, pair;
    INSERT INTO exempt_asset SELECT * FROM p_covered;
    INSERT INTO pair SELECT * FROM p_pair;
    ANALYZE exempt_asset, pair;
    TRUNCATE status;
    INSERT INTO status SELECT * FROM p_status;
    INSERT INTO outcome SELECT 'of them ' || state, count(*), 0 FROM p_exemption GROUP BY state;
    INSERT INTO outcome
    SELECT 'of them all risks accepted', count(*), 0 FROM status WHERE exposed > 0 AND to_do = 0;
    CALL pg_temp.compare('exemption_report',
        $q$SELECT exemption_id, kind, scope, state, failing_assets FROM exemption_report$q$,
        $q$SELECT * FROM p_exemption$q$);
    CALL pg_temp.compare('recommendation_report',
        $q$SELECT source || recommendation, exposed_assets, assessed_assets, assignment
           FROM recommendation_report$q$,
        $q$SELECT s.key || r.key, p.exposed, p.assessed,
                  CASE WHEN p.progress IS NOT NULL AND p.assigned_to IS NULL THEN 'unassigned'
                       ELSE p.progress END
           FROM status p
           JOIN recommendation r USING (recommendation_id) JOIN source s USING (source_id)$q$);
    CALL pg_temp.compare('assignment_report',
        $q$SELECT * FROM assignment_report$q$,
        $q$SELECT p.assigned_to, count(*), count(*) FILTER (WHERE p.progress = 'completed'),
                  count(*) FILTER (WHERE p.progress = 'on_time'),
                  count(*) FILTER (WHERE p.progress = 'overdue'),
                  (SELECT count(DISTINCT x.asset_id)
                   FROM pair x JOIN status o USING (recommendation_id)
                   WHERE x.state = 'non_compliant'
                     AND o.assigned_to IS NOT DISTINCT FROM p.assigned_to
                     AND NOT EXISTS (SELECT FROM covered c
                                     WHERE c.recommendation_id = x.recommendation_id
                                       AND c.asset_id = x.asset_id AND c.in_force)),
                  min(p.due_on) FILTER (WHERE p.progress = 'on_time')
           FROM status p WHERE p.progress IS NOT NULL GROUP BY p.assigned_to$q$);
END $$;

CREATE PROCEDURE pg_temp.exempt(rows integer) LANGUAGE sql AS $$
    INSERT INTO exemption (recommendation_id, asset_id, asset_group_id, kind, reason, created_at,
                           expires_at)
    SELECT 1 + pg_temp.n(8), CASE WHEN e.scope < 4 THEN 1 + pg_temp.n(12) END,
           CASE WHEN e.scope BETWEEN 4 AND 7 THEN 1 + pg_temp.n(4) END,
           pg_temp.one('mitigated', 'waived', 'risk_accepted')::exemption_kind, 'x', e.begins,
           CASE WHEN random() < 0.5 THEN e.begins + pg_temp.n(4) * interval '1 day' END
    FROM (SELECT pg_temp.n(9) AS scope, now() + (pg_temp.n(5) - 3) * interval '1 day' AS begins
          FROM generate_series(1, rows) OFFSET 0) e
$$;
CREATE PROCEDURE pg_temp.make_exemptions() LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE finding, exemption, attestation, measure, metric, metric_recommendation,
        initiative_metric, initiative_recommendation, asset, asset_alias, asset_source,
        left_inventory, asset_group, recommendation, source, extent, former_key
        RESTART IDENTITY;
    INSERT INTO source (key, name, is_active, stale_after) VALUES
        ('s1', 's', true, NULL),
        ('s2', 's', random() < 0.8, CASE WHEN random() < 0.5 THEN interval '9 days' END);
    INSERT INTO asset (key, name, kind, criticality, tags, last_seen)
    SELECT 'a' || n, 'a', pg_temp.one('host', 'user', 'bucket'), pg_temp.one('low', 'critical'),
           CASE WHEN random() < 0.5 THEN '{"env": "prod"}' ELSE '{}' END::jsonb,
           now() - pg_temp.n(14) * interval '1 day' FROM generate_series(1, 12) n;
    INSERT INTO asset_group (key, name, kinds, min_criticality, tags) VALUES
        ('g1', 'g', '{host}', NULL, NULL), ('g2', 'g', '{host,user}', NULL, NULL),
        ('g3', 'g', NULL, 'critical', NULL), ('g4', 'g', '{none}', NULL, '{"env": "prod"}');
    INSERT INTO recommendation (source_id, key, title, assigned_to, due_on)
    SELECT 1 + n % 2, 'r' || n, 'r', CASE WHEN random() < 0.7 THEN pg_temp.one('x', 'y') END,
           CASE WHEN random() < 0.8 THEN today() + pg_temp.n(7) - 3 END
    FROM generate_series(1, 8) n;
    INSERT INTO finding
    SELECT r, a, pg_temp.one('compliant', 'non_compliant', 'non_compliant',
                             'not_applicable')::finding_state,
           now() - interval '1 day'
    FROM generate_series(1, 8) r, generate_series(1, 12) a WHERE random() < 0.4;
    CALL pg_temp.exempt(20);
END $$;

CREATE PROCEDURE pg_temp.try_exemptions(rounds integer) LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM exemption;
    DELETE FROM metric;
    DELETE FROM initiative;
    PERFORM setseed(0.17);
    FOR round IN 1 .. rounds LOOP
        COMMIT;
        CALL pg_temp.make_exemptions();
        CALL pg_temp.compare_all();
        IF round % 2 = 0 THEN
            PERFORM fold();
        END IF;
        FOR step IN 1 .. 10 LOOP
            CASE pg_temp.n(13)
                WHEN 0 THEN
                    CALL pg_temp.exempt(2);
                WHEN 1 THEN
                    UPDATE exemption
                    SET kind = pg_temp.one('mitigated', 'waived', 'risk_accepted')::exemption_kind
                    WHERE random() < 0.3;
                WHEN 2 THEN
                    UPDATE exemption SET expires_at = greatest(now(), created_at)
                    WHERE random() < 0.3;
                WHEN 3 THEN
                    DELETE FROM exemption WHERE random() < 0.2;
                WHEN 4 THEN
                    UPDATE asset_group
                    SET kinds = CASE WHEN random() < 0.7
                                     THEN ARRAY[pg_temp.one('host', 'user', 'bucket')] END
                    WHERE random() < 0.5;
                WHEN 5 THEN
                    UPDATE asset
                    SET retired_at = CASE WHEN retired_at IS NULL THEN now() END,
                        kind = pg_temp.one('host', 'user', 'bucket')
                    WHERE random() < 0.2;
                WHEN 6 THEN
                    UPDATE finding
                    SET state = pg_temp.one('compliant', 'non_compliant',
                                            'not_applicable')::finding_state
                    WHERE random() < 0.3;
                WHEN 7 THEN
                    UPDATE asset
                    SET tags = pg_temp.one('{"env": "prod"}', '{}')::jsonb,
                        criticality = pg_temp.one('low', 'critical')
                    WHERE random() < 0.4;
                WHEN 8 THEN
                    UPDATE asset_group
                    SET tags = pg_temp.one('{"env": "prod"}', NULL)::jsonb,
                        min_criticality = pg_temp.one('critical', NULL)
                    WHERE random() < 0.5;
                WHEN 9 THEN
                    DELETE FROM asset_group WHERE asset_group_id = 1 + pg_temp.n(4);
                    INSERT INTO asset_group (asset_group_id, key, name, kinds)
                    OVERRIDING SYSTEM VALUE
                    SELECT g, 'g' || g, 'g', '{user}' FROM generate_series(1, 4) g
                    ON CONFLICT DO NOTHING;
                WHEN 10 THEN
                    INSERT INTO asset (key, name, kind)
                    SELECT 'new' || round || '/' || step, 'n', 'host';
                    INSERT INTO finding
                    SELECT n, max(asset_id), 'non_compliant' FROM asset, generate_series(1, 8) n
                    GROUP BY n;
                    DELETE FROM finding WHERE random() < 0.1;
                WHEN 11 THEN
                    UPDATE source
                    SET is_active = random() < 0.8,
                        stale_after = CASE WHEN random() < 0.5 THEN interval '9 days' END
                    WHERE source_id = 2;
                    UPDATE recommendation
                    SET is_active = random() < 0.9,
                        assigned_to = CASE WHEN random() < 0.7 THEN 'x' END
                    WHERE random() < 0.3;
                ELSE PERFORM fold();
            END CASE;
            CALL pg_temp.compare_all();
        END LOOP;
        INSERT INTO outcome SELECT 'verify', 1, (SELECT count(*) FROM verify());
    END LOOP;
END $$;
\set ECHO all

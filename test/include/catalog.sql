\set ECHO none
-- Random catalogs, small enough that metrics and recommendations overlap on assets.
CREATE FUNCTION pg_temp.in_group(member asset, of_group asset_group) RETURNS boolean
    LANGUAGE sql AS $$
    SELECT (of_group.kinds IS NULL OR member.kind = ANY (of_group.kinds))
       AND (of_group.min_criticality IS NULL
            OR criticality_rank(member.criticality) >= criticality_rank(of_group.min_criticality))
       AND (of_group.tags IS NULL OR member.tags @> of_group.tags) $$;
CREATE PROCEDURE pg_temp.clear_catalog() LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE source, extent, former_key, asset, asset_alias, asset_source, left_inventory,
        asset_group,
        recommendation, metric, metric_recommendation, initiative, initiative_metric,
        initiative_recommendation, finding, measure, exemption, attestation, benchmark,
        score_band, snapshot,
        exemption_snapshot, asset_group_snapshot, measure_snapshot, recommendation_snapshot,
        metric_snapshot, initiative_snapshot, initiative_metric_snapshot, event, event_cause
        RESTART IDENTITY;
    -- the history begins again, too
    PERFORM fold();
    TRUNCATE finding_history, asset_history;
END $$;

-- Replaces everything by a catalog that depends on the round alone. Findings and measures are of
-- the given time. Unless all are active, some sources, recommendations, metrics and initiatives
-- are not, and some assets are retired. With exemptions, some are of an asset, some of a group
-- and some of all; and findings change before and after a fold.
CREATE PROCEDURE pg_temp.make_catalog(
    round integer, at timestamptz DEFAULT now() - interval '2 days',
    all_active boolean DEFAULT false, exemptions boolean DEFAULT true)
    LANGUAGE plpgsql AS $$
DECLARE
    inactive double precision := CASE WHEN all_active THEN 0 ELSE 0.1 END;
BEGIN
    CALL pg_temp.clear_catalog();
    PERFORM setseed(round % 1000 / 1000.0);
    INSERT INTO source (key, name, is_active, stale_after)
    SELECT 's' || i, 'S', all_active OR i <> 3,
           CASE WHEN i = 2 AND round % 2 = 0 THEN interval '30 days' END
    FROM generate_series(1, 4) i;
    INSERT INTO recommendation (source_id, key, title, max_points, is_active, assigned_to)
    SELECT 1 + i % 4, 'r' || i, 'R', CASE WHEN random() < 0.8 THEN pg_temp.n(11) END,
           random() > inactive, CASE WHEN random() < 0.4 THEN 'Ann' END
    FROM generate_series(1, 14) i;
    INSERT INTO asset (key, kind, name, criticality, tags, last_seen, retired_at)
    SELECT 'a' || i, 'kind' || pg_temp.n(3), 'A', pg_temp.one('low', 'medium', 'high', 'critical'),
           jsonb_build_object('env', 'e' || pg_temp.n(3)), at - random() * interval '60 days',
           CASE WHEN random() < inactive / 2 THEN at + interval '1 day' END
    FROM generate_series(1, 80) i;
    INSERT INTO asset_group (key, name, kinds, min_criticality, tags, owner) VALUES
        ('kind', 'K', '{kind1}', NULL, NULL, 'ann'), ('critical', 'C', NULL, 'high', NULL, NULL),
        ('env', 'E', NULL, NULL, '{"env": "e1"}', NULL),
        ('none', 'N', '{nothing}', NULL, NULL, NULL),
        ('all', 'A', NULL, NULL, NULL, NULL);
    -- r11 has findings and a measure, r12 to r14 have only measures
    INSERT INTO finding (recommendation_id, asset_id, state, changed_at)
    SELECT r.recommendation_id, a.asset_id,
           pg_temp.one('compliant', 'non_compliant', 'not_applicable')::finding_state, at
    FROM recommendation r, asset a WHERE random() < 0.3 AND r.recommendation_id <= 11;
    INSERT INTO measure
    SELECT recommendation_id, pg_temp.n(6), 5, at FROM recommendation
    WHERE recommendation_id BETWEEN 11 AND 13 OR recommendation_id = 14 AND NOT all_active;
    INSERT INTO metric (key, name, asset_kinds, criticality_weights, is_active, importance)
    SELECT 'm' || i, 'M', CASE WHEN random() < 0.3 THEN ARRAY['kind0', 'kind1'] END,
           pg_temp.one(NULL, NULL, NULL, '{1,1,2,5}', '{0,0,0,1}', '{3,0,7,1000}')::integer[],
           random() > inactive, (ARRAY['critical', 'low', 'risk_accepted', 'high'])[1
               + i % 4]::importance
    FROM generate_series(1, 7) i;
    INSERT INTO metric_recommendation
    SELECT metric_id, recommendation_id FROM metric, recommendation WHERE random() < 0.3;
    INSERT INTO initiative (key, name, method, is_active)
    SELECT 'i' || i, 'I',
           (ARRAY['weighted', 'population', 'points'])[1 + i % 3]::initiative_method,
           random() > inactive
    FROM generate_series(1, 7) i;
    INSERT INTO initiative_metric
    SELECT initiative_id, metric_id, CASE WHEN random() < 0.5 THEN pg_temp.n(5) END
    FROM initiative, metric WHERE random() < 0.5 AND initiative_id < 6;
    INSERT INTO initiative_recommendation
    SELECT initiative_id, recommendation_id FROM initiative, recommendation
    WHERE random() < 0.4 AND initiative_id IN (2, 5, 6);
    IF exemptions THEN
        INSERT INTO exemption (recommendation_id, asset_id, asset_group_id, kind, reason)
        SELECT r.recommendation_id, CASE WHEN r.k > 0.3 THEN 1 + pg_temp.n(80) END,
               CASE WHEN r.k BETWEEN 0.1 AND 0.3 THEN 1 + pg_temp.n(3) END,
               pg_temp.one('mitigated', 'waived', 'risk_accepted')::exemption_kind, 'x'
        FROM (SELECT recommendation_id, random() AS k FROM recommendation, generate_series(1, 4)
              WHERE random() < 0.4) r;
        IF random() < 0.5 THEN
            PERFORM fold();
        END IF;
        UPDATE finding SET state = 'non_compliant' WHERE random() < 0.03;
        UPDATE asset SET criticality = 'critical', kind = 'kind1' WHERE random() < 0.05;
    END IF;
END $$;
\set ECHO all

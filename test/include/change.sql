\set ECHO none
-- Random changes over five days, and the parts of each change: kept beside posture are plain rows
-- of findings, members that counted, assets that were inactive and exemptions in force. Needs
-- random.sql and catalog.sql.
CREATE TEMP TABLE day_finding (day date, recommendation_id integer, asset_id integer,
                               state finding_state);
CREATE TEMP TABLE day_member (day date, metric_id integer, recommendation_id integer);
CREATE TEMP TABLE day_inactive (day date, asset_id integer);
CREATE TEMP TABLE day_exempt (day date, recommendation_id integer, asset_id integer,
                              kind exemption_kind);
CREATE TEMP TABLE outcome (what text, differs bigint, cases bigint);

CREATE PROCEDURE pg_temp.begin_round(round integer) LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE day_finding, day_member, day_inactive, day_exempt;
    CALL pg_temp.make_catalog(round, '2024-03-01 08:00', all_active => true, exemptions => false);
    -- every asset counts
    UPDATE metric SET criticality_weights = '{1,2,3,10}' WHERE criticality_weights IS NOT NULL;
    -- groups that plain SQL knows by their kind
    DELETE FROM asset_group;
    INSERT INTO asset_group (asset_group_id, key, name, kinds) OVERRIDING SYSTEM VALUE
    SELECT i, 'g' || i, 'G', ARRAY['kind' || i - 1] FROM generate_series(1, 3) i;
END $$;
CREATE PROCEDURE pg_temp.change_day(changes_scope boolean, at timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    IF changes_scope THEN
        -- what a metric measures changes in ways that have no part of their own
        UPDATE asset SET kind = 'kind' || pg_temp.n(3), criticality = 'high' WHERE random() < 0.1;
        UPDATE metric
        SET asset_kinds = CASE WHEN random() < 0.5 THEN ARRAY['kind1'] END,
            criticality_weights = NULL
        WHERE random() < 0.2;
    END IF;
    UPDATE finding
    SET state = pg_temp.one('compliant', 'non_compliant', 'not_applicable')::finding_state,
        changed_at = at
    WHERE random() < 0.05;
    INSERT INTO asset (key, kind, name, last_seen)
    SELECT 'n' || at || i, 'kind' || pg_temp.n(3), 'N', at FROM generate_series(1, 2) i;
    INSERT INTO finding
    SELECT r.recommendation_id, a.asset_id,
           pg_temp.one('compliant', 'non_compliant')::finding_state, at
    FROM recommendation r, asset a
    WHERE random() < 0.02 AND r.recommendation_id <> 14 ON CONFLICT DO NOTHING;
    IF random() < 0.3 THEN
        INSERT INTO finding
        SELECT 14, a.asset_id, 'non_compliant', at FROM asset a
        WHERE random() < 0.2 ON CONFLICT DO NOTHING;
    END IF;
    UPDATE measure SET achieved = pg_temp.n(6), observed_at = at WHERE random() < 0.4;
    UPDATE asset SET retired_at = CASE WHEN retired_at IS NULL THEN at END WHERE random() < 0.04;
    UPDATE asset SET last_seen = at WHERE random() < 0.2;
    DELETE FROM metric_recommendation WHERE random() < 0.06;
    INSERT INTO metric_recommendation
    SELECT metric_id, recommendation_id FROM metric, recommendation
    WHERE random() < 0.03 ON CONFLICT DO NOTHING;
    DELETE FROM initiative_metric WHERE random() < 0.06;
    INSERT INTO initiative_metric
    SELECT initiative_id, metric_id, 1 FROM initiative, metric
    WHERE random() < 0.05 AND initiative_id < 6 ON CONFLICT DO NOTHING;
    UPDATE initiative_metric SET weight = pg_temp.n(6) WHERE random() < 0.1;
    UPDATE metric SET importance = 'critical' WHERE random() < 0.1;
    UPDATE initiative
    SET method = pg_temp.one('weighted', 'population', 'points')::initiative_method
    WHERE random() < 0.1;
    UPDATE source SET is_active = NOT is_active WHERE random() < 0.1;
    UPDATE recommendation SET is_active = NOT is_active WHERE random() < 0.05;
    UPDATE recommendation SET max_points = 7 WHERE random() < 0.05;
    INSERT INTO exemption (recommendation_id, asset_id, kind, reason, created_at, expires_at)
    SELECT r.recommendation_id, CASE WHEN random() < 0.7 THEN 1 + pg_temp.n(80) END,
           pg_temp.one('mitigated', 'waived', 'risk_accepted')::exemption_kind, 'x', at,
           CASE WHEN random() < 0.7 THEN at + interval '1 day' * ceil(random() * 3) END
    FROM recommendation r WHERE random() < 0.15;
    INSERT INTO exemption (recommendation_id, asset_group_id, kind, reason, created_at, expires_at)
    SELECT recommendation_id, 1 + pg_temp.n(3), 'waived', 'x', at, at + interval '2 days'
    FROM recommendation WHERE random() < 0.06;
END $$;
CREATE PROCEDURE pg_temp.keep_day(of_day date) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM take_snapshot(of_day);
    INSERT INTO day_finding SELECT of_day, recommendation_id, asset_id, state FROM finding;
    INSERT INTO day_member
    SELECT of_day, mr.metric_id, mr.recommendation_id
    FROM metric_recommendation mr JOIN recommendation r USING (recommendation_id)
    JOIN source s USING (source_id) WHERE r.is_active AND s.is_active;
    INSERT INTO day_inactive
    SELECT of_day, a.asset_id FROM asset a
    WHERE a.retired_at < day_end(of_day)
       OR NOT EXISTS (SELECT FROM finding f JOIN recommendation r USING (recommendation_id)
                      JOIN source s USING (source_id)
                      WHERE f.asset_id = a.asset_id AND f.state <> 'not_applicable' AND s.is_active
                        AND r.is_active
                        AND (s.stale_after IS NULL
                             OR a.last_seen >= day_end(of_day) - s.stale_after))
          AND EXISTS (SELECT FROM source s
                      WHERE s.is_active AND a.last_seen < day_end(of_day) - s.stale_after);
    INSERT INTO day_exempt
    SELECT DISTINCT of_day, e.recommendation_id, a.asset_id, e.kind
    FROM exemption e
    LEFT JOIN asset_group g USING (asset_group_id)
    JOIN asset a ON coalesce(a.asset_id = e.asset_id, a.kind = g.kinds[1], true)
    WHERE e.created_at < day_end(of_day) AND coalesce(e.expires_at >= day_end(of_day), true);
END $$;

-- The assets of a metric with the findings of was_day for recommendations that were measured
-- before, those of is_day for the others, and everything else as on at_day.
CREATE FUNCTION pg_temp.mixed(was_day date, is_day date, members date, at_day date)
    RETURNS TABLE (metric_id integer, recommendation_id integer, asset_id integer, exposed boolean)
    LANGUAGE sql AS $$
    SELECT b.metric_id, b.recommendation_id, f.asset_id,
           f.state = 'non_compliant' AND m.asset_id IS NULL
    FROM day_member b
    JOIN metric c USING (metric_id)
    CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM day_member o
                                       WHERE o.day = was_day AND o.metric_id = b.metric_id
                                         AND o.recommendation_id = b.recommendation_id)
                           AND (EXISTS (SELECT FROM day_finding g
                                        WHERE g.day = was_day
                                          AND g.recommendation_id = b.recommendation_id
                                          AND g.state <> 'not_applicable')
                                OR EXISTS (SELECT FROM measure x
                                           WHERE x.recommendation_id = b.recommendation_id))
                           AS was) k
    JOIN day_finding f ON f.day = CASE WHEN k.was THEN was_day ELSE is_day END
        AND f.recommendation_id = b.recommendation_id AND f.state <> 'not_applicable'
    JOIN asset a USING (asset_id)
    LEFT JOIN day_exempt w ON w.day = at_day AND w.recommendation_id = b.recommendation_id
        AND w.asset_id = f.asset_id AND w.kind = 'waived'
    LEFT JOIN day_exempt m ON m.day = at_day AND m.recommendation_id = b.recommendation_id
        AND m.asset_id = f.asset_id AND m.kind = 'mitigated'
    WHERE b.day = members AND w.asset_id IS NULL
      AND (c.asset_kinds IS NULL OR a.kind = ANY (c.asset_kinds))
      AND NOT EXISTS (SELECT FROM day_inactive g
                      WHERE g.day = at_day AND g.asset_id = f.asset_id) $$;

CREATE FUNCTION pg_temp.sums(was_day date, is_day date, initiatives integer[])
    RETURNS TABLE (initiative_id integer, m integer, r integer, exact numeric) LANGUAGE sql AS $$
    SELECT initiative_id, coalesce(metric_id, 0),
           CASE WHEN metric_id IS NULL THEN coalesce(recommendation_id, 0) ELSE 0 END, sum(exact)
    FROM initiative_change_part(was_day, is_day, initiatives)
    GROUP BY 1, 2, 3 $$;

CREATE PROCEDURE pg_temp.check_days(changes_scope boolean, was_day date, is_day date)
    LANGUAGE plpgsql AS $$
DECLARE
    metrics integer[] := ARRAY(SELECT metric_id FROM metric);
    initiatives integer[] := ARRAY(SELECT initiative_id FROM initiative);
BEGIN
    CREATE TEMP TABLE ours AS SELECT * FROM metric_change(was_day, is_day, metrics);
    -- the parts of a metric add up to its change, and nothing is left unexplained
    INSERT INTO outcome
    SELECT 'metric parts', count(*) FILTER (WHERE coalesce(x.points, 0) <> (n.score - p.score)),
           count(*)
    FROM metric_snapshot n JOIN metric_snapshot p USING (metric_id)
    LEFT JOIN (SELECT metric_id, sum(o.points) AS points FROM ours o GROUP BY 1) x USING (metric_id)
    WHERE n.day = is_day AND p.day = was_day AND n.score IS NOT NULL AND p.score IS NOT NULL;
    IF NOT changes_scope THEN
        INSERT INTO outcome
        SELECT 'unexplained', count(*) FILTER (WHERE reason = 'scope_change'), count(*) FROM ours;
    ELSE
        INSERT INTO outcome
        SELECT 'scope changed', 0, count(*) FROM ours WHERE reason = 'scope_change';
    END IF;
    -- so do those of an initiative, with details or without, and they are the same for each metric
    INSERT INTO outcome
    SELECT 'initiative parts',
           count(*) FILTER (WHERE coalesce(x.points, 0) <> (n.score - p.score)
                               OR coalesce(y.points, 0) <> (n.score - p.score)),
           count(*)
    FROM initiative_snapshot n JOIN initiative_snapshot p USING (initiative_id)
    LEFT JOIN (SELECT initiative_id, sum(c.points) AS points
               FROM initiative_change(was_day, is_day, initiatives) c
               GROUP BY 1) x USING (initiative_id)
    LEFT JOIN (SELECT initiative_id, sum(c.points) AS points
               FROM initiative_change(was_day, is_day, NULL) c GROUP BY 1) y USING (initiative_id)
    WHERE n.day = is_day AND p.day = was_day AND n.score IS NOT NULL AND p.score IS NOT NULL;
    INSERT INTO outcome
    SELECT 'apart',
           count(*) FILTER (WHERE abs(coalesce(x.exact, 0) - coalesce(y.exact, 0)) > 1e-15),
           count(*)
    FROM pg_temp.sums(was_day, is_day, initiatives) x
    FULL JOIN pg_temp.sums(was_day, is_day, NULL) y USING (initiative_id, m, r);

    IF changes_scope THEN
        DROP TABLE ours;
        RETURN;
    END IF;
    -- newly exposed assets by recommendation, against plain rows: exposed now, but not with the
    -- findings of before
    CREATE TEMP TABLE now_pair AS SELECT * FROM pg_temp.mixed(NULL, is_day, is_day, is_day);
    CREATE TEMP TABLE then_pair AS SELECT * FROM pg_temp.mixed(was_day, is_day, is_day, is_day);
    CREATE TEMP TABLE theirs AS
    WITH fresh AS (
        SELECT DISTINCT n.metric_id, n.asset_id FROM now_pair n
        WHERE n.exposed AND NOT EXISTS (SELECT FROM then_pair t
                                        WHERE t.metric_id = n.metric_id AND t.asset_id = n.asset_id
                                          AND t.exposed)
    ), failed AS (
        SELECT n.metric_id, n.recommendation_id, n.asset_id,
               count(*) OVER (PARTITION BY n.metric_id, n.asset_id) AS fails
        FROM now_pair n JOIN fresh USING (metric_id, asset_id) WHERE n.exposed
    )
    SELECT metric_id, recommendation_id, count(*) AS newly,
           count(*) FILTER (WHERE fails = 1) AS only_this,
           array_agg(asset_id ORDER BY asset_id) AS assets
    FROM failed WHERE metric_id IN (SELECT s.metric_id FROM metric_snapshot s WHERE s.day = was_day)
    GROUP BY 1, 2;
    CREATE TEMP TABLE newly AS
    SELECT metric_id, recommendation_id, newly_exposed, o.only_this, assets::integer[]
    FROM ours o WHERE reason = 'newly_exposed' AND points IS NULL;
    INSERT INTO outcome
    SELECT 'newly exposed',
           (SELECT count(*) FROM ((TABLE newly EXCEPT ALL TABLE theirs)
                                  UNION ALL (TABLE theirs EXCEPT ALL TABLE newly)) x),
           (SELECT count(*) FROM theirs);
    -- assets that became inactive, of those that counted before
    INSERT INTO outcome
    SELECT 'retired',
           count(*) FILTER (WHERE coalesce(x.assets, '{}') <> coalesce(y.assets, '{}')), count(*)
    FROM (SELECT metric_id, assets::integer[] AS assets FROM ours WHERE reason = 'assets_retired') x
    FULL JOIN (SELECT p.metric_id, array_agg(DISTINCT p.asset_id ORDER BY p.asset_id) AS assets
               FROM pg_temp.mixed(was_day, was_day, was_day, was_day) p
               JOIN day_inactive g ON g.day = is_day AND g.asset_id = p.asset_id
               WHERE p.metric_id IN (SELECT s.metric_id FROM metric_snapshot n
                                     JOIN metric_snapshot s USING (metric_id)
                                     WHERE n.day = is_day AND s.day = was_day
                                       AND n.score IS NOT NULL AND s.score IS NOT NULL)
               GROUP BY 1) y USING (metric_id);
    DROP TABLE ours, theirs, newly, now_pair, then_pair;
END $$;

-- In every third round the scope of metrics changes as well.
CREATE PROCEDURE pg_temp.try_changes(rounds integer) LANGUAGE plpgsql AS $$
DECLARE
    on_day date;
    changes_scope boolean;
BEGIN
    FOR round IN 1 .. rounds LOOP
        changes_scope := round % 3 = 0;
        CALL pg_temp.begin_round(round);
        FOR i IN 1 .. 5 LOOP
            on_day := '2024-03-01'::date + i - 1;
            IF i > 1 THEN
                CALL pg_temp.change_day(changes_scope, on_day + interval '10 hours');
            END IF;
            CALL pg_temp.keep_day(on_day);
            IF i > 1 THEN
                CALL pg_temp.check_days(changes_scope, on_day - 1, on_day);
            END IF;
        END LOOP;
        CALL pg_temp.check_days(changes_scope, '2024-03-01', '2024-03-05');
        -- the causes of an event add up to its drop, and lost points are negative
        INSERT INTO outcome
        SELECT 'events', count(*) FILTER (WHERE x.points IS DISTINCT FROM -e.drop), count(*)
        FROM event e
        LEFT JOIN LATERAL (SELECT sum(c.points) AS points FROM explain(e.event_id) c
                           WHERE c.reason <> 'effect') x ON true
        WHERE e.kind <> 'new_initiative';
        INSERT INTO outcome
        SELECT 'sentences', count(*) FILTER (WHERE cause IS NULL), count(*) FROM event_report;
    END LOOP;
END $$;
\set ECHO all

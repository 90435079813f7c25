-- Random catalogs and findings: what posture says of them against plain SQL
-- that counts distinct assets and adds up in numeric.
CREATE EXTENSION posture;
\pset format unaligned
\pset fieldsep ' | '
SET search_path = posture, posture_internal, public;
-- stale_after has the days of UTC
SET timezone = 'UTC';
SET posture.timezone = 'UTC';
SET client_min_messages = warning;
SET jit = off;

-- the moment that is asked about
CREATE TEMP TABLE moment (at timestamptz NOT NULL, clock timestamptz NOT NULL);

CREATE TEMP VIEW v_found AS
SELECT f.recommendation_id, f.asset_id, f.state, s.stale_after
FROM moment, finding f JOIN recommendation r USING (recommendation_id) JOIN source s USING (source_id)
WHERE s.is_active AND r.is_active AND f.changed_at < moment.at;
CREATE TEMP TABLE o_found AS SELECT * FROM v_found;

CREATE TEMP VIEW v_live AS
SELECT a.asset_id, a.kind, a.criticality
FROM moment, asset a
WHERE (a.retired_at IS NULL OR a.retired_at >= moment.at OR a.retired_at > moment.clock)
  AND a.asset_id IN (SELECT f.asset_id FROM o_found f JOIN asset b USING (asset_id)
                     WHERE f.state IN ('compliant', 'non_compliant')
                       AND (f.stale_after IS NULL OR b.last_seen >= moment.clock - f.stale_after));
CREATE TEMP TABLE o_live AS SELECT * FROM v_live;

CREATE TEMP VIEW v_force AS
SELECT e.*
FROM moment, exemption e
WHERE e.created_at < moment.at AND e.created_at <= moment.clock
  AND (e.expires_at IS NULL OR e.expires_at >= moment.at OR e.expires_at > moment.clock);
CREATE TEMP TABLE o_force AS SELECT * FROM v_force;

CREATE TEMP VIEW v_exempt AS
SELECT DISTINCT e.recommendation_id, a.asset_id, e.kind
FROM o_force e
LEFT JOIN asset_group g USING (asset_group_id)
JOIN asset a ON CASE WHEN e.asset_id IS NOT NULL THEN a.asset_id = e.asset_id
                     WHEN g.asset_group_id IS NULL THEN true
                     ELSE (g.kinds IS NULL OR a.kind = ANY (g.kinds))
                      AND (g.tags IS NULL OR a.tags @> g.tags)
                      AND CASE g.min_criticality WHEN 'critical' THEN a.criticality = 'critical'
                                                 WHEN 'high' THEN a.criticality IN ('high', 'critical')
                                                 WHEN 'medium' THEN a.criticality <> 'low'
                                                 ELSE true END END;
CREATE TEMP TABLE o_exempt AS SELECT * FROM v_exempt;

-- a finding that counts
CREATE TEMP VIEW v_pair AS
SELECT f.recommendation_id, f.asset_id, l.kind, l.criticality, f.state = 'non_compliant' AS failing,
       f.state = 'non_compliant' AND m.asset_id IS NULL AS exposed
FROM o_found f
JOIN o_live l USING (asset_id)
LEFT JOIN o_exempt w ON w.recommendation_id = f.recommendation_id AND w.asset_id = f.asset_id AND w.kind = 'waived'
LEFT JOIN o_exempt m ON m.recommendation_id = f.recommendation_id AND m.asset_id = f.asset_id AND m.kind = 'mitigated'
WHERE f.state <> 'not_applicable' AND w.asset_id IS NULL;
CREATE TEMP TABLE o_pair AS SELECT * FROM v_pair;

CREATE TEMP VIEW v_measure AS
SELECT m.recommendation_id, m.possible, m.achieved < m.possible AS failing,
       CASE WHEN EXISTS (SELECT FROM o_force e WHERE e.recommendation_id = m.recommendation_id AND e.kind = 'mitigated'
                                                 AND e.asset_id IS NULL AND e.asset_group_id IS NULL)
            THEN m.possible ELSE m.achieved END AS achieved
FROM moment, measure m JOIN recommendation r USING (recommendation_id) JOIN source s USING (source_id)
WHERE s.is_active AND r.is_active AND m.observed_at < moment.at
  AND NOT EXISTS (SELECT FROM o_force e WHERE e.recommendation_id = m.recommendation_id AND e.kind = 'waived'
                                          AND e.asset_id IS NULL AND e.asset_group_id IS NULL);
CREATE TEMP TABLE o_measure AS SELECT * FROM v_measure;

CREATE TEMP VIEW v_recommendation AS
SELECT r.recommendation_id, r.key, s.key AS source,
       p.exposed + coalesce(m.possible - m.achieved, 0) AS exposed,
       p.assessed + coalesce(m.possible, 0) AS assessed,
       CASE WHEN p.assessed + coalesce(m.possible, 0) = 0 THEN 'not_available'
            WHEN p.exposed + coalesce(m.possible - m.achieved, 0) > 0 THEN 'non_compliant'
            WHEN m.failing OR EXISTS (SELECT FROM o_found f JOIN o_live USING (asset_id)
                                      WHERE f.recommendation_id = r.recommendation_id AND f.state = 'non_compliant') THEN 'mitigated'
            ELSE 'compliant' END AS state,
       -- sixty digits, so that what division leaves is far below a millionth
       CASE WHEN m.possible IS NOT NULL THEN m.achieved
            WHEN p.assessed > 0 THEN round(r.max_points * (p.assessed - p.exposed), 60) / p.assessed END AS achieved,
       CASE WHEN m.possible IS NOT NULL THEN m.possible WHEN p.assessed > 0 THEN r.max_points END AS possible
FROM recommendation r
JOIN source s USING (source_id)
LEFT JOIN LATERAL (SELECT count(DISTINCT p.asset_id) AS assessed, count(DISTINCT p.asset_id) FILTER (WHERE p.exposed) AS exposed
                   FROM o_pair p WHERE p.recommendation_id = r.recommendation_id) p ON true
LEFT JOIN o_measure m USING (recommendation_id)
WHERE s.is_active AND r.is_active;
CREATE TEMP TABLE o_recommendation AS SELECT * FROM v_recommendation;

-- how many times an asset counts
CREATE FUNCTION pg_temp.times(criticality text, weights integer[]) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN weights IS NULL THEN 1 WHEN criticality = 'low' THEN weights[1] WHEN criticality = 'medium' THEN weights[2]
                WHEN criticality = 'high' THEN weights[3] ELSE weights[4] END $$;

CREATE TEMP VIEW v_metric AS
SELECT m.metric_id, m.key, p.exposed + q.missing AS exposed, p.assessed + q.possible AS assessed, p.critical,
       CASE WHEN p.assessed + q.possible > 0
            THEN round(100 * (p.assessed + q.possible - p.exposed - q.missing) / (p.assessed + q.possible), 6) END AS score
FROM metric m
CROSS JOIN LATERAL (SELECT coalesce(sum(a.times), 0) AS assessed, coalesce(sum(a.times) FILTER (WHERE a.exposed), 0) AS exposed,
                           count(*) FILTER (WHERE a.exposed AND a.criticality = 'critical' AND a.times > 0) AS critical
                    FROM (SELECT p.asset_id, p.criticality, pg_temp.times(p.criticality, m.criticality_weights) AS times, bool_or(p.exposed) AS exposed
                          FROM metric_recommendation mr JOIN o_pair p USING (recommendation_id)
                          WHERE mr.metric_id = m.metric_id AND (m.asset_kinds IS NULL OR p.kind = ANY (m.asset_kinds))
                          GROUP BY p.asset_id, p.criticality) a) p
CROSS JOIN LATERAL (SELECT coalesce(sum(o.possible - o.achieved), 0) AS missing, coalesce(sum(o.possible), 0) AS possible
                    FROM metric_recommendation mr JOIN o_measure o USING (recommendation_id)
                    WHERE mr.metric_id = m.metric_id) q
WHERE m.is_active;
CREATE TEMP TABLE o_metric AS SELECT * FROM v_metric;

CREATE TEMP VIEW v_member AS
SELECT i.initiative_id, m.metric_id, m.importance, coalesce(im.weight, w.weight) AS weight
FROM initiative i JOIN initiative_metric im USING (initiative_id) JOIN metric m USING (metric_id)
JOIN importance_weight w USING (importance)
WHERE i.is_active AND m.is_active;
CREATE TEMP TABLE o_member AS SELECT * FROM v_member;

CREATE TEMP VIEW v_initiative AS
SELECT i.initiative_id, i.key, d.method, c.metrics,
       CASE d.method
           WHEN 'weighted' THEN (SELECT round(sum(b.weight * o.score) / nullif(sum(b.weight), 0), 6)
                                 FROM o_member b JOIN o_metric o USING (metric_id)
                                 WHERE b.initiative_id = i.initiative_id AND o.score IS NOT NULL)
           WHEN 'population' THEN (SELECT round(100 * sum(b.weight * (o.assessed - o.exposed)) / nullif(sum(b.weight * o.assessed), 0), 6)
                                   FROM o_member b JOIN o_metric o USING (metric_id)
                                   WHERE b.initiative_id = i.initiative_id)
           ELSE (SELECT round(round(100 * round(sum(r.achieved), 50) / nullif(sum(r.possible), 0), 30), 6)
                 FROM o_recommendation r
                 WHERE r.recommendation_id IN (SELECT mr.recommendation_id
                                               FROM o_member b JOIN o_metric o USING (metric_id) JOIN metric_recommendation mr USING (metric_id)
                                               WHERE b.initiative_id = i.initiative_id AND b.weight > 0 AND o.score IS NOT NULL
                                               UNION
                                               SELECT ir.recommendation_id FROM initiative_recommendation ir
                                               WHERE ir.initiative_id = i.initiative_id))
       END AS score
FROM initiative i
CROSS JOIN LATERAL (SELECT count(*) AS metrics FROM o_member b WHERE b.initiative_id = i.initiative_id) c
CROSS JOIN LATERAL (SELECT CASE WHEN c.metrics = 0 THEN 'points' ELSE i.method END AS method) d
WHERE i.is_active;
CREATE TEMP TABLE o_initiative AS SELECT * FROM v_initiative;

CREATE TEMP VIEW v_overview AS
SELECT i.key::text AS initiative, i.score, i.metrics, count(DISTINCT x.asset_id) AS exposed_assets,
       count(DISTINCT x.asset_id) FILTER (WHERE x.criticality = 'critical') AS critical_assets
FROM o_initiative i
LEFT JOIN LATERAL (
    SELECT p.asset_id, p.criticality
    FROM o_member b JOIN metric m USING (metric_id) JOIN metric_recommendation mr USING (metric_id) JOIN o_pair p USING (recommendation_id)
    WHERE b.initiative_id = i.initiative_id AND p.exposed AND (m.asset_kinds IS NULL OR p.kind = ANY (m.asset_kinds))
      AND pg_temp.times(p.criticality, m.criticality_weights) > 0
    UNION ALL
    SELECT p.asset_id, p.criticality
    FROM initiative_recommendation ir JOIN o_pair p USING (recommendation_id)
    WHERE ir.initiative_id = i.initiative_id AND i.method = 'points' AND p.exposed) x ON true
GROUP BY i.initiative_id, i.key, i.score, i.metrics;
CREATE TEMP TABLE o_overview AS SELECT * FROM v_overview;

-- asks the plain SQL about a moment
CREATE PROCEDURE pg_temp.ask(at timestamptz, clock timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    TRUNCATE moment;
    INSERT INTO moment VALUES (at, clock);
    FOREACH name IN ARRAY ARRAY['found', 'live', 'force', 'exempt', 'pair', 'measure', 'recommendation', 'metric', 'member', 'initiative', 'overview'] LOOP
        EXECUTE format('TRUNCATE o_%1$s; INSERT INTO o_%1$s SELECT * FROM v_%1$s; ANALYZE o_%1$s', name);
    END LOOP;
END $$;

-- random things
CREATE FUNCTION pg_temp.n(below integer) RETURNS integer LANGUAGE sql VOLATILE AS 'SELECT floor(random() * below)::integer';
CREATE FUNCTION pg_temp.one(VARIADIC of text[]) RETURNS text LANGUAGE sql VOLATILE
    AS 'SELECT of[1 + floor(random() * array_length(of, 1))::integer]';
CREATE FUNCTION pg_temp.weights() RETURNS integer[] LANGUAGE sql VOLATILE
    AS $$SELECT pg_temp.one(NULL, NULL, '{0,0,0,1}', '{1,1,2,5}', '{7,0,0,0}', format('{%s,%s,%s,%s}', pg_temp.n(3), pg_temp.n(5), 1 + pg_temp.n(9), pg_temp.n(1001)))::integer[]$$;
CREATE FUNCTION pg_temp.rarely(share double precision) RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT random() < share';

-- A round is about the days that begin at the given moment; what happens in
-- the future of the moments that are asked about is in it too.
CREATE PROCEDURE pg_temp.make_catalog(start timestamptz)
LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE source, asset, asset_alias, asset_group, recommendation, metric, metric_recommendation, initiative, initiative_metric,
        initiative_recommendation, finding, measure, exemption, benchmark, score_band, event, event_cause,
        snapshot, recommendation_snapshot, metric_snapshot, initiative_snapshot, initiative_metric_snapshot RESTART IDENTITY;
    -- another world: its history begins anew, too
    PERFORM fold();
    TRUNCATE finding_history;
    INSERT INTO source (key, name, is_active, stale_after)
    SELECT 's' || g, 's', g < 4 OR pg_temp.rarely(0.5), CASE WHEN pg_temp.rarely(0.6) THEN (1 + pg_temp.n(20)) * interval '1 day' END
    FROM generate_series(1, 4) g;
    INSERT INTO asset (key, name, kind, criticality, tags, last_seen, retired_at)
    SELECT 'a' || g, 'a', pg_temp.one('host', 'user', 'bucket'), pg_temp.one('low', 'medium', 'high', 'critical'),
           CASE WHEN pg_temp.rarely(0.5) THEN '{"env": "prod"}' ELSE '{}' END::jsonb,
           start - pg_temp.n(25) * interval '1 day',
           CASE WHEN pg_temp.rarely(0.1) THEN start + (pg_temp.n(6) - 3) * interval '1 day' END
    FROM generate_series(1, 20 + pg_temp.n(60)) g;
    INSERT INTO asset_group (key, name, kinds, min_criticality, tags)
    SELECT 'g' || g, 'g', CASE WHEN pg_temp.rarely(0.5) THEN ARRAY[pg_temp.one('host', 'user'), pg_temp.one('bucket', 'none')] END,
           CASE WHEN pg_temp.rarely(0.5) THEN pg_temp.one('low', 'medium', 'high', 'critical') END,
           CASE WHEN pg_temp.rarely(0.4) THEN '{"env": "prod"}'::jsonb END
    FROM generate_series(1, 4) g;
    INSERT INTO recommendation (source_id, key, title, max_points)
    SELECT 1 + pg_temp.n(4), 'r' || g, 'r', CASE WHEN pg_temp.rarely(0.6) THEN pg_temp.n(20) * 0.5 END
    FROM generate_series(1, 40) g;
    INSERT INTO finding (recommendation_id, asset_id, state, changed_at)
    SELECT r.recommendation_id, a.asset_id,
           (CASE WHEN random() < r.health THEN 'compliant' WHEN random() < 0.7 THEN 'non_compliant' ELSE 'not_applicable' END)::finding_state,
           start + (random() * 72 - 48) * interval '1 hour'
    FROM (SELECT o.recommendation_id, random() AS health, random() * 0.5 AS share FROM recommendation o OFFSET 0) r, asset a
    WHERE r.recommendation_id <= 32 AND random() < r.share;
    INSERT INTO measure (recommendation_id, achieved, possible, observed_at)
    SELECT r.recommendation_id, round((r.possible * random())::numeric, pg_temp.n(3)), r.possible, start + (random() * 72 - 48) * interval '1 hour'
    FROM (SELECT o.recommendation_id, pg_temp.n(30) AS possible FROM recommendation o WHERE o.recommendation_id > 29 OFFSET 0) r
    WHERE NOT pg_temp.rarely(0.2);
    INSERT INTO exemption (recommendation_id, asset_id, asset_group_id, kind, reason, created_at, expires_at)
    SELECT 1 + pg_temp.n(40), CASE WHEN e.scope < 4 THEN e.asset END, CASE WHEN e.scope BETWEEN 4 AND 6 THEN 1 + pg_temp.n(4) END,
           pg_temp.one('mitigated', 'waived', 'risk_accepted')::exemption_kind, 'test', e.begins,
           CASE WHEN pg_temp.rarely(0.5) THEN e.begins + random() * interval '5 days' END
    FROM (SELECT pg_temp.n(8) AS scope, 1 + pg_temp.n(20) AS asset,
                 start + CASE WHEN pg_temp.rarely(0.1) THEN interval '100 years' ELSE (random() * 96 - 72) * interval '1 hour' END AS begins
          FROM generate_series(1, 30) OFFSET 0) e;
    INSERT INTO metric (key, name, importance, asset_kinds, criticality_weights, drop_threshold, is_active)
    SELECT 'm' || g, 'm', pg_temp.one('critical', 'high', 'medium', 'low', 'risk_accepted')::importance,
           CASE WHEN pg_temp.rarely(0.3) THEN ARRAY[pg_temp.one('host', 'user', 'none'), pg_temp.one('bucket', 'user')] END,
           pg_temp.weights(), CASE WHEN pg_temp.rarely(0.3) THEN 0.5 END, NOT pg_temp.rarely(0.1)
    FROM generate_series(1, 30) g;
    INSERT INTO metric_recommendation
    SELECT m.metric_id, 1 + pg_temp.n(40) FROM metric m, generate_series(1, 5) g WHERE random() < 0.6 ON CONFLICT DO NOTHING;
    INSERT INTO initiative (key, name, method, drop_threshold, is_active)
    SELECT 'i' || g, 'i', pg_temp.one('weighted', 'population', 'points')::initiative_method,
           CASE WHEN pg_temp.rarely(0.7) THEN 0.01 END, NOT pg_temp.rarely(0.1)
    FROM generate_series(1, 20) g;
    INSERT INTO initiative_metric
    SELECT i.initiative_id, 1 + pg_temp.n(30), CASE WHEN pg_temp.rarely(0.5) THEN pg_temp.n(8) * 0.5 END
    FROM initiative i, generate_series(1, 8) g WHERE i.initiative_id > 3 AND random() < 0.5 ON CONFLICT DO NOTHING;
    INSERT INTO initiative_recommendation
    SELECT i.initiative_id, 1 + pg_temp.n(40)
    FROM initiative i, generate_series(1, 6) g WHERE i.initiative_id < 8 AND random() < 0.5 ON CONFLICT DO NOTHING;
END $$;

-- What happens from one day to the next.
CREATE PROCEDURE pg_temp.live_a_day(start timestamptz)
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE finding SET state = pg_temp.one('compliant', 'non_compliant', 'not_applicable')::finding_state,
                       changed_at = start + random() * interval '1 day'
    WHERE changed_at < start AND random() < 0.15;
    UPDATE measure SET achieved = round((possible * random())::numeric, 1), observed_at = start + random() * interval '1 day'
    WHERE observed_at < start AND random() < 0.3;
    UPDATE asset SET last_seen = start + random() * interval '1 day' WHERE random() < 0.3;
    UPDATE metric SET importance = pg_temp.one('critical', 'high', 'medium', 'low', 'risk_accepted')::importance WHERE random() < 0.05;
    UPDATE metric SET is_active = NOT is_active WHERE random() < 0.05;
    UPDATE metric SET criticality_weights = pg_temp.weights() WHERE random() < 0.1;
    UPDATE asset SET criticality = pg_temp.one('low', 'medium', 'high', 'critical') WHERE random() < 0.1;
    UPDATE source SET is_active = NOT is_active WHERE random() < 0.05;
    UPDATE recommendation SET is_active = NOT is_active WHERE random() < 0.03;
    UPDATE initiative SET method = pg_temp.one('weighted', 'population', 'points')::initiative_method WHERE random() < 0.1;
    UPDATE initiative_metric SET weight = pg_temp.n(8) * 0.5 WHERE random() < 0.1;
    DELETE FROM initiative_metric WHERE random() < 0.05;
    DELETE FROM metric_recommendation WHERE random() < 0.03;
    INSERT INTO initiative_metric SELECT 1 + pg_temp.n(20), 1 + pg_temp.n(30) FROM generate_series(1, 5) ON CONFLICT DO NOTHING;
    INSERT INTO metric_recommendation SELECT 1 + pg_temp.n(30), 1 + pg_temp.n(40) FROM generate_series(1, 3) ON CONFLICT DO NOTHING;
END $$;

-- comparison, both ways
CREATE TEMP TABLE outcome (about text, cases bigint, differences bigint);
CREATE PROCEDURE pg_temp.compare(about text, said text, plain text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO outcome WITH said AS MATERIALIZED (%s), plain AS MATERIALIZED (%s)
        SELECT %L, (SELECT count(*) FROM plain),
               (SELECT count(*) FROM (SELECT * FROM said EXCEPT ALL SELECT * FROM plain) x)
               + (SELECT count(*) FROM (SELECT * FROM plain EXCEPT ALL SELECT * FROM said) x)', said, plain, about);
END $$;

CREATE PROCEDURE pg_temp.compare_now()
LANGUAGE plpgsql AS $$
BEGIN
    CALL pg_temp.ask('infinity', now());
    CALL pg_temp.compare('metric_state',
        'SELECT metric_id, exposed, assessed, score::numeric FROM metric_state(''infinity'')',
        'SELECT metric_id, exposed, assessed, score FROM o_metric');
    CALL pg_temp.compare('metric_assets',
        'SELECT metric_id, members(metric_assets(key)) FROM metric WHERE is_active',
        'SELECT DISTINCT m.metric_id, p.asset_id FROM metric m JOIN metric_recommendation USING (metric_id) JOIN o_pair p USING (recommendation_id)
         WHERE m.is_active AND p.exposed AND (m.asset_kinds IS NULL OR p.kind = ANY (m.asset_kinds))
           AND pg_temp.times(p.criticality, m.criticality_weights) > 0');
    CALL pg_temp.compare('recomputed',
        'SELECT s::text FROM current_state(''infinity'') s',
        'SELECT s::text FROM current_state(''infinity'', false) s');
    INSERT INTO outcome SELECT 'verify', 1, (SELECT count(*) FROM verify());
    CALL pg_temp.compare('recommendation_report',
        'SELECT source, recommendation, state, exposed_assets, assessed_assets, metrics, initiatives FROM recommendation_report',
        'SELECT o.source::text, o.key::text, o.state, o.exposed, o.assessed,
                (SELECT count(*) FROM metric_recommendation mr JOIN metric m USING (metric_id) WHERE m.is_active AND mr.recommendation_id = o.recommendation_id),
                (SELECT count(*) FROM initiative i WHERE i.is_active
                    AND (EXISTS (SELECT FROM initiative_recommendation ir
                                 WHERE ir.initiative_id = i.initiative_id AND ir.recommendation_id = o.recommendation_id)
                         OR EXISTS (SELECT FROM o_member b JOIN metric_recommendation mr USING (metric_id)
                                    WHERE b.initiative_id = i.initiative_id AND mr.recommendation_id = o.recommendation_id)))
         FROM o_recommendation o');
    CALL pg_temp.compare('initiative_result',
        'SELECT initiative_id, method, score::numeric FROM initiative_result(NULL)',
        'SELECT initiative_id, method, score FROM o_initiative');
    CALL pg_temp.compare('overview',
        'SELECT initiative, score, metrics, exposed_assets, critical_assets FROM overview',
        'SELECT * FROM o_overview');
    -- what a metric's initiative would gain, by moving the metric to 100
    CALL pg_temp.compare('metric_report',
        'SELECT initiative, metric, state, score, exposed_assets, assessed_assets, exposed_pct, importance, weight,
                CASE WHEN i.method <> ''points'' THEN score_impact END, critical_assets
         FROM metric_report v JOIN initiative i ON i.key = v.initiative',
        'SELECT i.key::text, c.key::text,
                CASE WHEN o.score IS NULL THEN ''unavailable'' WHEN b.importance = ''risk_accepted'' THEN ''risk_accepted''
                     WHEN o.exposed = 0 THEN ''mitigated'' ELSE ''needs_attention'' END,
                o.score, o.exposed, o.assessed, 100 - o.score, b.importance::text, b.weight,
                CASE WHEN o.score IS NOT NULL THEN CASE i.method
                    WHEN ''weighted'' THEN (SELECT round(sum(x.weight * CASE WHEN x.metric_id = b.metric_id THEN 100 ELSE y.score END) / nullif(sum(x.weight), 0), 6)
                                          FROM o_member x JOIN o_metric y USING (metric_id)
                                          WHERE x.initiative_id = i.initiative_id AND y.score IS NOT NULL)
                    WHEN ''population'' THEN (SELECT round(100 * sum(x.weight * (y.assessed - CASE WHEN x.metric_id = b.metric_id THEN 0 ELSE y.exposed END))
                                                         / nullif(sum(x.weight * y.assessed), 0), 6)
                                            FROM o_member x JOIN o_metric y USING (metric_id)
                                            WHERE x.initiative_id = i.initiative_id) END - s.score END, o.critical
         FROM o_member b JOIN initiative i USING (initiative_id) JOIN o_initiative s USING (initiative_id)
         JOIN metric c USING (metric_id) JOIN o_metric o USING (metric_id)');
END $$;

CREATE PROCEDURE pg_temp.compare_day(of_day date)
LANGUAGE plpgsql AS $$
BEGIN
    CALL pg_temp.ask(day_end(of_day), day_end(of_day));
    CALL pg_temp.compare('metric_snapshot',
        format('SELECT metric_id, exposed, assessed, score::numeric FROM metric_snapshot WHERE day = %L', of_day),
        'SELECT metric_id, exposed, assessed, score FROM o_metric');
    CALL pg_temp.compare('initiative_snapshot',
        format('SELECT initiative_id, method, score::numeric FROM initiative_snapshot WHERE day = %L', of_day),
        'SELECT initiative_id, method, score FROM o_initiative');
    CALL pg_temp.compare('recommendation_snapshot',
        format('SELECT recommendation_id, exposed + coalesce(possible - achieved, 0), assessed + coalesce(possible, 0)
                FROM recommendation_snapshot WHERE day = %L AND recommendation_id > 32 AND assessed = 0', of_day),
        'SELECT recommendation_id, exposed, assessed FROM o_recommendation WHERE recommendation_id > 32 AND recommendation_id IN (SELECT recommendation_id FROM o_measure)');
    -- score_drop is -(score - previous) and every drop of the threshold or more has an event
    CALL pg_temp.compare('initiative drops',
        format('SELECT initiative_id, previous_day, previous_score::numeric, score::numeric, "drop" FROM event
                WHERE day = %L AND kind = ''initiative_score_drop''', of_day),
        format('SELECT initiative_id, p.day, p.score::numeric, n.score::numeric, p.score::numeric - n.score::numeric
                FROM initiative_snapshot n JOIN initiative_snapshot p USING (initiative_id) JOIN initiative i USING (initiative_id)
                WHERE n.day = %1$L AND p.day = %1$L::date - 1
                  AND p.score::numeric - n.score::numeric >= coalesce(i.drop_threshold, 2)', of_day));
    CALL pg_temp.compare('metric drops',
        format('SELECT metric_id, previous_day, "drop", weight FROM event WHERE day = %L AND kind = ''metric_score_drop''', of_day),
        format('SELECT metric_id, p.day, p.score::numeric - n.score::numeric, max(b.weight)
                FROM metric_snapshot n JOIN metric_snapshot p USING (metric_id) JOIN metric m USING (metric_id) JOIN o_member b USING (metric_id)
                WHERE n.day = %1$L AND p.day = %1$L::date - 1 AND b.weight > 0
                  AND p.score::numeric - n.score::numeric >= coalesce(m.drop_threshold, 2)
                GROUP BY 1, 2, 3', of_day));
    -- the parts of a change sum exactly to it
    CALL pg_temp.compare('causes',
        format('SELECT e.event_id, sum(c.points) FROM event e JOIN event_cause c USING (event_id)
                WHERE e.day = %L AND e.kind = ''initiative_score_drop'' AND c.reason <> ''effect'' GROUP BY e.event_id', of_day),
        format('SELECT event_id, "drop" FROM event WHERE day = %L AND kind = ''initiative_score_drop''', of_day));
    CALL pg_temp.compare('initiative_change',
        format('SELECT i.initiative_id, coalesce(sum(c.points), 0)
                FROM (SELECT initiative_id FROM initiative_snapshot n JOIN initiative_snapshot p USING (initiative_id)
                      WHERE n.day = %1$L AND p.day = %1$L::date - 1 AND n.score IS NOT NULL AND p.score IS NOT NULL) i
                LEFT JOIN initiative_change(%1$L::date - 1, %1$L, NULL) c USING (initiative_id) GROUP BY i.initiative_id', of_day),
        format('SELECT initiative_id, p.score::numeric - n.score::numeric FROM initiative_snapshot n JOIN initiative_snapshot p USING (initiative_id)
                WHERE n.day = %1$L AND p.day = %1$L::date - 1 AND n.score IS NOT NULL AND p.score IS NOT NULL', of_day));
    -- what rounding leaves is less than a millionth a part
    CALL pg_temp.compare('rounding',
        format('SELECT initiative_id, p.metric_id, p.recommendation_id, reason
                FROM initiative_change(%1$L::date - 1, %1$L, NULL) c JOIN initiative_change_part(%1$L::date - 1, %1$L, NULL) p USING (initiative_id, reason)
                WHERE c.metric_id IS NOT DISTINCT FROM p.metric_id AND c.recommendation_id IS NOT DISTINCT FROM p.recommendation_id
                  AND abs(c.points - p.exact) < 0.000002', of_day),
        format('SELECT initiative_id, metric_id, recommendation_id, reason FROM initiative_change_part(%1$L::date - 1, %1$L, NULL)', of_day));
END $$;

-- A few changes of findings and of assets, which readers see before a fold.
CREATE PROCEDURE pg_temp.touch(assets boolean)
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE finding SET state = pg_temp.one('compliant', 'non_compliant', 'not_applicable')::finding_state WHERE random() < 0.05;
    DELETE FROM finding WHERE random() < 0.02;
    UPDATE finding SET asset_id = (SELECT max(asset_id) FROM asset) WHERE ctid IN
        (SELECT min(ctid) FROM finding f WHERE NOT EXISTS (SELECT FROM finding o WHERE o.recommendation_id = f.recommendation_id
                                                                             AND o.asset_id = (SELECT max(asset_id) FROM asset)));
    INSERT INTO finding SELECT 1 + pg_temp.n(32), 1 + pg_temp.n(20), pg_temp.one('compliant', 'non_compliant', 'not_applicable')::finding_state
    FROM generate_series(1, 10)
    ON CONFLICT (recommendation_id, asset_id) DO NOTHING;
    IF assets THEN
        UPDATE asset SET kind = pg_temp.one('host', 'user', 'bucket') WHERE random() < 0.05;
        UPDATE asset SET criticality = pg_temp.one('low', 'medium', 'high', 'critical') WHERE random() < 0.05;
        UPDATE asset SET retired_at = CASE WHEN retired_at IS NULL THEN now() END WHERE random() < 0.05;
        UPDATE asset SET last_seen = now() - random() * interval '10 days' WHERE random() < 0.1;
    END IF;
END $$;

-- 60 rounds: how things stand, and every fourth one three days of it
SELECT setseed(0.42);
DO $$
DECLARE
    start CONSTANT timestamptz := '2024-03-05 00:00+00';
BEGIN
    FOR round IN 1 .. 60 LOOP
        COMMIT;
        CALL pg_temp.make_catalog(start);
        ANALYZE source, asset, recommendation, finding, exemption, metric_recommendation, initiative_metric;
        -- as of now, too, with clocks that tick
        UPDATE asset SET last_seen = now() - (start - last_seen) WHERE true;
        -- folded or not, with something pending or not
        IF round % 3 > 0 THEN
            DELETE FROM exemption WHERE asset_group_id IS NOT NULL AND round % 3 = 2;
            PERFORM fold();
            -- what is deleted today was there on the days that are asked about below
            IF round % 4 > 0 THEN
                CALL pg_temp.touch(random() < 0.5);
            END IF;
        END IF;
        INSERT INTO outcome SELECT 'quick', 3, 0 WHERE object_count_is_current();
        CALL pg_temp.compare_now();
        UPDATE asset SET last_seen = start - (now() - last_seen) WHERE true;
        CONTINUE WHEN round % 4 > 0;
        FOR later IN 0 .. 2 LOOP
            PERFORM take_snapshot('2024-03-05'::date + later);
            CALL pg_temp.compare_day('2024-03-05'::date + later);
            CALL pg_temp.live_a_day(start + (later + 1) * interval '1 day');
        END LOOP;
    END LOOP;
END $$;

SELECT about, sum(cases) > 50 AS enough, sum(differences) AS differences
FROM outcome GROUP BY about ORDER BY about;
SELECT sum(cases) > 10000 AS thousands FROM outcome;

-- the same bits in one process and in five
CREATE FUNCTION pg_temp.everything() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT m::text FROM metric_state('infinity') m;
    RETURN QUERY SELECT r::text FROM recommendation_state('infinity') r;
    RETURN QUERY SELECT r::text FROM initiative_result(NULL) r;
    RETURN QUERY SELECT r::text FROM initiative_term(NULL) r;
    RETURN QUERY SELECT o::text FROM overview o;
    RETURN QUERY SELECT r::text FROM metric_report r;
    RETURN QUERY SELECT r::text FROM recommendation_report r;
    RETURN QUERY SELECT s::text FROM secure_score s;
    RETURN QUERY SELECT s::text FROM secure_score_part s;
    RETURN QUERY SELECT t::text FROM target_report t;
    RETURN QUERY SELECT e::text FROM exemption_report e;
    RETURN QUERY SELECT a::text FROM assignment_report a;
    RETURN QUERY SELECT assetset_agg(f.asset_id)::text FROM finding f;
    RETURN QUERY SELECT union_agg(ARRAY[f.asset_id, f.recommendation_id]::assetset)::text FROM finding f;
    RETURN QUERY SELECT weighted_score((f.asset_id % 101)::score, f.recommendation_id * 0.3)::text FROM finding f;
END $$;
SET max_parallel_workers_per_gather = 0;
CREATE TEMP TABLE alone AS SELECT * FROM pg_temp.everything() e;
SET max_parallel_workers_per_gather = 4;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
CREATE TEMP TABLE together AS SELECT * FROM pg_temp.everything() e;
SELECT (SELECT count(*) > 100 FROM alone) AS enough,
       (SELECT count(*) FROM (TABLE alone EXCEPT ALL TABLE together) x) AS lost,
       (SELECT count(*) FROM (TABLE together EXCEPT ALL TABLE alone) x) AS gained;

-- and the aggregates do work in parallel
CREATE FUNCTION pg_temp.is_parallel(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ 'Partial (Group|Hash)?Aggregate' THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END $$;
SELECT pg_temp.is_parallel('SELECT assetset_agg(asset_id) FROM finding') AS assetset_agg,
       pg_temp.is_parallel('SELECT union_agg(ARRAY[asset_id]::assetset) FROM finding') AS union_agg,
       pg_temp.is_parallel('SELECT weighted_score((asset_id % 101)::score, recommendation_id) FROM finding') AS weighted_score;

DISCARD TEMP;
DROP EXTENSION posture;

\set ECHO none
-- The oracle: plain SQL that counts distinct assets and adds up in numeric, for any time, and
-- comparisons of what posture returns with it. Needs compare.sql.
-- the time that is asked about
CREATE TEMP TABLE moment (at timestamptz NOT NULL, clock timestamptz NOT NULL);

CREATE TEMP VIEW v_found AS
SELECT f.recommendation_id, f.asset_id, f.state, s.stale_after
FROM moment, finding f JOIN recommendation r USING (recommendation_id)
JOIN source s USING (source_id)
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

-- findings that count
CREATE TEMP VIEW v_pair AS
SELECT f.recommendation_id, f.asset_id, l.kind, l.criticality, f.state = 'non_compliant' AS failing,
       f.state = 'non_compliant' AND m.asset_id IS NULL AS exposed
FROM o_found f
JOIN o_live l USING (asset_id)
LEFT JOIN o_exempt w ON w.recommendation_id = f.recommendation_id AND w.asset_id = f.asset_id
    AND w.kind = 'waived'
LEFT JOIN o_exempt m ON m.recommendation_id = f.recommendation_id AND m.asset_id = f.asset_id
    AND m.kind = 'mitigated'
WHERE f.state <> 'not_applicable' AND w.asset_id IS NULL;
CREATE TEMP TABLE o_pair AS SELECT * FROM v_pair;

CREATE TEMP VIEW v_measure AS
SELECT m.recommendation_id, m.possible, m.achieved < m.possible AS failing,
       CASE WHEN EXISTS (SELECT FROM o_force e
                         WHERE e.recommendation_id = m.recommendation_id AND e.kind = 'mitigated'
                           AND e.asset_id IS NULL AND e.asset_group_id IS NULL)
            THEN m.possible ELSE m.achieved END AS achieved
FROM moment, measure m JOIN recommendation r USING (recommendation_id)
JOIN source s USING (source_id)
WHERE s.is_active AND r.is_active AND m.observed_at < moment.at
  AND NOT EXISTS (SELECT FROM o_force e
                  WHERE e.recommendation_id = m.recommendation_id AND e.kind = 'waived'
                    AND e.asset_id IS NULL AND e.asset_group_id IS NULL);
CREATE TEMP TABLE o_measure AS SELECT * FROM v_measure;

CREATE TEMP VIEW v_recommendation AS
SELECT r.recommendation_id, r.key, s.key AS source,
       p.exposed + coalesce(m.possible - m.achieved, 0) AS exposed,
       p.assessed + coalesce(m.possible, 0) AS assessed,
       CASE WHEN p.assessed + coalesce(m.possible, 0) = 0 THEN 'not_available'
            WHEN p.exposed + coalesce(m.possible - m.achieved, 0) > 0 THEN 'non_compliant'
            WHEN m.failing OR EXISTS (SELECT FROM o_found f JOIN o_live USING (asset_id)
                                      WHERE f.recommendation_id = r.recommendation_id
                                        AND f.state = 'non_compliant') THEN 'mitigated'
            ELSE 'compliant' END AS state,
       -- sixty digits, so that the error of the division is far below a millionth
       CASE WHEN m.possible IS NOT NULL THEN m.achieved
            WHEN p.assessed > 0
            THEN round(r.max_points * (p.assessed - p.exposed), 60) / p.assessed END AS achieved,
       CASE WHEN m.possible IS NOT NULL THEN m.possible
            WHEN p.assessed > 0 THEN r.max_points END AS possible
FROM recommendation r
JOIN source s USING (source_id)
LEFT JOIN LATERAL (SELECT count(DISTINCT p.asset_id) AS assessed,
                          count(DISTINCT p.asset_id) FILTER (WHERE p.exposed) AS exposed
                   FROM o_pair p WHERE p.recommendation_id = r.recommendation_id) p ON true
LEFT JOIN o_measure m USING (recommendation_id)
WHERE s.is_active AND r.is_active;
CREATE TEMP TABLE o_recommendation AS SELECT * FROM v_recommendation;

-- how many times an asset counts
CREATE FUNCTION pg_temp.times(criticality text, weights integer[]) RETURNS integer
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN weights IS NULL THEN 1 WHEN criticality = 'low' THEN weights[1]
                WHEN criticality = 'medium' THEN weights[2]
                WHEN criticality = 'high' THEN weights[3] ELSE weights[4] END $$;

CREATE TEMP VIEW v_metric AS
SELECT m.metric_id, m.key, p.exposed + q.missing AS exposed, p.assessed + q.possible AS assessed,
       p.critical,
       CASE WHEN p.assessed + q.possible > 0
            THEN round(100 * (p.assessed + q.possible - p.exposed - q.missing)
                       / (p.assessed + q.possible), 6) END AS score
FROM metric m
CROSS JOIN LATERAL (SELECT coalesce(sum(a.times), 0) AS assessed,
                           coalesce(sum(a.times) FILTER (WHERE a.exposed), 0) AS exposed,
                           count(*) FILTER (WHERE a.exposed AND a.criticality = 'critical'
                                              AND a.times > 0) AS critical
                    FROM (SELECT p.asset_id, p.criticality,
                                 pg_temp.times(p.criticality, m.criticality_weights) AS times,
                                 bool_or(p.exposed) AS exposed
                          FROM metric_recommendation mr JOIN o_pair p USING (recommendation_id)
                          WHERE mr.metric_id = m.metric_id
                            AND (m.asset_kinds IS NULL OR p.kind = ANY (m.asset_kinds))
                          GROUP BY p.asset_id, p.criticality) a) p
CROSS JOIN LATERAL (SELECT coalesce(sum(o.possible - o.achieved), 0) AS missing,
                           coalesce(sum(o.possible), 0) AS possible
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
           WHEN 'population' THEN (SELECT round(100 * sum(b.weight * (o.assessed - o.exposed))
                                                / nullif(sum(b.weight * o.assessed), 0), 6)
                                   FROM o_member b JOIN o_metric o USING (metric_id)
                                   WHERE b.initiative_id = i.initiative_id)
           ELSE (SELECT round(round(100 * round(sum(r.achieved), 50) / nullif(sum(r.possible), 0),
                                    30), 6)
                 FROM o_recommendation r
                 WHERE r.recommendation_id IN (SELECT mr.recommendation_id
                                               FROM o_member b JOIN o_metric o USING (metric_id)
                                               JOIN metric_recommendation mr USING (metric_id)
                                               WHERE b.initiative_id = i.initiative_id
                                                 AND b.weight > 0 AND o.score IS NOT NULL
                                               UNION
                                               SELECT ir.recommendation_id
                                               FROM initiative_recommendation ir
                                               WHERE ir.initiative_id = i.initiative_id))
       END AS score
FROM initiative i
CROSS JOIN LATERAL (SELECT count(*) AS metrics FROM o_member b
                    WHERE b.initiative_id = i.initiative_id) c
CROSS JOIN LATERAL (SELECT CASE WHEN c.metrics = 0 THEN 'points' ELSE i.method END AS method) d
WHERE i.is_active;
CREATE TEMP TABLE o_initiative AS SELECT * FROM v_initiative;

CREATE TEMP VIEW v_overview AS
SELECT i.key::text AS initiative, i.score, i.metrics, count(DISTINCT x.asset_id) AS exposed_assets,
       count(DISTINCT x.asset_id) FILTER (WHERE x.criticality = 'critical') AS critical_assets
FROM o_initiative i
LEFT JOIN LATERAL (
    SELECT p.asset_id, p.criticality
    FROM o_member b JOIN metric m USING (metric_id) JOIN metric_recommendation mr USING (metric_id)
    JOIN o_pair p USING (recommendation_id)
    WHERE b.initiative_id = i.initiative_id AND p.exposed
      AND (m.asset_kinds IS NULL OR p.kind = ANY (m.asset_kinds))
      AND pg_temp.times(p.criticality, m.criticality_weights) > 0
    UNION ALL
    SELECT p.asset_id, p.criticality
    FROM initiative_recommendation ir JOIN o_pair p USING (recommendation_id)
    WHERE ir.initiative_id = i.initiative_id AND i.method = 'points' AND p.exposed) x ON true
GROUP BY i.initiative_id, i.key, i.score, i.metrics;
CREATE TEMP TABLE o_overview AS SELECT * FROM v_overview;

-- fills the tables for a time
CREATE PROCEDURE pg_temp.ask(at timestamptz, clock timestamptz) LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    TRUNCATE moment;
    INSERT INTO moment VALUES (at, clock);
    FOREACH name IN ARRAY ARRAY['found', 'live', 'force', 'exempt', 'pair', 'measure',
                                'recommendation', 'metric', 'member', 'initiative', 'overview'] LOOP
        EXECUTE format('TRUNCATE o_%1$s; INSERT INTO o_%1$s SELECT * FROM v_%1$s; ANALYZE o_%1$s', name);
    END LOOP;
END $$;

CREATE PROCEDURE pg_temp.compare_now() LANGUAGE plpgsql AS $$
BEGIN
    CALL pg_temp.ask('infinity', now());
    CALL pg_temp.compare('metric_state',
        $q$SELECT metric_id, exposed, assessed, score::numeric FROM metric_state('infinity')$q$,
        $q$SELECT metric_id, exposed, assessed, score FROM o_metric$q$);
    CALL pg_temp.compare('metric_assets',
        $q$SELECT metric_id, members(metric_assets(key)) FROM metric WHERE is_active$q$,
        $q$SELECT DISTINCT m.metric_id, p.asset_id
           FROM metric m
           JOIN metric_recommendation USING (metric_id)
           JOIN o_pair p USING (recommendation_id)
           WHERE m.is_active AND p.exposed
             AND (m.asset_kinds IS NULL OR p.kind = ANY (m.asset_kinds))
             AND pg_temp.times(p.criticality, m.criticality_weights) > 0$q$);
    CALL pg_temp.compare('recomputed',
        $q$SELECT s::text FROM current_state('infinity') s$q$,
        $q$SELECT s::text FROM current_state('infinity', false) s$q$);
    INSERT INTO outcome SELECT 'verify', 1, (SELECT count(*) FROM verify());
    CALL pg_temp.compare('recommendation_report',
        $q$SELECT source, recommendation, state, exposed_assets, assessed_assets, metrics,
                  initiatives
           FROM recommendation_report$q$,
        $q$SELECT o.source::text, o.key::text, o.state, o.exposed, o.assessed,
                  (SELECT count(*) FROM metric_recommendation mr JOIN metric m USING (metric_id)
                   WHERE m.is_active AND mr.recommendation_id = o.recommendation_id),
                  (SELECT count(*) FROM initiative i
                   WHERE i.is_active
                     AND (EXISTS (SELECT FROM initiative_recommendation ir
                                  WHERE ir.initiative_id = i.initiative_id
                                    AND ir.recommendation_id = o.recommendation_id)
                          OR EXISTS (SELECT FROM o_member b
                                     JOIN metric_recommendation mr USING (metric_id)
                                     WHERE b.initiative_id = i.initiative_id
                                       AND mr.recommendation_id = o.recommendation_id)))
           FROM o_recommendation o$q$);
    CALL pg_temp.compare('initiative_result',
        $q$SELECT initiative_id, method, score::numeric FROM initiative_result(NULL)$q$,
        $q$SELECT initiative_id, method, score FROM o_initiative$q$);
    CALL pg_temp.compare('overview',
        $q$SELECT initiative, score, metrics, exposed_assets, critical_assets FROM overview$q$,
        $q$SELECT * FROM o_overview$q$);
    -- score_impact is what an initiative gains when the metric's score becomes 100
    CALL pg_temp.compare('metric_report',
        $q$SELECT initiative, metric, state, score, exposed_assets, assessed_assets, exposed_pct,
                  importance, weight, CASE WHEN i.method <> 'points' THEN score_impact END,
                  critical_assets
           FROM metric_report v JOIN initiative i ON i.key = v.initiative$q$,
        $q$SELECT i.key::text, c.key::text,
                  CASE WHEN o.score IS NULL THEN 'unavailable'
                       WHEN b.importance = 'risk_accepted' THEN 'risk_accepted'
                       WHEN o.exposed = 0 THEN 'mitigated' ELSE 'needs_attention' END,
                  o.score, o.exposed, o.assessed, 100 - o.score, b.importance::text, b.weight,
                  CASE WHEN o.score IS NOT NULL THEN g.score - s.score END, o.critical
           FROM o_member b
           JOIN initiative i USING (initiative_id)
           JOIN o_initiative s USING (initiative_id)
           JOIN metric c USING (metric_id)
           JOIN o_metric o USING (metric_id)
           CROSS JOIN LATERAL (
               SELECT CASE i.method
                          WHEN 'weighted' THEN
                              round(sum(x.weight * CASE WHEN x.metric_id = b.metric_id THEN 100
                                                        ELSE y.score END)
                                        FILTER (WHERE y.score IS NOT NULL)
                                    / nullif(sum(x.weight) FILTER (WHERE y.score IS NOT NULL), 0),
                                    6)
                          WHEN 'population' THEN
                              round(100 * sum(x.weight
                                              * (y.assessed
                                                 - CASE WHEN x.metric_id = b.metric_id THEN 0
                                                        ELSE y.exposed END))
                                    / nullif(sum(x.weight * y.assessed), 0), 6) END AS score
               FROM o_member x JOIN o_metric y USING (metric_id)
               WHERE x.initiative_id = i.initiative_id) g$q$);
END $$;

-- the snapshot of a day, its events and their causes
CREATE PROCEDURE pg_temp.compare_day(of_day date) LANGUAGE plpgsql AS $$
BEGIN
    CALL pg_temp.ask(day_end(of_day), day_end(of_day));
    CALL pg_temp.compare('metric_snapshot',
        format($q$SELECT metric_id, exposed, assessed, score::numeric
                  FROM metric_snapshot WHERE day = %L$q$, of_day),
        $q$SELECT metric_id, exposed, assessed, score FROM o_metric$q$);
    CALL pg_temp.compare('initiative_snapshot',
        format($q$SELECT initiative_id, method, score::numeric
                  FROM initiative_snapshot WHERE day = %L$q$, of_day),
        $q$SELECT initiative_id, method, score FROM o_initiative$q$);
    CALL pg_temp.compare('recommendation_snapshot',
        format($q$SELECT recommendation_id, exposed + coalesce(possible - achieved, 0),
                         assessed + coalesce(possible, 0)
                  FROM recommendation_snapshot
                  WHERE day = %L AND recommendation_id > 32 AND assessed = 0$q$, of_day),
        $q$SELECT recommendation_id, exposed, assessed FROM o_recommendation
           WHERE recommendation_id > 32
             AND recommendation_id IN (SELECT recommendation_id FROM o_measure)$q$);
    -- drop is previous_score - score, and every drop of the threshold or more has an event
    CALL pg_temp.compare('initiative drops',
        format($q$SELECT initiative_id, previous_day, previous_score::numeric, score::numeric,
                         "drop"
                  FROM event WHERE day = %L AND kind = 'initiative_score_drop'$q$, of_day),
        format($q$SELECT initiative_id, p.day, p.score::numeric, n.score::numeric,
                         p.score::numeric - n.score::numeric
                  FROM initiative_snapshot n
                  JOIN initiative_snapshot p USING (initiative_id)
                  JOIN initiative i USING (initiative_id)
                  WHERE n.day = %1$L AND p.day = %1$L::date - 1
                    AND p.score::numeric - n.score::numeric >= coalesce(i.drop_threshold, 2)$q$,
               of_day));
    CALL pg_temp.compare('metric drops',
        format($q$SELECT metric_id, previous_day, "drop", weight
                  FROM event WHERE day = %L AND kind = 'metric_score_drop'$q$, of_day),
        format($q$SELECT metric_id, p.day, p.score::numeric - n.score::numeric, max(b.weight)
                  FROM metric_snapshot n
                  JOIN metric_snapshot p USING (metric_id)
                  JOIN metric m USING (metric_id)
                  JOIN o_member b USING (metric_id)
                  WHERE n.day = %1$L AND p.day = %1$L::date - 1 AND b.weight > 0
                    AND p.score::numeric - n.score::numeric >= coalesce(m.drop_threshold, 2)
                  GROUP BY 1, 2, 3$q$, of_day));
    -- the parts of a change add up exactly
    CALL pg_temp.compare('causes',
        format($q$SELECT e.event_id, sum(c.points)
                  FROM event e JOIN event_cause c USING (event_id)
                  WHERE e.day = %L AND e.kind = 'initiative_score_drop' AND c.reason <> 'effect'
                  GROUP BY e.event_id$q$, of_day),
        format($q$SELECT event_id, -"drop" FROM event
                  WHERE day = %L AND kind = 'initiative_score_drop'$q$, of_day));
    CALL pg_temp.compare('initiative_change',
        format($q$SELECT i.initiative_id, coalesce(sum(c.points), 0)
                  FROM (SELECT initiative_id
                        FROM initiative_snapshot n JOIN initiative_snapshot p USING (initiative_id)
                        WHERE n.day = %1$L AND p.day = %1$L::date - 1
                          AND n.score IS NOT NULL AND p.score IS NOT NULL) i
                  LEFT JOIN initiative_change(%1$L::date - 1, %1$L, NULL) c USING (initiative_id)
                  GROUP BY i.initiative_id$q$, of_day),
        format($q$SELECT initiative_id, n.score::numeric - p.score::numeric
                  FROM initiative_snapshot n JOIN initiative_snapshot p USING (initiative_id)
                  WHERE n.day = %1$L AND p.day = %1$L::date - 1
                    AND n.score IS NOT NULL AND p.score IS NOT NULL$q$, of_day));
    -- rounding changes a part by less than two millionths
    CALL pg_temp.compare('rounding',
        format($q$SELECT initiative_id, p.metric_id, p.recommendation_id, reason
                  FROM initiative_change(%1$L::date - 1, %1$L, NULL) c
                  JOIN initiative_change_part(%1$L::date - 1, %1$L, NULL) p
                      USING (initiative_id, reason)
                  WHERE c.metric_id IS NOT DISTINCT FROM p.metric_id
                    AND c.recommendation_id IS NOT DISTINCT FROM p.recommendation_id
                    AND abs(c.points - p.exact) < 0.000002$q$, of_day),
        format($q$SELECT initiative_id, metric_id, recommendation_id, reason
                  FROM initiative_change_part(%1$L::date - 1, %1$L, NULL)$q$, of_day));
END $$;
\set ECHO all

\set ECHO none
-- The model: what metrics and initiatives score, in plain SQL over findings and the catalog.
-- Nothing of posture's sets and counts is in it, and scores are exact fractions.
--
-- Names of tables have no schema, so search_path says which catalog is asked: posture is the
-- current one, and a copy (model_days.sql) the one of a past day. at is the end of that day;
-- infinity means now. of_group is a group as it is now; NULL means all assets.
CREATE SCHEMA model;

-- a fraction as a score: with six decimals, rounded half away from zero; NULL: unavailable
CREATE FUNCTION model.rounded(num numeric, den numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN den > 0 THEN div(2000000 * num + den, 2 * den) * 0.000001 END $$;

-- a sum of fractions, as numerator and denominator
CREATE FUNCTION model.add(total numeric[], num numeric, den numeric) RETURNS numeric[]
    LANGUAGE sql IMMUTABLE AS $$
    SELECT ARRAY[total[1] * den + num * total[2], total[2] * den] $$;
CREATE AGGREGATE model.sum_of(num numeric, den numeric) (
    SFUNC = model.add, STYPE = numeric[], INITCOND = '{0,1}');

-- how many times an asset counts
CREATE FUNCTION model.times(criticality text, weights integer[]) RETURNS integer
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN weights IS NULL THEN 1 WHEN criticality = 'low' THEN weights[1]
                WHEN criticality = 'medium' THEN weights[2]
                WHEN criticality = 'high' THEN weights[3] ELSE weights[4] END $$;

CREATE FUNCTION model.matches(kind text, criticality text, tags jsonb, kinds text[],
                              min_criticality text, wanted jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE AS $$
    SELECT (kinds IS NULL OR kind = ANY (kinds)) AND (wanted IS NULL OR tags @> wanted)
       AND CASE min_criticality WHEN 'critical' THEN criticality = 'critical'
                                WHEN 'high' THEN criticality IN ('high', 'critical')
                                WHEN 'medium' THEN criticality <> 'low' ELSE true END $$;

CREATE FUNCTION model.group_member(of_group text) RETURNS TABLE (asset_id integer)
    LANGUAGE sql STABLE AS $$
    SELECT a.asset_id
    FROM posture.asset a JOIN posture.asset_group g
      ON model.matches(a.kind, a.criticality, a.tags, g.kinds, g.min_criticality, g.tags)
    WHERE g.key = of_group $$;

CREATE FUNCTION model.limit(at timestamptz, stale_after interval) RETURNS timestamptz
    LANGUAGE sql STABLE AS $$
    SELECT (least(at, now()) AT TIME ZONE 'UTC' - stale_after) AT TIME ZONE 'UTC' $$;

-- Assets that were retired or stale on the day of a copy. last_seen has no past, so the copy has
-- them, whatever a scenario says; this table has no row, because they are computed for now.
CREATE TABLE model.inactive_then (asset_id integer);

CREATE FUNCTION model.is_retired(retired_at timestamptz, at timestamptz) RETURNS boolean
    LANGUAGE sql STABLE AS $$
    SELECT coalesce(retired_at < at AND retired_at <= now(), false) $$;

CREATE FUNCTION model.live(at timestamptz)
    RETURNS TABLE (asset_id integer, kind text, criticality text)
    LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    IF EXISTS (SELECT FROM inactive_then) THEN
        RETURN QUERY
        SELECT a.asset_id, a.kind, a.criticality FROM asset a
        WHERE a.asset_id NOT IN (SELECT i.asset_id FROM inactive_then i);
    ELSE
        RETURN QUERY
        SELECT a.asset_id, a.kind, a.criticality
        FROM asset a
        WHERE NOT model.is_retired(a.retired_at, at)
          AND EXISTS (SELECT FROM finding f JOIN recommendation r USING (recommendation_id)
                      JOIN source s USING (source_id)
                      WHERE f.asset_id = a.asset_id AND f.state <> 'not_applicable'
                        AND f.changed_at < at AND s.is_active AND r.is_active
                        AND (s.stale_after IS NULL
                             OR a.last_seen >= model.limit(at, s.stale_after)));
    END IF;
END $$;

CREATE FUNCTION model.in_force(at timestamptz)
    RETURNS TABLE (recommendation_id integer, asset_id integer, asset_group_id integer,
                   kind posture.exemption_kind)
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT e.recommendation_id, e.asset_id, e.asset_group_id, e.kind
    FROM exemption e
    WHERE e.created_at < at AND e.created_at <= now()
      AND (e.expires_at IS NULL OR e.expires_at >= at OR e.expires_at > now());
END $$;

CREATE FUNCTION model.exempt(at timestamptz)
    RETURNS TABLE (recommendation_id integer, asset_id integer, kind posture.exemption_kind)
    LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT DISTINCT e.recommendation_id, a.asset_id, e.kind
    FROM model.in_force(at) e
    LEFT JOIN asset_group g USING (asset_group_id)
    JOIN asset a
      ON CASE WHEN e.asset_id IS NOT NULL THEN a.asset_id = e.asset_id
              WHEN e.asset_group_id IS NULL THEN true
              ELSE model.matches(a.kind, a.criticality, a.tags, g.kinds, g.min_criticality,
                                 g.tags) END
    WHERE e.kind <> 'risk_accepted';
END $$;

-- findings that count
CREATE FUNCTION model.pair(at timestamptz, of_group text)
    RETURNS TABLE (recommendation_id integer, asset_id integer, kind text, criticality text,
                   exposed boolean)
    LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH exempt AS MATERIALIZED (
        SELECT * FROM model.exempt(at)
    )
    SELECT f.recommendation_id, f.asset_id, l.kind, l.criticality,
           f.state = 'non_compliant' AND m.asset_id IS NULL
    FROM finding f
    JOIN recommendation r USING (recommendation_id)
    JOIN source s USING (source_id)
    JOIN model.live(at) l USING (asset_id)
    LEFT JOIN exempt w ON w.recommendation_id = f.recommendation_id AND w.asset_id = f.asset_id
        AND w.kind = 'waived'
    LEFT JOIN exempt m ON m.recommendation_id = f.recommendation_id AND m.asset_id = f.asset_id
        AND m.kind = 'mitigated'
    WHERE s.is_active AND r.is_active AND f.changed_at < at
      AND f.state <> 'not_applicable' AND w.asset_id IS NULL
      AND (of_group IS NULL
           OR f.asset_id IN (SELECT g.asset_id FROM model.group_member(of_group) g));
END $$;

-- points of measures, which belong to the whole organisation and to no group
CREATE FUNCTION model.measured(at timestamptz, of_group text)
    RETURNS TABLE (recommendation_id integer, achieved numeric, possible numeric)
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    WITH for_all AS (
        SELECT e.recommendation_id, e.kind FROM model.in_force(at) e
        WHERE e.asset_id IS NULL AND e.asset_group_id IS NULL
    )
    SELECT m.recommendation_id,
           CASE WHEN EXISTS (SELECT FROM for_all e
                             WHERE e.recommendation_id = m.recommendation_id
                               AND e.kind = 'mitigated')
                THEN m.possible::numeric ELSE m.achieved::numeric END, m.possible::numeric
    FROM measure m
    JOIN recommendation r ON r.recommendation_id = m.recommendation_id
    JOIN source s ON s.source_id = r.source_id
    WHERE s.is_active AND r.is_active AND m.observed_at < at AND of_group IS NULL
      AND NOT EXISTS (SELECT FROM for_all e
                      WHERE e.recommendation_id = m.recommendation_id AND e.kind = 'waived');
END $$;

-- the points of each recommendation: num / den of possible
CREATE FUNCTION model.point(at timestamptz, of_group text)
    RETURNS TABLE (recommendation_id integer, num numeric, den numeric, possible numeric)
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT m.recommendation_id, m.achieved, 1::numeric, m.possible
    FROM model.measured(at, of_group) m
    UNION ALL
    SELECT r.recommendation_id, r.max_points * count(*) FILTER (WHERE NOT p.exposed),
           count(*)::numeric, r.max_points::numeric
    FROM model.pair(at, of_group) p JOIN recommendation r USING (recommendation_id)
    WHERE r.max_points IS NOT NULL
      AND r.recommendation_id NOT IN (SELECT m.recommendation_id
                                      FROM model.measured(at, of_group) m)
    GROUP BY r.recommendation_id, r.max_points;
END $$;

-- assets that are assessed by a recommendation that counts, exempt or not
CREATE FUNCTION model.known(at timestamptz)
    RETURNS TABLE (recommendation_id integer, source_id integer, asset_id integer)
    LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT f.recommendation_id, r.source_id, f.asset_id
    FROM finding f
    JOIN recommendation r USING (recommendation_id)
    JOIN source s USING (source_id)
    JOIN model.live(at) l USING (asset_id)
    WHERE s.is_active AND r.is_active AND f.changed_at < at AND f.state <> 'not_applicable';
END $$;

-- The members of metrics that have a population. Stale assets are, retired ones are not.
CREATE FUNCTION model.population(at timestamptz, of_group text)
    RETURNS TABLE (metric_id integer, asset_id integer, criticality text, times integer)
    LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT m.metric_id, a.asset_id, a.criticality,
           model.times(a.criticality, m.criticality_weights)
    FROM metric m
    JOIN asset_group g ON g.asset_group_id = m.population_group_id
    JOIN asset a ON model.matches(a.kind, a.criticality, a.tags, g.kinds, g.min_criticality, g.tags)
    WHERE m.is_active AND NOT model.is_retired(a.retired_at, at)
      AND (m.asset_kinds IS NULL OR a.kind = ANY (m.asset_kinds))
      AND model.times(a.criticality, m.criticality_weights) > 0
      AND (of_group IS NULL
           OR a.asset_id IN (SELECT x.asset_id FROM model.group_member(of_group) x));
END $$;

-- The members that no recommendation of the metric assesses, as if each failed all of them:
-- counts: not all are waived; open: not all are waived or mitigated.
CREATE FUNCTION model.missing(at timestamptz, of_group text)
    RETURNS TABLE (metric_id integer, asset_id integer, criticality text, times integer,
                   counts boolean, open boolean, scanned boolean)
    LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH measured AS MATERIALIZED (
        SELECT b.metric_id, b.recommendation_id, r.source_id
        FROM metric_recommendation b
        JOIN recommendation r USING (recommendation_id) JOIN source s USING (source_id)
        WHERE r.is_active AND s.is_active
    ), known AS MATERIALIZED (
        SELECT * FROM model.known(at)
    ), exempt AS MATERIALIZED (
        SELECT * FROM model.exempt(at)
    )
    SELECT p.metric_id, p.asset_id, p.criticality, p.times,
           bool_or(NOT EXISTS (SELECT FROM exempt e
                               WHERE e.recommendation_id = b.recommendation_id
                                 AND e.asset_id = p.asset_id AND e.kind = 'waived')),
           bool_or(NOT EXISTS (SELECT FROM exempt e
                               WHERE e.recommendation_id = b.recommendation_id
                                 AND e.asset_id = p.asset_id)),
           EXISTS (SELECT FROM known k JOIN measured x USING (source_id)
                   WHERE x.metric_id = p.metric_id AND k.asset_id = p.asset_id)
    FROM model.population(at, of_group) p
    JOIN measured b USING (metric_id)
    WHERE NOT EXISTS (SELECT FROM known k JOIN measured x USING (recommendation_id)
                      WHERE x.metric_id = p.metric_id AND k.asset_id = p.asset_id)
    GROUP BY p.metric_id, p.asset_id, p.criticality, p.times;
END $$;

-- those that count as unassessed
CREATE FUNCTION model.unassessed(at timestamptz, of_group text)
    RETURNS TABLE (metric_id integer, asset_id integer, times integer)
    LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT x.metric_id, x.asset_id, x.times
    FROM model.missing(at, of_group) x JOIN metric m USING (metric_id)
    WHERE x.open AND NOT (m.unassessed = 'compliant' AND x.scanned);
END $$;

-- the assets behind each metric
CREATE FUNCTION model.metric_asset(at timestamptz, of_group text)
    RETURNS TABLE (metric_id integer, asset_id integer, criticality text, times integer,
                   exposed boolean)
    LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT m.metric_id, p.asset_id, p.criticality,
           model.times(p.criticality, m.criticality_weights), bool_or(p.exposed)
    FROM metric m
    JOIN metric_recommendation b USING (metric_id)
    JOIN model.pair(at, of_group) p USING (recommendation_id)
    WHERE m.is_active AND (m.asset_kinds IS NULL OR p.kind = ANY (m.asset_kinds))
      AND model.times(p.criticality, m.criticality_weights) > 0
      AND (m.population_group_id IS NULL
           OR (m.metric_id, p.asset_id) IN (SELECT x.metric_id, x.asset_id
                                            FROM model.population(at, of_group) x))
    GROUP BY m.metric_id, p.asset_id, p.criticality, m.criticality_weights
    UNION ALL
    SELECT x.metric_id, x.asset_id, x.criticality, x.times, x.open AND m.unassessed = 'exposed'
    FROM model.missing(at, of_group) x JOIN metric m USING (metric_id)
    WHERE CASE WHEN NOT x.open THEN x.counts ELSE m.unassessed = 'exposed'
               OR m.unassessed = 'compliant' AND x.scanned END;
END $$;

CREATE FUNCTION model.metric(at timestamptz, of_group text)
    RETURNS TABLE (metric_id integer, exposed numeric, assessed numeric, critical bigint,
                   score numeric)
    LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT m.metric_id, c.exposed, c.assessed, coalesce(a.critical, 0),
           model.rounded(100 * (c.assessed - c.exposed), c.assessed)
    FROM metric m
    LEFT JOIN (SELECT x.metric_id, sum(x.times) AS assessed,
                      sum(x.times) FILTER (WHERE x.exposed) AS exposed,
                      count(*) FILTER (WHERE x.exposed AND x.criticality = 'critical') AS critical
               FROM model.metric_asset(at, of_group) x GROUP BY x.metric_id) a USING (metric_id)
    LEFT JOIN (SELECT b.metric_id, sum(o.possible) AS possible,
                      sum(o.possible - o.achieved) AS missing
               FROM metric_recommendation b
               JOIN model.measured(at, of_group) o USING (recommendation_id)
               GROUP BY b.metric_id) p USING (metric_id)
    CROSS JOIN LATERAL (
        SELECT coalesce(a.exposed, 0) + coalesce(p.missing, 0) AS exposed,
               coalesce(a.assessed, 0) + coalesce(p.possible, 0) AS assessed) c
    WHERE m.is_active;
END $$;

CREATE FUNCTION model.member()
    RETURNS TABLE (initiative_id integer, metric_id integer, importance posture.importance,
                   weight numeric)
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT b.initiative_id, b.metric_id, m.importance, coalesce(b.weight, w.weight)::numeric
    FROM initiative_metric b
    JOIN initiative i ON i.initiative_id = b.initiative_id
    JOIN metric m ON m.metric_id = b.metric_id
    JOIN importance_weight w ON w.importance = m.importance
    WHERE i.is_active AND m.is_active;
END $$;

-- the score of each initiative as it is (best NULL), and with each of its metrics at 100
CREATE FUNCTION model.initiative(at timestamptz, of_group text)
    RETURNS TABLE (initiative_id integer, best integer, method text, score numeric)
    LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH metric AS MATERIALIZED (
        SELECT * FROM model.metric(at, of_group)
    ), member AS MATERIALIZED (
        SELECT * FROM model.member()
    ), term AS (
        SELECT b.initiative_id, b.metric_id, b.weight, m.exposed, m.assessed, m.score
        FROM member b JOIN metric m USING (metric_id) WHERE m.score IS NOT NULL
    ), points AS MATERIALIZED (
        SELECT o.initiative_id, p.*
        FROM (SELECT t.initiative_id, mr.recommendation_id
              FROM term t JOIN metric_recommendation mr USING (metric_id) WHERE t.weight > 0
              UNION
              SELECT ir.initiative_id, ir.recommendation_id FROM initiative_recommendation ir) o
        JOIN model.point(at, of_group) p USING (recommendation_id)
    )
    SELECT i.initiative_id, x.best, d.method,
           CASE d.method
               WHEN 'weighted' THEN
                   (SELECT model.rounded(sum(t.weight * CASE WHEN t.metric_id = x.best THEN 100
                                                             ELSE t.score END), sum(t.weight))
                    FROM term t WHERE t.initiative_id = i.initiative_id)
               WHEN 'population' THEN
                   (SELECT model.rounded(
                               100 * sum(t.weight * (t.assessed
                                                     - CASE WHEN t.metric_id = x.best THEN 0
                                                            ELSE t.exposed END)),
                               sum(t.weight * t.assessed))
                    FROM term t WHERE t.initiative_id = i.initiative_id)
               ELSE (SELECT model.rounded(100 * (y.sum)[1], (y.sum)[2] * y.possible)
                     FROM (SELECT model.sum_of(CASE WHEN mr.metric_id IS NULL THEN p.num
                                                    ELSE p.possible END,
                                               CASE WHEN mr.metric_id IS NULL THEN p.den
                                                    ELSE 1 END) AS sum,
                                  sum(p.possible) AS possible
                           FROM points p
                           LEFT JOIN metric_recommendation mr
                                  ON mr.metric_id = x.best
                                 AND mr.recommendation_id = p.recommendation_id
                           WHERE p.initiative_id = i.initiative_id) y)
           END
    FROM initiative i
    CROSS JOIN LATERAL (SELECT CASE WHEN EXISTS (SELECT FROM member b
                                                 WHERE b.initiative_id = i.initiative_id)
                                    THEN i.method::text ELSE 'points' END AS method) d
    CROSS JOIN LATERAL (SELECT NULL::integer AS best
                        UNION ALL
                        SELECT b.metric_id FROM member b
                        WHERE b.initiative_id = i.initiative_id) x
    WHERE i.is_active;
END $$;

-- what report_at() returns, and the number of critical assets
CREATE FUNCTION model.report(at timestamptz, of_group text)
    RETURNS TABLE (initiative text, metric text, state text, score numeric, exposed_assets numeric,
                   assessed_assets numeric, weight numeric, score_impact numeric, critical bigint)
    LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH scored AS MATERIALIZED (
        SELECT * FROM model.initiative(at, of_group)
    ), asset AS (
        SELECT b.initiative_id, a.asset_id, a.criticality, a.exposed
        FROM model.member() b JOIN model.metric_asset(at, of_group) a USING (metric_id)
        UNION ALL
        SELECT ir.initiative_id, p.asset_id, p.criticality, p.exposed
        FROM initiative_recommendation ir
        JOIN model.pair(at, of_group) p USING (recommendation_id)
        JOIN scored s USING (initiative_id)
        WHERE s.best IS NULL AND s.method = 'points'
    )
    SELECT i.key::text, c.key::text,
           CASE WHEN m.score IS NULL THEN 'unavailable'
                WHEN b.importance = 'risk_accepted' THEN 'risk_accepted'
                WHEN m.exposed = 0 THEN 'mitigated' ELSE 'needs_attention' END,
           m.score, m.exposed, m.assessed, b.weight,
           CASE WHEN m.score IS NOT NULL THEN g.score - s.score END, m.critical
    FROM model.member() b
    JOIN initiative i USING (initiative_id)
    JOIN metric c USING (metric_id)
    JOIN model.metric(at, of_group) m USING (metric_id)
    JOIN scored s ON s.initiative_id = b.initiative_id AND s.best IS NULL
    JOIN scored g ON g.initiative_id = b.initiative_id AND g.best = b.metric_id
    UNION ALL
    SELECT i.key::text, NULL, NULL, s.score,
           count(DISTINCT a.asset_id) FILTER (WHERE a.exposed),
           count(DISTINCT a.asset_id), NULL, NULL,
           count(DISTINCT a.asset_id) FILTER (WHERE a.exposed AND a.criticality = 'critical')
    FROM scored s
    JOIN initiative i USING (initiative_id)
    LEFT JOIN asset a USING (initiative_id)
    WHERE s.best IS NULL
    GROUP BY i.initiative_id, i.key, s.score;
END $$;

-- Of each metric and initiative: how many assets it is about, how many of these are unassessed,
-- and the scores if all of them were exposed and if none were.
CREATE FUNCTION model.coverage(at timestamptz, of_group text)
    RETURNS TABLE (initiative text, metric text, population numeric, unassessed numeric,
                   low numeric, high numeric)
    LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH asset AS MATERIALIZED (
        SELECT a.metric_id, a.asset_id, a.times, false AS is_unassessed
        FROM model.metric_asset(at, of_group) a
        UNION ALL
        SELECT u.metric_id, u.asset_id, u.times, true FROM model.unassessed(at, of_group) u
    ), covered AS MATERIALIZED (
        SELECT m.metric_id, m.assessed - m.exposed AS healthy,
               c.population + p.possible AS population, c.unassessed::numeric AS unassessed
        FROM model.metric(at, of_group) m
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(o.possible), 0) AS possible
            FROM metric_recommendation b
            JOIN model.measured(at, of_group) o USING (recommendation_id)
            WHERE b.metric_id = m.metric_id) p
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(x.times), 0) AS population,
                   coalesce(sum(x.times) FILTER (WHERE x.is_unassessed), 0) AS unassessed
            FROM (SELECT a.asset_id, max(a.times) AS times, bool_or(a.is_unassessed)
                             AS is_unassessed
                  FROM asset a WHERE a.metric_id = m.metric_id GROUP BY a.asset_id) x) c
    ), bound AS (
        SELECT c.*, model.rounded(100 * c.healthy, c.population) AS low,
               model.rounded(100 * (c.healthy + c.unassessed), c.population) AS high
        FROM covered c
    ), scored AS (
        SELECT i.initiative_id, i.method, i.score FROM model.initiative(at, of_group) i
        WHERE i.best IS NULL
    ), total AS (
        SELECT s.initiative_id, s.method, s.score,
               model.rounded(sum(t.weight * t.low), sum(t.weight)) AS low,
               model.rounded(sum(t.weight * t.high), sum(t.weight)) AS high,
               model.rounded(100 * sum(t.weight * t.healthy), sum(t.weight * t.population))
                   AS population_low,
               model.rounded(100 * sum(t.weight * (t.healthy + t.unassessed)),
                             sum(t.weight * t.population)) AS population_high
        FROM scored s
        LEFT JOIN (SELECT b.initiative_id, b.weight, x.* FROM model.member() b
                   JOIN bound x USING (metric_id) WHERE x.population > 0) t USING (initiative_id)
        GROUP BY s.initiative_id, s.method, s.score
    ), asset_of AS (
        SELECT b.initiative_id, a.asset_id, a.is_unassessed
        FROM model.member() b JOIN asset a USING (metric_id)
        UNION ALL
        SELECT ir.initiative_id, p.asset_id, false
        FROM initiative_recommendation ir
        JOIN model.pair(at, of_group) p USING (recommendation_id)
        JOIN scored s USING (initiative_id)
        WHERE s.method = 'points'
    )
    SELECT NULL, m.key::text, b.population, b.unassessed, b.low, b.high
    FROM bound b JOIN metric m USING (metric_id)
    UNION ALL
    SELECT i.key::text, NULL, count(DISTINCT a.asset_id),
           count(DISTINCT a.asset_id) FILTER (WHERE a.is_unassessed),
           CASE t.method WHEN 'weighted' THEN t.low WHEN 'population' THEN t.population_low
                ELSE t.score END,
           CASE t.method WHEN 'weighted' THEN t.high WHEN 'population' THEN t.population_high
                ELSE t.score END
    FROM total t JOIN initiative i USING (initiative_id)
    LEFT JOIN asset_of a USING (initiative_id)
    GROUP BY i.key, t.method, t.score, t.low, t.high, t.population_low, t.population_high;
END $$;

-- Of each recommendation that counts: the assets that it or a population of its metrics has, and
-- those of the population that it does not assess and that are not exempt.
CREATE FUNCTION model.recommendation_coverage()
    RETURNS TABLE (recommendation_id integer, population numeric, unassessed numeric)
    LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT r.recommendation_id, a.n + coalesce(o.possible, 0) + u.n, u.n::numeric
    FROM recommendation r JOIN source s USING (source_id)
    LEFT JOIN model.measured('infinity', NULL) o USING (recommendation_id)
    CROSS JOIN LATERAL (SELECT count(*) AS n FROM model.pair('infinity', NULL) p
                        WHERE p.recommendation_id = r.recommendation_id) a
    CROSS JOIN LATERAL (
        SELECT count(DISTINCT p.asset_id) AS n
        FROM metric_recommendation b
        JOIN model.population('infinity', NULL) p USING (metric_id)
        WHERE b.recommendation_id = r.recommendation_id
          AND (r.recommendation_id, p.asset_id)
              NOT IN (SELECT k.recommendation_id, k.asset_id FROM model.known('infinity') k
                      UNION ALL
                      SELECT e.recommendation_id, e.asset_id FROM model.exempt('infinity') e)) u
    WHERE r.is_active AND s.is_active;
END $$;

-- The score and counts of each active metric and initiative. A metric's drop is an event if it
-- has a weight in some initiative.
CREATE FUNCTION model.object(at timestamptz, of_group text)
    RETURNS TABLE (initiative text, metric text, score numeric, exposed_assets numeric,
                   assessed_assets numeric, has_weight boolean)
    LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT NULL, c.key::text, m.score, m.exposed, m.assessed,
           EXISTS (SELECT FROM model.member() b
                   WHERE b.metric_id = m.metric_id AND b.weight > 0)
    FROM model.metric(at, of_group) m JOIN metric c USING (metric_id)
    UNION ALL
    SELECT r.initiative, NULL, r.score, r.exposed_assets, r.assessed_assets, true
    FROM model.report(at, of_group) r
    WHERE r.metric IS NULL;
END $$;

-- what model.object() returned of days, as they were and with a scenario done
CREATE TABLE model.kept (is_done boolean, day date, of_group text, initiative text, metric text,
    score numeric, exposed_assets numeric, assessed_assets numeric, has_weight boolean);

-- the assets that each active metric has exposed
CREATE FUNCTION model.exposed(at timestamptz, of_group text)
    RETURNS TABLE (metric text, assets integer[])
    LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT m.key::text,
           coalesce(array_agg(a.asset_id ORDER BY a.asset_id) FILTER (WHERE a.exposed), '{}')
    FROM metric m LEFT JOIN model.metric_asset(at, of_group) a USING (metric_id)
    WHERE m.is_active
    GROUP BY m.key;
END $$;
\set ECHO all

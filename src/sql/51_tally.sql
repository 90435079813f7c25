/*
 * Counts as they are now, in time that does not grow with findings: what was
 * tallied when the sets were folded, and the difference that the assets make
 * that were touched since. Where that can't be told, or where many were
 * touched, the sets are counted.
 */

-- Of each touched asset all findings are looked at, as they are, and as they
-- were when the sets were folded: a toggled one was the other way. An asset
-- weighs by its criticality, whose rank is 4 for a critical one.
CREATE FUNCTION posture.touched_count(more_assets integer[])
    RETURNS TABLE (object_kind text, object_id integer, assessed bigint, exposed bigint, failing bigint, critical bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600 SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN QUERY
    WITH toggle AS MATERIALIZED (
        SELECT e.recommendation_id, m.asset_id,
               count(*) FILTER (WHERE m.of_assessed) % 2 = 1 AS assessed,
               count(*) FILTER (WHERE NOT m.of_assessed) % 2 = 1 AS exposed
        FROM posture.finding_delta d
        CROSS JOIN LATERAL unnest(d.recommendations, d.assessed, d.exposed) e(recommendation_id, assessed, exposed)
        CROSS JOIN LATERAL (SELECT posture.members(e.assessed) AS asset_id, true AS of_assessed
                            UNION ALL
                            SELECT posture.members(e.exposed), false) m
        GROUP BY e.recommendation_id, m.asset_id
    ), changed AS MATERIALIZED (
        SELECT coalesce(posture.union_agg(d.assets), '{}') AS assets FROM posture.asset_delta d
    ), stale AS MATERIALIZED (
        SELECT max(l.seen_before) AS seen_before FROM posture.stale_limit(timestamptz 'infinity') l
    ), asset AS MATERIALIZED (
        SELECT t.asset_id,
               a.kind AS kind, posture.criticality_rank(a.criticality) AS rank,
               NOT coalesce(a.retired_at <= now(), false)
               AND (s.seen_before IS NULL OR a.last_seen >= s.seen_before
                    OR EXISTS (SELECT
                               FROM posture.finding f
                               JOIN posture.recommendation r ON r.recommendation_id = f.recommendation_id
                               JOIN posture.source o ON o.source_id = r.source_id
                               WHERE f.asset_id = t.asset_id AND f.state <> 'not_applicable' AND o.is_active AND r.is_active
                                 AND (o.stale_after IS NULL OR a.last_seen >= posture.stale_before(now(), o.stale_after)))) AS counts,
               CASE WHEN c.assets OPERATOR(posture.@>) t.asset_id
                    THEN (SELECT max(w.value) FROM posture.asset_set w
                          WHERE w.attribute = 'kind' AND w.chunk = t.asset_id / 65536 AND w.assets OPERATOR(posture.@>) t.asset_id)
                    ELSE a.kind END AS was_kind,
               CASE WHEN c.assets OPERATOR(posture.@>) t.asset_id
                    THEN (SELECT max(posture.criticality_rank(w.value)) FROM posture.asset_set w
                          WHERE w.attribute = 'criticality' AND w.chunk = t.asset_id / 65536 AND w.assets OPERATOR(posture.@>) t.asset_id)
                    ELSE posture.criticality_rank(a.criticality) END AS was_rank,
               NOT EXISTS (SELECT FROM posture.asset_set w
                           WHERE w.attribute = 'gone' AND w.chunk = t.asset_id / 65536
                             AND w.assets OPERATOR(posture.@>) t.asset_id) AS counted
        FROM (SELECT g.asset_id FROM toggle g UNION SELECT unnest(more_assets)) t
        CROSS JOIN changed c
        CROSS JOIN stale s
        -- one by one, here and below, however many the planner expects: they are few
        LEFT JOIN LATERAL (SELECT x.* FROM posture.asset x WHERE x.asset_id = t.asset_id OFFSET 0) a ON true
    ), found AS MATERIALIZED (
        SELECT f.recommendation_id, a.*, f.state <> 'not_applicable' AS assessed, f.state = 'non_compliant' AS exposed
        FROM asset a
        CROSS JOIN LATERAL (SELECT x.recommendation_id, x.state FROM posture.finding x WHERE x.asset_id = a.asset_id OFFSET 0) f
    ), pair AS (
        SELECT * FROM found
        UNION ALL
        SELECT g.recommendation_id, a.*, false, false
        FROM toggle g JOIN asset a ON a.asset_id = g.asset_id
        WHERE NOT EXISTS (SELECT FROM found f WHERE f.recommendation_id = g.recommendation_id AND f.asset_id = g.asset_id)
    ), exempt AS MATERIALIZED (
        SELECT x.* FROM posture.exempt_set(timestamptz 'infinity', true, NULL::integer) x
    ), state AS (
        SELECT p.*,
               p.assessed <> coalesce(g.assessed, false) AS was_assessed, p.exposed <> coalesce(g.exposed, false) AS was_exposed,
               coalesce(w.for_all OR w.assets OPERATOR(posture.@>) p.asset_id, false) AS waived,
               coalesce(m.for_all OR m.assets OPERATOR(posture.@>) p.asset_id, false) AS mitigated
        FROM pair p
        JOIN posture.recommendation r ON r.recommendation_id = p.recommendation_id
        JOIN posture.source s ON s.source_id = r.source_id
        LEFT JOIN toggle g ON g.recommendation_id = p.recommendation_id AND g.asset_id = p.asset_id
        LEFT JOIN exempt w ON w.recommendation_id = p.recommendation_id AND w.kind = 'waived'
        LEFT JOIN exempt m ON m.recommendation_id = p.recommendation_id AND m.kind = 'mitigated'
        WHERE s.is_active AND r.is_active
    ), effect AS MATERIALIZED (
        SELECT s.recommendation_id, s.asset_id, s.kind, s.was_kind, s.rank, s.was_rank,
               s.assessed AND s.counts AND NOT s.waived AS assessed,
               s.exposed AND s.counts AS failing,
               s.exposed AND s.counts AND NOT s.waived AND NOT s.mitigated AS exposed,
               s.was_assessed AND s.counted AND NOT s.waived AS was_assessed,
               s.was_exposed AND s.counted AS was_failing,
               s.was_exposed AND s.counted AND NOT s.waived AND NOT s.mitigated AS was_exposed
        FROM state s
    ), metric AS MATERIALIZED (
        SELECT mr.metric_id, e.asset_id, e.rank, e.was_rank, i.weight, i.was_weight,
               bool_or(e.assessed AND i.weight > 0) AS assessed, bool_or(e.was_assessed AND i.was_weight > 0) AS was_assessed,
               bool_or(e.exposed AND i.weight > 0) AS exposed, bool_or(e.was_exposed AND i.was_weight > 0) AS was_exposed
        FROM effect e
        JOIN posture.metric_recommendation mr ON mr.recommendation_id = e.recommendation_id
        JOIN posture.metric m ON m.metric_id = mr.metric_id
        CROSS JOIN LATERAL (SELECT CASE WHEN m.asset_kinds IS NULL OR e.kind = ANY (m.asset_kinds)
                                        THEN posture.asset_weight(e.rank, m.criticality_weights::integer[]) ELSE 0 END AS weight,
                                   CASE WHEN m.asset_kinds IS NULL OR e.was_kind = ANY (m.asset_kinds)
                                        THEN posture.asset_weight(e.was_rank, m.criticality_weights::integer[]) ELSE 0 END AS was_weight) i
        WHERE m.is_active
        GROUP BY mr.metric_id, e.asset_id, e.rank, e.was_rank, i.weight, i.was_weight
    ), initiative AS (
        SELECT x.initiative_id, x.asset_id, x.rank, x.was_rank,
               bool_or(x.exposed) AS exposed, bool_or(x.was_exposed) AS was_exposed
        FROM (SELECT im.initiative_id, m.asset_id, m.rank, m.was_rank, m.exposed, m.was_exposed
              FROM metric m
              JOIN posture.initiative_metric im ON im.metric_id = m.metric_id
              JOIN posture.initiative i ON i.initiative_id = im.initiative_id
              WHERE i.is_active
              UNION ALL
              SELECT d.initiative_id, e.asset_id, e.rank, e.was_rank, e.exposed, e.was_exposed
              FROM posture.initiative_definition(NULL::date) d
              JOIN effect e ON e.recommendation_id = ANY (d.recommendations)
              WHERE d.method = 'points') x
        GROUP BY x.initiative_id, x.asset_id, x.rank, x.was_rank
    )
    SELECT 'recommendation', e.recommendation_id, sum(e.assessed::integer - e.was_assessed::integer),
           sum(e.exposed::integer - e.was_exposed::integer), sum(e.failing::integer - e.was_failing::integer), 0::bigint
    FROM effect e
    GROUP BY e.recommendation_id
    UNION ALL
    SELECT 'metric', m.metric_id, sum(m.assessed::integer * m.weight - m.was_assessed::integer * m.was_weight),
           sum(m.exposed::integer * m.weight - m.was_exposed::integer * m.was_weight), 0,
           count(*) FILTER (WHERE m.exposed AND m.rank = 4) - count(*) FILTER (WHERE m.was_exposed AND m.was_rank = 4)
    FROM metric m
    GROUP BY m.metric_id
    UNION ALL
    SELECT 'initiative', i.initiative_id, 0, sum(i.exposed::integer - i.was_exposed::integer), 0,
           count(*) FILTER (WHERE i.exposed AND i.rank = 4) - count(*) FILTER (WHERE i.was_exposed AND i.was_rank = 4)
    FROM initiative i
    GROUP BY i.initiative_id;
END $$;
COMMENT ON FUNCTION posture.touched_count(integer[]) IS 'what the assets whose findings changed, and some more, add to the tally, or take from it, since the sets were folded';

CREATE FUNCTION posture.touched_limit() RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 2000;
COMMENT ON FUNCTION posture.touched_limit() IS 'how many findings or assets may be touched before counting the sets is faster than looking at each, and before ingest() folds';

-- In PL/pgSQL, as what follows, because that keeps its plans, and with generic
-- plans where there are arguments: planning would take longer than running.
CREATE FUNCTION posture.tally_is_current() RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN NOT EXISTS (SELECT FROM posture.catalog_delta)
       AND NOT EXISTS (SELECT FROM posture.tally_slice t WHERE now() < t.made_at OR now() >= t.valid_until)
       AND coalesce((SELECT sum(d.changes) FROM posture.finding_delta d), 0)
           + coalesce((SELECT sum(d.changes) FROM posture.asset_delta d), 0) <= posture.touched_limit()
       -- a touched asset may have come to an exempt group, or left it
       AND NOT (EXISTS (SELECT FROM posture.asset_delta)
                AND EXISTS (SELECT FROM posture.exemption e WHERE e.asset_group_id IS NOT NULL));
END $$;
COMMENT ON FUNCTION posture.tally_is_current() IS 'whether the tally and a look at what was touched since give the counts of now';

CREATE FUNCTION posture.touched_asset() RETURNS integer[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    touched integer[] := ARRAY(SELECT posture.members(d.assets) FROM posture.asset_delta d);
BEGIN
    IF EXISTS (SELECT FROM posture.source s WHERE s.is_active AND s.stale_after IS NOT NULL) THEN
        -- not stale when the slices were counted
        touched := touched || ARRAY(
            SELECT l.asset_id
            FROM (SELECT DISTINCT posture.stale_before(made.made_at, s.stale_after) AS seen_from, s.seen_before
                  FROM (SELECT min(t.made_at) AS made_at FROM posture.tally_slice t) made
                  CROSS JOIN posture.stale_limit('infinity'::timestamptz) s) stale
            CROSS JOIN LATERAL (SELECT a.asset_id
                                FROM posture.asset a
                                WHERE a.last_seen >= stale.seen_from AND a.last_seen < stale.seen_before
                                LIMIT posture.touched_limit() + 1) l);
    END IF;
    RETURN touched;
END $$;
COMMENT ON FUNCTION posture.touched_asset() IS 'the assets that may count otherwise since the sets were folded, because they changed or became stale';

CREATE FUNCTION posture.tally_now()
    RETURNS TABLE (object_kind text, object_id integer, assessed bigint, exposed bigint, failing bigint, critical bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600 SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    touched integer[];
BEGIN
    IF NOT posture.sees_all() THEN
        RETURN QUERY SELECT * FROM posture.own_tally();
        RETURN;
    END IF;
    IF posture.tally_is_current() THEN
        touched := posture.touched_asset();
        IF cardinality(touched) = 0 AND NOT EXISTS (SELECT FROM posture.finding_delta) THEN
            RETURN QUERY
            SELECT t.object_kind, t.object_id, sum(t.assessed), sum(t.exposed), sum(t.failing), sum(t.critical)
            FROM posture.tally t
            GROUP BY t.object_kind, t.object_id;
            RETURN;
        ELSIF cardinality(touched) <= posture.touched_limit() THEN
            RETURN QUERY
            SELECT t.object_kind, t.object_id, sum(t.assessed)::bigint, sum(t.exposed)::bigint, sum(t.failing)::bigint, sum(t.critical)::bigint
            FROM (SELECT o.object_kind, o.object_id, o.assessed, o.exposed, o.failing, o.critical FROM posture.tally o
                  UNION ALL
                  SELECT * FROM posture.touched_count(touched)) t
            GROUP BY t.object_kind, t.object_id;
            RETURN;
        END IF;
    END IF;
    RETURN QUERY SELECT * FROM posture.asset_count('infinity'::timestamptz, true);
END $$;
COMMENT ON FUNCTION posture.tally_now() IS 'distinct assets of each recommendation, metric and initiative, of a metric as many times as it weighs them, now';

CREATE FUNCTION posture.last_change()
    RETURNS TABLE (recommendation_id integer, changed_at timestamptz)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600 SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT posture.sees_all() THEN
        RETURN QUERY SELECT * FROM posture.own_last_change();
        RETURN;
    END IF;
    RETURN QUERY
    SELECT x.recommendation_id, max(x.at)
    FROM (SELECT t.object_id AS recommendation_id, t.last_changed AS at
          FROM posture.tally t
          WHERE t.object_kind = 'recommendation'
          UNION ALL
          SELECT e.recommendation_id, e.last_changed
          FROM posture.finding_delta d CROSS JOIN LATERAL unnest(d.recommendations, d.last_changed) e(recommendation_id, last_changed)
          UNION ALL
          SELECT o.recommendation_id, o.observed_at
          FROM posture.measure o) x
    GROUP BY x.recommendation_id;
END $$;
COMMENT ON FUNCTION posture.last_change() IS 'when any finding or the measure of each recommendation last changed';

CREATE FUNCTION posture.measured(as_of timestamptz)
    RETURNS TABLE (recommendation_id integer, achieved numeric, possible numeric, failing boolean)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100 SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    -- most have none
    IF NOT EXISTS (SELECT FROM posture.measure) THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH exempt AS MATERIALIZED (
        SELECT x.recommendation_id, x.kind
        FROM posture.exempt_set(as_of, true, NULL::integer) x
        WHERE x.for_all
    )
    SELECT m.recommendation_id,
           CASE WHEN EXISTS (SELECT FROM exempt x WHERE x.recommendation_id = m.recommendation_id AND x.kind = 'mitigated')
                THEN m.possible::numeric ELSE m.achieved::numeric END,
           m.possible::numeric, m.achieved < m.possible
    FROM posture.measure m
    JOIN posture.recommendation r ON r.recommendation_id = m.recommendation_id
    JOIN posture.source s ON s.source_id = r.source_id
    WHERE s.is_active AND r.is_active AND m.observed_at < as_of
      AND NOT EXISTS (SELECT FROM exempt x WHERE x.recommendation_id = m.recommendation_id AND x.kind = 'waived');
END $$;
COMMENT ON FUNCTION posture.measured(timestamptz) IS 'points that active sources report for the whole organisation, without inactive recommendations and waived ones, mitigated ones as achieved; failing: mitigated or not';

CREATE FUNCTION posture.state(as_of timestamptz, kept boolean DEFAULT true)
    RETURNS TABLE (metric_id integer, recommendation_id integer, initiative_id integer, exposed numeric, assessed numeric,
                   critical bigint, failing boolean, score posture.score, points_missing numeric, points_possible numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600 SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN QUERY
    WITH tally AS MATERIALIZED (
        SELECT t.* FROM posture.tally_now() t WHERE kept AND as_of = 'infinity'
        UNION ALL
        SELECT c.* FROM posture.asset_count(as_of, kept) c WHERE NOT (kept AND as_of = 'infinity')
    ), measured AS MATERIALIZED (
        SELECT m.* FROM posture.measured(as_of) m
    ), metric AS (
        SELECT m.metric_id, coalesce(t.exposed, 0) + coalesce(o.missing, 0) AS exposed,
               coalesce(t.assessed, 0) + coalesce(o.possible, 0) AS assessed, coalesce(t.critical, 0) AS critical
        FROM posture.metric m
        LEFT JOIN tally t ON t.object_kind = 'metric' AND t.object_id = m.metric_id
        LEFT JOIN (SELECT mr.metric_id, sum(x.possible - x.achieved) AS missing, sum(x.possible) AS possible
                   FROM measured x JOIN posture.metric_recommendation mr ON mr.recommendation_id = x.recommendation_id
                   GROUP BY mr.metric_id) o ON o.metric_id = m.metric_id
        WHERE m.is_active
    )
    SELECT m.metric_id, NULL::integer, NULL::integer, m.exposed, m.assessed, m.critical, NULL::boolean,
           posture.score(m.exposed, m.assessed), NULL::numeric, NULL::numeric
    FROM metric m
    UNION ALL
    SELECT NULL, r.recommendation_id, NULL, coalesce(t.exposed, 0), coalesce(t.assessed, 0), NULL,
           coalesce(t.failing > 0, false) OR coalesce(m.failing, false), NULL, m.possible - m.achieved, m.possible
    FROM (SELECT x.object_id, x.assessed, x.exposed, x.failing
          FROM tally x
          WHERE x.object_kind = 'recommendation' AND (x.assessed > 0 OR x.failing > 0)) t
    FULL JOIN measured m ON m.recommendation_id = t.object_id
    JOIN posture.recommendation r ON r.recommendation_id = coalesce(t.object_id, m.recommendation_id)
    UNION ALL
    SELECT NULL, NULL, i.initiative_id, coalesce(t.exposed, 0), NULL, coalesce(t.critical, 0), NULL, NULL, NULL, NULL
    FROM posture.initiative i
    LEFT JOIN tally t ON t.object_kind = 'initiative' AND t.object_id = i.initiative_id
    WHERE i.is_active;
END $$;
COMMENT ON FUNCTION posture.state(timestamptz, boolean) IS 'each active metric with distinct assets exposed and assessed, as many times as it weighs them, the points of its measures among them, its critical assets exposed, and its score; each recommendation with its assets and the points of its measure; each initiative with its exposed assets. From what is kept, or recomputed from finding';

-- A share of assets has no end of decimals; 40 are far below what a score shows.
CREATE FUNCTION posture.achieved_points(max_points numeric, exposed numeric, assessed numeric, points_missing numeric, points_possible numeric)
    RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN points_possible IS NOT NULL THEN points_possible - points_missing
                WHEN assessed > 0 THEN round(max_points * (assessed - exposed), 40) / assessed END;
COMMENT ON FUNCTION posture.achieved_points(numeric, numeric, numeric, numeric, numeric) IS 'points achieved of a recommendation: those of its measure, or max_points times the share of healthy assets; NULL: worth none';
CREATE FUNCTION posture.possible_points(max_points numeric, assessed numeric, points_possible numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN points_possible IS NOT NULL THEN points_possible WHEN assessed > 0 THEN max_points END;
COMMENT ON FUNCTION posture.possible_points(numeric, numeric, numeric) IS 'points possible of a recommendation: those of its measure, or max_points; NULL: worth none';

CREATE FUNCTION posture.metric_state(as_of timestamptz, kept boolean DEFAULT true)
    RETURNS TABLE (metric_id integer, exposed numeric, assessed numeric, score posture.score)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.metric_id, s.exposed, s.assessed, s.score
    FROM posture.state(as_of, kept) s
    WHERE s.metric_id IS NOT NULL;
END;
COMMENT ON FUNCTION posture.metric_state(timestamptz, boolean) IS 'each active metric at a moment';
CREATE FUNCTION posture.recommendation_state(as_of timestamptz, kept boolean DEFAULT true)
    RETURNS TABLE (recommendation_id integer, exposed numeric, assessed numeric, failing boolean, achieved numeric, possible numeric,
                   points_missing numeric, points_possible numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT recommendation_id, s.exposed, s.assessed, s.failing,
           posture.achieved_points(r.max_points::numeric, s.exposed, s.assessed, s.points_missing, s.points_possible),
           posture.possible_points(r.max_points::numeric, s.assessed, s.points_possible), s.points_missing, s.points_possible
    FROM posture.state(as_of, kept) s
    JOIN posture.recommendation r USING (recommendation_id);
END;
COMMENT ON FUNCTION posture.recommendation_state(timestamptz, boolean) IS 'each recommendation of an active source that there is data for';

/*
 * Scores from findings, recomputed on demand: one parallel pass over finding
 * makes a set of assets per recommendation, all else is arithmetic on sets.
 * Whatever is faster is checked against this.
 *
 * as_of is the moment that is asked about: a finding that changed at it or
 * later is not counted, because what it was before is not in finding.
 * 'infinity' asks about now.
 */

CREATE FUNCTION posture.recommendation_set(as_of timestamptz)
    RETURNS TABLE (recommendation_id integer, assessed posture.assetset, exposed posture.assetset, last_changed timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT f.recommendation_id,
           posture.assetset_agg(f.asset_id) FILTER (WHERE f.state <> 'not_applicable'),
           posture.assetset_agg(f.asset_id) FILTER (WHERE f.state = 'non_compliant'),
           max(f.changed_at)
    FROM posture.finding f
    WHERE f.changed_at < as_of
    GROUP BY f.recommendation_id;
END;
COMMENT ON FUNCTION posture.recommendation_set(timestamptz) IS 'the assets that each recommendation applies to and those that fail it, as finding has them';

CREATE FUNCTION posture.criticality_rank(criticality text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN array_position(ARRAY['low', 'medium', 'high', 'critical'], criticality);
COMMENT ON FUNCTION posture.criticality_rank(text) IS 'low 1 to critical 4';

CREATE FUNCTION posture.in_group(member posture.asset, of_group posture.asset_group) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (of_group.kinds IS NULL OR member.kind = ANY (of_group.kinds))
       AND (of_group.min_criticality IS NULL
            OR posture.criticality_rank(member.criticality) >= posture.criticality_rank(of_group.min_criticality))
       AND (of_group.tags IS NULL OR member.tags @> of_group.tags);
COMMENT ON FUNCTION posture.in_group(posture.asset, posture.asset_group) IS 'whether an asset is in a group: all that is set matches';

CREATE FUNCTION posture.exempt_set(as_of timestamptz)
    RETURNS TABLE (recommendation_id integer, kind posture.exemption_kind, for_all boolean, assets posture.assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.recommendation_id, e.kind, bool_or(e.asset_id IS NULL AND e.asset_group_id IS NULL),
           coalesce(posture.union_agg(CASE WHEN e.asset_id IS NULL THEN g.assets ELSE ARRAY[e.asset_id]::posture.assetset END), '{}')
    FROM posture.exemption e
    LEFT JOIN (SELECT gr.asset_group_id, posture.assetset_agg(a.asset_id) AS assets
               FROM posture.asset_group gr JOIN posture.asset a ON posture.in_group(a, gr)
               WHERE gr.asset_group_id IN (SELECT x.asset_group_id FROM posture.exemption x)
               GROUP BY gr.asset_group_id) g USING (asset_group_id)
    WHERE e.created_at < as_of AND e.created_at <= now()
      -- one that ends as the day does was in force to the day's end
      AND (e.expires_at IS NULL OR e.expires_at >= as_of OR e.expires_at > now())
    GROUP BY e.recommendation_id, e.kind;
END;
COMMENT ON FUNCTION posture.exempt_set(timestamptz) IS 'the exemptions in force: the assets of each recommendation and kind, or all of them';

CREATE FUNCTION posture.recommendation_state(as_of timestamptz)
    RETURNS TABLE (recommendation_id integer, assessed posture.assetset, exposed posture.assetset,
                   failing boolean, measured_achieved numeric, measured_possible numeric,
                   achieved numeric, possible numeric, last_changed timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 500
    -- a plan of its own, and not a part of each report's: compiling all of it
    -- would cost more than running it
    SET jit = off
BEGIN ATOMIC
    WITH found AS MATERIALIZED (
        SELECT f.*, s.source_id, s.stale_after
        FROM posture.recommendation_set(as_of) f
        JOIN posture.recommendation r USING (recommendation_id)
        JOIN posture.source s USING (source_id)
        WHERE s.is_active
    ), fresh AS (
        -- an asset counts while any source that assesses it has seen it lately
        SELECT posture.union_agg(CASE WHEN o.stale_after IS NULL THEN o.assets ELSE o.assets OPERATOR(posture.&) seen.assets END) AS assets
        FROM (SELECT f.stale_after, posture.union_agg(f.assessed) AS assets
              FROM found f
              GROUP BY f.stale_after) o
        LEFT JOIN LATERAL (
            SELECT coalesce(posture.assetset_agg(a.asset_id), '{}') AS assets
            FROM posture.asset a
            WHERE a.last_seen >= least(as_of, now()) - o.stale_after) seen ON o.stale_after IS NOT NULL
    ), live AS MATERIALIZED (
        SELECT coalesce(fresh.assets, '{}') OPERATOR(posture.-) coalesce(retired.assets, '{}') AS assets
        FROM fresh, (SELECT posture.assetset_agg(a.asset_id) AS assets
                     FROM posture.asset a
                     WHERE a.retired_at < as_of AND a.retired_at <= now()) retired
    ), exempt AS MATERIALIZED (
        SELECT * FROM posture.exempt_set(as_of)
    ), measured AS (
        SELECT m.recommendation_id, m.possible,
               CASE WHEN mitigated.for_all THEN m.possible ELSE m.achieved END AS achieved
        FROM posture.measure m
        JOIN posture.recommendation r USING (recommendation_id)
        JOIN posture.source s USING (source_id)
        LEFT JOIN exempt waived ON waived.recommendation_id = m.recommendation_id AND waived.kind = 'waived'
        LEFT JOIN exempt mitigated ON mitigated.recommendation_id = m.recommendation_id AND mitigated.kind = 'mitigated'
        WHERE s.is_active AND m.observed_at < as_of AND waived.for_all IS NOT TRUE
    ), counted AS (
        SELECT f.recommendation_id, f.last_changed,
               f.exposed IS NOT NULL AND f.exposed OPERATOR(posture.&&) live.assets AS failing,
               CASE WHEN waived.for_all THEN '{}'
                    ELSE (coalesce(f.assessed, '{}') OPERATOR(posture.&) live.assets) OPERATOR(posture.-) coalesce(waived.assets, '{}') END AS assessed,
               CASE WHEN waived.for_all OR mitigated.for_all THEN '{}'
                    ELSE (coalesce(f.exposed, '{}') OPERATOR(posture.&) live.assets) OPERATOR(posture.-) coalesce(waived.assets, '{}')
                         OPERATOR(posture.-) coalesce(mitigated.assets, '{}') END AS exposed
        FROM found f
        CROSS JOIN live
        LEFT JOIN exempt waived ON waived.recommendation_id = f.recommendation_id AND waived.kind = 'waived'
        LEFT JOIN exempt mitigated ON mitigated.recommendation_id = f.recommendation_id AND mitigated.kind = 'mitigated'
    )
    SELECT recommendation_id, c.assessed, c.exposed,
           coalesce(c.failing, false) OR coalesce(o.achieved < o.possible, false), m.achieved, m.possible,
           CASE WHEN m.possible IS NOT NULL THEN m.achieved
                WHEN posture.cardinality(c.assessed) > 0
                    THEN round(r.max_points * (posture.cardinality(c.assessed) - posture.cardinality(c.exposed)), 40) / posture.cardinality(c.assessed) END,
           CASE WHEN m.possible IS NOT NULL THEN m.possible
                WHEN posture.cardinality(c.assessed) > 0 THEN r.max_points END,
           greatest(c.last_changed, o.observed_at)
    FROM counted c
    FULL JOIN measured m USING (recommendation_id)
    JOIN posture.recommendation r USING (recommendation_id)
    LEFT JOIN posture.measure o USING (recommendation_id);
END;
COMMENT ON FUNCTION posture.recommendation_state(timestamptz) IS 'each recommendation of an active source that there is data for: its assets without retired, stale and exempt ones, its measure, and its points';

CREATE FUNCTION posture.state(as_of timestamptz)
    RETURNS TABLE (metric_id integer, recommendation_id integer, exposed numeric, assessed numeric,
                   exposed_assets posture.assetset, score posture.score, recommendations integer[],
                   achieved numeric, possible numeric)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 500
    SET jit = off
BEGIN ATOMIC
    WITH recommendation AS MATERIALIZED (
        SELECT * FROM posture.recommendation_state(as_of)
    ), kinds AS MATERIALIZED (
        SELECT a.kind, posture.assetset_agg(a.asset_id) AS assets
        FROM posture.asset a
        WHERE a.kind IN (SELECT unnest(k.asset_kinds) FROM posture.metric k WHERE k.is_active)
        GROUP BY a.kind
    ), member AS (
        SELECT mr.metric_id, mr.recommendation_id
        FROM posture.metric_recommendation mr
        JOIN posture.recommendation r USING (recommendation_id)
        JOIN posture.source s USING (source_id)
        WHERE s.is_active
    ), joined AS (
        SELECT m.metric_id,
               coalesce(posture.union_agg(r.exposed), '{}') AS exposed,
               coalesce(posture.union_agg(r.assessed), '{}') AS assessed,
               coalesce(sum(r.measured_possible - r.measured_achieved), 0) AS missing,
               coalesce(sum(r.measured_possible), 0) AS possible,
               coalesce(array_agg(b.recommendation_id ORDER BY b.recommendation_id)
                            FILTER (WHERE b.recommendation_id IS NOT NULL), '{}') AS recommendations
        FROM posture.metric m
        LEFT JOIN member b USING (metric_id)
        LEFT JOIN recommendation r USING (recommendation_id)
        WHERE m.is_active
        GROUP BY m.metric_id
    ), filtered AS (
        SELECT j.metric_id, j.missing, j.possible, j.recommendations,
               CASE WHEN m.asset_kinds IS NULL THEN j.exposed ELSE j.exposed OPERATOR(posture.&) f.assets END AS exposed,
               CASE WHEN m.asset_kinds IS NULL THEN j.assessed ELSE j.assessed OPERATOR(posture.&) f.assets END AS assessed
        FROM joined j
        JOIN posture.metric m USING (metric_id)
        LEFT JOIN LATERAL (
            SELECT coalesce(posture.union_agg(k.assets), '{}') AS assets
            FROM kinds k
            WHERE k.kind = ANY (m.asset_kinds)) f ON m.asset_kinds IS NOT NULL
    ), counted AS (
        SELECT f.*, posture.cardinality(f.exposed) + f.missing AS exposed_count,
               posture.cardinality(f.assessed) + f.possible AS assessed_count
        FROM filtered f
    )
    SELECT c.metric_id, NULL::integer, c.exposed_count, c.assessed_count, c.exposed,
           posture.score(c.exposed_count, c.assessed_count), c.recommendations, NULL::numeric, NULL::numeric
    FROM counted c
    UNION ALL
    SELECT NULL, r.recommendation_id, coalesce(posture.cardinality(r.exposed), 0), coalesce(posture.cardinality(r.assessed), 0),
           r.exposed, NULL, NULL, r.achieved, r.possible
    FROM recommendation r;
END;
COMMENT ON FUNCTION posture.state(timestamptz) IS 'all in one pass over finding: each active metric with distinct assets exposed and assessed, the points of its measures among them, its score, and the recommendations that it measured; and each recommendation with its assets and points';

CREATE FUNCTION posture.metric_state(as_of timestamptz)
    RETURNS TABLE (metric_id integer, exposed numeric, assessed numeric, score posture.score,
                   exposed_assets posture.assetset, recommendations integer[])
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.metric_id, s.exposed, s.assessed, s.score, s.exposed_assets, s.recommendations
    FROM posture.state(as_of) s
    WHERE s.metric_id IS NOT NULL;
END;
COMMENT ON FUNCTION posture.metric_state(timestamptz) IS 'each active metric at a moment';

/*
 * Below, on_day NULL asks about now and a day about its snapshot, so that one
 * formula serves the reports, the snapshots and the causes of a drop.
 */

CREATE FUNCTION posture.initiative_member(on_day date)
    RETURNS TABLE (initiative_id integer, metric_id integer, weight numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT im.initiative_id, im.metric_id, coalesce(im.weight, w.weight, 0)
    FROM posture.initiative_metric im
    JOIN posture.initiative i USING (initiative_id)
    JOIN posture.metric m USING (metric_id)
    LEFT JOIN posture.importance_weight w USING (importance)
    WHERE on_day IS NULL AND i.is_active AND m.is_active
    UNION ALL
    SELECT s.initiative_id, s.metric_id, s.weight
    FROM posture.initiative_metric_snapshot s
    WHERE s.day = on_day;
END;
COMMENT ON FUNCTION posture.initiative_member(date) IS 'the active metrics of each active initiative with their weight, now or on a day';

CREATE FUNCTION posture.initiative_definition(on_day date)
    RETURNS TABLE (initiative_id integer, method posture.initiative_method, recommendations integer[])
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT i.initiative_id,
           CASE WHEN EXISTS (SELECT FROM posture.initiative_member(NULL) b WHERE b.initiative_id = i.initiative_id)
                THEN i.method ELSE 'points' END,
           ARRAY(SELECT ir.recommendation_id
                 FROM posture.initiative_recommendation ir
                 JOIN posture.recommendation r USING (recommendation_id)
                 JOIN posture.source s USING (source_id)
                 WHERE ir.initiative_id = i.initiative_id AND s.is_active
                 ORDER BY ir.recommendation_id)
    FROM posture.initiative i
    WHERE on_day IS NULL AND i.is_active
    UNION ALL
    SELECT s.initiative_id, s.method, s.recommendations
    FROM posture.initiative_snapshot s
    WHERE s.day = on_day;
END;
COMMENT ON FUNCTION posture.initiative_definition(date) IS 'how each active initiative adds up, and the recommendations that it scores without a metric between, now or on a day';

CREATE FUNCTION posture.initiative_term(on_day date)
    RETURNS TABLE (initiative_id integer, method posture.initiative_method, metric_id integer, recommendation_id integer,
                   weight numeric, mass numeric, healthy numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH state AS MATERIALIZED (
        SELECT n.metric_id, n.recommendation_id, n.exposed, n.assessed, n.score, n.recommendations, n.achieved, n.possible
        FROM posture.state('infinity') n
        WHERE on_day IS NULL
        UNION ALL
        SELECT s.metric_id, NULL, s.exposed, s.assessed, s.score, s.recommendations, NULL, NULL
        FROM posture.metric_snapshot s
        WHERE s.day = on_day
        UNION ALL
        SELECT NULL, s.recommendation_id, s.exposed, s.assessed, NULL, NULL, s.achieved, s.possible
        FROM posture.recommendation_snapshot s
        WHERE s.day = on_day
    ), member AS MATERIALIZED (
        SELECT b.*, m.exposed, m.assessed, m.score, m.recommendations
        FROM posture.initiative_member(on_day) b
        LEFT JOIN state m USING (metric_id)
    )
    SELECT b.initiative_id, 'weighted'::posture.initiative_method, b.metric_id, NULL::integer,
           b.weight, CASE WHEN b.score IS NOT NULL THEN 1 END, b.score * 0.01
    FROM member b
    UNION ALL
    SELECT b.initiative_id, 'population', b.metric_id, NULL,
           b.weight, CASE WHEN b.score IS NOT NULL THEN b.assessed END, CASE WHEN b.score IS NOT NULL THEN b.assessed - b.exposed END
    FROM member b
    UNION ALL
    SELECT o.initiative_id, 'points', NULL, o.recommendation_id, 1, p.possible, p.achieved
    FROM (SELECT b.initiative_id, unnest(b.recommendations) AS recommendation_id
          FROM member b
          WHERE b.weight > 0 AND b.score IS NOT NULL
          UNION
          SELECT i.initiative_id, unnest(i.recommendations)
          FROM posture.initiative_definition(on_day) i) o
    LEFT JOIN state p USING (recommendation_id);
END;
COMMENT ON FUNCTION posture.initiative_term(date) IS 'what each initiative''s score is made of, now or on a day, by every method: score = 100 x sum(weight x healthy) / sum(weight x mass); mass is NULL where unavailable';

-- Points of a share of assets have 40 decimals, and a sum has 30: what the
-- division of thirds left must not decide how a score is rounded, and three
-- thirds are one.
CREATE FUNCTION posture.initiative_result(on_day date)
    RETURNS TABLE (initiative_id integer, method posture.initiative_method, score posture.score)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT i.initiative_id, i.method,
           posture.score(round(sum(t.weight * (t.mass - t.healthy)), 30), sum(t.weight * t.mass))
    FROM posture.initiative_definition(on_day) i
    LEFT JOIN posture.initiative_term(on_day) t USING (initiative_id, method)
    GROUP BY i.initiative_id, i.method;
END;
COMMENT ON FUNCTION posture.initiative_result(date) IS 'the score of each active initiative, now or from what a day''s snapshot holds';

CREATE FUNCTION posture.metric_assets(metric text, day date DEFAULT NULL) RETURNS posture.assetset
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted integer := (SELECT m.metric_id FROM posture.metric m WHERE m.key = metric_assets.metric);
BEGIN
    IF wanted IS NULL AND metric IS NOT NULL THEN
        RAISE EXCEPTION 'unknown metric "%"', metric
            USING ERRCODE = 'undefined_object', HINT = 'The table posture.metric lists the metrics.';
    END IF;
    RETURN (SELECT m.exposed_assets
            FROM posture.metric_state(coalesce(posture.day_end(day), timestamptz 'infinity')) m
            WHERE m.metric_id = wanted);
END $$;
COMMENT ON FUNCTION posture.metric_assets(text, date) IS 'the assets that a metric has exposed, now or at the end of a day as far as findings'' own times tell';

/*
 * What to remediate, in which order, for an initiative to reach a score.
 *
 * A metric gains the same by each asset that stops failing all of its
 * recommendations, so plan_order() finds the order over sets, in C; the scores
 * at each step are those of score_after(). Where the risk of a recommendation
 * is accepted, an asset stays exposed in each of its metrics, and remediating
 * another recommendation does not repair it there.
 */

CREATE FUNCTION posture_internal.plan_order(
    pools integer[], recommendations integer[], worths double precision[],
    costs double precision[], assets assetset[])
    RETURNS TABLE (rank integer, n integer, repaired bigint, needed_at integer)
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 1000;
COMMENT ON FUNCTION posture_internal.plan_order(
    integer[], integer[], double precision[], double precision[], assetset[]) IS
    'returns the order in which to remediate, largest gain for its cost first. The arrays are the '
    'columns of the input rows. In each row, a recommendation repairs the assets of a pool that '
    'fail no other recommendation of the pool, and each asset has a worth; a row without a set '
    'gains its worth at once. Returns, for each row that can gain, its number n, its rank, the '
    'assets repaired at that rank, and the rank at which the row first has an effect';

CREATE FUNCTION posture_internal.plan_gain(of_initiative integer)
    RETURNS TABLE (pool integer, metric_id integer, recommendation_id integer, worth numeric,
                   weight integer, assets assetset, at_once numeric, to_touch bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 500
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    chosen integer[] := scored_recommendations(of_initiative);
BEGIN
    RETURN QUERY
    WITH every_term AS (
        SELECT t.* FROM initiative_term(NULL) t
        WHERE t.initiative_id = of_initiative AND t.mass IS NOT NULL
    ), term AS (
        SELECT t.*, t.weight / sum(t.weight * t.mass) OVER () AS share
        FROM every_term t JOIN initiative_definition(NULL) d USING (initiative_id, method)
        WHERE t.weight * t.mass > 0
    ), remediable AS (
        SELECT r.recommendation_id, r.exposed, r.accepted,
               set_difference(r.exposed, r.accepted) AS open,
               CASE WHEN NOT r.is_accepted AND r.missing > 0 THEN r.missing END AS missing,
               r.missing IS NOT NULL AS is_measured
        FROM remediable(chosen) r
    ), member AS (
        -- worth of an asset, or point, of the metric: the terms by population are counts
        SELECT b.metric_id, b.recommendation_id, 100 * t.share * t.mass / n.mass AS worth
        FROM term t
        JOIN every_term n ON n.metric_id = t.metric_id AND n.method = 'population'
        JOIN metric_member(NULL) b ON b.metric_id = t.metric_id
    ), blocked AS MATERIALIZED (
        SELECT m.metric_id, union_agg(r.accepted) AS assets
        FROM member m JOIN remediable r USING (recommendation_id)
        WHERE r.accepted <> '{}'
        GROUP BY m.metric_id
    ), criticality AS MATERIALIZED (
        SELECT criticality_sets(true, NULL) AS sets
    ), class AS (
        -- assets of a metric that have the same weight; NULL: all
        SELECT m.metric_id, 0 AS rank, 1 AS weight, NULL::assetset AS assets
        FROM metric m
        WHERE m.criticality_weights IS NULL
        UNION ALL
        SELECT m.metric_id, g.rank, m.criticality_weights[g.rank], coalesce(c.sets[g.rank], '{}')
        FROM metric m
        CROSS JOIN criticality c
        CROSS JOIN generate_series(1, 4) g(rank)
        WHERE m.criticality_weights[g.rank] > 0
    ), gain AS (
        SELECT metric_id, c.rank, recommendation_id, m.worth * c.weight AS worth, c.weight,
               set_intersect(set_difference(set_intersect(r.open, f.assets), b.assets),
                             c.assets) AS assets,
               NULL::numeric AS at_once
        FROM member m
        JOIN remediable r USING (recommendation_id)
        JOIN class c USING (metric_id)
        LEFT JOIN metric_filter(true, NULL) f USING (metric_id)
        LEFT JOIN blocked b USING (metric_id)
        UNION ALL
        SELECT m.metric_id, 0, recommendation_id, m.worth * r.missing, 1, NULL, r.missing
        FROM member m JOIN remediable r USING (recommendation_id)
        UNION ALL
        SELECT 0, 0, recommendation_id, 100 * t.share * r.missing, 1, NULL, r.missing
        FROM term t JOIN remediable r USING (recommendation_id)
        WHERE r.is_measured
        UNION ALL
        SELECT 0, 0, recommendation_id,
               100 * t.share * (t.mass - t.healthy) * cardinality(r.open) / cardinality(r.exposed),
               1, NULL, cardinality(r.open)
        FROM term t JOIN remediable r USING (recommendation_id)
        WHERE NOT r.is_measured AND r.exposed <> '{}'
    )
    SELECT dense_rank() OVER (ORDER BY g.metric_id, g.rank)::integer, g.metric_id,
           recommendation_id, g.worth, g.weight, g.assets, g.at_once, cardinality(r.open)
    FROM gain g JOIN remediable r USING (recommendation_id)
    WHERE g.worth > 0;
END $$;
COMMENT ON FUNCTION posture_internal.plan_gain(integer) IS
    'returns what remediating each recommendation of an initiative repairs: assets of a metric, '
    'each with a worth in points of the initiative, or without a set a worth that is gained at '
    'once; metric_id 0: by points. Exempt assets, and assets that an accepted risk leaves exposed, '
    'are left out; pool: assets of a metric that have the same weight; weight: weight of each of '
    'them in the metric; to_touch: the assets to remediate';

CREATE TYPE posture.plan_step AS (
    rank integer,
    recommendation text,
    title text,
    gain numeric,
    assets bigint,
    effort text,
    score numeric,
    basis text
);
COMMENT ON TYPE posture.plan_step IS 'a step of plan()';
COMMENT ON COLUMN posture.plan_step.rank IS 'rank in the order, from 1';
COMMENT ON COLUMN posture.plan_step.recommendation IS
    'recommendation to remediate, named as in recommendation_report';
COMMENT ON COLUMN posture.plan_step.title IS 'title of the recommendation';
COMMENT ON COLUMN posture.plan_step.gain IS
    'points that the initiative gains by it at this rank; 0: it gains only with later steps';
COMMENT ON COLUMN posture.plan_step.assets IS
    'assets to remediate: those that fail it now and are not exempt; 0: a measure';
COMMENT ON COLUMN posture.plan_step.effort IS
    'effort to remediate it, as its source states it; NULL: unknown';
COMMENT ON COLUMN posture.plan_step.score IS
    'score of the initiative when this and all earlier steps are remediated';
COMMENT ON COLUMN posture.plan_step.basis IS
    'how the order was found: gain, what gains most first, or gain_per_asset, what gains most for '
    'each asset to remediate';

CREATE FUNCTION posture_internal.effort(details jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(details ->> 'implementationEffort', details ->> 'implementationCost',
                    details #>> '{fixes,0,complexity}', details ->> 'effort');
COMMENT ON FUNCTION posture_internal.effort(jsonb) IS
    'returns the effort to remediate a recommendation, from recommendation.details as Defender '
    'for Cloud, Secure Score or XCCDF writes them, or else from effort there; NULL: unknown';

CREATE FUNCTION posture_internal.plan_steps(
    of_initiative integer, target score, basis text)
    RETURNS SETOF plan_step
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH gain AS (
        SELECT row_number() OVER () AS n, g.* FROM plan_gain(of_initiative) g
    ), input AS (
        -- a measure costs as much as an asset
        SELECT array_agg(g.pool ORDER BY g.n) AS pools,
               array_agg(g.recommendation_id ORDER BY g.n) AS recommendations,
               array_agg(g.worth::double precision ORDER BY g.n) AS worths,
               array_agg(CASE WHEN plan_steps.basis = 'gain_per_asset'
                              THEN greatest(g.to_touch, 1) ELSE 1 END::double precision
                         ORDER BY g.n) AS costs,
               array_agg(g.assets ORDER BY g.n) AS assets
        FROM gain g
    ), step AS (
        SELECT o.rank, o.needed_at, g.recommendation_id, g.metric_id, g.to_touch,
               coalesce(g.at_once, o.repaired * g.weight) AS repaired
        FROM input i
        CROSS JOIN LATERAL plan_order(i.pools, i.recommendations, i.worths, i.costs, i.assets) o
        JOIN gain g ON g.n = o.n
    ), scored AS (
        SELECT s.rank, s.score
        FROM (SELECT array_agg(x.rank) AS ranks, array_agg(nullif(x.metric_id, 0)) AS metrics,
                     array_agg(CASE WHEN x.metric_id = 0
                                    THEN x.recommendation_id END) AS recommendations,
                     array_agg(x.repaired) AS repaired
              FROM step x) c
        CROSS JOIN LATERAL score_after(of_initiative, c.ranks, c.metrics, c.recommendations,
                                       c.repaired) s
    ), stop AS (
        SELECT coalesce(min(s.rank) FILTER (WHERE s.score >= target), max(s.rank)) AS rank
        FROM scored s
    ), needed AS (
        -- steps that have no effect up to this rank are left out
        SELECT DISTINCT s.rank, s.recommendation_id, s.to_touch
        FROM step s CROSS JOIN stop t
        WHERE s.needed_at <= t.rank
    )
    SELECT 0, NULL::text, NULL::text, NULL::numeric, NULL::bigint, NULL::text, s.score::numeric,
           plan_steps.basis
    FROM scored s
    WHERE s.rank = 0
    UNION ALL
    SELECT (row_number() OVER (ORDER BY n.rank))::integer,
           recommendation_label(n.recommendation_id), r.title, s.score - b.score, n.to_touch,
           effort(r.details), s.score::numeric, plan_steps.basis
    FROM needed n
    JOIN scored s ON s.rank = n.rank
    JOIN scored b ON b.rank = n.rank - 1
    JOIN recommendation r ON r.recommendation_id = n.recommendation_id
    ORDER BY 1;
END $$;
COMMENT ON FUNCTION posture_internal.plan_steps(integer, score, text) IS
    'returns the rows of plan() and, as rank 0, the current score of the initiative';

CREATE FUNCTION posture_internal.plan_to(
    initiative text, target score DEFAULT NULL, basis text DEFAULT 'gain')
    RETURNS SETOF plan_step
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    wanted integer := initiative_of(initiative);
    to_reach score := coalesce(target, (SELECT i.target_score FROM initiative i
                                        WHERE i.initiative_id = wanted));
    steps plan_step[];
    reached score;
BEGIN
    IF basis IS NULL OR basis NOT IN ('gain', 'gain_per_asset') THEN
        RAISE EXCEPTION 'basis "%" not recognized', basis
            USING ERRCODE = 'invalid_parameter_value', HINT = 'It is gain or gain_per_asset.';
    ELSIF wanted IS NULL THEN
        RETURN;
    END IF;
    steps := ARRAY(SELECT s FROM plan_steps(wanted, to_reach, basis) s);
    RETURN QUERY SELECT s.* FROM unnest(steps) s WHERE s.rank > 0 ORDER BY s.rank;
    reached := steps[cardinality(steps)].score::score;
    IF reached IS NULL THEN
        RAISE NOTICE 'initiative "%" has no score: nothing of it is assessed', initiative;
    ELSIF reached < to_reach THEN
        -- a score just below the target must not read as the target
        RAISE NOTICE 'initiative "%" can reach %, not %',
            initiative, format_number(greatest(least(reached, to_reach - 0.1), 0)),
            format_number(to_reach);
    ELSIF cardinality(steps) = 1 AND to_reach IS NOT NULL THEN
        RAISE NOTICE 'initiative "%" has already reached %: its score is %',
            initiative, format_number(to_reach), format_number(reached);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.plan_to(text, score, text) IS 'plan() to a score';

CREATE FUNCTION posture.plan(
    initiative text, target numeric DEFAULT NULL, basis text DEFAULT 'gain')
    RETURNS SETOF plan_step
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT * FROM plan_to(initiative, target::score, basis);
END;
COMMENT ON FUNCTION posture.plan(text, numeric, text) IS
    'returns what to remediate, in which order, for an initiative to reach a score: by default its '
    'target_score, or the highest score that can be reached if it has none; basis: gain, largest '
    'gain first, or gain_per_asset, largest gain for each asset to remediate first';

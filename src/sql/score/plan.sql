/*
 * What to remediate, in which order, for initiatives to reach a score, and how
 * much more any other plan could gain.
 *
 * A metric gains the same by each asset that stops failing all of its
 * recommendations, so plan_order() finds the order over sets, in C; the scores
 * at each step are those of score_after(). Where the risk of a recommendation
 * is accepted, an asset stays exposed in each of its metrics, and remediating
 * another recommendation does not repair it there.
 *
 * Of several initiatives, the mean of their scores is planned: a worth is points
 * of the mean.
 */

CREATE FUNCTION posture_internal.plan_order(
    pools integer[], recommendations integer[], worths double precision[],
    costs double precision[], assets assetset[], spends bigint[] DEFAULT NULL,
    budget bigint DEFAULT NULL, max_steps integer DEFAULT NULL)
    RETURNS TABLE (rank integer, n integer, repaired bigint, needed_at integer, spent bigint,
                   gain double precision)
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 1000;
COMMENT ON FUNCTION posture_internal.plan_order(
    integer[], integer[], double precision[], double precision[], assetset[], bigint[], bigint,
    integer) IS
    'returns the order in which to remediate, largest gain for its cost first. The arrays are the '
    'columns of the input rows. In each row, a recommendation repairs the assets of a pool that '
    'fail no other recommendation of the pool, and each asset has a worth; a row without a set '
    'gains its worth at once. Returns, for each row that can gain, its number n, its rank, the '
    'assets repaired at that rank, and the rank at which the row first has an effect; with spends '
    'or a limit, also rows without a rank: plans that spend so much gain at most this, linear '
    'between them. budget, max_steps: limits of what a plan spends and of its length';

CREATE TYPE posture_internal.plan_asset AS (
    metric_id integer,
    rank integer,
    weight integer,
    recommendation_id integer,
    assets assetset,
    exposed bigint,
    open bigint
);
COMMENT ON TYPE posture_internal.plan_asset IS
    'assets that remediating a recommendation repairs in a metric, or with metric_id NULL the '
    'numbers of those that fail it';
COMMENT ON COLUMN posture_internal.plan_asset.metric_id IS 'id of the metric';
COMMENT ON COLUMN posture_internal.plan_asset.rank IS 
    'rank of the criticality of the assets; 0: all';
COMMENT ON COLUMN posture_internal.plan_asset.weight IS 
    'weight of each of the assets in the metric';
COMMENT ON COLUMN posture_internal.plan_asset.recommendation_id IS 'id of the recommendation';
COMMENT ON COLUMN posture_internal.plan_asset.assets IS 'ids of the assets';
COMMENT ON COLUMN posture_internal.plan_asset.exposed IS 'number of exposed assets';
COMMENT ON COLUMN posture_internal.plan_asset.open IS 
    'number of exposed assets without an accepted risk';

CREATE FUNCTION posture_internal.plan_assets_here(scenario jsonb, scope counting_scope)
    RETURNS SETOF plan_asset
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 500
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN QUERY
    WITH remediable AS MATERIALIZED (
        SELECT r.recommendation_id, r.exposed, r.accepted,
               set_difference(r.exposed, r.accepted) AS open
        FROM recommendation_assets(scenario, scope, true) r
    ), member AS MATERIALIZED (
        SELECT b.metric_id, b.recommendation_id
        FROM metric_member(NULL, scenario) b
        WHERE scope.metrics IS NULL OR scope.metrics @> b.metric_id
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
        FROM metric_definition(NULL, scenario) m
        WHERE m.criticality_weights IS NULL
        UNION ALL
        SELECT m.metric_id, g.rank, m.criticality_weights[g.rank], coalesce(c.sets[g.rank], '{}')
        FROM metric_definition(NULL, scenario) m
        CROSS JOIN criticality c
        CROSS JOIN generate_series(1, 4) g(rank)
        WHERE m.criticality_weights[g.rank] > 0
    )
    SELECT m.metric_id, c.rank, c.weight, m.recommendation_id,
           set_intersect(set_difference(set_intersect(r.open, f.assets), b.assets), c.assets),
           NULL::bigint, NULL::bigint
    FROM member m
    JOIN remediable r USING (recommendation_id)
    JOIN class c USING (metric_id)
    LEFT JOIN metric_filter(scenario) f USING (metric_id)
    LEFT JOIN blocked b USING (metric_id)
    UNION ALL
    SELECT NULL, NULL, NULL, r.recommendation_id, NULL, cardinality(r.exposed),
           cardinality(r.open)
    FROM remediable r;
END $$;
COMMENT ON FUNCTION posture_internal.plan_assets_here(jsonb, counting_scope) IS
    'returns plan_assets() of this database';

CREATE FUNCTION posture_internal.plan_assets(scenario jsonb, scope counting_scope)
    RETURNS SETOF plan_asset
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 500
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    of_nodes counting_scope := scope;
BEGIN
    IF NOT has_nodes() THEN
        RETURN QUERY SELECT * FROM plan_assets_here(scenario, scope);
    ELSE
        -- groups have other assets on each node
        of_nodes.groups := NULL;
        RETURN QUERY
        SELECT p.metric_id, p.rank, p.weight, p.recommendation_id, union_agg(p.assets),
               sum(p.exposed)::bigint, sum(p.open)::bigint
        FROM (SELECT * FROM plan_assets_here(scenario, scope)
              UNION ALL
              SELECT * FROM ask_nodes(NULL::plan_asset,
                                      format('plan_assets_here(%L, %L)', scenario, of_nodes))) p
        GROUP BY p.metric_id, p.rank, p.weight, p.recommendation_id;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.plan_assets(jsonb, counting_scope) IS
    'returns the assets that remediating each recommendation of a scope repairs in each metric, and '
    'how many fail it, now, under a scenario; on a head, of all nodes. Exempt assets, and assets '
    'that an accepted risk leaves exposed, are left out';

CREATE FUNCTION posture_internal.plan_gain(scenario jsonb, scope counting_scope)
    RETURNS TABLE (pool integer, metric_id integer, recommendation_id integer, worth numeric,
                   weight integer, assets assetset, at_once numeric, to_touch bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 500
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH every_term AS (
        SELECT t.* FROM initiative_term(NULL, scenario, scope) t
        WHERE t.initiative_id IS NOT NULL AND t.mass IS NOT NULL
    ), term AS (
        SELECT t.*, 100 * t.weight / sum(t.weight * t.mass) OVER (PARTITION BY t.initiative_id)
                    AS share
        FROM every_term t
        JOIN initiative_definition(NULL, scenario) d USING (initiative_id, method)
        WHERE t.weight * t.mass > 0
    ), repairable AS MATERIALIZED (
        SELECT a.* FROM plan_assets(scenario, scope) a
    ), remediable AS (
        SELECT recommendation_id, coalesce(e.exposed, 0) AS exposed, coalesce(e.open, 0) AS open,
               CASE WHEN NOT m.is_accepted AND m.missing > 0 THEN m.missing END AS missing,
               m.missing IS NOT NULL AS is_measured
        FROM (SELECT a.* FROM repairable a WHERE a.metric_id IS NULL) e
        FULL JOIN missing_points(scenario, scope) m USING (recommendation_id)
    ), member AS (
        -- worth of an asset, or point, of the metric: the terms by population are counts
        SELECT b.metric_id, b.recommendation_id, w.worth
        FROM (SELECT t.metric_id, sum(t.share * t.mass / n.mass) AS worth
              FROM term t
              JOIN every_term n USING (initiative_id, metric_id)
              WHERE n.method = 'population'
              GROUP BY t.metric_id) w
        JOIN metric_member(NULL, scenario) b USING (metric_id)
    ), point AS (
        -- worth of a point of a measure, and of remediating a recommendation on all assets
        SELECT t.recommendation_id, sum(t.share) AS worth,
               sum(t.share * (t.mass - t.healthy)) AS worth_of_all
        FROM term t GROUP BY t.recommendation_id
    ), gain AS (
        SELECT metric_id, a.rank, recommendation_id, m.worth * a.weight AS worth, a.weight,
               a.assets, NULL::numeric AS at_once
        FROM member m JOIN repairable a USING (metric_id, recommendation_id)
        UNION ALL
        SELECT m.metric_id, 0, recommendation_id, m.worth * r.missing, 1, NULL, r.missing
        FROM member m JOIN remediable r USING (recommendation_id)
        UNION ALL
        SELECT 0, 0, recommendation_id,
               CASE WHEN r.is_measured THEN p.worth * r.missing
                    ELSE p.worth_of_all * r.open / nullif(r.exposed, 0) END,
               1, NULL, CASE WHEN r.is_measured THEN r.missing ELSE r.open END
        FROM point p JOIN remediable r USING (recommendation_id)
    )
    SELECT dense_rank() OVER (ORDER BY g.metric_id, g.rank)::integer, g.metric_id,
           recommendation_id,
           -- in points of the mean score
           g.worth / (SELECT count(DISTINCT t.initiative_id) FROM term t),
           g.weight, g.assets, g.at_once, r.open
    FROM gain g JOIN remediable r USING (recommendation_id)
    WHERE g.worth > 0 AND g.assets IS DISTINCT FROM '{}';
END $$;
COMMENT ON FUNCTION posture_internal.plan_gain(jsonb, counting_scope) IS
    'returns what remediating each recommendation of a scope repairs: assets of a metric, '
    'each with a worth in points of their mean score, or without a set a worth that is gained at '
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
    basis text,
    hours numeric,
    total_hours numeric,
    bound numeric,
    shortfall numeric
);
COMMENT ON TYPE posture.plan_step IS 'a step of plan()';
COMMENT ON COLUMN posture.plan_step.rank IS 'rank in the order, from 1';
COMMENT ON COLUMN posture.plan_step.recommendation IS
    'recommendation to remediate, named as in recommendation_report';
COMMENT ON COLUMN posture.plan_step.title IS 'title of the recommendation';
COMMENT ON COLUMN posture.plan_step.gain IS
    'points that the score gains by it at this rank; 0: it gains only with later steps';
COMMENT ON COLUMN posture.plan_step.assets IS
    'assets to remediate: those that fail it now and are not exempt; 0: a measure';
COMMENT ON COLUMN posture.plan_step.effort IS
    'effort to remediate it, as its source states it; NULL: unknown';
COMMENT ON COLUMN posture.plan_step.score IS
    'score of the initiative, or mean score of several, when this and all earlier steps are '
    'remediated';
COMMENT ON COLUMN posture.plan_step.basis IS
    'how the order was found: gain, what gains most first; gain_per_asset or gain_per_hour, what '
    'gains most for each asset to remediate, or hour of work';
COMMENT ON COLUMN posture.plan_step.hours IS
    'hours of work for this step: effort_hours of the recommendation, or where people entered '
    'none, the median of the others that could be remediated; NULL: people entered none at all';
COMMENT ON COLUMN posture.plan_step.total_hours IS 'hours of this and all earlier steps';
COMMENT ON COLUMN posture.plan_step.bound IS
    'score that no plan exceeds that has as many steps as this one up to here; for gain_per_asset, '
    'as many assets to remediate; for gain_per_hour or with a budget, as many hours, and no more '
    'than max_steps. In the last step of a plan that a budget or max_steps ends, that is the whole '
    'budget or length';
COMMENT ON COLUMN posture.plan_step.shortfall IS
    'percentage of the gain up to bound that this plan leaves, rounded to two decimals: with 4, it '
    'gains at least 96 percent of what the best plan gains. bound is computed without trying all '
    'plans, so that the best one may be below it';

CREATE FUNCTION posture_internal.effort(details jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(details ->> 'implementationEffort', details ->> 'implementationCost',
                    details #>> '{fixes,0,complexity}', details ->> 'effort');
COMMENT ON FUNCTION posture_internal.effort(jsonb) IS
    'returns the effort to remediate a recommendation, from recommendation.details as Defender '
    'for Cloud, Secure Score or XCCDF writes them, or else from effort there; NULL: unknown';

CREATE FUNCTION posture_internal.plan_bound(
    spent bigint, points bigint[], gains double precision[]) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT CASE WHEN p.i = 0 THEN 0
                        WHEN p.i = cardinality(points) OR points[p.i] = spent THEN gains[p.i]
                        ELSE gains[p.i] + (gains[p.i + 1] - gains[p.i]) * (spent - points[p.i])
                                          / (points[p.i + 1] - points[p.i]) END
            FROM (SELECT width_bucket(spent, points) AS i) p);
COMMENT ON FUNCTION posture_internal.plan_bound(bigint, bigint[], double precision[]) IS
    'returns the most that plans gain that spend so much, by the points of plan_order()';

CREATE FUNCTION posture_internal.plan_found(
    scenario jsonb, scope counting_scope, basis text, budget numeric, max_steps integer)
    RETURNS TABLE (rank integer, n integer, metric_id integer, recommendation_id integer,
                   repaired numeric, needed_at integer, to_touch bigint, hours numeric,
                   spent bigint, gain double precision)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    in_hours boolean := budget IS NOT NULL OR basis = 'gain_per_hour';
    -- hours are spent in millionths, which are whole
    millionths numeric := CASE WHEN budget IS NOT NULL
                               THEN floor(least(budget, 1e12) * 1000000) END;
BEGIN
    RETURN QUERY
    WITH gain AS (
        SELECT row_number() OVER () AS n, g.* FROM plan_gain(scenario, scope) g
    ), estimate AS (
        SELECT g.recommendation_id, g.to_touch, r.effort_hours
        FROM (SELECT DISTINCT g.recommendation_id, g.to_touch FROM gain g) g
        JOIN recommendation r USING (recommendation_id)
    ), effort AS (
        -- a measure costs as much as an asset
        SELECT e.recommendation_id, h.hours, greatest(e.to_touch, 1) AS touched
        FROM estimate e
        CROSS JOIN (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY x.effort_hours::numeric)
                               AS hours
                    FROM estimate x) median
        CROSS JOIN LATERAL (SELECT coalesce(e.effort_hours, median.hours,
                                            CASE WHEN in_hours THEN 1 END)::numeric AS hours) h
    ), input AS (
        SELECT array_agg(g.pool ORDER BY g.n) AS pools,
               array_agg(g.recommendation_id ORDER BY g.n) AS recommendations,
               array_agg(g.worth::double precision ORDER BY g.n) AS worths,
               array_agg(CASE plan_found.basis WHEN 'gain_per_asset' THEN e.touched
                                               WHEN 'gain_per_hour' THEN e.hours
                                               ELSE 1 END::double precision
                         ORDER BY g.n) AS costs,
               array_agg(g.assets ORDER BY g.n) AS assets,
               array_agg(CASE WHEN in_hours THEN e.hours * 1000000
                              WHEN plan_found.basis = 'gain_per_asset' THEN e.touched
                              ELSE 1 END::bigint
                         ORDER BY g.n) AS spends
        FROM gain g JOIN effort e USING (recommendation_id)
    )
    SELECT o.rank, o.n, g.metric_id, g.recommendation_id,
           coalesce(g.at_once, o.repaired * g.weight), o.needed_at, g.to_touch, e.hours,
           coalesce(o.spent, i.spends[o.n]), o.gain
    FROM input i
    CROSS JOIN LATERAL plan_order(i.pools, i.recommendations, i.worths, i.costs, i.assets, i.spends,
                                  millionths::bigint, max_steps) o
    LEFT JOIN gain g ON g.n = o.n AND o.rank IS NOT NULL
    LEFT JOIN effort e USING (recommendation_id);
END $$;
COMMENT ON FUNCTION posture_internal.plan_found(
    jsonb, counting_scope, text, numeric, integer) IS
    'returns the rows of plan_order() for the initiatives of a scope, with what each repairs in its '
    'metric, the assets to remediate, and the hours of its recommendation; rank NULL: the points of '
    'the bound; '
    'spent: of them or of the recommendation, hours in millionths, assets, or 1 for a step';

CREATE FUNCTION posture_internal.plan_steps(
    scenario jsonb, scope counting_scope, target score, basis text, budget numeric,
    max_steps integer)
    RETURNS SETOF plan_step
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    -- what the whole plan may spend, if it is limited in what is spent
    spendable bigint := CASE WHEN budget IS NOT NULL THEN floor(least(budget, 1e12) * 1000000)
                             WHEN basis = 'gain' THEN max_steps END;
BEGIN
    RETURN QUERY
    WITH found AS MATERIALIZED (
        SELECT f.* FROM plan_found(scenario, scope, plan_steps.basis, budget, max_steps) f
    ), point AS (
        SELECT array_agg(f.spent ORDER BY f.n) AS spent, array_agg(f.gain ORDER BY f.n) AS gains
        FROM found f
        WHERE f.rank IS NULL
    ), scored AS MATERIALIZED (
        SELECT s.rank, trim_scale(round(avg(s.score::numeric), 6)) AS score
        FROM (SELECT array_agg(x.rank) AS ranks, array_agg(nullif(x.metric_id, 0)) AS metrics,
                     array_agg(CASE WHEN x.metric_id = 0
                                    THEN x.recommendation_id END) AS recommendations,
                     array_agg(x.repaired) AS repaired
              FROM found x
              WHERE x.rank IS NOT NULL) c
        CROSS JOIN LATERAL score_after(scenario, scope, c.ranks, c.metrics, c.recommendations,
                                       c.repaired) s
        GROUP BY s.rank
    ), state AS (
        SELECT min(s.score) FILTER (WHERE s.rank = 0) AS score,
               -- all that can be reached
               CASE WHEN num_nonnulls(budget, max_steps) = 0 THEN max(s.score) ELSE 100 END AS most,
               coalesce(min(s.rank) FILTER (WHERE s.score >= target), max(s.rank)) AS stop
        FROM scored s
    ), needed AS (
        -- steps that have no effect up to this rank are left out
        SELECT n.*, row_number() OVER w AS number, sum(n.hours) OVER w AS total_hours,
               sum(n.spent) OVER w AS total, lead(n.rank) OVER w IS NULL AS is_last
        FROM (SELECT DISTINCT f.rank, f.recommendation_id, f.to_touch, f.hours, f.spent
              FROM found f CROSS JOIN state t
              WHERE f.needed_at <= t.stop) n
        WINDOW w AS (ORDER BY n.rank)
    )
    SELECT 0, NULL::text, NULL::text, NULL::numeric, NULL::bigint, NULL::text, t.score,
           plan_steps.basis, NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric
    FROM state t
    UNION ALL
    SELECT n.number::integer, recommendation_label(n.recommendation_id), r.title,
           trim_scale(s.score - b.score), n.to_touch, effort(r.details), s.score,
           plan_steps.basis, trim_scale(n.hours), trim_scale(n.total_hours), m.score,
           CASE WHEN m.score > t.score
                THEN trim_scale(round(100 * (m.score - s.score) / (m.score - t.score), 2))
                ELSE 0 END
    FROM needed n
    JOIN scored s ON s.rank = n.rank
    JOIN scored b ON b.rank = n.rank - 1
    JOIN recommendation r ON r.recommendation_id = n.recommendation_id
    CROSS JOIN state t
    CROSS JOIN point p
    -- scores are rounded to millionths: of metrics, initiatives and their mean, before and after
    CROSS JOIN LATERAL (
        SELECT greatest(s.score, least(t.most, trim_scale(t.score + round(
                   plan_bound(CASE WHEN n.is_last AND (s.score >= target) IS NOT TRUE
                                   THEN greatest(spendable, n.total)
                                   ELSE n.total END::bigint, p.spent, p.gains)
                   + 0.0000035, 6)))) AS score) m
    ORDER BY 1;
END $$;
COMMENT ON FUNCTION posture_internal.plan_steps(
    jsonb, counting_scope, score, text, numeric, integer) IS
    'returns the rows of plan() and, as rank 0, the current score';

CREATE FUNCTION posture.plan(
    initiatives text[], target numeric DEFAULT NULL, basis text DEFAULT 'gain',
    budget numeric DEFAULT NULL, max_steps integer DEFAULT NULL, asset_group text DEFAULT NULL,
    scenario jsonb DEFAULT NULL)
    RETURNS SETOF plan_step
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    wanted integer[] := array_remove(
        ARRAY(SELECT DISTINCT initiative_of(n.name)
              FROM unnest(coalesce(initiatives, ARRAY[NULL])) n(name)), NULL);
    of_group integer := asset_group_of(asset_group);
    resolved jsonb := resolve_scenario(scenario);
    is_limited boolean := num_nonnulls(budget, max_steps) > 0;
    to_reach score := target;
    steps plan_step[];
    reached score;
    names text;
    shown text;
BEGIN
    IF basis IS NULL OR basis NOT IN ('gain', 'gain_per_asset', 'gain_per_hour') THEN
        RAISE EXCEPTION 'basis "%" not recognized', basis
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'It is gain, gain_per_asset or gain_per_hour.';
    ELSIF budget < 0 THEN
        RAISE EXCEPTION 'budget must not be negative'
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF max_steps < 0 THEN
        RAISE EXCEPTION 'max_steps must not be negative'
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF wanted = '{}' THEN
        RETURN;
    END IF;
    SELECT string_agg(i.key, '", "' ORDER BY i.key),
           coalesce(to_reach, CASE WHEN count(*) = 1 AND NOT is_limited
                                   THEN min(i.target_score::numeric) END::score)
    INTO names, to_reach
    FROM initiative i
    WHERE i.initiative_id = ANY (wanted);
    steps := ARRAY(SELECT s FROM plan_steps(resolved, scope_of(NULL, resolved, wanted, of_group),
                                          to_reach, basis, budget, max_steps) s);
    RETURN QUERY SELECT s.* FROM unnest(steps) s WHERE s.rank > 0 ORDER BY s.rank;
    reached := steps[cardinality(steps)].score::score;
    IF reached IS NULL THEN
        RAISE NOTICE 'initiative "%" has no score: nothing of it is assessed', names;
    ELSIF reached < to_reach THEN
        -- a score just below the target must not read as the target
        shown := format_number(greatest(least(reached, to_reach - 0.1), 0));
        IF is_limited THEN
            RAISE NOTICE 'initiative "%" reaches % within the limits, not %',
                names, shown, format_number(to_reach);
        ELSE
            RAISE NOTICE 'initiative "%" can reach %, not %', names, shown, format_number(to_reach);
        END IF;
    ELSIF cardinality(steps) = 1 AND to_reach IS NOT NULL THEN
        RAISE NOTICE 'initiative "%" has already reached %: its score is %',
            names, format_number(to_reach), format_number(reached);
    END IF;
END $$;
COMMENT ON FUNCTION posture.plan(text[], numeric, text, numeric, integer, text, jsonb) IS
    'returns what to remediate, in which order, for an initiative, or the mean of several, to '
    'reach a score: by default the target_score of one initiative, or the highest score that can '
    'be reached; basis: gain, largest gain first, gain_per_asset or gain_per_hour, largest gain '
    'for each asset to remediate or hour of work first; budget: hours of work that the plan may '
    'take; max_steps: its length. With one of these two, the plan goes as far as they reach, '
    'unless a target is given; for all assets or for those of a group, without the points of '
    'measures, as it is or under a scenario';
CREATE FUNCTION posture.plan(
    initiative text, target numeric DEFAULT NULL, basis text DEFAULT 'gain',
    budget numeric DEFAULT NULL, max_steps integer DEFAULT NULL, asset_group text DEFAULT NULL,
    scenario jsonb DEFAULT NULL)
    RETURNS SETOF plan_step
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT * FROM plan(text_list(initiative), target, basis, budget, max_steps, asset_group,
                       scenario);
END;
COMMENT ON FUNCTION posture.plan(text, numeric, text, numeric, integer, text, jsonb) IS
    'returns plan() of one initiative, or of several written as {a,b}';

CREATE FUNCTION posture_internal.plan_to(
    initiative text, target score DEFAULT NULL, basis text DEFAULT 'gain')
    RETURNS SETOF plan_step
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT * FROM plan(initiative, target::numeric, basis);
END;
COMMENT ON FUNCTION posture_internal.plan_to(text, score, text) IS
    'plan() of version 0.2, for views that call it';

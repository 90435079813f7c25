/*
 * What an initiative would score if something were otherwise: recommendations
 * remediated, or nothing but the assets of a group. From the sets of assets,
 * because metrics and recommendations overlap: a score of parts can't be had
 * from scores of wholes.
 */

CREATE FUNCTION posture.scenario(of_initiative integer, remediated integer[], within posture.assetset) RETURNS posture.score
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    SET jit = off
    SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    chosen integer[];
BEGIN
    -- whether an asset is stale depends on what else assesses it
    IF NOT EXISTS (SELECT FROM posture.stale_limit(timestamptz 'infinity')) THEN
        chosen := ARRAY(SELECT b.recommendation_id
                        FROM posture.initiative_member(NULL::date) i JOIN posture.metric_member(NULL::date) b USING (metric_id)
                        WHERE i.initiative_id = of_initiative
                        UNION
                        SELECT unnest(d.recommendations) FROM posture.initiative_definition(NULL::date) d
                        WHERE d.initiative_id = of_initiative);
    END IF;
    RETURN (
        WITH recommendation AS MATERIALIZED (
            SELECT e.object_id AS recommendation_id,
                   CASE WHEN within IS NULL THEN e.assessed ELSE e.assessed OPERATOR(posture.&) within END AS assessed,
                   CASE WHEN e.object_id = ANY (remediated) THEN '{}'
                        WHEN within IS NULL THEN e.exposed
                        ELSE e.exposed OPERATOR(posture.&) within END AS exposed
            FROM posture.exposure(timestamptz 'infinity', true, NULL::integer, chosen) e
            WHERE e.object_kind = 'recommendation'
        ), measured AS MATERIALIZED (
            -- points of the whole organisation are of no group
            SELECT m.recommendation_id, m.possible,
                   CASE WHEN m.recommendation_id = ANY (remediated) THEN m.possible ELSE m.achieved END AS achieved
            FROM posture.measured(timestamptz 'infinity') m
            WHERE within IS NULL
        ), class AS MATERIALIZED (
            SELECT posture.criticality_sets(true, NULL::integer) AS sets
        ), member AS MATERIALIZED (
            SELECT b.metric_id, b.weight, m.criticality_weights
            FROM posture.initiative_member(NULL::date) b JOIN posture.metric m USING (metric_id)
            WHERE b.initiative_id = of_initiative
        ), joined AS (
            SELECT b.metric_id, posture.union_agg(r.assessed) AS assessed, posture.union_agg(r.exposed) AS exposed
            FROM member b
            JOIN posture.metric_member(NULL::date) mr USING (metric_id)
            JOIN recommendation r USING (recommendation_id)
            GROUP BY b.metric_id
        ), metric AS MATERIALIZED (
            SELECT b.metric_id, b.weight,
                   posture.weighed_count(CASE WHEN f.assets IS NULL THEN j.assessed ELSE j.assessed OPERATOR(posture.&) f.assets END,
                                         b.criticality_weights, c.sets) + coalesce(o.possible, 0) AS assessed,
                   posture.weighed_count(CASE WHEN f.assets IS NULL THEN j.exposed ELSE j.exposed OPERATOR(posture.&) f.assets END,
                                         b.criticality_weights, c.sets) + coalesce(o.missing, 0) AS exposed
            FROM member b
            CROSS JOIN class c
            LEFT JOIN joined j USING (metric_id)
            LEFT JOIN posture.metric_filter(true, NULL::integer) f USING (metric_id)
            LEFT JOIN (SELECT mr.metric_id, sum(x.possible - x.achieved) AS missing, sum(x.possible) AS possible
                       FROM measured x JOIN posture.metric_member(NULL::date) mr USING (recommendation_id)
                       GROUP BY mr.metric_id) o USING (metric_id)
        ), term AS (
            SELECT 'weighted'::posture.initiative_method AS method, m.weight, 1::numeric AS mass,
                   posture.score(m.exposed, m.assessed)::numeric * 0.01 AS healthy
            FROM metric m WHERE m.assessed > 0
            UNION ALL
            SELECT 'population', m.weight, m.assessed, m.assessed - m.exposed
            FROM metric m WHERE m.assessed > 0
            UNION ALL
            SELECT 'points', 1,
                   posture.possible_points(r.max_points::numeric, p.assessed, x.possible),
                   posture.achieved_points(r.max_points::numeric, p.exposed, p.assessed, x.possible - x.achieved, x.possible)
            FROM (SELECT mr.recommendation_id
                  FROM metric m JOIN posture.metric_member(NULL::date) mr USING (metric_id)
                  WHERE m.weight > 0 AND m.assessed > 0
                  UNION
                  SELECT unnest(d.recommendations) FROM posture.initiative_definition(NULL::date) d WHERE d.initiative_id = of_initiative) o
            JOIN posture.recommendation r USING (recommendation_id)
            LEFT JOIN (SELECT n.recommendation_id, posture.cardinality(n.exposed)::numeric AS exposed, posture.cardinality(n.assessed)::numeric AS assessed
                       FROM recommendation n) p USING (recommendation_id)
            LEFT JOIN measured x USING (recommendation_id)
        )
        SELECT posture.score(round(sum(t.weight * (t.mass - t.healthy)), 30), sum(t.weight * t.mass))
        FROM posture.initiative_definition(NULL::date) d
        JOIN term t USING (method)
        WHERE d.initiative_id = of_initiative);
END $$;
COMMENT ON FUNCTION posture.scenario(integer, integer[], posture.assetset) IS 'the score that an initiative would have now if recommendations were remediated, and by some assets alone if within is not NULL; by all methods as initiative_result() has it';

CREATE FUNCTION posture.initiative_of(initiative text) RETURNS integer
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found integer := (SELECT i.initiative_id FROM posture.initiative i WHERE i.key = initiative_of.initiative);
BEGIN
    IF found IS NULL AND initiative IS NOT NULL THEN
        RAISE EXCEPTION 'unknown initiative "%"', initiative
            USING ERRCODE = 'undefined_object', HINT = 'The table posture.initiative lists the initiatives.';
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION posture.initiative_of(text) IS 'the id of an initiative by its key; an error if there is none of it';

CREATE FUNCTION posture.recommendations_of(recommendations text[]) RETURNS integer[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    odd text;
    found integer[];
BEGIN
    SELECT min(n.name) FILTER (WHERE r.recommendation_id IS NULL), array_agg(r.recommendation_id) INTO odd, found
    FROM unnest(recommendations) n(name)
    LEFT JOIN LATERAL (SELECT r.recommendation_id
                       FROM posture.recommendation r JOIN posture.source s USING (source_id)
                       WHERE r.key = n.name OR s.key || ':' || r.key = n.name) r ON true
    WHERE n.name IS NOT NULL;
    IF odd IS NOT NULL THEN
        RAISE EXCEPTION 'unknown recommendation "%"', odd
            USING ERRCODE = 'undefined_object', HINT = 'The view posture.recommendation_report lists the recommendations.';
    ELSIF EXISTS (SELECT FROM unnest(recommendations) n(name) JOIN posture.recommendation r ON r.key = n.name
                  GROUP BY n.name HAVING count(DISTINCT r.source_id) > 1) THEN
        SELECT min(n.name) INTO odd
        FROM unnest(recommendations) n(name)
        WHERE (SELECT count(*) FROM posture.recommendation r WHERE r.key = n.name) > 1;
        RAISE EXCEPTION 'recommendation "%" is of several sources', odd
            USING ERRCODE = 'ambiguous_parameter', HINT = 'Write source:recommendation, as recommendation_report does.';
    END IF;
    RETURN coalesce(found, '{}');
END $$;
COMMENT ON FUNCTION posture.recommendations_of(text[]) IS 'the ids of recommendations, named as recommendation_report names them; an error if there is none of a name, or several';

CREATE FUNCTION posture.what_if(initiative text, recommendations text[]) RETURNS posture.score
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN posture.scenario(posture.initiative_of(initiative), posture.recommendations_of(recommendations), NULL);
COMMENT ON FUNCTION posture.what_if(text, text[]) IS 'the score that an initiative would have now if these recommendations were remediated on all assets';

CREATE FUNCTION posture.score_of(initiative text, asset_group text) RETURNS posture.score
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted integer := (SELECT g.asset_group_id FROM posture.asset_group g WHERE g.key = asset_group);
BEGIN
    IF wanted IS NULL AND asset_group IS NOT NULL THEN
        RAISE EXCEPTION 'unknown asset group "%"', asset_group
            USING ERRCODE = 'undefined_object', HINT = 'The table posture.asset_group lists the groups.';
    ELSIF wanted IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN posture.scenario(posture.initiative_of(initiative), NULL::integer[], posture.group_assets(wanted));
END $$;
COMMENT ON FUNCTION posture.score_of(text, text) IS 'the score of an initiative by the assets of a group alone, without the points of the whole organisation; NULL: unavailable';

CREATE FUNCTION posture.group_assets(of_group integer) RETURNS posture.assetset
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce((SELECT g.assets FROM posture.asset_group_set(true, NULL) g WHERE g.asset_group_id = of_group), '{}');
COMMENT ON FUNCTION posture.group_assets(integer) IS 'the assets of a group, from what is kept where it is current';

/*
 * Whether a recommendation is compliant, and whether it is completed, on time
 * or overdue. Accepting a risk changes no score, but completes what it is
 * accepted for.
 */

CREATE TYPE posture_internal.accepted_tally AS (
    recommendation_id integer,
    for_all boolean,
    exposed bigint,
    accepted bigint
);
COMMENT ON TYPE posture_internal.accepted_tally IS 'a row of accepted_here()';
COMMENT ON COLUMN posture_internal.accepted_tally.recommendation_id IS 'id of the recommendation';
COMMENT ON COLUMN posture_internal.accepted_tally.for_all IS
    'whether the risk is accepted for all assets';
COMMENT ON COLUMN posture_internal.accepted_tally.exposed IS 'number of exposed assets';
COMMENT ON COLUMN posture_internal.accepted_tally.accepted IS
    'number of exposed assets whose risk is accepted';

CREATE FUNCTION posture_internal.accepted_here() RETURNS SETOF accepted_tally
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    chosen integer[] := ARRAY(SELECT DISTINCT e.recommendation_id
                              FROM exemption e
                              WHERE e.kind = 'risk_accepted' AND e.created_at <= now()
                                AND (e.expires_at IS NULL OR e.expires_at > now()));
BEGIN
    -- most databases have no accepted risk
    IF cardinality(chosen) = 0 THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT x.recommendation_id, x.for_all, coalesce(cardinality(e.exposed), 0),
           coalesce(cardinality(e.exposed & x.assets), 0)
    FROM exempt_set('infinity', true, NULL) x
    LEFT JOIN recommendation_assets(chosen, true) e ON e.recommendation_id = x.recommendation_id
    WHERE x.kind = 'risk_accepted';
END $$;
COMMENT ON FUNCTION posture_internal.accepted_here() IS
    'returns the recommendations with an accepted risk in this database, and how much is accepted';

-- A node on which no risk is accepted has no row of accepted_here(), but it may have exposed
-- assets.
CREATE FUNCTION posture_internal.accepted_of_nodes() RETURNS SETOF accepted_tally
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT t.recommendation_id, bool_or(t.for_all), max(coalesce(c.exposed, 0)),
           sum(t.accepted)::bigint
    FROM (SELECT * FROM accepted_here()
          UNION ALL
          SELECT * FROM ask_nodes(NULL::accepted_tally, 'accepted_here()')) t
    LEFT JOIN current_object_count() c
           ON c.object_kind = 'recommendation' AND c.object_id = t.recommendation_id
    GROUP BY t.recommendation_id;
END $$;
COMMENT ON FUNCTION posture_internal.accepted_of_nodes() IS
    'returns accepted_here() of a head and its nodes together';

CREATE FUNCTION posture_internal.accepted_recommendation() RETURNS SETOF integer
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT x.recommendation_id
    FROM (SELECT h.* FROM accepted_here() h WHERE NOT has_nodes()
          UNION ALL
          SELECT n.* FROM accepted_of_nodes() n WHERE has_nodes()) x
    LEFT JOIN measured('infinity') m USING (recommendation_id)
    WHERE x.for_all OR (x.exposed <= x.accepted AND coalesce(m.achieved >= m.possible, true));
END;
COMMENT ON FUNCTION posture_internal.accepted_recommendation() IS
    'returns the recommendations whose risk is accepted wherever they are exposed';

CREATE FUNCTION posture_internal.recommendation_state(
    assessed numeric, exposed numeric, failing boolean)
    RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN coalesce(assessed, 0) = 0 THEN 'not_available'
                WHEN exposed > 0 THEN 'non_compliant'
                WHEN failing THEN 'mitigated'
                ELSE 'compliant' END;
COMMENT ON FUNCTION posture_internal.recommendation_state(numeric, numeric, boolean) IS
    'returns the state of a recommendation by its counts; failing: whether anything fails it, '
    'exempt or not';

CREATE FUNCTION posture_internal.recommendation_status()
    RETURNS TABLE (recommendation_id integer, state text, exposed numeric, assessed numeric,
                   progress text, population numeric, unassessed numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.recommendation_id, x.state, coalesce(n.exposed, 0), coalesce(n.assessed, 0),
           CASE WHEN x.state = 'not_available' THEN NULL
                WHEN x.state IN ('compliant', 'mitigated')
                     OR r.recommendation_id IN (SELECT a.id FROM accepted_recommendation() a(id))
                THEN 'completed'
                WHEN r.due_on < today() THEN 'overdue'
                ELSE 'on_time' END,
           coalesce(n.population, 0), coalesce(n.unassessed, 0)
    FROM recommendation r
    JOIN source s USING (source_id)
    LEFT JOIN (SELECT c.recommendation_id, c.failing,
                      c.exposed + coalesce(c.points_missing, 0) AS exposed,
                      c.assessed + coalesce(c.points_possible, 0) AS assessed,
                      c.population + coalesce(c.points_possible, 0) AS population, c.unassessed
               FROM current_state('infinity') c
               WHERE c.recommendation_id IS NOT NULL) n USING (recommendation_id)
    CROSS JOIN LATERAL (SELECT recommendation_state(n.assessed, n.exposed, n.failing) AS state) x
    WHERE s.is_active AND r.is_active;
END;
COMMENT ON FUNCTION posture_internal.recommendation_status() IS
    'returns the state of each active recommendation of an active source now; progress: '
    'completed if nothing is exposed or the risk of all that is was accepted, else on_time or '
    'overdue; NULL: it applies to nothing';

CREATE TYPE posture_internal.assignee_tally AS (assigned_to text, assets bigint);
COMMENT ON TYPE posture_internal.assignee_tally IS 'a row of open_assets()';
COMMENT ON COLUMN posture_internal.assignee_tally.assigned_to IS 'person or team; NULL: nobody';
COMMENT ON COLUMN posture_internal.assignee_tally.assets IS 'number of distinct assets';

CREATE FUNCTION posture_internal.open_here() RETURNS SETOF assignee_tally
    LANGUAGE sql STABLE PARALLEL SAFE
    SET jit = off
BEGIN ATOMIC
    SELECT r.assigned_to, cardinality(union_agg(set_difference(e.exposed, x.assets)))
    FROM recommendation_assets(NULL, true) e
    JOIN recommendation r USING (recommendation_id)
    LEFT JOIN exempt_set('infinity', true, NULL) x
           ON x.recommendation_id = e.recommendation_id AND x.kind = 'risk_accepted'
    WHERE NOT coalesce(x.for_all, false)
    GROUP BY r.assigned_to;
END;
COMMENT ON FUNCTION posture_internal.open_here() IS
    'returns open_assets() of this database';

CREATE FUNCTION posture_internal.open_assets() RETURNS SETOF assignee_tally
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT o.assigned_to, sum(o.assets)::bigint
    FROM (SELECT h.* FROM open_here() h
          UNION ALL
          SELECT n.* FROM ask_nodes(NULL::assignee_tally, 'open_here()') n WHERE has_nodes()) o
    GROUP BY o.assigned_to;
END;
COMMENT ON FUNCTION posture_internal.open_assets() IS
    'returns on how many assets each person or team must still remediate a recommendation: exposed, '
    'without an accepted risk; on a head, of all nodes';

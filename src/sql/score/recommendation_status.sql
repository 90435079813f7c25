/*
 * Whether a recommendation is compliant, and whether it is completed, on time
 * or overdue. Accepting a risk changes no score, but completes what it is
 * accepted for.
 */

CREATE FUNCTION posture_internal.accepted_recommendation() RETURNS SETOF integer
    LANGUAGE plpgsql STABLE PARALLEL SAFE
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
    SELECT x.recommendation_id
    FROM exempt_set('infinity', true, NULL) x
    LEFT JOIN recommendation_assets(chosen) e ON e.recommendation_id = x.recommendation_id
    LEFT JOIN measured('infinity') m ON m.recommendation_id = x.recommendation_id
    WHERE x.kind = 'risk_accepted'
      AND (x.for_all OR (coalesce(e.exposed, '{}') <@ x.assets
                         AND coalesce(m.achieved >= m.possible, true)));
END $$;
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

CREATE FUNCTION posture_internal.open_assets()
    RETURNS TABLE (recommendation_id integer, assets assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.recommendation_id, set_difference(e.exposed, x.assets)
    FROM recommendation_assets(NULL) e
    LEFT JOIN exempt_set('infinity', true, NULL) x
           ON x.recommendation_id = e.recommendation_id AND x.kind = 'risk_accepted'
    WHERE NOT coalesce(x.for_all, false);
END;
COMMENT ON FUNCTION posture_internal.open_assets() IS
    'returns the assets on which a recommendation must still be remediated: exposed, without an '
    'accepted risk';

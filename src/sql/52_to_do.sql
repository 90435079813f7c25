/*
 * What is left to do. Accepting a risk changes no score, but takes it off the
 * lists of what to do.
 */

CREATE FUNCTION posture.recommendation_assets(of_recommendations integer[])
    RETURNS TABLE (recommendation_id integer, exposed posture.assetset, failing posture.assetset)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT e.object_id, e.exposed, e.failing
    FROM posture.exposure(
        timestamptz 'infinity', true, NULL::integer,
        -- whether an asset is stale depends on what else assesses it
        CASE WHEN NOT EXISTS (SELECT FROM posture.stale_limit(timestamptz 'infinity')) THEN of_recommendations END) e
    WHERE e.object_kind = 'recommendation' AND (of_recommendations IS NULL OR e.object_id = ANY (of_recommendations));
END $$;
COMMENT ON FUNCTION posture.recommendation_assets(integer[]) IS 'the assets that count and fail a recommendation now, without exempt ones (exposed) and with them (failing); of some recommendations, or of all for NULL';

CREATE FUNCTION posture.accepted_recommendation() RETURNS SETOF integer
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chosen integer[] := ARRAY(SELECT DISTINCT e.recommendation_id
                              FROM posture.exemption e
                              WHERE e.kind = 'risk_accepted' AND e.created_at <= now() AND (e.expires_at IS NULL OR e.expires_at > now()));
BEGIN
    -- most have none
    IF cardinality(chosen) = 0 THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT x.recommendation_id
    FROM posture.exempt_set(timestamptz 'infinity', true, NULL::integer) x
    LEFT JOIN posture.recommendation_assets(chosen) e ON e.recommendation_id = x.recommendation_id
    LEFT JOIN posture.measured(timestamptz 'infinity') m ON m.recommendation_id = x.recommendation_id
    WHERE x.kind = 'risk_accepted'
      AND (x.for_all OR (coalesce(e.exposed, '{}') OPERATOR(posture.<@) x.assets AND coalesce(m.achieved >= m.possible, true)));
END $$;
COMMENT ON FUNCTION posture.accepted_recommendation() IS 'the recommendations whose risk is accepted wherever they are exposed';

CREATE FUNCTION posture.recommendation_status()
    RETURNS TABLE (recommendation_id integer, state text, exposed numeric, assessed numeric, progress text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.recommendation_id, x.state, coalesce(n.exposed, 0), coalesce(n.assessed, 0),
           CASE WHEN x.state = 'not_available' THEN NULL
                WHEN x.state IN ('compliant', 'mitigated')
                     OR r.recommendation_id IN (SELECT a.id FROM posture.accepted_recommendation() a(id)) THEN 'completed'
                WHEN r.due_on < posture.today() THEN 'overdue'
                ELSE 'on_time' END
    FROM posture.recommendation r
    JOIN posture.source s USING (source_id)
    LEFT JOIN (SELECT c.recommendation_id, c.failing, c.exposed + coalesce(c.points_missing, 0) AS exposed,
                      c.assessed + coalesce(c.points_possible, 0) AS assessed
               FROM posture.state('infinity') c
               WHERE c.recommendation_id IS NOT NULL) n USING (recommendation_id)
    CROSS JOIN LATERAL (SELECT CASE WHEN coalesce(n.assessed, 0) = 0 THEN 'not_available'
                                    WHEN n.exposed > 0 THEN 'non_compliant'
                                    WHEN n.failing THEN 'mitigated'
                                    ELSE 'compliant' END AS state) x
    WHERE s.is_active AND r.is_active;
END;
COMMENT ON FUNCTION posture.recommendation_status() IS 'each active recommendation of an active source now: its state, and whether it is completed, on time or overdue; NULL: applies to nothing. Completed: nothing is exposed, or the risk of all that is was accepted';

-- In PL/pgSQL, as what follows, because that keeps its plans, and with generic
-- plans where there are arguments: planning would take longer than running.
CREATE FUNCTION posture_internal.object_count_is_current() RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN NOT EXISTS (SELECT FROM catalog_delta)
       AND NOT EXISTS (SELECT FROM counted_slice t WHERE now() < t.made_at OR now() >= t.valid_until)
       AND coalesce((SELECT sum(d.changes) FROM finding_delta d), 0)
           + coalesce((SELECT sum(d.changes) FROM asset_delta d), 0) <= touched_limit()
       -- a touched asset may have come to an exempt group, or left it
       AND NOT (EXISTS (SELECT FROM asset_delta)
                AND EXISTS (SELECT FROM exemption e WHERE e.asset_group_id IS NOT NULL));
END $$;
COMMENT ON FUNCTION posture_internal.object_count_is_current() IS 'whether the tally and a look at what was touched since give the counts of now';

CREATE FUNCTION posture_internal.current_object_count()
    RETURNS TABLE (object_kind text, object_id integer, assessed bigint, exposed bigint, failing bigint, critical bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600 SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    touched integer[];
BEGIN
    IF NOT sees_all() THEN
        RETURN QUERY SELECT * FROM owner_object_count();
        RETURN;
    END IF;
    IF object_count_is_current() THEN
        touched := touched_assets();
        IF cardinality(touched) = 0 AND NOT EXISTS (SELECT FROM finding_delta) THEN
            RETURN QUERY
            SELECT t.object_kind, t.object_id, sum(t.assessed), sum(t.exposed), sum(t.failing), sum(t.critical)
            FROM object_count t
            GROUP BY t.object_kind, t.object_id;
            RETURN;
        ELSIF cardinality(touched) <= touched_limit() THEN
            RETURN QUERY
            SELECT t.object_kind, t.object_id, sum(t.assessed)::bigint, sum(t.exposed)::bigint, sum(t.failing)::bigint, sum(t.critical)::bigint
            FROM (SELECT o.object_kind, o.object_id, o.assessed, o.exposed, o.failing, o.critical FROM object_count o
                  UNION ALL
                  SELECT * FROM touched_count(touched)) t
            GROUP BY t.object_kind, t.object_id;
            RETURN;
        END IF;
    END IF;
    RETURN QUERY SELECT * FROM asset_count('infinity', true);
END $$;
COMMENT ON FUNCTION posture_internal.current_object_count() IS 'distinct assets of each recommendation, metric and initiative, of a metric as many times as it weighs them, now';

CREATE FUNCTION posture_internal.last_change()
    RETURNS TABLE (recommendation_id integer, changed_at timestamptz)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600 SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF NOT sees_all() THEN
        RETURN QUERY SELECT * FROM owner_last_change();
        RETURN;
    END IF;
    RETURN QUERY
    SELECT x.recommendation_id, max(x.at)
    FROM (SELECT t.object_id AS recommendation_id, t.last_changed AS at
          FROM object_count t
          WHERE t.object_kind = 'recommendation'
          UNION ALL
          SELECT e.recommendation_id, e.last_changed
          FROM finding_delta d CROSS JOIN LATERAL unnest(d.recommendations, d.last_changed) e(recommendation_id, last_changed)
          UNION ALL
          SELECT o.recommendation_id, o.observed_at
          FROM measure o) x
    GROUP BY x.recommendation_id;
END $$;
COMMENT ON FUNCTION posture_internal.last_change() IS 'when any finding or the measure of each recommendation last changed';

CREATE TYPE posture_internal.change_time AS (recommendation_id integer, changed_at timestamptz);
COMMENT ON TYPE posture_internal.change_time IS 'a row of last_change()';
COMMENT ON COLUMN posture_internal.change_time.recommendation_id IS 'id of the recommendation';
COMMENT ON COLUMN posture_internal.change_time.changed_at IS 'time of its last change';

CREATE FUNCTION posture_internal.last_change()
    RETURNS TABLE (recommendation_id integer, changed_at timestamptz)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
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
          FROM finding_delta d
          CROSS JOIN LATERAL unnest(d.recommendations, d.last_changed)
                             e(recommendation_id, last_changed)
          UNION ALL
          SELECT o.recommendation_id, o.observed_at
          FROM measure o
          UNION ALL
          SELECT n.* FROM ask_nodes(NULL::change_time, 'last_change()') n WHERE has_nodes()) x
    GROUP BY x.recommendation_id;
END $$;
COMMENT ON FUNCTION posture_internal.last_change() IS
    'returns when a finding or the measure of each recommendation last changed; on a head, on any '
    'node';

CREATE FUNCTION posture.metric_assets(metric text, day date DEFAULT NULL) RETURNS assetset
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    wanted integer;
    chosen integer[];
BEGIN
    PERFORM require_level('reader or owner');
    wanted := (SELECT m.metric_id FROM metric m WHERE m.key = metric_assets.metric);
    IF wanted IS NULL AND metric IS NOT NULL THEN
        RAISE EXCEPTION 'metric "%" does not exist', metric
            USING ERRCODE = 'undefined_object',
                  HINT = concat_ws(' ', kind_hint(metric), coalesce(
                      name_hint('Metrics', ARRAY(SELECT m.key FROM metric m ORDER BY 1),
                                coalesce((SELECT min(m.key) FROM metric m
                                          WHERE lower(m.name) = lower(metric)), metric)),
                      'install_pack() adds initiatives with metrics.'));
    END IF;
    chosen := findings_needed(ARRAY(SELECT mr.recommendation_id FROM metric_recommendation mr
                                    WHERE mr.metric_id = wanted));
    RETURN (SELECT coalesce(e.exposed, '{}')
            FROM metric m
            LEFT JOIN exposure(coalesce(day_end(day), timestamptz 'infinity'), true,
                               NULL::integer, chosen) e
                   ON e.object_kind = 'metric' AND e.object_id = m.metric_id
            WHERE m.metric_id = wanted AND m.is_active);
END $$;
COMMENT ON FUNCTION posture.metric_assets(text, date) IS
    'returns the assets that a metric has exposed, now or at the end of a day; for a day more than '
    'posture.retention_days ago, the assets of the first day that still has history';

CREATE FUNCTION posture_internal.key_error(what text, key text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN key IS NULL OR key = '' THEN 'missing ' || what
        WHEN octet_length(key) > 1024 THEN
            format('key of %s has %s bytes, more than 1024: "%s..."', what, octet_length(key), left(key, 40))
    END;
COMMENT ON FUNCTION posture_internal.key_error(text, text) IS 'why a key is none; NULL: it is one';

CREATE FUNCTION posture_internal.kind_error(kind text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN octet_length(kind) > 1024 THEN format('kind of asset has %s bytes, more than 1024: "%s..."', octet_length(kind), left(kind, 40)) END;
COMMENT ON FUNCTION posture_internal.kind_error(text) IS 'why a kind of assets is none; NULL: it is one';

CREATE FUNCTION posture_internal.object_of(object text, OUT metric_id integer, OUT initiative_id integer)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    metric_id := (SELECT m.metric_id FROM metric m WHERE object IN (m.key, 'metric:' || m.key) ORDER BY m.key <> object LIMIT 1);
    initiative_id := (SELECT i.initiative_id FROM initiative i WHERE object IN (i.key, 'initiative:' || i.key) ORDER BY i.key <> object LIMIT 1);
    IF metric_id IS NOT NULL AND initiative_id IS NOT NULL THEN
        RAISE EXCEPTION '"%" is a metric and an initiative', object
            USING ERRCODE = 'ambiguous_parameter', HINT = format('Write %L or %L.', 'metric:' || object, 'initiative:' || object);
    ELSIF metric_id IS NULL AND initiative_id IS NULL AND object IS NOT NULL THEN
        RAISE EXCEPTION 'metric or initiative "%" does not exist', object
            USING ERRCODE = 'undefined_object', HINT = 'The tables posture.metric and posture.initiative list them.';
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.object_of(text) IS 'the metric or initiative of a key, or of metric:key or initiative:key where both have it; an error if there is none';

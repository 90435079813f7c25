/*
 * Keys: the names by which people and sources refer to the objects of the
 * catalog. A key is text of at most 1024 bytes, so that it fits into an index.
 * Ids are internal integers.
 */

CREATE DOMAIN posture.object_key AS text
    CONSTRAINT "a key has 1 to 1024 bytes" CHECK (octet_length(VALUE) BETWEEN 1 AND 1024);
COMMENT ON DOMAIN posture.object_key IS 'key of an object: 1 to 1024 bytes';

CREATE FUNCTION posture_internal.key_error(what text, key text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN key IS NULL OR key = '' THEN 'missing ' || what
        WHEN octet_length(key) > 1024 THEN
            format('key of %s has %s bytes, more than 1024: "%s..."',
                   what, octet_length(key), left(key, 40))
    END;
COMMENT ON FUNCTION posture_internal.key_error(text, text) IS
    'error text for an invalid key; NULL if the key is valid';

-- PostgreSQL takes a literal, and a parameter of unknown type, as text rather than
-- as text[].
CREATE FUNCTION posture_internal.text_list(names text) RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN names ~ '^\{.*\}$' THEN names::text[]
                WHEN names IS NOT NULL THEN ARRAY[names] END;
COMMENT ON FUNCTION posture_internal.text_list(text) IS
    'array of one name, or of those of a literal such as {a,b}; NULL for NULL';

CREATE FUNCTION posture_internal.object_of(
    object text, place text DEFAULT '', OUT metric_id integer, OUT initiative_id integer)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM require_level('reader or owner');
    metric_id := (SELECT m.metric_id
                  FROM metric m
                  WHERE object IN (m.key, 'metric:' || m.key)
                  ORDER BY m.key <> object
                  LIMIT 1);
    initiative_id := (SELECT i.initiative_id
                      FROM initiative i
                      WHERE object IN (i.key, 'initiative:' || i.key)
                      ORDER BY i.key <> object
                      LIMIT 1);
    IF metric_id IS NOT NULL AND initiative_id IS NOT NULL THEN
        RAISE EXCEPTION '%"%" is a metric and an initiative', place, object
            USING ERRCODE = 'ambiguous_parameter',
                  HINT = format('Write %L or %L.', 'metric:' || object, 'initiative:' || object);
    ELSIF metric_id IS NULL AND initiative_id IS NULL AND object IS NOT NULL THEN
        RAISE EXCEPTION '%metric or initiative "%" does not exist', place, object
            USING ERRCODE = 'undefined_object',
                  HINT = concat_ws(' ', kind_hint(object), coalesce(
                      -- people also write the name that reports show
                      name_hint('Metrics and initiatives',
                                ARRAY(SELECT m.key FROM metric m
                                      UNION
                                      SELECT i.key FROM initiative i
                                      ORDER BY 1),
                                coalesce((SELECT min(i.key) FROM initiative i
                                          WHERE lower(i.name) = lower(object)),
                                         (SELECT min(m.key) FROM metric m
                                          WHERE lower(m.name) = lower(object)), object)),
                      'install_pack() adds initiatives with metrics.'));
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.object_of(text, text) IS
    'id of the metric or initiative with a key, which may be written metric:key or '
    'initiative:key; an error, which begins with place, if there is none or the key is ambiguous';

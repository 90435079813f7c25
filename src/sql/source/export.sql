/*
 * export(): the rows of the database as objects of format posture. Other
 * objects refer to rows by their keys, so ids are left out.
 */

CREATE FUNCTION posture_internal.export_member(of_metric integer, of_initiative integer)
    RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(
        (SELECT jsonb_agg(jsonb_build_object('source', s.key, 'recommendation', r.key)
                          ORDER BY s.key COLLATE "C", r.key COLLATE "C")
         FROM (SELECT m.recommendation_id FROM metric_recommendation m WHERE m.metric_id = of_metric
               UNION ALL
               SELECT i.recommendation_id FROM initiative_recommendation i
                      WHERE i.initiative_id = of_initiative) x
         JOIN recommendation r USING (recommendation_id)
         JOIN source s USING (source_id)), '[]');
COMMENT ON FUNCTION posture_internal.export_member(integer, integer) IS
    'returns the recommendations of a metric, or of an initiative, as an array of objects';

CREATE FUNCTION posture_internal.export_catalog() RETURNS TABLE (type text, key text, object jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT 'importance_weight', w.importance::text, to_jsonb(w) FROM importance_weight w
    UNION ALL
    SELECT 'source', s.key, to_jsonb(s) - 'source_id' FROM source s
    UNION ALL
    SELECT 'asset', a.key,
           to_jsonb(a) - 'asset_id'
           || strip_null_fields(jsonb_build_object('aliases',
               (SELECT jsonb_agg(l.alias ORDER BY l.alias COLLATE "C") FROM asset_alias l
                WHERE l.asset_id = a.asset_id)))
    FROM asset a
    UNION ALL
    SELECT 'asset_group', g.key, to_jsonb(g) - 'asset_group_id' FROM asset_group g
    UNION ALL
    SELECT 'recommendation', r.key, jsonb_build_object('source', s.key)
           || (to_jsonb(r) - '{recommendation_id,source_id}'::text[])
    FROM recommendation r JOIN source s USING (source_id)
    UNION ALL
    SELECT 'metric', m.key, to_jsonb(m) - '{metric_id,loaded_source_id,population_group_id}'::text[]
           || jsonb_build_object('recommendations', export_member(m.metric_id, NULL),
                                 'population', g.key)
    FROM metric m LEFT JOIN asset_group g ON g.asset_group_id = m.population_group_id
    UNION ALL
    SELECT 'initiative', i.key,
           to_jsonb(i) - '{initiative_id,loaded_source_id}'::text[]
           || jsonb_build_object(
               'recommendations', export_member(NULL, i.initiative_id),
               'metrics', coalesce((SELECT jsonb_agg(
                                        jsonb_build_object('metric', m.key, 'weight', x.weight)
                                        ORDER BY m.key COLLATE "C")
                                    FROM initiative_metric x JOIN metric m USING (metric_id)
                                    WHERE x.initiative_id = i.initiative_id), '[]'))
    FROM initiative i
    UNION ALL
    SELECT 'benchmark', b.key, to_jsonb(b) - 'initiative_id'
           || jsonb_build_object('initiative', i.key)
    FROM benchmark b JOIN initiative i USING (initiative_id)
    UNION ALL
    -- so that the bands of an initiative come in the order of their scores
    SELECT 'score_band', concat_ws(' ', i.key, b.scheme,
                                   to_char(b.from_score::numeric, '000.000000')),
           to_jsonb(b) - 'initiative_id' || jsonb_build_object('initiative', i.key)
    FROM score_band b LEFT JOIN initiative i USING (initiative_id);
END;
COMMENT ON FUNCTION posture_internal.export_catalog() IS
    'step of export(): returns the objects of the catalog';

CREATE FUNCTION posture_internal.export_state() RETURNS TABLE (type text, key text, object jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT 'finding', r.key,
           jsonb_build_object('source', s.key, 'recommendation', r.key, 'asset', a.key, 'state',
                              f.state, 'observed_at', f.changed_at,
                              'details', f.details)
    FROM finding f
    JOIN recommendation r USING (recommendation_id)
    JOIN source s USING (source_id)
    JOIN asset a USING (asset_id)
    UNION ALL
    SELECT 'asset_source', a.key, to_jsonb(x) - '{source_id,asset_id}'::text[]
           || jsonb_build_object('source', s.key, 'asset', a.key)
    FROM asset_source x
    JOIN source s USING (source_id)
    JOIN asset a USING (asset_id)
    UNION ALL
    SELECT 'measure', r.key, to_jsonb(m) - 'recommendation_id'
           || jsonb_build_object('source', s.key, 'recommendation', r.key)
    FROM measure m
    JOIN recommendation r USING (recommendation_id)
    JOIN source s USING (source_id)
    UNION ALL
    SELECT 'exemption', r.key,
           to_jsonb(e) - '{exemption_id,recommendation_id,asset_id,asset_group_id}'::text[]
           || jsonb_build_object('source', s.key, 'recommendation', r.key, 'asset', a.key,
                                 'asset_group', g.key)
    FROM exemption e
    JOIN recommendation r USING (recommendation_id)
    JOIN source s USING (source_id)
    LEFT JOIN asset a USING (asset_id)
    LEFT JOIN asset_group g USING (asset_group_id)
    UNION ALL
    SELECT 'attestation', r.key,
           to_jsonb(t) - '{attestation_id,recommendation_id,asset_id}'::text[]
           || jsonb_build_object('source', s.key, 'recommendation', r.key, 'asset', a.key)
    FROM attestation t
    JOIN recommendation r USING (recommendation_id)
    JOIN source s USING (source_id)
    JOIN asset a USING (asset_id);
END;
COMMENT ON FUNCTION posture_internal.export_state() IS
    'step of export(): returns findings, measures, exemptions, attestations and what inventories '
    'know';

CREATE FUNCTION posture.export(types text[] DEFAULT NULL) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET datestyle = 'ISO, YMD' SET intervalstyle = 'iso_8601' SET timezone = 'UTC'
AS $$
DECLARE
    known text[] := ARRAY['importance_weight', 'source', 'asset', 'asset_source',
                          'asset_group', 'recommendation', 'metric', 'initiative', 'benchmark',
                          'score_band', 'finding', 'measure', 'exemption', 'attestation'];
    odd text := (SELECT min(t.type) FROM unnest(types) t(type) WHERE t.type <> ALL (known));
BEGIN
    PERFORM require_level('reader or owner');
    IF odd IS NOT NULL THEN
        RAISE EXCEPTION 'type "%" not recognized', odd
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('Types are %s.', array_to_string(known, ', '));
    END IF;
    RETURN QUERY
    SELECT jsonb_build_object('type', e.type) || strip_null_fields(e.object)
    FROM (SELECT * FROM export_catalog()
          UNION ALL
          SELECT * FROM export_state()
          WHERE types IS NULL
                OR types && ARRAY['asset_source', 'finding', 'measure', 'exemption',
                                  'attestation']) e
    WHERE types IS NULL OR e.type = ANY (types)
    -- each object comes after the objects that it names
    ORDER BY array_position(known, e.type), e.key COLLATE "C", e.object ->> 'source' COLLATE "C",
        e.object ->> 'asset' COLLATE "C";
END $$;
COMMENT ON FUNCTION posture.export(text[]) IS
    'returns the catalog and the findings as objects of format posture, which load() accepts one '
    'per line; all types of objects, or the given ones';
CREATE FUNCTION posture.export(type text) RETURNS SETOF jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT export(text_list(type));
END;
COMMENT ON FUNCTION posture.export(text) IS
    'returns the objects of one type, as export(text[]) does';

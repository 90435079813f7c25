/*
 * The catalog of a document: sources, recommendations, and the order in which
 * all other objects are written.
 */

CREATE FUNCTION posture_internal.load_source(renames boolean) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    changed bigint := CASE WHEN renames THEN write_objects('source')
                           ELSE insert_objects('source') END;
BEGIN
    INSERT INTO source (key, name)
    SELECT DISTINCT i.source, i.source
    FROM posture_item i
    WHERE i.source IS NOT NULL AND NOT EXISTS (SELECT FROM source s WHERE s.key = i.source)
    ON CONFLICT (key) DO NOTHING;
    RETURN changed;
END $$;
COMMENT ON FUNCTION posture_internal.load_source(boolean) IS
    'step of load(): inserts sources that are new, and if renames is true, as for format posture, '
    'updates the others. Returns the number of sources inserted or changed.';

CREATE FUNCTION posture_internal.load_recommendation() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    changed bigint := cardinality(update_objects('recommendation'));
    added bigint := insert_objects('recommendation');
BEGIN
    -- a recommendation that is only named has a row too
    INSERT INTO recommendation (source_id, key, title)
    SELECT DISTINCT s.source_id, m.key, m.key
    FROM (SELECT i.source, i.object ->> 'recommendation' AS key
          FROM posture_item i
          WHERE i.type = 'measure' OR (i.type = 'exemption' AND i.object ->> 'kind' IS NOT NULL)
          UNION ALL
          SELECT b.source, b.recommendation FROM load_member() b) m
    JOIN source s ON s.key = m.source
    WHERE NOT EXISTS (SELECT FROM recommendation r
                      WHERE r.source_id = s.source_id AND r.key = m.key)
    ON CONFLICT (source_id, key) DO NOTHING;
    RETURN changed + added;
END $$;
COMMENT ON FUNCTION posture_internal.load_recommendation() IS
    'step of load(): writes recommendations, with a row for each that is only named. '
    'Returns the number of recommendations inserted or changed.';

CREATE FUNCTION posture_internal.load_catalog(of_format text, counted text) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    changes jsonb;
    of_source text;
BEGIN
    -- types are written after those that they refer to
    changes := jsonb_build_object(
        'importance_weight', cardinality(update_objects('importance_weight')),
        'asset', write_objects('asset'));
    IF NOT has_level(caller(), 'curator') THEN
        -- it would say whether others have such an asset
        changes := changes || '{"asset": 0}';
    END IF;
    PERFORM load_alias(false);
    changes := changes || jsonb_build_object('asset_source', load_asset_source())
        || jsonb_build_object('asset_group', write_objects('asset_group'))
        || jsonb_build_object('metric', load_metric())
        || jsonb_build_object('initiative', load_initiative())
        || jsonb_build_object('measure', load_measure())
        || jsonb_build_object('exemption', load_exemption())
        || jsonb_build_object('attestation', load_attestation())
        || jsonb_build_object('benchmark', write_objects('benchmark'))
        || jsonb_build_object('score_band', insert_objects('score_band'));
    FOR of_source IN SELECT DISTINCT i.source FROM posture_item i WHERE i.source IS NOT NULL
        ORDER BY i.source LOOP
        -- these write metrics, and days that the source reported
        CONTINUE WHEN is_node() OR NOT has_level(caller(), 'curator');
        IF of_format LIKE 'graph-%' THEN
            PERFORM graph_apply_reports(of_source);
        ELSIF of_format LIKE 'azure-%' THEN
            PERFORM azure_update_control_metrics(of_source);
        END IF;
    END LOOP;
    RETURN (SELECT coalesce(sum(c.value::bigint), 0) FROM jsonb_each_text(changes) c
            WHERE counted IS NULL OR c.key = counted);
END $$;
COMMENT ON FUNCTION posture_internal.load_catalog(text, text) IS
    'step of load(): writes all objects but sources, recommendations and findings. '
    'Returns the number of changes to what the format counts.';

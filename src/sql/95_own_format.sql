/*
 * Format posture: what this database holds, as objects, one a line, so that a
 * catalog moves between databases. Its fields are in object_field().
 */

CREATE FUNCTION posture.own_item(document jsonb, of_source text) RETURNS SETOF posture.item
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH element AS MATERIALIZED (
        SELECT e.location, e.element, t.type,
               e.element - 'type'
               || CASE WHEN of_source IS NOT NULL AND NOT e.element ? 'source'
                            AND t.type IN ('recommendation', 'finding', 'measure', 'exemption')
                       THEN jsonb_build_object('source', of_source) ELSE '{}' END
               -- an exemption is of a person, unless it says otherwise
               || CASE WHEN t.type = 'exemption' AND NOT e.element ? 'is_reported' THEN '{"is_reported": false}' ELSE '{}'::jsonb END AS object
        FROM posture.document_element(document, '{}') e
        CROSS JOIN LATERAL (SELECT posture.text_at(e.element, 'type') AS type WHERE jsonb_typeof(e.element) = 'object') t
    ), checked AS MATERIALIZED (
        SELECT e.*, posture.object_fault(e.type, e.object) AS fault,
               e.type IN (SELECT f.type FROM posture.object_field() f) AS is_known
        FROM element e
    )
    SELECT c.location,
           CASE WHEN c.type IS NULL THEN 'missing type' WHEN NOT c.is_known THEN format('unknown type "%s"', left(c.type, 100)) ELSE c.fault END,
           CASE WHEN c.is_known THEN c.type END, c.object ->> 'source',
           f.recommendation, f.asset, f.state, f.observed_at, f.asset_kind, f.asset_name, f.details,
           CASE WHEN c.fault IS NOT NULL OR NOT coalesce(c.is_known, false) THEN c.element WHEN c.type <> 'finding' THEN c.object END
    FROM checked c
    -- what is no finding, or has a fault, may have no time where the inbox has one
    LEFT JOIN LATERAL jsonb_populate_record(NULL::posture.inbox, CASE WHEN c.type = 'finding' AND c.fault IS NULL THEN c.object END) f ON true
    UNION ALL
    SELECT e.location, posture.not_object(e.element), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, e.element
    FROM posture.document_element(document, '{}') e
    WHERE jsonb_typeof(e.element) <> 'object';
END;
COMMENT ON FUNCTION posture.own_item(jsonb, text) IS 'the items of a document of format posture';

CREATE FUNCTION posture.export_member(of_metric integer, of_initiative integer) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(
        (SELECT jsonb_agg(jsonb_build_object('source', s.key, 'recommendation', r.key) ORDER BY s.key COLLATE "C", r.key COLLATE "C")
         FROM (SELECT m.recommendation_id FROM posture.metric_recommendation m WHERE m.metric_id = of_metric
               UNION ALL
               SELECT i.recommendation_id FROM posture.initiative_recommendation i WHERE i.initiative_id = of_initiative) x
         JOIN posture.recommendation r USING (recommendation_id)
         JOIN posture.source s USING (source_id)), '[]');
COMMENT ON FUNCTION posture.export_member(integer, integer) IS 'the recommendations of a metric, or of an initiative, as objects';

CREATE FUNCTION posture.export_catalog() RETURNS TABLE (type text, key text, object jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT 'importance_weight', w.importance::text, to_jsonb(w) FROM posture.importance_weight w
    UNION ALL
    SELECT 'source', s.key, to_jsonb(s) - 'source_id' FROM posture.source s
    UNION ALL
    SELECT 'asset', a.key,
           to_jsonb(a) - 'asset_id'
           || posture.told(jsonb_build_object('aliases',
               (SELECT jsonb_agg(l.alias ORDER BY l.alias COLLATE "C") FROM posture.asset_alias l WHERE l.asset_id = a.asset_id)))
    FROM posture.asset a
    UNION ALL
    SELECT 'asset_group', g.key, to_jsonb(g) - 'asset_group_id' FROM posture.asset_group g
    UNION ALL
    SELECT 'recommendation', r.key, jsonb_build_object('source', s.key) || (to_jsonb(r) - '{recommendation_id,source_id}'::text[])
    FROM posture.recommendation r JOIN posture.source s USING (source_id)
    UNION ALL
    SELECT 'metric', m.key, to_jsonb(m) - 'metric_id' || jsonb_build_object('recommendations', posture.export_member(m.metric_id, NULL))
    FROM posture.metric m
    UNION ALL
    SELECT 'initiative', i.key,
           to_jsonb(i) - 'initiative_id'
           || jsonb_build_object(
               'recommendations', posture.export_member(NULL, i.initiative_id),
               'metrics', coalesce((SELECT jsonb_agg(jsonb_build_object('metric', m.key, 'weight', x.weight) ORDER BY m.key COLLATE "C")
                                    FROM posture.initiative_metric x JOIN posture.metric m USING (metric_id)
                                    WHERE x.initiative_id = i.initiative_id), '[]'))
    FROM posture.initiative i
    UNION ALL
    SELECT 'benchmark', b.key, to_jsonb(b) - 'initiative_id' || jsonb_build_object('initiative', i.key)
    FROM posture.benchmark b JOIN posture.initiative i USING (initiative_id)
    UNION ALL
    -- in the order of their scores
    SELECT 'score_band', concat_ws(' ', i.key, b.scheme, to_char(b.from_score::numeric, '000.000000')),
           to_jsonb(b) - 'initiative_id' || jsonb_build_object('initiative', i.key)
    FROM posture.score_band b LEFT JOIN posture.initiative i USING (initiative_id);
END;
COMMENT ON FUNCTION posture.export_catalog() IS 'step of export(): the objects of the catalog';

CREATE FUNCTION posture.export_state() RETURNS TABLE (type text, key text, object jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT 'finding', r.key,
           jsonb_build_object('source', s.key, 'recommendation', r.key, 'asset', a.key, 'state', f.state, 'observed_at', f.changed_at,
                              'details', f.details)
    FROM posture.finding f
    JOIN posture.recommendation r USING (recommendation_id)
    JOIN posture.source s USING (source_id)
    JOIN posture.asset a USING (asset_id)
    UNION ALL
    SELECT 'measure', r.key, to_jsonb(m) - 'recommendation_id' || jsonb_build_object('source', s.key, 'recommendation', r.key)
    FROM posture.measure m
    JOIN posture.recommendation r USING (recommendation_id)
    JOIN posture.source s USING (source_id)
    UNION ALL
    SELECT 'exemption', r.key,
           to_jsonb(e) - '{exemption_id,recommendation_id,asset_id,asset_group_id}'::text[]
           || jsonb_build_object('source', s.key, 'recommendation', r.key, 'asset', a.key, 'asset_group', g.key)
    FROM posture.exemption e
    JOIN posture.recommendation r USING (recommendation_id)
    JOIN posture.source s USING (source_id)
    LEFT JOIN posture.asset a USING (asset_id)
    LEFT JOIN posture.asset_group g USING (asset_group_id);
END;
COMMENT ON FUNCTION posture.export_state() IS 'step of export(): findings, measures and exemptions';

CREATE FUNCTION posture.export(types text[] DEFAULT NULL) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD' SET intervalstyle = 'iso_8601' SET timezone = 'UTC'
AS $$
DECLARE
    known text[] := ARRAY['importance_weight', 'source', 'asset', 'asset_group', 'recommendation', 'metric', 'initiative',
                          'benchmark', 'score_band', 'finding', 'measure', 'exemption'];
    odd text := (SELECT min(t.type) FROM unnest(types) t(type) WHERE t.type <> ALL (known));
BEGIN
    IF odd IS NOT NULL THEN
        RAISE EXCEPTION 'unknown type "%"', odd
            USING ERRCODE = 'invalid_parameter_value', HINT = format('Types are %s.', array_to_string(known, ', '));
    END IF;
    RETURN QUERY
    SELECT jsonb_build_object('type', e.type) || posture.told(e.object)
    FROM (SELECT * FROM posture.export_catalog()
          UNION ALL
          SELECT * FROM posture.export_state() WHERE types IS NULL OR types && ARRAY['finding', 'measure', 'exemption']) e
    WHERE types IS NULL OR e.type = ANY (types)
    -- what others name comes before them
    ORDER BY array_position(known, e.type), e.key COLLATE "C", e.object ->> 'source' COLLATE "C", e.object ->> 'asset' COLLATE "C";
END $$;
COMMENT ON FUNCTION posture.export(text[]) IS 'the catalog and the findings as objects of format posture, each a line of a document that load() takes; all types of objects, or those given';

\set ECHO none
-- Scenarios: random ones, and what they say, done to a catalog by plain statements. As in
-- model.sql, search_path says to which catalog. Needs random.sql and model.sql.
CREATE FUNCTION model.recommendation_of(name text) RETURNS integer LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT r.recommendation_id FROM recommendation r JOIN source s USING (source_id)
            WHERE s.key || ':' || r.key = recommendation_of.name);
END $$;

-- pairs of an object, such as those of {"i1": ["m1", "m2"]}
CREATE FUNCTION model.pairs(field jsonb) RETURNS TABLE (key text, value text)
    LANGUAGE sql IMMUTABLE AS $$
    SELECT e.key, v.value FROM jsonb_each(field) e, jsonb_array_elements_text(e.value) v $$;

CREATE PROCEDURE model.apply_exemptions(scenario jsonb) LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM exemption WHERE (scenario ->> 'ignore_exemptions')::boolean;
    DELETE FROM exemption e
    USING jsonb_array_elements(scenario -> 'end_exemption') x
    WHERE e.recommendation_id = model.recommendation_of(x ->> 'recommendation')
      AND (x ->> 'kind' IS NULL OR e.kind::text = x ->> 'kind')
      AND (x ->> 'asset' IS NULL
           OR e.asset_id = (SELECT a.asset_id FROM posture.asset a WHERE a.key = x ->> 'asset'))
      AND (x ->> 'asset_group' IS NULL
           OR e.asset_group_id = (SELECT g.asset_group_id FROM posture.asset_group g
                                  WHERE g.key = x ->> 'asset_group'));
    -- a group is as it is now
    INSERT INTO exemption (recommendation_id, asset_id, kind, reason, approved_by, created_at,
                           is_reported)
    SELECT model.recommendation_of(x ->> 'recommendation'), m.asset_id,
           (x ->> 'kind')::posture.exemption_kind, 'scenario', 'model', '2000-01-01', false
    FROM jsonb_array_elements(scenario -> 'exempt') x
    CROSS JOIN LATERAL (
        SELECT NULL::integer AS asset_id WHERE x ->> 'asset' IS NULL AND x ->> 'asset_group' IS NULL
        UNION ALL
        SELECT a.asset_id FROM posture.asset a WHERE a.key = x ->> 'asset'
        UNION ALL
        SELECT g.asset_id FROM model.group_member(x ->> 'asset_group') g) m
    WHERE model.recommendation_of(x ->> 'recommendation') IS NOT NULL;
END $$;

CREATE PROCEDURE model.apply_members(scenario jsonb) LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM metric_recommendation b USING metric m, model.pairs(scenario -> 'remove') x
    WHERE m.metric_id = b.metric_id AND m.key = x.key
      AND b.recommendation_id = model.recommendation_of(x.value);
    INSERT INTO metric_recommendation (metric_id, recommendation_id)
    SELECT m.metric_id, model.recommendation_of(x.value)
    FROM model.pairs(scenario -> 'add') x JOIN metric m ON m.key = x.key
    WHERE model.recommendation_of(x.value) IS NOT NULL
      AND NOT EXISTS (SELECT FROM metric_recommendation b
                      WHERE b.metric_id = m.metric_id
                        AND b.recommendation_id = model.recommendation_of(x.value));
    -- rules of random_scenario() have fields source and key, and select what there is now
    DELETE FROM metric_recommendation b USING metric m, jsonb_each(scenario -> 'rule') x
    WHERE m.metric_id = b.metric_id AND m.key = x.key;
    INSERT INTO metric_recommendation (metric_id, recommendation_id)
    SELECT m.metric_id, r.recommendation_id
    FROM jsonb_each(scenario -> 'rule') x
    JOIN metric m ON m.key = x.key
    JOIN posture.recommendation r ON r.key LIKE coalesce(x.value ->> 'key', '%')
    JOIN posture.source s ON s.source_id = r.source_id
                         AND s.key = coalesce(x.value ->> 'source', s.key);
    DELETE FROM initiative_metric b
    USING initiative i, metric m, model.pairs(scenario -> 'remove_metric') x
    WHERE i.initiative_id = b.initiative_id AND m.metric_id = b.metric_id
      AND i.key = x.key AND m.key = x.value;
    INSERT INTO initiative_metric (initiative_id, metric_id)
    SELECT i.initiative_id, m.metric_id
    FROM model.pairs(scenario -> 'add_metric') x
    JOIN initiative i ON i.key = x.key JOIN metric m ON m.key = x.value
    WHERE NOT EXISTS (SELECT FROM initiative_metric b
                      WHERE b.initiative_id = i.initiative_id AND b.metric_id = m.metric_id);
END $$;

CREATE PROCEDURE model.apply(scenario jsonb) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE source s SET is_active = x.value::boolean
    FROM jsonb_each_text(scenario -> 'source') x WHERE s.key = x.key;
    UPDATE recommendation r SET is_active = x.value::boolean
    FROM jsonb_each_text(scenario -> 'recommendation') x
    WHERE r.recommendation_id = model.recommendation_of(x.key);
    UPDATE finding f SET state = 'compliant'
    FROM jsonb_array_elements_text(scenario -> 'remediate') x
    WHERE f.state = 'non_compliant' AND f.recommendation_id = model.recommendation_of(x.value);
    UPDATE measure m SET achieved = possible
    FROM jsonb_array_elements_text(scenario -> 'remediate') x
    WHERE m.recommendation_id = model.recommendation_of(x.value);
    CALL model.apply_exemptions(scenario);
    CALL model.apply_members(scenario);
    UPDATE initiative_metric b SET weight = x.value::numeric
    FROM jsonb_each_text(scenario -> 'weight') x, initiative i, metric m
    WHERE i.initiative_id = b.initiative_id AND m.metric_id = b.metric_id
      AND i.key || '/' || m.key = x.key;
    UPDATE metric m SET importance = x.value::posture.importance
    FROM jsonb_each_text(scenario -> 'importance') x WHERE m.key = x.key;
    UPDATE metric m
    SET asset_kinds = CASE WHEN x.value ? 'asset_kinds'
                           THEN (SELECT array_agg(k.value)
                                 FROM jsonb_array_elements_text(
                                     nullif(x.value -> 'asset_kinds', 'null')) k)
                           ELSE m.asset_kinds END,
        criticality_weights = CASE WHEN x.value ? 'criticality_weights'
                                   THEN (SELECT array_agg(k.value::integer ORDER BY k.ordinality)
                                         FROM jsonb_array_elements_text(
                                             nullif(x.value -> 'criticality_weights', 'null'))
                                             WITH ORDINALITY k)
                                   ELSE m.criticality_weights END
    FROM jsonb_each(scenario -> 'filter') x WHERE m.key = x.key;
    UPDATE initiative i SET method = x.value::posture.initiative_method
    FROM jsonb_each_text(scenario -> 'method') x WHERE i.key = x.key;
    UPDATE metric m SET drop_threshold = x.value::numeric
    FROM jsonb_each_text(scenario -> 'threshold') x WHERE m.key = x.key;
    UPDATE initiative i SET drop_threshold = x.value::numeric
    FROM jsonb_each_text(scenario -> 'threshold') x WHERE i.key = x.key;
END $$;

-- a field of a scenario, with some probability
CREATE FUNCTION model.field(name text, value jsonb) RETURNS jsonb LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN value IS NULL OR random() > 0.35 THEN '{}'
                ELSE jsonb_build_object(name, value) END $$;

CREATE FUNCTION model.random_members() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
    WITH metric AS MATERIALIZED (
        SELECT m.*, random() < 0.1 AS has_rule FROM posture.metric m
    ), recommendation AS MATERIALIZED (
        SELECT m.key, s.key || ':' || r.key AS name, b.metric_id IS NOT NULL AS is_member
        FROM metric m
        CROSS JOIN posture.recommendation r
        JOIN posture.source s USING (source_id)
        LEFT JOIN posture.metric_recommendation b USING (metric_id, recommendation_id)
        WHERE NOT m.has_rule AND random() < 0.1
    ), member AS MATERIALIZED (
        SELECT i.key AS initiative, m.key AS metric, b.metric_id IS NOT NULL AS is_member,
               random() < 0.5 AS is_weighted
        FROM metric m
        CROSS JOIN posture.initiative i
        LEFT JOIN posture.initiative_metric b USING (initiative_id, metric_id)
        WHERE random() < 0.3
    )
    SELECT model.field('rule', (SELECT jsonb_object_agg(m.key,
                                    pg_temp.one('{"source": "s1"}', '{"key": "r1%"}',
                                                '{"source": "s2", "key": "%"}')::jsonb)
                                FROM metric m WHERE m.has_rule))
        || model.field('remove', (SELECT jsonb_object_agg(x.key, x.names)
                                  FROM (SELECT r.key, jsonb_agg(r.name) AS names
                                        FROM recommendation r WHERE r.is_member
                                        GROUP BY r.key) x))
        || model.field('add', (SELECT jsonb_object_agg(x.key, x.names)
                               FROM (SELECT r.key, jsonb_agg(r.name) AS names
                                     FROM recommendation r WHERE NOT r.is_member
                                     GROUP BY r.key) x))
        || model.field('remove_metric', (SELECT jsonb_object_agg(x.initiative, x.metrics)
                                         FROM (SELECT b.initiative, jsonb_agg(b.metric) AS metrics
                                               FROM member b WHERE b.is_member
                                                 AND NOT b.is_weighted
                                               GROUP BY b.initiative) x))
        || model.field('weight', (SELECT jsonb_object_agg(b.initiative || '/' || b.metric,
                                                          pg_temp.n(9) * 0.5)
                                  FROM member b WHERE b.is_member AND b.is_weighted))
        || model.field('add_metric', (SELECT jsonb_object_agg(x.initiative, x.metrics)
                                      FROM (SELECT b.initiative, jsonb_agg(b.metric) AS metrics
                                            FROM member b WHERE NOT b.is_member
                                            GROUP BY b.initiative) x)) $$;

CREATE FUNCTION model.random_exemptions() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
    SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
               'recommendation', e.name, 'kind', e.kind,
               'asset', CASE WHEN e.scope > 0.4 THEN (SELECT a.key FROM posture.asset a
                                                      WHERE a.asset_id = e.asset_id) END,
               'asset_group', CASE WHEN e.scope BETWEEN 0.2 AND 0.4
                                   THEN pg_temp.one('kind', 'env', 'both') END)))
    FROM (SELECT r.name, random() AS scope,
                 pg_temp.one('mitigated', 'waived', 'risk_accepted') AS kind,
                 model.some('posture.asset', 'asset_id') AS asset_id
          FROM (SELECT s.key || ':' || r.key AS name
                FROM posture.recommendation r JOIN posture.source s USING (source_id)
                ORDER BY random() LIMIT 4) r OFFSET 0) e $$;

-- exemptions that there are, each said with some of what it has
CREATE FUNCTION model.random_ends() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
    SELECT jsonb_agg(DISTINCT jsonb_strip_nulls(jsonb_build_object(
               'recommendation', s.key || ':' || r.key,
               'kind', CASE WHEN random() < 0.5 THEN e.kind END,
               'asset', CASE WHEN random() < 0.7 THEN a.key END,
               'asset_group', CASE WHEN random() < 0.7 THEN g.key END)))
    FROM posture.exemption e
    JOIN posture.recommendation r USING (recommendation_id)
    JOIN posture.source s USING (source_id)
    LEFT JOIN posture.asset a USING (asset_id)
    LEFT JOIN posture.asset_group g USING (asset_group_id)
    WHERE random() < 0.3 $$;

CREATE FUNCTION model.random_scenario() RETURNS jsonb LANGUAGE sql VOLATILE AS $$
    SELECT model.field('remediate', (SELECT jsonb_agg(s.key || ':' || r.key)
                                     FROM posture.recommendation r
                                     JOIN posture.source s USING (source_id)
                                     WHERE random() < 0.2))
        || model.field('exempt', model.random_exemptions())
        || model.field('end_exemption', model.random_ends())
        || model.field('ignore_exemptions', to_jsonb(random() < 0.8))
        || model.random_members()
        || model.field('importance', (SELECT jsonb_object_agg(m.key, model.importance())
                                      FROM posture.metric m WHERE random() < 0.3))
        || model.field('filter', (SELECT jsonb_object_agg(m.key,
                                      pg_temp.one('{"asset_kinds": ["host", "bucket"]}',
                                                  '{"asset_kinds": null}',
                                                  '{"criticality_weights": [0, 1, 2, 3]}',
                                                  '{"criticality_weights": null,
                                                    "asset_kinds": ["user"]}')::jsonb)
                                  FROM posture.metric m WHERE random() < 0.3))
        || model.field('method', (SELECT jsonb_object_agg(i.key,
                                      pg_temp.one('weighted', 'population', 'points'))
                                  FROM posture.initiative i WHERE random() < 0.5))
        || model.field('threshold', (SELECT jsonb_object_agg(o.key, 1 + pg_temp.n(20))
                                     FROM (SELECT key FROM posture.metric
                                           UNION ALL
                                           SELECT key FROM posture.initiative) o
                                     WHERE random() < 0.5))
        || model.field('source', (SELECT jsonb_object_agg(s.key, random() < 0.5)
                                  FROM posture.source s WHERE random() < 0.3))
        || model.field('recommendation',
                       (SELECT jsonb_object_agg(s.key || ':' || r.key, random() < 0.5)
                        FROM posture.recommendation r JOIN posture.source s USING (source_id)
                        WHERE random() < 0.2)) $$;
\set ECHO all

/*
 * Metrics and initiatives of a document, and their members: the recommendations
 * of both, and the metrics of an initiative. A document lists all members, so
 * those that it does not list are removed; without a list they stay.
 */

CREATE FUNCTION posture_internal.load_member()
    RETURNS TABLE (type text, key text, source text, recommendation text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT DISTINCT i.type, i.object ->> 'key', m.member ->> 'source', m.member ->> 'recommendation'
    FROM posture_item i
    CROSS JOIN LATERAL jsonb_array_elements(array_or_empty(i.object -> 'recommendations')) m(member)
    WHERE i.type IN ('metric', 'initiative') AND jsonb_typeof(m.member) = 'object';
END $$;
COMMENT ON FUNCTION posture_internal.load_member() IS
    'step of load(): returns the recommendations that metrics and initiatives of the document list';

CREATE FUNCTION posture_internal.write_members(of_type text) RETURNS text[]
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    changed text[];
BEGIN
    IF NOT EXISTS (SELECT FROM posture_item i WHERE i.type = of_type) THEN
        RETURN '{}';
    END IF;
    EXECUTE format(
        'WITH named AS (
             SELECT m.%2$I AS id, r.recommendation_id
             FROM load_member() b
             JOIN %1$I m ON m.key = b.key
             JOIN source s ON s.key = b.source
             JOIN recommendation r ON r.source_id = s.source_id AND r.key = b.recommendation
             WHERE b.type = %1$L AND %4$s
         ), removed AS (
             DELETE FROM %3$I x
             USING %1$I m, posture_item i
             WHERE i.type = %1$L AND i.object ? ''recommendations'' AND m.key = i.object ->> ''key''
               AND x.%2$I = m.%2$I AND %4$s
               AND NOT EXISTS (SELECT FROM named n
                               WHERE n.id = x.%2$I AND n.recommendation_id = x.recommendation_id)
             RETURNING x.%2$I AS id
         ), added AS (
             INSERT INTO %3$I AS x (%2$I, recommendation_id)
             SELECT n.id, n.recommendation_id FROM named n
             ON CONFLICT DO NOTHING
             RETURNING x.%2$I AS id
         )
         SELECT array_agg(c.id::text) FROM (SELECT id FROM removed UNION SELECT id FROM added) c',
        of_type, of_type || '_id', of_type || '_recommendation',
        -- a metric with a rule measures what the rule selects, whatever a document lists
        CASE of_type WHEN 'metric' THEN 'm.rule IS NULL' ELSE 'true' END)
    INTO changed;
    RETURN coalesce(changed, '{}');
END $$;
COMMENT ON FUNCTION posture_internal.write_members(text) IS
    'gives the metrics, or the initiatives, of the document the recommendations that they list. '
    'Returns the ids of those whose recommendations changed.';

CREATE FUNCTION posture_internal.load_metric() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    added text[];
    changed text[];
BEGIN
    -- a statement that could write a rule and others that do so wait for each other
    IF NOT EXISTS (SELECT FROM posture_item i WHERE i.type IN ('metric', 'initiative')) THEN
        RETURN 0;
    END IF;
    WITH stub AS (
        INSERT INTO metric (key, name, loaded_source_id)
        SELECT k.key, k.key, min(s.source_id)
        FROM (SELECT i.object ->> 'key' AS key, i.source
              FROM posture_item i
              WHERE i.type = 'metric'
              UNION ALL
              SELECT m.member ->> 'metric', i.source
              FROM posture_item i
              CROSS JOIN LATERAL jsonb_array_elements(
                  array_or_empty(i.object -> 'metrics')) m(member)
              WHERE i.type = 'initiative') k
        LEFT JOIN source s ON s.key = k.source
        WHERE NOT EXISTS (SELECT FROM metric m WHERE m.key = k.key)
        GROUP BY k.key
        ON CONFLICT (key) DO NOTHING
        RETURNING metric_id, key
    )
    SELECT array_agg(s.metric_id::text) INTO added
    FROM stub s
    WHERE EXISTS (SELECT FROM posture_item i WHERE i.type = 'metric'
                  AND i.object ->> 'key' = s.key);
    changed := update_objects('metric');
    WITH named AS (
        SELECT DISTINCT ON (m.metric_id) m.metric_id, g.asset_group_id
        FROM posture_item i
        JOIN metric m ON m.key = i.object ->> 'key'
        JOIN asset_group g ON g.key = i.object ->> 'population'
        WHERE i.type = 'metric'
        ORDER BY m.metric_id, i.ctid DESC
    ), moved AS (
        UPDATE metric m
        SET population_group_id = n.asset_group_id
        FROM named n
        WHERE m.metric_id = n.metric_id
          AND m.population_group_id IS DISTINCT FROM n.asset_group_id
        RETURNING m.metric_id
    )
    SELECT changed || coalesce(array_agg(x.metric_id::text), '{}') INTO changed FROM moved x;
    changed := changed || write_members('metric');
    RETURN (SELECT count(DISTINCT t.id) FROM unnest(added || changed) t(id));
END $$;
COMMENT ON FUNCTION posture_internal.load_metric() IS
    'step of load(): writes metrics and what they measure, with a row for each that is only named. '
    'Returns the number of metrics added or changed.';

CREATE FUNCTION posture_internal.load_initiative() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    added text[];
    changed text[];
    metrics text[];
BEGIN
    WITH stub AS (
        INSERT INTO initiative (key, name, loaded_source_id)
        SELECT k.key, k.key, min(s.source_id)
        FROM (SELECT i.object ->> CASE i.type WHEN 'initiative' THEN 'key'
                                       ELSE 'initiative' END AS key,
                     i.source
              FROM posture_item i
              WHERE i.type IN ('initiative', 'benchmark', 'score_band', 'report')) k
        LEFT JOIN source s ON s.key = k.source
        WHERE k.key IS NOT NULL AND NOT EXISTS (SELECT FROM initiative o WHERE o.key = k.key)
        GROUP BY k.key
        ON CONFLICT (key) DO NOTHING
        RETURNING initiative_id, key
    )
    SELECT array_agg(s.initiative_id::text) INTO added
    FROM stub s
    WHERE EXISTS (SELECT FROM posture_item i WHERE i.type = 'initiative'
                  AND i.object ->> 'key' = s.key);
    changed := update_objects('initiative');
    changed := changed || write_members('initiative');

    WITH named AS (
        SELECT DISTINCT ON (o.initiative_id, m.metric_id)
               o.initiative_id, m.metric_id,
               trim_scale(round((b.member ->> 'weight')::numeric, 12)) AS weight,
               b.member ? 'weight' AS has_weight
        FROM posture_item i
        JOIN initiative o ON o.key = i.object ->> 'key'
        CROSS JOIN LATERAL jsonb_array_elements(array_or_empty(i.object -> 'metrics'))
            WITH ORDINALITY b(member, n)
        JOIN metric m ON m.key = b.member ->> 'metric'
        WHERE i.type = 'initiative'
        ORDER BY o.initiative_id, m.metric_id, i.ctid DESC, b.n DESC
    ), removed AS (
        DELETE FROM initiative_metric x
        USING initiative m, posture_item i
        WHERE i.type = 'initiative' AND i.object ? 'metrics' AND m.key = i.object ->> 'key'
          AND x.initiative_id = m.initiative_id
          AND NOT EXISTS (SELECT FROM named n WHERE n.initiative_id = x.initiative_id
                          AND n.metric_id = x.metric_id)
        RETURNING x.initiative_id
    ), added AS (
        INSERT INTO initiative_metric AS x (initiative_id, metric_id, weight)
        SELECT n.initiative_id, n.metric_id, n.weight FROM named n WHERE n.has_weight
        ON CONFLICT (initiative_id, metric_id) DO UPDATE SET weight = EXCLUDED.weight
        WHERE x.weight IS DISTINCT FROM EXCLUDED.weight
        RETURNING x.initiative_id
    ), joined AS (
        -- without a weight, a weight that a person gave stays
        INSERT INTO initiative_metric AS x (initiative_id, metric_id)
        SELECT n.initiative_id, n.metric_id FROM named n WHERE NOT n.has_weight
        ON CONFLICT DO NOTHING
        RETURNING x.initiative_id
    )
    SELECT array_agg(c.initiative_id::text) INTO metrics
    FROM (SELECT r.initiative_id FROM removed r UNION SELECT a.initiative_id FROM added a
          UNION SELECT j.initiative_id FROM joined j) c;
    RETURN (SELECT count(DISTINCT t.id) FROM unnest(added || changed || metrics) t(id));
END $$;
COMMENT ON FUNCTION posture_internal.load_initiative() IS
    'step of load(): writes initiatives, their metrics with their weights, and the recommendations '
    'that they score without a metric, with a row for each initiative that is only named. '
    'Returns the number of initiatives added or changed.';

/*
 * Scenario documents: the catalog as it might be, in the keys that people use.
 * resolve_scenario() checks a document and returns it in ids, in the form that
 * the functions of membership.sql, exempt_set.sql and points.sql take:
 *
 *   remediate          ids of recommendations
 *   exempt,            recommendation_id, kind, asset_id, asset_group_id: as in
 *   end_exemption      exemption; what is not there matches all
 *   ignore_exemptions  true
 *   weight, importance, method, threshold
 *                      ids and the value
 *   asset_kinds, criticality_weights
 *                      metric_id and the value of the field filter
 *   add, remove        metric_id and recommendation_id; add also has what a rule
 *                      selects
 *   replace            ids of metrics that have a rule in the document: none of
 *                      their members stay
 *   add_metric, remove_metric
 *                      initiative_id and metric_id
 *   source, recommendation
 *                      id and is_active
 */

CREATE FUNCTION posture_internal.scenario_field()
    RETURNS TABLE (field text, container text, named text, is_list boolean, holds text,
                   result text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
VALUES
    ('remediate', 'array', NULL, false, 'recommendation', NULL),
    ('exempt', 'array', NULL, false, 'exemption', 'kind'),
    ('end_exemption', 'array', NULL, false, 'ended exemption', 'kind'),
    ('ignore_exemptions', 'boolean', NULL, false, 'boolean', NULL),
    ('weight', 'object', 'initiative/metric', false, 'weight', 'weight'),
    ('importance', 'object', 'metric', false, 'importance', 'importance'),
    ('add', 'object', 'metric', true, 'recommendation', NULL),
    ('remove', 'object', 'metric', true, 'recommendation', NULL),
    ('rule', 'object', 'metric', false, 'rule', 'rule'),
    ('filter', 'object', 'metric', false, 'filter', 'filter'),
    ('add_metric', 'object', 'initiative', true, 'metric', NULL),
    ('remove_metric', 'object', 'initiative', true, 'metric', NULL),
    ('method', 'object', 'initiative', false, 'initiative_method', 'method'),
    ('threshold', 'object', 'metric or initiative', false, 'threshold', 'threshold'),
    ('source', 'object', 'source', false, 'boolean', 'is_active'),
    ('recommendation', 'object', 'recommendation', false, 'boolean', 'is_active');
END;
COMMENT ON FUNCTION posture_internal.scenario_field() IS
    'returns the fields of a scenario document: container: type of JSON; named: what the keys of '
    'an object name; holds: what the values are, or with is_list their elements; result: name of '
    'the value in a resolved scenario, NULL: only ids';

-- A cast would raise the error of the domain, and a worker of a parallel query can't catch it. A
-- test compares these conditions with the domains.
CREATE FUNCTION posture_internal.domain_error(of_domain text, value jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT min(c.conname)
            FROM pg_constraint c
            JOIN pg_type t ON t.oid = c.contypid
            WHERE t.typnamespace = 'posture'::regnamespace AND t.typname = of_domain
              AND NOT CASE of_domain
                  WHEN 'weight' THEN value::numeric BETWEEN 0 AND 1e15
                                     AND value::numeric = round(value::numeric, 12)
                  WHEN 'threshold' THEN value::numeric > 0 AND value::numeric <= 100
                                        AND value::numeric = round(value::numeric, 12)
                  ELSE jsonb_array_length(value) = 4
                       AND (SELECT min(e.n) >= 0 AND max(e.n) BETWEEN 1 AND 1000
                            FROM (SELECT x::numeric FROM jsonb_array_elements(value) x) e(n))
                  END);
COMMENT ON FUNCTION posture_internal.domain_error(text, jsonb) IS
    'returns the name of the constraint, which is a sentence, that a value violates: of domain '
    'weight or threshold a number, of criticality_weights an array of integers; NULL: none';

CREATE FUNCTION posture_internal.scenario_value_error(holds text, value jsonb) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    expected text := CASE holds WHEN 'boolean' THEN 'boolean'
                                WHEN 'weight' THEN 'number' WHEN 'threshold' THEN 'number'
                                WHEN 'rule' THEN 'object' WHEN 'filter' THEN 'object'
                                WHEN 'exemption' THEN 'object'
                                WHEN 'ended exemption' THEN 'object'
                                WHEN 'asset_kinds' THEN 'array'
                                WHEN 'criticality_weights' THEN 'array'
                                ELSE 'string' END;
    allowed text[];
    error text;
BEGIN
    IF jsonb_typeof(value) = 'null' AND holds IN ('asset_kinds', 'criticality_weights') THEN
        RETURN NULL;
    ELSIF jsonb_typeof(value) <> expected THEN
        RETURN format('expected %s %s, found %s', CASE WHEN expected ~ '^[ao]' THEN 'an' ELSE 'a' END,
                      expected, left(value::text, 100));
    END IF;
    CASE holds
    WHEN 'rule' THEN
        RETURN rule_error(value);
    WHEN 'exemption', 'ended exemption', 'filter' THEN
        allowed := CASE holds WHEN 'filter' THEN '{asset_kinds,criticality_weights}'
                              ELSE '{recommendation,kind,asset,asset_group}' END;
        RETURN coalesce(
            (SELECT CASE WHEN f.field <> ALL (allowed)
                         THEN format('field "%s" not recognized, expected %s', left(f.field, 100),
                                     array_to_string(allowed, ', '))
                         ELSE f.field || ': ' || scenario_value_error(
                             CASE f.field WHEN 'kind' THEN 'exemption_kind' ELSE f.field END,
                             f.value) END
             FROM jsonb_each(value) f(field, value)
             ORDER BY 1
             LIMIT 1),
            CASE WHEN value = '{}' THEN 'expected at least one field'
                 WHEN holds <> 'filter' AND NOT value ? 'recommendation' THEN
                     'missing recommendation'
                 WHEN holds = 'exemption' AND NOT value ? 'kind' THEN 'missing kind'
                 WHEN value ?& '{asset,asset_group}' THEN
                     'an exemption is for an asset or a group, not both' END);
    WHEN 'importance', 'initiative_method', 'exemption_kind' THEN
        allowed := CASE holds WHEN 'importance' THEN enum_range(NULL::importance)::text[]
                              WHEN 'exemption_kind' THEN enum_range(NULL::exemption_kind)::text[]
                              ELSE enum_range(NULL::initiative_method)::text[] END;
        RETURN CASE WHEN value #>> '{}' <> ALL (allowed)
                    THEN format('expected %s, found %s', array_to_string(allowed, ', '),
                                left(value::text, 100)) END;
    WHEN 'asset_kinds' THEN
        RETURN CASE WHEN array_position(rule_value(value), NULL) IS NOT NULL
                    THEN 'expected an array of strings, found ' || left(value::text, 100) END;
    WHEN 'weight', 'threshold' THEN
        error := domain_error(holds, value);
    WHEN 'criticality_weights' THEN
        error := CASE WHEN EXISTS (SELECT FROM jsonb_array_elements(value) e
                                   WHERE e::text !~ '^-?[0-9]+$') THEN 'expected integers'
                      ELSE domain_error(holds, value) END;
    ELSE
        NULL;
    END CASE;
    RETURN error || ', found ' || left(value::text, 100);
END $$;
COMMENT ON FUNCTION posture_internal.scenario_value_error(text, jsonb) IS
    'error text for a value of a scenario document; NULL if it is valid; holds: what '
    'scenario_field() says that it is';

CREATE FUNCTION posture_internal.scenario_entry(of_field text, content jsonb)
    RETURNS TABLE (n bigint, name text, value jsonb, initiative text, metric text,
                   recommendation text, source text, asset text, asset_group text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.n, e.name, e.value,
           coalesce(p.initiative, CASE f.named WHEN 'initiative' THEN e.name END),
           coalesce(p.metric, CASE 'metric' WHEN f.named THEN e.name WHEN f.holds THEN v.name END),
           CASE 'recommendation' WHEN f.named THEN e.name WHEN f.holds THEN v.name
                ELSE CASE WHEN v.is_exemption THEN e.value ->> 'recommendation' END END,
           CASE f.named WHEN 'source' THEN e.name END,
           CASE WHEN v.is_exemption THEN e.value ->> 'asset' END,
           CASE WHEN v.is_exemption THEN e.value ->> 'asset_group' END
    FROM scenario_field() f
    CROSS JOIN LATERAL (
        SELECT a.n, NULL::text AS name, a.value
        FROM jsonb_array_elements(CASE f.container WHEN 'array' THEN content END)
             WITH ORDINALITY a(value, n)
        UNION ALL
        SELECT o.n, o.name, CASE WHEN f.is_list THEN l.value ELSE o.value END
        FROM jsonb_each(CASE f.container WHEN 'object' THEN content END)
             WITH ORDINALITY o(name, value, n)
        LEFT JOIN LATERAL jsonb_array_elements(CASE WHEN f.is_list THEN o.value END) l(value)
               ON true
        WHERE NOT f.is_list OR l.value IS NOT NULL) e
    CROSS JOIN LATERAL (
        SELECT e.value #>> '{}' AS name, f.holds IN ('exemption', 'ended exemption')
                   AS is_exemption) v
    -- keys may have slashes
    LEFT JOIN LATERAL (
        SELECT left(e.name, k.at - 1) AS initiative, substr(e.name, k.at + 1) AS metric
        FROM generate_series(1, length(e.name)) k(at)
        LEFT JOIN posture.initiative i ON i.key = left(e.name, k.at - 1)
        LEFT JOIN posture.metric m ON m.key = substr(e.name, k.at + 1)
        WHERE f.named = 'initiative/metric' AND substr(e.name, k.at, 1) = '/'
        ORDER BY i.key IS NULL OR m.key IS NULL, i.key IS NULL, k.at
        LIMIT 1) p ON true
    WHERE f.field = of_field;
END;
COMMENT ON FUNCTION posture_internal.scenario_entry(text, jsonb) IS
    'returns the entries of a field of a scenario document, and the keys of the objects that '
    'each of them names; name: key of the entry in the field, NULL in an array';

CREATE TYPE posture_internal.asset_id_of_key AS (key text, id integer);
COMMENT ON TYPE posture_internal.asset_id_of_key IS 'the id of the asset with a key';
COMMENT ON COLUMN posture_internal.asset_id_of_key.key IS 'the key as it was asked for';
COMMENT ON COLUMN posture_internal.asset_id_of_key.id IS 'id of the asset';

CREATE FUNCTION posture_internal.asset_id_here(keys text[]) RETURNS SETOF asset_id_of_key
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT k.key, a.id
    FROM (SELECT DISTINCT unnest(keys) AS key) k
    CROSS JOIN LATERAL asset_of(k.key) a(id)
    WHERE a.id IS NOT NULL;
END;
COMMENT ON FUNCTION posture_internal.asset_id_here(text[]) IS
    'returns the ids of those assets that this database has';

CREATE FUNCTION posture_internal.node_asset_id(keys text[]) RETURNS SETOF asset_id_of_key
    LANGUAGE sql STABLE PARALLEL SAFE
    SET jit = off
BEGIN ATOMIC
    SELECT n.key, min(n.id)
    FROM ask_nodes(NULL::asset_id_of_key,
                   format('asset_id_here(%L)', array_remove(keys, NULL))) n
    WHERE array_remove(keys, NULL) <> '{}'
    GROUP BY n.key;
END;
COMMENT ON FUNCTION posture_internal.node_asset_id(text[]) IS
    'returns the ids of those assets that the nodes of a head have';

CREATE FUNCTION posture_internal.resolve_scenario_field(of_field text, content jsonb)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    place text := format('scenario field "%s": ', left(of_field, 100));
    kind record;
    error text;
    result jsonb;
BEGIN
    SELECT f.* INTO kind FROM scenario_field() f WHERE f.field = of_field;
    IF kind IS NULL THEN
        RAISE EXCEPTION '%not recognized', place
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = name_hint('Fields', ARRAY(SELECT f.field FROM scenario_field() f),
                                   of_field);
    ELSIF jsonb_typeof(content) <> kind.container THEN
        error := format('expected %s %s, found %s',
                        CASE WHEN kind.container ~ '^[ao]' THEN 'an' ELSE 'a' END, kind.container,
                        left(content::text, 100));
    ELSIF kind.is_list THEN
        error := (SELECT format('"%s": expected an array, found %s', o.name, left(o.value::text, 100))
                  FROM jsonb_each(content) o(name, value)
                  WHERE jsonb_typeof(o.value) <> 'array'
                  LIMIT 1);
    END IF;
    error := coalesce(error, (
        SELECT concat_ws(': ', '"' || left(coalesce(e.name, e.recommendation), 100) || '"',
                         x.error)
        FROM scenario_entry(of_field, content) e
        CROSS JOIN LATERAL (
            SELECT CASE WHEN kind.named = 'initiative/metric' AND e.metric IS NULL
                        THEN 'expected initiative/metric'
                        ELSE scenario_value_error(kind.holds, e.value) END AS error) x
        WHERE x.error IS NOT NULL
        ORDER BY e.n
        LIMIT 1));
    IF error IS NOT NULL THEN
        RAISE EXCEPTION '%', place || error USING ERRCODE = 'invalid_parameter_value';
    END IF;
    WITH entry AS MATERIALIZED (
        SELECT e.* FROM scenario_entry(of_field, content) e
    ), resolved AS (
        SELECT e.n, coalesce(e.name, e.recommendation) AS name, e.value,
               jsonb_strip_nulls(jsonb_build_object(
                   'initiative_id', coalesce(i.id, t.initiative_id),
                   'metric_id', coalesce(m.id, t.metric_id),
                   'recommendation_id', r.id, 'source_id', s.id, 'asset_id', a.id,
                   'asset_group_id', g.id,
                   'kind', CASE kind.result WHEN 'kind' THEN e.value -> 'kind' END)) AS ids
        FROM entry e
        LEFT JOIN key_id('initiative', ARRAY(SELECT initiative FROM entry), place) i
               ON i.key = e.initiative
        LEFT JOIN key_id('metric', ARRAY(SELECT metric FROM entry), place) m ON m.key = e.metric
        LEFT JOIN key_id('recommendation', ARRAY(SELECT recommendation FROM entry), place) r
               ON r.key = e.recommendation
        LEFT JOIN key_id('source', ARRAY(SELECT source FROM entry), place) s ON s.key = e.source
        LEFT JOIN key_id('asset of any node', ARRAY(SELECT asset FROM entry), place) a
               ON a.key = e.asset
        LEFT JOIN key_id('asset group', ARRAY(SELECT asset_group FROM entry), place) g
               ON g.key = e.asset_group
        LEFT JOIN LATERAL object_of(CASE kind.named WHEN 'metric or initiative' THEN e.name END,
                                    place) t ON true
    )
    SELECT (SELECT min(d.name) FROM (SELECT max(x.name) AS name FROM resolved x
                                     GROUP BY x.ids HAVING count(*) > 1) d),
           jsonb_agg(CASE WHEN kind.result IS NULL OR kind.result = 'kind' THEN x.ids
                          ELSE x.ids || jsonb_build_object(kind.result, x.value) END ORDER BY x.n)
    INTO error, result
    FROM resolved x;
    IF error IS NOT NULL THEN
        RAISE EXCEPTION '%"%" is there twice', place, error
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN result;
END $$;
COMMENT ON FUNCTION posture_internal.resolve_scenario_field(text, jsonb) IS
    'step of resolve_scenario(): checks a field and returns its entries in ids; NULL: none';

CREATE FUNCTION posture_internal.check_scenario(resolved jsonb) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    error text;
BEGIN
    error := (
        SELECT format('metric "%s" is not in initiative "%s"', m.key, i.key)
        FROM jsonb_to_recordset(resolved -> 'weight') x(initiative_id integer, metric_id integer)
        JOIN initiative i USING (initiative_id)
        JOIN metric m USING (metric_id)
        LEFT JOIN initiative_metric b USING (initiative_id, metric_id)
        LEFT JOIN jsonb_to_recordset(resolved -> 'add_metric')
                  a(initiative_id integer, metric_id integer) USING (initiative_id, metric_id)
        WHERE b.metric_id IS NULL AND a.metric_id IS NULL
          AND NOT EXISTS (SELECT FROM initiative_metric_snapshot s
                          WHERE s.initiative_id = i.initiative_id AND s.metric_id = m.metric_id)
        LIMIT 1);
    IF error IS NOT NULL THEN
        RAISE EXCEPTION 'scenario field "weight": %', error
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'The field add_metric adds metrics to initiatives.';
    END IF;
    error := (
        SELECT format('scenario fields "%s" and "%s" have the same entry', f.field, f.other)
        FROM (VALUES ('add', 'remove'), ('add_metric', 'remove_metric')) f(field, other)
        WHERE EXISTS (SELECT jsonb_array_elements(resolved -> f.field)
                      INTERSECT
                      SELECT jsonb_array_elements(resolved -> f.other))
        LIMIT 1);
    IF error IS NOT NULL THEN
        RAISE EXCEPTION '%', error USING ERRCODE = 'invalid_parameter_value';
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.check_scenario(jsonb) IS
    'step of resolve_scenario(): raises an error for fields that contradict each other';

CREATE FUNCTION posture_internal.scenario_item(resolved jsonb)
    RETURNS TABLE (field text, item jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT f.field, e.item
    FROM jsonb_each(resolved) f(field, items)
    CROSS JOIN LATERAL jsonb_array_elements(f.items) e(item)
    WHERE f.field NOT IN ('remediate', 'rule', 'filter')
    UNION ALL
    SELECT 'remediate', e -> 'recommendation_id' FROM jsonb_array_elements(resolved -> 'remediate') e
    UNION ALL
    SELECT f.field, jsonb_build_object('metric_id', e.item -> 'metric_id', f.field, f.value)
    FROM jsonb_array_elements(resolved -> 'filter') e(item)
    CROSS JOIN LATERAL jsonb_each(e.item -> 'filter') f(field, value)
    UNION ALL
    SELECT 'replace', e -> 'metric_id' FROM jsonb_array_elements(resolved -> 'rule') e
    UNION ALL
    SELECT 'add', jsonb_build_object('metric_id', r.metrics[s.n],
                                     'recommendation_id', s.recommendation_id)
    FROM (SELECT array_agg((e.item ->> 'metric_id')::integer ORDER BY e.n) AS metrics,
                 array_agg(e.item -> 'rule' ORDER BY e.n) AS rules
          FROM jsonb_array_elements(resolved -> 'rule') WITH ORDINALITY e(item, n)) r
    CROSS JOIN LATERAL rule_selection(r.rules, ARRAY(SELECT c.recommendation_id
                                                     FROM recommendation c)) s
    LEFT JOIN jsonb_to_recordset(resolved -> 'remove')
              x(metric_id integer, recommendation_id integer)
           ON x.metric_id = r.metrics[s.n] AND x.recommendation_id = s.recommendation_id
    WHERE x.metric_id IS NULL;
END;
COMMENT ON FUNCTION posture_internal.scenario_item(jsonb) IS
    'step of resolve_scenario(): returns the fields of a resolved scenario, made of the entries '
    'of a document';

CREATE FUNCTION posture_internal.resolve_scenario(scenario jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
DECLARE
    field text;
    content jsonb;
    resolved jsonb := '{}';
BEGIN
    IF scenario IS NULL THEN
        RETURN NULL;
    ELSIF jsonb_typeof(scenario) <> 'object' THEN
        RAISE EXCEPTION 'scenario: expected an object, found %', left(scenario::text, 100)
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A scenario is an object such as {"remediate": ["mfa"]}.';
    END IF;
    FOR field, content IN SELECT * FROM jsonb_each(scenario) LOOP
        content := resolve_scenario_field(field, content);
        IF content IS NOT NULL THEN
            resolved := resolved || jsonb_build_object(field, content);
        END IF;
    END LOOP;
    PERFORM check_scenario(resolved);
    RETURN (
        SELECT jsonb_object_agg(o.field, o.items)
        FROM (SELECT 'ignore_exemptions' AS field, to_jsonb(true) AS items
              WHERE scenario @> '{"ignore_exemptions": true}'
              UNION ALL
              SELECT x.field, jsonb_agg(x.item)
              FROM scenario_item(resolved) x
              GROUP BY x.field) o);
END $$;
COMMENT ON FUNCTION posture_internal.resolve_scenario(jsonb) IS
    'checks a scenario document and returns it in ids; NULL: it changes nothing; an error names '
    'the field';

/*
 * Rules of asset groups: which assets a group has, by their attributes, keys and
 * sources, with any (OR), all (AND) and not. A rule is a tree of nodes: each rule,
 * each of its fields. store/group_rule_set.sql evaluates it.
 */

-- Below 8 levels of rules there is one more, which group_rule_error() rejects. A pair of integers
-- of the path leads from a rule to one in it: the field, and the element of its array.
CREATE FUNCTION posture_internal.rule_node(rule jsonb)
    RETURNS TABLE (path integer[], operation text, field text, value jsonb, place text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH RECURSIVE node AS (
        SELECT '{}'::integer[] AS path, 'all' AS operation, NULL::text AS field, rule AS value,
               NULL::text AS place
        UNION ALL
        SELECT n.path || c.n::integer, c.operation, c.field, c.value, c.place
        FROM node n
        CROSS JOIN LATERAL (
            SELECT f.n, 'all' AS operation, f.field, f.value,
                   concat_ws('.', n.place, left(f.field, 100)) AS place
            FROM jsonb_each(CASE WHEN n.field IS NULL AND jsonb_typeof(n.value) = 'object'
                                 THEN n.value END) WITH ORDINALITY f(field, value, n)
            UNION ALL
            SELECT e.n, n.field, NULL, e.value, format('%s[%s]', n.place, e.n - 1)
            FROM jsonb_array_elements(
                     CASE WHEN n.field IN ('any', 'all') AND jsonb_typeof(n.value) = 'array'
                          THEN n.value END) WITH ORDINALITY e(value, n)
            UNION ALL
            SELECT 1, 'not', NULL, n.value, n.place
            WHERE n.field = 'not'
            UNION ALL
            SELECT t.n, 'tags', 'tag', jsonb_build_object(t.key, t.value), n.place
            FROM jsonb_each(CASE WHEN n.field = 'tags' AND jsonb_typeof(n.value) = 'object'
                                 THEN n.value END) WITH ORDINALITY t(key, value, n)) c
        WHERE cardinality(n.path) < 2 * 8
    )
    SELECT n.path, n.operation, n.field, n.value, n.place FROM node n;
END;
COMMENT ON FUNCTION posture_internal.rule_node(jsonb) IS
    'returns the nodes of the rule of an asset group: the rules in it, which have no field, their '
    'fields, and each tag; operation: how the node is combined with the others below the same '
    'node: any, not, or else all; place: where it is, as in any[0].kind';

CREATE FUNCTION posture_internal.rule_leaf(field text, value jsonb)
    RETURNS TABLE (field text, value text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT rule_leaf.field, v.value
    FROM unnest(rule_value(rule_leaf.value)) v(value)
    WHERE rule_leaf.field IN ('kind', 'criticality', 'owner', 'key', 'asset', 'source')
    UNION ALL
    SELECT 'criticality', c.value
    FROM unnest('{low,medium,high,critical}'::text[]) c(value)
    WHERE rule_leaf.field = 'min_criticality'
      AND criticality_rank(c.value) >= criticality_rank(rule_leaf.value #>> '{}')
    UNION ALL
    SELECT 'tag', rule_leaf.value::text WHERE rule_leaf.field = 'tag';
END;
COMMENT ON FUNCTION posture_internal.rule_leaf(text, jsonb) IS
    'returns the values of which a node of a rule allows any, each with the attribute that has it; '
    'none for a node with others below it';

CREATE FUNCTION posture_internal.group_rule_error(rule jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN octet_length(rule::text) > 262144 THEN
            format('expected at most 262144 bytes, found %s', octet_length(rule::text))
        ELSE (
            SELECT concat_ws(': ', CASE WHEN a.unknown IS NULL THEN n.place END, v.error)
            FROM rule_node(rule) n
            CROSS JOIN LATERAL (SELECT rule_value(n.value) AS allowed,
                                       left(n.value::text, 100) AS found,
                                       CASE WHEN n.operation <> 'tags'
                                             AND n.field NOT IN ('kind', 'criticality',
                                                 'min_criticality', 'owner', 'key', 'asset', 'tags',
                                                 'source', 'any', 'all', 'not')
                                            THEN n.place END AS unknown) a
            CROSS JOIN LATERAL (SELECT CASE
                WHEN a.unknown IS NOT NULL THEN format('unrecognized field "%s"', a.unknown)
                WHEN n.field IS NULL THEN
                    CASE WHEN jsonb_typeof(n.value) <> 'object' THEN
                             format('expected an object, found %s', a.found)
                         WHEN n.value = '{}' THEN 'expected at least one field'
                         WHEN cardinality(n.path) >= 2 * 8 THEN
                             'expected at most 8 levels of rules' END
                WHEN n.field IN ('any', 'all') THEN
                    CASE WHEN jsonb_typeof(n.value) <> 'array' OR n.value = '[]' THEN
                             format('expected an array of rules, found %s', a.found) END
                WHEN n.field = 'not' OR n.operation = 'tags' THEN NULL
                WHEN n.field = 'tags' THEN
                    CASE WHEN jsonb_typeof(n.value) <> 'object' OR n.value = '{}' THEN
                             format('expected an object of tags, found %s', a.found) END
                WHEN n.field = 'min_criticality' AND jsonb_typeof(n.value) <> 'string' THEN
                    format('expected a string, found %s', a.found)
                WHEN a.allowed IS NULL OR array_position(a.allowed, NULL) IS NOT NULL THEN
                    format('expected a string or an array of strings, found %s', a.found)
                WHEN n.field IN ('criticality', 'min_criticality')
                     AND NOT a.allowed <@ '{low,medium,high,critical}' THEN
                    format('expected low, medium, high, critical, found %s', a.found)
                WHEN n.field = 'key' AND has_open_pattern(a.allowed) THEN
                    format('a pattern ends with its escape character: %s', a.found)
                END AS error) v
            WHERE v.error IS NOT NULL
            ORDER BY n.path
            LIMIT 1) END;
COMMENT ON FUNCTION posture_internal.group_rule_error(jsonb) IS
    'error text for an invalid rule of an asset group; NULL if the rule is valid';

CREATE FUNCTION posture_internal.check_group_rule() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    error text := group_rule_error(NEW.rule);
BEGIN
    IF error IS NOT NULL THEN
        RAISE EXCEPTION 'invalid rule for asset group "%": %', NEW.key, error
            USING ERRCODE = 'check_violation',
                  HINT = 'Fields are kind, criticality, owner, key, asset and source, each a '
                         'string or an array of strings; min_criticality, a string; tags, an '
                         'object; any and all, each an array of rules; and not, a rule. '
                         'In key, % and _ are wildcards as in LIKE.';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION posture_internal.check_group_rule() IS 'rejects an invalid rule';
REVOKE EXECUTE ON FUNCTION posture_internal.check_group_rule() FROM PUBLIC;
CREATE TRIGGER check_rule BEFORE INSERT OR UPDATE OF rule ON posture.asset_group
    FOR EACH ROW WHEN (NEW.rule IS NOT NULL) EXECUTE FUNCTION check_group_rule();
COMMENT ON TRIGGER check_rule ON posture.asset_group IS 'rejects an invalid rule';

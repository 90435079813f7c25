/*
 * Hints for names that do not exist: the names that do, and the one that was
 * probably meant.
 */

CREATE FUNCTION posture_internal.name_distance(a text, b text) RETURNS integer
    AS 'MODULE_PATHNAME', 'posture_name_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.name_distance(text, text) IS
    'number of characters to insert, delete or replace to make one name of the other';

CREATE FUNCTION posture_internal.similar_name(names text[], missing text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT n.name
            FROM (SELECT n.name, n.n,
                         name_distance(lower(left(n.name, 60)), lower(left(missing, 60)))
                         AS distance
                  FROM unnest(names) WITH ORDINALITY n(name, n)
                  WHERE n.name IS NOT NULL) n
            WHERE n.distance <= greatest(1, length(missing) / 4)
               OR starts_with(lower(left(n.name, 60)), lower(nullif(missing, '')))
            ORDER BY n.distance, n.n
            LIMIT 1);
COMMENT ON FUNCTION posture_internal.similar_name(text[], text) IS
    'the most similar of the names to one that does not exist; NULL: none is similar';

-- Nobody reads a hint of more than a few lines.
CREATE FUNCTION posture_internal.name_hint(what text, names text[], missing text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH name AS MATERIALIZED (
        SELECT left(n.name, 60) AS name, n.n, count(*) OVER () AS names,
               name_distance(lower(left(n.name, 60)), lower(left(missing, 60))) AS distance
        FROM unnest(names) WITH ORDINALITY n(name, n)
        WHERE n.name IS NOT NULL
    ), listed AS (
        -- of many, the most similar
        SELECT n.*, row_number() OVER (ORDER BY CASE WHEN n.names > 12 THEN n.distance END, n.n)
                    AS rank
        FROM name n
        ORDER BY rank
        LIMIT 12
    )
    SELECT nullif(concat_ws(' ',
        'Perhaps you meant "' || left(similar_name(names, missing), 60) || '".',
        (SELECT format('%s are %s%s.', what, string_agg(l.name, ', ' ORDER BY l.rank),
                       CASE WHEN max(l.names) > 12
                            THEN format(' and %s more', max(l.names) - 12) END)
         FROM listed l
         HAVING count(*) > 0)), '');
END;
COMMENT ON FUNCTION posture_internal.name_hint(text, text[], text) IS
    'hint for a name that does not exist: the most similar name, and up to twelve names; what: the '
    'plural of what they name, such as Formats; NULL if there are no names';

-- In PL/pgSQL, because the tables do not exist yet.
CREATE FUNCTION posture_internal.kind_hint(key text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN (SELECT format('"%s" is %s.', left(kind_hint.key, 60), x.kind)
            FROM (SELECT CASE
                WHEN EXISTS (SELECT FROM initiative i WHERE i.key = kind_hint.key)
                    THEN 'an initiative: posture.metric_report lists its metrics'
                WHEN EXISTS (SELECT FROM metric m WHERE m.key = kind_hint.key)
                    THEN 'a metric: posture.metric_report lists its initiatives'
                WHEN EXISTS (SELECT FROM recommendation r WHERE r.key = kind_hint.key)
                    THEN 'a recommendation: posture.metric_recommendation_report lists its metrics'
                WHEN EXISTS (SELECT FROM asset a WHERE a.key = kind_hint.key)
                    THEN 'an asset: posture.asset_report lists its metrics and initiatives'
                END AS kind) x
            WHERE x.kind IS NOT NULL);
END $$;
COMMENT ON FUNCTION posture_internal.kind_hint(text) IS
    'hint for a key that is that of another kind of object than was asked for; NULL: it is of none';

-- In PL/pgSQL, because the tables do not exist yet.
CREATE FUNCTION posture_internal.key_hint(what text, missing text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    -- people also write the name that reports show
    RETURN concat_ws(' ', kind_hint(missing), CASE what
        WHEN 'initiative' THEN coalesce(
            name_hint('Initiatives', ARRAY(SELECT i.key FROM initiative i ORDER BY 1),
                      coalesce((SELECT min(i.key) FROM initiative i
                                WHERE lower(i.name) = lower(missing)), missing)),
            'install_pack() adds initiatives.')
        WHEN 'metric' THEN coalesce(
            name_hint('Metrics', ARRAY(SELECT m.key FROM metric m ORDER BY 1),
                      coalesce((SELECT min(m.key) FROM metric m
                                WHERE lower(m.name) = lower(missing)), missing)),
            'install_pack() adds initiatives with metrics.')
        WHEN 'recommendation' THEN concat_ws(' ',
            'Perhaps you meant "' || left(similar_name(
                ARRAY(SELECT DISTINCT r.key FROM recommendation r ORDER BY 1),
                coalesce((SELECT min(r.key) FROM recommendation r
                          WHERE lower(r.title) = lower(missing)), missing)), 60) || '".',
            'The view posture.recommendation_report lists the recommendations.')
        WHEN 'source' THEN coalesce(source_hint(missing), 'No source has been loaded.')
        WHEN 'asset group' THEN coalesce(
            name_hint('Asset groups', ARRAY(SELECT g.key FROM asset_group g ORDER BY 1), missing),
            'Groups are rows of posture.asset_group.')
        WHEN 'node' THEN coalesce(
            name_hint('Nodes', ARRAY(SELECT n.key FROM node n ORDER BY 1), missing),
            'add_node() adds one.')
        ELSE 'The view posture.asset_report lists the assets.' END);
END $$;
COMMENT ON FUNCTION posture_internal.key_hint(text, text) IS
    'hint for a key that does not exist; what: the kind of object, such as initiative';

CREATE FUNCTION posture_internal.key_id(what text, keys text[], place text DEFAULT '')
    RETURNS TABLE (key text, id integer)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    missing text;
    ambiguous text;
    found text[];
    ids integer[];
BEGIN
    SELECT array_agg(f.key), array_agg(f.id), min(f.key) FILTER (WHERE f.id IS NULL),
           min(f.key) FILTER (WHERE f.ids > 1)
    INTO found, ids, missing, ambiguous
    FROM (SELECT n.key, x.id, count(*) OVER (PARTITION BY n.key) AS ids
          FROM (SELECT DISTINCT k.key FROM unnest(keys) k(key) WHERE k.key IS NOT NULL) n
          LEFT JOIN LATERAL (
              SELECT i.initiative_id FROM initiative i
              WHERE what = 'initiative' AND i.key = n.key
              UNION ALL
              SELECT m.metric_id FROM metric m WHERE what = 'metric' AND m.key = n.key
              UNION ALL
              SELECT s.source_id FROM source s WHERE what = 'source' AND s.key = n.key
              UNION ALL
              SELECT g.asset_group_id FROM asset_group g
              WHERE what = 'asset group' AND g.key = n.key
              UNION ALL
              SELECT d.node_id FROM node d WHERE what = 'node' AND d.key = n.key
              UNION ALL
              SELECT a.id FROM asset_of(n.key) a(id)
              WHERE what IN ('asset', 'asset of any node') AND a.id IS NOT NULL
              UNION ALL
              SELECT a.id FROM node_asset_id(keys) a
              WHERE what = 'asset of any node' AND has_nodes() AND a.key = n.key
              UNION ALL
              -- two conditions, each of which an index finds
              (SELECT r.recommendation_id
               FROM recommendation r
               WHERE what = 'recommendation' AND r.key = n.key
               UNION
               SELECT r.recommendation_id
               FROM source s
               JOIN recommendation r
                 ON r.source_id = s.source_id AND r.key = substr(n.key, length(s.key) + 2)
               WHERE what = 'recommendation' AND starts_with(n.key, s.key || ':'))) x(id)
                 ON true) f;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION '%', place || format(CASE what
                WHEN 'initiative' THEN 'initiative "%s" does not exist'
                WHEN 'metric' THEN 'metric "%s" does not exist'
                WHEN 'recommendation' THEN 'recommendation "%s" does not exist'
                WHEN 'source' THEN 'source "%s" does not exist'
                WHEN 'asset group' THEN 'asset group "%s" does not exist'
                WHEN 'node' THEN 'node "%s" does not exist'
                ELSE 'asset "%s" does not exist' END, missing)
            USING ERRCODE = 'undefined_object', HINT = key_hint(what, missing);
    ELSIF ambiguous IS NOT NULL THEN
        RAISE EXCEPTION '%recommendation "%" exists in several sources', place, ambiguous
            USING ERRCODE = 'ambiguous_parameter',
                  HINT = 'Write source:recommendation, as recommendation_report does.';
    END IF;
    RETURN QUERY SELECT f.key, f.id FROM unnest(found, ids) f(key, id);
END $$;
COMMENT ON FUNCTION posture_internal.key_id(text, text[], text) IS
    'returns the ids of initiatives, metrics, sources, asset groups, nodes, assets or '
    'recommendations (by key or source:key), each key once; an error, which begins with place, if a key has none or '
    'several; NULL has none';

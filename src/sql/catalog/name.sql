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

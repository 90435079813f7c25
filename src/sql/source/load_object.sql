/*
 * Objects of format posture become rows, by one INSERT and one UPDATE that all
 * types share. Both are made of object_field(), object_table() and the columns
 * of the table, so a new column only has to be added to its table and to
 * object_field().
 *
 * An object contains the values of a row. A field that is missing or null leaves
 * the column unchanged, or at its default in a new row. If a document contains
 * several objects with one key, the last one counts.
 */

CREATE FUNCTION posture_internal.object_table()
    RETURNS TABLE (type text, parent text, key_columns text[], merged text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
VALUES
    ('source', '', '{key}'::text[], NULL),
    ('asset', '', '{key}', 'tags'),
    ('asset_group', '', '{key}', NULL),
    ('recommendation', 'JOIN source p ON p.key = i.source', '{source_id,key}', 'details'),
    ('metric', '', '{key}', NULL),
    ('initiative', '', '{key}', NULL),
    ('measure',
     'JOIN source s ON s.key = i.source '
     'JOIN recommendation p ON p.source_id = s.source_id '
     'AND p.key = i.object ->> ''recommendation''',
     '{recommendation_id}', NULL),
    ('benchmark', 'JOIN initiative p ON p.key = i.object ->> ''initiative''',
     '{initiative_id,key,day}', NULL),
    ('score_band', 'LEFT JOIN initiative p ON p.key = i.object ->> ''initiative''',
     '{initiative_id,scheme,from_score}', NULL),
    ('importance_weight', '', '{importance}', NULL);
END;
COMMENT ON FUNCTION posture_internal.object_table() IS
    'returns, for each type whose objects are rows of the table of that name, '
    'the join from an item i to the row p that its object belongs to, '
    'the columns that identify a row, '
    'and the column whose value an object adds to rather than replaces';

CREATE FUNCTION posture_internal.object_key(of_type text, template text) RETURNS text
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT string_agg(format(template, k.name, CASE WHEN f.field IS NULL THEN 'p' ELSE 'n' END),
                      ', ' ORDER BY k.n)
    FROM object_table() t
    CROSS JOIN LATERAL unnest(t.key_columns) WITH ORDINALITY k(name, n)
    LEFT JOIN object_field() f ON f.type = t.type AND f.field = k.name
    WHERE t.type = of_type;
END;
COMMENT ON FUNCTION posture_internal.object_key(text, text) IS
    'returns the columns that identify a row of a type, as a list in SQL. In the template '
    '%1$I is the column, and %2$s is n for a field of the object, p for the id of its parent';

CREATE FUNCTION posture_internal.object_columns(of_type text, template text) RETURNS text
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT string_agg(
               format(template, a.attname,
                      concat_ws(', ',
                                CASE WHEN a.attname IN ('name', 'title')
                                     AND 'key' = ANY (t.key_columns) THEN 'n.key'
                                     WHEN t.type = 'asset' AND a.attname = 'first_seen'
                                         THEN 'n.last_seen'
                                     WHEN t.type = 'asset' AND a.attname = 'last_seen'
                                         THEN 'n.first_seen' END,
                                coalesce(pg_get_expr(d.adbin, d.adrelid), 'NULL'))),
               ', ' ORDER BY a.attnum)
    FROM object_table() t
    JOIN object_field() f ON f.type = t.type AND f.field <> ALL (t.key_columns)
    JOIN pg_attribute a ON a.attrelid = format('posture.%I', t.type)::regclass
        AND a.attname = f.field
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE t.type = of_type;
END;
COMMENT ON FUNCTION posture_internal.object_columns(text, text) IS
    'returns the other columns that an object of a type sets, as a list in SQL. In the template '
    '%1$I is the column, and %2$s is the value in a new row where the object n has none: its key '
    'for a name, else the default of the column';

-- Each statement sees what others committed before it. A row that a document names, and that an
-- earlier step has seen or added, may have no id in a later one, where NULL would mean all.
CREATE FUNCTION posture_internal.require_id(what text, key text, id integer) RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF key IS NOT NULL AND id IS NULL THEN
        RAISE EXCEPTION '% "%" was deleted or renamed while the document was loaded',
            what, left(key, 100)
            USING ERRCODE = 'serialization_failure', HINT = 'Load the document again.';
    END IF;
    RETURN true;
END $$;
COMMENT ON FUNCTION posture_internal.require_id(text, text, integer) IS
    'returns true; raises an error if a key that a document names has no id';

CREATE FUNCTION posture_internal.insert_objects(of_type text) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    identity text := object_key(of_type, '%2$s.%1$I');
    -- the default of an id takes the next one also where a conflict prevents the row
    is_new text := format('NOT EXISTS (SELECT FROM %1$I x WHERE (%2$s) = (%3$s))', of_type,
                          object_key(of_type, 'x.%I'), identity);
    latest text := 'i.ctid DESC';
    replaces text;
    added bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM posture_item i WHERE i.type = of_type) THEN
        RETURN 0;
    END IF;
    IF of_type = 'asset' THEN
        identity := 'canonical_key(n.key, n.kind), '
                    'is_spelling(canonical_key(n.key, n.kind), n.kind, ''host'')';
        is_new := 'asset_of(n.key, n.kind) IS NULL';
    ELSIF of_type = 'measure' THEN
        is_new := 'true';
        -- Equal points keep the earlier observed_at, because late snapshots need it.
        latest := 'coalesce(n.observed_at, now()) DESC, i.ctid DESC';
        replaces := 't.observed_at <= EXCLUDED.observed_at '
                    'AND (t.achieved, t.possible) '
                    'IS DISTINCT FROM (EXCLUDED.achieved, EXCLUDED.possible)';
    ELSIF of_type = 'score_band' THEN
        is_new := 'require_id(''initiative'', i.object ->> ''initiative'', p.initiative_id)';
        replaces := format('(%s) IS DISTINCT FROM (%s)',
                           object_columns(of_type, 't.%I'), object_columns(of_type, 'EXCLUDED.%I'));
    END IF;
    EXECUTE format(
        'INSERT INTO %1$I AS t (%2$s, %3$s)
         SELECT DISTINCT ON (%4$s) %5$s, %6$s
         FROM posture_item i %7$s
         CROSS JOIN LATERAL jsonb_populate_record(NULL::%1$I, i.object) n
         WHERE i.type = %1$L AND %8$s
         ORDER BY %4$s, %9$s
         ON CONFLICT (%2$s) %10$s',
        of_type, object_key(of_type, '%I'), object_columns(of_type, '%I'),
        identity, object_key(of_type, '%2$s.%1$I'), object_columns(of_type, 'coalesce(n.%I, %s)'),
        (SELECT t.parent FROM object_table() t WHERE t.type = of_type), is_new, latest,
        CASE WHEN replaces IS NULL THEN 'DO NOTHING'
             ELSE format('DO UPDATE SET %s WHERE %s',
                         object_columns(of_type, '%1$I = EXCLUDED.%1$I'), replaces) END);
    GET DIAGNOSTICS added = ROW_COUNT;
    RETURN added;
END $$;
COMMENT ON FUNCTION posture_internal.insert_objects(text) IS
    'inserts a row for each object of a type that has none; a measure or a score band, which has '
    'all columns, replaces the row that it has. Returns the number of rows inserted or replaced.';

-- A person may change the row meanwhile: what it becomes is made of the row as it is
-- when it is locked, and only of the fields that the object has.
CREATE FUNCTION posture_internal.update_objects(of_type text) RETURNS text[]
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    ids text[] := CASE of_type WHEN 'importance_weight' THEN '{importance}'
                               WHEN 'benchmark' THEN '{initiative_id,key,day}'
                               ELSE ARRAY[of_type || '_id'] END;
    id_list text := (SELECT string_agg(format('%%1$s.%I', u.id), ', ' ORDER BY u.n)
                     FROM unnest(ids) WITH ORDINALITY u(id, n));
    becomes text := 'jsonb_populate_record(o, %1$s.object)';
    stored record;
    changed text[];
BEGIN
    IF NOT EXISTS (SELECT FROM posture_item i WHERE i.type = of_type) THEN
        RETURN '{}';
    END IF;
    SELECT t.* INTO stored FROM object_table() t WHERE t.type = of_type;
    IF stored.merged IS NOT NULL THEN
        becomes := replace(
            'jsonb_populate_record(o, %1$s.object || CASE WHEN %1$s.object ? ''merged'' '
            'THEN jsonb_build_object(''merged'', coalesce(o.merged, ''{}'') '
            '|| (%1$s.object -> ''merged'')) ELSE ''{}'' END)', 'merged', stored.merged);
    END IF;
    EXECUTE format(
        'WITH found AS (
             SELECT %2$s, i.object, i.ctid AS arrival
             FROM posture_item i %3$s
             CROSS JOIN LATERAL jsonb_populate_record(NULL::%1$I, i.object) n
             %4$s
             WHERE i.type = %1$L
         ), given AS (
             SELECT DISTINCT ON (%5$s) %5$s, strip_null_fields(f.object - ''key'') AS object
             FROM found f
             ORDER BY %5$s, f.arrival DESC
         ), different AS MATERIALIZED (
             SELECT %6$s, g.object
             FROM given g
             JOIN %1$I o ON (%7$s) = (%6$s)
             WHERE %8$s IS DISTINCT FROM o
         ), changed AS (
             UPDATE %1$I o
             SET (%9$s) = (SELECT %10$s FROM %11$s n)
             FROM different d
             WHERE (%7$s) = (%12$s) AND %11$s IS DISTINCT FROM o
             RETURNING concat_ws('','', %7$s) AS id
         )
         SELECT array_agg(c.id) FROM changed c',
        of_type, format(id_list, 'x'), stored.parent,
        CASE of_type WHEN 'asset' THEN
                         'CROSS JOIN LATERAL (SELECT a.asset_id
                                              FROM asset_of(n.key, n.kind) a(asset_id)
                                              WHERE may_update_asset(a.asset_id, $1, $2)) x'
                     ELSE format('JOIN %I x ON (%s) = (%s)', of_type,
                                 object_key(of_type, 'x.%I'), object_key(of_type, '%2$s.%1$I')) END,
        format(id_list, 'f'), format(id_list, 'g'), format(id_list, 'o'), format(becomes, 'g'),
        -- all columns, not only those that differ: triggers on UPDATE OF a column must fire
        object_columns(of_type, '%I'), object_columns(of_type, 'n.%I'),
        format(becomes, 'd'), format(id_list, 'd'))
    INTO changed USING delivery_sources(), has_level(caller(), 'curator');
    RETURN coalesce(changed, '{}');
END $$;
COMMENT ON FUNCTION posture_internal.update_objects(text) IS
    'updates the row of each object of a type that has one and differs from it. '
    'Returns the ids of the rows changed.';

CREATE FUNCTION posture_internal.write_objects(of_type text) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    added bigint := insert_objects(of_type);
BEGIN
    RETURN added + cardinality(update_objects(of_type));
END $$;
COMMENT ON FUNCTION posture_internal.write_objects(text) IS
    'inserts and updates rows so that they have the values of the objects of a type. Returns the '
    'number of rows inserted or changed.';

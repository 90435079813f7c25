/*
 * What a database has of assets that move to another one, as pieces of JSON: the
 * rows of the assets, and their part of the sets of past days. What is derived
 * from the rows is not moved: each database derives its own.
 *
 * The same functions put pieces in. Sets of assets travel as text.
 */

CREATE TABLE posture_internal.asset_move (
    move_id uuid PRIMARY KEY,
    from_node integer NOT NULL,
    to_node integer NOT NULL,
    buckets integer[] NOT NULL,
    key text,
    is_target boolean NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT now(),
    writer xid8,
    assets assetset NOT NULL DEFAULT '{}',
    is_done boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE posture_internal.asset_move IS
    'moves of assets that this database took part in, until the head knows that both databases '
    'have committed';
COMMENT ON COLUMN posture_internal.asset_move.move_id IS
    'id of the move, the same in both databases';
COMMENT ON COLUMN posture_internal.asset_move.from_node IS
    'id of the node that had the assets; 0: the head';
COMMENT ON COLUMN posture_internal.asset_move.to_node IS
    'id of the node that got them; 0: the head';
COMMENT ON COLUMN posture_internal.asset_move.buckets IS
    'buckets that were moved, or the one into which an asset was moved';
COMMENT ON COLUMN posture_internal.asset_move.key IS
    'key of the asset that was moved alone; NULL: whole buckets were moved';
COMMENT ON COLUMN posture_internal.asset_move.is_target IS
    'whether this database got the assets; false: it had them';
COMMENT ON COLUMN posture_internal.asset_move.moved_at IS 'time of the move';
COMMENT ON COLUMN posture_internal.asset_move.writer IS
    'transaction that is moving the assets, whose changes are no decisions; NULL: it has moved '
    'them';
COMMENT ON COLUMN posture_internal.asset_move.assets IS 'assets that were moved';
COMMENT ON COLUMN posture_internal.asset_move.is_done IS
    'whether the head knows that both databases have committed';

CREATE TABLE posture_internal.kept_piece (
    move_id uuid REFERENCES asset_move ON DELETE CASCADE,
    piece integer,
    relation name NOT NULL,
    rows text NOT NULL,
    PRIMARY KEY (move_id, piece)
);
COMMENT ON TABLE posture_internal.kept_piece IS
    'what a node moved to its head, which commits after it, so that the node can take it back';
COMMENT ON COLUMN posture_internal.kept_piece.move_id IS 'id of the move';
COMMENT ON COLUMN posture_internal.kept_piece.piece IS 'number of the piece in the move';
COMMENT ON COLUMN posture_internal.kept_piece.relation IS 'table of the rows';
COMMENT ON COLUMN posture_internal.kept_piece.rows IS 'rows as an array of JSON';

CREATE TYPE posture_internal.moved_piece AS (relation name, rows text);
COMMENT ON TYPE posture_internal.moved_piece IS 'rows of a table that move to another database';
COMMENT ON COLUMN posture_internal.moved_piece.relation IS 'table of the rows';
COMMENT ON COLUMN posture_internal.moved_piece.rows IS 'rows as an array of JSON';

-- Extents have ids of their own in each database, so a finding takes along what its extent is.
-- OFFSET 0 has rows looked up by asset, however many the planner expects.
CREATE FUNCTION posture_internal.asset_table()
    RETURNS TABLE (relation name, row_value text, rows_from text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    -- in the order of their foreign keys
    SELECT v.relation, coalesce(v.row_value, 'to_jsonb(t)'),
           format(coalesce(v.rows_from, '%s'),
                  format('members($1) m(id) CROSS JOIN LATERAL '
                         '(SELECT x.* FROM %I x WHERE x.asset_id = m.id OFFSET 0) t',
                         CASE v.relation WHEN 'extent' THEN 'finding' ELSE v.relation END))
    FROM (VALUES
        ('asset'::name, NULL, NULL), ('asset_alias', NULL, NULL), ('asset_source', NULL, NULL),
        ('former_key', NULL, NULL), ('left_inventory', NULL, NULL),
        ('extent', 'to_jsonb(e)',
         'extent e WHERE e.keys && ARRAY(SELECT DISTINCT k.key FROM %s '
         'JOIN extent x ON x.extent_id = t.extent_id CROSS JOIN LATERAL unnest(x.keys) k(key))'),
        ('finding',
         'CASE WHEN e.extent_id IS NULL THEN to_jsonb(t) ELSE to_jsonb(t) || '
         'jsonb_build_object(''extent'', jsonb_build_array(e.source_id, e.keys)) END',
         '%s LEFT JOIN extent e ON e.extent_id = t.extent_id'),
        ('exemption', NULL, NULL), ('attestation', NULL, NULL)) v(relation, row_value, rows_from);
END;
COMMENT ON FUNCTION posture_internal.asset_table() IS
    'returns the tables that have rows of assets, and how the rows of assets, $1, are found';

-- A day that only one of the databases has a snapshot of moves with its catalog, so that the
-- other one counts its assets by that.
CREATE FUNCTION posture_internal.asset_day_table()
    RETURNS TABLE (relation name, sets text[], is_catalog boolean, in_place text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    VALUES ('snapshot'::name, '{inactive,retired}'::text[], true, '{}'),
           ('metric_snapshot', '{}', true,
            '{"exposed": 0, "assessed": 0, "score": null, "score_low": null, "score_high": null}'),
           ('initiative_snapshot', '{}', true,
            '{"score": null, "score_low": null, "score_high": null, "exposed": null,
              "assessed": null, "population": null, "unassessed": null}'),
           ('initiative_metric_snapshot', '{}', true, '{}'),
           ('exemption_snapshot', '{assets}', true, '{}'),
           ('asset_group_snapshot', '{assets}', true, '{}'),
           ('finding_history', '{assessed,exposed,late_assessed,late_exposed}', false, '{}'),
           ('asset_history', '{assets}', false, '{}'),
           ('confirmation', '{assets}', false, '{}');
END;
COMMENT ON FUNCTION posture_internal.asset_day_table() IS
    'returns the tables that have sets of assets of past days, and their columns of such sets; '
    'is_catalog: whether each day has the same rows in all databases; in_place: what their columns '
    'have that count assets';

-- retired is NULL for a day before version 0.3: all inactive assets
CREATE FUNCTION posture_internal.day_set(column_name text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE column_name WHEN 'retired' THEN 'coalesce(t.retired, t.inactive)'
                            ELSE format('t.%I', column_name) END;
COMMENT ON FUNCTION posture_internal.day_set(text) IS
    'returns the expression of a set of asset_day_table()';

CREATE FUNCTION posture_internal.export_rows(relation name, row_value text, rows_from text,
                                             assets assetset, known_days date[] DEFAULT NULL)
    RETURNS SETOF moved_piece
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT %L::name, jsonb_agg(p.value)::text '
        'FROM (SELECT %s AS value, (row_number() OVER () - 1) / 1000 AS piece FROM %s) p '
        'GROUP BY p.piece', relation, row_value, rows_from)
    USING assets, known_days;
END $$;
COMMENT ON FUNCTION posture_internal.export_rows(name, text, text, assetset, date[]) IS
    'returns rows of a table in pieces of at most 1000';

CREATE FUNCTION posture_internal.export_assets(assets assetset) RETURNS SETOF moved_piece
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT p.*
    FROM posture_internal.asset_table() t
    CROSS JOIN LATERAL posture_internal.export_rows(t.relation, t.row_value, t.rows_from,
                                                    assets) p;
END;
COMMENT ON FUNCTION posture_internal.export_assets(assetset) IS
    'returns the rows of assets';

CREATE FUNCTION posture_internal.export_days(assets assetset, known_days date[])
    RETURNS SETOF moved_piece
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT p.*
    FROM posture_internal.asset_day_table() t
    CROSS JOIN LATERAL (
        SELECT coalesce(string_agg(format('%L, %s & $1', c, day_set(c)), ', '), '') AS sets,
               coalesce(string_agg(format('%s && $1', day_set(c)), ' OR '), 'false') AS has_assets
        FROM unnest(t.sets) c) s
    CROSS JOIN LATERAL posture_internal.export_rows(
        t.relation, format('to_jsonb(t) || jsonb_build_object(%s) || %L', s.sets, t.in_place),
        format('%I t WHERE %s', t.relation,
               CASE WHEN t.is_catalog THEN 't.day <> ALL ($2) OR ' ELSE '' END || s.has_assets),
        assets, known_days) p
    UNION ALL
    SELECT p.*
    FROM posture_internal.export_rows(
        'object_count', 'to_jsonb(t)',
        '(SELECT o.object_id, max(o.last_changed) AS last_changed FROM object_count o '
        'WHERE o.object_kind = ''recommendation'' GROUP BY o.object_id) t', assets) p;
END;
COMMENT ON FUNCTION posture_internal.export_days(assetset, date[]) IS
    'returns what past days have of assets, and the catalog of the days that are not known';

CREATE FUNCTION posture_internal.primary_key(relation regclass) RETURNS text
    LANGUAGE sql STABLE
    RETURN (SELECT string_agg(quote_ident(a.attname), ', ')
            FROM pg_catalog.pg_index i
            JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
            WHERE i.indrelid = relation AND i.indisprimary);
COMMENT ON FUNCTION posture_internal.primary_key(regclass) IS
    'returns the columns of the primary key of a table';

CREATE FUNCTION posture_internal.check_new_assets(value jsonb) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    other text := (SELECT min(a.key)
                   FROM jsonb_populate_recordset(NULL::asset, value) n
                   JOIN asset a ON a.key = n.key OR a.asset_id = n.asset_id);
BEGIN
    IF other IS NOT NULL THEN
        RAISE EXCEPTION 'node "%" already has an asset "%"', (SELECT p.node FROM place p), other
            USING ERRCODE = 'unique_violation',
                  DETAIL = 'An asset of the same key or id would be moved there.',
                  HINT = 'Change the key of one of them.';
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.check_new_assets(jsonb) IS
    'raises an error if one of the assets that are moved is there already';

CREATE FUNCTION posture_internal.import_extents(value jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    UPDATE extent e
    SET version = n.version, observed_at = n.observed_at
    FROM jsonb_populate_recordset(NULL::extent, value) n
    WHERE e.source_id = n.source_id AND e.keys = n.keys
      AND n.observed_at > coalesce(e.observed_at, '-infinity');
    INSERT INTO extent (source_id, keys, version, observed_at)
    SELECT n.source_id, n.keys, n.version, n.observed_at
    FROM jsonb_populate_recordset(NULL::extent, value) n
    WHERE NOT EXISTS (SELECT FROM extent e WHERE e.source_id = n.source_id AND e.keys = n.keys);
END $$;
COMMENT ON FUNCTION posture_internal.import_extents(jsonb) IS
    'adds extents that are not there, by their source and keys';

CREATE FUNCTION posture_internal.import_findings(value jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    WITH moved AS MATERIALIZED (
        SELECT f.*, r.value -> 'extent' AS extent
        FROM jsonb_array_elements(value) r
        CROSS JOIN LATERAL jsonb_populate_record(NULL::finding, r.value) f
    ), named AS MATERIALIZED (
        SELECT d.extent,
               (SELECT min(e.extent_id)
                FROM extent e
                WHERE e.source_id = (d.extent ->> 0)::integer
                  AND e.keys = ARRAY(SELECT k.key
                                     FROM jsonb_array_elements_text(d.extent -> 1)
                                          WITH ORDINALITY k(key, n)
                                     ORDER BY k.n)) AS extent_id
        FROM (SELECT DISTINCT m.extent FROM moved m WHERE m.extent IS NOT NULL) d
    )
    INSERT INTO finding (recommendation_id, asset_id, state, changed_at, details, extent_id)
    SELECT m.recommendation_id, m.asset_id, m.state, m.changed_at, m.details, n.extent_id
    FROM moved m LEFT JOIN named n USING (extent);
END $$;
COMMENT ON FUNCTION posture_internal.import_findings(jsonb) IS
    'adds findings that were moved, with the ids that their extents have here';

CREATE FUNCTION posture_internal.import_last_changes(value jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    INSERT INTO object_count AS t (slice, object_kind, object_id, assessed, exposed, failing,
                                   critical, population, unassessed, last_changed)
    SELECT coalesce((SELECT min(o.slice) FROM object_count o
                     WHERE o.object_kind = 'recommendation' AND o.object_id = n.object_id),
                    (SELECT min(s.slice) FROM counted_slice s)),
           'recommendation', n.object_id, 0, 0, 0, 0, 0, 0, n.last_changed
    FROM jsonb_populate_recordset(NULL::object_count, value) n
    WHERE EXISTS (SELECT FROM counted_slice)
    ON CONFLICT (slice, object_kind, object_id, is_raw) DO UPDATE
    SET last_changed = EXCLUDED.last_changed
    WHERE coalesce(t.last_changed < EXCLUDED.last_changed, EXCLUDED.last_changed IS NOT NULL);
END $$;
COMMENT ON FUNCTION posture_internal.import_last_changes(jsonb) IS
    'keeps when findings last changed in the database from which assets were moved';

CREATE FUNCTION posture_internal.import_piece(relation name, rows text)
    RETURNS TABLE (applied bigint)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
DECLARE
    value jsonb := rows;
    merged text;
BEGIN
    IF relation = 'asset' THEN
        PERFORM check_new_assets(value);
    END IF;
    IF relation = 'extent' THEN
        PERFORM import_extents(value);
    ELSIF relation = 'finding' THEN
        PERFORM import_findings(value);
    ELSIF relation = 'object_count' THEN
        PERFORM import_last_changes(value);
    ELSE
        merged := (SELECT ' ON CONFLICT (' || primary_key(t.relation::text::regclass) || ') DO '
                          || coalesce('UPDATE SET '
                                      || (SELECT string_agg(format('%1$I = %2$s | EXCLUDED.%1$I',
                                                                   c, day_set(c)), ', ')
                                          FROM unnest(t.sets) c), 'NOTHING')
                   FROM asset_day_table() t WHERE t.relation = import_piece.relation);
        EXECUTE format('INSERT INTO %1$I AS t OVERRIDING SYSTEM VALUE '
                       'SELECT * FROM jsonb_populate_recordset(NULL::%1$I, $1)%2$s', relation,
                       merged)
        USING value;
    END IF;
    applied := jsonb_array_length(value);
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION posture_internal.import_piece(name, text) IS
    'puts rows in that were moved; sets of past days are united with those that are there';

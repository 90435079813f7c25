/*
 * The log of decisions of a head has what people decide there about assets of nodes, in their
 * names. A node logs what it writes for the head under the role by which the head reaches it, and
 * returns these rows with its answer. Only rows about assets: the head has logged what it changed
 * in the catalog before it told the nodes.
 */

CREATE FUNCTION posture_internal.asset_changes(after bigint) RETURNS SETOF change_log
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT c.*
    FROM change_log c
    WHERE c.change_id > after
      AND (c.object_kind = 'asset'
           -- as logged_table() words it
           OR c.field ~ '^(exemption|attestation) '
              AND coalesce(c.new, c.old) ~ '^\w+ for asset ')
    ORDER BY c.change_id;
END;
COMMENT ON FUNCTION posture_internal.asset_changes(bigint) IS
    'returns the rows of change_log about assets, their exemptions and attestations that this '
    'database logged after one';

CREATE TYPE posture_internal.told_row AS (answer jsonb, change jsonb);
COMMENT ON TYPE posture_internal.told_row IS 'row with which a node answers tell_nodes()';
COMMENT ON COLUMN posture_internal.told_row.answer IS 'a row of the relation';
COMMENT ON COLUMN posture_internal.told_row.change IS 'or a row of change_log that it wrote';

CREATE FUNCTION posture_internal.told(relation text) RETURNS SETOF told_row
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
DECLARE
    logged bigint := (SELECT coalesce(max(c.change_id), 0) FROM change_log c);
BEGIN
    RETURN QUERY EXECUTE 'SELECT to_jsonb(r), NULL::jsonb FROM (SELECT * FROM ' || relation || ') r';
    RETURN QUERY SELECT NULL::jsonb, to_jsonb(c) FROM asset_changes(logged) c
                 WHERE c.changed_at = now();
END $$;
COMMENT ON FUNCTION posture_internal.told(text) IS
    'returns on a node the rows of a relation that writes, and then what it logged about assets';

CREATE FUNCTION posture_internal.tell_nodes(
    row_type anyelement, relation text, only_nodes integer[] DEFAULT NULL)
    RETURNS SETOF anyelement
    LANGUAGE plpgsql ROWS 1000
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
BEGIN
    RETURN QUERY
    WITH told AS MATERIALIZED (
        SELECT t.*
        FROM ask_nodes(NULL::told_row, format('told(%L)', relation), only_nodes,
                       writes => true) t
    ), logged AS (
        INSERT INTO change_log (changed_at, object_kind, object, field, old, new)
        SELECT c.changed_at, c.object_kind, c.object, c.field, c.old, c.new
        FROM told t CROSS JOIN LATERAL jsonb_populate_record(NULL::change_log, t.change) c
        WHERE t.change IS NOT NULL
        RETURNING 1
    ), started AS (
        INSERT INTO change_log_start
        SELECT now()
        WHERE EXISTS (SELECT FROM logged) AND NOT EXISTS (SELECT FROM change_log_start)
    )
    SELECT r.*
    FROM told t CROSS JOIN LATERAL jsonb_populate_record(row_type, t.answer) r
    WHERE t.answer IS NOT NULL;
END $$;
COMMENT ON FUNCTION posture_internal.tell_nodes(anyelement, text, integer[]) IS
    'returns what ask_nodes() does of a relation that writes what people decide, and logs on the '
    'head what it changes about assets, in the name of the session; for functions that run as the '
    'owner of the tables';

-- What was decided on the node itself, or by a transaction of the head that failed later.
CREATE FUNCTION posture_internal.take_log(of_node integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    -- until transactions end that have told the node something, their rows are not seen here
    LOCK TABLE change_log IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO change_log (changed_at, changed_by, as_role, object_kind, object, field, old, new)
    SELECT n.changed_at, n.changed_by, n.as_role, n.object_kind, n.object, n.field, n.old, n.new
    FROM ask_nodes(NULL::change_log, 'asset_changes(0)', ARRAY[of_node]) n
    WHERE NOT EXISTS (SELECT
                      FROM change_log c
                      WHERE (c.changed_at, c.object_kind, c.object, c.field)
                            = (n.changed_at, n.object_kind, n.object, n.field)
                        AND (c.old, c.new) IS NOT DISTINCT FROM (n.old, n.new))
    ORDER BY n.change_id;
END $$;
COMMENT ON FUNCTION posture_internal.take_log(integer) IS
    'adds to the log of the head what that of a node has about assets and the head does not, with '
    'its authors and times';

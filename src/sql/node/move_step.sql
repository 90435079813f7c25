/*
 * The steps of a move in each of the two databases, which the head calls in one
 * transaction of each. The statements that write the rows of assets are captured
 * and folded as all are, and then all that the history has of the assets is
 * replaced by what was moved, or removed: a move is no change of an asset.
 */

CREATE TYPE posture_internal.held_bucket AS (bucket integer, assets assetset);
COMMENT ON TYPE posture_internal.held_bucket IS 'assets that a database has of a bucket';
COMMENT ON COLUMN posture_internal.held_bucket.bucket IS 'number of the bucket';
COMMENT ON COLUMN posture_internal.held_bucket.assets IS 'the assets';

CREATE TYPE posture_internal.moved_count AS (assets bigint, findings bigint);
COMMENT ON TYPE posture_internal.moved_count IS 'number of rows that were moved';
COMMENT ON COLUMN posture_internal.moved_count.assets IS 'number of assets';
COMMENT ON COLUMN posture_internal.moved_count.findings IS 'number of findings';

CREATE FUNCTION posture_internal.held_buckets(buckets integer[] DEFAULT NULL)
    RETURNS SETOF held_bucket
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT h.bucket, assetset_agg(h.asset_id)
    FROM (SELECT hash_bucket(a.key) AS bucket, a.asset_id FROM asset a) h
    WHERE buckets IS NULL OR h.bucket = ANY (buckets)
    GROUP BY h.bucket;
END $$;
COMMENT ON FUNCTION posture_internal.held_buckets(integer[]) IS
    'returns the assets that this database has of buckets; NULL: of all';

-- Deliveries, other folds and snapshots, and then all other writers wait until the transaction
-- ends. Readers go on.
CREATE FUNCTION posture_internal.begin_move(
    move_id uuid, from_node integer, to_node integer, buckets integer[], only_key text,
    is_target boolean)
    RETURNS SETOF held_bucket
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM lock_delivery();
    PERFORM lock_sets();
    LOCK TABLE asset, asset_alias, asset_source, finding, exemption, attestation
        IN SHARE ROW EXCLUSIVE MODE;
    PERFORM fold_due();
    INSERT INTO asset_move (move_id, from_node, to_node, buckets, key, is_target, writer)
    VALUES (move_id, from_node, to_node, buckets, only_key, is_target, pg_current_xact_id());
    IF is_target THEN
        RETURN;
    ELSIF only_key IS NULL THEN
        RETURN QUERY SELECT h.* FROM held_buckets(buckets) h;
    ELSE
        RETURN QUERY
        SELECT buckets[1], assetset_agg(a.id)
        FROM asset_of(only_key) a(id) WHERE a.id IS NOT NULL
        HAVING count(*) > 0;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.begin_move(
    uuid, integer, integer, integer[], text, boolean) IS
    'begins a move in a database: locks and folds it; of the one that has the assets, returns '
    'them: those of buckets, or the one with only_key';

-- A node knows the ids of the others.
CREATE FUNCTION posture_internal.node_name(of_node integer) RETURNS text
    LANGUAGE sql STABLE
    RETURN coalesce((SELECT p.node FROM place p WHERE p.node_id = of_node),
                    (SELECT n.key FROM node n WHERE n.node_id = of_node),
                    CASE of_node WHEN 0 THEN 'head' ELSE format('node %s', of_node) END);
COMMENT ON FUNCTION posture_internal.node_name(integer) IS
    'returns the key of a node, or its id where the key is not known';

-- What is written while assets move is not logged, so that they move is.
CREATE FUNCTION posture_internal.log_move() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF NOT is_restoring() THEN
        INSERT INTO change_log (object_kind, object, field, new)
        SELECT 'node', coalesce((SELECT p.node FROM place p), 'none'), 'assets',
               format('%s moved from %s to %s',
                      coalesce('asset ' || NEW.key,
                               format('%s buckets', cardinality(NEW.buckets))),
                      node_name(NEW.from_node), node_name(NEW.to_node));
        PERFORM start_change_log();
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.log_move() IS
    'logs that a transaction moves assets';
REVOKE EXECUTE ON FUNCTION posture_internal.log_move() FROM PUBLIC;
CREATE TRIGGER log_move AFTER INSERT OR UPDATE OF writer ON posture_internal.asset_move
    FOR EACH ROW WHEN (NEW.writer IS NOT NULL) EXECUTE FUNCTION log_move();
COMMENT ON TRIGGER log_move ON posture_internal.asset_move IS
    'logs that a transaction moves assets';

-- What write_change() asks.
CREATE FUNCTION posture_internal.is_moving() RETURNS boolean
    LANGUAGE sql STABLE
    RETURN EXISTS (SELECT FROM asset_move m WHERE m.writer = pg_current_xact_id_if_assigned());
COMMENT ON FUNCTION posture_internal.is_moving() IS
    'returns whether the statements that run now move assets, which is no decision';

CREATE FUNCTION posture_internal.forget_in_days(assets assetset) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
DECLARE
    of_table record;
BEGIN
    FOR of_table IN
        SELECT t.relation, NOT t.is_catalog AS may_empty,
               string_agg(format('%1$I = t.%1$I - $1', c), ', ') AS assignments,
               string_agg(format('t.%I && $1', c), ' OR ') AS has_assets,
               string_agg(format('t.%I = ''{}''', c), ' AND ') AS is_empty
        FROM asset_day_table() t CROSS JOIN LATERAL unnest(t.sets) c
        GROUP BY t.relation, t.is_catalog
    LOOP
        EXECUTE format('UPDATE %I t SET %s WHERE %s', of_table.relation, of_table.assignments,
                       of_table.has_assets)
        USING assets;
        IF of_table.may_empty THEN
            EXECUTE format('DELETE FROM %I t WHERE %s', of_table.relation, of_table.is_empty);
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION posture_internal.forget_in_days(assetset) IS
    'removes assets from the history and the snapshots of all days';

CREATE FUNCTION posture_internal.snapshot_days() RETURNS TABLE (day date)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT s.day FROM snapshot s;
END;
COMMENT ON FUNCTION posture_internal.snapshot_days() IS
    'returns the days that have a snapshot here';

-- The days of a node follow its assets; those of a head are of all nodes.
CREATE FUNCTION posture_internal.recount_days() RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
BEGIN
    IF NOT is_node() THEN
        RETURN;
    END IF;
    INSERT INTO recommendation_snapshot AS s (day, recommendation_id, exposed, assessed)
    SELECT p.day, p.recommendation_id, p.exposed, p.assessed
    FROM past_count_here(ARRAY(SELECT x.day FROM snapshot x WHERE has_snapshot(x.day))) p
    WHERE p.assessed > 0 OR EXISTS (SELECT FROM recommendation_snapshot r
                                    WHERE r.day = p.day
                                      AND r.recommendation_id = p.recommendation_id)
    ON CONFLICT (day, recommendation_id) DO UPDATE
    SET exposed = EXCLUDED.exposed, assessed = EXCLUDED.assessed
    WHERE NOT s.is_reported
      AND (s.exposed, s.assessed) <> (EXCLUDED.exposed, EXCLUDED.assessed);
END $$;
COMMENT ON FUNCTION posture_internal.recount_days() IS
    'counts the assets that a node had at the end of each closed day again';

-- A database that commits after another one must be able to go back to it.
CREATE FUNCTION posture_internal.keep_pieces(of_move uuid, assets assetset) RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    INSERT INTO kept_piece (move_id, piece, relation, rows)
    SELECT of_move, row_number() OVER (), p.relation, p.rows
    FROM (SELECT a.* FROM export_assets(assets) a
          UNION ALL
          SELECT d.* FROM export_days(assets, ARRAY(SELECT k.day FROM snapshot_days() k)) d) p;
END;
COMMENT ON FUNCTION posture_internal.keep_pieces(uuid, assetset) IS
    'keeps what a move removes, so that undo_move() can put it back';

CREATE FUNCTION posture_internal.remove_assets(assets assetset) RETURNS moved_count
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
DECLARE
    counts moved_count;
    last_changes jsonb;
BEGIN
    last_changes := (SELECT jsonb_agg(jsonb_build_array(o.slice, o.object_id, o.last_changed))
                     FROM object_count o
                     WHERE o.object_kind = 'recommendation' AND NOT o.is_raw);
    DELETE FROM finding f WHERE f.asset_id IN (SELECT members(assets));
    GET DIAGNOSTICS counts.findings = ROW_COUNT;
    DELETE FROM asset a WHERE a.asset_id IN (SELECT members(assets));
    GET DIAGNOSTICS counts.assets = ROW_COUNT;
    PERFORM fold_due();
    PERFORM forget_in_days(assets);
    -- the findings were removed now, and have not changed
    UPDATE object_count o
    SET last_changed = (c.value ->> 2)::timestamptz
    FROM jsonb_array_elements(last_changes) c
    WHERE o.object_kind = 'recommendation' AND NOT o.is_raw
      AND o.slice = (c.value ->> 0)::integer AND o.object_id = (c.value ->> 1)::integer;
    PERFORM recount_days();
    RETURN counts;
END $$;
COMMENT ON FUNCTION posture_internal.remove_assets(assetset) IS
    'removes assets and all that the history has of them; returns how many rows there were';

-- What the history got of the assets by folding them is replaced by what was moved.
CREATE FUNCTION posture_internal.settle_assets(assets assetset) RETURNS SETOF known_day
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM fold_due();
    PERFORM forget_in_days(assets);
    RETURN QUERY SELECT k.day FROM snapshot_days() k;
END $$;
COMMENT ON FUNCTION posture_internal.settle_assets(assetset) IS
    'step of a move, after the rows of its assets were put in: folds them, without history; '
    'returns the days of which this database has the catalog';

CREATE FUNCTION posture_internal.end_move(of_move uuid, assets assetset, keeps boolean)
    RETURNS SETOF moved_count
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    is_target boolean := (SELECT m.is_target FROM asset_move m WHERE m.move_id = of_move);
    counts moved_count;
BEGIN
    IF is_target THEN
        PERFORM recount_days();
    ELSE
        IF keeps THEN
            PERFORM keep_pieces(of_move, assets);
        END IF;
        counts := remove_assets(assets);
    END IF;
    UPDATE asset_move m SET writer = NULL, assets = end_move.assets WHERE m.move_id = of_move;
    RETURN NEXT counts;
END $$;
COMMENT ON FUNCTION posture_internal.end_move(uuid, assetset, boolean) IS
    'ends a move in a database; the one that had the assets removes them; keeps: and keeps what '
    'undo_move() puts back';

-- A node says what is done until the head has committed that it forgot the move.
CREATE FUNCTION posture_internal.forget_move(of_move uuid, forgets boolean)
    RETURNS TABLE (applied bigint)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF forgets THEN
        DELETE FROM asset_move m WHERE m.move_id = of_move;
    ELSE
        UPDATE asset_move m SET is_done = true WHERE m.move_id = of_move;
        DELETE FROM kept_piece p WHERE p.move_id = of_move;
    END IF;
    GET DIAGNOSTICS applied = ROW_COUNT;
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION posture_internal.forget_move(uuid, boolean) IS
    'marks a move as done, because both databases have committed, or forgets it';

CREATE FUNCTION posture_internal.undo_move(of_move uuid) RETURNS TABLE (applied bigint)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    undone asset_move;
    of_piece record;
BEGIN
    SELECT m.* INTO undone FROM asset_move m WHERE m.move_id = of_move;
    PERFORM begin_move(gen_random_uuid(), undone.from_node, undone.to_node, undone.buckets,
                       undone.key, true);
    IF undone.is_target THEN
        PERFORM remove_assets(undone.assets);
    ELSE
        FOR of_piece IN
            SELECT p.*, t.relation IS NULL AS is_day
            FROM kept_piece p LEFT JOIN asset_table() t USING (relation)
            WHERE p.move_id = of_move
            ORDER BY p.piece
        LOOP
            -- the folded assets lose the history that they just got, before they get theirs
            IF of_piece.is_day AND EXISTS (SELECT FROM asset_delta) THEN
                PERFORM settle_assets(undone.assets);
            END IF;
            PERFORM import_piece(of_piece.relation, of_piece.rows);
        END LOOP;
        PERFORM recount_days();
    END IF;
    DELETE FROM asset_move m WHERE m.move_id = of_move OR m.writer = pg_current_xact_id();
    applied := 1;
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION posture_internal.undo_move(uuid) IS
    'takes back a move that only this database has committed: the one that got the assets removes '
    'them, the one that had them puts them back';

/*
 * fold() merges deltas into the sets and the history, and counts, slice by
 * slice. Only one transaction can fold at a time. It does not conflict with
 * writers of findings, and readers see the sets and deltas either before or
 * after it, never a mix.
 */

-- fold() reads these rows before it counts the slices, and deletes them after all slices.
CREATE FUNCTION posture_internal.catalog_changes(OUT ids bigint[], OUT changes text[])
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(array_agg(d.delta_id), '{}'), coalesce(array_agg(DISTINCT d.changed), '{}')
    FROM catalog_delta d;
END;
COMMENT ON FUNCTION posture_internal.catalog_changes() IS
    'step of fold(): returns the ids of the rows of catalog_delta and the tables that they name';
CREATE FUNCTION posture_internal.forget_catalog_changes(ids bigint[]) RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    DELETE FROM catalog_delta d WHERE d.delta_id = ANY (ids);
END;
COMMENT ON FUNCTION posture_internal.forget_catalog_changes(bigint[]) IS
    'step of fold(): deletes rows of catalog_delta after all slices have been counted';

CREATE FUNCTION posture_internal.due_slice(since timestamptz) RETURNS SETOF integer
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.slice
    FROM (SELECT d.slice FROM finding_delta d
          UNION
          SELECT d.slice FROM asset_delta d
          UNION
          SELECT t.slice
          FROM counted_slice t
          WHERE EXISTS (SELECT FROM catalog_delta) OR now() < t.counted_at OR now() >= t.valid_until
             OR EXISTS (SELECT FROM stale_limit('infinity'))) s
    WHERE NOT EXISTS (SELECT FROM counted_slice t WHERE t.slice = s.slice AND t.counted_at >= since)
    ORDER BY s.slice;
END;
COMMENT ON FUNCTION posture_internal.due_slice(timestamptz) IS
    'returns the slices that have deltas or must be counted again, and were not folded since a '
    'given time';

-- A transaction that grants access locks the tables that have policies last. To
-- avoid a deadlock, this function reads none of them before it locks.
CREATE FUNCTION posture_internal.lock_sets() RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM counted_slice) THEN
        -- in a restored database, rebuild() may restore row security, and begins with this lock
        LOCK TABLE run IN SHARE UPDATE EXCLUSIVE MODE;
    END IF;
    -- this lock does not block writers of findings or readers
    LOCK TABLE finding_set IN SHARE UPDATE EXCLUSIVE MODE;
END $$;
COMMENT ON FUNCTION posture_internal.lock_sets() IS
    'step of fold(), take_snapshot() and run_daily(): prevents other transactions from folding, '
    'rebuilding or taking a snapshot';

CREATE FUNCTION posture_internal.fold_due(
    OUT slices bigint, OUT deltas bigint, OUT changes bigint, OUT sets bigint)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    catalog_ids bigint[];
    catalog_changes text[];
    all_due integer[];
    due integer;
    folded record;
BEGIN
    IF is_restored() THEN
        PERFORM rebuild();
    END IF;
    SELECT c.ids, c.changes INTO catalog_ids, catalog_changes FROM catalog_changes() c;
    slices := 0;
    deltas := 0;
    changes := 0;
    sets := 0;
    all_due := ARRAY(SELECT due_slice('infinity'));
    FOREACH due IN ARRAY all_due LOOP
        PERFORM progress(format('fold: slice %s of %s', slices + 1, cardinality(all_due)));
        SELECT f.* INTO folded FROM fold_slice(due, catalog_changes) f;
        slices := slices + 1;
        deltas := deltas + folded.deltas;
        changes := changes + folded.changes;
        sets := sets + folded.sets;
    END LOOP;
    PERFORM forget_catalog_changes(catalog_ids);
END $$;
COMMENT ON FUNCTION posture_internal.fold_due() IS
    'step of fold(): folds all slices that are due; the transaction must have locked the sets';

CREATE FUNCTION posture.fold(
    OUT slices bigint, OUT deltas bigint, OUT changes bigint, OUT sets bigint)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM require_level('operator');
    PERFORM lock_sets();
    SELECT sum(f.slices), sum(f.deltas), sum(f.changes), sum(f.sets)
    INTO slices, deltas, changes, sets
    FROM (SELECT d.* FROM fold_due() d
          UNION ALL
          SELECT n.* FROM fold_nodes() n) f;
END $$;
COMMENT ON FUNCTION posture.fold() IS
    'merges the deltas since the last fold into the sets and the history, on a head also on its '
    'nodes; returns the numbers of '
    'slices, deltas, changed findings and assets, and sets';

CREATE FUNCTION posture_internal.fold_next(since timestamptz, catalog_ids bigint[])
    RETURNS boolean
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    due integer;
BEGIN
    PERFORM require_level('operator');
    PERFORM lock_sets();
    IF is_restored() THEN
        PERFORM rebuild();
    END IF;
    due := (SELECT min(d.slice) FROM due_slice(since) d(slice));
    IF due IS NOT NULL THEN
        PERFORM progress(format('fold: %s slices to go', (SELECT count(*) FROM due_slice(since))));
        -- with the catalog changes of now, because a run that began later does not fold this
        -- slice again
        PERFORM fold_slice(due, (SELECT c.changes FROM catalog_changes() c));
    ELSE
        PERFORM forget_catalog_changes(catalog_ids);
    END IF;
    RETURN due IS NOT NULL;
END $$;
COMMENT ON FUNCTION posture_internal.fold_next(timestamptz, bigint[]) IS
    'step of run_daily(): folds the first slice that was not folded since a given time and returns '
    'true; if there is none, deletes rows of catalog_delta and returns false';

CREATE FUNCTION posture_internal.fold_if_many() RETURNS boolean
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    -- above READ COMMITTED, a concurrent fold would make the whole load fail
    IF current_setting('transaction_isolation') <> 'read committed' OR is_restored()
       OR coalesce((SELECT sum(d.changes) FROM finding_delta d), 0)
          + coalesce((SELECT sum(d.changes) FROM asset_delta d), 0)
          <= greatest(touched_limit(), 2000) THEN
        RETURN false;
    END IF;
    BEGIN
        LOCK TABLE finding_set IN SHARE UPDATE EXCLUSIVE MODE NOWAIT;
    EXCEPTION WHEN lock_not_available THEN
        -- another transaction is folding
        RETURN false;
    END;
    PERFORM fold_due();
    RETURN true;
END $$;
COMMENT ON FUNCTION posture_internal.fold_if_many() IS
    'step of ingest(): folds if many findings or assets are touched and no other transaction '
    'folds; returns whether it did';

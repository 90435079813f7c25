/*
 * rebuild() recomputes the store from finding and asset, and writes what
 * differs.
 */

-- In a restored database, loading the findings has appended deltas that its
-- history already contains.
CREATE FUNCTION posture_internal.is_restored() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN NOT EXISTS (SELECT FROM counted_slice)
           AND (EXISTS (SELECT FROM finding_history) OR EXISTS (SELECT FROM asset_history)
                -- all history may be past retention; but a day is closed only after a fold, except
                -- on a head, whose days have assets of nodes
                OR NOT has_nodes()
                   AND EXISTS (SELECT FROM snapshot s JOIN recommendation_snapshot r USING (day)
                               WHERE s.taken_at >= s.ends_at AND r.assessed > 0));
COMMENT ON FUNCTION posture_internal.is_restored() IS
    'returns whether the database was restored from a dump and not rebuilt since: it has history, '
    'and its sets were never built';

CREATE TYPE posture_internal.recomputed_set AS (
    recommendation_id integer,
    assessed assetset,
    exposed assetset,
    last_changed timestamptz
);
COMMENT ON TYPE posture_internal.recomputed_set IS
    'sets of a recommendation, recomputed from finding for rebuild()';
COMMENT ON COLUMN posture_internal.recomputed_set.recommendation_id IS 'id of the recommendation';
COMMENT ON COLUMN posture_internal.recomputed_set.assessed IS 'assets that it applies to';
COMMENT ON COLUMN posture_internal.recomputed_set.exposed IS 'assets that fail it';
COMMENT ON COLUMN posture_internal.recomputed_set.last_changed IS
    'time at which any of its findings last changed';

CREATE FUNCTION posture_internal.rebuild_finding_sets(
    recomputed recomputed_set[], OUT sets bigint, OUT repaired bigint)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    WITH chunk AS (
        SELECT w.recommendation_id, c.chunk, coalesce(union_agg(c.assessed), '{}') AS assessed,
               coalesce(union_agg(c.exposed), '{}') AS exposed
        FROM unnest(recomputed) w
        CROSS JOIN LATERAL (SELECT a.chunk, a.assets AS assessed, NULL::assetset AS exposed
                            FROM chunks(w.assessed) a
                            UNION ALL
                            SELECT e.chunk, NULL, e.assets FROM chunks(w.exposed) e) c
        GROUP BY w.recommendation_id, c.chunk
    ), deleted AS (
        DELETE FROM finding_set s
        WHERE NOT EXISTS (SELECT FROM chunk c
                          WHERE c.recommendation_id = s.recommendation_id AND c.chunk = s.chunk)
        RETURNING 1
    ), written AS (
        INSERT INTO finding_set AS s (recommendation_id, chunk, assessed, exposed)
        SELECT c.* FROM chunk c
        ON CONFLICT (recommendation_id, chunk) DO UPDATE
        SET assessed = EXCLUDED.assessed, exposed = EXCLUDED.exposed
        WHERE s.assessed <> EXCLUDED.assessed OR s.exposed <> EXCLUDED.exposed
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM chunk),
           (SELECT count(*) FROM deleted) + (SELECT count(*) FROM written)
    INTO sets, repaired;
END $$;
COMMENT ON FUNCTION posture_internal.rebuild_finding_sets(recomputed_set[]) IS
    'step of rebuild(): writes the sets of findings that differ';

-- The function is in PL/pgSQL because RETURN QUERY can run in parallel. A query in
-- an assignment of PL/pgSQL or in a function in SQL can't.
CREATE FUNCTION posture_internal.recomputed_sets()
    RETURNS TABLE (delta_ids bigint[], recommendations recomputed_set[])
    LANGUAGE plpgsql STABLE ROWS 1
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
BEGIN
    -- one query has one snapshot, so the findings contain exactly the deltas that are read
    RETURN QUERY
    SELECT ARRAY(SELECT d.delta_id FROM finding_delta d),
           coalesce(array_agg((n.recommendation_id, n.assessed, n.exposed,
                               n.last_changed)::recomputed_set), '{}')
    FROM recommendation_set('infinity') n;
END $$;
COMMENT ON FUNCTION posture_internal.recomputed_sets() IS
    'step of rebuild(): returns all sets, recomputed from finding, and the deltas that they '
    'contain';

CREATE FUNCTION posture_internal.recomputed_classes()
    RETURNS TABLE (delta_ids bigint[], sets asset_set[])
    LANGUAGE plpgsql STABLE ROWS 1
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
BEGIN
    RETURN QUERY
    SELECT ARRAY(SELECT d.delta_id FROM asset_delta d),
           coalesce(array_agg((c.attribute, c.value, c.chunk, c.assets)::asset_set), '{}')
    FROM asset_class(NULL) c;
END $$;
COMMENT ON FUNCTION posture_internal.recomputed_classes() IS
    'step of rebuild(): returns the rows of asset_set, recomputed from asset, and the deltas that '
    'they contain';

-- A set that was wrong is no change of an asset.
CREATE FUNCTION posture_internal.changed_classes(delta_ids bigint[], recomputed asset_set[])
    RETURNS SETOF asset_set
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH touched AS (
        SELECT union_agg(d.assets) AS assets
        FROM asset_delta d
        WHERE d.delta_id = ANY (delta_ids)
          -- all may have changed
          AND NOT EXISTS (SELECT FROM catalog_delta c WHERE c.changed = 'asset')
    )
    SELECT attribute, value, chunk,
           set_intersect(coalesce(s.assets, '{}') # coalesce(r.assets, '{}'), t.assets)
    FROM (SELECT k.* FROM asset_set k WHERE k.attribute <> 'inactive') s
    FULL JOIN unnest(recomputed) r USING (attribute, value, chunk)
    CROSS JOIN touched t;
END;
COMMENT ON FUNCTION posture_internal.changed_classes(bigint[], asset_set[]) IS
    'step of rebuild(): returns the assets that joined and left each set of asset_set since the '
    'last fold';

CREATE FUNCTION posture.rebuild(OUT sets bigint, OUT repaired bigint, OUT slices bigint)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    findings record;
    classes record;
    catalog_ids bigint[];
    due integer;
BEGIN
    PERFORM require_level('operator');
    LOCK TABLE finding_set IN SHARE UPDATE EXCLUSIVE MODE;
    -- above READ COMMITTED, a transaction that inserts a finding which another one has deleted
    -- since sees both rows
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable')
       AND pg_current_xact_id_if_assigned() IS NOT NULL
       AND EXISTS (SELECT FROM finding f
                   GROUP BY f.recommendation_id, f.asset_id
                   HAVING count(*) > 1) THEN
        RAISE EXCEPTION 'could not serialize access due to concurrent delete'
            USING ERRCODE = 'serialization_failure',
                  DETAIL = 'A finding that this transaction inserted is there twice in its snapshot.';
    END IF;
    SELECT r.* INTO findings FROM recomputed_sets() r;
    -- the deltas that loading a dump appended are in the history of the dump
    IF NOT is_restored() THEN
        PERFORM fold_history(findings.delta_ids);
    END IF;
    PERFORM progress(format('rebuild: the findings of %s recommendations are read',
                            cardinality(findings.recommendations)));
    SELECT r.* INTO sets, repaired FROM rebuild_finding_sets(findings.recommendations) r;

    -- before the classes are, so that a change which they may lack is counted again
    catalog_ids := ARRAY(SELECT d.delta_id FROM catalog_delta d);
    SELECT c.* INTO classes FROM recomputed_classes() c;
    -- sets that were never built, as in a restored database, are no changes
    PERFORM record_asset_change(ARRAY(SELECT x
                                      FROM changed_classes(classes.delta_ids, classes.sets) x
                                      WHERE x.assets <> '{}'))
    WHERE EXISTS (SELECT FROM counted_slice);
    DELETE FROM asset_set s WHERE s.attribute <> 'inactive';
    INSERT INTO asset_set SELECT c.* FROM unnest(classes.sets) c;

    slices := 0;
    FOR due IN
        SELECT s.chunk / 16 FROM asset_set s
        UNION
        SELECT t.slice FROM object_count t
        ORDER BY 1
    LOOP
        PERFORM fold_object_count(due, '{}'::bigint[]);
        PERFORM mark_counted(due);
        slices := slices + 1;
        PERFORM progress(format('rebuild: %s sets made, %s slices counted', sets, slices));
    END LOOP;
    INSERT INTO object_count AS t (slice, object_kind, object_id, assessed, exposed, failing,
                                   critical, population, unassessed, last_changed)
    SELECT s.slice, 'recommendation', f.recommendation_id, 0, 0, 0, 0, 0, 0, f.last_changed
    FROM unnest(findings.recommendations) f CROSS JOIN counted_slice s
    ON CONFLICT (slice, object_kind, object_id, is_raw) DO UPDATE
    SET last_changed = EXCLUDED.last_changed
    WHERE t.last_changed IS DISTINCT FROM EXCLUDED.last_changed;
    DELETE FROM finding_delta d WHERE d.delta_id = ANY (findings.delta_ids);
    DELETE FROM asset_delta d WHERE d.delta_id = ANY (classes.delta_ids);
    PERFORM forget_catalog_changes(catalog_ids);
    PERFORM check_by_statement();
END $$;
COMMENT ON FUNCTION posture.rebuild() IS
    'rebuilds the stored sets and counts from finding and asset, while others read and write; call '
    'it once after restoring a dump. Returns the numbers of sets, of repaired sets and of slices';

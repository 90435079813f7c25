-- A restored database has the history, and findings whose loading appended
-- deltas that are in that history already.
CREATE FUNCTION posture_internal.is_restored() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN NOT EXISTS (SELECT FROM counted_slice)
           AND (EXISTS (SELECT FROM finding_history)
                -- all of it may be past retention: what closes a day folds it
                OR EXISTS (SELECT FROM snapshot s JOIN recommendation_snapshot r USING (day)
                           WHERE s.taken_at >= s.ends_at AND r.assessed > 0));
COMMENT ON FUNCTION posture_internal.is_restored() IS 'whether the sets were never built in this database although there is history: it comes from a dump';

CREATE TYPE posture_internal.recomputed_set AS (
    recommendation_id integer,
    assessed assetset,
    exposed assetset,
    last_changed timestamptz
);
COMMENT ON TYPE posture_internal.recomputed_set IS 'for rebuild(): a recommendation as finding has it';
COMMENT ON COLUMN posture_internal.recomputed_set.recommendation_id IS 'the recommendation';
COMMENT ON COLUMN posture_internal.recomputed_set.assessed IS 'the assets that it applies to';
COMMENT ON COLUMN posture_internal.recomputed_set.exposed IS 'the assets that fail it';
COMMENT ON COLUMN posture_internal.recomputed_set.last_changed IS 'when any of its findings last changed';

CREATE FUNCTION posture_internal.rebuild_finding_sets(fresh recomputed_set[], OUT sets bigint, OUT repaired bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    WITH chunk AS (
        SELECT w.recommendation_id, c.chunk, coalesce(union_agg(c.assessed), '{}') AS assessed,
               coalesce(union_agg(c.exposed), '{}') AS exposed
        FROM unnest(fresh) w
        CROSS JOIN LATERAL (SELECT a.chunk, a.assets AS assessed, NULL::assetset AS exposed FROM chunks(w.assessed) a
                            UNION ALL
                            SELECT e.chunk, NULL, e.assets FROM chunks(w.exposed) e) c
        GROUP BY w.recommendation_id, c.chunk
    ), wrong AS (
        DELETE FROM finding_set s
        WHERE NOT EXISTS (SELECT FROM chunk c WHERE c.recommendation_id = s.recommendation_id AND c.chunk = s.chunk)
        RETURNING 1
    ), missing AS (
        INSERT INTO finding_set AS s (recommendation_id, chunk, assessed, exposed)
        SELECT c.* FROM chunk c
        ON CONFLICT (recommendation_id, chunk) DO UPDATE
        SET assessed = EXCLUDED.assessed, exposed = EXCLUDED.exposed
        WHERE s.assessed <> EXCLUDED.assessed OR s.exposed <> EXCLUDED.exposed
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM chunk), (SELECT count(*) FROM wrong) + (SELECT count(*) FROM missing) INTO sets, repaired;
END $$;
COMMENT ON FUNCTION posture_internal.rebuild_finding_sets(recomputed_set[]) IS 'step of rebuild(): writes the sets that are not as they should be';

-- RETURN QUERY works in parallel, whoever calls it; a query that PL/pgSQL
-- assigns from, and a function in SQL, do not.
CREATE FUNCTION posture_internal.recomputed_sets()
    RETURNS TABLE (delta_ids bigint[], recommendations recomputed_set[])
    LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
BEGIN
    -- one moment: a delta that is seen is in the findings that are seen, one that comes later is not
    RETURN QUERY
    SELECT ARRAY(SELECT d.delta_id FROM finding_delta d),
           coalesce(array_agg((n.recommendation_id, n.assessed, n.exposed, n.last_changed)::recomputed_set), '{}')
    FROM recommendation_set('infinity') n;
END $$;
COMMENT ON FUNCTION posture_internal.recomputed_sets() IS 'step of rebuild(): all sets as finding has them, and the deltas that they contain';

CREATE FUNCTION posture_internal.recomputed_classes()
    RETURNS TABLE (delta_ids bigint[], sets asset_set[])
    LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
BEGIN
    RETURN QUERY
    SELECT ARRAY(SELECT d.delta_id FROM asset_delta d),
           coalesce(array_agg((c.attribute, c.value, c.chunk, c.assets)::asset_set), '{}')
    FROM asset_class(NULL) c;
END $$;
COMMENT ON FUNCTION posture_internal.recomputed_classes() IS 'step of rebuild(): all sets as asset has them, and the deltas that they contain';

CREATE FUNCTION posture.rebuild(OUT sets bigint, OUT repaired bigint, OUT slices bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    fresh record;
    classes record;
    catalog_ids bigint[];
    due integer;
BEGIN
    IF row_security_error() IS NOT NULL THEN
        PERFORM set_row_security();
    END IF;
    LOCK TABLE finding_set IN SHARE UPDATE EXCLUSIVE MODE;
    -- above READ COMMITTED, who inserts a finding that another has deleted since sees both
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') AND pg_current_xact_id_if_assigned() IS NOT NULL
       AND EXISTS (SELECT FROM finding f GROUP BY f.recommendation_id, f.asset_id HAVING count(*) > 1) THEN
        RAISE EXCEPTION 'could not serialize access due to concurrent delete'
            USING ERRCODE = 'serialization_failure', DETAIL = 'A finding that this transaction inserted is there twice in its snapshot.';
    END IF;
    SELECT r.* INTO fresh FROM recomputed_sets() r;
    -- what loading a dump appended is in the history of the dump
    IF NOT is_restored() THEN
        PERFORM fold_history(fresh.delta_ids);
    END IF;
    PERFORM progress(format('rebuild: the findings of %s recommendations are read', cardinality(fresh.recommendations)));
    SELECT r.* INTO sets, repaired FROM rebuild_finding_sets(fresh.recommendations) r;

    SELECT c.* INTO classes FROM recomputed_classes() c;
    DELETE FROM asset_set s WHERE s.attribute <> 'inactive';
    INSERT INTO asset_set SELECT c.* FROM unnest(classes.sets) c;

    catalog_ids := ARRAY(SELECT d.delta_id FROM catalog_delta d);
    slices := 0;
    FOR due IN
        SELECT s.chunk / 16 FROM asset_set s
        UNION
        SELECT t.slice FROM object_count t
        ORDER BY 1
    LOOP
        PERFORM fold_object_count(due, '{}'::bigint[]);
        slices := slices + 1;
        PERFORM progress(format('rebuild: %s sets made, %s slices counted', sets, slices));
    END LOOP;
    INSERT INTO object_count AS t (slice, object_kind, object_id, assessed, exposed, failing, critical, last_changed)
    SELECT s.slice, 'recommendation', f.recommendation_id, 0, 0, 0, 0, f.last_changed
    FROM unnest(fresh.recommendations) f CROSS JOIN counted_slice s
    ON CONFLICT (slice, object_kind, object_id) DO UPDATE
    SET last_changed = EXCLUDED.last_changed
    WHERE t.last_changed IS DISTINCT FROM EXCLUDED.last_changed;
    DELETE FROM finding_delta d WHERE d.delta_id = ANY (fresh.delta_ids);
    DELETE FROM asset_delta d WHERE d.delta_id = ANY (classes.delta_ids);
    PERFORM forget_catalog_changes(catalog_ids);
END $$;
COMMENT ON FUNCTION posture.rebuild() IS 'makes what is kept anew from finding and asset, beside writers and readers; to be called once after a dump was restored. Returns how many sets there are and how many of them were mended';

/*
 * finding and asset are the truth: verify() compares what is kept with them,
 * rebuild() makes it anew.
 */

CREATE FUNCTION posture.find_differences()
    RETURNS TABLE (part text, recommendation text, chunk integer, difference text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH toggle AS MATERIALIZED (
        SELECT t.* FROM posture.finding_toggle('infinity'::date, NULL::integer[]) t
    ), kept AS (
        SELECT k.recommendation_id, k.chunk, coalesce(posture.xor_agg(k.assessed), '{}') AS assessed, coalesce(posture.xor_agg(k.exposed), '{}') AS exposed
        FROM (SELECT s.recommendation_id, s.chunk, s.assessed, s.exposed FROM posture.finding_set s
              UNION ALL
              SELECT t.recommendation_id, c.chunk, c.assets, NULL FROM toggle t CROSS JOIN LATERAL posture.chunks(t.assessed) c
              UNION ALL
              SELECT t.recommendation_id, c.chunk, NULL, c.assets FROM toggle t CROSS JOIN LATERAL posture.chunks(t.exposed) c) k
        GROUP BY k.recommendation_id, k.chunk
    ), whole AS MATERIALIZED (
        SELECT n.recommendation_id, n.assessed, n.exposed FROM posture.recommendation_set('infinity'::timestamptz) n
    ), fresh AS (
        SELECT w.recommendation_id, c.chunk, posture.union_agg(c.assessed) AS assessed, posture.union_agg(c.exposed) AS exposed
        FROM whole w
        CROSS JOIN LATERAL (SELECT a.chunk, a.assets AS assessed, NULL::posture.assetset AS exposed FROM posture.chunks(w.assessed) a
                            UNION ALL
                            SELECT e.chunk, NULL, e.assets FROM posture.chunks(w.exposed) e) c
        GROUP BY w.recommendation_id, c.chunk
    ), compared AS (
        SELECT recommendation_id, chunk,
               posture.cardinality(coalesce(k.assessed, '{}') OPERATOR(posture.#) coalesce(f.assessed, '{}')) AS assessed,
               posture.cardinality(coalesce(k.exposed, '{}') OPERATOR(posture.#) coalesce(f.exposed, '{}')) AS exposed
        FROM kept k FULL JOIN fresh f USING (recommendation_id, chunk)
    )
    SELECT 'finding_set', coalesce(posture.recommendation_label(c.recommendation_id), c.recommendation_id::text), c.chunk,
           format('%s assets are wrong among the assessed ones, %s among the exposed ones', c.assessed, c.exposed)
    FROM compared c
    WHERE c.assessed > 0 OR c.exposed > 0
    ORDER BY 2, 3;

    PERFORM posture.progress(text 'verify: sets of findings are compared');
    RETURN QUERY
    WITH touched AS MATERIALIZED (
        SELECT coalesce(posture.union_agg(d.assets), '{}') AS assets FROM posture.asset_delta d
    ), kept AS (
        SELECT s.attribute, s.value, s.chunk, posture.without(s.assets, t.assets) AS assets
        FROM posture.asset_set s CROSS JOIN touched t
        WHERE s.attribute <> 'gone'
    ), fresh AS (
        SELECT c.attribute, c.value, c.chunk, posture.without(c.assets, t.assets) AS assets
        FROM posture.asset_class(NULL::posture.assetset) c CROSS JOIN touched t
    )
    SELECT 'asset_set', NULL::text, chunk,
           format('%s assets are wrong in %s "%s"',
                  posture.cardinality(coalesce(k.assets, '{}') OPERATOR(posture.#) coalesce(f.assets, '{}')), attribute, value)
    FROM kept k FULL JOIN fresh f USING (attribute, value, chunk)
    WHERE coalesce(k.assets, '{}') OPERATOR(posture.<>) coalesce(f.assets, '{}')
      -- not used as they are while such a change is not folded
      AND NOT EXISTS (SELECT FROM posture.catalog_delta d WHERE d.changed = 'asset' OR d.changed = 'asset_group' AND attribute = 'group')
    ORDER BY 3, 4;

    PERFORM posture.progress(text 'verify: sets of assets are compared');
    RETURN QUERY
    SELECT 'tally', CASE WHEN object_kind = 'recommendation' THEN posture.recommendation_label(object_id) END, NULL::integer,
           format('%s %s has %s assets assessed, %s exposed, %s failing and %s critical, not %s, %s, %s and %s', object_kind,
                  coalesce(CASE object_kind WHEN 'recommendation' THEN posture.recommendation_label(object_id)
                                            WHEN 'metric' THEN (SELECT m.key FROM posture.metric m WHERE m.metric_id = object_id)
                                            ELSE (SELECT i.key FROM posture.initiative i WHERE i.initiative_id = object_id) END, object_id::text),
                  coalesce(f.assessed, 0), coalesce(f.exposed, 0), coalesce(f.failing, 0), coalesce(f.critical, 0),
                  coalesce(k.assessed, 0), coalesce(k.exposed, 0), coalesce(k.failing, 0), coalesce(k.critical, 0))
    FROM posture.tally_now() k
    FULL JOIN posture.asset_count('infinity'::timestamptz, false) f USING (object_kind, object_id)
    WHERE (coalesce(k.assessed, 0), coalesce(k.exposed, 0), coalesce(k.failing, 0), coalesce(k.critical, 0))
          IS DISTINCT FROM (coalesce(f.assessed, 0), coalesce(f.exposed, 0), coalesce(f.failing, 0), coalesce(f.critical, 0))
    ORDER BY 4;

    RETURN QUERY
    SELECT 'rule', posture.recommendation_label(d.recommendation_id), NULL::integer,
           format('metric %s %s', m.key, CASE WHEN d.joins THEN 'lacks what its rule picks' ELSE 'has what its rule does not pick' END)
    FROM posture.rule_difference(posture.ruled_metrics(), ARRAY(SELECT r.recommendation_id FROM posture.recommendation r)) d
    JOIN posture.metric m ON m.metric_id = d.metric_id
    ORDER BY 4, 2;

    RETURN QUERY
    SELECT 'row security', NULL::text, NULL::integer, posture.row_security_fault()
    WHERE posture.row_security_fault() IS NOT NULL;
END $$;
COMMENT ON FUNCTION posture.find_differences() IS 'step of verify(): compares, all of it in one snapshot';

CREATE FUNCTION posture.verify()
    RETURNS TABLE (part text, recommendation text, chunk integer, difference text)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    differences bigint := 0;
    first text;
BEGIN
    FOR part, recommendation, chunk, difference IN SELECT d.* FROM posture.find_differences() d LOOP
        differences := differences + 1;
        first := coalesce(first, difference);
        RETURN NEXT;
    END LOOP;
    -- a standby, and who may only read, verify as well
    IF NOT current_setting('transaction_read_only')::boolean
       AND has_table_privilege('posture.verification'::regclass, 'INSERT') THEN
        INSERT INTO posture.verification (verified_at, differences, message) VALUES (clock_timestamp(), differences, first);
    END IF;
END $$;
COMMENT ON FUNCTION posture.verify() IS 'compares what is kept with finding and asset, and members with rules: a row for each difference, none when all is well; rebuild() mends them, and apply_rules() those of rules';

CREATE TYPE posture.rebuilt AS (
    recommendation_id integer,
    assessed posture.assetset,
    exposed posture.assetset,
    last_changed timestamptz
);
COMMENT ON TYPE posture.rebuilt IS 'for rebuild(): a recommendation as finding has it';
COMMENT ON COLUMN posture.rebuilt.recommendation_id IS 'the recommendation';
COMMENT ON COLUMN posture.rebuilt.assessed IS 'the assets that it applies to';
COMMENT ON COLUMN posture.rebuilt.exposed IS 'the assets that fail it';
COMMENT ON COLUMN posture.rebuilt.last_changed IS 'when any of its findings last changed';

CREATE FUNCTION posture.rebuild_findings(fresh posture.rebuilt[], OUT sets bigint, OUT mended bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
BEGIN
    WITH chunk AS MATERIALIZED (
        SELECT w.recommendation_id, c.chunk, coalesce(posture.union_agg(c.assessed), '{}') AS assessed,
               coalesce(posture.union_agg(c.exposed), '{}') AS exposed
        FROM unnest(fresh) w
        CROSS JOIN LATERAL (SELECT a.chunk, a.assets AS assessed, NULL::posture.assetset AS exposed FROM posture.chunks(w.assessed) a
                            UNION ALL
                            SELECT e.chunk, NULL, e.assets FROM posture.chunks(w.exposed) e) c
        GROUP BY w.recommendation_id, c.chunk
    ), wrong AS (
        DELETE FROM posture.finding_set s
        WHERE NOT EXISTS (SELECT FROM chunk c WHERE c.recommendation_id = s.recommendation_id AND c.chunk = s.chunk)
        RETURNING 1
    ), missing AS (
        INSERT INTO posture.finding_set AS s (recommendation_id, chunk, assessed, exposed)
        SELECT c.* FROM chunk c
        ON CONFLICT (recommendation_id, chunk) DO UPDATE
        SET assessed = EXCLUDED.assessed, exposed = EXCLUDED.exposed
        WHERE s.assessed OPERATOR(posture.<>) EXCLUDED.assessed OR s.exposed OPERATOR(posture.<>) EXCLUDED.exposed
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM chunk), (SELECT count(*) FROM wrong) + (SELECT count(*) FROM missing) INTO sets, mended;
END $$;
COMMENT ON FUNCTION posture.rebuild_findings(posture.rebuilt[]) IS 'step of rebuild(): writes the sets that are not as they should be';

-- RETURN QUERY works in parallel, whoever calls it; a query that PL/pgSQL
-- assigns from, and a function in SQL, do not.
CREATE FUNCTION posture.recomputed()
    RETURNS TABLE (delta_ids bigint[], recommendations posture.rebuilt[])
    LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
BEGIN
    -- one moment: a delta that is seen is in the findings that are seen, one that comes later is not
    RETURN QUERY
    SELECT ARRAY(SELECT d.delta_id FROM posture.finding_delta d),
           coalesce(array_agg((n.recommendation_id, n.assessed, n.exposed, n.last_changed)::posture.rebuilt), '{}')
    FROM posture.recommendation_set('infinity'::timestamptz) n;
END $$;
COMMENT ON FUNCTION posture.recomputed() IS 'step of rebuild(): all sets as finding has them, and the deltas that they contain';

CREATE FUNCTION posture.classified()
    RETURNS TABLE (delta_ids bigint[], sets posture.asset_set[])
    LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
BEGIN
    RETURN QUERY
    SELECT ARRAY(SELECT d.delta_id FROM posture.asset_delta d),
           coalesce(array_agg((c.attribute, c.value, c.chunk, c.assets)::posture.asset_set), '{}')
    FROM posture.asset_class(NULL::posture.assetset) c;
END $$;
COMMENT ON FUNCTION posture.classified() IS 'step of rebuild(): all sets as asset has them, and the deltas that they contain';

CREATE FUNCTION posture.rebuild(OUT sets bigint, OUT mended bigint, OUT slices bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fresh record;
    classes record;
    catalog_ids bigint[];
    due integer;
BEGIN
    IF posture.row_security_fault() IS NOT NULL THEN
        PERFORM posture.set_row_security();
    END IF;
    LOCK TABLE posture.finding_set IN SHARE UPDATE EXCLUSIVE MODE;
    -- above READ COMMITTED, who inserts a finding that another has deleted since sees both
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') AND pg_current_xact_id_if_assigned() IS NOT NULL
       AND EXISTS (SELECT FROM posture.finding f GROUP BY f.recommendation_id, f.asset_id HAVING count(*) > 1) THEN
        RAISE EXCEPTION 'could not serialize access due to concurrent delete'
            USING ERRCODE = 'serialization_failure', DETAIL = 'A finding that this transaction inserted is there twice in its snapshot.';
    END IF;
    SELECT r.* INTO fresh FROM posture.recomputed() r;
    -- what loading a dump appended is in the history of the dump
    IF NOT posture.is_restored() THEN
        PERFORM posture.fold_history(fresh.delta_ids);
    END IF;
    PERFORM posture.progress(format('rebuild: the findings of %s recommendations are read', cardinality(fresh.recommendations)));
    SELECT r.* INTO sets, mended FROM posture.rebuild_findings(fresh.recommendations) r;

    SELECT c.* INTO classes FROM posture.classified() c;
    DELETE FROM posture.asset_set s WHERE s.attribute <> 'gone';
    INSERT INTO posture.asset_set SELECT c.* FROM unnest(classes.sets) c;

    catalog_ids := ARRAY(SELECT d.delta_id FROM posture.catalog_delta d);
    slices := 0;
    FOR due IN
        SELECT s.chunk / 16 FROM posture.asset_set s
        UNION
        SELECT t.slice FROM posture.tally t
        ORDER BY 1
    LOOP
        PERFORM posture.fold_tally(due, '{}'::bigint[]);
        slices := slices + 1;
        PERFORM posture.progress(format('rebuild: %s sets made, %s slices counted', sets, slices));
    END LOOP;
    INSERT INTO posture.tally AS t (slice, object_kind, object_id, assessed, exposed, failing, critical, last_changed)
    SELECT s.slice, 'recommendation', f.recommendation_id, 0, 0, 0, 0, f.last_changed
    FROM unnest(fresh.recommendations) f CROSS JOIN posture.tally_slice s
    ON CONFLICT (slice, object_kind, object_id) DO UPDATE
    SET last_changed = EXCLUDED.last_changed
    WHERE t.last_changed IS DISTINCT FROM EXCLUDED.last_changed;
    DELETE FROM posture.finding_delta d WHERE d.delta_id = ANY (fresh.delta_ids);
    DELETE FROM posture.asset_delta d WHERE d.delta_id = ANY (classes.delta_ids);
    PERFORM posture.forget_catalog_changes(catalog_ids);
END $$;
COMMENT ON FUNCTION posture.rebuild() IS 'makes what is kept anew from finding and asset, beside writers and readers; to be called once after a dump was restored. Returns how many sets there are and how many of them were mended';

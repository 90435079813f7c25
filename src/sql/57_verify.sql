/*
 * finding and asset are the truth: verify() compares what is kept with them,
 * rebuild() makes it anew.
 */

CREATE FUNCTION posture.chunk_set()
    RETURNS TABLE (recommendation_id integer, chunk integer, assessed posture.assetset, exposed posture.assetset)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT f.recommendation_id, f.asset_id / 65536,
           posture.assetset_agg(f.asset_id),
           coalesce(posture.assetset_agg(f.asset_id) FILTER (WHERE f.state = 'non_compliant'), '{}')
    FROM posture.finding f
    WHERE f.state <> 'not_applicable'
    GROUP BY f.recommendation_id, f.asset_id / 65536;
END;
COMMENT ON FUNCTION posture.chunk_set() IS 'finding_set as it should be, recomputed from finding';

CREATE FUNCTION posture.verify()
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
    ), compared AS (
        SELECT recommendation_id, chunk,
               posture.cardinality(coalesce(k.assessed, '{}') OPERATOR(posture.#) coalesce(f.assessed, '{}')) AS assessed,
               posture.cardinality(coalesce(k.exposed, '{}') OPERATOR(posture.#) coalesce(f.exposed, '{}')) AS exposed
        FROM kept k FULL JOIN posture.chunk_set() f USING (recommendation_id, chunk)
    )
    SELECT 'finding_set', coalesce(posture.recommendation_label(c.recommendation_id), c.recommendation_id::text), c.chunk,
           format('%s assets are wrong among the assessed ones, %s among the exposed ones', c.assessed, c.exposed)
    FROM compared c
    WHERE c.assessed > 0 OR c.exposed > 0
    ORDER BY 2, 3;

    RETURN QUERY
    WITH touched AS MATERIALIZED (
        SELECT coalesce(posture.union_agg(d.assets), '{}') AS assets FROM posture.asset_delta d
    ), kept AS (
        SELECT s.attribute, s.value, s.chunk, posture.without(s.assets, t.assets) AS assets
        FROM posture.asset_set s CROSS JOIN touched t
        WHERE s.attribute <> 'gone'
    ), fresh AS (
        SELECT c.attribute, c.value, c.chunk, posture.without(c.assets, t.assets) AS assets
        FROM posture.asset_class(NULL) c CROSS JOIN touched t
    )
    SELECT 'asset_set', NULL::text, chunk,
           format('%s assets are wrong in %s "%s"',
                  posture.cardinality(coalesce(k.assets, '{}') OPERATOR(posture.#) coalesce(f.assets, '{}')), attribute, value)
    FROM kept k FULL JOIN fresh f USING (attribute, value, chunk)
    WHERE coalesce(k.assets, '{}') OPERATOR(posture.<>) coalesce(f.assets, '{}')
      -- not used as they are while such a change is not folded
      AND NOT EXISTS (SELECT FROM posture.catalog_delta d WHERE d.changed = 'asset' OR d.changed = 'asset_group' AND attribute = 'group')
    ORDER BY 3, 4;

    RETURN QUERY
    SELECT 'tally', CASE WHEN object_kind = 'recommendation' THEN posture.recommendation_label(object_id) END, NULL::integer,
           format('%s %s has %s assets assessed and %s exposed, not %s and %s', object_kind,
                  coalesce(CASE object_kind WHEN 'recommendation' THEN posture.recommendation_label(object_id)
                                            WHEN 'metric' THEN (SELECT m.key FROM posture.metric m WHERE m.metric_id = object_id)
                                            ELSE (SELECT i.key FROM posture.initiative i WHERE i.initiative_id = object_id) END, object_id::text),
                  coalesce(f.assessed, 0), coalesce(f.exposed, 0), coalesce(k.assessed, 0), coalesce(k.exposed, 0))
    FROM posture.tally_now() k
    FULL JOIN posture.asset_count('infinity'::timestamptz, false) f USING (object_kind, object_id)
    WHERE (coalesce(k.assessed, 0), coalesce(k.exposed, 0), coalesce(k.failing, 0), coalesce(k.critical, 0))
          IS DISTINCT FROM (coalesce(f.assessed, 0), coalesce(f.exposed, 0), coalesce(f.failing, 0), coalesce(f.critical, 0))
    ORDER BY 4;
END $$;
COMMENT ON FUNCTION posture.verify() IS 'compares what is kept with finding and asset: a row for each difference, none when all is well; rebuild() mends them';

CREATE FUNCTION posture.rebuild(OUT sets bigint, OUT mended bigint, OUT slices bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
DECLARE
    fresh posture.finding_set[];
    ids bigint[];
    asset_ids bigint[];
    catalog_ids bigint[];
    first boolean := NOT EXISTS (SELECT FROM posture.tally_slice);
    due integer;
BEGIN
    LOCK TABLE posture.finding_set IN SHARE UPDATE EXCLUSIVE MODE;
    -- one statement, one moment: a delta that it sees is in the findings that
    -- it sees, one that comes later is not
    SELECT (SELECT coalesce(array_agg(d.delta_id), '{}') FROM posture.finding_delta d),
           coalesce(array_agg((c.recommendation_id, c.chunk, c.assessed, c.exposed)::posture.finding_set), '{}')
    INTO ids, fresh
    FROM posture.chunk_set() c;
    sets := cardinality(fresh);
    -- what loading a dump appended is in the history of the dump
    IF NOT posture.is_restored() THEN
        PERFORM posture.fold_history(ids);
    END IF;
    DELETE FROM posture.finding_set s
    WHERE NOT EXISTS (SELECT FROM unnest(fresh) f WHERE f.recommendation_id = s.recommendation_id AND f.chunk = s.chunk);
    GET DIAGNOSTICS mended = ROW_COUNT;
    WITH changed AS (
        INSERT INTO posture.finding_set AS s
        SELECT f.* FROM unnest(fresh) f
        ON CONFLICT (recommendation_id, chunk) DO UPDATE
        SET assessed = EXCLUDED.assessed, exposed = EXCLUDED.exposed
        WHERE s.assessed OPERATOR(posture.<>) EXCLUDED.assessed OR s.exposed OPERATOR(posture.<>) EXCLUDED.exposed
        RETURNING 1
    )
    SELECT mended + count(*) INTO mended FROM changed;
    fresh := NULL;

    asset_ids := ARRAY(SELECT d.delta_id FROM posture.asset_delta d);
    catalog_ids := ARRAY(SELECT d.delta_id FROM posture.catalog_delta d);
    slices := 0;
    FOR due IN
        SELECT a.asset_id / 1048576 FROM posture.asset a GROUP BY 1
        UNION
        SELECT s.chunk / 16 FROM posture.asset_set s
        UNION
        SELECT t.slice FROM posture.tally t
        ORDER BY 1
    LOOP
        DELETE FROM posture.asset_set s WHERE s.chunk BETWEEN due * 16 AND due * 16 + 15;
        PERFORM posture.fold_assets(due, (SELECT coalesce(posture.assetset_agg(a.asset_id), '{}') FROM posture.asset a WHERE a.asset_id / 1048576 = due));
        PERFORM posture.fold_tally(due, ids);
        slices := slices + 1;
    END LOOP;
    IF first THEN
        INSERT INTO posture.tally AS t (slice, object_kind, object_id, assessed, exposed, failing, critical, last_changed)
        SELECT f.asset_id / 1048576, 'recommendation', f.recommendation_id, 0, 0, 0, 0, max(f.changed_at)
        FROM posture.finding f
        GROUP BY f.asset_id / 1048576, f.recommendation_id
        ON CONFLICT (slice, object_kind, object_id) DO UPDATE
        SET last_changed = EXCLUDED.last_changed;
    END IF;
    DELETE FROM posture.finding_delta d WHERE d.delta_id = ANY (ids);
    DELETE FROM posture.asset_delta d WHERE d.delta_id = ANY (asset_ids);
    DELETE FROM posture.catalog_delta d WHERE d.delta_id = ANY (catalog_ids);
END $$;
COMMENT ON FUNCTION posture.rebuild() IS 'makes what is kept anew from finding and asset, beside writers and readers; after a restore of a dump it is to be called once. Returns how many sets there are and how many of them were mended';

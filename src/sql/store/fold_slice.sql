/*
 * fold(): merges what statements appended into the sets and the history, and
 * tallies, slice by slice. One at a time; it touches nothing that a writer of
 * findings touches, and readers see the sets and deltas of before or of after.
 */

CREATE FUNCTION posture_internal.fold_history(delta_ids bigint[]) RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    -- what became known after its day had its snapshot belongs to the day after
    INSERT INTO finding_history AS h (day, recommendation_id, assessed, exposed)
    SELECT e.day, e.recommendation_id, xor_agg(e.assessed), xor_agg(e.exposed)
    FROM (SELECT greatest(d.day, closed_day() + 1) AS day,
                 x.recommendation_id, x.assessed, x.exposed
          FROM finding_delta d
          CROSS JOIN LATERAL unnest(d.recommendations, d.assessed, d.exposed) x(recommendation_id, assessed, exposed)
          WHERE d.delta_id = ANY (delta_ids)) e
    GROUP BY e.day, e.recommendation_id
    ON CONFLICT (day, recommendation_id) DO UPDATE
    SET assessed = h.assessed # EXCLUDED.assessed, exposed = h.exposed # EXCLUDED.exposed;
END;
COMMENT ON FUNCTION posture_internal.fold_history(bigint[]) IS 'step of fold(): merges deltas into finding_history';

CREATE FUNCTION posture_internal.fold_findings(delta_ids bigint[]) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    sets bigint;
BEGIN
    WITH net AS (
        SELECT e.recommendation_id, xor_agg(e.assessed) AS assessed, xor_agg(e.exposed) AS exposed
        FROM finding_delta d
        CROSS JOIN LATERAL unnest(d.recommendations, d.assessed, d.exposed) e(recommendation_id, assessed, exposed)
        WHERE d.delta_id = ANY (delta_ids)
        GROUP BY e.recommendation_id
    )
    INSERT INTO finding_set AS s (recommendation_id, chunk, assessed, exposed)
    SELECT p.recommendation_id, p.chunk, coalesce(union_agg(p.assessed), '{}'), coalesce(union_agg(p.exposed), '{}')
    FROM (SELECT n.recommendation_id, c.chunk, c.assets AS assessed, NULL::assetset AS exposed
          FROM net n CROSS JOIN LATERAL chunks(n.assessed) c
          UNION ALL
          SELECT n.recommendation_id, c.chunk, NULL, c.assets
          FROM net n CROSS JOIN LATERAL chunks(n.exposed) c) p
    GROUP BY p.recommendation_id, p.chunk
    ON CONFLICT (recommendation_id, chunk) DO UPDATE
    SET assessed = s.assessed # EXCLUDED.assessed, exposed = s.exposed # EXCLUDED.exposed;
    GET DIAGNOSTICS sets = ROW_COUNT;
    RETURN sets;
END $$;
COMMENT ON FUNCTION posture_internal.fold_findings(bigint[]) IS 'step of fold(): merges deltas into finding_set';

CREATE FUNCTION posture_internal.fold_assets(of_slice integer, touched assetset) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    WITH merged AS (
        SELECT attribute, value, chunk,
               CASE WHEN f.assets IS NULL THEN set_difference(s.assets, touched)
                    ELSE set_difference(coalesce(s.assets, '{}'), touched) | f.assets END AS assets
        FROM (SELECT k.attribute, k.value, k.chunk, k.assets
              FROM asset_set k
              WHERE k.attribute <> 'inactive' AND k.chunk BETWEEN of_slice * 16 AND of_slice * 16 + 15) s
        FULL JOIN asset_class(touched) f USING (attribute, value, chunk)
    ), emptied AS (
        DELETE FROM asset_set s
        USING merged m
        WHERE s.attribute = m.attribute AND s.value = m.value AND s.chunk = m.chunk AND m.assets = '{}'
    )
    INSERT INTO asset_set AS s (attribute, value, chunk, assets)
    SELECT m.attribute, m.value, m.chunk, m.assets
    FROM merged m
    WHERE m.assets <> '{}'
    ON CONFLICT (attribute, chunk, value) DO UPDATE
    SET assets = EXCLUDED.assets
    WHERE s.assets <> EXCLUDED.assets;
END $$;
COMMENT ON FUNCTION posture_internal.fold_assets(integer, assetset) IS 'step of fold(): brings asset_set up to date for the touched assets of a slice';

CREATE FUNCTION posture_internal.fold_object_count(of_slice integer, delta_ids bigint[]) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
BEGIN
    WITH fresh AS (
        SELECT e.* FROM exposure('infinity', true, of_slice, NULL) e
    ), inactive AS (
        SELECT c.chunk, c.assets
        FROM fresh f CROSS JOIN LATERAL chunks(f.exposed) c
        WHERE f.object_kind = 'inactive' AND c.chunk BETWEEN of_slice * 16 AND of_slice * 16 + 15
    ), returned AS (
        DELETE FROM asset_set s
        WHERE s.attribute = 'inactive' AND s.chunk BETWEEN of_slice * 16 AND of_slice * 16 + 15
          AND NOT EXISTS (SELECT FROM inactive g WHERE g.chunk = s.chunk)
    ), went AS (
        INSERT INTO asset_set AS s (attribute, value, chunk, assets)
        SELECT 'inactive', '', g.chunk, g.assets
        FROM inactive g
        ON CONFLICT (attribute, chunk, value) DO UPDATE
        SET assets = EXCLUDED.assets
        WHERE s.assets <> EXCLUDED.assets
    ), class AS MATERIALIZED (
        SELECT criticality_sets(true, of_slice) AS sets
    ), changed AS (
        SELECT e.recommendation_id, max(e.last_changed) AS last_changed
        FROM finding_delta d CROSS JOIN LATERAL unnest(d.recommendations, d.last_changed) e(recommendation_id, last_changed)
        WHERE d.delta_id = ANY (delta_ids)
        GROUP BY e.recommendation_id
    ), object AS (
        -- a recommendation without assets keeps when its findings changed
        SELECT f.object_kind, f.object_id FROM fresh f WHERE f.object_kind <> 'inactive'
        UNION
        SELECT 'recommendation', x.recommendation_id FROM changed x
        UNION
        SELECT t.object_kind, t.object_id FROM object_count t WHERE t.slice = of_slice AND t.object_kind = 'recommendation'
    ), counted AS (
        SELECT object_kind, object_id, weighted_count(f.assessed, m.criticality_weights, c.sets) AS assessed,
               weighted_count(f.exposed, m.criticality_weights, c.sets) AS exposed,
               coalesce(cardinality(f.failing), 0) AS failing,
               CASE WHEN object_kind <> 'recommendation'
                    THEN coalesce(cardinality(f.exposed & c.sets[4]), 0) ELSE 0 END AS critical,
               x.last_changed
        FROM object
        CROSS JOIN class c
        LEFT JOIN fresh f USING (object_kind, object_id)
        LEFT JOIN metric m ON object_kind = 'metric' AND m.metric_id = object_id
        LEFT JOIN changed x ON object_kind = 'recommendation' AND x.recommendation_id = object_id
    ), dropped AS (
        DELETE FROM object_count t
        WHERE t.slice = of_slice
          AND NOT EXISTS (SELECT FROM counted c WHERE c.object_kind = t.object_kind AND c.object_id = t.object_id)
    )
    INSERT INTO object_count AS t (slice, object_kind, object_id, assessed, exposed, failing, critical, last_changed)
    SELECT of_slice, c.* FROM counted c
    ON CONFLICT (slice, object_kind, object_id) DO UPDATE
    SET assessed = EXCLUDED.assessed, exposed = EXCLUDED.exposed, failing = EXCLUDED.failing, critical = EXCLUDED.critical,
        last_changed = greatest(t.last_changed, EXCLUDED.last_changed)
    WHERE (t.assessed, t.exposed, t.failing, t.critical, t.last_changed)
          IS DISTINCT FROM (EXCLUDED.assessed, EXCLUDED.exposed, EXCLUDED.failing, EXCLUDED.critical, greatest(t.last_changed, EXCLUDED.last_changed));

    INSERT INTO counted_slice AS s (slice, counted_at, valid_until)
    SELECT of_slice, now(), least(
        (SELECT min(e.expires_at) FROM exemption e WHERE e.expires_at > now()),
        (SELECT min(e.created_at) FROM exemption e WHERE e.created_at > now()),
        (SELECT min(a.retired_at) FROM asset a WHERE a.retired_at > now()),
        'infinity')
    ON CONFLICT (slice) DO UPDATE
    SET counted_at = EXCLUDED.counted_at, valid_until = EXCLUDED.valid_until;
END $$;
COMMENT ON FUNCTION posture_internal.fold_object_count(integer, bigint[]) IS 'step of fold(): counts a slice of the folded sets anew';

CREATE FUNCTION posture_internal.fold_slice(of_slice integer, catalog_changes text[], OUT deltas bigint, OUT changes bigint, OUT sets bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
DECLARE
    -- what is appended from here on waits for the next fold
    ids bigint[] := ARRAY(SELECT d.delta_id FROM finding_delta d WHERE d.slice = of_slice);
    asset_ids bigint[] := ARRAY(SELECT d.delta_id FROM asset_delta d WHERE d.slice = of_slice);
    touched assetset;
BEGIN
    deltas := cardinality(ids) + cardinality(asset_ids);
    changes := coalesce((SELECT sum(d.changes) FROM finding_delta d WHERE d.delta_id = ANY (ids)), 0)
             + coalesce((SELECT sum(d.changes) FROM asset_delta d WHERE d.delta_id = ANY (asset_ids)), 0);
    sets := 0;
    IF cardinality(ids) > 0 THEN
        PERFORM fold_history(ids);
        sets := fold_findings(ids);
    END IF;
    IF catalog_changes && '{asset,asset_group}' THEN
        touched := (SELECT union_agg(x.assets)
                    FROM (SELECT assetset_agg(a.asset_id) AS assets FROM asset a WHERE a.asset_id / 1048576 = of_slice
                          UNION ALL
                          SELECT s.assets FROM asset_set s WHERE s.chunk BETWEEN of_slice * 16 AND of_slice * 16 + 15) x);
    ELSE
        touched := (SELECT union_agg(d.assets) FROM asset_delta d WHERE d.delta_id = ANY (asset_ids));
    END IF;
    IF touched IS NOT NULL THEN
        PERFORM fold_assets(of_slice, touched);
    END IF;
    PERFORM fold_object_count(of_slice, ids);
    DELETE FROM finding_delta d WHERE d.delta_id = ANY (ids);
    DELETE FROM asset_delta d WHERE d.delta_id = ANY (asset_ids);
    IF sets > 0 THEN
        DELETE FROM finding_set s
        WHERE s.assessed = '{}' AND s.exposed = '{}'
          AND s.chunk BETWEEN of_slice * 16 AND of_slice * 16 + 15;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.fold_slice(integer, text[]) IS 'step of fold(): a slice, all of it or nothing; what the catalog changed since the last fold says whether groups have to be looked at';

/*
 * The steps by which fold() folds a slice: deltas of findings go to the history
 * and to the sets, deltas of assets to the sets, and the slice is counted.
 */

CREATE FUNCTION posture_internal.fold_history(delta_ids bigint[]) RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    WITH toggle AS (
        SELECT t.day, greatest(t.day, closed_day() + 1) AS open_day, t.recommendation_id,
               t.assessed, t.exposed
        FROM delta_toggle(delta_ids) t
    )
    INSERT INTO finding_history AS h
        (day, recommendation_id, assessed, exposed, late_assessed, late_exposed)
    SELECT e.day, t.recommendation_id,
           coalesce(xor_agg(t.assessed) FILTER (WHERE e.counts), '{}'),
           coalesce(xor_agg(t.exposed) FILTER (WHERE e.counts), '{}'),
           coalesce(xor_agg(t.assessed) FILTER (WHERE e.is_late), '{}'),
           coalesce(xor_agg(t.exposed) FILTER (WHERE e.is_late), '{}')
    FROM toggle t
    -- a change that became known after its day was closed counts from the first day not closed
    CROSS JOIN LATERAL (SELECT t.open_day AS day, true AS counts, t.day < t.open_day AS is_late
                        UNION ALL
                        SELECT t.day, false, true
                        WHERE t.day < t.open_day) e
    GROUP BY e.day, t.recommendation_id
    ON CONFLICT (day, recommendation_id) DO UPDATE
    SET assessed = h.assessed # EXCLUDED.assessed, exposed = h.exposed # EXCLUDED.exposed,
        late_assessed = h.late_assessed # EXCLUDED.late_assessed,
        late_exposed = h.late_exposed # EXCLUDED.late_exposed;
END;
COMMENT ON FUNCTION posture_internal.fold_history(bigint[]) IS
    'step of fold(): merges deltas into finding_history';

CREATE FUNCTION posture_internal.fold_findings(delta_ids bigint[]) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    sets bigint;
BEGIN
    WITH toggle AS (
        SELECT e.recommendation_id, xor_agg(e.assessed) AS assessed, xor_agg(e.exposed) AS exposed
        FROM finding_delta d
        CROSS JOIN LATERAL unnest(d.recommendations, d.assessed, d.exposed)
                           e(recommendation_id, assessed, exposed)
        WHERE d.delta_id = ANY (delta_ids)
        GROUP BY e.recommendation_id
    )
    INSERT INTO finding_set AS s (recommendation_id, chunk, assessed, exposed)
    SELECT p.recommendation_id, p.chunk, coalesce(union_agg(p.assessed), '{}'),
           coalesce(union_agg(p.exposed), '{}')
    FROM (SELECT t.recommendation_id, c.chunk, c.assets AS assessed, NULL::assetset AS exposed
          FROM toggle t CROSS JOIN LATERAL chunks(t.assessed) c
          UNION ALL
          SELECT t.recommendation_id, c.chunk, NULL, c.assets
          FROM toggle t CROSS JOIN LATERAL chunks(t.exposed) c) p
    GROUP BY p.recommendation_id, p.chunk
    ON CONFLICT (recommendation_id, chunk) DO UPDATE
    SET assessed = s.assessed # EXCLUDED.assessed, exposed = s.exposed # EXCLUDED.exposed;
    GET DIAGNOSTICS sets = ROW_COUNT;
    RETURN sets;
END $$;
COMMENT ON FUNCTION posture_internal.fold_findings(bigint[]) IS
    'step of fold(): merges deltas into finding_set and returns the number of sets written';

CREATE FUNCTION posture_internal.fold_assets(of_slice integer, touched assetset) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    changed asset_set[];
BEGIN
    WITH merged AS (
        SELECT attribute, value, chunk, coalesce(s.assets, '{}') AS was,
               CASE WHEN r.assets IS NULL THEN set_difference(s.assets, touched)
                    ELSE set_difference(coalesce(s.assets, '{}'), touched) | r.assets END AS assets
        FROM (SELECT k.attribute, k.value, k.chunk, k.assets
              FROM asset_set k
              WHERE k.attribute <> 'inactive'
                AND k.chunk BETWEEN of_slice * 16 AND of_slice * 16 + 15) s
        FULL JOIN asset_class(touched) r USING (attribute, value, chunk)
    ), emptied AS (
        DELETE FROM asset_set s
        USING merged m
        WHERE s.attribute = m.attribute AND s.value = m.value AND s.chunk = m.chunk
          AND m.assets = '{}'
    ), written AS (
        INSERT INTO asset_set AS s (attribute, value, chunk, assets)
        SELECT m.attribute, m.value, m.chunk, m.assets
        FROM merged m
        WHERE m.assets <> '{}'
        ON CONFLICT (attribute, chunk, value) DO UPDATE
        SET assets = EXCLUDED.assets
        WHERE s.assets <> EXCLUDED.assets
    )
    SELECT array_agg((m.attribute, m.value, m.chunk, m.was # m.assets)::asset_set)
    INTO changed
    FROM merged m
    WHERE m.was <> m.assets;
    PERFORM record_asset_change(changed);
END $$;
COMMENT ON FUNCTION posture_internal.fold_assets(integer, assetset) IS
    'step of fold(): updates asset_set for the touched assets of a slice, and asset_history';

-- One statement does both, because asset_set and object_count are derived from
-- the same counts.
CREATE FUNCTION posture_internal.fold_object_count(of_slice integer, delta_ids bigint[])
    RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
DECLARE
    scope counting_scope;
    rules counting_rule[];
BEGIN
    scope.with_sets := 'inactive';
    -- one expression has one snapshot, so both rules have the same inactive assets
    rules := ARRAY[counting_rule('infinity', NULL, NULL, 'folded', of_slice, NULL, scope)]
             || CASE WHEN has_exemptions()
                     THEN ARRAY[counting_rule('infinity', NULL, without_exemptions(), 'folded',
                                              of_slice, NULL, NULL)] END;
    WITH counted AS MATERIALIZED (
        SELECT c.*, c.rule > 1 AS is_raw FROM count_folded(rules, of_slice) c
    ), inactive AS (
        SELECT v.value, x.chunk, x.assets
        FROM counted c
        CROSS JOIN LATERAL (VALUES ('retired', c.assessed_set),
                                   ('stale', c.exposed_set - c.assessed_set)) v(value, assets)
        CROSS JOIN LATERAL chunks(v.assets) x
        WHERE c.object_kind = 'inactive'
    ), deleted_set AS (
        DELETE FROM asset_set s
        WHERE s.attribute = 'inactive' AND s.chunk BETWEEN of_slice * 16 AND of_slice * 16 + 15
          AND NOT EXISTS (SELECT FROM inactive i
                          WHERE i.value = s.value AND i.chunk = s.chunk)
    ), written_set AS (
        INSERT INTO asset_set AS s (attribute, value, chunk, assets)
        SELECT 'inactive', i.value, i.chunk, i.assets
        FROM inactive i
        ON CONFLICT (attribute, chunk, value) DO UPDATE
        SET assets = EXCLUDED.assets
        WHERE s.assets <> EXCLUDED.assets
    ), changed AS (
        SELECT d.recommendation_id, max(d.last_changed) AS last_changed
        FROM finding_delta f
        CROSS JOIN LATERAL unnest(f.recommendations, f.last_changed)
                           d(recommendation_id, last_changed)
        WHERE f.delta_id = ANY (delta_ids)
        GROUP BY d.recommendation_id
    ), object AS (
        SELECT c.object_kind, c.object_id, c.is_raw, c.assessed, c.exposed, c.failing, c.critical,
               c.population, c.unassessed, x.last_changed
        FROM counted c
        LEFT JOIN changed x ON c.object_kind = 'recommendation'
                           AND x.recommendation_id = c.object_id
        WHERE c.object_kind <> 'inactive'
        UNION ALL
        -- a recommendation without assets keeps the time of its last change
        SELECT 'recommendation', k.id, false, 0, 0, 0, 0, 0, 0, x.last_changed
        FROM (SELECT recommendation_id AS id FROM changed
              UNION
              SELECT t.object_id FROM object_count t
              WHERE t.slice = of_slice AND t.object_kind = 'recommendation' AND NOT t.is_raw) k
        LEFT JOIN changed x ON x.recommendation_id = k.id
        WHERE NOT EXISTS (SELECT FROM counted c
                          WHERE c.object_kind = 'recommendation' AND c.object_id = k.id
                            AND NOT c.is_raw)
    ), deleted_count AS (
        DELETE FROM object_count t
        WHERE t.slice = of_slice
          AND NOT EXISTS (SELECT FROM object c
                          WHERE c.object_kind = t.object_kind AND c.object_id = t.object_id
                            AND c.is_raw = t.is_raw)
    )
    INSERT INTO object_count AS t (slice, object_kind, object_id, is_raw, assessed, exposed,
                                   failing, critical, population, unassessed, last_changed)
    SELECT of_slice, c.* FROM object c
    ON CONFLICT (slice, object_kind, object_id, is_raw) DO UPDATE
    SET assessed = EXCLUDED.assessed, exposed = EXCLUDED.exposed, failing = EXCLUDED.failing,
        critical = EXCLUDED.critical, population = EXCLUDED.population,
        unassessed = EXCLUDED.unassessed,
        last_changed = greatest(t.last_changed, EXCLUDED.last_changed)
    WHERE (t.assessed, t.exposed, t.failing, t.critical, t.population, t.unassessed, t.last_changed)
          IS DISTINCT FROM (EXCLUDED.assessed, EXCLUDED.exposed, EXCLUDED.failing,
                            EXCLUDED.critical, EXCLUDED.population, EXCLUDED.unassessed,
                            greatest(t.last_changed, EXCLUDED.last_changed));
END $$;
COMMENT ON FUNCTION posture_internal.fold_object_count(integer, bigint[]) IS
    'step of fold(): counts the folded sets of a slice, and stores its inactive assets';

CREATE FUNCTION posture_internal.mark_counted(of_slice integer) RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    INSERT INTO counted_slice AS s (slice, counted_at, valid_until)
    SELECT of_slice, now(), least(
        (SELECT min(e.expires_at) FROM exemption e WHERE e.expires_at > now()),
        (SELECT min(e.created_at) FROM exemption e WHERE e.created_at > now()),
        (SELECT min(a.retired_at) FROM asset a WHERE a.retired_at > now()),
        'infinity')
    ON CONFLICT (slice) DO UPDATE
    SET counted_at = EXCLUDED.counted_at, valid_until = EXCLUDED.valid_until;
END;
COMMENT ON FUNCTION posture_internal.mark_counted(integer) IS
    'step of fold(): records that a slice has been counted, and until when its counts are valid';

CREATE FUNCTION posture_internal.fold_slice(
    of_slice integer, catalog_changes text[],
    OUT deltas bigint, OUT changes bigint, OUT sets bigint)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
DECLARE
    -- deltas appended after this point wait for the next fold
    ids bigint[] := ARRAY(SELECT d.delta_id FROM finding_delta d WHERE d.slice = of_slice);
    asset_ids bigint[] := ARRAY(SELECT d.delta_id FROM asset_delta d WHERE d.slice = of_slice);
    touched assetset;
BEGIN
    deltas := cardinality(ids) + cardinality(asset_ids);
    changes := coalesce((SELECT sum(d.changes) FROM finding_delta d
                         WHERE d.delta_id = ANY (ids)), 0)
             + coalesce((SELECT sum(d.changes) FROM asset_delta d
                         WHERE d.delta_id = ANY (asset_ids)), 0);
    sets := 0;
    IF cardinality(ids) > 0 THEN
        PERFORM fold_history(ids);
        sets := fold_findings(ids);
    END IF;
    IF catalog_changes && '{asset,asset_group}' THEN
        touched := (SELECT union_agg(x.assets)
                    FROM (SELECT assetset_agg(a.asset_id) AS assets
                          FROM asset a
                          WHERE a.asset_id / 1048576 = of_slice
                          UNION ALL
                          SELECT s.assets
                          FROM asset_set s
                          WHERE s.chunk BETWEEN of_slice * 16 AND of_slice * 16 + 15) x);
    ELSE
        touched := (SELECT union_agg(d.assets) FROM asset_delta d
                    WHERE d.delta_id = ANY (asset_ids));
    END IF;
    IF touched IS NOT NULL THEN
        PERFORM fold_assets(of_slice, touched);
    END IF;
    PERFORM fold_object_count(of_slice, ids);
    PERFORM mark_counted(of_slice);
    DELETE FROM finding_delta d WHERE d.delta_id = ANY (ids);
    DELETE FROM asset_delta d WHERE d.delta_id = ANY (asset_ids);
    IF sets > 0 THEN
        DELETE FROM finding_set s
        WHERE s.assessed = '{}' AND s.exposed = '{}'
          AND s.chunk BETWEEN of_slice * 16 AND of_slice * 16 + 15;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.fold_slice(integer, text[]) IS
    'step of fold(): folds a slice, all of it or nothing, and returns the number of deltas, '
    'changes and sets; catalog_changes: tables of the catalog that changed since the last fold';

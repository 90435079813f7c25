/*
 * finding and asset are authoritative: verify() compares the store with sets and
 * counts that are recomputed from them, and rebuild() repairs it.
 */

-- The table is about the sets of this database. Like them, it is neither dumped nor replicated.
CREATE TABLE posture_internal.verification (
    verification_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    verified_at timestamptz NOT NULL,
    differences bigint NOT NULL,
    message text
);
COMMENT ON TABLE posture_internal.verification IS
    'results of verify(), a row for each call that could write';
COMMENT ON COLUMN posture_internal.verification.verification_id IS 'id';
COMMENT ON COLUMN posture_internal.verification.verified_at IS 'time of the call';
COMMENT ON COLUMN posture_internal.verification.differences IS
    'number of rows that verify() returned';
COMMENT ON COLUMN posture_internal.verification.message IS 'the first of the differences';

CREATE FUNCTION posture_internal.finding_set_difference()
    RETURNS TABLE (part text, recommendation text, chunk integer, difference text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH toggle AS (
        SELECT t.* FROM finding_toggle('infinity', NULL) t
    ), stored AS (
        SELECT k.recommendation_id, k.chunk, coalesce(xor_agg(k.assessed), '{}') AS assessed,
               coalesce(xor_agg(k.exposed), '{}') AS exposed
        FROM (SELECT s.recommendation_id, s.chunk, s.assessed, s.exposed FROM finding_set s
              UNION ALL
              SELECT t.recommendation_id, c.chunk, c.assets, NULL
              FROM toggle t CROSS JOIN LATERAL chunks(t.assessed) c
              UNION ALL
              SELECT t.recommendation_id, c.chunk, NULL, c.assets
              FROM toggle t CROSS JOIN LATERAL chunks(t.exposed) c) k
        GROUP BY k.recommendation_id, k.chunk
    ), recomputed AS (
        SELECT w.recommendation_id, c.chunk, union_agg(c.assessed) AS assessed,
               union_agg(c.exposed) AS exposed
        FROM recommendation_set('infinity') w
        CROSS JOIN LATERAL (SELECT a.chunk, a.assets AS assessed, NULL::assetset AS exposed
                            FROM chunks(w.assessed) a
                            UNION ALL
                            SELECT e.chunk, NULL, e.assets FROM chunks(w.exposed) e) c
        GROUP BY w.recommendation_id, c.chunk
    ), compared AS (
        SELECT recommendation_id, chunk,
               cardinality(coalesce(s.assessed, '{}') # coalesce(r.assessed, '{}')) AS assessed,
               cardinality(coalesce(s.exposed, '{}') # coalesce(r.exposed, '{}')) AS exposed
        FROM stored s FULL JOIN recomputed r USING (recommendation_id, chunk)
    )
    SELECT 'finding_set',
           coalesce(recommendation_label(c.recommendation_id), c.recommendation_id::text), c.chunk,
           format('the assessed set differs in %s, the exposed set in %s',
                  count_phrase(c.assessed, 'asset'), c.exposed)
    FROM compared c
    WHERE c.assessed > 0 OR c.exposed > 0
    ORDER BY 2, 3;
END $$;
COMMENT ON FUNCTION posture_internal.finding_set_difference() IS
    'step of verify(): compares finding_set, with its deltas, with finding';

CREATE FUNCTION posture_internal.asset_set_difference()
    RETURNS TABLE (part text, recommendation text, chunk integer, difference text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH touched AS (
        SELECT coalesce(union_agg(d.assets), '{}') AS assets FROM asset_delta d
    ), stored AS (
        SELECT s.attribute, s.value, s.chunk, set_difference(s.assets, t.assets) AS assets
        FROM asset_set s CROSS JOIN touched t
        WHERE s.attribute <> 'inactive'
    ), recomputed AS (
        SELECT c.attribute, c.value, c.chunk, set_difference(c.assets, t.assets) AS assets
        FROM asset_class(NULL) c CROSS JOIN touched t
    )
    SELECT 'asset_set', NULL::text, chunk,
           format('%s "%s" differs in %s', attribute, value,
                  count_phrase(cardinality(coalesce(s.assets, '{}') # coalesce(r.assets, '{}')),
                               'asset'))
    FROM stored s FULL JOIN recomputed r USING (attribute, value, chunk)
    WHERE coalesce(s.assets, '{}') <> coalesce(r.assets, '{}')
      -- while such a change is not folded, these sets are not read
      AND NOT EXISTS (SELECT FROM catalog_delta d
                      WHERE d.changed = 'asset'
                         OR d.changed = 'asset_group' AND attribute = 'group')
    ORDER BY 3, 4;
END $$;
COMMENT ON FUNCTION posture_internal.asset_set_difference() IS
    'step of verify(): compares asset_set with asset, except touched assets';

CREATE FUNCTION posture_internal.object_count_difference()
    RETURNS TABLE (part text, recommendation text, chunk integer, difference text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT 'object_count',
           CASE WHEN object_kind = 'recommendation' THEN recommendation_label(object_id) END,
           NULL::integer,
           format('%s %s has %s assets assessed, %s exposed, %s failing and %s critical%s, '
                  'not %s, %s, %s and %s', object_kind,
                  coalesce(CASE object_kind
                               WHEN 'recommendation' THEN recommendation_label(object_id)
                               WHEN 'metric' THEN (SELECT m.key FROM metric m
                                                   WHERE m.metric_id = object_id)
                               ELSE (SELECT i.key FROM initiative i
                                     WHERE i.initiative_id = object_id) END, object_id::text),
                  coalesce(r.assessed, 0), coalesce(r.exposed, 0), coalesce(r.failing, 0),
                  coalesce(r.critical, 0), CASE WHEN is_raw THEN ' without exemptions' ELSE '' END,
                  coalesce(s.assessed, 0), coalesce(s.exposed, 0), coalesce(s.failing, 0),
                  coalesce(s.critical, 0))
    FROM (SELECT false AS is_raw, n.* FROM object_count_here(false) n
          UNION ALL
          SELECT true, n.* FROM object_count_here(true) n WHERE has_exemptions()) s
    FULL JOIN (SELECT false AS is_raw, n.*
               FROM counted_state('infinity', NULL, NULL, NULL, false) n
               UNION ALL
               SELECT true, n.*
               FROM counted_state('infinity', NULL, without_exemptions(), NULL, false) n
               WHERE has_exemptions()) r USING (is_raw, object_kind, object_id)
    WHERE (coalesce(s.assessed, 0), coalesce(s.exposed, 0), coalesce(s.failing, 0),
           coalesce(s.critical, 0))
          IS DISTINCT FROM (coalesce(r.assessed, 0), coalesce(r.exposed, 0),
                            coalesce(r.failing, 0), coalesce(r.critical, 0))
    ORDER BY 4;
END $$;
COMMENT ON FUNCTION posture_internal.object_count_difference() IS
    'step of verify(): compares the current counts with counts of the recomputed sets';

CREATE TYPE posture_internal.past_count AS (
    day date,
    recommendation_id integer,
    assessed bigint,
    exposed bigint
);
COMMENT ON TYPE posture_internal.past_count IS
    'number of assets of a recommendation at the end of a day, by the history';
COMMENT ON COLUMN posture_internal.past_count.day IS 'day';
COMMENT ON COLUMN posture_internal.past_count.recommendation_id IS 'id of the recommendation';
COMMENT ON COLUMN posture_internal.past_count.assessed IS 'number of assets that it applied to';
COMMENT ON COLUMN posture_internal.past_count.exposed IS 'number of assets that failed it';

CREATE FUNCTION posture_internal.past_count_here(days date[]) RETURNS SETOF past_count
    LANGUAGE plpgsql STABLE ROWS 10000
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH closed AS MATERIALIZED (
        SELECT d.day, coalesce(s.inactive, '{}') AS inactive
        FROM unnest(days) d(day) LEFT JOIN snapshot s USING (day)
    ), exempt AS MATERIALIZED (
        SELECT c.day, x.recommendation_id, bool_or(x.for_all AND x.kind = 'waived') AS all_waived,
               bool_or(x.for_all AND x.kind = 'mitigated') AS all_mitigated,
               union_agg(x.assets) FILTER (WHERE x.kind = 'waived') AS waived,
               union_agg(x.assets) FILTER (WHERE x.kind = 'mitigated') AS mitigated
        FROM closed c CROSS JOIN LATERAL exempt_set('infinity', c.day, NULL) x
        GROUP BY c.day, x.recommendation_id
    ), change AS (
        -- by the last day before it; deltas that are not folded are later than all closed days
        SELECT h.day - 1 AS day, h.recommendation_id, h.assessed, h.exposed FROM finding_history h
        UNION ALL
        SELECT 'infinity', f.recommendation_id, f.assessed, f.exposed
        FROM recommendation_set('infinity') f
        UNION ALL
        SELECT 'infinity', t.recommendation_id, t.assessed, t.exposed
        FROM finding_toggle('infinity', NULL) t
    ), day_change AS (
        SELECT day, c.recommendation_id, xor_agg(c.assessed) AS assessed,
               xor_agg(c.exposed) AS exposed
        FROM (SELECT * FROM change
              UNION ALL
              SELECT c.day, x.recommendation_id, NULL, NULL
              FROM closed c CROSS JOIN (SELECT DISTINCT y.recommendation_id FROM change y) x) c
        GROUP BY day, c.recommendation_id
    ), past AS (
        SELECT day, recommendation_id, xor_agg(d.assessed) OVER w AS assessed,
               xor_agg(d.exposed) OVER w AS exposed
        FROM day_change d
        WINDOW w AS (PARTITION BY recommendation_id ORDER BY day DESC)
    )
    SELECT day, recommendation_id,
           CASE WHEN x.all_waived THEN 0
                ELSE cardinality(set_difference(coalesce(p.assessed, '{}') - c.inactive,
                                                x.waived)) END,
           CASE WHEN x.all_waived OR x.all_mitigated THEN 0
                ELSE cardinality(set_difference(set_difference(
                         coalesce(p.exposed, '{}') - c.inactive, x.waived), x.mitigated)) END
    FROM past p
    JOIN closed c USING (day)
    LEFT JOIN exempt x USING (day, recommendation_id);
END $$;
COMMENT ON FUNCTION posture_internal.past_count_here(date[]) IS
    'returns how many assets of this database each recommendation had at the end of days, which '
    'are closed, by the history';

-- A dump has the snapshots of all days, but not the deltas that were not folded yet. So days
-- that were closed before the sets of this database were built are not compared.
CREATE FUNCTION posture_internal.finding_history_difference()
    RETURNS TABLE (part text, recommendation text, chunk integer, difference text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    days date[] := ARRAY(SELECT s.day
                         FROM snapshot s
                         WHERE s.taken_at >= (SELECT min(c.built_at) FROM counted_slice c)
                           AND has_snapshot(s.day));
BEGIN
    RETURN QUERY
    WITH past AS (
        SELECT day, recommendation_id, sum(p.assessed) AS assessed, sum(p.exposed) AS exposed
        FROM (SELECT * FROM past_count_here(days)
              UNION ALL
              SELECT n.*
              FROM ask_nodes(NULL::past_count, question('past_count_here(%L)', days)) n
              WHERE has_nodes()) p
        GROUP BY day, recommendation_id
    ), compared AS (
        SELECT day, recommendation_id, n.assessed AS was_assessed, n.exposed AS was_exposed,
               coalesce(p.assessed, 0) AS assessed, coalesce(p.exposed, 0) AS exposed
        FROM recommendation_snapshot n
        LEFT JOIN past p USING (day, recommendation_id)
        WHERE day = ANY (days) AND NOT n.is_reported
    )
    SELECT 'finding_history',
           coalesce(recommendation_label(c.recommendation_id), c.recommendation_id::text),
           NULL::integer,
           format('at the end of %s, %s assessed and %s exposed, not %s and %s as in the snapshot',
                  to_char(c.day, 'YYYY-MM-DD'), count_phrase(c.assessed::bigint, 'asset'),
                  c.exposed, c.was_assessed, c.was_exposed)
    FROM compared c
    WHERE (c.assessed, c.exposed) <> (c.was_assessed, c.was_exposed)
    ORDER BY 2, c.day;
END $$;
COMMENT ON FUNCTION posture_internal.finding_history_difference() IS
    'step of verify(): compares the sets at the end of each closed day, by the history, with the '
    'counts in its snapshot';

CREATE FUNCTION posture_internal.find_differences()
    RETURNS TABLE (part text, recommendation text, chunk integer, difference text)
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT * FROM finding_set_difference();
    PERFORM progress('verify: sets of findings are compared');
    RETURN QUERY SELECT * FROM asset_set_difference();
    PERFORM progress('verify: sets of assets are compared');
    RETURN QUERY SELECT * FROM object_count_difference();
    PERFORM progress('verify: counts are compared');
    IF has_nodes() THEN
        RETURN QUERY SELECT * FROM node_difference();
    END IF;
    -- days are compared with what all nodes count, and a node with a problem may not answer
    IF NOT EXISTS (SELECT FROM node_problem(false) p WHERE p.problem IS NOT NULL) THEN
        RETURN QUERY SELECT * FROM finding_history_difference();
    END IF;
    RETURN QUERY
    SELECT 'rule', recommendation_label(d.recommendation_id), NULL::integer,
           format('metric %s %s', m.key,
                  CASE WHEN d.joins THEN 'is missing a recommendation that its rule selects'
                       ELSE 'has a recommendation that its rule does not select' END)
    FROM rule_difference(metrics_with_rule(),
                         ARRAY(SELECT r.recommendation_id FROM recommendation r)) d
    JOIN metric m ON m.metric_id = d.metric_id
    ORDER BY 4, 2;
    RETURN QUERY
    SELECT 'row security', NULL::text, NULL::integer, row_security_error()
    WHERE row_security_error() IS NOT NULL;
END $$;
COMMENT ON FUNCTION posture_internal.find_differences() IS
    'step of verify(): compares everything in one snapshot';

CREATE FUNCTION posture.verify()
    RETURNS TABLE (part text, recommendation text, chunk integer, difference text)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    differences bigint := 0;
    first text;
BEGIN
    PERFORM require_level('reader');
    FOR part, recommendation, chunk, difference IN SELECT d.* FROM find_differences() d LOOP
        differences := differences + 1;
        first := coalesce(first, difference);
        RETURN NEXT;
    END LOOP;
    -- a standby can verify but not write the result
    IF NOT current_setting('transaction_read_only')::boolean THEN
        INSERT INTO verification (verified_at, differences, message)
        VALUES (clock_timestamp(), differences, first);
    END IF;
END $$;
COMMENT ON FUNCTION posture.verify() IS
    'compares the stored sets and counts with finding and asset, the history of findings with the '
    'snapshots, and the members of metrics with rules; returns a row for each difference, or no '
    'row if all is well; rebuild() repairs the store, and apply_rules() the members; a backup has '
    'the history';

/*
 * The current counts of assets: the counts of the folded sets, corrected for
 * assets that were touched since. All sets are counted instead if the stored
 * counts are not valid, or if that is faster.
 */

-- Counting a stored finding takes about 4 ns, and reading one by its asset 2500 ns. The limit is
-- where both take as long, with 10 findings per asset.
CREATE FUNCTION posture_internal.touched_limit() RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN greatest(100, folded_findings() / 6000);
COMMENT ON FUNCTION posture_internal.touched_limit() IS
    'returns the number of touched findings or assets above which counting the sets is faster than '
    'reading each of them';

CREATE FUNCTION posture_internal.touched_assets() RETURNS assetset
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    touched assetset := (
        SELECT union_agg(x.assets)
        FROM (SELECT d.assets FROM asset_delta d
              UNION ALL
              SELECT s.assets
              FROM finding_delta d
              CROSS JOIN LATERAL unnest(d.assessed || d.exposed) s(assets)) x);
BEGIN
    IF EXISTS (SELECT FROM stale_limit('infinity')) THEN
        touched := coalesce(touched, '{}') | (
            SELECT coalesce(assetset_agg(n.asset_id), '{}')
            FROM (SELECT min(t.counted_at) AS counted_at FROM counted_slice t) c
            CROSS JOIN LATERAL newly_stale(c.counted_at, touched_limit() + 1) n(asset_id));
    END IF;
    RETURN nullif(touched, '{}');
END $$;
COMMENT ON FUNCTION posture_internal.touched_assets() IS
    'returns the assets that may count differently since the sets were folded, because they or '
    'their findings changed, or they may have become stale; NULL: none';

CREATE FUNCTION posture_internal.object_count_is_current() RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    RETURN NOT EXISTS (SELECT FROM catalog_delta)
       AND NOT EXISTS (SELECT FROM counted_slice t
                       WHERE now() < t.counted_at OR now() >= t.valid_until)
       AND coalesce((SELECT sum(d.changes) FROM finding_delta d), 0)
           + coalesce((SELECT sum(d.changes) FROM asset_delta d), 0)
           <= CASE WHEN EXISTS (SELECT FROM finding_delta) OR EXISTS (SELECT FROM asset_delta)
                   THEN touched_limit() ELSE 0 END;
END $$;
COMMENT ON FUNCTION posture_internal.object_count_is_current() IS
    'returns whether object_count and the touched assets together give the current counts';

CREATE FUNCTION posture_internal.touched_rules(touched assetset, scenario jsonb)
    RETURNS counting_rule[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    before counting_rule := counting_rule('infinity', NULL, scenario, 'before', NULL, touched,
                                          NULL);
BEGIN
    before.day := '-infinity';
    RETURN ARRAY[counting_rule('infinity', NULL, scenario, 'after', NULL, touched, NULL), before];
END $$;
COMMENT ON FUNCTION posture_internal.touched_rules(assetset, jsonb) IS
    'returns the rules of count_touched(): after and before';

CREATE TYPE posture_internal.object_tally AS (
    object_kind text,
    object_id integer,
    assessed bigint,
    exposed bigint,
    failing bigint,
    critical bigint,
    population bigint,
    unassessed bigint
);
COMMENT ON TYPE posture_internal.object_tally IS 'a row of current_object_count()';
COMMENT ON COLUMN posture_internal.object_tally.object_kind IS
    'recommendation, metric or initiative';
COMMENT ON COLUMN posture_internal.object_tally.object_id IS 'id of the object';
COMMENT ON COLUMN posture_internal.object_tally.assessed IS 'number of assets assessed';
COMMENT ON COLUMN posture_internal.object_tally.exposed IS 'number of assets exposed';
COMMENT ON COLUMN posture_internal.object_tally.failing IS
    'number of assets that fail, exempt or not';
COMMENT ON COLUMN posture_internal.object_tally.critical IS 'number of critical assets exposed';
COMMENT ON COLUMN posture_internal.object_tally.population IS
    'number of assets assessed or unassessed';
COMMENT ON COLUMN posture_internal.object_tally.unassessed IS
    'number of members of the population that nothing assesses';

CREATE FUNCTION posture_internal.object_count_here(raw boolean)
    RETURNS TABLE (object_kind text, object_id integer, assessed bigint, exposed bigint,
                   failing bigint, critical bigint, population bigint, unassessed bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    touched assetset;
    scenario jsonb;
BEGIN
    -- without exemptions, both are the same
    raw := raw AND has_exemptions();
    IF raw THEN
        scenario := without_exemptions();
    END IF;
    IF object_count_is_current() THEN
        touched := touched_assets();
        IF touched IS NULL THEN
            RETURN QUERY
            SELECT o.object_kind, o.object_id, sum(o.assessed), sum(o.exposed), sum(o.failing),
                   sum(o.critical), sum(o.population), sum(o.unassessed)
            FROM object_count o
            WHERE o.is_raw = raw
            GROUP BY o.object_kind, o.object_id;
            RETURN;
        ELSIF cardinality(touched) <= touched_limit() THEN
            RETURN QUERY
            SELECT t.object_kind, t.object_id, sum(t.assessed)::bigint, sum(t.exposed)::bigint,
                   sum(t.failing)::bigint, sum(t.critical)::bigint, sum(t.population)::bigint,
                   sum(t.unassessed)::bigint
            FROM (SELECT o.object_kind, o.object_id, o.assessed::bigint, o.exposed::bigint,
                         o.failing::bigint, o.critical::bigint, o.population::bigint,
                         o.unassessed::bigint
                  FROM object_count o
                  WHERE o.is_raw = raw
                  UNION ALL
                  SELECT c.object_kind, c.object_id, s.sign * c.assessed, s.sign * c.exposed,
                         s.sign * c.failing, s.sign * c.critical, s.sign * c.population,
                         s.sign * c.unassessed
                  FROM count_touched(touched_rules(touched, scenario), touched) c
                  CROSS JOIN LATERAL (SELECT CASE c.rule WHEN 1 THEN 1 ELSE -1 END AS sign) s) t
            GROUP BY t.object_kind, t.object_id;
            RETURN;
        END IF;
    END IF;
    RETURN QUERY
    SELECT c.object_kind, c.object_id, c.assessed, c.exposed, c.failing, c.critical, c.population,
           c.unassessed
    FROM counted_here('infinity', NULL, scenario, NULL) c;
END $$;
COMMENT ON FUNCTION posture_internal.object_count_here(boolean) IS
    'returns the rows of current_object_count() for the assets of this database';

CREATE FUNCTION posture_internal.current_object_count(raw boolean DEFAULT false)
    RETURNS TABLE (object_kind text, object_id integer, assessed bigint, exposed bigint,
                   failing bigint, critical bigint, population bigint, unassessed bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 600
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF NOT sees_all() THEN
        RETURN QUERY SELECT * FROM owner_object_count(raw);
    ELSIF NOT has_nodes() THEN
        RETURN QUERY SELECT * FROM object_count_here(raw);
    ELSE
        RETURN QUERY
        SELECT t.object_kind, t.object_id, sum(t.assessed)::bigint, sum(t.exposed)::bigint,
               sum(t.failing)::bigint, sum(t.critical)::bigint, sum(t.population)::bigint,
               sum(t.unassessed)::bigint
        FROM (SELECT * FROM object_count_here(raw) WHERE has_assets()
              UNION ALL
              SELECT * FROM ask_nodes(NULL::object_tally,
                                      format('current_object_count(%L)', raw),
                                      without => 'SELECT c.object_kind, c.object_id, c.assessed, '
                                                 'c.exposed, c.failing, c.critical, c.population, '
                                                 'c.unassessed FROM counts_without($1, NULL) c')) t
        GROUP BY t.object_kind, t.object_id;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.current_object_count(boolean) IS
    'returns the number of distinct assets of each recommendation, metric and initiative now; a '
    'metric counts each asset as many times as its weight; raw: whether exemptions are ignored; on '
    'a head, of the assets of all nodes';

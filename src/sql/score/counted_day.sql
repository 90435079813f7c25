/*
 * The counts of many days, from one walk back through the history.
 */

-- Sets that are the same on the day after are left out, which count_assets() then takes from
-- the rule of that day: a year of them would be large.
CREATE FUNCTION posture_internal.day_rules(
    days date[], scenario jsonb, of_initiatives integer[], of_group integer, of_metric integer,
    within assetset)
    RETURNS counting_rule[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    rules counting_rule[] := '{}';
    rule counting_rule;
    scope counting_scope;
    assets asset_rule;
    kind_names text[];
    is_same boolean;
    of_day date;
    later date;
BEGIN
    FOREACH of_day IN ARRAY days LOOP
        is_same := later IS NOT NULL
            AND NOT EXISTS (SELECT FROM asset_history h WHERE h.day > of_day AND h.day <= later);
        assets := asset_rule(day_end(of_day), of_day, scenario, 'current', NULL, NULL, NOT is_same);
        IF is_same THEN
            assets.kind_names := kind_names;
        END IF;
        kind_names := assets.kind_names;
        scope := scope_of(of_day, scenario, of_initiatives, of_group, of_metric, within);
        IF owner_rows('initiative') IS NOT NULL THEN
            scope := owner_scope(of_day, scenario, scope);
        END IF;
        rule := counting_rule(day_end(of_day), of_day, scenario, 'current', NULL, NULL, scope,
                              assets);
        IF later IS NOT NULL THEN
            rule.groups := NULL;
        END IF;
        IF is_same THEN
            rule.criticalities := NULL;
        END IF;
        rules := rules || rule;
        later := of_day;
    END LOOP;
    RETURN rules;
END $$;
COMMENT ON FUNCTION posture_internal.day_rules(
    date[], jsonb, integer[], integer, integer, assetset) IS
    'returns the counting rules of closed days, the latest first, for initiatives (NULL: all) or '
    'a metric alone, and a group (NULL: all assets) with its assets';

CREATE TYPE posture_internal.dated_count AS (day date, counts counted_object[]);
COMMENT ON TYPE posture_internal.dated_count IS 'a row of all_counted_day()';
COMMENT ON COLUMN posture_internal.dated_count.day IS 'day';
COMMENT ON COLUMN posture_internal.dated_count.counts IS 'counts at the end of the day';

CREATE FUNCTION posture_internal.counted_day_here(
    days date[], scenario jsonb, of_initiatives integer[], of_group integer, of_metric integer)
    RETURNS SETOF dated_count
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET plan_cache_mode = force_generic_plan
    SET jit = off
AS $$
DECLARE
    within assetset := (SELECT group_assets(of_group) WHERE of_group IS NOT NULL);
    rules counting_rule[] := day_rules(days, scenario, of_initiatives, of_group, of_metric, within);
    needed assetset := (SELECT assetset_agg(n.recommendation_id)
                        FROM unnest(rules) r
                        CROSS JOIN LATERAL unnest(r.recommendations) n);
BEGIN
    RETURN QUERY
    WITH toggle AS (
        SELECT h.day, h.recommendation_id, set_intersect(h.assessed, within) AS assessed,
               set_intersect(h.exposed, within) AS exposed
        FROM finding_history h
        WHERE h.day > (SELECT min(d) FROM unnest(days) d) AND needed @> h.recommendation_id
    ), provided AS (
        -- restricted here, the sets need not be for each day
        SELECT f.chunk, NULL::date AS day, f.recommendation_id,
               set_intersect(f.assessed, w.assets) AS assessed,
               set_intersect(f.exposed, w.assets) AS exposed
        FROM finding_set f
        LEFT JOIN chunks(within) w ON w.chunk = f.chunk
        WHERE needed @> f.recommendation_id AND (within IS NULL OR w.chunk IS NOT NULL)
        UNION ALL
        SELECT c.chunk, t.day, t.recommendation_id, c.assets, NULL
        FROM toggle t CROSS JOIN LATERAL chunks(t.assessed) c
        UNION ALL
        SELECT c.chunk, t.day, t.recommendation_id, NULL, c.assets
        FROM toggle t CROSS JOIN LATERAL chunks(t.exposed) c
        UNION ALL
        -- members of a population may have no findings
        SELECT c.chunk, NULL, NULL, NULL, NULL
        FROM asset_chunk() c(chunk)
        WHERE within IS NULL OR c.chunk IN (SELECT w.chunk FROM chunks(within) w)
        ORDER BY 1, 2 DESC NULLS FIRST
    )
    SELECT days[u.rule], array_agg(u)
    FROM (SELECT count_assets(rules, p.chunk, p.day, p.recommendation_id, p.assessed, p.exposed)
                 AS objects
          FROM provided p) x
    CROSS JOIN LATERAL unnest(x.objects) u
    GROUP BY u.rule;
END $$;
COMMENT ON FUNCTION posture_internal.counted_day_here(
    date[], jsonb, integer[], integer, integer) IS
    'returns the rows of all_counted_day() for the assets of this database';

CREATE FUNCTION posture_internal.all_counted_day(
    days date[], scenario jsonb, of_initiatives integer[], of_group integer, of_metric integer)
    RETURNS SETOF dated_count
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF is_node() THEN
        days := ARRAY(SELECT d.day FROM unnest(days) WITH ORDINALITY d(day, n)
                      WHERE NOT has_no_day(d.day) ORDER BY d.n);
    END IF;
    IF days = '{}' THEN
        RETURN;
    ELSIF NOT has_nodes() THEN
        RETURN QUERY
        SELECT * FROM counted_day_here(days, scenario, of_initiatives, of_group, of_metric);
    ELSE
        RETURN QUERY
        SELECT d.day, ARRAY(SELECT s FROM added_up(array_agg(c)) s)
        FROM (SELECT * FROM counted_day_here(days, scenario, of_initiatives, of_group, of_metric)
              UNION ALL
              SELECT *
              FROM ask_nodes(NULL::dated_count,
                             question('all_counted_day(%L, %L, %L, %L, %L)', days, scenario,
                                      of_initiatives, of_group, of_metric))) d
        CROSS JOIN LATERAL unnest(d.counts) c
        GROUP BY d.day;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.all_counted_day(
    date[], jsonb, integer[], integer, integer) IS
    'counts objects at the end of each of the days, which are closed, the latest first; on a head, '
    'the assets of all nodes';

CREATE FUNCTION posture_internal.owner_counted_day(
    days date[], scenario jsonb, of_initiatives integer[], of_group integer, of_metric integer)
    RETURNS TABLE (day date, counts counted_object[])
    AS 'MODULE_PATHNAME', 'posture_owner' LANGUAGE C STABLE PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION posture_internal.owner_counted_day(
    date[], jsonb, integer[], integer, integer) IS
    'returns the part of all_counted_day() that the caller owns';

CREATE FUNCTION posture_internal.day_row(
    from_day date, to_day date, scenario jsonb, of_initiatives integer[], of_group integer,
    of_metric integer)
    RETURNS TABLE (day date, initiative_id integer, metric_id integer, weight numeric,
                   score score, exposed numeric, assessed numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    within assetset := (SELECT group_assets(of_group) WHERE of_group IS NOT NULL);
    days date[] := ARRAY(SELECT s.day FROM snapshot s
                         WHERE s.day BETWEEN from_day AND to_day AND s.day < today()
                           AND has_snapshot(s.day)
                         ORDER BY s.day DESC);
BEGIN
    IF days = '{}' THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT d.day, r.initiative_id, r.metric_id, r.weight, r.score, r.exposed, r.assessed
    FROM unnest(days) d(day)
    LEFT JOIN (SELECT a.*
               FROM all_counted_day(days, scenario, of_initiatives, of_group, of_metric) a
               WHERE sees_all()
               UNION ALL
               SELECT o.*
               FROM owner_counted_day(days, scenario, of_initiatives, of_group, of_metric) o
               WHERE NOT sees_all()) c ON c.day = d.day
    CROSS JOIN LATERAL report_row(d.day, scenario,
                                  scope_of(d.day, scenario, of_initiatives, of_group, of_metric,
                                           within),
                                  coalesce(c.counts, '{}')) r;
END $$;
COMMENT ON FUNCTION posture_internal.day_row(date, date, jsonb, integer[], integer, integer) IS
    'returns the rows of report_row() on each closed day between two days';

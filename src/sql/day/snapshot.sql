/*
 * The snapshot of a day. A day that has ended gets one snapshot, which is never
 * replaced. The snapshot of today is replaced at each call until the day has ended.
 */

CREATE FUNCTION posture_internal.inactive_at(as_of timestamptz)
    RETURNS TABLE (assets assetset, retired assetset, sources integer[],
                   recommendations integer[])
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT coalesce(i.exposed_set, '{}'), coalesce(i.assessed_set, '{}'),
           ARRAY(SELECT s.source_id FROM source s WHERE NOT s.is_active ORDER BY 1),
           ARRAY(SELECT r.recommendation_id FROM recommendation r
                 WHERE NOT r.is_active ORDER BY 1)
    FROM (VALUES (1)) one
    LEFT JOIN counted_here(as_of, NULL, NULL, only_inactive()) i ON i.object_kind = 'inactive';
END;
COMMENT ON FUNCTION posture_internal.inactive_at(timestamptz) IS
    'step of take_snapshot(): returns the assets that are retired or stale at a moment, those that '
    'are retired, of this database, and the sources and recommendations that are inactive now';

CREATE FUNCTION posture_internal.measured_recommendation()
    RETURNS TABLE (metric_id integer, recommendations integer[], switched_off integer[])
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    SELECT b.metric_id,
           array_agg(b.recommendation_id ORDER BY b.recommendation_id)
               FILTER (WHERE a.metric_id IS NOT NULL),
           array_agg(b.recommendation_id ORDER BY b.recommendation_id)
               FILTER (WHERE a.metric_id IS NULL)
    FROM metric_recommendation b
    LEFT JOIN metric_member(NULL) a
           ON a.metric_id = b.metric_id AND a.recommendation_id = b.recommendation_id
    GROUP BY b.metric_id;
END;
COMMENT ON FUNCTION posture_internal.measured_recommendation() IS
    'step of take_snapshot(): returns the recommendations of each metric that count now, and those '
    'that do not because they, or their source, are inactive';

-- An asset that was scanned counts as that on past days, also after a recommendation was deleted.
CREATE FUNCTION posture_internal.scanner_recommendation(
    OUT recommendations integer[], OUT sources integer[])
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT (array_agg(r.recommendation_id ORDER BY r.recommendation_id),
                    array_agg(r.source_id ORDER BY r.recommendation_id))
            FROM posture.recommendation r
            WHERE r.source_id IN (SELECT x.source_id
                                  FROM metric_definition() d
                                  JOIN metric_member(NULL) b USING (metric_id)
                                  JOIN posture.recommendation x
                                    ON x.recommendation_id = b.recommendation_id
                                  WHERE d.population_group_id IS NOT NULL));
COMMENT ON FUNCTION posture_internal.scanner_recommendation() IS
    'step of take_snapshot(): returns the recommendations of all sources that assess for a metric '
    'with a population, and the source of each; NULL: there is none';

CREATE FUNCTION posture_internal.write_initiative_scores(of_day date) RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    -- The planner expects one row of a day that has just been written. Materialized, the scores
    -- are not computed again for each row.
    WITH result AS MATERIALIZED (
        SELECT * FROM initiative_result(of_day)
    )
    UPDATE initiative_snapshot s
    SET score = r.score, score_low = r.score_low, score_high = r.score_high
    FROM result r
    WHERE s.day = of_day AND s.initiative_id = r.initiative_id;
END;
COMMENT ON FUNCTION posture_internal.write_initiative_scores(date) IS
    'step of write_snapshot(): writes the scores of the initiatives, from what the snapshot has';

CREATE FUNCTION posture_internal.write_snapshot(of_day date, as_of timestamptz) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    counts counted_object[] := CASE WHEN has_nodes() THEN counted_of_day(of_day, as_of) END;
BEGIN
    PERFORM delete_day_rows(of_day, of_day, false);
    PERFORM remember_nodes(of_day);
    -- one statement, so that every row shows the same moment
    WITH state AS (SELECT * FROM current_state(as_of, counts => counts)), inactive AS (
        UPDATE snapshot s
        SET (inactive, retired, inactive_sources, inactive_recommendations) =
            (SELECT i.assets, i.retired, i.sources, i.recommendations FROM inactive_at(as_of) i),
            (scanner_recommendations, scanners) = (SELECT k.* FROM scanner_recommendation() k)
        WHERE s.day = of_day
    ), exempt AS (SELECT * FROM exemption_rule(as_of, NULL, NULL)), exemption AS (
        INSERT INTO exemption_snapshot (day, recommendation_id, kind, for_all, assets, asset_groups)
        SELECT of_day, e.recommendation_id, e.kind, e.for_all, e.assets, e.asset_groups
        FROM exempt e
    ), measure AS (
        INSERT INTO measure_snapshot (day, recommendation_id, achieved, possible)
        SELECT of_day, m.recommendation_id, m.achieved, m.possible
        FROM posture.measure m
        WHERE m.observed_at < as_of
    ), exempt_group AS (
        INSERT INTO asset_group_snapshot (day, asset_group_id, assets)
        SELECT of_day, g.asset_group_id, g.assets
        FROM asset_group_set(true, NULL) g
        WHERE g.asset_group_id IN (SELECT unnest(e.asset_groups) FROM exempt e)
           OR g.asset_group_id IN (SELECT d.population_group_id FROM metric_definition() d)
    ), recommendation AS (
        INSERT INTO recommendation_snapshot (day, recommendation_id, exposed, assessed,
                                             achieved, possible, is_measured)
        SELECT of_day, recommendation_id, s.exposed::bigint, s.assessed::bigint,
               achieved_points(r.max_points, s.exposed, s.assessed, s.points_missing,
                               s.points_possible),
               possible_points(r.max_points, s.assessed, s.points_possible),
               s.points_possible IS NOT NULL
        FROM state s JOIN posture.recommendation r USING (recommendation_id)
        WHERE s.assessed > 0 OR s.failing OR s.points_possible IS NOT NULL
        ON CONFLICT DO NOTHING
    ), member AS (
        INSERT INTO initiative_metric_snapshot (day, initiative_id, metric_id, weight, is_own)
        SELECT of_day, b.initiative_id, b.metric_id, b.weight, b.is_own
        FROM initiative_member(NULL) b
    ), initiative AS (
        INSERT INTO initiative_snapshot (day, initiative_id, method, recommendations, switched_off,
                                         chosen_method, key, name, exposed, assessed,
                                         population, unassessed)
        SELECT of_day, initiative_id, i.method, i.recommendations, coalesce(o.ids, '{}'),
               c.method, c.key, c.name, s.exposed::bigint, s.assessed::bigint,
               s.population::bigint, s.unassessed::bigint
        FROM initiative_definition(NULL) i
        JOIN posture.initiative c USING (initiative_id)
        JOIN state s USING (initiative_id)
        LEFT JOIN (SELECT x.initiative_id, array_agg(x.recommendation_id) AS ids
                   FROM initiative_recommendation x
                   WHERE x.recommendation_id NOT IN (SELECT a.recommendation_id
                                                     FROM counted_recommendation(NULL, NULL) a)
                   GROUP BY x.initiative_id) o USING (initiative_id)
        ON CONFLICT DO NOTHING
    )
    INSERT INTO metric_snapshot (day, metric_id, exposed, assessed, score, importance,
                                 recommendations, switched_off, key, name,
                                 asset_kinds, criticality_weights, population, unassessed,
                                 population_group_id, unassessed_as, score_low, score_high)
    SELECT of_day, m.metric_id, m.exposed, m.assessed, m.score, c.importance,
           coalesce(b.recommendations, '{}'), coalesce(b.switched_off, '{}'), c.key, c.name,
           c.asset_kinds, c.criticality_weights, m.population, m.unassessed,
           c.population_group_id, c.unassessed, l.score_low, l.score_high
    FROM state m
    JOIN metric c USING (metric_id)
    LEFT JOIN score_bounds(m.exposed, m.assessed, m.population, m.unassessed) l ON true
    LEFT JOIN measured_recommendation() b USING (metric_id);
    PERFORM write_initiative_scores(of_day);
END $$;
COMMENT ON FUNCTION posture_internal.write_snapshot(date, timestamptz) IS
    'writes the state at a moment as the snapshot of a day and replaces an earlier one; rows that '
    'a source reported for that day do not change';

CREATE FUNCTION posture_internal.ensure_snapshot(
    of_day date, as_of timestamptz,
    OUT metrics bigint, OUT initiatives bigint, OUT events bigint, OUT recovered bigint,
    OUT left_out text[])
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET jit = off
    SET posture.partial_results = off
AS $$
DECLARE
    closes boolean;
    left_then text[];
BEGIN
    -- If two calls meet, the second one waits and finds the snapshot taken. Functions that need
    -- both locks take the one on finding_set first.
    LOCK TABLE finding_set IN SHARE UPDATE EXCLUSIVE MODE;
    LOCK TABLE snapshot IN SHARE ROW EXCLUSIVE MODE;
    closes := of_day < today() AND NOT has_snapshot(of_day);
    IF closes OR of_day = today() THEN
        PERFORM close_day_on_nodes(of_day, as_of, closes);
        IF of_day < today() THEN
            -- pending changes belong to the day as long as it is not closed
            IF has_other_zone(of_day) THEN
                -- a change that is committed after the findings are read would move with them
                LOCK TABLE finding IN SHARE ROW EXCLUSIVE MODE;
                PERFORM redate_findings(of_day);
            END IF;
            -- what changes between the fold and the count of a current state would count on this
            -- day, and in the history on a later one
            IF as_of = 'infinity' THEN
                LOCK TABLE asset, finding IN SHARE ROW EXCLUSIVE MODE;
            END IF;
            PERFORM expire_attestations();
            PERFORM fold_due();
        END IF;
        -- now() and today() are those of the start of the transaction, so one that runs past
        -- midnight does not close the day
        INSERT INTO snapshot (day, taken_at, ends_at) VALUES (of_day, now(), day_end(of_day))
        ON CONFLICT (day) DO UPDATE SET taken_at = EXCLUDED.taken_at, ends_at = EXCLUDED.ends_at;
        DELETE FROM forgotten_day f WHERE f.day = of_day;
        IF of_day < today() AND as_of < 'infinity' THEN
            PERFORM close_history(of_day);
        ELSIF of_day < today()
              -- a later day that has a snapshot keeps its history
              AND NOT EXISTS (SELECT FROM snapshot s WHERE s.day > of_day AND s.day < today()) THEN
            PERFORM backdate_history(of_day);
        END IF;
        left_out := write_day(of_day, as_of);
    END IF;
    IF is_node() THEN
        RETURN;
    END IF;
    SELECT f.events, f.recovered, f.left_out INTO events, recovered, left_then
    FROM try_events(of_day, closes OR of_day = today()) f;
    left_out := left_out || left_then;
    IF closes THEN
        PERFORM notify_day(of_day);
    END IF;
    metrics := (SELECT count(*) FROM metric_snapshot s WHERE s.day = of_day);
    initiatives := (SELECT count(*) FROM initiative_snapshot s WHERE s.day = of_day);
END $$;
COMMENT ON FUNCTION posture_internal.ensure_snapshot(date, timestamptz) IS
    'takes the snapshot of a day from the state at a moment unless the day is closed, on a head '
    'with those of its nodes, and records its events, but not on a node; returns the '
    'numbers of its metrics and initiatives, of new and recovered events, and what it left out';

-- A day before all findings shows the current state, so that the days after it can
-- be compared with something.
CREATE FUNCTION posture_internal.take_day(
    day date,
    OUT metrics bigint, OUT initiatives bigint, OUT events bigint, OUT recovered bigint)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    as_of timestamptz := day_end(day);
    left_out text[];
BEGIN
    IF NOT has_data_before(as_of) AND has_data_before('infinity') AND NOT has_snapshot(day) THEN
        RAISE NOTICE 'no finding is older than the end of %: its snapshot shows the current state',
            day;
        as_of := 'infinity';
    END IF;
    SELECT k.* INTO metrics, initiatives, events, recovered, left_out
    FROM ensure_snapshot(day, as_of) k;
    IF left_out <> '{}' THEN
        RAISE WARNING 'snapshot of % is not complete', day
            USING DETAIL = array_to_string(left_out, E'\n');
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.take_day(date) IS
    'step of take_snapshot() and backfill(): takes the snapshot of a day as of its end';

CREATE FUNCTION posture_internal.check_past_day(day date) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET datestyle = 'ISO, YMD'
AS $$
DECLARE
    start date := (SELECT h.day FROM history_start h);
BEGIN
    IF day < oldest_kept_day() THEN
        RAISE EXCEPTION 'cannot take a snapshot of day %', day
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('run_daily() deletes days before %s, by posture.retention_days.',
                                  oldest_kept_day()),
                  HINT = format('To take it and all days since then: SELECT * FROM '
                                'posture.backfill(%L);', day);
    ELSIF day < start THEN
        RAISE WARNING 'day % is before the beginning of history, %', day, start
            USING DETAIL = 'Its snapshot is taken, but not those of the days between.',
                  HINT = format('posture.backfill(%L) takes those as well; '
                                'posture.forget_day(%1$L) removes this one.', day);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.check_past_day(date) IS
    'step of take_snapshot(): warns of a day before the beginning of history, and refuses one that '
    'run_daily() would delete';

CREATE FUNCTION posture.take_snapshot(
    day date DEFAULT today(),
    OUT metrics bigint, OUT initiatives bigint, OUT events bigint, OUT recovered bigint)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM require_level('operator'), refuse_on_node('take_snapshot()');
    IF day IS NULL OR NOT isfinite(day) OR day > today() THEN
        RAISE EXCEPTION 'cannot take a snapshot of day %', coalesce(day::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('Today is %s in time zone %s.', today(), setting('timezone'));
    END IF;
    -- take this lock before any table is read, because grant_access() also takes it first
    PERFORM lock_sets();
    IF day < today() AND NOT has_snapshot(day) THEN
        PERFORM check_past_day(day);
    END IF;
    SELECT k.* INTO metrics, initiatives, events, recovered FROM take_day(day) k;
END $$;
COMMENT ON FUNCTION posture.take_snapshot(date) IS
    'takes the snapshot of a day, as of its end or for today as of now, and records its events; '
    'compares the next day that has a snapshot with it, and moves a drop here that was first seen '
    'on that day; returns the numbers of metrics and initiatives in the snapshot, of new events '
    'and of recovered ones; a day that has ended gets one snapshot; notes and acknowledgements of '
    'events are kept; warns of a day before the beginning of history, and refuses one that '
    'retention does not keep';

\set ECHO none
\i :include/recomputed.sql
-- What group_report must return: all assets outside a group are retired, then every metric and
-- initiative is counted asset by asset. Needs random.sql and catalog.sql.
CREATE TEMP TABLE outcome (
    of_group text, rows bigint, scored bigint, critical bigint, missing bigint, unexpected bigint,
    score_of bigint);

CREATE FUNCTION pg_temp.counted()
    RETURNS TABLE (initiative text, metric text, name text, score numeric, exposed bigint,
                   assessed numeric, critical bigint, weight numeric)
    LANGUAGE sql AS $$
    WITH exposure AS MATERIALIZED (
        SELECT * FROM pg_temp.recomputed
    ), assets AS MATERIALIZED (
        SELECT e.object_kind, e.object_id, members(e.assessed) AS asset_id,
                               NULL::integer AS exposed_id
        FROM exposure e
        UNION ALL
        SELECT e.object_kind, e.object_id, NULL, members(e.exposed) FROM exposure e
    ), member AS (
        SELECT b.initiative_id, 'metric' AS object_kind, b.metric_id AS object_id, b.metric_id,
                  b.weight
        FROM initiative_member(NULL) b
        UNION ALL
        SELECT d.initiative_id, 'recommendation', unnest(d.recommendations), NULL, NULL
        FROM initiative_definition(NULL) d WHERE d.method = 'points'
    ), row AS (
        SELECT b.initiative_id, b.metric_id, b.weight, a.asset_id, a.exposed_id
        FROM member b LEFT JOIN assets a USING (object_kind, object_id)
               WHERE b.metric_id IS NOT NULL
        UNION ALL
        SELECT i.initiative_id, NULL, NULL, a.asset_id, a.exposed_id
        FROM initiative i
        LEFT JOIN member b USING (initiative_id)
        LEFT JOIN assets a USING (object_kind, object_id)
        WHERE i.is_active
    ), weighted AS (
        SELECT r.*, a.criticality, m.key AS metric, m.name AS metric_name,
               asset_weight(criticality_rank(a.criticality), m.criticality_weights) AS times
        FROM row r
        LEFT JOIN metric m USING (metric_id)
        LEFT JOIN asset a ON a.asset_id = coalesce(r.exposed_id, r.asset_id)
    )
    SELECT i.key, w.metric, coalesce(w.metric_name, i.name),
           CASE WHEN w.metric_id IS NULL THEN n.score ELSE s.score END,
           CASE WHEN w.metric_id IS NULL THEN count(DISTINCT w.exposed_id)
                ELSE coalesce(sum(w.times) FILTER (WHERE w.exposed_id IS NOT NULL), 0) END,
           CASE WHEN w.metric_id IS NULL THEN count(DISTINCT w.asset_id)
                ELSE coalesce(sum(w.times) FILTER (WHERE w.asset_id IS NOT NULL), 0) END,
           count(DISTINCT w.exposed_id) FILTER (WHERE w.criticality = 'critical'), w.weight
    FROM weighted w
    JOIN initiative i USING (initiative_id)
    JOIN initiative_result(NULL) n USING (initiative_id)
    LEFT JOIN metric_state('infinity') s USING (metric_id)
    GROUP BY i.key, w.metric, w.metric_name, i.name, w.metric_id, n.score, s.score, w.weight $$;

CREATE PROCEDURE pg_temp.try_group(of_group text) LANGUAGE plpgsql AS $$
DECLARE
    result outcome;
BEGIN
    CREATE TEMP TABLE given AS
    SELECT g.initiative, g.metric, g.name, g.score, g.exposed_assets, g.assessed_assets,
           g.critical_assets, g.weight
    FROM group_report g WHERE g.asset_group = of_group;
    SELECT of_group, count(*), count(g.score), sum(g.critical_assets), NULL, NULL,
           count(*) FILTER (WHERE g.metric IS NULL
                              AND score_of(g.initiative,
                                           of_group)::numeric IS DISTINCT FROM g.score)
    INTO result FROM given g;
    BEGIN
        UPDATE asset a SET retired_at = coalesce(a.retired_at, now() - interval '1 hour')
        FROM asset_group g WHERE g.key = of_group AND NOT pg_temp.in_group(a, g);
        DELETE FROM measure;
        CREATE TEMP TABLE counted AS SELECT * FROM pg_temp.counted();
        result.missing := (SELECT count(*) FROM (TABLE counted EXCEPT ALL TABLE given) x);
        result.unexpected := (SELECT count(*) FROM (TABLE given EXCEPT ALL TABLE counted) x);
        RAISE EXCEPTION 'undone' USING ERRCODE = 'P0099';
    EXCEPTION WHEN SQLSTATE 'P0099' THEN
        INSERT INTO outcome SELECT result.*;
    END;
    DROP TABLE given;
END $$;

CREATE PROCEDURE pg_temp.try_groups(rounds integer) LANGUAGE plpgsql AS $$
DECLARE
    g text;
BEGIN
    FOR round IN 1 .. rounds LOOP
        CALL pg_temp.make_catalog(round);
        FOREACH g IN ARRAY ARRAY['kind', 'critical', 'env', 'none', 'all'] LOOP
            CALL pg_temp.try_group(g);
        END LOOP;
    END LOOP;
END $$;
\set ECHO all

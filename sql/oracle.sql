-- Random catalogs and findings: what posture returns for them against plain SQL that counts
-- distinct assets and adds up in numeric.
-- tests: report/asset_report, report/finding_report, report/metric_recommendation_report
-- tests: report/event_asset, score/finding_status
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
SET client_min_messages = warning;
\i :include/random.sql
\i :include/compare.sql
\i :include/catalog.sql
\i :include/days.sql
\i :include/oracle.sql
\i :include/listed.sql

-- the current state, and in every fourth round three days of it
SELECT setseed(0.42);
\set ECHO none
CREATE PROCEDURE pg_temp.try_all(rounds integer) LANGUAGE plpgsql AS $$
DECLARE
    start CONSTANT timestamptz := '2024-03-05 00:00+00';
BEGIN
    FOR round IN 1 .. rounds LOOP
        COMMIT;
        CALL pg_temp.make_days(start);
        ANALYZE source, asset, recommendation, finding, exemption, metric_recommendation,
            initiative_metric;
        -- move the assets to the present, where clocks tick
        UPDATE asset SET last_seen = now() - (start - last_seen) WHERE true;
        -- folded or not, with something pending or not
        IF round % 3 > 0 THEN
            DELETE FROM exemption WHERE asset_group_id IS NOT NULL AND round % 3 = 2;
            PERFORM fold();
            -- a finding that is deleted now existed on the days that are asked about below
            IF round % 4 > 0 THEN
                CALL pg_temp.touch(random() < 0.5);
            END IF;
        END IF;
        INSERT INTO outcome SELECT 'quick', 3, 0 WHERE object_count_is_current();
        CALL pg_temp.compare_now();
        CALL pg_temp.compare_listed();
        UPDATE asset SET last_seen = start - (now() - last_seen) WHERE true;
        CONTINUE WHEN round % 4 > 0;
        FOR later IN 0 .. 2 LOOP
            PERFORM take_snapshot('2024-03-05'::date + later);
            CALL pg_temp.compare_day('2024-03-05'::date + later);
            CALL pg_temp.compare_event_asset();
            CALL pg_temp.live_a_day(start + (later + 1) * interval '1 day');
        END LOOP;
    END LOOP;
END $$;
CALL pg_temp.try_all(4 * :rounds);
\set ECHO all
SELECT about, sum(cases) >= 3 * :rounds AS enough, sum(differences) AS differences
FROM outcome GROUP BY about ORDER BY about;
SELECT sum(cases) > 700 * :rounds AS thousands FROM outcome;

-- The same bits in one process and in five. A setup cost of 0 makes almost every scan parallel,
-- which takes long.
\set ECHO none
CREATE FUNCTION pg_temp.everything() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT m::text FROM metric_state('infinity') m;
    RETURN QUERY SELECT r::text FROM recommendation_state('infinity') r;
    RETURN QUERY SELECT r::text FROM initiative_result(NULL) r;
    RETURN QUERY SELECT r::text FROM initiative_term(NULL) r;
    RETURN QUERY SELECT o::text FROM overview o;
    RETURN QUERY SELECT r::text FROM metric_report r;
    RETURN QUERY SELECT r::text FROM recommendation_report r;
    RETURN QUERY SELECT s::text FROM secure_score s;
    RETURN QUERY SELECT s::text FROM secure_score_part s;
    RETURN QUERY SELECT t::text FROM target_report t;
    RETURN QUERY SELECT e::text FROM exemption_report e;
    RETURN QUERY SELECT a::text FROM assignment_report a;
    RETURN QUERY SELECT f::text FROM finding_report f;
    RETURN QUERY SELECT a::text FROM asset_report a;
    RETURN QUERY SELECT m::text FROM metric_recommendation_report m;
    RETURN QUERY SELECT assetset_agg(f.asset_id)::text FROM finding f;
    RETURN QUERY
    SELECT union_agg(ARRAY[f.asset_id, f.recommendation_id]::assetset)::text FROM finding f;
    RETURN QUERY
    SELECT weighted_score((f.asset_id % 101)::score, f.recommendation_id * 0.3)::text
    FROM finding f;
END $$;
SET max_parallel_workers_per_gather = 0;
CREATE TEMP TABLE alone AS SELECT * FROM pg_temp.everything() e;
\set ECHO all
SELECT CASE :rounds WHEN 1 THEN 20 ELSE 0 END AS setup_cost \gset
\set ECHO none
SET max_parallel_workers_per_gather = 4;
SET parallel_setup_cost = :setup_cost;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
CREATE TEMP TABLE together AS SELECT * FROM pg_temp.everything() e;
\set ECHO all
SELECT (SELECT count(*) > 100 FROM alone) AS enough,
       (SELECT count(*) FROM (TABLE alone EXCEPT ALL TABLE together) x) AS lost,
       (SELECT count(*) FROM (TABLE together EXCEPT ALL TABLE alone) x) AS gained;

-- the aggregates run in parallel
SET parallel_setup_cost = 0;
CREATE FUNCTION pg_temp.is_parallel(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ 'Partial (Group|Hash)?Aggregate' THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END $$;
SELECT pg_temp.is_parallel('SELECT assetset_agg(asset_id) FROM finding') AS assetset_agg,
       pg_temp.is_parallel('SELECT union_agg(ARRAY[asset_id]::assetset) FROM finding') AS union_agg,
       pg_temp.is_parallel('SELECT weighted_score((asset_id % 101)::score, recommendation_id)
                            FROM finding') AS weighted_score;

DISCARD TEMP;
DROP EXTENSION posture;

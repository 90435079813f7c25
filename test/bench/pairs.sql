/*
 * What is compared, side by side: bench.pair() runs both in turn and keeps the
 * median of each.
 */
CREATE TABLE bench.result (
    place int GENERATED ALWAYS AS IDENTITY, what text, compared_with text, seconds numeric, compared_seconds numeric, reach text);

CREATE FUNCTION bench.seconds_of(statement text) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
    started timestamptz := clock_timestamp();
BEGIN
    EXECUTE statement;
    RETURN extract(epoch FROM clock_timestamp() - started);
END $$;

CREATE PROCEDURE bench.pair(what text, statement text, compared_with text, compared text, reach text, runs int)
    LANGUAGE plpgsql AS $$
DECLARE
    ours double precision[] := '{}';
    theirs double precision[] := '{}';
BEGIN
    FOR i IN 0..runs LOOP
        -- the first of both warms up, unless it is the only one
        ours := ours || CASE WHEN i > 0 OR runs = 0 THEN bench.seconds_of(statement) ELSE bench.seconds_of(statement) * NULL END;
        COMMIT;
        IF compared IS NOT NULL THEN
            theirs := theirs || CASE WHEN i > 0 OR runs = 0 THEN bench.seconds_of(compared) ELSE bench.seconds_of(compared) * NULL END;
            COMMIT;
        END IF;
    END LOOP;
    INSERT INTO bench.result (what, compared_with, seconds, compared_seconds, reach)
    VALUES (what, compared_with, (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x) FROM unnest(ours) x),
            (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x) FROM unnest(theirs) x), reach);
    COMMIT;
END $$;

\echo 'deliveries'
SELECT bench.deliver(:findings, :assets, 0, now() - interval '2 days') \g /dev/null
SELECT bench.seconds_of('SELECT * FROM posture.ingest()') AS first \gset
VACUUM ANALYZE;
SELECT bench.deliver(:findings, :assets, 0, now() - interval '1 day') \g /dev/null
SELECT bench.seconds_of('SELECT * FROM posture.ingest()') AS second \gset
VACUUM ANALYZE;
INSERT INTO bench.result (what, compared_with, seconds, compared_seconds, reach)
VALUES ('a second, identical delivery of ' || :findings || ' findings', 'the first', :second, :first, 'at most 0.5');

\echo 'new rows'
-- a table like finding, its foreign keys with it, and the same rows
CREATE TABLE bench.finding (LIKE posture.finding INCLUDING ALL,
    FOREIGN KEY (recommendation_id) REFERENCES posture.recommendation,
    FOREIGN KEY (asset_id) REFERENCES posture.asset);
SELECT bench.deliver(:new, :new / 10, :assets, now() - interval '1 hour') \g /dev/null
SELECT bench.seconds_of('SELECT * FROM posture.ingest()') AS ours \gset
CREATE TABLE bench.rows AS
SELECT f.* FROM posture.finding f WHERE f.asset_id > :assets ORDER BY hashint4(f.recommendation_id # f.asset_id);
VACUUM ANALYZE bench.rows;
SELECT bench.seconds_of($$
    INSERT INTO bench.finding AS f SELECT * FROM bench.rows
    ON CONFLICT (recommendation_id, asset_id) DO UPDATE
    SET state = EXCLUDED.state, changed_at = EXCLUDED.changed_at, details = EXCLUDED.details
    WHERE f.state <> EXCLUDED.state$$) AS theirs \gset
INSERT INTO bench.result (what, compared_with, seconds, compared_seconds, reach)
VALUES ('ingest() of ' || :new || ' new rows', 'INSERT ... SELECT ... ON CONFLICT of the same rows into a like table', :ours, :theirs, 'at most 1.5');
DROP TABLE bench.rows, bench.finding;
VACUUM ANALYZE;

\echo 'reading'
CALL bench.pair('recompute a set per recommendation from finding',
    'SELECT recommendation_id, posture.cardinality(assessed), posture.cardinality(exposed) FROM posture.recommendation_set(''infinity'')',
    'SELECT recommendation_id, count(*), count(*) FILTER (...) FROM finding GROUP BY 1',
    'SELECT recommendation_id, count(*), count(*) FILTER (WHERE state = ''non_compliant'') FROM posture.finding GROUP BY 1',
    'at most 1.5', 5);
CALL bench.pair('read overview and all of metric_report',
    'SELECT (SELECT count(o) FROM posture.overview o), (SELECT count(m) FROM posture.metric_report m)',
    'plain SQL with count(distinct) and joins', $$
    WITH metric AS (
        SELECT m.metric_id, m.importance,
               count(DISTINCT f.asset_id) FILTER (WHERE f.state = 'non_compliant') AS exposed,
               count(DISTINCT f.asset_id) FILTER (WHERE f.state <> 'not_applicable') AS assessed
        FROM posture.metric m
        JOIN posture.metric_recommendation mr USING (metric_id)
        JOIN posture.finding f USING (recommendation_id)
        JOIN posture.asset a USING (asset_id)
        WHERE a.retired_at IS NULL AND (m.asset_kinds IS NULL OR a.kind = ANY (m.asset_kinds))
        GROUP BY m.metric_id
    )
    SELECT im.initiative_id, sum(w.weight * 100.0 * (m.assessed - m.exposed) / m.assessed) / sum(w.weight)
    FROM posture.initiative_metric im JOIN metric m USING (metric_id) JOIN posture.importance_weight w USING (importance)
    WHERE m.assessed > 0
    GROUP BY im.initiative_id$$,
    'at least 1000 times faster', 1);

\echo 'a day'
SELECT posture.take_snapshot(posture.today() - 2) \g /dev/null
UPDATE posture.finding SET state = CASE state WHEN 'compliant' THEN 'non_compliant' ELSE 'compliant' END::posture.finding_state,
       changed_at = posture.day_end(posture.today() - 1) - interval '1 hour'
WHERE (asset_id * 7 + recommendation_id) % 100 = 0;
VACUUM ANALYZE;
CALL posture.run_daily();
INSERT INTO bench.result (what, compared_with, seconds, reach)
SELECT 'run_daily() for one day, 1 % of findings changed', '', extract(epoch FROM finished_at - started_at), 'below 1 s'
FROM posture.run ORDER BY run_id DESC LIMIT 1;

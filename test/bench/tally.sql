/* What 100 nodes answer, added up by a head: the rows of this database, 100 times. */
\echo '100 nodes'
BEGIN;
INSERT INTO posture.node (node_id, key) VALUES (127, 'simulated');
CREATE OR REPLACE FUNCTION posture_internal.ask_nodes(
    row_type anyelement, relation text, only_nodes integer[] DEFAULT NULL,
    without text DEFAULT NULL, is_checked boolean DEFAULT true, writes boolean DEFAULT false)
    RETURNS SETOF anyelement LANGUAGE plpgsql ROWS 1000
    SET search_path = pg_catalog, posture, posture_internal, pg_temp AS $$
BEGIN
    IF relation LIKE 'current_object_count%' THEN
        RETURN QUERY
        SELECT t.object_kind, t.object_id, t.assessed, t.exposed, t.failing, t.critical,
               t.population, t.unassessed
        FROM generate_series(1, 100), object_count_here(false) t;
    END IF;
END $$;
DO $$
DECLARE
    of_100 double precision[] := '{}';
    of_one double precision[] := '{}';
BEGIN
    FOR i IN 0..10 LOOP
        of_100 := of_100 || bench.seconds_of('SELECT count(o) FROM posture.overview o');
        of_one := of_one || bench.seconds_of(
            'SELECT count(o) FROM posture_internal.object_count_here(false) o');
    END LOOP;
    CREATE TEMP TABLE of_nodes ON COMMIT DROP AS
    SELECT bench.median(of_100[2:]) AS measured, bench.median(of_one[2:]) AS compared;
END $$;
SELECT measured, compared FROM of_nodes \gset
ROLLBACK;
INSERT INTO bench.result (what, compared_with, measured, compared, unit, reach)
VALUES ('overview, with 100 times the rows that a node answers', 'the rows of one node', :measured,
        :compared, 's', 'below 0.1 s');

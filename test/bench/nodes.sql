/*
 * A head with nodes, all on one machine: seconds of the processor that a question
 * takes on the head and on the busiest node. Run on the head, whose nodes are empty;
 * needs nodes, findings and assets. Prints rows for bench.result.
 */
SET client_min_messages = error;
UPDATE posture_internal.bucket SET node_id = 1 + bucket % :nodes;
CREATE TYPE bench.cpu AS (node_id int, seconds numeric);
-- of the process that runs it: a head keeps the connections to its nodes
CREATE FUNCTION bench.cpu_here() RETURNS SETOF bench.cpu LANGUAGE sql AS $$
    SELECT (SELECT node_id FROM posture_internal.place),
           (f[14]::numeric + f[15]::numeric) / 100
    FROM string_to_array(pg_read_file('/proc/self/stat'), ' ') f $$;
SELECT pg_get_functiondef('bench.cpu_here'::regproc) AS of_cpu \gset
SELECT count(*) FROM posture.run_on_nodes('CREATE SCHEMA bench') \g /dev/null
SELECT count(*)
FROM posture.run_on_nodes('CREATE TYPE bench.cpu AS (node_id int, seconds numeric)') \g /dev/null
SELECT count(*) FROM posture.run_on_nodes(:'of_cpu') \g /dev/null

CREATE FUNCTION bench.all_cpu() RETURNS SETOF bench.cpu LANGUAGE sql AS $$
    SELECT * FROM bench.cpu_here()
    UNION ALL
    SELECT * FROM posture_internal.ask_nodes(NULL::bench.cpu, 'bench.cpu_here()') $$;

CREATE TABLE bench.spent (
    place int GENERATED ALWAYS AS IDENTITY, what text, head numeric, node numeric);
-- the last of some runs: the first read what the sessions had not in memory
CREATE PROCEDURE bench.spend(what text, statement text, runs int DEFAULT 3)
    LANGUAGE plpgsql AS $$
DECLARE
    before bench.cpu[];
    after bench.cpu[];
BEGIN
    FOR i IN 1..runs LOOP
        before := ARRAY(SELECT c FROM bench.all_cpu() c);
        EXECUTE statement;
        after := ARRAY(SELECT c FROM bench.all_cpu() c);
    END LOOP;
    INSERT INTO bench.spent (what, head, node)
    SELECT spend.what, max(s.seconds) FILTER (WHERE s.node_id = 0),
           max(s.seconds) FILTER (WHERE s.node_id > 0)
    FROM (SELECT a.node_id, a.seconds - b.seconds AS seconds
          FROM unnest(before) b JOIN unnest(after) a USING (node_id)) s;
    COMMIT;
END $$;

SELECT bench.deliver(:findings, :assets, 0,
                     posture.day_end(posture.today() - 3) - interval '1 hour') \g /dev/null
CALL bench.spend('first delivery', 'SELECT FROM posture.ingest()', 1);
SELECT posture.take_snapshot(posture.today() - 2) \g /dev/null
SELECT bench.deliver(:findings, :assets, 0,
                     posture.day_end(posture.today() - 2) + interval '1 hour') \g /dev/null
UPDATE posture.inbox SET state = 'non_compliant' WHERE abs(hashtext(asset)) % 100 = 0;
CALL bench.spend('delivery, 1 % changed', 'SELECT FROM posture.ingest()', 1);
SELECT posture.take_snapshot(posture.today() - 1) \g /dev/null
-- each row to the node that has its asset
SELECT pg_get_functiondef('bench.deliver'::regproc) AS of_deliver \gset
SELECT count(*) FROM posture.run_on_nodes(:'of_deliver') \g /dev/null
SELECT count(*)
FROM posture.run_on_nodes(format('SELECT bench.deliver(%s, %s, 0, %L)', :findings, :assets,
                                 posture.day_end(posture.today() - 1))) \g /dev/null
SELECT count(*)
FROM posture.run_on_nodes('DELETE FROM posture.inbox i WHERE NOT EXISTS (
                               SELECT FROM posture.asset a WHERE a.key = i.asset)') \g /dev/null
SELECT count(*)
FROM posture.run_on_nodes($$UPDATE posture.inbox SET state = 'not_applicable'
                            WHERE abs(hashtext(asset)) % 100 = 0$$) \g /dev/null
CALL bench.spend('delivery, 1 % changed, copied to the nodes', 'SELECT FROM posture.ingest()', 1);
SELECT posture.fold() \g /dev/null
CALL bench.spend('overview', 'SELECT count(o) FROM posture.overview o');
CALL bench.spend('report_at() of yesterday and a group',
                 $$SELECT count(r) FROM posture.report_at(posture.today() - 1, 'g1') r$$);
CALL bench.spend('change_report() of a metric',
                 $$SELECT count(c)
                   FROM posture.change_report('m5', posture.today() - 2, posture.today() - 1) c$$);
\pset tuples_only on
\pset format csv
SELECT format('%s of %s findings, %s nodes: processor of the head', what, :findings, :nodes),
       'that of the busiest node', head, greatest(node, 0.0001), 's',
       CASE WHEN what ~ 'delivery' THEN '' ELSE 'the head does not grow with findings' END
FROM bench.spent ORDER BY place;

/*
 * The views of the contract, behind a fence for owners.
 *
 * The parts in report define each view. Here it becomes posture_internal.VIEW, and
 * posture.VIEW reads it for roles that see all, and for owners the foreign table
 * owner_VIEW (src/fence_scan.c). A view runs with the privileges of its owner, so that
 * nobody needs privileges on the tables; that in posture_internal is a
 * security_invoker, so that the fence reads it under row security.
 *
 * The choice is made when a query is planned, and owners have nothing of the tables
 * in their plans. PostgreSQL plans a query of tables with row security again for
 * another role; the query of a view that reads functions alone it does not, so there
 * the choice is made when it runs.
 *
 * On a head, the views whose rows are assets or findings have those of all nodes as
 * well, through the foreign table node_VIEW: the nodes are asked with the conditions of
 * the reader. A view that reads other things asks the nodes in its functions. That, too,
 * is chosen when a query is planned, so that without nodes the plan is that of the view.
 *
 * A function in LANGUAGE sql can be inlined into a view, and its tables with it, on
 * which an owner has no privilege. Those that views read therefore have SET jit = off,
 * which prevents that.
 */

CREATE FUNCTION posture_internal.fence_handler() RETURNS fdw_handler
    AS 'MODULE_PATHNAME', 'posture_fence_handler' LANGUAGE C STRICT;
COMMENT ON FUNCTION posture_internal.fence_handler() IS
    'handler of the foreign-data wrapper posture_fence';
REVOKE EXECUTE ON FUNCTION posture_internal.fence_handler() FROM PUBLIC;
CREATE FOREIGN DATA WRAPPER posture_fence HANDLER fence_handler;
COMMENT ON FOREIGN DATA WRAPPER posture_fence IS 'reads the views of posture behind its fence';
CREATE SERVER posture_fence FOREIGN DATA WRAPPER posture_fence;
COMMENT ON SERVER posture_fence IS 'this database';

CREATE FUNCTION posture_internal.create_fence_table(report regclass, prefix text, of_rows text)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    name text := (SELECT c.relname FROM pg_class c WHERE c.oid = report);
    comment record;
BEGIN
    EXECUTE format('CREATE FOREIGN TABLE posture_internal.%I (%s) SERVER posture_fence',
                   prefix || name, row_columns((SELECT c.reltype FROM pg_class c
                                                WHERE c.oid = report)));
    EXECUTE format('COMMENT ON FOREIGN TABLE posture_internal.%I IS %L', prefix || name,
                   'the rows of the view ' || name || ' ' || of_rows);
    FOR comment IN
        SELECT a.attname AS name, col_description(report, a.attnum) AS text
        FROM pg_attribute a
        WHERE a.attrelid = report AND a.attnum > 0
    LOOP
        EXECUTE format('COMMENT ON COLUMN posture_internal.%I.%I IS %L', prefix || name,
                       comment.name, comment.text);
    END LOOP;
END $$;
COMMENT ON FUNCTION posture_internal.create_fence_table(regclass, text, text) IS
    'step of the installation: creates the foreign table of a view';
REVOKE EXECUTE ON FUNCTION posture_internal.create_fence_table(regclass, text, text) FROM PUBLIC;

DO $$
DECLARE
    report record;
    comment record;
BEGIN
    FOR report IN
        SELECT c.oid, c.relname AS name, trim(trailing ';' FROM pg_get_viewdef(c.oid)) AS query,
               pg_get_viewdef(c.oid) !~ 'ORDER BY [^()]*$' AS is_unordered,
               CASE WHEN EXISTS (SELECT
                                 FROM pg_rewrite w
                                 JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass
                                                 AND d.objid = w.oid
                                 JOIN pg_class t ON d.refclassid = 'pg_class'::regclass
                                                AND t.oid = d.refobjid
                                 WHERE w.ev_class = c.oid AND t.relkind = 'r')
                    THEN 'planned_sees_all' ELSE 'sees_all' END AS choice,
               c.relname IN ('asset_report', 'finding_report', 'unassessed_asset',
                             'vulnerability_report') AS asks_nodes
        FROM pg_class c
        WHERE c.relnamespace = 'posture'::regnamespace AND c.relkind = 'v'
        ORDER BY c.oid
    LOOP
        EXECUTE format('CREATE OR REPLACE VIEW posture_internal.%I WITH (security_invoker = true) '
                       'AS SELECT * FROM (%s) v%s', report.name, report.query,
                       -- else the order would tell how many rows of others there are
                       CASE WHEN report.is_unordered AND report.choice = 'planned_sees_all'
                            THEN ' ORDER BY v' ELSE '' END);
        PERFORM posture_internal.create_fence_table(report.oid, 'owner_', 'that its reader owns');
        IF report.asks_nodes THEN
            PERFORM posture_internal.create_fence_table(report.oid, 'node_',
                                                        'on all nodes of a head');
        END IF;
        EXECUTE format('CREATE OR REPLACE VIEW posture.%1$I WITH (security_invoker = false) AS '
                       'SELECT * FROM (%2$s) v WHERE posture_internal.%3$s() '
                       'UNION ALL '
                       'SELECT * FROM posture_internal.owner_%1$s '
                       'WHERE NOT posture_internal.%3$s() %4$s',
                       report.name, report.query, report.choice,
                       CASE WHEN report.asks_nodes
                            THEN format('UNION ALL '
                                        'SELECT * FROM posture_internal.node_%s '
                                        'WHERE posture_internal.planned_has_nodes() '
                                        'AND posture_internal.planned_sees_all()',
                                        report.name) END);
        EXECUTE format('COMMENT ON VIEW posture_internal.%I IS %L', report.name,
                       obj_description(report.oid, 'pg_class'));
        FOR comment IN
            SELECT a.attname AS name, col_description(report.oid, a.attnum) AS text
            FROM pg_attribute a
            WHERE a.attrelid = report.oid AND a.attnum > 0
        LOOP
            EXECUTE format('COMMENT ON COLUMN posture_internal.%I.%I IS %L', report.name,
                           comment.name, comment.text);
        END LOOP;
    END LOOP;
END $$;

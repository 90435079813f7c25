/*
 * The views of the contract, behind a fence for owners.
 *
 * The parts in report define each view. Here it becomes posture_internal.VIEW, and
 * posture.VIEW reads it for roles that see all, and owner_VIEW() for owners. A view
 * runs with the privileges of its owner, so that nobody needs privileges on the
 * tables; that in posture_internal is a security_invoker, so that the fence reads
 * it under row security.
 *
 * The choice is made when a query is planned, and owners have nothing of the tables
 * in their plans. PostgreSQL plans a query of tables with row security again for
 * another role; the query of a view that reads functions alone it does not, so there
 * the choice is made when it runs.
 *
 * A function in LANGUAGE sql can be inlined into a view, and its tables with it, on
 * which an owner has no privilege. Those that views read therefore have SET jit = off,
 * which prevents that.
 */

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
                    THEN 'planned_sees_all' ELSE 'sees_all' END AS choice
        FROM pg_class c
        WHERE c.relnamespace = 'posture'::regnamespace AND c.relkind = 'v'
        ORDER BY c.oid
    LOOP
        EXECUTE format('CREATE OR REPLACE VIEW posture_internal.%I WITH (security_invoker = true) '
                       'AS SELECT * FROM (%s) v%s', report.name, report.query,
                       -- else the order would tell how many rows of others there are
                       CASE WHEN report.is_unordered AND report.choice = 'planned_sees_all'
                            THEN ' ORDER BY v' ELSE '' END);
        EXECUTE format('CREATE FUNCTION posture_internal.owner_%s() '
                       'RETURNS SETOF posture_internal.%I '
                       'AS ''MODULE_PATHNAME'', ''posture_owner_view'' '
                       'LANGUAGE C STABLE PARALLEL SAFE ROWS 100', report.name, report.name);
        EXECUTE format('CREATE OR REPLACE VIEW posture.%1$I WITH (security_invoker = false) AS '
                       'SELECT * FROM (%2$s) v WHERE posture_internal.%3$s() '
                       'UNION ALL '
                       'SELECT * FROM posture_internal.owner_%1$s() '
                       'WHERE NOT posture_internal.%3$s()',
                       report.name, report.query, report.choice);
        EXECUTE format('COMMENT ON FUNCTION posture_internal.owner_%s() IS %L', report.name,
                       'returns the rows of the view ' || report.name || ' that its caller owns');
        EXECUTE format('COMMENT ON VIEW posture_internal.%I IS %L', report.name,
                       obj_description(report.oid, 'pg_class'));
        FOR comment IN
            SELECT a.attname AS name, col_description(report.oid, a.attnum) AS text
            FROM pg_attribute a
            WHERE a.attrelid = report.oid AND a.attnum > 0
        LOOP
            EXECUTE format('COMMENT ON COLUMN posture_internal.%I.%I IS %L',
                           report.name, comment.name, comment.text);
        END LOOP;
    END LOOP;
END $$;

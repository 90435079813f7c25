-- Walks the catalog for what may be wrong with any routine, also with new ones: where it finds what
-- it calls, with whose rights it runs, who may call it, and whether its marks are true. What needs
-- two logins and an attacker is in test/t.
-- tests: admin/install_begin, admin/install_end
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
\set ECHO none
RESET search_path;

CREATE TEMP VIEW routine AS
SELECT p.oid, p.oid::regprocedure::text AS routine, p.proname, l.lanname, p.provolatile,
       p.proparallel, p.prosecdef, p.proleakproof,
       p.prorettype, p.proargnames, p.proargtypes, p.proconfig, p.pronamespace, p.prosrc,
       p.prosqlbody::text AS tree,
       -- of a body that is text: without comments, then without literals
       CASE WHEN p.prosqlbody IS NULL AND l.lanname IN ('sql',
                                                        'plpgsql') THEN b.source END AS source,
       CASE WHEN p.prosqlbody IS NULL AND l.lanname IN ('sql', 'plpgsql')
            THEN regexp_replace(b.source, '''[^'']*''', '''''', 'g') END AS body
FROM pg_depend d
JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'posture'
JOIN pg_proc p ON p.oid = d.objid
JOIN pg_language l ON l.oid = p.prolang
CROSS JOIN LATERAL (SELECT regexp_replace(p.prosrc, '--[^\n]*|/\*.*?\*/', '', 'g') AS source) b
WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e';

-- What a routine uses, with the marks of that. A body that is bound is a tree,
-- which has functions, operators and aggregates by oid, those of PostgreSQL too.
CREATE TEMP VIEW used AS
WITH tree AS (
    SELECT r.oid, r.tree FROM routine r WHERE r.tree IS NOT NULL
    UNION ALL
    -- and what the views that it reads use
    SELECT r.oid, w.ev_action::text
    FROM routine r
    CROSS JOIN LATERAL regexp_matches(r.tree, ':relid (\d+) (?::inh \w+ )?:relkind v', 'g') m
    JOIN pg_rewrite w ON w.ev_class = m[1]::oid AND w.ev_type = '1'
    UNION ALL
    SELECT r.oid, w.ev_action::text
    FROM routine r
    CROSS JOIN LATERAL regexp_matches(r.body, '\m(?:FROM|JOIN)\s+(?:(?:posture|pg_catalog)\.)?(\w+)', 'g') m
    JOIN pg_class v ON v.relname = m[1] AND v.relnamespace::regnamespace::text
              = ANY ('{pg_catalog, posture, posture_internal}')
    JOIN pg_rewrite w ON w.ev_class = v.oid AND w.ev_type = '1'
), called AS (
    SELECT t.oid, CASE m[1] WHEN 'opno' THEN (SELECT o.oprcode::oid FROM pg_operator o
                                              WHERE o.oid = m[2]::oid)
                            ELSE m[2]::oid END AS function
    FROM tree t CROSS JOIN LATERAL regexp_matches(t.tree, ':(funcid|aggfnoid|winfnoid|opno) (\d+)', 'g') m
    UNION
    SELECT r.oid, f
    FROM routine r
    JOIN pg_aggregate a ON a.aggfnoid = r.oid
    CROSS JOIN LATERAL unnest(ARRAY[a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn,
                                    a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn,
                                    a.aggmfinalfn]::oid[]) f
    UNION
    -- conversions through text
    SELECT t.oid, y.typinput
    FROM tree t CROSS JOIN LATERAL regexp_matches(t.tree, ':resulttype (\d+) :resultcollid \d+ :coerceformat', 'g') m
    JOIN pg_type y ON y.oid = m[1]::oid
    UNION
    SELECT t.oid, y.typoutput
    FROM tree t
    CROSS JOIN LATERAL regexp_matches(
        t.tree,
        '\{COERCEVIAIO :arg \{\w+ [^{}]*?:(?:vartype|consttype|paramtype|funcresulttype|'
        'opresulttype|aggtype|wintype|casetype|coalescetype|minmaxtype|array_typeid|type) (\d+)',
        'g') m
    JOIN pg_type y ON y.oid = m[1]::oid
)
SELECT c.oid, f.oid::regprocedure::text AS what, f.provolatile::text AS volatility,
       f.proparallel::text AS parallel
FROM called c JOIN pg_proc f ON f.oid = c.function
UNION ALL
-- In a body that is text there are names: the most harmless function of a name.
SELECT r.oid, concat_ws('.', n.schema, n.name), min(f.provolatile::text),
       translate(min(translate(f.proparallel::text, 'sru', '123')), '123', 'sru')
FROM routine r
CROSS JOIN LATERAL (SELECT DISTINCT m[1] AS schema, m[2] AS name
                    FROM regexp_matches(r.body,
                                        '(?:\m(posture|posture_internal|pg_catalog)\s*\.\s*|(?<![.\w]))(\w+)\s*\(',
                                        'g') m) n
JOIN pg_proc f ON f.proname = n.name
              AND f.pronamespace::regnamespace::text
    = ANY (CASE WHEN n.schema IS NULL THEN '{pg_catalog, posture, posture_internal}' ELSE ARRAY[n.schema] END)
GROUP BY r.oid, n.schema, n.name
UNION ALL
SELECT r.oid, 'conversion to ' || m[1], f.provolatile::text, f.proparallel::text
FROM routine r CROSS JOIN LATERAL regexp_matches(r.body, '::\s*((?:posture\.)?\w+)', 'g') m
JOIN pg_type y ON y.oid = coalesce(to_regtype(m[1]), to_regtype('posture.' || m[1]),
                                   to_regtype('posture_internal.' || m[1]))
JOIN pg_proc f ON f.oid = y.typinput
UNION ALL
SELECT r.oid, v.what, v.volatility, v.parallel
FROM routine r
CROSS JOIN (VALUES
    ('a table', ':rtekind 0 :relid ',
     '\m(FROM|JOIN|UPDATE|INTO|TABLE)\s+((posture|posture_internal|pg_catalog|pg_temp)\.|(' ||
        (SELECT string_agg(c.relname, '|') FROM pg_class c
         WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text = ANY ('{posture, posture_internal}')) ||
        ')\M(?!\s*\())', 's', 's'),
    ('who asks, or when', '\{SQLVALUEFUNCTION',
     '\m(current_user|session_user|current_role|current_date|current_timestamp|localtimestamp)\M', 's', 's'),
    ('a temporary table', NULL, '\m(pg_temp\.|TEMP\M)', 's', 'r'),
    ('a statement that writes', ':commandType [2-5]|:hasForUpdate true',
     '\m(INSERT|UPDATE|DELETE|MERGE|TRUNCATE|LOCK|CREATE|ALTER|DROP|GRANT|REVOKE|COPY|NOTIFY|'
     'COMMIT|ROLLBACK|SET)\M\s+\w', 'v', 'u'),
    -- before PostgreSQL 17 that is an error in a parallel query
    ('a block that catches errors', NULL, '\mEXCEPTION\s+WHEN\M', 'i', 'u'),
    ('a statement that it puts together', NULL, '\mEXECUTE\M', 'v', 'u')
) v(what, in_tree, in_body, volatility, parallel)
WHERE r.tree ~ v.in_tree OR r.body ~ v.in_body
  -- what it puts together converts to a type that it is given, which is STABLE
  AND NOT (r.proname = 'is_input' AND v.what = 'a statement that it puts together');

-- SECURITY DEFINER are only these, and PUBLIC cannot call them: triggers, which read and write
-- tables on which a role that writes the catalog has no privilege; and functions that grant
-- access. Functions of the contract run as their owner by posture_call_definer() (src/call.c).
CREATE TEMP VIEW definer (proname) AS
VALUES ('capture_asset'), ('capture_groups'), ('capture_reference'), ('capture_catalog'),
       ('capture_truncate'), ('forget_confirmations'), ('route_row'), ('refuse_typed'),
       ('apply_rules_to_recommendation'), ('apply_changed_rule'),
       ('apply_rules_to_source'),               -- apply rules
       ('push_catalog'), ('flush_catalog'), ('flush_at_commit'),  -- send the catalog to nodes
       ('lock_rules'), ('check_member'), ('metric_recommendation_restore'),         -- keep what rules pick
       ('write_change'), ('log_move'), ('purge_change_log'),  -- write the log of decisions
       ('grant_access'), ('restore_access'), ('revoke_access');

-- what a wrapper of src/call.c calls
CREATE TEMP VIEW wrapper AS
SELECT r.*, f.oid AS function, f.provolatile AS volatility, f.proparallel AS parallel,
       coalesce(pg_get_function_sqlbody(f.oid), f.prosrc) AS body_text
FROM routine r
LEFT JOIN pg_proc f ON f.pronamespace ::regnamespace::text = 'posture_internal'
                   AND f.proname = r.proname || CASE r.pronamespace::regnamespace::text
                                                WHEN 'posture' THEN '' ELSE '_body' END
                   AND f.proargtypes = r.proargtypes
WHERE r.prosrc ~ '^posture_call(_|$)';

-- A read asks nodes as it reads tables. It does so only after has_nodes(), which is an error in a
-- parallel worker.
CREATE FUNCTION pg_temp.reads_nodes() RETURNS text
    LANGUAGE sql IMMUTABLE RETURN '^(posture_internal[.])?(ask_nodes|node_difference|node_problem)([(]|$)';

CREATE TEMP VIEW error AS
SELECT r.routine, 'needs SET search_path = pg_catalog, posture, posture_internal, pg_temp' AS error
FROM routine r
WHERE (r.body IS NOT NULL OR r.prosecdef)
  AND NOT 'search_path=pg_catalog, posture, posture_internal, pg_temp' = ANY (coalesce(r.proconfig, '{}'))
  -- a procedure that does may not commit; its names have schemas
  AND r.routine <> 'posture.run_daily()'
UNION ALL
SELECT r.routine, 'is read otherwise with standard_conforming_strings off: ' || m[2]
FROM routine r CROSS JOIN LATERAL regexp_matches(r.source, '(E?)''([^'']*)''', 'gi') m
WHERE m[1] = '' AND m[2] LIKE '%\\%'
UNION ALL
SELECT r.routine, 'runs with the rights of its owner, and is not listed in sql/privilege.sql' FROM routine r
WHERE r.prosecdef AND r.proname NOT IN (SELECT d.proname FROM definer d)
UNION ALL
SELECT d.proname, 'is no SECURITY DEFINER' FROM definer d
WHERE NOT EXISTS (SELECT FROM routine r WHERE r.prosecdef AND r.proname = d.proname)
UNION ALL
-- a trigger, what runs with other rights, and what is told who calls
SELECT r.routine, 'needs REVOKE EXECUTE FROM PUBLIC'
FROM routine r
WHERE (r.prosecdef OR r.prorettype = 'trigger'::regtype OR 'caller' = ANY (r.proargnames))
  AND has_function_privilege('public', r.oid, 'EXECUTE')
UNION ALL
SELECT w.routine, 'runs as its owner for PUBLIC, and does not call require_level()'
FROM wrapper w
WHERE w.prosrc = 'posture_call_definer' AND has_function_privilege('public', w.oid, 'EXECUTE')
  AND w.body_text !~ '\m(require_level|require_owner|require_event|load_document)\('
  -- these answer about their caller alone
  AND w.proname NOT IN ('require_level', 'delivery_sources')
UNION ALL
SELECT w.routine, 'has other marks than what it calls'
FROM wrapper w
WHERE w.provolatile IS DISTINCT FROM w.volatility OR w.proparallel IS DISTINCT FROM w.parallel
UNION ALL
-- the comparisons of scores are those of bigint
SELECT r.routine, 'is leakproof' FROM routine r WHERE r.proleakproof AND r.lanname <> 'internal'
UNION ALL
SELECT r.routine, CASE r.provolatile WHEN 'i' THEN 'is IMMUTABLE' ELSE 'is STABLE' END
           || ' and uses ' || u.what
FROM routine r JOIN used u USING (oid)
WHERE r.provolatile::text < u.volatility AND u.what !~ pg_temp.reads_nodes()
UNION ALL
SELECT r.routine, CASE r.proparallel WHEN 's' THEN 'is PARALLEL SAFE' ELSE 'is PARALLEL RESTRICTED' END || ' and uses '
           || u.what
FROM routine r JOIN used u USING (oid)
WHERE translate(r.proparallel::text, 'sru', '123') < translate(u.parallel, 'sru', '123')
  AND u.what !~ pg_temp.reads_nodes()
UNION ALL
SELECT c.oid::regclass::text, 'is granted to everybody: ' || x.privilege_type
FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) x
WHERE c.relnamespace::regnamespace::text IN ('posture', 'posture_internal') AND x.grantee = 0
UNION ALL
SELECT c.oid::regclass || '.' || a.attname, 'is granted to everybody: ' || x.privilege_type
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid CROSS JOIN LATERAL aclexplode(a.attacl) x
WHERE c.relnamespace::regnamespace::text IN ('posture', 'posture_internal') AND x.grantee = 0
UNION ALL
SELECT 'schema ' || n.nspname, 'is granted to everybody: ' || x.privilege_type
FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) x
WHERE n.nspname IN ('posture', 'posture_internal') AND x.grantee = 0 AND x.privilege_type <> 'USAGE'
UNION ALL
SELECT 'schema ' || n.nspname, 'may be created in by ' || x.grantee::regrole
FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) x
WHERE n.nspname IN ('posture', 'posture_internal') AND x.privilege_type = 'CREATE' AND x.grantee NOT IN (0, n.nspowner)
UNION ALL
SELECT 'schema ' || n.nspname, 'belongs to ' || r.rolname
FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
WHERE n.nspname IN ('posture', 'posture_internal') AND NOT r.rolsuper;
\set ECHO all

SELECT * FROM error ORDER BY routine COLLATE "C", error COLLATE "C";
-- it has looked at something
SELECT count(*) > 400 AS routines, count(*) FILTER (WHERE tree IS NOT NULL) > 200 AS bound,
       count(*) FILTER (WHERE body IS NOT NULL) > 80 AS text FROM routine;
SELECT count(*) > 2000 AS used, count(DISTINCT what) > 400 AS things FROM used;

-- What C does can't be looked into. All is IMMUTABLE and PARALLEL SAFE, but what reads settings
-- or the caller; what reads tables, with schemas in its query (src/fence.c, src/capture_finding.c);
-- and what writes. The marks of wrappers and of the fences of views are checked above.
SELECT replace(r.routine, 'posture_internal.', '') AS routine, r.provolatile, r.proparallel
FROM routine r
WHERE r.lanname NOT IN ('sql', 'plpgsql') AND (r.provolatile <> 'i' OR r.proparallel <> 's')
  AND r.prosrc !~ '^posture_call(_|$)'
ORDER BY r.routine COLLATE "C";

-- Each kind of error is found, as soon as there is such a routine.
\set ECHO none
BEGIN;
CREATE FUNCTION posture.no_path() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE FUNCTION posture.other_path() RETURNS int LANGUAGE plpgsql
SET search_path = posture, posture_internal, pg_temp AS 'BEGIN RETURN 1; END';
CREATE FUNCTION posture.no_temp() RETURNS int LANGUAGE plpgsql
SET search_path = pg_catalog AS 'BEGIN RETURN 1; END';
CREATE FUNCTION posture.text_body() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION posture.definer() RETURNS int LANGUAGE sql SECURITY DEFINER RETURN 1;
CREATE FUNCTION posture.touched() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, posture, posture_internal, pg_temp AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION posture.told_who(caller oid) RETURNS oid LANGUAGE sql RETURN caller;
CREATE FUNCTION posture_internal.open_to_all() RETURNS int LANGUAGE plpgsql
SET search_path = pg_catalog, posture, posture_internal, pg_temp AS 'BEGIN RETURN 1; END';
CREATE FUNCTION posture.open_to_all() RETURNS int STABLE AS '$libdir/posture', 'posture_call_definer' LANGUAGE C;
CREATE FUNCTION posture.leaky() RETURNS int LANGUAGE sql LEAKPROOF RETURN 1;
CREATE FUNCTION posture.backslash() RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, posture, posture_internal, pg_temp AS $$BEGIN
    RETURN '1' ~ '\d' AND '1' ~ E'\\d';
END$$;
CREATE FUNCTION posture.of_setting() RETURNS date LANGUAGE sql IMMUTABLE RETURN posture.today();
CREATE FUNCTION posture.of_zone(at text) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE RETURN at::timestamptz;
CREATE FUNCTION posture.in_zone(at timestamptz) RETURNS text LANGUAGE sql IMMUTABLE RETURN at::text;
CREATE FUNCTION posture.day_in_zone(at timestamptz) RETURNS date
    LANGUAGE sql IMMUTABLE RETURN at::date;
CREATE FUNCTION posture.of_table() RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN (SELECT count(*) FROM posture.finding);
CREATE FUNCTION posture.of_clock() RETURNS boolean
    LANGUAGE sql STABLE RETURN clock_timestamp() > now();
CREATE FUNCTION posture.of_volatile_view() RETURNS bigint
    LANGUAGE sql STABLE RETURN (SELECT count(*) FROM pg_hba_file_rules);
CREATE FUNCTION posture.of_sequence() RETURNS bigint
    LANGUAGE sql PARALLEL SAFE RETURN nextval('posture.asset_asset_id_seq');
CREATE FUNCTION posture.of_fold() RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE RETURN (SELECT f.slices FROM posture.fold() f);
CREATE FUNCTION posture.writes() RETURNS void
    LANGUAGE sql STABLE PARALLEL RESTRICTED BEGIN ATOMIC DELETE FROM posture.run; END;
CREATE FUNCTION posture.who() RETURNS name LANGUAGE sql IMMUTABLE RETURN current_user;
CREATE FUNCTION posture.text_now() RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, posture, posture_internal, pg_temp AS 'BEGIN RETURN now(); END';
CREATE FUNCTION posture.text_zone(at text) RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, posture, posture_internal, pg_temp AS 'BEGIN RETURN at::timestamptz; END';
CREATE FUNCTION posture.text_setting() RETURNS text LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, posture, posture_internal,
    pg_temp AS $$BEGIN RETURN posture_internal.setting('timezone'); END$$;
CREATE FUNCTION posture.text_fold() RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, posture, posture_internal, pg_temp AS 'BEGIN PERFORM posture.fold(); END';
CREATE FUNCTION posture.text_writes() RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, posture, posture_internal, pg_temp AS 'BEGIN DELETE FROM posture.run; END';
CREATE FUNCTION posture.text_notifies() RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, posture, posture_internal,
    pg_temp AS $$BEGIN PERFORM pg_notify('a', 'b'); END$$;
CREATE FUNCTION posture.text_reads() RETURNS boolean LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, posture, posture_internal,
    pg_temp AS 'BEGIN RETURN EXISTS (SELECT FROM posture.run); END';
CREATE FUNCTION posture.text_temp() RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, posture, posture_internal,
    pg_temp AS 'BEGIN RETURN EXISTS (SELECT FROM pg_temp.posture_item); END';
CREATE FUNCTION posture.text_catches() RETURNS int LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, posture, posture_internal,
    pg_temp AS 'BEGIN RETURN 1; EXCEPTION WHEN OTHERS THEN RETURN 2; END';
CREATE FUNCTION posture.text_runs(command text) RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, posture, posture_internal, pg_temp AS 'BEGIN EXECUTE command; END';
CREATE FUNCTION posture.last_step(bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL RESTRICTED RETURN $1;
CREATE AGGREGATE posture.all_steps(bigint) (sfunc = int8pl, stype = bigint,
                                            finalfunc = posture.last_step, parallel = safe);
DO $$
DECLARE
    f record;
BEGIN
    FOR f IN SELECT p.oid::regprocedure, CASE p.prokind WHEN 'a' THEN 'AGGREGATE'
                                                        ELSE 'FUNCTION' END AS kind
             FROM pg_proc p
             WHERE p.pronamespace::regnamespace::text IN ('posture', 'posture_internal')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') LOOP
        EXECUTE format('ALTER EXTENSION posture ADD %s %s', f.kind, f.oid);
    END LOOP;
END $$;
GRANT CREATE ON SCHEMA posture TO PUBLIC;
GRANT CREATE ON SCHEMA posture_internal TO pg_monitor;
GRANT SELECT ON posture.finding TO PUBLIC;
GRANT UPDATE (note) ON posture.event TO PUBLIC;
ALTER FUNCTION posture_internal.lock_rules() SECURITY INVOKER;
\set ECHO all
SELECT * FROM error ORDER BY routine COLLATE "C", error COLLATE "C";
ROLLBACK;

DROP EXTENSION posture;

/*
 * What a dump takes along, and who owns what.
 */

-- every table that a person or a job fills, and the sequences of their ids
DO $$
DECLARE
    relation regclass;
BEGIN
    FOR relation IN
        SELECT c.oid
        FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'posture'::pg_catalog.regnamespace AND c.relkind IN ('r', 'S')
        ORDER BY c.oid
    LOOP
        PERFORM pg_catalog.pg_extension_config_dump(relation, '');
    END LOOP;
END $$;

-- A trusted extension is installed by the bootstrap superuser on behalf of the
-- one who asked for it: they own what they use. Types and C functions stay
-- with the superuser, who alone may have such.
DO $$
DECLARE
    item record;
BEGIN
    FOR item IN
        SELECT pg_catalog.format('%s %s', CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.oid::pg_catalog.regclass) AS what
        FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'posture'::pg_catalog.regnamespace AND c.relkind IN ('r', 'v')
        UNION ALL
        SELECT pg_catalog.format('ROUTINE %s', p.oid::pg_catalog.regprocedure)
        FROM pg_catalog.pg_proc p
        JOIN pg_catalog.pg_language l ON l.oid = p.prolang
        WHERE p.pronamespace = 'posture'::pg_catalog.regnamespace AND l.lanname IN ('sql', 'plpgsql')
    LOOP
        EXECUTE 'ALTER ' || item.what || ' OWNER TO @extowner@';
    END LOOP;
END $$;

/*
 * What a dump takes along, and who may do what.
 *
 * A trusted extension is installed by the bootstrap superuser on behalf of
 * somebody who may be none. They get every right on the tables, to keep and to
 * pass on, but own no table and no function: a superuser who assesses the
 * cluster must not meet a trigger of theirs, or a function that they replaced.
 * Nor must whoever deletes meet a trigger on a table of theirs that refers to
 * ours: after a cascade it runs with the rights of the one who deletes, so that
 * REFERENCES is not theirs either.
 * They do own the schema, so PL/pgSQL bodies call posture's functions with
 * arguments of exactly their types: no other function can be a better match.
 */
DO $$
DECLARE
    relation record;
BEGIN
    FOR relation IN
        SELECT c.oid, c.relkind, c.oid::pg_catalog.regclass AS name
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e'
        JOIN pg_catalog.pg_extension e ON d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND e.oid = d.refobjid
        WHERE e.extname = 'posture' AND c.relkind IN ('r', 'S', 'v')
        ORDER BY c.oid
    LOOP
        EXECUTE pg_catalog.format(
            'GRANT %s ON %s TO @extowner@ WITH GRANT OPTION',
            CASE relation.relkind WHEN 'r' THEN 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE'
                                  WHEN 'S' THEN 'USAGE, SELECT, UPDATE' ELSE 'SELECT' END,
            relation.name);
        -- every table is filled by a person or a job, and a sequence gives its
        -- ids; what is derived from others (src/sql/41_kept.sql) is not dumped
        IF relation.relkind IN ('r', 'S')
           AND relation.name::pg_catalog.text !~ '^posture\.(finding_set|asset_set|tally|tally_slice|(finding|asset|catalog)_delta(_delta_id_seq)?)$' THEN
            PERFORM pg_catalog.pg_extension_config_dump(relation.oid, '');
        END IF;
        IF relation.relkind = 'S' THEN
            EXECUTE pg_catalog.format('COMMENT ON SEQUENCE %s IS %L', relation.name, 'gives ids');
        END IF;
    END LOOP;
END $$;

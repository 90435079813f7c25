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
 * Nor is the schema theirs (src/sql/00_start.sql). Others may still be let
 * create in it, so PL/pgSQL bodies call posture's functions with arguments of
 * exactly their types: no other function can be a better match.
 */
DO $$
DECLARE
    relation record;
    -- whoever runs an upgrade need not be who installed
    installer name := (SELECT r.rolname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_roles r ON r.oid = e.extowner
                       WHERE e.extname = 'posture');
BEGIN
    EXECUTE pg_catalog.format(
        'GRANT EXECUTE ON FUNCTION posture.grant_access(name, text), posture.revoke_access(name), posture.set_row_security() TO %I WITH GRANT OPTION',
        installer);
    FOR relation IN
        SELECT c.oid, c.relkind, c.relname, c.oid::pg_catalog.regclass AS name
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e'
        JOIN pg_catalog.pg_extension e ON d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND e.oid = d.refobjid
        WHERE e.extname = 'posture' AND c.relkind IN ('r', 'S', 'v')
        ORDER BY c.oid
    LOOP
        EXECUTE pg_catalog.format(
            'GRANT %s ON %s TO %I WITH GRANT OPTION',
            CASE relation.relkind WHEN 'r' THEN 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE'
                                  WHEN 'S' THEN 'USAGE, SELECT, UPDATE' ELSE 'SELECT' END,
            relation.name, installer);
        -- every table is filled by a person or a job, and a sequence gives its
        -- ids; what is derived is dumped as little as it is replicated
        IF relation.relkind IN ('r', 'S')
           AND NOT EXISTS (SELECT
                           FROM pg_catalog.pg_trigger t
                           WHERE t.tgfoid = 'posture.leave_out()'::pg_catalog.regprocedure
                             AND t.tgrelid IN (SELECT relation.oid
                                               UNION ALL
                                               SELECT s.refobjid
                                               FROM pg_catalog.pg_depend s
                                               WHERE s.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND s.objid = relation.oid AND s.deptype = 'i')) THEN
            PERFORM pg_catalog.pg_extension_config_dump(relation.oid, '');
        END IF;
        IF relation.relkind = 'S' THEN
            EXECUTE pg_catalog.format('COMMENT ON SEQUENCE %s IS %L', relation.name, 'gives ids');
        END IF;
    END LOOP;
END $$;

-- What bodies in BEGIN ATOMIC and views call is found when they are created, in
-- a schema that may have been there before, with functions in it for arguments
-- that are no exact match here. And what an update finds in the extension keeps
-- its owner, who could have put it there, and have it run with other settings.
-- Looked at last: who puts one there in between, and takes it away, breaks what
-- calls it and no more.
DO $$
DECLARE
    foreign_object text := (
        WITH member AS (
            SELECT d.classid, d.objid
            FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
            WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e' AND e.extname = 'posture'
        ), part AS (
            SELECT m.classid, m.objid FROM member m
            UNION
            -- rules of views, constraints, defaults
            SELECT d.classid, d.objid
            FROM member m JOIN pg_catalog.pg_depend d ON d.refclassid = m.classid AND d.refobjid = m.objid
            WHERE d.deptype IN ('a', 'i')
        ), used AS (
            SELECT d.refclassid AS classid, d.refobjid AS objid
            FROM part p JOIN pg_catalog.pg_depend d ON d.classid = p.classid AND d.objid = p.objid
            WHERE d.refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass)
            UNION
            SELECT m.classid, m.objid FROM member m
        )
        SELECT pg_catalog.min(pg_catalog.pg_describe_object(u.classid, u.objid, 0))
        FROM used u
        -- of what belongs to the bootstrap superuser, nothing is said there
        JOIN pg_catalog.pg_shdepend s ON s.classid = u.classid AND s.objid = u.objid AND s.deptype = 'o' AND s.objsubid = 0
             AND s.dbid = (SELECT b.oid FROM pg_catalog.pg_database b WHERE b.datname = pg_catalog.current_database())
        JOIN pg_catalog.pg_roles r ON s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND r.oid = s.refobjid
        WHERE NOT r.rolsuper);
BEGIN
    IF foreign_object IS NOT NULL THEN
        RAISE EXCEPTION 'posture would use %, which is somebody else''s', foreign_object
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Drop it, or move it out of the extension and of schema posture, or have a superuser own it.';
    END IF;
END $$;

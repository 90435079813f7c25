/*
 * Levels of access: which role was granted which, and what a function of the
 * contract asks of its caller. What a level may do with tables is in
 * table_privilege.sql.
 *
 * A level is in force for the role that it was granted to, which is known by name
 * and oid. A role of that name that was created anew, or that a dump was restored
 * beside, has none until grant_access() or restore_access() grants it again.
 */

CREATE TABLE posture.access (
    role name NOT NULL,
    level text NOT NULL
        CONSTRAINT "level is reader, owner, loader, curator or operator"
            CHECK (level IN ('reader', 'owner', 'loader', 'curator', 'operator')),
    source object_key,
    role_id oid NOT NULL,
    granted_by name NOT NULL DEFAULT session_user,
    granted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT "a loader has a source, another level has none"
        CHECK ((level = 'loader') = (source IS NOT NULL)),
    UNIQUE NULLS NOT DISTINCT (role, level, source)
);
COMMENT ON TABLE posture.access IS
    'levels of access that grant_access() granted; a change has no effect here: call '
    'grant_access() and revoke_access()';
COMMENT ON COLUMN posture.access.role IS 'name of the role';
COMMENT ON COLUMN posture.access.level IS 'reader, owner, loader, curator or operator';
COMMENT ON COLUMN posture.access.source IS 'key of the source that a loader delivers for';
COMMENT ON COLUMN posture.access.role_id IS
    'oid of the role; a role of that name with another oid does not have the level';
COMMENT ON COLUMN posture.access.granted_by IS 'user of the session that granted it';
COMMENT ON COLUMN posture.access.granted_at IS 'time of the grant';

CREATE FUNCTION posture_internal.access_of(caller oid, of_level text)
    RETURNS TABLE (role name, source text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT a.role, a.source::text
    FROM access a
    JOIN pg_catalog.pg_roles r ON r.oid = a.role_id AND r.rolname = a.role
    WHERE a.level = of_level AND pg_has_role(caller, r.oid, 'USAGE');
END;
COMMENT ON FUNCTION posture_internal.access_of(oid, text) IS
    'returns the grants of a level that are in force for a role: to itself and to the roles that '
    'it is a member of';
REVOKE EXECUTE ON FUNCTION posture_internal.access_of(oid, text) FROM PUBLIC;

CREATE FUNCTION posture_internal.has_all_levels(role oid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    -- superusers are members of all roles
    RETURN EXISTS (SELECT
                   FROM pg_catalog.pg_extension e
                   WHERE e.extname = 'posture' AND pg_has_role(role, e.extowner, 'USAGE'));
COMMENT ON FUNCTION posture_internal.has_all_levels(oid) IS
    'returns whether a role is a superuser, the owner of the extension or a member of it';

CREATE FUNCTION posture_internal.has_level(role oid, level text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT has_all_levels(role) AND (level <> 'curator' OR acts_as_curator())
        OR CASE level
               -- the privileges of a reader may also be granted by hand, and are all it has
               WHEN 'reader'
                   THEN has_table_privilege(role, 'posture_internal.finding_set'::regclass,
                                            'SELECT')
               ELSE EXISTS (SELECT FROM access_of(role, level))
           END;
END;
COMMENT ON FUNCTION posture_internal.has_level(oid, text) IS
    'returns whether a role has a level';
REVOKE EXECUTE ON FUNCTION posture_internal.has_level(oid, text) FROM PUBLIC;

-- Without it, PostgreSQL's error names a table that the caller has never heard of.
-- function_fence.sql has it run as its owner, because not every caller may read the grants.
CREATE FUNCTION posture_internal.require_level(levels text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    role name := (SELECT r.rolname FROM pg_roles r WHERE r.oid = caller());
    level text := split_part(levels, ' ', 1);
BEGIN
    IF NOT EXISTS (SELECT FROM string_to_table(levels, ' or ') l WHERE has_level(caller(), l)) THEN
        RAISE EXCEPTION 'permission denied: role "%" needs level %', role, levels
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('A superuser, or the role that created the extension, can run: '
                                'SELECT posture.grant_access(%L, %L%s);', role, level,
                                CASE level WHEN 'loader' THEN ', ''the key of a source''' ELSE ''
                                END);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.require_level(text) IS
    'raises an error that names the levels unless the caller has one of them';

/*
 * grant_access() and revoke_access(): roles get and lose a level of access. What
 * a level may do is in table_privilege.sql.
 */

CREATE FUNCTION posture_internal.require_role(role name) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF role IS NULL THEN
        RAISE EXCEPTION 'role must not be null' USING ERRCODE = 'null_value_not_allowed';
    ELSIF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role) THEN
        RAISE EXCEPTION 'role "%" does not exist', role
            USING ERRCODE = 'undefined_object',
                  HINT = CASE WHEN lower(role) = 'public'
                              THEN 'PUBLIC cannot have a level: grant it to a role, and grant that '
                                   'role to others.'
                              WHEN role IN ('reader', 'owner', 'loader', 'operator')
                              THEN 'The first argument is the role, the second the level.'
                              ELSE 'CREATE ROLE creates a role. Its name is case-sensitive here.'
                         END;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.require_role(name) IS
    'raises an error if a role does not exist';

-- Without it, PostgreSQL's error names a table that the caller has never heard of.
CREATE FUNCTION posture_internal.require_level(level text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    -- one privilege that the level has: privileges may also be granted by hand
    IF (CASE level
            WHEN 'reader or owner'
                THEN has_any_column_privilege('posture.initiative'::regclass, 'SELECT')
            WHEN 'reader' THEN sees_all()
            WHEN 'owner or operator'
                THEN has_column_privilege('posture.event'::regclass, 'note', 'UPDATE')
            WHEN 'loader' THEN has_table_privilege('posture.inbox'::regclass, 'INSERT')
            WHEN 'operator'
                THEN has_table_privilege('posture_internal.finding_set'::regclass, 'INSERT')
        END) IS NOT TRUE THEN
        RAISE EXCEPTION 'permission denied: role "%" needs level %', current_user, level
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('A superuser, or the role that created the extension, can run: '
                                'SELECT posture.grant_access(%L, %L);',
                                current_user, split_part(level, ' ', 1));
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.require_level(text) IS
    'raises an error that names the level unless the caller has it';

CREATE FUNCTION posture.grant_access(role name, level text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM require_role(role);
    -- one session at a time: two cannot write the privileges of a table at once
    LOCK TABLE run IN SHARE UPDATE EXCLUSIVE MODE;
    IF level IS NULL OR level NOT IN ('reader', 'owner', 'loader', 'operator') THEN
        RAISE EXCEPTION 'level "%" not recognized', coalesce(level, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Levels are reader, owner, loader, operator.';
    END IF;
    IF level = 'owner' OR EXISTS (SELECT FROM granted_role() g WHERE NOT g.sees_all) THEN
        PERFORM lock_access();
    END IF;
    EXECUTE (SELECT string_agg(format('GRANT %s ON %s TO %I', p.privileges, p.relation, role), '; ')
             FROM access_privilege(level) p);
    IF level = 'operator' THEN
        -- rebuild() needs it in a restored database
        EXECUTE format('GRANT EXECUTE ON FUNCTION posture_internal.set_row_security() TO %I', role);
    END IF;
    IF EXISTS (SELECT FROM granted_role() g WHERE NOT g.sees_all) THEN
        PERFORM set_row_security();
    END IF;
END $$;
COMMENT ON FUNCTION posture.grant_access(name, text) IS
    'grants a role the privileges of a level; levels add up; reader: reads all; owner: reads the '
    'initiatives and asset groups whose owner is the role, or one that it is a member of, and '
    'acknowledges their events; loader: reads all and loads; operator: reads all and runs the job; '
    'the first owner turns row security on';
REVOKE EXECUTE ON FUNCTION posture.grant_access(name, text) FROM PUBLIC;

CREATE FUNCTION posture.revoke_access(role name) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    schemas oid[] := ARRAY['posture'::regnamespace, 'posture_internal'::regnamespace];
    granted_by text;
    has_row_security boolean;
BEGIN
    PERFORM require_role(role);
    -- the extension's owner could not get its privileges back, even if it owns the tables
    IF EXISTS (SELECT
               FROM pg_extension e JOIN pg_roles r ON r.oid = e.extowner
               WHERE e.extname = 'posture' AND r.rolname = role) THEN
        RAISE EXCEPTION 'role "%" owns the extension', role
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'Its privileges come from ownership, not from a level.';
    END IF;
    LOCK TABLE run IN SHARE UPDATE EXCLUSIVE MODE;
    has_row_security := (SELECT c.relrowsecurity
                         FROM pg_class c
                         WHERE c.oid = 'posture.finding'::regclass);
    IF has_row_security THEN
        PERFORM lock_access();
    END IF;
    EXECUTE (SELECT string_agg(format('REVOKE ALL ON %s FROM %I', p.relation, role), '; ')
             FROM (SELECT r.relation FROM access_rule() r
                   UNION
                   SELECT v.relation FROM access_privilege('reader') v) p);
    EXECUTE format('REVOKE EXECUTE ON FUNCTION posture_internal.set_row_security() FROM %I', role);
    IF has_row_security THEN
        PERFORM set_row_security();
    END IF;
    -- privileges that others granted, by hand or by restoring a dump, only they can revoke
    SELECT string_agg(DISTINCT quote_ident(r.rolname), ', ') INTO granted_by
    FROM (SELECT c.relowner AS owner, c.relacl AS acl
          FROM pg_class c
          WHERE c.relnamespace = ANY (schemas)
          UNION ALL
          SELECT c.relowner, a.attacl
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
          WHERE c.relnamespace = ANY (schemas)
          UNION ALL
          SELECT f.proowner, f.proacl FROM pg_proc f WHERE f.pronamespace = ANY (schemas)
          UNION ALL
          SELECT n.nspowner, n.nspacl FROM pg_namespace n WHERE n.oid = ANY (schemas)) g
    CROSS JOIN LATERAL aclexplode(g.acl) x
    JOIN pg_roles r ON r.oid = x.grantor
    WHERE x.grantee = (SELECT o.oid FROM pg_roles o WHERE o.rolname = role)
      AND x.grantor <> g.owner;
    IF granted_by IS NOT NULL THEN
        RAISE WARNING 'role "%" keeps privileges that % granted', role, granted_by
            USING HINT = replace(
                'To revoke them too, run as ' || granted_by || ': '
                'REVOKE ALL ON ALL TABLES IN SCHEMA posture, posture_internal FROM $; '
                'REVOKE ALL ON FUNCTION posture_internal.set_row_security() FROM $; '
                'and call revoke_access() again.',
                '$', quote_ident(role));
    END IF;
END $$;
COMMENT ON FUNCTION posture.revoke_access(name) IS
    'revokes from a role the privileges on tables and views, and warns of those that another role '
    'granted, which stay; with the last owner, row security is turned off';
REVOKE EXECUTE ON FUNCTION posture.revoke_access(name) FROM PUBLIC;

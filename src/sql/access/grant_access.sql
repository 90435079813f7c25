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
                              WHEN role IN ('reader', 'owner', 'loader', 'curator', 'operator')
                              THEN 'The first argument is the role, the second the level.'
                              ELSE 'CREATE ROLE creates a role. Its name is case-sensitive here.'
                         END;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.require_role(name) IS
    'raises an error if a role does not exist';

CREATE FUNCTION posture_internal.require_grant(level text, source text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF level IS NULL OR level NOT IN ('reader', 'owner', 'loader', 'curator', 'operator') THEN
        RAISE EXCEPTION 'level "%" not recognized', coalesce(level, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Levels are reader, owner, loader, curator, operator.';
    ELSIF level = 'loader' AND source IS NULL THEN
        RAISE EXCEPTION 'a loader delivers for a source, and none was given'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'SELECT posture.grant_access(role, ''loader'', ''key of the source''); '
                         'once for each source. It need not exist yet.';
    ELSIF level <> 'loader' AND source IS NOT NULL THEN
        RAISE EXCEPTION 'level % has no source', level
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Only a loader is granted a level for a source.';
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.require_grant(text, text) IS
    'raises an error if grant_access() cannot grant a level, or not for a source';

-- A role of a Citus cluster is on all its servers. Foreign servers have roles of their own.
CREATE FUNCTION posture_internal.run_on_workers(command text) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET posture.partial_results = off
AS $$
BEGIN
    IF has_nodes() THEN
        PERFORM FROM ask_nodes(NULL::node_result, format('run_command(%L)', command),
                               writes => true,
                               only_nodes => ARRAY(SELECT n.node_id FROM node n
                                                   WHERE n.worker_place IS NOT NULL));
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.run_on_workers(text) IS
    'runs a statement on the nodes that are workers of Citus';
REVOKE EXECUTE ON FUNCTION posture_internal.run_on_workers(text) FROM PUBLIC;

CREATE FUNCTION posture.grant_access(role name, level text, source text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    of_role oid := (SELECT r.oid FROM pg_roles r WHERE r.rolname = role);
    owned text;
BEGIN
    PERFORM require_role(role);
    PERFORM require_grant(level, source);
    -- one session at a time: two cannot write the privileges of a table at once
    LOCK TABLE access IN SHARE UPDATE EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM access a
               WHERE a.role = grant_access.role AND a.level = 'owner' AND a.role_id <> of_role)
       AND level = 'owner' THEN
        owned := (SELECT string_agg(o.key, ', ' ORDER BY o.key)
                  FROM (SELECT i.key::text FROM initiative i WHERE i.owner = role
                        UNION ALL
                        SELECT g.key::text FROM asset_group g WHERE g.owner = role) o(key));
        RAISE NOTICE 'role "%" is not the one that was granted level owner before; it sees what that owned: %',
            role, coalesce(owned, 'nothing');
    END IF;
    INSERT INTO access AS a (role, level, source, role_id)
    VALUES (role, level, source, of_role)
    ON CONFLICT ON CONSTRAINT access_role_level_source_key DO UPDATE
    SET role_id = of_role, granted_by = DEFAULT, granted_at = DEFAULT
    WHERE a.role_id <> of_role;
    EXECUTE (SELECT coalesce(string_agg(format('GRANT %s ON %s TO %I',
                                               p.privileges, p.relation, role), '; '), 'SELECT')
             FROM access_privilege(level) p);
    PERFORM run_on_workers(format('SELECT posture.grant_access(%L, %L, %L)', role, level, source));
END $$;
COMMENT ON FUNCTION posture.grant_access(name, text, text) IS
    'grants a role a level; levels add up; reader: reads all; owner: reads the initiatives and '
    'asset groups whose owner is the role, or one that it is a member of, and acknowledges their '
    'events; loader: delivers for the given source; curator: reads all, and writes the catalog, '
    'exemptions and targets; operator: reads all and runs the job';
REVOKE EXECUTE ON FUNCTION posture.grant_access(name, text, text) FROM PUBLIC;

CREATE FUNCTION posture.restore_access() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    granted record;
    grants bigint := 0;
BEGIN
    -- before the roles are read, as one that is revoked meanwhile would be granted again
    LOCK TABLE access IN SHARE UPDATE EXCLUSIVE MODE;
    FOR granted IN
        SELECT a.role, a.level, a.source,
               EXISTS (SELECT FROM pg_roles r WHERE r.rolname = a.role) AS has_role
        FROM access a
        ORDER BY a.role, a.level, a.source
    LOOP
        IF granted.has_role THEN
            PERFORM grant_access(granted.role, granted.level, granted.source);
            grants := grants + 1;
        ELSE
            RAISE WARNING 'role "%" does not exist and was not granted level %',
                granted.role, granted.level
                USING HINT = format('Create the role and call restore_access() again, or forget '
                                    'the grant: SELECT posture.revoke_access(%L);', granted.role);
        END IF;
    END LOOP;
    RETURN grants;
END $$;
COMMENT ON FUNCTION posture.restore_access() IS
    'grants again all levels in the table access, where a restored database or roles that were '
    'created anew lost them; returns how many';
REVOKE EXECUTE ON FUNCTION posture.restore_access() FROM PUBLIC;

CREATE FUNCTION posture.revoke_access(role name) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    schemas oid[] := ARRAY['posture'::regnamespace, 'posture_internal'::regnamespace];
    granted_by text;
BEGIN
    LOCK TABLE access IN SHARE UPDATE EXCLUSIVE MODE;
    DELETE FROM access a WHERE a.role = revoke_access.role;
    IF FOUND AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role) THEN
        -- it was dropped, and had no privilege left
        RETURN;
    END IF;
    PERFORM require_role(role);
    PERFORM run_on_workers(format('SELECT posture.revoke_access(%L)', role));
    -- the extension's owner could not get its privileges back, even if it owns the tables
    IF EXISTS (SELECT
               FROM pg_extension e JOIN pg_roles r ON r.oid = e.extowner
               WHERE e.extname = 'posture' AND r.rolname = role) THEN
        RAISE EXCEPTION 'role "%" owns the extension', role
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'Its privileges come from ownership, not from a level.';
    END IF;
    EXECUTE (SELECT string_agg(format('REVOKE ALL ON %s FROM %I', p.relation, role), '; ')
             FROM (SELECT r.relation FROM access_rule() r
                   UNION
                   SELECT v.relation FROM access_privilege('reader') v) p);
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
            USING HINT = format(
                'To revoke them too, run as %s: '
                'REVOKE ALL ON ALL TABLES IN SCHEMA posture, posture_internal FROM %I; '
                'and call revoke_access() again.', granted_by, role);
    END IF;
END $$;
COMMENT ON FUNCTION posture.revoke_access(name) IS
    'revokes all levels from a role, and warns of privileges that another role granted, which stay';
REVOKE EXECUTE ON FUNCTION posture.revoke_access(name) FROM PUBLIC;

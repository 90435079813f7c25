/*
 * Who may do what: levels of access that are granted to roles, and row
 * security for those who answer for a part.
 *
 * There is no row security until the first owner is granted: it would keep
 * everybody but superusers from COPY into the tables, and from restoring a
 * dump. A dump has the grants and not the policies, so rebuild(), which a
 * restored database needs anyway, makes them anew.
 */

-- Privileges as GRANT writes them; NULL: none. Policies are about one table
-- after the other, upwards, and never come back to where they started.
CREATE FUNCTION posture.access_rule()
    RETURNS TABLE (relation name, reader text, owner text, own_rows text, loader text, operator text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
VALUES
    ('importance_weight', 'SELECT', 'SELECT', NULL, 'UPDATE', NULL),
    ('source', 'SELECT', 'SELECT', NULL, 'INSERT, UPDATE', NULL),
    ('asset', 'SELECT', 'SELECT',
        $$(SELECT posture.own(text 'asset')) OPERATOR(posture.@>) asset_id$$, 'INSERT, UPDATE', NULL),
    ('asset_alias', 'SELECT', 'SELECT',
        $$(SELECT posture.own(text 'asset')) OPERATOR(posture.@>) asset_id$$, 'INSERT', NULL),
    ('asset_group', 'SELECT', 'SELECT',
        $$(SELECT posture.own(text 'asset_group')) OPERATOR(posture.@>) asset_group_id$$, 'INSERT, UPDATE', NULL),
    ('recommendation', 'SELECT', 'SELECT',
        $$(SELECT posture.own(text 'recommendation')) OPERATOR(posture.@>) recommendation_id$$, 'INSERT, UPDATE', NULL),
    ('metric', 'SELECT', 'SELECT',
        $$(SELECT posture.own(text 'metric')) OPERATOR(posture.@>) metric_id$$, 'INSERT, UPDATE', NULL),
    ('metric_recommendation', 'SELECT', 'SELECT',
        $$(SELECT posture.own(text 'metric')) OPERATOR(posture.@>) metric_id$$, 'INSERT, DELETE', NULL),
    ('initiative', 'SELECT', 'SELECT',
        $$(SELECT posture.own(text 'initiative')) OPERATOR(posture.@>) initiative_id$$, 'INSERT, UPDATE', NULL),
    ('initiative_metric', 'SELECT', 'SELECT',
        $$(SELECT posture.own(text 'initiative')) OPERATOR(posture.@>) initiative_id$$, 'INSERT, UPDATE, DELETE', NULL),
    ('initiative_recommendation', 'SELECT', 'SELECT',
        $$(SELECT posture.own(text 'initiative')) OPERATOR(posture.@>) initiative_id$$, 'INSERT, DELETE', NULL),
    ('score_band', 'SELECT', 'SELECT',
        $$initiative_id IS NULL OR (SELECT posture.own(text 'initiative')) OPERATOR(posture.@>) initiative_id$$, 'INSERT, UPDATE', NULL),
    ('benchmark', 'SELECT', 'SELECT',
        $$(SELECT posture.own(text 'initiative')) OPERATOR(posture.@>) initiative_id$$, 'INSERT, UPDATE', NULL),
    ('finding', 'SELECT', 'SELECT',
        $$(SELECT posture.own(text 'initiative_recommendation')) OPERATOR(posture.@>) recommendation_id
          OR (SELECT posture.own(text 'group_asset')) OPERATOR(posture.@>) asset_id$$,
        'INSERT, UPDATE', NULL),
    ('measure', 'SELECT', 'SELECT',
        $$(SELECT posture.own(text 'initiative_recommendation')) OPERATOR(posture.@>) recommendation_id$$, 'INSERT, UPDATE, DELETE', NULL),
    ('exemption', 'SELECT', 'SELECT',
        $$(SELECT posture.own(text 'initiative_recommendation')) OPERATOR(posture.@>) recommendation_id
          OR (SELECT posture.own(text 'group_asset')) OPERATOR(posture.@>) asset_id
          OR (SELECT posture.own(text 'asset_group')) OPERATOR(posture.@>) asset_group_id
          OR num_nonnulls(asset_id, asset_group_id) = 0 AND (SELECT posture.own(text 'recommendation')) OPERATOR(posture.@>) recommendation_id$$,
        'INSERT, UPDATE', NULL),
    ('snapshot', 'SELECT', 'SELECT (day, taken_at, ends_at)', NULL, NULL, 'INSERT, UPDATE, DELETE'),
    ('finding_history', 'SELECT', 'SELECT',
        $$(SELECT posture.own(text 'initiative_recommendation')) OPERATOR(posture.@>) recommendation_id$$, NULL, 'INSERT, UPDATE, DELETE'),
    ('recommendation_snapshot', 'SELECT', 'SELECT',
        $$(SELECT posture.own(text 'initiative_recommendation')) OPERATOR(posture.@>) recommendation_id$$, 'INSERT, DELETE', 'INSERT, DELETE'),
    -- of a metric that left an initiative the days remain when it was in it
    ('metric_snapshot', 'SELECT', 'SELECT',
        $$(SELECT posture.own(text 'metric')) OPERATOR(posture.@>) metric_id
          OR EXISTS (SELECT FROM posture.initiative_metric_snapshot x WHERE x.day = metric_snapshot.day AND x.metric_id = metric_snapshot.metric_id)$$,
        NULL, 'INSERT, DELETE'),
    ('initiative_snapshot', 'SELECT', 'SELECT',
        $$(SELECT posture.own(text 'initiative')) OPERATOR(posture.@>) initiative_id$$, 'INSERT, UPDATE', 'INSERT, UPDATE, DELETE'),
    ('initiative_metric_snapshot', 'SELECT', 'SELECT',
        $$(SELECT posture.own(text 'initiative')) OPERATOR(posture.@>) initiative_id$$, NULL, 'INSERT, DELETE'),
    ('event', 'SELECT', 'SELECT, UPDATE (status, acknowledged_by, acknowledged_at, note, reopened_by, reopened_at)',
        $$(SELECT posture.own(text 'initiative')) OPERATOR(posture.@>) initiative_id
          OR (SELECT posture.own(text 'metric')) OPERATOR(posture.@>) metric_id
          OR EXISTS (SELECT FROM posture.initiative_metric_snapshot x WHERE x.day = event.day AND x.metric_id = event.metric_id)$$,
        NULL, 'INSERT, UPDATE, DELETE'),
    -- a metric's effect on the initiative of another is not theirs to see
    ('event_cause', 'SELECT', 'SELECT',
        $$EXISTS (SELECT FROM posture.event x WHERE x.event_id = event_cause.event_id)
          AND (initiative_id IS NULL OR (SELECT posture.own(text 'initiative')) OPERATOR(posture.@>) initiative_id)$$,
        NULL, 'INSERT, DELETE'),
    ('run', 'SELECT', 'SELECT (run_id, day, started_at, finished_at, outcome)', NULL, NULL, 'INSERT, DELETE'),
    ('verification', 'SELECT', NULL, NULL, NULL, 'INSERT, DELETE'),
    -- what others delivered, as they wrote it
    ('inbox', NULL, NULL, NULL, 'SELECT, INSERT, DELETE', NULL),
    ('rejected', NULL, NULL, NULL, 'SELECT, INSERT', 'SELECT, DELETE'),
    -- derived: the assets of all
    ('exemption_snapshot', 'SELECT', NULL, NULL, NULL, 'INSERT, DELETE'),
    ('asset_group_snapshot', 'SELECT', NULL, NULL, NULL, 'INSERT, DELETE'),
    ('finding_set', 'SELECT', NULL, NULL, NULL, 'INSERT, UPDATE, DELETE'),
    ('asset_set', 'SELECT', NULL, NULL, NULL, 'INSERT, UPDATE, DELETE'),
    ('tally', 'SELECT', NULL, NULL, NULL, 'INSERT, UPDATE, DELETE'),
    ('tally_slice', 'SELECT', NULL, NULL, NULL, 'INSERT, UPDATE, DELETE'),
    ('finding_delta', 'SELECT', NULL, NULL, NULL, 'DELETE'),
    ('asset_delta', 'SELECT', NULL, NULL, NULL, 'DELETE'),
    ('catalog_delta', 'SELECT', 'SELECT', NULL, NULL, 'DELETE');
END;
COMMENT ON FUNCTION posture.access_rule() IS 'what each level may do with each table, loader and operator besides what reader may; own_rows: the rows that an owner sees, NULL: all';

CREATE FUNCTION posture.access_privilege(level text) RETURNS TABLE (relation name, privileges text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.relation, p.privileges
    FROM posture.access_rule() r
    CROSS JOIN LATERAL (VALUES ('reader', r.reader), ('owner', r.owner), ('loader', r.reader), ('loader', r.loader),
                               ('operator', r.reader), ('operator', r.operator)) p(level, privileges)
    WHERE p.level = access_privilege.level AND p.privileges IS NOT NULL
    UNION ALL
    -- views show what their reader may see
    SELECT c.relname, 'SELECT'
    FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
    JOIN pg_catalog.pg_class c ON c.oid = d.objid
    WHERE d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'e'
      AND e.extname = 'posture' AND c.relnamespace = 'posture'::regnamespace AND c.relkind = 'v';
END;
COMMENT ON FUNCTION posture.access_privilege(text) IS 'the privileges on tables and views that a level has';

-- Who reads what is kept, and who has the columns that only owners are granted:
-- what is granted by hand on single tables must not turn row security on.
CREATE FUNCTION posture.granted_role() RETURNS TABLE (role name, sees_all boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT DISTINCT r.rolname, has_table_privilege(r.oid, 'posture.finding_set'::regclass, 'SELECT')
    FROM (SELECT c.relowner, c.relacl AS acl FROM pg_catalog.pg_class c WHERE c.oid = 'posture.finding_set'::regclass
          UNION ALL
          SELECT c.relowner, a.attacl
          FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
          WHERE c.oid = 'posture.snapshot'::regclass AND a.attname = 'day') g
    CROSS JOIN LATERAL aclexplode(g.acl) x
    JOIN pg_catalog.pg_roles r ON r.oid = x.grantee
    WHERE x.privilege_type = 'SELECT' AND x.grantee <> g.relowner;
END;
COMMENT ON FUNCTION posture.granted_role() IS 'the roles that are granted to read, and whether they see all: the others are owners';

-- A dump takes along what is granted, but no row security of an extension's tables.
CREATE FUNCTION posture.row_security_fault() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT format('row security of %s is missing: %s see all its rows', string_agg(c.relname, ', ' ORDER BY c.relname),
                          (SELECT string_agg(g.role, ', ' ORDER BY g.role) FROM posture.granted_role() g WHERE NOT g.sees_all))
            FROM posture.access_rule() a
            JOIN pg_catalog.pg_class c ON c.relname = a.relation AND c.relnamespace = 'posture'::regnamespace
            WHERE a.own_rows IS NOT NULL AND NOT c.relrowsecurity
              AND EXISTS (SELECT FROM posture.granted_role() g WHERE NOT g.sees_all)
            HAVING count(*) > 0);
COMMENT ON FUNCTION posture.row_security_fault() IS 'which tables lack row security although there are owners, as in a database that was restored; NULL: none';

-- Before any privilege is written: what analyzes a table waits for who has
-- written its privileges, and holds a lock that its policies have to wait for.
CREATE FUNCTION posture.lock_access() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    command text := (SELECT format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', string_agg(format('posture.%I', a.relation), ', '))
                     FROM posture.access_rule() a WHERE a.own_rows IS NOT NULL);
BEGIN
    -- who loads, folds or takes a snapshot is waited for here, where that keeps nobody from reading
    LOCK TABLE posture.run, posture.inbox, posture.finding_set IN SHARE UPDATE EXCLUSIVE MODE;
    -- all tables at once or none of them: who reads some of them in another order
    -- would deadlock with who has locked others. After a second or two it waits
    FOR attempt IN 1 .. 100 LOOP
        BEGIN
            EXECUTE command || ' NOWAIT';
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            PERFORM pg_sleep(0.01);
        END;
    END LOOP;
    EXECUTE command;
END $$;
COMMENT ON FUNCTION posture.lock_access() IS 'step of grant_access(), revoke_access() and set_row_security(): nobody else is at the tables that have policies';

-- With the rights of its owner, because tables and their policies are theirs.
CREATE FUNCTION posture.set_row_security() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET client_min_messages = warning
AS $$
DECLARE
    readers text;
    has_owners boolean;
    rule record;
BEGIN
    PERFORM posture.lock_access();
    -- as it is once nobody else grants
    readers := (SELECT string_agg(quote_ident(g.role), ', ') FROM posture.granted_role() g WHERE g.sees_all);
    has_owners := EXISTS (SELECT FROM posture.granted_role() g WHERE NOT g.sees_all);
    FOR rule IN SELECT a.relation, a.own_rows FROM posture.access_rule() a WHERE a.own_rows IS NOT NULL LOOP
        EXECUTE format('DROP POLICY IF EXISTS everything ON posture.%I', rule.relation);
        EXECUTE format('DROP POLICY IF EXISTS own ON posture.%I', rule.relation);
        EXECUTE format('ALTER TABLE posture.%I %s ROW LEVEL SECURITY', rule.relation, CASE WHEN has_owners THEN 'ENABLE' ELSE 'DISABLE' END);
        CONTINUE WHEN NOT has_owners;
        EXECUTE format('CREATE POLICY own ON posture.%I USING ((SELECT posture.sees_all()) OR %s) %s', rule.relation, rule.own_rows,
                       -- they acknowledge and open again, in their own name
                       CASE rule.relation WHEN 'event' THEN
                           'WITH CHECK ((SELECT posture.sees_all())
                                        OR CASE status WHEN ''open'' THEN reopened_by = session_user AND reopened_at BETWEEN now() AND clock_timestamp()
                                                       ELSE acknowledged_by = session_user AND acknowledged_at BETWEEN now() AND clock_timestamp() END
                                           AND (status <> ''recovered'' OR recovered_on IS NOT NULL))' END);
        EXECUTE format('COMMENT ON POLICY own ON posture.%I IS %L', rule.relation, 'who answers for a part sees that part');
        CONTINUE WHEN readers IS NULL;
        -- a constant, so that it leaves no trace in the plans of those who see all
        EXECUTE format('CREATE POLICY everything ON posture.%I TO %s USING (true)', rule.relation, readers);
        EXECUTE format('COMMENT ON POLICY everything ON posture.%I IS %L', rule.relation, 'who may read all sees all');
    END LOOP;
END $$;
COMMENT ON FUNCTION posture.set_row_security() IS 'step of grant_access(), revoke_access() and rebuild(): policies for those whom the tables are granted now; none where there is no owner';
REVOKE EXECUTE ON FUNCTION posture.set_row_security() FROM PUBLIC;

-- A policy doesn't know what was there before: who opens an event again could
-- write that somebody else had acknowledged it.
CREATE FUNCTION posture.check_event() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT posture.sees_all()
       AND ((NEW.acknowledged_by, NEW.acknowledged_at) IS DISTINCT FROM (OLD.acknowledged_by, OLD.acknowledged_at)
            AND (NEW.acknowledged_by = session_user AND NEW.acknowledged_at BETWEEN now() AND clock_timestamp()) IS NOT TRUE
            OR (NEW.reopened_by, NEW.reopened_at) IS DISTINCT FROM (OLD.reopened_by, OLD.reopened_at)
               AND (NEW.reopened_by = session_user AND NEW.reopened_at BETWEEN now() AND clock_timestamp()) IS NOT TRUE) THEN
        RAISE EXCEPTION 'event % can be acknowledged or opened again only in one''s own name, at the time it is', NEW.event_id
            USING ERRCODE = 'insufficient_privilege', HINT = 'Use posture.acknowledge() and posture.reopen().';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture.check_event() IS 'has owners write no other name than theirs, and no other time than now';
REVOKE EXECUTE ON FUNCTION posture.check_event() FROM PUBLIC;
CREATE TRIGGER check_event AFTER UPDATE OF acknowledged_by, acknowledged_at, reopened_by, reopened_at ON posture.event
    FOR EACH ROW EXECUTE FUNCTION posture.check_event();
COMMENT ON TRIGGER check_event ON posture.event IS 'has owners write no other name than theirs, and no other time than now';

CREATE FUNCTION posture.check_role(role name) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF role IS NULL THEN
        RAISE EXCEPTION 'role is NULL' USING ERRCODE = 'null_value_not_allowed';
    ELSIF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role) THEN
        RAISE EXCEPTION 'role "%" does not exist', role USING ERRCODE = 'undefined_object';
    END IF;
END $$;
COMMENT ON FUNCTION posture.check_role(name) IS 'step of grant_access() and revoke_access(): an error if there is no such role';

CREATE FUNCTION posture.grant_access(role name, level text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM posture.check_role(role);
    -- one at a time: two can't write the privileges of one table at once
    LOCK TABLE posture.run IN SHARE UPDATE EXCLUSIVE MODE;
    IF level IS NULL OR level NOT IN ('reader', 'owner', 'loader', 'operator') THEN
        RAISE EXCEPTION 'unknown level "%"', coalesce(level, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Levels are reader, owner, loader, operator.';
    END IF;
    IF (SELECT has_schema_privilege(e.extowner, 'posture', 'USAGE WITH GRANT OPTION') FROM pg_extension e WHERE e.extname = 'posture') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA posture TO %I', role);
    ELSIF NOT has_schema_privilege(role, 'posture', 'USAGE') THEN
        -- it was there before the extension, somebody else's
        RAISE EXCEPTION 'role "%" may not use schema posture', role
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('The owner of the schema can run: GRANT USAGE ON SCHEMA posture TO %I;', role);
    END IF;
    IF level = 'owner' OR EXISTS (SELECT FROM posture.granted_role() g WHERE NOT g.sees_all) THEN
        PERFORM posture.lock_access();
    END IF;
    EXECUTE (SELECT string_agg(format('GRANT %s ON posture.%I TO %I', p.privileges, p.relation, role), '; ')
             FROM posture.access_privilege(level) p);
    IF level = 'operator' THEN
        -- who rebuilds mends it
        EXECUTE format('GRANT EXECUTE ON FUNCTION posture.set_row_security() TO %I', role);
    END IF;
    IF EXISTS (SELECT FROM posture.granted_role() g WHERE NOT g.sees_all) THEN
        PERFORM posture.set_row_security();
    END IF;
END $$;
COMMENT ON FUNCTION posture.grant_access(name, text) IS 'lets a role do what its level needs: reader reads all; owner reads the initiatives and asset groups that name it, or a role it is a member of, as owner, and acknowledges their events; loader reads all and loads; operator reads all and runs the job. Levels add up; the first owner turns row security on';
REVOKE EXECUTE ON FUNCTION posture.grant_access(name, text) FROM PUBLIC;

CREATE FUNCTION posture.revoke_access(role name) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    granted_by text;
    has_row_security boolean;
BEGIN
    PERFORM posture.check_role(role);
    -- they would be locked out, the owner of the tables too
    IF EXISTS (SELECT FROM pg_extension e JOIN pg_roles r ON r.oid = e.extowner WHERE e.extname = 'posture' AND r.rolname = role) THEN
        RAISE EXCEPTION 'role "%" owns the extension', role
            USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'It has its rights by that, and by no level.';
    END IF;
    LOCK TABLE posture.run IN SHARE UPDATE EXCLUSIVE MODE;
    has_row_security := (SELECT c.relrowsecurity FROM pg_class c WHERE c.oid = 'posture.finding'::regclass);
    IF has_row_security THEN
        PERFORM posture.lock_access();
    END IF;
    EXECUTE (SELECT string_agg(format('REVOKE ALL ON posture.%I FROM %I', p.relation, role), '; ')
             FROM (SELECT r.relation FROM posture.access_rule() r
                   UNION
                   SELECT v.relation FROM posture.access_privilege(text 'reader') v) p);
    EXECUTE format('REVOKE EXECUTE ON FUNCTION posture.set_row_security() FROM %I', role);
    EXECUTE format('REVOKE USAGE ON SCHEMA posture FROM %I', role);
    IF has_row_security THEN
        PERFORM posture.set_row_security();
    END IF;
    -- only who granted it can take it back: by hand, or by restoring a dump
    SELECT string_agg(DISTINCT quote_ident(r.rolname), ', ') INTO granted_by
    FROM (SELECT c.relowner AS owner, c.relacl AS acl FROM pg_class c WHERE c.relnamespace = 'posture'::regnamespace
          UNION ALL
          SELECT c.relowner, a.attacl
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
          WHERE c.relnamespace = 'posture'::regnamespace
          UNION ALL
          SELECT f.proowner, f.proacl FROM pg_proc f WHERE f.pronamespace = 'posture'::regnamespace
          UNION ALL
          SELECT n.nspowner, n.nspacl FROM pg_namespace n WHERE n.nspname = 'posture') g
    CROSS JOIN LATERAL aclexplode(g.acl) x
    JOIN pg_roles r ON r.oid = x.grantor
    WHERE x.grantee = (SELECT o.oid FROM pg_roles o WHERE o.rolname = role) AND x.grantor <> g.owner;
    IF granted_by IS NOT NULL THEN
        RAISE WARNING 'role "%" keeps what % granted to it, by hand or by restoring a dump', role, granted_by
            USING HINT = replace('To take that back too, run as ' || granted_by || ': REVOKE ALL ON ALL TABLES IN SCHEMA posture FROM $; '
                                 'REVOKE ALL ON FUNCTION posture.set_row_security() FROM $; REVOKE USAGE ON SCHEMA posture FROM $; and call revoke_access() again.',
                                 '$', quote_ident(role));
    END IF;
END $$;
COMMENT ON FUNCTION posture.revoke_access(name) IS 'takes back from a role all that grant_access() gave it; what was granted to it by hand it keeps. Without owners there is no row security';
REVOKE EXECUTE ON FUNCTION posture.revoke_access(name) FROM PUBLIC;

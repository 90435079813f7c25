-- A dump takes along what is granted, but no row security of an extension's tables.
CREATE FUNCTION posture_internal.row_security_error() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT format('row security of %s is missing: %s see all its rows', string_agg(c.relname, ', ' ORDER BY c.relname),
                          (SELECT string_agg(g.role, ', ' ORDER BY g.role) FROM granted_role() g WHERE NOT g.sees_all))
            FROM access_rule() a
            JOIN pg_catalog.pg_class c ON c.oid = a.relation
            WHERE a.owner_rows IS NOT NULL AND NOT c.relrowsecurity
              AND EXISTS (SELECT FROM granted_role() g WHERE NOT g.sees_all)
            HAVING count(*) > 0);
COMMENT ON FUNCTION posture_internal.row_security_error() IS 'which tables lack row security although there are owners, as in a database that was restored; NULL: none';

-- Before any privilege is written: what analyzes a table waits for who has
-- written its privileges, and holds a lock that its policies have to wait for.
CREATE FUNCTION posture_internal.lock_access() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    command text := (SELECT format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', string_agg(a.relation::text, ', '))
                     FROM access_rule() a WHERE a.owner_rows IS NOT NULL);
BEGIN
    -- who loads, folds or takes a snapshot is waited for here, where that keeps nobody from reading
    LOCK TABLE run, inbox, finding_set IN SHARE UPDATE EXCLUSIVE MODE;
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
COMMENT ON FUNCTION posture_internal.lock_access() IS 'step of grant_access(), revoke_access() and set_row_security(): nobody else is at the tables that have policies';

-- With the rights of its owner, because tables and their policies are theirs.
CREATE FUNCTION posture_internal.set_row_security() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, posture, posture_internal, pg_temp SET client_min_messages = warning
AS $$
DECLARE
    readers text;
    has_owners boolean;
    rule record;
BEGIN
    PERFORM lock_access();
    -- as it is once nobody else grants
    readers := (SELECT string_agg(quote_ident(g.role), ', ') FROM granted_role() g WHERE g.sees_all);
    has_owners := EXISTS (SELECT FROM granted_role() g WHERE NOT g.sees_all);
    FOR rule IN SELECT a.relation, a.owner_rows FROM access_rule() a WHERE a.owner_rows IS NOT NULL LOOP
        EXECUTE format('DROP POLICY IF EXISTS everything ON %s', rule.relation);
        EXECUTE format('DROP POLICY IF EXISTS own ON %s', rule.relation);
        EXECUTE format('ALTER TABLE %s %s ROW LEVEL SECURITY', rule.relation, CASE WHEN has_owners THEN 'ENABLE' ELSE 'DISABLE' END);
        CONTINUE WHEN NOT has_owners;
        EXECUTE format('CREATE POLICY own ON %s USING ((SELECT posture_internal.sees_all()) OR %s) %s', rule.relation, rule.owner_rows,
                       -- they acknowledge and open again, in their own name
                       CASE rule.relation WHEN 'event'::regclass THEN
                           'WITH CHECK ((SELECT posture_internal.sees_all())
                                        OR CASE status WHEN ''open'' THEN reopened_by = session_user AND reopened_at BETWEEN now() AND clock_timestamp()
                                                       ELSE acknowledged_by = session_user AND acknowledged_at BETWEEN now() AND clock_timestamp() END
                                           AND (status <> ''recovered'' OR recovered_on IS NOT NULL))' END);
        EXECUTE format('COMMENT ON POLICY own ON %s IS %L', rule.relation, 'who answers for a part sees that part');
        CONTINUE WHEN readers IS NULL;
        -- a constant, so that it leaves no trace in the plans of those who see all
        EXECUTE format('CREATE POLICY everything ON %s TO %s USING (true)', rule.relation, readers);
        EXECUTE format('COMMENT ON POLICY everything ON %s IS %L', rule.relation, 'who may read all sees all');
    END LOOP;
END $$;
COMMENT ON FUNCTION posture_internal.set_row_security() IS 'step of grant_access(), revoke_access() and rebuild(): policies for those whom the tables are granted now; none where there is no owner';
REVOKE EXECUTE ON FUNCTION posture_internal.set_row_security() FROM PUBLIC;

-- A policy doesn't know what was there before: who opens an event again could
-- write that somebody else had acknowledged it.
CREATE FUNCTION posture_internal.check_event() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF NOT sees_all()
       AND ((NEW.acknowledged_by, NEW.acknowledged_at) IS DISTINCT FROM (OLD.acknowledged_by, OLD.acknowledged_at)
            AND (NEW.acknowledged_by = session_user AND NEW.acknowledged_at BETWEEN now() AND clock_timestamp()) IS NOT TRUE
            OR (NEW.reopened_by, NEW.reopened_at) IS DISTINCT FROM (OLD.reopened_by, OLD.reopened_at)
               AND (NEW.reopened_by = session_user AND NEW.reopened_at BETWEEN now() AND clock_timestamp()) IS NOT TRUE) THEN
        RAISE EXCEPTION 'event % can be acknowledged or reopened only in your own name and at the current time', NEW.event_id
            USING ERRCODE = 'insufficient_privilege', HINT = 'Use posture.acknowledge() and posture.reopen().';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.check_event() IS 'has owners write no other name than theirs, and no other time than now';
REVOKE EXECUTE ON FUNCTION posture_internal.check_event() FROM PUBLIC;
CREATE TRIGGER check_event AFTER UPDATE OF acknowledged_by, acknowledged_at, reopened_by, reopened_at ON posture.event
    FOR EACH ROW EXECUTE FUNCTION check_event();
COMMENT ON TRIGGER check_event ON posture.event IS 'has owners write no other name than theirs, and no other time than now';

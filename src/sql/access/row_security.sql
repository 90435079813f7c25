/*
 * Row security: policies that show owners the rows that they own.
 *
 * Row security is on only while there is an owner, because it keeps everybody but
 * superusers and roles with BYPASSRLS from COPY into the tables and from
 * restoring a dump. A dump of an extension's tables has their privileges, but not
 * their row security. So rebuild(), which a restored database needs anyway,
 * creates the policies again.
 */

CREATE FUNCTION posture_internal.row_security_error() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT format('row security of %s is missing: %s see all its rows',
                          string_agg(c.relname, ', ' ORDER BY c.relname),
                          (SELECT string_agg(g.role, ', ' ORDER BY g.role)
                           FROM granted_role() g
                           WHERE NOT g.sees_all))
            FROM access_rule() a
            JOIN pg_catalog.pg_class c ON c.oid = a.relation
            WHERE a.owner_rows IS NOT NULL AND NOT c.relrowsecurity
              AND EXISTS (SELECT FROM granted_role() g WHERE NOT g.sees_all)
            HAVING count(*) > 0);
COMMENT ON FUNCTION posture_internal.row_security_error() IS
    'returns an error text that names the tables without row security although there are owners, '
    'as after a restore; NULL if there are none';

-- Runs before any privilege is written. ANALYZE of a table waits for a
-- transaction that has written its privileges, and holds a lock that the policies
-- of the table wait for: that would be a deadlock.
CREATE FUNCTION posture_internal.lock_access() RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    command text := (SELECT format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE',
                                   string_agg(a.relation::text, ', '))
                     FROM access_rule() a WHERE a.owner_rows IS NOT NULL);
BEGIN
    -- wait for loads, folds and snapshots here, where readers are not blocked
    LOCK TABLE run, inbox, finding_set IN SHARE UPDATE EXCLUSIVE MODE;
    -- Take the locks on all tables at once or none of them: a session that reads some of the
    -- tables in another order would deadlock with one that holds part of the locks. After a
    -- second or two, wait for them.
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
COMMENT ON FUNCTION posture_internal.lock_access() IS
    'locks all tables that have policies, so that no other session uses them, for grant_access(), '
    'revoke_access() and set_row_security()';

-- SECURITY DEFINER, because only the owner of a table may change its policies.
CREATE FUNCTION posture_internal.set_row_security() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET client_min_messages = warning
AS $$
DECLARE
    readers text;
    has_owners boolean;
    rule record;
BEGIN
    PERFORM lock_access();
    -- read under the lock, when no other session can grant
    readers := (SELECT string_agg(quote_ident(g.role), ', ')
                FROM granted_role() g
                WHERE g.sees_all);
    has_owners := EXISTS (SELECT FROM granted_role() g WHERE NOT g.sees_all);
    FOR rule IN
        SELECT a.relation, a.owner_rows FROM access_rule() a WHERE a.owner_rows IS NOT NULL
    LOOP
        EXECUTE format('DROP POLICY IF EXISTS all_rows ON %s', rule.relation);
        EXECUTE format('DROP POLICY IF EXISTS owned_rows ON %s', rule.relation);
        EXECUTE format('ALTER TABLE %s %s ROW LEVEL SECURITY', rule.relation,
                       CASE WHEN has_owners THEN 'ENABLE' ELSE 'DISABLE' END);
        CONTINUE WHEN NOT has_owners;
        EXECUTE format('CREATE POLICY owned_rows ON %s '
                       'USING ((SELECT posture_internal.sees_all()) OR %s) %s',
                       rule.relation, rule.owner_rows,
                       -- owners acknowledge and reopen events in their own name only
                       CASE rule.relation WHEN 'event'::regclass THEN
                           'WITH CHECK ((SELECT posture_internal.sees_all())
                                        OR CASE status
                                           WHEN ''open''
                                           THEN reopened_by = session_user
                                                AND reopened_at BETWEEN now() AND clock_timestamp()
                                           ELSE acknowledged_by = session_user
                                                AND acknowledged_at
                                                    BETWEEN now() AND clock_timestamp() END
                                           AND (status <> ''recovered''
                                                OR recovered_on IS NOT NULL)
                                           AND (status <> ''superseded''
                                                OR superseded_on IS NOT NULL))' END);
        EXECUTE format('COMMENT ON POLICY owned_rows ON %s IS %L', rule.relation,
                       'shows owners the rows that they own');
        CONTINUE WHEN readers IS NULL;
        -- true is a constant, which the planner removes, so that those who see all rows have
        -- the plans that they have without row security
        EXECUTE format('CREATE POLICY all_rows ON %s TO %s USING (true)', rule.relation, readers);
        EXECUTE format('COMMENT ON POLICY all_rows ON %s IS %L', rule.relation,
                       'shows all rows to roles that may read all');
    END LOOP;
END $$;
COMMENT ON FUNCTION posture_internal.set_row_security() IS
    'creates the policies for the roles that have privileges on the tables now, or turns row '
    'security off if none of them is an owner; for grant_access(), revoke_access() and rebuild()';
REVOKE EXECUTE ON FUNCTION posture_internal.set_row_security() FROM PUBLIC;

-- A policy does not see the row as it was before an UPDATE. Without this trigger,
-- a role that reopens an event could write that another one had acknowledged it.
-- Nor does a policy tell whether a role that is also a reader may write what it
-- sees: such a role owns the same events as without the level reader.
CREATE FUNCTION posture_internal.check_event() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    -- operators have the privilege on the table, owners on columns
    IF sees_all() AND has_table_privilege('posture.event'::regclass, 'UPDATE') THEN
        RETURN NULL;
    ELSIF (NEW.acknowledged_by, NEW.acknowledged_at)
              IS DISTINCT FROM (OLD.acknowledged_by, OLD.acknowledged_at)
          AND (NEW.acknowledged_by = session_user
               AND NEW.acknowledged_at BETWEEN now() AND clock_timestamp()) IS NOT TRUE
          OR (NEW.reopened_by, NEW.reopened_at)
                 IS DISTINCT FROM (OLD.reopened_by, OLD.reopened_at)
             AND (NEW.reopened_by = session_user
                  AND NEW.reopened_at BETWEEN now() AND clock_timestamp()) IS NOT TRUE THEN
        RAISE EXCEPTION 'event % can be acknowledged or reopened only in your own name and at the current time',
                NEW.event_id
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Use posture.acknowledge() and posture.reopen().';
    ELSIF sees_all()
          -- a load of days that a source reported corrects and ends events, whosever they are
          AND ((NEW.acknowledged_at, NEW.reopened_at, NEW.note)
                   IS DISTINCT FROM (OLD.acknowledged_at, OLD.reopened_at, OLD.note)
               OR NOT has_table_privilege('posture.event'::regclass, 'INSERT'))
          AND NOT coalesce((SELECT owner_rows('initiative')) @> NEW.initiative_id
                           OR (SELECT owner_rows('metric')) @> NEW.metric_id
                           OR EXISTS (SELECT
                                      FROM initiative_metric_snapshot x
                                      WHERE x.day = NEW.day AND x.metric_id = NEW.metric_id
                                        AND (SELECT owner_rows('initiative')) @> x.initiative_id),
                           false) THEN
        RAISE EXCEPTION 'event % is not of an initiative of role "%"', NEW.event_id, current_user
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Owners acknowledge and reopen events of their own initiatives, operators '
                         'those of all.';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.check_event() IS
    'raises an error if an owner acknowledges or reopens an event of others, in another name, or '
    'at another time than now';
REVOKE EXECUTE ON FUNCTION posture_internal.check_event() FROM PUBLIC;
CREATE TRIGGER check_event
    AFTER UPDATE OF status, acknowledged_by, acknowledged_at, note, reopened_by, reopened_at
    ON posture.event FOR EACH ROW EXECUTE FUNCTION check_event();
COMMENT ON TRIGGER check_event ON posture.event IS
    'lets owners acknowledge and reopen only their own events, in their own name and at the '
    'current time';

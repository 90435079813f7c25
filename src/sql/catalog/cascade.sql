/*
 * What a DELETE in the catalog takes along: a NOTICE says it, because a row that
 * was deleted by mistake can be inserted again, but what referred to it cannot.
 */

-- Fires before the foreign keys delete the rows: triggers fire in the order of their names, and
-- those of foreign keys begin with RI. The first row of a statement reports on all its rows.
CREATE FUNCTION posture_internal.announce_cascade() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    deleted bigint;
    child record;
    referring bigint;
    taken text[] := '{}';
    detail text;
BEGIN
    IF OLD IS DISTINCT FROM (SELECT r FROM removed r LIMIT 1) THEN
        RETURN NULL;
    END IF;
    FOR child IN
        SELECT c.conrelid::regclass AS relation, a.attname AS id
        FROM pg_constraint c
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
        WHERE c.confrelid = TG_RELID AND c.contype = 'f' AND c.confdeltype = 'c'
          -- part of the definition of a metric
          AND (c.conrelid, c.confrelid) <> ('metric_recommendation'::regclass, 'metric'::regclass)
          AND has_table_privilege(c.conrelid, 'SELECT')
        ORDER BY c.conrelid::regclass::text
    LOOP
        EXECUTE format('SELECT count(*) FROM %s JOIN removed USING (%I)', child.relation, child.id)
        INTO referring;
        IF referring > 0 THEN
            taken := taken || format('%s of %s', count_phrase(referring, 'row'), child.relation);
        END IF;
    END LOOP;
    IF taken = '{}' THEN
        RETURN NULL;
    END IF;
    SELECT count(*) INTO deleted FROM removed;
    IF TG_RELID = 'metric'::regclass AND deleted <= 5
       AND has_table_privilege('initiative', 'SELECT') THEN
        detail := (SELECT string_agg(format('Metric "%s" is in %s.', left(m.key, 100),
                                            m.initiatives), ' ' ORDER BY m.key)
                   FROM (SELECT r.key,
                                CASE WHEN count(*) > 5 THEN count(*) || ' initiatives'
                                     ELSE string_agg(format('"%s"', left(i.key, 100)), ', '
                                                     ORDER BY i.key) END AS initiatives
                         FROM removed r
                         JOIN initiative_metric x USING (metric_id)
                         JOIN initiative i USING (initiative_id)
                         GROUP BY r.key) m);
    END IF;
    RAISE NOTICE 'deleting % also deletes %',
        count_phrase(deleted, replace(TG_TABLE_NAME, '_', ' ')), array_to_string(taken, ', ')
        USING DETAIL = coalesce(detail, 'Past days keep their snapshots.'),
              HINT = CASE TG_TABLE_NAME
                     WHEN 'asset_group' THEN
                         'UPDATE posture.exemption SET expires_at = now() keeps ended exemptions.'
                     ELSE format('UPDATE posture.%I SET is_active = false keeps them and its '
                                 'history.', TG_TABLE_NAME) END;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.announce_cascade() IS
    'raises a NOTICE that says which rows of other tables a DELETE takes along';
REVOKE EXECUTE ON FUNCTION posture_internal.announce_cascade() FROM PUBLIC;
CREATE TRIGGER "CASCADE" AFTER DELETE ON posture.metric
    REFERENCING OLD TABLE AS removed FOR EACH ROW EXECUTE FUNCTION announce_cascade();
CREATE TRIGGER "CASCADE" AFTER DELETE ON posture.initiative
    REFERENCING OLD TABLE AS removed FOR EACH ROW EXECUTE FUNCTION announce_cascade();
CREATE TRIGGER "CASCADE" AFTER DELETE ON posture.recommendation
    REFERENCING OLD TABLE AS removed FOR EACH ROW EXECUTE FUNCTION announce_cascade();
CREATE TRIGGER "CASCADE" AFTER DELETE ON posture.asset_group
    REFERENCING OLD TABLE AS removed FOR EACH ROW EXECUTE FUNCTION announce_cascade();
COMMENT ON TRIGGER "CASCADE" ON posture.metric IS
    'says which rows of other tables a DELETE takes along';
COMMENT ON TRIGGER "CASCADE" ON posture.initiative IS
    'says which rows of other tables a DELETE takes along';
COMMENT ON TRIGGER "CASCADE" ON posture.recommendation IS
    'says which rows of other tables a DELETE takes along';
COMMENT ON TRIGGER "CASCADE" ON posture.asset_group IS
    'says which rows of other tables a DELETE takes along';

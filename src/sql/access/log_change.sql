/*
 * Triggers that write the log of decisions (catalog/change_log.sql). All tables
 * share them: logged_table() says what is logged of each. To log another table,
 * add its line there.
 *
 * src/log_change.c runs write_change() only after a statement that changed a
 * logged column, because deliveries write these tables all the time.
 */

-- r is a row of the table. What a row says of its object is the value of a field:
-- each of the columns, or for a table of parts, such as the metrics of an
-- initiative, the whole row. Where the object, the field or the value is NULL, a
-- row is not logged. Sources bring assets and recommendations, so rows that are
-- inserted or deleted there are no decisions.
CREATE FUNCTION posture_internal.logged_table()
    RETURNS TABLE (relation text, events text, object_kind text, object text, joins text,
                   columns text[], field text, value text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 15
BEGIN ATOMIC
VALUES
    ('importance_weight', 'insert update delete truncate', 'importance', 'r.importance::text', '',
     '{weight}'::text[], NULL, NULL),
    ('source', 'insert update delete truncate', 'source', 'r.key', '',
     '{key,product,is_active,stale_after,time_zone,reports}', NULL, NULL),
    ('asset', 'update', 'asset', 'r.key', '', '{key,owner,criticality,retired_at}', NULL, NULL),
    ('asset_group', 'insert update delete truncate', 'asset_group', 'r.key', '',
     '{key,owner,kinds,min_criticality,tags,rule}', NULL, NULL),
    ('recommendation', 'update', 'recommendation', 's.key || '':'' || r.key',
     'JOIN source s USING (source_id)',
     '{key,is_active,max_points,assigned_to,due_on,effort_hours,reports,is_manual}', NULL, NULL),
    ('metric', 'insert update delete truncate', 'metric', 'r.key',
     'LEFT JOIN asset_group g ON g.asset_group_id = r.population_group_id',
     '{key,importance,asset_kinds,criticality_weights,rule,drop_threshold,cooldown_days,is_active,'
     'population_group_id population g.key,unassessed}', NULL, NULL),
    ('initiative', 'insert update delete truncate', 'initiative', 'r.key', '',
     '{key,method,target_score,target_on,owner,drop_threshold,cooldown_days,is_active}',
     NULL, NULL),
    -- recommendations that a rule selects come and go with the recommendations: the rule is logged
    ('metric_recommendation', 'insert update delete truncate', 'metric', 'm.key',
     'JOIN metric m ON m.metric_id = r.metric_id AND m.rule IS NULL '
     'JOIN recommendation x USING (recommendation_id) JOIN source s USING (source_id)',
     '{}', $$'recommendation ' || s.key || ':' || x.key$$, $$'measured'$$),
    ('initiative_metric', 'insert update delete truncate', 'initiative', 'i.key',
     'JOIN initiative i USING (initiative_id) JOIN metric m USING (metric_id)',
     '{}', $$'metric ' || m.key$$, $$coalesce('weight ' || r.weight, 'weight of its importance')$$),
    ('initiative_recommendation', 'insert update delete truncate', 'initiative', 'i.key',
     'JOIN initiative i USING (initiative_id) '
     'JOIN recommendation x USING (recommendation_id) JOIN source s USING (source_id)',
     '{}', $$'recommendation ' || s.key || ':' || x.key$$, $$'scored'$$),
    ('score_band', 'insert update delete truncate', 'score_band',
     $$CASE WHEN r.initiative_id IS NULL THEN r.scheme ELSE r.scheme || ' of ' || i.key END$$,
     'LEFT JOIN initiative i USING (initiative_id)', '{}', $$'from ' || r.from_score$$, 'r.name'),
    ('exemption', 'insert update delete truncate', 'recommendation', 's.key || '':'' || x.key',
     'JOIN recommendation x USING (recommendation_id) JOIN source s USING (source_id) '
     'LEFT JOIN asset a USING (asset_id) LEFT JOIN asset_group g USING (asset_group_id)',
     '{}', $$'exemption ' || r.exemption_id$$,
     $$r.kind || ' for '
       || CASE WHEN r.asset_id IS NOT NULL THEN 'asset ' || a.key
               WHEN r.asset_group_id IS NOT NULL THEN 'group ' || g.key ELSE 'all assets' END
       || ' from ' || r.created_at || coalesce(' until ' || r.expires_at, '')
       || ', approved by ' || r.approved_by || ': ' || r.reason$$),
    ('attestation', 'insert update delete truncate', 'recommendation', 's.key || '':'' || x.key',
     'JOIN recommendation x USING (recommendation_id) JOIN source s USING (source_id) '
     'JOIN asset a USING (asset_id)',
     '{}', $$'attestation ' || r.attestation_id$$,
     $$r.state || ' for asset ' || a.key || ' from ' || r.attested_at
       || coalesce(' until ' || r.valid_until, '') || ', attested by ' || r.attested_by
       || coalesce(': ' || r.evidence, '')$$),
    ('access', 'insert update delete truncate', 'role', 'r.role', '', '{}',
     $$'level ' || r.level || coalesce(' of source ' || r.source, '')$$, $$'granted'$$);
END;
COMMENT ON FUNCTION posture_internal.logged_table() IS
    'returns what change_log records of each table; r is a row of it; object, field and value are '
    'expressions on r and what joins joins to it, and a row is not logged where one is NULL; field '
    'and value are NULL for tables whose columns are the fields: each a name, or a name, the name '
    'of the field and an expression';

CREATE FUNCTION posture_internal.logged_field(of_relation text, from_rows text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT format(
            'SELECT r.row_number, f.place, %s AS object, f.field, f.value
             FROM (SELECT row_number() OVER (), t.* FROM %s t) r %s
             CROSS JOIN LATERAL (VALUES %s) f(place, field, value)
             WHERE f.value IS NOT NULL',
            l.object, from_rows, l.joins,
            coalesce('(1, ' || l.field || ', ' || l.value || ')',
                     (SELECT string_agg(format('(%s, %L, %s::text)', c.n, coalesce(x[2], x[1]),
                                               coalesce(x[3], 'r.' || x[1])), ', ' ORDER BY c.n)
                      FROM unnest(l.columns) WITH ORDINALITY c(name, n)
                      CROSS JOIN LATERAL string_to_array(c.name, ' ') x)))
        FROM logged_table() l
        WHERE l.relation = of_relation);
COMMENT ON FUNCTION posture_internal.logged_field(text, text) IS
    'returns a query of the fields of rows of a logged table that have a value, with the position '
    'of the row and that of the field in the row';

CREATE FUNCTION posture_internal.change_statement(of_relation text, removed text, added text)
    RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT format(
            'INSERT INTO change_log (object_kind, object, field, old, new)
             SELECT %1$L, c.object, c.field, c.old, c.new
             FROM ('
            || CASE WHEN added IS NULL
                    THEN 'SELECT o.object, o.field, o.value AS old, NULL AS new,
                                 o.row_number, o.place FROM (%2$s) o'
                    WHEN removed IS NULL
                    THEN 'SELECT n.object, n.field, NULL AS old, n.value AS new,
                                 n.row_number, n.place FROM (%3$s) n'
                    -- both transition tables have the versions of a row at the same position
                    ELSE 'SELECT coalesce(n.object, o.object) AS object,
                                 coalesce(n.field, o.field) AS field, o.value AS old,
                                 n.value AS new, row_number, place
                          FROM (%2$s) o FULL JOIN (%3$s) n USING (row_number, place%4$s)
                          WHERE o.value IS DISTINCT FROM n.value' END
            || ') c
             WHERE c.object IS NOT NULL AND c.field IS NOT NULL
             ORDER BY c.row_number, c.place, c.new IS NOT NULL',
            l.object_kind, logged_field(of_relation, removed), logged_field(of_relation, added),
            -- a part that moves to another object leaves the one and joins the other
            CASE WHEN l.field IS NOT NULL THEN ', object, field' END)
        FROM logged_table() l
        WHERE l.relation = of_relation);
COMMENT ON FUNCTION posture_internal.change_statement(text, text, text) IS
    'returns the statement that logs the difference between two versions of rows of a table, each '
    'given as an item of FROM; NULL: there is no such version';

-- Foreign keys that a DELETE follows, from the tables that are logged.
CREATE FUNCTION posture_internal.logged_part(of_relation regclass)
    RETURNS TABLE (relation text, part_column name, id_column name)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT l.relation, p.attname, o.attname
    FROM logged_table() l
    JOIN pg_catalog.pg_constraint c ON c.conrelid = format('posture.%I', l.relation)::regclass
    JOIN pg_catalog.pg_attribute p ON p.attrelid = c.conrelid AND p.attnum = c.conkey[1]
    JOIN pg_catalog.pg_attribute o ON o.attrelid = c.confrelid AND o.attnum = c.confkey[1]
    WHERE c.confrelid = of_relation AND c.contype = 'f' AND c.confdeltype = 'c'
    ORDER BY l.relation;
END;
COMMENT ON FUNCTION posture_internal.logged_part(regclass) IS
    'returns the logged tables whose rows a DELETE of rows of a table takes along, and the columns '
    'of their foreign key';

-- SECURITY DEFINER, because nobody else may write the log. Texts must not depend
-- on settings of the session.
CREATE FUNCTION posture_internal.write_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET datestyle = 'ISO, YMD'
    SET intervalstyle = 'postgres'
    SET timezone = 'UTC'
AS $$
DECLARE
    part record;
    written bigint;
    total bigint := 0;
BEGIN
    IF is_restoring() OR is_moving() THEN
        RETURN NULL;
    ELSIF TG_LEVEL = 'ROW' THEN
        -- The name of the table stands for its transition table here, so the joins find the
        -- deleted rows.
        FOR part IN SELECT * FROM logged_part(TG_RELID) LOOP
            EXECUTE change_statement(
                part.relation,
                format('(SELECT x.* FROM %I x WHERE x.%I IN (SELECT p.%I FROM %I p))',
                       part.relation, part.part_column, part.id_column, TG_TABLE_NAME), NULL);
            GET DIAGNOSTICS written = ROW_COUNT;
            total := total + written;
        END LOOP;
    ELSE
        EXECUTE change_statement(
            TG_TABLE_NAME,
            CASE TG_OP WHEN 'INSERT' THEN NULL WHEN 'TRUNCATE' THEN quote_ident(TG_TABLE_NAME)
                       ELSE 'removed' END,
            CASE WHEN TG_OP IN ('INSERT', 'UPDATE') THEN 'added' END);
        GET DIAGNOSTICS total = ROW_COUNT;
    END IF;
    IF total > 0 THEN
        PERFORM start_change_log();
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION posture_internal.write_change() IS
    'writes to change_log what a statement changed, or as a row trigger, which parts of objects a '
    'DELETE takes along; run by log_change()';
REVOKE EXECUTE ON FUNCTION posture_internal.write_change() FROM PUBLIC;

CREATE FUNCTION posture_internal.log_change() RETURNS trigger
    AS 'MODULE_PATHNAME', 'posture_log_change' LANGUAGE C;
COMMENT ON FUNCTION posture_internal.log_change() IS
    'runs write_change() after a statement that changed a column that is logged';
REVOKE EXECUTE ON FUNCTION posture_internal.log_change() FROM PUBLIC;

DO $log_change$
DECLARE
    logged record;
BEGIN
    FOR logged IN
        SELECT l.relation, v.event,
               (SELECT string_agg(quote_literal(split_part(c, ' ', 1)), ', ')
                FROM unnest(l.columns) c) AS columns,
               CASE v.event WHEN 'truncate' THEN 'BEFORE' ELSE 'AFTER' END AS moment, v.tables
        FROM posture_internal.logged_table() l
        CROSS JOIN LATERAL string_to_table(l.events, ' ') e(event)
        JOIN (VALUES ('insert', 'REFERENCING NEW TABLE AS added'),
                     ('update', 'REFERENCING OLD TABLE AS removed NEW TABLE AS added'),
                     ('delete', 'REFERENCING OLD TABLE AS removed'),
                     ('truncate', '')) v(event, tables) ON v.event = e.event
    LOOP
        EXECUTE format('CREATE TRIGGER log_%1$s %2$s %1$s ON posture.%3$I %4$s '
                       'FOR EACH STATEMENT '
                       'EXECUTE FUNCTION posture_internal.log_change(%5$s)', logged.event,
                       logged.moment, logged.relation, logged.tables, logged.columns);
        EXECUTE format('COMMENT ON TRIGGER log_%s ON posture.%I IS %L', logged.event,
                       logged.relation, 'writes the log of decisions');
    END LOOP;
    -- These fire before foreign keys delete the parts, whose triggers have names that begin with
    -- RI, and find the parts while the names of their objects are still known.
    FOR logged IN
        SELECT c.oid::regclass AS relation, c.relname
        FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'posture'::regnamespace AND c.relkind = 'r'
          AND EXISTS (SELECT FROM posture_internal.logged_part(c.oid))
    LOOP
        EXECUTE format('CREATE TRIGGER "CASCADE_LOG" AFTER DELETE ON %s REFERENCING OLD TABLE AS '
                       '%I FOR EACH ROW EXECUTE FUNCTION posture_internal.log_change()',
                       logged.relation, logged.relname);
        EXECUTE format('COMMENT ON TRIGGER "CASCADE_LOG" ON %s IS %L', logged.relation,
                       'writes to the log of decisions what a DELETE takes along');
    END LOOP;
END $log_change$;

/*
 * Who may read and write what: access_rule() has the privileges of each level on
 * each table, and the rows that an owner sees. grant_access.sql grants them,
 * row_security.sql makes policies of the conditions on rows.
 *
 * A privilege is written as in GRANT; NULL: none. The condition in owner_rows may
 * read another table, whose policy applies in turn. These references never lead
 * back to the table itself, so policies do not recurse.
 *
 * Nobody has the privilege to write the past (snapshots, history, events), findings
 * or sets. The functions of the contract write them, as their owner, after they
 * have checked the level of their caller.
 */

CREATE FUNCTION posture.access_rule()
    RETURNS TABLE (relation regclass, reader text, owner_rows text,
                   loader text, curator text, operator text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
VALUES
    ('importance_weight'::regclass, 'SELECT', 'true', NULL, 'UPDATE', NULL),
    ('source', 'SELECT', $$(SELECT owner_rows('source')) @> source_id$$,
        NULL, 'INSERT, UPDATE, DELETE', NULL),
    ('asset', 'SELECT', $$(SELECT owner_rows('asset')) @> asset_id$$,
        NULL, 'INSERT, UPDATE, DELETE', NULL),
    ('asset_alias', 'SELECT', $$(SELECT owner_rows('asset')) @> asset_id$$,
        NULL, 'INSERT, UPDATE, DELETE', NULL),
    ('asset_source', 'SELECT', $$(SELECT owner_rows('asset')) @> asset_id$$, NULL, NULL, NULL),
    ('asset_group', 'SELECT', $$(SELECT owner_rows('asset_group')) @> asset_group_id$$,
        NULL, 'INSERT, UPDATE, DELETE', NULL),
    ('recommendation', 'SELECT', $$(SELECT owner_rows('recommendation')) @> recommendation_id$$,
        NULL, 'INSERT, UPDATE, DELETE', NULL),
    ('metric', 'SELECT', $$(SELECT owner_rows('metric')) @> metric_id$$,
        NULL, 'INSERT, UPDATE, DELETE', NULL),
    ('metric_recommendation', 'SELECT', $$(SELECT owner_rows('metric')) @> metric_id$$,
        NULL, 'INSERT, UPDATE, DELETE', NULL),
    ('initiative', 'SELECT', $$(SELECT owner_rows('initiative')) @> initiative_id$$,
        NULL, 'INSERT, UPDATE, DELETE', NULL),
    ('initiative_metric', 'SELECT', $$(SELECT owner_rows('initiative')) @> initiative_id$$,
        NULL, 'INSERT, UPDATE, DELETE', NULL),
    ('initiative_recommendation', 'SELECT',
        $$(SELECT owner_rows('initiative')) @> initiative_id$$,
        NULL, 'INSERT, UPDATE, DELETE', NULL),
    ('score_band', 'SELECT',
        $$initiative_id IS NULL OR (SELECT owner_rows('initiative')) @> initiative_id$$,
        NULL, 'INSERT, UPDATE, DELETE', NULL),
    ('benchmark', 'SELECT', $$(SELECT owner_rows('initiative')) @> initiative_id$$,
        NULL, 'INSERT, UPDATE, DELETE', NULL),
    ('finding', 'SELECT',
        $$(SELECT owner_rows('initiative_recommendation')) @> recommendation_id
          OR (SELECT owner_rows('group_asset')) @> asset_id$$, NULL, NULL, NULL),
    ('extent', 'SELECT', NULL, NULL, NULL, NULL),
    ('measure', 'SELECT',
        $$(SELECT owner_rows('initiative_recommendation')) @> recommendation_id$$,
        NULL, NULL, NULL),
    ('exemption', 'SELECT',
        $$(SELECT owner_rows('initiative_recommendation')) @> recommendation_id
          OR (SELECT owner_rows('group_asset')) @> asset_id
          OR (SELECT owner_rows('asset_group')) @> asset_group_id
          OR num_nonnulls(asset_id, asset_group_id) = 0
             AND (SELECT owner_rows('recommendation')) @> recommendation_id$$,
        NULL, 'INSERT, UPDATE, DELETE', NULL),
    ('attestation', 'SELECT',
        $$(SELECT owner_rows('initiative_recommendation')) @> recommendation_id
          OR (SELECT owner_rows('group_asset')) @> asset_id$$, NULL, NULL, NULL),
    ('snapshot', 'SELECT', 'true', NULL, NULL, NULL),
    ('finding_history', 'SELECT',
        $$(SELECT owner_rows('initiative_recommendation')) @> recommendation_id$$,
        NULL, NULL, NULL),
    ('measure_snapshot', 'SELECT',
        $$(SELECT owner_rows('initiative_recommendation')) @> recommendation_id$$,
        NULL, NULL, NULL),
    ('recommendation_snapshot', 'SELECT',
        $$(SELECT owner_rows('initiative_recommendation')) @> recommendation_id$$,
        NULL, NULL, NULL),
    -- of a metric that left an initiative, an owner still sees the days on which it was in it
    ('metric_snapshot', 'SELECT',
        $$(SELECT owner_rows('metric')) @> metric_id
          OR EXISTS (SELECT FROM initiative_metric_snapshot x
                     WHERE x.day = metric_snapshot.day
                       AND x.metric_id = metric_snapshot.metric_id)$$,
        NULL, NULL, NULL),
    ('initiative_snapshot', 'SELECT', $$(SELECT owner_rows('initiative')) @> initiative_id$$,
        NULL, NULL, NULL),
    ('initiative_metric_snapshot', 'SELECT',
        $$(SELECT owner_rows('initiative')) @> initiative_id$$, NULL, NULL, NULL),
    ('event', 'SELECT',
        $$(SELECT owner_rows('initiative')) @> initiative_id
          OR (SELECT owner_rows('metric')) @> metric_id
          OR EXISTS (SELECT FROM initiative_metric_snapshot x
                     WHERE x.day = event.day AND x.metric_id = event.metric_id)$$,
        NULL, NULL, NULL),
    -- an owner does not see the effect of a metric on initiatives of others
    ('event_cause', 'SELECT',
        $$EXISTS (SELECT FROM event x WHERE x.event_id = event_cause.event_id)
          AND (initiative_id IS NULL OR (SELECT owner_rows('initiative')) @> initiative_id)$$,
        NULL, NULL, NULL),
    ('change_log', 'SELECT', NULL, NULL, NULL, NULL),
    ('run', 'SELECT', NULL, NULL, NULL, NULL),
    ('access', 'SELECT', NULL, NULL, NULL, NULL),
    ('node', 'SELECT', 'true', NULL, NULL, NULL),
    ('place', 'SELECT', 'true', NULL, NULL, NULL),
    ('bucket', 'SELECT', NULL, NULL, NULL, NULL),
    ('catalog_push', 'SELECT', NULL, NULL, NULL, NULL),
    ('node_count', 'SELECT', NULL, NULL, NULL, NULL),
    ('asset_move', 'SELECT', NULL, NULL, NULL, NULL),
    ('kept_piece', 'SELECT', NULL, NULL, NULL, NULL),
    ('routed', 'SELECT', NULL, NULL, NULL, NULL),
    ('handed_over', 'SELECT', NULL, NULL, NULL, NULL),
    ('alias_route', 'SELECT', NULL, NULL, NULL, NULL),
    ('verification', 'SELECT', NULL, NULL, NULL, NULL),
    -- deliveries as they came, also those of others
    ('inbox', NULL, NULL, 'INSERT', NULL, 'SELECT'),
    ('asset_inbox', NULL, NULL, 'INSERT', NULL, 'SELECT'),
    ('rejected', NULL, NULL, NULL, NULL, 'SELECT, DELETE'),
    -- derived tables, which hold the assets of the whole organisation
    ('change_log_start', 'SELECT', NULL, NULL, NULL, NULL),
    ('history_start', 'SELECT', NULL, NULL, NULL, NULL),
    ('forgotten_day', 'SELECT', NULL, NULL, NULL, NULL),
    ('former_key', 'SELECT', NULL, NULL, NULL, NULL),
    ('left_inventory', 'SELECT', NULL, NULL, NULL, NULL),
    ('delivery', 'SELECT', NULL, NULL, NULL, NULL),
    ('confirmation', 'SELECT', NULL, NULL, NULL, NULL),
    ('exemption_snapshot', 'SELECT', NULL, NULL, NULL, NULL),
    ('asset_group_snapshot', 'SELECT', NULL, NULL, NULL, NULL),
    ('asset_history', 'SELECT', NULL, NULL, NULL, NULL),
    ('finding_set', 'SELECT', NULL, NULL, NULL, NULL),
    ('asset_set', 'SELECT', NULL, NULL, NULL, NULL),
    ('object_count', 'SELECT', NULL, NULL, NULL, NULL),
    ('counted_slice', 'SELECT', NULL, NULL, NULL, NULL),
    ('finding_delta', 'SELECT', NULL, NULL, NULL, NULL),
    ('asset_delta', 'SELECT', NULL, NULL, NULL, NULL),
    ('catalog_delta', 'SELECT', 'true', NULL, NULL, NULL);
END;
COMMENT ON FUNCTION posture.access_rule() IS
    'returns the privileges of each level on each table, as GRANT writes them; those of curator '
    'and operator are in addition to those of reader; owner_rows: condition on the rows that an '
    'owner reads through the views and functions, NULL: none';

CREATE FUNCTION posture_internal.access_privilege(level text)
    RETURNS TABLE (relation regclass, privileges text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.relation, p.privileges
    FROM access_rule() r
    CROSS JOIN LATERAL (VALUES
        ('reader', r.reader), ('loader', r.loader),
        ('curator', r.reader), ('curator', r.curator),
        ('operator', r.reader), ('operator', r.operator)) p(level, privileges)
    WHERE p.level = access_privilege.level AND p.privileges IS NOT NULL
    UNION ALL
    -- the views return what their reader may see
    SELECT c.oid::regclass, 'SELECT'
    FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
    JOIN pg_catalog.pg_class c ON c.oid = d.objid
    WHERE access_privilege.level <> 'loader'
      AND d.refclassid = 'pg_catalog.pg_extension'::regclass
      AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'e'
      AND e.extname = 'posture' AND c.relnamespace = 'posture'::regnamespace AND c.relkind = 'v';
END;
COMMENT ON FUNCTION posture_internal.access_privilege(text) IS
    'returns the privileges of a level on tables and views, as GRANT writes them';

CREATE FUNCTION posture_internal.row_security_error() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT 'row security is off: '
                   || string_agg(c.relname, ', ' ORDER BY c.relname)
            FROM access_rule() a
            JOIN pg_catalog.pg_class c ON c.oid = a.relation
            WHERE c.relname NOT IN ('inbox', 'asset_inbox') AND NOT c.relrowsecurity
            HAVING count(*) > 0);
COMMENT ON FUNCTION posture_internal.row_security_error() IS
    'returns an error text that names the tables whose row security was turned off; NULL: none';

-- Without its policies, the fence would show an owner everything.
CREATE FUNCTION posture_internal.require_row_security() RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF row_security_error() IS NOT NULL THEN
        RAISE EXCEPTION '%', row_security_error()
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'Owners read nothing until it is on again.',
                  HINT = 'ALTER TABLE ... ENABLE ROW LEVEL SECURITY';
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.require_row_security() IS
    'raises an error if row security of a table was turned off; run by the fence';

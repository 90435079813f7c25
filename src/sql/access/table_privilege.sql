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
    RETURNS TABLE (relation regclass, reader text, owner text, owner_rows text, loader text, operator text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
VALUES
    ('importance_weight'::regclass, 'SELECT', 'SELECT', NULL, 'UPDATE', NULL),
    ('source', 'SELECT', 'SELECT', NULL, 'INSERT, UPDATE', NULL),
    ('asset', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('asset')) @> asset_id$$, 'INSERT, UPDATE', NULL),
    ('asset_alias', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('asset')) @> asset_id$$, 'INSERT', NULL),
    ('asset_group', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('asset_group')) @> asset_group_id$$, 'INSERT, UPDATE', NULL),
    ('recommendation', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('recommendation')) @> recommendation_id$$, 'INSERT, UPDATE', NULL),
    ('metric', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('metric')) @> metric_id$$, 'INSERT, UPDATE', NULL),
    ('metric_recommendation', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('metric')) @> metric_id$$, 'INSERT, DELETE', NULL),
    ('initiative', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('initiative')) @> initiative_id$$, 'INSERT, UPDATE', NULL),
    ('initiative_metric', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('initiative')) @> initiative_id$$, 'INSERT, UPDATE, DELETE', NULL),
    ('initiative_recommendation', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('initiative')) @> initiative_id$$, 'INSERT, DELETE', NULL),
    ('score_band', 'SELECT', 'SELECT',
        $$initiative_id IS NULL OR (SELECT owner_rows('initiative')) @> initiative_id$$, 'INSERT, UPDATE', NULL),
    ('benchmark', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('initiative')) @> initiative_id$$, 'INSERT, UPDATE', NULL),
    ('finding', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('initiative_recommendation')) @> recommendation_id
          OR (SELECT owner_rows('group_asset')) @> asset_id$$,
        'INSERT, UPDATE', NULL),
    ('measure', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('initiative_recommendation')) @> recommendation_id$$, 'INSERT, UPDATE, DELETE', NULL),
    ('exemption', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('initiative_recommendation')) @> recommendation_id
          OR (SELECT owner_rows('group_asset')) @> asset_id
          OR (SELECT owner_rows('asset_group')) @> asset_group_id
          OR num_nonnulls(asset_id, asset_group_id) = 0 AND (SELECT owner_rows('recommendation')) @> recommendation_id$$,
        'INSERT, UPDATE', NULL),
    ('snapshot', 'SELECT', 'SELECT (day, taken_at, ends_at)', NULL, NULL, 'INSERT, UPDATE, DELETE'),
    ('finding_history', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('initiative_recommendation')) @> recommendation_id$$, NULL, 'INSERT, UPDATE, DELETE'),
    ('recommendation_snapshot', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('initiative_recommendation')) @> recommendation_id$$, 'INSERT, DELETE', 'INSERT, DELETE'),
    -- of a metric that left an initiative the days remain when it was in it
    ('metric_snapshot', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('metric')) @> metric_id
          OR EXISTS (SELECT FROM initiative_metric_snapshot x WHERE x.day = metric_snapshot.day AND x.metric_id = metric_snapshot.metric_id)$$,
        NULL, 'INSERT, DELETE'),
    ('initiative_snapshot', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('initiative')) @> initiative_id$$, 'INSERT, UPDATE', 'INSERT, UPDATE, DELETE'),
    ('initiative_metric_snapshot', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('initiative')) @> initiative_id$$, NULL, 'INSERT, DELETE'),
    ('event', 'SELECT', 'SELECT, UPDATE (status, acknowledged_by, acknowledged_at, note, reopened_by, reopened_at)',
        $$(SELECT owner_rows('initiative')) @> initiative_id
          OR (SELECT owner_rows('metric')) @> metric_id
          OR EXISTS (SELECT FROM initiative_metric_snapshot x WHERE x.day = event.day AND x.metric_id = event.metric_id)$$,
        NULL, 'INSERT, UPDATE, DELETE'),
    -- a metric's effect on the initiative of another is not theirs to see
    ('event_cause', 'SELECT', 'SELECT',
        $$EXISTS (SELECT FROM event x WHERE x.event_id = event_cause.event_id)
          AND (initiative_id IS NULL OR (SELECT owner_rows('initiative')) @> initiative_id)$$,
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
    ('object_count', 'SELECT', NULL, NULL, NULL, 'INSERT, UPDATE, DELETE'),
    ('counted_slice', 'SELECT', NULL, NULL, NULL, 'INSERT, UPDATE, DELETE'),
    ('finding_delta', 'SELECT', NULL, NULL, NULL, 'DELETE'),
    ('asset_delta', 'SELECT', NULL, NULL, NULL, 'DELETE'),
    ('catalog_delta', 'SELECT', 'SELECT', NULL, NULL, 'DELETE');
END;
COMMENT ON FUNCTION posture.access_rule() IS 'what each level may do with each table, loader and operator besides what reader may; own_rows: the rows that an owner sees, NULL: all';

CREATE FUNCTION posture_internal.access_privilege(level text) RETURNS TABLE (relation regclass, privileges text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.relation, p.privileges
    FROM access_rule() r
    CROSS JOIN LATERAL (VALUES ('reader', r.reader), ('owner', r.owner), ('loader', r.reader), ('loader', r.loader),
                               ('operator', r.reader), ('operator', r.operator)) p(level, privileges)
    WHERE p.level = access_privilege.level AND p.privileges IS NOT NULL
    UNION ALL
    -- views show what their reader may see
    SELECT c.oid::regclass, 'SELECT'
    FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
    JOIN pg_catalog.pg_class c ON c.oid = d.objid
    WHERE d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'e'
      AND e.extname = 'posture' AND c.relnamespace = 'posture'::regnamespace AND c.relkind = 'v';
END;
COMMENT ON FUNCTION posture_internal.access_privilege(text) IS 'the privileges on tables and views that a level has';

-- Who reads what is kept, and who has the columns that only owners are granted:
-- what is granted by hand on single tables must not turn row security on.
CREATE FUNCTION posture_internal.granted_role() RETURNS TABLE (role name, sees_all boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT DISTINCT r.rolname, has_table_privilege(r.oid, 'posture_internal.finding_set'::regclass, 'SELECT')
    FROM (SELECT c.relowner, c.relacl AS acl FROM pg_catalog.pg_class c WHERE c.oid = 'posture_internal.finding_set'::regclass
          UNION ALL
          SELECT c.relowner, a.attacl
          FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
          WHERE c.oid = 'posture.snapshot'::regclass AND a.attname = 'day') g
    CROSS JOIN LATERAL aclexplode(g.acl) x
    JOIN pg_catalog.pg_roles r ON r.oid = x.grantee
    WHERE x.privilege_type = 'SELECT' AND x.grantee <> g.relowner;
END;
COMMENT ON FUNCTION posture_internal.granted_role() IS 'the roles that are granted to read, and whether they see all: the others are owners';

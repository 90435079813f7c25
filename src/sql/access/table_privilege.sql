/*
 * Who may read and write what: access_rule() has the privileges of each level on
 * each table, and the rows that an owner sees. grant_access.sql grants them,
 * row_security.sql makes policies of the conditions on rows.
 *
 * A privilege is written as in GRANT; NULL: none. The condition in owner_rows may
 * read another table, whose policy applies in turn. These references never lead
 * back to the table itself, so policies do not recurse.
 */

CREATE FUNCTION posture.access_rule()
    RETURNS TABLE (relation regclass, reader text, owner text, owner_rows text,
                   loader text, operator text)
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
        $$initiative_id IS NULL OR (SELECT owner_rows('initiative')) @> initiative_id$$,
        'INSERT, UPDATE', NULL),
    ('benchmark', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('initiative')) @> initiative_id$$, 'INSERT, UPDATE', NULL),
    ('finding', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('initiative_recommendation')) @> recommendation_id
          OR (SELECT owner_rows('group_asset')) @> asset_id$$,
        'INSERT, UPDATE', NULL),
    ('measure', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('initiative_recommendation')) @> recommendation_id$$,
        'INSERT, UPDATE, DELETE', NULL),
    ('exemption', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('initiative_recommendation')) @> recommendation_id
          OR (SELECT owner_rows('group_asset')) @> asset_id
          OR (SELECT owner_rows('asset_group')) @> asset_group_id
          OR num_nonnulls(asset_id, asset_group_id) = 0
             AND (SELECT owner_rows('recommendation')) @> recommendation_id$$,
        'INSERT, UPDATE', NULL),
    ('snapshot', 'SELECT', 'SELECT (day, taken_at, ends_at)', NULL, NULL, 'INSERT, UPDATE, DELETE'),
    ('finding_history', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('initiative_recommendation')) @> recommendation_id$$,
        NULL, 'INSERT, UPDATE, DELETE'),
    ('recommendation_snapshot', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('initiative_recommendation')) @> recommendation_id$$,
        'INSERT, DELETE', 'INSERT, DELETE'),
    -- of a metric that left an initiative, an owner still sees the days on which it was in it
    ('metric_snapshot', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('metric')) @> metric_id
          OR EXISTS (SELECT FROM initiative_metric_snapshot x
                     WHERE x.day = metric_snapshot.day
                       AND x.metric_id = metric_snapshot.metric_id)$$,
        NULL, 'INSERT, DELETE'),
    ('initiative_snapshot', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('initiative')) @> initiative_id$$,
        'INSERT, UPDATE', 'INSERT, UPDATE, DELETE'),
    ('initiative_metric_snapshot', 'SELECT', 'SELECT',
        $$(SELECT owner_rows('initiative')) @> initiative_id$$, NULL, 'INSERT, DELETE'),
    ('event', 'SELECT',
        'SELECT, UPDATE (status, acknowledged_by, acknowledged_at, note, reopened_by, reopened_at)',
        $$(SELECT owner_rows('initiative')) @> initiative_id
          OR (SELECT owner_rows('metric')) @> metric_id
          OR EXISTS (SELECT FROM initiative_metric_snapshot x
                     WHERE x.day = event.day AND x.metric_id = event.metric_id)$$,
        -- a load records the drops of days that its source reported
        'INSERT, UPDATE (previous_day, previous_score, score, drop, weight, status, recovered_on, '
        'superseded_on, superseded_by)',
        'INSERT, UPDATE, DELETE'),
    -- an owner does not see the effect of a metric on initiatives of others
    ('event_cause', 'SELECT', 'SELECT',
        $$EXISTS (SELECT FROM event x WHERE x.event_id = event_cause.event_id)
          AND (initiative_id IS NULL OR (SELECT owner_rows('initiative')) @> initiative_id)$$,
        'INSERT, DELETE', 'INSERT, DELETE'),
    ('run', 'SELECT', 'SELECT (run_id, day, started_at, finished_at, outcome)',
        NULL, NULL, 'INSERT, DELETE'),
    ('verification', 'SELECT', NULL, NULL, NULL, 'INSERT, DELETE'),
    -- deliveries as they came, also those of others
    ('inbox', NULL, NULL, NULL, 'SELECT, INSERT, DELETE', NULL),
    ('rejected', NULL, NULL, NULL, 'SELECT, INSERT', 'SELECT, DELETE'),
    -- derived tables, which hold the assets of the whole organisation
    ('history_start', 'SELECT', NULL, NULL, NULL, 'UPDATE'),
    ('forgotten_day', 'SELECT', NULL, NULL, NULL, 'INSERT, DELETE'),
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
COMMENT ON FUNCTION posture.access_rule() IS
    'returns the privileges of each level on each table, as GRANT writes them; those of loader and '
    'operator are in addition to those of reader; owner_rows: condition on the rows that an owner '
    'sees, NULL: all';

CREATE FUNCTION posture_internal.access_privilege(level text)
    RETURNS TABLE (relation regclass, privileges text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.relation, p.privileges
    FROM access_rule() r
    CROSS JOIN LATERAL (VALUES
        ('reader', r.reader), ('owner', r.owner),
        ('loader', r.reader), ('loader', r.loader),
        ('operator', r.reader), ('operator', r.operator)) p(level, privileges)
    WHERE p.level = access_privilege.level AND p.privileges IS NOT NULL
    UNION ALL
    -- every level may read the views, which return what their reader may see
    SELECT c.oid::regclass, 'SELECT'
    FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
    JOIN pg_catalog.pg_class c ON c.oid = d.objid
    WHERE d.refclassid = 'pg_catalog.pg_extension'::regclass
      AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'e'
      AND e.extname = 'posture' AND c.relnamespace = 'posture'::regnamespace AND c.relkind = 'v';
END;
COMMENT ON FUNCTION posture_internal.access_privilege(text) IS
    'returns the privileges of a level on tables and views, as GRANT writes them';

-- Roles that may read finding_set, and roles that have the columns of snapshot
-- that only owners are granted. A privilege granted by hand on another table does
-- not turn row security on.
CREATE FUNCTION posture_internal.granted_role() RETURNS TABLE (role name, sees_all boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT DISTINCT r.rolname,
           has_table_privilege(r.oid, 'posture_internal.finding_set'::regclass, 'SELECT')
    FROM (SELECT c.relowner, c.relacl AS acl
          FROM pg_catalog.pg_class c
          WHERE c.oid = 'posture_internal.finding_set'::regclass
          UNION ALL
          SELECT c.relowner, a.attacl
          FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
          WHERE c.oid = 'posture.snapshot'::regclass AND a.attname = 'day') g
    CROSS JOIN LATERAL aclexplode(g.acl) x
    JOIN pg_catalog.pg_roles r ON r.oid = x.grantee
    WHERE x.privilege_type = 'SELECT' AND x.grantee <> g.relowner;
END;
COMMENT ON FUNCTION posture_internal.granted_role() IS
    'returns the roles that were granted access, and whether each sees all rows; those that do not '
    'are owners';

/*
 * Row security, on every table and always on.
 *
 * - all_rows shows all rows to roles that see all, and lets them write what their
 *   privileges allow. policy_sees_all() is a constant when a query is planned, so the
 *   plans of those who see all are the ones without row security. A query of another
 *   role, to which a privilege was granted by hand, is an error.
 * - owned_rows shows the caller of a fence (src/fence.c) what it owns. It is for
 *   pg_read_all_data, as which the fence runs.
 *
 * A superuser, and a role with BYPASSRLS, is not subject to row security. inbox and
 * asset_inbox have none, because COPY FROM does not work with it.
 */

DO $$
DECLARE
    rule record;
BEGIN
    FOR rule IN SELECT a.relation, a.owner_rows FROM posture.access_rule() a
                WHERE a.relation <> ALL ('{posture.inbox,posture.asset_inbox}'::regclass[])
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', rule.relation);
        EXECUTE format('CREATE POLICY all_rows ON %s '
                       'USING (posture_internal.policy_sees_all())', rule.relation);
        EXECUTE format('COMMENT ON POLICY all_rows ON %s IS %L', rule.relation,
                       'shows all rows to roles that see all');
        CONTINUE WHEN rule.owner_rows IS NULL;
        EXECUTE format('CREATE POLICY owned_rows ON %s FOR SELECT TO pg_read_all_data '
                       'USING (%s)', rule.relation, rule.owner_rows);
        EXECUTE format('COMMENT ON POLICY owned_rows ON %s IS %L', rule.relation,
                       'shows owners the rows that they own');
    END LOOP;
END $$;

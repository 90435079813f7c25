/*
 * status(): the health of posture itself. Each check returns rows of
 * status_item, with what to do where the state is not ok. A monitor can poll
 * it, because it reads no findings.
 */

CREATE TYPE posture.status_item AS (
    item text,
    state text,
    value numeric,
    message text,
    hint text
);
COMMENT ON TYPE posture.status_item IS 'row of status()';
COMMENT ON COLUMN posture.status_item.item IS 'what is checked';
COMMENT ON COLUMN posture.status_item.state IS 'ok or warning';
COMMENT ON COLUMN posture.status_item.value IS
    'number of rows, days, sources, privileges, differences or bytes, or seconds since the last '
    'time; NULL if there is none';
COMMENT ON COLUMN posture.status_item.message IS 'the state in words';
COMMENT ON COLUMN posture.status_item.hint IS
    'statement to run, or what to check; NULL if there is nothing to do';

CREATE FUNCTION posture_internal.fold_status() RETURNS SETOF status_item
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH pending AS (
        SELECT count(*) AS deltas, coalesce(sum(d.changes), 0) AS changes
        FROM (SELECT f.changes FROM finding_delta f
              UNION ALL
              SELECT a.changes FROM asset_delta a
              UNION ALL
              SELECT 1 FROM catalog_delta) d
    ), last_fold AS (
        SELECT max(t.counted_at) AS at, (SELECT max(r.finished_at) FROM run r) AS run_at
        FROM counted_slice t
    )
    SELECT 'sets',
           CASE WHEN is_restored() THEN 'warning' ELSE 'ok' END,
           NULL::numeric,
           CASE WHEN is_restored() THEN 'restored from a dump and not rebuilt since'
                ELSE 'built in this database' END,
           CASE WHEN is_restored() THEN 'SELECT * FROM posture.rebuild();' END
    UNION ALL
    -- Every run folds, and on a day without changes only the run is recorded.
    -- If neither happened for 26 hours, nothing calls run_daily().
    SELECT 'deltas',
           CASE WHEN p.deltas > 0 AND greatest(f.at, f.run_at) < now() - interval '26 hours'
                THEN 'warning' ELSE 'ok' END,
           p.deltas,
           count_phrase(p.changes::bigint, 'change') || ' in '
           || count_phrase(p.deltas, 'delta') || ' not folded',
           CASE WHEN p.deltas > 0 AND greatest(f.at, f.run_at) < now() - interval '26 hours'
                THEN 'SELECT * FROM posture.fold();' END
    FROM pending p CROSS JOIN last_fold f
    UNION ALL
    SELECT 'last fold', 'ok', round(extract(epoch FROM now() - f.at)),
           coalesce(minute_of(f.at), 'never'), NULL
    FROM last_fold f;
END;
COMMENT ON FUNCTION posture_internal.fold_status() IS
    'step of status(): the stored sets, and the changes that are not folded into them yet';

CREATE FUNCTION posture_internal.day_status() RETURNS SETOF status_item
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH missing AS (
        SELECT count(*) AS days, to_char(min(d.day), 'YYYY-MM-DD') AS first,
               to_char(max(d.day), 'YYYY-MM-DD') AS last,
               -- The run of a day that ended less than two hours ago may be in progress.
               bool_or(day_end(d.day) < now() - interval '2 hours') AS is_late
        FROM due_days() d
    ), last_run AS (
        SELECT r.day, r.finished_at, r.outcome, r.message,
               r.outcome = 'failed' OR coalesce(r.counts ? 'left_out', false) AS is_odd
        FROM run r
        ORDER BY r.run_id DESC
        LIMIT 1
    )
    SELECT 'last snapshot', 'ok', round(extract(epoch FROM now() - s.taken_at)),
           CASE WHEN s.day IS NULL THEN 'none'
                ELSE format('of %s, taken at %s', to_char(s.day::timestamp, 'YYYY-MM-DD'),
                            minute_of(s.taken_at)) END,
           NULL::text
    FROM (SELECT) one
    LEFT JOIN (SELECT x.day, x.taken_at FROM snapshot x ORDER BY x.day DESC LIMIT 1) s ON true
    UNION ALL
    SELECT 'days missing', CASE WHEN m.is_late THEN 'warning' ELSE 'ok' END, m.days,
           CASE WHEN m.days = 0 THEN 'none'
                WHEN m.days = 1 THEN m.first
                ELSE format('%s between %s and %s', m.days, m.first, m.last) END,
           CASE WHEN m.is_late THEN 'CALL posture.run_daily();' END
    FROM missing m
    UNION ALL
    SELECT 'last run', CASE WHEN l.is_odd THEN 'warning' ELSE 'ok' END,
           round(extract(epoch FROM now() - l.finished_at)),
           CASE WHEN l.day IS NULL THEN 'no day was due yet'
                ELSE format('%s for %s at %s', l.outcome,
                            to_char(l.day::timestamp, 'YYYY-MM-DD'), minute_of(l.finished_at))
                     || CASE WHEN l.is_odd THEN ': ' || l.message ELSE '' END END,
           CASE WHEN l.is_odd
                THEN 'SELECT * FROM posture.run ORDER BY run_id DESC;' END
    FROM (SELECT) one LEFT JOIN last_run l ON true;
END;
COMMENT ON FUNCTION posture_internal.day_status() IS
    'step of status(): the last snapshot, the days without one, and the last run';

-- The queries on pg_cron are dynamic SQL, because pg_cron may not be installed.
CREATE FUNCTION posture_internal.job_status() RETURNS SETOF status_item
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    job record;
    last_run timestamptz := (SELECT max(r.finished_at) FROM run r);
BEGIN
    IF EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron')
       AND has_schema_privilege('cron', 'USAGE')
       AND has_table_privilege('cron.job', 'SELECT')
       AND has_table_privilege('cron.job_run_details', 'SELECT') THEN
        -- pg_cron shows a role its own jobs, and a superuser all jobs.
        EXECUTE $job$
            WITH job AS (
                SELECT j.*
                FROM cron.job j
                WHERE j.database = current_database() AND j.command ILIKE '%posture.run_daily%'
            )
            SELECT j.jobid, j.schedule, j.username, j.active,
                   d.status, d.return_message, d.start_time, d.end_time,
                   (SELECT string_agg(format('SELECT cron.unschedule(%s);', o.jobid), ' '
                                      ORDER BY o.jobid)
                    FROM job o
                    WHERE o.active AND o.jobid <> j.jobid) AS remove_others
            FROM job j
            LEFT JOIN LATERAL (SELECT r.*
                               FROM cron.job_run_details r
                               WHERE r.jobid = j.jobid AND r.status IN ('succeeded', 'failed')
                               ORDER BY r.runid DESC
                               LIMIT 1) d ON true
            ORDER BY j.active DESC, j.jobid
            LIMIT 1 $job$ INTO job;
    END IF;
    IF job IS NULL THEN
        RETURN QUERY
        SELECT 'job',
               CASE WHEN last_run > now() - interval '2 days' THEN 'ok' ELSE 'warning' END,
               NULL::numeric,
               CASE WHEN last_run > now() - interval '2 days'
                    THEN 'no pg_cron job is visible here, but the job runs'
                    ELSE 'no job is visible here' END,
               CASE WHEN last_run > now() - interval '2 days' THEN NULL
                    ELSE 'SELECT posture.schedule();' END;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT 'job',
           CASE WHEN job.active AND job.remove_others IS NULL THEN 'ok' ELSE 'warning' END,
           NULL::numeric,
           format('job %s of %s runs at "%s" GMT', job.jobid, job.username, job.schedule)
           || CASE WHEN NOT job.active THEN ', but is not active'
                   WHEN job.remove_others IS NOT NULL THEN ', and other jobs run it as well'
                   ELSE '' END,
           CASE WHEN job.active THEN job.remove_others
                -- pg_cron does not let PUBLIC call alter_job().
                WHEN has_function_privilege(
                         to_regprocedure('cron.alter_job(bigint,text,text,text,text,boolean)'),
                         'EXECUTE')
                THEN format('SELECT cron.alter_job(%s, active := true);', job.jobid)
                ELSE format('SELECT posture.unschedule(); SELECT posture.schedule(%L);',
                            job.schedule) END;
    RETURN QUERY
    SELECT 'job outcome', CASE WHEN job.status = 'failed' THEN 'warning' ELSE 'ok' END,
           round(extract(epoch FROM now() - job.end_time)),
           CASE WHEN job.status IS NULL THEN 'has not run yet'
                -- a job that could not connect has no time
                ELSE job.status || coalesce(' at ' || minute_of(job.end_time::timestamptz), '')
                     || CASE WHEN job.status = 'failed'
                             THEN ': ' || btrim(job.return_message, E' \n') ELSE '' END END,
           CASE WHEN job.status IS DISTINCT FROM 'failed' THEN NULL
                WHEN job.return_message ~ '^(connection failed|could not connect)'
                THEN 'ALTER SYSTEM SET cron.use_background_workers = on; -- then restart the server'
                ELSE format('SELECT * FROM cron.job_run_details WHERE jobid = %s '
                            'ORDER BY runid DESC;', job.jobid) END;
END $$;
COMMENT ON FUNCTION posture_internal.job_status() IS
    'step of status(): the pg_cron job, as far as the caller may see it';

CREATE FUNCTION posture_internal.source_status() RETURNS SETOF status_item
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT 'silent sources',
           CASE WHEN count(*) FILTER (WHERE s.is_silent) > 0 THEN 'warning' ELSE 'ok' END,
           count(*) FILTER (WHERE s.is_silent),
           coalesce(string_agg(format('%s, last seen %s', s.key,
                                      coalesce(minute_of(s.last_seen), 'never')),
                               '; ' ORDER BY s.key) FILTER (WHERE s.is_silent),
                    format('none of %s', count(*))),
           CASE WHEN count(*) FILTER (WHERE s.is_silent) > 0
                THEN 'check their deliveries, or set is_active of retired sources to false' END
    FROM (SELECT o.key, o.last_seen,
                 o.stale_after IS NOT NULL
                 AND (o.last_seen < stale_before(now(), o.stale_after)) IS NOT FALSE AS is_silent
          FROM source o
          WHERE o.is_active) s;
END;
COMMENT ON FUNCTION posture_internal.source_status() IS
    'step of status(): active sources that observed nothing for longer than their stale_after';

CREATE FUNCTION posture_internal.inbox_status() RETURNS SETOF status_item
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT 'inbox', CASE WHEN count(*) > 0 THEN 'warning' ELSE 'ok' END, count(*),
           count_phrase(count(*), 'row') || ' waiting',
           nullif(concat_ws(' ', CASE WHEN bool_or(NOT i.is_asset)
                                      THEN 'SELECT * FROM posture.ingest();' END,
                            CASE WHEN bool_or(i.is_asset)
                            THEN 'SELECT * FROM posture.ingest_assets();' END), '')
    FROM (SELECT false AS is_asset FROM inbox
          UNION ALL
          SELECT true FROM asset_inbox) i;
END;
COMMENT ON FUNCTION posture_internal.inbox_status() IS
    'step of status(): rows of the inbox that wait for ingest(), and of the asset_inbox that wait for '
    'ingest_assets()';

CREATE FUNCTION posture_internal.rejected_status() RETURNS SETOF status_item
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH recent AS (
        SELECT r.reason, count(*) AS rejections
        FROM rejected r
        WHERE r.rejected_at > now() - interval '1 day'
        GROUP BY r.reason
    )
    SELECT 'rejected', CASE WHEN l.rejections > 0 THEN 'warning' ELSE 'ok' END,
           coalesce(l.rejections, 0),
           format('%s since yesterday, %s in total',
                  count_phrase(coalesce(l.rejections, 0)::bigint, 'row'),
                  (SELECT count(*) FROM rejected r))
           || coalesce('; most frequent: ' || (SELECT x.reason
                                               FROM recent x
                                               ORDER BY x.rejections DESC, x.reason
                                               LIMIT 1), ''),
           CASE WHEN l.rejections > 0
                THEN 'SELECT * FROM posture.rejected ORDER BY rejected_at DESC;' END
    FROM (SELECT sum(x.rejections) AS rejections FROM recent x) l;
END;
COMMENT ON FUNCTION posture_internal.rejected_status() IS
    'step of status(): rows that were rejected in the last 24 hours';

CREATE FUNCTION posture_internal.verify_status() RETURNS SETOF status_item
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT 'verify', CASE WHEN v.differences > 0 THEN 'warning' ELSE 'ok' END, v.differences,
           CASE WHEN v.differences IS NULL THEN 'never called'
                ELSE format('%s at %s', count_phrase(v.differences, 'difference'),
                            minute_of(v.verified_at))
                     || coalesce(', the first: ' || v.message, '') END,
           CASE WHEN v.differences > 0
                THEN 'SELECT * FROM posture.rebuild(); SELECT posture.apply_rules(); '
                     'SELECT * FROM posture.verify();'
                WHEN v.differences IS NULL THEN 'SELECT * FROM posture.verify();' END
    FROM (SELECT) one
    LEFT JOIN (SELECT x.differences, x.verified_at, x.message
               FROM verification x
               ORDER BY x.verification_id DESC
               LIMIT 1) v ON true;
END;
COMMENT ON FUNCTION posture_internal.verify_status() IS
    'step of status(): the result of the last verify()';

CREATE FUNCTION posture_internal.schema_status() RETURNS SETOF status_item
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH creator AS (
        SELECT n.nspname AS schema,
               CASE WHEN x.grantee <> 0 THEN pg_get_userbyid(x.grantee) END AS role,
               -- REVOKE ... CASCADE on a role that the owner granted the privilege
               -- to also revokes it from the roles that this role granted it to.
               bool_or(x.grantor = n.nspowner) AS is_direct,
               bool_or(x.is_grantable) AS is_grantable
        FROM pg_namespace n CROSS JOIN aclexplode(n.nspacl) x
        WHERE n.nspname IN ('posture', 'posture_internal')
          AND x.privilege_type = 'CREATE' AND x.grantee <> n.nspowner
        GROUP BY n.nspname, x.grantee
    )
    SELECT 'schemas', CASE WHEN count(*) > 0 THEN 'warning' ELSE 'ok' END, count(*),
           coalesce(string_agg(format('%s may create objects in schema %s',
                                      coalesce('role "' || c.role || '"', 'PUBLIC'), c.schema),
                               '; ' ORDER BY c.schema, c.role),
                    'only the owner may create objects in schemas posture and posture_internal'),
           string_agg(format('REVOKE CREATE ON SCHEMA %I FROM %s%s;', c.schema,
                             coalesce(quote_ident(c.role), 'PUBLIC'),
                             CASE WHEN c.is_grantable THEN ' CASCADE' ELSE '' END),
                      ' ' ORDER BY c.schema, c.role) FILTER (WHERE c.is_direct)
    FROM creator c;
END;
COMMENT ON FUNCTION posture_internal.schema_status() IS
    'step of status(): roles other than the owner with CREATE on posture or posture_internal';

CREATE FUNCTION posture_internal.size_status() RETURNS SETOF status_item
    LANGUAGE sql VOLATILE PARALLEL SAFE
BEGIN ATOMIC
    SELECT 'size of ' || p.part, 'ok', sum(p.size), pg_size_pretty(sum(p.size)), NULL
    FROM (SELECT pg_total_relation_size(c.oid) AS size,
                 CASE WHEN c.relname ~ '^(finding|measure)$' THEN 'findings'
                      WHEN c.oid <> ALL (e.extconfig) THEN 'sets'
                      WHEN c.relname ~ ('(^|_)(snapshot|history)$|'
                                        '^(event|event_cause|run|history_start|forgotten_day)$')
                      THEN 'history'
                      WHEN c.relname ~ '^(inbox|asset_inbox|rejected)$' THEN 'deliveries'
                      ELSE 'catalog' END AS part
          FROM pg_extension e
          JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
                          AND d.deptype = 'e'
          JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
          WHERE e.extname = 'posture' AND c.relkind = 'r') p
    GROUP BY p.part
    ORDER BY sum(p.size) DESC;
END;
COMMENT ON FUNCTION posture_internal.size_status() IS
    'step of status(): size of the tables of each part, with their indexes';

CREATE FUNCTION posture_internal.access_status() RETURNS SETOF status_item
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH lost AS (
        SELECT a.role
        FROM access a
        LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.role_id AND r.rolname = a.role
        WHERE r.oid IS NULL
    )
    SELECT 'access',
           CASE WHEN l.roles IS NOT NULL OR row_security_error() IS NOT NULL THEN 'warning'
                ELSE 'ok' END,
           (SELECT count(*)::numeric FROM access),
           concat_ws('; ', (SELECT count_phrase(count(*), 'grant') FROM access),
                     'not in force for ' || l.roles, row_security_error()),
           CASE WHEN l.roles IS NOT NULL THEN 'SELECT posture.restore_access();'
                WHEN row_security_error() IS NOT NULL
                THEN 'ALTER TABLE ... ENABLE ROW LEVEL SECURITY' END
    FROM (SELECT string_agg(DISTINCT l.role::text, ', ') AS roles FROM lost l) l;
END;
COMMENT ON FUNCTION posture_internal.access_status() IS
    'step of status(): grants of levels, and those that are not in force because the role does '
    'not exist, or was created anew';

CREATE FUNCTION posture_internal.node_status() RETURNS SETOF status_item
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    SELECT format('node "%s"', p.node),
           CASE WHEN p.problem IS NULL THEN 'ok' ELSE 'warning' END, p.assets::numeric,
           coalesce(p.problem, format('about %s', count_phrase(p.assets, 'asset'))
                               || coalesce(', closed ' || to_char(p.closed_day, 'YYYY-MM-DD'), '')),
           CASE WHEN p.problem LIKE 'has another catalog%'
                THEN format('SELECT posture.sync_node(%L);', p.node)
                WHEN p.problem LIKE 'has version%' THEN 'ALTER EXTENSION posture UPDATE;'
                WHEN p.problem LIKE 'has posture.timezone%'
                THEN 'ALTER DATABASE ... SET posture.timezone = ...;'
                WHEN p.problem IS NOT NULL THEN 'check its server and the foreign server' END
    FROM node_problem(true) p;
END;
COMMENT ON FUNCTION posture_internal.node_status() IS 'step of status(): the nodes of a head';

CREATE FUNCTION posture.status() RETURNS SETOF status_item
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM require_level('reader or owner');
    -- An owner sees only some of the assets and sources, and the store holds all of them.
    IF NOT sees_all() THEN
        RETURN QUERY SELECT s.* FROM job_status() s;
        RETURN QUERY SELECT s.* FROM source_status() s;
        RETURN;
    END IF;
    RETURN QUERY SELECT s.* FROM fold_status() s;
    RETURN QUERY SELECT s.* FROM day_status() s;
    RETURN QUERY SELECT s.* FROM job_status() s;
    RETURN QUERY SELECT s.* FROM source_status() s;
    -- Readers have no privilege on the inbox and on rejected rows.
    IF has_table_privilege('posture.inbox'::regclass, 'SELECT') THEN
        RETURN QUERY SELECT s.* FROM inbox_status() s;
    END IF;
    IF has_table_privilege('posture.rejected'::regclass, 'SELECT') THEN
        RETURN QUERY SELECT s.* FROM rejected_status() s;
    END IF;
    RETURN QUERY SELECT s.* FROM verify_status() s;
    IF has_nodes() THEN
        RETURN QUERY SELECT s.* FROM node_status() s;
    END IF;
    RETURN QUERY SELECT s.* FROM access_status() s;
    RETURN QUERY SELECT s.* FROM schema_status() s;
    RETURN QUERY SELECT s.* FROM size_status() s;
END $$;
COMMENT ON FUNCTION posture.status() IS
    'returns the health of posture itself: a row for each check, ok or warning, with what to do';

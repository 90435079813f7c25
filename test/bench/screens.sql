/*
 * Measures each screen (a view, or a function that a page calls) as a superuser
 * and as an owner, reading after a change of the catalog, and what a job does.
 * Each run is a statement of its own, whose effects are undone. The faster of two
 * counts, or the only one if it took more than 0.2 s. The time is that of the
 * processor, without parallel workers, so that the other work of the machine
 * does not matter. Needs dimension, size and seconds, the longest that a run may
 * take by the clock: one that is stopped then counts with the time that it used.
 */
SET client_min_messages = error;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE IF NOT EXISTS bench.screen (
    place int GENERATED ALWAYS AS IDENTITY, name text PRIMARY KEY, kind text, change text,
    statement text);
CREATE TABLE IF NOT EXISTS bench.run (
    screen text, reader text, seconds double precision, mb double precision, left_out text);
TRUNCATE bench.screen, bench.run RESTART IDENTITY;

-- events that the owner sees
SELECT coalesce(max(event_id) FILTER (WHERE initiative_id = 1), 0) AS of_initiative,
       coalesce(max(event_id) FILTER (WHERE metric_id = 18), 0) AS of_metric,
       coalesce(array_to_string((array_agg(event_id ORDER BY event_id DESC))[:50], ', '), '0')
           AS of_page
FROM posture.event
WHERE kind <> 'new_initiative' \gset
SELECT min(day) AS first_day FROM posture.snapshot \gset
INSERT INTO bench.screen (name, kind, statement)
SELECT coalesce(o.name, v.viewname), 'screen',
       coalesce(o.statement, format('SELECT count(v) FROM posture.%I v', v.viewname))
FROM pg_views v
LEFT JOIN (VALUES
    ('asset_report', 'asset_report of one asset', 'SELECT * FROM posture.asset_report WHERE asset = ''a777'''),
    ('finding_report', 'finding_report of one asset', 'SELECT * FROM posture.finding_report WHERE asset = ''a777'''),
    ('event_asset', 'event_asset of one event',
     'SELECT * FROM posture.event_asset WHERE event_id = ' || :of_metric)
) o(viewname, name, statement) ON o.viewname = v.viewname
WHERE v.schemaname = 'posture'
ORDER BY v.viewname;
INSERT INTO bench.screen (name, kind, statement) VALUES
    ('asset_report of 50 assets', 'screen', 'SELECT * FROM posture.asset_report ORDER BY asset LIMIT 50'),
    ('event_report of 50 events by id', 'screen',
     'SELECT * FROM posture.event_report WHERE event_id IN (' || :'of_page' || ')'),
    ('the newest 50 of event_report', 'screen', 'SELECT * FROM posture.event_report LIMIT 50'),
    ('group_report of one group', 'screen', 'SELECT * FROM posture.group_report WHERE asset_group = ''g1'''),
    ('secure_score of one day', 'screen',
     'SELECT * FROM posture.secure_score WHERE day = posture.today() - 1'),
    ('secure_score_part of one day', 'screen',
     'SELECT * FROM posture.secure_score_part WHERE day = posture.today() - 1'),
    ('metric_recommendation_report of one metric', 'screen',
     'SELECT * FROM posture.metric_recommendation_report WHERE metric = ''m5'''),
    ('show()', 'screen', 'SELECT posture.show(''i1'')'),
    ('explain() of one event', 'screen',
     'SELECT posture.explain(' || :of_initiative || ')'),
    ('change_report() of the last two days', 'screen',
     'SELECT * FROM posture.change_report(''i1'', posture.today() - 2, posture.today() - 1)'),
    ('metric_assets()', 'screen', 'SELECT posture.metric_assets(''m18'')'),
    ('metric_assets() of a past day', 'screen', 'SELECT posture.metric_assets(''m18'', posture.today() - 8)'),
    ('metric_assets() of the first day', 'screen',
     format('SELECT posture.metric_assets(''m18'', %L)', :'first_day')),
    ('change_report() since the first day', 'screen',
     format('SELECT * FROM posture.change_report(''i1'', %L, posture.today() - 1)', :'first_day')),
    ('score_of()', 'screen', 'SELECT posture.score_of(''i1'', ''g1'')'),
    ('what_if()', 'screen', 'SELECT posture.what_if(''i1'', ''{r37}'')'),
    ('planned_score()', 'screen', 'SELECT posture.planned_score(''i1'')'),
    ('achievable_score()', 'screen', 'SELECT posture.achievable_score(''i1'')'),
    ('plan()', 'screen', 'SELECT * FROM posture.plan(''i1'')'),
    ('status()', 'screen', 'SELECT * FROM posture.status()'),
    ('report_at()', 'screen', 'SELECT * FROM posture.report_at()'),
    ('report_at() of a past day', 'screen', 'SELECT * FROM posture.report_at(posture.today() - 8)'),
    ('report_at() of the first day', 'screen',
     format('SELECT * FROM posture.report_at(%L)', :'first_day')),
    ('report_at() of a past day, of a group, under a scenario', 'screen',
     'SELECT * FROM posture.report_at(posture.today() - 8, ''g1'', ''{"ignore_exemptions": true}'')'),
    ('score_at() under a scenario', 'screen',
     'SELECT posture.score_at(''i1'', scenario => ''{"ignore_exemptions": true}'')'),
    ('assets_at() of a past day, of a group', 'screen',
     'SELECT posture.assets_at(''m18'', posture.today() - 8, ''g1'')'),
    ('score_history_of() all days of a group', 'screen',
     format('SELECT * FROM posture.score_history_of(''i1'', ''g1'', %L, posture.today() - 1)',
            :'first_day'));

\set read 'SELECT (SELECT count(o) FROM posture.overview o), (SELECT count(m) FROM posture.metric_report m)'
INSERT INTO bench.screen (name, kind, change, statement)
SELECT 'reading after ' || x.name, 'change', x.change, :'read'
FROM (VALUES
    ('a change of members',
     'DELETE FROM posture.metric_recommendation WHERE metric_id = 18 AND recommendation_id = 167'),
    ('an exemption',
     'INSERT INTO posture.exemption (recommendation_id, asset_group_id, kind, reason)
      VALUES (42, 4, ''waived'', ''benchmark'')'),
    ('a source was switched off', 'UPDATE posture.source SET is_active = false WHERE source_id = 1'),
    ('a change of a weight', 'UPDATE posture.metric SET importance = ''low'' WHERE metric_id = 18'),
    ('a change of a group', 'UPDATE posture.asset_group SET kinds = ''{kind1}'' WHERE asset_group_id = 4'),
    ('a new asset', 'INSERT INTO posture.asset (key, name, kind) VALUES (''newest'', ''newest'', ''kind1'')')
) x(name, change);
INSERT INTO bench.screen (name, kind, change, statement) VALUES
    ('fold() after a change of a group', 'job',
     'UPDATE posture.asset_group SET kinds = ''{kind1}'' WHERE asset_group_id = 4', 'SELECT posture.fold()'),
    ('fold() after a change of members', 'job',
     'DELETE FROM posture.metric_recommendation WHERE metric_id = 18 AND recommendation_id = 167',
     'SELECT posture.fold()'),
    ('rebuild()', 'job', NULL, 'SELECT posture.rebuild()'),
    ('verify()', 'job', NULL, 'SELECT * FROM posture.verify()'),
    ('take_snapshot()', 'job', NULL, 'SELECT posture.take_snapshot()');

-- seconds of the processor that this process has used
CREATE OR REPLACE FUNCTION bench.processor() RETURNS double precision LANGUAGE sql
    RETURN split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::double precision / 1e9;
-- memory of this process that is not shared, in MB; the peak since it was reset
CREATE OR REPLACE FUNCTION bench.peak() RETURNS double precision LANGUAGE sql AS $$
    SELECT sum(CASE m[1] WHEN 'VmHWM' THEN 1 ELSE -1 END * m[2]::double precision) / 1024
    FROM regexp_matches(pg_read_file('/proc/self/status'), '(VmHWM|RssFile|RssShmem):\s+(\d+)', 'g') m
$$;
CREATE OR REPLACE PROCEDURE bench.measure(screen text, reader text) LANGUAGE plpgsql AS $$
DECLARE
    s bench.screen := (SELECT x FROM bench.screen x WHERE x.name = screen);
    took double precision;
    mb double precision;
    left_out text;
BEGIN
    IF EXISTS (SELECT FROM bench.run r
               WHERE r.screen = measure.screen AND r.reader = measure.reader
                 AND (r.seconds > 0.2 OR r.left_out IS NOT NULL)) THEN
        RETURN;
    END IF;
    BEGIN
        IF s.change IS NOT NULL THEN
            EXECUTE s.change;
        END IF;
        COPY (SELECT WHERE false) TO PROGRAM 'echo 5 > /proc/$PPID/clear_refs';
        mb := bench.peak();
        took := bench.processor();
        EXECUTE CASE reader WHEN 'owner' THEN 'SET LOCAL ROLE bench_owner; ' ELSE '' END
                || s.statement || '; RESET ROLE';
        took := bench.processor() - took;
        mb := bench.peak() - mb;
        RAISE EXCEPTION USING ERRCODE = 'BENCH';
    EXCEPTION
        WHEN SQLSTATE 'BENCH' THEN -- undone
        WHEN query_canceled THEN
            -- it takes at least so long
            took := bench.processor() - took;
            mb := bench.peak() - mb;
            left_out := 'stopped';
        WHEN undefined_function OR insufficient_privilege THEN
            took := NULL;
            mb := NULL;
            left_out := SQLERRM;
    END;
    INSERT INTO bench.run (screen, reader, seconds, mb, left_out)
    VALUES (screen, reader, took, mb, left_out);
END $$;

SET statement_timeout = :'seconds';
SELECT format('CALL bench.measure(%L, %L)', s.name, r.reader)
FROM bench.screen s
CROSS JOIN (VALUES ('superuser'), ('owner')) r(reader)
CROSS JOIN generate_series(1, CASE s.kind WHEN 'job' THEN 1 ELSE 2 END) n
WHERE r.reader = 'superuser' OR s.kind = 'screen'
ORDER BY s.place, r.reader, n \gexec
RESET statement_timeout;
COPY (SELECT :'dimension', :size, s.place, s.name, s.kind, r.reader, min(r.seconds), max(r.mb),
             max(r.left_out)
      FROM bench.run r JOIN bench.screen s ON s.name = r.screen
      GROUP BY s.place, s.name, s.kind, r.reader
      ORDER BY s.place, r.reader) TO STDOUT (FORMAT csv);

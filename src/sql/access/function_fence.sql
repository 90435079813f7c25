/*
 * With whose rights the functions of the contract run. The parts define them as if
 * they ran with those of their caller. Here the function becomes
 * posture_internal.NAME, or NAME_body if it is there already, and NAME calls it
 * (src/call.c):
 *
 * - reader: as the caller if that sees all rows; behind the fence otherwise;
 * - definer: as the owner of the tables, on which no other role has the privilege
 *   to write what it writes. It first calls require_level().
 */

DO $$
DECLARE
    function record;
    arguments text;
    body text;
BEGIN
    FOR function IN
        SELECT p.oid, n.nspname AS schema, p.proname AS name, l.mode,
               p.proname || CASE n.nspname WHEN 'posture' THEN '' ELSE '_body' END AS body_name,
               obj_description(p.oid, 'pg_proc') AS comment,
               (ARRAY['IMMUTABLE', 'STABLE', 'VOLATILE'])[position(p.provolatile IN 'isv')]
               || ' PARALLEL '
               || (ARRAY['SAFE', 'RESTRICTED', 'UNSAFE'])[position(p.proparallel IN 'sru')]
               || CASE WHEN p.proretset THEN ' ROWS ' || p.prorows ELSE '' END AS marks
        FROM (VALUES
            ('reader', 'posture.achievable_score'), ('reader', 'posture.band_of'),
            ('reader', 'posture.change_report'), ('reader', 'posture.explain'),
            ('reader', 'posture.export'), ('reader', 'posture.metric_assets'),
            ('reader', 'posture.plan'), ('reader', 'posture.planned_score'),
            ('reader', 'posture.points_change'), ('reader', 'posture.score_of'),
            ('reader', 'posture.score_at'), ('reader', 'posture.report_at'),
            ('reader', 'posture.assets_at'), ('reader', 'posture.unassessed_at'),
            ('reader', 'posture.score_history_of'),
            ('reader', 'posture.backtest'),
            ('reader', 'posture.show'), ('reader', 'posture.status'),
            ('reader', 'posture.what_if'),
            ('definer', 'posture.acknowledge'), ('definer', 'posture.add_node'),
            ('definer', 'posture.apply_rules'), ('definer', 'posture.sync_node'),
            ('definer', 'posture.distribute'),
            ('definer', 'posture.attest'),
            ('definer', 'posture.backfill'), ('definer', 'posture.fold'),
            ('definer', 'posture.forget_day'), ('definer', 'posture.merge_asset'),
            ('definer', 'posture.move_assets'), ('definer', 'posture.remove_node'),
            ('definer', 'posture.rebuild'), ('definer', 'posture.reopen'),
            ('definer', 'posture.rejections'), ('definer', 'posture.run_on_nodes'),
            ('definer', 'posture.take_snapshot'),
            ('definer', 'posture.verify'),
            ('definer', 'posture_internal.cluster_catalog'),
            ('definer', 'posture_internal.require_level'),
            ('definer', 'posture_internal.delivery_sources'),
            -- steps of run_daily()
            ('definer', 'posture_internal.fold_next'), ('definer', 'posture_internal.fold_nodes'),
            ('definer', 'posture_internal.run_left_events'),
            ('definer', 'posture_internal.run_next_day')) l(mode, name)
        JOIN pg_proc p ON p.proname = split_part(l.name, '.', 2)
        JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname = split_part(l.name, '.', 1)
        ORDER BY p.oid
    LOOP
        body := pg_get_functiondef(function.oid);
        CONTINUE WHEN body LIKE '%posture_call%';
        EXECUTE overlay(body PLACING format('CREATE OR REPLACE FUNCTION posture_internal.%I(',
                                            function.body_name)
                        FROM 1 FOR position('(' IN body));
        arguments := pg_get_function_arguments(function.oid);
        EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(%s)%s '
                       'AS ''MODULE_PATHNAME'', ''posture_call_%s'' LANGUAGE C %s',
                       function.schema, function.name, arguments,
                       ' RETURNS ' || pg_get_function_result(function.oid),
                       function.mode, function.marks);
        EXECUTE format('COMMENT ON FUNCTION posture_internal.%I(%s) IS %L', function.body_name,
                       pg_get_function_identity_arguments(function.oid), function.comment);
    END LOOP;
END $$;

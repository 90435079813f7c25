/*
 * Scheduling run_daily() with pg_cron. pg_cron may be installed in this
 * database, in another one or not at all, so its functions are called in
 * dynamic SQL, and each error has a hint that gives the statement to run.
 */

CREATE FUNCTION posture_internal.require_cron(called text) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF NOT has_schema_privilege('cron', 'USAGE') THEN
        RAISE EXCEPTION 'permission denied for schema cron'
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('An administrator can run: GRANT USAGE ON SCHEMA cron TO %I;',
                                current_user);
    -- PUBLIC may call it, unless default privileges forbade that when pg_cron was installed
    ELSIF NOT has_function_privilege(to_regprocedure(called), 'EXECUTE') THEN
        RAISE EXCEPTION 'permission denied for function %', called
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('An administrator can run: GRANT EXECUTE ON FUNCTION %s TO %I;',
                                called, current_user);
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.require_cron(text) IS
    'raises an error unless the caller may use the schema of pg_cron, which must be installed, and '
    'this function of it';

CREATE FUNCTION posture.schedule(cron text DEFAULT '5 * * * *') RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    cron_database text;
    job bigint;
BEGIN
    PERFORM require_level('operator');
    IF EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
        PERFORM require_cron('cron.schedule(text,text,text)');
        EXECUTE 'SELECT cron.schedule($1, $2, $3)'
            INTO job USING 'posture', cron, 'CALL posture.run_daily()';
        RETURN job;
    END IF;
    BEGIN
        cron_database := current_setting('cron.database_name', true);
    EXCEPTION WHEN insufficient_privilege THEN
        -- pg_cron is loaded, but only some roles may read cron.database_name.
        RAISE EXCEPTION 'extension pg_cron is not installed in this database'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = format('Ask an administrator to run, in the database that '
                                'cron.database_name names: '
                                'SELECT cron.schedule_in_database(%L, %L, %L, %L, %L);',
                                'posture ' || current_database(), cron,
                                'CALL posture.run_daily()', current_database(), current_user);
    END;
    IF cron_database IS NULL THEN
        RAISE EXCEPTION 'pg_cron is not loaded in this server'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Add pg_cron to shared_preload_libraries, restart the server and run '
                         'CREATE EXTENSION pg_cron in the database that cron.database_name names; '
                         'or have another scheduler run: CALL posture.run_daily()';
    END IF;
    IF cron_database = current_database() THEN
        RAISE EXCEPTION 'extension pg_cron is not installed in this database'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Run: CREATE EXTENSION pg_cron;';
    END IF;
    RAISE EXCEPTION 'pg_cron keeps its jobs in database "%"', cron_database
        USING ERRCODE = 'object_not_in_prerequisite_state',
              HINT = format('Run in database "%s": CREATE EXTENSION IF NOT EXISTS pg_cron; '
                            'SELECT cron.schedule_in_database(%L, %L, %L, %L);',
                            cron_database, 'posture ' || current_database(), cron,
                            'CALL posture.run_daily()', current_database());
END $$;
COMMENT ON FUNCTION posture.schedule(text) IS
    'schedules run_daily() with pg_cron, by a schedule in the syntax of cron and in GMT, or '
    'changes the schedule; returns the id of the job';

CREATE FUNCTION posture.unschedule() RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    job bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
        RAISE EXCEPTION 'extension pg_cron is not installed in this database'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = format('Where pg_cron keeps its jobs, run: SELECT cron.unschedule(%L);',
                                'posture ' || current_database());
    END IF;
    PERFORM require_cron('cron.unschedule(bigint)');
    EXECUTE 'SELECT j.jobid FROM cron.job j WHERE j.jobname = $1 AND j.username = current_user'
        INTO job USING 'posture';
    IF job IS NOT NULL THEN
        EXECUTE 'SELECT cron.unschedule($1)' USING job;
    END IF;
    RETURN job IS NOT NULL;
END $$;
COMMENT ON FUNCTION posture.unschedule() IS
    'removes the job of schedule() from pg_cron; returns whether there was one';

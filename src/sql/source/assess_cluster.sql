/*
 * assess_cluster(): runs all checks, as far as the caller may read what they
 * need, and loads their findings.
 */

-- The findings are about the cluster, because the assets of these checks are hidden as well.
CREATE FUNCTION posture_internal.cluster_hidden_finding(cluster text, recommendations text,
                                                        reason text)
    RETURNS TABLE (
        recommendation text, asset text, asset_kind text, asset_name text, state text,
        details jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
SELECT c.key, cluster, 'cluster',
       cluster_name(),
       'not_applicable', jsonb_build_object('reason', reason)
FROM cluster_recommendation() c
WHERE c.key LIKE recommendations;
END;
COMMENT ON FUNCTION posture_internal.cluster_hidden_finding(text, text, text) IS
    'returns findings for the recommendations whose keys match: not applicable, for the given '
    'reason';

CREATE FUNCTION posture_internal.cluster_may_read(view regclass, source regprocedure)
    RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN has_table_privilege(view, 'SELECT') AND has_function_privilege(source, 'EXECUTE');
COMMENT ON FUNCTION posture_internal.cluster_may_read(regclass, regprocedure) IS
    'returns whether the caller may read a system view and execute the function behind it';

-- Quoted names are part of keys, so quoting must not depend on the caller.
CREATE FUNCTION posture_internal.cluster_finding()
    RETURNS TABLE (
        recommendation text, asset text, asset_kind text, asset_name text, state text,
        details jsonb)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp SET quote_all_identifiers = off
AS $$
DECLARE
    cluster text := (SELECT 'postgresql:' || c.system_identifier
                     FROM pg_catalog.pg_control_system() c);
    sees_files boolean := cluster_may_read(regclass 'pg_file_settings',
                                           regprocedure 'pg_show_all_file_settings()');
    sees_rules boolean := cluster_may_read(regclass 'pg_hba_file_rules',
                                           regprocedure 'pg_hba_file_rules()');
    sees_mappings boolean := cluster_may_read(regclass 'pg_ident_file_mappings',
                                              regprocedure 'pg_ident_file_mappings()');
    server jsonb;
    passwords jsonb;
    errors jsonb;
BEGIN
    server := cluster_setting(CASE WHEN sees_files THEN cluster_file_setting() END);
    IF has_table_privilege('pg_authid', 'SELECT') THEN
        passwords := cluster_password();
    END IF;
    IF sees_files AND sees_rules AND sees_mappings THEN
        BEGIN
            errors := cluster_configuration_error(
                array(SELECT s.name FROM pg_catalog.pg_settings s WHERE s.pending_restart));
        EXCEPTION WHEN undefined_file OR insufficient_privilege OR wrong_object_type THEN
            -- a server can run without pg_ident.conf, but the view of the file then fails
            errors := NULL;
        END;
    END IF;

    RETURN QUERY SELECT * FROM cluster_server_finding(cluster, server, errors);
    RETURN QUERY SELECT * FROM cluster_role_finding(cluster, server, passwords);
    RETURN QUERY SELECT * FROM cluster_database_finding(cluster);
    RETURN QUERY SELECT * FROM cluster_schema_finding(cluster);
    RETURN QUERY SELECT * FROM cluster_table_finding(cluster);
    RETURN QUERY SELECT * FROM cluster_function_finding(cluster);
    RETURN QUERY SELECT * FROM cluster_extension_finding(cluster);

    IF NOT sees_rules THEN
        RETURN QUERY SELECT * FROM cluster_hidden_finding(cluster, 'hba-%',
            'pg_hba_file_rules is hidden from the role that assessed');
        RETURN;
    END IF;
    -- a server runs on with the rules that it has read, but the view reads the file again; it does
    -- so before the first finding is returned
    BEGIN
        RETURN QUERY SELECT * FROM cluster_hba_finding(cluster, server);
    EXCEPTION WHEN undefined_file OR insufficient_privilege OR wrong_object_type THEN
        RETURN QUERY SELECT * FROM cluster_hidden_finding(cluster, 'hba-%',
            'the file of the rules could not be read: ' || SQLERRM);
    END;
END $$;
COMMENT ON FUNCTION posture_internal.cluster_finding() IS
    'assesses this cluster, as far as the caller may see it';

CREATE FUNCTION posture.assess_cluster(
    OUT loaded bigint, OUT changed bigint, OUT unchanged bigint, OUT rejected bigint,
    OUT closed bigint, OUT left_out bigint, OUT extent text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    PERFORM require_level('loader');
    PERFORM cluster_catalog();
    INSERT INTO inbox (source, recommendation, asset, state, asset_kind, asset_name, details)
    SELECT 'postgresql', f.recommendation, f.asset, f.state, f.asset_kind, f.asset_name, f.details
    FROM cluster_finding() f;
    SELECT i.loaded, i.changed, i.unchanged, i.rejected, i.closed
    INTO loaded, changed, unchanged, rejected, closed
    FROM ingest(complete_source => text 'postgresql', only_source => text 'postgresql') i;
    left_out := 0;
    extent := 'source postgresql';
END $$;
COMMENT ON FUNCTION posture.assess_cluster() IS
    'assesses this cluster and the catalog of the current database, and loads the findings as '
    'source postgresql. Returns numbers of findings, as load() does.';

-- This PostgreSQL cluster as a source. Servers differ, so only counts and what
-- this test makes itself are looked at.
-- tests: source/cluster_catalog, source/cluster_check, source/cluster_setting
-- tests: source/cluster_server, source/cluster_role, source/cluster_hba, source/cluster_object
\getenv abs_srcdir PG_ABS_SRCDIR
\set include :abs_srcdir '/test/include'
\i :include/begin.sql
RESET search_path;
SET client_min_messages = error;

-- the catalog: every recommendation says what to do, every metric and
-- initiative measures something
SELECT count(*) >= 40 AS enough, count(*) = count(DISTINCT key) AS unique_keys,
       bool_and(title <> '' AND description <> '' AND remediation ~ ';|pg_upgrade|pg_checksums'
                AND manage_url LIKE 'https://www.postgresql.org/docs/current/%.html%'
                AND severity IS NOT NULL
                    AND domain IN ('identity', 'network', 'data', 'logging', 'server')) AS complete
FROM posture_internal.cluster_recommendation();
SELECT key FROM posture_internal.cluster_recommendation() r
WHERE NOT EXISTS (SELECT FROM posture_internal.cluster_metric() m
WHERE r.key = ANY (m.recommendations));
SELECT m.key, r FROM posture_internal.cluster_metric() m CROSS JOIN unnest(m.recommendations) r
WHERE r NOT IN (SELECT key FROM posture_internal.cluster_recommendation());
SELECT i.key, m FROM posture_internal.cluster_initiative() i CROSS JOIN unnest(i.metrics) m
WHERE m NOT IN (SELECT key FROM posture_internal.cluster_metric());

SELECT loaded > 0 AS loaded, loaded = changed + unchanged AS adds_up, rejected, closed
FROM posture.assess_cluster();
SELECT loaded > 0 AS loaded, changed, rejected, closed FROM posture.assess_cluster();
SELECT count(*) >= 40 AS enough,
    bool_and(description IS NOT NULL AND remediation IS NOT NULL
    AND manage_url IS NOT NULL) AS complete
FROM posture.recommendation JOIN posture.source s USING (source_id) WHERE s.key = 'postgresql';
SELECT count(*) >= 15 AS enough,
       bool_and(EXISTS (SELECT FROM posture.metric_recommendation r
       WHERE r.metric_id = m.metric_id)) AS have_members,
       bool_and(EXISTS (SELECT FROM posture.initiative_metric i
       WHERE i.metric_id = m.metric_id)) AS are_used
FROM posture.metric m WHERE key LIKE 'postgresql-%';
SELECT key, method, target_score, is_pinned,
       EXISTS (SELECT FROM posture.initiative_metric m
       WHERE m.initiative_id = i.initiative_id) AS has_metrics
FROM posture.initiative i WHERE key ~ '^postgresql(-|$)' ORDER BY key;
-- recommendations that no finding is about: only those whose assets a server may lack
SELECT r.key FROM posture_internal.cluster_recommendation() r
WHERE r.key NOT LIKE 'hba-%' AND r.key NOT LIKE 'table-%' AND r.key NOT LIKE 'view-%'
    AND r.key NOT LIKE 'function-%'
  AND r.key NOT IN (SELECT recommendation FROM posture_internal.cluster_finding());
-- a metric measures the kind of asset that its recommendations are about
SELECT DISTINCT m.key, f.recommendation, f.asset_kind
FROM posture_internal.cluster_finding() f
JOIN posture_internal.cluster_metric() m ON f.recommendation = ANY (m.recommendations)
WHERE f.asset_kind <> ALL (m.asset_kinds);
SELECT recommendation, asset FROM posture_internal.cluster_finding() GROUP BY 1, 2
    HAVING count(*) > 1;

-- what people change stays, what they delete doesn't come back
\set ECHO none
BEGIN;
UPDATE posture.recommendation SET assigned_to = 'dba', max_points = 3, severity = 'low',
    title = 'old' WHERE key = 'hba-trust';
UPDATE posture.metric SET name = 'Renamed', importance = 'low' WHERE key = 'postgresql-tls';
DELETE FROM posture.metric_recommendation USING posture.metric m, posture.recommendation r
WHERE metric_recommendation.metric_id = m.metric_id
    AND metric_recommendation.recommendation_id = r.recommendation_id
  AND m.key = 'postgresql-tls' AND r.key = 'tls-min-version';
DELETE FROM posture.metric WHERE key = 'postgresql-extensions';
DELETE FROM posture.initiative WHERE key = 'postgresql-logging';
\set ECHO all
SELECT changed FROM posture.assess_cluster();
SELECT title, assigned_to, max_points, severity FROM posture.recommendation WHERE key = 'hba-trust';
SELECT m.name, m.importance, array_agg(r.key) FROM posture.metric m
JOIN posture.metric_recommendation USING (metric_id)
JOIN posture.recommendation r USING (recommendation_id)
WHERE m.key = 'postgresql-tls' GROUP BY 1, 2;
SELECT key FROM posture.metric WHERE key = 'postgresql-extensions' UNION ALL
SELECT key FROM posture.initiative WHERE key = 'postgresql-logging';
ROLLBACK;

-- roles and objects that fail
\i :include/cluster.sql
SELECT changed > 0 AS changed, rejected, closed FROM posture.assess_cluster();
-- a limit on statements may hold for the whole server
SELECT recommendation, name, details - 'databases_without' AS details FROM found
WHERE kind = 'role' AND state = 'non_compliant'
AND (recommendation <> 'role-statement-timeout' OR name = 'regress_posture/App')
ORDER BY name, recommendation;
SELECT recommendation, name, state FROM found WHERE kind = 'role' AND state <> 'non_compliant'
AND (recommendation <> 'role-statement-timeout' OR name <> 'regress_posture_replicator')
ORDER BY name, recommendation;
SELECT recommendation, name, state, details - 'owner' AS details FROM found
WHERE kind <> 'role' AND recommendation NOT LIKE '%owner' ORDER BY kind, name, recommendation;
SELECT DISTINCT kind, recommendation, state FROM found WHERE recommendation LIKE '%owner'
ORDER BY 1, 2;
SELECT count(DISTINCT a.kind) >= 6 AS enough_kinds FROM posture.asset a
WHERE a.key LIKE 'postgresql:%';
SELECT replace(a.key, 'postgresql:' || system_identifier, 'postgresql:ID') AS key
FROM posture.asset a CROSS JOIN pg_control_system()
WHERE a.name ~ 'regress_posture' AND a.kind = 'role' ORDER BY 1;

-- secrets stay out of findings
SELECT count(*) FROM posture.finding
WHERE details::text ~ 'd41d8cd98f00b204e9800998ecf8427e|c2FsdHNhbHRzYWx0';

-- the session of the caller changes neither what is found nor what it is called
SET quote_all_identifiers = on;
SET search_path = regress_posture;
SET statement_timeout = '1h';
SET log_statement = 'all';
SET idle_in_transaction_session_timeout = '1h';
SELECT changed, closed FROM posture.assess_cluster();
\set ECHO none
RESET ALL;
SET client_min_messages = error;

-- mended, it is compliant; what is gone is closed
ALTER ROLE regress_posture_admin NOSUPERUSER VALID UNTIL '2099-01-01';
ALTER ROLE regress_posture_admin RESET log_statement;
ALTER ROLE "regress_posture/App" NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION CONNECTION LIMIT
    5;
ALTER ROLE "regress_posture/App" SET statement_timeout = '1min';
REVOKE pg_read_server_files, pg_write_all_data FROM "regress_posture/App";
REVOKE CREATE ON SCHEMA regress_posture FROM PUBLIC;
REVOKE SELECT (id), UPDATE (secret) ON regress_posture.plain FROM PUBLIC;
ALTER TABLE regress_posture."T a" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE regress_posture.guarded FORCE ROW LEVEL SECURITY;
ALTER VIEW regress_posture.peep SET (security_invoker);
ALTER FUNCTION regress_posture.lend(integer) SET search_path = regress_posture, pg_temp;
REVOKE EXECUTE ON FUNCTION regress_posture.lend(integer) FROM PUBLIC;
DROP FUNCTION regress_posture.c(double precision);
\set ECHO all
SELECT changed > 0 AS changed, rejected, closed FROM posture.assess_cluster();
SELECT recommendation, name FROM found
WHERE state = 'non_compliant' AND recommendation <> 'role-statement-timeout'
AND recommendation NOT LIKE '%owner' AND name <> 'regress_posture_replicator' ORDER BY 1, 2;
SELECT recommendation, name, state FROM found
WHERE name ~ 'lend|guarded|peep|\.c\(' AND recommendation NOT LIKE '%owner'
ORDER BY name, recommendation;

-- a path that is pinned without pg_temp, and an empty one
ALTER FUNCTION regress_posture.lend(integer) SET search_path = regress_posture, public;
SELECT state, details FROM posture_internal.cluster_finding()
WHERE recommendation = 'function-search-path-temp' AND asset_name ~ 'lend';
ALTER FUNCTION regress_posture.lend(integer) SET search_path = '';
SELECT state, details FROM posture_internal.cluster_finding()
WHERE recommendation = 'function-search-path-temp' AND asset_name ~ 'lend';

-- a role with no more than the grants that it needs: what is hidden from it is
-- not applicable
\set ECHO none
CREATE ROLE regress_posture_caller LOGIN;
DO $$ BEGIN PERFORM posture.grant_access('regress_posture_caller', 'loader', 'postgresql'); END $$;
SET SESSION AUTHORIZATION regress_posture_caller;
\set ECHO all
SELECT loaded > 0 AS loaded, rejected FROM posture.assess_cluster();
SELECT recommendation, state, count(*) > 0 AS some, details FROM posture_internal.cluster_finding()
WHERE recommendation IN ('role-password-scram', 'role-password-expiry', 'password-check',
    'audit-module', 'configuration-valid')
   OR recommendation LIKE 'hba-%'
GROUP BY recommendation, state, details ORDER BY recommendation;
SELECT recommendation FROM posture_internal.cluster_finding()
WHERE recommendation = 'log-connections' AND state = 'not_applicable';
RESET SESSION AUTHORIZATION;
SELECT rejected FROM posture.assess_cluster();
SELECT name, state FROM found WHERE recommendation = 'role-password-scram' ORDER BY 1;

-- keys of any length fit, and differ
SELECT octet_length(posture_internal.cluster_asset(repeat('é', 1000))) <= 1024 AS fits,
       posture_internal.cluster_asset(repeat('é',
           1000)) <> posture_internal.cluster_asset(repeat('é', 1001)) AS differs,
       posture_internal.cluster_asset(repeat('a', 1024)) = repeat('a', 1024) AS kept;
-- numbers and times above 0, switches that are on
SELECT v, posture_internal.cluster_is_positive(v)
FROM unnest('{0,0s,"0 min",00.0,-1,-1ms,1,10min,0.5s}'::text[]) v;
SELECT v, posture_internal.cluster_is_on(v)
FROM unnest('{on,TRUE,yes,1,off,false,no,0,""}'::text[]) v;

\set ECHO none
DROP SCHEMA regress_posture CASCADE;
DROP VIEW found;
DROP OWNED BY regress_posture_caller; -- its grants
DROP ROLE regress_posture_caller, regress_posture_admin, regress_posture_scram,
    regress_posture_group,
    "regress_posture/App", regress_posture_replicator;
\set ECHO all
SELECT rejected, closed > 0 AS closed FROM posture.assess_cluster();
DROP EXTENSION posture;

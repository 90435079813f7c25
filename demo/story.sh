# shellcheck shell=bash
# story.sh: the steps of make demo. Sourced by demo/run, which defines step, run_sql,
# quietly and set_hba.

# scores as bars of twenty characters, with targets
overview() {
    quietly <<'SQL'
SELECT name, round(score, 1) AS score,
       rpad(repeat('█', round(score / 5)::int), 20, '░') AS "0 to 100",
       round(target_score, 1) AS target, round(change_1d, 1) AS "since yesterday", exposed_assets AS exposed, open_events AS events
FROM posture.overview;
SQL
}
metrics() {
    quietly <<'SQL'
SELECT name, importance, exposed_assets || ' of ' || assessed_assets AS exposed, round(score, 1) AS score,
       rpad(repeat('█', round(score / 10)::int), 10, '░') AS "0 to 100", round(score_impact, 1) AS "would gain"
FROM posture.metric_report
WHERE initiative = 'postgresql' AND state = 'needs_attention'
ORDER BY score_impact DESC
LIMIT 8;
SQL
}

step "Install posture in its own database, with pg_cron for the daily job"
run_sql <<'SQL'
CREATE EXTENSION pg_cron;
CREATE EXTENSION posture CASCADE;
SQL
# a small application: two roles, one table
quietly <<'SQL'
REVOKE CONNECT, TEMP ON DATABASE posture FROM PUBLIC;
CREATE ROLE shop_owner;
CREATE ROLE shop LOGIN PASSWORD 'correct horse battery staple' VALID UNTIL '2030-01-01' CONNECTION LIMIT 20;
GRANT CONNECT ON DATABASE posture TO shop;
CREATE SCHEMA shop AUTHORIZATION shop_owner;
CREATE TABLE shop.customer (customer_id int PRIMARY KEY, name text);
ALTER TABLE shop.customer OWNER TO shop_owner;
GRANT USAGE ON SCHEMA shop TO shop;
GRANT SELECT ON shop.customer TO shop;
SQL

step "The server itself is a source: assess it, and its findings are loaded"
run_sql <<'SQL'
SELECT * FROM posture.assess_cluster();
SQL
overview

step "The metrics that lower the score most"
metrics

step "An inventory has what should be there: 20 Macs; their agent reports on 18"
run_sql <<'SQL'
SELECT loaded FROM posture.load('inventory', (
    SELECT jsonb_agg(jsonb_build_object('key', 'mac-' || n, 'kind', 'host', 'tags', '{"os": "macOS"}'::jsonb))
    FROM generate_series(1, 20) n), 'cmdb');
INSERT INTO posture.source (key, name) VALUES ('agent', 'Endpoint agent');
INSERT INTO posture.inbox (source, recommendation, asset, state)
SELECT 'agent', 'current', 'mac-' || n, CASE WHEN n <= 4 THEN 'non_compliant' ELSE 'compliant' END
FROM generate_series(1, 18) n;
SELECT loaded FROM posture.ingest();
SELECT loaded FROM posture.load('posture', '[
  {"type": "asset_group", "key": "macs", "name": "Macs", "rule": {"source": "cmdb", "tags": {"os": "macOS"}}},
  {"type": "metric", "key": "agent", "name": "Macs whose agent is out of date", "population": "macs",
   "recommendations": [{"source": "agent", "recommendation": "current"}]},
  {"type": "initiative", "key": "macs", "name": "Macs", "metrics": [{"metric": "agent"}]}]');
SQL
coverage() {
    quietly <<'SQL'
SELECT name, exposed_assets AS exposed, assessed_assets AS assessed, population, round(coverage_pct, 1) AS coverage,
       round(score_low, 1) AS low, round(score, 1) AS score, round(score_high, 1) AS high
FROM posture.metric_report WHERE initiative IN ('macs', 'there') ORDER BY initiative, metric;
SQL
}
coverage

step "Begin history yesterday, to have a day to compare with"
run_sql <<'SQL'
SELECT * FROM posture.backfill(posture.today() - 1);
SQL

step "The agent reports again, on 12 Macs and on none of those that failed: the score rises, and its range widens"
run_sql <<'SQL'
INSERT INTO posture.inbox (source, recommendation, asset, state)
SELECT 'agent', 'current', 'mac-' || n, 'compliant' FROM generate_series(7, 18) n;
SELECT loaded, closed FROM posture.ingest('agent');
SQL
coverage

step "Weaken the server: a superuser with an old password hash, access without a password, no logging"
run_sql <<'SQL'
SET password_encryption = 'md5';
CREATE ROLE intern SUPERUSER LOGIN PASSWORD 'intern';
ALTER SYSTEM SET log_connections = off;
ALTER SYSTEM SET log_statement = none;
SQL
hba=$(<"${work:?}/data/pg_hba.conf")
trust="host all all 0.0.0.0/0 trust"
printf '%s %s\n' 'pg_hba.conf:' "$trust"
printf '%s\n%s\n' "$hba" "$trust" | set_hba
run_sql <<'SQL'
SELECT * FROM posture.assess_cluster();
SQL
overview

step "Today's snapshot finds the scores that dropped, and the causes"
run_sql <<'SQL'
SELECT * FROM posture.take_snapshot();
SQL
quietly <<'SQL'
SELECT e.name, round(e.previous_score, 1) AS was, round(e.score, 1) AS "is", round(e.drop, 1) AS drop, e.cause
FROM posture.event_report e
WHERE e.kind = 'initiative_score_drop'
\gx
SELECT name, round(previous_score, 1) AS was, round(score, 1) AS "is", weight, cause
FROM posture.event_report
WHERE kind = 'metric_score_drop'
\gx
SELECT name, kind, round(previous_score, 1) AS was, round(score, 1) AS "is", cause,
       (SELECT string_agg(a.asset, ', ' ORDER BY a.asset) FROM posture.event_asset a WHERE a.event_id = e.event_id) AS assets
FROM posture.event_report e
WHERE kind = 'coverage_drop'
\gx
SQL

step "The causes of each drop sum exactly to the change of the score, and name the assets"
run_sql <<'SQL'
SELECT r.name, r.score - r.previous_score AS change, sum(x.points) AS points, count(*) AS causes
FROM posture.event_report r CROSS JOIN LATERAL posture.explain(r.event_id) x
WHERE r.kind = 'initiative_score_drop' GROUP BY r.event_id, r.name, r.score, r.previous_score ORDER BY change;
SELECT x.metric, x.recommendation, x.newly_exposed, x.only_this, x.assets, x.message
FROM posture.event_report r CROSS JOIN LATERAL posture.explain(r.event_id) x
WHERE r.kind = 'metric_score_drop' AND x.recommendation IS NOT NULL ORDER BY x.newly_exposed DESC, x.metric LIMIT 5;
SQL

step "Plan the shortest way back to yesterday's score, best gain first"
run_sql <<'SQL'
SELECT p.rank, p.title, round(p.gain, 1) AS gain, p.assets, round(p.score, 1) AS "score after"
FROM posture.event_report r CROSS JOIN LATERAL posture.plan(r.object, r.previous_score::posture.score) p
WHERE r.kind = 'initiative_score_drop' AND r.object = 'postgresql' ORDER BY p.rank;
SQL

step "Show the remediation of each failing recommendation"
run_sql <<'SQL'
SELECT title, severity, exposed_assets AS exposed, remediation
FROM posture.recommendation_report
WHERE state = 'non_compliant' AND last_changed = (SELECT max(last_changed) FROM posture.recommendation_report)
ORDER BY severity, title
\gx
SQL

step "Restore the role, the rule and the settings"
run_sql <<'SQL'
SELECT posture.acknowledge(event_id, 'role dropped, rule and settings restored')
FROM posture.event WHERE status = 'open' AND kind <> 'new_initiative' \g /dev/null
DROP ROLE intern;
ALTER SYSTEM RESET log_connections;
ALTER SYSTEM RESET log_statement;
SQL
printf '%s\n' "$hba" | set_hba
run_sql <<'SQL'
SELECT * FROM posture.assess_cluster();
SELECT * FROM posture.take_snapshot();
SQL
overview
quietly <<'SQL'
SELECT name, kind, round(drop, 1) AS drop, status, recovered_on, note FROM posture.event_report WHERE kind <> 'new_initiative';
SQL

step "Absence fails one metric and passes another: Macs without an agent, and cloud resources with a critical vulnerability"
run_sql <<'SQL'
SELECT loaded FROM posture.load('aws-config', (
    SELECT jsonb_agg(jsonb_build_object('arn', 'arn:aws:ec2:eu-west-1:444455556666:instance/i-' || n, 'resourceType', 'AWS::EC2::Instance'))
    FROM generate_series(1, 4) n));
SELECT loaded FROM posture.load('asff', (
    SELECT jsonb_build_object('Findings', jsonb_agg(jsonb_build_object(
        'SchemaVersion', '2018-10-08', 'Id', cve, 'ProductName', 'Inspector', 'AwsAccountId', '444455556666', 'Region', 'eu-west-1',
        'UpdatedAt', to_char(now(), 'YYYY-MM-DD"T"HH24:MI:SSTZH:TZM'), 'Severity', jsonb_build_object('Label', severity),
        'Vulnerabilities', jsonb_build_array(jsonb_build_object('Id', cve)),
        'Resources', jsonb_build_array(jsonb_build_object('Type', 'AwsEc2Instance', 'Id', 'arn:aws:ec2:eu-west-1:444455556666:instance/' || id)))))
    FROM (VALUES ('CVE-2021-44228', 'CRITICAL', 'i-1'), ('CVE-2023-4911', 'HIGH', 'i-2'), ('CVE-2023-4911', 'HIGH', 'i-3')) v(cve, severity, id)));
SELECT loaded FROM posture.load('posture', '[
  {"type": "asset_group", "key": "aws", "name": "Cloud resources", "rule": {"source": "aws-config"}},
  {"type": "metric", "key": "no-agent", "name": "Macs without an agent", "population": "macs", "unassessed": "exposed",
   "recommendations": [{"source": "agent", "recommendation": "current"}]},
  {"type": "metric", "key": "vulnerable", "name": "Cloud resources with a critical vulnerability", "population": "aws",
   "unassessed": "compliant", "recommendations": [{"source": "inspector", "recommendation": "no-critical-vulnerability"}]},
  {"type": "initiative", "key": "there", "name": "What should be there", "metrics": [{"metric": "no-agent"}, {"metric": "vulnerable"}]}]');
SQL
coverage

step "Schedule a snapshot of each day with pg_cron"
run_sql <<'SQL'
SELECT posture.schedule();
SELECT jobname, schedule, command FROM cron.job;
SQL

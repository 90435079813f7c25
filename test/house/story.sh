# shellcheck shell=bash
# story.sh: what make demo shows. Sourced by demo, which offers step, run_sql,
# quietly and set_hba.

step "posture in a database of its own, with pg_cron for the daily job"
run_sql <<'SQL'
CREATE EXTENSION pg_cron;
CREATE EXTENSION posture CASCADE;
SELECT extname, extversion, current_setting('server_version') AS server
FROM pg_extension WHERE extname IN ('posture', 'pg_cron') ORDER BY 1;
SQL

step "37 of 100 assets are exposed; nothing assessed is no score, and not 0"
run_sql <<'SQL'
SELECT posture.score(37, 100), posture.score(1, 3) AS one_of_three, posture.score(0, 0) AS nothing;
SQL

step "An initiative weighs its metrics"
run_sql <<'SQL'
SELECT posture.weighted_score(score, weight)
FROM (VALUES (posture.score(37, 100), 10), (posture.score(1, 3), 2.5)) AS metric(score, weight);
SQL

step "Two points less are a drop, a millionth short of them is none"
run_sql <<'SQL'
SELECT posture.is_drop('80', '78') AS two_points, posture.is_drop('80', '78.000001') AS less;
SQL

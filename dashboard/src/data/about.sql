-- What was read, when and as whom.
SELECT posture.today() AS today,
       to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"') AS read_at,
       current_database()::text AS database,
       current_user::text AS role,
       (SELECT e.extversion FROM pg_catalog.pg_extension e WHERE e.extname = 'posture') AS version,
       (SELECT count(*) FROM posture.overview) AS initiatives,
       (SELECT count(*) FROM posture.day_report) AS days;

\set ECHO none
-- The view of findings, and the roles and objects of the test cluster: most fail.
CREATE VIEW found AS
SELECT r.key AS recommendation, a.kind, a.name, f.state, f.details
FROM posture.finding f JOIN posture.recommendation r USING (recommendation_id)
JOIN posture.asset a USING (asset_id)
WHERE a.name ~ 'regress_posture';
CREATE ROLE regress_posture_admin LOGIN SUPERUSER PASSWORD 'md5d41d8cd98f00b204e9800998ecf8427e';
ALTER ROLE regress_posture_admin SET log_statement = 'none';
CREATE ROLE regress_posture_scram LOGIN VALID UNTIL '2099-01-01' CONNECTION LIMIT 5
    PASSWORD 'SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$'
             'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
ALTER ROLE regress_posture_scram SET statement_timeout = '1min';
CREATE ROLE regress_posture_group NOLOGIN;
GRANT regress_posture_admin TO regress_posture_group;
CREATE ROLE "regress_posture/App" LOGIN CREATEDB CREATEROLE BYPASSRLS REPLICATION;
ALTER ROLE "regress_posture/App" SET statement_timeout = 0;
GRANT regress_posture_group, pg_read_server_files, pg_write_all_data TO "regress_posture/App";
CREATE ROLE regress_posture_replicator LOGIN REPLICATION;
CREATE SCHEMA regress_posture;
GRANT CREATE, USAGE ON SCHEMA regress_posture TO PUBLIC;
CREATE TABLE regress_posture.plain (id integer, secret text);
GRANT SELECT (id), UPDATE (secret) ON regress_posture.plain TO PUBLIC;
CREATE TABLE regress_posture."T a" (id integer);
CREATE POLICY own ON regress_posture."T a" USING (false);
CREATE TABLE regress_posture.guarded (id integer);
ALTER TABLE regress_posture.guarded ENABLE ROW LEVEL SECURITY;
CREATE VIEW regress_posture.peep AS SELECT * FROM regress_posture.guarded;
CREATE FUNCTION regress_posture.lend(a integer, OUT b integer) SECURITY DEFINER
    LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION regress_posture.plain(a integer, b text) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION regress_posture.c(double precision) RETURNS double precision STRICT
    LANGUAGE internal AS 'dsqrt';
\set ECHO all
